"""The queue and its thread, inside a process that is not ours."""

from __future__ import annotations

import gc
import logging
import re
import subprocess
import sys
import textwrap
import threading
import weakref
from typing import Any, Never

import pytest

from eventkit.backends import worker as _worker
from eventkit.backends.worker import Worker
from eventkit.base.counting import Tally
from eventkit.exceptions import DeliveryError, StoreError, StoreFull

WAIT = 20.0
"""Seconds that are never needed, unless something is broken."""

FORKS = "ignore:This process:DeprecationWarning"
"""That forking beside threads is dangerous is why these tests exist."""


class Consumer:
    """Takes items, when it is let."""

    def __init__(self, *, held: bool = False) -> None:
        self.items: list[object] = []
        self.entered = threading.Event()
        self.release = threading.Event()
        if not held:
            self.release.set()

    def __call__(self, item: object) -> None:
        self.entered.set()
        assert self.release.wait(WAIT)
        self.items.append(item)


def make(consume: Any, *, max_items: Any = 100, max_weight: Any = 1000, **options: Any) -> Any:
    tally = Tally()
    worker = Worker(consume, max_items=max_items, max_weight=max_weight, tally=tally, **options)
    return worker, tally


class GreenletExit(BaseException):
    """What gevent throws into a greenlet that is killed."""

    __module__ = "greenlet"


class Store:
    """Takes many items at once, when it is let; each call meets the next of the *errors*."""

    def __init__(self, *errors: BaseException | None, held: bool = False) -> None:
        self.batches: list[list[object]] = []
        self.tried = threading.Semaphore(0)
        self.errors = list(errors)
        self.entered = threading.Event()
        self.release = threading.Event()
        if not held:
            self.release.set()

    def put_events(self, items: list[object]) -> None:
        self.entered.set()
        assert self.release.wait(WAIT)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            self.tried.release()
            raise error
        self.batches.append(items)

    def find(self) -> Any:
        return self.put_events

    @property
    def items(self) -> list[object]:
        return [item for batch in self.batches for item in batch]


class FullStore(Store):
    """Never has room."""

    def put_events(self, items: list[object]) -> None:
        self.errors = [StoreFull("there is no room")]
        super().put_events(items)


def not_at_all(_: Any) -> Never:
    raise AssertionError("one by one")


def run(script: str, *, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", FORKS, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_consumes_in_order() -> None:
    consumer = Consumer()
    worker, tally = make(consumer)

    assert all(worker.put(number) for number in range(50))
    assert worker.flush(WAIT)

    assert list(range(50)) == consumer.items
    assert tally.snapshot() == {"processed": 50}
    assert worker.pending == 0


def test_starts_no_thread_before_it_is_used() -> None:
    before = threading.active_count()

    worker, _ = make(Consumer())
    assert worker.flush(0)

    assert before == threading.active_count()


def test_refuses_at_once_what_there_is_no_room_for() -> None:
    consumer = Consumer(held=True)
    worker, _ = make(consumer, max_items=3)

    accepted = [worker.put(number) for number in range(5)]
    assert worker.pending == 3
    consumer.release.set()
    assert worker.flush(WAIT)

    assert accepted == [True, True, True, False, False]
    assert consumer.items == [0, 1, 2]
    assert worker.put("there is room again")


def test_refuses_what_is_too_heavy_together() -> None:
    consumer = Consumer(held=True)
    worker, _ = make(consumer, max_weight=100)

    accepted = [worker.put("a", 60), worker.put("b", 41), worker.put("c", 40)]
    consumer.release.set()
    assert worker.flush(WAIT)

    assert accepted == [True, False, True]
    assert worker.put("d", 100)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, BaseException])
def test_nothing_that_an_item_does_ends_the_thread(error: Any) -> None:
    def consume(item: Any) -> None:
        if item == "bad":
            raise error("secret payload")

    worker, tally = make(consume)

    assert all(worker.put(item) for item in ("good", "bad", "good"))
    assert worker.flush(WAIT)

    assert tally.snapshot() == {"failed": 1, "processed": 2}


