"""
What can go wrong, and who is told.

Misuse is a `ConfigurationError` in a constructor. An event that cannot be used is one of
`EventParseError`, `UnsupportedEvent` or `TranslationError`, each with a short *reason* made for
counting. Processors turn all of them into `DropEvent`, the only exception that event-tracking
understands. None of these ever carries an event's payload or personal data, nor a name of an event
that is not known: such names are addresses of pages, or anything that a site made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventtracking.processors.exceptions import EventEmissionExit


class EventkitError(Exception):
    """Base of eventkit's own errors."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class: its arguments are others than those of `Exception`.
        return _unpickle, (type(self), self.args, self.__dict__)


def _unpickle(cls: type[EventkitError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    made = cls.__new__(cls, *args)
    made.args = args
    made.__dict__.update(state)
    return made


def shown_name(name: str) -> str:
    """Give the name of an event where it is to be shown; addresses, which may name people, not."""
    return "(an address)" if name.startswith("/") else name


def _named(name: str, what: str) -> tuple[str, str]:
    """Give the name that an error has, and its text."""
    if name.startswith("/"):
        name = ""
    return name, f"{name}: {what}" if name else what


class ConfigurationError(EventkitError, ValueError):
    """
    A setting is wrong.

    The message names the key, what was given, and what would be right. *problems* are its parts,
    where several things may be wrong at once: each begins with its key.
    """

    def __init__(self, message: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class EventParseError(EventkitError, ValueError):
    """
    A line or an object is not an event.

    *reason* is a slug for counting (``"not_json"``, ``"no_name"``, ...).
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class UnsupportedEvent(EventkitError):
    """
    There is no translation for an event, by design.

    *name* is the event's name, ``""`` for one that is not known or an address, as names of other
    making may hold anything; *reason* a slug (``"unknown_event"``, ``"implicit_event"``,
    ``"not_translated"``, ``"not_in_erb"``, ``"no_user"``).
    """

    def __init__(self, name: str, reason: str = "unknown_event", detail: str = "") -> None:
        self.name, text = _named(name, detail or reason)
        super().__init__(text)
        self.reason = reason


class TranslationError(EventkitError):
    """
    An event that has a translation cannot be translated, because of what it holds or lacks.

    *name* is the event's name, ``""`` when it is an address; *reason* a slug (``"no_actor"``,
    ``"no_object"``, ``"bad_time"``, ...); *field* the field at fault. The value is never part of
    the message.

    Where *retryable* is True nothing is wrong with the event: a look-up failed (reason
    ``"lookup_failed"``), the same event may be translated later, and *retry_after* is how many
    seconds the look-up asked to wait (None: it did not say).
    """

    def __init__(
        self,
        name: str,
        reason: str,
        field: str = "",
        detail: str = "",
        *,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        at = f" at {field}" if field else ""
        self.name, text = _named(name, f"{detail or reason}{at}")
        super().__init__(text)
        self.reason = reason
        self.field = field
        self.retryable = retryable
        self.retry_after = retry_after


class DropEvent(EventEmissionExit, EventkitError):
    """
    Stop processing this event here; nothing of it goes on.

    This is the only exception a processor raises: event-tracking answers any other by sending the
    untranslated event on.

    Where *retryable* is True the processor could not do its work now, and the event is to be given
    to it again later; *retry_after* is as of `TranslationError`. `EventRoutingBackend` makes a
    `LookupFailed` of it.
    """

    def __init__(
        self,
        reason: str = "dropped",
        *,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after


class DeliveryError(EventkitError):
    """
    Documents could not be delivered now.

    *retryable* tells whether trying again can help, *retry_after* how many seconds the receiver
    asked to wait (None: it did not say), *consumer* which consumer it was.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        consumer: str = "",
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.consumer = consumer


class LookupFailed(DeliveryError):
    """
    A processor could not do its work now, because what it looks up did not answer.

    Nothing of the event has gone on; trying again may help.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retryable=True, retry_after=retry_after)


class StoreError(DeliveryError):
    """
    The store cannot do it now; nothing has changed, and trying again may help.

    Its disk is full or read-only, or another process holds it for too long.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retryable=True, retry_after=retry_after)


class StoreFull(StoreError):
    """The store has reached its budget, or its disk is full."""
