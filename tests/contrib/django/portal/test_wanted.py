"""What a request asks for: its rules, its scope, and what is wrong with it."""

from __future__ import annotations

import pytest

pytest.importorskip("django")

from eventkit import Filter
from eventkit.contrib.django.portal.wanted import Wanted, complaints, families, joined, split


def event(course="course-v1:edX+DemoX+2026", org="edX", name="problem_check"):
    return {"name": name, "context": {"course_id": course, "org_id": org, "user_id": 7}}


class TestRules:
    def test_courses_and_organisations_are_alternatives_and_events_bound_both(self):
        wanted = Wanted(["course-v1:MITx+*"], ["edX"], ["problem_check"])

        assert wanted.rules() == [
            {"course": ["course-v1:MITx+*"], "event": ["problem_check"]},
            {"org": ["edX"], "event": ["problem_check"]},
        ]
        rules = Filter(allow=wanted.rules())
        assert rules.accepts(event())
        assert rules.accepts(event("course-v1:MITx+A+B", "MITx"))
        assert not rules.accepts(event("course-v1:Other+A+B", "Other"))
        assert not rules.accepts(event(name="play_video"))

    def test_all_events_are_a_rule_without_names(self):
        assert Wanted([], ["edX"], ["*", "play_video"]).rules() == [{"org": ["edX"]}]

    @pytest.mark.parametrize(
        "wanted",
        [Wanted(), Wanted(["course-v1:edX+A+B"]), Wanted([], ["edX"]), Wanted(events=["*"])],
    )
    def test_what_is_not_said_allows_nothing(self, wanted):
        assert wanted.rules() == []
        assert not Filter(allow=wanted.rules()).accepts(event())


class TestScope:
    @pytest.mark.parametrize(
        ("courses", "organisations", "scope"),
        [
            (["course-v1:edX+DemoX+2026"], [], {"edx"}),
            (["course-v1:edX+*"], ["MITx"], {"edx", "mitx"}),
            (["edX/DemoX/2014"], [], {"edx"}),
            (["lib:edX:problems"], [], {"edx"}),
            (["ccx-v1:edX+DemoX+2026+ccx@1"], [], {"edx"}),
        ],
    )
    def test_is_the_organisations_of_what_is_asked_for(self, courses, organisations, scope):
        assert Wanted(courses, organisations, ["*"]).scope() == scope

    @pytest.mark.parametrize(
        ("courses", "organisations"),
        [
            ([], []),
            (["*"], []),
            (["course-v1:*"], []),
            (["course-v1:ed*+A+B"], []),
            (["course-v1:e?X+A+B"], []),
            (["*:edX+A+B"], []),
            (["c*-v1:edX+A+B"], []),
            (["*/DemoX/2014"], []),
            (["re:course-v1:edX\\+.*"], []),
            (["edX"], []),
            ([], ["*"]),
            ([], ["ed?"]),
            ([], ["re:edX"]),
            (["course-v1:edX+A+B", "*"], ["edX"]),
            (["course-v1:edX+A+B"], ["edX", "*"]),
        ],
    )
    def test_is_unknown_where_a_wildcard_may_be_any(self, courses, organisations):
        wanted = Wanted(courses, organisations, ["*"])

        assert wanted.scope() is None
        assert not wanted.is_within(["edX"])

    def test_is_within_in_any_case_and_only_when_all_is(self):
        wanted = Wanted(["course-v1:edX+A+B"], ["MITx"], ["*"])

        assert wanted.is_within(["EDX", "mitx", "Other"])
        assert not wanted.is_within(["edX"])
        assert not wanted.is_within([])


class TestComplaints:
    @pytest.mark.parametrize(
        ("field", "pattern", "said"),
        [
            ("courses", "edX+*", "did you mean 'course-v1:edX+*'"),
            ("courses", "re:course-v1:edX.*", "instead of a regular expression"),
            ("courses", "x" * 256, "longer than the 255 characters"),
            ("organisations", "edX MITx", "one word"),
            ("organisations", "edX,MITx", "several are a list"),
            ("organisations", "ed\u202eX", "cannot be shown"),
            ("events", "play_vidoe", "did you mean 'play_video'"),
            ("events", "edx.froum.*", "did you mean 'edx.forum.*'"),
        ],
    )
    def test_say_what_would_be_right(self, field, pattern, said):
        [found] = complaints(field, [pattern])

        assert said in found
        assert "allow[0]" not in found

    @pytest.mark.parametrize(
        ("field", "pattern"),
        [
            ("courses", "course-v1:edX+DemoX+*"),
            ("courses", "edX/DemoX/2014"),
            ("organisations", "edX"),
            ("organisations", "*"),
            ("events", "edx.forum.*"),
            ("events", "*"),
        ],
    )
    def test_are_none_where_nothing_is_wrong(self, field, pattern):
        assert complaints(field, [pattern]) == []

    def test_say_so_once_where_there_are_too_many(self):
        assert len(complaints("courses", [f"course-v1:edX+A+{n}" for n in range(301)])) == 1


class TestFamilies:
    def test_what_is_chosen_comes_back(self):
        events = joined(["video", "problem"], ["edx.forum.*", "play_video"])

        assert set(families()["video"]) < set(events)
        assert len(events) == len(set(events))
        whole, others = split(events)
        assert set(whole) == {"video", "problem"}
        assert others == ["edx.forum.*"]

    def test_one_that_lacks_an_event_is_not_whole(self):
        events = [name for name in families()["video"] if name != "play_video"]

        assert split(events) == ([], events)

    def test_have_only_what_is_translated(self):
        assert "authoring" not in families()
        assert all(families().values())


class TestNarrowing:
    ASKED = Wanted(["course-v1:edX+*", "course-v1:MITx+A+?"], ["Lakeside"], ["problem_*"])

    @pytest.mark.parametrize(
        "less",
        [
            Wanted(["course-v1:edX+DemoX+*"], [], ["problem_check"]),
            Wanted(["course-v1:MITx+A+1", "course-v1:Lakeside+B+1"], [], ["problem_*"]),
            Wanted([], ["Lakeside"], ["problem_sh?w"]),
            ASKED,
        ],
    )
    def test_is_within(self, less):
        assert list(less.beyond(self.ASKED)) == []

    @pytest.mark.parametrize(
        ("more", "beyond"),
        [
            (Wanted([], ["BerkeleyX"]), ("organisations", "BerkeleyX")),
            (Wanted([], ["edX"]), ("organisations", "edX")),
            (Wanted([], ["lakeside"]), ("organisations", "lakeside")),
            (Wanted(["course-v1:*"]), ("courses", "course-v1:*")),
            (Wanted(["course-v1:MITx+A+*"]), ("courses", "course-v1:MITx+A+*")),
            (Wanted(["course-v1:Lakeside*+A+1"]), ("courses", "course-v1:Lakeside*+A+1")),
            (Wanted(events=["*"]), ("events", "*")),
            (Wanted(events=["play_video"]), ("events", "play_video")),
        ],
    )
    def test_is_not_widening(self, more, beyond):
        assert list(more.beyond(self.ASKED)) == [beyond]
