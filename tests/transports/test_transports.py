"""Transports: what each answer of a receiver means, over real sockets and files."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import errno
import gzip
import json
import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib

import fault_server
import pytest
from fault_server import respond, serving, unused_port

from eventkit.base import appending as _appending
from eventkit.base.json import dumps as encode
from eventkit.consumers import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.router import check_consumer
from eventkit.transports import Document, Verdict, make_transport
from eventkit.transports.http import retry_after

PASSWORD = 'pass"word/1'
TOKEN = "tok-en-1234567"


def statement(number=0):
    return {"id": f"id-{number}", "actor": {"name": "Zoë \ud800"}, "verb": {}, "n": number}


def documents(count):
    return [Document("e", encode(statement(n))) for n in range(count)]


def consumer(url, **settings):
    return Consumer(id="lrs", protocol="xapi", url=url, **settings)


@pytest.fixture
def server():
    with serving() as server:
        yield server


def transport(url, **settings):
    return make_transport(consumer(url, **settings))


class TestRequest:
    def test_what_is_sent(self, server):
        """Statements go in one list, in the bytes they were written in, under the xAPI headers."""
        sent = documents(3)
        answer = transport(server.url + "/", headers={"X-Tenant": "seven"}).send(sent)

        (request,) = server.requests
        assert answer.verdict is Verdict.DELIVERED
        assert ("POST", "/xapi/statements") == (request.method, request.path)
        assert request.body == b"[" + b",".join(item.body for item in sent) + b"]"
        assert request.headers["content-type"] == "application/json"
        assert request.headers["x-experience-api-version"] == "1.0.3"
        assert request.headers["x-tenant"] == "seven"
        assert "authorization" not in request.headers
        assert set(server.stored) == {"id-0", "id-1", "id-2"}

    @pytest.mark.parametrize(
        ("auth", "expected"),
        [
            (
                {"type": "basic", "username": "Zoë", "password": PASSWORD},
                "Basic " + base64.b64encode(f"Zoë:{PASSWORD}".encode()).decode(),
            ),
            ({"type": "bearer", "token": TOKEN}, f"Bearer {TOKEN}"),
        ],
    )
    def test_credentials(self, server, auth, expected, tmp_path, monkeypatch):
        """Basic and bearer credentials are sent, whatever a netrc file says."""
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password wrong\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        server.authorization = expected
        for trust_env in (True, False):
            made = make_transport(consumer(server.url, auth=auth), trust_env=trust_env)
            assert made.send(documents(1)).verdict is Verdict.DELIVERED

    def test_environment_is_ignored_by_default(self, server, monkeypatch):
        """A proxy in the environment counts only when the router is told so."""
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        here = consumer(server.url)

        assert make_transport(here).send(documents(1)).verdict is Verdict.DELIVERED
        answer = make_transport(here, trust_env=True).send(documents(1))
        assert (Verdict.RETRY, "proxy") == (answer.verdict, answer.reason)

    def test_connection_stays_open(self, server):
        """Requests share a connection."""
        made = transport(server.url)
        for number in range(5):
            made.send(documents(number + 1))

        assert (5, 1) == (len(server.requests), server.connections)

    def test_equal_documents_are_sent_once(self, server):
        """A document that stands twice in a batch would have the whole batch refused."""
        answer = transport(server.url).send(documents(2) + documents(2))

        assert answer.verdict is Verdict.DELIVERED
        assert len(server.requests[0].statements) == 2

    def test_version_can_be_overridden(self, server):
        """An LRS that insists on another version of xAPI gets it, once."""
        transport(server.url, headers={"x-experience-api-version": "2.0.0"}).send(documents(1))

        assert server.requests[0].headers["x-experience-api-version"] == "2.0.0"


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "body", "single", "batch"),
        [
            (204, b"", "delivered", "delivered"),
            (204, b"none", "delivered", "delivered"),
            (200, b'["id-0", "id-1"]', "refused", "delivered"),
            (200, b'["id-0"]', "delivered", "refused"),
            (200, b"[]", "refused", "refused"),
            (200, b"", "pause", "pause"),
            (200, b"<html>Welcome!</html>", "pause", "pause"),
            (200, b'{"ok": true}', "pause", "pause"),
            (200, b"[" * 100_000, "pause", "pause"),
            (202, b"", "pause", "pause"),
            (301, b"", "pause", "pause"),
            (302, b"", "pause", "pause"),
            (307, b"", "pause", "pause"),
            (400, b"no", "refused", "refused"),
            (401, b"no", "pause", "pause"),
            (403, b"no", "pause", "pause"),
            (404, b"no", "pause", "pause"),
            (408, b"no", "retry", "retry"),
            (409, b"no", "refused", "refused"),
            (413, b"no", "refused", "refused"),
            (418, b"no", "refused", "refused"),
            (422, b"no", "refused", "refused"),
            (425, b"no", "retry", "retry"),
            (429, b"no", "retry", "retry"),
            (500, b"no", "retry", "retry"),
            (501, b"no", "retry", "retry"),
            (502, b"no", "retry", "retry"),
            (503, b"no", "retry", "retry"),
            (504, b"no", "retry", "retry"),
            (599, b"no", "retry", "retry"),
        ],
    )
    def test_status(self, server, status, body, single, batch):
        """Each status has one meaning for one statement and one for several."""
        server.default = respond(status, body, Location="https://new.example.org/x?key=1")
        made = transport(server.url)
        one, two = made.send(documents(1)), made.send(documents(2))

        assert (single, batch) == (one.verdict.value, two.verdict.value)
        if batch != "delivered":
            assert two.status == status
            assert two.response == body.decode()[:1000]
            assert server.url in two.detail
        assert len(server.requests) == 2

    def test_partly_acknowledged(self, server):
        """Of a batch that is acknowledged in part, what was taken is known."""
        server.script.append(respond(200, b'["id-1"]'))

        answer = transport(server.url).send(documents(3))

        assert (Verdict.REFUSED, frozenset({"id-1"})) == (answer.verdict, answer.accepted)

    @pytest.mark.parametrize(
        ("ids", "expected"),
        [
            (["id-0", "id-1", "id-2"], "delivered"),
            (["id-2", "id-0", "id-1"], "delivered"),
            (["ID-0", "id-1", "Id-2"], "delivered"),
            (["id-0", "id-1"], {"id-0", "id-1"}),
            (["ID-2"], {"id-2"}),
            ([], set()),
            ([{"error": "disk full"}], set()),
            ([{"error": "disk full"}] * 3, set()),
            ([1, 2, 3], set()),
            ([None, None, None], set()),
            ([["id-0", "id-1", "id-2"]], set()),
            (["id-0", "id-0", "id-0"], set()),
            (["id-0", "id-1", "id-1"], set()),
            (["id-0", "id-1", "id-2", "id-2"], set()),
            (["id-0", "id-1", "id-2", "id-3"], set()),
            (["id-7", "id-8", "id-9"], set()),
            (["id-0", "id-1", "id-9"], set()),
            (["id-0", "id-1", 2], set()),
            (["", "", ""], set()),
            (['id-0","actor":{"name":"Zo', "id-1", "id-2"], set()),
        ],
    )
    def test_only_its_own_ids_acknowledge(self, server, ids, expected):
        """A list with anything but the ids that were sent acknowledges nothing."""
        server.script.append(respond(200, json.dumps(ids).encode()))
        answer = transport(server.url).send(documents(3))

        if expected == "delivered":
            assert answer.verdict is Verdict.DELIVERED
        else:
            assert (Verdict.REFUSED, "not_acknowledged") == (answer.verdict, answer.reason)
            assert answer.accepted == expected

    def test_ids_of_statements_in_other_spellings(self, server):
        """An id is one however its letters are written."""
        own = "0F4A1DB2-43F6-4A35-9B4B-6A7A7C0E3B11"
        server.script.append(respond(200, json.dumps([own.lower()]).encode()))
        sent = [Document("e", encode({"verb": {}, "id": own}))]

        assert transport(server.url).send(sent).verdict is Verdict.DELIVERED

    @pytest.mark.parametrize(
        ("ids", "verdict"),
        [
            (["id-0", "new-1"], Verdict.DELIVERED),
            (["id-0"], Verdict.REFUSED),
            (["id-0", 5], Verdict.REFUSED),
            (["new-1", "new-2"], Verdict.REFUSED),
        ],
    )
    def test_statement_without_an_id(self, server, ids, verdict):
        """It gets one from the LRS, which is the only one that may be unknown."""
        server.script.append(respond(200, json.dumps(ids).encode()))
        sent = [*documents(1), Document("e", b'{"verb":{}}')]

        assert transport(server.url).send(sent).verdict is verdict

    def test_redirect_names_the_target_only(self, server):
        """A redirect is not followed; its target is shown without what may be secret in it."""
        with serving() as other:
            there = f"http://me:{TOKEN}@127.0.0.1:{other.port}/xapi/statements?key=1"
            server.default = respond(307, Location=there)
            answer = transport(server.url).send(documents(1))

            assert f"http://127.0.0.1:{other.port}/xapi/statements, correct url" in answer.detail
            assert "?key" not in answer.detail
            assert TOKEN not in answer.detail
            assert not other.requests

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("7", 7.0),
            (" 7 ", 7.0),
            ("0", 0.0),
            ("1000000000", 21_600.0),
            ("9" * 5000, None),
            ("-5", None),
            ("soon", None),
            ("", None),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
            ("Wed, 21 Oct", None),
        ],
    )
    def test_retry_after(self, server, value, expected):
        """Retry-After is seconds or a date; garbage says nothing."""
        server.default = respond(503, Retry_After=value)

        assert expected == transport(server.url).send(documents(1)).retry_after

    def test_retry_after_a_coming_date(self):
        """A date to come is as many seconds ahead."""
        value = email.utils.formatdate(time.time() + 100, usegmt=True)

        assert 90 < (retry_after(value) or 0) <= 100


class TestNoAnswer:
    @pytest.mark.parametrize(
        ("action", "reason"),
        [
            (fault_server.reset, "connection"),
            (fault_server.store_and_reset, "connection"),
            (fault_server.cut_short, "connection"),
            (fault_server.garbage, "bad_answer"),
            (fault_server.hang, "timeout"),
            (fault_server.drip_headers, "timeout"),
            (fault_server.drip_body, "timeout"),
            (fault_server.endless, "endless_answer"),
        ],
    )
    def test_broken_answer(self, server, action, reason):
        """Whatever is no whole answer is tried again, and ends in time."""
        server.script.append(action)
        made = transport(server.url, timeout={"total": 0.3, "connect": 5, "read": 5})
        if action is fault_server.endless:
            made = transport(server.url, timeout=10)
        begin = time.monotonic()
        answer = made.send(documents(1))

        assert (Verdict.RETRY, reason) == (answer.verdict, answer.reason)
        assert time.monotonic() - begin < 8
        assert made.send(documents(1)).verdict is Verdict.DELIVERED

    def test_time_left_by_one_request_is_not_that_of_the_next(self, server):
        """A deadline that was nearly over does not shorten the next request on the connection."""

        def slow(server, connection, request):
            time.sleep(0.2)
            return fault_server.behave(server, connection, request)

        server.script.extend([slow, slow, slow])
        made = transport(server.url, timeout=0.35)

        verdicts = [made.send(documents(1)).verdict for _ in range(3)]

        assert [Verdict.DELIVERED] * 3 == verdicts
        assert server.connections == 1

    @pytest.mark.parametrize("status", [401, 400, 503])
    def test_status_counts_even_when_the_body_breaks(self, server, status):
        """A failure needs no whole body to be understood."""

        def cut(server, connection, request):
            connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 99\r\n\r\nab".encode())
            return False

        server.script.append(cut)

        assert transport(server.url).send(documents(2)).status == status

    def test_nobody_listens(self):
        """A refused connection is tried again."""
        answer = transport(f"http://127.0.0.1:{unused_port()}/xapi").send(documents(1))

        assert (Verdict.RETRY, "connection") == (answer.verdict, answer.reason)

    def test_unknown_host(self):
        """A name that does not resolve is tried again."""
        answer = transport("http://nowhere.invalid/xapi").send(documents(1))

        assert (Verdict.RETRY, "dns") == (answer.verdict, answer.reason)

    def test_no_tls_on_the_other_side(self):
        """A server that does not speak TLS gets nothing."""
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve():
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" * 10)
                    while connection.recv(4096):
                        pass

            threading.Thread(target=serve, daemon=True).start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/xapi"
            answer = transport(url).send(documents(1))

        assert (Verdict.RETRY, "tls") == (answer.verdict, answer.reason)

    @pytest.mark.skipif(not shutil.which("openssl"), reason="makes a certificate with openssl")
    def test_certificate_is_checked(self, tmp_path, monkeypatch):
        """A server that cannot prove who it is gets nothing, unless the environment vouches."""
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        extension = "subjectAltName=DNS:localhost"
        subprocess.run(
            [*command.split(), "-addext", extension, "-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with serving(tls=context) as server:
            here = consumer(server.url.replace("http://127.0.0.1", "https://localhost"))
            refused = make_transport(here).send(documents(1))
            trusted = make_transport(here, trust_env=True)

            assert (Verdict.RETRY, "tls") == (refused.verdict, refused.reason)
            assert not server.requests
            assert trusted.send(documents(1)).verdict is Verdict.DELIVERED
            server.script.append(fault_server.drip_headers)
            quick = make_transport(
                consumer(here.url, timeout={"total": 0.3, "read": 5}), trust_env=True
            )
            assert quick.send(documents(1)).reason == "timeout"

    @pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
    def test_impossible_host(self, host):
        """A URL to which no request can be made waits for somebody to correct it."""
        answer = transport(f"http://{host}/xapi").send(documents(1))

        assert (Verdict.PAUSE, "configuration") == (answer.verdict, answer.reason)


def raw(*parts, keep=False):
    """Answer with these very bytes."""

    def action(server, connection, request):
        for part in parts:
            connection.sendall(part)
        return keep

    return action


def head(*lines, status=200):
    return "\r\n".join([f"HTTP/1.1 {status} OK", *lines, "", ""]).encode("latin-1")


BOMB = gzip.compress(gzip.compress(b" " * 200_000_000, 9), 9)
"""Of some hundred bytes; unpacked twice it is what no process wants to hold."""


class TestHostileAnswers:
    """Whatever a receiver sends is an answer of the receiver, and bounded in time and size."""

    @pytest.mark.parametrize(
        ("answer", "detail"),
        [
            ([head("Content-Length: 2", "Content-Length: 5"), b"[]   "], "it has two lengths"),
            ([head("Content-Length: 2, 5"), b"[]   "], "it has two lengths"),
            ([head("Content-Length: -5"), b"[]"], "its length is no number"),
            ([head("Content-Length: two"), b"[]"], "its length is no number"),
            ([b"[]"], "that is no HTTP"),
            ([b"<html>HTTP/0.9</html>\r\n"], "that is no HTTP"),
            ([b"HTTP/1.1 abc\r\n\r\n"], "that is no HTTP"),
            ([head(*(f"X-{n}: 1" for n in range(2000)))], "that is no HTTP"),
            ([head("X: " + "y" * 200_000)], "that is no HTTP"),
            ([head(status=101)], "it speaks another protocol from here on"),
            ([head(status=103) * 100_000], "it announces an answer again and again"),
            ([head(status=100) * 100_000], "it announces an answer again and again"),
        ],
    )
    def test_is_no_wrong_url(self, server, answer, detail):
        """It is tried again, with a reason that names the receiver."""
        server.script.append(raw(*answer))
        made = transport(server.url)
        found = made.send(documents(1))

        assert (Verdict.RETRY, "bad_answer") == (found.verdict, found.reason)
        assert detail in found.detail
        assert f"from {server.url}/statements" in found.detail
        assert made.send(documents(1)).verdict is Verdict.DELIVERED

    def test_equal_lengths_are_one(self, server):
        """What HTTP allows is read."""
        body = b'["id-0"]'
        server.script.append(raw(head(*[f"Content-Length: {len(body)}"] * 2), body, keep=True))

        assert transport(server.url).send(documents(1)).verdict is Verdict.DELIVERED

    def test_announced_answers_belong_to_their_request(self, server):
        """An answer that only announces another one is not taken for it, nor left to the next."""
        refusal = head("Content-Length: 0", status=400)
        announced = raw(head(status=103), head("Link: <x>", status=103), refusal, keep=True)
        server.script.append(announced)
        made = transport(server.url)

        assert made.send(documents(1)).status == 400
        assert made.send(documents(2)).verdict is Verdict.DELIVERED

    @pytest.mark.parametrize("status", [200, 302, 400, 503])
    @pytest.mark.parametrize("is_chunked", [False, True])
    @pytest.mark.parametrize(
        "encoding",
        ["gzip, gzip", "gzip,gzip", "br, gzip", "zstd", "br", "deflate, gzip, x", "\xe9"],
    )
    def test_packed_again_and_again(self, server, encoding, is_chunked, status):
        """It is not unpacked; the status of a failure counts all the same."""
        lines = [f"Content-Encoding: {encoding}", "Location: http://other.invalid/"]
        body = BOMB
        if is_chunked:
            lines.append("Transfer-Encoding: chunked")
            body = f"{len(BOMB):x}\r\n".encode() + BOMB + b"\r\n0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(BOMB)}")
        server.script.append(raw(head(*lines, status=status), body))
        tracemalloc.start()
        found = transport(server.url).send(documents(1))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert peak < 20_000_000
        assert found.verdict is not Verdict.DELIVERED
        if status == 200:
            assert (Verdict.RETRY, "encoded_answer") == (found.verdict, found.reason)
            assert "packed" in found.detail
        else:
            assert found.status == status

    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "identity", "GZIP"])
    def test_packed_once(self, server, encoding):
        """One that packs without being asked is understood."""
        body = b'["id-0"]'
        if "gzip" in encoding.lower():
            body = gzip.compress(body)
        elif encoding == "deflate":
            body = zlib.compress(body)
        server.script.append(respond(200, body, Content_Encoding=encoding))

        assert transport(server.url).send(documents(1)).verdict is Verdict.DELIVERED

    @pytest.mark.parametrize("status", [200, 302, 503])
    @pytest.mark.parametrize("size", [b"10000", b"-1"])
    def test_without_end(self, server, status, size):
        """An answer that does not end is cut off by its size, a redirect's too."""

        def flood(server, connection, request):
            lines = ["Transfer-Encoding: chunked", "Location: http://other.invalid/"]
            connection.sendall(head(*lines, status=status))
            while not server.released.is_set():
                connection.sendall(size + b"\r\n" + b" " * 0x10000 + b"\r\n")
            return False

        server.script.append(flood)
        tracemalloc.start()
        found = transport(server.url).send(documents(1))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert peak < 30_000_000
        assert found.verdict is not Verdict.DELIVERED
        assert found.reason in ("endless_answer", "redirect", "http_503")

    @pytest.mark.parametrize("way", ["send", "check"])
    def test_name_that_is_not_found_in_time(self, server, monkeypatch, way):
        """Looking up a name is part of the time; who asks again waits for the same look-up."""
        real, released, asked = socket.getaddrinfo, threading.Event(), []

        def look_up(host, *args, **options):
            if host != "lrs.example.org":
                return real(host, *args, **options)
            asked.append(threading.current_thread())
            released.wait(fault_server.PATIENCE)
            return real("127.0.0.1", *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        url = server.url.replace("127.0.0.1", "lrs.example.org")
        timeout = {"total": 0.1, "connect": 60, "read": 60}
        try:
            if way == "check":
                result = check_consumer(consumer(url, timeout=timeout))
                assert "the name lrs.example.org is not found in time" in result.detail
            made = transport(url, timeout=timeout)
            found = {made.send(documents(1)).reason for _ in range(3)}
        finally:
            released.set()
        for thread in asked:
            thread.join(fault_server.PATIENCE)

        assert found == {"timeout"}
        assert len(asked) == 1
        assert transport(url).send(documents(1)).verdict is Verdict.DELIVERED


class TestSecrets:
    @pytest.mark.parametrize(
        ("settings", "secret"),
        [
            ({"auth": {"type": "bearer", "token": TOKEN}}, TOKEN),
            ({"auth": {"type": "basic", "username": "u", "password": PASSWORD}}, PASSWORD),
            ({"headers": {"X-Api-Key": TOKEN}}, TOKEN),
        ],
    )
    def test_an_answer_that_quotes_them(self, server, settings, secret):
        """A receiver that echoes the request does not get secrets into logs or dead letters."""

        def echo(server, connection, request):
            text = json.dumps([request.headers, secret]) + repr(request.headers) + secret
            return respond(400, text.encode())(server, connection, request)

        server.default = echo
        answer = transport(server.url, **settings).send(documents(1))
        encoded = base64.b64encode(f"u:{PASSWORD}".encode()).decode()

        assert "***" in answer.response
        for form in (secret, json.dumps(secret)[1:-1], encoded):
            assert form not in repr(answer)

    def test_the_version_of_xapi_is_none(self, server):
        """What an LRS says of it is compared; blotted out it would be another one."""
        server.default = respond(400, b'{"version": "2.0.0"}')
        answer = transport(server.url, headers={"x-experience-api-version": "2.0.0"}).send(
            documents(1)
        )

        assert answer.response == '{"version": "2.0.0"}'

    def test_corrected_while_running(self, server, tmp_path):
        """A secret that is corrected in its file takes effect with the next attempt."""
        server.authorization = f"Bearer {TOKEN}"
        path = tmp_path / "token"
        path.write_text("wrong")
        auth = {"type": "bearer", "token": {"file": str(path)}}
        made = transport(server.url, auth=auth)
        before = made.send(documents(1))
        path.write_text(TOKEN)
        after = made.send(documents(1))

        assert (Verdict.PAUSE, Verdict.DELIVERED) == (before.verdict, after.verdict)

    def test_unreadable_while_running(self, server, tmp_path):
        """A secret that is gone pauses the consumer; nothing is sent without it."""
        path = tmp_path / "token"
        path.write_text(TOKEN)
        made = transport(server.url, auth={"type": "bearer", "token": {"file": str(path)}})
        path.unlink()
        answer = made.send(documents(1))

        assert (Verdict.PAUSE, "configuration") == (answer.verdict, answer.reason)
        assert not server.requests


class TestFile:
    def test_appends_lines(self, tmp_path):
        """Each document is one line of JSON, after what is there."""
        path = tmp_path / "a b#c.jsonl"
        path.write_text("{}\n")
        made = transport(f"file:{tmp_path}/a%20b%23c.jsonl?fsync=true")
        answer = made.send(documents(2))

        lines = path.read_text().splitlines()
        assert answer.verdict is Verdict.DELIVERED
        assert [{}, statement(0), statement(1)] == [json.loads(line) for line in lines]

    def test_follows_a_rotated_log(self, tmp_path):
        """A file that was moved away is left alone, and a new one begun."""
        path = tmp_path / "x.jsonl"
        made = transport(f"file:{path}")
        made.send(documents(1))
        path.rename(tmp_path / "x.jsonl.1")
        made.send(documents(1))

        assert len(path.read_text().splitlines()) == 1

    def test_full_disk_leaves_no_half_line(self, tmp_path, monkeypatch):
        """What did not fit altogether is taken back, and tried again."""
        path = tmp_path / "x.jsonl"
        made = transport(f"file:{path}")
        made.send(documents(1))
        before = path.read_bytes()
        real, calls = os.write, []

        def write(descriptor, data):
            calls.append(len(data))
            if len(calls) > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(descriptor, bytes(data)[:10])

        monkeypatch.setattr(_appending.os, "write", write)
        answer = made.send(documents(3))
        monkeypatch.undo()

        assert (Verdict.RETRY, "file") == (answer.verdict, answer.reason)
        assert path.read_bytes() == before
        assert made.send(documents(3)).verdict is Verdict.DELIVERED

    def test_missing_folder_pauses(self, tmp_path):
        """A folder that does not exist is a matter of configuration."""
        answer = transport(f"file:{tmp_path}/none/x.jsonl").send(documents(1))

        assert answer.verdict is Verdict.PAUSE
        assert "correct url" in answer.detail

    @pytest.mark.parametrize("kind", ["pipe", "read pipe", "link", "device", "socket", "folder"])
    def test_no_regular_file(self, tmp_path, kind):
        """What is no regular file is never waited for, whatever has come in its place."""
        path = tmp_path / "x.jsonl"
        made = transport(f"file:{path}")
        assert made.send(documents(1)).verdict is Verdict.DELIVERED
        path.unlink()
        with contextlib.ExitStack() as stack:
            if kind == "folder":
                path.mkdir()
            elif kind == "device":
                path.symlink_to("/dev/null")
            elif kind == "socket":
                stack.enter_context(socket.socket(socket.AF_UNIX)).bind(os.fspath(path))
            else:
                os.mkfifo(tmp_path / "pipe")
                path.symlink_to("pipe")
                if kind == "read pipe":
                    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                    stack.callback(os.close, reader)
            answer = made.send(documents(1))
            check = check_consumer(consumer(f"file:{path}"))

        assert (Verdict.PAUSE, "file") == (answer.verdict, answer.reason)
        assert "correct url" in answer.detail
        assert not check.ok
        assert kind == "folder" or "is no regular file" in answer.detail
        assert kind == "folder" or "is no regular file" in check.detail

    @pytest.mark.parametrize(
        "url", ["file:", "file://host/x.jsonl", "file:/x#y", "file:/x?fsync=maybe", "file:/x?a=b"]
    )
    def test_bad_url(self, url):
        """A URL that names no file here is refused."""
        with pytest.raises(ConfigurationError, match="consumer 'lrs': url"):
            transport(url)


class TestLog:
    def test_writes_messages(self, caplog):
        """Each document is one INFO message."""
        caplog.set_level(logging.INFO, "site.xapi")
        answer = transport("log:site.xapi").send(documents(2))

        assert answer.verdict is Verdict.DELIVERED
        assert [statement(0), statement(1)] == [
            json.loads(record.getMessage()) for record in caplog.records
        ]

    def test_a_deaf_logger_pauses(self):
        """A logger that would drop the documents does not get them."""
        logging.getLogger("site.deaf").setLevel(logging.WARNING)
        answer = transport("log:site.deaf").send(documents(1))

        assert answer.verdict is Verdict.PAUSE
        assert "level INFO and a handler" in answer.detail

    @pytest.mark.parametrize("url", ["log:", "log:.", "log:/?x=1"])
    def test_bad_url(self, url):
        """A URL without a logger's name is refused."""
        with pytest.raises(ConfigurationError, match=r"expected log:logger\.name"):
            transport(url)


def test_no_transport():
    """A protocol and scheme that do not go together are refused, with what does."""
    with pytest.raises(ConfigurationError, match=r"xapi cannot be sent to ftp: .* https:, http:"):
        transport("ftp://example.org/x")


class TestCheck:
    def test_lrs(self, server):
        """An LRS that answers and takes the credentials is fine, and nothing is sent to it."""
        server.authorization = f"Bearer {TOKEN}"
        auth = {"type": "bearer", "token": TOKEN}
        result = check_consumer(consumer(server.url, auth=auth))

        assert result.ok, result.detail
        assert "xAPI 1.0.3" in result.detail
        assert {"GET"} == {request.method for request in server.requests}

    @pytest.mark.parametrize(
        ("action", "message"),
        [
            (respond(401), "check auth"),
            (respond(403), "may not read statements"),
            (respond(404), "check url"),
            (respond(302, Location="https://x.example/y"), "https://x.example/y"),
            (respond(503), "HTTP 503"),
            (respond(409), "HTTP 409"),
            (respond(204), "HTTP 204"),
            (respond(200, b"<html>"), "not as an LRS does"),
            (fault_server.reset, "no connection"),
            (fault_server.hang, "no answer in time"),
        ],
    )
    def test_trouble(self, server, action, message):
        """Trouble is told in one line."""
        server.default = action
        result = check_consumer(consumer(server.url, timeout=0.5))

        assert not result.ok
        assert message in result.detail
        assert "\n" not in result.detail

    def test_secret_that_is_not_there(self, monkeypatch):
        """A disabled consumer can be checked, and what it lacks is said."""
        monkeypatch.delenv("NOT_SET", raising=False)
        auth = {"type": "bearer", "token": {"env": "NOT_SET"}}
        result = check_consumer(consumer("https://x.invalid", enabled=False, auth=auth))

        assert not result.ok
        assert "NOT_SET is not set" in result.detail

    def test_file(self, tmp_path):
        """A file must be writable, or its folder when there is none yet; none is made."""
        good = check_consumer(consumer(f"file:{tmp_path}/x.jsonl"))
        folder = check_consumer(consumer(f"file:{tmp_path}"))
        missing = check_consumer(consumer(f"file:{tmp_path}/no/x.jsonl"))

        assert (True, False, False) == (good.ok, folder.ok, missing.ok)
        assert not list(tmp_path.iterdir())

    def test_log_and_impossible(self):
        """A logger is always fine; what has no transport is not."""
        assert check_consumer(consumer("log:site")).ok
        assert not check_consumer(consumer("ftp://x.example")).ok
