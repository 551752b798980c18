"""Consumers as rows and as what a consumers file says of them: from one to the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from eventkit.base.secrets import Secret
from eventkit.consumers.consumer import Consumer as FileConsumer
from eventkit.contrib.django import conf
from eventkit.contrib.django.fields import Sealed
from eventkit.contrib.django.models import Consumer, Credential, Rule
from eventkit.contrib.django.shapes import is_misread
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

OPTIONS = (
    *("batch", "timeout", "override", "sensor", "version", "plain_http", "inherits"),
    "match_params",
)
"""What `Consumer.options` may hold."""

AUTH_KEYS = ("username", "password", "token")


def settings_of(row: Consumer, *, with_secrets: bool = True) -> Json:
    """
    Give what a consumers file would say of *row*.

    Rules, credential and tenant of the row are read; fetch them with it (`WITH`).

    Args:
        row: the consumer.

        with_secrets: False leaves out what is secret, not where it is (``{"env": NAME}``).

    Raises:
        ConfigurationError: what is secret does not open with the keys of the site, or the row is
            wrong (`misread`).
    """
    if wrong := misread(row):
        raise ConfigurationError(wrong)
    allow, deny, _ = rules_of(row.rules.all())
    found: Json = {"id": row.slug, "protocol": row.protocol, "url": row.url}
    found["enabled"] = row.enabled and not row.awaits_credentials
    if row.paused or row.paused_by_representative or row.gone_at is not None:
        found["paused"] = True
    if says_what_is_allowed(row, allow):
        found["allow"] = allow
    if deny:
        found["deny"] = deny
    found |= {key: row.options[key] for key in OPTIONS if key in row.options}
    if is_public_only(row):
        found["public_only"] = True
    if row.tenant is not None:
        found["orgs"] = list(row.tenant.organisations)
    credential = credential_of(row)
    if credential is not None:
        found |= opened(credential) if with_secrets else _places(credential)
    return found


def decided_settings(row: Consumer) -> Json:
    """
    Give what a consumers file would say of what administrators want of *row*, without secrets.

    It is what `settings_of` gives but for what holds at the moment: that it is gone, is paused by
    its representatives, or waits for credentials is not for a file to decide.
    """
    found = settings_of(row, with_secrets=False) | {"enabled": row.enabled}
    if not row.paused:
        found.pop("paused", None)
    return found


def misread(row: Consumer) -> str:
    """
    Say what is wrong with *row* in a way that the app itself never writes; ``""``: nothing.

    Nobody can tell what such a consumer may have, so it gets nothing.
    """
    if is_misread(row.options):
        return "options: what is in the database is no object"
    if row.tenant is not None and is_misread(row.tenant.organisations):
        return "orgs: what is in the database for its tenant is no list of organisations"
    credential = credential_of(row)
    if credential is not None and is_misread(credential.outline):
        return "auth: what is in the database is no object"
    return next(filter(None, map(_misread_rule, row.rules.all())), "")


def _misread_rule(rule: Rule) -> str:
    if rule.kind not in Rule.Kind.values:
        return f"a rule in the database neither allows nor denies: {rule.kind!r:.40}"
    if is_misread(rule.patterns) or not rule.patterns:
        return f"{rule.kind}: the patterns in the database for {rule.field!r:.80} are no list"
    return ""


def problem_of(row: Consumer) -> str:
    """Say why workers leave *row* out, or give it as paused; ``""``: they use it as it is."""
    try:
        settings = settings_of(row)
        # Whether what the environment and files hold can be read is for workers to say.
        FileConsumer.from_dict(settings | {"enabled": False})
    except ConfigurationError as error:
        return str(error)
    return ""


def says_what_is_allowed(row: Consumer, allow: Sequence[object] | None) -> bool:
    """Tell whether *allow* is to be said: not where all is allowed, or by ``match_params``."""
    return not row.allows_everything and (bool(allow) or "match_params" not in row.options)


WITH = ("rules",)
"""What to prefetch for `settings_of`."""
WITH_ONE = ("credential", "tenant")
"""What to select with it."""


def credential_of(row: Consumer) -> Credential | None:
    """Give the credential of *row*; None: it has none."""
    try:
        return row.credential
    except Credential.DoesNotExist:
        return None


def is_public_only(row: Consumer) -> bool:
    """Tell whether only public addresses are open to *row*."""
    return row.public_only and not is_allowed_host(row.url)


def is_allowed_host(url: str) -> bool:
    """Tell whether the site has allowed the host of *url* by name, public or not."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    hosts = {each.lower().rstrip(".") for each in conf.admin_settings().allow_hosts}
    return parts.scheme in ("http", "https") and host in hosts


