"""Which dead letters a list shows, and which are delivered again or dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

import attrs
from django.db.models import Q, QuerySet

from eventkit.contrib.django.models import Letter

UNTRANSLATED = "-"
"""Stands for "no consumer" where an empty text stands for "any"."""


_MOST_IDS = 1_000
"""Letters that can be chosen one by one."""


def _time(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    found = datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError("a time without its offset")
    return found


def _in_reach(_: object, field: attrs.Attribute[datetime | None], value: datetime | None) -> None:
    """Refuse what no database can compare with: at the ends of the calendar, in another zone."""
    if value is not None and not _FIRST <= value.year <= _LAST:
        raise ValueError(f"{field.name}: expected a time of the years {_FIRST} to {_LAST}")


_FIRST, _LAST = 1970, 9000


def _text(_: object, field: attrs.Attribute[str], value: object) -> None:
    if not _is_text(value):
        raise ValueError(f"{field.name}: expected text")


def _is_text(value: object) -> bool:
    """Tell whether any database can be asked for *value*."""
    return isinstance(value, str) and "\0" not in value and not _SURROGATE.search(value)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _number(_: object, field: attrs.Attribute[int | None], value: object) -> None:
    if value is not None and not (type(value) is int and 0 <= value <= _MOST_STATUS):
        raise ValueError(f"{field.name}: expected a whole number up to {_MOST_STATUS}")


_MOST_STATUS = 999


def _ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > _MOST_IDS:
        raise ValueError(f"ids: expected a list of {_MOST_IDS:,} at most")
    if not all(map(_is_text, value)):
        raise ValueError("ids: expected texts")
    return tuple(value)


@attrs.frozen(kw_only=True)
class Selection:
    """Conditions on letters; all that are given must hold. Without any it is all letters."""

    consumer: str = attrs.field(default="", validator=_text)
    """A consumer's id; `UNTRANSLATED` for events that could not be translated."""
    reason: str = attrs.field(default="", validator=_text)
    name: str = attrs.field(default="", validator=_text)
    """The event's name."""
    protocol: str = attrs.field(default="", validator=_text)
    status: int | None = attrs.field(default=None, validator=_number)
    since: datetime | None = attrs.field(default=None, converter=_time, validator=_in_reach)
    """Given up then or later."""
    until: datetime | None = attrs.field(default=None, converter=_time, validator=_in_reach)
    """Given up before then."""
    search: str = attrs.field(default="", validator=_text)
    """How an id begins, or what is in the name of the event or in the reason."""
    ids: tuple[str, ...] = attrs.field(default=(), converter=_ids)

    def __bool__(self) -> bool:
        return self != Selection()

    def __call__(self, letters: QuerySet[Letter]) -> QuerySet[Letter]:
        """Give those of *letters* that are chosen."""
        exact: dict[str, Any] = {
            key: value
            for key in ("reason", "name", "protocol")
            if (value := getattr(self, key)) != ""
        }
        if self.consumer:
            exact["consumer_slug"] = "" if self.consumer == UNTRANSLATED else self.consumer
        if self.status is not None:
            exact["status"] = self.status
        if self.since is not None:
            exact["time__gte"] = self.since
        if self.until is not None:
            exact["time__lt"] = self.until
        if self.ids:
            exact["letter_id__in"] = self.ids
        found = letters.filter(**exact)
        if self.search:
            found = found.filter(
                Q(letter_id__startswith=self.search.lower())
                | Q(name__icontains=self.search)
                | Q(reason__icontains=self.search)
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """Give it as a JSON object, without what is not asked for."""
        found = attrs.asdict(self, filter=lambda field, value: value != field.default)
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in found.items()
        }

    @classmethod
    def from_dict(cls, chosen: Mapping[str, Any]) -> Self:
        """
        Make one of what `as_dict` gave.

        Raises:
            ValueError: a condition is not as it should be, or unknown. Without it more letters
                would be chosen than were meant.
        """
        if not isinstance(chosen, Mapping):
            raise ValueError("expected an object")  # noqa: TRY004 - as all that is wrong here
        known = {field.name for field in attrs.fields(cls)}
        unknown = sorted(set(chosen) - known)
        if unknown:
            raise ValueError(f"unknown conditions on letters: {', '.join(unknown)}")
        return cls(**chosen)

    def up_to(self, moment: datetime) -> Self:
        """Leave out what is given up at *moment* or later."""
        until = moment if self.until is None else min(self.until, moment)
        return attrs.evolve(self, until=until)

    def in_words(self) -> str:
        """Say it for people, as a list of conditions."""
        if self.ids:
            return f"{len(self.ids):,} chosen by hand"
        parts = [
            "without consumer" if self.consumer == UNTRANSLATED else "",
            f"of consumer {self.consumer}" if self.consumer not in {"", UNTRANSLATED} else "",
            self.reason and f"for reason {self.reason}",
            self.name and f"of event {self.name}",
            self.protocol and f"of protocol {self.protocol}",
            "" if self.status is None else f"with status {self.status}",
            f"given up since {self.since:%Y-%m-%d %H:%M %Z}" if self.since else "",
            f"given up before {self.until:%Y-%m-%d %H:%M %Z}" if self.until else "",
            self.search and f"with “{self.search}” in id, event or reason",
        ]
        return ", ".join(filter(None, parts)) or "all"
