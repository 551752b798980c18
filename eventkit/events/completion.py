"""Completion of blocks."""

from __future__ import annotations

from eventkit.events._iris import PROGRESS, PROGRESSED, RESOURCE
from eventkit.events._rows import Event, Statement
from eventkit.events._view import View, activity
from eventkit.typing import Json


def block(view: View) -> Json:
    """Make the block that was worked on."""
    return activity(view.block("block_id"), RESOURCE)


def progress(view: View) -> Json | None:
    """Say how much of it is done, as a whole percentage (cmi5, result extension progress)."""
    share = view.number("completion")
    if share is None:
        return None
    share = max(0, min(1, share))
    return {"completion": share == 1, "extensions": {PROGRESS: round(share * 100)}}


EVENTS = (
    Event(
        ("edx.completion.block_completion.changed",),
        xapi=Statement(PROGRESSED, block, result=progress),
    ),
)
