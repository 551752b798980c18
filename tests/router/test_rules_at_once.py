"""What changes about a consumer holds from its next request on, whatever is under way."""

from __future__ import annotations

import contextlib
import json
import threading

import pytest
from fault_routes import balance, numbers, statement, until
from fault_routes import consumer as any_consumer
from fault_server import PATIENCE, respond, serving

from eventkit.exceptions import DeliveryError
from eventkit.router import Router

NEVER = 3600


def consumer(name, url, size=30, **more):
    return any_consumer(name, url, batch={"max_wait": NEVER, "max_size": size}, **more)


class File:
    """Consumers in a file that is looked at before each request."""

    reload = NEVER

    def __init__(self, folder):
        self.given = folder / "consumers.json"

    def set(self, *consumers):
        fresh = self.given.with_suffix(".new")
        fresh.write_text(json.dumps(list(consumers)))
        fresh.replace(self.given)


class Registry:
    """Consumers in a table that is asked when it is time, which here it always is."""

    reload = 1e-9

    def __init__(self, folder):
        self.given = self
        self.now = ()

    def set(self, *consumers):
        self.now = consumers

    def consumers(self):
        return self.now


@pytest.fixture(params=[File, Registry])
def source(request, tmp_path):
    return request.param(tmp_path)


@pytest.fixture(params=["direct", "buffered", "durable"])
def start(request, tmp_path):
    """Start a router in each mode, and send to it until it has had enough."""
    made = []

    def start(source, **options):
        if request.param == "durable":
            options["store"] = tmp_path / "store.db"
        else:
            options["mode"] = request.param
        options |= {"backoff": 0.01, "backoff_cap": 0.02}
        router = Router(source.given, reload=source.reload, **options)
        made.append(router)
        return router

    yield start
    for router in made:
        router.close(0)


def translations(count):
    """Every third is of an organisation that will be denied."""
    for number in range(count):
        org = "secretX" if number % 3 == 0 else "edX"
        event = {"name": "play_video", "context": {"org_id": org}}
        yield {
            "name": "play_video",
            "protocol": "xapi",
            "documents": [statement(number)],
            "event": event,
        }


def settle(router, given):
    """Send, and again what a direct router gives back, until nothing is left to do."""
    given = list(given)
    if router.mode != "direct":
        router.send_many(given)
        assert router.flush(PATIENCE)
        return
    deliveries = [each for one in given for each in router.route(one, with_event=True)]
    for _ in range(5):
        with contextlib.suppress(DeliveryError):
            router.deliver(deliveries)
            return
    raise AssertionError("it never takes them")


class Changing:
    """Does something while the first request is under way, and answers as told."""

    def __init__(self, server, first, change, *, refuses=True):
        self.refuses = refuses
        self.real, self.first, self.change, self.seen = server.default, first, change, 0
        server.default = self

    def __call__(self, server, connection, request):
        self.seen += 1
        if self.seen == 1:
            self.change()
        if self.seen == 1 or (self.refuses and len(request.statements) > 10):
            return self.first(server, connection, request)
        return self.real(server, connection, request)


@pytest.mark.parametrize("status", [400, 413, 422, 503])
def test_stricter_rules(start, source, status):
    """No request after the change holds what is denied: no half, no retry, no smaller batch."""
    with serving() as server:
        source.set(consumer("lrs", server.url, 90))
        strict = consumer("lrs", server.url, 90, deny=[{"org": "secretX"}])
        Changing(server, respond(status), lambda: source.set(strict), refuses=status < 500)
        router = start(source)
        settle(router, translations(90))

        first, *later = [each.statements for each in server.requests if each.method == "POST"]
        assert {each["n"] % 3 for each in first} >= {0}
        assert later
        assert {each["n"] % 3 for request in later for each in request} == {1, 2}
        assert sorted(numbers(server)) == [n for n in range(90) if n % 3]
        counts = router.stats()
        assert counts["dropped:denied"] == 30
        assert counts["pending"] == 0


