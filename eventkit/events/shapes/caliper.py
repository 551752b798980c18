"""The entities of Caliper 1.2 that several families of events speak of."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from isodate import duration_isoformat

from eventkit.events.shapes.view import EXACT, View, filled
from eventkit.reading.source import utc
from eventkit.typing import Json

ANNOTATION = "AnnotationProfile"
CONTEXT = "http://purl.imsglobal.org/ctx/caliper/v1p2"
"""The JSON-LD context of Caliper 1.2, which also names its version."""

FORUM = "ForumProfile"
GENERAL = "GeneralProfile"
ASSESSMENT = "AssessmentProfile"
ASSIGNABLE = "AssignableProfile"
FEEDBACK = "FeedbackProfile"
GRADING = "GradingProfile"
MEDIA = "MediaProfile"
READING = "ReadingProfile"
RESOURCE_MANAGEMENT = "ResourceManagementProfile"
SEARCH = "SearchProfile"
SESSION = "SessionProfile"
SURVEY = "SurveyProfile"
TOOL_USE = "ToolUseProfile"

_DAY = 86_400
_MOST_DIGITS = 2**53  # what a float can count to
_LONGEST = 1e9  # seconds: what is longer was not measured by a player


def entity(iri: str, kind: str, *, extensions: Json | None = None, **members: Any) -> Json:
    """Make an entity; members without a value are left out, as Caliper wants it."""
    made: Json = {"id": iri, "type": kind}
    for key, value in members.items():
        if value is not None and value != "":
            made[key] = value
    return extended(made, extensions) if extensions else made


def extended(made: Json, extensions: Json | None) -> Json:
    """Add to an entity those of its *extensions* that have a value."""
    if extensions and (kept := filled(extensions)):
        made["extensions"] = kept
    return made


@lru_cache(maxsize=10_000)
def duration(seconds: int | float | None) -> str | None:
    """Write seconds as an ISO 8601 duration (``PT3M15S``); None of what nobody has measured."""
    if seconds is None or not 0 <= seconds <= _LONGEST:
        return None
    if not seconds:
        return "PT0S"
    time = timedelta(seconds=seconds)
    if time.days or not time:
        return str(duration_isoformat(time))
    fraction = str(1_000_000 + time.microseconds)[1:].rstrip("0")
    return _below_a_day(time.seconds, fraction)


def position(seconds: int | float | None) -> tuple[str, str] | None:
    """
    Write a position as `digits` and as `duration` do; None where that gives none.

    The seconds are known to the millisecond, as `View.seconds` gives them. Positions seldom come
    twice, so there is no use in remembering them.
    """
    if not seconds or not 0 < seconds < _DAY:
        length = duration(seconds)
        return None if seconds is None or length is None else (digits(seconds), length)
    written = digits(seconds)
    return written, _below_a_day(int(seconds), written.partition(".")[2])


def _below_a_day(whole: int, fraction: str) -> str:
    """Write a duration as isodate does, without its ways."""
    minutes, rest = whole // 60, whole % 60
    text = f"PT{minutes // 60}H" if minutes >= 60 else "PT"
    if minutes % 60:
        text = f"{text}{minutes % 60}M"
    if fraction:
        return f"{text}{rest}.{fraction}S"
    return f"{text}{rest}S" if rest else text


def milliseconds(time: datetime | None) -> str | None:
    """Write a time of UTC as Caliper wants it, cut to the millisecond."""
    return f"{time.isoformat(timespec='milliseconds')[:23]}Z" if time else None


def time_of(view: View, field: str) -> str | None:
    """Give the payload's *field*, a time, as Caliper wants it."""
    return milliseconds(utc(view.data.get(field)))


