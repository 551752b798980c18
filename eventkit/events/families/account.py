"""Accounts."""

from __future__ import annotations

from eventkit.events.rows import Row

EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.user.settings.changed",),
        reason="A setting of an account, often personal data; not a learning event.",
    ),
)
