"""What events of browsers are about that name no block: what their page shows."""

from __future__ import annotations

import re

from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import course_part, entity
from eventkit.events.shapes.iris import ACTION, WEB_PAGE
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# The learning pages show one unit, in a frame whose address names it.
_UNIT = re.compile(r"/xblock/((?:ccx-)?block-v\d+:[^/?#\s]+\+type@[^/?#\s]+)")
_REST = re.compile(r"[?#].*", re.DOTALL)


def place_iri(view: View) -> tuple[str, bool]:
    """Give the IRI of the unit that the page shows, else of the page; and whether it is a unit."""
    url = view.text("page")
    if not url:
        raise view.lacks("no_object", "page")
    unit = _UNIT.search(url)
    if unit:
        return view.iri(f"/xblock/{unit[1]}"), True
    return view.address(_REST.sub("", url), "page"), False


def place_activity(view: View) -> Json:
    """Make the unit that the page shows, else the page."""
    iri, is_block = place_iri(view)
    return block_activity(view, iri) if is_block else activity(iri, WEB_PAGE)


def place_entity(view: View) -> Json:
    """Make the unit that the page shows, else the page, as a part of its course."""
    iri, is_block = place_iri(view)
    if is_block:
        return block_entity(view, iri, isPartOf=course_part(view))
    return entity(iri, "WebPage", isPartOf=course_part(view))


def own_activity(view: View) -> Json:
    """Make the block that emitted the event."""
    return block_activity(view, view.own_block())


def own_entity(view: View) -> Json:
    """Make the block that emitted the event, as a part of its course."""
    return block_entity(view, view.own_block(), isPartOf=course_part(view))


def acted(_: View, *, action: str) -> Json:
    """Make the result that tells what was done, where the verb says no more than that it was."""
    return {"extensions": {ACTION: action}}


def did(_: View, *, action: str) -> Json:
    """Tell what was done, where the action of Caliper says no more than that it was."""
    return {ACTION: action}
