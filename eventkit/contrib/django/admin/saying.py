"""What rules say, in words, for the page that they are written on."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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


def said(rows: Iterable[Rule], *, everything: bool, organisations: Collection[str] | None) -> Said:
    """
    Say what the conditions *rows* let through.

    Args:
        rows: conditions, of the table or of a form.

        everything: whether all that none denies passes.

        organisations: of the tenant; None: any.
    """
    allow, deny, _ = rules_of(rows)
    if not everything and not allow:
        return Said(_NOTHING)
    try:
        told = in_words(None if everything else allow, deny, organisations)
    except ConfigurationError as error:
        return unsaid([str(error)])
    return Said(f"It {told.removesuffix('.')}.")


def unsaid(problems: Iterable[str]) -> Said:
    """Say that something is wrong, and what."""
    text = "There is something to put right before it can be said in words."
    return Said(text, tuple(problems))
