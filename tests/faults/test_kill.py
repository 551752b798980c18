"""Processes are killed with -9 at the worst moments: what was accepted arrives."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import fault_server
import pytest
from fault_processes import PROGRAMS, Died, environment, leases, remotes, sent
from fault_routes import balance, consumer, numbers, until
from fault_server import PATIENCE

from eventkit.router import Router
from eventkit.stores import INBOX, SQLiteStore


@pytest.fixture
def remote():
    with remotes() as start:
        yield start


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def queued(path):
    """The numbers that wait in the store, in order."""
    entries = SQLiteStore(path).take("lrs", after=0, limit=10**6, max_bytes=10**9)
    found = [body for entry in entries for body in entry.bodies]
    return [int(body.rpartition(b'"n":')[2].strip(b" }")) for body in found]


NOWHERE = "http://127.0.0.1:9/xapi"


def later():
    """A consumer to which nothing is sent yet."""
    return consumer("lrs", NOWHERE, batch={"max_wait": 600.0})


def finish(path, *consumers):
    """Deliver what waits in the store; give the counts."""
    router = Router(list(consumers), store=path, lease=1.0)
    try:
        assert router.flush(2 * PATIENCE)
        for counts in map(router.stats, [each["id"] for each in consumers]):
            assert counts["pending"] == 0
        return balance(router)
    finally:
        assert router.close(PATIENCE)


def test_row_1_killed_between_accepting_and_committing(remote, server, path):
    """What nobody was told to be stored is there whole or, as here, not at all."""
    router = remote(later(), store=path)
    router.ask("send", 1, 2, 3)
    router.ask("die_before_commit")
    with pytest.raises(Died):
        router.ask("send", 4, 5, 6)

    router.dies()
    assert queued(path) == [1, 2, 3]
    assert finish(path, consumer("lrs", server.url, inherits=[NOWHERE]))["enqueued"] == 3
    assert numbers(server) == [1, 2, 3]


@pytest.mark.parametrize("seed", range(3))
def test_row_1_killed_at_any_moment(remote, server, path, tmp_path, seed):
    """Each call is in the store whole or not at all, and each that has returned is in it."""
    size = 5
    accepted = tmp_path / "accepted"
    router = remote(later(), store=path)
    router.tell("send_groups", size, str(accepted))
    moment = random.Random(seed).randrange(1, 60)
    until(lambda: accepted.exists() and accepted.read_bytes().count(b"\n") >= moment)
    router.kill()

    told = int(accepted.read_bytes().split()[-1])
    found = queued(path)
    assert found == list(range(len(found)))
    assert len(found) in (told, told + size)
    assert finish(path, consumer("lrs", server.url, inherits=[NOWHERE]))["delivered"] == len(found)
    assert numbers(server) == found


def test_row_2_killed_before_sending(remote, server, path):
    """What was accepted is delivered after the restart, once."""
    router = remote(later(), store=path)
    router.tell("send_and_die", *range(250))
    router.dies()

    counts = finish(path, consumer("lrs", server.url, inherits=[NOWHERE]))
    assert counts["delivered"] == counts["enqueued"] == 250
    assert sorted(numbers(server)) == list(range(250))
    assert all(len(each) == 1 for each in sent(server).values())


@pytest.mark.parametrize("is_stored", [False, True])
def test_row_2_killed_while_sending(remote, server, path, is_stored):
    """The batch that was under way is sent again, in the same bytes; nothing else is sent twice."""

    def kill(server, connection, request):
        if is_stored:
            server.decide(request)
        os.kill(router.pid, signal.SIGKILL)
        return False

    server.script.extend([fault_server.behave, kill])
    router = remote(consumer("lrs", server.url, batch={"max_size": 20}), store=path, lease=1.0)
    router.tell("send", *range(100))
    router.dies()
    under_way = {each["n"] for each in server.requests[1].statements}

    counts = finish(path, consumer("lrs", server.url, batch={"max_size": 20}))
    assert counts["delivered"] == 100
    assert sorted(numbers(server)) == list(range(100))
    again = {number for number, bodies in sent(server).items() if len(bodies) > 1}
    assert again == under_way
    assert all(len(set(bodies)) == 1 for bodies in sent(server).values())


def test_row_2_killed_between_the_answer_and_noting_it(remote, server, path):
    """The receiver gets the batch once more, with the same ids, and has it once."""
    router = remote(consumer("lrs", server.url, batch={"max_size": 20}), store=path, lease=1.0)
    router.ask("die_before_settling")
    router.tell("send", *range(50))
    router.dies()
    # All that one look at the store has read is settled with its own answers, or not at all.
    assert 0 < len(server.stored) <= 50

    assert finish(path, consumer("lrs", server.url, inherits=[NOWHERE]))["delivered"] == 50
    assert sorted(numbers(server)) == list(range(50))
    repeated = [bodies for bodies in sent(server).values() if len(bodies) > 1]
    assert 0 < len(repeated) <= 20
    assert all(len(set(bodies)) == 1 for bodies in repeated)


def test_row_3_killed_again_and_again(remote, server, path):
    """Nothing is lost, what is repeated is what was under way, and no leases pile up."""
    kills, size, each = 8, 10, 150
    chance = random.Random(3)
    left = 0

    def kill(server, connection, request):
        nonlocal left
        left -= 1
        if left:
            return fault_server.behave(server, connection, request)
        if chance.random() < 0.5:
            server.decide(request)
        os.kill(router.pid, signal.SIGKILL)
        return False

    server.default = kill
    lrs = consumer("lrs", server.url, batch={"max_size": size})
    groups = [range(turn * each, (turn + 1) * each) for turn in range(kills)]
    told = set()
    for group in groups:
        left = chance.randrange(1, each // size)
        router = remote(lrs, store=path, lease=0.5)
        with suppress(Died):
            router.ask("send", *group)
            told.update(group)
        router.dies()
        assert len(leases(path)) <= 1
    counts = finish(path, lrs)

    everything = sent(server)
    assert counts["enqueued"] == counts["delivered"] == len(server.stored) == len(everything)
    assert told <= set(everything)
    assert all(len(everything.keys() & group) in (0, each) for group in map(set, groups))
    repeated = sum(len(bodies) - 1 for bodies in everything.values())
    assert repeated <= kills * size
    assert all(len(set(bodies)) == 1 for bodies in everything.values())
    assert leases(path) == {}


@pytest.fixture
def copies(remote, path, tmp_path):
    """A store as it lay on the disk, its log with it, and how long the log was after each call."""
    accepted = []
    router = remote(later(), store=path)
    log = path.with_name("store.db-wal")
    router.ask("send", 0)
    for number in range(1, 40):
        before = log.stat().st_size
        router.ask("send", *range(100 * number, 100 * number + number % 4 + 1))
        assert log.stat().st_size > before, "the log began again, so its length says nothing"
        accepted.append((log.stat().st_size, list(range(100 * number, 100 * number + 100))))
    router.kill()
    wanted = queued_in_copy(tmp_path / "all", path, None, b"")
    assert len(wanted) == 1 + sum(number % 4 + 1 for number in range(1, 40))

    def expected(length):
        """What was safe when the log had that length."""
        safe = {number for size, group in accepted if size <= length for number in group} | {0}
        return [number for number in wanted if number in safe]

    return expected, accepted


def queued_in_copy(folder, path, length, tail):
    """Copy the store with its log cut at *length* and *tail* in its place, and read the copy."""
    folder.mkdir()
    shutil.copy(path, folder)
    log = path.with_name("store.db-wal").read_bytes()
    (folder / "store.db-wal").write_bytes(log if length is None else log[:length] + tail)
    return queued(folder / "store.db")


def test_row_4_power_loss(copies, path, tmp_path):
    """
    Wherever the log ends, or turns into rubbish, what had been synced by then is there.

    A call returns when the log is synced as far as it is long then; this is what a power failure
    leaves of it at least.
    """
    expected, accepted = copies
    chance = random.Random(4)
    total = accepted[-1][0]
    lengths = [chance.randrange(accepted[0][0], total + 1) for _ in range(40)]
    for number, length in enumerate([*lengths, *(size for size, _ in accepted[::8]), total]):
        tail = chance.choice([b"", bytes(5000), chance.randbytes(5000)])
        found = queued_in_copy(tmp_path / str(number), path, length, tail)

        # A call whose last page was written, but had not returned, may be there as well; whole.
        following = [group for size, group in accepted if size > length][:1]
        assert found == expected(length) or set(found) - set(expected(length)) <= set(*following)
        assert set(found) >= set(expected(length))


def test_row_4_each_call_waits_for_the_disk(path):
    """With sync="full" the log is synced before a call returns, as the file's connection says."""
    store = SQLiteStore(path)
    asked = []

    def ask(writer):
        asked.append(writer.connection.execute("PRAGMA synchronous").fetchone()[0])
        asked.append(writer.connection.execute("PRAGMA journal_mode").fetchone()[0])

    store._access.write(ask)
    assert asked == [2, "wal"]


