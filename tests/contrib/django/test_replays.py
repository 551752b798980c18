"""Dead letters that are delivered again in the background, to real receivers on loopback."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from admin_rows import EVENT, keep_letter, make_consumer
from fault_server import PATIENCE, hang, respond, serving

pytestmark = [pytest.mark.usefixtures("admin_site"), pytest.mark.databases]


@pytest.fixture
def lrs():
    with serving() as server:
        yield server


def request(*rows, by=None):
    from eventkit.contrib.django import actions

    return actions.request_replay([row.letter_id for row in rows], by=by)


def somebody():
    """Make somebody who may replay."""
    from django.contrib.auth.models import Permission, User

    account = User.objects.create_user("somebody", is_staff=True)
    codes = ("operate_consumer", "view_letter", "all_organisations")
    account.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return User.objects.get(pk=account.pk)


def ran(job):
    """Run it in this thread, and give its row as it is then."""
    from eventkit.contrib.django import replays

    assert replays.run(job.pk)
    job.refresh_from_db()
    return job


def left():
    from eventkit.contrib.django.models import Letter

    return set(Letter.objects.values_list("letter_id", flat=True))


class TestRun:
    def test_what_arrives_is_a_letter_no_more(self, lrs):
        make_consumer(url=lrs.url)
        rows = [keep_letter() for _ in range(5)]
        other = keep_letter()

        job = ran(request(*rows))

        sent = {document["id"] for row in rows for document in row.opened().documents}
        assert set(lrs.stored) == sent
        assert left() == {other.letter_id}
        assert (job.state, job.total, job.done, job.delivered, job.refused) == ("done", 5, 5, 5, 0)
        assert job.kept == {}

    def test_what_is_refused_once_more_stays_with_its_history(self, lrs):
        make_consumer(url=lrs.url)
        row = keep_letter(reason="http_400")
        lrs.rule = lambda _: (422, b"no such verb")

        job = ran(request(row))

        row.refresh_from_db()
        letter = row.opened()
        assert (job.delivered, job.refused) == (0, 1)
        assert row.reason == "http_422"
        assert letter.response == "no such verb"
        assert [each["reason"] for each in letter.history] == ["http_400"]

    def test_the_rules_of_today_count(self, lrs):
        make_consumer(url=lrs.url, deny=[{"org": ["Lakeside"]}])
        row = keep_letter()

        job = ran(request(row))

        assert (job.delivered, job.kept) == (0, {"denied": 1})
        assert lrs.stored == {}
        assert left() == {row.letter_id}

    def test_a_paused_consumer_gets_nothing(self, lrs):
        from eventkit.contrib.django import actions

        actions.pause(make_consumer(url=lrs.url))
        row = keep_letter()

        job = ran(request(row))

        assert job.kept == {"paused": 1}
        assert left() == {row.letter_id}
        assert lrs.requests == []

    def test_a_receiver_in_trouble_keeps_them_and_its_words_are_told(self, lrs):
        make_consumer(url=lrs.url)
        rows = [keep_letter() for _ in range(3)]
        lrs.default = respond(503, b"down until noon")

        job = ran(request(*rows))

        assert job.state == "done"
        assert job.kept == {"in_trouble": 3}
        assert "503" in job.notes[0]
        assert len(left()) == 3

    def test_events_without_consumer_are_translated_anew(self, lrs, settings_of):
        make_consumer(url=lrs.url)
        settings_of(
            TRANSLATORS={
                "xapi": {
                    "ENGINE": "eventkit.XAPITranslator",
                    "OPTIONS": {
                        "lms_root": "https://lms.example.org",
                        "identity": {
                            "ENGINE": "eventkit.HMACIdentity",
                            "OPTIONS": {"secret": "a secret that is long enough"},
                        },
                    },
                }
            }
        )
        from eventkit.events.samples import sample

        row = keep_letter("", documents=[], reason="translation_failed", event=sample("play_video"))

        job = ran(request(row))

        assert (job.delivered, job.kept) == (1, {})
        assert [each["verb"]["id"] for each in lrs.stored.values()] == [
            "https://w3id.org/xapi/video/verbs/played"
        ]
        assert left() == set()

    def test_without_translators_they_stay(self, lrs):
        make_consumer(url=lrs.url)
        row = keep_letter("", documents=[], reason="translation_failed", event=EVENT)

        assert ran(request(row)).kept == {"no_translator": 1}
        assert left() == {row.letter_id}

    def test_letters_of_another_key_stay_and_keep_the_others_not(self, lrs):
        from eventkit.contrib.django.fields import Sealed
        from eventkit.contrib.django.models import Letter

        make_consumer(url=lrs.url)
        good, bad = keep_letter(), keep_letter()
        Letter.objects.filter(pk=bad.pk).update(body=Sealed("gAAAAAnonsense"))

        job = ran(request(good, bad))

        assert (job.delivered, job.kept) == (1, {"unreadable": 1})
        assert left() == {bad.letter_id}

    def test_settings_that_cannot_be_used_are_told(self, lrs, settings_of):
        make_consumer(url=lrs.url)
        row = keep_letter()
        settings_of(TRANSLATORS={"xapi": {"ENGINE": "nowhere.Translator"}})

        job = ran(request(row))

        assert job.state == "failed"
        assert "TRANSLATORS" in job.notes[0]
        assert left() == {row.letter_id}


class TestWho:
    def test_who_may_no_longer_replay_has_nothing_replayed(self, lrs):
        make_consumer(url=lrs.url)
        row = keep_letter()
        who = somebody()
        job = request(row, by=who)
        who.user_permissions.clear()

        job = ran(job)

        assert (job.total, job.state) == (1, "failed")
        assert "may not replay" in job.notes[0]
        assert left() == {row.letter_id}

    def test_who_is_gone_has_nothing_replayed(self, lrs):
        make_consumer(url=lrs.url)
        row = keep_letter()
        who = somebody()
        job = request(row, by=who)
        who.delete()

        job = ran(job)

        assert (job.total, job.state) == (1, "failed")
        assert left() == {row.letter_id}

    def test_letters_of_others_are_left_out(self, lrs):
        from admin_site import roles

        make_consumer(url=lrs.url)
        row = keep_letter()

        job = ran(request(row, by=roles.user("tenant administrator")))

        assert (job.total, job.done) == (0, 0)
        assert left() == {row.letter_id}
        assert lrs.requests == []


class TestDeath:
    def test_one_whose_process_died_is_taken_up_and_nothing_is_lost(self, admin_site, lrs):
        from django.utils import timezone

        from eventkit.contrib.django import replays
        from eventkit.contrib.django.models import Replay

        make_consumer(url=lrs.url, batch={"max_size": 1})
        rows = [keep_letter() for _ in range(4)]
        job = request(*rows)
        # The third request gets no answer, and meanwhile the process is killed.
        lrs.script.extend([lrs.default, lrs.default, hang])
        program = (
            "import django; django.setup(); from eventkit.contrib.django import replays; "
            f"replays.run({job.pk})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=admin_site.environment, cwd=admin_site.folder
        )
        try:
            lrs.wait_for(lambda: len(lrs.requests) == 3)
        finally:
            process.kill()
            process.wait(PATIENCE)
        job.refresh_from_db()
        assert job.state == "running"
        assert not replays.run(job.pk)

        Replay.objects.filter(pk=job.pk).update(seen=timezone.now() - timedelta(seconds=61))
        assert replays.work() == 1

        job.refresh_from_db()
        assert job.state == "done"
        assert left() == set()
        sent = {document["id"] for row in rows for document in row.opened().documents}
        assert set(lrs.stored) == sent

    def test_two_never_run_one(self, lrs):
        from eventkit.contrib.django import replays

        make_consumer(url=lrs.url)
        job = request(keep_letter())
        lrs.script.append(hang)
        first = threading.Thread(target=replays._in_thread, args=(job.pk,))
        first.start()
        lrs.wait_for(lambda: lrs.requests)

        assert not replays.run(job.pk)

        lrs.released.set()
        first.join(PATIENCE)
        assert not first.is_alive()
        assert not replays.run(job.pk)

    def test_who_lost_it_stops(self, lrs, monkeypatch):
        """One that was taken for dead, and is not, sends no more once it knows."""
        from eventkit.contrib.django import replays
        from eventkit.contrib.django.models import Replay

        monkeypatch.setattr(replays, "_SAY_EVERY", 0.01)
        make_consumer(url=lrs.url, batch={"max_size": 1})
        job = request(*[keep_letter() for _ in range(3)])
        lost = threading.Event()

        def slow(server, connection, received):
            Replay.objects.filter(pk=job.pk).update(process="another")
            lost.wait(PATIENCE)
            return respond(200, b"[]")(server, connection, received)

        lrs.script.append(slow)
        write = replays._Watched._write

        def watched(self, **values):
            found = write(self, **values)
            if not found:
                lost.set()
            return found

        monkeypatch.setattr(replays._Watched, "_write", watched)

        assert replays.run(job.pk)

        job.refresh_from_db()
        assert (job.state, job.process) == ("running", "another")
        assert len(lrs.requests) == 1

    def test_it_says_how_far_it_is(self, lrs, monkeypatch):
        from eventkit.contrib.django import replays

        monkeypatch.setattr(replays, "_SAY_EVERY", 0.01)
        make_consumer(url=lrs.url, batch={"max_size": 1})
        job = request(*[keep_letter() for _ in range(3)])
        seen = []

        def slow(server, connection, received):
            for _ in range(1000):
                job.refresh_from_db()
                if job.done == 2:
                    seen.append((job.state, job.done))
                    break
            return server.default(server, connection, received)

        lrs.script.extend([lrs.default, lrs.default, slow])

        replays.run(job.pk)

        assert seen == [("running", 2)]


class TestRestart:
    def test_one_that_failed_begins_again(self, lrs, settings_of):
        from eventkit.contrib.django import actions

        make_consumer(url=lrs.url)
        row = keep_letter()
        settings_of(TRANSLATORS={"xapi": {"ENGINE": "nowhere.Translator"}})
        job = ran(request(row))
        settings_of(TRANSLATORS={})

        job = ran(actions.restart_replay(job))

        assert (job.state, job.delivered, job.notes) == ("done", 1, [])

    def test_one_that_is_done_does_not(self, lrs):
        from eventkit.contrib.django import actions

        make_consumer(url=lrs.url)
        job = ran(request(keep_letter()))

        with pytest.raises(actions.Invalid, match="done"):
            actions.restart_replay(job)


class TestBegin:
    def test_a_thread_of_this_process_runs_it(self, lrs):
        from eventkit.contrib.django import replays

        make_consumer(url=lrs.url)
        job = request(keep_letter())

        replays.begin(job)

        lrs.wait_for(lambda: lrs.stored)
        for thread in threading.enumerate():
            if thread.name == f"eventkit-replay-{job.pk}":
                thread.join(PATIENCE)
        job.refresh_from_db()
        assert job.state == "done"

    def test_or_it_waits_for_others(self, lrs, settings_of):
        from eventkit.contrib.django import replays

        settings_of(REPLAYS="work")
        make_consumer(url=lrs.url)
        job = request(keep_letter())

        replays.begin(job)

        names = [thread.name for thread in threading.enumerate()]
        assert f"eventkit-replay-{job.pk}" not in names
        assert replays.work() == 1
        assert replays.work() == 0


def test_within_a_transaction_it_begins_when_that_is_committed(admin_site, monkeypatch):
    """As with ATOMIC_REQUESTS: before, its thread would find no row, and nobody would run it."""
    from django.db import transaction

    from eventkit.contrib.django import actions, replays

    begun = []
    monkeypatch.setattr(replays, "_in_thread", begun.append)

    def ended():
        for thread in threading.enumerate():
            if thread.name.startswith("eventkit-replay-"):
                thread.join()
        return begun

    with transaction.atomic():
        job = actions.request_replay([])
        replays.begin(job)
        assert ended() == []
    assert ended() == [job.pk]

    with transaction.atomic():
        replays.begin(actions.request_replay([]))
        transaction.set_rollback(True)
    assert ended() == [job.pk]
