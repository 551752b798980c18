"""Translating lines in chunks, in this process or in several."""

from __future__ import annotations

import json
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace

from eventkit.batch import Line, Outcome, Translator, read_log, translate_line
from eventkit.cli._options import TranslatorOptions
from eventkit.cli._output import reject_record
from eventkit.cli._summary import Summary
from eventkit.exceptions import ConfigurationError

_CHUNK_LINES = 500
_CHUNK_BYTES = 4_000_000


@dataclass(slots=True)
class Chunk:
    """What became of some lines, ready to be written."""

    summary: Summary = field(default_factory=Summary)
    output: list[bytes] = field(default_factory=list)
    rejects: list[bytes] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome, and keep what is to be written of it."""
        if outcome.status == "translated":
            try:
                encoded = [encode(document) for document in outcome.documents]
            except (ValueError, TypeError, RecursionError):
                # Only a broken row of a site's own makes what is not JSON.
                outcome = replace(outcome, status="rejected", reason="not_serialisable")
            else:
                self.summary.translated += 1
                self.summary.documents += len(encoded)
                self.output += encoded
                return
        if outcome.status == "skipped":
            self.summary.skipped[outcome.reason] += 1
            return
        self.summary.rejected[outcome.reason] += 1
        self.rejects.append(
            reject_record(outcome.source, outcome.line_number, outcome.reason, outcome.raw)
        )


def encode(document: object) -> bytes:
    """Write a document as one line of JSON."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8") + b"\n"


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


def work(lines: Sequence[Line], translator: Translator) -> Chunk:
    """Translate a group of lines."""
    chunk = Chunk()
    for line in lines:
        if line.part:
            chunk.rejects.append(
                reject_record(line.source, line.number, line.fault, line.raw, line.part)
            )
        else:
            chunk.add(translate_line(line, translator))
    return chunk


def translate_files(
    paths: Sequence[str], options: TranslatorOptions, workers: int = 1
) -> Iterator[Chunk]:
    """
    Translate files, in order.

    With several *workers* the groups of lines are spread over as many processes, a few groups ahead
    of what has been taken from here, so memory is bounded.

    Raises:
        ConfigurationError: there is something wrong with *options*.
    """
    translator = options.build()  # in any case, so that mistakes show before anything starts
    groups = chunked(line for path in paths for line in read_log(path))
    if workers == 1:
        return (work(group, translator) for group in groups)
    return _spread(groups, options, workers)


def _spread(
    groups: Iterable[list[Line]], options: TranslatorOptions, workers: int
) -> Iterator[Chunk]:
    pool = ProcessPoolExecutor(workers, initializer=_prepare, initargs=(options,))
    waiting: deque[Future[Chunk]] = deque()
    try:
        for group in groups:
            waiting.append(pool.submit(_work, group))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise ConfigurationError(
            f"--workers: one of {workers} processes was killed, perhaps for want of memory; "
            "nothing was written, try fewer"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_translator: Translator | None = None


def _prepare(options: TranslatorOptions) -> None:
    """Make a worker process ready."""
    global _translator  # noqa: PLW0603 - a pool hands nothing else from initializer to task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    _translator = options.build()


def _work(lines: list[Line]) -> Chunk:
    if _translator is None:
        raise RuntimeError("this process was not prepared")
    return work(lines, _translator)
