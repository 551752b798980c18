"""The published profile is right, up to date, and what every statement keeps to."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest
from changing import MISSING, change, take_away
from event_strategies import known_events
from hypothesis import given, settings
from xapi_profiles import compacted, profile_errors

from eventkit.events import CATALOGUE, OneOf, profile
from eventkit.events.shapes.blocks import ANY, KINDS
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.testing import LMS_ROOT, golden_cases
from eventkit.translators import HMACIdentity, XAPITranslator
from eventkit.translators.options import MAPPING_VERSION
from eventkit.validation.profiles import find, fulfilled, rule_errors, template_errors

ROOT = Path(__file__).resolve().parents[2]
CASES = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text("utf-8"))["xapi"] or []
    for path in golden_cases(ROOT / "tests" / "golden")
}
PUBLISHED = profile.profile()
TEMPLATES = PUBLISHED["templates"]
EVENT_NAME = "https://w3id.org/xapi/openedx/extension/event-name"
OPTIONS = {"lms_root": LMS_ROOT, "identity": HMACIdentity("only tests use this")}
PLACES = {
    "ContextExtension": "$.context",
    "ResultExtension": "$.result",
    "ActivityExtension": "$.object.definition",
}
BLOCK_TYPES = {kind.activity for kind in (*KINDS.values(), ANY)}
COINED = "https://w3id.org/xapi/openedx/"
STATEMENTS = [
    pytest.param(statement, {each["id"]: each for each in found}, id=f"{name} {number}")
    for name, found in CASES.items()
    for number, statement in enumerate(found)
]


def event_of(statement):
    return statement["context"]["extensions"][EVENT_NAME]


def owner(template):
    return template["id"].partition("#")[2].partition("/")[0]


def own_template(statement, others):
    """Give the template of the statement, which is among those of its event."""
    among = profile.templates(event_of(statement))
    (own,) = [
        each
        for each in among
        if not template_errors(statement, each, templates=among, statements=others)
    ]
    return own


@pytest.fixture(scope="module")
def script():
    path = ROOT / "docs" / "make_profile.py"
    spec = importlib.util.spec_from_file_location("make_profile", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestDocument:
    def test_is_up_to_date(self, script):
        """Run ``python docs/make_profile.py`` when this fails."""
        assert profile.text().decode() == script.render()

    def test_is_valid(self):
        assert profile_errors(PUBLISHED) == []

    def test_is_what_json_ld_processors_would_write(self):
        """Nothing is lost, and all has the same form (part two, 2.0)."""
        assert compacted(PUBLISHED) == PUBLISHED

    def test_has_the_version_of_the_mapping(self):
        assert PUBLISHED["versions"][0]["id"] == f"{COINED}mapping-{MAPPING_VERSION}"

    def test_defines_what_is_coined_and_nothing_else(self):
        """Concepts of other profiles must not be defined again (7.0)."""
        defined = {each["id"] for each in PUBLISHED["concepts"]}
        used = {statement.values[0]["verb"]["id"] for statement in STATEMENTS}
        for statement in STATEMENTS:
            used |= set(_keys(statement.values[0]))

        assert {iri for iri in used if iri.startswith(COINED)} <= defined
        assert {iri for iri in defined if not iri.startswith(COINED)} == set()

    @pytest.mark.parametrize(
        ("path", "value", "error"),
        [
            ("@context", "https://example.org/context", "$.@context: "),
            ("id", "openedx", "$.id: "),
            ("type", "Concept", "$.type: "),
            ("conformsTo", "https://w3id.org/xapi/profiles#2.0", "$.conformsTo: "),
            ("prefLabel", "Open edX", "$.prefLabel: "),
            ("definition.en", "", "$.definition.en: "),
            ("author", MISSING, "$.author: "),
            ("author.type", "Group", "$.author: "),
            ("versions.0.id", "https://w3id.org/xapi/openedx", "$.versions[0].id: "),
            ("versions.0.generatedAtTime", "today", "$.versions[0].generatedAtTime: "),
            ("versions.0.wasRevisionOf", ["https://e.org/0"], "$.versions[0].wasRevisionOf: "),
            ("concepts.0.inScheme", "https://e.org/other", "$.concepts[0].inScheme: "),
            ("concepts.0.prefLabel", MISSING, "$.concepts[0].prefLabel: "),
            ("concepts.0.type", "Word", "$.concepts[0].type: "),
            ("concepts.0.colour", "red", "$.concepts[0].colour: "),
            ("concepts.0.related", ["https://e.org/1"], "$.concepts[0].related: "),
            ("concepts.30.inlineSchema", "{'type'}", "$.concepts[30].inlineSchema: "),
            ("templates.0.verb", "voted", "$.templates[0].verb: "),
            ("templates.0.rules", [], "$.templates[0].rules: "),
            ("templates.0.rules.0.presence", "often", "$.templates[0].rules[0].presence: "),
            ("templates.0.rules.0.location", "$.a[?(@)]", "$.templates[0].rules[0].location: "),
            ("templates.0.rules.0.any", [{"a": 1}], "$.templates[0].rules[0].any: "),
            (
                "templates.0.rules.0",
                {"location": "$.a"},
                "$.templates[0].rules[0]: must say presence",
            ),
            (
                "templates.0.contextStatementRefTemplate",
                ["https://e.org/t"],
                "$.templates[0].contextStatementRefTemplate: ",
            ),
        ],
    )
    def test_a_broken_one_is_told(self, path, value, error):
        """The checks of the document can fail."""
        assert any(
            each.startswith(error) for each in profile_errors(change(PUBLISHED, path, value))
        )

    def test_ids_must_differ(self):
        twice = copy.deepcopy(PUBLISHED)
        twice["templates"][1]["id"] = twice["templates"][0]["id"]

        assert profile_errors(twice) == [f"{TEMPLATES[0]['id']}: is the id of several things"]


class TestTemplates:
    def test_every_verb_of_every_row_has_one(self):
        """A form without a template lacks a golden case."""
        missing = []
        for row in CATALOGUE:
            among = row.xapi.among if isinstance(row.xapi, OneOf) else (row.xapi,)
            verbs = {each["verb"] for each in profile.templates(row.name)}
            missing += [
                (row.name, each.verb.id) for each in among if each and each.verb.id not in verbs
            ]
        assert missing == []

    def test_each_belongs_to_a_row(self):
        rows = {row.name for row in CATALOGUE if row.xapi}

        # Pages that were viewed, and unknown events, have a statement for those who ask for it.
        assert {owner(each) for each in TEMPLATES} == rows | {"implicit", "unknown"}

    def test_one_is_for_events_that_no_row_knows(self):
        asked = XAPITranslator(**OPTIONS, unknown="generic")
        block = "block-v1:Lakeside+BIO201+2025_T1+type@word_cloud+block@w1"
        (statement,) = asked.translate(
            {
                "name": "xblock.example.used",
                "timestamp": "2025-02-20T10:11:12.131415+00:00",
                "data": {},
                "context": {"user_id": 7, "module": {"usage_key": block}},
            }
        )

        (name,) = fulfilled(statement, TEMPLATES)
        assert name.endswith("#unknown")

    def test_are_found_by_any_name(self):
        assert profile.templates("edx.video.played") == profile.templates("play_video") != ()
        assert profile.templates("nobody.knows.this") == ()

    @pytest.mark.parametrize(("statement", "others"), STATEMENTS)
    def test_statements_fulfil_their_own(self, statement, others):
        """Theirs, the only one, is that of the event which they say they are from."""
        found = fulfilled(statement, TEMPLATES, statements=others)

        (own,) = [each for each in TEMPLATES if each["id"] in found]
        assert owner(own) == event_of(statement)

    @pytest.mark.parametrize(("statement", "others"), STATEMENTS)
    def test_what_is_there_is_told(self, statement, others):
        """No extension of a statement is left out of its template."""
        own = own_template(statement, others)
        told = {rule["location"] for rule in own["rules"]}

        for where in ("context", "result", "object.definition"):
            for key in (
                find(statement, f"$.{where}.extensions")
                and find(statement, f"$.{where}.extensions")[0]
            ):
                assert f"$.{where}.extensions['{key}']" in told

    @pytest.mark.parametrize(("statement", "others"), STATEMENTS)
    def test_a_statement_that_breaks_a_rule_fails(self, statement, others):
        """Each rule that insists on something, by taking it away, or by another value."""
        own = own_template(statement, others)
        for rule in own["rules"]:
            if rule["presence"] == "recommended":
                assert rule_errors(take_away(statement, rule["location"]), rule) == []
                continue
            if "none" in rule:
                other = replaced(statement, find(statement, rule["location"])[0], rule["none"][0])
                assert rule_errors(other, rule) != []
            if rule["presence"] == "excluded":
                more = change(statement, rule["location"].removeprefix("$."), {"id": "any"})
                assert rule_errors(more, rule) == [f"{rule['location']}: must not be there"]
                continue
            less = take_away(statement, rule["location"])
            assert f"{rule['location']}: must be there" in template_errors(less, own)
            if "any" in rule:
                other = replaced(statement, find(statement, rule["location"])[0])
                (error,) = rule_errors(other, rule)
                assert error.startswith(f"{rule['location']}: must be one of ")

    @pytest.mark.parametrize(("statement", "others"), STATEMENTS)
    def test_a_statement_of_another_kind_fails(self, statement, others):
        """Each determining property."""
        own = own_template(statement, others)
        places = {
            "verb": "$.verb.id",
            "objectActivityType": "$.object.definition.type",
            "contextParentActivityType": "$.context.contextActivities.parent",
            "contextGroupingActivityType": "$.context.contextActivities.grouping",
            "contextCategoryActivityType": "$.context.contextActivities.category",
            "contextStatementRefTemplate": "$.context.statement",
        }
        for key in own.keys() & places.keys():
            (error, *_) = template_errors(take_away(statement, places[key]), own)
            assert error.startswith(places[key])

    def test_extensions_stand_where_their_concept_says(self):
        """Context, result and activity extensions are three kinds of concepts (7.2)."""
        kinds = {each["id"]: each["type"] for each in PUBLISHED["concepts"]}
        misplaced = {
            (key, kind)
            for statement in STATEMENTS
            for kind, place in PLACES.items()
            for extensions in find(statement.values[0], f"{place}.extensions")
            for key in extensions
            if kinds.get(key, kind) != kind
        }
        assert misplaced == set()


FOREIGN = {
    "http://id.tincanapi.com/extension/": {
        "ContextExtension": [
            *("attempt-id", "location", "position", "share-medium", "starting-position", "topic"),
        ],
        "ResultExtension": ["duration", "ending-point"],
    },
    "http://specification.openbadges.org/xapi/extensions/": {
        "ResultExtension": ["badgeassertion"],
    },
    "https://w3id.org/xapi/acrossx/extensions/": {
        "ActivityExtension": ["feedback", "supplemental-info", "time-limit", "total-items", "type"],
        "ResultExtension": ["rubrics"],
    },
    "https://w3id.org/xapi/cmi5/result/extensions/": {"ResultExtension": ["progress"]},
    "https://w3id.org/xapi/video/extensions/": {
        "ContextExtension": ["cc-subtitle-enabled", "cc-subtitle-lang", "length", "speed"],
        "ResultExtension": ["time", "time-from", "time-to"],
    },
}
"""What the profiles of others say of extensions that statements have."""

WITHOUT_A_CONCEPT = {
    # Templates of the video profile name it, but its concept is cc-subtitle-enabled.
    "https://w3id.org/xapi/video/extensions/cc-enabled",
    # No profile defines it; Aspects reads it in results.
    "http://www.tincanapi.co.uk/activitytypes/grade_classification",
}
READ_ELSEWHERE = {
    ("http://id.tincanapi.com/extension/attempt-id", "ActivityExtension"),
    ("http://id.tincanapi.com/extension/ending-point", "ContextExtension"),
}
"""What Aspects reads in another place than its concept has it."""


def test_extensions_of_others_stand_where_their_concepts_say():
    kinds = {
        f"{start}{name}": kind
        for start, by_kind in FOREIGN.items()
        for kind, names in by_kind.items()
        for name in names
    }
    found = {
        (key, kind)
        for statement in STATEMENTS
        for kind, place in PLACES.items()
        for extensions in find(statement.values[0], f"{place}.extensions")
        for key in extensions
        if not key.startswith(COINED) and key not in WITHOUT_A_CONCEPT
    }

    assert {(key, kind) for key, kind in found if kinds.get(key) != kind} == READ_ELSEWHERE


def _keys(value):
    """Give all keys in a JSON value."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _keys(each)


