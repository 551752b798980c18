"""Statements are held to the templates of profiles as xAPI Profiles 1.0 says."""

import pytest

from eventkit.exceptions import ConfigurationError
from eventkit.validation.profiles import find, fulfilled, is_for, rule_errors, template_errors

VERB = "https://example.org/verbs/placed"
PLACE = "https://example.org/extensions/place.of[one]|two"
DOCUMENT = {
    "a": {"b": 1, "c": [{"d": 2}, {"d": 3}, {"e": [4]}]},
    "x": {PLACE: 5, "it's": 6, "1": 7},
    "n": None,
}
STATEMENT = {
    "id": "0f9b7a3e-1111-4222-8333-444455556666",
    "verb": {"id": VERB},
    "object": {"id": "https://example.org/race", "definition": {"type": "https://example.org/e"}},
    "result": {"success": True, "score": {"raw": 1}, "extensions": {PLACE: "gold"}},
    "context": {
        "contextActivities": {
            "parent": {"id": "https://example.org/p", "definition": {"type": "https://e.org/p"}},
            "grouping": [
                {"id": "https://example.org/g1", "definition": {"type": "https://e.org/g"}},
                {"id": "https://example.org/g2"},
            ],
        }
    },
    "attachments": [{"usageType": "https://e.org/photo"}],
}
AT_PLACE = f"$.result.extensions['{PLACE}']"
GROUPING = "$.context.contextActivities.grouping[*]"


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "values"),
        [
            ("$", [DOCUMENT]),
            ("$.a.b", [1]),
            ("a.b", [1]),
            ("$['a']['b']", [1]),
            ('$["a"].b', [1]),
            ("$.a.c[0].d", [2]),
            ("$.a.c[*].d", [2, 3]),
            ("$.a.c.*.d", [2, 3]),
            ("$.a.c[0,2]", [{"d": 2}, {"e": [4]}]),
            ("$.a.c[1]['d','e']", [3]),
            ("$.a.*", [1, DOCUMENT["a"]["c"]]),
            ("$..d", [2, 3]),
            ("$.a..e[0]", [4]),
            ("$..c[ 1 , 0 ].d", [3, 2]),
            (f"$.x['{PLACE}']", [5]),
            (r"$.x['it\'s']", [6]),
            ("$.x['1']", [7]),
            ("$.a.b | $.a.c[0].d|a.b", [1, 2, 1]),
            ("$.n", [None]),
            ("$.a.b.c", []),
            ("$.a.c[7]", []),
            ("$.a.c['0']", []),
            ("$.a[0]", []),
            ("$.b", []),
        ],
    )
    def test_finds(self, path, values):
        assert find(DOCUMENT, path) == values

    @pytest.mark.parametrize(
        "path",
        [
            "",
            " ",
            "$.",
            "$a",
            "$.a.",
            "$.a[?(@.b)]",
            "$.a.c[(@.length-1)]",
            "$.a.c[-1]",
            "$.a.c[0:1]",
            "$.a.c[]",
            "$.a['b'",
            "$.a b",
            "$.a |",
            "| $.a",
            "$...a",
            ".a",
            "$.a[b]",
        ],
    )
    def test_refuses_what_the_specification_does_not_allow(self, path):
        with pytest.raises(ConfigurationError, match="no path of xAPI Profiles"):
            find(DOCUMENT, path)


class TestDeterminingProperties:
    @pytest.mark.parametrize(
        "properties",
        [
            {},
            {"verb": VERB},
            {"objectActivityType": "https://example.org/e"},
            {"contextParentActivityType": ["https://e.org/p"]},
            {"contextGroupingActivityType": ["https://e.org/g"]},
            {"attachmentUsageType": ["https://e.org/photo"]},
        ],
    )
    def test_fits(self, properties):
        assert is_for(STATEMENT, properties)
        assert template_errors(STATEMENT, properties) == []

    @pytest.mark.parametrize(
        ("properties", "place"),
        [
            ({"verb": "https://e.org/other"}, "$.verb.id"),
            ({"objectActivityType": "https://e.org/g"}, "$.object.definition.type"),
            (
                {"contextParentActivityType": ["https://e.org/p", "https://e.org/g"]},
                "$.context.contextActivities.parent[*].definition.type",
            ),
            (
                {"contextCategoryActivityType": ["https://e.org/g"]},
                "$.context.contextActivities.category[*].definition.type",
            ),
            (
                {"contextOtherActivityType": ["https://e.org/g"]},
                "$.context.contextActivities.other[*].definition.type",
            ),
            ({"attachmentUsageType": ["https://e.org/film"]}, "$.attachments[*].usageType"),
        ],
    )
    def test_does_not_fit(self, properties, place):
        assert not is_for(STATEMENT, properties)
        assert [each.partition(": ")[0] for each in template_errors(STATEMENT, properties)] == [
            place
        ]


