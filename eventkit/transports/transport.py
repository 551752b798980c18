"""
What a transport is, and what it is given and answers.

It sends documents in one request and says what came of it. It neither retries nor splits nor waits.
"""

from __future__ import annotations

import enum
import json
import operator
from collections.abc import Sequence
from typing import Protocol

import attrs

from eventkit.consumers.consumer import Consumer
from eventkit.dead_letters.letter import DeadLetter
from eventkit.translators.xapi_versions import upgraded_body
from eventkit.typing import Event

MAX_RESPONSE = 1_000
"""Characters of a receiver's answer that are kept."""


@attrs.define(eq=False)
class Document:
    """One document on its way; it keeps its identity through batches and splits."""

    name: str
    """The name of the event that it comes from."""
    body: bytes
    """It, as JSON in UTF-8, in exactly these bytes every time it is sent."""
    event: Event | bytes | None = attrs.field(default=None, repr=False)
    """The original event, as it is or as JSON; None: not known. It is never sent."""
    rules: str = ""
    """The digest of the access rules by which the consumer may have it; ``""``: not looked at."""
    position: int = 0
    """Its entry in the store, if there is one."""
    order: int = 0
    """Its place among all that came to the same queue."""
    attempts: int = 0
    """The requests that it was part of."""
    learner: str | None = attrs.field(default=None, repr=False)
    """Whose it is, once somebody has looked."""
    since: float = 0.0
    """When it was accepted, by the router's clock."""
    outcome: str = ""
    """
    ``""`` while nobody has taken it over, then what `Router.stats` counts it under: ``delivered``,
    ``dead:<reason>``, ``dropped:<reason>`` or ``returned``.
    """
    letter: DeadLetter | None = attrs.field(default=None, repr=False)
    """The dead letter that is to be kept in the store together with the outcome."""
    size: int = attrs.field(init=False, repr=False)
    """The bytes that it takes in a request: itself and what separates it."""
    weight: int = attrs.field(init=False, repr=False)
    """The bytes that it takes in memory, its event with it."""

    def __attrs_post_init__(self) -> None:
        # They are asked for many times over.
        self.size = self.weight = len(self.body) + 1
        if isinstance(self.event, bytes):
            self.weight += len(self.event)

    @property
    def id(self) -> str:
        """Its own id; ``""`` when it has none."""
        found = json.loads(self.body).get("id")
        return found if isinstance(found, str) else ""


class Verdict(enum.Enum):
    """What is to be done with the documents of a request."""

    DELIVERED = "delivered"
    """They have arrived."""
    REFUSED = "refused"
    """At least one of them is not wanted as it is: find it, and let the others through."""
    RETRY = "retry"
    """Not now; the same request may succeed later."""
    PAUSE = "pause"
    """Nothing will succeed until somebody corrects a setting, here or at the receiver."""
    GONE = "gone"
    """The receiver is there no more, and wants to be asked no more (HTTP 410)."""


STOPPING = frozenset({Verdict.RETRY, Verdict.PAUSE, Verdict.GONE})
"""Verdicts after which nothing more is sent for now: documents wait."""


@attrs.frozen
class Answer:
    """What came of one request."""

    verdict: Verdict
    reason: str = ""
    """A slug for counting, such as ``http_503`` or ``timeout``."""
    detail: str = ""
    """One line for people: what happened and, for `Verdict.PAUSE`, what to do."""
    status: int | None = None
    """The HTTP status, if there was one."""
    response: str = ""
    """The beginning of what the receiver said, without secrets."""
    retry_after: float | None = None
    """Seconds that the receiver asked to wait."""
    accepted: frozenset[str] = frozenset()
    """Of a refused batch: the ids that the receiver has taken all the same."""
    ask: Inquiry | None = attrs.field(default=None, eq=False, repr=False)
    """Of a batch that is refused because something is there already: finds out what."""


class Inquiry(Protocol):
    """Finds out which documents of a refused request a receiver has, without sending any."""

    def knows(self, document: Document) -> bool:
        """Tell whether the receiver need not be asked any more."""

    def __call__(self, document: Document) -> Answer | None:
        """
        Find out about one document; None: it is not there.

        `Verdict.DELIVERED`: it is. `Verdict.REFUSED`: another one is there under its id or, with
        `CANNOT_ASK` as the reason, the receiver does not tell. Any other answer: not now.
        """


CANNOT_ASK = "cannot_ask"
CONFLICT = "conflict"
"""The reason when a receiver has another document under the same id."""


GONE = "gone"
"""The reason when a receiver says that it is there no more."""
ADDRESS_REFUSED = "address_refused"
"""The reason when a consumer may not be connected to where its name leads now."""

DELIVERED = Answer(Verdict.DELIVERED)

_start_of = operator.itemgetter(slice(128))
"""Gives the start of a body, which its id is in: by that most differ."""


def spoken(consumer: Consumer, bodies: list[bytes]) -> list[bytes]:
    """Give documents in the version of their protocol that *consumer* wants."""
    return list(map(upgraded_body, bodies)) if consumer.version == "2.0" else bodies


def distinct(documents: Sequence[Document]) -> list[bytes]:
    """Give the bodies of *documents*, each once, in order."""
    bodies = [document.body for document in documents]
    if len(set(map(_start_of, bodies))) == len(bodies):
        return bodies
    return list(dict.fromkeys(bodies))


def enclosed(start: bytes, bodies: list[bytes], end: bytes) -> bytes:
    """Write a list of *bodies* between *start* and *end*, and copy all of it but once."""
    parts = [b","] * (2 * len(bodies) + 1)
    parts[1::2] = bodies
    parts[0] = start
    parts[-1] = end
    return b"".join(parts)


@attrs.frozen
class Step:
    """One step of finding out whether sending would work."""

    name: str
    ok: bool | None
    """Whether it succeeded; None: it cannot tell, or was not taken because of one before."""
    detail: str = ""
    """One line for people: what was found and, where it failed, what to do."""
    seconds: float = 0.0


@attrs.frozen
class CheckResult:
    """Whether a consumer can be reached as configured, and in one line why (not)."""

    ok: bool
    detail: str


class Transport(Protocol):
    """A way to one consumer. Several threads may use it at once."""

    @property
    def overhead(self) -> int:
        """Bytes of a request beyond its documents and one separator for each of them."""

    @property
    def max_bytes(self) -> int | None:
        """Bytes that the receiver takes in one request; None: it has not said."""

    def prepare(self, documents: Sequence[Document]) -> Answer | None:
        """
        Do what must come before a request with *documents*, if anything must.

        Afterwards *overhead* and *max_bytes* are those that count for it. An answer stands in the
        way of the request.
        """

    def send(self, documents: Sequence[Document]) -> Answer:
        """Send *documents* in one request."""

    def check(self) -> list[Step]:
        """Find out step by step, without sending anything, whether sending would work."""

    def close(self) -> None:
        """Let go of connections; the next `send` opens new ones."""
