"""The options that say where the key of a store or of dead letters is."""

from __future__ import annotations

import argparse
from typing import Any


def add_key_options(parser: argparse._ActionsContainer) -> None:
    """Add ``--key-env`` and ``--key-file``; either may be repeated, as any of the keys may fit."""
    for option, metavar, kind, text in (
        ("--key-env", "NAME", "env", "the key is in this environment variable"),
        ("--key-file", "FILE", "file", "the key is in this file"),
    ):
        parser.add_argument(
            option,
            metavar=metavar,
            dest="key",
            action="append",
            default=[],
            type=_place(kind),
            help=text,
        )


def _place(kind: str) -> Any:
    return lambda text: {kind: text}
