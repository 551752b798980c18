"""What each consumer would get of an event: the rows of the database, asked as a router asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from eventkit.consumers.consumer import Consumer
from eventkit.contrib.django import models, rows
from eventkit.contrib.django.translating import site_translators
from eventkit.exceptions import ConfigurationError
from eventkit.router.explaining import Explanation, explain
from eventkit.typing import Event, Json


@attrs.frozen(kw_only=True)
class Answer:
    """What becomes of an event at one consumer."""

    row: models.Consumer
    found: Explanation | None
    """None: the consumer's settings are wrong."""
    problem: str = ""
    """What is wrong with them."""

    @property
    def kind(self) -> str:
        """Give ``sent``, ``held`` (its rules say yes, and something is in the way), ``refused``."""
        if self.found is None:
            return "held"
        if self.found.is_sent:
            return "sent"
        return "held" if self.found.passes else "refused"


_KINDS = ("sent", "held", "refused")


@attrs.frozen(kw_only=True)
class Tried:
    """What becomes of an event at all consumers that were asked about."""

    answers: Sequence[Answer]
    """Those that get it first, then those that only lack something."""
    is_example: bool
    """Whether ids in documents are examples, as the site has named no translators."""

    def number(self, kind: str) -> int:
        """Count the answers of a kind."""
        return sum(each.kind == kind for each in self.answers)

    @property
    def sent(self) -> int:
        """Consumers that get it."""
        return self.number("sent")

    @property
    def held(self) -> int:
        """Consumers that may have it and get nothing."""
        return self.number("held")

    @property
    def refused(self) -> int:
        """Consumers that may not have it."""
        return self.number("refused")


def try_event(event: Event, consumers: Iterable[models.Consumer]) -> Tried:
    """
    Say what each of *consumers* would get of *event*. Nothing is sent, and nothing is kept.

    Secrets are not opened: no document holds any.

    Args:
        event: in either shape.

        consumers: rows, with what `rows.settings_of` reads fetched beforehand.

    Raises:
        ConfigurationError: the translators of the site cannot be made.
    """
    translators = site_translators()
    answers: list[Answer] = []
    made: list[tuple[models.Consumer, Consumer]] = []
    for row in consumers:
        try:
            made.append((row, _consumer(row)))
        except ConfigurationError as error:
            answers.append(Answer(row=row, found=None, problem=str(error)))
    found = explain(event, [consumer for _, consumer in made], translators)
    answers += [Answer(row=row, found=each) for (row, _), each in zip(made, found, strict=True)]
    answers.sort(key=lambda each: (_KINDS.index(each.kind), each.row.slug))
    return Tried(answers=answers, is_example=translators is None)


def _consumer(row: models.Consumer) -> Consumer:
    """Make the consumer that *row* is, or give the one that was made of the same settings."""
    settings = rows.settings_of(row, with_secrets=False)
    # Who they are known by does not decide what they get, and must not be read here.
    for key in ("auth", "headers"):
        settings.pop(key, None)
    known = _made.get(row.slug)
    if known is not None and known[0] == settings:
        return known[1]
    try:
        made = Consumer(**settings)
    except TypeError as error:
        raise ConfigurationError(str(error)) from None
    if len(_made) >= _MOST_MADE:
        _made.clear()
    _made[row.slug] = settings, made
    return made


_MOST_MADE = 5_000
_made: dict[str, tuple[Json, Consumer]] = {}
"""Consumers by id, with their settings: making one takes a hundred times as long as comparing."""
