"""
Finding rows in the pages of a store whose tables cannot be read any more.

SQLite finds a table by the first page of the file, and a row by the pages above its own. Where
those are gone the rows are still there: every page of a table's leaves tells where its rows are,
and the checksums tell which of them are whole. The format of the file is documented at
https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import json
import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from eventkit.base.sealing import Sealer
from eventkit.consumers.owners import split_queue
from eventkit.dead_letters.letter import DeadLetter
from eventkit.exceptions import ConfigurationError
from eventkit.reading.jsonable import from_json
from eventkit.stores.sqlite.letters import keep, letter_row
from eventkit.stores.sqlite.queue import POSITIONS, Writer, content_sum, fits, place_sum
from eventkit.stores.store import DAMAGED, INBOX

Record = tuple[Any, ...]

_LEAF, _INDEX_LEAF, _INDEX_INSIDE = 0x0D, 0x0A, 0x02
_SIZES = (8192, 4096, 1024, 2048, 16384, 32768, 65536, 512)
_OURS = 8192
_FILE_HEADER = 100
_LOG_HEADER, _FRAME_HEADER = 32, 24
_LOG_MAGIC = (0x377F0682, 0x377F0683)
_LONGEST = 1_000_000_000
_DETAIL = (
    "found in a damaged store, whole; whether it was delivered before is not known, and its id "
    "makes a second delivery harmless"
)


class _Pages:
    """The pages of a file and of its write-ahead log, as they lie there."""

    def __init__(self, path: Path) -> None:
        self._files = []
        self._places: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.size = _OURS
        for name in (path, Path(f"{path}-wal")):
            if name.is_file():
                self._files.append(os.open(name, os.O_RDONLY | os.O_CLOEXEC))
            else:
                self._files.append(-1)
        main, log = self._files
        head = b"" if main < 0 else os.pread(main, _FILE_HEADER, 0)
        log_head = b"" if log < 0 else os.pread(log, _LOG_HEADER, 0)
        if head[:15] == b"SQLite format 3" and len(head) == _FILE_HEADER:
            size = int.from_bytes(head[16:18], "big")
            self.size = 65536 if size == 1 else size if size in _SIZES else _OURS
        elif len(log_head) == _LOG_HEADER and int.from_bytes(log_head[:4], "big") in _LOG_MAGIC:
            size = int.from_bytes(log_head[8:12], "big")
            self.size = size if size in _SIZES else _OURS
        if log >= 0:
            self._read_log(log)
        if main >= 0:
            for number in range(os.fstat(main).st_size // self.size):
                self._places[number + 1].append((main, number * self.size))

    def _read_log(self, log: int) -> None:
        step = _FRAME_HEADER + self.size
        end = os.fstat(log).st_size
        # The latest frame of a page is the one that counts.
        starts = range(_LOG_HEADER, end - step + 1, step)
        for start in reversed(starts):
            number = int.from_bytes(os.pread(log, 4, start), "big")
            self._places[number].append((log, start + _FRAME_HEADER))

    def close(self) -> None:
        for opened in self._files:
            if opened >= 0:
                os.close(opened)

    def all(self) -> Iterator[tuple[int, bytes]]:
        """Give each page in each of its states, with its number."""
        for number in sorted(self._places):
            for opened, start in self._places[number]:
                yield number, os.pread(opened, self.size, start)

    def states(self, number: int) -> list[bytes]:
        """Give the states of a page, the latest first."""
        return [
            os.pread(opened, self.size, start) for opened, start in self._places.get(number, ())
        ]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number; give it and where the next thing begins."""
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _values(payload: bytes) -> Record:
    """
    Read a record.

    Raises:
        IndexError, ValueError, struct.error: it is none.
    """
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        size = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind] if kind < 10 else (kind - 12) // 2
        piece = payload[at : at + size]
        if len(piece) != size or kind in (10, 11):
            raise ValueError("a record that ends too early")
        at += size
        if kind == 0:
            values.append(None)
        elif kind in (8, 9):
            values.append(kind - 8)
        elif kind == 7:
            values.append(struct.unpack(">d", piece)[0])
        elif kind < 7:
            values.append(int.from_bytes(piece, "big", signed=True))
        else:
            values.append(piece if kind % 2 == 0 else piece.decode())
    return tuple(values)


