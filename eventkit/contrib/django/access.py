"""
Who may do what, and who sees what.

What somebody may do at all are Django's permissions, given one by one or by the groups of `ROLES`.
Where they may do it is tenancy: staff see the consumers, events and letters of the tenants that
they belong to, and all of them only with the permission ``eventkit.all_organisations`` (superusers
have all). Who belongs to no tenant and does not have it sees nothing. A representative may look
after the consumers that name them, without being staff.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import combinations
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from eventkit.contrib.django.models import (
    AccessRequest,
    AuditEntry,
    Consumer,
    Letter,
    Presence,
    Replay,
    Report,
    Tenant,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User as _User

    User = _User | AnonymousUser
else:
    User = Any

ALL_ORGANISATIONS = "eventkit.all_organisations"

_PERMISSIONS = {
    "view": "eventkit.view_consumer",
    "add": "eventkit.add_consumer",
    "change": "eventkit.change_consumer",
    "delete": "eventkit.delete_consumer",
    "enable": "eventkit.change_consumer",
    "set_credentials": "eventkit.change_consumer",
    "pause": "eventkit.operate_consumer",
    "resume": "eventkit.operate_consumer",
    "pause_own": "",
    "resume_own": "",
    "test": "eventkit.operate_consumer",
    "replay": "eventkit.operate_consumer",
    "try": "eventkit.view_consumer",
    "export": "eventkit.view_consumer",
    "import": "eventkit.add_consumer",
    "view_delivery": "eventkit.view_report",
    "view_letters": "eventkit.view_letter",
    "drop_letters": "eventkit.delete_letter",
    "view_audit": "eventkit.view_auditentry",
    "view_requests": "eventkit.view_accessrequest",
    "decide": "eventkit.decide_accessrequest",
    "change_tenant": "eventkit.change_tenant",
}
"""The permission that each action takes; none: it is for representatives only."""

ACTIONS = frozenset(_PERMISSIONS)

_OWN = frozenset({"view", "pause_own", "resume_own", "test", "set_credentials", "view_delivery"})
"""What a representative may do with own consumers."""

_SITE_WIDE = frozenset({"change_tenant"})
"""What only who sees all organisations may do."""

ROLES: dict[str, tuple[str, ...]] = {
    "eventkit viewer": ("view_consumer", "view_report", "view_auditentry", "view_tenant"),
    "eventkit operator": ("operate_consumer", "view_letter", "view_replay"),
    "eventkit administrator": (
        "add_consumer",
        "change_consumer",
        "delete_consumer",
        "delete_letter",
        "view_accessrequest",
        "decide_accessrequest",
        "add_tenant",
        "change_tenant",
        "delete_tenant",
    ),
}
"""The permissions of each role; each has those of the roles before it, too."""

SEPARATOR = " "
"""Between the organisations in `Letter.org`; one with a blank in its name counts as unknown."""

_KEYS = "_eventkit_tenant_keys"
"""Where a user object remembers them."""

_MOST_PAIRED = 40
"""Organisations of a tenant up to which letters about two of them at once are found."""


def person(user: User | None) -> Any:
    """Give whom a row may name; None for a program."""
    return user if user is not None and user.pk is not None else None


def sees_all(user: User) -> bool:
    """Tell whether *user* is bound to no organisation."""
    return bool(user.is_active and user.has_perm(ALL_ORGANISATIONS))


def tenants(user: User) -> QuerySet[Tenant]:
    """Give the tenants that *user* belongs to; all for who sees all."""
    if sees_all(user):
        return Tenant.objects.all()
    if not user.is_active or user.pk is None:
        return Tenant.objects.none()
    return Tenant.objects.filter(users=user.pk)


def organisations(user: User) -> frozenset[str] | None:
    """Give the organisations that *user* is bound to; None: all."""
    if sees_all(user):
        return None
    found = tenants(user).values_list("organisations", flat=True)
    return frozenset(each for listed in found for each in listed)


def consumers(user: User) -> QuerySet[Consumer]:
    """Give the consumers that *user* sees as staff."""
    return _within(Consumer.objects.all(), user, "view", "tenant__in")


def represented(user: User) -> QuerySet[Consumer]:
    """Give the consumers that *user* looks after as their representative."""
    if not user.is_active or user.pk is None:
        return Consumer.objects.none()
    return Consumer.objects.filter(representatives=user.pk)


def letters(user: User) -> QuerySet[Letter]:
    """
    Give the dead letters that *user* sees as staff, without what they hold.

    For who is bound to organisations, that is letters of own consumers, and events that could not
    be translated, and of both only those that name own organisations and no others.
    """
    found = Letter.objects.defer("body")
    if not _has(user, "view_letters"):
        return found.none()
    if sees_all(user):
        return found
    named = org_texts(organisations(user) or ())
    own = Consumer.objects.filter(tenant__in=tenants(user)).values("slug")
    return found.filter(Q(consumer_slug="") | Q(consumer_slug__in=own), org__in=named)


def org_texts(given: Iterable[str]) -> list[str]:
    """Give what `Letter.org` may be for one or two of these organisations, and no others."""
    listed = sorted({each.lower() for each in given if each})
    pairs = combinations(listed, 2) if len(listed) <= _MOST_PAIRED else ()
    return [*listed, *map(SEPARATOR.join, pairs)]


def reports(user: User) -> QuerySet[Report]:
    """Give the reports on consumers that *user* sees as staff or represents."""
    return _about_consumers(Report.objects.all(), user)


def presences(user: User) -> QuerySet[Presence]:
    """Give how consumers fare that *user* sees as staff or represents."""
    return _about_consumers(Presence.objects.all(), user)


def audit(user: User) -> QuerySet[AuditEntry]:
    """Give the audit trail, as far as it is about own tenants."""
    return _within(AuditEntry.objects.all(), user, "view_audit", "tenant__in")


def replays(user: User) -> QuerySet[Replay]:
    """Give the replays that *user* has asked for; all for who sees all."""
    if not _has(user, "replay"):
        return Replay.objects.none()
    return Replay.objects.all() if sees_all(user) else Replay.objects.filter(who=user.pk)


def requests(user: User) -> QuerySet[AccessRequest]:
    """
    Give the requests for access that *user* sees as staff.

    For who is bound to organisations, those that ask for nothing beyond what one tenant of theirs
    has.
    """
    found = AccessRequest.objects.all()
    if not _has(user, "view_requests"):
        return found.none()
    if sees_all(user):
        return found
    own = [
        {each.lower() for each in listed}
        for listed in tenants(user).values_list("organisations", flat=True)
    ]
    # There are few different ones, and no database compares sets.
    scopes = found.order_by().values_list("scope", flat=True).distinct()
    fitting = [each for each in scopes if any(_fits(each, listed) for listed in own)]
    return found.filter(scope__in=fitting)


def _fits(scope: str, organisations: Collection[str]) -> bool:
    return bool(scope) and all(each in organisations for each in scope.split(" "))


def own_requests(user: User) -> QuerySet[AccessRequest]:
    """Give the requests for access that *user* has made."""
    if not user.is_active or user.pk is None:
        return AccessRequest.objects.none()
    return AccessRequest.objects.filter(who=user.pk)


def may(user: User | None, action: str, about: object = None) -> bool:
    """
    Tell whether somebody may do something.

    Args:
        user: None is a program of the site, which may do everything.

        action: one of `ACTIONS`.

        about: a `Consumer`, `Letter`, `AccessRequest`, `Replay` or `Tenant`; None: to any at all.

    Raises:
        ValueError: there is no such action.
    """
    if action not in _PERMISSIONS:
        raise ValueError(f"unknown action {action!r}; known: {', '.join(sorted(ACTIONS))}")
    if user is None:
        return True
    if not user.is_active:
        return False
    if _may_as_staff(user, action, about):
        return True
    return isinstance(about, Consumer) and action in _OWN and _represents(user, about)


def _may_as_staff(user: User, action: str, about: object) -> bool:
    if not _has(user, action):
        return False
    if sees_all(user):
        return True
    return action not in _SITE_WIDE and (about is None or _is_within(user, about))


def require(user: User | None, action: str, about: object = None) -> None:
    """
    Refuse what *user* may not do.

    Raises:
        PermissionDenied: they may not; the message does not say whether there is such a thing.
    """
    if not may(user, action, about):
        raise PermissionDenied(f"you may not {action.replace('_', ' ')} this")


def _has(user: User, action: str) -> bool:
    return bool(user.is_active and user.has_perm(_PERMISSIONS[action]))


def _represents(user: User, consumer: Consumer) -> bool:
    return consumer.pk is not None and represented(user).filter(pk=consumer.pk).exists()


def _is_within(user: User, about: object) -> bool:
    if isinstance(about, Letter):
        return letters(user).filter(pk=about.pk).exists()
    if isinstance(about, Replay):
        return about.who_id == user.pk
    if isinstance(about, Tenant):
        return tenants(user).filter(pk=about.pk).exists()
    if isinstance(about, AccessRequest):
        return requests(user).filter(pk=about.pk).exists()
    if isinstance(about, Consumer):
        return about.tenant_id in _tenant_keys(user)
    # Nobody has thought of it.
    return False


def _tenant_keys(user: User) -> frozenset[int]:
    """Ask once for each user object, as Django does with permissions: pages ask of many rows."""
    found: frozenset[int] | None = getattr(user, _KEYS, None)
    if found is None:
        found = frozenset(tenants(user).values_list("pk", flat=True))
        setattr(user, _KEYS, found)
    return found


def _within(found: QuerySet[Any], user: User, action: str, tenancy: str) -> QuerySet[Any]:
    if not _has(user, action):
        return found.none()
    return found if sees_all(user) else found.filter(**{tenancy: tenants(user)})


def _about_consumers(found: QuerySet[Any], user: User) -> QuerySet[Any]:
    if not user.is_active:
        return found.none()
    if _has(user, "view_delivery") and sees_all(user):
        return found
    own = Q(pk__in=represented(user).values("pk"))
    if _has(user, "view_delivery"):
        own |= Q(tenant__in=tenants(user))
    return found.filter(consumer_slug__in=Consumer.objects.filter(own).values("slug"))
