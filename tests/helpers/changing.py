"""Spoiling documents, one member at a time."""

from __future__ import annotations

import copy
from typing import Any

from eventkit.validation.profiles import _parsed

MISSING = object()


def change(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Copy *document* with *value* at the dotted *path*; `MISSING` takes away what is there."""
    changed = copy.deepcopy(document)
    *parents, last = path.split(".")
    target: Any = changed
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    if value is MISSING:
        del target[last]
    elif isinstance(target, list):
        target[int(last)] = value
    else:
        target[last] = value
    return changed


def take_away(document: dict[str, Any], path: str) -> dict[str, Any]:
    """Copy *document* without what is at a JSONPath; what becomes empty by that goes, too."""
    changed = copy.deepcopy(document)
    for steps in _parsed(path):
        _take_away(changed, [step.keys for step in steps])
    return changed


def _take_away(value: Any, steps: list[tuple[str | int | None, ...]]) -> None:
    if not isinstance(value, (dict, list)):
        return
    for key in list(value) if isinstance(value, dict) else reversed(range(len(value))):
        if key not in steps[0] and None not in steps[0]:
            continue
        if steps[1:]:
            _take_away(value[key], steps[1:])
        if not steps[1:] or value[key] in ({}, []):
            del value[key]
