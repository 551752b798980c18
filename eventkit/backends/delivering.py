"""Handing an event to backends, whatever they do with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from eventtracking.processors.exceptions import (
    EventEmissionExit,
    NoBackendEnabled,
    NoTransformerImplemented,
)

from eventkit.backends.chain import is_own
from eventkit.base.blame import blame, is_interrupt
from eventkit.base.throttle import SafeLogger, describe, name_of
from eventkit.exceptions import DeliveryError, LookupFailed, StoreError
from eventkit.typing import Backend

_log = SafeLogger(__name__)

Failure = tuple[int, DeliveryError]
"""The position of an event in a list, and why it was not delivered."""

_SKIPS = (EventEmissionExit, NoTransformerImplemented, NoBackendEnabled)
"""How a backend of event-tracking says that an event is none of its business."""


def try_to_send(
    send: Callable[[Any], object], backend: Backend, name: str, what: Any
) -> DeliveryError | None:
    """Call *send*, a method of *backend*, with *what*; give the failure, if it is one."""
    try:
        # Others' backends may change what they are given, and it is shared with their siblings.
        send(what if is_own(backend) else deepcopy(what))
    except _SKIPS:
        return None
    except DeliveryError as error:
        return error
    except Exception as error:
        if is_interrupt(error):
            raise
        # One backend's failure must not stop the others. What comes from the network or a disk may
        # work next time; the rest is a bug.
        return DeliveryError(
            f"backend {name!r} failed: {describe(error)}", retryable=blame(error) == "receiver"
        )
    return None


def summary(errors: Sequence[DeliveryError]) -> DeliveryError:
    """Make one error of many: worth another try if any of them is, after the longest wait."""
    first = next((error for error in errors if error.retryable), errors[0])
    if len(errors) == 1 or any(
        all(isinstance(error, kind) for error in errors) for kind in (StoreError, LookupFailed)
    ):
        # To who tries again it matters that it was the store, or a look-up.
        return first
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return DeliveryError(
        f"{len(errors)} deliveries failed, among them: {first}",
        retryable=first.retryable,
        retry_after=max(waits, default=None),
        consumer=first.consumer,
    )


def tell(backend: Backend | None, what: str, deadline: float) -> bool:
    """Flush or close *backend*, if it can be, and tell whether it was done in time."""
    method = getattr(backend, what, None)
    if not callable(method):
        return True
    try:
        return method(max(deadline - time.monotonic(), 0.0)) is not False
    except Exception as error:
        if is_interrupt(error):
            raise
        # The others must get their turn.
        _log.warning("Backend %s failed to %s: %s", name_of(backend), what, describe(error))
        return False
