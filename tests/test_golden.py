"""
Every row of the event tables has golden cases: an event, and what it becomes in each protocol.

A case is a file ``golden/<family>/<name>.json``, named after the event, with a suffix where one
event has several forms. To write the expected documents of new or changed cases run these tests
with ``EVENTKIT_UPDATE_GOLDEN=1``, then read what was written: it documents the translation.
"""

import json
import os
from pathlib import Path

import pytest

from eventkit import UnsupportedEvent, XAPITranslator
from eventkit.caliper import CaliperTranslator
from eventkit.caliper_validation import event_errors
from eventkit.events import CATALOGUE
from eventkit.validation import statement_errors

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.glob("*/*.json"))
LEARNER = "0f3d6a54-5f0e-4ad9-8ad0-9a3f6b0f7c11"
PERSONAL = ("marisol", "quiroga", "teo_anders", "203.0.113", "Mozilla", "@example.org", "4711")

UPDATE = bool(os.environ.get("EVENTKIT_UPDATE_GOLDEN"))


def identity(user: int | str, system: str) -> str:
    """Give one id to the learner of all cases, another to everybody else."""
    return LEARNER if user == 4711 else "7c1d2b90-3a55-4b6e-9a1e-52d8a1a0c9e4"


@pytest.fixture(scope="module")
def translators():
    """Translators as the cases assume them."""
    options = {
        "lms_root": "https://lms.lakeside.example.org",
        "identity": identity,
        "courses": {
            "course-v1:Lakeside+BIO201+2025_T1": "Plant Biology",
            "Lakeside/BIO101/2013": "Leaves",
        },
        "transformer_version": "openedx-eventkit@golden",
    }
    return {"xapi": XAPITranslator(**options), "caliper": CaliperTranslator(**options)}


def documents_of(translator, event):
    """Give what an event becomes; None where by design it becomes nothing."""
    try:
        return translator.translate(event)
    except UnsupportedEvent:
        return None


def load(path):
    return json.loads(path.read_text("utf-8"))


def case_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_case(path, translators):
    """An event becomes exactly the documents of its golden case."""
    case = load(path)
    got = {name: documents_of(each, case["event"]) for name, each in translators.items()}
    if UPDATE and case != {"event": case["event"], **got}:
        text = json.dumps({"event": case["event"], **got}, indent=2, ensure_ascii=False)
        path.write_text(f"{text}\n", "utf-8")
        pytest.fail("written anew: read it, then run without EVENTKIT_UPDATE_GOLDEN")

    for name, documents in got.items():
        assert case[name] == documents


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_statements_follow_the_specification(path):
    """The statements of every case pass the shipped schema."""
    for statement in load(path)["xapi"] or ():
        assert statement_errors(statement) == []


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_caliper_events_follow_the_specification(path):
    """The Caliper events of every case pass the shipped rules."""
    for event in load(path)["caliper"] or ():
        assert event_errors(event) == []


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_nothing_personal_leaves(path):
    """No case lets a username, e-mail address, IP address, agent or user id out."""
    case = load(path)
    written = json.dumps([case["xapi"], case["caliper"]])

    assert [token for token in PERSONAL if token in written] == []


@pytest.mark.parametrize("row", CATALOGUE.rows, ids=lambda row: row.name)
def test_every_row_has_a_case(row):
    """A row without a golden case fails: nothing passes by absence."""
    stems = [path.stem for path in CASES if path.parent.name == row.family]

    assert [
        stem for stem in stems for name in row.names if stem == name or stem.startswith(f"{name}.")
    ]


def test_ids_are_unique():
    """No two documents of different cases share an id."""
    ids = [
        document["id"]
        for path in CASES
        for protocol in ("xapi", "caliper")
        for document in load(path)[protocol] or ()
    ]

    assert len(ids) == len(set(ids))
