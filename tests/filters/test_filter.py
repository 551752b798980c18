"""Access rules: what passes, what never passes, and what is refused when it is configured."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
import re
import sys
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from eventtracking.django.django_tracker import DjangoTracker
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit.events import CATALOGUE
from eventkit.exceptions import ConfigurationError, DropEvent
from eventkit.filters import Filter
from eventkit.filters import rules as _rules
from eventkit.filters.patterns import Glob, encoded
from eventkit.router import early_filter

COURSE = "course-v1:edX+DemoX+2024"
BLOCK = "block-v1:edX+DemoX+2024+type@problem+block@abc"


def live(name: str = "play_video", /, **parts: Any) -> dict[str, Any]:
    """Make an event as the tracker emits it; the course is one of the organisation."""
    given = parts.pop("context", {})
    org = given.get("org_id", "edX")
    context = {
        "course_id": f"course-v1:{org}+DemoX+2024" if org else COURSE,
        "org_id": "edX",
        "user_id": 7,
        "username": "alice",
        "host": "lms.example.org:8000",
        **given,
    }
    return {"name": name, "timestamp": "2024-01-02T03:04:05+00:00", "data": {}, **parts} | {
        "context": context
    }


def logged(name: str = "play_video", /, **parts: Any) -> dict[str, Any]:
    """Make the same event as a line of a tracking log holds it."""
    return {
        "event_type": name,
        "time": "2024-01-02T03:04:05+00:00",
        "event": json.dumps(parts.get("data", {})),
        "context": {"course_id": COURSE, "org_id": "edX", "user_id": 7},
        "username": "alice",
        "host": "lms.example.org:8000",
    }


SHAPES = pytest.mark.parametrize("make", [live, logged])


class TestRules:
    def test_no_rules_allow_every_event(self) -> None:
        assert Filter().accepts(live())
        assert Filter(deny=[]).accepts({})

    def test_an_empty_allow_list_allows_nothing(self) -> None:
        """A list made by a program that found nothing must not open everything."""
        assert not Filter(allow=[]).accepts(live())

    def test_all_fields_of_a_rule_must_match(self) -> None:
        both = Filter(allow=[{"event": "play_video", "org": "edX"}])

        assert both.accepts(live())
        assert not both.accepts(live("stop_video"))
        assert not both.accepts(live(context={"org_id": "MITx"}))

    def test_any_pattern_and_any_rule_is_enough(self) -> None:
        some = Filter(allow=[{"org": ["MITx", "edX"]}, {"event": "problem_check"}])

        assert some.accepts(live())
        assert some.accepts(live("problem_check", context={"org_id": "Other"}))
        assert not some.accepts(live(context={"org_id": "Other"}))

    def test_deny_wins(self) -> None:
        rules = Filter(allow=[{"org": "edX"}], deny=[{"event": "play_video"}])

        assert not rules.accepts(live())
        assert rules.accepts(live("stop_video"))

    def test_a_field_that_the_event_lacks_never_matches(self) -> None:
        for name in ("event", "course", "org", "user", "site", "activity_type", "enterprise"):
            assert not Filter(allow=[{name: "*"}]).accepts({"context": {}}), name
            assert Filter(deny=[{name: "*"}]).accepts({"context": {}}), name
        assert not Filter(allow=[{"data.mode": "*"}]).accepts(live())
        assert not Filter(allow=[{"data.mode": "*"}]).accepts(live(data={"mode": ""}))

    def test_many_rules_with_one_field_act_like_one(self) -> None:
        many = Filter(
            allow=[{"course": f"course-v1:edX+{number}+R"} for number in range(300)]
            + [{"course": "course-v1:Glob+*"}]
        )

        assert many.accepts(live(context={"course_id": "course-v1:edX+299+R"}))
        assert many.accepts(live(context={"course_id": "course-v1:Glob+x+R"}))
        assert not many.accepts(live(context={"course_id": "course-v1:edX+300+R"}))

    def test_case_counts_in_what_allows(self) -> None:
        assert not Filter(allow=[{"org": "edx"}]).accepts(live())
        assert not Filter(allow=[{"course": "course-v1:EDX+*"}]).accepts(live())
        assert not Filter(allow=[{"enterprise": "AB-1"}]).accepts(
            live(context={"enterprise_uuid": "ab-1"})
        )

    @pytest.mark.parametrize(
        "rule",
        [
            {"org": "edx"},
            {"org": "EDX"},
            {"org": "e?x"},
            {"org": "re:ed[x]"},
            {"org": r"re:\Qedx"},
            {"org": ["MITx", "EdX"], "event": "play_video"},
            {"org": "edx", "missing": "deny"},
            {"course": "course-v1:EDX+demox+2026"},
            {"course": "course-v1:edx+*"},
            {"course": "*+demoX+*"},
            {"course": r"re:course-v1:edx\+.*"},
            {"site": "re:LMS.*", "unknown": True},
            {"site": "Lms.Example.*", "unknown": True},
            {"enterprise": "6FA459EA-EE8A-3CA4-894E-DB77E160355E"},
            {"enterprise": "6FA459EA*"},
        ],
    )
    def test_case_does_not_count_in_what_denies(self, rule: dict[str, Any]) -> None:
        event = {
            "name": "play_video",
            "host": "lms.example.org",
            "context": {
                "course_id": "course-v1:edX+DemoX+2026",
                "org_id": "edX",
                "enterprise_uuid": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
            },
        }
        shouted = copy.deepcopy(event)
        shouted["host"] = "LMS.EXAMPLE.ORG"
        shouted["context"] = {key: value.upper() for key, value in event["context"].items()}
        shouted["context"]["course_id"] = "course-v1:EDX+DEMOX+2026"
        if "course" in rule or "org" in rule:
            assert Filter(deny=[rule]).accepts(
                {"name": "play_video", "context": {"course_id": "course-v1:MITz+A+1"}}
            )
        for each in (event, shouted):
            denying = Filter(deny=[rule])
            assert not denying.accepts(each)
            assert not pickle.loads(pickle.dumps(denying)).accepts(each)
            assert not any(rules.permit(_rules.Facts(each)) for rules in denying._any_of)

    def test_what_denies_still_denies_what_it_excludes(self) -> None:
        """Of characters that are left out, more are when case does not count."""
        assert not Filter(deny=[{"org": "re:[^E]d.*"}]).accepts(live(context={"org_id": "edX"}))
        assert Filter(deny=[{"org": "re:[^e]d.*"}]).accepts(live(context={"org_id": "edX"}))

    def test_case_counts_for_users_names_and_paths(self) -> None:
        event = live(name="acme.opened", context={"org_id": "edX", "user_id": 7}, username="Ann")

        for rule in ({"user": "ann"}, {"event": "Acme.*", "unknown": True}):
            assert Filter(deny=[rule]).accepts(event)
        assert Filter(deny=[{"context.org_id": "edx"}]).accepts(event)

    def test_a_translation_counts_as_the_event_it_was_made_of(self) -> None:
        """A filter behind a translator must not let through what it denies."""
        made = {"name": "play_video", "protocol": "xapi", "documents": [{}], "event": live()}

        assert not Filter(deny=[{"org": "edX"}]).accepts(made)
        assert Filter(allow=[{"org": "edX"}])(made) is made


class TestProcessor:
    def test_an_accepted_event_is_handed_on_itself_and_unchanged(self) -> None:
        event = live(data={"id": "x"})
        before = copy.deepcopy(event)

        assert Filter(allow=[{"course": "*", "data.id": "x"}])(event) is event
        assert event == before

    def test_a_filtered_event_is_dropped_with_a_reason(self) -> None:
        with pytest.raises(DropEvent) as dropped:
            Filter(allow=[])(live())

        assert dropped.value.reason == "filtered"

    def test_what_became_of_every_event_is_counted(self) -> None:
        rules = Filter(allow=[{"org": "edX"}])
        for event in (live(), live(), live(context={"org_id": "x"}), None):
            rules.accepts(event)  # type: ignore[arg-type]

        assert rules.stats() == {"accepted": 2, "filtered": 2}

    @pytest.mark.parametrize("event", [None, 3, "text", [], [live()], object()])
    def test_what_is_no_event_does_not_pass(self, event: Any) -> None:
        assert not Filter().accepts(event)

    def test_an_unexpected_error_drops_the_event_and_is_counted_and_named_without_payload(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(dict):  # type: ignore[type-arg]
            def get(self, *args: Any) -> Any:
                raise RuntimeError("alice@example.org")

        rules = Filter(deny=[{"org": "x"}])

        assert not rules.accepts(Broken(name="play_video"))
        assert rules.stats() == {"error": 1}
        assert "RuntimeError" in caplog.text
        assert "alice" not in caplog.text


class TestEventNames:
    @pytest.fixture
    def aliases(self) -> tuple[str, ...]:
        return next(row.names for row in CATALOGUE if len(row.names) > 1)

    @pytest.mark.parametrize("kind", ["exact", "glob", "re"])
    def test_every_name_of_an_event_is_matched_by_a_pattern_for_any_of_them(
        self, aliases: tuple[str, ...], kind: str
    ) -> None:
        if kind == "re":
            pytest.importorskip("re2")
        for written in aliases:
            pattern = {
                "exact": written,
                "glob": written[:-1] + "?",
                "re": f"re:^{re.escape(written)}$",
            }[kind]
            for name in aliases:
                assert Filter(allow=[{"event": pattern}]).accepts({"name": name})
                assert not Filter(deny=[{"event": pattern}]).accepts({"event_type": name})

    def test_an_unknown_name_is_matched_as_it_stands(self) -> None:
        rules = Filter(allow=[{"event": "acme.thing.done"}])

        assert rules.accepts({"name": "acme.thing.done"})
        assert rules.accepts({"name": "  acme.thing.done\n"})
        assert not rules.accepts({"name": "acme.thing.undone"})

    def test_name_wins_over_event_type(self) -> None:
        event = {"name": "edx.ui.lms.sequence.next_selected", "event_type": "acme.other"}

        assert not Filter(allow=[{"event": "acme.other"}]).accepts(event)

    def test_rules_on_names_never_look_at_anything_else(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_rules, "Source", None)
        rules = Filter(
            allow=[{"event": "*_video"}],
            deny=[{"event": "stop_video"}, {"event": "x", "unknown": True}],
        )

        assert rules.accepts(live())
        assert not rules.accepts(live("stop_video"))
        assert rules.stats() == {"accepted": 1, "filtered": 1}

    def test_names_that_start_alike_are_not_confused(self) -> None:
        long = "/courses/" + "x" * 900
        rules = Filter(allow=[{"event": f"{long}*"}], deny=[{"event": f"{long[:-20]}"}])

        assert rules.accepts({"name": long})
        assert not rules.accepts({"name": long[:-20]})
        assert not rules.accepts({"name": long[:300]})
        assert rules.accepts({"name": long})


class TestFields:
    @SHAPES
    def test_course(self, make: Any) -> None:
        assert Filter(allow=[{"course": COURSE}]).accepts(make())
        assert Filter(allow=[{"course": "course-v1:edX+*"}]).accepts(make())
        assert not Filter(allow=[{"course": "course-v1:MITx+*"}]).accepts(make())

    def test_course_is_found_in_a_usage_key_too(self) -> None:
        event = {"name": "problem_check", "data": {"problem_id": BLOCK}}

        assert Filter(allow=[{"course": COURSE, "org": "edX"}]).accepts(event)

    def test_org_comes_from_the_course_key_or_the_context(self) -> None:
        without_course = {"org_id": "Given", "course_id": ""}

        assert Filter(allow=[{"org": "Given"}]).accepts(live(context=without_course))
        assert Filter(allow=[{"org": "edX"}]).accepts(live(context={"org_id": None}))

    def test_where_organisations_differ_allow_asks_for_that_of_the_document(self) -> None:
        """The document shows the course; nothing in it is of the other."""
        torn = live(context={"org_id": "Given", "course_id": COURSE})

        assert Filter(allow=[{"org": "edX"}]).accepts(torn)
        assert not Filter(allow=[{"org": "Given"}]).accepts(torn)
        assert not Filter(deny=[{"org": "edX"}]).accepts(torn)
        assert not Filter(deny=[{"org": "Given"}]).accepts(torn)

    @SHAPES
    @pytest.mark.parametrize("pattern", [7, "7", "alice", "al*"])
    def test_user_is_the_id_or_the_username(self, make: Any, pattern: Any) -> None:
        assert Filter(allow=[{"user": pattern}]).accepts(make())
        assert not Filter(deny=[{"user": pattern}]).accepts(make())

    def test_allow_looks_at_the_learner_and_not_at_who_acts_on_them(self) -> None:
        by_staff = live("edx.course.enrollment.activated", data={"user_id": 99})

        assert Filter(allow=[{"user": 99}]).accepts(by_staff)
        assert not Filter(allow=[{"user": 7}]).accepts(by_staff)
        assert not Filter(allow=[{"user": "alice"}]).accepts(by_staff)

    @pytest.mark.parametrize("person", [7, 99, "alice", "bob", "carol"])
    def test_deny_looks_at_everybody_in_the_event(self, person: Any) -> None:
        event = live(data={"user_id": "99", "username": "bob"}) | {"username": "carol\n"}

        assert not Filter(deny=[{"user": person}]).accepts(event)
        assert Filter(deny=[{"user": 100}]).accepts(event)

    @pytest.mark.parametrize(
        "field", ["instructor_id", "attempt_user_id", "student", "target_username"]
    )
    def test_deny_looks_at_people_under_other_names_too(self, field: str) -> None:
        event = live("problem_rescore", data={field: "dora" if field[-2:] != "id" else 55})

        assert not Filter(deny=[{"user": ["dora", 55]}]).accepts(event)

    def test_allow_follows_the_learner_of_a_rescored_problem(self) -> None:
        rescored = live("problem_rescore", data={"student": "dora"})

        assert Filter(allow=[{"user": "dora"}]).accepts(rescored)
        assert not Filter(allow=[{"user": 7}]).accepts(rescored)

    @SHAPES
    @pytest.mark.parametrize("host", ["lms.example.org", "lms.example.org:8000", "*.example.org"])
    def test_site_is_the_host_with_and_without_port(self, make: Any, host: str) -> None:
        assert Filter(allow=[{"site": host}]).accepts(make())
        assert not Filter(allow=[{"site": "example.org"}]).accepts(make())

    def test_a_client_cannot_escape_a_rule_by_writing_the_host_otherwise(self) -> None:
        event = live(context={"host": "LMS.Example.org:8000"})

        assert not Filter(deny=[{"site": "lms.example.org"}]).accepts(event)

    def test_activity_type_is_the_type_of_the_block_or_the_family_of_the_event(self) -> None:
        by_block = {"name": "acme.thing.done", "data": {"usage_key": BLOCK}}

        assert Filter(allow=[{"activity_type": "problem"}]).accepts(by_block)
        assert not Filter(allow=[{"activity_type": "video"}]).accepts(by_block)
        assert Filter(allow=[{"activity_type": "video"}]).accepts({"name": "play_video"})

    def test_enterprise(self) -> None:
        number = uuid.uuid4()
        rules = Filter(allow=[{"enterprise": str(number)}])

        assert rules.accepts(live(context={"enterprise_uuid": str(number)}))
        assert rules.accepts(live(context={"enterprise_uuid": number}))
        assert not rules.accepts(live())

    @SHAPES
    @pytest.mark.parametrize(
        ("value", "pattern"),
        [
            ("audit", "audit"),
            (3, 3),
            (3, "3"),
            (2.5, "2.5"),
            (True, "true"),
            (["x", "audit"], "audit"),
            ([1, 2], 2),
        ],
    )
    def test_dotted_paths_compare_scalars_as_text_and_any_element_of_a_list(
        self, make: Any, value: Any, pattern: Any
    ) -> None:
        event = make("edx.course.enrollment.activated", data={"a": {"b": value}})

        assert Filter(allow=[{"data.a.b": pattern}]).accepts(event)
        assert Filter(allow=[{"event.a.b": pattern}]).accepts(event)
        assert not Filter(allow=[{"data.a.b": "other"}]).accepts(event)
        assert not Filter(allow=[{"data.a": "*"}]).accepts(event)
        assert not Filter(allow=[{"data.a.b.c": "*"}]).accepts(event)

    @SHAPES
    def test_dotted_paths_reach_what_log_lines_hold_at_their_root(self, make: Any) -> None:
        assert Filter(allow=[{"context.username": "alice"}]).accepts(make())

    def test_live_values_that_are_not_json_compare_as_their_text(self) -> None:
        event = live(data={"when": dt.date(2024, 1, 2)})

        assert Filter(allow=[{"data.when": "2024-01-02"}]).accepts(event)


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "text", "matches"),
        [
            ("a*", "a", True),
            ("a*", "ba", False),
            ("*a", "ba", True),
            ("*a", "ab", False),
            ("*", "anything\nat all", True),
            ("a*a", "a", False),
            ("a*a", "aa", True),
            ("ab*ba", "aba", False),
            ("a?c", "abc", True),
            ("a?c", "ac", False),
            ("a?c", "a\nc", True),
            ("*b?d*", "abcde", True),
            ("*ab*ab*", "abab", True),
            ("*ab*ab*", "aba", False),
            ("**", "", True),
            ("[ab]*", "[ab]c", True),
            ("[ab]*", "ac", False),
            ("a.*", "a.b", True),
            ("a.*", "axb", False),
        ],
    )
    def test_globs_match_all_of_a_text(self, pattern: str, text: str, matches: bool) -> None:
        assert Glob(pattern).matches(text) is matches

    @given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
    @settings(max_examples=500)
    def test_globs_mean_what_their_regular_expression_means(self, glob: str, text: str) -> None:
        meaning = glob.replace("*", ".*").replace("?", ".")

        assert Glob(glob).matches(text) == bool(re.fullmatch(meaning, text))

    def test_no_glob_is_slow(self) -> None:
        """A backtracking matcher needs longer than the universe has for this."""
        started = time.monotonic()

        assert not Glob("*a" * 400 + "*b").matches("a" * 200_000)
        assert not Glob("*" + "?" * 300 + "b").matches("a" * 20_000)
        assert time.monotonic() - started < 5

    def test_brackets_are_plain_text_also_in_exact_patterns(self) -> None:
        assert Filter(allow=[{"data.x": "a[1]"}]).accepts({"data": {"x": "a[1]"}})

    def test_a_lone_surrogate_can_be_searched(self) -> None:
        assert encoded("a\ud800b\U0001f600") == "a\ufffdb\U0001f600".encode()


class TestRegularExpressions:
    @pytest.fixture(autouse=True)
    def _re2(self) -> None:
        pytest.importorskip("re2")

    def test_match_all_of_a_text(self) -> None:
        """As globs do: a part of an organisation's name is another organisation."""
        rules = Filter(allow=[{"org": "re:edX|MITx?"}])

        assert [
            name
            for name in ("edX", "edXtra", "xedX", "edX\n2", "MIT", "MITx", "MITxx")
            if rules.accepts(live(context={"org_id": name}))
        ] == ["edX", "MIT", "MITx"]
        assert Filter(allow=[{"course": "re:.*Demo[XY].*"}]).accepts(live())
        assert not Filter(allow=[{"course": "re:Demo[XY]"}]).accepts(live())
        assert Filter(allow=[{"user": r"re:^\d+$"}]).accepts(live())
        assert Filter(allow=[{"user": r"re:\d"}]).accepts(live())

    @pytest.mark.parametrize("expression", ["a|ab", "(?:a|ab)", "a??b??", "(?m)^ab$", "ab|^a"])
    def test_the_longer_way_is_found_too(self, expression: str) -> None:
        assert Filter(allow=[{"data.x": f"re:{expression}"}]).accepts(live(data={"x": "ab"}))
        assert not Filter(allow=[{"data.x": f"re:{expression}"}]).accepts(live(data={"x": "abc"}))

    def test_no_expression_is_slow(self) -> None:
        started = time.monotonic()

        assert not Filter(allow=[{"data.x": "re:^(a+)+$"}]).accepts(
            {"data": {"x": "a" * 100_000 + "b"}}
        )
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("expression", ["(?=a)", r"(a)\1", "a{1,2000}", "(", "[", "*"])
    def test_what_re2_refuses_is_refused_with_its_reason(self, expression: str) -> None:
        with pytest.raises(ConfigurationError, match=r"deny\[1\]\.course: RE2 refuses .*: ."):
            Filter(deny=[{"org": "x"}, {"course": f"re:{expression}"}])

    def test_any_text_can_be_searched(self) -> None:
        rules = Filter(allow=[{"data.x": "re:(?s:.)"}])

        for text in ("\ud800", "\x00", "é", "\U0001f600"):
            assert rules.accepts({"data": {"x": text}}), ascii(text)


