"""Finding somebody in dead letters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from eventkit.dead_letters.letter import DeadLetter, is_raw
from eventkit.filters import fields as _fields
from eventkit.reading.source import Source
from eventkit.typing import Event


def mentions(letter: DeadLetter, person: str) -> bool:
    """
    Tell whether *letter* is about *person*: a user id, a username, or the id of an actor.

    Everybody counts whom the event names, and every agent or person in the documents. Of an IRI the
    part behind its last slash or colon is enough (the anonymised id, the e-mail address).
    """
    if is_raw(letter):
        return _is_in(person, letter.event)
    if letter.event is not None and _names(letter.event, person):
        return True
    return any(
        person in (found, found.rpartition("/")[2], found.rpartition(":")[2])
        for found in _agents(letter.documents)
    )


def is_in_bytes(person: str, line: bytes) -> bool:
    """Tell whether *person* stands as a word of its own in a line that cannot be read."""
    # JSON may have escaped it.
    escaped = json.dumps(person)[1:-1]
    text = line.decode("latin-1")
    return _is_in(person, text) or _is_in(escaped, text)


def _names(event: Event, person: str) -> bool:
    try:
        return person in _fields.people(Source(event), "")
    except ValueError:  # it cannot be read; rather one letter too many than one too few
        return person in str(event)


def _is_in(person: str, value: Any) -> bool:
    """Tell whether *person* stands anywhere in the texts of *value*, as a word of its own."""
    # Bytes were kept as a character each.
    words = {person, person.encode().decode("latin-1")}
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(each)}(?!\w)" for each in words))
    if isinstance(value, dict):
        return any(_is_in(person, each) for each in value.values())
    return isinstance(value, str) and pattern.search(value) is not None


def _agents(value: Any) -> Iterator[str]:
    """Give the ids of all agents of xAPI and persons of Caliper in *value*."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            account = item.get("account")
            named = [item.get(key) for key in ("mbox", "mbox_sha1sum", "openid")]
            named.append(account.get("name") if isinstance(account, dict) else None)
            # Caliper may give an actor as its IRI alone.
            named.append(item.get("actor"))
            named.append(item.get("id") if item.get("type") == "Person" else None)
            yield from (text for text in named if isinstance(text, str))
