"""Opening the file of a store, and telling what is wrong when SQLite refuses something."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from eventkit.exceptions import StoreError, StoreFull

try:
    import fcntl
except ImportError:  # pragma: no cover - not POSIX: one process only
    fcntl = None  # type: ignore[assignment]

Sync = Literal["full", "normal"]
Trouble = Literal["damaged", "full", "busy", "io"]
Identity = tuple[int, int]
"""Device and inode: what a path leads to."""

PATIENCE = 5.0
"""Seconds to wait for other processes."""

SIDES = ("", "-wal", "-shm")
"""What SQLite adds to the name of a database for its companions."""

PRAGMAS: tuple[str, ...] = (
    # Pages are checked when they are read, which costs little and finds damage early.
    "cell_size_check = 1",
    "trusted_schema = 0",
    # A file that shrinks under a mapping would kill the process.
    "mmap_size = 0",
    # Fewer, larger steps from the log to the file; a log that grew beyond that is cut again.
    "wal_autocheckpoint = 2000",
    "journal_size_limit = 32000000",
)

_LONGEST_PAUSE = 0.001
_NOT_THERE = ("no such table", "no such column", "no such index", "unsupported file format")
"""What our own statements name is there, unless the schema is damaged."""
_NOT_A_DATABASE = 26
_TROUBLES: dict[int, Trouble] = {
    5: "busy",  # SQLITE_BUSY
    6: "busy",  # SQLITE_LOCKED
    11: "damaged",  # SQLITE_CORRUPT
    13: "full",  # SQLITE_FULL
    _NOT_A_DATABASE: "damaged",
}


class Damage(sqlite3.DatabaseError):
    """The tables are not what they were, though SQLite can read them."""


def trouble(error: sqlite3.Error) -> Trouble:
    """Say what kind of trouble *error* is."""
    if isinstance(error, Damage) or str(error).startswith(_NOT_THERE):
        return "damaged"
    code = getattr(error, "sqlite_errorcode", None)
    return "io" if code is None else _TROUBLES.get(code & 0xFF, "io")


def is_damage(error: BaseException) -> bool:
    """Tell whether *error* says that the file is damaged."""
    if isinstance(error, UnicodeDecodeError):
        # A message of SQLite that quotes rubbish.
        return True
    return isinstance(error, sqlite3.Error) and trouble(error) == "damaged"


def is_no_text(error: sqlite3.Error) -> bool:
    """Tell whether text could not be read as such; the message of the error holds it."""
    return not isinstance(error, Damage) and not hasattr(error, "sqlite_errorcode")


def lenient_text(data: bytes) -> str:
    """Read text that may be damaged; what becomes of it does not fit its checksum."""
    return data.decode("utf-8", "replace")


def store_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """Make of *error* what callers know. Messages of SQLite name tables and never hold data."""
    kind = trouble(error) if isinstance(error, sqlite3.Error) else "io"
    if kind == "full":
        return StoreFull(f"store {path}: the disk is full; make room, and it goes on by itself")
    if kind == "busy":
        return StoreError(f"store {path}: another process keeps it locked", retry_after=1.0)
    if isinstance(error, sqlite3.Error) and is_no_text(error):
        return StoreError(f"store {path}: {type(error).__name__}")
    text = error.strerror if isinstance(error, OSError) else str(error)
    return StoreError(f"store {path}: {text or type(error).__name__}")


def identity(path: Path) -> Identity | None:
    """Say which file *path* leads to now; None: there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - done before each transaction, and twice as fast
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def make_file(path: Path) -> None:
    """Make an empty file that only its owner may read, unless there is one."""
    # Opening one that SQLite has open and closing it again would drop SQLite's locks.
    if identity(path) is None:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return


