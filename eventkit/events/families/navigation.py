"""Moving through a course: links, the outline, the units of a subsection."""

from __future__ import annotations

import re
from urllib.parse import unquote, urljoin

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import READING, course_part, digits, entity
from eventkit.events.shapes.iris import (
    ENDING_POINT,
    LINK,
    NAVIGATED,
    STARTING_POSITION,
    TOTAL_ITEMS,
    WEB_PAGE,
    WIDGET_PLACEMENT,
)
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

_USAGE_KEY = re.compile(r"(?:ccx-)?block-v\d+:[^/?#\s]+\+type@[^/?#\s]+")
_BEFORE_KEY = re.compile(r"/(?=(?:ccx-)?block-v\d+:|i4x://)")


# What the page told us.


def target(view: View, field: str = "target_url") -> str:
    """
    Give the page that a link leads to as an absolute web address.

    Addresses that belong to the page it stands on are resolved; what is no web page
    (``javascript:``, ``mailto:``) has no object to speak of.
    """
    url = view.key(field)
    if not url:
        raise view.lacks("no_object", f"data.{field}")
    if not url.startswith(("https://", "http://")):
        base = view.key("current_url") or view.text("page") or f"{view.site.lms_root}/"
        try:
            url = urljoin(base, url)
        except ValueError:
            raise view.lacks("bad_url", f"data.{field}") from None
    return view.address(url, f"data.{field}")


def chosen(view: View, *, field: str = "target_url") -> tuple[str, bool]:
    """Give the IRI of what was chosen in the outline, and whether it is a block."""
    url = target(view, field)
    plain = unquote(url)
    # The first one: addresses of units name the subsection before the unit.
    block = _USAGE_KEY.search(plain) if "block-v" in plain else None
    return (view.iri(f"/xblock/{block[0]}"), True) if block else (url, False)


def last_block(view: View, field: str) -> str:
    """Give the IRI of the block that *field* ends with; it holds a path of usage keys."""
    key = _BEFORE_KEY.split(view.key(field))[-1]
    return view.iri(f"/xblock/{key}") if key else ""


def destination(view: View) -> str:
    """Give the IRI of the block that the learner jumped to."""
    iri = last_block(view, "id")
    if not iri:
        raise view.lacks("no_object", "data.id")
    return iri


# How xAPI says it.


def link(view: View) -> Json:
    """Make the page behind a link."""
    return activity(target(view), LINK)


def outline_entry(view: View) -> Json:
    """Make the block chosen in the outline, or the page where its address names no block."""
    iri, block = chosen(view)
    name = view.words("target_name").strip()
    return block_activity(view, iri, name=name) if block else activity(iri, WEB_PAGE, name)


def jumped_to(view: View) -> Json:
    """Make the block that the learner jumped to."""
    return block_activity(view, destination(view), name=view.words("target_name").strip())


def subsection(view: View) -> Json:
    """Make the subsection whose units the learner moves through."""
    return block_activity(
        view, view.block("id"), extensions={TOTAL_ITEMS: view.number("tab_count")}
    )


def _position(view: View, field: str, older: str) -> int | None:
    """Give the number of a unit; what is no whole number is none, and analytics cannot cast it."""
    found = view.number(field)
    if found is None:
        found = view.number(older)
    if type(found) is int:
        return found
    return int(found) if found is not None and found == int(found) else None


def _moved(view: View, end: str | int | None) -> Json:
    return {
        STARTING_POSITION: _position(view, "current_tab", "old"),
        ENDING_POINT: end,
    }


def to_next(view: View) -> Json:
    """Say which unit was left for the next one."""
    return _moved(view, "next unit")


def to_previous(view: View) -> Json:
    """Say which unit was left for the previous one."""
    return _moved(view, "previous unit")


def to_tab(view: View) -> Json:
    """Say which unit was left for which."""
    return _moved(view, _position(view, "target_tab", "new"))


# How Caliper says it.


