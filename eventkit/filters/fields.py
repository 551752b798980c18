"""
What access rules can ask of an event: the readers behind the fields of `eventkit.Filter`.

A reader gives every text that the event has for a field, none when it lacks it. Readers are module
level functions and not closures, because filters are pickled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from eventkit.events.catalogue import catalogue
from eventkit.events.shapes.urls import tidy
from eventkit.filters.mentions import COURSES, ENTERPRISES, HOSTS, Mentions
from eventkit.reading.keys import course_key
from eventkit.reading.source import PERSON_FIELDS, Source, plain, user_id, username

Reader = Callable[[Source, str], tuple[str, ...]]
"""Takes an event and a path (only dotted fields have one); gives the texts to match."""


def mentions(source: Source) -> Mentions:
    """Give what an event mentions; rules on several fields look through it once."""
    found = source.found
    if not isinstance(found, Mentions):
        source.found = found = Mentions(source.event, source.payload, source.context)
    return found


def course(source: Source, _path: str) -> tuple[str, ...]:
    """Read the course key that documents show."""
    found = source.course_id
    return (found,) if found else ()


def courses(source: Source, _path: str) -> tuple[str, ...]:
    """Read every course that is named anywhere: who denies one means all that speaks of it."""
    found = mentions(source)
    named = (text for value in found.texts(COURSES) for text in (value, course_key(value)))
    return _any_case(source.course_id, *named, *found.keys())


def org(source: Source, _path: str) -> tuple[str, ...]:
    """Read the organisation of the course that documents show."""
    found = source.org
    return (found,) if found else ()


def org_in_lower(source: Source, _path: str) -> tuple[str, ...]:
    """Read the organisation that documents show, in lower case."""
    found = source.org
    return (found.lower(),) if found else ()


def orgs(source: Source, _path: str) -> tuple[str, ...]:
    """Read every organisation that is named anywhere, by itself or in a key."""
    return _any_case(source.org, *mentions(source).orgs())


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


def people(source: Source, _path: str) -> tuple[str, ...]:
    """Read everybody whom the event names: who denies a person means all they appear in."""
    found: set[str] = set(learner(source, ""))
    named = mentions(source).named
    for value in chain.from_iterable(named.get(field, ()) for field in PERSON_FIELDS):
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
    return _host_names(host) if host else ()


def sites(source: Source, _path: str) -> tuple[str, ...]:
    """Read every host that the event is from: the one that was asked, and those of its pages."""
    found: list[str] = []
    for text in mentions(source).texts(HOSTS):
        host = _host_of(text)
        if host:
            found += _host_names(host)
    return _present(*found)


def _host_of(text: str) -> str:
    """Give the host, and the port, of a URL; what is no URL is a host."""
    _, slashes, rest = tidy(text).partition("//")
    if not slashes:
        return "" if "/" in text else text
    return re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]


def _host_names(host: str) -> tuple[str, ...]:
    bare, _, port = host.rpartition(":")
    names = (host, bare) if bare and port.isdigit() else (host,)
    written = (*names, *(name.rstrip(".") for name in names))
    return _present(*written, *map(str.lower, written))


def activity_type(source: Source, _path: str) -> tuple[str, ...]:
    """Read the type of the block concerned, and the family of the event."""
    return _present(source.block_type, catalogue().family(source.name))


# What events are about whose blocks browsers call by a part of the key.
_NAMED_SHORTLY = (
    ("edx.video.bumper.", "video"),
    ("xblock.poll.", "poll"),
    ("xblock.survey.", "survey"),
    ("edx.feedbackxblock.", "feedback"),
    ("crowd_hinter.", "crowdsourcehinter"),
)

# These are about the unit that the page shows: browsers name no block.
_ON_PAGES = ("edx.feedbackxblock.", "crowd_hinter.")


def activity_types(source: Source, _path: str) -> tuple[str, ...]:
    """
    Read the types of all blocks that the event is about, and its family.

    That is what the payload, the block that emitted it and the path of its handler name; not the
    page that it happened on, which names the section and unit around it, unless that is all that
    is known of where it happened.
    """
    page = source.text("page") if source.name.startswith(_ON_PAGES) else ""
    found = Mentions(source.payload, source.context.get("module"), source.text("path"), page)
    short = (kind for start, kind in _NAMED_SHORTLY if source.name.startswith(start))
    return _present(*activity_type(source, ""), *short, *found.block_types())


def enterprise(source: Source, _path: str) -> tuple[str, ...]:
    """Read the enterprise customer's UUID."""
    return texts(source.get("enterprise_uuid"))


def enterprises(source: Source, _path: str) -> tuple[str, ...]:
    """Read every enterprise customer that is named anywhere."""
    return _any_case(*mentions(source).texts(ENTERPRISES))


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
    if type(value) is not str:
        value = plain(value)
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else ""


def _present(*found: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, found)))


def _any_case(*found: str) -> tuple[str, ...]:
    """Give the texts as they are, and in lower case."""
    given = _present(*found)
    return _present(*given, *map(str.lower, given))


ALLOW: dict[str, Reader] = {
    "activity_type": activity_type,
    "course": course,
    "enterprise": enterprise,
    "org": org,
    "site": site,
    "user": learner,
}
"""The readers by field, as rules that allow use them; ``event`` is not read but looked up."""

DENY: dict[str, Reader] = {
    **ALLOW,
    "activity_type": activity_types,
    "course": courses,
    "enterprise": enterprises,
    "org": orgs,
    "site": sites,
    "user": people,
}
"""As rules that deny use them: they read all places, where rules that allow read the document's."""

ANY_CASE = frozenset({"course", "enterprise", "org", "site"})
"""
Of which fields rules that deny match in any case: their readers give texts in lower case too.

The platform has no two courses that differ in case alone, and hosts and UUIDs know no case; a rule
that denies ``edx`` and means ``edX`` would keep nothing back.
"""

SHOWN: dict[Reader, Reader] = {DENY[field]: ALLOW[field] for field in ALLOW}
"""By the reader of a field in rules that deny, the one in rules that allow."""

MISSING = "\0missing"
"""What `OrMissing` reads of an event that lacks the field; no field holds it."""


@dataclass(frozen=True)
class OrMissing:
    """
    A reader that says so where an event lacks the field.

    Whether it does is asked of *shown*, which reads what documents show: that the field is named
    somewhere else does not make it known.
    """

    read: Reader
    shown: Reader

    def __call__(self, source: Source, path: str) -> tuple[str, ...]:
        """Read what *read* finds, and `MISSING` where the event does not show the field."""
        found = self.read(source, path)
        return found if self.shown(source, path) else (*found, MISSING)


def names_of(name: str) -> tuple[str, ...]:
    """Give all names of the event that *name* names; none for an event without a name."""
    return catalogue().names(name) if name else ()


def names(source: Source, _path: str) -> tuple[str, ...]:
    """Read all names of the event."""
    return names_of(source.name)


KNOWN = ("event", *ALLOW)

FIELD_OF: dict[Reader, str] = {
    names: "event",
    org_in_lower: "org",
    **{read: field for readers in (ALLOW, DENY) for field, read in readers.items()},
}
"""By reader, the field that it reads; those of dotted paths have none of their own."""
