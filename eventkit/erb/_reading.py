"""How event-routing-backends reads an event: odd on purpose, and the same for both protocols."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from eventkit.events import _iris as iri
from eventkit.events._view import View
from eventkit.typing import Json


class Lost(Exception):
    """Event-routing-backends raises on this event: its sites never see it."""


class Peer:
    """One event, read the way event-routing-backends reads it."""

    __slots__ = ("course_name", "event", "name", "root")

    def __init__(self, view: View, root: str, course_name: Callable[[str], str | None]) -> None:
        self.root = root
        self.name = view.name
        self.event = _as_replayed(view)
        self.course_name = course_name

    def get(self, key: str) -> Any:
        """
        Look *key* up: a dotted key is a path, a bare key is searched at every depth.

        What is found and empty counts as missing, but 0 and False do not.
        """
        if "." in key:
            value: Any = self.event
            for step in key.split("."):
                if not isinstance(value, Mapping) or step not in value:
                    return None
                value = value[step]
        else:
            value = _search(self.event, key)
        return None if value != 0 and not value else value

    def need(self, key: str) -> Any:
        """Look *key* up; without it the event is lost."""
        value = self.get(key)
        if value is None:
            raise Lost(key)
        return value

    def url(self, kind: str, key: Any) -> str | None:
        """Give the IRI of a course or block; None without a key."""
        return None if key is None else f"{self.root}/{kind}/{key}"

    def course(self, language: str) -> Json | None:
        """Make the course of the context."""
        course_id = self.get("context.course_id")
        if course_id is None:
            return None
        name = self.course_name(course_id)
        definition: Json = {"type": iri.COURSE}
        if name is not None:
            definition["name"] = {language: name}
        return activity(self.url("course", course_id), definition)


def _as_replayed(view: View) -> Mapping[str, Any]:
    """
    Give a line of a log the form in which event-routing-backends replays it.

    Its log reader adds the payload under ``data``. It is left out for several questions, where the
    documented form of the statement is the one without it.
    """
    event = view.event
    if "data" in event or "event" not in event:
        return event
    payload = event["event"]
    if isinstance(payload, str):
        with contextlib.suppress(ValueError):
            payload = json.loads(payload)
    several = payload.get("submission") if isinstance(payload, Mapping) else None
    if view.name == "problem_check" and isinstance(several, Mapping) and len(several) > 1:
        return event
    replayed = {**event, "data": payload}
    if "timestamp" not in event and "time" in event:
        replayed["timestamp"] = event["time"]
    return replayed


def _search(source: Mapping[str, Any], key: str) -> Any:
    if key in source:
        return source[key]
    for value in source.values():
        if isinstance(value, Mapping):
            found = _search(value, key)
            if found is not None:
                return found
    return None


def activity(target: Any, definition: Json, kind: str = "Activity") -> Json:
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
        return int(user)
    except ValueError:
        if isinstance(user, str):
            return user
        raise
