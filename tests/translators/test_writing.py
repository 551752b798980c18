"""What a batch job writes is what a router would be given."""

import json
import math
import threading
from pathlib import Path

import pytest
from event_strategies import any_events, known_events
from hypothesis import example, given
from hypothesis import strategies as st

from eventkit import (
    CaliperTranslator,
    ConfigurationError,
    HMACIdentity,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
)
from eventkit.base.counting import Tally
from eventkit.base.json import dumps
from eventkit.events import Action, Row, Statement
from eventkit.events.shapes.iris import COMPLETED
from eventkit.testing import golden_cases

EVENTS = [
    json.loads(path.read_text("utf-8"))["event"]
    for path in golden_cases(Path(__file__).parents[1] / "golden")
]


def translator(make, **options):
    return make(
        lms_root="https://lms.example.org",
        identity=HMACIdentity("only tests use this"),
        courses={"course-v1:Lakeside+BIO201+2025_T1": 'Plant "Biology" \\ Ökologie'},
        **options,
    )


def email(user):
    return f"{user}@example.org".replace(" ", "")


WAYS = {
    "xapi": translator(XAPITranslator),
    "xapi with texts": translator(XAPITranslator, include_text=True, implicit=True),
    "xapi with mbox": translator(XAPITranslator, actor="mbox", email=email),
    "xapi with sha1": translator(XAPITranslator, actor="mbox_sha1sum", email=email),
    "xapi validated": translator(XAPITranslator, validate=True),
    "xapi erb": translator(XAPITranslator, dialect="erb", fallback="standard"),
    "caliper": translator(CaliperTranslator),
    "caliper with texts": translator(CaliperTranslator, include_text=True),
    "caliper validated": translator(CaliperTranslator, validate=True),
    "caliper erb": translator(CaliperTranslator, dialect="erb", fallback="standard"),
}


def outcome(act, event):
    """Give what became of an event, its failure included."""
    try:
        return act(event)
    except (TranslationError, UnsupportedEvent) as error:
        return type(error), error.reason


def agree(translator, event):
    """Tell whether both ways lead to the same end; give that end."""
    made = outcome(translator.translate, event)
    written = outcome(translator.write, event)
    if isinstance(made, list):
        if any("id" not in document["object"] for document in made):
            made = (TranslationError, "no_object")
        else:
            made = [dumps(document) for document in made]
    assert written == made
    return made


@pytest.mark.parametrize("way", WAYS)
def test_all_events(way):
    """Byte for byte, the order of members included."""
    found = [agree(WAYS[way], event) for event in EVENTS]

    assert sum(isinstance(each, list) for each in found) > 80
    assert all(b"\n" not in text for each in found if isinstance(each, list) for text in each)


@pytest.mark.parametrize("way", WAYS)
@given(st.data())
def test_odd_events(way, data):
    """However odd an event is."""
    agree(WAYS[way], data.draw(known_events() | any_events()))


def holds_no_json(value):
    """Tell whether there is a null in it, or what is no number."""
    if isinstance(value, dict):
        return any(map(holds_no_json, value.values()))
    if isinstance(value, list):
        return any(map(holds_no_json, value))
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def places(value):
    """Give every place in JSON, as the container and the key."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield value, key
        if isinstance(item, (dict, list)):
            yield from places(item)


@pytest.mark.parametrize("way", ["xapi with texts", "caliper with texts"])
def test_own_rows_need_not_be_checked(way):
    """
    Whatever in an event has no value, or is no number, documents hold none of it.

    What rows of eventkit make is written without looking for it.
    """
    nan = float("nan")
    tried = 0
    for event in json.loads(json.dumps(EVENTS)):
        if isinstance(event.get("event"), str) and event["event"].startswith("{"):
            event["event"] = json.loads(event["event"])
        for container, key in places(event):
            before = container[key]
            for odd in (None, nan, -float("inf"), [None, nan], {"a": None, "b": nan}):
                container[key] = odd
                made = outcome(WAYS[way].translate, event)
                if isinstance(made, list):
                    tried += 1
                    assert not holds_no_json(made), (event, key)
            container[key] = before

    assert tried > 10_000


class TestWhoIsNotPlain:
    """What comes from a site's own code is escaped."""

    @given(st.text())
    @example('" \\ \n')
    def test_courses(self, name):
        """The look-up of names may give any text."""
        for make in (XAPITranslator, CaliperTranslator):
            made = make(
                lms_root="https://lms.example.org",
                identity=HMACIdentity("only tests use this"),
                courses=lambda _: name,
            )
            agree(made, EVENTS[0])


def own(target):
    return Row(("site.own",), xapi=Statement(COMPLETED, lambda _: target))


EVENT = {
    "name": "site.own",
    "timestamp": "2026-01-12T10:00:00.5+00:00",
    "context": {"user_id": 7},
    "data": {},
}


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes"])
def test_what_is_not_json_is_not_written(value):
    """A broken row costs its own event, and the reason says so."""
    made = translator(XAPITranslator, events=[own({"id": "urn:x", "odd": value})])

    with pytest.raises(TranslationError, match="not_serialisable"):
        made.write(EVENT)
    assert made.stats() == {"rejected:not_serialisable": 1}


def test_both_ways_are_counted():
    """What is written has been translated."""
    made = translator(XAPITranslator, events=[own({"id": "urn:x"})])
    made.write(EVENT)
    made.translate(EVENT)

    assert made.stats() == {"translated": 2}


@pytest.mark.parametrize(
    "words", [('Media"Event', "Started"), ("MediaEvent", "Sta rted"), ("", "x")]
)
def test_words_of_caliper(words):
    """A row of a site's own cannot break the JSON around its words."""
    kind, action = words

    with pytest.raises(ConfigurationError, match="MediaEvent"):
        Action(kind, action, lambda _: {}, "MediaProfile")


class TestCounters:
    """The quick way of counting."""

    def test_they_count_with_the_others(self):
        """Whichever way something was counted."""
        tally = Tally()
        count = tally.counter("a")
        assert tally.snapshot() == {}

        for _ in range(3):
            count()
        tally.add("a", 2)
        tally.add("b")

        assert tally.snapshot() == {"a": 5, "b": 1}
        assert tally["a"] == 5
        assert tally.counter("a") is not None
        assert tally["a"] == 5

    def test_a_child_starts_from_nothing(self):
        """It has the counters of its parent, but not what they counted."""
        tally = Tally()
        count = tally.counter("a")
        count()
        tally.renew()

        assert tally.snapshot() == {}
        count()
        assert tally.snapshot() == {"a": 1}

    def test_threads_lose_nothing(self):
        """Without a lock."""
        tally = Tally()
        count = tally.counter("a")

        def work():
            for _ in range(50_000):
                count()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert tally["a"] == 200_000
