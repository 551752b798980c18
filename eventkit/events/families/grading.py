"""Grades of problems, subsections and courses, and passing a course."""

from __future__ import annotations

from functools import partial

from eventkit.events.families.enrollment import course as enrolled_course
from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity, course_activity, kind_name
from eventkit.events.shapes.caliper import (
    GENERAL,
    GRADING,
    attempt,
    attempt_iri,
    course_part,
    time_of,
)
from eventkit.events.shapes.caliper import score as attempt_score
from eventkit.events.shapes.iris import (
    ATTEMPTED,
    COURSE_VERSION,
    EARNED,
    FAILED,
    FIRST_TIME,
    GRADE_CLASSIFICATION,
    GRADED_EARNED,
    GRADED_POSSIBLE,
    GRADING_POLICY_HASH,
    LEARNER,
    MAX_SCORE,
    ONLY_IF_HIGHER,
    OVERRIDE_DELETED,
    PASSED,
    PASSING,
    RESCORED,
    RESET,
    SCORE_GIVEN,
    SCORE_OVERRIDDEN,
    SCORED,
)
from eventkit.events.shapes.scores import graded, score
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, staff
from eventkit.reading.source import user_id
from eventkit.typing import Json

# What the platform told us.


def percentage(view: View) -> int | float | None:
    """Give the course grade, from 0 to 1; the reference has another name for it."""
    grade = view.number("percent_grade")
    return view.number("percent") if grade is None else grade


def letter(view: View) -> str | None:
    """
    Give the letter of the course grade; None when nothing is said of letters.

    The platform sends an empty letter for a grade below the lowest cut-off: that is its way to say
    that the learner fails, and analytics reads the label.
    """
    if not isinstance(view.data.get("letter_grade"), str):
        return None
    return view.words("letter_grade").strip() or "Fail"


def grader(view: View) -> int | str | None:
    """
    Give the member of staff who changed a learner's score or state; None when nobody knows.

    The platform writes the text "None" where it knows nobody.
    """
    instructor = user_id(view.data.get("instructor_id"))
    return staff(view) if instructor is None else instructor


# How xAPI says it.


def course(view: View) -> Json:
    """Make the course that was graded."""
    return course_activity(view)


def subsection(view: View) -> Json:
    """Make the subsection that was graded."""
    return block_activity(view, view.block("block_id"))


def problem(view: View) -> Json:
    """Make the problem whose score changed."""
    return block_activity(view, view.block("problem_id", "module_id"))


def course_grade(view: View) -> Json:
    """Make the course grade, from 0 to 1, and its letter."""
    return {
        "score": score(percentage(view), 1.0),
        "extensions": {GRADE_CLASSIFICATION: letter(view)},
    }


def subsection_grade(view: View) -> Json:
    """Make the grade of a subsection, all of its problems counted."""
    return graded(view.number("weighted_total_earned"), view.number("weighted_total_possible"))


def problem_grade(view: View) -> Json:
    """Make the weighted grade of a problem."""
    return graded(view.number("weighted_earned"), view.number("weighted_possible"))


def corrected_grade(view: View, *, how: str) -> Json:
    """Make the grade that staff gave; *how* is the extension that says in which way."""
    result: Json = {"extensions": {how: True, ONLY_IF_HIGHER: view.scalar("only_if_higher")}}
    points = score(view.number("new_weighted_earned"), view.number("new_weighted_possible"))
    if points:
        result["score"] = points
    return result


def corrected_subsection(view: View) -> Json:
    """Make the subsection whose grade staff corrected; the event calls it a problem."""
    return block_activity(view, view.block("problem_id"))


def override(view: View) -> Json:
    """Say that staff corrected the grade, or took the correction back; not which grade it is."""
    return {"extensions": _override(view)}


def _override(view: View) -> Json:
    return {
        SCORE_OVERRIDDEN: True,
        OVERRIDE_DELETED: view.scalar("override_deleted"),
        ONLY_IF_HIGHER: view.scalar("only_if_higher"),
    }


# How Caliper says it.


