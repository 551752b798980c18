"""The backend in the request and the one in the background."""

from __future__ import annotations

import contextlib
import copy
import gc
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import types
import uuid
import weakref
from asyncio import CancelledError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never

import pytest
from eventtracking.backends.routing import RoutingBackend
from eventtracking.processors.exceptions import (
    EventEmissionExit,
    NoBackendEnabled,
    NoTransformerImplemented,
)
from hypothesis import given
from hypothesis import strategies as st

from eventkit.backends import EventRoutingBackend, RealTimeBackend
from eventkit.base.throttle import Throttle
from eventkit.exceptions import (
    ConfigurationError,
    DeliveryError,
    DropEvent,
    StoreError,
    UnsupportedEvent,
)
from eventkit.filters import Filter
from eventkit.stores import INBOX, Settled, SQLiteStore
from eventkit.translators import XAPITranslator

WAIT = 20.0
"""Seconds that are never needed, unless something is broken."""

FORKS = "ignore:This process:DeprecationWarning"
"""That forking beside threads is dangerous is why these tests exist."""

USERNAME = "ann_the_learner"


def event(name: str = "play_video", **data: Any) -> dict[str, Any]:
    return {
        "name": name,
        "timestamp": datetime(2020, 7, 15, 6, 43, 7, 277053, tzinfo=UTC),
        "data": {"id": "v1", **data},
        "context": {"username": USERNAME, "user_id": 3, "course_id": "course-v1:a+b+c"},
    }


class Recorder:
    """A backend that remembers, and fails on the events that it is told to."""

    def __init__(self, fail: Any = None) -> None:
        self.events: list[Any] = []
        self.fail = fail or (lambda _: None)

    def send(self, event: Any) -> None:
        self.events.append(event)
        error = self.fail(event)
        if error is not None:
            raise error

    @property
    def names(self) -> list[str]:
        return [each["name"] for each in self.events]


class BatchRecorder(Recorder):
    def __init__(self, fail: Any = None) -> None:
        super().__init__(fail)
        self.batches: list[list[str]] = []

    def send_many(self, events: Any) -> None:
        self.batches.append([each["name"] for each in events])
        for each in events:
            self.send(each)


def failing(*names: str, error: Any = None) -> Any:
    """Fail on events of these names."""
    return lambda event: (error or ValueError(USERNAME)) if event["name"] in names else None


def balanced(counts: dict[str, int]) -> bool:
    """Tell whether every event that came in is accounted for."""
    total = {
        key: sum(number for name, number in counts.items() if name.partition(":")[0] == key)
        for key in ("filtered", "dropped", "enqueued", "processed", "failed", "lost", "pending")
    }
    taken = total["filtered"] + total["dropped"]
    done = total["processed"] + total["failed"] + total["lost"] + total["pending"]
    if "enqueued" in counts:
        taken += total["enqueued"]
        return counts.get("received", 0) == taken and (
            "pending" not in counts or total["enqueued"] == done
        )
    return counts.get("received", 0) == taken + done


