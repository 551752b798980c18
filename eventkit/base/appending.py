"""Adding whole lines to a file that others add to as well, and taking lines out of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # pragma: no cover - not POSIX: lines of several processes may mix
    fcntl = None  # type: ignore[assignment]

_NO_WAITING = getattr(os, "O_NONBLOCK", 0)
"""Opening a pipe waits for whoever has its other end, which may be nobody."""
_ROUNDS = 100
"""Tries to open a file that keeps being replaced; some file systems only make it look so."""


def append(path: Path, data: bytes, *, mode: int, sync: bool = False) -> int:
    """
    Add *data* to the end of the file at *path*: all of it, or nothing when the disk is full.

    The file is opened anew each time, so that one that was moved away (log rotation) is left alone,
    and that nothing needs care after a fork. A last line that somebody was killed over is ended
    first, so that it spoils no other.

    Args:
        path: the file; it is made when it does not exist.

        data: whole lines.

        mode: permissions of a file that is made.

        sync: return only when the data is safe from a power failure.

    Returns:
        The size of the file now.

    Raises:
        OSError: it could not be written, or is a pipe, a device, or else no regular file: what is
            written there may wait for ever, and would be nowhere afterwards.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor, before = _open_alone(path, flags, mode)
    try:
        if before.st_size and not _ends_with_line(path, before):
            data = b"\n" + data
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before.st_size)
            raise
        return before.st_size + len(data)
    finally:
        os.close(descriptor)


@contextmanager
def reading(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """
    Open the file at *path* as it is at this moment; give it and how much of it to read.

    Nobody waits for the reader: what is added later lies beyond that size, and a file that
    `rewriting` has replaced meanwhile is still there for those who have it open.
    """
    descriptor = _open_regular(path, os.O_RDONLY | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - it is a descriptor
        if fcntl is not None:
            # Only for this moment, in which nobody is in the middle of a line.
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        size = os.fstat(descriptor).st_size
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        yield stream, size


class Rewriting:
    """A file that nobody else writes to, and that can be replaced by another one."""

    def __init__(self, path: Path, stream: BinaryIO, before: os.stat_result) -> None:
        self.stream = stream
        self.size = before.st_size
        self._path = path
        self._before = before

    def replace(self, lines: Iterable[bytes]) -> int:
        """
        Put a file with *lines* in the place of this one; give its size.

        Whoever looks sees the old file or the new one, each whole, also after a power failure.
        """
        # One name for all: who has the lock is alone with it, and what somebody left who was killed
        # does not stay lying around.
        draft = self._path.with_name(f".{self._path.name}.rewriting")
        with suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as stream:  # noqa: PTH123 - it is a descriptor
                # An administrator may do this to the file of a service, which must keep it.
                made = os.fstat(descriptor)
                owner = self._before.st_uid, self._before.st_gid
                if owner != (made.st_uid, made.st_gid):
                    os.fchown(descriptor, *owner)
                os.fchmod(descriptor, stat.S_IMODE(self._before.st_mode))
                stream.writelines(lines)
                stream.flush()
                os.fsync(descriptor)
                size = stream.tell()
            draft.replace(self._path)
        except BaseException:
            with suppress(FileNotFoundError):
                draft.unlink()
            raise
        _sync_folder(self._path.parent)
        return size


@contextmanager
def rewriting(path: Path) -> Iterator[Rewriting | None]:
    """Hold off all who `append` to the file at *path*, or rewrite it; None: there is no file."""
    path = Path(os.path.realpath(path))
    try:
        descriptor, before = _open_alone(path, os.O_RDWR | os.O_CLOEXEC, 0)
    except FileNotFoundError:
        yield None
        return
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - it is a descriptor
        yield Rewriting(path, stream, before)


def _open_alone(path: Path, flags: int, mode: int) -> tuple[int, os.stat_result]:
    """Open the file at *path* and lock it, so that nobody else writes to that path."""
    for attempt in count(1):
        descriptor = _open_regular(path, flags, mode)
        try:
            # The lock belongs to this opening of the file; it holds off threads and processes.
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            opened = os.fstat(descriptor)
            if _is_at(path, opened) or attempt == _ROUNDS:
                return descriptor, opened
        except BaseException:
            os.close(descriptor)
            raise
        # While we waited, somebody has put another file in its place, or moved it away.
        os.close(descriptor)
    raise AssertionError("unreachable")


def is_regular(path: Path) -> bool:
    """Tell whether what is at *path*, if anything, is a regular file as far as can be seen."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _open_regular(path: Path, flags: int, mode: int = 0) -> int:
    """Open the file at *path*, without waiting for anybody; refuse what is no regular file."""
    try:
        descriptor = os.open(path, flags | _NO_WAITING, mode)
    except OSError as error:
        if error.errno == errno.ENXIO:
            # A pipe that nobody reads, or a socket.
            raise _irregular(path) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _irregular(path)


def _irregular(path: Path) -> OSError:
    return OSError(errno.EINVAL, "is no regular file", str(path))


def _is_at(path: Path, opened: os.stat_result) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)


def _ends_with_line(path: Path, opened: os.stat_result) -> bool:
    try:
        descriptor = _open_regular(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # We may add to it but not read it; then it is taken to be whole.
    try:
        return os.pread(descriptor, 1, opened.st_size - 1) in (b"\n", b"")
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    # The new name is in place; where folders cannot be synchronised, that must do.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
