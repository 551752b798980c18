"""Teams: the groups that learners make in a course."""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import (
    GENERAL,
    READING,
    SEARCH,
    entity,
    membership,
    search_response,
)
from eventkit.events.shapes.iris import (
    CREATED,
    DELETED,
    EDITED,
    FIELD,
    GROUP,
    JOINED,
    LEFT,
    METHOD,
    NEW,
    OLD,
    PAGE_NAME,
    RESULTS_COUNT,
    SEARCH_QUERY,
    SEARCHED,
    TEAM,
    TOPIC,
    VIEWED,
    WEB_PAGE,
    Verb,
)
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity, doer, staff
from eventkit.typing import Json

# What the platform told us.


def team_id(view: View) -> str:
    """Give the id of the team: a slug of the name that learners gave it, where texts may leave."""
    team = view.slug("team", "team_id")
    if not team:
        raise view.lacks("no_object", "data.team_id")
    return team


def team_iri(view: View) -> str:
    """Give the IRI of the team."""
    return view.course_iri() + encode_iri(f"/team/{team_id(view)}")


def teams_iri(view: View) -> str:
    """Give the IRI of the part of the course where its teams are."""
    return f"{view.course_iri()}/teams"


def change(view: View) -> Json:
    """Say what was changed; from what to what only where texts may leave."""
    said: Json = {FIELD: view.scalar("field")}
    if view.site.include_text:
        said |= {OLD: view.scalar("old"), NEW: view.scalar("new")}
    return said


def method(view: View, *, field: str) -> Json:
    """Say in which way the member came or went."""
    return {METHOD: view.scalar(field)}


def topic(view: View) -> Json:
    """Say which topic of the teams it was about."""
    return {TOPIC: view.scalar("topic_id")}


# How xAPI says it.


def team(view: View) -> Json:
    """Make the team."""
    return activity(team_iri(view), GROUP)


def _teams_page(view: View, name: str = "") -> Json:
    return activity(teams_iri(view) + encode_iri(f"/{name}" if name else ""), WEB_PAGE)


def viewed(view: View) -> Json:
    """Make what the page shows: a team, or the page itself."""
    if view.key("team_id"):
        return team(view)
    name = view.key("page_name")
    if not name:
        raise view.lacks("no_object", "data.page_name")
    return _teams_page(view, name)


def page(view: View) -> Json:
    """Say which page it was, for a team has several, and which topic it was about."""
    return {PAGE_NAME: view.scalar("page_name")} | topic(view)


def teams(view: View) -> Json:
    """Make the page where the course's teams are searched."""
    return _teams_page(view)


def results(view: View) -> Json:
    """Say how many teams were found."""
    return {"extensions": {RESULTS_COUNT: view.number("number_of_results")}}


def query(view: View) -> Json:
    """Say what was searched for, where texts may leave, and in which topic."""
    text = view.words("search_text") if view.site.include_text else ""
    return {SEARCH_QUERY: text or None} | topic(view)


# How Caliper says it.


def group(view: View) -> Json:
    """Make the team, as a part of the course."""
    return entity(team_iri(view), "Group", subOrganizationOf=view.course_iri())


def member(view: View, *, status: str) -> Json:
    """Make the learner's membership in the team."""
    return membership(view, group(view), view.subject(), status=status)


def web_page(view: View) -> Json:
    """Make the page that was viewed; the browser knows its address."""
    return entity(
        view.page_address(view.text("page")) or teams_iri(view),
        "WebPage",
        name=view.words("page_name"),
        isPartOf=view.course_iri(),
    )


def on_page(view: View) -> Json:
    """Say which team the page shows, and which topic it was about."""
    return {TEAM: team_iri(view) if view.key("team_id") else None} | topic(view)


def search_tool(view: View) -> Json:
    """Make the page where the course's teams are searched."""
    return entity(teams_iri(view), "WebPage", isPartOf=view.course_iri())


def found(view: View) -> Json:
    """Make what the search gave."""
    return search_response(
        view,
        teams_iri(view),
        terms=view.words("search_text"),
        results=view.number("number_of_results"),
    )


# The rows.


def _moved(names: tuple[str, ...], verb: Verb, action: str, *, status: str, field: str) -> Row:
    """Make the row of a member who comes or goes, who need not have done it themselves."""
    way = partial(method, field=field)
    return Row(
        names,
        # Analytics counts "registered" and "unregistered" as enrolments.
        xapi=Statement(verb, team, extensions=way, user=View.named, instructor=staff),
        caliper=Action(
            "Event", action, partial(member, status=status), GENERAL, extensions=way, actor=doer
        ),
    )


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.team.created",),
        xapi=Statement(CREATED, team),
        caliper=Action("Event", "Created", group, GENERAL),
    ),
    Row(
        ("edx.team.deleted",),
        xapi=Statement(DELETED, team),
        caliper=Action("Event", "Deleted", group, GENERAL),
    ),
    Row(
        ("edx.team.changed", "edx.team.team_changed"),
        xapi=Statement(EDITED, team, extensions=change),
        caliper=Action("Event", "Modified", group, GENERAL, extensions=change),
    ),
    _moved(("edx.team.learner_added",), JOINED, "Added", status="Active", field="add_method"),
    _moved(
        ("edx.team.learner_removed", "edx.team.learner_deleted"),
        LEFT,
        "Removed",
        status="Inactive",
        field="remove_method",
    ),
    Row(
        ("edx.team.page_viewed",),
        xapi=Statement(VIEWED, viewed, extensions=page),
        caliper=Action("ViewEvent", "Viewed", web_page, READING, extensions=on_page),
    ),
    Row(
        ("edx.team.searched",),
        xapi=Statement(SEARCHED, teams, result=results, extensions=query),
        caliper=Action(
            "SearchEvent", "Searched", search_tool, SEARCH, generated=found, extensions=topic
        ),
    ),
    Row(
        ("edx.team.activity_updated",),
        reason=(
            "Bookkeeping that follows an action in the team's discussion; the event of that action "
            "is translated itself."
        ),
    ),
)
