"""What leaves in a URL: where it leads, and nobody who is named in it."""

import itertools
import json
import re
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit import (
    CaliperTranslator,
    ConfigurationError,
    HMACIdentity,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
)
from eventkit.events import View
from eventkit.events.shapes.site import Site, encode_iri
from eventkit.events.shapes.urls import KEPT_KEYS
from eventkit.reading import Source
from eventkit.testing import golden_cases
from eventkit.validation import event_errors, statement_errors

LMS = "https://lms.example.org"
COURSE = "course-v1:edX+D+1"
UNIT = "block-v1:edX+D+1+type@vertical+block@v"
GOLDEN = golden_cases(Path(__file__).parents[1] / "golden")


def make(protocol="xapi", **options):
    translator = XAPITranslator if protocol == "xapi" else CaliperTranslator
    return translator(lms_root=LMS, identity=HMACIdentity("only tests use this"), **options)


def link(url, *, username="bob", user_id=70_001, name="edx.ui.lms.link_clicked", page=f"{LMS}/x"):
    return {
        "name": name,
        "timestamp": "2026-01-12T10:00:00.123456+00:00",
        "event_source": "browser",
        "context": {"course_id": COURSE, "user_id": user_id, "username": username},
        "data": {"target_url": url, "current_url": page, "target_name": "Week 1"},
    }


XAPI, CALIPER = make(), make("caliper")
ERB = make(dialect="erb"), make("caliper", dialect="erb")


def target(url, translator=XAPI, **who):
    return translator.translate(link(url, **who))[0]["object"]["id"]


# What stays useful.

STAY = [
    f"{LMS}/",
    f"{LMS}/dashboard",
    f"{LMS}/courses/{COURSE}/",
    f"{LMS}/courses/a/",
    f"{LMS}/courses/{COURSE}/about",
    f"{LMS}/courses/{COURSE}/courseware/week1/light/3",
    f"{LMS}/courses/{COURSE}/progress",
    f"{LMS}/courses/{COURSE}/discussion/forum/general/threads/67b0c4",
    f"{LMS}/courses/{COURSE}/pdfbook/0/",
    f"{LMS}/courses/{COURSE}/jump_to/{UNIT}",
    f"{LMS}/courses/edX/DemoX/Demo_2014/courseware/week1/",
    f"{LMS}/xblock/{UNIT}",
    f"{LMS}/asset-v1:edX+D+1+type@asset+block@Unit_1.pdf",
    f"{LMS}/assets/courseware/v1/abc/{'asset-v1:edX+D+1+type@asset+block'}/Unit_1.pdf",
    f"{LMS}/account/settings",
    f"{LMS}/certificates/8f1c0d2e4b6a4c3f9e7d5a1b2c3d4e5f",
    f"https://apps.example.org/learning/course/{COURSE}/home",
    f"https://apps.example.org/learning/course/{COURSE}/{UNIT}/{UNIT}",
    f"https://apps.lms.example.org/discussions/{COURSE}/posts/67b0c4",
    f"{LMS}/courses/{COURSE}/courseware/a/b/?activate_block_id={quote(UNIT, safe='')}",
    f"{LMS}/courses/{COURSE}/courseware/a/b/#{UNIT}",
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PL12ab&t=90s",
    "https://example.org/resolve?doi=10.1000/182",
    "https://en.example.org/w/index.php?title=Photosynthesis",
    "https://blog.example.org/?p=123&page=2",
    "https://example.org/book.pdf#page=12",
    "https://app.example.org/#/module/3",
    "https://example.org/people/team",
    "https://example.org/bob-the-builder/bobsled",
    "https://bücher.example/straße/ü",
    "https://[2001:db8::1]:8443/x",
    "https://example.org/caf%C3%A9",
]


@pytest.mark.parametrize("url", STAY)
def test_what_names_content_stays(url):
    """Pages, blocks, films and articles keep what they are known by, in both dialects."""
    assert target(url) == url
    assert target(url, CALIPER) == url
    assert [target(url, translator) for translator in ERB] == [url, url]


