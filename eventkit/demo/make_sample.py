"""
Write the sample log: ``python -m eventkit.demo.make_sample [PATH]``.

The result is the same every time, down to the byte. It holds every kind of line that an operator
meets: each event that event-routing-backends translates, old lines and new ones, logging prefixes,
requests, strangers, and damage.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from urllib.parse import quote

from eventkit.demo import scenes
from eventkit.demo.cast import (
    BHAVESH,
    BIOLOGY,
    COACHED,
    ESZTER,
    KWAME,
    LEARNERS,
    LMS_ROOT,
    LUCJA,
    MARISOL,
    MISAKI,
    PROGRAMMING,
    SIOBHAN,
    TENDAI,
    VISITOR,
    Course,
    Person,
)
from eventkit.demo.sample import sample_log
from eventkit.demo.scribe import Scribe
from eventkit.typing import Json

_OPENING = datetime(2026, 2, 2, 7, tzinfo=UTC)
_PREFIX = "{0},{1:03d} INFO 20 [tracking] [user {2}] [ip {3}] logger.py:41 - "


def sample() -> bytes:
    """Make the whole log."""
    rng = Random(20260202)  # noqa: S311 - the same log every time, nothing secret
    log: list[Json] = []
    _old_course(log, rng)
    _new_courses(log, rng)
    _strangers(log, rng)
    log.sort(key=lambda line: str(line["time"]))
    lines = [_write(number, line) for number, line in enumerate(log)]
    return b"\n".join(_damage(lines)) + b"\n"


def _old_course(log: list[Json], rng: Random) -> None:
    """Run a course of 2014, when events had no names."""

    def scribe(person: Person, day: int, hour: int) -> Scribe:
        return Scribe(log, person, PROGRAMMING, datetime(2014, 3, day, hour, tzinfo=UTC), rng)

    staff = scribe(ESZTER, 3, 8)
    for learner in (MARISOL, BHAVESH):
        scenes.enroll(staff, "honor", learner)
    for day, learner in ((4, MARISOL), (5, BHAVESH)):
        own = scribe(learner, day, 17)
        scenes.navigate(own)
        scenes.watch(own, "loops", duration=None)
        block = PROGRAMMING.usage_key("problem", "fizzbuzz")
        form = "input_i4x-HarborTech-CS050-problem-fizzbuzz_2_1=choice_2"
        own.browser("problem_check", json.dumps(form))  # JSON text in JSON text, as it was then
        check: Json = {"problem_id": block, "attempts": 2, "success": "correct"}
        answers = {"i4x-HarborTech-CS050-problem-fizzbuzz_2_1": "choice_2"}
        own.server("problem_check", check | {"answers": answers, "grade": 1, "max_grade": 1})
        own.server("showanswer", {"problem_id": block})
        own.browser("page_close", {})
    scenes.leave(scribe(BHAVESH, 30, 9), "honor")


def _new_courses(log: list[Json], rng: Random) -> None:
    """Run a course of today, and a coached copy of it."""

    def scribe(person: Person, course: Course, day: int, hour: int) -> Scribe:
        return Scribe(log, person, course, datetime(2026, 2, day, hour, tzinfo=UTC), rng)

    study = {learner: scribe(learner, BIOLOGY, 2, 8 + i) for i, learner in enumerate(LEARNERS)}
    for number, (learner, own) in enumerate(study.items()):
        scenes.enroll(own, "audit" if number % 2 else "verified")
        outline = "edx.ui.lms.outline.selected"
        scenes.navigate(own, outline if number else "edx.ui.lms.sequence.outline.selected")
        if learner is MISAKI:
            scenes.watch_on_phone(own, "cell walls")
        else:
            scenes.watch(own, "cell walls", None if learner is TENDAI else 195.4)
        scenes.complete(own, "video", "cell walls", 1.0 if number else 0.333)
        scenes.solve(own, "osmosis", correct=number % 3 > 0, attempts=1 + number)
        scenes.solve_many(own, "organelles", correct=number % 4)
        scenes.complete(own, "problem", "osmosis")
        own.wait(days=1 + number)
        scenes.watch(own, "ion channels", 412.0)
        scenes.solve(own, "potentials", correct=number > 2)
    scenes.adjust_player(study[LUCJA], "cell walls")
    scenes.get_help(study[SIOBHAN], "osmosis")
    scenes.solve_oddly(study[BHAVESH])
    scenes.upgrade(study[TENDAI])
    scenes.follow_link(study[MISAKI], "https://library.example.org/cells?page=3&q=ATP")
    scenes.follow_link(study[MARISOL], "/static/reader chapter 1.pdf")
    scenes.discuss(study[MARISOL], study[TENDAI], "Why do raisins swell? 🍇")
    scenes.moderate(study[SIOBHAN], scribe(KWAME, BIOLOGY, 3, 9), "Essays, cheap")
    scenes.sit_exam(study[LUCJA], "practice")
    scenes.sit_exam(study[LUCJA], "proctored")

    coach = scribe(KWAME, COACHED, 4, 8)
    for learner in (MISAKI, BHAVESH):
        scenes.enroll(coach, "audit", learner)
        own = scribe(learner, COACHED, 5, 10)
        scenes.navigate(own)
        scenes.watch(own, "cell walls")
        scenes.solve(own, "osmosis", correct=learner is MISAKI)
        scenes.sit_exam(own, "timed")
        # Links may have a name or an address in them.
        scenes.follow_link(own, f"{LMS_ROOT}/u/{MARISOL.username}")
        scenes.follow_link(own, f"mailto:{ESZTER.email}")
        scenes.follow_link(own, f"https://survey.example.org/?who={quote(learner.email, '')}")
    scenes.discuss(scribe(BHAVESH, COACHED, 6, 8), coach, "Timed exam: which room?")

    teacher = scribe(ESZTER, BIOLOGY, 27, 8)
    marks = (0.91, 0.58, 0.74, 0.62, 0.31, 1.0)
    letters = ("A", "D", "B", "C", "", "A")
    for learner, percent, letter in zip(LEARNERS, marks, letters, strict=True):
        scenes.grade(teacher, learner, percent, letter)
    scenes.pass_or_fail(teacher, MARISOL, "passed.first_time")
    scenes.pass_or_fail(teacher, TENDAI, "now_passed")
    scenes.pass_or_fail(teacher, MISAKI, "now_failed")
    scenes.leave(scribe(MISAKI, BIOLOGY, 28, 8))


def _strangers(log: list[Json], rng: Random) -> None:
    """Add what is no learning event, or none that anybody knows, or nobody's."""
    visitor = Scribe(log, VISITOR, BIOLOGY, _OPENING, rng)
    visitor.request(f"/courses/{BIOLOGY.key}/about")
    scenes.follow_link(visitor, f"{LMS_ROOT}/register")
    scenes.watch(visitor, "trailer")

    own = Scribe(log, SIOBHAN, None, _OPENING, rng)
    own.request("/login_ajax", {"email": [SIOBHAN.email], "password": ["********"]})
    own.request("/dashboard")
    own.request("/account/settings", {"name": ["Siobhan Okafor"], "email": [SIOBHAN.email]})
    # An enrolment made by an external tool has its course in the payload alone.
    data = {"course_id": BIOLOGY.key, "mode": "audit", "user_id": KWAME.user_id}
    own.server("edx.course.enrollment.activated", data)

    own = Scribe(log, TENDAI, BIOLOGY, datetime(2026, 2, 9, 15, tzinfo=UTC), rng)
    own.server("campusquiz.widget.opened", {"widget": "leaderboard", "peer": MARISOL.username})
    own.server("campusquiz.widget.closed", {"widget": "leaderboard"})
    bookmark = {"course_id": BIOLOGY.key, "component_type": "vertical", "bookmark_id": "b1"}
    own.server("edx.bookmark.added", bookmark | {"note": TENDAI.email})
    own.browser("page_close", {})
    own.browser("problem_graded", [f"{BIOLOGY.usage_key('problem', 'osmosis')}", "<div>…</div>"])
    own.server("edx.course.enrollment.activated", {"mode": "audit"})  # of no course, by accident
    log[-1]["context"] |= {"course_id": "", "org_id": "", "path": ""}
    own.browser("play_video", "what a browser extension made of it")
    own.server("showanswer", {})
    scenes.follow_link(own, "https://www.example.org/")
    log[-1]["username"] = f"{TENDAI.username}\n"  # line feeds occur


