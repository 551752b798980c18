"""Dialect ``erb`` equals event-routing-backends."""

import contextlib
import copy
import json

import pytest

from eventkit import DropEvent, TranslationError, XAPITranslator
from eventkit.erb._xapi_shapes import NAMES
from eventkit.events import CATALOGUE
from eventkit.validation import statement_errors

LEARNER = "32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"
OPTIONS = {
    "lms_root": "http://localhost:18000",
    "identity": lambda user, system: LEARNER,
    "courses": lambda course_id: "Demonstration Course",
    "transformer_version": "event-routing-backends@1.1.1",
}
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
def standard():
    """A translator of the other dialect."""
    return XAPITranslator(**OPTIONS)


def peer_cases(folder):
    for path in sorted((folder / "peer_fixtures" / "raw").glob("*.json")):
        expected = json.loads((folder / "peer_fixtures" / "xapi" / path.name).read_text("utf-8"))
        expected = expected if isinstance(expected, list) else [expected]
        yield path.name, json.loads(path.read_text("utf-8")), expected


class TestPeerFixtures:
    """What event-routing-backends itself is tested to give."""

    def test_all_equal(self, erb, shared_data):
        """Every statement is equal, its id included."""
        cases = list(peer_cases(shared_data))
        different = [name for name, event, expected in cases if erb.translate(event) != expected]

        assert different == []
        assert len(cases) == 42

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


class TestWhatThePeerLoses:
    """Events on which the peer raises are translated as in ``standard``; none is lost."""

    @pytest.mark.parametrize(
        "event",
        [
            {**EVENT, "context": {**EVENT["context"], "course_id": "Lakeside/BIO101/2013"}},
            {**EVENT, "timestamp": "2025-02-03T04:05:06.789"},
            {**EVENT, "name": None, "event_type": "play_video"},
            {**EVENT, "name": "seq_next", "data": {"id": "s", "old": 1}},
            {**EVENT, "name": "speed_change_video", "data": {"id": "v", "new_speed": 2}},
        ],
        ids=["old course", "no offset", "no name", "unknown alias", "number for text"],
    )
    def test_is_as_in_standard(self, erb, standard, event):
        """The statement is that of the other dialect."""
        assert erb.translate(event) == standard.translate(event)

    def test_without_a_user_is_dropped(self, erb):
        """An anonymous visitor gives no statement in any dialect."""
        with pytest.raises(TranslationError) as refused:
            erb.translate({**EVENT, "context": {"course_id": COURSE}})

        assert refused.value.reason == "no_actor"


class TestPrivacy:
    """The one fault that is not kept."""

    def test_urls_that_name_people(self, erb, standard):
        """A link to a profile does not carry its username out."""
        event = {
            **EVENT,
            "name": "edx.ui.lms.link_clicked",
            "data": {"target_url": "https://lms.example.org/u/marisol"},
        }

        assert erb.translate(event) == standard.translate(event)
        assert "marisol" not in json.dumps(erb.translate(event))

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
