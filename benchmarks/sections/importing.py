"""What starting costs: a process that imports, and one that does not."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from benchmarks.install import ENVIRONMENTS, ROOT
from benchmarks.setup import Setup, shuffled

_PROGRAMS = {
    "nothing": ("eventkit", "pass"),
    "eventkit": ("eventkit", "import eventkit"),
    "nothing of erb": ("erb", "pass"),
    "erb": ("erb", "from benchmarks.candidates import erb; erb.ready()"),
}


def run(setup: Setup) -> dict[str, Any]:
    """Start each program as often as the others."""
    found: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    for number in range(setup.size.imports + 1):
        setup.say(f"importing: round {number} of {setup.size.imports}")
        for name in shuffled(number, list(_PROGRAMS)):
            environment, program = _PROGRAMS[name]
            python = ENVIRONMENTS[environment].python
            start = time.perf_counter()
            subprocess.run([python, "-c", program], check=True, cwd=ROOT)
            if number:  # the first time compiles
                found[name].append(time.perf_counter() - start)
    return {"seconds": found}
