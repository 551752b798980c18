"""From tracking events to xAPI 1.0.3 statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

from eventkit.events.families.implicit_pages import IMPLICIT
from eventkit.events.rows import Row
from eventkit.events.shapes.view import View
from eventkit.exceptions import ConfigurationError
from eventkit.translators.lookups import ask
from eventkit.translators.standard.xapi import Statements, sha1_of
from eventkit.translators.translator import Translator, lack_objects
from eventkit.typing import (
    Blocks,
    Courses,
    Dialect,
    EmailResolver,
    ErrorHook,
    Fallback,
    Identity,
    Json,
    Unknown,
)

_EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,255}")

ACTOR_FORMS = ("account", "mbox", "mbox_sha1sum")


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

        courses: gives the display name of a course; a callable or a mapping. A `LookupError`, like
            None, says that the course has no name.

        blocks: gives what is known of a block by its usage key: its name, the language of it, and
            what it is a part of (`eventkit.typing.Block`); a callable or a mapping, such as
            `eventkit.BlocksFile`. A `LookupError`, like None, says that nothing is. Unit,
            subsection and section then stand in ``context.contextActivities.grouping``. Dialect
            ``erb`` has nothing of it.

        dialect: ``"standard"`` follows the specification and the profiles; ``"erb"`` equals what
            event-routing-backends writes, its faults included.

        fallback: what is sent in dialect ``erb`` of events of which event-routing-backends sends
            nothing. None: nothing either (they are skipped as ``not_in_erb``); ``"standard"``: what
            the other dialect makes of them, with the ids that they have there.

        actor: the form of the actor: ``"account"``, or, where the receiver needs e-mail addresses,
            ``"mbox"`` or ``"mbox_sha1sum"``, which need *email*.

        email: gives the e-mail address of a user.

        unknown: what is said of events that no row knows, such as those of a site's own XBlocks.
            None: nothing (they are skipped as ``unknown_event``); ``"generic"``: that the block
            which emitted it was used, and how the event is called, where that is plain words;
            nothing of what it holds.

        events: further rows, or the dotted path of a table of rows.

        include_text: whether text that learners wrote may leave. Problem answers and thread titles
            always do, as with event-routing-backends.

        keep_query: keys of queries that name content on the sites that courses link to, and so
            stay in URLs, besides the usual ones (``v``, ``page``, ``doi``, ...; see
            ``docs/concepts/privacy.md``). A value that names somebody never stays.

        responses: how answers to questions with choices are told: ``"ids"``, with the texts of
            what was chosen in the definition, or ``"text"``, several as a list in JSON, which
            is what the reports of Aspects can tell apart. Dialect ``erb`` has ways of its own.

        implicit: translate requests for pages of courses too, as "viewed" statements. They are
            most of a raw log. Dialect ``erb`` has neither them nor *events* without a *fallback*.

        validate: check every statement against the shipped JSON Schema; one that fails is refused.

        transformer_version: what statements say of the program that made them; by default the
            version of the mapping, which is another with another release only if the mapping is.

        on_error: called with the error and the event when an event that has a translation could
            not be translated; ``error.retryable`` tells whether it is to be tried again.

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
        blocks: Blocks | None = None,
        dialect: Dialect = "standard",
        fallback: Fallback | None = None,
        unknown: Unknown | None = None,
        actor: str = "account",
        email: EmailResolver | None = None,
        events: Iterable[Row] | str = (),
        include_text: bool = False,
        keep_query: Iterable[str] = (),
        responses: Literal["ids", "text"] = "ids",
        implicit: bool = False,
        validate: bool = False,
        transformer_version: str | None = None,
        on_error: ErrorHook | None = None,
    ) -> None:
        if responses not in ("ids", "text"):
            raise ConfigurationError(
                f"responses: unknown form {responses!r:.80}; expected 'ids' or 'text'"
            )
        self._response_texts = responses == "text"
        self._implicit = bool(implicit)
        _check_email(actor, email)
        self._email = email
        self._actor_form = actor
        super().__init__(
            lms_root=lms_root,
            identity=identity,
            courses=courses,
            blocks=blocks,
            dialect=dialect,
            fallback=fallback,
            unknown=unknown,
            events=events,
            include_text=include_text,
            keep_query=keep_query,
            validate=validate,
            transformer_version=transformer_version,
            on_error=on_error,
        )

    def _rules(self) -> Callable[[Json], list[str]]:
        from eventkit.validation.xapi import statement_errors  # noqa: PLC0415 - as its name says

        return statement_errors

    def _begin(self) -> None:
        email = self._ask_email if self._email else None
        self._standard = Statements(
            self._root, self._version, email, self._actor_form, self._known_blocks()
        )
        super()._begin()
        self._erb = None
        if self._dialect == "erb":
            # The dialect goes when this import does.
            from eventkit.translators.erb.xapi import ERBStatements  # noqa: PLC0415
            from eventkit.translators.erb.xapi_shapes import NAMES  # noqa: PLC0415

            self._in_erb = NAMES
            self._erb = ERBStatements(
                self._root, self._version, self._plain_course_name, self._erb_actor
            )

    def _plan(self, row: Row) -> object:
        return row.xapi

    def _unnamed(self, name: str) -> Row | None:
        return IMPLICIT if self._implicit and name.startswith("/") else super()._unnamed(name)

    def _documents(self, row: Row, view: View) -> list[Json]:
        documents: list[Json] | None = self._erb.translate(view) if self._erb else None
        if documents is None or (self._fallback is not None and lack_objects(documents)):
            return self._otherwise(row, view)
        return documents

    def _ask_email(self, user: int | str) -> str | None:
        found = ask(self._email, "context.user_id", user) if self._email else None
        return found if isinstance(found, str) and _EMAIL.fullmatch(found) else None

    def _erb_actor(self, user: int | str, view: View) -> Json:
        """Make the actor as dialect ``erb`` has it: its order of members counts in ids."""
        if self._email is None:
            name = view.site.person(user, view).name
            return {"objectType": "Agent", "account": {"name": name, "homePage": self._root}}
        email = self._ask_email(user)
        if not email:
            raise view.lacks("no_email", "context.user_id")
        if self._actor_form == "mbox":
            return {"objectType": "Agent", "mbox": f"mailto:{email}"}
        return {"objectType": "Agent", "mbox_sha1sum": sha1_of(email)}


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
