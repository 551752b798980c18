"""Rows whose meaning depends on the event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from eventkit.events.shapes.view import View

Meaning = TypeVar("Meaning")
Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class OneOf(Generic[Meaning, Choice]):
    """
    What an event becomes when that depends on what it holds.

    *among* lists everything that it can become; *pick* decides, or raises
    `eventkit.UnsupportedEvent` (see `View.skipped`) when it is nothing after all. For xAPI it gives
    one statement, for Caliper any number of actions.
    """

    among: tuple[Meaning, ...]
    pick: Callable[[View], Choice]
