"""What somebody pastes to try it: one event, as JSON or as a line of a tracking log."""

from __future__ import annotations

import json

from eventkit.base.json import decode
from eventkit.exceptions import EventParseError
from eventkit.reading.parsing import parse_events
from eventkit.typing import Json

MAX_CHARACTERS = 1_000_000
"""Of a pasted text; no event of a platform comes near it."""

_WRAPPERS = ("log", "message", "MESSAGE", "short_message")
"""Where programs that collect logs put the line, see `eventkit.parse_line`."""

_HINTS = {
    "blank": "Nothing was pasted. Paste one event as JSON, or one line of a tracking log.",
    "too_deep": "The JSON is nested too deeply to be an event.",
    "no_name": (
        "The JSON names no event: it has neither “name” nor “event_type”. Paste the whole event, "
        "not only its payload or context."
    ),
}


def read_pasted(text: str) -> Json:
    """
    Give the one event in *text*.

    JSON may stretch over several lines. A line of a log may have a prefix, and may be wrapped in
    the JSON of a program that collects logs.

    Raises:
        ValueError: there is none, or more than one; the message is for people, and says nothing of
            what was pasted but lines and columns.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"The text has {len(text):,} characters; an event has {MAX_CHARACTERS:,} at most."
        )
    text = text.strip().removeprefix("\ufeff")
    if not text:
        raise ValueError(_HINTS["blank"])
    whole = _whole(text)
    if isinstance(whole, list):
        if len(whole) == 1 and isinstance(whole[0], dict):
            text = json.dumps(whole[0])
        else:
            raise ValueError(f"The JSON is a list of {len(whole):,}; paste one event, an object.")
    elif isinstance(whole, dict):
        # On one line, so that it is read as a line of a log is.
        text = json.dumps(whole)
    elif whole is not None:
        raise ValueError("The JSON is no object; an event is one: {“name”: …}.")
    return _one(text)


def _whole(text: str) -> object:
    """Read all of *text* as JSON; None: it is something else, such as a line with a prefix."""
    try:
        found: object = decode(text)
    except RecursionError:
        raise ValueError(_HINTS["too_deep"]) from None
    except ValueError:
        return None
    return "null" if found is None else found


def _one(text: str) -> Json:
    """Read the one event of one line, or of several of which only one holds an event."""
    found: list[Json] = []
    losses: list[EventParseError] = []
    for line in text.splitlines():
        events, loss = _events(line)
        found += events
        losses += [loss] if loss is not None and loss.reason != "blank" else []
    if len(found) > 1:
        raise ValueError(f"There are {len(found):,} events in the text; paste one at a time.")
    if losses:
        raise ValueError(_complaint(text, losses[0].reason))
    return found[0]


def _events(line: str) -> tuple[list[Json], EventParseError | None]:
    """Read one line as it is, and else as what a program that collects logs has made of it."""
    first = _read(line, "")
    if not first[0]:
        for field in _WRAPPERS:
            wrapped = _read(line, field)
            if wrapped[0]:
                return wrapped
    return first


def _read(line: str, unwrap: str) -> tuple[list[Json], EventParseError | None]:
    found: list[Json] = []
    try:
        found.extend(parse_events(line, unwrap=unwrap))
    except EventParseError as error:
        return found, error
    return found, None


def _complaint(text: str, reason: str) -> str:
    """Say what is wrong with *text*, and where, but not what stands there."""
    if reason != "not_json":
        return _HINTS.get(reason, "The text holds no event.")
    start = text.find("{")
    if start < 0:
        return (
            "There is no JSON in the text. Paste one event as JSON ({“name”: …}), or one line of a "
            "tracking log."
        )
    try:
        json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        return (
            f"The JSON cannot be read: line {error.lineno}, column {error.colno}: {error.msg}. "
            "Is it cut off, or are quotation marks missing?"
        )
    except (ValueError, RecursionError):
        return "The JSON of the event is not complete; was the line cut off?"
    return "There is more in the text than one event; paste the event alone."
