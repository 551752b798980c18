"""Shortcuts of the hot path say what the long way says."""

import pickle
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from isodate import duration_isoformat
from people import id_of

from eventkit import (
    CachedIdentity,
    CaliperTranslator,
    HMACIdentity,
    MappingIdentity,
    XAPITranslator,
)
from eventkit.events import View
from eventkit.events.families import completion
from eventkit.events.shapes import site as _site
from eventkit.events.shapes import urls as _addresses
from eventkit.events.shapes.caliper import digits, duration, position
from eventkit.events.shapes.iris import PROGRESS
from eventkit.events.shapes.scores import score
from eventkit.events.shapes.site import Site, encode_iri
from eventkit.reading import source
from eventkit.translators import translator as _translator

LMS = "https://lms.example.org"
texts = st.text(st.characters(), max_size=30)


def site():
    return Site(LMS, {}.get, lambda user, _: f"anonymous-{user}", lambda *_: "")


@given(st.floats(0, 1e9) | st.integers(0, 10**9) | st.sampled_from([0.001, 59.9999999, 3600.5]))
@example(86_399.9999996)
@example(1e-9)
def test_durations(seconds):
    """They are those of isodate, but for none at all."""
    expected = duration_isoformat(timedelta(seconds=seconds)) if seconds else "PT0S"

    assert duration(seconds) == expected


@given(texts)
@example("/xblock/block-v1:A+B+C+type@video+block@x~!$&'()*,./:;=?@_-")
@example("%41")
@example("\x7f")
def test_plain_iris(text):
    """What is taken for plain has nothing to encode."""
    encoded = _site._NOT_IN_IRI.sub("?", text)

    assert (encode_iri(text) == text) == (encoded == text)
    assert not _site._is_plain_iri(text) or encoded == text


@given(texts)
@example("\x00")
def test_clean_texts(text):
    """What is taken for clean has nothing to replace."""
    assert source.clean(text) == source._NOT_IN_TEXT.sub("\ufffd", text)


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
        here = Site(LMS, names.get, lambda user, _: f"anonymous-{user}", lambda *_: "")
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
        return None if user is True else id_of(f"somebody-{user}")


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

        assert found == [id_of("somebody-7")] * 3
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
            here.person(True, View(event(1), here))

    def test_memory_is_bounded(self, monkeypatch):
        """However many learners come."""
        monkeypatch.setattr(_site, "_MOST_IRIS", 10)
        made = translator(HMACIdentity("x" * 20))
        found = [made.translate(event(number)) for number in range(1, 50)]

        assert [made.translate(event(number)) for number in range(1, 50)] == found
        assert len(made._site.people) <= 10

    @pytest.mark.parametrize("make", [XAPITranslator, CaliperTranslator])
    def test_pickles_hold_nothing_remembered(self, make):
        """What it has seen does not travel, and neither do its counts."""
        made = make(lms_root="https://lms.example.org", identity=HMACIdentity("x" * 20))
        before = len(pickle.dumps(made))
        about = event("maya")
        document = made.translate(about)

        sent = pickle.dumps(made)

        assert b"maya" not in sent
        assert len(sent) == before
        assert pickle.loads(sent).translate(about) == document
        assert pickle.loads(sent).stats() == {}


def thousandth(number):
    return number / 1000


NUMBERS = (
    st.floats(-1e12, 1e12) | st.integers(-(2**63), 2**63) | st.integers(0, 10**8).map(thousandth)
)


@given(NUMBERS)
@example(-0.0)
@example(2**53 + 1)
def test_digits(number):
    """They are those of a number that is written with three decimals, without trailing zeros."""
    assert digits(number) == f"{number:.3f}".rstrip("0").rstrip(".")


@given(st.integers(0, 200_000_000).map(thousandth))
@example(59.999)
@example(3_600.0)
@example(3_660.5)
@example(86_399.999)
@example(86_400.0)
@example(-0.0)
@example(0)
def test_positions(seconds):
    """To the millisecond, durations are those of isodate too."""
    expected = duration_isoformat(timedelta(seconds=seconds)) if seconds else "PT0S"

    assert duration(seconds) == expected
    assert position(seconds) == (digits(seconds), expected)


@pytest.mark.parametrize("seconds", [None, -1, -0.001, 1e9 + 1, 1e300])
def test_no_positions(seconds):
    """What no player measures is no position."""
    assert duration(seconds) is position(seconds) is None


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9))
def test_scaled_scores(raw, most):
    """They stay between -1 and 1."""
    assert score(raw, most)["scaled"] == max(-1.0, min(1.0, raw / most))


@given(st.floats(-2, 2) | st.integers(-2, 2))
def test_percentages(done):
    """They are cut, and what is complete is not worked out."""
    view = View({"name": "x", "data": {"percent": done}}, site())
    part = max(0, min(1, done))

    result = completion.progress(view, field="percent")

    assert result["completion"] is (part == 1)
    assert result["extensions"][PROGRESS] == int(Decimal(str(part)) * 100)


