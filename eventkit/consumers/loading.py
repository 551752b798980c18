"""Reading consumers: from a list, a file of JSON or YAML, or a registry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from eventkit.base.schema_errors import near_miss
from eventkit.base.settings_file import read_settings
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.reports import ConsumerReport
from eventkit.exceptions import ConfigurationError


@runtime_checkable
class Registry(Protocol):
    """Anything that knows the consumers, such as a table in a database."""

    def consumers(self) -> Iterable[Consumer | Mapping[str, Any]]:
        """Give all consumers as they are now."""


@runtime_checkable
class Reported(Registry, Protocol):
    """
    A registry that wants to know how its consumers are doing.

    A router calls `report` every ten seconds or so while it has work, and when it is closed or the
    process ends: from a thread of its own, so that delivery waits for nothing.
    """

    def report(self, reports: Sequence[ConsumerReport], *, closing: bool) -> None:
        """
        Take down what one router has done since it was last called, all of it or nothing.

        Never called twice at once by one router, but by several routers, and in forked children
        too. An error is logged and counted (``report_failed``), and what the call said is part of
        the next one: so a call that raises must not have kept anything.

        Args:
            reports: one for each consumer about which there is anything new and, every minute or
                so and in the end, for each.

            closing: the router ends; no more will come of it.
        """


ConsumerSource = (
    str | os.PathLike[str] | Registry | Mapping[str, Any] | Iterable[Consumer | Mapping[str, Any]]
)
"""Consumers or their settings, the path of a file with them, or a registry."""


def load_consumers(source: ConsumerSource) -> tuple[Consumer, ...]:
    """
    Give the consumers in *source*: a list, a JSON or YAML file, or a registry.

    A file holds a list of consumers, or an object whose key ``consumers`` holds it.

    Raises:
        ConfigurationError: the file cannot be read, a consumer is wrong, or two have the same id.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            return _consumers(listed(read_settings(path, "a consumers file")))
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from None
    if isinstance(source, Registry):
        return _consumers(listed(source.consumers()))
    return _consumers(listed(source))


def listed(content: object) -> Iterable[Any]:
    """
    Give the consumers in what a consumers file holds, as they stand there.

    Raises:
        ConfigurationError: it holds none.
    """
    if isinstance(content, Mapping):
        unknown = [str(key) for key in content if key != "consumers"]
        if unknown:
            hint = near_miss(unknown[0], ("consumers",))
            raise ConfigurationError(f"unknown key {unknown[0]!r} beside the consumers; {hint}")
        content = content.get("consumers")
    if isinstance(content, Iterable) and not isinstance(content, (str, bytes, Mapping)):
        return content
    raise ConfigurationError(
        "expected a list of consumers, or an object whose key 'consumers' holds one, "
        f"got {type(content).__name__}"
    )


def _consumers(items: Iterable[Consumer | Mapping[str, Any]]) -> tuple[Consumer, ...]:
    found: dict[str, Consumer] = {}
    for number, item in enumerate(items, start=1):
        if isinstance(item, Consumer):
            consumer = item
        else:
            try:
                consumer = Consumer.from_dict(item)
            except ConfigurationError as error:
                raise ConfigurationError(f"#{number}: {error}") from None
        if consumer.id in found:
            raise ConfigurationError(
                f"consumer {consumer.id!r}: id is used twice; give each consumer its own"
            )
        found[consumer.id] = consumer
    return tuple(found.values())
