"""
Which rule decides on an event, and why: for people who ask.

Nothing here decides anything. What was decided is looked up in the rules, one after the other, and
said in sentences that name the rule, the field, the pattern and the value that it matches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import attrs

from eventkit.base.blame import is_interrupt
from eventkit.base.throttle import describe
from eventkit.filters import fields as _fields
from eventkit.filters.fields import MISSING, OrMissing, Reader, names_of
from eventkit.filters.patterns import Patterns
from eventkit.filters.rules import Facts, Rule, Rules, Test, compiled

Reason = Literal["allowed", "no_rules", "denied", "not_allowed", "outside", "unreadable"]

NOUNS = {
    "activity_type": "activity type",
    "course": "course",
    "enterprise": "enterprise",
    "event": "event",
    "org": "organisation",
    "site": "site",
    "user": "user",
}
"""What fields of rules are called in sentences; a dotted path goes by itself."""

_MOST_RULES = 5
"""Rules of which is said why they do not match."""

_MOST_TEXTS = 3
_LONGEST = 100
"""Characters that are shown of one text."""

_MOST_PLACES = 10_000
"""Values of an event that are looked at for where something stands in it."""


@attrs.frozen
class Decision:
    """Whether an event may pass, and why."""

    passes: bool
    reason: Reason
    """
    ``allowed`` by a rule; ``no_rules``: nothing is denied, and there are no rules that allow;
    ``denied`` by a rule; ``not_allowed`` by any rule; ``outside`` of the organisations ``orgs``;
    ``unreadable``: it cannot be judged.
    """
    rule: str
    """
    Where the rule is written that decided: ``deny[0]``, ``allow[2]``, ``orgs``, ``match_params``;
    ``""``: none did.
    """
    text: str
    """One sentence or several, for people; they quote what the event holds."""


def unreadable(error: BaseException) -> Decision:
    """Give the decision on an event that *error* keeps from being judged."""
    return Decision(
        passes=False,
        reason="unreadable",
        rule="",
        text=f"The event cannot be read to its end, so it does not pass ({describe(error)}).",
    )


def no_event(thing: object) -> Decision:
    """Give the decision on what is no event."""
    text = f"This is no event but of type {type(thing).__name__}, so it does not pass."
    return Decision(passes=False, reason="unreadable", rule="", text=text)


def decision(any_of: tuple[Rules, ...], facts: Facts, *, passes: bool) -> Decision:
    """
    Give the decision on an event, which *passes* the rules or does not.

    Args:
        any_of: the rules; of several any may let it pass.

        facts: what was judged.

        passes: how it was judged.
    """
    try:
        found = _decision(any_of, facts)
    except Exception as error:
        if is_interrupt(error):
            raise
        found = unreadable(error)
    if found.passes == passes:
        return found
    # What was judged is what counts; an event of a make of its own may change from look to look.
    said = "it passed" if passes else "it did not pass"
    return Decision(
        passes=passes,
        reason="allowed" if passes else "unreadable",
        rule="",
        text=f"The event changes while it is looked at; {said} the first time.",
    )


def _decision(any_of: tuple[Rules, ...], facts: Facts) -> Decision:
    if not any_of:
        text = "There is nobody who may have it."
        return Decision(passes=False, reason="not_allowed", rule="", text=text)
    found = [_read_and_judged(rules, facts) for rules in any_of]
    return next((each for each in found if each.passes), found[0])


def _read_and_judged(rules: Rules, facts: Facts) -> Decision:
    try:
        return _judged(rules, facts)
    except Exception as error:
        if is_interrupt(error):
            raise
        return unreadable(error)


def _judged(rules: Rules, facts: Facts) -> Decision:
    for rule in rules.denied:
        if not rule.matches(facts):
            continue
        if rule.where == "orgs":
            return Decision(passes=False, reason="outside", rule="orgs", text=_beyond(rule, facts))
        text = f"{rule.where} keeps it back: {_why(rule, facts, denies=True)}."
        return Decision(passes=False, reason="denied", rule=rule.where, text=text)
    if rules.allowed is None:
        text = "No rule keeps it back, and where no rules say what may pass, everything may."
        return Decision(passes=True, reason="no_rules", rule="", text=text)
    for rule in rules.allowed:
        if rule.matches(facts):
            text = _let_pass(rule, facts)
            return Decision(passes=True, reason="allowed", rule=rule.where, text=text)
    text = _unmatched(rules.allowed, facts)
    return Decision(passes=False, reason="not_allowed", rule="", text=text)


def _let_pass(rule: Rule, facts: Facts) -> str:
    if rule.where == "orgs":
        shown = _quoted(facts.source.org)
        return f"It is of the organisation {shown} and names no other one; no rule keeps it back."
    why = _why(rule, facts, denies=False) or "it asks for nothing"
    return f"{rule.where} lets it pass: {why}."


def _beyond(rule: Rule, facts: Facts) -> str:
    """Say how the event reaches beyond the organisations of the boundary *rule*."""
    [(_, names)] = rule.written
    if not names:
        return "The list of organisations (orgs) is empty, so nothing passes."
    [test] = rule.tests
    inside = _listed(names, "or")
    shown = facts.source.org
    if not shown:
        return f"The event shows no organisation; only events of {inside} pass."
    known = set(map(str.lower, names))
    if shown.lower() not in known:
        return f"The event is of the organisation {_quoted(shown)}; only events of {inside} pass."
    found = (text for text in _values(test, facts) if text != MISSING)
    beyond = [text for text in found if text.lower() not in known]
    place = _in_place(facts, beyond[0])
    return (
        f"The event is of the organisation {_quoted(shown)}, but it also names "
        f"{_listed(beyond, 'and')}{place}; only events pass that name no organisation but {inside}."
    )


class _Asked(NamedTuple):
    """A field of a rule: its patterns as they were written, and what it reads."""

    field: str
    texts: tuple[str, ...]
    test: Test


def _asked(rule: Rule) -> Iterator[_Asked]:
    tests = {_field_of(test): test for test in rule.tests}
    if rule.names is not None:
        tests["event"] = Test(_fields.names, "", rule.names)
    for field, texts in rule.written:
        yield _Asked(field, texts, tests[field])


def _field_of(test: Test) -> str:
    return _fields.FIELD_OF.get(_bare(test.read), test.path)


def _bare(read: Reader) -> Reader:
    return read.read if isinstance(read, OrMissing) else read


def _values(test: Test, facts: Facts) -> list[str]:
    """Give what the event has for a field, as it is written there, what documents show first."""
    found = names_of(facts.name) if test.read is _fields.names else _read(test, facts)
    in_other_case = {text.lower() for text in found if text.lower() != text}
    shown, *others = [text for text in found if text not in in_other_case] or [""]
    return [text for text in (shown, *sorted(others)) if text]


def _read(test: Test, facts: Facts) -> tuple[str, ...]:
    return test.read(facts.source, test.path)


def _why(rule: Rule, facts: Facts, *, denies: bool) -> str:
    """Say of each field of a *rule* that matches what it matches."""
    return " and ".join(_match(rule, each, facts, denies=denies) for each in _asked(rule))


def _match(rule: Rule, asked: _Asked, facts: Facts, *, denies: bool) -> str:
    field, texts, test = asked
    values = [text for text in _values(test, facts) if text != MISSING]
    for text in texts:
        pattern = _pattern(rule, field, text, denies=denies)
        for value in values:
            if not (pattern.matches(value) or (denies and pattern.matches(value.lower()))):
                continue
            as_asked = "" if text == value else f", which matches {_quoted(text)}"
            return f"{_held(field, test, value, facts)}{as_asked}"
    return f"it shows no {NOUNS.get(field, field)}, which the rule keeps back too (missing: deny)"


def _pattern(rule: Rule, field: str, text: str, *, denies: bool) -> Patterns:
    """Compile one pattern of a *rule*."""
    if rule.where != "match_params":
        return compiled(field, [text], denies=denies)
    from eventkit.filters import match_params  # noqa: PLC0415 - as the filter does

    return match_params.parse({field: text})[field]


def _held(field: str, test: Test, value: str, facts: Facts) -> str:
    """Say that the event has *value* for a field, and where it has it."""
    if field == "event":
        if value == facts.name:
            return f"its name is {_quoted(value)}"
        return f"its name is {_quoted(facts.name)}, also called {_quoted(value)}"
    if field not in NOUNS:
        return f"{field} is {_quoted(value)}"
    read = _bare(test.read)
    if value in _fields.SHOWN.get(read, read)(facts.source, test.path):
        return f"its {NOUNS[field]} is {_quoted(value)}"
    return f"it names the {NOUNS[field]} {_quoted(value)}{_in_place(facts, value)}"


def _unmatched(rules: tuple[Rule, ...], facts: Facts) -> str:
    """Say why none of *rules* matches: of each the first field that does not."""
    if not rules:
        return "The list of what may pass (allow) is empty, so nothing passes."
    said = [_missed(rule, facts) for rule in rules[:_MOST_RULES]]
    if left := len(rules) - len(said):
        said.append(f"{left} more {'rules do' if left > 1 else 'rule does'} not match either")
    return f"No rule lets it pass: {'; '.join(said)}."


def _missed(rule: Rule, facts: Facts) -> str:
    for field, texts, test in _asked(rule):
        values = _values(test, facts)
        if any(map(test.patterns.matches, values)):
            continue
        noun = f"the {NOUNS[field]}" if field in NOUNS else field
        asks = _listed(texts, "or") if texts else "something that nothing matches"
        if field == "event":
            has = f"this is {_listed(values, 'and')}" if values else "this has no name"
        elif field in NOUNS:
            has = f"it is {_listed(values, 'and')}" if values else "the event shows none"
        else:
            has = f"it is {_listed(values, 'and')}" if values else "the event has no text there"
        return f"{rule.where} asks for {noun} {asks}, but {has}"
    return f"{rule.where} does not match"


def _in_place(facts: Facts, value: str) -> str:
    """Say where in the event *value* stands, if it stands there in plain sight."""
    place = next(_places(facts, value), "")
    return f" in {_cut(place)}" if place else ""


def _places(facts: Facts, value: str) -> Iterator[str]:
    is_here = re.compile(rf"(?<![\w-]){re.escape(value)}(?![\w-])").search
    waiting: list[tuple[str, Any]] = [("", facts.source.event)]
    if facts.source.event.get("data") is None:
        # Of a log it is JSON text.
        waiting.insert(0, ("event", facts.source.payload))
    for path, held in islice(_walk(waiting), _MOST_PLACES):
        if is_here(unquote(unquote(held))):
            yield path


def _walk(waiting: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    """Give the texts in what waits, each with its path; no deeper than a path is of use."""
    for _ in range(_MOST_PLACES):
        if not waiting:
            return
        path, held = waiting.pop(0)
        if isinstance(held, str):
            yield path, held
        elif path.count(".") > 20:
            continue
        elif isinstance(held, Mapping):
            waiting += [(f"{path}.{key}" if path else str(key), held[key]) for key in held]
        elif isinstance(held, (list, tuple)):
            waiting += [(f"{path}.{number}", item) for number, item in enumerate(held)]


def _listed(texts: Iterable[str], word: str) -> str:
    """Join *texts*, quoted; of many the first ones, and how many more there are."""
    found = [_quoted(text) for text in texts]
    if len(found) > _MOST_TEXTS + 1:
        left = len(found) - _MOST_TEXTS
        found = [*found[:_MOST_TEXTS], f"{left} {'others' if word == 'or' else 'more'}"]
    *before, last = found
    return f"{', '.join(before)} {word} {last}" if before else last


def _quoted(text: str) -> str:
    return json.dumps(_cut(text), ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
