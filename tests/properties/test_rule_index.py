"""For any rules and any events, the index says what every rule, asked by itself, would say."""

from __future__ import annotations

import copy

import pytest
from event_strategies import COURSES, any_events, known_events, values
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit.consumers import Consumer
from eventkit.filters import Filter
from eventkit.filters import index as _rule_index
from eventkit.filters.fields import KNOWN
from eventkit.filters.fields import orgs as mentioned
from eventkit.filters.index import Index
from eventkit.filters.patterns import Patterns
from eventkit.filters.rules import Facts, Rule, Rules, within
from eventkit.router.rule_index import RuleIndex

BLOCK = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p1"


class Unreadable:
    """A value that cannot be read."""

    def __str__(self):
        raise ValueError

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return "UNREADABLE"


UNREADABLE = Unreadable()

events_of_few_words = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["play_video", "edx.video.played", "problem_check", "acme.x", ""]),
        "username": st.sampled_from(["alice", "bob\n"]),
        "data": st.dictionaries(
            st.sampled_from(["x", "user_id", "username", "id", "course_id", "student"]),
            st.sampled_from(
                ["edX", "alice", "7", 7, 8, True, None, BLOCK, UNREADABLE, ["a", "edX"]]
            )
            | values,
        ),
        "context": st.fixed_dictionaries(
            {},
            optional={
                "course_id": st.sampled_from(COURSES),
                "org_id": st.sampled_from(["edX", "Lakeside", ""]),
                "user_id": st.sampled_from([7, "8", None]),
                "username": st.sampled_from(["alice", "bob", "7"]),
                "host": st.sampled_from(["lms.example.org:8000", "LMS.example.org", ""]),
                "enterprise_uuid": st.sampled_from(["e-1", 3]),
                "y": st.sampled_from(["a", "b", ["a", "b"], {"z": "a"}]),
            },
        ),
    },
)
events = events_of_few_words | known_events() | any_events()
translations = st.builds(
    lambda event: {"name": "x", "protocol": "xapi", "documents": [{}], "event": event}, events
)
whatever = events | translations | values

PATHS = ("data.x", "event.x", "context.y", "context.y.z")
words = st.sampled_from(
    ["edX", "Lakeside", "alice", "7", "8", "a", "lms.example.org", "e-1", "video", "problem"]
)
names = st.sampled_from(["play_video", "problem_check", "acme.x", "*_video", "edx.*", "?cme.x"])
expressions = st.sampled_from(["re:edX", "re:a|ab", "re:.*X", r"re:course-v1:.*", "re:^ed"])
patterns = (
    words
    | expressions
    | st.sampled_from([*COURSES, "*", "course-v1:*", "?", "*X", "a*", "*Lake*", "a?"])
)
rules = st.lists(
    st.dictionaries(
        st.sampled_from([*(known for known in KNOWN if known != "event"), *PATHS]),
        patterns | st.lists(patterns, min_size=1, max_size=3),
        max_size=3,
    ).flatmap(
        lambda rule: st.builds(
            lambda name: {**rule, "event": name} if name else rule,
            names | st.lists(names, min_size=1, max_size=3) | (st.none() if rule else names),
        )
    ),
    max_size=4,
)
options = st.sampled_from([{"unknown": True}, {"unknown": True, "missing": "deny"}])
denials = rules.flatmap(
    lambda some: st.tuples(*(options.map(rule.__or__) for rule in some)).map(list)
)
"""Most patterns here can match no course or no event, which is refused where it may leak."""
boundaries = st.none() | st.lists(st.sampled_from(["edx", "LAKESIDE", "MITx"]), max_size=2)
peers_rules = st.dictionaries(
    st.sampled_from(["name", *PATHS]), st.sampled_from(["^edX$", "a|b", "play"]), max_size=2
)
filters = st.builds(
    lambda allow, deny, orgs: Filter(**allow, deny=deny, orgs=orgs),
    st.builds(lambda allow: {"allow": allow}, st.none() | rules)
    | st.builds(lambda params: {"match_params": params}, peers_rules),
    st.none() | denials,
    boundaries,
)


def permits(any_of: tuple[Rules, ...], event: object) -> bool:
    """Ask rule by rule; what one set of rules cannot judge does not pass it, but maybe others."""

    def permit(one: Rules) -> bool:
        try:
            facts = Facts.of(event)
            return facts is not None and one.permit(facts)
        except Exception:  # noqa: BLE001 - what a filter cannot judge does not pass
            return False

    return any(map(permit, any_of))


