"""What learners enter in problems: form data of the browser, submissions of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

from eventkit.events.shapes.view import View, json_text, scalar
from eventkit.reading.source import clean, is_object

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


def submissions(view: View) -> dict[str, Mapping[str, Any]]:
    """Give what was submitted, by question; questions of the wrong shape count as missing."""
    found = view.data.get("submission")
    if not is_object(found):
        return {}
    return {key: value for key, value in found.items() if isinstance(key, str) and is_object(value)}


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
        chosen = answers.get(key) if is_object(answers) else None
        if isinstance(chosen, (str, list)) and chosen:
            answer = chosen
    if answer is None:
        return None
    if isinstance(answer, str):
        return clean(answer)
    if isinstance(answer, list) and kind in ("choice", "fill-in"):
        return "[,]".join(str(part) for part in map(scalar, answer) if part is not None)
    return str(answer).lower() if isinstance(answer, bool) else json_text(answer)
