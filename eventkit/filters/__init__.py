"""
Which events may pass.

Begin with `filter`, which operators configure. `rules` reads what they write, `fields` says what a
field of a rule asks of an event, `patterns` how a text is matched; `mentions` finds what an event
names wherever it stands, `doubts` the slips of those who write rules, `index` asks many rules at
once, and `match_params` reads what event-routing-backends calls so. Nothing here knows consumers.
"""

from __future__ import annotations

from eventkit.filters.filter import Filter

__all__ = ["Filter"]
