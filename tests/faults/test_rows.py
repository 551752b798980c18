"""Every fault that the package must survive is a row, and tests bear the numbers of all rows."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

FAULTS = Path(__file__).parent
ROOT = FAULTS.parents[1]

ROWS = {
    1: "kill -9 between acceptance and commit",
    2: "kill -9 before, during and after a request",
    3: "kill -9 again and again",
    4: "power failure",
    5: "disk full, read-only, failing",
    6: "damaged store",
    7: "store full",
    8: "two workers on one store",
    9: "fork",
    10: "asked to stop while waiting",
    11: "no connection: refused, unknown name, no proof of who it is",
    12: "no answer, or no end of it",
    13: "connection that breaks or went stale",
    14: "Retry-After of all kinds",
    15: "receiver that fails for long",
    16: "batch with documents that are refused",
    17: "receiver that refuses everything",
    18: "wrong credentials",
    19: "conflict, alone and in a batch",
    20: "success that is none",
    21: "redirect",
    22: "compression",
    23: "poisonous event, name or pattern",
    24: "event that nobody wants",
    25: "one receiver down for hours",
    26: "same event twice",
    27: "replay over what was delivered live",
    28: "clock that jumps",
    29: "consumers that change",
    30: "missing secret, wrong key",
    31: "tail of a batch",
    32: "replay of dead letters",
    33: "runner that redelivers, or dies",
    34: "damaged input of the batch",
    35: "monitoring, log or sink that fails",
}

ELSEWHERE = {
    34: [
        "tests/test_batch.py::test_a_truncated_gzip_keeps_its_good_lines",
        "tests/test_batch.py::test_a_damaged_gzip_keeps_its_good_lines",
        "tests/test_batch.py::test_a_file_that_cannot_be_opened_is_one_faulty_line",
        "tests/test_batch.py::test_the_sample_log_is_accounted_for",
    ],
}
"""Tests of rows that need no router. Losing workers of Spark or Dask is up to those."""


def names_in(path):
    """Give the names of the tests in a file, also of those in classes."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [name for name in found if name.startswith("test_")]


def covered():
    """Give the tests of each row."""
    rows = defaultdict(list)
    for path in sorted(FAULTS.glob("test_*.py")):
        for name in names_in(path):
            if numbered := re.match(r"test_row_(\d+)_", name):
                rows[int(numbered[1])].append(f"{path.relative_to(ROOT)}::{name}")
    for row, names in ELSEWHERE.items():
        rows[row] += names
    return rows


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_a_test(row):
    """None is covered by absence."""
    assert covered()[row], ROWS[row]


def test_every_number_is_a_row():
    """A test that bears a number tests a row that there is."""
    assert set(covered()) <= set(ROWS)
    assert list(ROWS) == list(range(1, 36))


@pytest.mark.parametrize("test", [test for tests in ELSEWHERE.values() for test in tests])
def test_those_elsewhere_are_there(test):
    """What is said to be tested elsewhere is."""
    path, _, name = test.partition("::")

    assert name in names_in(ROOT / path)
