"""Encrypting anew what is encrypted, so that an old key can go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from django.db import router, transaction
from django.db.models import Model

from eventkit.contrib.django.conf import sealer
from eventkit.contrib.django.fields import Sealed
from eventkit.contrib.django.models import Credential, Letter, Presence
from eventkit.exceptions import ConfigurationError

_SEALED: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (Credential, ("secrets", "headers")),
    (Letter, ("body",)),
    (Presence, ("error_response",)),
)
_AT_ONCE = 200


@attrs.frozen
class Rotated:
    """What became of the rows with something encrypted."""

    renewed: int
    """They open with the first key alone now."""
    unreadable: tuple[str, ...]
    """They open with none of the keys, and are as they were: table and primary key of each."""


def rotate() -> Rotated:
    """
    Encrypt everything with the first of ``EVENTKIT_ADMIN["KEYS"]``.

    It may be run again and while all else runs. When nothing is unreadable, the other keys can go.

    Raises:
        ConfigurationError: there are no keys, or one is wrong.
    """
    sealer()
    renewed, unreadable = 0, []
    for model, columns in _SEALED:
        for key in _keys(model):
            try:
                renewed += _renew(model, columns, key)
            except ConfigurationError:
                unreadable.append(f"{model.__name__} {key}")
    return Rotated(renewed, tuple(unreadable))


def _keys(model: type[Model]) -> Iterator[Any]:
    rows = model._default_manager.using(router.db_for_write(model)).order_by("pk")  # noqa: SLF001
    last = None
    while True:
        behind = rows if last is None else rows.filter(pk__gt=last)
        keys = list(behind.values_list("pk", flat=True)[:_AT_ONCE])
        if not keys:
            return
        yield from keys
        last = keys[-1]


def _renew(model: type[Model], columns: tuple[str, ...], key: Any) -> int:
    """Encrypt a row anew, unless somebody has changed it meanwhile; then it is new already."""
    using = router.db_for_write(model)
    rows = model._default_manager.using(using)  # noqa: SLF001 - Django documents it
    with transaction.atomic(using=using):
        found = rows.filter(pk=key).values(*columns).first()
        sealed: dict[str, Sealed] = {name: value for name, value in (found or {}).items() if value}
        if not sealed:
            return 0
        renewed = {name: value.renewed() for name, value in sealed.items()}
        return rows.filter(pk=key, **sealed).update(**renewed)
