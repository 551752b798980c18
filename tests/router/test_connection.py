"""Testing a connection step by step, against real servers on this machine."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import closing, contextmanager, suppress

import attrs
import fault_server
import pytest
from certificates import ORGANISATION, Authority
from fault_server import caliper, garbage, hang, reset, respond, serving, unused_port

from eventkit.consumers import Consumer
from eventkit.receivers import CaliperReceiver, Receiver
from eventkit.router import ConnectionReport, connection

NAMES = ("dns", "tcp", "tls", "http", "credentials", "version")
TOKEN = "hunter2-token"


def check(url, *, trust_env=False, **more) -> ConnectionReport:
    settings = {"id": "lrs", "protocol": "xapi", "url": url, "timeout": 5, **more}
    return connection.test_connection(Consumer.from_dict(settings), trust_env=trust_env)


def oks(report):
    """Whether each step succeeded, by its name."""
    return {step.name: step.ok for step in report.steps}


def failed(report):
    """The step that failed; the ones before it did not, and those after it were not taken."""
    names = [step.name for step in report.steps]
    [step] = [step for step in report.steps if step.ok is False]
    after = report.steps[names.index(step.name) + 1 :]
    assert not report.ok
    assert report.detail == step.detail
    assert {each.ok for each in after} <= {None}, report
    assert {each.detail for each in after} <= {"not tried"}, report
    assert step.detail
    assert step.detail.isprintable()
    return step.name


@pytest.fixture
def authority(tmp_path, monkeypatch):
    found = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(found.path))
    return found


@contextmanager
def secure(authority, *, default=None, **settings):
    """Run a server with TLS; give its URL for the name that it is reached by."""
    options = {} if default is None else {"default": default}
    with serving(
        tls=authority.context(**{"names": ["localhost"], **settings}), **options
    ) as server:
        yield server, server.url.replace("http://127.0.0.1", "https://localhost")


@contextmanager
def listening(answer=None):
    """Listen, and give each connection what *answer* makes of it; None: say nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        kept = []

        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                kept.append(sock)
                if answer is not None:
                    with suppress(OSError):
                        answer(sock)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for sock in kept:
            sock.close()


def versions(*listed, rest=fault_server.behave):
    """Behave as an LRS of these versions of xAPI; *rest* answers all other questions."""

    def action(server, sock, request):
        if request.path.endswith("/about"):
            return respond(200, json.dumps({"version": listed}).encode())(server, sock, request)
        return rest(server, sock, request)

    return action


