"""Caliper over HTTP: envelopes, what each answer means, and what an endpoint says of itself."""

from __future__ import annotations

import json
import logging
import re
import threading
from datetime import UTC, datetime

import fault_server
import pytest
from caliper_events import CONTEXT, entity, event
from fault_server import PATIENCE, FastClock, caliper, respond, serving, unused_port

from eventkit import Router
from eventkit.base.json import dumps as encode
from eventkit.consumers import Consumer
from eventkit.exceptions import ConfigurationError, DeliveryError
from eventkit.router import check_consumer
from eventkit.transports import Document, Verdict, make_transport
from eventkit.transports import caliper as module
from eventkit.validation import envelope_errors

LMS = "https://lms.example.org"
TOKEN = "tok-en-1234567"
V1P2 = {"caliperSupportedVersions": ["http://purl.imsglobal.org/ctx/caliper/v1p1", CONTEXT]}


def named(value):
    """Name a parameter alike in every process, so that tests can be shared out between several."""
    return getattr(value, "__name__", None) or str(value)


def opened(number, **members):
    """An event that is told from others by a number."""
    return event(
        "ViewEvent",
        "Viewed",
        entity("WebPage", f"{LMS}/page"),
        **{
            "id": f"urn:uuid:{number:08}-2c71-57a6-9ba9-8ba714e68f76",
            "edApp": entity("SoftwareApplication", LMS),
            "extensions": {"n": number},
            **members,
        },
    )


def documents(*numbers, **members):
    made = [opened(number, **members) for number in numbers]
    return [Document("page", encode(each)) for each in made]


def settings(server, name="university", **more):
    return {
        "id": name,
        "protocol": "caliper",
        "url": f"http://127.0.0.1:{server.port}/caliper?tenant=7",
        "sensor": f"{LMS}/sensor",
        "batch": {"max_wait": 0, **more.pop("batch", {})},
        **more,
    }


def transport(server, **more):
    return make_transport(Consumer.from_dict(settings(server, **more)))


def translation(*numbers, **members):
    return {
        "name": "page",
        "protocol": "caliper",
        "documents": [opened(number, **members) for number in numbers],
        "event": {"name": "page"},
    }


def posts(server):
    return [request for request in server.requests if request.method == "POST"]


def questions(server):
    return [request for request in server.requests if request.method == "GET"]


def counts(router):
    """The counts, which balance."""
    found = router.stats("university")
    ends = ("delivered", "dead", "returned", "pending")
    assert found["enqueued"] == sum(found[name] for name in ends)
    return found


@pytest.fixture
def server():
    with serving(default=caliper()) as server:
        yield server


@pytest.fixture
def route(server):
    """Make routers to the server, which are closed at the end."""
    made = []

    def make(mode="direct", *, clock=None, pause=60.0, **more):
        consumers = [settings(server, **more)]
        made.append(Router(consumers, mode=mode, clock=clock, pause=pause))
        return made[-1]

    yield make
    for router in made:
        router.close(0)


