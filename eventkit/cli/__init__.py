"""
The command ``eventkit``.

Begin with `command`. Each subcommand is a module of its name; the others are what several of them
share: `options` and `keys` (what may be given), `work` and `sending` (what they do), `output` and
`summary` (what they say), `exits` (how they end).
"""

from __future__ import annotations

from eventkit.cli.command import main

__all__ = ["main"]
