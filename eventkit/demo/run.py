"""
The whole path on one machine: ``eventkit demo``.

The sample log is emitted again, live, through event-tracking's own tracker. Three receivers with
different access rights, two for xAPI and one for Caliper, stand in for three consumers. What they
stored is then compared with what they should have, worked out here from the consumers' rights in
plain Python.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from eventtracking.tracker import Tracker

from eventkit.backends.real_time import RealTimeBackend
from eventkit.backends.routing import EventRoutingBackend
from eventkit.batch import read_log
from eventkit.demo.cast import BIOLOGY, COACHED, COURSES, LMS_ROOT, PROGRAMMING, TENDAI
from eventkit.demo.checks import MAX_WAIT, PROTOCOLS, Run, checks
from eventkit.demo.report import show
from eventkit.demo.sample import sample_log
from eventkit.exceptions import EventParseError
from eventkit.reading.parsing import parse_line
from eventkit.reading.source import Source
from eventkit.receivers.caliper import CaliperReceiver
from eventkit.receivers.xapi import Receiver
from eventkit.router.early import early_filter
from eventkit.router.router import Router
from eventkit.translators.caliper import CaliperTranslator
from eventkit.translators.identity import HMACIdentity
from eventkit.translators.xapi import XAPITranslator
from eventkit.typing import Event, Json

_PATIENCE = 30.0

RULES: dict[str, Json] = {
    "adaptive-engine": {
        "allow": [
            {
                "course": BIOLOGY.key,
                "event": [
                    "*_video",
                    "*_transcript",
                    "video_*",
                    "edx.video.*",
                    "problem_check",
                    "showanswer",
                    "edx.problem.*",
                ],
            },
            {"course": COACHED.key},
            {"org": PROGRAMMING.org},
        ],
        "deny": [{"user": TENDAI.username}],
    },
    "enterprise-lrs": {
        "allow": [
            {"event": ["edx.course.enrollment.*", "edx.course.grade.*"]},
            {"event": ["edx.grades.*", "edx.completion.*", "edx.special_exam.*"]},
        ],
    },
    "university": {
        "allow": [{"org": BIOLOGY.org}],
        "deny": [{"event": "edx.forum.*"}, {"event": "edx.special_exam.*"}],
    },
}
"""The access rules of the three consumers."""

TRANSLATORS = {"xapi": XAPITranslator, "caliper": CaliperTranslator}


class _Recorder:
    """A backend that keeps what the tracker emitted, to compare with later."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        self.events.append(event)


def run(*, keep: Path | None, rate: float, out: TextIO) -> int:
    """
    Run the demo.

    Args:
        keep: where the receivers' SQLite files are kept; None keeps none.

        rate: events per second.

        out: where the report goes.

    Returns:
        0 when all checks hold, 1 when one does not.
    """
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        receivers: dict[str, Receiver | CaliperReceiver] = {}
        consumers: list[Json] = []
        for name, rules in RULES.items():
            database = folder / f"{name}.sqlite3"
            database.unlink(missing_ok=True)
            receiver, settings = _receiver(name, database)
            stack.enter_context(receiver)
            receivers[name] = receiver
            consumers.append(
                {"id": name, "url": receiver.url, "batch": {"max_wait": MAX_WAIT}}
                | settings
                | rules
            )
        options: dict[str, Any] = {
            "lms_root": LMS_ROOT,
            "identity": HMACIdentity(secrets.token_hex(32)),
            "courses": COURSES,
        }
        started = time.perf_counter()
        result = _replay(consumers, options, rate)
        result.seconds = time.perf_counter() - started
        for name, receiver in receivers.items():
            _collect(result, name, receiver)
    result.expect({name: make(**options) for name, make in TRANSLATORS.items()})
    holds = show(result, list(checks(result)), out)
    if keep:
        print(f"\nThe receivers' databases are in {keep}", file=out)
    return 0 if holds else 1


def _receiver(name: str, database: Path) -> tuple[Receiver | CaliperReceiver, Json]:
    """Make a consumer's receiver; say how it is spoken to."""
    secret = secrets.token_urlsafe(16)
    if PROTOCOLS[name] == "caliper":
        return CaliperReceiver(database, auth=secret), {
            "protocol": "caliper",
            "auth": {"type": "bearer", "token": secret},
            "sensor": LMS_ROOT,
        }
    return Receiver(database, auth=(name, secret)), {
        "protocol": "xapi",
        "auth": {"type": "basic", "username": name, "password": secret},
    }


def _collect(result: Run, name: str, receiver: Receiver | CaliperReceiver) -> None:
    """Take over what a receiver has stored."""
    result.arrivals[name] = receiver.arrivals()
    if isinstance(receiver, CaliperReceiver):
        result.stored[name] = receiver.events()
        result.envelopes[name] = receiver.envelopes()
    else:
        result.stored[name] = receiver.statements()


def _replay(consumers: list[Json], options: Mapping[str, Any], rate: float) -> Run:
    """Emit the sample log, as a site would that is configured like this."""
    translators = {name: make(**options) for name, make in TRANSLATORS.items()}
    router = Router(consumers, mode="buffered")
    routing = EventRoutingBackend(
        backends={
            name: EventRoutingBackend(processors=[translator], backends={"router": router})
            for name, translator in translators.items()
        }
    )
    early = early_filter(consumers=router.consumers)
    real_time = RealTimeBackend(processors=[early], backend=routing)
    recorder = _Recorder()
    tracker = Tracker(backends={"eventkit": real_time, "recorder": recorder})

    result = Run(log=sample_log().read_bytes())
    pause = 1 / rate
    due = time.perf_counter()
    for line in read_log(str(sample_log())):
        result.lines += 1
        try:
            event = parse_line(line.raw)
        except EventParseError as error:
            result.unreadable[error.reason] += 1
            continue
        time.sleep(max(0.0, due - time.perf_counter()))
        due += pause
        _emit(tracker, event)
    result.flushed = real_time.flush(_PATIENCE) and router.flush(_PATIENCE)
    result.emitted = recorder.events
    result.real_time = real_time.stats()
    result.translators = {name: each.stats() for name, each in translators.items()}
    result.router = router.stats()
    result.consumers = {consumer.id: router.stats(consumer.id) for consumer in router.consumers}
    real_time.close(_PATIENCE)
    router.close(_PATIENCE)
    return result


def _emit(tracker: Any, event: Event) -> None:
    """Emit a logged event as the platform did: who and where are the context of the request."""
    source = Source(event)
    own = {"name", "event_type", "time", "event", "context"}
    context = {key: value for key, value in event.items() if key not in own}
    with tracker.context("request", context | dict(source.context)):
        tracker.emit(source.name, source.payload)
