"""A site whose router of databases sends all of the app to another one than the default."""

from __future__ import annotations

import pytest

pytest.importorskip("django")

CONSUMER = {"id": "lrs", "protocol": "xapi", "url": "https://a.example.org/"}


class Elsewhere:
    def db_for_read(self, model, **hints):
        return "other"

    db_for_write = db_for_read


@pytest.fixture
def elsewhere(admin_site, tmp_path):
    from django.core.management import call_command
    from django.db import connections
    from django.test import override_settings

    connections.settings["other"] = {
        **connections.settings["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "other.sqlite3"),
        "OPTIONS": {},
    }
    call_command("migrate", database="other", verbosity=0)
    with override_settings(DATABASE_ROUTERS=[f"{__name__}.Elsewhere"]):
        yield
    connections["other"].close()
    del connections["other"], connections.settings["other"]


def slugs():
    from eventkit.contrib.django.models import Consumer

    return sorted(Consumer.objects.values_list("slug", flat=True))


def test_a_preview_changes_nothing(elsewhere):
    from eventkit.contrib.django import plans
    from eventkit.contrib.django.models import AuditEntry

    [made] = plans.plans([CONSUMER])

    assert (made.kind, made.problems) == ("new", ())
    assert slugs() == []
    assert not AuditEntry.objects.exists()
    plans.carry_out([made])
    assert slugs() == ["lrs"]


def test_an_import_is_all_or_nothing(elsewhere):
    from eventkit.contrib.django import actions, plans

    made = plans.plans([CONSUMER, CONSUMER | {"id": "other"}])
    actions.create(CONSUMER | {"id": "OTHER"})
    with pytest.raises(actions.Invalid):
        plans.carry_out(made)

    assert slugs() == ["OTHER"]


def test_what_is_checked_is_not_saved(elsewhere):
    from eventkit.contrib.django import actions

    assert actions.validate(None, CONSUMER) == []
    assert slugs() == []


def test_a_tenant_can_be_added(elsewhere):
    """Its form tries it first, and undoes that."""
    from eventkit.contrib.django.admin.tenants import TenantForm
    from eventkit.contrib.django.models import Tenant

    form = type("Form", (TenantForm,), {"user": None})({"name": "new", "organisations": "New"})

    assert form.errors == {}
    assert not Tenant.objects.exists()
