"""Several processes on one store, processes that fork, stop and are stopped, and replays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import fault_server
import pytest
from fault_processes import TESTS, environment, leases, remotes, sent
from fault_routes import balance, consumer, numbers, translation, until
from fault_server import PATIENCE, FastClock, respond, serving

from eventkit.cli import main
from eventkit.router import Router, replay
from eventkit.stores import SQLiteStore


@pytest.fixture
def remote():
    with remotes() as start:
        yield start


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def marked(server, mark, **more):
    """A consumer whose requests tell which process they are from."""
    return consumer("lrs", server.url, headers={"X-Worker": mark}, **more)


def settled(router, *names):
    """Wait until nothing waits; give the counts."""
    assert router.flush(PATIENCE)
    for name in names:
        assert router.stats(name)["pending"] == 0
    return balance(router)


def test_row_8_two_workers(remote, server, path):
    """Both accept, and each document is sent once, by one of them."""
    workers = [remote(marked(server, each, batch={"max_size": 10}), store=path) for each in "ab"]
    for start in range(0, 1000, 50):
        for place, worker in enumerate(workers):
            worker.tell("send", *range(start + 25 * place, start + 25 * place + 25))
        for worker in workers:
            worker.hear()
    assert all(worker.ask("flush", PATIENCE) for worker in workers)

    for worker in workers:
        counts = worker.ask("stats")
        assert counts["enqueued"] == counts["delivered"] == 1000
        assert counts["pending"] == counts["dead"] == counts["dropped"] == 0
    assert sorted(numbers(server)) == list(range(1000))
    assert all(len(bodies) == 1 for bodies in sent(server).values())
    assert len(leases(path)) == 1


def test_row_8_the_holder_is_killed(remote, server, path):
    """Another worker takes over when the lease has run out, and not before."""
    server.default = respond(503)
    first = remote(marked(server, "a"), store=path, lease=1.0)
    first.ask("send", *range(100))
    server.wait_for(lambda: server.requests)
    second = remote(marked(server, "b"), store=path, lease=1.0)
    second.ask("send", *range(100, 200))
    assert {each.headers["x-worker"] for each in server.requests} == {"a"}
    first.kill()
    server.default = fault_server.behave

    assert second.ask("flush", PATIENCE)
    assert second.ask("stats")["delivered"] == 200
    assert sorted(numbers(server)) == list(range(200))


def test_row_8_the_lease_runs_out_in_the_middle_of_sending(remote, server, path):
    """Who was stopped finds its lease gone; what it notes late counts nothing twice."""
    release = server.released

    def hold_the_first(server, connection, request):
        status, body = server.decide(request)
        if request.headers["x-worker"] == "a":
            server.default = fault_server.behave
            release.wait(PATIENCE)
        return respond(status, body)(server, connection, request)

    server.default = hold_the_first
    options = {"store": path, "lease": 0.5}
    first = remote(marked(server, "a", batch={"max_size": 20}), **options)
    first.ask("send", *range(100))
    server.wait_for(lambda: server.requests)
    second = remote(marked(server, "b", batch={"max_size": 20}), **options)
    os.kill(first.pid, signal.SIGSTOP)
    assert second.ask("flush", PATIENCE)
    assert second.ask("stats")["delivered"] == 100
    os.kill(first.pid, signal.SIGCONT)
    release.set()

    first.ask("send", *range(100, 150))
    assert first.ask("flush", PATIENCE)
    for worker in (first, second):
        counts = worker.ask("stats")
        assert counts["enqueued"] == counts["delivered"] == 150
        assert counts["pending"] == counts["dead"] == counts["dropped"] == 0
    assert sorted(numbers(server)) == list(range(150))
    bodies = sent(server)
    assert {number for number, each in bodies.items() if len(each) > 1} == set(range(20))
    assert all(len(set(each)) == 1 for each in bodies.values())


def test_row_9_fork_of_a_durable_router(remote, server, path):
    """Parent and child go on with the same store, without a handle or socket in common."""
    router = remote(consumer("lrs", server.url, batch={"max_size": 20}), store=path, lease=1.0)
    router.ask("send", *range(100))
    assert router.ask("flush", PATIENCE)
    connections = server.connections
    (parent, child) = router.ask("fork", list(range(100, 300)), list(range(300, 500)))

    assert parent[0] is child[0] is True
    assert router.ask("flush", PATIENCE)
    counts = router.ask("stats")
    assert counts["enqueued"] == counts["delivered"] == 500
    assert counts["pending"] == counts["dead"] == counts["dropped"] == 0
    assert sorted(numbers(server)) == list(range(500))
    assert all(len(bodies) == 1 for bodies in sent(server).values())
    assert server.connections >= connections


def test_row_9_fork_of_a_buffered_router(remote, server):
    """Each delivers its own; the child begins with an empty queue and counts of zero."""
    router = remote(consumer("lrs", server.url), mode="buffered")
    router.ask("send", *range(100))
    parent, child = router.ask("fork", list(range(100, 300)), list(range(300, 500)))

    assert parent[0] is child[0] is True
    assert parent[1]["enqueued"] == parent[1]["delivered"] == 300
    assert child[1]["enqueued"] == child[1]["delivered"] == 200
    assert sorted(numbers(server)) == list(range(500))
    assert all(len(bodies) == 1 for bodies in sent(server).values())
    assert server.connections >= 2


@pytest.mark.parametrize("trouble", [respond(503), respond(429, Retry_After="3600")])
def test_row_10_closing_while_waiting(server, path, trouble, tmp_path):
    """Closing takes its time and no longer; what is left stays, and others may have it at once."""
    server.default = trouble
    router = Router([consumer("lrs", server.url)], store=path, lease=3600, backoff=600.0)
    router.send_many(translation(number) for number in range(100))
    server.wait_for(lambda: server.requests)
    assert leases(path)
    began = time.monotonic()
    assert router.close(0.5) is False
    assert time.monotonic() - began < 5
    assert leases(path) == {}
    assert balance(router)["pending"] == 100

    server.default = fault_server.behave
    another = Router([consumer("lrs", server.url)], store=path, lease=3600)
    assert settled(another, "lrs")["delivered"] == 100
    assert another.close(PATIENCE)
    assert sorted(numbers(server)) == list(range(100))


def test_row_10_closing_a_buffered_router_while_waiting(server):
    """What memory cannot keep becomes dead letters, within the time that there is."""
    server.default = respond(429, Retry_After="3600")
    router = Router([consumer("lrs", server.url)], mode="buffered")
    router.send_many(translation(number) for number in range(100))
    server.wait_for(lambda: server.requests)
    began = time.monotonic()
    assert router.close(0.5) is False
    assert time.monotonic() - began < 5
    assert balance(router)["dead:closed"] == 100
    assert len(router.dead_letters) == 100


def log(*numbers):
    lines = []
    for number in numbers:
        problem = f"block-v1:edX+DemoX+2026+type@problem+block@p{number}"
        lines.append(
            {
                "event_type": "showanswer",
                "time": f"2026-02-02T08:{number // 60:02}:{number % 60:02}.5+00:00",
                "event": {"problem_id": problem},
                "context": {"user_id": 7, "course_id": "course-v1:edX+DemoX+2026"},
            }
        )
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture
def send(tmp_path):
    """Start ``eventkit send``; give the process."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "eventkit", "send", "--consumers", "consumers.json", "-q"]
        process = subprocess.Popen(
            [*command, "--lms-root", "https://lms.example.org", *arguments],
            env=environment(IDENTITY_SECRET="a secret that only the tests know"),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=PATIENCE)


