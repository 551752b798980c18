"""A server on the loopback address, for receivers that a demonstration or a test runs."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import attrs

from eventkit.base.throttle import SafeLogger, describe

_HOST = "127.0.0.1"

_MAX_DIGITS = 15
_MAX_DRAINED = 100_000_000
_CHUNK = 1 << 16
_IDLE = 60.0
_PATIENCE = 5.0

logger = SafeLogger(__name__)


@attrs.frozen
class Request:
    """What a client wants, whole."""

    method: str
    target: str
    """Path and query."""
    headers: Message = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class Reply:
    """What the client gets; *content* is JSON, None is nothing."""

    status: HTTPStatus
    content: Any = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict)


class Refused(Exception):
    """The answer to a request that cannot be granted."""

    def __init__(
        self, status: HTTPStatus, reason: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


class LocalReceiver:
    """
    What serves from the moment it is made until `stop`; also a context manager.

    Args:
        path: where it takes what it is sent.

        auth: the token that Bearer authentication must give, or user and password for Basic; None
            asks for none.

        port: the port on the loopback address; 0 takes a free one.

        max_body: the size in bytes above which a request is refused.
    """

    def __init__(
        self, path: str, auth: str | tuple[str, str] | None, *, port: int, max_body: int
    ) -> None:
        self._path = path
        self._credentials = credentials(auth)
        self._server = LoopbackServer(self._answer, self._refuse, port=port, max_body=max_body)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.address[1]

    @property
    def url(self) -> str:
        """Its address, as a consumer's ``url`` wants it."""
        host, port = self._server.address
        return f"http://{host}:{port}{self._path}"

    def stop(self) -> None:
        """Stop serving and hang up on everybody. May be called again."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def _refuse(self, refusal: Refused) -> Reply:
        raise NotImplementedError

    def _check_credentials(self, request: Request) -> None:
        given = request.headers.get("Authorization", "")
        wanted = self._credentials
        if wanted and not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "wrong or missing credentials",
                {"WWW-Authenticate": f'{wanted.partition(" ")[0]} realm="eventkit"'},
            )


def credentials(auth: str | tuple[str, str] | None) -> str:
    """Give the header that a request must have; ``""``: none."""
    if auth is None:
        return ""
    if isinstance(auth, str):
        return f"Bearer {auth}"
    return "Basic " + base64.b64encode(":".join(auth).encode()).decode()


class LoopbackServer:
    """
    Serve from the moment it is made until `stop`.

    Args:
        answer: gives the reply to a request, or raises `Refused`. Called from several threads.

        refuse: gives the reply to a request that was refused, or that a bug has kept from being
            answered.

        port: the port on the loopback address; 0 takes a free one.

        max_body: the size in bytes above which a request is refused.
    """

    def __init__(
        self,
        answer: Callable[[Request], Reply],
        refuse: Callable[[Refused], Reply],
        *,
        port: int,
        max_body: int,
    ) -> None:
        self._server = _Server((_HOST, port), answer, refuse, max_body)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="eventkit-receiver", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port that it listens on."""
        host, port = self._server.server_address[:2]
        return str(host), port

    def stop(self) -> bool:
        """Stop serving and hang up on everybody; False when that has been done before."""
        if not self._thread.is_alive():
            return False
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Senders connect in bursts; the default of 5 makes them wait a second for a second try.
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[Request], Reply],
        refuse: Callable[[Refused], Reply],
        max_body: int,
    ) -> None:
        self.answer = answer
        self.refuse = refuse
        self.max_body = max_body
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
        try:
            # Before anything is refused, or the rest of the body would pass for the next request.
            body = self._body()
            reply = self.server.answer(Request(self.command, self.path, self.headers, body))
        except Refused as refusal:
            reply = self.server.refuse(refusal)
        except OSError:
            # The connection is gone; there is nobody to answer.
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client hears of it
            logger.error("a request failed: %s", describe(error))  # noqa: TRY400 - no payloads
            bug = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a bug")
            reply = self.server.refuse(bug)
        payload = b"" if reply.content is None else json.dumps(reply.content).encode()
        headers = dict(reply.headers)
        if reply.content is not None:
            headers.setdefault("Content-Type", "application/json")
        if reply.status is not HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(payload))
        if self.close_connection:
            headers["Connection"] = "close"
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "" if self.command in ("POST", "PUT") else "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self.close_connection = True
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
        if len(length) > _MAX_DIGITS or int(length) > self.server.max_body:
            self.close_connection = True
            # A sender that is cut off while it sends does not see the answer.
            rest = min(int(length[:_MAX_DIGITS]), _MAX_DRAINED)
            while rest and (chunk := self.rfile.read1(min(rest, _CHUNK))):
                rest -= len(chunk)
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body has more than {self.server.max_body} bytes",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionError("the body ends before its Content-Length")
        return body


def parse(body: bytes) -> Any:
    """
    Read a body of JSON, which knows no NaN.

    Raises:
        ValueError, RecursionError: it is none.
    """
    return json.loads(body.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
