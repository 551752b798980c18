"""Events of problems and other XBlocks: what leaves of texts, and what they cannot do without."""

import copy
import json
from pathlib import Path

import pytest
from people import id_of, readable

from eventkit import TranslationError, UnsupportedEvent, XAPITranslator
from eventkit.translators import CaliperTranslator

GOLDEN = Path(__file__).parents[1] / "golden"
LMS = "https://lms.lakeside.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
PROBLEM = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@7d3c1e5fa0"
LEARNER, STAFF = 4711, 88
BOTH = pytest.mark.parametrize("protocol", ["xapi", "caliper"])


def identity(user, system):
    names = {LEARNER: "learner", "marisol_quiroga": "learner-by-name", STAFF: "staff"}
    return id_of(names[user])


def translate(protocol, event, *, include_text=False):
    make = {"xapi": XAPITranslator, "caliper": CaliperTranslator}[protocol]
    made = make(lms_root=LMS, identity=identity, include_text=include_text).translate(event)
    return readable(made, "learner", "learner-by-name", "staff")


def event_of(case):
    return copy.deepcopy(json.loads((GOLDEN / f"{case}.json").read_text("utf-8"))["event"])


def without(case, *fields):
    """Give the event of *case* without some fields of its payload."""
    event = event_of(case)
    payload = event["data"] if "data" in event else event["event"]
    for field in fields:
        del payload[field]
    return event


def refusal(protocol, event):
    with pytest.raises(TranslationError) as caught:
        translate(protocol, event)
    return caught.value.reason


class TestTexts:
    """What learners wrote or chose leaves with ``include_text`` only."""

    @pytest.mark.parametrize(
        ("protocol", "case", "text"),
        [
            ("xapi", "ora/openassessmentblock.create_submission", "Then I counted bubbles."),
            ("caliper", "ora/openassessmentblock.create_submission", "Then I counted bubbles."),
            ("xapi", "ora/openassessmentblock.create_submission.log", "Una sola parte."),
            ("caliper", "ora/openassessmentblock.peer_assess", "Buen trabajo"),
            ("caliper", "ora/openassessmentblock.self_assess", "Buen trabajo"),
            ("xapi", "ora/openassessmentblock.submit_feedback_on_assessments", "Demasiado severo"),
            (
                "caliper",
                "ora/openassessmentblock.submit_feedback_on_assessments",
                "Demasiado severo",
            ),
            ("caliper", "ora/openassessment.upload_file.live", "curva.pdf"),
            ("xapi", "peer_instruction/ubc.peer_instruction.revised_submitted", "Me convencieron"),
            (
                "caliper",
                "peer_instruction/ubc.peer_instruction.revised_submitted",
                "Me convencieron",
            ),
        ],
    )
    def test_leave_when_asked_for(self, protocol, case, text):
        """The text is in the documents when asked for, and not otherwise."""
        event = event_of(case)

        assert text not in json.dumps(translate(protocol, event), ensure_ascii=False)
        assert text in json.dumps(translate(protocol, event, include_text=True), ensure_ascii=False)

    @BOTH
    @pytest.mark.parametrize(
        ("case", "text"),
        [
            ("ora/openassessmentblock.save_submission", "Primero"),
            ("ora/openassessmentblock.create_submission", "upload/key"),
            ("ora/openassessmentblock.peer_assess", "ortograf"),
            ("problem/save_problem_success", "mitocondria"),
            ("problem/edx.problem.hint.feedback_displayed", "choice_0"),
        ],
    )
    def test_never_leave(self, protocol, case, text):
        """Drafts, keys of files, remarks on single criteria and internal answers never leave."""
        made = translate(protocol, event_of(case), include_text=True)

        assert text not in json.dumps(made)

    def test_comment_is_an_event_of_its_own(self):
        """An assessor's comment is a second Caliper event, with an id of its own."""
        event = event_of("ora/openassessmentblock.staff_assess")
        graded, commented = translate("caliper", event, include_text=True)

        assert commented["type"] == "FeedbackEvent"
        assert commented["object"]["id"] == graded["object"]["id"]
        assert commented["id"] != graded["id"]


