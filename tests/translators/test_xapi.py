"""The translator: its options, its ways out, its statements."""

import contextlib
import json
import logging
import pickle
from datetime import UTC, datetime

import pytest
from eventtracking.processors.exceptions import EventEmissionExit
from own_rows import BROKEN
from people import id_of

from eventkit import (
    ConfigurationError,
    DropEvent,
    TranslationError,
    UnsupportedEvent,
    XAPITranslator,
)
from eventkit.events import Row, Statement
from eventkit.events.shapes.iris import PLAYED
from eventkit.validation import statement_errors

LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
EVENT = {
    "name": "play_video",
    "timestamp": datetime(2025, 2, 3, 4, 5, 6, 789000, tzinfo=UTC),
    "data": {"id": "v", "currentTime": 1.5},
    "context": {"user_id": 3, "username": "marisol", "course_id": COURSE, "session": "s"},
}


def identity(user, system):
    return id_of(f"{system}-{user:>04}" if isinstance(user, int) else "somebody")


def make(**options):
    return XAPITranslator(**{"lms_root": LMS, "identity": identity, **options})


def with_data(name, **data):
    return {**EVENT, "name": name, "data": data}


class TestOptions:
    """Wrong options stop the constructor, not the ten-thousandth event."""

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"lms_root": ""}, "lms_root: expected the root URL"),
            ({"lms_root": "lms.example.org"}, "such as 'https://lms.example.org'"),
            ({"lms_root": "https://x.org/?a=1"}, "lms_root"),
            ({"lms_root": "https://user:pw@x.org"}, "lms_root"),
            ({"lms_root": "https://x .org"}, "lms_root"),
            ({"lms_root": "http://[bad"}, "lms_root"),
            ({"lms_root": None}, "lms_root"),
            ({"identity": None}, "eventkit.HMACIdentity"),
            ({"identity": "hash"}, "identity: expected a callable"),
            ({"dialect": "strict"}, "dialect: unknown dialect 'strict'; expected one of"),
            ({"actor": "openid"}, "actor: unknown form 'openid'"),
            ({"actor": "mbox"}, "email: the actor form 'mbox' needs a callable"),
            ({"email": lambda user: "x@x.org"}, "email: only the actor forms"),
            ({"courses": 5}, "courses: expected a callable or a mapping"),
            ({"events": "no.such.module"}, "events: cannot use 'no.such.module'"),
            ({"events": 7}, "events: expected rows or a dotted path"),
            ({"events": ["play_video"]}, "events: expected rows of type"),
            ({"events": [Row(("play_video",))]}, "'play_video' is claimed by"),
            ({"events": [Row(())]}, "needs names"),
            ({"on_error": "log"}, "on_error"),
        ],
    )
    def test_name_the_option(self, options, words):
        """The error says which option is wrong and what would be right."""
        with pytest.raises(ConfigurationError) as refused:
            make(**options)

        assert words in str(refused.value)

    def test_slash_at_the_end_of_the_root(self):
        """A slash at the end of the root makes no difference."""
        assert make(lms_root=f"{LMS}/").translate(EVENT) == make().translate(EVENT)

    def test_transformer_version(self):
        """Statements say which program made them."""
        key = "https://w3id.org/xapi/openedx/extension/transformer-version"
        default = make().translate(EVENT)[0]["context"]["extensions"][key]
        given = make(transformer_version="site@1").translate(EVENT)[0]["context"]["extensions"]

        assert default.startswith("openedx-eventkit@")
        assert given[key] == "site@1"


