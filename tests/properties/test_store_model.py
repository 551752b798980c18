"""Whatever is done with a store, in whatever order: nothing is lost, and the counts add up."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from eventkit.dead_letters import DeadLetter
from eventkit.exceptions import StoreFull
from eventkit.stores import INBOX, Parcel, Settled, SQLiteStore
from eventkit.stores.sqlite.store import LEAST_BYTES

CONSUMERS = ["a", "b", INBOX]
OWNERS = ["one", "two"]
consumers = st.sampled_from(CONSUMERS)


class StoreMachine(RuleBasedStateMachine):
    """A store and a model of it."""

    was_full: ClassVar[set[bool | str]] = set()

    @initialize(drop_oldest=st.booleans())
    def open(self, drop_oldest):
        self.folder = Path(tempfile.mkdtemp())
        self.drop_oldest = drop_oldest
        self.now = 1_000_000.0
        self.queues = {consumer: {} for consumer in CONSUMERS}
        self.counts = {consumer: Counter() for consumer in CONSUMERS}
        self.leases = {}
        self.letters = set()
        self.number = 0
        self.highest = 0
        self.reopen()

    def reopen(self):
        self.store = SQLiteStore(
            self.folder / "store.db",
            sync="normal",
            max_bytes=LEAST_BYTES,
            when_full="drop_oldest" if self.drop_oldest else "refuse",
            clock=lambda: self.now,
        )

    def entries(self, consumer):
        return self.store.take(consumer, after=0, limit=10**6, max_bytes=10**9)

    @rule(
        parcels=st.lists(
            st.tuples(
                st.sets(consumers, min_size=1),
                st.integers(0, 3),
                st.sampled_from([10, 10, 150_000]),
            ),
            max_size=4,
        )
    )
    def put(self, parcels):
        new = []
        for whom, documents, size in parcels:
            self.number += 1
            new.append(
                Parcel(
                    consumers=dict.fromkeys(whom, "digest"),
                    name="x",
                    protocol="xapi",
                    bodies=tuple(
                        b'{"n":%d,"p":"%s"}' % (each, b"x" * size) for each in range(documents)
                    ),
                    event=b'{"name":"x","n":%d}' % self.number,
                )
            )
        try:
            self.store.put(new)
        except StoreFull:
            # Even an empty store has no room for everything.
            written = sum(len(body) for parcel in new for body in parcel.bodies)
            assert not self.drop_oldest or written > LEAST_BYTES / 2
            self.was_full.add(self.drop_oldest)
            return
        for consumer in CONSUMERS:
            mine = [each for each in new if consumer in each.consumers]
            documents = [1 if consumer == INBOX else len(each.bodies) for each in mine]
            self.counts[consumer]["enqueued"] += sum(documents)
            if self.drop_oldest:
                self.forget_dropped(consumer, len(mine))
            there = self.entries(consumer)
            for entry, parcel, count in zip(
                there[len(there) - len(mine) :], mine, documents, strict=True
            ):
                assert entry.position > self.highest or not mine
                assert (entry.bodies, entry.event) == (parcel.bodies, parcel.event)
                self.queues[consumer][entry.position] = count
        self.highest = max(
            [self.highest, *(place for each in self.queues.values() for place in each)]
        )

    def forget_dropped(self, consumer, new):
        """What was dropped for room is the oldest."""
        there = [entry.position for entry in self.entries(consumer)]
        old = there[: len(there) - new]
        gone = [place for place in sorted(self.queues[consumer]) if place not in old]
        assert gone == sorted(self.queues[consumer])[: len(gone)]
        for place in gone:
            documents = self.queues[consumer].pop(place)
            self.counts[consumer]["dropped"] += documents
            self.counts[consumer]["dropped:store_full"] += documents
            self.was_full.add("dropped")

    @rule(consumer=consumers, limit=st.integers(1, 5), size=st.integers(1, 1_000))
    def take(self, consumer, limit, size):
        places = sorted(self.queues[consumer])
        after = places[len(places) // 2] if places else 0
        taken = self.store.take(consumer, after=after, limit=limit, max_bytes=size)
        following = [place for place in places if place > after]
        assert [entry.position for entry in taken] == following[: len(taken)]
        assert len(taken) <= limit
        assert bool(taken) == bool(following)

    @rule(consumer=consumers, choice=st.randoms(use_true_random=False))
    def settle(self, consumer, choice):
        settled = []
        for place, documents in list(self.queues[consumer].items()):
            if choice.random() < 0.5:
                continue
            outcome = Counter(
                choice.choice(["delivered", "dead", "dropped"]) for _ in range(documents)
            )
            letters = ()
            if outcome["dead"]:
                letter = DeadLetter(consumer=consumer, reason="bad", documents=[{"place": place}])
                letters = (letter,)
                self.letters.add(letter.id)
            settled.append(
                Settled(
                    position=place,
                    delivered=outcome["delivered"],
                    dead={"bad": outcome["dead"]} if outcome["dead"] else {},
                    dropped={"old": outcome["dropped"]} if outcome["dropped"] else {},
                    letters=letters,
                )
            )
            counts = self.counts[consumer]
            counts.update(outcome)
            counts["dead:bad"] += outcome["dead"]
            counts["dropped:old"] += outcome["dropped"]
            del self.queues[consumer][place]
        # What is no longer there, or never was, is passed over.
        late = Settled(position=self.highest + 1_000, delivered=5)
        self.store.settle(consumer, [*settled, *settled[:1], late])

    @rule(consumer=consumers)
    def drop(self, consumer):
        expected = sum(self.queues[consumer].values())
        assert self.store.drop(consumer, "gone") == expected
        self.counts[consumer]["dropped"] += expected
        self.counts[consumer]["dropped:gone"] += expected
        self.queues[consumer].clear()

    @rule(there=st.sampled_from([("a", "b"), ("b", "a")]))
    def move(self, there):
        """What waits in both already is dropped from the first."""
        source, target = there
        moving = self.queues[source]
        twice = sum(number for place, number in moving.items() if place in self.queues[target])
        moved = sum(moving.values()) - twice
        assert self.store.move(source, target) == moved
        self.counts[source].update({"enqueued": -moved, "dropped": twice})
        self.counts[source]["dropped:duplicate"] += twice
        self.counts[target]["enqueued"] += moved
        self.queues[target] = {**moving, **self.queues[target]}
        self.queues[source] = {}

    @rule(owner=st.sampled_from(OWNERS), whose=st.sets(consumers), seconds=st.sampled_from([5, 50]))
    def lease(self, owner, whose, seconds):
        free = set()
        for consumer in whose:
            holder, until = self.leases.get(consumer, (owner, 0))
            if holder == owner or until <= self.now or until > self.now + seconds:
                free.add(consumer)
                self.leases[consumer] = (owner, self.now + seconds)
        assert self.store.lease(owner, whose, seconds) == free

    @rule(owner=st.sampled_from(OWNERS), whose=st.none() | st.sets(consumers))
    def release(self, owner, whose):
        self.store.release(owner, whose)
        for consumer, (holder, _) in list(self.leases.items()):
            if holder == owner and (whose is None or consumer in whose):
                del self.leases[consumer]

    @rule(seconds=st.sampled_from([-100, -6, 1, 6, 60]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(close=st.booleans())
    def crash(self, close):
        """The next process finds the files as this one left them, closed or not."""
        if close:
            self.store.close()
            self.reopen()
            return
        copy = Path(tempfile.mkdtemp())
        for side in ("", "-wal"):
            file = self.folder / f"store.db{side}"
            if file.exists():
                shutil.copy(file, copy)
        self.store.close()
        shutil.rmtree(self.folder)
        self.folder = copy
        self.reopen()

    @invariant()
    def nothing_is_lost(self):
        if not hasattr(self, "store"):
            return
        for consumer in CONSUMERS:
            counts = self.store.counts(consumer)
            pending = sum(self.queues[consumer].values())
            assert +Counter(counts) == +(self.counts[consumer] + Counter(pending=pending))
            assert counts["enqueued"] == (
                counts["delivered"] + counts["dead"] + counts["dropped"] + counts["pending"]
            )
            there = [entry.position for entry in self.entries(consumer)]
            assert there == sorted(self.queues[consumer])
            assert (consumer in self.store.waiting()) == bool(there)
        assert {letter.id for letter in self.store.dead_letters} == self.letters

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)


def test_the_store_does_what_the_model_says():
    run_state_machine_as_test(
        StoreMachine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
    )

    # It was put to the test in earnest.
    assert StoreMachine.was_full == {True, False, "dropped"}
