"""Something of everything, of one's own tenant and of another, to be seen or not to be seen."""

from __future__ import annotations

from types import SimpleNamespace

from django.utils import timezone

from admin_site import roles
from eventkit.contrib.django import actions
from eventkit.contrib.django.fields import Sealed
from eventkit.contrib.django.models import AuditEntry, Letter, Presence, Replay, Report, Tenant
from eventkit.contrib.django.portal import asking
from eventkit.contrib.django.portal.wanted import Wanted

CANARY = "canary-that-nobody-may-see"
"""It is in all that is secret."""

FOREIGN = "farshore"
"""It is in all that is the other tenant's."""


def make() -> SimpleNamespace:
    """Make both; ``own`` is of the tenant administrator's tenant, ``foreign`` is not."""
    own = Tenant.objects.get(name=roles.TENANT)
    foreign = actions.create_tenant(FOREIGN, [FOREIGN], users=[])
    return SimpleNamespace(
        own=_of(own, "lakeside", roles.user("tenant administrator")),
        foreign=_of(foreign, FOREIGN, roles.user("administrator")),
    )


def _of(tenant, name, who) -> SimpleNamespace:
    (org,) = tenant.organisations
    consumer = actions.create(
        {
            "id": f"{name}-lrs",
            "name": f"The LRS of {name}",
            "tenant": tenant,
            "protocol": "xapi",
            "url": f"https://lrs.{name}.example.org/xapi",
            "allow": [{"org": org, "event": ["play_video", "problem_check"]}],
            "auth": {"type": "basic", "username": CANARY, "password": CANARY},
            "headers": {"X-Key": CANARY},
            "enabled": True,
            "representatives": [roles.user("representative")] if org != FOREIGN else [],
        }
    )
    now = timezone.now()
    letter = Letter.objects.create(
        letter_id=f"{name}-letter",
        consumer_slug=consumer.slug,
        org=org.lower(),
        reason="rejected",
        name="play_video",
        protocol="xapi",
        detail=f"{name} said no",
        time=now,
        body=Sealed.of(
            {
                "consumer": consumer.slug,
                "protocol": "xapi",
                "reason": "rejected",
                "name": "play_video",
                "event": {"name": "play_video", "context": {"org_id": org}},
                "document": {"id": f"{name}-document"},
            }
        ),
    )
    Report.objects.create(
        process=f"{name}-process",
        host=f"{name}-host",
        consumer_slug=consumer.slug,
        minute=now.replace(second=0, microsecond=0),
        delivered=3,
    )
    Presence.objects.create(
        process=f"{name}-process",
        host=f"{name}-host",
        consumer_slug=consumer.slug,
        state="delivering",
        error_detail=f"{name} is away",
        seen=now,
    )
    request = asking.ask(
        Wanted(organisations=[org], events=["play_video"]),
        by=roles.user("representative" if org != FOREIGN else "viewer"),
        organisation=f"{name} college",
        contact=f"data@{name}.example.org",
        why=f"{name} wants to know",
        protocol="xapi",
        url=f"https://asked.{name}.example.org/xapi",
        auth_type="none",
    )
    replay = Replay.objects.create(
        who=who, who_name=f"{name}-person", state="done", chosen={"ids": [letter.letter_id]}
    )
    return SimpleNamespace(
        tenant=tenant,
        consumer=consumer,
        letter=letter,
        request=request,
        replay=replay,
        audit=AuditEntry.objects.filter(consumer=consumer).latest("when"),
    )
