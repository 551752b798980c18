"""Dead letters: nothing is lost silently, whatever the sink does."""

from __future__ import annotations

import json
import logging
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.fernet import Fernet
from own_rows import BROKEN
from people import id_of

from eventkit import XAPITranslator
from eventkit.base.sealing import make_sealer
from eventkit.base.throttle import Throttle
from eventkit.dead_letters import (
    DeadLetter,
    DeadLetterBox,
    FileDeadLetters,
    MemoryDeadLetters,
    TranslationLetters,
)
from eventkit.dead_letters import box as dead_letters
from eventkit.exceptions import ConfigurationError, TranslationError
from eventkit.stores import open_dead_letters


@pytest.fixture(autouse=True)
def _fresh_throttle(monkeypatch):
    monkeypatch.setattr(dead_letters, "_throttle", Throttle(dead_letters._log))


KEY, OTHER_KEY = (Fernet.generate_key().decode() for _ in range(2))
EVENT = {"name": "play_video", "context": {"user_id": 7, "username": "ann"}}


def letter(number: int = 0, **changes):
    settings = {
        "consumer": "lrs",
        "reason": "http_400",
        "documents": [{"id": str(number), "actor": "learner"}],
        "name": "play_video",
        "status": 400,
        "response": "bad verb",
        "attempts": 3,
    }
    return DeadLetter(**(settings | changes))


def numbers(letters):
    return [found.documents[0]["id"] for found in letters]


class TestDeadLetter:
    def test_repr_shows_nothing_personal(self):
        """A letter that gets into a log shows neither documents, nor event, nor the answer."""
        shown = repr(letter(event=EVENT, response="bad verb"))

        assert not [text for text in ("learner", "ann", "bad verb") if text in shown]

    def test_round_trip(self):
        """A letter survives being written as JSON."""
        before = letter(
            protocol="xapi",
            detail="400 Bad Request",
            event=EVENT,
            history=[{"reason": "closed", "time": "2026-11-01T00:00:00", "status": None}],
        )

        assert before == DeadLetter.from_dict(json.loads(json.dumps(before.as_dict())))

    def test_live_events_are_written(self):
        """An event that has not been through a queue holds times and more."""
        when = datetime(2026, 11, 1, 12, tzinfo=UTC)
        before = letter(event={"name": "x", "timestamp": when, "data": {"set": {2, 1}}})
        after = DeadLetter.from_dict(json.loads(json.dumps(before.as_dict())))

        assert after.event == {"name": "x", "timestamp": when.isoformat(), "data": {"set": [1, 2]}}
        assert (after.id, after.documents) == (before.id, before.documents)

    def test_an_event_that_cannot_be_written_costs_no_documents(self):
        loop = {"name": "x"}
        loop["self"] = loop

        assert letter(event=loop).as_dict()["event"] is None

    def test_the_same_again_is_the_same_letter(self):
        """Whenever and for whatever reason; the order of keys is none of it."""
        again = letter(
            documents=[{"actor": "learner", "id": "0"}], reason="closed", status=None, attempts=9
        )

        assert again.id == letter().id
        assert len(again.id) == 32

    @pytest.mark.parametrize(
        "changes",
        [
            {"consumer": "other"},
            {"protocol": "caliper"},
            {"name": "stop_video"},
            {"documents": [{"id": "0"}]},
        ],
    )
    def test_others_have_other_ids(self, changes):
        assert letter(**changes).id != letter().id

    def test_without_documents_it_is_the_event(self):
        """What could not be translated is told apart by its event; otherwise it does not count."""
        first, second = ({"name": "x", "n": number} for number in (1, 2))

        assert letter(documents=[], event=first).id != letter(documents=[], event=second).id
        assert letter(event=first).id == letter(event=second).id

    def test_ids_never_change(self):
        """They are in files; a store finds its letters by them."""
        assert letter().id == "d286edda8811f07d8e37ab358a9def4c"

    def test_what_is_no_json_is_a_letter_still(self):
        one, other = (letter(documents=[{"x": {1: 1, "a": object()}}]) for _ in range(2))

        assert one.id != other.id

    def test_files_of_before_and_of_later_are_read(self):
        """Fields may be missing or new."""
        old = {
            "consumer": "lrs",
            "reason": "http_400",
            "documents": [{"id": "0", "actor": "learner"}],
            "name": "play_video",
            "status": 400,
            "response": "bad verb",
            "attempts": 3,
            "time": "2026-11-01T12:00:00+00:00",
        }
        found = DeadLetter.from_dict(old | {"colour": "red"})

        assert (found.id, found.protocol, found.event, found.history) == (letter().id, "", None, [])

    @pytest.mark.parametrize(
        "changes",
        [
            {"consumer": 5},
            {"documents": None},
            {"documents": ["text"]},
            {"time": "yesterday"},
            {"time": 5},
            {"event": "text"},
        ],
    )
    def test_what_is_no_letter(self, changes):
        """It is refused without a word of what it holds."""
        with pytest.raises(ValueError, match="no dead letter") as caught:
            DeadLetter.from_dict(letter().as_dict() | changes)
        assert "yesterday" not in str(caught.value)

    def test_a_letter_without_consumer_key(self):
        with pytest.raises(ValueError, match="look at consumer"):
            DeadLetter.from_dict({"reason": "x", "documents": [], "time": "2026-11-01T12:00:00"})

    def test_times_without_a_zone_are_utc(self):
        found = DeadLetter.from_dict(letter().as_dict() | {"time": "2026-11-01T12:00:00"})

        assert found.time == datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_file(tmp_path):
    """A file gets one line for each letter, and only its owner may read it."""
    path = tmp_path / "dead.jsonl"
    sink = FileDeadLetters(path, sync=True)
    sink(letter(1))
    sink(letter(2))

    lines = path.read_text().splitlines()

    assert ["1", "2"] == [json.loads(line)["documents"][0]["id"] for line in lines]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("path", ["", "missing/dead.jsonl"])
