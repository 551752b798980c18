"""A live event and its line in the tracking log are one event, and become the same documents."""

from __future__ import annotations

import datetime as dt
import enum
import json
import uuid
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from eventkit import CaliperTranslator, TranslationError, UnsupportedEvent, XAPITranslator
from eventkit.events.shapes.mobile import as_logged
from eventkit.reading import Source
from eventkit.reading.source import plain, text_of, user_id, username

LMS = "https://lms.example.org"
COURSE = "course-v1:edX+D+1"
WHEN = "2024-03-01T10:00:00+00:00"
RECEIVED = "2024-03-03T10:00:03.000005+00:00"
CONTEXT = {"user_id": 7, "course_id": COURSE, "org_id": "edX", "event_source": "mobile"}


def anonymous(user: int | str, protocol: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{user} {protocol}"))


TRANSLATORS = [
    XAPITranslator(lms_root=LMS, identity=anonymous, include_text=True),
    CaliperTranslator(lms_root=LMS, identity=anonymous, include_text=True),
]


def documents(event: dict[str, Any]) -> list[Any]:
    return [translator.translate(event) for translator in TRANSLATORS]


def live(name: str, data: Any, **context: Any) -> dict[str, Any]:
    """Make what a device sends, as the platform emits it."""
    return {
        "name": name,
        "timestamp": RECEIVED,
        "context": {**CONTEXT, "timestamp": WHEN, "received_at": RECEIVED, **context},
        "data": data,
    }


def logged(name: str, data: Any, **context: Any) -> dict[str, Any]:
    """Make what the platform writes into the log for it."""
    return {
        "name": name,
        "time": WHEN,
        "event_source": "mobile",
        "context": {"user_id": 7, "course_id": COURSE, "org_id": "edX", **context},
        "event": data,
    }


MODULE = "block-v1:edX+D+1+type@video+block@abc"
IOS = {"application": {"name": "edx.mobileapp.iOS", "version": "1.0.02"}}


class TestMobileVideo:
    """Devices spell payloads in their own way; the platform rewrites them for the log only."""

    @pytest.mark.parametrize(
        "name",
        [
            "edx.video.loaded",
            "edx.video.played",
            "edx.video.paused",
            "edx.video.stopped",
            "edx.video.transcript.shown",
            "edx.video.transcript.hidden",
            "edx.video.language_menu.shown",
            "edx.video.language_menu.hidden",
        ],
    )
    def test_live_and_log_agree(self, name: str) -> None:
        of_device = {"module_id": MODULE, "code": "mobile", "current_time": 12.5}
        in_log = {"id": "abc", "code": "mobile", "currentTime": 12.5}

        assert documents(live(name, of_device)) == documents(logged(name, in_log))

    @pytest.mark.parametrize(
        ("of_device", "in_log", "context"),
        [
            ({"seek_type": "skip"}, {"type": "onSkipSeek"}, {}),
            ({"seek_type": "slide"}, {"type": "onSlideSeek"}, {}),
            ({"seek_type": None}, {}, {}),
            (
                {"seek_type": "skip", "requested_skip_interval": 30},
                {"type": "onSkipSeek", "requested_skip_interval": 30},
                {},
            ),
            (
                {"seek_type": "skip", "requested_skip_interval": -12.5},
                {"type": "onSlideSeek", "requested_skip_interval": -12.5},
                {},
            ),
            (
                {"seek_type": "skip", "requested_skip_interval": 30},
                {"type": "onSkipSeek", "requested_skip_interval": -30},
                IOS,
            ),
            ({"requested_skip_interval": 30}, {"requested_skip_interval": 30}, IOS),
        ],
    )
    def test_jumps_agree(
        self, of_device: dict[str, Any], in_log: dict[str, Any], context: dict[str, Any]
    ) -> None:
        """The name that was never meant to be sent is the canonical one, too."""
        where = {"old_time": 12.5, "new_time": 42.5}
        sent = live("edx.video.seeked", {"module_id": MODULE, **where, **of_device}, **context)
        line = logged("edx.video.position.changed", {"id": "abc", **where, **in_log}, **context)

        assert documents(sent) == documents(line)
        [[statement], _] = documents(sent)
        assert statement["object"]["id"] == f"{LMS}/xblock/{MODULE}"
        assert list(statement["result"]["extensions"].values()) == [12.5, 42.5]

    def test_old_courses_agree(self) -> None:
        of = {"course_id": "edX/DemoX.1/2015"}
        sent = live("edx.video.played", {"module_id": "i4x://edX/DemoX.1/video/4e2e"}, **of)
        line = logged("edx.video.played", {"id": "i4x-edX-DemoX_1-video-4e2e"}, **of)

        assert documents(sent) == documents(line)
        assert documents(sent)[0][0]["object"]["id"] == (
            f"{LMS}/xblock/i4x://edX/DemoX.1/video/4e2e"
        )

    def test_the_course_of_the_block_is_known_without_any_other(self) -> None:
        sent = live("edx.video.played", {"module_id": MODULE}, course_id="")

        assert documents(sent)[0][0]["object"]["id"] == f"{LMS}/xblock/{MODULE}"

    def test_on_an_event_bus_too(self) -> None:
        sent = live("edx.video.played", {"module_id": MODULE, "current_time": 12.5})
        as_text = {**sent, "data": json.dumps(sent["data"]), "context": json.dumps(sent["context"])}

        assert documents(as_text) == documents(sent)

    def test_what_needs_no_rewriting_is_the_same_object(self) -> None:
        payload = {"id": "abc", "currentTime": 1}

        assert as_logged(payload, {}) is payload

    def test_the_event_stays_as_it_was(self) -> None:
        sent = live("edx.video.played", {"module_id": MODULE, "current_time": 12.5})
        documents(sent)

        assert sent["data"] == {"module_id": MODULE, "current_time": 12.5}


class TestRawLogs:
    """A log that devices' own spelling got into says the same as one that the platform wrote."""

    def test_videos(self) -> None:
        raw = {"module_id": MODULE, "current_time": 12.5, "code": "mobile"}
        name = "edx.video.played"

        assert documents(logged(name, raw)) == documents(live(name, raw))
        assert documents(logged(name, json.dumps(raw))) == documents(live(name, raw))


class TestThreads:
    """The platform keeps one screen of devices, that of a thread, and calls it otherwise."""

    RAW: ClassVar[dict[str, Any]] = {
        "thread_id": "67b0c4",
        "topic_id": "course-general",
        "action": "Light and leaves",
        "author": "dora",
        "context": {"app_name": "edx.mobileapp.iOS"},
    }
    AS_LOGGED: ClassVar[dict[str, Any]] = {
        "id": "67b0c4",
        "commentable_id": "course-general",
        "title": "Light and leaves",
        "title_truncated": False,
        "target_username": "dora",
    }

    def sent(self, label: str | None = "Forum: View Thread", **data: Any) -> dict[str, Any]:
        raw = {**self.RAW, **data}
        return live("edx.bi.app.navigation.screen", raw, label=label)

    def test_are_what_the_log_has(self) -> None:
        assert documents(self.sent()) == documents(
            logged("edx.forum.thread.viewed", self.AS_LOGGED)
        )

    @pytest.mark.parametrize("label", ["My Courses", "forum: view thread", "", None])
    def test_other_screens_are_none(self, label: str | None) -> None:
        for translator in TRANSLATORS:
            with pytest.raises(UnsupportedEvent) as caught:
                translator.translate(self.sent(label))
            assert caught.value.reason == "not_translated"

    def test_long_titles_are_cut_as_the_platform_cuts_them(self) -> None:
        [[statement], _] = documents(self.sent(action="x" * 1500))

        assert statement["object"]["definition"]["name"] == {"und": "x" * 1000}

    def test_what_is_no_text_is_left_out(self) -> None:
        for translator in TRANSLATORS:
            with pytest.raises(TranslationError, match="no_object"):
                translator.translate(self.sent(thread_id=7))

    def test_dialect_erb_knows_none(self) -> None:
        erb = XAPITranslator(lms_root=LMS, identity=anonymous, dialect="erb")

        with pytest.raises(UnsupportedEvent, match="event-routing-backends sends nothing"):
            erb.translate(self.sent())


class TestDeviceTime:
    """A device that was offline says when it happened."""

    @pytest.mark.parametrize(
        ("event", "time"),
        [
            ({"timestamp": RECEIVED, "context": {"timestamp": WHEN}}, WHEN),
            (
                {"timestamp": RECEIVED, "context": {"timestamp": dt.datetime.fromisoformat(WHEN)}},
                WHEN,
            ),
            ({"context": {"timestamp": WHEN}}, WHEN),
            ({"timestamp": RECEIVED, "context": {"timestamp": ""}}, RECEIVED),
            ({"timestamp": RECEIVED, "context": {"timestamp": "yesterday"}}, RECEIVED),
            ({"timestamp": RECEIVED, "context": {"timestamp": None}}, RECEIVED),
            ({"time": WHEN, "context": {"timestamp": RECEIVED}}, WHEN),
            ({"timestamp": "", "time": WHEN, "context": {"timestamp": RECEIVED}}, WHEN),
        ],
    )
    def test_wins_over_the_receipt_of_a_live_event(self, event: dict[str, Any], time: str) -> None:
        source = Source({"name": "x", **event})
        expected = dt.datetime.fromisoformat(time)

        assert source.time == expected
        assert source.stamp() == expected.isoformat(timespec="microseconds")[:26]

    def test_gives_live_and_log_the_same_id(self) -> None:
        data = {"id": "abc", "code": "mobile"}

        assert documents(live("edx.video.played", {**data, "current_time": 12.5})) == documents(
            logged("edx.video.played", {**data, "currentTime": 12.5})
        )


class Lazy:
    """A text or number that is made when it is needed, and claims to be one already."""

    def __init__(self, value: Any) -> None:
        self._value = value

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._value)

    def __str__(self) -> str:
        return str(self._value)


