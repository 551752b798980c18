"""Consumers as a file to keep, or to bring to another site; without secrets."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone

from eventkit.contrib.django import actions
from eventkit.contrib.django.consumers_file import written
from eventkit.contrib.django.models import Consumer
from eventkit.contrib.django.rows import WITH, WITH_ONE

_TYPES = {".json": "application/json", ".yaml": "application/yaml"}


def exported(chosen: QuerySet[Consumer], suffix: str, *, by: Any) -> HttpResponse:
    """Give *chosen* as a consumers file that a browser saves."""
    rows = chosen.select_related(*WITH_ONE).prefetch_related(*WITH).order_by("slug")
    response = HttpResponse(
        written(actions.export(rows, by=by), suffix),
        content_type=f"{_TYPES[suffix]}; charset=utf-8",
    )
    name = f"consumers-{timezone.now():%Y-%m-%d}{suffix}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
