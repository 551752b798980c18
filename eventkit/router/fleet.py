"""The lanes of all consumers in one process, and what drives them."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any
from uuid import uuid4

from eventkit.base.clock import Clock
from eventkit.base.throttle import SafeLogger, Throttle, describe
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.owners import queue_name, split_queue
from eventkit.router.backoff import Pace
from eventkit.router.feed import Feed
from eventkit.router.lane import COUNTS, Bury, Lane
from eventkit.router.plan import Plan
from eventkit.router.sender import Sender
from eventkit.stores.store import Store, name_of
from eventkit.transports.making import make_transport
from eventkit.transports.transport import CONFLICT, Transport

_log = SafeLogger(__name__)
_throttle = Throttle(_log)

_DEAD_BY_CONFLICT = f"dead:{CONFLICT}"


class Fleet:
    """
    A lane for each consumer and, unless callers deliver themselves, a sender with its own thread.

    Consumers that are disabled or gone keep theirs, parked, with what waits for them. Lanes go by
    the names of queues: a consumer of another address is another one, whatever its id.
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
        self._by_id: dict[str, list[Lane]] = {}
        self.senders: dict[str, Sender] = {}
        self._has_senders = has_senders
        self._store = store
        self.store_name = "" if store is None else name_of(store)
        self._lease = lease
        self._pace = pace
        self._bury = bury
        self._look = look
        self._trust_env = trust_env
        self._clock = clock
        self._owner = uuid4().hex
        self._changing = threading.RLock()
        self._renew_at = -math.inf
        self._renewing = threading.Lock()
        self._news = -1
        self._look_at = -math.inf

    def apply(self, consumers: tuple[Consumer, ...]) -> None:
        """Go on with *consumers*: all of it, or with an error nothing."""
        with self._changing:
            before = {consumer.queue: consumer for consumer in self.plan.consumers}
            fresh = [
                (consumer, make_transport(consumer, trust_env=self._trust_env))
                for consumer in consumers
                if consumer.enabled
                and (consumer.queue not in self.lanes or before.get(consumer.queue) != consumer)
            ]
            active = {each.queue for each in consumers if each.enabled and not each.paused}
            for queue, sender in self.senders.items():
                if queue not in active:
                    sender.park()
            for consumer, transport in fresh:
                self._set_up(consumer, transport)
            self.plan = Plan(consumers)
            self._renew_at = -math.inf
            self._news = -1
            self._take_over()

    def ids(self) -> list[str]:
        """Give the ids of all that there were, each once."""
        return list(dict.fromkeys(lane.consumer.id for lane in self.lanes.values()))

    def senders_to_flush(self) -> list[Sender]:
        """
        Give the senders but for those whose id another has now: nobody empties their queues.

        Those that others inherit from come before their heirs.
        """
        found = []
        for queue, sender in self.senders.items():
            consumer = self.plan.by_id.get(split_queue(queue)[0])
            if consumer is None or split_queue(queue)[1] in consumer.owners:
                found.append((consumer is not None and consumer.queue == queue, sender))
        return [sender for _, sender in sorted(found, key=itemgetter(0))]

    def lanes_of(self, name: str) -> list[Lane]:
        """Give the lanes of all that there were under one id."""
        return self._by_id.get(name, [])

    def lane(self, name: str) -> Lane | None:
        """Give the lane of the consumer that has an id now or, without one, had it last."""
        known = self.plan.by_id.get(name)
        if known is not None:
            return self.lanes.get(known.queue)
        return next(iter(self.lanes_of(name)[-1:]), None)

    def keep_leases(self) -> None:
        """Renew the leases when it is time, and look at what others have put in the store."""
        for sender in self.senders.values():
            sender.revive()
        store = self._store
        if store is None:
            self._take_over()
            return
        now = time.monotonic()
        if now >= self._renew_at:
            self._renew(store, now)
        news = store.changed()
        if news != self._news or now >= self._look_at:
            self._news = news
            self._look_at = now + self._lease / 3
            for name in self._settle_claims(store, store.queues()):
                if name in self.senders:
                    self.senders[name].wake()

    def _renew(self, store: Store, now: float) -> None:
        """Take the leases that are free, and renew those that are held."""
        with self._renewing:
            self._renew_at = now + self._lease / 3
            wanted = [consumer.queue for consumer in self.plan.consumers if consumer.enabled]
            held = self._lease_or_keep(store, wanted)
            for name in wanted:
                sender = self.senders[name]
                feed = sender.feed
                if feed is not None:
                    is_new = not feed.is_held and name in held
                    feed.hold(now + self._lease if name in held else -math.inf)
                    if is_new:
                        sender.wake()

    def _take_over(self) -> None:
        """Give consumers what waits in memory for who they were."""
        if self._store is not None or not self._has_senders:
            return
        for consumer in self.plan.consumers:
            if not consumer.enabled:
                continue
            for owner in consumer.owners - {consumer.owner}:
                former = self.senders.get(queue_name(consumer.id, owner))
                if former is not None and not former.is_busy:
                    self.senders[consumer.queue].take_over(former)

    def has_claims(self) -> bool:
        """Tell whether something waits in the store that a consumer inherits, and has not yet."""
        if self._store is None:
            return False
        try:
            waiting = self._store.queues()
        except Exception as error:  # noqa: BLE001 - a store of any make
            _throttle.warning("queues", "The store cannot be read: %s", describe(error))
            return False
        return any(self._heir(name) is not None for name in waiting)

    def _heir(self, name: str) -> Consumer | None:
        """Give the consumer that what waits in a queue is to go to, if that is not its own."""
        consumer_id, owner = split_queue(name)
        consumer = self.plan.by_id.get(consumer_id)
        if consumer is None or not consumer.enabled or name == consumer.queue:
            return None
        # A store of an older version does not tell whom it was accepted for.
        return consumer if not owner or owner in consumer.owners else None

    def _settle_claims(self, store: Store, waiting: Iterable[str]) -> set[str]:
        """Have what waits for who a consumer was wait for who it is, where it inherits that."""
        found = set(waiting)
        for name in sorted(found):
            heir = self._heir(name)
            consumer = self.plan.by_id.get(split_queue(name)[0])
            if heir is not None:
                if self._move(store, name, heir):
                    found.add(heir.queue)
            elif consumer is not None and consumer.enabled and name != consumer.queue:
                _throttle.warning(
                    f"held {name}",
                    "Consumer %s: what was accepted for %s waits, and is not sent to %s. If that "
                    "is the same receiver, name its former URL under 'inherits'; else drop it with "
                    "'eventkit store drop'",
                    consumer.id,
                    split_queue(name)[1],
                    consumer.owner,
                )
        return found

    def _move(self, store: Store, name: str, consumer: Consumer) -> bool:
        """Move a queue to *consumer*, unless somebody is still sending what is in it."""
        former, heir = self.senders.get(name), self.senders[consumer.queue]
        # Whoever has the lease of the queue that it goes to has to read that anew.
        if heir.feed is None or not heir.feed.is_held or (former is not None and former.is_busy):
            return False
        if not store.lease(self._owner, [name], self._lease):
            return False
        number = store.move(name, consumer.queue)
        heir.start_over()
        store.release(self._owner, [name])
        if number:
            _log.info(
                "Consumer %s: %d document(s) that waited for %s are its own now.",
                consumer.id,
                number,
                split_queue(name)[1] or "it under this id",
            )
        return True

    def _lease_or_keep(self, store: Store, wanted: list[str]) -> set[str]:
        try:
            return store.lease(self._owner, wanted, self._lease)
        except Exception as error:  # noqa: BLE001 - a store of any make
            # Where we cannot write nobody can. What is ours stays ours, so that it gets delivered
            # while the disk is full; should somebody else have it, ids make that harmless.
            _throttle.warning("lease", "The leases cannot be renewed: %s", describe(error))
            return {name for name in wanted if (feed := self.senders[name].feed) and feed.is_held}

    def stop(self, timeout: float, until: float) -> bool:
        """Deliver for *timeout* seconds more, and wait *until* then for what is under way."""
        senders = list(self.senders.values())
        if self._store is not None and timeout > 0 and not all(map(_is_held, senders)):
            # Closed before the keeper has come to it: what was just sent has no reader yet.
            with contextlib.suppress(Exception):  # the store is in trouble; then it stays there
                self._renew(self._store, time.monotonic())
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
            with contextlib.suppress(Exception):
                self._store.release(self._owner)

    def count(self, name: str) -> dict[str, int]:
        """Count the documents of one id, whoever had it."""
        counts: Counter[str] = Counter(dict.fromkeys((*COUNTS, "pending"), 0))
        lanes = self.lanes_of(name)
        for lane in lanes:
            counts.update(lane.stats())
        if self._store is not None:
            # Of what is kept in this process only what the store cannot know.
            counts = Counter(
                {
                    **dict.fromkeys(COUNTS, 0),
                    "requests": counts["requests"],
                    "retries": counts["retries"],
                    **self._store.counts(name),
                }
            )
        # They are among the dead; whoever replays wants to see them at a glance.
        counts["conflict"] = counts.get(_DEAD_BY_CONFLICT, 0)
        return dict(sorted(counts.items()))

    def health(self, name: str) -> dict[str, Any] | None:
        """Say how one consumer is doing; None: it is gone, and nothing waits for it."""
        known = self.plan.by_id.get(name)
        queue = known.queue if known is not None else name
        lane, sender = self.lanes.get(queue), self.senders.get(queue)
        found: dict[str, Any] = {"state": "disabled", "pending": 0}
        if lane is not None:
            found = lane.health()
        if sender is not None:
            found |= sender.health()
            if found["state"] == "ok" and sender.trouble is not None:
                reason, detail = sender.trouble
                found |= {"state": "retrying", "reason": reason, "detail": detail}
        held = {each.consumer.owner: each.pending for each in self.lanes_of(name) if each != lane}
        if self._store is not None:
            found |= _waiting(self._store, queue, found)
            held = _held(self._store, name, queue)
        held = {owner: number for owner, number in held.items() if number}
        if known is None:
            found["state"] = "removed"
            found["pending"] = max(found["pending"], sum(held.values()))
            return found if found["pending"] else None
        if held:
            found["held"] = held
        if not known.enabled:
            found["state"] = "disabled"
        return found

    def _set_up(self, consumer: Consumer, transport: Transport) -> None:
        name = consumer.queue
        lane = self.lanes.get(name)
        if lane is not None:
            lane.change(consumer, transport)
            if name in self.senders and not consumer.paused:
                self.senders[name].go_on()
            return
        lane = Lane(consumer, transport, bury=self._bury, clock=self._clock, look=self._look)
        # New ones instead of changed ones: others may be looking through them at this moment.
        self.lanes = {**self.lanes, name: lane}
        self._by_id = {**self._by_id, consumer.id: [*self.lanes_of(consumer.id), lane]}
        if self._has_senders:
            feed = Feed(self._store, lane, self._clock) if self._store is not None else None
            sender = Sender(lane, self._pace, self._clock, feed)
            if consumer.paused:
                sender.park()
            self.senders = {**self.senders, name: sender}


