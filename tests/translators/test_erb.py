"""Dialect ``erb`` equals event-routing-backends."""

import contextlib
import copy
import json
from pathlib import Path

import pytest

from eventkit import (
    CaliperTranslator,
    ConfigurationError,
    DropEvent,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
)
from eventkit.events import CATALOGUE, Row
from eventkit.testing import golden_cases
from eventkit.translators.erb.xapi_shapes import NAMES
from eventkit.validation import statement_errors

CASES = golden_cases(Path(__file__).parents[1] / "golden")

LEARNER = "32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"
OPTIONS = {
    "lms_root": "http://localhost:18000",
    "identity": lambda user, system: LEARNER,
    "courses": lambda course_id: "Demonstration Course",
    "transformer_version": "event-routing-backends@1.1.1",
}
ATTEMPT_ID = "http://id.tincanapi.com/extension/attempt-id"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
EVENT = {
    "name": "play_video",
    "timestamp": "2025-02-03T04:05:06.789+00:00",
    "data": {"id": "v", "current_time": 0, "duration": 61.5},
    "context": {"user_id": 3, "username": "marisol", "course_id": COURSE, "session": "s"},
}


@pytest.fixture(scope="module")
def erb():
    """A translator of the dialect."""
    return XAPITranslator(**OPTIONS, dialect="erb")


@pytest.fixture(scope="module")
def filled():
    """A translator of the dialect that turns to the other where it has nothing to say."""
    return XAPITranslator(**OPTIONS, dialect="erb", fallback="standard")


@pytest.fixture(scope="module")
def standard():
    """A translator of the other dialect."""
    return XAPITranslator(**OPTIONS)


def sent(translator):
    """Give the golden cases of which anything is sent."""
    found = set()
    for path in CASES:
        with contextlib.suppress(DropEvent):
            translator(json.loads(path.read_text("utf-8"))["event"])
            found.add(path.stem)
    return found


def peer_cases(folder):
    for path in sorted((folder / "peer_fixtures" / "raw").glob("*.json")):
        expected = json.loads((folder / "peer_fixtures" / "xapi" / path.name).read_text("utf-8"))
        expected = expected if isinstance(expected, list) else [expected]
        yield path.name, json.loads(path.read_text("utf-8")), expected


class TestPeerFixtures:
    """What event-routing-backends itself is tested to give."""

    def test_all_equal(self, erb, shared_data):
        """
        Every statement is equal, its id included.

        Two fixtures are lines of a log as its own reader of logs never hands them on, without the
        payload under ``data``; here lines are always read as that reader reads them.
        """
        cases = list(peer_cases(shared_data))
        different = [name for name, event, expected in cases if erb.translate(event) != expected]

        assert different == [
            "problem_check(server).list_answers.json",
            "problem_check(server,multiple_questions,correct).json",
        ]
        assert len(cases) == 42

    def test_lines_of_logs(self, erb, shared_data):
        """What differs in those two is what the payload says and the fixture does not."""
        for name, event, expected in peer_cases(shared_data):
            made = erb.translate(event)
            if made == expected:
                continue
            attempts = event["event"]["attempts"]
            first = next(iter(event["event"]["submission"].values()))

            assert made == erb.translate({**event, "data": event["event"]}), name
            assert [each["id"] for each in made] == [each["id"] for each in expected]
            for statement in made:
                definition = statement["object"]["definition"]
                assert definition["extensions"] == {ATTEMPT_ID: attempts}
                assert type(statement["result"]["success"]) is bool
            assert [each["result"] for each in made[1:]] == [
                each["result"] for each in expected[1:]
            ]
            assert made[0]["result"]["score"] == expected[0]["result"]["score"]
            assert made[0]["result"]["success"] is first["correct"]

    def test_standard_follows_the_specification(self, standard, shared_data):
        """In dialect ``standard`` the same events give valid statements, or are refused."""
        refused = []
        for name, event, _ in peer_cases(shared_data):
            try:
                statements = standard.translate(event)
            except TranslationError as error:
                refused.append((name, error.reason))
                continue
            assert [statement_errors(each) for each in statements] == [[]] * len(statements), name

        # The event names no problem at all; the peer makes a statement without an object id of it.
        assert refused == [("problem_check(browser).required.only.data.json", "no_object")]

    def test_inputs_are_not_changed(self, erb, standard, shared_data):
        """Translating leaves an event as it was."""
        for _, event, _ in peer_cases(shared_data):
            before = copy.deepcopy(event)
            erb.translate(event)
            with contextlib.suppress(TranslationError):
                standard.translate(event)

            assert event == before


