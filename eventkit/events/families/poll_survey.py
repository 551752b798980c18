"""Polls and surveys."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from eventkit.events.rows import Action, OneOf, Row, Statement
from eventkit.events.shapes.blocks import course_item, interaction
from eventkit.events.shapes.caliper import READING, SURVEY, actor, attempt, entity, made_by, moment
from eventkit.events.shapes.iris import ANSWERED, RESOURCE, VIEWED
from eventkit.events.shapes.site import encode_iri
from eventkit.events.shapes.view import View, activity, json_text, scalar
from eventkit.reading.source import clean
from eventkit.typing import Json

# What the block told us.


def block_iri(view: View, *, kind: str) -> str:
    """Give the IRI of the poll or survey; without its usage key, by its name in the course."""
    name = view.key("url_name")
    if name and not view.module("usage_key"):
        return view.course_iri() + encode_iri(f"/{kind}/{name}")
    return view.own_block()


def choices(view: View) -> dict[str, Any]:
    """Give what was chosen, by question; drop the event when it says nothing of questions."""
    found = view.data.get("choices")
    made = (
        {clean(key): value for key, value in found.items() if isinstance(key, str) and key}
        if (isinstance(found, Mapping))
        else {}
    )
    if not made:
        raise view.lacks("no_questions", "data.choices")
    return made


# How xAPI says it. There is no success: no answer is right.


def poll(view: View) -> Json:
    """Make the poll."""
    return interaction(view, kind="choice", block=block_iri(view, kind="poll"), of="poll")


def survey(view: View) -> Json:
    """Make the survey."""
    return interaction(view, kind="other", block=block_iri(view, kind="survey"), of="survey")


def vote(view: View) -> Json | None:
    """Say what was chosen: an option that the course team wrote."""
    choice = view.key("choice")
    return {"response": clean(choice)} if choice else None


def opinions(view: View) -> Json | None:
    """Say what was chosen for each question, of the options that the course team wrote."""
    given = view.data.get("choices")
    found = {
        clean(key): chosen
        for key, value in (given.items() if isinstance(given, Mapping) else ())
        if isinstance(key, str) and key and isinstance(chosen := scalar(value), str)
    }
    return {"response": json_text(found)} if found else None


def results(view: View) -> Json:
    """Make what all answers add up to."""
    return activity(f"{view.own_block()}/results", RESOURCE)


# How Caliper says it.


def poll_item(view: View) -> Json:
    """Make the poll: a questionnaire of one item."""
    return course_item(view, block=block_iri(view, kind="poll"), of="poll")


def questionnaire(view: View) -> Json:
    """Make what the survey asks: its questions, a part of the block."""
    block = block_iri(view, kind="survey")
    return entity(
        f"{block}/questionnaire",
        "Questionnaire",
        name=view.module("display_name"),
        isPartOf=block,
        items=[entity(_question(block, key), "QuestionnaireItem") for key in choices(view)],
    )


def _question(block: str, key: str) -> str:
    return f"{block}/question/{encode_iri(key)}"


def survey_item(view: View, *, key: str) -> Json:
    """Make one question of the survey."""
    block = block_iri(view, kind="survey")
    return entity(_question(block, key), "QuestionnaireItem", isPartOf=block)


def poll_response(view: View) -> Json:
    """Make the response to the poll."""
    return _selection(view, block_iri(view, kind="poll"), view.data.get("choice"))


def survey_response(view: View, *, key: str) -> Json:
    """Make the response to one question of the survey."""
    return _selection(view, _question(block_iri(view, kind="survey"), key), choices(view).get(key))


def _selection(view: View, question: str, choice: Any) -> Json:
    """Make a response to *question*; who votes anew gives another one."""
    chosen = scalar(choice)
    return entity(
        made_by(view, actor(view), question, "response"),
        "MultiselectResponse",
        selections=[str(chosen)] if chosen is not None else None,
    )


def survey_attempt(view: View) -> Json:
    """Make the learner's going through the survey; it may be taken again."""
    return attempt(view, block_iri(view, kind="survey"), f"/attempt/{moment(view)}")


def shown_results(view: View) -> Json:
    """Make what all answers add up to, a part of the poll or survey."""
    block = view.own_block()
    return entity(
        f"{block}/results",
        "DigitalResource",
        name=view.module("display_name"),
        isPartOf=block,
    )


def _answered(key: str) -> Action:
    return Action(
        "QuestionnaireItemEvent",
        "Completed",
        partial(survey_item, key=key),
        SURVEY,
        generated=partial(survey_response, key=key),
        key=key,
    )


_SUBMITTED = Action(
    "QuestionnaireEvent", "Submitted", questionnaire, SURVEY, generated=survey_attempt
)


def submitted(view: View) -> list[Action]:
    """Make an event for the survey, and one for each of its questions."""
    return [_SUBMITTED, *(_answered(key) for key in choices(view))]


_RESULTS_VIEWED = Statement(VIEWED, results)
_VIEWED = Action("ViewEvent", "Viewed", shown_results, READING)

EVENTS: tuple[Row, ...] = (
    Row(
        ("xblock.poll.submitted",),
        xapi=Statement(ANSWERED, poll, result=vote),
        caliper=Action(
            "QuestionnaireItemEvent", "Completed", poll_item, SURVEY, generated=poll_response
        ),
    ),
    Row(("xblock.poll.view_results",), xapi=_RESULTS_VIEWED, caliper=_VIEWED),
    Row(
        ("xblock.survey.submitted",),
        xapi=Statement(ANSWERED, survey, result=opinions),
        caliper=OneOf((_SUBMITTED, _answered("")), submitted),
    ),
    Row(("xblock.survey.view_results",), xapi=_RESULTS_VIEWED, caliper=_VIEWED),
)