def course_attempt(view: View) -> Json:
    """Make the learner's attempt at the course; what is assignable is its grade, not itself."""
    course_iri = view.course_iri()
    made = attempt(view, f"{course_iri}/grade", "/attempt")
    made["assignable"] = {
        "id": f"{course_iri}/grade",
        "type": "AssignableDigitalResource",
        "name": "Course grade",
        "isPartOf": course_iri,
    }
    return made


def verdict(_: View, *, passing: bool, first_time: bool | None = None) -> Json:
    """Say whether the grade is enough to pass the course."""
    return {PASSING: passing, FIRST_TIME: first_time}


def _score_steps(view: View) -> str:
    """Give the end of a score's IRI: one attempt at a course or a subsection gets many scores."""
    chain = view.key("event_transaction_id")
    return f"/score/{encode_iri(chain)}" if chain else "/score"


def course_score(view: View) -> Json:
    """Make the course grade, from 0 to 1, and its letter."""
    return attempt_score(
        view,
        attempt_iri(view, f"{view.course_iri()}/grade", "/attempt"),
        percentage(view),
        1.0,
        steps=_score_steps(view),
        extensions={
            GRADE_CLASSIFICATION: letter(view),
            GRADING_POLICY_HASH: view.scalar("grading_policy_hash"),
            COURSE_VERSION: view.scalar("course_version"),
        },
    )


def subsection_attempt(view: View) -> Json:
    """Make the learner's attempt at the subsection."""
    made = attempt(view, view.block("block_id"), "/attempt")
    made["assignable"] = block_entity(view, made["assignable"], isPartOf=course_part(view))
    if started := time_of(view, "first_attempted"):
        made["startedAtTime"] = started
    return made


def subsection_score(view: View) -> Json:
    """Make the score of all problems of the subsection, and say what those that count give."""
    return attempt_score(
        view,
        attempt_iri(view, view.block("block_id"), "/attempt"),
        view.number("weighted_total_earned"),
        view.number("weighted_total_possible"),
        steps=_score_steps(view),
        extensions={
            GRADED_EARNED: view.number("weighted_graded_earned"),
            GRADED_POSSIBLE: view.number("weighted_graded_possible"),
        },
    )


def problem_attempt(view: View) -> Json:
    """Make the attempt that was graded."""
    return attempt(view, view.block("problem_id", "module_id"), _attempt_steps(view))


def _attempt_steps(view: View) -> str:
    """Give the end of an attempt's IRI: the platform tells attempts apart by transaction."""
    chain = view.key("event_transaction_id")
    return f"/attempt/tx/{encode_iri(chain)}" if chain else "/attempt"


def problem_score(view: View) -> Json:
    """Make the weighted score of that attempt."""
    return attempt_score(
        view,
        attempt_iri(view, view.block("problem_id", "module_id"), _attempt_steps(view)),
        view.number("weighted_earned"),
        view.number("weighted_possible"),
    )


def corrected_attempt(view: View) -> Json:
    """Make the learner's attempt that staff scored; the user of the request is not the learner."""
    learner = view.subject()
    block = view.block("problem_id", "module_id")
    return attempt(view, block, _attempt_steps(view), learner=learner)


def corrected_score(view: View, *, how: str, by_people: bool) -> Json:
    """Make the new score; *how* is the extension that says in which way it came about."""
    instructor = grader(view) if by_people else None
    return attempt_score(
        view,
        corrected_attempt(view)["id"],
        view.number("new_weighted_earned"),
        view.number("new_weighted_possible"),
        by="" if instructor is None else view.person(instructor),
        extensions={how: True, ONLY_IF_HIGHER: view.scalar("only_if_higher")},
    )


def corrected_subsection_attempt(view: View) -> Json:
    """Make the learner's attempt at the subsection whose grade staff corrected."""
    learner = view.subject()
    made = attempt(view, view.block("problem_id"), "/attempt", learner=learner)
    made["assignable"] = block_entity(view, made["assignable"], isPartOf=course_part(view))
    return made


def points(view: View) -> Json:
    """Say how many points there are of how many, weighted."""
    return {
        SCORE_GIVEN: view.number("weighted_earned"),
        MAX_SCORE: view.number("weighted_possible"),
    }


