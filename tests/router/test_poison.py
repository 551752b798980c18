"""Documents that make a receiver fail: they hold up nobody, and nobody else is blamed."""

from __future__ import annotations

import random

import fault_server
import pytest
from fault_routes import balance, consumer, numbers, statement, until
from fault_server import PATIENCE, FastClock, reset, respond, serving

from eventkit.router import Router
from eventkit.router.router import MAX_AGE


@pytest.fixture(params=["buffered", "durable"])
def make(request, tmp_path):
    """Make routers that deliver in the background, with or without a store."""
    made = []

    def make(url, **options):
        if request.param == "durable":
            options["store"] = tmp_path / "store.db"
        else:
            options["mode"] = "buffered"
        options.setdefault("clock", FastClock())
        batch = options.pop("batch", {"max_size": 50})
        router = Router([consumer("lrs", url, batch=batch)], **options)
        made.append(router)
        return router

    yield make
    for router in made:
        router.close(0)


def send(router, documents):
    event = {"name": "play_video"}
    router.send_many(
        {"name": "play_video", "protocol": "xapi", "documents": [each], "event": event}
        for each in documents
    )


def poisoned(server, bad, answer):
    """Have *server* fail whenever one of *bad* is in a request."""
    real = server.default

    def action(server, connection, request):
        is_bad = any(each["n"] in bad for each in request.statements)
        return (answer if is_bad else real)(server, connection, request)

    server.default = action


ORDERS = {
    "one learner behind it": ([statement(n, 1) for n in range(251)], {0}),
    "its own, then others": (
        [statement(n, 1 if n < 251 else 2 + n % 5) for n in range(551)],
        {0},
    ),
    "many, of one learner": (
        [statement(n, 1 if n < 10 else 2 + n % 5) for n in range(200)],
        {*range(10)},
    ),
    "in front, of many learners": ([statement(n, n % 40) for n in range(300)], {*range(12)}),
    "here and there": ([statement(n, n % 30) for n in range(300)], {5, 6, 70, 71, 150}),
}  # fmt: skip


@pytest.mark.parametrize("answer", [respond(500), reset], ids=["500", "reset"])
@pytest.mark.parametrize("order", ORDERS)
def test_all_others_arrive(make, order, answer):
    """Whatever stands where: the others arrive, and the poison is a dead letter."""
    documents, bad = ORDERS[order]
    with serving() as server:
        poisoned(server, bad, answer)
        router = make(server.url)
        send(router, documents)
        until(lambda: len(server.stored) == len(documents) - len(bad))

        assert sorted(numbers(server)) == [n for n in range(len(documents)) if n not in bad]
        # With nothing to compare it with it waits; with what comes it is judged.
        for number in range(1000, 1600):
            if router.stats()["dead"] == len(bad):
                break
            send(router, [statement(number, number)])
            until(lambda number=number: statement(number)["id"] in server.stored)
        assert {each.documents[0]["n"] for each in router.dead_letters} == bad


FIREWALLS = {
    "403": respond(403),
    "404": respond(404),
    "redirect": respond(302, Location="/blocked"),
    "page": respond(200, b"<html>Your request was blocked.</html>"),
}


@pytest.mark.parametrize("answer", FIREWALLS.values(), ids=FIREWALLS)
def test_one_that_a_firewall_does_not_let_through(make, answer):
    """It is answered as if address or credentials were wrong, and does not stop the others."""
    with serving() as server:
        poisoned(server, {5}, answer)
        router = make(server.url)
        send(router, [statement(n, n % 20) for n in range(300)])

        assert router.flush(PATIENCE)
        assert sorted(numbers(server)) == [n for n in range(300) if n != 5]
        assert balance(router)["dead"] == 1
        assert [each.documents[0]["n"] for each in router.dead_letters] == [5]


def test_refused_ones_and_failing_ones_by_turns(make):
    """Also where a receiver takes none for long, and does not always say why."""
    with serving() as server:
        real = server.default

        def action(server, connection, request):
            # Of two learners, so that each may go before the other.
            bad = [each["n"] for each in request.statements if each["n"] < 60]
            answer = real if not bad else respond(500 if bad[0] >= 24 and bad[0] % 2 else 400)
            return answer(server, connection, request)

        server.default = action
        router = make(server.url)
        send(router, [statement(n, n % 2) for n in range(200)])
        until(lambda: len(server.stored) == 140)

        assert sorted(numbers(server)) == list(range(60, 200))
        balance(router)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_overload_by_one_document(make, status):
    """Also one for which the receiver claims to be overloaded is gone around."""
    with serving() as server:
        poisoned(server, {0}, respond(status))
        router = make(server.url)
        send(router, [statement(n, n % 5) for n in range(300)])
        until(lambda: len(server.stored) == 299)

        until(lambda: balance(router)["pending"] == 1)
        assert router.stats()["dead"] == 0


def test_poison_in_company(make):
    """One that does harm only beside others arrives, and so do these."""
    with serving() as server:
        real = server.default

        def action(server, connection, request):
            is_bad = len(request.statements) > 1 and 7 in [each["n"] for each in request.statements]
            return (respond(500) if is_bad else real)(server, connection, request)

        server.default = action
        router = make(server.url)
        send(router, [statement(n) for n in range(200)])

        assert router.flush(PATIENCE)
        assert sorted(numbers(server)) == list(range(200))
        assert balance(router)["dead"] == 0


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_receiver_that_fails_now_and_then(make, share):
    """Nothing is blamed for what is chance."""
    chance = random.Random(share)
    with serving() as server:
        real = server.default

        def action(server, connection, request):
            return (respond(500) if chance.random() < share else real)(server, connection, request)

        server.default = action
        router = make(server.url)
        send(router, [statement(n) for n in range(300)])

        assert router.flush(3 * PATIENCE)
        assert sorted(numbers(server)) == list(range(300))
        assert balance(router)["dead"] == 0


@pytest.mark.parametrize("answer", [respond(500), respond(503), respond(401), reset])
def test_outage(make, answer):
    """A receiver that is down for hours costs nothing, and nothing is given up before its time."""
    with serving(default=answer) as server:
        clock = FastClock()
        began = clock.now()
        router = make(server.url, clock=clock)
        send(router, [statement(n) for n in range(200)])
        until(lambda: clock.now() - began > 6 * 3600)
        counts = balance(router)
        assert (0, 200) == (counts["dead"], counts["pending"])
        server.default = fault_server.behave

        assert router.flush(PATIENCE)
        assert sorted(numbers(server)) == list(range(200))
        assert balance(router)["dead"] == 0


@pytest.mark.parametrize("answer", [respond(503), respond(401)])
def test_nothing_is_tried_for_ever(make, answer):
    """Without a word about it what is two weeks old is a dead letter, with its reason."""
    with serving(default=answer) as server:
        clock = FastClock()
        router = make(server.url, clock=clock)
        send(router, [statement(n) for n in range(20)])
        until(lambda: server.requests)
        clock._ahead += MAX_AGE
        until(lambda: balance(router)["dead"] == 20)

        assert MAX_AGE == 14 * 86_400
        assert router.stats()["pending"] == 0
        assert {each.reason for each in router.dead_letters} == {"expired"}
