"""What the tests of faults share: a server that goes wrong, and routers of every kind."""

from __future__ import annotations

import pytest
from fault_routes import balance_after_restart
from fault_server import FastClock, serving

from eventkit.base.throttle import Throttle
from eventkit.dead_letters import box as dead_letters
from eventkit.router import Router


@pytest.fixture(autouse=True)
def _fresh_throttle(monkeypatch):
    monkeypatch.setattr(dead_letters, "_throttle", Throttle(dead_letters._log))


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture(params=["buffered", "durable"])
def mode(request):
    return request.param


@pytest.fixture
def make(mode, tmp_path):
    """Make routers that deliver in the background, with or without a store."""
    made = []

    def make(*consumers, **options):
        options.setdefault("clock", FastClock())
        if mode == "durable":
            options.setdefault("store", tmp_path / "store.db")
        else:
            options.setdefault("mode", mode)
        router = Router(list(consumers), **options)
        made.append(router)
        return router

    yield make
    for router in made:
        router.close(0)
    if mode == "durable" and made:
        balance_after_restart(tmp_path / "store.db", made)
