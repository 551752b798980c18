"""What stands for people and their sessions: never what they are called, and nothing that joins."""

from __future__ import annotations

import json
import pickle
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from people import id_of

from eventkit import (
    CachedIdentity,
    CaliperTranslator,
    ConfigurationError,
    HMACIdentity,
    MappingIdentity,
    TranslationError,
    XAPITranslator,
)
from eventkit.translators.identity import anonymous_id

LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
SECRET = "a secret that is long enough for the tests"
SESSION = "9d1f0c5e7b3a48d2a6c4e8f01b2d3c4e"
SESSION_ID = "https://w3id.org/xapi/openedx/extensions/session-id"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

XAPI = "32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"
CALIPER = "6a2b9c1e-0f4d-4c3b-9f6e-2d8a7c5b1e90"
TABLE: dict[Any, dict[str, str]] = {4711: {"xapi": XAPI, "caliper": CALIPER}}


def plain(user: Any, system: str) -> str:
    return id_of(f"{system} {user}")


def event(**more: Any) -> dict[str, Any]:
    return {
        "name": "play_video",
        "timestamp": "2025-02-03T04:05:06.789000+00:00",
        "data": {"id": "v", "currentTime": 1.5, "duration": 60, "code": "c"},
        "context": {"user_id": 4711, "course_id": COURSE, "session": SESSION},
        **more,
    }


def logged() -> dict[str, Any]:
    return {
        "event_type": "play_video",
        "time": "2025-02-03T04:05:06.789000+00:00",
        "event": json.dumps(event()["data"]),
        "context": {"user_id": 4711, "course_id": COURSE},
        "session": SESSION,
    }


def sessions(identity: Any, sent: dict[str, Any] | None = None, **options: Any) -> tuple[str, str]:
    """Give the session as each protocol has it; nowhere does the key itself stand."""
    options = {"lms_root": LMS, "identity": identity, **options}
    [statement] = XAPITranslator(**options).translate(sent or event())
    [document] = CaliperTranslator(**options).translate(sent or event())
    assert SESSION not in json.dumps([statement, document])
    start, _, last = document["session"]["id"].rpartition("/")
    assert start == f"{LMS}/sessions"
    return statement["context"]["extensions"][SESSION_ID], last


IDENTITIES = {
    "derived": HMACIdentity(SECRET),
    "cached": CachedIdentity(HMACIdentity(SECRET)),
    "mapped": MappingIdentity(TABLE),
    "mapped, with a secret": MappingIdentity(TABLE, secret=SECRET),
    "plain": plain,
    "cached, with a secret": CachedIdentity(plain, secret=SECRET),
}


class TestSessions:
    @pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
    def test_each_protocol_has_its_own(self, identity):
        """They do not join the two ids of a learner; each is the same in live and logged form."""
        xapi, caliper = sessions(identity)

        assert xapi != caliper
        assert UUID.fullmatch(xapi)
        assert UUID.fullmatch(caliper)
        assert sessions(identity, logged()) == (xapi, caliper)
        assert sessions(pickle.loads(pickle.dumps(identity))) == (xapi, caliper)

    def test_key(self):
        """With the same secret they are the same everywhere, with another one they are not."""
        keyed = [
            sessions(IDENTITIES[name])
            for name in ("derived", "cached", "mapped, with a secret", "cached, with a secret")
        ]

        assert len(set(keyed)) == 1
        assert not set(keyed[0]) & set(sessions(HMACIdentity(SECRET + "!")))
        assert not set(keyed[0]) & set(sessions(plain))

    def test_recipe(self):
        """It never changes."""
        assert sessions(HMACIdentity(SECRET)) == (
            "3ef4b5f6-9e61-5430-9342-8a181177d480",
            "da764340-f122-55ac-b075-8f15064f58c6",
        )

    def test_sites_without_a_secret(self):
        """What one site calls a session tells nothing of another site's."""
        other = sessions(plain), sessions(plain, lms_root=LMS)
        [statement] = XAPITranslator(lms_root="https://b.example.org", identity=plain).translate(
            event()
        )

        assert other[0] == other[1]
        assert statement["context"]["extensions"][SESSION_ID] != other[0][0]

    @pytest.mark.parametrize("session", ["", "  ", None, 5, ["x"]])
    def test_no_session(self, session):
        sent = event(context={"user_id": 4711, "course_id": COURSE, "session": session})
        [statement] = XAPITranslator(lms_root=LMS, identity=plain).translate(sent)
        [document] = CaliperTranslator(lms_root=LMS, identity=plain).translate(sent)

        assert SESSION_ID not in statement["context"]["extensions"]
        assert "session" not in document

    @pytest.mark.parametrize("session", ["-", "--", "a", "e", "1", "cafe"])
    def test_short_sessions(self, session):
        """That a digit of theirs stands in what stands for them says nothing."""
        sent = event(context={"user_id": 4711, "course_id": COURSE, "session": session})
        for make in (XAPITranslator, CaliperTranslator):
            assert make(lms_root=LMS, identity=HMACIdentity("x" * 40)).translate(sent)

    @pytest.mark.parametrize("made", ["marisol", SESSION, "", None, 5, b"x" * 32])
    def test_pseudonyms_that_are_none(self, made):
        """A site's own derivation that gives the text back, or any other, sends nothing."""

        def identity(user: Any, system: str) -> str:
            return plain(user, system)

        identity.pseudonym = lambda text, system: made  # type: ignore[attr-defined]
        for make in (XAPITranslator, CaliperTranslator):
            with pytest.raises(TranslationError) as refused:
                make(lms_root=LMS, identity=identity).translate(event())
            expected = "identity_not_anonymous"
            assert (refused.value.reason, refused.value.name) == (expected, "play_video")

    def test_peer(self):
        """Dialect erb has the key, as the peer does."""
        [statement] = XAPITranslator(
            lms_root=LMS, identity=HMACIdentity(SECRET), dialect="erb"
        ).translate(event(name="edx.course.enrollment.activated", data={"course_id": COURSE}))

        assert statement["context"]["extensions"][SESSION_ID] == SESSION

    @pytest.mark.parametrize(
        "make",
        [
            lambda: MappingIdentity(TABLE, secret="short"),
            lambda: CachedIdentity(plain, secret="short"),
            lambda: CachedIdentity(plain, secret={"env": "EVENTKIT_NO_SUCH_VARIABLE"}),
        ],
    )
    def test_bad_secrets(self, make):
        with pytest.raises(ConfigurationError, match="secret"):
            make()


