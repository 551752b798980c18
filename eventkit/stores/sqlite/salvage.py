"""Getting out of a damaged store what can still be read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import attrs

from eventkit.base.sealing import Sealer
from eventkit.dead_letters.letter import DeadLetter
from eventkit.exceptions import ConfigurationError
from eventkit.reading.jsonable import from_json
from eventkit.stores.sqlite.file import lenient_text
from eventkit.stores.sqlite.letters import buried_letter, keep, letter_row
from eventkit.stores.sqlite.queue import (
    COUNTED,
    POSITIONS,
    Writer,
    balance,
    content_sum,
    fits,
    last_position,
    place_sum,
)
from eventkit.stores.sqlite.schema import start_positions
from eventkit.stores.store import DAMAGED, INBOX

_HIGHEST = 2**63 - 1

_MOST = 10**15

UNREADABLE = (sqlite3.Error, UnicodeDecodeError, OverflowError, TypeError)
"""What reading raises where something is damaged; messages of SQLite may quote rubbish."""


class Place(NamedTuple):
    """Where an entry waits: a row of the table ``queue``, or what its index tells of one."""

    consumer: int
    documents: int | None
    rules: int | None
    checksum: int | None


@attrs.define
class Report:
    """What came out."""

    entries: int = 0
    """Entries that are in the queues again."""
    strays: int = 0
    """Entries of which nobody knows who waited for them: they are dead letters now."""
    broken: int = 0
    """Entries that were not what they had been: dead letters that hold what is left of them."""
    letters: int = 0
    """Dead letters that are there again."""
    lost: int | None = None
    """Documents that are gone, for one consumer each; None: nobody knows how many."""
    carved: int = 0
    """What was found page by page, as the tables could not be read: dead letters now."""


def open_damaged(path: Path) -> sqlite3.Connection | None:
    """Open for reading: with what lies in its write-ahead log, if that can be read."""
    for mode in ("mode=ro", "immutable=1"):
        with suppress(*UNREADABLE):
            source = sqlite3.connect(
                f"{path.absolute().as_uri()}?{mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                source.text_factory = lenient_text
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except UNREADABLE:
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
    with suppress(*UNREADABLE):
        start_positions(into, max(last_position(source), last_position(into)))
    checksum = "checksum" if _has_checksums(source) else "NULL"
    is_known = _copy_names(source, into, checksum)
    is_known &= _copy_counts(source, into)
    names = dict(into.execute("SELECT number, id FROM consumers"))
    rules: dict[int | None, int] = {
        number: number for [number] in into.execute("SELECT number FROM rules")
    }
    unknown = writer.rules("")
    queue = _queue(source, names, checksum)
    for row in _read(
        source, f"seq, written, name, protocol, bodies, event, {checksum} FROM entries"
    ):
        seq, *columns, written_sum = row
        places = queue.get(seq, [])
        if seq >= POSITIONS or not _is_whole(columns, written_sum, sealer):
            _bury(writer, row, places, names, sealer)
            report.broken += 1
            continue
        content = content_sum(*columns)
        waiting = _waiting(columns[3], sealer)
        good: list[tuple[int, int, int]] = [
            # Rules that cannot be told any more are those that no consumer has.
            (each.consumer, whole[0], rules.get(whole[1], unknown))
            for each in places
            if (whole := _placed(each, seq, content, names[each.consumer], waiting)) is not None
        ]
        if good:
            into.execute(
                "INSERT OR IGNORE INTO entries "
                "(seq, written, name, protocol, bodies, event, checksum) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (seq, *columns, content),
            )
            into.executemany(
                "INSERT OR IGNORE INTO queue (consumer, seq, documents, rules, checksum) "
                "VALUES (?, ?, ?, ?, ?)",
                [
                    (number, seq, documents, rule, place_sum(number, seq, documents, rule, content))
                    for number, documents, rule in good
                ],
            )
            report.entries += 1
        else:
            keep(writer, [letter_row(_letter(row, sealer), sealer)])
            report.strays += 1
    for row in _read(source, f"rowid, id, time, consumer, reason, letter, {checksum} FROM letters"):
        with suppress(sqlite3.IntegrityError):
            keep(writer, [row[1:]])
            report.letters += 1
    lost = [balance(writer, number) for number in names]
    # What there is too much of was not counted, or its count is gone.
    report.lost = sum(lost) if is_known and min(lost, default=0) >= 0 else None


def _has_checksums(source: sqlite3.Connection) -> bool:
    with suppress(*UNREADABLE):
        source.execute("SELECT checksum FROM entries LIMIT 0")
        return True
    return False


def _copy_names(source: sqlite3.Connection, into: sqlite3.Connection, checksum: str) -> bool:
    """Copy the names of queues and of rules, and the notes; tell whether that were all queues."""
    is_whole = True
    try:
        for number, name, written in source.execute(
            f"SELECT number, CAST(id AS BLOB), {checksum} FROM consumers"
        ):
            found = crc32(name) if isinstance(name, bytes) else None
            if found is None or written not in (None, found) or not _is_text(name):
                is_whole = False
                continue
            into.execute(
                "INSERT OR REPLACE INTO consumers (number, id, checksum) VALUES (?, ?, ?)",
                (number, name.decode(), found),
            )
    except UNREADABLE:
        is_whole = False
    with suppress(*UNREADABLE):
        for row in source.execute("SELECT number, digest FROM rules"):
            if isinstance(row[1], str):
                into.execute("INSERT OR IGNORE INTO rules (number, digest) VALUES (?, ?)", row)
    with suppress(*UNREADABLE):
        for key, value in source.execute("SELECT key, value FROM meta"):
            # All that is copied gets its checksum.
            if isinstance(key, str) and isinstance(value, (int, bytes)) and key != "checked_from":
                into.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
    return is_whole


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _copy_counts(source: sqlite3.Connection, into: sqlite3.Connection) -> bool:
    """Copy the counts of queues that are known; tell whether those were all."""
    is_whole = True
    known = {number for [number] in into.execute("SELECT number FROM consumers")}
    try:
        for consumer, name, number in source.execute("SELECT consumer, name, number FROM counts"):
            if (
                consumer in known
                and isinstance(name, str)
                and name.partition(":")[0] in COUNTED
                and isinstance(number, int)
                and abs(number) < _MOST
            ):
                into.execute(
                    "INSERT OR REPLACE INTO counts (consumer, name, number) VALUES (?, ?, ?)",
                    (consumer, name, number),
                )
            else:
                is_whole = False
    except UNREADABLE:
        is_whole = False
    return is_whole


def _queue(
    source: sqlite3.Connection, names: dict[int, str], checksum: str
) -> dict[int, list[Place]]:
    """
    Read who waits for what, by position.

    The table and its index hold the same in two places: what one has lost the other may have. From
    the index alone the number of documents and the rules are not known; the first follows from the
    entry, and rules that no filter has are looked at anew by whoever delivers.
    """
    queue: dict[int, dict[int, Place]] = {}
    for consumer in names:
        what = f"seq, documents, rules, {checksum} FROM queue WHERE consumer = {int(consumer)} AND"
        for seq, documents, rules, written in _read(source, what):
            queue.setdefault(seq, {})[consumer] = Place(consumer, documents, rules, written)
    for seq, consumer in _read(source, "seq, consumer FROM queue INDEXED BY queue_by_seq"):
        if consumer in names:
            queue.setdefault(seq, {}).setdefault(consumer, Place(consumer, None, None, None))
    return {seq: list(places.values()) for seq, places in queue.items()}


def _placed(
    place: Place, seq: int, content: int, name: str, number: int
) -> tuple[int, int | None] | None:
    """Give the documents and the rules of an entry's place, or None: it is damaged."""
    if place.checksum is not None and not _is_sum(place, seq, content):
        return None
    documents = place.documents
    if not isinstance(documents, int) or not 0 <= documents < _MOST:
        documents = 1 if name == INBOX else number
    return documents, place.rules


