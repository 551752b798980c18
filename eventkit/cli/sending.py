"""Sending files to consumers, each at its own pace."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import IO

from eventkit.batch import (
    STDIN,
    Line,
    LoggedEvent,
    Outcome,
    Translator,
    events_of,
    read_log,
    translate_event,
)
from eventkit.cli.checkpoint import Checkpoint, Tracker
from eventkit.cli.output import reject_record
from eventkit.cli.summary import Progress, Summary
from eventkit.cli.work import chunked
from eventkit.exceptions import DeliveryError
from eventkit.router.router import Router
from eventkit.typing import Delivery, ProtocolName

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 15.0

_Numbered = tuple[int, Delivery]
"""A delivery, with the number of the line that it comes from."""


@dataclass(slots=True)
class Recipient:
    """A consumer in one run."""

    name: str
    batch: int
    """How many documents one request takes."""
    stopped: str = ""
    """Where and why it was given up."""


@dataclass(slots=True, kw_only=True)
class Dispatch:
    """
    One run of sending.

    Lines are read and translated in groups. A group goes to all consumers at the same time, and its
    place is noted in the checkpoint for each of them that has it. A consumer that is given up does
    not hold the others.
    """

    router: Router
    translators: Mapping[ProtocolName, Translator]
    """By protocol."""
    checkpoint: Checkpoint
    summary: Summary
    patience: float
    """Seconds that a consumer in trouble is tried again."""
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))
    rejects: IO[bytes] | None = None
    unwrap: str = ""
    """The field of the lines' JSON that holds the event; see `parse_line`."""
    passed: int = 0
    """Lines that all consumers had before."""
    stopped: str = ""
    """Where and why the run ended early; empty when it did not."""
    recipients: list[Recipient] = field(init=False)
    _ending: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.recipients = [
            Recipient(consumer.id, consumer.batch.max_size)
            for consumer in self.router.consumers
            if consumer.enabled
        ]

    def send(self, paths: Iterable[str]) -> None:
        """
        Send files, in order, until the last one or until every consumer is given up.

        It stops before a line for which a look-up fails: what is behind it belongs to the next run.
        """
        with ThreadPoolExecutor(len(self.recipients)) as pool:
            try:
                for path in paths:
                    if self.stopped:
                        break
                    self._send_file(path, pool)
            finally:
                self.progress.clear()

    def end(self) -> None:
        """Have consumers in trouble no longer waited for; the run is to be interrupted."""
        self._ending.set()

    def _send_file(self, path: str, pool: ThreadPoolExecutor) -> None:
        names = [recipient.name for recipient in self.recipients]
        starts = dict.fromkeys(names, 0) if path == STDIN else self.checkpoint.starts(path, names)
        tracker = Tracker()
        before = min(starts.values())
        self.passed += before
        for lines in chunked(_passing(read_log(path), tracker, before)):
            if self.stopped or all(recipient.stopped for recipient in self.recipients):
                return
            outcomes, number = self._translate(lines)
            lines = lines[:number]  # noqa: PLW2901 - what is left of the group is for the next run
            if not lines:
                return
            jobs = self._start(outcomes, starts, lines, pool)
            try:
                wait(jobs.values())
            except KeyboardInterrupt:
                self.end()
                wait(jobs.values())
                raise
            finally:
                if path != STDIN:
                    reached = {name: job.result() for name, job in jobs.items()}
                    self._note(path, _settled(lines, outcomes), reached, starts, tracker)
            tracker.pass_over(lines)
            self.progress.show(self.summary)

    def _translate(self, lines: Sequence[Line]) -> tuple[list[Outcome], int]:
        """
        Translate the events on lines for all protocols in use; each is counted once.

        What only one protocol rejects is kept too: it is not to be lost for that one. Gives the
        outcomes of the lines before the first for which a look-up fails, and how many these are.
        """
        found: list[Outcome] = []
        first = next(iter(self.translators))
        for number, line in enumerate(lines):
            if line.part:
                self._reject(line, line.fault)
            for each in events_of(line, self.unwrap):
                if isinstance(each, Outcome):
                    found += self._count(line, {first: each})
                    continue
                outcomes = self._translate_event(each)
                if self.stopped:
                    return found, number
                found += self._count(line, outcomes)
        return found, len(lines)

    def _count(self, line: Line, outcomes: Mapping[ProtocolName, Outcome]) -> list[Outcome]:
        """Count what became of one event, and keep what was rejected; give what counts."""
        kept = [outcome for outcome in outcomes.values() if outcome.translation]
        bad = [name for name, outcome in outcomes.items() if outcome.status == "rejected"]
        if kept:
            self.summary.translated += 1
            self.summary.documents += sum(len(outcome.documents) for outcome in kept)
            for protocol in bad:
                reason = f"{protocol}:{outcomes[protocol].reason}"
                self.summary.in_part[reason] += 1
                self._reject(line, reason)
        elif bad:
            kept = [outcomes[bad[0]]]
            self.summary.rejected[kept[0].reason] += 1
            self._reject(line, kept[0].reason)
        else:
            kept = list(outcomes.values())[:1]
            self.summary.skipped[kept[0].reason] += 1
        return kept

    def _translate_event(self, logged: LoggedEvent) -> dict[ProtocolName, Outcome]:
        """Translate one event, again and again while a look-up fails and patience lasts."""
        until = time.monotonic() + self.patience
        pause = _FIRST_WAIT
        while True:
            outcomes = {
                protocol: translate_event(logged, translator)
                for protocol, translator in self.translators.items()
            }
            if not any(outcome.retryable for outcome in outcomes.values()):
                return outcomes
            if time.monotonic() + pause > until or self._ending.wait(pause):
                self.stopped = f"{logged.source}:{logged.number}"
                return outcomes
            pause = min(2 * pause, _LONGEST_WAIT)

    def _reject(self, line: Line, reason: str) -> None:
        if self.rejects:
            record = reject_record(line.source, line.number, reason, line.raw, line.part)
            self.rejects.write(record)

    def _start(
        self,
        outcomes: Sequence[Outcome],
        starts: dict[str, int],
        lines: Sequence[Line],
        pool: ThreadPoolExecutor,
    ) -> dict[str, Future[int]]:
        """Begin to deliver a group to every consumer that has not been given up."""
        routed: dict[str, list[_Numbered]] = defaultdict(list)
        for outcome in outcomes:
            if outcome.translation:
                for delivery in self.router.route(outcome.translation):
                    if outcome.line_number > starts[delivery["consumer"]]:
                        routed[delivery["consumer"]].append((outcome.line_number, delivery))
        return {
            recipient.name: pool.submit(self._deliver, recipient, routed[recipient.name], lines)
            for recipient in self.recipients
            if not recipient.stopped
        }

    def _deliver(
        self, recipient: Recipient, deliveries: Sequence[_Numbered], lines: Sequence[Line]
    ) -> int:
        """
        Deliver to one consumer; give the number of the line up to which it has everything.

        A request's worth at a time, so that what has to be repeated is little.
        """
        reached = lines[0].number - 1
        for portion in _portions(deliveries, recipient.batch):
            try:
                self._persist([delivery for _, delivery in portion])
            except DeliveryError as error:
                recipient.stopped = f"{lines[0].source}:{portion[0][0]}: {error}"
                return reached
            reached = portion[-1][0]
        return lines[-1].number

    def _persist(self, deliveries: list[Delivery]) -> None:
        """Deliver; try again until it works, patience ends, or we are interrupted."""
        until = time.monotonic() + self.patience
        longest = _FIRST_WAIT
        while True:
            try:
                self.router.deliver(deliveries)
            except DeliveryError as error:
                # At random, so that many senders do not come back together.
                pause = error.retry_after or random.uniform(longest / 2, longest)  # noqa: S311
                longest = min(2 * longest, _LONGEST_WAIT)
                late = time.monotonic() + pause > until
                if late or not error.retryable or self._ending.wait(pause):
                    raise
            else:
                return

    def _note(
        self,
        path: str,
        lines: Sequence[Line],
        reached: dict[str, int],
        starts: dict[str, int],
        tracker: Tracker,
    ) -> None:
        """Note in the checkpoint how far everybody is in a group of lines."""
        if not lines:
            return
        for number in set(reached.values()):
            done = [line for line in lines if line.number <= number]
            position = tracker.after(done)
            for name, own in reached.items():
                if own == number and done and position.lines > starts[name]:
                    self.checkpoint.note(path, name, position)
        self.checkpoint.save()


def _passing(lines: Iterable[Line], tracker: Tracker, before: int) -> Iterator[Line]:
    """Pass over the lines that everybody has."""
    for line in lines:
        if line.number <= before:
            tracker.pass_over([line])
        else:
            yield line


def _settled(lines: Sequence[Line], outcomes: Sequence[Outcome]) -> Sequence[Line]:
    """
    Leave out a last line that may not be whole yet.

    The platform may be writing it at this moment, or somebody copying the file; the next run will
    look at it again.
    """
    last = lines[-1]
    torn = [
        each for each in outcomes if each.status == "rejected" and each.line_number == last.number
    ]
    if last.ended or not (last.fault or torn):
        return lines
    return [line for line in lines if line.number != last.number]


def _portions(deliveries: Sequence[_Numbered], size: int) -> Iterator[list[_Numbered]]:
    """Group deliveries, so that a group has *size* documents or few more."""
    group: list[_Numbered] = []
    documents = 0
    for numbered in deliveries:
        group.append(numbered)
        documents += len(numbered[1]["documents"])
        if documents >= size:
            yield group
            group, documents = [], 0
    if group:
        yield group