def test_a_failure_is_logged_without_what_it_says(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def consume(_: Any) -> Never:
        raise ValueError("ann@example.com")

    log = _worker.Throttle(logging.getLogger("eventkit.backends.worker"))
    monkeypatch.setattr(_worker._process, "throttle", log)
    worker, _ = make(consume)
    for _ in range(10):
        worker.put("ann")
    assert worker.flush(WAIT)

    assert len(caplog.records) == 1
    assert re.search(r"ValueError at \S*test_worker:\d+", caplog.text)
    assert "ann" not in caplog.text


def test_hands_on_all_that_waits_in_one_call_where_that_can_be() -> None:
    """In order; what came while it was busy goes together."""
    store = Store(held=True)
    worker, tally = make(not_at_all, many=store.find)
    worker.put(0)
    assert store.entered.wait(WAIT)
    for number in range(1, 50):
        worker.put(number)
    store.release.set()
    assert worker.flush(WAIT)

    assert store.batches == [[0], list(range(1, 50))]
    assert tally.snapshot() == {"processed": 50}
    assert worker.pending == 0


def test_what_goes_together_is_bounded_in_number_and_weight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_worker, "_AT_ONCE", 3)
    monkeypatch.setattr(_worker, "_WEIGHT_AT_ONCE", 10)
    store = Store(held=True)
    worker, _ = make(not_at_all, many=store.find)
    worker.put("first")
    assert store.entered.wait(WAIT)
    for number, weight in enumerate([1, 1, 1, 1, 9, 5]):
        worker.put(number, weight)
    store.release.set()
    assert worker.flush(WAIT)

    assert store.batches == [["first"], [0, 1, 2], [3, 4], [5]]


def test_flush_does_not_wait_for_what_is_put_behind_it() -> None:
    """It stands in the queue like an item, and parts what would have gone together."""
    store = Store(held=True)
    worker, _ = make(not_at_all, many=store.find)
    worker.put(0)
    assert store.entered.wait(WAIT)
    worker.put(1)
    reached = threading.Event()
    worker._queue._items.put(reached)
    worker.put(2)
    store.release.set()

    assert reached.wait(WAIT)
    assert worker.flush(WAIT)
    assert store.batches == [[0], [1], [2]]


def test_one_bad_item_does_not_cost_those_that_go_with_it() -> None:
    class Picky(Store):
        def put_events(self, items: list[object]) -> None:
            self.entered.set()
            assert self.release.wait(WAIT)
            if "bad" in items:
                raise ValueError("secret payload")
            self.batches.append(items)

    store = Picky(held=True)
    worker, tally = make(not_at_all, many=store.find)
    worker.put(0)
    assert store.entered.wait(WAIT)
    for item in (1, "bad", 2):
        worker.put(item)
    store.release.set()
    assert worker.flush(WAIT)

    assert store.items == [0, 1, 2]
    assert tally.snapshot() == {"failed": 1, "processed": 3}
    assert worker.pending == 0


