"""In the servers and event loops that hosts run in, each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest
from fault_routes import until
from fault_server import PATIENCE, unused_port

from eventkit.stores import INBOX, SQLiteStore

ROOT = Path(__file__).resolve().parents[2]

LOCKED = """
import sqlite3, sys, threading, time
from eventkit import RealTimeBackend, SQLiteStore
from eventkit.stores.sqlite import access, file

# Whoever waits for the lock would wait for ever.
file.PATIENCE = access.PATIENCE = 600.0
store = SQLiteStore("store.db")
store.put_events([b'{"name": "earlier"}'])
other = sqlite3.connect("store.db", check_same_thread=False)
other.execute("BEGIN EXCLUSIVE")
backend = RealTimeBackend(enqueue=store)

def unlock():
    other.rollback()
    other.close()

def check(flushed):
    assert flushed, backend.stats()
    assert backend.stats() == {"received": 20, "enqueued": 20, "processed": 20, "pending": 0}
    assert store.counts("")["pending"] == 21
    print("done")
"""

GREENLETS = """
def emit():
    for number in range(20):
        backend.send({"name": f"event {number}"})
        sleep(0)

def go_on():
    # Others run while the store is locked, also those that wait for nothing.
    for _ in range(50):
        sleep(0.001)
    unlock()

emitting, other_work = spawn(emit), spawn(go_on)
"""

GEVENT = (
    "from gevent import monkey, sleep, spawn; monkey.patch_all()"
    + LOCKED
    + GREENLETS
    + """
emitting.join()
check(backend.flush(60))
"""
)

GEVENT_UNPATCHED = (
    "from gevent import sleep, spawn"
    + LOCKED
    + GREENLETS
    + """
while backend.stats().get("pending") != 0 or not emitting.dead:
    sleep(0.001)
check(backend.flush(60))
"""
)

EVENTLET = (
    "import eventlet; eventlet.monkey_patch(); from eventlet import sleep, spawn"
    + LOCKED
    + GREENLETS
    + """
emitting.wait()
check(backend.flush(60))
"""
)

UVLOOP = (
    "import asyncio, uvloop"
    + LOCKED
    + """
async def emit():
    for number in range(20):
        backend.send({"name": f"event {number}"})
        await asyncio.sleep(0)

async def go_on():
    for _ in range(50):
        await asyncio.sleep(0.001)
    unlock()

async def main():
    await asyncio.gather(emit(), go_on())
    check(await asyncio.to_thread(backend.flush, 60))

uvloop.run(main())
"""
)

INTERRUPTS = """
from gevent import monkey; monkey.patch_all()
import gevent
from eventkit import RealTimeBackend

backend = RealTimeBackend(enqueue=lambda event: gevent.sleep(600))
try:
    with gevent.Timeout(0.01):
        backend.send({"name": "x"})
except gevent.Timeout:
    print("timeout")
sending = gevent.spawn(backend.send, {"name": "x"})
gevent.sleep(0.01)
sending.kill(timeout=20)
print(sending.dead, type(sending.value).__name__)
print(backend.stats() == {"received": 2, "dropped:interrupted": 2})
"""

KILLED = """
from gevent import monkey; monkey.patch_all()
import gc, gevent, greenlet
from eventkit import RealTimeBackend

taken, held = [], gevent.event.Event()

class Task:
    def delay(self, event):
        held.wait()
        taken.append(event["name"])

backend = RealTimeBackend(enqueue=Task())
for number in range(3):
    backend.send({"name": f"event {number}"})
gevent.sleep(0.01)
[working] = [
    each for each in gc.get_objects()
    if isinstance(each, gevent.Greenlet) and not each.dead and each is not gevent.getcurrent()
]
working.kill(timeout=20)
print(backend.stats()["pending"])
held.set()
backend.send({"name": "event 3"})
print(backend.flush(20), taken)
"""

SITE = """
from eventkit import RealTimeBackend, SQLiteStore

