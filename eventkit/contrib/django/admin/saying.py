"""What rules say, in words, for the page that they are written on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs

from eventkit.contrib.django.models import Rule
from eventkit.contrib.django.rows import rules_of
from eventkit.exceptions import ConfigurationError
from eventkit.filters.wording import in_words


@attrs.frozen
class Said:
    """A sentence, and what is wrong."""

    sentence: str
    problems: tuple[str, ...] = ()


_NOTHING = (
    "It gets nothing yet. Add a condition that allows something, or let it have everything that "
    "no rule denies."
)


def said(
    rows: Iterable[Rule],
    *,
    everything: bool,
    organisations: Collection[str] | None,
    match_params: Mapping[str, Any] | None = None,
) -> Said:
    """
    Say what the conditions *rows* let through.

    Args:
        rows: conditions, of the table or of a form.

        everything: whether all that none denies passes.

        organisations: of the tenant; None: any.

        match_params: what takes the place of conditions that allow.
    """
    allow, deny, _ = rules_of(rows)
    if not everything and not allow and match_params is None:
        return Said(_NOTHING)
    allowed = None if everything or (match_params is not None and not allow) else allow
    try:
        told = in_words(allowed, deny, organisations, match_params)
    except ConfigurationError as error:
        return unsaid([str(error)])
    return Said(f"It {told.removesuffix('.')}.")


def unsaid(problems: Iterable[str]) -> Said:
    """Say that something is wrong, and what."""
    text = "There is something to put right before it can be said in words."
    return Said(text, tuple(problems))
