"""Events of all sorts: plausible, odd, and hostile."""

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import strategies as st

from eventkit.events import CATALOGUE
from eventkit.reading import Source

COURSES = (
    "course-v1:Lakeside+BIO201+2025_T1",
    "ccx-v1:Lakeside+BIO201+2025_T1+ccx@3",
    "Lakeside/BIO101/2013",
)
NAMES = tuple(name for row in CATALOGUE for name in row.names)


def _payload(path):
    """Give the payload of a golden case, whatever its shape."""
    return Source(json.loads(path.read_text("utf-8"))["event"]).data


# What translations read, so that odd values reach the code behind them: the fields of all golden
# cases, and by event the payloads that are known to be enough for a translation.
_CASES = sorted((Path(__file__).parents[1] / "golden").glob("*/*.json"))
FIELDS = tuple(sorted({field for path in _CASES for field in _payload(path)}))
ENOUGH = {
    name: dict(_payload(path))
    for path in _CASES
    for name in CATALOGUE.names(json.loads(path.read_text("utf-8"))["event"].get("name") or "")
}

texts = st.text(max_size=30) | st.sampled_from(
    [
        "v1",
        "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p1",
        "i4x-Lakeside-BIO101-video-intro",
        "https://x.example.org/page",
        "/relative?x=1",
        "correct",
        "12.5",
        "NaN",
        "1e999",
        "\x00",
        "\ud800",
        "input_p1_2_1=choice_0",
        "{}",
        "[]",
        '{"id": "v1"}',
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=0, max_value=9)
    | st.sampled_from([10**40, -1, 2**63])
    | st.floats()
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
odd_fields = st.dictionaries(st.sampled_from(FIELDS), values, max_size=12)
submissions = st.dictionaries(
    st.sampled_from(["p1_2_1", "p1_3_1", "p1_4_1"]),
    st.dictionaries(
        st.sampled_from(["question", "answer", "response_type", "correct"]),
        st.sampled_from(["choiceresponse", "stringresponse", "numericalresponse", ""]) | values,
        max_size=4,
    ),
    min_size=1,
    max_size=3,
)


def payloads(name):
    """Draw payloads of an event: enough for a translation and then altered, or anything."""
    enough = ENOUGH.get(name, {})
    altered = st.builds(lambda odd: {**enough, **odd}, odd_fields)
    if "submission" in enough:
        altered |= st.builds(lambda several: {**enough, "submission": several}, submissions)
    return altered | odd_fields | values


times = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def any_events(draw):
    """Draw anything JSON-like that is an object, often with the keys of an event."""
    keys = st.sampled_from(
        ["name", "event_type", "timestamp", "time", "data", "event", "context", "username"]
    )
    event = draw(st.dictionaries(keys | texts, values, max_size=8))
    if draw(st.booleans()):
        event["name"] = draw(st.sampled_from(NAMES))
    return event


@st.composite
def known_events(draw):
    """Draw an event that has a row, of one learner, with a payload that may be anything."""
    name = draw(st.sampled_from(NAMES))
    return {
        "name": name,
        "timestamp": draw(times).isoformat(),
        "data": draw(payloads(name)),
        "context": {
            "course_id": draw(st.sampled_from(COURSES)),
            "user_id": draw(st.integers(min_value=1, max_value=2**31)),
            "username": "zz_secret_user",
            "email": "zz_secret@mail.example.org",
            "ip": "203.0.113.77",
            "agent": "ZzSecretAgent/5.0",
            "session": "5e55",
            "event_source": draw(st.sampled_from(["browser", "server", "mobile"])),
            "referer": draw(texts),
            "path": draw(texts),
        },
    }
