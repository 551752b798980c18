"""Who may have what: the pure part of the router."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast, get_args

from eventkit.consumers.consumer import Consumer
from eventkit.router.rule_index import RuleIndex
from eventkit.typing import Event, Json, ProtocolName


class Plan:
    """The consumers at one moment, and who of them may have an event."""

    def __init__(self, consumers: tuple[Consumer, ...]) -> None:
        self.consumers = consumers
        self.by_id = {consumer.id: consumer for consumer in consumers}
        self._by_protocol = {
            protocol: RuleIndex(
                [each for each in consumers if each.enabled and each.protocol == protocol]
            )
            for protocol in get_args(ProtocolName)
        }

    def entitled(self, protocol: ProtocolName, event: Event) -> list[Consumer]:
        """Give the enabled consumers of *protocol* whose rules let them have *event*."""
        return self._by_protocol[protocol].matching(event)


def own_documents(documents: list[Json], consumer: Consumer) -> list[Json]:
    """Give *documents* as *consumer* gets them."""
    if not consumer.override:
        return documents
    return [merged(document, consumer.override) for document in documents]


def merged(document: Json, override: Mapping[str, Any]) -> Json:
    """Copy *document* with *override* merged in: objects key by key, anything else replaced."""
    result = {key: copy.deepcopy(value) for key, value in document.items() if key not in override}
    for key, value in override.items():
        before = document.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            result[key] = merged(dict(before), value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def check_translation(translation: object) -> None:
    """Refuse whatever no translator made; the message says what it is, never what it holds."""
    problem = _problem(translation, ("name", "protocol", "documents", "event"))
    if problem is None and not isinstance(cast("Any", translation)["event"], Mapping):
        problem = "its 'event' is no object"
    if problem is not None:
        raise TypeError(
            f"the router takes translations only: {problem}; put a translator before it"
        )


def check_delivery(delivery: object) -> None:
    """Refuse with a `TypeError` what is no delivery."""
    problem = _problem(delivery, ("name", "protocol", "documents", "consumer"))
    if problem is None and not isinstance(cast("Any", delivery)["consumer"], str):
        problem = "its 'consumer' is no text"
    if problem is not None:
        raise TypeError(f"deliver takes what route gives: {problem}")


def _problem(thing: object, keys: tuple[str, ...]) -> str | None:
    if not isinstance(thing, Mapping):
        return f"this is of type {type(thing).__name__}"
    missing = [key for key in keys if key not in thing]
    if missing:
        return f"this lacks {', '.join(map(repr, missing))}"
    if thing["protocol"] not in get_args(ProtocolName):
        return f"its 'protocol' is none of {', '.join(map(repr, get_args(ProtocolName)))}"
    documents = thing["documents"]
    if not isinstance(documents, list) or not all(isinstance(item, dict) for item in documents):
        return "its 'documents' are no list of objects"
    if not isinstance(thing["name"], str):
        return "its 'name' is no text"
    return None
