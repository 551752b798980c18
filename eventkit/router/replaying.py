"""Delivering dead letters to their consumers again, once what was wrong has been put right."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, cast

import attrs

from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import ConsumerSource, Registry
from eventkit.dead_letters.letter import DeadLetter, is_raw
from eventkit.dead_letters.translation import translation_letter
from eventkit.exceptions import DeliveryError, DropEvent, UnsupportedEvent
from eventkit.router.plan import Plan
from eventkit.router.router import Router
from eventkit.stores.store import DeadLetters
from eventkit.transports.transport import Document
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

_LONGEST_WAIT = 2.0
"""Seconds that a letter waits for others to fill a request: meanwhile it may be dropped."""

_LOOK_EVERY = 1.0
"""Seconds between two looks at a registry, which has a pause seen before the next request."""

_OBSTACLES = {
    "disabled": "disabled",
    "other_owner": "other_owner",
    "rules_changed": "denied",
    "unknown_consumer": "unknown_consumer",
    "wrong_protocol": "wrong_protocol",
}
"""Reasons for which a router gives up what it has not sent, and why its letter is kept."""


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
    history, and when a consumer is in trouble, its letters stay as they are. A file or a registry
    is looked at again while this runs, as by any router: a consumer that is paused, disabled,
    moved or removed meanwhile, or whose rules have become stricter, gets nothing more. Nothing is
    lost if this is killed at any moment: run it again. What had arrived in the last seconds then
    arrives twice, with the same ids.

    Args:
        letters: where they lie; `eventkit.open_dead_letters` opens a file or a store.

        consumers: what a `Router` takes, or a router, whose consumers are taken as they are at each
            moment. Its queues, counts and dead letters are left alone, and a registry gets no
            reports.

        chosen: the ids of letters, or a callable that tells of each whether it is wanted.

        translators: by protocol, for events that could not be translated. They are translated anew
            and go to all consumers that may have them.

        trust_env: as of `Router`.

    Raises:
        ConfigurationError: the consumers cannot be read, or the letters do not open with their key.
    """
    run = _Run.prepare(letters, consumers, translators or {}, trust_env=trust_env)
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
    stuck: str = ""
    """Why it stays, when there is something that has not arrived."""
    renewed: set[str] = attrs.field(factory=set)
    """The ids of letters that have come of it."""


@attrs.define(eq=False)
class _Part:
    """What one consumer is to get of a letter."""

    case: _Case
    delivery: Delivery
    rules: str
    """The digest of the rules that entitled it, as far as there is no event to ask again."""
    documents: list[Document] = attrs.field(factory=list)
    """What is known of each document once it has been delivered or not."""


@attrs.define(eq=False)
class _Queue:
    """What waits until it fills a request of a consumer."""

    parts: list[_Part] = attrs.field(factory=list)
    size: int = 0
    since: float = attrs.field(factory=time.monotonic)


class _Asked:
    """Consumers as they are at each moment, from a registry that is not to get reports."""

    def __init__(self, ask: Callable[[], Iterable[Consumer | Mapping[str, Any]]]) -> None:
        self.consumers = ask


def _source(consumers: ConsumerSource | Router) -> ConsumerSource:
    if isinstance(consumers, Router):
        return _Asked(consumers.current)
    return _Asked(consumers.consumers) if isinstance(consumers, Registry) else consumers


class _Messenger(Router):
    """A router that tells what has become of each document of a delivery."""

    def __init__(self, consumers: ConsumerSource, *, trust_env: bool) -> None:
        self.refused: list[DeadLetter] = []
        """What it has given up."""
        self._parts: dict[int, _Part] = {}
        super().__init__(
            consumers, dead_letters=self.refused.append, trust_env=trust_env, reload=_LOOK_EVERY
        )

    def bring(self, parts: list[_Part]) -> str:
        """Deliver *parts* once; say what stood in the way, if anything did."""
        self.refused.clear()
        self._parts = {id(part.delivery): part for part in parts}
        try:
            self.deliver([part.delivery for part in parts])
        except DeliveryError as error:
            return str(error)
        finally:
            self._parts = {}
        return ""

    def _write(
        self, delivery: Delivery, written: dict[int, bytes], plan: Plan | None, *, keep: bool
    ) -> list[Document]:
        documents = super()._write(delivery, written, plan, keep=keep)
        part = self._parts[id(delivery)]
        for document in documents:
            if document.event is None:
                # Without the event only the rules that have let it pass can tell: they must be the
                # same when it is sent.
                document.rules = part.rules
        part.documents = documents
        return documents


