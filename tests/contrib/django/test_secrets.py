"""No secret anywhere but where it is used: in no dump, text, log, page or file."""

from __future__ import annotations

import io
import logging
import pickle

import pytest

pytest.importorskip("django")

from eventkit import ConfigurationError
from eventkit.contrib.django import DatabaseConsumers

CANARY = "canary-4f1c"
OTHER_KEY = "b3RoZXIga2V5cyBvZiB0aGUgc2l0ZSBhcmUgaGVyZSE="
SETTINGS = {
    "id": "lrs",
    "protocol": "xapi",
    "url": "https://lrs.example.org/xapi",
    "auth": {"type": "basic", "username": f"{CANARY}-user", "password": f"{CANARY}-password"},
    "headers": {"X-Tenant": f"{CANARY}-header"},
    "enabled": True,
}


@pytest.fixture
def actions(admin_site):
    from eventkit.contrib.django import actions

    return actions


@pytest.fixture
def row(actions, caplog):
    """A consumer with secrets, changed in all ways that concern them."""
    caplog.set_level(logging.DEBUG)
    row = actions.create(SETTINGS)
    row = actions.change(row, {"auth": {"type": "bearer", "token": f"{CANARY}-token"}})
    row = actions.set_credentials(row, headers={"X-Key": f"{CANARY}-key"})
    return actions.pause(row)


def test_in_the_tables(row, admin_site):
    """As `dumpdata` writes them, and as they lie on the disk, free pages included."""
    from django.core.management import call_command
    from django.db import connection

    dumped = io.StringIO()
    call_command("dumpdata", stdout=dumped)
    assert "eventkit.credential" in dumped.getvalue()
    assert CANARY not in dumped.getvalue()
    if connection.vendor == "sqlite":
        stored = admin_site.stored()
        assert b"SQLite format 3" in stored
        assert CANARY.encode() not in stored


def test_a_dump_can_be_brought_back(row, actions):
    from django.core import serializers

    from eventkit.contrib.django.models import Credential

    written = serializers.serialize("json", Credential.objects.all())
    Credential.objects.all().delete()
    for each in serializers.deserialize("json", written):
        each.save()

    assert Credential.objects.get().secrets.open() == {"token": f"{CANARY}-token"}


def test_in_texts_of_objects_and_in_logs(row, actions, caplog):
    """Of rows, of what is in them, of the registry and of its consumers."""
    from eventkit.contrib.django import conf
    from eventkit.contrib.django.models import AuditEntry, Credential

    registry = DatabaseConsumers()
    credential = Credential.objects.get()
    shown = [
        *(repr(each) + str(each) for each in (row, credential, credential.secrets, registry)),
        repr(vars(credential)),
        repr(registry.consumers()),
        repr(conf.admin_settings()),
        repr(conf.sealer()),
        repr(list(AuditEntry.objects.values())),
        repr(actions.export([row])),
        repr(pickle.dumps(credential)),
        caplog.text,
    ]
    keys = conf.admin_settings().keys

    assert not [each for each in shown if CANARY in each]
    assert not [each for each in shown if keys[0] in each]


@pytest.mark.parametrize(
    "changes",
    [
        {"auth": {"type": "digest", "password": CANARY}},
        {"auth": {"type": "basic", "password": CANARY}},
        {"auth": {"type": "bearer", "token": f"{CANARY}\n"}},
        {"auth": {"type": "basic", "username": f"a:{CANARY}", "password": CANARY}},
        {"auth": {"type": "bearer", "tokn": CANARY}},
        {"auth": CANARY},
        {"auth": [CANARY]},
        {"headers": {"X": f"{CANARY}\r\nY: 1"}},
        {"headers": {"X": f"{CANARY}\u4e00"}},
        {"headers": CANARY},
        {"url": f"https://u:{CANARY}@lrs.example.org/xapi"},
        {"url": f"https://lrs.example.org/xapi?token={CANARY}"},
        {"inherits": [f"https://lrs.example.org/xapi?token={CANARY}"]},
    ],
)
def test_in_what_is_said_of_a_save_that_fails(row, actions, changes, caplog):
    with pytest.raises(actions.Invalid) as refused:
        actions.change(row, changes)
    said = f"{refused.value}{refused.value!r}{actions.field_errors(refused.value)}{caplog.text}"

    assert CANARY not in said


