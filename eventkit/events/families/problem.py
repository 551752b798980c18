"""Problems: checking answers, hints, showing the answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from eventkit.events.families.problem_checks import (
    ANSWERED,
    FROM_BROWSER,
    FROM_SERVER,
    GRADED,
    checked,
    item,
    problem_attempt,
    problem_check,
    submitted_problem,
)
from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.answers import is_correct, problem_iri, shown_problem_iri
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import (
    ASSESSMENT,
    GENERAL,
    GRADING,
    READING,
    RESOURCE_MANAGEMENT,
    draft,
    entity,
    moment,
)
from eventkit.events.shapes.caliper import score as attempt_score
from eventkit.events.shapes.iris import (
    ACTION,
    ASKED,
    ATTEMPTED,
    COMPLETED,
    CORRECT,
    EXPERIENCED,
    FAILURE,
    FEEDBACK_SHOWN,
    INTERACTED,
    PREVIOUS_SCORE,
    QUESTION_TYPE,
    RESCORED,
    RESET,
    RESOURCE,
    REVEALED,
    SAVED,
    SCORED,
    SOLUTION,
    SUCCESS,
    SUPPLEMENTAL_INFO,
    TRIGGER_TYPE,
)
from eventkit.events.shapes.scores import graded, score
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity, doer
from eventkit.reading.source import clean, somebody
from eventkit.typing import Json

# What the problem told us.


def student(view: View) -> str | None:
    """Give the learner whose problem staff scored anew; the user of the request is the staff."""
    return somebody(view.data.get("student"))


def feedback_steps(view: View) -> str:
    """Give the last steps of the IRI of the feedback on a question."""
    part = view.key("problem_part_id")
    return f"/feedback/{encode_iri(part)}" if part else "/feedback"


def feedback_texts(view: View) -> list[str] | None:
    """Give the texts of the feedback, which the course team wrote."""
    hints = view.data.get("hints")
    texts = (
        [hint.get("text") for hint in hints if isinstance(hint, Mapping)]
        if isinstance(hints, list)
        else []
    )
    return [clean(text) for text in texts if isinstance(text, str) and text] or None


# How xAPI says it.


def problem(view: View) -> Json:
    """Make the problem as a whole."""
    return block_activity(view, problem_iri(view))


def _acted(_: View, *, action: str) -> Json:
    return {"extensions": {ACTION: action}}


def _refused(view: View, *, action: str) -> Json:
    return {"extensions": {ACTION: action, FAILURE: view.scalar("failure")}}


def rescored(view: View) -> Json:
    """Make the result of scoring anew; it was the learner's work, whoever ordered the scoring."""
    result: Json = {"extensions": {PREVIOUS_SCORE: view.number("orig_score")}}
    if points := score(view.number("new_score"), view.number("new_total")):
        result["score"] = points
    success = is_correct(view.data.get("success"))
    if success is not None:
        result["success"] = success
    return result


def completed_grade(view: View) -> Json:
    """Make the grade that a complete problem has."""
    return graded(view.number("weighted_earned"), view.number("weighted_possible"))


def hint(view: View) -> Json:
    """Make the hint that was shown; its text only where texts may leave."""
    index = view.number("hint_index")
    if index is None:
        raise view.lacks("no_object", "data.hint_index")
    text = view.words("hint_text") if view.site.include_text else ""
    return activity(
        f"{view.block('module_id', 'problem_id')}/hint/{index}",
        RESOURCE,
        extensions={SUPPLEMENTAL_INFO: text or None},
    )


def answer(view: View) -> Json:
    """Make the answer that was shown."""
    return activity(f"{view.block('problem_id', 'module_id')}/answer", SOLUTION)


def shown_answer(view: View) -> Json:
    """Make the answer that was shown, by what the browser knows of the problem."""
    return activity(f"{shown_problem_iri(view)}/answer", SOLUTION)


def feedback(view: View) -> Json:
    """Make the feedback on a question."""
    return activity(
        view.block("module_id", "problem_id") + feedback_steps(view),
        RESOURCE,
        name=view.words("hint_label"),
    )


def judgement(view: View) -> Json:
    """Say what the feedback said."""
    result: Json = {"extensions": {FEEDBACK_SHOWN: feedback_texts(view)}}
    success = is_correct(view.data.get("correctness"))
    if success is not None:
        result["success"] = success
    return result


def trigger(view: View) -> Json:
    """Say whether one answer caused the feedback, or several together."""
    return {TRIGGER_TYPE: view.scalar("trigger_type")}


# How Caliper says it.


def rescored_attempt(view: View) -> Json:
    """Make the attempt that was scored anew: it is the learner's."""
    learner = student(view)
    if learner is None:
        raise view.nobody("data.student", view.context, view.event, view.data)
    return problem_attempt(view, learner=learner)