class TestEnvelope:
    def test_what_is_sent(self, server):
        """One envelope, nothing but what belongs in it, events in their order and bytes."""
        sent = documents(3, 1, 2)
        before = datetime.now(UTC)
        made = transport(server, headers={"X-Tenant": "seven"})
        assert made.prepare(sent) is None
        answer = made.send(sent)

        (request,) = posts(server)
        assert answer.verdict is Verdict.DELIVERED
        assert request.path == "/caliper?tenant=7"
        assert request.headers["content-type"] == "application/json"
        assert request.headers["x-tenant"] == "seven"
        assert "authorization" not in request.headers
        envelope = request.envelope
        assert list(envelope) == ["sensor", "sendTime", "dataVersion", "data"]
        assert envelope_errors(envelope) == []
        assert envelope["sensor"] == f"{LMS}/sensor"
        assert envelope["dataVersion"] == CONTEXT
        assert request.numbers == [3, 1, 2]
        assert all(document.body in request.body for document in sent)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["sendTime"])
        elapsed = datetime.fromisoformat(envelope["sendTime"]) - before
        assert -0.001 <= elapsed.total_seconds() < PATIENCE

    def test_the_time_is_that_of_sending(self, server, monkeypatch):
        """Sent again it is another time, and the same events."""
        times = iter(datetime(2026, 1, 1, 0, 0, second, 999_999, UTC) for second in (1, 2))

        class Now(datetime):
            @classmethod
            def now(cls, tz=None):
                assert tz is UTC
                return next(times)

        made = transport(server)
        sent = documents(1)
        monkeypatch.setattr(module, "datetime", Now)
        made.send(sent)
        made.send(sent)

        first, second = [request.envelope for request in posts(server)]
        assert first["sendTime"] == "2026-01-01T00:00:01.999Z"
        assert second["sendTime"] == "2026-01-01T00:00:02.999Z"
        assert first["data"] == second["data"]

    @pytest.mark.parametrize(
        ("auth", "expected"),
        [
            ({"type": "bearer", "token": TOKEN}, f"Bearer {TOKEN}"),
            ({"type": "basic", "username": "u", "password": "p"}, "Basic dTpw"),
        ],
    )
    def test_credentials(self, server, auth, expected):
        """They go with the question for the configuration as well."""
        made = transport(server, auth=auth)
        made.prepare(documents(1))
        made.send(documents(1))

        assert ["GET", "POST"] == [request.method for request in server.requests]
        assert {request.headers["authorization"] for request in server.requests} == {expected}

    def test_equal_events_are_sent_once(self, server):
        transport(server).send(documents(1, 2) + documents(2))

        assert posts(server)[0].numbers == [1, 2]

    def test_override_is_for_events(self, server, route):
        """An envelope has no room for members of our own."""
        route(override={"extensions": {"campus": "north"}, "sensor": "x"}).send(translation(1))

        envelope = posts(server)[0].envelope
        assert envelope_errors(envelope) == []
        assert envelope["sensor"] == f"{LMS}/sensor"
        (found,) = envelope["data"]
        assert found["extensions"] == {"n": 1, "campus": "north"}
        assert found["sensor"] == "x"


