"""The router with a store: what was accepted survives the process."""

from __future__ import annotations

import json
import logging

import fault_server
import pytest
from fault_routes import balance, consumer, numbers, statement, translation, until
from fault_server import PATIENCE, FastClock, respond, serving, unused_port

from eventkit import EventRoutingBackend
from eventkit.exceptions import ConfigurationError, DeliveryError, StoreError
from eventkit.router import Router
from eventkit.router.keeper import Keeper
from eventkit.stores import SQLiteStore


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def make(path):
    made = []

    def make(*consumers, **options):
        options = {"store": path, "clock": FastClock(), "lease": 0.5, **options}
        router = Router(list(consumers), **options)
        made.append(router)
        return router

    yield make
    for router in made:
        router.close(0)


class TestConstructor:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"store": 5}, "store: expected the path of a file, or a store .* got int"),
            ({"store": "x.db", "mode": "buffered"}, "mode: with a store it is 'durable'"),
            ({"store": "x.db", "mode": "direct"}, "mode: with a store it is 'durable'"),
            ({"max_age": 0}, "max_age: expected a number of seconds above 0"),
            ({"reload": -1}, "reload: expected a number of seconds above 0"),
            ({"lease": 0}, "lease: expected a number of seconds above 0"),
            ({"keep_events": "yes"}, "keep_events: expected true or false"),
        ],
    )
    def test_wrong_option(self, options, message):
        with pytest.raises(ConfigurationError, match=message):
            Router([], **options)

    def test_mode(self, make):
        assert make().mode == "durable"


class TestDelivery:
    def test_arrives_in_order(self, make, server):
        router = make(consumer("lrs", server.url))
        for start in range(0, 1000, 50):
            router.send_many(translation(number) for number in range(start, start + 50))

        assert router.flush(PATIENCE)
        assert numbers(server) == list(range(1000))
        counts = balance(router)
        assert (counts["enqueued"], counts["delivered"], counts["routed"]) == (1000, 1000, 1000)

    def test_closed_at_once(self, make, server, monkeypatch):
        """What was just sent arrives, also where no thread has looked after the router yet."""
        monkeypatch.setattr(Keeper, "ensure", lambda _: None)
        router = make(consumer("lrs", server.url), clock=None)
        router.send(translation(1))

        assert router.close(PATIENCE)
        assert numbers(server) == [1]

    def test_each_gets_its_own(self, make, server):
        """Rules, overrides and protocols are those of each consumer."""
        with serving(default=fault_server.caliper()) as endpoint, serving() as second:
            router = make(
                consumer("plain", server.url),
                consumer("changed", second.url, override={"more": 1}, allow=[{"org": "MITx"}]),
                consumer("other", endpoint.url, protocol="caliper"),
            )
            router.send(translation(1))
            router.send(translation(2, context={"org_id": "MITx"}))
            event = {"id": "urn:uuid:x", "edApp": "https://lms.example.org", "extensions": {"n": 1}}
            router.send({**translation(), "protocol": "caliper", "documents": [event]})
            assert router.flush(PATIENCE)

            requests = [*server.requests, *second.requests]
            sent = [each for request in requests for each in request.statements]
            assert sorted(each["n"] for each in sent if "more" not in each) == [1, 2]
            assert [each["n"] for each in sent if "more" in each] == [2]
            assert [event] == list(endpoint.stored.values())
        assert {
            name: router.stats(name)["delivered"] for name in ("plain", "changed", "other")
        } == {
            "plain": 2,
            "changed": 1,
            "other": 1,
        }
        balance(router)

    def test_waits_for_company(self, make, server):
        router = make(consumer("lrs", server.url, batch={"max_wait": 0.4}), clock=None)
        for number in range(30):
            router.send(translation(number))
        server.wait_for(lambda: len(server.stored) == 30)

        assert len(server.requests) < 6

    def test_events_of_nobody(self, make, server):
        """What no consumer may have is counted, and not stored."""
        router = make(consumer("lrs", server.url, allow=[{"org": "MITx"}]))
        router.send(translation(1))
        router.send({**translation(2), "documents": []})

        assert router.stats()["unwanted"] == 2
        assert router.stats()["enqueued"] == 0

    def test_not_json(self, make, server):
        """A document that cannot be written is a dead letter; its neighbours arrive."""
        router = make(consumer("lrs", server.url))
        bad = {**statement(2), "x": float("nan")}
        router.send({**translation(1), "documents": [statement(1), bad, statement(3)]})

        assert router.flush(PATIENCE)
        assert numbers(server) == [1, 3]
        counts = balance(router)
        assert (counts["dead:not_json"], counts["enqueued"]) == (1, 3)
        assert [letter.reason for letter in router.dead_letters] == ["not_json"]

    def test_no_translation(self, make, server):
        """All or nothing: with one that is none nothing of the call is stored."""
        router = make(consumer("lrs", server.url))
        with pytest.raises(TypeError, match="translations only"):
            router.send_many([translation(1), {"name": "x", "username": "alice"}])

        assert router.stats()["enqueued"] == 0

    def test_deliver_goes_past_the_store(self, make, server):
        router = make(consumer("lrs", server.url))
        router.deliver(router.route(translation(1)))

        assert numbers(server) == [1]


