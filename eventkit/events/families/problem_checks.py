"""Checking a problem: the one event of which browser and server each have a form of their own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from eventkit.events.rows import Action, Child, Shape, Statement
from eventkit.events.shapes.answers import (
    NO_QUESTION,
    Answer,
    answer_to,
    is_correct,
    problem_iri,
    single_of,
    submissions,
    submitted_problem_iri,
)
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import (
    ASSESSMENT,
    GRADING,
    attempt,
    attempt_iri,
    course_part,
    digits,
    extended,
)
from eventkit.events.shapes.caliper import score as attempt_score
from eventkit.events.shapes.iris import (
    ATTEMPT_ID,
    ATTEMPTED,
    CORRECT,
    EVALUATED,
    QUESTION_TEXT,
    SUCCESS,
)
from eventkit.events.shapes.scores import score
from eventkit.events.shapes.site import UNDETERMINED, encode_iri
from eventkit.events.shapes.view import View, json_text
from eventkit.reading.source import as_object, clean
from eventkit.typing import Json

_MOST_ATTEMPTS = (1 << 15) - 1

# How xAPI says it.


def _described(question: Mapping[str, Any]) -> Json | None:
    text = question.get("question")
    return {UNDETERMINED: clean(text)} if isinstance(text, str) and text else None


def checked_problem(view: View) -> Json:
    """Make the problem that was checked: one question, or the whole of several."""
    found = single_of(view)
    if found is None:
        return _question(view, problem_iri(view), {}, NO_QUESTION)
    return _question(view, problem_iri(view), found.question, found.answer)


def _question(view: View, iri: str, question: Mapping[str, Any], answer: Answer) -> Json:
    made = block_activity(
        view,
        iri,
        description=_described(question),
        interaction=answer.kind,
        extensions=read_attempts(view),
    )
    if answer.choices:
        made["definition"]["choices"] = answer.choices
    return made


def attempts(view: View) -> int | None:
    """Give how many attempts were used; None when the event does not say it."""
    count = view.number("attempts")
    if type(count) is int:
        return count if count >= 0 else None
    return int(count) if count is not None and count >= 0 and count == int(count) else None


def said_attempts(view: View) -> Json:
    """Say how many attempts were used, where the event does."""
    return {ATTEMPT_ID: attempts(view)}


def read_attempts(view: View) -> Json:
    """
    Say how many attempts were used where Aspects reads it, in the definition.

    It casts the number to 16 bits, and a statement that it cannot cast costs it the whole batch.
    What was checked is one attempt at least, which is what stands where the event does not say.
    """
    count = attempts(view)
    return {ATTEMPT_ID: 1 if count is None else min(count, _MOST_ATTEMPTS)}


def evaluation(view: View) -> Json:
    """Make the result of a check: points, success, and the answer to a single question."""
    result: Json = {}
    if points := score(view.number("grade"), view.number("max_grade")):
        result["score"] = points
    submitted = submissions(view)
    found = single_of(view)
    result["success"] = is_solved(view, (found.key, found.question) if found else None, submitted)
    if found:
        answer = found.answer.response
    else:
        answers = None if len(submitted) > 1 else view.data.get("answers")
        answer = json_text(answers) if answers else None
    if answer is not None:
        result["response"] = answer
    return result


def verdict(view: View, key: str, question: Mapping[str, Any]) -> bool | None:
    """Tell whether a question was answered correctly; None when the event does not say it."""
    said = is_correct(question.get("correct"))
    if said is None:
        marks = as_object(as_object(view.data.get("correct_map")).get(key))
        said = is_correct(marks.get("correctness"))
    return said


def is_solved(
    view: View,
    single: tuple[str, Mapping[str, Any]] | None,
    submitted: Mapping[str, Mapping[str, Any]],
) -> bool:
    """
    Tell whether a check was a success, for Aspects wants to know it of each.

    The event may say it of a *single* question, of the whole, of each question that was
    *submitted* (then all must be correct), or by the points. Where it says it nowhere, it was none.
    """
    said = verdict(view, *single) if single else None
    if said is None:
        said = is_correct(view.data.get("success"))
    if said is None and submitted:
        verdicts = [verdict(view, key, question) for key, question in submitted.items()]
        said = None if None in verdicts else all(verdicts)
    if said is None:
        grade, most = view.number("grade"), view.number("max_grade")
        said = grade is not None and most is not None and grade >= most > 0
    return said


def questions(view: View) -> list[Child]:
    """Make one statement for each of several questions."""
    found = submissions(view)
    if len(found) < 2:
        return []
    problem = problem_iri(view)
    return [
        Child(
            key=key,
            object=_question(view, _question_iri(view, problem, key), question, answer),
            result=_answer(view, key, question, answer.response),
        )
        for key, question in found.items()
        for answer in [answer_to(view, key, question)]
    ]


def _question_iri(view: View, problem: str, key: str) -> str:
    """Give the IRI of a question: its own key takes the place of the problem's."""
    space, at, _ = problem.rpartition("@")
    encoded = view.iri(f"/{key}").removeprefix(f"{view.site.lms_root}/")
    return f"{space}@{encoded}" if at else f"{problem}/{encoded}"


def _answer(view: View, key: str, question: Mapping[str, Any], response: str | None) -> Json:
    said = verdict(view, key, question)
    if said is None:
        # The whole is correct only when all of it is.
        said = is_correct(view.data.get("success")) is True
    result: Json = {"success": said}
    if response is not None:
        result["response"] = response
    return result


def submitted_problem(view: View) -> Json:
    """Make the problem whose form was sent."""
    return block_activity(view, submitted_problem_iri(view))


FROM_SERVER = Statement(
    EVALUATED,
    checked_problem,
    result=evaluation,
    extensions=said_attempts,
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
    count = attempts(view)
    return attempt(view, problem_iri(view), _steps(count), count=count, learner=learner)


def _steps(count: int | None) -> str:
    """Give the end of an attempt's IRI."""
    return "/attempt" if count is None else f"/attempt/{digits(count)}"


def problem_score(view: View) -> Json:
    """Make the score of that attempt."""
    return attempt_score(
        view,
        attempt_iri(view, problem_iri(view), _steps(attempts(view))),
        view.number("grade"),
        view.number("max_grade"),
        extensions={SUCCESS: is_correct(view.data.get("success"))},
    )


def item(view: View, *, key: str = "") -> Json:
    """Make the problem, or with *key* one of its questions."""
    problem = problem_iri(view)
    if key:
        return block_entity(view, _question_iri(view, problem, key), isPartOf=problem)
    return block_entity(
        view,
        problem,
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
