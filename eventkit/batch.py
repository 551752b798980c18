"""
Translating logs: lines in, an outcome for each event out.

`translate_lines` is a pure generator over lines of any origin (a file, a Spark partition, a list);
`read_log` gives the lines of one file, compressed or not, whatever its condition. The command line
is built on both.
"""

from __future__ import annotations

import glob
import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, NamedTuple, cast

from eventkit.exceptions import (
    ConfigurationError,
    DropEvent,
    EventParseError,
    TranslationError,
    UnsupportedEvent,
)
from eventkit.reading.parsing import MAX_LINE, parse_events
from eventkit.typing import Event, Json, Translation

Status = Literal["translated", "skipped", "rejected"]
"""
What became of an event, or of a line without one: ``skipped`` is by design (blank, or an event
without translation), ``rejected`` means that something is wrong with it.
"""

STDIN = "-"
"""The name of standard input among the inputs."""

# Small enough for what is made of it to stay in memory that is at hand.
_BLOCK = 1 << 16
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


Translator = Callable[[Event], Translation]
"""What translates one event or drops it, such as an `XAPITranslator`."""


class Line(NamedTuple):
    """One line of a log, with where it was found."""

    raw: bytes
    number: int
    source: str = ""
    """The name of the file; ``-`` is standard input."""
    fault: str = ""
    """Why it cannot be read: ``too_long``, ``truncated``, ``damaged``, ``unreadable``."""
    part: int = 0
    """A line that is too long comes in parts, of which only the first counts as a line."""
    ended: bool = True
    """False for a last line without line feed, which may still be in the making."""


class Block(NamedTuple):
    """Whole lines that stand together in a log."""

    data: bytes
    """The lines, with line feeds between them."""
    first: int
    """The number of the first of them."""
    source: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of one event, or of a line without one.

    Its `repr` shows nothing of the payload, so it can be logged.
    """

    status: Status
    reason: str = ""
    """Why it was skipped or rejected, as a word for counting."""
    line_number: int = 0
    source: str = ""
    name: str = ""
    """The event's name, when it came to that."""
    raw: str | bytes = field(default=b"", repr=False)
    """The line itself."""
    translation: Translation | None = field(default=None, repr=False)
    """What a router takes, when it was translated."""
    retryable: bool = False
    """Nothing is wrong with the line: a look-up failed, and later it may be translated."""

    @property
    def documents(self) -> list[Json]:
        """The statements or Caliper events; empty when it was not translated."""
        return self.translation["documents"] if self.translation else []


def translate_lines(
    lines: Iterable[str | bytes | Line],
    translator: Translator,
    *,
    source: str = "",
    unwrap: str = "",
) -> Iterator[Outcome]:
    """
    Translate *lines*, giving an outcome for each, in order, and never raising for any of them.

    A line that holds several events, where a line feed was lost, has an outcome for each of them,
    and one for what is no whole event.

    Args:
        lines: text or bytes, with or without line feed, or what `read_log` gives. Further parts of
            a line that is too long have no outcome of their own.

        translator: an `XAPITranslator`, or anything that is called like one.

        source: the name to report for lines that bring none.

        unwrap: the field of another program's JSON that holds the events, as in `parse_line`.
    """
    for number, line in enumerate(lines, 1):
        if isinstance(line, Line):
            found = events_of(line, unwrap)
        else:
            found = _events_of(line, number, source, unwrap)
        for each in found:
            yield each if isinstance(each, Outcome) else translate_event(each, translator)


class LoggedEvent(NamedTuple):
    """An event, with where it was found."""

    event: Event
    raw: str | bytes
    """The whole line."""
    number: int
    source: str


def events_of(line: Line, unwrap: str = "") -> Iterator[LoggedEvent | Outcome]:
    """Give the events on a line, and the outcome of what is none; nothing for further parts."""
    if line.part:
        return
    if line.fault:
        yield Outcome("rejected", line.fault, line.number, line.source, raw=line.raw)
        return
    yield from _events_of(line.raw, line.number, line.source, unwrap)


def _events_of(
    raw: str | bytes, number: int, source: str, unwrap: str
) -> Iterator[LoggedEvent | Outcome]:
    try:
        for event in parse_events(raw, unwrap=unwrap):
            yield LoggedEvent(event, raw, number, source)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the neighbours
        yield Outcome(*verdict(error), number, source, raw=raw)


def translate_event(logged: LoggedEvent, translator: Translator) -> Outcome:
    """Translate one event of a log; nothing that it holds raises."""
    event, raw, number, source = logged
    name = str(event.get("name") or event.get("event_type"))
    try:
        translation = translator(event)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the neighbours
        status, reason = verdict(error)
        again = getattr(error, "retryable", False) is True
        return Outcome(status, reason, number, source, name, raw, retryable=again)
    return Outcome("translated", "", number, source, name, raw, translation)


def verdict(error: Exception) -> tuple[Status, str]:
    """Say what *error*, which reading or translating a line raised, means for the line."""
    if isinstance(error, EventParseError):
        return ("skipped" if error.reason == "blank" else "rejected"), error.reason
    cause = error.__cause__ if isinstance(error, DropEvent) else error
    if isinstance(cause, TranslationError):
        if cause.reason == "internal_error" and cause.__cause__ is not None:
            return "rejected", _internal(cause.__cause__)
        return "rejected", cause.reason
    if isinstance(error, (DropEvent, UnsupportedEvent)):
        return "skipped", error.reason
    return "rejected", _internal(error)


def _internal(error: BaseException) -> str:
    return f"internal_error:{type(error).__name__}"


