"""From tracking events to xAPI 1.0.3 statements."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from eventkit._json import dumps
from eventkit._options import check_dialect
from eventkit._translator import NOT_JSON, Made, Translator
from eventkit.events import Event as Row
from eventkit.events import Statement
from eventkit.events._iris import COURSE, ORIGINAL_BLOCK, SESSION_ID, TRANSFORMER_VERSION, Verb
from eventkit.events._page import IMPLICIT
from eventkit.events._site import Course
from eventkit.events._view import View, activity, copied, filled
from eventkit.exceptions import ConfigurationError, TranslationError
from eventkit.ids import stamped_id
from eventkit.source import as_object
from eventkit.typing import Courses, Dialect, EmailResolver, ErrorHook, Identity, Json

VERSION = "1.0.3"
ACTOR_FORMS = ("account", "mbox", "mbox_sha1sum")

_EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,255}")


@dataclass(frozen=True, slots=True)
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


# Makes a statement, as an object or as JSON, of the view, its id, actor, verb, object, result and
# context, the course that is its parent, and the time.
Make: TypeAlias = Callable[
    [View, str, Agent, Verb, Json, Json | None, Json, Course | None, str], Made
]


class XAPITranslator(Translator):
    """
    Translate tracking events into xAPI statements.

    One event gives one statement, or several: a problem with several questions gives one for the
    whole and one for each question, the whole first. In dialect ``erb`` an event that names no
    object gives a statement without ``object.id``, as in the peer; the processor never hands such
    a statement on.

    Args:
        lms_root: root URL of the LMS; activity ids and the home page of accounts start with it.

        identity: gives the anonymised id of a user (see `eventkit.HMACIdentity`).

        courses: gives the display name of a course; a callable or a mapping. A look-up that fails
            costs the name, not the event.

        dialect: ``"standard"`` follows the specification and the profiles; ``"erb"`` equals what
            event-routing-backends writes, its faults included.

        actor: the form of the actor: ``"account"``, or, where the receiver needs e-mail addresses,
            ``"mbox"`` or ``"mbox_sha1sum"``, which need *email*.

        email: gives the e-mail address of a user.

        events: further rows, or the dotted path of a table of rows.

        include_text: whether text that learners wrote may leave. Problem answers and thread titles
            always do, as with event-routing-backends.

        implicit: translate requests for pages of courses too, as "viewed" statements. They are
            most of a raw log.

        validate: check every statement against the shipped JSON Schema; one that fails is refused.

        transformer_version: what statements say of the program that made them.

        on_error: called with the error and the event when an event that has a translation could
            not be translated.

    Raises:
        ConfigurationError: an option is wrong; the message names it.
    """

    protocol = "xapi"

    def __init__(
        self,
        *,
        lms_root: str,
        identity: Identity,
        courses: Courses | None = None,
        dialect: Dialect = "standard",
        actor: str = "account",
        email: EmailResolver | None = None,
        events: Iterable[Row] | str = (),
        include_text: bool = False,
        implicit: bool = False,
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
        self._implicit = bool(implicit)
        _check_email(actor, email)
        self._email = email
        self._actor_form = actor
        self._erb = None
        if check_dialect(dialect) == "erb":
            # The dialect goes when this import does.
            from eventkit.erb.xapi import ERBStatements  # noqa: PLC0415

            self._erb = ERBStatements(self._root, self._version, self._course_name, self._erb_actor)
        self._check: Callable[[Json], list[str]] | None = None
        if validate:
            # Costs time and memory that only validation needs.
            from eventkit.validation import statement_errors  # noqa: PLC0415

            self._check = statement_errors
        self._is_plain = self._erb is None and self._check is None

    def _plan(self, row: Row) -> object:
        return row.xapi

    def _unnamed(self, _name: str) -> Row | None:
        return IMPLICIT if self._implicit and _name.startswith("/") else None

    def _write_course(self, iri: str, name: str) -> bytes:
        return b',"contextActivities":' + dumps({"parent": [_course(iri, name)]})

    def _introduce(self, name: str, _iri: str) -> Agent:
        account = {"homePage": self._root, "name": name}
        return _new_agent(f"{self._root} {name}", "account", account)

    def _documents(self, row: Row, view: View) -> list[Json]:
        documents = self._erb.translate(view) if self._erb else None
        if documents is None:
            documents = self._plain(row, view, self._made)
        if self._check is not None:
            for document in documents:
                if errors := self._check(document):
                    raise TranslationError(view.name, "invalid_statement", detail=errors[0])
        return documents

    def _plain(  # noqa: C901 - the hot path, in one piece
        self, row: Row, view: View, make: Make[Made]
    ) -> list[Made]:
        plan = row.xapi
        if not isinstance(plan, Statement):
            if plan is None:  # pragma: no cover - the caller has looked
                return []
            plan = plan.pick(view)
        stamp = view.stamp() or view.stamped()
        user = plan.user(view) if plan.user else view.learner()
        if user is None:
            raise view.lacks("no_actor")
        agent = self._agent(user, view)
        is_needed = view.course_id and (plan.in_course or plan.children)
        course = view.site.course(view.course_id) if is_needed else None
        parent = course if plan.in_course else None
        extensions = self._extensions(plan, view)
        context: Json = {"extensions": extensions}
        if plan.activities or plan.instructor:
            self._add_activities(context, plan, parent, view)
            parent = None
            if plan.instructor:
                self._instruct(context, plan.instructor(view), user, view)
        target = plan.object(view)
        if not target:
            raise view.lacks("no_object", "object")
        name, digest, verb = row.names[0], view.digest, plan.verb
        key = stamped_id("xapi", name, agent.key, stamp, target["id"], "", digest)
        result = plan.result(view) if plan.result else None
        if result:
            result = _tidy(result)
        first = make(view, key, agent, verb, target, result, context, parent, stamp)
        if plan.children is None:
            return [first]
        made = [first]
        for child in plan.children(view):
            if not child.object:
                raise view.lacks("no_object", "object")
            part = child.object["id"]
            own = stamped_id("xapi", name, agent.key, stamp, part, child.key, digest)
            result = _tidy(child.result) if child.result else None
            about = _below(key, target, course, extensions)
            made.append(make(view, own, agent, verb, child.object, result, about, None, stamp))
        return made

    def _extensions(self, plan: Statement, view: View) -> Json:
        extensions: Json = {TRANSFORMER_VERSION: self._version}
        if session := view.session():
            extensions[SESSION_ID] = session
        module = view.context.get("module")
        if module is not None and (original := _original_block(module, view)):
            extensions[ORIGINAL_BLOCK] = original
        if plan.extensions and (more := plan.extensions(view)):
            extensions |= filled(more)
        return extensions

    @staticmethod
    def _add_activities(context: Json, plan: Statement, parent: Course | None, view: View) -> None:
        activities: Json = {"parent": [_course(parent.iri, parent.name)]} if parent else {}
        if plan.activities and (others := plan.activities(view)):
            activities |= {key: each for key, each in others.items() if each}
        if activities:
            context["contextActivities"] = activities

    def _instruct(
        self, context: Json, instructor: int | str | None, learner: int | str, view: View
    ) -> None:
        if instructor is not None and instructor != learner:
            with contextlib.suppress(TranslationError):  # nobody knows them: say nothing of them
                context["instructor"] = self._agent(instructor, view).json()

    def _made(  # noqa: PLR0917 - the parts of a statement, in its order
        self,
        _view: View,
        key: str,
        agent: Agent,
        verb: Verb,
        target: Json,
        result: Json | None,
        context: Json,
        course: Course | None,
        stamp: str,
    ) -> Json:
        """Make a statement; *course* is its parent, unless *context* says more of activities."""
        if course:
            context["contextActivities"] = {"parent": [_course(course.iri, course.name)]}
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

    def _written(  # noqa: PLR0917 - as above
        self,
        view: View,
        key: str,
        agent: Agent,
        verb: Verb,
        target: Json,
        result: Json | None,
        context: Json,
        course: Course | None,
        stamp: str,
    ) -> bytes:
        """Write the statement that `_made` makes; what many have in common was written before."""
        own: Json = {"object": target}
        if result:
            own["result"] = result
        own["context"] = context
        try:
            text = dumps(own)
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
                course.text if course else b"",
                b'},"timestamp":"',
                stamp.removesuffix(".000000").encode(),
                b'+00:00","version":"1.0.3"}',
            )
        )

    def _agent(self, user: int | str, view: View) -> Agent:
        if self._email is None:
            agent: Agent = view.site.person(user, view).actor
            return agent
        email = self._email(user)
        if not email or not _EMAIL.fullmatch(email):
            raise view.lacks("no_email", "context.user_id")
        key = f"mailto:{email}"
        if self._actor_form == "mbox_sha1sum":
            # The hash is that of the whole mailto IRI (1.0.3, Data 2.4.2.3).
            key = _sha1(key)
        return _new_agent(key, self._actor_form, key)

    def _erb_actor(self, user: int | str, view: View) -> Json:
        """Make the actor as dialect ``erb`` has it: its order of members counts in ids."""
        if self._email is None:
            name = view.site.person(user, view).name
            return {"objectType": "Agent", "account": {"name": name, "homePage": self._root}}
        email = self._email(user)
        if not email:
            raise view.lacks("no_email", "context.user_id")
        if self._actor_form == "mbox":
            return {"objectType": "Agent", "mbox": f"mailto:{email}"}
        return {"objectType": "Agent", "mbox_sha1sum": _sha1(email)}


def _original_block(module: object, view: View) -> str:
    """Give the IRI of the library's block that a block of a course was made from."""
    key = as_object(module).get("original_usage_key")
    return view.iri(f"/xblock/{key}") if isinstance(key, str) and key else ""


def _new_agent(key: str, form: str, value: Json | str) -> Agent:
    return Agent(key, form, value, dumps({"objectType": "Agent", form: value}))


def _course(iri: str, name: str) -> Json:
    return activity(iri, COURSE, name=name, language="en-US")


def _below(whole: str, target: Json, course: Course | None, extensions: Json) -> Json:
    """Make the context of the statement of a part: the whole, and the course that groups both."""
    activities: Json = {"parent": [copied(target)]}
    if course:
        activities["grouping"] = [_course(course.iri, course.name)]
    return {
        "extensions": extensions.copy(),
        "contextActivities": activities,
        "statement": {"objectType": "StatementRef", "id": whole},
    }


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


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _check_email(form: str, email: EmailResolver | None) -> None:
    if form not in ACTOR_FORMS:
        raise ConfigurationError(f"actor: unknown form {form!r}; expected one of {ACTOR_FORMS}")
    if form == "account" and email is not None:
        raise ConfigurationError(
            "email: only the actor forms 'mbox' and 'mbox_sha1sum' use it; "
            "set actor to one of them or remove email"
        )
    if form != "account" and not callable(email):
        raise ConfigurationError(
            f"email: the actor form {form!r} needs a callable that gives a user's e-mail address"
        )
