"""Consumers to which nothing is sent: paused by a setting, or gone (410). Nothing is lost."""

from __future__ import annotations

import json

import pytest
from fault_routes import balance, consumer, numbers, translation, until
from fault_server import FastClock, respond, serving

from eventkit.consumers import Consumer
from eventkit.dead_letters import DeadLetter
from eventkit.exceptions import DeliveryError
from eventkit.instrumentation import add_hook
from eventkit.instrumentation.health import read
from eventkit.router import Router, check_consumer, replay, try_consumer
from eventkit.stores import SQLiteStore
from eventkit.transports import Verdict, make_transport
from eventkit.transports.transport import Document

BACKGROUND = ("buffered", "durable")
MODES = ("direct", *BACKGROUND)
GONE = respond(410, b"this LRS was shut down in May")


class Table:
    def __init__(self, *consumers):
        self.settings = list(consumers)

    def consumers(self):
        return self.settings


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def make(tmp_path):
    made = []

    def make(consumers, mode, **options):
        options = {"clock": FastClock(), **options}
        if mode == "durable":
            options |= {"store": tmp_path / "store.db", "lease": 0.5}
        elif mode == "buffered":
            options["mode"] = "buffered"
        router = Router(consumers, **options)
        made.append(router)
        return router

    yield make
    for router in made:
        router.close(0)


class TestPaused:
    @pytest.mark.parametrize("mode", BACKGROUND)
    def test_waits_and_then_goes_in_order(self, server, make, mode):
        """Neither time nor trouble: nothing grows too old meanwhile."""
        clock = FastClock()
        table = Table(consumer("lrs", server.url, paused=True), consumer("other", server.url))
        router = make(table, mode, max_age=100, clock=clock)
        for number in range(30):
            router.send(translation(number))
        until(lambda: router.stats("other")["delivered"] == 30)
        server.requests.clear()
        clock._ahead += 1000
        health = router.health()["lrs"]

        assert ("paused", "setting", 30) == (health["state"], health["reason"], health["pending"])
        assert "paused: false" in health["detail"]
        assert health["next_try_seconds"] is None
        assert json.loads(json.dumps(health)) == health
        assert not router.flush(0.05)
        server.script.extend([respond(503)] * 3)
        table.settings[0] = consumer("lrs", server.url)
        router.reload()
        assert router.flush(30)
        assert [n for r in server.requests[-1:] for n in [s["n"] for s in r.statements]][-1] == 29
        assert router.health()["lrs"]["state"] == "ok"
        counts = balance(router)
        assert (60, 0) == (counts["delivered"], counts["dead"])

    @pytest.mark.parametrize("mode", BACKGROUND)
    def test_while_it_runs(self, server, make, mode):
        """From the next request on, and again back: each arrives once."""
        table = Table(consumer("lrs", server.url))
        router = make(table, mode)
        total = 0
        for is_paused in (False, True, False, True, True, False):
            table.settings = [consumer("lrs", server.url, paused=is_paused)]
            router.reload()
            before = len(server.stored)
            for _ in range(5):
                router.send(translation(total))
                total += 1
            if is_paused:
                assert not router.flush(0.02)
                assert len(server.stored) == before
            else:
                assert router.flush(30)

        assert numbers(server) == list(range(total))

    def test_direct(self, server, make):
        """The caller keeps it, and is told by whom and for how long."""
        table = Table(consumer("lrs", server.url, paused=True), consumer("other", server.url))
        router = make(table, "direct", pause=7)
        with pytest.raises(DeliveryError, match="consumer lrs: it is paused by its set") as raised:
            router.send(translation(1))

        assert (True, 7, "lrs") == (
            raised.value.retryable,
            raised.value.retry_after,
            raised.value.consumer,
        )
        assert numbers(server) == [1]
        assert router.stats("lrs")["returned"] == 1
        assert router.stats()["dead"] == 0
        assert "last_error" not in router.health()["lrs"]
        table.settings[0] = consumer("lrs", server.url)
        router.reload()
        router.send(translation(2))
        assert len(server.requests) == 3

    def test_in_the_middle_of_a_call(self, server, make):
        """What has not gone by then does not go; the caller learns that."""
        table = Table(consumer("lrs", server.url, batch={"max_size": 1}))
        router = make(table, "direct")

        def pause(request):
            table.settings = [consumer("lrs", server.url, paused=True, batch={"max_size": 1})]
            router.reload()

        server.rule = pause
        with pytest.raises(DeliveryError, match="paused by its setting"):
            router.send(translation(1, 2, 3))
        assert numbers(server) == [1]

    def test_a_queue_that_is_full_is_full(self, server, make):
        letters = []
        router = make(
            [consumer("lrs", server.url, paused=True)],
            "buffered",
            queue_size=2,
            dead_letters=letters.append,
        )
        for number in range(3):
            router.send(translation(number))
        router.close(0)

        assert [letter.reason for letter in letters] == ["queue_full", "closed", "closed"]
        balance(router)

    def test_another_process_goes_on(self, server, make):
        """What waits in a store is sent by whoever has a router that may."""
        paused = make([consumer("lrs", server.url, paused=True)], "durable")
        paused.send(translation(1, 2))
        assert not paused.close(0)
        router = make([consumer("lrs", server.url)], "durable")

        assert router.flush(30)
        assert numbers(server) == [1, 2]

    def test_is_neither_up_nor_down(self, server, make):
        """Monitoring does not cry for what somebody wants; a wrong password is another matter."""
        server.default = respond(401)
        router = make(
            [consumer("wanted", server.url, paused=True), consumer("lrs", server.url)], "direct"
        )
        with pytest.raises(DeliveryError):
            router.send(translation(1))
        found = read([router])

        assert {name: each.state for name, each in found.items()} == dict.fromkeys(found, "paused")
        assert (None, False) == (found["wanted"].is_up, found["lrs"].is_up)

    def test_hooks_are_told(self, server, make):
        table, told = Table(consumer("lrs", server.url)), []
        router = make(table, "direct")
        remove = add_hook(lambda each: told.append(each.reason) if each.what == "state" else None)
        try:
            for is_paused in (True, True, False):
                table.settings = [consumer("lrs", server.url, paused=is_paused)]
                router.reload()
        finally:
            remove()

        assert told == ["paused", "ok"]

    def test_dead_letters_stay(self, server):
        letters = [letter(1), letter(2)]
        report = replay(Box(letters), [consumer("lrs", server.url, paused=True)], lambda _: True)

        assert report.kept == {"paused": 2}
        assert server.requests == []

    def test_checking(self, server):
        """Questions may be asked; a test document is not sent."""
        paused = Consumer.from_dict(consumer("lrs", server.url, paused=True))

        assert check_consumer(paused).ok
        tried = try_consumer(paused)
        assert not tried.ok
        assert "paused by its setting" in tried.detail
        assert {"GET"} == {request.method for request in server.requests}

    @pytest.mark.parametrize("value", ["yes", 1, None, "true"])
    def test_wrong_value(self, server, value):
        with pytest.raises(Exception, match=r"paused: .*expected true or false|paused: nothing"):
            Consumer.from_dict(consumer("lrs", server.url, paused=value))