def _is_sum(place: Place, seq: int, content: object) -> bool:
    where = (place.consumer, seq, place.documents, place.rules)
    return fits(place.checksum, place_sum, *where, content)


def _bury(
    writer: Writer,
    row: tuple[Any, ...],
    places: list[Place],
    names: dict[int, str],
    sealer: Sealer | None,
) -> None:
    """Make dead letters of an entry that is not what it was, one for each who waited for it."""
    seq, *columns, content = row
    waiting: list[Place | None] = [*places] or [None]
    for place in waiting:
        name = INBOX if place is None else names[place.consumer]
        letter = buried_letter(name, (0, seq, 0, 0, 0, "", *columns), sealer)
        keep(writer, [letter_row(letter, sealer)])
        if place is not None:
            documents = place.documents if _is_sum(place, seq, content) else 1
            number = documents if documents is not None else 1
            writer.count(place.consumer, {"dead": number, f"dead:{DAMAGED}": number})


def _waiting(bodies: bytes, sealer: Sealer | None) -> int:
    """Count the documents of an entry."""
    plain = bodies if sealer is None else sealer.unseal(bodies)
    return plain.count(b"\n") + 1 if plain else 0


def _read(source: sqlite3.Connection, what: str) -> Iterator[tuple[Any, ...]]:
    """Read *what*, in the order of its first column, round the pages that cannot be read."""
    key = what.partition(",")[0]
    query = f"SELECT {what if what.endswith('AND') else what + ' WHERE'} {key} >= ? ORDER BY {key}"

    def read(start: int, limit: int) -> Iterator[tuple[Any, ...]]:
        with suppress(*UNREADABLE):
            for row in source.execute(f"{query} LIMIT {limit}", (start,)):
                if isinstance(row[0], int):
                    yield row

    def fails_at(start: int) -> bool:
        try:
            source.execute(f"{query} LIMIT 1", (start,)).fetchone()
        except OverflowError:
            return False
        except UNREADABLE:
            return True
        return False

    start: int | None = 0
    while start is not None:
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


def _is_whole(columns: list[Any], checksum: object, sealer: Sealer | None) -> bool:
    """Tell whether an entry is what it was; one of an older version, whether it can be read."""
    written, name, protocol, bodies, event = columns
    if not (
        isinstance(written, float)
        and isinstance(name, str)
        and isinstance(protocol, str)
        and isinstance(bodies, bytes)
        and isinstance(event, bytes)
    ):
        return False
    if checksum is not None and content_sum(written, name, protocol, bodies, event) != checksum:
        return False
    try:
        if sealer is not None:
            sealer.unseal(event)
            sealer.unseal(bodies)
        elif checksum is None:
            from_json(event)
            for body in bodies.split(b"\n") if bodies else ():
                json.loads(body)
    except (ConfigurationError, ValueError, RecursionError):
        return False
    return True


def _letter(row: tuple[Any, ...], sealer: Sealer | None) -> DeadLetter:
    """Make a dead letter of an entry that nobody is known to wait for; its event tells all."""
    written = row[5] if sealer is None else sealer.unseal(row[5])
    event: Any = None
    with suppress(ValueError, RecursionError):
        event = from_json(written) if written else None
    return DeadLetter(
        consumer="",
        reason=DAMAGED,
        documents=[],
        name=row[2],
        detail="the store was damaged, and it is not known who waited for this",
        event=event if isinstance(event, dict) else {"event": event},
    )
