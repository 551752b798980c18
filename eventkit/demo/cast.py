"""The people, courses and blocks of the sample log; all of them invented."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

HOST = "lms.example.org"
LMS_ROOT = f"https://{HOST}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who shows up in the log, with what must never leave it."""

    user_id: int | None
    username: str
    email: str
    ip: str
    agent: str

    @property
    def session(self) -> str:
        """Give a session key that is the person's own."""
        return _digest(f"session of {self.email}")


@dataclass(frozen=True, slots=True)
class Course:
    """A course run."""

    key: str
    org: str
    title: str

    @property
    def is_old(self) -> bool:
        """Tell whether the key is of the form ``Org/Course/Run``."""
        return ":" not in self.key

    def block_id(self, kind: str, name: str) -> str:
        """Give the last part of a usage key, as video events carry it."""
        own = _digest(f"{kind} {name}")
        org, course, _ = self.key.split("/") if self.is_old else ("", "", "")
        return f"i4x-{org}-{course}-{kind}-{own}" if self.is_old else own

    def usage_key(self, kind: str, name: str) -> str:
        """Give the usage key of a block."""
        own = _digest(f"{kind} {name}")
        if self.is_old:
            org, course, _ = self.key.split("/")
            return f"i4x://{org}/{course}/{kind}/{own}"
        prefix, _, rest = self.key.partition(":")
        block = "ccx-block-v1" if prefix == "ccx-v1" else "block-v1"
        return f"{block}:{rest}+type@{kind}+block@{own}"

    def page(self, chapter: str = "week_1", sequence: str = "membranes") -> str:
        """Give the address of a page of the courseware."""
        return f"{LMS_ROOT}/courses/{self.key}/courseware/{chapter}/{sequence}/"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{0}.0.0.0 Safari/537.36"
)

MARISOL = Person(
    1201, "marisol_quiroga", "marisol.quiroga@example.org", "203.0.113.21", _FIREFOX.format(141)
)
TENDAI = Person(1202, "tendai.makoni", "t.makoni@example.org", "203.0.113.22", _CHROME.format(139))
SIOBHAN = Person(
    1203, "siobhan_okafor", "siobhan.okafor@example.org", "203.0.113.23", _CHROME.format(140)
)
LUCJA = Person(
    1204, "łucja_wiśniewska", "lucja.wisniewska@example.org", "203.0.113.24", _FIREFOX.format(142)
)
MISAKI = Person(
    1205,
    "美咲_tachibana",
    "misaki.tachibana@example.org",
    "203.0.113.25",
    "org.example.campus.mobile/4.2.0 (Android 15; Pixel 8)",
)
BHAVESH = Person(
    1206, "bhavesh-raman", "bhavesh.raman@example.org", "2001:db8:51::26", _CHROME.format(138)
)
LEARNERS = (MARISOL, TENDAI, SIOBHAN, LUCJA, MISAKI, BHAVESH)

ESZTER = Person(
    41, "prof_eszter_halasz", "eszter.halasz@example.org", "203.0.113.41", _FIREFOX.format(140)
)
KWAME = Person(
    42, "ta_kwame_boateng", "kwame.boateng@example.org", "203.0.113.42", _CHROME.format(137)
)
VISITOR = Person(None, "", "visitor@example.org", "203.0.113.99", "curl-like-crawler/1.9 (+about)")

BIOLOGY = Course("course-v1:NorthlakeU+BIO110+2026_Spring", "NorthlakeU", "Cell Biology")
COACHED = Course(
    "ccx-v1:NorthlakeU+BIO110+2026_Spring+ccx@7", "NorthlakeU", "Cell Biology, coached"
)
PROGRAMMING = Course("HarborTech/CS050/2014_T1", "HarborTech", "Programming from Zero")

COURSES = {course.key: course.title for course in (BIOLOGY, COACHED, PROGRAMMING)}
