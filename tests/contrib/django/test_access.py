"""Who may do what, and who sees what."""

from __future__ import annotations

import pytest

pytest.importorskip("django")

pytestmark = pytest.mark.databases

MAY = {
    "learner": set(),
    "representative": set(),
    "viewer": {"view", "export", "try", "view_audit", "view_delivery"},
}
MAY["operator"] = MAY["viewer"] | {"pause", "resume", "test", "replay", "view_letters"}
MAY["tenant administrator"] = MAY["operator"] | {
    *("add", "change", "delete", "enable", "import", "set_credentials"),
    *("drop_letters", "view_requests", "decide"),
}
MAY["administrator"] = MAY["tenant administrator"] | {"change_tenant"}


@pytest.fixture
def access(admin_site):
    from eventkit.contrib.django import access

    return access


@pytest.fixture
def person(admin_site):
    from admin_site import roles

    return roles.user


@pytest.fixture
def tenant(admin_site):
    """That of the tenant administrator; as it was before, on all databases."""
    from eventkit.contrib.django.models import Tenant

    row = Tenant.objects.get(name="Lakeside")
    yield row
    Tenant.objects.filter(pk=row.pk).update(organisations=["Lakeside"])


@pytest.fixture
def consumers(tenant):
    """One of the tenant, one of another one, one of nobody."""
    from eventkit.contrib.django import actions

    other = actions.create_tenant("Other", ["edX"])
    made = {"own": tenant, "other": other, "none": None}
    return {
        name: actions.create(
            {"id": name, "protocol": "xapi", "url": "https://a.example.org/", "tenant": whose}
        )
        for name, whose in made.items()
    }


@pytest.mark.parametrize("role", MAY)
def test_each_role_may_what_it_is_for(access, person, role):
    user = person(role)

    assert {action for action in access.ACTIONS if access.may(user, action)} == MAY[role]


@pytest.mark.parametrize("role", MAY)
def test_a_query_gives_what_may_be_viewed(access, person, consumers, role):
    """The list and the single look never disagree."""
    user = person(role)
    listed = {row.slug for row in access.consumers(user)}
    single = {row.slug for row in consumers.values() if access.may(user, "view", row)}
    expected = {"tenant administrator": {"own"}, "learner": set(), "representative": set()}

    assert listed == single == expected.get(role, set(consumers))


