"""Writing an event so that any queue can carry it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eventkit.source import json_default


def to_json(event: Mapping[str, Any]) -> bytes:
    """
    Write *event* as JSON in UTF-8, without changing it.

    Times become ISO 8601 text in UTC, as in the tracking log. Sets become sorted lists; keys, lazy
    texts, UUIDs, decimals and whatever else there is becomes its text, also as the key of an
    object. Half a surrogate pair, which no UTF-8 queue can carry, becomes U+FFFD.

    Not-a-number and the infinities stay as they are, and `from_json` reads them as null.

    Raises:
        TypeError: it holds an iterator, which could be read only once and need not end.
        ValueError: it holds itself, or a number of thousands of digits.
        RecursionError: it is nested too deeply.
    """
    try:
        text = _encode(event)
    except TypeError:
        text = _encode(_with_text_keys(event))
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Two halves that stand side by side are a pair.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def from_json(written: bytes) -> Any:
    """Read what `to_json` wrote."""
    return _decode(written.decode())


def _default(value: object) -> Any:
    if isinstance(value, Iterator):
        raise TypeError("an iterator is not JSON")
    return json_default(value)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_default).encode
_decode = json.JSONDecoder(parse_constant=lambda _: None).decode


def _with_text_keys(value: Any) -> Any:
    """Copy *value* with keys that JSON knows, for the rare event that has others."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, (str, int, float, bool)) or key is None else str(key): (
                _with_text_keys(item)
            )
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_with_text_keys(item) for item in value]
    return value
