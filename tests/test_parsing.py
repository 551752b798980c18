"""Reading lines of tracking logs."""

import json

import pytest

from eventkit import EventParseError, parse_line

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
            ('{"name": "x", "event": {"t": NaN}}', "not_json"),
            ('{"name": "x", "event": {"t": -Infinity}}', "not_json"),
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
