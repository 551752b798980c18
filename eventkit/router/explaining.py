"""Who may have an event, which rule decides that, and what is sent: for people who ask."""

from __future__ import annotations

from typing import Any

import attrs

from eventkit.base.blame import is_interrupt
from eventkit.base.json import NOT_JSON, dumps
from eventkit.base.throttle import describe
from eventkit.consumers.consumer import Consumer
from eventkit.consumers.loading import ConsumerSource, load_consumers
from eventkit.exceptions import DropEvent
from eventkit.filters.explaining import Decision, unreadable
from eventkit.filters.filter import Filter
from eventkit.filters.rules import Facts
from eventkit.router.plan import own_documents
from eventkit.router.replaying import Translators
from eventkit.router.router import Router
from eventkit.translators.xapi_versions import upgraded
from eventkit.typing import Event, Identity, Json, ProtocolName

EXAMPLE_ROOT = "https://lms.example.org"
"""The root URL of the LMS in documents of `example_translators`."""


@attrs.frozen
class Explanation:
    """What one consumer gets of an event, and why."""

    consumer: str
    """Its id."""
    protocol: ProtocolName
    decision: Decision
    """What its access rules say, and which of them."""
    documents: list[Json]
    """What is sent, with the consumer's ``override`` merged in; empty when the rules say no."""
    problem: str
    """
    Why nothing is sent although the rules let it pass: the consumer is ``disabled``, ``paused`` or,
    as a router knows, ``gone``, or the event is ``not translated``, each with a colon and more;
    ``""``: nothing is in the way.
    """

    @property
    def passes(self) -> bool:
        """Whether the access rules let the consumer have the event."""
        return self.decision.passes

    @property
    def is_sent(self) -> bool:
        """Whether something goes out now."""
        return self.passes and not self.problem

    def to_dict(self) -> Json:
        """Give it as JSON has it."""
        return {
            "consumer": self.consumer,
            "protocol": self.protocol,
            "passes": self.passes,
            "sent": self.is_sent,
            "reason": self.decision.reason,
            "rule": self.decision.rule,
            "text": self.decision.text,
            "problem": self.problem,
            "documents": self.documents,
        }


def explain(
    event: Event,
    consumers: ConsumerSource | Router,
    translators: Translators | None = None,
) -> tuple[Explanation, ...]:
    """
    Say for each consumer whether it gets *event*, which rule decides, and what it gets.

    Nothing is sent, nothing is counted, and no consumer is asked for anything.

    Args:
        event: a tracking event, in either shape.

        consumers: what a `Router` takes, or a router, whose consumers are taken.

        translators: by protocol, as of `replay`; those of the site give exactly what is sent. None:
            those of `example_translators`, with ids that are examples.

    Raises:
        ConfigurationError: the consumers cannot be read.
    """
    translated = _Translated(event, example_translators() if translators is None else translators)
    states: dict[str, str] = {}
    if isinstance(consumers, Router):
        states = {name: health["state"] for name, health in consumers.health().items()}
        consumers = consumers.consumers
    facts = _facts(event)
    return tuple(
        _explanation(consumer, decide(consumer, event, facts), translated, states.get(consumer.id))
        for consumer in load_consumers(consumers)
    )


def _facts(event: Event) -> Facts | None:
    """Read what all rules ask of *event* once for all; None where each has to say what is wrong."""
    try:
        return Facts.of(event)
    except Exception as error:
        if is_interrupt(error):
            raise
        return None


def example_translators() -> Translators:
    """Make translators whose documents look like those of a site; their ids are examples."""
    from eventkit.translators.caliper import CaliperTranslator  # noqa: PLC0415 - start-up time
    from eventkit.translators.xapi import XAPITranslator  # noqa: PLC0415

    identity = example_identity()
    return {
        "xapi": XAPITranslator(lms_root=EXAMPLE_ROOT, identity=identity),
        "caliper": CaliperTranslator(lms_root=EXAMPLE_ROOT, identity=identity),
    }


def example_identity() -> Identity:
    """Make an identity whose ids are examples: anybody can work out whose they are."""
    from eventkit.translators.identity import HMACIdentity  # noqa: PLC0415 - start-up time

    return HMACIdentity("the ids of an example, nothing secret")


class _Translated:
    """What becomes of an event in each protocol, worked out when it is asked for."""

    def __init__(self, event: Event, translators: Translators) -> None:
        self._event = event
        self._translators = translators
        self._found: dict[str, tuple[list[Json], str]] = {}

    def get(self, protocol: ProtocolName) -> tuple[list[Json], str]:
        """Give the documents, and why there are none."""
        if protocol not in self._found:
            self._found[protocol] = self._translate(protocol)
        return self._found[protocol]

    def _translate(self, protocol: ProtocolName) -> tuple[list[Json], str]:
        translator = self._translators.get(protocol)
        if translator is None:
            return [], f"not translated: there is no translator for {protocol}"
        try:
            documents: list[Json] = translator(self._event)["documents"]
            is_json = all(map(_can_be_written, documents))
        except DropEvent as drop:
            cause = drop.__cause__
            said = f" ({cause})" if cause is not None and str(cause) != drop.reason else ""
            return [], f"not translated: {drop.reason}{said}"
        except Exception as error:
            if is_interrupt(error):
                raise
            return [], f"not translated: {describe(error)}"
        if not is_json:
            return [], "not translated: not_json"
        return documents, "" if documents else "not translated: nothing becomes of it"


def _can_be_written(document: Json) -> bool:
    try:
        dumps(document)
    except NOT_JSON:
        return False
    return True


def _explanation(
    consumer: Consumer, found: Decision, translated: _Translated, state: str | None
) -> Explanation:
    documents: list[Json] = []
    problem = ""
    if found.passes:
        documents, problem = translated.get(consumer.protocol)
        documents = own_documents(documents, consumer)
        if consumer.version == "2.0":
            documents = list(map(upgraded, documents))
        problem = _obstacle(consumer, state) or problem
    return Explanation(
        consumer=consumer.id,
        protocol=consumer.protocol,
        decision=found,
        documents=documents,
        problem=problem,
    )


def _obstacle(consumer: Consumer, state: str | None) -> str:
    if not consumer.enabled:
        return "disabled: it gets nothing"
    if state == "gone":
        return "gone: it has answered that it wants nothing any more (410)"
    if consumer.paused:
        return "paused: what it may have waits"
    return ""


def decide(consumer: Consumer, event: Event, facts: Facts | None = None) -> Decision:
    """
    Say whether the rules of *consumer* let it have *event*, also where it adds its own code.

    The *facts* of the event need not be read again where they are given.
    """
    rules: Any = consumer.filter
    is_plain = type(consumer).accepts is Consumer.accepts
    if is_plain and type(rules) is Filter:
        return rules.explain(event) if facts is None else rules.explain_facts(facts)
    try:
        passes = bool(consumer.accepts(event))
    except Exception as error:
        if is_interrupt(error):
            raise
        return unreadable(error)
    found = rules.explain(event) if isinstance(rules, Filter) else None
    if found is not None and found.passes == passes:
        return found
    named = type(rules if is_plain else consumer).__name__
    return Decision(
        passes=passes,
        reason="allowed" if passes else "not_allowed",
        rule="",
        text=f"{named} decides by code of its own: it {'passes' if passes else 'does not pass'}.",
    )