def _write(number: int, line: Json) -> bytes:
    """Write one line as text, some with a logging prefix, some without escapes."""
    text = json.dumps(line, ensure_ascii=number % 2 == 0)
    if number % 9 == 4:
        stamp, _, fraction = str(line["time"]).removesuffix("+00:00").partition(".")
        user = line["context"]["user_id"]
        moment = stamp.replace("T", " ")
        text = _PREFIX.format(moment, int(fraction or 0) // 1000, user, line["ip"]) + text
    return text.encode()


def _damage(lines: list[bytes]) -> list[bytes]:
    """Put in the lines that crashes, full disks and bad software leave behind."""
    whole = lines[60]
    bad = {
        20: b"",
        45: b"   \t",
        70: whole[: len(whole) // 2],
        95: b"-- log rotated --",
        120: lines[90].replace(b'"username": "', b'"username": "\xff\xfe', 1),
        145: b'{"name": "edx.grades.problem.submitted", "time": "2026-02-02T10:00:00+00:00", '
        b'"event": {"weighted_earned": NaN}, "context": {}}',
        170: b"\x00" * 64,
        195: b'{"time": "2026-02-02T10:00:00+00:00", "event": {}, "context": {}}',
        220: b'["an", "array"]',
        245: b"{" * 200,
        270: b"",
    }
    result = list(lines)
    for position in sorted(bad):
        result.insert(position, bad[position])
    return result


def main() -> None:
    """Write the log to the path given, or over the one in the package."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else sample_log()
    path.write_bytes(sample())


if __name__ == "__main__":
    main()
