"""The store on real files, with real processes."""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from eventkit.dead_letters import DeadLetter
from eventkit.exceptions import ConfigurationError, StoreError, StoreFull
from eventkit.stores import INBOX, Parcel, Settled, SQLiteStore
from eventkit.stores.sqlite import access as _sqlite_access
from eventkit.stores.sqlite import file as _sqlite_file
from eventkit.stores.sqlite import schema as _sqlite_schema
from eventkit.stores.sqlite.store import LEAST_BYTES
from eventkit.testing import check_store
from eventkit.testing.store_checks import _balanced as check_balance

WAIT = 60.0
"""Seconds that are never needed, unless something is broken."""

ROOT = Path(__file__).resolve().parents[2]


def parcel(number=0, consumers=("lrs",), documents=1, size=0) -> Parcel:
    return Parcel(
        consumers=dict.fromkeys(consumers, "digest"),
        name="play_video",
        protocol="xapi",
        bodies=tuple(
            b'{"id":"%d-%d","pad":"%s"}' % (number, each, b"x" * size) for each in range(documents)
        ),
        event=b'{"name":"play_video","number":%d}' % number,
    )


def numbers(store, consumer="lrs") -> list[int]:
    """Say which events wait."""
    return [
        json.loads(entry.event)["number"]
        for entry in store.take(consumer, after=0, limit=10**7, max_bytes=10**10)
    ]


def positions(store, consumer="lrs") -> list[int]:
    return [
        entry.position for entry in store.take(consumer, after=0, limit=10**7, max_bytes=10**10)
    ]


def settle_all(store, consumer="lrs") -> None:
    entries = store.take(consumer, after=0, limit=10**7, max_bytes=10**10)
    store.settle(
        consumer,
        [Settled(position=each.position, delivered=max(1, len(each.bodies))) for each in entries],
    )


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "store.db"


class Process:
    """A Python program that runs beside the test, told the path of the store."""

    def __init__(self, script: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PRELUDE + textwrap.dedent(script)]
            + [str(each) for each in arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'helpers'}"},
        )

    def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self) -> None:
        """Let it go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> str:
        """End it as the kernel would; give what else it printed."""
        self.process.send_signal(signal.SIGKILL)
        return self.rest()

    def rest(self) -> str:
        output, _ = self.process.communicate(timeout=WAIT)
        return output


PRELUDE = """
import json, os, signal, sys, threading, time
from eventkit.stores import SQLiteStore
from eventkit.stores import INBOX, Parcel, Settled
from eventkit.exceptions import StoreError, StoreFull
path = sys.argv[1]
def parcel(number=0, consumers=("lrs",), size=0):
    return Parcel(
        consumers={consumer: "digest" for consumer in consumers}, name="play_video",
        protocol="xapi", bodies=(b'{"id":"%d-0","pad":"%s"}' % (number, b"x" * size),),
        event=b'{"name":"play_video","number":%d}' % number,
    )
def say(*words):
    # In one piece, as several threads do.
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()
"""


def run(script: str, *arguments: object) -> str:
    """Run a program to its end; it must succeed."""
    process = Process(script, *arguments)
    output = process.rest()

    assert process.process.returncode == 0, output

    return output


LOCKER = """
import fcntl, sqlite3, sys

path, lock = sys.argv[1:]
if lock == "ours":
    locked = open(path + "-lock")
    fcntl.flock(locked, fcntl.LOCK_EX)
else:
    locked = sqlite3.connect(path)
    locked.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read(1)
