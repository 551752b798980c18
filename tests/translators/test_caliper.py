"""The Caliper translator: equality in dialect ``erb``, ids, privacy, actors."""

import copy
import json
import pickle
import uuid
from pathlib import Path

import pytest

from eventkit import (
    CaliperTranslator,
    ConfigurationError,
    DropEvent,
    TranslationError,
    UnsupportedEvent,
)
from eventkit.events import CATALOGUE
from eventkit.testing import golden_cases
from eventkit.translators.erb.caliper import ROWS
from eventkit.validation import event_errors

LEARNER = "32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"
LMS = "http://localhost:18000"
OPTIONS = {
    "lms_root": LMS,
    "identity": lambda user, system: LEARNER,
    "courses": lambda course_id: "Demonstration Course",
    "transformer_version": "event-routing-backends@1.1.1",
}
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
EVENT = {
    "name": "play_video",
    "timestamp": "2025-02-03T04:05:06.789123+00:00",
    "data": {"id": "v", "currentTime": 0, "duration": 61.5},
    "context": {
        "user_id": 3,
        "username": "marisol",
        "course_id": COURSE,
        "session": "s",
        "event_source": "browser",
    },
}


def make(**options):
    return CaliperTranslator(**{**OPTIONS, **options})


def identity(user, system):
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{system}:{user}"))


def peer_cases(folder):
    for path in sorted((folder / "peer_fixtures" / "caliper").glob("*.json")):
        raw = folder / "peer_fixtures" / "raw" / path.name
        yield path.name, json.loads(raw.read_text("utf-8")), json.loads(path.read_text("utf-8"))


class TestPeerFixtures:
    """What event-routing-backends itself is tested to give."""

    def test_all_equal_but_for_ids(self, shared_data):
        """Every event is equal, apart from its id, which is random there."""
        translator = make(dialect="erb")
        different = []
        for name, event, expected in peer_cases(shared_data):
            (made,) = translator.translate(event)
            if made | {"id": None} != expected | {"id": None}:
                different.append(name)

        assert different == []
        assert len(list(peer_cases(shared_data))) == 19

    def test_standard_follows_the_specification(self, shared_data):
        """In dialect ``standard`` the same events are valid, or left out for a reason."""
        translator = make()
        left_out = {}
        for name, event, _ in peer_cases(shared_data):
            try:
                events = translator.translate(event)
            except (UnsupportedEvent, TranslationError) as error:
                left_out[name] = error.reason
                continue
            assert events, name
            assert [event_errors(each) for each in events] == [[]] * len(events), name

        assert left_out == {
            "problem_check(browser).json": "not_translated",
            "problem_check(browser).required.only.data.json": "no_object",
        }


class TestErb:
    """Dialect ``erb`` beyond the fixtures."""

    def test_names(self):
        """The peer translates these names, and the tables know every one of them."""
        assert len(ROWS) == 35
        assert [name for name in ROWS if CATALOGUE.get(name) is None] == []

    def test_position_zero_is_lost(self):
        """A position of 0 counts as missing there; ``standard`` keeps it."""
        assert "currentTime" not in make(dialect="erb").translate(EVENT)[0]["target"]
        assert make().translate(EVENT)[0]["target"]["currentTime"] == "PT0S"

    @pytest.mark.parametrize(
        "event",
        [
            {**EVENT, "context": {**EVENT["context"], "course_id": "Lakeside/BIO101/2013"}},
            {**EVENT, "timestamp": "2025-02-03T04:05:06.789"},
            {**EVENT, "name": None, "event_type": "play_video"},
        ],
        ids=["old course", "no offset", "no name"],
    )
    def test_what_the_peer_loses(self, event):
        """An event on which the peer raises is not sent, unless the fallback is asked for."""
        with pytest.raises(UnsupportedEvent) as refused:
            make(dialect="erb").translate(event)

        assert refused.value.reason == "not_in_erb"
        assert make(dialect="erb", fallback="standard").translate(event) == make().translate(event)

    def test_supports(self):
        """What is said to be supported is what the peer translates; with the fallback, all."""
        names = {name for row in CATALOGUE for name in row.names}
        erb, filled = make(dialect="erb"), make(dialect="erb", fallback="standard")

        assert {name for name in names if erb.supports(name)} == set(ROWS)
        assert all(filled.supports(name) == make().supports(name) for name in names)

    def test_golden_cases(self):
        """
        Of all golden cases those are sent that the peer sends.

        Which these are was found by running it: all of which it knows the name, but for these.
        """
        lost = {
            "edx.course.enrollment.activated.by_staff",  # no course in the context
            "edx.ui.lms.sequence.outline.selected",  # no id in the payload
            "problem_check.browser.old",  # no ``name``
            "problem_check.server.without_submission",
            "showanswer",
            "edx.video.played.mobile",  # the position is text
            "play_video.old_course",
        }
        events = {
            path.stem: json.loads(path.read_text("utf-8"))["event"]
            for path in golden_cases(Path(__file__).parents[1] / "golden")
        }
        translator = make(dialect="erb")
        sent = {name for name, event in events.items() if list(translator.translate_many([event]))}

        assert sent == {name for name, each in events.items() if each.get("name") in ROWS} - lost

    def test_no_object_is_never_handed_on(self):
        """An event without an object id is made, as by the peer, and dropped by the processor."""
        event = {
            "name": "problem_check",
            "timestamp": EVENT["timestamp"],
            "context": {"username": "marisol", "referer": "https://x.org/"},
        }
        translator = make(dialect="erb")

        assert "id" not in translator.translate(event)[0]["object"]
        with pytest.raises(DropEvent):
            translator(event)

    def test_urls_that_name_people(self):
        """The one fault that is not kept: a link to a profile does not carry its name out."""
        event = {
            **EVENT,
            "name": "edx.ui.lms.link_clicked",
            "data": {"target_url": "https://lms.example.org/u/marisol"},
        }

        assert "marisol" not in json.dumps(make(dialect="erb").translate(event))