backend = RealTimeBackend(enqueue=SQLiteStore("store.db"))
# The master has used the store, and its thread, before it forks.
backend.send({"name": "master"})
assert backend.flush(20)

def application(environ, start_response):
    backend.send({"name": environ["PATH_INFO"]})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""


def need(module):
    """Skip where *module* is missing; where everything is to be tested it must be there."""
    if importlib.util.find_spec(module) is None:
        assert not os.environ.get("CI"), f"needs the package {module}"
        pytest.skip(f"needs the package {module}")


def environment():
    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run(program, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stderr

    return done.stdout


@pytest.mark.parametrize(
    ("module", "program"),
    [
        ("gevent", GEVENT),
        ("gevent", GEVENT_UNPATCHED),
        ("eventlet", EVENTLET),
        ("uvloop", UVLOOP),
    ],
    ids=["gevent", "gevent, not patched", "eventlet", "uvloop"],
)
def test_nothing_else_stands_still_while_a_store_is_locked(module, program, tmp_path):
    """What unlocks it would otherwise never run."""
    if module == "eventlet" and importlib.util.find_spec(module) is None:
        pytest.skip("needs the package eventlet, which is deprecated and in no extra")
    need(module)

    assert run(program, tmp_path) == "done\n"


def test_timeouts_and_kills_of_gevent_pass_through(tmp_path):
    need("gevent")

    assert run(INTERRUPTS, tmp_path) == "timeout\nTrue GreenletExit\nTrue\n"


def test_the_greenlet_that_hands_on_may_be_killed(tmp_path):
    """What it had in hand is kept, and handed on with the next event."""
    need("gevent")

    names = [f"event {number}" for number in range(4)]
    assert run(KILLED, tmp_path) == f"3\nTrue {names}\n"


def served(command, port, folder):
    """Ask a server for some pages, and give the events that are then in the store."""
    (folder / "site_app.py").write_text(SITE)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        until(lambda: answers(port, "/0") or server.poll() is not None)
        for number in range(1, 20):
            assert answers(port, f"/{number}"), (folder / "log").read_text()
        store = SQLiteStore(folder / "store.db")
        until(lambda: len(names(store)) >= 21)
        return names(store)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(PATIENCE)


def answers(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status == 200
    except OSError:
        return False


def names(store):
    entries = store.take(INBOX, after=0, limit=1000, max_bytes=10**7)
    return sorted(json.loads(each.event)["name"] for each in entries)


EXPECTED = sorted(["master", *(f"/{number}" for number in range(20))])


@pytest.mark.parametrize("workers", ["sync", "gthread", "gevent"])
def test_gunicorn_forks_after_the_store_was_used(workers, tmp_path):
    """With --preload, as sites run it to save memory; each worker has its own thread and counts."""
    need("gunicorn")
    if workers == "gevent":
        need("gevent")
    port = unused_port()

    found = served(
        [
            *(sys.executable, "-m", "gunicorn", "--preload", "-w", "2", "-k", workers),
            *("-b", f"127.0.0.1:{port}", "site_app:application"),
        ],
        port,
        tmp_path,
    )

    assert found == EXPECTED


@pytest.mark.parametrize("options", [(), ("--lazy-apps",)], ids=["forking", "lazy-apps"])
def test_uwsgi_with_threads(options, tmp_path):
    uwsgi = shutil.which("uwsgi") or shutil.which("uwsgi", path=str(Path(sys.executable).parent))
    if uwsgi is None:
        pytest.skip("needs uwsgi, which has to be compiled and is in no extra")
    port = unused_port()

    found = served(
        [
            *(uwsgi, "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "2"),
            *("--enable-threads", "--die-on-term", "--wsgi", "site_app", *options),
        ],
        port,
        tmp_path,
    )

    # Where each process loads the program, each is its own master.
    assert [name for name in found if name != "master"] == EXPECTED[:-1]
