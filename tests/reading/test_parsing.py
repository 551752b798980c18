"""Reading lines of tracking logs."""

import json

import pytest

from eventkit import EventParseError, parse_events, parse_line

EVENT = {"name": "play_video", "time": "2025-01-01T00:00:00+00:00", "event": {"id": "v"}}
LINE = json.dumps(EVENT)


class TestParseLine:
    """`parse_line` gives the object on a line as it was written."""

    @pytest.mark.parametrize(
        "line",
        [
            LINE,
            LINE.encode(),
            f"{LINE}\n",
            f"\ufeff{LINE}".encode(),
            f"2025-01-01 10:00:00,001 INFO 7 [tracking] [user None] logger.py:41 - {LINE}",
            f"<14>Jan  1 10:00:00 web-1 {{}} {{not json}} {LINE}",
            f"{LINE} trailing words",
        ],
        ids=["text", "bytes", "newline", "bom", "logging", "braces in the prefix", "suffix"],
    )
    def test_reads_the_event(self, line):
        """Prefixes, suffixes and byte order marks do not get in the way."""
        assert parse_line(line) == EVENT

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("", "blank"),
            (" \t\n", "blank"),
            (b"", "blank"),
            (b'{"name": "\xff"}', "not_utf8"),
            ("no braces here", "not_json"),
            ("[1, 2]", "not_json"),
            ("{}", "not_json"),
            (LINE[:-3], "not_json"),
            (LINE + LINE, "several_events"),
            (LINE + LINE[:-3], "not_json"),
            (LINE[:-3] + LINE, "not_json"),
            ('{"name": "x", "n": ' + "9" * 5000 + "}", "not_json"),
            ('{"time": "2025-01-01T00:00:00Z"}', "no_name"),
            ('{"name": 5}', "no_name"),
            ('{"name": ["play_video"]}', "no_name"),
            ('{"name": "x", "event": ' + "[" * 200_000 + "]" * 200_000 + "}", "too_deep"),
            ('{"name": "' + "x" * 16_000_000 + '"}', "too_long"),
        ],
        ids=lambda value: value[:20] if isinstance(value, str) else None,
    )
    def test_refuses_with_a_reason(self, line, reason):
        """What is no event is refused, and the reason says why."""
        with pytest.raises(EventParseError) as refused:
            parse_line(line)

        assert refused.value.reason == reason

    def test_a_part_of_a_cut_line_is_no_event(self):
        """An object inside a line that was cut off does not pass for the event."""
        cut = '{"event_type": "problem_check", "event": {"name": "inner", "id": 1}, "time": "20'

        with pytest.raises(EventParseError) as refused:
            parse_line(cut)

        assert refused.value.reason == "not_json"

    def test_names_by_event_type_only(self):
        """Old lines have no ``name``; the ``event_type`` names the event."""
        assert parse_line('{"event_type": "problem_graded"}')["event_type"] == "problem_graded"

    def test_the_message_holds_no_payload(self):
        """What was wrong is said without quoting the line."""
        with pytest.raises(EventParseError) as refused:
            parse_line('{"name": "x", "username": "marisol", ')

        assert "marisol" not in str(refused.value)

    def test_null_bytes_and_big_payloads_are_read(self):
        """Odd but valid JSON is an event like any other."""
        payload = {"name": "x", "event": "\u0000" + "y" * 1_000_000}

        assert parse_line(json.dumps(payload)) == payload

    def test_what_is_no_number_is_none(self):
        """Python's own writer makes them; the event is worth more than the value."""
        line = '{"name": "x", "event": {"a": NaN, "b": [-Infinity, 1], "c": {"d": Infinity}}}'

        expected = {"name": "x", "event": {"a": None, "b": [None, 1], "c": {"d": None}}}
        assert parse_line(line) == parse_line(line.encode()) == expected


OTHER = json.dumps({"event_type": "seq_next", "time": "2025-01-01T00:00:01+00:00", "event": "{}"})


def read(line, **options):
    """The names of the events, and the reason of what was none."""
    found = []
    try:
        found.extend(
            event.get("name") or event["event_type"] for event in parse_events(line, **options)
        )
    except EventParseError as error:
        found.append(f"!{error.reason}")
    return found


class TestParseEvents:
    """`parse_events` gives every event on a line, and then tells of what is none."""

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (LINE, ["play_video"]),
            (LINE + OTHER, ["play_video", "seq_next"]),
            (f"<14>web-1 {{}} {{x}} {LINE} - {OTHER}\n", ["play_video", "seq_next"]),
            (LINE * 5, ["play_video"] * 5),
            ('{"name": "undated"}' + OTHER, ["undated", "seq_next"]),
            *((LINE[:cut] + OTHER, ["seq_next", "!not_json"]) for cut in range(2, len(LINE), 9)),
            *((LINE + OTHER[:cut], ["play_video", "!not_json"]) for cut in range(2, len(OTHER), 9)),
            (LINE[:30] + OTHER[:30], ["!not_json"]),
            (LINE[:30] + OTHER + LINE, ["seq_next", "play_video", "!not_json"]),
            ('{"pid": 7} ' + LINE, ["play_video"]),
            (LINE + ' {"pid": 7} {ok}', ["play_video"]),
            ("", ["!blank"]),
            ('{"pid": 7}', ["!no_name"]),
            (b"\xff" + LINE.encode(), ["!not_utf8"]),
        ],
    )
    def test_all_of_a_line(self, line, expected):
        assert read(line) == expected
        if isinstance(line, str):
            assert read(line.encode()) == expected

    def test_bounded_however_many_braces(self):
        """What is behind too many of them is a loss that is counted."""
        assert read('{"' * 5_000 + LINE) == ["!not_json"]
        assert read(LINE + "{x" * 40 + OTHER) == ["play_video", "!not_json"]


class TestUnwrapping:
    """Other programs wrap lines in JSON of their own; one level of it comes off when asked."""

    @pytest.mark.parametrize("held", [LINE, LINE + "\n", f"syslog[7]: {LINE}", EVENT])
    @pytest.mark.parametrize("field", ["log", "short_message", "MESSAGE"])
    def test_one_level(self, field, held):
        line = json.dumps({field: held, "stream": "stdout", "time": "2025-01-01T00:00:00Z"})

        assert parse_line(line, unwrap=field) == parse_line(line.encode(), unwrap=field) == EVENT
        assert read(line) == ["!no_name"]

    def test_a_plain_line_needs_no_unwrapping(self):
        assert parse_line(LINE, unwrap="log") == EVENT
        assert parse_line(LINE.encode(), unwrap="log") == EVENT

    def test_several(self):
        """Several events in a wrapper, and several wrappers on a line."""
        two = json.dumps({"log": LINE + OTHER})
        one = json.dumps({"log": LINE})

        assert read(two, unwrap="log") == ["play_video", "seq_next"]
        assert read(one + two, unwrap="log") == ["play_video", "play_video", "seq_next"]
        assert read(one + two[:-20], unwrap="log") == ["play_video", "!not_json"]

    @pytest.mark.parametrize(
        ("held", "reason"),
        [
            ("starting up", "not_json"),
            (LINE[:-5], "not_json"),
            ("", "blank"),
            (None, "no_name"),
            ([LINE], "no_name"),
            ({"a": 1}, "no_name"),
            (json.dumps({"log": LINE}), "no_name"),
        ],
    )
    def test_what_holds_none(self, held, reason):
        """Also a wrapper in a wrapper."""
        assert read(json.dumps({"log": held}), unwrap="log") == [f"!{reason}"]
