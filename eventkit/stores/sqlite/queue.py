"""What a store does in SQL, each within a transaction that somebody else began."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import attrs

from eventkit.base.sealing import Sealer
from eventkit.consumers.owners import split_queue
from eventkit.exceptions import StoreFull
from eventkit.stores.sqlite.file import Damage
from eventkit.stores.store import DAMAGED, INBOX, Entry, Parcel, Settled

STORE_FULL = "store_full"
"""The reason under which entries count that made room for others."""

_ROW_OVERHEAD = 150
"""Bytes that an entry takes beside what it holds, about."""

_DROP_AT_ONCE = 200

_MOST_DOCUMENTS = 1_000_000
"""Documents that an entry may have, far beyond those that any has."""

POSITIONS = 2**62
"""All positions lie below it; what lies above is damaged."""

_SANE = "typeof({0}) = 'integer' AND {0} BETWEEN -1000000000000000 AND 1000000000000000"
"""SQL for a number that can be summed up, as a damaged one may not."""

_DOCUMENTS = f"CASE WHEN {_SANE.format('documents')} THEN max(documents, 0) ELSE 1 END"

COUNTED = ("enqueued", "delivered", "dead", "dropped")
"""What is counted; what follows a colon is a reason."""

_NAMED = f"substr(name, 1, instr(name || ':', ':') - 1) IN {COUNTED}"

_WRITTEN = struct.Struct("<d").pack
_PLACE = struct.Struct("<qqqq").pack


def content_sum(written: float, name: str, protocol: str, bodies: bytes, event: bytes) -> int:
    """Give the checksum of an entry: of all that is in it, as it lies in the file."""
    head = _WRITTEN(written) + f"{name}\n{protocol}".encode()
    return crc32(event, crc32(bodies, crc32(head)))


def place_sum(consumer: int, seq: int, documents: int, rules: int, content: int) -> int:
    """
    Give the checksum of an entry's place in a queue.

    It binds the entry to its position, to who is to have it and to the rules that allow it.
    """
    return crc32(_PLACE(consumer, seq, documents, rules), content)


def fits(written: object, checksum: Callable[..., int], *values: object) -> bool:
    """Tell whether the checksum that is *written* is that of *values*, any of them damaged."""
    try:
        return checksum(*values) == written
    except (TypeError, ValueError, AttributeError, struct.error):
        # Damage may have any type, and some of these have no checksum.
        return False


def _entry_sum(consumer: int, seq: int, documents: int, rules: int, columns: Sequence[Any]) -> int:
    """Give the checksum of an entry's place in a queue, from all that is in the entry."""
    return place_sum(consumer, seq, documents, rules, content_sum(*columns))


@attrs.frozen
class Prepared:
    """A parcel as it goes into the tables; made outside the transaction."""

    consumers: Mapping[str, str]
    documents: int
    columns: tuple[float, str, str, bytes, bytes]
    content: int
    """The checksum of the columns."""

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
        """Give the number of a queue, a new one if it has none."""
        number = self._consumers.get(name)
        if number is None:
            checksum = crc32(name.encode())
            # One whose name was damaged is known by its checksum, and gets the name back.
            for found, written in self.connection.execute(
                "SELECT number, id FROM consumers WHERE checksum = ? AND id IS NOT ?",
                (checksum, name),
            ).fetchall():
                if not _is_named(written, checksum):
                    self.connection.execute(
                        "UPDATE OR IGNORE consumers SET id = ? WHERE number = ?", (name, found)
                    )
            self.connection.execute(
                "INSERT INTO consumers (id, checksum) VALUES (?1, ?2) ON CONFLICT (id) "
                "DO UPDATE SET checksum = ?2 WHERE checksum IS NOT ?2",
                (name, checksum),
            )
            number = self._consumers[name] = self.connection.execute(
                "SELECT number FROM consumers WHERE id = ?", (name,)
            ).fetchone()[0]
        return number

    def look_at_names(self) -> None:
        """Forget the numbers of queues when a name was damaged, so that it is mended."""
        for written, checksum in self.connection.execute("SELECT id, checksum FROM consumers"):
            if not _is_named(written, checksum):
                self._consumers.clear()

    def rules(self, digest: str) -> int:
        """Give the number of the digest of access rules, a new one if it has none."""
        number = self._rules.get(digest)
        if number is None:
            self.connection.execute("INSERT OR IGNORE INTO rules (digest) VALUES (?)", (digest,))
            number = self._rules[digest] = self.connection.execute(
                "SELECT number FROM rules WHERE digest = ?", (digest,)
            ).fetchone()[0]
        return number

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


