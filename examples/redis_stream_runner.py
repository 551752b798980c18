"""
Share events that come through a Redis stream.

    python redis_stream_runner.py

with REDIS_URL, CONSUMERS (the path of a consumers file), LMS_ROOT and IDENTITY_SECRET in the
environment. `RealTimeBackend(enqueue="redis_stream_runner.publish")` fills the stream. Workers
share it; each has a name of its own, WORKER, by default that of its machine.

An event leaves the stream once all its consumers have it or, with the path of a store in STORE,
once the store has it; so a worker may be killed at any moment. Without a store, a consumer that is
down holds up the others. SIGTERM and Ctrl-C end it after what is under way.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any, cast

from redis import Redis, RedisError, ResponseError

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

STREAM, GROUP = os.environ.get("STREAM", "eventkit"), "eventkit"
WORKER = os.environ.get("WORKER", socket.gethostname())
TAKE_OVER = float(os.environ.get("TAKE_OVER", "120"))
"""Seconds after which a worker takes over what another has begun; more than a batch may take."""
BATCH, BATCH_WAIT = 100, 1.0
LONGEST_WAIT, GRACE = 30.0, 5.0

log = logging.getLogger("redis_stream_runner")

Entry = tuple[bytes, dict[bytes, bytes]]


@cache
def connection() -> Redis:
    """Make the connections of this process."""
    return Redis.from_url(os.environ["REDIS_URL"], socket_timeout=10 * BATCH_WAIT)


def publish(event: dict[str, Any]) -> None:
    """Put *event* on the stream."""
    try:
        connection().xadd(STREAM, {"event": json.dumps(event)})
    except RedisError as error:
        # RealTimeBackend tries that one again, while its queue fills.
        raise StoreError(f"Redis: {type(error).__name__}") from error


def fetch(redis: Redis) -> list[Entry]:
    """Give what this worker has begun, or one that is gone; when there is none, what is new."""
    with suppress(ResponseError):  # The group is there already.
        redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    idle, wait = int(1000 * TAKE_OVER), int(1000 * BATCH_WAIT)
    redis.xautoclaim(STREAM, GROUP, WORKER, min_idle_time=idle, count=BATCH, justid=True)
    for start in ("0", ">"):
        found = redis.xreadgroup(GROUP, WORKER, {STREAM: start}, count=BATCH, block=wait)
        for _, entries in cast("list[tuple[bytes, list[Entry]]]", found):
            if entries:
                return entries
    return []


def read(entries: list[Entry], letters: TranslationLetters) -> Iterator[Event]:
    """Read events; what is none goes to the dead letters."""
    for _, fields in entries:
        value = fields.get(b"event", b"")
        try:
            yield parse_line(value)
        except EventParseError as error:
            letters(error, {"raw": value.decode("utf-8", "replace")})


def work(stop: threading.Event) -> None:
    """Hand events to the consumers until *stop*."""
    dead_letters = os.environ.get("DEAD_LETTERS", "dead-letters.jsonl")
    letters = TranslationLetters(dead_letters)
    router = Router(
        os.environ["CONSUMERS"], store=os.environ.get("STORE"), dead_letters=dead_letters
    )
    identity = HMACIdentity({"env": "IDENTITY_SECRET"})
    translator = XAPITranslator(
        lms_root=os.environ["LMS_ROOT"], identity=identity, on_error=letters
    )
    backend = EventRoutingBackend(processors=[translator], backends={"router": router})
    redis = connection()
    failures = 0
    while not stop.is_set():
        try:
            if entries := fetch(redis):
                backend.send_many(read(entries, letters))
                ids = [number for number, _ in entries]
                with redis.pipeline() as step:
                    step.xack(STREAM, GROUP, *ids)
                    step.xdel(STREAM, *ids)
                    step.execute()
        except (DeliveryError, RedisError) as trouble:
            log.warning("Events stay in the stream for now: %s", trouble)
            asked = trouble.retry_after if isinstance(trouble, DeliveryError) else None
            stop.wait(asked or min(2.0**failures, LONGEST_WAIT))
            failures += 1
        else:
            failures = 0
    router.close(GRACE)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    work(asked_to_stop)
