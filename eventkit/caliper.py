"""From tracking events to Caliper 1.2 events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from eventkit._json import dumps
from eventkit._options import check_dialect
from eventkit._translator import NOT_JSON, Made, Translator, check_objects, written
from eventkit.events import Action
from eventkit.events import Event as Row
from eventkit.events._caliper import CONTEXT
from eventkit.events._iris import TRANSFORMER_VERSION
from eventkit.events._site import Course, encode_iri
from eventkit.events._view import View, filled
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.ids import stamped_id
from eventkit.typing import Courses, Dialect, ErrorHook, Identity, Json

_START = b'{"@context":%b,"id":"' % dumps(CONTEXT)

# Makes an event, as an object or as JSON, of the view, its id, the plan, the time, the course, and
# the other members.
Make: TypeAlias = Callable[[View, str, Action, str, Course | None, Json], Made]


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
        app = {"id": self._root, "type": "SoftwareApplication"}
        self._app = b'Z","edApp":' + dumps(app)
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

    def _plan(self, row: Row) -> object:
        return row.caliper

    def _write_course(self, iri: str, name: str) -> bytes:
        return b',"group":' + dumps(_group(iri, name))

    def _texts(self, row: Row, view: View) -> list[bytes]:
        if self._erb is None and self._check is None:
            return self._events(row, view, self._written)
        documents = self._documents(row, view)
        check_objects(documents, view.name)
        return [written(document, view.name) for document in documents]

    def _documents(self, row: Row, view: View) -> list[Json]:
        made = self._erb.translate(view) if self._erb else None
        if made is None:
            documents = self._events(row, view, self._made)
        else:
            documents = [self._named(made, row, view)]
        if self._check is not None:
            for document in documents:
                if errors := self._check(document):
                    raise TranslationError(view.name, "invalid_event", detail=errors[0])
        return documents

    def _events(self, row: Row, view: View, make: Make[Made]) -> list[Made]:
        name, caliper = row.names[0], row.caliper
        if caliper is None:  # pragma: no cover - the caller has looked
            return []
        if isinstance(caliper, Action):
            return [self._event(name, caliper, view, make)]
        return [self._event(name, plan, view, make) for plan in caliper.pick(view)]

    def _event(self, name: str, plan: Action, view: View, make: Make[Made]) -> Made:
        stamp = view.stamp() or view.stamped()
        actor = self._actor(plan, view)
        target = plan.object(view)
        if not target:
            raise view.lacks("no_object", "object")
        key = _urn(name, plan.key, actor["id"], target["id"], stamp, view)
        own: Json = {"actor": actor, "object": target}
        if session := view.session():
            iri = f"{self._root}/sessions/{encode_iri(session)}"
            own["session"] = {"id": iri, "type": "Session"}
        if plan.target and (part := plan.target(view)):
            own["target"] = part
        if plan.generated and (part := plan.generated(view)):
            own["generated"] = part
        if plan.referrer and (part := plan.referrer(view)):
            own["referrer"] = part
        own["extensions"] = extensions = {TRANSFORMER_VERSION: self._version}
        if plan.extensions and (others := plan.extensions(view)):
            extensions |= filled(others)
        course = view.site.course(view.course_id) if view.course_id else None
        return make(view, key, plan, stamp, course, own)

    def _made(
        self, _view: View, key: str, plan: Action, stamp: str, course: Course | None, own: Json
    ) -> Json:
        event: Json = {
            "@context": CONTEXT,
            "id": key,
            "type": plan.type,
            "profile": plan.profile,
            "action": plan.action,
            "eventTime": f"{stamp[:23]}Z",
            "edApp": {"id": self._root, "type": "SoftwareApplication"},
        }
        if course:
            event["group"] = _group(course.iri, course.name)
        event |= own
        return event

    def _written(  # noqa: PLR0917 - the parts of an event, in its order
        self, view: View, key: str, plan: Action, stamp: str, course: Course | None, own: Json
    ) -> bytes:
        """Write the event that `_made` makes; what many have in common was written before."""
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
                b",",
                text[1:],
            )
        )

    def _actor(self, plan: Action, view: View) -> Json:
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
            return {"id": self._root, "type": "SoftwareApplication"}
        return {"id": view.person(user), "type": "Person"}

    def _named(self, made: Json, row: Row, view: View) -> Json:
        """
        Give the one event of dialect ``erb`` the id that it has in ``standard``.

        Where one tracking event gives several, it is that of the same type. What ``standard`` does
        not translate is named by what the dialect says of it.
        """
        try:
            others = self._events(row, view, self._made)
        except (TranslationError, UnsupportedEvent):
            others = []
        same = [each for each in others if each["type"] == made["type"]] or others
        if same:
            name = same[0]["id"]
        else:
            target = made["object"].get("id", "")
            name = _urn(row.names[0], "", made["actor"]["id"], target, view.stamped(), view)
        return {"@context": made["@context"], "id": name, **made}


def _group(iri: str, name: str) -> Json:
    group: Json = {"id": iri, "type": "CourseOffering"}
    if name:
        group["name"] = name
    return group


def _urn(name: str, key: str, actor: str, target: str, stamp: str, view: View) -> str:  # noqa: PLR0917
    return f"urn:uuid:{stamped_id('caliper', name, actor, stamp, target, key, view.digest)}"