@pytest.mark.parametrize("answer", [respond(400), respond(503)])
@pytest.mark.parametrize("change", ["disabled", "removed"])
def test_consumer_that_is_shut(start, source, answer, change):
    """Nothing more is sent: what is left waits or, where nobody can wait, is a dead letter."""
    with serving() as server, serving() as other:
        fine = consumer("other", other.url)
        after = [consumer("lrs", server.url, enabled=False)] if change == "disabled" else []
        source.set(consumer("lrs", server.url), fine)
        Changing(server, answer, lambda: source.set(*after, fine))
        router = start(source)
        if router.mode == "direct":
            settle(router, translations(30))
            counts = router.stats("lrs") if change == "disabled" else router.stats()
            reason = "disabled" if change == "disabled" else "unknown_consumer"
            gone = counts.get(f"dead:{reason}", 0) + counts["returned"]
            assert gone >= 30
        else:
            router.send_many(translations(30))
            until(lambda: router.health()["lrs"]["state"] == change)
            until(lambda: router.stats()["delivered"] == 30)
            assert router.stats()["pending"] == 30
        assert [30] == [len(each.statements) for each in server.requests]
        assert sorted(numbers(other)) == list(range(30))


def test_consumer_that_speaks_another_protocol(start, source):
    """Statements are not sent to what has become a Caliper endpoint: they wait, if anybody can."""
    with serving() as server:
        source.set(consumer("lrs", server.url))
        caliper = consumer("lrs", server.url, protocol="caliper", sensor="https://lms.example.org")
        Changing(server, respond(400), lambda: source.set(caliper))
        router = start(source)
        if router.mode == "direct":
            settle(router, translations(30))
            assert router.stats()["dead:wrong_protocol"] == 30
        else:
            router.send_many(translations(30))
            until(lambda: router.health()["lrs"].get("held"))
            assert router.flush(PATIENCE)
            assert balance(router)["pending"] == 30
        assert [30] == [len(each.statements) for each in server.requests if each.method == "POST"]


def test_while_somebody_asks_the_registry(tmp_path):
    """A request waits for the answer, instead of going by the rules of before."""
    with serving() as server:
        source = Registry(tmp_path)
        source.set(consumer("lrs", server.url))
        router = Router(source, reload=source.reload)
        deliveries = [
            each for one in translations(3) for each in router.route(one, with_event=True)
        ]
        source.set(consumer("lrs", server.url, deny=[{"org": "secretX"}]))
        asked, answer = threading.Event(), threading.Event()

        def consumers():
            asked.set()
            assert answer.wait(PATIENCE)
            return source.now

        source.consumers = consumers
        asking = threading.Thread(target=router.reload)
        delivering = threading.Thread(target=router.deliver, args=(deliveries,))
        asking.start()
        assert asked.wait(PATIENCE)
        delivering.start()
        delivering.join(0.3)
        answer.set()
        delivering.join(PATIENCE)
        asking.join(PATIENCE)

        assert sorted(numbers(server)) == [1, 2]
        assert router.stats()["dropped:denied"] == 1


def test_between_routing_and_queueing(tmp_path, monkeypatch):
    """What was routed by the rules of before is looked at again before it leaves."""
    with serving() as server:
        source = File(tmp_path)
        source.set(consumer("lrs", server.url))
        router = Router(source.given, mode="buffered", reload=NEVER)
        real = router._write

        def write(*args, **options):
            source.set(consumer("lrs", server.url, deny=[{"org": "secretX"}]))
            router.reload()
            return real(*args, **options)

        monkeypatch.setattr(router, "_write", write)
        settle(router, translations(9))
        router.close(0)

        assert sorted(numbers(server)) == [1, 2, 4, 5, 7, 8]
        assert router.stats()["dropped:denied"] == 3


def test_broken_file_stops_nothing(tmp_path, caplog):
    """A file that cannot be read leaves the rules as they were, and is told of once."""
    with serving() as server:
        source = File(tmp_path)
        source.set(consumer("lrs", server.url))
        Changing(server, respond(413), lambda: source.given.write_text("["))
        router = Router(source.given, reload=NEVER)
        router.send_many(translations(30))

        assert sorted(numbers(server)) == list(range(30))
        assert router.stats()["reload_failed"] == 1
        assert caplog.text.count("cannot be reloaded") == 1
