"""
Reading and writing JSON, in the one way that does not depend on what is installed.

The same id must mean the same bytes for ever, so the extra ``fast`` may not change one of them:
msgspec reads, orjson writes. They are asked first, and believed only where they cannot but agree
with the standard library, which does everything else. msgspec reads less than the library does
(no half surrogate pairs, no numbers beyond the largest float), and what it reads it reads alike;
orjson writes some numbers, some nesting and some text in ways of its own.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from enum import Enum
from typing import Any
from uuid import UUID

from eventkit.typing import Json

# Integers that took other parsers, and older ones, some bits.
_INTEGERS = b"[18446744073709551616,-9223372036854775809,123456789012345678901234567890]"

# Not-a-number and the infinities are null to orjson.
_NULL = b"null"

# How floats look where Python and orjson have ways of their own: as orjson writes them, except that
# its releases differ, and one that writes others is not asked.
_FLOATS = {
    1e-4: b"0.0001",
    1.25e-5: b"0.0000125",
    1e-6: b"1e-6",
    -1.5e-300: b"-1.5e-300",
    1e15: b"1000000000000000.0",
    1e16: b"1e+16",
    1.7e300: b"1.7e+300",
}
_find_small = re.compile(r"e-\d+(?:[],}]|$)").search
_tokens = re.compile(r'"(?:[^"\\]|\\.)*+"|-?(\d)(?:\.(\d+))?e-0?(\d+)')


def _no_number(_name: str) -> None:
    """Give nothing for NaN and the infinities: Python writes them, and they are no JSON."""


def _number(text: str) -> float | None:
    """Read a number; nothing for one that is so large that it would be infinite."""
    number = float(text)
    return number if abs(number) != math.inf else None


def _default(value: object) -> Any:
    # What orjson writes unasked.
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} is not JSON")


NOT_JSON = (ValueError, TypeError, RecursionError)
"""What `dumps` raises; only a broken row makes what is not JSON."""

_decoder = json.JSONDecoder(parse_constant=_no_number, parse_float=_number)
decode = _decoder.decode
"""Reads all of a text as `loads` does, without asking msgspec."""
decode_first = _decoder.raw_decode
"""Reads as `loads` the value that starts at an index of a text; gives it, and where it ends."""

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default
).encode


def loads(text: str) -> Any:
    """
    Read JSON text; not-a-number and what is infinite, which no JSON can say, become None.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    value = try_loads(text)
    return decode(text) if value is None else value


def _dumps(document: object, *, is_checked: bool = True) -> bytes:  # noqa: ARG001 - as `dumps`
    """
    Write JSON on one line, in UTF-8.

    Half a surrogate pair, which UTF-8 cannot carry, is escaped. A document that need not be
    *checked* has neither nulls nor what is no number.

    Raises:
        ValueError, TypeError, RecursionError: it is not JSON, or holds itself.
    """
    text = _encode(document)
    if _find_small(text):
        text = _tokens.sub(_without_zeros, text)
    return text.encode("utf-8", "backslashreplace")


def _without_zeros(token: re.Match[str]) -> str:
    """Write a small float (``1.5e-07``) as orjson does (``1.5e-7``); 1e-05 it writes out."""
    first, rest, exponent = token.groups(default="")
    if not exponent:
        return token[0]
    sign = "-" if token[0][0] == "-" else ""
    if exponent == "5":
        return f"{sign}0.0000{first}{rest}"
    return f"{sign}{first}.{rest}e-{exponent}" if rest else f"{sign}{first}e-{exponent}"


def try_loads(data: bytes | str) -> Any:
    """Read JSON; None where the standard library has to say what it is."""
    if quick_loads is None:
        return None
    try:
        return quick_loads(data)
    except (ValueError, RecursionError):
        return None


def try_event(line: bytes) -> Json | None:
    """Read the event that is all of a line, with a name; None where one has to look closer."""
    if quick_loads is None:
        return None
    if not line.startswith(b"{"):
        start = line.find(b"{")
        if start < 0 or not line[:start].isascii():
            return None
        line = line[start:]
    try:
        event: Json = quick_loads(line)
    except (ValueError, RecursionError):
        return None
    # What begins with a brace is an object.
    return event if isinstance(event.get("name") or event.get("event_type"), str) else None


def _quick_dumps(write: Callable[[object, None, int], bytes], options: int) -> Callable[..., bytes]:
    def dumps(document: object, *, is_checked: bool = True) -> bytes:
        try:
            data = write(document, None, options)
        except TypeError:
            return _dumps(document)
        return _dumps(document) if is_checked and data.rfind(_NULL) >= 0 else data

    return dumps


quick_loads: Callable[[bytes | str], Any] | None = None
"""msgspec; what it refuses the standard library has to judge."""

dumps: Callable[..., bytes] = _dumps

try:
    import msgspec
except ImportError:
    pass
else:
    _read = msgspec.json.Decoder().decode
    # What older releases refuse is no ValueError, and nobody here would catch it.
    if issubclass(msgspec.DecodeError, ValueError) and (
        _read(_INTEGERS) == _decoder.decode(_INTEGERS.decode())
    ):
        quick_loads = _read

try:
    import orjson
except ImportError:
    pass
else:
    if all(orjson.dumps(number) == text for number, text in _FLOATS.items()):
        dumps = _quick_dumps(
            orjson.dumps,
            orjson.OPT_PASSTHROUGH_SUBCLASS
            | orjson.OPT_PASSTHROUGH_DATETIME
            | orjson.OPT_PASSTHROUGH_DATACLASS,
        )
