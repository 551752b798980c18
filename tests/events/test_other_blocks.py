"""Events of exams, course pages, notifications and XBlocks of others: what leaves, and whose."""

import copy
import json
from pathlib import Path

import pytest

from eventkit import HMACIdentity, TranslationError, UnsupportedEvent, XAPITranslator
from eventkit.events import CATALOGUE, catalogue
from eventkit.events.families.exam import EXAMS
from eventkit.translators import CaliperTranslator

GOLDEN = Path(__file__).parents[1] / "golden"
LMS = "https://lms.lakeside.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
BOTH = pytest.mark.parametrize("make", [XAPITranslator, CaliperTranslator])


def translator(make, **options):
    return make(lms_root=LMS, identity=HMACIdentity("only tests use this"), **options)


def event_of(case):
    return copy.deepcopy(json.loads((GOLDEN / f"{case}.json").read_text("utf-8"))["event"])


def payload_of(event):
    payload = event["data"] if "data" in event else event["event"]
    return json.loads(payload) if isinstance(payload, str) else payload


def with_payload(event, **fields):
    payload = {**payload_of(event), **fields}
    return {**event, "data" if "data" in event else "event": payload}


def actor(document):
    return document["actor"].get("id") or document["actor"]["account"]["name"]


def actor_of(make, user):
    """Give what a plain event of this user says of who acts."""
    event = event_of("interactive/oppia.exploration.loaded")
    event["context"]["user_id"] = user
    return actor(translator(make).translate(event)[0])


class TestTexts:
    """What learners wrote leaves with ``include_text`` only; names of files never do."""

    @pytest.mark.parametrize(
        ("make", "case", "text"),
        [
            (XAPITranslator, "ora/openassessmentblock.create_team_submission", "Medimos"),
            (CaliperTranslator, "ora/openassessmentblock.create_team_submission", "Medimos"),
            (XAPITranslator, "course_home/edx.course.home.courseware_search.submit", "fotos"),
            (CaliperTranslator, "course_home/edx.course.home.courseware_search.submit", "fotos"),
            (XAPITranslator, "scorm/openedx.xblock.scorm.interacted", "mi respuesta"),
            (XAPITranslator, "xblock_problem/xblock.problem_builder.submitted", "Por las hojas"),
            (XAPITranslator, "feedback/edx.feedbackxblock.submitted", "Muy claro"),
            (XAPITranslator, "feedback/edx.feedbackxblock.freeform_changed", "Muy claro"),
            (XAPITranslator, "feedback/edx.feedbackxblock.freeform_provided", "Muy claro"),
            (CaliperTranslator, "feedback/edx.feedbackxblock.freeform_provided", "Muy claro"),
            (XAPITranslator, "hint_exchange/crowd_hinter.showHint", "Mira el mapa"),
            (XAPITranslator, "hint_exchange/crowd_hinter.submitNewHint", "Cuenta las letras"),
            (CaliperTranslator, "hint_exchange/crowd_hinter.submitNewHint", "Cuenta las letras"),
            (XAPITranslator, "ai_assistant/ol_openedx_chat_xblock.OLChat.submit", "son verdes"),
            (XAPITranslator, "ai_assistant/ol_openedx_chat_xblock.OLChat.response", "la luz"),
        ],
    )
    def test_on_request(self, make, case, text):
        event = event_of(case)
        hidden, shown = (
            json.dumps(translator(make, include_text=texts).translate(event), ensure_ascii=False)
            for texts in (False, True)
        )

        assert text not in hidden
        assert text in shown

    @BOTH
    @pytest.mark.parametrize(
        ("case", "text"),
        [
            ("ora/openassessmentblock.create_team_submission", "raices.pdf"),
            ("ora/openassessmentblock.save_files_descriptions", "curva"),
            ("ora/openassessmentblock.remove_uploaded_file", "d41d8cd98f"),
            ("content_tool/edunext.xblock.filesmanager.files.downloaded", "lista.csv"),
            ("content_tool/edx.lti.xblock.launch_request", "marisol"),
            ("notification/edx.notifications.read", "teo_anders"),
            ("notification/edx.notifications.read", "98112"),
            ("recommender/mit.recommender.addResource", "wiki.example.org"),
            ("recommender/mit.recommender.addResource", "captura"),
            ("recommender/mit.recommender.flagResource", "No abre"),
            ("recommender/mit.recommender.backToView", "borrador"),
            ("hint_exchange/crowd_hinter.rateHint", "michigann"),
            ("account/edx.profile.viewed", "teo_anders"),
        ],
    )
    def test_never(self, make, case, text):
        event = event_of(case)
        made = translator(make, include_text=True).translate(event)

        assert text in json.dumps(event, ensure_ascii=False)
        assert text not in json.dumps(made, ensure_ascii=False)

    @BOTH
    def test_addresses_in_a_login(self, make):
        event = with_payload(
            event_of("account/edx.user.login"), email="dora@example.org", username="dora"
        )

        assert "dora" not in json.dumps(translator(make, include_text=True).translate(event))

    @BOTH
    @pytest.mark.parametrize("value", ["my own words", "LIKE", "", None, 7])
    def test_ratings_that_are_none(self, make, value):
        event = event_of("ai_assistant/ol_openedx_chat_xblock.OLChat.rating.request")
        [document] = translator(make).translate(with_payload(event, value=value))

        assert "extension/rating" not in json.dumps(document)


