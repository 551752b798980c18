"""Consumers that may only have public addresses: what counts is what is connected to."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from typing import ClassVar

import pytest
from certificates import Authority
from fault_server import FastClock, behave, respond, serving

from eventkit.consumers import Consumer, load_consumers
from eventkit.exceptions import ConfigurationError, DeliveryError
from eventkit.router import Router, connection
from eventkit.transports import Verdict, addresses, make_transport
from eventkit.transports.transport import Document

NAME = "lrs.example.org"
PUBLIC = "93.184.215.14"


def consumer(url, **more):
    return Consumer.from_dict(
        {"id": "lrs", "protocol": "xapi", "url": url, "public_only": True, "timeout": 5, **more}
    )


def documents():
    return [Document(name="x", body=b'{"id":"00000000-0000-4000-8000-000000000001"}')]


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def server(authority):
    with serving(tls=authority.context(names=[NAME])) as server:
        yield server


class Names:
    """A resolver whose answers are the test's; all else is as it is."""

    def __init__(self, monkeypatch):
        self.answers = []
        self.asked = []
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host, port, *args, **options):
        if host != NAME:
            return self._real(host, port, *args, **options)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.asked.append(answer)
        found = []
        for each in answer:
            family = socket.AF_INET6 if ":" in each else socket.AF_INET
            place = (each, port, 0, 0) if ":" in each else (each, port)
            found.append((family, socket.SOCK_STREAM, 6, "", place))
        return found


@pytest.fixture
def names(monkeypatch):
    return Names(monkeypatch)


@pytest.fixture
def connects(monkeypatch):
    """The addresses that anybody tries to connect to."""
    tried = []
    real = socket.socket.connect

    def connect(self, address):
        tried.append(address[0])
        if address[0] == PUBLIC:
            raise ConnectionRefusedError("nobody is there, in a test")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["fd00:ec2::254"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        [PUBLIC, "127.0.0.1"],
        ["2606:4700:4700::1111", "::1"],
    ],
)
def test_a_name_that_leads_inside(server, names, connects, answer):
    """Nothing is connected to, not even to the public one of several; the consumer is paused."""
    names.answers = [answer]
    answer = make_transport(consumer(f"https://{NAME}:{server.port}/xapi")).send(documents())

    assert (Verdict.PAUSE, "address_refused") == (answer.verdict, answer.reason)
    assert "public_only" in answer.detail
    assert NAME in answer.detail
    assert connects == []
    assert server.connections == 0


def test_a_name_that_is_another_one_when_it_counts(server, names, connects):
    """
    DNS rebinding: public whenever somebody looks, and this machine when it is connected to.

    Whoever saved it has looked, the first request found a public address, and a test of the
    connection too.
    """
    names.answers = [[PUBLIC], [PUBLIC], ["127.0.0.1"]]
    url = f"https://{NAME}:{server.port}/xapi"
    assert addresses.refusal(url) is None
    assert connection.test_connection(consumer(url)).steps[0].ok
    router = Router([consumer(url)], clock=FastClock())
    translation = {
        "name": "x",
        "protocol": "xapi",
        "documents": [{"id": "00000000-0000-4000-8000-000000000001"}],
        "event": {"name": "x"},
    }
    for expected in ("connection", "address_refused", "address_refused"):
        with pytest.raises(DeliveryError):
            router.send(translation)
        assert router.health()["lrs"]["reason"] == expected
    report = connection.test_connection(consumer(url))

    assert connects == [PUBLIC, PUBLIC]
    assert server.connections == 0
    assert [step.ok for step in report.steps[:2]] == [True, False]
    assert "127.0.0.1" in report.detail
    assert router.stats()["dead"] == 0


def test_a_connection_that_breaks_is_looked_at_anew(authority, server, names, monkeypatch):
    """What was connected to once may lead elsewhere the next time."""
    monkeypatch.setattr("eventkit.base.addresses._SPECIAL_4", ())
    names.answers = [["127.0.0.1"]]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    transport = make_transport(consumer(f"https://{NAME}:{server.port}/xapi"), trust_env=True)
    assert transport.send(documents()).verdict is Verdict.DELIVERED
    monkeypatch.undo()
    Names(monkeypatch).answers = [["127.0.0.1"]]
    transport.close()

    assert transport.send(documents()).reason == "address_refused"
    assert len(server.requests) == 1


def test_others_may_go_where_they_like(authority, server, names, monkeypatch):
    """Without the setting this machine is as good as any."""
    names.answers = [["127.0.0.1"]]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    here = consumer(f"https://{NAME}:{server.port}/xapi", public_only=False)

    assert make_transport(here, trust_env=True).send(documents()).verdict is Verdict.DELIVERED


class Proxy(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_CONNECT(self):
        self.asked.append(self.path)
        self.send_error(502)

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy(monkeypatch):
    Proxy.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("is_public_only", [True, False])
def test_a_proxy_is_not_asked_to_go_there_instead(names, connects, proxy, is_public_only):
    """It would look the name up itself."""
    names.answers = [["127.0.0.1"]]
    here = consumer(f"https://{NAME}:1/xapi", public_only=is_public_only)
    answer = make_transport(here, trust_env=True).send(documents())

    if is_public_only:
        assert answer.reason == "address_refused"
        assert Proxy.asked == connects == []
    else:
        assert answer.reason == "proxy"
        assert Proxy.asked == [f"{NAME}:1"]


def test_redirects_lead_nowhere(authority, names, connects, monkeypatch):
    monkeypatch.setattr("eventkit.base.addresses._SPECIAL_4", ())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    names.answers = [["127.0.0.1"]]
    with serving() as inside, serving(tls=authority.context(names=[NAME])) as server:
        for status in (301, 302, 303, 307, 308):
            server.script.append(respond(status, Location=inside.url))
            here = consumer(f"https://{NAME}:{server.port}/xapi")
            answer = make_transport(here, trust_env=True).send(documents())
            assert (Verdict.PAUSE, "redirect") == (answer.verdict, answer.reason)

        assert inside.connections == 0


@pytest.mark.parametrize(
    "url",
    ["http://lrs.example.org/xapi", "file:/tmp/x.jsonl", "log:site", "https://[::1]/xapi"],
)
def test_settings_that_are_refused(url):
    """When they are read, with key and remedy."""
    with pytest.raises(ConfigurationError, match=r"consumer 'lrs': url: .*public_only"):
        load_consumers([{"id": "lrs", "protocol": "xapi", "url": url, "public_only": True}])


def test_caliper_keeps_to_it_too(names, connects):
    names.answers = [["127.0.0.1"]]
    here = consumer(f"https://{NAME}:1/", protocol="caliper", sensor="https://lms.example.org")
    transport = make_transport(here)

    assert transport.prepare(documents()) is None
    assert transport.send(documents()).reason == "address_refused"
    assert connects == []


def test_the_server_is_a_real_one(authority, server):
    """So that nobody is refused for another reason than the one that is tested."""
    context = ssl.create_default_context(cafile=authority.path)
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as secured,
    ):
        assert secured.version()
    assert server.default is behave