class TestRestart:
    def test_what_was_accepted_arrives(self, make, server):
        """Another router on the same store goes on where the first one ended."""
        server.default = respond(503)
        first = make(consumer("lrs", server.url))
        first.send_many(translation(number) for number in range(300))
        server.wait_for(lambda: server.requests)
        assert not first.close(1)
        assert first.stats()["pending"] == 300
        bodies = [request.body for request in server.requests]
        server.default = fault_server.behave
        second = make(consumer("lrs", server.url))

        assert second.flush(PATIENCE)
        assert numbers(server) == list(range(300))
        # What is sent again is the same to the byte.
        first_body = json.dumps(statement(0), separators=(",", ":")).encode()
        assert all(first_body in body for body in [bodies[0], server.requests[len(bodies)].body])
        assert balance(second)["delivered"] == 300

    def test_two_at_once(self, make, server):
        """One has the lease, the other takes over when it goes; nothing is sent twice."""
        first = make(consumer("lrs", server.url))
        second = make(consumer("lrs", server.url))
        first.send_many(translation(number) for number in range(100))
        second.send_many(translation(number) for number in range(100, 200))
        assert second.flush(PATIENCE)
        first.close(PATIENCE)
        second.send_many(translation(number) for number in range(200, 300))

        assert second.flush(PATIENCE)
        sent = [each["n"] for request in server.requests for each in request.statements]
        assert sorted(sent) == list(range(300))
        assert balance(second)["delivered"] == 300

    def test_news_of_another_process_are_noticed(self, make, server, path):
        """What somebody else puts in the store is sent without being told."""
        make(consumer("lrs", server.url))
        quiet = Router([consumer("lrs", server.url)], store=SQLiteStore(path), lease=0.001)
        quiet._keeper.stop(1)
        quiet.send(translation(7))

        server.wait_for(lambda: server.stored)
        quiet.close(0)


class TestDeadLetters:
    def test_lie_in_the_store(self, make, server):
        """With the original event, the answer, and the reason; over a restart."""
        server.rule = lambda request: (400, b"no good") if request.statements[0]["n"] == 2 else None
        router = make(consumer("lrs", server.url, batch={"max_size": 1}))
        router.send_many(translation(number, username="alice") for number in range(4))
        assert router.flush(PATIENCE)
        router.close(PATIENCE)

        letters = list(make(consumer("lrs", server.url)).dead_letters)
        assert [(letter.consumer, letter.reason) for letter in letters] == [("lrs", "http_400")]
        assert letters[0].documents == [statement(2)]
        assert letters[0].event == translation(username="alice")["event"]
        assert (letters[0].response, letters[0].status) == ("no good", 400)
        assert numbers(server) == [0, 1, 3]

    def test_sink(self, make, server, tmp_path):
        """A sink gets them instead; should it fail they are in the store."""
        taken = []

        def sink(letter):
            if letter.documents[0]["n"] == 1:
                raise RuntimeError("full")
            taken.append(letter.documents[0]["n"])

        server.default = respond(400)
        router = make(consumer("lrs", server.url), dead_letters=sink)
        router.send(translation(0, 1, 2))
        assert router.flush(PATIENCE)

        assert taken == [0, 2]
        assert [letter.documents[0]["n"] for letter in router.store.dead_letters] == [1]
        assert balance(router)["dead"] == 3

    def test_closing_makes_none(self, make, server):
        router = make(consumer("lrs", f"http://127.0.0.1:{unused_port()}/xapi"))
        router.send(translation(1))

        assert not router.close(0.05)
        assert not list(router.dead_letters)
        assert router.stats()["pending"] == 1


