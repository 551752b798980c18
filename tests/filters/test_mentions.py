"""Who denies a course, an organisation, a site or a person means all places that can hold them."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import CaliperTranslator, Filter, XAPITranslator
from eventkit.dead_letters import DeadLetter
from eventkit.dead_letters.mentions import mentions
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.reading import Source
from eventkit.reading.keys import mended
from eventkit.testing import golden_cases

COURSE = "course-v1:PlantedU+PX.1+2031_T1"
BLOCK = "block-v1:PlantedU+PX.1+2031_T1+type@video+block@pb"
OLD = "PlantedU/PX.1/2031"
LMS = "https://lms.lakeside.example.org"
ELSEWHERE = "course-v1:Elsewhere+E+E"
# A class of its own of a course (ccx) is another course; of old blocks nobody knows the run.
DENY_COURSE = Filter(deny=[{"course": [COURSE, OLD, "PlantedU/PX*", "ccx-v1:PlantedU+*"]}])
DENY_ORG = Filter(deny=[{"org": "PlantedU"}])
WITHIN = Filter(orgs=["LAKESIDE"], allow=[{"event": "*"}])
"""The organisation of the golden cases."""

FORMS: dict[str, Callable[[str], str]] = {
    "key": lambda _: COURSE,
    "blanks": lambda _: COURSE.replace("+", " "),
    "encoded": lambda _: quote(COURSE, safe=""),
    "old": lambda _: OLD,
    "old, encoded": lambda _: quote(OLD, safe=""),
    "usage key": lambda _: BLOCK,
    "usage key, encoded": lambda _: quote(BLOCK, safe=""),
    "ccx": lambda _: f"{COURSE.replace('course', 'ccx')}+ccx@5",
    "ccx block": lambda _: "ccx-block-v1:PlantedU+PX.1+2031_T1+ccx@5+type@video+block@pb",
    "old usage key": lambda _: "i4x://PlantedU/PX.1/video/pb",
    "old usage key in a handler": lambda _: "i4x:;_;_PlantedU;_PX.1;_video;_pb",
    "page": lambda _: f"https://lms.example.org/courses/{COURSE}/courseware/",
    "page of an old course": lambda _: f"https://lms.example.org/courses/{OLD}/info?x=1#y",
    "front end": lambda _: f"https://apps.example.org/learning/course/{COURSE}/{BLOCK}",
    "front end, old course": lambda _: f"https://a.example.org/gradebook/{quote(OLD, safe='')}/x",
    "block page": lambda _: f"/xblock/{BLOCK}?show_title=0",
    "handler": lambda _: f"/courses/{COURSE}/xblock/{BLOCK}/handler/x/problem_check",
    "asset": lambda _: "/asset-v1:PlantedU+PX.1+2031_T1+type@asset+block@a.pdf",
    "old asset": lambda _: "https://lms.example.org/c4x/PlantedU/PX.1/asset/a.pdf",
    "query": lambda _: f"https://lms.example.org/register?course_id={quote(COURSE)}&x=1",
    "query with pluses": lambda _: f"https://lms.example.org/register?course_id={COURSE}",
    "query, old course": lambda _: f"https://lms.example.org/register?course_id={OLD}&y=2",
    "nested url": lambda _: "/login?next=" + quote(f"/courses/{COURSE}/about", safe=""),
    "five times encoded": lambda _: again(f"/courses/{COURSE}/about", 5),
    "in words": lambda was: f"{was} see {COURSE}.",
    "in words, after words": lambda was: f"{was}\u4e16{BLOCK}, please",
    "json": lambda _: json.dumps({"course": {"key": COURSE}}),
    "json, old course": lambda _: json.dumps({"of": OLD}),
    "json, escaped": lambda _: json.dumps({"k": COURSE}).replace("+", "\\u002b"),
    "json, escaped slashes": lambda _: json.dumps({"k": f"/courses/{OLD}/x"}).replace("/", "\\/"),
    "json, encoded": lambda _: quote(json.dumps({"k": COURSE}).replace("+", "\\u002b"), safe=""),
    "form": lambda _: f"input_x_2_1={quote(COURSE)}&b=1",
}
"""Ways in which texts name a planted course, some of them made of the text that was there."""


def again(text: str, times: int) -> str:
    for _ in range(times):
        text = quote(text, safe="")
    return text


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the paths of all that is no object and no list in *value*."""
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, (*path, key))
    elif path[-1] not in ("name", "event_type", "time", "timestamp"):
        yield path


