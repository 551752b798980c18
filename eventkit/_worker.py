"""
A bounded queue and one thread that empties it, inside this process.

It is made to live in somebody else's process: it starts nothing before it is used, leaves the
parent's queue alone in a forked child, neither blocks nor raises where the host's threads call it,
and holds up the end of the process for a bounded time only. What it loses it counts.
"""

from __future__ import annotations

import atexit
import logging
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from eventkit._counting import Tally
from eventkit._forking import renew_after_fork
from eventkit._throttle import Throttle, describe

EXIT_GRACE = 2.0
"""Seconds that all queues of a process together get to empty themselves when it ends."""

_log = logging.getLogger(__name__)


class Worker:
    """
    Hand each item that is `put` to *consume*, in order, in a daemon thread of its own.

    The thread starts with the first item. It ends when the worker is closed, or when nobody refers
    to it any more; what was put before that is still consumed. In a forked child a worker of the
    parent must not be used: make a new one.

    Args:
        consume: takes one item. Whatever it raises is counted, and the next item follows. It must
            not refer to the worker, which would then never be collected.

        max_items: how many items it holds, the one being consumed included; further ones are
            refused, so that what was accepted first survives.

        max_weight: how much its items may weigh together, in the unit that `put` is given.

        tally: counts ``processed``, ``failed``, ``lost:closed`` and ``lost:exit``.
    """

    def __init__(
        self,
        consume: Callable[[Any], object],
        *,
        max_items: int,
        max_weight: int,
        tally: Tally,
    ) -> None:
        self._max_items = max_items
        self._max_weight = max_weight
        self._queue = _Queue(consume, tally)

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
        self._queue.give_up("lost:closed")
        return finished


class _Queue:
    """
    The queue and its thread.

    The thread refers to this and not to the worker, so that a forgotten worker is collected while
    its last items are still consumed.
    """

    def __init__(self, consume: Callable[[Any], object], tally: Tally) -> None:
        # Signal handlers and destructors may put an item while another is being put, in the same
        # thread; SimpleQueue and RLock allow that, Queue and Lock would deadlock.
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._consume = consume
        self._tally = tally
        self._ended = False
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
                thread = threading.Thread(target=self._work, name="eventkit-worker", daemon=True)
                self._ended = False
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
        """Empty the queue, count what was in it under *reason*, and end the thread."""
        lost = 0
        while True:
            try:
                entry = self._items.get_nowait()
            except queue.Empty:
                break
            if isinstance(entry, tuple):
                lost += 1
                self._done(entry[1])
        self.stop()
        if lost:
            self._tally.add(reason, lost)
        return lost

    def _work(self) -> None:
        while (entry := self._items.get()) is not _STOP:
            if isinstance(entry, threading.Event):
                entry.set()
                continue
            item, weight = entry
            try:
                self._consume(item)
            except BaseException as error:  # noqa: BLE001 - nothing that an item does ends the thread
                self._tally.add("failed")
                _process.throttle.warning(
                    "failed", "An event could not be delivered: %s", describe(error)
                )
            else:
                self._tally.add("processed")
            finally:
                self._done(weight)
                # Waiting for the next item must not keep the last one alive.
                del entry, item
        with self._lock:
            self._ended = True
            # Nobody gets to what they wait for any more, and nobody new will wait.
            while not self._items.empty():
                if isinstance(entry := self._items.get_nowait(), threading.Event):
                    entry.set()

    def _done(self, weight: int) -> None:
        with self._lock:
            self.count -= 1
            self._weight -= weight


_STOP = object()


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
                    "set enable-threads = true in its configuration, or give RealTimeBackend "
                    "an enqueue"
                )

    def drain(self, grace: float = EXIT_GRACE) -> None:
        """Let every queue empty itself, all of them within *grace* seconds; count what is left."""
        deadline = time.monotonic() + grace
        lost = 0
        for each in list(self._queues):
            each.reach_end(deadline - time.monotonic())
            lost += each.give_up("lost:exit")
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