locked.close()
"""
"""Keeps the file locked until it is told to end."""


class TestContract:
    def test_it_is_a_store(self, path):
        check_store(lambda: SQLiteStore(path))

    def test_it_is_a_store_when_it_syncs_less(self, path):
        check_store(lambda: SQLiteStore(path, sync="normal"))

    def test_it_is_a_store_when_it_is_encrypted(self, path):
        key = make_key()

        check_store(lambda: SQLiteStore(path, key=key))

    def test_a_store_that_loses_counts_is_found_out(self, path):
        """The checks can fail."""

        class Forgetful(SQLiteStore):
            def settle(self, consumer, settled):
                super().settle(consumer, settled[:1])

        with pytest.raises(AssertionError, match="expected"):
            check_store(lambda: Forgetful(path))

    def test_what_is_not_json_in_one_line_is_refused(self, path):
        store = SQLiteStore(path)
        for bodies in ((b'{"a":\n1}',), (b"",), (b"{}", b"")):
            with pytest.raises(ValueError, match="line"):
                store.put([attrs_evolve(parcel(), bodies=bodies)])

        assert numbers(store) == []

    def test_settling_must_account_for_every_document(self, path):
        store = SQLiteStore(path)
        store.put([parcel(documents=3)])
        [position] = positions(store)
        with pytest.raises(ValueError, match="3 documents, but 2 are settled"):
            store.settle("lrs", [Settled(position=position, delivered=2)])

        assert positions(store) == [position]

    def test_names_with_half_a_surrogate_pair_are_kept_readable(self, path):
        store = SQLiteStore(path)

        store.put([attrs_evolve(parcel(), name="a\ud800b")])

        assert store.take("lrs", after=0, limit=1, max_bytes=1)[0].name == "a\ufffdb"

    def test_repr_names_the_path_only(self, path):
        assert repr(SQLiteStore(path, key=make_key())) == f"SQLiteStore({str(path)!r})"

    def test_only_the_owner_may_read_the_files(self, path):
        old = os.umask(0)
        try:
            store = SQLiteStore(path)
            store.put([parcel()])
        finally:
            os.umask(old)
        files = list(path.parent.iterdir())

        assert len(files) == 5, files
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}

    def test_an_entry_is_there_once_however_many_consumers_wait_for_it(self, path):
        store = SQLiteStore(path)
        store.put([parcel(consumers=[f"c{number}" for number in range(50)], size=20_000)])

        assert store.stats()["bytes_used"] < 250_000
        assert sum(len(positions(store, f"c{number}")) for number in range(50)) == 50

    def test_what_this_object_puts_is_told_to_those_who_listen(self, path):
        store = SQLiteStore(path)
        told = []

        def listen(consumers):
            told.append(consumers)
            raise RuntimeError("must not matter")

        store.on_put(listen)
        store.put([parcel(consumers=("a", "b"))])
        store({"name": "x"})
        del listen
        gc.collect()
        store.put([parcel()])

        assert told == [{"a", "b"}, {INBOX}]


def attrs_evolve(thing, **changes):
    import attrs

    return attrs.evolve(thing, **changes)


def make_key() -> str:
    fernet = pytest.importorskip("cryptography.fernet")
    return fernet.Fernet.generate_key().decode()


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"path": ""}, "path: expected"),
            ({"path": ":memory:"}, "path: expected"),
            ({"path": 7}, "path: expected .* got int"),
            ({"path": "/"}, "path: / is a folder; name a file"),
            ({"path": "/no/such/folder/store.db"}, "path: the folder .* does not exist; make it"),
            ({"sync": "off"}, r"sync: expected one of \('full', 'normal'\), got 'off'"),
            ({"when_full": "block"}, "when_full: expected one of"),
            ({"max_bytes": 10}, f"max_bytes: expected a whole number from {LEAST_BYTES}, got 10"),
            ({"max_bytes": 1e9}, "max_bytes: .* got 1000000000.0"),
            ({"letters_for": 0}, "letters_for: expected seconds above 0, or None"),
            ({"letters_for": True}, "letters_for"),
            ({"clock": 5}, "clock: expected a callable"),
            ({"key": "short"}, "key"),
        ],
    )
    def test_a_wrong_setting_is_refused_with_its_name_and_the_remedy(self, path, settings, said):
        with pytest.raises(ConfigurationError, match=said):
            SQLiteStore(**{"path": path, **settings})

        assert not path.exists()

    def test_a_database_of_another_program_stays_untouched(self, path):
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE users (name)")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match="another program"):
            SQLiteStore(path)

        assert path.read_bytes() == before

    def test_constructing_it_leaves_nothing_open(self, path):
        """A server that loads it and forks its workers shares nothing with them."""
        SQLiteStore(path)

        open_files = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]

        assert str(path) not in open_files


class TestVersions:
    def test_a_file_of_a_later_version_is_refused_and_stays_untouched(self, path):
        SQLiteStore(path).put([parcel()])
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 7")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match=r"later version of eventkit \(format 7"):
            SQLiteStore(path)

        assert path.read_bytes() == before

    def test_a_file_of_version_1_becomes_one_of_today(self, path):
        make_version_1(path)

        store = SQLiteStore(path)

        assert numbers(store) == [41, 42]
        assert positions(store) == [1001, 1002]
        assert store.counts("lrs") | {} == {
            "enqueued": 3, "delivered": 1, "dead": 0, "dropped": 0, "pending": 2,
        }  # fmt: skip
        assert len(store.dead_letters) == 0
        store.put([parcel(43)])
        assert positions(store)[-1] > 1002
        with sqlite3.connect(path) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()
        connection.close()
        assert version == (len(_sqlite_schema.STEPS),)

    def test_a_step_that_fails_leaves_the_file_as_it_was(self, path, monkeypatch):
        SQLiteStore(path).put([parcel(5)])
        steps = (*_sqlite_schema.STEPS, ("CREATE TABLE more (x)", "CREATE TABLE queue (x)"))
        for module in (_sqlite_schema, _sqlite_access):
            monkeypatch.setattr(module, "STEPS", steps)
        with pytest.raises(StoreError, match="already exists"):
            SQLiteStore(path).put([parcel()])
        monkeypatch.undo()

        assert numbers(SQLiteStore(path)) == [5]

    def test_a_new_step_is_taken_once_by_whoever_comes_first(self, path, monkeypatch):
        SQLiteStore(path).put([parcel(5)])
        steps = (*_sqlite_schema.STEPS, ("CREATE TABLE more (x)",))
        for module in (_sqlite_schema, _sqlite_access):
            monkeypatch.setattr(module, "STEPS", steps)

        assert [numbers(SQLiteStore(path)) for _ in range(2)] == [[5], [5]]


def make_version_1(path: Path) -> None:
    """Make a store as the first version of the format had it: without dead letters."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        """
        PRAGMA auto_vacuum = INCREMENTAL;
        PRAGMA journal_mode = WAL;
        CREATE TABLE entries (
            seq INTEGER PRIMARY KEY AUTOINCREMENT, written REAL NOT NULL, name TEXT NOT NULL,
            protocol TEXT NOT NULL, bodies BLOB NOT NULL, event BLOB NOT NULL
        );
        CREATE TABLE consumers (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, lease_owner TEXT, lease_until REAL
        );
        CREATE TABLE rules (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE);
        CREATE TABLE queue (
            consumer INTEGER NOT NULL, seq INTEGER NOT NULL, documents INTEGER NOT NULL,
            rules INTEGER NOT NULL, PRIMARY KEY (consumer, seq)
        ) WITHOUT ROWID;
        CREATE INDEX queue_by_seq ON queue (seq);
        CREATE TABLE counts (
            consumer INTEGER NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,
            PRIMARY KEY (consumer, name)
        ) WITHOUT ROWID;
        CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
        INSERT INTO consumers (id) VALUES ('lrs');
        INSERT INTO rules (digest) VALUES ('digest');
        INSERT INTO counts VALUES (1, 'enqueued', 3), (1, 'delivered', 1);
        PRAGMA application_id = 1165380468;
        PRAGMA user_version = 1;
        """
    )
    for seq, number in ((1001, 41), (1002, 42)):
        body, event = b'{"id":"%d"}' % number, b'{"number":%d}' % number
        connection.execute(
            "INSERT INTO entries VALUES (?, 1700000000.0, 'play_video', 'xapi', ?, ?)",
            (seq, body, event),
        )
        connection.execute("INSERT INTO queue VALUES (1, ?, 1, 1)", (seq,))
    connection.close()


class TestSurviving:
    def test_what_was_acknowledged_survives_kill_9(self, path):
        """Writers are killed in a loop; a put is there whole or not at all."""
        chance = random.Random(7)
        acknowledged: set[int] = set()
        writer = """
        store = SQLiteStore(path)
        start, number = int(sys.argv[2]), 0
        def write(thread):
            global number
            for index in range(10**6):
                numbers = [start + thread * 100_000 + index * 3 + each for each in range(3)]
                store.put([parcel(number, ("lrs", "other")) for number in numbers])
                say(json.dumps(numbers))
        for thread in range(3):
            threading.Thread(target=write, args=(thread,)).start()
        """
        for kill in range(20):
            process = Process(writer, path, kill * 1_000_000)
            for _ in range(chance.randrange(1, 40)):
                acknowledged.update(json.loads(process.line()))
            for line in process.kill().splitlines():
                if line.endswith("]"):
                    acknowledged.update(json.loads(line))
        store = SQLiteStore(path)
        for consumer in ("lrs", "other"):
            found = numbers(store, consumer)

            assert acknowledged <= set(found)
            assert len(found) == len(set(found))
            # What was not acknowledged is one whole put of each thread at most.
            assert len(found) - len(acknowledged) <= 20 * 3 * 3
            assert all(
                {number - number % 1 + each for each in range(3)} <= set(found)
                for number in found
                if number % 1_000_000 % 100_000 % 3 == 0
            )
            check_balance(store, consumer)

    def test_a_log_cut_anywhere_leaves_whole_puts(self, path, tmp_path):
        """A power failure may leave any beginning of what was not synced."""
        store = SQLiteStore(path)
        sizes = []
        for number in range(40):
            store.put([parcel(number * 2), parcel(number * 2 + 1)])
            sizes.append(Path(f"{path}-wal").stat().st_size)
        wal = Path(f"{path}-wal").read_bytes()
        main = path.read_bytes()
        chance = random.Random(3)
        for cut in [0, len(wal), *(chance.randrange(len(wal)) for _ in range(40))]:
            copy = tmp_path / f"cut-{cut}.db"
            copy.write_bytes(main)
            Path(f"{copy}-wal").write_bytes(wal[:cut])
            reopened = SQLiteStore(copy)
            found = numbers(reopened)

            assert found == list(range(len(found)))
            assert len(found) % 2 == 0
            # Whatever was in the log whole is there: its commits were synced one by one.
            assert len(found) >= 2 * sum(size <= cut for size in sizes)
            check_balance(reopened, "lrs")
            assert reopened.stats()["damaged"] == 0

    def test_a_lease_of_a_killed_process_is_taken_over(self, path):
        holder = Process(
            """
            store = SQLiteStore(path)
            say(store.lease("holder", ["lrs"], 0.5))
            signal.pause()
            """,
            path,
        )
        store = SQLiteStore(path)

        assert holder.line() == "{'lrs'}"
        holder.kill()
        deadline = time.monotonic() + WAIT
        while not store.lease("me", ["lrs"], 0.5):
            assert time.monotonic() < deadline
        assert store.lease("me", ["lrs"], 0.5) == {"lrs"}

    def test_a_lease_survives_no_clock_that_jumps(self, path):
        now = [1_000_000.0]
        store = SQLiteStore(path, clock=lambda: now[0])

        assert store.lease("a", ["lrs"], 10) == {"lrs"}
        assert store.lease("b", ["lrs"], 10) == set()
        now[0] -= 5_000  # set back: the lease would last for more than an hour
        assert store.lease("b", ["lrs"], 10) == {"lrs"}
        assert store.lease("a", ["lrs"], 10) == set()
        now[0] += 50_000  # set forward: it has run out
        assert store.lease("a", ["lrs"], 10) == {"lrs"}


SETTLER = """
store = SQLiteStore(path)
taken = []
me = str(os.getpid())
say("ready")
sys.stdin.readline()
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    if not store.lease(me, ["lrs"], 5):
        counts = store.counts("lrs")
        if counts["delivered"] == int(sys.argv[2]): break
        time.sleep(0.002)
        continue
    for _ in range(3):
        entries = store.take("lrs", after=0, limit=20, max_bytes=10**6)
        store.settle("lrs", [Settled(position=each.position, delivered=1) for each in entries])
        taken += [json.loads(each.event)["number"] for each in entries]
    store.release(me)
    if store.counts("lrs")["delivered"] == int(sys.argv[2]): break
