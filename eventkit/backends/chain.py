"""Running processors so that nothing goes on that should not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from types import FunctionType
from typing import Any

from eventtracking.processors.exceptions import EventEmissionExit

from eventkit.base.blame import INTERRUPTED, is_interrupt
from eventkit.base.throttle import describe, name_of
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Event, Processor


class Lost(Exception):
    """An event is dropped though nobody asked for that; *detail* is fit for a log."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Chain:
    """
    Processors, each given what the one before it made.

    The result is None from a processor: the event stays as it was, which is event-tracking's
    convention. It raises `EventEmissionExit`: the event ends here. It raises anything else: `Lost`,
    because an event that was not filtered or translated must not go on as if it had been. What was
    raised into it by whoever runs it goes on to them, and the event ends here too.
    """

    __slots__ = ("_copies", "processors")

    def __init__(self, processors: Iterable[Processor]) -> None:
        self.processors: list[Processor] = []
        self._copies = False
        if isinstance(processors, (str, bytes, Mapping)) or not isinstance(processors, Iterable):
            raise ConfigurationError(
                f"processors: expected a list of callables, got {type(processors).__name__}"
            )
        for processor in processors:
            self.append(processor)

    def append(self, processor: Processor) -> None:
        """Add *processor* to the end."""
        if not callable(processor):
            raise ConfigurationError(
                f"processors[{len(self.processors)}]: {name_of(processor)} cannot be called; "
                "expected a processor such as Filter(...)"
            )
        self.processors.append(processor)
        # event-tracking allows a processor to change the event; others hold the same one.
        self._copies = self._copies or not is_own(processor)

    def __call__(self, event: Event) -> Any:
        """Run *event* through the processors, leaving it as it is."""
        if not isinstance(event, Mapping):
            raise Lost("not_an_event", f"expected a mapping, got {type(event).__name__}")
        if self._copies:
            try:
                event = deepcopy(event)
            except Exception as error:  # noqa: BLE001 - anything may be in an event
                _let_pass(error)
                raise Lost("not_copied", describe(error)) from None
        for processor in self.processors:
            try:
                result = processor(event)
            except EventEmissionExit as drop:
                _let_pass(drop)
                raise
            except Exception as error:  # noqa: BLE001 - this is what fails closed
                _let_pass(error)
                raise Lost(
                    "processor_error", f"{name_of(processor)} failed: {describe(error)}"
                ) from None
            if result is not None:
                event = result
        return event


def _let_pass(error: Exception) -> None:
    """Raise what was raised into a processor by whoever runs it, and do nothing about the rest."""
    if not issubclass(type(error), EventEmissionExit):
        if is_interrupt(error):
            raise error
    elif getattr(error, "reason", "") == INTERRUPTED and error.__cause__ is not None:
        raise error.__cause__


def is_retryable(drop: EventEmissionExit) -> bool:
    """Tell whether a processor drops an event only because it can do nothing with it now."""
    return getattr(drop, "retryable", False) is True


def is_own(thing: object) -> bool:
    """Tell whether *thing* is eventkit's own, which never changes what it is given."""
    of = thing if isinstance(thing, FunctionType) else type(thing)
    return of.__module__.partition(".")[0] == "eventkit"
