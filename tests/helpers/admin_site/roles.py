"""Who visits the site: one person of each role, made once."""

from __future__ import annotations

ANONYMOUS = "anonymous"
ROLES = (
    ANONYMOUS,
    "learner",
    "representative",
    "viewer",
    "operator",
    "administrator",
    "tenant administrator",
    "superuser",
)
"""
All of them but the first have an account of the same name, with - for blanks.

Staff of the roles viewer, operator and administrator see all organisations; the tenant
administrator only those of `TENANT`. The representative has no consumers yet: a test that needs
some adds the account to theirs.
"""

STAFF = {"viewer", "operator", "administrator", "tenant administrator"}
TENANT = "Lakeside"
"""The tenant of the tenant administrator, whose organisations are `ORGANISATIONS`."""
ORGANISATIONS = ["Lakeside"]


def username(role: str) -> str:
    """Give the name of the account of *role*."""
    return role.replace(" ", "-")


def user(role: str):
    """Give the account of *role*; None for somebody without."""
    from django.contrib.auth import get_user_model

    if role == ANONYMOUS:
        return None
    return get_user_model().objects.get(username=username(role))


def make_everybody() -> None:
    """Make all accounts, and the tenant."""
    from django.contrib.auth import get_user_model

    from eventkit.contrib.django.models import Tenant

    made = {}
    for role in ROLES:
        if role == ANONYMOUS:
            continue
        made[role] = get_user_model().objects.create_user(
            username(role),
            email=f"{username(role)}@example.org",
            password=role,
            is_staff=role in STAFF or role == "superuser",
            is_superuser=role == "superuser",
        )
    for role in sorted(STAFF):
        _entitle(made[role], role)
    tenant = Tenant.objects.create(name=TENANT, organisations=ORGANISATIONS)
    tenant.users.add(made["tenant administrator"])


def _entitle(account, role: str) -> None:
    from django.contrib.auth.models import Permission

    from eventkit.contrib.django import access

    names = []
    for known, permissions in access.ROLES.items():
        names += permissions
        if known == f"eventkit {role.removeprefix('tenant ')}":
            break
    if role != "tenant administrator":
        names.append("all_organisations")
    account.user_permissions.set(
        Permission.objects.filter(content_type__app_label="eventkit", codename__in=names)
    )
