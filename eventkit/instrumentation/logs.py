"""Counts in the log, for a site that watches nothing but its logs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from eventkit.base.forking import renew_after_fork
from eventkit.base.printable import printable
from eventkit.base.throttle import Throttle
from eventkit.exceptions import ConfigurationError
from eventkit.instrumentation.hooks import Details


class LoggingHook:
    """
    Log what was counted, once per interval, and what somebody should know of at once.

    A line names a component or a consumer, and what happened to how many events or documents since
    the line before. It is written with the first thing that happens after the interval, so that no
    thread is needed, or by `flush`. At once and as warnings come dead letters, at most once a
    minute for each consumer and reason, and changes of a consumer's state.

    Args:
        logger: a logger or its name.

        level: the level of the counts, as a number or a name.

        every: seconds between two lines about the same.

        clock: gives seconds that never run backwards.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    def __init__(
        self,
        *,
        logger: logging.Logger | str = "eventkit.counts",
        level: int | str = logging.INFO,
        every: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(logger, (logging.Logger, str)):
            raise ConfigurationError(
                f"logger: expected a logger or its name, got {type(logger).__name__}"
            )
        if isinstance(every, bool) or not isinstance(every, (int, float)) or not every > 0:
            raise ConfigurationError(f"every: expected a number of seconds above 0, got {every!r}")
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._level = _level(level)
        self._every = every
        self._clock = clock
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Begin with counts of zero in a forked child: its parent logs its own."""
        # Reentrant, for a signal handler or destructor may send an event in the middle of this.
        self._lock = threading.RLock()
        self._counts: dict[str, dict[str, int]] = {}
        self._slowest: dict[str, float] = {}
        self._since = self._clock()
        self._throttle = Throttle(self._logger, self._clock)

    def __call__(self, details: Details) -> None:
        """Count what *details* tell, and log when it is time."""
        if details.what == "state":
            self._log_state(details)
            return
        what = f"{details.what}:{details.reason}" if details.reason else details.what
        who = f"consumer {details.consumer}" if details.consumer else details.component
        now = self._clock()
        with self._lock:
            counts = self._counts.setdefault(who, {})
            counts[what] = counts.get(what, 0) + details.number
            if details.what == "delivered" and details.seconds is not None:
                self._slowest[who] = max(self._slowest.get(who, 0.0), details.seconds)
            is_time = now - self._since >= self._every
        if details.what == "dead":
            self._throttle.warning(
                f"{details.consumer} {details.reason}",
                "Documents for consumer %s became dead letters: %s",
                details.consumer,
                details.reason,
            )
        if is_time:
            self.flush()

    def flush(self) -> None:
        """Log what was counted since the last time."""
        now = self._clock()
        with self._lock:
            counts, self._counts = self._counts, {}
            slowest, self._slowest = self._slowest, {}
            seconds, self._since = now - self._since, now
        for who, numbers in sorted(counts.items()):
            told = ", ".join(f"{what} {number}" for what, number in sorted(numbers.items()))
            if who in slowest:
                told += f"; slowest delivery {slowest[who]:.3f} s"
            line = printable(f"{who}, in {seconds:.0f} s: {told}")
            self._logger.log(self._level, "%s", line)

    def _log_state(self, details: Details) -> None:
        level = logging.INFO if details.reason == "ok" else logging.WARNING
        line = printable(f"Consumer {details.consumer} is now: {details.reason}")
        self._logger.log(level, "%s", line)


def _level(level: int | str) -> int:
    if isinstance(level, int) and not isinstance(level, bool):
        return level
    found = logging.getLevelNamesMapping().get(level) if isinstance(level, str) else None
    if found is None:
        raise ConfigurationError(
            f"level: unknown level {level!r}; expected one such as 'INFO' or a number"
        )
    return found
