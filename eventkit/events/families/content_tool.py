"""Tools and documents beside the course's own content."""

from __future__ import annotations

from functools import partial
from urllib.parse import urljoin

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import (
    GENERAL,
    READING,
    RESOURCE_MANAGEMENT,
    course_part,
    entity,
)
from eventkit.events.shapes.iris import (
    ACCESSED,
    APPLICATION,
    COURSE_ROLES,
    DISPLAYED_IN,
    DOWNLOADED,
    EXPERIENCED,
    FILE,
    FILE_COUNT,
    LAUNCHED,
    LINK,
    LTI_VERSION,
    SECTION,
    VIEWED,
)
from eventkit.events.shapes.places import own_activity, own_entity
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.reading.source import clean
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


def launched_iri(view: View) -> str:
    """Give the address of the tool that was launched, where no block of a course launches it."""
    url = view.key("launch_url")
    if not url:
        raise view.lacks("no_object", "data.launch_url")
    return view.address(url, "data.launch_url")


def launch(view: View) -> Json:
    """Say how it was launched, and for a person in which roles."""
    given = view.data.get("user_roles")
    text = given if isinstance(given, str) else ",".join(view.texts("user_roles") or ())
    roles = [clean(role) for each in text.split(",") if (role := each.strip())]
    return {LTI_VERSION: view.scalar("lti_version"), COURSE_ROLES: roles or None}


def files_iri(view: View) -> str:
    """Give the IRI of the block that files were downloaded from."""
    return view.block("xblock_id")


def file_count(view: View) -> Json:
    """Say how many files they were; not what they are called."""
    found = view.data.get("files_downloaded_metadata")
    return {FILE_COUNT: len(found) if isinstance(found, list) else None}


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


def embedded_tool(view: View) -> Json:
    """Make the tool that was launched from a page of the platform."""
    return activity(launched_iri(view), APPLICATION)


def files(view: View) -> Json:
    """Make the block that files were downloaded from."""
    return block_activity(view, files_iri(view))


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


def embedded_application(view: View) -> Json:
    """Make the tool that was launched from a page of the platform."""
    return entity(launched_iri(view), "SoftwareApplication")


def folder(view: View) -> Json:
    """Make the block that files were downloaded from."""
    return block_entity(view, files_iri(view), isPartOf=course_part(view))


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
    # Caliper's own event for launches wants the tool's session, which nobody knows here.
    Row(
        ("edx.lti.xblock.launch_request",),
        xapi=Statement(LAUNCHED, own_activity, extensions=launch),
        caliper=Action("Event", "Launched", own_entity, GENERAL, extensions=launch),
    ),
    Row(
        ("edx.lti.embed.launch_request",),
        xapi=Statement(LAUNCHED, embedded_tool, extensions=launch),
        caliper=Action("Event", "Launched", embedded_application, GENERAL, extensions=launch),
    ),
    Row(
        ("edx.pdf.loaded",),
        xapi=Statement(VIEWED, own_activity),
        caliper=Action("ViewEvent", "Viewed", own_entity, READING),
    ),
    Row(
        ("edx.pdf.downloaded",),
        xapi=Statement(DOWNLOADED, own_activity),
        caliper=Action("ResourceManagementEvent", "Downloaded", own_entity, RESOURCE_MANAGEMENT),
    ),
    Row(
        ("edunext.xblock.filesmanager.files.downloaded",),
        xapi=Statement(DOWNLOADED, files, extensions=file_count),
        caliper=Action(
            "ResourceManagementEvent",
            "Downloaded",
            folder,
            RESOURCE_MANAGEMENT,
            extensions=file_count,
        ),
    ),
)