def test_without_re2_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)

    with pytest.raises(ConfigurationError, match=r"allow\[0\]\.org: .*openedx-eventkit\[re2\]"):
        Filter(allow=[{"org": "re:edX"}])


class TestConfiguration:
    @pytest.mark.parametrize(
        ("rules", "message"),
        [
            ("play_video", r"allow: expected a list of rules, got str"),
            ({"event": "x"}, r"allow: expected a list of rules, got dict"),
            (3, r"allow: expected a list of rules, got int"),
            (["x"], r"allow\[0\]: a rule maps fields to patterns, got str"),
            ([{"org": "x"}, {}], r"allow\[1\]: the rule is empty"),
            ([{"curse": "x"}], r"allow\[0\]: unknown field 'curse'; did you mean 'course'\?.*site"),
            ([{"zzz": "x"}], r"allow\[0\]: unknown field 'zzz'; a path needs a dot"),
            ([{"contxt.org_id": "x"}], r"allow\[0\]: .*did you mean 'context\.org_id'"),
            ([{"data..x": "x"}], r"allow\[0\]: unknown field"),
            ([{".x": "x"}], r"allow\[0\]: unknown field"),
            ([{3: "x"}], r"allow\[0\]: field names are text, got 3"),
            ([{"org": ""}], r"allow\[0\]\.org: a pattern is empty"),
            ([{"org": "re:"}], r"allow\[0\]\.org: a pattern is empty"),
            ([{"org": []}], r"allow\[0\]\.org: the list of patterns is empty"),
            ([{"org": None}], r"allow\[0\]\.org: nothing stands there \(null\); write a pattern"),
            ([{"org": ["x", None]}], r"allow\[0\]\.org: nothing stands there \(null\)"),
            ([None], r"allow\[0\]: a rule maps fields to patterns, got nothing \(null\)"),
            ([{"unknown": True}], r"allow\[0\]: the rule has no field"),
            ([{"org": "x", "unknown": "yes"}], r"allow\[0\]\.unknown: expected true or false, got"),
            ([{"org": "x", "unknown": 1}], r"allow\[0\]\.unknown: expected true or false, got int"),
            ([{"org": "x", "unknown": None}], r"allow\[0\]\.unknown: .*got nothing \(null\)"),
            ([{"org": "x", "unknovn": True}], r"unknown field 'unknovn'; did you mean 'unknown'"),
            ([{"org": 3}], r"allow\[0\]\.org: a pattern is text, got int; write it in quotes"),
            ([{"data.x": True}], r"allow\[0\]\.data\.x: .*got bool"),
            ([{"user": 1.5}], r"allow\[0\]\.user: .*whole number, got float"),
            ([{"user": {"id": 3}}], r"allow\[0\]\.user: .*got dict"),
            ([{"org": "x" * 1001}], r"allow\[0\]\.org: a pattern has 1001 characters"),
        ],
    )
    def test_a_bad_rule_is_refused_with_its_place_and_the_remedy(
        self, rules: Any, message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            Filter(allow=rules)
        with pytest.raises(ConfigurationError, match=message.replace("allow", "deny")):
            Filter(deny=rules)


class TestPickling:
    def test_a_filter_works_in_another_process(self) -> None:
        pytest.importorskip("re2")
        rules = Filter(
            allow=[{"course": "re:course-v1:edX.*", "event": ["*_video", "problem_check"]}],
            deny=[{"user": 8}],
        )
        rules.accepts(live())
        events = [live(), live("problem_check"), live("other"), live(context={"user_id": 8})]

        with ProcessPoolExecutor(1) as pool:
            assert list(pool.map(rules.accepts, events)) == [True, True, False, False]

    @pytest.mark.parametrize(
        "made",
        [
            Filter(allow=[{"org": "e*"}], deny=[{"user": "bob"}]),
            Filter.from_match_params({"name": "^play", "context.org_id": ["edX", ".*x$"]}),
            Filter.any_of([]),
        ],
    )
    def test_every_kind_of_filter_pickles(self, made: Filter) -> None:
        again = pickle.loads(pickle.dumps(made))

        for event in (live(), live("stop"), live(context={"username": "bob"})):
            assert again.accepts(event) == made.accepts(event)


@dataclass
class Receiver:
    """A stand-in with what the early filter looks at in a consumer."""

    filter: Filter
    enabled: bool = True
    seen: list[Any] = field(default_factory=list)


NAMES = st.sampled_from(["play_video", "edx.video.played", "problem_check", "acme.x", ""])
WORDS = st.sampled_from(["edX", "MITx", "alice", "7", "a", "b"])
VALUES = st.none() | st.booleans() | st.integers() | WORDS | st.lists(WORDS, max_size=2)
PATTERNS = WORDS | st.sampled_from(["*", "e*", "?", "*X", "play_video", "*_video"])
RULES = st.lists(
    st.dictionaries(
        st.sampled_from(["event", "org", "user", "course", "site", "data.x", "context.y"]),
        PATTERNS | st.lists(PATTERNS, min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ),
    max_size=4,
)
DENIALS = RULES.map(lambda some: [{**rule, "unknown": True} for rule in some])
FILTERS = st.builds(lambda a, d: Filter(allow=a, deny=d), st.none() | RULES, st.none() | DENIALS)
EVENTS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "data": st.dictionaries(st.sampled_from(["x", "user_id", "username"]), VALUES),
        "context": st.dictionaries(
            st.sampled_from(["org_id", "y", "user_id", "username", "host", "course_id"]), VALUES
        ),
    },
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROOT = st.sampled_from(
    ["name", "event_type", "event", "data", "context", "username", "host", "time", "documents"]
)


class TestEarlyFilter:
    @given(st.lists(st.builds(Receiver, FILTERS, st.booleans()), max_size=5), EVENTS)
    @settings(max_examples=500)
    def test_passes_what_some_enabled_consumer_may_have_and_nothing_else(
        self, consumers: list[Receiver], event: dict[str, Any]
    ) -> None:
        wanted = any(c.enabled and c.filter.accepts(event) for c in consumers)

        assert early_filter(consumers=consumers, reload=None).accepts(event) == wanted

    def test_passes_nothing_when_no_consumer_is_enabled(self) -> None:
        assert not early_filter(consumers=[], reload=None).accepts(live())
        disabled = [Receiver(Filter(), enabled=False)]
        assert not early_filter(consumers=disabled, reload=None).accepts(live())

    def test_of_early_filters_works_too(self) -> None:
        inner = early_filter(consumers=[Receiver(Filter(deny=[{"org": "edX"}]))], reload=None)

        outer = early_filter(consumers=[Receiver(inner), Receiver(Filter(allow=[]))], reload=None)

        assert not outer.accepts(live())
        assert outer.accepts(live(context={"org_id": "MITx"}))

    def test_reads_consumers_as_a_settings_file_has_them(self) -> None:
        consumer = {
            "id": "one",
            "protocol": "xapi",
            "url": "https://lrs.example.org/xapi",
            "allow": [{"org": "edX"}],
        }

        early = early_filter(consumers=[consumer], reload=None)

        assert early.accepts(live())
        assert not early.accepts(live(context={"org_id": "MITx"}))


@given(FILTERS, JSON | st.dictionaries(ROOT | st.text(), JSON))
@settings(max_examples=500)
def test_accepts_never_raises_and_never_changes_the_event(rules: Filter, event: Any) -> None:
    before = repr(event)

    assert rules.accepts(event) in (True, False)
    assert repr(event) == before


class TestMatchParams:
    """What event-routing-backends routes passes; each fact was taken from running it."""

    def accepts(self, params: Any, event: dict[str, Any]) -> bool:
        return Filter.from_match_params(params).accepts(event)

    def test_no_parameters_route_everything(self) -> None:
        assert self.accepts({}, live())

    def test_all_parameters_must_match_and_any_expression_of_a_list(self) -> None:
        params = {"name": "video", "context.org_id": ["MITx", "edX"]}

        assert self.accepts(params, live())
        assert not self.accepts(params, live("problem_check"))
        assert not self.accepts(params, live(context={"org_id": "other"}))

    def test_expressions_are_found_anywhere(self) -> None:
        assert self.accepts({"name": "lay_vid"}, live())
        assert self.accepts({"name": "^play"}, live())
        assert not self.accepts({"name": "^lay"}, live())
        assert self.accepts({"name": "play.video"}, live())
        assert self.accepts({"name": ""}, live())

    def test_stars_are_those_of_regular_expressions(self) -> None:
        assert self.accepts({"context.course_id": r"course-v1:edX\+.*"}, live())
        assert not self.accepts({"context.course_id": "course*edX"}, live())

    @pytest.mark.parametrize("pattern", [None, 7, True, {"a": "b"}, ["a"], 1.5])
    def test_what_is_no_text_never_matches(
        self, pattern: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert not self.accepts({"context.user_id": [pattern]}, live())
        assert "never matches" in caplog.text
        assert not self.accepts({"name": []}, live())

    def test_values_that_are_no_text_never_match(self) -> None:
        assert not self.accepts({"context.user_id": "7"}, live())
        assert not self.accepts({"data.x": "true"}, live(data={"x": True}))
        assert not self.accepts({"data.x": "a"}, live(data={"x": ["a"]}))
        assert not self.accepts({"data.x.y": ""}, live(data={"x": "text"}))
        assert not self.accepts({"data.y": ""}, live())

    def test_names_are_taken_as_they_stand(self) -> None:
        assert not self.accepts({"name": "^edx.video.played$"}, live("play_video"))

    def test_a_dollar_also_matches_before_a_last_line_feed(self) -> None:
        for params in ({"data.x": "^ab$"}, {"data.x": "(a|aa)+b$"}):
            assert self.accepts(params, live(data={"x": "ab\n"}))
            assert not self.accepts(params, live(data={"x": "ab\nc"}))

    def test_classes_are_those_of_unicode(self) -> None:
        for expression in (r"^\w$", r"(\w)+$"):
            assert self.accepts({"data.x": expression}, live(data={"x": "é"}))
        for expression in (r"^\d$", r"^(\d+)+$"):
            assert self.accepts({"data.x": expression}, live(data={"x": "\u0663"}))

    def test_case_is_ignored_as_python_does(self) -> None:
        for expression in ("(?i)^[h-l]$", "(?i)(k+)+$"):
            assert self.accepts({"data.x": expression}, live(data={"x": "\u212a"}))  # Kelvin

    def test_lines_of_a_log_are_read_as_its_log_reader_brings_them_into_shape(self) -> None:
        line = logged("edx.course.enrollment.activated", data={"mode": "audit"})

        assert self.accepts({"data.mode": "audit"}, line)
        assert self.accepts({"timestamp": "^2024"}, line)
        assert not self.accepts({"name": "enrollment"}, line)
        assert self.accepts({"data": "^no json"}, line | {"event": "no json"})
        assert not self.accepts({"data.mode": "audit"}, line | {"event": ["audit"]})

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            (None, "expected an object"),
            ([], "expected an object"),
            ({"match_params": {"name": "x"}}, "whole router configuration"),
            ({"name": "("}, r"match_params\['name'\]: '\(' is no regular expression"),
            ({"name": "x" * 1001}, "1001 characters"),
            ({"name": "(a+)+(?=b)"}, "no equal that runs in linear time"),
            ({"name": r"(a+)\1"}, "no equal that runs in linear time"),
            ({"name": r"(a+)+\b"}, "word boundaries"),
            ({"name": r"(a+)+$\n"}, "must be the last"),
            ({"name": r"(a+)+[^\D\n]"}, "in it"),
        ],
    )
    def test_what_cannot_be_reproduced_is_refused(self, params: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            Filter.from_match_params(params)

    @pytest.mark.parametrize(
        "expression",
        [
            "play_video",
            "^edx.course",
            "^(play|pause|stop)_video$",
            ".*video",
            "course-v1:edX.*",
            "^course-v1:edX.*2024$",
            r"edX\+DemoX",
            "(?i)demo",
            "a{3}b?",
        ],
    )
    def test_plain_expressions_need_no_extra(
        self, expression: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "re2", None)

        Filter.from_match_params({"name": expression})

    @pytest.mark.parametrize("expression", ["(a+)+$", "a.*b", ".*.*.*x", "(a|a)*$", "^a*a*b"])
    def test_expressions_that_might_be_slow_do(
        self, expression: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "re2", None)

        with pytest.raises(ConfigurationError, match=r"openedx-eventkit\[re2\]"):
            Filter.from_match_params({"name": expression})

    @given(
        st.text("ab.*+?()|^$[]\\d\n", max_size=12),
        st.text("abk1\n ", max_size=8),
    )
    @settings(max_examples=1000, deadline=None)
    def test_answers_are_those_of_pythons_search(self, expression: str, text: str) -> None:
        pytest.importorskip("re2")
        try:
            rules = Filter.from_match_params({"data.x": expression})
        except ConfigurationError:
            return

        assert rules.accepts({"data": {"x": text}}) == bool(re.search(expression, text))

    @pytest.mark.parametrize(
        "expression",
        [
            r"^\w$",
            r"^\W$",
            r"^\d$",
            r"^[\D]$",
            r"^[^\D]$",
            r"^\s$",
            r"^[a\S]$",
            r"^[^a]$",
            r"^[^a-z]$",
            "^.$",
            "(?s)^.$",
            "(?m)^b$",
            "(?m)a$",
            r"\Aa\Z",
            r"a\Z",
            r"(?a)^\w$",
            "(?i)^k$",
            "(?i)^[^k]$",
            "(?i)^[a-z]$",
            "^(?i:S)$",
            "^(?:a|bb?|c{2,})$",
            "^a*?b$",
            "a$|^b",
            "^[.^$]$",
        ],
    )
    def test_what_re2_runs_gives_pythons_answers(self, expression: str) -> None:
        """The part in front matches nothing, and keeps Python's engine from being used."""
        pytest.importorskip("re2")
        flags, rest = re.fullmatch(r"(\(\?[ims]\)|\(\?a\)|)(.*)", expression).groups()  # type: ignore[union-attr]
        source = f"{flags}(?:(?:q+)*(?:{rest}))"
        rules = Filter.from_match_params({"data.x": source})
        assert "LinearExpression" in repr(rules._any_of[0].allowed)

        texts = ["a", "b", "bb", "c", "cc", "ab", "aab", "a\n", "\n", "a\nb", "a\nb\n", " ", "\x1c"]
        texts += [
            "A",
            "k",
            "K",
            "\u212a",
            "s",
            "\u017f",
            "é",
            "É",
            "_",
            "5",
            "\u0663",
            "²",
            ".",
            "^",
        ]
        for text in texts:
            got = rules.accepts({"data": {"x": text}})
            assert got == bool(re.search(source, text)), ascii(text)

    def test_no_expression_is_slow(self) -> None:
        pytest.importorskip("re2")
        text = "a" * 50_000 + "b"
        started = time.monotonic()

        for expression in ("(a+)+$", "^a.*c$", "a.*c", "^(a|aa)b", "(a|aa)+$", ".*c", "a{50}c"):
            assert not self.accepts({"data.x": expression}, {"data": {"x": text}})
        assert time.monotonic() - started < 5


def test_the_early_filter_can_stand_in_a_settings_file(tmp_path: Any) -> None:
    """event-tracking makes it from ENGINE and OPTIONS, with the path of the consumers file."""
    path = tmp_path / "consumers.json"
    consumer = {"id": "a", "protocol": "xapi", "url": "log:x", "allow": [{"org": "edX"}]}
    path.write_text(json.dumps([consumer]), encoding="utf-8")
    tracker = object.__new__(DjangoTracker)  # its constructor wants the settings of a whole site
    settings = [
        {"ENGINE": "eventkit.router.early_filter", "OPTIONS": {"consumers": str(path)}},
    ]
    (early,) = tracker._instantiate_objects(settings)

    assert early.accepts({"name": "play_video", "context": {"org_id": "edX"}})
    assert not early.accepts({"name": "play_video", "context": {"org_id": "MITx"}})


class TestEarlyFilterStaysUpToDate:
    """What consumers may have changes while the process runs."""

    @staticmethod
    def write(path: Any, org: str) -> None:
        settings = [{"id": "a", "protocol": "xapi", "url": "file:/x", "allow": [{"org": org}]}]
        path.write_text(json.dumps(settings))

    @staticmethod
    def until_accepts(early: Any, org: str) -> None:
        end = time.monotonic() + 10
        while not early.accepts({"name": "x", "context": {"org_id": org}}):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.005)

    def test_a_file_that_changes(self, tmp_path: Any) -> None:
        """New rules hold soon; nobody waits for them."""
        path = tmp_path / "consumers.json"
        self.write(path, "edX")
        early = early_filter(consumers=path, reload=0.01)
        assert early({"name": "x", "context": {"org_id": "edX"}})
        with pytest.raises(DropEvent):
            early({"name": "x", "context": {"org_id": "MITx"}})
        self.write(path, "MITx")
        self.until_accepts(early, "MITx")

        assert not early.accepts({"name": "x", "context": {"org_id": "edX"}})
        assert early.stats()["accepted"] >= 1

    def test_a_file_that_breaks(self, tmp_path: Any, caplog: Any) -> None:
        """The rules of before hold, a warning says so, and a corrected file counts again."""
        path = tmp_path / "consumers.json"
        self.write(path, "edX")
        early = early_filter(consumers=path, reload=0.01)
        path.write_text("nonsense")
        end = time.monotonic() + 10
        while "their rules stay" not in caplog.text:
            assert early.accepts({"name": "x", "context": {"org_id": "edX"}})
            assert time.monotonic() < end, "waited in vain"
        self.write(path, "MITx")

        self.until_accepts(early, "MITx")

    def test_no_reload(self, tmp_path: Any) -> None:
        """On request the rules are read once."""
        path = tmp_path / "consumers.json"
        self.write(path, "edX")

        assert isinstance(early_filter(consumers=path, reload=None), Filter)

    @pytest.mark.parametrize("value", [0, -1, True, "soon", float("nan")])
    def test_wrong_reload(self, tmp_path: Any, value: Any) -> None:
        path = tmp_path / "consumers.json"
        self.write(path, "edX")
        with pytest.raises(ConfigurationError, match="reload: expected a number"):
            early_filter(consumers=path, reload=value)