class TestNames:
    """Which events the dialect covers."""

    def test_sixty_five(self):
        """The peer translates 65 names, and the tables know every one of them."""
        assert len(NAMES) == 65
        assert [name for name in NAMES if CATALOGUE.get(name) is None] == []


class TestFaults:
    """Faults that are kept on purpose; the specification has its way in ``standard``."""

    def test_position_zero_is_lost(self, erb, standard):
        """A ``current_time`` of 0 counts as missing."""
        time = "https://w3id.org/xapi/video/extensions/time"

        assert erb.translate(EVENT)[0]["result"] == {"extensions": {}}
        assert standard.translate(EVENT)[0]["result"]["extensions"][time] == 0.0

    def test_length_as_duration(self, erb):
        """A completed video says its length as the time spent, with two digits each."""
        completed = {**EVENT, "name": "complete_video"}

        assert erb.translate(completed)[0]["result"]["duration"] == "PT01M01.5S"

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "PT00S"), (195, "PT03M15S"), (12.346, "PT12.346S"), (90061.5, "P1DT01H01M01.5S")],
    )
    def test_durations(self, erb, seconds, text):
        """Days, hours, minutes and seconds are written as the peer writes them."""
        event = {**EVENT, "name": "complete_video", "data": {"id": "v", "duration": seconds}}

        assert erb.translate(event)[0]["result"]["duration"] == text

    def test_fail_label(self, erb, standard):
        """A course grade without a letter is called a failure."""
        event = {
            **EVENT,
            "name": "edx.grades.course.grade_calculated",
            "data": {"percent_grade": 0.4, "letter_grade": None},
        }
        key = "http://www.tincanapi.co.uk/activitytypes/grade_classification"

        assert erb.translate(event)[0]["result"]["extensions"] == {key: "Fail"}
        assert "extensions" not in standard.translate(event)[0]["result"]

    def test_nothing_of_nothing_is_success(self, erb, standard):
        """0 of 0 points is a success for the peer."""
        event = {
            **EVENT,
            "name": "edx.grades.problem.submitted",
            "data": {"problem_id": "p", "weighted_earned": 0, "weighted_possible": 0},
        }

        assert erb.translate(event)[0]["result"]["success"] is True
        assert "result" not in standard.translate(event)[0]

    def test_names_at_any_depth(self, erb):
        """A bare key is searched everywhere, so a nested user becomes the actor."""
        event = {**EVENT, "context": {"course_id": COURSE, "deep": {"user_id": 9}}}

        assert erb.translate(event)[0]["actor"]["account"]["name"] == LEARNER

    def test_no_object_is_never_handed_on(self, erb):
        """A statement without an object id is made, as by the peer, and dropped, as by the peer."""
        event = {
            "name": "problem_check",
            "timestamp": EVENT["timestamp"],
            "context": {"username": "marisol", "referer": "https://x.org/"},
        }

        assert "id" not in erb.translate(event)[0]["object"]
        with pytest.raises(DropEvent) as dropped:
            erb(event)
        assert dropped.value.reason == "no_object"

    def test_questions_of_a_browser(self, erb):
        """On a browser's check that holds several submissions the peer fails."""
        asked = {"answer": "a", "question": "q", "response_type": "stringresponse"}
        event = {
            **EVENT,
            "name": "problem_check",
            "data": {"problem_id": "p", "submission": {"p_2_1": asked, "p_3_1": asked}},
            "context": {
                **EVENT["context"],
                "event_source": "browser",
                "referer": "https://x.org/?activate_block_id=p",
            },
        }

        with pytest.raises(UnsupportedEvent) as refused:
            erb.translate(event)
        assert refused.value.reason == "not_in_erb"

    def test_a_question_of_which_nothing_is_known(self, erb):
        """Its result is empty, and there."""
        asked = {"answer": "a", "question": "q", "response_type": "stringresponse", "correct": True}
        event = {
            **EVENT,
            "name": "problem_check",
            "data": {
                "problem_id": "p",
                "submission": {"p_2_1": asked, "p_3_1": {"answer": None, "question": "q"}},
            },
            "context": {**EVENT["context"], "event_source": "server", "referer": "https://x.org/"},
        }

        assert erb.translate(event)[2]["result"] == {}

    def test_no_object_is_filled(self, erb, filled, standard):
        """Of such an event the peer sends nothing, so the fallback does, where it was asked for."""
        event = {
            "name": "problem_check",
            "timestamp": EVENT["timestamp"],
            "data": "input_i4x-Lakeside-BIO101-problem-leaf_2_1=a",
            "context": {
                "user_id": 3,
                "course_id": "Lakeside/BIO101/2013",
                "event_source": "browser",
                "referer": "https://x.org/",
            },
        }

        assert "id" not in erb.translate(event)[0]["object"]
        assert filled.translate(event) == standard.translate(event)
        assert filled(event)["documents"] == standard.translate(event)