class TestWaysOut:
    """A translation, or an exception of eventkit's own."""

    @pytest.mark.parametrize(
        ("event", "error", "reason"),
        [
            ({**EVENT, "name": "edx.unheard.of"}, UnsupportedEvent, "unknown_event"),
            ({**EVENT, "name": "/courses/x/about"}, UnsupportedEvent, "implicit_event"),
            ({**EVENT, "name": ""}, UnsupportedEvent, "no_name"),
            ({}, UnsupportedEvent, "no_name"),
            (None, TranslationError, "not_an_event"),
            ([EVENT], TranslationError, "not_an_event"),
            ({**EVENT, "timestamp": None}, TranslationError, "no_time"),
            ({**EVENT, "timestamp": "soon"}, TranslationError, "bad_time"),
            ({**EVENT, "context": {"course_id": COURSE}}, TranslationError, "no_actor"),
            ({**EVENT, "data": {}}, TranslationError, "no_object"),
            ({**EVENT, "data": "text"}, TranslationError, "no_object"),
            ({**EVENT, "context": {"user_id": 3}}, TranslationError, "no_course"),
            (
                with_data("edx.ui.lms.link_clicked", target_url="javascript:;"),
                TranslationError,
                "not_a_page",
            ),
            (
                with_data("edx.ui.lms.link_clicked", target_url="mailto:a@b.org"),
                TranslationError,
                "not_a_page",
            ),
            (
                with_data("edx.ui.lms.link_clicked", target_url="http://[x"),
                TranslationError,
                "bad_url",
            ),
        ],
    )
    def test_reasons(self, event, error, reason):
        """Each refusal has a reason to count, and the processor drops the event with it."""
        translator = make()
        with pytest.raises(error) as refused:
            translator.translate(event)
        with pytest.raises(DropEvent) as dropped:
            translator(event)

        assert refused.value.reason == dropped.value.reason == reason
        assert isinstance(dropped.value, EventEmissionExit)
        assert type(dropped.value.__cause__) is error
        kind = "skipped" if error is UnsupportedEvent else "rejected"
        assert translator.stats() == {f"{kind}:{reason}": 2}

    def test_translation(self):
        """The processor hands on the documents with the original event, under its name."""
        translation = make()(EVENT)

        assert translation["name"] == "play_video"
        assert translation["protocol"] == "xapi"
        assert translation["documents"] == make().translate(EVENT)
        assert translation["event"] is EVENT

    def test_row_that_fails(self, caplog):
        """An unexpected error drops the event, tells the hook, and is logged without payload."""
        seen = []
        translator = make(
            events=[BROKEN], on_error=lambda error, event: seen.append((error, event))
        )
        broken = {**EVENT, "name": "site.broken"}
        with caplog.at_level(logging.DEBUG), pytest.raises(DropEvent) as dropped:
            translator(broken)
        with pytest.raises(DropEvent):
            translator(broken)

        assert (dropped.value.reason, dropped.value.retryable) == ("internal_error", False)
        assert [(type(error), event is broken) for error, event in seen] == [
            (TranslationError, True),
            (TranslationError, True),
        ]
        assert caplog.text.count("Unexpected KeyError at") == 1
        assert "marisol" not in caplog.text

    def test_hook_that_fails(self):
        """A broken hook changes nothing."""

        def hook(error, event):
            raise RuntimeError("broken hook")

        with pytest.raises(DropEvent):
            make(on_error=hook)({**EVENT, "data": {}})

    @pytest.mark.parametrize(
        ("found", "reason"),
        [
            (None, "unknown_user"),
            ("", "unknown_user"),
            ("3", "identity_not_anonymous"),
            (3, "identity_not_anonymous"),
        ],
    )
    def test_identity_that_does_not_hide(self, found, reason):
        """A user nobody knows, or whose id would be sent in the clear, gives no statement."""
        with pytest.raises(TranslationError) as refused:
            make(identity=lambda user, system: found).translate(EVENT)

        assert refused.value.reason == reason

    def test_translate_many(self):
        """Events without a translation are counted and left out; the others keep their order."""
        translator = make()
        events = [EVENT, {"name": "x"}, {**EVENT, "name": "pause_video"}, None]

        assert [each["name"] for each in translator.translate_many(events)] == [
            "play_video",
            "pause_video",
        ]
        assert sum(translator.stats().values()) == 4

    def test_supports(self):
        """Names and aliases that have a row are supported."""
        translator = make()

        assert translator.supports("play_video")
        assert translator.supports("edx.video.played")
        assert not translator.supports("edx.unheard.of")

    def test_validate(self):
        """With validation a statement that breaks the specification is refused."""
        bad = Row(("site.bad",), xapi=Statement(PLAYED, lambda view: {"id": "no iri"}))

        assert make(events=[bad]).translate({**EVENT, "name": "site.bad"})
        with pytest.raises(TranslationError) as refused:
            make(events=[bad], validate=True).translate({**EVENT, "name": "site.bad"})
        assert refused.value.reason == "invalid_statement"


