"""
Access rules, made ready to be asked.

Everything that depends on the rules alone happens when they are made. Per event name a plan is
kept: which rules the name leaves in play, and what they still ask of the event. So rules on names
alone cost one look-up, and rules about other events cost nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from eventkit import _fields
from eventkit._fields import Reader
from eventkit._patterns import Patterns, parse_patterns
from eventkit.events import catalogue
from eventkit.exceptions import ConfigurationError
from eventkit.source import Source
from eventkit.typing import Event

_MAX_PLANS = 4096
_LONGEST_NAME = 256
_DOTTED_ROOTS = ("context", "data", "event")


class Test(NamedTuple):
    """What one field of a rule asks of an event."""

    read: Reader
    path: str
    patterns: Patterns


class Rule(NamedTuple):
    """One rule: patterns for the event's name (None: any event), and what else it asks."""

    names: Patterns | None
    tests: tuple[Test, ...]


class Facts:
    """What rules have asked about one event so far; most rules never need a `Source`."""

    __slots__ = ("_event", "_source", "_texts", "name")

    def __init__(self, event: Event) -> None:
        name = event.get("name") or event.get("event_type")
        self.name = name.strip() if isinstance(name, str) else ""
        self._event = event
        self._source: Source | None = None
        self._texts: dict[tuple[Reader, str], tuple[str, ...]] = {}

    def texts(self, read: Reader, path: str) -> tuple[str, ...]:
        key = (read, path)
        if key not in self._texts:
            if self._source is None:
                self._source = Source(self._event)
            self._texts[key] = read(self._source, path)
        return self._texts[key]

    def match(self, alternatives: tuple[tuple[Test, ...], ...]) -> bool:
        """Tell whether all tests of any alternative match."""
        return any(
            all(
                any(patterns.matches(text) for text in self.texts(read, path))
                for read, path, patterns in tests
            )
            for tests in alternatives
        )


_Plan = tuple[tuple[tuple[Test, ...], ...], tuple[tuple[Test, ...], ...]]

_ALWAYS: tuple[tuple[Test, ...], ...] = ((),)


class Rules:
    """The rules of one filter, and the plans made of them."""

    __slots__ = ("_allow", "_deny", "_plans", "allowed", "denied")

    def __init__(self, allowed: tuple[Rule, ...] | None, denied: tuple[Rule, ...]) -> None:
        self.allowed = allowed
        self.denied = denied
        self._allow = None if allowed is None else _ByName(allowed)
        self._deny = _ByName(denied)
        self._plans: dict[str, _Plan] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Rules, (self.allowed, self.denied)

    def __len__(self) -> int:
        return len(self.allowed or ()) + len(self.denied)

    def permit(self, facts: Facts) -> bool:
        deny, allow = self._plans.get(facts.name) or self._plan(facts.name)
        if deny and (deny is _ALWAYS or facts.match(deny)):
            return False
        return allow is _ALWAYS or facts.match(allow)

    def _plan(self, name: str) -> _Plan:
        """Work out what the rules still ask once the event's name is known."""
        if not (self._deny.concern(name) or (self._allow and self._allow.concern(name))):
            return (self._deny.any_name, self._allow.any_name if self._allow else _ALWAYS)
        allow = self._allow.alternatives(name) if self._allow else _ALWAYS
        plan = (self._deny.alternatives(name), allow)
        # Names of implicit events are addresses: there is no end of them, and some are long.
        if len(name) <= _LONGEST_NAME:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            self._plans[name] = plan
        return plan


class _ByName:
    """Rules, found by the name of the event."""

    __slots__ = ("_exact", "_patterned", "any_name")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._exact: dict[str, list[Rule]] = {}
        self._patterned: list[Rule] = []
        any_name: list[Rule] = []
        for rule in rules:
            if rule.names is None:
                any_name.append(rule)
                continue
            for name in rule.names.exact:
                self._exact.setdefault(name, []).append(rule)
            if rule.names.others:
                self._patterned.append(rule)
        self.any_name = _merge(any_name)

    def concern(self, name: str) -> bool:
        """Tell whether *name* may matter."""
        return bool(self._patterned) or name in self._exact

    def alternatives(self, name: str) -> tuple[tuple[Test, ...], ...]:
        """Give what the rules that *name* leaves in play still ask."""
        rules = self._exact.get(name, [])
        if name and self._patterned:
            names = {name, *catalogue().names(name)}
            rules = rules + [
                rule
                for rule in self._patterned
                if rule.names is not None and any(map(rule.names.matches, names))
            ]
        if not rules or self.any_name is _ALWAYS:
            return self.any_name
        merged = _merge(rules)
        return _ALWAYS if merged is _ALWAYS else self.any_name + merged


def _merge(rules: Iterable[Rule]) -> tuple[tuple[Test, ...], ...]:
    """Put rules with one and the same single field together: one set instead of many."""
    exact: dict[tuple[Reader, str], set[str]] = {}
    others: dict[tuple[Reader, str], dict[Any, None]] = {}
    longer: list[tuple[Test, ...]] = []
    for rule in rules:
        if not rule.tests:
            return _ALWAYS
        if len(rule.tests) > 1:
            longer.append(rule.tests)
            continue
        [(read, path, patterns)] = rule.tests
        exact.setdefault((read, path), set()).update(patterns.exact)
        others.setdefault((read, path), {}).update(dict.fromkeys(patterns.others))
    single = [(Test(*key, Patterns(texts, others[key])),) for key, texts in exact.items()]
    return (*single, *longer)


def parse_rules(rules: object, where: str, readers: Mapping[str, Reader]) -> tuple[Rule, ...]:
    if isinstance(rules, (str, bytes, Mapping)) or not isinstance(rules, Iterable):
        raise ConfigurationError(
            f"{where}: expected a list of rules, got {type(rules).__name__}; "
            f"write [{{'course': '...'}}]"
        )
    return tuple(
        _parse_rule(rule, f"{where}[{index}]", readers) for index, rule in enumerate(rules)
    )


def _parse_rule(rule: object, where: str, readers: Mapping[str, Reader]) -> Rule:
    if not isinstance(rule, Mapping):
        raise ConfigurationError(
            f"{where}: a rule maps fields to patterns, got {type(rule).__name__}; "
            f"known fields: {', '.join(_fields.KNOWN)}"
        )
    if not rule:
        raise ConfigurationError(f"{where}: the rule is empty; name a field, or remove the rule")
    names: Patterns | None = None
    tests: list[Test] = []
    for field, value in rule.items():
        reader = _reader(field, where, readers)
        patterns = _parse_field(value, f"{where}.{field}", numbers=field == "user" or "." in field)
        if reader is None:
            aliases = (alias for name in patterns.exact for alias in catalogue().names(name))
            names = Patterns(aliases, patterns.others) | Patterns(patterns.exact)
        else:
            tests.append(Test(reader, field if "." in field else "", patterns))
    return Rule(names, tuple(tests))


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
        near = difflib.get_close_matches(field, _fields.KNOWN, 1)
        hint = f"did you mean {near[0]!r}?" if near else "a path needs a dot: 'context.org_id'."
    raise ConfigurationError(
        f"{where}: unknown field {field!r:.80}; {hint} Known fields: "
        f"{', '.join(_fields.KNOWN)}, or a dotted path"
    )


def _parse_field(value: object, where: str, *, numbers: bool) -> Patterns:
    given = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if not given:
        raise ConfigurationError(f"{where}: the list of patterns is empty; remove the field")
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
    try:
        return parse_patterns(patterns)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
