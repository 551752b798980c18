"""
What can be done with consumers: the Python API, the pages and the commands all call it.

Each action takes *by*, the user who does it (None: a program of the site, which may do all), checks
that they may (`eventkit.contrib.django.access`), validates as a consumers file is validated, writes
the audit trail and has workers notice, in one transaction: all of it happens or nothing does.

Settings are those of a consumers file (docs/reference/consumers.md), with these differences:
``allow`` left out allows nothing and None everything; ``tenant`` (a `Tenant`), ``name``, ``note``,
``representatives`` (users) and ``public_only`` are further ones; ``orgs`` is the tenant's; `KEPT`
in place of a value in ``auth`` or ``headers`` leaves the one that is there.

An action on what somebody else has removed meanwhile raises `Invalid`, as all that cannot be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any, TypeVar

import attrs
from django.core.exceptions import ValidationError
from django.db import IntegrityError, router, transaction
from django.db.models import F, Model, ProtectedError, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from eventkit.consumers.owners import owner_of
from eventkit.contrib.django import access, auditing, rows
from eventkit.contrib.django.access import User
from eventkit.contrib.django.fields import Sealed
from eventkit.contrib.django.models import (
    Consumer,
    Credential,
    Letter,
    Presence,
    Replay,
    Report,
    Rule,
    Tenant,
    Version,
    new_stamp,
)
from eventkit.contrib.django.validation import (
    Invalid,
    Problem,
    field_errors,
    find_problems,
    problems_of,
    tenant_problems,
)
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

__all__ = [
    "KEPT",
    "Invalid",
    "Problem",
    "bump",
    "change",
    "change_tenant",
    "changing",
    "clone",
    "create",
    "create_tenant",
    "delete",
    "delete_tenant",
    "disable",
    "drop_letters",
    "enable",
    "export",
    "field_errors",
    "mark_gone",
    "pause",
    "problems_of",
    "register",
    "request_replay",
    "restart_replay",
    "resume",
    "row_problems",
    "set_credentials",
    "validate",
]


class _Kept(Enum):
    KEPT = "kept"


KEPT = _Kept.KEPT
"""In ``auth`` and ``headers`` of changes: the value that is there stays; nobody need open it."""

_OWN = ("name", "tenant", "note", "representatives", "public_only")
"""Settings that a consumers file does not have, or that are the row's own."""

_FILE = (
    *("id", "protocol", "url", "enabled", "paused", "auth", "headers", "allow", "deny"),
    *rows.OPTIONS,
)


# Consumers.


@sensitive_variables()
def create(
    settings: Mapping[str, Any], *, by: User | None = None, from_portal: bool = False
) -> Consumer:
    """
    Register a consumer.

    Args:
        settings: as above; ``id``, ``protocol`` and ``url`` are needed. It is disabled unless they
            say ``enabled: True``.

        by: who does it.

        from_portal: it was asked for by somebody outside: it may have public addresses only.

    Raises:
        Invalid: something is wrong with it.
        PermissionDenied: *by* may not do this.
    """
    access.require(by, "add")
    return register(settings, by=by, from_portal=from_portal)


@sensitive_variables()
def register(
    settings: Mapping[str, Any],
    *,
    by: User | None,
    from_portal: bool = False,
    awaits_credentials: bool = False,
) -> Consumer:
    """
    Do what `create` does, for somebody of whom it is known that they may.

    Args:
        settings: as there.

        by: as there.

        from_portal: as there.

        awaits_credentials: it gets nothing before it has some.
    """
    with changing():
        row = Consumer(from_portal=from_portal, awaits_credentials=awaits_credentials)
        given = {"enabled": False, "allow": [], "protocol": "", "url": "", **settings}
        _apply(row, given, by=by, is_new=True)
        auditing.record("create", by=by, consumer=row, after=auditing.snapshot(fresh(row)))
    return row


