"""What a registry is told of its consumers: all that a process has done, each of it once."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import fault_server
import pytest
from fault_routes import consumer, numbers, translation, until
from fault_server import FastClock, respond, serving, unused_port

from eventkit.base.throttle import Throttle
from eventkit.consumers import Registry, Reported
from eventkit.exceptions import DeliveryError
from eventkit.router import Router, keeper, reporting

MODES = ("direct", "buffered", "durable")


class Table:
    """A registry that adds up what it is told, and cannot take it when a test says so."""

    def __init__(self, *consumers, fails=lambda _number: False):
        self.settings = list(consumers)
        self.calls = 0
        self.sums = Counter()
        self.latest = {}
        self.closed = []
        self.threads = set()
        self._fails = fails

    def consumers(self):
        return self.settings

    def report(self, reports, *, closing):
        self.calls += 1
        self.threads.add(threading.current_thread().name)
        if self._fails(self.calls):
            raise OSError("the database is away")
        for each in reports:
            self.latest[each.consumer] = each
            told = {
                "delivered": each.delivered,
                "retries": each.retried,
                "conflict": each.conflict,
                **{f"dead:{reason}": number for reason, number in each.dead.items()},
                **{f"dropped:{reason}": number for reason, number in each.dropped.items()},
            }
            assert all(number >= 0 for number in told.values()), each
            self.sums.update({(each.consumer, name): n for name, n in told.items() if n})
        if closing:
            self.closed.append(sorted(each.consumer for each in reports))


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Report all the time, so that whatever can come between does."""
    monkeypatch.setattr(reporting, "EVERY", 0.001)
    monkeypatch.setattr(reporting, "_throttle", Throttle(logging.getLogger("eventkit.reports")))


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def make(tmp_path):
    made = []

    def make(table, mode, **options):
        options = {"reload": 0.01, "clock": FastClock(), **options}
        if mode == "durable":
            options |= {"store": tmp_path / "store.db", "lease": 0.5}
        elif mode == "buffered":
            options["mode"] = "buffered"
        router = Router(table, **options)
        made.append(router)
        return router

    yield make
    for router in made:
        router.close(0)


def done(router, *, own=True):
    """What the counts of a router say, in the words of `Table.sums`."""
    found = Counter()
    for each in router.consumers:
        for name, number in router.stats(each.id).items():
            is_kind = name in ("delivered", "retries", "conflict") or name.startswith("dropped:")
            if number and (is_kind or name.startswith("dead:")):
                found[each.id, name] = number
    assert own
    return found


def send(router, *given, **event):
    try:
        router.send(translation(*given, **event))
    except DeliveryError:
        return False
    return True


