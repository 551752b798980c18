"""Blocks of content libraries, dealt to learners at random."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import GENERAL, course_part
from eventkit.events.shapes.iris import (
    LEARNER,
    MAX_COUNT,
    ORIGINAL_BLOCK,
    ORIGINAL_BLOCKS,
    PREVIOUS_COUNT,
    REASON,
    RESULT_COUNT,
    WAS_ASSIGNED,
    WAS_UNASSIGNED,
)
from eventkit.events.shapes.view import View
from eventkit.reading.source import text_of
from eventkit.typing import Json


def components_of(view: View, field: str) -> list[tuple[str, str]]:
    """Give the IRIs of the components that *field* lists, and of what these were made of."""
    found = view.data.get(field)
    keys = [
        (text_of(each.get("usage_key")), text_of(each.get("original_usage_key")))
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, Mapping)
    ]
    return [
        (view.iri(f"/xblock/{key}"), view.iri(f"/xblock/{origin}") if origin else "")
        for key, origin in keys
        if key
    ]


# How xAPI says it.


def collection(view: View) -> Json:
    """Make the block that deals the components."""
    return block_activity(view, view.block("location"))


def components(view: View, *, field: str) -> Json:
    """Say which components they were."""
    return {"other": [block_activity(view, iri) for iri, _ in components_of(view, field)]}


def origins(view: View, *, field: str) -> Json:
    """Say which blocks of libraries they were made of, where that is told of all."""
    found = [origin for _, origin in components_of(view, field)]
    return {ORIGINAL_BLOCKS: found if found and all(found) else None}


def taken(view: View) -> Json:
    """Say why components were taken away, and which blocks of libraries they were made of."""
    return why(view) | origins(view, field="removed")


def why(view: View) -> Json:
    """Say why components were taken away."""
    return {REASON: view.scalar("reason")}


# How Caliper says it.


def dealt(view: View, *, field: str) -> Json:
    """Make the block that deals the components, with those concerned."""
    items = [
        block_entity(view, iri, extensions={ORIGINAL_BLOCK: origin or None})
        for iri, origin in components_of(view, field)
    ]
    return block_entity(
        view,
        view.block("location"),
        isPartOf=course_part(view),
        items=items or None,
        extensions={
            MAX_COUNT: view.number("max_count"),
            PREVIOUS_COUNT: view.number("previous_count"),
        },
    )


def dealt_to(view: View) -> Json:
    """Say whom they were dealt to, and how many the learner has now."""
    result = view.data.get("result")
    return {
        LEARNER: view.person(view.learner()),
        RESULT_COUNT: len(result) if isinstance(result, list) else None,
    }


def taken_from(view: View) -> Json:
    """Say whom they were taken from, and why."""
    return {LEARNER: view.person(view.learner())} | why(view)


def _assigned(block: str) -> Row:
    return Row(
        (f"edx.{block}.content.assigned",),
        xapi=Statement(
            WAS_ASSIGNED,
            collection,
            extensions=partial(origins, field="added"),
            activities=partial(components, field="added"),
        ),
        caliper=Action(
            "Event",
            "Added",
            partial(dealt, field="added"),
            GENERAL,
            extensions=dealt_to,
            actor="lms",
        ),
    )


def _removed(block: str) -> Row:
    return Row(
        (f"edx.{block}.content.removed",),
        xapi=Statement(
            WAS_UNASSIGNED,
            collection,
            extensions=taken,
            activities=partial(components, field="removed"),
        ),
        caliper=Action(
            "Event",
            "Removed",
            partial(dealt, field="removed"),
            GENERAL,
            extensions=taken_from,
            actor="lms",
        ),
    )


EVENTS: tuple[Row, ...] = (
    _assigned("librarycontentblock"),
    _removed("librarycontentblock"),
    # The block that follows it deals components of the newer libraries.
    _assigned("itembankblock"),
    _removed("itembankblock"),
)
