"""What routers report, in the database, and that it does not stay for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("django")

from eventkit.consumers.reports import ConsumerReport, LastError
from eventkit.contrib.django import DatabaseConsumers

pytestmark = pytest.mark.databases


def report(consumer="lrs", **more):
    return ConsumerReport(**{"router": "one", "consumer": consumer, "state": "delivering"} | more)


def error(when, **more):
    given = {"time": when, "reason": "http_503", "status": 503, "detail": "busy"}
    return LastError(**given | {"response": "canary"} | more)


@pytest.fixture
def models(admin_site):
    from eventkit.contrib.django import models

    return models


def take(*reports, closing=False):
    DatabaseConsumers().report(reports, closing=closing)


def test_a_row_of_each_router_consumer_and_minute(models, monkeypatch):
    from django.utils import timezone

    now = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    take(report(delivered=3, retried=1, dead={"http_400": 2}), report("other"))
    take(report(delivered=4, dead={"http_400": 1, "expired": 1}, dropped={"denied": 5}))
    take(report(router="two", delivered=1, conflict=1))
    now += timedelta(minutes=1)
    take(report(delivered=1))
    rows = models.Report.objects.order_by("minute", "process").values_list(
        *("process", "consumer_slug", "delivered", "retried", "dead", "dropped", "conflict")
    )

    assert list(rows) == [
        ("one", "lrs", 7, 1, 4, 5, 0),
        ("two", "lrs", 1, 0, 0, 0, 1),
        ("one", "lrs", 1, 0, 0, 0, 0),
    ]
    first = models.Report.objects.order_by("minute", "process")[0]
    assert first.reasons == {
        "dead": {"http_400": 3, "expired": 1},
        "dropped": {"denied": 5},
    }


def test_how_a_consumer_fares_is_what_was_said_last(models):
    when = datetime(2026, 3, 1, 11, tzinfo=UTC)
    take(report(pending=4, oldest_seconds=60.0, last_error=error(when)))
    take(report(state="paused", reason="setting", pending=5, last_error=error(when), status=503))
    [row] = models.Presence.objects.all()

    assert (row.state, row.reason, row.pending, row.status) == ("paused", "setting", 5, 503)
    assert (row.error_at, row.error_reason, row.error_detail) == (when, "http_503", "busy")
    assert row.error_response.open() == "canary"
    assert "canary" not in str(list(models.Presence.objects.values()))
    assert not row.is_closed
    take(closing=True)
    assert not models.Presence.objects.get().is_closed
    take(report(), closing=True)
    assert models.Presence.objects.get().is_closed


def test_without_keys_the_words_of_receivers_are_not_kept(models, settings_with):
    with settings_with(KEYS=[]):
        take(report(last_error=error(datetime.now(UTC))))

    assert models.Presence.objects.get().error_response is None
    assert models.Presence.objects.get().error_reason == "http_503"


def test_all_of_it_or_nothing(models, monkeypatch):
    """Who is told of an error reports it once more, so nothing of it may be there."""
    from eventkit.contrib.django import reporting

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(reporting, "_stop_gone", fail)
    with pytest.raises(ZeroDivisionError):
        take(report(delivered=1))

    assert models.Report.objects.count() == 0
    assert models.Presence.objects.count() == 0


@pytest.fixture
def consumer(admin_site):
    from eventkit.contrib.django import actions

    return actions.create(
        {"id": "lrs", "protocol": "xapi", "url": "https://a.example.org/", "enabled": True}
    )


def gone(when):
    return report(state="gone", last_error=error(when, reason="gone", status=410))


def test_who_is_gone_is_stopped(models, consumer):
    when = datetime.now(UTC)
    take(gone(when), report("of nobody", state="gone", last_error=error(when)))
    consumer.refresh_from_db()

    assert consumer.gone_at == when
    assert DatabaseConsumers().consumers()[0].paused
    assert models.AuditEntry.objects.filter(action="gone", consumer_slug="lrs").count() == 1


def test_what_was_said_before_somebody_resumed_is_over(models, consumer):
    """A process that has not looked yet does not stop it again, whatever its clock says."""
    from eventkit.contrib.django import actions

    late, one, other = datetime(2999, 1, 1, tzinfo=UTC), DatabaseConsumers(), DatabaseConsumers()
    for registry in (one, other):
        registry.consumers()
    one.report([gone(late)], closing=False)
    consumer.refresh_from_db()
    assert consumer.gone_at == late
    consumer = actions.resume(consumer)
    other.report([gone(late)], closing=False)
    consumer.refresh_from_db()
    assert consumer.gone_at is None
    other.consumers()
    other.report([gone(datetime(2000, 1, 1, tzinfo=UTC))], closing=False)
    consumer.refresh_from_db()
    assert consumer.gone_at is not None


@pytest.mark.parametrize(
    "changes", [{"note": "call them"}, {"url": "https://a.example.org/"}, {"deny": [{"org": "x"}]}]
)
def test_no_edit_hides_that_it_is_gone(models, consumer, changes):
    """Only another address does, and who resumes it."""
    from eventkit.contrib.django import actions

    registry = DatabaseConsumers()
    registry.consumers()
    when = datetime.now(UTC)
    consumer = actions.change(consumer, changes)
    registry.consumers()
    registry.report([gone(when)], closing=False)
    consumer.refresh_from_db()

    assert consumer.gone_at == when

    consumer = actions.change(consumer, {"url": "https://b.example.org/"})
    assert consumer.gone_at is None


@pytest.mark.parametrize(
    "consumer", ["x" * 300, "a\0b", "a\ud800b", "x\n" * 60], ids=["long", "null", "half", "lines"]
)
def test_no_report_keeps_others_from_being_taken(models, consumer):
    """Routers deliver what they are handed, with any id and any reason."""
    odd = {"a\0b\ud800" + "c" * 200: 2}
    for _ in range(2):
        take(
            report(consumer, dead=odd, dropped=odd, state="a\0b" * 20, reason="\ud800" * 50),
            report(consumer + "y" * 200, delivered=1),
            report(delivered=3),
        )

    assert models.Report.objects.get(consumer_slug="lrs").delivered == 6
    others = models.Report.objects.exclude(consumer_slug="lrs")
    assert sum(row.dead for row in others) == 4
    assert sum(row.delivered for row in others) == 2
    assert sum(sum(row.reasons["dead"].values()) for row in others) == 4


def test_what_cannot_be_cleaned_up_is_not_reported_twice(models, monkeypatch, caplog):
    """Such as for rows that another locks: who is told of an error reports it once more."""
    from django.db import OperationalError

    from eventkit.contrib.django import reporting

    def fail(*_, **__):
        raise OperationalError("deadlock found")

    monkeypatch.setattr(reporting, "_cleaned", {"default": -1e9})
    monkeypatch.setattr(reporting, "prune", fail)
    take(report(delivered=3))

    assert models.Report.objects.get().delivered == 3
    assert "what is old cannot be removed" in caplog.text


def test_in_a_transaction_of_the_host_nothing_is_cleaned_up(models, monkeypatch):
    from django.db import transaction

    from eventkit.contrib.django import reporting

    pruned = []
    monkeypatch.setattr(reporting, "_cleaned", {"default": -1e9})
    monkeypatch.setattr(reporting, "prune", lambda *_, **__: pruned.append(1))
    with transaction.atomic():
        reporting.take([report(delivered=3)], closing=False, using="default")
    assert pruned == []
    take(report(delivered=3))

    assert pruned == [1]


@pytest.fixture
def other_database(admin_site, tmp_path):
    """Have a second database, with the tables of the app in it alone."""
    from django.core.management import call_command
    from django.db import connections

    connections.settings["other"] = {
        **connections.settings["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "other.sqlite3"),
        "OPTIONS": {},
    }
    call_command("migrate", database="other", verbosity=0)
    yield "other"
    connections["other"].close()
    del connections.settings["other"]


def test_another_database_has_all_of_it(models, other_database, monkeypatch):
    """Who is gone there is stopped there, and nothing is written into the default one."""
    models.Consumer.objects.using("other").create(
        slug="lrs", url="https://a.example.org/", enabled=True
    )
    models.Version.objects.using("other").update_or_create(pk=1)
    registry = DatabaseConsumers(using="other")
    assert not registry.consumers()[0].paused
    when = datetime.now(UTC)
    registry.report([gone(when)], closing=False)

    assert models.Consumer.objects.using("other").get().gone_at == when
    assert registry.consumers()[0].paused
    assert models.AuditEntry.objects.using("other").get().action == "gone"
    for model in (models.AuditEntry, models.Presence, models.Report, models.Version):
        assert not model.objects.using("default").exists(), model


class TestPruning:
    @pytest.fixture
    def prune(self, admin_site):
        from eventkit.contrib.django import reporting

        return lambda **more: reporting.prune("default", **more)

    def test_old_reports_go(self, models, prune):
        now = datetime.now(UTC)
        for days in (1, 6, 8, 400):
            models.Report.objects.create(
                process=f"p{days}", consumer_slug="lrs", minute=now - timedelta(days=days)
            )

        assert prune().reports == 2
        assert models.Report.objects.count() == 2

    def test_letters_go_only_when_they_are_told_to(self, models, prune, settings_with):
        from eventkit.contrib.django import DatabaseDeadLetters
        from eventkit.dead_letters.letter import DeadLetter

        for days in (1, 50):
            DatabaseDeadLetters()(
                DeadLetter(
                    consumer="lrs",
                    reason="x",
                    documents=[{"id": str(days)}],
                    time=datetime.now(UTC) - timedelta(days=days),
                )
            )

        assert prune().letters == 0
        assert prune(letters_days=60).letters == 0
        with settings_with(KEEP_LETTERS_DAYS=30):
            assert prune().letters == 1
        assert prune(letters_days=1).letters == 1

    def test_of_routers_that_are_no_more_the_latest_is_kept(self, models, prune):
        """When it took something last, and what it said last, whoever it said it to."""
        long_ago = datetime.now(UTC) - timedelta(days=3)
        take(
            report(last_success=long_ago, last_error=error(long_ago + timedelta(hours=1))),
            closing=True,
        )
        take(
            report(
                router="two",
                pending=5,
                last_success=long_ago + timedelta(hours=2),
                last_error=error(long_ago, reason="timeout"),
            )
        )
        take(report(router="alive", pending=1))
        models.Presence.objects.exclude(process="alive").update(seen=long_ago)

        assert prune().routers == 2
        assert prune().routers == 0
        ended, alive = models.Presence.objects.order_by("-process")
        assert (alive.process, ended.process) == ("alive", "ended")
        assert ended.last_success == long_ago + timedelta(hours=2)
        assert (ended.error_reason, ended.pending, ended.is_closed) == ("http_503", 0, True)
        assert ended.error_response.open() == "canary"

    def test_each_process_cleans_up_now_and_then(self, models, monkeypatch):
        """Not the first time, and then once in a quarter of an hour."""
        from eventkit.contrib.django import reporting

        now = 1000.0
        monkeypatch.setattr(reporting.time, "monotonic", lambda: now)
        monkeypatch.setattr(reporting, "_cleaned", {})
        models.Report.objects.create(
            process="old", consumer_slug="lrs", minute=datetime.now(UTC) - timedelta(days=99)
        )
        take(report())
        now += 800
        take(report())
        assert models.Report.objects.count() == 1
        now += 200
        take(report())
        assert models.Report.objects.count() == 0
