"""What a store does in SQL, each within a transaction that somebody else began."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from eventkit._letters.sealing import Sealer
from eventkit.exceptions import StoreFull
from eventkit.store import INBOX, Entry, Parcel, Settled

STORE_FULL = "store_full"
"""The reason under which entries count that made room for others."""

_ROW_OVERHEAD = 150
"""Bytes that an entry takes beside what it holds, about."""

_DROP_AT_ONCE = 200


@attrs.frozen
class Prepared:
    """A parcel as it goes into the tables; made outside the transaction."""

    consumers: Mapping[str, str]
    documents: int
    columns: tuple[float, str, str, bytes, bytes]

    @property
    def size(self) -> int:
        """The bytes that it takes in the file, about."""
        return (
            len(self.columns[3]) + len(self.columns[4]) + _ROW_OVERHEAD * (1 + len(self.consumers))
        )


class Writer:
    """The connection that writes, and what is known of its tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._consumers: dict[str, int] = {}
        self._rules: dict[str, int] = {}
        self.page_size: int = connection.execute("PRAGMA page_size").fetchone()[0]

    def forget(self) -> None:
        """Forget numbers that were given within a transaction that was rolled back."""
        self._consumers.clear()
        self._rules.clear()

    def consumer(self, name: str) -> int:
        """Give the number of a consumer, a new one if it has none."""
        number = self._consumers.get(name)
        if number is None:
            number = self._consumers[name] = self._number("consumers", "id", name)
        return number

    def rules(self, digest: str) -> int:
        """Give the number of the digest of access rules, a new one if it has none."""
        number = self._rules.get(digest)
        if number is None:
            number = self._rules[digest] = self._number("rules", "digest", digest)
        return number

    def _number(self, table: str, column: str, value: str) -> int:
        self.connection.execute(
            f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)",  # noqa: S608 - ours
            (value,),
        )
        found: int = self.connection.execute(
            f"SELECT number FROM {table} WHERE {column} = ?",  # noqa: S608 - ours
            (value,),
        ).fetchone()[0]
        return found

    def used(self) -> int:
        """Count the bytes of the file that hold something."""
        pages: int = self.connection.execute("PRAGMA page_count").fetchone()[0]
        free: int = self.connection.execute("PRAGMA freelist_count").fetchone()[0]
        return (pages - free) * self.page_size

    def count(self, consumer: int, names: Mapping[str, int]) -> None:
        """Add to the counts of a consumer."""
        self.connection.executemany(
            "INSERT INTO counts (consumer, name, number) VALUES (?, ?, ?) "
            "ON CONFLICT (consumer, name) DO UPDATE SET number = number + excluded.number",
            [(consumer, name, number) for name, number in names.items() if number],
        )

    def note(self, key: str, number: int) -> None:
        """Add to a number of the store as a whole."""
        self.connection.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
            (key, number),
        )


@attrs.frozen
class Budget:
    """How large the file may become, and what to do then."""

    path: Path
    max_bytes: int
    drop_oldest: bool


def prepare(parcel: Parcel, written: float, sealer: Sealer | None) -> Prepared:
    """
    Write *parcel* the way it lies in the tables.

    Raises:
        ValueError: a body is empty or has a line break, so that it is no JSON of ours.
    """
    bodies = b"\n".join(parcel.bodies)
    if parcel.bodies and (not all(parcel.bodies) or bodies.count(b"\n") >= len(parcel.bodies)):
        raise ValueError("a body is empty or has line breaks; expected JSON in one line")
    event = parcel.event
    if sealer is not None:
        bodies = sealer.seal(bodies)
        event = sealer.seal(event)
    return Prepared(
        parcel.consumers,
        len(parcel.bodies),
        (written, storable(parcel.name), parcel.protocol, bodies, event),
    )


