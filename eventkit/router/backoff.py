"""How long a consumer in trouble (a 429, a 503) is left alone, and how much may wait for it."""

from __future__ import annotations

import attrs

_MAX_DOUBLINGS = 30


@attrs.frozen
class Pace:
    """How much may wait for a consumer, and how often one in trouble is tried."""

    queue_size: int
    queue_bytes: int
    backoff: float
    """Seconds before the first retry, at most."""
    backoff_cap: float
    """Seconds before any retry, at most."""
    retry_after_cap: float
    """Seconds that the wait which a receiver asks for (``Retry-After``) is heeded, at most."""
    pause: float
    """Seconds between two looks at a consumer that needs somebody to correct a setting."""
    max_age: float | None

    def heeded(self, retry_after: float) -> float:
        """Give the seconds to wait for one who asked for *retry_after*."""
        return min(retry_after, self.retry_after_cap)

    def wait(self, failures: int, retry_after: float | None, chance: float) -> float:
        """
        Give the seconds to leave a consumer alone.

        Args:
            failures: how often it has failed before this time.

            retry_after: the seconds that it asked for; None: it did not.

            chance: from 0 to 1. Senders that failed together do not come back together.
        """
        doubled = self.backoff * 2.0 ** min(failures, _MAX_DOUBLINGS)
        return max(chance * min(self.backoff_cap, doubled), self.heeded(retry_after or 0.0))