IDENTITY = ("--identity-secret-env", "IDENTITY_SECRET")


@pytest.mark.parametrize("trouble", [fault_server.behave, respond(503, Retry_After="20")])
def test_row_10_eventkit_send_is_terminated(server, tmp_path, send, trouble):
    """SIGTERM ends it soon, with a checkpoint that is whole, and the next run sends the rest."""
    total = 2500
    (tmp_path / "x.log").write_bytes(log(*range(total)))
    (tmp_path / "consumers.json").write_text(json.dumps([consumer("lrs", server.url)]))

    def terminate(server, connection, request):
        first.send_signal(signal.SIGTERM)
        server.default = trouble
        return trouble(server, connection, request)

    server.script.extend([fault_server.behave] * 9)
    server.default = terminate
    first = send(*IDENTITY, "x.log")
    began = time.monotonic()
    complaint = first.communicate(timeout=PATIENCE)[1]
    assert time.monotonic() - began < 15
    assert first.returncode == 128 + signal.SIGTERM
    assert complaint.splitlines()[-1] == b"eventkit: terminated"
    assert 900 <= len(server.stored) < total
    point = json.loads((tmp_path / "consumers.json.checkpoint.json").read_bytes())
    (log_sent,) = point["logs"]
    assert 500 <= log_sent["positions"]["lrs"]["lines"] <= len(server.stored)

    server.default = fault_server.behave
    second = send(*IDENTITY, "x.log")
    assert second.wait(2 * PATIENCE) == 0, second.stderr.read()
    assert len(server.stored) == total
    requested = [name for request in server.requests for name in request.ids]
    # What was under way when the signal came.
    assert len(requested) - total <= 500 + 100


