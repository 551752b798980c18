"""Open response assessment: handing in a response, and assessing those of others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.blocks import block_activity, course_item
from eventkit.events.shapes.caliper import (
    ASSIGNABLE,
    FEEDBACK,
    GENERAL,
    GRADING,
    RESOURCE_MANAGEMENT,
    actor,
    draft,
    entity,
    moment,
    time_of,
)
from eventkit.events.shapes.caliper import score as attempt_score
from eventkit.events.shapes.iris import (
    ACTION,
    ANSWER,
    ANSWERED,
    ASSESSED,
    ASSESSMENT,
    COMMENTED,
    CORRECTIONS,
    DELETED,
    FILE,
    FILE_SIZE,
    FILE_TYPE,
    GRADING_TYPE,
    IMPORTED,
    OPTIONS,
    OPTIONS_SELECTED,
    RUBRIC_HASH,
    RUBRICS,
    SAVED,
    SCORE_TYPE,
    TEAM_ID,
    WAS_ASSIGNED,
    WEB_PAGE,
)
from eventkit.events.shapes.iris import EXAM_ATTEMPT as ATTEMPT
from eventkit.events.shapes.rubrics import (
    chosen,
    objects,
    pairs,
    points,
    rubric,
    rubric_hash,
    rubric_pairs,
    texts,
)
from eventkit.events.shapes.scores import score
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

_QUERY = re.compile(r"[?#].*", re.DOTALL)

# What the block told us.


def block_iri(view: View) -> str:
    """Give the IRI of the assignment."""
    return view.own_block("item_id")


def submission_iri(view: View) -> str:
    """Give the IRI of the submission; drop the event when it names none."""
    uuid = view.key("submission_uuid")
    if not uuid:
        raise view.lacks("no_object", "data.submission_uuid")
    return _submission(view, uuid)


def returned_iri(view: View) -> str:
    """Give the IRI of the submission that was handed out to be assessed."""
    uuid = view.key("submission_returned_uuid")
    if uuid in {"", "None"}:
        raise view.skipped("there was no submission to hand out")
    return _submission(view, uuid)


def _submission(view: View, uuid: str) -> str:
    return f"{block_iri(view)}/submission/{encode_iri(uuid)}"


def answer_texts(view: View) -> list[str]:
    """Give what the learner wrote, one text for each prompt; what was uploaded stays out."""
    given = view.data.get("answer")
    parts = given.get("parts") if isinstance(given, Mapping) else None
    return texts([part.get("text") for part in objects([given] if parts is None else parts)])


def options(view: View) -> list[str] | None:
    """Give the labels that were ticked."""
    return texts(view.data.get("options")) or None


def page_iri(view: View) -> str:
    """Give the page of the assignment; its browser events know nothing else."""
    url = view.text("page")
    if not url:
        raise view.lacks("no_object", "page")
    return view.address(_QUERY.sub("", url), "page")


# How xAPI says it.


def assignment(view: View) -> Json:
    """Make the assignment."""
    return block_activity(view, block_iri(view))


def example(view: View) -> Json:
    """Make the example that learners practise assessing with."""
    return activity(
        f"{block_iri(view)}/training-example",
        ASSESSMENT,
        name=view.module("display_name"),
    )


def submission(view: View) -> Json:
    """Make the submission that was assessed."""
    return activity(submission_iri(view), ATTEMPT)


def returned(view: View) -> Json:
    """Make the submission that was handed out."""
    return activity(returned_iri(view), ATTEMPT)


def of_assignment(view: View) -> Json:
    """Say which assignment the submission is for."""
    return {"grouping": [assignment(view)]}


def with_submission(view: View) -> Json:
    """Say which submission it was about."""
    if not view.key("submission_uuid"):
        return {}
    return {"other": [submission(view)]}


def response(view: View) -> Json:
    """Say that a response was handed in; what it says only where texts may leave."""
    result: Json = {"completion": True}
    if view.site.include_text and (answers := answer_texts(view)):
        result["response"] = "[,]".join(answers)
    return result


def assessment(view: View) -> Json:
    """Say what was chosen for each criterion, and what score the submission was given by it."""
    result: Json = {
        "extensions": {
            RUBRICS: rubric(view),
            RUBRIC_HASH: rubric_hash(view),
            SCORE_TYPE: view.scalar("score_type"),
        }
    }
    if given := score(*points(view)):
        result["score"] = given
    return result


def practice(view: View) -> Json:
    """Say what was chosen for each criterion, and whether the course team had chosen the same."""
    result: Json = {"extensions": {RUBRICS: chosen(view, "options_selected")}}
    corrections = view.data.get("corrections")
    if isinstance(corrections, Mapping):
        result["success"] = not corrections
    return result


def opinion(view: View) -> Json:
    """Say what the learner thinks of the assessments; in words only where texts may leave."""
    result: Json = {"extensions": {OPTIONS: options(view)}}
    if view.site.include_text and (text := view.words("feedback_text")):
        result["response"] = text
    return result


def page(view: View) -> Json:
    """Make the page that a file was uploaded on."""
    return activity(page_iri(view), WEB_PAGE)


def file(view: View) -> Json:
    """Say what was uploaded; the name of the file stays with the learner."""
    return {
        "extensions": {
            FILE_SIZE: view.number("fileSize"),
            FILE_TYPE: view.words("fileType") or None,
        }
    }


def team(view: View) -> Json:
    """Say which team handed it in; its id is made of the name that learners gave it."""
    return {TEAM_ID: view.slug("team", "team_id") or None}


def described(_: View) -> Json:
    """Say that it was the descriptions of files that were saved; they stay with the learner."""
    return {"extensions": {ACTION: "files-described"}}


def _file_iri(view: View) -> str:
    return f"{block_iri(view)}/uploaded-file"


def removed_file(view: View) -> Json:
    """Make the file that was taken back; what it is called names the learner."""
    return activity(_file_iri(view), FILE)


# How Caliper says it.


def assignable(view: View) -> Json:
    """Make the assignment."""
    return course_item(view, block=block_iri(view))


def handed_in(view: View) -> Json:
    """Make the attempt that was handed in."""
    count = view.number("attempt_number")
    answers = answer_texts(view) if view.site.include_text else None
    return _attempt(
        view,
        submission_iri(view),
        assignee=view.person(view.learner()),
        count=int(count) if count is not None and count >= 0 else None,
        endedAtTime=time_of(view, "submitted_at"),
        extensions={ANSWER: answers or None},
    )


def _attempt(view: View, iri: str, **members: Any) -> Json:
    return entity(iri, "Attempt", assignable=block_iri(view), **members)


def handed_out(view: View) -> Json:
    """Make the attempt that was handed out; whose it is nobody may know."""
    return _attempt(view, returned_iri(view))


def grading_type(view: View) -> Json:
    """Say whether staff grade for the first time or again."""
    return {GRADING_TYPE: view.scalar("type")}


def assessed(view: View, *, own: bool = False) -> Json:
    """Make the attempt that was assessed; it is known whose only when it is the actor's *own*."""
    return _attempt(view, submission_iri(view), assignee=actor(view) if own else None)