def test_who_belongs_to_nobody_sees_nothing(access, person, consumers):
    """The permissions alone are not enough."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.create_user("newcomer")
    user.user_permissions.set(person("tenant administrator").user_permissions.all())

    assert list(access.consumers(user)) == []
    assert access.organisations(user) == frozenset()
    assert not any(access.may(user, "change", row) for row in consumers.values())


def test_who_is_not_active_may_nothing(access, person, consumers):
    user = person("superuser")
    user.is_active = False

    assert not any(access.may(user, action) for action in access.ACTIONS)
    assert not access.represented(user).exists()
    assert not access.sees_all(user)


def test_nobody_in_particular_may_nothing(access, consumers):
    from django.contrib.auth.models import AnonymousUser

    user = AnonymousUser()

    assert not any(access.may(user, action, consumers["own"]) for action in access.ACTIONS)
    for found in (access.consumers, access.letters, access.audit, access.replays, access.requests):
        assert list(found(user)) == []
    assert list(access.presences(user)) == list(access.reports(user)) == []
    assert list(access.represented(user)) == list(access.tenants(user)) == []


def test_an_action_that_there_is_not(access, person):
    with pytest.raises(ValueError, match="unknown action 'fly'"):
        access.may(person("superuser"), "fly")
    assert not access.may(person("tenant administrator"), "view", object())


def test_letters_of_own_organisations_and_no_others(access, person, consumers, tenant):
    """Also where a consumer was of somebody else when the letter was written."""
    from django.utils import timezone

    from eventkit.contrib.django import actions
    from eventkit.contrib.django.fields import Sealed
    from eventkit.contrib.django.models import Letter

    actions.change_tenant(tenant, organisations=["Lakeside", "Hill"])
    named = [
        ("own", "lakeside"),
        ("own", "hill lakeside"),
        ("", "lakeside"),
        ("own", ""),
        ("own", "edx"),
        ("own", "edx lakeside"),
        ("other", "lakeside"),
        ("none", "lakeside"),
        ("", ""),
        ("", "edx lakeside"),
    ]
    for number, (slug, org) in enumerate(named):
        Letter.objects.create(
            letter_id=str(number),
            consumer_slug=slug,
            org=org,
            reason="x",
            time=timezone.now(),
            body=Sealed.of({}),
        )
    seen = access.letters(person("tenant administrator"))

    assert {each.letter_id for each in seen} == {"0", "1", "2"}
    assert access.letters(person("operator")).count() == len(named)
    assert access.letters(person("viewer")).count() == 0
    assert actions.drop_letters(map(str, range(10)), by=person("tenant administrator")) == 3
    assert Letter.objects.count() == 7


def test_the_trail_of_own_consumers_stays_when_they_go(access, person, consumers, tenant):
    """And does not come along with a consumer of somebody else."""
    from eventkit.contrib.django import actions

    user = person("tenant administrator")
    actions.change(consumers["other"], {"tenant": tenant})
    actions.delete(consumers["own"])
    seen = {(each.consumer_slug, each.action) for each in access.audit(user)}

    assert seen == {("own", "create"), ("own", "delete"), ("other", "change")}


def test_representatives_look_after_their_own(access, person, consumers):
    """And nothing else, without being staff; what they do is done as theirs."""
    from django.core.exceptions import PermissionDenied

    from eventkit.contrib.django import actions

    user = person("representative")
    row = actions.change(consumers["other"], {"representatives": [user]})

    assert list(access.represented(user)) == [row]
    assert list(access.consumers(user)) == []
    allowed = {action for action in access.ACTIONS if access.may(user, action, row)}
    assert allowed == {
        *("view", "pause_own", "resume_own", "test", "set_credentials", "view_delivery")
    }
    actions.set_credentials(row, auth={"type": "bearer", "token": "own"}, by=user)
    for action in (actions.enable, actions.pause, actions.delete):
        with pytest.raises(PermissionDenied):
            action(row, by=user)
    with pytest.raises(PermissionDenied):
        actions.set_credentials(consumers["none"], auth={"type": "none"}, by=user)
    with pytest.raises(actions.Invalid, match="you may not name a place"):
        actions.set_credentials(row, auth={"type": "bearer", "token": {"env": "HOME"}}, by=user)


def test_every_action_asks(access, person, consumers, tenant):
    """For who may not, and for who may elsewhere."""
    from django.core.exceptions import PermissionDenied

    from eventkit.contrib.django import actions
    from eventkit.contrib.django.models import AuditEntry, Version

    other = consumers["other"]
    calls = [
        lambda by: actions.change(other, {"name": "x"}, by=by),
        lambda by: actions.set_credentials(other, auth={"type": "none"}, by=by),
        lambda by: actions.enable(other, by=by),
        lambda by: actions.disable(other, by=by),
        lambda by: actions.pause(other, by=by),
        lambda by: actions.resume(other, by=by),
        lambda by: actions.clone(other, "copy", by=by),
        lambda by: actions.delete(other, by=by),
        lambda by: actions.export([other], by=by),
        lambda by: actions.validate(other, {"name": "x"}, by=by),
        lambda by: actions.create_tenant("x", ["x"], by=by),
        lambda by: actions.change_tenant(tenant, name="x", by=by),
        lambda by: actions.delete_tenant(tenant, by=by),
    ]
    before = (AuditEntry.objects.count(), Version.objects.get().stamp)
    for call in calls:
        for role in ("learner", "representative", "tenant administrator"):
            with pytest.raises(PermissionDenied):
                call(person(role))
    for call in (actions.drop_letters, actions.request_replay):
        with pytest.raises(PermissionDenied):
            call([], by=person("viewer"))
    with pytest.raises(PermissionDenied):
        actions.create({}, by=person("operator"))

    assert (AuditEntry.objects.count(), Version.objects.get().stamp) == before
