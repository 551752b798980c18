"""A site with many consumers and letters, written straight into its tables."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone

from eventkit.contrib.django.fields import Sealed
from eventkit.contrib.django.models import (
    AccessRequest,
    AuditEntry,
    Consumer,
    Credential,
    Letter,
    Presence,
    Replay,
    Report,
    Rule,
    Tenant,
)

PROCESSES = ("one", "two", "three", "four")
REASONS = ("rejected", "max_age", "too_large", "no_statement", "queue_full", "blocked")
EVENTS = ("play_video", "problem_check", "edx.course.enrollment.activated", "edx.grades.*")
CHUNK = 2_000


def fill(*, consumers: int, letters: int) -> None:
    """
    Add that many consumers and letters, and what goes with them.

    A fifth of the consumers, and of the letters, belongs to the first tenant, which is that of the
    tenant administrator; the representative looks after every tenth consumer.
    """
    now = timezone.now()
    tenants = _tenants()
    rows = _consumers(consumers, tenants)
    _letters(letters, rows, now)
    _reports(rows, now)
    _audit(rows, consumers * 3, now)
    _requests(consumers // 5, tenants)


def _tenants() -> list[Tenant]:
    first = list(Tenant.objects.all())
    more = [Tenant(name=f"Tenant {n}", organisations=[f"Org{n}"]) for n in range(5 - len(first))]
    return [*first, *Tenant.objects.bulk_create(more)]


def _consumers(number: int, tenants: list[Tenant]) -> list[Consumer]:
    rows = [
        Consumer(
            slug=f"consumer-{n:05}",
            name=f"Consumer {n}",
            tenant=tenants[n % len(tenants)],
            url=f"https://lrs-{n}.example.org/xapi",
            protocol=("xapi", "caliper")[n % 3 == 0],
            enabled=n % 4 != 0,
            paused=n % 11 == 0,
            gone_at=timezone.now() if n % 50 == 1 else None,
        )
        for n in range(number)
    ]
    _create(Consumer, rows)
    rows = list(Consumer.objects.select_related("tenant").filter(slug__startswith="consumer-"))
    rules = [
        rule
        for n, row in enumerate(rows)
        for rule in (
            Rule(consumer=row, number=1, field="org", patterns=row.tenant.organisations),
            Rule(consumer=row, number=1, field="event", patterns=[EVENTS[n % len(EVENTS)]]),
            Rule(consumer=row, kind="deny", number=1, field="event", patterns=["edx.forum.*"]),
        )
    ]
    _create(Rule, rules)
    secrets = Sealed.of({"username": "eventkit", "password": "a password of a crowd"})
    outline = {"auth": {"type": "basic", "username": "***", "password": "***"}, "headers": {}}
    _create(
        Credential,
        [
            Credential(consumer=row, auth_type="basic", secrets=secrets, outline=outline)
            for row in rows
        ],
    )
    representative = get_user_model().objects.get(username="representative")
    through = Consumer.representatives.through
    _create(through, [through(consumer=row, user=representative) for row in rows[::10]])
    return rows


def _letters(number: int, rows: list[Consumer], now) -> None:
    # Encrypting takes time; what is in a letter is not what is measured.
    bodies = {}
    for row in rows[:10]:
        event = {
            "name": "play_video",
            "timestamp": now.isoformat(),
            "data": {"id": "0123456789abcdef", "currentTime": 1.5},
            "context": {"org_id": row.tenant.organisations[0], "user_id": 7},
        }
        bodies[row.tenant.pk] = Sealed.of(
            {
                "consumer": row.slug,
                "protocol": row.protocol,
                "reason": "rejected",
                "name": "play_video",
                "event": event,
                "document": {"id": "00000000-0000-4000-8000-000000000000", "verb": {}},
                "detail": "the receiver did not like it",
            }
        )
    for start in range(0, number, CHUNK):
        made = []
        for n in range(start, min(start + CHUNK, number)):
            row = rows[(n * 7) % len(rows)]
            made.append(
                Letter(
                    letter_id=f"{n:032x}",
                    consumer_slug=row.slug,
                    org=row.tenant.organisations[0].lower(),
                    reason=REASONS[n % len(REASONS)],
                    name=EVENTS[n % len(EVENTS)],
                    protocol=row.protocol,
                    status=400,
                    attempts=n % 9,
                    detail="the receiver did not like it",
                    time=now - timedelta(seconds=n * 10),
                    body=bodies[row.tenant.pk],
                )
            )
        _create(Letter, made)


def _reports(rows: list[Consumer], now) -> None:
    minute = now.replace(second=0, microsecond=0)
    _create(
        Presence,
        [
            Presence(
                process=process,
                host="host",
                consumer_slug=row.slug,
                state="delivering",
                pending=n % 5,
                oldest=now if n % 5 else None,
                last_success=now,
                error_at=now if n % 3 else None,
                error_reason="unreachable" if n % 3 else "",
                error_detail="connection refused" if n % 3 else "",
                seen=now,
            )
            for n, row in enumerate(rows)
            for process in PROCESSES
        ],
    )
    # One is busy in all minutes of a day, the others now and then.
    busy = [(rows[0], process, minutes) for process in PROCESSES for minutes in range(24 * 60)]
    others = [(row, "one", minutes) for row in rows[1:] for minutes in range(0, 24 * 60, 120)]
    _create(
        Report,
        [
            Report(
                process=process,
                host="host",
                consumer_slug=row.slug,
                minute=minute - timedelta(minutes=minutes),
                delivered=17,
                dead=1,
                reasons={"dead": {"rejected": 1}},
            )
            for row, process, minutes in [*busy, *others]
        ],
    )


def _audit(rows: list[Consumer], number: int, now) -> None:
    _create(
        AuditEntry,
        [
            AuditEntry(
                who_name="superuser",
                consumer=rows[n % len(rows)],
                consumer_slug=rows[n % len(rows)].slug,
                tenant=rows[n % len(rows)].tenant,
                action="change",
                field="enabled",
                old="false",
                new="true",
                when=now - timedelta(minutes=n),
            )
            for n in range(number)
        ],
    )


def _requests(number: int, tenants: list[Tenant]) -> None:
    people = get_user_model().objects
    _create(
        AccessRequest,
        [
            AccessRequest(
                who=people.get(username="viewer"),
                organisation=f"College {n}",
                organisations=tenants[n % len(tenants)].organisations,
                scope=tenants[n % len(tenants)].organisations[0].lower(),
                contact="data@example.org",
                url=f"https://asked-{n}.example.org/xapi",
                events=["play_video"],
                why="A study.",
            )
            for n in range(number)
        ],
    )
    _create(
        Replay,
        [
            Replay(who=people.get(username="operator"), who_name="operator", state="done", total=n)
            for n in range(number)
        ],
    )


def _create(model, rows: list) -> None:
    for start in range(0, len(rows), CHUNK):
        model._default_manager.bulk_create(rows[start : start + CHUNK])
