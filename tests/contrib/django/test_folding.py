"""Counts of times gone by become one row for each consumer and quarter of an hour."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

pytest.importorskip("django")

from eventkit.consumers.reports import ConsumerReport
from eventkit.contrib.django import DatabaseConsumers

pytestmark = pytest.mark.databases

NOW = datetime(2026, 3, 1, 12, 44, 59, tzinfo=UTC)
ENDED = datetime(2026, 3, 1, 12, 15, tzinfo=UTC)
"""The end of the last quarter that is folded at `NOW`."""
COUNTS = ("delivered", "retried", "dead", "dropped", "conflict")


@pytest.fixture
def reports(admin_site):
    from eventkit.contrib.django.models import Report

    return Report.objects


@pytest.fixture
def fold(admin_site):
    from eventkit.contrib.django import folding

    return lambda now=NOW, **more: folding.fold("default", now, **more)


def rows(reports):
    return list(
        reports.order_by("minute", "consumer_slug", "process").values_list(
            "process", "consumer_slug", "minute", "delivered"
        )
    )


def totals(reports):
    from django.db.models import Sum

    return tuple(reports.aggregate(**{f"{n}_": Sum(n) for n in COUNTS}).values())


def make(reports, minute, process="one", consumer="lrs", **counts):
    reports.create(process=process, host="m", consumer_slug=consumer, minute=minute, **counts)


def test_one_row_for_all_processes_of_a_quarter(reports, fold):
    start = ENDED - timedelta(minutes=15)
    for process in ("one", "two"):
        for minute in (0, 14):
            make(
                reports,
                start + timedelta(minutes=minute),
                process,
                delivered=1,
                retried=2,
                dead=3,
                dropped=4,
                conflict=5,
                reasons={"dead": {"http_400": 3}, "dropped": {f"of {process}": 4}},
            )
    make(reports, start, consumer="other", delivered=7)

    assert fold() == 5
    lrs, other = reports.order_by("consumer_slug")
    assert (lrs.process, lrs.minute) == ("", start)
    assert tuple(getattr(lrs, name) for name in COUNTS) == (4, 8, 12, 16, 20)
    assert lrs.reasons == {"dead": {"http_400": 12}, "dropped": {"of one": 8, "of two": 8}}
    assert (other.process, other.minute, other.delivered) == ("", start, 7)
    assert fold() == 0


def test_what_is_not_long_ago_stays(reports, fold):
    """Routers still add to it, those whose clocks are late by some minutes, too."""
    make(reports, ENDED - timedelta(minutes=1), delivered=1)
    make(reports, ENDED, delivered=2)
    make(reports, NOW.replace(second=0), delivered=3)
    fold()

    assert rows(reports) == [
        ("", "lrs", ENDED - timedelta(minutes=15), 1),
        ("one", "lrs", ENDED, 2),
        ("one", "lrs", NOW.replace(second=0), 3),
    ]


def test_what_comes_late_is_added(reports, fold):
    start = ENDED - timedelta(minutes=15)
    make(reports, start, delivered=1, reasons={"dead": {"x": 1}})
    fold()
    make(reports, start, delivered=2, reasons={"dead": {"x": 2}})
    fold()

    assert rows(reports) == [("", "lrs", start, 3)]
    assert reports.get().reasons["dead"] == {"x": 3}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Eucla"])
def test_the_hours_are_as_before(reports, fold, zone):
    """Those of zones that begin at :15, :30 or :45 of UTC, too: 5:30, 5:45 and 8:45 ahead."""
    from django.utils import timezone

    from eventkit.contrib.django import figures

    with timezone.override(zone):
        start = figures.since(NOW)
        for minute in range(0, 24 * 60, 5):
            make(reports, start + timedelta(minutes=minute), delivered=minute + 1, dead=1)
        before = figures.hours(reports.all(), start)
        folded = fold()
        after = figures.hours(reports.all(), start)

    assert folded > 250
    assert after == before
    assert before[0].delivered == sum(range(1, 61, 5))


def test_who_is_killed_on_the_way_loses_nothing(reports, fold, monkeypatch):
    """Wherever it is: what was not removed was not added either."""
    from django.db.models import QuerySet

    for minute in range(15):
        make(reports, ENDED - timedelta(minutes=15 - minute), delivered=1, dead=2)

    def die(*_, **__):
        raise KeyboardInterrupt

    for name in ("bulk_create", "get", "delete"):
        with monkeypatch.context() as broken:
            broken.setattr(QuerySet, name, die)
            with pytest.raises(KeyboardInterrupt):
                fold()
        assert totals(reports) == (15, 0, 30, 0, 0)
        assert reports.count() == 15
    fold()

    assert totals(reports) == (15, 0, 30, 0, 0)
    assert reports.count() == 1


def test_it_goes_on_the_next_time(reports, fold):
    """Where there is so much of it that a router has no more time for it."""
    for quarter in (1, 2, 3):
        make(reports, ENDED - quarter * timedelta(minutes=15), delivered=1)

    assert [fold(until=0.0) for _ in range(4)] == [1, 1, 1, 0]
    assert totals(reports)[0] == 3


@pytest.mark.parametrize("reasons", [{"dead": 5}, {"dead": {"x": "many"}}, {"other": {"x": 1}}])
def test_reasons_that_are_none_stop_nothing(reports, fold, reasons):
    make(reports, ENDED - timedelta(minutes=1), delivered=1, dead=1, reasons=reasons)
    fold()

    assert rows(reports) == [("", "lrs", ENDED - timedelta(minutes=15), 1)]
    assert reports.get().reasons == {"dead": {}, "dropped": {}}


def test_a_router_without_a_name_is_not_all_of_them(reports, fold):
    DatabaseConsumers().report(
        [ConsumerReport(router=" ", consumer="lrs", state="ok", delivered=1)], closing=False
    )
    later = datetime.now(UTC) + timedelta(hours=1)

    assert fold(later) == 1
    assert reports.get().delivered == 1


def at_once(*tasks):
    """Run each in a thread of its own; give what they raise."""
    from django.db import connections

    wrong = []
    gate = threading.Barrier(len(tasks), timeout=30)

    def run(task):
        try:
            gate.wait()
            task()
        except BaseException as error:
            wrong.append(error)
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return wrong


def test_several_at_once_and_routers_that_report(reports, fold, monkeypatch):
    """No count is lost or there twice, whoever is quicker; routers try again what was not taken."""
    from django.db import DatabaseError
    from django.utils import timezone

    start = datetime(2026, 3, 1, 10, tzinfo=UTC)
    # The clock of the routers is late, so that they add to what is being folded.
    monkeypatch.setattr(timezone, "now", lambda: start)
    for minute in range(0, 120, 5):
        for process in ("a", "b", "c"):
            make(reports, start + timedelta(minutes=minute), process, delivered=1)
    taken = []

    def folds():
        for _ in range(8):
            # It is tried again, as in a router a quarter of an hour later.
            with suppress(DatabaseError):
                fold()

    def reports_of(name):
        said = {"router": name, "consumer": "lrs", "state": "ok", "delivered": 1, "dead": {"x": 1}}
        for _ in range(12):
            with suppress(DatabaseError):
                DatabaseConsumers().report([ConsumerReport(**said)], closing=False)
                taken.append(1)

    wrong = at_once(folds, folds, partial(reports_of, "late 1"), partial(reports_of, "late 2"))

    assert wrong == []
    assert taken
    assert totals(reports) == (72 + len(taken), 0, len(taken), 0, 0)
    fold()
    assert totals(reports) == (72 + len(taken), 0, len(taken), 0, 0)
    assert set(reports.values_list("process", flat=True)) == {""}
    assert reports.get(minute=start).reasons["dead"] == {"x": len(taken)}


def test_prune_does_it(reports, admin_site):
    from eventkit.contrib.django import reporting

    for process in ("one", "two"):
        make(reports, datetime.now(UTC) - timedelta(hours=1), process, delivered=2)

    assert reporting.prune("default").folded == 2
    assert [row[0] for row in rows(reports)] == [""]


def test_the_last_minutes_of_many_processes_are_all_that_pages_add_up(reports, fold):
    """However many processes there are, a day is the quarters of a day and half an hour."""
    for hour in range(1, 24):
        for process in range(10):
            make(reports, NOW.replace(second=0) - timedelta(hours=hour), str(process))
    fold()

    assert reports.count() == 23