class Tally:
    """A record store and a Caliper endpoint that only note what they got."""

    def __init__(self):
        self.seen = {"xapi": {}, "caliper": {}}
        self.copies = 0
        self.changed_bodies = []

    def __call__(self, server, connection, request):
        if request.method == "GET":
            return fault_server.respond(404)(server, connection, request)
        body = json.loads(request.body)
        protocol, documents = (
            ("xapi", body) if isinstance(body, list) else ("caliper", body["data"])
        )
        with server.changed:
            for document in documents:
                digest = digest_of(document)
                before = self.seen[protocol].setdefault(document["id"], digest)
                self.copies += 1
                if before != digest:
                    self.changed_bodies.append(document["id"])
            server.requests.clear()
            server.changed.notify_all()
        # A record store names the ids with 200, and need not with 204.
        return fault_server.respond(204)(server, connection, request)

    @property
    def arrived(self):
        return sum(map(len, self.seen.values()))

    @property
    def repeated(self):
        return self.copies - self.arrived


def digest_of(document):
    return hashlib.blake2b(json.dumps(document).encode(), digest_size=16).digest()


def wanted(pipeline, total):
    """What each receiver is to have in the end: the digest of each document by its id."""
    return {
        protocol: {
            document["id"]: digest_of(document)
            for number in range(total)
            for document in translator.translate(pipeline.event(number))
        }
        for protocol, translator in pipeline.translators().items()
    }