class Key:
    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class Mode(str, enum.Enum):  # noqa: UP042 - whose text is not its value
    AUDIT = "audit"


class Text(str):
    __slots__ = ()


class TestObjects:
    """Live events hold more than JSON; the log holds what it stands for."""

    @pytest.mark.parametrize(
        ("name", "sent", "written"),
        [
            (
                "edx.course.enrollment.activated",
                {"course_id": Key(COURSE), "user_id": Lazy(9), "mode": Mode.AUDIT},
                {"course_id": COURSE, "user_id": 9, "mode": "audit"},
            ),
            (
                "edx.course.enrollment.activated",
                {"course_id": Lazy(COURSE), "user_id": Decimal(9), "mode": Lazy("audit")},
                {"course_id": COURSE, "user_id": "9", "mode": "audit"},
            ),
            (
                "edx.bookmark.added",
                {"component_usage_id": Key(MODULE)},
                {"component_usage_id": MODULE},
            ),
            (
                "edx.grades.problem.submitted",
                {
                    "problem_id": Key(MODULE),
                    "course_id": Key(COURSE),
                    "weighted_earned": Decimal("1.5"),
                    "weighted_possible": Decimal(2),
                    "event_transaction_id": uuid.UUID(int=5),
                },
                {
                    "problem_id": MODULE,
                    "course_id": COURSE,
                    "weighted_earned": "1.5",
                    "weighted_possible": "2",
                    "event_transaction_id": str(uuid.UUID(int=5)),
                },
            ),
            (
                "edx.forum.thread.created",
                {"id": "1", "title": Lazy("T"), "body": Text("b"), "commentable_id": b"course"},
                {"id": "1", "title": "T", "body": "b", "commentable_id": "course"},
            ),
        ],
    )
    def test_become_what_the_log_has(
        self, name: str, sent: dict[str, Any], written: dict[str, Any]
    ) -> None:
        context = {"user_id": 7, "course_id": COURSE, "org_id": "edX"}
        event = {"name": name, "timestamp": RECEIVED, "context": context}

        assert documents({**event, "data": sent}) == documents({**event, "data": written})

    def test_in_the_context_too(self) -> None:
        event = {"name": "play_video", "timestamp": RECEIVED, "data": {"id": "v"}}
        plain_one = {"user_id": 7, "course_id": COURSE}
        of_objects = {"user_id": Lazy(7), "course_id": Key(COURSE)}

        assert documents({**event, "context": of_objects}) == documents(
            {**event, "context": plain_one}
        )

    def test_the_platforms_own_keys(self) -> None:
        keys = pytest.importorskip("opaque_keys.edx.keys")
        event = {"name": "edx.bookmark.added", "timestamp": RECEIVED}
        context = {"user_id": 7, "course_id": keys.CourseKey.from_string(COURSE)}
        data = {"component_usage_id": keys.UsageKey.from_string(MODULE)}

        assert documents({**event, "context": context, "data": data}) == documents(
            {
                **event,
                "context": {"user_id": 7, "course_id": COURSE},
                "data": {"component_usage_id": MODULE},
            }
        )

    def test_djangos_own_texts(self) -> None:
        functional = pytest.importorskip("django.utils.functional")
        text = functional.lazystr("edX")
        wrapped = functional.SimpleLazyObject(lambda: 7)

        assert text_of(text) == "edX"
        assert user_id(wrapped) == 7
        assert type(user_id(wrapped)) is int
        assert username(functional.SimpleLazyObject(lambda: " ada\n")) == "ada"

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (Text("a"), "a"),
            (Mode.AUDIT, "audit"),
            (Lazy(1.5), 1.5),
            (Lazy(True), True),
            (Lazy("x"), "x"),
            (dt.date(2024, 1, 2), "2024-01-02"),
            (b"x", "x"),
            (None, None),
            ([1], [1]),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_stand_for_something_plain(self, value: Any, expected: Any) -> None:
        found = plain(value)

        assert found == expected
        assert type(found) is type(expected)

    def test_iterators_are_left_alone(self) -> None:
        waiting = iter([1])

        assert plain(waiting) is None
        assert next(waiting) == 1


class TestContextInText:
    """An event bus carries the context as JSON text."""

    @pytest.mark.parametrize("encode", [str, str.encode], ids=["text", "bytes"])
    def test_is_read_as_the_payload_is(self, encode: Any) -> None:
        context = {
            "user_id": 7,
            "course_id": COURSE,
            "session": "s1",
            "module": {"usage_key": MODULE, "display_name": "V"},
        }
        data = {"course_id": COURSE, "user_id": 7, "mode": "audit"}
        event = {"name": "edx.course.enrollment.activated", "timestamp": RECEIVED}
        as_text = {
            **event,
            "context": encode(json.dumps(context)),
            "data": encode(json.dumps(data)),
        }

        assert documents(as_text) == documents({**event, "context": context, "data": data})

    @pytest.mark.parametrize("translator", TRANSLATORS, ids=["xapi", "caliper"])
    def test_that_is_cut_off_is_no_context(self, translator: Any) -> None:
        """Nobody can tell what else it said."""
        cut = {"name": "play_video", "timestamp": RECEIVED, "context": '{"user_id": 7, "cou'}

        with pytest.raises(TranslationError) as refused:
            translator.translate(cut)

        assert refused.value.reason == "unreadable"
