"""Being told that a process ends where `atexit` is not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_FIRST = 100
"""Before whatever others have to do at the end."""


def at_end_of_child(do: Callable[[], object]) -> None:
    """
    Have *do*, a function, called when this process ends, if it is one that passes over `atexit`.

    Children of `multiprocessing` and the worker processes of Celery are. A process that is killed,
    or leaves by `os._exit` of its own accord, tells nobody.
    """
    # Who is one of these has imported what it is made by.
    processes: Any = sys.modules.get("multiprocessing.process")
    utilities: Any = sys.modules.get("multiprocessing.util")
    if processes is not None and utilities is not None and processes.parent_process() is not None:
        utilities.Finalize(None, do, exitpriority=_FIRST)
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        with suppress(Exception):
            signals.worker_process_shutdown.connect(lambda **_: do(), weak=False, dispatch_uid=do)
