"""eventkit at work: backends, routers and stores, each measured by a function of its own."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import corpus
from benchmarks.candidates.ours import translator
from benchmarks.receiver import control

_PATIENCE = 600.0


def _translations(number: int, *, seed: int) -> list[Any]:
    translate = translator("xapi")
    events = corpus.events("translated", seed=seed, shape="live")
    return [translate(event) for event in itertools.islice(events, number)]


def _consumer(url: str, **more: Any) -> dict[str, Any]:
    return {"id": "receiver", "protocol": "xapi", "url": url} | more


def _router(consumers: list[Any], *, store: str = "", **more: Any) -> Any:
    """Make a router that buffers, in memory or, with *store*, on disk."""
    from eventkit import Router

    if store:
        return Router(consumers, store=store, **more)
    return Router(consumers, mode="buffered", **more)


def _port(url: str) -> int:
    return urlsplit(url).port or 80


def _pause(until: float) -> None:
    """Wait for a moment of the clock, without keeping other threads from working meanwhile."""
    left = until - time.perf_counter()
    if left > 0:
        time.sleep(left)


def request(case: str, urls: list[str], number: int, rate: float) -> dict[str, Any]:
    """
    Send events as requests of an LMS do, and give the nanoseconds that each took.

    *case*: ``accepted`` and ``refused`` are filtered and handed to a callable; ``inside`` goes
    through a thread of this process, translation and router to a consumer at each of *urls*.
    """
    from eventkit import EventRoutingBackend, Filter, RealTimeBackend

    course = "course-v1:*" if case != "refused" else "course-v1:Elsewhere+*"
    accept = Filter(allow=[{"course": course}], deny=[{"event": "edx.certificate.*"}])
    router = None
    if case == "inside":
        consumers = [_consumer(url, id=f"receiver-{place}") for place, url in enumerate(urls)]
        router = _router(consumers)
        backend = EventRoutingBackend(processors=[translator("xapi")], backends={"router": router})
        real = RealTimeBackend(processors=[accept], backend=backend)
    else:
        queue: deque[Any] = deque(maxlen=100)
        real = RealTimeBackend(processors=[accept], enqueue=queue.append)
    events = list(itertools.islice(corpus.events("translated", shape="live"), number))
    for event in events[:200]:
        real.send(event)
    took = []
    start = time.perf_counter()
    for index, event in enumerate(events):
        if rate:
            _pause(start + index / rate)
        before = time.perf_counter_ns()
        real.send(event)
        took.append(time.perf_counter_ns() - before)
    stats = real.stats()
    real.close(0.1)
    if router is not None:
        router.close(0.1)
    return {"nanoseconds": took, "stats": stats}


def emit(
    url: str, rate: float, seconds: float, store: str, seed: int, max_wait: float | None = None
) -> dict[str, Any]:
    """
    Emit *rate* events a second, and give the milliseconds until each arrived.

    The whole path: `RealTimeBackend`, its thread, translation, router, HTTP; with *max_wait* the
    consumer's documents wait so many seconds for company, not as long as they do by default. The
    clock starts when the event is due, so that an emitter that is held up makes the figures worse,
    not better.
    """
    from eventkit import EventRoutingBackend, RealTimeBackend

    port = _port(url)
    number = int(rate * seconds)
    events = list(
        itertools.islice(corpus.events("translated", seed=seed, shape="live"), number + 200)
    )
    translate = translator("xapi")
    more = {} if max_wait is None else {"batch": {"max_wait": max_wait}}
    queue = {} if store else {"queue_size": 1_000_000}
    router = _router([_consumer(url, **more)], store=store, **queue)
    backend = EventRoutingBackend(processors=[translator("xapi")], backends={"router": router})
    real = RealTimeBackend(backend=backend, max_queue=1_000_000)
    for event in events[number:]:
        real.send(event)  # warms everything up
    real.flush(_PATIENCE)
    router.flush(_PATIENCE)
    control(port, "reset")
    ids = [translate.translate(event)[0]["id"] for event in events[:number]]
    due = []
    # The two clocks differ by a constant.
    offset = time.monotonic_ns() - time.perf_counter_ns()
    cpu = time.process_time()
    start = time.perf_counter() + 0.05
    for index, event in enumerate(events[:number]):
        moment = start + index / rate
        _pause(moment)
        due.append(int(moment * 1e9) + offset)
        real.send(event)
    done = time.perf_counter()
    cpu = time.process_time() - cpu
    flushed = real.flush(_PATIENCE) and router.flush(_PATIENCE)
    requests = control(port, "")["requests"]
    arrivals = control(port, "arrivals")["arrivals"]
    stats = router.stats()
    real.close(5)
    router.close(5)
    took = [
        (arrivals[each] - at) / 1e6 for each, at in zip(ids, due, strict=True) if each in arrivals
    ]
    return {
        "milliseconds": took,
        "missing": len(set(ids) - set(arrivals)),
        "seconds": done - start,
        "cpu": cpu,
        "requests": requests,
        "flushed": flushed,
        "stats": {key: value for key, value in stats.items() if value},
    }


def statements(number: int, batch: int, path: str, seed: int) -> int:
    """Write the bodies of requests with *batch* statements each to a file, a line each."""
    from eventkit.base.json import dumps

    found = _translations(number, seed=seed)
    documents = [document for each in found for document in each["documents"]][:number]
    bodies = [dumps(document) for document in documents]
    with Path(path).open("wb") as file:
        file.writelines(
            b"[" + b",".join(bodies[first : first + batch]) + b"]\n"
            for first in range(0, len(bodies), batch)
        )
    return len(bodies)


def drain(url: str, number: int, batch: int, store: str, seed: int) -> dict[str, Any]:
    """Queue statements while the receiver does not answer; then say how fast they leave."""
    port = _port(url)
    found = _translations(number, seed=seed)
    control(port, "reset")
    control(port, "close")
    limits = {"max_size": batch, "max_wait": 0.05}
    more: dict[str, Any] = {} if store else {"queue_size": number + 1, "queue_bytes": 10**9}
    router = _router([_consumer(url, batch=limits, timeout=300)], store=store, **more)
    router.send_many(found)
    control(port, "open")
    start, cpu = time.perf_counter(), time.process_time()
    done = router.flush(_PATIENCE)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    received = control(port, "")
    router.close(5)
    return {"seconds": wall, "cpu": cpu, "documents": number, "done": done, "received": received}


def deliver(url: str, number: int, batch: int, seed: int) -> dict[str, Any]:
    """Deliver in the caller's thread: statements are written as JSON, and posted."""
    from eventkit import Router

    found = _translations(number, seed=seed)
    router = Router([_consumer(url, batch={"max_size": batch})])
    routed = [delivery for each in found for delivery in router.route(each)]
    start, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(routed), batch):
        router.deliver(routed[first : first + batch])
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    router.close(5)
    return {"seconds": wall, "cpu": cpu, "documents": number}


