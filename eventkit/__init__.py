"""Share Open edX learning events in real time, as xAPI and Caliper."""

from __future__ import annotations

from eventkit.exceptions import (
    ConfigurationError,
    DropEvent,
    EventParseError,
    TranslationError,
    UnsupportedEvent,
)
from eventkit.parsing import parse_line
from eventkit.xapi import XAPITranslator

__all__ = [
    "ConfigurationError",
    "DropEvent",
    "EventParseError",
    "TranslationError",
    "UnsupportedEvent",
    "XAPITranslator",
    "parse_line",
]