SCHEMES = st.sampled_from(["https://", "http://", "HTTPS://", "https:", "//", "/", "", "mailto:"])
HOSTS = st.sampled_from(
    [
        "lms.example.org",
        "LMS.example.org:8443",
        "maya:secret@lms.example.org",
        "lms.example.org:",
        "lms.example.org:65536",
        "lms.example.org:8x",
        "[::1]",
        "[::1",
        "[v1.x]",
        "bücher.example",
        "a\N{FULLWIDTH COLON}b",
        "",
        ":80",
    ]
)
PIECES = st.sampled_from(
    [
        *("/", "//", "?", "#", ";", "&", "=", "..", "/./", "\\", "://", "@", "%40", "%", "[", "]"),
        *("u/", "users/", "accounts/", "edu/", "maya", "MA_YA", "%6Daya", "ü", "straße", "STRASSE"),
        *("maya@example.org", "block-v1:A+B+C+type@html+block@1", "a", "~", " ", "\t", "\n", "|"),
        *("course-v1:A+B+C", "'()*,!$", "{", "é", "\x7f", "\ud800", "\ufffe"),
    ]
)
PAIRS = st.builds(
    "{}={}".format,
    st.sampled_from([*("v", "page", "t", "tag", "list", "src", "id", "name", "Page", "doi[]")]),
    st.sampled_from(
        [
            *("582", "1:30", "1h2m", "1H", "maya", "MAYA", "4711", "user12", "Student-7", "uid.3"),
            *("eyJhbGciOiJ.x", "..", "a.b-c_d", "", "x" * 200, "x" * 201, "1" * 13, "a+b", "%41"),
            *("a@b.org", "users", "u/maya", "https://a.example/"),
        ]
    ),
)
QUERIES = st.just("") | st.lists(PAIRS, min_size=1, max_size=3).map("&".join).map("?{}".format)
URLS = st.builds(
    "{}{}{}{}".format, SCHEMES, HOSTS, st.lists(PIECES, max_size=6).map("".join), QUERIES
) | st.text(st.sampled_from("htps:/?#;@[]%.aZ1 \\~"), max_size=12)


NAMES = st.sampled_from(["maya", "Ma_Ya", "ü", "STRASSE", "a", "4711", ""])


def by_parts(url, known):
    """Give what leaves of an address, in the two dialects, each part looked through."""
    _, netloc, path, query, _ = _addresses._parts(url).groups()
    own = _addresses._is_own(netloc, known)
    start = url[: url.index("//") + 2]
    standard = start + _addresses._host(netloc, known, own) + _addresses._path(path, known, own)
    erb = start + _addresses._blotted_host(netloc, known, own)
    erb += _addresses._blotted_path(path, known, own)
    if query:
        standard += f"?{_addresses._naming_content(query, known)}"
        erb += f"?{_addresses._impersonal(query, known)}"
    return standard, erb


@settings(max_examples=500)
@given(URLS, NAMES, NAMES)
@example("https://lms.example.org/u/maya?next=/#top", "maya", "")
@example("https://lms.example.org/a;", "", "")
@example("https://lms.example.org/a/../b", "", "")
@example("https://lms.example.org:65536/", "", "")
@example("https://lms.example.org/u:maya", "", "")
@example("https://xn--mnchen-3ya.example/", "münchen", "")
@example("https://lms.example.org/a?page=4711", "", "")
@example("https://lms.example.org/a?v=user12", "", "")
@example("https://lms.example.org/a?t=maya", "", "")
@example("https://lms.example.org/a?v=maya", "maya", "")
@example("https://lms.example.org/a?v=eyJhbGciOiJ.x", "", "")
@example(f"https://lms.example.org/a?v={'x' * 201}", "", "")
def test_addresses(url, name, other):
    """One that is passed over has nothing to encode, to leave out or to blot out."""
    view = View({"name": "x", "username": name, "data": {"username": other}}, site())
    known = view.known()

    if _addresses.is_harmless(url, known):
        assert urlsplit(url).port != -1  # it can be read
        assert _addresses.tidy(url) == url
        assert by_parts(url, known) == (url, url)


@pytest.mark.parametrize(
    "somebody",
    [
        *("user7", "uid-7", "userid.7", "student_7", "Learner7", "member7", "PROFILE-7"),
        *("account7", "eyJhbGciOi.x"),
    ],
)
@pytest.mark.parametrize("url", ["/{}", "/a/{}/b", "/a?v={}", "/a?page=3&v={}", ":80/{}"])
def test_addresses_of_a_numbered_somebody(somebody, url):
    """They are never passed over, whichever word the number stands behind."""
    known = View({"name": "x"}, site()).known()

    assert _addresses.is_harmless(LMS + url.format("cells"), known)
    assert not _addresses.is_harmless(LMS + url.format(somebody), known)


@given(
    st.floats()
    | st.integers(-(2**64), 2**64)
    | st.integers(-(10**9), 10**9).map(lambda number: number / 2_000)
    | st.integers(-(10**15), 10**15).map(thousandth)
)
@example(0.0005)
@example(1.0005)
@example(2.6755)
@example(-0.0004)
@example(-0.0)
@example(999_999_999.9995)
def test_seconds(given_value):
    """They are rounded as `round` does it, to the millisecond."""
    here = Site(LMS, lambda _: None, lambda *_: "", lambda *_: "")
    found = View({"name": "x", "data": {"t": given_value}}, here).seconds("none", "t")
    is_time = -(10**7) < given_value < 10**7

    assert repr(found) == repr(round(float(given_value), 3) if is_time else None)
