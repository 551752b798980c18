"""Patterns that can match nothing: refused where they would let all through, else told of."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from eventkit.events import CATALOGUE, FAMILIES
from eventkit.exceptions import ConfigurationError
from eventkit.filters import Filter
from eventkit.filters.doubts import doubt
from eventkit.filters.rules import doubts

NEVER = [
    ("event", "edx.froum.*", "did you mean 'edx.forum.*'?"),
    ("event", "edx.forum.thread.creqted", "did you mean 'edx.forum.thread.created'?"),
    ("event", "EDX.Forum.*", "did you mean 'edx.forum.*'?"),
    ("event", "Play_Video", "did you mean 'play_video'?"),
    ("event", "*.thraed.created", "did you mean '*.thread.created'?"),
    ("event", "*froum*", "did you mean '*forum*'?"),
    ("event", "^play_video$", "did you mean 're:^play_video$'?"),
    ("event", r"edx\.forum\..*", r"did you mean 're:edx\.forum\..*'?"),
    ("event", "(play|pause)_video", "did you mean 're:(play|pause)_video'?"),
    ("event", "play_video ", "blanks around it"),
    ("event", "acme.thing.done", "matches no known event"),
    ("event", "courses/*", "matches no known event"),
    ("event", "re:froum", "'re:' must match all of a name"),
    ("event", "re:forum", "did you mean 're:.*forum.*'?"),
    ("event", "re:^edx.forum", "did you mean 're:.*edx.forum.*'?"),
    ("course", "edX+*", "did you mean 'course-v1:edX+*'?"),
    ("course", "edX+DemoX+2024", "did you mean 'course-v1:edX+DemoX+2024'?"),
    ("course", "edX", "a course key is course-v1:ORG+COURSE+RUN"),
    ("course", "course-v1:edX", "a course key is"),
    ("course", "course-v1:edX/*/2024", "a course key is"),
    ("course", "coures-v1:edX+*", "did you mean 'course-v1:edX+*'?"),
    ("course", "Course-v1:edX+*", "did you mean 'course-v1:edX+*'?"),
    ("course", "course-v1%3AedX%2BDemoX%2B2024", "did you mean 'course-v1:edX+DemoX+2024'?"),
    ("course", "course-v1:edX%2BDemoX%2B*", "did you mean 'course-v1:edX+DemoX+*'?"),
    ("course", " course-v1:edX+*", "blanks around it"),
    ("course", "course-v1:edX+Demo X+*", "a course key is"),
    ("course", "^course-v1:edX.*$", "did you mean 're:^course-v1:edX.*$'?"),
    ("course", "block-v1:edX+DemoX+2024+type@video*", "a course key is"),
    ("course", "re:edX", "did you mean 're:.*edX.*'?"),
    ("course", r"re:edX\+.*", "did you mean"),
    ("org", "^edX$", "did you mean 're:^edX$'?"),
    ("org", "edX+*", "an organisation is one word"),
    ("org", "course-v1:edX+*", "an organisation is one word"),
    ("org", "edX/*", "an organisation is one word"),
    ("org", "edX\t", "blanks around it"),
    ("site", "https://lms.example.org", "did you mean 'lms.example.org'?"),
    ("site", "LMS.example.org", "did you mean 'lms.example.org'?"),
    ("site", "lms.example.org/*", "did you mean 'lms.example.org'?"),
    ("user", "^bob$", "did you mean 're:^bob$'?"),
    ("user", "bob ", "blanks around it"),
    ("data.mode", " audit", "blanks around it"),
    ("event", "implicit", "requests go by their paths: did you mean '/*'?"),
    ("event", "impl*it", "matches no known event"),
    ("enterprise", "^6ae013d4", "did you mean 're:^6ae013d4'?"),
    ("activity_type", "^video$", "did you mean 're:^video$'?"),
    ("event", "edx.forum", "did you mean 'edx.forum.*'?"),
    ("event", "forum", "did you mean '*forum*'?"),
    ("course", "course-v1:", "did you mean 'course-v1:*'?"),
    ("course", "course-v1:edX", "did you mean 'course-v1:edX+*'?"),
    ("course", "edX/DemoX", "did you mean 'edX/DemoX/*'?"),
    ("user", "bob%40example.org", "did you mean 'bob@example.org'?"),
    ("context.course_id", "edX+*", "did you mean 'course-v1:edX+*'?"),
    ("context.org_id", "^edX$", "did you mean 're:^edX$'?"),
    ("data.course_id", "course-v1%3AedX%2BA%2B1", "did you mean 'course-v1:edX+A+1'?"),
    ("org", "edX,MITx", "did you mean ['edX', 'MITx']?"),
    ("org", "edX|MITx", "did you mean ['edX', 'MITx']?"),
    ("org", "[e]dX", "an organisation is one word"),
    (
        "course",
        "course-v1:edX+A+1, course-v1:edX+B+1",
        "['course-v1:edX+A+1', 'course-v1:edX+B+1']",
    ),
    ("course", "course-v1:edX+A+[12]", "a course key is"),
    ("site", "a.example.org;b.example.org", "did you mean ['a.example.org', 'b.example.org']?"),
    ("site", "lms.exämple.org", "did you mean 'lms.xn--exmple-cua.org'?"),
    ("site", "*.Exämple.org", "did you mean '*.xn--exmple-cua.org'?"),
    ("user", "bob, alice", "did you mean ['bob', 'alice']?"),
    ("user", "83,84", "did you mean ['83', '84']?"),
    ("activity_type", "video|problem", "did you mean ['video', 'problem']?"),
    ("course", "re:course-v1:edX+A+1", r"did you mean 're:course-v1:edX\\+A\\+1'?"),
    ("course", "re:^course-v1:edX+A+.*$", r"did you mean 're:^course-v1:edX\\+A\\+.*$'?"),
    ("course", "re:course-v1:(edX+A+1|edX+B+1)", r"pluses of the key"),
    ("course", "re:(course-v1:edX+A+1|course-v1:edX+B+1)", r"pluses of the key"),
    ("context.course_id", "re:course-v1:edX+A+1", "takes the pluses of the key for repetition"),
]

GOOD = [
    *(("event", name) for row in CATALOGUE for name in row.names if name != "implicit"),
    ("event", "edx.forum.*"),
    ("event", "*"),
    ("event", "*_video"),
    ("event", "?lay_video"),
    ("event", "/courses/*"),
    ("event", "/courses/course-v1:edX+DemoX+2024/about"),
    ("event", "*/progress*"),
    ("event", "re:(play|pause)_video"),
    ("event", r"re:edx\.forum\..*"),
    ("event", "re:/courses/.*"),
    ("course", "*"),
    ("course", "course-v1:edX+DemoX+2024"),
    ("course", "course-v1:*"),
    ("course", "course-v1:edX+*"),
    ("course", "course-v?:edX+*"),
    ("course", "*edX*"),
    ("course", "*+DemoX+*"),
    ("course", "c*"),
    ("course", "edX/DemoX/2012_Fall"),
    ("course", "edX/*"),
    ("course", "MITx/6.002x/????_*"),
    ("course", "library-v1:edX+lib"),
    ("course", "library-v1:*"),
    ("course", "lib:edX:algebra"),
    ("course", "ccx-v1:edX+DemoX+2024+ccx@3"),
    ("course", "course-v1:Ünï+K~-._1+2024"),
    ("course", "re:.*edX.*"),
    ("course", r"re:course-v1:edX\+.*"),
    ("course", r"re:(?i)course-v1:edx\+.*"),
    ("course", r"re:edX/.*"),
    ("course", "re:course-v1:edX+.*"),
    ("course", "re:course-v1:.+"),
    ("course", r"re:course-v1:[^+]+\+A\+1"),
    ("course", r"re:course-v1:(edX|MITx)\+.+"),
    ("user", "re:bob|alice"),
    ("user", "Bob the Builder"),
    ("org", "edX"),
    ("org", "*"),
    ("org", "MIT?"),
    ("org", "a.b-c_d~e"),
    ("org", "re:edX"),
    ("org", "re:^edX$"),
    ("site", "lms.example.org"),
    ("site", "lms.example.org:8000"),
    ("site", "*.example.org"),
    ("site", "[::1]:8000"),
    ("user", "bob"),
    ("user", "bob@example.org"),
    ("user", "*@example.org"),
    ("user", "bob+1"),
    ("activity_type", "problem"),
    ("activity_type", "drag-and-drop-v2"),
    ("activity_type", "video*"),
    *(("activity_type", family) for family in FAMILIES),
    ("enterprise", "6ae013d4-c5c4-474d-8da9-0e559b2448e2"),
    ("data.pattern", "a[1]"),
    ("context.path", "whatever it is"),
    ("context.course_id", "course-v1:edX+*"),
    ("context.org_id", "edX"),
]

ONLY_TOLD = [
    ("activity_type", "vidoe", "did you mean 'video'?"),
    ("activity_type", "Problem", "did you mean 'problem'?"),
    ("activity_type", "acme_simulation", "is no type of block or family"),
    ("data.mode", "^audit$", "did you mean 're:^audit$'?"),
    ("data.mode", "aud.*t", "did you mean 're:aud.*t'?"),
    ("org", "re:^ed", "did you mean 're:^ed.*'?"),
    ("data.mode", "re:dit$", "did you mean 're:.*dit$'?"),
]


@pytest.fixture(autouse=True)
def _re2() -> None:
    pytest.importorskip("re2")


@pytest.mark.parametrize(("field", "pattern", "hint"), NEVER)
def test_a_rule_that_denies_what_never_comes_is_refused(field: str, pattern: str, hint: str):
    """It would keep nothing back: it must not pass without a word, wherever in the list it is."""
    for value in (pattern, [pattern], ["*", pattern]):
        rule = {field: value}
        with pytest.raises(ConfigurationError) as refused:
            Filter(deny=[{"org": "x"}, rule])

        assert str(refused.value).startswith(f"deny[1].{field}: {pattern!r}")
        assert hint in str(refused.value)
        assert "unknown: true" in str(refused.value)
        with pytest.raises(ConfigurationError):
            Filter(deny=[{**rule, "unknown": False}])
        Filter(deny=[{**rule, "unknown": True}])


@pytest.mark.parametrize(("field", "pattern", "hint"), [*NEVER, *ONLY_TOLD])
def test_what_is_doubtful_is_told(field: str, pattern: str, hint: str):
    """Also of rules that allow, which let through less for it; not where it says it is meant."""
    Filter(allow=[{field: pattern}])
    [told] = doubts([{"org": "x"}, {field: ["x.y", pattern]}], "allow")[-1:]

    assert told.startswith(f"allow[1].{field}: ")
    assert hint in told
    assert doubts([{field: pattern, "unknown": True}], "allow") == []


@pytest.mark.parametrize(("field", "pattern"), GOOD)
def test_what_can_match_is_not_doubted(field: str, pattern: str):
    """Nobody is bothered about a rule that works."""
    assert doubt(field, pattern) is None
    Filter(deny=[{field: pattern}])


@pytest.mark.parametrize(("field", "pattern", "hint"), ONLY_TOLD)
def test_what_may_yet_match_is_not_refused(field: str, pattern: str, hint: str):
    """Packages add types of blocks, and fields of a site's own may hold anything."""
    Filter(deny=[{field: pattern}])


