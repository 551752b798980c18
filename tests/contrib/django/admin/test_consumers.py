"""Consumers in the admin: the list, the form, and what is done with them."""

from __future__ import annotations

import json

import fault_server
import pytest

LIST = "/admin/eventkit/consumer/"
ADD = f"{LIST}add/"


@pytest.fixture
def actions(admin_site):
    from eventkit.contrib.django import actions

    return actions


@pytest.fixture
def engine(actions):
    """A consumer with all that one can have."""
    return actions.create(
        {
            "id": "engine",
            "name": "Recommendations",
            "protocol": "xapi",
            "url": "https://engine.example.org/xapi",
            "auth": {"type": "basic", "username": "canary-user", "password": "canary-password"},
            "headers": {"X-Canary": "canary-header", "X-Other": "canary-other"},
            "allow": [{"org": "edX", "event": ["problem_check"]}, {"course": "course-v1:MITx+*"}],
            "deny": [{"event": "edx.forum.*"}],
            "batch": {"max_size": 50},
            "timeout": {"total": 20, "read": 5},
            "override": {"context": {"platform": "LMS"}},
        }
    )


def filled(*rules, **fields):
    """Give what the form sends: a good consumer, but for *fields*, and the conditions *rules*."""
    given = {
        "slug": "fresh",
        "name": "",
        "tenant": "",
        "note": "",
        "protocol": "xapi",
        "url": "https://fresh.example.org/xapi",
        "sensor": "",
        "auth_type": "none",
        "username": "",
        "password": "",
        "token": "",
        "headers": "",
        "override": "",
        "inherits": "",
        "representatives": "",
        **{f"batch_{key}": "" for key in ("max_size", "max_bytes", "max_wait")},
        **{f"timeout_{key}": "" for key in ("total", "connect", "read")},
        "rules-TOTAL_FORMS": str(len(rules)),
        "rules-INITIAL_FORMS": "0",
        "rules-MIN_NUM_FORMS": "0",
        "rules-MAX_NUM_FORMS": "1000",
        **fields,
    }
    for number, rule in enumerate(rules):
        row = {"kind": "allow", "number": "1", "choice": "org", "path": "", "patterns": "edX"}
        given |= {f"rules-{number}-{key}": value for key, value in {**row, **rule}.items()}
    return {key: value for key, value in given.items() if value is not None}


def row_of(slug):
    from eventkit.contrib.django.models import Consumer

    return Consumer.objects.get(slug=slug)


def settings_of(slug):
    from eventkit.contrib.django.rows import settings_of

    return settings_of(row_of(slug))


def errors_of(response):
    """Give what the form says, by field; what is wrong with a condition by its number."""
    form = response.context["adminform"].form
    formset = response.context["inline_admin_formsets"][0].formset
    found = {name: list(listed) for name, listed in form.errors.items()}
    for number, rule in enumerate(formset.forms):
        found |= {f"rules-{number}-{name}": list(each) for name, each in rule.errors.items()}
    if formset.non_form_errors():
        found["rules"] = list(formset.non_form_errors())
    return found


@pytest.mark.databases
def test_a_consumer_is_registered_with_all_its_settings_and_gets_nothing_yet(client_of):
    client = client_of("administrator")

    response = client.post(
        ADD,
        filled(
            {"choice": "event", "patterns": "problem_check\nedx.grades.*\n"},
            {"choice": "course", "patterns": "course-v1:edX+DemoX+*"},
            {"number": "2", "choice": "path", "path": "context.org_id", "patterns": "MITx"},
            {"kind": "deny", "choice": "event", "patterns": "acme.*", "unknown": "on"},
            {"kind": "deny", "number": "2", "patterns": "edX", "missing": "on"},
            name="Fresh",
            protocol="caliper",
            sensor="https://lms.example.org",
            auth_type="bearer",
            token="canary-token",
            headers="X-One: first\nX-Two:second",
            override='{"extensions": {"site": "A"}}',
            inherits="https://former.example.org/",
            batch_max_size="20",
            batch_max_wait="0.5",
            timeout_connect="3",
            representatives="representative",
        ),
    )

    assert response.status_code == 302, errors_of(response)
    found = settings_of("fresh")
    auth, headers = found.pop("auth"), found.pop("headers")
    assert auth["token"].reveal() == "canary-token"
    assert {name: value.reveal() for name, value in headers.items()} == {
        "X-One": "first",
        "X-Two": "second",
    }
    assert found == {
        "id": "fresh",
        "protocol": "caliper",
        "url": "https://fresh.example.org/xapi",
        "enabled": False,
        "allow": [
            {"event": ["problem_check", "edx.grades.*"], "course": ["course-v1:edX+DemoX+*"]},
            {"context.org_id": ["MITx"]},
        ],
        "deny": [{"event": ["acme.*"], "unknown": True}, {"org": ["edX"], "missing": "deny"}],
        "batch": {"max_size": 20, "max_wait": 0.5},
        "timeout": {"connect": 3},
        "override": {"extensions": {"site": "A"}},
        "sensor": "https://lms.example.org",
        "inherits": ["https://former.example.org/"],
    }
    assert [each.username for each in row_of("fresh").representatives.all()] == ["representative"]


