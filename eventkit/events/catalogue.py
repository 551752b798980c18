"""The rows of all families, and of installed packages, found by any name of an event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from eventkit.events.families import (
    account,
    ai_assistant,
    authoring,
    bookmark,
    certificate,
    cohort,
    completion,
    content_experiment,
    content_library,
    content_tool,
    course_home,
    course_search,
    course_team,
    drag_and_drop,
    enrollment,
    exam,
    feedback,
    forum,
    grading,
    hint_exchange,
    implicit,
    interactive,
    navigation,
    notes,
    notification,
    ora,
    peer_instruction,
    poll_survey,
    pre_roll_video,
    problem,
    recommender,
    scorm,
    teams,
    textbook,
    video,
    xblock_problem,
)
from eventkit.events.installed import installed_rows
from eventkit.events.rows import Row
from eventkit.exceptions import ConfigurationError

FAMILIES: dict[str, tuple[Row, ...]] = {
    "account": account.EVENTS,
    "ai_assistant": ai_assistant.EVENTS,
    "authoring": authoring.EVENTS,
    "bookmark": bookmark.EVENTS,
    "certificate": certificate.EVENTS,
    "cohort": cohort.EVENTS,
    "completion": completion.EVENTS,
    "content_experiment": content_experiment.EVENTS,
    "content_library": content_library.EVENTS,
    "content_tool": content_tool.EVENTS,
    "course_home": course_home.EVENTS,
    "course_search": course_search.EVENTS,
    "course_team": course_team.EVENTS,
    "drag_and_drop": drag_and_drop.EVENTS,
    "enrollment": enrollment.EVENTS,
    "exam": exam.EVENTS,
    "feedback": feedback.EVENTS,
    "forum": forum.EVENTS,
    "grading": grading.EVENTS,
    "hint_exchange": hint_exchange.EVENTS,
    "implicit": implicit.EVENTS,
    "interactive": interactive.EVENTS,
    "navigation": navigation.EVENTS,
    "notes": notes.EVENTS,
    "notification": notification.EVENTS,
    "ora": ora.EVENTS,
    "peer_instruction": peer_instruction.EVENTS,
    "poll_survey": poll_survey.EVENTS,
    "pre_roll_video": pre_roll_video.EVENTS,
    "problem": problem.EVENTS,
    "recommender": recommender.EVENTS,
    "scorm": scorm.EVENTS,
    "teams": teams.EVENTS,
    "textbook": textbook.EVENTS,
    "video": video.EVENTS,
    "xblock_problem": xblock_problem.EVENTS,
}


class Catalogue:
    """
    The rows, found by any name of an event.

    Raises:
        ConfigurationError: something is no row, a row has no name, or two rows claim one name; the
            message names both.
    """

    __slots__ = ("_by_name", "rows")

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self._by_name: dict[str, Row] = {}
        for row in self.rows:
            if not isinstance(row, Row):
                raise ConfigurationError(
                    f"events: expected rows of type eventkit.events.Row, got {row!r:.80}"
                )
            if not row.names or not all(isinstance(name, str) and name for name in row.names):
                raise ConfigurationError(
                    f"events: a row of family {row.family or '(none)'} needs names that are text, "
                    f"got {row.names!r:.80}"
                )
            for name in row.names:
                other = self._by_name.setdefault(name, row)
                if other is not row:
                    raise ConfigurationError(
                        f"events: {name!r} is claimed by the rows {other.name!r} (family "
                        f"{other.family or '(none)'}) and {row.name!r} (family "
                        f"{row.family or '(none)'}); remove the name from one of them"
                    )

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, name: str) -> Row | None:
        """Find the row of an event by any of its names, or by the rule that made its name."""
        return self._by_name.get(name) or (
            exam.new_step(name) if name.startswith(exam.PREFIX) else None
        )

    def lists(self, name: str) -> bool:
        """Tell whether this is one of the names in the tables, of which there are only so many."""
        return name in self._by_name

    def canonical(self, name: str) -> str:
        """Give the canonical name of an event; an unknown name is its own."""
        row = self.get(name)
        return row.names[0] if row else name

    def names(self, name: str) -> tuple[str, ...]:
        """Give all names of the event that *name* names, the canonical one first."""
        row = self.get(name)
        return row.names if row else (name,)

    def family(self, name: str) -> str:
        """Give the family of an event; ``""`` when it is unknown."""
        row = self.get(name)
        return row.family if row else ""

    def extended(self, rows: Iterable[Row]) -> Catalogue:
        """Make a catalogue that has more *rows*."""
        return Catalogue((*self.rows, *rows))


@cache
def catalogue() -> Catalogue:
    """
    Give all events: those of this package, and those that installed packages add.

    Raises:
        ConfigurationError: an installed package has a bad table, or claims a name that is taken;
            the message names both sides.
    """
    found = CATALOGUE
    for origin, rows in installed_rows():
        try:
            found = found.extended(rows)
        except ConfigurationError as error:
            raise ConfigurationError(f"{origin}: {error}") from None
    return found


CATALOGUE = Catalogue(
    replace(row, family=family, is_checked=False)
    for family, rows in FAMILIES.items()
    for row in rows
)
"""The events of this package."""