@given(
    st.lists(st.tuples(st.none() | rules, st.none() | denials, boundaries), max_size=6),
    st.lists(whatever, min_size=1, max_size=6),
)
@settings(max_examples=200, deadline=None)
def test_the_same_consumers_get_an_event_as_when_each_is_asked(some, given_events):
    consumers = [
        Consumer(id=f"c{number}", protocol="xapi", url="log:x", allow=allow, deny=deny, orgs=orgs)
        for number, (allow, deny, orgs) in enumerate(some)
    ]
    index = RuleIndex(consumers)

    for event in given_events * 2:
        before = copy.deepcopy(event)
        found = index.matching(event)

        assert found == [one for one in consumers if one.accepts(event)]
        assert found == [one for one in consumers if permits(one.filter._any_of, event)]
        assert [event] == [before]


@pytest.mark.parametrize("room", [_rule_index._ROOM, 700])
@given(st.lists(st.lists(filters, max_size=3), max_size=5), st.lists(whatever, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_sets_of_rules_give_what_each_rule_asked_by_itself_gives(room, owners, given_events):
    """Also when memory is so short that everything is forgotten all the time."""
    listed = [tuple(one for made in several for one in made._any_of) for several in owners]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rule_index, "_ROOM", room)
        index = Index(listed)

        for event in given_events * 2:
            wanted = tuple(n for n, any_of in enumerate(listed) if permits(any_of, event))
            try:
                facts = Facts.of(event)
                found = () if facts is None else index.find(facts)
            except Exception:  # noqa: BLE001 - who uses the index asks the rules then
                continue

            assert found == wanted


@given(filters | st.builds(Filter.any_of, st.just([])), whatever)
@settings(max_examples=500, deadline=None)
def test_a_filter_says_what_its_rules_say(made, event):
    """Also when it is asked why; and its answer is made of whole sentences."""
    before = copy.deepcopy(event)
    accepted = made.accepts(event)
    explained = made.explain(event)

    assert accepted == permits(made._any_of, event)
    assert explained.passes == accepted
    assert explained.text.endswith(".")
    assert explained.passes == (explained.reason in ("allowed", "no_rules"))
    assert "changes while it is looked at" not in explained.text
    assert [event] == [before]


@given(filters, boundaries.filter(lambda orgs: orgs is not None), whatever)
@settings(max_examples=300, deadline=None)
def test_no_rule_widens_a_boundary(made, orgs, event):
    """What passes is of these organisations, and names no other one that somebody could deny."""
    bounded = [Rules(rules.allowed, (within(orgs)[0], *rules.denied)) for rules in made._any_of]
    if not permits(bounded, event):
        return
    facts = Facts.of(event)
    inside = {org.lower() for org in orgs}

    assert facts.source.org.lower() in inside
    assert {org.lower() for org in mentioned(facts.source, "")} <= inside
    assert made.accepts(event)


def test_some_events_are_within_a_boundary():
    """So the test above can fail."""
    of_edx = {"name": "play_video", "context": {"org_id": "edX"}}

    assert Filter(orgs=["EDX"]).accepts(of_edx)


@given(st.dictionaries(st.sampled_from([*KNOWN, "data.x"]), patterns, min_size=1), events)
def test_what_is_missing_holds_for_who_says_so(rule, event):
    """A rule with the option holds where each of its fields matches by itself, or is lacking."""

    def holds(rule):
        return not Filter(deny=[{**rule, "unknown": True}]).accepts(event)

    def lacks(field):
        return not Filter(allow=[{field: "*"}]).accepts(event)

    assert holds({**rule, "missing": "deny"}) == all(
        holds({field: pattern}) or lacks(field) for field, pattern in rule.items()
    )


@given(st.lists(patterns, max_size=5), st.lists(patterns, max_size=5), patterns)
def test_the_same_patterns_written_twice_are_one(first, second, text):
    """Globs are put together across rules, which must not change what any of them matches."""
    merged = Filter(allow=[{"org": one} for one in [*first, *second]] or [])
    apart = [Filter(allow=[{"org": one}]) for one in {*first, *second}]
    event = {"context": {"org_id": text}}

    assert merged.accepts(event) == any(one.accepts(event) for one in apart)


def test_a_rule_of_nothing_matches_everything_and_one_of_no_patterns_nothing():
    everything, nothing = Rule(None, ()), Rule(Patterns(), ())

    assert Index([[Rules((everything,), ())], [Rules((nothing,), ())]]).find(Facts({})) == (0,)
    assert Index([[Rules(None, (everything,))], [Rules(None, (nothing,))]]).find(Facts({})) == (1,)
