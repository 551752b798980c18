"""A consumer in trouble is probed, not hammered; a document that is the trouble is found."""

from __future__ import annotations

import fault_server
import pytest
from fault_routes import balance, consumer, numbers, translation, until
from fault_server import PATIENCE, respond


def test_row_17_always_400(make, server):
    """A receiver that refuses everything is paused before its queue is emptied."""
    server.default = respond(400, b"wrong endpoint")
    router = make(consumer("lrs", server.url))
    router.send_many(translation(number) for number in range(1000))
    until(lambda: router.health()["lrs"]["state"] == "paused")

    health = router.health()["lrs"]
    assert health["reason"] == "refuses_everything"
    assert "check url" in health["detail"]
    counts = balance(router)
    assert counts["dead"] < 60
    assert counts["pending"] > 900


def test_row_17_corrected(make, server):
    """Once it takes documents again all that was kept arrives, the refused ones by replay."""
    server.default = respond(400, b"maintenance")
    router = make(consumer("lrs", server.url), pause=0.01)
    router.send_many(translation(number) for number in range(200))
    until(lambda: router.health()["lrs"].get("reason") == "refuses_everything")
    server.default = fault_server.behave

    assert router.flush(PATIENCE)
    counts = balance(router)
    dead = [letter.documents[0]["n"] for letter in router.dead_letters]
    assert sorted(numbers(server) + dead) == list(range(200))
    assert counts["dead"] == len(dead) < 100


def test_bad_documents_in_a_row_do_not_block_for_ever(make, server):
    """A long row of documents that are bad indeed gets to an end, and the good ones arrive."""
    server.rule = lambda request: (
        (400, b"bad") if any(each["n"] < 40 for each in request.statements) else None
    )
    router = make(consumer("lrs", server.url), pause=0.01)
    router.send_many(translation(number) for number in range(60))

    assert router.flush(PATIENCE)
    assert numbers(server) == list(range(40, 60))
    assert balance(router)["dead:http_400"] == 40


def test_open(make, server):
    """A consumer that is down gets one small request at a time."""
    server.default = respond(503)
    router = make(consumer("lrs", server.url))
    router.send_many(translation(number) for number in range(300))
    server.wait_for(lambda: len(server.requests) >= 8)

    assert [1, 1, 1, 1] == [len(each.statements) for each in server.requests][1:5]
    assert router.health()["lrs"]["state"] == "open"
    server.default = fault_server.behave
    assert router.flush(PATIENCE)
    sizes = [len(each.statements) for each in server.requests]
    assert [1, 4, 16, 64] == sizes[sizes.index(4) - 1 :][:4]
    assert numbers(server) == list(range(300))
    assert balance(router)["delivered"] == 300


@pytest.mark.parametrize("answer", [respond(500, b"boom"), fault_server.reset])
def test_a_document_that_brings_the_receiver_down(make, server, answer):
    """It is found and set aside; all others arrive, and those of each learner in order."""

    def crash(server, connection, request):
        bad = any(each["n"] in (11, 12, 40) for each in request.statements)
        return (answer if bad else fault_server.behave)(server, connection, request)

    server.default = crash
    router = make(consumer("lrs", server.url, batch={"max_size": 20}))
    router.send_many(translation(number) for number in range(100))

    assert router.flush(PATIENCE)
    counts = balance(router)
    assert counts["dead"] == 3
    dead = [letter.documents[0] for letter in router.dead_letters]
    assert sorted(each["n"] for each in dead) == [11, 12, 40]
    assert sorted(numbers(server)) == [n for n in range(100) if n not in (11, 12, 40)]
    for learner in range(7):
        own = [n for n in numbers(server) if n % 7 == learner]
        assert own == sorted(own)


def test_a_storm_costs_nothing(make, server):
    """A receiver that fails for long, and then at random, gets everything, in order."""
    chance = iter([0] * 60 + [1, 0, 0, 1, 1, 0, 1, 0] * 30)

    def storm(server, connection, request):
        action = fault_server.behave if next(chance, 1) else respond(500)
        return action(server, connection, request)

    server.default = storm
    router = make(consumer("lrs", server.url, batch={"max_size": 10}))
    router.send_many(translation(number) for number in range(200))

    assert router.flush(PATIENCE)
    assert balance(router)["dead"] == 0
    assert sorted(numbers(server)) == list(range(200))
    for learner in range(7):
        own = [n for n in numbers(server) if n % 7 == learner]
        assert own == sorted(own)


