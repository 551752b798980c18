"""The entities of Caliper 1.2 that several families of events speak of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from isodate import duration_isoformat

from eventkit.events._view import View, filled
from eventkit.typing import Json

GENERAL = "GeneralProfile"
ASSESSMENT = "AssessmentProfile"
GRADING = "GradingProfile"
MEDIA = "MediaProfile"
READING = "ReadingProfile"

_LONGEST = 1e9  # seconds: what is longer was not measured by a player


def entity(iri: str, kind: str, *, extensions: Json | None = None, **members: Any) -> Json:
    """Make an entity; members without a value are left out, as Caliper wants it."""
    made = {"id": iri, "type": kind} | {
        key: value for key, value in members.items() if value not in (None, "")
    }
    if extensions and (kept := filled(extensions)):
        made["extensions"] = kept
    return made


def duration(seconds: float | None) -> str | None:
    """Write seconds as an ISO 8601 duration (``PT3M15S``)."""
    if seconds is None or not 0 <= seconds <= _LONGEST:
        return None
    return duration_isoformat(timedelta(seconds=seconds)) if seconds else "PT0S"


def digits(value: float) -> str:
    """Write a number as part of an IRI: no exponent, at most three decimals, no trailing zeros."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def course_part(view: View) -> str | None:
    """Give the course for ``isPartOf``; the event's group describes it."""
    return view.course_iri() if view.course_id else None


def attempt(view: View, block: str, steps: str, *, count: float | None = None) -> Json:
    """Make the learner's attempt at *block*; *steps* end its IRI and tell it from others."""
    learner = view.person(view.learner())
    return entity(
        f"{block}/user/{learner.rpartition('/')[2]}{steps}",
        "Attempt",
        assignee=learner,
        assignable=block,
        count=int(count) if count is not None and count >= 0 else None,
    )


def score(view: View, of: Json, given: float | None, most: float | None, **extensions: Any) -> Json:
    """Make the score that the LMS gives an attempt."""
    if given is None:
        raise view.lacks("no_score", "data")
    return entity(
        f"{of['id']}/score",
        "Score",
        attempt=of["id"],
        maxScore=most,
        scoreGiven=given,
        scoredBy=view.site.lms_root,
        extensions=extensions.get("extensions"),
    )
