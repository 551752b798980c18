"""The consumers as a router knows them, and where it looks for changes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import ConsumerSource, Registry, Reported, load_consumers


class ConsumerBook:
    """
    Read consumers from where they are kept, and again when that has changed.

    A list is read once. A file is read again when it was written, a registry is asked each time.
    """

    def __init__(self, source: ConsumerSource) -> None:
        self._path = Path(source) if isinstance(source, (str, os.PathLike)) else None
        self._registry = source if isinstance(source, Registry) else None
        self._source: Any = source
        self._seen: object = None
        if self._path is None and self._registry is None and isinstance(source, Iterable):
            self._source = load_consumers(source)

    @property
    def is_live(self) -> bool:
        """Whether there is anything to look at again."""
        return self._path is not None or self._registry is not None

    @property
    def reported(self) -> Reported | None:
        """The registry, if it wants to know how its consumers are doing."""
        return self._registry if isinstance(self._registry, Reported) else None

    @property
    def is_file(self) -> bool:
        """Whether a look costs so little that there may be one before each request."""
        return self._path is not None

    def read(self) -> tuple[Consumer, ...]:
        """
        Give the consumers as they are now.

        Raises:
            ConfigurationError: as `load_consumers` does.
        """
        self._seen = self._stamp()
        return load_consumers(self._source)

    def news(self) -> tuple[Consumer, ...] | None:
        """
        Give the consumers if they may be others than last time, else None.

        Raises:
            ConfigurationError: they may be, but cannot be read; the same state is not read again.
        """
        if self._registry is None and (self._path is None or self._stamp() == self._seen):
            return None
        return self.read()

    def _stamp(self) -> object:
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError as error:
            return error.errno
        except ValueError:  # No name that a file can have; who reads it says so.
            return None
        # Editors and configuration management put a new file in place, others write into it.
        return (found.st_mtime_ns, found.st_size, found.st_ino)
