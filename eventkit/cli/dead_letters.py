"""``eventkit dead-letters``."""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eventkit.cli.exits import DONE, REJECTED, complain
from eventkit.cli.keys import add_key_options
from eventkit.cli.letters import (
    Selection,
    add_selection,
    moment,
    outline,
    print_table,
    read_selection,
)
from eventkit.cli.options import add_translator_options, translator_options
from eventkit.cli.output import is_sure, say
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import load_consumers
from eventkit.dead_letters.file import FileDeadLetters
from eventkit.dead_letters.letter import DeadLetter
from eventkit.dead_letters.mentions import is_in_bytes
from eventkit.exceptions import ConfigurationError, StoreError
from eventkit.stores.opening import open_dead_letters
from eventkit.stores.sqlite.file import delete_set_aside, set_aside_files
from eventkit.stores.store import DeadLetters

if TYPE_CHECKING:
    from eventkit.router.replaying import Translators

_EPILOG = """\
PATH is the file that the router has as dead_letters, or its store. What is encrypted needs the key,
with --key-env or --key-file; repeated, any of the keys may fit.

examples:
  eventkit dead-letters list letters.jsonl --since 7d
  eventkit dead-letters list letters.jsonl --count reason
  eventkit dead-letters show letters.jsonl 4c1f09d2
  eventkit dead-letters replay letters.jsonl --consumers consumers.yaml --reason http_400
  eventkit dead-letters drop letters.jsonl --learner 4711 --learner ann

Exit codes: 0 done; 1 some letters could not be replayed, or nothing was dropped after all; 2 wrong
usage or configuration.
"""

_COUNTED = ("reason", "consumer", "name")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    parser.epilog = _EPILOG
    for action in add_actions(parser):
        action.add_argument("path", metavar="PATH", help="file of dead letters, or store")
        add_key_options(action.add_argument_group("encryption"))
        if action.get_default("run_action") is _replay:
            action.add_argument(
                "--consumers", metavar="FILE", required=True, help="the consumers, as JSON or YAML"
            )
            add_translator_options(action)


def add_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Add the actions and those of their options that do not say where the letters are."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")
    for name, summary, add, run_action in (
        ("list", "list dead letters, without what they hold", _configure_list, _list),
        ("show", "print one dead letter as JSON, personal data included", _configure_show, _show),
        ("replay", "deliver dead letters again", _configure_replay, _replay),
        ("drop", "forget dead letters for ever", _configure_drop, _drop),
    ):
        action = actions.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        action.set_defaults(run_action=run_action, translators=None)
        # Where the letters are stands before which of them are meant.
        yield action
        add(action)


def run(options: argparse.Namespace) -> int:
    """Do it; give the exit code."""
    try:
        # One key is not numbered in error messages.
        keys = options.key if len(options.key) > 1 else next(iter(options.key), None)
        letters = open_dead_letters(options.path, keys)
        code: int = options.run_action(options, letters)
    except StoreError as error:
        return complain(str(error))
    return code


def _configure_list(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="JSON instead of a table")
    group.add_argument("--count", choices=_COUNTED, help="how many there are of each")


def _configure_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the letter's id, or how it begins")
    parser.add_argument(
        "--with-event", action="store_true", help="the original event too, as it was emitted"
    )


