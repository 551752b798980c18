"""
One read-only view of an event that both shapes share.

Live events (``data``, ``timestamp``, everything else in ``context``) and lines of a tracking log
(``event`` as object or JSON text, ``time``, half of the context at the root) look the same through
a `Source`. Everything is worked out on first use and nothing is copied; the event is never changed.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, TypeGuard

from eventkit.base.json import loads, try_loads
from eventkit.reading.keys import (
    KNOWN,
    block_type_of,
    course_key,
    course_of_url,
    course_of_usage_key,
    org_of,
)
from eventkit.reading.nobody import may_name, without_people
from eventkit.typing import Event, Json

_NOTHING: Json = {}
_MOST_USERS = 1 << 63

# What no text should hold: NUL and lone surrogates.
_NOT_IN_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_MOST_TEXT = 100_000

_USAGE_KEY_FIELDS = (
    "problem_id",
    "module_id",
    "block_id",
    "usage_key",
    "component_usage_id",
    "exam_content_id",
    "item_id",
    "location",
    "child_id",
    "child-id",
    "host_component_id",
    "problem",
    "id",
)

PERSON_FIELDS = frozenset(
    (
        *("author", "author_id", "email", "instructor_id", "recipient", "recipient_id"),
        *("attempt_user_id", "attempt_username", "target_user_id", "target_username"),
        *("learner", "learner_id", "learner_username", "lms_user_id"),
        *("requested_user_id", "requesting_user", "requesting_user_id", "reviewed_user"),
        *("staff_id", "student", "student_id", "student_username"),
        *("user", "user_id", "user_ids", "user_name", "username", "usernames"),
    )
)
"""The fields of events that hold somebody's id, name or address, or those of several."""

# Where pages and requests stand: the browser's page, the request's path, a thread's address.
_PLACES = ("page", "path", "open_in_browser_url")


