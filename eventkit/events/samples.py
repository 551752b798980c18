"""
An example of every event that eventkit knows: for people who want to try something.

They are made up, and speak of one course and one learner who do not exist.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files

from eventkit.events.catalogue import catalogue
from eventkit.typing import Event, Json

_FILE = "events/samples.json.gz"


def names() -> tuple[str, ...]:
    """Give the canonical names of all events that there is an example of, as the catalogue goes."""
    return tuple(_samples())


def sample(name: str) -> Event | None:
    """
    Give an example of the event of that *name*, any of its names; None when there is none.

    It is the caller's own, to be changed at will.
    """
    text = _samples().get(catalogue().canonical(name))
    event: Json | None = None if text is None else json.loads(text)
    return event


@cache
def _samples() -> dict[str, str]:
    """Give the examples as JSON, by canonical name."""
    packed = files("eventkit").joinpath(_FILE).read_bytes()
    found: Json = json.loads(gzip.decompress(packed))
    return {name: json.dumps(event) for name, event in found.items()}
