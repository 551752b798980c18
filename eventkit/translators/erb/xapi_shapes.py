"""The parts of statements in dialect ``erb``, and the table that names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from eventkit.events.shapes import iris as iri
from eventkit.events.shapes.answers import INTERACTION_TYPES as KINDS
from eventkit.events.shapes.iris import Verb
from eventkit.translators.erb.reading import Lost, Peer, activity, key_in_course, submitted_key
from eventkit.typing import Json

INTERACTION_TYPES = KINDS | {"choicetextresponse": "choice", "imageresponse": "matching"}
"""The peer's words for kinds of questions; by two of them xAPI means something else."""

DELETED = Verb("https://w3id.org/xapi/dod-isd/verbs/deleted", "deleted")


def extensions(members: Json) -> Json:
    """Leave out what is None."""
    return {key: value for key, value in members.items() if value is not None}


def _language(language: str, text: Any) -> Json:
    if not isinstance(text, str):
        raise Lost("language map")
    return {language: text}


def _seconds(value: Any) -> int | float | None:
    if value is None:
        return None
    return float(f"{float(value):.3f}")


def _duration(seconds: int | float) -> str:
    """Write a duration with two digits for hours, minutes and seconds (``PT03M15S``)."""
    length = timedelta(seconds=seconds)
    minutes, rest = divmod(length.total_seconds(), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    rest = round(rest, 6)
    digits = f"{int(rest):02}" if rest.is_integer() else f"{rest:09.6f}".rstrip("0")
    text = f"{int(days)}D" if days else ""
    text += "T"
    if text != "T" or hours:
        text += f"{int(hours):02}H"
    if text != "T" or minutes:
        text += f"{int(minutes):02}M"
    return f"P{text}{digits}S"


def _score(least: int | float, most: Any, raw: Any, scaled: Any) -> Json:
    members = {"min": least, "max": most, "raw": raw, "scaled": scaled}
    return {key: float(value) for key, value in members.items() if value is not None}


# Objects.


def _course_object(peer: Peer) -> Json:
    course_id = peer.need("context.course_id")
    name = peer.named(course_id)
    names = {} if name is None else {"en": name}
    return activity(
        peer.url("course", course_id),
        {
            "type": iri.COURSE,
            "name": names,
            "extensions": extensions({iri.TYPE: peer.get("data.mode")}),
        },
    )


def _graded_course(peer: Peer) -> Json:
    made = _course_object(peer)
    del made["definition"]["extensions"]
    return made


def _link(peer: Peer) -> Json:
    return activity(peer.address(peer.need("data.target_url")), {"type": iri.LINK})


def _outline(peer: Peer) -> Json:
    name = _language("en", peer.get("data.target_name"))
    target = peer.address(peer.get("data.target_url"))
    return activity(target, {"type": iri.MODULE, "name": name})


def _tabs(peer: Peer) -> Json:
    units = extensions({iri.TOTAL_ITEMS: peer.get("data.tab_count")})
    return activity(
        peer.url("xblock", peer.get("data.id")), {"type": iri.RESOURCE, "extensions": units}
    )


def _block(peer: Peer) -> Json:
    return activity(peer.url("xblock", peer.get("data.block_id")), {"type": iri.RESOURCE})


def _graded_block(peer: Peer) -> Json:
    return activity(peer.url("xblock", peer.need("data.block_id")), {"type": iri.RESOURCE})


def _problem_key(peer: Peer) -> Any:
    data = peer.get("data")
    if data and isinstance(data, Mapping):
        return peer.get("data.problem_id") or peer.need("data.module_id")
    return peer.get("usage_key")


def _completed_problem(peer: Peer) -> Json:
    return activity(_problem_key(peer), {"type": iri.INTERACTION})


def _graded_problem(peer: Peer) -> Json:
    return activity(peer.url("xblock", _problem_key(peer)), {"type": iri.QUESTION})


def _answer(peer: Peer) -> Json:
    _problem_key(peer)  # without one the peer fails before it looks elsewhere
    target = peer.url("xblock", peer.need("problem_id"))
    return activity(f"{target}/answer", {"type": iri.SOLUTION})


def _hint(peer: Peer) -> Json:
    _problem_key(peer)
    target = peer.url("xblock", peer.need("module_id"))
    return activity(f"{target}/hint/{peer.need('hint_index')}", {"type": iri.SUPPLEMENTAL_INFO})


def _video(peer: Peer) -> Json:
    course_id = peer.need("context.course_id")
    key = key_in_course(course_id, "video", peer.need("data.id"))
    return activity(f"{peer.root}/xblock/{key}", {"type": iri.VIDEO})


def _discussion(peer: Peer) -> Json:
    content = peer.need("data.id")
    path = peer.address(peer.need("context.path")).rstrip("/").replace(content, "").rstrip("/")
    definition: Json = {"type": iri.DISCUSSION}
    if title := peer.get("data.title"):
        definition["name"] = _language("en", title)
    return activity(f"{peer.root}{path}/{content}", definition)


def _exam(kind: str) -> Callable[[Peer], Json]:
    def made(peer: Peer) -> Json:
        limit = peer.get("event.exam_default_time_limit_mins")
        return activity(
            peer.get("event.exam_content_id"),
            {
                "type": kind,
                "name": _language("en", peer.get("event.exam_name")),
                "extensions": extensions({iri.TIME_LIMIT: limit}),
            },
        )

    return made


# Results.


def _points(peer: Peer, earned: str, possible: str) -> Json:
    data = peer.get("data")
    raw, most = data[earned] or 0, data[possible] or 0
    return {
        "success": raw >= most,
        "score": _score(0, most, raw, raw / most if most > 0 else 0),
    }


def _problem_points(peer: Peer) -> Json:
    return _points(peer, "weighted_earned", "weighted_possible")


def _subsection_points(peer: Peer) -> Json:
    return _points(peer, "weighted_total_earned", "weighted_total_possible")


def _course_grade(peer: Peer) -> Json:
    grade = peer.get("data")["percent_grade"] or 0
    letter = peer.get("data.letter_grade") or "Fail"
    return {
        "score": _score(0, 1.0, grade, grade),
        "extensions": {iri.GRADE_CLASSIFICATION: letter},
    }


def _progress(peer: Peer) -> Json:
    share = peer.get("data.completion")
    return {"completion": share == 1.0, "extensions": extensions({iri.PROGRESS: share * 100})}


def _position(peer: Peer) -> int | float | None:
    return _seconds(peer.get("data.current_time") or peer.get("data.currentTime"))


def _at_position(peer: Peer) -> Json:
    return {"extensions": extensions({iri.VIDEO_TIME: _position(peer)})}


def _captions(enabled: bool) -> Callable[[Peer], Json]:  # noqa: FBT001
    def made(peer: Peer) -> Json:
        members = {iri.VIDEO_TIME: _position(peer), iri.CC_ENABLED: enabled}
        return {"extensions": extensions(members)}

    return made


def _completed_video(peer: Peer) -> Json:
    length = _seconds(peer.get("data.duration"))
    made: Json = {
        "completion": True,
        "extensions": extensions({iri.VIDEO_TIME: length}),
    }
    if length is not None:
        made["duration"] = _duration(length)
    return made


def _seeked(peer: Peer) -> Json:
    members = {
        iri.VIDEO_TIME_FROM: _seconds(peer.get("data.old_time")),
        iri.VIDEO_TIME_TO: _seconds(peer.get("data.new_time")),
    }
    return {"extensions": extensions(members)}


def _speeds(peer: Peer) -> Json:
    members = {
        iri.SPEED_FROM: "".join([peer.get("data.old_speed"), "x"]),
        iri.SPEED_TO: "".join([peer.get("data.new_speed"), "x"]),
    }
    return {"extensions": members}


# Context.


def _length(peer: Peer) -> Json:
    return {iri.VIDEO_LENGTH: _seconds(peer.get("data.duration"))}


def _tab_moves(end: Callable[[Peer], Any]) -> Callable[[Peer], Json]:
    def made(peer: Peer) -> Json:
        return {iri.STARTING_POSITION: peer.get("data.current_tab"), iri.ENDING_POINT: end(peer)}

    return made


def _typed(key: str) -> Callable[[Peer], Json]:
    return lambda peer: {iri.TYPE: peer.get(key)}


def _thread_above(peer: Peer) -> Json:
    thread = peer.get("data.discussion.id")
    if not thread:
        return {}
    _needs_course(peer)
    target = f"{peer.root}/api/discussion/v1/threads/{thread}"
    return {"grouping": [activity(target, {"type": iri.DISCUSSION})]}


def _exam_attempt(peer: Peer) -> Json:
    _needs_course(peer)
    members = {
        iri.ATTEMPT_STARTED: peer.get("event.attempt_started_at"),
        iri.ATTEMPT_COMPLETED: peer.get("event.attempt_completed_at"),
        iri.DURATION: peer.get("event.attempt_event_elapsed_time_secs"),
        iri.ATTEMPT_ID: peer.get("event.attempt_id"),
    }
    definition = {
        "type": iri.EXAM_ATTEMPT,
        "name": _language("en", peer.get("event.exam_name")),
        "extensions": extensions(members),
    }
    return {"grouping": [activity(peer.get("event.attempt_code"), definition)]}


def _needs_course(peer: Peer) -> None:
    if peer.get("context.course_id") is None:
        raise Lost("context.course_id")


# problem_check.


def is_browser(peer: Peer) -> bool:
    """Tell whether the browser has sent the event."""
    source = peer.get("event_source") or peer.get("context.event_source")
    return bool(source == "browser")


def _checked(peer: Peer, key: Any, definition: Json, kind: str) -> Json:
    referer = peer.get("referer") or peer.need("context.referer")
    source = peer.get("context.event_source") or peer.get("event_source")
    if source == "browser":
        return activity(peer.url("xblock", submitted_key(peer, referer)), definition, kind)
    return activity(key if key == "" else peer.url("xblock", key), definition, kind)


def _first_submission(peer: Peer) -> Any:
    found = peer.get("data.submission")
    for key in found or ():
        if "response_type" in found[key] and found[key]["response_type"]:
            return found[key]
    return None


def _interaction(response_type: Any) -> str:
    return INTERACTION_TYPES.get(response_type, "other")


def _definition(peer: Peer, submission: Any) -> Json:
    definition: Json = {"type": iri.INTERACTION}
    if attempts := peer.get("data.attempts"):
        definition["extensions"] = {iri.ATTEMPT_ID: attempts}
    kind = _interaction(peer.get("response_type"))
    name = peer.get("display_name")
    if submission:
        kind = _interaction(submission.get("response_type"))
        definition["description"] = _language("en-US", submission["question"])
    elif name:
        definition["name"] = _language("en-US", name)
    definition["interactionType"] = kind
    return definition


def _verdict(peer: Peer, submission: Any) -> Json:
    data = peer.get("data")
    if data is None:
        data = {}
    if submission:
        response, correct = submission["answer"], submission.get("correct")
    else:
        response, correct = data.get("answers"), peer.get("success") == "correct"
    most, raw = peer.get("max_grade"), peer.get("grade")
    scaled = None
    if most is not None and raw is not None:
        scaled = raw / most if most > 0 else 0
    result: Json = {"score": _score(0, most, raw, scaled)}
    if correct is not None:
        result["success"] = bool(correct)
    if isinstance(response, list):
        result["response"] = json.dumps(response, ensure_ascii=False)
    elif response is not None:
        result["response"] = str(response)
    return result


def questions(peer: Peer) -> list[str]:
    """Give the ids of a problem's questions, if there are several."""
    found = peer.get("submission") or {}
    return list(found) if len(found.keys()) > 1 else []


def problem_check(peer: Peer) -> tuple[Json, Json | None]:
    """Make object and result of a problem that was checked."""
    submission = _first_submission(peer)
    definition = _definition(peer, submission)
    several = bool(questions(peer))
    if several:
        definition["interactionType"] = "other"
    kind = "GroupActivity" if several else "Activity"
    target = _checked(peer, _problem_key(peer), definition, kind)
    return target, None if is_browser(peer) else _verdict(peer, submission)


def question(peer: Peer, key: str) -> tuple[Json, Json | None]:
    """Make object and result of one of its questions."""
    if is_browser(peer):
        raise Lost("result")  # the peer fails on the result that a browser's check does not have
    submission = (peer.get("submission") or {}).get(key)
    problem = _problem_key(peer) or ""
    question_key = "@".join([*problem.split("@")[:-1], key])
    target = _checked(peer, question_key, _definition(peer, submission), "Activity")
    result = _verdict(peer, submission)
    del result["score"]
    result.pop("response", None)
    answer = (submission or {}).get("answer")
    if isinstance(answer, list):
        result["response"] = json.dumps(answer, ensure_ascii=False)
    elif answer is not None:
        result["response"] = str(answer)
    return target, result


# The table: verb, object, result, further context extensions, further context activities.

Shape = Callable[[Peer], Json]
Row = tuple[Verb, Shape, Shape | None, Shape | None, Shape | None]


def _next(_: Peer) -> str:
    return "next unit"


def _previous(_: Peer) -> str:
    return "previous unit"


def _chosen(peer: Peer) -> Any:
    return peer.get("data.target_tab")


_CAPTIONS_ON: Row = (iri.INTERACTED, _video, _captions(True), _length, None)  # noqa: FBT003
_CAPTIONS_OFF: Row = (iri.INTERACTED, _video, _captions(False), _length, None)  # noqa: FBT003
_LOADED: Row = (iri.INITIALIZED, _video, None, _length, None)
_PLAYED: Row = (iri.PLAYED, _video, _at_position, _length, None)
_PAUSED: Row = (iri.PAUSED, _video, _at_position, _length, None)
_STOPPED: Row = (iri.TERMINATED, _video, _at_position, _length, None)
_COMPLETED: Row = (iri.COMPLETED, _video, _completed_video, _length, None)
_SEEKED: Row = (iri.SEEKED, _video, _seeked, _length, None)


def _forum(verb: Verb, extensions: Shape | None = None) -> Row:
    return (verb, _discussion, None, extensions, _thread_above)


def _attempt(verb: Verb, kind: str) -> Row:
    return (verb, _exam(kind), None, None, _exam_attempt)


ROWS: dict[str, Row] = {
    "edx.course.enrollment.activated": (iri.REGISTERED, _course_object, None, None, None),
    "edx.course.enrollment.mode_changed": (iri.REGISTERED, _course_object, None, None, None),
    "edx.course.enrollment.deactivated": (iri.UNREGISTERED, _course_object, None, None, None),
    "edx.course.grade.passed.first_time": (iri.PASSED, _course_object, None, None, None),
    "edx.course.grade.now_passed": (iri.PASSED, _course_object, None, None, None),
    "edx.course.grade.now_failed": (iri.FAILED, _course_object, None, None, None),
    "edx.grades.course.grade_calculated": (iri.EARNED, _graded_course, _course_grade, None, None),
    "edx.grades.subsection.grade_calculated": (
        iri.EARNED,
        _graded_block,
        _subsection_points,
        None,
        None,
    ),
    "edx.grades.problem.submitted": (iri.ATTEMPTED, _graded_problem, _problem_points, None, None),
    "edx.completion.block_completion.changed": (iri.PROGRESSED, _block, _progress, None, None),
    "edx.ui.lms.link_clicked": (iri.NAVIGATED, _link, None, None, None),
    "edx.ui.lms.outline.selected": (iri.NAVIGATED, _outline, None, None, None),
    "edx.ui.lms.sequence.outline.selected": (iri.NAVIGATED, _outline, None, None, None),
    "edx.ui.lms.sequence.next_selected": (iri.NAVIGATED, _tabs, None, _tab_moves(_next), None),
    "edx.ui.lms.sequence.previous_selected": (
        iri.NAVIGATED,
        _tabs,
        None,
        _tab_moves(_previous),
        None,
    ),
    "edx.ui.lms.sequence.tab_selected": (iri.NAVIGATED, _tabs, None, _tab_moves(_chosen), None),
    "edx.problem.completed": (iri.COMPLETED, _completed_problem, None, None, None),
    "edx.problem.hint.demandhint_displayed": (iri.ASKED, _hint, None, None, None),
    "showanswer": (iri.ASKED, _answer, None, None, None),
    "load_video": _LOADED,
    "edx.video.loaded": _LOADED,
    "play_video": _PLAYED,
    "edx.video.played": _PLAYED,
    "pause_video": _PAUSED,
    "edx.video.paused": _PAUSED,
    "stop_video": _STOPPED,
    "edx.video.stopped": _STOPPED,
    "complete_video": _COMPLETED,
    "edx.video.completed": _COMPLETED,
    "seek_video": _SEEKED,
    "edx.video.position.changed": _SEEKED,
    "speed_change_video": (iri.INTERACTED, _video, _speeds, _length, None),
    "show_transcript": _CAPTIONS_ON,
    "edx.video.transcript.shown": _CAPTIONS_ON,
    "edx.video.closed_captions.shown": _CAPTIONS_ON,
    "video_show_cc_menu": _CAPTIONS_ON,
    "hide_transcript": _CAPTIONS_OFF,
    "edx.video.transcript.hidden": _CAPTIONS_OFF,
    "edx.video.closed_captions.hidden": _CAPTIONS_OFF,
    "video_hide_cc_menu": _CAPTIONS_OFF,
    "edx.forum.thread.created": _forum(iri.POSTED, _typed("thread_type")),
    "edx.forum.thread.viewed": _forum(iri.VIEWED),
    "edx.forum.thread.edited": _forum(iri.EDITED),
    "edx.forum.thread.deleted": _forum(DELETED),
    "edx.forum.thread.voted": _forum(iri.VOTED, _typed("vote_value")),
    "edx.forum.thread.reported": _forum(iri.REPORTED),
    "edx.forum.thread.unreported": _forum(iri.UNREPORTED),
    "edx.forum.response.created": _forum(iri.POSTED),
    "edx.forum.response.edited": _forum(iri.EDITED),
    "edx.forum.response.deleted": _forum(DELETED),
    "edx.forum.response.voted": _forum(iri.VOTED, _typed("vote_value")),
    "edx.forum.response.reported": _forum(iri.REPORTED),
    "edx.forum.response.unreported": _forum(iri.UNREPORTED),
    "edx.forum.comment.created": _forum(iri.POSTED),
    "edx.forum.comment.edited": _forum(iri.EDITED),
    "edx.forum.comment.deleted": _forum(DELETED),
    "edx.forum.comment.reported": _forum(iri.REPORTED),
    "edx.forum.comment.unreported": _forum(iri.UNREPORTED),
    **{
        f"edx.special_exam.{kind}.attempt.{state}": _attempt(verb, activity_type)
        for kind, activity_type in (
            ("timed", iri.TIMED_ASSESSMENT),
            ("practice", iri.PRACTICE_ASSESSMENT),
            ("proctored", iri.PROCTORED_ASSESSMENT),
        )
        for state, verb in (("created", iri.INITIALIZED), ("submitted", iri.TERMINATED))
    },
}

WITHOUT_PARENT = frozenset(name for name, row in ROWS.items() if row[1] is _course_object)
NAMES = frozenset({*ROWS, "problem_check"})
"""The names that event-routing-backends translates to xAPI."""