class TestWorkers:
    """Translators in other processes."""

    @pytest.mark.parametrize("dialect", ["standard", "erb"])
    def test_pickles(self, dialect):
        """A translator can be sent to a worker, and gives the same there."""
        translator = make(dialect=dialect, validate=True, courses={COURSE: "Plants"})
        copy = pickle.loads(pickle.dumps(translator))

        assert copy.translate(EVENT) == translator.translate(EVENT)


class TestLibraries:
    """Blocks that come from a content library."""

    def test_original_block(self):
        """The statement says which block of the library it was made from."""
        module = {"original_usage_key": "lib-block-v1:O+L+type@problem+block@p"}
        event = {**EVENT, "context": {**EVENT["context"], "module": module}}
        key = "https://w3id.org/xapi/openedx/extension/original-usage-key"
        extensions = make().translate(event)[0]["context"]["extensions"]

        assert extensions[key] == f"{LMS}/xblock/lib-block-v1:O+L+type@problem+block@p"


class TestActor:
    """Who did it."""

    def test_account(self):
        """The anonymised id is an account at the LMS."""
        assert make().translate(EVENT)[0]["actor"] == {
            "objectType": "Agent",
            "account": {"homePage": LMS, "name": id_of("xapi-0003")},
        }

    @pytest.mark.parametrize(
        ("form", "value"),
        [
            ("mbox", "mailto:edx@example.com"),
            ("mbox_sha1sum", "afdee2ff"),
        ],
    )
    def test_mailboxes(self, form, value):
        """The e-mail address comes from the resolver; its hash is that of the whole IRI."""
        translator = make(actor=form, email=lambda user: "edx@example.com")
        statement = translator.translate(EVENT)[0]

        assert statement["actor"][form].startswith(value)
        assert statement_errors(statement) == []

    @pytest.mark.parametrize("address", [None, "", "nobody", "a b@x.org", "a@x.org\nb@x.org"])
    def test_no_usable_address(self, address):
        """Without a usable address the event is dropped; strangers are never lumped together."""
        with pytest.raises(TranslationError, match="no_email"):
            make(actor="mbox", email=lambda user: address).translate(EVENT)


class TestCourseNames:
    """What courses are called."""

    @pytest.mark.parametrize(
        ("courses", "name"),
        [
            (None, None),
            ({COURSE: "Plant Biology"}, {"und": "Plant Biology"}),
            ({}, None),
            (lambda key: f"Course {key[-2:]}", {"und": "Course T1"}),
            (lambda key: 5, None),
            (lambda key: {"name": "Biología", "language": "es-419"}, {"es-419": "Biología"}),
            ({COURSE: {"name": "Leaves"}}, {"und": "Leaves"}),
            (lambda key: {"name": "Leaves", "language": "no tag"}, {"und": "Leaves"}),
            (lambda key: {"language": "es"}, None),
        ],
    )
    def test_a_name_is_never_worth_an_event(self, courses, name):
        """Look-ups that give nothing cost the name only."""
        course = make(courses=courses).translate(EVENT)[0]["context"]["contextActivities"]["parent"]

        assert course[0]["definition"].get("name") == name


