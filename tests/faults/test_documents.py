"""Events of every kind, good and poisonous, from the backend to the receiver."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from fault_routes import balance
from fault_server import PATIENCE, caliper, respond

from eventkit import (
    CaliperTranslator,
    EventRoutingBackend,
    Filter,
    HMACIdentity,
    RealTimeBackend,
    XAPITranslator,
    parse_line,
)
from eventkit.dead_letters import MemoryDeadLetters, TranslationLetters
from eventkit.events import Action, Row, Statement
from eventkit.events.shapes.caliper import GENERAL
from eventkit.events.shapes.iris import PLAYED
from eventkit.exceptions import UnsupportedEvent
from eventkit.instrumentation import add_hook
from eventkit.reading.jsonable import from_json, to_json
from eventkit.receivers import Receiver
from eventkit.router import Router

LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
VERSION = {"X-Experience-API-Version": "1.0.3"}
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*/*.json"))
LIMIT = 10
"""Seconds within which any poison must be dealt with, on a machine that is busy with others."""


def event(number=0, **data):
    """A good event, or what *data* makes of it."""
    return {
        "name": "play_video",
        "timestamp": datetime(2025, 2, 3, 4, 5, 6, 789, tzinfo=UTC) + timedelta(seconds=number),
        "data": {"id": f"video-{number}", "currentTime": 1.5, **data},
        "context": {
            "user_id": 100 + number,
            "username": f"learner{number}",
            "course_id": COURSE,
            "org_id": "Lakeside",
            "session": "s",
        },
    }


def fails(view):
    raise OSError("a file is gone")


def endless(view):
    return endless(view)


ROWS = [
    Row((name,), xapi=Statement(PLAYED, bug), caliper=Action("Event", "Used", bug, GENERAL))
    for name, bug in (("site.fails", fails), ("site.endless", endless))
]
"""Rows of a site with bugs in them."""


def translator(kind=XAPITranslator, **options):
    identity = HMACIdentity("a secret of tests")
    return kind(**{"lms_root": LMS, "identity": identity, "events": ROWS, **options})


def consumer(url, protocol="xapi", **more):
    batch = {"max_wait": 0, **more.pop("batch", {})}
    return {"id": "lrs", "protocol": protocol, "url": url, "batch": batch, **more}


def nested(depth):
    found = []
    for _ in range(depth):
        found = [found]
    return found


def cyclic():
    found = event(1)
    found["data"]["itself"] = found
    return found


def with_user(user):
    found = event(1)
    found["context"]["user_id"] = user
    return found


class Mine(Mapping):
    """An event that raises whatever it is asked."""

    def __getitem__(self, key):
        raise RuntimeError("no")

    def __iter__(self):
        raise RuntimeError("no")

    def __len__(self):
        raise RuntimeError("no")


class Text(str):
    """A name that cannot be read."""

    __slots__ = ()

    def strip(self, *args):
        raise RuntimeError("no")


POISON = {
    "a translator that raises": lambda: event(1) | {"name": "site.fails"},
    "a translator without end": lambda: event(1) | {"name": "site.endless"},
    "deep payload": lambda: event(1, more=nested(100_000)),
    "deep id": lambda: event(1, id=nested(100_000)),
    "deep context": lambda: {**event(1), "context": {**event()["context"], "x": nested(100_000)}},
    "deep text": lambda: event(1, more="[" * 1_000_000),
    "deep JSON in text": lambda: {**event(1), "data": '{"a":' * 100_000 + "1" + "}" * 100_000},
    "10 MB of payload": lambda: event(1, more="x" * 10_000_000),
    "10 MB in the statement": lambda: event(1, id="x" * 10_000_000),
    "10 MB of keys": lambda: event(1, **{f"key-{n}": n for n in range(500_000)}),
    "not a number": lambda: event(1, currentTime=math.nan),
    "infinite": lambda: event(1, currentTime=math.inf, duration=-math.inf),
    "half a pair": lambda: event(1, id="video-\ud800"),
    "half a pair as a key": lambda: event(1, **{"\udfff": 1}),
    "NUL": lambda: event(1, id="video\x00", code="\x00"),
    "a huge number": lambda: event(1, currentTime=10**5000),
    "a huge number in text": lambda: event(1, currentTime="9" * 5000),
    "a huge exponent": lambda: event(1, currentTime="1e999999999"),
    "a huge user": lambda: with_user(10**5000),
    "no time": lambda: {**event(1), "timestamp": "yesterday"},
    "a time before all times": lambda: {**event(1), "timestamp": -(10**30)},
    "a long name": lambda: {**event(1), "name": "play_video" * 100_000},
    "a name of many lines": lambda: {**event(1), "name": "play_video\n\x1b[2J ERROR all is lost"},
    "a name that is no text": lambda: {**event(1), "name": ["play_video"]},
    "a name that cannot be read": lambda: {**event(1), "name": Text("play_video")},
    "no name": lambda: {"data": {}},
    "a name with half a pair": lambda: {**event(1), "name": "\ud800"},
    "itself": cyclic,
    "no keys of text": lambda: event(1) | {"data": {1: 2, None: 3, (4, 5): 6}},
    "things that are no JSON": lambda: event(1, thing=object(), more={1, 2}, raw=b"\xff"),
    "something that is read once": lambda: event(1, more=iter(())),
    "nothing": lambda: None,
    "text": lambda: "play_video",
    "a list": lambda: [event(1)],
    "a mapping that raises": Mine,
}


class TestPoison:
    """Row 23: one event costs neither its neighbours nor the process, nor much time."""

    @pytest.mark.parametrize("kind", [XAPITranslator, CaliperTranslator])
    @pytest.mark.parametrize("poison", POISON)
    def test_row_23_poison(self, make, server, kind, poison):
        """It is delivered, or counted and kept, and its neighbours arrive."""
        letters = MemoryDeadLetters()
        translate = translator(kind, on_error=TranslationLetters(letters))
        router = make(consumer(server.url, translate.protocol))
        if translate.protocol == "caliper":
            server.default = caliper()
        backend = EventRoutingBackend(processors=[translate], backends={"router": router})
        evil = POISON[poison]()
        good = [event(10 + number) for number in range(20)]
        expected = {each["id"] for e in good for each in translator(kind).translate(e)}
        began = time.monotonic()
        backend.send_many([*good[:10], evil, *good[10:]])
        assert router.flush(PATIENCE)

        assert time.monotonic() - began < LIMIT
        assert expected <= set(server.stored)
        counts = balance(router)
        translated = translate.stats()
        skipped = sum(n for name, n in translated.items() if name.startswith("skipped:"))
        rejected = sum(n for name, n in translated.items() if name.startswith("rejected:"))
        done = backend.stats()
        assert done["received"] == 21
        dropped = sum(n for name, n in done.items() if name.startswith("dropped:"))
        assert 21 == done["processed"] + done.get("filtered", 0) + dropped
        assert 21 == translated["translated"] + skipped + rejected + dropped
        assert rejected == len(letters)
        others = counts["delivered"] - len(expected)
        assert (others + counts["dead"] > 0) == (translated["translated"] == 21)
        assert counts["dead"] == len(router.dead_letters)
        backend.send(event(99))
        assert router.flush(PATIENCE)
        assert balance(router)["delivered"] == counts["delivered"] + len(
            translator(kind).translate(event(99))
        )

    @pytest.mark.parametrize("name", ["site.fails", "site.endless"])
    def test_row_23_raw_input_is_kept(self, name):
        """The letter of an event that a translator fails on holds what came in, as JSON."""
        letters = MemoryDeadLetters()
        translate = translator(on_error=TranslationLetters(letters, protocol="xapi"))
        bad = event(1) | {"name": name}
        assert list(translate.translate_many([bad])) == []

        (letter,) = letters
        assert letter.reason == "translation_failed"
        assert letter.event == from_json(to_json(bad))

    @pytest.mark.parametrize("poison", POISON)
    def test_row_23_real_time(self, poison):
        """The backend in the LMS survives it too, and hands on what it can."""
        taken = []
        backend = RealTimeBackend(enqueue=taken.append)
        began = time.monotonic()
        for each in (event(1), POISON[poison](), event(2)):
            backend.send(each)

        assert time.monotonic() - began < LIMIT
        names = [each["data"]["id"] for each in (taken[0], taken[-1])]
        assert names == ["video-1", "video-2"]
        assert all(json.dumps(each, allow_nan=False) for each in taken)
        counts = backend.stats()
        assert 3 - len(taken) == sum(
            n for name, n in counts.items() if name.startswith("dropped:")
        ) + counts.get("filtered", 0)

    @pytest.mark.parametrize(
        "pattern", ["*a*a*a*a*a*a*a*b", "?" * 500 + "*b", "re:(a+)+$", "re:(a|a)*c", "re:(.*)*x"]
    )
    @pytest.mark.parametrize("field", ["event", "user", "course"])
    def test_row_23_evil_pattern(self, pattern, field):
        """A pattern takes a time in proportion to what it looks at, whatever an event holds."""
        chosen = Filter(allow=[{field: pattern}])
        long = "a" * 200_000 + "!"
        evil = event(1) | {"name": long, "context": {"username": long, "course_id": long}}
        began = time.monotonic()
        for _ in range(3):
            assert not chosen.accepts(evil)

        assert time.monotonic() - began < LIMIT


class TestNobodyWants:
    """Row 24: events that go nowhere are counted, and whoever sent them is told all is well."""

    @pytest.mark.parametrize("way", ["one", "many"])
    def test_row_24_counted(self, make, server, way):
        """Each is counted where it ended, by hooks as well, and none is an error."""
        told = []
        remove = add_hook(told.append)
        accept = Filter(deny=[{"org": "Secret"}])
        translate = translator()
        router = make(consumer(server.url, allow=[{"course": COURSE}]))
        backend = EventRoutingBackend(processors=[accept, translate], backends={"router": router})
        elsewhere = event(2)
        elsewhere["context"] = {**elsewhere["context"], "course_id": "course-v1:O+C+R"}
        secret = event(3)
        secret["context"] = {**secret["context"], "org_id": "Secret"}
        events = [
            event(1),
            elsewhere,
            secret,
            {**event(4), "name": "nobody.knows.this"},
            {**event(5), "name": "/some/page"},
        ]
        try:
            if way == "many":
                backend.send_many(events)
            else:
                for each in events:
                    backend.send(each)
            assert router.flush(PATIENCE)
        finally:
            remove()

        assert len(server.stored) == 1
        assert {"received": 5, "filtered": 3, "processed": 2} == backend.stats()
        assert {"accepted": 4, "filtered": 1} == accept.stats()
        assert {
            "translated": 2,
            "skipped:unknown_event": 1,
            "skipped:implicit_event": 1,
        } == translate.stats()
        counts = balance(router)
        assert (1, 1, 1) == (counts["routed"], counts["unwanted"], counts["delivered"])
        assert 3 == sum(each.number for each in told if each.what == "filtered")
        untranslated = [each.reason for each in told if each.what == "untranslated"]
        assert sorted(untranslated) == ["implicit_event", "unknown_event"]


def over_the_wire(event):
    """What is left of an event when a bus has carried it."""
    return json.loads(to_json(event))


class TestTwice:
    """Row 26: the same event again."""

    @pytest.mark.parametrize("kind", [XAPITranslator, CaliperTranslator])
    def test_row_26_same_bytes(self, kind):
        """Whoever translates it, whenever and however it came: the same id and the same bytes."""
        forms = [event(1), over_the_wire(event(1)), over_the_wire(over_the_wire(event(1)))]
        written = {json.dumps(translator(kind).translate(form)) for form in forms for _ in range(2)}

        assert len(written) == 1

    def test_row_26_delivered_twice_by_the_bus(self, make, server):
        """It is stored once, whether the second one comes at once or later."""
        router = make(consumer(server.url))
        backend = EventRoutingBackend(processors=[translator()], backends={"router": router})
        backend.send_many([event(1), event(2), event(1), over_the_wire(event(2))])
        assert router.flush(PATIENCE)
        backend.send(over_the_wire(event(1)))
        assert router.flush(PATIENCE)

        assert len(server.stored) == 2
        for request in server.requests:
            assert len(set(request.ids)) == len(request.ids)
        counts = balance(router)
        assert (5, 0, 0) == (counts["delivered"], counts["dead"], counts["retries"])

    def test_row_26_two_backends(self, make, server):
        """Two chains in two routers to one receiver: one copy, and no conflict."""
        answers = []

        def note(server, connection, request):
            status, body = server.decide(request)
            answers.append(status)
            return respond(status, body)(server, connection, request)

        server.default = note
        routers = [make(consumer(server.url)), Router([consumer(server.url)])]
        backend = EventRoutingBackend(
            backends={
                name: EventRoutingBackend(processors=[translator()], backends={"router": router})
                for name, router in zip("ab", routers, strict=True)
            }
        )
        backend.send_many(map(event, range(30)))
        for router in routers:
            assert router.flush(PATIENCE)

        assert len(server.stored) == 30
        assert 409 not in answers
        for router in routers:
            assert balance(router)["delivered"] == 30

    def test_row_26_an_event_that_differs_has_another_id(self):
        """What is not the same event is never taken for it."""
        forms = [event(1), event(2), event(1, id="other"), {**event(1), "name": "pause_video"}]
        other = event(1)
        other["context"] = {**other["context"], "user_id": 5}
        ids = [translator().translate(form)[0]["id"] for form in [*forms, other]]

        assert len(set(ids)) == 5


def as_logged(live):
    """Write a live event as the tracking log does: one line, with other names for its parts."""
    context = dict(live["context"])
    line = {
        "name": live["name"],
        "event_type": live["name"],
        "time": live["timestamp"],
        "event": live["data"],
        "context": {k: v for k, v in context.items() if k not in _OUTSIDE},
        **{k: context[k] for k in _OUTSIDE if k in context},
    }
    return "Feb  3 04:05:06 host [tracking]: " + json.dumps(line)


_OUTSIDE = (
    "username",
    "session",
    "ip",
    "agent",
    "host",
    "referer",
    "accept_language",
    "event_source",
    "page",
)


def live_cases():
    """Give the events of all golden cases that are in the live shape."""
    for path in GOLDEN:
        found = json.loads(path.read_text("utf-8"))["event"]
        if "timestamp" in found and "data" in found and "context" in found:
            yield found


class TestReplay:
    """Row 27: the batch path over events that have been delivered live."""

    def test_row_27_equal_statements(self, make):
        """The receiver sees what it has already: no conflict, and nothing new."""
        live = list(live_cases())
        with Receiver() as lrs:
            router = make(consumer(lrs.url))
            backend = EventRoutingBackend(processors=[translator()], backends={"r": router})
            backend.send_many(live)
            assert router.flush(PATIENCE)
            stored = lrs.statements()
            counts = balance(router)
            assert counts["delivered"] >= len(stored) > 150
            assert counts["dead"] == 0
            replayed = 0
            for each in live:
                again = parse_line(as_logged(each))
                for document in _translate(translator(), again):
                    answer = requests.post(
                        f"{lrs.url}/statements", json=[document], headers=VERSION, timeout=PATIENCE
                    )
                    assert (200, each["name"]) == (answer.status_code, each["name"])
                    replayed += 1

            assert lrs.statements() == stored
            assert replayed == counts["delivered"]

    def test_row_27_by_the_router(self, make):
        """The same through a router, in batches: all count as delivered, in few requests."""
        live = list(live_cases())
        with Receiver() as lrs:
            router = make(consumer(lrs.url))
            backend = EventRoutingBackend(processors=[translator()], backends={"r": router})
            backend.send_many(live)
            assert router.flush(PATIENCE)
            before = balance(router)
            stored = lrs.statements()
            backend.send_many(parse_line(as_logged(each)) for each in live)
            assert router.flush(PATIENCE)
            after = balance(router)

            assert lrs.statements() == stored
        assert after["delivered"] == 2 * before["delivered"]
        assert (0, 0) == (after["dead"], after["retries"])
        assert after["requests"] < 60

    @pytest.mark.parametrize("kind", [XAPITranslator, CaliperTranslator])
    def test_row_27_both_shapes(self, kind):
        """In both protocols the log gives what the live event gave, to the byte."""
        for each in live_cases():
            documents = _translate(translator(kind), each)
            assert _translate(translator(kind), parse_line(as_logged(each))) == documents


def _translate(translate, given):
    try:
        return translate.translate(given)
    except UnsupportedEvent:
        return []
