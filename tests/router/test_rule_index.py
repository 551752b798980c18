"""Routing by rules: everybody gets what their rules say, and nobody pays for the others."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from eventkit.consumers import Consumer
from eventkit.filters import Filter
from eventkit.filters import index as _rule_index
from eventkit.filters.index import Index
from eventkit.filters.patterns import Glob
from eventkit.filters.rules import Facts, Rule, Rules
from eventkit.router.rule_index import RuleIndex

BLOCK = "block-v1:edX+DemoX+2024+type@problem+block@abc"


def consumer(name: str, /, **settings: Any) -> Consumer:
    return Consumer(id=name, protocol="xapi", url="log:events", **settings)


def event(name: str = "play_video", /, **context: Any) -> dict[str, Any]:
    """Make an event; the course is one of the organisation."""
    return {
        "name": name,
        "data": {},
        "context": {
            "course_id": f"course-v1:{context.get('org_id', 'edX')}+DemoX+2024",
            "org_id": "edX",
            "user_id": 7,
            "username": "alice",
            "host": "lms.example.org:8000",
            **context,
        },
    }


def ids(index: RuleIndex, event: Any) -> list[str]:
    return [found.id for found in index.matching(event)]


def courses(number: int) -> list[Consumer]:
    """Make consumers of one course each; the first one is that of `event`."""
    return [consumer("c0", allow=[{"course": "course-v1:edX+DemoX+2024"}])] + [
        consumer(f"c{n}", allow=[{"course": f"course-v1:edX+DemoX+{n}"}]) for n in range(1, number)
    ]


class TestAnswers:
    def test_are_consumers_in_their_order(self) -> None:
        some = [
            consumer("z"),
            consumer("other", allow=[{"org": "MITx"}]),
            consumer("a", allow=[{"org": "edX"}]),
            consumer("m", allow=[{"course": "*"}], deny=[{"user": "bob"}]),
        ]

        assert RuleIndex(some).matching(event()) == [some[0], some[2], some[3]]
        assert RuleIndex([]).matching(event()) == []

    def test_belong_to_whoever_asked_for_them(self) -> None:
        index = RuleIndex([consumer("a")])
        index.matching(event()).clear()

        assert ids(index, event()) == ["a"]

    def test_no_list_allows_all_and_an_empty_one_nothing(self) -> None:
        index = RuleIndex([consumer("all"), consumer("none", allow=[]), consumer("too", deny=[])])

        assert ids(index, event()) == ["all", "too"]
        assert ids(index, {}) == ["all", "too"]

    def test_deny_wins_and_only_for_those_who_deny(self) -> None:
        index = RuleIndex(
            [
                consumer("a", allow=[{"org": "edX"}], deny=[{"user": "alice"}]),
                consumer("b", allow=[{"org": "edX"}], deny=[{"event": "play_video"}]),
                consumer("c", deny=[{"event": "play_video", "org": "MITx"}]),
                consumer("d", allow=[{"org": "edX"}]),
            ]
        )

        assert ids(index, event()) == ["c", "d"]
        assert ids(index, event("stop_video", username="bob", user_id=8)) == ["a", "b", "c", "d"]
        assert ids(index, event(org_id="MITx", username="bob", user_id=8)) == []

    def test_all_fields_of_a_rule_must_match_and_any_rule_of_a_list(self) -> None:
        index = RuleIndex(
            [
                consumer("a", allow=[{"org": "MITx", "user": 7}, {"org": "edX", "user": "bob"}]),
                consumer("b", allow=[{"org": "MITx", "user": 7}, {"org": "edX", "user": "alice"}]),
            ]
        )

        assert ids(index, event()) == ["b"]

    @pytest.mark.parametrize(
        ("rule", "yes", "no"),
        [
            ({"event": "edx.video.played"}, event("play_video"), event("stop_video")),
            ({"event": "edx.video.play?d"}, event("play_video"), event("stop_video")),
            ({"course": "course-v1:edX+*"}, event(), event(course_id="course-v1:MITx+a+b")),
            ({"course": "course-v1:edX+DemoX+2024"}, {"data": {"id": BLOCK}}, {"data": {}}),
            ({"org": "edX"}, event(), event(org_id="MITx")),
            ({"user": 7}, event(), event(user_id=8)),
            ({"user": "alice"}, event(), event(username="bob")),
            ({"site": "lms.example.org"}, event(), event(host="studio.example.org")),
            ({"site": "lms.*"}, event(host="LMS.example.org"), event(host=None)),
            ({"activity_type": "video"}, event(), event("acme.thing")),
            ({"activity_type": "problem"}, {"data": {"id": BLOCK}}, event()),
            ({"enterprise": "e-1"}, event(enterprise_uuid="e-1"), event()),
            ({"data.a.b": [3, "x"]}, {"data": {"a": {"b": [1, 3]}}}, {"data": {"a": {"b": [1]}}}),
            ({"event.a": "true"}, {"event": '{"a": true}'}, {"event": '{"a": 1}'}),
            ({"context.mode": "*"}, event(mode="audit"), event(mode="")),
        ],
    )
    def test_for_every_kind_of_field(self, rule: Any, yes: Any, no: Any) -> None:
        allow, deny = consumer("allow", allow=[rule]), consumer("deny", deny=[rule])
        index = RuleIndex([allow, deny])

        for _ in range(2):
            assert ids(index, yes) == ["allow"]
            assert ids(index, no) == ["deny"]

    def test_for_regular_expressions(self) -> None:
        pytest.importorskip("re2")
        index = RuleIndex([consumer("a", allow=[{"course": r"re:.*\+2024$", "user": r"re:^\d+$"}])])

        assert ids(index, event()) == ["a"]
        assert ids(index, event(course_id="course-v1:edX+DemoX+2025")) == []

    def test_deny_looks_at_everybody_and_allow_at_the_learner(self) -> None:
        by_staff = {**event("edx.course.enrollment.activated"), "data": {"user_id": 99}}
        index = RuleIndex(
            [
                consumer("learner", allow=[{"user": 99}]),
                consumer("staff", allow=[{"user": 7}]),
                consumer("not staff", deny=[{"user": "alice"}]),
                consumer("nor learner", deny=[{"user": 99}]),
                consumer("anybody else", deny=[{"user": 100}]),
            ]
        )

        assert ids(index, by_staff) == ["learner", "anybody else"]

    def test_of_a_translation_are_those_of_its_event(self) -> None:
        index = RuleIndex(
            [consumer("a", allow=[{"org": "edX"}]), consumer("b", deny=[{"org": "*"}])]
        )
        made = {"name": "play_video", "protocol": "xapi", "documents": [{}], "event": event()}

        assert ids(index, made) == ["a"]

    @pytest.mark.parametrize("what", [None, 3, "text", [], [event()], object()])
    def test_of_what_is_no_event_are_nobody(self, what: Any) -> None:
        assert RuleIndex([consumer("a")]).matching(what) == []

    def test_leave_the_event_as_it_was(self) -> None:
        given = event()
        before = copy.deepcopy(given)

        assert ids(RuleIndex(courses(2)), given) == ["c0"]
        assert given == before

    def test_of_code_of_ones_own_are_not_skipped(self) -> None:
        class Picky(Consumer):
            def accepts(self, event: Any) -> bool:
                return event.get("name") != "play_video" and super().accepts(event)

        class Stern(Filter):
            def accepts(self, event: Any) -> bool:
                return False

        stern = consumer("stern")
        object.__setattr__(stern, "filter", Stern())
        picky = Picky(id="picky", protocol="xapi", url="log:events", deny=[{"org": "MITx"}])
        index = RuleIndex([consumer("a"), picky, stern, consumer("b")])

        assert ids(index, event()) == ["a", "b"]
        assert ids(index, event("stop_video")) == ["a", "picky", "b"]
        assert ids(index, event("stop_video", org_id="MITx")) == ["a", "b"]


class TestOddEvents:
    def test_a_value_that_cannot_be_read_costs_only_those_who_must_read_it(self) -> None:
        class Unreadable:
            def __str__(self) -> str:
                raise RuntimeError

        odd = {**event(), "data": {"x": Unreadable()}}
        some = [
            consumer("reader", allow=[{"data.x": "*"}]),
            consumer("other", allow=[{"org": "edX"}]),
            consumer("decided", allow=[{"org": "edX"}, {"data.x": "*"}]),
            consumer("denier", deny=[{"data.x": "*"}]),
        ]

        assert ids(RuleIndex(some), odd) == ["other", "decided"]
        assert some[0].filter.stats() == {"error": 1}
        assert some[3].filter.stats() == {"error": 1}

    def test_an_event_that_is_broken_altogether_is_for_nobody_who_has_rules(self) -> None:
        class Broken(dict):  # type: ignore[type-arg]
            def get(self, *args: Any) -> Any:
                raise RuntimeError

        index = RuleIndex([consumer("a", allow=[{"org": "edX"}]), consumer("b")])

        assert ids(index, Broken(name="play_video")) == []

    def test_a_text_that_only_claims_to_be_another_is_not_remembered_for_it(self) -> None:
        class Liar(str):
            __slots__ = ()

            def __eq__(self, other: object) -> bool:
                return other == "edX"

            def __hash__(self) -> int:
                return hash("edX")

        index = Index([Filter.from_match_params({"org": "^MIT"})._any_of])

        assert index.find(Facts({"org": Liar("MITx")})) == (0,)
        assert index.find(Facts({"org": "edX"})) == ()


class TestReducing:
    """What the name alone decides is not asked again."""

    @pytest.fixture
    def read(self, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
        found: Counter[str] = Counter()
        plain = _rule_index._Field.mask

        def mask(self: Any, source: Any) -> int:
            found[self._read.__name__] += 1
            return plain(self, source)

        monkeypatch.setattr(_rule_index._Field, "mask", mask)
        return found

    @pytest.mark.parametrize(
        ("rules", "fields"),
        [
            (Filter(), {}),
            (Filter(allow=[]), {}),
            (Filter(allow=[{"event": "*_video"}]), {}),
            (Filter(allow=[{"event": "*_video"}, {"org": "edX"}]), {}),
            (Filter(allow=[{"event": "problem_check", "org": "edX"}]), {}),
            (Filter(allow=[{"org": "edX"}], deny=[{"event": "play_video"}]), {}),
            (Filter(allow=[{"org": "edX"}], deny=[{"event": "stop_*", "user": 7}]), {"org": 1}),
            (Filter(allow=[{"event": "*_video"}], deny=[{"user": 8}]), {"people": 1}),
            (Filter(allow=[{"org": "MITx"}], deny=[{"user": 8}]), {"org": 1}),
            (Filter(allow=[{"org": "edX"}], deny=[{"user": 8}]), {"org": 1, "people": 1}),
            (Filter(orgs=["MITx"]), {"org_in_lower": 1}),
            (Filter(orgs=["MITx"], allow=[{"event": "*_video"}]), {"org_in_lower": 1}),
            (Filter(orgs=["MITx"], allow=[{"event": "problem_check"}]), {}),
        ],
    )
    def test_only_fields_that_can_matter_are_read(
        self, rules: Filter, fields: dict[str, int], read: Counter[str]
    ) -> None:
        rules.accepts(event())

        assert read == fields

    def test_an_open_consumer_makes_the_early_filter_ask_nothing(self, read: Counter[str]) -> None:
        some = [consumer("a", allow=[{"org": "MITx"}], deny=[{"user": 7}]), consumer("b")]

        assert Filter.any_of(each.filter for each in some).accepts(event())
        assert not read

    def test_what_only_deniers_ask_for_is_not_read_for_an_event_that_nobody_may_have(
        self, read: Counter[str]
    ) -> None:
        index = RuleIndex(
            [
                consumer("a", allow=[{"org": "MITx"}], deny=[{"user": 7}]),
                consumer("b", allow=[{"course": "course-v1:MITx+*"}], deny=[{"site": "x"}]),
            ]
        )

        assert index.matching(event()) == []
        assert read == {"org": 1, "course": 1}

    def test_a_rule_without_patterns_never_matches(self) -> None:
        index = Index([Filter.from_match_params({"name": [None]})._any_of])

        assert index.find(Facts(event())) == ()


class TestCost:
    """How much is done is counted, so that no clock is needed."""

    @pytest.fixture
    def tried(self, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
        found: Counter[str] = Counter()
        plain = Glob.matches

        def matches(self: Glob, text: str) -> bool:
            found[text] += 1
            return plain(self, text)

        monkeypatch.setattr(Glob, "matches", matches)
        return found

    def test_texts_that_were_seen_try_no_pattern_in_whatever_combination(
        self, tried: Counter[str]
    ) -> None:
        index = RuleIndex(
            [
                consumer(
                    f"c{n}",
                    allow=[{"event": f"*_{n}", "org": f"{n}*"}, {"data.x": f"?{n}"}],
                    deny=[{"user": f"*-{n}"}],
                )
                for n in range(20)
            ]
        )
        index.matching({**event("p_1", username="u-1", user_id=1, org_id="1x"), "data": {"x": "a"}})
        index.matching({**event("p_2", username="u-2", user_id=2, org_id="2x"), "data": {"x": "b"}})
        index.matching({**event("p_2", username="u-1", user_id=1, org_id="2x"), "data": {"x": "a"}})
        assert set(tried) > {"p_1", "p_2", "u-1", "1", "1x", "2x", "a", "b"}
        tried.clear()

        assert ids(
            index, {**event("p_1", username="u-2", user_id=2, org_id="1x"), "data": {"x": "b"}}
        ) == ["c1"]
        assert (
            ids(index, {**event("p_2", username="u-2", user_id=2, org_id="2x"), "data": {"x": "a"}})
            == []
        )
        assert not tried

    def test_one_pattern_of_many_consumers_is_tried_once(self, tried: Counter[str]) -> None:
        index = RuleIndex(
            [consumer(f"c{n}", allow=[{"event": "acme.*", "org": str(n)}]) for n in range(50)]
        )

        assert ids(index, event("acme.done", org_id="7")) == ["c7"]
        assert tried == {"acme.done": 1}

    def test_exact_texts_are_looked_up_also_when_they_are_new(self) -> None:
        one, many = RuleIndex(courses(1)), RuleIndex(courses(1000))
        others = [event(course_id=f"course-v1:Else+{n}") for n in range(20)]
        for index in (one, many):
            index.matching(event())
        for other in others:
            assert Facts(other).source.course_id  # which is remembered of all events

        assert calls(lambda: [many.matching(other) for other in others]) == calls(
            lambda: [one.matching(other) for other in others]
        )

    def test_an_event_is_not_dearer_with_a_thousand_consumers_than_with_one(self) -> None:
        one, many = RuleIndex(courses(1)), RuleIndex(courses(1000))
        for index in (one, many):
            index.matching(event())

        assert calls(lambda: many.matching(event())) == calls(lambda: one.matching(event()))

    def test_nor_when_all_of_them_deny_it(self) -> None:
        one, many = (
            RuleIndex([consumer(f"c{n}", deny=[{"org": "edX"}]) for n in range(number)])
            for number in (1, 1000)
        )
        for index in (one, many):
            index.matching(event())

        assert calls(lambda: many.matching(event())) == calls(lambda: one.matching(event()))


def calls(run: Callable[[], Any]) -> int:
    """Count the functions that *run* calls, written in Python or in C."""
    count = 0

    def note(frame: Any, what: str, argument: Any) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


class TestMemory:
    def memories(self, index: Index) -> list[Any]:
        return [
            index._plans,
            index._reduced,
            index._answers,
            *(field._memory for field in index._fields.values()),
        ]

    def test_any_number_of_different_texts_takes_bounded_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_rule_index, "_ROOM", 100_000)
        rules = Filter(allow=[{"event": "/courses/*"}, {"data.x": "*"}], deny=[{"user": "bob"}])
        for number in range(3000):
            assert rules.accepts({"name": f"/courses/{number}", "data": {"x": f"x{number}"}})
            assert rules.accepts({"name": "acme", "data": {"x": f"x{number}"}})

        for memory in self.memories(rules._index):
            size = sum(map(sys.getsizeof, memory.known))
            assert size < 100_000

    def test_with_many_rules_less_is_remembered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_rule_index, "_ROOM", 50_000)
        rules = Filter(
            allow=[{"course": f"course-v1:edX+DemoX+{n}", "user": 7} for n in range(5000)]
        )
        for number in range(4830, 5000):
            assert rules.accepts(event(course_id=f"course-v1:edX+DemoX+{number}"))

        for memory in self.memories(rules._index):
            assert sum(map(sys.getsizeof, (*memory.known, *memory.known.values()))) < 50_000

    def test_long_texts_are_judged_and_not_kept(self) -> None:
        rules = Filter(allow=[{"event": "/courses/*x"}], deny=[{"data.x": "*b"}])

        for _ in range(2):
            assert rules.accepts({"name": "/courses/" + "x" * 100_000, "data": {"x": "a" * 5000}})
            assert not rules.accepts({"name": "/courses/x", "data": {"x": "a" * 5000 + "b"}})
        for memory in self.memories(rules._index):
            assert all(len(key) < 1000 for key in memory.known if isinstance(key, str))

    def test_a_full_memory_begins_anew_and_answers_are_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_rule_index, "_ROOM", 1000)
        index = RuleIndex(courses(10))

        for _ in range(3):
            for number in range(1, 10):
                wanted = event(course_id=f"course-v1:edX+DemoX+{number}")
                assert ids(index, wanted) == [f"c{number}"]

    def test_a_filter_is_pickled_without_what_it_has_seen(self) -> None:
        rules = Filter(allow=[{"course": "course-v1:*"}])
        before = len(pickle.dumps(rules))
        for number in range(100):
            assert rules.accepts(event(course_id=f"course-v1:edX+DemoX+{number}"))

        assert len(pickle.dumps(rules)) == before
        assert pickle.loads(pickle.dumps(rules)).accepts(event())


class TestSharing:
    def test_many_threads_get_the_same_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_rule_index, "_ROOM", 4000)  # Forgetting is the dangerous moment.
        index = RuleIndex(courses(40))
        wrong: list[Any] = []
        start = threading.Barrier(8)

        def ask(first: int) -> None:
            start.wait(10)
            for number in range(400):
                wanted = 1 + (first * 7 + number) % 39
                found = ids(index, event(course_id=f"course-v1:edX+DemoX+{wanted}"))
                if found != [f"c{wanted}"]:
                    wrong.append((wanted, found))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert not any(thread.is_alive() for thread in threads)
        assert wrong == []

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_goes_on(self) -> None:
        index = RuleIndex(courses(3))
        assert ids(index, event()) == ["c0"]

        child = os.fork()
        if child == 0:
            right = ids(index, event()) == ["c0"]
            right &= ids(index, event(course_id="course-v1:edX+DemoX+2")) == ["c2"]
            os._exit(0 if right else 1)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_one_owner_may_have_several_sets_of_rules() -> None:
    """Any of them is enough, and what one denies another may allow."""
    [videos], [forum] = (
        Filter(allow=[{"event": name}], deny=[{"org": org}])._any_of
        for name, org in (("*_video", "edX"), ("play_*", "MITx"))
    )
    anything = Rules((Rule(None, ()),), ())
    index = Index([[videos, forum], [videos], [], [videos, anything]])

    assert index.find(Facts(event())) == (0, 3)
    assert index.find(Facts(event(org_id="MITx"))) == (0, 1, 3)
    assert index.find(Facts(event("stop_video", org_id="edX"))) == (3,)
