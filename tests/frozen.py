"""
Write down what golden cases promise to receivers: ids, and the IRIs of verbs and types.

    python -m tests.frozen

Ids are frozen for 1.0. Whoever changes one on purpose runs this, and says so in the changelog.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eventkit.testing import golden_cases

FOLDER = Path(__file__).resolve().parent
FILE = FOLDER / "frozen.tsv"


def lines() -> list[str]:
    """Give a line for each document: case, id, verb or action, object, all types."""
    return [
        "\t".join((path.stem, protocol, *_promised(protocol, document)))
        for path in golden_cases(FOLDER / "golden")
        for protocol in ("xapi", "caliper")
        for document in json.loads(path.read_text("utf-8"))[protocol] or ()
    ]


def _promised(protocol: str, document: dict[str, Any]) -> tuple[str, ...]:
    word = document["verb"]["id"] if protocol == "xapi" else document["action"]
    types = " ".join(sorted(set(_types(document))))
    return document["id"], word, document["object"]["id"], types


def _types(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(found := value.get("type"), str):
            yield found
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _types(each)


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in lines()), encoding="utf-8")
