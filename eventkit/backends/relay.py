"""
Handing the events in a store's inbox to a backend: behind ``RealTimeBackend(enqueue=store)``.

What requests put there is taken out again here, in a worker, and handed to what translates and
routes it.
"""

from __future__ import annotations

import logging
import math
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress

from eventtracking.processors.exceptions import EventEmissionExit

from eventkit.backends.delivering import summary
from eventkit.backends.routing import EventRoutingBackend
from eventkit.base.blame import blame
from eventkit.base.counting import Tally
from eventkit.base.forking import renew_after_fork
from eventkit.base.throttle import Throttle, describe, name_of
from eventkit.dead_letters.box import DeadLetterBox
from eventkit.dead_letters.letter import DeadLetter, Sink
from eventkit.exceptions import ConfigurationError, DeliveryError, LookupFailed
from eventkit.reading.jsonable import from_json
from eventkit.stores.store import INBOX, Entry, Settled, Store
from eventkit.typing import Backend, Event, Json

RELAY_FAILED = "relay_failed"
"""The reason of dead letters for events that the backend does not take."""

MAX_BYTES = 16_000_000
"""Events that are in memory at once, by their size as JSON."""

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 30.0
_LONGEST_ASKED = 300.0
_MOST_HELD = 100_000
_LONGEST_NAP = 0.5
_LOOK_ANYWAY = 1.0
"""Seconds after which the inbox is looked at even if nothing seems to have changed."""

_log = logging.getLogger(__name__)


