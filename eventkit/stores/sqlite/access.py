"""The connections of one process to the file of a store: opened, shared, replaced, mended."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import attrs

from eventkit.base.counting import Tally
from eventkit.base.forking import renew_after_fork
from eventkit.base.sealing import Sealer
from eventkit.base.throttle import SafeLogger, describe
from eventkit.exceptions import ConfigurationError, StoreError, StoreFull
from eventkit.stores.sqlite.carving import carve, insert
from eventkit.stores.sqlite.commits import GroupCommit, Job
from eventkit.stores.sqlite.file import (
    PATIENCE,
    SIDES,
    Damage,
    Identity,
    Sync,
    connect,
    forget_locks,
    guard,
    identity,
    is_damage,
    is_no_text,
    keep_locks,
    lenient_text,
    make_file,
    release_locks,
    set_aside,
    store_error,
    sync_file,
    trouble,
)
from eventkit.stores.sqlite.log import Log
from eventkit.stores.sqlite.queue import Writer, balance_all, find_trouble, is_balanced
from eventkit.stores.sqlite.salvage import UNREADABLE, Report, open_damaged, salvage
from eventkit.stores.sqlite.schema import STEPS, check_key, set_up, version, write_check

T = TypeVar("T")

CHECKED_BYTES = 64_000_000
"""Files up to this size are checked whole when they are opened first."""

MENDING_PATIENCE = 30.0
"""Seconds to wait for other processes before a damaged file is replaced, and between attempts."""

FORK_PATIENCE = 0.5
"""Seconds that a fork is held up at most, by what SQLite is just doing; never by a lock."""

_PAUSE = 0.005
"""Seconds until a file that another program has locked is tried again."""

_log = SafeLogger("eventkit.stores.sqlite.store")


@attrs.define(eq=False)
class _Handle:
    """An open connection, and which file it is open on."""

    connection: sqlite3.Connection
    identity: Identity
    writer: Writer | None

    def __del__(self) -> None:
        # A connection refers to itself: left alone it would stay open until garbage is collected.
        _close(self)


class Gate:
    """
    Is held by whoever is just using SQLite, and can be shut for a fork.

    What waits for a lock on the file, however long, does so outside.
    """

    def __init__(self) -> None:
        # Who wants to shut it holds the first, so that nobody comes in between.
        self._entry = threading.Lock()
        self._inside = threading.Lock()
        self._owner = 0
        self._depth = 0

    def __enter__(self) -> None:
        # A signal handler or destructor may run in the middle of what the same thread does.
        if self._owner != threading.get_ident():
            with self._entry:
                self._inside.acquire()
            self._owner = threading.get_ident()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = 0
            self._inside.release()

    def is_busy(self) -> bool:
        """Tell whether somebody is inside, or it is shut."""
        return self._inside.locked()

    def shut(self, until: float) -> bool:
        """Wait until nobody is inside, and let nobody in; False when it takes too long."""
        if self._owner == threading.get_ident():
            return False
        if not self._entry.acquire(timeout=max(until - time.monotonic(), 0.0)):
            return False
        try:
            return self._inside.acquire(timeout=max(until - time.monotonic(), 0.0))
        finally:
            self._entry.release()

    def open(self) -> None:
        """End what `shut` began."""
        self._inside.release()


class Access:
    """
    Run what is to be done on the file, whatever happens to the file meanwhile.

    One connection writes and one reads, each for all threads of the process, so that reading does
    not wait for the disk. Both are opened when they are first needed, and again when the file was
    replaced, after a fork and after an error of the disk.

    Args:
        path: the file.

        sync: what a commit waits for.

        sealer: the key, to check that it is the file's.

        tidy: is called within transactions, to do now and then what keeps the file in order.

        clock: gives the seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        sync: Sync,
        sealer: Sealer | None,
        *,
        tidy: Callable[[Writer], None],
        clock: Callable[[], float],
    ) -> None:
        self.path = path
        self._sync: Sync = sync
        self._sealer = sealer
        self._tidy = tidy
        self._clock = clock
        self._log = Log(path, CHECKED_BYTES)
        self._writing: _Handle | None = None
        self._reading: _Handle | None = None
        self._is_unusable = False
        self.generation = 0
        """How often the connection for reading was opened."""
        self._begin()
        renew_after_fork(self)
        _forks.adopt(self)

    def _begin(self) -> None:
        self._group: GroupCommit[Writer] = GroupCommit()
        self._write_gate = Gate()
        self._read_gate = Gate()
        self._is_stopped = False
        self._read_lock = threading.RLock()
        self._mend_again_at = 0.0
        self.tally = Tally()

    # --- for the store ---

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run *query* on the connection for reading.

        Raises:
            StoreError: the file cannot be used now.
        """
        try:
            try:
                return self._read(query)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if not is_damage(error):
                    raise
            with self._group.alone():
                self._mend(_identity(self._reading))
            return self._read(query)
        except Exception as error:
            raise self._told(error) from error

    def write(self, operation: Callable[[Writer], T]) -> T:
        """
        Run *operation* in a transaction, together with those of other threads.

        Raises:
            StoreError: the file cannot be used now; nothing has changed.
        """
        return self._group.do(operation, self._commit)

    def close(self) -> None:
        """Close both connections; the next use opens them again."""
        with self._group.alone(), self._read_lock, self._write_gate, self._read_gate:
            self._close()

    def check(self) -> None:
        """
        Open the file, set it up or bring it up to date, and look whether it is in order.

        Raises:
            ConfigurationError: it is not a file for us, or the key is not its key.
            StoreError: it cannot be used now.
        """
        try:
            with self._group.alone():
                if self._find_damage():
                    self._mend(identity(self.path))
            self._balance()
        except PermissionError as error:
            raise ConfigurationError(
                f"path: {self.path} cannot be read and written ({error.strerror}); give this user "
                "the right to, in its folder too, or name another file"
            ) from None
        except (sqlite3.Error, OSError) as error:
            if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK):
                raise ConfigurationError(
                    f"path: {self.path} cannot be read and written; give this user the right to"
                ) from error
            raise self._told(error) from error

    # --- reading and writing ---

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        self._refuse_if_unusable()
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self._read_lock:
                    return self._read_once(query)
            except sqlite3.Error as error:
                _wait_if_busy(error, until)

    def _read_once(self, query: Callable[[sqlite3.Connection], T]) -> T:
        while True:
            with self._read_gate:
                handle = self._reading
                if handle is not None and self._is_current(handle):
                    try:
                        return _leniently(query, handle.connection)
                    except sqlite3.Error as error:
                        if trouble(error) == "io":
                            _close(handle)
                            self._reading = None
                        raise
                _close(handle)
                self._reading = None
            self._open(read_only=True)

    def _commit(self, jobs: Sequence[Job[Writer]]) -> None:
        """Run *jobs* in one transaction; when that fails each in its own, so that each can tell."""
        self.tally.add("operations", len(jobs))
        error, had_begun = self._try_to_commit(jobs)
        if error is not None and is_damage(error):
            try:
                self._mend(_identity(self._writing))
            except Exception as failure:  # noqa: BLE001 - whoever asked is told
                error, had_begun = failure, False
            else:
                error, had_begun = self._try_to_commit(jobs)
        if error is None:
            return
        if had_begun and len(jobs) > 1:
            for job in jobs:
                own, _ = self._try_to_commit([job])
                if own is not None:
                    job.error = self._told(own)
            return
        for job in jobs:
            job.error = self._told(error)

    def _try_to_commit(self, jobs: Sequence[Job[Writer]]) -> tuple[Exception | None, bool]:
        """
        Run *jobs* in one transaction.

        Gives what made it fail, and whether it was one of the jobs; nothing has changed then.
        """
        until = time.monotonic() + PATIENCE
        while True:
            begun: list[bool] = []
            try:
                self._refuse_if_unusable()
                self._commit_once(jobs, begun)
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                if isinstance(error, sqlite3.Error) and trouble(error) == "io":
                    # Whatever state it is in, a new connection is in a good one.
                    with self._write_gate:
                        _close(self._writing)
                        self._writing = None
                if begun or not isinstance(error, sqlite3.Error):
                    return error, bool(begun)
                try:
                    _wait_if_busy(error, until)
                except sqlite3.Error:
                    return error, False
            else:
                return None, True

    def _commit_once(self, jobs: Sequence[Job[Writer]], begun: list[bool]) -> None:
        """Run *jobs* in one transaction, and put something into *begun* once it has begun."""
        while True:
            with guard(self.path, exclusive=True), self._write_gate:
                handle = self._writing
                if handle is not None and self._is_current(handle):
                    handle.connection.execute("BEGIN IMMEDIATE")
                    begun.append(True)
                    self._run_leniently(jobs, handle)
                    return
                _close(handle)
                self._writing = None
            self._open(read_only=False)

    def _run_leniently(self, jobs: Sequence[Job[Writer]], handle: _Handle) -> None:
        """Run *jobs*, once more if a text that is none was in the way."""
        try:
            self._run(jobs, handle)
        except sqlite3.Error as error:
            if not is_no_text(error) or handle.connection.text_factory is lenient_text:
                raise
            handle.connection.text_factory = lenient_text
            handle.connection.execute("BEGIN IMMEDIATE")
            self._run(jobs, handle)

    def _run(self, jobs: Sequence[Job[Writer]], handle: _Handle) -> None:
        """Run *jobs* in the transaction that has begun, and commit."""
        writer = handle.writer
        assert writer is not None  # noqa: S101 - for the type checker
        try:
            for job in jobs:
                job.error = None
                before = handle.connection.total_changes
                try:
                    job.run(writer)
                except (StoreFull, ValueError) as error:
                    if handle.connection.total_changes != before or is_damage(error):
                        raise
                    # A refusal that has changed nothing does not concern the others.
                    job.error = error
            self._tidy(writer)
            handle.connection.execute("COMMIT")
        except BaseException:
            writer.forget()
            if handle.connection.in_transaction:
                with suppress(sqlite3.Error):
                    handle.connection.execute("ROLLBACK")
            raise
        self.tally.add("commits")

    def _told(self, error: Exception) -> Exception:
        """Make of *error* what the caller of an operation is told."""
        if isinstance(error, (sqlite3.Error, OSError)):
            told: Exception = store_error(self.path, error)
        elif isinstance(error, ConfigurationError):
            told = StoreError(f"store {self.path}: {error}")
        elif isinstance(error, StoreError):
            # One for each, for several threads raise it.
            told = type(error)(str(error), retry_after=error.retry_after)
        elif isinstance(error, (TypeError, OverflowError, UnicodeDecodeError)):
            # What is damaged may have any type.
            told = StoreError(f"store {self.path}: {describe(error)}")
        else:
            return error
        told.__cause__ = error
        return told

    # --- opening ---

    def _refuse_if_unusable(self) -> None:
        if self._is_unusable:
            raise StoreError(
                f"store {self.path}: this process was forked in the middle of an operation on it "
                "and cannot use it; start it anew"
            )

    def _is_current(self, handle: _Handle | None) -> bool:
        return handle is not None and identity(self.path) == handle.identity

    def _open(self, *, read_only: bool) -> None:
        """
        Open a connection; first set the file up, if need be.

        Raises:
            ConfigurationError: the file or the key is not ours.
        """
        for _ in range(3):
            gate = self._read_gate if read_only else self._write_gate
            with guard(self.path, exclusive=False), gate:
                found = identity(self.path)
                if found is not None:
                    # SQLite would pass over what was committed, and then write over it.
                    if not (self._writing or self._reading) and self._log.is_broken():
                        raise Damage("the log is damaged")
                    # It never waits in SQLite, where a fork would have to wait for it.
                    connection = connect(self.path, self._sync, read_only=read_only, patience=0.0)
                    try:
                        if version(connection, self.path) == len(STEPS):
                            check_key(connection, self.path, self._sealer)
                            if read_only:
                                self._reading = _Handle(connection, found, None)
                                self.generation += 1
                            else:
                                self._writing = _Handle(connection, found, Writer(connection))
                            return
                    except BaseException:
                        connection.close()
                        raise
                    connection.close()
            with guard(self.path, exclusive=True), gate:
                self._set_up()
        raise StoreError(f"store {self.path}: it is replaced again and again")

    def _set_up(self) -> None:
        """Make the file what it should be; nobody else uses it meanwhile."""
        if identity(self.path) is None:
            self._replace_missing()
        with closing(connect(self.path, self._sync)) as connection:
            set_up(connection, self.path)

    def _replace_missing(self) -> None:
        # The log of a file that is gone must not be taken for the new one's.
        if any(Path(f"{self.path}{side}").exists() for side in SIDES):
            _log.warning(
                "Store %s is gone, but not what belongs to it: moved to %s",
                self.path,
                set_aside(self.path, self._clock()),
            )
        if self._salvaged.exists():
            self._salvaged.rename(self.path)
        else:
            make_file(self.path)
        sync_file(self.path.absolute().parent)

    def _close(self) -> None:
        for handle in (self._writing, self._reading):
            _close(handle)
        self._writing = self._reading = None

    # --- damage ---

    @property
    def _salvaged(self) -> Path:
        """What is finished of a new file, until it is in the place of the damaged one."""
        return Path(f"{self.path}.salvaged")

    def _find_damage(self) -> bool:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._open(read_only=False)
                with self._write_gate:
                    # A fork may have closed it meanwhile.
                    if self._writing is not None:
                        return self._is_damaged(self._writing.connection)
            except UnicodeDecodeError:
                # A message of SQLite that quotes rubbish.
                return True
            except sqlite3.Error as error:
                if trouble(error) == "damaged":
                    return True
                _wait_if_busy(error, until)

    def _is_damaged(self, connection: sqlite3.Connection) -> bool:
        if self.path.stat().st_size > CHECKED_BYTES:
            return False
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        return found != ("ok",) or _leniently(find_trouble, connection)

    def _balance(self) -> None:
        """Set counts right that do not add up any more."""
        if self.path.stat().st_size <= CHECKED_BYTES and not self.read(is_balanced):
            self.write(balance_all)

    def _mend(self, damaged: Identity | None) -> None:
        """
        Put a new file in the place of the damaged one, with what could be read of it.

        The caller keeps all operations of this process waiting.

        Args:
            damaged: which file is damaged; None: whichever is there and cannot be opened.
        """
        with self._read_lock:
            with self._write_gate, self._read_gate:
                self._close()
            if time.monotonic() < self._mend_again_at:
                raise StoreError(
                    f"store {self.path}: it is damaged, and a new file could not be made",
                    retry_after=MENDING_PATIENCE,
                )
            with guard(self.path, exclusive=True, patience=MENDING_PATIENCE), self._write_gate:
                if identity(self.path) is None or damaged not in (None, identity(self.path)):
                    return  # another process was here before
                if damaged is None and self._opens():
                    return
                self._mend_again_at = time.monotonic() + MENDING_PATIENCE
                self._put_salvaged_in_place()
                self._mend_again_at = 0.0

    def _opens(self) -> bool:
        if self._log.is_broken():
            return False
        with suppress(*UNREADABLE), closing(connect(self.path, self._sync)) as connection:
            version(connection, self.path)
            return True
        return False

    def _put_salvaged_in_place(self) -> None:
        report = self._salvage()
        # Killed here or below, the next process finds the file missing and the new one finished.
        aside = set_aside(self.path, self._clock())
        self._salvaged.rename(self.path)
        sync_file(self.path.absolute().parent)
        lost = (
            f"lost: {report.lost} documents, counted as dropped:damaged"
            if report.lost is not None
            else "lost: an unknown number of documents, as what counts them cannot be read"
        )
        _log.critical(
            "Store %s was damaged. It is kept as %s; salvaged: %d entries in queues, %d dead "
            "letters; as dead letters with the reason damaged: %d entries because it is not known "
            "who waited for them, what is left of %d others, and %d found page by page; %s",
            self.path,
            aside,
            report.entries,
            report.letters,
            report.strays,
            report.broken,
            report.carved,
            lost,
        )

    def _salvage(self) -> Report:
        """Make a new file with what can be read of the present one, which stays as it is."""
        unfinished = Path(f"{self.path}.salvaging")
        for leftover in (self._salvaged, *(Path(f"{unfinished}{side}") for side in SIDES)):
            leftover.unlink(missing_ok=True)
        make_file(unfinished)
        report = Report()
        with closing(connect(unfinished, self._sync)) as connection:
            set_up(connection, unfinished)
            # Without a log as large as the file itself; nobody needs it if this is interrupted.
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            connection.execute("BEGIN")
            writer = Writer(connection)
            is_log_broken = self._log.is_broken()
            source = open_damaged(self.path)
            if source is not None:
                with closing(source):
                    with suppress(*UNREADABLE):
                        check_key(source, self.path, self._sealer)
                    salvage(source, writer, self._sealer, report)
            if is_log_broken:
                # What was committed behind the damage was never counted.
                report.lost = None
            if report.lost is None:
                report.carved = insert(writer, carve(self.path, self._sealer))
                writer.note("damaged_unknown", 1)
            if self._sealer is not None:
                write_check(connection, self._sealer)
            writer.note("damaged", 1)
            writer.note("salvaged", report.entries)
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        sync_file(unfinished)
        unfinished.rename(self._salvaged)
        return report

    # --- forking ---

    def renew(self) -> None:
        """Begin anew in a forked child."""
        # Only when the fork did not come from Python, or in the middle of what SQLite does. SQLite
        # remembers, per process and file, which locks it holds. The child has that memory but not
        # the locks, and would write without any for as long as a handle of its parent is open in
        # it. Closing one does not touch the parent's locks, but would wait for ever for those of
        # SQLite's own that a thread of the parent had.
        if not self._is_stopped and (self._write_gate.is_busy() or self._read_gate.is_busy()):
            _forks.kept += [each for each in (self._writing, self._reading) if each is not None]
            self._writing = self._reading = None
            self._is_unusable = True
        self._close()
        self._begin()

    def stop(self, until: float) -> bool:
        """Let SQLite finish what it is just doing, and close; False: it takes too long."""
        if not self._write_gate.shut(until):
            return False
        if not self._read_gate.shut(until):
            self._write_gate.open()
            return False
        self._close()
        self._is_stopped = True
        return True

    def go_on(self) -> None:
        """End what `stop` began."""
        self._is_stopped = False
        self._read_gate.open()
        self._write_gate.open()


def _identity(handle: _Handle | None) -> Identity | None:
    return None if handle is None else handle.identity


def _leniently(query: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
    """Run *query*, once more if text cannot be read as such: it will not fit its checksum."""
    try:
        return query(connection)
    except sqlite3.Error as error:
        if not is_no_text(error):
            raise
    connection.text_factory = lenient_text
    return query(connection)


def _wait_if_busy(error: sqlite3.Error, until: float) -> None:
    """Wait a moment if another program has locked the file; raise *error* if not, or too late."""
    if trouble(error) != "busy" or time.monotonic() > until:
        raise error
    time.sleep(_PAUSE)


def _close(handle: _Handle | None) -> None:
    if handle is not None:
        with suppress(sqlite3.Error):
            handle.connection.close()


class _Forks:
    """Close all files before a fork, so that the child inherits none of them open."""

    def __init__(self) -> None:
        self._all: weakref.WeakSet[Access] = weakref.WeakSet()
        self._stopped: list[Access] = []
        self._lock = threading.RLock()
        self._is_prepared = False
        self.kept: list[_Handle] = []
        """Handles of the parent that a child must not even close."""

    def adopt(self, access: Access) -> None:
        self._all.add(access)
        if not self._is_prepared and hasattr(os, "register_at_fork"):
            self._is_prepared = True
            os.register_at_fork(
                before=self._before,
                after_in_parent=self._after_in_parent,
            )
            renew_after_fork(self)

    def _before(self) -> None:
        self._lock.acquire()
        until = time.monotonic() + FORK_PATIENCE
        self._stopped = [access for access in list(self._all) if access.stop(until)]
        # Last: who is stopped closes what it has open.
        keep_locks()

    def _after_in_parent(self) -> None:
        release_locks()
        for access in self._stopped:
            access.go_on()
        self._stopped = []
        self._lock.release()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        forget_locks()
        self._lock = threading.RLock()
        self._stopped = []


_forks = _Forks()
