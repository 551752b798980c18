"""Router configurations of event-routing-backends become consumers, or notes on what is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from eventkit import ConfigurationError, Consumer
from eventkit.base.secrets import Secret
from eventkit.consumers.peer import Imported, read_configurations
from eventkit.testing import golden_cases

WHITELISTS = "EVENT_TRACKING_BACKENDS_ALLOWED_..._EVENTS"


def row(**columns: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "backend_name": "xAPI",
        "route_url": "https://lrs.example.org/xapi/",
        "enabled": True,
        "auth_scheme": "Basic",
        "auth_key": None,
        "username": "key",
        "password": "canary-secret",
        "configurations": {},
        **columns,
    }


def read(*rows: dict[str, Any]) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Give consumers, and of notes row and key, but for the one that is always there."""
    found = read_configurations(rows)
    keys = [(note.row, note.key) for note in found.notes if note.key != WHITELISTS]
    return found.consumers, keys


def one(**columns: Any) -> dict[str, Any]:
    [settings], notes = read(row(**columns))
    assert notes == []
    return settings


def test_a_row_becomes_a_consumer() -> None:
    settings = one()
    auth = settings.pop("auth")
    consumer = Consumer.from_dict({**settings, "auth": auth})

    assert settings == {
        "id": "lrs-example-org-xapi",
        "protocol": "xapi",
        "url": "https://lrs.example.org/xapi/",
        "enabled": True,
    }
    assert {key: value.reveal() for key, value in consumer.auth.values().items()} == {
        "username": "key",
        "password": "canary-secret",
    }


def test_secrets_do_not_show() -> None:
    found = read_configurations(
        [
            row(),
            row(id=2, route_url="https://a:canary-secret@x.example.org", auth_scheme=None),
            row(id=3, auth_scheme="Bearer", auth_key="canary-secret", route_url="https://y.org"),
            row(
                id=4,
                backend_name="Caliper",
                route_url="https://z.example.org/?key=canary-secret",
                configurations={"headers": {"X-Key": "canary-secret", "Bad name": "canary-secret"}},
            ),
            row(id=5, route_url="https://a:canary-secret@[x/"),
        ]
    )

    assert len(found.consumers) == 4
    assert "canary-secret" not in repr(found).replace("?key=canary-secret", "")
    with pytest.raises(TypeError):
        json.dumps(found.consumers)


@pytest.mark.parametrize(
    ("columns", "auth"),
    [
        ({"auth_scheme": None, "username": "", "password": None}, None),
        ({"auth_scheme": ""}, None),
        (
            {"auth_scheme": "Bearer", "auth_key": "t"},
            {"type": "bearer", "token": Secret("t")},
        ),
        (
            {"auth_scheme": "Basic", "username": "u", "password": "p"},
            {"type": "basic", "username": Secret("u"), "password": Secret("p")},
        ),
    ],
)
def test_credentials_are_those_of_the_scheme(columns: dict[str, Any], auth: Any) -> None:
    [settings], _ = read(row(**columns))

    assert settings.get("auth") == auth


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"password": None}, "password"),
        ({"username": None}, "username"),
        ({"auth_scheme": "Bearer"}, "auth_key"),
    ],
)
def test_without_its_credentials_a_consumer_is_not_enabled(
    columns: dict[str, Any], key: str
) -> None:
    [settings], notes = read(row(**columns))

    assert not settings["enabled"]
    assert ("1 (lrs.example.org)", key) in notes


@pytest.mark.parametrize("enabled", [False, None, "yes", 1])
def test_only_what_is_enabled_is_enabled(enabled: Any) -> None:
    [settings], _ = read(row(enabled=enabled))

    assert settings["enabled"] is False


def test_the_last_row_of_an_address_counts() -> None:
    rows = [
        row(id=9, enabled=False),
        row(id=2),
        row(id=3, route_url="https://other.example.org/"),
        row(id=4, configurations={"match_params": {"name": "x"}}),
    ]
    settings, notes = read(*rows)

    assert [(each["id"], each["enabled"]) for each in settings] == [
        ("lrs-example-org-xapi", False),
        ("other-example-org-xapi", True),
    ]
    assert notes == [("2 (lrs.example.org)", ""), ("4 (lrs.example.org)", "")]


def test_rows_may_be_those_of_dumpdata() -> None:
    columns = row()
    del columns["id"]
    [settings], notes = read({"model": "x.routerconfiguration", "pk": 7, "fields": columns})

    assert settings["id"] == "lrs-example-org-xapi"
    assert notes == []


def test_ids_are_unique_and_made_of_the_host() -> None:
    rows = [
        row(id=n, route_url=f"https://lrs.example.org/{n}", backend_name=name)
        for n, name in enumerate(["xAPI", "xapi", "Caliper", "XAPI"])
    ]
    settings, _ = read(*rows)

    assert [each["id"] for each in settings] == [
        "lrs-example-org-xapi",
        "lrs-example-org-xapi-2",
        "lrs-example-org-caliper",
        "lrs-example-org-xapi-3",
    ]


