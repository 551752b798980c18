"""All golden cases together say one thing of each thing, and the same in both protocols."""

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from eventkit.events.families.exam import EXAMS
from eventkit.events.shapes.blocks import KINDS
from eventkit.testing import golden_cases

CASES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in golden_cases(Path(__file__).parent / "golden")
}
BLOCK_TYPE = re.compile(r"\+type@([^+/]+)\+block@[^/#]+$|/xblock/i4x://[^/]+/[^/]+/([^/]+)/[^/#]+$")
ATTEMPT = "http://id.tincanapi.com/extension/attempt-id"


def objects(document):
    """Give every object in a document."""
    if isinstance(document, dict):
        yield document
        document = list(document.values())
    if isinstance(document, list):
        for each in document:
            yield from objects(each)


def activities():
    """Give name of the case and each Activity in xAPI."""
    for case, found in CASES.items():
        for each in objects(found["xapi"]):
            if each.get("objectType") == "Activity":
                yield case, each


def entities():
    """Give name of the case and each entity in Caliper, but for the events themselves."""
    for case, found in CASES.items():
        for event in found["caliper"] or ():
            for each in objects(list(event.values())):
                if "id" in each and "type" in each:
                    yield case, each


def said(pairs, key, value):
    """Collect the values that are said of each key, and in which cases."""
    found = defaultdict(lambda: defaultdict(list))
    for case, each in pairs:
        at = key(each)
        for one in value(each):
            if at is not None:
                found[at][one].append(case)
    return {at: dict(values) for at, values in found.items() if len(values) > 1}


def own_id(each):
    return each["id"]


def block_type(each):
    match = BLOCK_TYPE.search(each["id"])
    return (match[1] or match[2]) if match else None


class TestOneThing:
    """A. One thing has one id and one type."""

    def test_types_of_activities(self):
        assert said(activities(), own_id, lambda each: [each["definition"]["type"]]) == {}

    def test_types_of_entities(self):
        assert said(entities(), own_id, lambda each: [each["type"]]) == {}

    def test_types_of_blocks_in_xapi(self):
        assert said(activities(), block_type, lambda each: [each["definition"]["type"]]) == {}

    def test_types_of_blocks_in_caliper(self):
        assert said(entities(), block_type, lambda each: [each["type"]]) == {}

    def test_blocks_are_what_the_table_says(self):
        seen = set()
        for case, each in activities():
            if (kind := block_type(each)) in KINDS:
                assert each["definition"]["type"] == KINDS[kind].activity, case
                seen.add(kind)
        for case, each in entities():
            if (kind := block_type(each)) in KINDS:
                assert each["type"] == KINDS[kind].entity, case
                seen.add(kind)
        assert len(seen) > 8

    def test_interaction_types(self):
        """Data 2.4.4.1: what one statement says of an activity, none contradicts."""
        found = said(
            activities(),
            own_id,
            lambda each: filter(None, [each["definition"].get("interactionType")]),
        )
        assert found == {}

    def test_languages_of_names(self):
        found = said(activities(), own_id, lambda each: each["definition"].get("name", ()))
        assert found == {}

    def test_ids_agree(self):
        """What a statement is about stands in the Caliper events of the same event."""
        apart = {}
        for case, found in CASES.items():
            if not (found["xapi"] and found["caliper"]) or case.startswith(OF_THEIR_OWN):
                continue
            ids = set()
            for each in objects(found["caliper"]):
                for value in each.values():
                    found_ids = value if isinstance(value, list) else [value]
                    ids.update(one for one in found_ids if isinstance(one, str))
            about = {each["object"]["id"] for each in found["xapi"]}
            if not about <= ids:
                apart[case] = about - ids
        assert apart == {}


OF_THEIR_OWN = (
    # A team is named by a pseudonym, which is another one in each protocol.
    "edx.team.",
    # What xAPI says of the review, Caliper says of the attempt that was reviewed.
    *(f"edx.special_exam.{kind}.attempt.review_received" for kind in EXAMS),
)


class TestBothProtocols:
    """B. One event means the same in both."""

    @pytest.mark.parametrize("case", [c for c, d in CASES.items() if d["xapi"] and d["caliper"]])
    def test_scores(self, case):
        xapi = {
            (score.get("raw"), score.get("max"))
            for each in CASES[case]["xapi"]
            if (score := each.get("result", {}).get("score"))
        }
        caliper = {
            (each.get("scoreGiven"), each.get("maxScore"))
            for each in objects(CASES[case]["caliper"])
            if each.get("type") == "Score"
        }
        # What is more than all there is has no "max" in xAPI, which would not allow it.
        assert not (xapi and caliper) or {raw for raw, _ in xapi} == {raw for raw, _ in caliper}
        assert {most for _, most in xapi} - {None} <= {most for _, most in caliper} or not caliper
