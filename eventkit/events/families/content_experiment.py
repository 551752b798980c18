"""Experiments with content: groups of learners who see different blocks."""

from __future__ import annotations

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import GENERAL, READING, course_part, entity, membership
from eventkit.events.shapes.iris import EXPERIENCED, GROUP, PARTITION_NAME, WAS_ASSIGNED
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the platform told us.


def partition_iri(view: View) -> str:
    """Give the IRI of the partition of the course's learners into groups."""
    return view.course_iri() + _step(view, "partition", "partition_id")


def group_iri(view: View) -> str:
    """Give the IRI of a group of the partition."""
    return partition_iri(view) + _step(view, "group", "group_id")


def _step(view: View, kind: str, field: str) -> str:
    key = view.key(field)
    if not key:
        raise view.lacks("no_object", f"data.{field}")
    return encode_iri(f"/{kind}/{key}")


# How xAPI says it.


def group(view: View) -> Json:
    """Make the group that the learner was put in."""
    return activity(group_iri(view), GROUP, name=view.words("group_name"))


def partition(view: View) -> Json:
    """Say which partition the group belongs to."""
    return {"grouping": [activity(partition_iri(view), GROUP, name=view.words("partition_name"))]}


def child(view: View) -> Json:
    """Make the block that the learner's group sees."""
    return block_activity(view, view.block("child_id", "child-id"))


# How Caliper says it.


def group_membership(view: View) -> Json:
    """Make the learner's membership in the group."""
    organization = entity(
        group_iri(view),
        "Group",
        name=view.words("group_name"),
        subOrganizationOf=view.course_iri(),
    )
    return membership(view, organization, view.learner(), status="Active")


def partition_name(view: View) -> Json:
    """Say what the partition is called."""
    return {PARTITION_NAME: view.words("partition_name") or None}


def seen_child(view: View) -> Json:
    """Make the block that the learner's group sees."""
    return block_entity(view, view.block("child_id", "child-id"), isPartOf=course_part(view))


EVENTS: tuple[Row, ...] = (
    Row(
        ("xmodule.partitions.assigned_user_to_partition",),
        xapi=Statement(WAS_ASSIGNED, group, activities=partition),
        caliper=Action(
            "Event", "Added", group_membership, GENERAL, extensions=partition_name, actor="lms"
        ),
    ),
    Row(
        ("xblock.split_test.child_render",),
        xapi=Statement(EXPERIENCED, child),
        caliper=Action("ViewEvent", "Viewed", seen_child, READING),
    ),
)
