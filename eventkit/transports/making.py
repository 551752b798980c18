"""
Making the transport that a consumer needs.

Adding one is a module in this folder and a line in `TRANSPORTS`.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from eventkit.consumers.consumer import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports.transport import Transport

TRANSPORTS = {
    ("xapi", "https"): "eventkit.transports.xapi:XAPITransport",
    ("xapi", "http"): "eventkit.transports.xapi:XAPITransport",
    ("caliper", "https"): "eventkit.transports.caliper:CaliperTransport",
    ("caliper", "http"): "eventkit.transports.caliper:CaliperTransport",
    ("xapi", "file"): "eventkit.transports.file:FileTransport",
    ("caliper", "file"): "eventkit.transports.file:FileTransport",
    ("xapi", "log"): "eventkit.transports.log:LogTransport",
    ("caliper", "log"): "eventkit.transports.log:LogTransport",
}
"""Where the transport of a protocol and a URL scheme is; imported when a consumer needs it."""


class TransportFactory(Protocol):
    """What makes a transport."""

    def __call__(self, consumer: Consumer, *, trust_env: bool) -> Transport:
        """Make the transport of *consumer*; *trust_env*: proxies come from the environment."""


def refuse_unsendable(consumer: Consumer) -> None:
    """
    Refuse a consumer for whose protocol and URL there is no transport.

    Raises:
        ConfigurationError: so it is.
    """
    if (consumer.protocol, consumer.scheme) not in TRANSPORTS:
        known = ", ".join(
            f"{scheme}:" for protocol, scheme in TRANSPORTS if protocol == consumer.protocol
        )
        text = (
            f"url: {consumer.protocol} cannot be sent to {consumer.scheme}: addresses; "
            f"use one of {known}"
        )
        raise ConfigurationError(f"consumer {consumer.id!r}: {text}", [text])


def make_transport(consumer: Consumer, *, trust_env: bool = False) -> Transport:
    """
    Make the transport that *consumer* needs.

    Raises:
        ConfigurationError: there is none for its protocol and URL.
    """
    refuse_unsendable(consumer)
    module, _, name = TRANSPORTS[consumer.protocol, consumer.scheme].partition(":")
    factory = cast(TransportFactory, getattr(importlib.import_module(module), name))
    try:
        return factory(consumer, trust_env=trust_env)
    except ConfigurationError as error:
        raise ConfigurationError(f"consumer {consumer.id!r}: {error}") from None
