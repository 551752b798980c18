"""
Checking documents against their specification: the rules, and which of them one breaks.

Begin with `xapi` or `caliper`; the rules of either are the JSON Schema beside them, plus what no
schema can say. `documents` is what both share.
"""

from __future__ import annotations

from eventkit.validation.caliper import (
    InvalidCaliperEvent,
    envelope_errors,
    event_errors,
    validate_event,
)
from eventkit.validation.xapi import InvalidStatement, statement_errors, validate_statement

__all__ = [
    "InvalidCaliperEvent",
    "InvalidStatement",
    "envelope_errors",
    "event_errors",
    "statement_errors",
    "validate_event",
    "validate_statement",
]