class TestSensor:
    @pytest.mark.parametrize(
        ("members", "expected"),
        [
            ({}, LMS),
            ({"edApp": f"{LMS}/root"}, f"{LMS}/root"),
            ({"edApp": None}, LMS),
            ({"edApp": {"type": "SoftwareApplication"}}, LMS),
        ],
    )
    def test_default(self, server, route, members, expected):
        """It is the site of the first event: its edApp, or where its user is from."""
        route(sensor=None).send(translation(1, **members))

        assert posts(server)[0].envelope["sensor"] == expected

    def test_default_stays(self, server, route):
        """Each consumer has one sensor."""
        router = route(sensor=None)
        router.send(translation(1))
        router.send(translation(2, edApp="https://elsewhere.example.org"))

        assert {request.envelope["sensor"] for request in posts(server)} == {LMS}

    def test_nowhere_to_take_it_from(self, server, route):
        """Events that do not say where they come from are kept until somebody says it."""
        router = route(sensor=None)
        with pytest.raises(DeliveryError, match="sensor: not set"):
            router.send(translation(1, edApp=None, actor="urn:somebody"))

        assert posts(server) == []
        assert router.health()["university"]["state"] == "paused"

    @pytest.mark.parametrize("sensor", ["", "the LMS", "lms.example.org", "https://a b", "x:\n"])
    def test_must_be_an_iri(self, server, sensor):
        with pytest.raises(ConfigurationError, match=r"'university': sensor: .*IRI"):
            Consumer.from_dict(settings(server, sensor=sensor))

    @pytest.mark.parametrize("sensor", [LMS, "urn:uuid:f3e25970-2c71-57a6-9ba9-8ba714e68f76"])
    def test_any_iri_will_do(self, server, sensor):
        assert Consumer.from_dict(settings(server, sensor=sensor)).sensor == sensor


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "verdict"),
        [
            (200, "delivered"),
            (201, "delivered"),
            (202, "delivered"),
            (204, "delivered"),
            (301, "pause"),
            (308, "pause"),
            (400, "refused"),
            (401, "pause"),
            (403, "pause"),
            (404, "pause"),
            (405, "pause"),
            (408, "retry"),
            (409, "refused"),
            (413, "refused"),
            (415, "pause"),
            (422, "pause"),
            (425, "retry"),
            (429, "retry"),
            (500, "retry"),
            (502, "retry"),
            (503, "retry"),
        ],
    )
    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"title": "no"}'])
    def test_status(self, server, status, verdict, body):
        """Each status has one meaning, whatever stands in the answer."""
        server.default = respond(status, body, Retry_After="7")
        made = transport(server)

        for sent in (documents(1), documents(1, 2)):
            answer = made.send(sent)
            assert answer.verdict.value == verdict
            if verdict != "delivered":
                assert (answer.status, answer.response) == (status, body.decode())
            if verdict == "retry":
                assert answer.retry_after == 7

    @pytest.mark.parametrize(
        ("status", "advice"),
        [
            (401, "check auth"),
            (403, "check auth"),
            (404, "check url"),
            (405, "check url"),
            (415, "check url: this endpoint does not take application/json"),
            (422, f"does not take {CONTEXT}; have it brought to Caliper 1.2"),
            (302, "redirects are not followed"),
        ],
    )
    def test_what_to_do(self, server, route, status, advice, caplog):
        """What no retry will help is said once, with the remedy, and nothing is lost."""
        server.default = caliper(404, *[respond(status)] * 3)
        clock = FastClock()
        router = route("buffered", clock=clock, pause=1000)
        with caplog.at_level(logging.INFO, "eventkit"):
            router.send(translation(1, 2))
            server.wait_for(lambda: len(server.stored) == 2)
            assert router.close(PATIENCE)

        warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert "university is paused" in warnings[0].getMessage()
        assert advice in warnings[0].getMessage()
        assert "university answers again" in caplog.text
        assert clock.waits.count(pytest.approx(1000, abs=5)) >= 3
        assert counts(router)["delivered"] == 2

    @pytest.mark.parametrize(
        "action", [fault_server.endless, fault_server.cut_short, fault_server.drip_body]
    )
    def test_an_answer_that_does_not_end(self, server, action):
        """The status says it all."""
        server.default = action

        answer = transport(server, timeout={"total": 1, "read": 0.3}).send(documents(1))

        assert answer.verdict is Verdict.DELIVERED

    def test_nobody_there(self, route, server):
        url = f"http://127.0.0.1:{unused_port()}/caliper"
        made = transport(server, url=url)

        assert made.prepare(documents(1)) is None
        answer = made.send(documents(1))
        assert (answer.verdict, answer.reason) == (Verdict.RETRY, "connection")

    def test_corrected_credentials(self, server, tmp_path):
        """They are read again after they were refused."""
        secret = tmp_path / "token"
        secret.write_text("wrong")
        auth = {"type": "bearer", "token": {"file": str(secret)}}
        made = transport(server, auth=auth)
        server.default = caliper(404, respond(401))
        assert made.send(documents(1)).verdict is Verdict.PAUSE

        secret.write_text("right")
        made.send(documents(1))

        assert posts(server)[-1].headers["authorization"] == "Bearer right"

    def test_credentials_that_cannot_be_read(self, server, tmp_path):
        """That pauses, with the name of the key."""
        secret = tmp_path / "token"
        secret.write_text(TOKEN)
        made = transport(server, auth={"type": "bearer", "token": {"file": str(secret)}})
        secret.unlink()

        assert made.prepare(documents(1)) is None
        answer = made.send(documents(1))
        assert answer.verdict is Verdict.PAUSE
        assert "auth.token" in answer.detail
        (failed,) = [step for step in made.check() if step.ok is False]
        assert failed.name == "credentials"
        assert "auth.token" in failed.detail


