"""Remembering answers for a while."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from eventkit.base.forking import renew_after_fork
from eventkit.exceptions import ConfigurationError

Answer = TypeVar("Answer")


class Cache(Generic[Answer]):
    """
    A bounded memory of answers that expire; the longest unused one makes room for a new one.

    Several threads may ask the same thing at the same time, and then each of them asks: waiting for
    one another would let one slow answer hold up all. What raises is not remembered.

    Args:
        ttl: seconds for which an answer is remembered.

        max_size: how many answers are remembered.

        negative_ttl: seconds for which None is remembered; 0: not at all.

        clock: gives seconds that never run backwards.
    """

    def __init__(
        self,
        *,
        ttl: float,
        max_size: int,
        negative_ttl: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check_seconds("ttl", ttl, positive=True)
        _check_seconds("negative_ttl", negative_ttl, positive=False)
        if not isinstance(max_size, int) or isinstance(max_size, bool) or max_size < 1:
            raise ConfigurationError(f"max_size: expected a whole number from 1, got {max_size!r}")
        self._ttl = ttl
        self._negative_ttl = negative_ttl
        self._max_size = max_size
        self._clock = clock
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Forget everything."""
        # Reentrant, because a destructor may run, and ask, at any point of the lines it guards.
        self._lock = threading.RLock()
        self._entries: OrderedDict[Hashable, tuple[float, Answer | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"], state["_entries"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.renew()
        renew_after_fork(self)

    def get(self, key: Hashable, ask: Callable[[], Answer | None]) -> Answer | None:
        """Give the answer remembered for *key*, else that of *ask*."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                expires, answer = entry
                if self._clock() < expires:
                    self._entries.move_to_end(key)
                    return answer
                del self._entries[key]
        answer = ask()
        ttl = self._negative_ttl if answer is None else self._ttl
        if ttl > 0:
            with self._lock:
                self._entries[key] = (self._clock() + ttl, answer)
                self._entries.move_to_end(key)
                while len(self._entries) > self._max_size:
                    self._entries.popitem(last=False)
        return answer


def _check_seconds(key: str, value: object, *, positive: bool) -> None:
    wanted = "more than 0" if positive else "0 or more"
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
        or (positive and value == 0)
    ):
        raise ConfigurationError(f"{key}: expected a number of seconds, {wanted}, got {value!r}")
