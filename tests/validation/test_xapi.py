"""Every rule of xAPI 1.0.3 has a statement that keeps it and one that breaks it."""

from __future__ import annotations

import copy
import json
import time
from types import MappingProxyType
from typing import Any

import changing
import pytest
from changing import MISSING
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from eventkit.exceptions import EventkitError
from eventkit.validation import InvalidStatement, statement_errors, validate_statement
from eventkit.validation import xapi as validation

UUID = "f3e25970-2c71-57a6-9ba9-8ba714e68f76"
AGENT = {
    "objectType": "Agent",
    "account": {"homePage": "https://lms.example.org", "name": "32e08e30-f8ae-4ce2-94a8-c2bfe38a"},
}
GROUP = {"objectType": "Group", "member": [{"mbox": "mailto:ann@example.org"}]}
ACTIVITY = {"id": "https://lms.example.org/course/course-v1:Org+Course+Run"}

FULL: dict[str, Any] = {
    "id": UUID,
    "actor": AGENT,
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered", "display": {"en": "answered"}},
    "object": {
        "objectType": "Activity",
        "id": "https://lms.example.org/xblock/block-v1:Org+C+R+type@problem+block@p1",
        "definition": {
            "name": {"en-US": "Question 1", "zh-Hans-CN": "问题一"},
            "description": {"x-klingon": "?"},
            "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
            "moreInfo": "https://lms.example.org/more",
            "interactionType": "choice",
            "correctResponsesPattern": ["a", "a[,]b"],
            "choices": [{"id": "a", "description": {"en": "yes"}}, {"id": "b"}],
            "extensions": {"https://example.org/x": None},
        },
    },
    "result": {
        "score": {"scaled": -1, "raw": 1.5, "min": 0, "max": 2.0},
        "success": True,
        "completion": False,
        "response": "",
        "duration": "PT1M30.5S",
        "extensions": {"urn:example:any": {"nested": [None, {"deep": None}]}},
    },
    "context": {
        "registration": UUID.upper(),
        "instructor": AGENT,
        "team": GROUP,
        "contextActivities": {
            "parent": [ACTIVITY],
            "grouping": [ACTIVITY, ACTIVITY],
            "category": ACTIVITY,
            "other": [],
        },
        "revision": "2",
        "platform": "Open edX",
        "language": "de-CH-1996",
        "statement": {"objectType": "StatementRef", "id": UUID},
        "extensions": {},
    },
    "timestamp": "2024-02-29T23:59:60.123456789+05:45",
    "stored": "2024-03-01T00:00:00Z",
    "authority": AGENT,
    "version": "1.0.3",
    "attachments": [
        {
            "usageType": "https://example.org/certificate",
            "display": {"en": "Certificate"},
            "description": {"en": "What was earned"},
            "contentType": "text/plain; charset=utf-8",
            "length": 0,
            "sha2": "0" * 64,
            "fileUrl": "https://example.org/certificate.txt",
        }
    ],
}

SUB_STATEMENT = {
    "objectType": "SubStatement",
    "actor": AGENT,
    "verb": {"id": "https://example.org/verbs/planned"},
    "object": ACTIVITY,
}


def change(path: str, value: Any, statement: dict[str, Any] = FULL) -> dict[str, Any]:
    """Spoil *statement* at the dotted *path*."""
    return changing.change(statement, path, value)


def with_object(value: Any) -> dict[str, Any]:
    """Copy `FULL` with another object, without what only goes with an activity."""
    statement = change("object", value)
    del statement["context"]["revision"], statement["context"]["platform"]
    return statement


def with_definition(**definition: Any) -> dict[str, Any]:
    return change("object.definition", definition)


def agrees(statement: Any) -> bool:
    """Ask both validators; they must say the same."""
    rust = pytest.importorskip("jsonschema_rs")
    slow = Draft202012Validator(validation.schema()).is_valid(statement)
    fast = rust.Draft202012Validator(validation.schema()).is_valid(statement)

    assert slow == fast

    return slow


