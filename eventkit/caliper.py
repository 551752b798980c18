"""From tracking events to Caliper 1.2 events."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eventkit._options import check_dialect
from eventkit._translator import Translator
from eventkit.events import Action
from eventkit.events import Event as Row
from eventkit.events._caliper import CONTEXT
from eventkit.events._iris import TRANSFORMER_VERSION
from eventkit.events._view import View, filled
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.ids import stamped_id
from eventkit.typing import Courses, Dialect, ErrorHook, Identity, Json


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

    def _documents(self, row: Row, view: View) -> list[Json]:
        made = self._erb.translate(view) if self._erb else None
        documents = self._events(row, view) if made is None else [self._named(made, row, view)]
        if self._check is not None:
            for document in documents:
                if errors := self._check(document):
                    raise TranslationError(view.name, "invalid_event", detail=errors[0])
        return documents

    def _events(self, row: Row, view: View) -> list[Json]:
        if row.caliper is None:  # pragma: no cover - the caller has looked
            return []
        if isinstance(row.caliper, Action):
            return [self._event(row.names[0], row.caliper, view)]
        return [self._event(row.names[0], plan, view) for plan in row.caliper.pick(view)]

    def _event(self, name: str, plan: Action, view: View) -> Json:
        stamp = view.stamp() or view.stamped()
        actor = self._actor(plan, view)
        target = plan.object(view)
        if not target:
            raise view.lacks("no_object", "object")
        event: Json = {
            "@context": CONTEXT,
            "id": _urn(name, plan.key, actor["id"], target["id"], stamp, view),
            "type": plan.type,
            "profile": plan.profile,
            "actor": actor,
            "action": plan.action,
            "object": target,
            "eventTime": f"{stamp[:23]}Z",
            "edApp": {"id": self._root, "type": "SoftwareApplication"},
        }
        if view.course_id:
            event["group"] = _group(view)
        if session := view.session():
            event["session"] = {
                "id": view.site.passing_iri(f"/sessions/{session}"),
                "type": "Session",
            }
        if plan.target and (made := plan.target(view)):
            event["target"] = made
        if plan.generated and (made := plan.generated(view)):
            event["generated"] = made
        if plan.referrer and (made := plan.referrer(view)):
            event["referrer"] = made
        event["extensions"] = extensions = {TRANSFORMER_VERSION: self._version}
        if plan.extensions and (more := plan.extensions(view)):
            extensions |= filled(more)
        return event

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
            others = self._events(row, view)
        except (TranslationError, UnsupportedEvent):
            others = []
        same = [each for each in others if each["type"] == made["type"]] or others
        if same:
            name = same[0]["id"]
        else:
            target = made["object"].get("id", "")
            name = _urn(row.names[0], "", made["actor"]["id"], target, view.stamped(), view)
        return {"@context": made["@context"], "id": name, **made}


def _group(view: View) -> Json:
    course = view.site.course(view.course_id)
    group = {"id": course.iri, "type": "CourseOffering"}
    if course.name:
        group["name"] = course.name
    return group


def _urn(name: str, key: str, actor: str, target: str, stamp: str, view: View) -> str:  # noqa: PLR0917
    return f"urn:uuid:{stamped_id('caliper', name, actor, stamp, target, key, view.digest)}"