@attrs.define(eq=False, kw_only=True)
class _Run:
    """One run."""

    letters: DeadLetters
    translators: Translators
    router: _Messenger
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
        consumers: ConsumerSource | Router,
        translators: Translators,
        *,
        trust_env: bool,
    ) -> Self:
        return cls(
            letters=letters,
            translators=translators,
            router=_Messenger(_source(consumers), trust_env=trust_env),
        )

    def consumer(self, name: str) -> Consumer | None:
        """Give a consumer as it is now, or was a moment ago."""
        return next((each for each in self.router.consumers if each.id == name), None)

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
            consumer = self.consumer(name)
            queue = self.waiting.setdefault(name, _Queue())
            queue.parts.append(_Part(case, delivery, consumer.rules if consumer else ""))
            queue.size += len(delivery["documents"])
            if consumer is None or queue.size >= consumer.batch.max_size:
                self._deliver(name)
        for name, queue in list(self.waiting.items()):
            if time.monotonic() - queue.since >= _LONGEST_WAIT:
                self._deliver(name)

    def _again(self, letter: DeadLetter) -> list[Delivery] | str:
        """Give the delivery of a letter, or why there is none."""
        known = {consumer.id: consumer for consumer in self.router.current()}
        consumer = known.get(letter.consumer)
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
            "owner": letter.owner or consumer.owner,
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
                translation = self.translators[name](letter.event)
                found += self.router.route(translation, with_event=True)
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
        parts = self.waiting.pop(name).parts
        kept = "in_trouble"
        if name in self.trouble:
            self.router.refused.clear()
        else:
            before = self.consumer(name)
            obstacle = self.router.bring(parts)
            now = self.consumer(name)
            if now is not None and now.paused:
                # It may be resumed while there are letters left.
                kept = "paused"
            elif obstacle and (now is None or before is None or now.owner == before.owner):
                self.trouble[name] = obstacle
        refused = {
            _key(document): each for each in self.router.refused for document in each.documents
        }
        for part in parts:
            keys = map(_key, part.delivery["documents"])
            given_up = [refused[key] for key in keys if key in refused]
            self._account(part, given_up, kept)
            part.case.open -= 1
            self._close(part.case)
        if time.monotonic() >= self.next_settling:
            self._settle()

    def _account(self, part: _Part, given_up: list[DeadLetter], kept: str) -> None:
        """See what became of a part: it has arrived, is given up, or the letter stays."""
        case = part.case
        outcomes = {each.outcome for each in part.documents}
        unsent = [_OBSTACLES[each.reason] for each in given_up if each.reason in _OBSTACLES]
        if "dropped:denied" in outcomes:
            unsent.append("denied")
        are_settled = len(part.documents) + len(given_up) >= len(
            part.delivery["documents"]
        ) and all(each == "delivered" or each.startswith("dead:") for each in outcomes)
        if unsent or not are_settled:
            # Either the consumers have changed while it was on its way, or one is in trouble.
            case.stuck = case.stuck or (unsent[0] if unsent else kept)
            return
        for refusal in given_up:
            self._renew(case, refusal)

    def _close(self, case: _Case) -> None:
        """Count a letter once all have answered."""
        if case.open:
            return
        if case.stuck:
            self.kept[case.stuck] += 1
            return
        self.counts["refused" if case.renewed else "delivered"] += 1
        if case.letter.id not in case.renewed:
            self.settled.append(case.letter.id)

    def _renew(self, case: _Case, now: DeadLetter) -> None:
        """Keep the letter of a failure that came after another one, in its place if it can be."""
        before = case.letter
        is_same = (
            len(before.documents) == len(now.documents) <= 1
            and before.consumer == now.consumer
            and before.protocol == now.protocol
        )
        letter = DeadLetter(
            consumer=now.consumer,
            owner=now.owner or before.owner,
            reason=now.reason,
            documents=now.documents,
            name=before.name or now.name,
            protocol=now.protocol,
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