VALID = {
    "everything at once": FULL,
    "the least possible": {"actor": AGENT, "verb": {"id": "urn:x:did"}, "object": ACTIVITY},
    "no objectType of the actor": change("actor.objectType", MISSING),
    "mbox": change("actor", {"name": "Ann", "mbox": "mailto:ann@example.org"}),
    "mbox_sha1sum": change("actor", {"mbox_sha1sum": "aFDee2ff" * 5}),
    "openid": change("actor", {"openid": "https://id.example.org/ann"}),
    "empty account name": change("actor.account.name", ""),
    "anonymous group": change("actor", GROUP),
    "identified group": change("actor", {"objectType": "Group", "mbox": "mailto:g@example.org"}),
    "identified group with members": change("actor", {**GROUP, "openid": "https://x.example"}),
    "authority of two agents": change("authority", {**GROUP, "member": [AGENT, AGENT]}),
    "empty display": change("verb.display", {}),
    "no display": change("verb.display", MISSING),
    "IRI with other letters": change("verb.id", "http://example.com/فعل/خواندن"),
    "IRI that holds a key": change("object.id", "https://x.example/i4x://edX/DemoX/problem/p"),
    "IRI with a scheme like a key's start": change("object.id", "coap+tcp://x.example/-v1:"),
    "no objectType of the object": change("object.objectType", MISSING),
    "agent as object": with_object(AGENT),
    "group as object": with_object(GROUP),
    "statement reference as object": with_object({"objectType": "StatementRef", "id": UUID}),
    "substatement as object": with_object(SUB_STATEMENT),
    "substatement with all it may have": with_object(
        {key: FULL[key] for key in FULL if key not in {"id", "stored", "version", "authority"}}
        | {"objectType": "SubStatement"}
    ),
    "voiding": with_object({"objectType": "StatementRef", "id": UUID})
    | {"verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}},
    "empty definition": with_definition(),
    "sequencing": with_definition(interactionType="sequencing", choices=[{"id": "a"}]),
    "likert": with_definition(interactionType="likert", scale=[{"id": "a"}]),
    "matching": with_definition(interactionType="matching", source=[{"id": "a"}], target=[]),
    "performance": with_definition(interactionType="performance", steps=[{"id": "a"}]),
    "true-false": with_definition(interactionType="true-false", correctResponsesPattern=["true"]),
    "no correct answer": with_definition(interactionType="other", correctResponsesPattern=[]),
    "only raw": change("result.score", {"raw": 12}),
    "raw at its limits": change("result.score", {"raw": 2, "min": 1, "max": 2}),
    "scaled at its limit": change("result.score.scaled", 1.0),
    "empty result": change("result", {}),
    "version 1.0": change("version", "1.0"),
    "version 1.0.12": change("version", "1.0.12"),
    "hour offset": change("timestamp", "2024-02-29T12:00:00+01"),
    "offset without colon": change("timestamp", "2024-02-29T12:00:00-0130"),
    "offset of minus half an hour": change("timestamp", "2024-02-29T12:00:00-00:30"),
}
VALID |= {
    f"duration {text}": change("result.duration", text)
    for text in (
        "P3Y1M29DT4H35M59.14S",
        "P1W",
        "P0.5D",
        "PT0S",
        "P1M",
        "PT1M",
        "P1DT1S",
        "PT16559.14S",
    )
}
VALID |= {
    f"language {text}": change("context.language", text)
    for text in ("en", "pt-BR", "zh-Hant", "sl-rozaj-biske", "es-419", "i-klingon", "x-a")
}


@pytest.mark.parametrize("statement", VALID.values(), ids=VALID.keys())
def test_a_statement_within_the_rules_passes(statement: dict[str, Any]) -> None:
    before = copy.deepcopy(statement)

    assert statement_errors(statement) == []
    assert agrees(statement)
    assert statement == before

    validate_statement(statement)


IRI = "must be an absolute IRI, with a scheme and without spaces"
KEY = "must be put after the URL of the LMS, for a key of Open edX is no IRI"
TAG = "must be a language tag of RFC 5646, such as en or pt-BR"
ONE_ID = "must be identified by exactly one of mbox, mbox_sha1sum, openid and account"
TIME = (
    "must be a time of RFC 3339 with an offset, such as 2024-02-29T12:00:00.5+01:00, "
    "and not with offset -00:00"
)
DURATION = "must be a duration of ISO 8601, such as PT1M30.5S"
INTERACTIONS = (
    "true-false, choice, fill-in, long-fill-in, matching, performance, sequencing, likert, "
    "numeric, other"
)
ATTACHMENT = "attachments[0]"
ACTIVITY_ONLY = "must be left out unless the object is an Activity"

INVALID: list[tuple[dict[str, Any], str]] = [
    # statement
    (change("actor", MISSING), "statement: must have actor"),
    (change("verb", MISSING), "statement: must have verb"),
    (change("object", MISSING), "statement: must have object"),
    (change("extra", 1), "statement: must not have extra"),
    (FULL | {"e-mail of ann@example.org": 1}, "statement: must not have ?"),
    (change("id", "438AD672"), "id: must be a UUID"),
    (change("id", UUID + "\n"), "id: must be a UUID"),
    (change("id", "{" + UUID[1:]), "id: must be a UUID"),
    (change("id", UUID.replace("-57", "-07")), "id: must be a UUID"),
    (change("id", UUID.replace("-9b", "-cb")), "id: must be a UUID"),
    (change("id", 5), "id: must be text"),
    (change("version", "2.0.0"), "version: must be 1.0, or 1.0. and a number"),
    (change("version", "1.0.3\n"), "version: must be 1.0, or 1.0. and a number"),
    (change("version", "0.95"), "version: must be 1.0, or 1.0. and a number"),
    # null is nowhere but in extensions
    (change("result", None), "result: must be an object"),
    (change("result.response", None), "result.response: must be text"),
    (change("result.score.raw", None), "result.score.raw: must be a number"),
    (change("context.registration", None), "context.registration: must be text"),
    (change("object.definition.name.en-US", None), "object.definition.name.en-US: must be text"),
    (change("timestamp", None), "timestamp: must be text"),
    (change("actor.name", None), "actor.name: must be text"),
    (change("result.extensions", None), "result.extensions: must be an object"),
    # actor
    (change("actor", "ann"), "actor: must be an object"),
    (change("actor", {"objectType": "Agent"}), f"actor: {ONE_ID}"),
    (change("actor.mbox", "mailto:ann@example.org"), f"actor: {ONE_ID}"),
    (change("actor.member", []), "actor: must not have member"),
    (change("actor.objectType", "Person"), "actor.objectType: must be Agent"),
    (
        change("actor", {"mbox": "ann@example.org"}),
        "actor.mbox: must be mailto: and an e-mail address",
    ),
    (
        change("actor", {"mbox": "mailto:ann"}),
        "actor.mbox: must be mailto: and an e-mail address",
    ),
    (
        change("actor", {"mbox": "mailto:ann@example.org\n"}),
        "actor.mbox: must be mailto: and an e-mail address",
    ),
    (
        change("actor", {"mbox_sha1sum": "afdee2ff"}),
        "actor.mbox_sha1sum: must be the 40 hex digits of a SHA-1 hash",
    ),
    (
        change("actor", {"mbox_sha1sum": "g" * 40}),
        "actor.mbox_sha1sum: must be the 40 hex digits of a SHA-1 hash",
    ),
    (
        change("actor", {"mbox_sha1sum": "a" * 40 + "\n"}),
        "actor.mbox_sha1sum: must be the 40 hex digits of a SHA-1 hash",
    ),
    (change("actor", {"openid": "id.example.org/ann"}), f"actor.openid: {IRI}"),
    (change("actor.account.homePage", MISSING), "actor.account: must have homePage"),
    (change("actor.account.name", MISSING), "actor.account: must have name"),
    (change("actor.account.name", 7), "actor.account.name: must be text"),
    (change("actor.account.homePage", "lms.example.org"), f"actor.account.homePage: {IRI}"),
    (change("actor.account.extra", ""), "actor.account: must not have extra"),
    (change("actor", {"objectType": "Group"}), "actor: must have member"),
    (
        change("actor", {"objectType": "Group", "member": []}),
        "actor.member: must have at least 1 items",
    ),
    (
        change("actor", {**GROUP, "mbox": "mailto:g@x.org", "openid": "https://x.org"}),
        f"actor: {ONE_ID}",
    ),
    (
        change("actor", {"objectType": "Group", "member": [GROUP]}),
        "actor.member[0]: must not have member",
    ),
    (change("authority", GROUP), "authority.member: must have at least 2 items"),
    (
        change("authority", {"objectType": "Group", "mbox": "mailto:g@example.org"}),
        "authority: must have member",
    ),
    # verb
    (change("verb", {}), "verb: must have id"),
    (change("verb.id", "answered"), f"verb.id: {IRI}"),
    (change("verb.id", "http://x.org/a b"), f"verb.id: {IRI}"),
    (change("verb.id", "http://x.org/\n"), f"verb.id: {IRI}"),
    (change("verb.id", "http:"), f"verb.id: {IRI}"),
    (change("verb.id", "/relative"), f"verb.id: {IRI}"),
    (change("verb.display", "answered"), "verb.display: must be an object"),
    (change("verb.display", {"": "answered"}), f"verb.display: keys {TAG}"),
    (change("verb.display", {"en_US": "answered"}), f"verb.display: keys {TAG}"),
    (change("verb.extra", 1), "verb: must not have extra"),
    # object
    (
        change("object.objectType", "GroupActivity"),
        "object.objectType: must be one of Activity, Agent, Group, StatementRef, SubStatement",
    ),
    (change("object", {}), "object: must have id"),
    (change("object.id", UUID), f"object.id: {IRI}"),
    (change("object.id", "block-v1:Org+C+R+type@problem+block@p1"), f"object.id: {KEY}"),
    (change("object.id", "course-v1:Org+C+R"), f"object.id: {KEY}"),
    (change("object.extra", 1), "object: must not have extra"),
    (with_object({"objectType": "Agent"}), f"object: {ONE_ID}"),
    (with_object({"objectType": "Group"}), "object: must have member"),
    (with_object({"mbox": "mailto:ann@example.org"}), "object: must have id"),
    (with_object({"objectType": "StatementRef"}), "object: must have id"),
    (with_object({"objectType": "StatementRef", "id": "x"}), "object.id: must be a UUID"),
    (
        with_object({"objectType": "StatementRef", "id": UUID, "definition": {}}),
        "object: must not have definition",
    ),
    (with_object({**SUB_STATEMENT, "id": UUID}), "object: must not have id"),
    (with_object({**SUB_STATEMENT, "stored": FULL["stored"]}), "object: must not have stored"),
    (with_object({**SUB_STATEMENT, "version": "1.0.3"}), "object: must not have version"),
    (with_object({**SUB_STATEMENT, "authority": AGENT}), "object: must not have authority"),
    (with_object({"objectType": "SubStatement"}), "object: must have actor, verb, object"),
    (
        with_object({**SUB_STATEMENT, "object": SUB_STATEMENT}),
        "object.object.objectType: must be an object other than a SubStatement, inside one",
    ),
    (
        with_object({**SUB_STATEMENT, "result": {"score": {"min": 1, "max": 1}}}),
        "object.result.score: min must be less than max",
    ),
    (
        with_object({**SUB_STATEMENT, "timestamp": "2023-02-29T12:00:00Z"}),
        "object.timestamp: must be a date of the calendar",
    ),
    (
        change("verb.id", "http://adlnet.gov/expapi/verbs/voided"),
        "object.objectType: must be StatementRef, for the verb is voided",
    ),
    # definition
    (with_definition(extra=1), "object.definition: must not have extra"),
    (with_definition(type="problem"), f"object.definition.type: {IRI}"),
    (with_definition(moreInfo="/more"), f"object.definition.moreInfo: {IRI}"),
    (with_definition(name={"en": 5}), "object.definition.name.en: must be text"),
    (with_definition(extensions={"x": 1}), f"object.definition.extensions: keys {IRI}"),
    (with_definition(extensions=[]), "object.definition.extensions: must be an object"),
    (
        with_definition(interactionType="essay"),
        f"object.definition.interactionType: must be one of {INTERACTIONS}",
    ),
    (
        with_definition(correctResponsesPattern=["a"]),
        "object.definition: must have interactionType",
    ),
    (
        with_definition(interactionType="other", correctResponsesPattern="a"),
        "object.definition.correctResponsesPattern: must be an array",
    ),
    (
        with_definition(interactionType="other", correctResponsesPattern=[1]),
        "object.definition.correctResponsesPattern[0]: must be text",
    ),
    (with_definition(choices=[]), "object.definition: must have interactionType"),
    (
        with_definition(interactionType="likert", choices=[]),
        "object.definition.interactionType: must be choice or sequencing, for there are choices",
    ),
    (
        with_definition(interactionType="choice", scale=[]),
        "object.definition.interactionType: must be likert, for there is a scale",
    ),
    (
        with_definition(interactionType="choice", source=[]),
        "object.definition.interactionType: must be matching, for there is a source",
    ),
    (
        with_definition(interactionType="choice", target=[]),
        "object.definition.interactionType: must be matching, for there is a target",
    ),
    (
        with_definition(interactionType="choice", steps=[]),
        "object.definition.interactionType: must be performance, for there are steps",
    ),
    (
        with_definition(interactionType="choice", choices=[{}]),
        "object.definition.choices[0]: must have id",
    ),
    (
        with_definition(interactionType="choice", choices=[{"id": "a"}, {"id": "a"}]),
        "object.definition.choices: ids must be distinct",
    ),
    # result
    (change("result.extra", 1), "result: must not have extra"),
    (change("result.success", "true"), "result.success: must be true or false"),
    (change("result.success", 1), "result.success: must be true or false"),
    (change("result.completion", None), "result.completion: must be true or false"),
    (change("result.response", ["a"]), "result.response: must be text"),
    (change("result.extensions", {"time": 1}), f"result.extensions: keys {IRI}"),
    (change("result.score", 1), "result.score: must be an object"),
    (change("result.score.grade", 1), "result.score: must not have grade"),
    (change("result.score.scaled", 1.01), "result.score.scaled: must be at most 1"),
    (change("result.score.scaled", -1.01), "result.score.scaled: must be at least -1"),
    (change("result.score.raw", "1"), "result.score.raw: must be a number"),
    (change("result.score.raw", True), "result.score.raw: must be a number"),
    (change("result.score", {"min": 0, "max": 0}), "result.score: min must be less than max"),
    (change("result.score.raw", 3), "result.score: raw must not be more than max"),
    (change("result.score.raw", -1), "result.score: raw must not be less than min"),
    # context
    (change("context.extra", 1), "context: must not have extra"),
    (change("context.registration", "r"), "context.registration: must be a UUID"),
    (change("context.instructor", {}), f"context.instructor: {ONE_ID}"),
    (change("context.team", AGENT), "context.team.objectType: must be Group"),
    (
        change("context.contextActivities.child", []),
        "context.contextActivities: must not have child",
    ),
    (
        change("context.contextActivities.parent", [{}]),
        "context.contextActivities.parent[0]: must have id",
    ),
    (
        change("context.contextActivities.other", "x"),
        "context.contextActivities.other: must be an object",
    ),
    (
        change("context.contextActivities.grouping.1", {**ACTIVITY, "objectType": "GroupActivity"}),
        "context.contextActivities.grouping[1].objectType: must be Activity",
    ),
    (
        change(
            "context.contextActivities.category",
            {
                **ACTIVITY,
                "definition": {"interactionType": "likert", "scale": [{"id": "a"}, {"id": "a"}]},
            },
        ),
        "context.contextActivities.category.definition.scale: ids must be distinct",
    ),
    (change("context.language", "english language"), f"context.language: {TAG}"),
    (change("context.language", "en\n"), f"context.language: {TAG}"),
    (change("context.language", "e"), f"context.language: {TAG}"),
    (change("context.statement", {"id": UUID}), "context.statement: must have objectType"),
    (change("object", AGENT), f"context.revision: {ACTIVITY_ONLY}"),
    (change("object", AGENT), f"context.platform: {ACTIVITY_ONLY}"),
    (
        change("object", {"objectType": "StatementRef", "id": UUID}),
        f"context.platform: {ACTIVITY_ONLY}",
    ),
    # attachments
    (change("attachments", {}), "attachments: must be an array"),
    (change("attachments.0.usageType", "certificate"), f"{ATTACHMENT}.usageType: {IRI}"),
    (change("attachments.0.length", 1.5), f"{ATTACHMENT}.length: must be a whole number"),
    (change("attachments.0.length", -1), f"{ATTACHMENT}.length: must be at least 0"),
    (
        change("attachments.0.contentType", "text"),
        f"{ATTACHMENT}.contentType: must be a media type",
    ),
    (
        change("attachments.0.sha2", "x" * 64),
        f"{ATTACHMENT}.sha2: must be the hex digits of a SHA-2 hash",
    ),
    (
        change("attachments.0.sha2", "0" * 40),
        f"{ATTACHMENT}.sha2: must be the hex digits of a SHA-2 hash",
    ),
    (change("attachments.0.fileUrl", "certificate.txt"), f"{ATTACHMENT}.fileUrl: {IRI}"),
    (change("attachments.0.extra", 1), f"{ATTACHMENT}: must not have extra"),
]
INVALID += [
    (change(f"attachments.0.{key}", MISSING), f"{ATTACHMENT}: must have {key}")
    for key in ("usageType", "display", "contentType", "length", "sha2")
]
INVALID += [
    (change("timestamp", text), f"timestamp: {TIME}")
    for text in (
        "2024-02-29T12:00:00",
        "2024-02-29 12:00:00Z",
        "2024-02-29",
        "2024-2-29T12:00:00Z",
        "2024-13-01T12:00:00Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:60:00Z",
        "2024-02-29T12:00:00-00:00",
        "2024-02-29T12:00:00-0000",
        "2024-02-29T12:00:00-00",
        "2024-02-29T12:00:00Z\n",
        "٢٠٢٤-02-29T12:00:00Z",
        "yesterday",
        "",
    )
]
INVALID += [
    (change("stored", "2024-02-29T12:00:00"), f"stored: {TIME}"),
    (change("stored", "2024-02-30T12:00:00Z"), "stored: must be a date of the calendar"),
    (change("timestamp", "2023-02-29T12:00:00Z"), "timestamp: must be a date of the calendar"),
    (change("timestamp", "0000-01-01T12:00:00Z"), "timestamp: must be a date of the calendar"),
]
INVALID += [
    (change("result.duration", text), f"result.duration: {DURATION}")
    for text in (
        "P",
        "PT",
        "1M",
        "PT1X",
        "P1DT",
        "PT1.5H30M",
        "P1.5DT1S",
        "P1H",
        "PT-1S",
        "P1W1D",
        "00:01:30",
        "PT1S\n",
    )
]


@pytest.mark.parametrize(("statement", "error"), INVALID, ids=[error for _, error in INVALID])
def test_a_statement_that_breaks_a_rule_is_refused_with_the_rule(
    statement: dict[str, Any], error: str
) -> None:
    errors = statement_errors(statement)

    assert error in errors
    with pytest.raises(InvalidStatement) as raised:
        validate_statement(statement)
    assert raised.value.errors == errors


@pytest.mark.parametrize(("statement", "error"), INVALID, ids=[error for _, error in INVALID])
def test_both_validators_agree_on_what_breaks_a_rule(statement: dict[str, Any], error: str) -> None:
    beyond = ("distinct", "calendar", "min must", "raw must")

    assert agrees(statement) == any(word in error for word in beyond)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "must be a finite number"),
        (float("-inf"), "must be a finite number"),
        ("\ud800", "must be valid Unicode"),
        ({1: 2}, "keys must be text"),
        ({"\udfff": 2}, "keys must be text"),
        ({"a"}, "must be JSON, not set"),
        (b"a", "must be JSON, not bytes"),
        ((1,), "must be JSON, not tuple"),
    ],
)
def test_what_json_does_not_have_is_refused_wherever_it_is(value: Any, problem: str) -> None:
    inside = change("context.extensions", {"https://example.org/x": [{"secret key": value}]})

    assert statement_errors(inside) == [f"context.extensions: {problem}"]
    assert statement_errors(change("result.response", value)) == [f"result.response: {problem}"]