class TestRescoring:
    """Staff have problems scored anew; the record is the learner's."""

    def test_statement(self):
        """The learner is the actor, staff the instructor."""
        (made,) = translate("xapi", event_of("problem/problem_rescore"))

        assert made["actor"]["account"]["name"] == "learner-by-name"
        assert made["context"]["instructor"]["account"]["name"] == "staff"

    def test_caliper(self):
        """Staff order it, and the platform grades the learner's attempt."""
        (made,) = translate("caliper", event_of("problem/problem_rescore"))

        assert made["actor"] == {"id": LMS, "type": "SoftwareApplication"}
        assert made["generated"]["scoredBy"] == LMS
        assert made["object"]["assignee"] == f"{LMS}/user/learner-by-name"

    @BOTH
    def test_without_a_learner(self, protocol):
        """Staff never stand in for a learner that the event does not name."""
        assert refusal(protocol, without("problem/problem_rescore", "student")) == "no_actor"


class TestResults:
    """Results that an event leaves open."""

    @pytest.mark.parametrize(
        ("case", "field", "member"),
        [
            ("peer_instruction/ubc.peer_instruction.revised_submitted", "answer", "response"),
            ("problem/edx.problem.hint.feedback_displayed", "correctness", "success"),
            ("problem/problem_rescore", "success", "success"),
            ("drag_and_drop/edx.drag_and_drop_v2.item.dropped", "is_correct", "success"),
            ("drag_and_drop/edx.drag_and_drop_v2.item.dropped", "item_id", "response"),
        ],
    )
    def test_missing(self, case, field, member):
        """What the event does not say, the statement does not say either."""
        (whole,) = translate("xapi", event_of(case))
        (made,) = translate("xapi", without(case, field))

        assert member in whole["result"]
        assert member not in made.get("result", {})


class TestBlock:
    """Which block an event is about."""

    @BOTH
    @pytest.mark.parametrize(
        ("step", "key"),
        [
            (PROBLEM, PROBLEM),
            ("i4x:;_;_Lakeside;_BIO101;_poll;_tea", "i4x://Lakeside/BIO101/poll/tea"),
        ],
    )
    def test_from_the_path(self, protocol, step, key):
        """Where the platform does not describe the block, the path of the request names it."""
        event = event_of("drag_and_drop/edx.drag_and_drop_v2.loaded")
        del event["context"]["module"]
        event["context"]["path"] = f"/courses/{COURSE}/xblock/{step}/handler/publish_event"
        (made,) = translate(protocol, event)

        assert made["object"]["id"] == f"{LMS}/xblock/{key}"

    @BOTH
    @pytest.mark.parametrize(
        "case",
        [
            "drag_and_drop/edx.drag_and_drop_v2.loaded",
            "ora/openassessmentblock.save_submission",
            "poll_survey/xblock.survey.view_results",
            "peer_instruction/ubc.peer_instruction.accessed",
            "completion/edx.done.toggled",
        ],
    )
    def test_unknown(self, protocol, case):
        """An event of no block is dropped."""
        event = event_of(case)
        del event["context"]["module"]
        event["context"]["path"] = "/event"

        assert refusal(protocol, event) == "no_object"

    @pytest.mark.parametrize("problem", ["", None, {"id": "p"}])
    def test_no_problem_shown(self, problem):
        """The browser's event of a shown answer needs to name the problem."""
        event = event_of("problem/problem_show.hash")
        event["data"]["problem"] = problem

        assert refusal("xapi", event) == "no_object"

    def test_feedback_on_the_whole_problem(self):
        """Feedback that names no question is that on the problem."""
        event = without("problem/edx.problem.hint.feedback_displayed", "problem_part_id", "hints")
        (made,) = translate("xapi", event)

        assert made["object"]["id"] == f"{LMS}/xblock/{PROBLEM}/feedback"
        assert made["result"] == {"success": False}


