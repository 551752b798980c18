"""
Checks for those who add events (golden cases), and for those who write a store.

`golden` says what a golden case is, and compares; `check_store` (`store_checks`) tells whether a
`eventkit.stores.Store` keeps its promises.
"""

from __future__ import annotations

from eventkit.testing.golden import (
    COURSES,
    LMS_ROOT,
    check_case,
    events_without_case,
    golden_cases,
    translate_case,
    write_case,
)
from eventkit.testing.store_checks import check_store

__all__ = [
    "COURSES",
    "LMS_ROOT",
    "check_case",
    "check_store",
    "events_without_case",
    "golden_cases",
    "translate_case",
    "write_case",
]