def connect(
    path: Path, sync: Sync, *, read_only: bool = False, patience: float = PATIENCE
) -> sqlite3.Connection:
    """
    Open the database at *path*, which exists; it holds no lock before it is used.

    It waits up to *patience* seconds for locks that other programs hold on it.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute(f"PRAGMA synchronous = {sync}")
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def guard(path: Path, *, exclusive: bool, patience: float | None = None) -> Iterator[None]:
    """
    Hold the lock beside the database: exclusive to write or replace it, shared to open it.

    SQLite has a lock of its own for writers, but whoever waits for that sleeps while others who
    write without a pause get it again and again. Here the next in turn is known: who has the turn
    gets the lock when it is free, and who had it last has to wait for the turn as everybody else.

    Raises:
        StoreError: others hold it for longer than *patience* seconds.
    """
    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    # Opened anew each time: nothing needs care after a fork, and threads hold it independently.
    lock = _open(f"{path}-lock")
    try:
        turn = _open(f"{path}-turn")
        try:
            _wait(path, turn, deadline, exclusive=True)
            _wait(path, lock, deadline, exclusive=exclusive)
        finally:
            _close(turn)
        yield
    finally:
        _close(lock)


_held: set[int] = set()


class _Opening:
    """
    Held for as long as `_held` does not tell what is open, and during a fork.

    Else a child could inherit a lock that it does not know of, and have it until it ends.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()


_opening = _Opening()


def keep_locks() -> None:
    """Have no lock opened or closed from now on: this process is about to be forked."""
    _opening.lock.acquire()


def release_locks() -> None:
    """Go on after a fork, in the parent."""
    _opening.lock.release()


def forget_locks() -> None:
    """
    Close what was locked when this process was forked; it is its parent's.

    A lock of this kind lasts until the last process that has it open has closed it.
    """
    _opening.lock = threading.Lock()
    for opened in list(_held):
        _close(opened)


def _open(path: str) -> int:
    with _opening.lock:
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _held.add(opened)
    return opened


def _close(opened: int) -> None:
    with _opening.lock:
        if opened in _held:
            _held.remove(opened)
            os.close(opened)


def _wait(path: Path, opened: int, deadline: float, *, exclusive: bool) -> None:
    """Lock an open file. Not by waiting in the kernel, which could be for ever."""
    pause = 0.0001
    while not _lock(opened, exclusive=exclusive):
        if time.monotonic() > deadline:
            raise StoreError(f"store {path}: another process keeps it locked", retry_after=1.0)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _lock(opened: int, *, exclusive: bool) -> bool:
    # Not POSIX: one process only.
    if fcntl is not None:
        try:
            fcntl.flock(opened, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def set_aside(path: Path, clock_time: float) -> Path:
    """
    Move the database at *path* and its companions out of the way; give its new path.

    SQLite notices that a database was moved, so handles that are still open do no harm.
    """
    stamp = datetime.fromtimestamp(clock_time, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while any(Path(f"{aside}{side}").exists() for side in SIDES):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    for side in SIDES:
        companion = Path(f"{path}{side}")
        if companion.exists():
            # One that somebody restored or copied may be readable by others.
            companion.chmod(0o600)
            companion.rename(f"{aside}{side}")
    return aside


def set_aside_files(path: Path) -> list[Path]:
    """Give what `set_aside` left of the database at *path*, without companions, oldest first."""
    found = path.parent.glob(f"{_escaped(path.name)}.damaged-*")
    ends = tuple(side for side in SIDES if side)
    return sorted(each for each in found if each.is_file() and not each.name.endswith(ends))


def delete_set_aside(path: Path) -> int:
    """Delete what `set_aside` left of the database at *path*; give how many databases that were."""
    files = set_aside_files(path)
    for file in files:
        for side in SIDES:
            Path(f"{file}{side}").unlink(missing_ok=True)
    return len(files)


def _escaped(name: str) -> str:
    """Write *name* for a glob that finds just it."""
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)


def sync_file(path: Path) -> None:
    """Make a file that nobody has open, or the names in a folder, safe from a power failure."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
