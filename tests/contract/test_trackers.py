"""Working under event-tracking's own trackers, from settings and by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eventtracking.tracker import Tracker

from eventkit.backends import EventRoutingBackend, RealTimeBackend
from eventkit.exceptions import ConfigurationError
from eventkit.filters import Filter
from eventkit.router import Router
from eventkit.translators import HMACIdentity, MappingIdentity, XAPITranslator

WAIT = 20.0
SECRET = "a secret that only tests use"
USERNAME = "ann_the_learner"
COURSE = "course-v1:edX+DemoX+2024"
CONTEXT = {
    "username": USERNAME,
    "user_id": 3,
    "course_id": COURSE,
    "org_id": "edX",
    "email": "ann@example.com",
    "ip": "192.0.2.7",
    "agent": "Mozilla/5.0 (learner)",
    "host": "lms.example.org",
    "session": "f00",
}
VIDEO = {"id": "0b9e39477cf34507a7a48f74be381fdd", "currentTime": 1.5}

DjangoTracker = Callable[..., Any]


def settings(path: Path) -> dict[str, Any]:
    """Give what a site would write into its settings, with a file in place of a record store."""
    early = {
        "ENGINE": "eventkit.Filter",
        "OPTIONS": {"allow": [{"org": "edX"}], "deny": [{"event": "load_video"}]},
    }
    translator = {
        "ENGINE": "eventkit.XAPITranslator",
        "OPTIONS": {
            "lms_root": "https://lms.example.org",
            "identity": {
                "ENGINE": "eventkit.CachedIdentity",
                "OPTIONS": {
                    "identity": {
                        "ENGINE": "eventkit.HMACIdentity",
                        "OPTIONS": {"secret": {"env": "EVENTKIT_TEST_SECRET"}},
                    },
                    "ttl": 600,
                },
            },
        },
    }
    router = {
        "ENGINE": "eventkit.Router",
        "OPTIONS": {
            "consumers": [
                {
                    "id": "file",
                    "protocol": "xapi",
                    "url": path.as_uri(),
                    "allow": [{"course": "course-v1:edX+*"}],
                }
            ]
        },
    }
    xapi = {
        "ENGINE": "eventkit.EventRoutingBackend",
        "OPTIONS": {
            "processors": [{"ENGINE": "eventkit.Filter"}, translator],
            "backends": {"router": router},
        },
    }
    return {
        "ENGINE": "eventkit.RealTimeBackend",
        "OPTIONS": {
            "processors": [early],
            "backend": {
                "ENGINE": "eventkit.EventRoutingBackend",
                "OPTIONS": {"backends": {"xapi": xapi}},
            },
        },
    }


def emit_some(tracker: Any) -> None:
    """Emit two events that the file's consumer may have, and four that it may not."""
    with tracker.context("request", CONTEXT):
        tracker.emit("play_video", VIDEO)
        tracker.emit("edx.video.paused", VIDEO)
        tracker.emit("load_video", VIDEO)
        tracker.emit("no.such.event", {"username": USERNAME})
        with tracker.context("other", {"course_id": "course-v1:MITx+1+1", "org_id": "MITx"}):
            tracker.emit("play_video", VIDEO)
        with tracker.context("other", {"course_id": "course-v1:Other+1+1"}):
            tracker.emit("play_video", VIDEO)


class TestTheWholePath:
    @pytest.fixture(autouse=True)
    def secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVENTKIT_TEST_SECRET", SECRET)

    def test_from_settings_to_statements_in_a_file(
        self, django_tracker: DjangoTracker, tmp_path: Path
    ) -> None:
        path = tmp_path / "statements.jsonl"
        tracker = django_tracker(eventkit=settings(path))
        backend = tracker.backends["eventkit"]

        emit_some(tracker)
        assert backend.close(WAIT)

        written = path.read_text(encoding="utf-8")
        statements = [json.loads(line) for line in written.splitlines()]
        identity = HMACIdentity(SECRET)
        assert [each["verb"]["id"].rpartition("/")[2] for each in statements] == [
            "played",
            "paused",
        ]
        assert {each["actor"]["account"]["name"] for each in statements} == {identity(3, "xapi")}
        for personal in (USERNAME, "ann@example.com", "192.0.2.7", "Mozilla"):
            assert personal not in written

        routing = backend._backend
        xapi = routing.backends["xapi"]
        assert backend.stats() == {
            "received": 6,
            "filtered": 3,
            "enqueued": 3,
            "processed": 3,
            "pending": 0,
        }
        assert routing.stats() == {"received": 3, "processed": 3}
        assert xapi.stats() == {"received": 3, "filtered": 1, "processed": 2}
        assert xapi.backends["router"].stats()["delivered"] == 2

    def test_a_plain_tracker_takes_objects(self, tmp_path: Path) -> None:
        path = tmp_path / "statements.jsonl"
        ids = {3: {"xapi": "11111111-1111-4111-8111-111111111111"}}
        backend = RealTimeBackend(
            processors=[Filter(allow=[{"org": "edX"}], deny=[{"event": "load_video"}])],
            backend=EventRoutingBackend(
                processors=[
                    XAPITranslator(
                        lms_root="https://lms.example.org", identity=MappingIdentity(ids)
                    )
                ],
                backends={
                    "router": Router(
                        [
                            {
                                "id": "file",
                                "protocol": "xapi",
                                "url": path.as_uri(),
                                "allow": [{"course": "course-v1:edX+*"}],
                            }
                        ],
                        mode="buffered",
                    )
                },
            ),
        )

        emit_some(Tracker(backends={"eventkit": backend}))
        assert backend.flush(WAIT)
        assert backend.close(WAIT)

        statements = [json.loads(line) for line in path.read_text().splitlines()]
        assert [each["actor"]["account"]["name"] for each in statements] == [ids[3]["xapi"]] * 2

    def test_a_live_event_and_its_line_in_the_log_become_the_same_statement(
        self, django_tracker: DjangoTracker, tmp_path: Path, recorder: Any
    ) -> None:
        from eventtracking.backends.logger import DateTimeJSONEncoder

        path = tmp_path / "statements.jsonl"
        tracker = django_tracker(eventkit=settings(path))
        tracker.routing_backend.register_backend("log", recorder)
        backend = tracker.backends["eventkit"]

        with tracker.context("request", CONTEXT):
            tracker.emit("play_video", VIDEO)
        assert backend.flush(WAIT)
        logged = json.loads(json.dumps(recorder.events[0], cls=DateTimeJSONEncoder))
        backend._backend.send(logged)

        live, replayed = path.read_text().splitlines()
        assert json.loads(live) == json.loads(replayed)