say(json.dumps(taken))
"""

PUTTER = """
store = SQLiteStore(path)
say("ready")
sys.stdin.readline()
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    store.put([parcel(number)])
"""


class TestProcesses:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_each_entry_is_settled_once_whoever_works(self, path, workers):
        """As many processes put as settle."""
        total = 400
        share = total // workers
        processes = [
            Process(PUTTER, path, number * share, (number + 1) * share) for number in range(workers)
        ] + [Process(SETTLER, path, total) for _ in range(workers)]
        for process in processes:
            assert process.line() == "ready"
        for process in processes:
            process.tell()
        outputs = [process.rest() for process in processes]

        assert [process.process.returncode for process in processes] == [0] * 2 * workers
        taken = [number for output in outputs[workers:] for number in json.loads(output)]
        assert sorted(taken) == list(range(total))
        store = SQLiteStore(path)
        check_balance(store, "lrs")
        assert store.counts("lrs")["delivered"] == total

    def test_a_fork_shares_no_open_file(self, path):
        """Both sides go on, and neither's closing harms the other."""
        output = run(
            """
            store = SQLiteStore(path)
            store.put([parcel(1)])
            store.take("lrs", after=0, limit=1, max_bytes=1)
            stop = threading.Event()
            def busy():
                number = 1000
                while not stop.is_set():
                    store.put([parcel(number, ("busy",))])
                    number += 1
            thread = threading.Thread(target=busy)
            thread.start()
            child_ready, parent_closed = os.pipe(), os.pipe()
            child = os.fork()
            if child == 0:
                store.put([parcel(2)])
                os.write(child_ready[1], b"x")
                os.read(parent_closed[0], 1)
                store.put([parcel(3)])
                os._exit(0 if os.path.exists(path + "-wal") else 7)
            os.read(child_ready[0], 1)
            store.put([parcel(4)])
            stop.set()
            thread.join()
            store.close()
            del store
            os.write(parent_closed[1], b"x")
            say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """,
            path,
        )

        assert output == "0\n"
        assert sorted(numbers(SQLiteStore(path))) == [1, 2, 3, 4]

    def test_a_fork_that_python_does_not_know_of_before(self, path):
        """Some servers tell Python afterwards only; the child closes what it has inherited."""
        output = run(
            """
            from eventkit.stores.sqlite.access import _Forks, keep_locks
            _Forks._before = lambda self: self._lock.acquire() and keep_locks()
            store = SQLiteStore(path)
            store.put([parcel(1)])
            child_ready, parent_closed = os.pipe(), os.pipe()
            child = os.fork()
            if child == 0:
                store.put([parcel(2)])
                os.write(child_ready[1], b"x")
                os.read(parent_closed[0], 1)
                store.put([parcel(3)])
                os._exit(0 if os.path.exists(path + "-wal") else 7)
            os.read(child_ready[0], 1)
            store.close()
            os.write(parent_closed[1], b"x")
            say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """,
            path,
        )

        assert output == "0\n"
        assert sorted(numbers(SQLiteStore(path))) == [1, 2, 3]

    @pytest.mark.parametrize("step", ["open", "close"])
    def test_a_child_inherits_no_lock_that_it_does_not_know_of(self, path, step):
        """Not even if it is forked while a thread opens or closes one: others could never write."""
        output = run(
            """
            from eventkit.stores.sqlite import file
            store = SQLiteStore(path)
            real, there, forked = getattr(os, sys.argv[2]), threading.Event(), threading.Event()
            def slowly(what, *arguments):
                if sys.argv[2] == "close":
                    there.set()
                    forked.wait(1)
                opened = real(what, *arguments)
                if sys.argv[2] == "open":
                    there.set()
                    forked.wait(1)
                return opened
            lock = file._open(path + "-lock")
            file.os = type("", (), {**vars(os), sys.argv[2]: staticmethod(slowly)})
            if sys.argv[2] == "open":
                os.close(lock)
                file._held.clear()
                thread = threading.Thread(target=file._open, args=(path + "-lock",))
            else:
                thread = threading.Thread(target=file._close, args=(lock,))
            thread.start()
            there.wait()
            child = os.fork()
            if child == 0:
                try:
                    os.fstat(lock)
                except OSError:
                    os._exit(0)
                os._exit(7)
            forked.set()
            thread.join()
            say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """,
            path,
            step,
        )

        assert output == "0\n"

    @pytest.mark.parametrize("lock", ["ours", "SQLite's"])
    def test_a_fork_does_not_wait_for_a_lock_that_a_thread_waits_for(self, path, lock):
        """Neither for the lock of other processes of ours, nor for one of another program."""
        output = run(
            """
            import subprocess
            from eventkit import RealTimeBackend
            from eventkit.stores.sqlite import access, file
            file.PATIENCE = access.PATIENCE = 600.0
            store = SQLiteStore(path)
            store.put([parcel(0)])
            store.counts("lrs")
            locker = subprocess.Popen(
                [sys.executable, "-c", LOCKER, path, sys.argv[2]],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            assert locker.stdout.readline() == b"locked\\n"
            backend = RealTimeBackend(enqueue=store, threaded=True)
            backend.send({"name": "x"})
            while not store._access._group._busy:
                time.sleep(0.001)
            released = os.pipe()
            child = os.fork()
            if child == 0:
                os.read(released[0], 1)
                store.put([parcel(1)])
                os._exit(7)
            say(backend.stats()["pending"])
            locker.communicate(b"x")
            os.write(released[1], b"x")
            say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            say(backend.flush(20))
            """.replace("LOCKER", repr(LOCKER)),
            path,
            lock,
        )

        assert output == "1\n7\nTrue\n"
        store = SQLiteStore(path)
        assert sorted(numbers(store)) == [0, 1]
        assert store.counts("")["pending"] == 1

    def test_a_fork_in_the_middle_of_an_operation_costs_the_child_the_store(self, path):
        """Its handle can be neither used nor closed there; the parent goes on."""
        output = run(
            """
            store = SQLiteStore(path)
            def operation(writer):
                child = os.fork()
                if child == 0:
                    try:
                        SQLiteStore.put(store, [parcel(1)])
                    except StoreError as error:
                        os._exit(7 if "interrupted" in str(error) or "forked" in str(error) else 8)
                    os._exit(9)
                say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                writer.count(writer.consumer("lrs"), {"enqueued": 1, "delivered": 1})
            store._access.write(operation)
            store.put([parcel(2)])
            say(store.counts("lrs")["enqueued"])
            """,
            path,
        )

        assert output == "7\n2\n"

    def test_a_file_that_somebody_deleted_is_made_anew(self, path, caplog):
        store = SQLiteStore(path)
        store.put([parcel(1)])
        [last] = positions(store)
        for side in ("", "-wal", "-shm"):
            Path(f"{path}{side}").unlink(missing_ok=True)
        store.put([parcel(2)])

        assert numbers(store) == [2]
        # Whoever reads on from the last position gets it.
        assert len(store.take("lrs", after=last, limit=5, max_bytes=5)) == 1

    def test_calls_from_an_interrupted_operation_are_refused(self, path):
        """A signal handler that emits an event must not wait for itself."""
        store = SQLiteStore(path)

        def nested(writer):
            with pytest.raises(StoreError, match="interrupted"):
                store.put([parcel(2)])
            with pytest.raises(StoreError, match="interrupted"):
                store.close()

        store._access.write(nested)
        store.put([parcel(1)])

        assert numbers(store) == [1]


