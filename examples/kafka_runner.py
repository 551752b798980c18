"""
Share events that come through Kafka.

    python kafka_runner.py

with KAFKA (librdkafka's settings, a JSON object with "bootstrap.servers" at least), CONSUMERS (the
path of a consumers file), STORE (the path of a store), LMS_ROOT and IDENTITY_SECRET in the
environment. `RealTimeBackend(enqueue="kafka_runner.publish")` fills the topic.

An event counts as consumed once the store has it, so a worker may be killed at any moment. SIGTERM
and Ctrl-C end it after what is under way.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from eventkit import (
    DeliveryError,
    EventParseError,
    EventRoutingBackend,
    HMACIdentity,
    Router,
    StoreError,
    TranslationLetters,
    XAPITranslator,
    parse_line,
)
from eventkit.typing import Event

TOPIC = os.environ.get("TOPIC", "eventkit")
BATCH, BATCH_WAIT = 500, 0.1
LONGEST_WAIT, GRACE = 30.0, 5.0

log = logging.getLogger("kafka_runner")


@cache
def producer() -> Producer:
    """Make the producer, once per process."""
    # An event that is sent twice does no harm, one that overtakes another may.
    return Producer({"max.in.flight": 1, **json.loads(os.environ["KAFKA"])})


# A producer does not survive a fork, and cannot even be thrown away after one.
os.register_at_fork(before=producer.cache_clear)


def publish(event: dict[str, Any]) -> None:
    """Put *event* on the topic, behind the earlier ones of its learner; return when it is there."""
    learner = event.get("context", {}).get("user_id")
    failures: list[KafkaError] = []
    kafka = producer()
    kafka.produce(
        TOPIC,
        json.dumps(event),
        str(learner) if learner else None,
        on_delivery=lambda error, _: failures.append(error) if error else None,
    )
    kafka.flush()
    for error in failures:
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            raise KafkaException(error)
        # RealTimeBackend tries that one again, while its queue fills.
        raise StoreError(f"Kafka: {error.name()}")


def read(messages: Iterable[Message], letters: TranslationLetters) -> Iterator[Event]:
    """Read events; what is none goes to the dead letters."""
    for message in messages:
        value = message.value() or b""
        try:
            yield parse_line(value)
        except EventParseError as error:
            letters(error, {"raw": value.decode("utf-8", "replace")})


def work(stop: threading.Event) -> None:
    """Hand events to the consumers until *stop*."""
    router = Router(os.environ["CONSUMERS"], store=os.environ["STORE"])
    letters = TranslationLetters(router.dead_letters)
    identity = HMACIdentity({"env": "IDENTITY_SECRET"})
    translator = XAPITranslator(
        lms_root=os.environ["LMS_ROOT"], identity=identity, on_error=letters
    )
    backend = EventRoutingBackend(processors=[translator], backends={"router": router})
    usual = {"group.id": "eventkit", "auto.offset.reset": "earliest"}
    kafka = Consumer({**usual, **json.loads(os.environ["KAFKA"]), "enable.auto.commit": False})
    kafka.subscribe([TOPIC])
    failures = 0
    while not stop.is_set():
        messages = []
        for message in kafka.consume(BATCH, timeout=BATCH_WAIT):
            if error := message.error():
                log.warning("Kafka: %s", error)
            else:
                messages.append(message)
        try:
            backend.send_many(read(messages, letters))
        except DeliveryError as trouble:
            log.warning("Events stay in Kafka for now: %s", trouble)
            # Others may take over; whoever does begins with what was not committed.
            kafka.unsubscribe()
            stop.wait(trouble.retry_after or min(2.0**failures, LONGEST_WAIT))
            kafka.subscribe([TOPIC])
            failures += 1
            continue
        failures = 0
        for last in {message.partition(): message for message in messages}.values():
            # Nobody waits for it: should it fail, some events are read twice.
            kafka.commit(message=last)
    kafka.close()
    router.close(GRACE)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    work(asked_to_stop)
