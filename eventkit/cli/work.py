"""
Translating logs, in this process or in several.

A worker process reads its part of a file itself and writes the result to a file of its own, which
this process only has to append: whatever went through it would keep the others waiting.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import IO, NamedTuple

from eventkit.batch import (
    Block,
    Line,
    Outcome,
    Status,
    events_of,
    read_blocks,
    size_if_plain,
    verdict,
)
from eventkit.cli.options import TranslatorOptions
from eventkit.cli.output import reject_record
from eventkit.cli.summary import Summary
from eventkit.exceptions import ConfigurationError, EventParseError
from eventkit.reading.parsing import parse_line
from eventkit.translators.translator import Translator
from eventkit.typing import Event

_CHUNK_LINES = 500
_CHUNK_BYTES = 4_000_000

# Of a file, for one worker at a time.
_LEAST_PART = 1 << 18
_LARGEST_PART = 1 << 22


class Reject(NamedTuple):
    """A line that was rejected."""

    source: str
    number: int
    reason: str
    raw: bytes
    part: int = 0


@dataclass(slots=True)
class Chunk:
    """What became of some lines, ready to be written."""

    summary: Summary = field(default_factory=Summary)
    output: list[bytes] = field(default_factory=list)
    """The documents, unless they are in *file*."""
    file: str = ""
    rejects: list[Reject] = field(default_factory=list)
    lines: int = 0
    """How many lines there were; the summary counts events, and a line may hold several."""
    first: int = 1
    """Added to the numbers of the rejected lines, less one: where the part of the file began."""

    def write(self, result: IO[bytes], rejects: IO[bytes] | None) -> None:
        """Write what is to be written."""
        if self.output:
            result.write(b"\n".join(self.output) + b"\n")
        if self.file:
            _append(self.file, result)
        if rejects:
            for source, number, reason, raw, part in self.rejects:
                line = number + self.first - 1
                rejects.write(reject_record(source, line, reason, raw, part))


def chunked(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Group lines, so that a group has some use for a process but never much weight."""
    group: list[Line] = []
    weight = 0
    for line in lines:
        group.append(line)
        weight += len(line.raw)
        if len(group) >= _CHUNK_LINES or weight >= _CHUNK_BYTES:
            yield group
            group, weight = [], 0
    if group:
        yield group


def work(piece: Block | Line, translator: Translator, unwrap: str = "") -> Chunk:
    """Translate the lines of a block, or one odd line."""
    chunk = Chunk()
    if isinstance(piece, Block):
        _translate(piece, translator, unwrap, chunk)
    elif piece.part:
        chunk.rejects.append(Reject(piece.source, piece.number, piece.fault, piece.raw, piece.part))
    elif piece.fault:
        chunk.lines = 1
        _count(chunk, "rejected", piece.fault, piece)
    else:
        _translate(Block(piece.raw, piece.number, piece.source), translator, unwrap, chunk)
    return chunk


def _translate(block: Block, translator: Translator, unwrap: str, chunk: Chunk) -> None:
    """Translate the lines of *block*; this loop is where the time of a run goes."""
    output = chunk.output
    write = translator.write
    read = partial(parse_line, unwrap=unwrap) if unwrap else parse_line
    translated = 0
    before = len(output)
    number = block.first - 1
    for number, raw in enumerate(block.data.split(b"\n"), block.first):
        try:
            output += write(read(raw))
        except EventParseError:
            translated += _translate_odd(Line(raw, number, block.source), write, unwrap, chunk)
            continue
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the neighbours
            _count(chunk, *verdict(error), Line(raw, number, block.source))
            continue
        translated += 1
    chunk.lines = number - block.first + 1
    chunk.summary.translated += translated
    chunk.summary.documents += len(output) - before


def _translate_odd(
    line: Line, write: Callable[[Event], list[bytes]], unwrap: str, chunk: Chunk
) -> int:
    """Translate what can be of a line that is not just one event; give how many events could be."""
    translated = 0
    for each in events_of(line, unwrap):
        if isinstance(each, Outcome):
            _count(chunk, each.status, each.reason, line)
            continue
        try:
            chunk.output += write(each.event)
        except Exception as error:  # noqa: BLE001 - as above
            _count(chunk, *verdict(error), line)
            continue
        translated += 1
    return translated


def _count(chunk: Chunk, status: Status, reason: str, line: Line) -> None:
    if status == "skipped":
        chunk.summary.skipped[reason] += 1
    else:
        chunk.summary.rejected[reason] += 1
        chunk.rejects.append(Reject(line.source, line.number, reason, line.raw))


