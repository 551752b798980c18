"""Peer instruction: answering, seeing what others think, answering again."""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import course_item, interaction
from eventkit.events.shapes.caliper import ASSESSMENT, attempt, entity
from eventkit.events.shapes.iris import ANSWERED, INITIALIZED, RATIONALE, SUBMISSION_STAGE
from eventkit.events.shapes.view import View
from eventkit.reading.source import clean
from eventkit.typing import Json

question = partial(interaction, kind="choice")
"""Make the question, as xAPI says it."""


def rationale(view: View) -> str | None:
    """Give why the learner chose it, where texts may leave."""
    return (view.words("rationale") if view.site.include_text else "") or None


def answer(view: View) -> Json:
    """Say which choice it was."""
    result: Json = {"extensions": {RATIONALE: rationale(view)}}
    if chosen := view.key("answer"):
        result["response"] = clean(chosen)
    return result


def _stage(_: View, *, stage: str) -> Json:
    return {SUBMISSION_STAGE: stage}


def response(view: View, *, count: int) -> Json:
    """Make the response, in the first attempt or, after discussion, the second."""
    made = attempt(view, view.own_block(), f"/attempt/{count}", count=count)
    return entity(
        f"{made['id']}/response",
        "MultipleChoiceResponse",
        attempt=made,
        value=clean(view.key("answer")),
        extensions={RATIONALE: rationale(view)},
    )


def _submitted(stage: str, count: int) -> Row:
    return Row(
        (f"ubc.peer_instruction.{stage}_submitted",),
        xapi=Statement(ANSWERED, question, result=answer, extensions=partial(_stage, stage=stage)),
        caliper=Action(
            "AssessmentItemEvent",
            "Completed",
            course_item,
            ASSESSMENT,
            generated=partial(response, count=count),
        ),
    )


EVENTS: tuple[Row, ...] = (
    Row(
        ("ubc.peer_instruction.accessed",),
        xapi=Statement(INITIALIZED, question),
        caliper=Action("ViewEvent", "Viewed", course_item, ASSESSMENT),
    ),
    _submitted("original", 1),
    _submitted("revised", 2),
)
