"""The consumers of the database, as a router gets them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fault_routes import until

pytest.importorskip("django")

from eventkit import ConfigurationError, Router
from eventkit.contrib.django import DatabaseConsumers

pytestmark = pytest.mark.databases

SETTINGS = {
    "id": "lrs",
    "protocol": "xapi",
    "url": "https://lrs.example.org/xapi",
    "auth": {"type": "basic", "username": "us", "password": "canary"},
    "headers": {"X-Tenant": "canary"},
    "allow": [{"org": "edX", "event": ["problem_check", "*_video"]}, {"course": "course-v1:A+*"}],
    "deny": [{"user": "4711", "missing": "deny"}],
    "batch": {"max_size": 7},
    "timeout": 3,
    "override": {"context": {"platform": "here"}},
    "inherits": ["https://old.example.org/xapi"],
    "enabled": True,
}


@pytest.fixture
def actions(admin_site):
    from eventkit.contrib.django import actions

    return actions


@pytest.fixture
def asked():
    """Count the queries of every thread."""
    from django.db.backends.utils import CursorWrapper

    counted = []
    execute = CursorWrapper.execute

    def counting(self, sql, params=None):
        # Connecting may take some of its own.
        if "eventkit_" in sql:
            counted.append(sql)
        return execute(self, sql, params)

    CursorWrapper.execute = counting
    yield counted
    CursorWrapper.execute = execute


def test_gives_what_a_file_would(actions):
    """Rules row by row, options, credentials: the consumer is the one of a file."""
    from eventkit import Consumer

    actions.create(SETTINGS)
    [found] = DatabaseConsumers().consumers()
    listed = {
        **SETTINGS,
        "allow": [
            {"org": ["edX"], "event": ["problem_check", "*_video"]},
            {"course": ["course-v1:A+*"]},
        ],
        "deny": [{"user": ["4711"], "missing": "deny"}],
    }

    assert found == Consumer.from_dict(listed)


def test_nothing_allowed_and_everything_allowed_are_not_the_same(actions):
    actions.create({**SETTINGS, "id": "none", "allow": []})
    actions.create({**SETTINGS, "id": "left out", "allow": []})
    actions.create({**SETTINGS, "id": "all", "allow": None})
    found = {each.id: each.allow for each in DatabaseConsumers().consumers()}

    assert found == {"none": [], "left out": [], "all": None}


def test_a_look_without_news_is_one_query(actions, asked):
    """Of one row; and the consumers are the same objects."""
    actions.create(SETTINGS)
    registry = DatabaseConsumers()
    before = registry.consumers()
    asked.clear()
    after = registry.consumers()

    assert len(asked) == 1
    assert "eventkit_version" in asked[0]
    assert after is before


def test_what_has_not_changed_is_not_made_anew(actions):
    row = actions.create(SETTINGS)
    actions.create({**SETTINGS, "id": "other"})
    registry = DatabaseConsumers()
    before = {each.id: each for each in registry.consumers()}
    actions.pause(row)
    after = {each.id: each for each in registry.consumers()}

    assert after["other"] is before["other"]
    assert after["lrs"].paused


@pytest.mark.parametrize("number", [1, 40])
def test_reading_takes_no_more_queries_for_more_consumers(actions, asked, number):
    for each in range(number):
        actions.create({**SETTINGS, "id": f"lrs {each}"})
    asked.clear()
    found = DatabaseConsumers().consumers()

    assert len(found) == number
    assert len(asked) == 4


def test_the_boundary_of_a_tenant_is_that_of_its_consumers(actions):
    """Also when it changes afterwards; whatever the rules say."""
    tenant = actions.create_tenant("Two", ["edX", "MITx"])
    actions.create({**SETTINGS, "tenant": tenant, "allow": None, "deny": []})
    registry = DatabaseConsumers()
    [first] = registry.consumers()
    actions.change_tenant(tenant, organisations=["MITx"])
    [second] = registry.consumers()

    def event(org):
        return {"name": "play_video", "context": {"course_id": f"course-v1:{org}+A+1"}}

    assert [first.accepts(event(org)) for org in ("edX", "MITx", "A")] == [True, True, False]
    assert [second.accepts(event(org)) for org in ("edX", "MITx", "A")] == [False, True, False]


def test_who_has_other_keys_pauses_what_does_not_open(actions, settings_with):
    """The others go on; what the one may have is accepted and waits, and nothing goes out bare."""
    actions.create(SETTINGS)
    actions.create({**SETTINGS, "id": "open", "auth": {"type": "none"}, "headers": {}})
    with settings_with(KEYS=["b3RoZXIga2V5cyBvZiB0aGUgc2l0ZSBhcmUgaGVyZSE="]):
        found = {each.id: each for each in DatabaseConsumers().consumers()}

    assert not found["open"].paused
    assert found["lrs"].paused
    assert found["lrs"].auth.type == "none"
    assert "gAAAA" not in repr(found)


@pytest.mark.parametrize("place", ["env", "file"])
def test_a_secret_that_is_not_there_pauses_until_it_is(
    actions, tmp_path, monkeypatch, place, asked
):
    """On this machine alone, and nobody need edit anything for it to go on."""
    path = tmp_path / "token"

    def have(is_there):
        if place == "file" and is_there:
            path.write_text("canary")
        elif place == "file":
            path.unlink()
        elif is_there:
            monkeypatch.setenv("EVENTKIT_TOKEN", "canary")
        else:
            monkeypatch.delenv("EVENTKIT_TOKEN")

    where = {"file": str(path)} if place == "file" else {"env": "EVENTKIT_TOKEN"}
    have(True)
    actions.create({**SETTINGS, "auth": {"type": "bearer", "token": where}, "headers": {}})
    actions.create({**SETTINGS, "id": "other"})
    have(False)
    registry = DatabaseConsumers()
    before = {each.id: each for each in registry.consumers()}
    again = {each.id: each for each in registry.consumers()}

    assert before["lrs"].paused
    assert before["lrs"].enabled
    event = {"name": "problem_check", "context": {"org_id": "edX", "user_id": 1}}
    assert before["lrs"].accepts(event)
    assert again == before

    have(True)
    after = {each.id: each for each in registry.consumers()}

    assert not after["lrs"].paused
    assert after["lrs"].auth.values()["token"].reveal() == "canary"
    assert after["other"] is before["other"]
    asked.clear()
    assert {each.id: each for each in registry.consumers()} == after
    assert len(asked) == 1


def test_one_that_does_not_open_is_tried_again(actions, settings_with):
    actions.create(SETTINGS)
    registry = DatabaseConsumers()
    with settings_with(KEYS=["b3RoZXIga2V5cyBvZiB0aGUgc2l0ZSBhcmUgaGVyZSE="]):
        assert registry.consumers()[0].paused
        assert registry.consumers()[0].paused

    assert not registry.consumers()[0].paused


def test_consumers_and_rules_are_of_one_moment(actions, monkeypatch):
    """
    What is committed between two queries of a look is not half of what it gives.

    Grades are denied before and after the change; the rules of one state with the columns of the
    other would let them pass.
    """
    from django.db import connection
    from django.db.backends.utils import CursorWrapper

    row = actions.create({**SETTINGS, "allow": None, "deny": [{"event": "problem_check"}]})
    execute = CursorWrapper.execute
    writers = []

    def change():
        try:
            actions.change(row, {"allow": [{"event": "play_video"}], "deny": []})
        finally:
            connection.close()

    def committing(self, sql, params=None):
        if sql.startswith("SELECT") and "eventkit_rule" in sql and not writers:
            writers.append(threading.Thread(target=change))
            writers[0].start()
            # Where readers keep writers waiting it goes on after the look.
            writers[0].join(5)
        return execute(self, sql, params)

    registry = DatabaseConsumers(patience=60)
    with monkeypatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", committing)
        [seen] = registry.consumers()
    writers[0].join()
    [after] = registry.consumers()

    def passing(consumer):
        names = ("problem_check", "play_video", "pause_video")
        return [name for name in names if consumer.accepts({"name": name, "context": {}})]

    assert passing(seen) == ["play_video", "pause_video"]
    assert passing(after) == ["play_video"]


def test_a_look_waits_for_nobody_who_writes(actions):
    from django.db import transaction

    from eventkit.contrib.django.models import Tenant

    actions.create(SETTINGS)
    with transaction.atomic():
        Tenant.objects.create(name="of the host", organisations=["x"])
        assert [each.id for each in DatabaseConsumers().consumers()] == ["lrs"]


def test_who_is_resumed_unseen_is_paused_for_one_look(actions):
    """So that a router that has been told 410, which it has not reported yet, gives that up."""
    row = actions.create(SETTINGS)
    registry = DatabaseConsumers()
    registry.consumers()
    actions.mark_gone("lrs")
    actions.resume(row)

    assert [registry.consumers()[0].paused for _ in range(3)] == [True, False, False]
    actions.change(row, {"note": "call them"})
    assert not registry.consumers()[0].paused


def test_a_consumer_that_is_wrong_is_left_out(actions, caplog):
    """Such as one that somebody has changed past the checks; the others stay."""
    from eventkit.contrib.django.models import Consumer

    actions.create(SETTINGS)
    actions.create({**SETTINGS, "id": "broken"})
    Consumer.objects.filter(slug="broken").update(options={"batch": {"max_size": "canary"}})
    found = DatabaseConsumers().consumers()

    assert [each.id for each in found] == ["lrs"]
    assert "broken" in caplog.text


def test_the_database_may_be_away(actions, admin_site, monkeypatch):
    """What runs goes on, says so, and takes up changes when it is back; nobody starts without."""
    from django.db import OperationalError, connections

    row = actions.create({**SETTINGS, "url": "log:nowhere", "auth": {"type": "none"}})
    registry = DatabaseConsumers()
    router = Router(registry, reload=0.01)
    place = connections.settings["default"]
    right = dict(place)
    wrong = {"NAME": "/nowhere/at/all.sqlite3", "HOST": "/nowhere", "OPTIONS": {}}
    connections.close_all()
    place.update(wrong)
    try:
        with pytest.raises(ConfigurationError, match="cannot be read from the database"):
            DatabaseConsumers().consumers()
        with pytest.raises(OperationalError):
            registry.consumers()
        before = router.consumers

        def has_looked():
            router.route(TRANSLATION)
            return router.stats().get("reload_failed")

        until(has_looked)
        assert router.consumers == before
    finally:
        place.update(right)
        connections.close_all()
    actions.pause(row)
    registry.consumers()

    assert registry.consumers()[0].paused
    router.reload()
    assert router.consumers[0].paused


TRANSLATION = {
    "name": "play_video",
    "protocol": "xapi",
    "documents": [{"id": "1"}],
    "event": {"name": "play_video", "context": {"org_id": "edX"}},
}


def test_in_a_transaction_that_fails(actions):
    """The host's transaction is none of ours: its failure changes nothing, nor do we change it."""
    from django.db import transaction

    row = actions.create(SETTINGS)
    registry = DatabaseConsumers()
    registry.consumers()
    with transaction.atomic():
        actions.pause(row)
        assert not registry.consumers()[0].paused
        transaction.set_rollback(True)

    assert not registry.consumers()[0].paused


