"""Rows for tests of the Django app: consumers, letters and reports, as few words as possible."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from types import SimpleNamespace

from eventkit.dead_letters.letter import DeadLetter

EVENT = {
    "name": "play_video",
    "time": "2026-11-01T10:00:00+00:00",
    "username": "anna",
    "context": {"course_id": "course-v1:Lakeside+X+1", "org_id": "Lakeside", "user_id": 7},
    "event": {"code": "x"},
}
_numbers = itertools.count(1)


def make_consumer(slug="lrs", **settings):
    """Register an enabled consumer that may have everything."""
    from eventkit.contrib.django import actions

    return actions.create(
        {
            "id": slug,
            "protocol": "xapi",
            "url": f"https://{slug}.example.org/xapi",
            "enabled": True,
            "allow": None,
            **settings,
        }
    )


def a_letter(consumer="lrs", **values):
    """Make a dead letter; each is another one."""
    number = next(_numbers)
    given = {
        "consumer": consumer,
        "reason": "http_400",
        "documents": [{"id": str(uuid.UUID(int=number)), "verb": {"id": "https://x.org/played"}}],
        "name": "play_video",
        "protocol": "xapi",
        "detail": "HTTP 400",
        "status": 400,
        "response": "the receiver's words",
        "attempts": 1,
        "event": EVENT,
        **values,
    }
    return DeadLetter(**given)


def keep_letter(consumer="lrs", **values):
    """Put a dead letter into the database; give its row."""
    from eventkit.contrib.django.letters import DatabaseDeadLetters
    from eventkit.contrib.django.models import Letter

    letter = a_letter(consumer, **values)
    DatabaseDeadLetters()(letter)
    return Letter.objects.get(letter_id=letter.id)


def report(consumer="lrs", *, ago=timedelta(), process="web:1", **counts):
    """Say what a process has done for a consumer."""
    from django.utils import timezone

    from eventkit.contrib.django.models import Report

    minute = (timezone.now() - ago).replace(second=0, microsecond=0)
    return Report.objects.create(
        process=process, host="machine", consumer_slug=consumer, minute=minute, **counts
    )


def presence(consumer="lrs", *, ago=timedelta(), process="web:1", host="machine", **values):
    """Say how a consumer fares as a process sees it."""
    from django.utils import timezone

    from eventkit.contrib.django.models import Presence

    given = {"state": "ok", **values}
    return Presence.objects.create(
        process=process,
        host=host,
        consumer_slug=consumer,
        seen=timezone.now() - ago,
        **given,
    )


def make_tenants():
    """
    Make a consumer and a letter of the tenant administrator's tenant, and of another.

    The other's say ``farshore`` wherever they can.
    """
    from admin_site import roles

    from eventkit.contrib.django import actions
    from eventkit.contrib.django.models import Tenant

    own = Tenant.objects.get(name=roles.TENANT)
    foreign = actions.create_tenant("farshore", ["farshore"])
    found = {}
    for name, tenant in (("own", own), ("foreign", foreign)):
        (org,) = tenant.organisations
        slug = f"{org.lower()}-lrs"
        consumer = make_consumer(slug, tenant=tenant, allow=[{"org": [org]}])
        course = {"course_id": f"course-v1:{org}+X+1", "org_id": org}
        event = {**EVENT, "context": course}
        letter = keep_letter(slug, event=event, detail=f"{org} said no")
        presence(slug, process=f"{org}-process", error_reason=f"{org}-reason")
        found[name] = SimpleNamespace(tenant=tenant, consumer=consumer, letter=letter)
    return SimpleNamespace(**found)
