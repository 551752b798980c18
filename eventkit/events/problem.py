"""Problems: checking answers, hints, showing the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

from eventkit.events._caliper import (
    ASSESSMENT,
    GRADING,
    READING,
    attempt,
    course_part,
    digits,
    entity,
)
from eventkit.events._caliper import score as attempt_score
from eventkit.events._iris import (
    ASKED,
    ATTEMPT_ID,
    ATTEMPTED,
    COMPLETED,
    CORRECT,
    EVALUATED,
    INTERACTION,
    QUESTION_TEXT,
    RESOURCE,
    SOLUTION,
    SUCCESS,
    SUPPLEMENTAL_INFO,
)
from eventkit.events._rows import Action, Child, Event, Statement
from eventkit.events._scores import graded, score
from eventkit.events._view import View, activity, clean, encode_iri, json_text, scalar
from eventkit.exceptions import UnsupportedEvent
from eventkit.typing import Json

# xAPI 1.0.3, Data, appendix C: the interaction types; keys are Open edX response types.
INTERACTION_TYPES = {
    "annotationresponse": "fill-in",
    "choiceresponse": "choice",
    "choicetextresponse": "choice",
    "formularesponse": "fill-in",
    "imageresponse": "matching",
    "multiplechoiceresponse": "choice",
    "numericalresponse": "numeric",
    "optionresponse": "choice",
    "stringresponse": "fill-in",
    "symbolicresponse": "fill-in",
    "truefalseresponse": "true-false",
}

# input_<problem>_<question>_<part>, perhaps with the name of a part, perhaps with [] for lists.
_INPUT = re.compile(r"input_(.+)_\d+_\d+(?:_[A-Za-z]\w*)?(?:\[\])?")


# What the problem told us.


def problem_iri(view: View) -> str:
    """Give the IRI of the problem that the server checked."""
    key = view.key("problem_id") or view.key("module_id")
    if not key:
        module = view.context.get("module")
        usage_key = module.get("usage_key") if isinstance(module, Mapping) else None
        key = usage_key.strip() if isinstance(usage_key, str) else ""
    if not key:
        raise view.lacks("no_object", "data.problem_id")
    return view.iri(f"/xblock/{key}")


def submitted_problem_iri(view: View) -> str:
    """
    Give the IRI of the problem whose form the browser sent.

    The names of the form's inputs hold the last part of the problem's usage key. The page's URL
    names the part of the course that was shown, which need not be the problem.
    """
    for name in _input_names(view.payload):
        if match := _INPUT.fullmatch(name):
            return view.block_in_course("problem", match[1])
    shown = parse_qs(_query(view.text("referer"))).get("activate_block_id", [""])[0]
    if "+type@problem+block@" in shown:
        return view.iri(f"/xblock/{shown}")
    raise view.lacks("no_object", "data")


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def _input_names(payload: Any) -> Iterator[str]:
    """Give the names of the inputs in form data: text, a list of such texts, or an object."""
    if isinstance(payload, str):
        for pair in payload.split("&"):
            yield unquote_plus(pair.partition("=")[0])
    elif isinstance(payload, Mapping):
        yield from (unquote(name) for name in payload if isinstance(name, str))
    elif isinstance(payload, list):
        for part in payload:
            if isinstance(part, str):
                yield from _input_names(part)


def submissions(view: View) -> dict[str, Mapping[str, Any]]:
    """Give what was submitted, by question; questions of the wrong shape count as missing."""
    found = view.data.get("submission")
    if not isinstance(found, Mapping):
        return {}
    return {
        key: value
        for key, value in found.items()
        if isinstance(key, str) and isinstance(value, Mapping)
    }


def is_correct(value: Any) -> bool | None:
    """Read a verdict; a partly correct answer is no success."""
    if isinstance(value, bool):
        return value
    return value == "correct" if isinstance(value, str) and value else None


def display_name(view: View) -> str:
    """Give the title of the problem."""
    module = view.context.get("module")
    name = module.get("display_name") if isinstance(module, Mapping) else None
    return clean(name) if isinstance(name, str) else ""


def interaction_type(question: Mapping[str, Any]) -> str:
    """Give xAPI's word for the kind of question."""
    kind = question.get("response_type")
    return INTERACTION_TYPES.get(kind, "other") if isinstance(kind, str) else "other"


def response(view: View, key: str, question: Mapping[str, Any]) -> str | None:
    """
    Give the answer as xAPI writes it for the kind of question.

    Choices are ids, several of them joined with ``[,]`` (1.0.3, Data, appendix C); where the ids
    were not recorded the texts of the choices stand in.
    """
    kind = interaction_type(question)
    answer = question.get("answer")
    if kind == "choice":
        answers = view.data.get("answers")
        chosen = answers.get(key) if isinstance(answers, Mapping) else None
        if isinstance(chosen, (str, list)) and chosen:
            answer = chosen
    if answer is None:
        return None
    if isinstance(answer, list) and kind in ("choice", "fill-in"):
        return "[,]".join(str(part) for part in map(scalar, answer) if part is not None)
    if isinstance(answer, bool):
        return str(answer).lower()
    return clean(answer) if isinstance(answer, str) else json_text(answer)


# How xAPI says it.


