"""
Access rules in plain words, for those who did not write them.

The words say what rules mean, not how they are written: rules that differ in one field are said as
one, names of events as what they are about, and long lists are cut, with a count of the rest.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eventkit.events.catalogue import Catalogue, catalogue
from eventkit.events.rows import Row
from eventkit.filters.explaining import NOUNS
from eventkit.filters.filter import Filter
from eventkit.filters.patterns import REGEX_PREFIX, parse_patterns
from eventkit.filters.rules import OPTIONS

FAMILIES = {
    "account": "account activity",
    "ai_assistant": "assistants",
    "authoring": "course authoring",
    "bookmark": "bookmarks",
    "certificate": "certificates and badges",
    "cohort": "cohorts",
    "completion": "completions",
    "content_experiment": "content experiments",
    "content_library": "content of libraries",
    "content_tool": "content tools",
    "course_home": "home pages of courses",
    "course_search": "course searches",
    "course_team": "tools of the course team",
    "drag_and_drop": "drag-and-drop exercises",
    "enrollment": "enrolments",
    "exam": "exams",
    "feedback": "feedback on courses",
    "forum": "forum activity",
    "grading": "grades",
    "hint_exchange": "hints among learners",
    "implicit": "requests for pages",
    "interactive": "interactive content",
    "navigation": "navigation",
    "notes": "notes",
    "notification": "notifications",
    "ora": "open response assessments",
    "peer_instruction": "peer instruction",
    "poll_survey": "polls and surveys",
    "pre_roll_video": "pre-roll videos",
    "problem": "problem answers",
    "recommender": "recommended resources",
    "scorm": "SCORM packages",
    "teams": "teams",
    "textbook": "textbooks",
    "video": "videos",
    "xblock_problem": "problems of other XBlocks",
}
"""What the events of each family are called; installed packages may have families of their own."""

_ABOUT = {**FAMILIES, "problem": "problems"}
"""As `FAMILIES`, where a type of block goes by the same name as a family."""

_SHOWN = 3
_MOST_RULES = 5
_MOST_KINDS = 6
_LONG = 60
_LONGEST = 80
"""Characters of one rule in a list that is set apart by semicolons, and of one name."""

_Rule = Mapping[str, tuple[str, ...]]
"""A rule: its patterns by field, and the option ``missing`` under its name."""


def in_words(
    allow: Iterable[Mapping[str, Any]] | None,
    deny: Iterable[Mapping[str, Any]] | None = None,
    orgs: Iterable[str] | None = None,
    match_params: Mapping[str, Any] | None = None,
) -> str:
    """
    Say in plain words what access rules let through.

    Args:
        allow: as of `eventkit.Filter`.

        deny: as there.

        orgs: as there.

        match_params: as there.

    Returns:
        A sentence without its subject and full stop, such as "gets grades and problem answers of
        all courses of edX, except everything about the user 42".

    Raises:
        ConfigurationError: the rules are wrong.
    """
    allow = None if allow is None else list(allow)
    deny = list(deny or ())
    orgs = None if orgs is None else list(orgs)
    Filter(allow=allow, deny=deny, orgs=orgs, match_params=match_params)
    if orgs is not None and not orgs:
        return "gets nothing, as the list of its organisations is empty"
    if allow is not None and not allow:
        return "gets nothing, as no rule allows anything"
    if match_params:
        said = [_as_the_peer(match_params)]
    elif allow is None:
        said = ["all events"]
    else:
        said = [_rule(rule, "all events") for rule in _merged(allow)]
    inside = _and(map(_name, orgs or ()))
    is_all = allow is None and not match_params
    text = f"gets {_rules(said)}"
    if inside and is_all:
        text = f"gets all events of {inside}"
    if deny:
        how, what = ("; but not", "anything") if "; " in text else (", except", "everything")
        text += f"{how} {_rules([_rule(rule, what) for rule in _merged(deny)])}"
    if not inside:
        return text
    return (
        f"{text}, and nothing beyond" if is_all and not deny else f"{text}; nothing beyond {inside}"
    )


# Rules.


def _merged(rules: Iterable[Mapping[str, Any]]) -> list[_Rule]:
    """Read *rules*, and make one of those that differ in one field only."""
    found: list[_Rule] = []
    for rule in rules:
        read = {field: _texts(value) for field, value in rule.items() if field not in OPTIONS}
        found.append({**read, "missing": ()} if "missing" in rule else read)
    for field in dict.fromkeys(field for rule in found for field in rule if field != "missing"):
        alike: dict[Any, dict[str, tuple[str, ...]]] = {}
        for number, rule in enumerate(found):
            others = frozenset((key, texts) for key, texts in rule.items() if key != field)
            one = alike.setdefault(others if field in rule else number, dict(rule))
            if field in rule:
                one[field] = tuple(dict.fromkeys((*one[field], *rule[field])))
        found = list(alike.values())
    return found


def _texts(value: object) -> tuple[str, ...]:
    several = value if isinstance(value, (list, tuple)) else [value]
    if isinstance(value, (set, frozenset)):
        several = sorted(value, key=str)
    return tuple(dict.fromkeys(map(str, several)))


def _rules(said: list[str]) -> str:
    """Join what several rules say."""
    if len(said) > _MOST_RULES:
        left = len(said) - _MOST_RULES + 1
        said = [*said[: _MOST_RULES - 1], f"what {left} more rules say"]
    if len(said) < 2:
        return said[0]
    *before, last = said
    is_long = any(" and " in one or ", " in one or len(one) > _LONG for one in said)
    return f"{'; '.join(before)}; and {last}" if is_long else f"{', '.join(before)} and {last}"


def _rule(rule: _Rule, everything: str) -> str:
    asked = {field: texts for field, texts in rule.items() if field != "missing"}
    said = [_events(asked["event"]) if "event" in asked else everything]
    said += [say(asked[field]) for field, say in _PHRASES.items() if field in asked]
    if "org" in asked:
        said.append((_of_orgs if "course" in asked else _orgs)(asked["org"]))
    conditions = [f"{path} {_like(asked[path])}" for path in asked if "." in path]
    if conditions:
        said.append(f"whose {_and(conditions, most=len(conditions))}")
    return f"{' '.join(said)}{_missing(list(asked)) if 'missing' in rule else ''}"


def _missing(fields: list[str]) -> str:
    """Say that a rule holds also where an event lacks a field."""
    nouns = [NOUNS.get(field, field) for field in fields if field != "event"]
    if not nouns:
        return " and events without a name"
    if len(fields) == 1:
        return f" and whatever shows no {nouns[0]}"
    return f", also where an event does not show the {_or(nouns, most=len(nouns))}"


# Fields.


def _orgs(texts: Sequence[str]) -> str:
    exact, others = _parted(texts)
    if "*" in others:
        return "of all courses of any organisation"
    said = [f"of all courses of {_and(map(_name, exact))}"] if exact else []
    if others:
        said.append(f"of all organisations whose name {_like(others)}")
    return " and ".join(said)


def _of_orgs(texts: Sequence[str]) -> str:
    """Say what `_orgs` does where the courses have been said already."""
    return f"that are also {_plainly('of the', 'organisation', 'whose name', texts)}"


_ORG = re.compile(r"(?:course-v1:([^+*?]+)\+|([^:/+*?]+)/)\*")
_RUNS = re.compile(r"(?:course-v1:([^+*?]+)\+([^+*?]+)\+|([^:/+*?]+)/([^/+*?]+)/)\*")


def _courses(texts: Sequence[str]) -> str:
    orgs: list[str] = []
    runs: list[str] = []
    left: list[str] = []
    for text in map(_without_need, texts):
        if match := _ORG.fullmatch(text):
            orgs.append(match[1] or match[2])
        elif match := _RUNS.fullmatch(text):
            runs.append(f"{_name(match[2] or match[4])} of {_name(match[1] or match[3])}")
        else:
            left.append(text)
    exact, others = _parted(left)
    if "*" in others:
        return "of any course"
    said = []
    if exact:
        said.append(f"of the {_noun('course', exact)} {_and(map(_name, exact))}")
    if runs:
        said.append(f"of all runs of the {_noun('course', runs)} {_and(runs)}")
    if orgs:
        said.append(f"of all courses of {_and(map(_name, dict.fromkeys(orgs)))}")
    if others:
        said.append(f"of all courses whose key {_like(others)}")
    return _and(said, most=len(said))


def _users(texts: Sequence[str]) -> str:
    return _plainly("about the", "user", "whose id or username", texts)


def _sites(texts: Sequence[str]) -> str:
    return _plainly("on the", "site", "whose host", texts)


def _activity_types(texts: Sequence[str]) -> str:
    known = [text for text in texts if text in _ABOUT]
    left = [text for text in texts if text not in _ABOUT]
    said = [f"about {_and(_ABOUT[text] for text in known)}"] if known else []
    if left:
        said.append(_plainly("of the", "activity type", "whose name", left))
    return " and ".join(said)


def _enterprises(texts: Sequence[str]) -> str:
    return _plainly("for the", "enterprise", "whose UUID", texts)


_PHRASES = {
    "activity_type": _activity_types,
    "course": _courses,
    "user": _users,
    "site": _sites,
    "enterprise": _enterprises,
}


def _plainly(before: str, noun: str, whose: str, texts: Sequence[str]) -> str:
    start = before.removesuffix(" the")
    exact, others = _parted(texts)
    if "*" in others:
        return f"{start} any {noun}"
    said = [f"{before} {_noun(noun, exact)} {_and(map(_name, exact))}"] if exact else []
    if others:
        said.append(f"{start} all {noun}s {whose} {_like(others)}")
    return " and ".join(said)


def _noun(noun: str, texts: Sequence[str]) -> str:
    return noun if len(texts) == 1 else f"{noun}s"


# Events.


def _events(texts: Sequence[str]) -> str:
    """Say which events have names that match *texts*."""
    known = catalogue()
    some: dict[str, dict[str, str]] = defaultdict(dict)
    others: list[str] = []
    for text in texts:
        if text in _ANYTHING:
            return "all events"
        rows = _rows(text, known)
        families = {row.family for row in rows}
        is_exact = not _is_pattern(text)
        if not rows or not (is_exact or len(families) == 1 or _are_whole(rows, families)):
            others.append(text)
            continue
        for row in rows:
            some[row.family].setdefault(row.name, text if is_exact else row.name)
    said = [_family(family, named) for family, named in some.items()]
    if len(said) > _MOST_KINDS:
        left = len(said) - _MOST_KINDS + 1
        said = [*said[: _MOST_KINDS - 1], f"{left} more kinds of events"]
    exact, patterns = _parted(others)
    if exact:
        said.append(f"the {_noun('event', exact)} {_and(map(_name, exact))}")
    if addresses := [text for text in patterns if text.startswith("/")]:
        said.append(f"requests whose address {_like(addresses)}")
    if names := [text for text in patterns if not text.startswith("/")]:
        said.append(f"events whose name {_like(names)}")
    return _and(said, most=len(said))


def _rows(text: str, known: Catalogue) -> list[Row]:
    patterns = parse_patterns([text])
    if not patterns.others:
        row = known.get(text)
        return [row] if row is not None else []
    return [row for row in known if any(map(patterns.matches, row.names))]


def _are_whole(rows: Sequence[Row], families: Iterable[str]) -> bool:
    names = {row.name for row in rows}
    return all(_is_whole(family, names) for family in families)


def _is_whole(family: str, names: Iterable[str]) -> bool:
    """Tell whether *names* are all events of a family that become anything."""
    rows = [row for row in catalogue() if row.family == family]
    return {row.name for row in rows if row.xapi or row.caliper or len(rows) == 1} <= set(names)


def _family(family: str, named: Mapping[str, str]) -> str:
    called = FAMILIES.get(family, family.replace("_", " ") or "other events")
    if _is_whole(family, named):
        return called
    return f"{called} (only {_and(named.values())})"


# Patterns.


def _parted(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part exact texts from patterns."""
    exact: list[str] = []
    others: list[str] = []
    for text in texts:
        plain = _without_need(text)
        (others if _is_pattern(plain) else exact).append(plain)
    return exact, others


