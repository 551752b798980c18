"""
Telling a registry how its consumers are doing, and what this process has done for them.

Counts are kept where they arise, and never reset: a report says what has come since the last one
that got through, so what a failed one said is in the next.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from eventkit.base.throttle import SafeLogger, Throttle, describe
from eventkit.consumers.loading import Reported
from eventkit.consumers.reports import ConsumerReport
from eventkit.router.fleet import Fleet
from eventkit.router.keeper import Keeper
from eventkit.transports.transport import CONFLICT

_throttle = Throttle(SafeLogger(__name__))

EVERY = 10.0
"""Seconds between two reports."""
HEARTBEAT = 60.0
"""Seconds after which also those are reported of which there is nothing new."""
CLOSING = 5.0
"""Seconds that all reporters of a process together get when it ends."""
GRACE = 1.0
"""Seconds for the last report, at least."""


class Reporter:
    """
    Report now and then, from a thread of its own; delivery waits for nothing.

    Args:
        registry: who is told.

        fleet: what there is to tell of.

        count: counts an error by its name.
    """

    def __init__(self, registry: Reported, fleet: Fleet, count: Callable[[str], object]) -> None:
        self._registry = registry
        self._fleet = fleet
        self._count = count
        self._name = uuid4().hex
        self._unassigned: dict[str, Counter[str]] = {}
        self._told: dict[str, Counter[str]] = {}
        self._seen: dict[str, object] = {}
        self._all_at = -float("inf")
        self._adding = threading.Lock()
        self._reporting = threading.Lock()
        self._is_open = False
        self._begin()

    def ensure(self) -> None:
        """Have it report from now on."""
        if not self._is_open:
            self._is_open = True
            _open.add(self)
        self._keeper.ensure()

    def add_dead(self, consumer: str, reason: str, number: int) -> None:
        """Count documents that became dead letters on no consumer's lane."""
        with self._adding:
            self._unassigned.setdefault(consumer, Counter())[f"dead:{reason}"] += number

    def close(self, until: float) -> None:
        """Report for the last time, and wait for that, but not long beyond *until*."""
        if not self._is_open:
            return
        self._is_open = False
        keeper = self._keeper
        # Who goes on after that is reported by another thread.
        self._begin()
        if keeper.is_running:
            if not keeper.stop(max(GRACE, until - time.monotonic())):
                _throttle.warning("slow", "The last report of consumers takes too long")
        else:
            # No thread is to be had, as at the end of an interpreter.
            self.conclude()

    def report(self) -> None:
        """Report what is new."""
        self._report(closing=False)

    def conclude(self) -> None:
        """Report all, for the last time."""
        self._report(closing=True)

    def _begin(self) -> None:
        self._keeper = Keeper(self.report, EVERY, at_end=self.conclude)

    def _report(self, *, closing: bool) -> None:
        with self._reporting:
            try:
                now = time.monotonic()
                is_all = closing or now >= self._all_at
                counts = self._counts()
                seen = {name: self._glance(name, counts) for name in self._names(counts)}
                reports = [
                    self._made(name, counts)
                    for name, glance in seen.items()
                    if is_all or glance is None or glance != self._seen.get(name)
                ]
                if not reports and not closing:
                    return
                self._registry.report(reports, closing=closing)
            except BaseException as error:  # a registry is not ours
                self._count("report_failed")
                if _is_signal(error):
                    raise
                _throttle.warning("report", "Consumers cannot be reported: %s", describe(error))
                return
            self._told = counts
            self._seen = seen
            if is_all:
                self._all_at = now + HEARTBEAT

    def _names(self, counts: Mapping[str, object]) -> list[str]:
        return list(dict.fromkeys((*self._fleet.plan.by_id, *counts)))

    def _counts(self) -> dict[str, Counter[str]]:
        """Count what this process has done for each consumer since the router began."""
        with self._adding:
            found = {name: Counter(counts) for name, counts in self._unassigned.items()}
        for lane in self._fleet.lanes.values():
            found.setdefault(lane.consumer.id, Counter()).update(
                {
                    name: number
                    for name, number in lane.stats().items()
                    if name in ("delivered", "retries") or name.startswith(("dead:", "dropped:"))
                }
            )
        return found

    def _glance(self, name: str, counts: Mapping[str, Counter[str]]) -> object:
        """Give what changes when there is anything new; None: there is, as something waits."""
        known, lanes = self._fleet.plan.by_id.get(name), self._fleet.lanes_of(name)
        if any(lane.pending for lane in lanes):
            return None
        is_enabled = known is not None and known.enabled
        return is_enabled, counts.get(name), [(lane.state, lane.last) for lane in lanes]

    def _made(self, name: str, counts: Mapping[str, Counter[str]]) -> ConsumerReport:
        fleet = self._fleet
        health: Mapping[str, Any] = fleet.health(name) or {"state": "removed"}
        new = Counter(counts.get(name, ()))
        new.subtract(self._told.get(name, ()))
        lane = fleet.lane(name)
        success, error = lane.last if lane is not None else (None, None)
        return ConsumerReport(
            router=self._name,
            consumer=name,
            state=health["state"],
            reason=health.get("reason") or "",
            status=health.get("status"),
            detail=health.get("detail") or "",
            response=health.get("response") or "",
            pending=health.get("pending", 0),
            store=fleet.store_name,
            oldest_seconds=health.get("oldest_seconds", 0.0),
            last_success=success,
            last_error=error,
            delivered=new["delivered"],
            retried=new["retries"],
            dead=_by_reason(new, "dead:"),
            dropped=_by_reason(new, "dropped:"),
            conflict=new[f"dead:{CONFLICT}"],
        )


def _is_signal(error: BaseException) -> bool:
    """Tell whether *error* may be meant for the process, and none of the registry's."""
    is_ours = threading.current_thread() is threading.main_thread()
    return is_ours and not isinstance(error, Exception)


_open: weakref.WeakSet[Reporter] = weakref.WeakSet()
"""Those of this process that have something to report, or may have."""


def close_all() -> None:
    """Have all of them report for the last time: the process ends."""
    until = time.monotonic() + CLOSING
    for reporter in list(_open):
        reporter.close(until)


def _by_reason(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): number
        for name, number in sorted(counts.items())
        if name.startswith(prefix) and number
    }
