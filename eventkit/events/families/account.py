"""Accounts: signing in and out, profiles and settings."""

from __future__ import annotations

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import READING, SESSION, entity
from eventkit.events.shapes.iris import (
    APPLICATION,
    LOGGED_IN,
    LOGGED_OUT,
    OWN_CONTENT,
    PAGE,
    VIEWED,
)
from eventkit.events.shapes.view import View, activity
from eventkit.reading.source import username
from eventkit.typing import Json

# What the platform told us.


def profiles_iri(view: View) -> str:
    """Give the IRI of the pages where profiles are shown; that of one would name its owner."""
    return view.iri("/u")


def viewer(view: View) -> int | str:
    """Give who looked at the profile: the username in the payload is its owner's."""
    found = view.doer
    if found is None:
        raise view.nobody("context.user_id", view.context, view.event)
    return found


def own(view: View) -> Json:
    """Say whether it was the learner's own profile; not whose it was."""
    seen, who = username(view.data.get("username")), username(view.get("username"))
    return {OWN_CONTENT: seen == who if seen and who else None}


# How xAPI says it.


def site(view: View) -> Json:
    """Make the LMS."""
    return activity(view.site.lms_root, APPLICATION)


def profile(view: View) -> Json:
    """Make the page of a profile."""
    return activity(profiles_iri(view), PAGE)


# How Caliper says it.


def application(view: View) -> Json:
    """Make the LMS."""
    return entity(view.site.lms_root, "SoftwareApplication")


def profile_page(view: View) -> Json:
    """Make the page of a profile."""
    return entity(profiles_iri(view), "WebPage")


# The rows.

_SETTING = "A setting of an account, often personal data; not a learning event."

EVENTS: tuple[Row, ...] = (
    Row(("edx.user.settings.changed",), reason=_SETTING),
    Row(("edx.user.settings.change_initiated",), reason=_SETTING),
    Row(
        ("edx.user.settings.viewed",),
        reason="A page of settings of an account; not a learning event.",
    ),
    Row(
        ("edx.bi.user.pwned.password.status",),
        reason="Tells whether a password is known to others: nothing that leaves, nor of learning.",
    ),
    Row(
        ("edx.user.login",),
        xapi=Statement(LOGGED_IN, site, in_course=False),
        caliper=Action("SessionEvent", "LoggedIn", application, SESSION, actor="learner"),
    ),
    Row(
        ("edx.user.logout",),
        xapi=Statement(LOGGED_OUT, site, in_course=False),
        caliper=Action("SessionEvent", "LoggedOut", application, SESSION, actor="learner"),
    ),
    Row(
        ("edx.profile.viewed",),
        xapi=Statement(VIEWED, profile, extensions=own, in_course=False, user=viewer),
        caliper=Action("ViewEvent", "Viewed", profile_page, READING, extensions=own, actor=viewer),
    ),
)