NOT_IDS: list[Any] = [
    "marisol_quiroga",
    "marisol@example.org",
    "4711",
    4711,
    0,
    False,
    True,
    b"32e08e30f8ae4ce294a8c2bfe38a70cb",
    b"",
    f"marisol_quiroga:{XAPI}",
    f"{XAPI} marisol",
    f" {XAPI}",
    f"{XAPI}\n",
    f"{{{XAPI}}}",
    f"urn:uuid:{XAPI}",
    XAPI.replace("-", "")[:-1],
    "f" * 31,
    "a" * 65,
    "g" * 32,
    f"{XAPI}-",
    XAPI.replace("3", "\u0663"),
    "00000000-0000-0000-0000-000000004711",
    "47110000-0000-0000-0000-000000000000",
    "00000000-0000-4000-8000-000000004711",
    str(uuid.UUID(int=4711)),
    uuid.UUID(int=4711),
    str(uuid.UUID(int=4711, version=4)),
    "4711".zfill(32),
    "4711".zfill(64),
    str(uuid.UUID(int=0)),
    [XAPI],
    {"id": XAPI},
]

IDS: list[tuple[Any, str]] = [
    (XAPI, XAPI),
    (XAPI.upper(), XAPI),
    (uuid.UUID(XAPI), XAPI),
    ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
    ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("e3b0c442" * 8, "e3b0c442" * 8),
]


def translators(identity: Any) -> list[Callable[[], Any]]:
    return [
        lambda make=make, dialect=dialect: make(lms_root=LMS, identity=identity, dialect=dialect)
        for make in (XAPITranslator, CaliperTranslator)
        for dialect in ("standard", "erb")
    ]


ENROLLED = event(name="edx.course.enrollment.activated", data={"course_id": COURSE})


@pytest.mark.parametrize("wrap", [lambda each: each, CachedIdentity], ids=["plain", "cached"])
class TestAnswers:
    """What an identity may answer, in both protocols and dialects."""

    @pytest.mark.parametrize("answer", NOT_IDS, ids=repr)
    def test_not_an_id(self, wrap, answer, caplog):
        """Nothing goes out under anything but an id, and the answer is nowhere to be read."""
        for make in translators(wrap(lambda user, system: answer)):
            with pytest.raises(TranslationError) as refused:
                make().translate(ENROLLED)
            assert refused.value.reason == "identity_not_anonymous"
            assert not refused.value.retryable
            assert "marisol" not in str(refused.value) + caplog.text

    @pytest.mark.parametrize(("answer", "id_"), IDS, ids=repr)
    def test_id(self, wrap, answer, id_):
        """Small letters, so that there is one form only."""
        for make in translators(wrap(lambda user, system: answer)):
            translator = make()
            for _ in range(2):
                [document] = translator.translate(ENROLLED)
                assert f'"{id_}"' in json.dumps(document) or f'/{id_}"' in json.dumps(document)

    def test_classes_of_their_own(self, wrap):
        """What they hold counts, and not how they write themselves."""

        class Text(str):
            __slots__ = ()

            def __str__(self) -> str:
                return "marisol"

            def lower(self) -> str:
                return "marisol"

        class Written(uuid.UUID):
            def __str__(self) -> str:
                return "marisol"

        for answer in (Text(XAPI), Written(XAPI)):
            for make in translators(wrap(lambda user, system, answer=answer: answer)):
                said = json.dumps(make().translate(ENROLLED))
                assert XAPI in said
                assert "marisol" not in said

    def test_answers_may_change(self, wrap):
        """An id that was fine yesterday does not vouch for what is given today."""
        answers = iter([XAPI, "marisol"])
        translator = XAPITranslator(lms_root=LMS, identity=wrap(lambda user, system: next(answers)))
        [first] = translator.translate(ENROLLED)
        if wrap is CachedIdentity:
            assert translator.translate(ENROLLED) == [first]
        else:
            with pytest.raises(TranslationError, match="no UUID"):
                translator.translate(ENROLLED)

    def test_instructor(self, wrap):
        """Staff are people too."""
        sent = event(
            name="edx.course.enrollment.activated",
            data={"course_id": COURSE, "user_id": 4711},
            context={"user_id": 52, "course_id": COURSE},
        )
        identity = wrap(lambda user, system: XAPI if user == 4711 else "chief")
        made = XAPITranslator(lms_root=LMS, identity=identity).translate(sent)

        assert "chief" not in json.dumps(made)


