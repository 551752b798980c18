"""Shortcuts of the hot path say what the long way says."""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from isodate import duration_isoformat

from eventkit.events import _site, _view, navigation
from eventkit.events._caliper import duration
from eventkit.events._site import Site, encode_iri
from eventkit.events._view import View, clean

texts = st.text(st.characters(), max_size=30)


def site():
    return Site("https://lms.example.org", {}.get, lambda user, _: f"anonymous-{user}")


@given(st.floats(0, 1e9) | st.integers(0, 10**9) | st.sampled_from([0.001, 59.9999999, 3600.5]))
@example(86_399.9999996)
@example(1e-9)
def test_durations(seconds):
    """They are those of isodate, but for none at all."""
    expected = duration_isoformat(timedelta(seconds=seconds)) if seconds else "PT0S"

    assert duration(seconds) == expected


@given(texts)
@example("/xblock/block-v1:A+B+C+type@video+block@x~!#$%&'()*,./:;=?@[]_-")
@example("\x7f")
def test_plain_iris(text):
    """What is taken for plain has nothing to encode."""
    encoded = _site._NOT_IN_IRI.sub("?", text)

    assert (encode_iri(text) == text) == (encoded == text)


@given(texts)
@example("\x00")
def test_clean_texts(text):
    """What is taken for clean has nothing to replace."""
    assert clean(text) == _view._NOT_IN_TEXT.sub("\ufffd", text)


NAMES = st.sampled_from(["maya", "Ma_Ya", "ü", "STRASSE", "a", ""])
STEPS = st.sampled_from(
    ["u", "users", "accounts", "edu", "maya", "MA_YA", "straße", "%6Daya", "a", "Ü"]
)


@given(st.lists(STEPS | NAMES, max_size=5), st.sampled_from("/?&=#;,:."), NAMES, NAMES)
def test_urls_without_people(steps, separator, name, other):
    """A URL that is passed over has nothing to blot out."""
    event = {"name": "x", "username": name, "data": {"username": other}}
    names = {each.casefold() for each in (name, other) if each}
    rest = (separator.join(steps) + "/".join(["", *steps])).replace("://", "/")
    expected = navigation._PROFILE.sub("~", rest)
    if names:
        expected = "".join(
            "~" if unquote(piece).casefold() in names else piece
            for piece in navigation._BETWEEN_NAMES.split(expected)
        )

    found = navigation.impersonal(f"https://host/{rest}", View(event, site()))

    assert found == f"https://host/{expected}"


class TestWhatASiteRemembers:
    """IRIs are made once for what comes again and again."""

    def test_memory_is_bounded(self, monkeypatch):
        """However many blocks, learners and sessions there are."""
        monkeypatch.setattr(_site, "_MOST_IRIS", 10)
        here = site()

        for number in range(100):
            here.iri(f"/user/{number}")
            here.block_in_course("course-v1:A+B+C", "video", str(number))

        assert len(here.known) <= 10

    def test_long_paths_are_not_kept(self):
        """Somebody could fill the memory with a few of them."""
        here = site()

        assert here.iri("/" + "x" * 10_000).endswith("xxx")
        assert here.block_in_course("course-v1:A+B+C", "video", "x" * 10_000)
        assert here.known == {}

    @pytest.mark.parametrize("course", ["", "nothing"])
    def test_what_has_no_iri_is_not_kept(self, course):
        """A block of no course is asked for again."""
        here = site()

        assert here.block_in_course(course, "video", "v") is None
        assert here.known == {}
