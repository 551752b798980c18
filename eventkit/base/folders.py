"""Folders that this user may not enter, and what to do about it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from eventkit.exceptions import ConfigurationError

try:
    import pwd
except ImportError:  # pragma: no cover - not POSIX: users have no numbers
    pwd = None  # type: ignore[assignment]

_AS_WE_ARE = os.access in os.supports_effective_ids


def me() -> str:
    """Give the name of the user that this process runs as."""
    return _user(os.geteuid()) if hasattr(os, "geteuid") else "this user"


def owner(path: Path) -> str:
    """Say whose *path* is, and who may use it."""
    found = path.stat()
    return f" (owner {_user(found.st_uid)}, mode {stat.S_IMODE(found.st_mode):04o})"


def may(path: Path, mode: int) -> bool:
    """Tell whether this user may use *path* in that way (`os.access`)."""
    return os.access(path, mode, effective_ids=_AS_WE_ARE)


def closed(path: Path) -> str:
    """Say which folder on the way to *path* this user may not enter; ``""``: none."""
    whole = path.absolute()
    for folder in reversed(whole.parents):
        if not os.path.isdir(folder):  # noqa: PTH112 - Path raises where a folder is closed
            return ""
        if not may(folder, os.X_OK):
            told = f"{me()} may not enter {folder}{owner(folder)}"
            if folder == whole.parent:
                return f"{told}; give it the folder: install -d -m 700 -o {me()} {folder}"
            return f"{told}; open it for {me()} (chmod o+x), or name a file somewhere else"
    return ""


def refuse_closed(path: Path, key: str) -> None:
    """
    Make sure that this user may enter the folder of *path*.

    Raises:
        ConfigurationError: it may not; *key* is the setting that named it.
    """
    if told := closed(path):
        raise ConfigurationError(f"{key}: {path} cannot be reached: {told}")


def _user(number: int) -> str:
    try:
        return str(pwd.getpwuid(number).pw_name)
    except KeyError:
        return str(number)
