"""Dead letters in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

from eventkit.dead_letters.letter import DeadLetter
from eventkit.exceptions import ConfigurationError, shown_name
from eventkit.filters import fields
from eventkit.reading.source import Source
from eventkit.typing import Event, Json

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from eventkit.contrib.django.models import Letter

_PATIENCE = 20.0
"""Seconds that somebody who waits for a letter to be kept may be held up."""
_AT_ONCE = 500
"""Letters that are read, or removed, in one query."""


class DatabaseDeadLetters:
    """
    Keep dead letters in Django's database, where the admin shows them.

    Documents, event and response are encrypted with the keys of ``EVENTKIT_ADMIN``; what a list
    shows (consumer, reason, name of the event, status, time) is not. Several threads and processes
    may share it. As a router's sink::

        "dead_letters": {"ENGINE": "eventkit.contrib.django.DatabaseDeadLetters"}

    Args:
        using: the database; None: the one that Django's routers choose.

        chosen: the letters that are given by iterating, as a query of `Letter`; None: all.
    """

    def __init__(self, *, using: str | None = None, chosen: QuerySet[Letter] | None = None) -> None:
        if using is not None and not isinstance(using, str):
            raise ConfigurationError(
                f"using: expected the name of a database, got {type(using).__name__}"
            )
        self.using = using
        self.unreadable = 0
        """Letters that did not open when they were last gone through."""
        self._chosen = chosen

    def __repr__(self) -> str:
        return "DatabaseDeadLetters()"

    def __call__(self, letter: DeadLetter) -> None:
        """
        Keep *letter*; one with the same id is replaced.

        It is committed when this returns, whatever becomes of a transaction of the host (on SQLite,
        where only one can write at a time, it is part of that).

        Raises:
            ConfigurationError: the site has no keys.
            django.db.Error: as the database does.
        """
        from eventkit.contrib.django.database import apart  # noqa: PLC0415 - it needs Django

        columns = _columns(letter)
        apart(partial(self._put, letter.id, columns), self._database, seconds=_PATIENCE)

    def __iter__(self) -> Iterator[DeadLetter]:
        """
        Give the letters, the oldest first; those that do not open are passed over.

        Raises:
            ConfigurationError: none of them opens with the keys of the site.
        """
        unreadable = opened = 0
        refusal: ConfigurationError | None = None
        for row in self._pages():
            try:
                letter = row.opened()
            except ConfigurationError as error:
                unreadable += 1
                refusal = error
                continue
            opened += 1
            yield letter
        self.unreadable = unreadable
        if refusal is not None and not opened:
            raise ConfigurationError(f"the dead letters in the database: {refusal}")

    def __len__(self) -> int:
        return self._query().count()

    def remove(self, ids: Collection[str]) -> int:
        """Forget the letters with these ids; give how many there were. It takes no key."""
        from eventkit.contrib.django.database import apart  # noqa: PLC0415 - it needs Django

        listed = sorted(frozenset(ids))
        parts = (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))
        return sum(apart(partial(self._remove, part), self._database) for part in parts)

    def get(self, ids: Collection[str]) -> DatabaseDeadLetters:
        """Give the same, but only these letters when gone through: not all need be opened."""
        return DatabaseDeadLetters(
            using=self.using, chosen=self._all().filter(letter_id__in=list(ids))
        )

    @property
    def _database(self) -> str:
        from django.db import router  # noqa: PLC0415 - when Django has its apps

        from eventkit.contrib.django.models import Letter  # noqa: PLC0415

        return self.using or router.db_for_write(Letter)

    def _all(self) -> QuerySet[Letter]:
        from eventkit.contrib.django.models import Letter  # noqa: PLC0415 - as above

        return Letter.objects.using(self._database)

    def _query(self) -> QuerySet[Letter]:
        return self._all() if self._chosen is None else self._chosen

    def _put(self, letter_id: str, columns: Json) -> None:
        from django.db import IntegrityError, transaction  # noqa: PLC0415 - as above

        if self._all().filter(letter_id=letter_id).update(**columns):
            return
        try:
            with transaction.atomic(using=self._database):
                self._all().create(letter_id=letter_id, **columns)
        except IntegrityError:
            # Somebody else was a moment earlier, with the same documents.
            self._all().filter(letter_id=letter_id).update(**columns)

    def _remove(self, ids: list[str]) -> int:
        return self._all().filter(letter_id__in=ids).delete()[0]

    def _pages(self) -> Iterator[Letter]:
        """Read page by page: letters may come and go meanwhile."""
        from django.db.models import Q  # noqa: PLC0415 - as above

        found = self._query().defer(None).order_by("time", "pk")
        last: Letter | None = None
        while True:
            behind = found
            if last is not None:
                behind = found.filter(Q(time__gt=last.time) | Q(time=last.time, pk__gt=last.pk))
            page = list(behind[:_AT_ONCE])
            yield from page
            if len(page) < _AT_ONCE:
                return
            last = page[-1]


def _columns(letter: DeadLetter) -> Json:
    """Give the row of *letter*: nothing personal but in its body."""
    from eventkit.contrib.django.fields import Sealed, short  # noqa: PLC0415 - it needs Django

    return {
        "consumer_slug": short(letter.consumer, 100),
        "org": org_of(letter.event),
        "reason": short(letter.reason, 100),
        "name": short(shown_name(letter.name), 255),
        "protocol": short(letter.protocol, 10),
        "status": letter.status,
        "attempts": letter.attempts,
        "detail": short(letter.detail, 500),
        "time": letter.time,
        "body": Sealed.of(letter.as_dict()),
    }


def org_of(event: Event | None) -> str:
    """Give `Letter.org` of *event*."""
    from eventkit.contrib.django.access import SEPARATOR  # noqa: PLC0415 - it needs Django

    if event is None:
        return ""
    try:
        source = Source(event)
        if not fields.org(source, ""):
            return ""
        named = {each.lower() for each in fields.orgs(source, "")}
    except Exception:  # noqa: BLE001 - whatever an event holds; nobody bound sees its letter
        return ""
    if any(SEPARATOR in each or not each.isprintable() for each in named):
        return ""
    found = SEPARATOR.join(sorted(named))
    return found if len(found) <= 255 else ""