class Source:
    """
    A read-only view of one event.

    Text that is missing is ``""``, objects that are missing are empty, so that readers need no
    checks of their own; a value of the wrong type counts as missing.
    """

    __slots__ = ("_course_id", "_data", "_payload", "context", "event", "found", "name")

    event: Event
    """The event itself."""
    name: str
    """The name as it stands: ``name``, else ``event_type``; ``""`` when there is none."""
    context: Mapping[str, Any]
    found: object
    """What was found by looking all of it through, for whoever looks again."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.name = name_of(event)
        context = event.get("context")
        self.context = context if type(context) is dict else read_object(context)
        self._payload: Any = _UNREAD
        self._data: Mapping[str, Any] | None = None
        self._course_id: str | None = None
        self.found = None

    @property
    def payload(self) -> Any:
        """The payload: ``data``, else ``event``; JSON text is parsed, other text stays text."""
        if self._payload is _UNREAD:
            payload = self.event.get("data")
            if payload is None:
                payload = self.event.get("event")
            self._payload = read_payload(payload)
        return self._payload

    @property
    def data(self) -> Mapping[str, Any]:
        """The payload when it is an object, else an empty one."""
        if self._data is None:
            self._data = as_object(self.payload)
        return self._data

    def get(self, key: str) -> Any:
        """Look *key* up in the context, else at the root of a log line."""
        value = self.context.get(key)
        return self.event.get(key) if value is None or value == "" else value

    def text(self, key: str) -> str:
        """Look *key* up as `get` does; anything but text is ``""``."""
        value = self.context.get(key)
        if value is None or value == "":
            value = self.event.get(key)
        return value.strip() if type(value) is str else text_of(value)

    @property
    def source(self) -> str:
        """Who emitted it: ``browser``, ``mobile``, ``server``, ``task``, or ``""``."""
        return self.text("event_source")

    @property
    def course_id(self) -> str:
        """
        The course key that documents show: it is the first that is found.

        It stands in the context, in the payload, in a usage key there or of the block that emitted
        the event, in the page's URL, in the path of the request, which may be the event's name, or
        in a URL in the payload.
        """
        if self._course_id is None:
            course = self.context.get("course_id")
            found = KNOWN.get(course) if type(course) is str else None
            self._course_id = found or self._find_course()
        return self._course_id

    def _find_course(self) -> str:
        data = self.data
        for value in (
            self.context.get("course_id"),
            data.get("course_id"),
            data.get("courserun_key"),
        ):
            if course := course_key(value if type(value) is str else text_of(value)):
                return course
        for key in self._usage_keys():
            if course := course_of_usage_key(key):
                return course
        for field in _PLACES:
            if course := course_of_url(self.text(field)):
                return course
        return course_of_url(text_of(data.get("url"))) or (
            course_of_url(self.name) if self.name.startswith("/") else ""
        )

    def _usage_keys(self) -> list[str]:
        """Give what stands where usage keys do: in the payload, and in the block's own facts."""
        data = self.data
        found = [text_of(data.get(field)) for field in _USAGE_KEY_FIELDS]
        module = self.context.get("module")
        if module is not None:
            found.append(text_of(as_object(module).get("usage_key")))
        return list(filter(None, found))

    @property
    def org(self) -> str:
        """The organisation of the course key, else ``context.org_id``, else of a usage key."""
        if found := org_of(self.course_id):
            return found
        if found := text_of(self.context.get("org_id")):
            return found
        return next(filter(None, map(org_of, self._usage_keys())), "")

    @property
    def block_type(self) -> str:
        """The type of the block concerned (``problem``, ``video``, ...), from its usage key."""
        return next(filter(None, map(block_type_of, self._usage_keys())), "")

    @property
    def user(self) -> int | str | None:
        """
        The learner that the event is about: a user id (int), else a username (str), else None.

        The payload comes first, because staff act on learners (enrolment, grading).
        """
        data = self.data
        for field in ("user_id", "attempt_user_id"):
            found = user_id(data.get(field))
            if found is not None:
                return found
        named = somebody(data.get("username")) or somebody(data.get("student"))
        if named and named != username(self.get("username")):
            return named
        return self.doer

    @property
    def doer(self) -> int | str | None:
        """
        The person who did it: a user id (int), else a username (str), else None.

        This is the user of the request, who may be staff acting on the learner; see `user`.
        """
        user = self.context.get("user_id")
        if type(user) is int and 0 < user < _MOST_USERS:
            return user
        found = user_id(user)
        if found is None:
            found = user_id(self.event.get("user_id"))
        return somebody(self.get("username")) if found is None else found

    def says_nobody(self, *holders: Mapping[str, Any]) -> bool:
        """
        Tell whether the event says that it was nobody: after a logout, or a task's own doing.

        It must say so in at least one of *holders* (the context, the root, the payload), and none
        of them may hold anything else where a user belongs, such as an id that cannot be read.
        """
        said = [holder[key] for holder in holders for key in _WHO if key in holder]
        return bool(said) and all(map(_is_nobody, said))

    def stamp(self) -> str:
        """Give the time as ``YYYY-MM-DDTHH:MM:SS.ffffff``, in UTC; ``""`` where `time` is None."""
        value = self.event.get("timestamp")
        if value is None or value == "":
            value = self.event.get("time") or self._when()
        elif "timestamp" in self.context:
            value = self._when()
        # As the platform writes it there is nothing to convert, only to check. (To newer Pythons
        # T24 is midnight, and W begins a week.)
        if (
            type(value) is str
            and len(value) == 32
            and value[10] == "T"
            and value[19] == "."
            and value[26:] == "+00:00"
            and value[5] != "W"
            and (value[11] != "2" or value[12] < "4")
        ):
            try:
                datetime.fromisoformat(value)
            except ValueError:
                return ""
            return value[:26]
        time = utc(value)
        return time.isoformat(timespec="microseconds")[:26] if time else ""

    @property
    def time(self) -> datetime | None:
        """When it happened, in UTC; None when it does not say or not in a way that can be read."""
        return utc(self._when())

    def _when(self) -> Any:
        """
        Give what says when it happened.

        A device that was offline says so in the context of a live event, whose own time is that of
        the receipt; the tracking log has the device's alone.
        """
        value = self.event.get("timestamp")
        if value is None or value == "":
            value = self.event.get("time")
            if value is not None and value != "":
                return value
        device = self.context.get("timestamp")
        return value if device is None or utc(device) is None else device

    def lookup(self, path: str) -> Any:
        """
        Follow a dotted path, such as ``context.org_id`` or ``data.mode``; None where it ends early.

        ``data`` and ``event`` both mean the payload; ``context`` includes what log lines hold at
        their root.
        """
        first, *rest = path.split(".")
        if first in ("data", "event"):
            value = self.payload
        elif first == "context" and rest:
            value = self.get(rest.pop(0))
        else:
            value = self.event.get(first)
        for step in rest:
            if not isinstance(value, Mapping):
                return None
            value = value.get(step)
        return value

    def digest_at(self, stamp: str) -> str:
        """Give what ids say of the payload of an event of that time: its digest, or ``""``."""
        return self.digest() if is_whole(stamp) else ""

    def _names(self) -> tuple[str, ...]:
        """Give what the user of the request is called: the username and the user id."""
        name, number = username(self.get("username")), user_id(self.get("user_id"))
        found = () if name is None else (name,)
        return found if number is None else (*found, str(number))

    def digest(self) -> str:
        """Digest of the payload that both shapes of an event agree on, without people in it."""
        text = _sorted(self.payload)
        names = self._names()
        # Whoever knows the document could try names until the id comes out.
        if may_name(text, names):
            whole = json.loads(text)
            left = without_people(whole, names)
            if left != whole:
                text = _sorted(left)
        return hashlib.sha1(text.encode("ascii"), usedforsecurity=False).hexdigest()


def _sorted(payload: Any) -> str:
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), default=json_default)


_UNREAD = object()


def name_of(event: Event) -> str:
    """Give the name of an event as it stands; ``""`` when it has none."""
    name = event.get("name") or event.get("event_type")
    return name.strip() if isinstance(name, str) else ""


