"""Every document that golden cases lead to: in each protocol and dialect, with all options."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from eventkit import CaliperTranslator, DropEvent, HMACIdentity, XAPITranslator
from eventkit.events import Row
from eventkit.testing import COURSES, LMS_ROOT, golden_cases

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "virtual_lab"
UNKNOWN = "acme.virtual_lab.bench.opened"
"""A name that no row knows."""

_ALL = {"courses": COURSES, "include_text": True, "unknown": "generic"}
_ADDRESS = {"email": lambda user: f"user.{user}@example.org"}
XAPI: dict[str, dict[str, Any]] = {
    "standard": {},
    "everything": _ALL | {"implicit": True},
    "texts of choices": {"responses": "text"},
    "mbox": _ADDRESS | {"actor": "mbox"},
    "mbox_sha1sum": _ADDRESS | {"actor": "mbox_sha1sum"},
    "erb": {"dialect": "erb"},
    "erb with fallback": _ALL
    | {"implicit": True, "dialect": "erb", "fallback": "standard", "responses": "text"},
}
"""Options of translators of xAPI, by how they are called here."""

CALIPER: dict[str, dict[str, Any]] = {
    "standard": {},
    "everything": _ALL,
    "erb": {"dialect": "erb"},
    "erb with fallback": _ALL | {"dialect": "erb", "fallback": "standard"},
}
"""The same for Caliper."""


class Made(NamedTuple):
    """A document, and what it was made of."""

    case: str
    document: dict[str, Any]


def example_rows() -> list[Row]:
    """Give the rows of the example of a package with events of its own."""
    path = EXAMPLE / "lab_xblock" / "events.py"
    spec = importlib.util.spec_from_file_location("lab_events", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.EVENTS)


@cache
def events() -> list[tuple[str, dict[str, Any]]]:
    """Give every golden event, those of the example too, and each under an unknown name."""
    paths = [path for top in (ROOT / "tests", EXAMPLE / "tests") for path in _cases(top)]
    known = [(path.stem, json.loads(path.read_text("utf-8"))["event"]) for path in paths]
    unknown = [(f"unknown: {case}", _renamed(event)) for case, event in known]
    return known + unknown


def _cases(top: Path) -> Iterable[Path]:
    found = golden_cases(top / "golden")
    assert found, f"no cases in {top}"
    return found


def _renamed(event: dict[str, Any]) -> dict[str, Any]:
    return event | {key: UNKNOWN for key in ("name", "event_type") if key in event}


def statements(way: str) -> list[Made]:
    """Give all statements, translated as one of `XAPI`."""
    return list(_made(XAPITranslator, XAPI[way]))


def caliper_events(way: str) -> list[Made]:
    """Give all Caliper events, translated as one of `CALIPER`."""
    return list(_made(CaliperTranslator, CALIPER[way]))


def _made(make: Any, options: dict[str, Any]) -> Iterator[Made]:
    identity = HMACIdentity("only tests use this")
    translator = make(lms_root=LMS_ROOT, identity=identity, events=example_rows(), **options)
    for case, event in events():
        with contextlib.suppress(DropEvent):
            for document in translator(event)["documents"]:
                yield Made(case, document)
