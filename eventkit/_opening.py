"""Opening what lies at a path: a file of dead letters, or a store with letters in it."""

from __future__ import annotations

import os
from pathlib import Path

from eventkit._letters.sealing import Key
from eventkit.dead_letters import FileDeadLetters
from eventkit.exceptions import ConfigurationError
from eventkit.store import DeadLetters

_SQLITE = b"SQLite format 3\0"


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
    with file.open("rb") as stream:
        is_store = stream.read(len(_SQLITE)) == _SQLITE
    if not is_store:
        return FileDeadLetters(file, key=key)
    # Whoever has a file only need not have the store.
    from eventkit.sqlite_store import SQLiteStore  # noqa: PLC0415

    letters: DeadLetters = SQLiteStore(file, key=key).dead_letters
    return letters