def test_file_that_cannot_be(tmp_path, path):
    """A folder, or a file in a folder that does not exist, is refused at once."""
    with pytest.raises(ConfigurationError, match="dead_letters"):
        FileDeadLetters(tmp_path / path)


def test_file_shared_by_processes(tmp_path):
    """Lines of several processes never mix."""
    script = (
        "import sys; from eventkit.dead_letters import *; sink = FileDeadLetters(sys.argv[1])\n"
        "for i in range(50): sink(DeadLetter(consumer='c', reason='r', "
        "documents=[{'id': 'x' * 20_000}]))"
    )
    path = tmp_path / "dead.jsonl"
    command = [sys.executable, "-c", script, str(path)]
    running = [subprocess.Popen(command, cwd=Path.cwd()) for _ in range(3)]

    assert [0, 0, 0] == [process.wait(60) for process in running]
    lines = path.read_text().splitlines()
    assert len(lines) == 150
    assert {len(json.loads(line)["documents"][0]["id"]) for line in lines} == {20_000}


WRITER = """
import sys
from eventkit.dead_letters import DeadLetter, FileDeadLetters

sink = FileDeadLetters(sys.argv[1])
for number in range(int(sys.argv[3])):
    sink(DeadLetter(consumer=sys.argv[2], reason="r", documents=[{"id": str(number)}]))
"""