@sensitive_variables()
def change(
    consumer: Consumer,
    changes: Mapping[str, Any],
    *,
    by: User | None = None,
    revision: int | None = None,
) -> Consumer:
    """
    Change some settings of a consumer; those that are not named stay.

    A setting whose value is None goes back to what it is when left out, but for ``allow``, of which
    None allows everything. ``auth`` and ``headers`` are replaced whole.

    Args:
        consumer: which one.

        changes: settings, as above.

        by: who does it.

        revision: `Consumer.revision` as the form showed it; if the consumer was changed since then
            it is refused. None: the last one wins.

    Raises:
        Invalid: something is wrong with it.
        PermissionDenied: *by* may not do this.
    """
    with changing():
        row = _locked(consumer)
        access.require(by, "change", row)
        if "paused" in changes and bool(changes["paused"]) != row.paused:
            access.require(by, "pause" if changes["paused"] else "resume", row)
        if revision is not None and revision != row.revision:
            text = "somebody has changed it since you opened it; load it again to see how"
            raise Invalid([Problem("", text)])
        before = auditing.snapshot(row)
        secrets, tenant = _secrets(row), row.tenant_id
        _apply(row, changes, by=by, is_new=False)
        row = fresh(row)
        if row.tenant_id != tenant:
            # Its receiver's words are of events of those it belonged to.
            _forget_deliveries(row.slug)
        after = auditing.snapshot(row)
        if secrets != _secrets(row) or (secrets is None and {"auth", "headers"} & {*changes}):
            # What they look like may be the same.
            before, after = before | {"secrets": "***"}, after | {"secrets": "*** (others)"}
        auditing.record("change", by=by, consumer=row, before=before, after=after)
    return row


@sensitive_variables()
def set_credentials(
    consumer: Consumer,
    *,
    auth: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    by: User | None = None,
) -> Consumer:
    """
    Replace the credentials of a consumer; its representatives may, too.

    Args:
        consumer: which one.

        auth: as in a consumers file; None: as it was.

        headers: all further headers; None: as they were.

        by: who does it.

    Raises:
        Invalid: something is wrong with them.
        PermissionDenied: *by* may not do this.
    """
    with changing():
        row = _locked(consumer)
        access.require(by, "set_credentials", row)
        before = auditing.snapshot(row)
        given = {"auth": auth, "headers": headers}
        _apply(
            row,
            {key: value for key, value in given.items() if value is not None},
            by=by,
            is_new=False,
        )
        row = fresh(row)
        before["secrets"], after = "***", auditing.snapshot(row)
        after["secrets"] = "*** (others)"
        auditing.record("set_credentials", by=by, consumer=row, before=before, after=after)
    return row


def enable(consumer: Consumer, *, by: User | None = None) -> Consumer:
    """Let a consumer have what its rules allow; all of it is validated, its secrets too."""
    return _switch(consumer, "enable", by, enabled=True)


def disable(consumer: Consumer, *, by: User | None = None) -> Consumer:
    """Give a consumer nothing any more."""
    return _switch(consumer, "enable", by, enabled=False, named="disable")


def pause(
    consumer: Consumer, *, by: User | None = None, as_representative: bool = False
) -> Consumer:
    """
    Send nothing to a consumer; what it may have is accepted and waits.

    Args:
        consumer: which one.

        by: who does it.

        as_representative: it is the pause of its representatives, which is another one than that of
            the site: nothing is sent while there is either.
    """
    if as_representative:
        return _switch(consumer, "pause_own", by, paused_by_representative=True)
    return _switch(consumer, "pause", by, paused=True)


def resume(
    consumer: Consumer, *, by: User | None = None, as_representative: bool = False
) -> Consumer:
    """
    Send again to a consumer that was paused, or that was gone.

    Args:
        consumer: which one.

        by: who does it.

        as_representative: take back the pause of its representatives, and leave that of the site.
            Else it is that of the site, and where there is none that of the representatives.
    """
    if as_representative:
        return _switch(consumer, "resume_own", by, paused_by_representative=False, gone_at=None)
    now = fresh(consumer)
    if now.paused or now.gone_at is not None:
        return _switch(consumer, "resume", by, paused=False, gone_at=None)
    return _switch(consumer, "resume", by, paused_by_representative=False)


