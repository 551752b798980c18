"""
The command ``eventkit``.

Results go to standard output or files; progress, summaries and errors to standard error. It exits
with 0 when all is done, with 1 when some input was rejected or could not be delivered, and with 2
when the command or its configuration is wrong.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from eventkit.base.printable import printable
from eventkit.cli.exits import MISUSED, complain

_COMMANDS = {
    "translate": "translate tracking logs to xAPI or Caliper, as JSON lines",
    "send": "translate tracking logs and deliver them to consumers",
    "check": "check a consumers file: schema, reachability, credentials",
    "dead-letters": "look at dead letters, deliver them again, or drop them",
    "store": "look after an on-disk store: its queues, and files that were damaged",
    "explain": "say who gets an event, which rule decides that, and what they get",
    "events": "list every event and what it becomes in each protocol",
    "profile": "write the xAPI profile of what events become, as JSON-LD",
    "demo": "see the whole path work on this machine",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments* (default: those of the process); give the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(given)
    options = parser.parse_args(given)
    if not options.command:
        parser.print_help(sys.stderr)
        return MISUSED
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("eventkit: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Who read our output has left; the flush at exit must not complain about that.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        return complain(f"{error.strerror or error}: {error.filename or 'standard output'}")
    except ValueError as error:
        from eventkit.exceptions import ConfigurationError  # noqa: PLC0415 - start-up time

        if not isinstance(error, ConfigurationError):
            raise
        return complain(str(error))
    return code


class _Parser(argparse.ArgumentParser):
    """A parser that can be given file names of any kind."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser; a command's module is only imported when the command is named."""
    parser = _Parser(
        prog="eventkit",
        description="Share Open edX learning events with those who may see them.",
        epilog="Exit codes: 0 done; 1 some input was rejected or not delivered; 2 wrong usage or "
        "configuration.",
    )
    parser.add_argument("--version", action="version", version=f"eventkit {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    named = next((word for word in given if not word.startswith("-")), "")
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == named:
            module = import_module(f"eventkit.cli.{name.replace('-', '_')}")
            module.configure(command)
            command.set_defaults(run=module.run)
    return parser


def _version() -> str:
    try:
        return version("openedx-eventkit")
    except PackageNotFoundError:
        return "(not installed)"
