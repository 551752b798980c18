"""Every document that golden cases lead to is valid, whatever the dialect and the options."""

import contextlib
import json
import re

import pytest
from every_document import CALIPER, UNKNOWN, XAPI, caliper_events, events, statements

from eventkit import CaliperTranslator, DropEvent, HMACIdentity, XAPITranslator
from eventkit.events.shapes.blocks import KINDS
from eventkit.reading import Source
from eventkit.testing import LMS_ROOT
from eventkit.validation import event_errors, statement_errors

NO_IRI = "must be an absolute IRI, with a scheme and without spaces"
EXAM = [
    f"context.contextActivities.grouping[0].id: {NO_IRI}",
    "object.id: must be put after the URL of the LMS, for a key of Open edX is no IRI",
]
NO_ENTITY = [
    "object.type: must be an entity type of Caliper 1.2",
    "object.type: must be a DigitalResource or a SoftwareApplication",
]
PEERS_FAULTS = {
    "edx.special_exam.practice.attempt.submitted": EXAM,
    "edx.special_exam.proctored.attempt.submitted": EXAM,
    "edx.special_exam.timed.attempt.submitted": EXAM,
    "edx.special_exam.timed.attempt.submitted.log": EXAM,
    "edx.problem.completed": EXAM[1:],
    "edx.grades.course.grade_calculated.extra_credit": ["result.score.scaled: must be at most 1"],
    "edx.grades.problem.submitted.nothing_to_earn": ["result.score: min must be less than max"],
    "edx.ui.lms.link_clicked": [f"object.id: {NO_IRI}"],
    "problem_check.server.several_questions": [
        "object.objectType: must be one of Activity, Agent, Group, StatementRef, SubStatement",
        "context.contextActivities.parent[0].objectType: must be Activity",
        "context.contextActivities.parent[0].objectType: must be Activity",
    ],
}
"""What of dialect ``erb`` breaks xAPI, as event-routing-backends does: all of it, by case."""

PEERS_CALIPER_FAULTS = {
    "edx.ui.lms.link_clicked": [
        "object.id: must be an absolute IRI or a blank node (_:x), without spaces",
        *NO_ENTITY,
    ],
    "edx.ui.lms.link_clicked.profile": NO_ENTITY,
    "problem_check.server": ["generated: must have id, type", "generated: must not have score"],
}
"""The same of Caliper."""

OF_ANY_BLOCK = (
    "edx.bookmark.accessed",
    "edx.bookmark.added",
    "edx.bookmark.removed",
    "edx.completion.block_completion.changed",
    "edx.course.student_notes.added",
    "edx.course.student_notes.used_unit_link",
    "edx.grades.problem.rescored",
    "edx.grades.problem.score_overridden",
    "edx.grades.problem.state_deleted",
    "edx.grades.problem.submitted",
    "edx.ui.lms.jump_nav.selected",
    "edx.ui.lms.outline.selected",
    UNKNOWN,
)
"""Events that may be about blocks of any kind."""

BLOCK = re.compile(r"type@[\w-]+(\+|%2B)block")


def wrong(made, errors):
    found = {}
    for each in made:
        if said := errors(each.document):
            found.setdefault(each.case, []).extend(said)
    return found


@pytest.mark.parametrize("way", [way for way in XAPI if "erb" not in way])
def test_statements(way):
    """All of dialect ``standard``."""
    made = statements(way)

    assert len(made) > 390
    assert wrong(made, statement_errors) == {}


@pytest.mark.parametrize("way", [way for way in CALIPER if "erb" not in way])
def test_caliper_events(way):
    """All of dialect ``standard``."""
    made = caliper_events(way)

    assert len(made) > 370
    assert wrong(made, event_errors) == {}


@pytest.mark.parametrize("way", [way for way in XAPI if "erb" in way])
def test_statements_of_the_peer(way):
    """What is wrong with them is known: the peer's own, and nothing besides."""
    assert wrong(statements(way), statement_errors) == PEERS_FAULTS


@pytest.mark.parametrize("way", [way for way in CALIPER if "erb" in way])
def test_caliper_events_of_the_peer(way):
    """The same of Caliper."""
    assert wrong(caliper_events(way), event_errors) == PEERS_CALIPER_FAULTS


@pytest.mark.parametrize("kind", [*KINDS, "chemistry"])
@pytest.mark.parametrize(
    ("make", "errors"),
    [(XAPITranslator, statement_errors), (CaliperTranslator, event_errors)],
    ids=["xapi", "caliper"],
)
def test_blocks_of_any_kind(make, errors, kind):
    """What may be about any block is valid of each kind of block."""
    translator = make(
        lms_root=LMS_ROOT, identity=HMACIdentity("only tests use this"), unknown="generic"
    )
    found, count = {}, 0
    for case, event in events():
        if Source(event).name not in OF_ANY_BLOCK:
            continue
        text = BLOCK.sub(rf"type@{kind}\1block", json.dumps(event))
        with contextlib.suppress(DropEvent):
            for document in translator(json.loads(text))["documents"]:
                count += 1
                if said := errors(document):
                    found[case] = said

    assert count > 80
    assert found == {}