def mark_gone(
    slug: str, when: Any = None, *, tries: int | None = None, using: str | None = None
) -> bool:
    """
    Stop a consumer that has answered 410 Gone, for all processes; False: there is none to stop.

    It is for what routers report, and so has no *by*.

    Args:
        slug: its id.

        when: it said so; None: now.

        tries: `Consumer.tries` as they knew it; what was said before it was resumed is over. None:
            whatever they knew.

        using: the database; None: the one that is written.
    """
    database = using or _database()
    going = Consumer.objects.using(database).filter(slug=slug, gone_at=None)
    if tries is not None:
        going = going.filter(tries=tries)
    if not going.exists():
        return False
    # As all changes do, it takes the version before the consumer: the other way round two would
    # wait for each other.
    with changing(database):
        row = going.select_for_update().first()
        if row is None:
            return False
        before = auditing.snapshot(row)
        row.gone_at = when or timezone.now()
        row.revision += 1
        row.save(update_fields=["gone_at", "revision"])
        after = auditing.snapshot(row)
        auditing.record("gone", by=None, consumer=row, before=before, after=after, using=using)
    return True


def clone(consumer: Consumer, slug: str, *, by: User | None = None, name: str = "") -> Consumer:
    """Register a disabled copy under another id, without credentials and representatives."""
    access.require(by, "view", consumer)
    settings = rows.settings_of(consumer, with_secrets=False)
    for key in ("auth", "headers", "orgs", "paused", "public_only"):
        settings.pop(key, None)
    settings |= {
        "id": slug,
        "name": name or f"Copy of {consumer}"[:200],
        "tenant": consumer.tenant,
        "note": consumer.note,
        "public_only": consumer.public_only,
        "enabled": False,
        # Where ``match_params`` says what is allowed, nothing else does.
        "allow": None if consumer.allows_everything else settings.get("allow", []),
    }
    access.require(by, "add")
    return register(
        settings,
        by=by,
        from_portal=consumer.from_portal,
        awaits_credentials=consumer.awaits_credentials,
    )


def delete(consumer: Consumer, *, by: User | None = None) -> None:
    """
    Remove a consumer. Its audit trail, its letters and what waits in a store stay.

    What processes said of it goes: who takes the id next is somebody else.
    """
    with changing():
        row = _locked(consumer)
        access.require(by, "delete", row)
        _forget_deliveries(row.slug)
        auditing.record("delete", by=by, consumer=row, before=auditing.snapshot(row))
        row.delete()


def _forget_deliveries(slug: str) -> None:
    """Remove counts and words of a receiver, which may quote events, from who comes after."""
    for model in (Presence, Report):
        model.objects.using(_database()).filter(consumer_slug=slug).delete()


def export(found: Iterable[Consumer], *, by: User | None = None) -> list[Json]:
    """
    Give consumers as a consumers file says them, without secrets; where these are read stays.

    ``enabled`` and ``paused`` are as administrators want it, so that importing it again changes
    nothing. That a consumer is gone, is paused by its representatives or waits for credentials is
    not in it.

    Raises:
        PermissionDenied: *by* may not see one of them.
    """
    exported = []
    for row in found:
        access.require(by, "export", row)
        exported.append(rows.decided_settings(row))
    return exported


def validate(
    consumer: Consumer | None, changes: Mapping[str, Any], *, by: User | None = None
) -> list[Problem]:
    """
    Say what would be wrong if a consumer were changed so, or made (None), and change nothing.

    Raises:
        PermissionDenied: *by* may not do this.
    """
    try:
        with undone():
            if consumer is None:
                create(changes, by=by)
            else:
                change(consumer, changes, by=by)
    except Invalid as error:
        return list(error.found)
    return []


# Tenants.


