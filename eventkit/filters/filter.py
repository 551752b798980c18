"""Which events may pass: the filter that operators configure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from eventkit.base.blame import INTERRUPTED, is_interrupt
from eventkit.base.counting import Tally
from eventkit.base.throttle import Throttle, describe
from eventkit.exceptions import ConfigurationError, DropEvent
from eventkit.filters import fields as _fields
from eventkit.filters.explaining import Decision, decision, no_event, unreadable
from eventkit.filters.index import Index
from eventkit.filters.rules import Facts, Rule, Rules, Test, parse_rules, within
from eventkit.typing import Event

_log = Throttle(logging.getLogger(__name__))


class Filter:
    """
    Let through only the events that the rules allow and do not deny.

    A rule maps fields to a pattern or a list of patterns. All fields of a rule must match, any
    pattern of a field, any rule of a list; deny wins; a field that the event lacks never matches,
    unless a rule of *deny* has ``missing: "deny"``.

    Args:
        allow: the rules of which one must match. None (left out) allows every event; an empty list
            allows none, so that a list made by a program fails closed.

        deny: the rules of which none may match.

        orgs: a boundary that no rule can widen: only events pass whose document shows one of these
            organisations, and that name no other one anywhere. They count in any case. An empty
            list lets nothing through; None (left out) is no boundary.

        match_params: instead of *allow*, what a router configuration of event-routing-backends
            holds under that name; see `from_match_params`.

    Fields are ``event`` (any name of it), ``course``, ``org``, ``user`` (id or username), ``site``
    (the request's host), ``activity_type`` (the block's type, or the event's family: ``video``,
    ``forum``, ...), ``enterprise``, or a dotted path (``context.org_id``, ``data.mode``). *allow*
    looks at what the document will show (the course, its organisation, the learner), *deny* at
    all that the event names, wherever it stands.

    Patterns are exact text, text with ``*`` (anything) or ``?`` (one character), or ``re:`` and a
    regular expression; only linear-time ones are accepted, and they need the extra ``re2``. All of
    them must match all of a text. Case counts, but for ``course``, ``enterprise``, ``org`` and
    ``site`` in *deny*. Everything else is plain text, ``[`` included.

    A rule of *deny* with a pattern that can match nothing known is refused, unless the rule has
    ``unknown: True``.

    Raises:
        ConfigurationError: a rule is wrong; the message names the rule, the field and the remedy.

    >>> videos = Filter(allow=[{"event": "*_video", "org": ["edX", "MITx"]}])
    >>> videos.accepts({"name": "play_video", "context": {"org_id": "edX"}})
    True
    >>> videos.accepts({"name": "play_video", "context": {"org_id": "Elsewhere"}})
    False
    """

    __slots__ = ("_any_of", "_index", "_tally")

    def __init__(
        self,
        *,
        allow: Iterable[Mapping[str, Any]] | None = None,
        deny: Iterable[Mapping[str, Any]] | None = None,
        orgs: Iterable[str] | None = None,
        match_params: Mapping[str, Any] | None = None,
    ) -> None:
        allowed: tuple[Rule, ...] | None = None
        if allow is not None:
            if match_params is not None:
                raise ConfigurationError(
                    "match_params: it says what is allowed, and so does allow; keep one of the two"
                )
            allowed = parse_rules(allow, "allow", _fields.ALLOW, denies=False)
        elif match_params is not None:
            allowed = (_as_the_peer(match_params),)
        denied = () if deny is None else parse_rules(deny, "deny", _fields.DENY, denies=True)
        inside: Test | None = None
        if orgs is not None:
            boundary, shown = within(orgs)
            denied = (boundary, *denied)
            allowed = (shown,) if allowed is None else allowed
            [inside] = shown.tests
        self._begin((Rules(allowed, denied, inside),))

    @classmethod
    def _of(cls, any_of: Iterable[Rules]) -> Filter:
        made = cls.__new__(cls)
        made._begin(tuple(any_of))  # noqa: SLF001 - it is one of us
        return made

    def _begin(self, any_of: tuple[Rules, ...]) -> None:
        self._any_of = any_of
        self._index = Index((any_of,))
        self._tally = Tally()

    @classmethod
    def from_match_params(cls, params: Mapping[str, Any]) -> Filter:
        """
        Make the filter that lets through what event-routing-backends would route.

        Args:
            params: what a router configuration there holds under ``match_params``: dotted paths,
                each with a regular expression (as Python's `re.search` reads it) or a list of them.
                None given routes everything; what is not text never matches.

        Raises:
            ConfigurationError: an expression is invalid, or has no equal that runs in linear time.
        """
        return cls._of([Rules((_as_the_peer(params),), ())])

    @classmethod
    def any_of(cls, filters: Iterable[Filter]) -> Filter:
        """Make the filter that lets through what one of *filters* lets through; none: nothing."""
        return cls._of(rules for each in filters for rules in each._any_of)  # noqa: SLF001 - as above

    def accepts(self, event: Event) -> bool:
        """
        Tell whether *event* may pass. What cannot be judged does not pass, and raises nothing.

        A translation counts as the event that it was made of.
        """
        try:
            facts = Facts.of(event)
            accepted = facts is not None and self._judge(facts)
        except Exception as error:
            if is_interrupt(error):
                raise
            # Whatever an event holds, the rules must hold.
            self._tally.add("error")
            what = describe(error)
            _log.warning(what, "a filter could not judge an event and dropped it: %s", what)
            return False
        self._tally.add("accepted" if accepted else "filtered")
        return accepted

    def explain(self, event: Event) -> Decision:
        """
        Say which rule decides on *event*, and why, in a sentence for people.

        It always agrees with `accepts`, raises as little, and counts nothing. The sentence quotes
        what the event holds.
        """
        try:
            facts = Facts.of(event)
        except Exception as error:
            if is_interrupt(error):
                raise
            return unreadable(error)
        return no_event(event) if facts is None else self.explain_facts(facts)

    def explain_facts(self, facts: Facts) -> Decision:
        """Do what `explain` does, where many filters are asked about the *facts* of one event."""
        try:
            passes = self._judge(facts)
        except Exception as error:
            if is_interrupt(error):
                raise
            return unreadable(error)
        return decision(self._any_of, facts, passes=passes)

    def __call__(self, event: Event) -> Event:
        """Hand *event* on as it is, or raise `eventkit.DropEvent`."""
        try:
            accepted = self.accepts(event)
        except Exception as error:
            # event-tracking would take it for an error, and let the event pass.
            raise DropEvent(INTERRUPTED, retryable=True) from error
        if accepted:
            return event
        raise DropEvent("filtered")

    def stats(self) -> dict[str, int]:
        """Count what was ``accepted``, ``filtered``, and refused because of an ``error``."""
        return self._tally.snapshot()

    def _judge(self, facts: Facts) -> bool:
        try:
            return bool(self._index.find(facts))
        except Exception as error:
            if is_interrupt(error):
                raise
            # In order, rules may not come to what cannot be read.
            return self._judge_in_order(facts)

    def _judge_in_order(self, facts: Facts) -> bool:
        """Ask one set of rules after the other; what one cannot read is no matter of the others."""
        failure: Exception | None = None
        for rules in self._any_of:
            try:
                if rules.permit(facts):
                    return True
            except Exception as error:
                if is_interrupt(error):
                    raise
                failure = error
        if failure is not None:
            raise failure
        return False

    def __repr__(self) -> str:
        count = sum(len(allowed or ()) + len(denied) for allowed, denied, _ in self._any_of)
        return f"<{type(self).__name__} of {count} rules>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (type(self), self._any_of)


def _as_the_peer(params: Mapping[str, Any]) -> Rule:
    """Make the rule that allows what *params*, the ``match_params`` of the peer, would route."""
    # It reads parse trees of the standard library, which nobody else need depend on.
    from eventkit.filters import match_params  # noqa: PLC0415

    tests = [Test(_fields.peer, path, each) for path, each in match_params.parse(params).items()]
    return Rule(None, tuple(tests), "match_params", match_params.written(params))


def _unpickle(cls: type[Filter], any_of: tuple[Rules, ...]) -> Filter:
    return cls._of(any_of)
