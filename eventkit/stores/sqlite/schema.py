"""The tables of a store, how older ones become newer ones, and whose file it is."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from zlib import crc32

from eventkit.base.sealing import Sealer
from eventkit.exceptions import ConfigurationError
from eventkit.stores.sqlite.file import Damage
from eventkit.stores.sqlite.queue import content_sum, fits

APPLICATION = 0x45764B74
"""Written into the file's header, so that no other program's database is taken for a store."""

STEPS: tuple[tuple[str, ...], ...] = (
    # 1: queues. An entry is there once, however many consumers wait for it.
    (
        """
        CREATE TABLE entries (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            written REAL NOT NULL,
            name TEXT NOT NULL,
            protocol TEXT NOT NULL,
            bodies BLOB NOT NULL,
            event BLOB NOT NULL
        )
        """,
        """
        CREATE TABLE consumers (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            lease_owner TEXT,
            lease_until REAL
        )
        """,
        "CREATE TABLE rules (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE)",
        """
        CREATE TABLE queue (
            consumer INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            documents INTEGER NOT NULL,
            rules INTEGER NOT NULL,
            PRIMARY KEY (consumer, seq)
        ) WITHOUT ROWID
        """,
        # Tells who else waits for an entry. Counting that in the entry would rewrite its documents.
        "CREATE INDEX queue_by_seq ON queue (seq)",
        """
        CREATE TABLE counts (
            consumer INTEGER NOT NULL,
            name TEXT NOT NULL,
            number INTEGER NOT NULL,
            PRIMARY KEY (consumer, name)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    ),
    # 2: dead letters.
    (
        """
        CREATE TABLE letters (
            id TEXT PRIMARY KEY,
            time REAL NOT NULL,
            consumer TEXT NOT NULL,
            reason TEXT NOT NULL,
            letter BLOB NOT NULL
        )
        """,
        "CREATE INDEX letters_by_time ON letters (time, id)",
    ),
    # 3: checksums. What lies there already has none; it ends at that position.
    (
        "ALTER TABLE entries ADD COLUMN checksum INTEGER",
        "ALTER TABLE queue ADD COLUMN checksum INTEGER",
        "ALTER TABLE consumers ADD COLUMN checksum INTEGER",
        "ALTER TABLE letters ADD COLUMN checksum INTEGER",
        """
        INSERT OR REPLACE INTO meta (key, value)
        SELECT 'checked_from', seq FROM sqlite_sequence WHERE name = 'entries'
        """,
    ),
)
"""What takes a file from one version to the next; a new file takes all steps."""

_MARKS = ((b"entries", b"bodies"), (b"letters", b"reason"), (b"entries", b"checksum"))
"""What each step brings: a table, and what stands in it."""

_LATEST = 1_000
"""Numbers of versions that there may ever be; what lies above is damage."""

_CHECK = b"eventkit"


def version(connection: sqlite3.Connection, path: Path) -> int:
    """
    Say which version the file has; 0: it is empty.

    Raises:
        ConfigurationError: it is another program's, or a later version of this one made it.
        Damage: the header is not what it was.
    """
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = _tables(connection)
    made = _made(tables)
    if owner != APPLICATION and (owner or found or tables):
        if made:
            raise Damage("the header does not fit the tables")
        raise ConfigurationError(
            f"path: {path} is the database of another program; name a file of its own"
        )
    if len(STEPS) < found < _LATEST:
        raise ConfigurationError(
            f"path: {path} was written by a later version of eventkit (format {found}, this one "
            f"knows {len(STEPS)}); install that version, or name another file"
        )
    if min(found, len(_MARKS)) != made:
        raise Damage("the header does not fit the tables")
    return found


def _tables(connection: sqlite3.Connection) -> dict[bytes, bytes]:
    """Give the tables and how they were made, as bytes, for they may be damaged."""
    return {
        name or b"": sql or b""
        for name, sql in connection.execute(
            "SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master WHERE type = 'table'"
        )
    }


def _made(tables: dict[bytes, bytes]) -> int:
    """Tell by the tables themselves which version made them; 0: none of ours."""
    return sum(mark in tables.get(name, b"") for name, mark in _MARKS)


def set_up(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the present version, all steps or none. Nobody else may do it meanwhile."""
    if version(connection, path) == 0:
        # Both must come before the first table. An entry has some kilobytes: it fits into a page.
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    try:
        first = version(connection, path)
        for step in STEPS[first:]:
            for statement in step:
                connection.execute(statement)
        if first == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            start_positions(connection, time.time_ns() // 1_000)
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def start_positions(connection: sqlite3.Connection, last: int) -> None:
    """
    Have positions go on behind *last*.

    They begin at the microseconds since 1970: should the file be deleted or lost, the positions of
    the next one lie behind all of this one, and nobody who reads on from a position misses any.
    """
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entries'")
    connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('entries', ?)", (last,))


def check_key(connection: sqlite3.Connection, path: Path, sealer: Sealer | None) -> None:
    """
    Check that the store was made with this key.

    Raises:
        ConfigurationError: it was not, or only one of the two has a key.
    """
    row = connection.execute("SELECT value FROM meta WHERE key = 'sealed_check'").fetchone()
    if sealer is not None and _opens_something(connection, sealer, row):
        return
    if row is not None and sealer is not None:
        raise ConfigurationError(
            f"key: it is not the key of the store {path}; give the one that it was made with "
            "(first the new key and then the old one, to change it)"
        )
    if row is not None:
        raise ConfigurationError(
            f"key: the store {path} is encrypted; give the key that it was made with"
        )
    if sealer is not None and not is_empty(connection):
        raise ConfigurationError(
            f"key: the store {path} was made without a key and is not empty; use it without one "
            "until it is, or name another file"
        )


def write_check(connection: sqlite3.Connection, sealer: Sealer) -> None:
    """Keep something that only this key can read."""
    connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('sealed_check', ?)",
        (sealer.seal(_CHECK),),
    )


def is_empty(connection: sqlite3.Connection) -> bool:
    """Tell whether there is nothing that a key could have sealed."""
    return not connection.execute(
        "SELECT EXISTS (SELECT 1 FROM entries) OR EXISTS (SELECT 1 FROM letters)"
    ).fetchone()[0]


def _opens_something(
    connection: sqlite3.Connection, sealer: Sealer, row: tuple[object] | None
) -> bool:
    """
    Tell whether the key opens what was kept to check it or, as that may be damaged, the rest.

    The rest is the oldest entries and letters that are whole: the key must open all of these, and
    there must be some.
    """
    if row is not None and _opens(row[0], sealer) == _CHECK:
        return True
    try:
        entries = connection.execute(
            "SELECT written, name, protocol, bodies, event, checksum FROM entries "
            "ORDER BY seq LIMIT 1000"
        ).fetchall()
        letters = connection.execute("SELECT letter, checksum FROM letters LIMIT 1000").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        # Not with a key that may be wrong is a damaged file replaced.
        return False
    whole = [columns[4] for *columns, written in entries if fits(written, content_sum, *columns)]
    whole += [letter for letter, written in letters if fits(written, crc32, letter)]
    return bool(whole) and all(_opens(each, sealer) is not None for each in whole)


def _opens(value: object, sealer: Sealer) -> bytes | None:
    try:
        return sealer.unseal(value) if isinstance(value, bytes) else None
    except ConfigurationError:
        return None