@pytest.fixture
def pipeline(monkeypatch):
    """The module that the programs have their events from."""
    monkeypatch.syspath_prepend(PROGRAMS)
    return importlib.import_module("pipeline")


@pytest.fixture
def program():
    """Start programs, each of which is ended with the test."""
    started = []

    def start(name, *arguments):
        command = [sys.executable, str(PROGRAMS / name), *map(str, arguments)]
        process = subprocess.Popen(command, env=environment())
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(PATIENCE)


def test_row_3_workers_and_lms_killed_again_and_again(server, path, tmp_path, pipeline, program):
    """Every event that was accepted is delivered in both protocols; once, by its id."""
    kills, total = (20, 50_000) if os.environ.get("EVENTKIT_FULL") else (5, 5_000)
    chance = random.Random(kills)
    server.default = tally = Tally()
    base = server.url.removesuffix("/xapi")
    consumers = [
        consumer("lrs", server.url),
        {"id": "endpoint", "protocol": "caliper", "url": f"{base}/caliper"},
    ]
    emit = ("producer.py", path, tmp_path / "accepted", total)
    work = ("worker.py", path, json.dumps(consumers), 0.5)
    began = time.monotonic()
    producer = program(*emit)
    workers = [program(*work), program(*work)]
    for moment in sorted(chance.sample(range(2 * total * 95 // 100), kills)):
        until(lambda moment=moment: tally.arrived >= moment)
        if producer.poll() is None and chance.random() < 0.3:
            producer.kill()
            assert producer.wait(PATIENCE) == -signal.SIGKILL
            producer = program(*emit)
        place = chance.randrange(2)
        workers[place].kill()
        assert workers[place].wait(PATIENCE) == -signal.SIGKILL
        workers[place] = program(*work)
    assert producer.wait(2 * PATIENCE) == 0
    until(lambda: tally.arrived >= 2 * total)
    for worker in workers:
        worker.terminate()
    # One that had just been started may not know the signal yet.
    codes = {worker.wait(PATIENCE) for worker in workers}
    assert codes <= {0, -signal.SIGTERM}
    took = time.monotonic() - began

    counts = finish(path, *consumers)
    assert tally.seen == wanted(pipeline, total)
    assert not tally.changed_bodies
    inbox = SQLiteStore(path).counts(INBOX)
    assert inbox["pending"] == inbox["dead"] == inbox["dropped"] == 0
    assert inbox["enqueued"] == inbox["delivered"] >= total
    assert counts["dead"] == counts["dropped"] == 0
    assert counts["delivered"] >= 2 * total
    # A kill costs what one worker had under way: a relay's batch, and a request of each consumer.
    assert tally.repeated <= kills * 2 * (500 + 100) + 2 * (inbox["enqueued"] - total)
    # Who was killed may hold a lease yet, where nobody has needed it since.
    holders = {int(holder.partition("-")[0]) for holder in leases(path).values()}
    assert not holders & {worker.pid for worker in workers if worker.returncode == 0}
    print(f"{kills} kills, {total} events, {took:.1f} s, {tally.repeated} copies", counts)


def test_row_33_the_store_is_where_a_runner_hands_over(server, path, tmp_path, pipeline, program):
    """What a runner has acknowledged is delivered, though it is killed and the consumer is down."""
    spool = tmp_path / "spool"
    spool.mkdir()
    total = 300
    for number in range(total):
        (spool / f"{number:06}").write_text(json.dumps(pipeline.event(number)))
    down = [consumer("lrs", "http://127.0.0.1:9/xapi")]
    chance = random.Random(33)
    for moment in sorted(chance.sample(range(1, total - 20), 4)):
        runner = program("runner.py", path, json.dumps(down), spool)
        until(lambda moment=moment: len(list(spool.iterdir())) <= total - moment)
        runner.kill()
        assert runner.wait(PATIENCE) == -signal.SIGKILL
    assert len(list(spool.iterdir())) > 0
    assert program("runner.py", path, json.dumps(down), spool).wait(PATIENCE) == 0
    assert not list(spool.iterdir())

    server.default = tally = Tally()
    counts = finish(path, consumer("lrs", server.url, inherits=[NOWHERE]))
    assert tally.seen["xapi"] == wanted(pipeline, total)["xapi"]
    assert not tally.changed_bodies
    assert total <= counts["delivered"] <= total + 4