def _is_pattern(text: str) -> bool:
    return text.startswith(REGEX_PREFIX) or "*" in text or "?" in text


_ANYTHING = ("*", "re:.*", "re:.+")

_ESCAPED = re.compile(r"\\([^\w\s])")
_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")


def _without_need(text: str) -> str:
    """Give what a regular expression says that is as good as exact text or a glob."""
    if not text.startswith(REGEX_PREFIX):
        return text
    if text in _ANYTHING:
        return "*"
    inner = text[len(REGEX_PREFIX) :].removeprefix("^").removesuffix("$")
    head = "*" if inner.startswith(".*") else ""
    inner = inner.removeprefix(".*") if head else inner
    tail = "*" if inner.endswith(".*") and not inner.endswith("\\.*") else ""
    inner = inner.removesuffix(".*") if tail else inner
    core = _literal(inner)
    return text if core is None or "*" in core or "?" in core else f"{head}{core}{tail}"


def _literal(expression: str) -> str | None:
    """Give the one text that an expression matches; None when there are others, or it is empty."""
    if not expression or _SPECIAL.search(_ESCAPED.sub("", expression)):
        return None
    return _ESCAPED.sub(r"\1", expression)


def _like(texts: Sequence[str]) -> str:
    """Say what a text must be like to match any of *texts*."""
    exact, others = _parted(texts)
    is_one = [f"is {_or(map(_name, exact))}"] if exact else []
    return _or([*is_one, *map(_condition, others)])


