"""Whatever the network and the receiver do: documents arrive once, or it is known why not."""

from __future__ import annotations

import email.utils
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import fault_server
import pytest
from fault_routes import (
    balance,
    bodies,
    consumer,
    in_order,
    listening,
    numbers,
    refusing,
    sent_unchanged,
    statement,
    translation,
    until,
    url_of,
)
from fault_server import PATIENCE, FaultServer, respond, serving

from eventkit.base.clock import Clock
from eventkit.consumers import Consumer
from eventkit.exceptions import ConfigurationError

TOKEN = "tok-en-1234567"
FAST = {"timeout": 0.2}
NEVER = 3600

openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="makes certificates with openssl")


def send(router, *given):
    router.send_many(translation(number) for number in given)


def in_trouble(router, reason, name="lrs"):
    return lambda: router.health()[name].get("reason") == reason


class TestConnecting:
    """Row 11: no way to the receiver."""

    def test_row_11_refused(self, make):
        """What nobody takes is kept, and arrives in order when somebody listens."""
        with refusing() as held:
            router = make(consumer("lrs", url_of(held)))
            send(router, *range(50))
            until(lambda: router.health()["lrs"]["state"] == "open")

            assert router.health()["lrs"]["reason"] == "connection"
            assert balance(router)["pending"] == 50
            with listening(held) as server:
                assert router.flush(PATIENCE)
                in_order(server, range(50))
        assert balance(router)["delivered"] == 50

    def test_row_11_backoff(self, make, mode):
        """It is tried less and less often, and never less often than the cap says."""
        clock = fault_server.FastClock()
        with refusing() as held:
            router = make(consumer("lrs", url_of(held)), clock=clock, backoff=1, backoff_cap=16)
            send(router, 0)
            until(lambda: len(clock.waits) > 8)

        assert [1, 2, 4, 8, 16, 16, 16] == [round(wait) for wait in clock.waits[:7]]
        assert balance(router)["pending"] == 1

    def test_row_11_unknown_name(self, make, server, monkeypatch):
        """A name that nobody knows is looked up again, and works when it is known."""
        real, known = socket.getaddrinfo, threading.Event()

        def look_up(host, port, *args, **options):
            if host != "lrs.example.org":
                return real(host, port, *args, **options)
            if not known.is_set():
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return real("127.0.0.1", port, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        url = server.url.replace("127.0.0.1", "lrs.example.org")
        router = make(consumer("lrs", url), consumer("fine", server.url))
        router.send_many([{**translation(1), "documents": [statement(1)]}])
        until(in_trouble(router, "dns"))
        until(lambda: router.stats("fine")["delivered"] == 1)

        assert balance(router)["pending"] == 1
        known.set()
        assert router.flush(PATIENCE)
        assert balance(router)["delivered"] == 2

    def test_row_11_name_server_that_is_silent(self, make, server, monkeypatch):
        """A look-up that does not end delays neither other consumers nor closing."""
        real, asked, released = socket.getaddrinfo, threading.Event(), threading.Event()

        def look_up(host, *args, **options):
            if host != "lrs.example.org":
                return real(host, *args, **options)
            asked.set()
            released.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        router = make(consumer("lrs", "http://lrs.example.org/xapi"), consumer("fine", server.url))
        send(router, *range(50))
        assert asked.wait(PATIENCE)
        until(lambda: router.stats("fine")["delivered"] == 50)
        counts = balance(router)
        began = time.monotonic()
        assert not router.close(0.2)

        assert counts["pending"] == 50
        assert time.monotonic() - began < 5
        balance(router)
        released.set()

    @openssl
    @pytest.mark.parametrize(
        ("host", "variable"),
        [
            ("localhost", "REQUESTS_CA_BUNDLE"),
            ("localhost", "CURL_CA_BUNDLE"),
            ("localhost", "SSL_CERT_FILE"),
            ("127.0.0.1", "REQUESTS_CA_BUNDLE"),
        ],
    )
    def test_row_11_certificate(self, make, tmp_path, monkeypatch, host, variable):
        """
        A receiver that cannot prove who it is gets nothing.

        Not with what the environment holds either, unless the router is told to look there.
        """
        context, certificate = certified(tmp_path)
        monkeypatch.setenv(variable, str(certificate))
        monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
        with serving(tls=context) as server:
            router = make(consumer("lrs", secure(server, host)))
            send(router, *range(20))
            until(lambda: router.health()["lrs"]["state"] == "open")

            assert router.health()["lrs"]["reason"] == "tls"
            assert balance(router)["pending"] == 20
            assert server.connections
            assert not server.requests

    @openssl
    def test_row_11_certificate_that_is_trusted_later(self, make, tmp_path, monkeypatch):
        """Trust takes effect without a restart; another host's certificate is never trusted."""
        (tmp_path / "others").mkdir()
        context, certificate = certified(tmp_path)
        _, other = certified(tmp_path / "others")
        trusted = tmp_path / "trusted.pem"
        shutil.copy(other, trusted)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        with serving(tls=context) as server:
            router = make(
                consumer("lrs", secure(server, "localhost")),
                consumer("elsewhere", secure(server, "127.0.0.1")),
                trust_env=True,
            )
            send(router, *range(20))
            until(in_trouble(router, "tls"))
            assert not server.requests
            shutil.copy(certificate, trusted)
            until(lambda: router.stats("lrs")["delivered"] == 20)
            until(in_trouble(router, "tls", "elsewhere"))

            in_order(server, range(20))
            assert router.stats("elsewhere")["pending"] == 20
            balance(router)

    @pytest.mark.parametrize("key", ["verify", "verify_tls", "insecure", "cert_reqs", "tls"])
    def test_row_11_no_setting_for_it(self, key):
        """There is no setting that switches it off."""
        with pytest.raises(ConfigurationError, match=key):
            Consumer.from_dict({**consumer("lrs", "https://lrs.example.org"), key: False})


def certified(folder):
    """Make a certificate for localhost that nobody vouches for."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    command = f"openssl req -x509 {kind} -nodes -days 2 -subj /CN=localhost"
    name = "subjectAltName=DNS:localhost"
    subprocess.run(
        [*command.split(), "-addext", name, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def secure(server, host):
    return server.url.replace("http://127.0.0.1", f"https://{host}")


class TestWaiting:
    """Row 12: an answer that does not come, or does not end."""

    @pytest.mark.parametrize(
        ("action", "reasons"),
        [
            (fault_server.hang, {"timeout"}),
            (fault_server.drip_headers, {"timeout"}),
            (fault_server.drip_body, {"timeout"}),
            (fault_server.endless, {"endless_answer", "timeout"}),
        ],
    )
    def test_row_12_cut_off(self, make, server, action, reasons):
        """The request ends at its deadline, counts as failed, and is made again."""
        server.default = action
        began = time.monotonic()
        router = make(consumer("lrs", server.url, **FAST))
        send(router, *range(30))
        server.wait_for(lambda: len(server.requests) >= 3)
        took = time.monotonic() - began
        until(lambda: router.health()["lrs"].get("reason") in reasons)

        assert took < 2 * 0.2 + 3
        assert balance(router)["pending"] == 30
        assert router.stats()["retries"] >= 2
        server.default = fault_server.behave
        assert router.flush(PATIENCE)
        in_order(server, range(30))
        assert (30, 0) == (balance(router)["delivered"], router.stats()["dead"])

    def test_row_12_answer_that_unpacks_to_too_much(self, make, server):
        """A small answer that becomes a large one is cut off as well."""
        bomb = gzip.compress(b" " * 50_000_000)
        server.script.append(respond(200, bomb, Content_Encoding="gzip"))
        router = make(consumer("lrs", server.url))
        send(router, 0)

        assert router.flush(PATIENCE)
        assert router.stats()["retries"] == 1
        assert numbers(server) == [0]
        balance(router)

    @pytest.mark.parametrize("pace", [None, 0.02])
    def test_row_12_receiver_that_does_not_read(self, make, server, pace):
        """One that takes a large request byte by byte, or not at all, is cut off too."""
        with lazy(pace) as reader:
            large = translation(0)
            large["documents"][0]["text"] = "x" * 8_000_000
            router = make(consumer("lrs", reader.url, timeout=0.6), consumer("fine", server.url))
            began = time.monotonic()
            router.send(large)
            until(lambda: reader.connections >= 2)

            assert time.monotonic() - began < 0.6 + 5
            until(in_trouble(router, "timeout"))
            until(lambda: router.stats("fine")["delivered"] == 1)
            assert router.stats("lrs")["pending"] == 1
            reader.read()
            assert router.flush(PATIENCE)
            assert numbers(reader) == [0]
        assert balance(router)["delivered"] == 2

    def test_row_12_every_kind_beside_a_fine_one(self, make, server):
        """Several that do not answer, each in its way, take nothing from one that does."""
        ways = [fault_server.hang, fault_server.drip_body, fault_server.endless, respond(503)]
        troubled = [FaultServer(default=way) for way in ways]
        try:
            router = make(
                *(consumer(f"bad-{i}", each.url, **FAST) for i, each in enumerate(troubled)),
                consumer("fine", server.url),
            )
            for start in range(0, 300, 50):
                send(router, *range(start, start + 50))
                server.wait_for(lambda end=start + 50: len(server.stored) == end)
            for each in troubled:
                each.wait_for(lambda each=each: len(each.requests) >= 2)
                each.default = fault_server.behave
                each.released.set()

            assert router.flush(PATIENCE)
            for each in troubled:
                in_order(each, range(300))
        finally:
            for each in troubled:
                each.stop()
        assert balance(router)["delivered"] == 5 * 300


class Lazy(FaultServer):
    """A server that reads nothing, or a byte every *pace* seconds, until it is told to."""

    pace = None

    def __post_init__(self):
        self.reads = threading.Event()
        super().__post_init__()
        self._buffer(4096)

    def read(self):
        self._buffer(4_000_000)
        self.reads.set()

    def _buffer(self, size):
        # Connections inherit it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def _serve(self, connection):
        with connection:
            while not self.reads.wait(self.pace):
                if self.released.is_set() or not connection.recv(1):
                    return
            super()._serve(connection)


@contextmanager
def lazy(pace):
    server = Lazy()
    server.pace = pace
    try:
        yield server
    finally:
        server.reads.set()
        server.stop()


class TestBreaking:
    """Row 13: connections that break."""

    @pytest.mark.parametrize(
        "action",
        [
            fault_server.reset,
            fault_server.store_and_reset,
            fault_server.cut_short,
            fault_server.garbage,
        ],
    )
    def test_row_13_reset(self, make, server, action):
        """Whether or not the receiver had stored it: it ends with one copy of each."""
        server.script.extend([action, fault_server.behave, action, action])
        router = make(consumer("lrs", server.url, batch={"max_size": 20}))
        send(router, *range(100))

        assert router.flush(PATIENCE)
        assert sorted(numbers(server)) == list(range(100))
        sent_unchanged(server)
        counts = balance(router)
        assert (100, 0) == (counts["delivered"], counts["dead"])
        assert counts["retries"] == 3

    def test_row_13_stored_although_the_answer_broke(self, make, server):
        """A success whose body breaks off is no success; what was stored is not stored again."""

        def store_and_cut(server, connection, request):
            server.decide(request)
            return fault_server.cut_short(server, connection, request)

        server.script.extend([store_and_cut] * 3)
        router = make(consumer("lrs", server.url))
        send(router, *range(60))

        assert router.flush(PATIENCE)
        in_order(server, range(60))
        sent_unchanged(server)
        assert balance(router)["delivered"] == 60

    def test_row_13_connection_that_the_receiver_closes(self, make, server):
        """A receiver may hang up after each answer; nobody need notice."""

        def behave_once(server, connection, request):
            fault_server.behave(server, connection, request)
            return False

        server.default = behave_once
        router = make(consumer("lrs", server.url))
        for number in range(20):
            send(router, number)
            until(lambda end=number + 1: router.stats()["delivered"] == end)

        in_order(server, range(20))
        assert server.connections >= 20
        balance(router)

    def test_row_13_connection_that_went_stale(self, make, server):
        """One that breaks under the second request is replaced; nothing is lost or there twice."""
        used = set()

        def break_when_used_again(server, connection, request):
            if connection in used:
                return fault_server.store_and_reset(server, connection, request)
            used.add(connection)
            return fault_server.behave(server, connection, request)

        server.default = break_when_used_again
        router = make(consumer("lrs", server.url))
        for number in range(20):
            send(router, number)
            until(lambda end=number + 1: router.stats()["delivered"] == end)

        in_order(server, range(20))
        sent_unchanged(server)
        assert 0 < balance(router)["retries"] <= 20


def date(seconds):
    return email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


class TestRetryAfter:
    """Row 14: what a receiver asks for."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("7", 7),
            (lambda: date(120), 120),
            (lambda: date(-1000), 0.5),
            ("soon", 0.5),
            ("-5", 0.5),
            ("1e3", 0.5),
            ("0", 0.5),
            ("9" * 5000, 0.5),
            ("1000000000", 300),
            (lambda: date(10**9), 300),
        ],
        ids=[
            "seconds",
            "date",
            "past",
            "garbage",
            "negative",
            "float",
            "zero",
            "digits",
            "huge",
            "far",
        ],
    )
    def test_row_14_retry_after(self, make, server, value, expected):
        """It is heeded up to a cap, and what cannot be read is as if it were not there."""
        clock = fault_server.FastClock()
        value = value() if callable(value) else value
        server.script.append(respond(429, Retry_After=value))
        server.script.append(respond(503, Retry_After=value))
        router = make(consumer("lrs", server.url), clock=clock, retry_after_cap=300)
        send(router, *range(10))

        assert router.flush(PATIENCE)
        spread = 3 if expected > 100 else 0.1
        first, second = (wait for wait in clock.waits if wait > 0.1)
        assert first == pytest.approx(expected, abs=spread)
        assert second == pytest.approx(max(expected, 1), abs=spread)
        in_order(server, range(10))
        assert (10, 0) == (balance(router)["delivered"], router.stats()["dead"])

    def test_row_14_for_ever(self, make, server):
        """However often a receiver says so, nothing is given up."""
        server.script.extend([respond(429, Retry_After="60")] * 200)
        router = make(consumer("lrs", server.url))
        send(router, *range(10))

        assert router.flush(PATIENCE)
        in_order(server, range(10))
        assert balance(router)["retries"] == 200