@pytest.mark.parametrize("username", ["courses", "edX", "d", "week", "dashboard", "lms", "1", "v"])
def test_the_words_of_the_platform_are_no_names(username):
    """However short or common somebody's name is, the pages of the platform stay what they are."""
    for url in STAY[:12]:
        event = link(url, username=username, user_id=1)
        if "DemoX" in url:
            event["context"]["course_id"] = "edX/DemoX/Demo_2014"

        assert XAPI.translate(event)[0]["object"]["id"] == url


# What does not leave.

SHAPES = [
    (f"{LMS}/u/alice", f"{LMS}/u/~"),
    (f"{LMS}/u/alice/", f"{LMS}/u/~/"),
    (f"{LMS}/user/alice/posts", f"{LMS}/user/~/posts"),
    (f"{LMS}/users/7", f"{LMS}/users/~"),
    ("https://apps.lms.example.org/profile/u/alice", "https://apps.lms.example.org/profile/u/~"),
    ("https://profile.example.org/u/alice", "https://profile.example.org/u/~"),
    (f"{LMS}/courses/{COURSE}/progress/7", f"{LMS}/courses/{COURSE}/progress/~"),
    (
        f"https://apps.example.org/learning/course/{COURSE}/progress/7",
        f"https://apps.example.org/learning/course/{COURSE}/progress/~",
    ),
    (
        f"https://apps.example.org/discussions/{COURSE}/learners/alice/posts",
        f"https://apps.example.org/discussions/{COURSE}/learners/~/posts",
    ),
    (
        f"{LMS}/courses/{COURSE}/discussion/forum/users/7/followed",
        f"{LMS}/courses/{COURSE}/discussion/forum/users/~/followed",
    ),
    (f"{LMS}/certificates/user/7/course/{COURSE}", f"{LMS}/certificates/user/~/course/{COURSE}"),
    (f"{LMS}/api/user/v1/accounts/alice", f"{LMS}/api/user/v1/accounts/~"),
    (f"{LMS}/api/user/v1/preferences/alice/dark", f"{LMS}/api/user/v1/preferences/~/dark"),
    (f"{LMS}/api/mobile/v1/users/alice/x", f"{LMS}/api/mobile/v1/users/~/x"),
    (f"{LMS}/api/profile_images/v1/alice/upload", f"{LMS}/api/profile_images/v1/~/upload"),
    (
        f"{LMS}/api/certificates/v0/certificates/alice/courses/{COURSE}/",
        f"{LMS}/api/certificates/v0/certificates/~/courses/{COURSE}/",
    ),
    (f"{LMS}/api/enrollment/v1/enrollment/alice,{COURSE}", f"{LMS}/api/enrollment/v1/enrollment/~"),
    (f"{LMS}/api/bookmarks/v1/bookmarks/alice,{UNIT}/", f"{LMS}/api/bookmarks/v1/bookmarks/~/"),
    (
        f"{LMS}/api/team/v0/team_membership/leaves-2b7e,alice",
        f"{LMS}/api/team/v0/team_membership/~",
    ),
    (
        f"{LMS}/courses/{COURSE}/instructor/api/student/alice/x",
        f"{LMS}/courses/{COURSE}/instructor/api/student/~/x",
    ),
    (f"{LMS}/courses/{COURSE}/gradebook/7", f"{LMS}/courses/{COURSE}/gradebook/~"),
    (
        f"{LMS}/courses/{COURSE}/submission_history/alice/{UNIT}",
        f"{LMS}/courses/{COURSE}/submission_history/~/{UNIT}",
    ),
    (f"{LMS}/support/enrollment/alice", f"{LMS}/support/enrollment/~"),
    (f"{LMS}/admin/auth/user/7/change/", f"{LMS}/admin/auth/user/~/change/"),
    (f"{LMS}/activate/c0ffee", f"{LMS}/activate/~"),
    (f"{LMS}/password_reset_confirm/b7-5x/", f"{LMS}/password_reset_confirm/~/"),
    (
        f"https://studio.example.org/course_team/{COURSE}/al@mail.example.org",
        f"https://studio.example.org/course_team/{COURSE}/~",
    ),
    (f"{LMS}/unknown/student_id/7/x", f"{LMS}/unknown/student_id/~/x"),
    (f"{LMS}/unknown/members/7/x", f"{LMS}/unknown/members/~/x"),
    (f"{LMS}/unknown/70001/x", f"{LMS}/unknown/~/x"),
    (f"{LMS}/unknown/BOB/x", f"{LMS}/unknown/~/x"),
    (f"{LMS}/unknown/al@mail.example.org/x", f"{LMS}/unknown/~/x"),
    ("https://example.org/users/alice", "https://example.org/users/~"),
    ("https://survey.example.org/s/70001", "https://survey.example.org/s/~"),
    ("https://bob.example.org/", "https://~.example.org/"),
    ("https://x.example.com/bob.example.org", "https://x.example.com/bob.example.org"),
    ("https://bob:secret@example.org/", "https://example.org/"),
    (
        "https://web.example.org/2020/https://lms.example.org/u/alice",
        "https://web.example.org/2020/https://lms.example.org/u/~",
    ),
    (f"{LMS}//u//alice", f"{LMS}//u//~"),
    (f"{LMS}/u/./alice", f"{LMS}/u/./~"),
    (f"{LMS}/u/x/../alice", f"{LMS}/u/~/../~"),
    (f"{LMS}\\u\\alice", f"{LMS}/u/~"),
    (f"{LMS}/u%2Falice/x", f"{LMS}/~/x"),
    (f"{LMS}/%55/alice", f"{LMS}/%55/~"),
    (f"{LMS}/U/alice", f"{LMS}/U/~"),
    (f"{LMS}/u/\talice", f"{LMS}/u/~"),
    (f"{LMS}/x/b%C1%AFb", f"{LMS}/x/~"),
    (f"{LMS}/x/%EF%BD%82ob", f"{LMS}/x/~"),
    (f"{LMS}/x/b%E2%80%8Bob", f"{LMS}/x/~"),
    (f"{LMS}/x/%u0062ob", f"{LMS}/x/~"),
    (f"{LMS}/x/~bob/@bob/bob.png/user-bob", f"{LMS}/x/~/~/~/~"),
    (f"{LMS}/x/alice+bob/bob's/x-70001", f"{LMS}/x/~/~/x-70001"),
    (f"{LMS}/x/uid70001/70001.pdf/user-12", f"{LMS}/x/~/~/~"),
    (f"{LMS}/x/eyJhbGciOiJIUzI1NiJ9.e30.c2ln", f"{LMS}/x/~"),
    (f"{LMS}/x/al@mail.xn--p1ai", f"{LMS}/x/~"),
    (f"{LMS}/%252575/alice", f"{LMS}/%252575/~"),
    (f"{LMS}/api/user/v1/accounts/alice/image", f"{LMS}/api/user/v1/accounts/~/image"),
    ("https://example.org/api/user/alice", "https://example.org/api/user/~"),
]


