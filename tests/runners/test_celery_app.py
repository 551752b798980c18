"""examples/celery_app.py in real workers, which are killed."""

from __future__ import annotations

import fcntl
import json
import time

import psutil
import pytest
from fault_routes import until
from fault_server import hang, respond, serving
from redis_server import redis_server
from runner_processes import events, ids, runners

WORKER = ("-m", "celery", "-A", "site_celery", "worker", "--concurrency=1", "--loglevel=INFO")

SITE = """
from celery import signals
from celery_app import app


@signals.task_prerun.connect
def begin(**_):
    open("begun", "w").close()


app.conf.broker_url = {broker!r}
app.conf.broker_transport_options = {options!r}
# How long a killed process of the pool may still turn out to have finished its task.
app.conf.worker_lost_wait = 1
"""


@pytest.fixture
def site(tmp_path):
    with serving() as server, runners(tmp_path, server.url) as processes:
        yield server, processes


def use_folder(folder):
    """Have a folder for a broker: one that needs no server, and loses what a worker holds."""
    queue, control = folder / "queue", folder / "control"
    queue.mkdir()
    options = {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(control),
    }
    (folder / "site_celery.py").write_text(SITE.format(broker="filesystem://", options=options))


def use_redis(folder, redis):
    """Have Redis for a broker that looks for what dead workers hold at once, not in minutes."""
    options = {
        "visibility_timeout": 2,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }
    (folder / "site_celery.py").write_text(SITE.format(broker=redis.url, options=options))


def share(processes, given):
    """Hand *given* events to Celery, as the LMS does."""
    program = "import json, sys, site_celery, celery_app\n"
    program += "for event in json.load(sys.stdin): celery_app.share_event.delay(event)"
    process = processes.start("-c", program)
    process.stdin.write(json.dumps(given).encode())
    process.stdin.close()
    processes.done(process)


def test_a_task_whose_process_is_killed_is_done_by_the_next(site, tmp_path):
    """It is killed while it waits for the store, which somebody has locked."""
    server, processes = site
    given = events(0)
    use_folder(tmp_path)
    worker = processes.start(*WORKER)
    until(lambda: "ready." in processes.log())
    with (tmp_path / "eventkit.db-lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        share(processes, given)
        until((tmp_path / "begun").exists)
        [child] = psutil.Process(worker.pid).children()
        child.kill()
        child.wait(20)
    server.wait_for(lambda: server.stored)
    processes.stop(worker)

    assert set(server.stored) == ids(given)


def test_what_a_killed_worker_held_another_one_delivers(site, tmp_path):
    """Some events were stored, one of them under way, and others not begun."""
    server, processes = site
    given = events(*range(3))
    with redis_server(tmp_path) as redis:
        use_redis(tmp_path, redis)
        server.script += [respond(503, Retry_After="1"), hang]
        share(processes, given)
        killed = processes.start(*WORKER)
        until(lambda: len(server.requests) == 2)
        processes.kill(killed)
        assert not server.stored

        worker = processes.start(*WORKER)
        server.wait_for(lambda: len(server.stored) == len(given))
        processes.stop(worker)

    assert set(server.stored) == ids(given)


def test_events_are_sent_many_at_a_time(site, tmp_path):
    """What comes while a request is under way goes together in the next, not each by itself."""
    server, processes = site
    given = events(*range(60))
    at_once = server.default

    def slowly(*request):
        time.sleep(0.3)
        return at_once(*request)

    server.default = slowly
    with redis_server(tmp_path) as redis:
        use_redis(tmp_path, redis)
        share(processes, given)
        worker = processes.start(*WORKER)
        server.wait_for(lambda: len(server.stored) == len(given))
        processes.stop(worker)

    assert set(server.stored) == ids(given)
    assert len(server.requests) <= len(given) // 3


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"CONSUMERS": "elsewhere.json"}, "elsewhere.json"),
        ({"IDENTITY_SECRET": ""}, "secret"),
        ({"STORE": "no/such/folder/store.db"}, "folder"),
    ],
)
def test_a_worker_does_not_start_with_settings_that_are_wrong(site, tmp_path, settings, why):
    _, processes = site
    use_folder(tmp_path)

    worker = processes.start(*WORKER, **settings)

    assert worker.wait(20) != 0
    assert "celery_app: " in processes.log()
    assert why in processes.log()


def test_a_worker_does_not_start_without_a_broker(site):
    """In memory it would wait for events that nobody can hand to it."""
    _, processes = site
    worker = ["celery_app" if each == "site_celery" else each for each in WORKER]

    process = processes.start(*worker)

    assert process.wait(20) != 0
    assert "celery_app: the variable CELERY_BROKER_URL is not set" in processes.log()
