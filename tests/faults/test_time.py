"""Row 28: somebody sets the clock of the machine."""

from __future__ import annotations

import json
import os
import time

import pytest
from fault_routes import (
    balance,
    balance_after_restart,
    consumer,
    in_order,
    numbers,
    translation,
    until,
)
from fault_server import PATIENCE, behave, respond, serving

from eventkit.base.clock import Clock
from eventkit.router import Router
from eventkit.stores import SQLiteStore

HOURS = 3 * 3600.0
YEARS = 10 * 365 * 86400.0
JUMPS = pytest.mark.parametrize("jump", [HOURS, -HOURS])


class Wall:
    """The time of day, as somebody sets it."""

    def __init__(self, real):
        self._real = real
        self.offset = 0.0

    def __call__(self):
        return self._real() + self.offset


@pytest.fixture
def wall(monkeypatch):
    wall = Wall(time.time)
    monkeypatch.setattr(time, "time", wall)
    return wall


class Late(Clock):
    """A clock by whose chance every wait is as long as it may be."""

    def random(self):
        return 1.0


@pytest.fixture
def start(mode, tmp_path, wall):
    """Start routers that go by the machine's clocks."""
    made = []

    def start(*consumers, **options):
        options.setdefault("clock", Late())
        if mode == "durable":
            store = SQLiteStore(tmp_path / "store.db", clock=wall)
            router = Router(list(consumers), store=store, **options)
        else:
            router = Router(list(consumers), mode=mode, **options)
        made.append(router)
        return router

    yield start
    for router in made:
        router.close(0)
    if mode == "durable" and made:
        balance_after_restart(tmp_path / "store.db", made)


def send(router, numbers):
    router.send_many(translation(number) for number in numbers)


@pytest.mark.parametrize("jump", [HOURS, -HOURS, YEARS, -YEARS])
def test_row_28_while_delivering(start, server, wall, jump):
    """Delivery goes on at once, each document in one request, and no age is below zero."""
    router = start(consumer("lrs", server.url))
    send(router, range(100))
    server.wait_for(lambda: len(server.stored) == 100)
    until(lambda: not router.stats()["pending"])
    before = len(server.requests)
    wall.offset = jump
    began = time.monotonic()
    send(router, range(100, 200))
    server.wait_for(lambda: len(server.stored) == 200)

    assert time.monotonic() - began < 5
    assert router.flush(PATIENCE)
    sent = [n for request in server.requests[before:] for n in (s["n"] for s in request.statements)]
    assert sorted(sent) == list(range(100, 200))
    in_order(server, range(200))
    assert balance(router)["delivered"] == 200


@JUMPS
def test_row_28_while_waiting_to_retry(start, server, wall, jump):
    """A consumer in trouble is tried neither more often nor less often than before."""
    server.default = respond(503)
    router = start(consumer("lrs", server.url), backoff=0.1, backoff_cap=0.1)
    send(router, range(50))
    server.wait_for(lambda: len(server.requests) >= 2)
    wall.offset = jump
    first, began = len(server.requests), time.monotonic()
    server.wait_for(lambda: len(server.requests) >= first + 8)
    took = time.monotonic() - began

    assert took > 7 * 0.1 * 0.9
    health = router.health()["lrs"]
    assert health["oldest_seconds"] >= 0
    assert 0 <= health["next_try_seconds"] <= 0.1
    assert balance(router)["pending"] == 50
    server.default = behave
    assert router.flush(PATIENCE)
    in_order(server, range(50))
    assert balance(router)["delivered"] == 50


@JUMPS
def test_row_28_retry_after(start, server, wall, jump):
    """A wait that a receiver has asked for ends when it would have ended."""
    server.script.append(respond(429, Retry_After="1"))
    router = start(consumer("lrs", server.url))
    send(router, range(10))
    until(lambda: router.health()["lrs"]["state"] == "retrying")
    began = time.monotonic()
    wall.offset = jump
    server.wait_for(lambda: len(server.stored) == 10)

    assert 0.5 < time.monotonic() - began < 6
    assert router.flush(PATIENCE)
    balance(router)


