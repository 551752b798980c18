"""The event as the shapes see it: a `Source` that also knows the site it comes from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from eventkit.events.shapes.iris import EVENT_TRANSACTION_ID, EVENT_TRANSACTION_TYPE
from eventkit.events.shapes.mobile import NAMES as MOBILE_NAMES
from eventkit.events.shapes.mobile import SCREEN, as_logged, is_raw, thread_as_logged
from eventkit.events.shapes.site import UNDETERMINED, Course, Site
from eventkit.events.shapes.urls import KEPT_KEYS, Known, is_harmless, leaving, people_in, tidy
from eventkit.exceptions import EventkitError, TranslationError, UnsupportedEvent
from eventkit.reading.keys import KNOWN, old_block, unescaped
from eventkit.reading.source import (
    Source,
    as_object,
    clean,
    is_torn,
    json_default,
    name_of,
    parse_payload,
    plain,
    read_object,
    read_payload,
    somebody,
    text_of,
    user_id,
)
from eventkit.typing import Event, Json

# The request of an XBlock's handler; old usage keys have their slashes escaped in it.
_HANDLER = re.compile(r"/xblock/([^/?#]+)/handler(?:_noauth)?/")

_LARGEST = 2**63
_LARGEST_FLOAT = 2.0**63  # comparing a float with an integer of that size takes long
_MOST_ITEMS = 1_000
_LONGEST = 9_999_999.0

EXACT = 1e12
"""Up to here floats tell thousandths apart with digits to spare."""


class View(Source):
    """A `Source` with the site's IRIs and the readers that shapes are made of."""

    __slots__ = ("_course", "_known", "course_id", "data", "payload", "shared", "site")

    # Rows ask for these many times over, so they are found once and stand ready.
    payload: Any
    data: Mapping[str, Any]
    course_id: str
    shared: Any
    """What one shape has found for another; None: nothing yet."""

    def __init__(self, event: Event, site: Site, name: str | None = None) -> None:
        self.event = event
        self.site = site
        self.name = name_of(event) if name is None else name
        context = event.get("context")
        if type(context) is not dict:
            try:
                context = read_object(context)
            except ValueError:
                self.context = {}
                raise self.lacks("unreadable", "context") from None
        self.context = context
        payload = event.get("data")
        is_live = payload is not None
        if not is_live:
            payload = event.get("event")
        if type(payload) is not dict:
            payload = parse_payload(payload) if type(payload) is str else read_payload(payload)
            if type(payload) is dict:
                self.data = payload
            elif is_torn(payload) and not self.name.startswith("/"):
                # The middleware cuts what it says of requests; nobody reads that.
                raise self.lacks("unreadable", "data" if is_live else "event")
            else:
                self.data = as_object(payload)
        else:
            self.data = payload
        self.payload = payload
        course = context.get("course_id")
        self.course_id = (KNOWN.get(course) if type(course) is str else "") or self._find_course()
        if self.name in MOBILE_NAMES and self.data:
            if self.name == SCREEN:
                self.payload = self.data = thread_as_logged(self.data)
            elif is_live or is_raw(self.data):
                self.payload = self.data = as_logged(self.data, context)
        self._course: Course | None = None
        self._known: Known | None = None
        self.shared = None

    def lacks(self, reason: str, field: str = "") -> TranslationError:
        """Make the error to raise when the event lacks what the document cannot do without."""
        return TranslationError(self.name, reason, field)

    def nobody(self, field: str, *holders: Mapping[str, Any]) -> EventkitError:
        """
        Make the error to raise when there is no user to speak of.

        Where *holders* say that it was nobody, there is nothing wrong with the event.
        """
        if self.says_nobody(*holders):
            return UnsupportedEvent(self.name, "no_user", "nobody was logged in")
        return self.lacks("no_actor", field)

    def skipped(self, detail: str) -> UnsupportedEvent:
        """Make the error to raise when by design this form of the event has no translation."""
        return UnsupportedEvent(self.name, "not_translated", detail)

    def iri(self, path: str) -> str:
        """Give the IRI of a *path* (with its leading slash) below the LMS root."""
        return self.site.known.get(path) or self.site.iri(path)

    def block(self, *fields: str) -> str:
        """Give the IRI of the block whose usage key the first filled of *fields* holds."""
        for field in fields:
            key = self.key(field)
            if key:
                if key[0] == "i" and key[:4] == "i4x-":
                    key = old_block(self.course_id, "", key) or key
                return self.iri(f"/xblock/{key}")
        raise self.lacks("no_object", f"data.{fields[0]}")

    def module(self, field: str) -> str:
        """Give what the platform says of the block that emitted the event; ``""`` when nothing."""
        module = self.context.get("module")
        value = (module if type(module) is dict else as_object(module)).get(field)
        return clean(value if type(value) is str else text_of(value)).strip()

    def original_block(self) -> str:
        """Give the IRI of the library's block that the block was made from; ``""`` without one."""
        module = self.context.get("module")
        if module is None or (type(module) is dict and "original_usage_key" not in module):
            return ""
        key = text_of(as_object(module).get("original_usage_key"))
        return self.iri(f"/xblock/{key}") if key else ""

    def own_block(self, *fields: str) -> str:
        """
        Give the IRI of the block that emitted the event.

        Where the platform does not say which it was, the first filled of *fields* does, or else
        the path of the request.
        """
        key = self.module("usage_key")
        if not key:
            key = next(filter(None, map(self.key, fields)), "")
        if not key and (handler := _HANDLER.search(self.text("path"))):
            key = unescaped(handler[1]).replace(";_", "/")
        if not key:
            raise self.lacks("no_object", "context.module.usage_key")
        return self.iri(f"/xblock/{key}")

    def block_in_course(self, kind: str, name: str) -> str:
        """
        Give the IRI of the block of *kind* that browsers call *name*; drop it without a course.

        Browsers know only the last part of a usage key, and write the keys of old courses with
        dashes for slashes (``i4x-Org-Course-video-name``).
        """
        site, course = self.site, self.course_id
        iri = site.known.get((course, kind, name)) or site.block_in_course(course, kind, name)
        if iri is None:
            if course and name.startswith("i4x-"):
                raise self.lacks("unknown_block", "an old id of another course")
            raise self.lacks("no_course", "context.course_id")
        return iri

    def key(self, field: str) -> str:
        """Give the payload's *field* as the text of a key or id; ``""`` when there is none."""
        value = self.data.get(field)
        if type(value) is str:
            return value.strip()
        if type(value) is int:
            return str(value) if abs(value) < _LARGEST else ""
        return text_of(value)

    def course(self) -> Course | None:
        """Give the course that the event belongs to; None when it belongs to none."""
        if self._course is None and self.course_id:
            self._course = self.site.course(self.course_id)
        return self._course

    def course_iri(self) -> str:
        """Give the IRI of the course that the event belongs to; drop the event without one."""
        course = self.course()
        if course is None:
            raise self.lacks("no_course", "context.course_id")
        return course.iri

    def course_page(self, path: str) -> str:
        """Give the IRI of a page of the course, *path* below its URL; drop it without a course."""
        course_id = self.course_id
        if not course_id:
            raise self.lacks("no_course", "context.course_id")
        return self.iri(f"/courses/{course_id}{path}")

    def file(self, field: str) -> str:
        """Give the address of the file that *field* holds: a URL, or a path below the LMS root."""
        value = self.key(field)
        if not value:
            raise self.lacks("no_object", f"data.{field}")
        if value.startswith("//"):
            value = f"https:{value}"
        elif "://" not in value:
            value = f"{self.site.lms_root}/{value.lstrip('/')}"
        return self.address(value, f"data.{field}")

    def address(self, url: str, field: str) -> str:
        """
        Give what may leave of *url*, an absolute web address, as an IRI; see `urls`.

        What is none has no page to speak of: the event is dropped, for its *field*.
        """
        known = self.known()
        if is_harmless(url, known):
            return url
        url = tidy(url)
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise self.lacks("bad_url", field) from None
        if parts.scheme not in ("http", "https") or not host:
            raise self.lacks("not_a_page", field)
        if "[" in parts.netloc and "%" in parts.netloc:  # the zone of an IPv6 address
            raise self.lacks("bad_url", field)
        return leaving(url, known)

    def page_address(self, url: str) -> str:
        """Give what `address` gives of a page that need not be told; ``""`` when it is none."""
        if not url[:8].lower().startswith(("https://", "http://")):
            return ""
        try:
            return self.address(url, "page")
        except TranslationError:
            return ""

    def known(self) -> Known:
        """Give what tells whom the URLs of the event name, and which of them are the site's own."""
        known = self._known
        if known is None:
            site, more = self.site, self.site.kept_keys
            names, numbers = people_in((self.context, self.event, self.data))
            keys = KEPT_KEYS | more if more else KEPT_KEYS
            known = Known(
                site.lms_root, names, numbers, names + numbers, self, self.course_id, keys
            )
            self._known = known
        return known

    def instant(self) -> datetime:
        """Give the time of the event, in UTC; drop the event without one."""
        time = self.time
        if time is None:
            given = self.event.get("timestamp") or self.event.get("time")
            raise self.lacks("bad_time" if given else "no_time", "timestamp")
        return time

    def stamped(self) -> str:
        """
        Give the time of the event as ``YYYY-MM-DDTHH:MM:SS.ffffff``; drop the event without one.

        It is what `instant` gives, in UTC, for what only writes it.
        """
        return self.stamp() or self.instant().isoformat()

    def person(self, user: int | str) -> str:
        """Give the IRI of a person."""
        return self.site.person(user, self).iri

    def learner(self) -> int | str:
        """Give the user that the event is about; drop the event without one."""
        data = self.data
        if not (
            "user_id" in data
            or "username" in data
            or "attempt_user_id" in data
            or "student" in data
        ):
            # Nobody but the user of the request, as in most events.
            user = self.context.get("user_id")
            if type(user) is int and 0 < user < _LARGEST:
                return user
        found = self.user
        if found is None:
            raise self.nobody("context.user_id", self.context, self.event, data)
        return found

    def named(self) -> int | str | None:
        """
        Give the user whom the payload names; None when it names nobody.

        Where staff or the platform act on a learner, the user of the request is somebody else and
        must not stand in.
        """
        found = user_id(self.data.get("user_id"))
        return somebody(self.data.get("username")) if found is None else found

    def subject(self) -> int | str:
        """Give the user whom the payload names; drop the event when it names nobody."""
        user = self.named()
        if user is None:
            raise self.nobody("data.user_id", self.context, self.event, self.data)
        return user

    def session(self) -> str:
        """
        Give what stands for the learner's session in the browser; ``""`` without one.

        Its key is the same in all protocols, and would join what is said of the learner in each.
        """
        value = self.context.get("session")
        if value is None or value == "":
            value = self.event.get("session")
        if not isinstance(value, str):
            return ""
        return self.site.sessions.get(value) or self._find_session(value)

    def _find_session(self, value: str) -> str:
        key = clean(value.strip())
        return self.site.session(key, self) if key else ""

    def number(self, field: str) -> int | float | None:
        """Give the payload's *field* as a finite number; numbers in text count."""
        return number(self.data.get(field))

    def seconds(self, *fields: str) -> float | None:
        """
        Give the first of *fields* that holds a time in a video in seconds, to the millisecond.

        No video is so long that it has eight digits, which is more than Aspects can cast.
        """
        get = self.data.get
        for field in fields:
            value = get(field)
            if value is None:
                continue
            if type(value) is not float:
                given = number(value)
                if given is None:
                    continue
                value = float(given)
            if -_LONGEST < value < _LONGEST:
                thousands = value * 1000.0
                nearest = round(thousands)
                # What lies between two must be looked at more closely, and so must a negative zero.
                if nearest and -0.499 < thousands - nearest < 0.499:
                    return nearest / 1000
                return round(value, 3)
        return None

    def words(self, field: str) -> str:
        """Give the payload's *field* as text fit to be sent; ``""`` when it is not text."""
        value = self.data.get(field)
        if value is None:
            return ""
        if type(value) is not str:
            value = plain(value)
        return clean(value) if value and isinstance(value, str) else ""

    def private(self, field: str) -> str | None:
        """Give text that a learner wrote into *field*, only where such text may leave."""
        return (self.words(field) or None) if self.site.include_text else None

    def slug(self, kind: str, field: str) -> str:
        """
        Give the payload's *field*, a key that was made of what a learner typed.

        Only where such text may leave; else what stands for it among slugs of the *kind*. ``""``
        when there is none.
        """
        key = clean(self.key(field))
        return self.site.pseudonym(kind, key, self) if key and not self.site.include_text else key

    def texts(self, field: str) -> list[str] | None:
        """Give the texts that the payload's list *field* holds; None when there are none."""
        value = self.data.get(field)
        found = value[:_MOST_ITEMS] if isinstance(value, list) else []
        return [clean(text) for text in found if isinstance(text, str) and text] or None

    def moment(self, field: str) -> str | None:
        """Give the payload's *field*, a time, as ISO 8601 text; live events hold datetimes."""
        value = self.data.get(field)
        if isinstance(value, datetime):
            value = json_default(value)
        return clean(value) if isinstance(value, str) and value else None

    def scalar(self, field: str) -> str | int | float | bool | None:
        """Give the payload's *field* when it is text, a number or a truth value."""
        return scalar(self.data.get(field))


