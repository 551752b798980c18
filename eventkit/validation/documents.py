"""
What the checks of statements and of Caliper events share.

The rules of either are a JSON Schema. With the extra ``fast`` a valid document is accepted by
jsonschema-rs. What is wrong with any other is always said by jsonschema, so that the messages do
not depend on what is installed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from eventkit.typing import Json

MAX_DEPTH = 64
"""How deeply a document may be nested; only inside extensions is that up to the sender."""

_WORD = re.compile(r"@context|[A-Za-z0-9_-]{1,40}", re.ASCII)
_FREE = ("extensions", "messageParameters")
_SHOWN = 3

_TYPES = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}

_LIMITS = {
    "maxItems": "have at most {} items",
    "maxLength": "have at most {} characters",
    "maximum": "be at most {}",
    "minItems": "have at least {} items",
    "minLength": "have at least {} characters",
    "minProperties": "have at least {} members",
    "minimum": "be at least {}",
}


def shorten(errors: list[str]) -> str:
    """Join the first few of *errors*, for the message of an exception."""
    more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    return "; ".join(errors[:_SHOWN]) + more


def _shipped(file: str) -> Json:
    found: Json = json.loads(
        (resources.files("eventkit.validation") / file).read_text(encoding="utf-8")
    )
    return found


def _patched(whole: Json, changes: Json) -> Json:
    """Merge *changes* into *whole*, objects key by key, anything else replaced."""
    made = dict(whole)
    for key, value in changes.items():
        before = whole.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            made[key] = _patched(before, value)
        else:
            made[key] = value
    return made


class Schema:
    """
    A shipped JSON Schema, or one definition in it, as a check of documents.

    Args:
        file: its name.

        root: what a document itself is called where there is no path.

        definition: the one that counts; ``""``: the whole.

        changes: the name of a file that is merged into it (RFC 7386).
    """

    def __init__(self, file: str, root: str, definition: str = "", *, changes: str = "") -> None:
        self._file = file
        self._root = root
        self._definition = definition
        self._changes = changes

    def read(self) -> Json:
        """Read it."""
        loaded = _shipped(self._file)
        if self._changes:
            loaded = _patched(loaded, _shipped(self._changes))
        return loaded | {"$ref": f"#/$defs/{self._definition}"} if self._definition else loaded

    def errors(self, instance: Json) -> list[str]:
        """List what makes *instance* no JSON or breaks the schema, as ``"path: rule"``."""
        # First, for the validators disagree about what is not JSON.
        errors = list(dict.fromkeys(_not_json(instance, "", 0, self._root)))
        if errors or (self.accepts is not None and self.accepts(instance)):
            return errors
        found = sorted(self._validator.iter_errors(instance), key=lambda error: error.json_path)
        return list(dict.fromkeys(_describe(error, self._root) for error in found))

    @cached_property
    def accepts(self) -> Callable[[Json], bool] | None:
        """The quick check; None without the extra ``fast``."""
        try:
            import jsonschema_rs  # noqa: PLC0415 - optional
        except ImportError:
            return None
        check: Callable[[Json], bool] = jsonschema_rs.Draft202012Validator(self.read()).is_valid
        return check

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return Draft202012Validator(self.read())


def is_date(text: str) -> bool:
    """Tell whether *text*, of the right form, is a time of the calendar."""
    # A leap second is a valid time, which Python does not know.
    try:
        datetime.fromisoformat(text[:16] + text[16:].replace(":60", ":59", 1))
    except ValueError:
        return False
    return True


def step(path: str, part: str | int) -> str:
    """Extend *path*; what stands inside extensions may be anything, so it is not named."""
    if path.endswith(_FREE):
        return path
    if isinstance(part, int):
        return f"{path}[{part}]"
    shown = part if _WORD.fullmatch(part) else "?"
    return f"{path}.{shown}" if path else shown


def _not_json(value: Any, path: str, depth: int, root: str) -> Iterator[str]:
    """Find what cannot be sent as JSON, or what JSON parsers disagree about."""
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            yield f"{path}: must not be nested more than {MAX_DEPTH} deep"
            return
        for key, item in value.items():
            if isinstance(key, str) and _is_unicode(key):
                yield from _not_json(item, step(path, key), depth + 1, root)
            else:
                yield f"{path or root}: keys must be text"
    elif isinstance(value, list):
        if depth >= MAX_DEPTH:
            yield f"{path}: must not be nested more than {MAX_DEPTH} deep"
            return
        for index, item in enumerate(value):
            yield from _not_json(item, step(path, index), depth + 1, root)
    elif problem := _scalar_problem(value):
        yield f"{path}: {problem}"


def _scalar_problem(value: Any) -> str:
    if isinstance(value, str):
        return "" if _is_unicode(value) else "must be valid Unicode"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "must be a finite number"
    if value is None or isinstance(value, (bool, int)):
        return ""
    return f"must be JSON, not {type(value).__name__}"


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _describe(error: ValidationError, root: str) -> str:
    """Say which rule was broken and where, without the value that broke it."""
    path = ""
    for part in error.absolute_path:
        path = step(path, part)
    about = "keys " if "propertyNames" in error.absolute_schema_path else ""
    return f"{path or root}: {about}{_rule(error)}"


def _rule(error: Any) -> str:
    keyword, expected, instance = error.validator, error.validator_value, error.instance
    if keyword == "required":
        return "must have " + ", ".join(name for name in expected if name not in instance)
    if keyword == "dependentRequired":
        needed = {name for key, names in expected.items() if key in instance for name in names}
        return "must have " + ", ".join(sorted(needed - set(instance)))
    if keyword == "additionalProperties":
        unknown = sorted(set(instance) - set(error.schema["properties"]))
        return "must not have " + ", ".join(step("", name) for name in unknown)
    if keyword == "type":
        return f"must be {_TYPES[expected]}"
    if "description" in error.schema:
        return f"must be {error.schema['description']}"
    if keyword == "enum":
        return "must be one of " + ", ".join(expected)
    if keyword == "const":
        return f"must be {expected}"
    return "must " + _LIMITS[keyword].format(expected)
