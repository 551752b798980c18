"""Consumers in a setting of Django, or in its database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from eventkit.base.throttle import SafeLogger, Throttle, describe
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.reports import ConsumerReport
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

if TYPE_CHECKING:
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

    A consumer whose credentials do not open with the keys of the site is given as paused: what it
    may have is accepted and waits. One that is wrong in another way is left out.

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
        self._seen: object = None
        self._given: tuple[Consumer, ...] | None = None
        self._known: dict[str, tuple[Json, Consumer]] = {}
        self._gone: frozenset[str] = frozenset()
        """What a router has said to be gone since the last look."""
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
        try:
            found = self._ask(partial(self._look, self._seen))
        except Exception as error:
            if self._given is not None:
                raise
            raise ConfigurationError(
                f"the consumers cannot be read from the database: {describe(error)}"
            ) from None
        if found is not None:
            self._seen, self._given = found
        return self._given_up(self._given or ())

    def _given_up(self, found: tuple[Consumer, ...]) -> tuple[Consumer, ...]:
        """
        Have the router give up that a consumer is gone which somebody has resumed already.

        It does so when settings change; who is resumed before it has seen the pause looks the same.
        """
        gone, self._gone = self._gone, frozenset()
        resumed = {each.id for each in found if each.id in gone and not each.paused}
        if not resumed:
            return found
        # The next look gives it as it is.
        self._seen = None
        settings = {name: self._known[name][0] | {"paused": True} for name in resumed}
        return tuple(
            Consumer.from_dict(settings[each.id]) if each.id in resumed else each for each in found
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
        take = partial(reporting.take, reports, closing=closing, using=using)
        # Not with a limit of time: who gave up would report once more what was taken after all.
        database.apart(take, using)
        self._gone |= {each.consumer for each in reports if each.state == "gone"}

    def _ask(self, work: Any) -> Any:
        if self._aside is None:
            from eventkit.contrib.django.database import Aside  # noqa: PLC0415 - it needs Django

            self._aside = Aside()
        return self._aside.ask(work, self._patience)

    def _look(self, seen: object) -> tuple[object, tuple[Consumer, ...]] | None:
        """Give the version of the tables and what is in them; None: it is the one *seen* before."""
        # Models can be imported only when Django has its apps.
        from django.db import Error, connections, router  # noqa: PLC0415

        from eventkit.contrib.django.models import Version  # noqa: PLC0415

        using = self.using or router.db_for_read(Version)
        rows = Version.objects.using(using).filter(pk=Version.ROW)
        try:
            version = rows.values_list("number", "stamp").first() or "none yet"
        except Error:
            table = Version._meta.db_table  # noqa: SLF001 - Django documents it
            if seen is not None or table in connections[using].introspection.table_names():
                raise
            _throttle.warning("tables", "There are no consumers: run manage.py migrate")
            return None, ()
        if version == seen:
            return None
        # What is changed from here on has another version, and so is seen next time.
        return version, tuple(self._read(using))

    def _read(self, using: str) -> Iterator[Consumer]:
        from eventkit.contrib.django import rows  # noqa: PLC0415 - as above
        from eventkit.contrib.django.models import Consumer as Row  # noqa: PLC0415

        before, self._known = self._known, {}
        listed = Row.objects.using(using).select_related(*rows.WITH_ONE)
        for row in listed.prefetch_related(*rows.WITH):
            settings = _settings(row)
            if settings is None:
                continue
            known = before.get(row.slug)
            # Building one takes a hundred times as long as comparing.
            made = known[1] if known is not None and known[0] == settings else _made(settings)
            if made is not None:
                self._known[row.slug] = settings, made
                yield made


def _settings(row: Row) -> Json | None:
    from eventkit.contrib.django import rows  # noqa: PLC0415 - as above

    try:
        return rows.settings_of(row)
    except ConfigurationError as error:
        _log.error("Consumer %r is paused, its credentials cannot be used: %s", row.slug, error)
    try:
        return rows.settings_of(row, with_secrets=False) | {
            "auth": {"type": "none"},
            "headers": {},
            "paused": True,
        }
    except ConfigurationError as error:
        _log.error("Consumer %r is left out: %s", row.slug, error)
        return None


def _made(settings: Json) -> Consumer | None:
    try:
        return Consumer.from_dict(settings)
    except ConfigurationError as error:
        _log.error("It is left out: %s", error)
        return None


_throttle = Throttle(_log)
