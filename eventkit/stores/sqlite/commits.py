"""Many callers, one sync: what threads want written at the same time is committed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from eventkit.exceptions import StoreError

T = TypeVar("T")
C = TypeVar("C")


class Job(Generic[C]):
    """One caller's operation, and what became of it."""

    __slots__ = ("_turn", "done", "error", "leads", "operation", "result")

    def __init__(self, operation: Callable[[C], Any] | None) -> None:
        self.operation = operation
        self.done = False
        self.leads = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._turn = threading.Lock()
        self._turn.acquire()

    def run(self, connection: C) -> None:
        """Run the operation and keep its result; what it raises goes on to the one who commits."""
        if self.operation is not None:
            self.result = self.operation(connection)

    def wait(self) -> None:
        """Wait until it is done, or its caller is to lead."""
        self._turn.acquire()

    def wake(self) -> None:
        """Let its caller go on."""
        self._turn.release()


class GroupCommit(Generic[C]):
    """
    Run operations one group at a time.

    Whoever comes first leads: it runs its own operation and all that wait by then. Who comes while
    it does waits, and one of these leads the next group. Nobody waits for company.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Job[C]] = []
        self._busy = False
        self._inside: set[int] = set()

    def do(self, operation: Callable[[C], T], commit: Callable[[Sequence[Job[C]]], None]) -> T:
        """
        Have *operation* run and committed; give its result, or raise what it raised.

        Args:
            operation: what to do.

            commit: runs jobs in one transaction and says in each of them what became of it. It is
                the same each time; a reference to it would be one in a circle.

        Raises:
            StoreError: this thread is in the middle of an operation already.
        """
        job = Job(operation)
        with self._entered():
            self._await_turn(job)
            if not job.done:
                self._lead(job, commit)
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[no-any-return]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all operations waiting for as long as this is held."""
        with self._entered():
            job: Job[C] = Job(None)
            self._await_turn(job)
            try:
                yield
            finally:
                self._pass_on()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        # A signal handler or destructor that emits an event may run in the middle of an operation
        # of the same thread. It would wait for itself.
        thread = threading.get_ident()
        if thread in self._inside:
            raise StoreError("the store is in use by the code that this call interrupted")
        self._inside.add(thread)
        try:
            yield
        finally:
            self._inside.discard(thread)

    def _await_turn(self, job: Job[C]) -> None:
        """Wait until *job* is done or its caller leads."""
        with self._lock:
            if not self._busy:
                self._busy = job.leads = True
                return
            self._waiting.append(job)
        try:
            job.wait()
        except BaseException:
            # Ctrl-C: the caller is gone, but whoever comes after must not wait for it.
            if self._is_late(job) and job.leads:
                self._pass_on()
            raise

    def _is_late(self, job: Job[C]) -> bool:
        """Take *job* back; True when it is too late for that, as it is done or was told to lead."""
        with self._lock:
            if job in self._waiting:
                self._waiting.remove(job)
                return False
            return job.leads or job.done

    def _lead(self, job: Job[C], commit: Callable[[Sequence[Job[C]]], None]) -> None:
        jobs = [job]
        try:
            with self._lock:
                # One that only keeps others waiting has nothing to run, and gets its own turn.
                jobs += [each for each in self._waiting if each.operation is not None]
                self._waiting = [each for each in self._waiting if each.operation is None]
            commit(jobs)
        except BaseException as error:
            for each in jobs:
                if not each.done:
                    each.error = StoreError(f"the write was interrupted ({type(error).__name__})")
            raise
        finally:
            for each in jobs:
                each.done = True
                if each is not job:
                    each.wake()
            self._pass_on()

    def _pass_on(self) -> None:
        """Have the one that waits longest lead."""
        with self._lock:
            if not self._waiting:
                self._busy = False
                return
            following = self._waiting.pop(0)
            following.leads = True
        following.wake()