class TestGood:
    def test_an_lrs(self, authority):
        """All steps, with what each has found, and how long it took."""
        with secure(authority, days=(-1, 30.5)) as (server, url):
            server.authorization = f"Bearer {TOKEN}"
            auth = {"type": "bearer", "token": TOKEN}
            report = check(url, auth=auth, trust_env=True)

        assert report.ok, report
        assert tuple(oks(report)) == NAMES
        assert set(oks(report).values()) == {True}
        told = {step.name: step.detail for step in report.steps}
        assert "localhost: " in told["dns"]
        assert "127.0.0.1" in told["dns"]
        assert f"localhost port {server.port}" == told["tcp"]
        assert f"certificate of {ORGANISATION}, good for 30 more days" in told["tls"]
        assert told["tls"].startswith("TLSv1.")
        assert told["credentials"] == "they are taken"
        assert report.detail == f"{url} answers, xAPI 1.0.3"
        assert all(step.seconds >= 0 for step in report.steps)
        assert sum(step.seconds for step in report.steps) <= report.seconds + 0.01
        assert TOKEN not in repr(report)
        assert {"GET"} == {request.method for request in server.requests}
        assert server.connections == 1
        assert json.loads(json.dumps(attrs.asdict(report)))["consumer"] == "lrs"

    def test_over_plain_http(self):
        with Receiver(auth=("site", "open sesame")) as receiver:
            auth = {"type": "basic", "username": "site", "password": "open sesame"}
            report = check(receiver.url, auth=auth)

        assert report.ok, report
        assert oks(report) == dict.fromkeys(NAMES, True) | {"tls": None}
        assert "nothing is encrypted" in report.steps[2].detail

    def test_a_caliper_endpoint(self):
        with CaliperReceiver(auth=TOKEN) as receiver:
            auth = {"type": "bearer", "token": TOKEN}
            report = check(receiver.url, protocol="caliper", auth=auth)

            assert receiver.envelopes() == []
        assert report.ok, report
        assert oks(report)["credentials"] in (True, None)
        assert "Caliper" in report.detail

    def test_a_caliper_endpoint_that_says_what_it_takes(self):
        published = {"caliperSupportedVersions": ["http://purl.imsglobal.org/ctx/caliper/v1p2"]}
        with serving(default=caliper(published)) as server:
            report = check(server.url, protocol="caliper")

        assert oks(report) == dict.fromkeys(NAMES, True) | {"tls": None}
        assert report.detail == f"{server.url} answers, takes Caliper v1p2"

    def test_an_endpoint_that_says_nothing(self):
        """Whether it would work nobody can tell without sending."""
        with serving(default=caliper(405)) as server:
            report = check(server.url, protocol="caliper")

        assert report.ok
        assert (True, None, None) == tuple(oks(report)[name] for name in NAMES[3:])

    def test_an_lrs_that_does_not_say_its_versions(self):
        with serving(default=respond(200, b"{}")) as server:
            report = check(server.url)

        assert report.ok
        assert oks(report)["version"] is None
        assert "none are asked for" in report.steps[4].detail

    def test_file_and_log(self, tmp_path):
        for url, name in ((f"file:{tmp_path}/x.jsonl", "file"), ("log:site", "log")):
            report = check(url)
            assert oks(report) == {name: True}
            assert report.detail

        broken = check(f"file:{tmp_path}/no/x.jsonl")
        assert failed(broken) == "file"
        assert "does not exist" in broken.detail
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("more", [{"enabled": False}, {"paused": True}])
    def test_of_one_that_gets_nothing(self, more):
        """What is asked is whether it would work."""
        with serving() as server:
            assert check(server.url, **more).ok

    def test_through_a_proxy(self, authority, monkeypatch):
        """The steps up to the connection are those of the proxy, and the certificate is not."""
        with (
            secure(authority) as (server, _),
            listening(lambda sock: tunnel(sock, server)) as place,
        ):
            monkeypatch.setenv("https_proxy", f"http://{place}")
            monkeypatch.setenv("no_proxy", "")
            report = check(f"https://localhost:{server.port}/xapi", trust_env=True)

        assert report.ok, report
        assert report.steps[1].detail == f"the proxy 127.0.0.1 port {place.partition(':')[2]}"
        assert f"certificate of {ORGANISATION}" in report.steps[2].detail


