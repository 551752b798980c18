"""
A bounded queue and one thread that empties it, inside this process.

It is made to live in somebody else's process: it starts nothing before it is used, leaves the
parent's queue alone in a forked child, neither blocks nor raises where the host's threads call it,
and holds up the end of the process for a bounded time only. What it loses it counts.
"""

from __future__ import annotations

import atexit
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from eventkit.base.blame import blame, ends_greenlet, readable
from eventkit.base.counting import Tally
from eventkit.base.forking import renew_after_fork
from eventkit.base.throttle import SafeLogger, Throttle, describe
from eventkit.exceptions import LookupFailed, StoreError, StoreFull
from eventkit.instrumentation.hooks import Details, is_on, tell

Many: TypeAlias = Callable[[list[Any]], object]
"""Takes many items at once: all of them, or none, or it raises `SomeFailed`."""

EXIT_GRACE = 2.0
"""Seconds that all queues of a process together get to empty themselves when it ends."""

_AT_ONCE = 500
_WEIGHT_AT_ONCE = 10_000_000
"""How many items, and how heavy together, are handed on in one call."""

_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
"""Seconds until what could not take items is asked again: at first, and at most."""

_DOUBTS = 4
"""How often an item fails for reasons unknown before others are asked whether it is its fault."""

_log = SafeLogger(__name__)


