"""
Write ``eventkit/events/samples.json.gz``, an example of every event, from the golden cases.

Run ``python docs/make_event_samples.py`` after a change to cases or event tables; a test fails
while it is stale.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from eventkit.events import CATALOGUE, Row
from eventkit.typing import Json

ROOT = Path(__file__).resolve().parents[1]
PACKED = ROOT / "eventkit" / "events" / "samples.json.gz"
GOLDEN = ROOT / "tests" / "golden"

PATTERN = GOLDEN / "certificate" / "edx.certificate.created.json"
"""What examples of events look like that are not translated, and so have no case."""


def samples() -> dict[str, Json]:
    """Give the examples by the canonical names of the events."""
    return {row.name: _sample(row) for row in CATALOGUE}


def packed() -> bytes:
    """Give the content of the file; the same examples give the same bytes."""
    text = json.dumps(samples(), ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def _sample(row: Row) -> Json:
    folder = GOLDEN / row.family
    for name in row.names:
        # The plainest form of an event is that with the shortest name.
        for path in sorted(folder.glob(f"{name}*.json"), key=lambda path: len(path.name)):
            if path.stem == name or path.stem.startswith(f"{name}."):
                return _event(path)
    pattern = _event(PATTERN)
    course = pattern["context"]["course_id"]
    return {**pattern, "name": row.name, "data": {"course_id": course}}


def _event(path: Path) -> Json:
    event: Json = json.loads(path.read_text("utf-8"))["event"]
    return event


if __name__ == "__main__":
    PACKED.write_bytes(packed())