@pytest.mark.parametrize(
    "configurations", [None, {}, "", "{}", [], {"match_params": {}}, {"router_type": "X"}]
)
def test_without_conditions_everything_goes_there(configurations: Any) -> None:
    settings = one(configurations=configurations)

    assert Consumer.from_dict(settings).is_unrestricted


@pytest.mark.parametrize(
    "configurations",
    [
        {"match_params": None},
        {"match_params": []},
        {"match_params": {"name": "("}},
        {"match_params": {"name": r"(a+)\1"}},
        {"match_params": {"name": "x" * 2000}},
        "{",
        "[" * 100_000,
        7,
        [7],
        "text",
    ],
)
def test_conditions_that_cannot_be_used_let_nothing_through(configurations: Any) -> None:
    [settings], notes = read(row(configurations=configurations))
    consumer = Consumer.from_dict(settings)

    assert not consumer.accepts({"name": "play_video"})
    assert notes
    assert notes[0][1].startswith("configurations")


def test_each_of_a_list_becomes_a_consumer() -> None:
    settings, notes = read(
        row(configurations=[{"match_params": {"name": "a"}}, {"override_args": {"x": 1}}])
    )

    assert [each["id"] for each in settings] == ["lrs-example-org-xapi", "lrs-example-org-xapi-2"]
    assert settings[0]["match_params"] == {"name": "a"}
    assert settings[1]["override"] == {"x": 1}
    assert notes == [("1 (lrs.example.org)", "configurations")]


@pytest.mark.parametrize(
    ("columns", "kept", "notes"),
    [
        ({"configurations": {"override_args": {"a": 1}}}, {"override": {"a": 1}}, []),
        (
            {"configurations": {"override_args": {"id": "x", "context": {"a": 1}}}},
            {"override": {"context": {"a": 1}}},
            ["configurations.override_args.id", "configurations.override_args.context"],
        ),
        ({"configurations": {"override_args": 7}}, {}, ["configurations.override_args"]),
        ({"configurations": {"headers": {"X-A": "b"}}}, {}, ["configurations.headers"]),
        (
            {"configurations": {"host_configurations": {"url": "https://x.example.org"}}},
            {},
            ["configurations.host_configurations"],
        ),
        ({"configurations": {"matchparams": {"name": "x"}}}, {}, ["configurations.matchparams"]),
        (
            {"backend_name": "Caliper", "configurations": {"headers": {"X-A": "b"}}},
            {"headers": {"X-A": Secret("b")}},
            [],
        ),
        (
            {
                "backend_name": "Caliper",
                "configurations": {
                    "headers": {"Content-Type": "x", "Authorization": "y", "X": 7, "A b": "c"}
                },
            },
            {},
            [f"configurations.headers.{name}" for name in ("Content-Type", "Authorization", "X")]
            + ["configurations.headers.A b"],
        ),
        (
            {
                "backend_name": "Caliper",
                "configurations": {"override_args": {"sensor": "https://a.org", "dataVersion": 1}},
            },
            {"sensor": "https://a.org"},
            ["configurations.override_args"],
        ),
        (
            {"configurations": {"match_params": {"name": ["a", 7]}}},
            {"match_params": {"name": ["a", 7]}},
            ["configurations.match_params.name"],
        ),
        (
            {"route_url": "http://ralph:8100/xAPI"},
            {"url": "http://ralph:8100/xAPI", "plain_http": True},
            ["route_url"],
        ),
        ({"route_url": "http://localhost:8100/xAPI"}, {"url": "http://localhost:8100/xAPI"}, []),
        (
            {"route_url": "https://u%40x:p@lrs.example.org/", "auth_scheme": None}
            | {"username": None, "password": None},
            {
                "url": "https://lrs.example.org/",
                "auth": {"type": "basic", "username": Secret("u@x"), "password": Secret("p")},
            },
            ["route_url"],
        ),
    ],
)
def test_what_else_a_row_says_is_kept_or_noted(
    columns: dict[str, Any], kept: dict[str, Any], notes: list[str]
) -> None:
    [settings], said = read(row(**columns))
    more = {"override", "headers", "sensor", "match_params", "plain_http"} - set(kept)

    assert {key: settings[key] for key in kept} == kept
    assert not more & set(settings)
    assert [key for _, key in said] == notes
    Consumer.from_dict(settings)


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"backend_name": "segment"}, "backend_name"),
        ({"backend_name": None}, "backend_name"),
        ({"route_url": ""}, "route_url"),
        ({"route_url": None}, "route_url"),
        ({"route_url": "lrs.example.org"}, ""),
        ({"route_url": "ftp://lrs.example.org"}, ""),
        ({"route_url": "file:/etc/passwd"}, ""),
        ({"route_url": "log:events", "auth_scheme": None, "username": "", "password": ""}, ""),
        ({"route_url": "https://[x/"}, ""),
        ({"route_url": "https://lrs.example.org/?a=b"}, ""),
    ],
)
def test_what_can_be_no_consumer_is_left_out_with_a_note(columns: dict[str, Any], key: str) -> None:
    settings, notes = read(row(**columns))

    assert settings == []
    assert [each for _, each in notes] == [key]


