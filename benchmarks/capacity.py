"""
How many processors it takes, and what they cost: a model over measured figures.

The model is plain arithmetic, so that it can be checked with a pencil: the processor time of an
event is the sum of what its stages were measured to take, and everything else follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import figures
from benchmarks.figures import Sections
from benchmarks.setup import MICRO

PRICE = 0.04
"""Assumed price of a core for an hour, in US dollars: an input of the model, not a figure."""

LOAD = 0.7
"""Share of a core that is planned for; the rest is for peaks."""

NETWORK = 10e9
"""Assumed bits a second that a machine can send."""

RATES = (100, 10_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of a core for one event, as measured on the machine of the results."""

    send: float
    translate: float
    deliver: float
    accept: float
    drain: float
    line: float
    line_caliper: float
    line_compiled: float
    size: float
    """Bytes of a document."""
    accepted: float
    """Events that one store accepts a second."""

    @property
    def buffered(self) -> float:
        """One event to one consumer, queued in memory."""
        return self.translate + self.deliver

    @property
    def durable(self) -> float:
        """One event to one consumer, through the store."""
        return self.translate + self.accept + self.drain


def costs(sections: Sections) -> Costs:
    """Take the costs of all stages from results."""
    delivered = figures.result(sections, "delivery")["cases"]
    stored = figures.result(sections, "storing")["cases"]["chunks of 500"]
    requests = figures.result(sections, "request")["cases"]["accepted"]
    cases = figures.result(sections, "translation")["cases"]
    [first, *_] = cases["ours line xapi standard translated"]["rounds"]

    def of(name: str) -> float:
        runs = delivered[name]
        return figures.Figure.of([1e6 * run["cpu"] / run["documents"] for run in runs]).median

    return Costs(
        send=figures.percentile(requests, figures.P50).median / 1e3,
        translate=figures.microseconds(sections, "ours event xapi standard translated").median,
        deliver=of("eventkit direct 100"),
        accept=figures.Figure.of([1e6 * run["cpu"] / run["events"] for run in stored]).median,
        drain=of("eventkit durable 100"),
        line=figures.microseconds(sections, "ours line xapi standard mixed").median,
        line_compiled=figures.microseconds(
            sections, "ours line xapi standard mixed compiled"
        ).median,
        line_caliper=figures.microseconds(sections, "ours line caliper standard mixed").median,
        size=first["bytes"] / first["documents"],
        accepted=figures.rates(stored, "events").median,
    )


def cores(rate: float, microseconds: float) -> float:
    """Give the cores for a *rate*, with room for peaks."""
    return rate * microseconds / 1e6 / LOAD


def dollars(microseconds: float) -> float:
    """Give the price of a million events."""
    return microseconds / 3600 / LOAD * PRICE


def stages(sections: Sections) -> str:
    """Write what the stages cost."""
    cost = costs(sections)
    rows = [
        ("send, in the request of the LMS", cost.send),
        ("translate an event to xAPI", cost.translate),
        ("route, write and post it, 100 in a request", cost.deliver),
        ("durable: accept it into the store, 500 at a time", cost.accept),
        ("durable: read, post and settle it, 100 in a request", cost.drain),
        ("a line of a log to xAPI, whole logs", cost.line),
        ("the same, compiled", cost.line_compiled),
        ("a line of a log to Caliper, whole logs", cost.line_caliper),
    ]
    lines = [f"| stage (measured) | {MICRO} of a core |", "| --- | ---: |"]
    return "\n".join([*lines, *(f"| {name} | {value:,.1f} |" for name, value in rows)])


def per_core(sections: Sections) -> str:
    """Write events per core, and the price of a million."""
    cost = costs(sections)
    head = (
        "path (modelled from the stages)",
        f"{MICRO} of a core",
        "events/s of a core",
        f"at {LOAD:.0%} load",
        "US dollars per million",
    )
    lines = [f"| {' | '.join(head)} |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, value in (
        ("in real time, buffered, one consumer", cost.buffered),
        ("in real time, durable, one consumer", cost.durable),
        ("old logs to xAPI", cost.line),
        ("the same, compiled", cost.line_compiled),
        ("old logs to Caliper", cost.line_caliper),
    ):
        lines.append(
            f"| {name} | {value:,.0f} | {1e6 / value:,.0f} | {LOAD * 1e6 / value:,.0f} | "
            f"{dollars(value):.4f} |"
        )
    return "\n".join(lines)


def bottleneck(rate: float, cost: Costs) -> str:
    """Say what gives way first at a *rate*."""
    processes = math.ceil(cores(rate, cost.durable))
    stores = math.ceil(rate / cost.accepted / LOAD)
    bits = rate * cost.size * 8
    if bits > NETWORK * LOAD:
        return (
            f"the network and the receivers, with {bits / 1e9:,.1f} Gbit/s of documents for each "
            f"consumer; before them one store, as it would take {stores}, so a broker"
        )
    if processes > 1 or stores > 1:
        return (
            f"one process, with its one interpreter lock and at most "
            f"{LOAD * 1e6 / cost.durable:,.0f} events/s; one store takes "
            f"{LOAD * cost.accepted:,.0f}"
        )
    return f"nothing: {rate * cost.durable / 1e6:.1%} of one core"


def rates(sections: Sections) -> str:
    """Write the cores for each rate, and the bottleneck."""
    cost = costs(sections)
    head = (
        "events/s (modelled)",
        "cores, buffered",
        "cores, durable",
        "Mbit/s for each consumer",
        "what gives way first",
    )
    lines = [f"| {' | '.join(head)} |", "| ---: | ---: | ---: | ---: | --- |"]
    for rate in RATES:
        buffered, durable = cores(rate, cost.buffered), cores(rate, cost.durable)
        lines.append(
            f"| {rate:,} | {_cores(buffered)} | {_cores(durable)} | "
            f"{rate * cost.size * 8 / 1e6:,.1f} | {bottleneck(rate, cost)} |"
        )
    return "\n".join(lines)


def backfill(sections: Sections) -> str:
    """Write how long old logs take."""
    cost = costs(sections)
    lines = [
        "| lines of old logs (modelled) | core-hours | hours on 16 cores | US dollars |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for number in (10**8, 10**9, 10**10):
        hours = number * cost.line / 1e6 / 3600
        lines.append(
            f"| {number:,} | {hours:,.1f} | {hours / 16 / LOAD:,.1f} | "
            f"{hours / LOAD * PRICE:,.2f} |"
        )
    return "\n".join(lines)


def inputs(_sections: Sections) -> str:
    """Write what the model assumes."""
    return (
        f"- A core for an hour costs {PRICE:.2f} US dollars; put in your own price.\n"
        f"- Cores are planned to be busy {LOAD:.0%} of the time.\n"
        f"- A machine sends {NETWORK / 1e9:.0f} Gbit/s.\n"
        "- Each event goes to one consumer, as one document; further consumers add the delivery.\n"
        "- Processes do not slow each other down, as they share nothing; what they share outside "
        "(a broker, a receiver) is named where it counts."
    )


PARTS: dict[str, Callable[[Sections], str]] = {
    "inputs": inputs,
    "stages": stages,
    "per-core": per_core,
    "rates": rates,
    "backfill": backfill,
}


def _cores(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{math.ceil(value):,}"
