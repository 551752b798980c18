"""Writing an event so that any queue can carry it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from eventkit.base.json import decode, try_loads
from eventkit.reading.source import json_default


def to_json(event: Mapping[str, Any]) -> bytes:
    """
    Write *event* as JSON in UTF-8, without changing it.

    Times become ISO 8601 text in UTC, as in the tracking log. Sets become sorted lists; keys, lazy
    texts, UUIDs, decimals and whatever else there is becomes its text, also as the key of an
    object. Half a surrogate pair, which no UTF-8 queue can carry, becomes U+FFFD.

    Not-a-number and the infinities are null when `from_json` has read them.

    Raises:
        TypeError: it holds an iterator, which could be read only once and need not end.
        ValueError: it holds itself, or a number of thousands of digits.
        RecursionError: it is nested too deeply.
    """
    if _quick_encode is not None:
        try:
            return _quick_encode(event)
        except TypeError:
            # It holds something that only the standard library writes as it should be.
            pass
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
    found = try_loads(written)
    return decode(written.decode()) if found is None else found


def _default(value: object) -> Any:
    if isinstance(value, Iterator):
        raise TypeError("an iterator is not JSON")
    return json_default(value)


def _plain_default(value: object) -> Any:
    # The rest takes a closer look, such as tuples with names, which are lists to `json`.
    if isinstance(value, datetime):
        return json_default(value)
    raise TypeError(f"{type(value).__name__} is for json to write")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_default).encode


_quick_encode: Callable[[Mapping[str, Any]], bytes] | None = None
try:
    import orjson
except ImportError:
    pass
else:

    def _quick_encode(event: Mapping[str, Any]) -> bytes:
        return orjson.dumps(event, _plain_default, _OPTIONS)

    _OPTIONS = (
        orjson.OPT_PASSTHROUGH_SUBCLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_DATACLASS
    )


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
