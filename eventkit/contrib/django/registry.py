"""Consumers in a setting of Django, or in its database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from eventkit.base.throttle import SafeLogger, Throttle, describe
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.reports import ConsumerReport
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from eventkit.contrib.django.database import Aside
    from eventkit.contrib.django.models import Consumer as Row

_log = SafeLogger(__name__)


class SettingConsumers:
    """
    Give the consumers that a Django setting holds at this moment.

    A router asks now and then, so a setting that changes while the process runs, such as a callable
    that looks into the site's configuration, takes effect without a restart. Django is imported
    when first asked, because settings files name this class themselves::

        "consumers": {"ENGINE": "eventkit.contrib.django.registry.SettingConsumers"}

    Args:
        name: the setting: a list of consumers, or a callable that gives one.
    """

    def __init__(self, name: str = "EVENTKIT_CONSUMERS") -> None:
        if not name.isidentifier():
            raise ConfigurationError(
                f"name: {name!r} cannot be a setting; expected one such as EVENTKIT_CONSUMERS"
            )
        self.name = name

    def __repr__(self) -> str:
        return f"SettingConsumers({self.name!r})"

    def consumers(self) -> Iterable[Consumer | Mapping[str, Any]]:
        """
        Give the consumers as they are now.

        Raises:
            ConfigurationError: there is no such setting, or it holds no list.
        """
        settings = import_module("django.conf").settings
        if not hasattr(settings, self.name):
            raise ConfigurationError(
                f"the Django setting {self.name} is missing; set it to a list of consumers"
            )
        found = getattr(settings, self.name)
        if callable(found):
            found = found()
        if not isinstance(found, Iterable) or isinstance(found, (str, bytes, Mapping)):
            raise ConfigurationError(
                f"the Django setting {self.name}: expected a list of consumers, "
                f"got {type(found).__name__}"
            )
        return found


class DatabaseConsumers:
    """
    Give the consumers that are administered in Django's database.

    A router asks every few seconds (``reload``), which costs one query of one row while nothing has
    changed; what was changed in the admin is so taken up by all processes, within 5 seconds by
    default. A database that does not answer changes nothing for what runs. It also takes the
    reports of routers, so nothing else need be configured::

        "consumers": {"ENGINE": "eventkit.contrib.django.DatabaseConsumers"}

    It asks in a thread of its own: in no transaction of the host, and with a connection that no
    forked child has, too.

    A consumer whose credentials do not open with the keys of the site, or are not where it says
    that they are (``{"env": NAME}``, ``{"file": PATH}``), is given as paused: what it may have is
    accepted and waits, and each look tries them again. One that is wrong in another way is left
    out.

    Args:
        using: the database; None: the one that Django's routers choose.

        patience: seconds to wait for it.
    """

    def __init__(self, *, using: str | None = None, patience: float = 4.0) -> None:
        if isinstance(patience, bool) or not isinstance(patience, (int, float)) or patience <= 0:
            raise ConfigurationError(
                f"patience: expected a number of seconds above 0, got {patience!r}"
            )
        if using is not None and not isinstance(using, str):
            raise ConfigurationError(
                f"using: expected the name of a database, got {type(using).__name__}"
            )
        self.using = using
        self._patience = patience
        self._found: _Found | None = None
        self._known: dict[str, tuple[Json, Consumer]] = {}
        self._throttle = Throttle(_log)
        self._aside: Aside | None = None

    def __repr__(self) -> str:
        return "DatabaseConsumers()" if self.using is None else f"DatabaseConsumers({self.using!r})"

    def consumers(self) -> tuple[Consumer, ...]:
        """
        Give the consumers as they are now.

        Before the tables are made (``manage.py migrate``) there are none.

        Raises:
            ConfigurationError: it is the first time, and the database does not answer.
            Exception: as the database does, later on; what was given before is as good as it gets.
        """
        before = self._found
        try:
            found = self._ask(partial(self._look, before))
        except Exception as error:
            if before is not None:
                raise
            raise ConfigurationError(
                f"the consumers cannot be read from the database: {describe(error)}"
            ) from None
        self._found = found
        resumed = _resumed(before, found)
        if not resumed:
            return found.consumers
        # Routers give up that one is gone when its settings change, and who is resumed before they
        # have seen the pause looks the same. The next look gives it as it is.
        self._found = attrs.evolve(found, version=None)
        return tuple(
            Consumer.from_dict(self._known[each.id][0] | {"paused": True})
            if each.id in resumed
            else each
            for each in found.consumers
        )

    def report(self, reports: Sequence[ConsumerReport], *, closing: bool) -> None:
        """
        Take down what a router reports: all of it, or nothing when it raises.

        Raises:
            django.db.Error: as the database does.
        """
        from django.db import router  # noqa: PLC0415 - when Django has its apps

        from eventkit.contrib.django import database, reporting  # noqa: PLC0415
        from eventkit.contrib.django.models import Report  # noqa: PLC0415

        using = self.using or router.db_for_write(Report)
        tries = self._found.tries if self._found is not None else {}
        take = partial(reporting.take, reports, closing=closing, using=using, tries=tries)
        # Not with a limit of time: who gave up would report once more what was taken after all.
        database.apart(take, using)

    def _ask(self, work: Callable[[], _Found]) -> _Found:
        if self._aside is None:
            from eventkit.contrib.django.database import Aside  # noqa: PLC0415 - it needs Django

            self._aside = Aside()
        return self._aside.ask(work, self._patience)

    def _look(self, before: _Found | None) -> _Found:
        """Give what is in the tables, or *before* where it is the same."""
        # Models can be imported only when Django has its apps.
        from django.db import Error, connections, router  # noqa: PLC0415

        from eventkit.contrib.django.database import one_state  # noqa: PLC0415
        from eventkit.contrib.django.models import Version  # noqa: PLC0415

        using = self.using or router.db_for_read(Version)
        try:
            version = _version(using)
        except Error:
            table = Version._meta.db_table  # noqa: SLF001 - Django documents it
            if before is not None or table in connections[using].introspection.table_names():
                raise
            _throttle.warning("tables", "There are no consumers: run manage.py migrate")
            return _Found(version=None)
        if before is not None and version == before.version and not before.lacking:
            return before
        # Consumers and rules are asked for one after the other, and somebody may write in between.
        with one_state(using):
            version = _version(using)
            if before is not None and version == before.version:
                return self._looked_again(using, before)
            return self._read(using, version)

    def _read(self, using: str, version: object) -> _Found:
        known, self._known = self._known, {}
        consumers, tries, lacking = [], {}, set()
        for row in _rows(using):
            made, is_lacking = self._made(row, known.get(row.slug))
            if made is None:
                continue
            consumers.append(made)
            tries[row.slug] = row.tries
            if is_lacking:
                lacking.add(row.slug)
        return _Found(version, tuple(consumers), tries, frozenset(lacking))

    def _looked_again(self, using: str, before: _Found) -> _Found:
        """Try once more what cannot be used here, though nobody has changed it."""
        found = {}
        for row in _rows(using, before.lacking):
            made, is_lacking = self._made(row, self._known.get(row.slug))
            if made is not None and not is_lacking:
                found[row.slug] = made
        if not found:
            return before
        consumers = tuple(found.get(each.id, each) for each in before.consumers)
        return attrs.evolve(before, consumers=consumers, lacking=before.lacking - found.keys())

    def _made(self, row: Row, known: tuple[Json, Consumer] | None) -> tuple[Consumer | None, bool]:
        """Give the consumer that *row* is, and whether its credentials cannot be used here."""
        from eventkit.contrib.django import rows  # noqa: PLC0415 - as above

        try:
            settings = rows.settings_of(row)
            # Building one takes a hundred times as long as comparing.
            if known is None or known[0] != settings:
                known = settings, Consumer.from_dict(settings)
        except ConfigurationError as error:
            return self._paused(row, error)
        self._known[row.slug] = known
        return known[1], False

    def _paused(self, row: Row, error: ConfigurationError) -> tuple[Consumer | None, bool]:
        """Give *row* without its credentials, if it is these that are wrong."""
        from eventkit.contrib.django import rows  # noqa: PLC0415 - as above

        try:
            settings = rows.settings_of(row, with_secrets=False)
            settings |= {"auth": {"type": "none"}, "headers": {}, "paused": True}
            made = Consumer.from_dict(settings)
        except ConfigurationError as wrong:
            _log.error("Consumer %r is left out: %s", row.slug, wrong)
            return None, False
        self._throttle.warning(
            row.slug, "Consumer %r is paused, its credentials cannot be used: %s", row.slug, error
        )
        self._known[row.slug] = settings, made
        return made, made.enabled


@attrs.frozen
class _Found:
    """What was in the tables."""

    version: object
    consumers: tuple[Consumer, ...] = ()
    tries: Mapping[str, int] = attrs.field(factory=dict)
    """`models.Consumer.tries`, by id."""
    lacking: frozenset[str] = frozenset()
    """Those whose credentials cannot be used here."""


def _resumed(before: _Found | None, found: _Found) -> set[str]:
    """Give those that have got another try meanwhile, and are and were not paused."""
    if before is None or before is found:
        return set()
    was_on = {each.id for each in before.consumers if not each.paused}
    return {
        each.id
        for each in found.consumers
        if not each.paused and each.id in was_on and before.tries[each.id] != found.tries[each.id]
    }


def _version(using: str) -> object:
    from eventkit.contrib.django.models import Version  # noqa: PLC0415 - as above

    rows = Version.objects.using(using).filter(pk=Version.ROW)
    return rows.values_list("number", "stamp").first() or "none yet"


def _rows(using: str, slugs: Collection[str] | None = None) -> QuerySet[Row]:
    from eventkit.contrib.django import rows  # noqa: PLC0415 - as above
    from eventkit.contrib.django.models import Consumer as Row  # noqa: PLC0415

    found = Row.objects.using(using).select_related(*rows.WITH_ONE).prefetch_related(*rows.WITH)
    return found if slugs is None else found.filter(slug__in=slugs)


_throttle = Throttle(_log)