@pytest.mark.parametrize(
    "act",
    [
        lambda actions, row: actions.set_credentials(row, auth=SETTINGS["auth"]),
        lambda actions, row: actions.change(row, {"auth": SETTINGS["auth"]}),
        lambda actions, row: actions.change(row, {"headers": SETTINGS["headers"]}),
        lambda actions, row: actions.create({**SETTINGS, "id": "new"}),
    ],
)
def test_in_reports_of_errors(row, actions, monkeypatch, act):
    """Which show the variables of every frame: what saves fails while it holds one."""
    from django.db import DatabaseError
    from django.test import RequestFactory
    from django.views.debug import ExceptionReporter

    def fail(*_, **__):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr("django.db.models.query.QuerySet.update_or_create", fail)
    with pytest.raises(DatabaseError) as failed:
        act(actions, row)
    found = (failed.type, failed.value, failed.tb.tb_next)
    reporter = ExceptionReporter(RequestFactory().get("/"), *found)

    # What this file itself holds is not ours.
    pages = [reporter.get_traceback_html(), reporter.get_traceback_text()]
    assert all("the disk is full" in page for page in pages)
    assert not [line for page in pages for line in page.splitlines() if CANARY in line]


class TestKeys:
    """Which keys open what."""

    def test_another_key_opens_nothing(self, row, settings_with):
        """It raises, and never gives what is encrypted for what was meant."""
        from eventkit.contrib.django import rows
        from eventkit.contrib.django.models import Consumer

        with (
            settings_with(KEYS=[OTHER_KEY]),
            pytest.raises(ConfigurationError, match="does not fit"),
        ):
            rows.settings_of(Consumer.objects.get())

    @pytest.mark.parametrize("token", ["", "plain text", "gAAAAA", "\u4e00", "gAAAA" + "x" * 99])
    def test_what_is_not_encrypted_opens_nothing(self, row, token):
        from eventkit.contrib.django.fields import Sealed

        with pytest.raises(ConfigurationError, match="does not fit"):
            Sealed(token).open()

    def test_any_of_the_keys_opens_and_the_first_encrypts(self, actions, settings_with):
        from django.conf import settings

        from eventkit.contrib.django.models import Credential

        [old] = settings.EVENTKIT_ADMIN["KEYS"]
        actions.create(SETTINGS)
        with settings_with(KEYS=[OTHER_KEY, old]):
            assert Credential.objects.get().secrets.open()["password"] == f"{CANARY}-password"
            actions.create({**SETTINGS, "id": "new"})
        with settings_with(KEYS=[OTHER_KEY]):
            found = {each.id: each.paused for each in DatabaseConsumers().consumers()}
        assert found == {"lrs": True, "new": False}

    def test_plain_text_is_not_kept(self, row):
        from eventkit.contrib.django.models import Credential

        credential = Credential.objects.get()
        credential.secrets = CANARY
        with pytest.raises(TypeError, match="only what is encrypted is kept") as refused:
            credential.save()
        assert CANARY not in str(refused.value)

    def test_no_form_shows_it(self, row):
        from django.forms import modelform_factory

        from eventkit.contrib.django.models import Credential, Letter

        for model in (Credential, Letter):
            fields = modelform_factory(model, fields="__all__").base_fields
            assert {"secrets", "headers", "body"}.isdisjoint(fields)


class TestSettings:
    """What ``manage.py check`` says of EVENTKIT_ADMIN."""

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ([], "expected a dictionary, got list"),
            ({"KEY": []}, "unknown key 'KEY'; did you mean 'KEYS'?"),
            ({"KEYS": CANARY}, "['KEYS']: expected a list of keys"),
            ({"KEYS": [CANARY]}, "is no key; expected 32 bytes"),
            ({"KEYS": [{"env": "NOT_SET"}]}, "NOT_SET is not set"),
            ({"KEYS": [], "STORE": 3}, "['STORE']: expected the path"),
            ({"TRANSLATORS": {"xap": {}}}, "['TRANSLATORS']: expected a dictionary"),
            ({"PORTAL": []}, "['PORTAL']: expected a dictionary"),
            ({"PORTAL": {"ALLOW_HOST": []}}, "did you mean 'ALLOW_HOSTS'?"),
            ({"PORTAL": {"MAIL_TO": "a@b.c"}}, "['MAIL_TO']: expected a list"),
            ({"KEEP_REPORTS_DAYS": 0}, "expected a whole number of days"),
            ({"KEEP_LETTERS_DAYS": True}, "expected a whole number of days"),
            ({}, "Without keys neither credentials nor dead letters"),
        ],
    )
    def test_what_is_wrong_is_said(self, admin_site, given, words):
        from django.core.checks import run_checks
        from django.test import override_settings

        with override_settings(EVENTKIT_ADMIN=given):
            found = [str(each) for each in run_checks(tags=["eventkit"])]

        assert words in " ".join(found)
        assert CANARY not in " ".join(found)

    def test_what_is_right_is_not(self, admin_site):
        from django.core.checks import run_checks
        from django.test import override_settings

        assert run_checks(tags=["eventkit"]) == []
        with override_settings(USE_TZ=False):
            assert [each.id for each in run_checks(tags=["eventkit"])] == ["eventkit.E003"]
