"""What a registry is told of its consumers (`eventkit.consumers.Reported`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class LastError:
    """The last time that a consumer did not take what it was sent."""

    time: datetime
    """When, with its zone."""
    reason: str
    """A slug, such as ``http_503``, ``timeout`` or ``gone``."""
    status: int | None = None
    """The HTTP status, if there was one."""
    detail: str = ""
    """One line for people."""
    response: str = ""
    """The beginning of what the receiver said, without our secrets."""

    def as_dict(self) -> dict[str, Any]:
        """Give it in JSON, the time in ISO 8601."""
        return {**attrs.asdict(self), "time": self.time.isoformat()}


@attrs.frozen(kw_only=True)
class ConsumerReport:
    """
    How one consumer is doing in one router, and what that has done since its last report.

    All counts are of documents, but for *retried*, and of this router in this process alone,
    whatever others do on the same store: those of all reports add up to what all have done.
    """

    router: str
    """Names the router; another one in each process, in a forked child too."""
    consumer: str
    """The id."""
    state: str
    """As in `eventkit.Router.health`."""
    reason: str = ""
    status: int | None = None
    detail: str = ""
    response: str = ""
    pending: int = 0
    """Documents that wait; on a store those of all its processes, so not to be added up."""
    store: str = ""
    """Names the store, the same for all its processes on a machine; ``""``: there is none."""
    oldest_seconds: float = 0.0
    """For how long the oldest of them has waited."""
    last_success: datetime | None = None
    """When the consumer took something last, with its zone; None: not since the router began."""
    last_error: LastError | None = None
    delivered: int = 0
    retried: int = 0
    """Requests that failed and are, or can be, made again."""
    dead: Mapping[str, int] = attrs.field(factory=dict)
    """Documents that became dead letters, by reason."""
    dropped: Mapping[str, int] = attrs.field(factory=dict)
    """Documents that were given up without a letter, by reason."""
    conflict: int = 0
    """Of the dead: those under whose id the consumer has another document."""

    def as_dict(self) -> dict[str, Any]:
        """Give it in JSON, times in ISO 8601."""
        found = attrs.asdict(self, recurse=False)
        success, error = self.last_success, self.last_error
        return found | {
            "dead": dict(self.dead),
            "dropped": dict(self.dropped),
            "last_success": None if success is None else success.isoformat(),
            "last_error": None if error is None else error.as_dict(),
        }
