"""Handing dead letters to a sink, whatever becomes of it."""

from __future__ import annotations

import logging
import os

from eventkit.base.counting import Tally
from eventkit.base.throttle import Throttle, describe
from eventkit.dead_letters.file import FileDeadLetters
from eventkit.dead_letters.letter import DeadLetter, Sink
from eventkit.dead_letters.memory import MemoryDeadLetters
from eventkit.exceptions import ConfigurationError, shown_name

_log = logging.getLogger(__name__)


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
