"""The translators of the site, as ``EVENTKIT_ADMIN["TRANSLATORS"]`` names them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from eventkit.contrib.django.conf import NAME, admin_settings
from eventkit.exceptions import ConfigurationError
from eventkit.router.replaying import Translators


def site_translators() -> Translators | None:
    """
    Make the translators of the site, by protocol; None: the site has named none.

    Raises:
        ConfigurationError: one cannot be made.
    """
    given = admin_settings().translators
    if not given:
        return None
    return {protocol: _made(node, protocol) for protocol, node in given.items()}


def _made(node: object, protocol: str) -> Any:
    try:
        found = _instance(node)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - settings name any program of the site
        raise ConfigurationError(
            f"{NAME}['TRANSLATORS']['{protocol}']: {type(error).__name__}: {error}"
        ) from None
    if not callable(found):
        raise ConfigurationError(
            f"{NAME}['TRANSLATORS']['{protocol}']: expected {{'ENGINE': ..., 'OPTIONS': ...}}, as "
            "in EVENT_TRACKING_BACKENDS"
        )
    return found


def _instance(node: object) -> Any:
    """Make what a tree of settings describes, as event-tracking does with its backends."""
    if isinstance(node, (list, tuple)):
        return [_instance(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    if "ENGINE" not in node:
        return {key: _instance(value) for key, value in node.items()}
    module, _, name = str(node["ENGINE"]).rpartition(".")
    return getattr(import_module(module), name)(**_instance(node.get("OPTIONS") or {}))