@pytest.mark.parametrize(
    ("user", "answer"),
    [
        ("marisol", "marisol"),
        ("deadbeef", "deadbeef-f8ae-4ce2-94a8-c2bfe38a70cb"),
        ("cafe", "cafe".zfill(32)),
        ("cafe", "CAFE".ljust(32, "0")),
        (XAPI, XAPI),
        (XAPI, XAPI.replace("-", "")),
        (12345678, "a1b2c3d4-1234-5678-94a8-c2bfe38a70cb"),
        ("4711", "4711".zfill(32)),
        (4710, "4710".zfill(32)),
        ("marisol_quiroga!", uuid.UUID(bytes=b"marisol_quiroga!")),
        ("Marisol_Quiroga", b"Marisol_Quiroga".hex().ljust(32, "0")),
        ("mari", f"a1{b'mari'.hex()}".ljust(32, "b")),
    ],
)
def test_ids_that_show_who(user, answer):
    assert anonymous_id(answer, user) is None


@pytest.mark.parametrize("address", [5, b"a@example.org", ["a@example.org"], "marisol", " "])
@pytest.mark.parametrize("dialect", ["standard", "erb"])
@pytest.mark.parametrize("actor", ["mbox", "mbox_sha1sum"])
def test_addresses(address, dialect, actor):
    """Where a site asks for addresses, only addresses go out."""
    translator = XAPITranslator(
        lms_root=LMS,
        identity=plain,
        actor=actor,
        email=lambda _: address,
        dialect=dialect,
    )
    with pytest.raises(TranslationError) as refused:
        translator.translate(ENROLLED)

    assert refused.value.reason == "no_email"


TEAM = "the-quiroga-sisters-2b7e9d"


def team_events() -> list[dict[str, Any]]:
    thread = {"id": "5f0e2c9b7a", "commentable_id": "plants", "team_id": TEAM}
    return [
        event(name="edx.team.created", data={"team_id": TEAM}),
        event(
            name="edx.team.learner_added",
            data={"team_id": TEAM, "user_id": 4711, "add_method": "joined_from_team_view"},
        ),
        event(name="edx.team.changed", data={"team_id": TEAM, "field": "name"}),
        event(
            name="edx.team.page_viewed",
            data=json.dumps({"page_name": "single-team", "topic_id": "t", "team_id": TEAM}),
            page=f"{LMS}/courses/{COURSE}/teams/#teams/t/{TEAM}",
        ),
        event(name="edx.forum.thread.created", data=thread | {"title": "", "body": "x"}),
        event(name="edx.forum.thread.viewed", data=thread),
    ]


class TestTeams:
    """The id of a team is a slug of the name that learners gave it."""

    @pytest.mark.parametrize("sent", team_events(), ids=lambda each: each["name"])
    @pytest.mark.parametrize("make", [XAPITranslator, CaliperTranslator])
    def test_leaves_only_with_texts(self, sent, make):
        options = {"lms_root": LMS, "identity": HMACIdentity(SECRET)}
        hidden = json.dumps(make(**options).translate(sent))
        shown = json.dumps(make(**options, include_text=True).translate(sent))

        assert "quiroga" not in hidden
        assert TEAM in shown

    @pytest.mark.parametrize("make", [XAPITranslator, CaliperTranslator])
    def test_same_team(self, make):
        """All events of a team still say that it is the same one; no other protocol does."""
        own = HMACIdentity(SECRET).pseudonym(f"team\n{TEAM}", make.protocol)
        for sent in team_events()[:4]:
            [made] = make(lms_root=LMS, identity=HMACIdentity(SECRET)).translate(sent)
            assert own in json.dumps(made)

    def test_kinds(self):
        """A session that is called as a team is stays apart."""
        identity = HMACIdentity(SECRET)
        sent = event(name="edx.team.created", data={"team_id": SESSION})
        [made] = XAPITranslator(lms_root=LMS, identity=identity).translate(sent)

        assert made["object"]["id"].rpartition("/")[2] != sessions(identity)[0]
