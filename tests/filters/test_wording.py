"""Rules in plain words: what a site administrator reads below them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import ConfigurationError, Filter
from eventkit.events import FAMILIES
from eventkit.filters import in_words, wording

DEMO = "course-v1:edX+DemoX+2026"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"allow": None}, "gets all events"),
        ({"allow": []}, "gets nothing, as no rule allows anything"),
        ({"allow": [{"org": "edX"}]}, "gets all events of all courses of edX"),
        ({"allow": [{"event": "*"}]}, "gets all events"),
        (
            {"allow": [{"org": "edX", "event": ["edx.forum.*", "problem_check"]}]},
            "gets forum activity and problem answers (only problem_check) of all courses of edX",
        ),
        (
            {
                "allow": [{"activity_type": ["grading", "problem"], "org": ["edX", "MITx"]}],
                "deny": [{"user": "42"}],
            },
            (
                "gets all events about grades and problems of all courses of edX and MITx, "
                "except everything about the user 42"
            ),
        ),
        (
            {"allow": [{"course": DEMO}, {"course": "course-v1:MITx+6.00x+2026"}]},
            f"gets all events of the courses {DEMO} and course-v1:MITx+6.00x+2026",
        ),
        ({"allow": [{"course": DEMO}]}, f"gets all events of the course {DEMO}"),
        (
            {"allow": [{"course": [f"course-v1:edX+C{n}+1" for n in range(12)]}]},
            (
                "gets all events of the courses course-v1:edX+C0+1, course-v1:edX+C1+1, "
                "course-v1:edX+C2+1 and 9 more"
            ),
        ),
        (
            {"allow": [{"course": [f"course-v1:edX+C{n}+1" for n in range(4)]}]},
            (
                "gets all events of the courses course-v1:edX+C0+1, course-v1:edX+C1+1, "
                "course-v1:edX+C2+1 and course-v1:edX+C3+1"
            ),
        ),
        (
            {"allow": [{"course": "course-v1:edX+*"}, {"course": "course-v1:MITx+6.00x+*"}]},
            "gets all events of all runs of the course 6.00x of MITx and of all courses of edX",
        ),
        (
            {"allow": [{"event": ["play_video", "pause_video", "stop_video", "load_video", "x"]}]},
            "gets videos (only play_video, pause_video, stop_video and load_video) and the event x",
        ),
        (
            {"allow": [{"event": "edx.video.played"}]},
            "gets videos (only edx.video.played)",
        ),
        (
            {"allow": [{"event": "edx.*"}], "deny": [{"course": DEMO, "missing": "deny"}]},
            (
                'gets events whose name begins with "edx.", except everything of the course '
                f"{DEMO} and whatever shows no course"
            ),
        ),
        (
            {"allow": None, "deny": [{"event": "edx.forum.*", "org": "edX", "missing": "deny"}]},
            (
                "gets all events, except forum activity of all courses of edX, also where an event "
                "does not show the organisation"
            ),
        ),
        (
            {"allow": None, "deny": [{"event": "edx.forum.*"}, {"site": "studio.example.org"}]},
            "gets all events, except forum activity and everything on the site studio.example.org",
        ),
        (
            {"allow": None, "deny": [{"enterprise": "0b7d0bd2-33b3-4d63-a87f-9d2a7f0f3b11"}]},
            (
                "gets all events, except everything for the enterprise "
                "0b7d0bd2-33b3-4d63-a87f-9d2a7f0f3b11"
            ),
        ),
        ({"allow": None, "orgs": ["edX"]}, "gets all events of edX, and nothing beyond"),
        (
            {"allow": None, "orgs": ["edX", "MITx"], "deny": [{"user": "bob"}]},
            (
                "gets all events of edX and MITx, except everything about the user bob; "
                "nothing beyond edX and MITx"
            ),
        ),
        (
            {"allow": [{"event": "edx.course.enrollment.*"}], "orgs": ["edX"]},
            "gets enrolments; nothing beyond edX",
        ),
        (
            {"allow": [{"org": "*"}], "orgs": []},
            "gets nothing, as the list of its organisations is empty",
        ),
        (
            {"allow": [{"context.org_id": "edX", "data.mode": ["verified", "audit", "v*"]}]},
            (
                "gets all events whose context.org_id is edX and data.mode is verified or audit or "
                "begins with v"
            ),
        ),
        (
            {
                "allow": [
                    {"course": "re:course-v1:edX\\+.*"},
                    {"org": "re:MIT.*"},
                    {"user": "re:[0-9]+"},
                ]
            },
            (
                "gets all events of all courses of edX; all events of all organisations whose name "
                "begins with MIT; and all events about all users whose id or username matches the "
                "expression [0-9]+"
            ),
        ),
        (
            {
                "allow": [{"event": "edx.forum.*", "org": "edX"}, {"course": DEMO, "user": "7"}],
                "deny": [{"course": "course-v1:edX+Secret+*"}],
            },
            (
                f"gets forum activity of all courses of edX; and all events of the course {DEMO} "
                "about the user 7; but not anything of all runs of the course Secret of edX"
            ),
        ),
        (
            {"allow": None, "deny": [{"event": "acme.lab.*", "unknown": True}]},
            'gets all events, except events whose name begins with "acme.lab."',
        ),
        (
            {"allow": [{"event": "/courses/*"}]},
            "gets requests whose address begins with /courses/",
        ),
        (
            {"allow": [{"event": "problem_check", "course": f"c{n}", "user": n} for n in range(9)]},
            "gets "
            + "; ".join(
                f"problem answers (only problem_check) of the course c{n} about the user {n}"
                for n in range(4)
            )
            + "; and what 5 more rules say",
        ),
        (
            {"allow": [{"site": ["lms.example.org", "*.example.net"]}]},
            (
                "gets all events on the site lms.example.org and on all sites whose host ends with "
                ".example.net"
            ),
        ),
        (
            {"allow": [{"org": ["edX", "MIT*"]}]},
            (
                "gets all events of all courses of edX and of all organisations whose name begins "
                "with MIT"
            ),
        ),
        (
            {"allow": [{"course": "*+2026", "org": "edX"}]},
            (
                "gets all events of all courses whose key ends with +2026 that are also of the "
                "organisation edX"
            ),
        ),
        (
            {"allow": [{"activity_type": ["drag-and-drop-v2", "video"]}]},
            "gets all events about videos and of the activity type drag-and-drop-v2",
        ),
        ({"allow": [{"user": "*"}]}, "gets all events about any user"),
        ({"allow": [{"org": "re:.*"}]}, "gets all events of all courses of any organisation"),
        (
            {"allow": [{"user": 'a "b" c'}]},
            'gets all events about the user "a \\"b\\" c"',
        ),
        (
            {
                "allow": None,
                "match_params": {"context.org_id": "^edX$", "name": ["^problem_", "x"]},
            },
            (
                "gets all events whose context.org_id is edX and name begins with problem_ or "
                "contains x"
            ),
        ),
        ({"allow": None, "match_params": {}}, "gets all events"),
        (
            {"allow": None, "match_params": {"data.n": 7}},
            "gets all events whose data.n is what no text can be",
        ),
    ],
)
def test_rules_are_said_in_plain_words(rules: dict[str, Any], words: str) -> None:
    assert in_words(**rules) == words


def test_many_kinds_of_events_are_cut() -> None:
    names = [row.name for rows in FAMILIES.values() for row in rows[:1]]
    said = in_words([{"event": names}])

    assert said.endswith(f" and {len(FAMILIES) - 5} more kinds of events")


def test_every_family_has_words() -> None:
    assert sorted(wording.FAMILIES) == sorted(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_events_of_a_family_are_called_by_it(family: str) -> None:
    said = in_words([{"event": [row.name for row in FAMILIES[family]]}])

    assert said == f"gets {wording.FAMILIES[family]}"


def test_wrong_rules_are_refused_as_ever() -> None:
    with pytest.raises(ConfigurationError, match="unknown field 'organisation'"):
        in_words([{"organisation": "edX"}])
    with pytest.raises(ConfigurationError, match=r"orgs\[0\]"):
        in_words(None, orgs=["*"])


texts = st.sampled_from(["edX", "MIT*", "re:.*X", "*", "a?", "re:a|b", "x y", "é\n", "*a*b*"])
several = texts | st.lists(texts, min_size=1, max_size=6)
fields = st.sampled_from(
    ["event", "course", "org", "user", "site", "activity_type", "enterprise", "data.x"]
)
rules = st.lists(st.dictionaries(fields, several, min_size=1, max_size=3), max_size=8)


@given(st.none() | rules, rules, st.none() | st.lists(st.sampled_from(["edX", "A"]), max_size=3))
def test_any_rules_are_one_line_of_words(allow: Any, deny: Any, orgs: Any) -> None:
    said = in_words(allow, [{**rule, "unknown": True} for rule in deny], orgs)

    assert said.startswith("gets ")
    assert said.isprintable()
    assert "  " not in said
    assert not re.search(r" (and|or|of|about|,)$|\(\)| ,|None", said)


words = st.sampled_from(["a", "b", "c"])
simple_rules = st.lists(
    st.dictionaries(
        st.sampled_from(["org", "user", "data.x"]),
        st.sampled_from(["a", "b", "*"]) | st.lists(words, min_size=1, max_size=2),
        min_size=1,
    ),
    min_size=1,
    max_size=5,
)
options = st.sampled_from([{}, {"missing": "deny"}])


@given(
    simple_rules,
    st.lists(options, min_size=5, max_size=5),
    st.lists(st.tuples(*[st.none() | words] * 3), min_size=5, max_size=5),
)
def test_rules_that_are_said_as_one_mean_the_same(
    some: Any, several: Any, values: list[tuple[str | None, ...]]
) -> None:
    denials = [rule | option for rule, option in zip(some, several, strict=False)]
    merged = [
        {field: list(texts) or "deny" for field, texts in rule.items()}
        for rule in wording._merged(denials)
    ]
    given_rules, said = Filter(deny=denials), Filter(deny=merged)

    assert len(merged) <= len(denials)
    for org, user, x in values:
        event = {"name": "n", "data": {"x": x}, "context": {"org_id": org, "username": user}}
        assert given_rules.accepts(event) == said.accepts(event)