def digits(value: int | float) -> str:
    """Write a number as part of an IRI: no exponent, at most three decimals, no trailing zeros."""
    if type(value) is int and -_MOST_DIGITS <= value <= _MOST_DIGITS:
        return str(value)
    thousands = value * 1000.0
    if 1.0 <= thousands < EXACT:
        nearest = round(thousands)
        if -0.499 < thousands - nearest < 0.499:
            rest = nearest % 1000
            if not rest:
                return str(nearest // 1000)
            return f"{nearest // 1000}.{str(1000 + rest)[1:]}".rstrip("0")
    text = f"{value:.3f}"
    return text.rstrip("0").rstrip(".") if text.endswith("0") else text


def actor(view: View) -> str:
    """Give the IRI of the person who did it."""
    return view.person(view.learner() if view.doer is None else view.doer)


def course_part(view: View) -> str | None:
    """Give the course for ``isPartOf``; the event's group describes it."""
    return view.course_iri() if view.course_id else None


def attempt(
    view: View,
    block: str,
    steps: str,
    *,
    count: int | float | None = None,
    learner: int | str | None = None,
) -> Json:
    """
    Make the learner's attempt at *block*; *steps* end its IRI and tell it from others.

    The learner is the one that the event is about, unless *learner* says who.
    """
    person = view.person(view.learner() if learner is None else learner)
    made: Json = {
        "id": _attempt_iri(block, person, steps),
        "type": "Attempt",
        "assignee": person,
        "assignable": block,
    }
    if count is not None and count >= 0:
        made["count"] = int(count)
    return made


def attempt_iri(view: View, block: str, steps: str) -> str:
    """Give the IRI of what `attempt` makes of the learner that the event is about."""
    return _attempt_iri(block, view.person(view.learner()), steps)


def _attempt_iri(block: str, person: str, steps: str) -> str:
    return f"{block}/user/{person.rpartition('/')[2]}{steps}"


def score(
    view: View,
    of: str,
    given: int | float | None,
    most: int | float | None,
    *,
    steps: str = "/score",
    by: str = "",
    needed: bool = True,
    extensions: Json | None = None,
) -> Json:
    """
    Make the score that an attempt is given, by the LMS or by the person *by*.

    *of* is the IRI of the attempt. *steps* end its own, where an attempt may be given several
    scores. Without points there is no event, unless they are not *needed*.
    """
    if given is None and needed:
        raise view.lacks("no_score", "data")
    made: Json = {"id": f"{of}{steps}", "type": "Score", "attempt": of}
    if most is not None:
        made["maxScore"] = most
    if given is not None:
        made["scoreGiven"] = given
    made["scoredBy"] = by or view.site.lms_root
    return extended(made, extensions)


def membership(
    view: View,
    organization: Json | str,
    learner: int | str,
    *,
    status: str,
    roles: list[str] | None = None,
    extensions: Json | None = None,
) -> Json:
    """Make the learner's membership in an organization: a course, or a group in it."""
    person = view.person(learner)
    iri = organization if isinstance(organization, str) else organization["id"]
    return entity(
        f"{iri}/user/{person.rpartition('/')[2]}/membership",
        "Membership",
        member=person,
        organization=organization,
        roles=roles,
        status=status,
        extensions=extensions,
    )


def made_by(view: View, person: str, at: str, kind: str) -> str:
    """Give the IRI of what *person* makes *at* some place at this moment: a search, a share."""
    return f"{at.rstrip('/')}/user/{person.rpartition('/')[2]}/{kind}/{moment(view)}"


def moment(view: View) -> str:
    """Write the time of the event as part of an IRI, for what may be made again and again."""
    stamp = view.stamped()
    return f"{stamp[:4]}{stamp[5:7]}{stamp[8:13]}{stamp[14:16]}{stamp[17:]}Z"


def draft(view: View, block: str, *, of: Json | str) -> Json:
    """Make what the learner saved at *block*, a part *of* it, without handing it in."""
    learner = view.person(view.learner())
    return entity(
        f"{block}/user/{learner.rpartition('/')[2]}/draft",
        "DigitalResource",
        isPartOf=of,
        creators=[learner],
    )


def search_response(view: View, place: str, *, terms: str, results: int | float | None) -> Json:
    """Make what a search at *place* gave; its *terms* only where texts may leave."""
    person = actor(view)
    search = made_by(view, person, place, "search")
    return entity(
        f"{search}/response",
        "SearchResponse",
        searchProvider=view.site.lms_root,
        searchTarget=place,
        query=entity(
            search,
            "Query",
            creator=person,
            searchTarget=place,
            searchTerms=terms if view.site.include_text else None,
        ),
        searchResultsItemCount=int(results) if results is not None and results >= 0 else None,
    )


def shared(view: View, what: str) -> Json:
    """Make the learner's sharing of *what*."""
    person = view.person(view.learner())
    return entity(
        made_by(view, person, what, "share"),
        "SharedAnnotation",
        annotator=person,
        annotated=what,
    )
