"""
What access rules can ask of an event: the readers behind the fields of `eventkit.Filter`.

A reader gives every text that the event has for a field, none when it lacks it. Readers are module
level functions and not closures, because filters are pickled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from eventkit.events import catalogue
from eventkit.source import Source, json_default, user_id, username

Reader = Callable[[Source, str], tuple[str, ...]]
"""Takes an event and a path (only dotted fields have one); gives the texts to match."""


def course(source: Source, _path: str) -> tuple[str, ...]:
    """Read the course key."""
    found = source.course_id
    return (found,) if found else ()


def org(source: Source, _path: str) -> tuple[str, ...]:
    """Read the organisation."""
    found = source.org
    return (found,) if found else ()


def learner(source: Source, _path: str) -> tuple[str, ...]:
    """
    Read who the event is about, by id and by username.

    The username at hand is that of whoever made the request; it belongs to the learner only when
    the learner's id does too.
    """
    found = source.user
    if found is None:
        return ()
    if isinstance(found, str):
        return (found,)
    own = user_id(source.context.get("user_id"))
    if own is None:
        own = user_id(source.event.get("user_id"))
    name = username(source.get("username")) if found == own else None
    return (str(found), name) if name else (str(found),)


_PEOPLE = ("user_id", "username", "attempt_user_id", "instructor_id", "student", "target_username")


def people(source: Source, _path: str) -> tuple[str, ...]:
    """Read everybody whom the event names: who denies a person means all they appear in."""
    found: set[str] = set(learner(source, ""))
    for holder in (source.data, source.context, source.event):
        for value in map(holder.get, _PEOPLE):
            if value is None:
                continue
            number = user_id(value)
            if number is not None:
                found.add(str(number))
            if text := username(value):
                found.add(text)
    return tuple(found)


def site(source: Source, _path: str) -> tuple[str, ...]:
    """
    Read the host that was asked, with and without its port.

    Also in lower case: a client chooses how it writes the host, and must not choose its rules.
    """
    host = source.text("host")
    if not host:
        return ()
    bare, _, port = host.rpartition(":")
    names = (host, bare) if bare and port.isdigit() else (host,)
    return tuple(dict.fromkeys((*names, *map(str.lower, names))))


def activity_type(source: Source, _path: str) -> tuple[str, ...]:
    """Read the type of the block concerned, and the family of the event."""
    return _present(source.block_type, catalogue().family(source.name))


def enterprise(source: Source, _path: str) -> tuple[str, ...]:
    """Read the enterprise customer's UUID."""
    return texts(source.get("enterprise_uuid"))


def dotted(source: Source, path: str) -> tuple[str, ...]:
    """Read what a dotted path leads to."""
    return texts(source.lookup(path))


def peer(source: Source, path: str) -> tuple[str, ...]:
    """
    Read what a dotted path leads to in event-routing-backends: text only, in the live shape.

    Lines of a log it first brings into that shape, so ``data`` means their ``event``.
    """
    first, *rest = path.split(".")
    event = source.event
    value = event.get(first)
    if first not in event and first == "data":
        value = _peer_payload(event.get("event"))
    elif first not in event and first == "timestamp":
        value = event.get("time")
    for step in rest:
        if not isinstance(value, Mapping):
            return ()
        value = value.get(step)
    return (value,) if isinstance(value, str) else ()


def _peer_payload(payload: Any) -> Any:
    if not isinstance(payload, str):
        return payload
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload


def texts(value: Any) -> tuple[str, ...]:
    """Give a scalar as text, a list as the texts of its scalars; as JSON writes them."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(text for item in value if (text := _text(item)))
    found = _text(value)
    return (found,) if found else ()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if value is None or isinstance(value, (Mapping, list, tuple, set, frozenset, bytes)):
        return ""
    plain = json_default(value)
    return plain if isinstance(plain, str) else str(plain)


def _present(*found: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, found)))


ALLOW: dict[str, Reader] = {
    "activity_type": activity_type,
    "course": course,
    "enterprise": enterprise,
    "org": org,
    "site": site,
    "user": learner,
}
"""The readers by field, as rules that allow use them; ``event`` is not read but looked up."""

DENY: dict[str, Reader] = {**ALLOW, "user": people}
"""As rules that deny use them."""

KNOWN = ("event", *ALLOW)
