"""Which problem a browser's form is of, however the page and what stands between wrote it."""

import json

import pytest

from eventkit import HMACIdentity, TranslationError, XAPITranslator

LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
BLOCK = f"{LMS}/xblock/block-v1:Lakeside+BIO201+2025_T1+type@problem+block@"
TRANSLATOR = XAPITranslator(lms_root=LMS, identity=HMACIdentity("only tests use this"))


def event(payload, name="problem_check", **context):
    return {
        "name": name,
        "event_type": name,
        "event_source": "browser",
        "time": "2025-02-03T04:05:06.789123+00:00",
        "context": {"user_id": 7, "course_id": COURSE, **context},
        "event": payload,
    }


@pytest.mark.parametrize(
    ("payload", "block"),
    [
        ("input_leaf_2_1=42", "leaf"),
        ("input_my_leaf_2_1=42&input_my_leaf_3_1=4", "my_leaf"),
        ("input_leaf_2_1%5B%5D=choice_0&input_leaf_2_1%5B%5D=choice_2", "leaf"),
        ("input_leaf_2_1_dynamath=1&input_leaf_2_1=1", "leaf"),
        ("input_leaf_2_1=42&csrf=%ZZ", "leaf"),
        ("csrf=1&input_leaf_2_1=42", "leaf"),
        (["input_leaf_2_1=42", "<div>"], "leaf"),
        ({"input_leaf_2_1[]": ["a"]}, "leaf"),
        ({"answers": "input_leaf_2_1=42"}, "leaf"),
        (
            "input_block-v1:Lakeside+BIO201+2025_T1+type@problem+block@leaf_2_1=42".replace(
                "+", "%2B"
            ),
            "leaf",
        ),
    ],
)
@pytest.mark.parametrize("name", ["problem_check", "problem_reset", "problem_save"])
def test_forms(payload, block, name):
    """Text, a list or an object of inputs, as such or as JSON text."""
    for given in (payload, json.dumps(payload)):
        (statement,) = TRANSLATOR.translate(event(given, name))

        assert statement["object"]["id"] == BLOCK + block


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "{}",
        "null",
        "junk",
        "input_=1",
        "input__2_1=1",
        None,
        42,
        [["input_leaf_2_1=1"]],
        {},
    ],
)
def test_what_is_no_form(payload):
    """Without an input nobody can tell which problem it was."""
    with pytest.raises(TranslationError) as refused:
        TRANSLATOR.translate(event(payload))

    assert refused.value.reason == "no_object"


def test_the_page_names_the_problem():
    """Where the form says nothing, the page may, if what it shows is a problem."""
    shown = BLOCK.removeprefix(f"{LMS}/xblock/") + "leaf"
    (statement,) = TRANSLATOR.translate(
        event("", referer=f"{LMS}/courses/x?activate_block_id={shown.replace('+', '%2B')}")
    )

    assert statement["object"]["id"] == f"{BLOCK}leaf"