def _held(store: Store, name: str, queue: str) -> dict[str, int]:
    """Count what waits for others under the id *name*, by owner."""
    try:
        others = [each for each in store.queues() if split_queue(each)[0] == name and each != queue]
        return {split_queue(each)[1]: store.counts(each)["pending"] for each in others}
    except Exception:  # noqa: BLE001 - a store of any make; `_waiting` says what is wrong
        return {}


def _waiting(store: Store, queue: str, found: dict[str, Any]) -> dict[str, Any]:
    """Say what waits in the store for a consumer, or that it cannot tell."""
    try:
        oldest, counts = store.oldest(queue), store.counts(queue)
    except Exception as error:  # noqa: BLE001 - a store of any make
        # What is known of this process stays; whoever watches must not be left without anything.
        _throttle.warning("health", "The store cannot say what waits: %s", describe(error))
        state = "retrying" if found["state"] == "ok" else found["state"]
        return {
            "state": state,
            "reason": found.get("reason") or "store",
            "detail": describe(error),
        }
    age = 0.0 if oldest is None else round(max(0.0, time.time() - oldest), 3)
    told = {"pending": counts["pending"], "oldest_seconds": age}
    if conflict := counts.get(_DEAD_BY_CONFLICT, 0):
        told["conflict"] = conflict
    return told


def _is_held(sender: Sender) -> bool:
    """Tell whether what waits in the store for a consumer may be read here."""
    return sender.feed is None or sender.feed.is_held
