"""``eventkit demo``."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from eventkit.exceptions import ConfigurationError

_RATE = 200.0

_EPILOG = """\
A tracking log that comes with the package is replayed, live, through event-tracking, the backends,
the filter, the translators and the router, to three receivers on this machine: two record stores
for xAPI and an endpoint for Caliper, which may see different things. The demo checks what arrived,
and exits with 0 only when every check holds.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--keep", metavar="DIR", default="", help="keep the receivers' SQLite files in DIR"
    )
    parser.add_argument(
        "--rate",
        metavar="N",
        type=float,
        default=_RATE,
        help=f"events per second (default: {_RATE:g})",
    )


def run(options: argparse.Namespace) -> int:
    """Run the demo; give the exit code."""
    if not options.rate > 0:
        raise ConfigurationError(f"--rate: expected more than 0, got {options.rate:g}")
    keep = None
    if options.keep:
        keep = Path(options.keep)
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"--keep: {error.strerror}: {options.keep!r}") from None
    # Not at the top: the help must not wait for half of the package.
    demo = import_module("eventkit.demo.run")
    code: int = demo.run(keep=keep, rate=options.rate, out=sys.stdout)
    return code
