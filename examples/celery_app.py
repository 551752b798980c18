"""
A Celery app that shares events.

    celery -A celery_app worker

with CELERY_BROKER_URL, LMS_ROOT, IDENTITY_SECRET, CONSUMERS (the path of a consumers file) and
STORE (the path of a store, on a disk that outlives the worker) in the environment.
`RealTimeBackend(enqueue="celery_app.share_event")` hands events to it.
"""

from __future__ import annotations

import logging
import os
import time
from functools import cache
from typing import Any

from celery import Celery
from celery.exceptions import Reject
from celery.signals import worker_init, worker_shutdown

from eventkit import EventRoutingBackend, HMACIdentity, Router, TranslationLetters, XAPITranslator

WAIT, GRACE = 5.0, 5.0
"""Seconds until an event that could not be stored is tried again, and for requests at the end."""

log = logging.getLogger("celery_app")

app = Celery("eventkit", broker=os.environ.get("CELERY_BROKER_URL"))
app.conf.update(
    # A worker that is killed must not take what it has begun with it.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    # With acks_late what a worker holds back is what another has to wait for.
    worker_prefetch_multiplier=1,
    # `delay` says after seconds that the broker is away; who calls it tries again.
    broker_connection_timeout=4,
    broker_transport_options={"socket_connect_timeout": 4, "socket_timeout": 30},
    task_publish_retry=False,
)


@cache
def backend() -> EventRoutingBackend:
    """Make what translates and stores, once per worker process."""
    router = Router(os.environ["CONSUMERS"], store=os.environ.get("STORE", "eventkit.db"))
    translator = XAPITranslator(
        lms_root=os.environ["LMS_ROOT"],
        identity=HMACIdentity({"env": "IDENTITY_SECRET"}),
        on_error=TranslationLetters(router.dead_letters, protocol="xapi"),
    )
    return EventRoutingBackend(processors=[translator], backends={"router": router})


@worker_init.connect  # type: ignore[untyped-decorator]
def start(**_: object) -> None:
    """Begin with what is in the store; do not start with settings that fail every task."""
    if not app.conf.broker_url:
        raise SystemExit("celery_app: the variable CELERY_BROKER_URL is not set")
    try:
        backend()
    except KeyError as error:
        raise SystemExit(f"celery_app: the variable {error} is not set") from error
    except Exception as error:
        raise SystemExit(f"celery_app: {error}") from error


@app.task(name="celery_app.share_event")  # type: ignore[untyped-decorator]
def share_event(event: dict[str, Any]) -> None:
    """Translate an event and store what becomes of it; the store delivers, in batches."""
    try:
        backend().send(event)
    except Exception as error:
        # The disk is full, a look-up fails, or a setting is gone. It would be so for the next
        # event too, so this one goes back to the broker, and the worker does not hurry.
        log.warning("An event stays in the queue for now: %s", type(error).__name__)
        time.sleep(WAIT)
        raise Reject(type(error).__name__, requeue=True) from error


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def stop(**_: object) -> None:
    """Deliver what can be delivered at once; the rest stays in the store."""
    backend().close(GRACE)
