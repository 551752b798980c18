"""
A small LRS on this machine, for demonstrations, tests and trying things out.

It keeps xAPI 1.0.3 where a sender can tell the difference: credentials, the version header, all or
nothing, equal ids, and what a statement must look like. It listens on the loopback address only,
without TLS, and answers few queries: do not use it to keep records.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import socket
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID, uuid4

from eventkit._statement_store import Conflict, Query, StatementStore, joined
from eventkit._throttle import describe
from eventkit.source import utc
from eventkit.typing import Json
from eventkit.validation import InvalidStatement, validate_statement

VERSION = "1.0.3"

_HOST = "127.0.0.1"
_ROOT = "/xapi"
_MAX_LIMIT = 1000
_MAX_DIGITS = 15
_MAX_DRAINED = 100_000_000
_CHUNK = 1 << 16
_IDLE = 60.0
_PATIENCE = 5.0

logger = logging.getLogger(__name__)


class Receiver:
    """
    An LRS that serves from the moment it is made until `stop`; also a context manager.

    Args:
        database: the SQLite file that keeps the statements; ``":memory:"`` forgets them in the end.

        port: the port on the loopback address; 0 takes a free one.

        auth: user and password that Basic authentication must give; None asks for none.

        max_body: the size in bytes above which a request is refused.
    """

    def __init__(
        self,
        database: str | Path = ":memory:",
        port: int = 0,
        auth: tuple[str, str] | None = None,
        *,
        max_body: int = 20_000_000,
    ) -> None:
        self._store = StatementStore(database)
        self._server = _Server((_HOST, port), self._store, auth, max_body)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="eventkit-receiver", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """The xAPI endpoint, as a consumer's ``url`` wants it."""
        return f"http://{_HOST}:{self.port}{_ROOT}"

    def statements(self) -> list[Json]:
        """Give what is stored, in the order of arrival; also after `stop`."""
        return self._store.find(Query(ascending=True))

    def arrivals(self) -> dict[str, float]:
        """Give when each statement was stored, by its id, in seconds since 1970."""
        return self._store.arrivals()

    def stop(self) -> None:
        """Stop serving and hang up on everybody. May be called again."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server.hang_up()
            self._store.settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _Refused(Exception):
    """The answer to a request that cannot be granted."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Senders connect in bursts; the default of 5 makes them wait a second for a second try.
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        store: StatementStore,
        auth: tuple[str, str] | None,
        max_body: int,
    ) -> None:
        self.store = store
        self.max_body = max_body
        self.user = auth[0] if auth else "anonymous"
        self.credentials = (
            "Basic " + base64.b64encode(":".join(auth).encode()).decode() if auth else ""
        )
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="eventkit-receiver-connection",
            daemon=True,
        )
        self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        self._open.pop(request, None)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """
        End the connections that clients keep open, or they would still be answered.

        Whoever is being served gets the answer; it is the next request that nobody reads.
        """
        for connection, thread in list(self._open.items()):
            with suppress(OSError):  # The client was faster.
                connection.shutdown(socket.SHUT_RD)
            thread.join(_PATIENCE)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        logger.debug("a connection broke off")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "eventkit"
    sys_version = ""
    timeout = _IDLE
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base
        logger.debug(format, *args)

    def _answer(self) -> None:
        headers: dict[str, str] = {}
        try:
            # Before anything is refused, or the rest of the body would pass for the next request.
            body = self._body()
            status, content = self._route(body)
        except _Refused as refusal:
            status, content = refusal.status, {"error": refusal.reason}
            if status is HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = 'Basic realm="eventkit"'
        except Conflict as conflict:
            status = HTTPStatus.CONFLICT
            where = f"statements[{conflict.index}]"
            content = {"error": f"{where}: another statement with its id is stored already"}
        except (sqlite3.Error, RecursionError, TypeError, ValueError, LookupError) as error:
            logger.error("a request failed: %s", describe(error))  # noqa: TRY400 - no payloads
            status, content = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "this is a bug"}
        payload = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        if content is not None:
            self.send_header("Content-Type", "application/json")
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(payload)))
        self.send_header("X-Experience-API-Version", VERSION)
        self.send_header("X-Experience-API-Consistent-Through", datetime.now(UTC).isoformat())
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "" if self.command in ("POST", "PUT") else "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self.close_connection = True
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
        if len(length) > _MAX_DIGITS or int(length) > self.server.max_body:
            self.close_connection = True
            # A sender that is cut off while it sends does not see the answer.
            rest = min(int(length[:_MAX_DIGITS]), _MAX_DRAINED)
            while rest and (chunk := self.rfile.read1(min(rest, _CHUNK))):
                rest -= len(chunk)
            raise _Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body has more than {self.server.max_body} bytes",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError("the body ends before its Content-Length")
        return body

    def _route(self, body: bytes) -> tuple[HTTPStatus, Any]:
        address = urlsplit(self.path)
        if address.path == f"{_ROOT}/about" and self.command == "GET":
            return HTTPStatus.OK, {"version": [VERSION]}
        if address.path != f"{_ROOT}/statements":
            raise _Refused(HTTPStatus.NOT_FOUND, f"there is only {_ROOT}/statements and /about")
        self._check_headers()
        parameters = dict(parse_qsl(address.query, keep_blank_values=True))
        if self.command == "GET":
            return self._get(parameters)
        if self.command == "POST":
            return self._post(parameters, body)
        if self.command == "PUT":
            return self._put(parameters, body)
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "use GET, POST or PUT")

    def _check_headers(self) -> None:
        given = self.headers.get("Authorization", "")
        wanted = self.server.credentials
        if wanted and not hmac.compare_digest(given.encode(), wanted.encode()):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "wrong or missing credentials")
        version = self.headers.get("X-Experience-API-Version", "")
        if version != "1.0" and not version.startswith("1.0."):
            raise _Refused(HTTPStatus.BAD_REQUEST, f"X-Experience-API-Version must be {VERSION}")

    def _get(self, parameters: dict[str, str]) -> tuple[HTTPStatus, Any]:
        if "statementId" in parameters:
            if parameters.keys() - {"statementId", "format", "attachments"}:
                raise _Refused(HTTPStatus.BAD_REQUEST, "statementId goes with no other parameter")
            found = self.server.store.get(_uuid(parameters["statementId"], "statementId"))
            if found is None:
                raise _Refused(HTTPStatus.NOT_FOUND, "there is no such statement")
            return HTTPStatus.OK, found
        query = _parse_query(parameters)
        rows = self.server.store.rows(query._replace(limit=query.limit + 1))
        more = ""
        if len(rows) > query.limit:
            rows.pop()
            more = f"{_ROOT}/statements?" + urlencode({**parameters, "cursor": str(rows[-1][0])})
        return HTTPStatus.OK, {"statements": [joined(row[1:]) for row in rows], "more": more}

    def _post(self, parameters: dict[str, str], body: bytes) -> tuple[HTTPStatus, Any]:
        if parameters:
            raise _Refused(HTTPStatus.BAD_REQUEST, "POST takes no parameters")
        content = self._parse(body)
        statements = _checked(content if isinstance(content, list) else [content])
        self.server.store.add(statements, self._authority())
        return HTTPStatus.OK, [statement["id"] for statement in statements]

    def _put(self, parameters: dict[str, str], body: bytes) -> tuple[HTTPStatus, Any]:
        if parameters.keys() != {"statementId"}:
            raise _Refused(HTTPStatus.BAD_REQUEST, "PUT takes the parameter statementId, no other")
        statement_id = _uuid(parameters["statementId"], "statementId")
        content = self._parse(body)
        if not isinstance(content, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "PUT takes one statement")
        content.setdefault("id", statement_id)
        [statement] = _checked([content])
        if statement["id"].lower() != statement_id.lower():
            raise _Refused(HTTPStatus.BAD_REQUEST, "the statement's id is not statementId")
        self.server.store.add([statement], self._authority())
        return HTTPStatus.NO_CONTENT, None

    def _parse(self, body: bytes) -> Any:
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.BAD_REQUEST, "Content-Type must be application/json")
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed")
        try:
            return json.loads(body.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise _Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None

    def _authority(self) -> Json:
        home = f"http://{_HOST}:{self.server.server_port}{_ROOT}"
        return {
            "objectType": "Agent",
            "account": {"homePage": home, "name": self.server.user},
        }


def _checked(statements: list[Any]) -> list[Json]:
    """
    Give *statements* an id each, once they are valid.

    Raises:
        _Refused: one is not, or two have the same id; the reason names the index.
    """
    checked: list[Json] = []
    seen: dict[str, int] = {}
    for index, statement in enumerate(statements):
        where = f"statements[{index}]"
        if not isinstance(statement, Mapping):
            raise _Refused(HTTPStatus.BAD_REQUEST, f"{where}: must be an object")
        try:
            validate_statement(statement)
        except InvalidStatement as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"{where}: {error}") from None
        whole = {"id": str(uuid4()), **statement}
        first = seen.setdefault(whole["id"].lower(), index)
        if first != index:
            raise _Refused(
                HTTPStatus.BAD_REQUEST, f"{where}: has the same id as statements[{first}]"
            )
        checked.append(whole)
    return checked


def _parse_query(parameters: Mapping[str, str]) -> Query:
    unknown = parameters.keys() - {*Query._fields, "format", "attachments"}
    if unknown:
        raise _Refused(
            HTTPStatus.BAD_REQUEST, f"unsupported parameters: {', '.join(sorted(unknown))}"
        )
    return Query(
        verb=parameters.get("verb", ""),
        activity=parameters.get("activity", ""),
        since=_time(parameters, "since"),
        until=_time(parameters, "until"),
        ascending=parameters.get("ascending", "false").lower() == "true",
        limit=min(_number(parameters, "limit") or _MAX_LIMIT, _MAX_LIMIT),
        cursor=_number(parameters, "cursor"),
    )


def _time(parameters: Mapping[str, str], key: str) -> datetime | None:
    if key not in parameters:
        return None
    found = utc(parameters[key])
    if found is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{key}: must be a time of ISO 8601")
    return found


def _number(parameters: Mapping[str, str], key: str) -> int:
    value = parameters.get(key, "0")
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{key}: must be a whole number, not negative")
    return int(value)


def _uuid(value: str, key: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{key}: must be a UUID") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
