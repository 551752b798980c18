"""Using the database beside the host's own use of it: other threads, other transactions."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections, transaction

Answer = TypeVar("Answer")

_LOCKED = 5
"""Seconds to wait, apart from the host, for a lock that the host itself may hold."""
_IDLE = 60.0
"""Seconds after which a thread with nothing to do ends."""


class Aside:
    """
    A thread that asks the database, with a connection of its own.

    Whoever waits for it waits no longer than they like, is in no transaction of the host, and gets
    no connection that a parent process has, too. The connection is kept as long as the site keeps
    connections (``CONN_MAX_AGE``).
    """

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], _Answer]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: _Answer | None = None

    def ask(self, work: Callable[[], Answer], seconds: float) -> Answer:
        """
        Do *work* there, and give what it gives; raise what it raises.

        Raises:
            TimeoutError: it took longer than *seconds*, or what was asked before still does.
        """
        if os.getpid() != self._process:
            self._renew()
        with self._lock:
            if self._last is not None and not self._last.is_there.is_set():
                raise TimeoutError("the database still does not answer")
            self._last = answer = _Answer()
            self._tasks.put((work, answer))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="eventkit database", daemon=True
                )
                self._thread.start()
        if not answer.is_there.wait(seconds):
            raise TimeoutError(f"the database did not answer within {seconds:g} seconds")
        if answer.error is not None:
            raise answer.error
        found: Answer = answer.value
        return found

    def _run(self) -> None:
        while True:
            try:
                work, answer = self._tasks.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if self._tasks.empty():
                        self._thread = None
                        break
                continue
            try:
                answer.value = work()
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                answer.error = error
            finally:
                _tidy()
                answer.is_there.set()
            del work, answer
        connections.close_all()


class _Answer:
    """What came of a task."""

    def __init__(self) -> None:
        self.is_there = threading.Event()
        self.value: Any = None
        self.error: Exception | None = None


def _tidy() -> None:
    """Let go of connections that are no good any more, or older than the site likes them."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()


@contextmanager
def one_state(using: str) -> Iterator[None]:
    """
    Read the tables as they are at one moment, whatever others commit meanwhile.

    It is for threads that only read, and have committed or begun nothing.
    """
    connection = connections[using]
    if not connection.get_autocommit():
        # The site has it so (``AUTOCOMMIT``); a transaction that never ends would see nothing new.
        connection.set_autocommit(True)
    if connection.vendor == "sqlite":
        # Not as the site has it: who only reads need not wait for who writes.
        setattr(connection, "transaction_mode", "DEFERRED")  # noqa: B010 - of SQLite alone
    with transaction.atomic(using=using):
        # SQLite keeps to one state by itself; others give each statement what is committed by then.
        if connection.vendor in ("postgresql", "mysql"):
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def apart(work: Callable[[], Answer], using: str, *, seconds: float | None = None) -> Answer:
    """
    Do *work* so that it lasts: not within a transaction of the caller, which may be rolled back.

    But for SQLite, where two cannot write at once: we would wait for who waits for us. A connection
    that was lost meanwhile is made anew, once. Within an event loop, where Django refuses to work,
    a thread does it.

    Raises:
        TimeoutError: a thread had to do it, and needs longer than *seconds*.
    """
    connection = connections[using]
    if _is_in_a_loop():
        return _in_a_thread(work, using, seconds)
    if connection.in_atomic_block or not connection.get_autocommit():
        if connection.vendor != "sqlite":
            return _in_a_thread(work, using, seconds)
        with transaction.atomic(using=using):
            return work()
    was_open = connection.connection is not None
    try:
        try:
            return work()
        except (OperationalError, InterfaceError):
            if not was_open or connection.is_usable():
                raise
            connection.close()
            return work()
    finally:
        if was_open:
            connection.close_if_unusable_or_obsolete()
        else:
            # Nobody has it but us; and a child that is forked must not have it.
            connection.close()


def _is_in_a_loop() -> bool:
    if os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE"):
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _prepare(using: str) -> None:
    """Have a connection of our own commit, and not wait for ever for who waits for us."""
    connection = connections[using]
    connection.set_autocommit(True)
    wait = {
        "postgresql": f"SET lock_timeout = {_LOCKED * 1000}",
        "mysql": f"SET SESSION innodb_lock_wait_timeout = {_LOCKED}",
    }.get(connection.vendor)
    if wait:
        with connection.cursor() as cursor:
            cursor.execute(wait)


def _in_a_thread(work: Callable[[], Answer], using: str, seconds: float | None) -> Answer:
    answer = _Answer()

    def run() -> None:
        try:
            _prepare(using)
            answer.value = work()
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            answer.error = error
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, name="eventkit database", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"the database did not answer within {seconds:g} seconds")
    if answer.error is not None:
        raise answer.error
    found: Answer = answer.value
    return found