def question_of(view: View) -> tuple[str, Mapping[str, Any]] | None:
    """Give the one question of a problem, if it says of which kind it is."""
    for key, question in submissions(view).items():
        if question.get("response_type"):
            return key, question
    return None


def _described(question: Mapping[str, Any]) -> Json | None:
    text = question.get("question")
    return {"en-US": clean(text)} if isinstance(text, str) and text else None


def checked_problem(view: View) -> Json:
    """Make the problem that was checked: one question, or the whole of several."""
    found = None if len(submissions(view)) > 1 else question_of(view)
    question = found[1] if found else {}
    description = _described(question)
    return activity(
        problem_iri(view),
        INTERACTION,
        name="" if description else display_name(view),
        language="en-US",
        description=description,
        interactionType=interaction_type(question),
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
    several = len(submissions(view)) > 1
    found = None if several else question_of(view)
    success = is_correct(found[1].get("correct") if found else view.data.get("success"))
    if success is not None:
        result["success"] = success
    if found:
        answer = response(view, *found)
    else:
        answers = None if several else view.data.get("answers")
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
                interactionType=interaction_type(question),
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
    return activity(submitted_problem_iri(view), INTERACTION, interactionType="other")


def completed_problem(view: View) -> Json:
    """Make the problem that is complete."""
    return activity(view.block("problem_id"), INTERACTION, interactionType="other")


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


# How Caliper says it.

RESPONSE_TYPES = {
    "checkboxgroup": "MultipleResponseResponse",
    "choicegroup": "MultipleChoiceResponse",
    "optioninput": "MultipleChoiceResponse",
    "radiogroup": "MultipleChoiceResponse",
}


def problem_attempt(view: View) -> Json:
    """Make the attempt at the problem that was checked."""
    count = view.number("attempts")
    steps = "/attempt" if count is None else f"/attempt/{digits(count)}"
    return attempt(view, problem_iri(view), steps, count=count)


def problem_score(view: View) -> Json:
    """Make the score of that attempt."""
    return attempt_score(
        view,
        problem_attempt(view),
        view.number("grade"),
        view.number("max_grade"),
        extensions={SUCCESS: is_correct(view.data.get("success"))},
    )


def _item(view: View, *, key: str) -> Json:
    """Make the problem, or with *key* one of its questions."""
    problem = problem_iri(view)
    if key:
        return entity(
            f"{problem}/question/{encode_iri(key)}",
            "AssessmentItem",
            name=display_name(view),
            isPartOf=problem,
        )
    return entity(
        problem,
        "AssessmentItem",
        name=display_name(view),
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
    made = entity(
        f"{whole['id']}/response/{encode_iri(key)}",
        kind,
        attempt=whole,
        extensions={
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


def _answered(key: str, question: Mapping[str, Any], *, of_several: bool) -> Action:
    return Action(
        "AssessmentItemEvent",
        "Completed",
        partial(_item, key=key if of_several else ""),
        ASSESSMENT,
        generated=partial(_response, key=key, question=question),
        actor="learner",
        key=key if of_several else "",
    )


_GRADED = Action(
    "GradeEvent",
    "Graded",
    problem_attempt,
    GRADING,
    generated=problem_score,
    actor="lms",
    key="grade",
)


def checked(view: View) -> list[Action]:
    """
    Make an event for each answer and one for the grade.

    The browser's event of the same click is left out: it says less, and counting both would count
    every submission twice.
    """
    if view.source == "browser":
        raise UnsupportedEvent(
            view.name,
            "not_translated",
            "the server's event of the same click says it with its result",
        )
    found = submissions(view)
    made = [_answered(key, question, of_several=len(found) > 1) for key, question in found.items()]
    if view.number("grade") is not None or not made:
        made.append(_GRADED)
    return made


def solution(view: View) -> Json:
    """Make the solution that was shown, a part of its problem."""
    return _part(view, "/solution", "Solution", "problem_id", "module_id")


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
        isPartOf=entity(problem, "AssessmentItem", name=display_name(view)),
    )


def completed_item(view: View) -> Json:
    """Make the problem that is complete."""
    return entity(view.block("problem_id"), "AssessmentItem", isPartOf=course_part(view))


# How xAPI tells what the browser sent from what the server found.

_FROM_SERVER = Statement(
    EVALUATED,
    checked_problem,
    result=evaluation,
    extensions=attempts,
    children=questions,
)
_FROM_BROWSER = Statement(ATTEMPTED, submitted_problem)


def problem_check(view: View) -> Statement:
    """Tell the server's verdict from the browser's form data."""
    return _FROM_BROWSER if view.source == "browser" else _FROM_SERVER


EVENTS = (
    Event(("problem_check", "save_problem_check"), xapi=problem_check, caliper=checked),
    Event(
        ("edx.problem.completed",),
        xapi=Statement(COMPLETED, completed_problem, result=completed_grade),
        caliper=Action("AssessmentItemEvent", "Completed", completed_item, ASSESSMENT),
    ),
    Event(
        ("edx.problem.hint.demandhint_displayed",),
        xapi=Statement(ASKED, hint),
        caliper=Action("ViewEvent", "Viewed", hint_shown, READING),
    ),
    Event(
        ("showanswer",),
        xapi=Statement(ASKED, answer),
        caliper=Action("ViewEvent", "Viewed", solution, READING),
    ),
)
