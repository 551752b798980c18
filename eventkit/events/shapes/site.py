"""The site that events come from: where it is, and the IRIs of what is there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from eventkit.base.memory import Memory
from eventkit.reading.keys import mended, old_block
from eventkit.reading.source import Source, clean

# What no part of an IRI can hold (RFC 3987): what is neither reserved nor unreserved, characters
# that say which way text runs, and a percent sign that begins nothing.
_NOT_IN_IRI = re.compile(
    "%(?![0-9A-Fa-f]{2})|[^!$%&'()*+,./0-9:;=?@A-Z_a-z~"
    "\xa0-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
    + "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14))
    + "\U000e1000-\U000efffd-]"
)

# What most IRIs are made of: nothing that `_NOT_IN_IRI` would find.
_is_plain_iri = re.compile(r"[!$&-;=?-Z_a-z~]*").fullmatch

UNDETERMINED = "und"
"""The tag of text whose language nobody knows (BCP 47), as that of names which authors gave."""

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}")

# How many IRIs a site remembers, and how long the paths may be that they are found by.
_MOST_IRIS = 50_000
_MOST_SESSIONS = 10_000
_LONGEST_PATH = 300


@dataclass(frozen=True)
class Course:
    """What documents say of a course."""

    iri: str
    name: str
    """Its display name; ``""`` when it has none."""
    language: str
    """The language of the name; ``und`` where nobody says it."""
    given: Any
    """What the name was made from."""
    text: bytes
    """How the documents of a protocol say that they belong to it: a comma and a member."""


@dataclass(frozen=True)
class Person:
    """What documents say of a person."""

    name: str
    """The anonymised id."""
    iri: str
    actor: Any
    """How the documents of a protocol name them as the actor: what the protocol made of these."""


@dataclass(frozen=True)
class Site:
    """What shapes may know of the site: where it is, what its courses are called."""

    lms_root: str
    """Root URL of the LMS, without a trailing slash."""
    course_name: Callable[[str], object]
    anonymous: Callable[[int | str, Source], str]
    """Gives the anonymised id of a user, or raises `TranslationError`."""
    pseudonym: Callable[[str, str, Source], str]
    """
    Gives what stands for a text in the documents of a protocol, always the same; of a *kind* of
    text, so that what one kind is called tells nothing of another. Or raises `TranslationError`.
    """
    write_course: Callable[[str, str, str], bytes] = lambda _iri, _name, _language: b""
    """Gives the `Course.text` of an IRI, a name and its language."""
    introduce: Callable[[str, str], Any] = lambda _name, _iri: None
    """Gives the `Person.actor` of an anonymised id and an IRI."""
    include_text: bool = False
    """Whether text that learners wrote may leave."""
    is_lasting: bool = False
    """Whether the anonymised ids of users never change, so that nobody is asked twice."""
    response_texts: bool = False
    """Whether answers are told by the texts that were chosen, and not by their ids."""
    kept_keys: frozenset[str] = frozenset()
    """The keys of queries that leave in URLs, besides those that leave everywhere."""
    known: Memory[str | tuple[str, str, str], str] = dataclasses.field(
        default_factory=lambda: Memory(_MOST_IRIS), repr=False, compare=False
    )
    """
    IRIs of blocks that were made before, by the path or by what the path was made from.
    """
    courses: Memory[str, Course] = dataclasses.field(
        default_factory=lambda: Memory(_MOST_IRIS), repr=False, compare=False
    )
    """Courses that were asked for before, by their keys."""
    people: Memory[int | str, Person] = dataclasses.field(
        default_factory=lambda: Memory(_MOST_IRIS), repr=False, compare=False
    )
    """People that were asked for before: by user if ids are lasting, else by anonymised id."""
    sessions: Memory[str, str] = dataclasses.field(
        default_factory=lambda: Memory(_MOST_SESSIONS), repr=False, compare=False
    )
    """What stands for sessions that were asked for before, by their keys."""

    def course(self, course_id: str) -> Course:
        """Give what is known of a course now."""
        given = self.course_name(course_id)
        found = self.courses.get(course_id)
        if found is None or found.given != given:
            name, language = named(given)
            iri = self.passing_iri(f"/course/{course_id}")
            found = Course(iri, name, language, given, self.write_course(iri, name, language))
            if len(course_id) <= _LONGEST_PATH:
                self.courses.keep(course_id, found)
        return found

    def person(self, user: int | str, source: Source) -> Person:
        """Give what is known of a user, or raise `TranslationError`."""
        kind = type(user)
        if self.is_lasting and (kind is int or kind is str):  # True equals 1, and is nobody
            return self.people.get(user) or self._met(user, self.anonymous(user, source))
        name = self.anonymous(user, source)
        if self.is_lasting:
            return self._met(None, name)
        return self.people.get(name) or self._met(name, name)

    def _met(self, key: int | str | None, name: str) -> Person:
        iri = f"{self.lms_root}/user/{encode_iri(name)}"
        found = Person(name, iri, self.introduce(name, iri))
        if key is not None:
            self.people.keep(key, found)
        return found

    def session(self, key: str, source: Source) -> str:
        """Give what stands for the session with this key, or raise `TranslationError`."""
        found = self.sessions.get(key)
        if found is None:
            found = self.pseudonym("session", key, source)
            if len(key) <= _LONGEST_PATH:
                self.sessions.keep(key, found)
        return found

    def iri(self, path: str) -> str:
        """Give the IRI of a *path* (with its leading slash) below the LMS root."""
        found = self.known.get(path)
        if found is None:
            found = self.passing_iri(path)
            if len(path) <= _LONGEST_PATH:
                self.known.keep(path, found)
        return found

    def passing_iri(self, path: str) -> str:
        """Give what `iri` gives, of something that is remembered elsewhere, or need not be."""
        return self.lms_root + encode_iri(mended(path))

    def block_in_course(self, course: str, kind: str, name: str) -> str | None:
        """Give the IRI of the block of *kind* that browsers call *name*; None without a course."""
        key = (course, kind, name)
        found = self.known.get(key)
        if found is None:
            path = _path_in_course(course, kind, name)
            if path is None:
                return None
            found = self.passing_iri(path)
            if len(path) <= _LONGEST_PATH:
                self.known.keep(key, found)
        return found


def named(given: object) -> tuple[str, str]:
    """Give the name and its language that a look-up gave: text, or an object with both."""
    said: Mapping[str, object] = given if isinstance(given, Mapping) else {"name": given}
    name, language = said.get("name"), said.get("language")
    is_tag = isinstance(language, str) and _TAG.fullmatch(language)
    return (
        clean(name) if isinstance(name, str) else "",
        str(language) if is_tag else UNDETERMINED,
    )


# Where the keys of blocks begin, by where the key of the course or library does.
_SPACES = {"ccx": "ccx-block", "library": "lib-block"}


def _path_in_course(course: str, kind: str, name: str) -> str | None:
    if name.startswith("i4x-"):
        key = old_block(course, kind, name)
        return f"/xblock/{key}" if key else None
    prefix, _, rest = course.partition(":")
    if "-v" in prefix:
        kept, _, version = prefix.rpartition("-")
        space = _SPACES.get(kept, "block")
        return f"/xblock/{space}-{version}:{rest}+type@{kind}+block@{name}"
    if prefix == "lib" and rest:
        return f"/xblock/lb:{rest}:{kind}:{name}"
    if course.count("/") == 2:
        org, number, _ = course.split("/")
        return f"/xblock/i4x://{org}/{number}/{kind}/{name}"
    return None


def encode_iri(text: str) -> str:
    """
    Percent-encode what a part of an IRI may not hold (RFC 3987); everything else stays.

    What is encoded already stays, and so does what is not ASCII. Brackets, which only a host may
    hold, and ``#``, which may come once, are encoded too.
    """
    if (text.isalnum() and text.isascii()) or _is_plain_iri(text):
        return text
    return _NOT_IN_IRI.sub(lambda match: quote(match[0], safe="", errors="replace"), text)
