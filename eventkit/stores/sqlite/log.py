"""
Finding out whether the write-ahead log of a store holds more than SQLite reads of it.

SQLite takes the first frame that does not fit its checksum for the end of the log, as a process
that was killed leaves one there. Where one in the middle is damaged, all that was committed after
it would vanish without a word. The format is documented at https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

HEADER, FRAME_HEADER = 32, 24
MAGIC = (0x377F0682, 0x377F0683)
_SUMMED = 24
"""Bytes of the header that its checksum is of."""
_WORD = 0xFFFFFFFF
_SIZES = [1 << power for power in range(9, 17)]

Sum = tuple[int, int]


class _Head(NamedTuple):
    order: str
    page: int
    salts: bytes
    sum: Sum


class Log:
    """
    The write-ahead log of the database at *path*; one of more than *most* bytes is not looked at.

    What was found whole once is not looked at again.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path = Path(f"{path}-wal")
        self._most = most
        self._salts = b""
        self._whole = 0
        """Frames that were found whole."""
        self._sum: Sum = (0, 0)

    def is_broken(self) -> bool:
        """
        Tell whether transactions lie in it that SQLite will not reach.

        Only while nobody writes, and before it is opened: whoever closes it last removes it.
        """
        try:
            opened = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            size = os.fstat(opened).st_size
            if not HEADER + FRAME_HEADER < size <= self._most:
                return False
            head = _head(os.pread(opened, HEADER, 0))
            if head is None:
                # One that is all zeros has never been written.
                return any(os.pread(opened, size, 0))
            # A process that is killed may leave the last frame half written, and no other.
            return not self._are_whole(opened, _last_commit(opened, size, head) - 1, head)
        finally:
            os.close(opened)

    def _are_whole(self, opened: int, number: int, head: _Head) -> bool:
        """Tell whether the first *number* frames are what was written."""
        if self._salts != head.salts:
            self._salts, self._whole, self._sum = head.salts, 0, head.sum
        step = FRAME_HEADER + head.page
        for done in range(self._whole, number):
            frame = os.pread(opened, step, HEADER + done * step)
            if len(frame) < step or frame[8:16] != head.salts:
                return False
            summed = checksum(frame[:8] + frame[FRAME_HEADER:], head.order, self._sum)
            if struct.unpack(">II", frame[16:24]) != summed:
                return False
            self._whole, self._sum = done + 1, summed
        return True


def _head(data: bytes) -> _Head | None:
    """Read the header; None: it is damaged."""
    magic, _, page, _ = struct.unpack(">IIII", data[:16])
    order = ">" if magic & 1 else "<"
    if magic not in MAGIC or page not in _SIZES:
        return None
    found = struct.unpack(">II", data[_SUMMED:])
    if checksum(data[:_SUMMED], order) != found:
        return None
    return _Head(order, page, data[16:24], found)


def _last_commit(opened: int, size: int, head: _Head) -> int:
    """Give the number of the last frame that ends a transaction; 0: there is none."""
    step = FRAME_HEADER + head.page
    for number in range((size - HEADER) // step, 0, -1):
        frame = os.pread(opened, FRAME_HEADER, HEADER + (number - 1) * step)
        # What an earlier round of the log has left has other salts.
        if frame[8:16] == head.salts and any(frame[4:8]):
            return number
    return 0


def checksum(data: bytes, order: str, start: Sum = (0, 0)) -> Sum:
    """Give the checksum of *data* as SQLite reckons it, going on from *start*."""
    one, two = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & _WORD
        two = (two + second + one) & _WORD
    return one, two
