"""``eventkit store``."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from eventkit.base.printable import printable
from eventkit.cli.exits import DONE, REJECTED, complain
from eventkit.cli.keys import add_key_options
from eventkit.cli.output import is_sure
from eventkit.consumers.owners import queue_name, split_queue
from eventkit.exceptions import ConfigurationError, StoreError
from eventkit.stores.opening import open_store
from eventkit.stores.sqlite.store import SQLiteStore

_EPILOG = """\
PATH is the store of the router. An encrypted one needs its key, with --key-env or --key-file.

A queue belongs to a consumer and to whom it was accepted for: protocol, host, port and path of its
URL. What was accepted for another one under the same id is never sent to the consumer of today,
unless that names the former URL under "inherits". "drop" gives it up.

A store that was damaged is replaced, and the damaged file is kept as PATH.damaged-<time>. "salvage"
gets out of such files what is whole in them, as dead letters with the reason "damaged"; what was
delivered before may be among them, and ids make a second delivery harmless. "purge" deletes them:
they hold what learners did.

examples:
  eventkit store list store.db
  eventkit store drop store.db --consumer lrs --owner 'xapi old.example.org/xapi'
  eventkit store salvage store.db
  eventkit store purge store.db --yes

Exit codes: 0 done; 1 nothing was dropped or purged after all; 2 wrong usage or configuration.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    for name, summary, run_action in (
        ("list", "list queues and damaged files", _list),
        ("drop", "give up what waits in a queue", _drop),
        ("salvage", "get out of damaged files what is whole in them", _salvage),
        ("purge", "delete damaged files", _purge),
    ):
        action = actions.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        action.add_argument("path", metavar="PATH", help="the store")
        if name == "drop":
            action.add_argument("--consumer", metavar="ID", required=True, help="of this consumer")
            action.add_argument(
                "--owner", metavar="OWNER", help="as list shows it; without it all of the consumer"
            )
        if name == "salvage":
            action.add_argument(
                "files", metavar="FILE", nargs="*", help="damaged files (default: those beside it)"
            )
        if name in ("drop", "purge"):
            action.add_argument("--yes", action="store_true", help="do not ask")
        add_key_options(action.add_argument_group("encryption"))
        action.set_defaults(run_action=run_action)


def run(options: argparse.Namespace) -> int:
    """Do it; give the exit code."""
    try:
        with closing(open_store(options.path, options.key or None)) as store:
            code: int = options.run_action(options, store)
    except StoreError as error:
        return complain(str(error))
    return code


def _list(_options: argparse.Namespace, store: SQLiteStore) -> int:
    for name in sorted(store.queues()):
        consumer, owner = split_queue(name)
        # Of an id without owner what waits for known owners is listed apart.
        pending = store.counts(name)["pending"] - (
            sum(store.counts(each)["pending"] for each in _others(store, name))
        )
        who = printable(consumer) or "(inbox)"
        print(f"{pending:>12,}  {who}  {printable(owner) or '-'}")
    for file in store.damaged_files():
        print(f"{file.stat().st_size:>12,}  bytes in {file}")
    return DONE


def _others(store: SQLiteStore, name: str) -> list[str]:
    consumer, owner = split_queue(name)
    if owner or not consumer:
        return []
    return [each for each in store.queues() if each != name and split_queue(each)[0] == consumer]


def _drop(options: argparse.Namespace, store: SQLiteStore) -> int:
    name = queue_name(options.consumer, options.owner or "")
    pending = store.counts(name)["pending"]
    if not pending:
        known = ", ".join(sorted(" ".join(each.split("\t")) for each in store.queues())) or "none"
        raise ConfigurationError(
            f"nothing waits for {' '.join(name.split())!r}; queues that are not empty: {known}"
        )
    if not is_sure(f"Give up {pending} documents for ever?", yes=options.yes):
        return REJECTED
    print(f"{'dropped':<12}{store.drop(name, 'removed'):>12,}", file=sys.stderr)
    return DONE


def _salvage(options: argparse.Namespace, store: SQLiteStore) -> int:
    files = [Path(each) for each in options.files] or store.damaged_files()
    for file in files:
        if not file.is_file():
            raise ConfigurationError(f"there is no file {file}")
    for file in files:
        number = store.salvage(file)
        print(
            f"{'found':<12}{number:>12,}  in {file}, dead letters now; how much else there was in "
            "it is not known",
            file=sys.stderr,
        )
    if not files:
        print("eventkit: no damaged files", file=sys.stderr)
    return DONE


def _purge(options: argparse.Namespace, store: SQLiteStore) -> int:
    files = store.damaged_files()
    if files and not is_sure(f"Delete {len(files)} damaged files for ever?", yes=options.yes):
        return REJECTED
    print(f"{'purged':<12}{store.forget_damaged():>12,}", file=sys.stderr)
    return DONE
