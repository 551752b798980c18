"""The one view of both shapes of an event."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.reading import Source
from eventkit.reading.source import course_of_usage_key, utc

COURSE = "course-v1:Lakeside+BIO201+2025_T1"
LIVE = {
    "name": "play_video",
    "timestamp": datetime(2025, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
    "data": {"id": "v", "currentTime": 0},
    "context": {
        "course_id": COURSE,
        "org_id": "Lakeside",
        "user_id": 7,
        "username": "marisol",
        "session": "s",
        "event_source": "browser",
        "host": "lms.example.org",
    },
}
LOG = {
    "event_type": "play_video",
    "time": "2025-02-03T04:05:06.000789+00:00",
    "event": '{"id": "v", "currentTime": 0}',
    "context": {"course_id": COURSE, "org_id": "Lakeside", "user_id": "7"},
    "username": "marisol",
    "session": "s",
    "event_source": "browser",
    "host": "lms.example.org",
}


class TestBothShapes:
    """Live events and log lines look the same."""

    @pytest.mark.parametrize("event", [LIVE, LOG], ids=["live", "log"])
    def test_agree(self, event):
        """Whatever the shape, the view is the same."""
        source = Source(event)

        assert source.name == "play_video"
        assert source.data == {"id": "v", "currentTime": 0}
        assert source.time == LIVE["timestamp"]
        assert source.user == 7
        assert source.course_id == COURSE
        assert source.org == "Lakeside"
        assert source.source == "browser"
        assert source.text("host") == "lms.example.org"
        assert source.lookup("context.session") == "s"
        assert source.lookup("data.id") == source.lookup("event.id") == "v"

    def test_have_one_digest(self):
        """Ids that need the payload do not depend on the shape."""
        assert Source(LIVE).digest() == Source(LOG).digest()


class TestName:
    """Which name counts."""

    def test_name_wins_over_event_type(self):
        """Lines since 2016 have both, and they may differ."""
        source = Source({"name": "edx.ui.lms.sequence.next_selected", "event_type": "seq_next"})

        assert source.name == "edx.ui.lms.sequence.next_selected"

    @pytest.mark.parametrize("name", [None, "", 5, ["x"], {"x": 1}])
    def test_anything_but_text_is_no_name(self, name):
        """A name of the wrong type is no name."""
        assert Source({"name": name}).name == ""


class TestPayload:
    """What the payload is."""

    @pytest.mark.parametrize(
        ("payload", "expected"),
        [
            ("", {}),
            ('"{\\"a\\": 1}"', {"a": 1}),
            ('"input_x_2_1=3"', "input_x_2_1=3"),
            ("input_x_2_1=3", "input_x_2_1=3"),
            ("[1]", [1]),
            ('{"a": NaN, "b": [-Infinity]}', {"a": None, "b": [None]}),
            ("{cut", "{cut"),
            (None, None),
        ],
    )
    def test_text_is_parsed_when_it_is_json(self, payload, expected):
        """JSON text is parsed, also when it was encoded twice; other text stays text."""
        assert Source({"name": "x", "event": payload}).payload == expected

    def test_is_parsed_once(self):
        """Everything that asks for the payload gets the same object."""
        source = Source(LOG)

        assert source.data is source.data


class TestUser:
    """Whom the event is about."""

    @pytest.mark.parametrize(
        ("data", "context", "root", "expected"),
        [
            ({"user_id": 9}, {"user_id": 7}, {}, 9),
            ({"user_id": "9"}, {"user_id": 7}, {}, 9),
            ({"user_id": 0}, {"user_id": 7}, {}, 7),
            ({"user_id": ""}, {"user_id": None, "username": "ada"}, {}, "ada"),
            ({"username": "bob"}, {"user_id": 7, "username": "ada"}, {}, "bob"),
            ({"username": "ada"}, {"user_id": 7, "username": "ada"}, {}, 7),
            ({"attempt_user_id": 11}, {"user_id": 7}, {}, 11),
            ({}, {"username": " ada\n"}, {}, "ada"),
            ({}, {}, {"username": "ada"}, "ada"),
            ({}, {"user_id": 7.0}, {}, 7),
            ({}, {"username": "42"}, {}, "42"),
            ({}, {"user_id": True}, {}, None),
            ({}, {"user_id": -3}, {}, None),
            ({}, {"user_id": 10**30}, {}, None),
            ({}, {"user_id": "9" * 5000}, {}, None),
            ({}, {"user_id": [7]}, {"username": {"x": 1}}, None),
            ({}, {}, {}, None),
        ],
    )
    def test_is_found(self, data, context, root, expected):
        """The payload comes first, ids before names, and nonsense counts as missing."""
        assert Source({"name": "x", "data": data, "context": context, **root}).user == expected


class TestCourse:
    """Which course the event belongs to."""

    @pytest.mark.parametrize(
        ("event", "expected"),
        [
            ({"context": {"course_id": ""}, "data": {"course_id": COURSE}}, COURSE),
            ({"data": {"problem_id": "block-v1:O+C+R+type@problem+block@p"}}, "course-v1:O+C+R"),
            ({"data": {"id": "ccx-block-v1:O+C+R+ccx@1+type@video+block@v"}}, "ccx-v1:O+C+R+ccx@1"),
            ({"page": "https://x.org/courses/O/C/R/courseware/week"}, "O/C/R"),
            ({"context": {"path": "/courses/course-v1%3AO+C+R/about"}}, "course-v1:O+C+R"),
            ({"page": "https://x.org/courses/"}, ""),
            ({"context": {"course_id": 5}}, ""),
            ({"context": "text", "data": ["list"]}, ""),
        ],
    )
    def test_is_found(self, event, expected):
        """The context names it, else the payload, a usage key, or the page's URL."""
        assert Source({"name": "x", **event}).course_id == expected

    def test_org_of_the_course_key(self):
        """Without ``org_id`` the course key names the organisation."""
        assert Source({"name": "x", "context": {"course_id": "course-v1:O+C+R"}}).org == "O"
        assert Source({"name": "x", "context": {"course_id": "O/C/R"}}).org == "O"
        assert Source({"name": "x"}).org == ""

    def test_libraries_are_no_courses(self):
        """The key of a library block holds no course."""
        assert course_of_usage_key("lib-block-v1:O+L+type@problem+block@p") == ""


