"""
A Celery app that shares events.

    celery -A celery_app worker

with CELERY_BROKER_URL, LMS_ROOT, IDENTITY_SECRET and CONSUMERS (the path of a consumers file) in
the environment. `RealTimeBackend(enqueue="celery_app.share_event")` hands events to it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from celery import Celery

from eventkit import DeliveryError, DropEvent, HMACIdentity, Router, XAPITranslator

LONGEST_WAIT = 600
"""Seconds; with Redis well below the broker's visibility timeout."""

app = Celery("eventkit", broker=os.environ.get("CELERY_BROKER_URL", "memory://"))
app.conf.update(
    # A worker that is killed must not take what it has begun with it.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    # With acks_late what a worker holds back is what another has to wait for.
    worker_prefetch_multiplier=1,
)


@cache
def translator() -> XAPITranslator:
    """Make the translator, once per worker process."""
    return XAPITranslator(
        lms_root=os.environ["LMS_ROOT"],
        identity=HMACIdentity({"env": "IDENTITY_SECRET"}),
    )


@cache
def router() -> Router:
    """Make the router, once per worker process."""
    return Router(
        os.environ["CONSUMERS"], dead_letters=os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
    )


@app.task(name="celery_app.share_event")
def share_event(event: dict[str, Any]) -> None:
    """Translate an event, and have each consumer that may have it served by a task of its own."""
    try:
        translation = translator()(event)
    except DropEvent:
        return
    for delivery in router().route(translation):
        deliver.delay(delivery)


@app.task(name="celery_app.deliver", bind=True, max_retries=None)
def deliver(self: Any, delivery: dict[str, Any]) -> None:
    """Deliver to one consumer, and try again for as long as that can help."""
    try:
        router().deliver(delivery)
    except DeliveryError as error:
        if not error.retryable:
            raise
        wait = error.retry_after or min(2**self.request.retries, LONGEST_WAIT)
        raise self.retry(exc=error, countdown=wait) from error
