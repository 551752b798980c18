"""
What routers report, in the database: the numbers of all workers of all machines.

A report is a row for each router, consumer and minute (`Report`), which all add up (`folding` makes
one of those that are older), and what the router says last of how each consumer fares (`Presence`).
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from eventkit.base.throttle import SafeLogger, describe
from eventkit.consumers.reports import ConsumerReport
from eventkit.contrib.django import actions, conf, folding
from eventkit.contrib.django.fields import Sealed, short
from eventkit.contrib.django.models import (
    LONGEST_ID,
    Consumer,
    Letter,
    Presence,
    Replay,
    Report,
)

_log = SafeLogger(__name__)

LIVE_FOR = timedelta(minutes=3)
"""A router that has said nothing for so long is no more; each says something every minute."""

_ENDED = "ended"
"""The process under which is kept what routers said last that are no more."""
_ENDED_AFTER = timedelta(days=1)
_EVERY = 900.0
"""Seconds between two times that a process cleans up."""
_AT_MOST = 5.0
"""Seconds that a process adds up counts then; there are others, and a next time."""
_UNNAMED = "unnamed"
_AT_ONCE = 1000


def take(
    reports: Sequence[ConsumerReport],
    *,
    closing: bool,
    using: str,
    tries: Mapping[str, int] | None = None,
) -> None:
    """
    Take down what one router reports: all of it, or nothing when it raises.

    A consumer that has answered 410 Gone to it is stopped for all.

    Args:
        reports: what it says.

        closing: it is the last that it says.

        using: the database.

        tries: `Consumer.tries`, by id, as the router knows them.
    """
    now = timezone.now()
    with transaction.atomic(using=using):
        _add_counts(reports, now, using)
        _say_how_they_fare(reports, now, using, closing=closing)
        stopped = _stop_gone(reports, using, tries or {})
    # It is taken down, and whoever raised now would be told all of it once more.
    _tell(stopped, using)
    _clean_up_now_and_then(using)


def _key(report: ConsumerReport, using: str) -> tuple[str, str]:
    """Name router and consumer as the columns take it; routers may be handed any id."""
    # No name is that of all together.
    name = short(report.router, 100, using).strip() or _UNNAMED
    return name, short(report.consumer, LONGEST_ID, using)


def _add_counts(reports: Sequence[ConsumerReport], now: datetime, using: str) -> None:
    counted: dict[tuple[str, str], list[ConsumerReport]] = {}
    for each in filter(_has_counts, reports):
        counted.setdefault(_key(each, using), []).append(each)
    if not counted:
        return
    minute = now.replace(second=0, microsecond=0)
    rows = Report.objects.using(using)
    # Nobody else writes the rows of this router, but for who folds them, if our clock is late.
    own = rows.filter(minute=minute, process__in={name for name, _ in counted})
    known = {(row.process, row.consumer_slug): row for row in own.select_for_update()}
    new = []
    for (name, slug), said in counted.items():
        row = known.get((name, slug))
        if row is None:
            row = Report(process=name, host=_host(using), consumer_slug=slug, minute=minute)
            new.append(row)
        for report in said:
            _add(row, report)
    rows.bulk_create(new, batch_size=_AT_ONCE)
    changed = [row for key, row in known.items() if key in counted]
    if changed:
        rows.bulk_update(changed, (*folding.COUNTS, "reasons"), batch_size=100)


def _add(row: Report, report: ConsumerReport) -> None:
    counts = {
        "delivered": report.delivered,
        "retried": report.retried,
        "dead": sum(report.dead.values()),
        "dropped": sum(report.dropped.values()),
        "conflict": report.conflict,
    }
    reasons = {"dead": _stored(report.dead), "dropped": _stored(report.dropped)}
    folding.add(row, counts, reasons)


def _has_counts(report: ConsumerReport) -> bool:
    numbers = (report.delivered, report.retried, report.conflict)
    return any((*numbers, *report.dead.values(), *report.dropped.values()))


def _stored(reasons: Mapping[str, int]) -> Counter[str]:
    """Give *reasons* as they are kept."""
    found: Counter[str] = Counter()
    for reason, number in reasons.items():
        found[short(reason, 100)] += number
    return found


def _say_how_they_fare(
    reports: Sequence[ConsumerReport], now: datetime, using: str, *, closing: bool
) -> None:
    rows = [_presence(each, now, using, closing=closing) for each in reports]
    _upsert(list({(row.process, row.consumer_slug): row for row in rows}.values()), using)
    if closing and reports:
        # Also those about which there was nothing to say.
        names = {_key(each, using)[0] for each in reports}
        Presence.objects.using(using).filter(process__in=names).update(is_closed=True, pending=0)


def _presence(report: ConsumerReport, now: datetime, using: str, *, closing: bool) -> Presence:
    process, slug = _key(report, using)
    error = report.last_error
    oldest = now - timedelta(seconds=report.oldest_seconds) if report.pending else None
    return Presence(
        process=process,
        host=_host(using),
        consumer_slug=slug,
        state=short(report.state, 40, using),
        reason=short(report.reason, 100, using),
        status=report.status,
        detail=short(report.detail, 500, using),
        pending=report.pending,
        store=short(report.store, 64, using),
        oldest=oldest,
        last_success=report.last_success,
        error_at=error.time if error else None,
        error_reason=short(error.reason, 100, using) if error else "",
        error_status=error.status if error else None,
        error_detail=short(error.detail, 500, using) if error else "",
        # Without keys it is not kept: receivers like to quote what they were sent.
        error_response=Sealed.of(error.response)
        if error and error.response and conf.has_keys()
        else None,
        is_closed=closing,
        seen=now,
    )


def _upsert(rows: Sequence[Presence], using: str) -> None:
    if not rows:
        return
    names = [field.name for field in Presence._meta.concrete_fields]  # noqa: SLF001 - it is documented
    key = ("process", "consumer_slug")
    # MySQL finds out by itself what is unique, and takes no advice.
    has_target = connections[using].features.supports_update_conflicts_with_target
    Presence.objects.using(using).bulk_create(
        rows,
        batch_size=_AT_ONCE // 10,
        update_conflicts=True,
        unique_fields=key if has_target else None,
        update_fields=[name for name in names if name not in ("id", *key)],
    )


def _stop_gone(
    reports: Iterable[ConsumerReport], using: str, tries: Mapping[str, int]
) -> list[str]:
    """Stop those that have gone, for all; give which were not stopped before."""
    said = {
        each.consumer: each.last_error.time
        for each in reports
        if each.state == "gone"
        and each.last_error is not None
        # None with another id is a row.
        and _key(each, using)[1] == each.consumer
    }
    # Clocks of machines differ, so that what was said before somebody resumed it is told by count.
    return [
        slug
        for slug, when in said.items()
        if actions.mark_gone(slug, when, tries=tries.get(slug), using=using)
    ]


def _tell(stopped: Iterable[str], using: str) -> None:
    """Tell the people behind those that were stopped."""
    if not stopped:
        return
    from eventkit.contrib.django.portal import notices, states  # noqa: PLC0415 - hardly ever

    try:
        for consumer in Consumer.objects.using(using).filter(slug__in=stopped):
            notices.stopped(consumer, states.GONE)
    except Exception as error:  # noqa: BLE001 - what was reported is taken down already
        _log.warning("nobody was told of those that have gone: %s", describe(error))


# Cleaning up.

_cleaned: dict[str, float] = {}


def _clean_up_now_and_then(using: str) -> None:
    last = _cleaned.get(using)
    now = time.monotonic()
    # Within a transaction of the host what fails would fail the host's work, too.
    is_time = last is None or now - last > _EVERY
    if not is_time or connections[using].in_atomic_block:
        return
    _cleaned[using] = now
    if last is None:
        return
    try:
        prune(using, seconds=_AT_MOST)
    except Exception as error:  # noqa: BLE001 - what was reported is taken down already
        _log.warning(
            "what is old cannot be removed; tried again in a quarter of an hour: %s",
            describe(error),
        )


@attrs.frozen
class Pruned:
    """How many rows were removed."""

    reports: int
    folded: int
    """Counts of one process and minute that went into those of all and a quarter of an hour."""
    routers: int
    """What was said last by routers that are no more; the latest of it is kept."""
    letters: int
    replays: int


def prune(using: str, *, letters_days: int | None = None, seconds: float | None = None) -> Pruned:
    """
    Remove what is older than the site keeps it, and add up counts.

    Args:
        using: the database.

        letters_days: of dead letters; None: as ``KEEP_LETTERS_DAYS`` says.

        seconds: after which counts are left for the next time; None: all are added up.
    """
    settings = conf.admin_settings()
    now = timezone.now()
    until = None if seconds is None else time.monotonic() + seconds
    before = now - timedelta(days=settings.keep_reports_days)
    days = letters_days if letters_days is not None else settings.keep_letters_days
    return Pruned(
        reports=_delete(Report.objects.using(using).filter(minute__lt=before)),
        folded=folding.fold(using, now, until=until),
        routers=_fold(now, using),
        letters=0
        if days is None
        else _delete(Letter.objects.using(using).filter(time__lt=now - timedelta(days=days))),
        replays=_delete(Replay.objects.using(using).filter(ended__lt=before, ended__isnull=False)),
    )


def _delete(found: QuerySet[Any]) -> int:
    """Delete some at a time: others write meanwhile."""
    count = 0
    for keys in _keys(found):
        count += found.filter(pk__in=keys).delete()[0]
    return count


def _keys(found: QuerySet[Any]) -> Iterator[list[Any]]:
    while True:
        keys = list(found.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE])
        if not keys:
            return
        yield keys


def _fold(now: datetime, using: str) -> int:
    """Keep of routers that are no more only the latest that any has said of each consumer."""
    rows = Presence.objects.using(using)
    old = rows.exclude(process=_ENDED).filter(
        Q(is_closed=True, seen__lt=now - LIVE_FOR) | Q(seen__lt=now - _ENDED_AFTER)
    )
    count = 0
    for keys in _keys(old):
        with transaction.atomic(using=using):
            gone = list(rows.filter(pk__in=keys))
            slugs = {row.consumer_slug for row in gone}
            kept = {
                row.consumer_slug: row
                for row in rows.filter(process=_ENDED, consumer_slug__in=slugs)
            }
            for row in sorted(gone, key=lambda each: each.seen):
                kept[row.consumer_slug] = _latest(kept.get(row.consumer_slug), row)
            _upsert(list(kept.values()), using)
            count += rows.filter(pk__in=keys).delete()[0]
    return count


def _latest(before: Presence | None, row: Presence) -> Presence:
    """Give what is known of a consumer by two routers that are no more, *row* the later one."""
    made = _copy(row)
    made.process, made.host, made.is_closed, made.pending, made.oldest = _ENDED, "", True, 0, None
    if before is None:
        return made
    successes = [each for each in (before.last_success, row.last_success) if each is not None]
    made.last_success = max(successes, default=None)
    if before.error_at is not None and (row.error_at is None or row.error_at < before.error_at):
        for name in ("at", "reason", "status", "detail", "response"):
            setattr(made, f"error_{name}", getattr(before, f"error_{name}"))
    return made


def _copy(row: Presence) -> Presence:
    names = [field.name for field in Presence._meta.concrete_fields if field.name != "id"]  # noqa: SLF001
    return Presence(**{name: getattr(row, name) for name in names})


def _host(using: str) -> str:
    return short(socket.gethostname(), 100, using)
