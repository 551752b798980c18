"""The router: who may have what, and delivery in the caller's thread."""

from __future__ import annotations

import copy
import json
import logging
import threading

import fault_server
import pytest
from fault_server import respond, serving, unused_port

from eventkit import EventRoutingBackend
from eventkit.base.throttle import Throttle
from eventkit.dead_letters import box as dead_letters
from eventkit.exceptions import ConfigurationError, DeliveryError
from eventkit.router import Router

TOKEN = "tok-en-1234567"


@pytest.fixture(autouse=True)
def _fresh_throttle(monkeypatch):
    monkeypatch.setattr(dead_letters, "_throttle", Throttle(dead_letters._log))


@pytest.fixture
def server():
    with serving() as server:
        yield server


def statement(number):
    return {"id": f"id-{number:04}", "actor": {"name": "learner-17"}, "n": number}


def translation(*numbers, **changes):
    return {
        "name": "play_video",
        "protocol": "xapi",
        "documents": [statement(number) for number in numbers],
        "event": {"name": "play_video", "context": {"org_id": "edX"}, "username": "alice"},
    } | changes


def settings(name, url, **more):
    return {"id": name, "protocol": "xapi", "url": url, **more}


def balance(router):
    """Check that nothing has got lost, for each consumer and for all; give the counts of all."""
    for counts in [router.stats(), *(router.stats(consumer.id) for consumer in router.consumers)]:
        left = ("delivered", "dead", "returned", "pending")
        assert counts["enqueued"] == sum(counts[name] for name in left), counts
        assert counts["dead"] == sum(
            number for name, number in counts.items() if name.startswith("dead:")
        )
    return router.stats()


class TestConstructor:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"mode": "durable"}, "mode: 'durable' needs a store"),
            ({"queue_size": 0}, "queue_size: expected a whole number above 0, got 0"),
            ({"queue_size": 2.5}, "queue_size"),
            ({"queue_bytes": True}, "queue_bytes"),
            ({"backoff": "1"}, "backoff: expected a number of seconds above 0, got '1'"),
            ({"backoff_cap": float("nan")}, "backoff_cap"),
            ({"retry_after_cap": -1}, "retry_after_cap"),
            ({"pause": None}, "pause"),
            ({"trust_env": 1}, "trust_env: expected true or false"),
            ({"dead_letters": 5}, "dead_letters: expected a callable"),
        ],
    )
    def test_wrong_option(self, options, message):
        """A wrong option stops the boot, and says which and why."""
        with pytest.raises(ConfigurationError, match=message):
            Router([], **options)

    def test_no_way_to_a_consumer(self):
        """A consumer without transport is refused, unless it is not used."""
        wrong = settings("lrs", "gopher://x.example")

        with pytest.raises(ConfigurationError, match="consumer 'lrs': url: xapi cannot be sent"):
            Router([wrong])
        Router([{**wrong, "enabled": False}])

    def test_from_a_file(self, tmp_path, server):
        """Consumers may come from a file."""
        (tmp_path / "c.json").write_text(json.dumps([settings("lrs", server.url)]))

        assert ["lrs"] == [one.id for one in Router(str(tmp_path / "c.json")).consumers]