@pytest.mark.parametrize("error", [StoreError("the disk is full"), StoreFull("no room")])
def test_a_store_that_cannot_take_items_is_tried_again(
    error: StoreError, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, the order stays, and what has no room meanwhile is refused."""
    log = _worker.Throttle(logging.getLogger("eventkit.backends.worker"))
    monkeypatch.setattr(_worker._process, "throttle", log)
    store = Store(error, error, error, held=True)
    worker, tally = make(not_at_all, many=store.find, max_items=3)
    accepted = [worker.put(number) for number in range(5)]
    store.release.set()
    assert worker.flush(WAIT)

    assert accepted == [True, True, True, False, False]
    assert store.items == [0, 1, 2]
    assert tally.snapshot() == {"processed": 3}
    assert caplog.text.count("the store cannot take them") == 1


def test_a_store_that_is_nearly_full_takes_what_fits() -> None:
    """What is too much together goes in parts, in order, each as soon as there is room."""

    class Nearly(Store):
        room = 0

        def put_events(self, items: list[object]) -> None:
            self.entered.set()
            assert self.release.wait(WAIT)
            if len(items) > self.room:
                self.room += 1
                raise StoreFull("no room")
            self.room -= len(items)
            self.batches.append(items)

    store = Nearly(held=True)
    worker, tally = make(not_at_all, many=store.find)
    for number in range(8):
        worker.put(number)
    store.release.set()
    assert worker.flush(WAIT)

    assert store.items == list(range(8))
    assert max(map(len, store.batches)) > 1
    assert tally.snapshot() == {"processed": 8}
    assert worker.pending == 0


def test_close_gives_up_the_parts_that_are_left_too() -> None:
    class Picky(Store):
        alone = threading.Event()

        def put_events(self, items: list[object]) -> None:
            self.entered.set()
            assert self.release.wait(WAIT)
            if "too large" in items:
                if len(items) == 1:
                    self.alone.set()
                raise StoreFull("no room")
            self.batches.append(items)

    store = Picky(held=True)
    worker, tally = make(not_at_all, many=store.find)
    worker.put(0)
    assert store.entered.wait(WAIT)
    for item in (1, "too large", 2, 3):
        worker.put(item)
    store.release.set()
    assert store.alone.wait(WAIT)
    assert not worker.close(0.05)
    thread = worker._queue._thread
    assert thread is not None
    thread.join(WAIT)

    assert store.items == [0, 1]
    assert tally.snapshot() == {"lost:closed": 3, "processed": 2}
    assert worker.pending == 0


def test_a_store_that_takes_one_at_a_time_is_tried_again_too() -> None:
    errors: list[Any] = [StoreFull("no room"), None, None]
    taken = []

    def consume(item: Any) -> None:
        if error := errors.pop(0):
            raise error
        taken.append(item)

    worker, tally = make(consume)
    worker.put(1)
    worker.put(2)
    assert worker.flush(WAIT)

    assert taken == [1, 2]
    assert tally.snapshot() == {"processed": 2}


@pytest.mark.parametrize(
    ("retryable", "counts"), [(True, {"processed": 1}), (False, {"failed": 1})]
)
def test_a_failure_of_delivery_says_itself_whether_to_try_again(
    retryable: bool, counts: dict[str, int]
) -> None:
    store = Store(DeliveryError("nobody there", retryable=retryable))
    worker, tally = make(not_at_all, many=store.find)
    worker.put(1)
    assert worker.flush(WAIT)

    assert tally.snapshot() == counts


class BrokerAwayError(Exception):
    """Of a client that nobody has heard of."""


class Broker:
    """Takes items one at a time while it is there, and never those that it is told to refuse."""

    def __init__(self, away: BaseException | None, refuse: dict[object, BaseException]) -> None:
        self.away = away
        self.refuse = refuse
        self.asked = threading.Semaphore(0)
        self.items: list[object] = []

    def __call__(self, item: object) -> None:
        self.asked.release()
        if self.away is not None:
            raise self.away
        if item in self.refuse:
            raise self.refuse[item]
        self.items.append(item)

    def put_events(self, items: list[object]) -> None:
        for item in items:
            if self.away is not None or item in self.refuse:
                self(item)
        self.items += items

    def find(self) -> Any:
        return self.put_events


def wait_for(what: threading.Semaphore, times: int) -> None:
    for _ in range(times):
        assert what.acquire(timeout=WAIT)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "x"),
        TimeoutError("x"),
        BufferError("Local: Queue full"),
        BrokerAwayError("x"),
        KeyError("REDIS_URL"),
        RuntimeError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_while_a_broker_is_away_all_wait_in_order(
    error: Exception,
    together: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However long it lasts, and whatever it is called; they count as waiting."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(_worker, "_PAUSE", 0.001)
    monkeypatch.setattr(_worker, "_LONGEST_PAUSE", 0.001)
    broker = Broker(error, {})
    worker, tally = make(broker, many=broker.find if together else lambda: None)
    for number in range(20):
        assert worker.put(number)
    wait_for(broker.asked, 50)
    assert worker.pending == 20
    assert tally.snapshot() == {}
    assert "handed on again" not in caplog.text
    broker.away = None
    assert worker.flush(WAIT)

    assert caplog.text.count("Events that waited in this process are handed on again") == 1
    assert sorted(broker.items) == list(range(20))  # type: ignore[type-var]
    if not isinstance(error, (BrokerAwayError, KeyError, RuntimeError)):
        assert broker.items == list(range(20))
    assert tally.snapshot() == {"processed": 20}


class UnreadableError(Exception):
    """Does not even say what it is."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("x")


@pytest.mark.parametrize("module", [None, __name__])
@pytest.mark.parametrize("together", [False, True])
def test_an_error_that_cannot_be_looked_at_costs_nothing(
    module: Any, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread lives, and what was in hand is tried again."""
    monkeypatch.setattr(_worker, "_PAUSE", 0.001)
    monkeypatch.setattr(_worker, "_LONGEST_PAUSE", 0.001)
    error = (UnreadableError if module else type("Odd", (Exception,), {"__module__": None}))("x")
    broker = Broker(error, {})
    worker, tally = make(broker, many=broker.find if together else lambda: None)
    for number in range(3):
        assert worker.put(number)
    wait_for(broker.asked, 3)
    broker.away = None
    assert worker.flush(WAIT)

    assert sorted(broker.items) == [0, 1, 2]  # type: ignore[type-var]
    assert (tally.snapshot(), worker.pending) == ({"processed": 3}, 0)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("error", [TypeError, ValueError, BrokerAwayError, KeyError])
def test_an_item_that_is_never_taken_costs_itself_alone(
    error: type[Exception], together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nothing tells whose fault it is: others are taken, and it is not."""
    monkeypatch.setattr(_worker, "_PAUSE", 0.001)
    broker = Broker(None, {item: error("x") for item in (3, 4, 11)})
    worker, tally = make(broker, many=broker.find if together else lambda: None)
    for number in range(20):
        assert worker.put(number)
    assert worker.flush(WAIT)

    assert sorted(broker.items) == [  # type: ignore[type-var]
        number for number in range(20) if number not in (3, 4, 11)
    ]
    assert tally.snapshot() == {"failed": 3, "processed": 17}
    assert worker.pending == 0


def test_an_item_in_doubt_holds_nobody_up_and_waits_while_there_is_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_worker, "_PAUSE", 0.001)
    monkeypatch.setattr(_worker, "_LONGEST_PAUSE", 0.001)
    broker = Broker(None, {"odd": BrokerAwayError("x")})
    worker, tally = make(broker)
    worker.put("odd")
    wait_for(broker.asked, 30)
    assert worker.pending == 1
    worker.put("next")
    assert worker.flush(WAIT)

    assert broker.items == ["next"]
    assert tally.snapshot() == {"failed": 1, "processed": 1}


def test_what_waits_for_a_broker_is_counted_when_it_is_given_up() -> None:
    broker = Broker(ConnectionError("x"), {})
    worker, tally = make(broker)
    for number in range(5):
        worker.put(number)
    wait_for(broker.asked, 1)

    assert not worker.close(0.01)
    worker._queue._thread.join(WAIT)
    assert tally.snapshot() == {"lost:closed": 5}
    assert worker.pending == 0


def test_of_many_items_some_may_have_to_be_tried_again() -> None:
    """The others are done with, and the order stays."""
    calls: list[list[object]] = []
    entered, release = threading.Event(), threading.Event()

    def take(items: list[object]) -> None:
        entered.set()
        assert release.wait(WAIT)
        calls.append(items)
        if len(calls) == 2:
            raise _worker.SomeWait((3, 1), OSError("x"), 1, ValueError("x"))

    worker, tally = make(not_at_all, many=lambda: take)
    worker.put("first")
    assert entered.wait(WAIT)
    for number in range(5):
        worker.put(number)
    release.set()
    assert worker.flush(WAIT)

    assert calls == [["first"], [0, 1, 2, 3, 4], [1, 3]]
    assert tally.snapshot() == {"failed": 1, "processed": 5}
    assert worker.pending == 0


def test_close_gives_up_what_the_store_has_no_room_for() -> None:
    store = FullStore()
    worker, tally = make(not_at_all, many=store.find)
    for number in range(5):
        worker.put(number)
    assert store.tried.acquire(timeout=WAIT)

    assert not worker.close(0.05)
    thread = worker._queue._thread
    assert thread is not None
    thread.join(WAIT)

    assert not thread.is_alive()
    assert tally.snapshot() == {"lost:closed": 5}
    assert worker.pending == 0


def test_close_gives_up_what_is_just_being_refused() -> None:
    """Also when the refusal comes after the end: every item is counted once."""
    store = FullStore(held=True)
    worker, tally = make(not_at_all, many=store.find)
    for number in range(5):
        worker.put(number)
    assert store.entered.wait(WAIT)

    assert not worker.close(0.01)
    store.release.set()
    thread = worker._queue._thread
    assert thread is not None
    thread.join(WAIT)

    assert tally.snapshot() == {"lost:closed": 5}
    assert worker.pending == 0


def test_what_takes_many_is_found_when_it_is_needed() -> None:
    """When it cannot be found, items are consumed one by one, which says why."""
    store = Store()
    answers: list[Any] = [ImportError("not yet"), store.put_events]

    def find() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    worker, tally = make(not_at_all, many=find)
    worker.put(1)
    assert worker.flush(WAIT)
    worker.put(2)
    assert worker.flush(WAIT)

    assert store.items == [2]
    assert tally.snapshot() == {"failed": 1, "processed": 1}


def test_flush_gives_up_when_time_is_up() -> None:
    consumer = Consumer(held=True)
    worker, _ = make(consumer)
    worker.put(1)

    assert not worker.flush(0.01)

    consumer.release.set()
    assert worker.flush(WAIT)


def test_flush_from_within_the_thread_does_not_wait_for_itself() -> None:
    answers = []
    worker, _ = make(lambda _: answers.append(ref().flush(WAIT)))
    ref = weakref.ref(worker)
    worker.put(1)

    assert worker.flush(WAIT)
    assert answers == [False]


def test_close_consumes_what_is_queued_and_takes_no_more() -> None:
    consumer = Consumer()
    worker, tally = make(consumer)
    for number in range(20):
        worker.put(number)

    assert worker.close(WAIT)

    assert not worker.put(21)
    assert tally.snapshot() == {"processed": 20}
    assert worker.close(WAIT)
    assert worker.flush(WAIT)


def test_close_ends_the_thread() -> None:
    worker, _ = make(Consumer())
    worker.put(1)
    thread = worker._queue._thread
    assert thread is not None

    worker.close(WAIT)
    thread.join(WAIT)

    assert not thread.is_alive()


def test_close_counts_what_it_has_no_time_for() -> None:
    consumer = Consumer(held=True)
    worker, tally = make(consumer)
    for number in range(5):
        worker.put(number)
    assert consumer.entered.wait(WAIT)

    assert not worker.close(0.01)

    assert tally.snapshot() == {"lost:closed": 4}
    assert worker.pending == 1
    consumer.release.set()
    thread = worker._queue._thread
    assert thread is not None
    thread.join(WAIT)
    assert tally.snapshot() == {"lost:closed": 4, "processed": 1}
    assert worker.pending == 0


def test_a_forgotten_worker_finishes_its_items_and_its_thread_ends() -> None:
    consumer = Consumer(held=True)
    worker, tally = make(consumer)
    for number in range(5):
        worker.put(number)
    thread, ref = worker._queue._thread, weakref.ref(worker)
    assert thread is not None

    del worker
    gc.collect()
    assert ref() is None
    consumer.release.set()
    thread.join(WAIT)

    assert not thread.is_alive()
    assert list(range(5)) == consumer.items
    assert tally.snapshot() == {"processed": 5}


def test_an_item_is_let_go_once_it_is_consumed() -> None:
    class Item:
        pass

    worker, _ = make(lambda _: None)
    item = Item()
    ref = weakref.ref(item)
    worker.put(item)
    del item

    assert worker.flush(WAIT)
    gc.collect()

    assert ref() is None


def test_many_threads_put_and_every_item_is_accounted_for() -> None:
    consumer = Consumer()
    worker, tally = make(consumer, max_items=50)
    accepted = [0] * 8

    def produce(index: Any) -> None:
        accepted[index] = sum(worker.put((index, number)) for number in range(1000))

    threads = [threading.Thread(target=produce, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert worker.flush(WAIT)

    assert sum(accepted) == tally["processed"] == len(consumer.items)
    for index in range(8):
        mine = [number for who, number in consumer.items if who == index]
        assert sorted(mine) == mine


def test_a_thread_that_died_is_replaced() -> None:
    consumer = Consumer()
    worker, _ = make(consumer)
    worker.put(1)
    assert worker.flush(WAIT)
    worker._queue.stop()
    thread = worker._queue._thread
    assert thread is not None
    thread.join(WAIT)

    assert worker.put(2)
    assert worker.flush(WAIT)

    assert consumer.items == [1, 2]


def test_without_a_thread_nothing_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self) -> Never:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    worker, _ = make(Consumer())

    assert not worker.put(1)
    assert worker.pending == 0
    assert worker.flush(0)


def test_putting_from_within_a_put_does_not_deadlock() -> None:
    """A destructor or signal handler may emit an event anywhere, in the same thread."""
    consumer = Consumer()
    worker, _ = make(consumer)

    class Weight(int):
        def __radd__(self, other: Any) -> Any:
            worker.put("inner")
            return int(self) + other

    assert worker.put("outer", Weight(5))
    assert worker.flush(WAIT)

    assert {"inner", "outer"} == set(consumer.items)


def test_what_is_queued_at_the_end_of_the_process_is_consumed() -> None:
    done = run(
        """
        import time
        from eventkit.base.counting import Tally
        from eventkit.backends.worker import Worker
        def consume(item):
            time.sleep(0.01)
            print(item, flush=True)
        worker = Worker(consume, max_items=100, max_weight=1, tally=Tally())
        for number in range(20):
            assert worker.put(number)
        """
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [str(number) for number in range(20)] == done.stdout.split()


def test_a_consumer_that_hangs_delays_the_end_of_the_process_for_a_bounded_time() -> None:
    done = run(
        """
        import atexit, threading, time
        from eventkit.backends import worker as _worker
        from eventkit.base.counting import Tally
        tallies = [Tally() for _ in range(3)]
        start = []
        def report():
            print(round(time.monotonic() - start[0], 1), *(each.snapshot() for each in tallies))
        atexit.register(report)
        workers = [
            _worker.Worker(lambda _: threading.Event().wait(), max_items=100, max_weight=1, tally=t)
            for t in tallies
        ]
        for worker in workers:
            for number in range(5):
                worker.put(number)
        start.append(time.monotonic())
        """
    )

    seconds, counts = done.stdout.split(maxsplit=1)
    assert done.returncode == 0
    assert 1.9 <= float(seconds) <= 4
    assert counts.split("\n")[0].count("'lost:exit': 5") == 3
    assert "15 events were still queued when the process ended" in done.stderr


def test_a_store_without_room_delays_the_end_of_the_process_for_a_bounded_time() -> None:
    done = run(
        """
        import atexit, time
        from eventkit.backends import worker as _worker
        from eventkit.base.counting import Tally
        from eventkit.exceptions import StoreFull
        tally, start = Tally(), []
        def report():
            print(round(time.monotonic() - start[0], 1), tally.snapshot())
        atexit.register(report)
        def put_events(items):
            raise StoreFull("there is no room")
        worker = _worker.Worker(
            print, many=lambda: put_events, max_items=100, max_weight=1, tally=tally
        )
        for number in range(5):
            worker.put(number)
        start.append(time.monotonic())
        """
    )

    seconds, counts = done.stdout.split(maxsplit=1)
    assert done.returncode == 0, done.stderr
    assert 1.9 <= float(seconds) <= 4
    assert counts.strip() == "{'lost:exit': 5}"
    assert "5 events were still queued when the process ended" in done.stderr


def test_what_a_store_that_hangs_has_in_hand_is_counted_at_the_end_of_the_process() -> None:
    """It was handed on all at once, and did not arrive."""
    done = run(
        """
        import atexit, threading
        from eventkit.backends import worker as _worker
        from eventkit.base.counting import Tally
        tally, held = Tally(), threading.Event()
        atexit.register(lambda: print(tally.snapshot(), worker.pending))
        def put_events(items):
            if len(items) > 1:
                held.set()
                threading.Event().wait()
            threading.Event().wait(0.2)
        worker = _worker.Worker(
            print, many=lambda: put_events, max_items=100, max_weight=1, tally=tally
        )
        for number in range(6):
            worker.put(number)
        held.wait()
        """
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("{'processed': 1, 'lost:exit': 5} 0", "{'lost:exit': 6} 0")
    assert "events were still queued when the process ended" in done.stderr


def test_a_forked_child_leaves_the_queue_of_its_parent_alone() -> None:
    done = run(
        """
        import os, sys, threading
        from eventkit.base.counting import Tally
        from eventkit.backends.worker import Worker
        release = threading.Event()
        def consume(item):
            release.wait()
            print(os.getpid(), item, flush=True)
        worker = Worker(consume, max_items=100, max_weight=1, tally=Tally())
        for number in range(5):
            worker.put(number)
        pid = os.fork()
        if pid == 0:
            sys.exit(0)  # runs what is registered for the end of the process
        os.waitpid(pid, 0)
        release.set()
        worker.close(20)
        print("parent", os.getpid())
        """
    )

    *items, last = done.stdout.splitlines()
    parent = last.split()[1]
    assert (done.returncode, done.stderr) == (0, "")
    assert [f"{parent} {number}" for number in range(5)] == items


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({b"enable-threads": b"false"}, False),
        ({"enable-threads": True}, True),
        ({b"enable-threads": b"true"}, True),
        ({b"threads": b"4"}, True),
        ({b"threads": b"1"}, False),
    ],
)
def test_knows_whether_uwsgi_lets_threads_run(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: Any
) -> None:
    class Module:
        opt = options

    monkeypatch.setitem(sys.modules, "uwsgi", Module)

    assert expected == _worker.threads_run()


def test_threads_run_outside_of_uwsgi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "uwsgi", raising=False)

    assert _worker.threads_run()


def test_under_uwsgi_without_threads_it_warns_once() -> None:
    done = run(
        """
        import sys, types
        sys.modules["uwsgi"] = types.SimpleNamespace(opt={})
        from eventkit.base.counting import Tally
        from eventkit.backends.worker import Worker
        for _ in range(3):
            worker = Worker(print, max_items=100, max_weight=1, tally=Tally())
            worker.put(1)
            worker.close(20)
        """
    )

    assert done.stderr.count("enable-threads = true") == 1


def test_a_kill_that_meets_the_search_for_a_store_ends_the_thread_and_loses_nothing() -> None:
    """The next item starts another one."""
    consumer = Consumer()
    kills = [GreenletExit()]
    asked = threading.Event()

    def many() -> None:
        if kills:
            asked.set()
            raise kills.pop()

    worker, tally = make(consumer, many=many)
    worker.put("a")
    assert asked.wait(WAIT)
    thread = worker._queue._thread
    thread.join(WAIT)
    worker.put("b")

    assert not thread.is_alive()
    assert worker.flush(WAIT)
    assert consumer.items == ["a", "b"]
    assert tally["processed"] == 2