class TestRealTimeBackend:
    def test_hands_a_json_safe_event_to_enqueue_at_once(self) -> None:
        queue = []
        backend = RealTimeBackend(enqueue=queue.append)

        assert backend.send(event(at=uuid.UUID(int=1))) is None

        expected = event(at="00000000-0000-0000-0000-000000000001")
        expected["timestamp"] = "2020-07-15T06:43:07.277053+00:00"
        assert [expected] == queue
        assert backend.stats() == {"received": 1, "enqueued": 1}

    def test_what_it_hands_on_shares_nothing_with_the_event(self) -> None:
        queue = []
        backend = RealTimeBackend(enqueue=queue.append)
        sent = event(state={"a": [1]})
        before = copy.deepcopy(sent)

        backend.send(sent)
        queue[0]["data"]["state"]["a"].append(2)

        assert before == sent

    def test_takes_lines_of_a_log_too(self) -> None:
        queue = []
        line = {"event_type": "play_video", "time": "2020-01-01T00:00:00+00:00", "event": "{}"}

        RealTimeBackend(enqueue=queue.append).send(line)

        assert [line] == queue

    def test_runs_the_processors_in_order(self) -> None:
        queue = []
        backend = RealTimeBackend(
            processors=[
                lambda e: {**e, "steps": ["one"]},
                lambda _: None,
                lambda e: {**e, "steps": [*e["steps"], "three"]},
            ],
            enqueue=queue.append,
        )

        backend.send(event())

        assert queue[0]["steps"] == ["one", "three"]

    @pytest.mark.parametrize("drop", [DropEvent("not_allowed"), EventEmissionExit()])
    def test_a_processor_may_drop_an_event(
        self, drop: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        def processor(_: Any) -> Never:
            raise drop

        queue = []
        backend = RealTimeBackend(processors=[processor], enqueue=queue.append)

        backend.send(event())

        assert queue == []
        assert backend.stats() == {"received": 1, "filtered": 1}
        assert not caplog.records

    def test_a_processor_that_changes_events_changes_nobody_elses(self) -> None:
        def mutate(event: Any) -> None:
            event["data"]["seen"] = True

        queue = []
        sent = event()
        RealTimeBackend(processors=[mutate], enqueue=queue.append).send(sent)

        assert "seen" not in sent["data"]
        assert queue[0]["data"]["seen"] is True

    @pytest.mark.parametrize(
        "error",
        [
            ValueError,
            RecursionError,
            MemoryError,
            KeyError,
            UnsupportedEvent,
        ],
    )
    @pytest.mark.parametrize("where", ["processor", "enqueue"])
    def test_whatever_goes_wrong_costs_the_event_and_nothing_else(
        self, error: Any, where: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(_: Any) -> Never:
            raise error(USERNAME)

        queue = []
        backend = (
            RealTimeBackend(processors=[fail], enqueue=queue.append)
            if where == "processor"
            else RealTimeBackend(enqueue=fail)
        )

        for _ in range(10):
            assert backend.send(event()) is None

        counts = backend.stats()
        assert queue == []
        assert balanced(counts)
        assert sum(number for key, number in counts.items() if key.startswith("dropped:")) == 10
        assert len(caplog.records) == 1
        assert USERNAME not in caplog.text
        assert error.__name__ in caplog.text

    @pytest.mark.parametrize(
        "stop", [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException, CancelledError]
    )
    def test_a_request_to_stop_passes_through(self, stop: Any) -> None:
        def fail(_: Any) -> Never:
            raise stop

        with pytest.raises(stop):
            RealTimeBackend(processors=[fail], enqueue=print).send(event())
        backend = RealTimeBackend(enqueue=fail)
        with pytest.raises(stop):
            backend.send(event())

        assert backend.stats() == {"received": 1, "dropped:interrupted": 1}

    @pytest.mark.parametrize("where", ["processor", "enqueue"])
    def test_celerys_soft_limit_passes_through(self, where: Any) -> None:
        """It is an ordinary exception, raised into whatever the task is just doing."""
        limit = pytest.importorskip("celery.exceptions").SoftTimeLimitExceeded

        def fail(_: Any) -> Never:
            raise limit

        queue: list[Any] = []
        backend = (
            RealTimeBackend(processors=[fail], enqueue=queue.append)
            if where == "processor"
            else RealTimeBackend(enqueue=fail)
        )
        with pytest.raises(limit):
            backend.send(event())

        assert queue == []

    @pytest.mark.parametrize("what", ["translator", "filter", "nested"])
    def test_celerys_soft_limit_passes_through_our_own_processors_too(
        self, what: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Through event-tracking, which sends on what a processor fails on, nothing goes on."""
        limit = pytest.importorskip("celery.exceptions").SoftTimeLimitExceeded

        def fail(*_: Any) -> Never:
            raise limit

        processor: Any = XAPITranslator(lms_root="https://lms.example.org", identity=fail)
        if what == "filter":
            processor = Filter()
            monkeypatch.setattr(Filter, "_judge", fail)
        played = event("edx.course.enrollment.activated", course_id="course-v1:a+b+c", mode="audit")
        queue: list[Any] = []
        recorder = Recorder()
        routing = EventRoutingBackend(processors=[processor], backends={"end": recorder})
        backend: Any = RealTimeBackend(processors=[processor], enqueue=queue.append)
        if what == "nested":
            backend = EventRoutingBackend(backends={"nested": routing})
        with pytest.raises(limit):
            backend.send(played)
        with pytest.raises(limit):
            routing.send(played)
        with pytest.raises(DropEvent) as dropped:
            processor(played)
        RoutingBackend(processors=[processor], backends={"end": recorder}).send(played)

        assert queue == recorder.events == []
        assert dropped.value.retryable

    @pytest.mark.parametrize("where", ["processor", "enqueue"])
    def test_what_a_signal_handler_raises_passes_through(self, where: Any) -> None:
        """Whoever set the handler wants the code that runs to stop, not the event to be lost."""

        class TimeIsUp(Exception):
            pass

        def handler(*_: Any) -> Never:
            raise TimeIsUp

        def work(*_: Any) -> None:
            signal.raise_signal(signal.SIGUSR1)

        backend = (
            RealTimeBackend(processors=[work], enqueue=print)
            if where == "processor"
            else RealTimeBackend(enqueue=work)
        )
        before = signal.signal(signal.SIGUSR1, handler)
        try:
            with pytest.raises(TimeIsUp):
                backend.send(event())
        finally:
            signal.signal(signal.SIGUSR1, before)

    @pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer needs stack of its own")
    def test_survives_being_called_with_hardly_any_stack_left(self) -> None:
        backend = RealTimeBackend(processors=[lambda e: e], enqueue=lambda _: None)
        raised = []

        def dive(depth: Any) -> Any:
            if depth:
                return dive(depth - 1)
            try:
                backend.send(event_)
            except RecursionError as error:
                raised.append(error.__traceback__.tb_next)
            return None

        event_ = event()
        for depth in range(sys.getrecursionlimit()):
            try:
                dive(depth)
            except RecursionError:
                break

        # Where there is no room for the call itself nobody can help; inside of it nothing escapes.
        assert [each for each in raised if each is not None] == []

    @pytest.mark.parametrize("what", [None, "text", 7, ["list"], object()])
    def test_what_is_no_event_is_dropped(self, what: Any) -> None:
        queue = []
        backend = RealTimeBackend(enqueue=queue.append)

        backend.send(what)

        assert queue == []
        assert backend.stats() == {"received": 1, "dropped:not_an_event": 1}

    def test_what_a_processor_made_must_be_an_event(self) -> None:
        queue: list[Any] = []
        backend = RealTimeBackend(processors=[lambda _: "text"], enqueue=queue.append)

        backend.send(event())

        assert queue == []
        assert backend.stats() == {"received": 1, "dropped:not_an_event": 1}

    def test_what_cannot_be_json_is_dropped(self) -> None:
        queue = []
        backend = RealTimeBackend(enqueue=queue.append)
        circular = event()
        circular["data"]["self"] = circular

        backend.send(circular)
        backend.send(event())

        assert len(queue) == 1
        assert backend.stats() == {"received": 2, "dropped:not_json": 1, "enqueued": 1}

    def test_an_event_that_is_too_big_is_dropped(self) -> None:
        queue = []
        backend = RealTimeBackend(enqueue=queue.append, max_bytes=1000)

        backend.send(event(text="é" * 450))
        backend.send(event(text="e" * 450))

        assert len(queue) == 1
        assert backend.stats() == {"received": 2, "dropped:too_big": 1, "enqueued": 1}

    def test_the_same_trouble_is_logged_once_a_minute(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        now = [0.0]
        backend = RealTimeBackend(enqueue=lambda _: 1 / 0, max_bytes=1000, clock=lambda: now[0])

        for _ in range(5):
            backend.send(event())
        backend.send(event(text="e" * 1000))
        now[0] = 59.9
        backend.send(event())
        now[0] = 60.0
        backend.send(event())

        first, other, again = [record.getMessage() for record in caplog.records]
        assert "An event was dropped (enqueue_failed): ZeroDivisionError" in first
        assert "too_big" in other
        assert "enqueue_failed" in again
        assert "5 more since" in again

    def test_a_broken_log_does_not_hurt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(record: Any) -> Never:
            raise OSError("disk full")

        logger = logging.getLogger("eventkit.backends")
        logger.addFilter(fail)
        try:
            backend = RealTimeBackend(enqueue=lambda _: 1 / 0)
            assert backend.send(event()) is None
        finally:
            logger.removeFilter(fail)

        assert backend.stats() == {"received": 1, "dropped:enqueue_failed": 1}


class TestEnqueue:
    @pytest.fixture
    def tasks(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        module = types.ModuleType("eventkit_test_tasks")
        module.events = []
        module.route_event = module.events.append
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    def test_may_be_a_dotted_path(self, tasks: Any) -> None:
        backend = RealTimeBackend(enqueue="eventkit_test_tasks.route_event")

        backend.send(event())
        assert backend.flush(WAIT)

        assert [each["name"] for each in tasks.events] == ["play_video"]

    def test_a_task_is_delayed_and_not_run_in_the_request(self, tasks: Any) -> None:
        class Task:
            def __init__(self) -> None:
                self.delayed = []

            def delay(self, event: Any) -> None:
                self.delayed.append(event["name"])

            def __call__(self, event: Any) -> None:
                raise AssertionError("run in the request")

        tasks.route_event = task = Task()

        for number, enqueue in enumerate((task, "eventkit_test_tasks.route_event", task.delay)):
            backend = RealTimeBackend(enqueue=enqueue)
            backend.send(event(f"event {number}"))
            assert backend.flush(WAIT)

        assert task.delayed == ["event 0", "event 1", "event 2"]

    def test_works_with_a_real_celery_task(self) -> None:
        celery = pytest.importorskip("celery")
        app = celery.Celery("test", broker="memory://", set_as_current=False)
        app.conf.task_always_eager = True
        received = []

        @app.task(name="route_event")
        def route_event(event: Any) -> None:
            received.append(event)

        backend = RealTimeBackend(enqueue=route_event)
        backend.send(event())
        assert backend.flush(WAIT)

        assert [each["name"] for each in received] == ["play_video"]

    def test_a_path_is_imported_with_the_first_event_and_not_before(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "eventkit_late_tasks.py").write_text("events = []\nroute = events.append\n")
        monkeypatch.syspath_prepend(tmp_path)

        backend = RealTimeBackend(enqueue="eventkit_late_tasks.route")
        assert "eventkit_late_tasks" not in sys.modules
        backend.send(event())
        assert backend.flush(WAIT)

        assert len(sys.modules.pop("eventkit_late_tasks").events) == 1

    @pytest.mark.parametrize(
        ("path", "problem"),
        [
            ("no_such_package.tasks.route", "No module named 'no_such_package'"),
            ("eventkit_test_tasks.nothing", "has no attribute 'nothing'"),
            ("eventkit_test_tasks.__name__", "it cannot be called"),
        ],
    )
    def test_a_path_that_leads_nowhere_is_counted_and_said_once(
        self, tasks: Any, path: Any, problem: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend = RealTimeBackend(enqueue=path, threaded=False)

        for _ in range(3):
            backend.send(event())

        assert backend.stats() == {"received": 3, "dropped:enqueue_not_found": 3}
        assert len(caplog.records) == 1
        assert path in caplog.text
        assert problem in caplog.text

    def test_a_module_that_fails_while_it_is_imported_is_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "eventkit_broken_tasks.py").write_text("raise RuntimeError('password')\n")
        monkeypatch.syspath_prepend(tmp_path)
        backend = RealTimeBackend(enqueue="eventkit_broken_tasks.route", threaded=False)

        backend.send(event())

        assert backend.stats() == {"received": 1, "dropped:enqueue_not_found": 1}
        assert "RuntimeError at eventkit_broken_tasks:1" in caplog.text
        assert "password" not in caplog.text

    def test_in_a_thread_events_wait_for_a_path_that_leads_nowhere_yet(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A setting that is wrong costs no event, and is said."""
        log = Throttle(logging.getLogger("eventkit.backends.worker"))
        monkeypatch.setattr("eventkit.backends.worker._process.throttle", log)
        monkeypatch.setattr("eventkit.backends.enqueueing.TRY_AGAIN", 0.01)
        backend = RealTimeBackend(enqueue="eventkit_test_missing.tasks.route")
        for number in range(3):
            backend.send(event(f"event {number}"))
        assert not backend.flush(0.5)

        assert backend.stats() == {"received": 3, "enqueued": 3, "pending": 3}
        assert "cannot use 'eventkit_test_missing.tasks.route'" in caplog.text

        taken: list[Any] = []
        tasks = types.SimpleNamespace(route=taken.append)
        monkeypatch.setitem(sys.modules, "eventkit_test_missing", types.SimpleNamespace())
        monkeypatch.setitem(sys.modules, "eventkit_test_missing.tasks", tasks)
        assert backend.flush(WAIT)

        assert [each["name"] for each in taken] == ["event 0", "event 1", "event 2"]
        assert backend.stats() == {"received": 3, "enqueued": 3, "processed": 3, "pending": 0}

    def test_a_path_that_failed_is_tried_again_after_a_minute(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now, imports = [0.0], []

        class Finder:
            @staticmethod
            def find_spec(name: Any, path: Any = None, target: Any = None) -> None:
                if name == "eventkit_test_absent":
                    imports.append(name)

        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
        backend = RealTimeBackend(
            enqueue="eventkit_test_absent.route", threaded=False, clock=lambda: now[0]
        )

        backend.send(event())
        now[0] = 59.0
        backend.send(event())
        assert len(imports) == 1

        events = []
        monkeypatch.setitem(
            sys.modules, "eventkit_test_absent", types.SimpleNamespace(route=events.append)
        )
        now[0] = 60.0
        backend.send(event())

        assert len(events) == 1

    @pytest.mark.parametrize(
        "path", ["tasks", "", "my site.tasks", "tasks.", ".tasks", "a..b", "a:b", "1a.b"]
    )
    def test_what_is_no_dotted_path_is_refused(self, path: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"enqueue: .* is not a dotted path"):
            RealTimeBackend(enqueue=path)


class Store:
    """Takes events one at a time, or many as JSON, when it is let."""

    def __init__(self) -> None:
        self.one_by_one: list[Any] = []
        self.together: list[list[bytes]] = []
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, event: Any) -> None:
        self.one_by_one.append(event)

    def put_events(self, events: Any) -> None:
        self.entered.set()
        assert self.release.wait(WAIT)
        self.together.append(list(events))


class TestStore:
    def test_is_given_each_event_in_the_request_if_that_is_asked_for(self) -> None:
        """So that what was emitted is safe when the request ends, however long that takes."""
        store = Store()
        backend = RealTimeBackend(enqueue=store, threaded=False)
        backend.send(event())

        assert [each["name"] for each in store.one_by_one] == ["play_video"]
        assert store.together == []

    def test_is_given_all_that_waits_in_one_step_from_the_thread(self) -> None:
        """As they were written: nothing is read and written again."""
        store = Store()
        backend = RealTimeBackend(enqueue=store)
        backend.send(event("first"))
        assert store.entered.wait(WAIT)
        for number in range(10):
            backend.send(event(f"event {number}"))
        store.release.set()
        assert backend.flush(WAIT)

        assert [len(batch) for batch in store.together] == [1, 10]
        written = [json.loads(each) for batch in store.together for each in batch]
        assert [each["name"] for each in written][1:] == [f"event {n}" for n in range(10)]
        assert written[0]["timestamp"] == "2020-07-15T06:43:07.277053+00:00"
        assert store.one_by_one == []
        assert backend.stats() == {"received": 11, "enqueued": 11, "processed": 11, "pending": 0}

    def test_may_be_at_a_dotted_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module: Any = types.ModuleType("site_store")
        module.STORE = Store()
        module.STORE.release.set()
        monkeypatch.setitem(sys.modules, "site_store", module)
        backend = RealTimeBackend(enqueue="site_store.STORE")
        backend.send(event())
        assert backend.flush(WAIT)

        assert len(module.STORE.together) == 1
        assert module.STORE.one_by_one == []

    @pytest.mark.parametrize("threaded", [False, True])
    def test_on_disk_keeps_the_events_in_order(self, threaded: Any, tmp_path: Path) -> None:
        store = SQLiteStore(tmp_path / "queue.db")
        backend = RealTimeBackend(enqueue=store, threaded=threaded)
        for number in range(50):
            backend.send(event(f"event {number}"))
        assert backend.close(WAIT)
        kept = store.take(INBOX, after=0, limit=100, max_bytes=1_000_000)
        store.close()

        assert [json.loads(each.event)["name"] for each in kept] == [
            f"event {number}" for number in range(50)
        ]

    def test_on_disk_that_is_locked_holds_nobody_up(self, tmp_path: Path) -> None:
        """By another program, for as long as it likes."""
        path = tmp_path / "queue.db"
        store = SQLiteStore(path)
        store.put_events([b'{"name": "earlier"}'])
        backend = RealTimeBackend(enqueue=store)
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            for number in range(3):
                backend.send(event(f"event {number}"))

            assert backend.stats() == {"received": 3, "enqueued": 3, "pending": 3}

            other.rollback()
        assert backend.flush(WAIT)
        kept = store.take(INBOX, after=0, limit=100, max_bytes=1_000_000)
        store.close()

        assert [json.loads(each.event)["name"] for each in kept] == [
            "earlier",
            *(f"event {number}" for number in range(3)),
        ]

    @pytest.mark.parametrize("where", ["store", "task", "path"])
    def test_what_may_wait_is_never_called_in_the_request(
        self, where: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is held until everything has been sent."""
        store = Store()
        threads = []

        class Task:
            @staticmethod
            def delay(event: Any) -> None:
                assert store.release.wait(WAIT)
                threads.append(threading.current_thread())

        monkeypatch.setitem(
            sys.modules, "eventkit_test_tasks", types.SimpleNamespace(share=Task.delay)
        )
        enqueue: Any = {"store": store, "task": Task(), "path": "eventkit_test_tasks.share"}[where]
        backend = RealTimeBackend(enqueue=enqueue)
        for number in range(3):
            backend.send(event(f"event {number}"))
        assert backend.stats()["pending"] == 3
        store.release.set()
        assert backend.flush(WAIT)

        assert threading.current_thread() not in threads
        assert len(threads) == (0 if where == "store" else 3)
        assert sum(map(len, store.together)) == (3 if where == "store" else 0)

    def test_on_disk_that_is_full_costs_a_counted_event(self, tmp_path: Path) -> None:
        """In the request nothing waits, so there is no second try."""
        store = SQLiteStore(tmp_path / "queue.db", max_bytes=1_000_000)
        backend = RealTimeBackend(enqueue=store, threaded=False)
        for _ in range(20):
            backend.send(event(text="x" * 100_000))
        kept = store.counts(INBOX)["pending"]
        store.close()
        counts = backend.stats()

        assert 0 < kept < 20
        assert counts == {"received": 20, "enqueued": kept, "dropped:store_full": 20 - kept}

    def test_on_disk_that_is_full_loses_nothing_while_there_is_room_in_memory(
        self, tmp_path: Path
    ) -> None:
        """As soon as there is room in the store, what has waited is put there."""
        store = SQLiteStore(tmp_path / "queue.db", max_bytes=1_000_000)
        backend = RealTimeBackend(enqueue=store)
        for number in range(20):
            backend.send(event(f"event {number}", text="x" * 100_000))
        assert not backend.flush(0.2)
        names: list[str] = []
        deadline = time.monotonic() + WAIT
        while len(names) < 20 and time.monotonic() < deadline:
            kept = store.take(INBOX, after=0, limit=100, max_bytes=10_000_000)
            names += [json.loads(each.event)["name"] for each in kept]
            store.settle(INBOX, [Settled(position=each.position, delivered=1) for each in kept])
            backend.flush(0.2)
        store.close()

        assert names == [f"event {number}" for number in range(20)]
        assert backend.stats() == {"received": 20, "enqueued": 20, "processed": 20, "pending": 0}


class TestQueueInProcess:
    def test_feeds_a_backend_in_a_thread(self) -> None:
        recorder = Recorder()
        threads = []
        recorder.fail = lambda _: threads.append(threading.current_thread())
        backend = RealTimeBackend(backend=recorder)

        for number in range(10):
            backend.send(event(number=number))
        assert backend.flush(WAIT)

        assert list(range(10)) == [each["data"]["number"] for each in recorder.events]
        assert threading.current_thread() not in threads
        assert backend.stats() == {"received": 10, "enqueued": 10, "processed": 10, "pending": 0}

    def test_enqueue_may_run_in_the_thread_too(self) -> None:
        release = threading.Event()
        backend = RealTimeBackend(enqueue=lambda _: release.wait(WAIT), threaded=True)

        backend.send(event())
        assert backend.stats()["pending"] == 1
        release.set()
        assert backend.flush(WAIT)

        assert backend.stats() == {"received": 1, "enqueued": 1, "processed": 1, "pending": 0}

    def test_a_full_queue_drops_the_newest_and_counts_them(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        release = threading.Event()
        recorder = Recorder(fail=lambda _: release.wait(WAIT) and None)
        backend = RealTimeBackend(backend=recorder, max_queue=5)

        for number in range(20):
            backend.send(event(number=number))
        full = backend.stats()
        release.set()
        assert backend.flush(WAIT)

        assert full == {"received": 20, "enqueued": 5, "dropped:queue_full": 15, "pending": 5}
        assert balanced(backend.stats())
        assert list(range(5)) == [each["data"]["number"] for each in recorder.events]
        assert len(caplog.records) == 1

    def test_a_consumer_that_hangs_does_not_slow_down_send(self) -> None:
        release = threading.Event()
        backend = RealTimeBackend(backend=Recorder(fail=lambda _: release.wait(WAIT) and None))
        sent = event()

        start = time.perf_counter()
        for _ in range(2000):
            backend.send(sent)
        seconds = time.perf_counter() - start
        release.set()

        # Microseconds each; the bound leaves room for the slowest machine.
        assert seconds < 5
        assert backend.stats()["enqueued"] == 2000
        assert backend.close(WAIT)

    def test_the_queue_is_bounded_in_bytes_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("eventkit.backends.real_time.MAX_QUEUED_BYTES", 10_000)
        release = threading.Event()
        backend = RealTimeBackend(backend=Recorder(fail=lambda _: release.wait(WAIT) and None))

        for _ in range(10):
            backend.send(event(text="e" * 3000))
        release.set()
        assert backend.close(WAIT)

        assert backend.stats()["enqueued"] == 3
        assert backend.stats()["dropped:queue_full"] == 7

    def test_failures_of_the_backend_are_counted(self, caplog: pytest.LogCaptureFixture) -> None:
        recorder = Recorder(fail=failing("bad"))
        backend = RealTimeBackend(backend=recorder)

        for name in ("good", "bad", "good"):
            backend.send(event(name))
        assert backend.flush(WAIT)

        assert backend.stats() == {
            "received": 3,
            "enqueued": 3,
            "processed": 2,
            "failed": 1,
            "pending": 0,
        }
        assert USERNAME not in caplog.text

    def test_close_hands_on_what_is_queued_and_takes_no_more(self) -> None:
        recorder = Recorder()
        backend = RealTimeBackend(backend=recorder)
        backend.send(event())

        assert backend.close(WAIT)
        backend.send(event())

        assert len(recorder.events) == 1
        assert backend.stats()["dropped:closed"] == 1
        assert balanced(backend.stats())

    def test_close_works_without_a_queue_too(self) -> None:
        queue = []
        backend = RealTimeBackend(enqueue=queue.append)

        assert backend.flush(0)
        assert backend.close(0)
        backend.send(event())

        assert queue == []
        assert backend.stats() == {"received": 1, "dropped:closed": 1}

    def test_flush_and_close_reach_the_backend_it_feeds(self) -> None:
        told = []

        class Buffered(Recorder):
            def flush(self, timeout: Any) -> bool:
                told.append(("flush", len(self.events), 0 <= timeout <= WAIT))
                return True

            def close(self, timeout: Any) -> bool:
                told.append(("close", len(self.events), 0 <= timeout <= WAIT))
                return False

        backend = RealTimeBackend(
            backend=EventRoutingBackend(backends={"a": Buffered(), "b": Recorder()})
        )
        backend.send(event())

        assert backend.flush(WAIT)
        assert not backend.close(WAIT)
        assert told == [("flush", 1, True), ("close", 1, True)]

    def test_a_backend_that_cannot_be_flushed_is_reported(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Odd(Recorder):
            def flush(self, timeout: Any) -> Never:
                raise ValueError(USERNAME)

        assert not RealTimeBackend(backend=Odd()).flush(WAIT)
        assert "Odd failed to flush: ValueError" in caplog.text
        assert USERNAME not in caplog.text

    def test_is_collected_when_forgotten(self) -> None:
        recorder = Recorder()
        backend = RealTimeBackend(backend=recorder)
        backend.send(event())
        ref = weakref.ref(backend)
        assert backend.flush(WAIT)

        del backend
        gc.collect()

        assert ref() is None

    @given(
        st.lists(
            st.sampled_from(["good", "bad", "dropped", "odd", "circular", "big"]), max_size=30
        ),
        st.integers(1, 10),
        st.booleans(),
    )
    def test_every_event_is_accounted_for(self, names: list[str], room: Any, held: Any) -> None:
        def processor(event: Any) -> None:
            if event["name"] == "dropped":
                raise DropEvent
            if event["name"] == "odd":
                raise ValueError

        release = threading.Event()
        if not held:
            release.set()

        def fail(event: Any) -> Any:
            assert release.wait(WAIT)
            return failing("bad")(event)

        recorder = Recorder(fail)
        backend = RealTimeBackend(
            processors=[processor], backend=recorder, max_queue=room, max_bytes=1000
        )
        for name in names:
            sent = event(name)
            if name == "circular":
                sent["data"]["self"] = sent
            elif name == "big":
                sent["data"]["text"] = "x" * 1000
            backend.send(sent)
        release.set()
        assert backend.close(WAIT)

        counts = backend.stats()
        assert balanced(counts)
        assert len(names) == counts.get("received", 0)
        assert len(recorder.events) == counts.get("enqueued", 0)
        assert names.count("dropped") == counts.get("filtered", 0)
        assert recorder.names.count("bad") == counts.get("failed", 0)
        assert names.count("circular") == counts.get("dropped:not_json", 0)
        if held:
            wanted = names.count("good") + names.count("bad")
            assert min(wanted, room) == len(recorder.events)

    def test_a_forked_child_starts_its_own_queue_and_counts(self, root: Path) -> None:
        script = """
            import json, os, sys, threading
            from eventkit.backends import RealTimeBackend
            class Printing:
                release = threading.Event()
                def send(self, event):
                    self.release.wait()
                    print(os.getpid(), event["name"], flush=True)
            target = Printing()
            backend = RealTimeBackend(backend=target)
            backend.send({"name": "before"})
            pid = os.fork()
            if pid == 0:
                target.release.set()
                backend.send({"name": "child"})
                assert backend.flush(20)
                print("stats", os.getpid(), json.dumps(backend.stats()), flush=True)
                sys.exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            target.release.set()
            backend.send({"name": "after"})
            assert backend.flush(20)
            print("stats", os.getpid(), json.dumps(backend.stats()), flush=True)
            print("pids", os.getpid(), pid)
        """
        done = subprocess.run(
            [sys.executable, "-W", FORKS, "-c", textwrap.dedent(script)],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        *lines, pids = done.stdout.splitlines()
        _, parent, child = pids.split()

        assert [f"{child} child"] == [line for line in lines if line.startswith(child)]
        assert [f"{parent} before", f"{parent} after"] == [
            line for line in lines if line.startswith(parent)
        ]
        stats = {
            line.split()[1]: json.loads(line.split(maxsplit=2)[2])
            for line in lines
            if line.startswith("stats")
        }
        assert stats[child] == {"received": 1, "enqueued": 1, "processed": 1, "pending": 0}
        assert stats[parent] == {"received": 2, "enqueued": 2, "processed": 2, "pending": 0}

    @pytest.mark.filterwarnings(FORKS)
    def test_a_fork_while_another_thread_counts_does_not_hang_the_child(self) -> None:
        backend = RealTimeBackend(enqueue=lambda _: None)
        locked, release = threading.Event(), threading.Event()

        def hold() -> None:
            with backend._tally._lock:
                locked.set()
                release.wait(WAIT)

        holder = threading.Thread(target=hold)
        holder.start()
        assert locked.wait(WAIT)
        pid = os.fork()
        if pid == 0:
            backend.send(event())
            os._exit(0 if backend.stats()["enqueued"] == 1 else 1)
        try:
            assert (pid, 0) == os.waitpid(pid, 0)
        finally:
            release.set()
            holder.join(WAIT)

    def test_at_the_end_of_the_process_the_queue_is_emptied_before_the_router_closes(
        self, root: Path, tmp_path: Path
    ) -> None:
        script = """
            import sys, time
            from eventkit.backends import EventRoutingBackend, RealTimeBackend
            from eventkit.router import Router
            router = Router(
                [{"id": "file", "protocol": "xapi", "url": sys.argv[1]}], mode="buffered"
            )
            def translate(event):
                time.sleep(0.005)
                statement = {"id": event["name"]}
                return {**event, "protocol": "xapi", "documents": [statement], "event": event}
            backend = RealTimeBackend(
                backend=EventRoutingBackend(processors=[translate], backends={"router": router})
            )
            backend.send({"name": "0"})
            assert backend.flush(20)  # the router has its thread; 3.12 starts none at the end
            for number in range(1, 50):
                backend.send({"name": str(number)})
        """
        path = tmp_path / "statements.jsonl"
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), path.as_uri()],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")
        written = [json.loads(line)["id"] for line in path.read_text().splitlines()]
        assert written == [str(number) for number in range(50)]


class TestRealTimeSettings:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "needs either enqueue.* or backend.*neither was given"),
            ({"enqueue": print, "backend": Recorder()}, "both was given"),
            ({"enqueue": 7}, "enqueue: int cannot be called"),
            ({"backend": print}, "backend: print has no send method"),
            ({"enqueue": print, "max_queue": 0}, "max_queue: .* got 0"),
            ({"enqueue": print, "max_queue": "9"}, "max_queue: .* got '9'"),
            ({"enqueue": print, "max_bytes": True}, "max_bytes: .* got True"),
            ({"enqueue": print, "threaded": "no"}, "threaded: .* got 'no'"),
            ({"enqueue": print, "processors": print}, "processors: expected a list"),
            ({"enqueue": print, "processors": "Filter"}, "processors: expected a list"),
            ({"enqueue": print, "processors": [{}]}, r"processors\[0\]: dict cannot be called"),
        ],
    )
    def test_bad_settings_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            RealTimeBackend(**options)

    def test_repr_names_what_it_feeds_and_shows_nothing_of_it(self) -> None:
        class Secretive(Recorder):
            def __repr__(self) -> str:
                return "password"

        text = repr(RealTimeBackend(backend=Secretive()))

        assert "Secretive" in text
        assert "password" not in text


class TestEventRoutingBackend:
    def test_hands_what_the_processors_made_to_every_backend(self) -> None:
        one, two = Recorder(), Recorder()
        backend = EventRoutingBackend(
            processors=[lambda e: {"name": e["name"], "documents": [1]}, lambda _: None],
            backends={"one": one, "two": two},
        )

        assert backend.send(event()) is None

        assert [{"name": "play_video", "documents": [1]}] == one.events == two.events
        assert backend.stats() == {"received": 1, "processed": 1}

    def test_is_a_routing_backend_of_event_tracking(self) -> None:
        backend = EventRoutingBackend(backends={"b": Recorder(), "a": Recorder()})

        assert isinstance(backend, RoutingBackend)
        assert list(backend.backends) == ["a", "b"]
        backend.register_backend("c", late := Recorder())
        backend.register_processor(lambda e: {**e, "late": True})
        backend.send(event())

        assert late.events[0]["late"] is True

    def test_a_dropped_event_reaches_no_backend(self) -> None:
        def drop(_: Any) -> Never:
            raise DropEvent("not_allowed")

        recorder = Recorder()
        backend = EventRoutingBackend(processors=[drop], backends={"a": recorder})

        backend.send(event())

        assert recorder.events == []
        assert backend.stats() == {"received": 1, "filtered": 1}

    def test_an_event_on_which_a_processor_fails_reaches_no_backend(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(_: Any) -> Never:
            raise ValueError(USERNAME)

        recorder = Recorder()
        backend = EventRoutingBackend(processors=[fail], backends={"a": recorder})

        for _ in range(5):
            backend.send(event())

        assert recorder.events == []
        assert backend.stats() == {"received": 5, "dropped:processor_error": 5}
        assert len(caplog.records) == 1
        assert USERNAME not in caplog.text

    def test_what_event_tracking_may_call_directly_fails_closed_too(self) -> None:
        def fail(_: Any) -> Never:
            raise ValueError(USERNAME)

        backend = EventRoutingBackend(processors=[fail])

        with pytest.raises(EventEmissionExit):
            backend.process_event(event())

    def test_what_event_tracking_may_call_directly_raises_what_failed(self) -> None:
        backend = EventRoutingBackend(backends={"a": Recorder(failing("bad"))})

        backend.send_to_backends(event("good"))
        with pytest.raises(DeliveryError):
            backend.send_to_backends(event("bad"))

    def test_repr_names_its_backends(self) -> None:
        backend = EventRoutingBackend(backends={"xapi": Recorder(), "caliper": Recorder()})

        assert repr(backend) == "EventRoutingBackend(caliper, xapi)"

    def test_one_backend_does_not_see_what_another_did_to_the_event(self) -> None:
        class Mutating(Recorder):
            def send(self, event: Any) -> None:
                event["data"]["mine"] = True
                super().send(event)

        one, two = Mutating(), Recorder()
        backend = EventRoutingBackend(backends={"1": one, "2": two})
        sent = event()
        before = copy.deepcopy(sent)

        backend.send(sent)
        backend.send_many([sent, sent])

        assert before == sent
        assert [before] * 3 == two.events

    def test_a_processor_of_one_branch_does_not_change_the_other(self) -> None:
        def mutate(event: Any) -> Any:
            event["data"].clear()
            return event

        two = Recorder()
        backend = EventRoutingBackend(
            backends={
                "1": EventRoutingBackend(processors=[mutate], backends={"x": Recorder()}),
                "2": EventRoutingBackend(backends={"x": two}),
            }
        )

        backend.send(event())

        assert [event()] == two.events

    def test_all_backends_are_tried_before_a_failure_is_raised(self) -> None:
        one = Recorder(fail=failing("play_video"))
        two = Recorder()
        backend = EventRoutingBackend(backends={"1": one, "2": two})

        with pytest.raises(DeliveryError, match="backend '1' failed: ValueError at") as info:
            backend.send(event())

        assert not info.value.retryable
        assert info.value.__cause__ is info.value.__context__ is None
        assert USERNAME not in str(info.value)
        assert len(two.events) == 1
        assert backend.stats() == {"received": 1, "failed": 1, "backend_failed:1": 1}

    def test_the_retryable_failure_is_the_one_that_is_raised(self) -> None:
        final = DeliveryError("refused", retryable=False, consumer="a")
        later = DeliveryError("busy", retryable=True, retry_after=7, consumer="b")
        backend = EventRoutingBackend(
            backends={
                "1": Recorder(fail=lambda _: final),
                "2": Recorder(fail=lambda _: later),
            }
        )

        with pytest.raises(DeliveryError, match="2 deliveries failed, among them: busy") as info:
            backend.send(event())

        raised = info.value
        assert (raised.retryable, raised.retry_after, raised.consumer) == (True, 7, "b")

    def test_a_single_failure_is_raised_as_it_is(self) -> None:
        error = DeliveryError("busy", retryable=True)
        backend = EventRoutingBackend(backends={"1": Recorder(fail=lambda _: error)})

        with pytest.raises(DeliveryError) as info:
            backend.send(event())

        assert error is info.value

    def test_trouble_with_the_network_is_worth_another_try(self) -> None:
        backend = EventRoutingBackend(
            backends={"1": Recorder(fail=lambda _: ConnectionResetError("10.0.0.1"))}
        )

        with pytest.raises(DeliveryError) as info:
            backend.send(event())

        assert info.value.retryable
        assert "10.0.0.1" not in str(info.value)

    @pytest.mark.parametrize("skip", [NoTransformerImplemented, NoBackendEnabled, DropEvent])
    def test_a_backend_may_say_that_an_event_is_not_for_it(self, skip: Any) -> None:
        backend = EventRoutingBackend(backends={"1": Recorder(fail=lambda _: skip("x"))})

        backend.send(event())

        assert backend.stats() == {"received": 1, "processed": 1}

    def test_failures_inside_of_nested_backends_are_passed_on(self) -> None:
        deep = Recorder(fail=lambda _: DeliveryError("busy", retryable=True))
        ok = Recorder()
        inner = EventRoutingBackend(backends={"x": deep, "y": ok})
        outer = EventRoutingBackend(backends={"xapi": inner})

        with pytest.raises(DeliveryError, match="busy"):
            outer.send(event())

        assert len(ok.events) == 1
        assert outer.stats() == {"received": 1, "failed": 1, "backend_failed:xapi": 1}
        assert inner.stats() == {"received": 1, "failed": 1, "backend_failed:x": 1}

    @pytest.mark.parametrize("what", [None, "text", 7, []])
    def test_what_is_no_event_is_dropped(self, what: Any) -> None:
        recorder = Recorder()
        backend = EventRoutingBackend(backends={"a": recorder})

        backend.send(what)

        assert recorder.events == []
        assert backend.stats() == {"received": 1, "dropped:not_an_event": 1}

    def test_an_event_that_cannot_be_copied_is_not_shared(self) -> None:
        recorder = Recorder()
        backend = EventRoutingBackend(processors=[lambda e: e], backends={"a": recorder})

        backend.send({"name": "x", "data": {"lock": threading.Lock()}})

        assert recorder.events == []
        assert backend.stats() == {"received": 1, "dropped:not_copied": 1}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"backends": {"a": print}}, "backends: .*send"),
            ({"backends": [Recorder()]}, "backends: expected a mapping .* got list"),
            ({"processors": [7]}, r"processors\[0\]: int cannot be called"),
            ({"processors": print}, "processors: expected a list"),
        ],
    )
    def test_bad_settings_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            EventRoutingBackend(**options)


class TestSendMany:
    def test_one_bad_event_never_costs_its_neighbours(self) -> None:
        def processor(event: Any) -> None:
            if event["name"] == "poison":
                raise RecursionError
            if event["name"] == "unwanted":
                raise DropEvent

        recorder = Recorder(fail=failing("bad"))
        backend = EventRoutingBackend(processors=[processor], backends={"a": recorder})
        names = ["one", "poison", "two", "bad", "three", "unwanted", "four"]

        with pytest.raises(DeliveryError):
            backend.send_many(event(name) for name in names)

        assert recorder.names == ["one", "two", "bad", "three", "four"]
        assert backend.stats() == {
            "received": 7,
            "dropped:processor_error": 1,
            "filtered": 1,
            "failed": 1,
            "backend_failed:a": 1,
            "processed": 4,
        }

    def test_hands_the_lot_to_a_backend_that_can_take_it(self) -> None:
        batches, single = BatchRecorder(), Recorder()
        inner = EventRoutingBackend(backends={"batches": batches, "single": single})
        outer = EventRoutingBackend(backends={"inner": inner})

        outer.send_many([event("one"), event("two"), event("three")])
        outer.send(event("four"))

        assert batches.batches == [["one", "two", "three"]]
        assert ["one", "two", "three", "four"] == batches.names == single.names

    def test_a_failure_of_the_lot_counts_for_all_of_it(self) -> None:
        batches = BatchRecorder(fail=failing("two", error=DeliveryError("busy", retryable=True)))
        backend = EventRoutingBackend(backends={"a": batches})

        with pytest.raises(DeliveryError) as info:
            backend.send_many([event("one"), event("two"), event("three")])

        assert info.value.retryable
        assert backend.stats()["failed"] == 3

    def test_many_are_sent_in_bounded_parts(self) -> None:
        batches = BatchRecorder()

        EventRoutingBackend(backends={"a": batches}).send_many(event() for _ in range(1200))

        assert [len(batch) for batch in batches.batches] == [500, 500, 200]

    def test_what_came_before_the_input_broke_is_sent(self) -> None:
        def broken() -> Any:
            yield event("one")
            yield event("two")
            raise OSError("truncated file")

        recorder = Recorder()
        with pytest.raises(OSError, match="truncated file"):
            EventRoutingBackend(backends={"a": recorder}).send_many(broken())

        assert recorder.names == ["one", "two"]

    def test_nothing_to_send_is_fine(self) -> None:
        recorder = Recorder()
        backend = EventRoutingBackend(backends={"a": recorder})

        backend.send_many([])

        assert (recorder.events, backend.stats()) == ([], {})

    @given(
        st.lists(st.sampled_from(["good", "bad", "worse", "dropped", "odd"]), max_size=20),
        st.booleans(),
    )
    def test_every_event_is_accounted_for(self, names: list[str], together: Any) -> None:
        def processor(event: Any) -> None:
            if event["name"] == "dropped":
                raise DropEvent
            if event["name"] == "odd":
                raise ValueError

        one, two = Recorder(failing("bad")), Recorder(failing("bad", "worse"))
        inner = EventRoutingBackend(processors=[processor], backends={"1": one, "2": two})
        backend = EventRoutingBackend(backends={"inner": inner})
        bad = names.count("bad") + names.count("worse")

        if together:
            try:
                backend.send_many([event(name) for name in names])
            except DeliveryError:
                raised = 1
            else:
                raised = 0
            assert bool(bad) == bool(raised)
        else:
            raised = 0
            for name in names:
                try:
                    backend.send(event(name))
                except DeliveryError:
                    raised += 1
            assert bad == raised

        assert one.names == two.names == [n for n in names if n not in ("dropped", "odd")]
        for counts in (inner.stats(), backend.stats()):
            assert balanced(counts)
            assert bad == counts.get("failed", 0)
            assert len(names) == counts.get("received", 0)


class TestWhatWaitsGoesTogether:
    """The in-process queue hands an `EventRoutingBackend` all that waits, at once."""

    class Slow:
        """A backend whose first call lasts until it is told to go on."""

        def __init__(self, *errors: BaseException) -> None:
            self.calls: list[list[int]] = []
            self.go_on = threading.Event()
            self._errors = list(errors)

        def send(self, event: Any) -> None:
            self.send_many([event])

        def send_many(self, events: Any) -> None:
            self.calls.append([event["n"] for event in events])
            if len(self.calls) == 1:
                assert self.go_on.wait(20)
            elif self._errors:
                raise self._errors.pop(0)

    def run(self, slow: Slow) -> dict[str, int]:
        backend = RealTimeBackend(backend=EventRoutingBackend(backends={"slow": slow}))
        backend.send({"name": "x", "n": 0})
        end = time.monotonic() + 20
        while not slow.calls:
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.001)
        for number in range(1, 50):
            backend.send({"name": "x", "n": number})
        slow.go_on.set()
        assert backend.close(20)
        return backend.stats()

    def test_at_once(self) -> None:
        slow = self.Slow()

        assert self.run(slow)["processed"] == 50
        assert slow.calls == [[0], list(range(1, 50))]

    def test_failures_are_counted_and_not_repeated(self) -> None:
        slow = self.Slow(DeliveryError("no", retryable=True))

        stats = self.run(slow)
        assert (stats["processed"], stats["failed"], stats["pending"]) == (1, 49, 0)
        assert len(slow.calls) == 2

    def test_a_store_in_trouble_is_asked_again(self) -> None:
        slow = self.Slow(StoreError("the disk is away"), StoreError("still"))

        assert self.run(slow)["processed"] == 50
        assert slow.calls[-1] == list(range(1, 50))
