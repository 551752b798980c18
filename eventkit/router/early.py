"""The early filter: what no enabled consumer may have need not be translated."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eventkit.base.forking import renew_after_fork
from eventkit.base.throttle import Throttle, describe
from eventkit.consumers.book import ConsumerBook
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import ConsumerSource, load_consumers
from eventkit.exceptions import ConfigurationError
from eventkit.filters.filter import Filter
from eventkit.typing import Event

_throttle = Throttle(logging.getLogger(__name__))


def early_filter(*, consumers: Any, reload: float | None = 2.0) -> Filter | EarlyFilter:
    """
    Make the early filter, and keep it up to date.

    Those consumers that are enabled count; none enabled, and nothing passes. A settings file can
    name this function as ``ENGINE``.

    Args:
        consumers: as for `eventkit.Router`. A file, or an object with a method ``consumers()``, is
            looked at again every *reload* seconds, not in the thread that sends.

        reload: None: never; it is an `eventkit.Filter` then.

    Raises:
        ConfigurationError: they cannot be read, or *reload* is no number above 0.
    """
    return _rules_of(_load(consumers)) if reload is None else EarlyFilter(consumers, reload=reload)


class EarlyFilter:
    """
    Let through what some consumer may have by the rules that are in force.

    It stands in the request, so it is another thread that looks, now and then, whether the
    consumers have changed. Until that is done the rules of before hold.
    """

    def __init__(self, consumers: ConsumerSource, *, reload: float) -> None:
        if isinstance(reload, bool) or not isinstance(reload, (int, float)) or not reload > 0:
            raise ConfigurationError(
                f"reload: expected a number of seconds above 0, got {reload!r}"
            )
        self._book = ConsumerBook(consumers)
        self._reload = reload
        self._filter = _rules_of(self._book.read())
        self.renew()
        renew_after_fork(self)

    def __repr__(self) -> str:
        return f"EarlyFilter({self._filter!r})"

    def renew(self) -> None:
        """Begin again in a forked child, which does not have the thread of its parent."""
        self._looking = threading.Lock()
        self._look_at = time.monotonic() + self._reload

    def accepts(self, event: Event) -> bool:
        """Tell whether *event* may pass. Never raises."""
        if time.monotonic() >= self._look_at:
            self._look()
        return self._filter.accepts(event)

    def __call__(self, event: Event) -> Event:
        """Hand *event* on as it is, or raise `eventkit.DropEvent`."""
        if time.monotonic() >= self._look_at:
            self._look()
        return self._filter(event)

    def stats(self) -> dict[str, int]:
        """Count what the rules that are in force now have ``accepted`` and ``filtered``."""
        return self._filter.stats()

    def _look(self) -> None:
        """Have somebody look who may take their time."""
        if not self._looking.acquire(blocking=False):
            return
        self._look_at = time.monotonic() + self._reload
        try:
            threading.Thread(target=self._renew_rules, name="eventkit-rules", daemon=True).start()
        except RuntimeError:
            # No more threads; the next event tries again.
            self._looking.release()

    def _renew_rules(self) -> None:
        try:
            found = self._book.news()
            if found is not None:
                self._filter = _rules_of(found)
        except Exception as error:  # noqa: BLE001 - the rules of before hold
            detail = str(error) if isinstance(error, ConfigurationError) else describe(error)
            _throttle.warning(
                "reload", "The consumers cannot be reloaded, their rules stay: %s", detail
            )
        finally:
            self._looking.release()


def _rules_of(consumers: Iterable[Consumer]) -> Filter:
    return Filter.any_of(consumer.filter for consumer in consumers if consumer.enabled)


def _load(consumers: Any) -> Iterable[Consumer]:
    if not isinstance(consumers, (str, Path, Mapping)) and isinstance(consumers, Iterable):
        consumers = list(consumers)
        if all(hasattr(consumer, "filter") for consumer in consumers):
            return list(consumers)
    return load_consumers(consumers)
