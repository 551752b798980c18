"""Checking settings against a shipped JSON Schema, with messages made for people."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_MAX_SHOWN = 60


@lru_cache
def validator(schema: str, definition: str) -> Draft202012Validator:
    """Build, once, the validator of *definition* in the shipped *schema*."""
    # Most of the time that `import eventkit` would take.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    text = (files("eventkit") / schema).read_text(encoding="utf-8")
    return Draft202012Validator(
        {"$ref": f"#/$defs/{definition}", "$defs": json.loads(text)["$defs"]}
    )


def complaints(
    settings: Mapping[str, Any],
    *,
    schema: str,
    definition: str,
    private: Collection[str] = (),
) -> Iterator[str]:
    """
    Say, in one line each, what is wrong with *settings*.

    Each names the key, what was given and what would be right. Under the top-level keys in
    *private* the values are never shown, only their types.
    """
    errors = validator(schema, definition).iter_errors(settings)
    for error in sorted(errors, key=lambda error: [str(step) for step in error.absolute_path]):
        path = [str(step) for step in error.absolute_path]
        where = ".".join(path)
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known = error.schema.get("properties", {})
            prefix = f"{where}." if where else ""
            for key in error.instance:
                if key not in known:
                    yield f"unknown key {prefix + str(key)!r:.80}; {near_miss(str(key), known)}"
        elif error.validator == "required":
            prefix = f"{where}." if where else ""
            for key in error.validator_value:
                if key not in error.instance:
                    yield f"{prefix}{key} is missing"
        else:
            given = _shown(error, is_private=bool(path) and path[0] in private)
            hint = _meant(error)
            yield f"{where or 'settings'}: expected {_expected(error)}, got {given}{hint}"


def near_miss(given: str, known: Collection[str]) -> str:
    """Suggest the known key that *given* was meant to be, or list what is known."""
    lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(given[:_MAX_SHOWN].lower(), lower, n=1, cutoff=0.6)
    if close:
        return f"did you mean {lower[close[0]]!r}?"
    return f"known here: {', '.join(sorted(known))}" if known else "nothing is known here"


def _meant(error: ValidationError) -> str:
    """Say which of the values or keys that are known was meant; nothing of what was given."""
    given: list[Any] = []
    known: set[str] = set()
    rule: Any = error.validator_value
    if error.validator == "enum":
        given, known = [error.instance], set(rule)
    elif error.validator == "anyOf" and isinstance(error.instance, dict):
        given = list(error.instance)
        known = {key for one in rule for key in one.get("properties", ())}
    for each in given:
        if isinstance(each, str) and each not in known:
            close = difflib.get_close_matches(each[:_MAX_SHOWN].lower(), known, n=1, cutoff=0.6)
            if close:
                return f"; did you mean {close[0]!r}?"
    return ""


def _expected(error: ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    return str(schema.get("title") or f"{error.validator} {error.validator_value}")


def _shown(error: ValidationError, *, is_private: bool) -> str:
    """Show what was given; of a private value only what it is."""
    value = error.instance
    if value is None or isinstance(value, (dict, list)) or (is_private and value != ""):
        return f"{_KINDS.get(type(value), type(value).__name__)}"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


_KINDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing (null)",
}