def test_a_form_that_nobody_changed_changes_nothing(client_of, engine):
    client = client_of("administrator")
    before = settings_of("engine")
    page = client.get(f"{LIST}{engine.pk}/change/")
    form = page.context["adminform"].form
    formset = page.context["inline_admin_formsets"][0].formset
    sent = {
        name: value for name in form.fields if (value := form[name].value()) not in (None, False)
    }
    for each in (*formset.forms, formset.management_form):
        sent |= {
            each.add_prefix(name): value
            for name in each.fields
            if (value := each[name].value()) not in (None, False)
        }

    response = client.post(f"{LIST}{engine.pk}/change/", sent)

    assert response.status_code == 302, errors_of(response)
    assert settings_of("engine") == before
    from eventkit.contrib.django.models import AuditEntry

    assert not AuditEntry.objects.filter(action="change").exclude(field="").exists()


def test_no_page_shows_a_secret(client_of, engine):
    client = client_of("superuser")

    for path in (
        LIST,
        f"{LIST}{engine.pk}/change/",
        f"{LIST}{engine.pk}/history/",
        f"{LIST}export/",
        f"{LIST}export/?format=json",
        f"{LIST}{engine.pk}/test/",
        f"{LIST}{engine.pk}/clone/",
    ):
        response = client.get(path, follow=True)

        assert response.status_code == 200, path
        assert "canary-" not in response.content.decode(), path


def test_what_was_typed_as_a_secret_does_not_come_back_beside_another_mistake(client_of):
    response = client_of("administrator").post(
        ADD,
        filled(
            url="nonsense",
            auth_type="basic",
            username="canary-user",
            password="canary-password",
            token="canary-token",
            headers="X-A: canary-header",
        ),
    )

    assert response.status_code == 200
    assert list(errors_of(response)) == ["url"]
    assert "canary-" not in response.content.decode()


def change(client, row, *rules, **fields):
    given = {"opened_revision": str(row.revision), "slug": None, "url": row.url, **fields}
    return client.post(f"{LIST}{row.pk}/change/", filled(*rules, **given))


def test_credentials_are_kept_replaced_one_by_one_and_removed(client_of, engine):
    client = client_of("administrator")

    kept = change(client, engine, {}, auth_type="basic")
    assert kept.status_code == 302, errors_of(kept)
    assert settings_of("engine")["auth"]["password"].reveal() == "canary-password"

    one = change(client, row_of("engine"), {}, auth_type="basic", password="another one")
    assert one.status_code == 302, errors_of(one)
    auth = settings_of("engine")["auth"]
    assert (auth["username"].reveal(), auth["password"].reveal()) == ("canary-user", "another one")

    other = change(client, row_of("engine"), {}, auth_type="bearer")
    assert errors_of(other) == {"token": ["Auth.token is missing; write it there"]}

    gone = change(client, row_of("engine"), {}, auth_type="none", removed_headers=["X-Canary"])
    assert gone.status_code == 302, errors_of(gone)
    found = settings_of("engine")
    assert "auth" not in found
    assert list(found["headers"]) == ["X-Other"]

    replaced = change(client, row_of("engine"), {}, headers="x-other: new\nX-New: more")
    assert replaced.status_code == 302, errors_of(replaced)
    headers = settings_of("engine")["headers"]
    assert {name: value.reveal() for name, value in headers.items()} == {
        "x-other": "new",
        "X-New": "more",
    }


