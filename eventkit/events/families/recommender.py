"""
The recommender: learners add resources to a list of those that help, and flag bad ones.

What they write there, and the addresses they recommend, stay here. The words by which its events
tell one step from another are in the language of the page, so their form has to tell.
"""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import GENERAL, course_part
from eventkit.events.shapes.iris import (
    CREATED,
    EDITED,
    INTERACTED,
    REPORTED,
    RESOURCE,
    UNREPORTED,
    Verb,
)
from eventkit.events.shapes.places import acted, did
from eventkit.events.shapes.view import View, activity
from eventkit.reading.source import as_object
from eventkit.typing import Json

# What the page told us.


def block_iri(view: View) -> str:
    """Give the IRI of the block; pages of old courses write its usage key without slashes."""
    key = view.key("element").replace(";_", "/")
    return view.iri(f"/xblock/{key}") if key else view.own_block()


def resource_iri(view: View) -> str:
    """Give the IRI of what learners recommend; which of them it is they wrote themselves."""
    return f"{block_iri(view)}/resource"


# How xAPI says it.


def recommender(view: View) -> Json:
    """Make the block."""
    return block_activity(view, block_iri(view))


def resource(view: View) -> Json:
    """Make what is recommended."""
    return activity(resource_iri(view), RESOURCE)


def _did(action: str) -> Statement:
    return Statement(INTERACTED, recommender, result=partial(acted, action=action))


def _changed(verb: Verb, action: str) -> Statement:
    return Statement(verb, resource, result=partial(acted, action=action), activities=_in_block)


def _in_block(view: View) -> Json:
    return {"grouping": [recommender(view)]}


# How Caliper says it.


def block(view: View) -> Json:
    """Make the block, as a part of its course."""
    return block_entity(view, block_iri(view), isPartOf=course_part(view))


def recommended(view: View) -> Json:
    """Make what is recommended, a part of the block."""
    return {
        "id": resource_iri(view),
        "type": "DigitalResource",
        "isPartOf": block_iri(view),
    }


def _event(action: str, caliper: str) -> Action:
    return Action("Event", caliper, block, GENERAL, extensions=partial(did, action=action))


def _change(action: str, caliper: str) -> Action:
    return Action("Event", caliper, recommended, GENERAL, extensions=partial(did, action=action))


# The steps: what became of the form that was opened.


def _is_handed_in(view: View) -> bool:
    """Tell a resource that was handed in from the form that was opened for it."""
    return "title" in as_object(view.data.get("information"))


def _flag(view: View) -> bool | None:
    """Tell flagging a resource from taking it back; None where only the form was opened."""
    found = as_object(view.data.get("information")).get("isProblematic")
    return found if isinstance(found, bool) else None


def added(view: View) -> Statement:
    """Tell adding a resource from opening the form."""
    return _ADDED if _is_handed_in(view) else _ADDING


def addition(view: View) -> tuple[Action]:
    """Tell adding a resource from opening the form."""
    return (_ADDITION if _is_handed_in(view) else _ADDITION_BEGUN,)


def edited(view: View) -> Statement:
    """Tell changing a resource from opening the form."""
    return _EDITED if _is_handed_in(view) else _EDITING


def edit(view: View) -> tuple[Action]:
    """Tell changing a resource from opening the form."""
    return (_EDIT if _is_handed_in(view) else _EDIT_BEGUN,)


def flagged(view: View) -> Statement:
    """Tell flagging a resource, or taking that back, from opening the form."""
    flag = _flag(view)
    return _FLAGGING if flag is None else _FLAGGED if flag else _UNFLAGGED


def flagging(view: View) -> tuple[Action]:
    """Tell flagging a resource, or taking that back, from opening the form."""
    flag = _flag(view)
    return (_FLAG_BEGUN if flag is None else _FLAG if flag else _UNFLAG,)


def _is_hidden(view: View) -> bool:
    return view.key("status") == "hide"


def toggled(view: View) -> Statement:
    """Tell hiding the list from showing it."""
    return _HIDDEN if _is_hidden(view) else _SHOWN


def toggle(view: View) -> tuple[Action]:
    """Tell hiding the list from showing it."""
    return (_HID if _is_hidden(view) else _SHOWED,)


_ADDED = _changed(CREATED, "resource-added")
_ADDING = _did("adding-resource")
_ADDITION = _change("resource-added", "Added")
_ADDITION_BEGUN = _event("adding-resource", "Used")
_EDITED = _changed(EDITED, "resource-edited")
_EDITING = _did("editing-resource")
_EDIT = _change("resource-edited", "Modified")
_EDIT_BEGUN = _event("editing-resource", "Used")
_FLAGGED = _changed(REPORTED, "resource-flagged")
_UNFLAGGED = _changed(UNREPORTED, "resource-unflagged")
_FLAGGING = _did("flagging-resource")
_FLAG = _change("resource-flagged", "Tagged")
_UNFLAG = _change("resource-unflagged", "Removed")
_FLAG_BEGUN = _event("flagging-resource", "Used")
_HIDDEN = _did("resources-hidden")
_SHOWN = _did("resources-shown")
_HID = _event("resources-hidden", "Hid")
_SHOWED = _event("resources-shown", "Showed")

# The rows.

_STAFF = "The course team looks after the list; not a learner's action."


def _row(what: str, action: str, caliper: str) -> Row:
    return Row((f"mit.recommender.{what}",), xapi=_did(action), caliper=_event(action, caliper))


EVENTS: tuple[Row, ...] = (
    Row(
        ("mit.recommender.addResource",),
        xapi=OneOf((_ADDED, _ADDING), added),
        caliper=OneOf((_ADDITION, _ADDITION_BEGUN), addition),
    ),
    Row(
        ("mit.recommender.editResource",),
        xapi=OneOf((_EDITED, _EDITING), edited),
        caliper=OneOf((_EDIT, _EDIT_BEGUN), edit),
    ),
    Row(
        ("mit.recommender.flagResource",),
        xapi=OneOf((_FLAGGED, _UNFLAGGED, _FLAGGING), flagged),
        caliper=OneOf((_FLAG, _UNFLAG, _FLAG_BEGUN), flagging),
    ),
    Row(
        ("mit.recommender.hideShow",),
        xapi=OneOf((_HIDDEN, _SHOWN), toggled),
        caliper=OneOf((_HID, _SHOWED), toggle),
    ),
    # A second click takes the vote back, which nobody tells.
    _row("arrowUp", "arrow-up-clicked", "Used"),
    _row("arrowDown", "arrow-down-clicked", "Used"),
    _row("backToView", "back-to-resources", "Used"),
    _row("clickResource", "resource-followed", "NavigatedTo"),
    _row("hover", "resource-hovered", "Viewed"),
    _row("pagination", "resources-paged", "Used"),
    *(
        Row((f"mit.recommender.{what}",), reason=_STAFF)
        for what in ("endorseResource", "exportResource", "importResource", "removeResource")
    ),
)
