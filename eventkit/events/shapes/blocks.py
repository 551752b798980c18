"""The block that emitted an event, as the families of XBlocks speak of it."""

from __future__ import annotations

from eventkit.events.shapes.caliper import course_part, entity
from eventkit.events.shapes.iris import INTERACTION
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json


def interaction(view: View, *, kind: str, block: str = "") -> Json:
    """Make the block that a learner interacts with, *kind* being xAPI's word for the way."""
    return activity(
        block or view.own_block(),
        INTERACTION,
        name=view.module("display_name"),
        language="en-US",
        interaction=kind,
    )


def course_item(view: View, *, kind: str = "AssessmentItem", block: str = "") -> Json:
    """Make the block as an entity of Caliper's type *kind*, a part of its course."""
    return entity(
        block or view.own_block(),
        kind,
        name=view.module("display_name"),
        isPartOf=course_part(view),
    )