def test_row_16_requests_shrink_and_grow(make, server):
    """A receiver that takes less than configured costs a few requests, not one for each batch."""
    limit = 2000

    def rule(request):
        return (413, b"") if len(request.body) > limit else None

    server.rule = rule
    router = make(consumer("lrs", server.url))
    router.send_many(translation(number) for number in range(2000))
    assert router.flush(PATIENCE)

    refused = sum(1 for each in server.requests if len(each.body) > limit)
    assert numbers(server) == list(range(2000))
    assert refused < len(server.requests) / 8
    limit = 10**9
    before = len(server.requests)
    router.send_many(translation(number) for number in range(2000, 12000))
    assert router.flush(PATIENCE)
    assert max(len(each.statements) for each in server.requests[before:]) == 100
    assert balance(router)["delivered"] == 12000


def test_row_15_budget(make, server):
    """With a limit of age what is retried for too long becomes a dead letter, never lost."""
    server.default = respond(503, b"overloaded")
    router = make(consumer("lrs", server.url), max_age=3600)
    router.send_many(translation(number) for number in range(250))

    assert router.flush(PATIENCE)
    assert balance(router)["dead:expired"] == 250
    assert len(router.dead_letters) == 250


def test_row_25_others_go_on(make, server):
    """One that is down for long keeps its backlog, and others get theirs at once."""
    with fault_server.serving(default=respond(503)) as down:
        router = make(consumer("down", down.url), consumer("fine", server.url))
        for start in range(0, 1000, 100):
            router.send_many(translation(number) for number in range(start, start + 100))
            server.wait_for(lambda end=start + 100: len(server.stored) == end)

        assert router.stats("down")["pending"] == 1000
        down.default = fault_server.behave
        assert router.flush(PATIENCE)
        assert numbers(down) == list(range(1000))
        assert max(len(each.statements) for each in down.requests[-20:]) <= 100
    balance(router)


def test_row_18_credentials_corrected(make, server, tmp_path):
    """Wrong credentials pause, keep everything, and corrected ones work without a restart."""
    server.authorization = "Bearer right-token"
    secret = tmp_path / "token"
    secret.write_text("wrong-token")
    router = make(
        consumer("lrs", server.url, auth={"type": "bearer", "token": {"file": str(secret)}}),
        pause=0.05,
    )
    router.send_many(translation(number) for number in range(150))
    until(lambda: router.health()["lrs"]["state"] == "paused")
    assert balance(router)["pending"] == 150
    assert "wrong-token" not in str(router.health())
    secret.write_text("right-token")

    assert router.flush(PATIENCE)
    assert numbers(server) == list(range(150))
    assert balance(router)["delivered"] == 150


def test_row_31_the_tail_is_sent(make, server):
    """What does not fill a batch goes when its time has come, without a further event."""
    router = make(consumer("lrs", server.url, batch={"max_wait": 0.05}))
    router.send_many(translation(number) for number in range(130))

    server.wait_for(lambda: len(server.stored) == 130)
    until(lambda: not router.stats()["pending"])
    balance(router)


def test_row_12_a_consumer_that_hangs_does_not_delay_others(make, server):
    """It is cut off at its deadline and tried again; others do not notice."""
    with fault_server.serving(default=fault_server.hang) as hanging:
        router = make(
            consumer("hanging", hanging.url, timeout=0.3),
            consumer("fine", server.url),
        )
        for number in range(50):
            router.send(translation(number))
        server.wait_for(lambda: len(server.stored) == 50)
        hanging.wait_for(lambda: len(hanging.requests) >= 2)
        until(lambda: router.stats("fine")["delivered"] == 50)
        balance(router)
        hanging.default = fault_server.behave
        hanging.released.set()
        assert router.flush(PATIENCE)
