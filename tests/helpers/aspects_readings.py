"""
What the models of Aspects read of a statement, and what their casts accept.

The models (aspects-dbt 7.0.0) are chained to the table that statements are inserted into: what one
of them cannot cast costs the whole batch. `poison` says what of a statement would; the casts are
at least as strict as those of ClickHouse, and so is what must be there.
"""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from uuid import UUID

ADL = "http://adlnet.gov/expapi/verbs/"
EVALUATED = "https://w3id.org/xapi/acrossx/verbs/evaluated"
EARNED = "http://id.tincanapi.com/verb/earned"
NAVIGATED = "https://w3id.org/xapi/dod-isd/verbs/navigated"
SEEKED = "https://w3id.org/xapi/video/verbs/seeked"
PAUSED = "https://w3id.org/xapi/video/verbs/paused"
PLAYED = "https://w3id.org/xapi/video/verbs/played"
REGISTERED, PASSED, FAILED, ASKED = (
    f"{ADL}{each}" for each in ["registered", "passed", "failed", "asked"]
)
COMPLETED, INITIALIZED, TERMINATED = (
    f"{ADL}{each}" for each in ["completed", "initialized", "terminated"]
)
UNREGISTERED = "http://id.tincanapi.com/verb/unregistered"

COURSE = "http://adlnet.gov/expapi/activities/course"
LINK = "http://adlnet.gov/expapi/activities/link"
MODULE = "http://adlnet.gov/expapi/activities/module"
ATTEMPT_ID = "http://id.tincanapi.com/extension/attempt-id"
VIDEO = "https://w3id.org/xapi/video/extensions/"
STARTING_POSITION = "http://id.tincanapi.com/extension/starting-position"
ENDING_POINT = "http://id.tincanapi.com/extension/ending-point"
MODE = "https://w3id.org/xapi/acrossx/extensions/type"
CLASSIFICATION = "http://www.tincanapi.co.uk/activitytypes/grade_classification"


def at(statement, *path):
    """Give what stands at *path*; None where it ends early."""
    for step in path:
        if isinstance(statement, list) and isinstance(step, int):
            statement = statement[step] if step < len(statement) else None
        else:
            statement = statement.get(step) if isinstance(statement, dict) else None
    return statement


def is_text(value):
    return isinstance(value, str) and value != ""


def is_scalar(value):
    """Whatever can be read as text."""
    return value is None or isinstance(value, (str, bool)) or is_number(value)


def is_bool(value):
    return isinstance(value, bool)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value, bits):
    """Tell whether it is an integer of so many bits: never text, never a float, never null."""
    return type(value) is int and -(1 << (bits - 1)) <= value < 1 << (bits - 1)


def is_decimal(value):
    """Tell whether it is a Decimal32 with two digits: nine digits in all, no exponent."""
    return is_number(value) and abs(value) < 10**7 and "e" not in json.dumps(value).lower()


def is_uuid(value):
    try:
        return str(UUID(value)) == value
    except (ValueError, TypeError, AttributeError):
        return False


def is_time(value):
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return False
    return moment.tzinfo is not None and 1970 <= moment.year < 2106


def optional(check):
    return lambda value: value is None or check(value)


def any_of(statement):
    return True


def verbs(*ids):
    return lambda statement: at(statement, "verb", "id") in ids


def is_video(statement):
    return (
        at(statement, "verb", "id") in (COMPLETED, INITIALIZED, TERMINATED, PAUSED, PLAYED, SEEKED)
        and "video+block" in statement["object"]["id"]
    )


def has_position(statement):
    return at(statement, "verb", "id") == NAVIGATED and at(
        statement, "object", "definition", "type"
    ) not in (LINK, MODULE)


DEFINED = ("object", "definition", "extensions")
RESULT, CONTEXT = ("result", "extensions"), ("context", "extensions")

READINGS = (
    ("all", any_of, ("id",), is_uuid),
    ("all", any_of, ("verb", "id"), is_text),
    ("all", any_of, ("object", "id"), is_text),
    ("all", any_of, ("timestamp",), is_time),
    ("problem_events", verbs(EVALUATED), ("result", "success"), is_bool),
    (
        "problem_events",
        verbs(EVALUATED),
        (*DEFINED, ATTEMPT_ID),
        lambda value: is_whole(value, 16),
    ),
    (
        "problem_events",
        verbs(EVALUATED, PASSED, ASKED),
        ("result", "response"),
        optional(lambda value: isinstance(value, str)),
    ),
    (
        "problem_events",
        verbs(EVALUATED, PASSED, ASKED),
        ("object", "definition", "interactionType"),
        optional(is_text),
    ),
    (
        "grading_events",
        verbs(EARNED, EVALUATED, PASSED, FAILED, ASKED),
        ("result", "score", "scaled"),
        optional(is_number),
    ),
    ("grading_events", verbs(EARNED), (*RESULT, CLASSIFICATION), optional(is_text)),
    ("video_playback_events", is_video, (*RESULT, f"{VIDEO}time"), optional(is_decimal)),
    ("video_playback_events", is_video, (*RESULT, f"{VIDEO}time-from"), optional(is_decimal)),
    ("video_playback_events", is_video, (*CONTEXT, f"{VIDEO}length"), optional(is_decimal)),
    ("navigation_events", verbs(NAVIGATED), ("object", "definition", "type"), is_text),
    (
        "navigation_events",
        has_position,
        (*CONTEXT, STARTING_POSITION),
        optional(lambda value: is_whole(value, 64)),
    ),
    ("navigation_events", verbs(NAVIGATED), (*CONTEXT, ENDING_POINT), optional(is_scalar)),
    ("enrollment_events", verbs(REGISTERED, UNREGISTERED), (*DEFINED, MODE), optional(is_text)),
)
"""Model, which statements it takes, what it reads there, and what it can read."""


def poison(statement):
    """List what of a statement a model of Aspects cannot cast: the model, the place, the value."""
    found = [
        f"{model}: {'.'.join(map(str, path))} is {at(statement, *path)!r}"
        for model, takes, path, can_read in READINGS
        if takes(statement) and not can_read(at(statement, *path))
    ]
    actor = statement["actor"]
    names = (at(actor, "account", "name"), actor.get("mbox"), actor.get("mbox_sha1sum"))
    if not any(map(is_text, names)):
        found.append("all: actor has no name")
    return found


def course_of(statement):
    """Give the key of the course that the models give a statement to."""
    activities = ("context", "contextActivities")
    parent = at(statement, *activities, "parent", 0)
    if at(parent, "definition", "type") == COURSE:
        url = parent["id"]
    elif at(parent, "objectType") in ("Activity", "GroupActivity"):
        url = at(statement, *activities, "grouping", 0, "id") or ""
    else:
        url = statement["object"]["id"]
    return url.rpartition("/")[2]


def organisation_of(statement):
    """Give the organisation that the models give a statement to; ``""`` when there is none."""
    found = re.match(r"(?:course|ccx)-v1:([^+]+)", course_of(statement))
    return found[1] if found else ""
