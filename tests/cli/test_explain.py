"""``eventkit explain``: who gets an event, and why."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventkit.cli.command import main
from eventkit.events.samples import sample

CONSUMERS = [
    {"id": "open", "protocol": "xapi", "url": "log:events"},
    {"id": "other", "protocol": "caliper", "url": "log:events", "orgs": ["edX"]},
    {"id": "off", "protocol": "caliper", "url": "log:events", "enabled": False},
]


@pytest.fixture
def consumers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("EVENTKIT_LMS_ROOT", raising=False)
    path = tmp_path / "consumers.json"
    path.write_text(json.dumps(CONSUMERS), "utf-8")
    return path


def explained(consumers: Path, *given: object, expected: int = 0) -> int:
    code = main(["explain", "--consumers", str(consumers), *map(str, given)])
    assert code == expected
    return code


def test_it_says_who_gets_an_example_and_why(
    consumers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explained(consumers, "play_video")
    out, err = capsys.readouterr()
    lines = out.splitlines()

    assert lines[0] == "open (xapi): gets it"
    assert lines[1].startswith("  No rule keeps it back")
    assert lines[2] == "  {"
    assert "other (caliper): does not get it" in lines
    assert '  The event is of the organisation "Lakeside"; only events of "edX" pass.' in lines
    assert "off (caliper): does not get it (disabled: it gets nothing)" in lines
    assert "lms.example.org" in out
    assert err.count("\n") == 2
    assert "--lms-root" in err
    assert "--identity-secret-env" in err


def test_for_programs_it_is_json(consumers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explained(consumers, "--json", "play_video")
    found = json.loads(capsys.readouterr().out)

    assert [each["consumer"] for each in found] == ["open", "other", "off"]
    assert [each["sent"] for each in found] == [True, False, False]
    assert found[0]["documents"][0]["verb"]["id"].endswith("/played")


def test_with_the_sites_identity_it_is_what_is_sent(
    consumers: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THE_SECRET", "a secret of at least sixteen")
    given = ("--lms-root", "https://lms.example.net", "--identity-secret-env", "THE_SECRET")
    explained(consumers, "--json", *given, "play_video")
    with_own, err = capsys.readouterr()
    explained(consumers, "--json", "--lms-root", "https://lms.example.net", "play_video")
    with_example, _ = capsys.readouterr()
    own, example = (json.loads(each)[0]["documents"][0] for each in (with_own, with_example))

    assert err == ""
    assert own["object"]["id"].startswith("https://lms.example.net/")
    assert own["object"] == example["object"]
    assert own["actor"] != example["actor"]


FORMS: dict[str, Callable[[Any], str]] = {
    "one line": json.dumps,
    "several lines": lambda event: json.dumps(event, indent=2),
    "a log": lambda event: f"\nJan  1 00:00:00 host logger: {json.dumps(event)}\n\n",
    "dead letter": lambda event: json.dumps({"documents": [{}], "event": event}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_event_may_be_in_a_file(
    form: str, consumers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event"
    path.write_text(FORMS[form](sample("play_video")), "utf-8")
    explained(consumers, "--json", path)

    assert json.loads(capsys.readouterr().out)[0]["sent"]


@pytest.mark.parametrize("form", FORMS)
def test_the_event_may_come_from_standard_input(
    form: str,
    consumers: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = io.BytesIO(FORMS[form](sample("play_video")).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))
    explained(consumers, "--json", "-")

    assert json.loads(capsys.readouterr().out)[0]["sent"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds nothing; give one"),
        ('{"name": "a"}\n{"name": "b"}\n', "holds 2 events; give one"),
        ("{", "is no event: not_json"),
        ("[]", "is no event: "),
        ("7", "is no event: "),
        ("{}", "is no event: "),
        ('{"documents": [], "event": null}', "the dead letter in "),
        ("[" * 100_000, "is no event: "),
        ("x" * 3_000_000_0, "holds more than one event can"),
    ],
)
def test_what_is_no_event_is_said(
    text: str, said: str, consumers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event"
    path.write_text(text, "utf-8")
    explained(consumers, path, expected=2)
    out, err = capsys.readouterr()

    assert out == ""
    assert err.startswith("eventkit: error: EVENT: ")
    assert said in err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("paly_video", "neither a file nor the name of an event; did you mean 'play_video'?"),
        ("\x1b[2J", "eventkit events lists the names"),
        ("", "neither a file nor the name"),
    ],
)
def test_an_unknown_name_is_said_with_the_nearest(
    name: str, said: str, consumers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explained(consumers, name, expected=2)
    err = capsys.readouterr().err

    assert said in err
    assert "\x1b" not in err


def test_a_folder_is_no_event(
    consumers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explained(consumers, tmp_path, expected=2)

    assert "Is a directory" in capsys.readouterr().err


def test_wrong_consumers_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "consumers.json"
    path.write_text('[{"id": "a"}]', "utf-8")
    explained(path, "play_video", expected=2)

    assert "consumer 'a': " in capsys.readouterr().err


def test_no_consumers_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "consumers.json"
    path.write_text("[]", "utf-8")
    explained(path, "play_video")

    assert f"there are no consumers in {path}" in capsys.readouterr().err


def test_what_events_hold_cannot_steer_a_terminal(
    consumers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event: Any = sample("play_video")
    event["context"]["course_id"] = "course-v1:\x1b[2J+A+B"
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), "utf-8")
    explained(consumers, path)

    assert "\x1b" not in capsys.readouterr().out