class TestRules:
    def test_stricter_rules(self, make, server):
        """What waits and may no longer be had is not sent."""
        server.default = respond(503)
        router = make(consumer("lrs", server.url))
        router.send_many(
            translation(number, context={"org_id": "edX" if number % 2 else "MITx"})
            for number in range(100)
        )
        router.close(1)
        sent = len(server.requests)
        server.default = fault_server.behave
        router = make(consumer("lrs", server.url, deny=[{"org": "MITx"}]))

        assert router.flush(PATIENCE)
        assert numbers(server) == list(range(1, 100, 2))
        assert all(each["n"] % 2 for r in server.requests[sent:] for each in r.statements)
        assert balance(router)["dropped:denied"] == 50

    def test_without_events(self, make, server):
        """Without the event nobody can tell: dead letters, nothing is sent."""
        server.default = respond(503)
        router = make(consumer("lrs", server.url), keep_events=False)
        router.send(translation(1))
        router.close(1)
        server.default = fault_server.behave
        router = make(consumer("lrs", server.url, deny=[{"org": "MITx"}]), keep_events=False)

        assert router.flush(PATIENCE)
        assert not server.stored
        assert balance(router)["dead:rules_changed"] == 1

    def test_another_protocol(self, make, server):
        """Documents of the old protocol stay where they are, for who has that protocol."""
        server.default = respond(503)
        router = make(consumer("lrs", server.url))
        router.send(translation(1))
        router.close(1)
        router = make(consumer("lrs", server.url, protocol="caliper"))

        assert router.flush(PATIENCE)
        assert not [each for each in server.requests if b"Envelope" in each.body]
        assert balance(router)["pending"] == 1
        assert list(router.health()["lrs"]["held"].values()) == [1]


class TestStoreInTrouble:
    def test_full(self, make, server, path):
        """Who sends is told, nothing of the call is stored, and it goes on when there is room."""
        server.default = respond(503)
        store = SQLiteStore(path, max_bytes=1_000_000)
        router = make(consumer("lrs", server.url), store=store)
        sent = 0

        def fill():
            nonlocal sent
            for _ in range(1000):
                router.send_many(translation(sent + number) for number in range(20))
                sent += 20

        with pytest.raises(DeliveryError, match="full") as caught:
            fill()
        assert caught.value.retryable
        assert router.stats()["pending"] == sent
        server.default = fault_server.behave
        assert router.flush(PATIENCE)

        router.send(translation(sent))
        assert router.flush(PATIENCE)
        assert numbers(server) == list(range(sent + 1))
        balance(router)

    def test_full_behind_a_backend(self, make, server, path):
        """The runner learns of it and tries again."""
        server.default = respond(503)
        store = SQLiteStore(path, max_bytes=1_000_000)
        router = make(consumer("lrs", server.url), store=store)
        backend = EventRoutingBackend(
            processors=[lambda event: translation(event["n"])], backends={"router": router}
        )
        with pytest.raises(DeliveryError) as caught:
            backend.send_many({"name": "x", "n": number} for number in range(10_000))

        assert caught.value.retryable

    def test_fails_for_a_moment(self, make, server, caplog, monkeypatch):
        """A store that cannot be read or written for a moment is asked again."""
        from eventkit.router import feed as _feed

        monkeypatch.setattr(_feed, "RETRY", 0.01)
        router = make(consumer("lrs", server.url))
        failures = iter([True] * 6)
        for name in ("take", "settle"):
            whole = getattr(router.store, name)

            def flaky(*args, _whole=whole, **options):
                if next(failures, False):
                    raise StoreError("the disk is away")
                return _whole(*args, **options)

            monkeypatch.setattr(router.store, name, flaky)
        with caplog.at_level(logging.WARNING):
            router.send_many(translation(number) for number in range(100))
            until(lambda: router.stats()["delivered"] == 100)

        assert numbers(server) == list(range(100))
        assert "the disk is away" in caplog.text
        balance(router)

    def test_cannot_be_asked(self, make, server, monkeypatch):
        """Closing and looking at the health do not fail with the store."""
        router = make(consumer("lrs", server.url))

        def away(*_):
            raise StoreError("the disk is away")

        for name in ("oldest", "counts"):
            monkeypatch.setattr(router.store, name, away)

        health = router.health()["lrs"]
        assert (health["reason"], "the disk is away" in health["detail"]) == ("store", True)
        assert not router.flush(0.05)
        assert not router.close(0.05)
