"""xAPI 1.0.3 statements, as rows describe them."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Any

from eventkit.base.json import NOT_JSON, dumps
from eventkit.events.rows import Profile, Row, Shape, Statement
from eventkit.events.shapes.iris import (
    COURSE,
    EVENT_NAME,
    ORIGINAL_BLOCK,
    SESSION_ID,
    TRANSFORMER_VERSION,
    Verb,
)
from eventkit.events.shapes.site import UNDETERMINED, Course
from eventkit.events.shapes.view import (
    View,
    activity,
    add_filled,
    add_transaction,
    copied,
    filled,
)
from eventkit.exceptions import TranslationError
from eventkit.translators.ids import stamped_id
from eventkit.translators.standard.places import Ask, Places
from eventkit.typing import EmailResolver, Json

VERSION = "1.0.3"


# Without slots, which the compiler does not know; it makes them of its own.
@dataclass(frozen=True)
class Agent:
    """An actor, made once for many statements."""

    key: str
    """What ids say of it."""
    form: str
    """The member that identifies it: ``account``, ``mbox`` or ``mbox_sha1sum``."""
    value: Json | str
    text: bytes
    """The Agent as JSON."""

    def json(self) -> Json:
        """Write the agent as a statement has it; a new object each time, so that none is shared."""
        value = self.value if isinstance(self.value, str) else self.value.copy()
        return {"objectType": "Agent", self.form: value}


class Statements:
    """
    Makes statements of what a row says of an event.

    Args:
        root: root URL of the LMS, the home page of accounts.

        version: what statements say of the program that made them.

        email: gives the e-mail address of a user, checked, where actors are identified by it.

        form: the form of the actor.

        blocks: gives what is known of a block by its usage key.
    """

    def __init__(
        self,
        root: str,
        version: str,
        email: EmailResolver | None,
        form: str,
        blocks: Ask | None = None,
    ) -> None:
        self._root = root
        self._version = version
        self._email = email
        self._form = form
        self._places = Places(root, blocks)

    def write_course(self, iri: str, name: str, language: str) -> bytes:
        """Write the activities of a context in which the course is the parent."""
        parent = activity(iri, COURSE, name, language)
        return b',"contextActivities":' + dumps({"parent": [parent]})

    def introduce(self, name: str, _iri: str) -> Agent:
        """Make the actor with an account of that *name*."""
        account = {"homePage": self._root, "name": name}
        return _new_agent(f"{self._root} {name}", "account", account)

    def make(  # noqa: C901, PLR0912 - the hot path, in one piece
        self, row: Row, view: View, *, is_written: bool
    ) -> list[Any]:
        """Make the statements of an event that *row* has a translation of: objects, or JSON."""
        plan = row.xapi
        if not isinstance(plan, Statement):
            if plan is None:  # pragma: no cover - the caller has looked
                return []
            plan = plan.pick(view)
        stamp = view.stamp() or view.stamped()
        user = plan.user(view) if plan.user else view.learner()
        if user is None:
            raise view.nobody("", view.context, view.event, view.data)
        agent = self._agent(user, view)
        course = view.course() if plan.in_course or plan.children else None
        parent = course if plan.in_course else None
        extensions = self._extensions(row.names[0], plan, view)
        context: Json = {"extensions": extensions}
        if plan.activities:
            self._add_activities(context, plan.activities, parent, view)
            parent = None
        if plan.instructor:
            self._instruct(context, plan.instructor(view), user, view)
        target = plan.object(view)
        if not target:
            raise view.lacks("no_object", "object")
        is_placed = self._places.asks or (course is not None and course.language != UNDETERMINED)
        if is_placed:
            parent = self._places.place(course, parent, target, context)
        name, verb = row.names[0], plan.verb
        payload = view.digest_at(stamp)
        key = stamped_id("xapi", name, agent.key, stamp, target["id"], "", payload)
        result = plan.result(view) if plan.result else None
        if result:
            result = _tidy(result)
        profile = plan.profile
        if profile and not profile.is_fulfilled(extensions, result):
            profile = None
        made = [
            _statement(
                view,
                key,
                agent,
                verb,
                target,
                result,
                context,
                parent,
                profile,
                stamp,
                is_written=is_written,
                is_checked=row.is_checked,
            )
        ]
        if plan.children is None:
            return made
        for child in plan.children(view):
            if not child.object:
                raise view.lacks("no_object", "object")
            part = child.object["id"]
            own = stamped_id("xapi", name, agent.key, stamp, part, child.key, payload)
            result = _tidy(child.result) if child.result else None
            about = _below(key, target, course, extensions)
            if is_placed:
                self._places.place(course, None, child.object, about)
            made.append(
                _statement(
                    view,
                    own,
                    agent,
                    verb,
                    child.object,
                    result,
                    about,
                    None,
                    None,
                    stamp,
                    is_written=is_written,
                    is_checked=row.is_checked,
                )
            )
        return made

    def _extensions(self, name: str, plan: Statement, view: View) -> Json:
        extensions: Json = {TRANSFORMER_VERSION: self._version, EVENT_NAME: name}
        if session := view.session():
            extensions[SESSION_ID] = session
        if original := view.original_block():
            extensions[ORIGINAL_BLOCK] = original
        if "event_transaction_id" in view.data:
            add_transaction(extensions, view)
        if plan.extensions and (more := plan.extensions(view)):
            add_filled(extensions, more)
        return extensions

    @staticmethod
    def _add_activities(context: Json, more: Shape, parent: Course | None, view: View) -> None:
        activities: Json = {"parent": [_course(parent)]} if parent else {}
        if others := more(view):
            for key, each in others.items():
                if each:
                    activities[key] = each
        if activities:
            context["contextActivities"] = activities

    def _instruct(
        self, context: Json, instructor: int | str | None, learner: int | str, view: View
    ) -> None:
        if instructor is not None and instructor != learner:
            with contextlib.suppress(TranslationError):  # nobody knows them: say nothing of them
                context["instructor"] = self._agent(instructor, view).json()

    def _agent(self, user: int | str, view: View) -> Agent:
        if self._email is None:
            agent: Agent = view.site.person(user, view).actor
            return agent
        email = self._email(user)
        if not email:
            raise view.lacks("no_email", "context.user_id")
        key = f"mailto:{email}"
        if self._form == "mbox_sha1sum":
            # The hash is that of the whole mailto IRI (1.0.3, Data 2.4.2.3).
            key = sha1_of(key)
        return _new_agent(key, self._form, key)


def _new_agent(key: str, form: str, value: Json | str) -> Agent:
    return Agent(key, form, value, dumps({"objectType": "Agent", form: value}))


def _course(course: Course) -> Json:
    return activity(course.iri, COURSE, course.name, course.language)


def _below(whole: str, target: Json, course: Course | None, extensions: Json) -> Json:
    """Make the context of the statement of a part: the whole, and the course that groups both."""
    activities: Json = {"parent": [copied(target)]}
    if course:
        activities["grouping"] = [_course(course)]
    return {
        "extensions": extensions.copy(),
        "contextActivities": activities,
        "statement": {"objectType": "StatementRef", "id": whole},
    }


def _statement(  # noqa: PLR0917 - the parts of a statement, in its order
    view: View,
    key: str,
    agent: Agent,
    verb: Verb,
    target: Json,
    result: Json | None,
    context: Json,
    course: Course | None,
    profile: Profile | None,
    stamp: str,
    *,
    is_written: bool,
    is_checked: bool,
) -> Any:
    """
    Make a statement, as an object, or as JSON: then what many have in common was written before.

    *course* is its parent, unless *context* says more of activities; *profile* is its category.
    """
    if profile and "contextActivities" in context:
        context["contextActivities"]["category"] = [profile.json()]
        profile = None
    if is_written:
        own: Json = {"object": target}
        if result:
            own["result"] = result
        own["context"] = context
        activities = course.text if course else b""
        if profile:
            activities = activities[:-1] + profile.text if course else profile.alone
        try:
            text = dumps(own, is_checked=is_checked)
        except NOT_JSON:
            raise view.lacks("not_serialisable") from None
        return b"".join(
            (
                b'{"id":"',
                key.encode(),
                b'","actor":',
                agent.text,
                b',"verb":',
                verb.text,
                b",",
                text[1:-2],
                activities,
                b'},"timestamp":"',
                stamp.removesuffix(".000000").encode(),
                b'+00:00","version":"1.0.3"}',
            )
        )
    if course:
        context["contextActivities"] = {"parent": [_course(course)]}
    if profile:
        context.setdefault("contextActivities", {})["category"] = [profile.json()]
    statement: Json = {
        "id": key,
        "actor": agent.json(),
        "verb": verb.json(),
        "object": target,
    }
    if result:
        statement["result"] = result
    statement["context"] = context
    statement["timestamp"] = f"{stamp.removesuffix('.000000')}+00:00"
    statement["version"] = VERSION
    return statement


def _tidy(result: Json) -> Json | None:
    """Leave out of a result the extensions without a value; those that stay come last."""
    extensions = result.get("extensions")
    if extensions is None:
        return result
    kept = filled(extensions)
    if len(result) == 1:
        return {"extensions": kept} if kept else None
    rest = {key: value for key, value in result.items() if key != "extensions"}
    return rest | {"extensions": kept} if kept else rest


def sha1_of(text: str) -> str:
    """Give the SHA-1 of a text, in hexadecimal digits."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
