"""Events that no row knows: skipped, or on demand told by no more than their name and block."""

import json
import pickle

import pytest

from eventkit import ConfigurationError, DropEvent, HMACIdentity, UnsupportedEvent, XAPITranslator
from eventkit.events import catalogue
from eventkit.events.families.unknown import says_only_words
from eventkit.instrumentation import add_hook
from eventkit.router import early_filter
from eventkit.translators import CaliperTranslator
from eventkit.validation import event_errors, statement_errors

LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
BLOCK = "block-v1:Lakeside+BIO201+2025_T1+type@lab+block@l1"
NAME = "acme.virtual_lab.bench-v2.opened"
EVENT = {
    "name": NAME,
    "timestamp": "2025-04-01T10:11:12.131415+00:00",
    "data": {
        "step": "PAYLOAD-TEXT",
        "user_id": 99,
        "username": "payload_user",
        "course_id": "course-v1:Payload+P+P",
        "event_transaction_id": "PAYLOAD-CHAIN",
        "block_id": "block-v1:Payload+P+P+type@problem+block@p",
        "duration": 7654321,
    },
    "context": {
        "user_id": 4711,
        "username": "marisol_quiroga",
        "course_id": COURSE,
        "path": "/courses/x/xblock/y/handler/z",
        "module": {"usage_key": BLOCK, "display_name": "Virtual lab"},
    },
}
BOTH = pytest.mark.parametrize("make", [XAPITranslator, CaliperTranslator])


def translator(make, **options):
    return make(lms_root=LMS, identity=HMACIdentity("only tests use this"), **options)


def generic(make, **options):
    return translator(make, unknown="generic", validate=True, **options)


def logged(event):
    context = {key: value for key, value in event["context"].items() if key != "username"}
    return {
        "name": event["name"],
        "event_type": event["name"],
        "username": event["context"]["username"],
        "time": event["timestamp"],
        "event": event["data"],
        "event_source": "server",
        "context": context,
    }


def refused(translating, event):
    with pytest.raises(UnsupportedEvent) as caught:
        translating.translate(event)
    assert caught.value.name == ""
    return caught.value.reason


class TestOff:
    """As it comes nothing is said of them."""

    @BOTH
    def test_skipped(self, make):
        translating = translator(make)

        assert refused(translating, EVENT) == "unknown_event"
        assert not translating.supports(NAME)
        assert translating.stats() == {"skipped:unknown_event": 1}


class TestGeneric:
    def test_statement(self):
        (statement,) = generic(XAPITranslator).translate(EVENT)

        assert statement["verb"]["id"] == "http://adlnet.gov/expapi/verbs/interacted"
        assert statement["object"] == {
            "objectType": "Activity",
            "id": f"{LMS}/xblock/{BLOCK}",
            "definition": {
                "type": "http://id.tincanapi.com/activitytype/resource",
                "name": {"und": "Virtual lab"},
            },
        }
        assert "result" not in statement
        extensions = {
            key.rpartition("/")[2]: value
            for key, value in statement["context"]["extensions"].items()
        }
        assert extensions.pop("event-name") == NAME
        assert set(extensions) == {"transformer-version"}
        assert statement["context"]["contextActivities"]["parent"][0]["id"].endswith(COURSE)
        assert statement_errors(statement) == []

    def test_caliper(self):
        (event,) = generic(CaliperTranslator).translate(EVENT)

        assert (event["type"], event["action"]) == ("Event", "Used")
        assert event["object"]["id"] == f"{LMS}/xblock/{BLOCK}"
        assert event["actor"]["type"] == "Person"
        assert NAME in event["extensions"].values()
        assert event_errors(event) == []

    @BOTH
    def test_nothing_of_the_payload(self, make):
        translating = generic(make, include_text=True)
        plain = {**EVENT, "data": {}}

        assert translating.translate(EVENT) == translating.translate(plain)
        assert "ayload" not in json.dumps(translating.translate(EVENT))
        assert "PAYLOAD" not in translating.write(EVENT)[0].decode()
        assert json.loads(translating.write(EVENT)[0]) == translating.translate(EVENT)[0]

    @BOTH
    def test_live_and_logged(self, make):
        translating = generic(make)

        assert translating.translate(logged(EVENT)) == translating.translate(EVENT)

    @BOTH
    def test_course_is_that_of_the_block(self, make):
        context = {key: value for key, value in EVENT["context"].items() if key != "course_id"}
        (document,) = generic(make).translate({**EVENT, "context": context})

        written = json.dumps(document)
        assert f"/course/{COURSE}" in written
        assert "Payload+P+P" not in written

    @BOTH
    def test_whole_seconds_tell_events_apart(self, make):
        """Two events of one second are two, though nothing of their payload is seen."""
        translating = generic(make)
        first = {**EVENT, "timestamp": "2025-04-01T10:11:12+00:00"}
        second = {**first, "data": {"other": True}}

        ids = {translating.translate(each)[0]["id"] for each in (first, second)}
        assert len(ids) == 2

    @BOTH
    def test_counts(self, make):
        translating = generic(make)
        translating.translate(EVENT)
        translating.translate(known := {**EVENT, "name": "oppia.exploration.loaded"})
        with pytest.raises(DropEvent):
            translating({**EVENT, "name": "/a/path"})

        assert catalogue().lists(known["name"])
        assert translating.stats() == {
            "translated": 2,
            "generic": 1,
            "skipped:implicit_event": 1,
        }

    @BOTH
    def test_supports(self, make):
        translating = generic(make)

        assert translating.supports(NAME)
        assert not translating.supports("/a/path")
        assert not translating.supports("somebody@example.org")
        assert not translating.supports("edx.user.settings.changed")

    @BOTH
    def test_rows_with_a_reason_stay_so(self, make):
        with pytest.raises(UnsupportedEvent) as caught:
            generic(make).translate({**EVENT, "name": "edx.user.settings.changed"})

        assert caught.value.reason == "not_translated"

    @BOTH
    def test_survives_pickling(self, make):
        again = pickle.loads(pickle.dumps(generic(make)))

        assert again.translate(EVENT) == generic(make).translate(EVENT)

    @BOTH
    def test_as_a_processor(self, make):
        translation = generic(make)(EVENT)

        assert translation["name"] == NAME
        assert len(translation["documents"]) == 1


