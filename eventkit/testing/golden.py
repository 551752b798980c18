"""
Checks for those who add events: golden cases.

A golden case is a JSON file named after its event: ``<event name>.json``, or
``<event name>.<form>.json`` where one event has several forms. It holds an event, and what becomes
of it in each protocol::

    {"event": {...}, "xapi": [...], "caliper": [...]}

with null where by design nothing becomes of it. Write the event, have `write_case` add the rest,
and read it: it is the documentation of the translation. In a package with events of its own::

    CASES = golden_cases(Path(__file__).parent / "golden")

    @pytest.mark.parametrize("path", CASES, ids=str)
    def test_golden_case(path):
        check_case(path, events=EVENTS)

    def test_every_event_has_a_case():
        assert events_without_case(EVENTS, CASES) == []
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eventkit.events.catalogue import catalogue
from eventkit.events.rows import Row
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.reading.source import Source, username
from eventkit.translators.caliper import CaliperTranslator
from eventkit.translators.identity import HMACIdentity
from eventkit.translators.translator import Translator
from eventkit.translators.xapi import XAPITranslator
from eventkit.typing import Json
from eventkit.validation.caliper import event_errors
from eventkit.validation.xapi import statement_errors

__all__ = [
    "COURSES",
    "LMS_ROOT",
    "check_case",
    "events_without_case",
    "golden_cases",
    "translate_case",
    "write_case",
]

LMS_ROOT = "https://lms.lakeside.example.org"
"""The LMS that golden cases come from."""

COURSES = {
    "course-v1:Lakeside+BIO201+2025_T1": "Plant Biology",
    "Lakeside/BIO101/2013": "Leaves",
}
"""The courses that golden cases know by name."""

_PERSONAL = ("username", "email", "ip", "agent")


def golden_cases(folder: str | Path) -> list[Path]:
    """Find the golden cases in *folder* and the folders in it."""
    return sorted(Path(folder).rglob("*.json"))


def translate_case(event: Json, *, events: Iterable[Row] = ()) -> Json:
    """
    Give what becomes of *event* in each protocol, as golden cases have it.

    Args:
        event: a tracking event in either shape.

        events: the rows under test, unless an entry point adds them already.

    Raises:
        TranslationError: the event lacks what its translation needs.
    """
    options: dict[str, Any] = {
        "lms_root": LMS_ROOT,
        "identity": HMACIdentity("golden cases, nothing secret"),
        "courses": COURSES,
        "events": _new(events),
        "transformer_version": "openedx-eventkit@golden",
    }
    translators: dict[str, Translator] = {
        "xapi": XAPITranslator(**options),
        "caliper": CaliperTranslator(**options),
    }
    return {name: _documents(each, event) for name, each in translators.items()}


def write_case(path: str | Path, *, events: Iterable[Row] = ()) -> bool:
    """Add to the case at *path* what becomes of its event; tell whether anything changed."""
    path = Path(path)
    case = json.loads(path.read_text("utf-8"))
    made = {"event": case["event"], **translate_case(case["event"], events=events)}
    if _exactly(made) == _exactly(case):
        return False
    path.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return True


def check_case(path: str | Path, *, events: Iterable[Row] = ()) -> None:
    """
    Check one golden case.

    What becomes of the event is what the case says; it follows the specifications; and nothing
    personal of the event's context is in it.

    Raises:
        AssertionError: it does not; the message says what is wrong.
    """
    path = Path(path)
    case = json.loads(path.read_text("utf-8"))
    made = translate_case(case["event"], events=events)
    for protocol, documents in made.items():
        if protocol not in case or _exactly(case[protocol]) != _exactly(documents):
            raise AssertionError(
                f"{path.name}: {protocol} is not what the case says; if it is right, write the "
                f"case anew with eventkit.testing.write_case({str(path)!r}). "
                f"Got:\n{json.dumps(documents, indent=2, ensure_ascii=False)}"
            )
    for statement in made["xapi"] or ():
        _refuse(path, "xAPI 1.0.3", statement_errors(statement))
    for document in made["caliper"] or ():
        _refuse(path, "Caliper 1.2", event_errors(document))
    written = json.dumps(made, ensure_ascii=False)
    leaked = [field for field, value in _personal(case["event"]) if value in written]
    if leaked:
        raise AssertionError(f"{path.name}: personal data goes out: {', '.join(leaked)}")


def events_without_case(events: Iterable[Row], cases: Iterable[Path]) -> list[str]:
    """List the canonical names of those *events* that are translated but have no case."""
    stems = [path.stem for path in cases]
    return [
        row.name
        for row in events
        if (row.xapi or row.caliper)
        and not any(
            stem == name or stem.startswith(f"{name}.") for stem in stems for name in row.names
        )
    ]


def _exactly(value: Any) -> str:
    """Give what tells 1 from 1.0 and from true, but not one order of members from another."""
    return json.dumps(value, sort_keys=True)


def _new(events: Iterable[Row]) -> list[Row]:
    """Leave out the rows that an entry point, or this package itself, has added already."""
    return [row for row in events if catalogue().get(row.name) is None]


def _documents(translator: Translator, event: Json) -> list[Json] | None:
    try:
        return translator.translate(event)
    except UnsupportedEvent:
        return None
    except TranslationError as error:
        if error.__cause__ is not None:  # an accident in a row: its author wants to see it
            raise error.__cause__ from None
        raise


def _refuse(path: Path, standard: str, errors: list[str]) -> None:
    if errors:
        raise AssertionError(f"{path.name}: not valid {standard}: {'; '.join(errors)}")


def _personal(event: Json) -> list[tuple[str, str]]:
    source = Source(event)
    found = [(field, source.text(field)) for field in _PERSONAL]
    found.append(("username", username(source.data.get("username")) or ""))
    return [(field, value) for field, value in found if value]
