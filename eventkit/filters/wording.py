"""Access rules in plain words, for those who did not write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def in_words(
    allow: Iterable[Mapping[str, Any]] | None,
    deny: Iterable[Mapping[str, Any]] | None = None,
    orgs: Iterable[str] | None = None,
) -> str:
    """
    Say in plain words what access rules let through: "gets grades of all courses of edX, ...".

    The arguments are as of `eventkit.Filter`.

    Raises:
        ConfigurationError: they are wrong, as there.
    """
    is_all = allow is None and not deny and orgs is None
    return "gets all events" if is_all else "gets some events"
