"""Which letters are meant: what is read, what is refused, and what is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from admin_rows import keep_letter

pytestmark = pytest.mark.databases

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def selection(admin_site):
    from eventkit.contrib.django.choosing import Selection

    return Selection


def test_each_condition_finds_its_letters(selection):
    from eventkit.contrib.django.models import Letter

    times = {"time": NOON}
    letters = {
        "a": keep_letter("a", reason="http_400", name="play_video", status=400, **times),
        "b": keep_letter("b", reason="max_age", name="problem_check", protocol="caliper", **times),
        "late": keep_letter("a", reason="max_age", status=None, time=NOON + timedelta(hours=1)),
        "none": keep_letter("", reason="translation_failed", documents=[], status=None, **times),
    }
    names = {row.letter_id: name for name, row in letters.items()}

    def found(**conditions):
        rows = selection(**conditions)(Letter.objects.all())
        return {names[row.letter_id] for row in rows}

    assert found() == set(letters)
    assert found(consumer="a") == {"a", "late"}
    assert found(consumer="-") == {"none"}
    assert found(reason="max_age") == {"b", "late"}
    assert found(name="problem_check") == {"b"}
    assert found(protocol="caliper") == {"b"}
    assert found(status=400) == {"a", "b"}
    assert found(since=NOON + timedelta(seconds=1)) == {"late"}
    assert found(until=NOON + timedelta(seconds=1)) == {"a", "b", "none"}
    assert found(until=NOON) == set()
    assert found(search="PROBLEM") == {"b"}
    assert found(search="translation") == {"none"}
    assert found(search=letters["a"].letter_id[:10].upper()) == {"a"}
    assert found(ids=(letters["a"].letter_id, letters["b"].letter_id)) == {"a", "b"}
    assert found(consumer="a", reason="max_age") == {"late"}


def test_it_comes_back_as_it_was_written(selection):
    given = selection(
        consumer="a", status=400, since=NOON, until=NOON, search="x", ids=("1", "2"), name="n"
    )

    assert selection.from_dict(given.as_dict()) == given
    assert selection().as_dict() == {}


@pytest.mark.parametrize(
    "given",
    [
        [],
        "all",
        None,
        {"consumers": "lrs"},
        {"consumer": 5},
        {"consumer": None},
        {"consumer": ["lrs"]},
        {"reason": "a\0b"},
        {"status": "400"},
        {"status": True},
        {"since": "yesterday"},
        {"since": "2026-11-01T12:00"},
        {"since": 5},
        {"ids": "abc"},
        {"ids": [1]},
        {"ids": ["a\0"]},
        {"ids": ["x"] * 1001},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused(selection, given):
    """Left out it would choose more than was meant."""
    with pytest.raises(ValueError):
        selection.from_dict(given)


def test_up_to_a_moment_never_widens(selection):
    early, late = NOON, NOON + timedelta(hours=1)

    assert selection().up_to(early).until == early
    assert selection(until=early).up_to(late).until == early
    assert selection(until=late).up_to(early).until == early


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, "all"),
        ({"consumer": "-"}, "without consumer"),
        ({"consumer": "lrs", "status": 400}, "of consumer lrs, with status 400"),
        ({"until": NOON}, "given up before 2026-11-01 12:00 UTC"),
        ({"ids": ("a", "b")}, "2 chosen by hand"),
    ],
)
def test_in_words(selection, conditions, words):
    assert selection(**conditions).in_words() == words