class TestMissing:
    """``missing: deny``: what a rule that denies makes of an event that lacks its fields."""

    @pytest.mark.parametrize(
        "rule",
        [
            {"course": "course-v1:MITx+A+B"},
            {"org": "MITx"},
            {"user": 5},
            {"site": "x.example.org"},
            {"enterprise": "e"},
            {"data.mode": "audit"},
            {"activity_type": "video", "unknown": True},
            {"event": "acme.*", "unknown": True},
            {"course": "course-v1:MITx+A+B", "org": "MITx"},
        ],
    )
    def test_the_rule_holds_where_the_field_is_lacking(self, rule: Any) -> None:
        assert Filter(deny=[rule]).accepts({"context": {}})
        assert not Filter(deny=[{**rule, "missing": "deny"}]).accepts({"context": {}})

    def test_each_of_several_fields_must_match_or_be_lacking(self) -> None:
        rules = Filter(deny=[{"event": "play_video", "course": COURSE, "missing": "deny"}])
        nowhere: Any = {"course_id": None, "org_id": None}

        assert not rules.accepts(live())
        assert not rules.accepts(live(context=nowhere))
        assert rules.accepts(live("problem_check", context=nowhere))
        assert rules.accepts(live(context={"course_id": "course-v1:edX+Other+1"}))

    def test_what_documents_do_not_show_is_lacking_though_it_is_named(self) -> None:
        """That a link leads to some course does not tell of which course the event is."""
        rules = Filter(deny=[{"course": "course-v1:MITx+A+B", "missing": "deny"}])
        link = {"target_url": f"https://x.example.org/courses/{COURSE}/about"}

        assert not rules.accepts({"name": "edx.ui.lms.link_clicked", "data": link})

    def test_other_rules_are_as_before(self) -> None:
        rules = Filter(deny=[{"course": "*", "event": "a*", "unknown": True}])

        assert rules.accepts({"name": "a"})

    @pytest.mark.parametrize("value", ["allow", True, None, 1])
    def test_any_other_value_is_an_error(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"deny\[0\]\.missing: expected \"deny\", got"):
            Filter(deny=[{"org": "x", "missing": value}])

    def test_rules_that_allow_have_no_use_for_it(self) -> None:
        with pytest.raises(ConfigurationError, match=r"allow\[0\]\.missing: only rules that deny"):
            Filter(allow=[{"org": "x", "missing": "deny"}])

    def test_survives_pickling(self) -> None:
        made = pickle.loads(pickle.dumps(Filter(deny=[{"org": "x", "missing": "deny"}])))

        assert not made.accepts({"name": "play_video"})


def test_what_one_of_several_cannot_read_costs_the_others_nothing() -> None:
    """Also where both have to read something, so that no index can tell."""

    class Unreadable:
        def __str__(self) -> str:
            raise RuntimeError

    odd = live("play_video", data={"x": Unreadable()})
    strict = Filter(deny=[{"org": "MITx"}])
    several = Filter.any_of([strict, Filter(allow=[{"org": "edX"}, {"data.x": "*"}])])

    assert not strict.accepts(odd)
    assert several.accepts(odd)
    assert several.explain(odd).rule == "allow[0]"
    assert strict.explain(odd).reason == "unreadable"
