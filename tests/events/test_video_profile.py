"""Statements belong to ADL's video profile where they fulfil one of its templates, only there."""

import copy
import json
from pathlib import Path

import pytest
import video_profile
from changing import take_away
from video_profile import CATEGORY, PROFILE, TEMPLATES, VIDEO

from eventkit.testing import COURSES, LMS_ROOT, golden_cases
from eventkit.translators import HMACIdentity, XAPITranslator
from eventkit.validation.profiles import fulfilled, template_errors

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text("utf-8"))
    for path in golden_cases(GOLDEN)
}
STATEMENTS = [
    pytest.param(statement, id=f"{name} {number}")
    for name, case in CASES.items()
    for number, statement in enumerate(case["xapi"] or ())
]
OF_VIDEOS = [each for each in STATEMENTS if each.values[0]["object"]["definition"]["type"] == VIDEO]
FULFILLED = {
    "load_video": "initialized",
    "play_video": "played",
    "seek_video": "seeked",
    "edx.video.closed_captions.shown": "closed-captioning",
    "edx.video.closed_captions.hidden": "closed-captioning",
    "edx.video.bumper.loaded": "initialized",
    "edx.video.bumper.played": "played",
}
EVENT_NAME = "https://w3id.org/xapi/openedx/extension/event-name"


def is_category(statement):
    return CATEGORY in statement["context"].get("contextActivities", {}).get("category", ())


def by_template(name):
    (found,) = [each for each in TEMPLATES if each["id"] == f"{PROFILE}/templates#{name}"]
    return found


def family(name):
    return "pre_roll_video" if "bumper" in name else "video"


@pytest.fixture(scope="module")
def translator():
    identity = HMACIdentity("only tests use this")
    return XAPITranslator(lms_root=LMS_ROOT, identity=identity, courses=COURSES)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_category(statement):
    """It is there exactly where the statement fulfils a template, and says which event that is."""
    found = fulfilled(statement, TEMPLATES)
    if statement["object"]["definition"]["type"] != VIDEO:
        # The template of "initialized" alone leaves open what that is.
        found = []

    assert is_category(statement) == bool(found)
    name = statement["context"]["extensions"][EVENT_NAME]
    if found:
        assert found == [f"{PROFILE}/templates#{FULFILLED[name]}"]


@pytest.mark.parametrize("statement", OF_VIDEOS)
def test_extensions_stand_where_their_concept_says(statement):
    """Those of the profile, but for the one that its own templates spell otherwise."""
    start = f"{PROFILE}/extensions/"
    context = statement["context"]["extensions"]
    result = statement.get("result", {}).get("extensions", {})

    here = {key.removeprefix(start) for key in context if key.startswith(start)}
    there = {key.removeprefix(start) for key in result if key.startswith(start)}
    assert here - set(video_profile.CONTEXT_EXTENSIONS) <= {video_profile.SPELLED_OTHERWISE}
    assert there - set(video_profile.RESULT_EXTENSIONS) <= {video_profile.SPELLED_OTHERWISE}


@pytest.mark.parametrize("statement", [each for each in OF_VIDEOS if is_category(each.values[0])])
def test_verbs_have_both_tags(statement):
    """The profile's own examples name the verbs in ``en-US``; all others here do in ``en``."""
    display = statement["verb"]["display"]

    assert display.keys() == {"en", "en-US"}
    assert display["en"] == display["en-US"]


def test_captions_are_spelled_both_ways():
    for shown in (True, False):
        name = f"edx.video.closed_captions.{'shown' if shown else 'hidden'}"
        (statement,) = CASES[f"video/{name}"]["xapi"]
        context = statement["context"]["extensions"]

        assert context[f"{PROFILE}/extensions/cc-enabled"] is shown
        assert context[f"{PROFILE}/extensions/cc-subtitle-enabled"] is shown


@pytest.mark.parametrize("name", FULFILLED)
def test_every_rule_counts(name):
    """What a template wants, and is taken away, is missed."""
    (statement,) = CASES[f"{family(name)}/{name}"]["xapi"]
    template = by_template(FULFILLED[name])

    for rule in template["rules"]:
        assert template_errors(take_away(statement, rule["location"]), template) == [
            f"{rule['location']}: must be there"
        ]


@pytest.mark.parametrize("name", FULFILLED)
def test_events_that_tell_less_are_not_of_the_profile(name, translator):
    """Whatever is missing, the category says what is there; so does what is written."""
    event = CASES[f"{family(name)}/{name}"]["event"]
    payload = event["data"] if isinstance(event.get("data"), dict) else event["event"]
    payload = json.loads(payload) if isinstance(payload, str) else payload
    seen = set()

    for fields in [(), *((field,) for field in payload if field != "id"), tuple(payload)]:
        less = {
            key: value
            for key, value in payload.items()
            if key not in fields or key in ("id", "bumper_id")
        }
        changed = copy.deepcopy(event) | {"data": less}
        (statement,) = translator.translate(changed)

        assert is_category(statement) == bool(fulfilled(statement, TEMPLATES))
        assert json.loads(translator.write(changed)[0]) == statement
        seen.add(is_category(statement))

    assert seen == {True, False}


@pytest.mark.parametrize(
    ("name", "video"),
    [
        ("load_video", {"id": "type@video+block@intro"}),
        ("edx.video.bumper.loaded", {"bumper_id": "https://files.example.org/hello.mp4"}),
    ],
)
def test_there_is_a_category_without_a_course(name, video, translator):
    event = copy.deepcopy(CASES[f"{family(name)}/{name}"]["event"])
    event["data"] = {**video, "duration": 12.5}
    event["context"] = {"user_id": 7}

    (statement,) = translator.translate(event)

    assert statement["context"]["contextActivities"] == {"category": [CATEGORY]}
    assert json.loads(translator.write(event)[0]) == statement


def test_who_gets_a_statement_may_change_it(translator):
    """Nothing in it is shared with what comes later."""
    event = CASES["video/load_video"]["event"]
    (first,) = translator.translate(event)
    first["context"]["contextActivities"]["category"][0]["id"] = "changed"
    first["verb"]["display"]["en"] = "changed"

    (second,) = translator.translate(event)

    assert second["context"]["contextActivities"]["category"] == [CATEGORY]
    assert second["verb"]["display"]["en"] == "initialized"
