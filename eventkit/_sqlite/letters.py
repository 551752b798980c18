"""The dead letters of a store, in the same file as its queues."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from typing import Any, Protocol, TypeVar

from eventkit._letters.sealing import Sealer
from eventkit._sqlite.queue import Writer, storable
from eventkit.dead_letters import DeadLetter

_PAGE = 200


T = TypeVar("T")


class Access(Protocol):
    """What is needed of `eventkit._sqlite.access.Access`, which needs this module itself."""

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
        """Give all letters, the oldest first, a page at a time: there may be many."""
        last = (self._oldest(), "")
        while True:
            rows = self._page(last)
            for _, _, written in rows:
                plain = written if self._sealer is None else self._sealer.unseal(written)
                yield DeadLetter.from_dict(json.loads(plain))
            if len(rows) < _PAGE:
                return
            last = rows[-1][:2]

    def _page(self, last: tuple[float, str]) -> list[tuple[float, str, bytes]]:
        found: list[tuple[float, str, bytes]] = self._access.read(
            lambda connection: connection.execute(
                "SELECT time, id, letter FROM letters WHERE (time, id) > (?, ?) "
                "ORDER BY time, id LIMIT ?",
                (*last, _PAGE),
            ).fetchall()
        )
        return found

    def remove(self, ids: Collection[str]) -> int:
        """Forget the letters with these ids; give how many there were."""
        wanted = [(each,) for each in ids]
        removed: int = self._access.write(
            lambda writer: (
                writer.connection.executemany("DELETE FROM letters WHERE id = ?", wanted).rowcount
            )
        )
        return max(removed, 0)


def letter_row(letter: DeadLetter, sealer: Sealer | None) -> tuple[Any, ...]:
    """Write *letter* the way it lies in its table."""
    written = json.dumps(letter.as_dict(), separators=(",", ":")).encode("ascii")
    return (
        letter.id,
        letter.time.timestamp(),
        storable(letter.consumer),
        storable(letter.reason),
        written if sealer is None else sealer.seal(written),
    )


def keep(writer: Writer, rows: list[tuple[Any, ...]]) -> None:
    """Put letters into their table."""
    writer.connection.executemany(
        "INSERT OR REPLACE INTO letters (id, time, consumer, reason, letter) "
        "VALUES (?, ?, ?, ?, ?)",
        rows,
    )


def forget_before(writer: Writer, oldest: float) -> None:
    """Apply the retention, and count what it cost."""
    gone = writer.connection.execute("DELETE FROM letters WHERE time < ?", (oldest,)).rowcount
    if gone:
        writer.note("letters_expired", gone)
