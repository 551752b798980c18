"""Timed, practice and proctored exams."""

from __future__ import annotations

from functools import partial
from typing import Literal

from eventkit.events.rows import Action, Row, Shape, Statement, Who
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import (
    ASSIGNABLE,
    GENERAL,
    course_part,
    duration,
    entity,
    time_of,
)
from eventkit.events.shapes.caliper import attempt as attempt_at
from eventkit.events.shapes.iris import (
    ABANDONED,
    ALLOWED_MINUTES,
    ATTEMPT_COMPLETED,
    ATTEMPT_ID,
    ATTEMPT_STARTED,
    ATTEMPT_STATUS,
    ATTEMPTED,
    CONCLUDED,
    DECLINED,
    DELETED,
    DOWNLOADED,
    DURATION,
    EXAM_ATTEMPT,
    EXAM_ID,
    EXAM_KIND,
    EXPERIENCED,
    FAILED,
    FILE,
    INITIALIZED,
    READIED,
    RECEIVED,
    RESOURCE,
    REVIEW_STATUS,
    SATISFIED,
    TERMINATED,
    TIME_LIMIT,
    Verb,
)
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity, doer
from eventkit.reading.source import utc
from eventkit.typing import Json

EXAMS = ("timed", "practice", "proctored")
"""
The kinds of exams.

Names of events say which kind it is; the ``event_type`` of a log line may be wrong about it.
"""


def time_taken(view: View) -> str | None:
    """Give how long the attempt took, as ISO 8601; None when the event does not say it."""
    started, ended = (
        utc(view.data.get(field)) for field in ("attempt_started_at", "attempt_completed_at")
    )
    return duration((ended - started).total_seconds()) if started and ended else None


# How xAPI says it.


def exam(view: View) -> Json:
    """Make the exam: the subsection that is given as one."""
    return block_activity(
        view,
        view.block("exam_content_id"),
        name=view.words("exam_name"),
        extensions={TIME_LIMIT: view.number("exam_default_time_limit_mins")},
    )


def _attempt_iri(view: View) -> str:
    """Give the IRI of the attempt, which is below that of the exam; ``""`` when it has no code."""
    code = view.key("attempt_code")
    if not code:
        return ""
    return view.block("exam_content_id") + encode_iri(f"/attempt/{code.lower()}")


def own_attempt(view: View) -> Json:
    """Make the attempt, where it is what the event is about."""
    iri = _attempt_iri(view)
    if not iri:
        raise view.lacks("no_object", "data.attempt_code")
    return activity(
        iri,
        EXAM_ATTEMPT,
        name=view.words("exam_name"),
        extensions={
            ATTEMPT_STARTED: view.moment("attempt_started_at"),
            ATTEMPT_COMPLETED: view.moment("attempt_completed_at"),
            ATTEMPT_ID: view.scalar("attempt_id"),
        },
    )


def attempt(view: View) -> Json:
    """Say which attempt at the exam it was."""
    return {"grouping": [own_attempt(view)]} if _attempt_iri(view) else {}


def software(view: View) -> Json:
    """Make the proctoring software that learners install for the exam."""
    return activity(f"{view.block('exam_content_id')}/proctoring-software", FILE)


def review(view: View) -> Json:
    """Make the proctors' review of the attempt."""
    return activity(f"{own_attempt(view)['id']}/review", RESOURCE)


def review_status(view: View) -> Json:
    """
    Say how the review ended; only where texts may leave, for it may accuse the learner.

    What became of the attempt is said by the events of its verification or rejection.
    """
    status = view.words("review_status") if view.site.include_text else ""
    return {REVIEW_STATUS: status or None}


def reviewed(view: View) -> Json:
    """Make the result of the review."""
    return {"extensions": review_status(view)}


def taken(view: View) -> Json | None:
    """Say how long the attempt took."""
    length = time_taken(view)
    return {"duration": length} if length else None


def verdict(_: View, *, success: bool) -> Json:
    """Say whether the proctors accept the attempt; this is no grade."""
    return {"success": success}


# How Caliper says it.


def assessment(view: View) -> Json:
    """Make the exam."""
    return _assessment(
        view,
        {
            EXAM_ID: view.scalar("exam_id"),
            TIME_LIMIT: view.number("exam_default_time_limit_mins"),
        },
    )


def _assessment(view: View, extensions: Json | None = None) -> Json:
    return block_entity(
        view,
        view.block("exam_content_id"),
        name=view.words("exam_name"),
        isPartOf=course_part(view),
        extensions=extensions,
    )


def learners_attempt(view: View) -> Json:
    """Make the learner's attempt at the exam, as far as it has gone."""
    number = view.key("attempt_id")
    steps = f"/exam_attempt/{encode_iri(number)}" if number else "/exam_attempt"
    made = attempt_at(view, view.block("exam_content_id"), steps) | {
        "assignable": _assessment(view)
    }
    # Its code names it in both protocols; old events have none.
    made["id"] = _attempt_iri(view) or made["id"]
    return entity(
        made.pop("id"),
        made.pop("type"),
        **made,
        startedAtTime=time_of(view, "attempt_started_at"),
        endedAtTime=time_of(view, "attempt_completed_at"),
        duration=time_taken(view),
        extensions={
            ATTEMPT_STATUS: view.scalar("attempt_status"),
            ALLOWED_MINUTES: view.number("attempt_allowed_time_limit_mins"),
            DURATION: view.number("attempt_event_elapsed_time_secs"),
        },
    )


