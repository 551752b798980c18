"""What events say that names nobody stays, in both protocols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eventkit import CaliperTranslator, HMACIdentity, XAPITranslator
from eventkit.events.shapes import iris

GOLDEN = Path(__file__).parents[1] / "golden"
LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
MAKERS = {"xapi": XAPITranslator, "caliper": CaliperTranslator}
BOTH = pytest.mark.parametrize("protocol", ["xapi", "caliper"])


def event_of(case: str) -> Any:
    return json.loads((GOLDEN / f"{case}.json").read_text("utf-8"))["event"]


def translate(protocol: str, event: Any, **more: Any) -> list[Any]:
    make = MAKERS[protocol]
    return make(lms_root=LMS, identity=HMACIdentity("only tests use this"), **more).translate(event)


def values(value: Any, key: str) -> list[Any]:
    """Give all that stands under *key*, at any depth."""
    if isinstance(value, list):
        return [found for each in value for found in values(each, key)]
    if not isinstance(value, dict):
        return []
    own = [value[key]] if key in value else []
    return own + [found for each in value.values() for found in values(each, key)]


class TestForum:
    @BOTH
    @pytest.mark.parametrize(
        "case",
        ["thread.created", "comment.created", "thread.voted", "response.mark", "thread.edited"],
    )
    def test_roles_and_topic(self, protocol: str, case: str) -> None:
        event = event_of(f"forum/edx.forum.{case}")
        event["data"] |= {
            "user_forums_roles": ["Moderator"],
            "user_course_roles": ["staff"],
            "commentable_id": "course-general",
            "category_name": "General",
            "team_id": "leaf-readers-2b7e9d",
        }

        made = translate(protocol, event)

        assert values(made, iris.FORUM_ROLES) == [["Moderator"]]
        assert values(made, iris.COURSE_ROLES) == [["staff"]]
        [team] = values(made, iris.TEAM_ID)
        assert len(team) == 36
        assert f"{LMS}/course/{COURSE}/discussion/course-general" in values(made, "id")
        assert "General" in json.dumps(made)
        assert "leaf-readers" not in json.dumps(made)

    @BOTH
    def test_cohort_of_a_new_thread(self, protocol: str) -> None:
        event = event_of("forum/edx.forum.thread.created")
        event["data"]["group_id"] = 12

        assert values(translate(protocol, event), iris.COHORT_ID) == [12]

    def test_the_course_stays_the_parent(self) -> None:
        [statement] = translate("xapi", event_of("forum/edx.forum.thread.created"))

        parent = statement["context"]["contextActivities"]["parent"]
        assert [each["id"] for each in parent] == [f"{LMS}/course/{COURSE}"]

    @BOTH
    def test_no_topic_without_a_course_or_a_name(self, protocol: str) -> None:
        event = event_of("forum/edx.forum.thread.created")
        for field in ("commentable_id", "category_id", "category_name"):
            event["data"].pop(field, None)

        made = json.dumps(translate(protocol, event))

        assert "/discussion/" not in made.replace("/api/discussion/v1/", "")


@BOTH
def test_how_another_place_of_a_video_was_gone_to(protocol: str) -> None:
    made = translate(protocol, event_of("video/edx.video.position.changed.mobile"))

    assert values(made, iris.SEEK_TYPE) == ["onSkipSeek"]
    assert values(made, iris.SKIP_INTERVAL) == [-30]


@BOTH
def test_criteria_and_rubric_of_an_assessment(protocol: str) -> None:
    event = event_of("ora/openassessmentblock.peer_assess")
    event["data"]["parts"] = [
        {
            "criterion": {"name": "Method", "points_possible": 5},
            "option": {"name": "Good", "points": 3},
            "feedback": "by ana",
        },
        {"criterion": {"name": "Only words", "points_possible": 0}, "feedback": "by ana"},
    ]

    made = translate(protocol, event)

    assert values(made, iris.RUBRIC_HASH) == ["b2fe6f2b2f4a3f0d9a8e"]
    [found] = values(made, iris.RUBRICS)
    assert found[0] == (
        "Method: Good"
        if protocol == "caliper"
        else {
            "criterion": {"name": "Method", "points_possible": 5},
            "option": {"name": "Good", "points": 3},
        }
    )
    assert "by ana" not in json.dumps(found)


class TestLibraries:
    ORIGIN = "lib-block-v1:Lakeside+PLANTS+type@problem+block@a"

    @BOTH
    def test_what_the_block_that_emitted_an_event_was_made_of(self, protocol: str) -> None:
        event = event_of("problem/problem_check.server")
        event["context"]["module"] = {
            "usage_key": "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@a",
            "original_usage_key": self.ORIGIN,
        }

        made = translate(protocol, event)

        found = [each["extensions" if protocol == "caliper" else "context"] for each in made]
        assert [values(each, iris.ORIGINAL_BLOCK) for each in found] == [
            [f"{LMS}/xblock/{self.ORIGIN}"]
        ] * len(made)

    @BOTH
    @pytest.mark.parametrize(("kind", "field"), [("assigned", "added"), ("removed", "removed")])
    def test_what_dealt_blocks_were_made_of(self, protocol: str, kind: str, field: str) -> None:
        event = event_of(f"content_library/edx.itembankblock.content.{kind}")
        start = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@"
        data = event["data"] if "data" in event else event["event"]
        data[field] = [
            {"usage_key": f"{start}{each}", "original_usage_key": f"{self.ORIGIN}{each}"}
            for each in ("1", "2")
        ]

        made = translate(protocol, event)

        origins = [f"{LMS}/xblock/{self.ORIGIN}{each}" for each in ("1", "2")]
        if protocol == "xapi":
            [other] = values(made, "other")
            assert [each["id"] for each in other] == [f"{LMS}/xblock/{start}{n}" for n in (1, 2)]
            assert values(made, iris.ORIGINAL_BLOCKS) == [origins]
        else:
            assert values(made[0]["object"]["items"], iris.ORIGINAL_BLOCK) == origins

    def test_a_list_that_lacks_some_is_not_told(self) -> None:
        event = event_of("content_library/edx.itembankblock.content.assigned")
        start = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@"
        event["data"]["added"] = [
            {"usage_key": f"{start}1"},
            {"usage_key": f"{start}2", "original_usage_key": self.ORIGIN},
        ]

        assert values(translate("xapi", event), iris.ORIGINAL_BLOCKS) == []


@pytest.mark.parametrize(
    ("course", "number", "organization"),
    [
        (COURSE, "BIO201", "Lakeside"),
        ("Lakeside/BIO101/2013", "BIO101", "Lakeside"),
        ("ccx-v1:Lakeside+BIO201+2025_T1+ccx@5", "BIO201", "Lakeside"),
    ],
)
def test_number_and_organization_of_the_course(course: str, number: str, organization: str) -> None:
    """Written or not."""
    event = event_of("enrollment/edx.course.enrollment.activated")
    event["context"]["course_id"] = event["data"]["course_id"] = course

    [made] = translate("caliper", event)
    translator = CaliperTranslator(lms_root=LMS, identity=HMACIdentity("only tests use this"))
    [written] = translator.write(event)

    assert json.loads(written)["group"] == made["group"]
    assert made["group"] == {
        "id": f"{LMS}/course/{course}",
        "type": "CourseOffering",
        "courseNumber": number,
        "subOrganizationOf": {
            "id": f"{LMS}/organization/{organization}",
            "type": "Organization",
            "name": organization,
        },
    }
