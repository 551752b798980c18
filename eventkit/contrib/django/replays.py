"""
Delivering dead letters again in the background, so that a page need not wait for it.

A replay is a row of `eventkit.contrib.django.models.Replay`. It is run by a thread of the process
that was asked for it, or by ``manage.py eventkit replay-work``, or by a task that calls `work`.
While it runs it says every second how far it is; one that has said nothing for `Replay.LOST_AFTER`
has lost its process: whoever works off what waits goes on with it, or who is told to begin it
again. What had arrived by then is a
letter no more, but for that of the last seconds, which arrives once more with the same ids.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
from django.db import DatabaseError, close_old_connections, connection, router, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from eventkit.base.throttle import SafeLogger, describe
from eventkit.contrib.django import access
from eventkit.contrib.django.conf import admin_settings
from eventkit.contrib.django.letters import DatabaseDeadLetters
from eventkit.contrib.django.models import Letter, Replay
from eventkit.contrib.django.registry import DatabaseConsumers
from eventkit.contrib.django.translating import site_translators
from eventkit.dead_letters.letter import DeadLetter
from eventkit.exceptions import ConfigurationError, EventkitError
from eventkit.router.replaying import ReplayReport, replay

_SAY_EVERY = 1.0
_PAGE = 200
"""Letters that are read at once."""

_log = SafeLogger(__name__)


class _Lost(Exception):
    """The row is no longer ours: somebody else goes on with it."""


def begin(job: Replay) -> None:
    """
    Have *job* run by a thread of this process, unless the settings say that others do it.

    Within a transaction it begins when that is committed.
    """
    if is_in_threads():
        thread = threading.Thread(
            target=_in_thread, args=(job.pk,), name=f"eventkit-replay-{job.pk}", daemon=True
        )
        # Before that (``ATOMIC_REQUESTS``) the thread would find no row.
        transaction.on_commit(thread.start, using=router.db_for_write(Replay))


def is_in_threads() -> bool:
    """Tell whether a process that is asked for a replay runs it itself."""
    return admin_settings().replays == "thread"


def work() -> int:
    """Run all replays that wait or have lost their process, one after another; give how many."""
    return sum(run(key) for key in list(_open().order_by("pk").values_list("pk", flat=True)))


def run(key: int) -> bool:
    """
    Run one replay to its end, unless it is done or somebody else runs it; tell whether we did.

    Args:
        key: the primary key of its row.

    What goes wrong with it is written into its row and into the log.

    Raises:
        django.db.DatabaseError: the database is away. The row says "running" until somebody goes on
            with it.
    """
    process = f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    now = timezone.now()
    ours = _open().filter(pk=key)
    if not ours.update(
        state=Replay.State.RUNNING, process=process, seen=now, started=Coalesce("started", now)
    ):
        return False
    letters = _Watched(Replay.objects.get(pk=key))
    try:
        with letters.saying_how_far():
            report = _deliver(letters)
    except _Lost:
        _log.warning("Replay %s goes on elsewhere", key)
    except DatabaseError:
        raise
    except EventkitError as error:
        # Such as a key of the encryption that is missing.
        letters.end(Replay.State.FAILED, notes=[str(error)])
    except Exception as error:  # noqa: BLE001 - it is told to who asked
        _log.exception("Replay %s failed", key)
        letters.end(Replay.State.FAILED, notes=[f"{describe(error)}; the log says more"])
    else:
        kept, notes = dict(report.kept), list(report.notes)
        if letters.unreadable:
            kept["unreadable"] = letters.unreadable
            notes.append(letters.refusal)
        letters.end(Replay.State.DONE, kept=kept, notes=notes)
    return True


def _open() -> QuerySet[Replay]:
    """Give the replays that somebody should run."""
    lost = Q(state=Replay.State.RUNNING, seen__lt=timezone.now() - Replay.LOST_AFTER)
    return Replay.objects.filter(Q(state=Replay.State.WAITING) | lost)


def _in_thread(key: int) -> None:
    close_old_connections()
    try:
        run(key)
    except DatabaseError as error:
        _log.warning("Replay %s: the database is away: %s", key, describe(error))
    finally:
        connection.close()


def _deliver(letters: _Watched) -> ReplayReport:
    if not letters.is_permitted:
        raise EventkitError(f"{letters.job.who_name or 'who asked for it'} may not replay any more")
    return replay(
        letters,
        DatabaseConsumers(),
        lambda _letter: True,
        translators=site_translators(),
        trust_env=admin_settings().trust_env,
    )


@attrs.define(eq=False)
class _Watched:
    """The letters that a replay is about, and how far it is with them."""

    job: Replay
    letters: DatabaseDeadLetters = attrs.field(factory=DatabaseDeadLetters)
    taken: int = 0
    """Letters that were looked at, this time."""
    gone: int = 0
    """Letters that were taken away."""
    renewed: int = 0
    """Letters that were refused once more."""
    unreadable: int = 0
    """Letters that do not open."""
    refusal: str = ""
    """Why the last of them does not."""
    _is_lost: threading.Event = attrs.field(factory=threading.Event)
    _is_over: threading.Event = attrs.field(factory=threading.Event)

    @property
    def is_permitted(self) -> bool:
        """Whether who asked for it may still do so."""
        return self.job.is_program or (
            self.job.who is not None and access.may(self.job.who, "replay")
        )

    def __iter__(self) -> Iterator[DeadLetter]:
        """Give those that are still there and that who asked may still see."""
        ids: Sequence[str] = self.job.chosen["ids"]
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            found = {row.letter_id: row for row in self._visible().filter(letter_id__in=page)}
            for key in page:
                if self._is_lost.is_set():
                    raise _Lost
                if key in found and (letter := self._opened(found[key])) is not None:
                    yield letter
                self.taken += 1

    def _opened(self, row: Letter) -> DeadLetter | None:
        """Open one; what opens with no key of the site stays, and keeps the others not."""
        try:
            return row.opened()
        except ConfigurationError as error:
            self.refusal = str(error)
            self.unreadable += 1
            return None

    def _visible(self) -> QuerySet[Letter]:
        who = self.job.who
        if self.job.is_program:
            return Letter.objects.all()
        return Letter.objects.none() if who is None else access.letters(who).defer(None)

    def __call__(self, letter: DeadLetter) -> None:
        """Keep one that was refused once more."""
        self.letters(letter)
        self.renewed += 1

    def __len__(self) -> int:
        return len(self.job.chosen["ids"])

    def remove(self, ids: Collection[str]) -> int:
        """Forget those that have arrived."""
        number = self.letters.remove(ids)
        self.gone += number
        return number

    @contextmanager
    def saying_how_far(self) -> Iterator[None]:
        """Write now and then how far it is, from a thread, for a receiver may be slow."""
        thread = threading.Thread(target=self._keep_saying, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()

    def _keep_saying(self) -> None:
        try:
            while not self._is_over.wait(_SAY_EVERY):
                try:
                    if not self._write(seen=timezone.now(), **self._counts()):
                        self._is_lost.set()
                except DatabaseError as error:
                    _log.warning("Replay %s cannot say how far it is: %s", self.job.pk, error)
                    connection.close()
        finally:
            connection.close()

    def end(self, state: str, **more: Any) -> None:
        """Write what has become of it."""
        self._write(
            state=state, ended=timezone.now(), seen=timezone.now(), **self._counts(), **more
        )

    def _counts(self) -> dict[str, int]:
        """Give the counts, upon those of who has run it before."""
        return {
            "done": self.taken,
            "delivered": self.job.delivered + self.gone,
            "refused": self.job.refused + self.renewed,
        }

    def _write(self, **values: Any) -> bool:
        """Write into the row, as long as it is ours; else tell that it is not."""
        ours = Replay.objects.filter(
            pk=self.job.pk, state=Replay.State.RUNNING, process=self.job.process
        )
        return bool(ours.update(**values))
