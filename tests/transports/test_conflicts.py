"""Statements that an LRS has already: what says the same, and what a replay costs."""

from __future__ import annotations

import copy
import json
import uuid

import pytest
from fault_server import PATIENCE, respond, serving

from eventkit.events.shapes.iris import TRANSFORMER_VERSION
from eventkit.receivers import Receiver
from eventkit.router import Router
from eventkit.transports.same_statement import differences

NEVER = 3600


def statement(number, version="1"):
    return {
        "id": str(uuid.UUID(int=number + 1, version=4)),
        "actor": {"account": {"homePage": "https://lms.example.org", "name": f"l-{number % 7}"}},
        "verb": {"id": "https://verbs.example.org/did", "display": {"en": "did"}},
        "object": {
            "id": "https://lms.example.org/block/1",
            "definition": {"name": {"en": "A block"}},
        },
        "result": {"score": {"raw": 1.0}, "duration": "PT1M30S", "success": True},
        "context": {
            "contextActivities": {
                "parent": [{"id": "https://a.example.org"}, {"id": "https://b.example.org"}]
            },
            "extensions": {TRANSFORMER_VERSION: version, "https://e.example.org/n": number},
        },
        "timestamp": "2026-01-01T00:00:00.123456Z",
        "version": "1.0.3",
    }


def translation(*documents):
    event = {"name": "play_video"}
    return {"name": "play_video", "protocol": "xapi", "documents": [*documents], "event": event}


class Counting(Receiver):
    """Notes what it is asked."""

    def __init__(self, *args, **options):
        self.asked = []
        super().__init__(*args, **options)

    def _answer(self, request):
        self.asked.append((request.method, request.target))
        return super()._answer(request)

    def count(self, method):
        return sum(each == method for each, _ in self.asked)


@pytest.fixture
def lrs():
    with Counting() as receiver:
        yield receiver


def deliver(url, documents, mode="direct", **options):
    consumer = {"id": "lrs", "protocol": "xapi", "url": url, "batch": {"max_wait": NEVER}}
    router = Router([consumer], mode=mode, **options)
    for start in range(0, len(documents), 100):
        router.send(translation(*documents[start : start + 100]))
    assert router.flush(PATIENCE)
    router.close(0)
    return router


class TestReplay:
    @pytest.mark.parametrize("mode", ["direct", "buffered"])
    def test_another_release(self, lrs, mode):
        """Of 300 that differ in the release alone, all count as delivered, at little cost."""
        deliver(lrs.url, [statement(n) for n in range(300)])
        before = lrs.statements()
        lrs.asked.clear()
        router = deliver(lrs.url, [statement(n, version="2") for n in range(300)], mode)

        assert lrs.statements() == before
        counts = router.stats()
        assert (300, 0, 0) == (counts["delivered"], counts["dead"], counts["conflict"])
        assert lrs.count("POST") == 3
        assert lrs.count("GET") <= 6

    def test_lrs_that_cannot_list(self, lrs, monkeypatch):
        """Where looking around finds nothing there is one question for each, and no more."""
        deliver(lrs.url, [statement(n) for n in range(300)])
        lrs.asked.clear()
        real = lrs._store.rows
        monkeypatch.setattr(lrs._store, "rows", lambda query: real(query._replace(verb="none")))
        router = deliver(lrs.url, [statement(n, version="2") for n in range(300)])

        assert router.stats()["delivered"] == 300
        assert lrs.count("POST") == 3
        assert lrs.count("GET") <= 303

    @pytest.mark.parametrize("is_there", [True, False])
    def test_lrs_that_answers_with_a_list(self, is_there):
        """Some give a list where one statement is asked for."""
        with serving() as server:
            own = statement(3)
            known = [{**own, "stored": "now"}] if is_there else []
            body = json.dumps({"statements": known}).encode()
            server.rule = lambda request: (409, b"")
            server._get = lambda request: (200, body)
            router = deliver(server.url, [own], "buffered")

            assert router.stats()["delivered"] == is_there
            assert router.stats()["conflict"] == (not is_there)

    def test_other_statements(self, lrs):
        """What differs is a conflict, a dead letter and a count of its own; the rest arrives."""
        first = [statement(n) for n in range(300)]
        deliver(lrs.url, first[:250])
        before = lrs.statements()
        lrs.asked.clear()
        again = [statement(n, version="2") for n in range(300)]
        for number in range(0, 250, 50):
            again[number]["result"] = {"score": {"raw": 2}}
        router = deliver(lrs.url, again)

        assert lrs.statements()[:250] == before
        assert len(lrs.statements()) == 300
        counts = router.stats("lrs")
        assert (295, 5, 5) == (counts["delivered"], counts["dead:conflict"], counts["conflict"])
        assert counts["enqueued"] == 300
        letters = list(router.dead_letters)
        assert {"conflict"} == {letter.reason for letter in letters}
        assert all("with another result" in letter.detail for letter in letters)
        assert len(lrs.asked) <= 20

    @pytest.mark.parametrize("status", [401, 403, 405, 501])
    def test_consumer_who_may_not_read(self, status):
        """Halves are sent instead, and what cannot be compared is a conflict."""
        with serving() as server:
            real = server._get
            answer = status, b"no"
            server._get = lambda request: answer if "statementId" in request.path else real(request)
            server.stored[statement(7)["id"]] = statement(7, version="0")
            router = deliver(server.url, [statement(n) for n in range(20)], "buffered")

            assert len(server.stored) == 20
            assert (19, 1) == (router.stats()["delivered"], router.stats()["conflict"])
            assert sum(each.method == "GET" for each in server.requests) == 1

    @pytest.mark.parametrize("trouble", [respond(503), respond(429, Retry_After="0")])
    def test_lrs_that_fails_while_it_is_asked(self, trouble):
        """What it has told stays told, and the rest is tried again."""
        with serving() as server:
            server.stored |= {statement(n)["id"]: statement(n, version="0") for n in range(5)}
            action = server.default
            failing = [True] * 3

            def fail(server, connection, request):
                is_asked = request.path.endswith(statement(3)["id"]) and failing and failing.pop()
                return (trouble if is_asked else action)(server, connection, request)

            server.default = fail
            router = deliver(server.url, [statement(n) for n in range(6)], "buffered", backoff=0.01)

            counts = router.stats()
            assert (6, 0) == (counts["delivered"], counts["conflict"])
            assert not failing
            assert len(server.stored) == 6

    def test_statement_that_is_kept_from_us(self, lrs):
        """An id that is taken and not shown, as of a voided statement, is a conflict."""
        with serving() as server:
            hidden = statement(3)["id"]

            def rule(request):
                return (409, b"taken") if hidden in request.ids else None

            server.rule = rule
            router = deliver(server.url, [statement(n) for n in range(30)], "buffered")

            assert (29, 1) == (router.stats()["delivered"], router.stats()["conflict"])
            (letter,) = router.dead_letters
            assert (letter.reason, letter.documents[0]["id"]) == ("conflict", hidden)
            assert "does not show which" in letter.detail
            assert len(server.requests) < 40


