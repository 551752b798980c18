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

Of the payload people are left out (`eventkit.reading.nobody`): with the document at hand, whoever
counts up user ids would find the one that gives its id.

This recipe never changes. Dialect ``erb`` has its own, for the events that its model translates.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha1
from types import ModuleType
from uuid import NAMESPACE_URL, UUID, uuid5

from eventkit.reading.source import is_whole

_quick: ModuleType | None = None
try:
    import uuid_utils
except ImportError:
    pass
else:
    _quick = uuid_utils

NAMESPACE = uuid5(NAMESPACE_URL, "urn:openedx:eventkit")
"""``f64282e4-8709-58ea-900d-14cf73991181``"""

# The two highest bits of this digit say that it is a UUID of RFC 4122.
_VARIANT = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}


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
    stamp = time.isoformat(timespec="microseconds")[:26]
    payload = digest() if is_whole(stamp) else ""
    return stamped_id(protocol, name, actor, stamp, object_id, ordinal, payload)


def stamped_id(  # noqa: PLR0917 - as above
    protocol: str,
    name: str,
    actor: str,
    stamp: str,
    object_id: str,
    ordinal: str,
    payload: str,
) -> str:
    """Give the id as `document_id` does, of what is written: `Source.stamp`, `Source.digest_at`."""
    return _uuid5(f"{protocol}\n{name}\n{actor}\n{stamp}Z\n{object_id}\n{ordinal}\n{payload}")


def uuid5_of(text: str) -> str:
    """Give the version 5 UUID that the first 32 of these hexadecimal digits make."""
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def uuid5_in(namespace: UUID) -> Callable[[str], str]:
    """
    Give what `uuid.uuid5` gives of texts in *namespace*, as text, without the cost of its objects.

    With the extra ``fast`` it takes half the time.
    """
    start = namespace.bytes

    def of(name: str) -> str:
        data = start + name.encode("utf-8", "surrogatepass")
        return uuid5_of(sha1(data, usedforsecurity=False).hexdigest())

    if _quick is None:
        return of
    quick, space = _quick.uuid5, _quick.UUID(bytes=start)

    def quickly_of(name: str) -> str:
        try:
            return str(quick(space, name))
        except (TypeError, ValueError):  # half a surrogate pair
            return of(name)

    return quickly_of


_uuid5 = uuid5_in(NAMESPACE)
