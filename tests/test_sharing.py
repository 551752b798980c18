"""What one document holds belongs to it alone, whatever translators remember between events."""

import copy
import json
from pathlib import Path

import pytest

from eventkit import CaliperTranslator, DropEvent, HMACIdentity, XAPITranslator
from eventkit.testing import golden_cases

EVENTS = [
    json.loads(path.read_text("utf-8"))["event"]
    for path in golden_cases(Path(__file__).parent / "golden")
]


def scramble(value):
    """Change whatever can be changed in a document."""
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            scramble(inner)
    if isinstance(value, dict):
        value["scrambled"] = True
    else:
        value.append("scrambled")


def translations(translator):
    found = []
    for event in EVENTS:
        try:
            found.append(translator(event)["documents"])
        except DropEvent:
            found.append([])
    return found


@pytest.mark.parametrize("protocol", [XAPITranslator, CaliperTranslator])
@pytest.mark.parametrize(
    "dialect", [{}, {"dialect": "erb", "fallback": "standard"}], ids=["standard", "erb"]
)
@pytest.mark.parametrize("include_text", [False, True])
def test_nothing_is_shared(protocol, dialect, include_text):
    """A consumer that changes its documents changes no other document, and no event."""
    translator = protocol(
        lms_root="https://lms.example.org",
        identity=HMACIdentity("only tests use this"),
        courses={"course-v1:Lakeside+BIO201+2025_T1": "Plant Biology"},
        **dialect,
        include_text=include_text,
    )
    before = copy.deepcopy(EVENTS)
    expected = copy.deepcopy(translations(translator))

    for documents in translations(translator):
        for number, document in enumerate(documents):
            others = copy.deepcopy(documents[number + 1 :])
            scramble(document)
            assert documents[number + 1 :] == others

    assert before == EVENTS
    assert translations(translator) == expected
    assert sum(map(len, expected)) > 200
