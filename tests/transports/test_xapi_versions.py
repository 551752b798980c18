"""Consumers that speak xAPI 2.0, beside those that speak 1.0.3."""

from __future__ import annotations

import json
import logging

import pytest
import requests
from fault_server import PATIENCE, serving

from eventkit.consumers import Consumer
from eventkit.events.samples import sample
from eventkit.exceptions import ConfigurationError
from eventkit.receivers import Receiver
from eventkit.router import Router, explain
from eventkit.router.connection import test_connection as tested
from eventkit.testing import COURSES
from eventkit.translators import HMACIdentity, XAPITranslator

OLD, NEW = "1.0.3", "2.0.0"


def consumer(url, name="lrs", **more):
    return {"id": name, "protocol": "xapi", "url": url, **more}


class Table:
    """A registry."""

    def __init__(self, *listed):
        self.listed = [Consumer(**each) for each in listed]

    def consumers(self):
        return self.listed


@pytest.fixture
def translated():
    translator = XAPITranslator(
        lms_root="https://lms.example.org",
        identity=HMACIdentity("a secret that only tests use"),
        courses=COURSES,
    )
    return translator(sample("edx.grades.problem.rescored"))


def test_each_gets_its_own_version(translated):
    with Receiver() as old, Receiver() as new:
        router = Router([consumer(old.url, "old"), consumer(new.url, "new", version="2.0")])
        router.send(translated)
        router.close()
        ours, theirs = old.statements(), new.statements()

    assert [each["version"] for each in ours] == [OLD] * len(ours)
    assert [each["version"] for each in theirs] == [NEW] * len(theirs)
    assert [each["id"] for each in ours] == [each["id"] for each in theirs] != []


def test_the_header_says_it(translated):
    with serving() as server:
        router = Router([consumer(server.url, version="2.0")])
        router.send(translated)
        router.close()

    assert server.requests[0].headers["x-experience-api-version"] == NEW


def test_files_and_logs_are_of_it_too(translated, tmp_path, caplog):
    caplog.set_level(logging.INFO, "versions")
    path = tmp_path / "out.jsonl"
    router = Router(
        [
            consumer(f"file:{path}", "file", version="2.0"),
            consumer("log:versions", "log", version="2.0"),
        ]
    )
    router.send(translated)
    router.close()
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    logged = [json.loads(each.getMessage()) for each in caplog.records if each.name == "versions"]

    assert lines == logged
    assert {each["version"] for each in lines} == {NEW}


def test_what_is_explained_is_what_is_sent(translated):
    with Receiver() as receiver:
        settings = consumer(receiver.url, version="2.0")
        router = Router([settings])
        router.send(translated)
        router.close()
        translators = {"xapi": lambda _: translated}
        [found] = explain(translated["event"], [settings], translators=translators)
        [stored] = receiver.statements()

    assert found.documents == [{key: stored[key] for key in found.documents[0]}]
    assert found.documents[0]["version"] == NEW


def test_what_waits_follows_the_version_of_its_consumer(translated, tmp_path):
    with Receiver() as receiver:
        settings = consumer(receiver.url)
        table = Table({**settings, "paused": True})
        router = Router(table, store=tmp_path / "s.db", reload=0.05)
        router.send(translated)
        table.listed = [Consumer(**settings, version="2.0")]
        assert router.flush(PATIENCE)
        router.close()
        stored = receiver.statements()

    assert [each["version"] for each in stored] == [NEW]


def test_what_an_lrs_has_in_the_other_version_is_there(translated):
    """A change of the version, and then a replay: no conflict, and nothing twice."""
    with Receiver() as receiver:
        for version in ("1.0.3", "2.0", "1.0.3"):
            router = Router([consumer(receiver.url, version=version)])
            router.send(translated)
            counts = router.stats()
            router.close()

            assert counts["delivered"] == 1
            assert counts["conflict"] == 0
        assert len(receiver.statements()) == 1


def test_an_lrs_that_does_not_speak_it_is_named():
    def only_old(request):
        if request.path == "/xapi/about":
            return 200, b'{"version": ["1.0.3"]}'
        return None

    with serving(rule=only_old) as server:
        report = tested(Consumer(**consumer(server.url, version="2.0")))

    [step] = [each for each in report.steps if each.name == "version"]
    assert not step.ok
    assert "speaks xAPI 1.0.3 only, and statements are of 2.0.0" in step.detail


def test_the_receiver_speaks_both():
    with Receiver() as receiver:
        report = tested(Consumer(**consumer(receiver.url, version="2.0")))
        steps = {each.name: each for each in report.steps}

    assert report.ok
    assert steps["version"].ok


@pytest.mark.parametrize(
    ("said", "status", "answered"),
    [("1.0", 200, OLD), ("1.0.1", 200, OLD), ("2.0.0", 200, NEW), ("2.0", 200, NEW)]
    + [(said, 400, OLD) for said in ("", "1", "1.1", "2", "2.1.0", "3.0.0", "20.0")],
)
def test_headers_of_the_receiver(said, status, answered):
    with Receiver() as receiver:
        headers = {"X-Experience-API-Version": said}
        answer = requests.get(f"{receiver.url}/statements", headers=headers, timeout=PATIENCE)

    assert answer.status_code == status
    assert answer.headers["X-Experience-API-Version"] == answered


@pytest.mark.parametrize("said", [OLD, NEW])
def test_statements_of_the_other_version_are_refused_by_the_receiver(said, translated):
    other = NEW if said == OLD else OLD
    with Receiver() as receiver:
        answer = requests.post(
            f"{receiver.url}/statements",
            json=[{**translated["documents"][0], "version": other}],
            headers={"X-Experience-API-Version": said},
            timeout=PATIENCE,
        )

    assert answer.status_code == 400
    assert "version" in answer.json()["error"]
    assert answer.headers["X-Experience-API-Version"] == said


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"version": 2.0}, "version: expected one of '1.0.3', '2.0', as text"),
        ({"version": "2.1"}, "version: expected one of"),
        ({"version": "2.0", "protocol": "caliper"}, "remove it"),
        (
            {"version": "2.0", "headers": {"x-experience-api-version": "1.0.3"}},
            "is set by version too; keep one of the two",
        ),
    ],
)
def test_wrong_settings(settings, problem):
    with pytest.raises(ConfigurationError, match="version") as caught:
        Consumer.from_dict({**consumer("https://lrs.example.org"), **settings})

    assert problem in str(caught.value)
