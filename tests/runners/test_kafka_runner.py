"""examples/kafka_runner.py over Kafka's protocol: a cluster of three brokers in this process."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from fault_routes import until
from fault_server import serving
from runner_processes import check_order, events, ids, number_sent, runners

confluent_kafka = pytest.importorskip("confluent_kafka", reason="needs confluent-kafka")

TOPIC = "eventkit"


@pytest.fixture
def kafka():
    """
    The settings that lead to the cluster.

    Dead members of a group are noticed as soon as this cluster allows: it takes three seconds to
    make up its mind about a new group.
    """
    cluster = confluent_kafka.Producer({"test.mock.num.brokers": 3})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    yield {
        "bootstrap.servers": ",".join(f"{each.host}:{each.port}" for each in brokers),
        "session.timeout.ms": 3500,
        "heartbeat.interval.ms": 200,
    }
    # It ends with the last reference.
    del cluster


@pytest.fixture
def site(tmp_path, kafka):
    with (
        serving() as server,
        runners(tmp_path, server.url, KAFKA=json.dumps(kafka), STORE="store.db") as processes,
    ):
        yield server, processes


def publish(kafka, given):
    """Put *given* on the topic as the example does, only faster."""
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka["bootstrap.servers"]})
    for event in given:
        value = event if isinstance(event, bytes) else json.dumps(event).encode()
        key = None if isinstance(event, bytes) else str(event["context"]["user_id"])
        producer.produce(TOPIC, value, key)
    assert producer.flush(10) == 0


def published(kafka):
    """The keys on the topic."""
    settings = {"group.id": "test", "auto.offset.reset": "earliest", "enable.partition.eof": True}
    with closing(confluent_kafka.Consumer({**kafka, **settings})) as consumer:
        numbers = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        consumer.assign([confluent_kafka.TopicPartition(TOPIC, number, 0) for number in numbers])
        keys, ended = [], 0
        while ended < len(numbers):
            [message] = consumer.consume(1, timeout=10)
            if message.error():
                ended += 1
            else:
                keys.append(message.key().decode())
        return keys


def committed(kafka):
    """How many events count as consumed."""
    settings = {"bootstrap.servers": kafka["bootstrap.servers"], "group.id": "eventkit"}
    with closing(confluent_kafka.Consumer(settings)) as consumer:
        partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
        places = [confluent_kafka.TopicPartition(TOPIC, number) for number in partitions]
        return sum(max(place.offset, 0) for place in consumer.committed(places, timeout=10))


def test_events_of_the_lms_arrive_once_and_those_of_a_learner_in_order(site):
    """What has been consumed before a SIGTERM is not consumed again after it."""
    server, processes = site
    first, second = events(*range(60)), events(60)

    processes.done(processes.lms("kafka_runner.publish", first))
    runner = processes.example("kafka_runner.py")
    server.wait_for(lambda: len(server.stored) >= len(first))
    processes.stop(runner)
    runner = processes.example("kafka_runner.py")
    processes.done(processes.lms("kafka_runner.publish", second))
    server.wait_for(lambda: len(server.stored) > len(first))
    processes.stop(runner)

    assert set(server.stored) == ids(first + second)
    assert number_sent(server) == len(first) + 1
    check_order(server)


def test_an_lms_may_fork_when_it_has_published(site, kafka):
    _, processes = site
    program = (
        "import json, os, sys, kafka_runner\n"
        "parent, child = json.load(sys.stdin)\n"
        "kafka_runner.publish(parent)\n"
        "forked = os.fork()\n"
        "kafka_runner.publish(parent if forked else child)\n"
        "sys.exit(os.waitpid(forked, 0)[1] if forked else 0)\n"
    )

    lms = processes.start("-c", program)
    lms.stdin.write(json.dumps(events(0, 1)).encode())
    lms.stdin.close()
    processes.done(lms)

    assert sorted(published(kafka)) == ["1", "1", "2"]


def test_kill_9_loses_nothing(site, kafka):
    """Two workers with a store each are killed amid their work, and come back."""
    server, processes = site
    given = events(*range(6000))
    stores = ("one.db", "two.db")
    publish(kafka, given[:4000])

    killed = [processes.example("kafka_runner.py", STORE=store) for store in stores]
    for runner, least in zip(killed, (300, 600), strict=True):
        server.wait_for(lambda least=least: len(server.stored) >= least)
        processes.kill(runner)
    assert len(server.stored) < 4000
    publish(kafka, given[4000:])
    started = [processes.example("kafka_runner.py", STORE=store) for store in stores]
    server.wait_for(lambda: len(server.stored) >= len(given))
    until(lambda: committed(kafka) == len(given))
    for runner in started:
        processes.stop(runner)

    assert set(server.stored) == ids(given)


def test_nothing_is_committed_that_the_store_has_not_taken(site, kafka, tmp_path):
    server, processes = site
    given = events(*range(1200))
    publish(kafka, given[:7])
    runner = processes.example("kafka_runner.py")
    until(lambda: committed(kafka) == 7)
    server.wait_for(lambda: len(server.stored) == 7)

    with closing(sqlite3.connect(tmp_path / "store.db")) as locked:
        locked.execute("BEGIN IMMEDIATE")
        publish(kafka, given[7:])
        until(lambda: "Events stay in Kafka" in processes.log())
        assert committed(kafka) == 7
        locked.rollback()
    server.wait_for(lambda: len(server.stored) == len(given))
    until(lambda: committed(kafka) == len(given))
    processes.stop(runner)

    assert set(server.stored) == ids(given)


def test_what_is_no_event_lies_in_the_dead_letters_and_its_neighbours_arrive(site, kafka, tmp_path):
    server, processes = site
    given = events(0, 1)
    publish(kafka, [given[0], b"no event", b"", given[1]])
    runner = processes.example("kafka_runner.py")
    server.wait_for(lambda: len(server.stored) == len(given))
    until(lambda: committed(kafka) == 4)
    processes.stop(runner)

    listed = processes.start("-m", "eventkit", "dead-letters", "list", str(tmp_path / "store.db"))
    assert listed.stdout.read().count(b"translation_failed") == 2