def tunnel(sock, server):
    """Be a proxy for one connection."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += sock.recv(4096)
    other = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")

    def pump(source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    threading.Thread(target=pump, args=(sock, other), daemon=True).start()
    threading.Thread(target=pump, args=(other, sock), daemon=True).start()


class TestName:
    def test_that_nobody_has(self):
        report = check("https://nowhere.invalid/xapi")

        assert failed(report) == "dns"
        assert "nowhere.invalid is not known" in report.detail

    def test_that_nobody_looks_up_in_time(self, monkeypatch):
        released = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: released.wait(20))
        report = check("https://lrs.example.org/xapi", timeout=0.1)
        released.set()

        assert failed(report) == "dns"
        assert "not found in time" in report.detail

    @pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
    def test_that_is_none(self, host):
        assert failed(check(f"http://{host}/xapi")) in ("dns", "http")


class TestPort:
    def test_nobody_listens(self):
        report = check(f"https://127.0.0.1:{unused_port()}/xapi")

        assert failed(report) == "tcp"
        assert "nothing listens there" in report.detail
        assert report.steps[0].ok

    def test_a_firewall_that_swallows(self):
        """A port whose queue is full answers to nothing, as a firewall that drops."""
        with closing(socket.socket()) as full, closing(socket.socket()) as first:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = [first]
            for _ in range(8):
                filler = socket.socket()
                filler.setblocking(False)
                fillers.append(filler)
            for filler in fillers:
                filler.setblocking(False)
                with suppress(BlockingIOError):
                    filler.connect(full.getsockname())
            report = check(f"https://127.0.0.1:{full.getsockname()[1]}/xapi", timeout=0.5)
            for filler in fillers:
                filler.close()

        assert failed(report) == "tcp"
        assert "nothing answers in time; perhaps a firewall" in report.detail
        assert report.seconds < fault_server.PATIENCE


class TestCertificate:
    def test_expired(self, authority):
        with secure(authority, days=(-10, -2)) as (server, url):
            report = check(url, trust_env=True)

        assert failed(report) == "tls"
        assert "the certificate of localhost has expired: it ended on 20" in report.detail
        assert f"issued by {ORGANISATION}" in report.detail
        assert server.requests == []

    def test_not_valid_yet(self, authority):
        with secure(authority, days=(3, 9)) as (_, url):
            report = check(url, trust_env=True)

        assert failed(report) == "tls"
        assert "is not valid yet: it begins on 20" in report.detail

    def test_self_signed(self, authority):
        with secure(authority, self_signed=True) as (server, url):
            report = check(url, trust_env=True)

        assert failed(report) == "tls"
        assert "is self-signed" in report.detail
        assert server.requests == []

    def test_of_an_authority_that_nobody_knows(self, authority, monkeypatch):
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with secure(authority) as (_, url):
            report = check(url)

        assert failed(report) == "tls"
        assert "is of nobody that is trusted here" in report.detail
        assert f"issued by {ORGANISATION}" in report.detail

    @pytest.mark.parametrize(
        "names", [["lrs.example.org"], [f"n{n}.example.org" for n in range(9)]]
    )
    def test_of_another_host(self, authority, names):
        with secure(authority, names=names) as (_, url):
            report = check(url, trust_env=True)

        assert failed(report) == "tls"
        assert f"is for another host: it is for {', '.join(names[:3])}" in report.detail
        assert ("and 6 more" in report.detail) == (len(names) == 9)

    def test_of_another_address(self, authority):
        with secure(authority, names=["10.0.0.1"]) as (_, url):
            report = check(url.replace("localhost", "127.0.0.1"), trust_env=True)

        assert failed(report) == "tls"
        assert "is for another host: it is for 10.0.0.1" in report.detail

    def test_one_that_would_steer_a_terminal(self, tmp_path):
        """What it says of itself is shown as it is written in Python."""
        with secure(Authority(tmp_path, "\x1b[2Jx\n")) as (_, url):
            report = check(url)

        assert failed(report) == "tls"
        assert r"issued by \x1b[2Jx\n" in report.detail

    def test_one_that_must_soon_be_renewed(self, authority):
        """It is good, and that is said with the days that are left."""
        with secure(authority, days=(-80, 0.5)) as (_, url):
            report = check(url, trust_env=True)

        assert report.ok
        assert "good for 0 more days" in report.steps[2].detail


class TestTls:
    @pytest.mark.parametrize(
        "answer",
        [
            lambda sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            lambda sock: sock.sendall(b"SSH-2.0-OpenSSH_9.9\r\n"),
        ],
    )
    def test_there_is_none(self, answer):
        with listening(answer) as place:
            report = check(f"https://{place}/xapi")

        assert failed(report) == "tls"
        assert "speaks no TLS" in report.detail

    def test_a_server_of_plain_http(self):
        with Receiver() as receiver:
            report = check(receiver.url.replace("http:", "https:"))

        assert failed(report) == "tls"
        assert "TLS" in report.detail or "breaks off" in report.detail

    def test_one_that_hangs_up(self):
        with listening(lambda sock: sock.close()) as place:
            assert failed(check(f"https://{place}/xapi")) == "tls"

    def test_one_that_says_nothing(self):
        with listening() as place:
            report = check(f"https://{place}/xapi", timeout=0.3)

        assert failed(report) == "tls"
        assert "says nothing in time" in report.detail

    @pytest.mark.filterwarnings("ignore:.*TLSv1_1:DeprecationWarning")
    def test_too_old(self, authority):
        with secure(authority) as (server, url):
            server.tls.maximum_version = ssl.TLSVersion.TLSv1_1
            server.tls.set_ciphers("ALL:@SECLEVEL=0")
            report = check(url, trust_env=True)

        assert failed(report) == "tls"


class TestHttp:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (respond(404), "check url: there is nothing at this address"),
            (respond(405), "check url"),
            (respond(410), "there no more"),
            (respond(500), "HTTP 500"),
            (respond(503), "HTTP 503"),
            (
                respond(301, Location="https://elsewhere.example.org/"),
                "https://elsewhere.example.org/",
            ),
            (respond(302, Location="http://127.0.0.1/"), "redirects are not followed"),
            (respond(400, b"wrong\x1b[2J path\n"), "wrong"),
            (respond(200, b"<html>Welcome</html>"), "not as an LRS does"),
            (respond(204), "HTTP 204"),
            (garbage, "no HTTP"),
            (reset, "no connection"),
            (hang, "no answer in time"),
        ],
    )
    def test_an_lrs_that_is_none(self, answer, words):
        with serving(default=answer) as server:
            report = check(server.url, timeout=0.5)

        assert failed(report) == "http"
        assert words in report.detail
        assert oks(report)["tcp"] is True

    def test_a_wrong_path(self):
        with Receiver() as receiver:
            report = check(receiver.url + "/elsewhere")

        assert failed(report) == "http"
        assert "404" in report.detail

    @pytest.mark.parametrize(("status", "words"), [(404, "check url"), (500, "HTTP 500")])
    def test_a_caliper_endpoint_that_is_none(self, status, words):
        with serving(default=caliper(status)) as server:
            report = check(server.url, protocol="caliper")

        assert failed(report) == "http"
        assert words in report.detail

    def test_a_caliper_endpoint_as_an_lrs(self):
        with CaliperReceiver() as receiver:
            assert failed(check(receiver.url)) == "http"

    def test_a_slow_one(self):
        """It has as long as requests to it have, and how long it took is told."""

        def slow(server, sock, request):
            threading.Event().wait(0.2)
            return fault_server.behave(server, sock, request)

        with serving(default=slow) as server:
            report = check(server.url)

        [step] = [step for step in report.steps if step.name == "http"]
        assert report.ok
        assert step.seconds >= 0.39


class TestCredentials:
    @pytest.mark.parametrize("protocol", ["xapi", "caliper"])
    @pytest.mark.parametrize(
        ("status", "words"),
        [(401, "check auth: the credentials are refused"), (403, "may not read")],
    )
    def test_refused(self, protocol, status, words):
        answer = (
            caliper(status) if protocol == "caliper" else versions("1.0.3", rest=respond(status))
        )
        with serving(default=answer) as server:
            report = check(server.url, protocol=protocol, auth={"type": "bearer", "token": TOKEN})

        assert failed_credentials(report)
        assert words in report.detail
        assert TOKEN not in repr(report)

    def test_a_secret_that_is_not_there(self, monkeypatch):
        monkeypatch.delenv("NOT_SET", raising=False)
        auth = {"type": "bearer", "token": {"env": "NOT_SET"}}
        report = check("https://lrs.example.org/xapi", enabled=False, auth=auth)

        assert [step.name for step in report.steps if step.ok is False] == ["credentials"]
        assert "NOT_SET is not set" in report.detail


def failed_credentials(report):
    [step] = [step for step in report.steps if step.ok is False]
    return step.name == "credentials" and oks(report)["http"] is True


class TestVersion:
    @pytest.mark.parametrize("rest", [fault_server.behave, respond(400, b"version of xAPI")])
    def test_an_lrs_of_xapi_2_only(self, rest):
        with serving(default=versions("2.0.0", rest=rest)) as server:
            report = check(server.url)

        assert [step.name for step in report.steps if step.ok is False] == ["version"]
        assert "speaks xAPI 2.0.0 only, and statements are of 1.0.3" in report.detail

    def test_both(self):
        with serving(default=versions("1.0.3", "2.0.0")) as server:
            report = check(server.url)

        assert report.ok
        assert report.detail.endswith("xAPI 1.0.3, 2.0.0")

    @pytest.mark.parametrize("spoken", ["1.0.0", "1.0.1", "1.0"])
    def test_patches_are_no_matter(self, spoken):
        with serving(default=versions("0.95", spoken)) as server:
            assert check(server.url).ok

    def test_a_header_that_says_another_one(self):
        """Then that is what counts."""
        headers = {"x-experience-api-version": "2.0.0"}
        with serving(default=versions("2.0.0")) as server:
            assert check(server.url, headers=headers).ok
        with serving(default=versions("1.0.3")) as server:
            assert not check(server.url, headers=headers).ok

    @pytest.mark.parametrize("nonsense", [None, 5, [None, 7], ["\x1b[2J"], {"a": 1}, ""])
    def test_nonsense_says_nothing(self, nonsense):
        about = respond(200, json.dumps({"version": nonsense}).encode())

        def action(server, sock, request):
            is_about = request.path.endswith("/about")
            return (about if is_about else fault_server.behave)(server, sock, request)

        with serving(default=action) as server:
            report = check(server.url)

        assert report.ok
        assert oks(report)["version"] is None

    def test_a_caliper_endpoint_of_another_version(self):
        published = {"caliperSupportedVersions": ["http://purl.imsglobal.org/ctx/caliper/v1p1"]}
        with serving(default=caliper(published)) as server:
            report = check(server.url, protocol="caliper")

        assert failed(report) == "version"
        assert "takes Caliper v1p1; have it brought to Caliper 1.2" in report.detail


def test_no_transport():
    report = check("gopher://lrs.example.org")

    assert oks(report) == {"settings": False}
    assert "cannot be sent to gopher:" in report.detail
