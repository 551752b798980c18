"""The commands and Caliper, as processes of their own, to endpoints that really listen."""

import gzip
import json

import pytest
import requests

from eventkit import CaliperTranslator
from eventkit.batch import read_log, translate_lines
from eventkit.demo import sample_log
from eventkit.events import CATALOGUE
from eventkit.receivers import CaliperReceiver, Receiver
from eventkit.translators import HMACIdentity
from eventkit.validation import envelope_errors, event_errors

LMS = "https://lms.example.org"
SECRET = "a secret that is long enough for the tests"
TOKEN = "tok-en-1234567"
LINES = len(sample_log().read_bytes().splitlines())


def records(raw):
    return [json.loads(line) for line in raw.splitlines()]


def report(done):
    """The summary, which is the only line of standard error that is JSON."""
    (summary,) = [line for line in done.stderr.splitlines() if line.startswith(b"{")]
    return json.loads(summary)


def adds_up(counts):
    parts = sum(counts["skipped"].values()) + sum(counts["rejected"].values())
    return counts["read"] == counts["translated"] + parts


@pytest.fixture
def translate(eventkit, translating):
    def run(*arguments, **options):
        given = ("--to", "caliper", "--summary", "json", *translating)
        return eventkit("translate", *given, *arguments, **options)

    return run


class TestTranslate:
    def test_the_result_is_what_the_library_gives(self, translate):
        """One event per line, in the order of the log; bare, for envelopes are for sending."""
        translator = CaliperTranslator(lms_root=LMS, identity=HMACIdentity(SECRET))
        found = list(translate_lines(read_log(str(sample_log())), translator))
        expected = [document for each in found for document in each.documents]

        done = translate(sample_log())

        assert done.returncode == 1  # the log has bad lines
        assert records(done.stdout) == expected
        counts = report(done)
        assert adds_up(counts)
        assert (counts["read"], counts["documents"]) == (LINES, len(expected))
        assert counts["documents"] > counts["translated"] > 200

    @pytest.mark.parametrize("dialect", ["standard", "erb"])
    def test_nothing_personal_in_the_result(self, translate, dialect):
        """No name, address or agent of the log."""
        out = translate("--dialect", dialect, sample_log()).stdout.decode()

        assert out
        for word in ("quiroga", "makoni", "okafor", "łucja", "\\u0142ucja", "tachibana"):
            assert word not in out
        for word in ("203.0.113.", "2001:db8", "Mozilla", "campus.mobile", "@example.org"):
            assert word not in out

    def test_several_processes_give_the_same(self, translate, tmp_path):
        log = sample_log().read_bytes() * 4
        (tmp_path / "a.log.gz").write_bytes(gzip.compress(log))

        one, three = translate("a.log.gz"), translate("--workers", "3", "a.log.gz")

        assert one.stdout
        assert one.stdout == three.stdout
        assert report(one) == report(three)

    def test_the_dialects_give_the_same_ids(self, translate):
        standard = {each["id"] for each in records(translate(sample_log()).stdout)}
        erb = {each["id"] for each in records(translate("--dialect", "erb", sample_log()).stdout)}

        assert len(standard & erb) > len(erb) / 2

    def test_validating_rejects_nothing(self, translate):
        """Every event is valid, so the check makes no difference."""
        plain, checked = translate(sample_log()), translate("--validate", sample_log())

        assert plain.stdout == checked.stdout
        assert report(plain) == report(checked)

    def test_real_logs(self, translate, shared_data, tmp_path):
        """Every line of all logs is accounted for, and what comes out is valid."""
        paths = sorted((shared_data / "tracking_logs").glob("*.log"))
        lines = sum(len(path.read_bytes().splitlines()) for path in paths)

        done = translate("--rejects", tmp_path / "rejects", *paths)

        counts = report(done)
        rejects = records((tmp_path / "rejects").read_bytes())
        events = records(done.stdout)
        assert adds_up(counts)
        assert (counts["files"], counts["read"]) == (len(paths), lines)
        assert counts["documents"] == len(events) >= counts["translated"] > 200
        assert len(rejects) == sum(counts["rejected"].values())
        assert not [reject for reject in rejects if "internal" in reject["reason"]]
        assert [errors for event in events if (errors := event_errors(event))] == []
        assert b"Traceback" not in done.stderr


@pytest.fixture
def endpoint():
    with CaliperReceiver(auth=TOKEN, max_body=20_000) as endpoint:
        yield endpoint


@pytest.fixture
def send(eventkit, translating, tmp_path):
    """Send to consumers of both protocols, from one file."""

    def run(consumers, *arguments, options=translating):
        (tmp_path / "consumers.json").write_text(json.dumps(consumers))
        given = ("--consumers", "consumers.json", "--summary", "json", *options)
        return eventkit("send", *given, *arguments)

    return run


