"""
What could not be delivered, and why.

A document that a consumer will never take, or that there is no room or time for, becomes a
`DeadLetter`: handed to a sink of the site's choice, never silently gone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from threading import Lock
from typing import overload

from eventkit._letters.file import FileDeadLetters
from eventkit._letters.letter import DeadLetter, Sink, as_json
from eventkit.base.counting import Tally
from eventkit.base.throttle import Throttle, describe
from eventkit.exceptions import ConfigurationError, TranslationError, shown_name
from eventkit.typing import Event

__all__ = [
    "DeadLetter",
    "DeadLetterBox",
    "FileDeadLetters",
    "MemoryDeadLetters",
    "Sink",
    "TranslationLetters",
]

_log = logging.getLogger(__name__)


class MemoryDeadLetters:
    """
    The latest dead letters; beyond *max_size* the oldest go, counted as overflow.

    A letter that comes again takes the place of the one that is there.
    """

    def __init__(self, max_size: int = 1_000) -> None:
        self._letters: dict[str, DeadLetter] = {}
        self._max_size = max_size
        self._lock = Lock()
        self.overflow = 0

    def __call__(self, letter: DeadLetter) -> None:
        """Keep *letter*."""
        with self._lock:
            self._letters.pop(letter.id, None)
            full = len(self._letters) >= self._max_size
            if full:
                del self._letters[next(iter(self._letters))]
                self.overflow += 1
            self._letters[letter.id] = letter
        if full:
            _throttle.warning(
                "overflow",
                "More dead letters than memory keeps: the oldest is lost. Give the router a file "
                "or a callable as dead_letters",
            )

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(self[:])

    @overload
    def __getitem__(self, index: int) -> DeadLetter: ...
    @overload
    def __getitem__(self, index: slice) -> list[DeadLetter]: ...
    def __getitem__(self, index: int | slice) -> DeadLetter | list[DeadLetter]:
        with self._lock:
            return list(self._letters.values())[index]

    def remove(self, ids: Collection[str]) -> int:
        """Forget the letters with these ids; give how many there were."""
        with self._lock:
            return sum(self._letters.pop(name, None) is not None for name in set(ids))

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._letters.clear()


class TranslationLetters:
    """
    Keep events that cannot be translated as dead letters: an ``on_error`` for translators.

    Events that have no translation by design are none of them, nor are those that are to be tried
    again, because a look-up failed. The letters hold the original event, personal data included:
    give the file a key.

    Args:
        letters: the path of a file, or whatever takes dead letters, such as a `FileDeadLetters`
            with a key or the ``dead_letters`` of a store.

        protocol: the protocol of the translator, so that replaying knows which translation failed.
            Without it all are done again; ids make that harmless.

    Raises:
        ConfigurationError: a setting is wrong.
    """

    def __init__(self, letters: Sink | str | os.PathLike[str], *, protocol: str = "") -> None:
        if letters is None:
            raise ConfigurationError("letters: expected the path of a file or a callable, got None")
        if protocol not in ("", "xapi", "caliper"):
            raise ConfigurationError(
                f"protocol: expected 'xapi', 'caliper' or nothing, got {protocol!r:.80}"
            )
        self._protocol = protocol
        self._box = DeadLetterBox(letters)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._protocol}>"

    def __call__(self, error: BaseException, event: Event) -> None:
        """Keep *event*, unless the *error* is retryable. Never raises."""
        if getattr(error, "retryable", False):
            return
        self._box.put(translation_letter(error, event, self._protocol))

    def stats(self) -> dict[str, int]:
        """Count letters that could not be kept, as `DeadLetterBox.stats` does."""
        return self._box.stats()


def translation_letter(error: BaseException, event: Event, protocol: str = "") -> DeadLetter:
    """Make the dead letter of an *event* whose translation has failed with *error*."""
    name = getattr(error, "name", None)
    if not isinstance(name, str) or not name:
        name = ""
        with suppress(Exception):  # whatever an event is
            name = str(event.get("name") or event.get("event_type") or "")
    copied = as_json(event)
    detail = _detail(error) if copied is not None else f"{_detail(error)}; the event is not JSON"
    return DeadLetter(
        consumer="",
        reason="translation_failed",
        documents=[],
        name=name,
        protocol=protocol,
        detail=detail,
        event=copied,
    )


def _detail(error: BaseException) -> str:
    """Say what is wrong, without what the event holds."""
    if not isinstance(error, TranslationError):
        return describe(error)
    where = f" at {error.field}" if error.field else ""
    cause = f": {describe(error.__cause__)}" if error.__cause__ is not None else ""
    return f"{error.reason}{where}{cause}"


class DeadLetterBox:
    """
    Give dead letters to a sink; when it fails, say so, count it, and keep the letter in memory.

    Args:
        sink: a callable, the path of a file, or None: memory only.
    """

    def __init__(self, sink: Sink | str | os.PathLike[str] | None) -> None:
        if isinstance(sink, (str, os.PathLike)):
            sink = FileDeadLetters(sink)
        if sink is not None and not callable(sink):
            raise ConfigurationError(
                f"dead_letters: expected a callable, a path or None, got {type(sink).__name__}"
            )
        self._sink = sink
        self.renew()

    def renew(self) -> None:
        """Begin again, in a forked child: the letters kept in memory are the parent's."""
        self.kept = MemoryDeadLetters()
        self._tally = Tally()

    def announce(self, letter: DeadLetter) -> None:
        """Log that there is a letter, now and then."""
        if letter.consumer:
            _throttle.warning(
                f"{letter.consumer} {letter.reason}",
                "Consumer %s: %d document(s) of event %s to the dead letters: %s",
                letter.consumer,
                len(letter.documents),
                shown_name(letter.name),
                letter.reason,
            )
        else:
            _throttle.warning(
                letter.detail,
                "Event %s to the dead letters: %s, %s",
                shown_name(letter.name),
                letter.reason,
                letter.detail,
            )

    def put(self, letter: DeadLetter) -> bool:
        """Hand *letter* over; False: it is only in memory, against our will. Never raises."""
        self.announce(letter)
        if self._sink is None:
            self.kept(letter)
            return True
        try:
            self._sink(letter)
        except Exception as error:  # noqa: BLE001 - delivery goes on, and the letter is kept
            self._tally.add("dead_letters_failed")
            _throttle.warning(
                "sink", "The dead letter sink failed, letters stay in memory: %s", describe(error)
            )
            self.kept(letter)
            return False
        return True

    def stats(self) -> dict[str, int]:
        """Count letters that the sink failed to take, and letters that memory had no room for."""
        return {
            "dead_letters_failed": self._tally["dead_letters_failed"],
            "dead_letters_overflow": self.kept.overflow,
        }


_throttle = Throttle(_log)
