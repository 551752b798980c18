"""
Deliver what an LMS has put into a store on this machine, and lose nothing whatever happens.

    python durable_worker.py

with STORE (the path of the store), CONSUMERS (the path of a consumers file), LMS_ROOT and
IDENTITY_SECRET in the environment. `RealTimeBackend(enqueue=SQLiteStore(path))` in the LMS fills
the store. Start as many as there are processes to spare: they share the work, and one that is
killed is replaced by another. SIGTERM and Ctrl-C end it after what is under way.
"""

from __future__ import annotations

import logging
import os
import signal
import threading

from eventkit import (
    CaliperTranslator,
    ConfigurationError,
    EventRoutingBackend,
    HMACIdentity,
    Relay,
    Router,
    SQLiteStore,
    StoreError,
    XAPITranslator,
)

NEEDED = ("STORE", "CONSUMERS", "LMS_ROOT", "IDENTITY_SECRET")

GRACE = 5.0
"""Seconds that requests under way get when it is told to end."""


def main() -> None:
    """Work until told to end."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        raise SystemExit(f"durable_worker: these variables are not set: {', '.join(missing)}")
    logging.basicConfig(level=logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = SQLiteStore(os.environ["STORE"])
    router = Router(os.environ["CONSUMERS"], store=store)
    lms_root = os.environ["LMS_ROOT"]
    identity = HMACIdentity({"env": "IDENTITY_SECRET"})
    translators = {
        "xapi": XAPITranslator(lms_root=lms_root, identity=identity),
        "caliper": CaliperTranslator(lms_root=lms_root, identity=identity),
    }
    backend = EventRoutingBackend(
        backends={
            protocol: EventRoutingBackend(processors=[translator], backends={"router": router})
            for protocol, translator in translators.items()
        }
    )
    relay = Relay(store, backend)
    relay.run(stop)
    # What is not delivered yet stays in the store.
    router.close(GRACE)
    store.close()


if __name__ == "__main__":
    try:
        main()
    except (ConfigurationError, StoreError) as error:
        raise SystemExit(f"durable_worker: {error}") from None
