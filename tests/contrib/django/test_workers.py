"""What is changed in the database reaches running processes; and what they report is there."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("django")

from site_workers import until, workers

pytestmark = pytest.mark.databases

TAKEN_UP = 30.0
"""Seconds that a loaded machine may need until each process goes by what was changed.

It takes two on a quiet one.
"""


@pytest.fixture
def receiver(admin_site, tmp_path):
    """A consumer that writes what it gets into a file, and what is in it."""
    from eventkit.contrib.django import actions

    path = tmp_path / "received.jsonl"
    row = actions.create(
        {
            "id": "receiver",
            "protocol": "xapi",
            "url": path.as_uri(),
            "enabled": True,
            "allow": [{"org": "edX"}],
        }
    )

    def received():
        text = path.read_text() if path.exists() else ""
        return [json.loads(line)["id"] for line in text.splitlines()]

    return row, received


@pytest.fixture
def gone_server():
    """An LRS that is no more, and may come back."""
    with served(Gone()) as server:
        yield server


class Gone:
    """What it answers, and what it took."""

    status = 410
    requests = 0
    url = ""

    def __init__(self):
        self.received = []


@contextmanager
def served(lrs):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            lrs.requests += 1
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = b"[]"
            if lrs.status == 200:
                lrs.received += [each["id"] for each in body]
                said = json.dumps([each["id"] for each in body]).encode()
            self.send_response(lrs.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        lrs.url = f"http://127.0.0.1:{server.server_port}/xapi"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield lrs
        server.shutdown()
        thread.join()


def state(worker, place):
    [consumer] = worker.ask("consumers")
    return consumer[place]


def test_two_processes_take_up_a_pause_and_a_changed_rule(admin_site, receiver):
    """In either mode; an event that is denied after the change is not sent by either."""
    from eventkit.contrib.django import actions

    row, received = receiver
    with workers(admin_site, "direct", "buffered") as both:
        for number, worker in enumerate(both):
            assert worker.ask("send", "problem_check", str(number), "edX") == "sent"
            assert worker.ask("send", "problem_check", str(number), "MITx") == "sent"
            assert worker.ask("flush")
        assert sorted(received()) == ["problem_check 0", "problem_check 1"]

        actions.pause(row)
        until(lambda: all(state(each, 1) for each in both), TAKEN_UP)
        direct, buffered = both
        assert direct.ask("send", "problem_check", "2", "edX").startswith("not now")
        assert buffered.ask("send", "problem_check", "3", "edX") == "sent"
        assert len(received()) == 2

        actions.resume(row)
        until(lambda: not any(state(each, 1) for each in both), TAKEN_UP)
        assert buffered.ask("flush")
        assert sorted(received())[2:] == ["problem_check 3"]

        before = {each: state(each, 2) for each in both}
        actions.change(row, {"deny": [{"event": "problem_check"}]})
        until(lambda: all(state(each, 2) != before[each] for each in both), TAKEN_UP)
        for worker in both:
            worker.ask("send", "problem_check", "9", "edX")
            worker.ask("send", "play_video", "9", "edX")
            assert worker.ask("flush")

        assert [each for each in received() if each.endswith("9")] == ["play_video 9"] * 2


def test_a_child_that_is_forked_has_its_own_connection(admin_site, receiver):
    """As where a server loads the site before it forks."""
    with workers(admin_site, "direct") as [worker]:
        assert worker.ask("fork") == worker.ask("consumers")
        assert worker.ask("send", "problem_check", "1", "edX") == "sent"


def test_what_processes_report_adds_up(admin_site, receiver):
    """Delivered and refused, of each process and minute; and that they have ended."""
    from django.db.models import Sum

    from eventkit.contrib.django.models import Presence, Report

    with workers(admin_site, "direct", "buffered") as both:
        for worker in both:
            for number in range(3):
                worker.ask("send", "problem_check", str(number), "edX")
            worker.ask("flush")
    counted = Report.objects.values("process").annotate(sum=Sum("delivered"))

    assert [each["sum"] for each in counted] == [3, 3]
    assert {row.consumer_slug for row in Report.objects.all()} == {"receiver"}
    assert [row.is_closed for row in Presence.objects.all()] == [True, True]
    assert all(row.last_success for row in Presence.objects.all())


def test_who_is_gone_to_one_process_is_stopped_for_all(admin_site, gone_server):
    """And shown as such; when somebody resumes it, it is tried again, and then it is delivered."""
    from eventkit.contrib.django import actions
    from eventkit.contrib.django.models import AuditEntry, Consumer

    row = actions.create(
        {
            "id": "lrs",
            "protocol": "xapi",
            "url": gone_server.url,
            "enabled": True,
            "allow": None,
        }
    )
    with workers(admin_site, "buffered", "buffered") as (one, other):
        assert one.ask("send", "problem_check", "1", "edX") == "sent"
        until(lambda: Consumer.objects.get().gone_at, 30)
        until(lambda: state(other, 1), TAKEN_UP)
        before = gone_server.requests
        assert other.ask("send", "problem_check", "2", "edX") == "sent"
        assert gone_server.requests == before
        assert AuditEntry.objects.filter(action="gone").count() == 1

        gone_server.status = 200
        actions.resume(row)
        until(lambda: one.ask("flush") and other.ask("flush"))
        until(lambda: len(gone_server.received) == 2)
    assert Consumer.objects.get().gone_at is None
