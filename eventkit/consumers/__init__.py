"""
Who receives events: the configuration of consumers.

A new setting has its field in `consumer` and its form in ``consumers.json``, the JSON Schema. What
keeps one consumer's backlog from another is in `owners`; `loading` reads consumers from files and
registries, `book` reads them again when they have changed; `reports` is what a registry is told.
"""

from __future__ import annotations

from eventkit.consumers.consumer import Auth, Batch, Consumer, SecretSource, Timeout
from eventkit.consumers.loading import ConsumerSource, Registry, Reported, load_consumers
from eventkit.consumers.reports import ConsumerReport, LastError

__all__ = [
    "Auth",
    "Batch",
    "Consumer",
    "ConsumerReport",
    "ConsumerSource",
    "LastError",
    "Registry",
    "Reported",
    "SecretSource",
    "Timeout",
    "load_consumers",
]
