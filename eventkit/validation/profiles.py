"""
Checking statements against the templates of xAPI Profiles 1.0.

A template says which statements it is for, by its *determining properties* (verb, types of
activities and attachments), and which rules those follow. `template_errors` names what is broken;
`fulfilled` finds the templates that a statement fulfils. A profile is what its JSON-LD says, read
by `json.loads`; whether that itself is right is not looked at, but for the paths of its rules.

Source: xAPI Profiles 1.0, part two, section 8; part three, section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

__all__ = ["find", "fulfilled", "is_for", "rule_errors", "template_errors"]

_ROLES = {
    "contextParentActivityType": "parent",
    "contextGroupingActivityType": "grouping",
    "contextCategoryActivityType": "category",
    "contextOtherActivityType": "other",
}
_UNMATCHABLE: Final = object()
"""What stands for a place that a rule's selector finds nothing in."""

_Key: TypeAlias = str | int | None
"""A member, an item, or None: all children."""


class _Step(NamedTuple):
    keys: tuple[_Key, ...]
    is_deep: bool
    """Whether it starts from everything below, too."""


def is_for(statement: Json, template: Json) -> bool:
    """Tell whether the determining properties of *template* are those of *statement*."""
    return not any(_undetermined(_normalised(statement), template))


def template_errors(
    statement: Json,
    template: Json,
    *,
    templates: Iterable[Json] = (),
    statements: Mapping[str, Json] | None = None,
) -> list[str]:
    """
    List how *statement* departs from *template*, as ``"place: rule"``; empty when it fulfils it.

    Values of the statement are never part of it.

    Args:
        statement: one that is valid xAPI.

        template: a statement template of a profile.

        templates: those among which it names some for the statements that the statement refers to.

        statements: what is known of other statements, by id; what is not known passes.

    Raises:
        ConfigurationError: the path of a rule is none that xAPI Profiles allows.
    """
    whole = _normalised(statement)
    errors = list(_undetermined(whole, template))
    errors += _reference_errors(whole, template, tuple(templates), statements or {})
    for rule in template.get("rules", ()):
        errors += rule_errors(whole, rule)
    return errors


def fulfilled(
    statement: Json, templates: Iterable[Json], *, statements: Mapping[str, Json] | None = None
) -> list[str]:
    """Give the ids of those of *templates* that *statement* fulfils; see `template_errors`."""
    among = tuple(templates)
    return [
        template["id"]
        for template in among
        if not template_errors(statement, template, templates=among, statements=statements)
    ]


def rule_errors(statement: Json, rule: Json) -> list[str]:
    """List how *statement* breaks one rule of a template; its activities stand in arrays."""
    place, selector = rule["location"], rule.get("selector")
    values: list[Any] = find(statement, place)
    if selector is not None:
        places, values = values, []
        for each in places:
            values += find(each, selector) or [_UNMATCHABLE]
        place = f"{place} {selector}"
    return [f"{place}: {error}" for error in _broken(values, rule)]


def _broken(values: list[Any], rule: Json) -> Iterator[str]:
    matchable = [value for value in values if value is not _UNMATCHABLE]
    is_partial = len(matchable) < len(values)
    presence = rule.get("presence")
    if presence == "included" and (not values or is_partial):
        yield "must be there"
        return
    if presence == "excluded" and matchable:
        yield "must not be there"
        return
    if presence == "recommended" and not values:
        return
    given = rule.get("any")
    if given is not None and not any(_is_among(value, given) for value in matchable):
        yield f"must be one of {_shown(given)}"
    given = rule.get("all")
    if given is not None and (
        is_partial or not all(_is_among(value, given) for value in matchable)
    ):
        yield f"must be nothing but {_shown(given)}"
    given = rule.get("none")
    if given is not None and any(_is_among(value, given) for value in matchable):
        yield f"must not be {_shown(given)}"


def _shown(values: list[Any]) -> str:
    return ", ".join(str(value)[:100] for value in values[:5]) + (", ..." if values[5:] else "")


def _is_among(value: Any, values: list[Any]) -> bool:
    return any(_is_same(value, each) for each in values)