@pytest.mark.parametrize(("url", "expected"), SHAPES)
def test_people_do_not_leave(url, expected):
    """Neither the learner nor anybody else, in the paths of the platform and in others."""
    assert target(url) == expected
    assert target(url, CALIPER) == expected
    assert [target(url, translator) for translator in ERB] == [expected, expected]


@pytest.mark.parametrize(
    ("url", "standard", "erb"),
    [
        # Queries: what is not known to name content goes.
        ("https://x.org/?utm_source=a&gclid=b", "https://x.org/", None),
        ("https://x.org/?id=12&q=light", "https://x.org/", None),
        ("https://x.org/?V=a&tag[]=b", "https://x.org/?V=a&tag%5B%5D=b", None),
        ("https://x.org/?v=bob&page=2", "https://x.org/?page=2", "https://x.org/?page=2"),
        ("https://x.org/?page=70001", "https://x.org/", "https://x.org/"),
        ("https://x.org/?list=a%2540mail.example.org", "https://x.org/", "https://x.org/"),
        ("https://x.org/?title=User:Alice", "https://x.org/", "https://x.org/"),
        ("https://x.org/?v=a;user=alice", "https://x.org/?v=a", "https://x.org/?v=a"),
        ("https://x.org/?v=a?user=alice", "https://x.org/", "https://x.org/"),
        ("https://x.org/?title=https://y.org/", "https://x.org/", None),
        ("https://x.org/?v=eyJhbGciOiJIUzI1NiJ9.e30", "https://x.org/", "https://x.org/"),
        ("https://x.org/?user=alice&a=b", "https://x.org/", "https://x.org/?a=b"),
        ("https://x.org/?user_id=7&a=b", "https://x.org/", "https://x.org/?a=b"),
        (f"{LMS}/login?next=%2Fu%2Falice", f"{LMS}/login", f"{LMS}/login"),
        (f"{LMS}/login?next=%252Fu%252Falice", f"{LMS}/login", f"{LMS}/login"),
        (f"{LMS}/login?next=%2Fx%3Femail%3Db%2540mail.org", f"{LMS}/login", f"{LMS}/login"),
        # Fragments: routes, blocks and pages stay.
        ("https://x.org/#part2", "https://x.org/", None),
        ("https://x.org/#bob", "https://x.org/", "https://x.org/#~"),
        ("https://x.org/#access_token=a.b.c", "https://x.org/", None),
        ("https://x.org/#/u/alice?page=2&x=1", "https://x.org/#/u/~?page=2", None),
        ("https://x.org/#!/users/alice", "https://x.org/#!/users/~", "https://x.org/#!/users/~"),
        ("https://x.org/a;jsessionid=123/b", "https://x.org/a/b", None),
        (f"{LMS}/u;x=1/alice", f"{LMS}/u/~", f"{LMS}/u;x=1/~"),
        ("https://x.org/a;v=bob/c", "https://x.org/a/c", "https://x.org/~/c"),
        # Control characters, which may be nothing or stand between words.
        ("https://x.org/a%0Abob", "https://x.org/~", "https://x.org/~"),
        ("https://x.org/b%00ob/c", "https://x.org/~/c", "https://x.org/~/c"),
        ("https://x.org/?v=a%2509bob", "https://x.org/", "https://x.org/"),
        ("https://x.org/a%0D%0A", "https://x.org/a%0D%0A", None),
    ],
)
def test_queries_and_fragments(url, standard, erb):
    """Dialect ``standard`` keeps what names content, ``erb`` what is not seen to name people."""
    assert target(url) == standard
    if url.startswith("https://x.org/#/u/alice"):
        erb = "https://x.org/#/u/~?page=2&x=1"
    assert target(url, ERB[0]) == (erb or url)


