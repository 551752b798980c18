"""Dead letters: nothing is lost silently, whatever the sink does."""

from __future__ import annotations

import json
import logging
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from eventkit import dead_letters
from eventkit._throttle import Throttle
from eventkit.dead_letters import DeadLetter, DeadLetterBox, FileDeadLetters, MemoryDeadLetters
from eventkit.exceptions import ConfigurationError


@pytest.fixture(autouse=True)
def _fresh_throttle(monkeypatch):
    monkeypatch.setattr(dead_letters, "_throttle", Throttle(dead_letters._log))


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


def test_repr_shows_no_documents():
    """A letter that gets into a log shows neither documents nor what the receiver said."""
    assert "learner" not in repr(letter())
    assert "bad verb" not in repr(letter())


def test_round_trip():
    """A letter survives being written as JSON."""
    before = letter()

    assert before == DeadLetter.from_dict(json.loads(json.dumps(before.as_dict())))


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
    kept.clear()
    assert not kept


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