class TestRefused:
    """What cannot be told without telling more is skipped, as it was."""

    @BOTH
    @pytest.mark.parametrize(
        "module",
        [None, {}, {"usage_key": ""}, {"usage_key": None}, {"display_name": "Lab"}, "block", 7],
    )
    def test_no_block(self, make, module):
        event = {**EVENT, "context": {**EVENT["context"], "module": module}}

        assert refused(generic(make), event) == "unknown_event"

    @BOTH
    @pytest.mark.parametrize(
        "name",
        [
            "lab.marisol_quiroga.opened",
            "lab.Marisol_Quiroga",
            "marisol_quiroga",
            "lab.payload_user.opened",
        ],
    )
    def test_names_that_name_somebody(self, make, name):
        assert refused(generic(make), {**EVENT, "name": name}) == "unknown_event"

    @BOTH
    def test_short_names_of_people(self, make):
        event = {**EVENT, "context": {**EVENT["context"], "username": "lab"}}

        assert refused(generic(make), {**event, "name": "acme.lab.opened"}) == "unknown_event"
        assert generic(make).translate({**event, "name": "acme.labour.opened"})

    @BOTH
    def test_nobody(self, make):
        context = {**EVENT["context"], "user_id": None, "username": ""}

        assert refused_by_name(generic(make), {**EVENT, "context": context}) == "no_user"

    @pytest.mark.parametrize(
        "name",
        [
            "/courses/x/handler/y",
            "courses/x",
            "https://lms.example.org",
            "lab opened",
            "lab..opened",
            ".lab",
            "lab.",
            "somebody@example.org",
            "lab.4711",
            "4711.lab",
            "lab4711",
            "block-v1:A+B+C+type@lab+block@l",
            "i4x-Org-Course-lab-x",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "e1f2a3b4.lab.9f8e7d",
            "lab\nopened",
            "läb",
            "lab%20x",
            "lab?x=1",
            "a" * 81,
        ],
    )
    def test_names_that_are_no_words(self, name):
        assert not says_only_words(name)
        for make in (XAPITranslator, CaliperTranslator):
            assert refused(generic(make), {**EVENT, "name": name}) in (
                "unknown_event",
                "implicit_event",
            )


def refused_by_name(translating, event):
    with pytest.raises(UnsupportedEvent) as caught:
        translating.translate(event)
    return caught.value.reason


class TestOptions:
    @BOTH
    @pytest.mark.parametrize("value", ["Generic", "standard", "", 1, True])
    def test_unknown_ways(self, make, value):
        with pytest.raises(ConfigurationError, match=r"^unknown: .*'generic'.*None"):
            translator(make, unknown=value)

    @BOTH
    def test_dialect_erb_sends_nothing_else(self, make):
        with pytest.raises(ConfigurationError, match=r"^unknown: .*fallback"):
            translator(make, unknown="generic", dialect="erb")

    @BOTH
    def test_dialect_erb_with_a_fallback(self, make):
        erb = generic(make, dialect="erb", fallback="standard")

        assert erb.supports(NAME)
        assert erb.translate(EVENT) == generic(make).translate(EVENT)

    @BOTH
    def test_early_filter_lets_them_through(self, make):
        """Rules judge them by their own names, as any other event."""
        consumer = {"id": "lrs", "protocol": "xapi", "url": "https://lrs.example.org/xapi"}
        wanted = [
            early_filter(consumers=[consumer | {"allow": allow}], reload=None).accepts(EVENT)
            for allow in ([{"event": "acme.*"}], [{"event": NAME}], [{"event": "play_video"}])
        ]

        assert wanted == [True, True, False]
        assert len(generic(make)(EVENT)["documents"]) == 1

    @BOTH
    def test_metrics_have_no_names_of_theirs(self, make):
        """Whoever makes up names must not make up series of metrics."""
        told = []
        remove = add_hook(told.append)
        try:
            generic(make).translate(EVENT)
            generic(make).translate({**EVENT, "name": "oppia.exploration.loaded"})
        finally:
            remove()

        assert [(each.what, each.name) for each in told] == [
            ("translated", ""),
            ("translated", "oppia.exploration.loaded"),
        ]

    def test_with_pages(self):
        both = generic(XAPITranslator, implicit=True)

        assert both.supports("/courses/x")
        assert both.supports(NAME)