class TestRoute:
    def test_access_rules(self):
        """Each enabled consumer of the protocol gets what its rules let it have."""
        router = Router(
            [
                settings("all", "log:x"),
                settings("edx", "log:x", allow=[{"org": "edX"}]),
                settings("mit", "log:x", allow=[{"org": "MITx"}]),
                settings("denied", "log:x", deny=[{"event": "play_*"}]),
                settings("off", "log:x", enabled=False),
                {**settings("caliper", "log:x"), "protocol": "caliper"},
            ]
        )

        routed = router.route(translation(1, 2))

        assert ["all", "edx"] == [delivery["consumer"] for delivery in routed]
        assert routed[0] == {
            "consumer": "all",
            "owner": "xapi log:x",
            "protocol": "xapi",
            "name": "play_video",
            "documents": [statement(1), statement(2)],
        }
        (only,) = router.route(translation(1, protocol="caliper"))
        assert only["consumer"] == "caliper"

    def test_is_pure_and_json(self):
        """Routing changes nothing, and what it gives fits a task queue, without the event."""
        given = translation(1)
        before = copy.deepcopy(given)
        router = Router([settings("a", "log:x", override={"actor": {"name": "x"}})])
        routed = router.route(given)

        assert given == before
        assert routed == json.loads(json.dumps(routed)) == router.route(given)
        assert "alice" not in json.dumps(routed)

    def test_override_is_merged(self):
        """An override merges objects and replaces anything else, in copies."""
        override = {"context": {"platform": "p", "tags": ["new"]}, "verb": "v", "n": {"a": 1}}
        router = Router([settings("a", "log:x", override=override), settings("b", "log:x")])
        document = {"id": "1", "n": 7, "context": {"lang": "en", "tags": ["old"]}, "verb": {"x": 1}}
        first, second = router.route(translation(documents=[document]))

        assert first["documents"] == [
            {
                "id": "1",
                "n": {"a": 1},
                "verb": "v",
                "context": {"lang": "en", "platform": "p", "tags": ["new"]},
            }
        ]
        assert second["documents"] == [document]
        first["documents"][0]["context"]["tags"].append("changed")
        assert router.consumers[0].override["context"]["tags"] == ["new"]

    def test_nothing_to_deliver(self):
        """A translation without documents goes nowhere."""
        assert Router([settings("a", "log:x")]).route(translation()) == []

    @pytest.mark.parametrize(
        "given",
        [
            None,
            "play_video",
            [translation(1)],
            {"name": "play_video", "event_type": "play_video", "username": "alice"},
            {"name": "x", "data": {}, "context": {"username": "alice"}, "timestamp": "alice"},
            {key: value for key, value in translation(1).items() if key != "documents"},
            {key: value for key, value in translation(1).items() if key != "event"},
            translation(1, protocol="alice"),
            translation(1, protocol=["xapi"]),
            translation(documents={"alice": 1}),
            translation(documents=["alice"]),
            translation(1, name=None),
            translation(1, event="alice"),
        ],
    )
    @pytest.mark.parametrize("mode", ["direct", "buffered"])
    def test_untranslated_is_refused(self, given, mode, server):
        """What no translator made goes nowhere, and the error does not quote it."""
        router = Router([settings("a", server.url)], mode=mode)
        for method in (router.route, router.send):
            with pytest.raises(TypeError, match="translations only") as caught:
                method(given)
            assert "alice" not in str(caught.value)

        assert router.close()
        assert not server.requests


