"""From tracking events to Caliper 1.2 events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from eventkit._json import dumps
from eventkit._options import check_dialect
from eventkit._translator import NOT_JSON, Made, Translator
from eventkit.events import Action
from eventkit.events import Event as Row
from eventkit.events._caliper import CONTEXT
from eventkit.events._iris import TRANSFORMER_VERSION
from eventkit.events._site import Course, Session
from eventkit.events._view import View, filled
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.ids import stamped_id
from eventkit.typing import Courses, Dialect, ErrorHook, Identity, Json

_START = b'{"@context":%b,"id":"urn:uuid:' % dumps(CONTEXT)


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor, made once for many events."""

    id: str
    type: str
    text: bytes
    """How an event says who it is: a comma and a member."""


# Makes an event, as an object or as JSON, of the view, its id, the plan, the time, the course, the
# session, the actor, the members that are its own, and its further extensions.
Make: TypeAlias = Callable[
    [View, str, Action, str, Course | None, Session | None, Actor, Json, Json | None], Made
]


class CaliperTranslator(Translator):
    """
    Translate tracking events into Caliper events.

    One tracking event may give several: a checked problem gives one for each answer and one for
    the grade. Envelopes are made when the events are delivered.

    Args:
        lms_root: root URL of the LMS; ids of entities start with it, and it is their edApp.

        identity: gives the anonymised id of a user (see `eventkit.HMACIdentity`).

        courses: gives the display name of a course; a callable or a mapping. A look-up that fails
            costs the name, not the event.

        dialect: ``"standard"`` follows the specification; ``"erb"`` equals what
            event-routing-backends writes, its faults included, but for ids, which are random there.

        events: further rows, or the dotted path of a table of rows.

        include_text: whether text that learners wrote may leave; answers are such text.

        validate: check every event against the rules of Caliper 1.2; one that fails is refused.

        transformer_version: what events say of the program that made them.

        on_error: called with the error and the event when an event that has a translation could
            not be translated.

    Raises:
        ConfigurationError: an option is wrong; the message names it.
    """

    protocol = "caliper"

    def __init__(
        self,
        *,
        lms_root: str,
        identity: Identity,
        courses: Courses | None = None,
        dialect: Dialect = "standard",
        events: Iterable[Row] | str = (),
        include_text: bool = False,
        validate: bool = False,
        transformer_version: str | None = None,
        on_error: ErrorHook | None = None,
    ) -> None:
        super().__init__(
            lms_root=lms_root,
            identity=identity,
            courses=courses,
            events=events,
            include_text=include_text,
            transformer_version=transformer_version,
            on_error=on_error,
        )
        self._lms = _new_actor(self._root, "SoftwareApplication")
        self._app = b'Z","edApp":' + dumps({"id": self._root, "type": "SoftwareApplication"})
        self._end = b',"extensions":%b}' % dumps({TRANSFORMER_VERSION: self._version})
        self._erb = None
        if check_dialect(dialect) == "erb":
            # The dialect goes when this import does.
            from eventkit.erb.caliper import ERBEvents  # noqa: PLC0415

            self._erb = ERBEvents(self._root, self._version, self._site, self._course_name)
        self._check: Callable[[Json], list[str]] | None = None
        if validate:
            # Costs time and memory that only validation needs.
            from eventkit.caliper_validation import event_errors  # noqa: PLC0415

            self._check = event_errors
        self._is_plain = self._erb is None and self._check is None

    def _plan(self, row: Row) -> object:
        return row.caliper

    def _write_course(self, iri: str, name: str) -> bytes:
        return b',"group":' + dumps(_group(iri, name))

    def _introduce(self, _name: str, iri: str) -> Actor:
        return _new_actor(iri, "Person")

    def _documents(self, row: Row, view: View) -> list[Json]:
        made = self._erb.translate(view) if self._erb else None
        if made is None:
            documents = self._plain(row, view, self._made)
        else:
            documents = [self._named(made, row, view)]
        if self._check is not None:
            for document in documents:
                if errors := self._check(document):
                    raise TranslationError(view.name, "invalid_event", detail=errors[0])
        return documents

    def _plain(self, row: Row, view: View, make: Make[Made]) -> list[Made]:
        name, caliper = row.names[0], row.caliper
        if isinstance(caliper, Action):
            return [self._event(name, caliper, view, make)]
        if caliper is None:  # pragma: no cover - the caller has looked
            return []
        return [self._event(name, plan, view, make) for plan in caliper.pick(view)]

    def _event(self, name: str, plan: Action, view: View, make: Make[Made]) -> Made:
        stamp = view.stamp() or view.stamped()
        actor = self._actor(plan, view)
        target = plan.object(view)
        if not target:
            raise view.lacks("no_object", "object")
        name_id = stamped_id("caliper", name, actor.id, stamp, target["id"], plan.key, view.digest)
        own: Json = {"object": target}
        key = view.session()
        session = view.site.session(key) if key else None
        if plan.target and (part := plan.target(view)):
            own["target"] = part
        if plan.generated and (part := plan.generated(view)):
            own["generated"] = part
        if plan.referrer and (part := plan.referrer(view)):
            own["referrer"] = part
        more = plan.extensions(view) if plan.extensions else None
        if more:
            more = filled(more)
        course = view.site.course(view.course_id) if view.course_id else None
        return make(view, name_id, plan, stamp, course, session, actor, own, more)

    def _made(  # noqa: PLR0917 - the parts of an event, in its order
        self,
        _view: View,
        key: str,
        plan: Action,
        stamp: str,
        course: Course | None,
        session: Session | None,
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
            event["session"] = {"id": session.iri, "type": "Session"}
        event["actor"] = {"id": actor.id, "type": actor.type}
        event |= own
        event["extensions"] = {TRANSFORMER_VERSION: self._version} | (more or {})
        return event

    def _written(  # noqa: PLR0917 - as above
        self,
        view: View,
        key: str,
        plan: Action,
        stamp: str,
        course: Course | None,
        session: Session | None,
        actor: Actor,
        own: Json,
        more: Json | None,
    ) -> bytes:
        """Write the event that `_made` makes; what many have in common was written before."""
        if more:
            own["extensions"] = {TRANSFORMER_VERSION: self._version} | more
        try:
            text = dumps(own)
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
                session.text if session else b"",
                actor.text,
                b",",
                text[1:] if more else text[1:-1] + self._end,
            )
        )

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

    def _named(self, made: Json, row: Row, view: View) -> Json:
        """
        Give the one event of dialect ``erb`` the id that it has in ``standard``.

        Where one tracking event gives several, it is that of the same type. What ``standard`` does
        not translate is named by what the dialect says of it.
        """
        try:
            others = self._plain(row, view, self._made)
        except (TranslationError, UnsupportedEvent):
            others = []
        same = [each for each in others if each["type"] == made["type"]] or others
        if same:
            name = same[0]["id"]
        else:
            stamp, target = view.stamped(), made["object"].get("id", "")
            actor, digest = made["actor"]["id"], view.digest
            key = stamped_id("caliper", row.names[0], actor, stamp, target, "", digest)
            name = f"urn:uuid:{key}"
        return {"@context": made["@context"], "id": name, **made}


def _new_actor(iri: str, kind: str) -> Actor:
    return Actor(iri, kind, b',"actor":' + dumps({"id": iri, "type": kind}))


def _group(iri: str, name: str) -> Json:
    group: Json = {"id": iri, "type": "CourseOffering"}
    if name:
        group["name"] = name
    return group
