"""
Which events may pass.

Begin with `filter`, which operators configure. `rules` reads what they write, `fields` says what a
field of a rule asks of an event, `patterns` how a text is matched; `mentions` finds what an event
names wherever it stands, `doubts` the slips of those who write rules, `index` asks many rules at
once, and `match_params` reads what event-routing-backends calls so. `explaining` says which rule
decided and why, `wording` what rules say in plain words. Nothing here knows consumers.
"""

from __future__ import annotations

from eventkit.filters.explaining import Decision
from eventkit.filters.filter import Filter
from eventkit.filters.wording import in_words

__all__ = ["Decision", "Filter", "in_words"]
