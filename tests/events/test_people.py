"""Whom events about learners are credited to, and what of their texts leaves."""

import copy
import json
from pathlib import Path

import pytest
from people import id_of

from eventkit import TranslationError, UnsupportedEvent, XAPITranslator
from eventkit.translators import CaliperTranslator

GOLDEN = Path(__file__).parents[1] / "golden"
LMS = "https://lms.lakeside.example.org"
LEARNER, STAFF = 4711, 52


def identity(user, system):
    return id_of({LEARNER: "learner", STAFF: "staff"}.get(user, "by-name"))


def translator(protocol, *, include_text=False):
    make = {"xapi": XAPITranslator, "caliper": CaliperTranslator}[protocol]
    return make(lms_root=LMS, identity=identity, include_text=include_text)


def event_of(case):
    return copy.deepcopy(json.loads((GOLDEN / f"{case}.json").read_text("utf-8"))["event"])


def payload(event):
    return event["data"] if "data" in event else event["event"]


def refusal(protocol, event):
    with pytest.raises(TranslationError) as caught:
        translator(protocol).translate(event)
    return caught.value.reason


BOTH = pytest.mark.parametrize("protocol", ["xapi", "caliper"])


@BOTH
@pytest.mark.parametrize(
    ("case", "field"),
    [
        ("teams/edx.team.changed", "old"),
        ("teams/edx.team.changed", "new"),
        ("teams/edx.team.searched", "search_text"),
    ],
)
def test_texts_leave_only_when_asked_for(protocol, case, field):
    """What people wrote, or what is said of them, leaves with ``include_text`` and not without."""
    event = event_of(case)
    text = payload(event)[field]

    assert text not in json.dumps(translator(protocol).translate(event))
    assert text in json.dumps(translator(protocol, include_text=True).translate(event))


@BOTH
@pytest.mark.parametrize(
    ("status", "leaves"),
    [
        ("passed", True),
        ("Rules Violation", True),
        ("not_reviewed", True),
        ("suspicious: phone of ana", False),
        ("", False),
        (7, False),
    ],
)
def test_how_a_review_ended_leaves_in_the_words_of_proctoring(protocol, status, leaves):
    """Words that a proctor wrote leave only where texts may."""
    event = event_of("exam/edx.special_exam.proctored.attempt.review_received")
    payload(event)["review_status"] = status

    written = json.dumps(translator(protocol).translate(event))
    told = json.dumps(translator(protocol, include_text=True).translate(event))

    key = "https://w3id.org/xapi/openedx/extension/review-status"
    assert (f'"{key}": "{status}"' in written) is leaves
    assert (f'"{key}"' in told) is (isinstance(status, str) and status != "")


@BOTH
@pytest.mark.parametrize(
    "case",
    [
        "certificate/edx.certificate.revoked",
        "cohort/edx.cohort.user_added",
        "cohort/edx.cohort.user_removed",
        "grading/edx.grades.problem.rescored",
        "grading/edx.grades.problem.score_overridden",
        "grading/edx.grades.problem.state_deleted",
        "teams/edx.team.learner_added.by_staff",
        "teams/edx.team.learner_removed",
    ],
)
def test_staff_never_stand_in_for_the_learner(protocol, case):
    """An event that does not say whom staff acted on is dropped, not credited to the staff."""
    event = event_of(case)
    del payload(event)["user_id"]

    assert refusal(protocol, event) == "no_actor"


def test_following_a_shared_link_is_not_credited_to_the_owner():
    """A visitor who is not logged in is nobody; the owner did not look at the certificate."""
    event = event_of("certificate/edx.certificate.evidence_visited")
    event["username"] = ""
    event["context"]["user_id"] = None

    with pytest.raises(UnsupportedEvent) as skipped:
        translator("caliper").translate(event)

    assert skipped.value.reason == "no_user"


def test_a_deleted_attempt_is_credited_to_who_deleted_it():
    """Where nobody knows who it was, it was the LMS; it never was the learner."""
    event = event_of("exam/edx.special_exam.timed.attempt.deleted")
    event["context"] |= {"user_id": None, "username": ""}
    [document] = translator("caliper").translate(event)

    assert document["actor"] == {"id": LMS, "type": "SoftwareApplication"}
    assert document["object"]["assignee"] == f"{LMS}/user/{id_of('learner')}"
    with pytest.raises(UnsupportedEvent) as skipped:
        translator("xapi").translate(event)

    assert skipped.value.reason == "no_user"


def test_the_grader_is_the_user_of_the_request_where_the_payload_names_nobody():
    """Both protocols then name the same member of staff."""
    event = event_of("grading/edx.grades.problem.score_overridden")
    (event.get("data") or event["event"])["instructor_id"] = "None"
    [statement] = translator("xapi").translate(event)
    [document] = translator("caliper").translate(event)

    assert statement["context"]["instructor"]["account"]["name"] == id_of("staff")
    assert document["actor"]["id"] == f"{LMS}/user/{id_of('staff')}"
    assert document["generated"]["scoredBy"] == f"{LMS}/user/{id_of('staff')}"


