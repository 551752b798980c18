"""
Blocks of courses: what they are in each protocol, whichever event speaks of them.

A block has one IRI, made of its usage key, and so it must have one type (xAPI 1.0.3, Data 2.4.4.1:
what statements say of one activity has to be consistent). The usage key says what kind of block it
is, and `KINDS` what that is in xAPI and in Caliper. All families ask here.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from eventkit.base.memory import Memory
from eventkit.events.shapes.caliper import course_part, entity
from eventkit.events.shapes.iris import (
    ASSESSMENT,
    COLLECTION,
    COURSE,
    INTERACTION,
    MODULE,
    RESOURCE,
    VIDEO,
    WEB_PAGE,
)
from eventkit.events.shapes.site import UNDETERMINED
from eventkit.events.shapes.view import View, activity
from eventkit.reading.source import is_object
from eventkit.typing import Json


class Kind(NamedTuple):
    """What blocks of one kind are."""

    activity: str
    """The activity type of xAPI."""
    entity: str
    """The entity type of Caliper."""


ANY = Kind(RESOURCE, "DigitalResource")
"""What every other block is, those of kinds that nobody here has heard of among them."""

_QUESTION = Kind(INTERACTION, "AssessmentItem")
_SEVERAL = Kind(COLLECTION, "DigitalResourceCollection")

KINDS: dict[str, Kind] = {
    "chapter": Kind(MODULE, "DigitalResourceCollection"),
    # Subsections are what is graded, timed and proctored, and what Aspects reads positions in: it
    # reads none in modules.
    "sequential": Kind(RESOURCE, "AssignableDigitalResource"),
    "vertical": Kind(RESOURCE, "DigitalResourceCollection"),
    "split_test": _SEVERAL,
    "library_content": _SEVERAL,
    "itembank": _SEVERAL,
    "library": _SEVERAL,
    "html": Kind(WEB_PAGE, "WebPage"),
    "video": Kind(VIDEO, "VideoObject"),
    "problem": _QUESTION,
    "drag-and-drop-v2": _QUESTION,
    "ubcpi": _QUESTION,
    "poll": Kind(INTERACTION, "QuestionnaireItem"),
    # Caliper wants a Questionnaire to list its questions, which most events about a survey do not
    # know. So the block is what holds the questionnaire.
    "survey": Kind(INTERACTION, "DigitalResourceCollection"),
    "openassessment": Kind(ASSESSMENT, "AssignableDigitalResource"),
}
"""By the kind that the usage key names."""

_KIND_IN_KEY = re.compile(
    r"/xblock/(?:[^/]*?\+type@([^+/]+)\+block@|i4x:/*[^/]+/[^/]+/([^/]+)/|lb:[^/:]+:[^/:]+:([^/:]+):)"
)
_MOST = 50_000
_LONGEST = 300
_known: Memory[str, Kind] = Memory(_MOST)


def kind_of(iri: str, of: str = "") -> Kind:
    """
    Say what the block, or the question of a block, with this IRI is.

    *of* names the kind where the IRI does not, as it was made of something else than a usage key.
    """
    found = _known.get(iri)
    if found is None:
        name = kind_name(iri)
        found = KINDS.get(name or of, ANY)
        if name and len(iri) <= _LONGEST:
            _known.keep(iri, found)
    return found


def kind_name(iri: str) -> str:
    """Give the kind of block that an IRI names, such as ``problem``; ``""`` when it names none."""
    match = _KIND_IN_KEY.search(iri)
    return (match[1] or match[2] or match[3]) if match else ""


def name_of(view: View, iri: str) -> str:
    """Give the display name of the block, if it is the one that emitted the event."""
    module = view.context.get("module")
    if module is None or not is_object(module):
        return ""
    key = module.get("usage_key")
    # The IRI ends with the key as it stands; one that had to be mended costs only the name.
    if type(key) is not str or not key or not iri.endswith(key) or iri[-len(key) - 1] != "/":
        return ""
    return view.module("display_name")


def block_activity(
    view: View,
    iri: str,
    *,
    name: str = "",
    description: Json | None = None,
    interaction: str = "",
    extensions: Json | None = None,
    of: str = "",
) -> Json:
    """Make the block with this IRI an Activity; *interaction* says of an interaction which one."""
    return activity(
        iri,
        (_known.get(iri) or kind_of(iri, of)).activity,
        name or name_of(view, iri),
        UNDETERMINED,
        description,
        interaction,
        extensions,
    )


def block_entity(view: View, iri: str, *, name: str = "", of: str = "", **members: Any) -> Json:
    """Make the block with this IRI an entity; members without a value are left out."""
    return entity(iri, kind_of(iri, of).entity, name=name or name_of(view, iri), **members)


def interaction(view: View, *, kind: str, block: str = "", of: str = "") -> Json:
    """Make the block that a learner interacts with, *kind* being xAPI's word for the way."""
    return block_activity(view, block or view.own_block(), interaction=kind, of=of)


def course_item(view: View, *, block: str = "", of: str = "") -> Json:
    """Make the block as an entity of Caliper, a part of its course."""
    return block_entity(view, block or view.own_block(), isPartOf=course_part(view), of=of)


def course_activity(view: View, iri: str = "", *, extensions: Json | None = None) -> Json:
    """Make the course that the event belongs to, or the one with this IRI, an Activity."""
    course = view.course()
    if course is None:
        return activity(iri or view.course_iri(), COURSE, extensions=extensions)
    if iri and iri != course.iri:
        return activity(iri, COURSE, extensions=extensions)
    return activity(course.iri, COURSE, course.name, course.language, extensions=extensions)
