"""The Python API: what is done, what is refused, and what is written down of it."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("django")

pytestmark = pytest.mark.databases

SETTINGS = {"id": "lrs", "protocol": "xapi", "url": "https://lrs.example.org/xapi"}
HEADERS = {"X-One": "canary-one", "X-Two": "canary-two"}
BASIC = {"type": "basic", "username": "us", "password": "canary"}


@pytest.fixture
def actions(admin_site):
    from eventkit.contrib.django import actions

    return actions


@pytest.fixture
def version(admin_site):
    """Give what workers look at."""
    from eventkit.contrib.django.models import Version

    return lambda: Version.objects.values_list("number", "stamp").first()


@pytest.fixture
def trail(admin_site):
    """Give the audit trail since the last time, oldest first."""
    from eventkit.contrib.django.models import AuditEntry

    seen = [0]

    def entries():
        rows = list(AuditEntry.objects.filter(pk__gt=seen[0]).order_by("pk"))
        seen[0] = rows[-1].pk if rows else seen[0]
        return [(row.action, row.field, row.old, row.new) for row in rows]

    return entries


@pytest.fixture
def person(admin_site):
    """Give an account by its role."""
    from admin_site import roles

    return roles.user


def wrong(actions, *arguments, **more):
    """Give what is wrong, by field."""
    action, *others = arguments
    with pytest.raises(actions.Invalid) as refused:
        action(*others, **more)
    return actions.field_errors(refused.value)


class TestCreating:
    def test_lets_nothing_flow_that_was_not_said(self, actions):
        """Disabled, and without rules it may have nothing."""
        row = actions.create(SETTINGS)

        assert not row.enabled
        assert not row.allows_everything
        assert actions.export([row])[0]["allow"] == []

    def test_is_written_down(self, actions, trail, person):
        actions.create({**SETTINGS, "name": "LRS", "auth": BASIC}, by=person("superuser"))

        assert trail() == [
            ("create", "name", "", "LRS"),
            ("create", "protocol", "", "xapi"),
            ("create", "url", "", "https://lrs.example.org/xapi"),
            (
                "create",
                "auth",
                "",
                '{"password": "***", "type": "basic", "username": "***"}',
            ),
        ]

    @pytest.mark.parametrize(
        ("changed", "field", "words"),
        [
            ({"id": ""}, "slug", "1 to 100 characters"),
            ({"id": "x" * 101}, "slug", "1 to 100 characters"),
            ({"id": " x"}, "slug", "without blanks around"),
            ({"id": 3}, "slug", "expected a name"),
            ({"protocol": "xap"}, "protocol", "one of 'xapi', 'caliper'"),
            ({"protocol": None}, "protocol", "one of 'xapi', 'caliper'"),
            ({"url": ""}, "url", "expected a URL"),
            ({"url": None}, "url", "expected a URL"),
            ({"url": 7}, "url", "expected a URL"),
            ({"url": "lrs.example.org"}, "url", "has no scheme"),
            ({"url": "https://u:p@lrs.example.org"}, "url", "must not hold credentials"),
            ({"url": "https://[1"}, "url", "host or port cannot be read"),
            ({"url": "https://lrs.example.org/?a=1"}, "url", "no query"),
            ({"url": "https://a.b/" + "c" * 2000}, "url", "at most 2000 characters"),
            ({"protocol": "caliper", "url": "https://a.b/?token=x"}, "url", "looks like a secret"),
            ({"inherits": ["https://a.b/?api_key=x"]}, "url", "looks like a secret"),
            ({"name": "x" * 201}, "name", "at most 200 characters"),
            ({"name": "x\0"}, "name", "null"),
            ({"name": "\ud800"}, "name", "UTF-8"),
            ({"name": 3}, "name", "write text"),
            ({"enabled": "yes"}, "enabled", "true or false"),
            ({"auth": {"type": "basic"}}, "username", "is missing"),
            ({"auth": {"type": "basic"}}, "password", "is missing"),
            ({"auth": {"type": "bearer"}}, "token", "is missing"),
            ({"auth": {"type": "digest"}}, "auth_type", "one of 'none', 'basic', 'bearer'"),
            ({"auth": "canary"}, "auth_type", "an object"),
            ({"auth": {**BASIC, "username": "a:b"}, "enabled": True}, "username", "colon"),
            ({"auth": {"type": "bearer", "token": "a\nb"}, "enabled": True}, "token", "one line"),
            ({"auth": {"type": "bearer", "token": {"env": "NOT_SET"}}, "enabled": True}, "token",
             "NOT_SET is not set"),
            ({"headers": {"X Y": "1"}}, "headers", "no header name"),
            ({"headers": {"X-Y": "a\nb"}, "enabled": True}, "headers", "one line"),
            ({"headers": {"Content-Length": "1"}}, "headers", "set by eventkit itself"),
            ({"headers": {"X-Y": 3}}, "headers", "expected text"),
            ({"headers": []}, "headers", "expected an object"),
            ({"allow": [{"cours": "x"}]}, "rules", "did you mean 'course'?"),
            ({"allow": [{}]}, "rules", "the rule is empty"),
            ({"allow": "x"}, "rules", "expected a list of rules"),
            ({"allow": [{"course": ""}]}, "rules", "a pattern is empty"),
            ({"deny": [{"event": "problem_chek"}]}, "rules", "matches no known event"),
            ({"deny": [{"user": [None]}]}, "rules", "nothing stands there"),
            ({"batch": {"max_size": 0}}, "batch", "from 1 to 10000"),
            ({"batch": {"size": 1}}, "batch", "unknown key 'batch.size'; did you mean 'max_size'?"),
            ({"timeout": -1}, "timeout", "above 0"),
            ({"override": {"id": "x"}}, "override", "documents keep their own ids"),
            ({"override": []}, "override", "expected an object"),
            ({"sensor": "no iri"}, "sensor", "is no IRI"),
            ({"inherits": ["x"]}, "inherits", "former URLs"),
            ({"plain_http": "x"}, "plain_http", "true or false"),
            ({"public_only": True, "url": "https://127.0.0.1/"}, "url", "loopback"),
            ({"public_only": True, "url": "https://169.254.169.254/"}, "url", "public internet"),
            ({"public_only": True, "url": "http://a.example.org/"}, "url", "https"),
            ({"public_only": True, "url": "file:///etc/passwd"}, "url", "https"),
            ({"colour": "red"}, "__all__", "unknown key 'colour'"),
        ],
    )  # fmt: skip
    def test_says_beside_which_field_something_is_wrong(self, actions, changed, field, words):
        errors = wrong(actions, actions.create, {**SETTINGS, **changed})

        assert words in " ".join(errors[field])
        assert "canary" not in str(errors)

    def test_says_all_that_is_wrong_at_once(self, actions):
        """And beside which rule."""
        given = {
            **SETTINGS,
            "url": "nowhere",
            "sensor": "no iri",
            "allow": [{"event": "problem_check"}, {"cours": "x"}, {"course": ""}],
            "deny": [{"event": "problem_chek"}],
        }
        with pytest.raises(actions.Invalid) as refused:
            actions.create(given)

        assert set(actions.field_errors(refused.value)) == {"url", "sensor", "rules"}
        assert [each.rule for each in refused.value.found if each.rule] == [
            ("allow", 1, ""),
            ("allow", 2, "course"),
            ("deny", 0, "event"),
        ]

    @pytest.mark.parametrize("slug", ["lrs", "LRS"])
    def test_an_id_is_used_once_whatever_its_case(self, actions, slug):
        """Databases do not agree on whether case counts."""
        actions.create(SETTINGS)

        assert "already" in wrong(actions, actions.create, {**SETTINGS, "id": slug})["slug"][0]

    def test_what_is_refused_leaves_nothing(self, actions, trail, version):
        from eventkit.contrib.django.models import Consumer

        before = version()
        wrong(actions, actions.create, {**SETTINGS, "url": "nowhere"})

        assert (version(), trail(), Consumer.objects.count()) == (before, [], 0)

    def test_without_keys_no_secret_is_kept(self, actions, settings_with):
        with settings_with(KEYS=[]):
            errors = wrong(actions, actions.create, {**SETTINGS, "auth": BASIC})
            actions.create(SETTINGS)

        assert "'KEYS'] is missing" in errors["auth_type"][0]


class TestChanging:
    def test_what_is_not_named_stays(self, actions):
        row = actions.create(
            {**SETTINGS, "auth": BASIC, "allow": [{"org": "edX"}], "batch": {"max_size": 3}}
        )
        row = actions.change(row, {"name": "New"})
        [exported] = actions.export([row])

        assert exported["allow"] == [{"org": ["edX"]}]
        assert exported["batch"] == {"max_size": 3}
        assert row.credential.secrets.open() == {"username": "us", "password": "canary"}

    def test_none_takes_back(self, actions):
        row = actions.create({**SETTINGS, "batch": {"max_size": 3}, "allow": [{"org": "edX"}]})
        row = actions.change(row, {"batch": None, "allow": None})

        assert row.options == {}
        assert row.allows_everything

    def test_a_consumer_keeps_its_id(self, actions):
        row = actions.create(SETTINGS)

        assert (
            "cannot be changed" in wrong(actions, actions.change, row, {"id": "other"})["slug"][0]
        )

    def test_secrets_are_written_down_as_changed_only(self, actions, trail):
        row = actions.create({**SETTINGS, "auth": BASIC})
        trail()
        actions.change(row, {"auth": {**BASIC, "password": "canary 2"}})
        assert trail() == [("change", "secrets", "***", "*** (others)")]
        actions.set_credentials(row, auth={"type": "bearer", "token": "canary 3"})
        assert trail() == [
            (
                "set_credentials",
                "auth",
                '{"password": "***", "type": "basic", "username": "***"}',
                '{"token": "***", "type": "bearer"}',
            ),
            ("set_credentials", "secrets", "***", "*** (others)"),
        ]
        row = actions.set_credentials(row, auth={"type": "none"})
        assert actions.export([row]) == [{**SETTINGS, "enabled": False, "allow": []}]

    def test_a_query_is_not_written_down(self, actions, trail):
        """A token may stand there, under whatever name."""
        actions.create({"id": "c", "protocol": "caliper", "url": "https://a.b/?u=canary"})

        assert ("create", "url", "", "https://a.b/?***") in trail()

    def test_two_who_have_opened_the_same_form(self, actions):
        """The second is told that there was a first."""
        row = actions.create(SETTINGS)
        opened = row.revision
        actions.change(row, {"name": "First"}, revision=opened)
        errors = wrong(actions, actions.change, row, {"name": "Second"}, revision=opened)
        row.refresh_from_db()

        assert "somebody has changed it" in errors["__all__"][0]
        assert row.name == "First"

    def test_at_the_same_time(self, actions, version):
        """Each change is seen, and none undoes another."""
        from django.db import connections

        row = actions.create(SETTINGS)
        number, _ = version()
        keys = ["name", "note", "batch", "timeout", "sensor", "deny"]
        values = ["N", "n", {"max_size": 3}, 4, "https://a.b", [{"event": "problem_check"}]]
        failed = []

        def change(key, value):
            try:
                actions.change(row, {key: value})
            except Exception as error:  # noqa: BLE001 - any fails the test
                failed.append(error)
            finally:
                connections.close_all()

        pairs = zip(keys, values, strict=True)
        threads = [threading.Thread(target=change, args=pair) for pair in pairs]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        row.refresh_from_db()

        assert failed == []
        assert version()[0] == number + len(keys)
        assert row.revision == 1 + len(keys)
        assert (row.name, row.note) == ("N", "n")
        assert row.options == dict(zip(keys[2:5], values[2:5], strict=True))
        assert row.rules.count() == 1


class TestSwitching:
    def test_each_is_seen_by_workers_and_written_down_once(self, actions, trail, version):
        row = actions.create(SETTINGS)
        trail()
        for action, field, old, new in [
            (actions.enable, "enabled", "false", "true"),
            (actions.pause, "paused", "false", "true"),
            (actions.resume, "paused", "true", "false"),
            (actions.disable, "enabled", "true", "false"),
        ]:
            before = version()
            action(row)
            assert trail() == [(action.__name__, field, old, new)]
            assert version() != before
            before = version()
            action(row)
            assert (trail(), version()) == ([], before)

    def test_enabling_looks_at_everything(self, actions):
        """What was fine while it was disabled need not be."""
        row = actions.create({**SETTINGS, "auth": {"type": "bearer", "token": {"env": "NOT_SET"}}})
        errors = wrong(actions, actions.enable, row)
        row.refresh_from_db()

        assert "NOT_SET is not set" in errors["token"][0]
        assert not row.enabled

    def test_a_copy_is_disabled_and_has_no_secrets(self, actions, person):
        row = actions.create(
            {
                **SETTINGS,
                "auth": BASIC,
                "headers": {"X": "canary"},
                "allow": None,
                "enabled": True,
                "representatives": [person("representative")],
            }
        )
        actions.pause(row)
        copy = actions.clone(row, "copy")
        [exported] = actions.export([copy])

        assert exported == {**SETTINGS, "id": "copy", "enabled": False}
        assert copy.representatives.count() == 0
        assert not copy.paused

    def test_a_copy_of_what_match_params_allow_allows_nothing_else(self, actions):
        row = actions.create({**SETTINGS, "match_params": {"course_id": "edX"}, "allow": []})
        copy = actions.clone(row, "copy")

        row = actions.change(row, {"match_params": None})
        copy = actions.change(copy, {"match_params": None})
        assert [each["allow"] for each in actions.export([row, copy])] == [[], []]
        row = actions.change(row, {"match_params": {"course_id": "edX"}, "allow": None})
        assert actions.clone(row, "other").allows_everything

    def test_a_copy_of_what_waits_for_credentials_waits_too(self, actions):
        row = actions.register(SETTINGS, by=None, awaits_credentials=True)

        assert actions.clone(row, "copy").awaits_credentials

    def test_what_somebody_has_removed_meanwhile_is_refused(self, actions, person):
        """Also by those who have read it before."""
        from eventkit.contrib.django import plans
        from eventkit.contrib.django.models import Consumer

        row = actions.create({**SETTINGS, "enabled": True})
        tenant = actions.create_tenant("Gone", ["gone"])
        [plan] = plans.plans([{**SETTINGS, "allow": [{"org": "edX"}]}])
        actions.delete(Consumer.objects.get(pk=row.pk))
        actions.delete_tenant(type(tenant).objects.get(pk=tenant.pk))

        for action in (
            lambda: actions.change(row, {"note": "x"}),
            lambda: actions.change(row, {"note": "x"}, by=person("superuser")),
            lambda: actions.set_credentials(row, auth=BASIC),
            lambda: actions.enable(row),
            lambda: actions.disable(row),
            lambda: actions.pause(row),
            lambda: actions.resume(row),
            lambda: actions.delete(row),
            lambda: plans.carry_out([plan]),
            lambda: actions.change_tenant(tenant, name="x"),
            lambda: actions.delete_tenant(tenant),
        ):
            with pytest.raises(actions.Invalid, match="removed it"):
                action()
        assert [each.text for each in actions.validate(row, {"note": "x"})] == [
            "somebody has removed it"
        ]

    def test_what_is_removed_stays_in_the_trail(self, actions, trail):
        from eventkit.contrib.django.models import AuditEntry, Consumer

        row = actions.create(SETTINGS)
        actions.delete(row)

        assert Consumer.objects.count() == 0
        assert ("delete", "url", "https://lrs.example.org/xapi", "") in trail()
        assert set(AuditEntry.objects.values_list("consumer_slug", flat=True)) == {"lrs"}

    def test_trying_changes_nothing(self, actions, trail, version):
        row = actions.create(SETTINGS)
        trail()
        before = version()

        assert actions.validate(row, {"name": "New"}) == []
        assert [each.path for each in actions.validate(row, {"url": "x"})] == ["url"]
        assert [each.path for each in actions.validate(None, SETTINGS)] == ["id"]
        assert (version(), trail()) == (before, [])

    def test_the_trail_is_only_added_to(self, actions):
        from eventkit.contrib.django.models import AuditEntry

        actions.create(SETTINGS)
        entry = AuditEntry.objects.first()
        with pytest.raises(TypeError, match="stays"):
            entry.delete()
        with pytest.raises(TypeError, match="stays"):
            entry.save()


class TestGone:
    @pytest.fixture
    def row(self, actions):
        row = actions.create({**SETTINGS, "enabled": True})
        actions.mark_gone("lrs")
        row.refresh_from_db()
        return row

    def test_an_open_form_is_told(self, actions, row):
        """It shows a consumer that was not gone."""
        assert row.revision == 2
        assert "changed it" in wrong(actions, actions.change, row, {}, revision=1)["__all__"][0]

    @pytest.mark.parametrize(
        "changes",
        [
            {"note": "x"},
            {"url": SETTINGS["url"], "protocol": "xapi", "note": "x"},
            {"url": f"{SETTINGS['url']}/"},
            {"url": SETTINGS["url"], "enabled": True, "auth": BASIC},
        ],
    )
    def test_it_stays_so_at_the_same_address(self, actions, row, changes, trail):
        trail()
        assert actions.change(row, changes).gone_at == row.gone_at
        assert "gone" not in [field for _, field, _, _ in trail()]

    @pytest.mark.parametrize(
        "changes",
        [{"url": "https://other.example.org/xapi"}, {"url": "https://lrs.example.org/xapi/2"}],
    )
    def test_somewhere_else_it_may_be_there(self, actions, row, changes):
        assert actions.change(row, changes).gone_at is None


class TestKeptCredentials:
    @pytest.fixture
    def row(self, actions):
        return actions.create({**SETTINGS, "auth": BASIC, "headers": HEADERS})

    @staticmethod
    def opened(row):
        from eventkit.contrib.django.models import Consumer

        row = Consumer.objects.get(pk=row.pk)
        sealed = (row.credential.secrets, row.credential.headers)
        return tuple(each.open() if each is not None else {} for each in sealed)

    def test_a_value_stays_without_being_known(self, actions, row):
        kept = actions.KEPT
        changes = {"type": "basic", "username": "new", "password": kept}
        actions.change(row, {"auth": changes, "headers": {"X-Two": kept, "X-New": "n"}})

        assert self.opened(row) == (
            {"username": "new", "password": "canary"},
            {"X-Two": "canary-two", "X-New": "n"},
        )

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"auth": {"type": "bearer", "token": ...}}, "token"),
            ({"headers": {"X-Three": ...}}, "headers"),
        ],
    )
    def test_what_is_not_there_cannot_stay(self, actions, row, changes, field):
        [(key, given)] = changes.items()
        given = {name: actions.KEPT if value is ... else value for name, value in given.items()}

        assert (
            "none that could be kept" in wrong(actions, actions.change, row, {key: given})[field][0]
        )

    @pytest.mark.parametrize("key", ["auth", "headers"])
    def test_where_no_key_fits_only_what_stays_need_be_entered(self, actions, settings_with, key):
        """What is replaced is not opened."""
        from cryptography.fernet import Fernet

        given = {"auth": BASIC, "headers": HEADERS}
        one = actions.create({**SETTINGS, "id": "one", key: given[key]})
        both = actions.create({**SETTINGS, "id": "both", **given})
        with settings_with(KEYS=[Fernet.generate_key().decode()]):
            actions.set_credentials(one, **{key: given[key]})
            assert given[key] == {"auth": {"type": "basic"}, "headers": {}}[key] | dict(
                self.opened(one)[key == "headers"]
            )
            error = wrong(actions, actions.set_credentials, both, **{key: given[key]})
            assert "enter them anew" in error["headers" if key == "auth" else "auth_type"][0]
            actions.set_credentials(both, **given)
            assert actions.change(both, {"note": "x"}).note == "x"


class TestTenants:
    @pytest.fixture
    def lakeside(self, admin_site):
        from eventkit.contrib.django.models import Tenant

        return Tenant.objects.get(name="Lakeside")

    @pytest.mark.parametrize(
        ("allow", "is_fine"),
        [
            ([{"org": "Lakeside"}], True),
            ([{"org": "lakeside"}], True),
            ([{"course": "course-v1:Lakeside+*"}], True),
            ([{"course": "Lakeside/A/1"}], True),
            ([{"event": "problem_check"}], True),
            (None, True),
            ([{"org": "Lakeside", "course": "*"}], True),
            ([{"org": ["Lakeside", "edX"]}], False),
            ([{"org": "Lake*"}], False),
            ([{"org": "re:Lakeside"}], False),
            ([{"course": "*"}], False),
            ([{"course": "course-v1:*"}], False),
            ([{"course": "course-v1:Lake*+A+1"}], False),
            ([{"course": "course-v1:edX+A+1"}], False),
            ([{"course": "re:course-v1:Lakeside.*"}], False),
            ([{"context.org_id": "edX"}], False),
        ],
    )
    def test_rules_stay_within_their_organisations(self, actions, lakeside, allow, is_fine):
        pytest.importorskip("re2")
        given = {**SETTINGS, "tenant": lakeside, "allow": allow}
        if is_fine:
            actions.create(given)
        else:
            assert "beyond the organisations" in wrong(actions, actions.create, given)["rules"][0]

    @pytest.mark.parametrize(
        "given", [[], [""], ["a b"], ["edX*"], ["a/b"], ["re:x"], [3], ["a+b"], ["a\n"]]
    )
    def test_what_is_no_organisation(self, actions, given):
        errors = wrong(actions, actions.create_tenant, "T", given)

        assert errors["organisations"]

    def test_one_with_consumers_stays(self, actions, lakeside):
        """Or they would be without a boundary."""
        actions.create({**SETTINGS, "tenant": lakeside})

        assert "has consumers" in wrong(actions, actions.delete_tenant, lakeside)["__all__"][0]

    def test_who_is_bound_makes_only_what_is_bound(self, actions, lakeside, person):
        """To their tenant, to the public internet, and without the server's own secrets."""
        by = person("tenant administrator")
        row = actions.create({**SETTINGS, "public_only": False}, by=by)
        other = actions.create_tenant("Other", ["edX"])
        place = {"type": "bearer", "token": {"env": "PATH"}}

        assert row.tenant == lakeside
        assert row.public_only
        assert wrong(actions, actions.create, {**SETTINGS, "id": "b", "tenant": other}, by=by)
        assert "place" in wrong(actions, actions.change, row, {"auth": place}, by=by)["token"][0]
        headers = {"X-Secret": {"file": "/etc/hostname"}}
        assert (
            "place"
            in wrong(actions, actions.change, row, {"headers": headers}, by=by)["headers"][0]
        )
        assert (
            "loopback"
            in wrong(actions, actions.change, row, {"url": "https://[::1]"}, by=by)["url"][0]
        )
        assert actions.change(row, {"public_only": False}, by=by).public_only
        assert wrong(actions, actions.change, row, {"tenant": None}, by=by)["tenant"]

    def test_secrets_of_others_are_not_sent_to_an_address_of_ones_own(
        self, actions, lakeside, person
    ):
        by = person("tenant administrator")
        row = actions.create({**SETTINGS, "tenant": lakeside, "auth": BASIC})
        url = "https://mine.example.org/xapi"
        errors = wrong(actions, actions.change, row, {"url": url}, by=by)
        assert "give the credentials for it again" in errors["url"][0]

        kept = {"type": "basic", "username": "x", "password": actions.KEPT}
        errors = wrong(actions, actions.change, row, {"url": url, "auth": kept}, by=by)
        assert "give the credentials for it again" in errors["url"][0]
        caliper = {"protocol": "caliper", "sensor": "urn:x", "auth": kept}
        assert wrong(actions, actions.change, row, caliper, by=by)["url"]
        own = {**BASIC, "password": "own"}
        actions.change(row, {"headers": {"X-One": "canary", "X-Two": "canary"}})
        for headers in ({}, {"headers": {"X-One": "own", "X-Two": actions.KEPT}}):
            errors = wrong(
                actions, actions.change, row, {"url": url, "auth": own, **headers}, by=by
            )
            assert "give the credentials for it again" in errors["url"][0]
        actions.change(row, {"headers": {}})

        row = actions.change(row, {"url": url, "auth": own}, by=by)
        assert row.url == url
        assert actions.change(row, {"url": f"{url}/"}, by=by).url == f"{url}/"

    def test_an_inner_address_that_the_site_gave_stays(self, actions, lakeside, person):
        """Staff of the tenant change what else there is; another inner one they give not."""
        by = person("tenant administrator")
        url = "https://lrs.internal/xapi"
        row = actions.create({**SETTINGS, "tenant": lakeside, "url": url})
        posted = {"url": url, "protocol": "xapi", "public_only": False}
        row = actions.change(row, {**posted, "note": "ours"}, by=by)
        assert (row.note, row.public_only) == ("ours", False)

        other = {**posted, "url": "https://other.internal/xapi"}
        assert wrong(actions, actions.change, row, other, by=by)["url"]
        assert actions.change(row, {**posted, "url": "https://a.example.org"}, by=by).public_only


