"""
Translating logs: lines in, one outcome per line out.

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
)
from eventkit.parsing import MAX_LINE, parse_line
from eventkit.typing import Event, Json, Translation

Status = Literal["translated", "skipped", "rejected"]
"""
What became of a line: ``skipped`` is by design (blank, or an event without translation),
``rejected`` means that something is wrong with it.
"""

STDIN = "-"
"""The name of standard input among the inputs."""

_BLOCK = 1 << 18
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of one line.

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

    @property
    def documents(self) -> list[Json]:
        """The statements or Caliper events; empty when it was not translated."""
        return self.translation["documents"] if self.translation else []


def translate_lines(
    lines: Iterable[str | bytes | Line], translator: Translator, *, source: str = ""
) -> Iterator[Outcome]:
    """
    Translate *lines*, giving one outcome for each, in order, and never raising for any of them.

    Args:
        lines: text or bytes, with or without line feed, or what `read_log` gives. Further parts of
            a line that is too long have no outcome of their own.

        translator: an `XAPITranslator`, or anything that is called like one.

        source: the name to report for lines that bring none.
    """
    for number, line in enumerate(lines, 1):
        if not isinstance(line, Line):
            yield _translate(line, translator, number, source)
        elif not line.part:
            yield translate_line(line, translator)


def translate_line(line: Line, translator: Translator) -> Outcome:
    """Translate one line, as `translate_lines` does."""
    if line.fault:
        return Outcome("rejected", line.fault, line.number, line.source, raw=line.raw)
    return _translate(line.raw, translator, line.number, line.source)


def _translate(line: str | bytes, translator: Translator, number: int, source: str) -> Outcome:
    if not line or line.isspace():
        return Outcome("skipped", "blank", number, source, raw=line)
    name = ""
    status: Status = "rejected"
    try:
        event = parse_line(line)
        name = str(event.get("name") or event.get("event_type"))
        translation = translator(event)
    except EventParseError as error:
        reason = error.reason
        status = "skipped" if reason == "blank" else "rejected"
    except DropEvent as error:
        reason = error.reason
        if isinstance(error.__cause__, TranslationError):
            if reason == "internal_error" and error.__cause__.__cause__ is not None:
                reason = _internal(error.__cause__.__cause__)
        else:
            status = "skipped"
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the neighbours
        reason = _internal(error)
    else:
        return Outcome("translated", "", number, source, name, line, translation)
    return Outcome(status, reason, number, source, name, line)


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
    with ExitStack() as stack:
        try:
            read = _open(path, stack)
        except OSError:
            yield Line(b"", 1, path, "unreadable", ended=False)
            return
        yield from _split(read, path)


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


def _split(read: Callable[[int], bytes], source: str) -> Iterator[Line]:
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
        *lines, tail = (tail + block).split(b"\n")
        for line in lines:
            if part:
                yield Line(line, number, source, "too_long", part)
                part = 0
            else:
                number += 1
                yield Line(line, number, source)
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