class TestTime:
    """When it happened."""

    @pytest.mark.parametrize(
        "value",
        [
            "2025-02-03T04:05:06.000789+00:00",
            "2025-02-03T04:05:06.000789Z",
            "2025-02-03 04:05:06.000789",
            "2025-02-03T05:05:06.000789+0100",
            datetime(2025, 2, 3, 4, 5, 6, 789),  # noqa: DTZ001 - that is the case
            datetime(2025, 2, 3, 5, 5, 6, 789, tzinfo=timezone(timedelta(hours=1))),
        ],
    )
    def test_is_utc(self, value):
        """Offsets are resolved, and a time without one is UTC."""
        assert utc(value) == LIVE["timestamp"]

    def test_unix_seconds(self):
        """Numbers are seconds since 1970."""
        assert utc(0) == datetime(1970, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        "value",
        [None, "", "yesterday", True, [], float("nan"), 1e30, "0001-01-01T00:00:00+14:00"],
    )
    def test_nonsense_is_no_time(self, value):
        """What cannot be read is no time, and no exception."""
        assert utc(value) is None


TIMES = st.sampled_from(
    [
        "2025-02-09T10:05:35.665515+00:00",
        "2025-02-09T10:05:35.000000+00:00",
        "2025-02-09T24:00:00.000000+00:00",
        "2025-W06-7T10:05:35.665515+00:00",
        "2025-02-09 10:05:35.665515+00:00",
        "2025-02-09T10:05:35,665515+00:00",
        "2025-02-09T10:05:35.665515+02:00",
        "2025-02-30T10:05:35.665515+00:00",
        "0001-01-01T00:00:00.000001+00:00",
    ]
)


@given(TIMES, st.integers(0, 31), st.characters() | st.sampled_from("0123456789:-+.,TW "))
def test_the_stamp_is_the_time(time, where, character):
    """However a time is written, the quick reading and the slow one agree."""
    for written in (time, time[:where] + character + time[where + 1 :]):
        source = Source({"name": "x", "time": written})
        expected = source.time and source.time.isoformat(timespec="microseconds")[:26]

        assert source.stamp() == (expected or "")


@pytest.mark.parametrize("given_time", [datetime(2025, 2, 3, tzinfo=UTC), 0, 1.5, None, ""])
def test_the_stamp_of_other_times(given_time):
    """So do they of times that are no text."""
    source = Source({"name": "x", "timestamp": given_time})
    expected = source.time and source.time.isoformat(timespec="microseconds")[:26]

    assert source.stamp() == (expected or "")
