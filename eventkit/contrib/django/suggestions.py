"""
What may stand in access rules, for those who begin to type it: events, courses, organisations.

Events are those of the catalogue. Courses and organisations are known where the site is an LMS, to
the tables of its apps; elsewhere people type what they know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import Any, TypedDict

from django.apps import apps
from django.db.models import Model, Q

from eventkit.events.catalogue import FAMILIES, catalogue
from eventkit.events.one_of import OneOf
from eventkit.events.rows import Row

MOST = 20
"""How many are given at once."""

_Organisations = Collection[str] | None
"""Those that somebody is bound to; None: any."""


class Suggestion(TypedDict):
    """A pattern, and what people should know of it."""

    value: str
    description: str


def suggestions(field: str, typed: str, organisations: _Organisations = None) -> list[Suggestion]:
    """
    Give patterns for *field* that hold what was *typed*, in any case; at most `MOST`.

    Args:
        field: as rules have it; of others than `SEARCHED` nothing is known.

        typed: several words must all be there, in any order.

        organisations: only what is of these; None: of any.
    """
    find = _FINDERS.get(field)
    words = typed.lower().split()
    return find(words, organisations)[:MOST] if find is not None else []


def describe(row: Row) -> str:
    """Say of an event what its family is, and what it becomes."""
    meaning = [*_xapi(row), *_caliper(row)] or [f"not translated: {row.reason}"]
    known_as = f" (also {', '.join(row.names[1:])})" if len(row.names) > 1 else ""
    return f"{_words(row.family)}: {'; '.join(meaning)}{known_as}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _xapi(row: Row) -> Iterator[str]:
    if row.xapi is not None:
        among = row.xapi.among if isinstance(row.xapi, OneOf) else (row.xapi,)
        verbs = dict.fromkeys(each.verb.id.rpartition("/")[2] for each in among)
        yield f"xAPI {' or '.join(verbs)}"


def _caliper(row: Row) -> Iterator[str]:
    if row.caliper is not None:
        among = row.caliper.among if isinstance(row.caliper, OneOf) else (row.caliper,)
        pairs = dict.fromkeys(f"{each.type} {each.action}" for each in among)
        yield f"Caliper {' or '.join(pairs)}"


def _events(words: list[str], _: _Organisations) -> list[Suggestion]:
    found = [one for one, text in _known_events() if all(word in text for word in words)]
    first = words[0] if words else ""
    # Names that begin so are what is meant most often.
    return sorted(found, key=lambda one: not one["value"].lower().startswith(first))


@cache
def _known_events() -> tuple[tuple[Suggestion, str], ...]:
    """Give every event, with the text that is searched."""
    rows = sorted((row for row in catalogue() if row.family != "implicit"), key=_family_and_name)
    return tuple(
        (
            Suggestion(value=row.name, description=describe(row)),
            f"{' '.join(row.names)} {_words(row.family)} {describe(row)}".lower(),
        )
        for row in rows
    )


def _family_and_name(row: Row) -> tuple[str, str]:
    return row.family, row.name


def _activity_types(words: list[str], _: _Organisations) -> list[Suggestion]:
    return [
        Suggestion(value=family, description=f"{len(rows)} kinds of events")
        for family, rows in sorted(FAMILIES.items())
        if all(word in family for word in words)
    ]


def _courses(words: list[str], organisations: _Organisations) -> list[Suggestion]:
    model = _model("course_overviews", "CourseOverview")
    if model is None:
        return []
    found = model._default_manager.filter(  # noqa: SLF001 - what Django documents for this
        _all_in(words, ("id", "display_name")), _any_of("org", organisations)
    )
    rows = found.order_by("id").values_list("id", "display_name", "org")[:MOST]
    return [
        Suggestion(value=str(key), description=" · ".join(filter(None, (name, org))))
        for key, name, org in rows
    ]


def _organisations(words: list[str], organisations: _Organisations) -> list[Suggestion]:
    found: dict[str, str] = dict.fromkeys(organisations or (), "")
    found.update(_platform_organisations(words, organisations))
    known = ((name, text) for name, text in sorted(found.items()) if _has(words, f"{name} {text}"))
    return [Suggestion(value=name, description=text) for name, text in known]


def _platform_organisations(
    words: list[str], organisations: _Organisations
) -> Iterable[tuple[str, str]]:
    """Give those that the LMS knows: its own list, else those that have courses."""
    model = _model("organizations", "Organization")
    if model is not None:
        chosen = _all_in(words, ("short_name", "name")) & _any_of("short_name", organisations)
        rows = model._default_manager.filter(chosen).order_by("short_name")  # noqa: SLF001
        return list(rows.values_list("short_name", "name")[:MOST])
    model = _model("course_overviews", "CourseOverview")
    if model is None:
        return []
    chosen = _all_in(words, ("org",)) & _any_of("org", organisations)
    rows = model._default_manager.filter(chosen).order_by("org")  # noqa: SLF001
    return [(org, "") for org in rows.values_list("org", flat=True).distinct()[:MOST]]


def _has(words: list[str], text: str) -> bool:
    return all(word in text.lower() for word in words)


def _model(label: str, name: str) -> type[Model] | None:
    """Find a model of the LMS; None where there is none."""
    try:
        return apps.get_model(label, name)
    except LookupError:
        return None


def _all_in(words: list[str], columns: tuple[str, ...]) -> Q:
    """Ask for all words, each in any of the columns."""
    asked = Q()
    for word in words:
        anywhere = Q()
        for column in columns:
            anywhere |= Q(**{f"{column}__icontains": word})
        asked &= anywhere
    return asked


def _any_of(column: str, organisations: _Organisations) -> Q:
    """Ask for one of the organisations, in any case as everywhere where one is bound to them."""
    if organisations is None:
        return Q()
    asked = Q(pk__in=())
    for each in organisations:
        asked |= Q(**{f"{column}__iexact": each})
    return asked


_Finder = Callable[[list[str], Any], list[Suggestion]]
_FINDERS: dict[str, _Finder] = {
    "event": _events,
    "course": _courses,
    "org": _organisations,
    "activity_type": _activity_types,
}
SEARCHED = tuple(_FINDERS)
"""The fields of which something is known."""