class Box(list):
    def remove(self, ids):
        raise AssertionError(f"{ids} were taken away")


def letter(number):
    return DeadLetter(
        consumer="lrs",
        protocol="xapi",
        reason="http_400",
        documents=translation(number)["documents"],
        event=translation(number)["event"],
    )


class TestGone:
    @pytest.mark.parametrize("mode", BACKGROUND)
    def test_nothing_is_tried_any_more_and_nothing_is_lost(self, server, make, mode):
        """Not after a minute, not for more events, not when others change, not when it is old."""
        clock = FastClock()
        server.default = GONE
        table = Table(consumer("lrs", server.url))
        router = make(table, mode, max_age=100, clock=clock, pause=0.01)
        router.send(translation(1))
        until(lambda: router.health()["lrs"]["state"] == "gone")
        for number in range(2, 40):
            router.send(translation(number))
        clock._ahead += 1000
        table.settings.append(consumer("other", "log:eventkit.nobody", deny=[{"org": "edX"}]))
        router.reload()
        assert not router.flush(0.1)
        health = router.health()["lrs"]

        assert len(server.requests) == 1
        assert (39, "gone", 410) == (health["pending"], health["reason"], health["status"])
        assert "this LRS was shut down in May" == health["response"]
        assert "nothing is sent until a setting" in health["detail"]
        assert "this LRS was shut down in May" == health["last_error"]["response"]
        assert json.loads(json.dumps(health)) == health
        assert read([router])["lrs"].is_up is False
        counts = balance(router)
        assert (0, 0) == (counts["dead"], counts["dropped"])
        # Back again, after a while in which it still does not go well.
        server.default = respond(503)
        server.script.clear()
        table.settings[0] = consumer("lrs", server.url, timeout=9)
        router.reload()
        server.wait_for(lambda: len(server.requests) >= 3)
        server.default = serving_again
        assert router.flush(30)
        assert numbers(server) == list(range(1, 40))
        assert router.stats()["dead"] == 0

    def test_after_a_restart_it_is_asked_once(self, server, make):
        server.default = GONE
        for asked in (1, 2):
            router = make([consumer("lrs", server.url)], "durable")
            router.send(translation(asked))
            until(lambda: router.health()["lrs"]["state"] == "gone")  # noqa: B023
            assert not router.close(0)
            assert len(server.requests) == asked
        server.default = serving_again
        router = make([consumer("lrs", server.url)], "durable")

        assert router.flush(30)
        assert numbers(server) == [1, 2]

    def test_direct(self, server, make):
        """Who calls is told each time, and keeps it; the receiver is asked once."""
        server.default = GONE
        table = Table(consumer("lrs", server.url))
        router = make(table, "direct", pause=7)
        for _ in range(3):
            with pytest.raises(DeliveryError, match=r"consumer lrs: HTTP 410 .* no more") as raised:
                router.send(translation(1, 2))
            assert (True, 7, "lrs") == (
                raised.value.retryable,
                raised.value.retry_after,
                raised.value.consumer,
            )
        assert len(server.requests) == 1
        assert ("gone", 0) == (router.health()["lrs"]["state"], router.stats()["dead"])
        server.default = serving_again
        table.settings = [consumer("lrs", server.url, timeout=9)]
        router.reload()
        router.send(translation(1, 2))
        assert router.health()["lrs"]["state"] == "ok"

    def test_in_the_middle_of_a_batch(self, server, make):
        """What has arrived has, what is refused is a letter, and the rest waits."""
        letters = []
        refusal = respond(400, b"bad")
        server.script.extend([refusal, serving_again, GONE])
        router = make([consumer("lrs", server.url)], "direct", dead_letters=letters.append)
        with pytest.raises(DeliveryError, match="410"):
            router.send(translation(1, 2, 3, 4))

        assert numbers(server) == [1, 2]
        assert not letters
        assert (2, 2) == (router.stats()["delivered"], router.stats()["returned"])

    def test_while_a_conflict_is_sorted_out(self, server, make):
        """A question that meets 410 says nothing about the receiver: that statement may be gone."""
        server.stored["00000000-0000-4000-8000-000000000001"] = {"id": "another", "n": 9}
        server.script.extend([serving_again, GONE])
        letters = []
        router = make([consumer("lrs", server.url)], "direct", dead_letters=letters.append)
        router.send(translation(1))

        assert [each.reason for each in letters] == ["conflict"]

    def test_what_a_caliper_endpoint_answers(self, server):
        """As to an envelope; that its configuration is gone says nothing."""
        settings = {"id": "x", "protocol": "caliper", "url": server.url, "sensor": "https://a.b"}
        transport = make_transport(Consumer.from_dict(settings))
        server.script.extend([GONE, GONE])
        document = Document(name="x", body=b'{"id":"urn:uuid:1"}')

        assert transport.prepare([document]) is None
        assert transport.send([document]).verdict is Verdict.GONE

    def test_replaying_leaves_letters_as_they_are(self, server, tmp_path):
        server.default = GONE
        store = SQLiteStore(tmp_path / "letters.db")
        for number in range(300):
            store.dead_letters(letter(number))
        report = replay(store.dead_letters, [consumer("lrs", server.url)], lambda _: True)

        assert report.kept == {"in_trouble": 300}
        assert len(server.requests) == 1
        assert "410" in report.notes[0]
        assert "there no more" in report.notes[0]
        assert len(store.dead_letters) == 300
        assert {each.reason for each in store.dead_letters} == {"http_400"}

    def test_checking_says_so(self, server):
        server.default = GONE
        here = Consumer.from_dict(consumer("lrs", server.url))

        assert "there no more" in check_consumer(here).detail
        assert "there no more" in try_consumer(here).detail


def serving_again(server, connection, request):
    status, body = server.decide(request)
    return respond(status, body)(server, connection, request)
