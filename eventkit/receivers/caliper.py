"""
A small Caliper endpoint on this machine, for demonstrations, tests and trying things out.

It keeps Caliper 1.2 where a sender can tell the difference: credentials, content type, version,
what an envelope and each event in it must look like, and the configuration that it publishes. It
listens on the loopback address only, without TLS: do not use it to keep records.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eventkit.events.shapes.caliper import CONTEXT
from eventkit.receivers.serving import LocalReceiver, Refused, Reply, Request, parse
from eventkit.typing import Json
from eventkit.validation.caliper import envelope_errors, event_errors

_PATH = "/caliper"
_KILOBYTE = 1000
_MAX_TOLD = 3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS envelopes (position INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    arrived REAL NOT NULL,
    body TEXT NOT NULL
);
"""


class CaliperReceiver(LocalReceiver):
    """
    A Caliper endpoint that serves from the moment it is made until `stop`; also a context manager.

    It takes events only. One that comes again, in the same words, is taken and kept once.

    Args:
        database: the SQLite file that keeps the events; ``":memory:"`` forgets them in the end.

        port: the port on the loopback address; 0 takes a free one.

        auth: the token that Bearer authentication must give, or user and password for Basic; None
            asks for none.

        max_body: the size in bytes above which an envelope is refused; in whole kilobytes it is
            part of the configuration that is published.

        versions: the context IRIs that are published as supported. Only events of Caliper 1.2 are
            taken all the same.
    """

    def __init__(
        self,
        database: str | Path = ":memory:",
        port: int = 0,
        auth: str | tuple[str, str] | None = None,
        *,
        max_body: int = 1_000_000,
        versions: Sequence[str] = (CONTEXT,),
    ) -> None:
        self._store = _Store(database)
        self._configuration: Json = {
            "caliperSupportedVersions": list(versions),
            "caliperMaximumPayloadSize": max_body // _KILOBYTE,
        }
        super().__init__(_PATH, auth, port=port, max_body=max_body)

    def events(self) -> list[Json]:
        """Give the events, each once, in the order of arrival; also after `stop`."""
        return self._store.events()

    def envelopes(self) -> list[Json]:
        """Give the envelopes as they came, in the order of arrival; also after `stop`."""
        return self._store.envelopes()

    def arrivals(self) -> dict[str, float]:
        """Give when each event was stored, by its id, in seconds since 1970."""
        return self._store.arrivals()

    def _answer(self, request: Request) -> Reply:
        if urlsplit(request.target).path != _PATH:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is only {_PATH}")
        self._check_credentials(request)
        if request.method == "GET":
            return Reply(HTTPStatus.OK, self._configuration)
        if request.method != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "use GET or POST")
        self._store.add(_envelope(request))
        return Reply(HTTPStatus.OK)

    def _refuse(self, refusal: Refused) -> Reply:
        return _problem(refusal)


def _problem(refusal: Refused) -> Reply:
    """Tell why, as RFC 7807 has it."""
    content = {
        "type": "about:blank",
        "title": refusal.status.phrase,
        "status": refusal.status.value,
        "detail": refusal.reason,
    }
    headers = {"Content-Type": "application/problem+json"}
    return Reply(refusal.status, content, {**headers, **refusal.headers})


def _envelope(request: Request) -> Json:
    """
    Read an envelope, and make sure that it and everything in it is valid.

    Raises:
        Refused: it is not; the reason names the index, and no values.
    """
    if request.headers.get_content_type() != "application/json":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
    try:
        envelope = parse(request.body)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(envelope, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is no envelope: it is no object")
    version = envelope.get("dataVersion")
    if isinstance(version, str) and version != CONTEXT:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"dataVersion must be {CONTEXT}")
    if errors := envelope_errors(envelope):
        raise Refused(HTTPStatus.BAD_REQUEST, _told(errors))
    errors = [
        f"data[{index}].{error}"
        for index, event in enumerate(envelope["data"])
        for error in event_errors(event)
    ]
    if errors:
        raise Refused(HTTPStatus.BAD_REQUEST, _told(errors))
    return envelope


def _told(errors: Sequence[str]) -> str:
    more = f"; and {len(errors) - _MAX_TOLD} more" if len(errors) > _MAX_TOLD else ""
    return "; ".join(errors[:_MAX_TOLD]) + more


class _Store:
    """Envelopes and events in SQLite."""

    def __init__(self, database: str | Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        self._db.executescript(_SCHEMA)

    def add(self, envelope: Json) -> None:
        """
        Store an envelope and its events, or nothing of it.

        Raises:
            Refused: an event has the id of another one.
        """
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("INSERT INTO envelopes (body) VALUES (?)", (json.dumps(envelope),))
            now = time.time()
            for index, event in enumerate(envelope["data"]):
                body = json.dumps(event)
                self._db.execute(
                    "INSERT OR IGNORE INTO events (id, arrived, body) VALUES (?, ?, ?)",
                    (event["id"], now, body),
                )
                [[kept]] = self._db.execute("SELECT body FROM events WHERE id = ?", (event["id"],))
                if json.loads(kept) != event:
                    raise Refused(
                        HTTPStatus.CONFLICT, f"data[{index}].id: it is that of another event"
                    )

    def events(self) -> list[Json]:
        return list(self._bodies("SELECT body FROM events ORDER BY position"))

    def envelopes(self) -> list[Json]:
        return list(self._bodies("SELECT body FROM envelopes ORDER BY position"))

    def arrivals(self) -> dict[str, float]:
        with self._lock:
            return dict(self._db.execute("SELECT id, arrived FROM events ORDER BY position"))

    def _bodies(self, query: str) -> Iterator[Any]:
        with self._lock:
            rows: Iterable[tuple[str]] = self._db.execute(query).fetchall()
        return (json.loads(body) for (body,) in rows)
