"""
Dialect ``erb`` of xAPI: what event-routing-backends writes, value for value, faults included.

A site that switches over keeps its statements and their ids, and can prove that nothing changed.
The whole dialect lives in this package, apart from the tables of the events: deleting it and the
one place that imports it drops the dialect. Its rules are those of event-routing-backends 9.3,
found from its expected outputs and by running it on altered events; they are odd on purpose. Lines
of logs are read as its own reader of logs reads them. What event-routing-backends cannot translate,
and so loses, has no statement in this dialect.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from eventkit.events.shapes import iris as iri
from eventkit.events.shapes.iris import Verb
from eventkit.events.shapes.view import View, copied
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.translators.erb.reading import Lost, Peer, user_of
from eventkit.translators.erb.xapi_shapes import (
    NAMES,
    ROWS,
    WITHOUT_PARENT,
    extensions,
    is_browser,
    problem_check,
    question,
    questions,
)
from eventkit.translators.ids import uuid5_in
from eventkit.typing import Json


class ERBStatements:
    """Makes the statements of dialect ``erb``."""

    def __init__(
        self,
        root: str,
        version: str,
        course_name: Callable[[str], str | None],
        actor: Callable[[int | str, View], Json],
    ) -> None:
        self._root = root
        self._version = version
        self._course_name = course_name
        self._actor = actor

    def translate(self, view: View) -> list[Json] | None:
        """Give the statements of an event; None when event-routing-backends makes none of it."""
        if view.name not in NAMES or view.event.get("name") != view.name:
            return None
        peer = Peer(view, self._root, self._course_name)
        try:
            if peer.name == "problem_check":
                return self._checks(peer, view)
            verb, make_object, make_result, more_extensions, activities = ROWS[peer.name]
            context = self._context(peer, parent=peer.name not in WITHOUT_PARENT)
            if more_extensions:
                context["extensions"] |= extensions(more_extensions(peer))
            if activities and (more := activities(peer)):
                context["contextActivities"] = context.get("contextActivities", {}) | more
            result = make_result(peer) if make_result else None
            return [self._statement(peer, view, verb, make_object(peer), result, context)]
        except (TranslationError, UnsupportedEvent):
            raise
        except (Lost, TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
            # Where event-routing-backends raises there is nothing to be equal to.
            return None

    def _checks(self, peer: Peer, view: View) -> list[Json]:
        verb = iri.ATTEMPTED if is_browser(peer) else iri.EVALUATED
        target, result = problem_check(peer)
        context = self._context(peer, parent=True)
        first = self._statement(peer, view, verb, target, result, context)
        statements = [first]
        for key in questions(peer):
            child_target, child_result = question(peer, key)
            child_context = {
                "extensions": dict(context["extensions"]),
                "contextActivities": {
                    "parent": [copied(target)],
                    "grouping": copied(context["contextActivities"]["parent"]),
                },
                "statement": {"objectType": "StatementRef", "id": first["id"]},
            }
            statements.append(
                self._statement(peer, view, verb, child_target, child_result, child_context, key)
            )
        return statements

    def _context(self, peer: Peer, *, parent: bool) -> Json:
        context: Json = {
            "extensions": extensions(
                {
                    iri.TRANSFORMER_VERSION: self._version,
                    iri.SESSION_ID: peer.get("session"),
                }
            )
        }
        if parent and (course := peer.course("en-US")):
            context["contextActivities"] = {"parent": [course]}
        return context

    def _statement(  # noqa: PLR0917 - one argument for each part of a statement
        self,
        peer: Peer,
        view: View,
        verb: Verb,
        target: Json,
        result: Json | None,
        context: Json,
        child: str = "",
    ) -> Json:
        user = user_of(peer)
        if user is None:
            raise view.nobody("context.user_id", view.context, view.event, view.data)
        actor = self._actor(user, view)
        time = peer.get("timestamp") or peer.get("time")
        statement: Json = {
            "id": statement_id(verb, actor, time, child),
            "actor": actor,
            "verb": verb.json(),
            "object": target,
        }
        if result is not None:
            statement["result"] = result
        statement["context"] = context
        if time is not None:
            statement["timestamp"] = _moment(time)
        statement["version"] = "1.0.3"
        return statement


def _moment(value: Any) -> str:
    if isinstance(value, str):
        if "T" not in value:
            raise Lost("timestamp")
        value = datetime.fromisoformat(value)
    elif isinstance(value, (int, float)):
        try:
            value = datetime.fromtimestamp(value, UTC)
        except OSError:
            raise Lost("timestamp") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Lost("timestamp")
    return value.isoformat()


def statement_id(verb: Verb, actor: Json, time: Any, child: str = "") -> str:
    """
    Give the id that event-routing-backends gives a statement: a hash of verb, actor and time.

    The object takes no part, and the time counts as it was written. A datetime is hashed in the
    form it has in logs and queues, so that live events and replays agree.
    """
    if isinstance(time, datetime):
        time = time.isoformat()
    key = (verb.id, verb.display, child)
    name_in = _NAMESPACES.get(key)
    if name_in is None:
        space = json.dumps({"id": verb.id, "display": {"en": verb.display}})
        if child:
            space += f"-{child}"
        name_in = uuid5_in(uuid5(NAMESPACE_DNS, space))
        if not child:  # of verbs there are only so many
            _NAMESPACES[key] = name_in
    return name_in(f"{_actor_text(actor)}-{time}")


_NAMESPACES: dict[tuple[str, str, str], Callable[[str], str]] = {}


def _actor_text(actor: Json) -> str:
    """Write an actor as `json.dumps` does."""
    account = actor.get("account")
    if account is None or list(account) != ["name", "homePage"]:
        return json.dumps(actor)
    name, home = map(encode_basestring_ascii, account.values())
    return f'{{"objectType": "Agent", "account": {{"name": {name}, "homePage": {home}}}}}'