LOST = pytest.mark.parametrize(
    "event",
    [
        {**EVENT, "context": {**EVENT["context"], "course_id": "Lakeside/BIO101/2013"}},
        {**EVENT, "context": {**EVENT["context"], "course_id": "lib:Lakeside:plants"}},
        {**EVENT, "timestamp": "2025-02-03T04:05:06.789"},
        {**EVENT, "timestamp": 1e18},
        {**EVENT, "name": None, "event_type": "play_video"},
        {**EVENT, "name": "seq_next", "data": {"id": "s", "old": 1}},
        {**EVENT, "name": "speed_change_video", "data": {"id": "v", "new_speed": 2}},
        {**EVENT, "name": "edx.bookmark.listed", "data": {"list_type": "all_courses"}},
    ],
    ids=[
        "old course",
        "no course key",
        "no offset",
        "no such year",
        "no name",
        "unknown alias",
        "number for text",
        "unknown event",
    ],
)


class TestWhatThePeerLoses:
    """Events of which the peer sends nothing: it does not know them, or raises on them."""

    @LOST
    def test_is_not_sent(self, erb, event):
        """Nothing is sent of them here either, and they are counted under a reason of their own."""
        before = erb.stats().get("skipped:not_in_erb", 0)

        with pytest.raises(UnsupportedEvent) as refused:
            erb.translate(event)

        assert refused.value.reason == "not_in_erb"
        assert erb.stats()["skipped:not_in_erb"] == before + 1
        with pytest.raises(DropEvent, match="not_in_erb"):
            erb(event)
        with pytest.raises(UnsupportedEvent, match="event-routing-backends"):
            erb.write(event)

    @LOST
    def test_is_as_in_standard_where_that_is_asked_for(self, filled, standard, event):
        """With ``fallback="standard"`` what becomes of it is what the other dialect says."""
        try:
            expected = standard.translate(event)
        except TranslationError as error:
            with pytest.raises(TranslationError, match=error.reason):
                filled.translate(event)
        else:
            assert filled.translate(event) == expected

    def test_what_nobody_translates_keeps_its_reason(self, erb):
        """What the other dialect does not translate either is skipped for its reason there."""
        for name, reason in (
            ("edx.unheard.of", "unknown_event"),
            ("problem_graded", "not_translated"),
        ):
            with pytest.raises(UnsupportedEvent) as refused:
                erb.translate({**EVENT, "name": name})

            assert refused.value.reason == reason

    def test_rows_of_others_need_the_fallback(self):
        """Rows that a site adds, and pages viewed, are none of the peer's."""
        row = Row(("my.event",), xapi=CATALOGUE.get("play_video").xapi, reason="Only for a test.")
        options = {**OPTIONS, "dialect": "erb", "events": [row], "implicit": True}
        alone = XAPITranslator(**options)
        filled = XAPITranslator(**options, fallback="standard")

        for name in ("my.event", "/courses/course-v1:a+b+c/progress"):
            assert not alone.supports(name)
            assert filled.supports(name)
        with pytest.raises(UnsupportedEvent, match="event-routing-backends"):
            alone.translate({**EVENT, "name": "my.event"})
        assert filled.translate({**EVENT, "name": "my.event"})

    def test_supports(self, erb, filled, standard):
        """What is said to be supported is what the peer translates; with the fallback, all."""
        names = {name for row in CATALOGUE for name in row.names}

        assert {name for name in names if erb.supports(name)} == NAMES
        assert {name for name in names if filled.supports(name)} == {
            name for name in names if standard.supports(name)
        }

    def test_golden_cases(self, erb):
        """
        Of all golden cases those are sent that the peer sends.

        Which these are was found by running it: all of which it knows the name, but for these.
        """
        lost = {
            "edx.course.enrollment.activated.by_staff",  # no course in the context
            "edx.special_exam.practice.attempt.created",  # a live event, and the peer reads logs
            "edx.special_exam.proctored.attempt.created",
            "edx.special_exam.timed.attempt.created",
            "problem_check.browser.old",  # no ``name``
            "problem_check.server.without_submission",
            "showanswer",
            "play_video.old_course",
            "speed_change_video",  # the speeds are numbers
        }

        assert sent(erb) == {
            path.stem
            for path in CASES
            if json.loads(path.read_text("utf-8"))["event"].get("name") in NAMES
            and path.stem not in lost
        }

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            (
                {"dialect": "erb", "fallback": "erb"},
                "fallback: unknown fallback 'erb'; expected one",
            ),
            ({"dialect": "erb", "fallback": True}, "fallback: unknown fallback True"),
            ({"dialect": "erb", "fallback": ["standard"]}, "fallback: unknown fallback"),
            ({"fallback": "standard"}, "set dialect to 'erb' or remove fallback"),
        ],
    )
    def test_wrong_fallbacks(self, option, message):
        """A fallback that there is not, or that would never be used, is a mistake."""
        for make in (XAPITranslator, CaliperTranslator):
            with pytest.raises(ConfigurationError, match=message):
                make(**OPTIONS, **option)

    def test_without_a_user_is_dropped(self, erb):
        """An anonymous visitor gives no statement in any dialect."""
        with pytest.raises(TranslationError) as refused:
            erb.translate({**EVENT, "context": {"course_id": COURSE}})

        assert refused.value.reason == "no_actor"