WRONG = [
    ({"slug": ""}, "slug", "Expected a name of 1 to 100 characters, got ''"),
    ({"slug": "x" * 101}, "slug", "Expected a name of 1 to 100 characters"),
    ({"slug": "a\x07b"}, "slug", "Must be printable"),
    ({"name": "x" * 201}, "name", "at most 200 characters"),
    ({"protocol": "smtp"}, "protocol", "smtp"),
    ({"protocol": ""}, "protocol", "Expected one of 'xapi', 'caliper'"),
    ({"url": ""}, "url", "Expected a URL"),
    ({"url": "engine.example.org"}, "url", "Has no scheme"),
    ({"url": "https://"}, "url", "Has no host"),
    ({"url": "https://u:p@example.org/"}, "url", "Must not hold credentials"),
    ({"url": "https://example.org/a b"}, "url", "Must not hold blanks"),
    ({"url": "https://example.org/?token=1"}, "url", "no query"),
    ({"url": "https://example.org:port/"}, "url", "host or port cannot be read"),
    ({"url": "ftp://example.org/"}, "url", "ftp"),
    ({"url": "http://example.org/", "public_only": "on"}, "url", "https"),
    ({"url": "https://10.0.0.1/", "public_only": "on"}, "url", "10.0.0.1"),
    (
        {"url": "http://example.org/", "auth_type": "bearer", "token": "t"},
        "url",
        "would go over http",
    ),
    ({"sensor": "no iri"}, "sensor", "is no IRI"),
    ({"inherits": "no url"}, "inherits", "Expected former URLs"),
    ({"auth_type": "magic"}, "auth_type", "magic"),
    ({"auth_type": "basic", "password": "p"}, "username", "is missing"),
    ({"auth_type": "basic", "username": "u"}, "password", "is missing"),
    ({"auth_type": "basic", "username": "a:b", "password": "p"}, "username", "a colon"),
    ({"auth_type": "bearer"}, "token", "is missing"),
    ({"auth_type": "bearer", "token": "a\x07b"}, "token", "control characters"),
    ({"auth_type": "bearer", "token": "ключ"}, "token", "HTTP headers cannot"),
    ({"headers": "X-A"}, "headers", "Line 1: expected a name, a colon and a value"),
    ({"headers": "X A: b"}, "headers", "is no header name"),
    ({"headers": "X-A: b\nx-a: c"}, "headers", "are one header"),
    ({"headers": "Content-Type: b"}, "headers", "is set by eventkit itself"),
    ({"headers": "X-A: ключ"}, "headers", "HTTP headers cannot"),
    (
        {"auth_type": "bearer", "token": "t", "headers": "Authorization: b"},
        "headers",
        "is set by auth too",
    ),
    ({"override": "{"}, "override", "This is not JSON"),
    ({"override": "[1]"}, "override", "Expected an object that is merged"),
    ({"override": '{"a": 1, "a": 2}'}, "override", "stands twice"),
    ({"override": '{"id": "x"}'}, "override", "documents keep their own ids"),
    ({"override": '{"x": NaN}'}, "override", "JSON has no such value"),
    ({"batch_max_size": "0"}, "batch_max_size", "Expected a whole number of documents from 1"),
    ({"batch_max_size": "many"}, "batch_max_size", "got 'many'"),
    ({"batch_max_size": "1.5"}, "batch_max_size", "Expected a whole number"),
    ({"batch_max_bytes": "-1"}, "batch_max_bytes", "Expected a whole number of bytes"),
    ({"version": "1.0"}, "version", "Select a valid choice"),
    ({"batch_max_wait": "3601"}, "batch_max_wait", "Expected a number of seconds from 0 to 3600"),
    ({"batch_max_wait": "nan"}, "batch_max_wait", "Expected a number of seconds"),
    ({"timeout_total": "0"}, "timeout_total", "Expected a number of seconds above 0"),
    ({"timeout_connect": "soon"}, "timeout_connect", "Expected a number of seconds above 0"),
    ({"timeout_read": "1e9"}, "timeout_read", "Expected a number of seconds above 0"),
    ({"representatives": "nobody-of-us"}, "representatives", "nobody has the user name"),
    ({"tenant": "4711"}, "tenant", "valid choice"),
]