NAMES = ("bob", "maya_lopez", "Ana.María", "a+b", "o-neil", "x@mail.example.org", "4711", "é")


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        ("Maya Lopez", "https://x.org/a/maya+lopez/b", "https://x.org/a/~/b"),
        ("Maya Lopez", "https://x.org/a?title=Maya+Lopez", "https://x.org/a"),
        ("ana.maria", "https://Ana.Maria.x.org/", "https://~.x.org/"),
        ("x.org", "https://x.org/a", "https://x.org/a"),
    ],
)
def test_names_with_signs(name, url, expected):
    """Some sites let learners have blanks and dots in their names."""
    event = {
        "name": "edx.ui.lms.link_clicked",
        "timestamp": "2026-01-12T10:00:00.123456+00:00",
        "context": {"user_id": 70001, "username": name},
        "data": {"target_url": url},
    }
    assert XAPI.translate(event)[0]["object"]["id"] == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "form",
    [
        *("https://x.org/{}", "https://x.org/a/{}/b", "https://x.org/@{}", "https://x.org/~{}"),
        *("https://x.org/?v={}", "https://x.org/?page=a/{}", "https://x.org/#/{}", "/x/{}"),
        *("https://x.org/a={}", "https://x.org/{};a", "https://x.org/#page={}", "/x?{}=1"),
        *("https://x.org/#{}", "https://x.org/a,{},b", "https://x.org/%2F{}%2Fa", "/x#!/{}/y"),
        *("https://{}@x.org/", "https://x.org/?q=%26user%3D{}", "https://x.org/user-{}"),
    ],
)
def test_own_names(form, name):
    """However they are written and wherever they stand; encoded up to three times."""
    for times, change in itertools.product(range(4), (str, str.upper)):
        written = change(name)
        for _ in range(times):
            written = quote(written, safe="")
        if times == 0 and "@" in form.partition("{}")[2] and "@" in written:
            continue
        for translator in (XAPI, CALIPER, *ERB):
            found = json.dumps(
                translator.translate(link(form.format(written), username=name))[0],
                ensure_ascii=False,
            )
            assert name.casefold() not in steps(decoded(found.replace(f"mailto:{name}", "")))


