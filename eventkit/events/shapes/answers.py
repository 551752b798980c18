"""What learners enter in problems: form data of the browser, submissions of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

from eventkit.events.shapes.site import UNDETERMINED
from eventkit.events.shapes.view import View, json_text, number, scalar
from eventkit.reading.source import clean, is_object
from eventkit.typing import Json

# xAPI 1.0.3, Data, appendix C: the interaction types; keys are Open edX response types. Points in
# an image, and choices with something to fill in, fit none of them.
INTERACTION_TYPES = {
    "annotationresponse": "fill-in",
    "choiceresponse": "choice",
    "formularesponse": "fill-in",
    "multiplechoiceresponse": "choice",
    "numericalresponse": "numeric",
    "optionresponse": "choice",
    "stringresponse": "fill-in",
    "symbolicresponse": "fill-in",
    "truefalseresponse": "true-false",
}

# input_<problem>_<question>_<part>, perhaps with the name of a part, perhaps with [] for lists.
_INPUT = re.compile(r"input_(.+)_\d+_\d+(?:_[A-Za-z]\w*)?(?:\[\])?")


def problem_iri(view: View) -> str:
    """Give the IRI of the problem, as the server names it."""
    key = view.key("problem_id") or view.key("module_id")
    return view.iri(f"/xblock/{key}") if key else view.own_block()


def submitted_problem_iri(view: View) -> str:
    """
    Give the IRI of the problem whose form the browser sent.

    The names of the form's inputs hold the last part of the problem's usage key. The page's URL
    names the part of the course that was shown, which need not be the problem.
    """
    for name in _input_names(view.payload):
        if match := _INPUT.fullmatch(name):
            return _named(view, match[1])
    referer = view.text("referer")
    query = _query(view.page_address(referer)) if "?" in referer else ""
    shown = parse_qs(query).get("activate_block_id", [""])[0]
    if "+type@problem+block@" in shown:
        return view.iri(f"/xblock/{shown}")
    raise view.lacks("no_object", "data")


def shown_problem_iri(view: View) -> str:
    """
    Give the IRI of the problem whose answer the browser showed.

    Over the years pages have named it by its usage key, the last part of that, an input of its
    form, or an old usage key with its slashes escaped.
    """
    key = view.key("problem").replace(";_", "/")
    if not key:
        raise view.lacks("no_object", "data.problem")
    match = _INPUT.fullmatch(key)
    return _named(view, match[1] if match else key)


def _named(view: View, name: str) -> str:
    """Give the IRI of the problem that the browser calls *name*; it may be all of a usage key."""
    if "://" in name or "block@" in name:  # the plus before it may have become a blank
        return view.iri(f"/xblock/{name}")
    return view.block_in_course("problem", name)


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def _input_names(payload: Any) -> Iterator[str]:
    """Give the names of the inputs in form data: text, a list of texts, an object (of text)."""
    if isinstance(payload, str):
        for pair in payload.split("&"):
            yield unquote_plus(pair.partition("=")[0])
    elif isinstance(payload, Mapping):
        yield from (unquote(name) for name in payload if isinstance(name, str))
        if isinstance(form := payload.get("answers"), str):
            yield from _input_names(form)
    elif isinstance(payload, list):
        for part in payload:
            if isinstance(part, str):
                yield from _input_names(part)


class Single(NamedTuple):
    """The one question that was submitted, and what xAPI says of it."""

    key: str
    question: Mapping[str, Any]
    answer: Answer


class Submitted:
    """What was submitted; several shapes ask for it, and it is worked out once."""

    def __init__(self, questions: dict[str, Mapping[str, Any]]) -> None:
        self.questions = questions
        self.single: Single | None = None
        self.is_judged = False


def _submitted(view: View) -> Submitted:
    found: Submitted | None = view.shared
    if found is None:
        given = view.data.get("submission")
        of = given.items() if given is not None and is_object(given) else ()
        found = view.shared = Submitted(
            {key: value for key, value in of if isinstance(key, str) and is_object(value)}
        )
    return found


def submissions(view: View) -> dict[str, Mapping[str, Any]]:
    """Give what was submitted, by question; questions of the wrong shape count as missing."""
    return _submitted(view).questions


def single_of(view: View) -> Single | None:
    """Give what was submitted where that is one question; object and result both ask."""
    found = _submitted(view)
    if not found.is_judged:
        found.is_judged = True
        if only := question_of(found.questions):
            key, question = only
            found.single = Single(key, question, answer_to(view, key, question))
    return found.single


def question_of(found: dict[str, Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]] | None:
    """Give the one question that was submitted, if it says of which kind it is."""
    if len(found) > 1:
        return None
    for key, question in found.items():
        if question.get("response_type"):
            return key, question
    return None


def is_correct(value: Any) -> bool | None:
    """Read a verdict; a partly correct answer is no success. None when there is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return word in ("correct", "true") if word else None
    return bool(value) if value in (0, 1) else None


