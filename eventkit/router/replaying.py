"""Delivering dead letters to their consumers again, once what was wrong has been put right."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Self, cast

import attrs

from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import ConsumerSource, load_consumers
from eventkit.dead_letters.letter import DeadLetter, is_raw
from eventkit.dead_letters.translation import translation_letter
from eventkit.exceptions import DeliveryError, DropEvent, UnsupportedEvent
from eventkit.router.router import Router
from eventkit.stores.store import DeadLetters
from eventkit.typing import Delivery, Event, Json, Translation

Translators = Mapping[str, Callable[[Event], Translation]]
"""A translator for each protocol, as a processor: it gives a translation or raises `DropEvent`."""

KEPT: Mapping[str, str] = {
    "damaged": "what is left of them cannot be sent",
    "denied": "the consumer's rules do not let it have the event (or the letter has none)",
    "disabled": "the consumer is not enabled",
    "in_trouble": "the consumer cannot take it now; run again",
    "paused": "the consumer is paused by its setting; resume it first",
    "lookup_failed": "what the translation has to look up does not answer; run again",
    "no_content": "neither documents nor an event",
    "no_translator": "the event is to be translated, and no translator was given",
    "not_translated": "there is no translation for the event",
    "other_owner": "accepted for another address; name that URL under the consumer's 'inherits'",
    "unknown_consumer": "there is no such consumer",
    "unwanted": "no consumer may have the event",
    "wrong_protocol": "the consumer speaks another protocol now",
}
"""What the reasons of `ReplayReport.kept` mean, for people."""

_SETTLE_EVERY = 5.0
"""Seconds of work that a kill may cost: what arrived in them arrives once more next time."""


@attrs.frozen(kw_only=True)
class ReplayReport:
    """What became of the letters that were to be delivered again; each counts once."""

    delivered: int
    """They have arrived, and are letters no more."""
    refused: int
    """They failed for good once more: the letters are new, with the earlier failure in them."""
    kept: Mapping[str, int]
    """
    They lie there as before, by reason: ``unknown_consumer``, ``disabled``, ``paused`` (by its
    setting), ``wrong_protocol``,
    ``other_owner`` (the consumer has another address now, and does not inherit from that one),
    ``damaged`` (nothing of them can be sent), ``denied`` (by the consumer's rules of today, or no
    event to judge by), ``in_trouble`` (the consumer cannot take them now), ``lookup_failed`` (a
    look-up that the translation needs does not answer), ``no_translator``, ``not_translated``,
    ``unwanted`` (no consumer may have the event), ``no_content``.
    """
    notes: tuple[str, ...]
    """A line for people on each consumer in trouble."""
    unknown: tuple[str, ...]
    """Ids that were asked for and that no letter has."""

    @property
    def is_done(self) -> bool:
        """Tell whether all that was asked for has arrived."""
        return not (self.refused or self.kept or self.unknown)


def replay(
    letters: DeadLetters,
    consumers: ConsumerSource | Router,
    chosen: Collection[str] | Callable[[DeadLetter], bool],
    *,
    translators: Translators | None = None,
    trust_env: bool = False,
) -> ReplayReport:
    """
    Deliver dead letters again, to the consumers that they were for.

    A letter goes out only if its consumer is still there, enabled, of the same protocol and address
    (or inherits from that one), and may have the event by its rules of today; else it stays. One
    attempt is made. What arrives is a letter no more, what is refused becomes a letter with a
    history, and when a consumer is in trouble, its letters stay as they are. Nothing is lost if
    this is killed at any moment: run it again. What had arrived in the last seconds then arrives
    twice, with the same ids.

    Args:
        letters: where they lie; `eventkit.open_dead_letters` opens a file or a store.

        consumers: what a `Router` takes, or a router, whose consumers are taken. Its queues,
            counts and dead letters are left alone.

        chosen: the ids of letters, or a callable that tells of each whether it is wanted.

        translators: by protocol, for events that could not be translated. They are translated anew
            and go to all consumers that may have them.

        trust_env: as of `Router`.

    Raises:
        ConfigurationError: the consumers cannot be read, or the letters do not open with their key.
    """
    if isinstance(consumers, Router):
        consumers = consumers.consumers
    run = _Run.prepare(letters, load_consumers(consumers), translators or {}, trust_env=trust_env)
    chosen = chosen if callable(chosen) else frozenset(chosen)
    seen: set[str] = set()
    with run.open():
        for letter in letters:
            is_chosen = chosen(letter) if callable(chosen) else letter.id in chosen
            # One that is replaced on the way may come by once more.
            if is_chosen and letter.id not in seen:
                seen.add(letter.id)
                run.take(letter)
    return run.report(() if callable(chosen) else tuple(sorted(chosen - seen)))


@attrs.define(eq=False)
class _Case:
    """A letter under way."""

    letter: DeadLetter
    open: int = 0
    """How many consumers have not answered yet."""
    is_stuck: bool = False
    renewed: set[str] = attrs.field(factory=set)
    """The ids of letters that have come of it."""


@attrs.define(eq=False)
class _Queue:
    """What waits until it fills a request of a consumer."""

    deliveries: list[tuple[_Case, Delivery]] = attrs.field(factory=list)
    size: int = 0


@attrs.define(eq=False, kw_only=True)
class _Run:
    """One run."""

    letters: DeadLetters
    consumers: dict[str, Consumer]
    translators: Translators
    router: Router
    refused: list[DeadLetter]
    """What the router has given up in the delivery at hand."""
    waiting: dict[str, _Queue] = attrs.field(factory=dict)
    trouble: dict[str, str] = attrs.field(factory=dict)
    counts: Counter[str] = attrs.field(factory=Counter)
    kept: Counter[str] = attrs.field(factory=Counter)
    settled: list[str] = attrs.field(factory=list)
    """Letters that are to be taken away."""
    next_settling: float = attrs.field(factory=lambda: time.monotonic() + _SETTLE_EVERY)

    @classmethod
    def prepare(
        cls,
        letters: DeadLetters,
        consumers: tuple[Consumer, ...],
        translators: Translators,
        *,
        trust_env: bool,
    ) -> Self:
        refused: list[DeadLetter] = []
        return cls(
            letters=letters,
            consumers={consumer.id: consumer for consumer in consumers},
            translators=translators,
            router=Router(consumers, dead_letters=refused.append, trust_env=trust_env),
            refused=refused,
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """Deliver what waits at the end, and take away what has arrived, also after an error."""
        try:
            yield
            for name in list(self.waiting):
                self._deliver(name)
        finally:
            try:
                self._settle()
            finally:
                self.router.close()

    def report(self, unknown: tuple[str, ...]) -> ReplayReport:
        return ReplayReport(
            delivered=self.counts["delivered"],
            refused=self.counts["refused"],
            kept=dict(sorted(self.kept.items())),
            notes=tuple(self.trouble.values()),
            unknown=unknown,
        )

    def take(self, letter: DeadLetter) -> None:
        """Have *letter* delivered, now or with others."""
        case = _Case(letter)
        if is_raw(letter):
            self.kept["damaged"] += 1
            return
        found = self._again(letter) if letter.documents else self._anew(case)
        if isinstance(found, str):
            self.kept[found] += 1
            return
        case.open = len(found)
        if not found:
            self._close(case)
        for delivery in found:
            name = delivery["consumer"]
            queue = self.waiting.setdefault(name, _Queue())
            queue.deliveries.append((case, delivery))
            queue.size += len(delivery["documents"])
            if queue.size >= self.consumers[name].batch.max_size:
                self._deliver(name)

    def _again(self, letter: DeadLetter) -> list[Delivery] | str:
        """Give the delivery of a letter, or why there is none."""
        consumer = self.consumers.get(letter.consumer)
        if consumer is None:
            return "unknown_consumer"
        if not consumer.enabled:
            return "disabled"
        if consumer.paused:
            return "paused"
        if (letter.protocol or _protocol(letter.documents)) != consumer.protocol:
            return "wrong_protocol"
        if letter.owner and letter.owner not in consumer.owners:
            return "other_owner"
        if letter.event is None:
            # Without the event nobody can tell what it may not have.
            is_allowed = consumer.is_unrestricted
        else:
            is_allowed = consumer.accepts(letter.event)
        if not is_allowed:
            return "denied"
        delivery: Json = {
            "consumer": consumer.id,
            "protocol": consumer.protocol,
            "name": letter.name,
            "documents": letter.documents,
        }
        if letter.event is not None:
            delivery["event"] = letter.event
        return [cast("Delivery", delivery)]

    def _anew(self, case: _Case) -> list[Delivery] | str:
        """Translate the event of a letter once more, and give its deliveries."""
        letter = case.letter
        if letter.event is None:
            return "no_content"
        names = [letter.protocol] if letter.protocol else list(self.translators)
        names = [name for name in names if name in self.translators]
        if not names:
            return "no_translator"
        found: list[Delivery] = []
        failed: list[DeadLetter] = []
        reasons = set()
        for name in names:
            try:
                found += self.router.route(self.translators[name](letter.event))
                reasons.add("unwanted")
            except Exception as error:  # noqa: BLE001 - one event must not cost the others
                if getattr(error, "retryable", False):
                    # The letter stays whole; what the other protocol has is sent again with it.
                    return "lookup_failed"
                cause = (error.__cause__ or error) if isinstance(error, DropEvent) else error
                if isinstance(cause, UnsupportedEvent):
                    reasons.add("not_translated")
                else:
                    failed.append(translation_letter(cause, letter.event, name))
        for each in failed:
            self._renew(case, each)
        return found if found or case.renewed else max(reasons)

    def _deliver(self, name: str) -> None:
        """Deliver what waits for a consumer, and see what became of each letter."""
        batch = self.waiting.pop(name).deliveries
        self.refused.clear()
        if name not in self.trouble:
            try:
                self.router.deliver([delivery for _, delivery in batch])
            except DeliveryError as error:
                self.trouble[name] = str(error)
        refused = {_key(document): each for each in self.refused for document in each.documents}
        for case, delivery in batch:
            keys = map(_key, delivery["documents"])
            given_up = [refused[key] for key in keys if key in refused]
            # Of the others nobody knows whether they have arrived.
            if name in self.trouble and len(given_up) < len(delivery["documents"]):
                case.is_stuck = True
            else:
                for refusal in given_up:
                    self._renew(case, refusal)
            case.open -= 1
            self._close(case)
        if time.monotonic() >= self.next_settling:
            self._settle()

    def _close(self, case: _Case) -> None:
        """Count a letter once all have answered."""
        if case.open:
            return
        if case.is_stuck:
            self.kept["in_trouble"] += 1
            return
        self.counts["refused" if case.renewed else "delivered"] += 1
        if case.letter.id not in case.renewed:
            self.settled.append(case.letter.id)

    def _renew(self, case: _Case, now: DeadLetter) -> None:
        """Keep the letter of a failure that came after another one, in its place if it can be."""
        before = case.letter
        consumer = self.consumers.get(now.consumer)
        protocol = consumer.protocol if consumer else now.protocol
        is_same = (
            len(before.documents) == len(now.documents) <= 1
            and before.consumer == now.consumer
            and before.protocol == protocol
        )
        letter = DeadLetter(
            consumer=now.consumer,
            owner=consumer.owner if consumer is not None else before.owner,
            reason=now.reason,
            documents=now.documents,
            name=before.name or now.name,
            protocol=protocol,
            detail=now.detail,
            status=now.status,
            response=now.response,
            attempts=now.attempts,
            event=before.event,
            history=[*before.history, _failure(before)],
            id=before.id if is_same else "",
        )
        self.letters(letter)
        case.renewed.add(letter.id)

    def _settle(self) -> None:
        """Take away what has arrived, at most for a tenth of the time: a file is written anew."""
        if self.settled:
            start = time.monotonic()
            self.letters.remove(self.settled)
            self.settled = []
            now = time.monotonic()
            self.next_settling = now + max(_SETTLE_EVERY, 9 * (now - start))


def _failure(letter: DeadLetter) -> Json:
    return {
        "reason": letter.reason,
        "time": letter.time.isoformat(),
        "status": letter.status,
        "attempts": letter.attempts,
    }


def _protocol(documents: list[Json]) -> str:
    """Tell the protocol of documents that were buried before letters said it."""
    if documents and all("verb" in document for document in documents):
        return "xapi"
    if documents and all("action" in document for document in documents):
        return "caliper"
    return ""


def _key(document: Json) -> str:
    return json.dumps(document, sort_keys=True, default=repr)
