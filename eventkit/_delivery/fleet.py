"""The lanes of all consumers in one process, and what drives them."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from eventkit._clock import Clock
from eventkit._delivery.feed import Feed
from eventkit._delivery.lane import COUNTS, Bury, Lane
from eventkit._delivery.routing import Plan
from eventkit._delivery.sender import Pace, Sender
from eventkit._throttle import Throttle, describe
from eventkit.consumers import Consumer
from eventkit.exceptions import StoreError
from eventkit.store import Store
from eventkit.transports import CONFLICT, Transport, make_transport

_throttle = Throttle(logging.getLogger(__name__))

_DEAD_BY_CONFLICT = f"dead:{CONFLICT}"


class Fleet:
    """
    A lane for each consumer and, unless callers deliver themselves, a sender with its own thread.

    Consumers that are disabled or gone keep theirs, parked, with what waits for them.
    """

    def __init__(
        self,
        *,
        has_senders: bool,
        store: Store | None,
        lease: float,
        pace: Pace,
        bury: Bury,
        look: Callable[[], object],
        trust_env: bool,
        clock: Clock,
    ) -> None:
        self.plan = Plan(())
        self.lanes: dict[str, Lane] = {}
        self.senders: dict[str, Sender] = {}
        self._has_senders = has_senders
        self._store = store
        self._lease = lease
        self._pace = pace
        self._bury = bury
        self._look = look
        self._trust_env = trust_env
        self._clock = clock
        self._owner = uuid4().hex
        self._changing = threading.RLock()
        self._renew_at = -math.inf
        self._news = -1

    def apply(self, consumers: tuple[Consumer, ...]) -> None:
        """Go on with *consumers*: all of it, or with an error nothing."""
        with self._changing:
            before = self.plan.by_id
            fresh = [
                (consumer, make_transport(consumer, trust_env=self._trust_env))
                for consumer in consumers
                if consumer.enabled
                and (consumer.id not in self.lanes or before.get(consumer.id) != consumer)
            ]
            for consumer, transport in fresh:
                self._set_up(consumer, transport)
            enabled = {consumer.id for consumer in consumers if consumer.enabled}
            for name, sender in self.senders.items():
                if name not in enabled:
                    sender.park()
            self.plan = Plan(consumers)
            self._renew_at = -math.inf

    def keep_leases(self) -> None:
        """Renew the leases when it is time, and look at what others have put in the store."""
        store = self._store
        if store is None:
            return
        now = time.monotonic()
        if now >= self._renew_at:
            self._renew_at = now + self._lease / 3
            wanted = [consumer.id for consumer in self.plan.consumers if consumer.enabled]
            held = self._lease_or_keep(store, wanted)
            for name in wanted:
                feed = self.senders[name].feed
                if feed is not None:
                    is_new = not feed.is_held and name in held
                    feed.hold(now + self._lease if name in held else -math.inf)
                    if is_new:
                        self.senders[name].wake()
        news = store.changed()
        if news != self._news:
            self._news = news
            for name in store.waiting():
                if name in self.senders:
                    self.senders[name].wake()

    def _lease_or_keep(self, store: Store, wanted: list[str]) -> set[str]:
        try:
            return store.lease(self._owner, wanted, self._lease)
        except StoreError as error:
            # Where we cannot write nobody can. What is ours stays ours, so that it gets delivered
            # while the disk is full; should somebody else have it, ids make that harmless.
            _throttle.warning("lease", "The leases cannot be renewed: %s", describe(error))
            return {name for name in wanted if (feed := self.senders[name].feed) and feed.is_held}

    def stop(self, timeout: float, until: float) -> bool:
        """Deliver for *timeout* seconds more, and wait *until* then for what is under way."""
        senders = list(self.senders.values())
        # Those who still deliver go on doing it while the others are told.
        for sender in senders:
            sender.stop(timeout)
        done = [sender.finish(until) for sender in senders]
        for lane in self.lanes.values():
            lane.close()
        return all(done)

    def release(self) -> None:
        """Give back the leases, so that others need not wait for them to run out."""
        if self._store is not None:
            with contextlib.suppress(StoreError):
                self._store.release(self._owner)

    def count(self, name: str) -> dict[str, int]:
        """Count the documents of one consumer."""
        lane = self.lanes.get(name)
        counts = lane.stats() if lane is not None else dict.fromkeys((*COUNTS, "pending"), 0)
        if self._store is not None:
            # Of what is kept in this process only what the store cannot know.
            counts = {
                **dict.fromkeys(COUNTS, 0),
                "requests": counts["requests"],
                "retries": counts["retries"],
                **self._store.counts(name),
            }
        # They are among the dead; whoever replays wants to see them at a glance.
        counts["conflict"] = counts.get(_DEAD_BY_CONFLICT, 0)
        return dict(sorted(counts.items()))

    def health(self, name: str) -> dict[str, Any] | None:
        """Say how one consumer is doing; None: it is gone, and nothing waits for it."""
        lane, sender = self.lanes.get(name), self.senders.get(name)
        known = self.plan.by_id.get(name)
        found: dict[str, Any] = {"state": "disabled", "pending": 0}
        if lane is not None:
            found = lane.health()
        if sender is not None:
            found |= sender.health()
        if self._store is not None:
            found |= _waiting(self._store, name, found)
        if known is None:
            found["state"] = "removed"
            return found if found["pending"] else None
        if not known.enabled:
            found["state"] = "disabled"
        return found

    def _set_up(self, consumer: Consumer, transport: Transport) -> None:
        name = consumer.id
        lane = self.lanes.get(name)
        if lane is not None:
            is_other = lane.consumer.protocol != consumer.protocol
            lane.change(consumer, transport)
            if name in self.senders:
                self.senders[name].go_on(is_other_protocol=is_other)
            return
        lane = Lane(consumer, transport, bury=self._bury, clock=self._clock, look=self._look)
        # New ones instead of changed ones: others may be looking through them at this moment.
        self.lanes = {**self.lanes, name: lane}
        if self._has_senders:
            feed = Feed(self._store, lane, self._clock) if self._store is not None else None
            sender = Sender(lane, self._pace, self._clock, feed)
            self.senders = {**self.senders, name: sender}


def _waiting(store: Store, name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Say what waits in the store for a consumer, or that it cannot tell."""
    try:
        oldest, counts = store.oldest(name), store.counts(name)
    except StoreError as error:
        # What is known of this process stays; whoever watches must not be left without anything.
        return {"reason": found.get("reason") or "store", "detail": describe(error)}
    age = 0.0 if oldest is None else round(max(0.0, time.time() - oldest), 3)
    told = {"pending": counts["pending"], "oldest_seconds": age}
    if conflict := counts.get(_DEAD_BY_CONFLICT, 0):
        told["conflict"] = conflict
    return told