class TestFile:
    def test_iterating(self, tmp_path):
        """Letters come back as they went, the oldest first; without a file there are none."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl")

        assert ([], 0, 0) == (list(sink), len(sink), sink.remove(["x"]))
        before = [letter(number) for number in range(3)]
        for each in before:
            sink(each)
        assert (before, 3) == (list(sink), len(sink))

    def test_the_latest_of_equal_letters_counts(self, tmp_path):
        """It takes the place of the earlier one, at the end."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl")
        for each in (letter(1), letter(2), letter(1, reason="closed")):
            sink(each)

        assert [("2", "http_400"), ("1", "closed")] == [
            (each.documents[0]["id"], each.reason) for each in sink
        ]
        assert (2, 1) == (len(sink), sink.remove([letter(1).id]))
        assert ["2"] == numbers(sink)

    def test_removing(self, tmp_path):
        """Unknown ids are passed over, and nothing is written when there is nothing to do."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl")
        for number in range(5):
            sink(letter(number))
        inode = sink.path.stat().st_ino

        assert sink.remove(["unknown"]) == 0
        assert sink.path.stat().st_ino == inode
        assert sink.remove([letter(1).id, letter(3).id, "unknown"]) == 2
        assert ["0", "2", "4"] == numbers(sink)
        assert stat.S_IMODE(sink.path.stat().st_mode) == 0o600

    def test_what_is_no_letter_is_counted_and_stays(self, tmp_path):
        """A line somebody was killed over, a foreign one, and bytes that are no text."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl")
        foreign = [b'{"some": "thing"}', b"\xff\xfe", b"[1]", b"17", b'"id"', b'{"consumer": "lrs']
        sink(letter(1))
        with sink.path.open("ab") as stream:
            stream.write(b"\n".join(foreign))
        sink(letter(2))

        assert ["1", "2"] == numbers(sink)
        assert (len(foreign), 2) == (sink.unreadable, len(sink))
        sink.remove([letter(1).id])
        assert ["2"] == numbers(sink)
        assert foreign == sink.path.read_bytes().splitlines()[:-1]

    def test_a_letter_may_go_while_they_are_looked_at(self, tmp_path):
        """A look is of one moment."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl")
        for number in range(3):
            sink(letter(number))
        seen = []
        for each in sink:
            sink.remove([each.id])
            sink(letter(9))
            seen.append(each.documents[0]["id"])

        assert (["0", "1", "2"], ["9"]) == (seen, numbers(sink))

    def test_others_add_while_one_removes(self, tmp_path):
        """Three processes write, a fourth removes all that it finds: each letter is seen once."""
        path = tmp_path / "dead.jsonl"
        count = 400
        running = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), name, str(count)], cwd=Path.cwd()
            )
            for name in "abc"
        ]
        sink = FileDeadLetters(path)
        seen = []
        rewrites = 0
        while True:
            is_last = all(process.poll() is not None for process in running)
            found = list(sink)
            seen += [(each.consumer, each.documents[0]["id"]) for each in found]
            assert sink.remove([each.id for each in found]) == len(found)
            rewrites += bool(found)
            if is_last:
                break

        assert [0, 0, 0] == [process.wait(60) for process in running]
        assert rewrites > 1
        assert sorted(seen) == sorted((name, str(n)) for name in "abc" for n in range(count))
        assert path.read_bytes() == b""

    def test_threads_add_while_one_removes(self, tmp_path):
        """Of one process, with one sink."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl")
        count = 200

        def add(name):
            for number in range(count):
                sink(letter(number, consumer=name))

        threads = [threading.Thread(target=add, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        removed = 0
        while any(thread.is_alive() for thread in threads):
            removed += sink.remove([each.id for each in sink])

        assert removed + len(sink) == 2 * count


class TestRetention:
    def test_old_letters_go(self, tmp_path):
        """With the first letter of a process, and then now and then."""
        path = tmp_path / "dead.jsonl"
        now = datetime.now(UTC)
        for days in (9, 8, 1):
            FileDeadLetters(path)(letter(days, time=now - timedelta(days=days)))
        sink = FileDeadLetters(path, keep_for=7 * 86_400)
        sink(letter(0))

        assert (["1", "0"], 2) == (numbers(sink), sink.expired)

    def test_they_are_not_gone_through_each_time(self, tmp_path, monkeypatch):
        """A rewrite costs as much as the file is long."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl", keep_for=1_000)
        long_ago = datetime.now(UTC) - timedelta(days=1)
        sink(letter(0))
        sink(letter(1, time=long_ago))

        assert len(sink) == 2
        now = time.monotonic()
        monkeypatch.setattr("eventkit.dead_letters.file.time.monotonic", lambda: now + 251)
        sink(letter(2))
        assert ["0", "2"] == numbers(sink)

    def test_a_full_file_loses_the_oldest(self, tmp_path, caplog):
        """It never grows beyond its bound by more than a letter, and the loss is counted."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl", max_bytes=5_000)
        sizes = []
        for number in range(100):
            sink(letter(number))
            sizes.append(sink.path.stat().st_size)

        assert max(sizes) <= 5_000
        assert numbers(sink) == [str(number) for number in range(100 - len(sink), 100)]
        assert (len(sink) + sink.expired) == 100
        assert "the file of dead letters was full" in caplog.text.lower()

    def test_a_file_full_of_one_letter_is_written_anew(self, tmp_path):
        """The same letter again and again is one, and takes no room of others."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl", max_bytes=5_000)
        sink(letter(1))
        for attempts in range(100):
            sink(letter(2, attempts=attempts))

        assert (["1", "2"], 0) == (numbers(sink), sink.expired)
        assert sink.path.stat().st_size <= 5_000

    def test_a_file_full_of_something_else(self, tmp_path, monkeypatch):
        """It stays, letters are kept beside it, and it is not gone through with each letter."""
        path = tmp_path / "dead.jsonl"
        path.write_bytes(b"?" * 10_000 + b"\n")
        sink = FileDeadLetters(path, max_bytes=4_000)
        rewrites = []
        drop = sink._drop
        monkeypatch.setattr(sink, "_drop", lambda *a, **k: rewrites.append(1) or drop(*a, **k))
        for number in range(12):
            sink(letter(number))

        assert path.read_bytes().startswith(b"?" * 10_000)
        assert len(rewrites) < 6
        assert numbers(sink)[-1] == "11"

    def test_trouble_with_old_letters_does_not_cost_new_ones(self, tmp_path, monkeypatch, caplog):
        sink = FileDeadLetters(tmp_path / "dead.jsonl", max_bytes=10)

        def fail(*_, **__):
            raise PermissionError("the folder is read-only")

        monkeypatch.setattr("eventkit.dead_letters.file.rewriting", fail)
        sink(letter(1))

        assert ["1"] == numbers(sink)
        assert "could not be removed" in caplog.text

    @pytest.mark.parametrize("value", [0, -1, "7d", float("nan"), float("inf"), True])
    @pytest.mark.parametrize("key", ["keep_for", "max_bytes"])
    def test_wrong_settings(self, tmp_path, key, value):
        with pytest.raises(ConfigurationError, match=f"{key}: expected a number above 0"):
            FileDeadLetters(tmp_path / "x", **{key: value})


class TestEncryption:
    def test_nothing_personal_is_in_the_file(self, tmp_path):
        """Only what one needs to look after letters is."""
        sink = FileDeadLetters(tmp_path / "dead.jsonl", key=KEY)
        before = letter(event=EVENT, response="ann is unknown", history=[{"reason": "closed"}])
        sink(before)
        written = sink.path.read_bytes()

        assert [before] == list(sink)
        assert not [text for text in (b"learner", b"ann", b"actor", b"user_id") if text in written]
        assert b"http_400" in written
        assert KEY.encode() not in written
        assert set(json.loads(written)) >= {"consumer", "reason", "time", "status", "sealed"}

    def test_another_key_or_none(self, tmp_path):
        """Then nothing is read, and that is said; nothing is lost."""
        path = tmp_path / "dead.jsonl"
        FileDeadLetters(path, key=KEY)(letter(event=EVENT))

        with pytest.raises(ConfigurationError, match="the key does not fit"):
            list(FileDeadLetters(path, key=OTHER_KEY))
        with pytest.raises(ConfigurationError, match="are encrypted; give their key"):
            list(FileDeadLetters(path))
        assert len(list(FileDeadLetters(path, key=KEY))) == 1

    def test_a_new_key(self, tmp_path):
        """Old letters are read with the old key behind the new one; plain ones as they are."""
        path = tmp_path / "dead.jsonl"
        FileDeadLetters(path)(letter(1))
        FileDeadLetters(path, key=KEY)(letter(2))
        FileDeadLetters(path, key=[OTHER_KEY, KEY])(letter(3))

        assert ["1", "2", "3"] == numbers(FileDeadLetters(path, key=[OTHER_KEY, KEY]))
        some = FileDeadLetters(path, key=OTHER_KEY)
        assert (["1", "3"], 1) == (numbers(some), some.unreadable)

    def test_what_is_sealed_may_be_no_letter(self, tmp_path):
        """Whoever has the key may still have written something else."""
        path = tmp_path / "dead.jsonl"
        sink = FileDeadLetters(path, key=KEY)
        sink(letter(1))
        written = json.loads(path.read_bytes())
        written["id"] = "other"
        written["sealed"] = make_sealer(KEY).seal(b'{"documents": 5}').decode()
        with path.open("a") as stream:
            stream.write(json.dumps(written) + "\n")

        assert (["1"], 1) == (numbers(sink), sink.unreadable)

    def test_no_key_is_needed_to_forget(self, tmp_path):
        """Retention works without one, and keeps what others can read."""
        path = tmp_path / "dead.jsonl"
        for number in range(3):
            FileDeadLetters(path, key=KEY)(letter(number))
        plain = FileDeadLetters(path)

        assert (3, 1) == (len(plain), plain.remove([letter(1).id]))
        assert ["0", "2"] == numbers(FileDeadLetters(path, key=KEY))

    def test_a_damaged_letter_costs_no_other(self, tmp_path):
        path = tmp_path / "dead.jsonl"
        sink = FileDeadLetters(path, key=KEY)
        for number in range(3):
            sink(letter(number))
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0].replace(b'"sealed":"gAAAA', b'"sealed":"gAABA') + lines[1])

        assert (["1"], 1) == (numbers(sink), sink.unreadable)
        sink.remove([letter(1).id])
        assert path.read_bytes().count(b"\n") == 1


class TestOpening:
    def test_a_file(self, tmp_path):
        path = tmp_path / "dead.jsonl"
        FileDeadLetters(path, key=KEY)(letter(1))

        assert ["1"] == numbers(open_dead_letters(str(path), KEY))

    def test_a_store(self, tmp_path):
        """The letters in a store of the router are opened by the same call."""
        sqlite_store = pytest.importorskip("eventkit.stores.sqlite.store")
        path = tmp_path / "store.db"
        store = sqlite_store.SQLiteStore(path, key=KEY)
        store.dead_letters(letter(1))
        store.close()
        letters = open_dead_letters(path, KEY)

        assert (["1"], 1) == (numbers(letters), letters.remove([letter(1).id]))

    @pytest.mark.parametrize(
        ("name", "what"), [("missing", "does not exist"), (".", "is a folder")]
    )
    def test_no_file(self, tmp_path, name, what):
        """It is not made by looking at it."""
        with pytest.raises(ConfigurationError, match=what):
            open_dead_letters(tmp_path / name)
        assert list(tmp_path.iterdir()) == []


def test_memory_is_bounded(caplog):
    """The oldest letters make room, and that is counted and said."""
    kept = MemoryDeadLetters(max_size=2)
    for number in range(5):
        kept(letter(number))

    assert ["3", "4"] == [found.documents[0]["id"] for found in kept]
    assert (2, 3) == (len(kept), kept.overflow)
    assert kept[-1].documents[0]["id"] == "4"
    assert len(kept[:1]) == 1
    assert "the oldest is lost" in caplog.text
    assert (1, 1) == (kept.remove([letter(3).id, letter(0).id]), len(kept))
    kept.clear()
    assert not kept


def test_memory_keeps_the_latest_of_equal_letters():
    """It takes no room of others."""
    kept = MemoryDeadLetters(max_size=2)
    for each in (letter(1), letter(2), letter(1, reason="closed"), letter(2)):
        kept(each)

    assert (["closed", "http_400"], 0) == ([each.reason for each in kept], kept.overflow)


def test_box_without_sink_keeps_letters(caplog):
    """Without a sink letters stay in memory; the log says why but not what."""
    box = DeadLetterBox(None)
    box.put(letter())

    assert [letter().documents] == [found.documents for found in box.kept]
    assert "lrs" in caplog.text
    assert "http_400" in caplog.text
    assert "learner" not in caplog.text


def test_box_with_callable_and_path(tmp_path):
    """A sink is a callable, or the path of a file."""
    taken = []
    DeadLetterBox(taken.append).put(letter())
    DeadLetterBox(str(tmp_path / "dead.jsonl")).put(letter())

    assert len(taken) == 1
    assert len((tmp_path / "dead.jsonl").read_text().splitlines()) == 1


def test_failing_sink_loses_nothing(caplog):
    """A sink that raises is logged and counted, and the letter is kept."""

    def broken(found):
        raise RuntimeError(f"cannot store {found.documents}")

    box = DeadLetterBox(broken)
    box.put(letter())

    assert len(box.kept) == 1
    assert box.stats()["dead_letters_failed"] == 1
    assert "sink failed" in caplog.text
    assert "learner" not in caplog.text


def test_file_sink_and_a_document_that_is_no_json(tmp_path):
    """What a file cannot hold is kept in memory."""
    box = DeadLetterBox(tmp_path / "dead.jsonl")
    box.put(letter(documents=[{"x": object()}]))

    assert (1, 1) == (len(box.kept), box.stats()["dead_letters_failed"])


def test_log_is_not_flooded(caplog):
    """A thousand refusals for one reason are one line, with the count in the next."""
    caplog.set_level(logging.WARNING)
    box = DeadLetterBox(lambda found: None)
    for number in range(1000):
        box.put(letter(number))

    assert len(caplog.records) == 1


def test_wrong_sink():
    """Anything else is refused."""
    with pytest.raises(ConfigurationError, match="dead_letters: expected a callable, a path"):
        DeadLetterBox(5)


class TestTranslationLetters:
    EVENT: ClassVar = {
        "name": "play_video",
        "timestamp": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "data": {},
        "context": {"username": "ann"},
    }

    def translator(self, letters, identity=lambda user, system: id_of("anonymous"), **more):
        return XAPITranslator(
            lms_root="https://lms.example.org",
            identity=identity,
            on_error=TranslationLetters(letters, protocol="xapi"),
            **more,
        )

    def test_an_event_that_cannot_be_translated(self, tmp_path, caplog):
        """The letter has the event and the reason; the log has no more than the reason."""
        path = tmp_path / "dead.jsonl"
        translations = list(self.translator(path).translate_many([self.EVENT]))
        (found,) = FileDeadLetters(path)

        assert translations == []
        assert (found.consumer, found.reason, found.name) == (
            "",
            "translation_failed",
            "play_video",
        )
        assert (found.protocol, found.documents) == ("xapi", [])
        assert found.event == self.EVENT | {"timestamp": "2026-11-01T12:00:00+00:00"}
        assert found.detail
        assert "ann" not in found.detail + caplog.text

    def test_an_unexpected_error(self, tmp_path):
        """A bug is kept like bad data is; of its message nothing is told."""
        event = self.EVENT | {"name": "site.broken", "context": {"username": "ann", "user_id": 7}}
        letters = MemoryDeadLetters()
        list(self.translator(letters, events=[BROKEN]).translate_many([event]))

        assert "internal_error: KeyError at" in letters[0].detail
        assert "ann" not in letters[0].detail

    def test_events_without_translation_are_no_letters(self):
        """By design nothing becomes of them."""
        letters = MemoryDeadLetters()
        events = [{"name": name, "context": {"user_id": 7}} for name in ("unknown", "/heartbeat")]
        list(self.translator(letters).translate_many(events))

        assert len(letters) == 0

    def test_only_the_kind_shows(self):
        """Of a hook no more than its protocol."""
        assert repr(TranslationLetters(print, protocol="xapi")) == "<TranslationLetters xapi>"

    def test_the_same_event_again_is_one_letter(self):
        letters = MemoryDeadLetters()
        list(self.translator(letters).translate_many([self.EVENT, self.EVENT]))

        assert len(letters) == 1

    @pytest.mark.parametrize("event", [{"name": "x", "data": iter([1])}, ["no event"], None])
    def test_an_event_that_is_no_json(self, event):
        """The letter says so."""
        letters = MemoryDeadLetters()
        TranslationLetters(letters)(TranslationError("x", "no_actor", "context.user_id"), event)

        assert letters[0].event is None
        assert letters[0].detail == "no_actor at context.user_id; the event is not JSON"

    def test_a_settings_file_can_say_it(self, tmp_path):
        """Also with a file that has a key."""
        from eventtracking.django.django_tracker import DjangoTracker

        make = DjangoTracker._instantiate_from_dict.__get__(object.__new__(DjangoTracker))
        file = {
            "ENGINE": "eventkit.FileDeadLetters",
            "OPTIONS": {"path": str(tmp_path / "dead.jsonl"), "key": KEY},
        }
        letters = make(
            {"ENGINE": "eventkit.dead_letters.TranslationLetters", "OPTIONS": {"letters": file}}
        )
        letters(KeyError("ann"), EVENT)

        assert [EVENT] == [each.event for each in FileDeadLetters(tmp_path / "dead.jsonl", key=KEY)]
        assert "ann" not in (tmp_path / "dead.jsonl").read_text()

    def test_a_failing_sink_loses_nothing(self):
        def broken(found):
            raise OSError("full")

        letters = TranslationLetters(broken)
        letters(KeyError("x"), EVENT)

        assert letters.stats()["dead_letters_failed"] == 1

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"letters": None}, "letters: expected the path"),
            ({"letters": "no/such/folder/x"}, "cannot be a file"),
            ({"letters": 5}, "expected a callable"),
            ({"letters": print, "protocol": "scorm"}, "protocol: expected"),
        ],
    )
    def test_wrong_settings(self, settings, message):
        with pytest.raises(ConfigurationError, match=message):
            TranslationLetters(**settings)


class Sink:
    """Refuses while it is told to, or for ever what it cannot take."""

    def __init__(self):
        self.is_away = True
        self.poison = set()
        self.taken = []

    def __call__(self, found):
        if self.is_away or found.id in self.poison:
            raise OSError("not now")
        self.taken.append(found)


def many(number):
    return [letter(each, time=datetime(2026, 1, 1, tzinfo=UTC)) for each in range(number)]


class TestOfferedAgain:
    """What a sink does not take at one moment it is offered again."""

    def test_from_a_thread(self, monkeypatch):
        monkeypatch.setattr(dead_letters, "_AGAIN", 0.01)
        sink = Sink()
        box = DeadLetterBox(sink)
        assert [box.put(each) for each in many(3)] == [False] * 3
        assert sink.taken == []
        sink.is_away = False
        _wait_until(lambda: len(sink.taken) == 3)
        _wait_until(lambda: box not in dead_letters._owing)

        assert sink.taken == many(3)
        assert not box.kept
        assert box.settle(0)

    def test_at_the_end(self):
        sink = Sink()
        box = DeadLetterBox(sink)
        for each in many(3):
            box.put(each)
        sink.is_away = False

        assert box.settle(0)
        assert sink.taken == many(3)

    def test_one_that_is_never_taken_keeps_no_other_back(self, caplog):
        sink = Sink()
        box = DeadLetterBox(sink)
        for each in many(20):
            box.put(each)
        sink.is_away = False
        sink.poison = {many(20)[0].id, many(20)[7].id}

        assert not box.settle(0)
        assert len(sink.taken) == 18
        assert "2 dead letter(s) are in the memory of this process alone" in caplog.text
        assert f"2 {letter().reason}" in caplog.text

    def test_one_that_was_removed_is_not_offered(self):
        sink = Sink()
        box = DeadLetterBox(sink)
        for each in many(2):
            box.put(each)
        box.kept.remove([many(2)[0].id])
        sink.is_away = False

        assert box.settle(0)
        assert sink.taken == many(2)[1:]

    def test_without_a_sink_memory_is_the_place(self):
        box = DeadLetterBox(None)

        assert box.put(letter())
        assert box.settle(0)
        assert len(box.kept) == 1

    def test_what_the_first_does_not_take_the_second_does(self):
        sink, second = Sink(), []
        box = DeadLetterBox(sink)
        box.add(second.append)

        assert box.put(letter())
        assert [each.id for each in second] == [letter().id]
        assert not box.kept
        assert box.stats()["dead_letters_failed"] == 1

    def test_at_the_end_of_a_process(self, tmp_path):
        program = """
import sys
from pathlib import Path
from eventkit.dead_letters import DeadLetter, DeadLetterBox

calls = []

def sink(letter):
    calls.append(letter)
    if len(calls) == 1:
        raise OSError("not now")
    Path(sys.argv[1]).write_text(letter.reason)

DeadLetterBox(sink).put(
    DeadLetter(consumer="a", reason="http_400", documents=[{"id": "1"}], name="n", protocol="xapi")
)
"""
        path = tmp_path / "letter"
        subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)

        assert path.read_text() == "http_400"


def _wait_until(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
