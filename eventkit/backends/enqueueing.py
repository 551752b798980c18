"""Finding what an event is handed to."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from eventkit.base.blame import is_interrupt
from eventkit.base.throttle import describe, name_of
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Enqueue

TRY_AGAIN = 60.0
"""Seconds until a path that could not be imported is tried again."""

_DOTTED_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


class EnqueueNotFound(ConfigurationError):
    """A dotted path leads to nothing that can be called."""


def find_enqueue(enqueue: object, clock: Callable[[], float]) -> Enqueue:
    """
    Give the callable that *enqueue* means: itself, its ``delay``, or what its path leads to.

    Raises:
        ConfigurationError: it is none of these.
    """
    if isinstance(enqueue, str):
        if not _DOTTED_PATH.fullmatch(enqueue):
            raise ConfigurationError(
                f"enqueue: {enqueue!r} is not a dotted path; expected one such as "
                "'mysite.tasks.route_event'"
            )
        return _ByPath(enqueue, clock)
    found = _callable(enqueue)
    if found is None:
        raise ConfigurationError(
            f"enqueue: {name_of(enqueue)} cannot be called; expected a callable, the dotted path "
            "of one, or a Celery task"
        )
    return found


def find_many(target: Enqueue) -> Callable[[list[bytes]], object] | None:
    """
    Give what takes many events at once, each as JSON: the ``put_events`` of an on-disk store.

    Raises:
        EnqueueNotFound: *target* is to be found at a path, and is not there.
    """
    if isinstance(target, _ByPath):
        target = target.find()
    method = getattr(target, "put_events", None)
    return method if callable(method) else None


def _callable(thing: object) -> Enqueue | None:
    delay = getattr(thing, "delay", None)
    if callable(delay):
        # A task called by its name would do its work here and now, in the request.
        return delay  # type: ignore[no-any-return]
    return thing if callable(thing) else None


class _ByPath:
    """Import a callable when it is first needed; by then the apps of a Django site are loaded."""

    __slots__ = ("_again_at", "_clock", "_found", "_path", "_problem")

    def __init__(self, path: str, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._found: Enqueue | None = None
        self._problem = ""
        self._again_at = 0.0

    def __call__(self, event: Any) -> Any:
        return (self._found or self.find())(event)

    def find(self) -> Enqueue:
        """Give what the path leads to."""
        found = self._found
        if found is None:
            # A failing import may be slow, and it may be a request that waits for it.
            if self._problem and self._clock() < self._again_at:
                raise EnqueueNotFound(self._problem)
            found = self._found = self._import()
        return found

    def _import(self) -> Enqueue:
        module, _, name = self._path.rpartition(".")
        try:
            found = _callable(getattr(import_module(module), name))
            problem = "" if found else "it cannot be called"
        except (ImportError, AttributeError) as error:
            found, problem = None, f"{type(error).__name__}: {error}"
        except Exception as error:
            if is_interrupt(error):
                raise
            found, problem = None, describe(error)
        if found is None:
            self._problem = f"enqueue: cannot use {self._path!r}: {problem}"
            self._again_at = self._clock() + TRY_AGAIN
            raise EnqueueNotFound(self._problem)
        return found
