"""
Which consumer gets what, and how it gets there.

The router takes translations, gives each consumer what its access rules let it have, and does not
let go of a document before the consumer has it or it lies in the dead letters with the reason.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import math
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast, get_args

from eventkit.base.clock import Clock
from eventkit.base.counting import Tally
from eventkit.base.ending import at_end_of_child
from eventkit.base.forking import renew_after_fork
from eventkit.base.json import dumps
from eventkit.base.throttle import SafeLogger, Throttle, describe
from eventkit.consumers.book import ConsumerBook
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import ConsumerSource
from eventkit.consumers.owners import queue_name
from eventkit.dead_letters.box import DeadLetterBox
from eventkit.dead_letters.letter import DeadLetter, Sink
from eventkit.exceptions import ConfigurationError, DeliveryError
from eventkit.reading.jsonable import to_json
from eventkit.router.backoff import Pace
from eventkit.router.fleet import Fleet
from eventkit.router.keeper import Keeper
from eventkit.router.lane import COUNTS, plain
from eventkit.router.plan import Plan, check_delivery, check_translation, own_documents
from eventkit.router.reporting import Reporter
from eventkit.router.reporting import close_all as close_reports
from eventkit.stores.store import DeadLetters, Parcel, Store
from eventkit.transports.transport import Answer, Document, Verdict
from eventkit.typing import Delivery, Event, Json, ProtocolName, Translation

_log = SafeLogger(__name__)
_throttle = Throttle(_log.logger)

Mode = Literal["direct", "buffered", "durable"]

EXIT_GRACE = 5.0
"""Seconds that all routers of a process together get when it ends without closing them."""

MAX_AGE = 14 * 86_400.0
"""Seconds after which a document is given up, unless a router is told otherwise."""

_LONGEST_ASKING = 5.0
"""Seconds that a request waits at most for somebody who is asking for the consumers."""

_GLANCE = 0.05
"""Seconds between two looks at what other processes have put in the store."""


class Router:
    """
    Deliver translations to the consumers that may have them.

    ``mode="direct"``: `send` delivers in the caller's thread, one attempt, and raises
    `eventkit.DeliveryError` when a consumer cannot take its documents now: whoever runs it tries
    again. ``mode="buffered"``: `send` queues and returns; a thread per consumer batches, delivers,
    and retries for as long as the router is open. Queues live in memory; call `close` before the
    process ends. With a *store* the mode is ``"durable"``: the same with queues on disk. What
    `send` has returned for is delivered, also after a kill -9, and by any process that has a router
    on the same store.

    In all modes a consumer that refuses credentials, address or protocol (401, 403, 404, 405, a
    redirect; for Caliper also 415, 422, and a configuration that rules out our version), or one
    document after the other, is paused, not flooded: nothing is lost, one warning is logged, and it
    is tried again every *pause* seconds. A document that a consumer refuses goes to the dead
    letters; its neighbours arrive. One that answers 410 (Gone) is not asked again before a setting
    of it changes; what waits for it is kept. All numbers are per consumer.

    Args:
        consumers: `eventkit.Consumer` objects or their settings, the path of a JSON or YAML file,
            or an object with a method ``consumers()``; if that has a method ``report()`` too, it is
            told how they are doing (`eventkit.consumers.Reported`).

        store: an `eventkit.stores.Store`, or the path of an `eventkit.SQLiteStore`.

        mode: ``"direct"`` or ``"buffered"``; None: direct, or durable with a store.

        dead_letters: a callable that takes each `eventkit.DeadLetter`, the path of a file that they
            are appended to, or None: they are in the store, or the latest 1,000 in `dead_letters`.

        queue_size, queue_bytes: documents and bytes that may wait in memory. What finds no room
            goes to the dead letters (``queue_full``).

        backoff, backoff_cap: seconds before the first retry at most, doubled each time up to the
            cap; the actual wait is drawn at random below that.

        retry_after_cap: seconds that a receiver's Retry-After is heeded at most.

        pause: seconds between attempts while a consumer is paused.

        max_age: seconds after which a document that is still retried, or kept for a consumer that
            is paused, goes to the dead letters (``expired``), so that nothing is tried for ever in
            silence; None: never.

        reload: seconds between two looks at the file or the object that *consumers* is, so that
            changes take effect while it runs; a file is looked at before each request too. None:
            never.

        lease: seconds after which another process takes over the queues in the store of one that
            has died.

        keep_events: keep the original event with its documents until they are delivered, so that
            dead letters have it, and so that rules that change are applied to what waits. Without
            it what waits under rules that have changed goes to the dead letters.

        trust_env: take proxies and certificate bundles from the environment, as `requests` does.

    Raises:
        ConfigurationError: a setting is wrong, or there is no transport for a consumer.
    """

    def __init__(
        self,
        consumers: ConsumerSource,
        *,
        store: Store | str | os.PathLike[str] | None = None,
        mode: Mode | None = None,
        dead_letters: Sink | str | os.PathLike[str] | None = None,
        queue_size: int = 10_000,
        queue_bytes: int = 64_000_000,
        backoff: float = 0.5,
        backoff_cap: float = 60.0,
        retry_after_cap: float = 300.0,
        pause: float = 60.0,
        max_age: float | None = MAX_AGE,
        reload: float | None = 2.0,
        lease: float = 10.0,
        keep_events: bool = True,
        trust_env: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.mode: Mode = _mode(mode, has_store=store is not None)
        for key, value in (("trust_env", trust_env), ("keep_events", keep_events)):
            if not isinstance(value, bool):
                raise ConfigurationError(f"{key}: expected true or false, got {value!r}")
        self._pace = Pace(
            queue_size=int(_positive("queue_size", queue_size, whole=True)),
            queue_bytes=int(_positive("queue_bytes", queue_bytes, whole=True)),
            backoff=_positive("backoff", backoff),
            backoff_cap=_positive("backoff_cap", backoff_cap),
            retry_after_cap=_positive("retry_after_cap", retry_after_cap),
            pause=_positive("pause", pause),
            max_age=None if max_age is None else _positive("max_age", max_age),
        )
        self._lease = _positive("lease", lease)
        self._keep_events = keep_events
        self._trust_env = trust_env
        self._clock = clock or Clock()
        self._book = ConsumerBook(consumers)
        self._reload = None if reload is None else _positive("reload", reload)
        self._box = DeadLetterBox(dead_letters)
        self._has_sink = dead_letters is not None
        self.store: Store | None = _open_store(store)
        if self.store is not None:
            self._box.add(self.store.dead_letters)
        self._begin(self._book.read())
        renew_after_fork(self)
        _open.add(self)
        if self.store is not None:
            self._keeper.ensure()
            self._start()

    def __repr__(self) -> str:
        return f"Router({[consumer.id for consumer in self.consumers]}, mode={self.mode!r})"

    @property
    def consumers(self) -> tuple[Consumer, ...]:
        """The consumers as they are now."""
        return self._fleet.plan.consumers

    def current(self) -> tuple[Consumer, ...]:
        """Give the consumers, after a look at whether they have changed, as before a request."""
        self._look_again()
        return self.consumers

    @property
    def dead_letters(self) -> DeadLetters:
        """The dead letters in the store or, without one, in memory."""
        if self.store is not None and not self._has_sink:
            return self.store.dead_letters
        return self._box.kept

    def renew(self) -> None:
        """Begin again in a forked child: what is queued, and the connections, are the parent's."""
        self._box.renew()
        self._begin(self.consumers)

    def route(self, translation: Translation, *, with_event: bool = False) -> list[Delivery]:
        """
        Give the deliveries of *translation*, one for each consumer that may have it.

        Nothing is sent, counted or changed; now and then it is looked whether the consumers have
        changed. Each fits a task queue of its own, so that consumers do not wait for each other.

        Args:
            translation: what a translator made.

            with_event: put the original event in each delivery. `deliver` then looks at the access
                rules once more, should they have changed meanwhile, and dead letters have the
                event. It holds personal data, so the queue has to be as safe as the event log.

        Raises:
            TypeError: it is no translation, such as an event that no translator has seen.
        """
        check_translation(translation)
        self._reload_if_due()
        plan = self._fleet.plan
        found = self._route(translation, plan, with_event=with_event)
        for delivery in found:
            delivery["owner"] = plan.by_id[delivery["consumer"]].owner
        return found

    def deliver(self, deliveries: Delivery | Iterable[Delivery]) -> None:
        """
        Deliver in the caller's thread, one attempt for each request.

        Every consumer gets its turn before an error is raised, and what a consumer will never take
        goes to the dead letters without one. Rules that have become stricter since `route` count.
        After an error deliver the same again: what has arrived before arrives once more, and its id
        makes that harmless. (A file has no ids; one task per delivery, as `route` gives them,
        repeats the least.)

        Raises:
            DeliveryError: a consumer cannot take its documents now. It names the consumer and says
                how long to wait; always *retryable*, because what is not, is a dead letter.
            TypeError: it is no delivery. Then nothing of the call has been sent.
        """
        listed = [deliveries] if isinstance(deliveries, Mapping) else list(deliveries)
        for delivery in listed:
            check_delivery(delivery)
        self._start()
        self._reload_if_due()
        self._deliver(cast("list[Delivery]", listed), None)

    def send(self, translation: Translation) -> None:
        """
        Route a translation, and deliver or queue it. So the router is a backend to event-tracking.

        Raises:
            TypeError: it is no translation; nothing untranslated ever leaves.
            DeliveryError: in direct mode, as `deliver` does.
            StoreError: in durable mode; the store could not take it.
        """
        self.send_many((translation,))

    def send_many(self, translations: Iterable[Translation]) -> None:
        """
        Route *translations*, and deliver them together, so that requests are filled, or queue them.

        Raises:
            TypeError: one is no translation. Then nothing of the call has been sent.
            DeliveryError: in direct mode, as `deliver` does.
            StoreError: in durable mode; the store could not take them. None of the call is in it.
        """
        listed = list(translations)
        for translation in listed:
            check_translation(translation)
        self._start()
        if not self._keeper.is_running:
            self._reload_if_due()
        if self.mode != "direct" and (self.store is not None or self._reloads):
            self._keeper.ensure()
        if self.store is not None:
            self._store(listed, self.store)
            return
        written: dict[int, bytes] = {}
        fresh: list[Delivery] = []
        # One for all of it: what it entitles is marked with its rules, whatever comes meanwhile.
        plan = self._fleet.plan
        for translation in listed:
            found = self._route(translation, plan, with_event=self._keep_events)
            self._tally.add("routed" if found else "unwanted")
            fresh += found
        if self.mode == "direct":
            self._deliver(fresh, plan)
            return
        for delivery in fresh:
            documents = self._write(delivery, written, plan, keep=True)
            self._fleet.senders[plan.by_id[delivery["consumer"]].queue].offer(documents)

    def reload(self) -> None:
        """
        Read the consumers again, and go on with them as they are now.

        What is queued for a consumer that is disabled or gone stays where it is, and is sent should
        it come back; it never goes anywhere else, not to another address or protocol under the same
        id either, unless that one ``inherits`` it. What its new rules deny is not sent.

        Raises:
            ConfigurationError: they cannot be read. Everything goes on as before.
        """
        with self._reloading:
            self._fleet.apply(self._book.read())
        if self.mode != "direct":
            # What is under way for who a consumer was comes back later.
            self._keeper.ensure()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until nothing is queued; False when it still is after *timeout* seconds."""
        until = time.monotonic() + timeout
        while True:
            with contextlib.ExitStack() as stack:
                senders = self._fleet.senders_to_flush()
                for sender in senders:
                    stack.enter_context(sender.hurried())
                if not all(sender.wait_until_empty(until) for sender in senders):
                    return False
            # Somebody may have inherited from one of them meanwhile.
            now = self._fleet.senders_to_flush()
            if all(sender.wait_until_empty(0.0) for sender in now) and not self._fleet.has_claims():
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(_GLANCE)

    def close(self, timeout: float = 10.0) -> bool:
        """
        Take nothing more, deliver what is queued, and end the threads.

        Consumers in trouble are retried while *timeout* lasts, and no longer waited for when the
        next attempt would come after it. What is left stays in the store or, without one, goes to
        the dead letters (``closed``), and the result is False.
        """
        return self._close(timeout, time.monotonic() + timeout)

    def stats(self, consumer: str | None = None) -> dict[str, int]:
        """
        Count documents, of one *consumer* or of all.

        ``enqueued == delivered + dead + dropped + returned + pending`` at any moment.
        ``dead:<reason>`` and ``dropped:<reason>`` tell the reasons; ``conflict`` are those of the
        dead under whose id the consumer has another document; ``returned`` are those that
        direct delivery gave back with its error. ``routed`` and ``unwanted`` count translations
        that some consumer, or none, may have.

        In durable mode documents are counted over the life of the store, by all its processes.
        """
        if consumer is not None:
            if consumer in self._fleet.plan.by_id or self._fleet.lanes_of(consumer):
                return self._fleet.count(consumer)
            raise KeyError(consumer)
        kinds = (*COUNTS, "conflict", "pending", "routed", "unwanted")
        total: Counter[str] = Counter(dict.fromkeys(kinds, 0))
        for name in self._fleet.ids():
            total.update(self._fleet.count(name))
        for name, number in self._tally.snapshot().items():
            total[name] += number
            if name.startswith("dead:"):
                # What could be assigned to no lane is taken and given up in one.
                total["enqueued"] += number
                total["dead"] += number
        total.update(self._box.stats())
        return dict(sorted(total.items()))

    def health(self) -> dict[str, dict[str, Any]]:
        """
        Say how each consumer is doing, in JSON.

        ``state`` is ``ok``, ``retrying``, ``open`` (down: now and then one document is tried),
        ``paused`` (with the reason ``setting``: because somebody wants it so), ``gone`` (it has
        answered 410, and is not tried before its settings change), ``disabled`` or, while something
        waits for it, ``removed``; ``pending`` and, if there is any, ``conflict`` are as in `stats`;
        with trouble come ``reason``, ``status``, ``detail``, ``response`` and its ``seconds``.
        ``last_success`` is the time when this process last brought it something, ``last_error`` the
        last time that it did not take it, with the receiver's words. ``held`` counts what was
        accepted under this id for others, by their owner, and is not sent
        (`eventkit.Consumer.inherits`). Trouble with the store, or a thread that has died, is told
        as ``retrying`` with the reason ``store`` or ``thread``.
        """
        names = dict.fromkeys((*self._fleet.plan.by_id, *self._fleet.ids()))
        found = {name: self._fleet.health(name) for name in names}
        return {name: health for name, health in found.items() if health is not None}

    def _begin(self, consumers: tuple[Consumer, ...]) -> None:
        """Make what belongs to one process: locks, connections, queues, counts, threads."""
        self._tally = Tally()
        self._has_started = False
        self._reloading = threading.Lock()
        self._fleet = Fleet(
            has_senders=self.mode != "direct",
            store=self.store,
            lease=self._lease,
            pace=self._pace,
            # Not a method of the fleet's own: letters are the business of the whole router.
            bury=self._bury,
            look=self._look_again,
            trust_env=self._trust_env,
            clock=self._clock,
        )
        self._fleet.apply(consumers)
        self._reload_at = time.monotonic() + (self._reload or math.inf)
        self._keeper = Keeper(self._look_after, self._interval)
        told = self._book.reported
        self._reporter = Reporter(told, self._fleet, self._tally.add) if told is not None else None

    @property
    def _reloads(self) -> bool:
        return self._reload is not None and self._book.is_live

    @property
    def _interval(self) -> float:
        return _GLANCE if self.store is not None else min(self._reload or 1.0, 1.0)

    def _look_after(self) -> None:
        """Do what is due; the keeper's thread calls it now and then."""
        self._fleet.keep_leases()
        self._reload_if_due()

    def _close(self, timeout: float, until: float) -> bool:
        """Deliver for *timeout* seconds more, and wait *until* then for what is under way."""
        done = self._fleet.stop(timeout, until)
        self._keeper.stop(until - time.monotonic())
        self._fleet.release()
        if self._reporter is not None:
            self._reporter.close(until)
        return self._box.settle(until) and done

    def _start(self) -> None:
        """Do what must be done in each process before anything is sent."""
        if not self._has_started:
            self._has_started = True
            at_end_of_child(_close_all)
        if self._reporter is not None:
            self._reporter.ensure()

    def _look_again(self) -> None:
        """Notice what has changed before a request; a registry is asked only now and then."""
        if self._book.is_file or time.monotonic() >= self._reload_at:
            self._reload_if_due(is_request=True)

    def _reload_if_due(self, *, is_request: bool = False) -> None:
        if self._reload is None or not self._book.is_live:
            return
        is_always_due = is_request and self._book.is_file
        if not is_always_due and time.monotonic() < self._reload_at:
            return
        # One at a time, or the older of two readings could be the last. A registry may take its
        # time: whoever finds it being asked goes on, but for a request, which would go by rules
        # that may be no more.
        patience = _LONGEST_ASKING if is_request or self._book.is_file else 0.0
        if not self._reloading.acquire(timeout=patience):
            return
        try:
            if is_always_due or time.monotonic() >= self._reload_at:
                self._apply_news()
                self._reload_at = time.monotonic() + self._reload
        finally:
            self._reloading.release()

    def _apply_news(self) -> None:
        try:
            found = self._book.news()
            if found is not None and found != self.consumers:
                self._fleet.apply(found)
                self._tally.add("reloaded")
                _log.info("The consumers have changed; there are %d now.", len(found))
        except ConfigurationError as error:
            self._tally.add("reload_failed")
            _log.error("The consumers cannot be reloaded, all goes on as before: %s", error)
        except Exception as error:  # noqa: BLE001 - a registry is not ours
            self._tally.add("reload_failed")
            _throttle.warning("reload", "The consumers cannot be reloaded: %s", describe(error))

    def _route(self, translation: Translation, plan: Plan, *, with_event: bool) -> list[Delivery]:
        if not translation["documents"]:
            return []
        event = translation["event"]
        deliveries: list[Delivery] = []
        for consumer in plan.entitled(translation["protocol"], event):
            delivery: Delivery = {
                "consumer": consumer.id,
                "protocol": translation["protocol"],
                "name": translation["name"],
                "documents": own_documents(translation["documents"], consumer),
            }
            if with_event:
                delivery["event"] = event
            deliveries.append(delivery)
        return deliveries

    def _deliver(self, deliveries: list[Delivery], plan: Plan | None) -> None:
        """Deliver what has just been routed by *plan*; None: some time ago."""
        admitted: dict[tuple[str, ProtocolName, str], list[Document]] = {}
        written: dict[int, bytes] = {}
        for delivery in deliveries:
            name, protocol = delivery["consumer"], delivery["protocol"]
            owner = delivery.get("owner", "") if plan is None else plan.by_id[name].owner
            # One for both: the consumers may be others a moment later.
            known = self._fleet.plan.by_id
            if reason := self._obstacle(name, protocol, owner, known):
                self._bury_whole(name, reason, delivery, delivery["documents"], owner)
                continue
            now = known[name]
            documents = self._write(delivery, written, plan, keep=False)
            admitted.setdefault((name, protocol, now.owner), []).extend(documents)
        failures = {}
        for (name, protocol, owner), documents in admitted.items():
            lane = self._fleet.lanes[queue_name(name, owner)]
            lane.enter(len(documents))
            lane.tell("enqueued", len(documents))
            answer = lane.deliver(documents, functools.partial(self._shut, name, protocol, owner))
            if answer is not None:
                failures[name] = answer
        if failures:
            raise self._error(failures)

    def _store(self, translations: list[Translation], store: Store) -> None:
        """Put translations in the store, all or none, and tell the senders."""
        plan = self._fleet.plan
        parcels: list[Parcel] = []
        announced: Counter[str] = Counter()
        for translation in translations:
            entitled = (
                plan.entitled(translation["protocol"], translation["event"])
                if translation["documents"]
                else []
            )
            self._tally.add("routed" if entitled else "unwanted")
            parcels += self._parcels(translation, entitled)
        if not parcels:
            return
        store.put(parcels)
        for parcel in parcels:
            for name in parcel.consumers:
                announced[name] += len(parcel.bodies)
        for name, number in announced.items():
            self._fleet.senders[name].wake(number)
            self._fleet.lanes[name].tell("enqueued", number)

    def _parcels(self, translation: Translation, entitled: Sequence[Consumer]) -> Iterator[Parcel]:
        """Pack a translation: once for all consumers that get the same, once for each other."""
        if not entitled:
            return
        event = _written(translation["event"]) if self._keep_events else b""
        alike = [consumer for consumer in entitled if not consumer.override]
        others = [[consumer] for consumer in entitled if consumer.override]
        for group in [alike, *others] if alike else others:
            bodies = []
            for document in own_documents(translation["documents"], group[0]):
                try:
                    bodies.append(dumps(document))
                except (ValueError, TypeError, RecursionError):
                    for consumer in group:
                        self._bury_unwritten(consumer.id, translation, document)
            if bodies:
                yield Parcel(
                    consumers={consumer.queue: consumer.rules for consumer in group},
                    name=translation["name"],
                    protocol=translation["protocol"],
                    bodies=tuple(bodies),
                    event=event,
                )

    def _write(
        self, delivery: Delivery, written: dict[int, bytes], plan: Plan | None, *, keep: bool
    ) -> list[Document]:
        """
        Write the documents out, each once for all consumers; one that is not JSON is buried.

        *written* has what was written before, by the identity of what it was written from.
        *plan*: that by which it has just been routed; None: the access rules have to be looked at.
        *keep*: the documents will wait, so the event has to be written out as well.
        """
        event: Event | bytes | None = delivery.get("event")
        if keep and event is not None and not isinstance(event, bytes):
            known = written.get(id(event))
            event = written[id(event)] = _written(event) if known is None else known
        rules = plan.by_id[delivery["consumer"]].rules if plan is not None else ""
        documents = []
        for document in delivery["documents"]:
            try:
                body = written.get(id(document))
                if body is None:
                    body = written[id(document)] = dumps(document)
            except (ValueError, TypeError, RecursionError):
                self._bury_unwritten(delivery["consumer"], delivery, document)
            else:
                documents.append(
                    Document(
                        name=delivery["name"],
                        body=body,
                        event=None if event == b"" else event,
                        rules=rules,
                    )
                )
        return documents

    def _obstacle(
        self,
        name: str,
        protocol: ProtocolName,
        owner: str,
        known: Mapping[str, Consumer] | None = None,
    ) -> str:
        """Say why nothing of *protocol* can be sent to a consumer; ``""``: it can."""
        consumer = (self._fleet.plan.by_id if known is None else known).get(name)
        if consumer is None:
            return "unknown_consumer"
        if consumer.protocol != protocol:
            return "wrong_protocol"
        if owner and owner not in consumer.owners:
            return "other_owner"
        return "" if consumer.enabled else "disabled"

    def _shut(self, name: str, protocol: ProtocolName, owner: str) -> str | Answer:
        """Say why no more may go the way that was open when a delivery began; ``""``: it may."""
        known = self._fleet.plan.by_id
        reason = self._obstacle(name, protocol, owner, known)
        # One that inherits from who it was takes it too, but at its new address.
        return reason or ("" if known[name].owner == owner else _MOVED)

    def _bury_unwritten(
        self, consumer: str, source: Delivery | Translation, document: Json
    ) -> None:
        """Give a document that is not JSON to the dead letters as it is."""
        known = self._fleet.plan.by_id.get(consumer)
        owner = known.owner if known is not None else ""
        self._bury_whole(consumer, "not_json", source, [document], owner)

    def _bury_whole(
        self,
        consumer: str,
        reason: str,
        source: Delivery | Translation,
        documents: list[Json],
        owner: str,
    ) -> None:
        """Give *documents* that never reach a lane to the dead letters."""
        letter = DeadLetter(
            consumer=consumer,
            owner=owner,
            protocol=source["protocol"],
            reason=reason,
            documents=documents,
            name=source["name"],
            event=plain(source.get("event")),
        )
        self._tally.add(f"dead:{reason}", len(documents))
        if self._reporter is not None:
            self._reporter.add_dead(consumer, reason, len(documents))
        self._box.put(letter)

    def _bury(self, document: Document, letter: DeadLetter) -> None:
        """Keep a letter of a lane; with a store it goes there when the document leaves it."""
        if self.store is None or not document.position:
            self._box.put(letter)
        elif not self._has_sink:
            self._box.announce(letter)
            document.letter = letter
        else:
            # What the sink does not take, the store does, which outlives memory.
            self._box.put(letter)

    def _error(self, failures: Mapping[str, Answer]) -> DeliveryError:
        """Make one error of what stopped the deliveries."""
        waits: list[float] = []
        for answer in failures.values():
            if answer.verdict in (Verdict.PAUSE, Verdict.GONE):
                waits.append(self._pace.pause)
            elif answer.retry_after is not None:
                waits.append(self._pace.heeded(answer.retry_after))
        return DeliveryError(
            "; ".join(f"consumer {name}: {answer.detail}" for name, answer in failures.items()),
            retryable=True,
            retry_after=max(waits, default=None),
            consumer=next(iter(failures)),
        )