def _condition(pattern: str) -> str:
    """Say what a text must be like to match *pattern*, which is no exact text."""
    if pattern.startswith(REGEX_PREFIX):
        return f"matches the expression {_cut(pattern[len(REGEX_PREFIX) :])}"
    head, *middle = pattern.split("*")
    if "?" not in pattern and not any(middle[:-1]):
        tail = middle[-1]
        if head and tail:
            return f"begins with {_name(head)} and ends with {_name(tail)}"
        if head:
            return f"begins with {_name(head)}"
        if tail:
            return f"ends with {_name(tail)}"
        return "has any value"
    if "?" not in pattern and len(middle) == 2 and not head and not middle[-1]:
        return f"contains {_name(middle[0])}"
    return f"looks like {_cut(pattern)}"


_PLAIN = re.compile(r"[\w.:+@/~-]*[\w+/]")


def _name(text: str) -> str:
    """Give *text* as it stands, or quoted where one could not tell where it begins and ends."""
    return _cut(text) if _PLAIN.fullmatch(text) else json.dumps(_cut(text), ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


# What event-routing-backends calls so.


def _as_the_peer(params: Mapping[str, Any]) -> str:
    conditions = []
    for path, value in params.items():
        texts = [text for text in (value if isinstance(value, list) else [value]) if text]
        said = [_searched(text) for text in texts if isinstance(text, str)]
        called = "name" if path == "name" else path
        conditions.append(f"{called} {_or(said) if said else 'is what no text can be'}")
    return f"all events whose {_and(conditions, most=len(conditions))}"


def _searched(expression: str) -> str:
    """Say what a text must be like for *expression* to be found in it."""
    inner = expression.removeprefix("^").removesuffix("$")
    core = _literal(inner.removeprefix(".*").removesuffix(".*"))
    if core is None:
        return f"matches the expression {_cut(expression)}"
    starts = expression.startswith("^") and not inner.startswith(".*")
    ends = expression.endswith("$") and not inner.endswith(".*")
    if starts and ends:
        return f"is {_name(core)}"
    how = "begins with" if starts else "ends with" if ends else "contains"
    return f"{how} {_name(core)}"


# Lists.


def _and(texts: Iterable[str], most: int = _SHOWN) -> str:
    return _joined(texts, "and", most)


def _or(texts: Iterable[str], most: int = _SHOWN) -> str:
    return _joined(texts, "or", most)


def _joined(texts: Iterable[str], word: str, most: int) -> str:
    """Join *texts*; of many the first ones, and how many more there are."""
    found = list(texts)
    if len(found) > most + 1:
        found = [*found[:most], f"{len(found) - most} more"]
    *before, last = found or [""]
    return f"{', '.join(before)} {word} {last}" if before else last