class TestIds:
    """``urn:uuid:`` ids that depend on the event alone."""

    def test_pinned(self):
        """This value was published: if this test fails, every receiver gets duplicates."""
        assert make().translate(EVENT)[0]["id"] == "urn:uuid:f7df1183-5bcc-568a-bdbb-d1aafaacf7a7"

    def test_dialects_agree(self):
        """The same event has the same id in both dialects."""
        assert make().translate(EVENT)[0]["id"] == make(dialect="erb").translate(EVENT)[0]["id"]

    def test_graded_problem(self):
        """Where ``standard`` makes several events, the peer's grade has the id of the grade."""
        event = {
            **EVENT,
            "name": "problem_check",
            "data": {
                "problem_id": "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p",
                "attempts": 1,
                "grade": 1,
                "max_grade": 2,
                "success": "incorrect",
                "submission": {"p_2_1": {"correct": True}, "p_3_1": {"correct": False}},
            },
            "context": {**EVENT["context"], "event_source": "server", "referer": "https://x.org/"},
        }
        standard = make().translate(event)
        (erb,) = make(dialect="erb").translate(event)

        assert [each["type"] for each in standard] == ["AssessmentItemEvent"] * 2 + ["GradeEvent"]
        assert len({each["id"] for each in standard}) == 3
        assert erb["id"] == standard[2]["id"]

    def test_shapes_agree(self):
        """Live and logged, an event is the same, its id included."""
        context = dict(EVENT["context"])
        logged = {
            "event_type": "play_video",
            "time": EVENT["timestamp"],
            "event": json.dumps(EVENT["data"]),
            **{key: context.pop(key) for key in ("username", "session", "event_source")},
            "context": context,
        }

        assert make().translate(EVENT) == make().translate(logged)

    def test_protocols_differ(self):
        """A Caliper event is not named like the statement of the same event."""
        assert make().translate(EVENT) == make().translate(copy.deepcopy(EVENT))
        assert make().protocol == "caliper"


class TestActors:
    """Who acts."""

    def test_staff_enrol_a_learner(self):
        """The person who did it is the actor, the learner is the member."""
        event = {
            **EVENT,
            "name": "edx.course.enrollment.activated",
            "data": {"course_id": COURSE, "user_id": 9, "mode": "audit"},
        }
        (made,) = make(identity=identity).translate(event)

        assert made["actor"]["id"] == f"{LMS}/user/{identity(3, 'caliper')}"
        assert made["object"]["member"] == f"{LMS}/user/{identity(9, 'caliper')}"

    def test_grades_are_given_by_the_lms(self):
        """What is graded automatically is graded by the software, as the profile demands."""
        event = {
            **EVENT,
            "name": "edx.grades.problem.submitted",
            "data": {"problem_id": "p", "user_id": "9", "weighted_earned": 1},
        }
        (made,) = make(identity=identity).translate(event)

        assert made["actor"] == {"id": LMS, "type": "SoftwareApplication"}
        assert made["object"]["assignee"] == f"{LMS}/user/{identity(9, 'caliper')}"


class TestText:
    """Text that is not sent unless asked for."""

    def test_answers(self):
        """What a learner answered is sent with ``include_text`` only."""
        event = {
            **EVENT,
            "name": "problem_check",
            "data": {
                "problem_id": "p",
                "grade": 1,
                "submission": {"p_2_1": {"answer": "my words", "input_type": "textline"}},
            },
            "context": {**EVENT["context"], "event_source": "server"},
        }

        assert "my words" not in json.dumps(make().translate(event))
        assert "my words" in json.dumps(make(include_text=True).translate(event))


class TestOptions:
    """What both translators check is tested with the other one; this is what is Caliper's own."""

    def test_wrong_dialect(self):
        """There are two dialects, and no third."""
        with pytest.raises(ConfigurationError, match="erb_plus"):
            make(dialect="erb_plus")

    def test_validate(self):
        """With validation an event that breaks the rules is refused."""
        with pytest.raises(TranslationError) as refused:
            make(dialect="erb", validate=True).translate(
                {
                    **EVENT,
                    "name": "edx.ui.lms.link_clicked",
                    "data": {"target_url": "https://x.example.org/"},
                }
            )

        assert refused.value.reason == "invalid_event"

    def test_pickles(self):
        """A translator can be sent to a worker."""
        translator = CaliperTranslator(lms_root=LMS, identity=identity, validate=True)
        sent = pickle.loads(pickle.dumps(translator))

        assert sent.translate(EVENT) == translator.translate(EVENT)
