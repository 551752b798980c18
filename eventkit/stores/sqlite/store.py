"""The store that comes with the package: queues in one SQLite file."""

from __future__ import annotations

import itertools
import math
import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from eventkit.base.folders import refuse_closed
from eventkit.base.sealing import Key, make_sealer
from eventkit.base.throttle import SafeLogger, Throttle
from eventkit.consumers.owners import split_queue
from eventkit.exceptions import ConfigurationError, StoreError
from eventkit.reading.jsonable import to_json
from eventkit.stores.sqlite import queue
from eventkit.stores.sqlite.access import Access
from eventkit.stores.sqlite.carving import carve, insert
from eventkit.stores.sqlite.file import Sync, delete_set_aside, set_aside_files
from eventkit.stores.sqlite.letters import (
    SQLiteDeadLetters,
    buried_letter,
    forget_before,
    keep,
    letter_row,
)
from eventkit.stores.sqlite.queue import Budget, Writer
from eventkit.stores.sqlite.schema import is_empty, write_check
from eventkit.stores.store import INBOX, DeadLetters, Entry, Parcel, Settled

WhenFull = Literal["refuse", "drop_oldest"]

LEAST_BYTES = 1_000_000
"""The smallest budget."""

_UPKEEP = 30.0
"""Seconds between two looks at what should be tidied."""

_SOON = 0.5
"""Seconds until the next look when there is more to do."""

_DROP_AT_ONCE = 5_000
_INSERT_AT_ONCE = 500
_SHRINK_AT_ONCE = 500

_log = SafeLogger(__name__)
_throttle = Throttle(_log)