def add_transaction(extensions: Json, view: View) -> None:
    """Add which chain of events it is a part of, and what started that: one click has several."""
    chain = scalar(view.data.get("event_transaction_id"))
    if chain is not None:
        extensions[EVENT_TRANSACTION_ID] = chain
    start = scalar(view.data.get("event_transaction_type"))
    if start is not None:
        extensions[EVENT_TRANSACTION_TYPE] = start


def doer(view: View) -> int | str | None:
    """Give who did it, as rows ask for people; None when it was nobody that the event knows."""
    return view.doer


def staff(view: View) -> int | str | None:
    """
    Give who did it, where that is somebody else than the learner whom the payload names.

    Nobody can tell whether an id and a username are the same person: then it is None.
    """
    given = view.data.get("user_id")
    if type(given) is int and 0 < given < _LARGEST and given == view.context.get("user_id"):
        return None
    other, learner = view.doer, view.named()
    return other if type(other) is type(learner) and other != learner else None


def number(value: Any) -> int | float | None:  # noqa: C901 - a ladder of types
    """Read a finite number that fits in 64 bits; digits in text count, truth values do not."""
    kind = type(value)
    if kind is float:
        # Never true of not-a-number and the infinities.
        return value if -_LARGEST_FLOAT < value < _LARGEST_FLOAT else None
    if kind is int:
        return value if -_LARGEST < value < _LARGEST else None
    if value is None:
        return None
    if kind is not str:
        value = plain(value)
    if isinstance(value, str):
        if len(value) > 40:  # no number that fits is longer
            return None
        try:
            value = float(value)
        except ValueError:
            return None
        if value.is_integer() and abs(value) < 2**53:
            value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if abs(value) < _LARGEST else None