def grade(view: View) -> Json:
    """Make the score that it was given; assessors may choose options that have no points."""
    attempt = assessed(view)["id"]
    given, most = points(view)
    kind = view.key("score_type")
    return attempt_score(
        view,
        attempt,
        given,
        most,
        steps=f"/score/{encode_iri(kind)}/{moment(view)}" if kind else f"/score/{moment(view)}",
        by=actor(view),
        needed=False,
        extensions={
            SCORE_TYPE: kind or None,
            RUBRIC_HASH: rubric_hash(view),
            RUBRICS: rubric_pairs(view),
            GRADING_TYPE: view.scalar("type"),
        },
    )


def comment(view: View) -> Json:
    """Make the comment that the assessor wrote."""
    attempt = submission_iri(view)
    return entity(
        f"{attempt}/comment/{moment(view)}",
        "Comment",
        commenter=actor(view),
        commentedOn=attempt,
        value=view.words("feedback"),
    )


def opinion_comment(view: View) -> Json:
    """Make the learner's comment on the assessments."""
    return entity(
        f"{submission_iri(view)}/assessment-feedback",
        "Comment",
        commenter=actor(view),
        commentedOn=block_iri(view),
        value=view.words("feedback_text") if view.site.include_text else None,
        extensions={OPTIONS: options(view)},
    )


def saved_response(view: View) -> Json:
    """Make what the learner saved; the text itself stays here."""
    block = block_iri(view)
    return draft(view, block, of=block)


def file_taken_back(view: View) -> Json:
    """Make the file that was taken back; what it is called names the learner."""
    return entity(_file_iri(view), "DigitalResource", isPartOf=block_iri(view))


def training(view: View) -> Json:
    """Make the example that learners practise assessing with."""
    block = block_iri(view)
    return entity(f"{block}/training-example", "AssignableDigitalResource", isPartOf=block)


def trained(view: View) -> Json:
    """Make the learner's go at the example."""
    return entity(
        f"{submission_iri(view)}/training-example/{moment(view)}",
        "Attempt",
        assignee=view.person(view.learner()),
        assignable=f"{block_iri(view)}/training-example",
        extensions={
            OPTIONS_SELECTED: pairs(chosen(view, "options_selected")),
            CORRECTIONS: pairs(chosen(view, "corrections")),
        },
    )


