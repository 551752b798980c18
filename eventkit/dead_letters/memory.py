"""The latest dead letters, in memory."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from threading import Lock
from typing import overload

from eventkit.base.throttle import Throttle
from eventkit.dead_letters.letter import DeadLetter

_log = logging.getLogger(__name__)


class MemoryDeadLetters:
    """
    The latest dead letters; beyond *max_size* the oldest go, counted as overflow.

    A letter that comes again takes the place of the one that is there.
    """

    def __init__(self, max_size: int = 1_000) -> None:
        self._letters: dict[str, DeadLetter] = {}
        self._max_size = max_size
        self._lock = Lock()
        self.overflow = 0

    def __call__(self, letter: DeadLetter) -> None:
        """Keep *letter*."""
        with self._lock:
            self._letters.pop(letter.id, None)
            full = len(self._letters) >= self._max_size
            if full:
                del self._letters[next(iter(self._letters))]
                self.overflow += 1
            self._letters[letter.id] = letter
        if full:
            _throttle.warning(
                "overflow",
                "More dead letters than memory keeps: the oldest is lost. Give the router a file "
                "or a callable as dead_letters",
            )

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> DeadLetter: ...
    @overload
    def __getitem__(self, index: slice) -> list[DeadLetter]: ...
    def __getitem__(self, index: int | slice) -> DeadLetter | list[DeadLetter]:
        with self._lock:
            return list(self._letters.values())[index]

    def remove(self, ids: Collection[str]) -> int:
        """Forget the letters with these ids; give how many there were."""
        with self._lock:
            return sum(self._letters.pop(name, None) is not None for name in set(ids))

    def discard(self, letter: DeadLetter) -> None:
        """Forget *letter* itself, not one that has come in its place."""
        with self._lock:
            if self._letters.get(letter.id) is letter:
                del self._letters[letter.id]

    def defer(self, letter: DeadLetter) -> None:
        """Put *letter* behind the others, if it is still there."""
        with self._lock:
            if self._letters.get(letter.id) is letter:
                self._letters[letter.id] = self._letters.pop(letter.id)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._letters.clear()


_throttle = Throttle(_log)