def scalar(value: Any) -> str | int | float | bool | None:
    """Pass on text (never empty), finite numbers and truth values; anything else is None."""
    if type(value) is str:
        return clean(value) or None
    if value is None:
        return None
    value = plain(value)
    if isinstance(value, str):
        return clean(value) or None
    return value if isinstance(value, bool) else number(value)


def filled(members: Json) -> Json:
    """Leave out the members that have no value."""
    # Most often there is none, and that is seen at once.
    if None not in members.values():
        return members
    return {key: value for key, value in members.items() if value is not None}


def add_filled(members: Json, more: Json) -> None:
    """Add to *members* those of *more* that have a value."""
    for key, value in more.items():
        if value is not None:
            members[key] = value


def copied(value: Any) -> Any:
    """Copy what documents are made of, for a second one to hold."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def activity(  # noqa: PLR0917 - defaults of named parameters are looked up one by one
    iri: str,
    kind: str,
    name: str = "",
    language: str = UNDETERMINED,
    description: Json | None = None,
    interaction: str = "",
    extensions: Json | None = None,
) -> Json:
    """
    Make an Activity; what is empty is left out of its definition.

    *interaction* is its interaction type, *description* a language map.
    """
    members: Json = {"type": kind}
    if name:
        members["name"] = {language: name}
    if description is not None:
        members["description"] = description
    if interaction:
        members["interactionType"] = interaction
    if extensions and (kept := filled(extensions)):
        members["extensions"] = kept
    return {"objectType": "Activity", "id": iri, "definition": members}


def json_text(value: Any) -> str:
    """Write a value as JSON text, as it is read back."""
    return clean(json.dumps(value, ensure_ascii=False, default=str))