def create_tenant(
    name: str,
    organisations: Sequence[str],
    *,
    users: Iterable[Any] = (),
    by: User | None = None,
) -> Tenant:
    """Make a tenant of some organisations; *users* are its staff."""
    access.require(by, "change_tenant")
    with changing():
        row = Tenant(name=name, organisations=_organisations(organisations))
        _save_tenant(row)
        row.users.set(users)
        auditing.record("create_tenant", by=by, tenant=row, after=_tenant_snapshot(row))
    return row


def change_tenant(
    tenant: Tenant,
    *,
    name: str | None = None,
    organisations: Sequence[str] | None = None,
    users: Iterable[Any] | None = None,
    by: User | None = None,
) -> Tenant:
    """Change a tenant; None stays. The boundary of its consumers changes with it at once."""
    access.require(by, "change_tenant", tenant)
    with changing():
        row = _locked_row(Tenant, tenant)
        before = _tenant_snapshot(row)
        row.name = row.name if name is None else name
        if organisations is not None:
            row.organisations = _organisations(organisations)
        _save_tenant(row)
        if users is not None:
            row.users.set(users)
        auditing.record(
            "change_tenant", by=by, tenant=row, before=before, after=_tenant_snapshot(row)
        )
    return row


def delete_tenant(tenant: Tenant, *, by: User | None = None) -> None:
    """
    Remove a tenant that has no consumers.

    Raises:
        Invalid: it has some, which would be without a boundary.
    """
    access.require(by, "change_tenant", tenant)
    with changing():
        tenant = _locked_row(Tenant, tenant)
        before = _tenant_snapshot(tenant)
        try:
            tenant.delete()
        except ProtectedError:
            text = "it has consumers; give them to another tenant or remove them first"
            raise Invalid([Problem("", text)]) from None
        auditing.record("delete_tenant", by=by, before=before)


def _save_tenant(row: Tenant) -> None:
    found = row_problems(row, {"name": "name"})
    if found:
        raise Invalid(found)
    row.save()


def _tenant_snapshot(row: Tenant) -> Json:
    return {
        "name": row.name,
        "organisations": row.organisations,
        "users": sorted(each.get_username() for each in row.users.all()),
    }


def _organisations(given: Sequence[str]) -> list[str]:
    listed = list(dict.fromkeys(given))
    for each in listed:
        is_one = isinstance(each, str) and each and each.isprintable()
        if not is_one or set(each) & set(" *?+/:|,"):
            text = f"{each!r:.100} is no organisation of a course key, such as edX"
            raise Invalid([Problem("organisations", text)])
    if not listed:
        raise Invalid([Problem("organisations", "name at least one, such as edX")])
    return listed


# Dead letters.


def drop_letters(
    chosen: QuerySet[Letter] | Iterable[str], *, by: User | None = None, words: str = ""
) -> int:
    """
    Forget dead letters for ever; give how many there were.

    Args:
        chosen: letters, or their ids. Those that *by* does not see stay.

        by: who does it.

        words: how they were chosen, for the audit trail.
    """
    access.require(by, "drop_letters")
    with transaction.atomic(using=_database()):
        count = 0
        for ids in _parts(_ids(chosen, by)):
            count += Letter.objects.using(_database()).filter(letter_id__in=ids).delete()[0]
        auditing.record("drop_letters", by=by, after={"letters": count, "which": words})
    return count


def request_replay(
    chosen: QuerySet[Letter] | Iterable[str], *, by: User | None = None, words: str = ""
) -> Replay:
    """
    Have dead letters delivered again, in the background; those that *by* sees.

    It is a row yet: `eventkit.contrib.django.replays` runs it.

    Args:
        chosen: letters, or their ids.

        by: who asks.

        words: how they were chosen, for people.
    """
    access.require(by, "replay")
    with transaction.atomic(using=_database()):
        ids = _ids(chosen, by)
        row = Replay.objects.using(_database()).create(
            who=access.person(by),
            who_name=by.get_username() if by is not None else "",
            is_program=by is None,
            chosen={"ids": ids},
            words=words[:500],
            total=len(ids),
        )
        auditing.record("replay", by=by, after={"letters": len(ids), "which": words})
    return row


