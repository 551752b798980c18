"""
Reading and writing JSON, in the one way that does not depend on what is installed.

The same id must mean the same bytes for ever, so the extra ``fast`` (orjson) may not change one of
them. It is asked first, and believed only where it cannot but agree with the standard library,
which does everything else: the two read and write other numbers, other nesting and other text
differently. Where they may, cheap looks at the bytes tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import Any
from uuid import UUID

# Integers of this many digits may have more than 64 bits, and then orjson reads them as floats.
_LONG_INTEGER = b"0" * 19
_DIGITS_AS_ZEROS = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))

# The standard library gives up where nesting fills the stack; orjson counts to 1,024.
_DEPTH = 700

LONG = 2 * _DEPTH
"""Bytes from which on JSON can be nested too deeply: whatever opens must be closed."""

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


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _default(value: object) -> Any:
    # What orjson writes unasked.
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
decode_first = _decoder.raw_decode
"""Reads the value that starts at an index of a text; gives it, and where it ends."""

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default
).encode


def loads(text: str) -> Any:
    """
    Read JSON text.

    Raises:
        ValueError: it is not JSON; not-a-number and the infinities are not.
        RecursionError: it is nested too deeply.
    """
    if quick_loads is not None:
        try:
            value = try_loads(text.encode())
        except UnicodeEncodeError:
            value = None
        if value is not None:
            return value
    return _decoder.decode(text)


def _dumps(document: object) -> bytes:
    """
    Write JSON on one line, in UTF-8.

    Half a surrogate pair, which UTF-8 cannot carry, is escaped.

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


def has_long_integer(data: bytes) -> bool:
    """Tell whether *data* may hold an integer of more than 64 bits."""
    # To look from the end takes half the time.
    return data.translate(_DIGITS_AS_ZEROS).rfind(_LONG_INTEGER) >= 0


def is_deep(data: bytes) -> bool:
    """Tell whether *data* may be nested so deeply that the parsers disagree."""
    return data.count(b"[") + data.count(b"{") > _DEPTH


def try_loads(data: bytes) -> Any:
    """Read JSON; None where the standard library has to say what it is."""
    if (
        quick_loads is None
        or data.translate(_DIGITS_AS_ZEROS).rfind(_LONG_INTEGER) >= 0
        or (len(data) >= LONG and is_deep(data))
    ):
        return None
    try:
        return quick_loads(data)
    except ValueError:
        return None


def _quick_dumps(write: Callable[[object, None, int], bytes], options: int) -> Callable[..., bytes]:
    def dumps(document: object) -> bytes:
        try:
            data = write(document, None, options)
        except TypeError:
            return _dumps(document)
        return data if data.rfind(_NULL) < 0 else _dumps(document)

    dumps.__doc__ = _dumps.__doc__
    return dumps


quick_loads: Callable[[bytes], Any] | None = None
"""orjson, for what neither `has_long_integer` nor `is_deep`, and on its errors somebody else."""

dumps: Callable[[object], bytes] = _dumps

try:
    import orjson
except ImportError:
    pass
else:
    quick_loads = orjson.loads
    if all(orjson.dumps(number) == text for number, text in _FLOATS.items()):
        dumps = _quick_dumps(
            orjson.dumps,
            orjson.OPT_PASSTHROUGH_SUBCLASS
            | orjson.OPT_PASSTHROUGH_DATETIME
            | orjson.OPT_PASSTHROUGH_DATACLASS,
        )
