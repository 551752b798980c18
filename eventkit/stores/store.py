"""
What keeps accepted documents safe until each consumer has them.

A `Store` is a queue per consumer that survives the process. `eventkit.SQLiteStore` is the one that
comes with the package; a site may write its own over a database that it has, and
`eventkit.testing.check_store` tells whether it keeps the promises below.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import attrs

from eventkit.dead_letters.letter import DeadLetter

INBOX = ""
"""The queue of events that no translator has seen yet; consumers have longer ids."""

DAMAGED = "damaged"
"""The reason under which counts what a store can no longer read."""


@attrs.frozen(kw_only=True)
class Parcel:
    """One event's documents on their way into the store."""

    consumers: Mapping[str, str]
    """
    Who is to have them: the queue of each consumer (`eventkit.Consumer.queue`), and the digest of
    the access rules that entitle it (`eventkit.Consumer.rules`).
    """
    name: str
    """The event's name."""
    protocol: str
    """``xapi``, ``caliper``; ``""`` in the inbox."""
    bodies: tuple[bytes, ...]
    """The documents, each as JSON in UTF-8, in the bytes that are sent. None in the inbox."""
    event: bytes
    """The original event as JSON. It is never delivered; rules and dead letters look at it."""


@attrs.frozen(kw_only=True)
class Entry:
    """A parcel in the queue of one consumer."""

    position: int
    """Its place in the store: ascending in the order of acceptance, unique, never used again."""
    rules: str
    """The digest of the access rules that entitled the consumer."""
    name: str
    protocol: str
    bodies: tuple[bytes, ...] = attrs.field(repr=False)
    event: bytes = attrs.field(repr=False)
    written: float
    """When it was accepted, in seconds since 1970 by the clock of the machine."""


@attrs.frozen(kw_only=True)
class Settled:
    """What became of an entry: each of its documents counts under exactly one of these."""

    position: int
    delivered: int = 0
    dead: Mapping[str, int] = attrs.field(factory=dict)
    """Documents that became dead letters, by reason."""
    dropped: Mapping[str, int] = attrs.field(factory=dict)
    """Documents that were given up without a letter, by reason."""
    letters: tuple[DeadLetter, ...] = ()
    """Dead letters to keep in the store, in the same step."""


class DeadLetters(Protocol):
    """Where dead letters lie and can be looked at."""

    def __call__(self, letter: DeadLetter) -> None:
        """Keep *letter*; one with the same id replaces it. Safe when this returns."""

    def __iter__(self) -> Iterator[DeadLetter]:
        """Give all letters, the oldest first."""

    def __len__(self) -> int: ...

    def remove(self, ids: Collection[str]) -> int:
        """Forget the letters with these ids; give how many there were."""


class Store(Protocol):
    """
    Queues that survive.

    Several threads and processes use one store at once. All methods may raise
    `eventkit.StoreError`, and have then changed nothing. The inbox is a queue like any other, with
    the id `INBOX`; one event in it counts as one document.

    A queue is named by a consumer's id, a tab, and whom it is for (`eventkit.Consumer.queue`), so
    that another consumer under the same id has another queue. An id alone is a queue too, in which
    it is not known for whom; where something is asked or dropped it means all queues of that id
    together.
    """

    dead_letters: DeadLetters

    def put(self, parcels: Sequence[Parcel]) -> None:
        """
        Accept *parcels*, all or none. What this has returned for survives a kill -9.

        Raises:
            StoreFull: there is no room, by the budget or on the disk, and the policy is to refuse.
        """

    def __call__(self, event: Mapping[str, object]) -> None:
        """Put one JSON-safe event into the inbox."""

    def put_events(self, events: Iterable[bytes]) -> None:
        """Put events, written as JSON, into the inbox: all or none."""

    def take(self, consumer: str, *, after: int, limit: int, max_bytes: int) -> list[Entry]:
        """
        Read on in the queue of *consumer*, in order, from behind position *after*.

        At least one entry when there is any, at most *limit*, and no further ones once their bodies
        make up *max_bytes*. Reading changes nothing: whoever has the lease keeps track.
        """

    def settle(self, consumer: str, settled: Sequence[Settled]) -> None:
        """
        Take entries out of the queue of *consumer* and count what became of them, in one step.

        An entry that is no longer there (somebody else had the lease meanwhile) is passed over and
        counts nothing, so that counts always add up.
        """

    def lease(self, owner: str, consumers: Iterable[str], seconds: float) -> set[str]:
        """
        Take or renew the right to read the queues of *consumers*; give those that *owner* has now.

        A lease that was not renewed for *seconds* is free for others. One whose end lies further
        ahead than *seconds* is free as well: then the clock was set back.
        """

    def release(self, owner: str, consumers: Iterable[str] | None = None) -> None:
        """Give back these leases of *owner*, or all."""

    def changed(self) -> int:
        """Give a number that is another one after any other process has put something. Cheap."""

    def waiting(self) -> set[str]:
        """Give the ids of the consumers, known here or not, whose queues are not empty."""

    def queues(self) -> set[str]:
        """Give the names of all queues that are not empty."""

    def move(self, queue: str, to: str) -> int:
        """
        Have what waits in one queue wait in another, in one step; give how many documents.

        What each has counted as ``enqueued`` changes by as much. A parcel that waits in both is
        dropped from the first one, counted as ``dropped:duplicate``.
        """

    def counts(self, consumer: str) -> dict[str, int]:
        """
        Count documents over the life of the store, as `eventkit.Router.stats` does.

        ``enqueued == delivered + dead + dropped + pending``, with ``dead:<reason>`` and
        ``dropped:<reason>`` beside. ``pending`` is counted from what is there.
        """

    def oldest(self, consumer: str) -> float | None:
        """Say when the first entry in the queue of *consumer* was written; None: it is empty."""

    def drop(self, consumer: str, reason: str) -> int:
        """Empty the queue of *consumer*; its documents count as dropped for *reason*."""

    def close(self) -> None:
        """Let go of the file or connection. The next use opens it again."""


def name_of(store: Store) -> str:
    """
    Name *store*: the same for all who have it on one machine, and nothing to read in it.

    One that says no ``path`` is taken for the only one of its kind.
    """
    path = getattr(store, "path", None)
    text = type(store).__qualname__ if path is None else os.path.realpath(path)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
