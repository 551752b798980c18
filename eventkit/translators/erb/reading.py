"""How event-routing-backends reads an event: odd on purpose, and the same for both protocols."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlparse

from eventkit.events.shapes import iris as iri
from eventkit.events.shapes.urls import blotted
from eventkit.events.shapes.view import View
from eventkit.reading.source import is_object, somebody
from eventkit.typing import Event, Json


class Lost(Exception):
    """Event-routing-backends raises on this event: its sites never see it."""


_PART = r"\+[\w.:~-]+"
_COURSE_KEY = re.compile(
    rf"(?:course-v1:[\w.:~-]+{_PART}{_PART}|library-v1:[\w.:~-]+{_PART})"
    r"(?:\+branch@[\w.:~-]+)?(?:\+version@[0-9a-f]{24})?"
    rf"|ccx-v1:[\w.:~-]+{_PART}{_PART}(?:\+branch@[\w.:~-]+)?\+ccx@\d+"
    r"|[\w.%-]+/[\w.%-]+/[\w.%-]+"
)

_PATHS: dict[str, tuple[str, ...]] = {}
"""The keys that shapes look up, cut at their dots; there are only so many."""


class Peer:
    """One event, read the way event-routing-backends reads it."""

    __slots__ = ("course_name", "event", "name", "root", "view")

    def __init__(
        self,
        view: View,
        root: str,
        course_name: Callable[[str], str | None],
    ) -> None:
        self.event = as_replayed(view)
        self.name = view.name
        self.view = view
        self.root = root
        self.course_name = course_name

    def get(self, key: str) -> Any:
        """
        Look *key* up: a dotted key is a path, a bare key is searched at every depth.

        What is found and empty counts as missing, but 0 and False do not.
        """
        path = _PATHS.get(key)
        if path is None:
            path = _PATHS.setdefault(key, tuple(key.split(".")))
        value: Any = self.event
        if len(path) == 1:
            value = _search(value, key)
        else:
            for step in path:
                if (type(value) is not dict and not is_object(value)) or step not in value:
                    return None
                value = value[step]
        return value if value or value == 0 else None

    def need(self, key: str) -> Any:
        """Look *key* up; without it the event is lost."""
        value = self.get(key)
        if value is None:
            raise Lost(key)
        return value

    def address(self, url: Any) -> Any:
        """
        Blot out whom a *url* names.

        This is the one fault that is not kept: personal data never leaves.
        """
        return blotted(url, self.view.known()) if isinstance(url, str) else url

    def url(self, kind: str, key: Any) -> str | None:
        """Give the IRI of a course or block; None without a key."""
        return None if key is None else f"{self.root}/{kind}/{key}"

    def named(self, course_id: Any) -> str | None:
        """Give the display name of a course; what is no key of a course is lost there."""
        if not is_course_key(course_id):
            raise Lost("context.course_id")
        return self.course_name(course_id)

    def course(self, language: str) -> Json | None:
        """Make the course of the context."""
        course_id = self.get("context.course_id")
        if course_id is None:
            return None
        name = self.named(course_id)
        definition: Json = {"type": iri.COURSE}
        if name is not None:
            definition["name"] = {language: name}
        return activity(self.url("course", course_id), definition)


@lru_cache(maxsize=1000)
def is_course_key(key: Any) -> bool:
    """Tell whether the platform can read *key* as that of a course, or of what stands for one."""
    return isinstance(key, str) and _COURSE_KEY.fullmatch(key) is not None


def as_replayed(view: View) -> Event:
    """Give a line of a log the form in which event-routing-backends replays it, with ``data``."""
    event = view.event
    if "data" in event or "event" not in event:
        return event
    payload = event["event"]
    if isinstance(payload, str):
        if payload.startswith("{") and not isinstance(view.payload, str):
            payload = view.payload  # parsed already
        else:
            with contextlib.suppress(ValueError):
                payload = json.loads(payload)
    replayed = {**event, "data": payload}
    if "timestamp" not in event and "time" in event:
        replayed["timestamp"] = event["time"]
    return replayed


def _search(source: Mapping[str, Any], key: str) -> Any:
    if key in source:
        return source[key]
    for value in source.values():
        # Most are text, and asking each whether it is an object is what takes the time.
        if type(value) is not str and is_object(value):
            found = _search(value, key)
            if found is not None:
                return found
    return None


def activity(target: Any, definition: Json, kind: str = "Activity") -> Json:
    """Make an activity; without an id where *target* is None, as there."""
    if target == "":
        raise Lost("object.id")
    made: Json = {"objectType": kind, "definition": definition}
    if target is not None:
        made["id"] = str(target)
    return made


def user_of(peer: Peer) -> int | str | None:
    """Give the user an event is about: what reads as a number is an id; None without a user."""
    user = peer.get("data.user_id") or peer.get("data.username")
    user = user or peer.get("user_id") or peer.get("username")
    if not user:
        return None
    try:
        number = int(user)
    except ValueError:
        if isinstance(user, str):
            return somebody(user)
        raise
    if number <= 0:
        raise Lost("user_id")  # the platform has no such user
    return number


def key_in_course(course_id: str, kind: str, name: Any) -> str:
    """Give the usage key of a block of *kind*, as the peer builds it from the course key."""
    prefix, rest = course_id.split(":")[:2]
    version = f"block-{prefix.split('-')[-1]}"
    if "ccx" in prefix:
        version = f"ccx-{version}"
    return f"{version}:{rest}+type@{kind}+block@{name}"


def submitted_key(peer: Peer, referer: Any) -> str | None:
    """Give the usage key of what the browser checked: from the page's URL, else the form."""
    if isinstance(referer, str) and "?" in referer:  # nothing else of it is read
        referer = peer.address(referer)
    shown = parse_qs(urlparse(referer).query).get("activate_block_id")
    if shown:
        key: str = shown[0]
        return key
    data, course_id = peer.get("data"), peer.get("context.course_id")
    if data is None or course_id is None:
        return None
    parts = data.split("_")
    if len(parts) > 1 and len(course_id.split(":")) > 1:
        return key_in_course(course_id, "problem", parts[1])
    return None
