"""
The worker of the demo: it emits the sample log again and again, live, and delivers.

    python -m demo_site.traffic RATE

A worker of a real site is made of the same parts: the registry and the dead letters are in the
database, the queues in a store beside it.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from itertools import count

import django
from eventtracking.tracker import Tracker

from demo_site.settings import IDENTITY_SECRET, STORE
from eventkit import CaliperTranslator, EventRoutingBackend, HMACIdentity, Router, XAPITranslator
from eventkit.batch import read_log
from eventkit.contrib.django import DatabaseConsumers, DatabaseDeadLetters
from eventkit.demo import sample_log
from eventkit.demo.cast import COURSES, LMS_ROOT
from eventkit.exceptions import EventParseError
from eventkit.reading.parsing import parse_line
from eventkit.reading.source import Source
from eventkit.typing import Event

PATIENCE = 5.0


def main(rate: float, stop: threading.Event) -> None:
    """Deliver *rate* events a second until *stop* is set."""
    django.setup()
    # What goes wrong is for the delivery pages, not for the terminal of the site.
    logging.getLogger("eventkit").setLevel(logging.CRITICAL)
    router = Router(DatabaseConsumers(), store=STORE, dead_letters=DatabaseDeadLetters())
    options = {"lms_root": LMS_ROOT, "identity": HMACIdentity(IDENTITY_SECRET), "courses": COURSES}
    tracker = Tracker(
        backends={
            make.__name__: EventRoutingBackend(
                processors=[make(**options)], backends={"router": router}
            )
            for make in (XAPITranslator, CaliperTranslator)
        }
    )
    events = _events()
    for number in count():
        if stop.wait(1 / rate):
            break
        _emit(tracker, events[number % len(events)])
    router.close(PATIENCE)


def _events() -> list[Event]:
    found = []
    for line in read_log(str(sample_log())):
        try:
            found.append(parse_line(line.raw))
        except EventParseError:
            continue  # the log holds some broken lines, on purpose
    return found


def _emit(tracker: Tracker, event: Event) -> None:
    """Emit a logged event as the platform did: who and where are the context of the request."""
    source = Source(event)
    own = {"name", "event_type", "time", "event", "context"}
    context = {key: value for key, value in event.items() if key not in own}
    with tracker.context("request", context | dict(source.context)):
        tracker.emit(source.name, source.payload)


if __name__ == "__main__":
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    main(float(sys.argv[1]), ended)
