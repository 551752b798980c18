"""Buffered delivery: a bounded queue and a thread for each consumer."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs

from eventkit._clock import Clock
from eventkit._lane import Lane, size_of
from eventkit._throttle import describe
from eventkit.transports import Answer, Document, Verdict

_log = logging.getLogger(__name__)

_IDLE = 30.0
"""Seconds without work after which a thread ends; the next document starts another."""
_MAX_DOUBLINGS = 30


@attrs.frozen
class Pace:
    """How much may wait for a consumer, and how often one in trouble is tried."""

    queue_size: int
    queue_bytes: int
    backoff: float
    backoff_cap: float
    retry_after_cap: float
    pause: float


class Sender:
    """
    Drive a lane from a thread of its own, so that no consumer waits for another.

    Documents leave in the order in which they came. What is to be tried again goes back to the
    front and is tried for as long as the sender is open.
    """

    def __init__(self, lane: Lane, pace: Pace, clock: Clock) -> None:
        self._lane = lane
        self._pace = pace
        self._clock = clock
        self._changed = lane.changed
        self._queue: deque[Document] = deque()
        self._queued_bytes = 0
        self._in_flight: list[Document] = []
        self._bytes_in_flight = 0
        self._not_before = -float("inf")
        self._failures = 0
        self._flushing = 0
        self._closed = False
        self._deadline = 0.0
        self._thread: threading.Thread | None = None

    def offer(self, documents: list[Document]) -> None:
        """
        Queue *documents*, all of them, or give them to the dead letters when there is no room.

        Never waits for the consumer.
        """
        size = sum(map(size_of, documents))
        with self._changed:
            self._lane.enter(len(documents))
            refusal = self._refusal(size)
            if not refusal:
                now = self._clock.now()
                for document in documents:
                    document.since = now
                was_empty = not self._queue
                self._queue.extend(documents)
                self._queued_bytes += size
                self._ensure_thread()
                # Not for every document: the thread need not wake up before a batch is due.
                if was_empty or self._is_full():
                    self._changed.notify_all()
        if refusal:
            self._lane.bury(documents, refusal)

    @contextlib.contextmanager
    def hurried(self) -> Iterator[None]:
        """Send without waiting for full batches."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._flushing -= 1

    def wait_until_empty(self, until: float) -> bool:
        """Tell whether nothing is left, as soon as that is so or it is *until*."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._lane.pending, max(0.0, until - time.monotonic())
            )

    def stop(self, timeout: float) -> None:
        """Take no more documents; use up to *timeout* seconds for those in the queue."""
        with self._changed:
            self._closed = True
            self._deadline = self._clock.now() + timeout
            self._changed.notify_all()

    def finish(self, until: float) -> bool:
        """Wait for the end, but not beyond *until*; what is left then goes to the dead letters."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            # Where no thread can be had any more, as at the end of an interpreter, it is ours to
            # send what is queued.
            self._run()
        elif thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            left = [*self._in_flight, *self._queue]
            self._queue.clear()
            self._queued_bytes = 0
        # A request that hangs may still succeed. Then it is in both places; ids make that harmless.
        lost = self._lane.bury(left, "closed")
        self._lane.close()
        return not lost

    def health(self) -> dict[str, Any]:
        """Say how old the oldest waiting document is, and when the consumer is tried again."""
        with self._changed:
            now = self._clock.now()
            waiting = self._in_flight or self._queue
            return {
                "oldest_seconds": round(now - waiting[0].since, 3) if waiting else 0.0,
                "next_try_seconds": round(max(0.0, self._not_before - now), 3),
            }

    def _refusal(self, size: int) -> str:
        if self._closed:
            return "closed"
        held = self._bytes_in_flight + self._queued_bytes + size
        if self._lane.pending > self._pace.queue_size or held > self._pace.queue_bytes:
            return "queue_full"
        return ""

    def _ensure_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(
            target=self._run, name=f"eventkit-{self._lane.consumer.id}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            # The interpreter is ending, or the machine has no more threads. The documents stay
            # queued: the next one tries again, and closing puts them in the dead letters.
            _log.warning("No thread for consumer %s: %s", self._lane.consumer.id, describe(error))
        else:
            self._thread = thread

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            answer: Answer | None
            try:
                left, answer = self._lane.push(batch, self._may_go_on)
            except Exception as error:  # noqa: BLE001 - the thread must live, nothing may be lost
                left = [document for document in batch if not document.is_settled]
                answer = Answer(Verdict.RETRY, "error", describe(error))
                _log.warning("Delivery to %s failed: %s", self._lane.consumer.id, answer.detail)
            self._put_back(left, answer, had_progress=len(left) < len(batch))

    def _next(self) -> list[Document] | None:
        """Wait for the next batch that is due; None when the thread is to end."""
        with self._changed:
            while True:
                now = self._clock.now()
                if self._queue:
                    wait = self._wait(now)
                    if self._closed and now + wait > self._deadline:
                        break
                    if wait <= 0:
                        self._in_flight = self._lane.cut(self._queue)
                        self._bytes_in_flight = sum(map(size_of, self._in_flight))
                        self._queued_bytes -= self._bytes_in_flight
                        return self._in_flight
                    self._clock.wait(self._changed, wait)
                elif self._closed or not (self._changed.wait(_IDLE) or self._queue or self._closed):
                    break
            # Under the lock, so that whoever queues next sees that there is no thread.
            self._thread = None
            return None

    def _wait(self, now: float) -> float:
        """Give the seconds until the next batch is due."""
        wait = self._not_before - now
        if not (self._is_full() or self._flushing or self._closed):
            wait = max(wait, self._queue[0].since + self._lane.consumer.batch.max_wait - now)
        return max(0.0, wait)

    def _is_full(self) -> bool:
        return (
            len(self._queue) >= self._lane.consumer.batch.max_size
            or self._queued_bytes >= self._lane.room
        )

    def _may_go_on(self) -> bool:
        return not self._closed or self._clock.now() < self._deadline

    def _put_back(self, left: list[Document], answer: Answer | None, *, had_progress: bool) -> None:
        with self._changed:
            self._in_flight = []
            self._bytes_in_flight = 0
            # What closing has given up in the meantime stays given up.
            left = [document for document in left if not document.is_settled]
            self._queue.extendleft(reversed(left))
            self._queued_bytes += sum(map(size_of, left))
            self._failures = 0 if had_progress or answer is None else self._failures
            if answer is not None:
                self._not_before = self._clock.now() + self._delay(answer)
            self._changed.notify_all()

    def _delay(self, answer: Answer) -> float:
        """Give the seconds to leave the consumer alone."""
        if answer.verdict is Verdict.PAUSE:
            return self._pace.pause
        # Full jitter: senders that failed together do not come back together.
        doubled = self._pace.backoff * 2.0 ** min(self._failures, _MAX_DOUBLINGS)
        self._failures += 1
        delay = self._clock.random() * min(self._pace.backoff_cap, doubled)
        return max(delay, min(answer.retry_after or 0.0, self._pace.retry_after_cap))
