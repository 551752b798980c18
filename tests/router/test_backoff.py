"""How long a consumer in trouble is left alone."""

from __future__ import annotations

import pytest

from eventkit.router.backoff import Pace

PACE = Pace(
    queue_size=1,
    queue_bytes=1,
    backoff=0.5,
    backoff_cap=60.0,
    retry_after_cap=300.0,
    pause=30.0,
    max_age=None,
)


@pytest.mark.parametrize(
    ("failures", "retry_after", "chance", "seconds"),
    [
        (0, None, 1.0, 0.5),
        (1, None, 1.0, 1.0),
        (3, None, 0.5, 2.0),
        (7, None, 1.0, 60.0),
        (10**6, None, 1.0, 60.0),
        (0, None, 0.0, 0.0),
        (0, 20.0, 1.0, 20.0),
        (7, 20.0, 1.0, 60.0),
        (0, 3600.0, 1.0, 300.0),
        (0, 0.0, 1.0, 0.5),
    ],
)
def test_the_wait(failures: int, retry_after: float | None, chance: float, seconds: float) -> None:
    """It doubles up to its cap, and what the receiver asks for counts up to another."""
    assert PACE.wait(failures, retry_after, chance) == seconds