def test_all_lock_in_one_order(actions):
    """The version first, or two would wait for each other: a person who pauses, and a router."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    row = actions.create({**SETTINGS, "enabled": True})
    for act in (lambda: actions.mark_gone("lrs"), lambda: actions.pause(row)):
        with CaptureQueriesContext(connection) as asked:
            act()
        locking = [
            each["sql"]
            for each in asked.captured_queries
            if each["sql"].startswith("UPDATE") or "FOR UPDATE" in each["sql"]
        ]
        assert "eventkit_version" in locking[0]


@pytest.mark.parametrize("how", ["delete", "move"])
def test_words_of_a_receiver_stay_with_whom_they_were_said_to(actions, how):
    """They may quote events of its tenant; who has the id next does not read them."""
    from django.utils import timezone

    from eventkit.contrib.django.models import Presence, Report

    former = actions.create_tenant("Former", ["FarX"])
    row = actions.create({**SETTINGS, "tenant": former})
    now = timezone.now()
    Presence.objects.create(
        process="p", host="h", consumer_slug="lrs", state="ok", error_detail="canary", seen=now
    )
    Report.objects.create(process="p", host="h", consumer_slug="lrs", minute=now, delivered=1)
    if how == "delete":
        actions.delete(row)
    else:
        actions.change(row, {"tenant": actions.create_tenant("Next", ["NextX"])})

    assert not Presence.objects.filter(consumer_slug="lrs").exists()
    assert not Report.objects.filter(consumer_slug="lrs").exists()
