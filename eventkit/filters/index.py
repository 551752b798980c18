"""
The rules of many owners, asked all at once.

Every rule is a bit. What an event has for a field is looked up: it gives the bits of the rules that
have nothing against it. All fields together leave the bits of the rules that match, and these are
looked up too. Texts come again and again, so that patterns are tried for a new text only, and an
event costs the same with one rule as with ten thousand.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Generic, NamedTuple, TypeVar

from eventkit.filters.fields import Reader, names_of
from eventkit.filters.patterns import Pattern, Patterns
from eventkit.filters.rules import Facts, Rule, Rules, Test
from eventkit.reading.source import Source

_ROOM = 4_000_000
"""Bytes that each memory may take, about."""

_OVERHEAD = 200
"""Bytes that an entry takes besides what is in it, about."""

_LONGEST = 256
"""Characters of a text that is remembered; longer ones seldom come again."""

_NOBODY: tuple[int, ...] = ()

Key = TypeVar("Key", str, int)
Value = TypeVar("Value")


class Index:
    """
    Find the owners that permit an event: those that have some `Rules` that do.

    It reads every field that may matter, so an event with a value that cannot be read raises here
    also where rules, asked in order, would not have come to it.
    """

    __slots__ = ("_answers", "_bits", "_fields", "_names", "_owners", "_plans", "_reduced")

    def __init__(self, owners: Iterable[Iterable[Rules]]) -> None:
        self._owners: list[int] = []
        self._bits: list[_Bit] = []
        self._names = _Texts()
        self._fields: dict[tuple[Reader, str], _Field] = {}
        for owner, any_of in enumerate(owners):
            for allowed, denied in _clauses(any_of):
                clause = len(self._owners)
                self._owners.append(owner)
                for rule in allowed:
                    self._add(rule, clause, denies=False)
                for rule in denied:
                    self._add(rule, clause, denies=True)
        for texts in (self._names, *(field.texts for field in self._fields.values())):
            texts.free_all_others(len(self._bits))
        self._plans: _Memory[str, _Plan] = _Memory()
        self._reduced: _Memory[int, _Plan] = _Memory()
        self._answers: _Memory[int, tuple[int, ...]] = _Memory()

    def find(self, facts: Facts) -> tuple[int, ...]:
        """
        Give the numbers of the owners, in order.

        Raises:
            Exception: whatever the event holds could not be read.
        """
        mask, allowing, fields = self._plans.known.get(facts.name) or self._plan(facts.name)
        if fields:
            source = facts.source
            for field in fields:
                mask &= field.mask(source)
                if not mask & allowing:
                    return _NOBODY
        found = self._answers.known.get(mask)
        return self._answer(mask) if found is None else found

    def _add(self, rule: Rule, clause: int, *, denies: bool) -> None:
        number = len(self._bits)
        fields = []
        for read, path, patterns in rule.tests:
            field = self._fields.setdefault((read, path), _Field(read, path))
            field.texts.add(patterns, number)
            fields.append(field)
        if rule.names is not None:
            self._names.add(rule.names, number)
        self._bits.append(_Bit(clause, denies, tuple(fields)))

    def _plan(self, name: str) -> _Plan:
        """Work out what is left to ask of an event of that name."""
        # Names of implicit events are addresses, each another one, and most concern no rule.
        mask = self._names.mask(names_of(name) if self._names.has_patterns else (name,))
        size = sys.getsizeof(name)
        plan = self._reduced.known.get(mask)
        if plan is None:
            plan = self._reduce(mask)
            size += sum(map(sys.getsizeof, (mask, *plan)))
            self._reduced.keep(mask, plan, size)
        if type(name) is str and len(name) <= _LONGEST:
            self._plans.keep(name, plan, size)
        return plan

    def _reduce(self, mask: int) -> _Plan:
        """Keep of the rules in *mask* those that can still make a difference."""
        allowing: dict[int, list[int]] = defaultdict(list)
        denying: dict[int, list[int]] = defaultdict(list)
        for number in _ones(mask):
            bit = self._bits[number]
            (denying if bit.denies else allowing)[bit.clause].append(number)
        certain: dict[int, int] = {}
        uncertain: list[tuple[int, list[int]]] = []
        for clause, numbers in allowing.items():
            denied = denying.get(clause, [])
            if not all(self._bits[number].fields for number in denied):
                continue
            sure = next((number for number in numbers if not self._bits[number].fields), None)
            owner = self._owners[clause]
            if sure is None:
                uncertain.append((owner, numbers + denied))
            elif denied:
                uncertain.append((owner, [sure, *denied]))
            else:
                certain[owner] = sure
        left = list(certain.values())
        for owner, numbers in uncertain:
            if owner not in certain:
                left += numbers
        # What only rules that deny ask for comes last: most events have been refused by then.
        left.sort(key=lambda number: self._bits[number].denies)
        fields = chain.from_iterable(self._bits[number].fields for number in left)
        return _Plan(
            mask=_mask(left),
            allowing=_mask(number for number in left if not self._bits[number].denies),
            fields=tuple(dict.fromkeys(fields)),
        )

    def _answer(self, mask: int) -> tuple[int, ...]:
        allowing: set[int] = set()
        denying: set[int] = set()
        for number in _ones(mask):
            bit = self._bits[number]
            (denying if bit.denies else allowing).add(bit.clause)
        found = tuple(sorted({self._owners[clause] for clause in allowing - denying}))
        self._answers.keep(mask, found, sys.getsizeof(mask) + sys.getsizeof(found))
        return found


class _Memory(Generic[Key, Value]):
    """
    What has been worked out, in bounded space; full, it begins anew.

    Without a lock: what threads do at the same time is done twice, at worst.
    """

    __slots__ = ("_left", "known")

    def __init__(self) -> None:
        self.known: dict[Key, Value] = {}
        self._left = _ROOM

    def keep(self, key: Key, value: Value, size: int) -> None:
        self._left -= size + _OVERHEAD
        if self._left < 0:
            self.known.clear()
            self._left = _ROOM - size - _OVERHEAD
        self.known[key] = value


class _Texts:
    """Which rules have nothing against a text: it matches them, or they do not ask."""

    __slots__ = ("_bound", "_exact", "_others", "free")

    def __init__(self) -> None:
        self._bound: list[int] = []
        self._exact: dict[str, list[int]] = {}
        self._others: dict[Pattern, list[int]] = {}
        self.free = 0

    @property
    def has_patterns(self) -> bool:
        """Whether there are others than exact texts."""
        return bool(self._others)

    def add(self, patterns: Patterns, number: int) -> None:
        self._bound.append(number)
        for text in patterns.exact:
            self._exact.setdefault(text, []).append(number)
        for pattern in patterns.others:
            self._others.setdefault(pattern, []).append(number)

    def free_all_others(self, size: int) -> None:
        """Note which of the rules up to *size* were not added."""
        self.free = ((1 << size) - 1) & ~_mask(self._bound)

    def mask(self, texts: Iterable[str]) -> int:
        """Find the rules for which any of *texts* will do."""
        found: list[int] = []
        for text in texts:
            found += self._exact.get(text, ())
            for pattern, numbers in self._others.items():
                if pattern.matches(text):
                    found += numbers
        return self.free | _mask(found) if found else self.free


class _Field:
    """A field that rules ask for, and the texts that it has had."""

    __slots__ = ("_memory", "_path", "_read", "texts")

    def __init__(self, read: Reader, path: str) -> None:
        self._read = read
        self._path = path
        self.texts = _Texts()
        self._memory: _Memory[str, int] = _Memory()

    def mask(self, source: Source) -> int:
        """Find the rules that have nothing against what *source* has here."""
        found = self.texts.free
        known = self._memory.known
        for text in self._read(source, self._path):
            mask = known.get(text)
            found |= self._learn(text) if mask is None else mask
        return found

    def _learn(self, text: str) -> int:
        mask = self.texts.mask((text,))
        # A text of another type may be equal to one and yet not match what that one does.
        if type(text) is str and len(text) <= _LONGEST:
            own = 0 if mask is self.texts.free else sys.getsizeof(mask)
            self._memory.keep(text, mask, sys.getsizeof(text) + own)
        return mask


class _Bit(NamedTuple):
    """A rule in the index: the clause it belongs to, and the fields that it asks for."""

    clause: int
    denies: bool
    fields: tuple[_Field, ...]


class _Plan(NamedTuple):
    """What an event's name leaves in play: rules, and the fields that they ask for."""

    mask: int
    allowing: int
    fields: tuple[_Field, ...]


