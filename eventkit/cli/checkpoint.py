"""How far each consumer is in each log, so that a second run goes on where the first stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eventkit.batch import Line, read_log
from eventkit.cli.output import output
from eventkit.exceptions import ConfigurationError

_VERSION = 2


@dataclass(frozen=True, slots=True)
class Position:
    """
    A place in a file: so many lines, and the digest of them.

    The digest tells whether the file still begins with what was sent; a name alone says nothing,
    because logs are rotated.
    """

    lines: int = 0
    digest: str = ""


class Tracker:
    """Follow a file line by line, and tell the position."""

    __slots__ = ("_hash", "lines")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.lines = 0

    def pass_over(self, lines: Iterable[Line]) -> None:
        """Take note of lines that have been read."""
        for line in lines:
            # As if it were ended, which a last line may not be yet.
            self._hash.update(line.raw + b"\n")
            self.lines = line.number

    def after(self, lines: Iterable[Line]) -> Position:
        """Give the position that there will be after *lines*."""
        ahead = Tracker()
        ahead._hash, ahead.lines = self._hash.copy(), self.lines
        ahead.pass_over(lines)
        return Position(ahead.lines, ahead._hash.hexdigest())


@dataclass(slots=True)
class Log:
    """What is known of one log, whatever its file is called now and however it is compressed."""

    first: str
    """The digest of its first line."""
    name: str
    """What its file was called when it was last read; for people."""
    positions: dict[str, Position] = field(default_factory=dict)
    """By consumer."""


@dataclass(slots=True)
class Checkpoint:
    """
    A JSON file with the position of every consumer in every log.

    A log is known by its first line, and believed to be the same by the digest of all that was sent
    of it. It is replaced as a whole, so a crash leaves the one before. What was sent since then is
    sent again by the next run; statements have the same ids, so nobody has them twice.
    """

    path: Path
    logs: list[Log] = field(default_factory=list)
    _open: dict[str, Log] = field(default_factory=dict, repr=False)
    """What `starts` found, by the name of the file."""

    @classmethod
    def load(cls, path: str, *, restart: bool = False) -> Checkpoint:
        """
        Read the file; one that does not exist is empty.

        Raises:
            ConfigurationError: it is no checkpoint.
        """
        checkpoint = cls(Path(path))
        if restart:
            return checkpoint
        try:
            content = json.loads(checkpoint.path.read_text(encoding="utf-8"))
            if content["version"] != _VERSION:
                raise ConfigurationError(
                    f"--checkpoint: {path!r} is of another version of eventkit; name another file, "
                    "or give --restart to write it anew: everything is sent again then, with the "
                    "same ids"
                )
            checkpoint.logs = [_log(each) for each in content["logs"]]
        except ConfigurationError:
            raise
        except FileNotFoundError:
            if not checkpoint.path.absolute().parent.is_dir():
                raise ConfigurationError(
                    f"--checkpoint: the folder of {path!r} does not exist; create it"
                ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"--checkpoint: {path!r} is no checkpoint ({type(error).__name__}); name another "
                "file, or give --restart to write it anew"
            ) from None
        return checkpoint

    def save(self) -> None:
        """Write the file."""
        content = {"version": _VERSION, "logs": [asdict(log) for log in self.logs if log.positions]}
        with output(str(self.path)) as stream:
            stream.write(json.dumps(content, indent=1).encode() + b"\n")

    def starts(self, name: str, consumers: Iterable[str]) -> dict[str, int]:
        """
        Tell after which line of the file *name* each of the *consumers* goes on.

        A log that does not begin with what was sent is a new one, from line 0, also where its file
        has the name of another; one that does is the same, also where its file was renamed.
        """
        consumers = list(consumers)
        first = _first_line(name)
        candidates = [log for log in self.logs if log.first == first]
        targets = {
            log.positions[each].lines
            for log in candidates
            for each in consumers
            if each in log.positions
        }
        digests = _digests(name, targets) if targets else {}
        best = Log(first, name)
        best_starts = dict.fromkeys(consumers, 0)
        for log in candidates:
            starts = {each: _reached(log.positions.get(each), digests) for each in consumers}
            if sum(starts.values()) > sum(best_starts.values()):
                best, best_starts = log, starts
        if best not in candidates:
            self.logs.append(best)
        self._open[name] = best
        return best_starts

    def note(self, name: str, consumer: str, position: Position) -> None:
        """Note that *consumer* has everything up to *position* of the file *name*."""
        log = self._open[name]
        log.name = os.path.realpath(name)
        log.positions[consumer] = position


def _reached(noted: Position | None, digests: Mapping[int, str]) -> int:
    """Give how many lines a consumer has of a file whose beginnings have these digests."""
    return noted.lines if noted and digests.get(noted.lines) == noted.digest else 0


def _first_line(name: str) -> str:
    """Give the digest of the first line of a file; ``""`` when there is none."""
    line = next(read_log(name), None)
    return hashlib.sha256(line.raw).hexdigest() if line is not None else ""


def _log(noted: Any) -> Log:
    if not isinstance(noted["first"], str) or not isinstance(noted["name"], str):
        raise TypeError("a log has a digest and a name")
    positions = {key: _position(at) for key, at in noted["positions"].items()}
    return Log(noted["first"], noted["name"], positions)


def _position(at: Any) -> Position:
    if not isinstance(at["lines"], int) or not isinstance(at["digest"], str):
        raise TypeError("a position is a number and a text")
    return Position(at["lines"], at["digest"])


def _digests(name: str, targets: set[int]) -> dict[int, str]:
    """Give the digests of the first so many lines of a file."""
    tracker = Tracker()
    found: dict[int, str] = {}
    for line in read_log(name):
        if line.number > tracker.lines and tracker.lines in targets:
            found[tracker.lines] = tracker.after(()).digest
            if len(found) == len(targets):
                return found
        tracker.pass_over([line])
    if tracker.lines in targets:
        found[tracker.lines] = tracker.after(()).digest
    return found


@contextmanager
def locked(path: str) -> Iterator[None]:
    """
    Keep other runs away from the checkpoint at *path*.

    Raises:
        ConfigurationError: another run is at work on it.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        yield
        return
    lock = Path(f"{path}.lock")
    is_ours = False
    with lock.open("wb") as stream:
        try:
            with suppress(OSError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it may have removed the file between our opening and locking it.
                is_ours = lock.stat().st_ino == os.fstat(stream.fileno()).st_ino
            if not is_ours:
                raise ConfigurationError(
                    f"--checkpoint: another eventkit send is using {path!r}; wait for its end, or "
                    "name another file"
                )
            yield
        finally:
            # A signal may end the command anywhere.
            if is_ours:
                with suppress(OSError):
                    lock.unlink()
