"""Enrolment in courses."""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import course_activity
from eventkit.events.shapes.caliper import GENERAL, membership
from eventkit.events.shapes.iris import (
    CHANGED,
    ENROLLMENT_MODE,
    LOCATION,
    REGISTERED,
    REQUESTED,
    TYPE,
    UNREGISTERED,
    Verb,
)
from eventkit.events.shapes.view import View, doer, staff
from eventkit.reading.source import clean
from eventkit.typing import Json


def course(view: View) -> Json:
    """Make the course, with the enrolment mode where analytics expects it: in the definition."""
    return _course(view, view.scalar("mode"))


def _course(view: View, mode: str | int | float | None) -> Json:
    return course_activity(view, extensions={TYPE: mode})


def mode(view: View) -> Json:
    """Repeat the mode in the context: a definition describes the course for everybody."""
    return {ENROLLMENT_MODE: view.scalar("mode")}


def said(view: View, key: str) -> str | None:
    """Give what events without a payload say in their context."""
    return clean(view.text(key)) or view.words(key) or None


def course_wanted(view: View) -> Json:
    """Make the course, with the mode that is asked for: upgrades lead to verified."""
    return _course(view, "verified")


def course_upgraded(view: View) -> Json:
    """Make the course, with the mode that it was upgraded to."""
    return _course(view, said(view, "mode"))


def where_asked(view: View) -> Json:
    """Say in which mode the learner was when asking, and where on the site."""
    return {ENROLLMENT_MODE: said(view, "mode"), LOCATION: said(view, "location")}


def mode_reached(view: View) -> Json:
    """Repeat the mode in the context, as `mode` does."""
    return {ENROLLMENT_MODE: said(view, "mode")}


def enrolled(view: View, *, status: str) -> Json:
    """Make the learner's membership in the course: it, not the course, is made active."""
    return membership(
        view,
        view.course_iri(),
        view.learner(),
        status=status,
        roles=["Learner"],
        extensions=mode(view),
    )


def _enrolled(verb: Verb) -> Statement:
    """Make the statement about an enrolment; the instructor is who enrols somebody else."""
    return Statement(verb, course, extensions=mode, in_course=False, instructor=staff)


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.course.enrollment.activated",),
        xapi=_enrolled(REGISTERED),
        caliper=Action("Event", "Activated", partial(enrolled, status="Active"), GENERAL),
    ),
    Row(
        ("edx.course.enrollment.deactivated",),
        xapi=_enrolled(UNREGISTERED),
        caliper=Action("Event", "Deactivated", partial(enrolled, status="Inactive"), GENERAL),
    ),
    Row(
        ("edx.course.enrollment.mode_changed",),
        xapi=_enrolled(REGISTERED),
        caliper=Action(
            "Event", "Modified", partial(enrolled, status="Active"), GENERAL, actor=doer
        ),
    ),
    Row(
        ("edx.course.enrollment.upgrade.clicked", "edx.course.enrollment.upgrade_clicked"),
        # Analytics counts every "registered" as an enrolment, and this is none yet.
        xapi=Statement(REQUESTED, course_wanted, extensions=where_asked, in_course=False),
        reason=(
            "Caliper: a first click on the way to a purchase; what comes of it arrives as "
            "edx.course.enrollment.mode_changed."
        ),
    ),
    Row(
        ("edx.course.enrollment.upgrade.succeeded",),
        xapi=Statement(CHANGED, course_upgraded, extensions=mode_reached, in_course=False),
        reason="Caliper: the edx.course.enrollment.mode_changed of the same upgrade says it.",
    ),
)
