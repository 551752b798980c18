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
from caliper_jsonld import lost_members

from eventkit.events import CATALOGUE, FAMILIES, OneOf
from eventkit.reading import Source
from eventkit.testing import check_case, events_without_case, golden_cases, write_case

GOLDEN = Path(__file__).parent / "golden"
CASES = golden_cases(GOLDEN)
PERSONAL = ("marisol", "quiroga", "teo_anders", "203.0.113", "Mozilla", "@example.org", "4711")

UPDATE = bool(os.environ.get("EVENTKIT_UPDATE_GOLDEN"))


def case_id(path):
    return f"{path.parent.name}/{path.stem}"


def load(path):
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_case(path):
    """An event becomes exactly the documents of its case: valid, and without personal data."""
    if UPDATE and write_case(path):
        pytest.fail("written anew: read it, then run without EVENTKIT_UPDATE_GOLDEN")

    check_case(path)


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_caliper_events_survive_json_ld(path):
    """A JSON-LD processor finds every member of every Caliper event, extensions included."""
    for event in load(path)["caliper"] or ():
        assert lost_members(event) == []


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_nothing_personal_leaves(path):
    """No case lets out what names anybody in it, wherever in the event it stands."""
    case = load(path)
    written = json.dumps([case["xapi"], case["caliper"]])

    assert [token for token in PERSONAL if token in written] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_has_a_case(family):
    """A row that is translated and has no case fails: nothing passes by absence."""
    cases = [path for path in CASES if path.parent.name == family]

    assert events_without_case(FAMILIES[family], cases) == []


def among(meaning):
    """Give everything that a row says an event can become."""
    return meaning.among if isinstance(meaning, OneOf) else (meaning,)


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_rows_say_what_events_become(path):
    """What an event becomes is among what its row lists."""
    case = load(path)
    row = CATALOGUE.get(Source(case["event"]).name)

    for statement in case["xapi"] or ():
        assert statement["verb"]["id"] in {each.verb.id for each in among(row.xapi)}
    for event in case["caliper"] or ():
        listed = {(each.type, each.action) for each in among(row.caliper)}
        assert (event["type"], event["action"]) in listed


@pytest.mark.parametrize("row", CATALOGUE.rows, ids=lambda row: row.name)
def test_what_is_not_translated_says_why(row):
    """Each row has a translation into both protocols, or the reason why not."""
    assert (row.xapi and row.caliper) or row.reason


def test_ids_are_unique():
    """No two documents of different cases share an id."""
    ids = [
        document["id"]
        for path in CASES
        for protocol in ("xapi", "caliper")
        for document in load(path)[protocol] or ()
    ]

    assert len(ids) == len(set(ids))
