"""Notifications: those that learners read, and messages that the platform sends."""

from __future__ import annotations

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import GENERAL, entity
from eventkit.events.shapes.iris import (
    COURSE_ROLES,
    FIRST_TIME,
    FORUM_ROLES,
    NOTIFICATION_APP,
    NOTIFICATION_TYPE,
    READ,
    RESOURCE,
    UNSEEN_COUNT,
    VIEWED,
)
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the platform told us.


def tray_iri(view: View) -> str:
    """Give the IRI of where all notifications are shown."""
    return view.iri("/notifications")


def kind_iri(view: View) -> str:
    """
    Give the IRI of notifications of one kind: those of an application, of one type.

    The number of the one that was read is that of one person's, and what it says names others.
    """
    steps = [view.key("notification_app"), view.key("notification_type")]
    if not steps[0]:
        raise view.lacks("no_object", "data.notification_app")
    return tray_iri(view) + "".join(f"/{encode_iri(step)}" for step in steps if step)


def facts(view: View) -> Json:
    """Say of which kind it was, whether it was new, and as what the person takes part."""
    return {
        NOTIFICATION_APP: view.scalar("notification_app"),
        NOTIFICATION_TYPE: view.scalar("notification_type"),
        FIRST_TIME: view.scalar("first_read"),
        FORUM_ROLES: view.texts("user_forum_roles"),
        COURSE_ROLES: view.texts("user_course_roles"),
    }


def unseen(view: View) -> Json:
    """Say how many had not been seen."""
    return {UNSEEN_COUNT: view.number("unseen_notifications_count")}


# How xAPI says it.


def notifications(view: View) -> Json:
    """Make the notifications that were read."""
    return activity(kind_iri(view), RESOURCE)


def tray(view: View) -> Json:
    """Make the place where all notifications are shown."""
    return activity(tray_iri(view), RESOURCE)


# How Caliper says it.


def read(view: View) -> Json:
    """Make the notifications that were read."""
    return entity(kind_iri(view), "DigitalResource")


def shown(view: View) -> Json:
    """Make the place where all notifications are shown."""
    return entity(tray_iri(view), "DigitalResource")


# The rows.

_SENT = "The platform sends it; what the learner does with it has events of its own."
_PREFERENCE = "A setting of an account; not a learning event."


def _read(name: str, *, in_course: bool) -> Row:
    return Row(
        (name,),
        xapi=Statement(READ, notifications, extensions=facts, in_course=in_course),
        caliper=Action("Event", "MarkedAsRead", read, GENERAL, extensions=facts, actor="learner"),
    )


EVENTS: tuple[Row, ...] = (
    _read("edx.notifications.read", in_course=True),
    _read("edx.notifications.app_all_read", in_course=False),
    Row(
        ("edx.notifications.tray_opened",),
        xapi=Statement(VIEWED, tray, extensions=unseen, in_course=False),
        caliper=Action("Event", "Viewed", shown, GENERAL, extensions=unseen, actor="learner"),
    ),
    Row(("edx.notifications.generated",), reason=_SENT),
    Row(("edx.notifications.email_digest",), reason=_SENT),
    Row(("edx.notifications.preferences.updated",), reason=_PREFERENCE),
    Row(("edx.notifications.preferences.one_click_unsubscribe",), reason=_PREFERENCE),
    Row(("edx.notifications.preferences.viewed",), reason=_PREFERENCE),
    Row(("edx.bulk_email.created",), reason=_SENT),
    Row(("edx.bulk_email.sent",), reason=_SENT),
    Row(("edx.ace.message_sent",), reason=_SENT),
)
