"""What holds for every event, however odd."""

import copy
import json
import uuid

import pytest
from event_strategies import COURSES, any_events, known_events, times
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit import (
    CaliperTranslator,
    DropEvent,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
)
from eventkit.events.shapes import mobile
from eventkit.validation import event_errors, statement_errors

PERSONAL = ("zz_secret", "203.0.113.77", "ZzSecretAgent", "mail.example.org")
ROOT_FIELDS = ("username", "session", "ip", "agent", "host", "referer", "event_source", "page")


def identity(user, system):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{system}:{user}"))


def make(translator, dialect):
    return translator(
        lms_root="https://lms.example.org",
        identity=identity,
        courses={COURSES[0]: "Plant Biology"},
        dialect=dialect,
    )


XAPI = make(XAPITranslator, "standard")
CALIPER = make(CaliperTranslator, "standard")
STANDARD = pytest.mark.parametrize("translator", [XAPI, CALIPER], ids=["xapi", "caliper"])
ALL = pytest.mark.parametrize(
    "translator",
    [XAPI, CALIPER, make(XAPITranslator, "erb"), make(CaliperTranslator, "erb")],
    ids=["xapi", "caliper", "xapi erb", "caliper erb"],
)


def as_log_line(event):
    """Write a live event the way the platform logs it, with what devices send rewritten."""
    context = dict(event["context"])
    payload = event["data"]
    if event["name"] in mobile.NAMES and isinstance(payload, dict):
        payload = mobile.as_logged(payload, context)
    return {
        "event_type": event["name"],
        "time": event["timestamp"],
        "event": json.dumps(payload) if context["event_source"] != "server" else payload,
        **{field: context.pop(field) for field in ROOT_FIELDS if field in context},
        "context": context,
    }


def outcome(translator, event):
    try:
        return translator.translate(event)
    except (UnsupportedEvent, TranslationError) as error:
        return error.reason


def documents_of(translator, event):
    made = outcome(translator, event)
    return [] if isinstance(made, str) else made


@ALL
@given(event=any_events() | known_events())
@settings(max_examples=400)
def test_translates_or_drops(translator, event):
    """There is no third way out, no accident on the way, and the input stays as it was."""
    before = copy.deepcopy(event)
    reason = outcome(translator, event)
    try:
        translation = translator(event)
    except DropEvent:
        translation = None

    assert repr(event) == repr(before)
    assert reason != "internal_error"
    if translation is not None:
        assert translation["documents"] == reason


@STANDARD
@given(event=known_events())
@settings(max_examples=600)
def test_documents_are_valid_and_can_be_sent(translator, event):
    """In ``standard`` whatever comes out follows the specification and is UTF-8 JSON."""
    errors = statement_errors if translator is XAPI else event_errors
    for document in documents_of(translator, event):
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
        assert errors(document) == []


@ALL
@given(event=known_events())
@settings(max_examples=400)
def test_nothing_personal_leaves(translator, event):
    """No username, e-mail address, IP address or agent of the context is in the output."""
    written = json.dumps(documents_of(translator, event))

    assert [token for token in PERSONAL if token in written] == []


@STANDARD
@given(event=known_events())
@settings(max_examples=400)
def test_both_shapes_give_equal_documents(translator, event):
    """A live event and its line in the log give the same documents, ids included."""
    try:
        line = json.dumps(as_log_line(event), allow_nan=False)
    except ValueError:  # no log can hold NaN or an infinity
        return

    if "Infinity" not in line and "NaN" not in line:
        assert outcome(translator, event) == outcome(translator, json.loads(line))


@STANDARD
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["play_video", "pause_video", "seek_video", "load_video"]),
            times,
            st.integers(min_value=1, max_value=5),
            st.sampled_from(COURSES),
            st.sampled_from(["v1", "v2", "v3"]),
        ),
        unique=True,
        max_size=20,
    )
)
def test_different_events_have_different_ids(translator, events):
    """Events that differ in name, time, learner, course or object have different ids."""
    ids = [
        translator.translate(
            {
                "name": name,
                "timestamp": time.isoformat(),
                "data": {"id": video},
                "context": {"user_id": user, "course_id": course},
            }
        )[0]["id"]
        for name, time, user, course, video in events
    ]

    assert len(set(ids)) == len(events)


@ALL
@given(event=known_events())
def test_translating_twice_gives_the_same(translator, event):
    """Translation depends on the event alone."""
    assert outcome(translator, event) == outcome(translator, copy.deepcopy(event))