class TestHostileValues:
    """Odd values are left out or made harmless; the statement stays valid."""

    @pytest.mark.parametrize(
        "event",
        [
            with_data("play_video", id="a b\n<c>{d}\x00é", currentTime="1e400"),
            with_data("play_video", id="v", currentTime=10**400, duration=float("inf")),
            with_data("play_video", id="v", currentTime=True, duration="NaN"),
            with_data("play_video", id="\ud800", currentTime=-1),
            with_data("speed_change_video", id="v", old_speed=None, new_speed={"x": 1}),
            with_data("edx.forum.thread.created", id="t", title="\ud800\x00", thread_type=[1]),
            with_data("edx.forum.comment.created", id="c", discussion="t", response={"id": 5}),
            with_data("edx.course.enrollment.activated", mode={"a": 1}),
            with_data("edx.grades.problem.submitted", problem_id="p", weighted_earned="x"),
            with_data(
                "edx.grades.problem.submitted",
                problem_id="p",
                weighted_earned=5,
                weighted_possible=3,
            ),
            with_data(
                "edx.grades.problem.submitted",
                problem_id="p",
                weighted_earned=-1,
                weighted_possible=3,
            ),
            with_data("edx.completion.block_completion.changed", block_id="b", completion="1.0"),
            with_data("problem_check", problem_id="p", submission=[1], answers={"x": float("nan")}),
            with_data(
                "problem_check",
                problem_id="p",
                submission={"a_2_1": 5, "b_2_1": {"answer": [None, {"x": 1}]}},
            ),
            with_data(
                "problem_check", problem_id="p", submission={"a": {}, "b@c d": {"answer": True}}
            ),
            with_data("edx.problem.hint.demandhint_displayed", module_id="m", hint_index=2.5),
            with_data(
                "edx.special_exam.timed.attempt.created", exam_content_id="e", attempt_code="A B"
            ),
            with_data("edx.ui.lms.link_clicked", target_url="https://ex ample.org/a b?c=\u202e|"),
        ],
        ids=lambda event: event["name"],
    )
    def test_is_valid_or_refused(self, event):
        """What comes out can be written as UTF-8 JSON and follows the specification."""
        translator = make()
        statements = []
        with contextlib.suppress(TranslationError):
            statements = translator.translate(event)

        assert "rejected:internal_error" not in translator.stats()
        for statement in statements:
            json.dumps(statement, allow_nan=False, ensure_ascii=False).encode()
            assert statement_errors(statement) == []

    def test_points_beyond_the_maximum(self):
        """Extra credit keeps the points, scales to 1, and does not claim a false maximum."""
        event = with_data(
            "edx.grades.problem.submitted", problem_id="p", weighted_earned=5, weighted_possible=3
        )

        assert make().translate(event)[0]["result"] == {
            "score": {"scaled": 1.0, "raw": 5.0, "min": 0.0},
        }


class TestLinks:
    """Where links lead."""

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("/courses/x", f"{LMS}/courses/x"),
            ("next?q=ä b&title=ä b", f"{LMS}/here/next?title=ä%20b"),
            ("https://user:pw@x.org:8080/y", "https://x.org:8080/y"),
            ("https://x.org/u/Marisol/posts", "https://x.org/u/~/posts"),
            ("https://x.org/u/somebody_else?tab=1", "https://x.org/u/~"),
            ("/api/user/v1/accounts/teo", f"{LMS}/api/user/v1/accounts/~"),
            ("https://x.org/?user=marisol&page=1", "https://x.org/?page=1"),
            ("https://x.org/find?mail=bob.b%40mail.example.org", "https://x.org/find"),
            ("https://x.org/marisol.org/", "https://x.org/marisol.org/"),
            (
                "https://x.org/jump_to/block-v1:O+C+R+type@html+block@intro.html",
                "https://x.org/jump_to/block-v1:O+C+R+type@html+block@intro.html",
            ),
        ],
    )
    def test_targets(self, url, expected):
        """Addresses are made absolute and legal, and name nobody."""
        event = with_data("edx.ui.lms.link_clicked", target_url=url, current_url=f"{LMS}/here/page")

        assert make().translate(event)[0]["object"]["id"] == expected


