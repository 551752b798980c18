"""Which dead letters a command is about, and how they look in a table."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eventkit.base.printable import printable
from eventkit.dead_letters.letter import DeadLetter
from eventkit.dead_letters.mentions import mentions
from eventkit.exceptions import ConfigurationError

_AGE = re.compile(r"(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHORT = 12
_SHORTEST = 4
_HIDDEN = {"documents", "event", "response"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Conditions on letters; all that are given must hold, and any value of each."""

    consumers: Collection[str] = ()
    owners: Collection[str] = ()
    reasons: Collection[str] = ()
    names: Collection[str] = ()
    learners: Collection[str] = ()
    ids: Collection[str] = ()
    """Whole ids, or how they begin."""
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        lists = (self.consumers, self.owners, self.reasons, self.names, self.learners, self.ids)
        return any(lists) or self.since is not None or self.until is not None

    def __call__(self, letter: DeadLetter) -> bool:
        """Tell whether *letter* is selected."""
        return (
            (not self.consumers or letter.consumer in self.consumers)
            and (not self.owners or letter.owner in self.owners)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.names or letter.name in self.names)
            and (not self.ids or any(letter.id.startswith(each) for each in self.ids))
            and (self.since is None or letter.time >= self.since)
            and (self.until is None or letter.time < self.until)
            and (not self.learners or any(mentions(letter, each) for each in self.learners))
        )

    def missing(self, letters: Iterable[DeadLetter]) -> list[str]:
        """Give the ids that none of *letters* has."""
        left = set(self.ids)
        for letter in letters:
            left = {each for each in left if not letter.id.startswith(each)}
        return sorted(left)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that `read_selection` reads."""
    group = parser.add_argument_group("selection (all must hold; repeated options: any of them)")
    for option, metavar, text in (
        ("--consumer", "ID", "of this consumer; '' for events that could not be translated"),
        ("--owner", "OWNER", "accepted for this protocol and address, as list shows it"),
        ("--reason", "REASON", "given up for this reason, such as http_400"),
        ("--name", "EVENT", "of events of this name"),
        ("--learner", "ID", "about this user id, username, or id of an actor"),
        ("--id", "ID", "with this id, or one that begins so"),
    ):
        group.add_argument(option, metavar=metavar, action="append", default=[], help=text)
    when = "a time as 2026-11-01T12:00 (UTC), or how long ago: 90s, 30m, 12h, 7d, 2w"
    group.add_argument("--since", metavar="TIME", type=moment, help=f"given up since then: {when}")
    group.add_argument("--until", metavar="TIME", type=moment, help="given up before then")


def read_selection(options: argparse.Namespace) -> Selection:
    """Read what `add_selection` added."""
    short = [each for each in options.id if len(each) < _SHORTEST]
    if short:
        raise ConfigurationError(
            f"--id: {short[0]!r} is too short; give the first {_SHORTEST} characters at least"
        )
    if "" in options.learner:
        raise ConfigurationError("--learner: is empty; give a user id, a username or an actor's id")
    return Selection(
        consumers=options.consumer,
        owners=options.owner,
        reasons=options.reason,
        names=options.name,
        learners=options.learner,
        ids=options.id,
        since=options.since,
        until=options.until,
    )


def moment(text: str) -> datetime:
    """Read a time, or how long ago it was."""
    age = _AGE.fullmatch(text)
    try:
        if age:
            return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; expected one as 2026-11-01T12:00, or how long ago, as 7d"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def outline(letter: DeadLetter) -> dict[str, object]:
    """Give what a letter holds besides documents, event and answer."""
    return {key: value for key, value in letter.as_dict().items() if key not in _HIDDEN}


def print_table(letters: Iterable[DeadLetter]) -> None:
    """Print a line for each letter; on a terminal they are cut to its width."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    rows = [_TITLES, *map(_row, letters)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(size) for cell, size in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip()[:width])


_TITLES = (
    "id",
    "time (UTC)",
    "consumer",
    "accepted for",
    "reason",
    "status",
    "attempts",
    "event",
    "detail",
)


def _row(letter: DeadLetter) -> tuple[str, ...]:
    return (
        letter.id[:_SHORT],
        letter.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        printable(letter.consumer) or "-",
        printable(letter.owner) or "-",
        printable(letter.reason),
        "-" if letter.status is None else str(letter.status),
        str(letter.attempts),
        printable(letter.name)[:60] or "-",
        printable(letter.detail),
    )
