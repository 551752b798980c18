"""Notes that learners take in the margin of a course: private text, unless a site shares it."""

from __future__ import annotations

from collections.abc import Mapping

from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import (
    ANNOTATION,
    GENERAL,
    READING,
    SEARCH,
    actor,
    course_part,
    entity,
    search_response,
)
from eventkit.events.shapes.iris import (
    ABOUT_NOTE,
    ACCESSED,
    COMMENTED,
    DELETED,
    EDITED,
    NOTE,
    NOTE_TEXT,
    RESULTS_COUNT,
    SEARCH_QUERY,
    SEARCHED,
    TAGS,
    TRUNCATED,
    VIEW,
    VIEWED,
    WEB_PAGE,
)
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the notes told us.


def block_iri(view: View) -> str:
    """Give the IRI of the text that the note is about; old courses write its key in two ways."""
    key = view.key("component_usage_id").replace(";_", "/")
    if not key:
        raise view.lacks("no_object", "data.component_usage_id")
    if key.startswith("i4x-"):
        return view.block_in_course("html", key)
    return view.iri(f"/xblock/{key}")


def note_key(view: View) -> str:
    """Give the id of the note."""
    key = view.key("note_id")
    if not key:
        raise view.lacks("no_object", "data.note_id")
    return key


def notes_seen(view: View) -> list[str]:
    """Give the ids of the notes that were in sight."""
    notes = view.data.get("notes")
    if not isinstance(notes, list):
        return []
    ids = [note.get("note_id") for note in notes if isinstance(note, Mapping)]
    return [key for key in ids if isinstance(key, str) and key]


def margin(view: View) -> str:
    """Give the IRI of the notes on the page of the course that was shown, wherever it was."""
    page = view.text("page")
    if not page.startswith(("https://", "http://")):
        return view.course_page("/edxnotes/#notes")
    path = page.partition("?")[0].partition("#")[0]
    return f"{view.address(path, 'context.page')}#notes"


# How xAPI says it.


def block(view: View) -> Json:
    """Make the text that the note is about."""
    return block_activity(view, block_iri(view))


def note(view: View) -> Json:
    """Make the note."""
    return _note(view, note_key(view))


def _note(view: View, key: str) -> Json:
    return activity(_note_iri(view, key), NOTE)


def _notes(view: View) -> str:
    return f"{view.course_iri()}/notes"


def notes_page(view: View) -> Json:
    """Make the page that lists the learner's notes in the course."""
    return activity(_notes(view), WEB_PAGE)


def notes_in_margin(view: View) -> Json:
    """Make the notes on a page of the course, which are not the page that lists all notes."""
    return activity(margin(view), NOTE)


def with_note(view: View) -> Json:
    """Say which note it was."""
    return {"other": [note(view)]} if view.key("note_id") and view.course_id else {}


def with_block(view: View) -> Json:
    """Say which text the note is about."""
    return {"other": [block(view)]} if view.key("component_usage_id") else {}


def with_notes(view: View) -> Json:
    """Say which notes were in sight."""
    return {"other": [_note(view, key) for key in notes_seen(view)] if view.course_id else []}


def written(view: View) -> Json:
    """Say what the note says, where texts may leave."""
    text = view.private("note_text")
    return {"response": text} if text else {}


def shown(view: View) -> Json:
    """Say how the page arranged the notes."""
    return {VIEW: view.scalar("view")}


def how_many(view: View) -> Json:
    """Say how much was found."""
    return {"extensions": {RESULTS_COUNT: view.number("number_of_results")}}


def search(view: View) -> Json:
    """Say what was searched for, where texts may leave."""
    return {SEARCH_QUERY: view.private("search_string")}


# How Caliper says it.


def text(view: View) -> Json:
    """Make the text that the note is about, as a part of its course."""
    return block_entity(view, block_iri(view), isPartOf=course_part(view))


