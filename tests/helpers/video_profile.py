"""
What the templates of ADL's video profile (1.0.3) want of a statement.

Only what they insist on is here, as facts: what they recommend no statement can miss. They want an
id and a timestamp of each, too.
"""

from __future__ import annotations

PROFILE = "https://w3id.org/xapi/video"
CATEGORY = {
    "objectType": "Activity",
    "id": PROFILE,
    "definition": {"type": "http://adlnet.gov/expapi/activities/profile"},
}
VIDEO = f"{PROFILE}/activity-type/video"

_ADL = "http://adlnet.gov/expapi/verbs/"


def _result(*names: str) -> list[str]:
    return [f"$.result.extensions['{PROFILE}/extensions/{name}']" for name in names]


def _context(*names: str) -> list[str]:
    return [f"$.context.extensions['{PROFILE}/extensions/{name}']" for name in names]


_WATCHED = [*_context("length"), *_result("time", "progress", "played-segments")]
_WANTED = {
    "initialized": (f"{_ADL}initialized", _context("length")),
    "played": (f"{PROFILE}/verbs/played", _result("time")),
    "paused": (f"{PROFILE}/verbs/paused", _WATCHED),
    "seeked": (f"{PROFILE}/verbs/seeked", _result("time-from", "time-to")),
    "completed": (
        f"{_ADL}completed",
        [*_WATCHED, "$.result.completion", "$.result.duration"],
    ),
    "terminated": (f"{_ADL}terminated", _WATCHED),
    "closed-captioning": (
        f"{_ADL}interacted",
        [*_result("time"), *_context("cc-enabled", "cc-subtitle-lang")],
    ),
    "volumechange": (f"{_ADL}interacted", [*_result("time"), *_context("volume")]),
    "screenchange": (
        f"{_ADL}interacted",
        [*_result("time"), *_context("full-screen", "screen-size", "video-playback-size")],
    ),
}

TEMPLATES = [
    {
        "id": f"{PROFILE}/templates#{name}",
        "verb": verb,
        # The one of "initialized" leaves the type open.
        **({} if name == "initialized" else {"objectActivityType": VIDEO}),
        "rules": [
            {"location": place, "presence": "included"}
            for place in ["$.id", "$.timestamp", *places]
        ],
    }
    for name, (verb, places) in _WANTED.items()
]
"""The templates, as `eventkit.validation.profiles` reads them."""

CONTEXT_EXTENSIONS = [
    "completion-threshold",
    "cc-subtitle-enabled",
    "cc-subtitle-lang",
    "frame-rate",
    "full-screen",
    "length",
    "quality",
    "session-id",
    "screen-size",
    "speed",
    "track",
    "user-agent",
    "volume",
    "video-playback-size",
]
RESULT_EXTENSIONS = ["played-segments", "progress", "time", "time-from", "time-to"]
"""The extensions that the profile defines, by where they may stand."""

SPELLED_OTHERWISE = "cc-enabled"
"""Its templates want this in the context; the concept is ``cc-subtitle-enabled``."""
