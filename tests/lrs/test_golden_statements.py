"""Others who check statements accept all that golden cases lead to."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from every_document import XAPI, Made, statements

pytestmark = pytest.mark.lrs

STRICT = Path(__file__).with_name("strict.py")
EXAMS = (
    "edx.special_exam.practice.attempt.submitted",
    "edx.special_exam.proctored.attempt.submitted",
    "edx.special_exam.timed.attempt.submitted",
    "edx.special_exam.timed.attempt.submitted.log",
)
SEVERAL = "problem_check.server.several_questions"

# What is refused of dialect "erb" is what event-routing-backends writes: ids of exams and problems
# that are no IRIs, a scaled score of 1.1, a link as it stood in the page, the object type
# "GroupActivity"; and for Ralph names and extensions that are empty.
LEARNING_LOCKER = {
    **dict.fromkeys(EXAMS, 1),
    "edx.grades.course.grade_calculated.extra_credit": 1,
    "edx.problem.completed": 1,
    "edx.ui.lms.link_clicked": 1,
    SEVERAL: 3,
}
RALPH = {
    **dict.fromkeys(EXAMS, 1),
    "edx.course.grade.now_failed": 1,
    "edx.course.grade.now_passed": 1,
    "edx.course.grade.passed.first_time": 1,
    "edx.grades.course.grade_calculated.extra_credit": 1,
    "edx.ui.lms.link_clicked": 1,
    SEVERAL: 3,
}
UNNAMED = (
    "edx.course.enrollment.activated",
    "edx.course.enrollment.deactivated",
    "edx.course.enrollment.mode_changed",
    "edx.course.enrollment.mode_changed.by_nobody",
    "edx.grades.course.grade_calculated",
    "edx.grades.course.grade_calculated.below_cutoff",
)
"""What has an empty name as well where courses have none."""


def refused(command: list[str | Path], made: list[Made]) -> list[tuple[str, list[str]]]:
    """Ask for all at once; give the case of each that is refused, and why."""
    done = subprocess.run(
        command,
        input="".join(json.dumps(each.document) + "\n" for each in made),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = map(json.loads, done.stdout.splitlines())
    return [(made[number].case, problems) for number, problems in found]


@pytest.fixture(scope="module")
def everything() -> dict[str, list[Made]]:
    return {way: statements(way) for way in XAPI}


@pytest.fixture(params=["Learning Locker", "Ralph"])
def validator(request: pytest.FixtureRequest) -> tuple[list[str | Path], dict[str, int]]:
    """Give a command, and which statements of dialect ``erb`` it refuses, by case."""
    if request.param == "Ralph":
        return [request.getfixturevalue("ralph_python"), STRICT], RALPH
    return request.getfixturevalue("learning_locker"), LEARNING_LOCKER


def test_accept_the_whole_dialect_standard(
    validator: tuple[list[str | Path], Any], everything: dict[str, list[Made]]
) -> None:
    made = [each for way, of in everything.items() if "erb" not in way for each in of]
    assert len(made) > 2000

    assert refused(validator[0], made) == []


@pytest.mark.parametrize("way", [way for way in XAPI if "erb" in way])
def test_refuse_of_dialect_erb_what_the_peer_writes_against_the_rules(
    validator: tuple[list[str | Path], dict[str, int]], everything: dict[str, list[Made]], way: str
) -> None:
    command, known = validator

    found = Counter(case for case, _ in refused(command, everything[way]))

    if way == "erb" and known is RALPH:
        known = known | dict.fromkeys(UNNAMED, 1)
    assert found == known


@pytest.mark.parametrize(
    "change",
    [
        {"verb": {"id": "nope"}},
        {"result": {"duration": "3 s"}},
        {"result": {"score": {"scaled": 2}}},
        {"timestamp": "yesterday"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_refuse_what_is_wrong(
    validator: tuple[list[str | Path], Any],
    everything: dict[str, list[Made]],
    change: dict[str, Any],
) -> None:
    case, document = everything["standard"][0]

    found = refused(validator[0], [Made(case, document), Made("broken", document | change)])

    assert [of for of, _ in found] == ["broken"]
