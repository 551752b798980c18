"""What must hold after the demo has run."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from eventkit.demo.cast import BIOLOGY, COACHED, LMS_ROOT, PROGRAMMING, TENDAI
from eventkit.events.catalogue import CATALOGUE
from eventkit.exceptions import DropEvent
from eventkit.reading.source import Source
from eventkit.typing import Event, Json, ProtocolName, Translation
from eventkit.validation.caliper import envelope_errors, event_errors
from eventkit.validation.xapi import statement_errors

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


def _may_teach(source: Source) -> bool:
    family = CATALOGUE.family(source.name)
    return source.course_id in (BIOLOGY.key, COACHED.key) and family not in ("exam", "forum")


RIGHTS: dict[str, Callable[[Source], bool]] = {
    "adaptive-engine": _may_adapt,
    "enterprise-lrs": _may_certify,
    "university": _may_teach,
}
"""The access rights of the consumers once more, in other words than their rules."""

PROTOCOLS: dict[str, ProtocolName] = {
    "adaptive-engine": "xapi",
    "enterprise-lrs": "xapi",
    "university": "caliper",
}
"""What the consumers speak."""


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
    """The counts of the backend in the request, and below those of translators and router."""
    translators: dict[str, dict[str, int]] = field(default_factory=dict)
    """By protocol."""
    router: dict[str, int] = field(default_factory=dict)
    consumers: dict[str, dict[str, int]] = field(default_factory=dict)
    """The router's counts by consumer."""
    stored: dict[str, list[Json]] = field(default_factory=dict)
    """What each receiver holds."""
    arrivals: dict[str, dict[str, float]] = field(default_factory=dict)
    """When it came, by id."""
    envelopes: dict[str, list[Json]] = field(default_factory=dict)
    """What it came in, for Caliper."""
    events: Counter[str] = field(default_factory=Counter)
    """How many events each consumer should have documents of."""
    expected: dict[str, set[str]] = field(default_factory=dict)
    """The ids of the documents that each consumer should have."""
    possible: dict[str, set[str]] = field(default_factory=dict)
    """The ids of all documents that there could be, by protocol."""

    def expect(self, translators: Mapping[str, Callable[[Event], Translation]]) -> None:
        """Work out who should have what, from the events as they were emitted."""
        self.expected = {name: set() for name in RIGHTS}
        self.possible = {name: set() for name in translators}
        for event in self.emitted:
            source = Source(event)
            documents = {name: _documents(each, event) for name, each in translators.items()}
            for name, own in documents.items():
                self.possible[name].update(document["id"] for document in own)
            for name, may in RIGHTS.items():
                own = documents[PROTOCOLS[name]]
                if own and may(source):
                    self.events[name] += 1
                    self.expected[name].update(document["id"] for document in own)

    def fates(self, protocol: str) -> Counter[str]:
        """Count what became of the events that reached the translator to *protocol*."""
        ends = ("translated", "skipped:", "rejected:")
        counts = self.translators[protocol]
        return Counter({key: n for key, n in counts.items() if key.startswith(ends)})

    def all_stored(self) -> Iterator[Json]:
        """Give the documents of all receivers."""
        for documents in self.stored.values():
            yield from documents

    def of(self, protocol: str) -> Iterator[Json]:
        """Give the documents of the receivers that speak *protocol*."""
        for name, documents in self.stored.items():
            if PROTOCOLS[name] == protocol:
                yield from documents

    def latencies(self) -> list[float]:
        """Give the seconds from emitting to being stored, sorted."""
        return sorted(
            self.arrivals[name][document["id"]] - _emitted(document)
            for name, documents in self.stored.items()
            for document in documents
        )


def _documents(translator: Callable[[Event], Translation], event: Event) -> list[Json]:
    try:
        return translator(event)["documents"]
    except DropEvent:
        return []


def _emitted(document: Json) -> float:
    time = document["timestamp"] if "timestamp" in document else document["eventTime"]
    return datetime.fromisoformat(time).timestamp()


def checks(run: Run) -> Iterator[tuple[str, Sequence[str]]]:
    """Give each check with a list of what is wrong, which should be empty."""
    yield "all events were handed on and delivered in time", [] if run.flushed else ["no"]
    yield "every line of the log is accounted for", list(_unbalanced(run))
    for name in RIGHTS:
        ids = {document["id"] for document in run.stored[name]}
        yield f"{name} has nothing that its rules deny", sorted(ids - run.expected[name])
        yield f"{name} has everything that its rules allow", sorted(run.expected[name] - ids)
        yield f"{name} has every document once", _doubles(run.stored[name])
        others = run.possible[PROTOCOLS[name]] - ids
        yield f"{name} has something, and not everything", [] if ids and others else ["no"]
    yield "every statement is valid xAPI 1.0.3", list(_invalid(run, "xapi", statement_errors))
    yield "every event is valid Caliper 1.2", list(_invalid(run, "caliper", event_errors))
    yield "events came in valid envelopes, together where they could", list(_badly_packed(run))
    tokens = personal_tokens(run.log)
    yield f"none of {len(tokens)} names and addresses of the log went out", leaks(run, tokens)


def _unbalanced(run: Run) -> Iterator[str]:
    """Compare what went into each stage with what came out of it."""
    real_time, router = Counter(run.real_time), Counter(run.router)
    fates = {protocol: run.fates(protocol) for protocol in run.translators}
    translated = sum(each["translated"] for each in fates.values())
    wanted = sum(len(ids) for ids in run.expected.values())
    for what, left, right in (
        ("lines", run.lines, run.unreadable.total() + len(run.emitted)),
        ("emitted", len(run.emitted), real_time["received"]),
        ("received", real_time["received"], real_time["filtered"] + real_time["enqueued"]),
        *(
            (f"enqueued for {protocol}", real_time["enqueued"], each.total())
            for protocol, each in fates.items()
        ),
        ("translated", translated, router["routed"] + router["unwanted"]),
        ("routed", router["enqueued"], wanted),
        ("delivered", router["delivered"], sum(map(len, run.stored.values()))),
    ):
        if left != right:
            yield f"{what}: {left} is not {right}"


def _doubles(documents: list[Json]) -> list[str]:
    counts = Counter(document["id"] for document in documents)
    return [one for one, number in counts.items() if number > 1]


def _invalid(run: Run, protocol: str, errors: Callable[[Json], list[str]]) -> Iterator[str]:
    for document in run.of(protocol):
        if found := errors(document):
            yield found[0]


def _badly_packed(run: Run) -> Iterator[str]:
    for name, envelopes in run.envelopes.items():
        for envelope in envelopes:
            yield from envelope_errors(envelope)[:1]
            if envelope["sensor"] != LMS_ROOT:
                yield f"{name}: another sensor"
        packed = [event["id"] for envelope in envelopes for event in envelope["data"]]
        if set(packed) != {event["id"] for event in run.stored[name]}:
            yield f"{name}: other events than are stored"
        if len(envelopes) == len(packed):
            yield f"{name}: each event alone"


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
    text = "\n".join(json.dumps(document) for document in run.all_stored())
    text = text.replace("\\\\", "\\")
    return [
        token
        for token in sorted(tokens)
        if any(form in text for form in (json.dumps(token)[1:-1], quote(token), quote(token, "")))
    ]
