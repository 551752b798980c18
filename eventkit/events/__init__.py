"""
Every event that eventkit knows: one module per family, one row per event.

To add an event, add a row to the table `EVENTS` of its family in `families`. Another package names
its table in an entry point ``eventkit.events``, or hands its rows to a translator's ``events=``.

`rows` says what a row can say; `shapes` holds what rows are made of: readers of events, IRIs, and
the parts of documents. Nothing here knows how a translator works.
"""

from __future__ import annotations

from eventkit.events.catalogue import CATALOGUE, FAMILIES, Catalogue, catalogue
from eventkit.events.one_of import OneOf
from eventkit.events.rows import Action, Child, Row, Statement
from eventkit.events.shapes.caliper import entity
from eventkit.events.shapes.iris import Verb
from eventkit.events.shapes.view import View, activity

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "Action",
    "Catalogue",
    "Child",
    "OneOf",
    "Row",
    "Statement",
    "Verb",
    "View",
    "activity",
    "catalogue",
    "entity",
]
