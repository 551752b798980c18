"""One consumer's lane: its transport, what it made of each document, and how it is doing."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from eventkit._clock import Clock
from eventkit._throttle import describe
from eventkit.consumers import Consumer
from eventkit.dead_letters import DeadLetter, DeadLetterBox
from eventkit.transports import Answer, Document, Transport, Verdict
from eventkit.typing import Json

_log = logging.getLogger(__name__)


def encode(document: Json) -> bytes:
    """
    Write *document* out, once for all requests: the same id must mean the same bytes.

    Raises:
        ValueError, TypeError, RecursionError: it is not JSON.
    """
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")


def size_of(document: Document) -> int:
    """Count the bytes that *document* takes in a request: itself and what separates it."""
    return len(document.body) + 1


def _always() -> bool:
    return True


class Lane:
    """
    The way of documents to one consumer, whoever drives it.

    Every document that enters leaves in one of three ways, and all are counted together, so that
    ``enqueued == delivered + dead + returned + pending`` holds at any moment. ``returned`` are
    documents given back to a caller who drives the lane himself and was told to try again.
    """

    def __init__(
        self, consumer: Consumer, transport: Transport, box: DeadLetterBox, clock: Clock
    ) -> None:
        self.consumer = consumer
        self.changed = threading.Condition()
        """Guards all counts, and whatever queue the lane's driver keeps."""
        self.pending = 0
        self._transport = transport
        self._box = box
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._trouble: Answer | None = None
        self._trouble_since = 0.0

    @property
    def room(self) -> int:
        """The bytes that documents, as `size_of` counts them, may take in one request."""
        limit = self.consumer.batch.max_bytes
        if self._transport.max_bytes is not None:
            limit = min(limit, self._transport.max_bytes)
        return limit - self._transport.overhead

    def cut(self, queue: deque[Document]) -> list[Document]:
        """Take one request's worth from the front of *queue*; what is too large goes alone."""
        taken = [queue.popleft()]
        room = self.room - size_of(taken[0])
        while queue and len(taken) < self.consumer.batch.max_size:
            room -= size_of(queue[0])
            if room < 0:
                break
            taken.append(queue.popleft())
        return taken

    def enter(self, number: int) -> None:
        """Count *number* documents as accepted."""
        with self.changed:
            self._counts["enqueued"] += number
            self.pending += number

    def push(
        self, documents: list[Document], may_go_on: Callable[[], bool] = _always
    ) -> tuple[list[Document], Answer | None]:
        """
        Bring *documents* to the consumer, in order, one attempt per request.

        A refused request is split in halves, again and again, until the culprits stand alone: they
        go to the dead letters, and the others arrive. That takes requests in proportion to the
        number of culprits and to the logarithm of the size.

        Returns:
            What is left to be tried again, and the answer that stopped it (None: *may_go_on* did).
        """
        waiting = [documents]
        while waiting:
            if not may_go_on():
                return _unsettled(waiting), None
            batch = waiting.pop()
            answer = self._prepare(batch)
            if answer is None:
                # What a request may hold may have changed since the batch was made.
                queue = deque(batch)
                batch = self.cut(queue)
                if queue:
                    waiting.append(list(queue))
                answer = self._request(batch)
            if answer.verdict is Verdict.DELIVERED:
                self._deliver(batch)
                self._report(None)
            elif answer.verdict is not Verdict.REFUSED:
                self._report(answer)
                return _unsettled([*waiting, batch]), answer
            else:
                self._report(None)
                waiting += self._split(batch, answer)
        return [], None

    def deliver(self, documents: Iterable[Document]) -> Answer | None:
        """
        Push entered *documents* in the caller's thread; give the answer that stopped it, if any.

        What is left is then the caller's again.
        """
        queue = deque(documents)
        everything = list(queue)
        answer = None
        try:
            while queue and answer is None:
                _, answer = self.push(self.cut(queue))
        finally:
            # Also when the caller's thread is interrupted.
            self._hand_back(everything)
        return answer

    def bury(self, documents: Sequence[Document], reason: str, answer: Answer | None = None) -> int:
        """Give *documents* to the dead letters; tell how many of them nobody had settled before."""
        mine = self._claim(documents)
        for document in mine:
            self._box.put(
                DeadLetter(
                    consumer=self.consumer.id,
                    reason=reason,
                    documents=[json.loads(document.body)],
                    name=document.name,
                    status=answer.status if answer else None,
                    response=answer.response if answer else "",
                    attempts=document.attempts,
                )
            )
            self._leave("dead", 1, reason)
        return len(mine)

    def bury_unwritten(self, name: str, document: Json) -> None:
        """Give *document*, which is not JSON, to the dead letters as it is."""
        self.enter(1)
        self._box.put(
            DeadLetter(
                consumer=self.consumer.id,
                reason="not_json",
                documents=[document],
                name=name,
            )
        )
        self._leave("dead", 1, "not_json")

    def stats(self) -> dict[str, int]:
        """Copy the counts of one moment."""
        with self.changed:
            counts = dict.fromkeys(COUNTS, 0) | self._counts
            counts["pending"] = self.pending
            return dict(sorted(counts.items()))

    def health(self) -> dict[str, Any]:
        """Say how the consumer is doing, in JSON."""
        with self.changed:
            health: dict[str, Any] = {"state": "ok", "pending": self.pending}
            trouble = self._trouble
            if trouble is not None:
                health |= {
                    "state": "paused" if trouble.verdict is Verdict.PAUSE else "retrying",
                    "reason": trouble.reason,
                    "status": trouble.status,
                    "detail": trouble.detail,
                    "response": trouble.response,
                    "seconds": round(self._clock.now() - self._trouble_since, 3),
                }
            return health

    def close(self) -> None:
        """Let go of the transport's connections."""
        self._transport.close()

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
        with self.changed:
            self._counts["requests"] += 1
            if answer.verdict is Verdict.RETRY:
                self._counts["retries"] += 1
        return answer

    def _split(self, batch: list[Document], answer: Answer) -> list[list[Document]]:
        """Give the parts of a refused *batch* to send next, the last one first."""
        accepted = [document for document in batch if document.id in answer.accepted]
        if accepted:
            self._deliver(accepted)
            rest = [document for document in batch if document.id not in answer.accepted]
            return [rest] if rest else []
        if len(batch) == 1:
            self.bury(batch, answer.reason, answer)
            return []
        middle = len(batch) // 2
        return [batch[middle:], batch[:middle]]

    def _deliver(self, documents: list[Document]) -> None:
        with self.changed:
            self._leave("delivered", len(self._claim(documents)))

    def _hand_back(self, documents: list[Document]) -> None:
        with self.changed:
            self._leave("returned", len(self._claim(documents)))

    def _claim(self, documents: Sequence[Document]) -> list[Document]:
        """Settle *documents*, but for those that somebody else has settled."""
        with self.changed:
            mine = [document for document in documents if not document.is_settled]
            for document in mine:
                document.is_settled = True
            return mine

    def _leave(self, how: str, number: int, reason: str = "") -> None:
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
            before = self._trouble
            self._trouble = answer
            if answer is not None and (before is None or before.verdict is not answer.verdict):
                self._trouble_since = self._clock.now()
        who = self.consumer.id
        if answer is None:
            if before is not None:
                _log.info("Consumer %s answers again.", who)
        elif answer.verdict is Verdict.PAUSE:
            if before is None or (before.verdict, before.reason) != (answer.verdict, answer.reason):
                _log.warning("Consumer %s is paused, its events are kept: %s", who, answer.detail)
        elif before is None:
            _log.warning("Consumer %s cannot be reached, will be retried: %s", who, answer.detail)


COUNTS = ("enqueued", "delivered", "dead", "returned", "requests", "retries")
"""What is always counted; ``dead:<reason>`` comes with the first of its kind."""


def _unexpected(error: Exception) -> Answer:
    return Answer(Verdict.RETRY, "transport_error", f"unexpected: {describe(error)}")


def _unsettled(parts: list[list[Document]]) -> list[Document]:
    """Put the *parts* that wait, the next one last, back in order."""
    return [document for part in reversed(parts) for document in part if not document.is_settled]