def restart_replay(replay: Replay, *, by: User | None = None) -> Replay:
    """
    Have a replay begin again that has failed or lost its process; what has arrived is done.

    Raises:
        Invalid: it is done, or runs.
        PermissionDenied: *by* may not do this.
    """
    access.require(by, "replay", replay)
    with transaction.atomic(using=_database()):
        row = _locked_row(Replay, replay)
        if row.state == Replay.State.DONE or (
            row.state == Replay.State.RUNNING and not row.is_lost
        ):
            raise Invalid([Problem("", f"it is {row.get_state_display()}")])
        row.state = Replay.State.WAITING
        row.notes = []
        row.save(update_fields=["state", "notes"])
        auditing.record("restart_replay", by=by, after={"letters": row.total})
    return row


_AT_ONCE = 500
"""Ids in one statement; databases have a limit."""


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


def _ids(chosen: QuerySet[Letter] | Iterable[str], by: User | None) -> list[str]:
    seen = Letter.objects.using(_database()) if by is None else access.letters(by)
    if isinstance(chosen, QuerySet):
        within = chosen if by is None else chosen.filter(pk__in=seen.values("pk"))
        return list(within.order_by("time", "pk").values_list("letter_id", flat=True))
    found: list[str] = []
    for ids in _parts(list(dict.fromkeys(chosen))):
        found += seen.filter(letter_id__in=ids).values_list("letter_id", flat=True)
    return found


# How it is done.


def _database() -> str:
    """Name the database that is written, and so read: another one may be behind it."""
    return router.db_for_write(Consumer)


@contextmanager
def undone() -> Iterator[None]:
    """Open a transaction in which something is tried: all of it is undone in the end."""
    database = _database()
    with transaction.atomic(using=database):
        yield
        transaction.set_rollback(True, using=database)


def together() -> transaction.Atomic:
    """Open a transaction in which several actions are done, all of them or none."""
    return transaction.atomic(using=_database())


@contextmanager
def changing(using: str | None = None) -> Iterator[None]:
    """
    Open a transaction in which something changes that workers must see.

    The version row is written before anything is read: changes come one after the other, each on
    top of the one before, whatever the database locks by itself.
    """
    database = using or _database()
    with transaction.atomic(using=database):
        bump(database)
        yield


def bump(using: str | None = None) -> None:
    """Have workers read the consumers anew. It belongs into the transaction of the change."""
    database = using or _database()
    changed = (
        Version.objects.using(database)
        .filter(pk=Version.ROW)
        .update(number=F("number") + 1, stamp=new_stamp())
    )
    if not changed:
        try:
            with transaction.atomic(using=database):
                Version.objects.using(database).create(pk=Version.ROW, number=1)
        except IntegrityError:
            bump(using)


def _locked(consumer: Consumer) -> Consumer:
    """Read *consumer* as it is now, and keep others from changing it meanwhile."""
    return fresh(_locked_row(Consumer, consumer))


_Row = TypeVar("_Row", Consumer, Tenant, Replay)


def _locked_row(model: type[_Row], row: _Row) -> _Row:
    found = model._default_manager.using(_database()).select_for_update()  # noqa: SLF001 - documented
    return _present(found.filter(pk=row.pk).first())


def _present(found: _Row | None) -> _Row:
    if found is None:
        raise Invalid([Problem("", "somebody has removed it")])
    return found


def fresh(row: Consumer) -> Consumer:
    """Read *row* as it is now, with all that belongs to it, where it is written."""
    # Not with the lock: databases refuse it where there may be no tenant.
    found = (
        Consumer.objects.using(_database())
        .select_related(*rows.WITH_ONE)
        .prefetch_related(*rows.WITH, "representatives")
    )
    return _present(found.filter(pk=row.pk).first())


def _secrets(row: Consumer) -> Any:
    """Give what is secret of *row*, to be compared; None where it does not open."""
    try:
        found = rows.settings_of(row)
    except ConfigurationError:
        return None
    return found.get("auth"), found.get("headers")