def translate_files(
    paths: Sequence[str], options: TranslatorOptions, workers: int = 1, unwrap: str = ""
) -> Iterator[Chunk]:
    """
    Translate files, in order.

    With several *workers* the parts of the files are spread over as many processes, a few parts
    ahead of what has been taken from here, so memory is bounded.

    Raises:
        ConfigurationError: there is something wrong with *options*.
    """
    translator = options.build()  # in any case, so that mistakes show before anything starts
    if workers == 1:
        return (work(piece, translator, unwrap) for path in paths for piece in read_blocks(path))
    return _spread(paths, options, workers, unwrap)


class _Part(NamedTuple):
    """The lines of a file that begin between two bytes."""

    path: str
    start: int
    stop: int | None


_Task = _Part | list[Block | Line]


def _grouped(pieces: Iterable[Block | Line]) -> Iterator[list[Block | Line]]:
    """Group what was read, so that a group has some use for a process but never much weight."""
    group: list[Block | Line] = []
    weight = 0
    for piece in pieces:
        group.append(piece)
        weight += len(piece.data if isinstance(piece, Block) else piece.raw)
        if weight >= _LEAST_PART:
            yield group
            group, weight = [], 0
    if group:
        yield group


def _tasks(paths: Sequence[str], workers: int) -> Iterator[_Task]:
    """Say what is to be done, in order; what only this process can read is read here."""
    for path in paths:
        size = size_if_plain(path)
        if size is None:
            yield from _grouped(read_blocks(path))
            continue
        step = min(max(size // (4 * workers), _LEAST_PART), _LARGEST_PART)
        starts = range(0, max(size, 1), step)
        for start in starts:
            # What is added meanwhile belongs to the last part.
            yield _Part(path, start, None if start == starts[-1] else start + step)


def _spread(
    paths: Sequence[str], options: TranslatorOptions, workers: int, unwrap: str
) -> Iterator[Chunk]:
    waiting: deque[tuple[str, Future[Chunk]]] = deque()
    numbering = _Numbering()
    with TemporaryDirectory(prefix="eventkit-", ignore_cleanup_errors=True) as folder:
        pool = ProcessPoolExecutor(
            workers, initializer=_prepare, initargs=(options, unwrap, folder)
        )
        try:
            for task in _tasks(paths, workers):
                path = task.path if isinstance(task, _Part) else ""
                with _uninterrupted():
                    waiting.append((path, pool.submit(_work, task)))
                if len(waiting) > 2 * workers:
                    yield numbering.of(*waiting.popleft())
            while waiting:
                yield numbering.of(*waiting.popleft())
        except BrokenProcessPool:
            raise ConfigurationError(
                f"--workers: one of {workers} processes was killed, perhaps for want of memory; "
                "nothing was written, try fewer"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """
    Put off Ctrl-C while processes may be started, and in these until they are ready.

    The terminal sends it to all of them, and one that is only beginning would complain.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Numbering:
    """Counts the lines of a file over its parts, of which each counts its own."""

    def __init__(self) -> None:
        self._path = ""
        self._lines = 0

    def of(self, path: str, done: Future[Chunk]) -> Chunk:
        chunk = done.result()
        if path != self._path:
            self._path, self._lines = path, 0
        if path:
            chunk.first = self._lines + 1
            self._lines += chunk.lines
        return chunk


_translator: Translator | None = None
_unwrap = ""
_folder = ""


def _prepare(options: TranslatorOptions, unwrap: str, folder: str) -> None:
    """Make a worker process ready."""
    global _translator, _unwrap, _folder  # noqa: PLW0603 - a pool hands nothing else from initializer to task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _translator = options.build()
    _unwrap = unwrap
    _folder = folder


def _work(task: _Task) -> Chunk:
    if _translator is None:
        raise RuntimeError("this process was not prepared")
    whole = Chunk()
    with NamedTemporaryFile(dir=_folder, delete=False) as file:
        for piece in read_blocks(*task) if isinstance(task, _Part) else task:
            chunk = work(piece, _translator, _unwrap)
            chunk.write(file, None)
            whole.lines += chunk.lines
            whole.summary.add(chunk.summary)
            whole.rejects += chunk.rejects
    whole.file = file.name
    return whole


def _append(path: str, result: IO[bytes]) -> None:
    """Move the content of a file to the end of *result*."""
    with Path(path).open("rb") as file:
        try:
            result.flush()
            # The system does it in half the time, and does not need us for it.
            while os.sendfile(result.fileno(), file.fileno(), None, 1 << 30):
                pass
        except (OSError, AttributeError) as error:
            if isinstance(error, OSError) and error.errno not in _CANNOT_SEND:
                raise
            shutil.copyfileobj(file, result, 1 << 20)
    Path(path).unlink()


_CANNOT_SEND = (None, errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.EOPNOTSUPP)
"""What systems say that cannot send from this file to that result; None: it is no file."""
