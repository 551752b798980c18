"""Reading one line of a tracking log."""

from __future__ import annotations

from eventkit._json import decode_first, try_event
from eventkit.exceptions import EventParseError
from eventkit.typing import Json

MAX_LINE = 16_000_000
"""Characters of one line that are looked at; a longer one is no event of any platform."""

_MAX_ATTEMPTS = 8


def parse_line(line: str | bytes) -> Json:
    """
    Turn one line of a tracking log into an event.

    A syslog or logging prefix before the JSON object is allowed, and so is what follows the object
    on the line. Nothing is interpreted yet: the result is the object as written.

    Raises:
        EventParseError: *reason* is ``"blank"``, ``"not_utf8"``, ``"not_json"`` (no complete JSON
            object on the line), ``"too_long"``, ``"too_deep"``, or ``"no_name"`` (the object names
            no event).
    """
    if isinstance(line, bytes):
        event = try_event(line) if len(line) <= MAX_LINE else None
        if event is not None:
            return event
        try:
            line = line.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise EventParseError("not_utf8", f"byte {error.start} is not UTF-8") from None
    if len(line) > MAX_LINE:
        raise EventParseError("too_long", f"{len(line)} characters, more than {MAX_LINE}")
    if not line or line.isspace():
        raise EventParseError("blank", "the line is empty")
    event = _first_object(line)
    if not _is_named(event):
        raise EventParseError("no_name", "the object has neither name nor event_type")
    return event


def _is_named(event: Json) -> bool:
    return isinstance(event.get("name") or event.get("event_type"), str)


def _first_object(line: str) -> Json:
    """
    Decode the event on *line*.

    The object that starts at the first brace is it, unless that brace belongs to a prefix. In a
    line that was cut off the next brace opens a part of the event, and a part must not pass for
    the whole: a later object counts only if it has a name and a time of its own.
    """
    start = line.find("{")
    for attempt in range(_MAX_ATTEMPTS):
        if start < 0:
            break
        try:
            value, _ = decode_first(line, start)
        except RecursionError:
            raise EventParseError("too_deep", "the object is nested too deeply") from None
        except ValueError:
            value = None
        if isinstance(value, dict) and value and (not attempt or _is_whole(value)):
            return value
        start = line.find("{", start + 1)
    raise EventParseError("not_json", "no complete JSON object on the line")


def _is_whole(value: Json) -> bool:
    return bool(
        (value.get("name") or value.get("event_type"))
        and (value.get("time") or value.get("timestamp"))
    )
