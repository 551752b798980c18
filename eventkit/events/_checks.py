"""Checking a problem: the one event of which browser and server each have a form of their own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from eventkit.events._answers import (
    interaction_type,
    is_correct,
    problem_iri,
    question_of,
    response,
    submissions,
    submitted_problem_iri,
)
from eventkit.events._caliper import (
    ASSESSMENT,
    GRADING,
    attempt,
    attempt_iri,
    course_part,
    digits,
    entity,
    extended,
)
from eventkit.events._caliper import score as attempt_score
from eventkit.events._iris import (
    ATTEMPT_ID,
    ATTEMPTED,
    CORRECT,
    EVALUATED,
    INTERACTION,
    QUESTION_TEXT,
    SUCCESS,
)
from eventkit.events._rows import Action, Child, Shape, Statement
from eventkit.events._scores import score
from eventkit.events._site import encode_iri
from eventkit.events._view import View, activity, json_text
from eventkit.source import clean
from eventkit.typing import Json

# How xAPI says it.


def _described(question: Mapping[str, Any]) -> Json | None:
    text = question.get("question")
    return {"en-US": clean(text)} if isinstance(text, str) and text else None


def checked_problem(view: View) -> Json:
    """Make the problem that was checked: one question, or the whole of several."""
    found = question_of(submissions(view))
    question = found[1] if found else {}
    description = _described(question)
    return activity(
        problem_iri(view),
        INTERACTION,
        name="" if description else view.module("display_name"),
        language="en-US",
        description=description,
        interaction=interaction_type(question),
        extensions=attempts(view),
    )


def attempts(view: View) -> Json:
    """Say how many attempts were used, in the definition (for analytics) and in the context."""
    return {ATTEMPT_ID: view.number("attempts")}


def evaluation(view: View) -> Json:
    """Make the result of a check: points, success, and the answer to a single question."""
    result: Json = {}
    if points := score(view.number("grade"), view.number("max_grade")):
        result["score"] = points
    submitted = submissions(view)
    found = question_of(submitted)
    success = is_correct(found[1].get("correct") if found else view.data.get("success"))
    if success is not None:
        result["success"] = success
    if found:
        answer = response(view, *found)
    else:
        answers = None if len(submitted) > 1 else view.data.get("answers")
        answer = json_text(answers) if answers else None
    if answer is not None:
        result["response"] = answer
    return result


def questions(view: View) -> list[Child]:
    """Make one statement for each of several questions."""
    found = submissions(view)
    if len(found) < 2:
        return []
    problem = problem_iri(view)
    return [
        Child(
            key=key,
            object=activity(
                _question_iri(view, problem, key),
                INTERACTION,
                language="en-US",
                description=_described(question),
                interaction=interaction_type(question),
            ),
            result=_answer(view, key, question),
        )
        for key, question in found.items()
    ]


def _question_iri(view: View, problem: str, key: str) -> str:
    """Give the IRI of a question: its own key takes the place of the problem's."""
    space, at, _ = problem.rpartition("@")
    encoded = view.iri(f"/{key}").removeprefix(f"{view.site.lms_root}/")
    return f"{space}@{encoded}" if at else f"{problem}/{encoded}"


def _answer(view: View, key: str, question: Mapping[str, Any]) -> Json:
    result: Json = {}
    success = is_correct(question.get("correct"))
    if success is not None:
        result["success"] = success
    answer = response(view, key, question)
    if answer is not None:
        result["response"] = answer
    return result


def submitted_problem(view: View) -> Json:
    """Make the problem whose form was sent."""
    return activity(submitted_problem_iri(view), INTERACTION, interaction="other")


FROM_SERVER = Statement(
    EVALUATED,
    checked_problem,
    result=evaluation,
    extensions=attempts,
    children=questions,
)
FROM_BROWSER = Statement(ATTEMPTED, submitted_problem)


def problem_check(view: View) -> Statement:
    """Tell the server's verdict from the browser's form data."""
    return FROM_BROWSER if view.source == "browser" else FROM_SERVER


