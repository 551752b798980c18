"""The geometry of a chart: stacked columns in whole units of an SVG, ready for a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import attrs

WIDTH = 960
HEIGHT = 220

_LEFT = 64
"""Room for the numbers beside the axis."""
_TOP = 12
_BOTTOM = 28
"""Room for the times below it."""
_LABELS = 9
"""Times that fit below the axis."""
_STEPS = 4
"""Lines across, at most."""


@attrs.frozen
class Part:
    """One colour of a column."""

    series: str
    number: int
    y: int
    height: int


@attrs.frozen
class Column:
    """What stands at one place of the axis."""

    label: str
    x: int
    width: int
    parts: tuple[Part, ...]
    """From the axis upwards, without those of height 0."""


@attrs.frozen
class Mark:
    """A text at a place of an axis."""

    at: int
    text: str


@attrs.frozen(kw_only=True)
class Chart:
    """Columns and axes, in units of a picture of `WIDTH` times `HEIGHT`."""

    columns: tuple[Column, ...]
    lines: tuple[Mark, ...]
    """The numbers up the side, and where their lines are."""
    times: tuple[Mark, ...]
    """Labels below, with the middle of their columns."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    base: int = HEIGHT - _BOTTOM
    """Where the axis is."""

    @property
    def right(self) -> int:
        """The right end of the lines."""
        return self.width

    @property
    def beside(self) -> int:
        """Where the numbers beside the axis end."""
        return self.left - 8


def stacked(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Chart:
    """
    Lay out one column for each label, the numbers of all *series* upon each other.

    A number that is not 0 is never so low that it cannot be seen.

    Args:
        labels: one for each column, from left to right.

        series: by name, a whole number (0 or more) for each column.

    Raises:
        ValueError: a series has another length than *labels*, or a number below 0.
    """
    for name, numbers in series.items():
        if len(numbers) != len(labels):
            raise ValueError(f"{name}: {len(numbers)} numbers for {len(labels)} columns")
        if min(numbers, default=0) < 0:
            raise ValueError(f"{name}: {min(numbers)} is below 0")
    tallest = max((sum(column) for column in zip(*series.values(), strict=True)), default=0)
    step = _step(tallest)
    top = max(step * -(-tallest // step), step)
    base = HEIGHT - _BOTTOM
    # Edges are shared, so that columns neither overlap nor drift.
    room = WIDTH - _LEFT
    edges = [_LEFT + room * i // max(len(labels), 1) for i in range(len(labels) + 1)]
    gap = 3 if labels and room // len(labels) > 8 else 0
    columns = tuple(
        Column(label, left, right - left - gap, _parts(series, i, (base - _TOP) / top, base))
        for i, (label, (left, right)) in enumerate(zip(labels, pairwise(edges), strict=True))
    )
    every = max(-(-len(labels) // _LABELS), 1)
    return Chart(
        columns=columns,
        lines=tuple(
            Mark(round(base - number * (base - _TOP) / top), f"{number:,}")
            for number in range(0, top + 1, step)
        ),
        times=tuple(Mark(each.x + each.width // 2, each.label) for each in columns[::every]),
    )


def _parts(
    series: Mapping[str, Sequence[int]], place: int, scale: float, base: int
) -> tuple[Part, ...]:
    """Stack the numbers at one place."""
    found: list[Part] = []
    for name, numbers in series.items():
        number = numbers[place]
        if number:
            height = max(round(number * scale), 2)
            base -= height
            found.append(Part(name, number, base, height))
    return tuple(found)


def _step(tallest: int) -> int:
    """Give the distance of the lines: 1, 2 or 5, times a power of ten."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if tallest <= step * _STEPS:
                return step
        power *= 10