class TestDeliver:
    def test_one_and_many(self, server):
        """A delivery, or a list of them, goes out in full batches."""
        router = Router([settings("lrs", server.url, batch={"max_size": 4})])
        router.deliver(router.route(translation(0))[0])
        router.deliver(
            [delivery for n in range(1, 11) for delivery in router.route(translation(n))]
        )

        assert [1, 4, 4, 2] == [len(request.statements) for request in server.requests]
        assert len(server.stored) == 11
        assert balance(router)["delivered"] == 11

    def test_many_translations_fill_requests(self, server):
        """Sent together they share requests, each consumer's own."""
        batch = {"max_size": 4}
        router = Router(
            [
                settings("all", server.url, batch=batch, headers={"X-Who": "all"}),
                settings("mit", server.url, allow=[{"org": "MITx"}], headers={"X-Who": "mit"}),
            ]
        )
        mit = {"name": "play_video", "context": {"org_id": "MITx"}}
        router.send_many(
            translation(number, **({"event": mit} if number % 2 else {})) for number in range(6)
        )

        seen = {
            who: [request.ids for request in server.requests if request.headers["x-who"] == who]
            for who in ("all", "mit")
        }
        names = [statement(number)["id"] for number in range(6)]
        assert seen == {"all": [names[:4], names[4:]], "mit": [names[1::2]]}
        assert balance(router)["routed"] == 6

    def test_many_with_override(self, server):
        """Each consumer's copy of a document is its own, in number and content."""
        router = Router([settings("lrs", server.url, override={"context": {"x": 1}})])
        router.send_many([translation(1, 2), translation(3)])

        assert [each["n"] for each in server.stored.values()] == [1, 2, 3]
        assert all(each["context"] == {"x": 1} for each in server.stored.values())

    def test_many_with_one_that_is_untranslated(self, server):
        """Nothing of the call is sent."""
        router = Router([settings("lrs", server.url)])
        with pytest.raises(TypeError):
            router.send_many([translation(1), {"name": "play_video"}])

        assert server.requests == []
        assert router.stats()["routed"] == 0

    def test_many_in_trouble(self, server):
        """All of it can be sent again."""
        server.script.append(respond(503))
        router = Router([settings("lrs", server.url)])
        given = [translation(1), translation(2)]
        with pytest.raises(DeliveryError):
            router.send_many(given)
        router.send_many(given)

        assert len(server.stored) == 2
        assert balance(router)["returned"] == 2

    def test_a_routing_backend_hands_many_over(self, server):
        """So that a worker that takes many events at a time fills requests."""
        router = Router([settings("lrs", server.url)])
        backend = EventRoutingBackend(
            processors=[lambda event: translation(event["n"])], backends={"router": router}
        )
        backend.send_many({"name": "play_video", "n": number} for number in range(9))

        assert [9] == [len(request.statements) for request in server.requests]

    def test_batches_by_bytes(self, server):
        """No body is larger than asked, but for a single document that is."""
        router = Router([settings("lrs", server.url, batch={"max_bytes": 1000})])
        large = {"id": "large", "text": "x" * 3000}
        router.send(translation(documents=[statement(n) for n in range(40)]))
        router.send(translation(documents=[statement(100), large, statement(101)]))

        sizes = [len(request.body) for request in server.requests]
        assert len(server.stored) == 43
        assert [size for size in sizes if size > 1000] == [
            len(request.body) for request in server.requests if request.ids == ["large"]
        ]
        # Full ones: one more document would not have fitted.
        assert sizes[0] + len(json.dumps(statement(0), separators=(",", ":"))) + 1 > 1000

    def test_exact_bytes_fit(self, server):
        """A batch of exactly the allowed size is one request."""
        body = json.dumps([statement(0), statement(1)], separators=(",", ":"))
        for limit, requests in ((len(body), 1), (len(body) - 1, 3)):
            router = Router([settings("lrs", server.url, batch={"max_bytes": limit})])
            router.send(translation(0, 1))
            assert len(server.requests) == requests

    @pytest.mark.parametrize("status", [400, 413, 422, 418])
    @pytest.mark.parametrize(
        "bad", [set(), {0}, {499}, {137}, {3, 4, 250}, set(range(0, 500, 100))]
    )
    def test_poisoned_documents(self, server, status, bad):
        """Bad ones among 500 are found in few requests; the others arrive exactly once."""
        names = {statement(number)["id"] for number in bad}

        def rule(request):
            return (status, b"bad verb in " + TOKEN.encode()) if names & set(request.ids) else None

        server.rule = rule
        auth = {"type": "bearer", "token": TOKEN}
        router = Router([settings("lrs", server.url, auth=auth, batch={"max_size": 500})])
        router.send(translation(*range(500)))

        assert set(server.stored) == {statement(n)["id"] for n in range(500)} - names
        assert len(server.requests) <= 1 + 2 * 9 * len(bad)
        assert names == {letter.documents[0]["id"] for letter in router.dead_letters}
        for letter in router.dead_letters:
            assert (f"http_{status}", status, "lrs", "play_video") == (
                letter.reason,
                letter.status,
                letter.consumer,
                letter.name,
            )
            assert letter.response == "bad verb in ***"
            assert letter.attempts > 1
        counts = balance(router)
        assert (500 - len(bad), len(bad)) == (counts["delivered"], counts["dead"])

    def test_conflict_in_a_batch(self, server):
        """409 for a batch: the new ones are stored once, what was there is left as it was."""
        before = {"id": "id-0007", "other": True}
        server.stored["id-0007"] = before
        router = Router([settings("lrs", server.url)])
        router.send(translation(*range(20)))

        assert len(server.stored) == 20
        assert server.stored["id-0007"] == before
        assert (19, 1) == (balance(router)["delivered"], router.stats()["dead:conflict"])
        assert [1, 1] == [router.stats()["conflict"], router.health()["lrs"]["conflict"]]
        (letter,) = router.dead_letters
        assert ("conflict", 409) == (letter.reason, letter.status)
        assert "another statement under this id, with another actor, n, other" in letter.detail

    def test_repeated_delivery_is_harmless(self, server):
        """Delivering again what is partly there stores the rest, in a handful of requests."""
        router = Router([settings("lrs", server.url)])
        router.send(translation(*range(0, 100, 2)))
        server.requests.clear()
        router.send(translation(*range(100)))

        assert len(server.stored) == 100
        assert len(server.requests) == 2
        assert balance(router)["delivered"] == 150

    def test_never_acknowledged(self, server):
        """A document that is swallowed with 200 is a dead letter; its neighbours are not."""

        def rule(request):
            if request.ids == ["id-0003"]:
                return 200, b"[]"
            return None

        server.rule = rule
        router = Router([settings("lrs", server.url, batch={"max_size": 1})])
        router.send(translation(*range(5)))

        (letter,) = router.dead_letters
        assert ("not_acknowledged", 200, "[]") == (letter.reason, letter.status, letter.response)
        assert balance(router)["delivered"] == 4

    @pytest.mark.parametrize(
        ("action", "retry_after"),
        [
            (respond(503), None),
            (respond(429, Retry_After="7"), 7.0),
            (respond(503, Retry_After="99999"), 300.0),
            (respond(503, Retry_After="soon"), None),
            (fault_server.reset, None),
            (fault_server.hang, None),
            (respond(401), 60.0),
            (respond(403), 60.0),
            (respond(404), 60.0),
            (respond(302, Location="/"), 60.0),
            (respond(200, b"<html>"), 60.0),
        ],
    )
    def test_trouble_is_the_callers(self, server, action, retry_after):
        """What may be delivered later is given back with an error, and none of it burnt."""
        server.script.append(action)
        router = Router([settings("lrs", server.url, timeout=0.5)])
        with pytest.raises(DeliveryError) as caught:
            router.send(translation(1, 2))

        error = caught.value
        assert (True, retry_after, "lrs") == (error.retryable, error.retry_after, error.consumer)
        assert len(server.requests) == 1
        assert (2, 0, 0) == tuple(balance(router)[name] for name in ("returned", "dead", "pending"))
        router.send(translation(1, 2))
        assert len(server.stored) == 2
        assert router.health()["lrs"]["state"] == "ok"

    def test_nobody_there(self):
        """A refused connection is an error that can be retried."""
        router = Router([settings("lrs", f"http://127.0.0.1:{unused_port()}/xapi")])
        with pytest.raises(DeliveryError, match="consumer lrs: no connection to http://127"):
            router.send(translation(1))

        assert router.health()["lrs"]["state"] == "retrying"

    def test_trouble_in_the_middle(self, server):
        """After an error no further batches are tried; what has arrived stays delivered."""
        server.script.extend([fault_server.behave, respond(503)])
        router = Router([settings("lrs", server.url, batch={"max_size": 10})])
        with pytest.raises(DeliveryError):
            router.send(translation(*range(50)))

        assert len(server.requests) == 2
        counts = balance(router)
        assert (10, 40) == (counts["delivered"], counts["returned"])

    def test_trouble_while_splitting(self, server):
        """What was found bad before the trouble is dead, what arrived is delivered."""

        def rule(request):
            if "id-0000" in request.ids:
                return 400, b""
            return (503, b"") if "id-0002" in request.ids else None

        server.rule = rule
        router = Router([settings("lrs", server.url)])
        with pytest.raises(DeliveryError):
            router.send(translation(*range(4)))

        counts = balance(router)
        assert (1, 1, 2) == (counts["dead"], counts["delivered"], counts["returned"])

    def test_one_consumers_trouble_is_not_anothers(self, server):
        """Every consumer gets its turn before the error, which names those in trouble."""
        with serving() as down:
            down.default = respond(503, Retry_After="9")
            router = Router(
                [
                    settings("down", down.url),
                    settings("up", server.url),
                    settings("gone", f"http://127.0.0.1:{unused_port()}/"),
                ]
            )
            with pytest.raises(
                DeliveryError, match=r"consumer down: .*; consumer gone: "
            ) as caught:
                router.send(translation(1))

        assert set(server.stored) == {"id-0001"}
        assert (9.0, "down") == (caught.value.retry_after, caught.value.consumer)
        assert (1, 0) == (router.stats("up")["delivered"], router.stats("up")["returned"])
        balance(router)

    def test_document_that_is_no_json(self, server):
        """NaN and the like are dead letters; their neighbours arrive."""
        deep = current = {}
        for _ in range(100_000):
            current["x"] = current = {}
        bad = [{"id": "a", "n": float("nan")}, {"id": "b", "n": object()}, {"id": "c", "n": deep}]
        router = Router([settings("lrs", server.url)])
        router.send(translation(documents=[statement(1), *bad, statement(2)]))

        assert set(server.stored) == {"id-0001", "id-0002"}
        assert balance(router)["dead:not_json"] == 3
        assert len(router.dead_letters) == 3

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"consumer": "removed"}, "unknown_consumer"),
            ({"consumer": "off"}, "disabled"),
            ({"protocol": "caliper"}, "wrong_protocol"),
        ],
    )
    def test_delivery_that_nobody_wants_any_more(self, server, change, reason):
        """A task for a consumer that has gone is a dead letter, and never sent elsewhere."""
        router = Router([settings("lrs", server.url), settings("off", server.url, enabled=False)])
        (delivery,) = router.route(translation(1, 2))
        router.deliver([{**delivery, **change}, delivery])

        (letter,) = router.dead_letters
        assert (reason, [statement(1), statement(2)]) == (letter.reason, letter.documents)
        counts = balance(router)
        assert (2, 2, 4) == (counts["dead"], counts["delivered"], counts["enqueued"])

    def test_a_consumer_that_goes_at_that_moment(self, server, monkeypatch):
        """Another thread may find that the consumers have changed, between any two steps."""
        router = Router([settings("lrs", server.url)])
        deliveries = router.route(translation(1))
        look = router._obstacle

        def obstacle(*about):
            found = look(*about)
            router._fleet.apply(())
            return found

        monkeypatch.setattr(router, "_obstacle", obstacle)
        router.deliver(deliveries)

        assert [letter.reason for letter in router.dead_letters] == ["unknown_consumer"]
        assert not server.stored

    @pytest.mark.parametrize(
        "given", [None, 5, "x", translation(1), [translation(1)], {"consumer": "lrs"}]
    )
    def test_no_delivery(self, server, given):
        """Anything else is refused before anything is sent."""
        router = Router([settings("lrs", server.url)])
        with pytest.raises(TypeError):
            router.deliver(given)
        with pytest.raises(TypeError):
            router.deliver([*router.route(translation(1)), given])

        assert not server.requests

    def test_interrupted(self, server, monkeypatch):
        """When the runner interrupts the thread, nothing stays counted as pending."""

        class Interrupt(BaseException):
            pass

        router = Router([settings("lrs", server.url)])

        def send(documents):
            raise Interrupt

        monkeypatch.setattr(next(iter(router._fleet.lanes.values()))._transport, "send", send)
        with pytest.raises(Interrupt):
            router.send(translation(1))

        assert (0, 1) == (balance(router)["pending"], router.stats()["returned"])

    def test_many_threads(self, server):
        """Several threads may deliver at once."""
        router = Router([settings("lrs", server.url)])

        def work(first):
            for number in range(first, first + 25):
                router.send(translation(number))

        threads = [threading.Thread(target=work, args=(n * 25,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(fault_server.PATIENCE)

        assert len(server.stored) == 200
        assert balance(router)["delivered"] == 200

    def test_files_and_logs(self, tmp_path, caplog):
        """Files and loggers take part like any consumer."""
        caplog.set_level(logging.INFO, "site")
        router = Router([settings("f", f"file:{tmp_path}/x.jsonl"), settings("l", "log:site")])
        router.send(translation(1, 2))

        lines = (tmp_path / "x.jsonl").read_text().splitlines()
        assert [statement(1), statement(2)] == [json.loads(line) for line in lines]
        assert lines == [record.getMessage() for record in caplog.records]

    def test_transport_that_breaks(self, server, monkeypatch, caplog):
        """An unexpected error of a transport is trouble like any other, and shows no payload."""
        router = Router([settings("lrs", server.url)])

        def send(documents):
            raise RuntimeError("learner-17")

        monkeypatch.setattr(next(iter(router._fleet.lanes.values()))._transport, "send", send)
        with pytest.raises(DeliveryError, match="RuntimeError at") as caught:
            router.send(translation(1))

        assert "learner-17" not in str(caught.value) + caplog.text
        balance(router)


class TestTelling:
    def test_state_changes_are_logged_once(self, server, caplog):
        """A pause is one warning with the remedy, its end one line; no secret, no learner in it."""
        caplog.set_level(logging.INFO)
        server.authorization = "Bearer right"
        auth = {"type": "bearer", "token": TOKEN}
        router = Router([settings("lrs", server.url, auth=auth)])
        for _ in range(3):
            with pytest.raises(DeliveryError):
                router.send(translation(1))
        paused = router.health()["lrs"]
        server.authorization = f"Bearer {TOKEN}"
        router.send(translation(1))

        told = [record for record in caplog.records if record.name.startswith("eventkit")]
        assert [logging.WARNING, logging.INFO] == [record.levelno for record in told]
        assert "Consumer lrs is paused" in told[0].getMessage()
        assert "HTTP 401" in told[0].getMessage()
        assert "check auth" in told[0].getMessage()
        assert ("paused", "http_401", 401) == (paused["state"], paused["reason"], paused["status"])
        assert json.loads(json.dumps(paused)) == paused
        now = router.health()["lrs"]
        assert ("ok", 0) == (now["state"], now["pending"])
        assert now["last_error"]["reason"] == "http_401"
        assert now["last_error"]["time"] < now["last_success"]
        assert "reason" not in now
        assert TOKEN not in caplog.text
        assert "learner-17" not in caplog.text

    def test_stats(self, server):
        """Counts are flat, complete from the start, and know each consumer."""
        router = Router(
            [
                settings("a", server.url, allow=[{"org": "MITx"}]),
                settings("off", server.url, enabled=False),
            ]
        )
        router.send(translation(1))

        assert router.stats()["unwanted"] == 1
        assert set(router.stats("a")) == set(router.stats("off"))
        assert {0} == set(router.stats("off").values())
        assert router.health()["off"] == {"state": "disabled", "pending": 0}
        assert "token" not in repr(router)
        with pytest.raises(KeyError):
            router.stats("b")

    def test_direct_flush_and_close(self, server):
        """With nothing queued there is nothing to wait for."""
        router = Router([settings("lrs", server.url)])
        router.send(translation(1))

        assert router.flush(0)
        assert router.close(0)