def bad(request):
    """Refuse statements whose number is a multiple of seven."""
    return (400, b"not this one") if any(s["n"] % 7 == 0 for s in request.statements) else None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "fails",
    [lambda _: False, lambda number: number % 3, lambda number: number < 20],
    ids=["always", "now and then", "at first"],
)
def test_the_sum_of_all_reports_is_what_was_done(server, make, mode, fails):
    """Of each consumer, whatever became of the documents, and however often a report failed."""
    server.rule = bad
    table = Table(
        consumer("lrs", server.url, batch={"max_size": 10}),
        consumer("denied", server.url, allow=[]),
        fails=fails,
    )
    router = make(table, mode, dead_letters=lambda _: None)
    server.script.extend([respond(503)] * 3)
    for start in range(1, 60, 5):
        while not send(router, *range(start, start + 5)):
            pass
    assert router.flush(30)
    table._fails = lambda _: False
    assert router.close(30)

    assert len(server.stored) == 52
    assert table.sums["lrs", "delivered"] >= 52
    assert table.sums["lrs", "dead:http_400"] == 8
    assert table.sums["lrs", "retries"] == 3
    assert table.sums == done(router)
    assert table.closed == [["denied", "lrs"]]
    assert table.threads == {"eventkit-keeper"}
    assert router.stats()["pending"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_many_threads_and_changes_of_rules(server, make, mode):
    """What is dropped because rules have changed counts too, and nothing counts twice."""
    table = Table(consumer("lrs", server.url), fails=lambda number: number % 2)
    router = make(table, mode, dead_letters=lambda _: None)
    table.settings = [consumer("lrs", server.url, paused=True)]
    router.reload()
    if mode != "direct":
        send(router, *range(20))
    table.settings = [consumer("lrs", server.url, deny=[{"org": "edX"}])]
    router.reload()
    table.settings.append(consumer("other", server.url))
    router.reload()
    threads = [
        threading.Thread(target=send, args=(router, *range(start, start + 25)))
        for start in range(100, 200, 25)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert router.flush(30)
    table._fails = lambda _: False
    router.close(30)

    assert table.sums["other", "delivered"] == 100
    assert table.sums["lrs", "dropped:denied"] == (0 if mode == "direct" else 20)
    assert table.sums == done(router)


def test_documents_of_no_lane(make):
    """What came from a task queue for somebody who is no more is reported under their name."""
    table = Table(consumer("lrs", "https://x.invalid"), consumer("off", "log:x", enabled=False))
    router = make(table, "direct")
    delivery = {"protocol": "xapi", "name": "x", "documents": [{"id": "1"}, {"id": "2"}]}
    router.deliver([{"consumer": name, **delivery} for name in ("nobody", "off", "off")])
    router.close()

    assert table.sums == {("nobody", "dead:unknown_consumer"): 2, ("off", "dead:disabled"): 4}
    assert table.latest["nobody"].state == "removed"
    assert table.latest["off"].state == "disabled"


@pytest.mark.parametrize("mode", MODES)
def test_how_it_is_doing(server, make, mode):
    """State, reason and the receiver's words, the last success and the last error, in JSON."""
    server.script.extend([fault_server.behave, respond(403, b"write access has ended")])
    server.default = respond(403, b"write access has ended")
    table = Table(consumer("lrs", server.url))
    router = make(table, mode, pause=30)
    before = datetime.now(UTC)
    send(router, 1)
    server.wait_for(lambda: server.requests)
    until(lambda: router.stats()["delivered"] == 1)
    send(router, 2)
    until(lambda: table.latest["lrs"].state == "paused")
    told = table.latest["lrs"]

    assert ("http_403", 403, "write access has ended") == (told.reason, told.status, told.response)
    assert "check auth" in told.detail
    assert told.pending == (0 if mode == "direct" else 1)
    assert before <= told.last_success <= told.last_error.time
    assert told.last_success.utcoffset() == timedelta(0)
    assert "write access has ended" == told.last_error.response
    assert told.last_error.reason == "http_403"
    plain = json.loads(json.dumps(told.as_dict()))
    assert plain["last_error"]["status"] == 403
    assert datetime.fromisoformat(plain["last_success"]) == told.last_success
    health = router.health()["lrs"]
    assert health["last_success"] == told.last_success.isoformat()
    # By the fast clock of the tests it may have been tried once more meanwhile.
    assert {**health["last_error"], "time": ""} == {**told.last_error.as_dict(), "time": ""}


def test_a_refused_document_is_the_last_error(server, make):
    """Also where the consumer is in order, and goes on."""
    server.rule = bad
    table = Table(consumer("lrs", server.url))
    router = make(table, "direct", dead_letters=lambda _: None)
    send(router, 6, 7, 8)
    router.close()

    told = table.latest["lrs"]
    assert "ok" == told.state
    assert ("http_400", 400, "not this one") == (
        told.last_error.reason,
        told.last_error.status,
        told.last_error.response,
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_registry_that_hangs_is_in_nobodys_way(server, make, mode):
    """Events go on, and so does whoever closes the router."""
    released, asked = threading.Event(), threading.Event()

    def hang(_number):
        asked.set()
        released.wait(fault_server.PATIENCE)
        return False

    table = Table(consumer("lrs", server.url), fails=hang)
    router = make(table, mode)
    send(router, 1)
    assert asked.wait(fault_server.PATIENCE)
    for number in range(2, 30):
        send(router, number)
    assert router.flush(30)

    assert len(server.stored) == 29
    assert router.close(0.01)
    assert table.calls == 1
    released.set()
    until(lambda: table.closed)
    assert table.sums["lrs", "delivered"] == 29


@pytest.mark.parametrize("error", [ValueError("7 learners"), KeyboardInterrupt(), SystemExit(1)])
def test_an_error_is_counted_and_nobody_elses(server, make, error, caplog):
    """It is logged without its words, and the router goes on as if nothing had been."""

    class Wild(Table):
        def report(self, reports, *, closing):
            super().report(reports, closing=closing)
            raise error

    table = Wild(consumer("lrs", server.url))
    router = make(table, "direct")
    for number in range(5):
        assert send(router, number)
    until(lambda: router.stats().get("report_failed", 0) >= 2)
    router.close()

    assert "Consumers cannot be reported" in caplog.text
    assert "learners" not in caplog.text
    assert router.stats()["delivered"] == 5


def test_without_threads_it_reports_in_the_end(server, make, monkeypatch):
    """Where no thread is to be had, as at the end of an interpreter."""

    def start():
        raise RuntimeError("can't start new thread")

    def no_thread(**_):
        return SimpleNamespace(start=start)

    table = Table(consumer("lrs", server.url))
    router = make(table, "direct")
    fake = SimpleNamespace(Thread=no_thread, Event=threading.Event, Lock=threading.Lock)
    monkeypatch.setattr(keeper, "threading", fake)
    send(router, 1, 2)

    assert table.calls == 0
    router.close()
    assert table.sums == {("lrs", "delivered"): 2}


def test_what_comes_after_closing_is_reported_too(server, make):
    table = Table(consumer("lrs", server.url))
    router = make(table, "direct")
    send(router, 1)
    router.close()
    send(router, 2)
    router.close()
    router.close()

    assert table.sums == {("lrs", "delivered"): 2}
    assert table.closed == [["lrs"], ["lrs"]]


def test_a_router_that_did_nothing_says_nothing(server, make):
    table = Table(consumer("lrs", server.url))
    make(table, "direct").close()

    assert table.calls == 0


def test_only_what_is_new_is_told(server, make, monkeypatch):
    """A thousand consumers of which nothing is new make no work, but for now and then."""
    monkeypatch.setattr(reporting, "HEARTBEAT", 3600)
    listed = [consumer(f"lrs-{number}", server.url, allow=[]) for number in range(1000)]
    table = Table(*listed, consumer("lrs", server.url))
    router = make(table, "direct", reload=None)
    told = []
    table.report = lambda reports, *, closing: told.append([each.consumer for each in reports])
    send(router, 1)
    until(lambda: told)
    for number in range(2, 6):
        send(router, number)
        until(lambda: router._reporter._told.get("lrs", {}).get("delivered") == number)  # noqa: B023
    router.close()

    assert len(told[0]) == len(told[-1]) == 1001
    assert set(map(tuple, told[1:-1])) == {("lrs",)}


def test_a_registry_need_not_want_to_know(server, make):
    class Quiet:
        def consumers(self):
            return [consumer("lrs", server.url)]

    router = make(Quiet(), "direct")
    send(router, 1)
    router.close()

    assert isinstance(Quiet(), Registry)
    assert not isinstance(Quiet(), Reported)
    assert isinstance(Table(), Reported)
    assert numbers(server) == [1]


def test_routers_of_one_process_have_names(server, make):
    """So that a registry can tell what each of them says of one consumer."""
    table, names = Table(consumer("lrs", server.url)), set()
    for _ in range(2):
        router = make(table, "direct")
        send(router, 1)
        router.close()
        names.add(table.latest["lrs"].router)

    assert len(names) == 2
    assert table.sums == {("lrs", "delivered"): 2}


PROGRAM = Path(__file__).parents[1] / "helpers" / "reporting_processes.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["fork", "multiprocessing", "spawn", "celery", "exit"])
def test_every_process_reports_its_own(server, tmp_path, mode, way):
    """
    Parents and children of every kind, also short ones that close nothing; each counts from zero.
    """
    done = subprocess.run(
        [sys.executable, str(PROGRAM), way, mode, server.url, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "reports.jsonl").read_text().splitlines()]
    sums = Counter()
    for line in lines:
        sums[line["process"]] += sum(each["delivered"] for each in line["reports"])
    children = 0 if way == "exit" else 3

    assert sorted(numbers(server)) == list(range(2 + 2 * children))
    assert sum(sums.values()) == 2 + 2 * children
    if mode != "durable":
        assert sorted(sums.values()) == [2] * (1 + children)
    assert len({each["router"] for line in lines for each in line["reports"]}) == len(sums)
    assert {line["process"] for line in lines if line["closing"]} == set(sums)


def test_unreachable_is_reported_as_such(make):
    table = Table(consumer("lrs", f"http://127.0.0.1:{unused_port()}/xapi"))
    router = make(table, "direct")
    assert not send(router, 1)
    router.close()

    assert table.sums == {("lrs", "retries"): 1}
    assert table.latest["lrs"].state == "retrying"
    assert table.latest["lrs"].last_error.reason == "connection"


def test_routers_of_one_store_name_it_alike(make, server, tmp_path):
    """However they write its path, so that what waits in it is counted once."""
    said = []

    class Listener(Table):
        def report(self, reports, *, closing):
            said.extend(each.store for each in reports)

    def named(mode, **options):
        said.clear()
        router = make(Listener(consumer("lrs", server.url)), mode, **options)
        send(router, 1)
        router.close(1)
        assert len(set(said)) == 1
        return said[0]

    (tmp_path / "link").symlink_to(tmp_path)
    first = named("durable")

    assert first
    assert str(tmp_path) not in first
    assert named("durable") == first
    assert named("stored", store=str(tmp_path / "link" / "store.db")) == first
    assert named("stored", store=str(tmp_path / "other.db")) not in ("", first)
    assert [named(mode) for mode in ("direct", "buffered")] == ["", ""]