class TestSplitting:
    @pytest.mark.parametrize("bad", [{5}, {0, 99}, {40, 41, 42}, set(range(0, 100, 25))])
    def test_a_refused_event_is_found(self, server, route, bad):
        """It goes to the dead letters with the answer, its neighbours arrive in order."""

        def rule(request):
            return (400, b"malformed") if bad & set(request.numbers) else None

        server.default = caliper(rule=rule)
        router = route()
        router.send(translation(*range(100)))

        taken = [
            number
            for request in posts(server)
            if not bad & set(request.numbers)
            for number in request.numbers
        ]
        assert taken == [number for number in range(100) if number not in bad]
        letters = list(router.dead_letters)
        assert {each.documents[0]["extensions"]["n"] for each in letters} == bad
        assert {(each.reason, each.status, each.response) for each in letters} == {
            ("http_400", 400, "malformed")
        }
        assert all("@context" in each.documents[0] for each in letters)
        assert counts(router)["dead:http_400"] == len(bad)
        assert len(posts(server)) <= 1 + 2 * 7 * len(bad)

    def test_too_large_is_halved(self, server, route):
        """Until it fits; what does not fit alone is a dead letter."""
        limit = 3000

        def rule(request):
            return (413, b"") if len(request.body) > limit else None

        server.default = caliper(rule=rule)
        router = route()
        huge = translation(7)
        huge["documents"][0]["name"] = "x" * limit
        router.send_many([translation(*range(7)), huge, translation(*range(8, 32))])

        assert [request.numbers for request in posts(server)][:2] == [
            list(range(32)),
            list(range(16)),
        ]
        assert len(server.stored) == 31
        assert counts(router)["dead:http_413"] == 1


