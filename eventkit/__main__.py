"""``python -m eventkit`` is the same as ``eventkit``."""

from __future__ import annotations

import sys

from eventkit.cli.command import main

if __name__ == "__main__":
    sys.exit(main())
