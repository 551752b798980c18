"""
A Celery app that shares events.

    celery -A celery_app worker

with CELERY_BROKER_URL, LMS_ROOT, IDENTITY_SECRET and CONSUMERS (the path of a consumers file) in
the environment. `RealTimeBackend(enqueue="celery_app.share_event", threaded=True)` hands events to
it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, cast

from celery import Celery
from celery.exceptions import Reject
from celery.signals import worker_init
from kombu.exceptions import KombuError

from eventkit import (
    ConfigurationError,
    DeliveryError,
    DropEvent,
    HMACIdentity,
    Router,
    TranslationLetters,
    XAPITranslator,
)
from eventkit.typing import Delivery

LONGEST_WAIT = 600
"""Seconds; with Redis well below the broker's visibility timeout."""

DEAD_LETTERS = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")

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
        on_error=TranslationLetters(DEAD_LETTERS, protocol="xapi"),
    )


@cache
def router() -> Router:
    """Make the router, once per worker process."""
    return Router(os.environ["CONSUMERS"], dead_letters=DEAD_LETTERS)


@worker_init.connect  # type: ignore[untyped-decorator]
def check_settings(**_: object) -> None:
    """Do not start with settings that would make every task fail, and lose its event."""
    try:
        translator()
        router()
    except (ConfigurationError, KeyError) as error:
        raise SystemExit(f"celery_app: {error}") from error


@app.task(name="celery_app.share_event")  # type: ignore[untyped-decorator]
def share_event(event: dict[str, Any]) -> None:
    """Translate an event, and have each consumer that may have it served by a task of its own."""
    try:
        translation = translator()(event)
    except DropEvent:
        return
    try:
        for delivery in router().route(translation, with_event=True):
            deliver.delay(delivery)
    except KombuError as error:
        # A task that fails is done with, but the broker may take the rest later.
        raise Reject(error, requeue=True) from error


@app.task(name="celery_app.deliver", bind=True, max_retries=None)  # type: ignore[untyped-decorator]
def deliver(self: Any, delivery: dict[str, Any]) -> None:
    """Deliver to one consumer, and try again for as long as that can help."""
    try:
        router().deliver(cast("Delivery", delivery))
    except DeliveryError as error:
        if not error.retryable:
            raise
        wait = error.retry_after or min(2**self.request.retries, LONGEST_WAIT)
        try:
            raise self.retry(exc=error, countdown=wait)
        except Reject as refused:
            # The broker did not take the retry, and Celery would leave it at that.
            raise Reject(refused.reason, requeue=True) from error
