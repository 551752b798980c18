"""
One candidate in a process of its own, pinned to a core.

    python -m benchmarks.worker MODULE [--core N] [--without orjson,...]

Reads a JSON object with ``call`` and arguments from each line of standard input, and answers with
one on standard output. It runs under the interpreter of the candidate, whichever that is.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.abc
import json
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import distributions
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.corpus import BLOCK


class _Absent(importlib.abc.MetaPathFinder):
    """Make modules look as if they were not installed."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse what must be absent; leave the rest to others."""
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def pin(core: int) -> None:
    """Stay on one core, where the system has such a thing."""
    if core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def absent(names: str) -> None:
    """Let nobody import these modules, from now on."""
    if names:
        sys.meta_path.insert(0, _Absent(frozenset(names.split(","))))


@cache
def _blocks(path: str) -> list[list[bytes]]:
    with Path(path).open("rb") as file:
        return list(iter(lambda: [line.rstrip(b"\n") for line in islice(file, BLOCK)], []))


@cache
def _work(module: str, kind: str, protocol: str, dialect: str) -> tuple[Callable[..., Any], ...]:
    made: tuple[Callable[..., Any], ...] = importlib.import_module(module).work(
        kind, protocol, dialect
    )
    return made


def translate(
    module: str, log: str, kind: str, protocol: str, dialect: str, first: int, blocks: int
) -> dict[str, Any]:
    """Do the work of some blocks of a log, and say how long it took."""
    prepare, run = _work(module, kind, protocol, dialect)
    log_blocks = _blocks(log)
    cpu = wall = 0.0
    documents = size = 0
    for index in range(first, first + blocks):
        items = prepare(log_blocks[index % len(log_blocks)])
        gc.collect()
        # The corpus is no garbage, and no candidate's to look through.
        gc.freeze()
        cpu_start, wall_start = time.process_time(), time.perf_counter()
        made = run(items)
        wall += time.perf_counter() - wall_start
        cpu += time.process_time() - cpu_start
        gc.unfreeze()
        documents += len(made)
        size += sum(map(len, made)) if kind == "line" else 0
    return {
        "cpu": cpu,
        "wall": wall,
        "items": blocks * BLOCK,
        "documents": documents,
        "bytes": size,
    }


def translated(
    module: str, log: str, kind: str, protocol: str, dialect: str, number: int
) -> dict[str, int]:
    """Count how many of the first lines have a translation at all."""
    prepare, run = _work(module, kind, protocol, dialect)
    chosen = [line for block in _blocks(log) for line in block][:number]
    return {
        "lines": len(chosen),
        "translated": sum(bool(run(prepare([line]))) for line in chosen),
    }


def about() -> dict[str, Any]:
    """Say what this is: Python, and what is installed."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "packages": {each.metadata["Name"]: each.version for each in distributions()},
    }


def memory() -> dict[str, int]:
    """Give the largest resident set so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}


_OWN = {each.__name__: each for each in (translate, translated, about, memory)}


def main() -> None:
    """Answer until there are no more questions."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--core", type=int, default=-1)
    parser.add_argument("--without", default="")
    options = parser.parse_args()
    pin(options.core)
    absent(options.without)
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module = f"benchmarks.candidates.{options.module}"
    for line in sys.stdin:
        question = json.loads(line)
        call = question.pop("call")
        try:
            if call in ("translate", "translated"):
                question["module"] = module
            function = _OWN.get(call) or getattr(importlib.import_module(module), call)
            answer = {"result": function(**question)}
        except Exception:  # noqa: BLE001 - whoever asked will say it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