class SQLiteStore:
    """
    Keep queues in a file, for several threads and processes at once.

    It is an `eventkit.stores.Store`. Give it to a `Router`, or to a `RealTimeBackend` as *enqueue*.

    Args:
        path: the file, on a local disk (never on a network file system), in a folder that exists.
            Its companions ``-wal``, ``-shm`` and ``-lock`` lie beside it. Only its owner may read
            them: they are about learners.

        key: encrypts documents, events and dead letters; text, ``{"env": NAME}``,
            ``{"file": PATH}``, or a list of these, the newest first. Needs the extra
            ``encryption``.

        sync: ``"full"``: what was accepted survives a power failure. ``"normal"``: it survives the
            end of any process, but a power failure may cost what was accepted last.

        max_bytes: how much the file may hold.

        when_full: what happens then: ``"refuse"`` raises `StoreFull`, ``"drop_oldest"`` drops the
            oldest entries of the longest queue, counted as ``dropped:store_full``.

        letters_for: how many seconds dead letters are kept; None: until they are removed.

        clock: gives the seconds since 1970.

    Raises:
        ConfigurationError: a setting is wrong, the key is not the file's, or the file belongs to
            another program or a later version.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: Key | None = None,
        sync: Sync = "full",
        max_bytes: int = 4_000_000_000,
        when_full: WhenFull = "refuse",
        letters_for: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = _check_path(path)
        for name, value, values in (
            ("sync", sync, get_args(Sync)),
            ("when_full", when_full, get_args(WhenFull)),
        ):
            if value not in values:
                raise ConfigurationError(f"{name}: expected one of {values}, got {value!r:.80}")
        if not isinstance(max_bytes, int) or max_bytes < LEAST_BYTES:
            raise ConfigurationError(
                f"max_bytes: expected a whole number from {LEAST_BYTES}, got {max_bytes!r:.80}"
            )
        if letters_for is not None and not _is_positive(letters_for):
            raise ConfigurationError(
                "letters_for: expected seconds above 0, or None to keep letters until they are "
                f"removed, got {letters_for!r:.80}"
            )
        if not callable(clock):
            raise ConfigurationError(
                f"clock: expected a callable that gives seconds, got {type(clock).__name__}"
            )
        self._sealer = make_sealer(key)
        self._budget = Budget(self.path, max_bytes, when_full == "drop_oldest")
        self._clock = clock
        self._listeners: list[Callable[[], Callable[[frozenset[str]], object] | None]] = []
        upkeep = _Upkeep(letters_for, clock)
        self._access = Access(self.path, sync, self._sealer, tidy=upkeep, clock=clock)
        self.dead_letters: DeadLetters = SQLiteDeadLetters(
            self._access, self._sealer, upkeep.oldest_letter
        )
        try:
            self._access.check()
            self._adopt_key()
        except StoreError as error:
            # A full disk must not keep a site from starting; it goes on once there is room.
            _log.warning("The store cannot be used yet: %s", error)
        finally:
            # A server that loads this and then forks its workers shares no open file with them.
            self.close()

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    def put(self, parcels: Sequence[Parcel]) -> None:
        """
        Accept *parcels*, all or none; when this returns they are safe.

        Raises:
            StoreFull: there is no room.
            StoreError: the file cannot be used now.
            ValueError: a document is not JSON in one line.
        """
        now = self._clock()
        prepared = [
            queue.prepare(parcel, now, self._sealer) for parcel in parcels if parcel.consumers
        ]
        if prepared:
            self._access.write(lambda writer: queue.put(writer, prepared, self._budget))
            self._tell(frozenset(each for parcel in prepared for each in parcel.consumers))

    def __call__(self, event: Mapping[str, object]) -> None:
        """Put one JSON-safe event into the inbox."""
        self.put_events([to_json(event)])

    def put_events(self, events: Iterable[bytes]) -> None:
        """Put events, written as JSON, into the inbox: all or none."""
        self.put(
            [
                Parcel(consumers={INBOX: ""}, name="", protocol="", bodies=(), event=event)
                for event in events
            ]
        )

    def take(self, consumer: str, *, after: int, limit: int, max_bytes: int) -> list[Entry]:
        """
        Read on in the queue of *consumer* from behind position *after*.

        Raises:
            StoreError: the file cannot be used now, or an entry was encrypted with another key.
        """
        while True:
            rows = self._access.read(
                lambda connection: queue.take(
                    connection,
                    consumer,
                    after,
                    limit,
                    max_bytes,
                    is_sealed=self._sealer is not None,
                )
            )
            is_old = any(row[4] is None for row in rows)
            old = self._access.read(queue.checked_from) if is_old else 0
            try:
                entries, damaged = queue.make_entries(consumer, rows, max_bytes, self._sealer, old)
            except ConfigurationError as error:
                raise StoreError(f"store {self.path}: {error}") from None
            if damaged:
                self._bury(consumer, damaged)
            if entries or not rows:
                return entries

    def _bury(self, consumer: str, rows: list[queue.Row]) -> None:
        """Make dead letters of damaged rows, so that they stop nobody."""
        letters = [
            letter_row(buried_letter(consumer, row, self._sealer), self._sealer) for row in rows
        ]

        def bury(writer: Writer) -> int:
            buried = queue.bury(writer, rows)
            keep(writer, [letters[index] for index in buried])
            writer.note("damaged_rows", len(buried))
            return len(buried)

        number = self._access.write(bury)
        _throttle.warning(
            "damaged",
            "Store %s: %d entries of the queue %r were damaged; what is left of them is in the "
            "dead letters, as 'damaged'",
            self.path,
            number,
            " ".join(consumer.split()),
        )

    def settle(self, consumer: str, settled: Sequence[Settled]) -> None:
        """
        Take entries out of the queue of *consumer* and count what became of them.

        Raises:
            StoreError: the file cannot be used now.
            ValueError: the counts of an entry do not make up its documents.
        """
        letters = {
            each.position: [letter_row(letter, self._sealer) for letter in each.letters]
            for each in settled
            if each.letters
        }

        def settle(writer: Writer) -> None:
            for each in queue.settle(writer, consumer, settled):
                if each.letters:
                    keep(writer, letters[each.position])

        if settled:
            self._access.write(settle)

    def lease(self, owner: str, consumers: Iterable[str], seconds: float) -> set[str]:
        """Take or renew the right to read queues; give those that *owner* has now."""
        wanted = set(consumers)
        # Others who stand by ask often, and should not write each time.
        free = self._access.read(
            lambda connection: queue.free_to(connection, owner, wanted, self._clock(), seconds)
        )
        if not free:
            return set()
        return self._access.write(
            lambda writer: queue.lease(writer, owner, free, self._clock(), seconds)
        )

    def release(self, owner: str, consumers: Iterable[str] | None = None) -> None:
        """Give back these leases of *owner*, or all."""
        chosen = None if consumers is None else list(consumers)
        self._access.write(lambda writer: queue.release(writer, owner, chosen))

    def changed(self) -> int:
        """Give a number that is another one after anybody else has written. Cheap."""
        number: int = self._access.read(
            lambda connection: connection.execute("PRAGMA data_version").fetchone()[0]
        )
        # A connection that was opened anew may begin at the same number.
        return self._access.generation << 32 | number

    def waiting(self) -> set[str]:
        """Give the ids of the consumers, known here or not, whose queues are not empty."""
        return {split_queue(name)[0] for name in self.queues()}

    def queues(self) -> set[str]:
        """Give the names of all queues that are not empty."""
        return self._access.read(queue.queues)

    def move(self, queue_name: str, to: str) -> int:
        """Have what waits in one queue wait in another; give how many documents."""
        moved = self._access.write(lambda writer: queue.move(writer, queue_name, to))
        self._tell(frozenset([to]))
        return moved

    def counts(self, consumer: str) -> dict[str, int]:
        """Count documents over the life of the store."""
        return self._access.read(lambda connection: queue.counts(connection, consumer))

    def oldest(self, consumer: str) -> float | None:
        """Say when the first entry in the queue of *consumer* was written; None: it is empty."""
        return self._access.read(lambda connection: queue.oldest(connection, consumer))

    def drop(self, consumer: str, reason: str) -> int:
        """Empty the queue of *consumer*; its documents count as dropped for *reason*."""
        last = self._access.read(queue.last_position)
        documents = 0
        # In steps, so that others get their turn.
        while True:
            entries, dropped = self._access.write(
                lambda writer: queue.drop(writer, consumer, reason, last, _DROP_AT_ONCE)
            )
            documents += dropped
            if entries < _DROP_AT_ONCE:
                return documents

    def damaged_files(self) -> list[Path]:
        """Give the files that were set aside as damaged, the oldest first."""
        return set_aside_files(self.path)

    def salvage(self, damaged: str | os.PathLike[str]) -> int:
        """
        Get out of a damaged file all that is whole in it, page by page, as dead letters.

        What is in this store already is left out; what was delivered meanwhile is not, as nothing
        tells, so replay it rather to receivers that know ids. Give how many letters were found.

        Raises:
            StoreError: the file cannot be used now.
            OSError: the damaged file cannot be read.
        """
        number = 0
        found = carve(Path(damaged), self._sealer)
        # In steps, so that others get their turn.
        while chunk := list(itertools.islice(found, _INSERT_AT_ONCE)):
            number += self._access.write(partial(insert, found=chunk))
        return number

    def forget_damaged(self) -> int:
        """Delete the files that were set aside as damaged; give how many."""
        return delete_set_aside(self.path)

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        self._access.close()

    def on_put(self, callback: Callable[[frozenset[str]], object]) -> None:
        """
        Have *callback* called with the names of the queues that this object has put something in.

        It is called by the thread that put it, so it must be quick; what it raises is ignored. It
        is forgotten when nobody else refers to it (to its object, when it is a method).
        """
        reference: Any = (
            weakref.WeakMethod(callback)
            if hasattr(callback, "__self__") and hasattr(callback, "__func__")
            else weakref.ref(callback)
        )
        self._listeners = [each for each in self._listeners if each() is not None] + [reference]

    def stats(self) -> dict[str, int]:
        """
        Describe the file, and what this process did with it.

        ``damaged``: how often the file was found damaged and replaced, ``salvaged``: entries saved
        then, ``damaged_unknown``: how often nobody could tell what was lost; ``damaged_rows``:
        entries that were damaged alone; ``letters`` and ``letters_expired``; ``bytes_used`` of
        ``bytes_max``, and ``bytes_free`` within the file; ``commits`` and the ``operations`` in
        them, of this process.
        """
        return {
            "damaged": 0,
            "salvaged": 0,
            "damaged_unknown": 0,
            "damaged_rows": 0,
            "letters_expired": 0,
            **self._access.read(queue.describe),
            "bytes_max": self._budget.max_bytes,
            "letters": len(self.dead_letters),
            "commits": self._access.tally["commits"],
            "operations": self._access.tally["operations"],
        }

    def _tell(self, consumers: frozenset[str]) -> None:
        for reference in self._listeners:
            callback = reference()
            if callback is not None:
                # What was put is safe, whatever becomes of the message.
                with suppress(Exception):
                    callback(consumers)

    def _adopt_key(self) -> None:
        """Remember the key in a file that holds nothing yet, or nothing any more."""
        if self._sealer is not None and self._access.read(is_empty):
            sealer = self._sealer
            self._access.write(lambda writer: write_check(writer.connection, sealer))


class _Upkeep:
    """
    Now and then forget old letters and give back room, within somebody's transaction.

    It does not refer to the store, so that one that nobody uses any more is closed at once.
    """

    def __init__(self, letters_for: float | None, clock: Callable[[], float]) -> None:
        self._letters_for = letters_for
        self._clock = clock
        self._next = -math.inf

    def oldest_letter(self) -> float:
        """Give the time before which letters are forgotten."""
        return -math.inf if self._letters_for is None else self._clock() - self._letters_for

    def __call__(self, writer: Writer) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _UPKEEP
        writer.look_at_names()
        if self._letters_for is not None:
            forget_before(writer, self.oldest_letter())
        if queue.shrink(writer, _SHRINK_AT_ONCE):
            self._next = now + _SOON


def _check_path(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise ConfigurationError(f"path: expected the path of a file, got {type(path).__name__}")
    if os.fspath(path) in ("", ":memory:"):
        raise ConfigurationError(
            f"path: expected the path of a file on a local disk, got {os.fspath(path)!r}"
        )
    found = Path(path)
    refuse_closed(found, "path")
    if found.is_dir():
        raise ConfigurationError(f"path: {found} is a folder; name a file in it")
    if not found.absolute().parent.is_dir():
        raise ConfigurationError(
            f"path: the folder of {found} does not exist; make it, or name another file"
        )
    return found.absolute()


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
