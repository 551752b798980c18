"""Requests, which the platform logs under their path: most of a raw log, and hardly any of it."""

from __future__ import annotations

from eventkit.events.rows import Row

EVENTS: tuple[Row, ...] = (
    Row(
        ("implicit",),
        reason=(
            "One line for each HTTP request, most of them handlers, polls and files; the named "
            "events say what learners did."
        ),
    ),
)
