"""
Events of other packages, found by their entry points.

A package names a table of rows in the group ``eventkit.events``::

    [options.entry_points]
    eventkit.events =
        virtual_lab = lab_xblock.events:EVENTS
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from eventkit.events.rows import Row
from eventkit.exceptions import ConfigurationError

GROUP = "eventkit.events"


def installed_rows() -> Iterator[tuple[str, tuple[Row, ...]]]:
    """
    Give the tables of all installed packages: where each comes from, and its rows.

    A row without a family gets the name of its entry point.

    Raises:
        ConfigurationError: a table cannot be loaded, or holds something else than rows.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        origin = f"entry point {point.name!r} of package {_package(point)}"
        try:
            rows = tuple(point.load())
        except Exception as error:
            raise ConfigurationError(
                f"{origin}: cannot load {point.value!r} ({type(error).__name__}: {error}); "
                "correct the package or uninstall it"
            ) from error
        for row in rows:
            if not isinstance(row, Row):
                raise ConfigurationError(
                    f"{origin}: expected rows of type eventkit.events.Row, "
                    f"got {type(row).__name__}; correct the package or uninstall it"
                )
        yield origin, tuple(row if row.family else replace(row, family=point.name) for row in rows)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"
