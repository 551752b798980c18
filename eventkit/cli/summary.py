"""Counting what became of the input, and telling it."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TextIO

_PER_SECOND = 4


@dataclass(slots=True)
class Summary:
    """
    The counts of one run, in lines; they add up: read = translated + skipped + rejected.

    Plain data, so that worker processes can send theirs.
    """

    files: int = 0
    translated: int = 0
    documents: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    in_part: Counter[str] = field(default_factory=Counter)
    """Why lines that were translated to one protocol were rejected for another."""

    @property
    def read(self) -> int:
        """How many lines were read."""
        return self.translated + self.skipped.total() + self.rejected.total()

    def add(self, other: Summary) -> None:
        """Add the counts of another run, or of a part of this one."""
        self.files += other.files
        self.translated += other.translated
        self.documents += other.documents
        self.skipped += other.skipped
        self.rejected += other.rejected
        self.in_part += other.in_part

    def as_dict(self) -> dict[str, object]:
        """Give the counts as a JSON object."""
        return {
            "files": self.files,
            "read": self.read,
            "translated": self.translated,
            "documents": self.documents,
            "skipped": dict(self.skipped.most_common()),
            "rejected": dict(self.rejected.most_common()),
            "in_part": dict(self.in_part.most_common()),
        }

    def write(self, form: str, stream: TextIO, **more: object) -> None:
        """Write the counts, and *more* of them, as ``text`` or ``json``."""
        if form == "json":
            print(json.dumps(self.as_dict() | more), file=stream)
            return
        rows = [
            ("read", self.read, f"lines of {self.files} file{'s' * (self.files != 1)}"),
            ("translated", self.translated, f"to {self.documents:,} documents"),
            *_rows("skipped", self.skipped),
            *_rows("rejected", self.rejected),
            *(_rows("in part", self.in_part) if self.in_part else []),
        ]
        for name, number, note in rows:
            print(f"{name:<12}{number:>12,}  {note}".rstrip(), file=stream)


def _rows(name: str, counts: Counter[str]) -> list[tuple[str, int, str]]:
    rows = [("", number, reason) for reason, number in counts.most_common()]
    return [(name, counts.total(), ""), *rows]


class Progress:
    """A line on the terminal that tells how far things are; nothing where there is no terminal."""

    __slots__ = ("_next", "_shown", "_stream")

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._next = float("inf") if quiet or not self._stream.isatty() else 0.0
        self._shown = False

    def show(self, summary: Summary) -> None:
        """Show the counts, a few times a second at most."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 1 / _PER_SECOND
        self._shown = True
        text = f"{summary.read:,} lines, {summary.documents:,} documents, "
        text += f"{summary.rejected.total():,} rejected"
        print(f"\r\x1b[K{text}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
            self._shown = False
