"""Dead letters in the database."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("django")

from eventkit import ConfigurationError, DeadLetter, Router, replay
from eventkit.contrib.django import DatabaseDeadLetters
from eventkit.contrib.django.letters import org_of

pytestmark = pytest.mark.databases

OTHER_KEY = "b3RoZXIga2V5cyBvZiB0aGUgc2l0ZSBhcmUgaGVyZSE="


def letter(number=1, **more):
    given = {
        "consumer": "lrs",
        "owner": "xapi lrs.example.org/xapi",
        "reason": "http_400",
        "documents": [{"id": str(number), "actor": {"name": "canary"}}],
        "name": "problem_check",
        "protocol": "xapi",
        "detail": "it said no",
        "status": 400,
        "response": "canary \0 \ud800",
        "attempts": 3,
        "event": event("edX"),
        "time": datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number),
        "history": [{"reason": "http_503"}],
    }
    return DeadLetter(**given | more)


def event(org, **more):
    context = {"org_id": org, "course_id": f"course-v1:{org}+A+1"}
    return {"name": "problem_check", "username": "canary", "context": context, **more}


@pytest.fixture
def box(admin_site):
    return DatabaseDeadLetters()


def test_gives_back_what_it_was_given(box):
    """To the last character; the oldest first."""
    given = [letter(2), letter(1), letter(3, event=None, name="/canary", status=None)]
    for each in given:
        box(each)

    assert list(box) == sorted(given, key=lambda each: each.time)
    assert len(box) == 3
    assert [each.response for each in box] == [given[0].response] * 3


def test_one_that_comes_again_replaces_the_former(box):
    box(letter(1))
    box(letter(1, reason="http_422"))

    assert [each.reason for each in box] == ["http_422"]


def test_removes_by_id(box):
    for number in range(1, 4):
        box(letter(number))

    assert box.remove([letter(1).id, letter(3).id, "unknown"]) == 2
    assert box.remove([]) == 0
    assert [each.documents[0]["id"] for each in box] == ["2"]


def test_more_than_a_page_may_change_while_it_is_gone_through(box, monkeypatch):
    """As replaying does: letters go meanwhile."""
    from eventkit.contrib.django import letters

    monkeypatch.setattr(letters, "_AT_ONCE", 20)
    many = 50
    for number in range(many):
        box(letter(number))
    seen = []
    for each in box:
        seen.append(each.id)
        if len(seen) % 10 == 0:
            box.remove(seen[-5:])

    assert len(seen) == len(set(seen)) == many


def test_only_some_can_be_opened(box):
    for number in range(1, 5):
        box(letter(number))
    some = box.get([letter(2).id, letter(4).id, "unknown"])

    assert [each.documents[0]["id"] for each in some] == ["2", "4"]
    assert len(some) == 2


def test_threads_may_write_at_once(box):
    """The same letters as well as different ones."""

    def write(own):
        try:
            for number in range(15):
                box(letter(number))
                box(letter(number, consumer=own))
        except Exception as error:  # noqa: BLE001 - any fails the test
            failed.append(error)

    failed = []
    threads = [threading.Thread(target=write, args=(f"of {n}",)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert failed == []
    assert len(box) == 15 * 5


def test_a_transaction_of_the_host_does_not_take_it_along(box):
    """What it was called for is over; the letter stays. SQLite has one who writes at a time."""
    from django.db import connection, transaction

    with transaction.atomic():
        box(letter(1))
        transaction.set_rollback(True)

    assert len(box) == (0 if connection.vendor == "sqlite" else 1)


def test_in_an_event_loop_it_is_kept(box):
    """Where Django refuses to work in the thread of the loop."""

    async def view():
        box(letter(1))

    asyncio.run(view())

    assert len(box) == 1


def test_the_row_of_the_letter_may_be_held_by_the_host_itself(box, monkeypatch):
    """Waiting for it would be waiting for oneself: it is an error, and a router offers it again."""
    from django.db import OperationalError, connection, transaction

    from eventkit.contrib.django import database
    from eventkit.contrib.django.models import Letter

    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no locks of rows; there it is part of the host's transaction")
    monkeypatch.setattr(database, "_LOCKED", 1)
    box(letter(1))
    with transaction.atomic():
        Letter.objects.select_for_update().get()
        with pytest.raises(OperationalError):
            box(letter(1, detail="once more"))
    box(letter(1, detail="once more"))

    assert [each.detail for each in box] == ["once more"]


def test_a_router_offers_again_what_the_database_did_not_take(box, monkeypatch):
    monkeypatch.setattr(box, "_put", _fail)
    router = Router([{"id": "a", "protocol": "xapi", "url": "log:a"}], dead_letters=box)
    router._box.put(letter(1))
    assert not len(box)
    monkeypatch.undo()

    assert router.close()
    assert [each.id for each in box] == [letter(1).id]


def test_a_failure_does_not_break_the_transaction_of_the_host(box, monkeypatch):
    from django.db import DatabaseError, connection, transaction

    from eventkit.contrib.django.models import Tenant

    with transaction.atomic():
        Tenant.objects.create(name="before")
        monkeypatch.setattr(box, "_put", _fail)
        with pytest.raises(DatabaseError):
            box(letter(1))
        Tenant.objects.create(name="after")
    assert connection.in_atomic_block is False
    assert Tenant.objects.filter(name__in=["before", "after"]).count() == 2


def _fail(*_):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM there_is_no_such_table")


def test_is_a_sink_and_what_replays_take(admin_site, box, tmp_path):
    """By name in the settings of a router; what has arrived is a letter no more."""
    path = tmp_path / "received.jsonl"
    consumer = {"id": "lrs", "protocol": "xapi", "url": path.as_uri()}
    router = Router([consumer], dead_letters=box, mode="buffered", queue_bytes=1)
    router.send(
        {
            "name": "problem_check",
            "protocol": "xapi",
            "documents": [{"id": "1", "pad": "x" * 99}],
            "event": event("edX"),
        }
    )
    router.close(5)
    [kept] = box
    report = replay(box, [consumer], [kept.id])

    assert kept.reason == "queue_full"
    assert report.delivered == 1
    assert len(box) == 0
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["1"]


def test_columns_hold_nothing_personal(box):
    """Of names that are addresses, of texts that a database does not take, of long ones."""
    from eventkit.contrib.django.models import Letter

    box(letter(1, name="/courses/canary", detail="x\0y" + "z" * 999, reason="r" * 200))
    row = Letter.objects.values().get()
    body = row.pop("body")

    assert "canary" not in f"{row}{body.token}"
    assert row["name"] == "(an address)"
    assert len(row["detail"]) == 500
    assert r"x\x00y" in row["detail"]
    assert len(row["reason"]) == 100


def test_other_keys_give_no_letter(box, settings_with):
    box(letter(1))
    with settings_with(KEYS=[OTHER_KEY]):
        with pytest.raises(ConfigurationError, match="the key does not fit"):
            list(box)
        box(letter(2))
        assert [each.documents[0]["id"] for each in box] == ["2"]
        assert box.unreadable == 1
    with (
        settings_with(KEYS=[]),
        pytest.raises(ConfigurationError, match="is missing, and what is secret"),
    ):
        box(letter(3))


@pytest.mark.parametrize(
    ("given", "org"),
    [
        (event("edX"), "edx"),
        (None, ""),
        ({"name": "x"}, ""),
        (event("edX", event={"course_id": "course-v1:MITx+B+1"}), "edx mitx"),
        (event("edX", event={"block": "block-v1:A+B+C+type@x+block@y"}), "a edx"),
        ({"name": "x", "event": {"course_id": "course-v1:MITx+B+1"}}, None),
        (event("ed X"), ""),
        (event("e\nd"), ""),
        (event("x" * 300), ""),
        ({"name": "x", "context": 3}, ""),
    ],
)
def test_organisations_of_an_event(given, org):
    """All that it names, or nothing: who is bound to organisations then sees no letter of it."""
    found = org_of(given)

    assert found in ("", "mitx") if org is None else found == org


def test_wrong_options():
    with pytest.raises(ConfigurationError, match="using: expected"):
        DatabaseDeadLetters(using=3)