@pytest.mark.parametrize(
    "typed",
    [
        {"username": "x"},
        {"username": "x", "headers": "X-New: 1"},
        {"username": "x", "password": "y"},
        {"username": "x", "password": "y", "headers": "X-Canary: 1"},
        {"auth_type": "none", "headers": "X-New: 1"},
        {"auth_type": "none", "removed_headers": "X-Canary"},
        {"auth_type": "bearer", "token": "x"},
    ],
)
def test_kept_secrets_are_not_sent_elsewhere_by_staff_of_a_tenant(
    client_of, actions, engine, typed
):
    from eventkit.contrib.django.models import Tenant

    tenant = Tenant.objects.get(name="Lakeside")
    changes = {"tenant": tenant, "allow": [], "deny": []}
    row = actions.change(engine, changes)
    given = {
        "tenant": str(tenant.pk),
        "auth_type": "basic",
        "opened_revision": str(row.revision),
        **typed,
    }
    fields = filled({"patterns": "Lakeside"}, slug=None, **given)
    response = client_of("tenant administrator").post(f"{LIST}{row.pk}/change/", fields)

    assert "give the credentials for it again" in errors_of(response)["url"][0].lower()
    assert row_of("engine").url == "https://engine.example.org/xapi"


def test_a_receiver_that_moves_takes_new_credentials_along(client_of, actions, engine):
    """All of them, also if one is what it was."""
    from eventkit.contrib.django.models import Tenant

    tenant = Tenant.objects.get(name="Lakeside")
    row = actions.change(engine, {"tenant": tenant, "allow": [], "deny": []})
    fields = filled(
        {"patterns": "Lakeside"},
        slug=None,
        tenant=str(tenant.pk),
        auth_type="basic",
        username="canary-user",
        password="new",
        headers="X-Canary: new",
        removed_headers="X-Other",
        opened_revision=str(row.revision),
    )
    response = client_of("tenant administrator").post(f"{LIST}{row.pk}/change/", fields)

    assert response.status_code == 302
    found = settings_of("engine")
    assert found["url"] == "https://fresh.example.org/xapi"
    assert found["auth"]["password"].reveal() == "new"
    assert {name: each.reveal() for name, each in found["headers"].items()} == {"X-Canary": "new"}


def test_a_form_that_is_saved_does_not_take_410_back(client_of, actions, engine):
    actions.enable(engine)
    actions.mark_gone("engine")
    row = row_of("engine")
    page = client_of("administrator").get(f"{LIST}{row.pk}/change/")
    form = page.context["adminform"].form
    fields = filled(slug=None, note="x", opened_revision=str(row.revision), url=form.initial["url"])
    fields["auth_type"] = "basic"
    response = client_of("administrator").post(f"{LIST}{row.pk}/change/", fields)

    assert response.status_code == 302
    assert (row_of("engine").note, row_of("engine").gone_at) == ("x", row.gone_at)


@pytest.mark.parametrize(("wrong", "field", "told"), WRONG)
def test_what_is_wrong_is_said_beside_its_field(client_of, wrong, field, told):
    from eventkit.contrib.django.models import Consumer

    response = client_of("administrator").post(ADD, filled({}, **wrong))

    assert response.status_code == 200
    found = errors_of(response)
    assert list(found) == [field], found
    assert any(told.lower() in each.lower() for each in found[field]), found
    assert not Consumer.objects.exists()


def test_every_field_has_a_wrong_value_among_these(client_of):
    form = client_of("administrator").get(ADD).context["adminform"].form
    # Nothing is wrong with any text, or with a tick that is there or not.
    free = {"note", "public_only", "plain_http", "allows_everything", "opened_revision"}

    assert set(form.fields) - free == {field for _, field, _ in WRONG}


