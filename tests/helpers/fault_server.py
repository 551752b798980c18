"""
A small LRS on loopback that goes wrong on demand.

Without a script it behaves: it stores statements whole batches at a time, answers 204 for what is
there already, 409 for another statement with the same id, and whatever a test's *rule* says. Each
entry of the script replaces the answer to one request.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

PATIENCE = 20.0
"""Seconds after which a test gives up waiting; reached only when something is broken."""


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def statements(self) -> list[dict[str, Any]]:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        return [statement["id"] for statement in self.statements]

    @property
    def envelope(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def numbers(self) -> list[int]:
        """The numbers that the events of the envelope carry."""
        return [event["extensions"]["n"] for event in self.envelope["data"]]


Action = Callable[["FaultServer", socket.socket, Request], bool]
"""Answers one request; False ends the connection."""
Rule = Callable[[Request], "tuple[int, bytes] | None"]


def respond(status: int, body: bytes = b"", **headers: str) -> Action:
    """Answer with *status*, and store nothing."""

    def action(server: FaultServer, connection: socket.socket, request: Request) -> bool:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return True

    return action


def behave(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Answer as an LRS does."""
    status, body = server.decide(request)
    return respond(status, body)(server, connection, request)


def caliper(
    configuration: Action | int | object = 404, *faults: Action, rule: Rule | None = None
) -> Action:
    """
    Behave as a Caliper endpoint, after an envelope each for the *faults*.

    GET is answered with *configuration*: an action, a status, or what is published.
    """
    waiting = deque(faults)

    def action(server: FaultServer, connection: socket.socket, request: Request) -> bool:
        answer: Action
        if request.method == "GET":
            if callable(configuration):
                answer = configuration
            elif isinstance(configuration, int):
                answer = respond(configuration)
            else:
                answer = respond(200, json.dumps(configuration).encode())
        elif waiting:
            answer = waiting.popleft()
        elif rule and (found := rule(request)):
            answer = respond(*found)
        else:
            with server.changed:
                server.stored |= {event["id"]: event for event in request.envelope["data"]}
                server.changed.notify_all()
            answer = respond(200)
        return answer(server, connection, request)

    return action


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Break the connection without an answer, having stored nothing."""
    _reset(connection)
    return False


def store_and_reset(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Store the statements, and break the connection before anybody hears of it."""
    server.decide(request)
    _reset(connection)
    return False


def hang(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Say nothing until the server is stopped or released."""
    server.released.wait(PATIENCE)
    return False


def drip_headers(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Send a byte of a header now and then, for ever."""
    return _drip(server, connection, b"HTTP/1.1 200 OK\r\nX-Slow: ")


def drip_body(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Send the header at once, and then a byte of the body now and then."""
    return _drip(server, connection, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[")


def _drip(server: FaultServer, connection: socket.socket, start: bytes) -> bool:
    connection.sendall(start)
    while not server.released.wait(0.02):
        connection.sendall(b" ")
    return False


def endless(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Send a body that does not end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not server.released.is_set():
        connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    return False


def cut_short(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Promise more body than there is."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n["')
    return False


def garbage(server: FaultServer, connection: socket.socket, request: Request) -> bool:
    """Answer with something that is no HTTP."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
    return False


@dataclass
class FaultServer:
    script: deque[Action] = field(default_factory=deque)
    rule: Rule | None = None
    """Gives status and body for a request of its own account, or None: behave."""
    default: Action = behave
    tls: ssl.SSLContext | None = None
    authorization: str | None = None
    """The only credentials that are let in."""
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/xapi"

    def wait_for(self, predicate: Callable[[], object]) -> None:
        """Wait until a request or stored statement makes *predicate* true, else fail."""
        with self.changed:
            assert self.changed.wait_for(predicate, PATIENCE), "waited in vain"

    def stop(self) -> None:
        self.released.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.changed:
            for connection in self._open:
                connection.close()

    def decide(self, request: Request) -> tuple[int, bytes]:
        """Give the answer of a well-behaved LRS, and store what it stores."""
        with self.changed:
            if self.authorization and request.headers.get("authorization") != self.authorization:
                return 401, b"who are you?"
            if request.method == "GET":
                return self._get(request)
            if request.path != "/xapi/statements":
                return 404, b"nothing here"
            if self.rule and (answer := self.rule(request)):
                return answer
            if len(set(request.ids)) < len(request.ids):
                return 400, b"equal ids"
            fresh = {}
            for statement in request.statements:
                before = self.stored.get(statement["id"])
                if before is None:
                    fresh[statement["id"]] = statement
                elif before != statement:
                    return 409, b"another statement has this id"
            self.stored |= fresh
            self.changed.notify_all()
            # As some real ones do, it names only those that are new.
            return (200, json.dumps(list(fresh)).encode()) if fresh else (204, b"")

    def _get(self, request: Request) -> tuple[int, bytes]:
        path, _, query = request.path.partition("?")
        if path.endswith("/about"):
            return 200, b'{"version": ["1.0.3"]}'
        wanted = parse_qs(query).get("statementId")
        if not wanted:
            # It knows no other question.
            return 200, b"{}"
        found = self.stored.get(wanted[0])
        return (404, b"none") if found is None else (200, json.dumps(found).encode())

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self.changed:
                self._open.append(connection)
                self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        with connection:
            try:
                stream = connection.makefile("rb")
                while request := _read(stream):
                    with self.changed:
                        self.requests.append(request)
                        action = self.script.popleft() if self.script else self.default
                        self.changed.notify_all()
                    if not action(self, connection, request):
                        # A reader would keep the socket open beyond this connection's end.
                        stream.close()
                        return
            except (OSError, ValueError):
                return


def _read(stream: Any) -> Request | None:
    line = stream.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers = {}
    while (header := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Request(line[0], line[1], headers, stream.read(int(headers.get("content-length", "0"))))


@contextmanager
def serving(**settings: Any) -> Iterator[FaultServer]:
    """Run a server for the length of a test."""
    server = FaultServer(**settings)
    try:
        yield server
    finally:
        server.stop()


def unused_port() -> int:
    """Give a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class FastClock:
    """A clock on which waiting takes no time: each wait is noted, and moves the clock on."""

    def __init__(self, chance: float = 1.0) -> None:
        self.waits: list[float] = []
        self.chance = chance
        self._ahead = 0.0

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def random(self) -> float:
        return self.chance

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        self.waits.append(seconds)
        self._ahead += seconds
        condition.wait(0.001)
        return False
