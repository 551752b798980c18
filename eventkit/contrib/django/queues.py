"""What waits in the durable store of this machine, where the site has named one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime

import attrs

from eventkit.contrib.django.conf import admin_settings
from eventkit.exceptions import ConfigurationError, StoreError
from eventkit.stores.opening import open_store
from eventkit.stores.store import name_of


@attrs.frozen
class Queue:
    """What waits for one consumer."""

    pending: int
    oldest: datetime | None
    store: str = ""
    """Names the store, as routers do in their reports."""


@attrs.frozen(kw_only=True)
class Queues:
    """What the store says."""

    by_consumer: Mapping[str, Queue] = attrs.field(factory=dict)
    problem: str = ""
    """Why nobody knows."""


def store_queues(consumers: Collection[str]) -> Queues | None:
    """Look what waits for *consumers*, by their ids; None: no store is configured."""
    settings = admin_settings()
    if settings.store is None:
        return None
    found = {}
    try:
        with closing(open_store(settings.store, option="EVENTKIT_ADMIN['STORE']")) as store:
            waiting, name = store.waiting(), name_of(store)
            for consumer in consumers:
                if consumer not in waiting:
                    found[consumer] = Queue(0, None, name)
                    continue
                oldest = store.oldest(consumer)
                found[consumer] = Queue(
                    store.counts(consumer)["pending"],
                    None if oldest is None else datetime.fromtimestamp(oldest, UTC),
                    name,
                )
    except (ConfigurationError, StoreError, OSError) as error:
        return Queues(problem=str(error))
    return Queues(by_consumer=found)
