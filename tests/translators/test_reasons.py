"""Why an event is skipped or rejected is a word, and the page of reasons has every one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What gives a reason, and the place of it among the arguments.
GIVERS = {
    "lacks": 0,
    "DropEvent": 0,
    "EventParseError": 0,
    "TranslationError": 1,
    "UnsupportedEvent": 1,
}
# Those that are worked out before they are given.
OTHERS = {"unknown_event", "implicit_event", "no_name", "invalid_statement", "invalid_event"}


def reasons():
    """Give every reason that stands in the sources."""
    found = set(OTHERS)
    for path in (ROOT / "eventkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            place = GIVERS.get(getattr(node.func, "attr", getattr(node.func, "id", "")))
            if place is not None and len(node.args) > place:
                found |= {
                    each.value
                    for each in ast.walk(node.args[place])
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    return found


def test_the_page_has_all():
    """A reason that is not on the page helps nobody who counts it."""
    page = (ROOT / "docs" / "reference" / "reasons.md").read_text("utf-8")
    known = set(re.findall(r"`([a-z_0-9]+)`", page))

    assert sorted(reasons() - known) == []
    assert len(reasons()) > 25
