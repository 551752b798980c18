"""Consumers that change while events wait for them, and secrets that are not there."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time

import attrs
import pytest
from fault_routes import (
    balance,
    balance_after_restart,
    consumer,
    in_order,
    numbers,
    translation,
    until,
)
from fault_server import PATIENCE, hang, respond, serving

from eventkit.consumers import load_consumers
from eventkit.exceptions import ConfigurationError, DeliveryError
from eventkit.router import Router
from eventkit.stores import SQLiteStore

TOKEN = "tok-en-1234567"
NEVER = 3600
ABOUT_EDX = [{"org": "edX"}]


def moved(name, url, former, **more):
    """The same consumer at another address."""
    return consumer(name, url, inherits=[former], **more)


class File:
    """Consumers in a file, as configuration management replaces it."""

    def __init__(self, folder):
        self.given = folder / "consumers.json"

    def set(self, *consumers):
        self.write(json.dumps(list(consumers)))

    def write(self, text):
        fresh = self.given.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.given)


class Registry:
    """Consumers in something that is asked, such as a table."""

    def __init__(self, folder):
        self.given = self
        self.now = ()

    def set(self, *consumers):
        self.now = consumers

    def consumers(self):
        return self.now


@pytest.fixture(params=[File, Registry])
def source(request, tmp_path):
    return request.param(tmp_path)


@pytest.fixture
def start(mode, tmp_path):
    """Start routers on a source that changes, with or without a store."""
    made = []

    def start(source, **options):
        place = {"store": tmp_path / "store.db"} if mode == "durable" else {"mode": mode}
        options = {"reload": 0.05, "backoff": 0.01, "backoff_cap": 0.02, **place, **options}
        router = Router(source.given, **options)
        made.append(router)
        return router

    yield start
    for router in made:
        router.close(0)
    if mode == "durable" and made:
        balance_after_restart(tmp_path / "store.db", made)


@pytest.fixture
def down():
    """Serve a receiver that is down."""
    with serving(default=respond(503)) as server:
        yield server


def send(router, *given, **event):
    router.send_many(translation(number, **event) for number in given)


def soon(predicate):
    """Wait for what must have happened within five seconds of a change."""
    began = time.monotonic()
    until(predicate)
    assert time.monotonic() - began < 5


class TestReload:
    """Row 29: whatever changes takes effect without a restart, and costs nothing."""

    def test_row_29_added(self, start, source, server):
        """A new consumer gets what is sent from now on."""
        with serving() as other:
            source.set(consumer("lrs", server.url))
            router = start(source)
            send(router, *range(10))
            source.set(consumer("lrs", server.url), consumer("new", other.url))
            soon(lambda: "new" in router.health())
            send(router, *range(10, 20))

            assert router.flush(PATIENCE)
            in_order(server, range(20))
            in_order(other, range(10, 20))
        assert balance(router)["delivered"] == 30

    def test_row_29_changed_before_the_first_event(self, start, source, server, mode):
        """What is changed before anything was sent counts for the first event already."""
        with serving() as other:
            source.set(consumer("lrs", other.url))
            router = start(source)
            source.set(consumer("lrs", server.url, deny=[{"event": "secret", "unknown": True}]))
            threading.Event().wait(0.2)
            send(router, 0)
            router.send({**translation(1), "name": "secret", "event": {"name": "secret"}})

            assert router.flush(PATIENCE)
            in_order(server, [0])
            assert not other.requests
        balance(router)

    def test_row_29_other_address(self, start, source, server, down):
        """The backlog goes to the new address, at once and in order, and only there."""
        source.set(consumer("lrs", down.url))
        router = start(source, backoff=NEVER, backoff_cap=NEVER)
        send(router, *range(200))
        down.wait_for(lambda: down.requests)
        source.set(moved("lrs", server.url, down.url))
        soon(lambda: len(server.stored) == 200)
        before = len(down.requests)
        send(router, *range(200, 210))

        assert router.flush(PATIENCE)
        in_order(server, range(210))
        assert len(down.requests) == before
        assert balance(router)["delivered"] == 210

    def test_row_29_other_credentials(self, start, source, server):
        """Corrected credentials end a pause at once."""
        server.authorization = f"Bearer {TOKEN}"
        wrong = {"type": "bearer", "token": "wrong-token"}
        source.set(consumer("lrs", server.url, auth=wrong))
        router = start(source, pause=NEVER)
        send(router, *range(50))
        until(lambda: router.health()["lrs"]["state"] == "paused")
        assert balance(router)["pending"] == 50
        source.set(consumer("lrs", server.url, auth={"type": "bearer", "token": TOKEN}))

        soon(lambda: len(server.stored) == 50)
        assert router.flush(PATIENCE)
        assert balance(router)["delivered"] == 50

    def test_row_29_other_sizes(self, start, source, server, down):
        """A smaller batch counts for what is queued as well."""
        source.set(consumer("lrs", down.url))
        router = start(source)
        send(router, *range(100))
        source.set(moved("lrs", server.url, down.url, batch={"max_size": 5}))

        assert router.flush(PATIENCE)
        assert max(len(each.statements) for each in server.requests) == 5
        in_order(server, range(100))
        balance(router)

    @pytest.mark.parametrize("rules", [{"deny": ABOUT_EDX}, {"allow": [{"org": "MIT*"}]}])
    def test_row_29_stricter_rules(self, start, source, server, down, rules):
        """What a consumer may not have any more is never sent, though it was queued before."""
        source.set(consumer("lrs", down.url))
        router = start(source)
        mit = {"context": {"org_id": "MITx"}}
        for number in range(0, 100, 2):
            send(router, number)
            send(router, number + 1, **mit)
        source.set(moved("lrs", server.url, down.url, **rules))

        assert router.flush(PATIENCE)
        in_order(server, range(1, 100, 2))
        counts = balance(router)
        assert (50, 50, 0) == (counts["delivered"], counts["dropped:denied"], counts["dead"])

    def test_row_29_looser_rules(self, start, source, server, down):
        """What a consumer may have in future goes to it from then on; what waited arrives."""
        source.set(consumer("lrs", down.url, deny=[{"org": "MIT*"}]))
        router = start(source)
        mit = {"context": {"org_id": "MITx"}}
        send(router, 0)
        send(router, 1, **mit)
        source.set(moved("lrs", server.url, down.url))
        until(lambda: 0 in numbers(server))
        send(router, 2, **mit)

        assert router.flush(PATIENCE)
        in_order(server, [0, 2])
        balance(router)

    def test_row_29_rules_without_events(self, start, source, server, down):
        """Where events are not kept, what waits under other rules is set aside, not sent."""
        source.set(consumer("lrs", down.url))
        router = start(source, keep_events=False)
        send(router, *range(20))
        source.set(moved("lrs", server.url, down.url, deny=[{"org": "other"}]))
        until(lambda: router.stats()["dead"] == 20)
        send(router, 20)

        assert router.flush(PATIENCE)
        in_order(server, [20])
        assert balance(router)["dead:rules_changed"] == 20
        assert len(router.dead_letters) == 20

    def test_row_29_disabled(self, start, source, server, down):
        """A disabled consumer gets nothing, keeps what waits, and goes on when it is enabled."""
        source.set(consumer("lrs", down.url))
        router = start(source)
        send(router, *range(50))
        source.set(moved("lrs", server.url, down.url, enabled=False))
        soon(lambda: router.health()["lrs"]["state"] == "disabled")
        send(router, *range(50, 60))
        tried = len(down.requests)

        assert not router.flush(0.2)
        assert balance(router)["pending"] == 50
        assert not server.requests
        assert len(down.requests) <= tried + 1
        source.set(moved("lrs", server.url, down.url))
        soon(lambda: len(server.stored) == 50)
        assert router.flush(PATIENCE)
        in_order(server, range(50))
        assert balance(router)["delivered"] == 50

    def test_row_29_removed(self, start, source, server, down, tmp_path):
        """What waits for a consumer that is gone goes nowhere else, and to it if it comes back."""
        source.set(consumer("gone", down.url), consumer("fine", server.url))
        router = start(source)
        send(router, *range(50))
        source.set(consumer("fine", server.url))
        soon(lambda: router.health()["gone"]["state"] == "removed")
        send(router, *range(50, 60))
        until(lambda: router.stats("fine")["delivered"] == 60)
        assert balance(router)["pending"] == 50
        if router.mode == "durable":
            router.close(0.2)
            router = start(source)
            assert balance(router)["pending"] == 0
            assert router.store.counts("gone")["pending"] == 50

        with serving() as other:
            source.set(consumer("fine", server.url), moved("gone", other.url, down.url))
            soon(lambda: len(other.stored) == 50)
            assert router.flush(PATIENCE)
            in_order(other, range(50))
        in_order(server, range(60))
        balance(router)

    def test_row_29_backlog_that_is_given_up(self, server, down, tmp_path):
        """The backlog of a removed consumer is dropped when somebody says so, and counted."""
        registry = Registry(tmp_path)
        registry.set(consumer("gone", down.url), consumer("fine", server.url))
        store = SQLiteStore(tmp_path / "store.db")
        router = Router(registry.given, store=store, reload=0.05)
        send(router, *range(50))
        registry.set(consumer("fine", server.url))
        soon(lambda: router.health()["gone"]["state"] == "removed")

        assert store.drop("gone", "removed") == 50
        assert router.flush(PATIENCE)
        counts = router.stats("gone")
        assert (50, 50, 0) == (counts["enqueued"], counts["dropped:removed"], counts["pending"])
        assert "gone" not in router.health()
        balance(router)
        assert router.close(PATIENCE)

    @pytest.mark.parametrize("is_away", [False, True])
    def test_row_29_other_protocol(self, start, source, server, down, is_away):
        """What a consumer does not speak any more waits, and is never sent to it."""
        source.set(consumer("lrs", down.url))
        router = start(source)
        send(router, *range(20))
        if is_away:
            source.set()
            soon(lambda: router.health()["lrs"]["state"] == "removed")
        source.set({**consumer("lrs", f"{server.url}/envelopes"), "protocol": "caliper"})
        until(lambda: router.health()["lrs"].get("held"))

        assert router.flush(PATIENCE)
        assert not [each for each in server.requests if each.method == "POST"]
        assert balance(router)["pending"] == 20
        assert list(router.health()["lrs"]["held"].values()) == [20]
        source.set(moved("lrs", server.url, down.url))
        soon(lambda: len(server.stored) == 20)
        assert router.flush(PATIENCE)
        assert balance(router)["delivered"] == 20

    def test_row_29_while_a_request_is_under_way(self, start, source, server):
        """A request that hangs when its consumer changes costs nothing and is not waited for."""
        with serving(default=hang) as hanging:
            source.set(consumer("lrs", hanging.url, timeout=NEVER))
            router = start(source)
            send(router, *range(30))
            hanging.wait_for(lambda: hanging.requests)
            source.set(moved("lrs", server.url, hanging.url))
            until(lambda: router.consumers[0].url == server.url)
            hanging.released.set()

            assert router.flush(PATIENCE)
        in_order(server, range(30))
        assert balance(router)["delivered"] == 30

    def test_row_29_many_changes(self, start, source, server):
        """However often and whatever changes while events flow: all arrive that may."""
        with serving() as other:
            shapes = [
                moved("lrs", server.url, other.url),
                moved("lrs", other.url, server.url, batch={"max_size": 7}),
                moved("lrs", server.url, other.url, headers={"X-Other": "value"}),
                moved("lrs", other.url, server.url, timeout=5),
            ]
            source.set(shapes[0])
            router = start(source, reload=0.01)
            for number in range(400):
                send(router, number)
                if number % 10 == 0:
                    now = shapes[number // 10 % 4]
                    source.set(now)
                    if number % 50 == 0:
                        until(lambda now=now: router.consumers == load_consumers([now]))
            assert router.flush(PATIENCE)
            assert set(numbers(server)) | set(numbers(other)) == set(range(400))
            assert router.stats()["reloaded"] >= 3
        assert balance(router)["delivered"] == 400

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[{",
            "[1]",
            '{"consumers": 5}',
            '[{"id": "lrs", "protocol": "xapi"}]',
            '[{"id": "lrs", "protocol": "xapi", "url": "https://x.org", "key": "tok-en-1234567"}]',
            '[{"id": "lrs", "protocol": "xapi", "url": "gopher://x.org"}]',
            """[{"id": "lrs", "protocol": "xapi", "url": "https://x.org", "auth":
            {"type": "bearer", "token": {"env": "EVENTKIT_NO_SUCH_VARIABLE"}}}]""",
            None,
        ],
    )
    def test_row_29_broken_file(self, start, tmp_path, server, caplog, text):
        """With a file that is wrong all goes on as before, loudly, until it is right again."""
        source = File(tmp_path)
        source.set(consumer("lrs", server.url))
        router = start(source)
        send(router, 0)
        until(lambda: 0 in numbers(server))
        caplog.clear()
        if text is None:
            source.given.unlink()
        else:
            source.write(text)
        soon(lambda: router.stats().get("reload_failed"))
        send(router, 1)
        until(lambda: 1 in numbers(server))

        errors = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert len(errors) == router.stats()["reload_failed"] == 1
        named = (str(source.given), "consumer 'lrs': url")
        assert any(each in errors[0].getMessage() for each in named)
        assert TOKEN not in caplog.text
        with serving() as other:
            source.set(consumer("lrs", server.url), consumer("new", other.url))
            soon(lambda: "new" in router.health())
        balance(router)

    def test_row_29_registry_that_fails(self, start, server, tmp_path):
        """A registry that raises, as a database that is away does, changes nothing either."""
        source = Registry(tmp_path)
        source.set(consumer("lrs", server.url))
        router = start(source)
        send(router, 0)
        source.now = None
        soon(lambda: router.stats().get("reload_failed"))
        send(router, 1)

        assert router.flush(PATIENCE)
        in_order(server, [0, 1])
        source.set(consumer("lrs", server.url, enabled=False))
        soon(lambda: router.health()["lrs"]["state"] == "disabled")
        balance(router)


KEYS = [
    {"type": "bearer", "token": TOKEN},
    {"type": "basic", "username": "eventkit", "password": TOKEN},
]


class TestSecrets:
    """Row 30: a secret that is missing or wrong stops sending, and one that is there stays in."""

    @pytest.mark.parametrize("place", [{"env": "EVENTKIT_NO_SUCH_VARIABLE"}, {"file": "/no/such"}])
    def test_row_30_missing_at_the_start(self, make, server, place):
        """The router does not come up, and says which one it is."""
        auth = {"type": "bearer", "token": place}
        with pytest.raises(ConfigurationError) as refused:
            make(consumer("lrs", server.url, auth=auth))

        (where,) = place.values()
        assert "consumer 'lrs'" in str(refused.value)
        assert f"auth.token: {where}" in str(refused.value).replace(
            "environment variable ", ""
        ).replace("cannot read the secret from '", "")
        assert not server.connections

    def test_row_30_missing_later(self, make, server, tmp_path):
        """A secret that goes away pauses its consumer; nothing goes out without it."""
        server.authorization = f"Bearer {TOKEN}"
        secret = tmp_path / "token"
        secret.write_text(TOKEN)
        auth = {"type": "bearer", "token": {"file": str(secret)}}
        router = make(consumer("lrs", server.url, auth=auth), pause=0.05)
        secret.unlink()
        router.send_many(map(translation, range(20)))
        until(lambda: router.health()["lrs"]["state"] == "paused")

        assert "auth.token" in router.health()["lrs"]["detail"]
        assert balance(router)["pending"] == 20
        assert not server.requests
        secret.write_text(TOKEN)
        assert router.flush(PATIENCE)
        in_order(server, range(20))
        assert balance(router)["delivered"] == 20

    @pytest.mark.parametrize("auth", KEYS, ids=["bearer", "basic"])
    def test_row_30_never_shown(self, make, server, caplog, auth):
        """Whatever a receiver says, a secret is in no log, repr, message, letter or health."""
        caplog.set_level(logging.DEBUG)

        def quote(server, connection, request):
            words = f"{request.headers} {TOKEN}".encode()
            status = next(statuses, 401)
            return respond(status, words)(server, connection, request)

        statuses = iter([500, 400, 302])
        server.default = quote
        router = make(consumer("lrs", server.url, auth=auth, headers={"X-Key": TOKEN}), pause=NEVER)
        router.send(translation(0))
        until(lambda: router.health()["lrs"]["state"] == "paused" or router.stats()["dead"])
        router.send(translation(1))
        until(lambda: router.health()["lrs"]["state"] == "paused")
        until(lambda: len(router.dead_letters) == 1)
        direct = Router(list(router.consumers))
        with pytest.raises(DeliveryError) as failed:
            direct.send(translation(2))

        shown = [
            caplog.text,
            repr(router),
            repr(router.consumers),
            str(router.health()),
            str(direct.health()),
            str(router.stats()),
            str(failed.value),
            *map(repr, router.dead_letters),
            *(str(attrs.asdict(letter)) for letter in router.dead_letters),
            json.dumps(direct.route(translation(3), with_event=True)),
        ]
        basic = server.requests[0].headers["authorization"].split()[1]
        for text in shown:
            assert TOKEN not in text
            assert basic not in text
        assert "***" in str(router.health())
        balance(router)

    def test_row_30_store_of_another_key(self, server, down, tmp_path):
        """A store that was written under another key is left alone, loudly, and nothing is sent."""
        right, wrong = (base64.urlsafe_b64encode(bytes([n] * 32)).decode() for n in (1, 2))
        path = tmp_path / "store.db"
        router = Router([consumer("lrs", down.url)], store=SQLiteStore(path, key=right))
        router.send_many(map(translation, range(20)))
        router.close(0)
        assert b"learner-" not in path.read_bytes()
        for key in (wrong, None):
            with pytest.raises(ConfigurationError, match="key"):
                Router([consumer("lrs", server.url)], store=SQLiteStore(path, key=key))
        with pytest.raises(ConfigurationError, match="EVENTKIT_NO_SUCH_VARIABLE"):
            SQLiteStore(path, key={"env": "EVENTKIT_NO_SUCH_VARIABLE"})

        assert not server.connections
        store = SQLiteStore(path, key=[wrong, right])
        router = Router([moved("lrs", server.url, down.url)], store=store)
        assert router.flush(PATIENCE)
        in_order(server, range(20))
        assert balance(router)["delivered"] == 20
        assert router.close(PATIENCE)
