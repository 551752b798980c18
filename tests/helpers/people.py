"""
Ids of people in tests.

They are UUIDs, as they must be; tests write a word for each, and read words where UUIDs stand.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_OID, uuid5


def id_of(word: str) -> str:
    """Give the id of the person that tests call by this word."""
    return str(uuid5(NAMESPACE_OID, word))


def readable(documents: Any, *words: str) -> Any:
    """Put *words* where the ids of those people stand."""
    text = json.dumps(documents)
    for word in words:
        text = text.replace(id_of(word), word)
    return json.loads(text)
