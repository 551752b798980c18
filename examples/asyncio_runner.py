"""
Share events from an asyncio program; here they come as lines on standard input.

    tail -F tracking.log | python asyncio_runner.py https://lms.example.org CONSUMERS_FILE

Reading waits when the queue is full, so memory is bounded. It ends when the input does and all is
delivered, or lies in the dead letters.
"""

from __future__ import annotations

import asyncio
import sys

from eventkit import (
    DeliveryError,
    DropEvent,
    EventParseError,
    HMACIdentity,
    Router,
    XAPITranslator,
    parse_line,
)
from eventkit.typing import Event, Translation

QUEUE_SIZE = 1_000
SENDERS = 8
LONGEST_WAIT = 60.0


async def read(queue: asyncio.Queue[Translation], translator: XAPITranslator) -> None:
    """Put a translation of each line into *queue*."""
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        try:
            event = parse_line(line)
        except EventParseError:
            continue
        if translation := await translate(event, translator):
            await queue.put(translation)


async def translate(event: Event, translator: XAPITranslator) -> Translation | None:
    """Translate *event*, as soon as all that has to be looked up can be."""
    wait = 1.0
    while True:
        try:
            return translator(event)
        except DropEvent as drop:
            if not drop.retryable:
                return None
            await asyncio.sleep(drop.retry_after or wait)
            wait = min(2 * wait, LONGEST_WAIT)


async def send(queue: asyncio.Queue[Translation], router: Router) -> None:
    """Deliver what is in *queue*, one translation at a time, until cancelled."""
    while True:
        translation = await queue.get()
        wait = 1.0
        while True:
            try:
                await asyncio.to_thread(router.send, translation)
            except DeliveryError as error:
                await asyncio.sleep(error.retry_after or wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                break
        queue.task_done()


async def main(lms_root: str, consumers: str) -> None:
    """Run until the input ends."""
    translator = XAPITranslator(
        lms_root=lms_root, identity=HMACIdentity({"env": "IDENTITY_SECRET"})
    )
    router = Router(consumers)
    queue: asyncio.Queue[Translation] = asyncio.Queue(QUEUE_SIZE)
    senders = [asyncio.create_task(send(queue, router)) for _ in range(SENDERS)]
    await read(queue, translator)
    await queue.join()
    for sender in senders:
        sender.cancel()
    print(router.stats())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
