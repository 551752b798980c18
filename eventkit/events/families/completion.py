"""Completion of blocks, and of the parts of a course that they add up to."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from eventkit.events.rows import Action, OneOf, Row, Shape, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity, course_activity, course_item
from eventkit.events.shapes.caliper import GENERAL, course_part, entity
from eventkit.events.shapes.iris import (
    BLOCK_TYPE,
    COMPLETION,
    DONE,
    IS_NEW,
    PROGRESS,
    PROGRESSED,
)
from eventkit.events.shapes.view import View
from eventkit.typing import Json

# What the platform told us.


def share(view: View, field: str) -> int | float:
    """Give how much is done, from 0 to 1; drop the event when it does not say."""
    done = view.number(field)
    if done is None:
        raise view.lacks("no_completion", f"data.{field}")
    return 1 if done >= 1 else max(0, done)


def is_done(view: View) -> bool:
    """Give where the toggle stands now."""
    done = view.data.get("done")
    if not isinstance(done, bool):
        raise view.lacks("no_completion", "data.done")
    return done


def course_iri(view: View) -> str:
    """Give the IRI of the course; the aggregator names it where it otherwise names a block."""
    key = "" if view.course_id else view.key("block_id")
    return view.iri(f"/course/{key}") if key else view.course_iri()


# How xAPI says it.


def block(view: View) -> Json:
    """Make the block that was worked on."""
    return block_activity(view, view.block("block_id"))


def course(view: View) -> Json:
    """Make the course that was worked on."""
    return course_activity(view, course_iri(view))


def own_block(view: View) -> Json:
    """Make the block that has the toggle."""
    return block_activity(view, view.own_block())


def progress(view: View, *, field: str) -> Json:
    """
    Say how much of it is done, as a whole percentage (cmi5, result extension progress).

    It is cut, not rounded: only what is complete is at 100.
    """
    part = share(view, field)
    if part == 1:  # as nearly always
        return {"completion": True, "extensions": {PROGRESS: 100}}
    return {"completion": False, "extensions": {PROGRESS: int(Decimal(str(part)) * 100)}}


def toggled_progress(view: View) -> Json:
    """Say whether it is done; there is nothing in between."""
    done = is_done(view)
    return {"completion": done, "extensions": {PROGRESS: 100 if done else 0}}


# How Caliper says it.


def changed_block(view: View) -> Json:
    """Make the block that was worked on."""
    return block_entity(view, view.block("block_id"), isPartOf=course_part(view))


def course_progress(view: View) -> Json:
    """Make what stands for the work on the whole course."""
    course = course_iri(view)
    return entity(f"{course}/progress", "AssignableDigitalResource", isPartOf=course)


def completion(view: View) -> Json:
    """Say how much of the block is done."""
    return {
        COMPLETION: view.number("completion"),
        IS_NEW: view.scalar("is_new"),
        BLOCK_TYPE: view.words("block_type") or None,
    }


def aggregate(view: View) -> Json:
    """Say how much of the part is done."""
    return {COMPLETION: view.number("percent")}


def toggle(view: View) -> Json:
    """Say where the toggle stands."""
    return {DONE: is_done(view)}


def _acts(what: Shape, extensions: Shape) -> dict[str, Action]:
    return {
        act: Action("Event", act, what, GENERAL, extensions=extensions, actor="learner")
        for act in ("Completed", "Reset", "Used")
    }


_BLOCK = _acts(changed_block, completion)
_COURSE = _acts(course_progress, aggregate)
_PART = _acts(changed_block, aggregate)
_TOGGLE = _acts(course_item, toggle)


def block_changed(view: View) -> tuple[Action]:
    """
    Tell completing a block from working on it, and from being set back.

    Work on it is told again and again; none of it is the start.
    """
    part = share(view, "completion")
    return (_BLOCK["Completed" if part == 1 else "Used" if part > 0 else "Reset"],)


def aggregated(view: View, *, acts: dict[str, Action]) -> tuple[Action]:
    """Tell completing a part of the course from working on it."""
    return (acts["Completed" if share(view, "percent") == 1 else "Used"],)


# Browser and server both report one click; the browser does not say on which block.

_DONE = Statement(PROGRESSED, own_block, result=toggled_progress)


def _server_only(view: View) -> None:
    if view.source == "browser":
        raise view.skipped("the server's event of the same click names the block")


def done_toggled(view: View) -> Statement:
    """Give the statement, for the server's event only."""
    _server_only(view)
    return _DONE


def done_acted(view: View) -> tuple[Action]:
    """Give the Caliper event, for the server's event only."""
    _server_only(view)
    return (_TOGGLE["Completed" if is_done(view) else "Reset"],)


def _aggregate(level: str, what: Shape, acts: dict[str, Action], *, in_course: bool = True) -> Row:
    return Row(
        (f"openedx.completion_aggregator.progress.{level}",),
        xapi=Statement(
            PROGRESSED, what, result=partial(progress, field="percent"), in_course=in_course
        ),
        caliper=OneOf(tuple(acts.values()), partial(aggregated, acts=acts)),
    )


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.completion.block_completion.changed",),
        xapi=Statement(PROGRESSED, block, result=partial(progress, field="completion")),
        caliper=OneOf(tuple(_BLOCK.values()), block_changed),
    ),
    _aggregate("course", course, _COURSE, in_course=False),
    _aggregate("chapter", block, _PART),
    _aggregate("sequential", block, _PART),
    _aggregate("vertical", block, _PART),
    Row(
        ("edx.done.toggled",),
        xapi=OneOf((_DONE,), done_toggled),
        caliper=OneOf(tuple(_TOGGLE.values()), done_acted),
    ),
)
