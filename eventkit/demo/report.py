"""Telling what the demo saw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from eventkit.demo.cast import BIOLOGY, PROGRAMMING
from eventkit.demo.checks import MAX_WAIT, PROTOCOLS, Run
from eventkit.typing import Json

_PLAYED = ("played", "MediaEvent Resumed")
_SHOWN = 3

_RIGHTS = {
    "adaptive-engine": f"videos and problems of {BIOLOGY.title}, everything of its coached run and "
    f"of {PROGRAMMING.org}, but nothing of a learner who opted out",
    "enterprise-lrs": "enrolments, grades, exams and completion, of all courses",
    "university": f"everything of the courses of {BIOLOGY.org}, but for forums and exams",
}
_SPOKEN = {"xapi": "xAPI", "caliper": "Caliper"}


def show(run: Run, checks: Sequence[tuple[str, Sequence[str]]], out: TextIO) -> bool:
    """Print the whole report; tell whether all checks hold."""
    _title("Who may see what", out)
    for name, rights in _RIGHTS.items():
        print(f"  {name} ({_SPOKEN[PROTOCOLS[name]]}): {rights}", file=out)
    _show_flow(run, out)
    _show_arrivals(run, out)
    _show_latency(run, out)
    _show_example("One statement of xAPI in full", run.of("xapi"), out)
    _show_example("One event of Caliper in full", run.of("caliper"), out)
    _title("Checks", out)
    for text, wrong in checks:
        print(f"  {'FAILED' if wrong else 'ok':<6}  {text}", file=out)
        for detail in wrong[:_SHOWN]:
            print(f"          {detail}", file=out)
        if len(wrong) > _SHOWN:
            print(f"          and {len(wrong) - _SHOWN} more", file=out)
    return not any(wrong for _, wrong in checks)


def _title(text: str, out: TextIO) -> None:
    print(f"\n{text}", file=out)


def _row(name: str, number: int, out: TextIO, note: str = "", *, depth: int = 0) -> None:
    indent = "    " * depth
    print(f"  {indent + name:<34}{number:>6,}   {note}".rstrip(), file=out)


def _show_flow(run: Run, out: TextIO) -> None:
    """Print what became of every line of the log; each group adds up to the row above it."""
    _title("From the log to the router", out)
    _row("lines of the log", run.lines, out)
    _row("not readable", run.unreadable.total(), out, _listed(run.unreadable), depth=1)
    _row("emitted", len(run.emitted), out, f"in {run.seconds:.1f} s", depth=1)
    filtered = run.real_time.get("filtered", 0)
    _row("filtered", filtered, out, "no consumer may have them: never translated", depth=2)
    for name, number in sorted(run.real_time.items()):
        if name.startswith("dropped:"):
            _row(name, number, out, depth=2)
    _row("handed to the worker", run.real_time.get("enqueued", 0), out, depth=2)
    translated = 0
    for protocol in run.translators:
        fates = run.fates(protocol)
        translated += fates["translated"]
        _row(f"to {_SPOKEN[protocol]}", fates.total(), out, depth=3)
        for kind, note in (("skipped", "by design"), ("rejected", "what they hold is not enough")):
            reasons = _reasons(fates, f"{kind}:")
            _row(kind, reasons.total(), out, f"{_listed(reasons)} ({note})", depth=4)
        _row("translated", fates["translated"], out, depth=4)
    _row("translations", translated, out, "both protocols together")
    _row("wanted by nobody", run.router.get("unwanted", 0), out, depth=1)
    _row("routed", run.router.get("routed", 0), out, depth=1)


def _show_arrivals(run: Run, out: TextIO) -> None:
    """Print what each consumer got."""
    _title("What arrived where", out)
    columns = ("events", "documents", "delivered", "dead", "pending", "stored", "requests")
    print(f"  {'':<18}" + "".join(f"{column:>12}" for column in columns), file=out)
    for name, documents in run.stored.items():
        counts = run.consumers[name]
        numbers = [run.events[name], len(run.expected[name])]
        numbers += [counts.get(key, 0) for key in ("delivered", "dead", "pending")]
        numbers += [len(documents), counts.get("requests", 0)]
        print(f"  {name:<18}" + "".join(f"{number:>12,}" for number in numbers), file=out)
    for name, documents in run.stored.items():
        print(f"  {name}: {_listed(Counter(map(_meaning, documents)))}", file=out)


def _show_latency(run: Run, out: TextIO) -> None:
    _title("From emit to stored", out)
    latencies = run.latencies()
    if not latencies:
        print("  nothing arrived", file=out)
        return
    for name, share in (("median", 0.5), ("p99", 0.99), ("slowest", 1.0)):
        index = min(len(latencies) - 1, int(share * len(latencies)))
        print(f"  {name:<8}{1000 * latencies[index]:>8.1f} ms", file=out)
    waits = f"each waits up to {1000 * MAX_WAIT:.0f} ms for others to share a request with"
    print(f"  of {len(latencies):,} documents; {waits}", file=out)


def _show_example(title: str, documents: Iterable[Json], out: TextIO) -> None:
    """Print one document as it was stored, rather one of a video."""
    found = list(documents)
    chosen = [each for each in found if _meaning(each) in _PLAYED] or found
    if chosen:
        _title(title, out)
        text = json.dumps(chosen[-1], indent=2, ensure_ascii=False)
        print("  " + text.replace("\n", "\n  "), file=out)


def _meaning(document: Json) -> str:
    """Say what was done, in a word or two."""
    if "verb" in document:
        return str(document["verb"]["display"]["en"])
    return f"{document['type']} {document['action']}"


def _reasons(counts: Mapping[str, int], prefix: str) -> Counter[str]:
    return Counter(
        {key.removeprefix(prefix): n for key, n in counts.items() if key.startswith(prefix)}
    )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.most_common())
