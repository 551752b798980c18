"""What a JSON-LD processor leaves of Caliper events, and whether the tool to find out works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from caliper_context import IRI
from caliper_events import BLOCK, CONTEXT, FULL, GOOD, LMS, USER, entity, event
from caliper_jsonld import expand, lost_members
from changing import change

CALIPER = "http://purl.imsglobal.org/caliper/"
LOST_OF_FULL = [
    "object.otherIdentifiers[0].extensions.a",
    "object.extensions.https://example.org/x",
    "federatedSession.messageParameters.roles",
    "extensions.https://example.org/x",
    "extensions.bare",
]
LOST = {
    # bare keys, null and what is empty; nothing of them is of the model
    "everything at once": LOST_OF_FULL,
    "context in an array": LOST_OF_FULL,
    "anonymous person": LOST_OF_FULL,
    "GradeEvent": ["generated.extensions.success"],
    "ToolLaunchEvent": ["federatedSession.messageParameters.roles"],
}


def with_extensions(**extensions: Any) -> dict[str, Any]:
    return event("Event", "Liked", BLOCK, extensions=extensions)


@pytest.mark.parametrize("name", GOOD)
def test_of_a_good_event_nothing_of_the_model_is_lost(name: str) -> None:
    assert lost_members(GOOD[name]) == LOST.get(name, [])


def test_bare_extension_keys_are_lost() -> None:
    lost = lost_members(with_extensions(transformerVersion="x@1", learner={"id": USER}))

    assert lost == ["extensions.transformerVersion", "extensions.learner"]


def test_iri_shaped_extension_keys_survive() -> None:
    extensions = {"https://example.org/x": "x@1", "urn:x:y": [1, True, "z"]}

    assert lost_members(with_extensions(**extensions)) == []


def test_bare_keys_inside_an_extension_that_survives_are_lost() -> None:
    extensions = {"https://example.org/x": [{"https://example.org/y": 1}, {"bare": 1}]}

    assert lost_members(with_extensions(**extensions)) == [
        "extensions.https://example.org/x[1].bare"
    ]


def test_null_in_an_extension_is_lost() -> None:
    extensions = {"https://example.org/x": None, "https://example.org/y": [1, None]}

    assert lost_members(with_extensions(**extensions)) == [
        "extensions.https://example.org/x",
        "extensions.https://example.org/y",
    ]


def test_keys_that_a_context_of_their_own_defines_survive() -> None:
    own = with_extensions(bare=1) | {"@context": [{"bare": "https://example.org/bare"}, CONTEXT]}

    assert lost_members(own) == []


def test_keys_that_are_terms_of_caliper_survive_in_extensions() -> None:
    assert lost_members(with_extensions(isPartOf=entity("CourseOffering", LMS))) == []


@pytest.mark.parametrize(
    ("path", "value", "lost"),
    [
        ("object.type", "Webpage", "object.type"),
        ("type", "ReadingEvent", "type"),
        ("action", "Smiled", "action"),
        ("profile", "SmilingProfile", "profile"),
        ("object.id", "relative", "object.id"),
        ("edApp", "relative", "edApp"),
        ("object.colour", "red", "object.colour"),
        ("object.isPartOf.items.1.colour", "red", "object.isPartOf.items[1].colour"),
        ("membership.roles.0", "Student", "membership.roles[0]"),
        ("object.name", None, "object.name"),
    ],
)
def test_what_means_nothing_in_caliper_is_reported(path: str, value: Any, lost: str) -> None:
    before = lost_members(FULL)

    assert set(lost_members(change(FULL, path, value))) - set(before) == {lost}


def test_a_generated_map_that_is_no_entity_is_reported() -> None:
    graded = change(GOOD["GradeEvent"], "generated", {"score": {"scoreGiven": 1}})

    assert lost_members(graded) == ["generated.score"]


def test_terms_get_their_published_meaning() -> None:
    (paused,) = expand(FULL)

    assert paused["@type"] == [f"{CALIPER}MediaEvent"]
    assert paused[f"{CALIPER}action"] == [{"@id": f"{CALIPER}actions/Paused"}]
    assert paused[f"{CALIPER}eventTime"] == [
        {"@type": "http://www.w3.org/2001/XMLSchema#dateTime", "@value": FULL["eventTime"]}
    ]
    (place,) = paused[f"{CALIPER}target"]
    assert place[f"{CALIPER}isPartOf"] == [{"@id": BLOCK}]
    assert place[f"{CALIPER}currentTime"] == [
        {"@type": "http://www.w3.org/2001/XMLSchema#duration", "@value": "PT0S"}
    ]


def test_no_other_context_is_fetched() -> None:
    with pytest.raises(Exception, match="loading remote context failed"):
        lost_members(FULL | {"@context": f"{IRI}/other"})


def test_the_peers_losses_are_found(shared_data: Path) -> None:
    folder = shared_data / "peer_fixtures" / "caliper"
    if not folder.is_dir():
        pytest.skip("no fixtures here")

    def lost(name: str) -> list[str]:
        return lost_members(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))

    version = "extensions.transformerVersion"
    assert lost("edx.ui.lms.link_clicked") == ["object.type", version]
    assert lost("problem_check(server)") == [version, "generated.score"]
    assert lost("seek_video") == ["target.extensions.newTime", version]
