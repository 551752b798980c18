"""
Telling a site's monitoring what happens.

A hook is a callable that is given one frozen `Details` for everything that happens to events and
documents. Hooks belong to the process, because whoever watches it wants to see all of it. The
adapters of this package are such hooks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import attrs

from eventkit.base.blame import is_thrown
from eventkit.base.forking import renew_after_fork
from eventkit.base.throttle import Throttle, describe, name_of
from eventkit.exceptions import ConfigurationError

__all__ = ["Details", "Hook", "What", "add_hook", "is_on", "reset", "tell"]

What: TypeAlias = Literal[
    "received",
    "filtered",
    "translated",
    "untranslated",
    "enqueued",
    "delivered",
    "retried",
    "dead",
    "dropped",
    "state",
]
"""
What may happen.

To events: ``received``, ``filtered`` (a processor did not let it through), ``translated``,
``untranslated`` and ``dropped`` (both with a reason), ``enqueued`` (handed to the background),
``retried`` (the store or the broker could not take them yet).
To documents on their way to a consumer: ``enqueued``, ``delivered``, ``retried`` (the request that
they were part of failed and will be repeated), ``dead`` (given to the dead letters), ``dropped``.
To a consumer: ``state``; the reason is then the name of its new state, as in ``Router.health()``.
"""

_log = logging.getLogger(__name__)


def _bounded(name: str) -> str:
    # Implicit events are named after the URL that was visited: endlessly many, some with people in.
    return "" if name.startswith("/") else name


@attrs.frozen
class Details:
    """
    One thing that happened, to *number* events or documents.

    It never holds anything of an event but its name, and all texts come from small sets, so that
    each of them may become a label of a metric.
    """

    what: What

    number: int = 1

    component: str = attrs.field(kw_only=True)
    """The class that tells it: ``RealTimeBackend``, ``XAPITranslator``, ``Router``, ..."""

    consumer: str = attrs.field(default="", kw_only=True)
    """The id of the consumer that documents are for."""

    protocol: str = attrs.field(default="", kw_only=True)

    name: str = attrs.field(default="", kw_only=True, converter=_bounded)
    """The name of the event, if it is one that has a translation and is no URL."""

    reason: str = attrs.field(default="", kw_only=True)
    """Why, as a slug; of ``state`` the new state."""

    seconds: float | None = attrs.field(default=None, kw_only=True)
    """Of ``delivered``: how long ago the documents were accepted; of several, the oldest."""


Hook: TypeAlias = Callable[[Details], object]
"""What `add_hook` takes. It is called in the thread where it happens, so it must not wait."""


class _State:
    """The hooks of this process."""

    def __init__(self) -> None:
        self.hooks: tuple[Hook, ...] = ()
        self._entries: dict[object, Hook] = {}
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Have a forked child keep the hooks, but not a lock that its parent's threads may hold."""
        # Only changing the hooks takes it; who calls them reads one attribute.
        self._lock = threading.RLock()
        self.throttle = Throttle(_log)

    def add(self, hook: Hook) -> object:
        key = object()
        with self._lock:
            self._set({**self._entries, key: hook})
        return key

    def remove(self, keys: Iterable[object]) -> None:
        with self._lock:
            gone = set(keys)
            self._set({key: hook for key, hook in self._entries.items() if key not in gone})

    def clear(self) -> None:
        with self._lock:
            self._set({})

    def _set(self, entries: dict[object, Hook]) -> None:
        self._entries = entries
        self.hooks = tuple(entries.values())


_state = _State()


def add_hook(hook: Hook) -> Callable[[], None]:
    """
    Have *hook* called with the `Details` of everything that happens in this process from now on.

    Forked children keep the hooks of their parent.

    Returns:
        A callable that removes it again.

    Raises:
        ConfigurationError: *hook* cannot be called.
    """
    if not callable(hook):
        raise ConfigurationError(
            f"hook: expected a callable that takes one eventkit.instrumentation.Details, "
            f"got {type(hook).__name__}"
        )
    key = _state.add(hook)
    return lambda: _state.remove([key])


def reset() -> None:
    """Remove all hooks, as between two tests."""
    _state.clear()


def is_on() -> bool:
    """Tell whether there is any hook, so that nobody makes `Details` that nobody reads."""
    return bool(_state.hooks)


def tell(details: Details) -> None:
    """Call every hook. One that fails is logged, at most once a minute; nothing else suffers."""
    for hook in _state.hooks:
        try:
            hook(details)
        except BaseException as error:  # hooks are not ours, and events must go on
            if _is_signal(error) or is_thrown(error):
                raise
            _state.throttle.warning(
                name_of(hook), "The hook %s failed: %s", name_of(hook), describe(error)
            )


def _is_signal(error: BaseException) -> bool:
    """Tell whether *error* may come from a handler of signals that ran in the middle of a hook."""
    return (
        isinstance(error, (KeyboardInterrupt, SystemExit))
        and threading.current_thread() is threading.main_thread()
    )
