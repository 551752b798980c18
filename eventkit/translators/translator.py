"""
What the translators of all protocols have in common: how they fail.

There are two ways out of a translator, a translation or an exception of eventkit's own. Every event
that goes in is counted under what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

from eventkit.base.blame import INTERRUPTED, is_interrupt
from eventkit.base.counting import Tally
from eventkit.base.json import NOT_JSON, dumps
from eventkit.base.memory import Memory
from eventkit.base.throttle import SafeLogger
from eventkit.events.families.unknown import UNKNOWN, unknown_row
from eventkit.events.rows import Row
from eventkit.events.shapes.site import Site, named
from eventkit.events.shapes.view import View
from eventkit.exceptions import DropEvent, TranslationError, UnsupportedEvent
from eventkit.instrumentation.hooks import Details, What, is_on, tell
from eventkit.reading.source import Source, name_of
from eventkit.translators.identity import anonymous_id, id_text, shows, unkeyed
from eventkit.translators.lookups import Unanswered, ask, says_no_such
from eventkit.translators.options import (
    TRANSFORMER_VERSION,
    block_facts,
    check_dialect,
    check_fallback,
    check_hook,
    check_identity,
    check_root,
    check_unknown,
    course_names,
    extend_catalogue,
    kept_keys,
)
from eventkit.typing import (
    Blocks,
    Courses,
    Dialect,
    ErrorHook,
    Event,
    Fallback,
    Identity,
    Json,
    ProtocolName,
    Translation,
    Unknown,
)

logger = SafeLogger(__name__)

_MOST_LOGGED = 1000
_MOST_USERS = 50_000


class Maker(Protocol):
    """What makes the documents of one protocol."""

    def write_course(self, iri: str, name: str, language: str) -> bytes:
        """Give the `Site.write_course` of the protocol."""

    def introduce(self, name: str, iri: str) -> Any:
        """Give the `Site.introduce` of the protocol."""

    def make(self, row: Row, view: View, *, is_written: bool) -> list[Any]:
        """Make the documents of one event, as objects or as JSON in UTF-8."""


class Translator:
    """Turns events into the documents of one protocol; a subclass says which, in `_documents`."""

    protocol: ProtocolName

    _standard: Maker
    """Makes the documents of dialect ``standard``; set by `_begin`."""
    _check: Callable[[Json], list[str]] | None = None
    """Says what is wrong with a document, where that is asked for."""
    _response_texts = False
    """Whether answers are told by their texts."""
    _in_erb: Collection[str] = ()
    """The names of the events that dialect ``erb`` knows, where it is that."""

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
        events: Iterable[Row] | str = (),
        include_text: bool = False,
        keep_query: Iterable[str] = (),
        validate: bool = False,
        transformer_version: str | None = None,
        on_error: ErrorHook | None = None,
    ) -> None:
        self._root = check_root(lms_root)
        self._identity = check_identity(identity)
        self._names = course_names(courses)
        self._facts = block_facts(blocks)
        self._catalogue = extend_catalogue(events)
        self._on_error = check_hook(on_error)
        self._version = transformer_version or TRANSFORMER_VERSION
        self._rows = {name: row for row in self._catalogue if self._plan(row) for name in row.names}
        self._logged: set[tuple[str, str]] = set()
        self._courses = courses
        self._blocks = blocks
        self._include_text = bool(include_text)
        self._kept_keys = kept_keys(keep_query)
        self._dialect = check_dialect(dialect)
        self._fallback = check_fallback(fallback, dialect)
        self._unknown = check_unknown(unknown, dialect, fallback)
        if validate:
            self._check = self._rules()
        self._begin()

    def _rules(self) -> Callable[[Json], list[str]]:
        """Give what says what is wrong with a document; it costs time and memory to load."""
        raise NotImplementedError

    def _begin(self) -> None:
        """Have nothing counted and nothing remembered, as in a new process."""
        self._tally = Tally()
        self._count = self._tally.counter("translated")
        self._answers: Memory[int | str, tuple[Any, str]] = Memory(_MOST_USERS)
        self._is_plain = self._dialect == "standard" and self._check is None
        # A dictionary cannot fail, so nobody has to stand between.
        known = {} if self._courses is None else self._courses
        self._site = Site(
            self._root,
            known.get if type(known) is dict else self._course_name,
            self._anonymous,
            self._pseudonym,
            self._standard.write_course,
            self._standard.introduce,
            self._include_text,
            getattr(self._identity, "lasting", False) is True,
            response_texts=self._response_texts,
            kept_keys=self._kept_keys,
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_tally", "_count", "_site", "_standard", "_erb", "_answers"):
            del state[name]
        state.pop("_naming", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def _documents(self, row: Row, view: View) -> list[Json]:
        """Give the documents of one event in the dialect that was chosen."""
        raise NotImplementedError

    def _otherwise(self, row: Row, view: View) -> list[Json]:
        """Give the documents of one event of which the dialect that was chosen makes none."""
        if self._is_alone():
            raise UnsupportedEvent(
                view.name, "not_in_erb", "event-routing-backends sends nothing of it"
            )
        return self._standard.make(row, view, is_written=False)

    def _is_alone(self) -> bool:
        """Tell whether nothing is sent but what dialect ``erb`` makes."""
        return self._dialect == "erb" and self._fallback is None

    def _plan(self, row: Row) -> object:
        """Give what *row* says of this protocol; None when it says nothing."""
        raise NotImplementedError

    def _unnamed(self, name: str) -> Row | None:
        """Give the row of events that no row names; None when there is none."""
        return unknown_row(name) if self._unknown else None

    def supports(self, name: str) -> bool:
        """Tell whether events of this *name* have a translation, in the dialect that was chosen."""
        if self._is_alone() and name not in self._in_erb:
            return False
        row = self._catalogue.get(name) or self._unnamed(name)
        return row is not None and self._plan(row) is not None

    def stats(self) -> dict[str, int]:
        """
        Give the counts so far: ``translated``, and ``skipped:`` and ``rejected:`` by reason.

        Where ``unknown="generic"`` translates events that no row knows, ``generic`` counts those of
        the translated that are such.

        ``failed:lookup_failed`` and ``failed:interrupted`` count attempts to be made again.
        """
        return self._tally.snapshot()

    def translate(self, event: Event) -> list[Json]:
        """
        Give the documents of one event.

        Raises:
            UnsupportedEvent: by design there is no translation.
            TranslationError: the event lacks what its translation needs, or, where it is
                *retryable*, a look-up failed.
        """
        return self._attempt(event, is_written=False)

    def write(self, event: Event) -> list[bytes]:
        """
        Give the documents of one event as JSON in UTF-8, each on one line without its end.

        It is what a batch job writes: what `translate` gives, written, in less time than first the
        one and then the other take. A document without ``object.id``, which only dialect ``erb``
        has, is never written.

        Raises:
            UnsupportedEvent: by design there is no translation.
            TranslationError: as of `translate`.
        """
        return self._attempt(event, is_written=True)

    def _attempt(  # noqa: C901 - the hot path, in one piece
        self, event: Event, *, is_written: bool
    ) -> list[Any]:
        name: Any = ""
        try:
            if type(event) is not dict and not isinstance(event, Mapping):
                raise TranslationError("", "not_an_event", detail="expected a mapping")
            name = event.get("name") or event.get("event_type")
            row = self._rows.get(name) if type(name) is str else None
            if row is None:
                name = name_of(event)
                row = self._rows.get(name) or self._row(name)
            view = View(event, self._site, name)
            if self._is_plain:
                made = self._standard.make(row, view, is_written=is_written)
            else:
                made = self._special(row, view, is_written=is_written)
        except UnsupportedEvent as error:
            self._tally.add(f"skipped:{error.reason}")
            self._tell("untranslated", name, error.reason)
            raise
        except TranslationError as error:
            self._tally.add(f"rejected:{error.reason}")
            self._tell("untranslated", name, error.reason)
            raise
        except Unanswered as failure:
            raise self._failed(failure, name) from failure.__cause__
        except Exception as error:
            if is_interrupt(error):
                self._tally.add(f"failed:{INTERRUPTED}")
                raise
            self._tally.add("rejected:internal_error")
            self._tell("untranslated", name, "internal_error")
            detail = f"unexpected {type(error).__name__}"
            known = name if type(name) is str and self._catalogue.lists(name) else ""
            raise TranslationError(known, "internal_error", detail=detail) from error
        self._count()
        if row.family == UNKNOWN:
            self._tally.add("generic")
        if is_on():
            self._tell("translated", name)
        return made

    def _failed(self, failure: Unanswered, name: str) -> TranslationError:
        """Count a look-up that failed, and make the error to raise."""
        self._tally.add("failed:lookup_failed")
        self._tell("untranslated", name, "lookup_failed")
        if failure.__cause__ is not None:
            self._log_once(f"a look-up by {failure.field}", failure.__cause__)
        return TranslationError(
            name,
            "lookup_failed",
            failure.field,
            f"a look-up failed with {type(failure.__cause__).__name__}",
            retryable=True,
            retry_after=failure.retry_after,
        )

    def _special(self, row: Row, view: View, *, is_written: bool) -> list[Any]:
        """Make the documents of one event where they are not what rows say, or are checked."""
        documents = self._documents(row, view)
        if self._check is not None:
            for document in documents:
                if errors := self._check(document):
                    kind = "invalid_statement" if self.protocol == "xapi" else "invalid_event"
                    raise TranslationError(view.name, kind, detail=errors[0])
        if is_written:
            check_objects(documents, view.name)
        # Dialect erb takes over values as they are: one that is no JSON, such as a score of a live
        # event that is no number, must stop all documents of the event, and not only its own.
        texts = [written(document, view.name) for document in documents]
        return texts if is_written else documents

    def _row(self, name: str) -> Row:
        """Find the row of an event without a name of its own; say why there is none for others."""
        row = self._catalogue.get(name) or self._unnamed(name)
        if row is None:
            # Not by its name, which may be anything.
            raise UnsupportedEvent("", _unknown(name))
        if self._plan(row) is None:
            raise UnsupportedEvent(name, "not_translated", row.reason)
        return row

    def __call__(self, event: Event) -> Translation:
        """
        Translate one event, as a processor of event-tracking.

        Raises:
            DropEvent: there is no translation; its cause, an `UnsupportedEvent` or a
                `TranslationError`, tells more. It is *retryable* where that is.
        """
        try:
            documents = self.translate(event)
            name = str(event.get("name") or event.get("event_type"))
            check_objects(documents, name)
        except UnsupportedEvent as error:
            raise DropEvent(error.reason) from error
        except TranslationError as error:
            self._report(error, event)
            raise DropEvent(
                error.reason, retryable=error.retryable, retry_after=error.retry_after
            ) from error
        except Exception as error:
            # Only an interrupt gets here. event-tracking would take it for an error, and send the
            # event on as it is.
            raise DropEvent(INTERRUPTED, retryable=True) from error
        return {"name": name, "protocol": self.protocol, "documents": documents, "event": event}

    def translate_many(self, events: Iterable[Event]) -> Iterator[Translation]:
        """
        Translate *events* in order; those without a translation are counted and left out.

        Raises:
            TranslationError: a look-up failed, so that an event which has a translation would have
                been left out; it is *retryable*.
        """
        for event in events:
            try:
                yield self(event)
            except DropEvent as drop:
                if drop.retryable and isinstance(drop.__cause__, TranslationError):
                    raise drop.__cause__ from drop.__cause__.__cause__

    def _anonymous(self, user: int | str, source: Source) -> str:
        """Give the anonymised id of *user*; without one the event is dropped."""
        answer = ask(self._identity, "context.user_id", user, self.protocol)
        known = self._answers.get(user)
        if known is not None and known[0] == answer:
            return known[1]
        if answer is None or answer == "":
            raise TranslationError(source.name, "unknown_user", "context.user_id")
        name = anonymous_id(answer, user)
        if name is None:
            # What the identity hands back may be the user's own name.
            detail = "the identity gives no UUID, or one that shows who it is"
            raise TranslationError(source.name, "identity_not_anonymous", "context.user_id", detail)
        self._answers.keep(user, (answer, name))
        return name

    def _pseudonym(self, kind: str, text: str, source: Source) -> str:
        """Give what stands for *text*, a session key or the id of a team, in this protocol."""
        make = getattr(self._identity, "pseudonym", None)
        if make is None:
            # Nobody has a secret here. What the text is joined with keeps the protocols apart.
            return unkeyed(f"{self.protocol}\n{self._root}\n{kind}\n{text}")
        found = ask(make, "context.session", f"{kind}\n{text}", self.protocol)
        name = id_text(found)
        if name is None or shows(name, text):
            detail = "the identity's pseudonym is no UUID"
            raise TranslationError(source.name, "identity_not_anonymous", "", detail)
        return name

    def _course_name(self, course_id: str) -> object:
        return (
            None if self._names is None else _look_up(self._names, course_id, "context.course_id")
        )

    def _known_blocks(self) -> Callable[[str], object] | None:
        """Give what tells of blocks, or raises `Unanswered`; None where nothing does."""
        facts = self._facts
        if facts is None:
            return None
        # As of courses: a dictionary cannot fail.
        if type(self._blocks) is dict:
            return self._blocks.get
        return lambda key: _look_up(facts, key, "block")

    def _plain_course_name(self, course_id: str) -> str | None:
        """Give the name alone, as dialect ``erb`` has it."""
        return named(self._course_name(course_id))[0] or None

    def _tell(self, what: What, name: str, reason: str = "") -> None:
        if is_on():
            known = name if self._catalogue.lists(name) else ""
            component = type(self).__name__
            tell(
                Details(
                    what, component=component, protocol=self.protocol, name=known, reason=reason
                )
            )

    def _report(self, error: TranslationError, event: Event) -> None:
        if error.reason == "internal_error" and error.__cause__ is not None:
            self._log_once(error.name or "an event without a name", error.__cause__)
        if self._on_error is not None:
            try:
                self._on_error(error, event)
            except Exception as failure:  # noqa: BLE001 - the hook is not ours
                self._log_once("on_error", failure)

    def _log_once(self, where: str, error: BaseException) -> None:
        """Log an unexpected error without what it says, for it may hold the payload."""
        key = (where, type(error).__name__)
        if key in self._logged or len(self._logged) >= _MOST_LOGGED:
            return
        self._logged.add(key)
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        line = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
        logger.error(
            "Unexpected %s at %s while handling %s; later ones are counted only",
            key[1],
            line,
            where,
        )


def _look_up(look_up: Callable[[str], object], key: str, field: str) -> object:
    """Give what a site's *look_up* says of a course or a block; None when it knows none."""
    try:
        return look_up(key)
    except Exception as error:
        if is_interrupt(error):
            raise
        if isinstance(error, LookupError) or says_no_such(error):
            return None
        # Without the answer it would be another document under the same id.
        raise Unanswered(field) from error


def lack_objects(documents: Iterable[Json]) -> bool:
    """Tell whether documents do not say what they are about, as the peer's may; none is sent."""
    return any("id" not in document["object"] for document in documents)


def check_objects(documents: Iterable[Json], name: str) -> None:
    """Refuse documents that do not say what they are about."""
    for document in documents:
        if "id" not in document["object"]:
            raise TranslationError(name, "no_object", "object.id")


def written(document: Json, name: str) -> bytes:
    """Write what was made of the event of that *name*."""
    try:
        return dumps(document)
    except NOT_JSON:
        raise TranslationError(name, "not_serialisable") from None


def _unknown(name: str) -> str:
    if name.startswith("/"):
        return "implicit_event"
    return "unknown_event" if name else "no_name"
