"""
Looking up the names of hosts, with an end in time.

The system's own look-up has none. It runs in a thread that nobody has to wait for; whoever asks
for a name that is being looked up waits for the same thread, so each name has one at most.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


class _LookUp:
    def __init__(self, host: str, port: int) -> None:
        self.done = threading.Event()
        self._of = host, port
        self._found: list[Address] = []
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._found = _ask(*self._of)
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it
            self._error = error
        finally:
            _running.pop((os.getpid(), *self._of), None)
            self.done.set()

    def result(self) -> list[Address]:
        if self._error is not None:
            # A new one: several threads may raise it at once.
            raise type(self._error)(*self._error.args)
        return self._found


_running: dict[tuple[int, str, int], _LookUp] = {}
"""By process, host and port: a forked child has none of its parent's threads."""


def look_up(host: str, port: int, timeout: float | None) -> list[Address]:
    """
    Give the addresses of *host*, for connecting to *port*.

    Args:
        host: a name, or an address, of which no thread is made.

        port: the port.

        timeout: seconds after which nobody waits any more; None: wait.

    Raises:
        TimeoutError: the look-up takes longer; it goes on, for whoever asks next.
        socket.gaierror: the name is not known.
    """
    if timeout is None or _is_address(host):
        return _ask(host, port)
    fresh = _LookUp(host, port)
    # One step, so that two threads never both have the first.
    found = _running.setdefault((os.getpid(), host, port), fresh)
    if found is fresh:
        thread = threading.Thread(target=fresh.run, name="eventkit-look-up", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # No thread to be had, as at the end of an interpreter: better without a bound.
            fresh.run()
    if not found.done.wait(timeout):
        raise TimeoutError("the name of the host is not found in time")
    return found.result()


def _ask(host: str, port: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except (OSError, ValueError):
            continue
        return True
    return False
