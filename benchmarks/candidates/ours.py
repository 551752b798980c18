"""eventkit itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.world import LMS_ROOT, World

SECRET = "no secret at all, but long enough"  # noqa: S105 - nobody's


def translator(protocol: str, dialect: str = "standard", **more: Any) -> Any:
    """Make a translator as a site would."""
    from eventkit import CaliperTranslator, HMACIdentity, XAPITranslator

    make: Any = XAPITranslator if protocol == "xapi" else CaliperTranslator
    return make(
        lms_root=LMS_ROOT,
        identity=HMACIdentity(SECRET),
        courses=World().names(),
        dialect=dialect,
        **more,
    )


def work(kind: str, protocol: str, dialect: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Give the work."""
    from eventkit import DropEvent, EventParseError, TranslationError, UnsupportedEvent, parse_line

    made = translator(protocol, dialect)
    translate, write = made.translate, made.write
    passed_over = (UnsupportedEvent, TranslationError, DropEvent, EventParseError)

    def run_lines(lines: list[bytes]) -> list[bytes]:
        out: list[bytes] = []
        for line in lines:
            try:
                out += write(parse_line(line))
            except passed_over:
                continue
        return out

    def run_events(events: list[Any]) -> list[Any]:
        out: list[Any] = []
        for event in events:
            try:
                out += translate(event)
            except passed_over:
                continue
        return out

    if kind == "line":
        return list, run_lines
    return lambda lines: [json.loads(line) for line in lines], run_events
