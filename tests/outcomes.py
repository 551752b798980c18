"""
Write down what becomes of many events, byte for byte, for two builds to be compared.

    python -m tests.outcomes
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from eventkit import (
    CaliperTranslator,
    HMACIdentity,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
)
from eventkit.base.json import dumps
from eventkit.testing import COURSES, golden_cases

ODD = [
    7,
    7.0,
    0,
    -1.5,
    10**19,
    "7",
    "7.5",
    "",
    True,
    None,
    [],
    {},
    [7, 7.0],
    {"a": 7},
    "\u00e9\ud800",
]


def events() -> Iterator[tuple[str, dict]]:
    """Give the events of all golden cases, and each with every value replaced by odd ones."""
    for path in golden_cases(Path(__file__).parent / "golden"):
        event = json.loads(path.read_text("utf-8"))["event"]
        if isinstance(event.get("event"), str) and event["event"].startswith("{"):
            event["event"] = json.loads(event["event"])
        yield path.stem, event
        for container, key, name in places(event):
            before = container[key]
            for number, odd in enumerate(ODD):
                container[key] = odd
                yield f"{path.stem}{name} {number}", event
            container[key] = before


def places(value, above=""):
    """Give every place in JSON: the container, the key, and how to get there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(inner):
        yield value, key, f"{above}.{key}"
        if isinstance(item, (dict, list)):
            yield from places(item, f"{above}.{key}")


def outcome(act, event) -> str:
    """Give the documents of an event, or its failure, in short."""
    try:
        made = act(event)
    except (TranslationError, UnsupportedEvent) as error:
        return error.reason
    texts = [each if isinstance(each, bytes) else dumps(each) for each in made]
    return hashlib.sha256(b"\n".join(texts)).hexdigest()[:16]


def main() -> None:
    """Write a line for each event."""
    ways = [
        make(
            lms_root="https://lms.example.org",
            identity=HMACIdentity("only tests use this"),
            courses=COURSES,
            include_text=True,
            **dialect,
        )
        for make in (XAPITranslator, CaliperTranslator)
        for dialect in ({}, {"dialect": "erb", "fallback": "standard"})
    ]
    for name, event in events():
        found = [outcome(act, event) for way in ways for act in (way.translate, way.write)]
        print(name, *found, sep="\t")


if __name__ == "__main__":
    main()