def planted(event: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(event)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return made


def opened(event: dict[str, Any]) -> dict[str, Any]:
    """Read the payload of a line of a log, so that something can be planted in it."""
    payload = event.get("event")
    if isinstance(payload, str) and payload.startswith("{"):
        return {**event, "event": json.loads(payload)}
    return event


def anonymous(user: int | str, protocol: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{user} {protocol}"))


TRANSLATORS = [
    make(
        lms_root=LMS,
        identity=anonymous,
        include_text=True,
        dialect=dialect,
    )
    for make in (XAPITranslator, CaliperTranslator)
    for dialect in ("standard", "erb")
]


EVENTS = TRANSLATORS[2]


def shown(event: dict[str, Any]) -> str:
    """Give what all documents of *event* say, decoded."""
    said = []
    for translator in TRANSLATORS:
        try:
            said.append(json.dumps(translator.translate(event), ensure_ascii=False))
        except (UnsupportedEvent, TranslationError):
            continue
    text = " ".join(said)
    for _ in range(8):
        text = unquote(text)
    return text


CASES = [
    (path.stem, opened(json.loads(path.read_text("utf-8"))["event"]))
    for path in golden_cases(Path(__file__).parents[1] / "golden")
]


@pytest.mark.parametrize("form", FORMS)
def test_no_document_shows_a_course_that_is_denied(form: str) -> None:
    """
    Wherever in whatever event it stands: the event is refused, or no document shows it.

    Each form visits every third place, another third than its neighbours.
    """
    turn = list(FORMS).index(form)
    for name, event in CASES:
        for number, path in enumerate(leaves(event)):
            if (number + turn) % 3:
                continue
            was = event
            for step in path:
                was = was[step]
            made = planted(event, path, FORMS[form](str(was)))
            of_org = DENY_ORG.accepts(made)
            of_course = DENY_COURSE.accepts(made)
            if of_org or of_course:
                assert "PlantedU" not in shown(made), (name, path)
            assert not of_org, (name, path)
            assert not WITHIN.accepts(made), (name, path)
            assert not of_course, (name, path)


@pytest.mark.parametrize("form", FORMS)
def test_rules_that_allow_see_the_course_that_documents_show(form: str) -> None:
    """It is one course, and the same for both."""
    turn = list(FORMS).index(form)
    for name, event in CASES:
        for number, path in enumerate(leaves(event)):
            if (number + turn) % 7:
                continue
            was: Any = event
            for step in path:
                was = was[step]
            made = planted(event, path, FORMS[form](str(was)))
            try:
                [first, *_] = EVENTS.translate(made)
            except (UnsupportedEvent, TranslationError):
                continue
            seen = Source(made).course_id
            group = first.get("group", {}).get("id", "")

            # In ids a blank is mended, of which many a plus is made on the way.
            assert unquote(group.removeprefix(f"{LMS}/course/")) == unquote(mended(seen)), (
                name,
                path,
            )


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (("context", "course_id"), "key"),
        (("context", "course_id"), "encoded"),
        (("data", "target_url"), "page"),
        (("data", "target_url"), "asset"),
        (("data", "target_url"), "page of an old course"),
    ],
)
def test_what_nobody_denies_is_shown(path: tuple[str, str], form: str) -> None:
    """So the test above can fail."""
    event = next(event for name, event in CASES if name == "edx.ui.lms.link_clicked")

    assert "PlantedU" in shown(planted(event, path, FORMS[form]("")))