WRONG_RULES = [
    ({"kind": "maybe"}, "kind", "maybe"),
    ({"number": ""}, "number", "Expected a whole number from 1"),
    ({"number": "0"}, "number", "Expected a whole number from 1"),
    ({"number": "-1"}, "number", "Expected a whole number from 1"),
    ({"number": "one"}, "number", "Expected a whole number from 1"),
    ({"number": "9" * 30}, "number", "Expected a whole number from 1"),
    ({"choice": ""}, "choice", "Choose the field"),
    ({"choice": "colour"}, "choice", "colour"),
    ({"choice": "path"}, "path", "Write the path"),
    ({"choice": "path", "path": "org_id"}, "path", "Unknown field"),
    ({"choice": "path", "path": "contxt.org_id"}, "path", "did you mean 'context.org_id'"),
    ({"patterns": ""}, "patterns", "The list of patterns is empty"),
    ({"patterns": "re:("}, "patterns", "RE2 refuses the regular expression"),
    ({"patterns": "re:(a)\\1"}, "patterns", "no linear-time form"),
    ({"patterns": "x" * 1001}, "patterns", "more than 1000"),
    ({"kind": "deny", "choice": "event", "patterns": "edx.froum.*"}, "patterns", "did you mean"),
    ({"kind": "deny", "choice": "course", "patterns": "edX+*"}, "patterns", "can match no course"),
    ({"kind": "deny", "patterns": "edX,MITx"}, "patterns", "several are a list"),
    ({"kind": "allow", "missing": "on"}, "missing", "only rules that deny have it"),
]


@pytest.mark.parametrize(("wrong", "field", "told"), WRONG_RULES)
def test_what_is_wrong_with_a_rule_is_said_beside_its_condition(client_of, wrong, field, told):
    good = [{"patterns": "MITx"}, {"kind": "deny", "number": "7", "patterns": "Other"}]
    wrong = {"number": "5", **wrong}

    response = client_of("administrator").post(ADD, filled(good[0], wrong, good[1]))

    assert response.status_code == 200
    found = errors_of(response)
    assert list(found) == [f"rules-1-{field}"], found
    assert told.lower() in found[f"rules-1-{field}"][0].lower()


def test_every_field_of_a_condition_has_a_wrong_value_among_these(client_of):
    page = client_of("administrator").get(ADD)
    form = page.context["inline_admin_formsets"][0].formset.empty_form

    assert set(form.fields) - {"DELETE", "unknown", "id"} == {field for _, field, _ in WRONG_RULES}


def test_a_field_that_stands_twice_in_a_rule_is_refused(client_of):
    response = client_of("administrator").post(
        ADD, filled({"patterns": "edX"}, {"patterns": "MITx"})
    )

    assert "stands twice" in errors_of(response)["rules-1-choice"][0]


def test_empty_conditions_and_those_to_remove_are_no_rules(client_of):
    response = client_of("administrator").post(
        ADD,
        filled(
            {"choice": "", "patterns": "", "number": "3"},
            {"patterns": "re:(", "DELETE": "on"},
            {"number": "9"},
        ),
    )

    assert response.status_code == 302, errors_of(response)
    assert settings_of("fresh")["allow"] == [{"org": ["edX"]}]


def test_everything_that_no_rule_denies_is_asked_for_by_a_tick(client_of):
    client = client_of("administrator")

    client.post(ADD, filled())
    assert settings_of("fresh")["allow"] == []

    changed = change(client, row_of("fresh"), allows_everything="on")
    assert changed.status_code == 302, errors_of(changed)
    assert "allow" not in settings_of("fresh")


def test_an_old_form_does_not_undo_what_somebody_else_has_changed(client_of, actions, engine):
    actions.change(engine, {"note": "by somebody else"})

    response = change(client_of("administrator"), engine, {}, note="mine", auth_type="basic")

    assert "Somebody has changed this consumer" in errors_of(response)["__all__"][0]
    assert row_of("engine").note == "by somebody else"


@pytest.mark.databases
def test_the_list_finds_and_filters(client_of, actions, engine):
    actions.create({"id": "quiet", "protocol": "caliper", "url": "https://q.example.org/"})
    actions.pause(actions.enable(engine))
    client = client_of("viewer")

    def listed(query=""):
        found = client.get(f"{LIST}{query}").context["cl"].result_list
        return [row.slug for row in found]

    assert listed() == ["engine", "quiet"]
    assert listed("?q=q.example") == ["quiet"]
    assert listed("?state=paused") == ["engine"]
    assert listed("?state=disabled") == ["quiet"]
    assert listed("?state=enabled") == []
    assert listed("?protocol__exact=caliper") == ["quiet"]
    assert listed("?tenant=none") == ["engine", "quiet"]


def test_an_empty_list_says_what_to_do(client_of):
    assert "Add the first consumer" in client_of("administrator").get(LIST).content.decode()
    assert "Ask an administrator" in client_of("viewer").get(LIST).content.decode()


