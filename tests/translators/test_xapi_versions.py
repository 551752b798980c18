"""Statements of xAPI 1.0.3, said in 2.0."""

from __future__ import annotations

import json

import pytest

from eventkit.events.shapes.iris import SCORED, TEAM_ID
from eventkit.testing import golden_cases
from eventkit.translators.xapi_versions import GRADER, INSTRUCTOR, TEAM, upgraded, upgraded_body
from eventkit.validation import statement_errors

AGENT = {"objectType": "Agent", "account": {"homePage": "https://lms.example.org", "name": "a"}}
STATEMENT = {
    "id": "f3e25970-2c71-57a6-9ba9-8ba714e68f76",
    "actor": AGENT,
    "verb": {"id": "https://verbs.example.org/did"},
    "object": {"id": "https://lms.example.org/1"},
    "timestamp": "2026-01-01T00:00:00.123456+00:00",
    "version": "1.0.3",
}
OTHER = {"objectType": "Agent", "account": {"homePage": "https://lms.example.org", "name": "b"}}


def statements(root):
    for path in golden_cases(root / "tests" / "golden"):
        case = json.loads(path.read_text("utf-8"))
        for statement in case.get("xapi") or []:
            yield path.stem, statement


def test_each_golden_statement_is_valid_in_both_versions_under_one_id(root):
    number = 0
    for name, statement in statements(root):
        made = upgraded(statement)
        number += 1

        assert statement_errors(statement) == [], name
        assert statement_errors(made, "2.0") == [], name
        assert made["id"] == statement["id"]
        assert statement_errors(made) != [], name
        # But for what 2.0 adds it is the same.
        context = {
            key: value
            for key, value in made.get("context", {}).items()
            if key not in ("contextAgents", "contextGroups")
        }
        assert {**made, "version": "1.0.3", "context": context} == {"context": {}, **statement}
    assert number > 300


def test_what_2_0_has_no_word_for_stays_as_it_is():
    assert upgraded(STATEMENT) == {**STATEMENT, "version": "2.0.0"}
    assert upgraded({**STATEMENT, "context": {}})["context"] == {}
    assert upgraded({"context": {"instructor": "x", "extensions": 7}, "actor": []}) == {
        "context": {"instructor": "x", "extensions": 7},
        "actor": [],
        "version": "2.0.0",
    }


@pytest.mark.parametrize(
    ("verb", "role"), [(SCORED.id, GRADER), ("https://verbs.example.org/did", INSTRUCTOR)]
)
def test_who_graded_or_instructs_is_said(verb, role):
    context = {"instructor": OTHER, "platform": "edX"}
    made = upgraded({**STATEMENT, "verb": {"id": verb}, "context": context})

    assert made["context"] == {
        **context,
        "contextAgents": [{"objectType": "contextAgent", "agent": OTHER, "relevantTypes": [role]}],
    }
    assert statement_errors(made, "2.0") == []


def test_a_group_that_instructs_is_a_group():
    group = {"objectType": "Group", "member": [OTHER]}
    made = upgraded({**STATEMENT, "context": {"instructor": group}})

    assert made["context"]["contextGroups"] == [
        {"objectType": "contextGroup", "group": group, "relevantTypes": [INSTRUCTOR]}
    ]
    assert "contextAgents" not in made["context"]


def test_a_team_is_a_group():
    made = upgraded({**STATEMENT, "context": {"extensions": {TEAM_ID: "team-pseudonym"}}})

    assert made["context"]["contextGroups"] == [
        {
            "objectType": "contextGroup",
            "group": {
                "objectType": "Group",
                "account": {"homePage": "https://lms.example.org", "name": "team-pseudonym"},
            },
            "relevantTypes": [TEAM],
        }
    ]
    assert statement_errors(made, "2.0") == []


def test_what_is_said_already_is_kept():
    own = [{"objectType": "contextAgent", "agent": AGENT, "relevantTypes": [INSTRUCTOR]}]
    context = {"instructor": OTHER, "contextAgents": own}

    assert upgraded({**STATEMENT, "context": context})["context"] == context


def test_as_json():
    assert json.loads(upgraded_body(json.dumps(STATEMENT).encode())) == upgraded(STATEMENT)
    assert upgraded_body(b"[1]") == b"[1]"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": "1.0.3"}, "version"),
        ({"version": "2.0"}, "version"),
        ({"timestamp": "2026-01-01T00:00:00+00"}, "timestamp"),
        ({"context": {"contextAgents": []}}, ""),
        ({"context": {"contextAgents": [{"agent": AGENT}]}}, "contextAgents"),
        (
            {"context": {"contextAgents": [{"objectType": "contextAgent", "agent": {}}]}},
            "contextAgents",
        ),
        (
            {
                "context": {
                    "contextAgents": [
                        {"objectType": "contextAgent", "agent": AGENT, "relevantTypes": []}
                    ]
                }
            },
            "relevantTypes",
        ),
        (
            {"context": {"contextGroups": [{"objectType": "contextGroup", "group": AGENT}]}},
            "contextGroups",
        ),
    ],
)
def test_rules_of_2_0(change, problem):
    errors = statement_errors({**STATEMENT, "version": "2.0.0", **change}, "2.0")

    assert bool(errors) == bool(problem)
    assert all(problem in error for error in errors)
