"""
Write the tables and plots of the documentation from results.

    python -m benchmarks.report [RESULTS]

It fills the parts of docs/performance.md and docs/capacity.md between ``<!-- results: NAME -->``
and ``<!-- end -->``, and draws docs/images/*.svg. What has not been measured is said to be so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import capacity, figures, plots, targets
from benchmarks.figures import P50, P99, Figure, Sections
from benchmarks.install import ROOT
from benchmarks.setup import MICRO
from benchmarks.targets import ERB_CALIPER, ERB_XAPI

PAGES = (ROOT / "docs" / "performance.md", ROOT / "docs" / "capacity.md")

_PART = re.compile(
    r"(?P<head><!-- results: (?P<name>[\w-]+) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL
)

_LABELS = {
    "ours line xapi standard translated": "eventkit",
    "ours line xapi standard translated stdlib-only": "eventkit, stdlib json only",
    "ours line xapi erb translated": "eventkit, dialect `erb`",
    "ours line xapi erb translated stdlib-only": "eventkit, dialect `erb`, stdlib json only",
    "erb line xapi command translated": "ERB, as its command does it",
    "erb line xapi bare translated": "ERB, transformer only",
    "ours line xapi standard ralph": "eventkit",
    "ours line xapi erb ralph": "eventkit, dialect `erb`",
    "erb line xapi command ralph": "ERB, as its command does it",
    "ralph line xapi ralph": "Ralph",
    "ours event xapi standard translated": "eventkit",
    "ours event xapi erb translated": "eventkit, dialect `erb`",
    "erb event xapi bare translated": "ERB, transformer only",
    "ours line xapi standard mixed": "eventkit",
    "erb line xapi command mixed": "ERB, as its command does it",
}
"""What tables call the cases; Caliper's are derived."""


_COMPARED = (
    "openedx-eventkit",
    "edx-event-routing-backends",
    "ralph-malph",
    "msgspec",
    "orjson",
    "uuid_utils",
    "requests",
)


def label(case: str) -> str:
    """Give the words for a case."""
    if case.startswith("floor"):
        return f"floor: {case.split()[2]} reads and writes the line"
    plain = case.replace(" caliper ", " xapi ").replace("translated_caliper", "translated")
    if plain.endswith(" compiled"):
        return f"{_LABELS[plain.removesuffix(' compiled')]}, compiled"
    return _LABELS[plain]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(figure: Figure, digits: int = 1) -> str:
    """Write a median and what the rounds lay between."""
    return f"{figure.median:,.{digits}f} ({figure.low:,.{digits}f} to {figure.high:,.{digits}f})"


def ratios(sections: Sections) -> str:
    """Write every target with what was measured."""
    rows = []
    for verdict in targets.judge(sections):
        target = verdict.target
        value = verdict.value
        shown = "not measured" if value is None else targets.show(value, target.unit)
        rows.append([target.text, shown, target.demand, "yes" if verdict.is_met else "no"])
    return table(["what", "measured", "wanted", "met"], rows)


def _translation(cases: Sequence[str], peer: str) -> Callable[[Sections], str]:
    def write(sections: Sections) -> str:
        rows = []
        for case in cases:
            cost = figures.microseconds(sections, case)
            kind = "floor line orjson" if " line " in case else ""
            to_floor = (
                f"{100 * figures.ratio(sections, case, figures.floor(case)).median:.0f} %"
                if kind
                else ""
            )
            times = figures.ratio(sections, case, peer)
            rows.append(
                [
                    label(case),
                    spread(cost),
                    f"{1e6 / cost.median:,.0f}",
                    f"{times.median:.1f}x" if case != peer else "1",
                    to_floor,
                ]
            )
        head = [
            "",
            f"{MICRO} of one core, median (spread)",
            "a second",
            "times the peer",
            "of the floor",
        ]
        return table(head, rows)

    return write


def _of(protocol: str, kind: str) -> list[str]:
    """List the cases of a table."""
    mix = "translated" if protocol == "xapi" else "translated_caliper"
    if kind == "event":
        ours = [
            f"ours event {protocol} {dialect} {mix}{way}"
            for dialect in ("standard", "erb")
            for way in (" compiled", "")
        ]
        return [*ours, f"erb event {protocol} bare {mix}"]
    ours = [
        f"ours line {protocol} {dialect} {mix}{way}"
        for dialect in ("standard", "erb")
        for way in (" compiled", "", " stdlib-only")
    ]
    peers = [f"erb line {protocol} {way} {mix}" for way in ("command", "bare")]
    floors = [f"floor line {json} {mix}" for json in ("orjson", "stdlib")]
    return [*ours, *peers, *floors]


def _mixed(sections: Sections) -> str:
    ours = [f"ours line xapi standard mixed{way}" for way in (" compiled", "")]
    peer = "erb line xapi command mixed"
    floors = ["floor line orjson mixed", "floor line stdlib mixed"]
    return _translation([*ours, peer, *floors], peer)(sections)


def _ralph(sections: Sections) -> str:
    cases = [
        f"ours line xapi {what}"
        for what in ("standard ralph compiled", "standard ralph", "erb ralph")
    ]
    cases += ["erb line xapi command ralph", "ralph line xapi ralph", "floor line orjson ralph"]
    return _translation(cases, "ralph line xapi ralph")(sections)


def batch(sections: Sections) -> str:
    """Write the runs of the command."""
    rows = []
    for workers in (1, 2):
        for size in sorted({run["size"] for run in figures.batch_runs(sections, workers)}):
            runs = figures.batch_runs(sections, workers, size)
            lines = figures.lines_read(runs[0])
            seconds = Figure.of([run["seconds"] for run in runs])
            rows.append(
                [
                    f"{size / 1e6:,.0f} MB, {lines:,} lines",
                    str(workers),
                    spread(seconds),
                    f"{lines / seconds.median:,.0f}",
                    f"{max(run['peak'] for run in runs) / 1e6:,.0f} MB",
                ]
            )
    return table(["log", "workers", "seconds", "lines a second", "peak memory in all"], rows)


