"""
Tell whether translating has come to cost more: instructions, not seconds, so any machine will do.

    python benchmarks/guard.py              compare with instructions.json; 1 when it grew over 10 %
    python benchmarks/guard.py --update     write down what it costs now, for this Python

A fixed workload is counted, and beside it a reference that eventkit has no part in; what is
compared is the ratio of the two, which says the same for other builds of the same Python. The
counts come from valgrind, where it is installed, and else from Python itself, bytecode by bytecode.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks import corpus  # noqa: E402 - the project need not be installed
from benchmarks.worker import absent  # noqa: E402 - as above

REFERENCE = ROOT / "benchmarks" / "instructions.json"
LIMIT = 1.10
"""Times the committed ratio at which it fails."""

LINES = 100
"""Lines that are translated by each translator."""

# The extras must not count: the same code runs everywhere without them.
_EXTRAS = "orjson,jsonschema_rs,msgspec,uuid_utils"
_PASSES = 2
_TRANSLATORS = (
    ("xapi", "standard", "translated"),
    ("xapi", "erb", "translated"),
    ("caliper", "standard", "translated_caliper"),
    ("caliper", "erb", "translated_caliper"),
)
_COUNT = re.compile(r"^==(\d+)== I\s+refs:\s+([\d,]+)", re.MULTILINE).findall


def load(folder: Path, scale: float) -> tuple[Callable[[], int], Callable[[], int]]:
    """Make ready what is counted: the translation, and the reference."""
    from benchmarks.candidates.ours import work

    jobs = []
    for protocol, dialect, mix in _TRANSLATORS:
        lines = (folder / mix).read_bytes().splitlines()[: round(LINES * scale)]
        jobs.append((work("line", protocol, dialect)[1], lines))
    plain = (folder / "translated").read_bytes().splitlines()[:LINES]

    def translation() -> int:
        return sum(len(run(lines)) for run, lines in jobs)

    def reference() -> int:
        done = 0
        for line in plain:
            parsed = json.loads(line)
            done += len(json.dumps(parsed))
            # And something that the interpreter does, in proportion.
            counts: dict[str, int] = {}
            for word in str(parsed["context"]["path"]).split("/") * 8:
                counts[word] = counts.get(word, 0) + 1
            done += sum(counts[word] for word in sorted(counts))
        return done

    return translation, reference


def write_lines(folder: Path) -> None:
    """Write the lines to translate; more than are used, so that the work can be made more."""
    for mix in {mix for _, _, mix in _TRANSLATORS}:
        (folder / mix).write_bytes(b"".join(corpus.take(mix, 2 * LINES)))


def with_valgrind(folder: Path, scale: float) -> tuple[int, int]:
    """Count machine instructions: those of a process that does the work, less one that does not."""
    done = subprocess.run(
        [
            *("valgrind", "--tool=cachegrind", "--cache-sim=no"),
            "--cachegrind-out-file=/dev/null",
            *(sys.executable, __file__, "--do", "forks", "--lines", folder, f"--scale={scale}"),
        ],
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    counts = {int(number): int(found.replace(",", "")) for number, found in _COUNT(done.stderr)}
    if done.returncode or not counts:
        raise RuntimeError(f"valgrind ended with {done.returncode}: {done.stderr[-2000:]}")
    nothing, translation, reference = (counts[number] for number in json.loads(done.stdout))
    return translation - nothing, reference - nothing


def with_opcodes(folder: Path, scale: float) -> tuple[int, int]:
    """Count bytecodes that the interpreter executes; what C does in one counts as one."""
    done = subprocess.run(
        [sys.executable, __file__, "--do", "opcodes", "--lines", folder, f"--scale={scale}"],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    translation, reference = json.loads(done.stdout)
    return translation, reference


def _opcodes(work: Callable[[], int]) -> int:
    """Count the bytecodes that *work* executes, in its own functions and in all that it calls."""
    counted = 0
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        event = monitoring.events.INSTRUCTION

        def count_one(_code: object, _offset: int) -> None:
            nonlocal counted
            counted += 1

        monitoring.use_tool_id(monitoring.PROFILER_ID, "guard")
        monitoring.register_callback(monitoring.PROFILER_ID, event, count_one)
        monitoring.set_events(monitoring.PROFILER_ID, event)
        try:
            work()
        finally:
            monitoring.set_events(monitoring.PROFILER_ID, 0)
            monitoring.free_tool_id(monitoring.PROFILER_ID)
    else:

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal counted
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            counted += event == "opcode"
            return trace

        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(None)
    return counted


METHODS: dict[str, Callable[[Path, float], tuple[int, int]]] = {
    "valgrind": with_valgrind,
    "opcodes": with_opcodes,
}


def count(method: str, scale: float = 1.0) -> dict[str, Any]:
    """Count the workload and the reference."""
    with tempfile.TemporaryDirectory() as folder:
        write_lines(Path(folder))
        translation, reference = METHODS[method](Path(folder), scale)
    ratio = round(translation / reference, 4)
    return {"translation": translation, "reference": reference, "ratio": ratio}


def verdict(method: str, now: dict[str, Any], known: dict[str, Any] | None) -> tuple[bool, str]:
    """Say whether it is all right, and why (not)."""
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    update = "python benchmarks/guard.py --update"
    if known is None:
        return True, f"nothing is written down for {version} and {method}; {update} does it"
    growth = now["ratio"] / known["ratio"]
    figures = (
        f"translation {now['translation']:,} instructions, {now['ratio']} times the reference; "
        f"written down: {known['translation']:,}, {known['ratio']} times ({version}, {method})"
    )
    if growth > LIMIT:
        return False, (
            f"translating costs {growth - 1:.1%} more than is written down, "
            f"more than the {LIMIT - 1:.0%} that are let pass: "
            f"{figures}. Make it cheaper, or, if it is worth it: {update}"
        )
    if growth < 1 / LIMIT:
        return True, f"translating costs {1 - growth:.1%} less: {figures}. Keep it: {update}"
    return True, f"translating costs what it should ({growth - 1:+.1%}): {figures}"


def _do(what: str, folder: Path, scale: float) -> None:
    """Do the work that another process counts."""
    absent(_EXTRAS)
    translation, reference = load(folder, scale)
    if what == "opcodes":
        # Nothing is imported while opcodes are counted.
        translation()
        print(json.dumps([_opcodes(translation), _opcodes(reference)]))
        return
    # What is made ready is counted in each alike, and made ready once.
    print(json.dumps([_forked(work) for work in (_nothing, translation, reference)]))


def _nothing() -> int:
    return 0


def _forked(work: Callable[[], int]) -> int:
    """Do *work* in a process of its own, and give the number of that."""
    process = os.fork()
    if not process:
        status = 1
        try:
            for _ in range(_PASSES):
                work()
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(process, 0)[1]:
        raise RuntimeError("what was to be counted failed")
    return process


def _read(path: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return known


def main() -> int:
    """Compare, or update."""
    parser = argparse.ArgumentParser(description="Guard the cost of translating.")
    parser.add_argument("--update", action="store_true", help="write down what it costs now")
    parser.add_argument("--method", choices=sorted(METHODS), help="default: valgrind if installed")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help="what is written down")
    parser.add_argument("--scale", type=float, default=1.0, help="times the work to be done")
    parser.add_argument("--do", help=argparse.SUPPRESS)
    parser.add_argument("--lines", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do:
        _do(options.do, options.lines, options.scale)
        return 0
    method = options.method or ("valgrind" if shutil.which("valgrind") else "opcodes")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    known = _read(options.reference)
    if options.update:
        methods = [method] if options.method or method == "opcodes" else sorted(METHODS)
        known.setdefault(version, {}).update({each: count(each) for each in methods})
        text = json.dumps(known, indent=2, sort_keys=True)
        options.reference.write_text(text + "\n", encoding="utf-8")
        print(f"written down for Python {version}: {known[version]}")
        return 0
    now = count(method, options.scale)
    fine, text = verdict(method, now, known.get(version, {}).get(method))
    print(text, file=sys.stdout if fine else sys.stderr)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
