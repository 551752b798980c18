"""Timed, practice and proctored exams."""

from __future__ import annotations

from functools import partial

from eventkit.events._iris import (
    ATTEMPT_COMPLETED,
    ATTEMPT_ID,
    ATTEMPT_STARTED,
    DURATION,
    EXAM_ATTEMPT,
    INITIALIZED,
    PRACTICE_ASSESSMENT,
    PROCTORED_ASSESSMENT,
    TERMINATED,
    TIME_LIMIT,
    TIMED_ASSESSMENT,
)
from eventkit.events._rows import Event, Statement
from eventkit.events._view import View, activity, encode_iri
from eventkit.typing import Json


def exam(view: View, kind: str) -> Json:
    """Make the exam: the subsection that is given as one."""
    return activity(
        view.block("exam_content_id"),
        kind,
        name=view.words("exam_name"),
        extensions={TIME_LIMIT: view.number("exam_default_time_limit_mins")},
    )


def attempt(view: View) -> Json:
    """Say which attempt at the exam it was; its id is an IRI below that of the exam."""
    code = view.key("attempt_code")
    if not code:
        return {}
    return {
        "grouping": [
            activity(
                view.block("exam_content_id") + encode_iri(f"/attempt/{code.lower()}"),
                EXAM_ATTEMPT,
                name=view.words("exam_name"),
                extensions={
                    ATTEMPT_STARTED: view.moment("attempt_started_at"),
                    ATTEMPT_COMPLETED: view.moment("attempt_completed_at"),
                    DURATION: view.number("attempt_event_elapsed_time_secs"),
                    ATTEMPT_ID: view.scalar("attempt_id"),
                },
            )
        ]
    }


def _attempts(kind: str, iri: str) -> tuple[Event, ...]:
    shape = partial(exam, kind=iri)
    return (
        Event(
            (f"edx.special_exam.{kind}.attempt.created",),
            xapi=Statement(INITIALIZED, shape, activities=attempt),
        ),
        Event(
            (f"edx.special_exam.{kind}.attempt.submitted",),
            xapi=Statement(TERMINATED, shape, activities=attempt),
        ),
    )


EVENTS = (
    *_attempts("timed", TIMED_ASSESSMENT),
    *_attempts("practice", PRACTICE_ASSESSMENT),
    *_attempts("proctored", PROCTORED_ASSESSMENT),
)
