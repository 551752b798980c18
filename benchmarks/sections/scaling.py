"""Curves: what becomes of the cost of an event when there is more of everything else."""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.candidate import Candidate
from benchmarks.setup import Setup


def run(setup: Setup) -> dict[str, Any]:
    """Measure over rows, consumers and backlog; the size of files is part of `batch`."""
    size = setup.size
    found: dict[str, list[Any]] = {"rows": [], "consumers": [], "backlog": []}
    for number in range(size.repeats):
        for extra in size.rows:
            setup.say(f"scaling: {extra} extra rows")
            with Candidate("ours_running", core=setup.core) as ours:
                result = ours.ask("rows", extra=extra, number=size.curve)
            found["rows"].append({"x": extra, "round": number, **result})
        for others in size.consumers:
            setup.say(f"scaling: {others} consumers that do not match")
            with Candidate("ours_running", core=setup.core) as ours:
                result = ours.ask("consumers", others=others, number=size.curve)
            found["consumers"].append({"x": others, "round": number, **result})
    with (
        tempfile.TemporaryDirectory(dir=setup.folder) as folder,
        Candidate("ours_running", core=setup.core) as ours,
    ):
        setup.say("scaling: backlog")
        found["backlog"] = ours.ask(
            "backlog", path=f"{folder}/backlog.db", sizes=list(size.backlogs), probe=5_000
        )
    return found
