"""
Asking a consumer whether it can be reached as it is configured, and whether it takes documents.

What is sent to find out says of itself what it is, concerns nobody, and has the same id every time,
so that a receiver which knows ids keeps one of it.
"""

from __future__ import annotations

import uuid

from eventkit.consumers.consumer import Consumer
from eventkit.dead_letters.letter import DeadLetter
from eventkit.events.shapes.caliper import CONTEXT
from eventkit.exceptions import ConfigurationError, DeliveryError
from eventkit.router.connection import test_connection
from eventkit.router.plan import merged
from eventkit.router.router import Router
from eventkit.transports.transport import CheckResult
from eventkit.typing import Json

__all__ = [
    "TRIAL_ACTIVITY",
    "TRIAL_ACTOR",
    "TRIAL_VERB",
    "CheckResult",
    "check_consumer",
    "try_consumer",
]

_OPENEDX = "https://w3id.org/xapi/openedx"

TRIAL_VERB = f"{_OPENEDX}/verb/checked"
"""The verb of the statement that `try_consumer` sends."""
TRIAL_ACTIVITY = f"{_OPENEDX}/activity/delivery-check"
"""What that statement, or that event of Caliper, is about."""
TRIAL_ACTOR = "eventkit-check"
"""The account that does it: a program, nobody."""

_IDS = uuid.UUID("3d0d2bc5-25c7-5b0e-9a0c-6f2c3d7d0a6b")
_TIME = "2026-01-01T00:00:00.000Z"
"""Fixed: another time with the same id would be another document."""
_NAME = "eventkit.check"
_MOST_TOLD = 200


def check_consumer(consumer: Consumer, *, trust_env: bool = False) -> CheckResult:
    """
    Tell whether documents could be sent to *consumer*, without sending any.

    It is `eventkit.router.test_connection` in one line. Never raises for what is wrong with the
    consumer.
    """
    report = test_connection(consumer, trust_env=trust_env)
    return CheckResult(ok=report.ok, detail=report.detail)


def try_consumer(consumer: Consumer, *, trust_env: bool = False) -> CheckResult:
    """
    Tell whether *consumer* takes documents, by sending it `trial_document`.

    It goes the way of all documents: the same transport, credentials, override and limits, one
    attempt. Access rules are not asked, as it was made of no event. Never raises for what is wrong
    with the consumer.
    """
    refused: list[DeadLetter] = []
    document = merged(trial_document(consumer), consumer.override)
    try:
        router = Router([consumer], dead_letters=refused.append, trust_env=trust_env)
    except ConfigurationError as error:
        return CheckResult(ok=False, detail=str(error))
    try:
        router.deliver(
            {
                "consumer": consumer.id,
                "protocol": consumer.protocol,
                "name": _NAME,
                "documents": [document],
            }
        )
    except DeliveryError as error:
        return CheckResult(ok=False, detail=str(error).removeprefix(f"consumer {consumer.id}: "))
    finally:
        router.close(0.0)
    if refused:
        letter = refused[0]
        said = f": {letter.response[:_MOST_TOLD]}" if letter.response else ""
        detail = f"it refuses the test document: {letter.detail or letter.reason}{said}"
        return CheckResult(ok=False, detail=detail)
    return CheckResult(ok=True, detail=f"{consumer.url} took the test document {document['id']}")


def trial_document(consumer: Consumer) -> Json:
    """Make the document that is sent to see whether one arrives; for one consumer always equal."""
    own_id = str(uuid.uuid5(_IDS, f"{consumer.protocol} {consumer.id}"))
    return _trial_statement(own_id) if consumer.protocol == "xapi" else _trial_event(own_id)


def _trial_statement(own_id: str) -> Json:
    return {
        "id": own_id,
        "actor": {
            "objectType": "Agent",
            "account": {"homePage": _OPENEDX, "name": TRIAL_ACTOR},
        },
        "verb": {"id": TRIAL_VERB, "display": {"en": "checked"}},
        "object": {
            "objectType": "Activity",
            "id": TRIAL_ACTIVITY,
            "definition": {"name": {"en": "Whether statements arrive"}},
        },
        "timestamp": _TIME,
        "version": "1.0.3",
    }


def _trial_event(own_id: str) -> Json:
    program = {"id": f"{_OPENEDX}/{TRIAL_ACTOR}", "type": "SoftwareApplication"}
    return {
        "@context": CONTEXT,
        "id": f"urn:uuid:{own_id}",
        "type": "Event",
        "profile": "GeneralProfile",
        "actor": program,
        "action": "Used",
        "object": {"id": TRIAL_ACTIVITY, "type": "DigitalResource"},
        "eventTime": _TIME,
        "edApp": program,
    }
