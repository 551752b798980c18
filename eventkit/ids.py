"""
The ids of what eventkit makes of an event: the same event gives the same id, for ever.

Receivers recognise what they already have by its id, so a replay, a retry, a second route and the
live and the logged form of one event must all agree. An id is the version 5 UUID (RFC 4122) of
these seven texts, joined by line feeds, in the namespace `NAMESPACE`:

1. the protocol: ``xapi`` or ``caliper``;
2. the canonical name of the event (an alias gives the same id);
3. the actor, as the protocol identifies it;
4. the time, in UTC, to the microsecond: ``YYYY-MM-DDTHH:MM:SS.ffffffZ``;
5. the id of the object;
6. the ordinal: empty for the first document of an event, else what tells it from the first (the
   key of a question, say);
7. empty; but where the time has no sub-second part, as mobile devices send it, the SHA-1 of the
   payload as JSON with sorted keys, no spaces and non-ASCII escaped, in hexadecimal digits.

This recipe never changes. Dialect ``erb`` has its own, for the events that its model translates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

NAMESPACE = uuid5(NAMESPACE_URL, "urn:openedx:eventkit")
"""``f64282e4-8709-58ea-900d-14cf73991181``"""

_NAMESPACE = NAMESPACE.bytes


def document_id(  # noqa: PLR0917 - the parts of the recipe, in its order
    protocol: str,
    name: str,
    actor: str,
    time: datetime,
    object_id: str,
    ordinal: str,
    digest: Callable[[], str],
) -> str:
    """
    Give the id of one document; see the module's own text for the recipe.

    Args:
        protocol: ``xapi`` or ``caliper``.

        name: the canonical name of the event.

        actor: the actor's identifier.

        time: when it happened, in UTC.

        object_id: the id of the object.

        ordinal: ``""`` for an event's first document.

        digest: gives the digest of the payload; called only when *time* has no sub-second part.
    """
    parts = (
        protocol,
        name,
        actor,
        f"{time.isoformat(timespec='microseconds')[:26]}Z",
        object_id,
        ordinal,
        "" if time.microsecond else digest(),
    )
    return uuid5_text(_NAMESPACE, "\n".join(parts))


def uuid5_text(namespace: bytes, name: str) -> str:
    """Give `uuid.uuid5` as text, without the cost of the object."""
    data = namespace + name.encode("utf-8", "surrogatepass")
    digest = bytearray(hashlib.sha1(data, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
