"""Enrolment in courses."""

from __future__ import annotations

from functools import partial

from eventkit.events._caliper import GENERAL, entity
from eventkit.events._iris import COURSE, ENROLLMENT_MODE, REGISTERED, TYPE, UNREGISTERED
from eventkit.events._rows import Action, Event, Statement
from eventkit.events._view import View, activity
from eventkit.typing import Json


def course(view: View) -> Json:
    """Make the course, with the enrolment mode where analytics expects it: in the definition."""
    return activity(
        view.course_iri(),
        COURSE,
        name=view.course_name(),
        extensions={TYPE: view.scalar("mode")},
    )


def mode(view: View) -> Json:
    """Repeat the mode in the context: a definition describes the course for everybody."""
    return {ENROLLMENT_MODE: view.scalar("mode")}


def membership(view: View, *, status: str) -> Json:
    """Make the learner's membership in the course: it, not the course, is made active."""
    course_iri = view.course_iri()
    learner = view.person(view.learner())
    return entity(
        f"{course_iri}/user/{learner.rpartition('/')[2]}/membership",
        "Membership",
        member=learner,
        organization=course_iri,
        roles=["Learner"],
        status=status,
        extensions={ENROLLMENT_MODE: view.scalar("mode")},
    )


EVENTS = (
    Event(
        ("edx.course.enrollment.activated",),
        xapi=Statement(REGISTERED, course, extensions=mode, in_course=False),
        caliper=Action("Event", "Activated", partial(membership, status="Active"), GENERAL),
    ),
    Event(
        ("edx.course.enrollment.deactivated",),
        xapi=Statement(UNREGISTERED, course, extensions=mode, in_course=False),
        caliper=Action("Event", "Deactivated", partial(membership, status="Inactive"), GENERAL),
    ),
    Event(
        ("edx.course.enrollment.mode_changed",),
        xapi=Statement(REGISTERED, course, extensions=mode, in_course=False),
    ),
)
