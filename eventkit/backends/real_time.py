"""The backend in the request: it hands events on, and must never hurt the request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from eventtracking.processors.exceptions import EventEmissionExit

from eventkit.backends.chain import Chain, Lost, is_retryable
from eventkit.backends.delivering import summary, tell
from eventkit.backends.enqueueing import EnqueueNotFound, find_enqueue, find_many
from eventkit.backends.routing import EventRoutingBackend, _reason
from eventkit.backends.worker import Many, SomeFailed, SomeWait, Worker
from eventkit.base.blame import INTERRUPTED, is_interrupt, may_wait
from eventkit.base.counting import Tally
from eventkit.base.forking import notice_fork, renew_after_fork
from eventkit.base.throttle import Throttle, describe, name_of
from eventkit.exceptions import (
    ConfigurationError,
    DeliveryError,
    LookupFailed,
    StoreError,
    StoreFull,
)
from eventkit.instrumentation.hooks import Details, What, is_on
from eventkit.instrumentation.hooks import tell as tell_hooks
from eventkit.reading.jsonable import from_json, to_json
from eventkit.typing import Backend, Enqueue, Event, Processor

MAX_QUEUED_BYTES = 100_000_000
"""JSON that waits in one in-process queue, however few events it is."""

_REAL_TIME = "RealTimeBackend"

_log = logging.getLogger(__name__)


class RealTimeBackend:
    """
    Take events where they happen, in the request, and hand them to the background.

    `send` filters, writes the event in a form that any queue can carry, and hands it off. Nothing
    here raises into the request or has it wait: what goes wrong costs the event, is counted under a
    reason (`stats`) and logged, without the event, at most once a minute.

    Give one of *enqueue* and *backend*::

        RealTimeBackend(processors=[Filter(...)], enqueue="mysite.tasks.route_event")
        RealTimeBackend(processors=[Filter(...)], backend=EventRoutingBackend(...))

    Args:
        processors: callables that return the event or raise `DropEvent`. An event on which one of
            them fails in any other way is dropped. They are given the event as it was emitted,
            with datetimes in it.

        enqueue: hands an event, a JSON-safe dict, to what runs the site's background work. A
            callable, the dotted path of one, or either of a Celery task, whose ``delay`` is then
            called. A path is imported with the first event, because the tasks of a Django app
            cannot be when settings are read. A store, or anything else with a method
            ``put_events``, is handed all waiting events at once, as JSON.

        backend: receives the events in a thread of this process instead, in order and once: a
            router in it should be buffered or have a store, as that tries again what fails. An
            `EventRoutingBackend` gets all that wait at once. What is still queued when the process
            ends gets two seconds.

        threaded: call *enqueue* in a thread of this process. None: wherever it may have to wait,
            that is for a dotted path, a task, a store and what belongs to a package for brokers.
            What cannot take events just now (a broker or a disk that is away, full or locked) is
            asked again while the queue fills. Any other callable is called in the request, unless
            this is True; it must not wait. False has *enqueue* called in the request whatever it
            is; a request then waits for as long as that takes.

        max_queue: how many events may wait in this process, the one being handed on included;
            further ones are dropped.

        max_bytes: how much JSON one event may be.

        clock: gives seconds that never run backwards.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    def __init__(
        self,
        *,
        processors: Iterable[Processor] = (),
        enqueue: Enqueue | str | None = None,
        backend: Backend | None = None,
        threaded: bool | None = None,
        max_queue: int = 10_000,
        max_bytes: int = 1_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if (enqueue is None) == (backend is None):
            raise ConfigurationError(
                "RealTimeBackend needs either enqueue, the callable or dotted path that hands an "
                "event to the site's task queue, or backend, the backend that a thread of this "
                f"process feeds; {'neither' if enqueue is None else 'both'} was given"
            )
        if backend is not None and not callable(getattr(backend, "send", None)):
            raise ConfigurationError(f"backend: {name_of(backend)} has no send method")
        if threaded is not None and not isinstance(threaded, bool):
            raise ConfigurationError(f"threaded: expected True, False or None, got {threaded!r}")
        for key, value in (("max_queue", max_queue), ("max_bytes", max_bytes)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigurationError(f"{key}: expected a whole number from 1, got {value!r}")
        self._processors = Chain(processors)
        self._backend = backend
        self._max_queue = max_queue
        self._max_bytes = max_bytes
        self._throttle = Throttle(_log, clock)
        self._target: Callable[[Any], object] = (
            find_enqueue(enqueue, clock) if backend is None else backend.send
        )
        self._threaded = backend is not None or (
            isinstance(enqueue, str) or may_wait(enqueue) if threaded is None else threaded
        )
        self._closed = False
        self.renew()
        renew_after_fork(self)

    def __repr__(self) -> str:
        return f"RealTimeBackend({name_of(self._backend or self._target)})"

    def renew(self) -> None:
        """Begin with an empty queue and counts of zero; what the parent has queued is its own."""
        self._tally = Tally()
        self._worker: Worker | None = None
        if self._threaded:
            self._worker = Worker(
                # Not a method of self: the queue's thread would keep it alive.
                partial(_hand_over if self._backend is None else _feed, self._target),
                many=partial(_find_many, self._target, self._backend),
                max_items=self._max_queue,
                max_weight=MAX_QUEUED_BYTES,
                tally=self._tally,
                component=_REAL_TIME,
            )

    def send(self, event: Event) -> None:
        """
        Take *event*. Never changes it, and never waits, unless *threaded* is False.

        It raises nothing but what is raised into it by whoever runs it, such as Ctrl-C, a timeout
        of gevent or the time limit of a Celery task; the event then counts as
        ``dropped:interrupted``.
        """
        try:
            notice_fork()
            self._count("received")
            try:
                self._count(self._take(event))
            except Lost as loss:
                self._lose(loss)
        except Exception as error:  # noqa: BLE001 - nothing may hurt the request
            # Not contextlib.suppress: with a full stack even calling that is too much.
            try:
                if is_interrupt(error):
                    self._count("dropped", INTERRUPTED)
                    raise
                self._lose(Lost("internal_error", describe(error)))
            except Exception as failure:
                # There is nothing left to try.
                if failure is error:
                    raise
        except BaseException:
            self._count("dropped", INTERRUPTED)
            raise

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was sent so far has been handed on; False when time is up."""
        deadline = time.monotonic() + timeout
        flushed = self._worker.flush(timeout) if self._worker else True
        return tell(self._backend, "flush", deadline) and flushed

    def close(self, timeout: float = 10.0) -> bool:
        """
        Take no more events and hand on what is queued.

        False when time is up; what is then still queued is counted as ``lost:closed``.
        """
        self._closed = True
        deadline = time.monotonic() + timeout
        closed = self._worker.close(timeout) if self._worker else True
        return tell(self._backend, "close", deadline) and closed

    def stats(self) -> dict[str, int]:
        """
        Count what became of the events of this process.

        ``received`` = ``filtered`` + ``dropped:<reason>`` + ``enqueued``; with a queue in this
        process also ``enqueued`` = ``processed`` + ``failed`` + ``lost:<reason>`` + ``pending``.
        """
        counts = self._tally.snapshot()
        if self._worker:
            counts["pending"] = self._worker.pending
        return counts

    def _count(self, what: What, reason: str = "") -> None:
        self._tally.add(f"{what}:{reason}" if reason else what)
        if is_on():
            tell_hooks(Details(what, component=_REAL_TIME, reason=reason))

    def _take(self, event: Event) -> Literal["filtered", "enqueued"]:
        """Process *event* and hand it on; give the name under which it counts."""
        if self._closed:
            raise Lost("closed", "the backend is closed")
        try:
            result = self._processors(event)
        except EventEmissionExit as drop:
            if is_retryable(drop):
                # Nobody here can try it again.
                raise Lost(_reason(drop), "a processor could not do its work now") from None
            return "filtered"
        written = _write(result, self._max_bytes)
        if self._worker is None:
            self._enqueue(written)
        elif not self._worker.put(written, len(written)):
            raise Lost("queue_full", f"{self._worker.pending} events wait in this process")
        return "enqueued"

    def _enqueue(self, written: bytes) -> None:
        try:
            _hand_over(self._target, written)
        except EnqueueNotFound as error:
            raise Lost("enqueue_not_found", str(error)) from None
        except StoreFull as error:
            raise Lost("store_full", describe(error)) from None
        except StoreError as error:
            raise Lost("store_failed", describe(error)) from None
        except Exception as error:
            if is_interrupt(error):
                raise
            raise Lost("enqueue_failed", describe(error)) from None

    def _lose(self, loss: Lost) -> None:
        self._count("dropped", loss.reason)
        self._throttle.warning(
            loss.reason, "An event was dropped (%s): %s", loss.reason, loss.detail
        )


def _write(event: object, max_bytes: int) -> bytes:
    """Write what the processors made of an event as JSON."""
    if not isinstance(event, Mapping):
        raise Lost("not_an_event", f"expected a mapping, got {type(event).__name__}")
    try:
        written = to_json(event)
    except Exception as error:  # noqa: BLE001 - anything may be in an event
        raise Lost("not_json", describe(error)) from None
    if len(written) > max_bytes:
        raise Lost("too_big", f"{len(written)} bytes of JSON, more than {max_bytes}")
    return written


def _hand_over(target: Callable[[Any], object], written: bytes) -> None:
    target(from_json(written))


def _feed(send: Callable[[Any], object], written: bytes) -> None:
    try:
        _hand_over(send, written)
    except (StoreError, LookupFailed):
        raise
    except DeliveryError as error:
        # It has tried all that it feeds. Trying again would hold up those that are well.
        raise DeliveryError(str(error), retryable=False) from None


def _find_many(target: Callable[[Any], object], backend: Backend | None) -> Many | None:
    """Give what takes many written events at once, if anything does."""
    if type(backend) is EventRoutingBackend:
        return partial(_route_many, backend)
    return find_many(target)


def _route_many(backend: EventRoutingBackend, written: list[bytes]) -> None:
    failures = backend._send_all([from_json(each) for each in written])  # noqa: SLF001 - our own
    errors = [error for _, error in failures]
    if errors and all(isinstance(error, StoreError) for error in errors):
        # Worth another try; what has been stored by then has the same ids.
        raise errors[0]
    waiting = {position for position, error in failures if isinstance(error, LookupFailed)}
    failed = {position for position, _ in failures} - waiting
    if waiting:
        error = next(error for error in errors if isinstance(error, LookupFailed))
        others = [each for position, each in failures if position not in waiting]
        raise SomeWait(waiting, error, len(failed), summary(others) if others else None)
    if errors:
        raise SomeFailed(len(failed), summary(errors))
