"""The router with a queue and a thread for each consumer."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time

import fault_server
import pytest
from fault_server import PATIENCE, FastClock, respond, serving, unused_port

from eventkit.base.throttle import Throttle
from eventkit.dead_letters import DeadLetter
from eventkit.dead_letters import box as dead_letters
from eventkit.router import Router

TOKEN = "tok-en-1234567"
NEVER = 3600


@pytest.fixture(autouse=True)
def _fresh_throttle(monkeypatch):
    monkeypatch.setattr(dead_letters, "_throttle", Throttle(dead_letters._log))


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def make():
    """Make routers that are closed at the end."""
    made = []

    def make(*consumers, **options):
        router = Router(list(consumers), mode="buffered", **options)
        made.append(router)
        return router

    yield make
    for router in made:
        router.close(0)


def settings(name, url, **more):
    batch = {"max_wait": 0, **more.pop("batch", {})}
    return {"id": name, "protocol": "xapi", "url": url, "batch": batch, **more}


def statement(number):
    return {"id": f"id-{number:04}", "actor": {"name": "learner-17"}, "n": number}


def translation(*numbers):
    return {
        "name": "play_video",
        "protocol": "xapi",
        "documents": [statement(number) for number in numbers],
        "event": {"name": "play_video"},
    }


def ids(*numbers):
    return {statement(number)["id"] for number in numbers}


def balance(router):
    """Check that nothing has got lost, for each consumer and for all; give the counts of all."""
    for counts in [router.stats(), *(router.stats(consumer.id) for consumer in router.consumers)]:
        left = ("delivered", "dead", "pending")
        assert counts["enqueued"] == sum(counts[name] for name in left), counts
        assert counts["returned"] == 0
    return router.stats()


class TestBatching:
    def test_by_count(self, make, server):
        """A full batch does not wait."""
        router = make(settings("lrs", server.url, batch={"max_size": 5, "max_wait": NEVER}))
        for number in range(12):
            router.send(translation(number))
        _until(lambda: router.stats()["delivered"] == 10)

        assert [5, 5] == [len(request.statements) for request in server.requests]
        assert balance(router)["pending"] == 2

    def test_many_at_once(self, make, server):
        """They queue up as if they had come one by one."""
        router = make(settings("lrs", server.url, batch={"max_size": 5, "max_wait": NEVER}))
        router.send_many(translation(2 * number, 2 * number + 1) for number in range(6))
        assert router.flush(PATIENCE)

        assert list(server.stored) == [statement(number)["id"] for number in range(12)]
        assert [5, 5, 2] == [len(request.statements) for request in server.requests]
        assert balance(router)["routed"] == 6

    def test_by_bytes(self, make, server):
        """A batch of enough bytes does not wait."""
        batch = {"max_bytes": 1000, "max_wait": NEVER}
        router = make(settings("lrs", server.url, batch=batch))
        for number in range(40):
            router.send(translation(number))
        server.wait_for(lambda: len(server.stored) >= 26)

        assert all(900 < len(request.body) <= 1000 for request in server.requests)

    def test_by_age(self, make, server):
        """The tail of a batch goes when its time has come, without a further event."""
        clock = FastClock()
        router = make(settings("lrs", server.url, batch={"max_wait": 25}), clock=clock)
        router.send(translation(1))
        server.wait_for(lambda: server.stored)

        assert clock.waits[0] == pytest.approx(25, abs=5)

    def test_an_idle_consumer_gets_it_at_once(self, make, server):
        """By default nothing waits for company."""
        clock = FastClock()
        router = make({"id": "lrs", "protocol": "xapi", "url": server.url}, clock=clock)
        waits = []
        server.rule = lambda _: waits.extend(clock.waits)
        router.send(translation(1))
        server.wait_for(lambda: server.stored)

        assert waits == []

    def test_what_comes_meanwhile_is_the_next_request(self, make, server):
        """While a request is under way, the next one fills."""

        def late(server, connection, request):
            server.released.wait(PATIENCE)
            return fault_server.behave(server, connection, request)

        server.script.append(late)
        router = make({"id": "lrs", "protocol": "xapi", "url": server.url})
        router.send(translation(0))
        server.wait_for(lambda: server.requests)
        for number in range(1, 21):
            router.send(translation(number))
        server.released.set()
        server.wait_for(lambda: len(server.stored) == 21)

        assert [len(request.ids) for request in server.requests] == [1, 20]

    def test_waits_for_company(self, make, server):
        """What comes within the time goes in one request."""
        router = make(settings("lrs", server.url, batch={"max_wait": 0.5}))
        for number in range(20):
            router.send(translation(number))
        server.wait_for(lambda: len(server.stored) == 20)

        assert len(server.requests) < 5

    def test_flush_does_not_wait(self, make, server):
        """Flushing sends what would wait for company."""
        consumers = [
            settings(name, server.url, batch={"max_wait": NEVER}) for name in ("a", "b", "c")
        ]
        router = make(*consumers)
        router.send(translation(1))

        assert router.flush(PATIENCE)
        assert len(server.requests) == 3
        assert balance(router)["delivered"] == 3

    def test_order_is_kept(self, make, server):
        """Documents arrive in order, whatever happens on the way."""
        server.script.extend(
            [fault_server.behave, respond(400), respond(503), fault_server.store_and_reset]
        )
        router = make(settings("lrs", server.url, batch={"max_size": 7}), clock=FastClock())
        for number in range(100):
            router.send(translation(number))
        assert router.flush(PATIENCE)

        assert sorted(ids(*range(100))) == list(server.stored)
        assert balance(router)["delivered"] == 100


class TestRetry:
    @pytest.mark.parametrize(
        "action",
        [
            respond(408),
            respond(425),
            respond(429),
            respond(500),
            respond(503),
            fault_server.reset,
            fault_server.store_and_reset,
            fault_server.cut_short,
            fault_server.hang,
            fault_server.drip_headers,
            fault_server.drip_body,
        ],
    )
    def test_until_it_works(self, make, server, action):
        """Every passing trouble ends with one copy of each document."""
        server.script.extend([action] * 3)
        router = make(settings("lrs", server.url, timeout=0.2), clock=FastClock())
        router.send(translation(1, 2))

        assert router.flush(PATIENCE)
        # Three that fail, one that tries a single document, one for the rest.
        assert [2, 1, 1, 1, 1] == [len(request.statements) for request in server.requests]
        assert set(server.stored) == ids(1, 2)
        counts = balance(router)
        assert (2, 3) == (counts["delivered"], counts["retries"])
        assert not router.dead_letters

    def test_backoff(self, make, server):
        """Waits double up to the cap, are drawn below that, and begin anew after success."""
        server.script.extend([respond(503)] * 6 + [fault_server.behave, respond(503)])
        clock = FastClock(chance=0.5)
        router = make(settings("lrs", server.url), clock=clock, backoff=1.0, backoff_cap=10.0)
        for number in (1, 2):
            router.send(translation(number))
            assert router.flush(PATIENCE)

        assert [0.5, 1, 2, 4, 5, 5, 0.5] == pytest.approx(clock.waits, abs=0.4)

    @pytest.mark.parametrize(
        ("value", "expected"), [("20", 20), ("5000", 30), ("0", 1), ("soon", 1), ("-3", 1)]
    )
    def test_retry_after(self, make, server, value, expected):
        """Retry-After is heeded up to the cap; without a usable one there is backoff."""
        server.script.append(respond(429, Retry_After=value))
        clock = FastClock()
        router = make(settings("lrs", server.url), clock=clock, backoff=1.0, retry_after_cap=30.0)
        router.send(translation(1))

        assert router.flush(PATIENCE)
        assert [expected] == pytest.approx(clock.waits, abs=0.5)

    def test_backlog_is_sent_when_the_consumer_is_back(self, make, server):
        """What has piled up in the meantime arrives, in full batches."""
        server.default = respond(503)
        router = make(settings("lrs", server.url, batch={"max_size": 50}), clock=FastClock())
        for number in range(500):
            router.send(translation(number))
        server.wait_for(lambda: len(server.requests) > 3)
        assert router.health()["lrs"]["state"] == "retrying"
        server.default = fault_server.behave

        assert router.flush(PATIENCE)
        assert len(server.stored) == 500
        assert router.health()["lrs"]["state"] == "ok"
        balance(router)

    def test_bad_document_in_the_queue(self, make, server):
        """A document that is refused does not hold up those behind it."""

        def rule(request):
            return (400, b"no") if "id-0013" in request.ids else None

        server.rule = rule
        router = make(settings("lrs", server.url))
        for number in range(100):
            router.send(translation(number))

        assert router.flush(PATIENCE)
        assert ids(13) == {letter.documents[0]["id"] for letter in router.dead_letters}
        assert set(server.stored) == ids(*range(100)) - ids(13)
        balance(router)


class TestPause:
    @pytest.mark.parametrize(
        ("action", "reason"),
        [
            (respond(401), "http_401"),
            (respond(403), "http_403"),
            (respond(404), "http_404"),
            (respond(301, Location="https://new.example.org/xapi/statements"), "redirect"),
            (respond(200, b"<html>"), "no_lrs"),
        ],
    )
    def test_keeps_events_and_resumes(self, make, server, caplog, action, reason):
        """A wrong setting pauses the consumer: one warning, a slow probe, no event lost."""
        caplog.set_level(logging.INFO, "eventkit")
        server.default = action
        clock = FastClock()
        router = make(settings("lrs", server.url), clock=clock, pause=77.0)
        for number in range(10):
            router.send(translation(number))
        server.wait_for(lambda: len(server.requests) >= 4)
        health = router.health()["lrs"]
        server.default = fault_server.behave

        assert router.flush(PATIENCE)
        assert ("paused", reason) == (health["state"], health["reason"])
        assert health["pending"] == 10
        assert health["oldest_seconds"] > 0
        assert all(wait == pytest.approx(77, abs=1) for wait in clock.waits if wait > 1)
        assert set(server.stored) == ids(*range(10))
        warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert "lrs is paused" in warnings[0].getMessage()
        assert balance(router)["dead"] == 0

    def test_corrected_secret(self, make, server, tmp_path):
        """A password corrected in its file takes effect without a restart."""
        server.authorization = f"Bearer {TOKEN}"
        path = tmp_path / "token"
        path.write_text("wrong")
        auth = {"type": "bearer", "token": {"file": str(path)}}
        router = make(settings("lrs", server.url, auth=auth), clock=FastClock())
        router.send(translation(1))
        server.wait_for(lambda: len(server.requests) >= 2)
        path.write_text(TOKEN)

        assert router.flush(PATIENCE)
        assert set(server.stored) == ids(1)


class TestIsolation:
    @pytest.mark.parametrize(
        "action",
        [fault_server.hang, fault_server.drip_body, respond(503), respond(401), fault_server.reset],
    )
    def test_one_consumers_trouble_is_not_anothers(self, make, server, action):
        """While one consumer hangs or fails, another gets everything at once."""
        with serving(default=action) as bad:
            router = make(settings("bad", bad.url, timeout=PATIENCE), settings("good", server.url))
            router.send(translation(0))
            bad.wait_for(lambda: bad.requests)
            begin = time.monotonic()
            for number in range(1, 300):
                router.send(translation(number))
            server.wait_for(lambda: len(server.stored) == 300)

            assert time.monotonic() - begin < 10
            assert router.stats("good")["delivered"] <= 300
            assert router.stats("bad")["pending"] == 300
            balance(router)
            bad.released.set()

    def test_send_never_waits(self, make, server):
        """Sending takes no longer when nobody takes anything."""
        server.default = fault_server.hang
        router = make(settings("lrs", server.url, timeout=PATIENCE), queue_size=100)
        begin = time.monotonic()
        for number in range(1000):
            router.send(translation(number))

        assert time.monotonic() - begin < 10
        balance(router)


class TestQueueFull:
    def test_by_count(self, make, server, caplog):
        """What finds no room is a dead letter, whole events at a time; what has room stays."""
        server.default = fault_server.hang
        router = make(settings("lrs", server.url, timeout=PATIENCE), queue_size=10)
        for number in range(0, 30, 3):
            router.send(translation(number, number + 1, number + 2))

        counts = balance(router)
        assert (9, 21) == (counts["pending"], counts["dead:queue_full"])
        assert [letter.documents[0]["n"] for letter in router.dead_letters] == list(range(9, 30))
        assert "queue_full" in caplog.text
        server.default = fault_server.behave
        server.released.set()
        assert router.flush(PATIENCE)
        assert set(server.stored) == ids(*range(9))

    def test_by_bytes(self, make, server):
        """Bytes are bounded as well, those in flight included."""
        server.default = fault_server.hang
        sample = translation(0)
        parts = (*sample["documents"], sample["event"])
        size = sum(len(json.dumps(part, separators=(",", ":"))) for part in parts) + 1
        router = make(settings("lrs", server.url, timeout=PATIENCE), queue_bytes=5 * size)
        router.send(translation(0))
        server.wait_for(lambda: server.requests)
        for number in range(1, 10):
            router.send(translation(number))

        assert (5, 5) == (balance(router)["pending"], router.stats()["dead:queue_full"])


class TestClose:
    def test_delivers_what_is_queued(self, make, server):
        """Closing sends the rest without waiting for company."""
        router = make(settings("lrs", server.url, batch={"max_wait": NEVER}))
        for number in range(250):
            router.send(translation(number))

        assert router.close(PATIENCE)
        assert len(server.stored) == 250
        assert router.close(0)
        assert balance(router)["delivered"] == 250

    def test_ends_threads(self, make, server):
        """Afterwards no thread is left."""
        router = make(settings("a", server.url), settings("b", server.url))
        router.send(translation(1))
        router.close(PATIENCE)

        assert not [
            thread
            for thread in threading.enumerate()
            if thread.name in ("eventkit-a", "eventkit-b")
        ]

    def test_nothing_started_nothing_to_end(self, make, server):
        """A router that was not used has no threads."""
        router = make(settings("unused", server.url))

        assert "eventkit-unused" not in {thread.name for thread in threading.enumerate()}
        assert router.flush(0)
        assert router.close(0)

    def test_during_backoff(self, make, server):
        """A wait beyond the timeout is not waited for: the rest is given up at once."""
        server.default = respond(503, Retry_After="200")
        router = make(settings("lrs", server.url), retry_after_cap=1000)
        router.send(translation(1, 2))
        server.wait_for(lambda: server.requests)
        _until(lambda: router.health()["lrs"]["next_try_seconds"] > 100)
        begin = time.monotonic()

        assert not router.close(100)
        assert time.monotonic() - begin < 20
        assert {"closed"} == {letter.reason for letter in router.dead_letters}
        assert ids(1, 2) == {letter.documents[0]["id"] for letter in router.dead_letters}
        assert [1, 1] == [letter.attempts for letter in router.dead_letters]
        assert len(server.requests) == 1
        assert (0, 2) == (balance(router)["pending"], router.stats()["dead:closed"])

    def test_uses_the_time_it_has(self, make, server):
        """A consumer that comes back within the timeout gets everything."""
        server.script.extend([respond(503)] * 3)
        router = make(settings("lrs", server.url), clock=FastClock(), backoff=0.01)
        router.send(translation(1))

        assert router.close(PATIENCE)
        assert set(server.stored) == ids(1)

    def test_while_a_request_hangs(self, make, server):
        """A request that hangs is given up; should it succeed later, it is not counted twice."""
        server.default = fault_server.hang
        router = make(settings("lrs", server.url, timeout=PATIENCE))
        router.send(translation(1))
        server.wait_for(lambda: server.requests)
        router.send(translation(2))
        (thread,) = [one for one in threading.enumerate() if one.name == "eventkit-lrs"]

        assert not router.close(0.05)
        assert balance(router)["dead:closed"] == 2
        server.released.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        counts = balance(router)
        assert (2, 0, 0) == (counts["dead"], counts["delivered"], counts["pending"])

    def test_stops_splitting_in_time(self, make, server):
        """Finding culprits ends when the time is up; nothing of the rest is lost."""
        begin = threading.Event()

        def rule(request):
            begin.set()
            time.sleep(0.01)
            return 400, b""

        server.rule = rule
        router = make(settings("lrs", server.url))
        router.send(translation(*range(100)))
        assert begin.wait(PATIENCE)
        (thread,) = [one for one in threading.enumerate() if one.name == "eventkit-lrs"]

        assert not router.close(0.1)
        thread.join(PATIENCE)
        # All culprits would have taken 199.
        assert len(server.requests) < 100
        counts = balance(router)
        assert (100, 0) == (counts["dead"], counts["pending"])
        assert {"http_400", "closed"} >= {letter.reason for letter in router.dead_letters}

    def test_afterwards(self, make, server):
        """What comes after closing is a dead letter."""
        router = make(settings("lrs", server.url))
        router.close(0)
        router.send(translation(1))

        assert (1, "closed") == (balance(router)["dead"], router.dead_letters[0].reason)

    def test_flush_in_trouble(self, make, server):
        """Flushing tells that something is left."""
        server.default = respond(503)
        router = make(settings("lrs", server.url))
        router.send(translation(1))

        assert not router.flush(0.05)
        assert balance(router)["pending"] == 1


class TestRobustness:
    def test_failing_sink(self, make, server):
        """A dead letter sink that raises neither stops delivery nor loses letters."""

        def broken(letter):
            raise OSError("disk full")

        def rule(request):
            return (400, b"") if "id-0001" in request.ids else None

        server.rule = rule
        router = make(settings("lrs", server.url), dead_letters=broken)
        router.send(translation(0, 1, 2))

        assert router.flush(PATIENCE)
        assert set(server.stored) == ids(0, 2)
        assert len(router.dead_letters) == 1
        assert balance(router)["dead_letters_failed"] == 1

    def test_sink_that_looks_at_the_router(self, make, server):
        """A sink may ask the router how it is doing: no lock is held while it runs."""
        seen: list[DeadLetter] = []

        def sink(letter):
            thread = threading.Thread(target=lambda: (router.stats(), router.health()))
            thread.start()
            thread.join(PATIENCE)
            assert not thread.is_alive()
            seen.append(letter)

        server.rule = lambda request: (400, b"")
        router = make(settings("lrs", server.url), dead_letters=sink, queue_size=2)
        router.send(translation(1, 2))
        router.send(translation(3, 4, 5))

        assert router.flush(PATIENCE)
        assert len(seen) == 5

    def test_unexpected_error_in_the_thread(self, make, server, monkeypatch, caplog):
        """An error nobody thought of costs no document."""
        router = make(settings("lrs", server.url), clock=FastClock())
        lane = next(iter(router._fleet.lanes.values()))
        real, calls = lane.push, []

        def push(*arguments):
            calls.append(arguments)
            if len(calls) < 3:
                raise RuntimeError("learner-17")
            return real(*arguments)

        monkeypatch.setattr(lane, "push", push)
        router.send(translation(1))

        assert router.flush(PATIENCE)
        assert set(server.stored) == ids(1)
        assert "RuntimeError" in caplog.text
        assert "learner-17" not in caplog.text
        balance(router)

    def test_no_thread_to_be_had(self, make, server, monkeypatch):
        """Without a thread documents stay queued, and go with the next one."""
        router = make(settings("lrs", server.url))
        with monkeypatch.context() as patch:

            def start(self):
                raise RuntimeError("can't start new thread")

            patch.setattr(threading.Thread, "start", start)
            router.send(translation(1))
        assert balance(router)["pending"] == 1
        router.send(translation(2))

        assert router.flush(PATIENCE)
        assert set(server.stored) == ids(1, 2)

    def test_closing_without_a_thread(self, make, server, monkeypatch):
        """Where none can be had any more, closing delivers, and keeps to its time."""
        server.script.append(respond(503))
        nowhere = f"http://127.0.0.1:{unused_port()}/xapi"
        names = [settings("lrs", server.url), settings("down", nowhere)]
        router = make(*names, clock=FastClock())

        begin = threading.Thread.start

        def start(thread):
            if thread.name.startswith("eventkit-"):
                raise RuntimeError("can't create new thread at interpreter shutdown")
            begin(thread)  # one of the server's

        monkeypatch.setattr(threading.Thread, "start", start)
        router.send(translation(1, 2))

        assert not router.close(PATIENCE)
        assert set(server.stored) == ids(1, 2)
        assert router.stats("lrs")["delivered"] == 2
        assert router.stats("down")["dead:closed"] == 2
        balance(router)

    def test_idle_thread_ends_and_another_begins(self, make, server, monkeypatch):
        """A thread without work goes home; the next document calls another."""
        monkeypatch.setattr("eventkit.router.sender._IDLE", 0.01)
        router = make(settings("idle", server.url))
        for number in (1, 2):
            router.send(translation(number))
            assert router.flush(PATIENCE)
            _until(lambda: "eventkit-idle" not in {one.name for one in threading.enumerate()})

        assert set(server.stored) == ids(1, 2)

    def test_many_threads_and_faults(self, make, server):
        """Under concurrent senders and all kinds of trouble the counts balance at any moment."""
        faults = [
            respond(503),
            fault_server.reset,
            fault_server.store_and_reset,
            respond(401),
            respond(429, Retry_After="1"),
            fault_server.cut_short,
        ]
        server.script.extend(faults * 5)
        bad = ids(*range(0, 1000, 97))

        def rule(request):
            return (422, b"") if bad & set(request.ids) else None

        server.rule = rule
        router = make(settings("lrs", server.url, batch={"max_size": 20}), clock=FastClock())

        def work(first):
            for number in range(first, first + 250):
                router.send(translation(number))
                balance(router)

        threads = [threading.Thread(target=work, args=(n * 250,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

        assert router.flush(PATIENCE)
        assert set(server.stored) == ids(*range(1000)) - bad
        counts = balance(router)
        assert (1000 - len(bad), len(bad)) == (counts["delivered"], counts["dead"])

    def test_secrets_and_learners_stay_out_of_the_log(self, make, server, caplog):
        """Whatever happens, the log holds neither secrets nor payload."""
        caplog.set_level(logging.DEBUG)

        def echo(server, connection, request):
            return respond(422, json.dumps(request.headers).encode())(server, connection, request)

        server.script.extend([respond(401), respond(503), fault_server.reset])
        server.default = echo
        auth = {"type": "bearer", "token": TOKEN}
        router = make(settings("lrs", server.url, auth=auth), clock=FastClock())
        router.send(translation(1))

        assert router.flush(PATIENCE)
        (letter,) = router.dead_letters
        assert "Bearer ***" in letter.response
        assert TOKEN not in caplog.text + json.dumps(letter.as_dict()) + repr(router.health())
        assert "learner-17" not in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
class TestFork:
    SCRIPT = """
