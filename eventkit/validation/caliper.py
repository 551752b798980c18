"""
Checking events and envelopes against Caliper 1.2.

The rules are those of ``caliper-1.2.json``, plus the few that JSON Schema cannot express.
Where an entity is given by its IRI alone, nobody can tell its type, and any rule about it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from eventkit.events.shapes.caliper import CONTEXT
from eventkit.exceptions import EventkitError
from eventkit.typing import Json
from eventkit.validation.documents import (
    Schema,
    is_date,
    shorten,
    step,
)

_NAMESPACE = "http://purl.imsglobal.org/caliper/"
_FILE = "caliper-1.2.json"
_EVENT = Schema(_FILE, "event", "event")
_ENVELOPE = Schema(_FILE, "envelope", "envelope")
_FREE = ("extensions", "messageParameters")


class InvalidCaliperEvent(EventkitError, ValueError):
    """
    An event breaks a rule of Caliper 1.2.

    *errors* says which, and where, one text each. Values of the event are never part of it.
    """

    def __init__(self, errors: list[str]) -> None:
        super().__init__(f"not valid Caliper 1.2: {shorten(errors)}")
        self.errors = errors


def validate_event(event: Mapping[str, Any]) -> None:
    """
    Refuse *event* unless it is a valid event of Caliper 1.2.

    Raises:
        InvalidCaliperEvent: it is not; its *errors* say why.
    """
    errors = event_errors(event)
    if errors:
        raise InvalidCaliperEvent(errors)


def event_errors(event: Mapping[str, Any]) -> list[str]:
    """List what is wrong with *event*, as ``"path: rule"``; empty when nothing is."""
    instance = dict(event)
    return _EVENT.errors(instance) or list(_beyond_schema(instance))


def envelope_errors(envelope: Mapping[str, Any]) -> list[str]:
    """
    List what is wrong with *envelope*, as ``"path: rule"``; empty when nothing is.

    The events in it are only looked at for what tells them from anything else; that they are right
    is for `event_errors` to say, one by one.
    """
    instance = dict(envelope)
    errors = _ENVELOPE.errors(instance)
    if not errors and not is_date(instance["sendTime"]):
        errors = ["sendTime: must be a date of the calendar"]
    return errors


def schema(definition: str = "event") -> Json:
    """Read the shipped JSON Schema for one event, or for one ``envelope``."""
    return Schema(_FILE, definition, definition).read()


@cache
def _times() -> frozenset[str]:
    """Ask the schema which members are times."""
    definitions = schema()["$defs"]
    members = definitions["event"]["properties"] | definitions["entity"]["properties"]
    return frozenset(key for key, rule in members.items() if rule == {"$ref": "#/$defs/time"})


def _beyond_schema(event: Json) -> Iterator[str]:
    """Check what needs a calendar, the end of an array, or a look at several members at once."""
    context = event["@context"]
    if isinstance(context, list) and context[-1] != CONTEXT:
        yield f"@context: must end with {CONTEXT}"
    for path, node in _nodes({key: event[key] for key in event if key != "@context"}, ""):
        for key in _times() & node.keys():
            if not is_date(node[key]):
                yield f"{step(path, key)}: must be a date of the calendar"
        yield from _anonymity_errors(path, node)


def _nodes(value: Any, path: str) -> Iterator[tuple[str, Json]]:
    """Find every object of the model, with its path."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            if key not in _FREE:
                yield from _nodes(item, step(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nodes(item, step(path, index))


def _anonymity_errors(path: str, node: Json) -> Iterator[str]:
    """Check that an entity which stands for nobody in particular is said nothing of."""
    iri = node.get("id", "")
    if not iri.startswith(_NAMESPACE):
        return
    if iri != _NAMESPACE + node["type"]:
        yield f"{path}.id: must be the IRI of its type, for it is one of Caliper's own"
    if node.keys() != {"id", "type"}:
        yield f"{path}: must have id and type only, for it is anonymous"