def test_who_may_only_look_sees_the_settings_and_no_form(client_of, engine):
    page = client_of("viewer").get(f"{LIST}{engine.pk}/change/").content.decode()

    assert "problem_check" in page
    assert "platform" in page  # the override
    assert 'name="_save"' not in page
    assert 'name="password"' not in page
    assert "Clone" not in page


def test_words_say_what_the_rules_of_a_form_mean(client_of):
    client = client_of("administrator")
    rules = {"choice": "event", "patterns": "problem_check"}

    told = client.post(f"{LIST}words/", filled(rules)).content.decode()
    wrong = client.post(f"{LIST}words/", filled({"patterns": "re:("})).content.decode()
    nothing = client.post(f"{LIST}words/", filled()).content.decode()

    from eventkit.filters.wording import in_words

    assert in_words([{"event": ["problem_check"]}], []).split()[0] in told
    assert "Allow rule 1, organisation: RE2 refuses" in wrong
    assert "It gets nothing yet" in nothing
    assert client.get(f"{LIST}words/").status_code == 405


def test_suggestions_are_events_of_the_catalogue_with_their_family(client_of):
    client = client_of("viewer")

    found = client.get(f"{LIST}suggest/", {"field": "event", "q": "play video"}).json()["results"]
    families = client.get(f"{LIST}suggest/", {"field": "activity_type", "q": "prob"}).json()

    assert found[0]["value"] == "play_video"
    assert found[0]["description"].startswith("video: xAPI played")
    assert [each["value"] for each in families["results"]] == ["problem", "xblock_problem"]
    assert client.get(f"{LIST}suggest/", {"field": "user", "q": "a"}).json() == {"results": []}


def test_organisations_are_suggested_within_the_tenant_only(client_of, actions):
    actions.create_tenant("Hills", ["Hillside", "Hilltop"])

    def suggested(role, **query):
        asked = {"field": "org", "q": "", **query}
        found = client_of(role).get(f"{LIST}suggest/", asked).json()["results"]
        return [each["value"] for each in found]

    from eventkit.contrib.django.models import Tenant

    hills = Tenant.objects.get(name="Hills")
    assert suggested("tenant administrator") == ["Lakeside"]
    assert suggested("tenant administrator", tenant=str(hills.pk)) == ["Lakeside"]
    assert suggested("administrator", tenant=str(hills.pk)) == ["Hillside", "Hilltop"]


def test_it_is_asked_before_a_consumer_gets_anything(client_of, engine):
    client = client_of("administrator")
    path = f"{LIST}{engine.pk}/enable/"

    question = client.get(path)
    assert "Yes, enable" in question.content.decode()
    assert not row_of("engine").enabled

    assert client.post(path).status_code == 302
    assert row_of("engine").enabled


def test_a_consumer_is_paused_resumed_disabled_and_cloned_by_its_buttons(client_of, engine):
    client = client_of("administrator")
    do = lambda deed, **given: client.post(f"{LIST}{engine.pk}/{deed}/", given)  # noqa: E731
    do("enable")

    do("pause")
    assert row_of("engine").paused
    do("resume")
    assert not row_of("engine").paused
    do("disable")
    assert not row_of("engine").enabled

    taken = do("clone", slug="engine", name="")
    assert "already" in taken.content.decode()
    assert do("clone", slug="second", name="Second").status_code == 302
    assert settings_of("second")["allow"] == settings_of("engine")["allow"]
    assert "auth" not in settings_of("second")
    assert not row_of("second").enabled


def test_a_consumer_whose_credentials_cannot_be_read_is_not_enabled_and_it_is_said(
    client_of, actions
):
    auth = {"type": "bearer", "token": {"env": "EVENTKIT_NO_SUCH_VARIABLE"}}
    row = actions.create(
        {"id": "placed", "protocol": "xapi", "url": "https://p.example.org/", "auth": auth}
    )

    response = client_of("administrator").post(f"{LIST}{row.pk}/enable/")

    assert response.status_code == 200
    assert "EVENTKIT_NO_SUCH_VARIABLE" in response.content.decode()
    assert not row_of("placed").enabled


