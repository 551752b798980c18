"""What may be shown: text from outside that cannot steer a terminal or forge a line of a log."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""
    Write out what is not printable in *text* as Python does: a line feed as ``\n``.

    That is control characters and line ends, and what turns the direction of writing or does not
    show; also lone surrogates, which no stream takes.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
