"""How the consumers of a site are doing, in the numbers that metrics are made of."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import attrs

from eventkit.base.throttle import Throttle, describe, name_of
from eventkit.exceptions import ConfigurationError

_NOT_MEANT_TO = ("disabled", "removed")

_log = Throttle(logging.getLogger(__name__))


@runtime_checkable
class HasHealth(Protocol):
    """A router, or anything that says how consumers are doing as one does."""

    def health(self) -> Mapping[str, Mapping[str, Any]]:
        """Give ``state``, ``pending`` and ``oldest_seconds`` of each consumer, by id."""


@attrs.frozen
class Reading:
    """One consumer, as all routers of the process together see it."""

    state: str
    documents: int
    oldest: float
    is_meant_to: bool = True
    """Whether it is to take documents at all."""

    @property
    def is_up(self) -> bool | None:
        """Whether it takes documents; None: it is not meant to."""
        return self.state == "ok" if self.is_meant_to else None


def check_routers(routers: Iterable[HasHealth] | HasHealth) -> tuple[HasHealth, ...]:
    """Check that each can be asked for its health; one may stand alone."""
    listed = (routers,) if isinstance(routers, HasHealth) else routers
    if not isinstance(listed, Iterable) or isinstance(listed, (str, bytes, Mapping)):
        raise ConfigurationError(
            f"routers: expected a list of eventkit.Router, got {type(routers).__name__}"
        )
    found = tuple(listed)
    for router in found:
        if not isinstance(router, HasHealth):
            raise ConfigurationError(
                f"routers: {name_of(router)} has no health method; expected an eventkit.Router"
            )
    return found


def read(routers: Iterable[HasHealth]) -> dict[str, Reading]:
    """
    Ask all *routers*, and add up what they say of one consumer.

    Two series with the same labels would make the whole scrape invalid. One that does not answer is
    left out and logged.
    """
    found: dict[str, Reading] = {}
    for router in routers:
        try:
            for consumer, health in router.health().items():
                reading = Reading(
                    str(health.get("state", "")),
                    int(health.get("pending", 0)),
                    float(health.get("oldest_seconds") or 0.0),
                    _is_meant_to(health),
                )
                found[consumer] = _joined(found.get(consumer), reading)
        except Exception as error:  # noqa: BLE001 - the other metrics must be read
            _log.warning("health", "%s cannot say its health: %s", name_of(router), describe(error))
    return found


def _joined(one: Reading | None, other: Reading) -> Reading:
    if one is None:
        return other
    # Trouble anywhere is trouble; a router in which it is disabled says nothing about the others.
    worse = min(one, other, key=lambda reading: (reading.is_up is None, reading.is_up is True))
    return attrs.evolve(
        worse,
        documents=one.documents + other.documents,
        oldest=max(one.oldest, other.oldest),
    )


def _is_meant_to(health: Mapping[str, Any]) -> bool:
    """Tell whether a consumer is to take documents: nobody has disabled, removed or paused it."""
    state = health.get("state", "")
    is_wanted_pause = state == "paused" and health.get("reason") == "setting"
    return state not in _NOT_MEANT_TO and not is_wanted_pause
