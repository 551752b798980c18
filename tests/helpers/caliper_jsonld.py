"""Finding what a JSON-LD processor leaves of a Caliper event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import caliper_context
from pyld import jsonld

_ALIASES = {"id": "@id", "type": "@type"}
_BASE = "https://base.invalid/"
"""What relative IRIs begin with once they are expanded."""


def lost_members(event: dict[str, Any]) -> list[str]:
    """
    List the members of *event* that are gone, or have lost their meaning, after JSON-LD expansion.

    Each is a dotted path, array items with their index; what is below a lost member is not listed.
    A term without a definition (a type, an action) has lost its meaning: it becomes a relative IRI,
    whose sense depends on where the event is read.
    """
    expanded = expand(event)
    context = json.dumps(event["@context"])
    if len(expanded) != 1:
        return sorted(event)
    return list(_lost(event, expanded[0], context, ""))


def expand(document: dict[str, Any]) -> list[Any]:
    """Expand *document*; its context comes from here, and nothing from the network."""
    expanded: list[Any] = jsonld.expand(document, {"documentLoader": _load, "base": _BASE})
    return expanded


def _load(url: str, _options: Any) -> dict[str, Any]:
    if url != caliper_context.IRI:
        raise LookupError(f"{url} is not the context of Caliper 1.2")
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": {"@context": caliper_context.CONTEXT},
    }


@cache
def _meaning(key: str, context: str) -> str | None:
    """Ask the processor which IRI *key* has in *context*; None: none, it is dropped."""
    expanded = expand({"@context": json.loads(context), key: {"@value": ""}})
    return next(iter(expanded[0])) if expanded else None


def _lost(node: dict[str, Any], expanded: dict[str, Any], context: str, path: str) -> Iterator[str]:
    """Compare the members of one object with those of what became of it."""
    for key, value in node.items():
        if key == "@context":
            continue
        here = f"{path}.{key}" if path else key
        if alias := _ALIASES.get(key):
            yield from _lost_names(expanded.get(alias), value, here)
            continue
        meaning = _meaning(key, context)
        found = expanded.get(meaning) if meaning else None
        if found is None:
            yield here
        else:
            yield from _lost_values(value, found, context, here)


def _lost_names(found: Any, value: Any, path: str) -> Iterator[str]:
    """Check an id, or types: each must be an IRI (or a blank node) that means the same anywhere."""
    names = found if isinstance(found, list) else [found]
    if not all(map(_is_absolute, names)) or (isinstance(found, str) and found != value):
        yield path


def _is_absolute(name: Any) -> bool:
    return isinstance(name, str) and not name.startswith(_BASE)


def _lost_values(value: Any, found: list[Any], context: str, path: str) -> Iterator[str]:
    """Compare a value, or the items of an array, with what became of it."""
    items = list(_items(value, path))
    if len(items) != len(found):
        yield path
        return
    for (here, item), each in zip(items, found, strict=True):
        if isinstance(item, dict):
            yield from _lost(item, each, context, here)
        elif "@value" in each:
            if each["@value"] != item:
                yield here
        elif not _is_absolute(each.get("@id")):
            yield here


def _items(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Give the items of nested arrays one by one, as expansion does."""
    if not isinstance(value, list):
        yield path, value
        return
    for index, item in enumerate(value):
        yield from _items(item, f"{path}[{index}]")
