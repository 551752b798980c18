"""The learners, courses and blocks of the generated logs: thousands of them, all invented."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from random import Random

HOST = "lms.example.org"
LMS_ROOT = f"https://{HOST}"

LEARNERS = 5_000
COURSES = 300

_ORGS = ("NorthlakeU", "HarborTech", "UplandX", "Meridian", "OpenPoly", "SaltMarshCC")
_SUBJECTS = ("BIO", "CS", "HIST", "MATH", "PHYS", "ECON", "ART", "LING", "CHEM", "GEO")
_TITLES = ("Introduction to", "Advanced", "Applied", "Foundations of", "Topics in")
_NAMES = ("aoife", "bilal", "chiara", "dmitri", "esi", "farid", "grace", "hana", "ivo", "jun")
_APPLE = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    _WINDOWS + " Chrome/{0}.0.0.0 Safari/537.36",
    _APPLE + " Version/{0}.1 Safari/605.1.15",
)
_LANGUAGES = ("en-US,en;q=0.9", "es-ES,es;q=0.9,en;q=0.6", "fr;q=0.8,en;q=0.5", "ar,en;q=0.4")


def digest(text: str, length: int = 32) -> str:
    """Give hexadecimal digits that look like the platform's ids, always the same for *text*."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True)
class Course:
    """A course run, with the blocks in it."""

    number: int

    @cached_property
    def org(self) -> str:
        """The organisation."""
        return _ORGS[self.number % len(_ORGS)]

    @cached_property
    def run(self) -> str:
        """What stands behind ``course-v1:`` in the key."""
        subject = _SUBJECTS[self.number % len(_SUBJECTS)]
        return f"{self.org}+{subject}{100 + self.number}+2026_T{1 + self.number % 3}"

    @cached_property
    def key(self) -> str:
        """The course key."""
        return f"course-v1:{self.run}"

    @cached_property
    def title(self) -> str:
        """The name that learners know."""
        subject = _SUBJECTS[self.number % len(_SUBJECTS)].title()
        return f"{_TITLES[self.number % len(_TITLES)]} {subject} {100 + self.number}"

    def ids(self, kind: str, number: int) -> list[str]:
        """Give the ids of the *number* blocks of a *kind*, without course."""
        return [digest(f"{self.key} {kind} {index}") for index in range(number)]

    @cached_property
    def videos(self) -> list[str]:
        """Ids of videos."""
        return self.ids("video", 40)

    @cached_property
    def problems(self) -> list[str]:
        """Ids of problems."""
        return self.ids("problem", 60)

    @cached_property
    def sequences(self) -> list[str]:
        """Ids of subsections."""
        return self.ids("sequential", 30)

    @cached_property
    def threads(self) -> list[str]:
        """Ids of threads in the forum."""
        return [each[:24] for each in self.ids("thread", 50)]

    def usage(self, kind: str, block: str) -> str:
        """Give the usage key of a block."""
        return f"block-v1:{self.run}+type@{kind}+block@{block}"

    def page(self, sequence: str) -> str:
        """Give the address of a page of the courseware."""
        return f"{LMS_ROOT}/courses/{self.key}/courseware/week_1/{sequence}/"


@dataclass(frozen=True)
class Learner:
    """Somebody who learns, with what must never leave the site."""

    number: int

    @cached_property
    def user_id(self) -> int:
        """The id in the platform's database."""
        return 10_000 + self.number

    @cached_property
    def username(self) -> str:
        """The name on the platform."""
        return f"{_NAMES[self.number % len(_NAMES)]}_{self.number}"

    @cached_property
    def session(self) -> str:
        """The session key."""
        return digest(f"session {self.number}")

    @cached_property
    def ip(self) -> str:
        """The address, from the range kept for documentation."""
        return f"198.51.100.{1 + self.number % 250}"

    @cached_property
    def agent(self) -> str:
        """The browser."""
        return _AGENTS[self.number % len(_AGENTS)].format(130 + self.number % 17)

    @cached_property
    def language(self) -> str:
        """What the browser asks for."""
        return _LANGUAGES[self.number % len(_LANGUAGES)]


class World:
    """All of them; some learners and courses are busier than others."""

    def __init__(self) -> None:
        self.courses = [Course(number) for number in range(COURSES)]
        self.learners = [Learner(number) for number in range(LEARNERS)]

    def anybody(self, rng: Random) -> tuple[Learner, Course]:
        """Draw a learner, and one of the three courses that the learner takes."""
        learner = self.learners[int(rng.random() ** 2 * LEARNERS)]
        course = (learner.number * 7 + int(rng.random() ** 2 * 3) * 11) % COURSES
        return learner, self.courses[course]

    def names(self) -> dict[str, str]:
        """Give the names of courses by key."""
        return {course.key: course.title for course in self.courses}
