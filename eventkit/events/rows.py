"""What one row of the event tables says: the names of an event and what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from eventkit.base.json import dumps
from eventkit.events.one_of import OneOf
from eventkit.events.shapes.iris import PROFILE, Verb
from eventkit.events.shapes.view import View, activity
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

__all__ = ["Action", "Child", "OneOf", "Profile", "Row", "Shape", "Statement", "Who"]

Shape = Callable[[View], Json | None]
"""
Makes one part of a document from a view of an event; None or an empty object means "leave it out".

A shape raises `eventkit.TranslationError` (most easily through `View.lacks`) when the event lacks
what the document cannot do without.
"""

Who = Callable[[View], int | str | None]
"""Finds a user: an id (int) or a username (str); None when there is none."""


# Without slots, which the compiler does not know; it makes them of its own, and leaves nothing that
# `pickle` could look into.


_Again: TypeAlias = tuple[type, tuple[Any, ...]]


def _again(row: Statement | Action | Row | Profile) -> _Again:
    """Say how to make a row again."""
    return (type(row), tuple(getattr(row, each.name) for each in fields(row) if each.init))


@dataclass(frozen=True, kw_only=True)
class Child:
    """One more statement of the same event, below the first: a question of a problem, say."""

    key: str
    """Tells the children of one event apart; part of the statement's id."""
    object: Json
    result: Json | None = None


@dataclass(frozen=True)
class Profile:
    """
    A published profile, and what one of its templates wants of a statement.

    A statement that has it names the profile as a category. What the template wants of every
    statement, and what the row has anyway, such as the verb, is not said again.
    """

    id: str
    result: frozenset[str] = frozenset()
    """Extensions of the result."""
    context: frozenset[str] = frozenset()
    """Extensions of the context."""
    text: bytes = field(init=False, repr=False, compare=False)
    """The category, as the end of a JSON object that has other members."""
    alone: bytes = field(init=False, repr=False, compare=False)
    """The activities of a context that has no others, as a member of a JSON object."""

    def __post_init__(self) -> None:
        written = dumps({"category": [self.json()]})
        object.__setattr__(self, "text", b"," + written[1:])
        object.__setattr__(self, "alone", b',"contextActivities":' + written)

    def __reduce__(self) -> _Again:
        return _again(self)

    def json(self) -> Json:
        """Write the profile as an Activity; a new object each time, so that none is shared."""
        return activity(self.id, PROFILE)

    def is_fulfilled(self, context: Json, result: Json | None) -> bool:
        """Tell whether a statement with these extensions of the context, and result, has it all."""
        if self.context and not self.context <= context.keys():
            return False
        if not self.result:
            return True
        found = result.get("extensions") if result else None
        return found is not None and self.result <= found.keys()


@dataclass(frozen=True)
class Statement:
    """
    What an event becomes in xAPI.

    The translator adds what all statements share: id, actor, time, version, the session, and the
    course as ``context.contextActivities.parent``.
    """

    verb: Verb
    object: Shape
    result: Shape | None = None
    extensions: Shape | None = None
    """Further ``context.extensions``."""
    activities: Shape | None = None
    """Further ``context.contextActivities``, such as ``{"grouping": [...]}``."""
    in_course: bool = True
    """Whether the course is the parent; False where the object is the course itself."""
    children: Callable[[View], list[Child]] | None = None
    user: Who | None = None
    """Whom the actor stands for; None: the learner as `View.learner` finds it."""
    instructor: Who | None = None
    """Who did it to the learner; left out when it is nobody, or the learner."""
    profile: Profile | None = None
    """The profile that statements belong to where they have what its template wants."""

    def __reduce__(self) -> _Again:
        return _again(self)


@dataclass(frozen=True)
class Action:
    """
    What an event becomes in Caliper.

    The translator adds what all Caliper events share: context, id, actor, time, session, edApp and
    group (the course).
    """

    type: str
    """The event type, such as ``MediaEvent``."""
    action: str
    object: Shape
    profile: str
    target: Shape | None = None
    generated: Shape | None = None
    referrer: Shape | None = None
    extensions: Shape | None = None
    actor: Literal["person", "learner", "lms"] | Who = "person"
    """
    Who acts: the person who did it, the learner it is about (staff may have done it), or the LMS,
    which grades by itself. A function finds a person; where it finds none the LMS acts.
    """
    key: str = ""
    """Tells the Caliper events of one tracking event apart; part of the id."""
    text: bytes = field(init=False, repr=False, compare=False)
    """The words of an event, as members of a JSON object."""

    def __post_init__(self) -> None:
        for word in (self.type, self.profile, self.action):
            if not (word.isascii() and word.isalnum()):
                raise ConfigurationError(
                    f"events: {word!r:.80} is no type, profile or action of Caliper 1.2; "
                    "expected a word of letters and digits, such as 'MediaEvent'"
                )
        words = f'"type":"{self.type}","profile":"{self.profile}","action":"{self.action}"'
        object.__setattr__(self, "text", words.encode())

    def __reduce__(self) -> _Again:
        return _again(self)


@dataclass(frozen=True)
class Row:
    """
    One kind of event: a row.

    *names* holds the canonical name first, then every other name of the same event. *xapi* and
    *caliper* are what it becomes, or what it may become (`OneOf`). *reason* says
    why an event is not translated; a row has either a translation or a reason.
    """

    names: tuple[str, ...]
    xapi: Statement | OneOf[Statement, Statement] | None = None
    caliper: Action | OneOf[Action, Sequence[Action]] | None = None
    reason: str = ""
    family: str = ""
    """The module that the row stands in; filled in by the catalogue when empty."""
    is_checked: bool = True
    """
    Whether what it makes is looked through for what JSON cannot hold. Rows of eventkit itself make
    no such thing, which its tests look after.
    """

    def __reduce__(self) -> _Again:
        return _again(self)

    @property
    def name(self) -> str:
        """The canonical name."""
        return self.names[0]
