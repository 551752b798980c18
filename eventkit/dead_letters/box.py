"""Handing dead letters to a sink, whatever becomes of it."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import Counter
from contextlib import suppress

from eventkit.base.counting import Tally
from eventkit.base.ending import at_end_of_child
from eventkit.base.throttle import SafeLogger, Throttle, describe
from eventkit.dead_letters.file import FileDeadLetters
from eventkit.dead_letters.letter import DeadLetter, Sink
from eventkit.dead_letters.memory import MemoryDeadLetters
from eventkit.exceptions import ConfigurationError, shown_name

_log = SafeLogger(__name__)

_AGAIN = 5.0
"""Seconds until letters that nobody took are offered again; twice as many after each time..."""
_AGAIN_AT_MOST = 60.0
"""... up to these."""
_IN_A_ROW = 10
"""Letters that are refused one after the other before the others are left for the next time."""
_LAST_CALL = 2.0
"""Seconds, at least, for offering letters a last time."""

_owing: set[DeadLetterBox] = set()
"""Those with letters that were to go somewhere and are in memory alone."""


class DeadLetterBox:
    """
    Give dead letters to a sink; when it fails, say so, count it, and keep the letter in memory.

    What is kept against our will is offered again from a thread, until it is taken, and a last time
    when the process ends or `settle` is called.

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
        self._sinks: list[Sink] = [] if sink is None else [sink]
        self.renew()

    def add(self, sink: Sink) -> None:
        """Have *sink* take what those before it do not."""
        self._sinks.append(sink)

    def renew(self) -> None:
        """Begin again, in a forked child: the letters kept in memory are the parent's."""
        self.kept = MemoryDeadLetters()
        self._tally = Tally()
        self._lock = threading.Lock()
        self._offering = threading.Lock()
        self._thread: threading.Thread | None = None
        _owing.discard(self)

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
        if not self._sinks:
            self.kept(letter)
            return True
        if self._is_taken(letter):
            return True
        self.kept(letter)
        self._owe()
        return False

    def _is_taken(self, letter: DeadLetter) -> bool:
        for sink in self._sinks:
            try:
                sink(letter)
            except Exception as error:  # noqa: BLE001 - delivery goes on, and the letter is kept
                self._tally.add("dead_letters_failed")
                _throttle.warning(
                    "sink",
                    "The dead letter sink failed, letters stay in memory and are offered again: %s",
                    describe(error),
                )
            else:
                return True
        return False

    def _owe(self) -> None:
        with self._lock:
            _owing.add(self)
            if self._thread is not None and self._thread.is_alive():
                return
            at_end_of_child(_settle_all)
            self._thread = threading.Thread(
                target=self._offer_again, name="eventkit dead letters", daemon=True
            )
            # At the end of an interpreter none can be had any more; then comes the last call.
            with suppress(RuntimeError):
                self._thread.start()

    def _offer_again(self) -> None:
        pause = _AGAIN
        while True:
            time.sleep(pause)
            with self._offering:
                self._offer(_IN_A_ROW)
            with self._lock:
                if not self.kept:
                    self._thread = None
                    _owing.discard(self)
                    return
            pause = min(2 * pause, _AGAIN_AT_MOST)

    def _offer(self, most_in_a_row: int, until: float | None = None) -> None:
        """Offer what is kept; what is refused goes behind the others."""
        refused = 0
        for letter in self.kept[:]:
            if refused >= most_in_a_row or (until is not None and time.monotonic() >= until):
                return
            if self._is_taken(letter):
                self.kept.discard(letter)
                refused = 0
            else:
                self.kept.defer(letter)
                refused += 1

    def settle(self, until: float) -> bool:
        """
        Offer what is kept against our will a last time, up to *until*, a monotonic time.

        Returns:
            Whether nothing of it is left; else the log has an error that says how much.
        """
        if not self._sinks or not self.kept:
            return True
        until = max(until, time.monotonic() + _LAST_CALL)
        if self._offering.acquire(timeout=max(0.0, until - time.monotonic())):
            try:
                self._offer(len(self.kept), until)
            finally:
                self._offering.release()
        left = self.kept[:]
        if not left:
            return True
        reasons = Counter(letter.reason for letter in left)
        _log.error(
            "%d dead letter(s) are in the memory of this process alone, as nothing took them: %s",
            len(left),
            ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items())),
        )
        return False

    def stats(self) -> dict[str, int]:
        """Count letters that the sink failed to take, and letters that memory had no room for."""
        return {
            "dead_letters_failed": self._tally["dead_letters_failed"],
            "dead_letters_overflow": self.kept.overflow,
        }


def _settle_all() -> None:
    until = time.monotonic() + _LAST_CALL
    for box in list(_owing):
        _owing.discard(box)
        box.settle(until)


# Registered before what fills boxes registers its own, and so called after that.
atexit.register(_settle_all)

_throttle = Throttle(_log)