def test_bottomless_nesting_is_refused() -> None:
    bottom: list[Any] = []
    for _ in range(5000):
        bottom = [bottom]

    errors = statement_errors(change("context.extensions", {"https://example.org/x": bottom}))

    assert errors == ["context.extensions: must not be nested more than 64 deep"]


def test_nesting_up_to_the_limit_is_fine_for_both_validators() -> None:
    bottom: Any = 1
    for _ in range(validation.MAX_DEPTH - 3):
        bottom = {"x": bottom}
    statement = change("context.extensions", {"https://example.org/x": bottom})

    assert statement_errors(statement) == []
    assert agrees(statement)


@pytest.mark.parametrize("number", [10**30, -(2**63), 1e308, 5e-324, -0.0])
def test_extreme_numbers_are_numbers(number: float) -> None:
    statement = change("result.score", {"raw": number})

    assert statement_errors(statement) == []
    assert agrees(statement)


def test_messages_hold_no_values() -> None:
    """Errors end up in logs, and a statement is about somebody."""
    secret = "ann@example.org"
    spoiled: list[dict[str, Any]] = [
        change(path, value)
        for path in (
            "id",
            "actor",
            "verb.id",
            "verb.display",
            "object.id",
            "result.response",
            "result.duration",
            "context.language",
            "timestamp",
            "version",
            "result.score",
        )
        for value in (secret, {secret: secret}, [secret], {"en": [secret]})
    ]

    errors = [error for statement in spoiled for error in statement_errors(statement)]

    assert len(errors) >= len(spoiled) - 2
    assert not [error for error in errors if "ann" in error]