def exam_kind(_: View, *, kind: str) -> Json:
    """Say which kind of exam it is."""
    return {EXAM_KIND: kind}


def reviewed_kind(view: View, *, kind: str) -> Json:
    """Say which kind of exam was reviewed, and how the review ended."""
    return {EXAM_KIND: kind} | review_status(view)


# The rows.

_NO_DOWNLOAD = "Caliper: fetching the proctoring software is set-up of a tool, no step of the exam."
_NOT_READY = "Caliper: that the proctoring software is ready is set-up, no step of the exam."
_AUTHORING = "Course authoring, not a learner's action."
_ALLOWANCE = (
    "An accommodation that the course team grants a learner: not an action of the learner, and it "
    "can reveal a disability."
)


def _statement(verb: Verb, kind: str, *, result: Shape | None = None) -> Statement:
    return Statement(
        verb,
        exam,
        result=result,
        extensions=partial(exam_kind, kind=kind),
        activities=attempt,
    )


def _at_exam(kind: str, action: str) -> Action:
    return Action(
        "AssignableEvent",
        action,
        assessment,
        ASSIGNABLE,
        generated=learners_attempt,
        extensions=partial(exam_kind, kind=kind),
        actor="learner",
    )


def _with_attempt(
    kind: str, action: str, *, actor: Literal["learner", "lms"] | Who = "learner"
) -> Action:
    return Action(
        "Event",
        action,
        learners_attempt,
        GENERAL,
        extensions=partial(exam_kind, kind=kind),
        actor=actor,
    )


def _row(
    kind: str, step: str, xapi: Statement, caliper: Action | None = None, *, reason: str = ""
) -> Row:
    return Row((f"edx.special_exam.{kind}.{step}",), xapi, caliper, reason)


def _attempts(kind: str) -> tuple[Row, ...]:
    """Make the rows that exams of every kind have."""
    return (
        _row(
            kind,
            "attempt.created",
            _statement(INITIALIZED, kind),
            _with_attempt(kind, "Created"),
        ),
        _row(kind, "attempt.started", _statement(ATTEMPTED, kind), _at_exam(kind, "Started")),
        _row(
            kind,
            "attempt.ready_to_submit",
            _statement(CONCLUDED, kind),
            _with_attempt(kind, "Completed"),
        ),
        _row(
            kind,
            "attempt.submitted",
            _statement(TERMINATED, kind, result=taken),
            _at_exam(kind, "Submitted"),
        ),
        # Staff delete attempts: whoever did it acts, and the attempt is the object.
        _row(
            kind,
            "attempt.deleted",
            Statement(DELETED, own_attempt, user=doer),
            _with_attempt(kind, "Deleted", actor=doer),
        ),
    )


def _supervised(kind: str) -> tuple[Row, ...]:
    """Make the rows that exams with proctoring software have."""
    return (
        _row(
            kind,
            "attempt.download_software_clicked",
            Statement(DOWNLOADED, software, activities=attempt),
            reason=_NO_DOWNLOAD,
        ),
        _row(kind, "attempt.ready_to_start", _statement(READIED, kind), reason=_NOT_READY),
        _row(
            kind,
            "attempt.error",
            _statement(ABANDONED, kind),
            _with_attempt(kind, "Abandoned"),
        ),
    )


EVENTS: tuple[Row, ...] = (
    *(row for kind in EXAMS for row in _attempts(kind)),
    *(row for kind in ("practice", "proctored") for row in _supervised(kind)),
    _row(
        "proctored",
        "attempt.declined",
        _statement(DECLINED, "proctored"),
        Action(
            "Event",
            "Declined",
            assessment,
            GENERAL,
            extensions=partial(exam_kind, kind="proctored"),
            actor="learner",
        ),
    ),
    _row(
        "proctored",
        "attempt.verified",
        _statement(SATISFIED, "proctored", result=partial(verdict, success=True)),
        _with_attempt("proctored", "Accepted", actor="lms"),
    ),
    _row(
        "proctored",
        "attempt.rejected",
        _statement(FAILED, "proctored", result=partial(verdict, success=False)),
        _with_attempt("proctored", "Declined", actor="lms"),
    ),
    _row(
        "proctored",
        "attempt.review_received",
        Statement(RECEIVED, review, result=reviewed, activities=attempt),
        Action(
            "Event",
            "Reviewed",
            learners_attempt,
            GENERAL,
            extensions=partial(reviewed_kind, kind="proctored"),
            actor="lms",
        ),
    ),
    _row(
        "proctored",
        "option-presented",
        Statement(EXPERIENCED, exam, extensions=partial(exam_kind, kind="proctored")),
        Action(
            "ViewEvent",
            "Viewed",
            assessment,
            ASSIGNABLE,
            extensions=partial(exam_kind, kind="proctored"),
        ),
    ),
    *(
        Row((f"edx.special_exam.{kind}.{step}",), reason=reason)
        for kind in EXAMS
        for step, reason in (
            ("created", _AUTHORING),
            ("updated", _AUTHORING),
            ("allowance.created", _ALLOWANCE),
            ("allowance.deleted", _ALLOWANCE),
        )
    ),
)
