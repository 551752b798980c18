"""examples/redis_stream_runner.py with a real Redis server."""

from __future__ import annotations

import json

import pytest
from fault_routes import until
from fault_server import behave, hang, respond, serving
from redis_server import redis_server
from runner_processes import check_order, events, ids, number_sent, runners

STREAM = GROUP = "eventkit"


@pytest.fixture
def redis(tmp_path):
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
def site(tmp_path, redis):
    with (
        serving() as server,
        runners(tmp_path, server.url, REDIS_URL=redis.url, WORKER="one") as processes,
    ):
        yield server, processes, redis.client


def publish(client, given):
    for event in given:
        client.xadd(STREAM, {"event": event if isinstance(event, bytes) else json.dumps(event)})


def begun(client):
    """How many entries some worker has read and not done with."""
    return client.xpending(STREAM, GROUP)["pending"]


@pytest.mark.parametrize("store", [{}, {"STORE": "store.db"}], ids=["direct", "durable"])
def test_events_of_the_lms_arrive_once_and_those_of_a_learner_in_order(site, store):
    """The stream is empty afterwards; after SIGTERM nothing is left undone."""
    server, processes, client = site
    first, second = events(*range(250)), events(250)

    processes.done(processes.lms("redis_stream_runner.publish", first))
    runner = processes.example("redis_stream_runner.py", **store)
    server.wait_for(lambda: len(server.stored) >= len(first))
    processes.stop(runner)
    runner = processes.example("redis_stream_runner.py", **store)
    processes.done(processes.lms("redis_stream_runner.publish", second))
    server.wait_for(lambda: len(server.stored) > len(first))
    processes.stop(runner)

    assert set(server.stored) == ids(first + second)
    assert number_sent(server) == len(first) + 1
    assert (client.xlen(STREAM), begun(client)) == (0, 0)
    check_order(server)


@pytest.mark.parametrize("missing", ["LRS_PASSWORD", "IDENTITY_SECRET", "LMS_ROOT"])
def test_a_worker_without_a_variable_ends_and_takes_nothing(site, tmp_path, missing):
    server, processes, client = site
    publish(client, events(*range(5)))
    auth = {"type": "basic", "username": "x", "password": {"env": "LRS_PASSWORD"}}
    consumer = {"id": "engine", "protocol": "xapi", "url": server.url, "auth": auth}
    (tmp_path / "consumers.json").write_text(json.dumps([consumer]))
    processes.environment["LRS_PASSWORD"] = "a password for tests"
    del processes.environment[missing]

    runner = processes.example("redis_stream_runner.py")

    assert runner.wait(20) == 1
    assert missing in processes.log()
    assert (client.xlen(STREAM), server.stored) == (5, {})


def test_what_a_consumer_cannot_take_now_stays_in_the_stream_and_is_tried_again(site):
    server, processes, client = site
    given = events(*range(10))
    server.script += [respond(503, Retry_After="1"), hang]
    publish(client, given)

    runner = processes.example("redis_stream_runner.py")
    until(lambda: len(server.requests) == 2)
    assert (client.xlen(STREAM), begun(client)) == (len(given), len(given))
    assert not server.stored
    server.released.set()
    server.wait_for(lambda: len(server.stored) == len(given))
    processes.stop(runner)

    assert client.xlen(STREAM) == 0


@pytest.mark.parametrize(
    "another",
    [{"WORKER": "one"}, {"WORKER": "two", "TAKE_OVER": "0.5"}],
    ids=["the same one, back again", "another one"],
)
def test_what_a_killed_worker_has_begun_another_one_finishes(site, another):
    server, processes, client = site
    given = events(*range(10))
    server.script.append(hang)
    publish(client, given[:5])

    killed = processes.example("redis_stream_runner.py")
    until(lambda: server.requests)
    processes.kill(killed)
    assert begun(client) == 5
    publish(client, given[5:])
    runner = processes.example("redis_stream_runner.py", **another)
    server.wait_for(lambda: len(server.stored) == len(given))
    processes.stop(runner)

    assert set(server.stored) == ids(given)
    assert (client.xlen(STREAM), begun(client)) == (0, 0)


def test_with_a_store_what_has_left_the_stream_survives_a_kill_9(site):
    server, processes, client = site
    given = events(*range(250))
    server.default = respond(503, Retry_After="1")
    publish(client, given)

    killed = processes.example("redis_stream_runner.py", STORE="store.db")
    until(lambda: client.xlen(STREAM) == 0)
    processes.kill(killed)
    assert not server.stored
    server.default = behave
    runner = processes.example("redis_stream_runner.py", STORE="store.db")
    server.wait_for(lambda: len(server.stored) == len(given))
    processes.stop(runner)

    assert set(server.stored) == ids(given)


def test_what_is_no_event_lies_in_the_dead_letters_and_its_neighbours_arrive(site, tmp_path):
    server, processes, client = site
    given = events(0, 1)
    publish(client, [given[0], b"no event"])
    client.xadd(STREAM, {"something": "else"})
    publish(client, given[1:])

    runner = processes.example("redis_stream_runner.py")
    server.wait_for(lambda: len(server.stored) == len(given))
    until(lambda: client.xlen(STREAM) == 0)
    processes.stop(runner)

    letters = (tmp_path / "dead-letters.jsonl").read_text().splitlines()
    assert [json.loads(each)["reason"] for each in letters] == ["translation_failed"] * 2


def test_the_lms_waits_for_a_redis_that_is_away(tmp_path):
    given = events(*range(10))
    with (
        redis_server(tmp_path, started=False) as redis,
        serving() as server,
        runners(tmp_path, server.url, REDIS_URL=redis.url) as processes,
    ):
        lms = processes.lms("redis_stream_runner.publish", given)
        assert lms.stdout.readline() == b"sent\n"
        until(lambda: "Events wait in this process" in processes.log())
        redis.start()
        processes.done(lms)

        assert redis.client.xlen(STREAM) == len(given)