def highlight(view: View) -> Json:
    """Make the note: a passage that the learner marked, and what was written about it."""
    return entity(
        note_iri(view),
        "HighlightAnnotation",
        annotator=actor(view),
        annotated=block_iri(view),
        selectionText=view.private("highlighted_content"),
        extensions={
            NOTE_TEXT: view.private("note_text"),
            TAGS: _tags(view),
            TRUNCATED: view.texts("truncated"),
        },
    )


def note_iri(view: View) -> str:
    """Give the IRI of the note."""
    return _note_iri(view, note_key(view))


def _note_iri(view: View, key: str) -> str:
    return f"{_notes(view)}/{encode_iri(key)}"


def _tags(view: View) -> list[str] | None:
    return view.texts("tags") if view.site.include_text else None


def tagging(view: View) -> Json:
    """Make the tags of the note."""
    return entity(
        f"{note_iri(view)}/tags",
        "TagAnnotation",
        annotator=actor(view),
        annotated=block_iri(view),
        tags=_tags(view),
    )


def collection(view: View) -> Json:
    """Make the notes on a page of the course."""
    notes = [_note_iri(view, key) for key in notes_seen(view)] if view.course_id else []
    return entity(margin(view), "Collection", items=notes or None)


def page(view: View) -> Json:
    """Make the page that lists the learner's notes in the course."""
    return entity(_notes(view), "WebPage", isPartOf=view.course_iri())


def page_left(view: View) -> Json | None:
    """Make the page that the link stood on."""
    return entity(_notes(view), "WebPage") if view.course_id else None


def link(view: View) -> Json:
    """Say which note the link belonged to, and how the page arranged the notes."""
    known = view.key("note_id") and view.course_id
    return {ABOUT_NOTE: note_iri(view) if known else None} | shown(view)


def found(view: View) -> Json:
    """Make what a search in the notes gave."""
    return search_response(
        view,
        view.course_page("/edxnotes/"),
        terms=view.words("search_string"),
        results=view.number("number_of_results"),
    )


def added(view: View) -> list[Action]:
    """Make an event for the note, and one for its tags, where they may leave."""
    return [_HIGHLIGHTED, _TAGGED] if _tags(view) else [_HIGHLIGHTED]


_HIGHLIGHTED = Action("AnnotationEvent", "Highlighted", text, ANNOTATION, generated=highlight)
_TAGGED = Action("AnnotationEvent", "Tagged", text, ANNOTATION, generated=tagging, key="tags")


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.course.student_notes.added",),
        xapi=Statement(COMMENTED, block, result=written, activities=with_note),
        caliper=OneOf((_HIGHLIGHTED, _TAGGED), added),
    ),
    Row(
        ("edx.course.student_notes.edited",),
        xapi=Statement(EDITED, note, result=written, activities=with_block),
        caliper=Action("Event", "Modified", highlight, GENERAL),
    ),
    Row(
        ("edx.course.student_notes.deleted",),
        xapi=Statement(DELETED, note, activities=with_block),
        caliper=Action("Event", "Deleted", highlight, GENERAL),
    ),
    Row(
        ("edx.course.student_notes.viewed",),
        xapi=Statement(VIEWED, notes_in_margin, activities=with_notes),
        # Annotations are no digital resources, so this is no ViewEvent.
        caliper=Action("Event", "Viewed", collection, GENERAL),
    ),
    Row(
        ("edx.course.student_notes.notes_page_viewed",),
        xapi=Statement(VIEWED, notes_page, extensions=shown),
        caliper=Action("ViewEvent", "Viewed", page, READING, extensions=shown),
    ),
    Row(
        ("edx.course.student_notes.searched",),
        xapi=Statement(SEARCHED, notes_page, result=how_many, extensions=search),
        caliper=Action(
            "SearchEvent",
            "Searched",
            page,
            SEARCH,
            generated=found,
        ),
    ),
    Row(
        ("edx.course.student_notes.used_unit_link",),
        xapi=Statement(ACCESSED, block, activities=with_note, extensions=shown),
        caliper=Action(
            "NavigationEvent", "NavigatedTo", text, READING, referrer=page_left, extensions=link
        ),
    ),
)
