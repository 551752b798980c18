"""Reading the lines of a tracking log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventkit.base.json import decode_first, try_event
from eventkit.exceptions import EventParseError
from eventkit.typing import Json

MAX_LINE = 16_000_000
"""Characters of one line that are looked at; a longer one is no event of any platform."""

_MAX_ATTEMPTS = 32
"""Braces at which no object can be read; each may cost a look at all that follows."""


def parse_line(line: str | bytes, *, unwrap: str = "") -> Json:
    """
    Turn one line of a tracking log into an event.

    A syslog or logging prefix before the JSON object is allowed, and so are words after it. Nothing
    is interpreted yet: the result is the object as written, but for ``NaN`` and the infinities,
    which are no JSON and become None.

    Args:
        line: the line, with or without its end.

        unwrap: the field of another program's JSON that holds the event, as text or as an object:
            ``log`` (docker), ``short_message`` (GELF), ``MESSAGE`` (journald), ``message``, ...
            An object that names an event is taken as it is.

    Raises:
        EventParseError: *reason* is ``"blank"``, ``"not_utf8"``, ``"not_json"`` (no complete JSON
            object on the line, or a part of one beside the event), ``"too_long"``,
            ``"too_deep"``, ``"no_name"`` (the object names no event), or ``"several_events"``
            (`parse_events` gives them all).
    """
    if isinstance(line, bytes):
        event = try_event(line) if len(line) <= MAX_LINE else None
        if event is not None:
            return event
    events, lost = _read(line, unwrap)
    if lost is not None:
        raise lost
    if len(events) > 1:
        raise EventParseError("several_events", f"{len(events)} events; parse_events gives each")
    return events[0]


def parse_events(line: str | bytes, *, unwrap: str = "") -> Iterator[Json]:
    """
    Give every event on a line: usually one, but several where a line feed was lost.

    Takes what `parse_line` takes. Whole events come first; what was not one, such as an event that
    was cut off, is raised behind them, so that each loss can be counted.

    Raises:
        EventParseError: as `parse_line`, but for ``"several_events"``.
    """
    if isinstance(line, bytes):
        event = try_event(line) if len(line) <= MAX_LINE else None
        if event is not None:
            yield event
            return
    events, lost = _read(line, unwrap)
    yield from events
    if lost is not None:
        raise lost


def _read(line: str | bytes, unwrap: str) -> tuple[list[Json], EventParseError | None]:
    """Give the events on *line*, and what else there was; one of the two at the least."""
    if isinstance(line, bytes):
        try:
            line = line.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            return [], EventParseError("not_utf8", f"byte {error.start} is not UTF-8")
    if len(line) > MAX_LINE:
        return [], EventParseError("too_long", f"{len(line)} characters, more than {MAX_LINE}")
    if not line or line.isspace():
        return [], EventParseError("blank", "the line is empty")
    event = _only_event(line)
    return _look_closer(line, unwrap) if event is None else ([event], None)


def _only_event(line: str) -> Json | None:
    """Read the only object on *line*, with a name; None where one has to look closer."""
    start = line.find("{")
    try:
        value, end = decode_first(line, start)
    except (ValueError, RecursionError):
        return None
    return value if line.find("{", end) < 0 and _is_named(value) else None


def _look_closer(line: str, unwrap: str) -> tuple[list[Json], EventParseError | None]:
    try:
        objects, is_torn = _objects(line, unwrap)
    except RecursionError:
        return [], EventParseError("too_deep", "the object is nested too deeply")
    events: list[Json] = []
    losses = [EventParseError("not_json", "no complete JSON object on the line")]
    if objects and not is_torn:
        losses.clear()
    for each in objects:
        if _is_named(each):
            events.append(each)
        elif unwrap and unwrap in each:
            found, loss = _unwrapped(each[unwrap])
            events += found
            losses += [loss] if loss else []
        else:
            losses.append(EventParseError("no_name", "the object has neither name nor event_type"))
    return events, losses[0] if losses else None


def _unwrapped(value: Any) -> tuple[list[Json], EventParseError | None]:
    """Read what a wrapper holds; wrappers in wrappers are not opened."""
    if isinstance(value, str):
        return _read(value, "")
    if isinstance(value, dict) and _is_named(value):
        return [value], None
    return [], EventParseError("no_name", "what is wrapped has neither name nor event_type")


def _is_named(event: Json) -> bool:
    return isinstance(event.get("name") or event.get("event_type"), str)


def _objects(line: str, unwrap: str) -> tuple[list[Json], bool]:
    """
    Decode the objects on *line* that may be events, and tell whether there is a part of one.

    The object that starts at the first brace is one, unless that brace belongs to a prefix. In a
    line that was cut off the next brace opens a part of the event, and a part must not pass for
    the whole: a later object counts only if it has a name and a time of its own.

    Raises:
        RecursionError: one is nested too deeply.
    """
    found: list[Json] = []
    first: Json | None = None
    is_torn = False
    failures = 0
    start = line.find("{")
    while start >= 0:
        try:
            value, end = decode_first(line, start)
        except ValueError:
            is_torn = is_torn or _begins_object(line, start)
            failures += 1
            if failures == _MAX_ATTEMPTS:
                # Nobody has looked at the rest.
                is_torn = True
                break
            end = start + 1
        else:
            if value and (_is_whole(value) or (unwrap and unwrap in value)):
                found.append(value)
            elif value and not found and not failures:
                first = first or value
        start = line.find("{", end)
    # An object before an event is a remark of a logger's, unless it could be an event itself.
    if first and (not found or _is_named(first)):
        found.insert(0, first)
    return found, is_torn


def _begins_object(line: str, start: int) -> bool:
    """Tell whether the brace at *start* opens an object, and not a remark of a logger's."""
    return line[start + 1 : start + 100].lstrip().startswith('"')


def _is_whole(value: Json) -> bool:
    return bool(
        (value.get("name") or value.get("event_type"))
        and (value.get("time") or value.get("timestamp"))
    )
