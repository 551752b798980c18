"""Events on their way: what a request pays, how soon they arrive, how many leave."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.candidate import Candidate
from benchmarks.receiver import Receiver
from benchmarks.setup import Setup, percentiles, shuffled

_RUNNING = "ours_running"


def request(setup: Setup) -> dict[str, Any]:
    """Measure what `RealTimeBackend.send` costs inside a request."""
    found: dict[str, list[Any]] = {}
    with Receiver(core=setup.other) as receiver:
        cases: dict[str, dict[str, Any]] = {
            "accepted": {"case": "accepted", "urls": [], "rate": 0},
            "refused": {"case": "refused", "urls": [], "rate": 0},
            # Requests come one after the other, not in one go: caches are cold, and it shows.
            "accepted, 500 a second": {"case": "accepted", "urls": [], "rate": 500},
            "500 a second, behind it a consumer": {
                "case": "inside",
                "urls": [receiver.url],
                "rate": 500,
            },
            "500 a second, behind it a consumer, and one that hangs": {
                "case": "inside",
                "urls": [receiver.url, receiver.hanging],
                "rate": 500,
            },
        }
        for number in range(setup.size.repeats):
            for name in shuffled(number, list(cases)):
                setup.say(f"request: {name}")
                many = setup.size.requests // (10 if cases[name]["rate"] else 1)
                # Free to go to either core: the threads of a process that serves requests are.
                with Candidate(_RUNNING) as ours:
                    result = ours.ask("request", **cases[name], number=many)
                result["percentiles"] = percentiles(result.pop("nanoseconds"))
                found.setdefault(name, []).append(result)
    return {"cases": found}


WAITS = (None, 0.001, 0.2)
"""What documents wait for company: as long as they do by default, hardly, and for as long as may
be where requests are dear. Seconds."""


def latency(setup: Setup) -> dict[str, Any]:
    """Measure the time from emit to arrival."""
    found: dict[str, list[Any]] = {}
    with Receiver(core=setup.other) as receiver, _folder(setup) as folder:
        for number in range(setup.size.repeats):
            cases = {
                f"{mode} {rate}" + ("" if wait is None else f" {wait}"): (rate, mode, wait)
                for rate in setup.size.rates
                for mode in ("buffered", "durable")
                for wait in (WAITS if mode == "durable" else WAITS[:1])
            }
            for name in shuffled(number, list(cases)):
                rate, mode, wait = cases[name]
                setup.say(f"latency: {name}")
                with tempfile.TemporaryDirectory(dir=folder) as fresh:
                    store = "" if mode == "buffered" else f"{fresh}/store.db"
                    with Candidate(_RUNNING, core=setup.core) as ours:
                        result = ours.ask(
                            "emit",
                            url=receiver.url,
                            rate=rate,
                            seconds=setup.size.seconds,
                            store=store,
                            seed=number,
                            max_wait=wait,
                        )
                result["percentiles"] = percentiles(result.pop("milliseconds"))
                result["events"] = int(rate * setup.size.seconds)
                found.setdefault(name, []).append(result)
    return {"cases": found}


def delivery(setup: Setup) -> dict[str, Any]:
    """Measure statements a second, one by one and in batches of 100."""
    found: dict[str, list[Any]] = {}
    with (
        Receiver(core=setup.other) as receiver,
        _folder(setup) as folder,
        Candidate(_RUNNING, core=setup.core) as ours,
        Candidate("erb", "erb", core=setup.core) as erb,
    ):
        for batch in (1, 100):
            number = setup.size.delivered // (10 if batch == 1 else 1)
            path = f"{folder}/bodies-{batch}"
            documents = ours.ask("statements", number=number, batch=batch, path=path, seed=1)
            turns = _turns(ours, erb, receiver.url, path, folder, number, batch)
            for round_number in range(setup.size.rounds):
                setup.say(f"delivery: batch {batch}, round {round_number + 1}")
                for name in shuffled(round_number, list(turns)):
                    receiver.control("reset")
                    result = turns[name]()
                    arrived = receiver.control("")["documents"]
                    if arrived != documents:
                        raise AssertionError(f"{name}: {arrived} of {documents} have arrived")
                    found.setdefault(f"{name} {batch}", []).append(
                        result | {"documents": documents}
                    )
    return {"cases": found}


def _turns(
    ours: Candidate, erb: Candidate, url: str, path: str, folder: str, number: int, batch: int
) -> dict[str, Callable[[], Any]]:
    """List who delivers, and how they are asked to."""
    own = {"url": url, "number": number, "batch": batch, "seed": 1}

    def durable() -> Any:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            return ours.ask("drain", **own, store=f"{fresh}/store.db")

    return {
        "session": lambda: ours.ask("bare", url=url, path=path, parse=False),
        "session and json": lambda: ours.ask("bare", url=url, path=path, parse=True),
        "eventkit buffered": lambda: ours.ask("drain", **own, store=""),
        "eventkit durable": durable,
        "eventkit direct": lambda: ours.ask("deliver", **own),
        "erb": lambda: erb.ask("deliver", url=url, path=path),
    }


def storing(setup: Setup) -> dict[str, Any]:
    """Measure how fast a durable router accepts events."""
    found: dict[str, list[Any]] = {}
    cases = {
        "chunks of 500": {"threads": 1, "chunk": 500},
        "32 threads, one by one": {"threads": 32, "chunk": 1},
    }
    with Receiver(core=setup.other) as receiver, _folder(setup) as folder:
        for number in range(setup.size.repeats):
            for name in shuffled(number, list(cases)):
                setup.say(f"storing: {name}")
                store = f"{folder}/accept-{number}-{cases[name]['threads']}.db"
                with Candidate(_RUNNING, core=setup.core) as ours:
                    found.setdefault(name, []).append(
                        ours.ask(
                            "accept",
                            url=receiver.hanging,
                            store=store,
                            number=setup.size.accepted,
                            seed=number,
                            **cases[name],
                        )
                    )
                Path(store).unlink(missing_ok=True)
    return {"cases": found}


def _folder(setup: Setup) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=setup.folder)