def decoded(text):
    """Decode it as often as it changes."""
    while (plain := unquote(text)) != text:
        text = plain
    return text.casefold()


def steps(text):
    """Cut it where no name goes on; a short one is part of many words."""
    for separator in "\"/?#&=;,: ~'{}[]\\":
        text = text.replace(separator, "\n")
    found = text.split("\n")
    return {part for step in found for part in (step, step.lstrip("@"), step.removeprefix("user-"))}


@pytest.mark.parametrize(
    "said",
    [
        {"username": "zz_other"},
        {"user": {"username": "zz_other", "id": 12}},
        {"student": "ZZ_Other"},
        {"attempt_user_id": 987_654},
        {"user_id": "987654"},
        {"user_ids": [12, 987_654]},
        {"student_username": "zz_other"},
        {"target_username": type("Name", (), {"__str__": lambda _: "zz_other"})()},
    ],
)
def test_names_of_others_in_the_event(said):
    """Whomever else the event names, in whatever form, is named in no address either."""
    event = link("https://x.org/a/zz_other/987654?v=zz_other&page=987654")
    event["data"] |= said
    for translator in (XAPI, CALIPER, *ERB):
        found = translator.translate(event)[0]["object"]["id"]

        assert ("zz_other" not in found) or ("987654" not in found)
        assert ("zz_other" in found) is (str(987_654) in str(said))


def test_the_host_of_the_page_is_the_sites_own():
    """An MFE may have a domain of its own; the page that an event comes from tells it."""
    url = "https://learn.example.net/discussions/c/learners/alice/posts"
    event = link(url)

    assert XAPI.translate(event)[0]["object"]["id"] == url
    event["context"]["page"] = "https://learn.example.net/x"
    assert XAPI.translate(event)[0]["object"]["id"] == url.replace("alice", "~")


def test_a_site_keeps_its_own_keys():
    """They are said once, for both protocols, and never keep anybody's name."""
    url = "https://x.org/?Seminar=leaves&seminar[]=2&x=1"
    for protocol in ("xapi", "caliper"):
        for keys in (["seminar"], ("SEMINAR",), {"seminar[]"}):
            translator = make(protocol, keep_query=keys)

            assert target(url, translator) == "https://x.org/?Seminar=leaves&seminar%5B%5D=2"
            assert target("https://x.org/?seminar=bob", translator) == "https://x.org/"


@pytest.mark.parametrize("given", ["seminar", [""], [7], 7, None, ["user"], ["Email"]])
def test_keys_that_cannot_be_kept(given):
    """What is no list of keys, and what names people, stops the boot."""
    with pytest.raises(ConfigurationError, match="keep_query"):
        make(keep_query=given)


# IRIs are valid.

