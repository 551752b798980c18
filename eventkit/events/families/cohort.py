"""Cohorts: the groups that the course team makes."""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import GENERAL, entity, membership
from eventkit.events.shapes.iris import GROUP, WAS_ASSIGNED, WAS_UNASSIGNED, Verb
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity, doer, staff
from eventkit.typing import Json

# What the platform told us.


def cohort_id(view: View) -> str:
    """Give the id of the cohort, which is a number."""
    cohort = view.key("cohort_id")
    if not cohort:
        raise view.lacks("no_object", "data.cohort_id")
    return cohort


def cohort_iri(view: View) -> str:
    """Give the IRI of the cohort."""
    return view.course_iri() + encode_iri(f"/cohort/{cohort_id(view)}")


def cohort_name(view: View) -> str:
    """Give the name that the course team gave the cohort; two fields are known to hold it."""
    return view.words("cohort_name") or view.words("name")


# How xAPI says it.


def cohort(view: View) -> Json:
    """Make the cohort."""
    return activity(cohort_iri(view), GROUP, name=cohort_name(view))


# How Caliper says it.


def group(view: View) -> Json:
    """Make the cohort, as a part of the course."""
    return entity(
        cohort_iri(view), "Group", name=cohort_name(view), subOrganizationOf=view.course_iri()
    )


def member(view: View, *, status: str) -> Json:
    """Make the learner's membership in the cohort."""
    return membership(view, group(view), view.subject(), status=status)


# The rows. Learners do not choose cohorts: staff or the platform put them there. In xAPI the actor
# is the learner all the same, whose record it is; in Caliper it is whoever did it.


def _put(name: str, verb: Verb, action: str, status: str) -> Row:
    return Row(
        (name,),
        xapi=Statement(verb, cohort, user=View.named, instructor=staff),
        caliper=Action("Event", action, partial(member, status=status), GENERAL, actor=doer),
    )


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.cohort.created",),
        caliper=Action("Event", "Created", group, GENERAL, actor=doer),
        reason="xAPI: set-up of the course by its team or the platform; no learner is concerned.",
    ),
    _put("edx.cohort.user_added", WAS_ASSIGNED, "Added", "Active"),
    _put("edx.cohort.user_removed", WAS_UNASSIGNED, "Removed", "Inactive"),
    Row(
        ("edx.cohort.creation_requested",),
        reason="A request of the course team; edx.cohort.created says what came of it.",
    ),
    Row(
        ("edx.cohort.user_add_requested",),
        reason="A request of the course team; edx.cohort.user_added says what came of it.",
    ),
)
