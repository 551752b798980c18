"""
What a request asks for: which courses, organisations and events, as access rules.

People read a request before it is approved, so it names courses, organisations and events by
themselves or with ``*`` and ``?``; regular expressions are for administrators.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache

import attrs

from eventkit.events.catalogue import catalogue
from eventkit.exceptions import ConfigurationError
from eventkit.filters.filter import Filter
from eventkit.filters.rules import doubts
from eventkit.reading.keys import org_of
from eventkit.typing import Json

FIELDS = {"courses": "course", "organisations": "org", "events": "event"}
"""The field of an access rule that each part of a request becomes."""

MOST_ENTRIES = 300
LONGEST_ENTRY = 255


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(given)


@attrs.frozen
class Wanted:
    """
    What is asked for: patterns of course keys, organisations and names of events.

    An event passes that is of one of the courses or of one of the organisations, and is one of the
    events.
    """

    courses: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    organisations: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    events: tuple[str, ...] = attrs.field(default=(), converter=_texts)

    def rules(self) -> list[Json]:
        """Give the rules that allow what is asked for; none where a part of it is lacking."""
        if not self.events:
            return []
        events = {} if "*" in self.events else {"event": list(self.events)}
        return [
            {field: list(patterns), **events}
            for field, patterns in (("course", self.courses), ("org", self.organisations))
            if patterns
        ]

    def scope(self) -> frozenset[str] | None:
        """
        Give the organisations, in lower case, that nothing asked for is beyond.

        None when there is no saying: no courses and organisations, or one with a wildcard where its
        organisation would stand.
        """
        found = {*map(_org, self.courses), *map(_literal, self.organisations)}
        return frozenset(found) if found and "" not in found else None

    def is_within(self, organisations: Collection[str]) -> bool:
        """Tell whether nothing asked for is beyond *organisations* (in any case)."""
        scope = self.scope()
        return scope is not None and scope <= {name.lower() for name in organisations}

    def beyond(self, asked: Wanted) -> Iterator[tuple[str, str]]:
        """Give each field and pattern that lets through what *asked* does not."""
        for field in FIELDS:
            for pattern in getattr(self, field):
                is_within = any(_covers(each, pattern) for each in getattr(asked, field))
                if field == "courses" and not is_within:
                    named = org_of(pattern) if _org(pattern) else ""
                    is_within = any(_covers(each, named) for each in asked.organisations if named)
                if not is_within:
                    yield field, pattern


def _covers(asked: str, pattern: str) -> bool:
    """Tell whether all that *pattern* matches *asked* matches, too; False where it is hard."""
    parts = (_WILDCARDS.get(each) or re.escape(each) for each in asked)
    return re.fullmatch("".join(parts), pattern, re.DOTALL) is not None


_WILDCARDS = {"*": ".*", "?": "[^*]"}


def _literal(text: str) -> str:
    return "" if "*" in text or "?" in text or text.startswith("re:") else text.lower()


def _org(course: str) -> str:
    """Give the organisation of a pattern of course keys; ``""`` when a wildcard may be any."""
    kind, colon, _ = course.partition(":")
    return _literal(org_of(course)) if not colon or _literal(kind) else ""


def complaints(field: str, patterns: Sequence[str]) -> list[str]:
    """
    Say what is wrong with the *patterns* of one part of a request, in sentences for its form.

    Also what a consumers file only warns of: who asks for what nobody knows has slipped, and shall
    learn it now and not when nothing comes.
    """
    if len(patterns) > MOST_ENTRIES:
        return [f"{len(patterns)} lines are more than the {MOST_ENTRIES} that a request may have."]
    return [said for pattern in patterns for said in _of_one(FIELDS[field], pattern)]


def _of_one(field: str, pattern: str) -> Iterator[str]:
    if len(pattern) > LONGEST_ENTRY:
        yield f"{pattern[:40]}… is longer than the {LONGEST_ENTRY} characters that a line may have."
    elif not pattern.isprintable():
        yield f"{pattern!r:.60} holds characters that cannot be shown."
    elif pattern.startswith("re:"):
        yield f"{pattern:.60}: write it with * and ? instead of a regular expression."
    else:
        rule = {field: pattern}
        try:
            Filter(allow=[rule])
        except ConfigurationError as error:
            yield _sentence(str(error))
            return
        yield from map(_sentence, doubts([rule], "allow"))


def _sentence(text: str) -> str:
    """Leave out where in a file it would stand (``allow[0].course: ...``)."""
    _, _, said = text.partition(": ")
    return said or text


@cache
def families() -> dict[str, tuple[str, ...]]:
    """Give the names of the events of each family that are translated, canonical ones only."""
    found: dict[str, list[str]] = {}
    for row in catalogue():
        if row.xapi or row.caliper:
            found.setdefault(row.family, []).append(row.name)
    return {family: tuple(names) for family, names in found.items() if family}


def split(events: Collection[str]) -> tuple[list[str], list[str]]:
    """Tell which families stand in *events* with all of their names, and what is left."""
    whole = [family for family, names in families().items() if set(names) <= set(events)]
    told = {name for family in whole for name in families()[family]}
    return whole, [name for name in events if name not in told]


def joined(whole: Collection[str], others: Collection[str]) -> tuple[str, ...]:
    """Give all events of the families *whole* and the *others*, each once; undoes `split`."""
    names = (name for family in families() if family in whole for name in families()[family])
    return tuple(dict.fromkeys((*names, *others)))
