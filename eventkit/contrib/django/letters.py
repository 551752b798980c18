"""Dead letters in the database."""

from __future__ import annotations


class DatabaseDeadLetters:
    """Not yet."""
