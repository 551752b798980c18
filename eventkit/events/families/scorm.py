"""
SCORM packages: what they report to the block that shows them.

The block hands its score to the platform as well, whose own event is the grade.
"""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Shape, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import GENERAL, course_part, duration
from eventkit.events.shapes.iris import (
    ACTION,
    COMPLETED,
    DURATION,
    FAILED,
    INITIALIZED,
    INTERACTED,
    MAX_SCORE,
    PASSED,
    PASSING,
    SCORE_GIVEN,
    SCORED,
    TERMINATED,
    Verb,
)
from eventkit.events.shapes.scores import graded
from eventkit.events.shapes.view import View
from eventkit.typing import Json

# What the block told us.


def package_iri(view: View) -> str:
    """Give the IRI of the block."""
    return view.own_block("block_id")


def element(view: View) -> Json:
    """Say which element of SCORM's data model was written; what was, only where texts may leave."""
    return {ACTION: view.scalar("cmi_element")}


def points(view: View) -> Json:
    """Say how many points there are of how many, weighted."""
    return {
        SCORE_GIVEN: view.number("weighted_score"),
        MAX_SCORE: view.number("max_score"),
    }


# How xAPI says it.


def package(view: View) -> Json:
    """Make the block."""
    return block_activity(view, package_iri(view))


def outcome(view: View, *, completion: bool | None = None, success: bool | None = None) -> Json:
    """Make the result: what the package reports, and the points so far where there are any."""
    result = graded(view.number("weighted_score"), view.number("max_score"))
    if completion is not None:
        result["completion"] = completion
    if success is not None:
        result["success"] = success
    if (spent := duration(view.seconds("duration"))) is not None:
        result["duration"] = spent
    return result


def interaction(view: View) -> Json:
    """Say what was written, where texts may leave."""
    result: Json = {"extensions": element(view)}
    if text := view.private("value"):
        result["response"] = text
    return result


# How Caliper says it.


def content(view: View) -> Json:
    """Make the block, as a part of its course."""
    return block_entity(view, package_iri(view), isPartOf=course_part(view))


def verdict(view: View, *, passing: bool) -> Json:
    """Say whether it was passed."""
    return {PASSING: passing} | points(view)


def session_end(view: View) -> Json:
    """Say how long it took, in seconds."""
    return {DURATION: view.seconds("duration")} | points(view)


def _row(step: str, verb: Verb, result: Shape | None, action: str, extensions: Shape | None) -> Row:
    return Row(
        (f"openedx.xblock.scorm.{step}",),
        xapi=Statement(verb, package, result=result),
        caliper=Action("Event", action, content, GENERAL, extensions=extensions, actor="learner"),
    )


EVENTS: tuple[Row, ...] = (
    _row("initialized", INITIALIZED, None, "Started", None),
    _row("interacted", INTERACTED, interaction, "Used", element),
    _row("scored", SCORED, outcome, "Submitted", points),
    _row("completed", COMPLETED, partial(outcome, completion=True), "Completed", points),
    _row(
        "passed",
        PASSED,
        partial(outcome, success=True),
        "Classified",
        partial(verdict, passing=True),
    ),
    _row(
        "failed",
        FAILED,
        partial(outcome, success=False),
        "Classified",
        partial(verdict, passing=False),
    ),
    _row("terminated", TERMINATED, outcome, "Ended", session_end),
)
