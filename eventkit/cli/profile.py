"""``eventkit profile``."""

from __future__ import annotations

import argparse

from eventkit.cli.exits import DONE
from eventkit.cli.output import STDOUT, check_outputs, output
from eventkit.events import profile

_EPILOG = """\
The profile defines the verbs, activity types and extensions that Open edX has coined, and has a
template for every kind of statement, as JSON-LD (xAPI Profiles 1.0). Upload it to a profile server,
or have it checked by any program that knows such profiles. It is that of dialect standard.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default=STDOUT,
        help="where the profile goes (default: - for standard output)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the profile; give the exit code."""
    check_outputs({"--output": options.output}, [])
    with output(options.output) as stream:
        stream.write(profile.text())
    return DONE