class TestConfiguration:
    @pytest.mark.parametrize(
        "configuration",
        [
            404,
            405,
            501,
            401,
            403,
            302,
            400,
            500,
            503,
            200,
            respond(200, b"<html>hello</html>"),
            respond(200, b"[1]"),
            respond(200, b"null"),
            respond(200, b"[" * 100_000),
            fault_server.reset,
            fault_server.cut_short,
            fault_server.garbage,
            {},
            {"caliperSupportedVersions": None},
            {"caliperSupportedVersions": CONTEXT},
            {"caliperMaximumPayloadSize": "512"},
            {"caliperMaximumPayloadSize": True},
            {"caliperMaximumPayloadSize": 0},
            {"caliperMaximumPayloadSize": -1},
            {"caliperMaximumPayloadSize": float("nan")},
            {"caliperMaximumPayloadSize": float("inf")},
            V1P2,
            {"caliperSupportedVersions": ["https://purl.imsglobal.org/ctx/caliper/v1p2/"]},
        ],
        ids=named,
    )
    def test_what_does_not_stand_in_the_way(self, server, route, configuration):
        """Old endpoints publish nothing, and what they publish may be wrong; they get events."""
        server.default = caliper(configuration)
        router = route()
        router.send(translation(1, 2))

        assert len(server.stored) == 2
        assert ["GET", "POST"] == [request.method for request in server.requests]
        assert server.requests[0].path == server.requests[1].path
        assert router.health()["university"]["state"] == "ok"

    def test_an_endpoint_that_is_silent(self, server):
        """One that does not answer the question may answer an envelope."""
        server.default = caliper(fault_server.hang)
        made = transport(server, timeout=0.2)

        assert made.prepare(documents(1)) is None
        assert made.send(documents(1)).verdict is Verdict.DELIVERED

    @pytest.mark.parametrize(
        ("versions", "named"),
        [
            (["http://purl.imsglobal.org/ctx/caliper/v1p1"], "takes Caliper v1p1;"),
            ([], "takes Caliper of no version;"),
            ([7, "x\ny"], "takes Caliper of no version;"),
        ],
    )
    def test_another_version(self, server, route, caplog, versions, named):
        """It gets nothing until it takes ours; then it gets everything."""
        served = {"caliperSupportedVersions": versions}
        server.default = caliper(served)
        router = route("buffered", clock=FastClock(), pause=1000)
        router.send(translation(1, 2))
        server.wait_for(lambda: len(questions(server)) >= 3)

        assert posts(server) == []
        health = router.health()["university"]
        assert (health["state"], health["reason"]) == ("paused", "unsupported_version")
        assert named in health["detail"]
        assert "have it brought to Caliper 1.2" in health["detail"]
        assert caplog.text.count("university is paused") == 1

        served["caliperSupportedVersions"] = [CONTEXT]
        assert router.flush(PATIENCE)
        assert len(server.stored) == 2
        assert counts(router)["dead"] == 0

    def test_is_asked_for_once(self, server, route):
        """However many envelopes follow, and from however many threads."""
        server.default = caliper(V1P2)
        router = route()
        threads = [
            threading.Thread(target=router.send, args=(translation(number),)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

        assert len(server.stored) == 8
        assert len(questions(server)) == 1

    def test_nobody_sends_before_it_is_known(self, server, route):
        """Threads that come while another is asking wait for the answer."""
        known = threading.Event()

        def later(*arguments):
            assert known.wait(PATIENCE)
            return respond(200, json.dumps(V1P2).encode())(*arguments)

        server.default = caliper(later)
        router = route()
        threads = [
            threading.Thread(target=router.send, args=(translation(number),)) for number in (1, 2)
        ]
        threads[0].start()
        server.wait_for(lambda: questions(server))
        threads[1].start()
        threads[1].join(0.3)

        assert posts(server) == []
        known.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(server.stored) == 2

    def test_is_asked_for_again(self, server, route, monkeypatch):
        """After its lifetime; what then cannot be had does not undo what is known."""
        monkeypatch.setattr(module, "_LIFETIME", 0)
        monkeypatch.setattr(module, "_AGAIN", 0)
        answers = [respond(200, b'{"caliperMaximumPayloadSize": 3}'), respond(503), respond(404)]

        def in_turn(*arguments):
            return answers.pop(0)(*arguments)

        server.default = caliper(in_turn)
        made = transport(server)
        sizes = []
        while answers:
            assert made.prepare(documents(1)) is None
            sizes.append(made.max_bytes)

        assert sizes == [3000, 3000, None]

    @pytest.mark.parametrize(
        ("status", "asked"), [(415, 2), (422, 2), (413, 1), (400, 1), (401, 1), (503, 1)]
    )
    def test_is_asked_for_again_when_it_seems_wrong(self, server, status, asked):
        """A pause leaves time for a question; a batch that is split does not, each time."""
        server.default = caliper(V1P2, respond(status))
        made = transport(server)
        for _ in range(2):
            made.prepare(documents(1))
            made.send(documents(1))

        assert len(questions(server)) == asked

    def test_a_bug_in_reading_it(self, server, route, monkeypatch):
        """It costs nothing but time."""

        def broken(reply):
            raise RuntimeError("payload of alice")

        server.default = caliper(V1P2)
        router = route()
        with monkeypatch.context() as patch:
            patch.setattr(module, "_configuration", broken)
            with pytest.raises(DeliveryError, match="unexpected: RuntimeError") as caught:
                router.send(translation(1))
        router.send(translation(1))

        assert "alice" not in str(caught.value)
        assert caught.value.retryable
        assert len(server.stored) == 1

    def test_a_size_that_has_shrunk(self, server, route, monkeypatch):
        """It shows as 413; the endpoint is asked, and what is left is cut to the new size."""
        monkeypatch.setattr(module, "_AGAIN", 0)
        sizes = [100, 3]

        def shrinking(*arguments):
            size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
            answer = json.dumps({"caliperMaximumPayloadSize": size}).encode()
            return respond(200, answer)(*arguments)

        def rule(request):
            return (413, b"") if len(request.body) > 3000 else None

        server.default = caliper(shrinking, rule=rule)
        route().send(translation(*range(32)))

        refused = [request for request in posts(server) if len(request.body) > 3000]
        arrived = [each["extensions"]["n"] for each in server.stored.values()]
        assert len(refused) == 1
        assert arrived == list(range(32))


class TestSize:
    @pytest.mark.parametrize("mode", ["direct", "buffered"])
    @pytest.mark.parametrize("sensor", [f"{LMS}/sensor", None, f"{LMS}/{'ö' * 40}"])
    @pytest.mark.parametrize("published", [True, False])
    def test_requests_are_filled_and_no_more(self, server, route, mode, sensor, published):
        """The envelope counts too, from the first request on, and order is kept."""
        limit = 5000
        batch = {"max_size": 1000, "max_wait": 0 if mode == "direct" else 3600}
        if published:
            server.default = caliper(V1P2 | {"caliperMaximumPayloadSize": limit / 1000})
        else:
            batch["max_bytes"] = limit
        router = route(mode, sensor=sensor, batch=batch)
        router.send_many([translation(number) for number in range(100)])
        assert router.flush(PATIENCE)

        each = len(documents(0)[0].body) + 1
        sizes = [len(request.body) for request in posts(server)]
        assert all(limit - each < size <= limit for size in sizes[:-1])
        assert sizes[-1] <= limit
        assert [n for request in posts(server) for n in request.numbers] == list(range(100))
        assert all(envelope_errors(request.envelope) == [] for request in posts(server))
        assert counts(router)["requests"] == len(sizes)

    @pytest.mark.parametrize(("spare", "expected"), [(0, [[1, 2, 3]]), (-1, [[1, 2], [3]])])
    def test_to_the_byte(self, server, route, spare, expected):
        """An envelope of exactly the size goes; of one more it does not."""
        route().send(translation(1, 2, 3))
        (request,) = posts(server)
        router = route(batch={"max_bytes": len(request.body) + spare})
        router.send(translation(1, 2, 3))

        assert [each.numbers for each in posts(server)[1:]] == expected

    def test_a_full_envelope_does_not_wait(self, server, route):
        """Full by what the endpoint takes, once that is known."""
        server.default = caliper({"caliperMaximumPayloadSize": 5})
        router = route("buffered", batch={"max_wait": 3600})
        router.send(translation(0))
        assert router.flush(PATIENCE)
        for number in range(1, 21):
            router.send(translation(number))
        server.wait_for(lambda: len(posts(server)) == 2)

        assert 4000 < len(posts(server)[1].body) <= 5000

    def test_the_smaller_bound_counts(self, server, route):
        """Ours, where the endpoint takes more."""
        server.default = caliper({"caliperMaximumPayloadSize": 10_000})
        route(batch={"max_bytes": 3000}).send(translation(*range(20)))

        assert max(len(request.body) for request in posts(server)) <= 3000

    def test_one_that_is_too_large_goes_alone(self, server, route):
        """The endpoint decides about it."""
        server.default = caliper({"caliperMaximumPayloadSize": 1})
        router = route()
        large = translation(2)
        large["documents"][0]["name"] = "x" * 2000
        router.send_many([translation(1), large, translation(3)])

        assert [request.numbers for request in posts(server)] == [[1], [2], [3]]

    def test_by_count(self, server, route):
        route(batch={"max_size": 10}).send(translation(*range(25)))

        assert [len(request.numbers) for request in posts(server)] == [10, 10, 5]


class TestCheck:
    @pytest.mark.parametrize(
        ("configuration", "words"),
        [
            (V1P2, "answers, takes Caliper v1p1, v1p2"),
            (V1P2 | {"caliperMaximumPayloadSize": 512}, "v1p2, at most 512,000 bytes"),
            (405, "publishes no configuration; whether it is a Caliper endpoint shows when"),
            (501, "publishes no configuration"),
            (respond(200, b"hello"), "publishes no configuration"),
        ],
        ids=named,
    )
    def test_good(self, server, configuration, words):
        """It is up; what it says of itself is told. Nothing is sent."""
        server.default = caliper(configuration)
        auth = {"type": "bearer", "token": TOKEN}
        result = check_consumer(Consumer.from_dict(settings(server, auth=auth)))

        assert result.ok, result.detail
        assert words in result.detail
        assert TOKEN not in result.detail
        assert ["GET"] == [request.method for request in server.requests]
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"

    @pytest.mark.parametrize(
        ("configuration", "words"),
        [
            (401, "check auth: the credentials are refused"),
            (403, "may not read the configuration; whether they may write"),
            (404, "check url"),
            (302, "redirects are not followed"),
            (503, "HTTP 503"),
            ({"caliperSupportedVersions": ["http://x.example/ctx/caliper/v1p1"]}, "Caliper v1p1"),
            (fault_server.reset, "no connection"),
        ],
        ids=named,
    )
    def test_trouble(self, server, configuration, words):
        server.default = caliper(configuration)
        result = check_consumer(Consumer.from_dict(settings(server)))

        assert not result.ok
        assert words in result.detail
        assert posts(server) == []

    def test_nobody_there(self, server):
        url = f"http://127.0.0.1:{unused_port()}/caliper"

        assert not check_consumer(Consumer.from_dict(settings(server, url=url))).ok


class TestBuffered:
    def test_trouble_keeps_the_order(self, server, route):
        """Whatever goes wrong, events arrive in the order in which they were sent."""
        faults = [respond(503), fault_server.reset, respond(401), respond(429, Retry_After="9")]
        server.default = caliper(V1P2, *faults * 3)
        router = route("buffered", clock=FastClock(), batch={"max_size": 7})
        for number in range(60):
            router.send(translation(number))
        assert router.flush(PATIENCE)

        arrived = list(server.stored.values())
        assert [each["extensions"]["n"] for each in arrived] == list(range(60))
        assert counts(router)["delivered"] == 60

    def test_both_protocols_from_one_router(self, server):
        """Each consumer gets the documents of its own."""
        lrs = {"id": "lrs", "protocol": "xapi", "url": server.url}
        statement = {"id": "id-1", "verb": {}}
        given = {"name": "page", "protocol": "xapi", "documents": [statement], "event": {}}
        router = Router([settings(server), lrs])
        server.script.append(fault_server.behave)
        router.send(given)
        router.send(translation(1))

        assert [request.path for request in posts(server)] == [
            "/xapi/statements",
            "/caliper?tenant=7",
        ]
        assert server.requests[0].statements == [statement]
        assert posts(server)[1].numbers == [1]


class TestElsewhere:
    def test_a_file_has_bare_events(self, tmp_path):
        """One a line; whoever follows it makes the envelopes."""
        path = tmp_path / "events.jsonl"
        consumer = {"id": "archive", "protocol": "caliper", "url": f"file:{path}"}
        Router([consumer]).send(translation(1, 2))

        assert [json.loads(line) for line in path.read_text().splitlines()] == [
            opened(1),
            opened(2),
        ]

    def test_a_log_has_bare_events(self, caplog):
        consumer = {"id": "vector", "protocol": "caliper", "url": "log:to.vector"}
        with caplog.at_level(logging.INFO, "to.vector"):
            Router([consumer]).send(translation(1, 2))

        assert [json.loads(each.getMessage()) for each in caplog.records] == [opened(1), opened(2)]
