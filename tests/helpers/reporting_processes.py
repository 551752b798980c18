"""A site whose processes send two statements each, and report to a file; none is closed."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import sys
from pathlib import Path

from fault_routes import consumer, translation

from eventkit.router import Router

WAY, MODE, URL, FOLDER = sys.argv[1:5] if len(sys.argv) > 4 else ("", "direct", "", "")
CHILDREN = 3


class Registry:
    """Appends what it is told to a file."""

    def consumers(self):
        return [consumer("lrs", URL)]

    def report(self, reports, *, closing):
        line = {
            "process": os.getpid(),
            "closing": closing,
            "reports": [each.as_dict() for each in reports],
        }
        with (Path(FOLDER) / "reports.jsonl").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(line) + "\n")


def make():
    options = {"direct": {}, "buffered": {"mode": "buffered"}}
    durable = {"store": Path(FOLDER) / "store.db", "lease": 0.5}
    return Router(Registry(), **options.get(MODE, durable))


def work(router, number):
    router.send(translation(2 * number, 2 * number + 1))
    # What waits in memory is delivered when the process ends.
    if MODE == "durable":
        router.flush(30)


def celery_child(number):
    """End as a worker process of Celery does: it tells its signal, and leaves."""
    from celery import signals

    work(router, number)
    signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
    os._exit(0)


def forked(number):
    child = os.fork()
    if child:
        return child
    if WAY == "celery":
        celery_child(number)
    work(router, number)
    # As a worker of gunicorn does.
    sys.exit(0)


def spawned(url, folder, mode, number):
    global URL, FOLDER, MODE
    URL, FOLDER, MODE = url, folder, mode
    work(make(), number)


if __name__ == "__main__":
    if WAY == "celery":
        import celery.signals  # noqa: F401 - as in a worker
    router = make()
    work(router, 0)
    if WAY == "spawn":
        context = multiprocessing.get_context("spawn")
        arguments = (URL, FOLDER, MODE)
        children = [
            context.Process(target=spawned, args=(*arguments, n + 1)) for n in range(CHILDREN)
        ]
    elif WAY == "multiprocessing":
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(router, n + 1)) for n in range(CHILDREN)]
    else:
        children = []
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0, child.exitcode
    if WAY in ("fork", "celery"):
        for pid in [forked(number + 1) for number in range(CHILDREN)]:
            assert os.waitpid(pid, 0)[1] == 0
