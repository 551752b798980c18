"""
Consumers from a file, or of another program: what would change, and then the change itself.

A plan is what `eventkit.contrib.django.actions` would do, found out by doing it and undoing it, so
that it differs in nothing from what is done afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs
from django.core.exceptions import PermissionDenied
from django.views.decorators.debug import sensitive_variables

from eventkit.base.schema_errors import near_miss
from eventkit.contrib.django import access, actions, auditing
from eventkit.contrib.django.models import Consumer, Credential, Tenant
from eventkit.contrib.django.rows import (
    AUTH_KEYS,
    OPTIONS,
    WITH,
    WITH_ONE,
    credential_of,
    opened,
    plain,
    rules_of,
)
from eventkit.exceptions import ConfigurationError
from eventkit.filters.wording import in_words
from eventkit.typing import Json

Kind = Literal["new", "changed", "same", "wrong"]

_WRITES = ("protocol", "url", "allow", "deny", *OPTIONS)
"""Settings that a consumers file says by leaving them out, too."""

_MAY_SAY = ("enabled", "paused", "public_only", "name", "note")
"""Settings that stay as they are where a file says nothing of them."""


@attrs.frozen
class Difference:
    """One setting that would be another one; texts for people, without secrets."""

    field: str
    old: str
    new: str


@attrs.frozen
class Plan:
    """What would be done with one consumer."""

    id: str
    kind: Kind
    differences: tuple[Difference, ...] = ()
    problems: tuple[str, ...] = ()
    """Why it cannot be done."""
    warnings: tuple[str, ...] = ()
    """What is left to do afterwards."""
    words: str = ""
    """What it would get."""
    changes: Json = attrs.field(factory=dict, repr=False)
    row: Consumer | None = None


@sensitive_variables()
def plans(
    found: Iterable[Any],
    *,
    by: Any = None,
    tenant: Tenant | None = None,
    with_secrets: bool = True,
) -> list[Plan]:
    """
    Say what would be done with each of the consumers *found*.

    What a consumers file leaves out is as it is by default, with exceptions that let nothing flow
    by mistake: secrets that it leaves out stay; a new consumer is disabled, and one that is
    disabled or paused stays so, whatever it says; and whether one is enabled, paused, or may have
    public addresses only stays where it says nothing.

    Args:
        found: settings of consumers, as of a consumers file.

        by: who would do it; None: a program of the site.

        tenant: whose new consumers are.

        with_secrets: False: credentials and headers are left out.
    """
    listed = list(found)
    rows = _rows(listed, by)
    seen: set[str] = set()
    made = []
    for number, settings in enumerate(listed, start=1):
        plan = _plan(settings, number, rows, by=by, tenant=tenant, with_secrets=with_secrets)
        if plan.id.lower() in seen:
            text = "id is used twice; give each consumer its own"
            plan = Plan(plan.id, "wrong", problems=(text,))
        seen.add(plan.id.lower())
        made.append(plan)
    return made


@sensitive_variables()
def carry_out(made: Iterable[Plan], *, by: Any = None) -> list[Consumer]:
    """
    Do what is planned, all of it or nothing; plans that are wrong are left out.

    Raises:
        ConfigurationError: something has become wrong since.
        PermissionDenied: *by* may not do this.
    """
    with actions.together():
        return [_do(plan.row, plan.changes, by) for plan in made if plan.kind in ("new", "changed")]


def _rows(listed: Sequence[Any], by: Any) -> dict[str, Consumer]:
    ids = [each["id"] for each in listed if isinstance(each, Mapping) and _is_text(each.get("id"))]
    seen = Consumer.objects.all() if by is None else access.consumers(by)
    chosen = seen.filter(slug__in=ids).select_related(*WITH_ONE).prefetch_related(*WITH)
    return {row.slug: row for row in chosen}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


@sensitive_variables()
def _plan(
    settings: Any,
    number: int,
    rows: Mapping[str, Consumer],
    *,
    by: Any,
    tenant: Tenant | None,
    with_secrets: bool,
) -> Plan:
    if not isinstance(settings, Mapping):
        text = f"expected an object, got {type(settings).__name__}"
        return Plan(f"#{number}", "wrong", problems=(text,))
    given = dict(settings)
    named = given.get("id")
    slug = named if isinstance(named, str) and named else f"#{number}"
    row = rows.get(slug)
    try:
        changes, warnings = _changes(given, row, tenant=tenant, with_secrets=with_secrets)
        before, after, saved_words = _tried(row, changes, by)
    except ConfigurationError as error:
        problems = actions.problems_of(error)
        return Plan(slug, "wrong", problems=tuple(_line(each) for each in problems))
    except PermissionDenied:
        return Plan(slug, "wrong", problems=("you may not do this",))
    differences = tuple(
        Difference(key, _written(before.get(key)), _written(after.get(key)))
        for key in after
        if before.get(key) != after.get(key) and (row is not None or after.get(key) not in _EMPTY)
    )
    kind: Kind = "new" if row is None else "changed" if differences else "same"
    return Plan(
        slug,
        kind,
        differences=differences,
        warnings=tuple(warnings),
        words=saved_words,
        changes=changes,
        row=row,
    )


@sensitive_variables()
def _changes(
    given: Json, row: Consumer | None, *, tenant: Tenant | None, with_secrets: bool
) -> tuple[Json, list[str]]:
    """Give what `actions` take, and what is left to do."""
    orgs = given.pop("orgs", None)
    _refuse_lost_boundary(orgs, row.tenant if row is not None else tenant)
    known = {"id", "auth", "headers", *_WRITES, *_MAY_SAY}
    unknown = [key for key in given if key not in known]
    if unknown:
        text = f"unknown key {unknown[0]!r:.80}; {near_miss(str(unknown[0]), known)}"
        raise actions.Invalid([actions.Problem("", text)])
    nulls = [key for key in given if given[key] is None and key != "sensor"]
    if nulls:
        text = "nothing stands behind it (null); write a value, or leave it out"
        raise actions.Invalid([actions.Problem(nulls[0], text)])
    made: Json = {key: given.get(key) for key in OPTIONS}
    made |= {key: given.get(key, "") for key in ("protocol", "url")}
    # Left out it allows everything, unless another setting says what takes its place.
    otherwise: list[Json] | None = None
    if "match_params" in given and not (row is not None and row.allows_everything):
        otherwise = []
    made |= {"allow": given.get("allow", otherwise), "deny": given.get("deny", [])}
    made |= {key: given[key] for key in _MAY_SAY if key in given}
    warnings: list[str] = []
    if row is None:
        made["id"] = given.get("id", "")
        made["tenant"] = tenant
        if made.pop("enabled", True):
            warnings.append("It comes in disabled: look at it, and enable it.")
    else:
        _leave_off(made, row, warnings)
    made |= _credentials(given, row, warnings, with_secrets=with_secrets)
    return made, warnings


def _leave_off(made: Json, row: Consumer, warnings: list[str]) -> None:
    """Let nothing flow because of a file: people enable and resume."""
    if made.get("enabled") is True and not row.enabled:
        del made["enabled"]
        warnings.append("It stays disabled, whatever the file says: look at it, and enable it.")
    if made.get("paused") is False and row.paused:
        del made["paused"]
        warnings.append("It stays paused, whatever the file says: resume it when it may go on.")


def _refuse_lost_boundary(orgs: Any, tenant: Tenant | None) -> None:
    """Refuse a boundary of organisations that nobody would keep to any more."""
    if orgs is None:
        return
    own = {str(each).lower() for each in tenant.organisations} if tenant is not None else set()
    wanted = {str(each).lower() for each in orgs} if isinstance(orgs, list) else set()
    if not own or not own <= wanted:
        text = (
            "the boundary of a consumer is that of its tenant here; choose a tenant with these "
            "organisations, or leave orgs out"
        )
        raise actions.Invalid([actions.Problem("orgs", text)])


@sensitive_variables()
def _credentials(
    given: Json, row: Consumer | None, warnings: list[str], *, with_secrets: bool
) -> Json:
    """Give the credentials that change; what is secret and left out stays as it is."""
    credential = credential_of(row) if row is not None else None
    kept = credential.outline if credential is not None else {}
    made: Json = {}
    for key, changed in (("auth", _auth), ("headers", _headers)):
        value = given.get(key)
        if isinstance(value, Mapping):
            value = changed(value, kept.get(key, {}), warnings, with_secrets=with_secrets)
            if isinstance(value, Mapping) and _is_kept(value, kept, credential, key):
                value = None
        if value is not None:
            made[key] = value
    return made


@sensitive_variables()
def _is_kept(value: Mapping[str, Any], kept: Json, credential: Credential | None, key: str) -> bool:
    """Tell whether all of *value* is what there is already."""
    shown = kept.get(key) or ({"type": "none"} if key == "auth" else {})
    if value.keys() != shown.keys() or value.get("type") != shown.get("type"):
        return False
    named = {name for name, each in value.items() if each is not actions.KEPT and name != "type"}
    if not named or credential is None:
        return True
    try:
        before = opened(credential, (key,)).get(key, {})
    except ConfigurationError:
        # It is new for whoever cannot read what there is.
        return False
    return all(plain(value[name]) == plain(before.get(name)) for name in named)


_ASKED = {"basic": ("username", "password"), "bearer": ("token",)}


@sensitive_variables()
def _auth(
    given: Mapping[str, Any], kept: Mapping[str, Any], warnings: list[str], *, with_secrets: bool
) -> Json | None:
    """Give ``auth``, with what is kept of it; None: something is missing."""
    kind = given.get("type")
    found = {
        key: value
        for key, value in given.items()
        if with_secrets or key not in AUTH_KEYS or isinstance(value, Mapping)
    }
    asked = _ASKED.get(str(kind), ())
    if kept.get("type") == kind:
        found |= {key: actions.KEPT for key in asked if key in kept and key not in found}
    missing = [key for key in asked if key not in found]
    if missing:
        warnings.append(
            f"Its credentials ({kind}: {', '.join(missing)}) are not in it; enter them before "
            "you enable it."
        )
        return None
    return found


@sensitive_variables()
def _headers(
    given: Mapping[str, Any], kept: Mapping[str, Any], warnings: list[str], *, with_secrets: bool
) -> Json:
    """Give ``headers``, with those that are kept."""
    taken = {
        name: value for name, value in given.items() if with_secrets or isinstance(value, Mapping)
    }
    left = sorted(name for name in given if name not in taken and name not in kept)
    if left:
        warnings.append(
            f"The values of its headers ({', '.join(left)}) are not in it; enter them before you "
            "enable it."
        )
    replaced = {str(name).lower() for name in taken}
    stays = {name: actions.KEPT for name in kept if name.lower() not in replaced}
    return {**stays, **taken}


@sensitive_variables()
def _tried(row: Consumer | None, changes: Json, by: Any) -> tuple[Json, Json, str]:
    """Do it and undo it; give how the consumer is and would be, and what it would get."""
    before = auditing.snapshot(actions.fresh(row)) if row is not None else {}
    with actions.undone():
        saved = actions.fresh(_do(row, changes, by))
        after = auditing.snapshot(saved)
        words = _words(saved)
    if row is not None and ("auth" in changes or "headers" in changes):
        before, after = before | {"secrets": "***"}, after | {"secrets": "*** (others)"}
    return before, after, words


def _words(row: Consumer) -> str:
    allow, deny, _ = rules_of(row.rules.all())
    organisations = row.tenant.organisations if row.tenant is not None else None
    params = row.options.get("match_params")
    allows_all = row.allows_everything or (params is not None and not allow)
    return in_words(None if allows_all else allow, deny, organisations, params)


@sensitive_variables()
def _do(row: Consumer | None, changes: Json, by: Any) -> Consumer:
    if row is None:
        return actions.create(changes, by=by)
    return actions.change(row, changes, by=by)


def _line(problem: actions.Problem) -> str:
    return f"{problem.path}: {problem.text}" if problem.path else problem.text


_EMPTY: tuple[object, ...] = (None, "", [], {}, False)


def _written(value: object) -> str:
    """Give what people read of a setting: rules and the like one on each line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in _EMPTY:
        return ""
    if isinstance(value, list):
        return "\n".join(map(_written, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