class TestSettings:
    def test_a_task_is_named_by_its_path(
        self, django_tracker: DjangoTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "eventkit_site_tasks.py").write_text("events = []\nroute = events.append\n")
        monkeypatch.syspath_prepend(tmp_path)
        tracker = django_tracker(
            eventkit={
                "ENGINE": "eventkit.RealTimeBackend",
                "OPTIONS": {"enqueue": "eventkit_site_tasks.route"},
            }
        )

        with tracker.context("request", CONTEXT):
            tracker.emit("play_video", VIDEO)
        assert tracker.get_backend("eventkit").flush(20)

        import eventkit_site_tasks

        (event,) = eventkit_site_tasks.events
        assert event["name"] == "play_video"
        assert event["data"] == VIDEO
        assert event["context"] == CONTEXT
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", event["timestamp"])
        json.dumps(event)

    def test_a_routing_backend_works_at_the_top_too(
        self, django_tracker: DjangoTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EVENTKIT_TEST_SECRET", SECRET)
        path = tmp_path / "statements.jsonl"
        tracker = django_tracker(eventkit=settings(path)["OPTIONS"]["backend"])

        emit_some(tracker)

        assert len(path.read_text().splitlines()) == 3

    @pytest.mark.parametrize(
        ("backend", "message"),
        [
            (
                {"ENGINE": "eventkit.RealTimeBackend"},
                "needs either enqueue.* or backend",
            ),
            (
                {
                    "ENGINE": "eventkit.RealTimeBackend",
                    "OPTIONS": {"enqueue": "not a path"},
                },
                "enqueue: 'not a path' is not a dotted path",
            ),
            (
                {
                    "ENGINE": "eventkit.RealTimeBackend",
                    "OPTIONS": {"enqueue": "a.b", "processors": [{"engine": "misspelled"}]},
                },
                r"processors\[0\]: dict cannot be called",
            ),
            (
                {
                    "ENGINE": "eventkit.EventRoutingBackend",
                    "OPTIONS": {"backends": {"xapi": {"engine": "misspelled"}}},
                },
                "backends: Backend dict does not have",
            ),
            (
                {
                    "ENGINE": "eventkit.HMACIdentity",
                    "OPTIONS": {"secret": {"env": "EVENTKIT_TEST_NOT_SET"}},
                },
                "secret: .*EVENTKIT_TEST_NOT_SET",
            ),
        ],
    )
    def test_a_bad_setting_stops_the_boot(
        self, django_tracker: DjangoTracker, backend: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            django_tracker(eventkit=backend)


def test_a_tracker_emits_on_whatever_happens_in_ours(django_tracker: DjangoTracker) -> None:
    """The application never sees an exception, and the backends beside ours get every event."""
    seen: list[Any] = []
    tracker = django_tracker(
        broken={
            "ENGINE": "eventkit.RealTimeBackend",
            "OPTIONS": {"enqueue": "no_such_package.task", "threaded": False},
        }
    )

    class Beside:
        @staticmethod
        def send(event: Any) -> None:
            seen.append(event)

    tracker.routing_backend.register_backend("zzz", Beside())
    for data in ({}, {"self": seen}, {"odd": object()}, {("k",): float("nan")}, None):
        tracker.emit("x", data)

    assert len(seen) == 5
    assert tracker.backends["broken"].stats() == {"received": 5, "dropped:enqueue_not_found": 5}
