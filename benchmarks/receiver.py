"""
A record store that does next to nothing, so that senders are what is measured.

    python -m benchmarks.receiver [--core N]

It prints its port. It keeps connections open, reads statements, answers with their ids, and
remembers when each arrived by the clock that all processes of the machine share. What is posted
below ``/hang/`` is never answered. ``GET /control/close`` keeps further answers back until
``/control/open``, ``/control/arrivals`` gives what has arrived, ``/control/reset`` forgets it.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import subprocess
import time
from types import TracebackType
from typing import Any, Self

from benchmarks.install import ENVIRONMENTS, ROOT
from benchmarks.worker import pin

_HEAD = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class _State:
    """What the receiver knows."""

    def __init__(self) -> None:
        self.arrivals: dict[str, int] = {}
        self.requests = 0
        self.documents = 0
        self.is_open = asyncio.Event()
        self.is_open.set()


def _ids(body: bytes) -> list[str]:
    import orjson

    found = orjson.loads(body)
    documents = found if isinstance(found, list) else [found]
    return [str(document.get("id", "")) for document in documents]


class _Connection(asyncio.Protocol):
    """One connection: requests come one after the other."""

    def __init__(self, state: _State) -> None:
        self.state = state
        self.data = bytearray()
        self.transport: asyncio.WriteTransport | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        if isinstance(transport, asyncio.WriteTransport):
            self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - of asyncio
        """Let go of answers that nobody waits for."""
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Collect a request; handle it when it is whole."""
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.data[:end])
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                elif name.lower() == b"expect":
                    self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self.data) < end + 4 + length:
                return
            body = bytes(self.data[end + 4 : end + 4 + length])
            del self.data[: end + 4 + length]
            self._handle(head.split(b" ", 2), body)

    def _handle(self, head: list[bytes], body: bytes) -> None:
        now = time.monotonic_ns()
        method, path = head[0], head[1].decode()
        if path.startswith("/control/"):
            self._answer(200, self._control(path.removeprefix("/control/")))
        elif path.startswith("/hang/"):
            pass
        elif method == b"GET":
            self._answer(200, b'{"version":["1.0.3"]}')
        else:
            ids = _ids(body)
            self.state.requests += 1
            self.state.documents += len(ids)
            for each in ids:
                self.state.arrivals.setdefault(each, now)
            # The xAPI answer to a single statement that brings its id is empty.
            self._answer(*((204, b"") if method == b"PUT" else (200, json.dumps(ids).encode())))

    def _control(self, what: str) -> bytes:
        state = self.state
        if what == "close":
            state.is_open.clear()
        elif what == "open":
            state.is_open.set()
        elif what == "reset":
            state.arrivals, state.requests, state.documents = {}, 0, 0
        result: dict[str, Any] = {"requests": state.requests, "documents": state.documents}
        if what == "arrivals":
            result["arrivals"] = state.arrivals
        return json.dumps(result).encode()

    def _answer(self, status: int, body: bytes) -> None:
        if self.state.is_open.is_set() or body.startswith(b'{"requests'):
            self._write(_HEAD % (status, len(body)) + body)
            return
        task = asyncio.ensure_future(self._answer_later(status, body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer_later(self, status: int, body: bytes) -> None:
        await self.state.is_open.wait()
        self._write(_HEAD % (status, len(body)) + body)

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)


class Receiver:
    """The receiver in a process of its own."""

    def __init__(self, *, core: int = -1) -> None:
        python = ENVIRONMENTS["eventkit"].python
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.receiver", f"--core={core}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("no pipe")
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/xapi"
        self.hanging = f"http://127.0.0.1:{self.port}/hang/xapi"

    def control(self, what: str) -> dict[str, Any]:
        """Open, close, reset, or ask for the arrivals."""
        return control(self.port, what)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()


def control(port: int, what: str) -> dict[str, Any]:
    """Tell the receiver at *port* something."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/control/{what}")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer


async def _serve() -> None:
    state = _State()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(state), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", type=int, default=-1)
    pin(parser.parse_args().core)
    asyncio.run(_serve())
