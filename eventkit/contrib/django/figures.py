"""
How deliveries go: the numbers of all processes of all machines, for the pages that show them.

Counts are sums over the reports of the last 24 hours (`Report`: one row for each process, consumer
and minute; for each consumer and quarter of an hour where that is longer ago). What is waiting is
what each process has said last (`Presence`), as long as it is heard from; those of a machine that
have one durable store speak of one queue, which counts once.
"""

from __future__ import annotations

import socket
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import attrs
from django.db.models import Max, OuterRef, QuerySet, Subquery, Sum
from django.utils import timezone

from eventkit.contrib.django.fields import short
from eventkit.contrib.django.models import Consumer, Presence, Report
from eventkit.contrib.django.queues import Queue
from eventkit.contrib.django.reporting import LIVE_FOR

HOURS = 24
_COUNTS = ("delivered", "retried", "dead", "dropped")
_TROUBLE = ("open", "retrying", "paused", "gone")


@attrs.frozen
class State:
    """A word for people, and how bad it is."""

    kind: Literal["good", "wait", "bad", "off"]
    text: str


_STATES = {
    "ok": State("good", "delivering"),
    "retrying": State("wait", "retrying"),
    "open": State("bad", "down"),
    "paused": State("bad", "stopped"),
    "gone": State("bad", "gone"),
    "removed": State("off", "removed"),
    "disabled": State("off", "disabled"),
}
"""By the state that a router gives. One that pauses by itself was refused, such as with 401."""

_SILENT = State("off", "no process reports")
_WORST = ("gone", "paused", "open", "retrying", "ok", "removed", "disabled")


@attrs.frozen
class Hour:
    """What all processes did in one hour."""

    start: datetime
    delivered: int = 0
    retried: int = 0
    dead: int = 0
    dropped: int = 0

    @property
    def given_up(self) -> int:
        """Documents that the consumer did not get."""
        return self.dead + self.dropped


@attrs.frozen(kw_only=True)
class Process:
    """What one process has said last of a consumer."""

    row: Presence
    state: State
    is_live: bool


@attrs.frozen(kw_only=True)
class Figures:
    """How one consumer fares."""

    state: State
    delivered: int = 0
    retried: int = 0
    dead: int = 0
    dropped: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    """Since when the oldest of what waits has waited."""
    last_success: datetime | None = None
    error: Presence | None = None
    """The row with the latest error in it."""
    live: int = 0
    """Processes that were heard from."""

    @property
    def given_up(self) -> int:
        """Documents that the consumer did not get."""
        return self.dead + self.dropped


def since(now: datetime | None = None) -> datetime:
    """Give when the hours that are shown begin; the last of them is not over."""
    local = timezone.localtime(now)
    start = local.replace(minute=0, second=0, microsecond=0)
    # Hours of the clock are not always as many as hours gone by.
    return start.astimezone(UTC) - timedelta(hours=HOURS - 1)


def hours(reports: QuerySet[Report], start: datetime) -> list[Hour]:
    """Sum up *reports*, which are of one consumer, by the hours from *start* on."""
    rows = (
        reports.filter(minute__gte=start)
        .order_by()
        .values("minute")
        .annotate(**{f"{name}_": Sum(name) for name in _COUNTS})
    )
    found: list[Counter[str]] = [Counter() for _ in range(HOURS)]
    for row in map(dict[str, Any], rows):
        # A clock that runs ahead says the next hour.
        place = min(int((row["minute"] - start) / timedelta(hours=1)), HOURS - 1)
        found[place].update({name: row[f"{name}_"] for name in _COUNTS})
    return [Hour(start + timedelta(hours=i), **found[i]) for i in range(HOURS)]


def reasons(reports: QuerySet[Report], start: datetime) -> list[tuple[str, str, int]]:
    """Give what was given up since *start*: ``dead`` or ``dropped``, the reason, how many."""
    counts: Counter[tuple[str, str]] = Counter()
    failed = reports.filter(minute__gte=start).order_by()
    failed = failed.exclude(dead=0, dropped=0)
    for given in failed.values_list("reasons", flat=True).iterator():
        for kind in ("dead", "dropped"):
            for reason, number in (given.get(kind) or {}).items():
                counts[kind, reason] += number
    return [(kind, reason, number) for (kind, reason), number in counts.most_common()]


def processes(presences: Iterable[Presence], now: datetime) -> list[Process]:
    """Say of each process whether it is heard from."""
    return [
        Process(
            row=row,
            state=_STATES.get(row.state, State("wait", row.state)),
            is_live=is_live(row, now),
        )
        for row in presences
    ]


def is_live(row: Presence, now: datetime) -> bool:
    """Tell whether the process has not ended, and was heard from lately."""
    return not row.is_closed and row.seen >= now - LIVE_FOR


