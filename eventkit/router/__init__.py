"""
Which consumer gets what, and how it gets there.

Begin with `router`. `plan` says who may have what, `rule_index` asks the rules of all consumers at
once. Each consumer has a `lane` (its transport, and what became of each document) and, in the
background, a `sender` that drives it: how long one in trouble is waited for is in `backoff`, who is
suspected of bringing it down in `suspicion`. `feed` reads the queue in a store, `fleet` holds all
lanes of a process, `keeper` does what is due now and then. `early` is the early filter, `replaying`
delivers dead letters again, `connection` and `probe` look whether a consumer can be reached,
`explaining` says who gets an event and why.
"""

from __future__ import annotations

from eventkit.router.connection import ConnectionReport, test_connection
from eventkit.router.early import early_filter
from eventkit.router.explaining import Explanation, example_translators, explain
from eventkit.router.probe import check_consumer, try_consumer
from eventkit.router.replaying import ReplayReport, replay
from eventkit.router.router import Router

__all__ = [
    "ConnectionReport",
    "Explanation",
    "ReplayReport",
    "Router",
    "check_consumer",
    "early_filter",
    "example_translators",
    "explain",
    "replay",
    "test_connection",
    "try_consumer",
]
