"""One consumer's lane: its transport, what it made of each document, and how it is doing."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal

import attrs

from eventkit.base.clock import Clock
from eventkit.base.throttle import SafeLogger, describe
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.reports import LastError
from eventkit.dead_letters.letter import DeadLetter
from eventkit.instrumentation.hooks import Details, What, is_on, tell
from eventkit.reading.jsonable import from_json, to_json
from eventkit.transports.transport import (
    CANNOT_ASK,
    CONFLICT,
    STOPPING,
    Answer,
    Document,
    Inquiry,
    Transport,
    Verdict,
)
from eventkit.typing import Event, Json

_log = SafeLogger(__name__)

MAX_REFUSALS = 20
"""
Documents in a row that a consumer may refuse for good without taking any. Then it is not the
documents: it is paused, so that a wrong setting does not empty its queue into the dead letters.
"""
_OPEN_AFTER = 5
"""Failed requests in a row after which a consumer counts as down."""
_STEADY = 20
"""Requests of a reduced size that must arrive before a larger one is tried."""
_TOO_LARGE = 413
_FEW = 8
"""Documents of a refused request about which a consumer is asked one by one without further ado."""
_SAMPLE = 3
"""Documents about which it is asked first when there are more."""

Way = Literal["delivered", "dead", "dropped", "returned"]
"""How documents leave."""

Bury = Callable[[Document, DeadLetter], object]
"""Keeps the dead letter of a document. It must not raise."""


def _always() -> bool:
    return True


def _nothing() -> None:
    pass


def _open_to_all() -> str:
    return ""


class Lane:
    """
    The way of documents to one consumer, whoever drives it.

    Every document that enters leaves in one way, and all are counted together, so that ``enqueued
    == delivered + dead + dropped + returned + pending`` holds at any moment. ``returned`` are
    documents given back to a caller who drives the lane himself and was told to try again.
    """

    def __init__(
        self,
        consumer: Consumer,
        transport: Transport,
        *,
        bury: Bury,
        clock: Clock,
        look: Callable[[], object] = _nothing,
    ) -> None:
        self.consumer = consumer
        self.changed = threading.Condition()
        """Guards all counts, and whatever queue the lane's driver keeps."""
        self.pending = 0
        self._transport = transport
        self._bury = bury
        self._clock = clock
        self._look = look
        self._counts: Counter[str] = Counter()
        self._trouble: Answer | None = None
        self._trouble_since = clock.now()
        self._failures = 0
        self._refusals = 0
        self._bound: int | None = None
        self._steady = 0
        self._may_ask = True
        self._last_success: datetime | None = None
        self._last_error: LastError | None = None

    def change(self, consumer: Consumer, transport: Transport) -> None:
        """Go on with other settings; a request that is under way is not disturbed."""
        with self.changed:
            state = self.state
            before, self._transport = self._transport, transport
            self.consumer = consumer
            self._trouble = self._bound = None
            self._failures = self._refusals = 0
            self._may_ask = True
            if consumer.paused:
                self._trouble_since = self._clock.now()
            now = self.state
        before.close()
        if now != state:
            self.tell("state", 1, now)

    @property
    def room(self) -> int:
        """The bytes that documents, by their sizes, may take in one request."""
        limit = self.consumer.batch.max_bytes
        if self._transport.max_bytes is not None:
            limit = min(limit, self._transport.max_bytes)
        return limit - self._transport.overhead

    def cut(self, queue: deque[Document], most: int | None = None) -> list[Document]:
        """
        Take one request's worth from the front of *queue*; what is too large goes alone.

        At most *most* documents, if fewer than the consumer's setting allows, and no more bytes
        than it has not found too large lately.
        """
        room = self.room if self._bound is None else min(self.room, self._bound)
        return self._cut(queue, room, most)

    def _cut(self, queue: deque[Document], room: int, most: int | None = None) -> list[Document]:
        limit = self.consumer.batch.max_size
        if most is not None:
            limit = min(limit, most)
        number = 0
        for document in islice(queue, limit):
            room -= document.size
            if room < 0 and number:
                break
            number += 1
        return [queue.popleft() for _ in range(number)]

    def enter(self, number: int) -> None:
        """Count *number* documents as accepted."""
        with self.changed:
            self._counts["enqueued"] += number
            self.pending += number

    def hand_on(self, number: int) -> None:
        """Let *number* documents enter another lane instead."""
        with self.changed:
            self._counts["enqueued"] -= number
            self.pending -= number
            self.changed.notify_all()

    def push(
        self, documents: list[Document], may_go_on: Callable[[], bool] = _always
    ) -> tuple[list[Document], Answer | None]:
        """
        Bring *documents* to the consumer, in order, one attempt per request.

        A refused request is split in halves, again and again, until the culprits stand alone: they
        go to the dead letters, and the others arrive. That takes requests in proportion to the
        number of culprits and to the logarithm of the size. If it is refused because something is
        there already, the consumer is asked what.

        Before each request it is looked whether consumers have changed, so that rules hold from the
        next request on, whatever is under way.

        Returns:
            What is left to be tried again, and the answer that stopped it (None: *may_go_on* did).
        """
        waiting = [documents]
        missing: set[int] = set()
        while waiting:
            batch = waiting.pop()
            if not batch:
                continue
            self._look()
            halt = self.halt
            if halt is not None or not may_go_on():
                return _open([*waiting, batch]), halt
            answer = self._prepare(batch)
            if answer is None:
                # Before each request: the rules, and what a request may hold, may have changed.
                batch = self._trim(self._entitled(batch), waiting)
                if not batch:
                    continue
                answer = self._request(batch)
            if answer.verdict is Verdict.DELIVERED:
                self._deliver(batch)
            elif answer.verdict is Verdict.REFUSED:
                parts, answer = self._take_apart(batch, answer, missing, may_go_on)
                waiting += parts
                batch = []
            if answer.verdict in STOPPING:
                self._report(answer)
                return _open([*waiting, batch]), answer
            if self._refusals < MAX_REFUSALS:
                self._report(None)
        return [], None

    def deliver(
        self, documents: Iterable[Document], shut: Callable[[], str | Answer] = _open_to_all
    ) -> Answer | None:
        """
        Push entered *documents* in the caller's thread; give the answer that stopped it, if any.

        What is left is then the caller's again. *shut* gives the reason why no more may be sent, if
        there is one, and what is left goes to the dead letters with it; or the answer to give.
        """
        queue = deque(documents)
        everything = list(queue)
        answer = None
        try:
            while queue and answer is None:
                left, answer = self.push(self.cut(queue), lambda: not shut())
                if left and answer is None:
                    queue.extendleft(reversed(left))
                    reason = shut()
                    if isinstance(reason, Answer):
                        answer = reason
                    elif reason:
                        self.bury(queue, reason)
                        queue.clear()
        finally:
            # Also when the caller's thread is interrupted.
            self.give_back(everything)
        return answer

    def bury(self, documents: Iterable[Document], reason: str, answer: Answer | None = None) -> int:
        """Give *documents* to the dead letters; tell how many of them nobody had settled before."""
        mine = self._claim(documents, f"dead:{reason}")
        if answer is not None and mine:
            self._note_error(answer, reason)
        for document in mine:
            letter = DeadLetter(
                consumer=self.consumer.id,
                owner=self.consumer.owner,
                protocol=self.consumer.protocol,
                reason=reason,
                documents=[json.loads(document.body)],
                name=document.name,
                status=answer.status if answer else None,
                response=answer.response if answer else "",
                detail=answer.detail if answer else "",
                attempts=document.attempts,
                event=plain(document.event),
            )
            self._bury(document, letter)
            self._leave("dead", 1, reason)
            self.tell("dead", 1, reason)
        return len(mine)

    def give_back(self, documents: Sequence[Document]) -> None:
        """Let go of *documents* that somebody else will bring to the consumer."""
        self._settle(documents, "returned")

    def stats(self) -> dict[str, int]:
        """Copy the counts of one moment."""
        with self.changed:
            counts = dict.fromkeys(COUNTS, 0) | self._counts
            counts["pending"] = self.pending
            return dict(sorted(counts.items()))

    @property
    def halt(self) -> Answer | None:
        """Say why nothing is sent at all before a setting changes; None: it is."""
        if self.consumer.paused:
            return _PAUSED
        trouble = self._trouble
        return trouble if trouble is not None and trouble.verdict is Verdict.GONE else None

    @property
    def state(self) -> str:
        """``ok``, ``retrying``, ``open`` (down: it is only probed), ``paused`` or ``gone``."""
        if self.consumer.paused:
            return "paused"
        if self._trouble is None:
            return "ok"
        if self._trouble.verdict is Verdict.GONE:
            return "gone"
        if self._trouble.verdict is Verdict.PAUSE:
            return "paused"
        return "open" if self._failures >= _OPEN_AFTER else "retrying"

    def health(self) -> dict[str, Any]:
        """Say how the consumer is doing, in JSON."""
        with self.changed:
            health: dict[str, Any] = {"state": self.state, "pending": self.pending}
            if conflict := self._counts[f"dead:{CONFLICT}"]:
                health["conflict"] = conflict
            if self._last_success is not None:
                health["last_success"] = self._last_success.isoformat()
            if self._last_error is not None:
                health["last_error"] = self._last_error.as_dict()
            trouble = _PAUSED if self.consumer.paused else self._trouble
            if trouble is not None:
                health |= {
                    "reason": trouble.reason,
                    "status": trouble.status,
                    "detail": trouble.detail,
                    "response": trouble.response,
                    "seconds": round(self._clock.now() - self._trouble_since, 3),
                }
            return health

    @property
    def last(self) -> tuple[datetime | None, LastError | None]:
        """Say when the consumer took something last, and when and why it did not."""
        with self.changed:
            return self._last_success, self._last_error

    def close(self) -> None:
        """Let go of the transport's connections."""
        self._transport.close()

    def _entitled(self, documents: list[Document]) -> list[Document]:
        """Leave out what the consumer may not have by the rules that it has now."""
        rules = self.consumer.rules
        return [each for each in documents if each.rules == rules or self._may_have(each)]

    def _may_have(self, document: Document) -> bool:
        if document.event is None:
            if not document.rules and not document.position:
                # Whoever delivers it without its event has routed it.
                return True
            self.bury([document], "rules_changed")
            return False
        event = document.event
        if not self.consumer.accepts(from_json(event) if isinstance(event, bytes) else event):
            self._settle([document], "dropped", "denied")
            return False
        document.rules = self.consumer.rules
        return True

    def _prepare(self, batch: list[Document]) -> Answer | None:
        try:
            return self._transport.prepare(batch)
        except Exception as error:  # noqa: BLE001 - a transport of any make
            return _unexpected(error)

    def _request(self, batch: list[Document]) -> Answer:
        for document in batch:
            document.attempts += 1
        try:
            answer = self._transport.send(batch)
        except Exception as error:  # noqa: BLE001 - a transport of any make
            answer = _unexpected(error)
        failed = answer.verdict is Verdict.RETRY
        with self.changed:
            self._counts["requests"] += 1
            self._counts["retries"] += failed
        if failed:
            self.tell("retried", len(batch), answer.reason)
        return answer

    def _trim(self, batch: list[Document], waiting: list[list[Document]]) -> list[Document]:
        """Give as much of *batch* as a request may hold; the rest waits."""
        if len(batch) <= self.consumer.batch.max_size and total_size(batch) <= self.room:
            return batch
        queue = deque(batch)
        batch = self._cut(queue, self.room)
        if queue:
            waiting.append(list(queue))
        return batch

    def _doubt(self, batch: list[Document], answer: Answer) -> Answer:
        """Take a refusal for a wrong setting when everything is refused."""
        if self._refusals < MAX_REFUSALS or len(batch) > 1:
            return answer
        if self._refusals > MAX_REFUSALS:
            # One a visit, so that documents which are bad indeed do not block for ever, whatever
            # those between them are answered.
            self.bury(batch, answer.reason, answer)
        self._refusals = MAX_REFUSALS + 1
        detail = (
            f"{answer.detail}: it has refused {MAX_REFUSALS} documents in a row and taken none; "
            "check url and the receiver's settings, then replay the dead letters"
        )
        return attrs.evolve(answer, verdict=Verdict.PAUSE, reason=REFUSES_ALL, detail=detail)

    def _split(self, batch: list[Document], answer: Answer) -> list[list[Document]]:
        """Give the parts of a refused *batch* to send next, the last one first."""
        if answer.status == _TOO_LARGE and len(batch) > 1:
            self._steady = 0
            self._bound = total_size(batch) // 2
        accepted = [document for document in batch if document.id in answer.accepted]
        if accepted:
            self._deliver(accepted)
            rest = [document for document in batch if document.id not in answer.accepted]
            return [rest] if rest else []
        if len(batch) == 1:
            self.bury(batch, answer.reason, answer)
            self._refusals += 1
            return []
        return _halves(batch)

    def _take_apart(
        self,
        batch: list[Document],
        answer: Answer,
        missing: set[int],
        may_go_on: Callable[[], bool],
    ) -> tuple[list[list[Document]], Answer]:
        """Give the parts of a refused *batch* to send next, or an answer that stands in the way."""
        if answer.ask is not None:
            return self._sort_out(batch, answer, answer.ask, missing, may_go_on)
        answer = self._doubt(batch, answer)
        if answer.verdict is Verdict.PAUSE:
            return [batch], answer
        return self._split(batch, answer), answer

    def _sort_out(
        self,
        batch: list[Document],
        answer: Answer,
        ask: Inquiry,
        missing: set[int],
        may_go_on: Callable[[], bool],
    ) -> tuple[list[list[Document]], Answer]:
        """
        Settle what a consumer has of *batch*, of which it has something.

        It is asked about each document or, when there are many, about some first: unless it has all
        of those it hardly has all, and the others are sooner sent, in halves if need be. *missing*
        has what it does not have, by identity; it is not asked for that twice.
        """
        unknown = [document for document in batch if id(document) not in missing]
        are_many = len(unknown) > _FEW
        if not self._may_ask or (are_many and missing):
            return self._halves_or_conflict(batch, answer), answer
        for number, document in enumerate(_sample_first(unknown) if are_many else unknown):
            is_known = ask.knows(document)
            if are_many and number >= _SAMPLE and missing and not is_known:
                continue
            if not may_go_on():
                return [_unsettled(batch)], answer
            found = self._ask(document, ask, is_known=is_known)
            if found is None:
                missing.add(id(document))
            elif found.reason == CANNOT_ASK:
                self._may_ask = False
                break
            elif found.verdict in STOPPING:
                return [_unsettled(batch)], found
            else:
                self._settle_known(document, found)
        rest = _unsettled(batch)
        if len(rest) < len(batch):
            return [rest], answer
        # It has nothing of it, as far as it says, or it does not say.
        return self._halves_or_conflict(rest, answer), answer

    def _settle_known(self, document: Document, found: Answer) -> None:
        """Settle a document under whose id the consumer has one already."""
        if found.verdict is Verdict.DELIVERED:
            self._deliver([document])
        else:
            self._refusals = 0
            self.bury([document], CONFLICT, found)

    def _ask(self, document: Document, ask: Inquiry, *, is_known: bool) -> Answer | None:
        with self.changed:
            self._counts["requests"] += not is_known
        try:
            return ask(document)
        except Exception as error:  # noqa: BLE001 - a transport of any make
            return _unexpected(error)

    def _halves_or_conflict(self, batch: list[Document], answer: Answer) -> list[list[Document]]:
        if len(batch) > 1:
            return _halves(batch)
        detail = (
            f"{answer.detail}: the receiver has a document under this id, and does not show which"
        )
        self._settle_known(batch[0], attrs.evolve(answer, detail=detail))
        return []

    def _deliver(self, documents: list[Document]) -> None:
        self._refusals = 0
        if self._bound is not None:
            self._widen(total_size(documents))
        self._settle(documents, "delivered")

    def _widen(self, arrived: int) -> None:
        """Let requests grow again after one was too large; *arrived* bytes were not."""
        self._bound = max(self._bound or 0, arrived)
        self._steady += 1
        if self._steady >= _STEADY:
            self._steady = 0
            doubled = 2 * self._bound
            self._bound = doubled if doubled < self.room else None

    def _settle(self, documents: Sequence[Document], how: Way, reason: str = "") -> None:
        with self.changed:
            mine = self._claim(documents, f"{how}:{reason}" if reason else how)
            self._leave(how, len(mine), reason)
            if how == "delivered":
                self._last_success = datetime.now(UTC)
        if mine and how != "returned" and is_on():
            oldest = min(document.since for document in mine)
            self.tell(how, len(mine), reason, since=oldest if how == "delivered" else 0)

    def _claim(self, documents: Iterable[Document], outcome: str) -> list[Document]:
        """Settle *documents*, but for those that somebody else has settled."""
        with self.changed:
            mine = [document for document in documents if not document.outcome]
            for document in mine:
                document.outcome = outcome
            return mine

    def _note_error(self, answer: Answer, reason: str) -> None:
        """Take down that the consumer has not taken what it was sent, and what it said."""
        self._last_error = LastError(
            time=datetime.now(UTC),
            reason=reason,
            status=answer.status,
            detail=answer.detail,
            response=answer.response,
        )

    def _leave(self, how: Way, number: int, reason: str = "") -> None:
        with self.changed:
            self._counts[how] += number
            if reason:
                self._counts[f"{how}:{reason}"] += number
            self.pending -= number
            if not self.pending:
                self.changed.notify_all()

    def _report(self, answer: Answer | None) -> None:
        """Keep the state, and log when it changes; None: the consumer has answered as it should."""
        with self.changed:
            before, state = self._trouble, self.state
            self._trouble = answer
            if answer is not None:
                self._note_error(answer, answer.reason)
            failed = answer is not None and answer.verdict is Verdict.RETRY
            self._failures = self._failures + 1 if failed else 0
            if answer is not None and (before is None or before.verdict is not answer.verdict):
                self._trouble_since = self._clock.now()
            now = self.state
        if now != state:
            self.tell("state", 1, now)
        who = self.consumer.id
        if answer is None:
            if before is not None:
                _log.info("Consumer %s answers again.", who)
        elif answer.verdict is Verdict.GONE:
            _log.warning("Consumer %s is stopped, its events are kept: %s", who, answer.detail)
        elif answer.verdict is Verdict.PAUSE:
            if before is None or (before.verdict, before.reason) != (answer.verdict, answer.reason):
                _log.warning("Consumer %s is paused, its events are kept: %s", who, answer.detail)
        elif before is None:
            _log.warning("Consumer %s cannot be reached, will be retried: %s", who, answer.detail)

    def tell(self, what: What, number: int, reason: str = "", *, since: float = 0) -> None:
        """Tell the hooks, if there are any. Not under the lock: they may take their time."""
        if is_on():
            tell(
                Details(
                    what,
                    number=number,
                    component="Router",
                    consumer=self.consumer.id,
                    protocol=self.consumer.protocol,
                    reason=reason,
                    seconds=self._clock.now() - since if since else None,
                )
            )