def test_every_note_is_a_sentence_about_something() -> None:
    found = read_configurations(
        [
            row(),
            row(id=2, backend_name="x", route_url="https://x.example.org"),
            row(id=3, route_url="http://ralph/x"),
        ]
    )

    assert [note.key for note in found.notes] == ["backend_name", "route_url", WHITELISTS]
    assert all(note.why and not note.why.endswith(".") for note in found.notes)


@pytest.mark.parametrize("rows", [None, 7, "text", {"id": 1}, [7], [None], ["x"]])
def test_what_are_no_rows_are_refused(rows: Any) -> None:
    with pytest.raises(ConfigurationError, match="router configurations: "):
        read_configurations(rows)


def test_no_rows_are_no_consumers() -> None:
    assert read_configurations([]) == Imported([], [])


# Who gets what is as it was.


def found(event: Any, path: str) -> Any:
    for step in path.split("."):
        if not isinstance(event, dict) or step not in event:
            return None
        event = event[step]
    return event


def routed(params: dict[str, Any], event: dict[str, Any]) -> bool:
    """
    Say what event-routing-backends does with an event, in words of our own.

    Every path must lead to text in which any of its expressions is found.
    """
    for path, value in params.items():
        text = found(event, path)
        listed = value if isinstance(value, list) else [value]
        if not isinstance(text, str) or not any(
            isinstance(each, str) and re.search(each, text) for each in listed
        ):
            return False
    return True


PARAMS: list[dict[str, Any]] = [
    {"name": "problem_check"},
    {"name": "^problem_check$"},
    {"name": "^edx\\.video\\.played$"},
    {"name": "^play_video$"},
    {"name": ["video", "^edx.forum"]},
    {"name": ".*_video"},
    {"context.org_id": "Lake"},
    {"context.org_id": "lake"},
    {"context.org_id": "^Lakeside$", "name": "edx.course"},
    {"context.course_id": r"course-v1:Lakeside\+BIO\d+\+.*"},
    {"context.user_id": "4711"},
    {"context.user_id": 4711},
    {"data.user_id": "4711"},
    {"data.id": "5f0e|7d3c"},
    {"context.event_source": ["server", None]},
    {"data.answers": ".*"},
    {"data": ".*"},
    {"data.weighted_earned": "2"},
    {"context.enterprise_uuid": ""},
    {"nowhere.at.all": ".*"},
    {"event_type": "x"},
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_the_same_events_are_routed(params: dict[str, Any]) -> None:
    [settings], _ = read(row(configurations={"match_params": params}))
    consumer = Consumer.from_dict(settings)
    events = [json.loads(path.read_text("utf-8"))["event"] for path in GOLDEN]
    # There lines of logs are brought into the other shape before they are routed.
    live = [event for event in events if "name" in event and "event" not in event]

    assert len(live) > 150
    assert [consumer.accepts(event) for event in live] == [routed(params, event) for event in live]
    assert [consumer.filter.explain(event).passes for event in live] == [
        routed(params, event) for event in live
    ]


GOLDEN = golden_cases(Path(__file__).parents[1] / "golden")


def test_some_are_routed_and_some_are_not() -> None:
    """So the test above can fail."""
    events = [json.loads(path.read_text("utf-8"))["event"] for path in GOLDEN]
    told = [{routed(params, event) for event in events} for params in PARAMS]

    assert sum(len(each) == 2 for each in told) >= 10


# The setting by itself.


def test_match_params_are_a_setting_of_consumers() -> None:
    settings = {"id": "a", "protocol": "xapi", "url": "log:events"}
    consumer = Consumer.from_dict(
        {**settings, "match_params": {"name": "^play"}, "deny": [{"user": "7"}], "orgs": ["edX"]}
    )
    of_edx = {"course_id": "course-v1:edX+A+B"}

    assert consumer.accepts({"name": "play_video", "context": of_edx})
    assert not consumer.accepts({"name": "play_video", "context": {**of_edx, "user_id": 7}})
    assert not consumer.accepts({"name": "play_video"})
    assert not consumer.accepts({"name": "stop_video", "context": of_edx})
    assert not consumer.is_unrestricted


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"match_params": {}, "allow": []}, "it says what is allowed, and so does allow"),
        ({"match_params": None}, "nothing stands behind it (null); write {} or leave it out"),
        ({"match_params": []}, "match_params: expected an object of dotted paths and regular"),
        ({"match_params": {"name": "("}}, "is no regular expression"),
        ({"match_params": {"match_params": {}}}, "this is a whole router configuration"),
    ],
)
def test_wrong_match_params_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Consumer.from_dict({"id": "a", "protocol": "xapi", "url": "log:events", **settings})

    assert str(caught.value).startswith("consumer 'a': ")
    assert said in str(caught.value)
