"""The embedded LRS, over real HTTP."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests

from eventkit.receivers import Receiver

AUTH = ("someone", "pa:ss wörd")
HEADERS = {"X-Experience-API-Version": "1.0.3"}


def statement(**parts: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "actor": {
            "objectType": "Agent",
            "account": {"homePage": "https://lms.example.org", "name": "x"},
        },
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attempted", "display": {"en": "attempted"}},
        "object": {"objectType": "Activity", "id": "https://lms.example.org/xblock/1"},
        "timestamp": "2024-01-02T03:04:05.678+00:00",
        "version": "1.0.3",
        **parts,
    }


class Client:
    """Talks to a receiver as a well-behaved sender does."""

    def __init__(self, receiver: Receiver) -> None:
        self.url = receiver.url + "/statements"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(HEADERS)
        self.session.auth = (AUTH[0].encode(), AUTH[1].encode())

    def post(self, content: Any, **options: Any) -> requests.Response:
        return self.session.post(self.url, **{"json": content, "timeout": 10, **options})

    def put(self, content: Any, **params: str) -> requests.Response:
        return self.session.put(self.url, json=content, params=params, timeout=10)

    def get(self, **params: Any) -> requests.Response:
        return self.session.get(self.url, params=params, timeout=10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(auth=AUTH, max_body=100_000) as running:
        yield running


@pytest.fixture
def client(receiver: Receiver) -> Iterator[Client]:
    made = Client(receiver)
    with made.session:
        yield made


def sent(stored: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stored.items() if key not in ("stored", "authority")}


class TestStoring:
    def test_one_statement_comes_back_as_it_was_sent(
        self, client: Client, receiver: Receiver
    ) -> None:
        one = statement(result={"response": "ünïcode \x00", "duration": "PT1S"})

        answer = client.post(one)

        assert (answer.status_code, answer.json()) == (200, [one["id"]])
        assert [sent(found) for found in receiver.statements()] == [one]
        assert sent(client.get(statementId=one["id"]).json()) == one

    def test_several_statements_are_stored_in_order(
        self, client: Client, receiver: Receiver
    ) -> None:
        batch = [statement() for _ in range(20)]

        answer = client.post(batch)

        assert answer.json() == [one["id"] for one in batch]
        assert [sent(found) for found in receiver.statements()] == batch

    def test_what_the_sender_leaves_out_is_filled_in(self, client: Client) -> None:
        one = statement()
        del one["id"], one["timestamp"], one["version"]

        [made] = client.post(one).json()
        stored = client.get(statementId=made).json()

        assert str(UUID(made)) == made
        assert stored["timestamp"] == stored["stored"]
        assert stored["version"] == "1.0.0"
        assert stored["authority"]["account"]["name"] == "someone"

    def test_the_sender_does_not_say_when_it_was_stored_or_by_whom(self, client: Client) -> None:
        one = statement(
            stored="1999-01-01T00:00:00Z",
            authority={"objectType": "Agent", "mbox": "mailto:someone@example.org"},
        )
        client.post(one)

        found = client.get(statementId=one["id"]).json()

        assert not found["stored"].startswith("1999")
        assert "account" in found["authority"]

    def test_arrivals_say_when(self, client: Client, receiver: Receiver) -> None:
        first, second = statement(), statement()
        before = time.time()
        client.post(first)
        client.post(second)

        arrivals = receiver.arrivals()

        assert before <= arrivals[first["id"]] <= arrivals[second["id"]] <= time.time()

    def test_put_stores_one_under_the_id_in_the_address(self, client: Client) -> None:
        one = statement()
        number = one.pop("id")

        assert client.put(one, statementId=number).status_code == 204
        assert client.put(one, statementId=number).status_code == 204
        assert client.get(statementId=number).json()["id"] == number

    def test_put_needs_the_id_and_the_same_one(self, client: Client) -> None:
        assert client.put(statement()).status_code == 400
        assert client.put(statement(), statementId=str(uuid4())).status_code == 400
        assert client.put(statement(), statementId="x").status_code == 400
        assert client.put([statement()], statementId=str(uuid4())).status_code == 400

    def test_many_senders_at_once_lose_nothing(self, receiver: Receiver) -> None:
        def send(batch: list[dict[str, Any]]) -> int:
            client = Client(receiver)
            with client.session:
                return client.post(batch).status_code

        batches = [[statement() for _ in range(5)] for _ in range(40)]
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(send, batches)) == {200}

        wanted = {one["id"] for batch in batches for one in batch}
        assert {one["id"] for one in receiver.statements()} == wanted
        times = list(receiver.arrivals().values())
        assert times == sorted(times)


class TestEqualIds:
    def test_the_same_statement_again_is_fine_and_stored_once(
        self, client: Client, receiver: Receiver
    ) -> None:
        one = statement()
        for _ in range(3):
            assert client.post(one).status_code == 200

        assert len(receiver.statements()) == 1

    def test_another_statement_of_that_id_is_a_conflict_and_nothing_of_its_batch_is_stored(
        self, client: Client, receiver: Receiver
    ) -> None:
        one = statement()
        client.post(one)
        other = one | {"timestamp": "2025-01-01T00:00:00Z"}

        answer = client.post([statement(), other, statement()])

        assert answer.status_code == 409
        assert "statements[1]" in answer.json()["error"]
        assert [sent(found) for found in receiver.statements()] == [one]

    def test_case_of_an_id_does_not_make_it_another(self, client: Client) -> None:
        one = statement()
        client.post(one)

        assert client.post(statement(id=one["id"].upper())).status_code == 409

    def test_one_id_twice_in_a_batch_is_refused(self, client: Client, receiver: Receiver) -> None:
        one = statement()

        answer = client.post([one, statement(), one])

        assert answer.status_code == 400
        assert "statements[2]" in answer.json()["error"]
        assert receiver.statements() == []


class TestRefusals:
    @pytest.mark.parametrize(
        "auth", [None, ("someone", "wrong"), ("other", "pa:ss"), ("", ""), ("someone", "")]
    )
    def test_wrong_credentials(self, client: Client, receiver: Receiver, auth: Any) -> None:
        client.session.auth = auth

        answer = client.post(statement())

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert client.get().status_code == 401
        assert receiver.statements() == []

    @pytest.mark.parametrize("version", [None, "", "2.0.0", "1.1", "nonsense"])
    def test_wrong_version_header(self, client: Client, version: str | None) -> None:
        assert (
            client.post(statement(), headers={"X-Experience-API-Version": version}).status_code
            == 400
        )

    @pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.9"])
    def test_any_version_of_this_line_is_fine(self, client: Client, version: str) -> None:
        answer = client.post(statement(), headers={"X-Experience-API-Version": version})

        assert answer.status_code == 200
        assert answer.headers["X-Experience-API-Version"] == "1.0.3"

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[1,]", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'"text"', b"3"]
    )
    def test_what_is_no_statement(self, client: Client, receiver: Receiver, body: bytes) -> None:
        answer = client.post(
            None, json=None, data=body, headers={"Content-Type": "application/json"}
        )

        assert answer.status_code in (400, 413)
        assert receiver.statements() == []

    @pytest.mark.parametrize(
        "iri",
        [
            "https://example.org/list?tag[]=a",
            "https://example.org/100%",
            "https://example.org/a%zz",
            "https://example.org/#/a#b",
        ],
    )
    def test_an_iri_that_is_not_encoded_is_refused(self, client: Client, iri: str) -> None:
        answer = client.post(statement(object={"objectType": "Activity", "id": iri}))

        assert answer.status_code == 400
        assert "RFC 3987" in answer.text

    @pytest.mark.parametrize(
        "change",
        [
            {"verb": None},
            {"verb": {"id": "nope"}},
            {"actor": {"objectType": "Agent"}},
            {"object": {"objectType": "GroupActivity", "id": "https://x.example.org"}},
            {"result": {"duration": "3 s"}},
            {"result": {"score": {"scaled": 2}}},
            {"unknown": 1},
            {"id": "no-uuid"},
            {"id": 3},
            {"timestamp": "yesterday"},
        ],
    )
    def test_an_invalid_statement_is_named_and_costs_its_batch(
        self, client: Client, receiver: Receiver, change: dict[str, Any]
    ) -> None:
        answer = client.post([statement(), statement(**change), statement()])

        assert answer.status_code == 400
        assert answer.json()["error"].startswith("statements[1]: ")
        assert receiver.statements() == []

    def test_other_content_types(self, client: Client) -> None:
        plain = {"Content-Type": "text/plain"}
        gzip = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

        assert client.post(statement(), headers=plain).status_code == 400
        assert client.post(statement(), headers=gzip).status_code == 415

    def test_too_large_a_body_is_refused_unread(self, client: Client) -> None:
        answer = client.post([statement(result={"response": "x" * 200_000})])

        assert answer.status_code == 413
        assert client.post(statement()).status_code == 200

    def test_a_body_of_unknown_length(self, client: Client) -> None:
        answer = client.post(None, json=None, data=iter([b"{}"]))

        assert answer.status_code == 411

    def test_a_body_that_breaks_off_is_no_request(self, receiver: Receiver) -> None:
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as raw:
            raw.sendall(b"POST /xapi/statements HTTP/1.1\r\nContent-Length: 100\r\n\r\n{}")
            raw.shutdown(socket.SHUT_WR)

            assert raw.recv(100) == b""

    def test_other_addresses_and_methods(self, client: Client, receiver: Receiver) -> None:
        session = client.session

        assert session.get(receiver.url + "/activities", timeout=5).status_code == 404
        assert session.post(receiver.url, json={}, timeout=5).status_code == 404
        assert session.delete(client.url, timeout=5).status_code == 405
        assert client.session.post(client.url + "?x=1", json=[], timeout=5).status_code == 400

    def test_a_refusal_leaves_the_connection_usable(self, client: Client) -> None:
        for _ in range(3):
            assert client.post([{}]).status_code == 400
            assert client.post(statement()).status_code == 200

    def test_no_refusal_repeats_what_was_sent(self, client: Client) -> None:
        answer = client.post(statement(verb={"id": "alice@example.org"}))

        assert "alice" not in answer.text


class TestQueries:
    def test_about_needs_nothing(self, receiver: Receiver) -> None:
        answer = requests.get(receiver.url + "/about", timeout=5)

        assert answer.json() == {"version": ["1.0.3", "2.0.0"]}

    def test_newest_first_unless_asked_otherwise(self, client: Client) -> None:
        ids = client.post([statement() for _ in range(5)]).json()

        assert [one["id"] for one in client.get().json()["statements"]] == ids[::-1]
        assert [one["id"] for one in client.get(ascending="true").json()["statements"]] == ids

    @pytest.mark.parametrize("ascending", ["true", "false"])
    def test_more_leads_to_the_rest(
        self, client: Client, receiver: Receiver, ascending: str
    ) -> None:
        ids = client.post([statement() for _ in range(7)]).json()
        found: list[str] = []
        answer = client.get(limit=3, ascending=ascending).json()
        pages = 1
        while answer["more"]:
            found += [one["id"] for one in answer["statements"]]
            root = receiver.url.removesuffix("/xapi")
            answer = client.session.get(root + answer["more"], timeout=5).json()
            pages += 1
        found += [one["id"] for one in answer["statements"]]

        assert found == (ids if ascending == "true" else ids[::-1])
        assert pages == 3

    def test_by_verb_and_activity(self, client: Client) -> None:
        verb = "http://adlnet.gov/expapi/verbs/passed"
        one = statement(verb={"id": verb})
        other = statement(object={"id": "https://lms.example.org/xblock/2"})
        client.post([one, other])

        def ids(**params: str) -> list[str]:
            return [found["id"] for found in client.get(**params).json()["statements"]]

        assert ids(verb=verb) == [one["id"]]
        assert ids(activity="https://lms.example.org/xblock/2") == [other["id"]]
        assert ids(verb=verb, activity="https://lms.example.org/xblock/2") == []

    def test_by_the_time_they_were_stored(self, client: Client) -> None:
        first, second = statement(), statement()
        client.post(first)
        client.post(second)
        stored = client.get(statementId=first["id"]).json()["stored"]

        since = client.get(since=stored).json()["statements"]
        until = client.get(until=stored).json()["statements"]

        assert [one["id"] for one in since] == [second["id"]]
        assert [one["id"] for one in until] == [first["id"]]

    @pytest.mark.parametrize(
        "params",
        [
            {"agent": "{}"},
            {"limit": "-1"},
            {"limit": "x"},
            {"since": "yesterday"},
            {"statementId": "x"},
            {"statementId": str(uuid4()), "verb": "x"},
        ],
    )
    def test_what_it_cannot_answer_is_refused(self, client: Client, params: Any) -> None:
        assert client.get(**params).status_code == 400

    def test_an_unknown_statement(self, client: Client) -> None:
        assert client.get(statementId=str(uuid4())).status_code == 404


class TestLife:
    def test_without_auth_anybody_may_send(self) -> None:
        with Receiver() as receiver:
            answer = requests.post(
                receiver.url + "/statements", json=statement(), headers=HEADERS, timeout=5
            )

            assert answer.status_code == 200

    def test_listens_on_loopback_only(self, receiver: Receiver) -> None:
        assert receiver._server.address[0] == "127.0.0.1"
        assert receiver.url == f"http://127.0.0.1:{receiver.port}/xapi"

    def test_a_file_keeps_the_statements_and_is_one_file(self, tmp_path: Path) -> None:
        database = tmp_path / "statements.sqlite3"
        one = statement()
        with Receiver(database, auth=AUTH) as receiver:
            client = Client(receiver)
            with client.session:
                client.post(one)
        assert [path.name for path in tmp_path.iterdir()] == [database.name]
        with sqlite3.connect(database) as db:
            [(text,)] = db.execute("SELECT sent FROM statements").fetchall()
        db.close()
        assert json.loads(text) == one

        with Receiver(database, auth=AUTH) as receiver:
            client = Client(receiver)
            with client.session:
                assert client.post(one).status_code == 200
                assert client.post(one | {"version": "1.0.0"}).status_code == 409

        assert [sent(found) for found in receiver.statements()] == [one]

    def test_stopping_hangs_up_on_open_connections_and_frees_the_port(self) -> None:
        receiver = Receiver(auth=AUTH)
        client = Client(receiver)
        assert client.post(statement()).status_code == 200

        receiver.stop()
        receiver.stop()

        with pytest.raises(requests.ConnectionError):
            client.post(statement())
        client.session.close()
        assert len(receiver.statements()) == 1
        with Receiver(port=receiver.port) as again:
            assert again.port == receiver.port
