"""
What events become in xAPI, told as an xAPI profile (xAPI Profiles 1.0, JSON-LD).

It defines what Open edX has coined, and has a statement template for each kind of statement. It
is written from the tables by ``docs/make_profile.py``; its version is that of the mapping.
`eventkit.validation.profiles` checks statements against it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from eventkit.events.catalogue import catalogue
from eventkit.typing import Json

_FILE = "events/profile.jsonld"
_TEMPLATES = "/templates#"


def text() -> bytes:
    """Give the profile as it is published."""
    return files("eventkit").joinpath(_FILE).read_bytes()


def profile() -> Json:
    """Give the profile; it is the caller's own, to be changed at will."""
    found: Json = json.loads(text())
    return found


def templates(name: str) -> tuple[Json, ...]:
    """
    Give the templates of the statements that the event of that *name*, any of its names, becomes.

    There are several where that depends on what the event holds; none where it has no statement,
    or its row is that of another package. They are not to be changed.
    """
    return _templates().get(catalogue().canonical(name), ())


@cache
def _templates() -> dict[str, tuple[Json, ...]]:
    found: dict[str, tuple[Json, ...]] = {}
    for template in profile()["templates"]:
        name = template["id"].partition(_TEMPLATES)[2].partition("/")[0]
        found[name] = (*found.get(name, ()), template)
    return found
