"""Payloads that are damaged, or hold what is no number: nothing is guessed, no more is lost."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from eventkit import (
    CaliperTranslator,
    HMACIdentity,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
    parse_line,
)

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*/*.json"))
OPTIONS = {
    "lms_root": "https://lms.example.org",
    "identity": HMACIdentity("a secret that is long enough for the tests"),
}
TRANSLATORS = {
    "xapi": XAPITranslator(**OPTIONS, implicit=True),
    "xapi erb": XAPITranslator(**OPTIONS, dialect="erb"),
    "caliper": CaliperTranslator(**OPTIONS),
    "caliper erb": CaliperTranslator(**OPTIONS, dialect="erb"),
}
FORM = "input_abc_2_1=choice_0&input_abc_3_1=%7B7"


def cases():
    for path in GOLDEN:
        event = json.loads(path.read_text(encoding="utf-8"))["event"]
        payload = event.get("data", event.get("event"))
        if isinstance(payload, str) and payload.startswith("{"):
            payload = json.loads(payload)
        if payload and isinstance(payload, dict) and path.parent.name != "implicit":
            yield path.stem, event, payload


CASES = list(cases())


def logged(event, payload):
    """An event as a line of a log has it, with the text of a payload."""
    rest = {key: value for key, value in event.items() if key not in ("data", "event", "timestamp")}
    time = event.get("timestamp") or event.get("time")
    return {**rest, "event_type": event.get("event_type", event.get("name")), "time": time} | {
        "event": payload
    }


def became(translator, event):
    try:
        return translator.translate(event)
    except (TranslationError, UnsupportedEvent) as error:
        return error.reason


@pytest.mark.parametrize("kind", TRANSLATORS)
@pytest.mark.parametrize("whole", [json.dumps, lambda payload: json.dumps(json.dumps(payload))])
def test_a_payload_that_was_cut_off_is_unreadable(kind, whole):
    """In both shapes, wherever the cut is: no document is made of what is left."""
    translator = TRANSLATORS[kind]
    seen = 0
    for name, event, payload in CASES:
        text = whole(payload)
        if isinstance(became(translator, logged(event, text)), str):
            continue
        for cut in {1, len(text) // 2, len(text) - 1}:
            torn = text[:cut]
            live = {
                **{key: value for key, value in event.items() if key != "event"},
                "timestamp": event.get("timestamp") or event.get("time"),
                "data": torn,
            }
            assert became(translator, logged(event, torn)) == "unreadable", (name, cut)
            assert became(translator, live) == "unreadable", (name, cut)
        seen += 1
    assert seen > 1


def test_what_browsers_post_is_no_damaged_json():
    event = json.loads(
        (GOLDEN[0].parents[1] / "problem" / "problem_check.browser.json").read_text()
    )

    assert isinstance(became(TRANSLATORS["xapi"], event["event"] | {"data": FORM}), list)


def test_what_is_said_of_a_request_may_be_cut_off():
    """The platform cuts it off itself, and nobody needs it."""
    page = "/courses/course-v1:edX+D+1/courseware/"
    event = {
        "event_type": page,
        "event_source": "server",
        "time": "2024-03-01T10:00:00.123456+00:00",
        "username": "zofia",
        "page": None,
        "context": {"user_id": 7, "path": page, "course_id": "course-v1:edX+D+1"},
        "event": '{"POST": {}, "GET": {"x": ["',
    }
    assert len(TRANSLATORS["xapi"].translate(event)) == 1


def places(value, path=()):
    """Where numbers stand in a payload."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(each, (*path, index))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path


def placed(payload, path, value):
    copy = json.loads(json.dumps(payload))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copy


@pytest.mark.parametrize("kind", TRANSLATORS)
@pytest.mark.parametrize("as_text", [False, True])
def test_what_is_no_number_is_as_if_it_were_not_there(kind, as_text):
    """A line with NaN or Infinity is read, and means what it means with null; in text too."""
    translator = TRANSLATORS[kind]
    kept = 0
    for name, event, payload in CASES:
        for path in places(payload):
            bad, none = (placed(payload, path, value) for value in (math.nan, None))
            bad, none = (json.dumps(bad), json.dumps(none)) if as_text else (bad, none)
            line = json.dumps(logged(event, bad))
            found = became(translator, parse_line(line))
            assert found == became(translator, logged(event, none)), (name, path)
            kept += isinstance(found, list)
    assert kept > 50


@pytest.mark.parametrize("kind", TRANSLATORS)
def test_numbers_beyond_all_bounds(kind):
    """1e999 is JSON, and infinite once it is read; what is written is JSON all the same."""
    translator = TRANSLATORS[kind]
    for name, event, payload in CASES:
        for path in places(payload):
            text = json.dumps(placed(payload, path, math.inf)).replace("Infinity", "1e999")
            line = json.dumps(logged(event, "?")).replace('"?"', text)
            parsed = parse_line(line)
            assert became(translator, parsed) != "not_serialisable", (name, path)
            if isinstance(became(translator, parsed), list):
                for written in translator.write(parsed):
                    assert b"Infinity" not in written
                    json.loads(written, parse_constant=lambda _: pytest.fail("no JSON"))


@pytest.mark.parametrize("kind", TRANSLATORS)
def test_live_events_with_what_is_no_number(kind):
    """Either all documents of an event can be written, or there is none of them."""
    translator = TRANSLATORS[kind]
    for name, event, payload in CASES:
        for path in places(payload):
            bad = placed(payload, path, math.nan)
            rest = {key: value for key, value in event.items() if key not in ("data", "event")}
            live = rest | {"timestamp": event.get("timestamp") or event.get("time"), "data": bad}
            found = became(translator, live)
            if isinstance(found, list):
                assert json.dumps(found, allow_nan=False), (name, path)
