"""Why an event passes or does not: the rule, the field, the pattern and the value."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from eventkit import Filter

EDX = "course-v1:edX+DemoX+2026"
MITX = "course-v1:MITx+Other+2026"


def event(name: str = "problem_check", /, **parts: Any) -> dict[str, Any]:
    context = {"course_id": EDX, "org_id": "edX", "user_id": 7, "username": "alice"}
    return {"name": name, "data": {}, **parts, "context": {**context, **parts.get("context", {})}}


@pytest.mark.parametrize(
    ("rules", "given", "reason", "rule", "text"),
    [
        (
            {},
            event(),
            "no_rules",
            "",
            "No rule keeps it back, and where no rules say what may pass, everything may.",
        ),
        (
            {"allow": []},
            event(),
            "not_allowed",
            "",
            "The list of what may pass (allow) is empty, so nothing passes.",
        ),
        (
            {"allow": [{"org": "MITx"}, {"event": "problem_*", "org": ["x", "edX"]}]},
            event(),
            "allowed",
            "allow[1]",
            (
                'allow[1] lets it pass: its name is "problem_check", which matches "problem_*" and '
                'its organisation is "edX".'
            ),
        ),
        (
            {"allow": [{"event": "edx.video.played"}]},
            event("play_video"),
            "allowed",
            "allow[0]",
            'allow[0] lets it pass: its name is "play_video", which matches "edx.video.played".',
        ),
        (
            {"allow": [{"event": "edx.video.p*"}]},
            event("play_video"),
            "allowed",
            "allow[0]",
            (
                'allow[0] lets it pass: its name is "play_video", also called "edx.video.played", '
                'which matches "edx.video.p*".'
            ),
        ),
        (
            {"allow": [{"event": "play_video", "org": "edX"}, {"org": ["a", "b"]}]},
            event(),
            "not_allowed",
            "",
            (
                'No rule lets it pass: allow[0] asks for the event "play_video", but this is '
                '"problem_check" and "save_problem_check"; allow[1] asks for the organisation "a" '
                'or "b", but it is "edX".'
            ),
        ),
        (
            {"allow": [{"event": "problem_check", "enterprise": "*"}, {"data.mode": "x"}]},
            event(),
            "not_allowed",
            "",
            (
                'No rule lets it pass: allow[0] asks for the enterprise "*", but the event shows '
                'none; allow[1] asks for data.mode "x", but the event has no text there.'
            ),
        ),
        (
            {"allow": [{"user": str(number)} for number in range(20, 29)]},
            event(),
            "not_allowed",
            "",
            "No rule lets it pass: "
            + "; ".join(
                f'allow[{n}] asks for the user "{20 + n}", but it is "7" and "alice"'
                for n in range(5)
            )
            + "; 4 more rules do not match either.",
        ),
        (
            {"allow": [{"course": [f"course-v1:edX+C{n}+1" for n in range(9)]}]},
            event(),
            "not_allowed",
            "",
            (
                'No rule lets it pass: allow[0] asks for the course "course-v1:edX+C0+1", '
                '"course-v1:edX+C1+1", "course-v1:edX+C2+1" or 6 others, but it is '
                f'"{EDX}".'
            ),
        ),
        (
            {"deny": [{"user": "bob"}, {"org": "EDX"}]},
            event(),
            "denied",
            "deny[1]",
            'deny[1] keeps it back: its organisation is "edX", which matches "EDX".',
        ),
        (
            {"deny": [{"course": "course-v1:mitx+*"}]},
            event(data={"a": [{"target_url": f"https://x.example.org/courses/{MITX}/about"}]}),
            "denied",
            "deny[0]",
            (
                f'deny[0] keeps it back: it names the course "{MITX}" in data.a.0.target_url, '
                'which matches "course-v1:mitx+*".'
            ),
        ),
        (
            {"deny": [{"org": "MITx"}]},
            {"event_type": "x", "event": json.dumps({"see": f"/courses/{MITX}/"}), "context": {}},
            "denied",
            "deny[0]",
            'deny[0] keeps it back: it names the organisation "MITx" in event.see.',
        ),
        (
            {"deny": [{"user": "bob"}]},
            event(data={"username": "alice", "recipient": "bob"}),
            "denied",
            "deny[0]",
            'deny[0] keeps it back: it names the user "bob" in data.recipient.',
        ),
        (
            {"deny": [{"enterprise": "e-1", "org": "edX", "missing": "deny"}]},
            event(),
            "denied",
            "deny[0]",
            (
                "deny[0] keeps it back: it shows no enterprise, which the rule keeps back too "
                '(missing: deny) and its organisation is "edX".'
            ),
        ),
        (
            {"orgs": ["MITx"]},
            event(),
            "outside",
            "orgs",
            'The event is of the organisation "edX"; only events of "MITx" pass.',
        ),
        (
            {"orgs": ["edX", "Other"]},
            event(data={"link": f"/courses/{MITX}/"}),
            "outside",
            "orgs",
            (
                'The event is of the organisation "edX", but it also names "MITx" in data.link; '
                'only events pass that name no organisation but "edX" or "Other".'
            ),
        ),
        (
            {"orgs": ["edX"]},
            {"name": "edx.user.settings.changed", "data": {"setting": "x"}},
            "outside",
            "orgs",
            'The event shows no organisation; only events of "edX" pass.',
        ),
        (
            {"orgs": []},
            event(),
            "outside",
            "orgs",
            "The list of organisations (orgs) is empty, so nothing passes.",
        ),
        (
            {"orgs": ["EDX"]},
            event(),
            "allowed",
            "orgs",
            'It is of the organisation "edX" and names no other one; no rule keeps it back.',
        ),
        (
            {"match_params": {"name": "^problem", "context.org_id": ["x", "dX$"]}},
            event(),
            "allowed",
            "match_params",
            (
                'match_params lets it pass: name is "problem_check", which matches "^problem" and '
                'context.org_id is "edX", which matches "dX$".'
            ),
        ),
        (
            {"match_params": {"name": 7}},
            event(),
            "not_allowed",
            "",
            (
                "No rule lets it pass: match_params asks for name something that nothing matches, "
                'but it is "problem_check".'
            ),
        ),
        (
            {"match_params": {}},
            event(),
            "allowed",
            "match_params",
            "match_params lets it pass: it asks for nothing.",
        ),
    ],
)
def test_it_names_what_decides(
    rules: dict[str, Any], given: dict[str, Any], reason: str, rule: str, text: str
) -> None:
    made = Filter(**rules)
    before = copy.deepcopy(given)
    decision = made.explain(given)

    assert decision.text == text
    assert (decision.reason, decision.rule) == (reason, rule)
    assert decision.passes == made.accepts(given)
    assert given == before


def test_nothing_is_counted() -> None:
    made = Filter(deny=[{"org": "edX"}])
    made.explain(event())

    assert made.stats() == {}


def test_a_translation_is_explained_as_its_event() -> None:
    made = Filter(deny=[{"org": "edX"}])
    translation: Any = {"name": "x", "protocol": "xapi", "documents": [{}], "event": event()}

    assert made.explain(translation).rule == "deny[0]"


@pytest.mark.parametrize("what", [None, 7, "text", [], object()])
def test_what_is_no_event_does_not_pass(what: Any) -> None:
    decision = Filter().explain(what)

    assert not decision.passes
    assert decision.reason == "unreadable"
    assert decision.text == (
        f"This is no event but of type {type(what).__name__}, so it does not pass."
    )


def test_long_texts_are_cut() -> None:
    decision = Filter(allow=[{"data.x": "*"}]).explain(event(data={"x": "y" * 10_000}))

    assert len(decision.text) < 300
    assert "y…" in decision.text


class Changing(Mapping[str, Any]):
    """An event of a make of its own: another one at every look."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def __getitem__(self, key: str) -> Any:
        if key == "name":
            return self.names.pop(0) if len(self.names) > 1 else self.names[0]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(("name",))

    def __len__(self) -> int:
        return 1