def _switch(
    consumer: Consumer, action: str, by: User | None, *, named: str = "", **columns: Any
) -> Consumer:
    """Set *columns*; what is so already stays: nothing is written, and no worker reads anew."""
    now = fresh(consumer)
    access.require(by, action, now)
    if _has(now, columns):
        return now
    with changing():
        row = _locked(consumer)
        access.require(by, action, row)
        if _has(row, columns):
            return row
        before = auditing.snapshot(row)
        for key, value in columns.items():
            setattr(row, key, value)
        if "gone_at" in columns:
            _try_again(row)
        if columns.get("enabled"):
            _refuse(_problems(row, rows.settings_of(row)))
        row.changed = timezone.now()
        row.revision += 1
        row.save()
        auditing.record(
            named or action, by=by, consumer=row, before=before, after=auditing.snapshot(row)
        )
    return row


def _has(row: Consumer, columns: Mapping[str, Any]) -> bool:
    return all(getattr(row, key) == value for key, value in columns.items())


def _apply(row: Consumer, changes: Mapping[str, Any], *, by: User | None, is_new: bool) -> None:
    """Put *changes* into *row* and what belongs to it, and save all of it if it is right."""
    unknown = [key for key in changes if key not in (*_OWN, *_FILE)]
    found = [Problem("", f"unknown key {each!r:.80}") for each in unknown]
    if not is_new and changes.get("id", row.slug) != row.slug:
        found.append(Problem("id", "it cannot be changed; clone the consumer instead"))
    _refuse(found)
    former = _Former(row.protocol, row.url, is_public_only=row.public_only)
    kept = _kept_credentials(row, changes)
    found = _set_columns(row, changes, by, former=former, is_new=is_new)
    if not (by is None or access.sees_all(by)):
        found += _credential_problems(row, changes, kept, former=former)
    changes = _with_kept(changes, kept)
    whole = {key: value for key, value in kept.items() if key not in changes}
    settings = _settings(row, changes, whole, is_new=is_new)
    _refuse(found + _problems(row, settings))
    row.changed = timezone.now()
    row.revision += 0 if is_new else 1
    try:
        with transaction.atomic(using=_database()):
            row.save()
    except IntegrityError:
        _refuse([_taken(row.slug)])
    if "allow" in changes or "deny" in changes:
        row.rules.all().delete()
        Rule.objects.using(_database()).bulk_create(
            _owned(row, rows.rule_rows(settings.get("allow") or (), settings.get("deny") or ()))
        )
    if "representatives" in changes:
        row.representatives.set(changes["representatives"] or ())
    if "auth" in changes or "headers" in changes:
        _save_credentials(row, settings)


def _owned(row: Consumer, made: Iterable[Rule]) -> list[Rule]:
    found = list(made)
    for each in found:
        each.consumer = row
    return found


def _refuse(found: Sequence[Problem]) -> None:
    if found:
        raise Invalid(found)


def _taken(slug: str) -> Problem:
    return Problem("id", f"there is a consumer {slug!r:.110} already; give each its own id")


@attrs.frozen
class _Former:
    """What a consumer was before a change."""

    protocol: str
    url: str
    is_public_only: bool = attrs.field(kw_only=True)

    def is_elsewhere(self, row: Consumer) -> bool:
        """Tell whether *row* is at another address now; one that is none is told elsewhere."""
        if not self.url:
            return False
        try:
            return owner_of(row.protocol, row.url) != owner_of(self.protocol, self.url)
        except (ValueError, TypeError, AttributeError):
            return False