@pytest.mark.parametrize("rule", [{"course": ELSEWHERE}, {"org": "Elsewhere"}])
def test_others_are_not_refused(rule: dict[str, str]) -> None:
    """What no place names is no reason to refuse an event."""
    rules = Filter(deny=[rule])

    assert [name for name, event in CASES if not rules.accepts(event)] == []


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        ("course-v1:edX+D+1", "course-v1:edX+D+12"),
        ("course-v1:edX+D+1", "course-v1:edX+D2+1"),
        ("course-v1:edX+D+1", "ccx-v1:edX+D+1+ccx@3"),
        ("edX/D/1", "https://x.example.org/courses/edX/D/12/info"),
        ("v1/courses/edX", "/api/courses/v1/courses/edX/DemoX/2014/"),
    ],
)
def test_courses_that_are_spelled_alike_are_others(denied: str, named: str) -> None:
    """A key ends where it ends."""
    event = {"name": "x", "data": {"where": named}}

    assert Filter(deny=[{"course": denied}]).accepts(event) == ("/api/" not in named)


class Key:
    """What a key of the platform is to us: an object whose text is the key."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class Lazy(Key):
    """A text that is made when it is needed, and claims to be one already."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return str


class Mode(str, enum.Enum):  # noqa: UP042 - whose text is not its value
    KEY = COURSE


LIVE = {
    "key": Key(COURSE),
    "usage key": Key(BLOCK),
    "lazy": Lazy(COURSE),
    "enum": Mode.KEY,
    "bytes": COURSE.encode(),
    "in a tuple": (1, Key(COURSE)),
    "in a set": {COURSE},
    "key of an object": {COURSE: 1},
}


@pytest.mark.parametrize("value", LIVE.values(), ids=LIVE)
@pytest.mark.parametrize("path", [("context", "course_id"), ("data", "x"), ("context", "module")])
def test_objects_of_live_events_are_read(path: tuple[str, str], value: Any) -> None:
    event = planted({"name": "play_video", "context": {}, "data": {"id": "v"}}, path, value)

    assert not DENY_COURSE.accepts(event)
    assert not DENY_ORG.accepts(event)


def test_the_platforms_own_keys_are_read() -> None:
    """Of courses, blocks and libraries."""
    keys = pytest.importorskip("opaque_keys.edx.keys")
    libraries = pytest.importorskip("opaque_keys.edx.locator")
    library = Filter(deny=[{"course": "lib:PlantedU:demo"}])

    for made in (keys.CourseKey.from_string(COURSE), keys.UsageKey.from_string(BLOCK)):
        for event in (
            {"name": "x", "context": {"course_id": made}},
            {"name": "x", "data": {"any": [made]}},
        ):
            assert not DENY_COURSE.accepts(event)
            assert not DENY_ORG.accepts(event)
    made = libraries.LibraryUsageLocatorV2.from_string("lb:PlantedU:demo:problem:1")
    assert not library.accepts({"name": "x", "data": {"component_usage_id": made}})


@pytest.mark.parametrize(
    "key",
    [
        "lib:PlantedU:demo",
        "library-v1:PlantedU+demo",
        "lib-collection:PlantedU:demo:c",
        "lct:PlantedU:demo:unit:u1",
        "lb:PlantedU:demo:problem:1",
        "lib-block-v1:PlantedU+demo+type@problem+block@p",
        "i4x-PlantedU-PX_1-video-pb",
        "i4x://PlantedU/P-X.1/video/pb",
    ],
)
def test_keys_that_are_of_no_course_have_an_organisation(key: str) -> None:
    event = {"name": "x", "context": {"user_id": 7}, "data": {"component_usage_id": key}}

    assert not DENY_ORG.accepts(event)
    assert Filter(deny=[{"org": "demo"}]).accepts(event)


@pytest.mark.parametrize("context", ["text", "bytes"])
def test_a_context_in_json_text_is_read(context: str) -> None:
    """An event bus carries it so; rules on all fields see it."""
    said = {
        "course_id": COURSE,
        "org_id": "PlantedU",
        "user_id": 7,
        "username": "bob",
        "host": "lms.example.org",
        "enterprise_uuid": "ent-1",
        "mode": "audit",
    }
    text = json.dumps(said)
    event = {"name": "play_video", "context": text if context == "text" else text.encode()}

    for rule in (
        {"course": COURSE},
        {"org": "PlantedU"},
        {"user": 7},
        {"user": "bob"},
        {"site": "lms.example.org"},
        {"enterprise": "ent-1"},
        {"context.mode": "audit"},
    ):
        assert not Filter(deny=[rule]).accepts(event), rule
        assert Filter(allow=[rule]).accepts(event), rule