class TestGroupCommit:
    def test_many_callers_share_a_sync(self, path, monkeypatch):
        store = SQLiteStore(path)
        store.put([parcel()])
        before = store.stats()
        threads = [
            threading.Thread(target=lambda: [store.put([parcel(1)]) for _ in range(20)])
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        after = store.stats()

        assert after["operations"] - before["operations"] == 320
        assert after["commits"] - before["commits"] < 160
        assert len(numbers(store)) == 321

    def test_everybody_gets_their_own_verdict(self, path):
        """One that cannot be done takes nobody with it."""
        store = SQLiteStore(path)
        store.put([parcel()])
        [position] = positions(store)
        outcomes: Counter[str] = Counter()
        ready = threading.Barrier(12)

        def call(operation):
            ready.wait(WAIT)
            try:
                store._access.write(operation)
            except (ValueError, ZeroDivisionError, StoreError) as error:
                outcomes[type(error).__name__] += 1
            else:
                outcomes["done"] += 1

        def fail_late(writer):
            writer.count(writer.consumer("lost"), {"enqueued": 1})
            return 1 / 0

        def note(writer):
            writer.count(writer.consumer("kept"), {"enqueued": 1})

        threads = [
            threading.Thread(target=call, args=([note, note, fail_late][number % 3],))
            for number in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)

        assert outcomes == {"done": 8, "ZeroDivisionError": 4}
        assert store.counts("kept")["enqueued"] == 8
        assert store.counts("lost")["enqueued"] == 0
        assert positions(store) == [position]

    def test_who_is_interrupted_while_waiting_holds_up_nobody(self, path):
        """Ctrl-C in a caller that waits for its turn."""
        output = run(
            """
            store = SQLiteStore(path)
            entered, go_on = threading.Event(), threading.Event()
            def slow(writer):
                entered.set()
                go_on.wait(30)
            threading.Thread(target=store._access.write, args=(slow,)).start()
            entered.wait(30)
            def release():
                while not store._access._group._waiting: time.sleep(0.001)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
                go_on.set()
            threading.Thread(target=release).start()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                store.put([parcel(1)])
            except KeyboardInterrupt:
                say("interrupted")
            store.put([parcel(2)])
            say(len(store.take("lrs", after=0, limit=9, max_bytes=10**6)))
            """,
            path,
        )

        assert output == "interrupted\n1\n"


class TestBeingFull:
    def fill(self, store, size=5_000) -> int:
        number = 0
        while True:
            try:
                store.put([parcel(number, size=size)])
            except StoreFull:
                return number
            number += 1
            assert number < 10_000

    def test_refuses_with_the_path_the_budget_and_the_remedy(self, path):
        store = SQLiteStore(path, max_bytes=LEAST_BYTES)
        number = self.fill(store)
        with pytest.raises(StoreFull, match=rf"{path}: \d+ of {LEAST_BYTES} .* raise max_bytes"):
            store.put([parcel(size=5_000)])

        assert 100 < number < 200
        assert len(numbers(store)) == number
        assert store.stats()["bytes_used"] <= LEAST_BYTES

    def test_acknowledgements_and_letters_are_never_refused(self, path):
        store = SQLiteStore(path, max_bytes=LEAST_BYTES)
        self.fill(store)
        letter = DeadLetter(consumer="lrs", reason="x", documents=[{"pad": "y" * 200_000}])
        [first, *_] = positions(store)

        store.settle("lrs", [Settled(position=first, dead={"x": 1}, letters=(letter,))])
        store.dead_letters(DeadLetter(consumer="lrs", reason="x", documents=[{"id": "2"}]))
        assert store.lease("me", ["lrs"], 10) == {"lrs"}
        settle_all(store)

        assert len(store.dead_letters) == 2
        store.put([parcel(7)])
        assert numbers(store) == [7]
        check_balance(store, "lrs")

    def test_drops_the_oldest_of_the_longest_queue_and_counts_it(self, path):
        store = SQLiteStore(path, max_bytes=LEAST_BYTES, when_full="drop_oldest")
        store.put([parcel(number, ["short"], size=5_000) for number in range(10)])
        for number in range(500):
            store.put([parcel(number, size=5_000)])
        left = numbers(store)
        counts = store.counts("lrs")

        assert left == list(range(500 - len(left), 500))
        assert counts["dropped:store_full"] == 500 - len(left) > 300
        assert numbers(store, "short") == list(range(10))
        assert store.stats()["bytes_used"] <= LEAST_BYTES
        check_balance(store, "lrs")
        with pytest.raises(StoreFull):  # more than fits at all: nothing is dropped for it
            store.put([parcel(size=LEAST_BYTES)])
        assert numbers(store) == left

    def test_the_file_shrinks_when_most_of_it_is_free(self, path, monkeypatch):
        monkeypatch.setattr("eventkit.stores.sqlite.store._UPKEEP", 0.0)
        monkeypatch.setattr("eventkit.stores.sqlite.store._SOON", 0.0)
        monkeypatch.setattr("eventkit.stores.sqlite.store._SHRINK_AT_ONCE", 50)
        store = SQLiteStore(path)
        for _ in range(10):
            store.put([parcel(size=8_000) for _ in range(100)])
        store.close()
        large = path.stat().st_size
        settle_all(store)
        for _ in range(30):
            store.put([parcel()])
        store.close()

        assert large > 8_000_000
        assert path.stat().st_size < large / 4

    def test_a_full_disk_costs_nothing_but_the_put(self, path, monkeypatch):
        """SQLite is told that the file cannot grow, as when the disk is full."""
        SQLiteStore(path).put([parcel()])
        pages = path.stat().st_size // 8192
        monkeypatch.setattr(
            _sqlite_file, "PRAGMAS", (*_sqlite_file.PRAGMAS, f"max_page_count = {pages + 30}")
        )
        store = SQLiteStore(path)
        fitted = self.fill(store)

        assert len(numbers(store)) == fitted + 1
        with pytest.raises(StoreFull, match=f"{path}: the disk is full"):
            store.put([parcel(size=5_000)] * 30)
        check_balance(store, "lrs")
        settle_all(store)
        store.put([parcel(9)])
        assert numbers(store) == [9]

    def test_an_input_output_error_passes(self, path):
        """The kernel lets no file of the process grow beyond a limit; then it does again."""
        output = run(
            """
            import resource
            store = SQLiteStore(path)
            store.put([parcel(0)])
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
            number = 1
            try:
                while True:
                    store.put([parcel(number, size=20_000)])
                    number += 1
            except StoreError as error:
                say(type(error).__name__)
            entries = store.take("lrs", after=0, limit=10**6, max_bytes=10**9)
            say(len(entries) == number)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            store.put([parcel(number, size=20_000)])
            say(len(store.take("lrs", after=0, limit=10**6, max_bytes=10**9)) == number + 1)
            """,
            path,
        )

        assert output.split() == ["StoreError", "True", "True"]

    def test_a_file_that_cannot_be_opened_does_not_keep_a_site_from_starting(self, path, caplog):
        """What is busy now may not be later."""
        SQLiteStore(path).put([parcel(1)])
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        blocker.execute("BEGIN EXCLUSIVE")
        blocker.execute("DELETE FROM counts WHERE consumer = 99")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_sqlite_file, "PATIENCE", 0.1)
            store = SQLiteStore(path)
            with pytest.raises(StoreError, match="another process keeps it locked"):
                store.put([parcel(2)])
        blocker.execute("ROLLBACK")
        blocker.close()

        assert "cannot be used yet" in caplog.text
        store.put([parcel(3)])
        assert numbers(store) == [1, 3]


