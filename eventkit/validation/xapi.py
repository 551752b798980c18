"""
Checking statements against xAPI 1.0.3, or 2.0 (IEEE 9274.1.1).

The rules are those of ``xapi-1.0.3.json``, with what ``xapi-2.0.json`` has otherwise, plus the few
that JSON Schema cannot express.
With the extra ``fast`` a valid statement is accepted many times as fast; what is wrong with any
other is said in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from eventkit.exceptions import EventkitError
from eventkit.typing import Json
from eventkit.validation.documents import (
    MAX_DEPTH,
    Schema,
    is_date,
    shorten,
)

__all__ = ["MAX_DEPTH", "InvalidStatement", "schema", "statement_errors", "validate_statement"]

VersionName = Literal["1.0.3", "2.0"]
"""A version of xAPI, as settings name it."""

_STATEMENTS: Final[Mapping[VersionName, Schema]] = {
    "1.0.3": Schema("xapi-1.0.3.json", "statement"),
    "2.0": Schema("xapi-1.0.3.json", "statement", changes="xapi-2.0.json"),
}
_COMPONENTS = ("choices", "scale", "source", "target", "steps")
_ROLES = ("parent", "grouping", "category", "other")


class InvalidStatement(EventkitError, ValueError):
    """
    A statement breaks a rule of xAPI.

    *errors* says which, and where, one text each. Values of the statement are never part of it.
    """

    def __init__(self, errors: list[str], version: VersionName = "1.0.3") -> None:
        super().__init__(f"not valid xAPI {version}: {shorten(errors)}")
        self.errors = errors


def validate_statement(statement: Mapping[str, Any], version: VersionName = "1.0.3") -> None:
    """
    Refuse *statement* unless it is valid xAPI of *version*.

    Raises:
        InvalidStatement: it is not; its *errors* say why.
    """
    errors = statement_errors(statement, version)
    if errors:
        raise InvalidStatement(errors, version)


def statement_errors(statement: Mapping[str, Any], version: VersionName = "1.0.3") -> list[str]:
    """List what is wrong with *statement*, as ``"path: rule"``; empty when nothing is."""
    instance = dict(statement)
    return _STATEMENTS[version].errors(instance) or list(_beyond_schema(instance, ""))


def schema(version: VersionName = "1.0.3") -> Json:
    """Give the JSON Schema for one statement of *version*."""
    return _STATEMENTS[version].read()


def _beyond_schema(statement: Json, within: str) -> Iterator[str]:
    """Check what needs arithmetic, a calendar, or a look at several items at once."""
    for key in ("timestamp", "stored"):
        if key in statement and not is_date(statement[key]):
            yield f"{within}{key}: must be a date of the calendar"
    yield from _score_errors(statement.get("result", {}).get("score", {}), within)
    for path, activity in _activities(statement):
        definition = activity.get("definition", {})
        for key in _COMPONENTS:
            ids = [component["id"] for component in definition.get(key, ())]
            if len(set(ids)) < len(ids):
                yield f"{within}{path}.definition.{key}: ids must be distinct"
    inner = statement["object"]
    if inner.get("objectType") == "SubStatement":
        yield from _beyond_schema(inner, "object.")


def _score_errors(score: Json, within: str) -> Iterator[str]:
    low, high, raw = score.get("min"), score.get("max"), score.get("raw")
    if low is not None and high is not None and not low < high:
        yield f"{within}result.score: min must be less than max"
    if raw is not None and low is not None and raw < low:
        yield f"{within}result.score: raw must not be less than min"
    if raw is not None and high is not None and raw > high:
        yield f"{within}result.score: raw must not be more than max"


def _activities(statement: Json) -> Iterator[tuple[str, Json]]:
    if statement["object"].get("objectType", "Activity") == "Activity":
        yield "object", statement["object"]
    context = statement.get("context", {}).get("contextActivities", {})
    for role in _ROLES:
        found = context.get(role, ())
        if isinstance(found, dict):
            yield f"context.contextActivities.{role}", found
            continue
        for index, activity in enumerate(found):
            yield f"context.contextActivities.{role}[{index}]", activity
