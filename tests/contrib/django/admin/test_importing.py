"""Consumers that come from a file, or from event-routing-backends."""

from __future__ import annotations

import json
import re

import pytest

LIST = "/admin/eventkit/consumer/"
IMPORT = f"{LIST}import/"
PEER = f"{LIST}import-erb/"


@pytest.fixture
def actions(admin_site):
    from eventkit.contrib.django import actions

    return actions


def row_of(slug):
    from eventkit.contrib.django.models import Consumer

    return Consumer.objects.get(slug=slug)


def settings_of(slug):
    from eventkit.contrib.django.rows import settings_of

    return settings_of(row_of(slug))


def one(slug="engine", **more):
    return {"id": slug, "protocol": "xapi", "url": f"https://{slug}.example.org/", **more}


def preview(client, content, path=IMPORT, **more):
    text = content if isinstance(content, str) else json.dumps(content)
    return client.post(path, {"text": text, "preview": "yes", **more})


def apply(client, shown, path=IMPORT):
    return client.post(path, {"token": shown.context["token"], "apply": "yes"})


def kinds(shown):
    return {change["id"]: change["word"] for change in shown.context["changes"]}


@pytest.mark.databases
def test_nothing_is_written_before_the_differences_were_seen(client_of, actions):
    actions.create(one("known", allow=[{"org": "edX"}]))
    actions.create(one("same", allow=[{"org": "edX"}]))
    client = client_of("administrator")
    content = {
        "consumers": [
            one("known", allow=[{"org": "MITx"}], batch={"max_size": 9}),
            one("same", allow=[{"org": "edX"}]),
            one("fresh"),
            one("wrong", timeout=-1, deny=[{"event": "edx.froum.*"}]),
            one("fresh"),
        ]
    }

    shown = preview(client, content)
    text = shown.content.decode()

    assert [each["word"] for each in shown.context["changes"]] == [
        "changes",
        "stays as it is",
        "new",
        "cannot be imported",
        "cannot be imported",
    ]
    assert "timeout: expected a number of seconds above 0" in text
    assert "edx.forum" in text
    assert "id is used twice" in text
    [allow] = [row for row in shown.context["changes"][0]["rows"] if row.field == "allow"]
    assert (allow.old, allow.new) == ('{"org": ["edX"]}', '{"org": ["MITx"]}')
    assert settings_of("known")["allow"] == [{"org": ["edX"]}]

    assert apply(client, shown).status_code == 302
    assert settings_of("known")["allow"] == [{"org": ["MITx"]}]
    assert settings_of("known")["batch"] == {"max_size": 9}
    assert not row_of("fresh").enabled


def test_yaml_and_files_are_read_too(client_of):
    from django.core.files.uploadedfile import SimpleUploadedFile

    client = client_of("administrator")
    text = "- id: engine\n  protocol: caliper\n  url: https://engine.example.org/\n  allow: []\n"
    shown = preview(client, text)
    file = SimpleUploadedFile("c.yaml", b"\xef\xbb\xbf" + text.encode())
    of_file = client.post(IMPORT, {"file": file, "text": "", "preview": "yes"})

    assert kinds(shown) == kinds(of_file) == {"engine": "new"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "choose a file, or paste its text"),
        ("{", "this is not JSON"),
        ("a: [", "YAML"),
        ("{}", "expected a list of consumers"),
        ('{"consumers": [], "others": 1}', "expected a list of consumers"),
        ("7", "expected a list of consumers"),
        ('[{"id": "a", "id": "b"}]', "stands twice"),
        (json.dumps([{}] * 201), "200 at once"),
    ],
)
def test_what_cannot_be_read_is_said_beside_the_text(client_of, text, told):
    response = preview(client_of("administrator"), text)

    errors = response.context["form"].errors
    assert list(errors) == ["text"]
    assert told.lower() in errors["text"][0].lower()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (one(colour="red"), "unknown key 'colour'"),
        (one(allow=None), "nothing stands behind it"),
        ("text", "expected an object, got str"),
        (one(orgs=["edX"]), "choose a tenant"),
        (one(auth={"type": "magic"}), "auth"),
        ({"protocol": "xapi", "url": "https://x.example.org"}, "id"),
    ],
)
def test_what_is_wrong_with_one_of_them_is_said_and_the_others_come_in(client_of, settings, told):
    client = client_of("administrator")

    shown = preview(client, [settings, one("good")])

    assert shown.context["changes"][0]["word"] == "cannot be imported"
    assert any(told in each for each in shown.context["changes"][0]["problems"])
    assert apply(client, shown).status_code == 302
    assert row_of("good")


