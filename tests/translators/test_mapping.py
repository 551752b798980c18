"""What events become changes only with the version of the mapping, not with the release."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from eventkit import HMACIdentity, XAPITranslator
from eventkit.testing import golden_cases
from eventkit.translators.options import MAPPING_VERSION

HERE = Path(__file__).parents[1]
PINNED = HERE / "mapping.json"
"""The version of the mapping that was last released, and a digest of each golden case of it."""

EVENT = {
    "name": "edx.course.enrollment.activated",
    "timestamp": "2026-03-01T12:00:00.250000+00:00",
    "data": {"course_id": "course-v1:edX+DemoX+2026", "user_id": 7, "mode": "audit"},
    "context": {"course_id": "course-v1:edX+DemoX+2026", "session": "s"},
}

MAKE = """
import importlib.metadata, json, sys
release, event = sys.argv[1], json.loads(sys.argv[2])
importlib.metadata.version = lambda _: release
from eventkit import CaliperTranslator, HMACIdentity, XAPITranslator
identity = HMACIdentity("a secret that is long enough for the tests")
for make in (XAPITranslator, CaliperTranslator):
    for dialect in ("standard", "erb"):
        made = make(lms_root="https://lms.example.org", identity=identity, dialect=dialect)
        print(made.write(event))
"""


def digests() -> dict[str, str]:
    """Give a digest of what each golden case becomes."""
    found = {}
    for path in golden_cases(HERE / "golden"):
        case = json.loads(path.read_text("utf-8"))
        written = json.dumps([case["xapi"], case["caliper"]], sort_keys=True)
        found[f"{path.parent.name}/{path.stem}"] = hashlib.sha256(written.encode()).hexdigest()
    return found


def changed(pinned: dict[str, Any], version: str, found: dict[str, str]) -> list[str]:
    """List the cases that became something else without another version of the mapping."""
    if pinned["version"] != version:
        return []
    return [case for case, digest in pinned["cases"].items() if found.get(case) != digest]


def test_a_released_mapping_stays() -> None:
    """If this fails, set back what has changed, or raise `MAPPING_VERSION`."""
    found = digests()
    if os.environ.get("EVENTKIT_PIN_MAPPING"):
        pinned = {"version": MAPPING_VERSION, "cases": found}
        PINNED.write_text(json.dumps(pinned, indent=2) + "\n", "utf-8")

    assert changed(json.loads(PINNED.read_text("utf-8")), MAPPING_VERSION, found) == []
    assert len(found) > 200


def test_changes_are_noticed() -> None:
    """One that is altered or gone counts, a new one does not, and another version allows all."""
    found = {"a": "1", "b": "2"}
    before = {"version": "1", "cases": found}

    assert changed(before, "1", found | {"c": "3"}) == []
    assert changed(before, "1", found | {"b": "3"}) == ["b"]
    assert changed(before, "1", {"a": "1"}) == ["b"]
    assert changed(before, "2", {}) == []


def test_documents_do_not_change_with_the_release() -> None:
    """Bytes are compared, for a record store compares."""
    made = [
        subprocess.run(
            [sys.executable, "-c", MAKE, release, json.dumps(EVENT)],
            check=True,
            capture_output=True,
            timeout=60,
            cwd=HERE.parent,
        ).stdout
        for release in ("0.1.0", "7.3.1")
    ]

    assert made[0] == made[1]
    assert made[0].count(b"openedx-eventkit@mapping-") == 4


def test_a_site_may_say_something_else() -> None:
    identity = HMACIdentity("a secret that is long enough for the tests")
    made = XAPITranslator(
        lms_root="https://lms.example.org", identity=identity, transformer_version="site@1"
    )

    assert b'"site@1"' in made.write(EVENT)[0]
