"""Which course, organisation and block the keys of the platform name, in all their spellings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import CaliperTranslator, TranslationError, XAPITranslator
from eventkit.reading.keys import (
    block_type_of,
    course_key,
    course_of_url,
    course_of_usage_key,
    mended,
    old_block,
    org_of,
    unescaped,
)

LMS = "https://lms.example.org"
XBLOCK = f"{LMS}/xblock/"
COURSE = "course-v1:edX+D+1"
SAME = {"course_id": "", "org_id": ""}


def anonymous(user: int | str, protocol: str) -> str:
    return "131eb6bf-2b00-560b-b6cf-2e64d3683306"


XAPI = XAPITranslator(lms_root=LMS, identity=anonymous)
CALIPER = CaliperTranslator(lms_root=LMS, identity=anonymous)


def event(name: str, data: Any, **parts: Any) -> dict[str, Any]:
    context = {"user_id": 7, **parts.pop("context", {})}
    return {
        "name": name,
        "timestamp": "2024-03-01T10:00:00.123456+00:00",
        "context": context,
        "data": data,
        **parts,
    }


def course_shown(given: dict[str, Any]) -> set[str]:
    """Give the courses that the documents of both protocols say they belong to."""
    [statement, *_] = XAPI.translate(given)
    [envelope, *_] = CALIPER.translate(given)
    parents = statement["context"].get("contextActivities", {}).get("parent", [])
    found = {parent["id"] for parent in parents}
    if "group" in envelope:
        found.add(envelope["group"]["id"])
    return {iri.removeprefix(f"{LMS}/course/") for iri in found}


class TestCourseOfURL:
    @pytest.mark.parametrize(
        ("url", "course"),
        [
            (f"{LMS}/courses/{COURSE}/courseware/", COURSE),
            (f"{LMS}/courses/course-v1%3AedX%2BD%2B1/about", COURSE),
            (f"{LMS}/courses/course-v1%253AedX%252BD%252B1/about", COURSE),
            (f"{LMS}/courses/course-v1:edX%20D%201/about", COURSE),
            (f"{LMS}/courses/edX/D/1/info?x=/courses/a/b/c", "edX/D/1"),
            (f"{LMS}/courses/edX/D/1", "edX/D/1"),
            (f"{LMS}/courses/edX%2FD%2F1/info", "edX/D/1"),
            (f"{LMS}/xblock/block-v1:edX+D+1+type@vertical+block@v?show_title=0", COURSE),
            ("/xblock/ccx-block-v1:edX+D+1+ccx@3+type@html+block@h", "ccx-v1:edX+D+1+ccx@3"),
            (f"/courses/{COURSE}/xblock/block-v1:edX+D+1+type@x+block@p/handler/submit", COURSE),
            (f"https://apps.example.org/learning/course/{COURSE}/home", COURSE),
            ("https://apps.example.org/learning/course/edX%2FD%2F1/home", "edX/D/1"),
            (f"https://apps.example.org/authoring/course/{COURSE}/outline", COURSE),
            ("https://apps.example.org/ora-grading/block-v1:edX+D+1+type@o+block@o", COURSE),
            (f"https://apps.example.org/gradebook/{COURSE}", COURSE),
            (f"https://apps.example.org/discussions/{COURSE}/posts/1", COURSE),
            (f"https://apps.example.org/communications/courses/{COURSE}/bulk_email", COURSE),
            (f"https://apps.example.org/#/course/{COURSE}", COURSE),
            (f"https://apps.example.org/x#/y?course_id={COURSE}", COURSE),
            ("#/" * 5000 + f"/courses/{COURSE}", COURSE),
            (f"{LMS}/certificates/user/7/course/{COURSE}", COURSE),
            (f"{LMS}/register?course_id=course-v1%3AedX%2BD%2B1&x=1", COURSE),
            (f"{LMS}/register?course_id={COURSE}", COURSE),
            (f"{LMS}/register?course_id=edX%2FD%2F1", "edX/D/1"),
            (f"/api/courses/v1/blocks/?course_id={COURSE}", COURSE),
            ("/asset-v1:edX+D+1+type@asset+block@a.pdf", COURSE),
        ],
    )
    def test_names_a_course(self, url: str, course: str) -> None:
        assert course_of_url(url) == course

    @pytest.mark.parametrize(
        ("path", "course"),
        [
            ("/api/courses/v1/courses/edX/DemoX/Demo_2014/", "edX/DemoX/Demo_2014"),
            ("/api/discussion/v1/courses/edX/DemoX/2014/", "edX/DemoX/2014"),
            ("/api/commerce/v0.5/courses/edX/DemoX/2014", "edX/DemoX/2014"),
            (f"/api/courses/v1/courses/{COURSE}", COURSE),
            ("/api/courses/v1/course_ids/all/", ""),
            ("/api/courses/v2/blocks/x/y", ""),
            ("/api/courses/v1/blocks/i4x:;_;_edX;_D;_video;_x", ""),
            ("/api/mobile/v0.5/courses/v1/x/y", ""),
            ("/api/courses/v1/courses/", ""),
            ("/courses/v1/a/b", ""),
        ],
    )
    def test_a_path_of_an_api_is_no_course(self, path: str, course: str) -> None:
        """Its version and its names do not stand for organisation, number and run."""
        assert course_of_url(path) == course

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "x",
            f"{LMS}/courses/",
            f"{LMS}/dashboard",
            f"{LMS}/login?next=/courses/{COURSE}/about",
            f"{LMS}/xblock/lb:edX:demo:problem:1",
            f"{LMS}/course/about/our/team",
            f"{LMS}/search?course=biology",
            "/api/libraries/v2/lib:edX:demo/",
        ],
    )
    def test_names_none(self, url: str) -> None:
        assert course_of_url(url) == ""

    @given(st.text(max_size=80), st.text(max_size=80))
    def test_whatever_it_is(self, before: str, after: str) -> None:
        assert isinstance(course_of_url(f"{before}/courses/{after}"), str)


class TestOrganisation:
    @pytest.mark.parametrize(
        ("key", "org"),
        [
            (COURSE, "edX"),
            ("course-v1:edX D 1", "edX"),
            ("ccx-v1:edX+D+1+ccx@3", "edX"),
            ("block-v1:edX+D+1+type@video+block@v", "edX"),
            ("library-v1:edX+demo", "edX"),
            ("lib-block-v1:edX+demo+type@x+block@y", "edX"),
            ("lib:edX:demo", "edX"),
            ("lib-collection:edX:demo:c", "edX"),
            ("lct:edX:demo:unit:u", "edX"),
            ("lb:edX:demo:problem:1", "edX"),
            ("edX/D/1", "edX"),
            ("i4x://edX/D/video/v", "edX"),
            ("", ""),
            ("edX", ""),
            ("abc/def", ""),
            ("/courses/x", ""),
            ("https://edX/D", ""),
            ("lib:edX", ""),
            ("course-v1:", ""),
        ],
    )
    def test_of_keys_of_all_kinds(self, key: str, org: str) -> None:
        assert org_of(key) == org

    @pytest.mark.parametrize(
        ("key", "kind"),
        [
            ("block-v1:edX+D+1+type@video+block@v", "video"),
            ("lib-block-v1:edX+demo+type@html+block@y", "html"),
            ("lb:edX:demo:problem:1", "problem"),
            ("i4x://edX/D/video/v", "video"),
            ("v", ""),
        ],
    )
    def test_type_of_a_block(self, key: str, kind: str) -> None:
        assert block_type_of(key) == kind


class TestMending:
    """A plus that was read as form data is a blank."""

    @pytest.mark.parametrize(
        "context",
        [
            {"course_id": "course-v1:edX D 1"},
            {"course_id": " course-v1:edX+D+1\n"},
            {"course_id": "course-v1%3AedX%2BD%2B1"},
            {"page": f"{LMS}/courses/course-v1:edX D 1/x"},
            {"page": f"{LMS}/x?course_id=course-v1:edX D 1"},
            {"path": "/xblock/block-v1:edX D 1 type@vertical block@v"},
        ],
    )
    def test_a_course_is_mended_wherever_it_stands(self, context: dict[str, Any]) -> None:
        given = event("edx.forum.thread.viewed", {"id": "1"}, context=context)

        assert course_shown(given) == {COURSE}

    def test_a_usage_key_is_mended(self) -> None:
        broken = event("edx.bookmark.added", {"component_usage_id": "block-v1:edX D 1 type@a b@x"})
        broken["data"]["component_usage_id"] = "block-v1:edX D 1 type@video block@x"
        [statement] = XAPI.translate(broken)

        assert statement["object"]["id"] == f"{XBLOCK}block-v1:edX+D+1+type@video+block@x"
        assert course_shown(broken) == {COURSE}

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("play_video", {"id": "block-v1:edX D 1 type@video block@x"}),
            ("edx.video.played", {"module_id": "block-v1:edX D 1 type@video block@x"}),
            ("problem_check", "input_block-v1:edX+D+1+type@problem+block@x_2_1=a"),
            ("problem_show", {"problem": "block-v1:edX D 1 type@problem block@x"}),
        ],
    )
    def test_a_usage_key_is_one_also_where_browsers_know_only_its_end(
        self, name: str, data: Any
    ) -> None:
        """It is not put behind another key."""
        [statement] = XAPI.translate(
            event(name, data, context={"course_id": COURSE, "event_source": "browser"})
        )

        of = "video" if "video" in name else "problem"
        block = f"{XBLOCK}block-v1:edX+D+1+type@{of}+block@x"
        assert statement["object"]["id"].removesuffix("/answer") == block

    def test_other_blanks_stay(self) -> None:
        assert mended("/x y/course-v1:edX D 1/a b") == "/x y/course-v1:edX+D+1/a b"
        assert course_key("a b c") == "a b c"

    def test_encoding_ends_somewhere(self) -> None:
        assert unescaped("100%") == "100%"
        assert unescaped("%" + "25" * 100 + "41") != ""


class TestOldBlocks:
    """Html ids write what is neither of a word nor a dash as ``_``; the course knows better."""

    @pytest.mark.parametrize(
        ("course", "kind", "name", "key"),
        [
            ("edX/DemoX.1/2015", "video", "i4x-edX-DemoX_1-video-4e2e", "edX/DemoX.1/video/4e2e"),
            ("edX/DemoX.1/2015", "problem", "i4x-edX-DemoX_1-problem-p1", "edX/DemoX.1/problem/p1"),
            ("MITx/3.086-2x/2014", "video", "i4x-MITx-3_086-2x-video-5d", "MITx/3.086-2x/video/5d"),
            ("My-Org.x/D/1", "video", "i4x-My-Org_x-D-video-a-b", "My-Org.x/D/video/a-b"),
            ("A_b/c~d/1", "html", "i4x-A_b-c_d-html-x_y", "A_b/c~d/html/x_y"),
            ("edX/D/1", "video", "i4x-edX-D-videoalpha-x", "edX/D/videoalpha/x"),
            ("course-v1:edX+D.1+1", "video", "i4x-edX-D_1-video-x", "edX/D.1/video/x"),
            ("edX/Other/1", "video", "i4x-edX-D-video-x", "edX/D/video/x"),
            ("", "video", "i4x-edX-D-video-x", "edX/D/video/x"),
            ("course-v1:edX+D+1", "video", "i4x-MITx-3_086-2x-video-5ddc", None),
            ("edX/DemoX/1", "video", "i4x-edX-DemoX_1-video-x", None),
            ("edX/D/1", "video", "i4x-edX-D-2-video-x", None),
            ("", "video", "i4x-edX-D_1-video-x", None),
            ("edX/D/1", "video", "i4x-edX-D-video", None),
            ("edX/D/1", "video", "i4x-", None),
            ("lib:edX:demo", "video", "i4x-", None),
        ],
    )
    def test_are_spelled_as_the_course_spells_them(
        self, course: str, kind: str, name: str, key: str | None
    ) -> None:
        assert old_block(course, kind, name) == (f"i4x://{key}" if key else "")

    def test_in_every_row_that_meets_them(self) -> None:
        of = {"course_id": "edX/DemoX.1/2015"}
        name = "i4x-edX-DemoX_1-{}-a"
        for sent, kind in (
            (event("play_video", {"id": name.format("video")}, context=of), "video"),
            (event("problem_show", {"problem": name.format("problem")}, context=of), "problem"),
            (
                event(
                    "problem_check",
                    f"input_{name.format('problem')}_2_1=42",
                    context={**of, "event_source": "browser"},
                ),
                "problem",
            ),
            (
                event(
                    "edx.course.student_notes.used_unit_link",
                    {"component_usage_id": name.format("html"), "note_id": "n"},
                    context=of,
                ),
                "html",
            ),
            (event("seq_goto", {"id": name.format("sequential")}, context=of), "sequential"),
        ):
            [statement] = XAPI.translate(sent)
            block = statement["object"]["id"].removesuffix("/answer")

            assert block == f"{XBLOCK}i4x://edX/DemoX.1/{kind}/a"

    @pytest.mark.parametrize("translator", [XAPI, CALIPER], ids=["xapi", "caliper"])
    def test_of_another_course_are_no_block_of_this_one(self, translator: Any) -> None:
        other = event(
            "play_video", {"id": "i4x-MITx-3_086-2x-video-5ddc"}, context={"course_id": COURSE}
        )

        with pytest.raises(TranslationError) as refused:
            translator.translate(other)

        assert refused.value.reason == "unknown_block"

    @given(
        st.from_regex(r"[A-Za-z][\w.~-]{0,8}", fullmatch=True),
        st.from_regex(r"[A-Za-z0-9][\w.~-]{0,8}", fullmatch=True),
        st.from_regex(r"[0-9a-f]{4}", fullmatch=True),
    )
    def test_whatever_the_course_is_called(self, org: str, number: str, name: str) -> None:
        parts = ("i4x", org, number, "video", name)
        as_html = "-".join(
            "".join(c if c.isalnum() or c in "_-" else "_" for c in part) for part in parts
        )

        found = old_block(f"{org}/{number}/run", "video", as_html)

        assert found == f"i4x://{org}/{number}/video/{name}"


class TestPlaces:
    """The course of an event, wherever it stands."""

    @pytest.mark.parametrize(
        "parts",
        [
            {"page": f"{LMS}/xblock/block-v1:edX+D+1+type@vertical+block@v1?show_title=0"},
            {"page": f"https://apps.example.org/learning/course/{COURSE}/home"},
            {"context": {**SAME, "page": f"https://apps.example.org/discussions/{COURSE}/posts"}},
            {"context": {**SAME, "path": f"/courses/{COURSE}/xblock/x/handler/y"}},
            {"data": {"url": f"{LMS}/courses/{COURSE}/discussion/forum/"}},
            {"data": {"course_id": COURSE}},
            {"data": {"problem_id": "block-v1:edX+D+1+type@problem+block@p"}},
            {"data": {"location": "block-v1:edX+D+1+type@library_content+block@p"}},
            {"context": {"module": {"usage_key": "block-v1:edX+D+1+type@problem+block@p"}}},
            {"context": {"open_in_browser_url": f"{LMS}/courses/{COURSE}/courseware/1"}},
            {"context": json.dumps({"user_id": 7, "course_id": COURSE})},
        ],
    )
    def test_it_is_found(self, parts: dict[str, Any]) -> None:
        given = event("edx.forum.thread.viewed", {})
        given |= parts
        given["data"] = {"id": "1", **given["data"]}
        if isinstance(given["context"], dict):
            given["context"] = {"user_id": 7, **given["context"]}

        assert course_shown(given) == {COURSE}

    @pytest.mark.parametrize(
        ("course", "block"),
        [
            (COURSE, "block-v1:edX+D+1+type@video+block@v"),
            ("ccx-v1:edX+D+1+ccx@3", "ccx-block-v1:edX+D+1+ccx@3+type@video+block@v"),
            ("edX/D/1", "i4x://edX/D/video/v"),
            ("lib:edX:demo", "lb:edX:demo:video:v"),
            ("library-v1:edX+demo", "lib-block-v1:edX+demo+type@video+block@v"),
        ],
    )
    def test_a_block_that_browsers_know_by_name_is_in_it(self, course: str, block: str) -> None:
        [statement] = XAPI.translate(
            event("play_video", {"id": "v"}, context={"course_id": course})
        )

        assert statement["object"]["id"] == XBLOCK + block

    def test_a_path_of_an_api_is_no_course(self) -> None:
        path = "/api/courses/v1/courses/edX/DemoX/Demo_2014/"
        given = event("edx.forum.thread.viewed", {"id": "1"}, context={**SAME, "path": path})

        assert course_shown(given) == {"edX/DemoX/Demo_2014"}

    def test_a_page_that_was_asked_for_names_it(self) -> None:
        """Implicit events are called by their paths."""
        pages = XAPITranslator(lms_root=LMS, identity=anonymous, implicit=True)
        [statement] = pages.translate(event(f"/courses/{COURSE}/progress", {"POST": {}, "GET": {}}))

        [parent] = statement["context"]["contextActivities"]["parent"]
        assert parent["id"] == f"{LMS}/course/{COURSE}"

    def test_libraries_are_no_courses(self) -> None:
        assert course_of_usage_key("lb:edX:demo:problem:1") == ""
        assert course_of_usage_key("lib-block-v1:O+L+type@problem+block@p") == ""
        assert course_of_usage_key("block-v1:O+L+type@problem+block@p") == ""