def _configure_replay(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--all", action="store_true", help="all letters")
    parser.add_argument(
        "--trust-env", action="store_true", help="take HTTP proxies from the environment"
    )


def _configure_drop(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument(
        "--older-than", metavar="AGE", type=moment, help="given up longer ago, such as 30d"
    )
    parser.add_argument("--all", action="store_true", help="all letters")
    parser.add_argument(
        "--unreadable",
        action="store_true",
        help="of a file: also the lines that are no letters (cut off, damaged, foreign)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _list(options: argparse.Namespace, letters: DeadLetters) -> int:
    chosen = read_selection(options)
    _check_ids(chosen, letters)
    found = filter(chosen, letters)
    if options.count:
        counts = Counter(str(getattr(each, options.count)) for each in found)
        _print_counts(counts, as_json=options.json)
    elif options.json:
        _print_array(map(outline, found))
    else:
        listed = list(found)
        if listed:
            print_table(listed)
        else:
            print(f"no dead letters{' like that' if chosen else ''}", file=sys.stderr)
    _warn_of_unreadable(letters, options.path)
    return DONE


def _show(options: argparse.Namespace, letters: DeadLetters) -> int:
    chosen = read_selection(_only_id(options))
    found = list(itertools.islice(filter(chosen, letters), 2))
    _check_ids(chosen, found)
    if len(found) > 1:
        raise ConfigurationError(f"{options.id!r} begins several ids; give more of it")
    shown = found[0].as_dict()
    event = shown.pop("event")
    if options.with_event:
        shown["event"] = event
    if sys.stdout.isatty():
        print("eventkit: this letter holds personal data", file=sys.stderr)
    print(json.dumps(shown, indent=2))
    return DONE


def _replay(options: argparse.Namespace, letters: DeadLetters) -> int:
    # Whoever only looks at letters needs no transport.
    from eventkit.router.replaying import KEPT, replay  # noqa: PLC0415

    chosen = _chosen(options)
    # What the router has to say of consumers in trouble is in the report.
    logging.basicConfig(format="eventkit: %(message)s", level=logging.ERROR)
    consumers = load_consumers(options.consumers)
    _check_ids(chosen, letters)
    report = replay(
        letters,
        consumers,
        chosen,
        translators=options.translators or _translators(options, consumers),
        trust_env=options.trust_env,
    )
    print(f"{'delivered':<12}{report.delivered:>12,}", file=sys.stderr)
    if report.refused:
        print(f"{'refused':<12}{report.refused:>12,}  for good once more", file=sys.stderr)
    for reason, number in report.kept.items():
        say(f"{'kept':<12}{number:>12,}  {reason}: {_MEANINGS.get(reason, KEPT[reason])}")
    for note in report.notes:
        say(f"eventkit: {' '.join(note.split())}")
    _warn_of_unreadable(letters, options.path)
    return DONE if report.is_done else REJECTED


def _translators(options: argparse.Namespace, consumers: Iterable[Consumer]) -> Translators | None:
    """Make the translators that options describe; None: there is no identity."""
    if not (options.identity_secret_env or options.identity_file):
        return None
    return {
        protocol: translator_options(options, protocol).build()
        for protocol in sorted({each.protocol for each in consumers if each.enabled})
    }


_MEANINGS = {
    "no_translator": "the event is to be translated; give --lms-root and an identity option",
    "paused": "the consumer is paused by its setting; say 'paused: false' there first",
    "unknown_consumer": "there is no such consumer in the file",
}
"""What this command says in its own way."""


def _drop(options: argparse.Namespace, letters: DeadLetters) -> int:
    if options.unreadable and not read_selection(options) and not options.all:
        _drop_unreadable(options, letters)
        return DONE
    chosen = _chosen(options)
    _check_ids(chosen, letters)
    doomed = [letter.id for letter in letters if chosen(letter)]
    _warn_of_unreadable(letters, options.path)
    if doomed and not is_sure(f"Forget {len(doomed)} dead letters for ever?", yes=options.yes):
        return REJECTED
    dropped = letters.remove(doomed) if doomed else 0
    print(f"{'dropped':<12}{dropped:>12,}", file=sys.stderr)
    _drop_unreadable(options, letters)
    return DONE


def _drop_unreadable(options: argparse.Namespace, letters: DeadLetters) -> None:
    """Drop what may be about a learner and is no letter: damaged lines, damaged files."""
    is_whole = options.all or bool(options.learner)
    if isinstance(letters, FileDeadLetters) and (is_whole or options.unreadable):
        if options.all or options.unreadable:
            number = letters.remove_unreadable()
        else:
            number = letters.remove_unreadable(
                lambda line: any(is_in_bytes(each, line) for each in options.learner)
            )
        if number:
            print(f"{'dropped':<12}{number:>12,}  lines that are no letters", file=sys.stderr)
    if is_whole and options.path and not isinstance(letters, FileDeadLetters):
        _drop_damaged(Path(options.path), is_meant=options.yes)


def _drop_damaged(store: Path, *, is_meant: bool) -> None:
    """Delete the damaged files beside a store, or say how to get out of them what is whole."""
    if not is_meant and (files := set_aside_files(store)):
        say(
            f"eventkit: {len(files)} damaged files of this store lie beside it, and may hold more; "
            f"get out what is whole and drop it too with 'eventkit store salvage {store}', "
            "then delete them with 'eventkit store purge'"
        )
    elif is_meant and (number := delete_set_aside(store)):
        say(f"eventkit: {number} damaged files of this store are deleted too")


def _chosen(options: argparse.Namespace) -> Selection:
    """Read the selection; nothing is replayed or dropped by leaving something out."""
    chosen = read_selection(options)
    older = getattr(options, "older_than", None)
    if older is not None:
        until = older if chosen.until is None else min(older, chosen.until)
        chosen = replace(chosen, until=until)
    if options.all and chosen:
        raise ConfigurationError("--all: does not go with a selection; leave one of them out")
    if not options.all and not chosen:
        raise ConfigurationError(
            f"which dead letters to {options.action}? Select some (--consumer, --reason, --id, "
            "...; see --help), or give --all"
        )
    return chosen


def _only_id(options: argparse.Namespace) -> argparse.Namespace:
    return argparse.Namespace(
        id=[options.id],
        consumer=[],
        owner=[],
        reason=[],
        name=[],
        learner=[],
        since=None,
        until=None,
    )


def _check_ids(chosen: Selection, letters: Iterable[DeadLetter]) -> None:
    missing = chosen.missing(letters) if chosen.ids else []
    if missing:
        raise ConfigurationError(
            f"there is no dead letter with the id {', '.join(missing)}; "
            "'eventkit dead-letters list' shows them"
        )


def _print_counts(counts: Mapping[str, int], *, as_json: bool) -> None:
    listed = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    if as_json:
        print(json.dumps(listed, indent=2))
        return
    for text, number in listed.items():
        say(f"{number:>12,}  {text or '-'}", sys.stdout)


def _print_array(rows: Iterable[Mapping[str, object]]) -> None:
    """Print one array for programs, with one object on each line for people."""
    before = "[\n"
    for row in rows:
        print(before, json.dumps(row), sep="", end="")
        before = ",\n"
    print("\n]" if before == ",\n" else "[]")


def _warn_of_unreadable(letters: DeadLetters, path: str) -> None:
    number = getattr(letters, "unreadable", 0)
    if number:
        say(
            f"eventkit: {number} lines of {path or 'the database'} cannot be read (cut off, "
            "damaged, foreign, or of another key); they stay",
        )