class Broken(dict):  # type: ignore[type-arg]
    def get(self, *args: Any) -> Any:
        raise RuntimeError("secret text of the event")


class BrokenLater(dict):  # type: ignore[type-arg]
    """What can be read a few times."""

    left = 3

    def get(self, *args: Any) -> Any:
        type(self).left -= 1
        if self.left < 0:
            raise RuntimeError
        return super().get(*args)


def test_an_event_that_changes_is_explained_as_it_was_judged() -> None:
    rules: dict[str, Any] = {"allow": [{"event": "play_video"}]}
    names = ["play_video"] * 2 + ["stop_video"]
    for start in range(len(names)):
        judged = Filter(**rules).accepts(Changing(*names[start:]))
        decision = Filter(**rules).explain(Changing(*names[start:]))

        assert decision.passes == judged
        assert decision.text


def test_what_cannot_be_read_is_said_without_what_it_holds() -> None:
    decision = Filter(allow=[{"org": "edX"}]).explain(Broken(name="x"))

    assert not decision.passes
    assert decision.reason == "unreadable"
    assert "RuntimeError" in decision.text
    assert "secret" not in decision.text


@pytest.mark.parametrize("left", range(8))
def test_what_breaks_on_the_way_is_explained_as_it_was_judged(left: int) -> None:
    made = Filter(allow=[{"org": "edX"}], deny=[{"user": "bob"}])
    BrokenLater.left = left
    judged = made.accepts(BrokenLater(event()))
    BrokenLater.left = left

    assert made.explain(BrokenLater(event())).passes == judged


def test_an_interrupt_goes_through() -> None:
    class Interrupting(dict):  # type: ignore[type-arg]
        def get(self, *args: Any) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Filter(allow=[{"org": "edX"}]).explain(Interrupting(name="x"))


def test_of_several_filters_the_first_that_lets_it_pass_is_named() -> None:
    several = Filter.any_of([Filter(allow=[{"org": "MITx"}]), Filter(allow=[{"org": "edX"}])])

    assert several.explain(event()).text == 'allow[0] lets it pass: its organisation is "edX".'
    assert Filter.any_of([]).explain(event()).reason == "not_allowed"


def test_deep_and_long_events_are_explained() -> None:
    deep: Any = f"/courses/{MITX}/"
    for _ in range(500):
        deep = [deep]
    decision = Filter(deny=[{"org": "MITx"}]).explain(event(data={"x": deep}))

    assert decision.text == 'deny[0] keeps it back: it names the organisation "MITx".'
