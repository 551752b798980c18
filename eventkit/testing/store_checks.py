"""What every store must do; see `eventkit.testing.check_store`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from eventkit.dead_letters.letter import DeadLetter
from eventkit.stores.store import INBOX, Parcel, Settled, Store

_WAIT = 20.0
"""Seconds that nothing here takes, unless something is broken."""

_LEASE = 0.2


def check_store(make_store: Callable[[], Store]) -> None:
    """
    Check that a store keeps the promises of `eventkit.stores.Store`.

    Args:
        make_store: opens the store under test, the same one each time, as several processes would.
            It is empty at first, and has room.

    Raises:
        AssertionError: it does not; the message says what is wrong.
    """
    opened: list[Store] = []

    def make() -> Store:
        opened.append(make_store())
        return opened[-1]

    try:
        for check in _CHECKS:
            check(make)
    finally:
        for store in opened:
            store.close()


def _demand(condition: object, message: str) -> None:
    # An assert statement would be gone under python -O.
    if not condition:
        raise AssertionError(message)


def _equal(expected: object, actual: object, what: str) -> None:
    _demand(expected == actual, f"{what}: expected {expected!r}, got {actual!r}")


@contextmanager
def _raises(kind: type[Exception], what: str) -> Iterator[None]:
    try:
        yield
    except kind:
        return
    raise AssertionError(f"{what}: expected {kind.__name__}")


def _parcel(consumers: Sequence[str], number: int = 0, documents: int = 1) -> Parcel:
    return Parcel(
        consumers={consumer: f"rules of {consumer}" for consumer in consumers},
        name=f"event {number}",
        protocol="xapi",
        bodies=tuple(b'{"id":"%d-%d"}' % (number, each) for each in range(documents)),
        event=b'{"name":"event %d"}' % number,
    )


def _positions(store: Store, consumer: str) -> list[int]:
    return [entry.position for entry in store.take(consumer, after=0, limit=10**6, max_bytes=10**9)]


def _balanced(store: Store, consumer: str) -> None:
    counts = store.counts(consumer)
    _equal(
        counts["enqueued"],
        counts["delivered"] + counts["dead"] + counts["dropped"] + counts["pending"],
        f"the counts of {consumer!r} do not add up, {counts}",
    )
    for kind in ("dead", "dropped"):
        reasons = sum(number for name, number in counts.items() if name.startswith(f"{kind}:"))
        _equal(counts[kind], reasons, f"the reasons of {consumer!r} do not add up, {counts}")


def _keeps_what_it_is_given(make: Callable[[], Store]) -> None:
    before = time.time()
    make().put([_parcel(["given"], number, documents=number) for number in (1, 2)])
    store = make()
    first, second = store.take("given", after=0, limit=10, max_bytes=10**6)
    parcel = _parcel(["given"], 2, documents=2)
    _equal(parcel.bodies, second.bodies, "the documents")
    _equal(parcel.event, second.event, "the event")
    _equal(
        (parcel.name, parcel.protocol, "rules of given"),
        (second.name, second.protocol, second.rules),
        "name, protocol and rules",
    )
    _demand(0 < first.position < second.position, "positions ascend, and begin above 0")
    _demand(before - 1 <= first.written <= time.time() + 1, "it notes when an entry was written")
    _equal(first.written, store.oldest("given"), "the time of the oldest entry")
    _equal(None, store.oldest("nobody"), "the time of the oldest entry of an empty queue")
    _demand("given" in store.waiting(), "a consumer with entries is waiting")
    _demand("nobody" not in store.waiting(), "a consumer without entries is not waiting")
    _equal(3, store.counts("given")["pending"], "pending documents")


def _reads_on(make: Callable[[], Store]) -> None:
    store = make()
    store.put([_parcel(["reader"], number) for number in range(5)])
    positions = _positions(store, "reader")
    _equal(positions, sorted(set(positions)), "the order of positions")
    _equal(positions, _positions(store, "reader"), "reading again, as reading changes nothing")

    def take(**limits: int) -> list[int]:
        given = {"after": 0, "limit": 10, "max_bytes": 10**6} | limits
        return [entry.position for entry in store.take("reader", **given)]

    _equal(positions[2:], take(after=positions[1]), "reading from behind a position")
    _equal(positions[:2], take(limit=2), "reading at most two")
    _equal(positions[:1], take(max_bytes=1), "reading at least one, however large it is")
    size = len(_parcel(["reader"]).bodies[0])
    _equal(positions[:2], take(max_bytes=size + 1), "reading until the bytes are reached")
    _equal([], take(after=positions[-1]), "reading behind the last")
    _equal([], store.take("nobody", after=0, limit=10, max_bytes=100), "reading an empty queue")


def _settles(make: Callable[[], Store]) -> None:
    store = make()
    store.put([_parcel(["settler", "other"], number, documents=3) for number in range(4)])
    first, second, third, fourth = _positions(store, "settler")
    letter = DeadLetter(consumer="settler", reason="http_400", documents=[{"id": "1"}])
    store.settle(
        "settler",
        [
            Settled(position=first, delivered=3),
            Settled(
                position=third,
                delivered=1,
                dead={"http_400": 1},
                dropped={"old": 1},
                letters=(letter,),
            ),
        ],
    )
    _equal([second, fourth], _positions(make(), "settler"), "what is left")
    _equal(4, len(_positions(store, "other")), "what is left for another consumer")
    counts = store.counts("settler")
    expected = {"enqueued": 12, "delivered": 4, "dead": 1, "dropped": 1, "pending": 6}
    _equal(expected | {"dead:http_400": 1, "dropped:old": 1}, counts, "counts")
    _demand(letter.id in {each.id for each in store.dead_letters}, "settling keeps dead letters")
    late = DeadLetter(consumer="settler", reason="late", documents=[{"id": "late"}])
    store.settle("settler", [Settled(position=first, dead={"late": 3}, letters=(late,))])
    _equal(counts, store.counts("settler"), "counts after settling what is no longer there")
    _demand(late.id not in {each.id for each in store.dead_letters}, "nor does it keep letters")
    store.settle("settler", [Settled(position=10**17, delivered=1)])
    store.settle("nobody", [Settled(position=second, delivered=3)])
    _equal([second, fourth], _positions(store, "settler"), "what others' settling leaves")
    for consumer in ("settler", "other", "nobody"):
        _balanced(store, consumer)


def _never_uses_a_position_again(make: Callable[[], Store]) -> None:
    store = make()
    last = 0
    for _ in range(3):
        store.put([_parcel(["again"])])
        [position] = _positions(store, "again")
        _demand(position > last, "a position was used again")
        last = position
        store.settle("again", [Settled(position=position, delivered=1)])
        store.close()


def _drops(make: Callable[[], Store]) -> None:
    store = make()
    store.put([_parcel(["dropper", "keeper"], number, documents=2) for number in range(3)])
    _equal(6, store.drop("dropper", "removed"), "documents dropped")
    _equal(0, store.drop("dropper", "removed"), "documents dropped from an empty queue")
    _equal(6, store.counts("dropper")["dropped:removed"], "the count of what was dropped")
    _equal([], _positions(store, "dropper"), "what is left")
    _equal(3, len(_positions(store, "keeper")), "what is left for another consumer")
    _balanced(store, "dropper")


def _keeps_owners_apart(make: Callable[[], Store]) -> None:
    store = make()
    first, second = "owned\tone", "owned\tanother"
    store.put([_parcel([first, second]), _parcel([first], 1, documents=2)])
    _equal({first, second}, store.queues() & {first, second}, "queues that are not empty")
    _demand("owned" in store.waiting(), "a consumer with queues is waiting, by its id")
    _equal(2, len(_positions(store, first)), "entries of one owner")
    _equal(1, len(_positions(store, second)), "entries of another")
    _equal(4, store.counts("owned")["pending"], "what waits under an id")
    _equal(1, store.counts(second)["pending"], "what waits for one owner")
    _equal(2, store.move(first, second), "documents moved; what waits in both is one")
    _equal(2, len(_positions(store, second)), "entries after moving")
    _equal(set(), store.queues() & {first}, "a queue that was moved is empty")
    _equal(0, store.move(first, second), "moving an empty queue")
    for queue in (first, second, "owned"):
        _balanced(store, queue)
    _equal(3, store.drop("owned", "removed"), "documents dropped, of all owners")
    _balanced(store, "owned")


def _has_an_inbox(make: Callable[[], Store]) -> None:
    store = make()
    store({"name": "play_video", "data": {"text": "ä\ud83d\ude00"}})
    store.put_events([b'{"name":"a"}', b'{"name":"b"}'])
    entries = store.take(INBOX, after=0, limit=10, max_bytes=10**6)
    _equal([(), (), ()], [entry.bodies for entry in entries], "documents in the inbox")
    _equal([b'{"name":"a"}', b'{"name":"b"}'], [entry.event for entry in entries[1:]], "events")
    _equal(3, store.counts(INBOX)["pending"], "events pending in the inbox")
    store.settle(INBOX, [Settled(position=entry.position, delivered=1) for entry in entries])
    _equal(3, store.counts(INBOX)["delivered"], "events settled in the inbox")
    _balanced(store, INBOX)


def _leases(make: Callable[[], Store]) -> None:
    store, another = make(), make()
    both = {"leased", "leased too"}
    _equal(both, store.lease("me", both, 60), "a free lease")
    _equal(both, store.lease("me", both, 60), "renewing a lease")
    _equal({"free"}, another.lease("you", {"leased", "free"}, 60), "a lease that another has")
    store.release("me", ["leased"])
    _equal({"leased"}, another.lease("you", both, 60), "a lease that was given back")
    store.release("me")
    _equal({"leased too"}, another.lease("you", {"leased too"}, _LEASE), "after all are")
    deadline = time.monotonic() + _WAIT
    while not store.lease("me", ["leased too"], _LEASE):
        _demand(time.monotonic() < deadline, "a lease that was not renewed is never free")
        time.sleep(_LEASE / 10)
    another.release("you")
    _equal({"leased too"}, store.lease("me", ["leased too"], 60), "others cannot give mine back")
    _equal({"leased too"}, another.lease("you", ["leased too"], 10), "a lease from the future")
    another.release("you")
    store.release("me")


def _tells_of_changes(make: Callable[[], Store]) -> None:
    store, another = make(), make()
    seen = store.changed()
    _equal(seen, store.changed(), "the number while nothing happens")
    for _ in range(3):
        another.put([_parcel(["changer"])])
        now = store.changed()
        _demand(now != seen, "the number did not change when another put something")
        seen = now


def _has_dead_letters(make: Callable[[], Store]) -> None:
    store = make()
    before = len(store.dead_letters)
    letters = [
        DeadLetter(consumer="c", reason="r", name="n", documents=[{"id": str(number)}])
        for number in range(3)
    ]
    for letter in letters:
        store.dead_letters(letter)
    store.dead_letters(letters[0])
    again = make().dead_letters
    _equal(before + 3, len(again), "letters, one of them kept twice")
    ids = [letter.id for letter in letters]
    found = {letter.id: letter for letter in again if letter.id in ids}
    _equal({letter.id: letter for letter in letters}, found, "the letters")
    times = [letter.time for letter in again]
    _equal(sorted(times), times, "the order of letters")
    _equal(2, again.remove([ids[0], ids[1], "none"]), "letters removed")
    _equal(0, again.remove([]), "letters removed")
    _equal(before + 1, len(store.dead_letters), "letters left")


def _is_shared_by_threads(make: Callable[[], Store]) -> None:
    store = make()
    failures: list[BaseException] = []
    each, threads = 25, 8
    settled: list[int] = []

    def put(number: int) -> None:
        try:
            for index in range(each):
                store.put([_parcel(["crowd"], number * each + index)])
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)

    def settle() -> None:
        try:
            deadline = time.monotonic() + _WAIT
            while len(settled) < each * threads and time.monotonic() < deadline:
                positions = _positions(store, "crowd")
                store.settle("crowd", [Settled(position=place, delivered=1) for place in positions])
                settled.extend(positions)
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)

    workers = [threading.Thread(target=put, args=(number,)) for number in range(threads)]
    workers.append(threading.Thread(target=settle))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(_WAIT)
    _equal([], failures, "what threads ran into")
    _equal(each * threads, len(set(settled)), "entries that threads put and settled")
    _equal(sorted(settled), settled, "their order")
    _balanced(store, "crowd")
    _equal(each * threads, store.counts("crowd")["delivered"], "documents delivered")


def _puts_all_or_none(make: Callable[[], Store]) -> None:
    store = make()
    store.put([])
    bad = Parcel(
        consumers={"strict": ""},
        name="bad",
        protocol="xapi",
        bodies=(object(),),  # type: ignore[arg-type]
        event=b"{}",
    )
    with _raises(Exception, "a parcel that is none"):
        store.put([_parcel(["strict"]), bad])
    _equal([], _positions(store, "strict"), "what is left of a put that failed")
    _equal(0, store.counts("strict")["enqueued"], "what is counted of a put that failed")


def _opens_again(make: Callable[[], Store]) -> None:
    store = make()
    store.put([_parcel(["closer"])])
    store.close()
    store.close()
    _equal(1, len(_positions(store, "closer")), "what is there after closing")


_CHECKS = (
    _keeps_what_it_is_given,
    _reads_on,
    _settles,
    _never_uses_a_position_again,
    _drops,
    _keeps_owners_apart,
    _has_an_inbox,
    _leases,
    _tells_of_changes,
    _has_dead_letters,
    _puts_all_or_none,
    _is_shared_by_threads,
    _opens_again,
)