def test_a_learner_is_not_their_own_instructor_under_another_name():
    """Nobody can tell whether a username and an id are two people: then there is no instructor."""
    event = event_of("cohort/edx.cohort.user_added.by_visit")
    event["context"]["user_id"] = None
    [statement] = translator("xapi").translate(event)

    assert "instructor" not in statement["context"]


def test_each_calculation_of_a_grade_has_its_own_score():
    """Scores of one attempt have different ids, or the last would overwrite the others."""
    event = event_of("grading/edx.grades.course.grade_calculated")
    [first] = translator("caliper").translate(event)
    event["data"]["event_transaction_id"] = "11111111-2222-4333-8444-555555555555"
    [second] = translator("caliper").translate(event)

    assert first["object"]["id"] == second["object"]["id"]
    assert first["generated"]["id"] != second["generated"]["id"]


@BOTH
@pytest.mark.parametrize(
    "url", ["javascript:void(0)", "https://who:secret@badges.example.org/1", "http://[bad"]
)
def test_a_badge_needs_a_page(protocol, url):
    """What is no web address does not name a badge, and credentials do not leave."""
    event = event_of("certificate/edx.badge.assertion.created")
    event["data"]["assertion_json_url"] = url

    assert refusal(protocol, event) == "bad_url"


@pytest.mark.parametrize(
    ("source", "site"),
    [
        ("https://www.example.com:8443/in/somebody?x=1", "https://www.example.com:8443/"),
        ("https://who:secret@www.example.com/", "https://www.example.com/"),
        ("android-app://com.example", None),
        ("https://[bad", None),
    ],
)
def test_only_the_site_that_a_visitor_came_from_leaves(source, site):
    """The page on it may be somebody's profile."""
    event = event_of("certificate/edx.certificate.evidence_visited")
    event["event"] = json.loads(event["event"]) | {"source_url": source}
    [document] = translator("caliper").translate(event)

    assert document.get("referrer", {}).get("id") == site


def test_a_page_of_the_teams_without_an_address():
    """Where the browser did not say which page it was, it was some page of the course's teams."""
    event = event_of("teams/edx.team.page_viewed.my_teams")
    del event["context"]["page"]
    [document] = translator("caliper").translate(event)

    assert document["object"]["id"].endswith("/course/course-v1:Lakeside+BIO201+2025_T1/teams")


def test_a_page_without_a_name():
    """A page that has neither a team nor a name is no object."""
    event = event_of("teams/edx.team.page_viewed.my_teams")
    event["data"]["page_name"] = ""

    assert refusal("xapi", event) == "no_object"


@BOTH
@pytest.mark.parametrize(
    ("case", "field"),
    [
        ("certificate/edx.badge.assertion.created", "assertion_json_url"),
        ("certificate/edx.certificate.created", "certificate_id"),
        ("cohort/edx.cohort.user_added", "cohort_id"),
        ("exam/edx.special_exam.timed.attempt.started", "exam_content_id"),
        ("grading/edx.grades.problem.state_deleted", "problem_id"),
        ("grading/edx.grades.subsection.grade_calculated", "block_id"),
        ("teams/edx.team.created", "team_id"),
    ],
)
def test_nothing_is_said_of_an_unknown_thing(protocol, case, field):
    """Without the id of what it is about, an event is dropped."""
    event = event_of(case)
    payload(event)[field] = None

    assert refusal(protocol, event) == "no_object"


def test_an_attempt_without_a_code():
    """The exam is known all the same; only what is about the attempt itself is dropped."""
    event = event_of("exam/edx.special_exam.timed.attempt.started")
    event["event"]["attempt_code"] = ""
    [statement] = translator("xapi").translate(event)
    event["name"] = "edx.special_exam.timed.attempt.deleted"

    assert "grouping" not in statement["context"]["contextActivities"]
    assert refusal("xapi", event) == "no_object"


@pytest.mark.parametrize(
    "case", ["grading/edx.grades.course.grade_calculated", "grading/edx.grades.problem.rescored"]
)
def test_a_grade_without_points(case):
    """In xAPI a result without a score is one all the same; Caliper is sent nothing of it."""
    event = event_of(case)
    for field in ("percent_grade", "new_weighted_earned", "new_weighted_possible"):
        event["data"].pop(field, None)
    [statement] = translator("xapi").translate(event)

    assert "score" not in statement["result"] or "raw" not in statement["result"]["score"]
    assert refusal("caliper", event) == "no_score"


def test_teams_are_in_a_course():
    """Without a course there is no place to search for teams."""
    event = event_of("teams/edx.team.searched")
    event["context"] |= {"course_id": "", "referer": ""}

    assert refusal("caliper", event) == "no_course"
