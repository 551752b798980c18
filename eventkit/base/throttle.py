"""Saying that something goes wrong without filling the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from eventkit.base.printable import printable
from eventkit.exceptions import ConfigurationError, DeliveryError

INTERVAL = 60.0
"""Seconds between two messages about the same thing."""


class SafeLogger(logging.LoggerAdapter[logging.Logger]):
    """
    A logger whose handlers may fail: what cannot be logged must not stop what is logged.

    One message is one line, whatever is in it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name))

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log, or do nothing."""
        with suppress(Exception):
            # The place to name is that of the caller, not this one.
            super().log(level, msg, *map(_on_one_line, args), **{"stacklevel": 2, **kwargs})


class Throttle:
    """
    Log at most one message a minute for each reason, and then how many were left out.

    It is only ever given what is safe to read: no payloads, and of an exception its type and place
    (`describe`), because its message may quote the event.
    """

    __slots__ = ("_clock", "_logger", "_seen")

    def __init__(
        self, logger: logging.Logger | SafeLogger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._clock = clock
        # Written without a lock: two threads at once may log twice, and neither ever waits.
        self._seen: dict[str, tuple[float, int]] = {}

    def warning(self, reason: str, message: str, *args: object) -> None:
        """Log *message*, unless something was logged for *reason* within the last minute."""
        now = self._clock()
        last, left_out = self._seen.get(reason, (None, 0))
        if last is not None and now - last < INTERVAL:
            self._seen[reason] = (last, left_out + 1)
            return
        self._seen[reason] = (now, 0)
        if left_out:
            message += " (and %d more since the last message)"
            args = (*args, left_out)
        # A site's logging may be broken, and what is logged here must not make things worse.
        with suppress(Exception):
            self._logger.warning(message, *map(_on_one_line, args))


def _on_one_line(value: object) -> object:
    """Make what is logged one line of text; numbers stay, for ``%d``."""
    return value if isinstance(value, (int, float)) else printable(str(value))


def describe(error: BaseException) -> str:
    """
    Say what *error* is and where it was raised.

    Its message is left out, as it may quote the event. Ours about settings and deliveries do not.
    """
    try:
        return _described(error)
    except Exception:  # noqa: BLE001 - others' errors may be made of anything
        return "an error that cannot be looked at"


def _described(error: BaseException) -> str:
    if isinstance(error, (ConfigurationError, DeliveryError)):
        return f"{type(error).__name__}: {error}"
    place = _last(error.__traceback__)
    kind = type(error).__qualname__
    if place is None:
        return kind
    module = place.tb_frame.f_globals.get("__name__", "?")
    return f"{kind} at {module}:{place.tb_lineno}"


def _last(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def name_of(thing: object) -> str:
    """Name a processor or backend by its type, a function by its name; a repr may hold secrets."""
    own = getattr(thing, "__qualname__", None)
    return own if isinstance(own, str) else type(thing).__qualname__