def _kept_credentials(row: Consumer, changes: Mapping[str, Any]) -> Json:
    """
    Give the credentials that stay, whole or in part; what is replaced is not opened.

    Returns:
        ``{"auth": {...}, "headers": {...}}`` with what stays of them, and ``type`` where all of
        ``auth`` does.
    """
    credential = rows.credential_of(row) if row.pk is not None else None
    found: Json = {}
    for key in ("auth", "headers"):
        named = _named_kept(changes.get(key))
        if key in changes and not named:
            continue
        opened: Json = {}
        if credential is not None:
            try:
                opened = rows.opened(credential, (key,)).get(key, {})
            except ConfigurationError as error:
                text = f"what is kept of them cannot be read; enter them anew ({error})"
                raise Invalid([Problem(key, text)]) from None
        if missing := [name for name in named if name not in opened]:
            text = "there is none that could be kept; write it"
            raise Invalid([Problem(f"{key}.{missing[0]}", text)])
        stays = {name: opened[name] for name in named} if named else opened
        if stays:
            found[key] = stays
    return found


def _named_kept(given: object) -> list[str]:
    return (
        [name for name, value in given.items() if value is KEPT]
        if isinstance(given, Mapping)
        else []
    )


def _with_kept(changes: Mapping[str, Any], kept: Mapping[str, Json]) -> Json:
    """Put the values themselves where *changes* say `KEPT`."""
    found = dict(changes)
    for key, values in kept.items():
        if key in found:
            found[key] = {
                name: values[name] if value is KEPT else value for name, value in found[key].items()
            }
    return found


def _set_columns(
    row: Consumer,
    changes: Mapping[str, Any],
    by: User | None,
    *,
    former: _Former,
    is_new: bool,
) -> list[Problem]:
    """Set the columns that need no more than that; say what *by* may not set."""
    is_site = by is None or access.sees_all(by)
    if is_new:
        row.slug = changes.get("id", "")
    for key in ("protocol", "url", "enabled", "name", "note"):
        if key in changes:
            needed = key in ("protocol", "url")
            default = "" if needed else _column(Consumer, key).get_default()
            setattr(row, key, default if changes[key] is None else changes[key])
    _set_switches(row, changes)
    if former.is_elsewhere(row):
        # There it may be.
        _try_again(row)
    options = {key: value for key, value in row.options.items() if key not in changes}
    options |= {
        key: changes[key] for key in rows.OPTIONS if key in changes and changes[key] is not None
    }
    row.options = options
    if "tenant" in changes:
        row.tenant = changes["tenant"]
    return [] if is_site else _bound(row, changes, by, former=former, is_new=is_new)


def _set_switches(row: Consumer, changes: Mapping[str, Any]) -> None:
    if "paused" in changes:
        row.paused = bool(changes["paused"])
    if "allow" in changes:
        row.allows_everything = changes["allow"] is None
    if "public_only" in changes:
        row.public_only = bool(changes["public_only"])
    row.public_only = row.public_only or row.from_portal
    auth = changes.get("auth")
    if isinstance(auth, Mapping) and auth.get("type", "none") != "none":
        row.awaits_credentials = False


def _try_again(row: Consumer) -> None:
    """Let one be tried that was gone, whatever routers have heard of it before."""
    row.gone_at = None
    row.tries += 1


def _bound(
    row: Consumer, changes: Mapping[str, Any], by: Any, *, former: _Former, is_new: bool
) -> list[Problem]:
    """
    Keep who is bound to organisations within these, and out of the inner network.

    An inner address that somebody else has given a consumer stays, as long as it is that one.
    """
    own = list(access.tenants(by))
    if is_new and row.tenant is None and len(own) == 1:
        row.tenant = own[0]
    is_other = is_new or (row.protocol, row.url) != (former.protocol, former.url)
    row.public_only = row.public_only or former.is_public_only or is_other
    if (is_new or "tenant" in changes) and row.tenant not in own:
        return [Problem("tenant", "choose one of your own")]
    return []


