"""Caliper 1.2 events, as rows describe them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from eventkit.base.json import NOT_JSON, dumps
from eventkit.events.rows import Action, Row
from eventkit.events.shapes.caliper import CONTEXT
from eventkit.events.shapes.iris import EVENT_NAME, ORIGINAL_BLOCK, TRANSFORMER_VERSION
from eventkit.events.shapes.site import Course
from eventkit.events.shapes.view import View, add_filled, add_transaction
from eventkit.translators.ids import stamped_id
from eventkit.translators.standard.places import Ask, Places
from eventkit.typing import Json

_START = b'{"@context":%b,"id":"urn:uuid:' % dumps(CONTEXT)


# Without slots, which the compiler does not know; it makes them of its own.
@dataclass(frozen=True)
class Actor:
    """An actor, made once for many events."""

    id: str
    type: str
    text: bytes
    """How an event says who it is: a comma and a member."""


class Events:
    """
    Makes Caliper events of what a row says of an event.

    Args:
        root: root URL of the LMS, which is the edApp, and acts where nobody does.

        version: what events say of the program that made them.

        blocks: gives what is known of a block by its usage key.
    """

    def __init__(self, root: str, version: str, blocks: Ask | None = None) -> None:
        self._root = root
        self._version = version
        self._places = Places(root, blocks)
        self._lms = _new_actor(root, "SoftwareApplication")
        self._app = b'Z","edApp":' + dumps({"id": root, "type": "SoftwareApplication"})
        in_session = dumps({"id": f"{root}/sessions/", "type": "Session"}).replace(b"%", b"%%")
        self._session = b',"session":' + in_session.replace(b'/sessions/"', b'/sessions/%b"')
        self._ends: dict[str, bytes] = {}

    def write_course(self, iri: str, name: str, _language: str) -> bytes:
        """Write the group that an event belongs to."""
        return b',"group":' + dumps(_group(iri, name))

    def introduce(self, _name: str, iri: str) -> Actor:
        """Make the actor who is the person with that *iri*."""
        return _new_actor(iri, "Person")

    def make(self, row: Row, view: View, *, is_written: bool) -> list[Any]:
        """Make the events of an event that *row* has a translation of: objects, or JSON."""
        caliper = row.caliper
        if isinstance(caliper, Action):
            stamp = view.stamp() or view.stamped()
            return [self._event(row, caliper, view, stamp, is_written=is_written)]
        if caliper is None:  # pragma: no cover - the caller has looked
            return []
        plans = caliper.pick(view)
        stamp = view.stamp() or view.stamped()
        return [self._event(row, plan, view, stamp, is_written=is_written) for plan in plans]

    def _event(self, row: Row, plan: Action, view: View, stamp: str, *, is_written: bool) -> Any:
        actor = self._actor(plan, view)
        target = plan.object(view)
        if not target:
            raise view.lacks("no_object", "object")
        payload = view.digest_at(stamp)
        own_id = stamped_id(
            "caliper", row.names[0], actor.id, stamp, target["id"], plan.key, payload
        )
        own: Json = {"object": target}
        session = view.session()
        if plan.target and (part := plan.target(view)):
            own["target"] = part
        if plan.generated and (part := plan.generated(view)):
            own["generated"] = part
        if plan.referrer and (part := plan.referrer(view)):
            own["referrer"] = part
        name = row.names[0]
        more = plan.extensions(view) if plan.extensions else None
        original = view.original_block()
        if original or "event_transaction_id" in view.data:
            place: Json = {ORIGINAL_BLOCK: original} if original else {}
            add_transaction(place, view)
            if more:
                place |= more
            more = place
        course = view.course()
        if self._places.asks:
            self._places.locate(own, course)
        if is_written:
            return self._write(
                view, name, own_id, plan, stamp, course, session, actor, own, more, row.is_checked
            )
        return self._made(name, own_id, plan, stamp, course, session, actor, own, more)

    def _made(  # noqa: PLR0917 - the parts of an event, in its order
        self,
        name: str,
        key: str,
        plan: Action,
        stamp: str,
        course: Course | None,
        session: str,
        actor: Actor,
        own: Json,
        more: Json | None,
    ) -> Json:
        event: Json = {
            "@context": CONTEXT,
            "id": f"urn:uuid:{key}",
            "type": plan.type,
            "profile": plan.profile,
            "action": plan.action,
            "eventTime": f"{stamp[:23]}Z",
            "edApp": {"id": self._root, "type": "SoftwareApplication"},
        }
        if course:
            event["group"] = _group(course.iri, course.name)
        if session:
            event["session"] = {"id": f"{self._root}/sessions/{session}", "type": "Session"}
        event["actor"] = {"id": actor.id, "type": actor.type}
        event |= own
        event["extensions"] = self._extensions(name, more or {})
        return event

    def _write(  # noqa: PLR0917 - as above
        self,
        view: View,
        name: str,
        key: str,
        plan: Action,
        stamp: str,
        course: Course | None,
        session: str,
        actor: Actor,
        own: Json,
        more: Json | None,
        is_checked: bool,  # noqa: FBT001 - as above
    ) -> bytes:
        """Write the event that `_made` makes; what many have in common was written before."""
        if more:
            own["extensions"] = self._extensions(name, more)
        try:
            text = dumps(own, is_checked=is_checked)
        except NOT_JSON:
            raise view.lacks("not_serialisable") from None
        return b"".join(
            (
                _START,
                key.encode(),
                b'",',
                plan.text,
                b',"eventTime":"',
                stamp[:23].encode(),
                self._app,
                course.text if course else b"",
                self._session % session.encode() if session else b"",
                actor.text,
                b",",
                text[1:] if more else text[1:-1] + (self._ends.get(name) or self._end(name)),
            )
        )

    def _extensions(self, name: str, more: Json) -> Json:
        extensions: Json = {TRANSFORMER_VERSION: self._version, EVENT_NAME: name}
        add_filled(extensions, more)
        return extensions

    def _end(self, name: str) -> bytes:
        """Write the end of an event that says no more than what it was made of."""
        found = self._ends[name] = b',"extensions":%b}' % dumps(self._extensions(name, {}))
        return found

    def _actor(self, plan: Action, view: View) -> Actor:
        user: int | str | None
        if plan.actor == "person":
            user = view.doer
            if user is None:
                user = view.learner()
        elif plan.actor == "learner":
            user = view.learner()
        else:
            user = None if plan.actor == "lms" else plan.actor(view)
        if user is None:
            return self._lms
        actor: Actor = view.site.person(user, view).actor
        return actor


def _new_actor(iri: str, kind: str) -> Actor:
    return Actor(iri, kind, b',"actor":' + dumps({"id": iri, "type": kind}))


_COURSE_KEY = re.compile(
    r"(.+)/course/(?:[a-z-]+-v[0-9]:([^+/]+)\+([^+/]+)\+[^/]+|([^/:]+)/([^/:]+)/[^/:]+)"
)


@lru_cache(maxsize=1_000)
def _said_by_key(iri: str) -> tuple[str, str, str]:
    """Give the LMS, organisation and number that the IRI of a course says; empty where none."""
    match = _COURSE_KEY.fullmatch(iri)
    if match is None:
        return "", "", ""
    return match[1], match[2] or match[4], match[3] or match[5]


def _group(iri: str, name: str) -> Json:
    group: Json = {"id": iri, "type": "CourseOffering"}
    if name:
        group["name"] = name
    root, org, number = _said_by_key(iri)
    if number:
        group["courseNumber"] = unquote(number)
        group["subOrganizationOf"] = {
            "id": f"{root}/organization/{org}",
            "type": "Organization",
            "name": unquote(org),
        }
    return group