class TestWhose:
    @BOTH
    def test_who_looks_at_a_profile_acts(self, make):
        [document] = translator(make).translate(event_of("account/edx.profile.viewed"))

        assert actor(document) == actor_of(make, 4711)

    @BOTH
    def test_whose_profile_it_is_never_stands_in(self, make):
        event = event_of("account/edx.profile.viewed")
        event["context"] |= {"user_id": None, "username": ""}

        with pytest.raises(UnsupportedEvent, match="nobody was logged in"):
            translator(make).translate(event)

    @BOTH
    def test_logout_of_nobody(self, make):
        event = with_payload(event_of("account/edx.user.logout"), user_id=None)
        event["context"] |= {"user_id": None, "username": ""}

        with pytest.raises(UnsupportedEvent, match="nobody was logged in"):
            translator(make).translate(event)

    def test_grades_that_staff_correct_are_the_learners(self):
        event = event_of("grading/edx.grades.subsection.score_overridden")
        [statement] = translator(XAPITranslator).translate(event)
        [caliper] = translator(CaliperTranslator).translate(event)

        assert actor(statement) == actor_of(XAPITranslator, 4711)
        assert statement["context"]["instructor"]["account"]["name"] == actor_of(XAPITranslator, 52)
        assert actor(caliper) == actor_of(CaliperTranslator, 52)
        assert caliper["object"]["assignee"] == actor_of(CaliperTranslator, 4711)

    @BOTH
    def test_staff_who_look_as_a_learner(self, make):
        event = with_payload(
            event_of("course_home/edx.ui.lms.reset_deadlines.clicked"), is_masquerading=True
        )

        with pytest.raises(UnsupportedEvent, match="staff"):
            translator(make).translate(event)


class TestCourse:
    @BOTH
    def test_micro_frontends_name_it_in_a_field_of_their_own(self, make):
        event = event_of("course_home/edx.course.goal.added")

        assert not event["context"]["course_id"]
        assert f"{LMS}/course/{COURSE}" in json.dumps(translator(make).translate(event))


class TestPlaces:
    """Events of browsers that name no block are about the unit that the page shows."""

    @BOTH
    @pytest.mark.parametrize(
        ("page", "place"),
        [
            (f"{LMS}/xblock/block-v1:A+B+C+type@vertical+block@u?view=x", "/xblock/block-v1:"),
            (f"{LMS}/courses/{COURSE}/courseware/a/b/1?activate_block_id=x#y", "/courseware/a/b/1"),
        ],
    )
    def test_page(self, make, page, place):
        event = event_of("hint_exchange/crowd_hinter.showHint")
        context = {**event.get("context", {}), "page": page}
        [document] = translator(make).translate({**event, "context": context, "page": page})

        assert place in document["object"]["id"]
        assert "activate_block_id" not in document["object"]["id"]
        assert document["object"]["id"].endswith("#hint")

    @BOTH
    def test_no_page(self, make):
        event = event_of("hint_exchange/crowd_hinter.showHint")
        event["context"].pop("page", None)

        with pytest.raises(TranslationError, match="no_object at page"):
            translator(make).translate({**event, "page": None})


