"""Dead letters in a file of JSON lines."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from eventkit.base.appending import append, reading, rewriting
from eventkit.base.folders import refuse_closed
from eventkit.base.sealing import Key, make_sealer
from eventkit.base.throttle import Throttle, describe
from eventkit.dead_letters.letter import DeadLetter
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

_log = logging.getLogger(__name__)

_PRIVATE = ("documents", "event", "response")
_LONGEST_SWEEP = 3_600.0
_TRIMMED_TO = 0.75
"""The part of *max_bytes* that is left when it was reached, so that it is not soon again."""


class FileDeadLetters:
    """
    Keep dead letters in a file, one JSON object a line.

    Several threads and processes may share the file. Only its owner may read it: the letters are
    about learners. A letter that comes again is added again, and the latest counts. What is no
    letter (a line that somebody was killed over, or a foreign one) is passed over, and stays.

    Args:
        path: the file; its folder must exist.

        sync: wait for the disk each time, so that letters survive a power failure.

        key: encrypt documents, event and response with it: text as ``Fernet.generate_key()`` of the
            package `cryptography` gives, ``{"env": NAME}`` or ``{"file": PATH}``, or a list of
            these: the first encrypts, all decrypt. Needs the extra ``encryption``.

        keep_for: forget letters after so many seconds; looked at now and then, with a new letter.

        max_bytes: the size at which the oldest letters go, with a warning.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sync: bool = False,
        key: Key | None = None,
        keep_for: float | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.unreadable = 0
        """Lines that were no letters, or did not fit the key, when they were last gone through."""
        self.expired = 0
        """Letters that *keep_for* or *max_bytes* cost so far."""
        self._sync = sync
        self._sealer = make_sealer(key)
        self._keep_for = _above_zero("keep_for", keep_for)
        self._max_bytes = _above_zero("max_bytes", max_bytes)
        self._next_sweep = -math.inf
        self._next_trim = self._max_bytes or math.inf
        refuse_closed(self.path, "dead_letters")
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise ConfigurationError(
                f"dead_letters: {self.path} cannot be a file; name one in a folder that exists"
            )

    def __repr__(self) -> str:
        return f"FileDeadLetters({str(self.path)!r})"

    def __call__(self, letter: DeadLetter) -> None:
        """Append *letter*."""
        written = letter.as_dict()
        if self._sealer is not None:
            private = {key: written.pop(key) for key in _PRIVATE}
            written["sealed"] = self._sealer.seal(_dumps(private)).decode("ascii")
        size = append(self.path, _dumps(written) + b"\n", mode=0o600, sync=self._sync)
        try:
            self._forget_some(size)
        except OSError as error:
            # The letter is safe; the file is larger than it was to be.
            _throttle.warning(
                str(self.path), "Old dead letters could not be removed: %s", describe(error)
            )

    def __iter__(self) -> Iterator[DeadLetter]:
        """
        Give the letters that are there at this moment, the oldest first.

        Raises:
            ConfigurationError: the letters are encrypted, and there is no key, or it does not fit.
        """
        try:
            with reading(self.path) as (stream, size):
                found = _scan(stream, size)
                yield from self._opened(stream, found)
        except FileNotFoundError:
            self.unreadable = 0

    def __len__(self) -> int:
        try:
            with reading(self.path) as (stream, size):
                return len(_scan(stream, size).latest)
        except FileNotFoundError:
            return 0

    def remove(self, ids: Collection[str]) -> int:
        """Forget the letters with these ids; give how many there were. It takes no key."""
        wanted = frozenset(ids)
        return self._drop(lambda found: wanted.intersection(found.latest)) if wanted else 0

    def remove_unreadable(self, chosen: Callable[[bytes], bool] = bool) -> int:
        """
        Take out lines that are no letters (cut off, damaged, foreign); give how many there were.

        Args:
            chosen: tells of the bytes of such a line whether it goes; by default all go.
        """
        with rewriting(self.path) as file:
            if file is None:
                return 0
            doomed = {
                start
                for start, line in _lines(file.stream, file.size)
                if line.strip() and _outside(line) is None and chosen(line)
            }
            if doomed:
                file.replace(
                    line for start, line in _lines(file.stream, file.size) if start not in doomed
                )
            return len(doomed)

    def _opened(self, stream: BinaryIO, found: _Contents) -> Iterator[DeadLetter]:
        """Read the lines that count, with what is sealed in them."""
        unreadable, misfits, fits = found.foreign, 0, 0
        for place in found.latest.values():
            stream.seek(place.start)
            written = json.loads(stream.read(place.length))
            if "sealed" in written:
                if self._sealer is None:
                    raise ConfigurationError(
                        f"key: the dead letters in {self.path} are encrypted; give their key"
                    )
                try:
                    written |= json.loads(self._sealer.unseal(written["sealed"].encode()))
                except (ConfigurationError, ValueError, TypeError):
                    misfits += 1
                    continue
                fits += 1
            try:
                letter = DeadLetter.from_dict(written)
            except ValueError:
                unreadable += 1
                continue
            yield letter
        # One line that does not open is damaged, or from another time; all of them, and it is the
        # key that is wrong.
        if misfits and not fits:
            raise ConfigurationError(
                f"key: the key does not fit the dead letters in {self.path}; give the one that "
                "they were encrypted with, or a list of keys"
            )
        self.unreadable = unreadable + misfits

    def _forget_some(self, size: int) -> None:
        now = time.monotonic()
        if self._keep_for is not None and now >= self._next_sweep:
            self._next_sweep = now + min(_LONGEST_SWEEP, self._keep_for / 4)
            before = time.time() - self._keep_for
            with reading(self.path) as (stream, end):
                is_due = any(place.time < before for place in _scan(stream, end).latest.values())
            if is_due:
                self.expired += self._drop(
                    lambda found: {
                        name for name, place in found.latest.items() if place.time < before
                    }
                )
        if self._max_bytes is not None and size > self._next_trim:
            room = int(self._max_bytes * _TRIMMED_TO)
            gone = self._drop(lambda found: _beyond(found, room), compact=True)
            left = self.path.stat().st_size
            # What is no letter stays. It may fill the file; not to go through it each time.
            self._next_trim = max(self._max_bytes, left + self._max_bytes - room)
            self.expired += gone
            if gone:
                _throttle.warning(
                    f"{self.path} full",
                    "The file of dead letters was full: the %d oldest are lost. Look after them, "
                    "or raise max_bytes",
                    gone,
                )

    def _drop(
        self, choose: Callable[[_Contents], Collection[str]], *, compact: bool = False
    ) -> int:
        """Rewrite the file without the letters that *choose* names, and without superseded ones."""
        with rewriting(self.path) as file:
            if file is None:
                return 0
            found = _scan(file.stream, file.size)
            doomed = choose(found)
            if not doomed and not (compact and found.superseded):
                return 0
            gone = [found.latest[name] for name in doomed]
            skipped = {place.start for place in (*gone, *found.superseded)}
            file.replace(
                line for start, line in _lines(file.stream, file.size) if start not in skipped
            )
            return len(gone)


