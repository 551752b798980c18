"""Telling a consumer that is down from a document that brings it down."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import attrs

from eventkit.transports.transport import Answer, Document

_WITNESSES = 1
"""Requests that must arrive between two failures of a suspect, or the latter does not count."""
_STRIKES = 6
"""Failures that count after which a suspect is given up, at least."""
_STRIKES_OVERLOAD = 30
"""The same where the answer says that it is a matter of the moment."""
_OVERLOAD = frozenset({408, 425, 429, 502, 503, 504, 507})
_DOUBT = 1e-6
"""How likely it may be that it fails so often by chance, with a consumer that fails at times."""
_MEMORY = 1000
"""Requests after which what is known of a consumer counts half."""
_PATIENCE = 3
_PATIENCE_OVERLOAD = 300
"""
Failures in a row of one document on its own after which others are tried before it; the second
number where the answer says that it is a matter of the moment.
"""
_HOLDS = 10
"""Tries of one that is set aside during which others of its learner wait for it."""
_MOST_ASIDE = 100
_HASTY = 10
"""Failures in a row of all that is tried after which one may pass others of its learner aside."""
_LONELY = 30
"""The same where all that wait are of one learner."""
_DESPERATE = 300
"""The same where of each learner the first document has failed; then any one may go."""
_SHORT = 200
"""Documents that are sent one by one while it shows whether another one is to blame."""
_LOOK = 1000
"""Documents among which others are looked for."""


@attrs.define(eq=False)
class _Failures:
    number: int = 0
    arrivals: int = 0
    """What had arrived when it failed last."""
    is_overload: bool = False
    """Whether the consumer said that it cannot take anything at the moment."""


@attrs.define(eq=False)
class Suspect:
    """A document that fails while others arrive."""

    document: Document
    strikes: int = 1
    tries: int = 0
    """How often it was tried since it was set aside."""
    arrivals: int = 0
    """What had arrived when it failed last."""
    not_before: float = 0.0
    is_overload: bool = False

    @property
    def wants_witnesses(self) -> bool:
        """Whether some more requests that arrive would settle it."""
        return not self.is_overload and self.strikes < _STRIKES


class Ward:
    """
    What is known of documents that have failed on their own, and those that are set aside.

    A failure alone says nothing: the consumer may be down. When others arrive and the same document
    fails again it is set aside, and the others go on; now and then it gets another try. It is given
    up when it has failed so often while others arrived that this cannot be the consumer. While
    nothing arrives nobody is to blame, however long that takes.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self.aside: list[Suspect] = []
        self._random = random
        self._failed: dict[int, _Failures] = {}
        self._arrivals = 0
        self._failures_in_a_row = 0
        self._good_arrivals = 0.0
        self._good_failures = 0.0
        self._is_others_turn = True

    def clear(self) -> list[Document]:
        """Forget all of it; give what was set aside."""
        documents = [suspect.document for suspect in self.aside]
        self.aside = []
        self._failed.clear()
        return documents

    def note_arrival(self, documents: Iterable[Document]) -> None:
        """Take down that the consumer has taken *documents*, in one request."""
        self._arrivals += 1
        self._failures_in_a_row = 0
        self._good_arrivals += 1
        for document in documents:
            known = self._failed.pop(document.order, None)
            if known is not None:
                self._good_failures += known.number
        if self._good_arrivals + self._good_failures > _MEMORY:
            self._good_arrivals /= 2
            self._good_failures /= 2

    def forget(self, documents: Iterable[Document]) -> None:
        """Forget what is known of *documents* that nobody will send again."""
        for document in documents:
            self._failed.pop(document.order, None)

    def note_failure(self, document: Document, answer: Answer) -> bool:
        """Take down that *document* has failed on its own; tell whether it is to be set aside."""
        known = self._failed.setdefault(document.order, _Failures())
        is_suspect = known.number > 0 and self._arrivals > known.arrivals
        known.number += 1
        self._failures_in_a_row += 1
        known.arrivals = self._arrivals
        known.is_overload = answer.status in _OVERLOAD
        return is_suspect and len(self.aside) < _MOST_ASIDE

    def set_aside(self, document: Document, not_before: float) -> None:
        """Let others go before *document*."""
        known = self._failed[document.order]
        self.aside.append(
            Suspect(
                document,
                arrivals=self._arrivals,
                not_before=not_before,
                is_overload=known.is_overload,
            )
        )

    def is_proven(self, suspect: Suspect, answer: Answer) -> bool:
        """Take down that *suspect* has failed again; tell whether it is to blame beyond doubt."""
        self._failed.setdefault(suspect.document.order, _Failures()).number += 1
        if self._arrivals - suspect.arrivals >= _WITNESSES:
            suspect.strikes += 1
        suspect.arrivals = self._arrivals
        suspect.tries += 1
        suspect.is_overload = answer.status in _OVERLOAD
        least = _STRIKES_OVERLOAD if suspect.is_overload else _STRIKES
        # Of documents that have arrived in the end: how often a request failed all the same.
        rate = (self._good_failures + 1) / (self._good_failures + self._good_arrivals + 2)
        return suspect.strikes >= max(least, math.ceil(math.log(_DOUBT) / math.log(rate)))

    def give_up_old(self, since: float) -> list[Document]:
        """Give what was set aside and has been accepted before that moment."""
        old = [each.document for each in self.aside if each.document.since < since]
        self.aside = [each for each in self.aside if each.document.since >= since]
        return old

    @property
    def witnesses(self) -> int:
        """Say how many requests should still arrive, so that those set aside can be judged."""
        left = [_STRIKES - each.strikes for each in self.aside if each.wants_witnesses]
        # Twice as many as it takes: the next suspects are among those that wait.
        return 2 * max(left) * max(_WITNESSES, len(left)) if left else 0

    def most(self, waiting: int) -> int | None:
        """Say how many of those *waiting* may go at once; None: any number."""
        if waiting <= _SHORT and any(each.wants_witnesses for each in self.aside):
            return 1
        witnesses = self.witnesses
        return max(1, waiting // witnesses) if witnesses else None

    def spare_until(self) -> float:
        """Say until when witnesses would be wasted: they have come, and the suspects not yet."""
        waiting = [each for each in self.aside if each.wants_witnesses]
        if any(self._arrivals - each.arrivals < _WITNESSES for each in waiting):
            return -math.inf
        return min((each.not_before for each in waiting), default=-math.inf)

    def next_try(self) -> float:
        """Say when the first of those that are set aside may be tried."""
        return min((each.not_before for each in self.aside), default=math.inf)

    def pick(self, now: float, *, are_others_waiting: bool) -> Suspect | None:
        """Take one that may be tried now; with others waiting only if it would tell us anything."""
        for suspect in self.aside:
            is_told = self._arrivals - suspect.arrivals >= _WITNESSES
            if suspect.not_before <= now and (is_told or not are_others_waiting):
                self.aside.remove(suspect)
                return suspect
        return None

    def has_failed(self, document: Document) -> bool:
        """Tell whether *document* has failed on its own before, so that it goes alone again."""
        return document.order in self._failed

    def is_stuck(self, document: Document) -> bool:
        """Tell whether *document*, the next one, has failed so often that others may go first."""
        known = self._failed.get(document.order)
        if known is None or known.arrivals < self._arrivals:
            return False
        if self.aside and not known.is_overload:
            # This consumer has met documents that it cannot take.
            return True
        return known.number >= (_PATIENCE_OVERLOAD if known.is_overload else _PATIENCE)

    def other(self, queue: Sequence[Document]) -> int | None:
        """
        Give the place in *queue* of one to be tried instead of the first, every second time.

        One that has not failed since something arrived, and the first of another learner, so that
        the order of each learner is kept; any of these, as those that fail may stand together.
        """
        self._is_others_turn = not self._is_others_turn
        if self._is_others_turn:
            return None
        firsts: dict[str, int] = {}
        for place, document in enumerate(islice(queue, _LOOK)):
            firsts.setdefault(learner_of(document), place)
        held = {learner_of(each.document) for each in self.aside if each.tries < _HOLDS}
        fresh = {
            learner: place
            for learner, place in firsts.items()
            if place and self._is_fresh(queue[place])
        }
        found = [place for learner, place in fresh.items() if learner not in held]
        if not found and self._failures_in_a_row >= _HASTY:
            found = [*fresh.values()]
        if not found and len(firsts) == 1 and self._failures_in_a_row >= _LONELY:
            # Nobody else is there: the next one that has not failed.
            return next(
                (place for place, each in enumerate(queue) if place and self._is_fresh(each)), None
            )
        if not found and self._failures_in_a_row >= _DESPERATE:
            near = enumerate(islice(queue, _LOOK))
            found = [place for place, each in near if place and self._is_fresh(each)]
        return found[min(int(self._random() * len(found)), len(found) - 1)] if found else None

    def free(self, queue: Sequence[Document]) -> list[Document] | None:
        """
        Give what may go now without passing one of its learner; None: all of *queue* may.

        A document that fails again and again does not hold up its learner any longer.
        """
        held = {learner_of(each.document) for each in self.aside if each.tries < _HOLDS}
        if not held:
            return None
        return [each for each in islice(queue, _LOOK) if learner_of(each) not in held]

    def _is_fresh(self, document: Document) -> bool:
        known = self._failed.get(document.order)
        return known is None or known.arrivals < self._arrivals


def learner_of(document: Document) -> str:
    """Say whose document it is."""
    if document.learner is None:
        actor = json.loads(document.body).get("actor")
        document.learner = json.dumps(actor, sort_keys=True)
    return document.learner
