"""The numbers of deliveries, summed up over processes and machines."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from admin_rows import make_consumer, presence, report

pytestmark = pytest.mark.databases

NOW = datetime(2026, 11, 28, 13, 25, 40, tzinfo=UTC)


@pytest.fixture
def told(admin_site):
    """Give the figures of a consumer, all rows being visible."""
    from django.utils import timezone

    from eventkit.contrib.django import figures
    from eventkit.contrib.django.models import Consumer, Presence, Report

    def ask(slug="lrs", queues=None):
        listed = list(Consumer.objects.order_by("slug"))
        found = figures.overview(
            listed, Report.objects.all(), Presence.objects.all(), timezone.now(), queues
        )
        return found[slug]

    return ask


class TestHours:
    def test_they_are_24_and_the_last_is_not_over(self, admin_site):
        from eventkit.contrib.django import figures
        from eventkit.contrib.django.models import Report

        start = figures.since(NOW)
        found = figures.hours(Report.objects.all(), start)

        assert start == datetime(2026, 11, 27, 14, tzinfo=UTC)
        assert [each.start for each in found] == [
            start + timedelta(hours=hour) for hour in range(24)
        ]
        assert found[-1].start <= NOW < found[-1].start + timedelta(hours=1)

    def test_they_begin_where_the_hours_of_the_clock_do(self, admin_site):
        from django.utils import timezone

        from eventkit.contrib.django import figures

        with timezone.override("Asia/Kolkata"):
            start = figures.since(NOW)

        assert start == datetime(2026, 11, 27, 13, 30, tzinfo=UTC)

    def test_all_processes_add_up(self, admin_site):
        from eventkit.contrib.django import figures
        from eventkit.contrib.django.models import Report

        start = figures.since(NOW)
        at = (start - timedelta(minutes=1), start, start + timedelta(minutes=59))
        late = start + timedelta(hours=25)
        for process in ("a", "b"):
            for minute in (*at, late):
                Report.objects.create(
                    process=process,
                    host="m",
                    consumer_slug="lrs",
                    minute=minute,
                    delivered=10,
                    retried=3,
                    dead=2,
                    dropped=1,
                )

        found = figures.hours(Report.objects.all(), start)

        first = found[0]
        assert (first.delivered, first.retried, first.dead, first.dropped) == (40, 12, 8, 4)
        assert first.given_up == 12
        # A clock that runs ahead counts with the last.
        assert found[-1].delivered == 20
        assert sum(each.delivered for each in found) == 60


class TestReasons:
    def test_they_add_up_the_most_first(self, admin_site):
        from django.utils import timezone

        from eventkit.contrib.django import figures
        from eventkit.contrib.django.models import Report

        report(dead=3, reasons={"dead": {"http_400": 3}})
        report(
            process="web:2",
            dead=2,
            dropped=5,
            reasons={"dead": {"http_400": 2}, "dropped": {"queue_full": 4, "http_400": 1}},
        )
        report(process="web:3", delivered=9, reasons={})
        report(process="old", ago=timedelta(hours=30), dead=50, reasons={"dead": {"old": 50}})

        found = figures.reasons(Report.objects.all(), figures.since(timezone.now()))

        assert found == [
            ("dead", "http_400", 5),
            ("dropped", "queue_full", 4),
            ("dropped", "http_400", 1),
        ]


class TestWaiting:
    def test_processes_add_up_and_stale_and_ended_ones_do_not_count(self, told):
        make_consumer()
        presence(process="a", pending=3)
        presence(process="b", pending=4)
        presence(process="stale", pending=100, ago=timedelta(minutes=4))
        presence(process="ended", pending=100, is_closed=True)

        assert told().waiting == 7
        assert told().live == 2

    def test_on_a_store_those_of_one_machine_count_once(self, told):
        from eventkit.contrib.django.queues import Queue

        make_consumer()
        here = socket.gethostname()
        for process, host in (("a", here), ("b", here), ("c", "other"), ("d", "other")):
            presence(process=process, host=host, pending=5, store="one")
        presence(process="e", host="other", pending=7, store="two")
        presence(process="f", host=here, pending=1)

        assert told().waiting == 5 + 5 + 7 + 1
        assert told(queues={"lrs": Queue(6, None, "one")}).waiting == 6 + 5 + 7 + 1
        assert told(queues={"lrs": Queue(6, None, "three")}).waiting == 5 + 5 + 7 + 1 + 6

    def test_of_a_store_the_latest_word_counts(self, told):
        make_consumer()
        for process, minutes, pending in (("a", 2, 9), ("b", 0, 4), ("c", 1, 7)):
            ago = timedelta(minutes=minutes)
            presence(process=process, pending=pending, store="one", ago=ago)

        assert told().waiting == 4

    def test_the_store_itself_knows_the_oldest(self, told):
        from django.utils import timezone

        from eventkit.contrib.django.queues import Queue

        make_consumer()
        now, here = timezone.now(), socket.gethostname()
        presence(process="a", host=here, pending=5, store="one", oldest=now - timedelta(hours=1))

        assert told().oldest == now - timedelta(hours=1)
        assert told(queues={"lrs": Queue(0, None, "one")}).oldest is None

    def test_the_oldest_is_the_oldest_of_those_that_wait(self, told):
        from django.utils import timezone

        now = timezone.now()
        make_consumer()
        presence(process="a", pending=1, oldest=now - timedelta(minutes=2))
        presence(process="b", pending=0, oldest=now - timedelta(days=2))
        presence(process="c", pending=1, oldest=now - timedelta(days=3), ago=timedelta(minutes=9))

        assert told().oldest == now - timedelta(minutes=2)


class TestLatest:
    def test_also_of_processes_that_are_no_more(self, told):
        from django.utils import timezone

        now = timezone.now()
        hour = timedelta(hours=1)
        make_consumer()
        presence(process="a", last_success=now - 3 * hour, error_at=now - hour, error_reason="new")
        presence(
            process="b",
            is_closed=True,
            last_success=now - 2 * hour,
            error_at=now - 5 * hour,
            error_reason="old",
        )

        assert told().last_success == now - 2 * hour
        assert told().error.error_reason == "new"

    def test_of_others_nothing_is_taken(self, told):
        make_consumer()
        make_consumer("other")
        presence("other", state="open", pending=9)
        report("other", delivered=9)

        found = told("lrs")

        assert (found.waiting, found.delivered, found.error) == (0, 0, None)
        assert found.state.text == "no process reports"
        assert told("other").delivered == 9


class TestState:
    @pytest.mark.parametrize(
        ("states", "text"),
        [
            ([], "no process reports"),
            (["ok"], "delivering"),
            (["ok", "retrying"], "retrying"),
            (["retrying", "open", "ok"], "down"),
            (["ok", "gone"], "gone"),
            (["paused", "open"], "stopped"),
            (["a new one"], "a new one"),
        ],
    )
    def test_it_is_the_worst_that_is_said(self, admin_site, states, text):
        from eventkit.contrib.django import figures
        from eventkit.contrib.django.models import Consumer

        row = Consumer(slug="lrs", enabled=True)
        live = [SimpleNamespace(state=state) for state in states]

        assert figures.state_of(row, live).text == text

    @pytest.mark.parametrize(
        ("settings", "text"),
        [
            ({"enabled": False, "paused": True}, "disabled"),
            ({"paused": True}, "paused"),
            ({"gone_at": NOW, "enabled": False}, "gone: it answered 410"),
        ],
    )
    def test_what_was_decided_comes_first(self, admin_site, settings, text):
        from eventkit.contrib.django import figures
        from eventkit.contrib.django.models import Consumer

        row = Consumer(slug="lrs", **{"enabled": True, **settings})

        assert figures.state_of(row, [SimpleNamespace(state="ok")]).text == text


class TestQueries:
    def test_they_are_as_many_for_fifty_as_for_one(self, told):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        make_consumer()
        presence()
        with CaptureQueriesContext(connection) as one:
            told()
        for number in range(50):
            make_consumer(f"more-{number}")
            presence(f"more-{number}", error_at=NOW, error_reason="x")
        with CaptureQueriesContext(connection) as many:
            told()

        assert len(many) == len(one) + 1  # The errors, of which there were none.