QUESTIONS = {
    **EVENT,
    "name": "problem_check",
    "data": {
        "problem_id": "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p",
        "attempts": 2,
        "success": "incorrect",
        "grade": 1,
        "max_grade": 2,
        "submission": {
            "p_2_1": {
                "response_type": "choiceresponse",
                "question": "Which?",
                "answer": ["a root", "a leaf"],
                "correct": True,
            },
            "p_3_1": {
                "response_type": "stringresponse",
                "question": "How?",
                "answer": "slowly",
                "correct": False,
            },
        },
    },
    "context": {**EVENT["context"], "event_source": "server", "referer": "https://x.org/"},
}


def as_line(event, *, is_text=False):
    """Give the line of the log of a live event."""
    context = dict(event["context"])
    return {
        "name": event["name"],
        "event_type": event["name"],
        "time": event["timestamp"],
        "event": json.dumps(event["data"]) if is_text else event["data"],
        **{
            key: context.pop(key)
            for key in ("username", "session", "event_source", "referer")
            if key in context
        },
        "context": context,
    }


class TestLinesOfLogs:
    """A line is read as the peer's own reader of logs reads it: its payload stands in ``data``."""

    @pytest.mark.parametrize("is_text", [False, True], ids=["object", "text"])
    @pytest.mark.parametrize("event", [EVENT, QUESTIONS], ids=["one", "several questions"])
    def test_as_the_live_event(self, erb, event, is_text):
        """The statements are those of the live event, ids included."""
        assert erb.translate(as_line(event, is_text=is_text)) == erb.translate(event)

    def test_caliper(self):
        """
        So are Caliper's events, but that the peer looks for the server's word in the context only.

        What it graded live it takes from a line for a submission by the browser.
        """
        translator = CaliperTranslator(**OPTIONS, dialect="erb")
        (live,) = translator.translate(QUESTIONS)
        (logged,) = translator.translate(as_line(QUESTIONS))

        assert translator.translate(as_line(EVENT)) == translator.translate(EVENT)
        assert (live["type"], live["action"]) == ("GradeEvent", "Graded")
        assert (logged["type"], logged["action"]) == ("AssessmentEvent", "Submitted")

    def test_several_questions(self, erb):
        """The values were found by running the peer on the line."""
        whole, first, second = erb.translate(as_line(QUESTIONS))

        assert [each["id"] for each in (whole, first, second)] == [
            "06f3d3db-9948-5d61-b804-5ad628597b37",
            "9510f0a6-3787-5633-9b45-022ff95faa3b",
            "03c79558-dc72-5479-a508-5ddbfdf92fd8",
        ]
        assert whole["object"]["objectType"] == "GroupActivity"
        # The first question's, as of the peer.
        assert whole["object"]["definition"]["description"] == {"en-US": "Which?"}
        assert whole["result"] == {
            "score": {"min": 0.0, "max": 2.0, "raw": 1.0, "scaled": 0.5},
            "success": True,
            "response": '["a root", "a leaf"]',
        }
        assert first["result"] == {"success": True, "response": '["a root", "a leaf"]'}
        assert second["result"] == {"success": False, "response": "slowly"}
        for statement in (whole, first, second):
            assert statement["object"]["definition"]["extensions"] == {ATTEMPT_ID: 2}


