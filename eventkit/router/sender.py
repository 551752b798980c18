"""Delivery in the background: a queue and a thread for each consumer."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from eventkit.base.clock import Clock
from eventkit.base.throttle import SafeLogger, describe
from eventkit.router.backoff import Pace
from eventkit.router.feed import RETRY, Feed
from eventkit.router.lane import REFUSES_ALL, SETTING, Lane, total_size
from eventkit.router.suspicion import Suspect, Ward
from eventkit.transports.transport import ADDRESS_REFUSED, Answer, Document, Verdict

_log = SafeLogger(__name__)

_IDLE = 30.0
"""Seconds without work after which a thread ends; the next document starts another."""
_GROWTH = 4
"""After trouble requests begin with one document; with each that arrives they grow by this."""
_LOOK_FURTHER = 1_000
_LOOK_FURTHER_BYTES = 16_000_000
"""Documents, and their bytes, that are read from the store when the first ones keep failing."""
_LOOK_AGAIN = 0.05
"""Seconds between two looks at whether a shared store is empty."""
_REST = 3.0
"""After a request the thread rests for as many times what that has taken, at most..."""
_LONGEST_REST = 0.02
"""... these seconds. Under load, requests and writes to the store would else be made for every few
documents, and take from the threads that accept events what these need."""
_READ_AHEAD = 2
"""Requests' worth of documents that are read from the store at a time."""
_NOT_ITS_FAULT = frozenset({REFUSES_ALL, SETTING, ADDRESS_REFUSED})
"""Reasons of a pause that no document can be."""


