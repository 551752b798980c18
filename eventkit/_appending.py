"""Adding whole lines to a file that other threads and processes add to as well."""

from __future__ import annotations

import os
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - not POSIX: lines of several processes may mix
    fcntl = None  # type: ignore[assignment]


def append(path: Path, data: bytes, *, mode: int, sync: bool = False) -> None:
    """
    Add *data* to the end of the file at *path*: all of it, or nothing when the disk is full.

    The file is opened anew each time, so that one that was moved away (log rotation) is left alone,
    and that nothing needs care after a fork.

    Args:
        path: the file; it is made when it does not exist.

        data: whole lines.

        mode: permissions of a file that is made.

        sync: return only when the data is safe from a power failure.

    Raises:
        OSError: it could not be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        # The lock belongs to this opening of the file, so it holds off threads and processes alike.
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = os.fstat(descriptor)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        except OSError:
            if stat.S_ISREG(before.st_mode):
                os.ftruncate(descriptor, before.st_size)
            raise
    finally:
        os.close(descriptor)
