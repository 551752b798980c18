"""Grades of problems, subsections and courses, and passing a course."""

from __future__ import annotations

from eventkit.events._caliper import GRADING, attempt, entity
from eventkit.events._caliper import score as attempt_score
from eventkit.events._iris import (
    ATTEMPTED,
    COURSE,
    EARNED,
    FAILED,
    FIRST_TIME,
    GRADE_CLASSIFICATION,
    PASSED,
    PASSING,
    QUESTION,
    RESOURCE,
)
from eventkit.events._rows import Action, Event, Statement
from eventkit.events._scores import graded, score
from eventkit.events._view import View, activity, encode_iri
from eventkit.events.enrollment import course as enrolled_course
from eventkit.typing import Json


def course(view: View) -> Json:
    """Make the course that was graded."""
    return activity(view.course_iri(), COURSE, name=view.course_name())


def subsection(view: View) -> Json:
    """Make the subsection that was graded."""
    return activity(view.block("block_id"), RESOURCE)


def problem(view: View) -> Json:
    """Make the problem whose score changed."""
    return activity(view.block("problem_id", "module_id"), QUESTION)


def course_grade(view: View) -> Json:
    """
    Make the course grade, from 0 to 1, and its letter.

    The platform sends an empty letter for a grade below the lowest cut-off: that is its way to say
    that the learner fails, and analytics reads the label. Without any letter nothing is said.
    """
    grade = view.number("percent_grade")
    result: Json = {}
    if points := score(view.number("percent") if grade is None else grade, 1.0):
        result["score"] = points
    letter = view.data.get("letter_grade")
    if isinstance(letter, str):
        label = view.words("letter_grade").strip() or "Fail"
        result["extensions"] = {GRADE_CLASSIFICATION: label}
    return result


def subsection_grade(view: View) -> Json:
    """Make the grade of a subsection, all of its problems counted."""
    return graded(view.number("weighted_total_earned"), view.number("weighted_total_possible"))


def problem_grade(view: View) -> Json:
    """Make the weighted grade of a problem."""
    return graded(view.number("weighted_earned"), view.number("weighted_possible"))


def course_attempt(view: View) -> Json:
    """Make the learner's attempt at the course; what is assignable is its grade, not itself."""
    course_iri = view.course_iri()
    made = attempt(view, f"{course_iri}/grade", "/attempt")
    made["assignable"] = entity(
        f"{course_iri}/grade",
        "AssignableDigitalResource",
        name="Course grade",
        isPartOf=course_iri,
    )
    return made


def passed_first_time(_: View) -> Json:
    """Say that the course was passed, for the first time."""
    return {PASSING: True, FIRST_TIME: True}


def problem_attempt(view: View) -> Json:
    """Make the attempt that was graded; the platform tells attempts apart by transaction."""
    transaction = view.key("event_transaction_id")
    steps = f"/attempt/tx/{encode_iri(transaction)}" if transaction else "/attempt"
    return attempt(view, view.block("problem_id", "module_id"), steps)


def problem_score(view: View) -> Json:
    """Make the weighted score of that attempt."""
    return attempt_score(
        view,
        problem_attempt(view),
        view.number("weighted_earned"),
        view.number("weighted_possible"),
    )


EVENTS = (
    Event(
        ("edx.course.grade.passed.first_time",),
        xapi=Statement(PASSED, enrolled_course, in_course=False),
        caliper=Action(
            "GradeEvent",
            "Graded",
            course_attempt,
            GRADING,
            extensions=passed_first_time,
            actor="lms",
        ),
    ),
    Event(
        ("edx.course.grade.now_passed",),
        xapi=Statement(PASSED, enrolled_course, in_course=False),
    ),
    Event(
        ("edx.course.grade.now_failed",),
        xapi=Statement(FAILED, enrolled_course, in_course=False),
    ),
    Event(
        ("edx.grades.course.grade_calculated",),
        xapi=Statement(EARNED, course, result=course_grade),
    ),
    Event(
        ("edx.grades.subsection.grade_calculated",),
        xapi=Statement(EARNED, subsection, result=subsection_grade),
    ),
    Event(
        ("edx.grades.problem.submitted",),
        xapi=Statement(ATTEMPTED, problem, result=problem_grade),
        caliper=Action(
            "GradeEvent",
            "Graded",
            problem_attempt,
            GRADING,
            generated=problem_score,
            actor="lms",
        ),
    ),
)