@pytest.mark.databases
def test_what_was_exported_comes_back_and_changes_nothing(client_of, actions):
    auth = {"type": "basic", "username": "canary-user", "password": "canary-password"}
    actions.create(
        one(
            auth=auth,
            headers={"X-Canary": "canary-header"},
            allow=[{"org": ["edX"]}],
            override={"a": 1},
            timeout=7,
        )
    )
    actions.create(one("open", allow=None))
    actions.create(one("closed"))
    client = client_of("administrator")

    shown = preview(client, client.get(f"{LIST}export/?format=json").content.decode())

    assert set(kinds(shown).values()) == {"stays as it is"}
    apply(client, shown)
    assert settings_of("engine")["auth"]["password"].reveal() == "canary-password"
    assert "allow" not in settings_of("open")
    assert settings_of("closed")["allow"] == []


def test_what_was_exported_undoes_nothing_that_holds_at_the_moment(client_of, actions):
    """A pause of representatives, 410 Gone and missing credentials are none of a file's."""
    rows = [
        actions.create(one("theirs", enabled=True)),
        actions.create(one("gone", enabled=True)),
        actions.register(one("without", enabled=True), by=None, awaits_credentials=True),
        actions.create(one("ours", enabled=True)),
        actions.create(one("params", match_params={"course_id": "edX"})),
        actions.create(one("all", match_params={"course_id": "edX"}, allow=None)),
    ]
    actions.pause(rows[0], as_representative=True)
    actions.mark_gone("gone")
    actions.pause(rows[3])
    client = client_of("administrator")
    columns = ("paused", "paused_by_representative", "gone_at", "awaits_credentials", "enabled")
    before = [[getattr(row_of(row.slug), name) for name in columns] for row in rows]
    content = json.loads(client.get(f"{LIST}export/?format=json").content)

    assert set(kinds(preview(client, content)).values()) == {"stays as it is"}
    for each in content["consumers"] if isinstance(content, dict) else content:
        each["name"] = "New"
    shown = preview(client, content)
    assert set(kinds(shown).values()) == {"changes"}
    apply(client, shown)
    assert [[getattr(row_of(row.slug), name) for name in columns] for row in rows] == before
    assert row_of("all").allows_everything
    assert not row_of("params").allows_everything


@pytest.mark.parametrize(
    "more",
    [
        {"auth": {"type": "basic", "username": "x"}, "headers": {"X-New": "1"}},
        {"auth": {"type": "basic", "username": "x", "password": "y"}},
        {"auth": {"type": "basic", "username": "x"}},
        {"auth": {"type": "none"}, "headers": {}},
        {"auth": {"type": "none"}, "headers": {"X-New": "1"}},
        {},
    ],
)
def test_kept_secrets_are_not_sent_elsewhere_by_staff_of_a_tenant(client_of, actions, more):
    from eventkit.contrib.django.models import Tenant

    tenant = Tenant.objects.get(name="Lakeside")
    actions.create(
        one(
            tenant=tenant,
            allow=[{"org": "Lakeside"}],
            auth={"type": "basic", "username": "u", "password": "canary"},
            headers={"X-Key": "canary"},
        )
    )
    client = client_of("tenant administrator")
    content = [one(allow=[{"org": "Lakeside"}], **more) | {"url": "https://other.example.org/"}]
    shown = preview(client, content, tenant=tenant.pk)
    apply(client, shown)

    assert kinds(shown) == {"engine": "cannot be imported"}
    assert "give the credentials for it again" in shown.content.decode()
    assert row_of("engine").url == "https://engine.example.org/"


def test_an_import_enables_nobody_who_is_not_and_takes_no_credentials_away(client_of, actions):
    actions.create(one(auth={"type": "bearer", "token": "canary-token"}))
    client = client_of("administrator")

    apply(client, preview(client, [one(allow=[]), one("fresh", enabled=True, allow=[])]))

    assert not row_of("engine").enabled
    assert not row_of("fresh").enabled
    assert settings_of("engine")["auth"]["token"].reveal() == "canary-token"


def test_secrets_of_a_file_are_encrypted_and_never_shown(client_of):
    client = client_of("administrator")
    auth = {"type": "basic", "username": "canary-user", "password": "canary-password"}

    shown = preview(client, [one(auth=auth, headers={"X-A": "canary-header"}), one("x", url=3)])
    done = client.post(IMPORT, {"token": shown.context["token"]}, follow=True)

    assert "canary" not in shown.content.decode() + done.content.decode()
    assert settings_of("engine")["auth"]["password"].reveal() == "canary-password"
    assert settings_of("engine")["headers"]["X-A"].reveal() == "canary-header"


