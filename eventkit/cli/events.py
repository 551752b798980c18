"""``eventkit events``."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import attrs

from eventkit.base.printable import printable
from eventkit.batch import LoggedEvent, events_of, expand_inputs, read_log
from eventkit.cli.exits import DONE
from eventkit.events.catalogue import catalogue
from eventkit.events.one_of import OneOf
from eventkit.events.rows import Action, Row, Statement
from eventkit.exceptions import ConfigurationError, EventParseError
from eventkit.reading.source import Source
from eventkit.typing import Json

_Meaning = TypeVar("_Meaning", Statement, Action)

_EPILOG = """\
examples:
  eventkit events | grep forum
  eventkit events --unknown '/var/log/tracking/tracking.log-*.gz'

With --unknown, the names in a log that have no row are listed, the most frequent first: how often
each stands there, and the keys of its payload. No value is shown. Names that are the path of a
page are counted together, for each page has its own; so are those beyond the first 10,000.

Exit codes: 0 done, also with unknown names; 2 wrong usage, or a log that cannot be read.
"""

_MOST_NAMES = 10_000
"""Different names that are told apart; a log of rubbish may hold any number."""
_MOST_KEYS = 30
"""Keys of a payload that are told, of each name."""
_PATHS = "(paths of pages)"
_NAMELESS = "(no name)"
_OTHERS = "(others)"
_MORE = "..."
"""Keys that are not told."""

_KEY = re.compile(r"[A-Za-z_][\w.-]{0,39}", re.ASCII)
_NUMBERED = re.compile(r"\d{3}|@|[0-9a-f]{12}", re.IGNORECASE)
"""What a key holds that names one thing, or somebody, and not a kind of things."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--json",
        action="store_true",
        help="a JSON array with an object for each name, instead of a table",
    )
    parser.add_argument(
        "--unknown",
        metavar="LOG",
        nargs="+",
        help="list instead the names in these tracking logs (globs, - for standard input) that "
        "have no row",
    )
    parser.add_argument(
        "--unwrap",
        metavar="FIELD",
        default="",
        help="with --unknown: the field of another program's JSON that holds the event",
    )


def run(options: argparse.Namespace) -> int:
    """List the events; give the exit code."""
    if options.unwrap and options.unknown is None:
        raise ConfigurationError("--unwrap: is for logs; use it with --unknown LOG")
    if options.unknown is not None:
        return _list_unknown(options)
    rows = sorted(_listing(), key=lambda row: (row["family"], row["canonical"], row["name"]))
    if options.json:
        # One array for programs, one object on each line for people and grep.
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        print("[", ",\n".join(lines), "]", sep="\n")
        return DONE
    families = max(len(row["family"]) for row in rows)
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        meaning = [f"{key}: {_short(row[key])}" for key in ("xapi", "caliper") if row[key]]
        if not meaning:
            meaning = [f"not translated: {row['reason']}"]
        if row["name"] != row["canonical"]:
            meaning.append(f"(as {row['canonical']})")
        print(f"{row['family']:<{families}} {row['name']:<{width}}  {'  '.join(meaning)}")
    return DONE


def _listing() -> Iterator[Json]:
    """Give one object for each name of each event."""
    for row in catalogue():
        for name in row.names:
            yield {
                "name": name,
                "canonical": row.name,
                "aliases": [other for other in row.names if other != name],
                "family": row.family,
                "xapi": _xapi(row),
                "caliper": _caliper(row),
                "reason": row.reason or None,
            }


def _xapi(row: Row) -> Json | None:
    """Say what an event becomes: its verbs, several where that depends on what the event holds."""
    if row.xapi is None:
        return None
    return {"verbs": list(dict.fromkeys(each.verb.id for each in _among(row.xapi)))}


def _caliper(row: Row) -> Json | None:
    """Say what an event becomes, as `_xapi` does: types and actions."""
    if row.caliper is None:
        return None
    pairs = dict.fromkeys((each.type, each.action) for each in _among(row.caliper))
    return {"events": [{"type": kind, "action": action} for kind, action in pairs]}


def _among(meaning: _Meaning | OneOf[_Meaning, Any]) -> tuple[_Meaning, ...]:
    return meaning.among if isinstance(meaning, OneOf) else (meaning,)


def _short(meaning: Json) -> str:
    """Give what is enough for people: the last parts of IRIs, and actions."""
    texts = [verb.rpartition("/")[2] for verb in meaning.get("verbs", ())]
    texts += [f"{event['type']} {event['action']}" for event in meaning.get("events", ())]
    return " or ".join(texts)


@attrs.define
class _Unknown:
    """What a log shows of one name."""

    count: int = 0
    keys: Counter[str] = attrs.field(factory=Counter)


def _list_unknown(options: argparse.Namespace) -> int:
    """List the names without a row in logs; give the exit code."""
    found: dict[str, _Unknown] = {}
    seen = unread = 0
    for event in _events(expand_inputs(options.unknown), options.unwrap):
        if event is None:
            unread += 1
            continue
        seen += 1
        _note(found, event)
    rows = sorted(found.items(), key=lambda each: (-each[1].count, each[0]))
    if options.json:
        listed = [{"name": name, "count": each.count, "keys": _keys(each)} for name, each in rows]
        lines = (json.dumps(row, ensure_ascii=False) for row in listed)
        print("[", ",\n".join(lines), "]", sep="\n")
    else:
        for name, each in rows:
            print(f"{each.count:>9} {name}  {', '.join(_keys(each))}".rstrip())
    number = sum(each.count for each in found.values())
    said = f"eventkit: {seen} events, {number} of them under {len(found)} unknown names"
    print(f"{said}; {unread} lines could not be read" if unread else said, file=sys.stderr)
    return DONE


def _events(inputs: Iterable[str], unwrap: str) -> Iterator[Source | None]:
    """Give the events in logs, and None for each line that is none and not blank."""
    for path in inputs:
        for line in read_log(path):
            for each in events_of(line, unwrap):
                if not isinstance(each, LoggedEvent):
                    if each.status == "rejected":
                        yield None
                    continue
                try:
                    yield Source(each.event)
                except EventParseError:
                    yield None


def _note(found: dict[str, _Unknown], event: Source) -> None:
    """Count an event, unless its name has a row."""
    name = event.name
    if name and catalogue().get(name) is not None:
        return
    shown = _shown(name)
    if shown not in found and len(found) >= _MOST_NAMES:
        shown = _OTHERS
    each = found.setdefault(shown, _Unknown())
    each.count += 1
    for key in set(map(_shown_key, event.data)):
        if key in each.keys or len(each.keys) < _MOST_KEYS:
            each.keys[key] += 1


def _shown(name: str) -> str:
    if not name:
        return _NAMELESS
    # Paths hold names of people, and of courses.
    return _PATHS if "/" in name or "@" in name else printable(name[:100])


def _shown_key(key: object) -> str:
    """Give a key as it is told; one that names a question, a file or somebody is not."""
    if isinstance(key, str) and _KEY.fullmatch(key) and not _NUMBERED.search(key):
        return key
    return _MORE


def _keys(each: _Unknown) -> list[str]:
    """Give the keys of payloads, the most frequent first."""
    last = sorted(each.keys.items(), key=lambda item: (item[0] == _MORE, -item[1], item[0]))
    return [key for key, _ in last]
