"""How a command ends."""

from __future__ import annotations

import sys

from eventkit.base.printable import printable

DONE, REJECTED, MISUSED = 0, 1, 2
"""The exit codes."""


def complain(message: str) -> int:
    """Say in one line what is wrong with the command or its configuration; give the exit code."""
    print(printable(f"eventkit: error: {' '.join(message.split())}"), file=sys.stderr)
    return MISUSED