def request(sections: Sections) -> str:
    """Write what `RealTimeBackend.send` costs."""
    rows = []
    for name, runs in figures.result(sections, "request")["cases"].items():
        cells = [
            f"{figures.percentile(runs, percent).median / 1e3:,.1f}" for percent in (P50, 90, P99)
        ]
        rows.append([name, *cells])
    return table(["", *(f"{each}, {MICRO}" for each in ("median", "p90", "p99"))], sorted(rows))


def latency(sections: Sections) -> str:
    """Write the time from emit to arrival."""
    rows = []
    for name, runs in figures.result(sections, "latency")["cases"].items():
        mode, rate, *wait = name.split()
        what = f"{mode}, {int(rate):,} events/s" + "".join(f", `max_wait: {each}`" for each in wait)
        cells = [f"{figures.percentile(runs, percent).median:,.1f}" for percent in (P50, P99, 100)]
        full = sum(run["events"] for run in runs) / sum(run["requests"] for run in runs)
        missing = sum(run["missing"] for run in runs)
        rows.append([what, *cells, f"{full:,.1f}", str(missing)])
    head = ["median, ms", "p99, ms", "largest, ms", "documents a request", "never arrived"]
    return table(["", *head], sorted(rows))


def delivery(sections: Sections) -> str:
    """Write statements a second."""
    rows = []
    cases = figures.result(sections, "delivery")["cases"]
    for name, runs in sorted(cases.items(), key=lambda each: each[0].rsplit(" ", 1)[::-1]):
        who, _, batch_size = name.rpartition(" ")
        share = figures.rate_ratio(sections, name, f"session {batch_size}").median
        rate = figures.rates(runs)
        rows.append([f"{who}, batch {batch_size}", spread(rate, 0), f"{100 * share:.0f} %"])
    return table(["", "statements a second", "of the bare session"], rows)


def storing(sections: Sections) -> str:
    """Write how fast events are accepted."""
    rows = [
        [name, spread(figures.rates(runs, "events"), 0)]
        for name, runs in figures.result(sections, "storing")["cases"].items()
    ]
    return table(["durable", "events accepted a second"], rows)


def importing(sections: Sections) -> str:
    """Write what imports cost."""
    rows = [[name, spread(figures.imports(sections, name), 0)] for name in ("eventkit", "erb")]
    return table(["import of", "milliseconds"], rows)


def scaling(sections: Sections) -> str:
    """Write the curves as numbers."""
    rows = []
    for name, points in plots.curves(sections):
        cells = ", ".join(f"{x:,}: {figure.median:,.1f}" for x, figure in points)
        rows.append([name, cells, f"{figures.growth(points):.2f}x"])
    return table([f"{MICRO} of an event over", "points", "highest against first"], rows)


def about(sections: Sections) -> str:
    """Say where, when and with what it was measured."""
    lines = []
    for name, section in sections.items():
        machine, versions = section["machine"], section["versions"]
        packages = [
            f"{package} {version}"
            for each in ("eventkit", "erb", "ralph")
            for package, version in versions[each]["packages"].items()
            if package in _COMPARED
        ]
        line = (
            f"{machine['cores']} cores ({machine['processor']}), "
            f"{machine['memory'] / 1e9:.0f} GB, {machine['system']}, "
            f"Python {versions['eventkit']['python']}; {', '.join(dict.fromkeys(packages))}"
        )
        lines.append((f"{section['date'][:10]}, size {section['size']}", line, name))
    kinds = dict.fromkeys((when, line) for when, line, _ in lines)
    return "\n".join(
        f"- {', '.join(name for at, what, name in lines if (at, what) == kind)}: "
        f"{kind[0]}, {kind[1]}."
        for kind in kinds
    )


PARTS: dict[str, Callable[[Sections], str]] = {
    "about": about,
    "targets": ratios,
    "xapi-lines": _translation(_of("xapi", "line"), ERB_XAPI),
    "caliper-lines": _translation(_of("caliper", "line"), ERB_CALIPER),
    "xapi-events": _translation(_of("xapi", "event"), "erb event xapi bare translated"),
    "caliper-events": _translation(
        _of("caliper", "event"), "erb event caliper bare translated_caliper"
    ),
    "mixed": _mixed,
    "ralph": _ralph,
    "batch": batch,
    "request": request,
    "latency": latency,
    "delivery": delivery,
    "storing": storing,
    "importing": importing,
    "scaling": scaling,
    **{f"capacity-{name}": write for name, write in capacity.PARTS.items()},
}


def fill(text: str, sections: Sections) -> str:
    """Put the results where a page wants them."""

    def part(match: re.Match[str]) -> str:
        try:
            written = PARTS[match["name"]](sections)
        except (KeyError, IndexError, ZeroDivisionError, ValueError) as error:
            if match["name"] not in PARTS:
                raise
            print(f"{match['name']}: not measured ({error!r})", file=sys.stderr)
            written = "Not measured."
        return f"{match['head']}\n{written}\n\n{match['tail']}"

    return _PART.sub(part, text)


def main() -> None:
    """Fill the pages and draw the plots."""
    sections = figures.load(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    for page in PAGES:
        page.write_text(fill(page.read_text(encoding="utf-8"), sections), encoding="utf-8")
    plots.draw(sections, ROOT / "docs" / "images")


if __name__ == "__main__":
    main()