def test_a_rule_that_may_match_the_unknown_is_a_rule_like_others():
    """What it says about itself changes nothing of what it matches."""
    rules = Filter(deny=[{"event": "acme.*", "org": "edX", "unknown": True}])

    for made in (rules, pickle.loads(pickle.dumps(rules))):
        assert not made.accepts({"name": "acme.done", "context": {"org_id": "edX"}})
        assert made.accepts({"name": "acme.done", "context": {"org_id": "MITx"}})
        assert made.accepts({"name": "play_video", "context": {"org_id": "edX"}})


def test_events_of_plug_ins_are_known(monkeypatch: pytest.MonkeyPatch):
    """A package that is installed adds names, and a rule about them needs no more words."""
    from eventkit.filters import doubts as module

    with pytest.raises(ConfigurationError):
        Filter(deny=[{"event": "lab.experiment.*"}])
    row = next(iter(CATALOGUE))
    more = CATALOGUE.extended([type(row)(("lab.experiment.started",), reason="a test")])
    monkeypatch.setattr(module, "catalogue", lambda: more)

    Filter(deny=[{"event": "lab.experiment.*"}])
    with pytest.raises(ConfigurationError, match=r"did you mean 'lab\.experiment\.\*'"):
        Filter(deny=[{"event": "lab.exqeriment.*"}])


def test_long_patterns_are_judged_too():
    """What is asked is whether two patterns meet, at a cost that does not explode."""
    many: dict[str, Any] = {"course": "course-v1:" + "*a" * 400 + "+*+*"}
    Filter(deny=[many])
    with pytest.raises(ConfigurationError):
        Filter(deny=[{"course": "*a" * 400 + " +*"}])
