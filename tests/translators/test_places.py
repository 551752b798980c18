"""What a site knows of blocks: their names, their language, and what they are a part of."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from known_blocks import know_all

from eventkit import (
    CaliperTranslator,
    ConfigurationError,
    HMACIdentity,
    TranslationError,
    XAPITranslator,
)
from eventkit.events.rows import Row, Statement
from eventkit.events.shapes.blocks import KINDS, block_activity
from eventkit.events.shapes.iris import DISCUSSION, VOTED
from eventkit.events.shapes.view import activity
from eventkit.exceptions import UnsupportedEvent
from eventkit.testing import COURSES, LMS_ROOT, golden_cases
from eventkit.validation.caliper import event_errors
from eventkit.validation.xapi import statement_errors

COURSE = "course-v1:Lakeside+BIO201+2025_T1"
UNIT = "block-v1:Lakeside+BIO201+2025_T1+type@vertical+block@u"
SUBSECTION = "block-v1:Lakeside+BIO201+2025_T1+type@sequential+block@s"
SECTION = "block-v1:Lakeside+BIO201+2025_T1+type@chapter+block@c"
ROOT = "block-v1:Lakeside+BIO201+2025_T1+type@course+block@course"
PROBLEM = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p"
VIDEO = "block-v1:Lakeside+BIO201+2025_T1+type@video+block@v"
BLOCKS: dict[str, Any] = {
    PROBLEM: {"name": "Starch", "ancestors": [UNIT, SUBSECTION, SECTION, ROOT]},
    VIDEO: {"name": "Stomata", "ancestors": [UNIT, SUBSECTION, SECTION], "language": "es"},
    UNIT: {"name": "Leaves", "ancestors": [SUBSECTION, SECTION, ROOT]},
    SUBSECTION: {"name": "Cells", "ancestors": [SECTION, ROOT]},
    SECTION: "Week 1",
    ROOT: "Plant Biology",
}
IDENTITY = HMACIdentity("only tests use this")
CASES = golden_cases(Path(__file__).parents[1] / "golden")


def iri(key: str) -> str:
    return f"{LMS_ROOT}/xblock/{key}"


def make(kind: Any = XAPITranslator, **options: Any) -> Any:
    options.setdefault("courses", {COURSE: "Plant Biology"})
    return kind(lms_root=LMS_ROOT, identity=IDENTITY, **options)


def event(name: str = "play_video", **data: Any) -> dict[str, Any]:
    return {
        "name": name,
        "timestamp": "2025-02-03T04:05:06.250000+00:00",
        "data": data or {"id": "v", "currentTime": 1.5, "code": "c"},
        "context": {"user_id": 3, "course_id": COURSE},
    }


def check(**data: Any) -> dict[str, Any]:
    """Give a checked problem of several questions."""
    return event(
        "problem_check",
        problem_id=PROBLEM,
        attempts=2,
        grade=1,
        max_grade=2,
        success="incorrect",
        answers={"p_2_1": "7", "p_3_1": "8"},
        correct_map={"p_2_1": {"correctness": "correct"}, "p_3_1": {"correctness": "incorrect"}},
        submission={
            "p_2_1": {
                "answer": "7",
                "correct": True,
                "question": "¿Cuántos?",
                "input_type": "textline",
                "response_type": "stringresponse",
            },
            "p_3_1": {
                "answer": "8",
                "correct": False,
                "question": "¿Cuándo?",
                "input_type": "textline",
                "response_type": "stringresponse",
            },
        },
        **data,
    ) | {"event_source": "server"}


def outcome(translator: Any, given: Any) -> Any:
    try:
        return translator.translate(given)
    except (UnsupportedEvent, TranslationError) as error:
        return error.reason


class TestXAPI:
    def test_groups_with_unit_subsection_and_section(self) -> None:
        [statement] = make(blocks=BLOCKS).translate(event())

        activities = statement["context"]["contextActivities"]
        assert [each["id"] for each in activities["parent"]] == [f"{LMS_ROOT}/course/{COURSE}"]
        assert [
            (each["id"], each["definition"]["type"].rpartition("/")[2], each["definition"]["name"])
            for each in activities["grouping"]
        ] == [
            (iri(UNIT), "resource", {"und": "Leaves"}),
            (iri(SUBSECTION), "resource", {"und": "Cells"}),
            (iri(SECTION), "module", {"und": "Week 1"}),
        ]

    def test_names_the_object_in_its_language(self) -> None:
        [statement] = make(blocks=BLOCKS).translate(event())

        assert statement["object"]["definition"]["name"] == {"es": "Stomata"}

    def test_what_the_event_calls_a_block_stays(self) -> None:
        given = event(
            "edx.grades.problem.submitted", problem_id=VIDEO, weighted_earned=1, weighted_possible=2
        )
        given["context"]["module"] = {"usage_key": VIDEO, "display_name": "As it was"}

        [statement] = make(blocks=BLOCKS).translate(given)

        assert statement["object"]["definition"]["name"] == {"es": "As it was"}

    def test_questions_are_grouped_behind_the_course_and_not_called_as_their_problem(self) -> None:
        whole, first, second = make(blocks=BLOCKS).translate(check())

        assert whole["object"]["definition"]["name"] == {"und": "Starch"}
        above = [iri(UNIT), iri(SUBSECTION), iri(SECTION)]
        for part in (first, second):
            assert "name" not in part["object"]["definition"]
            activities = part["context"]["contextActivities"]
            assert [each["id"] for each in activities["parent"]] == [iri(PROBLEM)]
            assert activities["parent"][0]["definition"] == whole["object"]["definition"]
            group = [each["id"] for each in activities["grouping"]]
            assert group == [f"{LMS_ROOT}/course/{COURSE}", *above]

    def test_a_part_is_grouped_with_its_block_too(self) -> None:
        given = event("edx.problem.hint.demandhint_displayed", module_id=PROBLEM, hint_index=0)

        [statement] = make(blocks=BLOCKS).translate(given)

        group = statement["context"]["contextActivities"]["grouping"]
        assert [each["id"] for each in group][:2] == [iri(PROBLEM), iri(UNIT)]
        assert "name" not in statement["object"]["definition"]

    def test_no_group_may_stand_where_analytics_looks_for_the_course(self) -> None:
        given = event(
            "edx.drag_and_drop_v2.item.dropped", item_id=1, location_id="z", is_correct=True
        )
        key = "lb:Lakeside:PLANTS:drag-and-drop-v2:d"
        given["context"] = {"user_id": 3, "course_id": "", "module": {"usage_key": key}}
        unit = "lb:Lakeside:PLANTS:vertical:u"

        [statement] = make(blocks={key: {"name": "D", "ancestors": [unit]}}).translate(given)

        assert statement["context"]["contextActivities"]["parent"][0]["id"] == iri(key)
        assert "grouping" not in statement["context"]["contextActivities"]

    @pytest.mark.parametrize("blocks", [None, BLOCKS])
    def test_names_of_blocks_are_in_the_language_of_their_course(self, blocks: Any) -> None:
        courses = {COURSE: {"name": "Plantas", "language": "ca"}}

        whole, first, _ = make(blocks=blocks, courses=courses).translate(check())

        assert first["object"]["definition"]["description"] == {"ca": "¿Cuántos?"}
        assert whole["object"]["definition"].get("name", {"ca": ""}).keys() == {"ca"}

    def test_lists_of_rows_of_a_site_stay_as_they_are(self) -> None:
        shared = {"grouping": [activity(f"{LMS_ROOT}/acme", DISCUSSION)]}
        said = Statement(
            VOTED,
            lambda view: block_activity(view, view.block("id")),
            activities=lambda _: shared,
        )
        row = Row(("acme.used",), xapi=said, reason="Caliper: a test.")
        translator = make(blocks=BLOCKS, events=[row])

        for _ in range(2):
            [statement] = translator.translate(event("acme.used", id=VIDEO))
            assert len(statement["context"]["contextActivities"]["grouping"]) == 4
        assert len(shared["grouping"]) == 1

    def test_what_learners_wrote_is_in_no_language_that_is_known(self) -> None:
        given = event("edx.forum.thread.created", id="t", title="¿Por qué?", commentable_id="c")
        courses = {COURSE: {"name": "Plantas", "language": "ca"}}

        [statement] = make(courses=courses).translate(given)

        assert statement["object"]["definition"]["name"] == {"und": "¿Por qué?"}


class TestCaliper:
    def test_says_what_it_is_a_part_of(self) -> None:
        [made] = make(CaliperTranslator, blocks=BLOCKS).translate(event())

        course = f"{LMS_ROOT}/course/{COURSE}"
        section = {
            "id": iri(SECTION),
            "type": "DigitalResourceCollection",
            "name": "Week 1",
            "isPartOf": course,
        }
        subsection = {
            "id": iri(SUBSECTION),
            "type": "AssignableDigitalResource",
            "name": "Cells",
            "isPartOf": section,
        }
        unit = {
            "id": iri(UNIT),
            "type": "DigitalResourceCollection",
            "name": "Leaves",
            "isPartOf": subsection,
        }
        assert made["object"] == {
            "id": iri(VIDEO),
            "type": "VideoObject",
            "isPartOf": unit,
            "name": "Stomata",
        }

    def test_attempts_are_parts_of_the_attempt_at_the_subsection(self) -> None:
        made = make(CaliperTranslator, blocks=BLOCKS).translate(check())
        graded = make(CaliperTranslator).translate(
            event(
                "edx.grades.subsection.grade_calculated",
                block_id=SUBSECTION,
                weighted_total_earned=1,
                weighted_total_possible=2,
                weighted_graded_earned=1,
                weighted_graded_possible=2,
            )
        )

        attempt = made[-1]["object"]
        assert attempt["count"] == 2
        assert attempt["assignable"]["name"] == "Starch"
        assert attempt["assignable"]["isPartOf"]["id"] == iri(UNIT)
        assert attempt["isPartOf"] == {
            "id": graded[0]["object"]["id"],
            "type": "Attempt",
            "assignee": attempt["assignee"],
            "assignable": iri(SUBSECTION),
        }
        assert made[0]["generated"]["attempt"]["isPartOf"] == attempt["isPartOf"]

    def test_parts_of_blocks_are_parts_of_what_these_are_parts_of(self) -> None:
        given = event("edx.drag_and_drop_v2.feedback.opened", content="Well done")
        given["context"]["module"] = {"usage_key": PROBLEM, "display_name": "Starch"}

        [made] = make(CaliperTranslator, blocks=BLOCKS).translate(given)

        assert made["object"]["isPartOf"]["id"] == iri(PROBLEM)
        assert made["object"]["isPartOf"]["isPartOf"]["id"] == iri(UNIT)


class TestAnswers:
    """What a look-up may answer."""

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            "",
            5,
            [],
            {},
            {"name": 5, "language": 5, "type": 5, "ancestors": 5},
            {"name": "", "ancestors": "block-v1:a"},
            {"ancestors": [None, 5, {}, "", "no key", VIDEO, "a b"]},
            {"ancestors": [COURSE, ROOT, "i4x://Lakeside/BIO201/vertical/u"]},
            {"ancestors": ["block-v1:Hillside+HIS1+2025+type@vertical+block@u"]},
        ],
    )
    def test_what_says_nothing_changes_nothing(self, answer: Any) -> None:
        for kind in (XAPITranslator, CaliperTranslator):
            assert make(kind, blocks=lambda _: answer).translate(event()) == make(kind).translate(
                event()
            )

    def test_ancestors_that_are_not_known_have_no_names(self) -> None:
        blocks = {VIDEO: {"ancestors": [UNIT]}}

        [statement] = make(blocks=blocks).translate(event())

        [unit] = statement["context"]["contextActivities"]["grouping"]
        assert unit["id"] == iri(UNIT)
        assert unit["definition"].keys() == {"type"}

    def test_the_type_is_told_where_the_key_does_not_tell_it(self) -> None:
        blocks = {
            VIDEO: {"ancestors": [UNIT, "acme:week:3", "acme:untold"]},
            UNIT: {"type": "problem"},
            "acme:week:3": {"type": "chapter", "name": "Week 3"},
        }

        [statement] = make(blocks=blocks).translate(event())

        assert [
            (each["id"], each["definition"]["type"])
            for each in statement["context"]["contextActivities"]["grouping"]
        ] == [
            (iri(UNIT), KINDS["vertical"].activity),
            (iri("acme:week:3"), KINDS["chapter"].activity),
        ]

    def test_answers_may_change(self) -> None:
        blocks = {VIDEO: {"name": "Old"}}
        translator = make(blocks=blocks)
        translator.translate(event())
        blocks[VIDEO] = {"name": "New"}

        [statement] = translator.translate(event())

        assert statement["object"]["definition"]["name"] == {"und": "New"}

    @pytest.mark.parametrize("error", [KeyError("x"), LookupError()])
    def test_an_error_of_looking_up_says_that_nothing_is_known(self, error: Exception) -> None:
        def fail(_: str) -> Any:
            raise error

        assert make(blocks=fail).translate(event()) == make().translate(event())

    def test_a_look_up_that_fails_is_tried_again(self) -> None:
        answers: list[Any] = [ConnectionError(), *[BLOCKS] * 99]

        def shaky(key: str) -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer.get(key)

        for kind in (XAPITranslator, CaliperTranslator):
            answers[:] = [ConnectionError(), *[BLOCKS] * 99]
            translator = make(kind, blocks=shaky)
            with pytest.raises(TranslationError) as caught:
                translator.translate(event())
            assert (caught.value.reason, caught.value.retryable) == ("lookup_failed", True)
            assert translator.translate(event()) == make(kind, blocks=BLOCKS).translate(event())

    def test_wrong_options_are_told(self) -> None:
        with pytest.raises(ConfigurationError, match=r"blocks: expected a callable or a mapping"):
            make(blocks=5)

    def test_translators_can_be_copied_with_it(self) -> None:
        for kind in (XAPITranslator, CaliperTranslator):
            for dialect in ("standard", "erb"):
                translator = make(kind, blocks=BLOCKS, dialect=dialect)
                translator.translate(event())
                other = pickle.loads(pickle.dumps(translator))
                assert other.translate(event()) == translator.translate(event())


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
class TestEverything:
    """All kinds of events, where all blocks are known."""

    @pytest.mark.parametrize("kind", [XAPITranslator, CaliperTranslator])
    def test_ids_stay_and_documents_are_valid(self, kind: Any, path: Path) -> None:
        given = json.loads(path.read_text("utf-8"))["event"]
        before = copy.deepcopy(given)
        plain = outcome(make(kind, courses=COURSES), given)
        rich_one = make(kind, courses=COURSES, blocks=know_all)
        rich = outcome(rich_one, given)
        assert given == before
        if isinstance(plain, str):
            assert rich == plain
            return

        assert [each["id"] for each in rich] == [each["id"] for each in plain]
        assert [each["object"]["id"] for each in rich] == [each["object"]["id"] for each in plain]
        errors = event_errors if kind is CaliperTranslator else statement_errors
        assert [errors(each) for each in rich] == [[] for _ in rich]
        assert [json.loads(each) for each in rich_one.write(given)] == rich
        if kind is XAPITranslator:
            for statement, other in zip(rich, plain, strict=True):
                assert course_of(statement) == course_of(other)
                assert statement.get("result") == other.get("result")

    @pytest.mark.parametrize("kind", [XAPITranslator, CaliperTranslator])
    def test_dialect_erb_has_nothing_of_it(self, kind: Any, path: Path) -> None:
        given = json.loads(path.read_text("utf-8"))["event"]

        def asked(key: str) -> Any:
            raise AssertionError(key)

        plain = outcome(make(kind, dialect="erb"), given)
        assert outcome(make(kind, dialect="erb", blocks=asked), given) == plain


def course_of(statement: Any) -> Any:
    """Give what the models of Aspects take for the course of a statement."""
    activities = statement["context"].get("contextActivities", {})
    first = (activities.get("parent") or [{}])[0]
    if first.get("definition", {}).get("type") == "http://adlnet.gov/expapi/activities/course":
        return first["id"]
    if first.get("objectType") in ("Activity", "GroupActivity"):
        return (activities.get("grouping") or [{}])[0].get("id", "")
    return statement["object"]["id"]
