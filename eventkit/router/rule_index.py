"""Who of all consumers may have an event, asked of all their rules at once."""

from __future__ import annotations

from collections.abc import Sequence

from eventkit.consumers.consumer import Consumer
from eventkit.filters.filter import Filter
from eventkit.filters.index import Index
from eventkit.filters.rules import Facts, Rules
from eventkit.typing import Event

_NOBODY: tuple[int, ...] = ()


class RuleIndex:
    """
    Find the consumers that may have an event, at a cost that does not depend on all the others.

    What consumers add to their rules in code of their own (a subclass) is asked as ever.
    """

    __slots__ = ("_consumers", "_index", "_own_ways")

    def __init__(self, consumers: Sequence[Consumer]) -> None:
        self._consumers = tuple(consumers)
        own_ways: list[int] = []
        rules: list[tuple[Rules, ...]] = []
        for number, consumer in enumerate(self._consumers):
            if type(consumer).accepts is Consumer.accepts and type(consumer.filter) is Filter:
                rules.append(consumer.filter._any_of)  # noqa: SLF001 - our own kind
            else:
                own_ways.append(number)
                rules.append(())
        self._own_ways = tuple(own_ways)
        self._index = Index(rules)

    def matching(self, event: Event) -> list[Consumer]:
        """Give the consumers that accept *event*, in order. Never raises, as they do not."""
        consumers = self._consumers
        try:
            facts = Facts.of(event)
            found = _NOBODY if facts is None else self._index.find(facts)
        except Exception:  # noqa: BLE001 - one by one they say what is wrong, and for whom
            return [consumer for consumer in consumers if consumer.accepts(event)]
        if self._own_ways:
            more = (number for number in self._own_ways if consumers[number].accepts(event))
            found = tuple(sorted((*found, *more)))
        return [consumers[number] for number in found]