def university(endpoint, **more):
    auth = {"type": "bearer", "token": TOKEN}
    return {
        "id": "university",
        "protocol": "caliper",
        "url": endpoint.url,
        "auth": auth,
        "sensor": f"{LMS}/tracking",
        **more,
    }


def lrs(receiver, **more):
    return {"id": "lrs", "protocol": "xapi", "url": receiver.url, **more}


class TestSend:
    def test_both_protocols_from_one_file(self, send, endpoint, translate):
        """Each gets its own: the record store statements, the endpoint envelopes that fit."""
        events = records(translate(sample_log()).stdout)
        with Receiver() as receiver:
            done = send([lrs(receiver), university(endpoint)], sample_log())

            statements = receiver.statements()
        counts = report(done)
        assert adds_up(counts)
        assert counts["read"] == LINES
        assert endpoint.events() == events
        assert counts["documents"] == len(statements) + len(events)
        assert counts["consumers"] == {
            "lrs": {"delivered": len(statements), "dead": 0},
            "university": {"delivered": len(events), "dead": 0},
        }
        envelopes = endpoint.envelopes()
        assert 1 < len(envelopes) < len(events) / 5
        for envelope in envelopes:
            assert envelope_errors(envelope) == []
            assert envelope["sensor"] == f"{LMS}/tracking"
            assert len(json.dumps(envelope, separators=(",", ":"))) <= 20_000
        assert [event for envelope in envelopes for event in envelope["data"]] == events

    def test_a_second_run_sends_nothing_twice(self, send, endpoint):
        first = send([university(endpoint)], sample_log())
        before = endpoint.envelopes()
        second = send([university(endpoint)], sample_log())

        assert before
        assert endpoint.envelopes() == before
        assert (report(second)["read"], report(second)["sent_before"]) == (0, report(first)["read"])

    def test_the_sensor_is_the_site_when_none_is_named(self, send, endpoint):
        send([university(endpoint, sensor=None)], sample_log())

        assert {envelope["sensor"] for envelope in endpoint.envelopes()} == {LMS}

    def test_an_endpoint_for_another_version(self, send, tmp_path):
        """It is given up with the reason, and gets everything when it has been put right."""
        old = "http://purl.imsglobal.org/ctx/caliper/v1p1"
        with CaliperReceiver(auth=TOKEN, versions=[old]) as endpoint:
            done = send([university(endpoint)], "--patience", "0", sample_log())

            stopped = report(done)["consumers"]["university"]["stopped"]
            assert done.returncode == 1
            assert "takes Caliper v1p1" in stopped
            assert "Caliper 1.2" in stopped
            assert endpoint.envelopes() == []
        with CaliperReceiver(auth=TOKEN) as endpoint:
            done = send([university(endpoint)], sample_log())

            assert report(done)["consumers"]["university"]["delivered"] == len(endpoint.events())
            assert len(endpoint.events()) > 200

    def test_what_one_protocol_rejects_is_not_lost(self, send, endpoint, tmp_path):
        """A learner who has no id for Caliper: the line is sent as xAPI, and kept."""
        (tmp_path / "ids.csv").write_text(
            "user_id,xapi,caliper\n"
            "7,4a6a1f0e-0f5e-4c68-9c6e-0ad0a62b28ff,\n"
            "8,7d6a2b8c-2f2b-4f0e-8e55-2b7c6f5f6f0a,0b5c3a3c-9a55-4d0e-9a24-0d0c2f6b7e11\n"
        )
        lines = [
            json.dumps(
                {
                    "name": "play_video",
                    "time": f"2026-02-02T08:00:0{number}.5+00:00",
                    "event": {"id": "v1", "currentTime": number},
                    "context": {"user_id": user, "course_id": "course-v1:a+b+c"},
                }
            )
            for number, user in enumerate((7, 8, 9))
        ]
        (tmp_path / "x.log").write_text("\n".join([*lines, '{"name": "unheard.of"}', ""]))
        with Receiver() as receiver:
            done = send(
                [lrs(receiver), university(endpoint)],
                "--rejects",
                "rejects",
                "x.log",
                options=("--lms-root", LMS, "--identity-file", "ids.csv"),
            )

            assert len(receiver.statements()) == 2
        counts = report(done)
        assert done.returncode == 1
        assert adds_up(counts)
        assert (counts["translated"], counts["documents"]) == (2, 3)
        assert counts["skipped"] == {"unknown_event": 1}
        assert counts["rejected"] == {"unknown_user": 1}
        assert counts["in_part"] == {"caliper:unknown_user": 1}
        assert [(each["line"], each["reason"]) for each in records_of(tmp_path / "rejects")] == [
            (1, "caliper:unknown_user"),
            (3, "unknown_user"),
        ]
        assert len(endpoint.events()) == 1

    def test_the_table_says_so_too(self, eventkit, endpoint, tmp_path):
        """What is rejected in part has a row of its own, only when there is something."""
        (tmp_path / "ids.csv").write_text("user_id,xapi\n7,4a6a1f0e-0f5e-4c68-9c6e-0ad0a62b28ff\n")
        event = {
            "name": "play_video",
            "time": "2026-02-02T08:00:00.5+00:00",
            "event": {"id": "v1", "currentTime": 1},
            "context": {"user_id": 7, "course_id": "course-v1:a+b+c"},
        }
        (tmp_path / "x.log").write_text(json.dumps(event) + "\n")
        own = ("--lms-root", LMS, "--identity-file", "ids.csv")
        with Receiver() as receiver:
            listed = {"both": [lrs(receiver), university(endpoint)], "one": [lrs(receiver)]}
            done = {}
            for name, consumers in listed.items():
                (tmp_path / f"{name}.json").write_text(json.dumps(consumers))
                done[name] = eventkit("send", "--consumers", f"{name}.json", *own, "x.log")

        assert b"in part" in done["both"].stderr
        assert b"caliper:unknown_user" in done["both"].stderr
        assert b"in part" not in done["one"].stderr
        assert (done["both"].returncode, done["one"].returncode) == (1, 0)


