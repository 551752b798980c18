"""``file:/path/to/file.jsonl``: one document a line, for whatever follows the file."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from eventkit.base.appending import append, is_regular
from eventkit.consumers.consumer import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports.transport import DELIVERED, Answer, Document, Step, Verdict, spoken

_TEMPORARY = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR}
)
_MODE = 0o640


class FileTransport:
    """
    Append documents to a file.

    Several processes may append to one file. It is a regular one: a pipe or a device could make us
    wait for ever, and keeps nothing. ``file:/path?fsync=true`` waits for the disk, so that
    what counts as delivered survives a power failure.
    """

    overhead = 0
    max_bytes = None

    def __init__(self, consumer: Consumer, *, trust_env: bool = False) -> None:
        del trust_env
        self._consumer = consumer
        parts = urlsplit(consumer.url)
        if parts.netloc not in ("", "localhost") or not parts.path or parts.fragment:
            raise ConfigurationError(
                "url: expected file:/path/to/file.jsonl ('#' and '?' in the path as %23 and %3F)"
            )
        self._path = Path(unquote(parts.path))
        self._sync = _wants_sync(parts.query)

    def prepare(self, documents: Sequence[Document]) -> None:
        """Do nothing: the file is opened for each request."""

    def send(self, documents: Sequence[Document]) -> Answer:
        """Append *documents*, all or none."""
        bodies = spoken(self._consumer, [document.body for document in documents])
        lines = b"".join(body + b"\n" for body in bodies)
        try:
            append(self._path, lines, mode=_MODE, sync=self._sync)
        except OSError as error:
            what = f"{self._path}: {error.strerror or type(error).__name__}"
            if error.errno in _TEMPORARY:
                return Answer(Verdict.RETRY, reason="file", detail=what)
            return Answer(
                Verdict.PAUSE,
                reason="file",
                detail=f"{what}; correct url or the permissions of the file and its folder",
            )
        return DELIVERED

    def check(self) -> list[Step]:
        """Tell whether the file, or a file in its folder, could be written."""
        trouble = self._trouble()
        target = self._path if self._path.exists() else self._path.parent
        return [Step("file", ok=not trouble, detail=trouble or f"{target} is writable")]

    def _trouble(self) -> str:
        folder = self._path.parent
        if self._path.is_dir():
            return f"{self._path} is a folder"
        if not folder.is_dir():
            return f"the folder {folder} does not exist"
        if not is_regular(self._path):
            return f"{self._path} is no regular file"
        target = self._path if self._path.exists() else folder
        needed = os.W_OK if target is self._path else os.W_OK | os.X_OK
        return "" if os.access(target, needed) else f"{target} is not writable"

    def close(self) -> None:
        """Do nothing: the file is open only while something is written."""


def _wants_sync(query: str) -> bool:
    options = parse_qs(query, keep_blank_values=True)
    value = options.pop("fsync", ["false"])[-1]
    if options or value not in ("true", "false"):
        raise ConfigurationError("url: the only option of a file is ?fsync=true or ?fsync=false")
    return value == "true"