# To ask an abstract class costs ten times what it costs to look here first.
_NO_OBJECTS = frozenset({str, int, float, bool, list, type(None)})


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether *value* is an object; nearly all that are are plain dictionaries."""
    kind = type(value)
    return kind is dict or (kind not in _NO_OBJECTS and isinstance(value, Mapping))


def as_object(value: Any) -> Mapping[str, Any]:
    """Give *value* when it is an object, else an empty one."""
    return value if is_object(value) else _NOTHING


def read_object(value: Any) -> Mapping[str, Any]:
    """
    Give *value* when it is an object, or JSON text of one, as an event bus carries it.

    Raises:
        ValueError: it is such text and cannot be read, so that nobody can tell what it says.
    """
    if is_object(value):
        return value
    if isinstance(value, (str, bytes)):
        read = read_payload(value)
        if is_object(read):
            return read
        if isinstance(read, str) and read.lstrip().startswith("{"):
            raise ValueError("cut off, or no JSON")
    return _NOTHING


def read_payload(value: Any) -> Any:
    """Give a payload as it is, text as `parse_payload` reads it; UTF-8 is text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return parse_payload(str(value)) if isinstance(value, str) else value


def plain(value: Any) -> Any:
    """
    Give what an object of a live event stands for, as the tracking log has it.

    Text that is translated late, keys of courses and blocks, UUIDs and the like become text, and
    numbers of their own kinds become numbers. What JSON knows stays as it is.
    """
    kind = type(value)
    if kind is dict or kind in _NO_OBJECTS or isinstance(value, (Mapping, list, tuple)):
        return value
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        return int(value)
    if issubclass(kind, float):
        return float(value)
    if isinstance(value, Iterator):
        return None  # it could be read only once
    claimed = value.__class__
    if claimed is not kind and issubclass(claimed, (int, float)):
        # It stands in for a number that is not there yet.
        text = str(value)
        return text == "True" if issubclass(claimed, bool) else number_in(text)
    return json_default(value)


def number_in(text: str) -> int | float | None:
    """Read the number that *text* is; None when it is none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def text_of(value: Any) -> str:
    """Give a text, or an object that stands for one; ``""`` of anything else."""
    if type(value) is not str:
        if value is None or type(value) in _NO_OBJECTS:
            return ""
        value = plain(value)
        if not isinstance(value, str):
            return ""
    return value.strip()


def parse_payload(text: str) -> Any:
    """Parse JSON text, once more if the result is JSON text again; other text stays as it is."""
    if text.startswith("{"):
        value = try_loads(text)
        if value is not None:
            return value
    if not text.strip():
        return _NOTHING
    for _ in range(2):
        if not text.lstrip().startswith(("{", "[", '"')):
            break
        try:
            value = loads(text)
        except (ValueError, RecursionError):
            break
        if not isinstance(value, str):
            return value
        text = value
    return text


def is_torn(payload: Any) -> bool:
    """Tell whether what `parse_payload` gave is JSON that was cut off, or cannot be read."""
    return isinstance(payload, str) and payload.lstrip().startswith(("{", "[", '"'))


def clean(text: str) -> str:
    """Replace what JSON texts cannot carry to every receiver; cut what is longer than any use."""
    if text.isascii() and "\0" not in text and len(text) <= _MOST_TEXT:
        return text
    return _NOT_IN_TEXT.sub("\ufffd", text[:_MOST_TEXT])


def username(value: Any) -> str | None:
    """Clean a username; None when there is none (line feeds occur in real logs)."""
    if type(value) is not str:
        value = text_of(value)
    return value.strip() or None


_WHO = ("user_id", "username")
_NOBODY = frozenset(("", "-", "AnonymousUser", "None", "anonymous", "null", "unknown"))
"""
What the platform, or what stands between, writes where there is no user: ``unknown`` in tasks,
``anonymous`` before there was a session. Whoever is really called so has a user id besides.
"""


def somebody(value: Any) -> str | None:
    """Clean a username that is to stand for a person; None when it is nobody's."""
    found = username(value)
    return None if found in _NOBODY else found


def _is_nobody(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip() in _NOBODY)


def user_id(value: Any) -> int | None:
    """Read a user id given as a number or as digits; None when it is neither, or zero."""
    if type(value) is int:
        return value if 0 < value < _MOST_USERS else None
    if type(value) not in _NO_OBJECTS:
        value = plain(value)
    if isinstance(value, str):
        value = value.strip()
        if not (value.isascii() and value.isdigit() and len(value) < 19):
            return None
        value = int(value)
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST_USERS:
        return value
    return None


def is_whole(stamp: str) -> bool:
    """Tell whether a written time has no sub-second part."""
    return stamp.endswith(".000000")


def utc(value: Any) -> datetime | None:
    """
    Read a time: a datetime, ISO 8601 text (a space for the ``T`` is fine), or Unix seconds.

    Without an offset it is UTC, as the event reference says.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            if not math.isfinite(value):
                return None
            return datetime.fromtimestamp(value, UTC)
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def json_default(value: Any) -> Any:
    """
    Say how `json` writes what live events hold besides JSON: times, sets, lazy texts, keys.

    Times are in UTC, as the tracking log has them.
    """
    if isinstance(value, datetime):
        in_utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return in_utc.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, Iterator):
        return list(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
