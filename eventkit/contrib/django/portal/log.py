"""The delivery log of one receiver, for the people behind it: numbers and reasons, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import attrs

from eventkit.contrib.django import figures
from eventkit.contrib.django.models import Consumer, Presence, Report
from eventkit.contrib.django.portal.states import NEW, State, by_health, meaning

_MOST_ROWS = 5_000
_DECIDED = ("disabled", "removed", "gone")
_GRAVITY = ("paused", "open", "retrying", "ok")


@attrs.frozen
class Reason:
    """Why some were given up."""

    reason: str
    text: str
    count: int


@attrs.frozen
class Log:
    """What happened in the last 24 hours, and how it stands."""

    told: figures.Figures
    hours: list[figures.Hour]
    """Those in which something happened, the latest first."""
    reasons: list[Reason]
    """The most frequent first."""
    error: str
    """What the last error means."""
    state: State | None
    """As the routers see it; None: none has said anything."""


def delivery_log(consumer: Consumer, now: datetime) -> Log:
    """Give the log of *consumer*."""
    start = figures.since(now)
    reports = Report.objects.filter(consumer_slug=consumer.slug)
    presences = Presence.objects.filter(consumer_slug=consumer.slug)
    told = figures.overview([consumer], reports, presences, now)[consumer.slug]
    given_up: Counter[str] = Counter()
    for _, reason, count in figures.reasons(reports, start):
        given_up[reason] += count
    happened = [
        hour
        for hour in figures.hours(reports, start)
        if hour.delivered or hour.retried or hour.given_up
    ]
    return Log(
        told=told,
        hours=happened[::-1],
        reasons=[
            Reason(reason, meaning(reason), count) for reason, count in given_up.most_common()
        ],
        error=meaning(told.error.error_reason, told.error.error_status) if told.error else "",
        state=states([consumer], now).get(consumer.slug),
    )


def states(consumers: Iterable[Consumer], now: datetime) -> dict[str, State]:
    """Give how routers see each of *consumers*, of those that one has seen; in one query."""
    found: dict[str, list[Presence]] = {}
    rows = Presence.objects.filter(consumer_slug__in=[one.slug for one in consumers])
    # What was decided about a consumer stands in its own row; a router may not know yet.
    rows = rows.exclude(state__in=_DECIDED).exclude(state="paused", reason="setting")
    for row in rows.defer("error_response").order_by("-seen")[:_MOST_ROWS]:
        found.setdefault(row.consumer_slug, []).append(row)
    return {slug: _state(presences, now) for slug, presences in found.items()}


def _state(presences: list[Presence], now: datetime) -> State:
    """
    Give the gravest of what processes say, for one that cannot deliver keeps events back.

    Where none runs at the moment, what the last one said when it ended. The latest come first.
    """
    told = [row for row in presences if figures.is_live(row, now)] or presences[:1]
    worst = min(told, key=lambda row: _rank(row.state))
    if worst.state == "ok" and not any(row.last_success for row in presences):
        return NEW
    return by_health(worst.state, worst.reason, worst.status)


def _rank(state: str) -> int:
    return _GRAVITY.index(state) if state in _GRAVITY else len(_GRAVITY) - 2
