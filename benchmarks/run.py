"""
Measure everything, and write it down as JSON.

    python -m benchmarks.run [--size full|quick|tiny] [--only SECTION ...] [--output FILE]

Nothing is worked out here but the raw figures, round by round; `benchmarks.report` makes tables and
plots of them, `benchmarks.targets` says whether they are good enough.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.candidate import Candidate, CandidateFailed
from benchmarks.install import ENVIRONMENTS, ROOT
from benchmarks.install import main as install
from benchmarks.sections import batch, importing, running, scaling, translation
from benchmarks.setup import SIZES, Setup, cores

SECTIONS: dict[str, Callable[[Setup], dict[str, Any]]] = {
    "translation": translation.run,
    "importing": importing.run,
    "request": running.request,
    "latency": running.latency,
    "delivery": running.delivery,
    "storing": running.storing,
    "scaling": scaling.run,
    "batch": batch.run,
}

RESULTS = ROOT / "benchmarks" / "results"

_PACKAGES = (
    "Django",
    "edx-event-routing-backends",
    "event-tracking",
    "jsonschema-rs",
    "msgspec",
    "openedx-eventkit",
    "orjson",
    "pydantic",
    "ralph-malph",
    "requests",
    "tincan",
    "uuid_utils",
)


def machine() -> dict[str, Any]:
    """Say what this runs on, without naming it."""
    model = ""
    cpus = Path("/proc/cpuinfo")
    if cpus.is_file():
        for line in cpus.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "memory": pages,
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load": os.getloadavg()[0],
    }


def versions() -> dict[str, Any]:
    """Say what is compared: Python and packages of each environment."""
    found = {}
    for name, module in (
        ("eventkit", "ours"),
        ("compiled", "ours"),
        ("erb", "erb"),
        ("ralph", "ralph"),
    ):
        with Candidate(module, name) as candidate:
            about = candidate.ask("about")
        about["packages"] = {
            package: version
            for package, version in sorted(about["packages"].items())
            if package in _PACKAGES
        }
        found[name] = about
    return found


def main() -> int:
    """Measure; give 1 when a section could not be."""
    parser = argparse.ArgumentParser(description="Measure everything, side by side.")
    parser.add_argument("--size", choices=sorted(SIZES), default="full")
    parser.add_argument("--only", nargs="+", choices=sorted(SECTIONS), default=sorted(SECTIONS))
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/SIZE.json")
    options = parser.parse_args()
    output = options.output or RESULTS / f"{options.size}.json"
    install([])
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    core, other = cores()
    setup = Setup(SIZES[options.size], folder, core, other)
    # What was measured before and is not now stays, with its own date and machine.
    known = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    sections: dict[str, Any] = known.get("sections", {})
    about = {"machine": machine(), "versions": versions(), "size": options.size}
    failed = []
    for name, run in SECTIONS.items():
        if name not in options.only:
            continue
        start = time.perf_counter()
        try:
            result = run(setup)
        except (CandidateFailed, RuntimeError, AssertionError, OSError) as error:
            setup.say(f"{name} could not be measured: {error}")
            failed.append(name)
            continue
        sections[name] = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - start, 1),
            **about,
            "cores": {"measured": core, "other": other},
            "result": result,
        }
        setup.say(f"{name}: {sections[name]['seconds']} s")
        written = json.dumps({"sections": sections}, separators=(",", ":"))
        output.write_text(written + "\n", encoding="utf-8")
    missing = [name for name in ENVIRONMENTS if not ENVIRONMENTS[name].is_complete()]
    if failed or missing:
        print(f"not measured: {', '.join(failed + missing)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