def test_a_context_that_cannot_be_read_passes_no_rule_that_asks_for_it() -> None:
    cut = {"name": "play_video", "context": '{"course_id": "course-v1:edX+D+1", "enterprise_u'}

    assert not Filter(deny=[{"enterprise": "ent-1"}]).accepts(cut)
    assert not Filter(allow=[{"event": "*", "course": "*"}]).accepts(cut)


@pytest.mark.parametrize(
    "parts",
    [
        {"context": {"host": "a.example.org"}},
        {"context": {"host": "A.example.org.:8000"}},
        {"host": "a.example.org", "context": {"host": "b.example.org"}},
        {"page": "https://a.example.org/x"},
        {"context": {"page": "https://user:x@A.example.org:8000/x"}},
        {"context": {"referer": "https://a.example.org?x"}},
        {"data": {"current_url": "http://a.example.org"}},
        {"context": {"open_in_browser_url": "https://a.example.org/x/1"}},
        {"context": {"host": Lazy("a.example.org")}},
        {"data": {"current_url": "https://a.exam\tple.org/x"}},
        {"page": "\nhttps:\\\\a.example.org\\x"},
        {"context": {"page": "ht\ntps:/\\a.example.org"}},
    ],
)
def test_deny_sees_all_hosts_that_an_event_is_from(parts: dict[str, Any]) -> None:
    event = {"name": "play_video", **parts}

    assert not Filter(deny=[{"site": "a.example.org"}]).accepts(event)
    assert Filter(deny=[{"site": "c.example.org"}]).accepts(event)


_types = re.compile(
    r"\+type@([^+@/\s]+)\+block@|i4x:/*[^/;\s]+/[^/;\s]+/([^/;\s]+)/|lb:[^:\s]+:[^:\s]+:([^:\s]+):"
).finditer


def test_no_document_shows_a_block_of_a_type_that_is_denied() -> None:
    """Whatever says which block it is, and in whichever way its key is written."""
    written: list[Callable[[str], str]] = [
        str,
        lambda key: quote(key, safe=""),
        lambda key: quote(quote(key, safe=""), safe=""),
        lambda _: "i4x://Lakeside/BIO201/vertical/x",
        lambda _: "i4x-Lakeside-BIO201-vertical-x",
        lambda _: "i4x:;_;_Lakeside;_BIO201;_vertical;_x",
        lambda _: "lb:Lakeside:lib:vertical:x",
    ]
    usage_key = re.compile(r"(?<![/\w-])block-v1:[\w+.-]+\+type@(?!asset)[\w-]+\+block@\w+")
    for name, event in CASES:
        for write in written:
            made = json.loads(usage_key.sub(lambda key, to=write: to(key[0]), json.dumps(event)))
            for match in _types(shown(made)):
                kind = next(filter(None, match.groups()))
                if kind != "asset":  # a file
                    assert not Filter(deny=[{"activity_type": kind}]).accepts(made), (name, kind)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"name": "edx.video.bumper.played", "data": {"host_component_id": "x"}}, "video"),
        ({"name": "xblock.poll.submitted", "data": {"url_name": "x"}}, "poll"),
        ({"name": "xblock.survey.submitted", "data": {"url_name": "x"}}, "survey"),
        ({"name": "x", "context": {"path": f"/courses/a/xblock/{BLOCK}/handler/y"}}, "video"),
        ({"name": "edx.feedbackxblock.submitted", "page": f"/xblock/{BLOCK}?x"}, "video"),
        ({"name": "edx.feedbackxblock.submitted"}, "feedback"),
        ({"name": "crowd_hinter.showHint", "context": {"page": f"/xblock/{BLOCK}"}}, "video"),
        ({"name": "x", "context": {"module": json.dumps({"usage_key": BLOCK})}}, "video"),
        ({"name": "x", "data": {"block_type": "html", "block_id": BLOCK}}, "html"),
        ({"name": "x", "data": {"child_id": "lct:Org:lib:unit:u"}}, "unit"),
        ({"name": "x", "data": {"component_usage_id": "i4x:;_;_Org;_N;_html;_a"}}, "html"),
        ({"name": "x", "data": {"module_id": "i4x-Org-3_0-2x-html-a"}}, "html"),
    ],
)
def test_deny_sees_the_types_of_all_blocks_of_an_event(event: dict[str, Any], kind: str) -> None:
    assert not Filter(deny=[{"activity_type": kind}]).accepts(event)
    assert Filter(deny=[{"activity_type": "chapter"}]).accepts(event)


