"""The dead letters of a store, in the same file as its queues."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar
from zlib import crc32

from eventkit.base.sealing import Sealer
from eventkit.consumers.owners import split_queue
from eventkit.dead_letters.letter import RAW, DeadLetter
from eventkit.exceptions import ConfigurationError
from eventkit.stores.sqlite.queue import Writer, storable
from eventkit.stores.store import DAMAGED

MOST_KEPT = 1_000_000
"""Bytes that are kept of a column of a damaged row."""

_PAGE = 200


T = TypeVar("T")


class Access(Protocol):
    """What is needed of `eventkit.stores.sqlite.access.Access`, which needs this module itself."""

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run *query* on the connection for reading."""

    def write(self, operation: Callable[[Writer], T]) -> T:
        """Run *operation* in a transaction."""


class SQLiteDeadLetters:
    """
    Dead letters in the file of a store.

    Args:
        access: runs what is to be done on the file.

        sealer: encrypts letters; None: they lie there as JSON.

        oldest: gives the time, in seconds since 1970, before which letters are forgotten.
    """

    def __init__(self, access: Access, sealer: Sealer | None, oldest: Callable[[], float]) -> None:
        self._access = access
        self._sealer = sealer
        self._oldest = oldest

    def __call__(self, letter: DeadLetter) -> None:
        """Keep *letter*; one with the same id replaces it. Safe when this returns."""
        row = letter_row(letter, self._sealer)
        self._access.write(lambda writer: keep(writer, [row]))

    def __len__(self) -> int:
        oldest = self._oldest()
        found: int = self._access.read(
            lambda connection: connection.execute(
                "SELECT count(*) FROM letters WHERE time >= ?", (oldest,)
            ).fetchone()[0]
        )
        return found

    def __iter__(self) -> Iterator[DeadLetter]:
        """
        Give all letters, the oldest first, a page at a time: there may be many.

        One that is damaged itself is given as one with the reason ``damaged``.
        """
        last: tuple[Any, ...] = (self._oldest(), "")
        while True:
            rows = self._access.read(partial(_page, time=last[0], last=last[1]))
            for row in rows:
                yield _read(row, self._sealer)
            if len(rows) < _PAGE:
                break
            last = rows[-1][1:3]
        for row in self._access.read(_misplaced):
            yield _read(row, self._sealer)

    def remove(self, ids: Collection[str]) -> int:
        """
        Forget the letters with these ids; give how many there were.

        Their bytes are overwritten in the file, too.
        """
        wanted = set(ids)

        def remove(writer: Writer) -> int:
            writer.connection.execute("PRAGMA secure_delete = 1").fetchall()
            try:
                rows = [
                    (int(each.removeprefix(_MISPLACED)),)
                    for each in wanted
                    if each.startswith(_MISPLACED) and each.removeprefix(_MISPLACED).isdigit()
                ]
                gone = writer.connection.executemany(
                    "DELETE FROM letters WHERE rowid = ?", rows
                ).rowcount
                gone += writer.connection.executemany(
                    "DELETE FROM letters WHERE id = ?", [(each,) for each in wanted]
                ).rowcount
            finally:
                writer.connection.execute("PRAGMA secure_delete = 0").fetchall()
            return gone

        return self._access.write(remove) if wanted else 0


_Row = tuple[Any, ...]
"""A row of the table: its number, time, id, consumer, letter and checksum, any of it damaged."""

_COLUMNS = "rowid, time, CAST(id AS BLOB), CAST(consumer AS BLOB), letter, checksum"
_PLACED = "typeof(time) = 'real' AND typeof(id) = 'text'"


def _page(connection: sqlite3.Connection, time: float, last: bytes) -> list[_Row]:
    return connection.execute(
        f"SELECT {_COLUMNS} FROM letters WHERE (time, id) > (?, CAST(? AS TEXT)) AND {_PLACED} "
        "ORDER BY time, id LIMIT ?",
        (time, last, _PAGE),
    ).fetchall()


