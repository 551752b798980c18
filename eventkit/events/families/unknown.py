"""
Events that no row knows, said as plainly as can be: somebody used a block.

XBlocks and plugins have events of their own, which nobody here has read. Of those only three things
are told, and on demand only: who it was, which block emitted it, and how the event is called.
Nothing that it holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eventkit.events.one_of import OneOf
from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.caliper import GENERAL
from eventkit.events.shapes.iris import INTERACTED
from eventkit.events.shapes.places import own_activity, own_entity
from eventkit.events.shapes.view import View
from eventkit.exceptions import UnsupportedEvent
from eventkit.reading.keys import course_key, course_of_usage_key
from eventkit.reading.source import text_of

UNKNOWN = "unknown"
"""The family of these events, which is in no table."""

_WORD = "[A-Za-z]+(?:[0-9]{1,2}[A-Za-z]*)?"
_WORDS = re.compile(rf"{_WORD}(?:[._-]{_WORD})*")
_LONGEST = 80
_SHORT = 4  # characters: a name that short may be in many a word


def says_only_words(name: str) -> bool:
    """
    Tell whether the name of an event is made of plain words, so that it may leave.

    Paths, addresses, keys of blocks and numbers are none: they may name somebody.
    """
    return len(name) <= _LONGEST and not name.startswith("i4x") and bool(_WORDS.fullmatch(name))


def unknown_row(name: str) -> Row | None:
    """Give the row that stands for an event of this *name*; None of a name that must not leave."""
    if not says_only_words(name):
        return None
    return Row((name,), xapi=_XAPI, caliper=_CALIPER, family=UNKNOWN)


def somebody(view: View) -> int | str:
    """Give who was logged in; whom the payload names nobody knows."""
    found = view.doer
    if found is None:
        raise view.nobody("context.user_id", view.context, view.event)
    return found


def _bare(view: View) -> None:
    """Leave nothing of the payload to be seen, or refuse an event that is about no block."""
    block = view.module("usage_key")
    if not block:
        raise UnsupportedEvent(
            "", "unknown_event", "unknown, and it does not say which block emitted it"
        )
    if _names_somebody(view):
        raise UnsupportedEvent("", "unknown_event", "unknown, and its name may be somebody's")
    view.data = {}
    view.course_id = course_key(text_of(view.context.get("course_id"))) or (
        course_of_usage_key(block)
    )


def _names_somebody(view: View) -> bool:
    """Tell whether one of those whom the event names stands in its name."""
    name = view.name.casefold()
    words = re.split("[._-]", name)
    return any(
        (person in name if len(person) >= _SHORT else person in words)
        for person in view.known().people
    )


def _used(view: View) -> Statement:
    _bare(view)
    return _STATEMENT


def _use(view: View) -> tuple[Action]:
    _bare(view)
    return (_ACTION,)


_STATEMENT = Statement(INTERACTED, own_activity, user=somebody)
_ACTION = Action("Event", "Used", own_entity, GENERAL, actor=somebody)
_XAPI: OneOf[Statement, Statement] = OneOf((_STATEMENT,), _used)
_CALIPER: OneOf[Action, Sequence[Action]] = OneOf((_ACTION,), _use)