class TestPrivacy:
    """The one fault that is not kept."""

    @pytest.mark.parametrize(
        ("name", "data", "context"),
        [
            ("edx.ui.lms.link_clicked", {"target_url": "https://lms.example.org/u/marisol"}, {}),
            (
                "edx.ui.lms.outline.selected",
                {"target_url": "https://lms.example.org/u/marisol", "target_name": "Start"},
                {},
            ),
            ("edx.forum.thread.viewed", {"id": "6333"}, {"path": "/users/marisol/threads/6333"}),
        ],
    )
    def test_urls_that_name_people(self, erb, name, data, context):
        """
        An address does not carry a username out.

        Everything else of the statement, its id included, is as the peer has it.
        """
        event = {**EVENT, "name": name, "data": data, "context": EVENT["context"] | context}
        named = json.loads(json.dumps(event).replace("/marisol", "/somebody"))
        named["context"]["username"] = "somebody"
        (statement,) = erb.translate(event)
        (other,) = erb.translate(named)

        assert "marisol" not in json.dumps(statement)
        assert statement == other

    def test_mailbox_forms(self):
        """Hashed mailboxes hash the bare address, as the peer does; unknown people are dropped."""
        hashed = XAPITranslator(
            **OPTIONS,
            dialect="erb",
            actor="mbox_sha1sum",
            email=lambda user: "edx@example.com" if user == 3 else None,
        )

        actor = hashed.translate(EVENT)[0]["actor"]
        assert actor["mbox_sha1sum"].startswith("5ca50def")
        with pytest.raises(TranslationError, match="no_email"):
            hashed.translate({**EVENT, "context": {"user_id": 4, "course_id": COURSE}})