def changed(path, value):
    """Change one place of the statement; None: take it away."""
    result = copy.deepcopy(statement(1))
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return result


class TestSameness:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (["stored"], "2026-01-02T00:00:00Z"),
            (["authority"], {"mbox": "mailto:lrs@example.org"}),
            (["version"], "1.0.0"),
            (["version"], None),
            (["timestamp"], "2026-01-01T01:00:00.123+01:00"),
            (["id"], statement(1)["id"].upper()),
            (["actor", "objectType"], "Agent"),
            (["object", "objectType"], "Activity"),
            (["object", "definition"], {"name": {"en": "A new name"}}),
            (["object", "definition"], None),
            (["verb", "display"], None),
            (["result", "duration"], "PT90.00S"),
            (["result", "score", "raw"], 1),
            (["context", "extensions", TRANSFORMER_VERSION], "another"),
            (["context", "extensions", TRANSFORMER_VERSION], None),
            (
                ["context", "contextActivities", "parent"],
                [{"id": "https://b.example.org", "objectType": "Activity"},
                 {"id": "https://a.example.org"}],
            ),
        ],
    )  # fmt: skip
    def test_the_same(self, path, value):
        """What an LRS may set or write in another way makes no other statement."""
        assert differences(statement(1), changed(path, value)) == []
        assert differences(statement(1), json.loads(json.dumps(changed(path, value)))) == []

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (["timestamp"], "2026-01-01T00:00:00.124Z"),
            (["actor", "account", "name"], "l-2"),
            (["actor"], {"objectType": "Group", "member": []}),
            (["verb", "id"], "https://verbs.example.org/undid"),
            (["object", "id"], "https://lms.example.org/block/2"),
            (["object"], {"objectType": "StatementRef", "id": "https://lms.example.org/block/1"}),
            (["object"], None),
            (["object"], "https://lms.example.org/block/1"),
            (["result", "success"], 1),
            (["result", "score", "raw"], 1.5),
            (["result", "duration"], "PT91S"),
            (["result"], None),
            (["context", "contextActivities", "parent"], [{"id": "https://a.example.org"}]),
            (["context", "contextActivities"], None),
            (["context", "extensions", "https://e.example.org/n"], 2),
            (["context", "registration"], str(uuid.UUID(int=1))),
            (["context"], []),
            (["attachments"], [{"sha2": "x"}]),
        ],
    )
    def test_another(self, path, value):
        """What says something else does."""
        assert differences(statement(1), changed(path, value)) == [path[0]]

    def test_without_a_timestamp(self):
        """An LRS gives a statement one that has none."""
        sent = changed(["timestamp"], None)

        assert differences(sent, statement(1)) == []
        assert differences(statement(1), sent) == ["timestamp"]

    def test_nonsense(self):
        """Whatever an LRS gives back, it is compared and nothing is raised."""
        nested = {}
        inner = nested
        for _ in range(100_000):
            inner["object"] = inner = {"objectType": "SubStatement"}

        assert differences(statement(1), nested)
        for junk in ({}, dict.fromkeys(statement(1)), {key: [1] for key in statement(1)}):
            assert differences(statement(1), junk)
