"""
The two ends of the queue between a request and the background.

Begin with `real_time`, which stands in the request and must never hurt it, and `routing`, which
works in the background; both are what event-tracking calls a backend. `relay` is the other end of a
store. `enqueueing` finds what an event is handed to, `worker` is a queue and a thread inside this
process, `chain` runs processors, `delivering` hands an event to backends whatever they do with it.
"""

from __future__ import annotations

from eventkit.backends.real_time import RealTimeBackend
from eventkit.backends.relay import Relay
from eventkit.backends.routing import EventRoutingBackend

__all__ = ["EventRoutingBackend", "RealTimeBackend", "Relay"]
