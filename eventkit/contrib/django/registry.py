"""Consumers in a setting of Django."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from eventkit.consumers.consumer import Consumer
from eventkit.exceptions import ConfigurationError


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
    """Not yet."""
