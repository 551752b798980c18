"""What a real LRS makes of what we send."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from eventkit.demo import sample_log
from eventkit.events.shapes.iris import TRANSFORMER_VERSION
from eventkit.exceptions import DropEvent, EventParseError
from eventkit.reading import parse_line
from eventkit.router import Router
from eventkit.translators import HMACIdentity, XAPITranslator

pytestmark = pytest.mark.lrs

STRICT = Path(__file__).with_name("strict.py")
SETTINGS: dict[str, Any] = {
    "lms_root": "https://lms.example.org",
    "identity": HMACIdentity("a secret that is long enough for a test"),
    "courses": lambda course_id: f"The course {course_id}",
    "dialect": "standard",
}


def sample_events() -> Iterator[dict[str, Any]]:
    for line in sample_log().read_bytes().splitlines():
        try:
            yield parse_line(line)
        except EventParseError:
            continue


def peer_events(shared_data: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((shared_data / "peer_fixtures" / "raw").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def translate(events: Iterable[dict[str, Any]], **settings: Any) -> list[Any]:
    translator = XAPITranslator(**SETTINGS | settings)
    translations = []
    for event in events:
        try:
            translations.append(translator(event))
        except DropEvent:
            continue
    return translations


def at_different_times(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """
    Give each event a second of its own.

    Some fixtures are variants of one event, at one time, and so have one id.
    """
    for second, event in enumerate(events):
        time = f"2024-01-02T03:{second // 60:02}:{second % 60:02}.123456+00:00"
        yield event | {key: time for key in ("time", "timestamp") if key in event}


def documents(translations: Iterable[Any]) -> list[dict[str, Any]]:
    return [document for translation in translations for document in translation["documents"]]


def by_id(translations: Iterable[Any]) -> dict[str, Any]:
    found = documents(translations)
    wanted = {document["id"]: json.loads(json.dumps(document)) for document in found}
    assert all(wanted[document["id"]] == document for document in found), "one id, two statements"
    return wanted


def consumer(lrs: Any, **settings: Any) -> dict[str, Any]:
    auth = {"type": "basic", "username": lrs.auth[0], "password": lrs.auth[1]}
    return {"id": "ralph", "protocol": "xapi", "url": lrs.url, "auth": auth, **settings}


def deliver(lrs: Any, translations: Iterable[Any], **batch: Any) -> None:
    router = Router([consumer(lrs, batch={"max_wait": 0.05, **batch})], mode="buffered")
    for translation in translations:
        router.send(translation)

    assert router.flush(60), router.stats()
    assert router.close(60)
    assert list(router.dead_letters) == [], router.stats()


def test_takes_the_whole_sample_log_and_gives_it_back_unchanged(lrs: Any) -> None:
    translations = translate(sample_events())
    wanted = by_id(translations)
    assert len(wanted) > 50

    deliver(lrs, translations)

    stored = lrs.statements()
    assert {one["id"]: one for one in stored} == wanted
    assert len(stored) == len(wanted)


def test_has_nothing_twice_when_everything_is_delivered_again(lrs: Any) -> None:
    translations = translate(sample_events())
    deliver(lrs, translations)
    once = lrs.statements()

    deliver(lrs, reversed(translations), max_size=7)

    assert lrs.statements() == once


def test_stores_what_is_new_in_a_batch_of_which_it_has_a_part(lrs: Any) -> None:
    translations = translate(sample_events())
    deliver(lrs, translations[::3])

    deliver(lrs, translations)

    stored = lrs.statements()
    assert {one["id"]: one for one in stored} == by_id(translations)
    assert len(stored) == len(by_id(translations))


def test_knows_what_another_release_has_sent_before(lrs: Any) -> None:
    """Ralph answers 409 to it; asked, it shows that it has the same, and one that differs."""
    translations = translate(sample_events())
    deliver(lrs, translations)
    once = lrs.statements()
    again = json.loads(json.dumps([dict(each, event={"name": "x"}) for each in translations]))
    for document in documents(again):
        extensions = document["context"].setdefault("extensions", {})
        extensions[TRANSFORMER_VERSION] = "eventkit@0"
    changed = documents(again)[10]
    changed["actor"]["account"]["name"] = "somebody else"

    router = Router([consumer(lrs)], mode="direct")
    router.send_many(again)

    number = len(by_id(again))
    counts = router.stats()
    assert (counts["delivered"], counts["conflict"]) == (len(documents(again)) - 1, 1)
    assert counts["requests"] <= number + 10
    (letter,) = router.dead_letters
    assert (letter.reason, letter.documents) == ("conflict", [changed])
    assert lrs.statements() == once


def test_takes_the_fixtures_of_event_routing_backends_one_by_one(
    lrs: Any, shared_data: Path
) -> None:
    translations = translate(at_different_times(peer_events(shared_data)))
    wanted = by_id(translations)
    assert wanted
    router = Router([consumer(lrs)], mode="direct")

    for _ in range(2):
        for translation in translations:
            router.send(translation)

    assert router.close(10)
    assert list(router.dead_letters) == []
    stored = lrs.statements()
    assert {one["id"]: one for one in stored} == wanted
    assert len(stored) == len(wanted)


def test_refuses_another_statement_of_an_id(lrs: Any) -> None:
    """Otherwise the tests above could not fail."""
    first, second = translate(sample_events())[:2]
    deliver(lrs, [first])
    changed = first | {"documents": [first["documents"][0] | {"timestamp": "2001-01-01T00:00:00Z"}]}
    answer = requests.post(
        f"{lrs.url}/statements",
        json=changed["documents"],
        auth=lrs.auth,
        headers={"X-Experience-API-Version": "1.0.3"},
        timeout=30,
    )
    assert answer.status_code == 409

    deliver(lrs, [second])

    assert {one["id"]: one for one in lrs.statements()} == by_id([first, second])


ACTORS = pytest.mark.parametrize(
    "settings",
    [
        {},
        {"include_text": True},
        {"actor": "mbox", "email": lambda user: f"user.{user}@example.org"},
        {"actor": "mbox_sha1sum", "email": lambda user: f"user.{user}@example.org"},
    ],
    ids=["default", "text", "mbox", "mbox_sha1sum"],
)


def refusals(python: Path, statements: Iterable[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Ask Ralph's strict model, which its server does not ask."""
    listed = list(statements)
    done = subprocess.run(
        [python, STRICT],
        input="".join(json.dumps(one) + "\n" for one in listed),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = map(json.loads, done.stdout.splitlines())
    return [(listed[number]["verb"]["id"], problems) for number, problems in found]


@ACTORS
def test_its_strict_model_accepts_the_whole_sample_log(
    ralph_python: Path, settings: dict[str, Any]
) -> None:
    statements = documents(translate(sample_events(), **settings))
    assert len(statements) > 50

    assert refusals(ralph_python, statements) == []


@ACTORS
def test_its_strict_model_accepts_the_fixtures_of_event_routing_backends(
    ralph_python: Path, shared_data: Path, settings: dict[str, Any]
) -> None:
    statements = documents(translate(peer_events(shared_data), **settings))
    assert statements

    assert refusals(ralph_python, statements) == []


@pytest.mark.parametrize(
    "change",
    [
        {"verb": {"id": "nope"}},
        {"result": {"duration": "3 s"}},
        {"result": {"score": {"scaled": 2}}},
        {"timestamp": "yesterday"},
        {"unknown": 1},
    ],
)
def test_its_strict_model_is_strict(ralph_python: Path, change: dict[str, Any]) -> None:
    statement = translate(sample_events())[0]["documents"][0]

    assert refusals(ralph_python, [statement, statement | change]) != []
