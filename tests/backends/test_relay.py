"""From the inbox of a store to a backend."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from eventtracking.processors.exceptions import EventEmissionExit
from kombu.exceptions import OperationalError

from eventkit import RealTimeBackend
from eventkit.backends import Relay
from eventkit.backends.relay import RELAY_FAILED
from eventkit.exceptions import ConfigurationError, DeliveryError, StoreError
from eventkit.stores import INBOX, Parcel, SQLiteStore

WAIT = 60.0
"""Seconds that are never needed, unless something is broken."""

ROOT = Path(__file__).resolve().parents[2]


class Backend:
    """Takes events, or fails as it is told."""

    def __init__(self, *failures: Exception | None, bad: Any = None) -> None:
        self.failures = list(failures)
        self.bad = bad or {}
        self.names: list[str] = []
        self.calls: list[int] = []
        self.changed = threading.Condition()

    def send(self, event: Any) -> None:
        self.take([event])

    def take(self, events: Any) -> None:
        self.calls.append(len(events))
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        for event in events:
            if event["name"] in self.bad:
                raise self.bad[event["name"]]
        with self.changed:
            self.names += [event["name"] for event in events]
            self.changed.notify_all()

    def wait_for(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.names) >= number, WAIT), self.names


class Many(Backend):
    """Takes many events at once too."""

    def send_many(self, events: Any) -> None:
        self.take(events)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path) -> SQLiteStore:
    return SQLiteStore(tmp_path / "store.db")


def put(store, *names: str) -> None:
    for name in names:
        store({"name": name})


def refused(*, retryable: bool, retry_after: float | None = None) -> DeliveryError:
    return DeliveryError("no", retryable=retryable, retry_after=retry_after)


def test_hands_over_in_order_and_empties_the_inbox(store):
    put(store, "a", "b", "c")
    backend = Many()
    relay = Relay(store, backend, batch=2)

    assert [relay.run_once() for _ in range(3)] == [2, 1, 0]
    assert backend.names == ["a", "b", "c"]
    assert backend.calls == [2, 1]
    assert store.counts(INBOX)["delivered"] == 3
    assert store.waiting() == set()
    assert relay.stats() == {"relayed": 3, "dead": 0, "waits": 0, "store_errors": 0}


def test_what_can_be_tried_again_is_and_keeps_its_place(store):
    put(store, "a", "b")
    clock = Clock()
    backend = Many(refused(retryable=True, retry_after=7), ConnectionError())
    relay = Relay(store, backend, clock=clock)

    assert relay.run_once() == 0
    clock.now += 6.9
    assert relay.run_once() == 0
    assert backend.calls == [2]  # it is left alone for as long as it asks
    clock.now += 0.2
    assert relay.run_once() == 0
    clock.now += 0.5
    assert relay.run_once() == 2
    assert backend.names == ["a", "b"]
    assert relay.stats()["waits"] == 2
    assert store.counts(INBOX)["pending"] == 0


def test_a_broker_or_database_that_is_away_costs_no_event(store):
    """Their errors are known by name, as where `RealTimeBackend` hands events on."""
    put(store, "a", "b")
    clock = Clock()
    backend = Many(OperationalError("broker"), sqlite3.OperationalError("database is locked"))
    relay = Relay(store, backend, clock=clock)
    done = []
    for _ in range(3):
        done.append(relay.run_once())
        clock.now += 1

    assert done == [0, 0, 2]
    assert backend.names == ["a", "b"]
    assert len(store.dead_letters) == 0


def test_the_wait_grows_up_to_a_limit(store):
    put(store, "a")
    clock = Clock()
    backend = Many(*[refused(retryable=True) for _ in range(50)])
    relay = Relay(store, backend, clock=clock)
    waits = []
    while backend.failures:
        before = clock.now
        relay.run_once()
        while clock.now < relay._not_before:
            clock.now += 0.01
        waits.append(clock.now - before)

    assert waits[0] < 0.2
    assert all(wait < 31 for wait in waits)
    assert min(waits[20:]) > 10


@pytest.mark.parametrize("kind", [Many, Backend])
@pytest.mark.parametrize("failure", [KeyError("ann"), refused(retryable=False)])
def test_the_event_at_fault_becomes_a_dead_letter_and_the_others_go_on(store, kind, failure):
    put(store, *"abcd")
    backend = kind(bad={"c": failure})
    relay = Relay(store, backend)

    assert relay.run_once() == 4
    assert backend.names == ["a", "b", "d"]
    [letter] = store.dead_letters
    assert (letter.consumer, letter.reason, letter.name) == ("", RELAY_FAILED, "c")
    assert letter.event == {"name": "c"}
    assert "ann" not in letter.detail
    counts = store.counts(INBOX)
    assert (counts["delivered"], counts[f"dead:{RELAY_FAILED}"], counts["pending"]) == (3, 1, 0)


def test_looking_for_the_culprit_goes_on_after_a_wait(store):
    put(store, *"abcd")
    clock = Clock()
    backend = Many(KeyError(), None, refused(retryable=True), bad={"d": KeyError()})
    relay = Relay(store, backend, clock=clock)

    assert relay.run_once() == 1
    clock.now += 60
    assert relay.run_once() == 3
    assert backend.calls == [4, 1, 1, 1, 1, 1]
    assert backend.names == ["a", "b", "c"]


def test_an_event_that_a_processor_drops_is_done_with(store):
    put(store, "a", "b")
    relay = Relay(store, Backend(bad={"a": EventEmissionExit()}))

    assert relay.run_once() == 2
    assert len(store.dead_letters) == 0


def test_what_is_no_event_becomes_a_dead_letter(store):
    store.put_events([b"{", b"[1]", b"\xff", b'{"name":"a"}'])
    backend = Many()

    assert Relay(store, backend).run_once() == 4
    assert backend.names == ["a"]
    assert [letter.event for letter in store.dead_letters] == [
        {"raw": "{"}, {"raw": "[1]"}, {"raw": "\ufffd"},
    ]  # fmt: skip


def test_dead_letters_may_go_elsewhere(store, tmp_path):
    put(store, "a")
    letters: list[Any] = []
    relay = Relay(store, Backend(bad={"a": KeyError()}), dead_letters=letters.append)
    relay.run_once()

    assert [letter.name for letter in letters] == ["a"]
    assert len(store.dead_letters) == 0
    assert store.counts(INBOX)["dead"] == 1


def test_what_the_store_could_not_settle_is_settled_later_and_not_sent_again(store, monkeypatch):
    put(store, "a", "b")
    backend = Many()
    relay = Relay(store, backend)

    def fail(*_: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "settle", fail)
        for _ in range(2):
            with pytest.raises(StoreError):
                relay.run_once()
    put(store, "c")
    relay.run_once()

    assert backend.names == ["a", "b", "c"]
    assert store.counts(INBOX)["delivered"] == 3


def test_only_one_works_and_another_takes_over_when_it_is_closed(store):
    put(store, "a")
    first, second = Backend(), Backend()
    one, another = Relay(store, first), Relay(store, second)

    assert one.run_once() == 1
    put(store, "b")
    assert another.run_once() == 0
    assert one.close()
    assert another.run_once() == 1
    assert (first.names, second.names) == (["a"], ["b"])


def test_runs_in_a_thread_and_notices_what_is_put(store, tmp_path):
    """By this process through the store itself, by others by looking."""
    backend = Many()
    relay = Relay(store, backend, poll=0.01)
    relay.start()
    relay.start()
    put(store, "a")
    backend.wait_for(1)
    other = SQLiteStore(tmp_path / "store.db")
    put(other, "b")
    backend.wait_for(2)

    assert relay.close(WAIT)
    assert relay.close(WAIT)
    assert backend.names == ["a", "b"]
    assert "eventkit-relay" not in {thread.name for thread in threading.enumerate()}


def test_a_put_of_this_process_wakes_it_at_once(store):
    backend = Many()
    relay = Relay(store, backend, poll=WAIT)
    relay._look_at = float("inf")
    relay.start()
    for number in range(5):
        put(store, str(number))
        backend.wait_for(number + 1)

    assert relay.close(WAIT)


def test_run_ends_when_it_is_told_to(store):
    put(store, "a")
    backend, stop = Many(), threading.Event()
    relay = Relay(store, backend)
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    backend.wait_for(1)
    stop.set()
    thread.join(WAIT)

    assert not thread.is_alive()
    assert store.lease("another", [INBOX], 10) == {INBOX}


def test_a_store_in_trouble_does_not_end_it(store, monkeypatch, caplog):
    backend = Many()
    relay = Relay(store, backend, poll=0.01)
    failed = threading.Event()

    def fail() -> int:
        failed.set()
        raise StoreError("busy")

    with monkeypatch.context() as patch:
        patch.setattr(store, "changed", fail)
        relay.start()
        assert failed.wait(WAIT)
    put(store, "a")
    backend.wait_for(1)

    assert relay.close(WAIT)
    assert relay.stats()["store_errors"] >= 1
    assert "busy" in caplog.text


def test_closing_does_not_wait_for_a_backend_that_hangs(store):
    put(store, "a", "b")
    entered, release = threading.Event(), threading.Event()

    class Hanging(Backend):
        def send(self, event: Any) -> None:
            entered.set()
            assert release.wait(WAIT)
            super().send(event)

    backend = Hanging()
    relay = Relay(store, backend)
    relay.start()
    assert entered.wait(WAIT)
    assert not relay.close(0.01)
    release.set()
    assert relay.close(WAIT)
    assert backend.names == ["a"]
    assert store.counts(INBOX)["pending"] == 1


def test_the_lease_lasts_while_a_batch_is_on_its_way(store):
    put(store, "a")
    entered, release = threading.Event(), threading.Event()

    class Slow(Backend):
        def send(self, event: Any) -> None:
            entered.set()
            assert release.wait(WAIT)
            super().send(event)

    relay = Relay(store, Slow(), lease=0.2)
    renewed = threading.Event()
    lease, times = store.lease, []

    def counted(*arguments: Any) -> set[str]:
        times.append(arguments)
        if len(times) == 8:
            renewed.set()
        return lease(*arguments)

    store.lease = counted  # type: ignore[method-assign]
    relay.start()
    assert entered.wait(WAIT)
    assert renewed.wait(WAIT)
    assert lease("another", [INBOX], 0.2) == set()
    release.set()
    assert relay.close(WAIT)


def test_other_queues_are_none_of_its_business(store):
    store.put(
        [Parcel(consumers={"lrs": ""}, name="x", protocol="xapi", bodies=(b"{}",), event=b"{}")]
    )

    assert Relay(store, Many()).run_once() == 0
    assert store.waiting() == {"lrs"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"store": "store.db"}, "store: expected an eventkit.stores.Store, such as"),
        ({"backend": object()}, "backend: object has no send"),
        ({"batch": 0}, "batch: expected a whole number from 1, got 0"),
        ({"poll": 0}, "poll: expected seconds above 0, got 0"),
        ({"lease": "10"}, "lease: expected seconds above 0, got '10'"),
        ({"dead_letters": 5}, "dead_letters"),
    ],
)
def test_a_wrong_setting_is_refused(store, settings, said):
    with pytest.raises(ConfigurationError, match=said):
        Relay(**{"store": store, "backend": Backend(), **settings})


SCRIPT = """
import os, sys, threading, time
sys.path.insert(0, os.environ["PYTHONPATH"])
from eventkit import RealTimeBackend
from eventkit.backends import Relay
from eventkit.stores import SQLiteStore
store = SQLiteStore(sys.argv[1])
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_what_was_emitted_arrives_though_both_processes_are_killed(tmp_path):
    """The request's process and the worker's are killed again and again."""
    path, out = tmp_path / "store.db", tmp_path / "out"
    emitter = """
    backend = RealTimeBackend(enqueue=store, threaded=False)
    number = int(sys.argv[2])
    while True:
        backend.send({"name": f"e{number}", "data": {}, "context": {}})
        if backend.stats().get("enqueued") == number - int(sys.argv[2]) + 1:
            print(number, flush=True)
        number += 1
    """
    worker = """
    class Backend:
        def send_many(self, events):
            with open(sys.argv[2], "a") as file:
                file.write("".join(event["name"] + "\\n" for event in events))
    print("ready", flush=True)
    Relay(store, Backend(), batch=7, lease=0.3, poll=0.005).run()
    """
    emitted: list[int] = []
    for turn in range(5):
        processes = [start(emitter, path, turn * 100_000), start(worker, path, out)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for _ in range(60):
            processes[0].stdout.readline()  # type: ignore[union-attr]
        for process in processes:
            process.send_signal(signal.SIGKILL)
            output, _ = process.communicate(timeout=WAIT)
            if process is processes[0]:
                lines = [line for line in output.split("\n")[:-1] if line]
                # All lines up to the last are there; those that were read above too.
                emitted += range(turn * 100_000, int(lines[-1]) + 1) if lines else []
    store = SQLiteStore(path)
    backend = Many()
    relay = Relay(store, backend, poll=0.01)
    relay.start()
    deadline = time.monotonic() + WAIT
    while store.counts(INBOX)["pending"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert relay.close(WAIT)
    arrived = set(out.read_text().split()) | set(backend.names)

    assert {f"e{number}" for number in emitted} <= arrived
    counts = store.counts(INBOX)
    assert counts["enqueued"] == counts["delivered"]


def test_a_forked_child_can_run_its_own(store):
    relay = Relay(store, Many())
    put(store, "a")
    assert relay.run_once() == 1
    relay.close()
    put(store, "b")
    child = os.fork()
    if child == 0:
        os._exit(7 if relay.run_once() == 1 else 8)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert store.counts(INBOX)["delivered"] == 2


def test_the_backend_of_requests_can_use_the_store_directly(store):
    backend = RealTimeBackend(enqueue=store)
    for number in range(3):
        backend.send({"name": f"e{number}", "data": {}, "context": {}})
    assert backend.flush(20)

    assert backend.stats()["processed"] == 3
    taken = Many()
    Relay(store, taken).run_once()
    assert taken.names == ["e0", "e1", "e2"]
