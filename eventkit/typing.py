"""Names for the shapes that pass between eventkit's parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NotRequired, Protocol, TypedDict

Json = dict[str, Any]
"""A JSON object as Python has it."""

Event = Mapping[str, Any]
"""
A tracking event in either shape; never mutated.

Live: ``name``, ``timestamp``, ``data``, ``context``. Log: ``event_type`` or ``name``, ``time``,
``event`` (object or JSON text), ``context``, ``event_source``, ``username``, ...
"""

ProtocolName = Literal["xapi", "caliper"]
"""A target protocol."""

Dialect = Literal["standard", "erb"]
"""``standard`` follows the specifications; ``erb`` equals event-routing-backends."""

Fallback = Literal["standard"]
"""What translates the events of which dialect ``erb`` makes nothing."""

Unknown = Literal["generic"]
"""What is said of events that no row knows: that a block was used."""


class Translation(TypedDict):
    """What a translator hands to the router."""

    name: str
    """The event's name; event-tracking's own log messages index it."""
    protocol: ProtocolName
    documents: list[Json]
    """xAPI statements or Caliper events, parents before children."""
    event: Event
    """The original event. Access rules read it; it is never delivered."""


class Delivery(TypedDict):
    """The documents of one translation, for one consumer. JSON-able, so it fits any task queue."""

    consumer: str
    """The consumer's id."""
    protocol: ProtocolName
    name: str
    documents: list[Json]
    event: NotRequired[Event]
    """
    The original event. Access rules are checked against it once more, and a dead letter keeps it;
    it is never delivered. Leave it out where a task queue must not hold personal data.
    """
    owner: NotRequired[str]
    """
    Whom it is for, whatever the id (`eventkit.Consumer.owner`): another consumer under that id does
    not get it.
    """


Processor = Callable[[Any], Any]
"""
Takes what the previous processor handed on and returns what the next one gets, or raises
`eventkit.DropEvent`.
"""

Identity = Callable[[str | int, ProtocolName], str | None]
"""
Gives the anonymised id of a user: a user id (int) or username (str), and the protocol that the id
is for. None: nobody knows this user, and the event is dropped.
"""

EmailResolver = Callable[[str | int], str | None]
"""Gives the e-mail address of a user; only for the actor forms ``mbox`` and ``mbox_sha1sum``."""

Name = str | Mapping[str, str]
"""A display name, or an object with ``name`` and ``language`` (a tag such as ``es-419``)."""

Courses = Callable[[str], Name | None] | Mapping[str, Name]
"""Gives the display name of a course by its key; None when it has none."""

Block = str | Mapping[str, Any]
"""
The display name of a block, or an object with what is known of it: ``name``, ``language`` (as of
`Name`), ``type`` (such as ``problem``, where the usage key does not say it) and ``ancestors``, the
usage keys of what it is a part of, the nearest first: unit, subsection, section.
"""

Blocks = Callable[[str], Block | None] | Mapping[str, Block]
"""Gives what is known of a block by its usage key; None when nothing is."""

Enqueue = Callable[[Json], Any]
"""Hands a JSON-safe event to whatever runs a site's background work. Must not block."""

ErrorHook = Callable[[BaseException, Event], Any]
"""Called with an unexpected error and the event that caused it."""


class Backend(Protocol):
    """What event-tracking calls a backend."""

    def send(self, event: Any) -> Any:
        """Take one event, or what a processor made of it."""
