"""
Four habits of event-tracking that cost events or privacy, and that they do no harm here.

Each class first shows the habit, with a processor or backend that does not know of it. When such a
test fails, event-tracking has changed, and the code that guards against the habit may go.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from eventtracking.backends.async_routing import AsyncRoutingBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.processors.exceptions import EventEmissionExit
from hypothesis import given
from hypothesis import strategies as st

from eventkit.backends import EventRoutingBackend, RealTimeBackend
from eventkit.exceptions import DeliveryError
from eventkit.filters import Filter
from eventkit.translators import HMACIdentity, XAPITranslator

USERNAME = "ann_the_learner"

MakeEvent = Callable[..., dict[str, Any]]


def naive(event: dict[str, Any]) -> dict[str, Any]:
    """Translate as one does who trusts the input."""
    return {"name": event["name"], "actor": {"name": event["data"]["no such field"]}}


def mutating(event: dict[str, Any]) -> dict[str, Any]:
    """Strip an event, in place."""
    event["context"].clear()
    event["data"]["seen"] = True
    return event


@pytest.fixture
def translator() -> XAPITranslator:
    return XAPITranslator(
        lms_root="https://lms.example.org",
        identity=HMACIdentity("a secret that only tests use"),
    )


@pytest.fixture
def broken_translator() -> XAPITranslator:
    def identity(user: int | str, system: str) -> str | None:
        raise RuntimeError(f"no database for {user}")

    return XAPITranslator(lms_root="https://lms.example.org", identity=identity)


class TestAFailingProcessor:
    """(a) The host swallows what a processor raises and sends the untranslated event on."""

    def test_the_host_leaks_the_username(self, recorder: Any, make_event: MakeEvent) -> None:
        RoutingBackend(processors=[naive], backends={"x": recorder}).send(make_event())

        assert USERNAME in str(recorder.events)

    def test_our_routing_backend_sends_nothing(self, recorder: Any, make_event: MakeEvent) -> None:
        backend = EventRoutingBackend(processors=[naive], backends={"x": recorder})

        RoutingBackend(backends={"ours": backend}).send(make_event())
        backend.send(make_event())
        backend.send_many([make_event()])

        assert recorder.events == []
        assert backend.stats() == {"received": 3, "dropped:processor_error": 3}

    def test_our_real_time_backend_sends_nothing(self, make_event: MakeEvent) -> None:
        queue: list[Any] = []
        backend = RealTimeBackend(processors=[naive], enqueue=queue.append)

        RoutingBackend(backends={"ours": backend}).send(make_event())

        assert queue == []

    def test_our_translator_leaks_nothing_in_the_hosts_own_backend(
        self, recorder: Any, make_event: MakeEvent, broken_translator: XAPITranslator
    ) -> None:
        host = RoutingBackend(processors=[broken_translator], backends={"x": recorder})

        for name in ("play_video", "problem_check", "no.such.event"):
            host.send(make_event(name))

        assert recorder.events == []

    @given(
        st.dictionaries(
            st.sampled_from(["name", "data", "context", "timestamp", "time", "event", "username"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text() | st.just(USERNAME),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=5,
            ),
        )
    )
    def test_whatever_the_event_only_translations_come_out(
        self, translator: XAPITranslator, make_recorder: Any, event: dict[str, Any]
    ) -> None:
        recorder = make_recorder()
        host = RoutingBackend(processors=[Filter(), translator], backends={"x": recorder})

        host.send({"name": "play_video", **event})

        assert all(each["protocol"] == "xapi" and each["documents"] for each in recorder.events)


class TestAProcessorThatReturnsNone:
    """(b) None means "keep the event", not "drop it"."""

    def test_the_host_keeps_the_event(self, recorder: Any, make_event: MakeEvent) -> None:
        RoutingBackend(processors=[lambda _: None], backends={"x": recorder}).send(make_event())

        assert len(recorder.events) == 1

    def test_ours_follow_that_for_processors_of_others(
        self, recorder: Any, make_event: MakeEvent
    ) -> None:
        EventRoutingBackend(processors=[lambda _: None], backends={"x": recorder}).send(
            make_event()
        )

        assert recorder.events == [make_event()]

    def test_our_processors_never_return_none_to_drop(
        self, make_event: MakeEvent, translator: XAPITranslator
    ) -> None:
        deny = Filter(deny=[{"event": "play_video"}])

        for processor, event in (
            (deny, make_event()),
            (translator, make_event("no.such.event")),
            (translator, {"name": "play_video"}),
        ):
            with pytest.raises(EventEmissionExit):
                processor(event)


class TestAFailureOnAnEventWithoutAName:
    """(c) The host logs ``event["name"]`` when a backend fails, also when there is none."""

    @pytest.fixture
    def line(self, make_event: MakeEvent) -> dict[str, Any]:
        event = make_event()
        return {
            "event_type": event["name"],
            "time": "2020-07-15T06:43:07.277053+00:00",
            "event": event["data"],
            "context": event["context"],
        }

    def test_the_host_raises_into_the_application(
        self, make_recorder: Any, line: dict[str, Any]
    ) -> None:
        host = RoutingBackend(backends={"x": make_recorder(ValueError())})

        with pytest.raises(KeyError):
            host.send(line)

    def test_the_host_does_not_with_ours_inside(
        self, make_recorder: Any, line: dict[str, Any]
    ) -> None:
        failing = EventRoutingBackend(backends={"x": make_recorder(ValueError())})
        host = RoutingBackend(backends={"ours": failing})

        host.send(line)

        assert failing.stats() == {"received": 1, "failed": 1, "backend_failed:x": 1}

    def test_whoever_else_calls_ours_still_learns_of_the_failure(
        self, make_recorder: Any, line: dict[str, Any]
    ) -> None:
        backend = EventRoutingBackend(backends={"x": make_recorder(ValueError())})

        with pytest.raises(DeliveryError):
            backend.send(line)
        with pytest.raises(DeliveryError):
            backend.send_many([line])
        with pytest.raises(DeliveryError):
            EventRoutingBackend(backends={"ours": backend}).send(line)

    def test_the_host_survives_and_logs_a_failure_on_a_named_event_without_its_contents(
        self, make_recorder: Any, make_event: MakeEvent, caplog: pytest.LogCaptureFixture
    ) -> None:
        failing = EventRoutingBackend(backends={"x": make_recorder(ValueError(USERNAME))})

        RoutingBackend(backends={"ours": failing}).send(make_event())

        assert 'Unable to send edx event "play_video" to backend: ours' in caplog.text
        assert USERNAME not in caplog.text

    def test_a_translation_keeps_the_name(
        self,
        make_recorder: Any,
        line: dict[str, Any],
        translator: XAPITranslator,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        failing = make_recorder(ValueError())
        RoutingBackend(processors=[translator], backends={"x": failing}).send(line)

        assert len(failing.events) == 1
        assert 'Unable to send edx event "play_video" to backend: x' in caplog.text

    def test_our_real_time_backend_never_raises_into_the_host(self, line: dict[str, Any]) -> None:
        backend = RealTimeBackend(enqueue=lambda _: json.loads("not json"))

        RoutingBackend(backends={"ours": backend}).send(line)

        assert backend.stats() == {"received": 1, "dropped:enqueue_failed": 1}


class TestAProcessorThatChangesTheEvent:
    """(d) `AsyncRoutingBackend` does not copy, so a change is seen by the backends beside it."""

    @pytest.fixture(autouse=True)
    def no_broker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Task:
            @staticmethod
            def delay(backend_name: str, event: Any) -> None:
                """Take the event, for a worker that there is not."""

        monkeypatch.setattr("eventtracking.backends.async_routing.send_event", Task)

    def test_the_host_shows_it_to_the_next_backend(
        self, recorder: Any, make_event: MakeEvent
    ) -> None:
        host = RoutingBackend(
            backends={"1": AsyncRoutingBackend(processors=[mutating]), "2": recorder}
        )

        host.send(make_event())

        assert recorder.events[0]["context"] == {}

    def test_our_processors_change_nothing(
        self, recorder: Any, make_event: MakeEvent, translator: XAPITranslator
    ) -> None:
        ours = AsyncRoutingBackend(processors=[Filter(deny=[{"org": "other"}]), translator])
        event = make_event()

        RoutingBackend(backends={"1": ours, "2": recorder}).send(event)

        assert recorder.events == [event]

    @pytest.mark.parametrize(
        "make",
        [
            lambda: EventRoutingBackend(processors=[mutating]),
            lambda: RealTimeBackend(processors=[mutating], enqueue=lambda _: None),
        ],
    )
    def test_our_backends_keep_the_changes_of_others_processors_to_themselves(
        self, make: Callable[[], Any], recorder: Any, make_event: MakeEvent
    ) -> None:
        event = make_event()
        before = copy.deepcopy(event)

        RoutingBackend(backends={"1": make(), "2": recorder}).send(event)
        make().send(event)

        assert recorder.events == [before]
        assert event == before

    def test_what_is_queued_is_what_was_emitted_whatever_happens_to_it_later(
        self, recorder: Any, make_event: MakeEvent
    ) -> None:
        ours = RealTimeBackend(backend=recorder)
        host = RoutingBackend(backends={"1": ours, "2": AsyncRoutingBackend(processors=[mutating])})

        host.send(make_event())

        assert ours.flush(20)
        assert recorder.events[0]["context"]["username"] == USERNAME
