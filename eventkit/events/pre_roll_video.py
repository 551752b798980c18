"""Pre-roll videos."""

from __future__ import annotations

from eventkit.events._rows import Event

EVENTS: tuple[Event, ...] = ()
