"""Drag and drop problems (version 2)."""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.blocks import course_activity, course_item, interaction
from eventkit.events.shapes.caliper import ASSESSMENT, GENERAL, actor, entity, made_by
from eventkit.events.shapes.iris import (
    ANSWERED,
    CORRECT,
    EXITED,
    EXPERIENCED,
    FEEDBACK,
    FEEDBACK_SHOWN,
    INITIALIZED,
    INPUT,
    INTERACTED,
    INTERACTION,
    IS_CORRECT_LOCATION,
    ITEM_ID,
    LOCATION_ID,
    MANUALLY,
    RESOURCE,
    TRUNCATED,
)
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.reading.source import clean
from eventkit.typing import Json

# How xAPI says it.

problem = partial(interaction, kind="matching")
"""Make the problem."""


def item(view: View) -> Json:
    """Say which item it was."""
    return {"extensions": {ITEM_ID: view.scalar("item_id")}}


def dropped(view: View) -> Json:
    """Make the item that was dropped: whether it belongs there is said of it alone."""
    if not view.key("item_id"):
        return problem(view)
    iri = _item_iri(view, view.own_block())
    return activity(iri, INTERACTION, name=view.words("item"), interaction="matching")


def in_problem(view: View) -> Json:
    """Say which problem the item is a part of, and of which course that is."""
    course = course_activity(view) if view.course_id else None
    if not view.key("item_id"):
        return {"parent": [course] if course else None}
    return {
        "parent": [problem(view)],
        "grouping": [course] if course else None,
    }


def match(view: View) -> Json:
    """Say which item was dropped where, as xAPI writes a pair (1.0.3, Data, appendix C)."""
    result: Json = {}
    correct = view.data.get("is_correct")
    if isinstance(correct, bool):
        result["success"] = correct
    what, where = view.key("item_id"), view.key("location_id") or view.key("location")
    if what and where:
        result["response"] = clean(f"{what}[.]{where}")
    return result


def feedback(view: View) -> Json:
    """Make the feedback that the problem shows."""
    return activity(f"{view.own_block()}/feedback", RESOURCE)


def message(view: View) -> Json:
    """Say what the feedback said; the course team wrote it."""
    return {"extensions": {FEEDBACK_SHOWN: view.words("content") or None}}


def closed_by(view: View) -> Json:
    """Say whether the learner closed it."""
    return {MANUALLY: view.scalar("manually")}


_CLOSED = Statement(EXITED, feedback, extensions=closed_by)


def closed(view: View) -> Statement:
    """Leave out feedback that the browser closed by itself: the learner did nothing."""
    if view.data.get("manually") is False:
        raise view.skipped("the browser closed the feedback, not the learner")
    return _CLOSED


# How Caliper says it.


def dropped_item(view: View) -> Json:
    """Make the item that was dropped, a part of the problem."""
    block = view.own_block()
    return entity(_item_iri(view, block), "AssessmentItem", name=view.words("item"), isPartOf=block)


def _item_iri(view: View, block: str) -> str:
    key = view.key("item_id")
    if not key:
        raise view.lacks("no_object", "data.item_id")
    return f"{block}/item/{encode_iri(key)}"


def drop(view: View) -> Json:
    """Make the response: where the item was dropped, and whether it belongs there."""
    return entity(
        made_by(view, actor(view), _item_iri(view, view.own_block()), "response"),
        "MultipleChoiceResponse",
        value=view.words("location") or view.key("location_id"),
        extensions={
            CORRECT: view.scalar("is_correct"),
            IS_CORRECT_LOCATION: view.scalar("is_correct_location"),
            LOCATION_ID: view.scalar("location_id"),
            INPUT: view.number("input"),
        },
    )


def shown_feedback(view: View) -> Json:
    """Make the feedback, with what it says."""
    return _feedback(
        view,
        {FEEDBACK: view.words("content") or None, TRUNCATED: view.scalar("truncated")},
    )


def hidden_feedback(view: View) -> Json:
    """Make the feedback, a part of the problem."""
    return _feedback(view)


def _feedback(view: View, extensions: Json | None = None) -> Json:
    block = view.own_block()
    return entity(f"{block}/feedback", "DigitalResource", isPartOf=block, extensions=extensions)


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.drag_and_drop_v2.loaded",),
        xapi=Statement(INITIALIZED, problem),
        caliper=Action("ViewEvent", "Viewed", course_item, ASSESSMENT),
    ),
    Row(
        ("edx.drag_and_drop_v2.item.picked_up",),
        xapi=Statement(INTERACTED, problem, result=item),
        reason="Caliper: a move of the pointer; the drop that follows has item and result.",
    ),
    Row(
        ("edx.drag_and_drop_v2.item.dropped",),
        xapi=Statement(ANSWERED, dropped, result=match, activities=in_problem),
        caliper=Action(
            "AssessmentItemEvent", "Completed", dropped_item, ASSESSMENT, generated=drop
        ),
    ),
    Row(
        ("edx.drag_and_drop_v2.feedback.opened",),
        xapi=Statement(EXPERIENCED, feedback, result=message),
        caliper=Action("Event", "Showed", shown_feedback, GENERAL),
    ),
    Row(
        ("edx.drag_and_drop_v2.feedback.closed",),
        xapi=OneOf((_CLOSED,), closed),
        caliper=Action("Event", "Hid", hidden_feedback, GENERAL, extensions=closed_by),
    ),
)
