"""
Access rules: what operators write, read once, and how an event is judged by them.

How it is judged here, rule by rule, says what rules mean. `eventkit.filters.index` gives the
same answers without asking every rule.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from eventkit.events.catalogue import catalogue
from eventkit.exceptions import ConfigurationError
from eventkit.filters import fields as _fields
from eventkit.filters.doubts import doubt
from eventkit.filters.fields import Reader, names_of
from eventkit.filters.patterns import (
    REGEX_PREFIX,
    NoneOf,
    Patterns,
    in_any_case,
    parse_patterns,
)
from eventkit.reading.source import Source, name_of
from eventkit.typing import Event

_DOTTED_ROOTS = ("context", "data", "event")

OPTIONS: dict[str, tuple[bool | str, ...]] = {"unknown": (True, False), "missing": ("deny",)}
"""
The keys of a rule that are no fields, and the values that each may have.

``unknown``: its patterns may match nothing that is known, as of events of a site's own.
``missing``: a rule that denies holds also where the event lacks a field that it asks for.
"""


class Facts:
    """What rules ask about one event: its name, and all else only when a rule asks for it."""

    __slots__ = ("_event", "_source", "name")

    def __init__(self, event: Event) -> None:
        self.name = name_of(event)
        self._event = event
        self._source: Source | None = None

    @classmethod
    def of(cls, event: Any) -> Self | None:
        """Take *event*, or the one that a translation was made of; None when it is neither."""
        if type(event) is not dict and not isinstance(event, Mapping):
            return None
        if "documents" in event and "protocol" in event and isinstance(event["event"], Mapping):
            return cls(event["event"])
        return cls(event)

    @property
    def source(self) -> Source:
        """The event as readers take it."""
        if self._source is None:
            self._source = Source(self._event)
        return self._source


class Test(NamedTuple):
    """What one field of a rule asks of an event."""

    read: Reader
    path: str
    patterns: Patterns


class Rule(NamedTuple):
    """One rule: patterns for the event's name (None: any event), and what else it asks."""

    names: Patterns | None
    tests: tuple[Test, ...]
    where: str = ""
    """Where it is written: ``allow[0]``, ``deny[2]``, ``orgs``, ``match_params``."""
    written: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The fields that it names, each with its patterns as they were written."""

    def matches(self, facts: Facts) -> bool:
        """Tell whether all fields of the rule match."""
        if self.names is not None and not any(map(self.names.matches, names_of(facts.name))):
            return False
        return all(
            any(map(patterns.matches, read(facts.source, path)))
            for read, path, patterns in self.tests
        )


class Rules(NamedTuple):
    """The rules of one filter; *allowed* is None when it has no list of them."""

    allowed: tuple[Rule, ...] | None
    denied: tuple[Rule, ...]
    inside: Test | None = None
    """What all events pass that the boundary among *denied* leaves: quicker to ask than that."""

    def permit(self, facts: Facts) -> bool:
        """Tell whether no rule denies the event, and one allows it."""
        if any(rule.matches(facts) for rule in self.denied):
            return False
        return self.allowed is None or any(rule.matches(facts) for rule in self.allowed)


def parse_rules(
    rules: object, where: str, readers: Mapping[str, Reader], *, denies: bool
) -> tuple[Rule, ...]:
    """
    Read the rules that stand under the key *where*.

    Raises:
        ConfigurationError: one is wrong, or *denies* and can never match (see
            `eventkit.filters.doubts`) without saying so by the option ``unknown``.
    """
    if isinstance(rules, (str, bytes, Mapping)) or not isinstance(rules, Iterable):
        raise ConfigurationError(
            f"{where}: expected a list of rules, got {type(rules).__name__}; "
            f"write [{{'course': '...'}}]"
        )
    return tuple(
        _parse_rule(rule, f"{where}[{index}]", readers, denies=denies)
        for index, rule in enumerate(rules)
    )


def doubts(rules: Iterable[Mapping[str, Any]], where: str) -> list[str]:
    """Say what is doubtful about *rules* that were read, but for what they say is meant."""
    found = []
    for index, rule in enumerate(rules):
        fields = {} if rule.get("unknown") else rule
        for field, value in fields.items():
            told = (doubt(field, text) for text in _texts(value) if field not in OPTIONS)
            found += [f"{where}[{index}].{field}: {each.text}" for each in told if each]
    return found


def _parse_rule(rule: object, where: str, readers: Mapping[str, Reader], *, denies: bool) -> Rule:
    if not isinstance(rule, Mapping):
        raise ConfigurationError(
            f"{where}: a rule maps fields to patterns, got {_kind(rule)}; "
            f"known fields: {', '.join(_fields.KNOWN)}"
        )
    if not rule:
        raise ConfigurationError(f"{where}: the rule is empty; name a field, or remove the rule")
    options = _options(rule, where)
    if len(options) == len(rule):
        raise ConfigurationError(f"{where}: the rule has no field; name one, or remove the rule")
    if "missing" in options and not denies:
        raise ConfigurationError(
            f"{where}.missing: only rules that deny have it; a rule that allows never matches an "
            "event that lacks one of its fields"
        )
    names: Patterns | None = None
    tests: list[Test] = []
    written: list[tuple[str, tuple[str, ...]]] = []
    for field, value in rule.items():
        if field in options:
            continue
        reader = _reader(field, where, readers)
        at = f"{where}.{field}"
        texts = _parse_field(value, at, numbers=field == "user" or "." in field)
        try:
            patterns = compiled(field, texts, denies=denies)
        except ConfigurationError as error:
            raise ConfigurationError(f"{at}: {error}") from None
        if denies and not options.get("unknown"):
            _refuse_what_never_matches(field, value, at)
        if reader is None:
            names = patterns
        else:
            tests.append(Test(reader, field if "." in field else "", patterns))
        written.append((field, texts))
    asked = _or_missing(names, tests) if "missing" in options else (names, tuple(tests))
    return Rule(*asked, where, tuple(written))


def compiled(field: str, texts: Iterable[str], *, denies: bool) -> Patterns:
    """
    Compile the patterns of a *field*, as rules that deny or those that allow take them.

    Raises:
        ConfigurationError: as `parse_patterns` does.
    """
    patterns = parse_patterns(texts)
    if denies and field in _fields.ANY_CASE:
        return in_any_case(patterns)
    if field == "event":
        aliases = (alias for name in patterns.exact for alias in catalogue().names(name))
        return Patterns(aliases, patterns.others)
    return patterns


def _or_missing(
    names: Patterns | None, tests: Iterable[Test]
) -> tuple[Patterns | None, tuple[Test, ...]]:
    """Have a rule also hold where the event lacks what *names* or *tests* ask for."""
    asked = [*tests, *([Test(_fields.names, "", names)] if names is not None else ())]
    return None, tuple(
        Test(
            _fields.OrMissing(read, _fields.SHOWN.get(read, read)),
            path,
            Patterns((*patterns.exact, _fields.MISSING), patterns.others),
        )
        for read, path, patterns in asked
    )


def within(orgs: object) -> tuple[Rule, Rule]:
    """
    Make the rule that denies whatever reaches beyond *orgs*, and one that allows what shows them.

    Beyond is an event whose document shows none of these organisations, or that names another one
    anywhere. They count in any case. None of them given: every event is beyond.

    Raises:
        ConfigurationError: they are no list of names of organisations.
    """
    if isinstance(orgs, (str, bytes, Mapping)) or not isinstance(orgs, Iterable):
        raise ConfigurationError(
            f"orgs: expected a list of organisations, got {_kind(orgs)}; write ['edX']"
        )
    names = tuple(orgs)
    for number, name in enumerate(names):
        if not isinstance(name, str):
            raise ConfigurationError(
                f"orgs[{number}]: an organisation is text, got {_kind(name)}; write it in quotes"
            )
        if not name or name.startswith(REGEX_PREFIX) or "*" in name or "?" in name:
            raise ConfigurationError(
                f"orgs[{number}]: expected the name of one organisation, such as 'edX', "
                f"got {name!r:.80}; patterns are for rules"
            )
        found = doubt("org", name)
        if found is not None and found.never:
            raise ConfigurationError(f"orgs[{number}]: {found.text}")
    boundary = Test(_fields.DENY["org"], "", Patterns(others=[NoneOf(names)]))
    shown = Test(_fields.org_in_lower, "", Patterns(map(str.lower, names)))
    written = (("org", names),)
    return (
        Rule(*_or_missing(None, [boundary]), "orgs", written),
        Rule(None, (shown,), "orgs", written),
    )


def _options(rule: Mapping[Any, Any], where: str) -> dict[str, bool | str]:
    """Take the keys of *rule* that are no fields."""
    found = {}
    for key, allowed in OPTIONS.items():
        if key not in rule:
            continue
        value = rule[key]
        if not any(type(value) is type(one) and value == one for one in allowed):
            known = " or ".join(json.dumps(one) for one in allowed)
            raise ConfigurationError(f"{where}.{key}: expected {known}, got {_kind(value)}")
        found[key] = value
    return found


def _refuse_what_never_matches(field: str, value: object, where: str) -> None:
    for text in _texts(value):
        found = doubt(field, text)
        if found is not None and found.never:
            raise ConfigurationError(
                f"{where}: {found.text} (a rule that denies and never matches keeps nothing "
                "back; if it is meant, say 'unknown: true' in the rule)"
            )


def _texts(value: object) -> Iterator[str]:
    """Give the patterns of a field that are text."""
    given = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return (item for item in given if isinstance(item, str))


def _kind(value: object) -> str:
    return "nothing (null)" if value is None else type(value).__name__


def _reader(field: object, where: str, readers: Mapping[str, Reader]) -> Reader | None:
    """Find the reader of *field*; None for the event's name."""
    if not isinstance(field, str):
        raise ConfigurationError(
            f"{where}: field names are text, got {field!r:.80}; "
            f"known fields: {', '.join(_fields.KNOWN)}"
        )
    if field == "event":
        return None
    if field in readers:
        return readers[field]
    first, dot, rest = field.partition(".")
    if dot and first and all(rest.split(".")):
        near = difflib.get_close_matches(first, _DOTTED_ROOTS, 1, 0.75)
        if not near or near[0] == first:
            return _fields.dotted
        hint = f"did you mean '{near[0]}.{rest}'?"
    else:
        near = difflib.get_close_matches(field, (*_fields.KNOWN, *OPTIONS), 1)
        hint = f"did you mean {near[0]!r}?" if near else "a path needs a dot: 'context.org_id'."
    raise ConfigurationError(
        f"{where}: unknown field {field!r:.80}; {hint} Known fields: "
        f"{', '.join(_fields.KNOWN)}, or a dotted path"
    )


def _parse_field(value: object, where: str, *, numbers: bool) -> tuple[str, ...]:
    given = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if not given:
        raise ConfigurationError(f"{where}: the list of patterns is empty; remove the field")
    if None in given:
        raise ConfigurationError(
            f"{where}: nothing stands there (null); write a pattern, or remove the field to match "
            "any value"
        )
    patterns: list[str] = []
    for item in given:
        if isinstance(item, str):
            patterns.append(item)
        elif numbers and isinstance(item, int) and not isinstance(item, bool):
            patterns.append(str(item))
        else:
            raise ConfigurationError(
                f"{where}: a pattern is text{' or a whole number' if numbers else ''}, "
                f"got {type(item).__name__}; write it in quotes"
            )
    return tuple(patterns)
