"""The events that the programs send, and what handles them: translators and a durable router."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from eventkit.backends import EventRoutingBackend
from eventkit.router import Router
from eventkit.stores import SQLiteStore
from eventkit.translators import CaliperTranslator, HMACIdentity, XAPITranslator

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
COURSE = "course-v1:edX+DemoX+2026"


def event(number):
    """Make an event as an LMS emits it; each number gives another one."""
    learner = 1 + number % 50
    return {
        "name": "edx.course.enrollment.activated",
        "timestamp": (START + timedelta(milliseconds=number, microseconds=1)).isoformat(),
        "data": {"course_id": COURSE, "user_id": learner, "mode": "audit"},
        "context": {"org_id": "edX", "course_id": COURSE, "user_id": learner},
    }


def translators():
    options = {
        "lms_root": "https://lms.example.org",
        "identity": HMACIdentity("a secret that only the tests know"),
    }
    return {"xapi": XAPITranslator(**options), "caliper": CaliperTranslator(**options)}


def open_pipeline(store, consumers, **options):
    """Give a store, a router on it, and the backend that fills it."""
    opened = SQLiteStore(store)
    router = Router(json.loads(consumers), store=opened, **options)
    backend = EventRoutingBackend(
        backends={
            name: EventRoutingBackend(processors=[translator], backends={"router": router})
            for name, translator in translators().items()
        }
    )
    return opened, router, backend
