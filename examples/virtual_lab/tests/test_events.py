"""Each event has a golden case, and becomes what the case says."""

from pathlib import Path

import pytest
from lab_xblock.events import EVENTS

from eventkit.testing import check_case, events_without_case, golden_cases

CASES = golden_cases(Path(__file__).parent / "golden")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_case(path):
    """An event becomes what its case says, in both protocols."""
    check_case(path, events=EVENTS)


def test_every_event_has_a_case():
    """No event goes without a case."""
    assert events_without_case(EVENTS, CASES) == []
