"""The embedded LRS's statements, in SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from eventkit.typing import Json


class Conflict(Exception):
    """The statement at *index* has the id of another that is stored."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class Query(NamedTuple):
    """What to look for; empty means anything, a *limit* of 0 means all."""

    verb: str = ""
    activity: str = ""
    since: datetime | None = None
    until: datetime | None = None
    ascending: bool = False
    limit: int = 0
    cursor: int = 0


class StatementStore:
    """Statements in SQLite."""

    def __init__(self, database: str | Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            """
            CREATE TABLE IF NOT EXISTS statements (
                position INTEGER PRIMARY KEY,
                id TEXT NOT NULL UNIQUE,
                arrived REAL NOT NULL,
                verb TEXT NOT NULL,
                object TEXT,
                sent TEXT NOT NULL,
                added TEXT NOT NULL
            )
            """
        )

    def add(self, statements: Iterable[Json], authority: Json) -> None:
        """
        Store *statements*, or none of them; those that are there already are left alone.

        Raises:
            Conflict: a statement of that id is there, and it is another.
        """
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            # Taken under the lock, so that the order of times is the order of arrival.
            now = datetime.now(UTC)
            stored = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
            added = {"stored": stored, "authority": authority}
            for index, statement in enumerate(statements):
                sent = {key: value for key, value in statement.items() if key not in added}
                sent.setdefault("version", "1.0.0")
                row = self._db.execute(
                    "SELECT sent FROM statements WHERE id = ?", (sent["id"].lower(),)
                ).fetchone()
                if row is None:
                    self._insert(sent, {"timestamp": stored} | added, now.timestamp())
                elif json.loads(row[0]) != sent:
                    raise Conflict(index)

    def _insert(self, sent: Json, added: Json, arrived: float) -> None:
        self._db.execute(
            "INSERT INTO statements (id, arrived, verb, object, sent, added) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                sent["id"].lower(),
                arrived,
                sent["verb"]["id"],
                sent["object"].get("id"),
                json.dumps(sent),
                json.dumps(added),
            ),
        )

    def get(self, statement_id: str) -> Json | None:
        """Find one statement by its id."""
        with self._lock:
            row = self._db.execute(
                "SELECT added, sent FROM statements WHERE id = ?", (statement_id.lower(),)
            ).fetchone()
        return None if row is None else joined(row)

    def find(self, query: Query) -> list[Json]:
        """Find the statements that *query* asks for."""
        return [joined(row[1:]) for row in self.rows(query)]

    def rows(self, query: Query) -> list[tuple[int, str, str]]:
        """Find the rows that *query* asks for: position, what was added, what was sent."""
        after, order = (">", "ASC") if query.ascending else ("<", "DESC")
        conditions = {
            "verb = ?": query.verb,
            "object = ?": query.activity,
            "arrived > ?": query.since and query.since.timestamp(),
            "arrived <= ?": query.until and query.until.timestamp(),
            f"position {after} ?": query.cursor,
        }
        conditions = {text: value for text, value in conditions.items() if value}
        where = " AND ".join(conditions) or "1"
        with self._lock:
            return self._db.execute(
                f"SELECT position, added, sent FROM statements WHERE {where} "  # noqa: S608 - ours
                f"ORDER BY position {order} LIMIT ?",
                (*conditions.values(), query.limit or -1),
            ).fetchall()

    def arrivals(self) -> dict[str, float]:
        """Give the time of arrival by id."""
        with self._lock:
            return dict(
                self._db.execute("SELECT id, arrived FROM statements ORDER BY position").fetchall()
            )

    def settle(self) -> None:
        """Leave one file behind that is complete in itself."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode = DELETE")


def joined(row: tuple[str, str]) -> Json:
    """Put together what was added and what was sent."""
    added, sent = map(json.loads, row)
    return {**added, **sent}
