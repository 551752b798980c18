"""A table of rows as another package would have it."""

from eventkit.events import Row, Statement
from eventkit.events.shapes.iris import COMPLETED


def _broken(view):
    raise KeyError(f"no {view.text('username')} here")


BROKEN = Row(("site.broken",), xapi=Statement(COMPLETED, _broken))
"""A row with a bug, whose message tells something personal."""

EVENTS = (
    Row(
        ("site.lab.closed",),
        xapi=Statement(COMPLETED, lambda view: {"objectType": "Activity", "id": view.block("lab")}),
    ),
)