class _Place(NamedTuple):
    """Where a letter is, and when it was written."""

    start: int
    length: int
    time: float


class _Contents(NamedTuple):
    """What a file holds."""

    latest: dict[str, _Place]
    """By id, in the order of the file."""
    superseded: list[_Place]
    foreign: int
    """Lines that are no letters."""


def _scan(stream: BinaryIO, size: int) -> _Contents:
    latest: dict[str, _Place] = {}
    superseded: list[_Place] = []
    foreign = 0
    for start, line in _lines(stream, size):
        letter = _outside(line)
        if letter is None:
            foreign += bool(line.strip())
            continue
        before = latest.pop(letter.id, None)
        if before is not None:
            superseded.append(before)
        latest[letter.id] = _Place(start, len(line), letter.time.timestamp())
    return _Contents(latest, superseded, foreign)


def _lines(stream: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """Give the lines of the first *size* bytes, and where each starts; the last one is ended."""
    stream.seek(0)
    start = 0
    while start < size and (line := stream.readline(size - start)):
        yield start, line if line.endswith(b"\n") else line + b"\n"
        start += len(line)


def _outside(line: bytes) -> DeadLetter | None:
    """Read what can be read without a key; None: it is no letter."""
    try:
        written: Json = json.loads(line)
        if isinstance(written, dict) and isinstance(written.get("sealed"), str) and "id" in written:
            written |= {"documents": [], "event": None, "response": ""}
        return DeadLetter.from_dict(written)
    except (ValueError, TypeError, RecursionError):
        return None


def _beyond(found: _Contents, room: int) -> set[str]:
    """Choose the oldest letters, so that the others fit in *room* bytes."""
    held = sum(place.length for place in found.latest.values())
    chosen = set()
    for name, place in found.latest.items():
        if held <= room:
            break
        held -= place.length
        chosen.add(name)
    return chosen


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _above_zero(key: str, value: Any) -> Any:
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:
        raise ConfigurationError(f"{key}: expected a number above 0 or None, got {value!r}")
    return value


_throttle = Throttle(_log)