def test_actions_of_the_list_ask_first_where_it_matters(client_of, actions, engine):
    other = actions.create({"id": "other", "protocol": "xapi", "url": "https://o.example.org/"})
    client = client_of("administrator")
    both = {"_selected_action": [engine.pk, other.pk]}

    question = client.post(LIST, {"action": "do_enable", **both})
    assert "Yes, enable" in question.content.decode()
    assert not row_of("engine").enabled
    client.post(LIST, {"action": "do_enable", "confirmed": "yes", **both})
    assert row_of("engine").enabled
    assert row_of("other").enabled

    client.post(LIST, {"action": "do_pause", **both})
    assert row_of("other").paused
    client.post(LIST, {"action": "do_clone", "confirmed": "yes", **both})
    assert settings_of("engine-copy")["allow"] == settings_of("engine")["allow"]


def test_export_leaves_secrets_out_and_can_be_read_as_a_consumers_file(client_of, engine):
    from eventkit.consumers import Consumer

    client = client_of("viewer")
    response = client.get(f"{LIST}export/?format=json")
    [found] = json.loads(response.content)["consumers"]
    chosen = client.post(LIST, {"action": "do_export_yaml", "_selected_action": [engine.pk]})

    assert found["auth"] == {"type": "basic"}
    assert found["id"] == "engine"
    assert found["allow"][1] == {"course": ["course-v1:MITx+*"]}
    del found["auth"]
    Consumer.from_dict(found)
    assert b"canary" not in response.content + chosen.content
    assert "attachment" in chosen["Content-Disposition"]


@pytest.mark.parametrize(
    ("role", "can"),
    [
        ("viewer", set()),
        ("operator", {"pause", "resume", "replay", "test"}),
        ("administrator", {"pause", "resume", "replay", "test", "enable", "disable", "clone"}),
    ],
)
def test_roles_can_do_what_is_theirs(client_of, actions, engine, role, can):
    actions.enable(engine)
    client = client_of(role)

    for name in ("pause", "resume", "replay", "test", "enable", "disable", "clone"):
        response = client.get(f"{LIST}{engine.pk}/{name}/")

        assert response.status_code == (200 if name in can else 403), name


def test_the_consumer_of_others_is_nowhere(client_of, actions, engine):
    client = client_of("tenant administrator")

    for name in ("enable", "disable", "pause", "resume", "replay", "clone", "test", "history"):
        for method in (client.get, client.post):
            assert method(f"{LIST}{engine.pk}/{name}/").status_code == 404, name
    shown = client.get(f"{LIST}{engine.pk}/change/", follow=True)
    assert "Recommendations" not in shown.content.decode()
    changed = change(client, engine, {}, note="mine")
    assert changed.status_code in (302, 403)
    assert row_of("engine").note == ""
    client.post(LIST, {"action": "do_enable", "confirmed": "yes", "_selected_action": [engine.pk]})
    assert not row_of("engine").enabled
    assert b"engine" not in client.get(f"{LIST}export/?format=json").content
    entries = client.get(f"/admin/eventkit/auditentry/?consumer={engine.pk}").content.decode()
    assert "Recommendations" not in entries


def test_a_tenants_rules_reach_no_further_than_its_organisations(client_of):
    from eventkit.contrib.django.models import Tenant

    client = client_of("tenant administrator")
    tenant = str(Tenant.objects.get(name="Lakeside").pk)

    missing = client.post(ADD, filled({"patterns": "Lakeside"}))
    beyond = client.post(ADD, filled({"patterns": "edX"}, tenant=tenant))
    within = client.post(ADD, filled({"patterns": "Lakeside"}, tenant=tenant))

    assert list(errors_of(missing)) == ["tenant"]
    assert "reaches beyond" in errors_of(beyond)["rules-0-patterns"][0]
    assert within.status_code == 302, errors_of(within)
    assert settings_of("fresh")["orgs"] == ["Lakeside"]
    assert row_of("fresh").public_only


def test_deleting_asks_and_keeps_the_audit_trail(client_of, engine):
    from eventkit.contrib.django.models import AuditEntry, Consumer

    client = client_of("administrator")

    assert client.get(f"{LIST}{engine.pk}/delete/").status_code == 200
    client.post(f"{LIST}{engine.pk}/delete/", {"post": "yes"})

    assert not Consumer.objects.exists()
    assert AuditEntry.objects.filter(consumer_slug="engine", action="delete").exists()


