"""``eventkit events``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any, TypeVar

from eventkit.cli.exits import DONE
from eventkit.events.catalogue import catalogue
from eventkit.events.one_of import OneOf
from eventkit.events.rows import Action, Row, Statement
from eventkit.typing import Json

_Meaning = TypeVar("_Meaning", Statement, Action)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="a JSON array with an object for each name, instead of a table",
    )


def run(options: argparse.Namespace) -> int:
    """List the events; give the exit code."""
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
