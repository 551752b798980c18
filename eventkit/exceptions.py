"""
What can go wrong, and who is told.

Misuse is a `ConfigurationError` in a constructor. An event that cannot be used is one of
`EventParseError`, `UnsupportedEvent` or `TranslationError`, each with a short *reason* made for
counting. Processors turn all of them into `DropEvent`, the only exception that event-tracking
understands. None of these ever carries an event's payload or personal data.
"""

from __future__ import annotations

from eventtracking.processors.exceptions import EventEmissionExit


class EventkitError(Exception):
    """Base of eventkit's own errors."""


class ConfigurationError(EventkitError, ValueError):
    """
    A setting is wrong.

    The message names the key, what was given, and what would be right.
    """


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

    *name* is the event's name, *reason* a slug (``"unknown_event"``, ``"implicit_event"``,
    ``"not_translated"``, ``"not_in_erb"``, ``"no_user"``).
    """

    def __init__(self, name: str, reason: str = "unknown_event", detail: str = "") -> None:
        super().__init__(f"{name}: {detail or reason}")
        self.name = name
        self.reason = reason


class TranslationError(EventkitError):
    """
    An event that has a translation cannot be translated, because of what it holds or lacks.

    *name* is the event's name, *reason* a slug (``"no_actor"``, ``"no_object"``, ``"bad_time"``,
    ...), *field* the field at fault. The value is never part of the message.

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
        super().__init__(f"{name}: {detail or reason}{at}")
        self.name = name
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
