"""Bookmarks. The platform's own id of a bookmark holds the username, so it is never used."""

from __future__ import annotations

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import ANNOTATION, GENERAL, READING, actor, course_part, entity
from eventkit.events.shapes.iris import (
    ACCESSED,
    BLOCK_TYPE,
    BOOKMARKED,
    LIST_TYPE,
    PAGE_NUMBER,
    PAGE_SIZE,
    RESULTS_COUNT,
    UNBOOKMARKED,
    VIEWED,
    WEB_PAGE,
)
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the bookmarks told us.


def block_iri(view: View) -> str:
    """Give the IRI of the block that the bookmark points to."""
    return view.block("component_usage_id")


def page_iri(view: View) -> str:
    """Give the IRI of the page that lists the bookmarks of the course."""
    return f"{view.course_iri()}/bookmarks"


def lists_all(view: View) -> bool:
    """Tell the list of a learner's bookmarks in all courses from that of one course."""
    return view.data.get("list_type") == "all_courses"


def paging(view: View) -> Json:
    """Say which list it is, and which part of it is shown."""
    return {
        LIST_TYPE: view.scalar("list_type"),
        PAGE_NUMBER: view.number("page_number"),
        PAGE_SIZE: view.number("page_size"),
    }


# How xAPI says it.


def block(view: View) -> Json:
    """Make the block that the bookmark points to."""
    return block_activity(view, block_iri(view))


def bookmarks(view: View) -> Json:
    """Make the page that lists bookmarks."""
    return activity(view.iri("/bookmarks") if lists_all(view) else page_iri(view), WEB_PAGE)


def how_many(view: View) -> Json:
    """Say how many bookmarks there are."""
    return {"extensions": {RESULTS_COUNT: view.number("bookmarks_count")}}


# How Caliper says it.


def resource(view: View) -> Json:
    """Make the block that the bookmark points to, as a part of its course."""
    return block_entity(
        view,
        block_iri(view),
        isPartOf=course_part(view),
        extensions={BLOCK_TYPE: view.scalar("component_type")},
    )


def bookmark(view: View) -> Json:
    """Make the bookmark."""
    marked = block_iri(view)
    person = actor(view)
    return entity(
        f"{marked}/user/{person.rpartition('/')[2]}/bookmark",
        "BookmarkAnnotation",
        annotator=person,
        annotated=marked,
    )


def page(view: View) -> Json:
    """Make the page that lists bookmarks."""
    if lists_all(view):
        return entity(view.iri("/bookmarks"), "WebPage")
    return entity(page_iri(view), "WebPage", isPartOf=view.course_iri())


def page_left(view: View) -> Json | None:
    """Make the page that the bookmark was chosen on."""
    return entity(page_iri(view), "WebPage") if view.course_id else None


def listing(view: View) -> Json:
    """Say how many bookmarks there are, and which part of them is shown."""
    return {RESULTS_COUNT: view.number("bookmarks_count")} | paging(view)


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.bookmark.added", "edx.course.bookmark.added"),
        xapi=Statement(BOOKMARKED, block),
        caliper=Action("AnnotationEvent", "Bookmarked", resource, ANNOTATION, generated=bookmark),
    ),
    Row(
        ("edx.bookmark.removed", "edx.course.bookmark.removed"),
        xapi=Statement(UNBOOKMARKED, block),
        # An annotation is no digital resource, so this is no ResourceManagementEvent.
        caliper=Action("Event", "Deleted", bookmark, GENERAL),
    ),
    Row(
        ("edx.bookmark.accessed",),
        xapi=Statement(ACCESSED, block),
        caliper=Action("NavigationEvent", "NavigatedTo", resource, READING, referrer=page_left),
    ),
    Row(
        ("edx.bookmark.listed", "edx.course.bookmark.listed"),
        xapi=Statement(VIEWED, bookmarks, result=how_many, extensions=paging),
        caliper=Action("ViewEvent", "Viewed", page, READING, extensions=listing),
    ),
)