FULL = {"max_size": 1000, "max_wait": NEVER, "max_bytes": 10_000_000}


class TestRefusing:
    """Rows 16 and 19: documents that the receiver does not want."""

    @pytest.mark.parametrize("status", [400, 413, 422])
    @pytest.mark.parametrize("bad", [{0}, {617}, {3, 500, 999}], ids=str)
    def test_row_16_poisoned(self, make, server, status, bad):
        """The bad ones of a thousand are found in a few requests, and all others arrive."""
        server.rule = lambda request: (
            (status, b"statement 3: bad verb, Bearer " + TOKEN.encode())
            if bad & {each["n"] for each in request.statements}
            else None
        )
        auth = {"type": "bearer", "token": TOKEN}
        router = make(consumer("lrs", server.url, batch=FULL, auth=auth), clock=Clock())
        send(router, *range(1000))

        assert router.flush(PATIENCE)
        assert set(numbers(server)) == set(range(1000)) - bad
        assert len(server.requests) <= 1 + 2 * 10 * len(bad)
        letters = list(router.dead_letters)
        assert sorted(bad) == sorted(letter.documents[0]["n"] for letter in letters)
        for letter in letters:
            assert (f"http_{status}", status, "lrs") == (
                letter.reason,
                letter.status,
                letter.consumer,
            )
            assert letter.response == "statement 3: bad verb, Bearer ***"
            assert letter.event["name"] == "play_video"
        counts = balance(router)
        assert (1000 - len(bad), len(bad)) == (counts["delivered"], counts[f"dead:http_{status}"])

    def test_row_16_one_that_is_too_large_for_the_receiver(self, make, server):
        """A document that is too large on its own does not hold up those behind it."""
        server.rule = lambda request: (413, b"") if len(request.body) > 20_000 else None
        router = make(consumer("lrs", server.url, batch={"max_wait": NEVER}), clock=Clock())
        large = translation(50)
        large["documents"][0]["text"] = "x" * 30_000
        router.send_many([*map(translation, range(50)), large, *map(translation, range(51, 100))])

        assert router.flush(PATIENCE)
        assert sorted(numbers(server)) == [n for n in range(100) if n != 50]
        assert balance(router)["dead:http_413"] == 1

    def test_row_19_conflict_alone(self, make, server):
        """409 for one statement that is there already, which the receiver is asked for."""
        before = {**statement(1), "stored": "long ago"}
        server.stored[before["id"]] = before
        router = make(consumer("lrs", server.url))
        send(router, 1)

        assert router.flush(PATIENCE)
        assert list(server.stored.values()) == [before]
        counts = balance(router)
        assert (1, 0, 0) == (counts["delivered"], counts["dead"], counts["retries"])

    @pytest.mark.parametrize("known", [{7}, {0, 99}, set(range(0, 100, 9)), set(range(100))])
    def test_row_19_conflict_in_a_batch(self, make, server, known):
        """409 for a batch: the new ones get stored, and those that are there stay as they were."""
        before = {n: {**statement(n), "stored": "long ago"} for n in known}
        server.stored |= {each["id"]: each for each in before.values()}
        router = make(consumer("lrs", server.url, batch={"max_wait": NEVER}), clock=Clock())
        send(router, *range(100))

        assert router.flush(PATIENCE)
        stored = {each["n"]: each for each in server.stored.values()}
        assert stored == {n: before.get(n, statement(n)) for n in range(100)}
        assert len(server.requests) <= min(20 * len(known), 1 + len(known) + 100)
        counts = balance(router)
        assert (100, 0) == (counts["delivered"], counts["dead"])


