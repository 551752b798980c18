"""
Whether two statements say the same, as xAPI compares them.

What a record store adds or may write in another way does not count (xAPI 1.0.3, part 2, 2.3.1 and
4.2.1 to 4.2.7), nor does which release of this package has made a statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from isodate import ISO8601Error, parse_duration

from eventkit.events.shapes.iris import TRANSFORMER_VERSION
from eventkit.reading.source import utc
from eventkit.typing import Json

_ADDED = frozenset({"authority", "stored", "version"})
_MILLISECONDS = 1000
_HUNDREDTHS = 100
_MOST_EXACT = 2**53


def differences(sent: Json, stored: Json) -> list[str]:
    """
    Name the members in which *stored*, as a record store gives it, differs from what was *sent*.

    Members that the record store sets are left out, as are the descriptions of activities and
    verbs, which are no part of a statement; times are compared as moments, durations to hundredths
    of a second, and lists that have no order without it.
    """
    try:
        ours, theirs = _statement(sent), _statement(stored)
    except RecursionError:
        return ["depth"]
    if "timestamp" not in ours:
        theirs.pop("timestamp", None)
    return sorted(
        key
        for key in ours.keys() | theirs.keys()
        if _written(ours.get(key)) != _written(theirs.get(key))
    )


def _statement(statement: Json) -> Json:
    return {
        key: _MEMBERS.get(key, _plain)(value)
        for key, value in statement.items()
        if key not in _ADDED
    }


def _plain(value: Any) -> Any:
    """Leave out in which way a number is written."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and abs(value) < _MOST_EXACT and value == int(value):
        return int(value)
    return value


def _id(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _time(value: Any) -> Any:
    found = utc(value) if isinstance(value, str) else None
    return value if found is None else int(found.timestamp() * _MILLISECONDS)


def _duration(value: Any) -> Any:
    try:
        return int(parse_duration(value).total_seconds() * _HUNDREDTHS)
    except (ISO8601Error, TypeError, ValueError, OverflowError, AttributeError):
        # Years and months have no length of their own; then the text has to do.
        return value


def _verb(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def _agent(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {"objectType": "Agent"} | _plain(value)
    if isinstance(found.get("member"), list):
        found["member"] = _unordered(map(_agent, value["member"]))
    return found


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kind = value.get("objectType", "Activity")
    if kind == "Activity":
        return {"objectType": kind, "id": value.get("id")}
    if kind in ("Agent", "Group"):
        return _agent(value)
    return _statement(value)


def _result(value: Any) -> Any:
    return _members(value, {"duration": _duration})


def _context(value: Any) -> Any:
    found = _members(
        value,
        {
            "registration": _id,
            "instructor": _agent,
            "team": _agent,
            "statement": _object,
            "contextActivities": _activities,
            "extensions": _extensions,
        },
    )
    if isinstance(found, dict):
        for key in ("contextActivities", "extensions"):
            if found.get(key) == {}:
                del found[key]
        # They say in xAPI 2.0 what other members say too.
        for key in ("contextAgents", "contextGroups"):
            found.pop(key, None)
    return found


def _activities(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {
        key: _unordered(map(_object, each if isinstance(each, list) else [each]))
        for key, each in value.items()
    }
    return {key: each for key, each in found.items() if each}


def _extensions(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _plain(each) for key, each in value.items() if key != TRANSFORMER_VERSION}


def _attachments(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    told = ("usageType", "contentType", "length", "sha2")
    return _unordered(
        {key: each.get(key) for key in told} if isinstance(each, dict) else each for each in value
    )


def _members(value: Any, of: dict[str, Callable[[Any], Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: of.get(key, _plain)(each) for key, each in value.items()}


def _unordered(items: Iterable[Any]) -> list[Any]:
    return sorted(items, key=_written)


def _written(value: Any) -> str:
    # As text: to Python, true is 1.
    return json.dumps(value, sort_keys=True)


_MEMBERS: dict[str, Callable[[Any], Any]] = {
    "id": _id,
    "actor": _agent,
    "verb": _verb,
    "object": _object,
    "result": _result,
    "context": _context,
    "timestamp": _time,
    "attachments": _attachments,
}
