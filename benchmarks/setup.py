"""How much is measured, and where."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus
from benchmarks.install import ROOT

MB = 10**6

MICRO = "\u00b5s"
"""How tables and plots write microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything: enough to trust the figures, or to see that they can be made."""

    rounds: int
    """How often each candidate gets its turn."""
    budget: float
    """Seconds of a turn that translates."""
    blocks: int
    """Blocks of 1,000 lines of each mix that there are to translate."""
    verified: int
    """Lines of each mix that are looked at one by one: does everybody translate them?"""
    logs: tuple[int, ...]
    """Bytes of the logs that the command translates; the one before the last in all rounds."""
    requests: int
    """Events sent to measure what a request pays."""
    rates: tuple[int, ...]
    """Events a second that are emitted."""
    seconds: float
    """How long they are emitted."""
    repeats: int
    """How often sections that take long are repeated, instead of *rounds* times."""
    delivered: int
    """Statements delivered in batches; a tenth of it one by one."""
    accepted: int
    """Events handed to a durable router."""
    imports: int
    """How often each package is imported."""
    rows: tuple[int, ...] = (0, 100, 500, 2_000)
    consumers: tuple[int, ...] = (0, 9, 99, 999)
    curve: int
    """Events of each point of the curves over rows and consumers."""
    backlogs: tuple[int, ...]
    """Entries that wait in the store."""


SIZES = {
    "full": Size(
        rounds=9,
        budget=0.5,
        blocks=20,
        verified=5_000,
        logs=(10 * MB, 100 * MB, 1_000 * MB),
        requests=20_000,
        rates=(100, 1_000, 5_000),
        seconds=10,
        repeats=3,
        delivered=40_000,
        accepted=50_000,
        imports=15,
        curve=5_000,
        backlogs=(1_000, 10_000, 100_000, 1_000_000),
    ),
    "quick": Size(
        rounds=3,
        budget=0.15,
        blocks=5,
        verified=1_000,
        logs=(2 * MB, 10 * MB, 50 * MB),
        requests=5_000,
        rates=(100, 1_000, 5_000),
        seconds=2,
        repeats=1,
        delivered=5_000,
        accepted=5_000,
        imports=4,
        curve=1_000,
        backlogs=(1_000, 10_000),
    ),
    "tiny": Size(
        rounds=1,
        budget=0.02,
        blocks=1,
        verified=200,
        logs=(MB, 2 * MB),
        requests=500,
        rates=(100,),
        seconds=0.5,
        repeats=1,
        delivered=500,
        accepted=500,
        imports=1,
        rows=(0, 100),
        consumers=(0, 9),
        curve=200,
        backlogs=(1_000,),
    ),
}


@dataclass(frozen=True, slots=True)
class Setup:
    """One run: its size, its folder, its processors."""

    size: Size
    folder: Path
    core: int
    """Where what is measured runs."""
    other: int
    """Where what it talks to runs; the same when there is only one processor."""

    def log(self, mix: str) -> str:
        """Give the log of a mix that candidates translate, made when it is not there."""
        path = self.folder / f"{mix}-{self.size.blocks}-{_version()}.log"
        if not path.is_file():
            path.write_bytes(b"".join(corpus.take(mix, self.size.blocks * corpus.BLOCK)))
        return str(path)

    def big_log(self, size: int) -> str:
        """Give a whole log of *size* bytes, made when it is not there."""
        path = self.folder / f"mixed-{size}-{_version()}.log"
        if not path.is_file():
            corpus.write_log(path, "mixed", size)
        return str(path)

    def say(self, text: str) -> None:
        """Tell how it goes."""
        print(text, file=sys.stderr, flush=True)


def cores() -> tuple[int, int]:
    """Choose a processor to measure on, and another one."""
    if not hasattr(os, "sched_getaffinity"):
        return -1, -1
    found = sorted(os.sched_getaffinity(0))
    # The first one is where most systems handle interrupts.
    return found[-1], found[0]


def shuffled(round_number: int, names: Sequence[str]) -> list[str]:
    """Give *names* in another order each round, so that nobody always follows the same one."""
    order = list(names)
    random.Random(round_number).shuffle(order)
    return order


def percentiles(values: Sequence[float]) -> list[float]:
    """Give 101 values: the smallest, one for each percent, the largest."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return [ordered[round(last * percent / 100)] for percent in range(101)] if ordered else []


def _version() -> int:
    """Tell logs of different generators apart."""
    sources = (Path(corpus.__file__), ROOT / "benchmarks/kinds.py", ROOT / "benchmarks/world.py")
    return sum(source.stat().st_size for source in sources)