def records_of(path):
    return records(path.read_bytes())


class TestCheck:
    def test_each_consumer_has_a_line(self, eventkit, endpoint, tmp_path):
        """What the endpoint says of itself, or what is wrong; nothing is sent."""
        old = ["http://purl.imsglobal.org/ctx/caliper/v1p1"]
        wrong = {"type": "bearer", "token": "hunter2"}
        with CaliperReceiver(versions=old) as other, Receiver() as receiver:
            listed = [
                university(endpoint, id="good"),
                university(endpoint, id="locked", auth=wrong),
                university(other, id="old"),
                university(receiver, id="no-endpoint"),
                university(endpoint, id="folder", url=f"file:{tmp_path}/events.jsonl"),
                lrs(receiver),
            ]
            (tmp_path / "consumers.json").write_text(json.dumps(listed))
            done = eventkit("check", "consumers.json")

        lines = {line.split()[0]: line for line in done.stdout.decode().splitlines()}
        states = {name: line.split()[1:3] for name, line in lines.items()}
        assert done.returncode == 1
        assert states == {
            "good": ["caliper", "ok"],
            "locked": ["caliper", "FAILED"],
            "old": ["caliper", "FAILED"],
            "no-endpoint": ["caliper", "FAILED"],
            "folder": ["caliper", "ok"],
            "lrs": ["xapi", "ok"],
        }
        assert "takes Caliper v1p2, at most 20,000 bytes in a request" in lines["good"]
        assert "check auth" in lines["locked"]
        assert "takes Caliper v1p1" in lines["old"]
        assert "check url" in lines["no-endpoint"]
        assert b"hunter2" not in done.stdout + done.stderr
        assert endpoint.envelopes() == []

    def test_a_sensor_that_is_none(self, eventkit, endpoint, tmp_path):
        """One line says what is right."""
        listed = [university(endpoint, sensor="the LMS")]
        (tmp_path / "consumers.json").write_text(json.dumps(listed))
        done = eventkit("check", "consumers.json")

        assert done.returncode == 2
        assert b"'university': sensor: 'the LMS' is no IRI; expected one such as" in done.stderr


class TestEvents:
    def test_every_event_tells_its_types_and_actions(self, eventkit):
        """Each pair is one that events in fact have; none is left to be guessed."""
        rows = {row["name"]: row for row in json.loads(eventkit("events", "--json").stdout)}

        for row in CATALOGUE:
            found = rows[row.name]["caliper"]
            assert (found is None) == (row.caliper is None)
            assert found is None or found["events"], row.name
        assert rows["play_video"]["caliper"]["events"] == [
            {"type": "MediaEvent", "action": "Started"},
            {"type": "MediaEvent", "action": "Resumed"},
        ]

    def test_what_is_listed_is_what_comes_out(self, eventkit, translate):
        """For every event of the sample log."""
        rows = {row["name"]: row for row in json.loads(eventkit("events", "--json").stdout)}
        translator = CaliperTranslator(lms_root=LMS, identity=HMACIdentity(SECRET))
        seen = 0
        for each in translate_lines(read_log(str(sample_log())), translator):
            listed = rows[each.name]["caliper"]["events"] if each.translation else []
            for document in each.documents:
                assert {"type": document["type"], "action": document["action"]} in listed
                seen += 1

        assert seen > 200

    def test_the_table(self, eventkit):
        lines = eventkit("events").stdout.decode().splitlines()

        (row,) = [line for line in lines if " pause_video " in line]
        assert "caliper: MediaEvent Paused" in row


def test_the_endpoint_of_these_tests_is_strict(endpoint):
    """It would refuse what is no envelope, or has no credentials."""
    assert requests.post(endpoint.url, json=[], timeout=5).status_code == 401
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.post(endpoint.url, json=[], headers=headers, timeout=5).status_code == 400
