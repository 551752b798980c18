"""Spoiling documents, one member at a time."""

from __future__ import annotations

import copy
from typing import Any

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