def test_the_page_around_is_not_what_an_event_is_about() -> None:
    """Else whoever denies sections would get nothing at all."""
    around = BLOCK.replace("video", "sequential")
    event = {
        "name": "play_video",
        "page": f"https://apps.example.org/learning/course/{COURSE}/{around}",
        "context": {"referer": f"https://lms.example.org/x?activate_block_id={around}"},
    }

    assert Filter(deny=[{"activity_type": "sequential"}]).accepts(event)


@pytest.mark.parametrize(
    "parts",
    [
        {"data": {"user": {"user_id": 55}}},
        {"data": {"learners": [{"username": "dora"}]}},
        {"data": {"user_ids": [7, "55"]}},
        {"data": {"student_username": Lazy("dora")}},
        {"context": {"user": {"id": 1, "username": "dora"}}},
        {"context": {"user_id": decimal.Decimal(55)}},
        {"data": '{"target_user_id": "55"}'},
        {"data": {"requesting_user_id": 55}},
        {"data": {"author": "dora"}},
    ],
)
def test_deny_sees_everybody_at_every_depth(parts: dict[str, Any]) -> None:
    event = {"name": "play_video", **parts}

    assert not Filter(deny=[{"user": [55, "dora"]}]).accepts(event)
    assert Filter(deny=[{"user": [56, "d"]}]).accepts(event)


def test_other_objects_do_no_harm() -> None:
    """They are neither consumed nor changed, and an object that holds itself ends the search."""
    waiting = iter([1, 2])
    event: dict[str, Any] = {
        "name": "play_video",
        "data": {
            "a": uuid.uuid4(),
            "b": dt.datetime.now(dt.UTC),
            "c": decimal.Decimal("1.5"),
            "d": waiting,
            5: "five",
        },
    }
    event["data"]["self"] = [event["data"], event]

    assert Filter(deny=[{"course": COURSE, "org": "PlantedU", "site": "x", "user": 3}]).accepts(
        event
    )
    assert next(waiting) == 1


@pytest.mark.parametrize(
    "unit",
    ["-v1:", "course-v1:", "course-v1:a+", "/course/", "i4x-", "lib:", "%2F", "a%2Fb%2Fc/", "a/"],
)
def test_no_text_is_searched_over_and_over(unit: str) -> None:
    """What begins like a key again and again takes no longer than other text."""
    event = {"name": "x", "page": f"/{unit * 50_000}", "data": {"problem_id": unit * 50_000}}

    assert Filter(deny=[{"course": COURSE}]).accepts(event)
    assert not Filter(deny=[{"data.problem_id": "*", "course": "*"}]).accepts(
        {**event, "page": f"/{unit}/{COURSE}"}
    )


def test_what_is_encoded_beyond_reason_is_refused() -> None:
    """Nobody can tell what it says."""
    event = {"name": "x", "data": {"u": again("/courses/" + COURSE, 40)}}

    assert not DENY_COURSE.accepts(event)
    assert Filter(allow=[{"event": "x"}]).accepts(event)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_text_can_be_searched(value: Any) -> None:
    rules = Filter(deny=[{"course": COURSE}])

    assert rules.accepts({"name": "x", "data": {"y": value}})
    assert not rules.accepts({"name": "x", "data": {"y": [value, COURSE]}})


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"name": "x", "data": {"deep": [{"username": "dora"}]}}, True),
        ({"name": "x", "context": '{"username": "dora", "cou'}, True),
        ({"name": "x", "context": '{"username": "bob", "cou'}, False),
    ],
)
def test_dead_letters_of_a_person_are_found(event: dict[str, Any], found: bool) -> None:
    """Also where the event cannot be read: rather one too many than one too few."""
    letter = DeadLetter(consumer="", reason="unreadable", documents=[], event=event)

    assert mentions(letter, "dora") is found