class Relay:
    """
    Hand events from a store's inbox to a backend, in order, and each until it is taken.

    Any number of processes may run one on the same store: one of them works, the others stand by
    and take over when it ends, however it ends. An event may then be handed over twice; what is
    made of it has the same ids both times.

    When the backend raises what says that it cannot take events now (a retryable `DeliveryError`,
    an `OSError`, an error of a broker or database that is away), the same events are handed over
    again after a wait. Any other exception is one event's fault: the events go one by one, and
    those that fail become dead letters. An event for which an `EventRoutingBackend` could not look
    something up waits by itself, and others go before it.

    The event is out of the inbox once the backend has returned, so it should be safe by then: give
    the backend's router a store, or let it deliver directly.

    Args:
        store: has the inbox.

        backend: an `EventRoutingBackend`, or anything with ``send_many(events)`` or
            ``send(event)``.

        batch: how many events are handed over at once, at most.

        poll: seconds between two looks whether other processes have put something. What this
            process puts is noticed at once.

        lease: seconds until another process takes over from one that was killed.

        dead_letters: a callable or the path of a file; None: they stay in the store.

        clock: gives seconds that never run backwards.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    def __init__(
        self,
        store: Store,
        backend: Backend,
        *,
        batch: int = 500,
        poll: float = 0.05,
        lease: float = 10.0,
        dead_letters: Sink | str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for method in ("take", "settle", "lease", "release"):
            if not callable(getattr(store, method, None)):
                raise ConfigurationError(
                    f"store: expected an eventkit.stores.Store, such as "
                    f"eventkit.SQLiteStore(path); {name_of(store)} has no method {method}"
                )
        if not callable(getattr(backend, "send", None)) and not callable(
            getattr(backend, "send_many", None)
        ):
            raise ConfigurationError(f"backend: {name_of(backend)} has no send and no send_many")
        if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
            raise ConfigurationError(f"batch: expected a whole number from 1, got {batch!r:.80}")
        for key, value in (("poll", poll), ("lease", lease)):
            if (
                not isinstance(value, (int, float))
                or isinstance(value, bool)
                or not 0 < value < math.inf
            ):
                raise ConfigurationError(f"{key}: expected seconds above 0, got {value!r:.80}")
        self._store = store
        self._backend = backend
        self._batch = batch
        self._poll = poll
        self._lease = lease
        self._box = None if dead_letters is None else DeadLetterBox(dead_letters)
        self._clock = clock
        self._throttle = Throttle(_log, clock)
        self.renew()
        renew_after_fork(self)
        on_put = getattr(store, "on_put", None)
        if callable(on_put):
            on_put(self._notice)

    def __repr__(self) -> str:
        return f"Relay({self._store!r}, {name_of(self._backend)})"

    def renew(self) -> None:
        """Begin anew in a forked child, where it is not running."""
        self._owner = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._tally = Tally()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._working = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._has_lease = False
        self._renew_at = -math.inf
        self._not_before = -math.inf
        self._failures = 0
        self._unsettled: list[Settled] = []
        self._suspect = 0
        self._held: dict[int, tuple[int, float]] = {}
        self._fresh_first = False
        self._seen: int | None = None
        self._look_at = -math.inf

    def run_once(self) -> int:
        """
        Hand over one batch at most; give how many events are done with.

        None are while another process has the lease, or while the backend is left alone after a
        failure. It does not wait itself. A batch should take less time than the lease.

        Raises:
            StoreError: the store cannot be used now.
        """
        with self._working:
            self._settle()
            if self._clock() < self._not_before or not self._may_work():
                return 0
            self._unsettled = self._hand_over(self._take())
            number = len(self._unsettled)
            self._settle()
            return number

    def run(self, stop: threading.Event | None = None) -> None:
        """
        Hand events over until *stop* is set or `close` is called.

        What the store or the backend cannot do now is tried again for as long as that takes.
        """
        done = threading.Event()
        beat = threading.Thread(target=self._beat, args=(done,), name="eventkit-relay-lease")
        beat.daemon = True
        # Without it the lease may run out during a long batch, which costs duplicates only.
        with suppress(RuntimeError):
            beat.start()
        try:
            while not self._ended.is_set() and not (stop is not None and stop.is_set()):
                self._wake.clear()
                if not self._look():
                    self._wake.wait(self._nap())
        finally:
            done.set()
            self._give_back()

    def start(self) -> None:
        """Run in a thread of this process, until `close`."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._ended.clear()
                thread = threading.Thread(target=self.run, name="eventkit-relay", daemon=True)
                thread.start()
                self._thread = thread

    def close(self, timeout: float = 10.0) -> bool:
        """
        Finish the batch that is being handed over and stop; another process may go on at once.

        What waits in the inbox stays there. False when *timeout* seconds do not do.
        """
        self._ended.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            return not thread.is_alive()
        self._give_back()
        return True

    def stats(self) -> dict[str, int]:
        """
        Count what became of events in this process.

        ``relayed`` were taken by the backend, ``dead`` became dead letters; ``waits`` counts how
        often the backend, ``store_errors`` how often the store could not do it just then.
        """
        return {
            name: self._tally[name] for name in ("relayed", "dead", "waits", "store_errors")
        } | ({} if self._box is None else self._box.stats())

    def _notice(self, consumers: frozenset[str]) -> None:
        if INBOX in consumers:
            self._seen = None
            self._wake.set()

    def _look(self) -> int:
        """Work if there may be something to do; give how many events are done with."""
        try:
            now = self._clock()
            changed = self._store.changed()
            if changed == self._seen and now < self._look_at:
                return 0
            self._seen, self._look_at = changed, now + _LOOK_ANYWAY
            number = self.run_once()
        except Exception as error:  # noqa: BLE001 - whatever the store does, it is tried again
            self._tally.add("store_errors")
            self._later("store", error)
            number = 0
        if number or self._not_before > self._clock():
            self._seen = None
        return number

    def _nap(self) -> float:
        """Give the seconds until the next look. Short, for nothing wakes it when *stop* is set."""
        return min(max(self._not_before - self._clock(), self._poll), _LONGEST_NAP)

    def _may_work(self) -> bool:
        now = self._clock()
        if not self._has_lease or now >= self._renew_at:
            self._has_lease = INBOX in self._store.lease(self._owner, [INBOX], self._lease)
            self._renew_at = now + self._lease / 3
        return self._has_lease

    def _beat(self, done: threading.Event) -> None:
        """Renew the lease while a batch is on its way."""
        while not done.wait(self._lease / 3):
            if self._has_lease:
                with suppress(Exception):
                    self._has_lease = INBOX in self._store.lease(self._owner, [INBOX], self._lease)

    def _give_back(self) -> None:
        self._has_lease = False
        # Another process gets it anyway, a little later.
        with suppress(Exception):
            self._store.release(self._owner, [INBOX])

    def _settle(self) -> None:
        """Take out of the inbox what is done with; it stays to be done when the store cannot."""
        if self._unsettled:
            self._store.settle(INBOX, self._unsettled)
            self._unsettled = []

    def _take(self) -> list[Entry]:
        """Take a batch: by turns of what is new and of what has been left alone for long enough."""
        if not self._held:
            return self._find(fresh=True)
        self._fresh_first = not self._fresh_first
        return self._find(fresh=self._fresh_first) or self._find(fresh=not self._fresh_first)

    def _find(self, *, fresh: bool) -> list[Entry]:
        now = self._clock()
        after = 0
        while entries := self._store.take(
            INBOX, after=after, limit=self._batch, max_bytes=MAX_BYTES
        ):
            found = [
                entry
                for entry in entries
                if (
                    entry.position not in self._held
                    if fresh
                    else self._held.get(entry.position, (0, math.inf))[1] <= now
                )
            ]
            if found or not self._held:
                return found
            after = entries[-1].position
        return []

    def _hold(self, positions: Sequence[int], *, others_passed: bool) -> None:
        """
        Leave events alone for a while whose look-ups failed, and go on with those behind them.

        Nothing is wrong with the backend if it took others meanwhile.
        """
        if len(self._held) > _MOST_HELD:
            self._held.clear()
        now = self._clock()
        for position in positions:
            times = self._held.get(position, (0, now))[0] + 1
            wait = min(_FIRST_WAIT * 2.0 ** min(times, 20), _LONGEST_WAIT)
            self._held[position] = (times, max(now, self._not_before) + wait)
        if others_passed:
            self._not_before = now

    def _hand_over(self, entries: Sequence[Entry]) -> list[Settled]:
        """Give *entries* to the backend; say what became of those that are done with."""
        settled, events = self._read(entries)
        if not events:
            return settled
        if type(self._backend) is EventRoutingBackend:
            return settled + self._route(self._backend, events)
        return settled + self._hand_over_together(events)

    def _read(self, entries: Sequence[Entry]) -> tuple[list[Settled], list[tuple[int, Event]]]:
        """Read *entries*; those that cannot be read are done with."""
        settled: list[Settled] = []
        events: list[tuple[int, Event]] = []
        for entry in entries:
            try:
                event = from_json(entry.event)
                if not isinstance(event, dict):
                    raise TypeError("an event is an object")
            except (ValueError, TypeError, RecursionError) as error:
                settled.append(self._bury(entry.position, entry.event, error))
            else:
                events.append((entry.position, event))
        return settled, events

    def _hand_over_together(self, events: Sequence[tuple[int, Event]]) -> list[Settled]:
        send_many = getattr(self._backend, "send_many", None)
        if callable(send_many) and len(events) > 1 and events[0][0] > self._suspect:
            try:
                send_many([event for _, event in events])
            except Exception as error:  # noqa: BLE001 - whatever a backend raises
                if self._is_passing(error):
                    return []
                # One of them is at fault. Those that were taken are handed over once more.
                self._suspect = events[-1][0]
            else:
                return [self._taken(position) for position, _ in events]
        return self._hand_over_singly(events)

    def _route(
        self, backend: EventRoutingBackend, events: Sequence[tuple[int, Event]]
    ) -> list[Settled]:
        """Hand *events* to a backend that knows which of them failed."""
        failures: dict[int, DeliveryError] = {}
        for index, error in backend._send_all([event for _, event in events]):  # noqa: SLF001
            if index not in failures or error.retryable:
                failures[index] = error
        settled = [
            self._taken(position)
            for index, (position, _) in enumerate(events)
            if index not in failures
        ]
        waiting = [error for error in failures.values() if error.retryable]
        if waiting:
            self._is_passing(summary(waiting))
            held = [
                position
                for index, (position, _) in enumerate(events)
                if isinstance(failures.get(index), LookupFailed)
            ]
            self._hold(held, others_passed=bool(settled) and len(held) == len(waiting))
        elif failures:
            # What failed together goes one by one: only then it is known whose fault it is.
            alone = [event for index, event in enumerate(events) if index in failures]
            settled += self._hand_over_singly(alone)
        return settled

    def _hand_over_singly(self, events: Sequence[tuple[int, Event]]) -> list[Settled]:
        settled: list[Settled] = []
        for position, event in events:
            if self._ended.is_set():
                break
            try:
                self._send(event)
            except EventEmissionExit:
                # Dropped by a processor, which is no failure.
                settled.append(self._taken(position))
            except Exception as error:  # noqa: BLE001 - whatever a backend raises
                if self._is_passing(error):
                    break
                settled.append(self._bury(position, event, error))
            else:
                settled.append(self._taken(position))
        return settled

    def _send(self, event: Event) -> None:
        send = getattr(self._backend, "send", None)
        if callable(send):
            send(event)
        else:
            self._backend.send_many([event])  # type: ignore[attr-defined]

    def _taken(self, position: int) -> Settled:
        self._failures = 0
        self._held.pop(position, None)
        self._tally.add("relayed")
        return Settled(position=position, delivered=1)

    def _is_passing(self, error: Exception) -> bool:
        """Tell whether it may work later, and then leave the backend alone for a while."""
        if blame(error) != "receiver":
            return False
        self._tally.add("waits")
        self._later("backend", error)
        return True

    def _later(self, what: str, error: Exception) -> None:
        """Do nothing for as long as *error* asks for, or for a growing random time."""
        self._throttle.warning(
            what, "The relay waits and tries again, as its %s failed: %s", what, describe(error)
        )
        most = min(_FIRST_WAIT * 2.0 ** min(self._failures, 20), _LONGEST_WAIT)
        self._failures += 1
        asked = error.retry_after if isinstance(error, DeliveryError) else None
        # Spread, so that those who failed together do not come back together.
        delay = most * (0.5 + random.random() / 2)  # noqa: S311 - it guards nothing
        self._not_before = self._clock() + max(min(asked or 0.0, _LONGEST_ASKED), delay)

    def _bury(self, position: int, event: Event | bytes, error: Exception) -> Settled:
        """Make a dead letter of an event."""
        letter = _letter(event, describe(error))
        self._tally.add("dead")
        if self._box is not None:
            self._box.put(letter)
            return Settled(position=position, dead={RELAY_FAILED: 1})
        self._throttle.warning(
            "dead", "An event of the inbox to the dead letters: %s", letter.detail
        )
        return Settled(position=position, dead={RELAY_FAILED: 1}, letters=(letter,))


def _letter(event: Event | bytes, detail: str) -> DeadLetter:
    if isinstance(event, bytes):
        kept: Json = {"raw": event.decode("utf-8", "replace")}
        name: object = ""
    else:
        kept = dict(event)
        name = kept.get("name") or kept.get("event_type")
    return DeadLetter(
        consumer="",
        reason=RELAY_FAILED,
        documents=[],
        name=name if isinstance(name, str) else "",
        detail=detail,
        event=kept,
    )