def test_the_exception_is_one_of_ours_and_stays_short() -> None:
    with pytest.raises(
        InvalidStatement, match=r"not valid xAPI 1\.0\.3: .*; and \d+ more"
    ) as raised:
        validate_statement({"a": 1, "id": 1, "version": 3, "result": 4})

    assert isinstance(raised.value, EventkitError)
    assert isinstance(raised.value, ValueError)
    assert len(raised.value.errors) == 5


def test_any_mapping_is_taken() -> None:
    assert statement_errors(MappingProxyType(FULL)) == []


def test_without_the_fast_extra_the_answers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    statements = [*VALID.values(), *(statement for statement, _ in INVALID)]
    expected = [statement_errors(statement) for statement in statements]

    monkeypatch.setattr(validation._STATEMENTS["1.0.3"], "accepts", None)

    assert [statement_errors(statement) for statement in statements] == expected


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab-:/."), inner, max_size=3)
    ),
    max_leaves=5,
)


def _paths(value: Any, path: str = "") -> list[str]:
    if not isinstance(value, (dict, list)):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    below = [
        found
        for key, item in items
        if "." not in str(key)
        for found in _paths(item, f"{path}.{key}" if path else str(key))
    ]
    return [path, *below] if path else below


@given(path=st.sampled_from(_paths(FULL)), value=json_values)
def test_any_change_is_judged_without_a_crash_and_alike(path: str, value: Any) -> None:
    statement = change(path, value)

    assert all(isinstance(error, str) for error in statement_errors(statement))
    agrees(statement)