import os, sys
from eventkit.router import Router

def translation(number):
    return {"name": "e", "protocol": "xapi", "event": {"name": "e"},
            "documents": [{"id": f"id-{number:04}"}]}

url = sys.argv[1]
router = Router([{"id": "lrs", "protocol": "xapi", "url": url,
                  "batch": {"max_wait": 3600}}], mode="buffered")
router.send(translation(0))
assert router.flush(20)
router.send(translation(1))
lock = next(iter(router._fleet.lanes.values())).changed
lock.acquire()          # as a thread would that the child does not have
child = os.fork()
if child == 0:
    counts = router.stats()
    ok = counts["enqueued"] == counts["pending"] == 0
    router.send(translation(2))
    ok = router.flush(20) and ok
    ok = router.stats()["delivered"] == 1 and ok
    os._exit(0 if ok else 1)
lock.release()
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
router.send(translation(3))
assert router.close(20)
counts = router.stats()
assert (counts["enqueued"], counts["delivered"]) == (3, 3), counts
"""

    def test_both_sides_deliver(self, server):
        """A forked child has its own queue, locks and connections; each sends its own, once."""
        done = subprocess.run(
            [sys.executable, "-c", self.SCRIPT, server.url],
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        sent = [name for request in server.requests for name in request.ids]
        assert sorted(ids(0, 1, 2, 3)) == sorted(sent)
        assert server.connections == 2


def test_end_of_the_process(server, tmp_path):
    """What is queued when the process ends is delivered, or lies in the dead letters."""
    script = """
