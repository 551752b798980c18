"""Counting that several threads share."""

from __future__ import annotations

import threading
from collections import Counter

from eventkit._forking import renew_after_fork


class Tally:
    """
    Counts by name, safe to use from several threads.

    Every component that takes in events counts what became of each, so that the sums can be
    checked: a loss without a reason is a bug.
    """

    __slots__ = ("__weakref__", "_counts", "_lock")

    def __init__(self) -> None:
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Start from nothing, as a forked child must: what its parent counts is not its own."""
        self._counts: Counter[str] = Counter()
        # Reentrant, for a signal handler or destructor may count in the middle of counting.
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[type[Tally], tuple[()]]:
        return (Tally, ())

    def add(self, name: str, number: int = 1) -> None:
        """Count *number* more under *name*."""
        with self._lock:
            self._counts[name] += number

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        """Copy the counts as they are now, sorted by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))
