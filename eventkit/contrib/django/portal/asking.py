"""
Requests for access: asking, narrowing, approving, refusing, withdrawing. The Python API of it.

As in `eventkit.contrib.django.actions`, each takes *by*, checks that they may, and writes the audit
trail in the same transaction. Nothing flows before a request is approved; then a consumer is made
that may have public addresses only, and that waits for credentials if its receiver wants some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.utils import timezone
from django.utils.text import slugify

from eventkit.consumers.consumer import Consumer as Settings
from eventkit.contrib.django import access, actions, auditing
from eventkit.contrib.django.access import User
from eventkit.contrib.django.conf import admin_settings
from eventkit.contrib.django.models import LONGEST_ID, AccessRequest, Consumer, Credential, Tenant
from eventkit.contrib.django.portal.wanted import FIELDS, Wanted, complaints
from eventkit.contrib.django.rows import is_allowed_host
from eventkit.contrib.django.validation import Invalid, Problem, find_problems
from eventkit.exceptions import ConfigurationError

MOST_A_DAY = 10
"""Requests of one user in 24 hours, withdrawn ones too: each is a mail to administrators."""

LONGEST_WHY = 4000


class AlreadyDecided(Invalid):
    """Somebody has approved, refused or withdrawn it."""

    def __init__(self, request: AccessRequest) -> None:
        text = f"The request is {request.get_state_display()} already; nothing has changed."
        super().__init__([Problem("", text)])


def obstacle(user: Any) -> str:
    """Say why *user* cannot ask for access now; ``""``: they can."""
    limits = admin_settings()
    if limits.require_permission and not user.has_perm("eventkit.add_accessrequest"):
        return "You may not ask for access here; an administrator of the site can permit it."
    own = access.own_requests(user)
    if own.filter(state=AccessRequest.State.WAITING).count() >= limits.open_requests:
        return (
            f"You have {limits.open_requests} requests that wait for a decision, which is as many "
            "as one may have. Withdraw one, or wait."
        )
    if own.filter(created__gt=timezone.now() - timedelta(days=1)).count() >= MOST_A_DAY:
        return f"You have sent {MOST_A_DAY} requests within a day; go on tomorrow."
    return ""


def wanted_of(request: AccessRequest) -> Wanted:
    """Give what a request asks for."""
    return Wanted(request.courses, request.organisations, request.events)


def asked_of(request: AccessRequest) -> Wanted:
    """Give what a request asked for before it was narrowed."""
    return Wanted(**request.asked) if request.asked else wanted_of(request)


def ask(
    wanted: Wanted,
    *,
    by: Any,
    organisation: str,
    contact: str,
    why: str,
    protocol: str,
    url: str,
    auth_type: str,
) -> AccessRequest:
    """
    Ask for access.

    Raises:
        Invalid: something is wrong with it.
        PermissionDenied: *by* may not ask, or has asked too often.
    """
    if not getattr(by, "is_active", False) or by.pk is None:
        raise PermissionDenied("Log in to ask for access.")
    row = AccessRequest(
        who=by,
        organisation=organisation,
        contact=contact,
        why=why,
        protocol=protocol,
        url=url,
        auth_type=auth_type,
    )
    _put(row, wanted)
    columns = ("organisation", "contact", "why", "protocol", "url", "auth_type")
    found = [
        *actions.row_problems(row, {name: name for name in columns}),
        *text_problems(organisation, why),
        *problems(wanted),
    ]
    if not any(each.path in ("protocol", "url") for each in found):
        found += address_problems(protocol, url)
    if found:
        raise Invalid(found)
    with transaction.atomic(using=_database()):
        # One after the other, so that many at once are no more than one may have.
        get_user_model().objects.using(_database()).select_for_update().get(pk=by.pk)
        if said := obstacle(by):
            raise PermissionDenied(said)
        row.save()
        _record("request_access", row, by)
    return row


def withdraw(request: AccessRequest, *, by: Any) -> AccessRequest:
    """
    Take back an own request.

    Raises:
        AlreadyDecided: it is decided.
        PermissionDenied: it is somebody else's.
    """
    with transaction.atomic(using=_database()):
        row = _locked(request)
        if not getattr(by, "is_active", False) or row.who_id != by.pk:
            raise PermissionDenied("It is not yours.")
        _refuse_decided(row)
        _decide(row, AccessRequest.State.WITHDRAWN, by)
        _record("withdraw_request", row, by)
    return row


def narrow(request: AccessRequest, wanted: Wanted, *, by: User | None) -> AccessRequest:
    """
    Leave out some of what a request asks for; what was asked first is kept, and is the most.

    Raises:
        AlreadyDecided: it is decided.
        Invalid: something is wrong with it, or it reaches beyond what was asked for or what *by*
            may decide on.
        PermissionDenied: *by* may not decide it.
    """
    with transaction.atomic(using=_database()):
        row = _undecided(request, by)
        _narrow(row, wanted, by)
    return row


def approve(
    request: AccessRequest,
    slug: str,
    *,
    by: User | None,
    wanted: Wanted | None = None,
    tenant: Tenant | None = None,
    reason: str = "",
) -> Consumer:
    """
    Make a consumer of a request.

    Args:
        request: which one.

        slug: the consumer's id.

        by: who does it.

        wanted: what it may have, instead of what was asked for.

        tenant: whose boundary it keeps to. Staff of tenants need one, their only one by default.

        reason: a word to the representative.

    Raises:
        AlreadyDecided: it is decided.
        Invalid: something is wrong with it, or it reaches beyond the tenant's organisations.
        PermissionDenied: *by* may not decide it.
    """
    with actions.changing():
        row = _undecided(request, by)
        if wanted is not None:
            _narrow(row, wanted, by)
        final = wanted_of(row)
        bound_to = tenant or _only_tenant(final, by)
        found = [*problems(final), *address_problems(row.protocol, row.url)]
        found += _tenant_problems(final, bound_to, by)
        if not row.who.is_active:
            found.append(Problem("", "The account of who asked is switched off; refuse it."))
        if found:
            raise Invalid(found)
        consumer = actions.register(
            {
                "id": slug,
                "name": row.organisation,
                "protocol": row.protocol,
                "url": row.url,
                "allow": final.rules(),
                "enabled": True,
                "tenant": bound_to,
                "representatives": [row.who],
            },
            by=by,
            from_portal=True,
            awaits_credentials=row.auth_type != Credential.AuthType.NONE,
        )
        row.consumer = consumer
        _decide(row, AccessRequest.State.APPROVED, by, reason)
        auditing.record("approve_request", by=by, consumer=consumer, after=_snapshot(row))
    return consumer


def refuse(request: AccessRequest, reason: str, *, by: User | None) -> AccessRequest:
    """
    Refuse a request, with a reason for the representative.

    Raises:
        AlreadyDecided: it is decided.
        Invalid: there is no reason.
        PermissionDenied: *by* may not decide it.
    """
    with transaction.atomic(using=_database()):
        row = _undecided(request, by)
        if not reason.strip():
            raise Invalid([Problem("reason", "Say why; the representative will read it.")])
        _decide(row, AccessRequest.State.REFUSED, by, reason)
        _record("refuse_request", row, by)
    return row


def suggested_slug(request: AccessRequest) -> str:
    """Give an id for the consumer of a request that nobody has yet."""
    base = slugify(request.organisation)[: LONGEST_ID - 20] or "receiver"
    taken = set(
        Consumer.objects.filter(slug__istartswith=base).values_list("slug", flat=True)[:10_000]
    )
    taken = {slug.lower() for slug in taken}
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def tenants_for(wanted: Wanted, user: User) -> list[Tenant]:
    """Give the tenants of *user* that all of *wanted* is within."""
    return [one for one in access.tenants(user) if wanted.is_within(one.organisations)]


def text_problems(organisation: str, why: str) -> list[Problem]:
    """Say which texts would show as something else than what stands there, or are too long."""
    found = []
    if not organisation.isprintable():
        found.append(Problem("organisation", "Write it in one line of ordinary characters."))
    if not all(line.replace("\t", " ").isprintable() for line in why.splitlines()):
        found.append(Problem("why", "Write it in ordinary characters."))
    if len(why) > LONGEST_WHY:
        found.append(Problem("why", f"Say it in {LONGEST_WHY} characters at most."))
    return found


def problems(wanted: Wanted) -> list[Problem]:
    """Say what is wrong with what is asked for, by the fields of the form."""
    found = [
        Problem(name, said) for name in FIELDS for said in complaints(name, getattr(wanted, name))
    ]
    if not (wanted.courses or wanted.organisations):
        found.append(Problem("courses", "Name at least one course, or an organisation."))
    if not wanted.events:
        found.append(
            Problem("families", "Choose at least one kind of events, or name single events.")
        )
    return found


def address_problems(protocol: str, url: str) -> list[Problem]:
    """Say what is wrong with the address of a receiver, as of a consumers file and then some."""
    is_allowed = is_allowed_host(url)
    if not is_allowed and not url.lower().startswith("https://"):
        text = "It must begin with https://, so that nobody on the way can read the data."
        return [Problem("url", text)]
    draft: dict[str, Any] = {"id": "request", "protocol": protocol, "url": url, "allow": []}
    if not is_allowed:
        draft["public_only"] = True
    found = [each for each in find_problems(draft) if each.path in ("protocol", "url")]
    return [Problem(each.path, _about_address(each.text)) for each in found or _doubts(draft)]


def _about_address(text: str) -> str:
    """Say it to somebody who knows no settings of consumers."""
    said, is_refused, _ = text.partition(", and this consumer may only have")
    if is_refused:
        return f"Nothing is sent there: {said}. Name a host that everybody can reach."
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _doubts(draft: dict[str, Any]) -> Iterator[Problem]:
    try:
        said = Settings.from_dict(draft).doubts()
    except ConfigurationError:
        return
    for text in said:
        path, _, doubt = text.partition(": ")
        if path == "url":
            yield Problem(path, doubt)


def _tenant_problems(wanted: Wanted, tenant: Tenant | None, by: User | None) -> Iterable[Problem]:
    if tenant is None:
        if by is not None and not access.sees_all(by):
            yield Problem("tenant", "Choose whose receiver it is.")
    elif by is not None and not access.tenants(by).filter(pk=tenant.pk).exists():
        yield Problem("tenant", "Choose one of your own.")
    elif not wanted.is_within(tenant.organisations):
        named = ", ".join(tenant.organisations) or "none"
        yield Problem(
            "tenant",
            f"The request reaches beyond the organisations of {tenant} ({named}); narrow its "
            "courses and organisations to these.",
        )


def _only_tenant(wanted: Wanted, by: User | None) -> Tenant | None:
    if by is None or access.sees_all(by):
        return None
    found = tenants_for(wanted, by)
    return found[0] if len(found) == 1 else None


def _narrow(row: AccessRequest, wanted: Wanted, by: User | None) -> None:
    if wanted == wanted_of(row):
        return
    found = problems(wanted)
    if not found and by is not None and not access.sees_all(by) and not tenants_for(wanted, by):
        # Else it would be out of sight, and out of the hands of who narrowed it.
        text = "It reaches beyond your organisations; name courses and organisations of these."
        found = [Problem("courses", text)]
    found = found or [
        Problem(field, f"{pattern:.100} reaches beyond what was asked for; leave it out.")
        for field, pattern in wanted.beyond(asked_of(row))
    ]
    if found:
        raise Invalid(found)
    before = _snapshot(row)
    row.asked = row.asked or {
        "courses": row.courses,
        "organisations": row.organisations,
        "events": row.events,
    }
    _put(row, wanted)
    row.save()
    _record("narrow_request", row, by, before=before)


def _put(row: AccessRequest, wanted: Wanted) -> None:
    row.courses = list(wanted.courses)
    row.organisations = list(wanted.organisations)
    row.events = list(wanted.events)
    row.scope = " ".join(sorted(wanted.scope() or ()))


def _database() -> str:
    """Name the database that is written, and so read: another one may be behind it."""
    return router.db_for_write(AccessRequest)


def _locked(request: AccessRequest) -> AccessRequest:
    rows = AccessRequest.objects.using(_database())
    if rows.select_for_update().filter(pk=request.pk).first() is None:
        raise Invalid([Problem("", "somebody has removed it")])
    # Not with the lock: who asked is not to wait for it.
    return rows.select_related("who").get(pk=request.pk)


def _undecided(request: AccessRequest, by: User | None) -> AccessRequest:
    row = _locked(request)
    access.require(by, "decide", row)
    _refuse_decided(row)
    return row


def _refuse_decided(row: AccessRequest) -> None:
    if row.state != AccessRequest.State.WAITING:
        raise AlreadyDecided(row)


def _decide(
    row: AccessRequest, state: AccessRequest.State, by: User | None, reason: str = ""
) -> None:
    row.state = state
    row.decided_by_id = by.pk if by is not None else None
    row.decided_at = timezone.now()
    row.reason = reason.strip()
    row.save()


def _record(
    action: str, row: AccessRequest, by: User | None, *, before: dict[str, Any] | None = None
) -> None:
    """Write the audit trail; staff of a tenant see it if the request is within that one alone."""
    wanted = wanted_of(row)
    within = [each for each in Tenant.objects.all() if wanted.is_within(each.organisations)]
    tenant = within[0] if len(within) == 1 else None
    auditing.record(action, by=by, tenant=tenant, before=before, after=_snapshot(row))


def _snapshot(row: AccessRequest) -> dict[str, Any]:
    """Give what the audit trail says of a request."""
    return {
        "request": str(row.pk),
        "state": row.state,
        "organisation": row.organisation,
        "protocol": row.protocol,
        "url": auditing.without_query(row.url),
        "courses": row.courses,
        "organisations": row.organisations,
        "events": row.events,
        "reason": row.reason,
    }
