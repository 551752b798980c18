"""Opening what lies at a path: a store, or a file of dead letters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from eventkit.base.sealing import Key
from eventkit.dead_letters.file import FileDeadLetters
from eventkit.exceptions import ConfigurationError
from eventkit.stores.store import DeadLetters

if TYPE_CHECKING:
    from eventkit.stores.sqlite.store import SQLiteStore

_SQLITE = b"SQLite format 3\0"

_looked_at: dict[tuple[int, int], int] = {}
"""Descriptors of stores, by device and number of the file; as many as a process looks at."""


def open_dead_letters(path: str | os.PathLike[str], key: Key | None = None) -> DeadLetters:
    """
    Give the dead letters at *path*: a file of JSON lines, or a store with letters in it.

    Args:
        path: what the router has as ``dead_letters`` or as ``store``.

        key: what they are encrypted with, see `FileDeadLetters`.

    Raises:
        ConfigurationError: there is no such file, or the key is none.
        OSError: it cannot be read.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise ConfigurationError(
            f"dead letters: {file} {what}; name the file that the router has as dead_letters or "
            "as store"
        )
    return _store(file, key).dead_letters if _is_store(file) else FileDeadLetters(file, key=key)


def open_store(
    path: str | os.PathLike[str], key: Key | None = None, *, option: str = ""
) -> SQLiteStore:
    """
    Give the store at *path*, which there must be; *option*: what named it, for error messages.

    Raises:
        ConfigurationError: there is none, or the key is not its key.
    """
    file = Path(path)
    where = f"{option}: " if option else ""
    if not file.is_file():
        # Opening one that is not there would make it.
        raise ConfigurationError(f"{where}there is no file {file}; give the path of the store")
    if not _is_store(file):
        # Opening it would take it for a damaged store and move it out of the way.
        raise ConfigurationError(f"{where}{file} is no store; give the path of the store")
    return _store(file, key)


def _is_store(file: Path) -> bool:
    """
    Look at how *file* begins.

    A store that was looked at stays open: with any descriptor of a file that a process closes, the
    system takes away all its locks on that file, those by which SQLite knows in other processes
    that a router of this one has it open. Without them, the next one that closes the store would
    remove the log that this one writes to.
    """
    found = os.stat(file)  # noqa: PTH116 - of the same kind as fstat's
    known = _looked_at.get((found.st_dev, found.st_ino))
    if known is not None:
        return os.pread(known, len(_SQLITE), 0) == _SQLITE
    opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    if os.pread(opened, len(_SQLITE), 0) != _SQLITE:
        os.close(opened)
        return False
    _looked_at[found.st_dev, found.st_ino] = opened
    return True


def _store(file: Path, key: Key | None) -> SQLiteStore:
    # Whoever has a file of letters only need not have the store.
    from eventkit.stores.sqlite.store import SQLiteStore  # noqa: PLC0415

    return SQLiteStore(file, key=key)