class TestRules:
    @pytest.mark.parametrize(
        "rule",
        [
            {"location": AT_PLACE, "presence": "included"},
            {"location": "$.result.duration", "presence": "excluded"},
            {"location": "$.result.duration", "presence": "recommended"},
            {"location": "$.result.duration", "presence": "recommended", "any": ["PT1S"]},
            {"location": "$.result.duration", "presence": "recommended", "all": ["PT1S"]},
            {"location": "$.result.duration", "none": ["PT1S"]},
            {"location": "$.result.duration", "all": ["PT1S"]},
            {"location": AT_PLACE, "any": ["gold", "silver"]},
            {"location": AT_PLACE, "all": ["gold"]},
            {"location": AT_PLACE, "none": ["bronze"]},
            {"location": "$.result.score.raw", "any": [1.0]},
            {"location": "$.result.success", "none": [1]},
            {"location": "$.result.score", "any": [{"raw": 1}]},
            {"location": f"{GROUPING}.id", "any": ["https://example.org/g2"]},
            {
                "location": GROUPING,
                "selector": "$.definition.type",
                "any": ["https://e.org/g"],
            },
            {"location": GROUPING, "selector": "$.moreInfo", "presence": "excluded"},
            {"location": GROUPING, "selector": "$.id", "presence": "included"},
        ],
    )
    def test_followed(self, rule):
        assert rule_errors(STATEMENT, rule) == []

    @pytest.mark.parametrize(
        ("rule", "error"),
        [
            ({"location": "$.result.duration", "presence": "included"}, "must be there"),
            ({"location": AT_PLACE, "presence": "excluded"}, "must not be there"),
            (
                {"location": AT_PLACE, "presence": "recommended", "any": ["silver"]},
                "must be one of silver",
            ),
            ({"location": "$.result.duration", "any": ["PT1S"]}, "must be one of PT1S"),
            ({"location": AT_PLACE, "any": ["silver"]}, "must be one of silver"),
            (
                {"location": f"{GROUPING}.id", "all": ["https://example.org/g2"]},
                "must be nothing but https://example.org/g2",
            ),
            ({"location": AT_PLACE, "none": ["gold"]}, "must not be gold"),
            ({"location": "$.result.success", "any": [1]}, "must be one of 1"),
            ({"location": "$.result.score.raw", "any": [True]}, "must be one of True"),
            ({"location": "$.result.score", "any": [{"raw": 2}]}, "must be one of {'raw': 2}"),
            # The second of the groupings has no type.
            (
                {"location": GROUPING, "selector": "$.definition.type", "presence": "included"},
                "must be there",
            ),
            (
                {
                    "location": GROUPING,
                    "selector": "$.definition.type",
                    "all": ["https://e.org/g"],
                },
                "must be nothing but https://e.org/g",
            ),
            (
                {"location": GROUPING, "selector": "$.definition.type", "presence": "excluded"},
                "must not be there",
            ),
        ],
    )
    def test_broken(self, rule, error):
        assert [each.rpartition(": " + error)[1:] for each in rule_errors(STATEMENT, rule)] == [
            (": " + error, "")
        ]

    def test_activities_may_stand_alone(self):
        """What is not in an array is checked as if it were (8.1)."""
        rule = {
            "location": "$.context.contextActivities.parent[*].id",
            "presence": "included",
            "any": ["https://example.org/p"],
        }

        assert template_errors(STATEMENT, {"rules": [rule]}) == []


class TestReferences:
    TEMPLATES = (
        {"id": "https://e.org/t#race", "verb": "https://e.org/ran"},
        {
            "id": "https://e.org/t#lap",
            "verb": VERB,
            "contextStatementRefTemplate": ["https://e.org/t#race"],
        },
        {
            "id": "https://e.org/t#void",
            "verb": "https://e.org/voided",
            "objectStatementRefTemplate": ["https://e.org/t#race"],
        },
    )
    OTHER = "5d1bfaa1-1111-4222-8333-444455556666"
    REFERENCE = {"objectType": "StatementRef", "id": OTHER}  # noqa: RUF012 - a constant

    def lap(self):
        return STATEMENT | {"context": {"statement": self.REFERENCE}}

    def void(self):
        return {"verb": {"id": "https://e.org/voided"}, "object": self.REFERENCE}

    @pytest.mark.parametrize("statement", ["lap", "void"])
    @pytest.mark.parametrize("verb", ["https://e.org/ran", None])
    def test_fulfilled(self, statement, verb):
        """Of a statement that is not known nothing can be said (part three, 2.1)."""
        known = {self.OTHER: {"verb": {"id": verb}}} if verb else {}

        assert fulfilled(getattr(self, statement)(), self.TEMPLATES, statements=known) == [
            f"https://e.org/t#{statement}"
        ]

    @pytest.mark.parametrize("statement", ["lap", "void"])
    def test_another_statement(self, statement):
        known = {self.OTHER: {"verb": {"id": "https://e.org/slept"}}}

        assert fulfilled(getattr(self, statement)(), self.TEMPLATES, statements=known) == []

    @pytest.mark.parametrize("template", TEMPLATES[1:], ids=["context", "object"])
    def test_no_statement(self, template):
        statement = STATEMENT | {"verb": {"id": template["verb"]}}

        (error,) = template_errors(statement, template, templates=self.TEMPLATES)

        assert error.endswith("must refer to a statement")