def expand_inputs(patterns: Sequence[str]) -> list[str]:
    """
    Turn names and globs into the names of the files they mean, each once.

    Raises:
        ConfigurationError: a file does not exist, or a glob matches none.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        if pattern == STDIN:
            found.setdefault(STDIN, STDIN)
            continue
        path = Path(pattern)
        if path.is_dir():
            raise ConfigurationError(
                f"INPUT: {pattern!r} is a directory; name its files: '{pattern.rstrip('/')}/*'"
            )
        # Path.glob would not take absolute patterns.
        names = [pattern] if path.exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        names = [name for name in names if not Path(name).is_dir()]
        if not names:
            raise ConfigurationError(f"INPUT: {pattern!r} matches no file; correct the name")
        for name in names:
            found.setdefault(os.path.realpath(name), name)
    return list(found.values())


def read_log(path: str) -> Iterator[Line]:
    """
    Read the lines of a log: plain, gzip or zstd by its first bytes, not by its name.

    Memory is bounded whatever the file holds. What goes wrong on the way is told in a last line
    with a *fault*; the lines before it are good.

    Raises:
        ConfigurationError: the file is compressed in a way that needs an extra.
    """
    for block in read_blocks(path):
        if isinstance(block, Line):
            yield block
        else:
            for number, line in enumerate(block.data.split(b"\n"), block.first):
                yield Line(line, number, block.source)


def read_blocks(path: str, start: int = 0, stop: int | None = None) -> Iterator[Block | Line]:
    """
    Read a log in blocks of whole lines, which cost less than lines; any odd line comes as such.

    Args:
        path: the file.

        start: only the lines that begin from this byte of a plain file on; the first of them has
            number 1.

        stop: only the lines that begin before this byte of a plain file.

    Raises:
        ConfigurationError: the file is compressed in a way that needs an extra.
    """
    with ExitStack() as stack:
        try:
            if start or stop is not None:
                file = stack.enter_context(Path(path).open("rb"))
                read = _part(file, start, stop)
            else:
                read = _open(path, stack)
        except OSError:
            yield Line(b"", 1, path, "unreadable", ended=False)
            return
        yield from _blocks(read, path)


def size_if_plain(path: str) -> int | None:
    """Give the size of a file that `read_blocks` can read in parts; None of any other."""
    try:
        if path == STDIN or not Path(path).is_file():
            return None
        with Path(path).open("rb") as file:
            if file.read(len(_ZSTD)).startswith((_GZIP, _ZSTD)):
                return None
            return os.fstat(file.fileno()).st_size
    except OSError:
        return None


def _part(file: io.BufferedReader, start: int, stop: int | None) -> Callable[[int], bytes]:
    """Give what reads the lines of a file that begin between two bytes, the last to its end."""
    end = sys.maxsize if stop is None else stop
    if start:
        file.seek(start - 1)
        # The line that has begun before belongs to the part before, however long it is.
        while file.tell() < end:
            rest = file.readline(_BLOCK)
            if not rest or rest.endswith(b"\n"):
                break
    position = file.tell()
    ended = position >= end

    def read(size: int) -> bytes:
        nonlocal position, ended
        if ended:
            return b""
        block = file.read1(min(size, end - position)) if position < end else file.readline(size)
        position += len(block)
        ended = not block or (position >= end and block.endswith(b"\n"))
        return block

    return read


def _open(path: str, stack: ExitStack) -> Callable[[int], bytes]:
    """Give what reads a block of a file, uncompressed."""
    file = sys.stdin.buffer if path == STDIN else stack.enter_context(Path(path).open("rb"))  # noqa: SIM115
    plain = cast(io.BufferedReader, file)
    head = plain.peek(len(_ZSTD))
    if head.startswith(_GZIP):
        return stack.enter_context(gzip.GzipFile(fileobj=plain)).read1
    if head.startswith(_ZSTD):
        return _open_zstd(plain, path, stack)
    return plain.read1


def _open_zstd(plain: IO[bytes], path: str, stack: ExitStack) -> Callable[[int], bytes]:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - new in 3.14
        else:
            from backports import zstd  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigurationError(
            f"INPUT: {path!r} is compressed with zstd; pip install 'openedx-eventkit[zstd]'"
        ) from None
    return stack.enter_context(zstd.ZstdFile(plain)).read1


def _blocks(read: Callable[[int], bytes], source: str) -> Iterator[Block | Line]:
    number = part = 0
    tail = b""
    fault = ""
    while not fault:
        try:
            block = read(_BLOCK)
        except EOFError:
            block, fault = b"", "truncated"
        except Exception as error:  # noqa: BLE001 - each kind of compression has its own
            block, fault = b"", _fault(error)
        if not block:
            break
        lines, feed, tail = (tail + block).rpartition(b"\n")
        if feed and part:
            line, feed, lines = lines.partition(b"\n")
            yield Line(line, number, source, "too_long", part)
            part = 0
        if feed:
            yield Block(lines, number + 1, source)
            number += lines.count(b"\n") + 1
        if part or len(tail) > MAX_LINE:
            number += not part
            yield Line(tail, number, source, "too_long", part, ended=False)
            part += 1
            tail = b""
    if tail or fault:
        # After a fault the tail is what could be saved of a line.
        number += 1
        yield Line(tail, number, source, fault, ended=False)


def _fault(error: Exception) -> str:
    broken = isinstance(error, gzip.BadGzipFile | zlib.error) or not isinstance(error, OSError)
    return "damaged" if broken else "unreadable"