def _records(pages: _Pages) -> Iterator[tuple[int, Record]]:
    """Give all records of leaves of tables, with their numbers, and of indexes, with 0."""
    for number, page in pages.all():
        start = _FILE_HEADER if number == 1 else 0
        kind = page[start] if len(page) > start else 0
        if kind not in (_LEAF, _INDEX_LEAF, _INDEX_INSIDE):
            continue
        first = start + (12 if kind == _INDEX_INSIDE else 8)
        for cell in range(min(int.from_bytes(page[start + 3 : start + 5], "big"), pages.size // 4)):
            pointer = first + 2 * cell
            at = int.from_bytes(page[pointer : pointer + 2], "big")
            with suppress(IndexError, ValueError, struct.error, UnicodeDecodeError):
                yield from _cell(pages, page, at + 4 if kind == _INDEX_INSIDE else at, kind)


def _cell(pages: _Pages, page: bytes, at: int, kind: int) -> Iterator[tuple[int, Record]]:
    length, at = _varint(page, at)
    row = 0
    if kind == _LEAF:
        row, at = _varint(page, at)
    size = pages.size
    most = size - 35 if kind == _LEAF else (size - 12) * 64 // 255 - 23
    if length <= most:
        yield row, _values(page[at : at + length])
        return
    if length > _LONGEST:
        return
    least = (size - 12) * 32 // 255 - 23
    local = least + (length - least) % (size - 4)
    local = local if local <= most else least
    start = page[at : at + local]
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    tried = set()
    # What belongs to it lies in the log or in the file; a checksum will tell.
    for latest in (0, -1):
        payload = _chain(pages, start, following, length, latest)
        if payload is not None and payload not in tried:
            tried.add(payload)
            with suppress(IndexError, ValueError, struct.error, UnicodeDecodeError):
                yield row, _values(payload)


def _chain(pages: _Pages, start: bytes, following: int, length: int, which: int) -> bytes | None:
    parts = [start]
    left = length - len(start)
    seen = set()
    while left > 0:
        states = pages.states(following)
        if not states or following in seen:
            return None
        seen.add(following)
        page = states[which]
        parts.append(page[4 : 4 + min(left, pages.size - 4)])
        left -= pages.size - 4
        following = int.from_bytes(page[:4], "big")
    return b"".join(parts)


class Found(NamedTuple):
    """A row that is whole: a dead letter as it lies in its table, and which entry it was."""

    row: tuple[Any, ...]
    position: int = 0
    content: int = 0


def carve(path: Path, sealer: Sealer | None) -> Iterator[Found]:
    """
    Find all whole entries in the file at *path*, and make dead letters of them; find its letters.

    Some were delivered or removed before: nothing tells, where the tables are gone. A row may come
    by several times.
    """
    pages = _Pages(path)
    try:
        names: dict[int, str] = {}
        places: dict[int, set[tuple[int, ...]]] = defaultdict(set)
        for row, values in _records(pages):
            if len(values) == 5 and all(isinstance(each, int) for each in values):
                places[values[1]].add(values)
            elif _is_name(values):
                names[row] = values[1]
        for row, values in _records(pages):
            if len(values) == 7 and values[0] is None:
                queues = _queues(values[-1], places.get(row, set()), names)
                yield from _entry(row, values, queues, sealer)
            elif _is_letter(values):
                yield Found(values)
    finally:
        pages.close()


def insert(writer: Writer, found: Iterable[Found]) -> int:
    """Keep what was found, unless it is in the store already; give how many letters there are."""
    number = 0
    for row, position, content in found:
        if not writer.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM letters WHERE id = ?) "
            "OR EXISTS (SELECT 1 FROM entries WHERE seq = ? AND checksum = ?)",
            (row[0], position, content),
        ).fetchone()[0]:
            keep(writer, [row])
            number += 1
    return number


def _is_name(values: Record) -> bool:
    """Tell whether *values* is the name of a queue, whole."""
    return (
        len(values) == 5
        and values[0] is None
        and isinstance(values[1], str)
        and crc32(values[1].encode()) == values[4]
    )


def _is_letter(values: Record) -> bool:
    """Tell whether *values* is a dead letter, whole."""
    return (
        len(values) == 6
        and isinstance(values[0], str)
        and isinstance(values[4], bytes)
        and crc32(values[4]) == values[5]
    )


def _entry(seq: int, values: Record, queues: set[str], sealer: Sealer | None) -> Iterator[Found]:
    _, written, name, protocol, bodies, event, checksum = values
    try:
        # A whole number of seconds is written as such.
        content = content_sum(float(written), name, protocol, bodies, event)
        if content != checksum:
            return
        if sealer is not None:
            bodies, event = sealer.unseal(bodies), sealer.unseal(event)
    except (TypeError, ValueError, AttributeError, ConfigurationError, struct.error):
        return
    for queue in queues or {INBOX}:
        letter = _letter(queue, name, protocol, bodies, event)
        yield Found(letter_row(letter, sealer), seq if seq < POSITIONS else 0, content)


def _queues(content: object, places: set[tuple[int, ...]], names: dict[int, str]) -> set[str]:
    """Give the queues that an entry waited in, as far as that can be told."""
    found = set()
    if isinstance(content, int):
        for *place, checksum in places:
            if place[0] in names and fits(checksum, place_sum, *place, content):
                found.add(names[place[0]])
    return found


def _letter(queue: str, name: str, protocol: str, bodies: bytes, event: bytes) -> DeadLetter:
    """Make a dead letter of a whole entry; whose it is not known is an event to translate anew."""
    consumer, owner = split_queue(queue)
    original: Any = None
    documents: Any = []
    with suppress(ValueError, RecursionError):
        original = from_json(event) if event else None
    if consumer and bodies:
        documents = [json.loads(body) for body in bodies.split(b"\n")]
    return DeadLetter(
        consumer=consumer,
        owner=owner,
        reason=DAMAGED,
        documents=documents,
        name=name,
        protocol=protocol if consumer else "",
        detail=_DETAIL,
        event=original if isinstance(original, dict) else None,
    )
