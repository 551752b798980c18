"""The geometry of the chart of deliveries."""

from __future__ import annotations

from itertools import pairwise

import pytest

from eventkit.contrib.django.charts import HEIGHT, WIDTH, stacked


def hours(count):
    return [f"{hour:02}:00" for hour in range(count)]


def test_columns_stand_side_by_side_and_fill_the_width():
    chart = stacked(hours(24), {"delivered": range(24)})

    ends = [each.x + each.width for each in chart.columns]
    starts = [each.x for each in chart.columns]
    assert chart.columns[0].x == chart.left
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert WIDTH - 5 <= ends[-1] <= WIDTH


def test_parts_are_upon_each_other_and_as_high_as_their_numbers():
    chart = stacked(["a", "b"], {"delivered": [30, 0], "given-up": [10, 40]})

    lower, upper = chart.columns[0].parts
    (alone,) = chart.columns[1].parts
    assert lower.y + lower.height == chart.base
    assert upper.y + upper.height == lower.y
    assert lower.height == pytest.approx(3 * upper.height, abs=2)
    assert alone.height == pytest.approx(lower.height + upper.height, abs=2)
    assert [part.number for part in chart.columns[0].parts] == [30, 10]
    assert alone.series == "given-up"


def test_what_is_little_is_seen_beside_what_is_much():
    chart = stacked(["a", "b"], {"delivered": [1_000_000, 1]})

    assert chart.columns[1].parts[0].height >= 2


@pytest.mark.parametrize(
    ("tallest", "texts"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (4, ["0", "1", "2", "3", "4"]),
        (5, ["0", "2", "4", "6"]),
        (18, ["0", "5", "10", "15", "20"]),
        (400_000, ["0", "100,000", "200,000", "300,000", "400,000"]),
    ],
)
def test_lines_are_at_round_numbers_and_the_last_is_not_below_the_tallest(tallest, texts):
    chart = stacked(["a"], {"delivered": [tallest]})

    assert [line.text for line in chart.lines] == texts
    assert chart.lines[0].at == chart.base
    assert all(0 < line.at < HEIGHT for line in chart.lines)


def test_labels_of_times_do_not_run_into_each_other():
    chart = stacked(hours(24), {"delivered": [1] * 24})

    places = [mark.at for mark in chart.times]
    assert all(later - earlier > 60 for earlier, later in pairwise(places))
    assert chart.times[0].text == "00:00"


def test_nothing_gives_an_empty_chart():
    chart = stacked([], {})

    assert chart.columns == ()
    assert [line.text for line in chart.lines] == ["0", "1"]


@pytest.mark.parametrize(
    ("series", "words"),
    [({"delivered": [1]}, "1 numbers for 2"), ({"delivered": [1, -1]}, "below 0")],
)
def test_what_does_not_fit_is_refused(series, words):
    with pytest.raises(ValueError, match=words):
        stacked(["a", "b"], series)