def bare(url: str, path: str, parse: bool) -> dict[str, Any]:  # noqa: FBT001 - of the protocol
    """Post the bodies of a file with one session; with *parse*, write them as JSON each time."""
    import json

    import requests

    bodies = Path(path).read_bytes().splitlines()
    parsed = [json.loads(body) for body in bodies] if parse else []
    headers = {"X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"}
    session = requests.Session()
    session.trust_env = False  # no look for proxies in each request
    target = f"{url}/statements"
    start, cpu = time.perf_counter(), time.process_time()
    for index, body in enumerate(bodies):
        data = json.dumps(parsed[index]).encode() if parse else body
        session.post(target, data=data, headers=headers, timeout=60).raise_for_status()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": wall, "cpu": cpu}


def accept(
    url: str, store: str, number: int, threads: int, chunk: int, seed: int
) -> dict[str, Any]:
    """Hand translations to a durable router whose consumer does not answer; say how fast."""
    found = _translations(number, seed=seed)
    router = _router([_consumer(url)], store=store)
    start, cpu = time.perf_counter(), time.process_time()
    if threads == 1:
        for first in range(0, number, chunk):
            router.send_many(found[first : first + chunk])
    else:
        _in_threads(threads, found, router.send)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    pending = router.stats()["pending"]
    router.close(0.1)
    return {"seconds": wall, "cpu": cpu, "events": number, "pending": pending}


