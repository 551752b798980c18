"""The guard over the cost of translating: it passes now, and would fail if there were more work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

GUARD = Path(__file__).resolve().parents[1] / "benchmarks" / "guard.py"


def guard(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, GUARD, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_translating_costs_no_more_instructions_than_are_written_down() -> None:
    done = guard()

    assert done.returncode == 0, done.stdout + done.stderr


def test_fifteen_percent_more_work_fails_with_both_numbers_and_the_remedy(tmp_path: Path) -> None:
    written = tmp_path / "instructions.json"
    options = ("--method", "opcodes", "--reference", written)
    guard(*options, "--update")
    [counts] = json.loads(written.read_text()).values()

    same = guard(*options)
    more = guard(*options, "--scale", "1.15")

    assert same.returncode == 0, same.stderr
    assert more.returncode == 1
    assert f"written down: {counts['opcodes']['translation']:,}" in more.stderr
    assert "guard.py --update" in more.stderr


def test_half_the_work_passes_and_suggests_to_write_it_down(tmp_path: Path) -> None:
    options = ("--method", "opcodes", "--reference", tmp_path / "instructions.json")
    guard(*options, "--update")

    less = guard(*options, "--scale", "0.5")

    assert less.returncode == 0, less.stderr
    assert "guard.py --update" in less.stdout


def test_a_python_that_nothing_is_written_down_for_passes_and_says_so(tmp_path: Path) -> None:
    done = guard("--method", "opcodes", "--reference", tmp_path / "none.json")

    assert done.returncode == 0, done.stderr
    assert "nothing is written down" in done.stdout
