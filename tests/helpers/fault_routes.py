"""What tests of a router send, and how they check that nothing has got lost."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from unittest import mock

from fault_server import PATIENCE, FaultServer

from eventkit.base.json import dumps as encode
from eventkit.stores import SQLiteStore


def consumer(name, url, **more):
    batch = {"max_wait": 0, **more.pop("batch", {})}
    return {"id": name, "protocol": "xapi", "url": url, "batch": batch, **more}


def statement(number, learner=None):
    learner = number % 7 if learner is None else learner
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "actor": {"account": {"name": f"learner-{learner}", "homePage": "https://lms.example.org"}},
        "n": number,
    }


def translation(*numbers, **event):
    return {
        "name": "play_video",
        "protocol": "xapi",
        "documents": [statement(number) for number in numbers],
        "event": {"name": "play_video", "context": {"org_id": "edX"}, **event},
    }


def numbers(server):
    """The numbers of the statements that have arrived, in order of arrival."""
    return [stored["n"] for stored in server.stored.values()]


def balance(router):
    """Check that nothing has got lost, for each consumer and for all; give the counts of all."""
    names = [each.id for each in router.consumers]
    for counts in [router.stats(), *map(router.stats, names)]:
        left = ("delivered", "dead", "dropped", "returned", "pending")
        assert counts["enqueued"] == sum(counts[name] for name in left), counts
    return router.stats()


def until(predicate):
    """Wait until *predicate* is true, else fail."""
    end = time.monotonic() + PATIENCE
    while not predicate():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.005)


@contextmanager
def refusing():
    """Hold a port on which connections are refused, until somebody `listens` on it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held


@contextmanager
def listening(held):
    """Run a server on a port that was `refusing` until now."""
    held.listen()
    with mock.patch.object(socket, "create_server", return_value=held):
        server = FaultServer()
    try:
        yield server
    finally:
        server.stop()


def url_of(held):
    return f"http://127.0.0.1:{held.getsockname()[1]}/xapi"


def bodies(*given):
    """The body of a request with these numbers, as it must be every time."""
    return b"[" + b",".join(encode(statement(number)) for number in given) + b"]"


def sent_unchanged(server):
    """Check that whatever was sent, however often, was sent in the same bytes."""
    for request in server.requests:
        assert request.body == bodies(*(each["n"] for each in request.statements))


def in_order(server, expected):
    """Check that just these numbers arrived, and that those of each learner came in order."""
    arrived = numbers(server)
    assert sorted(arrived) == sorted(expected)
    for learner in range(7):
        own = [number for number in arrived if number % 7 == learner]
        assert own == sorted(own)


def balance_after_restart(path, routers):
    """Check that the store of these routers, which are closed, still has everything."""
    store = SQLiteStore(path)
    for name in {each.id for router in routers for each in router.consumers}:
        counts = store.counts(name)
        left = ("delivered", "dead", "dropped", "pending")
        assert counts["enqueued"] == sum(counts[key] for key in left), (name, counts)
    store.close()
