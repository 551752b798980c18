"""The events of the virtual laboratory, and what they are in xAPI and in Caliper."""

from __future__ import annotations

from typing import Any

from eventkit.events import Action, Row, Statement, Verb, View, activity, entity

STARTED = Verb("http://activitystrea.ms/schema/1.0/start", "started")
FINISHED = Verb("http://activitystrea.ms/schema/1.0/complete", "finished")

LAB = "http://id.tincanapi.com/activitytype/simulation"
EXPERIMENT = "https://lab.example.org/xapi/extension/experiment"


# What the block told us.


def lab_iri(view: View) -> str:
    """Give the IRI of the laboratory; an event that does not say which is dropped."""
    return view.block("usage_key")


def experiment(view: View) -> dict[str, Any]:
    """Say which experiment it was."""
    return {EXPERIMENT: view.words("experiment") or None}


# How xAPI says it.


def lab(view: View) -> dict[str, Any]:
    """Make the laboratory."""
    return activity(lab_iri(view), LAB)


def yield_of_it(view: View) -> dict[str, Any] | None:
    """Say how well the experiment went, when the block measured it."""
    share = view.number("yield")
    return None if share is None else {"score": {"scaled": max(0.0, min(1.0, float(share)))}}


# How Caliper says it.


def simulation(view: View) -> dict[str, Any]:
    """Make the laboratory, something that can be assigned."""
    return entity(lab_iri(view), "AssignableDigitalResource")


EVENTS = (
    Row(
        ("lab.experiment.started",),
        xapi=Statement(STARTED, lab, extensions=experiment),
        caliper=Action(
            "AssignableEvent", "Started", simulation, "AssignableProfile", extensions=experiment
        ),
    ),
    Row(
        ("lab.experiment.finished",),
        xapi=Statement(FINISHED, lab, result=yield_of_it, extensions=experiment),
        caliper=Action(
            "AssignableEvent", "Completed", simulation, "AssignableProfile", extensions=experiment
        ),
    ),
)