def storable(text: str) -> str:
    """Give *text* without halves of surrogate pairs, which no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def put(writer: Writer, parcels: Sequence[Prepared], budget: Budget) -> None:
    """Add *parcels* to the queues of their consumers."""
    _make_room(writer, sum(parcel.size for parcel in parcels), budget)
    seq: int = writer.connection.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = 'entries'"
    ).fetchone()[0]
    entries, queue = [], []
    enqueued: Counter[int] = Counter()
    for parcel in parcels:
        seq += 1
        entries.append((seq, *parcel.columns))
        for consumer, rules in parcel.consumers.items():
            number = writer.consumer(consumer)
            documents = 1 if consumer == INBOX else parcel.documents
            queue.append((number, seq, documents, writer.rules(rules)))
            enqueued[number] += documents
    writer.connection.executemany(
        "INSERT INTO entries (seq, written, name, protocol, bodies, event) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        entries,
    )
    writer.connection.executemany(
        "INSERT INTO queue (consumer, seq, documents, rules) VALUES (?, ?, ?, ?)", queue
    )
    for number, documents in enqueued.items():
        writer.count(number, {"enqueued": documents})


def _make_room(writer: Writer, size: int, budget: Budget) -> None:
    if size <= budget.max_bytes:
        while writer.used() + size > budget.max_bytes:
            if not (budget.drop_oldest and _drop_oldest(writer, size)):
                break
        else:
            return
    # Nothing was changed: either nothing may be dropped, or there is nothing.
    raise StoreFull(
        f"store {budget.path}: {writer.used()} of {budget.max_bytes} bytes are used, no room for "
        f"{size} more; raise max_bytes, or set when_full to 'drop_oldest' to lose the oldest",
        retry_after=1.0,
    )


def _drop_oldest(writer: Writer, size: int) -> bool:
    """Drop from the longest queue the oldest entries, about *size* bytes; False: all are empty."""
    longest = writer.connection.execute(
        # What went in and did not come out, for counting the queues themselves takes too long.
        "SELECT consumer, sum(CASE name WHEN 'enqueued' THEN number "
        "WHEN 'delivered' THEN -number WHEN 'dead' THEN -number WHEN 'dropped' THEN -number "
        "ELSE 0 END) AS pending FROM counts GROUP BY consumer HAVING pending > 0 "
        "ORDER BY pending DESC LIMIT 1"
    ).fetchone()
    if longest is None:
        return False
    rows = writer.connection.execute(
        "SELECT seq, documents, length(bodies) + length(event) FROM queue JOIN entries USING (seq) "
        "WHERE consumer = ? ORDER BY seq LIMIT ?",
        (longest[0], _DROP_AT_ONCE),
    ).fetchall()
    freed, number = 0, 0
    while number < len(rows) and (freed < size or number == 0):
        freed += rows[number][2] + _ROW_OVERHEAD
        number += 1
    _drop_rows(writer, longest[0], [row[:2] for row in rows[:number]], STORE_FULL)
    return bool(rows)


def _drop_rows(writer: Writer, consumer: int, rows: Sequence[tuple[int, int]], reason: str) -> None:
    _take_out(writer, consumer, [seq for seq, _ in rows])
    number = sum(documents for _, documents in rows)
    writer.count(consumer, {"dropped": number, f"dropped:{reason}": number})


def _take_out(writer: Writer, consumer: int, seqs: Sequence[int]) -> None:
    """Remove from a queue, and the entries that nobody else waits for."""
    writer.connection.executemany(
        "DELETE FROM queue WHERE consumer = ? AND seq = ?", [(consumer, seq) for seq in seqs]
    )
    if _are_close(seqs):
        # One statement for all. There are no others in between that nobody waits for.
        writer.connection.execute(
            "DELETE FROM entries WHERE seq BETWEEN ? AND ? "
            "AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.seq = entries.seq)",
            (min(seqs), max(seqs)),
        )
        return
    writer.connection.executemany(
        "DELETE FROM entries WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM queue WHERE seq = ?1)",
        [(seq,) for seq in seqs],
    )


def _are_close(seqs: Sequence[int]) -> bool:
    """Tell whether looking at all between the first and the last costs less than at each."""
    return bool(seqs) and max(seqs) - min(seqs) < 2 * len(seqs)


def _documents(writer: Writer, consumer: int, seqs: Sequence[int]) -> dict[int, int]:
    """Count the documents of those of *seqs* that are in a queue, and maybe of others."""
    if _are_close(seqs):
        rows = writer.connection.execute(
            "SELECT seq, documents FROM queue WHERE consumer = ? AND seq BETWEEN ? AND ?",
            (consumer, min(seqs), max(seqs)),
        )
        return dict(rows.fetchall())
    found = {}
    for seq in seqs:
        row = writer.connection.execute(
            "SELECT documents FROM queue WHERE consumer = ? AND seq = ?", (consumer, seq)
        ).fetchone()
        if row is not None:
            found[seq] = row[0]
    return found


def settle(writer: Writer, consumer: str, settled: Sequence[Settled]) -> list[Settled]:
    """
    Take entries out of a queue and count; give those that were there.

    Raises:
        ValueError: the counts of one do not make up its documents; nothing was changed.
    """
    number = writer.consumer(consumer)
    documents = _documents(writer, number, [each.position for each in settled])
    there: dict[int, Settled] = {}
    counts: Counter[str] = Counter()
    for each in settled:
        if each.position not in documents or each.position in there:
            continue
        there[each.position] = each
        counts["delivered"] += each.delivered
        total = each.delivered
        for kind, reasons in (("dead", each.dead), ("dropped", each.dropped)):
            for reason, count in reasons.items():
                total += count
                counts[kind] += count
                counts[f"{kind}:{reason}"] += count
        if total != documents[each.position]:
            raise ValueError(
                f"entry {each.position} has {documents[each.position]} documents, but {total} are "
                "settled; each counts exactly once"
            )
    _take_out(writer, number, list(there))
    writer.count(number, counts)
    return list(there.values())


def drop(writer: Writer, consumer: str, reason: str, up_to: int, limit: int) -> tuple[int, int]:
    """Drop at most *limit* entries up to position *up_to*; count them, and their documents."""
    number = writer.consumer(consumer)
    rows = writer.connection.execute(
        "SELECT seq, documents FROM queue WHERE consumer = ? AND seq <= ? ORDER BY seq LIMIT ?",
        (number, up_to, limit),
    ).fetchall()
    _drop_rows(writer, number, rows, reason)
    return len(rows), sum(documents for _, documents in rows)


def last_position(connection: sqlite3.Connection) -> int:
    """Give the position of the latest entry that there ever was."""
    found: int = connection.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = 'entries'"
    ).fetchone()[0]
    return found


Row = tuple[int, str, str, str, bytes, bytes, float]


def take(
    connection: sqlite3.Connection,
    consumer: str,
    after: int,
    limit: int,
    max_bytes: int,
    *,
    is_sealed: bool,
) -> list[Row]:
    """Read on in a queue: what makes up *max_bytes*, or a little more when it is encrypted."""
    found = connection.execute("SELECT number FROM consumers WHERE id = ?", (consumer,)).fetchone()
    if found is None:
        return []
    rows = connection.execute(
        "SELECT q.seq, r.digest, e.name, e.protocol, e.bodies, e.event, e.written "
        # The order of the joins is fixed: along the queue.
        "FROM queue AS q CROSS JOIN entries AS e ON e.seq = q.seq "
        "CROSS JOIN rules AS r ON r.number = q.rules "
        "WHERE q.consumer = ? AND q.seq > ? ORDER BY q.seq LIMIT ?",
        (found[0], after, limit),
    )
    taken, size = [], 0
    for row in rows:
        taken.append(row)
        size += _weight(consumer, row[4], row[5], is_sealed=is_sealed)
        if size >= max_bytes:
            break
    rows.close()
    return taken


def _weight(consumer: str, bodies: bytes, event: bytes, *, is_sealed: bool) -> int:
    """Say how much an entry counts, or a little less when it is encrypted."""
    size = len(event if consumer == INBOX else bodies)
    # Base64 of the data and of 57 to 73 bytes more.
    return max(size * 3 // 4 - 75, 0) if is_sealed else size


def make_entries(
    consumer: str, rows: Iterable[Row], max_bytes: int, sealer: Sealer | None
) -> list[Entry]:
    """Make entries of rows of `take`, until they make up *max_bytes*."""
    entries: list[Entry] = []
    size = 0
    for position, rules, name, protocol, bodies, event, written in rows:
        if size >= max_bytes and entries:
            break
        if sealer is not None:
            bodies, event = sealer.unseal(bodies), sealer.unseal(event)  # noqa: PLW2901
        size += _weight(consumer, bodies, event, is_sealed=False)
        entries.append(
            Entry(
                position=position,
                rules=rules,
                name=name,
                protocol=protocol,
                bodies=tuple(bodies.split(b"\n")) if bodies else (),
                event=event,
                written=written,
            )
        )
    return entries


def free_to(
    connection: sqlite3.Connection, owner: str, consumers: Iterable[str], now: float, seconds: float
) -> set[str]:
    """Say which of *consumers* *owner* may have the lease of."""
    free = set()
    for consumer in consumers:
        row = connection.execute(
            "SELECT lease_owner, lease_until FROM consumers WHERE id = ?", (consumer,)
        ).fetchone()
        if (
            row is None
            or row[0] is None
            or row[0] == owner
            or row[1] <= now
            # Nobody leases for longer: the clock was set back since.
            or row[1] > now + seconds
        ):
            free.add(consumer)
    return free


def lease(
    writer: Writer, owner: str, consumers: Iterable[str], now: float, seconds: float
) -> set[str]:
    """Take or renew leases; give those that *owner* has now."""
    mine = free_to(writer.connection, owner, consumers, now, seconds)
    writer.connection.executemany(
        "UPDATE consumers SET lease_owner = ?, lease_until = ? WHERE number = ?",
        [(owner, now + seconds, writer.consumer(consumer)) for consumer in sorted(mine)],
    )
    return mine


def release(writer: Writer, owner: str, consumers: Iterable[str] | None) -> None:
    """Give back leases of *owner*."""
    writer.connection.executemany(
        "UPDATE consumers SET lease_owner = NULL, lease_until = NULL "
        "WHERE lease_owner = ?1 AND (?2 IS NULL OR id = ?2)",
        [(owner, consumer) for consumer in ([None] if consumers is None else consumers)],
    )


def counts(connection: sqlite3.Connection, consumer: str) -> dict[str, int]:
    """Count documents, in one statement, so that the numbers belong together."""
    rows = connection.execute(
        "WITH own AS (SELECT number FROM consumers WHERE id = ?) "
        "SELECT name, counts.number FROM counts JOIN own ON consumer = own.number "
        "UNION ALL SELECT 'pending', coalesce(sum(documents), 0) "
        "FROM queue JOIN own ON consumer = own.number",
        (consumer,),
    )
    return dict.fromkeys(("enqueued", "delivered", "dead", "dropped", "pending"), 0) | dict(
        rows.fetchall()
    )


def waiting(connection: sqlite3.Connection) -> set[str]:
    """Give the consumers whose queues are not empty."""
    return {
        consumer
        for [consumer] in connection.execute(
            "SELECT id FROM consumers WHERE EXISTS "
            "(SELECT 1 FROM queue WHERE consumer = consumers.number)"
        )
    }


def oldest(connection: sqlite3.Connection, consumer: str) -> float | None:
    """Say when the first entry in a queue was written."""
    row = connection.execute(
        "SELECT written FROM consumers CROSS JOIN queue ON consumer = number "
        "CROSS JOIN entries USING (seq) WHERE id = ? ORDER BY seq LIMIT 1",
        (consumer,),
    ).fetchone()
    return None if row is None else float(row[0])


def describe(connection: sqlite3.Connection) -> dict[str, int]:
    """Give the numbers of the file as a whole."""
    page_size, pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    notes = connection.execute("SELECT key, value FROM meta WHERE typeof(value) = 'integer'")
    return dict(notes.fetchall()) | {
        "bytes_used": (pages - free) * page_size,
        "bytes_free": free * page_size,
    }


def shrink(writer: Writer, pages: int) -> bool:
    """Give up to *pages* back to the disk when most of the file is free; True: there are more."""
    free: int = writer.connection.execute("PRAGMA freelist_count").fetchone()[0]
    used: int = writer.connection.execute("PRAGMA page_count").fetchone()[0] - free
    # Some stay for what comes next.
    if free <= used + 2 * pages:
        return False
    for _ in range(pages):
        # One at a time: the module sqlite3 runs no more than the first step of it.
        writer.connection.execute("PRAGMA incremental_vacuum(1)")
    return True