def _in_threads(threads: int, items: list[Any], act: Callable[[Any], object]) -> None:
    failures: list[BaseException] = []

    def run(share: list[Any]) -> None:
        try:
            for item in share:
                act(item)
        except BaseException as error:  # noqa: BLE001 - told to the caller
            failures.append(error)

    started = [
        threading.Thread(target=run, args=(items[first::threads],)) for first in range(threads)
    ]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]


def rows(extra: int, number: int) -> dict[str, Any]:
    """Translate with *extra* rows beside those of the catalogue."""
    from eventkit.events import Row, Statement
    from eventkit.events.shapes.iris import COMPLETED

    def shape(view: Any) -> Any:
        return {"objectType": "Activity", "id": view.block("lab")}

    more = [
        Row((f"site.thing.{index}.done",), xapi=Statement(COMPLETED, shape))
        for index in range(extra)
    ]
    translate = translator("xapi", events=more).translate if extra else translator("xapi").translate
    events = list(itertools.islice(corpus.events("translated"), number))
    for event in events:
        translate(event)
    start = time.process_time()
    for event in events:
        translate(event)
    return {"cpu": time.process_time() - start, "items": number}


def consumers(others: int, number: int) -> dict[str, Any]:
    """Route to one consumer that wants everything, among *others* that want other courses."""
    from eventkit import Router

    url = "http://127.0.0.1:9/xapi"
    translate = translator("xapi")
    events = list(itertools.islice(corpus.events("translated", seed=5, shape="live"), number))
    for event in events:
        translate(event)
    start = time.process_time()
    found = [translate(event) for event in events]
    translation = time.process_time() - start
    router = Router(
        [
            _consumer(url),
            *(
                _consumer(f"{url}{index}")
                | {"id": f"other-{index}", "allow": [{"course": f"course-v1:Other+C{index}+*"}]}
                for index in range(others)
            ),
        ]
    )
    for each in found[:200]:
        router.route(each)
    start = time.process_time()
    routed = sum(len(router.route(each)) for each in found)
    cpu = time.process_time() - start
    router.close(0.1)
    if routed != number:
        raise AssertionError(f"{routed} deliveries of {number} events")
    return {"cpu": cpu, "translation": translation, "items": number}


def backlog(path: str, sizes: list[int], probe: int) -> list[dict[str, Any]]:
    """Fill a store, and at each of *sizes* say what putting and taking cost."""
    from eventkit.stores import Parcel, Settled, SQLiteStore

    body = _body()
    store = SQLiteStore(path, max_bytes=100_000_000_000)

    def put(number: int) -> float:
        parcel = Parcel(
            consumers={"receiver": "rules"},
            name="play_video",
            protocol="xapi",
            bodies=(body,),
            event=b"{}",
        )
        start = time.perf_counter()
        for first in range(0, number, 500):
            store.put([parcel] * min(500, number - first))
        return time.perf_counter() - start

    def take(number: int) -> float:
        start = time.perf_counter()
        store.lease("bench", ["receiver"], 60)
        after, done = -1, 0
        while done < number:
            entries = store.take("receiver", after=after, limit=500, max_bytes=10**9)
            after = entries[-1].position
            settled = [Settled(position=each.position, delivered=1) for each in entries]
            store.settle("receiver", settled)
            done += len(entries)
        return time.perf_counter() - start

    result = []
    waiting = 0
    for size in sizes:
        if size > waiting:
            put(size - waiting)
            waiting = size
        puts, takes = put(probe), take(probe)
        result.append({"backlog": size, "put": puts / probe, "take": takes / probe})
    store.close()
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            Path(path + suffix).unlink()
    return result


def _body() -> bytes:
    from eventkit.base.json import dumps

    return dumps(_translations(1, seed=3)[0]["documents"][0])