def new_score(view: View) -> Json:
    """Make the new score; old events have no points in them."""
    return attempt_score(
        view,
        rescored_attempt(view)["id"],
        view.number("new_score"),
        view.number("new_total"),
        steps=f"/score/rescore/{moment(view)}",
        needed=False,
        extensions={RESCORED: True, SUCCESS: is_correct(view.data.get("success"))},
    )


def solution(view: View) -> Json:
    """Make the solution that was shown, a part of its problem."""
    return _part(view, "/answer", "Solution", "problem_id", "module_id")


def hint_shown(view: View) -> Json:
    """Make the hint that was shown, a part of its problem."""
    index = view.number("hint_index")
    if index is None:
        raise view.lacks("no_object", "data.hint_index")
    return _part(view, f"/hint/{index}", "Hint", "module_id", "problem_id")


def _part(view: View, steps: str, name: str, *fields: str) -> Json:
    problem = view.block(*fields)
    return entity(
        f"{problem}{steps}",
        "DigitalResource",
        name=name,
        isPartOf=block_entity(view, problem),
    )


def feedback_shown(view: View) -> Json:
    """Make the feedback that was shown, a part of its problem."""
    name = view.words("hint_label")
    return _part(view, feedback_steps(view), name, "module_id", "problem_id")


def verdict(view: View) -> Json:
    """Say what the feedback was about."""
    return {
        CORRECT: is_correct(view.data.get("correctness")),
        TRIGGER_TYPE: view.scalar("trigger_type"),
        QUESTION_TYPE: view.scalar("question_type"),
    }


def saved_answers(view: View) -> Json:
    """Make what the learner saved; the answers themselves stay here."""
    block = problem_iri(view)
    return draft(view, block, of=block_entity(view, block))


_REFUSED = "Caliper: a refusal; nothing was {}."


EVENTS: tuple[Row, ...] = (
    Row(
        ("problem_check", "save_problem_check"),
        xapi=OneOf((FROM_SERVER, FROM_BROWSER), problem_check),
        caliper=OneOf((ANSWERED, GRADED), checked),
    ),
    Row(
        ("problem_check_fail", "save_problem_check_fail"),
        xapi=Statement(ATTEMPTED, problem, result=partial(_refused, action="check")),
        reason=_REFUSED.format("checked"),
    ),
    Row(
        ("problem_graded",),
        reason="The browser's echo of problem_check: the answers again and HTML, but no grade.",
    ),
    Row(
        ("problem_rescore",),
        xapi=Statement(SCORED, problem, result=rescored, user=student, instructor=doer),
        # Staff order it, and the platform grades.
        caliper=Action(
            "GradeEvent", "Graded", rescored_attempt, GRADING, generated=new_score, actor="lms"
        ),
    ),
    Row(
        ("problem_rescore_fail",),
        reason="Staff tried to score a problem anew and nothing of the learner's changed.",
    ),
    Row(
        ("edx.problem.completed",),
        xapi=Statement(COMPLETED, problem, result=completed_grade),
        caliper=Action("AssessmentItemEvent", "Completed", item, ASSESSMENT),
    ),
    Row(
        ("problem_reset",),
        xapi=Statement(INTERACTED, submitted_problem, result=partial(_acted, action="reset")),
        reason="Caliper: the server's reset_problem of the same click says it.",
    ),
    Row(
        ("reset_problem",),
        xapi=Statement(RESET, problem),
        caliper=Action("Event", "Reset", item, GENERAL),
    ),
    Row(
        ("reset_problem_fail",),
        xapi=Statement(INTERACTED, problem, result=partial(_refused, action="reset")),
        reason=_REFUSED.format("reset"),
    ),
    Row(
        ("problem_save",),
        xapi=Statement(INTERACTED, submitted_problem, result=partial(_acted, action="save")),
        reason="Caliper: the server's save_problem_success of the same click says it.",
    ),
    Row(
        ("save_problem_success",),
        xapi=Statement(SAVED, problem),
        caliper=Action("ResourceManagementEvent", "Saved", saved_answers, RESOURCE_MANAGEMENT),
    ),
    Row(
        ("save_problem_fail",),
        xapi=Statement(INTERACTED, problem, result=partial(_refused, action="save")),
        reason=_REFUSED.format("saved"),
    ),
    Row(
        ("edx.problem.hint.demandhint_displayed",),
        xapi=Statement(ASKED, hint),
        caliper=Action("ViewEvent", "Viewed", hint_shown, READING),
    ),
    Row(
        ("edx.problem.hint.feedback_displayed",),
        xapi=Statement(EXPERIENCED, feedback, result=judgement, extensions=trigger),
        caliper=Action("ViewEvent", "Viewed", feedback_shown, READING, extensions=verdict),
    ),
    Row(
        ("problem_show",),
        xapi=Statement(REVEALED, shown_answer),
        reason="Caliper: the server's showanswer of the same click says it.",
    ),
    Row(
        ("showanswer",),
        xapi=Statement(ASKED, answer),
        caliper=Action("ViewEvent", "Viewed", solution, READING),
    ),
)
