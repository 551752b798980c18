"""Disks fill up, fail and rot: callers are told, what is readable arrives, and it goes on."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress

import fault_server
import pytest
from fault_processes import PROGRAMS, environment, needs_disks, remotes
from fault_routes import balance, consumer, numbers, translation, until
from fault_server import PATIENCE, respond, unused_port

from eventkit.backends import RealTimeBackend
from eventkit.exceptions import StoreError, StoreFull
from eventkit.router import Router
from eventkit.stores import INBOX, SQLiteStore
from eventkit.stores.sqlite import file as _sqlite_file


@pytest.fixture
def remote():
    with remotes() as start:
        yield start


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def make_router(path):
    """Make durable routers, which are closed in the end."""
    made = []

    def make(*consumers, **options):
        router = Router(list(consumers), **{"store": path, "lease": 1.0, **options})
        made.append(router)
        return router

    yield make
    for router in made:
        router.close(0)


def fill(router):
    """Send until the store is full; give how many documents it has accepted, and what it says."""
    for start in range(0, 10_000, 10):
        try:
            router.send_many(
                translation(number, text="x" * 1000) for number in range(start, start + 10)
            )
        except StoreFull as error:
            return start, str(error)
    return pytest.fail("it is never full")


def test_row_5_the_disk_is_full(remote, server, tmp_path):
    """Who sends is told, what was accepted arrives all the same, and with room all goes on."""
    needs_disks()
    disk = tmp_path / "disk"
    disk.mkdir()
    server.default = respond(503)
    lrs = consumer("lrs", server.url)
    router = remote(lrs, disk=disk, store=disk / "store.db", lease=1.0, backoff_cap=0.1)
    router.ask("send", *range(100))
    router.ask("fill_disk", str(disk / "filler"))

    def send_on():
        for start in range(100, 1000, 50):
            router.ask("send", *range(start, start + 50))

    with pytest.raises(OSError, match=r"StoreFull: .*disk is full; make room"):
        send_on()
    held = router.ask("stats")["enqueued"]
    assert held < 1000
    server.default = fault_server.behave
    server.wait_for(lambda: len(server.stored) == held)
    router.ask("empty_disk", str(disk / "filler"))
    router.ask("send", *range(1000, 1100))
    assert router.ask("flush", PATIENCE)

    counts = router.ask("stats")
    assert counts["enqueued"] == counts["delivered"] == held + 100
    assert counts["pending"] == counts["dead"] == counts["dropped"] == 0
    assert sorted(numbers(server)) == [*range(held), *range(1000, 1100)]


def test_row_5_writing_fails(remote, server, path):
    """An error of the disk is an error to who sends; when it works again all goes on by itself."""
    server.default = respond(503)
    router = remote(consumer("lrs", server.url), store=path, lease=1.0, backoff_cap=0.1)
    router.ask("send", *range(100))
    router.ask("limit_files", 4096)
    with pytest.raises(OSError, match=r"StoreError: store .*I/O"):
        router.ask("send", *range(100, 200))
    server.default = fault_server.behave
    router.ask("limit_files", None)

    router.ask("send", *range(200, 300))
    assert router.ask("flush", PATIENCE)
    counts = router.ask("stats")
    assert counts["enqueued"] == counts["delivered"] == 200
    assert counts["pending"] == counts["dead"] == counts["dropped"] == 0
    assert sorted(numbers(server)) == [*range(100), *range(200, 300)]


def test_row_5_read_only(remote, server, tmp_path):
    """While the disk is read-only senders are told; when it is not any more, all goes on."""
    needs_disks()
    disk = tmp_path / "disk"
    disk.mkdir()
    server.default = respond(503)
    lrs = consumer("lrs", server.url)
    router = remote(lrs, disk=disk, store=disk / "store.db", lease=1.0, backoff_cap=0.1)
    router.ask("send", *range(50))
    router.ask("make_read_only", str(disk))
    with pytest.raises(OSError, match="StoreError: store"):
        router.ask("send", *range(50, 100))
    router.ask("make_writable", str(disk))
    server.default = fault_server.behave

    router.ask("send", *range(100, 150))
    assert router.ask("flush", PATIENCE)
    counts = router.ask("stats")
    assert counts["enqueued"] == counts["delivered"] == 100
    assert sorted(numbers(server)) == [*range(50), *range(100, 150)]


def test_row_5_counted_in_a_request(path, monkeypatch):
    """An event for which the store has no room is dropped and counted; the request goes on."""
    pages = 40
    monkeypatch.setattr(
        _sqlite_file, "PRAGMAS", (*_sqlite_file.PRAGMAS, f"max_page_count = {pages}")
    )
    store = SQLiteStore(path)
    backend = RealTimeBackend(enqueue=store, threaded=False)
    event = {"name": "play_video", "data": {"text": "x" * 2000}, "context": {}}
    for _ in range(200):
        backend.send(event)

    counts = backend.stats()
    assert counts["received"] == 200
    assert 0 < counts["enqueued"] < 200
    assert counts["enqueued"] + counts["dropped:store_full"] == 200
    assert store.counts(INBOX)["enqueued"] == counts["enqueued"]


def test_row_5_full_while_delivering(make_router, server, monkeypatch):
    """A store that is full up to the last page gets empty by delivering, and then takes more."""
    monkeypatch.setattr(_sqlite_file, "PRAGMAS", (*_sqlite_file.PRAGMAS, "max_page_count = 60"))
    server.default = respond(503)
    router = make_router(consumer("lrs", server.url), backoff_cap=0.1)
    accepted, complaint = fill(router)
    assert "disk is full" in complaint
    assert balance(router)["pending"] == accepted

    server.default = fault_server.behave
    assert router.flush(PATIENCE)
    router.send(translation(accepted))
    assert router.flush(PATIENCE)
    assert numbers(server) == list(range(accepted + 1))
    assert balance(router)["delivered"] == accepted + 1


def fill_and_damage(path, number, damage, url):
    """Put documents in a store and spoil the file."""
    router = Router([consumer("lrs", url)], store=path)
    for start in range(0, number, 10):
        router.send_many(translation(each) for each in range(start, start + 10))
    router.close(0)
    router.store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(path.read_bytes())
    damage(content, size)
    path.write_bytes(content)
    return bytes(content)


def spoil_some_pages(content, size):
    chance = random.Random(6)
    for page in chance.sample(range(12, len(content) // size), 6):
        content[page * size : (page + 1) * size] = chance.randbytes(size)


def spoil_the_header(content, size):
    content[:100] = b"\xff" * 100


def cut_off(content, size):
    del content[len(content) // 2 + 17 :]


def spoil_everything(content, size):
    content[:] = random.Random(6).randbytes(len(content))


@pytest.mark.parametrize("damage", [spoil_some_pages, spoil_the_header, cut_off, spoil_everything])
def test_row_6_a_damaged_file(make_router, server, path, caplog, damage):
    """It is kept aside, what is readable is delivered, the rest is counted, and all goes on."""
    former = f"http://127.0.0.1:{unused_port()}/xapi"
    damaged = fill_and_damage(path, 1000, damage, former)
    router = make_router(consumer("lrs", server.url, inherits=[former]))
    router.send_many(translation(number) for number in range(1000, 1100))

    assert router.flush(PATIENCE)
    counts = balance(router)
    assert set(numbers(server)) >= set(range(1000, 1100))
    for part in (range(1000), range(1000, 1100)):
        arrived = [number for number in numbers(server) if number in part]
        assert arrived == sorted(arrived)
    assert counts["delivered"] == len(server.stored)
    lost = counts["dropped"] + counts["dead"]
    if damage is spoil_some_pages:
        assert 500 < len(server.stored) < 1100
        assert counts["enqueued"] == 1100
        assert lost == 1100 - len(server.stored)
    (aside,) = path.parent.glob("store.db.damaged-*Z")
    assert aside.read_bytes() == damaged
    assert router.store.stats()["damaged"] == 1
    assert [record.levelname for record in caplog.records if "damaged" in record.message] == [
        "CRITICAL"
    ]


def test_row_6_damage_while_it_is_used(make_router, server, path, caplog):
    """A file that is spoilt under a router that runs costs what was in it, not the host."""
    server.default = respond(503)
    router = make_router(consumer("lrs", server.url), backoff_cap=0.05)
    for start in range(0, 1000, 50):
        router.send_many(translation(number) for number in range(start, start + 50))
    with path.open("r+b") as spoilt:
        spoilt.truncate(0)
        spoilt.write(b"this is no database" * 4000)
    path.with_name("store.db-wal").write_bytes(b"nor is this its log" * 4000)

    def is_noticed():
        # What is written before that is in the damaged file.
        with suppress(StoreError):
            router.send(translation(4000))
        return "CRITICAL" in {record.levelname for record in caplog.records}

    until(is_noticed)
    router.send(translation(5000))
    server.default = fault_server.behave
    assert router.flush(PATIENCE)
    assert 5000 in numbers(server)
    balance(router)
    assert router.store.stats()["damaged"] == 1
    assert list(path.parent.glob("store.db.damaged-*"))


@pytest.fixture
def small(path):
    def make(**options):
        return SQLiteStore(path, max_bytes=1_000_000, **options)

    return make


def test_row_7_refused_at_the_size_cap(make_router, server, small):
    """Beyond its budget the store takes nothing more, says so, and loses nothing that it has."""
    server.default = respond(503)
    router = make_router(consumer("lrs", server.url), store=small(), backoff_cap=0.1)
    accepted, complaint = fill(router)
    assert "raise max_bytes" in complaint
    assert balance(router)["pending"] == accepted > 100

    server.default = fault_server.behave
    assert router.flush(PATIENCE)
    router.send(translation(accepted))
    assert router.flush(PATIENCE)
    assert numbers(server) == list(range(accepted + 1))
    assert balance(router)["dropped"] == 0


def test_row_7_the_oldest_dropped_at_the_size_cap(make_router, server, small):
    """With that policy what is oldest goes, counted; a consumer that keeps up loses nothing."""
    with fault_server.serving(default=respond(503)) as down:
        router = make_router(
            consumer("down", down.url),
            consumer("fine", server.url),
            store=small(when_full="drop_oldest"),
            backoff_cap=0.1,
        )
        total = 1500
        for start in range(0, total, 10):
            router.send_many(
                translation(number, text="x" * 1000) for number in range(start, start + 10)
            )
            server.wait_for(lambda end=start + 10: len(server.stored) == end)
        until(lambda: router.stats("fine")["pending"] == 0)
        counts = router.stats("down")
        assert counts["dropped"] == counts["dropped:store_full"] == total - counts["pending"]
        assert 100 < counts["pending"] < total
        assert router.stats("fine")["delivered"] == total

        down.default = fault_server.behave
        assert router.flush(PATIENCE)
        balance(router)
        # What the sender had read by then is older than what was dropped in the store.
        assert set(numbers(down)) >= set(range(total - counts["pending"] + 200, total))
        assert router.store.stats()["bytes_used"] <= 1_000_000


def test_memory_does_not_grow_with_the_backlog(tmp_path):
    """Four times as many events that wait take the same memory, as the program reports."""

    def grown(events):
        done = subprocess.run(
            [
                sys.executable,
                str(PROGRAMS / "backlog.py"),
                str(tmp_path / f"{events}"),
                str(events),
            ],
            env=environment(),
            capture_output=True,
            check=True,
            text=True,
            timeout=120,
        )
        return dict(line.split() for line in done.stdout.splitlines())

    small, large = grown(5_000), grown(20_000)
    assert large["up_delivered"] == large["down_pending"] == "20000"
    assert int(large["store_bytes"]) > 3 * int(small["store_bytes"])
    # The documents alone would be 15 MB more, several times that as objects.
    assert int(large["peak_rss_kb"]) - int(small["peak_rss_kb"]) < 8_000
