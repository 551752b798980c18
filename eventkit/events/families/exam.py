"""Timed, practice and proctored exams."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Literal, TypeAlias

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
    RESET,
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
    return _attempt(view, iri)


def _attempt(view: View, iri: str) -> Json:
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
    iri = _attempt_iri(view)
    return {"grouping": [_attempt(view, iri)]} if iri else {}


def software(view: View) -> Json:
    """Make the proctoring software that learners install for the exam."""
    return activity(f"{view.block('exam_content_id')}/proctoring-software", FILE)


def review(view: View) -> Json:
    """Make the proctors' review of the attempt."""
    return activity(f"{own_attempt(view)['id']}/review", RESOURCE)


def review_status(view: View) -> Json:
    """
    Say how the review ended, in the words that proctoring has for it.

    Other words, which a proctor may have written, only where texts may leave.
    """
    status = view.words("review_status")
    is_known = status.lower().replace("_", " ") in _REVIEWS
    return {REVIEW_STATUS: status if status and (is_known or view.site.include_text) else None}


_REVIEWS = frozenset(
    ("passed", "clean", "violation", "rules violation", "suspicious", "not reviewed")
)


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


def new_status(view: View, *, kind: str) -> Json:
    """Say which kind of exam it is, and which status the attempt has now."""
    return {EXAM_KIND: kind, ATTEMPT_STATUS: view.scalar("attempt_status")}


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


_Meaning: TypeAlias = tuple[Statement, Action | None, str]
"""What a step of an attempt becomes in xAPI and in Caliper, or why not in the latter."""


def _step(
    verb: Verb, at: Callable[[str, str], Action], action: str, *, result: Shape | None = None
) -> Callable[[str], _Meaning]:
    return lambda kind: (_statement(verb, kind, result=result), at(kind, action), "")


def _set_up(statement: Callable[[str], Statement], reason: str) -> Callable[[str], _Meaning]:
    return lambda kind: (statement(kind), None, reason)


def _deleted(kind: str) -> _Meaning:
    # Staff delete attempts: whoever did it acts, and the attempt is the object.
    return (
        Statement(DELETED, own_attempt, user=doer),
        _with_attempt(kind, "Deleted", actor=doer),
        "",
    )


def _declined(kind: str) -> _Meaning:
    return (
        _statement(DECLINED, kind),
        Action(
            "Event",
            "Declined",
            assessment,
            GENERAL,
            extensions=partial(exam_kind, kind=kind),
            actor="learner",
        ),
        "",
    )


def _judged(verb: Verb, action: str, *, success: bool) -> Callable[[str], _Meaning]:
    return lambda kind: (
        _statement(verb, kind, result=partial(verdict, success=success)),
        _with_attempt(kind, action, actor="lms"),
        "",
    )


def _reviewed(kind: str) -> _Meaning:
    return (
        Statement(RECEIVED, review, result=reviewed, activities=attempt),
        Action(
            "Event",
            "Reviewed",
            learners_attempt,
            GENERAL,
            extensions=partial(reviewed_kind, kind=kind),
            actor="lms",
        ),
        "",
    )


def _other_status(kind: str) -> _Meaning:
    """Say no more than that the attempt has another status now, and which."""
    return (
        Statement(EXPERIENCED, exam, extensions=partial(new_status, kind=kind), activities=attempt),
        _with_attempt(kind, "Modified", actor="lms"),
        "",
    )


_STEPS: dict[str, Callable[[str], _Meaning]] = {
    "created": _step(INITIALIZED, _with_attempt, "Created"),
    "started": _step(ATTEMPTED, _at_exam, "Started"),
    "ready_to_submit": _step(CONCLUDED, _with_attempt, "Completed"),
    "submitted": _step(TERMINATED, _at_exam, "Submitted", result=taken),
    "timed_out": _step(TERMINATED, _with_attempt, "TimedOut", result=taken),
    "error": _step(ABANDONED, _with_attempt, "Abandoned"),
    "reset_practice_exam": _step(RESET, _with_attempt, "Reset"),
    "download_software_clicked": _set_up(
        lambda _: Statement(DOWNLOADED, software, activities=attempt), _NO_DOWNLOAD
    ),
    "ready_to_start": _set_up(partial(_statement, READIED), _NOT_READY),
    "declined": _declined,
    "verified": _judged(SATISFIED, "Accepted", success=True),
    "rejected": _judged(FAILED, "Declined", success=False),
    "review_received": _reviewed,
    "deleted": _deleted,
    # What proctoring makes of the attempt without the learner doing anything.
    "eligible": _other_status,
    "expired": _other_status,
    "second_review_required": _other_status,
    "onboarding_expired": _other_status,
    "onboarding_failed": _other_status,
    "onboarding_missing": _other_status,
    "onboarding_pending": _other_status,
    "onboarding_reset": _other_status,
}
"""
What the steps of an attempt mean; most are statuses of edx-proctoring, which makes names of them.

It does not look which kind of exam it is, so any step may come in exams of any kind.
"""

PREFIX = "edx.special_exam."
"""What the names of all events of exams begin with."""

_NAME = re.compile(
    rf"{re.escape(PREFIX)}({'|'.join(EXAMS)})\.attempt\.([a-z]{{1,20}}(?:_[a-z]{{1,20}}){{0,4}})"
)


def _attempt_row(kind: str, step: str) -> Row:
    xapi, caliper, reason = _STEPS.get(step, _other_status)(kind)
    return Row((f"{PREFIX}{kind}.attempt.{step}",), xapi, caliper, reason, "exam", is_checked=False)


@lru_cache(maxsize=100)
def new_step(name: str) -> Row | None:
    """
    Give the row of a step of an attempt that nobody here has heard of; None of any other event.

    Names of steps are made of statuses, and other releases have others.
    """
    match = _NAME.fullmatch(name)
    return _attempt_row(match[1], match[2]) if match else None


EVENTS: tuple[Row, ...] = (
    *(_attempt_row(kind, step) for kind in EXAMS for step in _STEPS),
    Row(
        ("edx.special_exam.proctored.option-presented",),
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
