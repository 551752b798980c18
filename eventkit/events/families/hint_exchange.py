"""
The crowdsourced hinter: learners see the hints of others, rate them and write their own.

Its events come from the browser and name no block. All that they hold was written by learners.
"""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import FEEDBACK, GENERAL, actor, entity, made_by
from eventkit.events.shapes.iris import (
    ACTION,
    COMMENTED,
    EXPERIENCED,
    RATED,
    RATING,
    REPORTED,
    RESOURCE,
)
from eventkit.events.shapes.places import did, place_activity, place_entity, place_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

_RATINGS = ("upvote", "downvote")

# What the page told us.


def rating(view: View) -> str | None:
    """Give how the hint was rated; None of what is no rating of the block's."""
    found = view.key("rating")
    return found if found in _RATINGS else None


def hint_iri(view: View) -> str:
    """Give the IRI of a hint where the page shows some; which it is only its text tells."""
    return f"{place_iri(view)[0]}#hint"


# How xAPI says it.


def hint(view: View) -> Json:
    """Make the hint."""
    return activity(hint_iri(view), RESOURCE)


def where(view: View) -> Json:
    """Say where it was."""
    return {"grouping": [place_activity(view)]}


def shown(view: View, *, action: str, text: str) -> Json:
    """Say what was shown; the hint only where texts may leave."""
    result: Json = {"extensions": {ACTION: action}}
    if written := view.private(text):
        result["response"] = written
    return result


def rated(view: View) -> Json:
    """Say how the hint was rated."""
    return {"extensions": {ACTION: "hint-rated", RATING: rating(view)}}


def reported(_: View) -> Json:
    """Say that a hint was reported."""
    return {"extensions": {ACTION: "hint-reported"}}


# How Caliper says it.


def hint_resource(view: View) -> Json:
    """Make the hint, a part of what the page shows."""
    return entity(hint_iri(view), "DigitalResource", isPartOf=place_entity(view))


def given_rating(view: View) -> Json:
    """Make the rating."""
    rated_hint, person = hint_iri(view), actor(view)
    chosen = rating(view)
    return entity(
        made_by(view, person, place_iri(view)[0], "rating"),
        "Rating",
        rater=person,
        rated=rated_hint,
        selections=[chosen] if chosen else None,
    )


def given_hint(view: View) -> Json:
    """Make the hint that the learner wrote."""
    place, person = place_iri(view)[0], actor(view)
    return entity(
        made_by(view, person, place, "hint"),
        "Comment",
        commenter=person,
        commentedOn=place,
        value=view.private("new_hint_submission"),
    )


def _hint(action: str, caliper: str) -> Action:
    return Action("Event", caliper, hint_resource, GENERAL, extensions=partial(did, action=action))


_STAFF = "The course team looks after the hints; not a learner's action."

EVENTS: tuple[Row, ...] = (
    Row(
        ("crowd_hinter.showHint",),
        xapi=Statement(
            EXPERIENCED,
            hint,
            result=partial(shown, action="hint-shown", text="hint_received"),
            activities=where,
        ),
        caliper=_hint("hint-shown", "Viewed"),
    ),
    Row(
        ("crowd_hinter.hint_rating_UX",),
        xapi=Statement(
            EXPERIENCED,
            hint,
            result=partial(shown, action="hint-rating-shown", text="hint"),
            activities=where,
        ),
        caliper=_hint("hint-rating-shown", "Showed"),
    ),
    Row(
        ("crowd_hinter.rateHint",),
        xapi=Statement(RATED, hint, result=rated, activities=where),
        caliper=Action(
            "FeedbackEvent",
            "Ranked",
            hint_resource,
            FEEDBACK,
            generated=given_rating,
            extensions=partial(did, action="hint-rated"),
        ),
    ),
    Row(
        ("crowd_hinter.reportHint",),
        xapi=Statement(REPORTED, hint, result=reported, activities=where),
        caliper=_hint("hint-reported", "Tagged"),
    ),
    Row(
        ("crowd_hinter.submitNewHint",),
        xapi=Statement(
            COMMENTED,
            place_activity,
            result=partial(shown, action="hint-written", text="new_hint_submission"),
        ),
        caliper=Action(
            "FeedbackEvent",
            "Commented",
            place_entity,
            FEEDBACK,
            generated=given_hint,
            extensions=partial(did, action="hint-written"),
        ),
    ),
    *(
        Row((f"crowd_hinter.{what}",), reason=_STAFF)
        for what in ("staffRateHint", "staff_rate_hint", "staff_edit_hinter")
    ),
)