@pytest.mark.databases
def test_the_history_of_a_consumer_is_the_audit_trail_of_it_alone(client_of, actions, engine):
    actions.create({"id": "other", "protocol": "xapi", "url": "https://o.example.org/"})
    actions.pause(actions.enable(engine))

    page = client_of("viewer").get(f"{LIST}{engine.pk}/history/", follow=True)
    entries = list(page.context["cl"].result_list)

    assert {each.consumer_slug for each in entries} == {"engine"}
    assert {"create", "enable", "pause"} == {each.action for each in entries}
    assert "canary" not in page.content.decode()
    only = client_of("viewer").get(f"/admin/eventkit/auditentry/?consumer={engine.pk}&action=pause")
    assert {each.action for each in only.context["cl"].result_list} == {"pause"}


@pytest.mark.databases
def test_few_queries_however_many_consumers(client_of, actions):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for number in range(60):
        actions.create(
            {"id": f"c{number:03}", "protocol": "xapi", "url": f"https://{number}.example.org/"}
        )
    client = client_of("administrator")
    client.get(LIST)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(LIST).status_code == 200
    with CaptureQueriesContext(connection) as of_form:
        assert client.get(f"{LIST}{row_of('c000').pk}/change/").status_code == 200

    assert len(asked) < 20, [each["sql"] for each in asked.captured_queries]
    assert len(of_form) < 20, [each["sql"] for each in of_form.captured_queries]


@pytest.mark.databases
@pytest.mark.parametrize("nonsense", ["9" * 30, "-1", "1e3", "x", "٣", "1/2"])
def test_nonsense_in_an_address_is_no_error(client_of, engine, nonsense):
    client = client_of("administrator")

    for path in (
        f"?tenant={nonsense}",
        f"?state={nonsense}",
        f"?protocol__exact={nonsense}",
        f"?q={nonsense}%00",
        f"suggest/?field=org&q=a%00&tenant={nonsense}",
        f"{nonsense}/change/",
        f"{nonsense}/test/",
        f"{nonsense}/history/",
    ):
        assert client.get(f"{LIST}{path}").status_code in (200, 302, 404), path
    for path in (
        f"auditentry/?consumer={nonsense}",
        f"auditentry/?action={nonsense}",
        f"tenant/{nonsense}/change/",
    ):
        assert client.get(f"/admin/eventkit/{path}").status_code in (200, 302, 404), path


def test_dead_letters_of_the_chosen_are_sent_again_once_it_is_confirmed(
    client_of, actions, engine, monkeypatch
):
    from django.utils import timezone

    from eventkit.contrib.django import replays
    from eventkit.contrib.django.fields import Sealed
    from eventkit.contrib.django.models import Letter, Replay

    for number, slug in enumerate(("engine", "engine", "another")):
        Letter.objects.create(
            letter_id=f"letter-{number}",
            consumer_slug=slug,
            reason="http_400",
            time=timezone.now(),
            body=Sealed.of({}),
        )
    begun = []
    monkeypatch.setattr(replays, "begin", begun.append)
    client = client_of("operator")
    path = f"{LIST}{engine.pk}/replay/"

    assert "2 dead letters" in client.get(path).content.decode()
    assert not Replay.objects.exists()

    response = client.post(path)
    assert [job.chosen for job in begun] == [{"ids": ["letter-0", "letter-1"]}]
    assert f"/replay/{begun[0].pk}/" in response.url

    several = {"action": "do_replay", "_selected_action": [engine.pk]}
    assert "2 dead letters" in client.post(LIST, several).content.decode()
    assert len(begun) == 1
    client.post(LIST, {**several, "confirmed": "yes"})
    assert len(begun) == 2


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_connection_is_tested_through_the_proxy_that_workers_use(
    client_of, actions, settings_of, monkeypatch, is_trusted
):
    """And the page says so; without the setting it says that there is none."""
    settings_of(TRUST_ENV=is_trusted)
    row = actions.create({"id": "inner", "protocol": "xapi", "url": "http://lrs.invalid/xapi"})
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with fault_server.serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        page = client_of("administrator").post(f"{LIST}{row.pk}/test/")

        assert bool(proxy.requests) is is_trusted
    told = page.content.decode()
    assert ("Proxies are taken from the environment" in told) is is_trusted
    assert ("No proxy is used" in told) is not is_trusted
