"""What ``manage.py check`` says about the settings of the app."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from eventkit.contrib.django import conf
from eventkit.exceptions import ConfigurationError


@checks.register("eventkit")
def check_settings(**_given: Any) -> list[checks.CheckMessage]:
    """Look at ``EVENTKIT_ADMIN``, keys included."""
    given = getattr(settings, conf.NAME, {})
    found: list[checks.CheckMessage] = [
        checks.Error(wrong, id="eventkit.E001") for wrong in conf.problems(given)
    ]
    if not settings.USE_TZ:
        found.append(
            checks.Error(
                "Workers of different machines report times with their zone: USE_TZ is needed.",
                hint="Set USE_TZ = True.",
                id="eventkit.E003",
            )
        )
    if found:
        return found
    if not conf.has_keys():
        return [
            checks.Warning(
                "Without keys neither credentials nor dead letters can be kept in the database.",
                hint=f"Set {conf.NAME}['KEYS'].",
                id="eventkit.W001",
            )
        ]
    try:
        conf.sealer()
    except ConfigurationError as error:
        return [checks.Error(str(error), id="eventkit.E002")]
    return []
