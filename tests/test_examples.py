"""The programs in examples/ do what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from eventkit.demo import sample_log

EVENT = {
    "name": "edx.course.enrollment.activated",
    "timestamp": "2026-03-01T12:00:00.250000+00:00",
    "data": {"course_id": "course-v1:edX+DemoX+2026", "user_id": 7, "mode": "audit"},
    "context": {"org_id": "edX", "course_id": "course-v1:edX+DemoX+2026", "user_id": 7},
}


@contextmanager
def record_store(*answers: tuple[int, dict[str, str]]) -> Iterator[tuple[str, list[Any]]]:
    """Serve *answers* in turn and then 200; give the URL and the list of what was accepted."""
    waiting = list(answers)
    accepted: list[Any] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                status, headers = waiting.pop(0) if waiting else (200, {})
                if status == 200:
                    accepted.extend(body)
            answer = json.dumps([each["id"] for each in body]).encode()
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/xapi", accepted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def run(tmp_path: Path, root: Path) -> Any:
    def run(*command: str, **options: Any) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={
                "PYTHONPATH": f"{root}:{root / 'examples'}",
                "IDENTITY_SECRET": "a secret that only the tests know",
                "LMS_ROOT": "https://lms.example.org",
                "CONSUMERS": "consumers.json",
            },
            capture_output=True,
            timeout=120,
            check=False,
            **options,
        )

        assert done.returncode == 0, done.stderr.decode()

        return done.stdout.decode()

    return run


def test_batch_accounts_for_every_line(run: Any, root: Path, tmp_path: Path) -> None:
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    lines = sample_log().read_bytes().splitlines(keepends=True)
    logs[0].write_bytes(b"".join(lines[:100]))
    logs[1].write_bytes(b"".join(lines[100:]))

    printed = run(
        str(root / "examples" / "batch.py"), "https://lms.example.org", "out", *map(str, logs)
    )

    counted = sum(int(line.split()[0].replace(",", "")) for line in printed.splitlines())
    assert counted == len(lines)
    for log in logs:
        written = (tmp_path / "out" / f"{log.name}.statements.jsonl").read_text().splitlines()
        assert all(json.loads(line)["version"] == "1.0.3" for line in written)
        assert written


CELERY_DRIVER = f"""
import os
import sys
import threading
from types import SimpleNamespace
from celery import signals
from celery.contrib.testing.worker import start_worker

os.environ["CELERY_BROKER_URL"] = "memory://"
import celery_app

done, refused = threading.Event(), []

@signals.task_success.connect
def succeeded(**_):
    done.set()

def put_right(seconds):
    refused.append(seconds)
    if sys.argv[1] == "setting":
        os.environ["IDENTITY_SECRET"] = "a secret that only the tests know"
    else:
        os.environ["CONSUMERS"] = "consumers.json"

with start_worker(celery_app.app, perform_ping_check=False, pool="solo", concurrency=1):
    celery_app.backend.cache_clear()
    if sys.argv[1] == "setting":
        celery_app.time = SimpleNamespace(sleep=put_right)
        del os.environ["IDENTITY_SECRET"]
    elif sys.argv[1] == "file":
        celery_app.time = SimpleNamespace(sleep=put_right)
        os.environ["CONSUMERS"] = "elsewhere.json"
    celery_app.share_event.delay({EVENT!r})
    assert done.wait(60)
    assert celery_app.backend().flush(60)
print(len(refused))
"""


@pytest.mark.parametrize(("trouble", "refused"), [("none", 0), ("setting", 1), ("file", 1)])
def test_the_celery_app_delivers_and_keeps_what_it_cannot_store(
    trouble: str, refused: int, run: Any, tmp_path: Path
) -> None:
    """A setting that goes missing while it runs sends events back to the queue."""
    (tmp_path / "driver.py").write_text(CELERY_DRIVER)
    unavailable = (503, {"Retry-After": "1"})
    with record_store(unavailable, unavailable) as (url, accepted):
        consumer = {"id": "engine", "protocol": "xapi", "url": url}
        (tmp_path / "consumers.json").write_text(json.dumps([consumer]))

        printed = run("driver.py", trouble)

    assert printed == f"{refused}\n"
    assert [each["verb"]["display"]["en"] for each in accepted] == ["registered"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "these variables are not set: STORE, CONSUMERS, LMS_ROOT, IDENTITY_SECRET"),
        ({"IDENTITY_SECRET": ""}, "these variables are not set: STORE, CONSUMERS, LMS_ROOT, IDEN"),
        (
            {
                "STORE": "store.db",
                "CONSUMERS": "consumers.json",
                "LMS_ROOT": "https://lms.example.org",
                "IDENTITY_SECRET": "a secret that only the tests know",
            },
            "environment variable LRS_PASSWORD is not set",
        ),
    ],
)
def test_the_durable_worker_says_in_a_line_what_it_lacks(
    settings: dict[str, str], said: str, root: Path, tmp_path: Path
) -> None:
    auth = {"type": "bearer", "token": {"env": "LRS_PASSWORD"}}
    consumer = {"id": "engine", "protocol": "xapi", "url": "https://lrs.example.org", "auth": auth}
    (tmp_path / "consumers.json").write_text(json.dumps([consumer]))
    lacking = {"STORE", "CONSUMERS", "LMS_ROOT", "IDENTITY_SECRET", "LRS_PASSWORD"}
    inherited = {key: value for key, value in os.environ.items() if key not in lacking}

    done = subprocess.run(
        [sys.executable, root / "examples" / "durable_worker.py"],
        cwd=tmp_path,
        env=inherited | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("durable_worker: ")
    assert said in line


def test_the_asyncio_runner_delivers_what_it_reads(run: Any, root: Path, tmp_path: Path) -> None:
    lines = [json.dumps(EVENT).encode(), b"no event", b'{"name": "edx.unheard.of", "context": {}}']
    with record_store((503, {"Retry-After": "1"})) as (url, accepted):
        consumer = {"id": "engine", "protocol": "xapi", "url": url}
        (tmp_path / "consumers.json").write_text(json.dumps([consumer]))

        printed = run(
            str(root / "examples" / "asyncio_runner.py"),
            "https://lms.example.org",
            "consumers.json",
            input=b"\n".join(lines) + b"\n",
        )

    assert "'delivered': 1" in printed
    assert [each["verb"]["display"]["en"] for each in accepted] == ["registered"]
