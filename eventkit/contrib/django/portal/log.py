"""The delivery log of one receiver, for the people behind it: numbers and reasons, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from django.db.models import Q, Sum
from django.db.models.functions import TruncHour

from eventkit.contrib.django.models import Presence, Report
from eventkit.contrib.django.portal.states import State, by_health, meaning

DAYS = 7
"""How far back it goes."""

_FRESH = timedelta(minutes=2)
"""A process that has said nothing for longer has ended, or cannot reach the database."""
_MOST_ROWS = 5_000
"""Rows with failures whose reasons are added up, the latest first."""
_NUMBERS = ("delivered", "retried", "dead", "dropped")
_GRAVITY = ("gone", "paused", "open", "retrying", "ok")


@attrs.frozen
class LastError:
    """When it failed last, and why in words."""

    time: datetime
    text: str


@attrs.frozen
class Log:
    """What happened lately, and how it stands."""

    hours: list[dict[str, Any]]
    """Each hour with something in it, the latest first: ``start`` and the numbers."""
    day: dict[str, int]
    """Of the last 24 hours: ``delivered`` and ``lost``."""
    reasons: list[dict[str, Any]]
    """``reason``, ``text`` and ``count``, the most frequent first."""
    pending: int
    oldest: datetime | None
    last_success: datetime | None
    last_error: LastError | None
    state: State | None
    """As the routers see it; None: none has said anything."""


def delivery_log(slug: str, now: datetime) -> Log:
    """Give the log of the consumer with the id *slug* in five queries at most."""
    reports = Report.objects.filter(consumer_slug=slug, minute__gte=now - timedelta(days=DAYS))
    sums = {name: Sum(name) for name in _NUMBERS}
    hours = list(
        reports.annotate(start=TruncHour("minute", tzinfo=UTC))
        .values("start")
        .annotate(**{f"total_{name}": total for name, total in sums.items()})
        .order_by("-start")
        .values_list("start", *(f"total_{name}" for name in _NUMBERS))
    )
    day = reports.filter(minute__gte=now - timedelta(days=1)).aggregate(**sums)
    failed = reports.filter(Q(dead__gt=0) | Q(dropped__gt=0)).order_by("-minute")[:_MOST_ROWS]
    presences = list(Presence.objects.filter(consumer_slug=slug).order_by("-seen")[:200])
    return Log(
        hours=[
            {"start": start, **dict(zip(_NUMBERS, numbers, strict=True))}
            for start, *numbers in hours
            if any(numbers)
        ],
        day={
            "delivered": day["delivered"] or 0,
            "lost": (day["dead"] or 0) + (day["dropped"] or 0),
        },
        reasons=_by_reason(failed.values_list("reasons", flat=True)),
        **_standing(presences, now),
    )


def states(slugs: Iterable[str], now: datetime) -> dict[str, State]:
    """Give how the routers see each consumer that one has seen lately, in one query."""
    found: dict[str, list[Presence]] = {}
    for one in Presence.objects.filter(
        consumer_slug__in=list(slugs), seen__gte=now - _FRESH, is_closed=False
    ):
        found.setdefault(one.consumer_slug, []).append(one)
    return {slug: _state(presences) for slug, presences in found.items()}


def _by_reason(rows: Iterable[Any]) -> list[dict[str, Any]]:
    found: Counter[str] = Counter()
    for reasons in rows:
        for numbers in (reasons.get("dead"), reasons.get("dropped")):
            found.update(numbers or {})
    return [
        {"reason": reason, "text": meaning(reason), "count": count}
        for reason, count in found.most_common()
    ]


def _standing(presences: list[Presence], now: datetime) -> dict[str, Any]:
    live = [one for one in presences if not one.is_closed and one.seen >= now - _FRESH]
    failed = [one for one in presences if one.error_at is not None]
    latest = max(failed, key=_error_at, default=None)
    return {
        # Those on one store all count the same documents.
        "pending": max((one.pending for one in live), default=0),
        "oldest": min((one.oldest for one in live if one.oldest and one.pending), default=None),
        "last_success": max(
            (one.last_success for one in presences if one.last_success), default=None
        ),
        "last_error": latest
        and LastError(_error_at(latest), meaning(latest.error_reason, latest.error_status)),
        "state": _state(live) if live else None,
    }


def _error_at(presence: Presence) -> datetime:
    assert presence.error_at is not None  # noqa: S101 - those without were left out
    return presence.error_at


def _state(presences: Iterable[Presence]) -> State:
    """Give the gravest of what processes say, for one that cannot deliver keeps events back."""
    worst = min(presences, key=lambda one: _rank(one.state))
    return by_health(worst.state, worst.reason, worst.status)


def _rank(state: str) -> int:
    return _GRAVITY.index(state) if state in _GRAVITY else len(_GRAVITY) - 2