class SomeFailed(Exception):
    """Of many items *number* were not delivered, and are not worth another try."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(number)
        self.number = number
        self.error = error


class SomeWait(Exception):
    """
    Of many items those at *positions* are worth another try, because of *error*.

    *failed* others were not delivered and are not, because of *failure*.
    """

    def __init__(
        self,
        positions: Collection[int],
        error: Exception,
        failed: int = 0,
        failure: Exception | None = None,
    ) -> None:
        super().__init__(len(positions))
        self.positions = positions
        self.error = error
        self.failed = failed
        self.failure = failure


class Worker:
    """
    Hand each item that is `put` to *consume*, in order, in a daemon thread of its own.

    The thread starts with the first item. It ends when the worker is closed, or when nobody refers
    to it any more; what was put before that is still consumed. In a forked child a worker of the
    parent must not be used: make a new one.

    Args:
        consume: takes one item. When it raises what says that it cannot take any just now (see
            `eventkit.base.blame`), it is given the same one again, after a pause, for as long as
            the worker is open, and the others wait behind. What is the fault of the item is
            counted, and the next one follows. When it is not known whose fault it is, the item is
            given up once others are taken while it is not. It must not refer to the worker, which
            would then never be collected.

        many: gives what takes all items that wait, as a list, instead of *consume*; or None. It is
            asked in the thread, each time.

        max_items: how many items it holds, the one being consumed included; further ones are
            refused, so that what was accepted first survives.

        max_weight: how much its items may weigh together, in the unit that `put` is given.

        tally: counts ``processed``, ``failed``, ``lost:closed`` and ``lost:exit``.

        component: the name under which hooks are told of what is lost.
    """

    def __init__(
        self,
        consume: Callable[[Any], object],
        *,
        max_items: int,
        max_weight: int,
        tally: Tally,
        many: Callable[[], Many | None] = lambda: None,
        component: str = "Worker",
    ) -> None:
        self._max_items = max_items
        self._max_weight = max_weight
        self._queue = _Queue(consume, many, tally, component)

    @property
    def pending(self) -> int:
        """How many items wait or are being consumed."""
        return self._queue.count

    def put(self, item: object, weight: int = 0) -> bool:
        """Queue *item*, at once; False when closed, when full, or when no thread can run."""
        if not self._queue.closed and not self._queue.is_running():
            if not self._queue.start():
                return False
            weakref.finalize(self, self._queue.stop).atexit = False
        return self._queue.put(item, weight, self._max_items, self._max_weight)

    def flush(self, timeout: float) -> bool:
        """Wait until what is queued now is consumed; False when *timeout* seconds do not do."""
        return self._queue.reach_end(timeout)

    def close(self, timeout: float) -> bool:
        """
        Take no more items, consume what is queued, and end the thread.

        What still waits after *timeout* seconds is given up, counted as ``lost:closed``, and makes
        the result False. So does an item that is still being consumed; it is not interrupted.
        """
        self._queue.shut()
        finished = self._queue.reach_end(timeout)
        self._queue.give_up("closed")
        return finished


class _Queue:
    """
    The queue and its thread.

    The thread refers to this and not to the worker, so that a forgotten worker is collected while
    its last items are still consumed.
    """

    def __init__(
        self,
        consume: Callable[[Any], object],
        many: Callable[[], Many | None],
        tally: Tally,
        component: str,
    ) -> None:
        # Signal handlers and destructors may put an item while another is being put, in the same
        # thread; SimpleQueue and RLock allow that, Queue and Lock would deadlock.
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._consume = consume
        self._many = many
        self._tally = tally
        self._component = component
        self._parts: list[list[_Item]] = []
        self._ahead: Any = None
        self._waits = False
        self._given_up = threading.Event()
        self._why_given_up = ""
        self._ended = False
        self._abandoned = False
        self.closed = False
        self.count = 0
        self._weight = 0

    def put(self, item: object, weight: int, max_items: int, max_weight: int) -> bool:
        with self._lock:
            if self.closed or self.count >= max_items or self._weight + weight > max_weight:
                return False
            self.count += 1
            self._weight += weight
            self._items.put((item, weight))
        return True

    def shut(self) -> None:
        """Refuse further items. One that is just being put is in the queue when this returns."""
        with self._lock:
            self.closed = True

    def is_running(self) -> bool:
        return not self._ended and self._thread is not None and self._thread.is_alive()

    def start(self) -> bool:
        """Start the thread; False when the process cannot have another one."""
        if not self._starting.acquire(blocking=False):
            # Somebody else is just doing it. Waiting for them could take longer than it may.
            return True
        try:
            if not self.is_running():
                self._follow_patches()
                thread = threading.Thread(target=self._work, name="eventkit-worker", daemon=True)
                self._ended = False
                self._given_up.clear()
                thread.start()
                self._thread = thread
                _process.adopt(self)
        except RuntimeError:
            # The interpreter is on its way out, or the machine is out of threads.
            return False
        else:
            return True
        finally:
            self._starting.release()

    def _follow_patches(self) -> None:
        """
        Have a queue of the kind that there is now.

        A server that loads the site first and then has gevent replace threads by greenlets would
        stand still in the old kind.
        """
        if type(self._items) is queue.SimpleQueue:
            return
        waiting, self._items = self._items, queue.SimpleQueue()
        self._given_up = threading.Event()
        while not waiting.empty():
            self._items.put(waiting.get_nowait())

    def stop(self) -> None:
        """End the thread when it has consumed what is queued now."""
        self._items.put(_STOP)

    def reach_end(self, timeout: float) -> bool:
        """Wait until the thread gets to what is the end of the queue now."""
        if threading.current_thread() is self._thread:
            # The thread would wait for itself.
            return False
        reached = threading.Event()
        with self._lock:
            if not self.is_running():
                return self.count == 0
            self._items.put(reached)
        return reached.wait(max(timeout, 0.0))

    def give_up(self, reason: str) -> int:
        """Empty the queue, count what was in it as lost for *reason*, and end the thread."""
        self._why_given_up = reason
        self._given_up.set()
        # What is just being tried is not among them: it arrives, or the thread gives it up.
        lost = self._take_parts()
        while True:
            try:
                entry = self._items.get_nowait()
            except queue.Empty:
                break
            if isinstance(entry, tuple):
                lost.append(entry)
        self.stop()
        self._lose(lost, reason)
        return len(lost)

    def abandon(self, reason: str) -> int:
        """Count also what is in hand as lost, for the process does not wait for it any longer."""
        with self._lock:
            number, self.count, self._abandoned = self.count, 0, True
        if number:
            self._tally.add(f"lost:{reason}", number)
            self._tell_dropped(number, reason)
        return number

    def _work(self) -> None:
        try:
            while self._serve():
                pass
        except BaseException as error:
            if not ends_greenlet(error):
                raise
            # What was in hand is still there. Whoever puts the next item starts another one.
            return
        with self._lock:
            self._ended = True
            # Nobody gets to what they wait for any more, and nobody new will wait.
            while not self._items.empty():
                if isinstance(entry := self._items.get_nowait(), threading.Event):
                    entry.set()

    def _serve(self) -> bool:
        """Hand on what waits, or wait for something; False when it is time to end."""
        if not self._parts:
            entry = self._ahead if self._ahead is not None else self._items.get()
            self._ahead = None
            if entry is _STOP:
                return False
            if isinstance(entry, threading.Event):
                entry.set()
                return True
            with self._lock:
                self._parts = [[entry, *self._gather(_AT_ONCE - 1, _WEIGHT_AT_ONCE - entry[1])]]
            # Waiting for the next item must not keep the last ones alive.
            del entry
        self._hand_on(self._find_many())
        return True

    def _find_many(self) -> Many | None:
        try:
            return self._many()
        except BaseException as error:
            if ends_greenlet(error):
                raise
            # Consuming them one by one tells what is wrong.
            return None

    def _gather(self, number: int, weight: int) -> list[_Item]:
        """Take what waits in the queue, up to *number* and *weight*, or to what is no item."""
        found: list[_Item] = []
        while self._ahead is None and len(found) < number and weight > 0:
            try:
                following = self._items.get_nowait()
            except queue.Empty:
                break
            if isinstance(following, tuple):
                found.append(following)
                weight -= following[1]
            else:
                self._ahead = following
        return found

    def _hand_on(self, many: Many | None) -> None:
        """
        Have what is in hand consumed, in order.

        What fails together is split in halves, until the culprit stands alone or, with a store that
        is nearly full, what still fits has found its place.
        """
        pause, doubts = _PAUSE, 0
        while part := self._next_part(1 if many is None else _AT_ONCE):
            error = self._try(part, many)
            if error is None:
                pause, doubts = _PAUSE, 0
                continue
            fault = blame(error)
            if len(part) > 1 and (fault != "receiver" or isinstance(error, StoreFull)):
                middle = len(part) // 2
                self._put_back(part[middle:], part[:middle])
                continue
            if fault == "unknown":
                doubts += 1
                self._put_back(part)
                if doubts > _DOUBTS and self._is_another_taken(doubts - _DOUBTS, many):
                    # It had its chance before the other. It gets another one, for what it failed
                    # of may have ended in between.
                    part = self._next_part(1)
                    if not part:
                        return
                    error = self._try(part, many)
                    if error is not None:
                        self._fail(part, 1, error)
                    pause, doubts = _PAUSE, 0
                    continue
            elif fault == "event":
                self._fail(part, 1, error)
                pause, doubts = _PAUSE, 0
                continue
            else:
                self._put_back(part)
            self._say_waiting(len(part), error)
            if self._given_up.wait(pause):
                self._lose(self._take_parts(), self._why_given_up)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _next_part(self, most: int) -> list[_Item] | None:
        """Take the next items in hand, *most* of them at most."""
        with self._lock:
            if not self._parts:
                return None
            part = self._parts.pop()
            if len(part) > most:
                self._parts.append(part[most:])
            return part[:most]

    def _put_back(self, *parts: list[_Item]) -> None:
        with self._lock:
            self._parts.extend(parts)

    def _take_parts(self) -> list[_Item]:
        """Take what the thread has in hand but is not just trying, in order."""
        with self._lock:
            parts, self._parts = self._parts, []
        return [item for part in reversed(parts) for item in part]

    def _is_another_taken(self, number: int, many: Many | None) -> bool:
        """Tell whether an item behind the next is taken, and have it taken: the *number*-th."""
        with self._lock:
            waiting = self._take_parts()
            waiting += self._gather(_AT_ONCE - len(waiting), _WEIGHT_AT_ONCE)
            self._parts = [waiting] if waiting else []
            if len(waiting) < 2:
                return False
            position = 1 + (number - 1) % (len(waiting) - 1)
            witness = waiting.pop(position)
        error = self._try([witness], many)
        if error is None:
            return True
        if blame(error) == "event":
            self._fail([witness], 1, error)
            return False
        with self._lock:
            waiting = self._take_parts()
            waiting.insert(position, witness)
            self._parts = [waiting]
        return False

    def _try(self, part: list[_Item], many: Many | None) -> BaseException | None:
        """Have *part* consumed, once; give what went wrong, with what is left of it."""
        try:
            if many:
                many([item for item, _ in part])
            else:
                self._consume(part[0][0])
        except SomeFailed as some:
            self._tally.add("processed", len(part) - some.number)
            self._fail(part, some.number, some.error)
            return None
        except SomeWait as some:
            return self._keep(part, some)
        except BaseException as error:
            if ends_greenlet(error):
                self._put_back(part)
                raise
            return readable(error)
        self._tally.add("processed", len(part))
        self._done(part)
        if self._waits:
            self._waits = False
            _log.info("Events that waited in this process are handed on again")
        return None

    def _keep(self, part: list[_Item], some: SomeWait) -> BaseException:
        """Leave only those in *part* that are worth another try, and give the reason."""
        done = [item for position, item in enumerate(part) if position not in some.positions]
        self._tally.add("processed", len(done) - some.failed)
        if some.failure is not None:
            self._fail(done, some.failed, some.failure)
        else:
            self._done(done)
        part[:] = [part[position] for position in sorted(some.positions)]
        return some.error

    def _say_waiting(self, number: int, error: BaseException) -> None:
        self._waits = True
        if isinstance(error, StoreError):
            reason = "store_full" if isinstance(error, StoreFull) else "store_failed"
        else:
            reason = "lookup_failed" if isinstance(error, LookupFailed) else "enqueue_failed"
        if is_on():
            tell(Details("retried", number, component=self._component, reason=reason))
        _process.throttle.warning(
            reason, "Events wait in this process, %s: %s", _WAITING[reason], describe(error)
        )

    def _fail(self, part: list[_Item], number: int, error: BaseException) -> None:
        """Be done with *part*, *number* of which failed."""
        self._tally.add("failed", number)
        self._done(part)
        self._tell_dropped(number, "failed")
        _process.throttle.warning("failed", "An event could not be delivered: %s", describe(error))

    def _lose(self, items: list[_Item], reason: str) -> None:
        if items:
            self._tally.add(f"lost:{reason}", len(items))
            self._done(items)
            self._tell_dropped(len(items), reason)

    def _tell_dropped(self, number: int, reason: str) -> None:
        if is_on():
            tell(Details("dropped", number, component=self._component, reason=reason))

    def _done(self, items: list[_Item]) -> None:
        with self._lock:
            if self._abandoned:
                return
            self.count -= len(items)
            self._weight -= sum(weight for _, weight in items)


_Item: TypeAlias = tuple[Any, int]
"""An item and its weight."""

_STOP = object()

_WAITING = {
    "store_full": "the store cannot take them",
    "store_failed": "the store cannot take them",
    "lookup_failed": "a look-up failed",
    "enqueue_failed": "what they are handed to (the broker, say) cannot take them",
}
"""What is said while events wait, by the reason that hooks are told."""


class _Process:
    """What the queues of one process share: its end, and how often it complains."""

    def __init__(self) -> None:
        self._queues: weakref.WeakSet[_Queue] = weakref.WeakSet()
        self._prepared = False
        self.throttle = Throttle(_log)

    def renew(self) -> None:
        """Forget the parent's queues, in a forked child."""
        self._queues = weakref.WeakSet()

    def adopt(self, started: _Queue) -> None:
        """Take care of a queue whose thread has started."""
        self._queues.add(started)
        if not self._prepared:
            self._prepared = True
            renew_after_fork(self)
            atexit.register(self.drain)
            if not threads_run():
                _log.warning(
                    "uWSGI runs without threads, so the queue in this process is not emptied; "
                    "set enable-threads = true in its configuration"
                )

    def drain(self, grace: float = EXIT_GRACE) -> None:
        """Let every queue empty itself, all of them within *grace* seconds; count what is left."""
        deadline = time.monotonic() + grace
        lost = 0
        for each in list(self._queues):
            each.reach_end(deadline - time.monotonic())
            lost += each.give_up("exit")
            lost += each.abandon("exit")
        if lost:
            _log.warning("%d events were still queued when the process ended; they are lost", lost)


def threads_run() -> bool:
    """Tell whether threads run here: under uWSGI they start, but run only if it was told so."""
    options = getattr(sys.modules.get("uwsgi"), "opt", None)
    if not isinstance(options, dict):
        return True
    values = {_text(name): _text(value) for name, value in options.items()}
    return values.get("enable-threads", "false") not in ("0", "false", "no", "off", "none") or (
        values.get("threads", "1") not in ("0", "1")
    )


def _text(value: object) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).lower()


_process = _Process()
