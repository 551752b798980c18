"""Reading textbooks: the PDF viewer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.caliper import (
    READING,
    SEARCH,
    course_part,
    digits,
    entity,
    search_response,
)
from eventkit.events.shapes.iris import (
    AMOUNT,
    BOOK_PAGE,
    CASE_SENSITIVE,
    CHAPTER_TITLE,
    DIRECTION,
    E_BOOK,
    ENABLED,
    EXPERIENCED,
    HIGHLIGHT_ALL,
    INTERACTED,
    POSITION,
    SEARCH_QUERY,
    SEARCH_STATUS,
    SEARCHED,
    TEXTBOOK_ACTION,
    THUMBNAIL_TITLE,
)
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the viewer told us.


def book_iri(view: View) -> str:
    """Give the IRI of the PDF."""
    return view.file("chapter").partition("#")[0]


def page_iri(view: View, field: str) -> str:
    """Give the IRI of a page of the PDF; ``""`` when its number is not told."""
    number = view.number(field)
    return "" if number is None else f"{book_iri(view)}#page={digits(number)}"


def finding(view: View) -> str:
    """Tell going back to a match from going on to the next."""
    data = view.data
    backwards = data.get("findprevious") is True or data.get("findPrevious") is True
    return "find-previous" if backwards else "find-next"


# How xAPI says it.


def book(view: View) -> Json:
    """Make the PDF."""
    return activity(book_iri(view), E_BOOK)


def page(view: View, *, field: str = "page") -> Json:
    """Make the page that was reached."""
    iri = page_iri(view, field)
    if not iri:
        raise view.lacks("no_object", f"data.{field}")
    return activity(iri, BOOK_PAGE)


def in_book(view: View) -> Json:
    """Say which PDF the page belongs to."""
    return {"grouping": [book(view)]}


def chapter(view: View) -> Json:
    """Say which entry of the outline was chosen; it is not the name of the file."""
    return {CHAPTER_TITLE: view.scalar("chapter_title")}


def found_any(view: View) -> Json | None:
    """Say whether anything was found: the viewer then has nothing to complain about."""
    status = view.data.get("status")
    return {"success": not status} if isinstance(status, str) else None


def search(view: View) -> Json:
    """Say from where on was searched, and for what, where texts may leave."""
    return {POSITION: view.number("page"), SEARCH_QUERY: view.private("query")}


def _said(view: View, *, action: str, fields: Mapping[str, str]) -> Json:
    return {TEXTBOOK_ACTION: action} | {iri: view.scalar(field) for field, iri in fields.items()}


def _at_page(view: View, *, action: str, fields: Mapping[str, str]) -> Json:
    return {POSITION: view.number("page")} | _said(view, action=action, fields=fields)


def next_match(view: View) -> Json:
    """Say whether it is the next or the previous match."""
    return {POSITION: view.number("page"), TEXTBOOK_ACTION: finding(view)}


def turned(view: View) -> Json:
    """Say how the page was turned."""
    return {TEXTBOOK_ACTION: view.scalar("type")}


def _read(action: str, **fields: str) -> Statement:
    """Make the statement for reaching a page; *fields* say how, each as an extension."""
    return Statement(
        EXPERIENCED,
        page,
        extensions=partial(_said, action=action, fields=fields),
        activities=in_book,
    )


def _used(action: str, **fields: str) -> Statement:
    """Make the statement for a control; *fields* say how it was set, each as an extension."""
    return Statement(INTERACTED, book, extensions=partial(_at_page, action=action, fields=fields))


# How Caliper says it.


def document(view: View) -> Json:
    """Make the PDF, as a part of its course."""
    return entity(
        book_iri(view), "Document", mediaType="application/pdf", isPartOf=course_part(view)
    )


def page_shown(view: View, *, field: str = "page") -> Json | None:
    """Make the page that was reached, or left."""
    iri = page_iri(view, field)
    return entity(iri, "Page", isPartOf=book_iri(view)) if iri else None


def chapter_shown(view: View) -> Json | None:
    """Make the entry of the outline that was chosen."""
    title = view.words("chapter_title")
    if not title:
        return None
    pdf = book_iri(view)
    return entity(f"{pdf}#chapter={quote(title, safe='')}", "Chapter", name=title, isPartOf=pdf)


def thumbnail(view: View) -> Json:
    """Say what the thumbnail was called."""
    return {THUMBNAIL_TITLE: view.scalar("thumbnail_title")}


def scrolling(view: View) -> Json:
    """Say which way was scrolled."""
    return {DIRECTION: view.scalar("direction")}


def match(view: View) -> Json:
    """Say whether it is the next or the previous match, and of what, where texts may leave."""
    return {TEXTBOOK_ACTION: finding(view), SEARCH_QUERY: view.private("query")}


def found(view: View) -> Json:
    """Make what a search gave; how much is only known when it is nothing."""
    return search_response(
        view, book_iri(view), terms=view.words("query"), results=0 if view.words("status") else None
    )


def options(view: View) -> Json:
    """Say from where on was searched, how, and what the viewer said to it."""
    return {
        POSITION: view.number("page"),
        CASE_SENSITIVE: view.scalar("caseSensitive"),
        HIGHLIGHT_ALL: view.scalar("highlightAll"),
        SEARCH_STATUS: view.scalar("status"),
    }


def left(view: View) -> Json | None:
    """Make the page that was left; only typing the number of a page tells it."""
    return page_shown(view, field="old") if view.data.get("type") == "gotopage" else None


_TO_PAGE = Action("NavigationEvent", "NavigatedTo", document, READING, target=page_shown)
_TURNED = Action(
    "NavigationEvent",
    "NavigatedTo",
    document,
    READING,
    target=partial(page_shown, field="new"),
    referrer=left,
    extensions=turned,
)

_CHROME = "In Caliper, controls of the viewer change neither position nor content."

_VIEWER = (
    Row(
        ("textbook.pdf.page.navigated",),
        xapi=_read("go-to-page"),
        caliper=_TO_PAGE,
    ),
    Row(
        ("textbook.pdf.thumbnail.navigated",),
        xapi=_read("thumbnail"),
        caliper=Action(
            "NavigationEvent",
            "NavigatedTo",
            document,
            READING,
            target=page_shown,
            extensions=thumbnail,
        ),
    ),
    Row(
        ("textbook.pdf.page.scrolled",),
        xapi=_read("scroll", direction=DIRECTION),
        caliper=Action(
            "ViewEvent", "Viewed", document, READING, target=page_shown, extensions=scrolling
        ),
    ),
    Row(
        ("textbook.pdf.chapter.navigated",),
        xapi=Statement(EXPERIENCED, book, extensions=chapter),
        caliper=Action("NavigationEvent", "NavigatedTo", document, READING, target=chapter_shown),
    ),
    Row(
        ("textbook.pdf.thumbnails.toggled",),
        xapi=_used("thumbnails"),
        reason=_CHROME,
    ),
    Row(
        ("textbook.pdf.outline.toggled",),
        xapi=_used("outline"),
        reason=_CHROME,
    ),
    Row(
        ("textbook.pdf.zoom.buttons.changed",),
        xapi=_used("zoom", direction=DIRECTION),
        reason=_CHROME,
    ),
    Row(
        ("textbook.pdf.zoom.menu.changed",),
        xapi=_used("zoom", amount=AMOUNT),
        reason=_CHROME,
    ),
    Row(
        ("textbook.pdf.display.scaled",),
        reason="It follows from a choice of zoom, which has its own event, or from resizing.",
    ),
    Row(
        ("textbook.pdf.search.executed",),
        xapi=Statement(SEARCHED, book, result=found_any, extensions=search),
        caliper=Action(
            "SearchEvent", "Searched", document, SEARCH, generated=found, extensions=options
        ),
    ),
    Row(
        ("textbook.pdf.search.navigatednext",),
        xapi=Statement(INTERACTED, book, extensions=next_match),
        caliper=Action(
            "NavigationEvent",
            "NavigatedTo",
            document,
            READING,
            target=page_shown,
            extensions=match,
        ),
    ),
    Row(
        ("textbook.pdf.search.highlight.toggled",),
        xapi=_used("highlight-all", highlightAll=ENABLED),
        reason=_CHROME,
    ),
    Row(
        ("textbook.pdf.searchcasesensitivity.toggled",),
        xapi=_used("match-case", caseSensitive=ENABLED),
        reason=_CHROME,
    ),
)


def named_statement(view: View) -> Statement:
    """
    Find what the event is by the name in its payload.

    Tracking logs call every event of the viewer ``book``; where only the payload holds the real
    name, that name decides.
    """
    row = _BY_NAME.get(view.words("name"))
    if row is None:
        return _PAGE_TURNED
    if not isinstance(row.xapi, Statement):
        raise view.skipped(row.reason)
    return row.xapi


def named_action(view: View) -> tuple[Action]:
    """Find what the event is by the name in its payload; see `named_statement`."""
    row = _BY_NAME.get(view.words("name"))
    if row is None:
        return (_TURNED,)
    if not isinstance(row.caliper, Action):
        raise view.skipped(row.reason)
    return (row.caliper,)


_BY_NAME = {row.name: row for row in _VIEWER}
_PAGE_TURNED = Statement(
    EXPERIENCED, partial(page, field="new"), extensions=turned, activities=in_book
)

EVENTS: tuple[Row, ...] = (
    *_VIEWER,
    Row(
        ("book",),
        xapi=OneOf(
            (_PAGE_TURNED, *(row.xapi for row in _VIEWER if isinstance(row.xapi, Statement))),
            named_statement,
        ),
        caliper=OneOf(
            (_TURNED, *(row.caliper for row in _VIEWER if isinstance(row.caliper, Action))),
            named_action,
        ),
    ),
)
