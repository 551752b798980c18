"""What a router does now and then, whether or not anything is sent."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

from eventkit.base.throttle import Throttle, describe

_log = logging.getLogger(__name__)
_throttle = Throttle(_log)


class Keeper:
    """
    A thread that calls *look_after*, a method, every *interval* seconds, and *at_end* in the end.

    It ends when told to, or when nobody refers to the methods' object any more.
    """

    def __init__(
        self,
        look_after: Callable[[], Any],
        interval: float,
        at_end: Callable[[], Any] | None = None,
    ) -> None:
        self._look_after = weakref.WeakMethod(look_after)
        self._at_end = None if at_end is None else weakref.WeakMethod(at_end)
        self._interval = interval
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is a thread. Without one nobody has looked after it lately."""
        return self._thread is not None

    def ensure(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is None and not self._stopped.is_set():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None:
                return
            thread = threading.Thread(
                target=_run,
                args=(self._look_after, self._interval, self._stopped, self._at_end),
                name="eventkit-keeper",
                daemon=True,
            )
            try:
                thread.start()
            except RuntimeError as error:
                # No more threads; whoever sends next tries again.
                _throttle.warning("thread", "No thread to look after it: %s", describe(error))
            else:
                self._thread = thread

    def stop(self, timeout: float) -> bool:
        """End the thread, and wait for it; False when it has not ended yet."""
        self._stopped.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout))
            return not thread.is_alive()
        return True


def _run(
    look_after: weakref.WeakMethod[Callable[[], Any]],
    interval: float,
    stopped: threading.Event,
    at_end: weakref.WeakMethod[Callable[[], Any]] | None,
) -> None:
    while not stopped.is_set():
        if not _call(look_after):
            return
        stopped.wait(interval)
    if at_end is not None:
        _call(at_end)


def _call(reference: weakref.WeakMethod[Callable[[], Any]]) -> bool:
    """Call a method, and hold its object no longer than that; False: it is no more."""
    method = reference()
    if method is None:
        return False
    try:
        method()
    except Exception as error:  # noqa: BLE001 - it must be there the next time
        _throttle.warning("look_after", "Looking after a router failed: %s", describe(error))
    return True
