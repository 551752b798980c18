"""
Say whether it is fast enough.

    python -m benchmarks.targets [--show] [RESULTS]

Prints each target with what was measured; exits with 1 when one is missed or was not measured.
With ``--show`` it only tells: a quick run is too short to judge by.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import figures
from benchmarks.figures import P50, P99, Sections
from benchmarks.setup import MICRO

XAPI = "ours line xapi standard translated"
CALIPER = "ours line caliper standard translated_caliper"
ERB_XAPI = "erb line xapi command translated"
ERB_CALIPER = "erb line caliper command translated_caliper"
MB = 10**6


@dataclass(frozen=True, slots=True)
class Target:
    """One promise about speed."""

    text: str
    measure: Callable[[Sections], float]
    bound: float
    at_least: bool = True
    unit: str = ""

    def is_met(self, value: float) -> bool:
        """Tell whether *value* is good enough."""
        return value >= self.bound if self.at_least else value <= self.bound

    @property
    def demand(self) -> str:
        """What is asked for."""
        return f"{'at least' if self.at_least else 'at most'} {show(self.bound, self.unit)}"


def show(value: float, unit: str) -> str:
    """Write a value with its unit, as exactly as it deserves."""
    if unit == "%":
        return f"{100 * value:.0f} %"
    if unit == "x":
        return f"{value:.1f}x" if value < 20 else f"{value:.0f}x"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()


def _request(case: str, percent: int) -> Callable[[Sections], float]:
    def measure(sections: Sections) -> float:
        runs = figures.result(sections, "request")["cases"][case]
        return figures.percentile(runs, percent).median / 1e3

    return measure


def _latency(case: str) -> Callable[[Sections], float]:
    def measure(sections: Sections) -> float:
        runs = figures.result(sections, "latency")["cases"][case]
        if any(run["missing"] for run in runs):
            raise ValueError("some events did not arrive")
        return figures.percentile(runs, P99).median

    return measure


def _at_once(rate: int) -> Callable[[Sections], float]:
    def measure(sections: Sections) -> float:
        return _latency(f"durable {rate}")(sections) / _latency(f"durable {rate} 0.001")(sections)

    return measure


def _hanging(sections: Sections) -> float:
    cases = figures.result(sections, "request")["cases"]
    hanging, fine = (
        cases[f"500 a second, behind it a consumer{more}"] for more in (", and one that hangs", "")
    )
    # The best runs: half of them get the core with the warm caches, and by chance.
    return figures.percentile(hanging, P50).low / figures.percentile(fine, P50).low


def _refused(sections: Sections) -> float:
    return _request("refused", P50)(sections) / _request("accepted", P50)(sections)


def _peak(workers: int) -> Callable[[Sections], float]:
    def measure(sections: Sections) -> float:
        runs = figures.batch_runs(sections, workers)
        largest = max(run["size"] for run in runs)
        return float(max(run["peak"] for run in runs if run["size"] == largest)) / MB

    return measure


def _accepted(sections: Sections) -> float:
    runs = figures.result(sections, "storing")["cases"]["chunks of 500"]
    return figures.rates(runs, "events").median


def _of_floor(case: str) -> Callable[[Sections], float]:
    return lambda sections: figures.ratio(sections, case, figures.floor(case)).median


def _times(case: str, peer: str) -> Callable[[Sections], float]:
    return lambda sections: figures.ratio(sections, case, peer).median


def _backlog(what: str) -> Callable[[Sections], float]:
    return lambda sections: figures.growth(figures.backlog_curve(sections, what))


def _over(name: str) -> Callable[[Sections], float]:
    return lambda sections: figures.growth(figures.curve(sections, name))


TARGETS = (
    Target(
        "xAPI, line to line, compiled, against ERB",
        _times(f"{XAPI} compiled", ERB_XAPI),
        40,
        unit="x",
    ),
    Target(
        "plain Python with stdlib json only, against ERB",
        _times(f"{XAPI} stdlib-only", ERB_XAPI),
        15,
        unit="x",
    ),
    Target("xAPI, compiled, of the orjson floor", _of_floor(f"{XAPI} compiled"), 0.25, unit="%"),
    Target(
        "Caliper, line to line, compiled, against ERB",
        _times(f"{CALIPER} compiled", ERB_CALIPER),
        10,
        unit="x",
    ),
    Target(
        "Caliper, compiled, of the orjson floor", _of_floor(f"{CALIPER} compiled"), 0.25, unit="%"
    ),
    Target("2 workers against 1", lambda s: figures.speedup(s).median, 1.8, unit="x"),
    Target("peak memory over the largest log, 1 worker", _peak(1), 200, at_least=False, unit="MB"),
    Target("the same, 2 workers in all", _peak(2), 200, at_least=False, unit="MB"),
    Target("send in a request, median", _request("accepted", P50), 20, at_least=False, unit=MICRO),
    Target("send in a request, p99", _request("accepted", P99), 100, at_least=False, unit=MICRO),
    Target("a refused event, of an accepted one", _refused, 1, at_least=False, unit="%"),
    Target("median with one more consumer, which hangs", _hanging, 1.25, at_least=False, unit="x"),
    *(
        Target(
            f"emit to arrival at 1,000 events/s, {mode}, p99",
            _latency(f"{mode} 1000"),
            250,
            at_least=False,
            unit="ms",
        )
        for mode in ("buffered", "durable")
    ),
    *(
        Target(
            f"the same at {rate:,} events/s, durable, against a wait of 1 ms",
            _at_once(rate),
            2,
            at_least=False,
            unit="x",
        )
        for rate in (100, 1000, 5000)
    ),
    Target(
        "delivery in batches of 100, of a bare session",
        lambda s: figures.rate_ratio(s, "eventkit buffered 100", "session 100").median,
        0.8,
        unit="%",
    ),
    Target("durable: events accepted a second", _accepted, 10_000, unit="events/s"),
    Target("cost with 2,000 more rows", _over("rows"), 1.25, at_least=False, unit="x"),
    Target(
        "translate and route, 999 consumers that do not match",
        lambda s: figures.growth(figures.curve(s, "consumers", also="translation")),
        3,
        at_least=False,
        unit="x",
    ),
    Target("putting on a long backlog", _backlog("put"), 2, at_least=False, unit="x"),
    Target("taking from a long backlog", _backlog("take"), 2, at_least=False, unit="x"),
    Target(
        "cost of a further line, up to the largest file",
        lambda s: figures.growth(figures.size_curve(s, 1)),
        1.25,
        at_least=False,
        unit="x",
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, and what came of it."""

    target: Target
    value: float | None
    is_met: bool


def judge(sections: Sections) -> list[Verdict]:
    """Hold the results against every target."""
    found = []
    for target in TARGETS:
        try:
            value = target.measure(sections)
        except (KeyError, ValueError, IndexError, ZeroDivisionError):
            found.append(Verdict(target, None, is_met=False))
        else:
            found.append(Verdict(target, value, target.is_met(value)))
    return found


def main() -> int:
    """Print the verdicts."""
    parser = argparse.ArgumentParser(description="Say whether it is fast enough.")
    parser.add_argument("--show", action="store_true", help="exit with 0 in any case")
    parser.add_argument("results", type=Path, nargs="?", help="default: of the latest full run")
    options = parser.parse_args()
    verdicts = judge(figures.load(options.results))
    width = max(len(each.target.text) for each in verdicts)
    for each in verdicts:
        word = "met   " if each.is_met else "MISSED" if each.value is not None else "?     "
        value = "not measured" if each.value is None else show(each.value, each.target.unit)
        print(f"{word}  {each.target.text:{width}}  {value:>16}  ({each.target.demand})")
    return 0 if options.show or all(each.is_met for each in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