def replaced(statement, value, by="something else"):
    """Copy a statement with *by* for each *value* in it."""

    def other(each):
        if isinstance(each, dict):
            return {key: other(item) for key, item in each.items()}
        if isinstance(each, list):
            return [other(item) for item in each]
        return by if each is value or each == value else each

    return other(statement)


TRANSLATOR = XAPITranslator(**OPTIONS)


@given(event=known_events())
@settings(max_examples=400)
def test_whatever_is_translated_fulfils_its_template(event):
    """What templates say of all statements holds of odd events, too."""
    try:
        made = TRANSLATOR.translate(event)
    except (TranslationError, UnsupportedEvent):
        return
    others = {each["id"]: each for each in made}

    for statement in made:
        found = [
            [
                error
                for error in template_errors(
                    statement, each, templates=TEMPLATES, statements=others
                )
                if not is_of_another_block(statement, error)
            ]
            for each in profile.templates(event_of(statement))
        ]
        assert found.count([]) == 1, found


def is_of_another_block(statement, error):
    """Tell whether it is only about a kind of block that no such event comes from."""
    place = "$.object.definition.type"
    return error.startswith(f"{place}: ") and find(statement, place)[0] in BLOCK_TYPES


def test_most_forms_are_seen_once():
    """An event that becomes one thing has one template."""
    counts = Counter(map(owner, TEMPLATES))

    assert counts["play_video"] == 1
    assert counts["problem_check"] > 1