# How Caliper says it.

RESPONSE_TYPES = {
    "checkboxgroup": "MultipleResponseResponse",
    "choicegroup": "MultipleChoiceResponse",
    "optioninput": "MultipleChoiceResponse",
    "radiogroup": "MultipleChoiceResponse",
}


def problem_attempt(view: View, *, learner: str | None = None) -> Json:
    """Make the attempt at the problem that was checked."""
    count = view.number("attempts")
    return attempt(view, problem_iri(view), _steps(count), count=count, learner=learner)


def _steps(count: int | float | None) -> str:
    """Give the end of an attempt's IRI."""
    return "/attempt" if count is None else f"/attempt/{digits(count)}"


def problem_score(view: View) -> Json:
    """Make the score of that attempt."""
    return attempt_score(
        view,
        attempt_iri(view, problem_iri(view), _steps(view.number("attempts"))),
        view.number("grade"),
        view.number("max_grade"),
        extensions={SUCCESS: is_correct(view.data.get("success"))},
    )


def item(view: View, *, key: str = "") -> Json:
    """Make the problem, or with *key* one of its questions."""
    problem = problem_iri(view)
    if key:
        return entity(
            f"{problem}/question/{encode_iri(key)}",
            "AssessmentItem",
            name=view.module("display_name"),
            isPartOf=problem,
        )
    return entity(
        problem,
        "AssessmentItem",
        name=view.module("display_name"),
        isPartOf=course_part(view),
        maxScore=view.number("max_grade"),
    )


def _response(view: View, *, key: str, question: Mapping[str, Any]) -> Json:
    """Make the response to a question; what was answered only where texts may leave."""
    whole = problem_attempt(view)
    field = question.get("input_type")
    kind = RESPONSE_TYPES.get(field, "FillinBlankResponse") if isinstance(field, str) else None
    kind = kind or "FillinBlankResponse"
    text = question.get("question")
    made = extended(
        {"id": f"{whole['id']}/response/{encode_iri(key)}", "type": kind, "attempt": whole},
        {
            CORRECT: is_correct(question.get("correct")),
            QUESTION_TEXT: clean(text) if isinstance(text, str) and text else None,
        },
    )
    answer = question.get("answer")
    if view.site.include_text and answer:
        texts = [str(each) for each in (answer if isinstance(answer, list) else [answer])]
        if kind == "MultipleChoiceResponse":
            made["value"] = clean(texts[0])
        else:
            made["values"] = [clean(each) for each in texts]
    return made


def _only_response(view: View) -> Json:
    """Make the response to the one question that there is."""
    ((key, question),) = submissions(view).items()
    return _response(view, key=key, question=question)


def _answered(key: str, question: Mapping[str, Any]) -> Action:
    """Say what the answer to one of several questions becomes."""
    return _completed(
        partial(item, key=key), partial(_response, key=key, question=question), key=key
    )


def _completed(what: Shape, generated: Shape, *, key: str = "") -> Action:
    return Action(
        "AssessmentItemEvent",
        "Completed",
        what,
        ASSESSMENT,
        generated=generated,
        actor="learner",
        key=key,
    )


GRADED = Action(
    "GradeEvent",
    "Graded",
    problem_attempt,
    GRADING,
    generated=problem_score,
    actor="lms",
    key="grade",
)


ANSWERED = _completed(item, _only_response)
"""What the answer to a single question becomes; each of several has its own."""


def checked(view: View) -> list[Action]:
    """
    Make an event for each answer and one for the grade.

    The browser's event of the same click is left out: it says less, and counting both would count
    every submission twice.
    """
    if view.source == "browser":
        raise view.skipped("the server's event of the same click says it with its result")
    found = submissions(view)
    made = [ANSWERED] if len(found) == 1 else [_answered(*each) for each in found.items()]
    if view.number("grade") is not None or not made:
        made.append(GRADED)
    return made