def overview(
    consumers: Sequence[Consumer],
    reports: QuerySet[Report],
    presences: QuerySet[Presence],
    now: datetime,
    queues: Mapping[str, Queue] | None = None,
) -> dict[str, Figures]:
    """
    Give the figures of *consumers*, by id, in a few queries however many there are.

    Args:
        consumers: rows.

        reports: those that may be seen.

        presences: those that may be seen.

        now: the time.

        queues: what waits in the store of this machine, where the site has one.
    """
    slugs = [each.slug for each in consumers]
    sums: dict[str, Mapping[str, Any]] = {
        row["consumer_slug"]: row
        for row in reports.filter(consumer_slug__in=slugs, minute__gte=since(now))
        .order_by()
        .values("consumer_slug")
        .annotate(**{f"{name}_": Sum(name) for name in _COUNTS})
    }
    said = presences.filter(consumer_slug__in=slugs)
    live: dict[str, list[Presence]] = defaultdict(list)
    for row in said.filter(seen__gte=now - LIVE_FOR, is_closed=False).defer("error_response"):
        live[row.consumer_slug].append(row)
    successes = dict(
        said.order_by().values_list("consumer_slug").annotate(latest=Max("last_success"))
    )
    errors = _latest_errors(said, slugs)
    return {
        row.slug: _figures(
            row,
            live[row.slug],
            sums=sums.get(row.slug, {}),
            success=successes.get(row.slug),
            error=errors.get(row.slug),
            queue=(queues or {}).get(row.slug),
        )
        for row in consumers
    }


def _latest_errors(said: QuerySet[Presence], slugs: Collection[str]) -> dict[str, Presence]:
    latest = said.filter(consumer_slug=OuterRef("slug"), error_at__isnull=False)
    keys = (
        Consumer.objects.filter(slug__in=slugs)
        .order_by()
        .annotate(key=Subquery(latest.order_by("-error_at").values("pk")[:1]))
        .values_list("key", flat=True)
    )
    found = Presence.objects.filter(pk__in=[key for key in keys if key is not None])
    return {row.consumer_slug: row for row in found}


def _figures(
    consumer: Consumer,
    live: Sequence[Presence],
    *,
    sums: Mapping[str, int],
    success: datetime | None,
    error: Presence | None,
    queue: Queue | None,
) -> Figures:
    oldest = [
        row.oldest
        for row in live
        if row.pending and row.oldest is not None and not (queue and _is_of(row, queue))
    ]
    if queue is not None and queue.oldest is not None:
        oldest.append(queue.oldest)
    return Figures(
        state=state_of(consumer, live),
        **{name: sums.get(f"{name}_") or 0 for name in _COUNTS},
        waiting=waiting(live, queue),
        oldest=min(oldest, default=None),
        last_success=success,
        error=error,
        live=len(live),
    )


def _is_of(row: Presence, queue: Queue) -> bool:
    """Tell whether a process speaks of *queue*, which lies on this machine."""
    return (row.host, row.store) == (_here(), queue.store)


def _here() -> str:
    return short(socket.gethostname(), 100)


def waiting(live: Iterable[Presence], queue: Queue | None = None) -> int:
    """
    Add up what waits; all processes of a machine that have one store speak of the same queue.

    Args:
        live: what processes that are heard from have said last, the latest of those of a store
            being the truth.

        queue: what waits in the store of this machine, which knows better than any of them.
    """
    own = 0
    stored: dict[tuple[str, str], tuple[datetime, int]] = {}
    for row in live:
        key = row.host, row.store
        if not row.store:
            own += row.pending
        elif key not in stored or stored[key][0] < row.seen:
            stored[key] = row.seen, row.pending
    if queue is not None:
        stored[_here(), queue.store] = timezone.now(), queue.pending
    return own + sum(pending for _, pending in stored.values())


def state_of(consumer: Consumer, live: Iterable[Presence]) -> State:
    """Say how *consumer* fares: what was decided about it first, then the worst that is said."""
    if consumer.gone_at is not None:
        return State("bad", "gone: it answered 410")
    if not consumer.enabled:
        return State("off", "disabled")
    if consumer.paused:
        return State("wait", "paused")
    if consumer.paused_by_representative:
        return State("wait", "paused by its representatives")
    if consumer.awaits_credentials:
        return State("wait", "waiting for credentials")
    said = {row.state for row in live}
    for name in _WORST:
        if name in said:
            return _STATES[name]
    return State("wait", min(said)) if said else _SILENT


def in_trouble(presences: QuerySet[Presence], now: datetime) -> QuerySet[Presence]:
    """Give what live processes say of consumers that do not take what they are sent."""
    return presences.filter(seen__gte=now - LIVE_FOR, is_closed=False, state__in=_TROUBLE)