_MOVED = Answer(
    Verdict.RETRY, "moved", "its address has changed meanwhile; what is left goes there next time"
)


def _written(event: Event) -> bytes:
    """Write *event* out; of one that is no JSON only the documents can be kept."""
    try:
        return to_json(event)
    except Exception:  # noqa: BLE001 - whatever an event holds
        return b""


def _mode(mode: object, *, has_store: bool) -> Mode:
    expected = ("durable",) if has_store else ("direct", "buffered")
    if mode is None:
        return "durable" if has_store else "direct"
    if mode not in get_args(Mode):
        raise ConfigurationError(f"mode: expected 'direct' or 'buffered', got {mode!r}")
    if mode not in expected:
        what = "with a store it is 'durable'" if has_store else "'durable' needs a store"
        raise ConfigurationError(f"mode: {what}; got {mode!r}")
    return cast("Mode", mode)


def _open_store(store: Store | str | os.PathLike[str] | None) -> Store | None:
    if isinstance(store, (str, os.PathLike)):
        # Not at the top: most processes of a site have no store.
        from eventkit.stores.sqlite.store import SQLiteStore  # noqa: PLC0415

        return SQLiteStore(store)
    if store is not None and not all(
        callable(getattr(store, name, None))
        for name in ("put", "take", "settle", "lease", "queues", "move")
    ):
        raise ConfigurationError(
            "store: expected the path of a file, or a store such as eventkit.SQLiteStore, "
            f"got {type(store).__name__}"
        )
    return store


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
        elif router.mode == "durable":
            # Nothing is lost; only what is under way is waited for.
            router._close(0.0, until)  # noqa: SLF001 - our own
    # Of those that deliver directly, which have nothing to close but this.
    close_reports()


# Registered at import, before whatever fills routers registers its own: the last one in is the
# first to run, so that a queue in front of a router is emptied into it before it closes.
atexit.register(_close_all)
