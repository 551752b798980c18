"""Asking what a site looks up: who a user is, what a course is called."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from eventkit.base.blame import is_interrupt

_NO_SUCH = frozenset({"ObjectDoesNotExist", "InvalidKeyError"})
"""
How Django and the platform say that there is no such thing.

That is an answer. By name, because neither need be installed.
"""


class Unanswered(Exception):
    """
    A look-up failed; its cause says how. Nobody knows the answer, and the next time may tell.

    It is none of eventkit's own errors, so that whoever does without a person or a name that is
    not known does not do without one that could not be asked for.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field

    @property
    def retry_after(self) -> float | None:
        """Seconds that what failed asks to wait; None when it does not say."""
        asked = getattr(self.__cause__, "retry_after", None)
        if isinstance(asked, (int, float)) and not isinstance(asked, bool) and asked >= 0:
            return float(asked) if math.isfinite(asked) else None
        return None


def ask(look_up: Callable[..., Any], field: str, *about: object) -> Any:
    """
    Give what *look_up* says; None when it raises that there is no such thing.

    Raises:
        Unanswered: it failed; *field* is where the event holds what it was asked about.
    """
    try:
        return look_up(*about)
    except Exception as error:
        if is_interrupt(error):
            raise
        if says_no_such(error):
            return None
        raise Unanswered(field) from error


def says_no_such(error: Exception) -> bool:
    """Tell whether *error* is the answer that there is no such user or course."""
    return any(kind.__name__ in _NO_SUCH for kind in type(error).__mro__)
