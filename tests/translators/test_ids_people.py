"""Ids of events of whole seconds: the payload tells them apart, and nobody can be guessed by it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from people import id_of

from eventkit import CaliperTranslator, HMACIdentity, XAPITranslator
from eventkit.reading import Source

LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
BLOCK = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@7d3c1e5fa0"


def event(data: Any, time: str = "2025-02-03T04:05:06+00:00", **more: Any) -> dict[str, Any]:
    return {
        "name": "play_video",
        "timestamp": time,
        "data": data,
        "context": {"user_id": 4711, "username": "marisol_quiroga", "course_id": COURSE},
        **more,
    }


def sha1(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha1(text.encode()).hexdigest()


def digest(data: Any) -> str:
    return Source(event(data)).digest()


PEOPLE = [
    "user_id",
    "userId",
    "user",
    "USERNAME",
    "email",
    "user_email",
    "student",
    "student_id",
    "anonymous_student_id",
    "anonymous-user-id",
    "learner",
    "learnerId",
    "author",
    "author_name",
    "attempt_user_id",
    "allowance_user_id",
    "target_username",
    "requesting_student_id",
    "requesting_staff_id",
    "instructor",
    "instructor_username",
    "enrolled_users",
    "identifiers",
    "emails",
    "first_name",
    "fullname",
    "team_members",
    "owner",
    "assignee",
    "grader_id",
    "bookmark_id",
    "ip",
]

NOBODY = [
    {"id": "v", "currentTime": 1.5, "code": "html5"},
    {"problem_id": BLOCK, "answers": {"q_2_1": "choice_1"}, "attempts": 3},
    {"user_forums_roles": ["Student"], "user_course_roles": [], "title": "my problem"},
    {"user_id": None, "username": "", "student": 0, "is_staff": True},
    {"student_answer": [{"choice": 1}], "display_name": "Learners at work", "score": 0.5},
    {"assigned_user_to_partition": False, "group_name": "Users", "member_count": 4},
    {"tooltip": "x", "description": "transcript", "url": "/courses/a?page=2&user="},
    "input_7d3c1e5fa0_2_1=choice_1&input_7d3c1e5fa0_3_1%5B%5D=choice_2",
    f'input_state={{"answer":"{BLOCK}"}}',
    ["a", 1, None],
    {"text": json.dumps({"ids": [1, 2]}), "nan": 1e300},
    {
        "target_url": f"https://lms.example.org/courses/{COURSE}/progress/",
        "a": "https://x.org/a?b=c",
    },
    {"target_url": "https://lms.example.org/account/settings?v=a%20b&t=5", "a": "47110 or 4711a"},
    {"current_url": "https://lms.example.org/api/user/v1/accounts", "a": r"\\frac{1}{2}"},
]


class TestPeople:
    @pytest.mark.parametrize("key", PEOPLE)
    @pytest.mark.parametrize(
        "put",
        [
            lambda key, value: {"a": 1, key: value},
            lambda key, value: {"a": {"b": [{"c": 1, key: value}]}},
            lambda key, value: {"a": json.dumps({"b": 1, key: value})},
            lambda key, value: {"a": json.dumps([{"b": json.dumps({key: value, "c": 1})}])},
            lambda key, value: f"a=1&{key}={value}",
        ],
        ids=["flat", "nested", "in JSON", "in JSON twice", "in a form"],
    )
    def test_left_out(self, key, put):
        """Whoever it is and wherever it stands, the digest is the same."""
        found = {digest(put(key, who)) for who in (4711, "4712", "bob", "b@example.org")}

        assert len(found) == 1
        assert found.isdisjoint({sha1(put(key, 4711)), sha1(put(key, "bob"))})

    @pytest.mark.parametrize(
        "value",
        [
            "marisol_quiroga",
            f"marisol_quiroga,{BLOCK}",
            "https://lms.example.org/u/marisol_quiroga?a=1",
            "marisol@example.org",
            "mailto:marisol%40example.org",
            "see a.b+c@mail.example.org, please",
        ],
    )
    def test_in_texts(self, value):
        """Names and addresses are found under keys that promise none."""
        other = value.replace("marisol_quiroga", "~").replace("marisol", "x").replace("a.b+c", "x")
        data = {"code": value, "more": [value]}

        assert digest(data) != sha1(data)
        named = event({"code": other, "more": [other]})
        named["context"]["username"] = "x"
        assert digest(data) == Source(named).digest()

    @pytest.mark.parametrize(
        "value",
        [
            "https://lms.example.org/certificates/user/{}/course/" + COURSE,
            f"/courses/{COURSE}/progress/{{}}",
            "https://x.org/u/{}",
            "https://x.org/a?uid={}&b=1",
            "https://x.org/a?b=1;u={}#c",
            "https://x.org/a#user_id={}",
            "https://x.org/a?next=%2Flogin%3Fuser_id%3D{}",
            "https://x.org/a%2Fu%252F{}/b",
            "https://x.org/members/{}/",
            "https://x.org/user-{}",
            "\\\\x.org\\user\\{}",
            ' {{"user_id": {}}}',
        ],
    )
    def test_in_addresses(self, value):
        """Documents leave out whoever is in an address; ids do not tell either."""
        put = [{"target_url": value.format(who), "a": 1} for who in (4711, 990099)]

        assert digest(put[0]) == digest(put[1])

    @pytest.mark.parametrize(
        "value",
        ["https://x.org/?entry.1={}", "https://x.org/{}/a", "{}", "of {}.", "c:l:{}", "a%2F{}%2Fb"],
    )
    @pytest.mark.parametrize("key", ["user_id", "username"])
    def test_own_names_in_texts(self, value, key):
        """The platform fills the learner's own id and name into links."""
        found = set()
        for who in ("4711", "990099"):
            named = event({"target_url": value.format(who), "grades": {who: 1}})
            named["context"][key] = int(who) if key == "user_id" else who
            found.add(Source(named).digest())

        assert len(found) == 1

    @pytest.mark.parametrize("translator", [XAPITranslator, CaliperTranslator])
    def test_links(self, translator):
        """Two links that lead to the same page, whoever is in them, have one document and id."""
        made = translator(lms_root=LMS, identity=lambda *_: id_of("somebody"))
        found = []
        for who in (4711, 990099):
            clicked = event({"target_url": f"https://survey.example.org/s?entry.1={who}"})
            clicked |= {"name": "edx.ui.lms.link_clicked"}
            clicked["context"] |= {"user_id": who}
            found.append(made.translate(clicked))

        assert found[0] == found[1]

    def test_lists_of_people(self):
        assert digest({"enrolled_users": [1, 2]}) == digest({"enrolled_users": [3]})

    @pytest.mark.parametrize("translator", [XAPITranslator, CaliperTranslator])
    def test_ids(self, translator):
        """An id does not show whom the payload names: no user id gives it but any other does."""
        made = translator(lms_root=LMS, identity=lambda *_: id_of("somebody"))
        ids = {
            made.translate(event({"id": "v", "user_id": user}))[0]["id"] for user in (4711, 4712)
        }

        assert len(ids) == 1
        assert made.translate(event({"id": "v"}))[0]["id"] in ids

    def test_live_and_logged(self):
        data = {"id": "v", "user_id": 4711, "text": "marisol_quiroga"}
        logged = {
            "event_type": "play_video",
            "time": "2025-02-03T04:05:06+00:00",
            "event": json.dumps(data),
            "username": "marisol_quiroga",
            "context": {"user_id": 4711, "course_id": COURSE},
        }

        assert Source(logged).digest() == digest(data)


class TestNobody:
    @pytest.mark.parametrize("data", NOBODY, ids=lambda each: json.dumps(each)[:40])
    def test_same_digest_as_ever(self, data):
        assert digest(data) == sha1(data)

    def test_same_id_as_ever(self):
        """Pinned: receivers know events by it."""
        translator = XAPITranslator(
            lms_root=LMS, identity=HMACIdentity("a secret that is long enough for the tests")
        )
        [statement] = translator.translate(event(NOBODY[0]))

        assert statement["id"] == "18aaddc6-06d1-55e4-9798-9072038f70c0"

    def test_payload_still_tells_apart(self):
        assert digest({"id": "v", "user_id": 1}) != digest({"id": "w", "user_id": 1})

    @pytest.mark.parametrize(
        "text",
        [
            "user" + "ids" * 20_000 + "!",
            "a" * 200_000 + " =",
            "a@" * 100_000,
            "a." * 100_000 + "@",
            "x@y" + ".a" * 100_000,
        ],
        ids=lambda each: each[:6],
    )
    def test_long_texts(self, text):
        """They take no longer than they are long."""
        digest({text: 1, "user": text, "text": text})
