"""Who gets an event, which rule decides, and exactly what is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from event_strategies import any_events, known_events
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit import (
    CaliperTranslator,
    ConfigurationError,
    Consumer,
    DropEvent,
    Filter,
    HMACIdentity,
    Router,
    XAPITranslator,
    explain,
)
from eventkit.events.samples import names, sample
from eventkit.filters import fields
from eventkit.router import Explanation, example_translators

SITE: Any = {
    make.protocol: make(lms_root="https://lms.example.net", identity=HMACIdentity("x" * 20))
    for make in (XAPITranslator, CaliperTranslator)
}


def consumer(name: str = "a", /, **settings: Any) -> dict[str, Any]:
    return {"id": name, "protocol": "xapi", "url": "log:events", **settings}


def one(event: Any, /, **settings: Any) -> Explanation:
    [found] = explain(event, [consumer(**settings)])
    return found


def event() -> Any:
    found = sample("play_video")
    assert found is not None
    return found


def test_each_consumer_is_explained_in_order() -> None:
    found = explain(
        event(),
        [
            consumer("z", allow=[{"org": "edX"}]),
            consumer("a", protocol="caliper"),
            consumer("m", orgs=["lakeside"]),
        ],
    )

    assert [(each.consumer, each.protocol, each.passes, each.is_sent) for each in found] == [
        ("z", "xapi", False, False),
        ("a", "caliper", True, True),
        ("m", "xapi", True, True),
    ]
    assert [each.decision.reason for each in found] == ["not_allowed", "no_rules", "allowed"]
    assert [len(each.documents) for each in found] == [0, 1, 1]
    assert explain(event(), []) == ()


@pytest.mark.parametrize("override", [{}, {"context": {"platform": "x"}, "extra": [1]}])
@pytest.mark.parametrize("protocol", ["xapi", "caliper"])
def test_documents_are_exactly_those_that_are_sent(
    protocol: str, override: dict[str, Any], tmp_path: Path
) -> None:
    """A router writes the same ones."""
    out = tmp_path / "out.jsonl"
    settings = consumer(protocol=protocol, url=out.as_uri(), override=override)
    for name in ("play_video", "problem_check", "edx.forum.thread.created"):
        [found] = explain(sample(name), [settings], SITE)
        router = Router([settings])
        router.send(SITE[protocol](sample(name)))
        router.close()
        sent = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        out.unlink()
        if protocol == "caliper":
            sent = [each for envelope in sent for each in envelope.get("data", [envelope])]

        assert found.documents == sent
        assert sent


def test_the_events_of_nobody_are_not_translated() -> None:
    def translator(event: Any) -> Any:
        raise AssertionError

    [found] = explain(event(), [consumer(allow=[])], {"xapi": translator})

    assert (found.passes, found.documents, found.problem) == (False, [], "")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"enabled": False}, "disabled: it gets nothing"),
        ({"paused": True}, "paused: what it may have waits"),
        ({"enabled": False, "paused": True}, "disabled: it gets nothing"),
    ],
)
def test_what_is_in_the_way_is_said_beside_what_would_be_sent(
    settings: dict[str, Any], problem: str
) -> None:
    found = one(event(), **settings)

    assert found.passes
    assert not found.is_sent
    assert found.problem == problem
    assert found.documents


def test_what_the_rules_keep_back_has_no_other_problem() -> None:
    assert one(event(), enabled=False, allow=[]).problem == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("edx.user.settings.changed", "not translated: not_translated (edx.user.settings.changed"),
        ({"name": "acme.x"}, "not translated: unknown_event"),
        ({"name": "play_video"}, "not translated: no_time"),
        ({}, "not translated: no_name"),
    ],
)
def test_why_nothing_becomes_of_an_event_is_said(given: Any, said: str) -> None:
    found = one(sample(given) if isinstance(given, str) else given)

    assert found.passes
    assert not found.is_sent
    assert found.documents == []
    assert found.problem.startswith(said)


def raising(error: Exception) -> Any:
    def translator(event: Any) -> Any:
        raise error

    return translator


@pytest.mark.parametrize(
    ("translator", "said"),
    [
        (raising(DropEvent("lookup_failed", retryable=True)), "not translated: lookup_failed"),
        (raising(RuntimeError("what the event holds")), "not translated: RuntimeError at "),
        (lambda _: {"documents": []}, "not translated: nothing becomes of it"),
        (lambda _: {"documents": [{"a": object()}]}, "not translated: not_json"),
        (lambda _: None, "not translated: TypeError at "),
    ],
)
def test_a_translator_that_fails_is_said(translator: Any, said: str) -> None:
    [found] = explain(event(), [consumer()], {"xapi": translator})

    assert found.problem.startswith(said)
    assert "holds" not in found.problem
    assert not found.is_sent


def test_a_protocol_without_translator_is_said() -> None:
    [found] = explain(event(), [consumer(protocol="caliper")], {})

    assert found.problem == "not translated: there is no translator for caliper"


def test_nothing_is_sent_and_nothing_counted(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    router = Router([consumer(url=out.as_uri())])
    made = router.consumers[0]
    explain(event(), router)

    assert not out.exists()
    assert made.filter.stats() == {}
    assert router.stats() == Router([consumer(url=out.as_uri())]).stats()


def test_a_router_knows_who_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    router = Router([consumer()])
    monkeypatch.setattr(router, "health", lambda: {"a": {"state": "gone"}})
    [found] = explain(event(), router)

    assert found.problem.startswith("gone: ")
    assert not found.is_sent


def test_an_event_is_looked_through_once_for_all_consumers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = []

    class Watched(fields.Mentions):
        __slots__ = ()

        def __init__(self, *parts: Any) -> None:
            looked.append(parts)
            super().__init__(*parts)

    monkeypatch.setattr(fields, "Mentions", Watched)
    found = explain(event(), [consumer(f"c{n}", orgs=["Lakeside"]) for n in range(20)])

    assert all(each.is_sent for each in found)
    assert len(looked) == 1


def test_consumers_may_be_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "consumers.json"
    path.write_text(json.dumps([consumer()]), "utf-8")

    assert explain(event(), path) == explain(event(), [consumer()])
    with pytest.raises(ConfigurationError, match=r"nowhere\.json"):
        explain(event(), tmp_path / "nowhere.json")


def test_code_of_ones_own_is_asked_too() -> None:
    class Picky(Consumer):
        def accepts(self, event: Any) -> bool:
            return event["name"] != "play_video" and super().accepts(event)

    class Stern(Filter):
        def accepts(self, event: Any) -> bool:
            return False

    class Broken(Consumer):
        def accepts(self, event: Any) -> bool:
            raise RuntimeError

    stern = Consumer(**consumer("stern"))
    object.__setattr__(stern, "filter", Stern())
    some = [Picky(**consumer("picky")), stern, Broken(**consumer("broken"))]
    found = explain(event(), some)
    other = explain(sample("stop_video"), some)

    assert [each.passes for each in found] == [False, False, False]
    assert found[0].decision.text == "Picky decides by code of its own: it does not pass."
    assert found[1].decision.text == "Stern decides by code of its own: it does not pass."
    assert found[2].decision.reason == "unreadable"
    assert other[0].decision.reason == "no_rules"


def test_it_can_be_written_as_json() -> None:
    found = one(event(), allow=[{"org": "Lakeside"}])
    written = found.to_dict()

    assert json.loads(json.dumps(written)) == written
    assert written | {"documents": []} == {
        "consumer": "a",
        "protocol": "xapi",
        "passes": True,
        "sent": True,
        "reason": "allowed",
        "rule": "allow[0]",
        "text": 'allow[0] lets it pass: its organisation is "Lakeside".',
        "problem": "",
        "documents": [],
    }


def test_secrets_of_consumers_do_not_show() -> None:
    auth = {"type": "basic", "username": "u", "password": "canary-secret"}
    found = one(event(), url="https://lrs.example.org", auth=auth, headers={"X": "canary-secret"})

    assert "canary-secret" not in repr(found) + json.dumps(found.to_dict())


@pytest.mark.parametrize("what", [None, 7, "text", []])
def test_what_is_no_event_is_for_nobody(what: Any) -> None:
    assert not one(what).passes


def test_every_example_can_be_explained() -> None:
    both = [consumer("a"), consumer("b", protocol="caliper")]
    problems = [each.problem for name in names() for each in explain(sample(name), both)]

    assert {problem.partition(" (")[0] for problem in problems} == {
        "",
        "not translated: not_translated",
        "not translated: implicit_event",
    }


@given(st.lists(any_events() | known_events(), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_who_gets_an_event_is_whom_a_router_routes_it_to(events: list[Any]) -> None:
    some = [
        consumer("open"),
        consumer("within", orgs=["lakeside"]),
        consumer("some", allow=[{"event": "*video*"}], deny=[{"user": "7"}]),
        consumer("none", allow=[]),
        consumer("off", enabled=False),
        consumer("caliper", protocol="caliper", deny=[{"course": "course-v1:edX+*"}]),
    ]
    translators = example_translators()
    router = Router(some)
    for each in events:
        routed: dict[str, Any] = {}
        for translator in translators.values():
            try:
                deliveries = router.route(translator(each))
            except DropEvent:
                continue
            routed |= {delivery["consumer"]: delivery["documents"] for delivery in deliveries}
        found = explain(each, some, translators)

        assert {one.consumer: one.documents for one in found if one.is_sent} == routed
