"""What has been worked out before, in bounded space."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(dict[Key, Value]):
    """
    A dictionary of at most so many entries; full, it begins anew.

    What it is used for comes in bursts, so that starting anew costs less than keeping track of what
    was used last. It is looked up as any dictionary is, and pickled empty.
    """

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __reduce__(self) -> tuple[type[Memory[Key, Value]], tuple[int]]:
        return (type(self), (self._most,))

    def keep(self, key: Key, value: Value) -> None:
        """Remember *value* under *key*."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
