"""Whatever is damaged in a store: nobody is stopped, nothing altered is sent, all is told."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from eventkit.backends import Relay
from eventkit.cli import main
from eventkit.consumers import load_consumers
from eventkit.dead_letters import DeadLetter, FileDeadLetters
from eventkit.exceptions import StoreError
from eventkit.router import Router
from eventkit.stores import INBOX, SQLiteStore

PATIENCE = 20.0
DOCUMENTS, EVENTS = 60, 20
PAGE = 8192


def document(number):
    return {"id": f"doc-{number:05}", "n": number, "pad": "x" * (number * 97 % 3000)}


def translation(number):
    return {
        "name": "play_video",
        "protocol": "xapi",
        "documents": [document(number)],
        "event": {"name": "play_video", "n": number, "context": {"org_id": "edX"}},
    }


def event(number):
    return {"name": "e", "n": number, "pad": "y" * (number * 91 % 2500)}


def settings(folder):
    return [
        {"id": name, "protocol": "xapi", "url": f"file:{folder}/{name}", "batch": {"max_wait": 0}}
        for name in "ab"
    ]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store in which everything waits, as a process that was killed left it."""
    folder = tmp_path_factory.mktemp("filled")
    store = SQLiteStore(folder / "live.db", sync="normal")
    # Somebody else has the queues, so that nothing is sent.
    store.lease("nobody", [each.queue for each in load_consumers(settings(folder))], 9.5)
    router = Router(settings(folder), store=store)
    for start in range(0, DOCUMENTS, 10):
        router.send_many(map(translation, range(start, start + 10)))
    store.put_events(json.dumps(event(number)).encode() for number in range(EVENTS))
    store.dead_letters(DeadLetter(consumer="a", reason="http_400", documents=[document(1000)]))
    router.close(0)
    store.close()
    return folder


@pytest.fixture
def path(filled, tmp_path):
    for name in "ab":
        (filled / name).unlink(missing_ok=True)
    shutil.copy(filled / "live.db", tmp_path / "store.db")
    return tmp_path / "store.db"


class Taker:
    def __init__(self):
        self.events = []

    def send_many(self, events):
        self.events += events


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def deliver(path, filled):
    """Run a router and a relay on the store; check what must hold whatever was damaged."""
    store, taker = SQLiteStore(path, sync="normal"), Taker()
    router = Router(settings(filled), store=store, lease=0.3)
    relay = Relay(store, taker, poll=0.01, lease=0.3)
    relay.start()
    router.send(translation(5000))
    assert router.flush(PATIENCE), (store.queues(), router.health())
    for _ in range(500):
        with suppress(StoreError):
            if not store.counts(INBOX)["pending"]:
                break
        threading.Event().wait(0.01)
    json.dumps([router.health(), router.stats()])
    letters = list(store.dead_letters)
    assert not {each.get("reason") for each in router.health().values()} & {"thread", "store"}
    assert relay.close(PATIENCE)
    assert router.close(PATIENCE)
    is_unknown = store.stats()["damaged_unknown"]
    raw = sum(each.reason == "damaged" for each in letters)
    elsewhere = sum(store.counts(each)["pending"] for each in store.queues())
    for name in ("a", "b", INBOX):
        counts = store.counts(name)
        gone = counts["dead"] + counts["dropped"]
        assert counts["enqueued"] == counts["delivered"] + gone + counts["pending"]
        if name == INBOX:
            arrived, wanted = taker.events, {number: event(number) for number in range(EVENTS)}
        else:
            arrived = lines(filled / name)
            wanted = {number: document(number) for number in (*range(DOCUMENTS), 5000)}
            assert document(5000) in arrived
        assert all(wanted.get(each["n"]) == each for each in arrived)
        missing = len(wanted) - len({each["n"] for each in arrived})
        assert is_unknown or missing <= gone + elsewhere + raw
    store.close()
    return letters


VALUES = [None, -1, 2**62, 2**63 - 1, 1.5, "", "abc", b"\xff\xfe", b"x" * 5000, '{"id":"evil"}', 7]
TABLES = ["entries", "queue", "consumers", "rules", "counts", "meta", "letters", "sqlite_sequence"]


