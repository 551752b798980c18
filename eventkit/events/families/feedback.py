"""
The feedback block: learners rate the course, and write what they think of it.

Its browser events name no block, and the server says it again, of the block: so the browser's say
only that the form was used.
"""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import FEEDBACK, GENERAL, actor, entity, made_by
from eventkit.events.shapes.iris import (
    ACTION,
    COMMENTED,
    INTERACTED,
    PREVIOUS_RATING,
    RATED,
    RATING,
)
from eventkit.events.shapes.places import (
    acted,
    did,
    own_activity,
    own_entity,
    place_activity,
    place_entity,
)
from eventkit.events.shapes.view import View
from eventkit.typing import Json

# What the block told us.


def vote(view: View, field: str) -> int | float | None:
    """Give the number of the answer that was chosen; the block says -1 where none was."""
    found = view.number(field)
    return found if found is not None and found >= 0 else None


# How xAPI says it.


def rating(view: View) -> Json:
    """Say which answer was chosen, and which before."""
    return {
        "extensions": {
            RATING: vote(view, "new_vote"),
            PREVIOUS_RATING: vote(view, "old_vote"),
        }
    }


def comment(view: View) -> Json:
    """Say what was written, where texts may leave."""
    text = view.private("new_freeform")
    return {"response": text} if text else {}


def used(view: View, *, action: str, text: str = "") -> Json:
    """Say what was done with the form; in words only where texts may leave."""
    result: Json = {"extensions": {ACTION: action, RATING: vote(view, "vote")}}
    if text and (written := view.private(text)):
        result["response"] = written
    return result


# How Caliper says it.


def given_rating(view: View) -> Json:
    """Make the rating."""
    block, person = view.own_block(), actor(view)
    chosen = vote(view, "new_vote")
    return entity(
        made_by(view, person, block, "rating"),
        "Rating",
        rater=person,
        rated=block,
        selections=None if chosen is None else [str(chosen)],
        extensions={PREVIOUS_RATING: vote(view, "old_vote")},
    )


def given_comment(view: View) -> Json:
    """Make the comment."""
    block, person = view.own_block(), actor(view)
    return entity(
        made_by(view, person, block, "comment"),
        "Comment",
        commenter=person,
        commentedOn=block,
        value=view.private("new_freeform"),
    )


def use(view: View, *, action: str) -> Json:
    """Say what was done with the form."""
    return {ACTION: action, RATING: vote(view, "vote")}


def _used(what: str, action: str, caliper: str, *, text: str = "") -> Row:
    return Row(
        (f"edx.feedbackxblock.{what}",),
        xapi=Statement(INTERACTED, place_activity, result=partial(used, action=action, text=text)),
        caliper=Action(
            "Event", caliper, place_entity, GENERAL, extensions=partial(use, action=action)
        ),
    )


EVENTS: tuple[Row, ...] = (
    _used("submitted", "feedback-submitted", "Submitted", text="freeform"),
    _used("likert_changed", "feedback-rating-changed", "Modified"),
    _used("freeform_changed", "feedback-comment-changed", "Modified", text="freeform"),
    Row(
        ("edx.feedbackxblock.likert_provided",),
        xapi=Statement(RATED, own_activity, result=rating),
        caliper=Action("FeedbackEvent", "Ranked", own_entity, FEEDBACK, generated=given_rating),
    ),
    Row(
        ("edx.feedbackxblock.freeform_provided",),
        xapi=Statement(COMMENTED, own_activity, result=comment),
        caliper=Action("FeedbackEvent", "Commented", own_entity, FEEDBACK, generated=given_comment),
    ),
    Row(
        ("edx.feedbackxblock.nothing_provided",),
        xapi=Statement(
            INTERACTED, own_activity, result=partial(acted, action="feedback-nothing-provided")
        ),
        caliper=Action(
            "Event",
            "Submitted",
            own_entity,
            GENERAL,
            extensions=partial(did, action="feedback-nothing-provided"),
        ),
    ),
)