COUNTS = ("enqueued", "delivered", "dead", "dropped", "returned", "requests", "retries")
"""What is always counted; ``dead:<reason>`` and the like come with the first of their kind."""

REFUSES_ALL = "refuses_everything"
"""The reason of a pause because of `MAX_REFUSALS`."""

SETTING = "setting"
"""The reason of a pause that somebody wants."""

_PAUSED = Answer(
    Verdict.PAUSE,
    SETTING,
    "it is paused by its setting; what comes for it waits until that says 'paused: false'",
)


def plain(event: Event | bytes | None) -> Json | None:
    """Give an event as JSON knows it; None when it cannot be."""
    if event is None:
        return None
    try:
        found = from_json(event if isinstance(event, bytes) else to_json(event))
    except Exception:  # noqa: BLE001 - whatever an event holds
        return None
    return found if isinstance(found, dict) else None


def total_size(documents: Iterable[Document]) -> int:
    """Count the bytes that *documents* take in a request."""
    return sum([document.size for document in documents])


def _halves(batch: list[Document]) -> list[list[Document]]:
    """Give the halves of *batch*, the last one first."""
    middle = len(batch) // 2
    return [batch[middle:], batch[:middle]]


def _sample_first(documents: list[Document]) -> list[Document]:
    """Put the first one, the one in the middle and the last one of *documents* in front."""
    middle = len(documents) // 2
    return [
        documents[0],
        documents[middle],
        documents[-1],
        *documents[1:middle],
        *documents[middle + 1 : -1],
    ]


def _unsettled(documents: list[Document]) -> list[Document]:
    return [document for document in documents if not document.outcome]


def _unexpected(error: Exception) -> Answer:
    return Answer(Verdict.RETRY, "transport_error", f"unexpected: {describe(error)}")


def _open(parts: list[list[Document]]) -> list[Document]:
    """Put the *parts* that wait, the next one last, back in order."""
    return [document for part in reversed(parts) for document in part if not document.outcome]
