"""The embedded Caliper endpoint, as a sender sees it."""

from __future__ import annotations

import copy
import json
import re
import sqlite3
import threading
import time

import pytest
import requests
from caliper_events import CONTEXT, entity, event

from eventkit.receivers import CaliperReceiver

TOKEN = "tok-en-1234567"
JSON = {"Content-Type": "application/json"}


def viewed(number=1, **members):
    return event(
        "ViewEvent",
        "Viewed",
        entity("WebPage", "https://lms.example.org/page"),
        **{"id": f"urn:uuid:{number:08}-2c71-57a6-9ba9-8ba714e68f76", **members},
    )


def envelope(*events, **members):
    return {
        "sensor": "https://lms.example.org",
        "sendTime": "2026-01-01T00:00:00.000Z",
        "dataVersion": CONTEXT,
        "data": list(events),
        **members,
    }


@pytest.fixture
def receiver():
    with CaliperReceiver() as receiver:
        yield receiver


@pytest.fixture
def post(receiver):
    def post(content, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(receiver.url, data=body, headers=JSON | headers, timeout=5)

    return post


def problem(answer):
    """What is wrong, as a problem document."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == answer.status_code
    assert found["title"]
    return found["detail"]


class TestTaking:
    def test_an_envelope(self, post, receiver):
        """Its events are kept in order; the answer is empty."""
        before = time.time()
        answer = post(envelope(viewed(2), viewed(1)))

        assert (answer.status_code, answer.content) == (200, b"")
        assert receiver.events() == [viewed(2), viewed(1)]
        assert receiver.envelopes() == [envelope(viewed(2), viewed(1))]
        assert list(receiver.arrivals()) == [viewed(2)["id"], viewed(1)["id"]]
        assert all(before <= each <= time.time() for each in receiver.arrivals().values())

    def test_what_comes_again_is_kept_once(self, post, receiver):
        """The order of its members does not make it another."""
        post(envelope(viewed(1)))
        again = post(envelope(viewed(2), dict(reversed(viewed(1).items())), viewed(2)))

        assert again.status_code == 200
        assert receiver.events() == [viewed(1), viewed(2)]
        assert len(receiver.envelopes()) == 2

    def test_another_event_with_an_id_that_is_taken(self, post, receiver):
        """Nothing of its envelope is kept."""
        post(envelope(viewed(1)))
        answer = post(envelope(viewed(2), viewed(1, eventTime="2024-02-29T12:00:00.501Z")))

        assert answer.status_code == 409
        assert "data[1].id" in problem(answer)
        assert receiver.events() == [viewed(1)]
        assert len(receiver.envelopes()) == 1

    def test_many_senders_at_once(self, receiver):
        def send(first):
            with requests.Session() as session:
                for number in range(first, first + 20):
                    content = envelope(viewed(number), viewed(number + 1000))
                    assert session.post(receiver.url, json=content, timeout=20).status_code == 200

        threads = [threading.Thread(target=send, args=(100 * number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert len(receiver.events()) == 200
        assert len(receiver.envelopes()) == 100


class TestRefusing:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"sensor": ""}, "sensor"),
            ({"sendTime": "2026-01-01T00:00:00Z"}, "sendTime"),
            ({"sendTime": "2026-02-30T00:00:00.000Z"}, "sendTime"),
            ({"dataVersion": None}, "dataVersion"),
            ({"data": []}, "data"),
            ({"data": viewed()}, "data"),
            ({"data": [viewed(), 7]}, "data[1]"),
            ({"extra": 1}, "extra"),
        ],
    )
    def test_an_envelope_that_is_none(self, post, receiver, change, words):
        answer = post(envelope(viewed()) | change)

        assert answer.status_code == 400
        assert words in problem(answer)
        assert receiver.events() == receiver.envelopes() == []

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"7", b"null", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000]
    )
    def test_a_body_that_is_no_envelope(self, post, body):
        answer = post(body)

        assert answer.status_code == 400
        assert "the body is" in problem(answer)

    def test_an_event_that_is_invalid(self, post, receiver):
        """Its index and what is wrong are named, its values are not; its neighbours wait."""
        bad = copy.deepcopy(viewed(2)) | {"action": "Peeked-by-alice", "eventTime": "today"}
        answer = post(envelope(viewed(1), bad))

        assert answer.status_code == 400
        assert "data[1].action" in problem(answer)
        assert "data[0]" not in problem(answer)
        assert "alice" not in answer.text
        assert receiver.events() == []

    def test_not_all_that_is_wrong_is_told(self, post):
        answer = post(envelope(*[viewed(number) | {"action": "X"} for number in range(50)]))

        assert re.search(r"data\[0\]\.action: .*; and \d+ more$", problem(answer))
        assert len(problem(answer)) < 1000

    @pytest.mark.parametrize("version", ["http://purl.imsglobal.org/ctx/caliper/v1p1", "1.2"])
    def test_another_version(self, post, version):
        answer = post(envelope(viewed(), dataVersion=version))

        assert answer.status_code == 422
        assert CONTEXT in problem(answer)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content_Type": "application/vnd.ims.caliper+json"},
            {"Content_Type": "text/plain"},
            {"Content_Encoding": "gzip"},
        ],
    )
    def test_another_content_type(self, post, headers):
        answer = post(envelope(viewed()), **headers)

        assert answer.status_code == 415
        assert problem(answer)

    def test_too_large(self):
        with CaliperReceiver(max_body=2000) as receiver:
            small = requests.post(receiver.url, json=envelope(viewed(1)), timeout=5)
            many = envelope(*map(viewed, range(9)))
            large = requests.post(receiver.url, json=many, timeout=5)

            assert (small.status_code, large.status_code) == (200, 413)
            assert "2000" in problem(large)

    def test_elsewhere_and_otherwise(self, receiver):
        assert requests.get(f"{receiver.url}/x", timeout=5).status_code == 404
        assert requests.put(receiver.url, json=envelope(viewed()), timeout=5).status_code == 405
        assert requests.delete(receiver.url, timeout=5).status_code == 405

    def test_a_bug_is_no_answer_of_web_pages(self, post, receiver):
        """It is a problem like others, and the next request is answered."""
        receiver._store._db.execute("DROP TABLE envelopes")
        answer = post(envelope(viewed()))

        assert answer.status_code == 500
        assert problem(answer) == "this is a bug"
        assert requests.get(receiver.url, timeout=5).status_code == 200


class TestCredentials:
    @pytest.mark.parametrize(
        ("auth", "right", "scheme"),
        [(TOKEN, f"Bearer {TOKEN}", "Bearer"), (("u", "p"), "Basic dTpw", "Basic")],
    )
    def test_they_are_asked_for(self, auth, right, scheme):
        """For sending and for the configuration."""
        with CaliperReceiver(auth=auth) as receiver:
            for given in (None, "", "Bearer", "Basic dTpx", f"Bearer {TOKEN}é".encode()):
                headers = {"Authorization": given} if given is not None else {}
                sent = requests.post(
                    receiver.url, json=envelope(viewed()), headers=headers, timeout=5
                )
                asked = requests.get(receiver.url, headers=headers, timeout=5)

                assert sent.status_code == asked.status_code == 401
                assert sent.headers["WWW-Authenticate"].startswith(scheme)
                assert problem(sent)
            headers = {"Authorization": right}
            sent = requests.post(receiver.url, json=envelope(viewed()), headers=headers, timeout=5)
            assert sent.status_code == 200
            assert requests.get(receiver.url, headers=headers, timeout=5).status_code == 200


class TestConfiguration:
    def test_what_it_publishes(self, receiver):
        answer = requests.get(receiver.url, timeout=5)

        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json() == {
            "caliperSupportedVersions": [CONTEXT],
            "caliperMaximumPayloadSize": 1000,
        }

    def test_what_it_is_told_to_publish(self):
        with CaliperReceiver(max_body=5999, versions=["http://example.org/v1p1"]) as receiver:
            assert requests.get(receiver.url, timeout=5).json() == {
                "caliperSupportedVersions": ["http://example.org/v1p1"],
                "caliperMaximumPayloadSize": 5,
            }


class TestLife:
    def test_a_file_keeps_the_events(self, tmp_path):
        database = tmp_path / "events.sqlite3"
        for number in (1, 2):
            with CaliperReceiver(database) as receiver:
                requests.post(receiver.url, json=envelope(viewed(number)), timeout=5)

        assert receiver.events() == [viewed(1), viewed(2)]
        with sqlite3.connect(database) as db:
            assert db.execute("SELECT count(*) FROM events").fetchall() == [(2,)]
        db.close()
        assert [path.name for path in tmp_path.iterdir()] == ["events.sqlite3"]

    def test_stopping(self):
        """Its events can be read afterwards, and its port is free."""
        with CaliperReceiver() as receiver:
            requests.post(receiver.url, json=envelope(viewed()), timeout=5)
            port = receiver.port
        receiver.stop()

        assert receiver.events() == [viewed()]
        with pytest.raises(requests.ConnectionError):
            requests.get(receiver.url, timeout=5)
        with CaliperReceiver(port=port) as other:
            assert other.port == port
            assert other.events() == []
