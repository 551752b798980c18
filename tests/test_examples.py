"""The programs in examples/ do what they say."""

from __future__ import annotations

import json
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


REFUSING_DRIVER = f"""
import sys
import threading
from celery import signals
from celery.contrib.testing.worker import start_worker
from kombu.exceptions import OperationalError
import celery_app

done, queued, queue = threading.Event(), [], celery_app.deliver.apply_async

@signals.task_success.connect
def succeeded(sender=None, **_):
    if sender.name == "celery_app.deliver":
        done.set()

def queue_most(*args, **options):
    queued.append(args)
    if len(queued) == int(sys.argv[1]):
        raise OperationalError("the broker is full")
    return queue(*args, **options)

celery_app.deliver.apply_async = queue_most
with start_worker(celery_app.app, perform_ping_check=False, pool="solo", concurrency=1):
    celery_app.share_event.delay({EVENT!r})
    assert done.wait(20)
print(len(queued))
"""


CELERY_DRIVER = f"""
import threading
from celery import signals
from celery.contrib.testing.worker import start_worker
import celery_app

done, retried = threading.Event(), []

@signals.task_success.connect
def succeeded(sender=None, **_):
    if sender.name == "celery_app.deliver":
        done.set()

@signals.task_retry.connect
def again(sender=None, **_):
    retried.append(sender.name)

with start_worker(celery_app.app, perform_ping_check=False, pool="solo", concurrency=1):
    celery_app.share_event.delay({EVENT!r})
    assert done.wait(60)
print(retried)
"""


def test_the_celery_app_delivers_and_tries_again(run: Any, tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(CELERY_DRIVER)
    unavailable = (503, {"Retry-After": "1"})
    with record_store(unavailable, unavailable) as (url, accepted):
        consumer = {"id": "engine", "protocol": "xapi", "url": url}
        (tmp_path / "consumers.json").write_text(json.dumps([consumer]))

        printed = run("driver.py")

    assert printed == "['celery_app.deliver', 'celery_app.deliver']\n"
    assert [each["verb"]["display"]["en"] for each in accepted] == ["registered"]


@pytest.mark.parametrize(("refused", "queued"), [("1", "3\n"), ("2", "2\n")], ids=["new", "retry"])
def test_the_celery_app_keeps_what_the_broker_does_not_take(
    refused: str, queued: str, run: Any, tmp_path: Path
) -> None:
    """A delivery, new or to be tried again, cannot be queued; Celery alone would forget it."""
    (tmp_path / "driver.py").write_text(REFUSING_DRIVER)
    with record_store((503, {"Retry-After": "1"})) as (url, accepted):
        consumer = {"id": "engine", "protocol": "xapi", "url": url}
        (tmp_path / "consumers.json").write_text(json.dumps([consumer]))

        printed = run("driver.py", refused)

    assert printed == queued
    assert [each["verb"]["display"]["en"] for each in accepted] == ["registered"]


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