def set_columns(chance, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for _ in range(chance.choice([1, 3, 10])):
            table = chance.choice(TABLES)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            if not rows:
                continue
            row = chance.choice(rows)
            same = " AND ".join(f"{column} IS ?" for column in columns)
            column, value = chance.choice(columns), chance.choice(VALUES)
            what = f"CAST(? AS {chance.choice(['TEXT', 'BLOB'])})" if value == b"\xff\xfe" else "?"
            with suppress(sqlite3.Error):
                connection.execute(
                    f"UPDATE {table} SET {column} = {what} WHERE {same}", (value, *row)
                )


def spoil_bytes(chance, path):
    content = bytearray(path.read_bytes())
    page = chance.randrange(len(content) // PAGE) * PAGE
    kind = chance.choice(["bits", "page", "zero", "cut", "header"])
    if kind == "bits":
        for _ in range(20):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "page":
        content[page : page + PAGE] = chance.randbytes(PAGE)
    elif kind == "zero":
        content[page : page + 512] = bytes(512)
    elif kind == "cut":
        del content[chance.randrange(len(content)) :]
    else:
        content[chance.randrange(100)] = chance.randrange(256)
    path.write_bytes(content)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("damage", [set_columns, spoil_bytes])
def test_whatever_is_damaged(path, filled, damage, seed):
    damage(random.Random(seed), path)
    deliver(path, filled)


COLUMNS = [("entries", column) for column in ("written", "name", "protocol", "bodies", "event")] + [
    ("queue", "documents"),
    ("queue", "rules"),
    ("queue", "checksum"),
]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
@pytest.mark.parametrize("value", [b"\xff\xfe{", "text", 2**62])
def test_one_column_of_one_row(path, filled, table, column, value):
    """It becomes a dead letter with what is left of it; all others arrive, and the rest is told."""
    with closing(sqlite3.connect(path)) as connection, connection:
        seq = connection.execute("SELECT min(seq) + 5 FROM queue").fetchone()[0]
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE seq = ?", (value, seq))
    letters = deliver(path, filled)

    damaged = [each for each in letters if each.reason == "damaged"]
    assert {each.consumer for each in damaged} == {"a", "b"}
    assert all(not each.documents and each.event["damaged"] for each in damaged)
    for name in "ab":
        assert {each["n"] for each in lines(filled / name)} == {*range(DOCUMENTS), 5000} - {5}


def test_altered_bytes_are_never_sent_under_the_old_id(path, filled):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE entries SET bodies = replace(CAST(bodies AS TEXT), 'xxx', 'xyx') "
            "WHERE length(bodies) > 1000"
        )
        connection.execute("UPDATE entries SET bodies = CAST(bodies AS BLOB)")
    deliver(path, filled)


OLD = {
    "documents": "UPDATE queue SET documents = 2 WHERE seq = ?",
    "no JSON": "UPDATE entries SET bodies = x'7b226964223a' WHERE seq = ?",
    "no text": "UPDATE entries SET bodies = x'ff0a0a00' WHERE seq = ?",
    "nothing": "UPDATE entries SET bodies = x'' WHERE seq = ?",
    "no object": "UPDATE entries SET bodies = x'3737' WHERE seq = ?",
}


@pytest.mark.parametrize("damage", OLD)
def test_entries_of_an_older_version(path, filled, damage):
    """They have no checksum; what shows all the same stops nobody."""
    with closing(sqlite3.connect(path)) as connection, connection:
        [(first, last)] = connection.execute("SELECT min(seq), max(seq) FROM entries")
        connection.execute("UPDATE entries SET checksum = NULL")
        connection.execute("UPDATE queue SET checksum = NULL")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('checked_from', ?)", (last,))
        connection.execute(OLD[damage], (first + 3,))
    letters = deliver(path, filled)

    assert {each.consumer for each in letters if each.reason == "damaged"} == {"a", "b"}
    assert {each["n"] for each in lines(filled / "a")} == {*range(DOCUMENTS), 5000} - {3}


@pytest.fixture
def killed(filled, tmp_path):
    """A store as a process left it that was killed: nearly all is in the log."""
    path = tmp_path / "killed" / "store.db"
    path.parent.mkdir()
    (tmp_path / "live").mkdir()
    for name in "ab":
        (filled / name).unlink(missing_ok=True)
    live = SQLiteStore(tmp_path / "live" / "store.db", sync="normal")
    live.lease("nobody", [each.queue for each in load_consumers(settings(filled))], 9.5)
    router = Router(settings(filled), store=live)
    for number in range(DOCUMENTS):
        router.send(translation(number))
    for side in ("", "-wal"):
        shutil.copy(f"{live.path}{side}", f"{path}{side}")
    router.close(0)
    live.close()
    return path


@pytest.mark.parametrize("place", ["header", "first frame", "salt", "page", "zeros"])
def test_a_log_that_is_damaged(killed, filled, caplog, place):
    """SQLite takes the first frame that is damaged for the end; what lies behind is not lost."""
    log = Path(f"{killed}-wal")
    content = bytearray(log.read_bytes())
    frame = 32 + (len(content) - 32) // (24 + PAGE) // 2 * (24 + PAGE)
    start, new = {
        "header": (16, b"\xff"),
        "first frame": (32 + 24 + 100, b"\xff\xfe\xfd"),
        "salt": (frame + 8, b"\xff\xfe\xfd\xfc"),
        "page": (frame + 24 + 4000, b"\xff\xfe\xfd\xfc"),
        "zeros": (frame, bytes(PAGE)),
    }[place]
    content[start : start + len(new)] = new
    log.write_bytes(content)
    letters = deliver(killed, filled)

    found = {each.documents[0]["n"] for each in letters if each.documents and each.consumer == "a"}
    arrived = {each["n"] for each in lines(filled / "a")}
    assert len(arrived | found) >= DOCUMENTS
    assert "lost: an unknown number of documents" in caplog.text
    assert SQLiteStore(killed).stats()["damaged_unknown"] == 1


def test_a_log_as_a_kill_leaves_it_is_not_damaged(killed):
    """Its end may be a part of what was just being written, or nothing but zeros."""
    with Path(f"{killed}-wal").open("r+b") as log:
        log.seek(0, os.SEEK_END)
        log.truncate(log.tell() - 100)
        log.seek(0, os.SEEK_END)
        log.write(bytes(3 * PAGE))
    store = SQLiteStore(killed)

    assert store.stats()["damaged"] == 0
    # What was being written was not accepted yet.
    assert store.counts("a")["pending"] == DOCUMENTS - 1


def test_damaged_letters_do_not_stop_the_others(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE letters SET letter = replace(letter, 'doc', 'cod')")
    store = SQLiteStore(path)
    store.dead_letters(DeadLetter(consumer="b", reason="x", documents=[document(1)]))
    broken, whole = store.dead_letters

    assert (broken.reason, broken.documents, whole.consumer) == ("damaged", [], "b")
    assert store.dead_letters.remove([broken.id]) == 1
    assert [each.id for each in store.dead_letters] == [whole.id]


def test_a_header_page_that_is_gone(path, filled, caplog):
    """How much is lost is not known, and said so; what is whole in the pages is a dead letter."""
    content = bytearray(path.read_bytes())
    content[:PAGE] = bytes(PAGE)
    path.write_bytes(content)
    letters = deliver(path, filled)

    assert "lost: an unknown number of documents" in caplog.text
    assert "lost: 0" not in caplog.text
    found = [each for each in letters if each.reason == "damaged"]
    assert {each.documents[0]["n"] for each in found if each.consumer == "a"} == {*range(DOCUMENTS)}
    assert all(each.documents == [document(each.documents[0]["n"])] for each in found if each.owner)
    assert SQLiteStore(path).stats()["damaged_unknown"] == 1


def test_salvage_and_purge(path, tmp_path, capsys):
    """Damaged files are read page by page, once, and deleted when somebody says so."""
    content = bytearray(path.read_bytes())
    content[:PAGE] = bytes(PAGE)
    (tmp_path / "new.db.damaged-20260101T000000Z").write_bytes(content)
    new = tmp_path / "new.db"
    SQLiteStore(new).close()

    assert main(["store", "salvage", str(new)]) == 0
    letters = len(SQLiteStore(new).dead_letters)
    assert letters == 2 * DOCUMENTS + EVENTS + 1
    assert main(["store", "salvage", str(new)]) == 0
    assert len(SQLiteStore(new).dead_letters) == letters
    assert main(["dead-letters", "drop", str(new), "--learner", "ann", "--yes"]) == 0
    assert "damaged files of this store are deleted" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.damaged-*"))
    assert main(["store", "purge", str(new), "--yes"]) == 0


def test_a_file_that_is_set_aside_is_private(path):
    path.chmod(0o644)
    path.write_bytes(b"\xff" * len(path.read_bytes()))
    SQLiteStore(path).close()
    (aside,) = path.parent.glob("store.db.damaged-*Z")

    assert stat.S_IMODE(aside.stat().st_mode) == 0o600


def test_lines_of_a_letter_file_that_are_no_letters(tmp_path):
    file = tmp_path / "letters.jsonl"
    letters = FileDeadLetters(file)
    letters(DeadLetter(consumer="a", reason="x", documents=[document(1)]))
    with file.open("a") as stream:
        stream.write('{"consumer": "a", "reason": "torn", "user": "ann"\n{"event": "bob\n')

    assert main(["dead-letters", "drop", str(file), "--learner", "ann", "--yes"]) == 0
    assert "ann" not in file.read_text()
    assert "bob" in file.read_text()
    assert main(["dead-letters", "drop", str(file), "--unreadable"]) == 0
    assert "bob" not in file.read_text()
    assert len(letters) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_started_anew(path, filled, monkeypatch):
    """And until it works again, health tells of it."""
    router = Router(settings(filled)[:1], store=path, lease=0.3)
    (sender,) = router._fleet.senders.values()
    real, calls = sender.feed.read, []

    def read(*given):
        calls.append(1)
        if len(calls) == 1:
            raise SystemExit
        return real(*given)

    monkeypatch.setattr(sender.feed, "read", read)
    router.send(translation(5000))

    assert router.flush(PATIENCE)
    assert len(calls) > 1
    assert document(5000) in lines(filled / "a")
    assert router.close(PATIENCE)


def test_store_trouble_is_told(path, filled, monkeypatch):
    router = Router(settings(filled)[:1], store=path, lease=0.3)

    def take(*given, **more):
        raise TypeError("whatever")

    monkeypatch.setattr(router.store, "take", take)
    router.send(translation(5000))
    (sender,) = router._fleet.senders.values()
    for _ in range(1000):
        if sender.trouble:
            break
        threading.Event().wait(0.01)
    health = router.health()["a"]

    assert (health["state"], health["reason"]) == ("retrying", "store")
    router.close(0)
