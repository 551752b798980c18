"""Share Open edX learning events in real time, as xAPI and Caliper."""

from __future__ import annotations

from eventkit.backends import EventRoutingBackend, RealTimeBackend, Relay
from eventkit.consumers import Consumer
from eventkit.dead_letters import (
    DeadLetter,
    FileDeadLetters,
    TranslationLetters,
)
from eventkit.exceptions import (
    ConfigurationError,
    DeliveryError,
    DropEvent,
    EventkitError,
    EventParseError,
    LookupFailed,
    StoreError,
    StoreFull,
    TranslationError,
    UnsupportedEvent,
)
from eventkit.filters import Filter
from eventkit.reading import parse_events, parse_line
from eventkit.router import Router, explain, replay
from eventkit.stores import SQLiteStore, open_dead_letters
from eventkit.translators import (
    BlocksFile,
    CachedBlocks,
    CachedCourses,
    CachedIdentity,
    CaliperTranslator,
    HMACIdentity,
    MappingIdentity,
    XAPITranslator,
)

__all__ = [
    "BlocksFile",
    "CachedBlocks",
    "CachedCourses",
    "CachedIdentity",
    "CaliperTranslator",
    "ConfigurationError",
    "Consumer",
    "DeadLetter",
    "DeliveryError",
    "DropEvent",
    "EventParseError",
    "EventRoutingBackend",
    "EventkitError",
    "FileDeadLetters",
    "Filter",
    "HMACIdentity",
    "LookupFailed",
    "MappingIdentity",
    "RealTimeBackend",
    "Relay",
    "Router",
    "SQLiteStore",
    "StoreError",
    "StoreFull",
    "TranslationError",
    "TranslationLetters",
    "UnsupportedEvent",
    "XAPITranslator",
    "explain",
    "open_dead_letters",
    "parse_events",
    "parse_line",
    "replay",
]
