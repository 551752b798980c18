"""Who is on the demo site: people, tenants, consumers, and a request for access."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from io import StringIO
from math import sin

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from eventkit.contrib.django import actions
from eventkit.contrib.django.models import Report
from eventkit.contrib.django.portal import asking
from eventkit.contrib.django.portal.wanted import Wanted
from eventkit.demo.cast import BIOLOGY, COACHED, LMS_ROOT, PROGRAMMING
from eventkit.typing import Json

PASSWORD = "demo"

PEOPLE = {
    "admin": "a superuser: may do everything",
    "viewer": "sees everything, changes nothing",
    "operator": "pauses, resumes, tests and replays",
    "northlake": f"administers what concerns {BIOLOGY.org}, and sees nothing else",
    "representative": "looks after a consumer from outside: no staff, sees /event-access/ only",
}
"""The logins, all with `PASSWORD`."""

HOURS = 24


def make(receivers: Mapping[str, Json]) -> None:
    """Fill the database."""
    with connection.cursor() as cursor:
        # The site and the worker write at the same time.
        cursor.execute("PRAGMA journal_mode=WAL")
    people = _people()
    northlake = actions.create_tenant(
        "Northlake University", [BIOLOGY.org], users=[people["northlake"]]
    )
    actions.create_tenant("Harbor Institute", [PROGRAMMING.org])
    for settings in _consumers(receivers):
        if settings["id"] in {"university", "adaptive-engine"}:
            settings["tenant"] = northlake
        actions.create(settings)
    _portal(receivers, people)
    _yesterday()


def welcome(address: str) -> str:
    """Say where everything is."""
    width = max(map(len, PEOPLE))
    logins = "\n".join(f"  {name:<{width}}  {what}" for name, what in PEOPLE.items())
    return f"""
The admin:              {address}/admin/
For representatives:    {address}/event-access/

Log in as one of these, with the password {PASSWORD!r}:
{logins}

Events are being delivered all the while. Ctrl-C ends it.
"""


def _people() -> dict[str, object]:
    call_command("eventkit", "roles", stdout=StringIO())
    made = {}
    for name in PEOPLE:
        made[name] = get_user_model().objects.create_user(
            name,
            f"{name}@example.org",
            PASSWORD,
            is_staff=name != "representative",
            is_superuser=name == "admin",
        )
    roles = {"viewer": "viewer", "operator": "operator", "northlake": "administrator"}
    for name, role in roles.items():
        made[name].groups.add(Group.objects.get(name=f"eventkit {role}"))
        if name != "northlake":
            everywhere = Permission.objects.get(
                content_type__app_label="eventkit", codename="all_organisations"
            )
            made[name].user_permissions.add(everywhere)
    return made


def _consumers(receivers: Mapping[str, Json]) -> list[Json]:
    return [
        {
            "id": "adaptive-engine",
            "name": "Adaptive engine",
            "note": "Chooses the next exercise.",
            "allow": [
                {"course": BIOLOGY.key, "event": ["*_video", "problem_check", "edx.problem.*"]},
                {"course": COACHED.key},
            ],
            **receivers["adaptive-engine"],
            "enabled": True,
        },
        {
            "id": "university",
            "name": "Northlake's own analytics",
            "allow": [{"org": BIOLOGY.org}],
            "deny": [{"event": "edx.forum.*"}, {"event": "edx.special_exam.*"}],
            "sensor": LMS_ROOT,
            **receivers["university"],
            "enabled": True,
        },
        {
            "id": "enterprise-lrs",
            "name": "Enterprise LRS",
            "allow": [
                {"event": ["edx.course.enrollment.*", "edx.course.grade.*", "edx.grades.*"]},
            ],
            **receivers["enterprise-lrs"],
            "enabled": True,
        },
        {
            "id": "research-lake",
            "name": "Research data lake",
            "note": "Out of order now and then, and picky.",
            "allow": None,
            "deny": [{"event": "edx.forum.*"}],
            **receivers["research-lake"],
            "enabled": True,
        },
        {
            "id": "old-dashboard",
            "name": "Old dashboard",
            "allow": [{"event": "edx.grades.*"}, {"event": "problem_check"}],
            **receivers["old-dashboard"],
            "enabled": True,
        },
        {
            "id": "library-analytics",
            "name": "Library analytics",
            "note": "Its password is wrong: see what the delivery page says.",
            "allow": [{"event": "*_video"}],
            **receivers["library-analytics"],
            "enabled": True,
        },
        {
            "id": "draft",
            "name": "A draft",
            "allow": [{"org": PROGRAMMING.org}],
            "protocol": "xapi",
            "url": "https://lrs.example.org/xapi",
        },
    ]


def _portal(receivers: Mapping[str, Json], people: Mapping[str, object]) -> None:
    """Let the representative have one consumer, and ask for another."""
    college = receivers["partner-college"]
    consumer = asking.approve(
        asking.ask(
            Wanted(courses=[PROGRAMMING.key], events=["*"]),
            by=people["representative"],
            organisation="Partner College",
            contact="data@college.example.org",
            why="Our tutors call who falls behind.",
            protocol=college["protocol"],
            url=college["url"],
            auth_type="basic",
        ),
        "partner-college",
        by=None,
    )
    actions.set_credentials(consumer, auth=college["auth"], by=people["representative"])
    asking.ask(
        Wanted(courses=[BIOLOGY.key], events=["play_video", "pause_video", "stop_video"]),
        by=people["representative"],
        organisation="Partner College",
        contact="data@college.example.org",
        why="A study on how learners watch videos, approved by our ethics board.",
        protocol="xapi",
        url="https://lrs.college.example.org/xapi",
        auth_type="basic",
    )


def _yesterday() -> None:
    """Make up what was delivered before, so that the charts have something to show."""
    now = timezone.now().replace(second=0, microsecond=0)
    made = []
    for place, name in enumerate(("adaptive-engine", "university", "enterprise-lrs")):
        for minutes in range(10, HOURS * 60, 10):
            busy = 1 + sin((now - timedelta(minutes=minutes)).hour / 24 * 6.28 + place)
            made.append(
                Report(
                    process="made-up",
                    host="demo",
                    consumer_slug=name,
                    minute=now - timedelta(minutes=minutes),
                    delivered=int(40 * busy),
                    retried=minutes % 70 == 0,
                )
            )
    Report.objects.bulk_create(made)
