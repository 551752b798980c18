"""
Assistants: workflows and chats with language models, and chats that authors wrote.

What was asked and answered is text that leaves only where texts may.
"""

from __future__ import annotations

from functools import partial

from eventkit.events.rows import Action, Row, Statement
from eventkit.events.shapes.blocks import block_activity, block_entity
from eventkit.events.shapes.caliper import GENERAL, TOOL_USE, course_part, entity
from eventkit.events.shapes.iris import (
    ACTION,
    AI_ACTION,
    AI_WORKFLOW,
    COMPLETED,
    FINAL_STEP,
    INITIALIZED,
    INTERACTED,
    RATED,
    RATING,
    Verb,
)
from eventkit.events.shapes.places import did, own_activity, own_entity
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

_RATINGS = ("like", "dislike")

# What the platform told us.


def workflow_iri(view: View) -> str:
    """Give the IRI of the workflow, as the assistant's own statements have it."""
    action = view.key("action") or "unknown-action"
    profile = view.key("profile_name") or action
    return view.site.lms_root + encode_iri(f"/ai_workflow/{profile}__{action}")


def workflow_action(view: View) -> Json:
    """Say what the workflow does."""
    return {AI_ACTION: view.scalar("action")}


def chat_iri(view: View) -> str:
    """Give the IRI of the block that the chat is in."""
    return view.own_block("blockUsageKey")


def rating(view: View) -> Json:
    """Say how an answer was rated, in the words that the chat has for it."""
    found = view.key("value")
    return {ACTION: "chat-answer-rated", RATING: found if found in _RATINGS else None}


# How xAPI says it.


def workflow(view: View) -> Json:
    """Make the workflow."""
    return activity(
        workflow_iri(view),
        AI_WORKFLOW,
        name=view.words("profile_name"),
        extensions=workflow_action(view),
    )


def location(view: View) -> Json:
    """Say in which block the workflow was used."""
    if not view.key("location_id"):
        return {}
    return {"grouping": [block_activity(view, view.block("location_id"))]}


def chat(view: View) -> Json:
    """Make the block that the chat is in."""
    return block_activity(view, chat_iri(view))


def said(view: View, *, action: str) -> Json:
    """Say that something was said; what it was only where texts may leave."""
    result: Json = {"extensions": {ACTION: action}}
    if text := view.private("value"):
        result["response"] = text
    return result


def rated(view: View) -> Json:
    """Say how an answer was rated."""
    return {"extensions": rating(view)}


def finished(view: View) -> Json:
    """Say with which of its steps the chat ended."""
    return {"completion": True, "extensions": last_step(view)}


# How Caliper says it.


def assistant(view: View) -> Json:
    """Make the workflow."""
    return entity(workflow_iri(view), "SoftwareApplication", name=view.words("profile_name"))


def conversation(view: View) -> Json:
    """Make the block that the chat is in, as a part of its course."""
    return block_entity(view, chat_iri(view), isPartOf=course_part(view))


def last_step(view: View) -> Json:
    """Say with which of its steps the chat ended."""
    return {FINAL_STEP: view.scalar("final_step")}


def _workflow(step: str, verb: Verb, action: str, *, kind: str = "Event") -> Row:
    return Row(
        (f"openedx.ai.workflow.{step}",),
        xapi=Statement(verb, workflow, activities=location),
        caliper=Action(
            kind,
            action,
            assistant,
            TOOL_USE if kind == "ToolUseEvent" else GENERAL,
            extensions=workflow_action,
            actor="learner",
        ),
    )


def _chat(step: str, action: str, caliper: str) -> Row:
    return Row(
        (f"ol_openedx_chat_xblock.OLChat.{step}",),
        xapi=Statement(INTERACTED, chat, result=partial(said, action=action)),
        caliper=Action(
            "Event", caliper, conversation, GENERAL, extensions=partial(did, action=action)
        ),
    )


EVENTS: tuple[Row, ...] = (
    _workflow("initialized", INITIALIZED, "Started"),
    _workflow("interacted", INTERACTED, "Used", kind="ToolUseEvent"),
    _workflow("completed", COMPLETED, "Completed"),
    _chat("submit", "chat-asked", "Questioned"),
    _chat("response", "chat-answered", "Retrieved"),
    Row(
        ("ol_openedx_chat_xblock.OLChat.rating.request",),
        xapi=Statement(RATED, chat, result=rated),
        caliper=Action("Event", "Ranked", conversation, GENERAL, extensions=rating),
    ),
    _chat("rating.response", "chat-rating-received", "Retrieved"),
    Row(
        ("xblock.chat.complete",),
        xapi=Statement(COMPLETED, own_activity, result=finished),
        caliper=Action("Event", "Completed", own_entity, GENERAL, extensions=last_step),
    ),
)
