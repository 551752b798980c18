"""Writing an event so that any queue can carry it."""

from __future__ import annotations

import copy
import json
import uuid
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import count
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.reading import jsonable as _jsonable
from eventkit.reading.jsonable import from_json, to_json

TEXT = st.text(st.characters(exclude_categories=()))

LIVE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | TEXT
    | st.datetimes(timezones=st.just(UTC))
    | st.uuids()
    | st.decimals(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(TEXT | st.integers() | st.uuids(), inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


class Lazy:
    """As Django's lazily translated texts and the platform's keys are."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def through(value: Any) -> Any:
    return from_json(to_json({"value": value}))["value"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            datetime(2020, 7, 15, 6, 43, 7, 277053, tzinfo=UTC),
            "2020-07-15T06:43:07.277053+00:00",
        ),
        (
            datetime(2020, 7, 15, 8, 43, 7, tzinfo=timezone(timedelta(hours=2))),
            "2020-07-15T06:43:07+00:00",
        ),
        (datetime(2020, 7, 15, 6, 43, 7), "2020-07-15T06:43:07+00:00"),  # noqa: DTZ001
        (date(2020, 7, 15), "2020-07-15"),
        (timedelta(minutes=2), 120.0),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.50"), "1.50"),
        (Lazy("course-v1:edX+DemoX+2024"), "course-v1:edX+DemoX+2024"),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ((1, 2), [1, 2]),
        (namedtuple("Point", "x y")(1, 2), [1, 2]),  # noqa: PYI024
        (OrderedDict(b=1), {"b": 1}),
        (MappingProxyType({"b": 1}), {"b": 1}),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (float("nan"), None),
        ([float("inf"), -float("inf"), 1e308], [None, None, 1e308]),
        ({1: "a", None: "b", False: "c"}, {"1": "a", "null": "b", "false": "c"}),
        ({Lazy("k"): {uuid.UUID(int=1): 1}}, {"k": {str(uuid.UUID(int=1)): 1}}),
        ({("a", 1): [{("b",): 1}]}, {"('a', 1)": [{"('b',)": 1}]}),
        ("verónica \0 😀", "verónica \0 😀"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("\ud83d\ude00", "😀"),
        (2**70, 2**70),
    ],
)
def test_everything_that_live_events_hold_becomes_json(value: Any, expected: Any) -> None:
    assert expected == through(value)


@given(st.dictionaries(st.text(), LIVE))
def test_the_result_is_json_that_utf_8_can_carry_and_the_input_is_unchanged(event: Any) -> None:
    before = copy.deepcopy(event)

    written = to_json(event)

    again = from_json(written)
    assert again == json.loads(json.dumps(again, allow_nan=False))
    json.dumps(again, ensure_ascii=False).encode()
    assert repr(before) == repr(event)
    assert again == from_json(to_json(again))


class Hostile:
    def __str__(self) -> str:
        raise ZeroDivisionError


def circular() -> Any:
    value = {}
    value["self"] = [value]
    return value


def circular_with_odd_keys() -> Any:
    value = {("a",): 1}
    value["self"] = [value]
    return value


def deep() -> Any:
    value = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "make",
    [circular, circular_with_odd_keys, deep, Hostile, count, lambda: 10**5000],
)
def test_what_cannot_be_written_is_an_ordinary_exception(make: Any) -> None:
    with pytest.raises((TypeError, ValueError, RecursionError, ZeroDivisionError)):
        to_json({"value": make()})


def test_an_iterator_is_left_unread() -> None:
    iterator = iter([1, 2, 3])

    with pytest.raises(TypeError):
        to_json({"value": iterator})

    assert list(iterator) == [1, 2, 3]


class Colour(Enum):
    RED = "red"


class Word(str, Enum):  # noqa: UP042 - the platform has such
    YES = "yes"


Point = namedtuple("Point", "x y")  # noqa: PYI024 - as above

ODD = (
    st.sampled_from([Colour.RED, Word.YES, Point(1, 2), Lazy("text"), b"bytes", {1, 2}, deep()])
    | st.timedeltas()
    | st.dates()
    | st.floats()
    | st.sampled_from([1e16, 1e-7, 2**63, 2**64, -(2**63) - 1, "\ud800", "\x00\x7f\u2028"])
)


@given(st.dictionaries(TEXT, LIVE | ODD | st.lists(LIVE | ODD)))
def test_the_fast_extra_changes_nothing(event: Any) -> None:
    """With and without orjson what is read again is the same, and so is what cannot be written."""

    def result() -> Any:
        try:
            return json.dumps(from_json(to_json(event)), sort_keys=True)
        except (TypeError, ValueError, RecursionError) as error:
            return type(error)

    fast = result()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_jsonable, "_quick_encode", None)
        patch.setattr(_jsonable, "try_loads", lambda _: None)
        assert fast == result()
