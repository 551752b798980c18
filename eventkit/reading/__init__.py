"""
What comes in: the lines of a tracking log, and one read-only view of an event of any shape.

Begin with `parsing` (text to events) and `source` (the same questions to logged and live events);
`keys` knows the platform's opaque keys, `jsonable` writes events so that any queue can carry them.
"""

from __future__ import annotations

from eventkit.reading.parsing import parse_events, parse_line
from eventkit.reading.source import Source

__all__ = ["Source", "parse_events", "parse_line"]
