"""
What keeps accepted documents safe until each consumer has them.

Begin with `store`: what a store must promise. `sqlite` is the one that comes with the package;
`eventkit.testing.check_store` tells whether another keeps the promises. `opening` finds out what
lies at a path.
"""

from __future__ import annotations

from eventkit.stores.opening import open_dead_letters
from eventkit.stores.sqlite.store import SQLiteStore
from eventkit.stores.store import DAMAGED, INBOX, DeadLetters, Entry, Parcel, Settled, Store

__all__ = [
    "DAMAGED",
    "INBOX",
    "DeadLetters",
    "Entry",
    "Parcel",
    "SQLiteStore",
    "Settled",
    "Store",
    "open_dead_letters",
]