def uploaded(view: View) -> Json:
    """Make the file that was uploaded; its name only where texts may leave."""
    return entity(
        f"{page_iri(view)}#upload/{moment(view)}",
        "DigitalResource",
        mediaType=view.words("fileType"),
        storageName=view.words("fileName") if view.site.include_text else None,
        creators=[actor(view)],
        isPartOf=entity(page_iri(view), "WebPage"),
        extensions={FILE_SIZE: view.number("fileSize")},
    )


_COMMENTED = Action(
    "FeedbackEvent", "Commented", assessed, FEEDBACK, generated=comment, key="comment"
)
_GRADED = Action("GradeEvent", "Graded", assessed, GRADING, generated=grade)
_GRADED_OWN = Action("GradeEvent", "Graded", partial(assessed, own=True), GRADING, generated=grade)


def graded(view: View, *, action: Action = _GRADED) -> list[Action]:
    """Make an event for the grade, and where texts may leave one for the assessor's comment."""
    commented = view.site.include_text and view.words("feedback")
    return [action, _COMMENTED] if commented else [action]


_ASSESSED = Statement(ASSESSED, submission, result=assessment, activities=of_assignment)

EVENTS: tuple[Row, ...] = (
    Row(
        ("openassessmentblock.create_submission",),
        xapi=Statement(ANSWERED, assignment, result=response, activities=with_submission),
        caliper=Action("AssignableEvent", "Submitted", assignable, ASSIGNABLE, generated=handed_in),
    ),
    Row(
        ("openassessmentblock.create_team_submission",),
        xapi=Statement(
            ANSWERED, assignment, result=response, extensions=team, activities=with_submission
        ),
        caliper=Action(
            "AssignableEvent",
            "Submitted",
            assignable,
            ASSIGNABLE,
            generated=handed_in,
            extensions=team,
        ),
    ),
    Row(
        ("openassessmentblock.save_submission",),
        xapi=Statement(SAVED, assignment),
        caliper=Action("ResourceManagementEvent", "Saved", saved_response, RESOURCE_MANAGEMENT),
    ),
    Row(
        ("openassessmentblock.save_files_descriptions",),
        xapi=Statement(SAVED, assignment, result=described),
        caliper=Action("ResourceManagementEvent", "Described", saved_response, RESOURCE_MANAGEMENT),
    ),
    Row(
        ("openassessmentblock.remove_uploaded_file",),
        xapi=Statement(DELETED, removed_file, activities=of_assignment),
        caliper=Action("ResourceManagementEvent", "Deleted", file_taken_back, RESOURCE_MANAGEMENT),
    ),
    Row(
        ("openassessmentblock.get_peer_submission",),
        xapi=Statement(WAS_ASSIGNED, returned, activities=of_assignment),
        caliper=Action("Event", "Retrieved", handed_out, GENERAL),
    ),
    Row(
        ("openassessmentblock.get_submission_for_staff_grading",),
        caliper=Action("Event", "Retrieved", handed_out, GENERAL, extensions=grading_type),
        reason="xAPI: a grader opens the next item of a queue; staff_assess says what came of it.",
    ),
    Row(
        ("openassessmentblock.peer_assess",),
        xapi=_ASSESSED,
        caliper=OneOf((_GRADED, _COMMENTED), graded),
    ),
    Row(
        ("openassessmentblock.self_assess",),
        xapi=_ASSESSED,
        caliper=OneOf((_GRADED_OWN, _COMMENTED), partial(graded, action=_GRADED_OWN)),
    ),
    Row(
        ("openassessmentblock.staff_assess",),
        xapi=_ASSESSED,
        caliper=OneOf((_GRADED, _COMMENTED), graded),
    ),
    Row(
        ("openassessmentblock.submit_feedback_on_assessments",),
        xapi=Statement(COMMENTED, assignment, result=opinion, activities=with_submission),
        caliper=Action(
            "FeedbackEvent", "Commented", assignable, FEEDBACK, generated=opinion_comment
        ),
    ),
    Row(
        ("openassessment.student_training_assess_example",),
        xapi=Statement(ASSESSED, example, result=practice),
        caliper=Action("AssignableEvent", "Completed", training, ASSIGNABLE, generated=trained),
    ),
    Row(
        ("openassessment.upload_file",),
        xapi=Statement(IMPORTED, page, result=file),
        caliper=Action("ResourceManagementEvent", "Uploaded", uploaded, RESOURCE_MANAGEMENT),
    ),
    Row(
        ("openassessment.upload_file_error",),
        reason="A technical error in the browser: it names no block, and nothing was uploaded.",
    ),
)