def damage(path: Path, pages: list[int], with_what: bytes = b"\xde\xad\xbe\xef") -> None:
    """Overwrite *pages* of the file, counted from 0."""
    content = bytearray(path.read_bytes())
    for page in pages:
        content[page * 8192 : (page + 1) * 8192] = (with_what * 8192)[:8192]
    path.write_bytes(content)


def fresh(path: Path, number: int = 600, **options: Any) -> None:
    """Make a store with a backlog, closed so that all of it is in the one file."""
    store = SQLiteStore(path, **options)
    for start in range(0, number, 50):
        store.put([parcel(each, ["lrs", "other"], size=1_500) for each in range(start, start + 50)])
    store.dead_letters(DeadLetter(consumer="lrs", reason="x", documents=[{"id": "1"}]))
    store.close()


class TestDamage:
    @pytest.mark.parametrize("kind", ["not a database", "torn in half", "a folder's worth of 0"])
    def test_a_file_that_is_no_database_is_moved_aside(self, path, kind, caplog):
        fresh(path, 100)
        content = path.read_bytes()
        path.write_bytes(
            {
                "not a database": b"Dear diary,\n" * 1000,
                "torn in half": b"rubbish" + content[7 : len(content) // 2],
                "a folder's worth of 0": bytes(len(content)),
            }[kind]
        )
        spoilt = path.read_bytes()
        store = SQLiteStore(path)

        assert numbers(store) == []
        store.put([parcel(1)])
        assert numbers(store) == [1]
        [aside] = [each for each in path.parent.iterdir() if ".damaged-" in each.name]
        assert aside.read_bytes() == spoilt
        assert store.stats()["damaged"] == 1
        [record] = [each for each in caplog.records if each.levelno == logging.CRITICAL]
        assert str(aside) in record.getMessage()

    def test_what_lies_round_broken_pages_is_saved(self, path, caplog):
        fresh(path)
        pages = path.stat().st_size // 8192
        broken = [pages // 3, pages // 2, pages // 2 + 1, pages - 5]
        damage(path, broken)
        store = SQLiteStore(path)
        found = numbers(store)
        stats = store.stats()

        assert stats["damaged"] == 1
        assert stats["salvaged"] >= 550
        # A page holds five entries at most; some pages may have held none.
        assert 550 <= len(found) < 600
        assert found == sorted(found)
        assert len(store.dead_letters) >= 1
        for consumer in ("lrs", "other"):
            check_balance(store, consumer)
            counts = store.counts(consumer)
            assert counts["enqueued"] == 600
            assert counts["dropped:damaged"] == 600 - len(numbers(store, consumer))
        assert "salvaged: " in caplog.text
        assert SQLiteStore(path).stats()["damaged"] == 1

    @pytest.mark.parametrize("page", range(1, 24))
    def test_whichever_page_breaks_nothing_is_unaccounted_for(self, path, page):
        """The first pages are those where the tables begin."""
        fresh(path, 150)
        damage(path, [page])
        store = SQLiteStore(path)
        for consumer in ("lrs", "other"):
            check_balance(store, consumer)
            waiting = set(numbers(store, consumer))
            letters = {
                each.event["number"]
                for each in store.dead_letters
                if each.reason == "damaged" and each.event
            }
            if store.stats()["damaged"]:
                counts = store.counts(consumer)
                assert len(waiting) + counts["dropped"] >= 150 or not waiting
            else:
                assert waiting == set(range(150))
            assert not waiting & letters
        store.put([parcel(1000)])
        assert numbers(store)[-1] == 1000

    def test_who_waits_for_what_is_found_in_the_index_too(self, path):
        fresh(path, 150)
        damage(path, [root_page(path, "queue")])
        store = SQLiteStore(path)

        assert numbers(store) == numbers(store, "other") == list(range(150))
        # By which rules they were entitled is lost: whoever delivers has to look at them again.
        assert {each.rules for each in store.take("lrs", after=0, limit=9, max_bytes=9**9)} == {""}
        assert store.counts("lrs")["pending"] == 150

    def test_entries_that_nobody_is_known_to_wait_for_become_dead_letters(self, path):
        fresh(path, 150)
        damage(path, [root_page(path, "queue"), root_page(path, "queue_by_seq")])
        store = SQLiteStore(path)
        letters = [each for each in store.dead_letters if each.reason == "damaged"]

        assert sorted(each.event["number"] for each in letters) == list(range(150))
        assert store.waiting() == set()
        assert store.counts("lrs")["dropped:damaged"] == 150
        check_balance(store, "lrs")

    def test_damage_is_found_while_it_is_used(self, path, caplog):
        fresh(path)
        store = SQLiteStore(path)
        reader = SQLiteStore(path)
        reader.counts("lrs")
        root = root_page(path, "entries")
        damage_in_place(path, [root])
        first = [store.take("lrs", after=0, limit=10**6, max_bytes=10**9)]
        store.put([parcel(1000)])

        assert store.stats()["damaged"] == 1
        assert numbers(store)[-1] == 1000
        assert numbers(reader) == numbers(store)
        assert reader.stats()["damaged"] == 1
        assert len(first[0]) < 600
        check_balance(store, "lrs")

    def test_damage_found_by_a_put_costs_its_caller_nothing(self, path):
        fresh(path)
        store = SQLiteStore(path)
        damage_in_place(path, [root_page(path, "entries"), root_page(path, "queue")])
        store.put([parcel(1000)])

        assert store.stats()["damaged"] == 1
        assert numbers(store)[-1] == 1000
        check_balance(store, "lrs")

    def test_several_processes_replace_it_once(self, path):
        fresh(path)
        damage(path, [path.stat().st_size // 8192 // 2])
        script = """
        say("ready")
        sys.stdin.readline()
        store = SQLiteStore(path)
        store.put([parcel(1000 + int(sys.argv[2]))])
        say(store.stats()["damaged"])
        """
        processes = [Process(script, path, number) for number in range(4)]
        for process in processes:
            assert process.line() == "ready"
        for process in processes:
            process.tell()

        assert [process.rest() for process in processes] == ["1\n"] * 4
        assert sorted(numbers(SQLiteStore(path)))[-4:] == [1000, 1001, 1002, 1003]
        # With what SQLite lays beside it when it is read.
        asides = {
            each.name.removesuffix("-wal").removesuffix("-shm")
            for each in path.parent.iterdir()
            if ".damaged-" in each.name
        }
        assert len(asides) == 1

    def test_killed_while_it_is_replaced_the_next_finishes_it(self, path):
        fresh(path)
        damage(path, [path.stat().st_size // 8192 // 2])
        for moment in ("salvage", "set_aside", "sync_file"):
            killed = Process(
                f"""
                from eventkit.stores.sqlite import access as _sqlite_access
                real = _sqlite_access.{moment}
                def die(*arguments):
                    result = real(*arguments)
                    os.kill(os.getpid(), signal.SIGKILL)
                _sqlite_access.{moment} = die
                SQLiteStore(path)
                """,
                path,
            )
            killed.rest()
            assert killed.process.returncode == -signal.SIGKILL, moment
            if moment == "set_aside":
                break
        store = SQLiteStore(path)

        assert 590 <= len(numbers(store)) < 600
        assert store.stats()["damaged"] == 1
        check_balance(store, "lrs")

    def test_positions_go_on_behind_those_of_the_damaged_file(self, path):
        fresh(path)
        store = SQLiteStore(path)
        last = positions(store)[-1]
        store.close()
        path.write_bytes(b"no database at all, " * 1000)
        store.put([parcel(1)])

        assert positions(store)[0] > last

    def test_rubbish_in_a_page_that_can_be_read_is_not_salvaged(self, path):
        """SQLite does not notice a document that changed; it matters when it gets lost anyway."""
        fresh(path)
        content = path.read_bytes()
        where = content.index(b'"id":"300-0"')
        content = content[: where + 4] + b"\x00\x01" + content[where + 6 :]
        path.write_bytes(content)
        damage(path, [path.stat().st_size // 8192 - 5])
        store = SQLiteStore(path)

        assert store.stats()["damaged"] == 1
        assert 300 not in numbers(store)
        assert 301 in numbers(store)

    def test_with_a_key_too(self, path):
        key = make_key()
        fresh(path, key=key)
        damage(path, [path.stat().st_size // 8192 // 2])
        with pytest.raises(ConfigurationError, match="key: "):
            SQLiteStore(path, key=make_key())
        with pytest.raises(ConfigurationError, match="key: "):
            SQLiteStore(path)

        assert not [each for each in path.parent.iterdir() if ".damaged-" in each.name]
        store = SQLiteStore(path, key=key)
        assert store.stats()["damaged"] == 1
        assert 590 <= len(numbers(store)) < 600
        check_balance(store, "lrs")


def root_page(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        [page] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
    finally:
        connection.close()
    return page - 1


def damage_in_place(path: Path, pages: list[int]) -> None:
    """Overwrite pages in another process: closing the file here would drop SQLite's locks."""
    run(
        """
        with open(path, "r+b") as file:
            for page in map(int, sys.argv[2:]):
                file.seek(page * 8192)
                file.write(b"\\xde\\xad\\xbe\\xef" * 2048)
        """,
        path,
        *pages,
    )


class TestKey:
    def test_nothing_readable_lies_in_the_files(self, path):
        store = SQLiteStore(path, key=make_key())
        store.put([parcel(size=10)])
        store({"name": "secret words"})
        store.dead_letters(
            DeadLetter(
                consumer="lrs", reason="x", documents=[{"secret words": 1}], response="secret words"
            )
        )
        written = b"".join(each.read_bytes() for each in path.parent.iterdir())

        assert b"secret words" not in written
        assert b'"id"' not in written
        assert numbers(store) == [0]
        assert next(iter(store.dead_letters)).documents == [{"secret words": 1}]

    def test_another_key_or_none_is_refused_and_changes_nothing(self, path):
        key = make_key()
        SQLiteStore(path, key=key).put([parcel(1)])
        before = path.read_bytes()
        for wrong in (make_key(), None):
            with pytest.raises(ConfigurationError, match=f"key: .*{path}"):
                SQLiteStore(path, key=wrong)

        assert path.read_bytes() == before
        assert numbers(SQLiteStore(path, key=key)) == [1]

    def test_a_store_without_a_key_gets_one_only_while_it_is_empty(self, path):
        store = SQLiteStore(path)
        store.put([parcel(1)])
        key = make_key()
        with pytest.raises(ConfigurationError, match="made without a key"):
            SQLiteStore(path, key=key)
        settle_all(store)
        SQLiteStore(path, key=key).put([parcel(2)])
        with pytest.raises(ConfigurationError, match="key: "):
            SQLiteStore(path)

    def test_keys_are_changed_by_giving_both_until_it_was_empty(self, path):
        old, new = make_key(), make_key()
        SQLiteStore(path, key=old).put([parcel(1)])
        both = SQLiteStore(path, key=[new, old])
        both.put([parcel(2)])

        assert numbers(both) == [1, 2]
        with pytest.raises(ConfigurationError, match="key: "):
            SQLiteStore(path, key=new)
        settle_all(both)
        SQLiteStore(path, key=[new, old])
        SQLiteStore(path, key=new).put([parcel(3)])


class TestLetters:
    def test_old_letters_are_forgotten_and_counted(self, path, monkeypatch):
        monkeypatch.setattr("eventkit.stores.sqlite.store._UPKEEP", 0.0)
        now = [time.time()]
        store = SQLiteStore(path, letters_for=3_600, clock=lambda: now[0])
        store.dead_letters(DeadLetter(consumer="a", reason="x", documents=[{"id": "1"}]))

        assert len(store.dead_letters) == len(list(store.dead_letters)) == 1
        now[0] += 3_700
        assert len(store.dead_letters) == len(list(store.dead_letters)) == 0
        store.put([parcel()])
        assert store.stats()["letters_expired"] == 1

    def test_there_may_be_many(self, path):
        store = SQLiteStore(path)
        store.put([parcel()])
        letters = tuple(
            DeadLetter(consumer="a", reason="x", documents=[{"id": str(number)}])
            for number in range(450)
        )
        [position] = positions(store)
        store.settle("lrs", [Settled(position=position, dead={"x": 1}, letters=letters)])

        assert [letter.documents for letter in store.dead_letters] == [
            letter.documents for letter in letters
        ]
        assert store.dead_letters.remove([letter.id for letter in letters[:440]]) == 440
        assert len(store.dead_letters) == 10
