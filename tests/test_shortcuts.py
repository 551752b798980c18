"""Shortcuts of the hot path say what the long way says."""

import pickle
from datetime import timedelta
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from isodate import duration_isoformat

from eventkit import (
    CachedIdentity,
    HMACIdentity,
    MappingIdentity,
    XAPITranslator,
    _translator,
    source,
)
from eventkit.events import _site, navigation
from eventkit.events._caliper import duration
from eventkit.events._site import Site, encode_iri
from eventkit.events._view import View

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
    assert source.clean(text) == source._NOT_IN_TEXT.sub("\ufffd", text)


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

    def test_a_course_that_is_renamed(self):
        """The new name counts from then on."""
        names = {"course-v1:A+B+C": "Old"}
        here = Site("https://lms.example.org", names.get, lambda user, _: f"anonymous-{user}")
        before = here.course("course-v1:A+B+C")
        names["course-v1:A+B+C"] = "New"

        assert (before.name, here.course("course-v1:A+B+C").name) == ("Old", "New")
        assert here.course("course-v1:A+B+C").iri == before.iri

    def test_memory_of_courses_is_bounded(self, monkeypatch):
        """However many there are, and however long their keys."""
        monkeypatch.setattr(_site, "_MOST_IRIS", 10)
        here = site()

        for number in range(100):
            here.course(f"course-v1:A+B+{number}")
        here.course("course-v1:" + "x" * 10_000)

        assert len(here.courses) <= 10


class Asked:
    """An identity that counts how often it is asked."""

    def __init__(self, *, lasting=False):
        self.lasting = lasting
        self.times = 0

    def __call__(self, user, _system):
        """Answer, except that nobody is the user True."""
        self.times += 1
        return None if user is True else f"somebody-{user}"


def event(user):
    return {
        "name": "play_video",
        "timestamp": "2026-01-12T10:00:00.123456+00:00",
        "context": {
            "course_id": "course-v1:A+B+C",
            "username" if isinstance(user, str) else "user_id": user,
        },
        "data": {"id": "v"},
    }


def translator(identity):
    return XAPITranslator(lms_root="https://lms.example.org", identity=identity)


class TestWhomATranslatorRemembers:
    """Identities whose answers last are asked once for each learner."""

    @pytest.mark.parametrize(("lasting", "times"), [(True, 1), (False, 3)])
    def test_only_lasting_answers_are_remembered(self, lasting, times):
        """Others may change at any time."""
        identity = Asked(lasting=lasting)
        made = translator(identity)

        found = [made.translate(event(7))[0]["actor"]["account"]["name"] for _ in range(3)]

        assert found == ["somebody-7"] * 3
        assert identity.times == times

    def test_which_of_ours_last(self):
        """What is derived and what was read once does; what is cached for a while does not."""
        mapping = MappingIdentity({7: {"xapi": "6b26cd33-d3ea-5b5c-8d2a-8a2f2b1a0f2e"}})

        assert HMACIdentity("x" * 20).lasting
        assert mapping.lasting
        assert not getattr(CachedIdentity(mapping), "lasting", False)

    def test_what_equals_a_user_is_not_that_user(self):
        """A row may find True, which equals 1."""
        made = translator(Asked(lasting=True))
        made.translate(event(1))
        here = made._site

        with pytest.raises(_translator.TranslationError, match="unknown_user"):
            here.anonymous(True, View(event(1), here))

    def test_memory_is_bounded(self, monkeypatch):
        """However many learners come."""
        monkeypatch.setattr(_translator, "_MOST_PEOPLE", 10)
        made = translator(HMACIdentity("x" * 20))
        found = [made.translate(event(number)) for number in range(1, 50)]

        assert [made.translate(event(number)) for number in range(1, 50)] == found
        assert len(made._people) <= 10

    def test_pickles_hold_no_learner(self):
        """What it remembers does not travel, and neither do its counts."""
        made = translator(HMACIdentity("x" * 20))
        about = event("maya")
        document = made.translate(about)

        sent = pickle.dumps(made)

        assert b"maya" not in sent
        assert pickle.loads(sent).translate(about) == document
        assert pickle.loads(sent).stats() == {}