def _is_named(written: object, checksum: object) -> bool:
    """Tell whether the name of a queue is what it was; older files have no checksum."""
    return isinstance(written, str) and (
        checksum is None or checksum == crc32(written.encode("utf-8", "replace"))
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
    columns = (written, storable(parcel.name), parcel.protocol, bodies, event)
    return Prepared(parcel.consumers, len(parcel.bodies), columns, content_sum(*columns))


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
    seq = last_position(writer.connection)
    entries, queue = [], []
    enqueued: Counter[int] = Counter()
    for parcel in parcels:
        seq += 1
        entries.append((seq, *parcel.columns, parcel.content))
        for consumer, rules in parcel.consumers.items():
            number = writer.consumer(consumer)
            documents = 1 if consumer == INBOX else parcel.documents
            place = (number, seq, documents, writer.rules(rules))
            queue.append((*place, place_sum(*place, parcel.content)))
            enqueued[number] += documents
    writer.connection.executemany(
        "INSERT INTO entries (seq, written, name, protocol, bodies, event, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        entries,
    )
    writer.connection.executemany(
        "INSERT INTO queue (consumer, seq, documents, rules, checksum) VALUES (?, ?, ?, ?, ?)",
        queue,
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
        f"ELSE 0 END) AS pending FROM counts WHERE {_SANE.format('number')} "
        "GROUP BY consumer HAVING pending > 0 ORDER BY pending DESC LIMIT 1"
    ).fetchone()
    if longest is None:
        return False
    rows = writer.connection.execute(
        f"SELECT seq, {_DOCUMENTS}, coalesce(length(bodies) + length(event), 0) "
        "FROM queue LEFT JOIN entries USING (seq) WHERE consumer = ? ORDER BY seq LIMIT ?",
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
    try:
        return bool(seqs) and max(seqs) - min(seqs) < 2 * len(seqs)
    except TypeError:
        # What is dropped may have a damaged position.
        return False


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
    if consumer != INBOX and not split_queue(consumer)[1]:
        found = numbers(writer.connection, consumer)
        return [each for number in found for each in _settle(writer, number, settled)]
    return _settle(writer, writer.consumer(consumer), settled)


def _settle(writer: Writer, number: int, settled: Sequence[Settled]) -> list[Settled]:
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
        if total != documents[each.position] and _is_intact(writer, number, each.position):
            raise ValueError(
                f"entry {each.position} has {documents[each.position]} documents, but {total} are "
                "settled; each counts exactly once"
            )
    _take_out(writer, number, list(there))
    writer.count(number, counts)
    return list(there.values())


def _is_intact(writer: Writer, consumer: int, seq: int) -> bool:
    """Tell whether the place of an entry in a queue is what it was."""
    found = writer.connection.execute(
        "SELECT q.documents, q.rules, q.checksum, e.checksum FROM queue AS q "
        "LEFT JOIN entries AS e ON e.seq = q.seq WHERE q.consumer = ? AND q.seq = ?",
        (consumer, seq),
    ).fetchone()
    if found is None or found[2] is None:
        return True
    documents, rules, checksum, content = found
    return fits(checksum, place_sum, consumer, seq, documents, rules, content)


def drop(writer: Writer, queue: str, reason: str, up_to: int, limit: int) -> tuple[int, int]:
    """Drop at most *limit* entries up to position *up_to*; count them, and their documents."""
    entries = documents = 0
    for number in numbers(writer.connection, queue):
        rows = writer.connection.execute(
            f"SELECT seq, {_DOCUMENTS} FROM queue WHERE consumer = ? AND NOT seq BETWEEN ? AND ? "
            "ORDER BY seq LIMIT ?",
            # What is no position is damaged, and goes too.
            (number, up_to + 1, POSITIONS, limit - entries),
        ).fetchall()
        _drop_rows(writer, number, rows, reason)
        entries += len(rows)
        documents += sum(each for _, each in rows)
    return entries, documents


def move(writer: Writer, queue: str, to: str) -> int:
    """Move all that waits in one queue to another; give how many documents."""
    source, target = writer.consumer(queue), writer.consumer(to)
    connection = writer.connection
    rows = connection.execute(
        f"SELECT q.seq, {_DOCUMENTS}, q.documents, q.rules, q.checksum, e.checksum FROM queue AS q "
        "LEFT JOIN entries AS e ON e.seq = q.seq WHERE q.consumer = ?",
        (source,),
    ).fetchall()
    moved = twice = 0
    for seq, number, documents, rules, checksum, content in rows:
        # What is damaged, or of an older file, stays as it is: whoever reads it will see.
        is_whole = fits(checksum, place_sum, source, seq, documents, rules, content)
        renewed = place_sum(target, seq, documents, rules, content) if is_whole else checksum
        changed = connection.execute(
            "UPDATE OR IGNORE queue SET consumer = ?, checksum = ? WHERE consumer = ? AND seq = ?",
            (target, renewed, source, seq),
        ).rowcount
        moved += number if changed else 0
        twice += 0 if changed else number
    connection.execute("DELETE FROM queue WHERE consumer = ?", (source,))
    writer.count(source, {"enqueued": -moved, "dropped": twice, "dropped:duplicate": twice})
    writer.count(target, {"enqueued": moved})
    return moved


def numbers(connection: sqlite3.Connection, queue: str) -> list[int]:
    """Give the numbers of a queue, or of all queues of an id."""
    if queue.startswith("?") and queue[1:].isdigit():
        return [int(queue[1:])]
    is_one = queue == INBOX or split_queue(queue)[1]
    rows = connection.execute(
        "SELECT number FROM consumers WHERE id = ?1"
        + ("" if is_one else " OR substr(id, 1, length(?1) + 1) = ?1 || char(9)"),
        (queue,),
    )
    return [number for [number] in rows]


def last_position(connection: sqlite3.Connection) -> int:
    """Give the position of the latest entry that there ever was."""
    found: int = connection.execute(
        "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entries' "
        "AND typeof(seq) = 'integer' AND seq BETWEEN 0 AND ?1), 0), "
        "coalesce((SELECT max(seq) FROM entries WHERE seq < ?1), 0), "
        "coalesce((SELECT max(seq) FROM queue INDEXED BY queue_by_seq WHERE seq < ?1), 0))",
        (POSITIONS,),
    ).fetchone()[0]
    return found or time.time_ns() // 1_000


Row = tuple[Any, ...]
"""What `take` reads: any of it may be damaged."""


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
    found = numbers(connection, consumer)
    if not found:
        return []
    rows = connection.execute(
        "SELECT q.consumer, q.seq, q.documents, q.rules, q.checksum, r.digest, "
        "e.written, e.name, e.protocol, e.bodies, e.event "
        # The order of the joins is fixed: along the queue.
        "FROM queue AS q LEFT JOIN entries AS e ON e.seq = q.seq "
        "LEFT JOIN rules AS r ON r.number = q.rules "
        f"WHERE q.consumer IN ({', '.join('?' * len(found))}) AND q.seq > ? "
        "ORDER BY q.seq LIMIT ?",
        # Nothing that is whole lies below 1.
        (*found, after or -(2**63), limit),
    )
    taken, size = [], 0
    for row in rows:
        taken.append(row)
        size += _weight(consumer, row[9], row[10], is_sealed=is_sealed)
        if size >= max_bytes:
            break
    rows.close()
    return taken


def _weight(consumer: str, bodies: object, event: object, *, is_sealed: bool) -> int:
    """Say how much an entry counts, or a little less when it is encrypted."""
    what = event if consumer == INBOX else bodies
    size = len(what) if isinstance(what, (bytes, str)) else 0
    # Base64 of the data and of 57 to 73 bytes more.
    return max(size * 3 // 4 - 75, 0) if is_sealed else size


def make_entries(
    consumer: str, rows: Iterable[Row], max_bytes: int, sealer: Sealer | None, checked_from: int
) -> tuple[list[Entry], list[Row]]:
    """
    Make entries of rows of `take`, until they make up *max_bytes*; give those that are damaged too.

    *checked_from* is the last position that an older version has written, without checksums.
    """
    entries: list[Entry] = []
    damaged: list[Row] = []
    size = 0
    for row in rows:
        if size >= max_bytes and entries:
            break
        number, position, documents, rules, checksum, digest, *columns = row
        is_whole = fits(checksum, _entry_sum, number, position, documents, rules, columns)
        written, name, protocol, bodies, event = columns
        is_old = (
            not is_whole
            and checksum is None
            and _is_old(position, checked_from, columns)
            and _can_be_told(consumer, documents, bodies, sealer)
        )
        if not (is_whole or is_old):
            damaged.append(row)
            continue
        if sealer is not None:
            bodies, event = sealer.unseal(bodies), sealer.unseal(event)
        size += _weight(consumer, bodies, event, is_sealed=False)
        entries.append(
            Entry(
                position=position,
                # By rules that cannot be told it is looked at anew.
                rules=digest if isinstance(digest, str) else "",
                name=name,
                protocol=protocol,
                bodies=tuple(bodies.split(b"\n")) if bodies else (),
                event=event,
                written=written,
            )
        )
    return entries, damaged


def _is_old(position: object, checked_from: int, columns: Sequence[object]) -> bool:
    """Tell whether an entry without checksum is of an older version, and can be read."""
    return (
        isinstance(position, int)
        and position <= checked_from
        and tuple(map(type, columns)) == (float, str, str, bytes, bytes)
    )


def _can_be_told(consumer: str, documents: object, bodies: bytes, sealer: Sealer | None) -> bool:
    """Tell whether an entry of an older version has as many documents as it says, each JSON."""
    if consumer == INBOX:
        return documents == 1
    plain = bodies if sealer is None else sealer.unseal(bodies)
    lines = plain.split(b"\n") if plain else []
    return documents == len(lines) and all(map(_is_object, lines))


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def bury(writer: Writer, rows: Iterable[Row]) -> dict[int, int]:
    """
    Take damaged rows of `take` out of their queues; give how many documents each had, by its index.

    Raises:
        Damage: they do not go, so that it is more than these rows.
    """
    buried: dict[int, int] = {}
    for index, (consumer, seq, documents, _, _, _, *columns) in enumerate(rows):
        connection = writer.connection
        gone = connection.execute(
            "DELETE FROM queue WHERE consumer = ? AND seq = ?", (consumer, seq)
        ).rowcount
        if not gone:
            # Somebody else was here before, or the table is out of order and has to be read whole.
            if connection.execute(
                "SELECT 1 FROM queue NOT INDEXED WHERE +consumer IS ? AND +seq IS ?",
                (consumer, seq),
            ).fetchone():
                raise Damage("an entry cannot be taken out of its queue")
            continue
        connection.execute(
            "DELETE FROM entries WHERE seq = ?1 "
            "AND NOT EXISTS (SELECT 1 FROM queue WHERE seq = ?1)",
            (seq,),
        )
        bodies = columns[3]
        number = documents
        if not isinstance(number, int) or not 0 < number <= _MOST_DOCUMENTS:
            number = bodies.count(b"\n") + 1 if isinstance(bodies, bytes) and bodies else 1
        buried[index] = number
        writer.count(consumer, {"dead": number, f"dead:{DAMAGED}": number})
    for consumer in {row[0] for row in rows}:
        balance(writer, consumer)
    return buried


def checked_from(connection: sqlite3.Connection) -> int:
    """Give the last position that an older version has written, without checksums."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'checked_from'").fetchone()
    return int(row[0]) if row is not None and isinstance(row[0], int) else 0


def balance(writer: Writer, consumer: int) -> int:
    """
    Count as dropped what is neither in a queue nor accounted for; give how much that is.

    What there is too much of is counted as enqueued, and given as a number below 0.
    """
    number = _missing(writer.connection, consumer)
    if number > 0:
        writer.count(consumer, {"dropped": number, f"dropped:{DAMAGED}": number})
    elif number < 0:
        writer.count(consumer, {"enqueued": -number})
    return number


def _missing(connection: sqlite3.Connection, consumer: int) -> int:
    [missing] = connection.execute(
        "SELECT (SELECT coalesce(sum(CASE name WHEN 'enqueued' THEN number "
        "WHEN 'delivered' THEN -number WHEN 'dead' THEN -number WHEN 'dropped' THEN -number "
        f"ELSE 0 END), 0) FROM counts WHERE consumer = ?1 AND {_SANE.format('number')}) "
        f"- (SELECT coalesce(sum({_DOCUMENTS}), 0) FROM queue WHERE consumer = ?1)",
        (consumer,),
    ).fetchone()
    return int(missing)


def is_balanced(connection: sqlite3.Connection) -> bool:
    """Tell whether the counts of all queues add up."""
    found = connection.execute("SELECT number FROM consumers").fetchall()
    return not any(_missing(connection, number) for [number] in found)


def balance_all(writer: Writer) -> None:
    """Set the counts of all queues right, as `balance` does those of one."""
    for [number] in writer.connection.execute("SELECT number FROM consumers").fetchall():
        if balance(writer, number) < 0:
            # The count of what was enqueued is not what it was.
            writer.note("damaged_unknown", 1)


def find_trouble(connection: sqlite3.Connection) -> bool:
    """
    Tell whether the tables do not fit together, which no checksum of SQLite's pages would tell.

    Entries that nobody waits for, queues of nobody, and counts that are none.
    """
    found: int = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM entries WHERE NOT EXISTS "
        "(SELECT 1 FROM queue WHERE queue.seq = entries.seq)) "
        "OR EXISTS (SELECT 1 FROM queue WHERE NOT EXISTS "
        "(SELECT 1 FROM consumers WHERE number = queue.consumer)) "
        f"OR EXISTS (SELECT 1 FROM counts WHERE NOT ({_SANE.format('number')}) "
        f"OR typeof(name) <> 'text' OR NOT {_NAMED}) "
        "OR EXISTS (SELECT 1 FROM queue WHERE typeof(seq) <> 'integer' OR seq NOT BETWEEN 1 AND "
        f"{POSITIONS}) "
        "OR EXISTS (SELECT 1 FROM counts WHERE consumer NOT IN (SELECT number FROM consumers))"
    ).fetchone()[0]
    return bool(found)


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
            or not isinstance(row[1], float)
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


def counts(connection: sqlite3.Connection, queue: str) -> dict[str, int]:
    """Count documents, in one statement, so that the numbers belong together."""
    found = numbers(connection, queue)
    marks = ", ".join("?" * len(found))
    rows = connection.execute(
        f"SELECT name, sum(number) FROM counts WHERE consumer IN ({marks}) "
        f"AND typeof(name) = 'text' AND {_SANE.format('number')} GROUP BY name "
        f"UNION ALL SELECT 'pending', coalesce(sum({_DOCUMENTS}), 0) "
        f"FROM queue WHERE consumer IN ({marks})",
        (*found, *found),
    )
    return dict.fromkeys(("enqueued", "delivered", "dead", "dropped", "pending"), 0) | dict(
        rows.fetchall()
    )


def queues(connection: sqlite3.Connection) -> set[str]:
    """Give the names of the queues that are not empty; ``?`` and a number: the name is damaged."""
    return {
        name if _is_named(name, checksum) else f"?{number}"
        for number, name, checksum in connection.execute(
            "SELECT number, id, checksum FROM consumers WHERE EXISTS "
            "(SELECT 1 FROM queue WHERE consumer = consumers.number)"
        )
    }


def oldest(connection: sqlite3.Connection, queue: str) -> float | None:
    """Say when the first entry in a queue was written; 0.0: there is one, but it cannot tell."""
    found = numbers(connection, queue)
    row = connection.execute(
        "SELECT written FROM queue LEFT JOIN entries USING (seq) "
        f"WHERE consumer IN ({', '.join('?' * len(found))}) ORDER BY seq LIMIT 1",
        found,
    ).fetchone()
    if row is None:
        return None
    return row[0] if isinstance(row[0], float) else 0.0


def describe(connection: sqlite3.Connection) -> dict[str, int]:
    """Give the numbers of the file as a whole."""
    page_size, pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    notes = connection.execute(
        "SELECT key, value FROM meta WHERE typeof(value) = 'integer' AND typeof(key) = 'text'"
    )
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
