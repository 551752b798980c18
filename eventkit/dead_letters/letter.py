"""What a dead letter is."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

import attrs

from eventkit.reading.jsonable import from_json, to_json
from eventkit.reading.source import json_default
from eventkit.typing import Json


def _now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class DeadLetter:
    """
    Documents that a consumer did not get, or an event that could not be translated.

    Neither shows in `repr`.
    """

    consumer: str
    """The consumer's id; ``""`` for an event that could not be translated."""
    reason: str
    """A slug: ``http_400``, ``not_acknowledged``, ``queue_full``, ``translation_failed``, ..."""
    documents: list[Json] = attrs.field(repr=False)
    name: str = ""
    """The name of the event that they come from."""
    protocol: str = ""
    """``xapi`` or ``caliper``."""
    detail: str = ""
    """One line for people, without anything personal."""
    status: int | None = None
    """The HTTP status that refused them."""
    response: str = attrs.field(default="", repr=False)
    """The beginning of what the receiver said, without secrets."""
    attempts: int = 0
    """How many requests they were part of."""
    time: datetime = attrs.field(factory=_now)
    """When they were given up, in UTC."""
    event: Json | None = attrs.field(default=None, repr=False)
    """The original event: it decides who may have the documents, and is never delivered."""
    owner: str = ""
    """
    Whom they were accepted for, as protocol and address (`eventkit.Consumer.owner`): another
    consumer under the same id does not get them unless told. ``""``: not known.
    """
    history: list[Json] = attrs.field(factory=list, repr=False)
    """What went wrong before, the oldest first: reason, time, status and attempts of each."""
    id: str = attrs.field(default="")
    """
    Made of consumer, owner, protocol, name and documents (of the event, when there are no
    documents), so that the same documents given up again are the same letter.
    """

    def __attrs_post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", _digest(self))

    def as_dict(self) -> Json:
        """Give it as a JSON object; times and the like within the event become text."""
        written = attrs.asdict(self, filter=lambda field, _: field.name != "event")
        return written | {"time": self.time.isoformat(), "event": as_json(self.event)}

    @classmethod
    def from_dict(cls, letter: Mapping[str, Any]) -> Self:
        """
        Make one of what `as_dict` gave, also in another version: unknown keys are ignored.

        Raises:
            ValueError: it is no dead letter.
        """
        known = {key: letter[key] for key in _FIELDS if key in letter}
        wrong = [key for key in ("consumer", "reason", "documents", "time") if key not in known]
        wrong += [key for key, value in known.items() if not isinstance(value, _KINDS[key])]
        if wrong:
            raise ValueError(f"no dead letter: look at {', '.join(wrong)}")
        if not all(isinstance(each, dict) for each in known["documents"]):
            raise ValueError("no dead letter: its documents are not all objects")
        try:
            time = datetime.fromisoformat(known["time"])
        except ValueError:
            raise ValueError("no dead letter: its time is not ISO 8601") from None
        return cls(**known | {"time": time if time.tzinfo else time.replace(tzinfo=UTC)})


RAW = "damaged"
"""The key under which the event of a letter holds what was damaged, as text for each column."""


def is_raw(letter: DeadLetter) -> bool:
    """Tell whether *letter* holds nothing but what was damaged, so that it cannot be sent."""
    return not letter.documents and letter.event is not None and RAW in letter.event


_FIELDS = tuple(field.name for field in attrs.fields(DeadLetter))
_KINDS: dict[str, Any] = dict.fromkeys(_FIELDS, str) | {
    "documents": list,
    "history": list,
    "attempts": int,
    "status": (int, type(None)),
    "event": (dict, type(None)),
}


def as_json(event: Mapping[str, Any] | None) -> Json | None:
    """Copy *event* as JSON; None when that cannot be (it holds itself, or an iterator)."""
    try:
        copied = None if event is None else from_json(to_json(event))
    except Exception:  # noqa: BLE001 - whatever an event holds, and objects may raise
        return None
    return copied if isinstance(copied, dict) else None


def _digest(letter: DeadLetter) -> str:
    parts = (
        letter.consumer,
        letter.protocol,
        letter.name,
        letter.documents or letter.event,
        # Letters of older versions have no owner; their ids stay.
        *([letter.owner] if letter.owner else []),
    )
    try:
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=json_default)
    except Exception:  # noqa: BLE001 - not JSON, and whatever objects may raise; it is still a letter
        return uuid.uuid4().hex
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


Sink = Callable[[DeadLetter], Any]
"""Takes a dead letter. It is called from the threads that deliver, and may raise."""
