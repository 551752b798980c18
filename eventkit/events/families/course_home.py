"""The home page of a course: resuming, searching, goals, dates and updates."""

from __future__ import annotations

from eventkit.events.families.navigation import chosen
from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import (
    GENERAL,
    READING,
    SEARCH,
    course_part,
    entity,
    search_response,
)
from eventkit.events.shapes.iris import (
    ACTION,
    CHANGED,
    CREATED,
    DAYS_PER_WEEK,
    GOAL,
    INTERACTED,
    NAVIGATED,
    REMINDERS,
    RESET,
    RESOURCE,
    SEARCH_QUERY,
    SEARCHED,
    WAY_IN,
    WEB_PAGE,
    Verb,
)
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the platform told us.


def goal_iri(view: View) -> str:
    """Give the IRI of what somebody may set themselves as a goal in the course."""
    return f"{view.course_iri()}/goal"


def dates_iri(view: View) -> str:
    """Give the IRI of the due dates of the course."""
    return f"{view.course_iri()}/dates"


def search_iri(view: View) -> str:
    """Give the IRI of the search in the course."""
    return f"{view.course_iri()}/search"


def updates_iri(view: View) -> str:
    """Give the IRI of the updates that the course team writes."""
    return f"{view.course_iri()}/updates"


def aim(view: View) -> Json:
    """Say on how many days a week somebody wants to learn, and whether to be reminded."""
    return {
        DAYS_PER_WEEK: view.number("days_per_week"),
        REMINDERS: view.scalar("subscribed_to_reminders"),
    }


def way_in(view: View) -> Json:
    """Say whether the course was resumed, or started."""
    action = view.key("event_type")
    return {WAY_IN: action if action in ("resume", "start") else None}


def _refuse_masquerade(view: View) -> None:
    if view.data.get("is_masquerading") is True:
        raise view.skipped("staff who look at the course as a learner would")


def is_hidden(view: View) -> bool:
    """Tell hiding an update from showing it."""
    action = view.key("action")
    if action not in ("hide", "show"):
        raise view.lacks("no_action", "data.action")
    return action == "hide"


# How xAPI says it.


def goal(view: View) -> Json:
    """Make the goal."""
    return activity(goal_iri(view), GOAL)


def dates(view: View) -> Json:
    """Make the due dates."""
    return activity(dates_iri(view), RESOURCE)


def search_page(view: View) -> Json:
    """Make the search in the course."""
    return activity(search_iri(view), WEB_PAGE)


def searched_for(view: View) -> Json:
    """Say what was searched for, where texts may leave."""
    return {SEARCH_QUERY: view.private("keyword")}


def updates(view: View) -> Json:
    """Make the updates."""
    return activity(updates_iri(view), RESOURCE)


def toggled(view: View) -> Json:
    """Say whether an update was hidden, or shown."""
    return {"extensions": {ACTION: "hide" if is_hidden(view) else "show"}}


def resumed(view: View) -> Json:
    """Make the block where the learner goes on, or the page where its address names none."""
    iri, block = chosen(view, field="url")
    return block_activity(view, iri) if block else activity(iri, WEB_PAGE)


def shifted(view: View) -> Statement:
    """Tell a learner from staff who only look like one."""
    _refuse_masquerade(view)
    return _SHIFTED


_SHIFTED = Statement(RESET, dates)


# How Caliper says it.


def goal_set(view: View) -> Json:
    """Make the goal."""
    return entity(goal_iri(view), "DigitalResource", isPartOf=course_part(view))


def due_dates(view: View) -> Json:
    """Make the due dates."""
    return entity(dates_iri(view), "DigitalResource", isPartOf=course_part(view))


def search_application(view: View) -> Json:
    """Make the search in the course."""
    return entity(search_iri(view), "SoftwareApplication")


def found(view: View) -> Json:
    """Make what the search gave; how much that is nobody says."""
    return search_response(view, search_iri(view), terms=view.words("keyword"), results=None)


def update_panel(view: View) -> Json:
    """Make the updates."""
    return entity(updates_iri(view), "DigitalResource", isPartOf=course_part(view))


def resumed_at(view: View) -> Json:
    """Make the block where the learner goes on, or the page where its address names none."""
    iri, block = chosen(view, field="url")
    if block:
        return block_entity(view, iri, isPartOf=course_part(view))
    return entity(iri, "WebPage", isPartOf=course_part(view))


def dates_shifted(view: View) -> tuple[Action]:
    """Tell a learner from staff who only look like one."""
    _refuse_masquerade(view)
    return (_DATES_SHIFTED,)


def update_toggled(view: View) -> tuple[Action]:
    """Tell hiding an update from showing it."""
    return (_HID if is_hidden(view) else _SHOWED,)


_DATES_SHIFTED = Action("Event", "Reset", due_dates, GENERAL, actor="learner")
_HID = Action("Event", "Hid", update_panel, GENERAL)
_SHOWED = Action("Event", "Showed", update_panel, GENERAL)

# The rows.

_REMINDER = "A run of the task that reminds learners of their goals: nobody's action."
_UPSELL = "An advertisement of the paid track: business, not learning."


def _goal(name: str, verb: Verb, action: str) -> Row:
    return Row(
        (name,),
        xapi=Statement(verb, goal, extensions=aim),
        caliper=Action("Event", action, goal_set, GENERAL, extensions=aim),
    )


EVENTS: tuple[Row, ...] = (
    _goal("edx.course.goal.added", CREATED, "Created"),
    _goal("edx.course.goal.updated", CHANGED, "Modified"),
    *(
        Row((f"edx.course.goal.email.{what}",), reason=_REMINDER)
        for what in ("session_started", "session_completed", "failed")
    ),
    Row(
        ("edx.course.home.resume_course.clicked",),
        xapi=Statement(NAVIGATED, resumed, extensions=way_in),
        caliper=Action("NavigationEvent", "NavigatedTo", resumed_at, READING, extensions=way_in),
    ),
    Row(
        ("edx.course.home.courseware_search.submit",),
        xapi=Statement(SEARCHED, search_page, extensions=searched_for),
        caliper=Action("SearchEvent", "Searched", search_application, SEARCH, generated=found),
    ),
    Row(
        ("edx.course.home.course_update.toggled",),
        xapi=Statement(INTERACTED, updates, result=toggled),
        caliper=OneOf((_HID, _SHOWED), update_toggled),
    ),
    Row(
        ("edx.ui.lms.reset_deadlines.clicked",),
        xapi=OneOf((_SHIFTED,), shifted),
        caliper=OneOf((_DATES_SHIFTED,), dates_shifted),
    ),
    *(
        Row((f"edx.bi.course.upgrade.{what}",), reason=_UPSELL)
        for what in ("sidebarupsell.displayed", "sidebarupsell.clicked", "hero.displayed")
    ),
)
