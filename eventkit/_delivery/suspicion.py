"""Telling a consumer that is down from a document that brings it down."""

from __future__ import annotations

import json
from collections.abc import Sequence

from eventkit.transports import Answer, Document, Verdict

_STRIKES = 6
"""How often the suspect must fail while others arrive."""
_WITNESSES = 2
"""Others that must arrive between two failures of the suspect."""
_MAX_FAILED = 2
"""Others that may fail. With more of them it is the consumer that cannot be relied on."""
_LOOK = 200
"""Documents behind the suspect among which others are looked for."""
_OVERLOAD = frozenset({408, 425, 429, 502, 503, 504, 507})
"""What a server or its proxy answers when it cannot take anything at the moment."""


def may_be_poison(answer: Answer) -> bool:
    """Tell whether a document could be to blame for *answer*, such as by crashing the receiver."""
    return answer.verdict is Verdict.RETRY and answer.status not in _OVERLOAD


class Suspicion:
    """
    A trial of one document that has failed alone, again and again.

    Others are sent alone meanwhile, of other learners so that the order of each is kept. Only if
    they arrive, and the suspect keeps failing in between, is it to blame.
    """

    def __init__(self, suspect: Document) -> None:
        self.suspect = suspect
        self._strikes = 1
        self._arrived = 0
        self._failed: list[Document] = []
        self._learner = _learner(suspect)

    @property
    def is_proven(self) -> bool:
        """Whether the suspect is to blame."""
        return self._strikes >= _STRIKES

    @property
    def is_over(self) -> bool:
        """Whether it cannot be told, because others fail as well."""
        return len(self._failed) > _MAX_FAILED

    def pick(self, queue: Sequence[Document]) -> int | None:
        """Give the place in *queue* of what is to be sent next, alone; None: there is nothing."""
        if self._arrived >= _WITNESSES:
            return next((i for i, each in enumerate(queue) if each is self.suspect), None)
        for place, document in enumerate(queue):
            if place > _LOOK:
                break
            if document not in self._failed and _learner(document) != self._learner:
                return place
        return None

    def note(self, document: Document, *, arrived: bool) -> None:
        """Take down what became of *document*, which was sent alone."""
        if document is self.suspect:
            self._strikes += 1
            self._arrived = 0
        elif arrived:
            self._arrived += 1
        else:
            self._failed.append(document)


def _learner(document: Document) -> str:
    actor = json.loads(document.body).get("actor")
    return json.dumps(actor, sort_keys=True)
