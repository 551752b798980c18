"""Whether a process can use the settings of a consumer, and why not."""

from __future__ import annotations

from typing import Literal

import attrs
from django.views.decorators.debug import sensitive_variables

from eventkit.consumers import Consumer as FileConsumer
from eventkit.contrib.django.models import Consumer
from eventkit.contrib.django.rows import settings_of
from eventkit.exceptions import ConfigurationError


@attrs.frozen
class Held:
    """What `DatabaseConsumers` makes of a consumer whose settings cannot be used."""

    state: Literal["paused", "left out"]
    """Paused: its credentials cannot be had, what it may have waits. Left out: it gets nothing."""
    why: str


@sensitive_variables()
def held(row: Consumer) -> Held | None:
    """
    Say why *row* gets nothing from a process with the environment of this one; None: it does.

    What is disabled is not looked at. Rules, credential and tenant are read; fetch them with it.
    """
    if not row.enabled:
        return None
    try:
        FileConsumer.from_dict(settings_of(row))
    except ConfigurationError as error:
        why = _said(row, error)
    else:
        return None
    try:
        bare = settings_of(row, with_secrets=False)
        FileConsumer.from_dict({**bare, "auth": {"type": "none"}, "headers": {}})
    except ConfigurationError as error:
        return Held("left out", _said(row, error))
    return Held("paused", why)


def _said(row: Consumer, error: ConfigurationError) -> str:
    return str(error).removeprefix(f"consumer {row.slug!r}: ")
