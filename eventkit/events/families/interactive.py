"""Interactive content: explorations of Oppia, and images with hotspots."""

from __future__ import annotations

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import GENERAL, READING, duration, entity
from eventkit.events.shapes.iris import (
    COMPLETED,
    DURATION,
    EXITED,
    EXPERIENCED,
    INITIALIZED,
    INTERACTED,
    NEW,
    OLD,
    RESOURCE,
)
from eventkit.events.shapes.places import own_activity, own_entity
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the block told us.


def hotspot_iri(view: View) -> str:
    """Give the IRI of the hotspot of the image."""
    item = view.key("item_id")
    if not item:
        raise view.lacks("no_object", "data.item_id")
    return view.own_block() + encode_iri(f"/hotspot/{item}")


def seconds_open(view: View) -> float | None:
    """Give how long the hotspot was open; the page counts in milliseconds."""
    found = view.number("duration")
    return None if found is None else found / 1000


# How xAPI says it.


def moved(view: View) -> Json:
    """Say from which state of the exploration to which."""
    return {"extensions": {OLD: view.scalar("old_state_name"), NEW: view.scalar("new_state_name")}}


def hotspot(view: View) -> Json:
    """Make the hotspot."""
    return activity(hotspot_iri(view), RESOURCE)


def in_image(view: View) -> Json:
    """Say which image it is on."""
    return {"grouping": [own_activity(view)]}


def time_open(view: View) -> Json:
    """Say how long it was open."""
    spent = duration(seconds_open(view))
    return {"duration": spent} if spent else {}


# How Caliper says it.


def state_left(view: View) -> Json | None:
    """Make the state of the exploration that was left."""
    return _state(view, "old_state_name")


def state_reached(view: View) -> Json | None:
    """Make the state of the exploration that was reached."""
    return _state(view, "new_state_name")


def _state(view: View, field: str) -> Json | None:
    name, block = view.words(field), view.own_block()
    if not name:
        return None
    # A hash sign would end the fragment before its end.
    return entity(f"{block}#state=" + encode_iri(f"{name}"), "Frame", name=name, isPartOf=block)


def hotspot_frame(view: View) -> Json:
    """Make the hotspot, a frame on the image."""
    return entity(hotspot_iri(view), "Frame", isPartOf=view.own_block())


def seconds(view: View) -> Json:
    """Say how long it was open, in seconds."""
    return {DURATION: seconds_open(view)}


EVENTS: tuple[Row, ...] = (
    Row(
        ("oppia.exploration.loaded",),
        xapi=Statement(INITIALIZED, own_activity),
        caliper=Action("Event", "Started", own_entity, GENERAL),
    ),
    Row(
        ("oppia.exploration.state.changed",),
        xapi=Statement(INTERACTED, own_activity, result=moved),
        caliper=Action(
            "NavigationEvent",
            "NavigatedTo",
            own_entity,
            READING,
            target=state_reached,
            referrer=state_left,
        ),
    ),
    Row(
        ("oppia.exploration.completed",),
        xapi=Statement(COMPLETED, own_activity),
        caliper=Action("Event", "Completed", own_entity, GENERAL),
    ),
    Row(
        ("xblock.image-explorer.loaded",),
        xapi=Statement(INITIALIZED, own_activity),
        caliper=Action("Event", "Retrieved", own_entity, GENERAL, actor="learner"),
    ),
    Row(
        ("xblock.image-explorer.hotspot.opened",),
        xapi=Statement(EXPERIENCED, hotspot, activities=in_image),
        caliper=Action("Event", "Showed", hotspot_frame, GENERAL, actor="learner"),
    ),
    Row(
        ("xblock.image-explorer.hotspot.closed",),
        xapi=Statement(EXITED, hotspot, result=time_open, activities=in_image),
        caliper=Action("Event", "Hid", hotspot_frame, GENERAL, extensions=seconds, actor="learner"),
    ),
)
