"""
Which consumer gets what, and how it gets there.

The router takes translations, gives each consumer what its access rules let it have, and does not
let go of a document before the consumer has it or it lies in the dead letters with the reason.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import math
import os
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast, get_args

from eventkit._clock import Clock
from eventkit._counting import Tally
from eventkit._forking import renew_after_fork
from eventkit._lane import COUNTS, Lane, encode
from eventkit._sender import Pace, Sender
from eventkit.consumers import Consumer, ConsumerSource, load_consumers
from eventkit.dead_letters import (
    DeadLetter,
    DeadLetterBox,
    MemoryDeadLetters,
    Sink,
)
from eventkit.exceptions import ConfigurationError, DeliveryError
from eventkit.transports import Answer, Document, Verdict, make_transport
from eventkit.typing import Delivery, Json, ProtocolName, Translation

Mode = Literal["direct", "buffered"]

EXIT_GRACE = 5.0
"""Seconds that all routers of a process together get when it ends without closing them."""


class Router:
    """
    Deliver translations to the consumers that may have them.

    ``mode="direct"``: `send` delivers in the caller's thread, one attempt, and raises
    `eventkit.DeliveryError` when a consumer cannot take its documents now: whoever runs it tries
    again. ``mode="buffered"``: `send` queues and returns; a thread per consumer batches, delivers,
    and retries for as long as the router is open. Queues live in memory; call `close` before the
    process ends.

    In both modes a consumer that refuses credentials, address or protocol (401, 403, 404, 405, a
    redirect; for Caliper also 415, 422, and a configuration that rules out our version) is paused,
    not flooded: nothing is lost, one warning is logged, and it is tried again every *pause*
    seconds. A document that a consumer refuses goes to the dead letters; its neighbours arrive. All
    numbers are per consumer.

    Args:
        consumers: `eventkit.Consumer` objects or their settings, the path of a JSON or YAML file,
            or an object with a method ``consumers()``.

        store: must be None; the on-disk store comes with a later version.

        mode: ``"direct"`` or ``"buffered"``.

        dead_letters: a callable that takes each `eventkit.DeadLetter`, the path of a file that they
            are appended to, or None: the latest 1,000 stay in `dead_letters`.

        queue_size, queue_bytes: documents and bytes that may wait. What finds no room goes to the
            dead letters (``queue_full``).

        backoff, backoff_cap: seconds before the first retry at most, doubled each time up to the
            cap; the actual wait is drawn at random below that.

        retry_after_cap: seconds that a receiver's Retry-After is heeded at most.

        pause: seconds between attempts while a consumer is paused.

        trust_env: take proxies and certificate bundles from the environment, as `requests` does.

    Raises:
        ConfigurationError: a setting is wrong, or there is no transport for a consumer.
    """

    def __init__(
        self,
        consumers: ConsumerSource,
        *,
        store: object = None,
        mode: Mode = "direct",
        dead_letters: Sink | str | os.PathLike[str] | None = None,
        queue_size: int = 10_000,
        queue_bytes: int = 64_000_000,
        backoff: float = 0.5,
        backoff_cap: float = 60.0,
        retry_after_cap: float = 300.0,
        pause: float = 60.0,
        trust_env: bool = False,
        clock: Clock | None = None,
    ) -> None:
        if store is not None:
            raise ConfigurationError(
                "store: the on-disk store comes with a later version; use mode='buffered'"
            )
        if mode not in ("direct", "buffered"):
            raise ConfigurationError(f"mode: expected 'direct' or 'buffered', got {mode!r}")
        if not isinstance(trust_env, bool):
            raise ConfigurationError(f"trust_env: expected true or false, got {trust_env!r}")
        self.consumers: tuple[Consumer, ...] = load_consumers(consumers)
        self.mode: Mode = mode
        self._pace = Pace(
            queue_size=int(_positive("queue_size", queue_size, whole=True)),
            queue_bytes=int(_positive("queue_bytes", queue_bytes, whole=True)),
            backoff=_positive("backoff", backoff),
            backoff_cap=_positive("backoff_cap", backoff_cap),
            retry_after_cap=_positive("retry_after_cap", retry_after_cap),
            pause=_positive("pause", pause),
        )
        self._trust_env = trust_env
        self._clock = clock or Clock()
        self._box = DeadLetterBox(dead_letters)
        self._by_id = {consumer.id: consumer for consumer in self.consumers}
        self._by_protocol: dict[str, list[Consumer]] = {
            protocol: [
                consumer
                for consumer in self.consumers
                if consumer.enabled and consumer.protocol == protocol
            ]
            for protocol in get_args(ProtocolName)
        }
        self._begin()
        renew_after_fork(self)
        _open.add(self)

    def __repr__(self) -> str:
        return f"Router({[consumer.id for consumer in self.consumers]}, mode={self.mode!r})"

    @property
    def dead_letters(self) -> MemoryDeadLetters:
        """The dead letters in memory: all, or with a sink those that it failed to take."""
        return self._box.kept

    def renew(self) -> None:
        """Begin again in a forked child: what is queued, and the connections, are the parent's."""
        self._box.renew()
        self._begin()

    def route(self, translation: Translation) -> list[Delivery]:
        """
        Give the deliveries of *translation*, one for each consumer that may have it. No I/O.

        Each fits a task queue of its own, so that consumers do not wait for each other.

        Raises:
            TypeError: it is no translation, such as an event that no translator has seen.
        """
        _check_translation(translation)
        if not translation["documents"]:
            return []
        event = translation["event"]
        return [
            {
                "consumer": consumer.id,
                "protocol": translation["protocol"],
                "name": translation["name"],
                "documents": [
                    merged(document, consumer.override) for document in translation["documents"]
                ]
                if consumer.override
                else translation["documents"],
            }
            for consumer in self._by_protocol[translation["protocol"]]
            if consumer.accepts(event)
        ]

    def deliver(self, deliveries: Delivery | Iterable[Delivery]) -> None:
        """
        Deliver in the caller's thread, one attempt for each request.

        Every consumer gets its turn before an error is raised, and what a consumer will never take
        goes to the dead letters without one. After an error deliver the same again: what has
        arrived before arrives once more, and its id makes that harmless. (A file has no ids; one
        task per delivery, as `route` gives them, repeats the least.)

        Raises:
            DeliveryError: a consumer cannot take its documents now. It names the consumer and says
                how long to wait; always *retryable*, because what is not, is a dead letter.
            TypeError: it is no delivery. Then nothing of the call has been sent.
        """
        listed = [deliveries] if isinstance(deliveries, Mapping) else list(deliveries)
        for delivery in listed:
            _check_delivery(delivery)
        admitted: dict[str, list[Document]] = {}
        written: dict[int, bytes] = {}
        for delivery in cast("list[Delivery]", listed):
            if self._is_deliverable(delivery):
                documents = self._write(delivery, written)
                admitted.setdefault(delivery["consumer"], []).extend(documents)
        failures = {}
        for name, documents in admitted.items():
            self._lanes[name].enter(len(documents))
            answer = self._lanes[name].deliver(documents)
            if answer is not None:
                failures[name] = answer
        if failures:
            raise self._error(failures)

    def send(self, translation: Translation) -> None:
        """
        Route a translation, and deliver or queue it. So the router is a backend to event-tracking.

        Raises:
            TypeError: it is no translation; nothing untranslated ever leaves.
            DeliveryError: in direct mode, as `deliver` does.
        """
        self.send_many((translation,))

    def send_many(self, translations: Iterable[Translation]) -> None:
        """
        Route *translations*, and deliver them together, so that requests are filled, or queue them.

        Raises:
            TypeError: one is no translation. Then nothing of the call has been sent.
            DeliveryError: in direct mode, as `deliver` does.
        """
        routed = [self.route(translation) for translation in translations]
        for found in routed:
            self._tally.add("routed" if found else "unwanted")
        deliveries = [delivery for found in routed for delivery in found]
        if self.mode == "direct":
            self.deliver(deliveries)
            return
        written: dict[int, bytes] = {}
        for delivery in deliveries:
            self._senders[delivery["consumer"]].offer(self._write(delivery, written))

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until nothing is queued; False when it still is after *timeout* seconds."""
        until = time.monotonic() + timeout
        with contextlib.ExitStack() as stack:
            for sender in self._senders.values():
                stack.enter_context(sender.hurried())
            return all(sender.wait_until_empty(until) for sender in self._senders.values())

    def close(self, timeout: float = 10.0) -> bool:
        """
        Take nothing more, deliver what is queued, and end the threads.

        Consumers in trouble are retried while *timeout* lasts, and no longer waited for when the
        next attempt would come after it. What is left goes to the dead letters (``closed``), and
        the result is False.
        """
        until = time.monotonic() + timeout
        # Those who still deliver go on doing it while the others are told.
        for sender in self._senders.values():
            sender.stop(timeout)
        done = [sender.finish(until) for sender in self._senders.values()]
        for lane in self._lanes.values():
            lane.close()
        return all(done)

    def stats(self, consumer: str | None = None) -> dict[str, int]:
        """
        Count documents, of one *consumer* or of all.

        ``enqueued == delivered + dead + returned + pending`` at any moment. ``dead:<reason>`` tells
        the reasons; ``returned`` are those that direct delivery gave back with its error.
        ``routed`` and ``unwanted`` count translations that some consumer, or none, may have.
        """
        if consumer is not None:
            if consumer in self._lanes:
                return self._lanes[consumer].stats()
            if consumer in self._by_id:
                return dict.fromkeys((*sorted(COUNTS), "pending"), 0)
            raise KeyError(consumer)
        total: Counter[str] = Counter(dict.fromkeys((*COUNTS, "pending", "routed", "unwanted"), 0))
        for lane in self._lanes.values():
            total.update(lane.stats())
        for name, number in self._tally.snapshot().items():
            total[name] += number
            if name.startswith("dead:"):
                # What `deliver` could assign to no lane is taken and given up in one.
                total["enqueued"] += number
                total["dead"] += number
        total.update(self._box.stats())
        return dict(sorted(total.items()))

    def health(self) -> dict[str, dict[str, Any]]:
        """
        Say how each consumer is doing, in JSON.

        ``state`` is ``ok``, ``retrying``, ``paused`` or ``disabled``; with trouble come ``reason``,
        ``status``, ``detail``, ``response`` and its ``seconds``.
        """
        return {
            consumer.id: {
                **self._lanes[consumer.id].health(),
                **(self._senders[consumer.id].health() if consumer.id in self._senders else {}),
            }
            if consumer.id in self._lanes
            else {"state": "disabled", "pending": 0}
            for consumer in self.consumers
        }

    def _begin(self) -> None:
        """Make what belongs to one process: locks, connections, queues, counts."""
        self._tally = Tally()
        self._lanes = {
            consumer.id: Lane(
                consumer,
                make_transport(consumer, trust_env=self._trust_env),
                self._box,
                self._clock,
            )
            for consumer in self.consumers
            if consumer.enabled
        }
        self._senders = (
            {name: Sender(lane, self._pace, self._clock) for name, lane in self._lanes.items()}
            if self.mode == "buffered"
            else {}
        )

    def _write(self, delivery: Delivery, written: dict[int, bytes]) -> list[Document]:
        """Write the documents out, each once for all consumers; one that is not JSON is buried."""
        name = delivery["name"]
        documents = []
        for document in delivery["documents"]:
            try:
                body = written.get(id(document))
                if body is None:
                    body = written[id(document)] = encode(document)
            except (ValueError, TypeError, RecursionError):
                self._lanes[delivery["consumer"]].bury_unwritten(name, document)
            else:
                own_id = document.get("id")
                own_id = own_id if isinstance(own_id, str) else ""
                documents.append(Document(name=name, id=own_id, body=body))
        return documents

    def _is_deliverable(self, delivery: Delivery) -> bool:
        """Tell whether *delivery* can go anywhere; when not, give it to the dead letters."""
        consumer = self._by_id.get(delivery["consumer"])
        if consumer is None:
            reason = "unknown_consumer"
        elif consumer.protocol != delivery["protocol"]:
            reason = "wrong_protocol"
        elif not consumer.enabled:
            reason = "disabled"
        else:
            return True
        self._box.put(
            DeadLetter(
                consumer=delivery["consumer"],
                reason=reason,
                documents=delivery["documents"],
                name=delivery["name"],
            )
        )
        self._tally.add(f"dead:{reason}", len(delivery["documents"]))
        return False

    def _error(self, failures: Mapping[str, Answer]) -> DeliveryError:
        """Make one error of what stopped the deliveries."""
        waits: list[float] = []
        for answer in failures.values():
            if answer.verdict is Verdict.PAUSE:
                waits.append(self._pace.pause)
            elif answer.retry_after is not None:
                waits.append(min(answer.retry_after, self._pace.retry_after_cap))
        return DeliveryError(
            "; ".join(f"consumer {name}: {answer.detail}" for name, answer in failures.items()),
            retryable=True,
            retry_after=max(waits, default=None),
            consumer=next(iter(failures)),
        )


def merged(document: Json, override: Mapping[str, Any]) -> Json:
    """Copy *document* with *override* merged in: objects key by key, anything else replaced."""
    result = {key: copy.deepcopy(value) for key, value in document.items() if key not in override}
    for key, value in override.items():
        before = document.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            result[key] = merged(dict(before), value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _check_translation(translation: object) -> None:
    """Refuse whatever no translator made; the message says what it is, never what it holds."""
    problem = _problem(translation, ("name", "protocol", "documents", "event"))
    if problem is None and not isinstance(cast("Any", translation)["event"], Mapping):
        problem = "its 'event' is no object"
    if problem is not None:
        raise TypeError(
            f"the router takes translations only: {problem}; put a translator before it"
        )


def _check_delivery(delivery: object) -> None:
    problem = _problem(delivery, ("name", "protocol", "documents", "consumer"))
    if problem is None and not isinstance(cast("Any", delivery)["consumer"], str):
        problem = "its 'consumer' is no text"
    if problem is not None:
        raise TypeError(f"deliver takes what route gives: {problem}")


def _problem(thing: object, keys: tuple[str, ...]) -> str | None:
    if not isinstance(thing, Mapping):
        return f"this is of type {type(thing).__name__}"
    missing = [key for key in keys if key not in thing]
    if missing:
        return f"this lacks {', '.join(map(repr, missing))}"
    if thing["protocol"] not in get_args(ProtocolName):
        return f"its 'protocol' is none of {', '.join(map(repr, get_args(ProtocolName)))}"
    documents = thing["documents"]
    if not isinstance(documents, list) or not all(isinstance(item, dict) for item in documents):
        return "its 'documents' are no list of objects"
    if not isinstance(thing["name"], str):
        return "its 'name' is no text"
    return None


def _positive(key: str, value: object, *, whole: bool = False) -> float:
    kinds = (int,) if whole else (int, float)
    if (
        isinstance(value, bool)
        or not isinstance(value, kinds)
        or not math.isfinite(value)
        or value <= 0
    ):
        kind = "a whole number" if whole else "a number of seconds"
        raise ConfigurationError(f"{key}: expected {kind} above 0, got {value!r}")
    return value


_open: weakref.WeakSet[Router] = weakref.WeakSet()


def _close_all() -> None:
    """Give what is still queued when the process ends a last chance, then to the dead letters."""
    until = time.monotonic() + EXIT_GRACE
    for router in list(_open):
        if router.mode == "buffered":
            router.close(max(0.0, until - time.monotonic()))


# Registered at import, before whatever fills routers registers its own: the last one in is the
# first to run, so that a queue in front of a router is emptied into it before it closes.
atexit.register(_close_all)