import sys
from eventkit.router import Router
consumers = [{"id": name, "protocol": "xapi", "url": url, "batch": {"max_wait": 3600}}
             for name, url in (("up", sys.argv[1]), ("down", sys.argv[3]))]
router = Router(consumers, mode="buffered", dead_letters=sys.argv[2], backoff=1000, backoff_cap=1e6)
router.send({"name": "e", "protocol": "xapi", "event": {}, "documents": [{"id": "id-0001"}]})
"""
    dead = tmp_path / "dead.jsonl"
    nowhere = f"http://127.0.0.1:{unused_port()}/xapi"
    command = [sys.executable, "-c", script, server.url, str(dead), nowhere]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert set(server.stored) == ids(1)
    (line,) = dead.read_text().splitlines()
    assert ("down", "closed") == (json.loads(line)["consumer"], json.loads(line)["reason"])


@pytest.mark.parametrize("is_denied", [False, True])
def test_events_that_come_at_the_end_of_the_process(server, is_denied):
    """Newer Pythons start no thread then; what is queued arrives all the same."""
    script = """
import atexit
import sys
import threading
from eventkit.router import Router

router = Router([{"id": "lrs", "protocol": "xapi", "url": sys.argv[1]}], mode="buffered")

def deny(thread):
    raise RuntimeError("can't create new thread at interpreter shutdown")

@atexit.register
def last():
    if sys.argv[2] == "True":
        threading.Thread.start = deny
    router.send({"name": "e", "protocol": "xapi", "event": {}, "documents": [{"id": "id-0001"}]})
"""
    command = [sys.executable, "-c", script, server.url, str(is_denied)]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert set(server.stored) == ids(1)


def _until(predicate):
    """Wait for something that tells nobody when it happens."""
    end = time.monotonic() + PATIENCE
    while not predicate():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.005)
