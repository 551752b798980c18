"""
Dialect ``erb`` of Caliper: what event-routing-backends writes, value for value, but for the ids.

Ids are random there; here they are those of dialect ``standard``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from isodate import duration_isoformat

from eventkit.events.shapes.caliper import CONTEXT, duration
from eventkit.events.shapes.site import Site
from eventkit.events.shapes.view import View
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.translators.erb.reading import Lost, Peer, key_in_course, submitted_key, user_of
from eventkit.typing import Json

_Shape = Callable[[Peer, str], Json]


def _duration(seconds: Any) -> str | None:
    if seconds is None:
        return None
    if type(seconds) in (int, float) and seconds > 0 and (usual := duration(seconds)):
        return usual
    return str(duration_isoformat(timedelta(seconds=seconds)))


def _in_course(peer: Peer) -> Json:
    """Say which course it belongs to, in the extensions of the object."""
    course_id = peer.get("context.course_id")
    if course_id is None:
        return {}
    return {"isPartOf": {"id": peer.url("course", course_id), "type": "CourseOffering"}}


def _video(peer: Peer, _: str) -> Json:
    data = peer.get("data")
    course_id = peer.need("context.course_id")
    key = key_in_course(course_id, "video", peer.need("data.id"))
    return {
        "id": peer.url("xblock", key),
        "type": "VideoObject",
        "duration": _duration(data.get("duration", 0)),
        "extensions": _in_course(peer),
    }


def _place(peer: Peer) -> Json:
    where = peer.get("data.currentTime") or peer.get("data.current_time")
    return {"id": "_:MediaLocation", "type": "MediaLocation", "currentTime": _duration(where)}


def _place_left(peer: Peer) -> Json:
    _place(peer)  # the peer reads the position twice, and fails on either
    where = peer.get("data.currentTime") or peer.get("data.old_time")
    return {
        "id": "_:MediaLocation",
        "type": "MediaLocation",
        "currentTime": _duration(where),
        "extensions": {"newTime": _duration(peer.get("data.new_time"))},
    }


def _tabs(peer: Peer, _: str) -> Json:
    target = {
        "edx.ui.lms.sequence.next_selected": "next unit",
        "edx.ui.lms.sequence.previous_selected": "previous unit",
    }.get(peer.name)
    units = {
        "tab_count": peer.get("data.tab_count"),
        "current_tab": peer.get("data.current_tab"),
        "target": target or peer.get("data.target_tab"),
    }
    if "id" not in peer.get("data"):
        raise Lost("data.id")
    return {
        "id": peer.url("xblock", peer.need("data.id")),
        "type": "DigitalResourceCollection",
        "name": "Unit",
        "extensions": units | _in_course(peer),
    }


def _page(kind: str) -> _Shape:
    def made(peer: Peer, _: str) -> Json:
        return {
            "id": peer.address(peer.need("data.target_url")),
            "type": kind,
            "name": peer.get("data.target_name"),
            "extensions": _in_course(peer),
        }

    return made


def _course(peer: Peer, _: str) -> Json:
    peer.need("context.course_id")
    mode = peer.get("data.mode")
    return {
        "id": peer.url("course", peer.need("data.course_id")),
        "type": "CourseOffering",
        "name": peer.named(peer.get("context.course_id")),
        "extensions": None if mode is None else {"mode": mode},
    }


def _problem_key(peer: Peer) -> Any:
    data = peer.get("data")
    key = None
    if data and isinstance(data, Mapping):
        key = data.get("problem_id", data.get("module_id"))
    return key or submitted_key(peer, peer.need("context.referer"))


def _problem(kind: str, steps: str = "", name: str | None = None) -> _Shape:
    def made(peer: Peer, _: str) -> Json:
        key = _problem_key(peer)
        if steps:
            key = f"{key}{steps}"
        return {
            "id": peer.url("xblock", key),
            "type": kind,
            "name": name,
            "extensions": _in_course(peer),
        }

    return made


def _hint(peer: Peer, _: str) -> Json:
    key = _problem_key(peer)
    index = peer.get("data").get("hint_index", "")
    return _problem("Annotation", f"/hint/{index}", "Hint")(peer, _) if key else {}


def _attempt(peer: Peer, learner: str) -> Json:
    key = _problem_key(peer)
    data = peer.get("data")
    count = data.get("attempts", "")
    course = _in_course(peer)
    if not course:
        raise Lost("context.course_id")
    return {
        "id": peer.url("xblock", f"{key}/user/{learner}/attempt/{count}"),
        "type": "Attempt",
        "extensions": {
            **course,
            "assignee": {"id": peer.url("user", learner), "type": "Person"},
            "assignable": {"id": peer.url("xblock", key), "type": "Assessment"},
            "count": count,
        },
    }


def _score(peer: Peer) -> Json:
    return {
        "score": {
            "id": "_:score",
            "type": "Score",
            "maxScore": peer.get("max_grade"),
            "scoreGiven": peer.get("grade"),
            "attempts": peer.get("attempts"),
            "extensions": {"success": str(peer.get("success") == "correct")},
        }
    }


def _speeds(peer: Peer) -> Json:
    return {"oldSpeed": peer.get("old_speed"), "newSpeed": peer.get("new_speed")}


# The table: type, action, object, target, further extensions.

_Row = tuple[str, str, _Shape, Callable[[Peer], Json] | None, Callable[[Peer], Json] | None]


def _media(action: str) -> _Row:
    return ("MediaEvent", action, _video, _place, None)


_SEEKED: _Row = ("MediaEvent", "JumpedTo", _video, _place_left, None)
_NAVIGATED_UNITS: _Row = ("NavigationEvent", "NavigatedTo", _tabs, None, None)

ROWS: dict[str, _Row] = {
    "load_video": _media("Started"),
    "edx.video.loaded": _media("Started"),
    "play_video": _media("Resumed"),
    "edx.video.played": _media("Resumed"),
    "pause_video": _media("Paused"),
    "edx.video.paused": _media("Paused"),
    "stop_video": _media("Ended"),
    "edx.video.stopped": _media("Ended"),
    "complete_video": _media("Ended"),
    "edx.video.completed": _media("Ended"),
    "seek_video": _SEEKED,
    "edx.video.position.changed": _SEEKED,
    "speed_change_video": ("MediaEvent", "ChangedSpeed", _video, _place, _speeds),
    "show_transcript": _media("EnabledClosedCaptioning"),
    "edx.video.transcript.shown": _media("EnabledClosedCaptioning"),
    "edx.video.closed_captions.shown": _media("EnabledClosedCaptioning"),
    "video_show_cc_menu": _media("EnabledClosedCaptioning"),
    "hide_transcript": _media("DisabledClosedCaptioning"),
    "edx.video.transcript.hidden": _media("DisabledClosedCaptioning"),
    "edx.video.closed_captions.hidden": _media("DisabledClosedCaptioning"),
    "video_hide_cc_menu": _media("DisabledClosedCaptioning"),
    "problem_check": ("AssessmentEvent", "Submitted", _problem("Assessment"), None, None),
    "edx.grades.problem.submitted": (
        "AssessmentEvent",
        "Submitted",
        _problem("Assessment"),
        None,
        None,
    ),
    "showanswer": ("Event", "Viewed", _problem("Annotation", "/solution", "Solution"), None, None),
    "edx.problem.hint.demandhint_displayed": ("Event", "Viewed", _hint, None, None),
    "edx.problem.completed": (
        "AssessmentItemEvent",
        "Completed",
        _problem("AssessmentItem"),
        None,
        None,
    ),
    "edx.ui.lms.sequence.next_selected": _NAVIGATED_UNITS,
    "edx.ui.lms.sequence.previous_selected": _NAVIGATED_UNITS,
    "edx.ui.lms.sequence.tab_selected": _NAVIGATED_UNITS,
    "edx.ui.lms.sequence.outline.selected": (
        "NavigationEvent",
        "NavigatedTo",
        lambda peer, learner: {**_tabs(peer, learner), "type": "DigitalResource"},
        None,
        None,
    ),
    "edx.ui.lms.link_clicked": ("NavigationEvent", "NavigatedTo", _page("Webpage"), None, None),
    "edx.ui.lms.outline.selected": (
        "NavigationEvent",
        "NavigatedTo",
        _page("DigitalResource"),
        None,
        None,
    ),
    "edx.course.enrollment.activated": ("Event", "Activated", _course, None, None),
    "edx.course.enrollment.deactivated": ("Event", "Deactivated", _course, None, None),
    "edx.course.grade.passed.first_time": ("Event", "Completed", _course, None, None),
}
"""What event-routing-backends makes of each name; a problem that the server checked is apart."""

NAMES = frozenset(ROWS)
"""The names that event-routing-backends translates to Caliper."""


class ERBEvents:
    """Makes the events of dialect ``erb``."""

    def __init__(
        self,
        root: str,
        version: str,
        site: Site,
        course_name: Callable[[str], str | None],
    ) -> None:
        self._root = root
        self._version = version
        self._site = site
        self._course_name = course_name

    def translate(self, view: View) -> Json | None:
        """Give the event, without its id; None when event-routing-backends makes none of it."""
        if view.name not in NAMES or view.event.get("name") != view.name:
            return None
        peer = Peer(view, self._root, self._course_name)
        try:
            return self._event(peer, view)
        except (TranslationError, UnsupportedEvent):
            raise
        except (Lost, TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
            # Where event-routing-backends raises there is nothing to be equal to.
            return None

    def _event(self, peer: Peer, view: View) -> Json | None:
        user = user_of(peer)
        if user is None:
            raise view.nobody("context.user_id", view.context, view.event, view.data)
        learner = self._site.person(user, view).name
        kind, action, make_object, make_target, more = ROWS[peer.name]
        checked = peer.name == "problem_check" and peer.get("context.event_source") == "server"
        if checked:
            kind, action, make_object = "GradeEvent", "Graded", _attempt
        event: Json = {
            "@context": CONTEXT,
            "eventTime": _milliseconds(peer.need("timestamp")),
            "actor": {"id": peer.url("user", learner), "type": "Person"},
            "type": kind,
            "action": action,
            "object": make_object(peer, learner),
            "extensions": {
                "transformerVersion": self._version,
                **(more(peer) if more else {}),
            },
        }
        if session := peer.get("session"):
            event["session"] = {"id": peer.url("sessions", session), "type": "Session"}
        if make_target:
            event["target"] = make_target(peer)
        if checked:
            event["generated"] = _score(peer)
        return _without_empty(event)


def _without_empty(members: Json) -> Json:
    """Leave out what is empty, at every level; what becomes empty by it stays, as in the peer."""
    return {
        key: _without_empty(value) if isinstance(value, dict) else value
        for key, value in members.items()
        if value == 0 or value
    }


def _milliseconds(value: Any) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise Lost("timestamp")
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"