def test_row_10_eventkit_send_is_terminated_while_it_reads(server, tmp_path, send):
    """Nothing comes from standard input any more, and still it ends at once."""
    (tmp_path / "consumers.json").write_text(json.dumps([consumer("lrs", server.url)]))
    process = send(*IDENTITY, "-")
    until(lambda: list(tmp_path.glob("*.lock")))
    # The file is there a moment before it is locked, and a signal just then leaves it, empty.
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    assert not list(tmp_path.glob("*.lock"))


def test_row_10_the_example_worker_is_terminated(server, tmp_path, path):
    """It ends soon with exit code 0, and another one delivers what is left."""
    server.default = respond(503, Retry_After="3600")
    (tmp_path / "consumers.json").write_text(json.dumps([consumer("lrs", server.url)]))
    store = SQLiteStore(path)
    for number in range(20):
        (line,) = log(number).splitlines()
        store(json.loads(line))
    command = [sys.executable, str(TESTS.parent / "examples" / "durable_worker.py")]
    settings = environment(
        LMS_ROOT="https://lms.example.org",
        IDENTITY_SECRET="a secret that only the tests know",
        CONSUMERS=str(tmp_path / "consumers.json"),
        STORE=str(path),
    )

    def work():
        return subprocess.Popen(command, env=settings, cwd=tmp_path)

    first = work()
    try:
        server.wait_for(lambda: server.requests)
        first.terminate()
        assert first.wait(PATIENCE) == 0
        assert leases(path) == {}
        server.default = fault_server.behave
        second = work()
        try:
            server.wait_for(lambda: len(server.stored) == 20)
            until(lambda: store.counts("lrs")["pending"] == 0)
        finally:
            second.terminate()
            assert second.wait(PATIENCE) == 0
    finally:
        first.kill()
    counts = store.counts("lrs")
    assert counts["enqueued"] == counts["delivered"] == 20


def bad_until_corrected(bad):
    return lambda request: (
        (400, b"no such activity") if any(each["n"] in bad for each in request.statements) else None
    )


@pytest.fixture
def lettered(server, path):
    """A durable router with the dead letters 3, 5 and 8 of ten documents."""
    server.rule = bad_until_corrected({3, 5, 8})
    router = Router([consumer("lrs", server.url)], store=path, clock=FastClock())
    router.send_many(translation(number) for number in range(10))
    assert settled(router, "lrs")["dead"] == 3
    yield router
    router.close(0)


def by_number(letters):
    return {letter.documents[0]["n"]: letter for letter in letters}