def web_page(view: View) -> Json:
    """Make the page behind a link; pages of the LMS are parts of the course."""
    url = target(view)
    own = url.startswith(f"{view.site.lms_root}/")
    return entity(url, "WebPage", isPartOf=course_part(view) if own else None)


def chosen_resource(view: View) -> Json:
    """Make the block chosen in the outline, or the page where its address names no block."""
    iri, block = chosen(view)
    name, whole = view.words("target_name").strip(), course_part(view)
    if block:
        return block_entity(view, iri, name=name, isPartOf=whole)
    return entity(iri, "WebPage", name=name, isPartOf=whole)


def jump_target(view: View) -> Json:
    """Make the block that the learner jumped to, as a part of its course."""
    return block_entity(
        view,
        destination(view),
        name=view.words("target_name").strip(),
        isPartOf=course_part(view),
    )


def jump_origin(view: View) -> Json | None:
    """Make the block that the learner jumped from."""
    iri = last_block(view, "current_id")
    return block_entity(view, iri) if iri else None


def placement(view: View) -> Json:
    """Say in which part of the page it was chosen."""
    return {WIDGET_PLACEMENT: view.scalar("widget_placement")}


def page_left(view: View) -> Json | None:
    """Make the page that was left."""
    url = view.page_address(view.key("current_url"))
    return {"id": url, "type": "WebPage"} if url else None


def units(view: View) -> Json:
    """Make the subsection whose units the learner moves through."""
    return block_entity(
        view,
        view.block("id"),
        isPartOf=course_part(view),
        extensions={
            TOTAL_ITEMS: view.number("tab_count"),
            WIDGET_PLACEMENT: view.scalar("widget_placement"),
        },
    )


def unit_reached(view: View) -> Json | None:
    """Make the unit that was reached."""
    return _unit(view, _position(view, "target_tab", "new"))


def unit_left(view: View) -> Json | None:
    """Make the unit that was left."""
    return _unit(view, _position(view, "old", "current_tab"))


def _unit(view: View, index: int | float | None) -> Json | None:
    if index is None or index < 0:
        return None
    subsection_iri = view.block("id")
    return {
        "id": f"{subsection_iri}#tab={digits(index)}",
        "type": "Frame",
        "index": int(index),
        "isPartOf": subsection_iri,
    }


_TO_UNIT = Action(
    "NavigationEvent", "NavigatedTo", units, READING, target=unit_reached, referrer=unit_left
)

EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.ui.lms.link_clicked",),
        xapi=Statement(NAVIGATED, link),
        caliper=Action("NavigationEvent", "NavigatedTo", web_page, READING, referrer=page_left),
    ),
    Row(
        ("edx.ui.lms.outline.selected", "edx.ui.lms.sequence.outline.selected"),
        xapi=Statement(NAVIGATED, outline_entry),
        caliper=Action(
            "NavigationEvent", "NavigatedTo", chosen_resource, READING, referrer=page_left
        ),
    ),
    Row(
        ("edx.ui.lms.jump_nav.selected",),
        xapi=Statement(NAVIGATED, jumped_to),
        caliper=Action(
            "NavigationEvent",
            "NavigatedTo",
            jump_target,
            READING,
            referrer=jump_origin,
            extensions=placement,
        ),
    ),
    Row(
        ("edx.ui.lms.sequence.next_selected", "seq_next"),
        xapi=Statement(NAVIGATED, subsection, extensions=to_next),
        caliper=_TO_UNIT,
    ),
    Row(
        ("edx.ui.lms.sequence.previous_selected", "seq_prev"),
        xapi=Statement(NAVIGATED, subsection, extensions=to_previous),
        caliper=_TO_UNIT,
    ),
    Row(
        ("edx.ui.lms.sequence.tab_selected", "seq_goto"),
        xapi=Statement(NAVIGATED, subsection, extensions=to_tab),
        caliper=_TO_UNIT,
    ),
    Row(
        ("page_close",),
        reason="Browsers send it, empty, whenever a page is left: it says nothing of learning.",
    ),
)