RAW = [
    ("https://example.org/list?tag[]=a", "https://example.org/list?tag%5B%5D=a"),
    ("https://example.org/100%", "https://example.org/100%25"),
    ("https://example.org/a%zz", "https://example.org/a%25zz"),
    ("https://example.org/a%4", "https://example.org/a%254"),
    ("https://example.org/#/a#b", "https://example.org/#/a%23b"),
    ("https://example.org/[x]", "https://example.org/%5Bx%5D"),
    ("https://example.org/a b|c", "https://example.org/a%20b%7Cc"),
    ("https://example.org/\ue000", "https://example.org/%EE%80%80"),
    ("https://example.org/\ufffe", "https://example.org/%EF%BF%BE"),
    ("https://example.org/\U000e1000", "https://example.org/\U000e1000"),
]


@pytest.mark.parametrize(("raw", "expected"), RAW)
def test_what_is_sent_is_valid(raw, expected):
    """What RFC 3987 does not allow is percent-encoded, and nothing else is."""
    assert target(raw) == target(raw, CALIPER) == expected
    assert statement_errors(XAPI.translate(link(raw))[0]) == []
    assert event_errors(CALIPER.translate(link(raw))[0]) == []


@pytest.mark.parametrize(
    "iri",
    [
        *(raw for raw, encoded in RAW if raw != encoded),
        *("https://example.org/%", "https://example.org/?[", "https://example.org/#]", "urn:x[1]"),
        *("https://[::1/", "https://[::1]x/", "https://a[::1]/", "https://[zz]/"),
        *("https://example.org/\u202e", "https://example.org/\U0001ffff", "https://x.org/#\ue000"),
    ],
)
def test_what_is_not_valid_is_refused(iri):
    """The schemas, and so the receivers, refuse what a strict record store refuses."""
    statement, event = XAPI.translate(link(f"{LMS}/"))[0], CALIPER.translate(link(f"{LMS}/"))[0]
    statement["object"]["id"] = event["object"]["id"] = iri

    assert statement_errors(statement)
    assert event_errors(event)


@pytest.mark.parametrize(
    "iri",
    [
        "https://[::1]:80/?a=\ue000#b",
        "urn:a%5B",
        "https://example.org/é%C3%A9?/?#/?",
        "tag:a,2020:b",
    ],
)
def test_what_is_valid_is_not_refused(iri):
    """Whatever a valid IRI may hold."""
    statement, event = XAPI.translate(link(f"{LMS}/"))[0], CALIPER.translate(link(f"{LMS}/"))[0]
    statement["object"]["id"] = event["object"]["id"] = iri

    assert statement_errors(statement) == []
    assert event_errors(event) == []


@settings(max_examples=300)
@given(st.text(st.characters(), max_size=20))
def test_parts_of_iris(text):
    """Whatever a key or a title holds, the IRI that it becomes part of is valid."""
    statement = XAPI.translate(link(f"{LMS}/"))[0]
    statement["object"]["id"] = f"{LMS}/x/{encode_iri(text)}#tab=1"

    assert statement_errors(statement) == []


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*"/?#&=;%@:[]\\ ", "u", "v", "..", "%2F", "é", "a"]), max_size=12))
def test_any_address(pieces):
    """Whatever a link looks like, what leaves is valid, and leaves again as it is."""
    url = f"https://x.org/{''.join(pieces)}"
    view = View(link(url), Site(LMS, {}.get, lambda *_: "x", lambda *_: "y"))
    found = view.address(url, "data.target_url")
    statement = XAPI.translate(link(f"{LMS}/"))[0]
    statement["object"]["id"] = found

    assert statement_errors(statement) == []
    assert view.address(found, "data.target_url") == found


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mailto:bob@mail.example.org", "not_a_page"),
        ("javascript:alert('bob')", "not_a_page"),
        ("https://[fe80::1%25eth0]/", "bad_url"),
        ("https://x.org:99999/", "bad_url"),
        ("https://[::1", "bad_url"),
    ],
)
def test_what_is_no_page(url, reason):
    """It is dropped, and the error holds nothing of it."""
    with pytest.raises(TranslationError) as refused:
        XAPI.translate(link(url))

    assert refused.value.reason == reason
    assert "bob" not in str(refused.value)


# Everywhere.

