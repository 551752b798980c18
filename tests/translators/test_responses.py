"""Answers obey the kind of their question, and choices are told by id and by text."""

import pytest

from eventkit import ConfigurationError, HMACIdentity, XAPITranslator
from eventkit.events.shapes.answers import INTERACTION_TYPES
from eventkit.validation import statement_errors

OPTIONS = {"lms_root": "https://lms.example.org", "identity": HMACIdentity("only tests use this")}
PROBLEM = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p"


def told(response_type, answer, ids=None, **options):
    """Give the kind of the question, its choices and the response."""
    question = {"answer": answer, "response_type": response_type, "correct": True}
    data = {"problem_id": PROBLEM, "attempts": 1, "submission": {"p_2_1": question}}
    if ids is not None:
        data["answers"] = {"p_2_1": ids}
    (statement,) = XAPITranslator(**OPTIONS, **options).translate(
        {
            "name": "problem_check",
            "timestamp": "2025-02-03T04:05:06.789123+00:00",
            "data": data,
            "context": {
                "user_id": 7,
                "course_id": "course-v1:Lakeside+BIO201+2025_T1",
                "event_source": "server",
            },
        }
    )
    assert statement_errors(statement) == []
    definition = statement["object"]["definition"]
    choices = {
        each["id"]: each["description"]["und"] for each in definition.get("choices", ())
    } or None
    return definition["interactionType"], statement["result"].get("response"), choices


@pytest.mark.parametrize(
    ("kind", "answer", "ids", "expected"),
    [
        (
            "choiceresponse",
            ["roots", "tubers"],
            ["choice_1", "choice_3"],
            ("choice", "choice_1[,]choice_3", {"choice_1": "roots", "choice_3": "tubers"}),
        ),
        (
            "multiplechoiceresponse",
            "roots",
            "choice_1",
            ("choice", "choice_1", {"choice_1": "roots"}),
        ),
        (
            "choiceresponse",
            ["roots"],
            ["choice_1", "choice_3"],
            ("choice", "choice_1[,]choice_3", None),
        ),
        ("choiceresponse", ["roots", "tubers"], None, ("choice", "roots[,]tubers", None)),
        ("optionresponse", "roots", "roots", ("choice", "roots", {"roots": "roots"})),
        ("choicetextresponse", ["a", "7"], ["c_1", "7"], ("other", '["a", "7"]', None)),
        ("imageresponse", "[123,45]", "[123,45]", ("other", "[123,45]", None)),
        ("truefalseresponse", ["T"], ["choice_0"], ("true-false", "true", None)),
        ("truefalseresponse", "False", None, ("true-false", "false", None)),
        ("truefalseresponse", "perhaps", None, ("other", "perhaps", None)),
        ("numericalresponse", "5.5", "5.5", ("numeric", "5.5", None)),
        ("numericalresponse", "about 5", None, ("other", "about 5", None)),
        ("stringresponse", "leaf", "leaf", ("fill-in", "leaf", None)),
        ("customresponse", "x", None, ("other", "x", None)),
    ],
)
def test_kinds(kind, answer, ids, expected):
    """1.0.3, Data 2.4.4.1."""
    assert told(kind, answer, ids) == expected


@pytest.mark.parametrize("kind", [*INTERACTION_TYPES, "imageresponse", "other"])
@pytest.mark.parametrize("empty", ["", [], [""], None])
def test_nothing_answered(kind, empty):
    """An empty value is left out."""
    assert told(kind, empty, empty)[1] is None


def test_texts_for_reports():
    """Aspects takes several answers apart where they are a list in JSON."""
    several = told("choiceresponse", ["roots", "tubers"], ["c_1", "c_3"], responses="text")
    single = told("multiplechoiceresponse", "roots", "c_1", responses="text")

    assert several == ("choice", '["roots", "tubers"]', None)
    assert single == ("choice", "roots", None)


def test_an_unknown_form():
    with pytest.raises(ConfigurationError, match="expected 'ids' or 'text'"):
        XAPITranslator(**OPTIONS, responses="texts")