def test_no_pattern_is_slow() -> None:
    """Long hostile texts in every field that has a pattern take no time to speak of."""
    size = 50_000
    hostile = [
        "a" * size,
        "1" * size,
        "P" + "1" * size,
        "P" + "1." * size,
        "en" + "-a" * size,
        "mailto:" + "a" * size,
        "x:" + "a" * size + " ",
        "a-" * size,
        "a/b" + ";" * size,
        "2024-02-29T12:00:00." + "1" * size,
        "PT" + "1.1" * size,
        "a-v1" * size,
    ]
    started = time.monotonic()

    for text in hostile:
        for path in (
            "id",
            "verb.id",
            "actor.account.homePage",
            "timestamp",
            "version",
            "result.duration",
            "context.language",
            "attachments.0.contentType",
            "attachments.0.sha2",
        ):
            statement_errors(change(path, text))
        statement_errors(change("actor", {"mbox": text}))

    assert time.monotonic() - started < 20


REFUSED_FIXTURES = {
    # files: the number of statements refused, of all in the file
    "edx.grades.problem.submitted.weighted_possible_0.json": (1, 1),
    "edx.problem.completed(proposed).json": (1, 1),
    "edx.special_exam.practice.attempt.created.json": (1, 1),
    "edx.special_exam.proctored.attempt.submitted.json": (1, 1),
    "edx.special_exam.timed.attempt.created.json": (1, 1),
    "problem_check(browser).required.only.data.json": (1, 1),
    "problem_check(server).list_answers.json": (5, 5),
    "problem_check(server).max_grade_0.json": (1, 1),
    "problem_check(server,multiple_questions,correct).json": (4, 4),
}


def test_of_the_peers_statements_exactly_the_faulty_ones_are_refused(shared_data: Any) -> None:
    files = sorted((shared_data / "peer_fixtures" / "xapi").glob("*.json"))
    if not files:
        pytest.skip("no fixtures here")
    refused = {}
    total = 0
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        statements = content if isinstance(content, list) else [content]
        total += len(statements)
        bad = sum(1 for statement in statements if statement_errors(statement))
        if bad:
            refused[file.name] = (bad, len(statements))

    assert (len(files), total) == (42, 49)
    assert refused == REFUSED_FIXTURES
