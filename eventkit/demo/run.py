"""
The whole path on one machine: ``eventkit demo``.

The sample log is emitted again, live, through event-tracking's own tracker. Two receivers with
different access rights stand in for two consumers. What they stored is then compared with what they
should have, worked out here from the consumers' rights in plain Python.
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

from eventkit.backends import EventRoutingBackend, RealTimeBackend
from eventkit.batch import read_log
from eventkit.demo import sample_log
from eventkit.demo._cast import BIOLOGY, COACHED, COURSES, LMS_ROOT, PROGRAMMING, TENDAI
from eventkit.demo._checks import MAX_WAIT, Run, checks
from eventkit.demo._report import show
from eventkit.exceptions import EventParseError
from eventkit.filters import Filter
from eventkit.identity import HMACIdentity
from eventkit.parsing import parse_line
from eventkit.receiver import Receiver
from eventkit.router import Router
from eventkit.source import Source
from eventkit.typing import Event, Json
from eventkit.xapi import XAPITranslator

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
}
"""The access rules of the two consumers."""


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
        receivers: dict[str, Receiver] = {}
        consumers: list[Json] = []
        for name, rules in RULES.items():
            database = folder / f"{name}.sqlite3"
            database.unlink(missing_ok=True)
            password = secrets.token_urlsafe(16)
            receiver = Receiver(database=database, auth=(name, password))
            receivers[name] = stack.enter_context(receiver)
            consumers.append(
                {
                    "id": name,
                    "protocol": "xapi",
                    "url": receiver.url,
                    "auth": {"type": "basic", "username": name, "password": password},
                    "batch": {"max_wait": MAX_WAIT},
                    **rules,
                }
            )
        settings: dict[str, Any] = {
            "lms_root": LMS_ROOT,
            "identity": HMACIdentity(secrets.token_hex(32)),
            "courses": COURSES,
        }
        started = time.perf_counter()
        result = _replay(consumers, settings, rate)
        result.seconds = time.perf_counter() - started
        result.stored = {name: receiver.statements() for name, receiver in receivers.items()}
    result.expect(XAPITranslator(**settings))
    holds = show(result, list(checks(result)), out)
    if keep:
        print(f"\nThe receivers' databases are in {keep}", file=out)
    return 0 if holds else 1


def _replay(consumers: list[Json], settings: Mapping[str, Any], rate: float) -> Run:
    """Emit the sample log, as a site would that is configured like this."""
    translator = XAPITranslator(**settings)
    router = Router(consumers, mode="buffered")
    routing = EventRoutingBackend(processors=[translator], backends={"router": router})
    early = Filter.for_consumers(router.consumers)
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
    result.translator = translator.stats()
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