class TestRecommender:
    """Its words are in the language of the page: the form of the event tells steps apart."""

    @pytest.mark.parametrize("status", ["Add new resource", "Neue Quelle", "", None])
    def test_steps(self, status):
        verbs = [
            translator(XAPITranslator).translate(
                with_payload(event_of(f"recommender/mit.recommender.{case}"), status=status)
            )[0]["verb"]["display"]["en"]
            for case in ("addResource", "addResource.attempt", "flagResource.unflag")
        ]

        assert verbs == ["created", "interacted", "unreported"]


class TestScorm:
    def test_success_is_what_the_package_says(self):
        results = {
            step: translator(XAPITranslator)
            .translate(event_of(f"scorm/openedx.xblock.scorm.{step}"))[0]
            .get("result", {})
            for step in ("initialized", "completed", "passed", "failed", "terminated")
        }

        assert [results[step].get("success") for step in results] == [None, None, True, False, None]
        assert results["completed"]["completion"] is True
        assert results["terminated"]["duration"] == "PT5M12.4S"

    def test_a_grade_is_counted_once(self):
        """The platform's own event of the same score is the grade."""
        for step in ("scored", "completed", "passed", "terminated"):
            [event] = translator(CaliperTranslator).translate(
                event_of(f"scorm/openedx.xblock.scorm.{step}")
            )

            assert event["action"] != "Graded"
            assert "generated" not in event


class TestStepsOfExams:
    """Names are made of the kind of exam and a status: one rule reads them all."""

    EVENT = event_of("exam/edx.special_exam.proctored.attempt.second_review_required")

    @BOTH
    @pytest.mark.parametrize("kind", EXAMS)
    @pytest.mark.parametrize("status", ["verified", "rejected", "timed_out", "onboarding_failed"])
    def test_every_status_in_exams_of_every_kind(self, make, kind, status):
        name = f"edx.special_exam.{kind}.attempt.{status}"

        assert CATALOGUE.lists(name)
        assert translator(make).supports(name)

    @pytest.mark.parametrize("kind", EXAMS)
    def test_a_status_of_another_release(self, kind):
        name = f"edx.special_exam.{kind}.attempt.awaiting_appeal"
        event = {**with_payload(self.EVENT, attempt_status="awaiting_appeal"), "name": name}
        [statement] = translator(XAPITranslator).translate(event)
        [caliper] = translator(CaliperTranslator).translate(event)

        assert statement["verb"]["display"] == {"en": "experienced"}
        assert "success" not in statement.get("result", {})
        assert "awaiting_appeal" in statement["context"]["extensions"].values()
        assert name in statement["context"]["extensions"].values()
        assert (caliper["action"], caliper["actor"]["type"]) == ("Modified", "SoftwareApplication")
        assert "awaiting_appeal" in caliper["object"]["extensions"].values()

    def test_the_rule_is_no_row(self):
        """What is counted by name is what the tables list: nobody can add to it."""
        name = "edx.special_exam.timed.attempt.awaiting_appeal"

        assert catalogue().get(name) is not None
        assert catalogue().family(name) == "exam"
        assert catalogue().names(name) == (name,)
        assert not catalogue().lists(name)

    @pytest.mark.parametrize(
        "name",
        [
            "edx.special_exam.other.attempt.verified",
            "edx.special_exam.timed.attempt.",
            "edx.special_exam.timed.attempt.Verified",
            "edx.special_exam.timed.attempt.verified.again",
            "edx.special_exam.timed.attempt.dora@example.org",
            "edx.special_exam.timed.attempt.user_4711",
            "edx.special_exam.timed.attempt._",
            "edx.special_exam.timed.attempt." + "a" * 21,
            "edx.special_exam.timed.awaiting_appeal",
            "edx.special_exam.timed.attempt.verified\n",
        ],
    )
    def test_other_names_are_unknown(self, name):
        assert catalogue().get(name) is None

    @BOTH
    def test_time_that_ran_out(self, make):
        [document] = translator(make).translate(
            event_of("exam/edx.special_exam.timed.attempt.timed_out")
        )

        assert "PT18M39.38" in json.dumps(document)
