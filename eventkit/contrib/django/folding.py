"""
Counts of times gone by, those of all processes in one row, so that pages have few to add up.

What routers report is a row for each process, consumer and minute; what is older than a quarter of
an hour becomes one for each consumer and quarter.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.db import connections, transaction
from django.db.models import Count, QuerySet

from eventkit.contrib.django.models import Report

ALL = ""
"""The process of a row that stands for all of them."""

QUARTER = timedelta(minutes=15)
"""The hours of all time zones begin at one of UTC, those of :30 and :45, too."""

COUNTS = ("delivered", "retried", "dead", "dropped", "conflict")
_ROWS = 2_000
"""Rows of one transaction, unless those of one consumer are more."""


def fold(using: str, now: datetime, *, until: float | None = None) -> int:
    """
    Add up the rows of quarters that ended a quarter of an hour ago or before.

    It may be stopped anywhere, and run at the same time as others do: each row is counted once.

    Args:
        using: the database.

        now: the time.

        until: when to leave the rest for the next time, by `time.monotonic`; None: never.

    Returns:
        How many rows went into others.
    """
    old = Report.objects.using(using).filter(process__gt=ALL, minute__lt=_quarter(now) - QUARTER)
    count = 0
    # Noted first: rows that are locked now are not waited for, and would be found again and again.
    starts = {_quarter(each) for each in old.values_list("minute", flat=True).order_by().distinct()}
    for start in sorted(starts):
        rows = old.filter(minute__gte=start, minute__lt=start + QUARTER)
        for slugs in _lots(rows):
            with transaction.atomic(using=using):
                # Whoever else does the same takes them in the same order.
                count += sum(_fold(rows, slug, start, using) for slug in sorted(slugs))
            if until is not None and time.monotonic() > until:
                return count
    return count


def add(row: Report, counts: Mapping[str, int], reasons: Mapping[str, Mapping[str, int]]) -> None:
    """Add numbers to those of *row*: *counts* by column, *reasons* as its column says them."""
    for name, number in counts.items():
        setattr(row, name, getattr(row, name) + number)
    row.reasons = {
        kind: dict(_numbers(row.reasons.get(kind)) + _numbers(reasons.get(kind)))
        for kind in ("dead", "dropped")
    }


def _numbers(given: object) -> Counter[str]:
    """Read numbers by reason; what somebody wrote that is none is nothing."""
    items = given.items() if isinstance(given, Mapping) else ()
    return Counter({reason: number for reason, number in items if isinstance(number, int)})


def _quarter(moment: datetime) -> datetime:
    """Give the beginning of the quarter of an hour in which *moment* is."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _lots(rows: QuerySet[Report]) -> Iterator[list[str]]:
    """Give the consumers of *rows*, as many at once as one transaction takes."""
    lot: list[str] = []
    size = 0
    for slug, number in rows.order_by().values_list("consumer_slug").annotate(Count("pk")):
        if lot and size + number > _ROWS:
            yield lot
            lot, size = [], 0
        lot.append(slug)
        size += number
    if lot:
        yield lot


def _fold(rows: QuerySet[Report], slug: str, start: datetime, using: str) -> int:
    """Add the rows of one consumer and quarter to the one for all processes, and remove them."""
    features = connections[using].features
    total = Report(process=ALL, host="", consumer_slug=slug, minute=start)
    # It writes first, which locks the row (and SQLite): who does the same meanwhile waits here.
    Report.objects.using(using).bulk_create(
        [total],
        update_conflicts=True,
        # MySQL finds out by itself what is unique, and takes no advice.
        unique_fields=("process", "consumer_slug", "minute")
        if features.supports_update_conflicts_with_target
        else None,
        update_fields=["host"],
    )
    # A router whose clock is late may be adding to one of them; that one comes the next time.
    locked = rows.filter(consumer_slug=slug).select_for_update(
        skip_locked=features.has_select_for_update_skip_locked
    )
    found = list(locked)
    totals = Report.objects.using(using).select_for_update()
    total = totals.get(process=ALL, consumer_slug=slug, minute=start)
    for row in found:
        add(total, {name: getattr(row, name) for name in COUNTS}, row.reasons)
    total.save(using=using, update_fields=(*COUNTS, "reasons"))
    Report.objects.using(using).filter(pk__in=[row.pk for row in found]).delete()
    return len(found)
