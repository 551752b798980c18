"""
Problems of XBlocks that are not the platform's own: Problem Builder and WeBWorK.

They hand their score to the platform as well, whose own event is the grade.
"""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import GENERAL, entity
from eventkit.events.shapes.iris import (
    ANSWERED,
    ATTEMPT_ID,
    INITIALIZED,
    INTERACTED,
    MAX_SCORE,
    SCORE_GIVEN,
)
from eventkit.events.shapes.places import acted, own_activity, own_entity
from eventkit.events.shapes.scores import score
from eventkit.events.shapes.view import View, json_text
from eventkit.typing import Json

# What the block told us.


def attempt_number(view: View) -> Json:
    """Say which attempt it was."""
    return {ATTEMPT_ID: view.number("num_attempts")}


# How xAPI says it.


def answered(view: View, *, most: int | None) -> Json:
    """Say how many points it gave, of *most* if that is known; the answers only as texts may."""
    result: Json = {}
    if points := score(view.number("grade"), most):
        result["score"] = points
    answers = view.data.get("submitted_answer")
    if view.site.include_text and answers:
        result["response"] = answers if isinstance(answers, str) else json_text(answers)
    return result


# How Caliper says it.


def points(view: View, *, most: int | None) -> Json:
    """Say which attempt it was, and how many points it gave."""
    return attempt_number(view) | {SCORE_GIVEN: view.number("grade"), MAX_SCORE: most}


def feedback(view: View) -> Json:
    """Make the feedback, a frame on the block; it may say what the learner wrote."""
    block = view.own_block()
    return entity(f"{block}#feedback", "Frame", isPartOf=block)


# The rows.


def _submitted(name: str, *, most: int | None) -> Row:
    return Row(
        (name,),
        xapi=Statement(
            ANSWERED, own_activity, result=partial(answered, most=most), extensions=attempt_number
        ),
        caliper=Action(
            "Event",
            "Submitted",
            own_entity,
            GENERAL,
            extensions=partial(points, most=most),
            actor="learner",
        ),
    )


def _feedback(name: str, what: str, action: str) -> Row:
    return Row(
        (f"{name}.feedback.{what}",),
        xapi=Statement(INTERACTED, own_activity, result=partial(acted, action=f"feedback-{what}")),
        caliper=Action("Event", action, feedback, GENERAL, actor="learner"),
    )


EVENTS: tuple[Row, ...] = (
    Row(
        ("xblock.problem_builder.loaded",),
        xapi=Statement(INITIALIZED, own_activity),
        caliper=Action("Event", "Retrieved", own_entity, GENERAL, actor="learner"),
    ),
    # The grade of Problem Builder goes from 0 to 1; that of WeBWorK to what authors want.
    _submitted("xblock.problem_builder.submitted", most=1),
    _submitted("xblock.mentoring.submitted", most=1),
    _submitted("xblock.webwork.submitted", most=None),
    _feedback("xblock.problem_builder", "closed", "Hid"),
    _feedback("xblock.mentoring", "opened", "Showed"),
    _feedback("xblock.mentoring", "closed", "Hid"),
)