def test_a_preview_is_shown_again_when_something_changed_since(client_of, actions):
    row = actions.create(one())
    client = client_of("administrator")
    shown = preview(client, [one(allow=[{"org": "edX"}])])
    actions.change(row, {"note": "meanwhile"})

    again = apply(client, shown)

    assert "Something was changed since" in again.content.decode()
    assert settings_of("engine")["allow"] == []
    assert apply(client, again).status_code == 302
    assert settings_of("engine")["allow"] == [{"org": ["edX"]}]


def test_the_preview_of_somebody_else_or_a_forged_one_is_refused(client_of):
    shown = preview(client_of("administrator"), [one()])
    other = client_of("superuser")

    for token in (shown.context["token"], "nonsense", ""):
        response = other.post(IMPORT, {"token": token}, follow=True)

        assert "too old, or not yours" in response.content.decode()
    from eventkit.contrib.django.models import Consumer

    assert not Consumer.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "operator", "learner", "anonymous"])
def test_who_may_not_add_consumers_may_not_import(client_of, role):
    for path in (IMPORT, PEER):
        response = client_of(role).post(path, {"text": "[]"})

        assert response.status_code in (302, 403)
        assert "/login/" in response.get("Location", "/login/")


@pytest.mark.databases
def test_staff_of_a_tenant_import_for_their_tenant_and_nobody_elses(client_of, actions):
    from eventkit.contrib.django.models import Tenant

    theirs = actions.create(one("theirs", allow=[{"org": "edX"}]))
    client = client_of("tenant administrator")
    tenant = str(Tenant.objects.get(name="Lakeside").pk)
    content = [
        one("theirs", allow=[{"org": "Lakeside"}]),
        one("beyond", allow=[{"org": "edX"}]),
        one("placed", allow=[], auth={"type": "bearer", "token": {"env": "SECRET_KEY"}}),
        one("own", allow=[{"org": "Lakeside"}], orgs=["Lakeside"]),
    ]

    shown = preview(client, content, tenant=tenant)
    words = kinds(shown)

    assert {key for key, word in words.items() if word == "new"} == {"own"}
    assert apply(client, shown).status_code == 302
    assert row_of("own").tenant_id == int(tenant)
    assert settings_of(theirs.slug)["allow"] == [{"org": ["edX"]}]
    assert list(preview(client, content).context["form"].errors) == ["tenant"]


ROUTERS = [
    {
        "id": 3,
        "backend_name": "xAPI",
        "enabled": True,
        "route_url": "https://lrs.example.org/xapi",
        "auth_scheme": "Basic",
        "username": "canary-user",
        "password": "canary-password",
        "configurations": {
            "match_params": {"context.org_id": "^edX$"},
            "host_configurations": {"headers": {}},
            "colour": "red",
        },
    },
    {
        "id": 4,
        "backend_name": "Caliper",
        "enabled": False,
        "route_url": "https://caliper.example.org/events",
        "auth_scheme": "Bearer",
        "auth_key": "canary-key",
        "configurations": {"headers": {"X-Canary": "canary-header"}},
    },
]


def imported(client, **more):
    shown = preview(client, ROUTERS, PEER, **more)
    assert shown.status_code == 200
    done = client.post(PEER, {"token": shown.context["token"]}, follow=True)
    assert "canary" not in shown.content.decode() + done.content.decode()
    return shown


def test_router_configurations_come_in_without_their_secrets_unless_these_are_wanted(client_of):
    from eventkit.contrib.django.models import Consumer

    shown = imported(client_of("administrator"))
    text = shown.content.decode()

    assert "What could not be kept" in text
    assert "configurations.colour" in text
    assert set(kinds(shown).values()) == {"new"}
    assert "enter them before you enable it" in text.replace("\n", " ")
    for row in Consumer.objects.all():
        assert not row.enabled
        assert "auth" not in settings_of(row.slug)
    assert {each.protocol for each in Consumer.objects.all()} == {"xapi", "caliper"}


def test_router_configurations_come_in_with_their_secrets_encrypted(client_of):
    from eventkit.contrib.django.models import Consumer

    imported(client_of("administrator"), with_secrets="on")

    xapi = settings_of(Consumer.objects.get(protocol="xapi").slug)
    caliper = settings_of(Consumer.objects.get(protocol="caliper").slug)
    assert xapi["auth"]["password"].reveal() == "canary-password"
    assert caliper["auth"]["token"].reveal() == "canary-key"
    assert caliper["headers"]["X-Canary"].reveal() == "canary-header"