class Answer(NamedTuple):
    """What xAPI says of a question and of the answer to it."""

    kind: str
    """The interaction type, which *response* obeys (1.0.3, Data 2.4.4.1)."""
    response: str | None
    choices: list[Json] | None = None
    """The choices that are known, of a question that has them: those that were chosen."""


NO_QUESTION = Answer("other", None)
"""Of a problem of several questions, or one that does not say of which kind it is."""


def answer_to(view: View, key: str, question: Mapping[str, Any]) -> Answer:
    """
    Give kind and answer of a question.

    Choices are ids, several of them joined with ``[,]`` (1.0.3, Data, appendix C), and their texts
    stand in the definition; or, where the site wants it, the texts themselves, several as a list in
    JSON, which is what Aspects can tell apart. What does not obey the kind of the question makes it
    one of another kind.
    """
    said = question.get("response_type")
    kind = INTERACTION_TYPES.get(said, "other") if isinstance(said, str) else "other"
    given = question.get("answer")
    if kind == "choice":
        return _choice(view, key, given)
    response = _text(given, "[,]" if kind == "fill-in" else "")
    if kind == "true-false" and response is not None:
        response, kind = _TRUTHS.get(response.strip('[]" ').lower(), (response, "other"))
    if kind == "numeric" and response is not None and number(response) is None:
        kind = "other"
    return Answer(kind, response or None)


_TRUTHS = {
    word: (truth, "true-false")
    for truth, words in {"true": ("true", "t"), "false": ("false", "f")}.items()
    for word in words
}


def _choice(view: View, key: str, given: Any) -> Answer:
    """Give the answer to a question with choices: what was chosen, by id and by text."""
    answers = view.data.get("answers")
    ids = _texts(answers.get(key)) if answers is not None and is_object(answers) else []
    texts = _texts(given)
    if view.site.response_texts or not ids:
        chosen = texts or ids
        if view.site.response_texts and isinstance(given, list):
            return Answer("choice", json_text(chosen) if chosen else None)
        return Answer("choice", "[,]".join(chosen) or None)
    choices = None
    if len(ids) == len(texts) == 1:
        choices = [{"id": ids[0], "description": {UNDETERMINED: texts[0]}}]
    elif len(ids) == len(texts):
        choices = [
            {"id": each, "description": {UNDETERMINED: text}}
            for each, text in dict(zip(ids, texts, strict=True)).items()
        ]
    return Answer("choice", "[,]".join(ids), choices)


def _texts(value: Any) -> list[str]:
    """Give the parts of an answer as text, one or several; nothing that is empty."""
    if type(value) is str:
        return [clean(value)] if value else []
    if value is None:
        return []
    parts = value if isinstance(value, list) else [value]
    return [str(part) for part in map(scalar, parts) if part is not None]


def _text(value: Any, separator: str) -> str | None:
    """Write an answer as one text; a list with *separator*, without one as JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list) and (separator or not _texts(value)):
        return separator.join(_texts(value))
    return str(value).lower() if isinstance(value, bool) else json_text(value)
