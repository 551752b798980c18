"""Getting out of a damaged store what can still be read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from eventkit._jsonable import from_json
from eventkit._letters.sealing import Sealer
from eventkit._sqlite.letters import keep, letter_row
from eventkit._sqlite.queue import Writer, last_position
from eventkit._sqlite.schema import start_positions
from eventkit.dead_letters import DeadLetter
from eventkit.exceptions import ConfigurationError
from eventkit.store import INBOX

DAMAGED = "damaged"
"""The reason of what a damaged file took with it."""

_HIGHEST = 2**63 - 1

Place = tuple[int, int, int, int]
"""A row of the table ``queue``: consumer, seq, documents, rules."""


@attrs.define
class Report:
    """What came out."""

    entries: int = 0
    """Entries that are in the queues again."""
    strays: int = 0
    """Entries of which nobody knows who waited for them: they are dead letters now."""
    letters: int = 0
    """Dead letters that are there again."""
    lost: int = 0
    """Documents that are gone, for one consumer each; those of the strays are among them."""


def open_damaged(path: Path) -> sqlite3.Connection | None:
    """Open for reading: with what lies in its write-ahead log, if that can be read."""
    for mode in ("mode=ro", "immutable=1"):
        with suppress(sqlite3.Error):
            source = sqlite3.connect(
                f"{path.absolute().as_uri()}?{mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error:
                source.close()
                continue
            return source
    return None


def salvage(
    source: sqlite3.Connection, writer: Writer, sealer: Sealer | None, report: Report
) -> None:
    """
    Copy what can be read of *source* to *writer*.

    What cannot be read is counted as dropped, so that the counts still add up.
    """
    into = writer.connection
    with suppress(sqlite3.Error, TypeError, ValueError):
        start_positions(into, max(last_position(source), last_position(into)))
    for table in ("consumers", "rules", "counts", "meta"):
        _copy_small(source, into, table)
    queue = _queue(source, writer)
    for row in _read(source, "seq, written, name, protocol, bodies, event FROM entries"):
        if not _is_whole(row, sealer):
            continue
        places = queue.get(row[0])
        if places:
            into.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
            into.executemany(
                "INSERT OR IGNORE INTO queue VALUES (?, ?, ?, ?)",
                [place(row[4], sealer) for place in places],
            )
            report.entries += 1
        else:
            keep(writer, [letter_row(_letter(row, sealer), sealer)])
            report.strays += 1
    for row in _read(source, "rowid, id, time, consumer, reason, letter FROM letters"):
        with suppress(sqlite3.IntegrityError):
            keep(writer, [row[1:]])
            report.letters += 1
    report.lost = _balance(writer)


def _copy_small(source: sqlite3.Connection, into: sqlite3.Connection, table: str) -> None:
    """Copy a table that takes a few pages only, up to where it can be read."""
    rows = []
    with suppress(sqlite3.Error):
        for row in source.execute(f"SELECT * FROM {table}"):  # noqa: S608 - ours
            rows.append(row)  # noqa: PERF402 - as far as it gets
    for row in rows:
        marks = ", ".join("?" * len(row))
        with suppress(sqlite3.IntegrityError):
            into.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608


def _queue(
    source: sqlite3.Connection, writer: Writer
) -> dict[int, list[Callable[[bytes, Sealer | None], Place]]]:
    """
    Read who waits for what, by position.

    The table and its index hold the same in two places: what one has lost the other may have. From
    the index alone the number of documents and the rules are not known; the first follows from the
    entry, and rules that no filter has are looked at anew by whoever delivers.
    """
    consumers = dict(writer.connection.execute("SELECT number, id FROM consumers"))
    rules = {number for [number] in writer.connection.execute("SELECT number FROM rules")}
    unknown = writer.rules("")
    queue: dict[int, dict[int, Callable[[bytes, Sealer | None], Place]]] = {}

    def from_table(row: Place) -> Callable[[bytes, Sealer | None], Place]:
        return lambda _bodies, _sealer: row

    def from_index(seq: int, consumer: int) -> Callable[[bytes, Sealer | None], Place]:
        return lambda bodies, sealer: (
            consumer,
            seq,
            1 if consumers[consumer] == INBOX else _count(bodies, sealer),
            unknown,
        )

    for consumer in consumers:
        what = f"seq, documents, rules FROM queue WHERE consumer = {int(consumer)} AND"
        for seq, documents, number in _read(source, what):
            if number in rules and isinstance(documents, int):
                queue.setdefault(seq, {})[consumer] = from_table((consumer, seq, documents, number))
    for seq, consumer in _read(source, "seq, consumer FROM queue INDEXED BY queue_by_seq"):
        if consumer in consumers:
            queue.setdefault(seq, {}).setdefault(consumer, from_index(seq, consumer))
    return {seq: list(places.values()) for seq, places in queue.items()}


def _count(bodies: bytes, sealer: Sealer | None) -> int:
    plain = bodies if sealer is None else sealer.unseal(bodies)
    return plain.count(b"\n") + 1 if plain else 0


def _read(source: sqlite3.Connection, what: str) -> Iterator[tuple[Any, ...]]:
    """Read *what*, in the order of its first column, round the pages that cannot be read."""
    key = what.partition(",")[0]
    query = f"SELECT {what if what.endswith('AND') else what + ' WHERE'} {key} >= ? ORDER BY {key}"

    def read(start: int, limit: int) -> Iterator[tuple[Any, ...]]:
        with suppress(sqlite3.Error):
            for row in source.execute(f"{query} LIMIT {limit}", (start,)):
                if isinstance(row[0], int):
                    yield row

    def fails_at(start: int) -> bool:
        try:
            source.execute(f"{query} LIMIT 1", (start,)).fetchone()
        except sqlite3.Error:
            return True
        return False

    start: int | None = 0
    while start is not None and start <= _HIGHEST:
        # Reading runs ahead: the last row before a broken page is given only when it is the only
        # one that is asked for.
        for limit in (-1, 1):
            for row in read(start, limit):
                start = row[0] + 1
                yield row
        # At the end of the table nothing fails, and nothing is left.
        start = _first_good(start, fails_at) if fails_at(start) else None


def _first_good(broken: int, fails_at: Callable[[int], bool]) -> int | None:
    """Find about the first key from *broken* on from which reading does not fail at once."""
    bad, step = broken, 1
    while fails_at(bad + step):
        bad += step
        step *= 2
        if bad + step > _HIGHEST:
            return None
    good = bad + step
    while good - bad > 1:
        middle = (bad + good) // 2
        if fails_at(middle):
            bad = middle
        else:
            good = middle
    return good


def _is_whole(row: tuple[Any, ...], sealer: Sealer | None) -> bool:
    """Tell whether an entry is what it was: a page may be readable and still hold rubbish."""
    _, written, name, protocol, bodies, event = row
    if not (
        isinstance(written, float)
        and isinstance(name, str)
        and isinstance(protocol, str)
        and isinstance(bodies, bytes)
        and isinstance(event, bytes)
    ):
        return False
    try:
        if sealer is not None:
            sealer.unseal(event)
            sealer.unseal(bodies)
        else:
            from_json(event)
            for body in bodies.split(b"\n") if bodies else ():
                json.loads(body)
    except (ConfigurationError, ValueError, RecursionError):
        return False
    return True


def _letter(row: tuple[Any, ...], sealer: Sealer | None) -> DeadLetter:
    """Make a dead letter of an entry that nobody is known to wait for; its event tells all."""
    event = from_json(row[5] if sealer is None else sealer.unseal(row[5]))
    return DeadLetter(
        consumer="",
        reason=DAMAGED,
        documents=[],
        name=row[2],
        detail="the store was damaged, and it is not known who waited for this",
        event=event if isinstance(event, dict) else {"event": event},
    )


def _balance(writer: Writer) -> int:
    """Count as dropped what is neither there nor accounted for; give how much that is."""
    lost = 0
    for number, balance in writer.connection.execute(
        "SELECT number, (SELECT coalesce(sum(CASE name WHEN 'enqueued' THEN number "
        "WHEN 'delivered' THEN -number WHEN 'dead' THEN -number WHEN 'dropped' THEN -number "
        "ELSE 0 END), 0) FROM counts WHERE consumer = consumers.number) "
        "- (SELECT coalesce(sum(documents), 0) FROM queue WHERE consumer = consumers.number) "
        "FROM consumers"
    ).fetchall():
        if balance > 0:
            writer.count(number, {"dropped": balance, f"dropped:{DAMAGED}": balance})
            lost += balance
        elif balance < 0:
            writer.count(number, {"enqueued": -balance})
    return lost