class TestSuccess:
    """Row 20: answers that look like success."""

    def test_row_20_nothing_new(self, make, server):
        """204 without a body is a success, also for what is there already."""
        router = make(consumer("lrs", server.url))
        for _ in range(3):
            send(router, *range(10))
            assert router.flush(PATIENCE)

        in_order(server, range(10))
        counts = balance(router)
        assert (30, 0) == (counts["delivered"], counts["retries"])

    @pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"", b"{}", b"null", b'"ok"'])
    def test_row_20_no_lrs(self, make, server, body):
        """200 from something that is no LRS is no delivery: all is kept, and it says so."""
        server.default = respond(200, body)
        router = make(consumer("lrs", server.url), pause=0.01)
        send(router, *range(40))
        until(in_trouble(router, "no_lrs"))

        health = router.health()["lrs"]
        assert ("paused", 200, body.decode()) == (
            health["state"],
            health["status"],
            health["response"],
        )
        assert "check url" in health["detail"]
        assert balance(router)["pending"] == 40
        server.default = fault_server.behave
        assert router.flush(PATIENCE)
        in_order(server, range(40))

    def test_row_20_fewer_ids(self, make, server):
        """Those that are not acknowledged are sent again, the others are not."""

        def store_half(server, connection, request):
            half = request.statements[: len(request.statements) // 2 or 1]
            with server.changed:
                server.stored |= {each["id"]: each for each in half}
                server.changed.notify_all()
            body = json.dumps([each["id"] for each in half]).encode()
            return respond(200, body)(server, connection, request)

        server.default = store_half
        router = make(consumer("lrs", server.url, batch={"max_wait": NEVER}), clock=Clock())
        send(router, *range(100))

        assert router.flush(PATIENCE)
        in_order(server, range(100))
        sent = [each["n"] for request in server.requests for each in request.statements]
        assert sent.count(0) == 1
        assert len(server.requests) <= 8
        assert balance(router)["delivered"] == 100

    def test_row_20_no_ids(self, make, server):
        """A receiver that never says that it has anything is paused before all is given up."""
        server.default = respond(200, b"[]")
        router = make(consumer("lrs", server.url))
        send(router, *range(500))
        until(lambda: router.health()["lrs"]["state"] == "paused" and router.stats()["dead"])

        counts = balance(router)
        assert counts["delivered"] == 0
        assert 0 < counts["dead:not_acknowledged"] < 60
        assert counts["pending"] > 400


class TestRedirect:
    """Row 21."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_row_21_redirect(self, make, server, status):
        """It is not followed, nothing counts as delivered, and it says what to correct."""
        with serving() as other:
            server.default = respond(status, Location=f"{other.url}/statements?key={TOKEN}")
            auth = {"type": "bearer", "token": TOKEN}
            router = make(consumer("lrs", server.url, auth=auth), pause=0.01)
            send(router, *range(40))
            until(in_trouble(router, "redirect"))

            health = router.health()["lrs"]
            assert ("paused", status) == (health["state"], health["status"])
            assert f"{other.url}/statements, correct url" in health["detail"]
            assert TOKEN not in str(health)
            assert (0, 40) == (balance(router)["delivered"], router.stats()["pending"])
            server.default = fault_server.behave
            assert router.flush(PATIENCE)
            assert not other.connections
        in_order(server, range(40))
        assert balance(router)["dead"] == 0


class TestCompression:
    """Row 22: requests are never compressed, and there is no setting for it."""

    @pytest.mark.parametrize("status", [400, 415, 500])
    def test_row_22_plain(self, make, server, status):
        """A receiver that takes nothing compressed gets plain JSON, and no request is wasted."""

        def refuse_gzip(server, connection, request):
            is_plain = "content-encoding" not in request.headers and request.body[:1] == b"["
            action = fault_server.behave if is_plain else respond(status, b"what is this?")
            return action(server, connection, request)

        server.default = refuse_gzip
        router = make(consumer("lrs", server.url, batch={"max_wait": NEVER}), clock=Clock())
        send(router, *range(100))

        assert router.flush(PATIENCE)
        (request,) = server.requests
        assert request.body == bodies(*range(100))
        assert request.headers["accept-encoding"] == "identity"
        assert balance(router)["delivered"] == 100

    def test_row_22_no_setting(self):
        """Nobody can claim it by a header."""
        with pytest.raises(ConfigurationError, match="Content-Encoding is set by eventkit itself"):
            Consumer.from_dict(
                consumer("lrs", "https://lrs.example.org", headers={"Content-Encoding": "gzip"})
            )

    def test_row_22_compressed_answer(self, make, server):
        """An answer that is compressed although nobody asked for it is read all the same."""

        def compress(server, connection, request):
            _, body = server.decide(request)
            answer = respond(200, gzip.compress(body), Content_Encoding="gzip")
            return answer(server, connection, request)

        server.default = compress
        router = make(consumer("lrs", server.url))
        send(router, *range(10))

        assert router.flush(PATIENCE)
        in_order(server, range(10))
        assert balance(router)["retries"] == 0
