"""The plots of the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.figures import Figure, Sections
from benchmarks.setup import MICRO

Curve = tuple[str, list[tuple[int, Figure]]]

_OURS, _PEER, _FLOOR = "#1b7a8c", "#c98b2b", "#9aa3a8"


def curves(sections: Sections) -> Iterator[Curve]:
    """Give the scaling curves that there are."""
    sources: dict[str, Callable[[], list[tuple[int, Figure]]]] = {
        "extra rows in the catalogue: translate": lambda: figures.curve(sections, "rows"),
        "consumers that do not match: translate and route": lambda: figures.curve(
            sections, "consumers", also="translation"
        ),
        "consumers that do not match: route alone": lambda: figures.curve(sections, "consumers"),
        "backlog in the store: put": lambda: figures.backlog_curve(sections, "put"),
        "backlog in the store: take": lambda: figures.backlog_curve(sections, "take"),
        "bytes of the log, 1 worker: a further line": lambda: figures.size_curve(sections, 1),
        "bytes of the log, 2 workers: a further line": lambda: figures.size_curve(sections, 2),
    }
    for name, source in sources.items():
        try:
            points = source()
        except KeyError:
            continue
        if points:
            yield name, points


def draw(sections: Sections, folder: Path) -> None:
    """Draw all plots for which there are results."""
    import matplotlib as mpl

    mpl.use("Agg")
    # The same results give the same files.
    mpl.rcParams.update({"svg.hashsalt": "eventkit", "font.size": 9, "axes.spines.top": False})
    mpl.rcParams.update({"axes.spines.right": False, "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for name, plot in (
        ("translation", _translation),
        ("latency", _latency),
        ("delivery", _delivery),
        ("scaling", _scaling),
    ):
        figure = plt.figure(figsize=(8, 8 if name == "scaling" else 3.4), layout="constrained")
        try:
            plot(figure, sections)
        except KeyError:
            figure.text(0.5, 0.5, "not measured", ha="center")
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


def _bars(axes: Any, labels: list[str], values: list[float], colours: list[str]) -> None:
    places = list(range(len(labels)))[::-1]
    axes.barh(places, values, color=colours)
    axes.set_yticks(places, labels)
    for place, value in zip(places, values, strict=True):
        axes.text(value, place, f" {value:,.0f}", va="center")
    axes.margins(x=0.18)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)


def _translation(figure: Any, sections: Sections) -> None:
    for axes, protocol in zip(figure.subplots(1, 2), ("xapi", "caliper"), strict=True):
        mix = "translated" if protocol == "xapi" else "translated_caliper"
        cases = {
            "orjson floor": f"floor line orjson {mix}",
            "eventkit, compiled": f"ours line {protocol} standard {mix} compiled",
            "eventkit": f"ours line {protocol} standard {mix}",
            "eventkit, stdlib": f"ours line {protocol} standard {mix} stdlib-only",
            "eventkit, erb": f"ours line {protocol} erb {mix}",
            "ERB": f"erb line {protocol} command {mix}",
        }
        values = [1e6 / figures.microseconds(sections, case).median for case in cases.values()]
        _bars(axes, list(cases), values, [_FLOOR, *[_OURS] * 4, _PEER])
        title = "xAPI" if protocol == "xapi" else "Caliper"
        axes.set_title(f"{title}: lines a second on one core")


def _latency(figure: Any, sections: Sections) -> None:
    axes = figure.subplots()
    for name, runs in figures.result(sections, "latency")["cases"].items():
        mode, rate, *wait = name.split()
        if wait:
            continue
        points = [figures.percentile(runs, percent).median for percent in range(101)]
        style = "-" if mode == "buffered" else "--"
        axes.plot(range(101), points, style, label=f"{mode}, {int(rate):,} events/s")
    axes.set_xlabel("percentile")
    axes.set_ylabel("ms from emit to arrival")
    axes.set_yscale("log")
    axes.legend(frameon=False, ncols=2)


def _delivery(figure: Any, sections: Sections) -> None:
    cases = figures.result(sections, "delivery")["cases"]
    for axes, batch in zip(figure.subplots(1, 2), ("1", "100"), strict=True):
        names = sorted(name for name in cases if name.rpartition(" ")[2] == batch)
        labels = [name.rpartition(" ")[0] for name in names]
        colours = [
            _PEER if label == "erb" else _FLOOR if label.startswith("session") else _OURS
            for label in labels
        ]
        _bars(axes, labels, [figures.rates(cases[name]).median for name in names], colours)
        axes.set_title(f"statements a second, batch {batch}")


def _scaling(figure: Any, sections: Sections) -> None:
    found = list(curves(sections))
    if not found:
        raise KeyError("scaling")
    grid = figure.subplots((len(found) + 1) // 2, 2, squeeze=False).flatten()
    for axes, (name, points) in zip(grid, found, strict=False):
        axes.plot([x for x, _ in points], [each.median for _, each in points], "o-", color=_OURS)
        if points[0][0]:
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=min(x for x, _ in points if x))
        axes.set_ylim(0, 1.3 * max(each.median for _, each in points))
        axes.set_title(name, fontsize=8)
        axes.set_ylabel(f"{MICRO} each")
    for axes in grid[len(found) :]:
        axes.set_visible(False)
