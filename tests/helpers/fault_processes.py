"""Routers in processes of their own, and what has arrived from them."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from fault_server import PATIENCE

TESTS = Path(__file__).resolve().parents[1]
PROGRAMS = TESTS / "faults" / "programs"


class Died(Exception):
    """The process ended instead of answering."""


def environment(**more):
    paths = [str(TESTS.parent), str(TESTS / "helpers"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


class Remote:
    """
    A router in another process, which does what it is told (see programs/remote_router.py).

    With *disk*, a folder, that folder is a disk of its own of so many megabytes to that process.
    """

    def __init__(self, *consumers, disk=None, megabytes=4, **settings):
        given = json.dumps({"consumers": list(consumers), **settings}, default=str)
        command = [sys.executable, str(PROGRAMS / "remote_router.py"), given]
        if disk is not None:
            mount = f'mount -t tmpfs -o size={megabytes}m none "$0" && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", mount, str(disk), *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), bufsize=0
        )
        self.pid = self.ask("ready")

    def tell(self, command, *arguments):
        """Have it do something, and do not wait."""
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps([command, *arguments]).encode() + b"\n")

    def hear(self):
        """Wait for the answer to what it was told."""
        assert select.select([self.process.stdout], [], [], 2 * PATIENCE)[0], "waited in vain"
        line = self.process.stdout.readline()
        if not line:
            raise Died(self.process.wait(PATIENCE))
        answer = json.loads(line)
        if "error" in answer:
            raise OSError(answer["error"])
        return answer["answer"]

    def ask(self, command, *arguments):
        self.tell(command, *arguments)
        return self.hear()

    def dies(self):
        """Wait until it has been killed with -9."""
        assert self.process.wait(PATIENCE) == -signal.SIGKILL

    def kill(self):
        self.process.kill()
        self.dies()

    def end(self):
        """Have it end as a program does that has nothing more to do."""
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0

    def clean_up(self):
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def remotes():
    """Give a function that starts routers, each of which is ended with the test."""
    started = []

    def start(*consumers, **settings):
        remote = Remote(*consumers, **settings)
        started.append(remote)
        return remote

    try:
        yield start
    finally:
        for remote in started:
            remote.clean_up()


def raw_documents(body):
    """Cut the body of a request into its documents, as the bytes that were sent."""
    text, decoder = body.decode("ascii"), json.JSONDecoder()
    assert (text[0], text[-1]) == ("[", "]")
    place, found = 1, []
    while place < len(text):
        _, end = decoder.raw_decode(text, place)
        found.append(text[place:end])
        assert text[end] in ",]"
        place = end + 1
    return found


def sent(server):
    """Give all that requests carried: the different bytes under each number, and how often."""
    found = {}
    for request in server.requests:
        for raw in raw_documents(request.body):
            found.setdefault(json.loads(raw)["n"], []).append(raw)
    return found


def leases(path):
    """Say who has leases in the store at *path*."""
    with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as found:
        rows = found.execute("SELECT id, lease_owner FROM consumers WHERE lease_owner IS NOT NULL")
        return dict(rows.fetchall())


def needs_disks():
    """Skip the test where no disk can be made for it."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    tried = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip("no disk can be mounted here")
