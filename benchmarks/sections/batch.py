"""The command on files: time and memory, with one worker and with two."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.candidates.ours import SECRET
from benchmarks.install import ENVIRONMENTS
from benchmarks.setup import Setup
from benchmarks.world import LMS_ROOT

_SAMPLE = 0.05


def run(setup: Setup) -> dict[str, Any]:
    """Translate logs of growing size; the largest one often."""
    often = setup.size.logs[-1]
    found = []
    for size in setup.size.logs:
        setup.say(f"batch: making a log of {size:,} bytes")
        log = setup.big_log(size)
        for number in range(setup.size.repeats if size == often else 1):
            for workers in (1, 2) if number % 2 == 0 else (2, 1):
                setup.say(f"batch: {size:,} bytes, {workers} worker(s)")
                found.append(_translate(log, workers, "xapi") | {"size": Path(log).stat().st_size})
    middle = setup.big_log(setup.size.logs[max(0, len(setup.size.logs) - 2)])
    caliper = _translate(middle, 1, "caliper")
    return {"runs": found, "caliper": caliper | {"size": Path(middle).stat().st_size}}


def _translate(log: str, workers: int, protocol: str) -> dict[str, Any]:
    """Run the command, and watch the memory of all its processes."""
    with tempfile.TemporaryDirectory(dir=Path(log).parent) as folder:
        script = str(ENVIRONMENTS["eventkit"].folder / "bin" / "eventkit")
        command = [
            *(script, "translate", "--to", protocol),
            *("--lms-root", LMS_ROOT, "--identity-secret-env", "EVENTKIT_BENCH_SECRET"),
            *("--workers", str(workers), "--summary", "json"),
            *("--rejects", f"{folder}/rejects", "-o", f"{folder}/out", log),
        ]
        env = os.environ | {"EVENTKIT_BENCH_SECRET": SECRET}
        start = time.perf_counter()
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
            peak = most = 0
            while process.poll() is None:
                sizes = [_resident(pid) for pid in _family(process.pid)]
                peak, most = max(peak, sum(sizes)), max(most, *sizes, 0)
                time.sleep(_SAMPLE)
            wall = time.perf_counter() - start
            errors = process.stderr.read() if process.stderr else ""
        if process.returncode:
            raise RuntimeError(f"the command ended with {process.returncode}: {errors[-2000:]}")
        return {
            "workers": workers,
            "protocol": protocol,
            "seconds": wall,
            "peak": peak,
            "largest": most,
            "summary": errors.strip().splitlines()[-1],
            "output": Path(folder, "out").stat().st_size,
        }


def _family(pid: int) -> list[int]:
    """Give a process and those that it has started."""
    found = [pid]
    for parent in found:
        try:
            text = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += [int(child) for child in text.split()]
    return found


def _resident(pid: int) -> int:
    """Give the bytes that a process has in memory; pages that several share count for each."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
