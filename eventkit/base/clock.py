"""Time and chance, in one place, so that tests can have their own."""

from __future__ import annotations

import random
import threading
import time


class Clock:
    """The machine's own. Durations come from the monotonic clock, which nobody can set back."""

    def now(self) -> float:
        """Give seconds since some moment."""
        return time.monotonic()

    def random(self) -> float:
        """Give a number from 0 up to 1."""
        return random.random()  # noqa: S311 - it spreads load, it guards nothing

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        """Wait until *condition* is notified; False when *seconds* are over."""
        return condition.wait(min(seconds, threading.TIMEOUT_MAX))