PAGE = {
    "event_type": "/courses/Lakeside/BIO101/2013/courseware/week1/",
    "time": "2025-02-03T04:05:06.789+00:00",
    "event_source": "server",
    "event": '{"POST": {}, "GET": {"from": ["x"]}}',
    "username": "marisol",
    "context": {"user_id": 3, "path": "/courses/Lakeside/BIO101/2013/courseware/week1/"},
}


class TestImplicit:
    """Requests of pages."""

    def test_are_left_out_unless_asked_for(self):
        """They are most of a raw log."""
        with pytest.raises(UnsupportedEvent, match="implicit_event"):
            make().translate(PAGE)
        assert not make().supports("/courses/x")

    def test_pages_are_viewed(self):
        """A request for a page of a course is a view of it, in the course that its path names."""
        (statement,) = make(implicit=True, validate=True).translate(PAGE)

        assert statement["verb"]["id"] == "http://id.tincanapi.com/verb/viewed"
        assert statement["object"]["id"] == f"{LMS}{PAGE['event_type']}"
        parent = statement["context"]["contextActivities"]["parent"][0]
        assert parent["id"] == f"{LMS}/course/Lakeside/BIO101/2013"
        assert make(implicit=True).supports("/courses/x")

    @pytest.mark.parametrize(
        "change",
        [
            {"event": '{"POST": {"answer": ["1"]}, "GET": {}}'},
            {"event": '{"POST": {}, "GET": {"ajax": ["1"]'},
            {"event": {"POST": {"x": ["1"]}, "GET": {}}},
            {"event": ["?"]},
            {"event_type": "/courses/O/C/R/xblock/p/handler/xmodule_handler/problem_get"},
            {"event_type": "/courses/O/C/R/static/app.js"},
            {"event_type": "/api/courses/v1/courses/"},
            {"event_type": "/password_reset_confirm/secret-token/"},
            {"event_type": "/"},
        ],
    )
    def test_what_is_no_page(self, change):
        """Forms, handlers, scripts and what lies outside of courses are no pages."""
        with pytest.raises(UnsupportedEvent, match="page of a course"):
            make(implicit=True).translate({**PAGE, **change})

    def test_names_of_people_in_paths(self):
        """A page about somebody does not name them."""
        event = {**PAGE, "event_type": "/courses/O/C/R/progress/marisol"}
        (statement,) = make(implicit=True).translate(event)

        assert statement["object"]["id"].endswith("/progress/~")


class TestText:
    """Text that is not sent unless asked for."""

    def test_hints(self):
        """The text of a hint is sent with ``include_text`` only."""
        event = with_data(
            "edx.problem.hint.demandhint_displayed", module_id="m", hint_index=0, hint_text="Look!"
        )

        assert "Look!" not in json.dumps(make().translate(event))
        assert "Look!" in json.dumps(make(include_text=True).translate(event))


class TestOwnRows:
    """Rows of a site."""

    def test_are_translated(self):
        """A site's own event becomes a statement like any other; the tables stay as they were."""
        row = Row(
            ("site.lab.opened", "lab_opened"),
            xapi=Statement(
                PLAYED,
                lambda view: {
                    "objectType": "Activity",
                    "id": view.block("lab"),
                    "definition": {"type": "https://x.org/lab"},
                },
            ),
        )
        event = with_data("lab_opened", lab="block-v1:O+C+R+type@lab+block@l")
        statement = make(events=[row], validate=True).translate(event)[0]

        assert statement["object"]["id"] == f"{LMS}/xblock/block-v1:O+C+R+type@lab+block@l"
        assert not make().supports("lab_opened")

    def test_by_dotted_path(self):
        """A settings file names the table."""
        assert make(events="own_rows.EVENTS").supports("site.lab.closed")

    def test_that_break(self, caplog):
        """A row whose function fails costs its own event only."""
        row = Row(("site.broken",), xapi=Statement(PLAYED, lambda view: view.data["missing"]))
        translator = make(events=[row])
        with pytest.raises(DropEvent):
            translator({**EVENT, "name": "site.broken"})

        assert len(list(translator.translate_many([{**EVENT, "name": "site.broken"}, EVENT]))) == 1
