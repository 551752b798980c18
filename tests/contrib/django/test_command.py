"""``manage.py eventkit``, each of its commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("django")

from eventkit import DeadLetter
from eventkit.contrib.django import DatabaseDeadLetters

OTHER_KEY = "b3RoZXIga2V5cyBvZiB0aGUgc2l0ZSBhcmUgaGVyZSE="
SETTINGS = {
    "id": "lrs",
    "protocol": "xapi",
    "url": "log:nowhere",
    "enabled": True,
    "allow": [{"org": ["Lakeside"]}],
}
AUTH = {"auth": {"type": "bearer", "token": "canary"}}


@pytest.fixture
def run(admin_site, capsys):
    """Run a command; give its exit code, what it printed, and what it complained of."""
    from django.core.management import CommandError, call_command

    def go(*words):
        code = 0
        try:
            call_command("eventkit", *words)
        except SystemExit as ended:
            code = ended.code
        except CommandError as error:
            return error.returncode, "", str(error)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return go


@pytest.fixture
def actions(admin_site):
    from eventkit.contrib.django import actions

    return actions


def bury(number=1, **more):
    given = {
        "consumer": "lrs",
        "reason": "http_400",
        "documents": [{"id": str(number)}],
        "protocol": "xapi",
        "name": "problem_check",
        "event": {"name": "problem_check", "context": {"org_id": "Lakeside"}},
    }
    DatabaseDeadLetters()(DeadLetter(**given | more))


def test_check_asks_each_consumer(run, actions):
    actions.create(SETTINGS)
    actions.create({**SETTINGS, "id": "off", "enabled": False})
    code, printed, _ = run("check")

    assert code == 0
    assert [line.split()[:3] for line in printed.splitlines()] == [
        ["lrs", "xapi", "ok"],
        ["off", "xapi", "disabled"],
    ]
    actions.create({**SETTINGS, "id": "away", "url": "http://127.0.0.1:9/"})
    assert run("check")[0] == 1


def test_check_says_why_a_consumer_gets_nothing(run, actions, monkeypatch, settings_with):
    """Of one whose secret is nowhere, and of one whose secrets no key opens; neither is asked."""
    monkeypatch.setenv("LRS_TOKEN", "canary")
    actions.create({**SETTINGS, "auth": {"type": "bearer", "token": {"env": "LRS_TOKEN"}}})
    monkeypatch.delenv("LRS_TOKEN")
    code, printed, _ = run("check")
    [line] = printed.splitlines()

    assert code == 1
    assert line.split()[0] == "lrs"
    assert "LRS_TOKEN is not set" in line

    actions.create({**SETTINGS, **AUTH, "id": "sealed"})
    actions.create({**SETTINGS, "id": "open"})
    with settings_with(KEYS=[OTHER_KEY]):
        code, printed, _ = run("check")
    told = {line.split()[0]: line for line in printed.splitlines()}

    assert code == 1
    assert told["sealed"].split()[2] == "paused"
    assert "its credentials cannot be used, so all waits: " in told["sealed"]
    assert told["open"].split()[2] == "ok"


def test_check_names_a_consumer_that_is_left_out(run, actions):
    """A row that was written past the checks."""
    row = actions.create(SETTINGS)
    type(row).objects.filter(pk=row.pk).update(url="nowhere")
    actions.bump()
    code, printed, complained = run("check")

    assert (code, complained) == (1, "")
    assert printed.split()[:3] == ["lrs", "xapi", "FAILED"]
    assert "left out, so nothing is kept for it: url: has no scheme" in printed


class TestExchange:
    @pytest.mark.parametrize("kind", ["json", "yaml"])
    def test_what_is_exported_can_be_imported(self, run, actions, kind, tmp_path):
        """Without its secrets; it comes in disabled."""
        row = actions.create({**SETTINGS, **AUTH, "headers": {"X": "canary"}})
        code, printed, _ = run("export", "--format", kind)
        assert code == 0
        assert "canary" not in printed
        path = tmp_path / f"consumers.{kind}"
        path.write_text(printed)
        actions.delete(row)

        code, said, _ = run("import", "--dry-run", str(path))
        assert (code, actions.export(type(row).objects.all())) == (0, [])
        assert said.startswith("lrs: new: gets ")
        assert run("import", str(path))[0] == 0
        [again] = actions.export(type(row).objects.all())
        assert again == {**SETTINGS, "enabled": False}

    def test_a_second_import_enables_and_resumes_nobody(self, run, actions, tmp_path):
        """Whatever the file says; and it says what it changes."""
        from eventkit.contrib.django.models import Consumer

        path = tmp_path / "consumers.json"
        settings = {**SETTINGS, "paused": False}
        path.write_text(json.dumps([settings]))
        run("import", str(path))
        actions.pause(Consumer.objects.get())
        code, said, _ = run("import", str(path))
        row = Consumer.objects.get()

        assert (code, row.enabled, row.paused) == (0, False, True)
        assert said.startswith("lrs: same")
        assert "It stays disabled, whatever the file says" in said
        assert "It stays paused, whatever the file says" in said

        path.write_text(json.dumps([{**settings, "url": "log:other"}]))
        _, said, _ = run("import", str(path))
        assert said.startswith("lrs: changed: ")
        assert "\n  url: log:nowhere -> log:other\n" in said
        assert not Consumer.objects.get().enabled
        path.write_text(json.dumps([{**settings, "denny": []}]))
        assert "unknown key 'denny'; did you mean 'deny'?" in run("import", str(path))[1]

    def test_an_import_may_disable_and_leaves_enabled_what_is(self, run, actions, tmp_path):
        row = actions.create(SETTINGS)
        path = tmp_path / "consumers.json"
        path.write_text(json.dumps([SETTINGS]))
        assert run("import", str(path))[1].startswith("lrs: same")
        row.refresh_from_db()
        assert row.enabled
        path.write_text(json.dumps([{**SETTINGS, "enabled": False}]))
        assert "\n  enabled: yes -> no\n" in run("import", str(path))[1]
        row.refresh_from_db()
        assert not row.enabled

    def test_some_can_be_chosen(self, run, actions):
        for name in ("a", "b"):
            actions.create({**SETTINGS, "id": name})
        _, printed, _ = run("export", "b")

        assert [each["id"] for each in json.loads(printed)["consumers"]] == ["b"]
        assert run("export", "c") == (2, "", "there is no consumer 'c'")

    def test_what_is_wrong_is_said_and_the_rest_comes_in(self, run, actions, tmp_path):
        from eventkit.contrib.django.models import Consumer

        path = tmp_path / "consumers.json"
        path.write_text(json.dumps([SETTINGS, {**SETTINGS, "id": "wrong", "url": "nowhere"}]))
        code, said, _ = run("import", str(path), "--tenant", "Lakeside")

        assert code == 1
        assert "url: has no scheme" in said
        assert [row.slug for row in Consumer.objects.filter(tenant__name="Lakeside")] == ["lrs"]
        assert "there is no tenant" in run("import", str(path), "--tenant", "None")[2]
        path.write_text('{"consumer": []}')
        assert "did you mean 'consumers'?" in run("import", str(path))[2]

    def test_router_configurations_of_the_peer(self, run, actions, tmp_path):
        from eventkit.contrib.django.models import Consumer

        path = tmp_path / "configurations.json"
        row = {
            "backend_name": "xapi",
            "route_url": "https://lrs.example.org/xapi/statements",
            "enabled": True,
            "auth_scheme": "BEARER",
            "auth_key": "canary",
            "configurations": "{}",
        }
        path.write_text(json.dumps([row]))
        code, said, notes = run("import-erb", str(path))
        [made] = Consumer.objects.all()

        assert code == 0
        assert not made.enabled
        assert made.credential.secrets.open()["token"] == "canary"
        assert "canary" not in said + notes
        assert "EVENT_TRACKING_BACKENDS_ALLOWED" in notes
        code, said, _ = run("import-erb", str(path))
        assert (code, said.split()[1]) == (0, "same:")
        made.refresh_from_db()
        assert not made.enabled
        code, _, error = run("import-erb")
        assert (code, "is not installed here" in error) == (2, True)


def test_explain_says_who_gets_an_event_and_why(run, actions):
    actions.create(SETTINGS)
    actions.create({**SETTINGS, "id": "other", "allow": [{"org": "edX"}]})
    code, printed, noted = run("explain", "problem_check", "--json")

    assert code == 0
    assert {each["consumer"]: each["passes"] for each in json.loads(printed)} == {
        "lrs": True,
        "other": False,
    }
    assert "the ids are examples" in noted
    assert "did you mean 'problem_check'?" in run("explain", "problem_chek")[2]


class TestDeadLetters:
    def test_are_listed_and_shown(self, run):
        bury(1)
        bury(2, reason="http_422")
        code, printed, _ = run("dead-letters", "list", "--reason", "http_422", "--json")
        [listed] = json.loads(printed)
        _, shown, _ = run("dead-letters", "show", listed["id"])

        assert code == 0
        assert json.loads(shown)["documents"] == [{"id": "2"}]

    def test_are_replayed(self, run, actions, tmp_path):
        actions.create({**SETTINGS, "url": (tmp_path / "received").as_uri()})
        bury(1)
        bury(2, consumer="unknown")
        code, _, said = run("dead-letters", "replay", "--all")

        assert code == 1
        assert [line.split()[:2] for line in said.splitlines()] == [
            ["delivered", "1"],
            ["kept", "1"],
        ]
        assert [each.consumer for each in DatabaseDeadLetters()] == ["unknown"]

    def test_are_dropped_and_that_is_written_down(self, run):
        from eventkit.contrib.django.models import AuditEntry

        bury(1)
        bury(2, reason="http_422")
        code, _, _ = run("dead-letters", "drop", "--reason", "http_400", "--yes")

        assert code == 0
        assert [each.reason for each in DatabaseDeadLetters()] == ["http_422"]
        assert AuditEntry.objects.filter(action="drop_letters", field="letters").get().new == "1"
        assert run("dead-letters", "drop", "--yes")[0] == 2


def test_prune_says_what_went(run):
    bury(1, time=datetime.now(UTC) - timedelta(days=9))
    bury(2)

    assert "           0 dead letters removed" in run("prune")[1]
    assert "           1 dead letters removed" in run("prune", "--letters-days", "5")[1]
    assert len(DatabaseDeadLetters()) == 1


def test_roles_are_groups(run):
    """Each has what the one before may, and can be made again."""
    from django.contrib.auth.models import Group

    run("roles")
    code, printed, _ = run("roles")
    found = {
        group.name: set(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.filter(name__startswith="eventkit")
    }

    assert code == 0
    assert len(printed.splitlines()) == len(found) == 4
    viewer, operator, administrator = (
        found[f"eventkit {each}"] for each in ("viewer", "operator", "administrator")
    )
    assert viewer < operator < administrator
    assert "operate_consumer" in operator - viewer
    assert {"change_consumer", "delete_letter"} <= administrator - operator
    assert all("all_organisations" not in each for each in (viewer, operator, administrator))


def test_rotate_lets_an_old_key_go(run, actions, settings_with):
    """Credentials and letters; what opens with no key is named, and stays."""
    from django.conf import settings

    from eventkit.contrib.django.models import Consumer, Credential, Letter

    [old] = settings.EVENTKIT_ADMIN["KEYS"]
    actions.create({**SETTINGS, **AUTH, "headers": {"X": "canary"}})
    bury(1)
    with settings_with(KEYS=[OTHER_KEY, old]):
        code, printed, _ = run("rotate")
        assert (code, printed) == (0, "2 rows are encrypted with the first key\n")
    with settings_with(KEYS=[OTHER_KEY]):
        credential = Consumer.objects.get().credential
        assert credential.secrets.open() == {"token": "canary"}
        assert credential.headers.open() == {"X": "canary"}
        assert [each.documents for each in DatabaseDeadLetters()] == [[{"id": "1"}]]
    code, _, said = run("rotate")

    assert code == 1
    key = Credential.objects.get().pk
    assert said.splitlines() == [
        f"Credential {key} opens with none of the keys",
        f"Letter {Letter.objects.get().pk} opens with none of the keys",
    ]


def test_replays_that_wait_are_run(run, actions, tmp_path):
    from eventkit.contrib.django.models import Replay

    actions.create({**SETTINGS, "url": (tmp_path / "received").as_uri()})
    bury(1)
    [letter] = DatabaseDeadLetters()
    actions.request_replay([letter.id])

    assert run("replay-work") == (0, "1 replays were run\n", "")
    assert Replay.objects.get().delivered == 1
    assert len(DatabaseDeadLetters()) == 0


def test_a_worker_without_the_admin(tmp_path):
    """The command needs the app, and not Django's admin."""
    (tmp_path / "worker_settings.py").write_text(
        'SECRET_KEY = "x" * 50\n'
        "USE_TZ = True\n"
        'INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", '
        '"eventkit.contrib.django"]\n'
        'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "django", "eventkit", "check", "--help"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "worker_settings",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "usage:" in done.stdout