def item(view: View) -> Json:
    """Make the problem."""
    return block_entity(view, view.block("problem_id", "module_id"), isPartOf=course_part(view))


def whose_state(view: View) -> Json:
    """Say whose state was deleted."""
    return {LEARNER: view.person(view.subject())}


# The rows.


def _passing(*, passing: bool, first_time: bool | None = None) -> Action:
    return Action(
        "GradeEvent",
        "Graded",
        course_attempt,
        GRADING,
        extensions=partial(verdict, passing=passing, first_time=first_time),
        actor="lms",
    )


def _corrected(name: str, how: str, *, by_people: bool) -> Row:
    """
    Make the row of a score that staff had changed; *how* is the extension that says in which way.

    Who orders that work is scored anew grades nothing: the platform does, unless *by_people*.
    """
    return Row(
        (name,),
        xapi=Statement(
            SCORED,
            problem,
            result=partial(corrected_grade, how=how),
            user=View.named,
            instructor=grader,
        ),
        caliper=Action(
            "GradeEvent",
            "Graded",
            corrected_attempt,
            GRADING,
            generated=partial(corrected_score, how=how, by_people=by_people),
            actor=grader if by_people else "lms",
        ),
    )


_GRADED = Action(
    "GradeEvent", "Graded", problem_attempt, GRADING, generated=problem_score, actor="lms"
)
_SUBMITTED = Action("Event", "Submitted", item, GENERAL, extensions=points, actor="learner")


def submitted(view: View) -> tuple[Action]:
    """
    Tell what is graded from what was graded already.

    Of a problem the event of the check, which comes first, gives attempt and grade. Of every other
    kind of block this is the only event that does.
    """
    is_problem = kind_name(view.block("problem_id", "module_id")) == "problem"
    return (_SUBMITTED if is_problem else _GRADED,)


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.course.grade.passed.first_time",),
        xapi=Statement(PASSED, enrolled_course, in_course=False),
        caliper=_passing(passing=True, first_time=True),
    ),
    Row(
        ("edx.course.grade.now_passed",),
        xapi=Statement(PASSED, enrolled_course, in_course=False),
        caliper=_passing(passing=True),
    ),
    Row(
        ("edx.course.grade.now_failed",),
        xapi=Statement(FAILED, enrolled_course, in_course=False),
        caliper=_passing(passing=False),
    ),
    Row(
        ("edx.grades.course.grade_calculated",),
        xapi=Statement(EARNED, course, result=course_grade),
        caliper=Action(
            "GradeEvent",
            "Graded",
            course_attempt,
            GRADING,
            generated=course_score,
            actor="lms",
        ),
    ),
    Row(
        ("edx.grades.subsection.grade_calculated",),
        xapi=Statement(EARNED, subsection, result=subsection_grade),
        caliper=Action(
            "GradeEvent",
            "Graded",
            subsection_attempt,
            GRADING,
            generated=subsection_score,
            actor="lms",
        ),
    ),
    Row(
        ("edx.grades.problem.submitted",),
        xapi=Statement(ATTEMPTED, problem, result=problem_grade),
        caliper=OneOf((_GRADED, _SUBMITTED), submitted),
    ),
    _corrected("edx.grades.problem.rescored", RESCORED, by_people=False),
    _corrected("edx.grades.problem.score_overridden", SCORE_OVERRIDDEN, by_people=True),
    Row(
        ("edx.grades.problem.state_deleted",),
        xapi=Statement(RESET, problem, user=View.named, instructor=grader),
        caliper=Action("Event", "Reset", item, GENERAL, extensions=whose_state, actor=grader),
    ),
    Row(
        ("edx.grades.subsection.score_overridden",),
        # The grade itself is said by the subsection's grade, which is calculated next.
        xapi=Statement(
            SCORED, corrected_subsection, result=override, user=View.named, instructor=grader
        ),
        caliper=Action(
            "Event",
            "Modified",
            corrected_subsection_attempt,
            GENERAL,
            extensions=_override,
            actor=grader,
        ),
    ),
    Row(
        ("edx.grades.grading_policy_changed",),
        reason="Course configuration, not a learner's action.",
    ),
)
