"""What may be shown: text from outside that cannot steer a terminal or forge a line of a log."""

from __future__ import annotations

import json
from collections.abc import Callable


def printable(text: str) -> str:
    r"""
    Write out what is not printable in *text* as Python does: a line feed as ``\n``.

    That is control characters and line ends, and what turns the direction of writing or does not
    show; also lone surrogates, which no stream takes.
    """
    return _written(text, lambda each: each.encode("unicode_escape").decode())


def printable_json(text: str) -> str:
    """Write out what is not printable in *text*, which is JSON on one line; it says the same."""
    return _written(text, lambda each: json.dumps(each)[1:-1])


def _written(text: str, written: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else written(each) for each in text)
