"""What must hold after the demo has run."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from eventkit.demo._cast import BIOLOGY, COACHED, PROGRAMMING, TENDAI
from eventkit.events import CATALOGUE
from eventkit.exceptions import DropEvent
from eventkit.source import Source
from eventkit.typing import Event, Json
from eventkit.validation import statement_errors
from eventkit.xapi import XAPITranslator

MAX_WAIT = 0.05
"""Seconds that a document waits for company on its way to a receiver."""


def _may_adapt(source: Source) -> bool:
    if source.text("username") == TENDAI.username:
        return False
    if source.course_id in (COACHED.key, PROGRAMMING.key):
        return True
    return source.course_id == BIOLOGY.key and CATALOGUE.family(source.name) in ("video", "problem")


def _may_certify(source: Source) -> bool:
    return CATALOGUE.family(source.name) in (
        "completion",
        "enrollment",
        "exam",
        "grading",
    )


RIGHTS: dict[str, Callable[[Source], bool]] = {
    "adaptive-engine": _may_adapt,
    "enterprise-lrs": _may_certify,
}
"""The access rights of the consumers once more, in other words than their rules."""


@dataclass(slots=True)
class Run:
    """What the demo saw, and what it should have seen."""

    log: bytes
    """The log that was replayed."""
    lines: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    emitted: list[Event] = field(default_factory=list)
    flushed: bool = False
    seconds: float = 0.0
    real_time: dict[str, int] = field(default_factory=dict)
    """The counts of the backend in the request, and below those of the translator and router."""
    translator: dict[str, int] = field(default_factory=dict)
    router: dict[str, int] = field(default_factory=dict)
    consumers: dict[str, dict[str, int]] = field(default_factory=dict)
    """The router's counts by consumer."""
    stored: dict[str, list[Json]] = field(default_factory=dict)
    """What each receiver holds."""
    events: Counter[str] = field(default_factory=Counter)
    """How many events each consumer should have statements of."""
    expected: dict[str, set[str]] = field(default_factory=dict)
    """The ids of the statements that each consumer should have."""

    def expect(self, translator: XAPITranslator) -> None:
        """Work out who should have what, from the events as they were emitted."""
        self.expected = {name: set() for name in RIGHTS}
        for event in self.emitted:
            source = Source(event)
            entitled = [name for name, may in RIGHTS.items() if may(source)]
            try:
                documents = translator(event)["documents"]
            except DropEvent:
                continue
            for name in entitled:
                self.events[name] += 1
                self.expected[name].update(document["id"] for document in documents)

    def fates(self) -> Counter[str]:
        """Count what became of the events that reached the translator."""
        ends = ("translated", "skipped:", "rejected:")
        return Counter({key: n for key, n in self.translator.items() if key.startswith(ends)})

    def all_stored(self) -> Iterator[Json]:
        """Give the statements of all receivers."""
        for statements in self.stored.values():
            yield from statements

    def latencies(self) -> list[float]:
        """Give the seconds from emitting to being stored, sorted."""
        return sorted(
            (_time(statement["stored"]) - _time(statement["timestamp"])).total_seconds()
            for statement in self.all_stored()
        )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def checks(run: Run) -> Iterator[tuple[str, Sequence[str]]]:
    """Give each check with a list of what is wrong, which should be empty."""
    yield "all events were handed on and delivered in time", [] if run.flushed else ["no"]
    yield "every line of the log is accounted for", list(_unbalanced(run))
    for name in RIGHTS:
        ids = {statement["id"] for statement in run.stored[name]}
        yield f"{name} has nothing that its rules deny", sorted(ids - run.expected[name])
        yield f"{name} has everything that its rules allow", sorted(run.expected[name] - ids)
        yield f"{name} has every statement once", _doubles(run.stored[name])
        others = set().union(*run.expected.values()) - ids
        yield f"{name} has something, and not everything", [] if ids and others else ["no"]
    yield "every statement is valid xAPI 1.0.3", list(_invalid(run))
    tokens = personal_tokens(run.log)
    yield f"none of {len(tokens)} names and addresses of the log went out", leaks(run, tokens)


def _unbalanced(run: Run) -> Iterator[str]:
    """Compare what went into each stage with what came out of it."""
    real_time, router = Counter(run.real_time), Counter(run.router)
    wanted = sum(len(ids) for ids in run.expected.values())
    for what, left, right in (
        ("lines", run.lines, run.unreadable.total() + len(run.emitted)),
        ("emitted", len(run.emitted), real_time["received"]),
        ("received", real_time["received"], real_time["filtered"] + real_time["enqueued"]),
        ("enqueued", real_time["enqueued"], sum(run.fates().values())),
        ("translated", run.fates()["translated"], router["routed"] + router["unwanted"]),
        ("routed", router["enqueued"], wanted),
        ("delivered", router["delivered"], sum(map(len, run.stored.values()))),
    ):
        if left != right:
            yield f"{what}: {left} is not {right}"


def _doubles(statements: list[Json]) -> list[str]:
    counts = Counter(statement["id"] for statement in statements)
    return [one for one, number in counts.items() if number > 1]


def _invalid(run: Run) -> Iterator[str]:
    for statement in run.all_stored():
        if errors := statement_errors(statement):
            yield errors[0]


_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def personal_tokens(log: bytes) -> set[str]:
    """Find what must not leave a site: usernames, addresses and agents, as the log has them."""
    tokens: set[str] = set()
    for line in log.splitlines():
        try:
            event = json.loads(line[line.index(b"{") :])
            tokens.update(str(event[key]).strip() for key in ("username", "ip", "agent"))
        except (ValueError, KeyError, UnicodeDecodeError):
            continue
        tokens.update(_EMAIL.findall(json.dumps(event, ensure_ascii=False)))
    return tokens - {""}


def leaks(run: Run, tokens: set[str]) -> list[str]:
    """Find tokens in what was stored: plain, escaped for JSON (once or twice), or for URLs."""
    text = "\n".join(json.dumps(statement) for statement in run.all_stored())
    text = text.replace("\\\\", "\\")
    return [
        token
        for token in sorted(tokens)
        if any(form in text for form in (json.dumps(token)[1:-1], quote(token), quote(token, "")))
    ]