BEFORE_MIGRATE = """
import django; django.setup()
from django.core.management import call_command
from django.db import connection
from eventkit import Router
from eventkit.contrib.django import DatabaseConsumers
router = Router(DatabaseConsumers())
print(len(router.consumers))
assert connection.connection is None
call_command("migrate", verbosity=0)
from eventkit.contrib.django import actions
actions.create({"id": "a", "protocol": "xapi", "url": "log:a"})
router.reload()
print(len(router.consumers))
"""

IMPORTING = """
import sys
import eventkit
assert "django" not in sys.modules
import eventkit.contrib.django
from eventkit.contrib.django import DatabaseConsumers, DatabaseDeadLetters
print(DatabaseConsumers(), DatabaseDeadLetters())
assert not [name for name in sys.modules if name.startswith("django.")], "Django is loaded"
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [(BEFORE_MIGRATE, "0\n1\n"), (IMPORTING, "DatabaseConsumers() DatabaseDeadLetters()\n")],
)
def test_in_a_process_of_its_own(admin_site, tmp_path, program, said):
    """Before the tables are made there are no consumers; importing needs no Django."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**admin_site.environment, "EVENTKIT_SITE_DATABASE": str(tmp_path / "new.sqlite3")},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == said


def test_a_child_that_is_forked_asks_for_itself(actions):
    actions.create(SETTINGS)
    registry = DatabaseConsumers()
    registry.consumers()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, registry.consumers()[0].id.encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        said = stream.read()
    os.waitpid(child, 0)

    assert said == b"lrs"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patience": 0}, "patience: expected a number of seconds above 0"),
        ({"patience": True}, "patience: expected"),
        ({"using": 3}, "using: expected the name of a database"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(ConfigurationError, match=words):
        DatabaseConsumers(**options)
