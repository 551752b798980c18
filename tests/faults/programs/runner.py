"""
Handle the messages of a broker, here files in a folder: acknowledged is what is gone from there.

    python runner.py STORE CONSUMERS SPOOL
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipeline import open_pipeline


def main(path, consumers, spool):
    _, router, backend = open_pipeline(path, consumers)
    for message in sorted(Path(spool).iterdir()):
        backend.send(json.loads(message.read_bytes()))
        message.unlink()
    router.close(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