@pytest.mark.parametrize("jump", [-HOURS, -YEARS])
def test_row_28_nothing_expires_early(start, server, wall, jump):
    """With a limit of age, a clock that is set back makes nothing look old, and none eternal."""
    server.default = respond(503)
    router = start(consumer("lrs", server.url), backoff=0.01, backoff_cap=0.02, max_age=1.0)
    wall.offset = jump
    send(router, range(10))
    wall.offset = 2 * jump
    server.wait_for(lambda: len(server.requests) >= 3)
    assert balance(router)["dead"] == 0
    assert router.flush(PATIENCE)

    assert balance(router)["dead:expired"] == 10


@pytest.mark.parametrize("mode", ["durable"])
@JUMPS
def test_row_28_two_on_one_store(start, server, wall, jump):
    """Whoever has the lease, everything arrives, once in the store of the receiver."""
    first = start(consumer("lrs", server.url), lease=1.0)
    second = start(consumer("lrs", server.url), lease=1.0)
    send(first, range(50))
    server.wait_for(lambda: len(server.stored) == 50)
    wall.offset = jump
    send(second, range(50, 100))
    send(first, range(100, 150))
    server.wait_for(lambda: len(server.stored) == 150)
    wall.offset = 0.0
    send(second, range(150, 200))
    server.wait_for(lambda: len(server.stored) == 200)

    assert first.flush(PATIENCE)
    assert sorted(numbers(server)) == list(range(200))
    assert balance(first) == balance(first)
    assert balance(second)["enqueued"] == 200
    assert balance(first)["delivered"] == 200
    # Each took over from the other a few times at most.
    assert len(server.requests) < 60


@pytest.mark.parametrize("mode", ["durable"])
@JUMPS
def test_row_28_lease_of_one_that_died(start, server, wall, tmp_path, jump):
    """Its lease does not outlive it because of a clock that was set."""
    store = SQLiteStore(tmp_path / "store.db", clock=wall)
    router = start(consumer("lrs", server.url, enabled=False))
    router.close(0)
    assert store.lease("one that died", ["lrs"], 1.5) == {"lrs"}
    wall.offset = jump
    began = time.monotonic()
    router = start(consumer("lrs", server.url), lease=1.5)
    send(router, range(20))
    server.wait_for(lambda: len(server.stored) == 20)

    assert time.monotonic() - began < 8
    assert router.flush(PATIENCE)
    assert balance(router)["delivered"] == 20
    store.close()


@pytest.mark.parametrize("mode", ["durable"])
@pytest.mark.parametrize("jump", [HOURS, -HOURS, YEARS, -YEARS])
def test_row_28_over_a_restart(start, server, wall, jump):
    """What was accepted by another time of day is sent first, and in the order of acceptance."""
    server.default = respond(503)
    router = start(consumer("lrs", server.url))
    send(router, range(30))
    router.close(0)
    wall.offset = jump
    server.default = behave
    router = start(consumer("lrs", server.url))
    send(router, range(30, 60))

    assert router.flush(PATIENCE)
    in_order(server, range(60))
    assert balance(router)["delivered"] == 60


@JUMPS
def test_row_28_reload(mode, server, wall, tmp_path, jump):
    """A file of consumers counts when it is written, whatever time it bears."""
    path = tmp_path / "consumers.json"
    place = {"store": tmp_path / "store.db"} if mode == "durable" else {"mode": mode}
    with serving() as other:
        path.write_text(json.dumps([consumer("lrs", other.url)]))
        router = Router(path, reload=0.05, **place)
        send(router, range(10))
        other.wait_for(lambda: len(other.stored) == 10)
        wall.offset = jump
        path.write_text(json.dumps([consumer("lrs", server.url)]))
        os.utime(path, (max(0.0, time.time()),) * 2)
        began = time.monotonic()
        until(lambda: router.consumers[0].url == server.url)

        assert time.monotonic() - began < 5
        send(router, range(10, 20))
        assert router.flush(PATIENCE)
        in_order(server, range(10, 20))
        balance(router)
        assert router.close(PATIENCE)