def _settings(row: Consumer, changes: Mapping[str, Any], opened: Json, *, is_new: bool) -> Json:
    """Give *row* with *changes* as a consumers file would say it."""
    allow, deny, _ = ([], [], {}) if is_new else rows.rules_of(row.rules.all())
    found: Json = {
        "id": row.slug,
        "protocol": row.protocol,
        "url": row.url,
        "enabled": row.enabled,
        **row.options,
        **opened,
    }
    if row.paused or row.paused_by_representative:
        found["paused"] = True
    allow = changes.get("allow", allow)
    if rows.says_what_is_allowed(row, allow):
        found["allow"] = allow
    found["deny"] = changes.get("deny", deny)
    if not found["deny"]:
        del found["deny"]
    for key in ("auth", "headers"):
        if changes.get(key) is not None:
            given = changes[key]
            is_object = isinstance(given, Mapping)
            found[key] = (
                {
                    name: rows.hidden(value) if name != "type" else value
                    for name, value in given.items()
                }
                if is_object
                else given
            )
    if rows.is_public_only(row):
        found["public_only"] = True
    if row.tenant is not None:
        found["orgs"] = list(row.tenant.organisations)
    return found


def _problems(row: Consumer, settings: Json) -> list[Problem]:
    """Say all that is wrong with *row*, whose settings are *settings*."""
    columns = {"slug": "id", "name": "name", "url": "url", "protocol": "protocol"}
    found = find_problems(settings)
    known = {each.path for each in found}
    found += [each for each in row_problems(row, columns) if each.path not in known]
    if row.tenant is not None and not any(each.rule for each in found):
        found += tenant_problems(settings, row.tenant.organisations)
    if row.slug and isinstance(row.slug, str):
        # Databases differ in whether case counts.
        same = Consumer.objects.using(_database()).filter(slug__iexact=row.slug).exclude(pk=row.pk)
        if same.exists():
            found.append(_taken(row.slug))
    return found


def _credential_problems(
    row: Consumer, changes: Mapping[str, Any], kept: Json, *, former: _Former
) -> list[Problem]:
    """
    Keep secrets from who is not to have them.

    Whoever is bound to organisations could have what the server's environment and files hold, or
    the credentials of others, sent to an address of their own. So not one value of them stays where
    the address does not.
    """
    found = []
    for key in ("auth", "headers"):
        given = changes.get(key)
        if isinstance(given, Mapping):
            found += [
                Problem(f"{key}.{name}", "write the secret itself; you may not name a place")
                for name, value in given.items()
                if isinstance(value, Mapping)
            ]
    if any(kept.values()) and former.is_elsewhere(row):
        text = "it is another address; give the credentials for it again, too, and all headers"
        found.append(Problem("url", text))
    return found


def _save_credentials(row: Consumer, settings: Json) -> None:
    auth: Json = dict(settings.get("auth", {"type": "none"}))
    headers: Json = settings.get("headers", {})
    kind = auth.pop("type")
    if not auth and not headers:
        Credential.objects.using(_database()).filter(consumer=row).delete()
        return
    Credential.objects.using(_database()).update_or_create(
        consumer=row,
        defaults={
            "auth_type": kind,
            "secrets": _sealed(auth, "auth") if auth else None,
            "headers": _sealed(headers, "headers") if headers else None,
            "outline": rows.outline(settings.get("auth", {}), headers),
            "changed": timezone.now(),
        },
    )


def _sealed(given: Json, path: str) -> Sealed:
    try:
        return Sealed.of({key: rows.plain(value) for key, value in given.items()})
    except ConfigurationError as error:
        raise Invalid([Problem(path, str(error))]) from None


def _column(model: type[Model], name: str) -> Any:
    return model._meta.get_field(name)  # noqa: SLF001 - Django documents it


def row_problems(row: Any, columns: Mapping[str, str]) -> list[Problem]:
    """Say what the columns of a table do not take: too long, no choice, no text."""
    found = []
    for name, path in columns.items():
        field = _column(type(row), name)
        try:
            value = getattr(row, name)
            if not isinstance(value, str):
                raise ValidationError("write text")
            value.encode()
            field.clean(value, row)
            if "\0" in value:
                raise ValidationError("holds a character that is none (null)")
        except UnicodeEncodeError:
            found.append(Problem(path, "holds what is no text in UTF-8"))
        except ValidationError as error:
            found += [Problem(path, text) for text in error.messages]
    return found