def test_row_32_replay(lettered, server):
    """Only what was chosen is sent, once; what fails again comes back with its history."""
    letters = by_number(lettered.dead_letters)
    server.rule = bad_until_corrected({5})
    before = len(server.requests)

    report = replay(lettered.dead_letters, lettered, [letters[3].id, letters[5].id])
    assert (report.delivered, report.refused) == (1, 1)
    assert sorted(each["n"] for each in server.stored.values()) == [0, 1, 2, 3, 4, 6, 7, 9]
    assert {n for each in server.requests[before:] for n in numbers_of(each)} == {3, 5}
    assert sum(numbers_of(each).count(3) for each in server.requests[before:]) <= 2

    left = by_number(lettered.dead_letters)
    assert left.keys() == {5, 8}
    assert left[5].id == letters[5].id
    assert [each["reason"] for each in left[5].history] == ["http_400"]
    assert left[8] == letters[8]

    before = len(server.requests)
    again = replay(lettered.dead_letters, lettered, [letters[3].id])
    assert again.unknown == (letters[3].id,)
    assert len(server.requests) == before
    assert balance(lettered)["dead"] == 3


def numbers_of(request):
    return [each["n"] for each in request.statements]


def test_row_32_replay_is_idempotent(lettered, server):
    """A letter that was delivered already, by a replay that was killed, is stored once."""
    letters = by_number(lettered.dead_letters)
    server.rule = None
    replay(lettered.dead_letters, lettered, [letters[3].id])
    # As if it had been killed before it could take the letter away.
    lettered.dead_letters(letters[3])

    report = replay(lettered.dead_letters, lettered, lambda letter: True)
    assert (report.delivered, report.is_done) == (3, True)
    assert len(lettered.dead_letters) == 0
    assert sorted(numbers(server)) == list(range(10))
    assert len(set(sent(server)[3])) == 1


def test_row_32_replay_from_the_command_line(lettered, server, path, tmp_path):
    """Another process replays from the store, while the router is at work on it."""
    (tmp_path / "consumers.json").write_text(json.dumps([consumer("lrs", server.url)]))
    letters = by_number(lettered.dead_letters)
    server.rule = bad_until_corrected({8})

    def run(*arguments):
        command = [sys.executable, "-m", "eventkit", "dead-letters", "replay", str(path)]
        return subprocess.run(
            [*command, "--consumers", "consumers.json", *arguments],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    done = run("--id", letters[5].id)
    assert done.returncode == 0, done.stderr
    assert by_number(lettered.dead_letters).keys() == {3, 8}
    done = run("--reason", "http_400")
    assert done.returncode == 1, done.stderr
    left = by_number(lettered.dead_letters)
    assert left.keys() == {8}
    assert len(left[8].history) == 1
    assert sorted(numbers(server)) == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    lettered.send(translation(10))
    assert settled(lettered, "lrs")["delivered"] == 8


def test_row_32_replay_to_a_consumer_that_is_down(lettered, path):
    """Nothing is lost: the letters stay as they are."""
    before = by_number(lettered.dead_letters)
    with serving(default=respond(503)) as down:
        moved = consumer("lrs", down.url, inherits=[lettered.consumers[0].url])
        report = replay(lettered.dead_letters, [moved], lambda letter: True)
    assert dict(report.kept) == {"in_trouble": 3}
    assert by_number(lettered.dead_letters) == before


def test_sending_from_a_thread_leaves_signals_alone(server, tmp_path, monkeypatch):
    """A program that runs the command in a thread of its own keeps its handlers."""
    monkeypatch.setenv("IDENTITY_SECRET", "a secret that only the tests know")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.log").write_bytes(log(*range(10)))
    (tmp_path / "consumers.json").write_text(json.dumps([consumer("lrs", server.url)]))
    before = signal.getsignal(signal.SIGTERM)
    command = ["send", "--consumers", "consumers.json", "-q", "x.log"]
    with ThreadPoolExecutor(1) as pool:
        options = ["--lms-root", "https://lms.example.org", *IDENTITY]
        code = pool.submit(main, [*command, *options]).result(2 * PATIENCE)

    assert code == 0
    assert len(server.stored) == 10
    assert signal.getsignal(signal.SIGTERM) is before
