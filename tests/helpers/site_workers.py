"""Processes with a router on the database of the test site, and waiting for what they come to."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "contrib" / "django" / "programs" / "worker.py"


class Worker:
    """A process that answers."""

    def __init__(self, site, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=site.environment,
        )

    def ask(self, *words):
        """Have it do something; give what came of it."""
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()

        assert line, f"the worker has ended: {self.process.wait()}"

        return json.loads(line)

    def end(self):
        """Let it close its router and go."""
        if self.process.poll() is None:
            self.process.stdin.write("end\n")
            self.process.stdin.flush()
        self.process.wait(30)


@contextmanager
def workers(site, *modes):
    """Run a worker of each mode."""
    running = [Worker(site, mode) for mode in modes]
    try:
        yield running
    finally:
        for each in running:
            try:
                each.end()
            except Exception:
                each.process.kill()
                raise


def until(found, seconds=30.0):
    """Ask *found* until it gives something that is true; give that."""
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value or time.monotonic() > end:
            assert value, f"not within {seconds:g} s"

            return value
        time.sleep(0.05)
