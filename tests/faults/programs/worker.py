"""
Take events out of a store's inbox, translate them, and deliver them, until told to end.

    python worker.py STORE CONSUMERS LEASE
"""

from __future__ import annotations

import signal
import sys
import threading

from pipeline import open_pipeline

from eventkit.backends import Relay


def main(path, consumers, lease):
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    store, router, backend = open_pipeline(path, consumers, lease=lease)
    Relay(store, backend, lease=lease).run(stop)
    router.close(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