def _clauses(any_of: Iterable[Rules]) -> Iterator[tuple[list[Rule], list[Rule]]]:
    """Give the rules that allow, and those that deny what these allow."""
    open_rules: list[Rule] = []
    for allowed, denied, inside in any_of:
        allowing = (Rule(None, ()),) if allowed is None else allowed
        if denied:
            yield [_within(rule, inside) for rule in _merged(allowing)], _merged(denied)
        else:  # Without exceptions, one list of rules is as good as several.
            open_rules += allowing
    if open_rules:
        yield _merged(open_rules), []


def _within(rule: Rule, inside: Test | None) -> Rule:
    """Have a rule that allows ask first what its boundary will ask in any case, and more slowly."""
    if inside is None or inside in rule.tests:
        return rule
    return Rule(rule.names, (inside, *rule.tests))


def _merged(rules: Iterable[Rule]) -> list[Rule]:
    """Make one rule of those that ask for one and the same thing only, one of a list of courses."""
    alike: dict[tuple[Reader, str] | None, list[Patterns]] = defaultdict(list)
    others: list[Rule] = []
    for rule in rules:
        if rule.names is not None and not rule.tests:
            alike[None].append(rule.names)
        elif rule.names is None and len(rule.tests) == 1:
            [(read, path, patterns)] = rule.tests
            alike[read, path].append(patterns)
        else:
            others.append(rule)
    for key, several in alike.items():
        one = Patterns(
            chain.from_iterable(patterns.exact for patterns in several),
            chain.from_iterable(patterns.others for patterns in several),
        )
        others.append(Rule(one, ()) if key is None else Rule(None, (Test(*key, one),)))
    return others


def _mask(numbers: Iterable[int]) -> int:
    """Set the bits with these numbers: in bytes, for many shifts of a long number take long."""
    listed = list(numbers)
    room = bytearray(max(listed, default=0) // 8 + 1)
    for number in listed:
        room[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(room, "little")


def _ones(mask: int) -> Iterator[int]:
    """Give the numbers of the bits that are set; as text, zeros are skipped quickest."""
    digits = bin(mask)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)
