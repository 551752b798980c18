"""Consumers as a file to keep, or to bring to another site; without secrets."""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone

from eventkit.contrib.django import actions
from eventkit.contrib.django.models import Consumer
from eventkit.contrib.django.rows import WITH, WITH_ONE
from eventkit.typing import Json

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


def can_write_yaml() -> bool:
    """Tell whether PyYAML is installed."""
    return find_spec("yaml") is not None


def written(consumers: list[Json], suffix: str) -> str:
    """Write a consumers file; as YAML only where `can_write_yaml`."""
    content = {"consumers": consumers}
    if suffix == ".json":
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    yaml: Any = importlib.import_module("yaml")
    # The one in C takes a tenth of the time, which is seconds for a thousand consumers.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(content, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    return text
