"""The Python API of requests: asking, limits, deciding, tenancy, what comes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

pytest.importorskip("django")

ORG = "Lakeside"


@pytest.fixture
def people(admin_site):
    from admin_site import roles

    return roles.user


@pytest.fixture
def ask(people):
    """Ask as the representative; what is given replaces what is usual."""
    from eventkit.contrib.django.portal import asking
    from eventkit.contrib.django.portal.wanted import Wanted

    def make(by=None, **given):
        wanted = Wanted(
            given.pop("courses", [f"course-v1:{ORG}+A+2026"]),
            given.pop("organisations", []),
            given.pop("events", ["problem_check"]),
        )
        usual = {
            "organisation": "Analytics Ltd",
            "contact": "team@example.org",
            "why": "We study who drops out.",
            "protocol": "xapi",
            "url": "https://lrs.example.com/xapi",
            "auth_type": "none",
        }
        return asking.ask(wanted, by=by or people("representative"), **{**usual, **given})

    return make


def running():
    """Give the consumers as a router gets them."""
    from eventkit.contrib.django import rows
    from eventkit.contrib.django.models import Consumer

    found = Consumer.objects.select_related(*rows.WITH_ONE).prefetch_related(*rows.WITH)
    return {row.slug: rows.settings_of(row) for row in found}


def event(course=f"course-v1:{ORG}+A+2026", org=ORG, name="problem_check"):
    return {"name": name, "context": {"course_id": course, "org_id": org, "user_id": 7}}


@pytest.mark.databases
class TestAsk:
    def test_makes_nothing_but_a_request(self, ask):
        from eventkit.contrib.django.models import AuditEntry, Consumer

        row = ask(courses=[f"course-v1:{ORG}+A+*"], organisations=["edX"])

        assert row.state == "waiting"
        assert row.scope == "edx lakeside"
        assert not Consumer.objects.exists()
        assert AuditEntry.objects.filter(action="request_access", who=row.who).exists()

    @pytest.mark.parametrize(
        ("given", "field", "said"),
        [
            ({"url": "http://lrs.example.com/xapi"}, "url", "https"),
            ({"url": "file:/etc/passwd"}, "url", "https"),
            ({"url": "log:events"}, "url", "https"),
            ({"url": "FILE:/etc/passwd"}, "url", "https"),
            ({"url": "ftp://example.com"}, "url", "https"),
            ({"url": "//example.com"}, "url", "https"),
            ({"url": ""}, "url", ""),
            ({"url": "https://"}, "url", "no host"),
            ({"url": "https://u:p@example.com/xapi"}, "url", "not hold credentials"),
            ({"url": "https://example.com/xapi?token=1"}, "url", "no query"),
            ({"url": "https://example.com/xapi/statements"}, "url", "leave /statements out"),
            ({"url": "https://localhost/xapi"}, "url", "localhost"),
            ({"url": "https://127.0.0.1/xapi"}, "url", "loopback"),
            ({"url": "https://127.1/xapi"}, "url", "loopback"),
            ({"url": "https://0x7f000001/xapi"}, "url", "loopback"),
            ({"url": "https://2130706433/xapi"}, "url", "loopback"),
            ({"url": "https://[::1]/xapi"}, "url", ""),
            ({"url": "https://[::ffff:10.0.0.1]/xapi"}, "url", "private"),
            ({"url": "https://10.1.2.3/xapi"}, "url", "private"),
            ({"url": "https://169.254.169.254/latest/meta-data"}, "url", "link-local"),
            ({"url": "https://metadata.internal/xapi"}, "url", ""),
            ({"url": "https://" + "a" * 2000 + ".example.com"}, "url", ""),
            ({"protocol": "smtp"}, "protocol", ""),
            ({"auth_type": "cookie"}, "auth_type", ""),
            ({"organisation": ""}, "organisation", ""),
            ({"organisation": "x" * 201}, "organisation", ""),
            ({"organisation": "A\nB"}, "organisation", "one line"),
            ({"organisation": "abc\u202edef"}, "organisation", "one line"),
            ({"contact": "nobody"}, "contact", ""),
            ({"contact": "a@example.org\nBcc: b@example.org"}, "contact", ""),
            ({"why": ""}, "why", ""),
            ({"why": "x" * 4001}, "why", ""),
            ({"why": "a\u202eb"}, "why", "ordinary"),
            ({"courses": []}, "courses", "at least one"),
            ({"courses": ["edX+*"]}, "courses", "did you mean"),
            ({"courses": ["re:.*"]}, "courses", "regular expression"),
            ({"events": []}, "families", "at least one kind"),
            ({"events": ["play_vidoe"]}, "events", "did you mean"),
            ({"organisations": ["a b"]}, "organisations", "one word"),
        ],
    )
    def test_says_what_is_wrong_beside_its_field(self, ask, given, field, said):
        from eventkit.contrib.django.models import AccessRequest
        from eventkit.contrib.django.validation import Invalid

        with pytest.raises(Invalid) as caught:
            ask(**given)

        found = [each for each in caught.value.found if each.path == field]
        assert found, caught.value
        assert said in found[0].text
        assert not AccessRequest.objects.exists()

    def test_a_host_that_the_site_allows_may_be_in_its_own_network(self, ask):
        from django.test import override_settings

        portal = {"PORTAL": {"ALLOW_HOSTS": ["lrs.internal"]}}
        with override_settings(EVENTKIT_ADMIN=portal):
            assert ask(url="https://LRS.internal/xapi").state == "waiting"

    def test_so_many_may_wait_and_no_more(self, ask, people):
        from django.core.exceptions import PermissionDenied
        from django.test import override_settings

        from eventkit.contrib.django.portal import asking

        with override_settings(EVENTKIT_ADMIN={"PORTAL": {"OPEN_REQUESTS": 2}}):
            first = ask()
            ask()
            with pytest.raises(PermissionDenied, match="2 requests that wait"):
                ask()
            assert ask(by=people("learner")).state == "waiting"

            asking.withdraw(first, by=first.who)
            assert ask().state == "waiting"

    def test_many_at_once_are_no_more_than_one_may_have(self, ask, people):
        from concurrent.futures import ThreadPoolExecutor

        from django.core.exceptions import PermissionDenied
        from django.db import OperationalError, connections
        from django.test import override_settings

        from eventkit.contrib.django.models import AccessRequest

        somebody = people("representative")

        def one(_):
            try:
                ask(by=somebody)
            except (PermissionDenied, OperationalError):
                # SQLite may say that it is busy, to who reads before writing.
                return False
            finally:
                connections.close_all()
            return True

        with (
            override_settings(EVENTKIT_ADMIN={"PORTAL": {"OPEN_REQUESTS": 2}}),
            ThreadPoolExecutor(6) as threads,
        ):
            sent = sum(threads.map(one, range(6)))

        assert 1 <= AccessRequest.objects.count() == sent <= 2

    def test_nor_may_anybody_send_many_a_day_by_withdrawing_them(self, ask, people):
        from django.core.exceptions import PermissionDenied

        from eventkit.contrib.django.models import AccessRequest
        from eventkit.contrib.django.portal import asking

        for _ in range(asking.MOST_A_DAY):
            row = ask()
            asking.withdraw(row, by=row.who)
        with pytest.raises(PermissionDenied, match="within a day"):
            ask()

        earlier = row.created - timedelta(days=1, minutes=1)
        AccessRequest.objects.filter(pk=row.pk).update(created=earlier)
        assert ask().state == "waiting"

    def test_only_with_the_permission_where_the_site_wants_it(self, ask, people):
        from django.contrib.auth.models import Permission
        from django.core.exceptions import PermissionDenied
        from django.test import override_settings

        with override_settings(EVENTKIT_ADMIN={"PORTAL": {"REQUIRE_PERMISSION": True}}):
            with pytest.raises(PermissionDenied, match="may not ask"):
                ask()
            permission = Permission.objects.get(codename="add_accessrequest")
            people("representative").user_permissions.add(permission)
            assert ask().state == "waiting"

    @pytest.mark.parametrize("kind", ["nobody", "inactive"])
    def test_not_without_an_account(self, ask, people, kind):
        from django.contrib.auth.models import AnonymousUser
        from django.core.exceptions import PermissionDenied

        somebody = AnonymousUser()
        if kind == "inactive":
            somebody = people("learner")
            somebody.is_active = False
        with pytest.raises(PermissionDenied):
            ask(by=somebody)


@pytest.mark.databases
class TestWithdraw:
    def test_is_for_who_asked_and_for_what_waits(self, ask, people):
        from django.core.exceptions import PermissionDenied

        from eventkit.contrib.django.portal import asking

        row = ask()
        for other in ("learner", "superuser"):
            with pytest.raises(PermissionDenied):
                asking.withdraw(row, by=people(other))
        assert asking.withdraw(row, by=people("representative")).state == "withdrawn"
        with pytest.raises(asking.AlreadyDecided):
            asking.withdraw(row, by=people("representative"))
        with pytest.raises(asking.AlreadyDecided):
            asking.approve(row, "x", by=people("administrator"))


@pytest.mark.databases
class TestApprove:
    def test_makes_a_consumer_that_gets_what_was_asked_for_and_no_more(self, ask, people):
        from eventkit import Consumer
        from eventkit.contrib.django.portal import asking

        row = ask()
        made = asking.approve(row, "analytics", by=people("administrator"), reason="Fine.")

        row.refresh_from_db()
        assert (row.state, row.consumer, row.reason) == ("approved", made, "Fine.")
        assert row.decided_by == people("administrator")
        assert made.from_portal
        assert list(made.representatives.all()) == [people("representative")]
        settings = running()["analytics"]
        assert settings["enabled"]
        assert settings["public_only"]
        consumer = Consumer.from_dict(settings)
        assert consumer.accepts(event())
        assert not consumer.accepts(event(name="play_video"))
        assert not consumer.accepts(event("course-v1:Lakeside+B+2026"))

    def test_gives_nothing_before_there_are_the_credentials_that_it_wants(self, ask, people):
        from eventkit.contrib.django import actions
        from eventkit.contrib.django.portal import asking

        made = asking.approve(ask(auth_type="bearer"), "a", by=people("administrator"))
        assert not running()["a"]["enabled"]

        # Nothing else than credentials will do.
        actions.change(made, {"name": "Another"}, by=people("administrator"))
        actions.enable(made, by=people("administrator"))
        actions.resume(made, by=people("administrator"))
        actions.set_credentials(made, auth={"type": "none"}, by=people("representative"))
        actions.set_credentials(made, headers={"X-Site": "a"}, by=people("representative"))
        assert not running()["a"]["enabled"]

        auth = {"type": "bearer", "token": "t0ken"}
        actions.set_credentials(made, auth=auth, by=people("representative"))
        settings = running()["a"]
        assert settings["enabled"]
        assert settings["auth"]["token"].reveal() == "t0ken"

    def test_narrowed_it_has_what_is_left_and_says_what_was_asked(self, ask, people):
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.portal.wanted import Wanted

        row = ask(courses=["course-v1:*"], events=["*"])
        less = Wanted([f"course-v1:{ORG}+A+2026"], [], ["problem_check"])
        asking.narrow(row, less, by=people("administrator"))
        asking.approve(row, "a", by=people("administrator"))

        row.refresh_from_db()
        assert asking.wanted_of(row) == less
        assert asking.asked_of(row) == Wanted(["course-v1:*"], [], ["*"])
        assert running()["a"]["allow"] == [
            {"course": [f"course-v1:{ORG}+A+2026"], "event": ["problem_check"]}
        ]

    def test_once(self, ask, people):
        from eventkit.contrib.django.models import Consumer
        from eventkit.contrib.django.portal import asking

        row = ask()
        asking.approve(row, "a", by=people("administrator"))
        with pytest.raises(asking.AlreadyDecided, match="approved already"):
            asking.approve(row, "b", by=people("administrator"))
        with pytest.raises(asking.AlreadyDecided):
            asking.refuse(row, "no", by=people("administrator"))
        assert Consumer.objects.count() == 1

    def test_asks_again_whether_the_address_may_be(self, ask, people):
        """The site may have allowed it when it was asked for, and not any more."""
        from django.test import override_settings

        from eventkit.contrib.django.models import Consumer
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.validation import Invalid

        with override_settings(EVENTKIT_ADMIN={"PORTAL": {"ALLOW_HOSTS": ["lrs.internal"]}}):
            row = ask(url="https://lrs.internal/xapi")
        with pytest.raises(Invalid):
            asking.approve(row, "a", by=people("administrator"))
        row.refresh_from_db()
        assert row.state == "waiting"
        assert not Consumer.objects.exists()

    def test_an_id_that_is_taken_changes_nothing(self, ask, people):
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.validation import Invalid

        asking.approve(ask(), "a", by=people("administrator"))
        row = ask()
        with pytest.raises(Invalid, match="already"):
            asking.approve(row, "A", by=people("administrator"))
        row.refresh_from_db()
        assert row.state == "waiting"
        assert asking.suggested_slug(row) == "analytics-ltd"

    def test_not_for_an_account_that_is_switched_off(self, ask, people):
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.validation import Invalid

        somebody = type(people("learner")).objects.create_user("somebody")
        row = ask(by=somebody)
        somebody.is_active = False
        somebody.save()
        with pytest.raises(Invalid, match="switched off"):
            asking.approve(row, "a", by=people("administrator"))

    @pytest.mark.parametrize("role", ["learner", "representative", "viewer", "operator"])
    def test_takes_the_permission(self, ask, people, role):
        from django.core.exceptions import PermissionDenied

        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.portal.wanted import Wanted

        row = ask()
        for act in (
            lambda: asking.approve(row, "a", by=people(role)),
            lambda: asking.refuse(row, "no", by=people(role)),
            lambda: asking.narrow(row, Wanted(["course-v1:edX+A+B"], [], ["*"]), by=people(role)),
        ):
            with pytest.raises(PermissionDenied):
                act()


@pytest.mark.databases
class TestRefuse:
    def test_takes_a_reason(self, ask, people):
        from eventkit.contrib.django.models import Consumer
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.validation import Invalid

        row = ask()
        with pytest.raises(Invalid, match="Say why"):
            asking.refuse(row, " \n", by=people("administrator"))
        assert asking.refuse(row, "Too much.", by=people("administrator")).reason == "Too much."
        assert not Consumer.objects.exists()


@pytest.mark.databases
class TestTenancy:
    """The tenant administrator may decide what is of Lakeside, and nothing else."""

    @pytest.mark.parametrize(
        ("courses", "organisations", "is_seen"),
        [
            (["course-v1:Lakeside+A+2026"], [], True),
            (["course-v1:lakeside+*"], ["LAKESIDE"], True),
            (["course-v1:Lakeside+A+2026", "course-v1:edX+A+B"], [], False),
            (["course-v1:Lakeside+A+2026"], ["edX"], False),
            ([], ["edX"], False),
            ([], ["*"], False),
            (["course-v1:Lakesid?+A+2026"], [], False),
            (["course-v1:*"], ["Lakeside"], False),
        ],
    )
    def test_what_reaches_beyond_is_not_seen_nor_decided(
        self, ask, people, courses, organisations, is_seen
    ):
        from django.core.exceptions import PermissionDenied

        from eventkit.contrib.django import access
        from eventkit.contrib.django.portal import asking

        row = ask(courses=courses, organisations=organisations)
        staff = people("tenant administrator")

        assert access.requests(staff).filter(pk=row.pk).exists() is is_seen
        if is_seen:
            assert asking.approve(row, "a", by=staff).tenant.name == "Lakeside"
        else:
            for act in (
                lambda: asking.approve(row, "a", by=staff),
                lambda: asking.refuse(row, "no", by=staff),
                lambda: asking.narrow(row, asking.wanted_of(row), by=staff),
            ):
                with pytest.raises(PermissionDenied):
                    act()

    @pytest.mark.parametrize(
        "wanted",
        [
            (["course-v1:edX+A+B"], [], ["*"]),
            (["course-v1:Lakeside+A+2026"], ["edX"], ["*"]),
            (["course-v1:*"], [], ["*"]),
            ([], ["*"], ["*"]),
        ],
    )
    def test_it_cannot_be_widened_beyond(self, ask, people, wanted):
        from eventkit.contrib.django.models import Consumer
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.portal.wanted import Wanted
        from eventkit.contrib.django.validation import Invalid

        row = ask()
        staff = people("tenant administrator")
        with pytest.raises(Invalid, match="beyond"):
            asking.narrow(row, Wanted(*wanted), by=staff)
        with pytest.raises(Invalid, match="beyond"):
            asking.approve(row, "a", by=staff, wanted=Wanted(*wanted))
        row.refresh_from_db()
        assert row.courses == ["course-v1:Lakeside+A+2026"]
        assert not Consumer.objects.exists()

    def test_nor_be_given_to_a_tenant_that_is_not_theirs(self, ask, people):
        from eventkit.contrib.django import actions
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.validation import Invalid

        other = actions.create_tenant("Other", ["Lakeside", "edX"])
        with pytest.raises(Invalid, match="your own"):
            asking.approve(ask(), "a", by=people("tenant administrator"), tenant=other)

    def test_what_came_of_it_is_bounded_at_routing_too(self, ask, people):
        """Whatever its rules say: here they are changed past all checks."""
        from eventkit import Consumer
        from eventkit.contrib.django.models import Rule
        from eventkit.contrib.django.portal import asking

        made = asking.approve(ask(), "a", by=people("tenant administrator"))
        Rule.objects.filter(consumer=made).delete()
        Rule.objects.create(consumer=made, field="event", patterns=["*"])

        consumer = Consumer.from_dict(running()["a"])
        assert consumer.accepts(event())
        assert not consumer.accepts(event("course-v1:edX+A+B", "edX"))
        assert not consumer.accepts({"name": "problem_check", "context": {"user_id": 7}})

    def test_what_became_of_it_is_in_their_audit_trail(self, ask, people):
        from eventkit.contrib.django import access
        from eventkit.contrib.django.portal import asking

        staff = people("tenant administrator")
        asking.refuse(ask(), "Not now.", by=staff)
        asking.refuse(ask(organisations=["edX"]), "Not now.", by=people("administrator"))

        trail = access.audit(staff).filter(action="refuse_request", field="reason")
        assert [(each.who, each.new) for each in trail] == [(staff, "Not now.")]

    def test_a_request_within_two_of_their_tenants_and_in_neither_is_not_theirs(self, ask, people):
        from eventkit.contrib.django import access, actions

        staff = people("tenant administrator")
        actions.create_tenant("Hillside", ["Hillside"], users=[staff])
        row = ask(courses=["course-v1:Lakeside+A+2026", "course-v1:Hillside+A+2026"])

        assert not access.requests(staff).filter(pk=row.pk).exists()

    def test_who_sees_all_may_bound_it_by_a_tenant(self, ask, people):
        from eventkit.contrib.django.models import Tenant
        from eventkit.contrib.django.portal import asking
        from eventkit.contrib.django.validation import Invalid

        tenant = Tenant.objects.get(name="Lakeside")
        with pytest.raises(Invalid, match="beyond the organisations of Lakeside"):
            asking.approve(
                ask(organisations=["edX"]), "a", by=people("administrator"), tenant=tenant
            )
        asking.approve(ask(), "b", by=people("administrator"), tenant=tenant)
        assert running()["b"]["orgs"] == ["Lakeside"]


@pytest.mark.databases
class TestPauses:
    """That of the site and that of the representatives are two."""

    @pytest.fixture
    def consumer(self, ask, people):
        from eventkit.contrib.django.portal import asking

        return asking.approve(ask(), "a", by=people("administrator"))

    def test_neither_takes_back_the_other(self, consumer, people):
        from eventkit.contrib.django import actions

        def is_paused():
            return running()["a"].get("paused", False)

        staff, own = people("operator"), people("representative")
        actions.pause(consumer, by=staff)
        actions.pause(consumer, by=own, as_representative=True)
        actions.resume(consumer, by=own, as_representative=True)
        assert is_paused()

        actions.pause(consumer, by=own, as_representative=True)
        actions.resume(consumer, by=staff)
        assert is_paused()
        actions.resume(consumer, by=own, as_representative=True)
        assert not is_paused()

        actions.pause(consumer, by=own, as_representative=True)
        assert is_paused()
        # There is none of the site: that of the representatives is meant.
        actions.resume(consumer, by=staff)
        assert not is_paused()

    def test_a_representative_has_no_part_in_that_of_the_site(self, consumer, people):
        from django.core.exceptions import PermissionDenied

        from eventkit.contrib.django import actions

        own = people("representative")
        for act in (actions.pause, actions.resume, actions.disable, actions.enable):
            with pytest.raises(PermissionDenied):
                act(consumer, by=own)
        for other in ("learner", "operator"):
            with pytest.raises(PermissionDenied):
                actions.pause(consumer, by=people(other), as_representative=True)

    def test_resuming_does_not_enable(self, consumer, people):
        from eventkit.contrib.django import actions

        actions.disable(consumer, by=people("administrator"))
        actions.resume(consumer, by=people("representative"), as_representative=True)
        assert not running()["a"]["enabled"]

    def test_both_are_in_the_audit_trail(self, consumer, people):
        from eventkit.contrib.django import actions
        from eventkit.contrib.django.models import AuditEntry

        actions.pause(consumer, by=people("representative"), as_representative=True)
        entry = AuditEntry.objects.filter(consumer=consumer, action="pause_own").get()
        assert (entry.field, entry.new) == ("paused_by_representative", "true")
        assert entry.who == people("representative")


class TestDocumentation:
    def test_the_program_of_the_how_to_decides_as_it_says(self, ask, root):
        import re

        page = (root / "docs" / "how-tos" / "consumer-portal.md").read_text("utf-8")
        program = re.search(r"<!-- test: file=decide.py -->\n```python\n(.*?)```", page, re.DOTALL)[
            1
        ]
        first = ask(courses=["course-v1:edX+DemoX+2026"])
        second = ask(courses=[], organisations=["*"])
        third = ask()
        exec(program, {})

        for row in (first, second, third):
            row.refresh_from_db()
        assert [row.state for row in (first, second, third)] == ["approved", "waiting", "refused"]
        assert second.organisations == ["edX"]
