"""
Searching the catalogue of courses.

One search gives two events: what was asked, and how much was found. Each protocol takes one of
them, so that nothing counts twice. An empty search is the plain listing, which nobody asked for.
"""

from __future__ import annotations

from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.caliper import SEARCH, entity, search_response
from eventkit.events.shapes.iris import PAGE_NUMBER, PAGE_SIZE, SEARCH_QUERY, SEARCHED, WEB_PAGE
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the catalogue told us.


def catalogue_iri(view: View) -> str:
    """Give the IRI of the catalogue."""
    return view.iri("/courses")


def paging(view: View) -> Json:
    """Say which part of the results is shown."""
    return {PAGE_NUMBER: view.number("page_number"), PAGE_SIZE: view.number("page_size")}


def _refuse_listing(view: View) -> None:
    if not view.words("search_term").strip():
        raise view.skipped("without a search term it is the plain listing of courses")


# How xAPI says it.


def catalogue(view: View) -> Json:
    """Make the catalogue of courses."""
    return activity(catalogue_iri(view), WEB_PAGE)


def search(view: View) -> Json:
    """Say what was searched for, where texts may leave, and which part of the results it is."""
    return {SEARCH_QUERY: view.private("search_term")} | paging(view)


def searched(view: View) -> Statement:
    """Tell a search from the plain listing."""
    _refuse_listing(view)
    return _SEARCHED


_SEARCHED = Statement(SEARCHED, catalogue, extensions=search, in_course=False)


# How Caliper says it.


def application(view: View) -> Json:
    """Make the catalogue of courses, a part of the LMS."""
    return entity(catalogue_iri(view), "SoftwareApplication")


def found(view: View) -> Json:
    """Make what the search gave."""
    return search_response(
        view,
        catalogue_iri(view),
        terms=view.words("search_term"),
        results=view.number("results_count"),
    )


def results_shown(view: View) -> tuple[Action]:
    """Tell a search from the plain listing."""
    _refuse_listing(view)
    return (_RESULTS_SHOWN,)


_RESULTS_SHOWN = Action(
    "SearchEvent", "Searched", application, SEARCH, generated=found, extensions=paging
)


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.course_discovery.search.initiated",),
        xapi=OneOf((_SEARCHED,), searched),
        reason="In Caliper, search.results_displayed says it for the same request, with the count.",
    ),
    Row(
        ("edx.course_discovery.search.results_displayed",),
        caliper=OneOf((_RESULTS_SHOWN,), results_shown),
        reason="In xAPI, search.initiated says it for the same request.",
    ),
)
