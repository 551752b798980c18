"""The router configurations that event-routing-backends keeps in this site's database."""

from __future__ import annotations

from typing import Any

from django.apps import apps

from eventkit.typing import Json

_TABLE = ("event_routing_backends", "RouterConfiguration")
_COLUMNS = (
    "id",
    "backend_name",
    "enabled",
    "route_url",
    "auth_scheme",
    "auth_key",
    "username",
    "password",
    "configurations",
)


def rows() -> list[Json]:
    """Give the router configurations of this site that are in force, or would be if enabled."""
    model: Any = apps.get_model(*_TABLE)
    chosen = (
        model.objects.current_set()
        if hasattr(model.objects, "current_set")
        else (model.objects.all())
    )
    known = {field.name for field in model._meta.get_fields()}  # noqa: SLF001
    return [
        {name: getattr(row, name) for name in _COLUMNS if name in known}
        for row in chosen.order_by("pk")
    ]


def is_installed() -> bool:
    """Tell whether its table is here."""
    try:
        apps.get_model(*_TABLE)
    except LookupError:
        return False
    return True