def test_match_params_are_kept_and_can_be_seen_and_changed(client_of):
    from eventkit.contrib.django.models import Consumer

    client = client_of("administrator")
    imported(client)
    row = Consumer.objects.get(protocol="xapi")

    assert settings_of(row.slug)["match_params"] == {"context.org_id": "^edX$"}
    assert "allow" not in settings_of(row.slug)
    page = client.get(f"{LIST}{row.pk}/change/")
    assert page.context["adminform"].form["match_params"].value() == json.dumps(
        {"context.org_id": "^edX$"}, indent=2
    )
    assert not page.context["adminform"].form["allows_everything"].value()


def test_without_a_text_the_table_is_read_where_there_is_one(client_of, monkeypatch):
    from django.apps import apps

    client = client_of("administrator")
    missing = preview(client, "", PEER)
    assert "not installed here" in missing.context["form"].errors["text"][0]

    class Row:
        def __init__(self, **columns):
            vars(self).update(columns)

    class Column:
        def __init__(self, name):
            self.name = name

    class Table:
        """A stand-in for the model of event-routing-backends."""

        class objects:  # noqa: N801 - Django's name
            @staticmethod
            def all():
                return Table.objects

            @staticmethod
            def order_by(_):
                return [Row(**{**ROUTERS[1], "username": None, "password": None})]

        class _meta:  # noqa: N801 - Django's name
            @staticmethod
            def get_fields():
                return map(Column, [*ROUTERS[0], "auth_key"])

    known = apps.get_model
    monkeypatch.setattr(
        apps,
        "get_model",
        lambda *where, **more: (
            Table if where[0] == "event_routing_backends" else known(*where, **more)
        ),
    )
    shown = preview(client, "", PEER, with_secrets="on")

    [name] = kinds(shown)
    assert re.search("caliper", name)


@pytest.mark.parametrize(
    ("text", "told"),
    [("[", "this is not JSON"), ("[7]", "expected a list of router configurations")],
)
def test_router_configurations_that_cannot_be_read_are_said_beside_the_text(client_of, text, told):
    response = preview(client_of("administrator"), text, PEER)

    assert told in response.context["form"].errors["text"][0]


@pytest.mark.parametrize("path", [IMPORT, PEER])
def test_a_text_that_cannot_be_read_does_not_come_back_with_its_secrets(client_of, path):
    response = preview(client_of("administrator"), '[{"password": "canary-password",}]', path)

    assert list(response.context["form"].errors) == ["text"]
    assert "canary" not in response.content.decode()


@pytest.mark.parametrize("place", ["form", "import"])
def test_a_report_of_an_error_shows_no_secret(client_of, place, monkeypatch):
    """Not even with everything that was sent and that frames hold, as it is mailed to who asks."""
    import sys

    from django.core.signals import got_request_exception
    from django.views.debug import ExceptionReporter

    from eventkit.contrib.django import auditing

    def broken(*_, **__):
        raise RuntimeError("something nobody has thought of")

    reports = []

    def reported(request, **_):
        reporter = ExceptionReporter(request, *sys.exc_info(), is_email=True)
        reports.extend([reporter.get_traceback_html(), reporter.get_traceback_text()])

    monkeypatch.setattr(auditing, "record", broken)
    client = client_of("administrator", raise_request_exception=False)
    auth = {"type": "basic", "username": "canary-user", "password": "canary-password"}
    got_request_exception.connect(reported)
    try:
        if place == "import":
            response = preview(client, [one(auth=auth, headers={"X-A": "canary-header"})])
        else:
            numbers = {"TOTAL": 0, "INITIAL": 0, "MIN_NUM": 0, "MAX_NUM": 9}
            fields = {
                **one(),
                "slug": "engine",
                "auth_type": "basic",
                "username": "canary-user",
                "password": "canary-password",
                "headers": "X-A: canary-header",
                **{f"rules-{key}_FORMS": value for key, value in numbers.items()},
            }
            response = client.post(f"{LIST}add/", fields)
    finally:
        got_request_exception.disconnect(reported)

    assert response.status_code == 500
    assert "something nobody has thought of" in reports[0]
    found = [line[:300] for each in reports for line in each.splitlines() if "canary" in line]
    assert found == []


def test_the_table_of_the_peer_is_for_who_sees_all(client_of, monkeypatch):
    """It has receivers and credentials of all organisations."""
    from eventkit.contrib.django import peer_table

    monkeypatch.setattr(peer_table, "is_installed", lambda: True)
    monkeypatch.setattr(peer_table, "rows", lambda: pytest.fail("the table was read"))
    client = client_of("tenant administrator")
    answer = client.post(PEER, {"with_secrets": "on", "text": ""})

    assert "you look after some" in answer.content.decode()