@BOTH
@pytest.mark.parametrize(
    ("case", "field", "reason"),
    [
        ("completion/edx.done.toggled", "done", "no_completion"),
        ("completion/edx.completion.block_completion.changed", "completion", "no_completion"),
        ("completion/openedx.completion_aggregator.progress.course", "percent", "no_completion"),
        (
            "content_experiment/xmodule.partitions.assigned_user_to_partition",
            "group_id",
            "no_object",
        ),
        ("content_library/edx.librarycontentblock.content.assigned", "location", "no_object"),
        ("content_tool/edx.course.tool.accessed", "tool_name", "no_object"),
        ("content_tool/edx.googlecomponent.calendar.displayed", "url", "no_object"),
        ("ora/openassessmentblock.peer_assess", "submission_uuid", "no_object"),
    ],
)
def test_what_events_cannot_do_without(protocol, case, field, reason):
    """An event that says nothing of the essential is dropped, with the reason."""
    assert refusal(protocol, without(case, field)) == reason


class TestCompletion:
    """How much is done."""

    @pytest.mark.parametrize(
        ("share", "percentage", "act"),
        [
            (0, 0, "Reset"),
            (0.29, 29, "Used"),
            (0.9999, 99, "Used"),
            (1.0, 100, "Completed"),
            ("1", 100, "Completed"),
            (1.5, 100, "Completed"),
            (-1, 0, "Reset"),
        ],
    )
    def test_share(self, share, percentage, act):
        """The percentage is whole and below 100 until all is done; the act says as much."""
        event = event_of("completion/edx.completion.block_completion.changed")
        event["data"]["completion"] = share
        (statement,) = translate("xapi", event)
        (made,) = translate("caliper", event)

        assert list(statement["result"]["extensions"].values()) == [percentage]
        assert statement["result"]["completion"] is (percentage == 100)
        assert made["action"] == act

    @BOTH
    def test_course_of_the_aggregator_is_unknown(self, protocol):
        """Progress in a course that nothing names is dropped."""
        event = event_of("completion/openedx.completion_aggregator.progress.course.without_course")
        del event["event"]["block_id"]

        assert refusal(protocol, event) == "no_course"


class TestDragAndDrop:
    """Dropping items on a picture."""

    def test_drop_of_nothing(self):
        """Without an item there is no response, and no item to complete."""
        event = without("drag_and_drop/edx.drag_and_drop_v2.item.dropped", "item_id", "is_correct")
        (made,) = translate("xapi", event)

        assert "result" not in made
        assert refusal("caliper", event) == "no_object"


class TestPollsAndSurveys:
    """Polls and surveys."""

    @pytest.mark.parametrize(
        ("protocol", "case", "text"),
        [
            ("xapi", "poll_survey/xblock.poll.submitted", '"response": "R"'),
            ("caliper", "poll_survey/xblock.poll.submitted", '"selections": ["R"]'),
            ("xapi", "poll_survey/xblock.survey.submitted", '\\"recommend\\": \\"N\\"'),
            ("caliper", "poll_survey/xblock.survey.submitted", '"selections": ["N"]'),
        ],
    )
    def test_options_leave(self, protocol, case, text):
        """The course team wrote what there was to choose from."""
        assert text in json.dumps(translate(protocol, event_of(case)))

    @BOTH
    def test_a_second_vote_is_another(self, protocol):
        """Who votes again has another response, and another document."""
        event = event_of("poll_survey/xblock.poll.submitted")
        (first,) = translate(protocol, event)
        key = "time" if "time" in event else "timestamp"
        event[key] = event[key].replace("2025", "2026")
        (second,) = translate(protocol, event)

        assert first["id"] != second["id"]
        if protocol == "caliper":
            assert first["generated"]["id"] != second["generated"]["id"]

    @pytest.mark.parametrize("choices", [None, {}, [], {"": "Y"}])
    def test_survey_without_questions(self, choices):
        """A questionnaire needs questions in Caliper; xAPI knows that it was answered."""
        event = event_of("poll_survey/xblock.survey.submitted")
        event["data"]["choices"] = choices

        assert refusal("caliper", event) == "no_questions"
        assert "result" not in translate("xapi", event)[0]