PLANTED = "zz_planted"
NUMBER = 987_654_321
PLACES = (
    *("target_url", "current_url", "url", "assertion_json_url", "source_url", "chapter"),
    *("bumper_id", "page", "path", "referer"),
)
FORMS = (
    *("/u/{}", "/users/{}/x", "/x/{}", "/x?user={}", "/x?v={}", "/x?next=%2Fu%2F{}", "/x#/{}"),
    *("/x#{}", "/x;user={}", "//{}@x.org/", "//x.org/{}", "\\u\\{}", "/x?activate_block_id={}"),
    *("/courses/course-v1:A+B+C/progress/{}", "/certificates/user/{}/course/course-v1:A+B+C"),
)


def planted(event, url):
    """Put *url* wherever *event* holds one, and make it somebody's whom it may name."""
    payload = Source(event).payload
    given = {**event, "username": PLANTED}
    given["context"] = {**Source(event).context, "username": PLANTED}
    given["context"]["user_id"] = NUMBER
    key = "data" if event.get("data") is not None else "event"
    if isinstance(payload, dict):
        given[key] = payload = dict(payload)
    else:
        payload = {}
    changed = 0
    for record in (given, given["context"], payload):
        for place in PLACES:
            value = record.get(place)
            if isinstance(value, str) and (record is not payload or not value.isdigit()):
                record[place] = url
                changed += 1
    return given if changed else None


def encoded(text, times):
    """Encode every character of it, that often."""
    for _ in range(times):
        text = "".join(f"%{byte:02X}" for byte in text.encode())
    return text


@pytest.mark.parametrize("dialect", ["standard", "erb"])
@pytest.mark.parametrize("protocol", ["xapi", "caliper"])
def test_nobody_is_named_in_any_address(protocol, dialect):
    """Not in any field of any event, in whatever way it is written."""
    translator = make(protocol, dialect=dialect)
    written = 0
    plants = [PLANTED, PLANTED.upper(), f"{PLANTED}@mail.example.org", str(NUMBER)]
    seeds = zip(FORMS * 2, itertools.cycle(plants), itertools.cycle(range(3)), strict=False)
    for path, (form, plant, times) in itertools.product(GOLDEN, list(seeds)):
        event = json.loads(path.read_text("utf-8"))["event"]
        for root in (LMS, "https://x.org", ""):
            url = form.format(encoded(plant, times))
            url = f"https:{url}" if url.startswith("//") else f"{root}{url}"
            given = planted(event, url)
            if given is None:
                continue
            try:
                documents = translator.write(given)
            except (TranslationError, UnsupportedEvent):
                continue
            written += len(documents)
            text = decoded(b"\n".join(documents).decode())

            assert PLANTED not in text, (path.name, url)
            assert str(NUMBER) not in text, (path.name, url)

    assert written > 500


def test_requests():
    """The path of a request is its name, and may name somebody as any other."""
    path = f"/courses/{COURSE}/progress/70001"
    event = {**link("/"), "name": path, "event_type": path, "data": {"GET": {}, "POST": {}}}
    event["context"]["path"] = path

    [statement] = make(implicit=True).translate(event)

    assert statement["object"]["id"] == f"{LMS}/courses/{COURSE}/progress/~"


def test_the_page_lists_the_keys_that_stay():
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "privacy.md").read_text("utf-8")
    listed = re.search(r"(?m)^The keys that stay are.*", page)[0]

    assert set(re.findall(r"`(\w+)`", listed)) == {*KEPT_KEYS, "src"}


@pytest.mark.parametrize(
    "url",
    [
        "https://x.org/" + "a@" * 20_000,
        "https://x.org/" + "%25" * 20_000,
        "https://x.org/" + "/u" * 20_000,
        "https://x.org/" + "block-v1:" * 10_000,
        "https://x.org/?" + "v=1&" * 20_000,
        "https://x.org/" + "bob" * 20_000,
        "https://" + "a." * 20_000 + "org/",
        "https://x.org/" + "../" * 20_000,
    ],
)
def test_long_addresses(url):
    """They end."""
    assert target(url).startswith("https://")
