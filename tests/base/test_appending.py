"""Whole lines, whoever writes, and whoever is killed meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eventkit.base.appending import append, reading, rewriting

MODE = 0o600
TIMEOUT = 60


def lines(path):
    return path.read_bytes().splitlines()


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"one\ntw")

    append(path, b"three\n", mode=MODE)

    assert lines(path) == [b"one", b"tw", b"three"]


def test_appending_tells_the_size(tmp_path):
    path = tmp_path / "x"

    assert [4, 8] == [append(path, b"abc\n", mode=MODE) for _ in range(2)]


def test_a_file_that_cannot_be_read_can_be_added_to(tmp_path, monkeypatch):
    """Whether its last line is whole cannot be told; then it is taken to be."""
    path = tmp_path / "x"
    path.write_bytes(b"one\n")
    real = os.open

    def refuse(path, flags, *mode, **more):
        if not flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, "no")
        return real(path, flags, *mode, **more)

    monkeypatch.setattr(os, "open", refuse)
    append(path, b"two\n", mode=MODE)

    assert lines(path) == [b"one", b"two"]


def test_whoever_waited_for_a_rewrite_writes_to_the_new_file(tmp_path, monkeypatch):
    """Not to the one that is no longer there, which it had opened before."""
    path = tmp_path / "x"
    path.write_bytes(b"one\ntwo\n")
    opened = threading.Event()
    lock = fcntl.flock

    def tell(descriptor, operation):
        if threading.current_thread() is adding:
            opened.set()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", tell)
    adding = threading.Thread(target=append, args=(path, b"three\n"), kwargs={"mode": MODE})
    with rewriting(path) as file:
        adding.start()
        assert opened.wait(TIMEOUT)
        file.replace([b"two\n"])
    adding.join(TIMEOUT)

    assert lines(path) == [b"two", b"three"]


def test_a_file_that_went_while_one_waited_is_made_anew(tmp_path, monkeypatch):
    """Its folder is what counts."""
    path = tmp_path / "x"
    append(path, b"one\n", mode=MODE)
    lock = fcntl.flock
    first = [True]

    def take_away(descriptor, operation):
        lock(descriptor, operation)
        if first.pop() if first else False:
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", take_away)
    append(path, b"two\n", mode=MODE)

    assert lines(path) == [b"two"]


def test_a_file_system_without_lasting_numbers(tmp_path, monkeypatch):
    """Where a file looks like another one each time, it is taken as it is in the end."""
    path = tmp_path / "x"
    monkeypatch.setattr("eventkit.base.appending._is_at", lambda *_: False)
    append(path, b"one\n", mode=MODE)

    assert lines(path) == [b"one"]


def test_whoever_is_interrupted_while_waiting_leaves_nothing_open(tmp_path, monkeypatch):
    opened = []

    def interrupt(descriptor, operation):
        opened.append(descriptor)
        raise KeyboardInterrupt

    monkeypatch.setattr(fcntl, "flock", interrupt)
    with pytest.raises(KeyboardInterrupt):
        append(tmp_path / "x", b"one\n", mode=MODE)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    path = tmp_path / "x"
    append(path, b"one\n", mode=MODE)
    write = os.write

    def fill_up(descriptor, data):
        if len(data) < 6:
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, data[:3])

    monkeypatch.setattr(os, "write", fill_up)
    with pytest.raises(OSError, match="full"):
        append(path, b"two, a long line\n", mode=MODE, sync=True)

    assert path.read_bytes() == b"one\n"


def test_a_file_moved_away_is_left_alone(tmp_path):
    """As log rotation does; the next line begins a new one."""
    path = tmp_path / "x"
    append(path, b"one\n", mode=MODE)
    path.rename(tmp_path / "x.1")
    append(path, b"two\n", mode=MODE)

    assert (lines(tmp_path / "x.1"), lines(path)) == ([b"one"], [b"two"])


def test_a_reader_keeps_what_was_there(tmp_path):
    """What is added or replaced meanwhile changes nothing for it."""
    path = tmp_path / "x"
    path.write_bytes(b"one\ntwo\n")
    with reading(path) as (stream, size):
        append(path, b"three\n", mode=MODE)
        with rewriting(path) as file:
            file.replace([b"new\n"])

        assert stream.read(size) == b"one\ntwo\n"
    assert lines(path) == [b"new"]


def test_a_rewritten_file_keeps_its_mode_and_its_link(tmp_path):
    """A link to the file stays a link."""
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_bytes(b"one\n")
    path.chmod(0o640)
    link.symlink_to(path)
    with rewriting(link) as file:
        file.replace([b"two\n"])

    assert link.is_symlink()
    assert lines(path) == [b"two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_rewritten_file_keeps_its_owner(tmp_path):
    """An administrator's rewrite must not lock the service out."""
    path = tmp_path / "x"
    path.write_bytes(b"one\n")
    os.chown(path, 12345, 12346)
    with rewriting(path) as file:
        file.replace([b"two\n"])

    assert (12345, 12346) == (path.stat().st_uid, path.stat().st_gid)


def test_there_is_nothing_to_rewrite(tmp_path):
    with rewriting(tmp_path / "x") as file:
        assert file is None
    assert list(tmp_path.iterdir()) == []


def test_a_rewrite_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"one\n")

    def broken():
        yield b"half"
        raise OSError(errno.ENOSPC, "full")

    with rewriting(path) as file, pytest.raises(OSError, match="full"):
        file.replace(broken())

    assert [path] == list(tmp_path.iterdir())
    assert lines(path) == [b"one"]


KILLED = """
import os, signal, sys
from pathlib import Path
from eventkit.base import appending as _appending

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[2]
if where == "draft made":
    os.fchmod = die
elif where == "draft written":
    os.fsync = die
elif where == "before replacing":
    Path.replace = die
elif where == "after replacing":
    _appending._sync_folder = die

def kept():
    for number in range(1000):
        if where == "half way" and number == 500:
            die()
        yield b"new %d " % number + b"x" * 100 + b"\\n"

with _appending.rewriting(Path(sys.argv[1])) as file:
    file.replace(kept())
"""


@pytest.mark.parametrize(
    ("where", "survivor"),
    [
        ("draft made", b"old"),
        ("half way", b"old"),
        ("draft written", b"old"),
        ("before replacing", b"old"),
        ("after replacing", b"new"),
    ],
)
def test_killed_in_a_rewrite(tmp_path, where, survivor):
    """The old file or the new one is there, whole; the next one cleans up and goes on."""
    path = tmp_path / "x"
    path.write_bytes(b"".join(b"old %d\n" % number for number in range(2000)))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), where],
        cwd=Path.cwd(),
        timeout=TIMEOUT,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL
    found = lines(path)
    assert {line.split()[0] for line in found} == {survivor}
    assert len(found) == {b"old": 2000, b"new": 1000}[survivor]

    append(path, b"more\n", mode=MODE)
    with rewriting(path) as file:
        file.replace(file.stream.readlines())
    assert lines(path) == [*found, b"more"]
    assert [path] == list(tmp_path.iterdir())