def _misplaced(connection: sqlite3.Connection) -> list[_Row]:
    return connection.execute(
        f"SELECT {_COLUMNS} FROM letters WHERE NOT ({_PLACED}) LIMIT 100000"
    ).fetchall()


def _read(row: _Row, sealer: Sealer | None) -> DeadLetter:
    number, _, own_id, consumer, written, checksum = row
    problem = "the dead letter was damaged in the store"
    try:
        if checksum is None or checksum == crc32(written):
            plain = written if sealer is None else sealer.unseal(written)
            letter = DeadLetter.from_dict(json.loads(plain))
            if letter.id.encode() == own_id:
                return letter
    except ConfigurationError:
        problem = "the dead letter was damaged in the store, or encrypted with another key"
    except (ValueError, TypeError, RecursionError, AttributeError):
        pass
    return DeadLetter(
        consumer=consumer.decode("utf-8", "replace") if isinstance(consumer, bytes) else "",
        reason=DAMAGED,
        documents=[],
        detail=problem,
        time=_EPOCH,
        event={RAW: {"letter": raw(written)}},
        id=f"{_MISPLACED}{number}",
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MISPLACED = "damaged-"
"""What the ids of damaged letters begin with; then comes the number of the row."""


def buried_letter(queue: str, row: tuple[Any, ...], sealer: Sealer | None) -> DeadLetter:
    """
    Make the dead letter of an entry that is not what it was; its bytes are kept, never sent.

    Args:
        queue: the name of its queue; ``""``: the inbox, or not known.

        row: as `eventkit.stores.sqlite.queue.take` reads it.

        sealer: opens what of it can be opened.
    """
    _, seq, _, _, _, _, written, name, protocol, bodies, event = row
    if sealer is not None:
        bodies, event = _opened(bodies, sealer), _opened(event, sealer)
    is_there = any(each is not None for each in (name, bodies, event))
    consumer, owner = split_queue(queue)
    return DeadLetter(
        consumer=consumer,
        owner=owner,
        reason=DAMAGED,
        documents=[],
        name=name if isinstance(name, str) else "",
        protocol=protocol if protocol in ("xapi", "caliper") else "",
        detail="the entry was damaged in the store" if is_there else "the entry is gone",
        event={
            RAW: {
                "position": raw(seq),
                "written": raw(written),
                "name": raw(name),
                "protocol": raw(protocol),
                "bodies": raw(bodies),
                "event": raw(event),
            }
        },
        # Not made of what it holds, which may be the same as in another one.
        id=uuid.uuid4().hex,
    )


def _opened(sealed: object, sealer: Sealer) -> object:
    try:
        return sealer.unseal(sealed) if isinstance(sealed, bytes) else sealed
    except ConfigurationError:
        return sealed


def raw(value: object) -> object:
    """Write a value of a damaged row so that JSON can hold it: a character for each byte."""
    if isinstance(value, bytes):
        return value[:MOST_KEPT].decode("latin-1")
    if isinstance(value, str):
        return value[:MOST_KEPT]
    return value if value is None or isinstance(value, int) else repr(value)


def letter_row(letter: DeadLetter, sealer: Sealer | None) -> tuple[Any, ...]:
    """Write *letter* the way it lies in its table."""
    written = json.dumps(letter.as_dict(), separators=(",", ":")).encode("ascii")
    sealed = written if sealer is None else sealer.seal(written)
    return (
        letter.id,
        letter.time.timestamp(),
        storable(letter.consumer),
        storable(letter.reason),
        sealed,
        crc32(sealed),
    )


def keep(writer: Writer, rows: list[tuple[Any, ...]]) -> None:
    """Put letters into their table."""
    writer.connection.executemany(
        "INSERT OR REPLACE INTO letters (id, time, consumer, reason, letter, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def forget_before(writer: Writer, oldest: float) -> None:
    """Apply the retention, and count what it cost."""
    gone = writer.connection.execute("DELETE FROM letters WHERE time < ?", (oldest,)).rowcount
    if gone:
        writer.note("letters_expired", gone)
