"""
What could not be delivered, and why.

A document that a consumer will never take, or that there is no room or time for, becomes a
`DeadLetter`: handed to a sink of the site's choice, never silently gone.
"""

from __future__ import annotations

import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Self, overload

import attrs

from eventkit._appending import append
from eventkit._counting import Tally
from eventkit._throttle import Throttle, describe
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class DeadLetter:
    """Documents that a consumer did not get. They do not show in `repr`."""

    consumer: str
    """The consumer's id."""
    reason: str
    """A slug: ``http_400``, ``not_acknowledged``, ``queue_full``, ``closed``, ..."""
    documents: list[Json] = attrs.field(repr=False)
    name: str = ""
    """The name of the event that they come from."""
    status: int | None = None
    """The HTTP status that refused them."""
    response: str = attrs.field(default="", repr=False)
    """The beginning of what the receiver said, without secrets."""
    attempts: int = 0
    """How many requests they were part of."""
    time: datetime = attrs.field(factory=_now)
    """When they were given up, in UTC."""

    def as_dict(self) -> Json:
        """Give it as a JSON object."""
        return attrs.asdict(self) | {"time": self.time.isoformat()}

    @classmethod
    def from_dict(cls, letter: Mapping[str, Any]) -> Self:
        """Make one of what `as_dict` gave."""
        return cls(**{**letter, "time": datetime.fromisoformat(letter["time"])})


Sink = Callable[[DeadLetter], Any]
"""Takes a dead letter. It is called from the threads that deliver, and may raise."""


class FileDeadLetters:
    """
    A sink that appends dead letters to a file, one JSON object a line.

    Several threads and processes may share the file. Only its owner may read it: the documents are
    about learners.

    Args:
        path: the file; its folder must exist.

        sync: wait for the disk each time, so that letters survive a power failure.
    """

    def __init__(self, path: str | os.PathLike[str], *, sync: bool = False) -> None:
        self.path = Path(path)
        self._sync = sync
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise ConfigurationError(
                f"dead_letters: {self.path} cannot be a file; name one in a folder that exists"
            )

    def __repr__(self) -> str:
        return f"FileDeadLetters({str(self.path)!r})"

    def __call__(self, letter: DeadLetter) -> None:
        """Append *letter*."""
        line = json.dumps(letter.as_dict(), separators=(",", ":"))
        append(self.path, line.encode("ascii") + b"\n", mode=0o600, sync=self._sync)


class MemoryDeadLetters:
    """A list of the latest dead letters; beyond *max_size* the oldest go, counted as overflow."""

    def __init__(self, max_size: int = 1_000) -> None:
        self._letters: deque[DeadLetter] = deque(maxlen=max_size)
        self._lock = Lock()
        self.overflow = 0

    def __call__(self, letter: DeadLetter) -> None:
        """Keep *letter*."""
        with self._lock:
            full = len(self._letters) == self._letters.maxlen
            self.overflow += full
            self._letters.append(letter)
        if full:
            _throttle.warning(
                "overflow",
                "More dead letters than memory keeps: the oldest is lost. Give the router a file "
                "or a callable as dead_letters",
            )

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[DeadLetter]:
        with self._lock:
            return iter(list(self._letters))

    @overload
    def __getitem__(self, index: int) -> DeadLetter: ...
    @overload
    def __getitem__(self, index: slice) -> list[DeadLetter]: ...
    def __getitem__(self, index: int | slice) -> DeadLetter | list[DeadLetter]:
        with self._lock:
            return list(self._letters)[index]

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._letters.clear()


class DeadLetterBox:
    """
    Give dead letters to a sink; when it fails, say so, count it, and keep the letter in memory.

    Args:
        sink: a callable, the path of a file, or None: memory only.
    """

    def __init__(self, sink: Sink | str | os.PathLike[str] | None) -> None:
        if isinstance(sink, (str, os.PathLike)):
            sink = FileDeadLetters(sink)
        if sink is not None and not callable(sink):
            raise ConfigurationError(
                f"dead_letters: expected a callable, a path or None, got {type(sink).__name__}"
            )
        self._sink = sink
        self.renew()

    def renew(self) -> None:
        """Begin again, in a forked child: the letters kept in memory are the parent's."""
        self.kept = MemoryDeadLetters()
        self._tally = Tally()

    def put(self, letter: DeadLetter) -> None:
        """Hand *letter* over. Never raises."""
        _throttle.warning(
            f"{letter.consumer} {letter.reason}",
            "Consumer %s: %d document(s) of event %r to the dead letters: %s",
            letter.consumer,
            len(letter.documents),
            letter.name,
            letter.reason,
        )
        if self._sink is None:
            self.kept(letter)
            return
        try:
            self._sink(letter)
        except Exception as error:  # noqa: BLE001 - delivery goes on, and the letter is kept
            self._tally.add("dead_letters_failed")
            _throttle.warning(
                "sink", "The dead letter sink failed, letters stay in memory: %s", describe(error)
            )
            self.kept(letter)

    def stats(self) -> dict[str, int]:
        """Count letters that the sink failed to take, and letters that memory had no room for."""
        return {
            "dead_letters_failed": self._tally["dead_letters_failed"],
            "dead_letters_overflow": self.kept.overflow,
        }


_throttle = Throttle(_log)
