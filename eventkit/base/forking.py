"""Starting afresh in a forked child: locks may be held by threads that the child does not have."""

from __future__ import annotations

import functools
import os
import weakref
from typing import Protocol


class Renewable(Protocol):
    """Something with locks, threads or counts that belong to one process."""

    def renew(self) -> None:
        """Forget what belongs to the parent; called in the child, before any of its own code."""


_process = [os.getpid()]
_registered: weakref.WeakSet[Renewable] = weakref.WeakSet()


def notice_fork() -> None:
    """
    Renew what is to be renewed if this process was forked and Python was not told.

    uWSGI does not tell it unless ``py-call-osafterfork`` is set. It takes some 50 ns.
    """
    if os.getpid() != _process[0]:
        _renew_all()


def renew_after_fork(renewable: Renewable) -> None:
    """Have *renewable* renewed in every child forked from now on, for as long as it lives."""
    _hook()
    _registered.add(renewable)


@functools.cache
def _hook() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_renew_all)


def _renew_all() -> None:
    _process[0] = os.getpid()
    for renewable in list(_registered):
        renewable.renew()
