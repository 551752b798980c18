"""What the raw figures come to: medians, ratios, percentiles."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.install import ROOT

Sections = dict[str, Any]

P50, P99 = 50, 99


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with its spread over the rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """Sum up the values of all rounds."""
        return cls(statistics.median(values), min(values), max(values), len(values))


def load(path: Path | None = None) -> Sections:
    """Read results: those of a full run, or of a quick one when there is no other."""
    folder = ROOT / "benchmarks" / "results"
    for candidate in [path] if path else [folder / "full.json", folder / "quick.json"]:
        if candidate.is_file():
            sections: Sections = json.loads(candidate.read_text(encoding="utf-8"))["sections"]
            return sections
    raise FileNotFoundError("no results yet; `make bench` makes them")


def result(sections: Sections, name: str) -> dict[str, Any]:
    """Give the raw figures of a section; empty when it has not been measured."""
    found: dict[str, Any] = sections.get(name, {}).get("result", {})
    return found


def microseconds(sections: Sections, case: str) -> Figure:
    """Give the processor time of one item of a case of `translation`."""
    rounds = result(sections, "translation")["cases"][case]["rounds"]
    return Figure.of([1e6 * each["cpu"] / each["items"] for each in rounds])


def ratio(sections: Sections, case: str, to: str) -> Figure:
    """Say how many times as fast as *to* a *case* is, worked out in each round."""
    cases = result(sections, "translation")["cases"]
    return Figure.of(
        [
            (other["cpu"] / other["items"]) / (one["cpu"] / one["items"])
            for one, other in zip(cases[case]["rounds"], cases[to]["rounds"], strict=True)
        ]
    )


def floor(case: str, dialect: str = "orjson") -> str:
    """Give the name of the floor beneath a case."""
    mix = case.split()[4] if case.startswith("ours") else case.rsplit(maxsplit=1)[-1]
    return f"floor line {dialect} {mix}"


def percentile(runs: Sequence[dict[str, Any]], percent: int) -> Figure:
    """Give a percentile of runs that have a list of them."""
    return Figure.of([run["percentiles"][percent] for run in runs])


def rates(runs: Sequence[dict[str, Any]], what: str = "documents") -> Figure:
    """Give how many a second."""
    return Figure.of([run[what] / run["seconds"] for run in runs])


def rate_ratio(sections: Sections, case: str, to: str) -> Figure:
    """Say how many times as fast as *to* a case of `delivery` is, in each round."""
    cases = result(sections, "delivery")["cases"]
    return Figure.of(
        [
            (one["documents"] / one["seconds"]) / (other["documents"] / other["seconds"])
            for one, other in zip(cases[case], cases[to], strict=True)
        ]
    )


def batch_runs(sections: Sections, workers: int, size: int | None = None) -> list[dict[str, Any]]:
    """Give the runs of the command with some workers, of one size or all."""
    return [
        run
        for run in result(sections, "batch")["runs"]
        if run["workers"] == workers and size in (None, run["size"])
    ]


def lines_read(run: dict[str, Any]) -> int:
    """Give the lines that a run of the command read."""
    return int(json.loads(run["summary"])["read"])


def repeated_size(sections: Sections) -> int:
    """Give the size of the log that was translated most often, the larger of several."""
    sizes = [run["size"] for run in result(sections, "batch")["runs"]]
    size: int = max(sizes, key=lambda size: (sizes.count(size), size))
    return size


def speedup(sections: Sections) -> Figure:
    """Say how many times as fast two workers are as one, on the same log."""
    size = repeated_size(sections)
    one = [run["seconds"] for run in batch_runs(sections, 1, size)]
    two = [run["seconds"] for run in batch_runs(sections, 2, size)]
    return Figure.of([first / second for first, second in zip(one, two, strict=True)])


def imports(sections: Sections, name: str) -> Figure:
    """Give the milliseconds that importing adds to a process that does nothing."""
    seconds = result(sections, "importing")["seconds"]
    nothing = statistics.median(seconds["nothing of erb" if name == "erb" else "nothing"])
    return Figure.of([1e3 * (each - nothing) for each in seconds[name]])


def curve(sections: Sections, name: str, also: str = "") -> list[tuple[int, Figure]]:
    """Give the points of a curve: x, and microseconds of an event; *also* names a further cost."""
    points: dict[int, list[float]] = {}
    for each in result(sections, "scaling")[name]:
        cpu = each["cpu"] + (each[also] if also else 0)
        points.setdefault(each["x"], []).append(1e6 * cpu / each["items"])
    return [(x, Figure.of(values)) for x, values in sorted(points.items())]


def growth(points: list[tuple[int, Figure]]) -> float:
    """Say how many times the first point of a curve its highest is."""
    return max(figure.median for _, figure in points) / points[0][1].median


def backlog_curve(sections: Sections, what: str) -> list[tuple[int, Figure]]:
    """Give the curve over the backlog: microseconds to put or to take an entry."""
    return [
        (each["backlog"], Figure.of([1e6 * each[what]]))
        for each in result(sections, "scaling")["backlog"]
    ]


def size_curve(sections: Sections, workers: int) -> list[tuple[int, Figure]]:
    """
    Give the curve over the size of the file: microseconds of a further line.

    Each point is what a larger file takes longer than the next smaller one, by line, so that the
    start of the command hides nothing.
    """
    points: list[tuple[int, Figure]] = []
    before: tuple[float, int] | None = None
    for size in sorted({run["size"] for run in batch_runs(sections, workers)}):
        runs = batch_runs(sections, workers, size)
        now = (statistics.median(run["seconds"] for run in runs), lines_read(runs[0]))
        if before is not None:
            cost = 1e6 * (now[0] - before[0]) / (now[1] - before[1])
            points.append((size, Figure.of([cost])))
        before = now
    return points
