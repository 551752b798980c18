"""
Emit events as an LMS does, and note how many are safe once that is known.

    python producer.py STORE ACCEPTED TOTAL

Started again it goes on behind what was noted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline import event

from eventkit.backends import RealTimeBackend
from eventkit.stores import SQLiteStore

GROUP = 500


def main(store, accepted, total):
    path = Path(accepted)
    done = int(path.read_bytes().split()[-1]) if path.exists() and path.read_bytes() else 0
    backend = RealTimeBackend(enqueue=SQLiteStore(store), threaded=True)
    with path.open("ab", buffering=0) as noted:
        for first in range(done, total, GROUP):
            last = min(total, first + GROUP)
            for number in range(first, last):
                backend.send(event(number))
            assert backend.flush(60)
            counts = backend.stats()
            assert counts["processed"] == counts["received"] == last - done, counts
            noted.write(b"%d\n" % last)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
