"""The audit trail: what a change was, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import router

from eventkit.contrib.django import rows
from eventkit.contrib.django.access import User, person
from eventkit.contrib.django.models import AuditEntry, Consumer, Tenant
from eventkit.typing import Json

_LONGEST = 10_000
"""Characters of a value that are kept."""


def snapshot(consumer: Consumer) -> Json:
    """Give all that people may see of *consumer*, by field: what the audit trail compares."""
    allow, deny, _ = rows.rules_of(consumer.rules.all())
    credential = rows.credential_of(consumer)
    shown = credential.outline if credential is not None else {}
    return {
        "name": consumer.name,
        "tenant": str(consumer.tenant) if consumer.tenant else "",
        "protocol": consumer.protocol,
        "url": without_query(consumer.url),
        "enabled": consumer.enabled,
        "paused": consumer.paused,
        "paused_by_representative": consumer.paused_by_representative,
        "awaits_credentials": consumer.awaits_credentials,
        "gone": consumer.gone_at is not None,
        "allow": "everything" if consumer.allows_everything else allow,
        "deny": deny,
        "public_only": consumer.public_only,
        "representatives": sorted(each.get_username() for each in consumer.representatives.all()),
        "note": consumer.note,
        "auth": shown.get("auth", {"type": "none"}),
        "headers": shown.get("headers", {}),
        **{key: _option(consumer, key) for key in rows.OPTIONS},
    }


def _option(consumer: Consumer, key: str) -> Any:
    found = consumer.options.get(key)
    return [without_query(each) for each in found or ()] if key == "inherits" else found


def without_query(url: str) -> str:
    """Give *url* without its query, where a token may stand."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable)"
    return parts._replace(query="***").geturl() if parts.query else url


def record(
    action: str,
    *,
    by: User | None,
    consumer: Consumer | None = None,
    tenant: Tenant | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    using: str | None = None,
) -> None:
    """
    Write what was done: an entry for each field that differs, or one without a field.

    *before* and *after* are as of `snapshot`, and only ever what everybody may see.
    """
    old, new = before or {}, after or {}
    changed = [key for key in {**old, **new} if (old.get(key) or None) != (new.get(key) or None)]
    AuditEntry.objects.using(using or router.db_for_write(AuditEntry)).bulk_create(
        AuditEntry(
            who=person(by),
            who_name=by.get_username() if by is not None else "",
            tenant=consumer.tenant if consumer is not None else tenant,
            consumer=consumer if consumer is not None and consumer.pk is not None else None,
            consumer_slug=consumer.slug if consumer is not None else "",
            action=action,
            field=key,
            old=_written(old.get(key)),
            new=_written(new.get(key)),
        )
        for key in changed or [""]
    )


def _written(value: object) -> str:
    if value is None or value == "":
        return ""
    text = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
