"""The backend in the background: what is behind it gets every event, or says why not."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eventtracking.backends.routing import RoutingBackend
from eventtracking.processors.exceptions import EventEmissionExit

from eventkit.backends.chain import Chain, Lost, is_retryable
from eventkit.backends.delivering import Failure, summary, tell, try_to_send
from eventkit.base.blame import INTERRUPTED
from eventkit.base.counting import Tally
from eventkit.base.forking import renew_after_fork
from eventkit.base.throttle import Throttle
from eventkit.exceptions import (
    ConfigurationError,
    DeliveryError,
    DropEvent,
    LookupFailed,
)
from eventkit.instrumentation.hooks import Details, What, is_on
from eventkit.instrumentation.hooks import tell as tell_hooks
from eventkit.typing import Backend, Event, Processor

_CHUNK = 500

_PATIENCE = 5.0
"""Seconds from the first look-up that fails, of many events, to the one that puts off the rest."""
_ROUTING = "EventRoutingBackend"

_log = logging.getLogger(__name__)


class EventRoutingBackend(RoutingBackend):
    """
    Run events through processors and hand the result to each of the nested backends.

    event-tracking's own routing backend, for the background and with other manners: an event on
    which a processor fails goes no further, instead of going on untranslated; no backend sees what
    another one did to the event; and who runs it learns what could not be delivered.

        EventRoutingBackend(
            backends={
                "xapi": EventRoutingBackend(
                    processors=[XAPITranslator(...)],
                    backends={"router": Router(...)},
                ),
            },
        )

    Args:
        processors: callables that return what goes on or raise `DropEvent`; None that is returned
            keeps the event as it was, as in event-tracking.

        backends: objects with ``send(event)``, by name. They are tried in the order of the names,
            all of them, whatever becomes of the others.

    Raises:
        ConfigurationError: a processor cannot be called, or a backend has no ``send``.
    """

    def __init__(
        self,
        *,
        processors: Iterable[Processor] | None = None,
        backends: Mapping[str, Backend] | None = None,
    ) -> None:
        self._throttle = Throttle(_log)
        self._chain = Chain(())
        if backends is not None and not isinstance(backends, Mapping):
            raise ConfigurationError(
                f"backends: expected a mapping of names to backends, got {type(backends).__name__}"
            )
        try:
            super().__init__(backends=backends)  # type: ignore[no-untyped-call]
        except ValueError as error:
            raise ConfigurationError(f"backends: {error}") from None
        for processor in Chain(processors or ()).processors:
            self.register_processor(processor)
        self.renew()
        renew_after_fork(self)

    def __repr__(self) -> str:
        return f"EventRoutingBackend({', '.join(self.backends)})"

    def renew(self) -> None:
        """Begin with counts of zero, in a forked child."""
        self._tally = Tally()

    def register_processor(self, processor: Processor) -> None:
        """Add *processor* to the end of the chain."""
        self._chain.append(processor)
        super().register_processor(processor)  # type: ignore[no-untyped-call]

    def send(self, event: Event) -> None:
        """
        Process *event* and hand the result to every backend.

        Raises:
            LookupFailed: a processor could not do its work now; trying again may help.
            DeliveryError: a backend failed. The others have been tried; trying again hands the
                event to all of them, and its statements have the same ids.
        """
        errors = [error for _, error in self._send_all([event])]
        if not errors:
            return
        if not _has_name(event) and _called_by_host():
            # The host answers any exception by logging event["name"]; without one that would end
            # as a KeyError in the application. The failure is counted and logged here.
            return
        raise summary(errors)

    def send_many(self, events: Iterable[Event]) -> None:
        """
        Process *events* and hand the results to every backend, many at a time where it can.

        Raises:
            DeliveryError: some could not be delivered. All have been tried.
        """
        errors: list[DeliveryError] = []
        for chunk in _chunks(events):
            errors += [error for _, error in self._send_all(chunk)]
        if errors:
            raise summary(errors)

    def process_event(self, event: Event) -> Any:
        """Run the processors on *event*; what must not go on is an `EventEmissionExit`."""
        self._count("received")
        try:
            return self._chain(event)
        except EventEmissionExit as drop:
            if is_retryable(drop):
                self._tally.add("failed")
            else:
                self._count("filtered")
            raise
        except Lost as loss:
            self._count("dropped", loss.reason)
            self._throttle.warning(
                loss.reason, "An event was dropped (%s): %s", loss.reason, loss.detail
            )
            raise DropEvent(loss.reason) from None
        except BaseException:
            # An interrupt; the chain lets nothing else out.
            self._count("dropped", INTERRUPTED)
            raise

    def send_to_backends(self, event: Any) -> None:
        """Hand what `process_event` gave to every backend, and raise as `send` does."""
        errors = [error for _, error in self._deliver([event])]
        if errors:
            raise summary(errors)

    def flush(self, timeout: float = 10.0) -> bool:
        """Have the backends that buffer deliver what they hold; False when time is up."""
        return self._tell("flush", timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """Close the backends that can be closed; False when one was not done in time."""
        return self._tell("close", timeout)

    def stats(self) -> dict[str, int]:
        """
        Count what became of the events of this process.

        ``received`` = ``filtered`` + ``dropped:<reason>`` + ``processed`` + ``failed``. A failed
        event is one that at least one backend did not take (``backend_failed:<name>`` says which)
        or that a processor could not work on now (``lookup_failed``).
        """
        return self._tally.snapshot()

    def _count(self, what: What, reason: str = "") -> None:
        self._tally.add(f"{what}:{reason}" if reason else what)
        if is_on():
            tell_hooks(Details(what, component=_ROUTING, reason=reason))

    def _tell(self, what: str, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        # Each gets its turn, also after one that was not done in time.
        done = [tell(each, what, deadline) for each in self.backends.values()]
        return all(done)

    def _send_all(self, events: Sequence[Event]) -> list[Failure]:
        """Send each of *events*; give the failures with the positions of their events."""
        positions, results = [], []
        failures: list[Failure] = []
        until = None
        for position, event in enumerate(events):
            try:
                results.append(self.process_event(event))
                positions.append(position)
            except EventEmissionExit as drop:
                if not is_retryable(drop):
                    continue
                error = self._not_now(drop)
                failures.append((position, error))
                until = until or time.monotonic() + _PATIENCE
                if time.monotonic() >= until:
                    # What is away is asked no more; the rest is tried again too.
                    failures += [(rest, error) for rest in range(position + 1, len(events))]
                    break
        failures += [(positions[index], error) for index, error in self._deliver(results)]
        return failures

    def _not_now(self, drop: EventEmissionExit) -> LookupFailed:
        """Tell of an event that a processor could not work on now, and give the error."""
        reason = _reason(drop)
        self._tally.add("lookup_failed")
        self._throttle.warning(
            "lookup_failed", "An event waits, a processor could not work on it now: %s", reason
        )
        return LookupFailed(
            f"a processor could not work on an event now: {reason}",
            retry_after=getattr(drop, "retry_after", None),
        )

    def _deliver(self, results: Sequence[Any]) -> list[Failure]:
        failures: list[Failure] = []
        for name, backend in self.backends.items():
            for index, error in _failures(backend, name, results):
                failures.append((index, error))
                self._tally.add(f"backend_failed:{name}")
                self._throttle.warning(
                    f"backend_failed:{name}", "Backend %s did not take an event: %s", name, error
                )
        failed = len({index for index, _ in failures})
        if failed:
            self._tally.add("failed", failed)
        if failed < len(results):
            self._tally.add("processed", len(results) - failed)
        return failures


def _reason(drop: EventEmissionExit) -> str:
    reason = getattr(drop, "reason", "")
    return reason if isinstance(reason, str) and reason else "lookup_failed"


def _failures(backend: Backend, name: str, results: Sequence[Any]) -> Iterator[Failure]:
    """Send *results* to *backend*, however many of them fail."""
    if type(backend) is EventRoutingBackend:
        # It knows which ones failed, where an exception could tell of all of them only.
        yield from backend._send_all(results)  # noqa: SLF001 - its own class
        return
    send_many = getattr(backend, "send_many", None)
    if len(results) > 1 and callable(send_many):
        if error := try_to_send(send_many, backend, name, results):
            yield from ((index, error) for index in range(len(results)))
        return
    for index, result in enumerate(results):
        if error := try_to_send(backend.send, backend, name, result):
            yield index, error


def _chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Cut *events* into lists; what came before *events* itself fails is not lost."""
    chunk: list[Event] = []
    try:
        for event in events:
            chunk.append(event)
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = []
    except Exception:
        yield chunk
        raise
    yield chunk


def _has_name(event: object) -> bool:
    return isinstance(event, Mapping) and "name" in event


def _called_by_host() -> bool:
    """Tell whether event-tracking's own routing backend called the method that calls this."""
    caller = sys._getframe(2)  # noqa: SLF001 - the only way to know
    return caller.f_code is RoutingBackend.send_to_backends.__code__
