"""What is pasted to be tried, and what is said of what is no event."""

from __future__ import annotations

import json

import pytest

from eventkit.contrib.django.pasting import MAX_CHARACTERS, read_pasted

EVENT = {"name": "play_video", "time": "2026-11-01T10:00:00Z", "event": {"code": "x"}}
LINE = json.dumps(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"\n\n  {LINE}\r\n",
        f"\ufeff{LINE}",
        json.dumps(EVENT, indent=4),
        f"[{LINE}]",
        f"Nov  1 10:00:00 host [tracking] INFO: {LINE}",
        json.dumps({"log": LINE + "\n", "stream": "stdout"}),
        json.dumps({"message": LINE}, indent=2),
        json.dumps({"short_message": LINE, "host": "lms"}),
    ],
    ids=["line", "blanks", "mark", "lines", "list", "prefix", "docker", "indented", "gelf"],
)
def test_one_event_is_read_however_it_is_wrapped(text):
    assert read_pasted(text) == EVENT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Nothing was pasted"),
        (" \n\t", "Nothing was pasted"),
        ("hello there", "There is no JSON"),
        ("\x00", "There is no JSON"),
        ('{"name": "a", }', "line 1, column 1"),
        ('{\n "name":\n "a",\n', "line [34], column"),
        ("{'name': 'a'}", "line 1, column 2"),
        (LINE[:-20], "cut off"),
        ('{"context": {}}', "neither “name” nor “event_type”"),
        ('{"name": ""}', "neither “name” nor “event_type”"),
        ('{"name": 5}', "neither “name” nor “event_type”"),
        (f"{LINE}\n{LINE}", "2 events in the text; paste one"),
        (f"{LINE} {LINE}", "2 events in the text; paste one"),
        (f"[{LINE}, {LINE}]", "list of 2"),
        ("[]", "list of 0"),
        ("[1]", "list of 1"),
        ("null", "no object"),
        ("12", "no object"),
        ('"play_video"', "no object"),
        (f"{LINE}\nand so on", "paste the event alone"),
        ("[" * 100_000, "nested too deeply"),
        ('{"name": "a", "b": ' + "[" * 9_000 + "]" * 9_000 + "}", "nested too deeply"),
        ("x" * (MAX_CHARACTERS + 1), "1,000,000 at most"),
    ],
)
def test_what_is_no_event_is_said_plainly(text, words):
    with pytest.raises(ValueError, match=words):
        read_pasted(text)


def test_the_message_says_nothing_of_what_was_pasted():
    with pytest.raises(ValueError) as caught:
        read_pasted('{"name": "play_video", "username": "anna.smith" "email": "anna@example.org"}')

    assert "anna" not in str(caught.value)
    assert caught.value.__cause__ is None