class Sender:
    """
    Drive a lane from a thread of its own, so that no consumer waits for another.

    Documents leave in the order in which they came. What is to be tried again goes back to the
    front and is tried until it is too old: one document at a time, until the consumer takes one. A
    document that fails while others arrive lets these go first, those of other learners before its
    own learner's, and is given up when it alone can be to blame.

    With a *feed* the queue is a window on a store, and only the thread puts documents in it.
    """

    def __init__(self, lane: Lane, pace: Pace, clock: Clock, feed: Feed | None = None) -> None:
        self.feed = feed
        self._lane = lane
        self._pace = pace
        self._clock = clock
        self._changed = lane.changed
        self._queue: deque[Document] = deque()
        self._queued_bytes = 0
        self._held_bytes = 0
        self._arrivals = itertools.count(1)
        self._in_flight: list[Document] = []
        self._not_before = -float("inf")
        self._failures = 0
        self._most: int | None = None
        self._ward = Ward(clock.random)
        self._trial: Suspect | None = None
        self._was_trial = False
        self._flushing = 0
        self._parked = False
        self._counts_from = -float("inf")
        self._is_to_start_over = False
        self._crash = ""
        self._is_resting = False
        self._closed = False
        self._deadline = 0.0
        self._thread: threading.Thread | None = None

    def offer(self, documents: list[Document]) -> None:
        """
        Queue *documents*, all of them, or give them to the dead letters when there is no room.

        Never waits for the consumer.
        """
        with self._changed:
            self._lane.enter(len(documents))
            refusal = self._refusal(_weight(documents))
            if not refusal:
                now = self._clock.now()
                for document in documents:
                    document.since = now
                was_idle = self._is_idle
                self._append(documents)
                self._ensure_thread()
                # Not for every document: the thread need not wake up before a batch is due.
                if was_idle or self._is_full():
                    self._changed.notify_all()
        self._lane.tell("enqueued", len(documents))
        if refusal:
            self._lane.bury(documents, refusal)

    def wake(self, number: int = 0) -> None:
        """Learn that there are *number* more documents in the store; 0: perhaps."""
        with self._changed:
            if self.feed is None or self._parked or self._closed:
                return
            self.feed.has_more = True
            self.feed.announced += number
            self._ensure_thread()
            if self._is_idle or self._is_full():
                self._changed.notify_all()

    def park(self) -> None:
        """Send nothing until told to `go_on`; what is queued stays."""
        with self._changed:
            self._parked = True
            self._changed.notify_all()

    def go_on(self) -> None:
        """Send again, and at once: the settings have changed."""
        with self._changed:
            if self._parked:
                # While nobody was to try it, nothing grew too old.
                self._counts_from = self._clock.now()
            self._parked = False
            self._not_before = -float("inf")
            self._failures = 0
            if self.feed is not None:
                self.feed.has_more = True
            if self._queue or self._ward.aside or self.feed is not None:
                self._ensure_thread()
            self._changed.notify_all()

    def take_over(self, former: Sender) -> None:
        """Take what is queued in memory for who the consumer was, which is parked."""
        with former._changed:
            documents = former._clear()
        if documents:
            with self._changed:
                self._lane.enter(len(documents))
                self._append(documents)
                self._ensure_thread()
                self._changed.notify_all()
            # In this order, so that at no moment nothing seems to wait.
            former._lane.hand_on(len(documents))

    def start_over(self) -> None:
        """Read the queue in the store from its beginning: something older has come into it."""
        with self._changed:
            self._is_to_start_over = True
            self._changed.notify_all()
        self.wake()

    @property
    def is_busy(self) -> bool:
        """Whether its thread may still be sending."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def trouble(self) -> tuple[str, str] | None:
        """Say in a slug and a line what keeps it from working, which is not the consumer's."""
        if self._crash:
            return "thread", self._crash
        if self.feed is not None and self.feed.trouble:
            return "store", self.feed.trouble
        return None

    def revive(self) -> None:
        """Start the thread anew if it has died."""
        with self._changed:
            thread = self._thread
            # One that ends by itself leaves none behind.
            if thread is None or thread.is_alive() or self._closed:
                return
            self._crash = "its thread has died, and was started anew"
            _log.warning("Consumer %s: %s", self._lane.consumer.id, self._crash)
            self._begin_again()
            self._ensure_thread()

    def _begin_again(self) -> None:
        """Take up what was under way when something unexpected happened."""
        left = [document for document in self._in_flight if not document.outcome]
        self._in_flight = []
        self._trial = None
        if self.feed is None:
            self._restore(left)
            return
        self._lane.give_back(left)
        self._drop_window()

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
        if self.feed is None:
            with self._changed:
                return self._changed.wait_for(
                    lambda: not self._lane.pending, max(0.0, until - time.monotonic())
                )
        while not self.feed.is_empty:
            left = until - time.monotonic()
            if left <= 0:
                return False
            # Somebody else may be sending it, in another process.
            time.sleep(min(left, _LOOK_AGAIN))
        return True

    def stop(self, timeout: float) -> None:
        """Take no more documents; use up to *timeout* seconds for those in the queue."""
        with self._changed:
            self._closed = True
            self._deadline = self._clock.now() + timeout
            self._changed.notify_all()

    def finish(self, until: float) -> bool:
        """
        Wait for the end, but not beyond *until*.

        What is left then goes to the dead letters; what is in a store stays there.
        """
        thread = self._thread
        if thread is None or not thread.is_alive():
            # Where no thread can be had any more, as at the end of an interpreter, it is ours to
            # send what is queued.
            self._run()
        elif thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            left = [*self._in_flight, *self._clear()]
        if self.feed is not None:
            self._lane.give_back(left)
            self._lane.close()
            return self.feed.is_empty
        # A request that hangs may still succeed. Then it is in both places; ids make that harmless.
        lost = self._lane.bury(left, "closed")
        self._lane.close()
        return not lost

    def health(self) -> dict[str, Any]:
        """Say how old the oldest waiting document is, and when the consumer is tried, if ever."""
        with self._changed:
            now = self._clock.now()
            waiting = [*self._in_flight[:1], *itertools.islice(self._queue, 1)]
            waiting += [suspect.document for suspect in self._ward.aside]
            oldest = min((document.since for document in waiting), default=now)
            return {
                "oldest_seconds": round(now - oldest, 3),
                "next_try_seconds": None
                if self._parked
                else round(max(0.0, self._not_before - now), 3),
            }

    def _refusal(self, size: int) -> str:
        if self._closed:
            return "closed"
        is_large = self._held_bytes + size > self._pace.queue_bytes
        if self._lane.pending > self._pace.queue_size or is_large:
            return "queue_full"
        return ""

    def _ensure_thread(self) -> None:
        if self._parked or (self._thread is not None and self._thread.is_alive()):
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
        while True:
            try:
                batch = self._next()
                if batch is None:
                    return
                if batch:
                    began = self._clock.now()
                    self._send(batch)
                    self._rest(min(_LONGEST_REST, _REST * (self._clock.now() - began)))
                self._crash = ""
            except Exception as error:  # noqa: BLE001 - the thread must live, nothing may be lost
                self._crash = f"unexpected: {describe(error)}"
                _log.warning("Delivery to %s: %s", self._lane.consumer.id, self._crash)
                with self._changed:
                    if self._closed:
                        # Whoever closes takes what is left.
                        self._thread = None
                        return
                    self._begin_again()
                    self._changed.wait(RETRY)

    def _send(self, batch: list[Document]) -> None:
        answer: Answer | None
        try:
            left, answer = self._lane.push(batch, self._may_go_on)
        except Exception as error:  # noqa: BLE001 - as above
            left = [document for document in batch if not document.outcome]
            answer = Answer(Verdict.RETRY, "error", describe(error))
            _log.warning("Delivery to %s failed: %s", self._lane.consumer.id, answer.detail)
        self._put_back(batch, left, answer, self._learn(batch, answer))
        if self.feed is not None:
            self.feed.settle(batch)

    def _rest(self, seconds: float) -> None:
        """Let documents gather, unless enough are here or somebody is in a hurry."""
        until = self._clock.now() + seconds
        with self._changed:
            # After a failure it waits for longer anyway.
            if self._not_before > until:
                return
            self._is_resting = True
            while not (self._is_full() or self._flushing or self._closed or self._parked):
                left = until - self._clock.now()
                if left <= 0:
                    break
                self._clock.wait(self._changed, left)
            self._is_resting = False

    def _next(self) -> list[Document] | None:
        """Wait for the next batch that is due; None when the thread is to end, [] to look again."""
        self._refill()
        with self._changed:
            wait = self._wait(self._clock.now())
            may_read = self.feed is not None and self.feed.is_due
            is_ending = self._closed and self._clock.now() + wait > self._deadline
            has_work = bool(self._queue or self._ward.aside)
            is_done = self._closed and not has_work and not may_read
            if self._parked or is_ending or is_done:
                self._end()
                return None
            if self._has_lost_lease() or self._has_to_start_over():
                return []
            if has_work and wait <= 0:
                return self._take()
            if has_work:
                self._clock.wait(self._changed, wait)
            elif self.feed is not None and self.feed.is_failing:
                self._changed.wait(RETRY)
            elif not may_read and not (self._changed.wait(_IDLE) or self._queue or self._closed):
                self._end()
                return None
        return []

    def _end(self) -> None:
        # Under the lock, so that whoever queues next sees that there is no thread.
        self._thread = None
        if self.feed is not None:
            self._drop_window()

    def _refill(self) -> None:
        """Read on in the store when less than a request's worth is here."""
        feed = self.feed
        if feed is None:
            return
        with self._changed:
            size = self._lane.consumer.batch.max_size
            if self._parked or not feed.is_due or not self._may_go_on():
                return
            first = (self._ward.free(self._queue) or [*itertools.islice(self._queue, 1)])[:1]
            is_stuck = any(map(self._ward.is_stuck, first))
            most = max(size, _LOOK_FURTHER) if is_stuck else size
            room = max(self._lane.room, _LOOK_FURTHER_BYTES) if is_stuck else self._lane.room
            if len(self._queue) >= most or self._queued_bytes >= room:
                return
        documents = feed.read(_READ_AHEAD * size, max(1, _READ_AHEAD * self._lane.room))
        with self._changed:
            self._append(documents)

    def _has_lost_lease(self) -> bool:
        """Forget what was read under a lease that has run out: somebody else sends it."""
        if self.feed is None or self.feed.is_held or not (self._queue or self._ward.aside):
            return False
        self._drop_window()
        return True

    def _has_to_start_over(self) -> bool:
        if not self._is_to_start_over:
            return False
        self._is_to_start_over = False
        self._drop_window()
        return True

    def _drop_window(self) -> None:
        self._lane.give_back(self._clear())
        if self.feed is not None:
            self.feed.forget()

    def _append(self, documents: list[Document]) -> None:
        for document in documents:
            document.order = next(self._arrivals)
        self._queue.extend(documents)
        self._queued_bytes += total_size(documents)
        self._held_bytes += _weight(documents)

    def _clear(self) -> list[Document]:
        """Empty the queue; give what was in it, and what was set aside."""
        left = [*self._queue, *self._ward.clear()]
        self._queue.clear()
        self._queued_bytes = 0
        self._held_bytes = _weight(self._in_flight)
        return left

    def _take(self) -> list[Document]:
        """Take the next batch from the queue, or one document that was set aside."""
        now = self._clock.now()
        are_others_waiting = bool(self._queue) and self._wait_for_company(now) <= 0
        if self._ward.free(self._queue) == []:
            # All who wait are behind one of their own.
            are_others_waiting = False
        # Not two in a row: each may take as long as a request may.
        has_turn = not (are_others_waiting and self._was_trial)
        if has_turn:
            self._trial = self._ward.pick(now, are_others_waiting=are_others_waiting)
        self._was_trial = self._trial is not None
        if self._trial is not None:
            batch = [self._trial.document]
        else:
            batch = self._cut()
            self._queued_bytes -= total_size(batch)
        self._in_flight = batch
        return batch

    def _cut(self) -> list[Document]:
        free = self._ward.free(self._queue)
        source: Sequence[Document] = free or self._queue
        if source and self._ward.is_stuck(source[0]):
            batch = [source[self._ward.other(source) or 0]]
        else:
            most = self._ward.most(len(self._queue))
            if source and self._ward.has_failed(source[0]):
                most = 1
            if most is None or (self._most is not None and self._most < most):
                most = self._most
            if not free:
                return self._lane.cut(self._queue, most)
            batch = self._lane.cut(deque(free), most)
        taken = set(map(id, batch))
        kept = [each for each in self._queue if id(each) not in taken]
        self._queue.clear()
        self._queue.extend(kept)
        return batch

    def _wait(self, now: float) -> float:
        """Give the seconds until the next batch is due."""
        wait = self._wait_for_company(now) if self._queue else math.inf
        wait = min(wait, self._ward.next_try() - now)
        return max(0.0, self._not_before - now, wait if wait < math.inf else 0.0)

    def _wait_for_company(self, now: float) -> float:
        if self._ward.free(self._queue) == []:
            return self._ward.next_try() - now
        if len(self._queue) <= self._ward.witnesses and self._ward.spare_until() > now:
            return self._ward.spare_until() - now
        if self._is_full() or self._flushing or self._closed:
            return 0.0
        return self._queue[0].since + self._lane.consumer.batch.max_wait - now

    @property
    def _is_idle(self) -> bool:
        """Whether the thread waits for the next document, whatever it is."""
        return not self._queue and not self._is_resting

    def _is_full(self) -> bool:
        known = len(self._queue) + (self.feed.announced if self.feed is not None else 0)
        return known >= self._lane.consumer.batch.max_size or self._queued_bytes >= self._lane.room

    def _may_go_on(self) -> bool:
        # A consumer may be another one by now, with another lane; that counts within a batch too.
        if self._parked:
            return False
        if self.feed is not None and not self.feed.is_held:
            return False
        return not self._closed or self._clock.now() < self._deadline

    def _learn(self, batch: list[Document], answer: Answer | None) -> bool:
        """
        Find out whether it is the consumer that fails, or one document that makes it fail.

        Returns:
            Whether the only document of *batch* is to let others go first.
        """
        taken = [each for each in batch if each.outcome.startswith(("delivered", "dead:"))]
        failed = _has_failed(answer)
        # One that is alone in its request, and neither settled nor kept back.
        blamed = batch[0] if failed and len(batch) == 1 and not batch[0].outcome else None
        with self._changed:
            if taken:
                self._ward.note_arrival(taken)
            self._ward.forget([each for each in batch if each.outcome])
            if blamed is None or answer is None:
                return self._trial is not None
            if self._trial is None:
                return self._ward.note_failure(blamed, answer)
            is_proven = self._ward.is_proven(self._trial, answer)
        if is_proven:
            self._lane.bury([blamed], answer.reason, answer)
        return True

    def _put_back(
        self,
        batch: list[Document],
        left: list[Document],
        answer: Answer | None,
        is_aside: bool,  # noqa: FBT001 - what `_learn` has said
    ) -> None:
        with self._changed:
            self._in_flight = []
            trial, self._trial = self._trial, None
            # What closing has given up in the meantime stays given up.
            left = [document for document in left if not document.outcome]
            if not is_aside:
                self._restore(left)
            gone = len(batch) - len(left)
            self._held_bytes -= _weight([each for each in batch if each.outcome])
            if gone:
                self._failures = 0
                self._most = self._grown()
            failed = _has_failed(answer)
            if is_aside and left:
                self._set_aside(trial, left[0], answer if failed else None)
            if answer is not None and answer.verdict is Verdict.GONE:
                self._parked = True
            elif answer is not None and not (is_aside and failed):
                self._most = 1
                self._not_before = self._clock.now() + self._delay(answer)
        if answer is not None and answer.verdict in (Verdict.RETRY, Verdict.PAUSE):
            self._give_up_old()

    def _set_aside(self, trial: Suspect | None, document: Document, answer: Answer | None) -> None:
        """Have *document* tried again later, for itself, while the others go on."""
        # At first in no hurry and at no great distance, as others may have to wait for it.
        is_soon = trial is None or trial.wants_witnesses
        strikes = 0 if is_soon or trial is None else trial.strikes
        delay = 0.0 if answer is None else self._backoff(strikes, answer)
        not_before = self._clock.now() + delay
        if trial is None:
            self._ward.set_aside(document, not_before)
        else:
            trial.not_before = not_before
            self._ward.aside.append(trial)

    def _restore(self, documents: list[Document]) -> None:
        """Put *documents* back where they were: in the order in which they came."""
        self._queued_bytes += total_size(documents)
        if len(documents) != 1:
            self._queue.extendleft(reversed(documents))
            return
        order = documents[0].order
        place = next((i for i, each in enumerate(self._queue) if each.order > order), None)
        self._queue.insert(len(self._queue) if place is None else place, documents[0])

    def _grown(self) -> int | None:
        if self._most is None:
            return None
        grown = self._most * _GROWTH
        return grown if grown < self._lane.consumer.batch.max_size else None

    def _give_up_old(self) -> None:
        """Give the dead letters what has been tried for longer than it may."""
        limit = self._pace.max_age
        if limit is None or self._clock.now() - self._counts_from < limit:
            return
        with self._changed:
            oldest = self._clock.now() - limit
            old = []
            while self._queue and self._queue[0].since < oldest:
                old.append(self._queue.popleft())
            self._queued_bytes -= total_size(old)
            old += self._ward.give_up_old(oldest)
            self._ward.forget(old)
            self._held_bytes -= _weight(old)
        self._lane.bury(old, "expired")
        if self.feed is not None:
            self.feed.settle(old)

    def _delay(self, answer: Answer) -> float:
        """Give the seconds to leave the consumer alone."""
        if answer.verdict is Verdict.PAUSE:
            return self._pace.pause
        self._failures += 1
        return self._backoff(self._failures - 1, answer)

    def _backoff(self, failures: int, answer: Answer) -> float:
        return self._pace.wait(failures, answer.retry_after, self._clock.random())


def _has_failed(answer: Answer | None) -> bool:
    """
    Tell whether it may be the document that makes the consumer fail.

    A firewall that does not like it answers as for wrong credentials or a wrong address.
    """
    return answer is not None and (
        answer.verdict is Verdict.RETRY
        or (answer.verdict is Verdict.PAUSE and answer.reason not in _NOT_ITS_FAULT)
    )


def _weight(documents: list[Document]) -> int:
    return sum([document.weight for document in documents])
