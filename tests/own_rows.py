"""A table of rows as another package would have it."""

from eventkit.events import Event, Statement
from eventkit.events._iris import COMPLETED

EVENTS = (
    Event(
        ("site.lab.closed",),
        xapi=Statement(COMPLETED, lambda view: {"objectType": "Activity", "id": view.block("lab")}),
    ),
)
