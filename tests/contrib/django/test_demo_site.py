"""The demo site of `make admin`, in processes of its own."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import psutil
import requests
from fault_server import PATIENCE


def wait_for(database, query):
    """Ask until the answer is something."""
    end = time.monotonic() + 3 * PATIENCE
    with closing(sqlite3.connect(database, timeout=PATIENCE)) as file:
        while not file.execute(query).fetchone()[0]:
            assert time.monotonic() < end, query
            time.sleep(0.1)


def test_it_delivers_and_ends_without_a_trace(root, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    site = subprocess.Popen(
        [sys.executable, "examples/admin/run.py", "--port", "0", "--rate", "40"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = site.stdout.readline()
            assert line, said
            said += line
        (address,) = set(re.findall(r"http://127\.0\.0\.1:\d+(?=/admin/)", said))
        started = [site, *psutil.Process(site.pid).children(recursive=True)]
        (folder,) = tmp_path.glob("eventkit-admin-*")

        browser = requests.Session()
        login = f"{address}/admin/login/?next=/admin/eventkit/consumer/"
        browser.get(login, timeout=PATIENCE)
        form = {"username": "admin", "password": "demo", "next": "/admin/eventkit/consumer/"}
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        listed = browser.post(login, data=form | token, timeout=PATIENCE)

        assert listed.status_code == 200
        assert "Adaptive engine" in listed.text

        # Who is no staff gets in, too, and sees what the portal has for them.
        outside = requests.Session()
        asked = outside.get(f"{address}/event-access/", timeout=PATIENCE)
        token = {"csrfmiddlewaretoken": outside.cookies["csrftoken"], "next": "/event-access/"}
        form = {"username": "representative", "password": "demo"}
        seen = outside.post(asked.url, data=form | token, timeout=PATIENCE)

        assert (seen.status_code, seen.url) == (200, f"{address}/event-access/")
        assert "representative" in seen.text
        assert re.search(r"\d\d:\d\d UTC", seen.text)

        # The worker is another process: all of this comes through the database.
        for query in (
            "SELECT sum(delivered) FROM eventkit_report WHERE process != 'made-up'",
            "SELECT count(*) FROM eventkit_letter",
            "SELECT gone_at FROM eventkit_consumer WHERE slug = 'old-dashboard'",
        ):
            wait_for(folder / "site.sqlite3", query)
    finally:
        site.send_signal(signal.SIGINT)
        rest, _ = site.communicate(timeout=2 * PATIENCE)

    assert site.returncode == 0, rest
    assert "Traceback" not in rest
    assert [each for each in started[1:] if each.is_running()] == []
    assert list(tmp_path.iterdir()) == []
