"""Tools and documents beside the course's own content."""

from __future__ import annotations

from functools import partial
from urllib.parse import urljoin

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import READING, course_part, entity
from eventkit.events.shapes.iris import ACCESSED, DISPLAYED_IN, EXPERIENCED, FILE, LINK, SECTION
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the platform told us.


def tool_iri(view: View) -> str:
    """Give the IRI of a tool of the course."""
    tool = view.key("tool_name")
    if not tool:
        raise view.lacks("no_object", "data.tool_name")
    return view.course_iri() + encode_iri(f"/tool/{tool}")


def file_iri(view: View) -> str:
    """
    Give the address of the document or calendar that was shown.

    The address of a person's calendar has their e-mail address in it, which does not leave.
    """
    url = view.key("url")
    if not url:
        raise view.lacks("no_object", "data.url")
    try:
        url = urljoin(f"{view.site.lms_root}/", url)
    except ValueError:
        raise view.lacks("bad_url", "data.url") from None
    return view.address(url, "data.url")


# How xAPI says it.


def tool(view: View) -> Json:
    """Make the tool."""
    return activity(tool_iri(view), SECTION, name=view.words("tool_name"))


def file(view: View, *, kind: str) -> Json:
    """Make the document or calendar."""
    return activity(file_iri(view), kind)


def place(view: View) -> Json:
    """Say in what it was shown."""
    return {DISPLAYED_IN: view.scalar("displayed_in")}


# How Caliper says it.


def application(view: View) -> Json:
    """Make the tool."""
    return entity(tool_iri(view), "SoftwareApplication", name=view.words("tool_name"))


def resource(view: View) -> Json:
    """Make the document or calendar, a part of the block that shows it."""
    own = view.module("usage_key")
    return entity(
        file_iri(view),
        "DigitalResource",
        isPartOf=view.own_block() if own else course_part(view),
        extensions=place(view),
    )


def _displayed(what: str, kind: str) -> Row:
    return Row(
        (f"edx.googlecomponent.{what}.displayed",),
        xapi=Statement(EXPERIENCED, partial(file, kind=kind), extensions=place),
        caliper=Action("ViewEvent", "Viewed", resource, READING),
    )


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.course.tool.accessed",),
        xapi=Statement(ACCESSED, tool),
        caliper=Action("NavigationEvent", "NavigatedTo", application, READING),
    ),
    _displayed("calendar", LINK),
    _displayed("document", FILE),
)