class TestAssessments:
    """Open response assessment."""

    @BOTH
    @pytest.mark.parametrize("uuid", [None, "None", ""])
    def test_nothing_to_assess(self, protocol, uuid):
        """A request for a submission that gave none is nothing to tell, and no error."""
        event = event_of("ora/openassessmentblock.get_peer_submission")
        event["data"]["submission_returned_uuid"] = uuid

        with pytest.raises(UnsupportedEvent):
            translate(protocol, event)

    @pytest.mark.parametrize("number", [None, -1, "many"])
    def test_attempt_without_a_number(self, number):
        """A wrong number of the attempt is left out."""
        event = event_of("ora/openassessmentblock.create_submission")
        event["data"]["attempt_number"] = number
        (made,) = translate("caliper", event)

        assert "count" not in made["generated"]

    def test_feedback_without_a_submission(self):
        """Feedback on assessments of an unknown submission is still about the assignment."""
        event = without("ora/openassessmentblock.submit_feedback_on_assessments", "submission_uuid")
        (made,) = translate("xapi", event)

        assert "other" not in made["context"]["contextActivities"]

    @pytest.mark.parametrize("rubric", [None, {}, {"content_hash": 7}, "hash"])
    def test_rubric_without_a_hash(self, rubric):
        """A rubric that nothing identifies is left out."""
        event = event_of("ora/openassessmentblock.peer_assess")
        event["data"]["rubric"] = rubric
        (made,) = translate("caliper", event)

        assert not [key for key in made["generated"]["extensions"] if "rubric-hash" in key]

    def test_score_without_a_type(self):
        """A score of unknown type has a shorter IRI."""
        event = without("ora/openassessmentblock.peer_assess", "score_type")
        (made,) = translate("caliper", event)

        assert "/score/2025" in made["generated"]["id"]

    @pytest.mark.parametrize("corrections", [None, [], "none"])
    def test_practice_without_verdict(self, corrections):
        """Practice is neither right nor wrong when the event does not say what was corrected."""
        event = event_of("ora/openassessment.student_training_assess_example")
        event["data"]["corrections"] = corrections
        event["data"]["options_selected"] = corrections
        (made,) = translate("xapi", event)

        assert "result" not in made

    @BOTH
    def test_upload_on_no_page(self, protocol):
        """A file that was uploaded nowhere is dropped."""
        event = event_of("ora/openassessment.upload_file.live")
        event["context"]["page"] = None

        assert refusal(protocol, event) == "no_object"


class TestAddresses:
    """Documents and calendars shown in a course."""

    @BOTH
    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("/assets/week 1.pdf", f"{LMS}/assets/week%201.pdf"),
            ("//docs.google.com/d/1", "https://docs.google.com/d/1"),
            ("https://me:pw@docs.google.com/d/1", "https://docs.google.com/d/1"),
            (
                "https://www.google.com/calendar/embed?src=a1@group.calendar.google.com",
                "https://www.google.com/calendar/embed?src=a1%40group.calendar.google.com",
            ),
            (
                "https://www.google.com/calendar/embed?src=teo%40school.example",
                "https://www.google.com/calendar/embed",
            ),
        ],
    )
    def test_address(self, protocol, url, address):
        """Addresses are absolute, and those of people stay out of them."""
        event = event_of("content_tool/edx.googlecomponent.calendar.displayed")
        event["data"]["url"] = url
        (made,) = translate(protocol, event)

        assert made["object"]["id"] == address

    @BOTH
    @pytest.mark.parametrize(
        ("url", "reason"), [("http://[", "bad_url"), ("javascript:alert(1)", "not_a_page")]
    )
    def test_no_address(self, protocol, url, reason):
        """What is no address of the web is dropped."""
        event = event_of("content_tool/edx.googlecomponent.calendar.displayed")
        event["data"]["url"] = url

        assert refusal(protocol, event) == reason
