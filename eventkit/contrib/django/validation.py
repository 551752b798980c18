"""
Whether a consumer may be saved: the same checks as of a consumers file, and what rows add to them.

What is wrong comes as `Problem`, each with the setting that it is about, so that a form can say it
beside the field.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from eventkit.base.addresses import refusal
from eventkit.consumers.consumer import SECRET_NAME, Consumer
from eventkit.contrib.django.rows import AUTH_KEYS, OPTIONS, is_allowed_host
from eventkit.exceptions import ConfigurationError
from eventkit.transports.making import refuse_unsendable
from eventkit.typing import Json

EVERYTHING = "__all__"
"""The field of what is wrong with no field alone."""

_MOST = 20
"""Problems that are told at once."""


@attrs.frozen
class Problem:
    """One thing that is wrong."""

    path: str
    """As in a consumers file: ``url``, ``batch.max_size``, ``allow[0].course``, ``auth.token``."""
    text: str

    @property
    def field(self) -> str:
        """The field of a form: of models, ``username`` and the like of `auth`, ``rules``."""
        root, _, rest = self.path.partition(".")
        root = root.partition("[")[0]
        if root in ("allow", "deny", "orgs"):
            return "rules"
        if root == "auth":
            return rest if rest in AUTH_KEYS else "auth_type"
        return {"id": "slug", "": EVERYTHING}.get(root, root)

    @property
    def rule(self) -> tuple[str, int, str] | None:
        """Which rule it is about: ``allow`` or ``deny``, its index, its field (or ``""``)."""
        found = _RULE.fullmatch(self.path)
        return (found[1], int(found[2]), found[3] or "") if found else None


class Invalid(ConfigurationError):
    """Something cannot be saved; *found* says what is wrong, and nothing has changed."""

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = tuple(found)
        lines = [f"{each.path}: {each.text}" if each.path else each.text for each in self.found]
        super().__init__("; ".join(lines), lines)


def field_errors(error: ConfigurationError) -> dict[str, list[str]]:
    """
    Give what is wrong by the fields of a form (`Problem.field`).

    Fields are those of the model `Consumer`, ``auth_type``, ``username``, ``password``, ``token``,
    ``headers``, ``rules``, the options by name, and ``__all__`` for all else.
    """
    found: dict[str, list[str]] = {}
    for each in problems_of(error):
        found.setdefault(each.field, []).append(each.text)
    return found


def problems_of(error: ConfigurationError) -> tuple[Problem, ...]:
    """Give what is wrong, one by one."""
    if isinstance(error, Invalid):
        return error.found
    return tuple(map(_problem, error.problems or [str(error)]))


_RULE = re.compile(r"(allow|deny)\[(\d+)\](?:\.(.+))?")
_UNKNOWN = re.compile(r"unknown key '([^']*)'")
_MISSING = re.compile(r"(\S+) is missing")
_HEADER = re.compile(r"(headers)\.(\S+): (.*)", re.DOTALL)
_AT = re.compile(r"((?:allow|deny)\[\d+\](?:\.[^:\s]+)?|[a-z_]+(?:\.[\w-]+)*): (.*)", re.DOTALL)


def _problem(line: str) -> Problem:
    if found := _UNKNOWN.match(line):
        return Problem(found[1] if found[1].partition(".")[0] in _ROOTS else "", line)
    if found := _MISSING.match(line):
        return Problem(found[1], f"{line}; write it there")
    if found := _HEADER.match(line):
        return Problem("headers", f"{found[2]}: {found[3]}")
    if (found := _AT.match(line)) and re.split(r"[.\[]", found[1])[0] in _ROOTS:
        return Problem(found[1], found[2])
    return Problem("", line)


_ROOTS = frozenset(
    {"id", "protocol", "url", "enabled", "paused", "auth", "allow", "deny", "headers", "orgs"}
    | {"public_only", *OPTIONS}
)

_NEUTRAL: dict[str, Any] = {
    "id": "consumer",
    "protocol": "xapi",
    "url": "https://consumer.invalid/",
    "auth": {"type": "none"},
    "enabled": False,
}
"""What stands in for a setting that is wrong, so that the others are looked at too."""


def find_problems(settings: Mapping[str, Any]) -> list[Problem]:
    """Say all that is wrong with *settings*, as of a consumers file; none: it can be used."""
    found: list[Problem] = []
    left = dict(settings)
    while len(found) < _MOST:
        try:
            refuse_unsendable(Consumer.from_dict(left))
        except ConfigurationError as error:
            new = [each for each in dict.fromkeys(problems_of(error)) if each not in found]
            found += new
            if not new or not all(_neutralise(left, each.path) for each in new):
                break
        else:
            break
    return [*found, *_secrets_in_url(settings)]


def _neutralise(settings: Json, path: str) -> bool:
    """Put what is surely right in the place of what is wrong; False: there is no such place."""
    root = re.split(r"[.\[]", path)[0]
    rule = _RULE.fullmatch(path)
    if rule and isinstance(settings.get(root), list):
        index = int(rule[2])
        rules = list(settings[root])
        if index >= len(rules) or rules[index] == {"event": "*"}:
            return False
        settings[root] = [*rules[:index], {"event": "*"}, *rules[index + 1 :]]
        return True
    if root in _NEUTRAL:
        settings[root] = _NEUTRAL[root]
        return True
    return settings.pop(root, None) is not None


def _secrets_in_url(settings: Mapping[str, Any]) -> list[Problem]:
    """Refuse secrets in a URL: it is shown to everybody who sees the consumer."""
    found = []
    for url in (settings.get("url"), *_texts(settings.get("inherits"))):
        try:
            query = urlsplit(url).query if isinstance(url, str) else ""
        except ValueError:
            continue
        named = (key for key, _ in parse_qsl(query, keep_blank_values=True))
        if key := next(filter(SECRET_NAME.search, named), ""):
            text = (
                f"the key {key!r:.40} of the query looks like a secret, and everybody who sees "
                "the consumer sees its URL; put it into auth or headers"
            )
            found.append(Problem("url", text))
    return found


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def public_problems(url: str) -> list[Problem]:
    """Say why *url* is none for a consumer that may have public addresses only."""
    said = None if is_allowed_host(url) else refusal(url)
    return [] if said is None else [Problem("url", said.removeprefix("url: "))]


def tenant_problems(settings: Mapping[str, Any], organisations: Iterable[str]) -> list[Problem]:
    """
    Say which rules of a tenant's consumer reach beyond its *organisations*.

    What only its organisations have is allowed by name. Where a rule names no organisation, the
    boundary of the consumer does, so it is none of these problems.
    """
    own = {each.lower() for each in organisations}
    named = ", ".join(sorted(organisations)) or "none yet"
    found = []
    for index, rule in enumerate(settings.get("allow") or ()):
        beyond = {field: _beyond(field, rule[field], own) for field in rule if field in _NAMING}
        # All fields of a rule must match: one that stays inside is enough.
        if all(beyond.values()):
            found += [
                Problem(
                    f"allow[{index}].{field}",
                    f"{pattern!r:.100} reaches beyond the organisations of the tenant ({named}); "
                    "name these, without a pattern in the organisation",
                )
                for field, pattern in beyond.items()
            ]
    return found


def _beyond(field: str, given: object, own: Collection[str]) -> object:
    """Give the first pattern that others than *own* match; None: there is none."""
    for pattern in given if isinstance(given, list) else [given]:
        reached = _org_of(field, pattern)
        if reached is None or reached.lower() not in own:
            return pattern or "nothing"
    return None


_ORG_FIELDS = frozenset({"org", "context.org_id"})
_COURSE_FIELDS = frozenset({"course", "context.course_id"})
_NAMING = _ORG_FIELDS | _COURSE_FIELDS
_COURSE = re.compile(r"(?:[a-z0-9-]+-v1:)?([^*?+/:]+)[+/].*", re.DOTALL)


def _org_of(field: str, pattern: object) -> str | None:
    """Give the one organisation that *pattern* can match; None: it may match several."""
    if not isinstance(pattern, str) or pattern.startswith("re:"):
        return None
    if field in _ORG_FIELDS:
        return None if set(pattern) & set("*?") else pattern
    found = _COURSE.fullmatch(pattern)
    return found[1] if found else None
