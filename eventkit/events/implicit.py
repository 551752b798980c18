"""Requests of pages."""

from __future__ import annotations

from eventkit.events._rows import Event

EVENTS: tuple[Event, ...] = ()