def rules_of(rows: Iterable[Rule]) -> tuple[list[Json], list[Json], dict[str, Rule]]:
    """
    Give the rules that *rows* are, in order: those that allow, those that deny.

    Rows of one kind and number are one rule. The third is each row by the place that messages name:
    ``allow[0].course``. What is neither is no rule (`misread`).
    """
    found: dict[str, dict[int, Json]] = {Rule.Kind.ALLOW: {}, Rule.Kind.DENY: {}}
    named: list[tuple[str, int, Rule]] = []
    for row in sorted(rows, key=lambda each: (each.kind, each.number)):
        if row.kind not in found:
            continue
        rule = found[row.kind].setdefault(row.number, {})
        # A field that stands twice asks for any of both.
        rule[row.field] = [*rule.get(row.field, ()), *row.patterns]
        if row.unknown:
            rule["unknown"] = True
        if row.missing:
            rule["missing"] = "deny"
        named.append((row.kind, row.number, row))
    places = {
        f"{kind}[{list(found[kind]).index(number)}].{row.field}": row for kind, number, row in named
    }
    return list(found[Rule.Kind.ALLOW].values()), list(found[Rule.Kind.DENY].values()), places


def rule_rows(allow: Sequence[Mapping[str, Any]], deny: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Make the rows of rules that have been checked; they belong to no consumer yet."""
    return [
        Rule(
            kind=kind,
            number=number,
            field=field,
            patterns=list(given) if isinstance(given, (list, tuple)) else [given],
            unknown=bool(rule.get("unknown", False)),
            missing="missing" in rule,
        )
        for kind, rules in ((Rule.Kind.ALLOW, allow), (Rule.Kind.DENY, deny))
        for number, rule in enumerate(rules, start=1)
        for field, given in rule.items()
        if field not in ("unknown", "missing")
    ]


def outline(auth: Mapping[str, Any], headers: Mapping[str, Any]) -> Json:
    """Give credentials as people may see them: what is secret as ``***``."""
    shown: Json = {"auth": {"type": auth.get("type", "none")}, "headers": {}}
    shown["auth"] |= {key: _shown(auth[key]) for key in AUTH_KEYS if key in auth}
    shown["headers"] = {name: _shown(value) for name, value in headers.items()}
    return shown


def _shown(value: object) -> Any:
    return dict(value) if isinstance(value, Mapping) else "***"


def opened(credential: Credential, keys: Collection[str] = ("auth", "headers")) -> Json:
    """
    Give ``auth`` and ``headers``, or one of them, as far as there are such.

    Raises:
        ConfigurationError: they do not open with the keys of the site.
    """
    found: Json = {}
    if "auth" in keys and credential.secrets is not None:
        found["auth"] = {
            "type": credential.auth_type,
            **{key: hidden(value) for key, value in _object(credential.secrets).items()},
        }
    if "headers" in keys and credential.headers is not None:
        found["headers"] = {
            name: hidden(value) for name, value in _object(credential.headers).items()
        }
    return found


def _object(sealed: Sealed) -> Json:
    found = sealed.open()
    if not isinstance(found, dict):
        raise ConfigurationError("auth: what is encrypted in the database is no object")
    return found


def _places(credential: Credential) -> Json:
    """Give what may be shown of a credential: its type, and where what is secret is read."""
    auth = credential.outline.get("auth", {})
    headers = credential.outline.get("headers", {})
    found: Json = {}
    if credential.auth_type != Credential.AuthType.NONE:
        found["auth"] = {"type": credential.auth_type} | _only_places(auth)
    if kept := _only_places(headers):
        found["headers"] = kept
    return found


def _only_places(given: Mapping[str, Any]) -> Json:
    return {key: value for key, value in given.items() if isinstance(value, dict)}


def hidden(value: Any) -> Any:
    """Wrap a text as a `Secret`; leave places as they are."""
    return Secret(value) if isinstance(value, str) else value


def plain(value: Any) -> Any:
    """Give what `hidden` wrapped, to be encrypted."""
    return value.reveal() if isinstance(value, Secret) else value
