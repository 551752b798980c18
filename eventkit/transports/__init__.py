"""
Ways to a consumer.

A transport sends documents in one request and says what came of it, as an `Answer`. It neither
retries nor splits nor waits; that is the same for all of them and lies with the router. Begin with
`transport`; adding one is a module here and a line in the table of `making`. What the status of an
answer means is said in `http`, and where a protocol means something else by it in `xapi` and
`caliper`.
"""

from __future__ import annotations

from eventkit.transports.making import TRANSPORTS, TransportFactory, make_transport
from eventkit.transports.transport import (
    CANNOT_ASK,
    CONFLICT,
    DELIVERED,
    MAX_RESPONSE,
    Answer,
    CheckResult,
    Document,
    Inquiry,
    Step,
    Transport,
    Verdict,
)

__all__ = [
    "CANNOT_ASK",
    "CONFLICT",
    "DELIVERED",
    "MAX_RESPONSE",
    "TRANSPORTS",
    "Answer",
    "CheckResult",
    "Document",
    "Inquiry",
    "Step",
    "Transport",
    "TransportFactory",
    "Verdict",
    "make_transport",
]
