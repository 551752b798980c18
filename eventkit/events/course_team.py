"""What the course team does; none of it is a learner's."""

from __future__ import annotations

from eventkit.events._rows import Event

EVENTS: tuple[Event, ...] = ()