def _is_same(one: Any, other: Any) -> bool:
    """Compare as JSON does: 1 is 1.0, but not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


def _undetermined(statement: Json, template: Json) -> Iterator[str]:
    """Find the determining properties of *template* that *statement* does not have."""
    for name, path in (("verb", "$.verb.id"), ("objectActivityType", "$.object.definition.type")):
        if name in template and template[name] not in find(statement, path):
            yield f"{path}: must be {template[name]}"
    for name, role in _ROLES.items():
        path = f"$.context.contextActivities.{role}[*].definition.type"
        for kind in template.get(name, ()):
            if kind not in find(statement, path):
                yield f"{path}: must be one of them {kind}"
    path = "$.attachments[*].usageType"
    for kind in template.get("attachmentUsageType", ()):
        if kind not in find(statement, path):
            yield f"{path}: must be one of them {kind}"


def _reference_errors(
    statement: Json, template: Json, templates: tuple[Json, ...], statements: Mapping[str, Json]
) -> Iterator[str]:
    """Check the statements that *statement* refers to, as far as they are known."""
    for name, place, found in (
        ("objectStatementRefTemplate", "$.object", statement.get("object")),
        (
            "contextStatementRefTemplate",
            "$.context.statement",
            statement.get("context", {}).get("statement"),
        ),
    ):
        wanted = template.get(name)
        if wanted is None:
            continue
        if not isinstance(found, dict) or found.get("objectType") != "StatementRef":
            yield f"{place}: must refer to a statement"
            continue
        other = statements.get(found.get("id", ""))
        if other is None:
            continue
        named = [each for each in templates if each["id"] in wanted]
        if not fulfilled(other, named, statements=statements):
            yield f"{place}: must refer to a statement that fulfils {_shown(wanted)}"


def _normalised(statement: Json) -> Json:
    """Put the activities of the context into arrays, as every record store does."""
    context = statement.get("context")
    activities = context.get("contextActivities") if isinstance(context, dict) else None
    if not isinstance(activities, dict):
        return statement
    arrays = {role: each if isinstance(each, list) else [each] for role, each in activities.items()}
    return statement | {"context": statement["context"] | {"contextActivities": arrays}}


def find(document: Any, path: str) -> list[Any]:
    """
    Give the values at a JSONPath, none when there are none.

    It is the part of JSONPath that xAPI Profiles allows: members, items, ``*``, ``..``, unions of
    them, and several paths joined with ``|``; neither filters nor scripts.

    Raises:
        ConfigurationError: *path* is something else; the message says where.
    """
    found: list[Any] = []
    for steps in _parsed(path):
        values = [document]
        for step in steps:
            if step.is_deep:
                values = [each for value in values for each in _descendants(value)]
            values = [each for value in values for each in _children(value, step.keys)]
        found += values
    return found


def _children(value: Any, keys: tuple[_Key, ...]) -> Iterator[Any]:
    for key in keys:
        if key is None:
            if isinstance(value, dict):
                yield from value.values()
            elif isinstance(value, list):
                yield from value
        elif isinstance(key, str):
            if isinstance(value, dict) and key in value:
                yield value[key]
        elif isinstance(value, list) and key < len(value):
            yield value[key]


def _descendants(value: Any) -> Iterator[Any]:
    """Give a value and everything in it."""
    yield value
    for each in _children(value, (None,)):
        yield from _descendants(each)


_KEY = r"""\s*(?:\*|\d+|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*"""
_STEP = re.compile(
    rf"(?P<deep>\.\.)?(?:(?P<dot>\.)?(?P<name>[A-Za-z_][\w-]*|\*)|\[(?P<keys>{_KEY}(?:,{_KEY})*)\])"
)
_ONE_KEY = re.compile(_KEY)


@lru_cache(maxsize=2_000)
def _parsed(path: str) -> tuple[tuple[_Step, ...], ...]:
    """Read a path: of each of those that are joined, its steps."""
    at, paths = 0, []
    while True:
        at = _after_blanks(path, at)
        steps: list[_Step] = []
        is_rooted = path.startswith("$", at)
        at += is_rooted
        while match := _STEP.match(path, at):
            has_dot = bool(match["dot"] or match["deep"])
            if match["deep"] and match["dot"]:
                break
            # Only the very first name may stand alone.
            if match["name"] and has_dot == (not steps and not is_rooted):
                break
            steps.append(_Step(_keys(match), bool(match["deep"])))
            at = match.end()
        at = _after_blanks(path, at)
        if not steps and not is_rooted:
            break
        paths.append(tuple(steps))
        if at == len(path):
            return tuple(paths)
        if path[at] != "|":
            break
        at += 1
    raise ConfigurationError(
        f"{path!r:.200}: no path of xAPI Profiles from character {at + 1} on; expected members, "
        "items, * or unions of them, such as $.result.extensions['https://...']"
    )


def _after_blanks(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _keys(match: re.Match[str]) -> tuple[_Key, ...]:
    name = match["name"]
    if name is not None:
        return (None if name == "*" else name,)
    return tuple(_key(each[0].strip()) for each in _ONE_KEY.finditer(match["keys"]))


def _key(text: str) -> _Key:
    if text == "*":
        return None
    return int(text) if text.isdecimal() else re.sub(r"\\(.)", r"\1", text[1:-1])
