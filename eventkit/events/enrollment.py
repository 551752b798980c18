"""Enrolment in courses."""

from __future__ import annotations

from eventkit.events._iris import COURSE, ENROLLMENT_MODE, REGISTERED, TYPE, UNREGISTERED
from eventkit.events._rows import Event, Statement
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


EVENTS = (
    Event(
        ("edx.course.enrollment.activated",),
        xapi=Statement(REGISTERED, course, extensions=mode, in_course=False),
    ),
    Event(
        ("edx.course.enrollment.deactivated",),
        xapi=Statement(UNREGISTERED, course, extensions=mode, in_course=False),
    ),
    Event(
        ("edx.course.enrollment.mode_changed",),
        xapi=Statement(REGISTERED, course, extensions=mode, in_course=False),
    ),
)
