"""A consumer's queue in the store, as its sender reads it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable

from eventkit.base.clock import Clock
from eventkit.base.throttle import Throttle, describe
from eventkit.router.lane import Lane
from eventkit.stores.store import Entry, Settled, Store
from eventkit.transports.transport import Document

_log = logging.getLogger(__name__)
_throttle = Throttle(_log)

RETRY = 1.0
"""Seconds until the store is asked again after it has failed."""
_MOST_UNSAVED = 10_000
"""Entries that may be delivered while the store cannot note it; a crash brings them back."""


class Feed:
    """
    Read entries in order and note what became of them.

    Only the sender's thread reads and settles. An entry leaves the store when all its documents are
    settled; until then a crash brings the whole of it back, with the same ids.
    """

    def __init__(self, store: Store, lane: Lane, clock: Clock) -> None:
        self._store = store
        self._lane = lane
        self._clock = clock
        # Fixed: a consumer of another address has another queue, lane and feed.
        self._queue = lane.consumer.queue
        self._after = 0
        self._open: dict[int, list[Document]] = {}
        self._unsaved: list[Settled] = []
        self._held_until = -float("inf")
        self._again_at = -float("inf")
        self.trouble = ""
        """What the store could not do last; ``""``: it works."""
        self.has_more = True
        """Whether there may be something to read. Guarded by the lane's lock, like the next."""
        self.announced = 0
        """Documents that were put since the last look."""

    @property
    def is_held(self) -> bool:
        """Whether the lease is ours. Without it nothing may be read or sent."""
        return time.monotonic() < self._held_until

    @property
    def is_failing(self) -> bool:
        """Whether the store could not be asked and is left alone for a moment."""
        return time.monotonic() < self._again_at

    @property
    def is_due(self) -> bool:
        """Whether it is time to `read`."""
        return self.has_more and self.is_held and not self.is_failing

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in the store, for whoever has the lease, as far as it can tell."""
        try:
            return self._store.oldest(self._queue) is None
        except Exception as error:  # noqa: BLE001 - a store of any make
            _throttle.warning("oldest", "The store cannot be read: %s", describe(error))
            return False

    def hold(self, until: float) -> None:
        """Have the lease until then, by the monotonic clock."""
        self._held_until = until

    def forget(self) -> None:
        """Begin again at the first entry, as whoever gets the lease anew must."""
        self._save()
        self._after = 0
        self._open.clear()
        self._unsaved.clear()
        self.has_more = True

    def read(self, limit: int, max_bytes: int) -> list[Document]:
        """Give the documents of the next entries."""
        with self._lane.changed:
            self.has_more = False
            self.announced = 0
        consumer = self._lane.consumer
        is_saved = self._save()
        if len(self._unsaved) >= _MOST_UNSAVED:
            self._wait_a_moment()
            return []
        try:
            entries = self._store.take(
                self._queue, after=self._after, limit=limit, max_bytes=max_bytes
            )
        except Exception as error:  # noqa: BLE001 - a store of any make
            self.trouble = describe(error)
            _throttle.warning("take", "The store cannot be read: %s", self.trouble)
            self._wait_a_moment()
            return []
        if is_saved:
            self.trouble = ""
        if entries:
            self._after = entries[-1].position
            with self._lane.changed:
                self.has_more = True
        elif self._after and not (self._open or self._unsaved) and not self.is_empty:
            # Something lies before what was read: it came from another queue, or was mended.
            self._after = 0
            with self._lane.changed:
                self.has_more = True
        elif not is_saved:
            self._wait_a_moment()
        # By the wall clock, which may have been set: nothing is younger than now.
        ahead = self._clock.now() - time.time()
        documents: list[Document] = []
        for entry in entries:
            own = _documents(entry, min(entry.written + ahead, self._clock.now()))
            self._open[entry.position] = own
            self._lane.enter(len(own))
            if entry.protocol != consumer.protocol:
                self._lane.bury(own, "wrong_protocol")
                self.settle(own)
            else:
                documents += own
        return documents

    def settle(self, documents: Iterable[Document]) -> None:
        """
        Note what became of those of *documents* that are settled.

        When the store cannot be written, `read` tries again; what waits there is delivered all the
        same.
        """
        for position in {each.position: None for each in documents if each.outcome}:
            own = self._open.get(position)
            if own is not None and all(each.outcome not in ("", "returned") for each in own):
                del self._open[position]
                self._unsaved.append(_settled(position, own))
        self._save()

    def _save(self) -> bool:
        if not self._unsaved:
            return True
        try:
            self._store.settle(self._queue, self._unsaved)
        except Exception as error:  # noqa: BLE001 - a store of any make
            self.trouble = describe(error)
            _throttle.warning("settle", "The store cannot be written: %s", self.trouble)
            with self._lane.changed:
                self.has_more = True
            return False
        self._unsaved.clear()
        return True

    def _wait_a_moment(self) -> None:
        with self._lane.changed:
            self._again_at = time.monotonic() + RETRY
            self.has_more = True


def _documents(entry: Entry, since: float) -> list[Document]:
    return [
        Document(
            name=entry.name,
            body=body,
            event=entry.event or None,
            rules=entry.rules,
            position=entry.position,
            since=since,
        )
        for body in entry.bodies
    ]


def _settled(position: int, documents: list[Document]) -> Settled:
    counts = Counter(each.outcome for each in documents)
    return Settled(
        position=position,
        delivered=counts["delivered"],
        dead=_by_reason(counts, "dead:"),
        dropped=_by_reason(counts, "dropped:"),
        letters=tuple(each.letter for each in documents if each.letter is not None),
    )


def _by_reason(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {
        outcome.removeprefix(prefix): number
        for outcome, number in counts.items()
        if outcome.startswith(prefix)
    }
