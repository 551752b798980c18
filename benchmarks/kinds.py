"""
What happens in courses, how often, and what the platform writes down of it.

One table, `KINDS`: a row says how many of 1,000 lines of a log are of this kind, what the event is
called, and who can translate it; its function makes the payload.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from benchmarks.world import LMS_ROOT, Course, Learner, digest

Json = dict[str, Any]


class Scene(NamedTuple):
    """Who does something, where and when; chance does the rest."""

    rng: Random
    learner: Learner
    course: Course
    time: str


def _video(scene: Scene) -> Json:
    videos = scene.course.videos
    return {"duration": 412.5, "code": "html5", "id": videos[int(scene.rng.random() * len(videos))]}


def _at(scene: Scene) -> float:
    return round(scene.rng.random() * 412, 6)


def video_loaded(scene: Scene) -> Json:
    """A player is ready."""
    return _video(scene)


def video_at(scene: Scene) -> Json:
    """Something happens at a place in a video."""
    return _video(scene) | {"currentTime": _at(scene)}


def video_seek(scene: Scene) -> Json:
    """A learner jumps."""
    places = {"old_time": _at(scene), "new_time": _at(scene)}
    return _video(scene) | places | {"type": "onSlideSeek"}


def video_text(scene: Scene) -> Json:
    """The transcript, captions or their menu are opened or closed."""
    return _video(scene) | {"current_time": _at(scene)}


def video_speed(scene: Scene) -> Json:
    """A learner is in a hurry."""
    speeds = {"old_speed": "1.0", "new_speed": "1.50"}
    return _video(scene) | {"current_time": _at(scene)} | speeds


def _problem(scene: Scene) -> str:
    problems = scene.course.problems
    return problems[int(scene.rng.random() * len(problems))]


def _problem_key(scene: Scene) -> str:
    return scene.course.usage("problem", _problem(scene))


def answer_sent(scene: Scene) -> str:
    """A form leaves the browser."""
    return f"input_{_problem(scene)}_2_1=choice_{int(scene.rng.random() * 4)}"


_QUESTION = {
    "question": "Which way does water move through the membrane when the salt is outside?",
    "response_type": "multiplechoiceresponse",
    "input_type": "choicegroup",
    "variant": "",
    "group_label": "",
}


def answer_checked(scene: Scene) -> Json:
    """The server judges an answer."""
    problem = _problem(scene)
    right = scene.rng.random() < 0.6
    part = f"{problem}_2_1"
    choice = f"choice_{int(scene.rng.random() * 4)}"
    correctness = "correct" if right else "incorrect"
    verdict = {
        "correctness": correctness,
        "npoints": None,
        "msg": "",
        "hint": "",
        "hintmode": None,
        "queuestate": None,
        "answervariable": None,
    }
    answer = {"answer": "towards the higher concentration", "correct": right}
    return {
        "state": {
            "seed": 1,
            "student_answers": {},
            "has_saved_answers": False,
            "correct_map": {},
            "input_state": {part: {}},
            "done": None,
        },
        "problem_id": scene.course.usage("problem", problem),
        "answers": {part: choice},
        "grade": int(right),
        "max_grade": 1,
        "correct_map": {part: verdict},
        "success": correctness,
        "attempts": 1 + int(scene.rng.random() * 3),
        "submission": {part: _QUESTION | answer},
    }


def answer_graded(scene: Scene) -> Json:
    """The answer counts."""
    return {
        "course_id": scene.course.key,
        "event_transaction_id": digest(scene.time),
        "event_transaction_type": "edx.grades.problem.submitted",
        "problem_id": _problem_key(scene),
        "user_id": str(scene.learner.user_id),
        "weighted_earned": float(scene.rng.random() < 0.6),
        "weighted_possible": 1.0,
    }


def answer_shown(scene: Scene) -> Json:
    """A learner gives up."""
    return {"problem_id": _problem_key(scene)}


def hint_shown(scene: Scene) -> Json:
    """A learner does not give up yet."""
    hint = {"hint_index": 0, "hint_len": 2, "hint_text": "Think of a raisin in water."}
    return hint | {"module_id": _problem_key(scene)}


def forms_shown(scene: Scene) -> str:
    """The browser renders what the server judged."""
    return f"{_problem_key(scene)}&<section>two thirds of the page again</section>"


def completed(scene: Scene) -> Json:
    """A block is done."""
    kind = "video" if scene.rng.random() < 0.5 else "problem"
    blocks = scene.course.videos if kind == "video" else scene.course.problems
    block = blocks[int(scene.rng.random() * len(blocks))]
    return {
        "user_id": scene.learner.user_id,
        "course_id": scene.course.key,
        "context_key": scene.course.key,
        "block_id": scene.course.usage(kind, block),
        "block_type": kind,
        "completion": 1.0,
        "is_new": True,
    }


def _sequence(scene: Scene) -> Json:
    sequences = scene.course.sequences
    block = sequences[int(scene.rng.random() * len(sequences))]
    return {"id": scene.course.usage("sequential", block), "tab_count": 5, "current_tab": 2}


def step(scene: Scene) -> Json:
    """A learner goes to the next or previous unit."""
    return _sequence(scene) | {"widget_placement": "top"}


def tab(scene: Scene) -> Json:
    """A learner picks a unit."""
    return _sequence(scene) | {"target_tab": 4, "widget_placement": "top"}


def outline(scene: Scene) -> Json:
    """A learner opens a subsection."""
    sequences = scene.course.sequences
    block = sequences[int(scene.rng.random() * len(sequences))]
    return {
        "target_name": "Membranes and transport",
        "current_url": f"{LMS_ROOT}/courses/{scene.course.key}/course/",
        "target_url": scene.course.page(block),
        "widget_placement": "accordion",
    }


def link(scene: Scene) -> Json:
    """A learner follows a link."""
    return {
        "current_url": scene.course.page("membranes"),
        "target_url": f"https://library.example.org/cells?page={int(scene.rng.random() * 900)}",
    }


def nothing(_scene: Scene) -> Json:
    """The name says it all."""
    return {}


def request(_scene: Scene) -> str:
    """A page or a service is asked for; the name of the event is the path."""
    return '{"POST": {}, "GET": {}}'


def enrollment(scene: Scene) -> Json:
    """Somebody comes, goes, or changes the track."""
    mode = "audit" if scene.rng.random() < 0.8 else "verified"
    return {"course_id": scene.course.key, "user_id": scene.learner.user_id, "mode": mode}


def _post(scene: Scene) -> Json:
    threads = scene.course.threads
    thread = threads[int(scene.rng.random() * len(threads))]
    return {
        "id": thread,
        "commentable_id": "week-1-questions",
        "category_id": "week-1-questions",
        "category_name": "Week 1 / Questions",
        "url": f"{LMS_ROOT}/courses/{scene.course.key}/discussion/forum/week-1/threads/{thread}",
        "user_forums_roles": ["Student"],
        "user_course_roles": [],
    }


_TITLE = {"title": "Why do raisins swell?", "title_truncated": False}
_BODY = {
    "body": "I put some into water, and an hour later they are twice the size.",
    "truncated": False,
}


def thread_viewed(scene: Scene) -> Json:
    """Somebody reads."""
    return _post(scene) | _TITLE


def thread_created(scene: Scene) -> Json:
    """Somebody asks."""
    own = {"thread_type": "question", "anonymous": False, "anonymous_to_peers": False}
    return _post(scene) | _TITLE | _BODY | own | {"options": {"followed": True}, "group_id": None}


def response_created(scene: Scene) -> Json:
    """Somebody answers."""
    post = _post(scene)
    return post | _BODY | {"discussion": {"id": post["id"]}, "id": digest(scene.time, 24)}


def comment_created(scene: Scene) -> Json:
    """Somebody adds to an answer."""
    return response_created(scene) | {"response": {"id": digest(f"response {scene.time}", 24)}}


def voted(scene: Scene) -> Json:
    """Somebody agrees."""
    votes = {"vote_value": "up", "undo_vote": False, "target_username": "esi_4"}
    return _post(scene) | votes


def subsection_graded(scene: Scene) -> Json:
    """The grade of a subsection is worked out again."""
    points = float(int(scene.rng.random() * 11))
    block = scene.course.sequences[int(scene.rng.random() * 30)]
    return {
        "user_id": str(scene.learner.user_id),
        "course_id": scene.course.key,
        "block_id": scene.course.usage("sequential", block),
        "course_version": "65f1c0de",
        "weighted_total_earned": points,
        "weighted_total_possible": 10.0,
        "weighted_graded_earned": points,
        "weighted_graded_possible": 10.0,
        "first_attempted": "2026-01-11T09:00:00+00:00",
        "subtree_edited_timestamp": "2026-01-11T09:00:00+00:00",
        "event_transaction_id": digest(scene.time),
        "event_transaction_type": "edx.grades.problem.submitted",
        "visible_blocks_hash": "c2VxdWVudGlhbA==",
    }


def course_graded(scene: Scene) -> Json:
    """The grade of the course is worked out again."""
    percent = round(scene.rng.random(), 2)
    return {
        "user_id": str(scene.learner.user_id),
        "course_id": scene.course.key,
        "course_version": "65f1c0de",
        "percent_grade": percent,
        "letter_grade": "A" if percent > 0.8 else "C" if percent > 0.5 else "",
        "course_edited_timestamp": "2026-01-11T09:00:00+00:00",
        "event_transaction_id": digest(scene.time),
        "event_transaction_type": "edx.grades.problem.submitted",
        "grading_policy_hash": "uW9kPzTtQ0M=",
    }


def course_passed(scene: Scene) -> Json:
    """A learner has passed."""
    return {
        "user_id": scene.learner.user_id,
        "course_id": scene.course.key,
        "event_transaction_id": digest(scene.time),
        "event_transaction_type": "edx.grades.problem.submitted",
    }


def certified(scene: Scene) -> Json:
    """A certificate is made."""
    return {
        "user_id": scene.learner.user_id,
        "course_id": scene.course.key,
        "certificate_id": digest(f"certificate {scene.time}"),
        "enrollment_mode": "verified",
        "certificate_url": f"{LMS_ROOT}/certificates/{digest(scene.time)}",
        "generation_mode": "self",
    }


def exam(scene: Scene) -> Json:
    """A learner sits an exam."""
    return {
        "exam_id": 7,
        "exam_content_id": scene.course.usage("sequential", scene.course.sequences[3]),
        "exam_name": "Cells: the exam",
        "exam_default_time_limit_mins": 45,
        "exam_is_proctored": False,
        "exam_is_practice_exam": False,
        "exam_is_active": True,
        "attempt_id": 1000 + scene.learner.number,
        "attempt_user_id": scene.learner.user_id,
        "attempt_started_at": None,
        "attempt_completed_at": None,
        "attempt_code": digest(scene.time).upper(),
        "attempt_allowed_time_limit_mins": 45,
        "attempt_status": "created",
        "attempt_event_elapsed_time_secs": None,
    }


def bookmark(scene: Scene) -> Json:
    """A learner wants to come back."""
    return {
        "course_id": scene.course.key,
        "bookmark_id": f"{scene.learner.username},{_problem_key(scene)}",
        "component_type": "vertical",
        "component_usage_id": _problem_key(scene),
    }


@dataclass(frozen=True, slots=True)
class Kind:
    """A row: one kind of line."""

    weight: int
    """How many of 1,000 lines of the mix "mixed"; the other mixes keep the proportions."""
    source: str
    """browser, server, or request: then the name is a path, with ``{key}`` for the course."""
    name: str
    payload: Callable[[Scene], Json | str]
    by: str = ""
    """Who else translates it: ``x`` ERB to xAPI, ``c`` ERB to Caliper, ``r`` Ralph."""
    type: str = ""
    """The old name, where it differs."""


_NEXT = "edx.ui.lms.sequence.next_selected"
_PREVIOUS = "edx.ui.lms.sequence.previous_selected"
_TAB = "edx.ui.lms.sequence.tab_selected"

KINDS = (
    # Requests are most of a raw log.
    Kind(120, "request", "/courses/{key}/courseware/week_1/membranes/", request),
    Kind(110, "request", "/api/courseware/sequence/{key}", request),
    Kind(60, "request", "/courses/{key}/course/", request),
    Kind(45, "request", "/api/course_home/outline/{key}", request),
    Kind(40, "request", "/courses/{key}/xblock/handler/save_user_state", request),
    Kind(25, "request", "/dashboard", request),
    # Videos.
    Kind(38, "browser", "load_video", video_loaded, "xcr"),
    Kind(88, "browser", "play_video", video_at, "xcr"),
    Kind(72, "browser", "pause_video", video_at, "xcr"),
    Kind(32, "browser", "seek_video", video_seek, "xcr"),
    Kind(14, "browser", "stop_video", video_at, "xcr"),
    Kind(7, "browser", "speed_change_video", video_speed, "xc"),
    Kind(3, "browser", "show_transcript", video_text, "xc"),
    Kind(3, "browser", "hide_transcript", video_text, "xc"),
    Kind(2, "browser", "edx.video.closed_captions.shown", video_text, "xc"),
    # Problems: what the browser sends, what the server makes of it.
    Kind(34, "browser", "problem_check", answer_sent, "x"),
    Kind(34, "server", "problem_check", answer_checked, "xc"),
    Kind(34, "browser", "problem_graded", forms_shown),
    Kind(34, "server", "edx.grades.problem.submitted", answer_graded, "xc"),
    Kind(7, "server", "showanswer", answer_shown, "xc"),
    Kind(3, "server", "edx.problem.hint.demandhint_displayed", hint_shown, "xc"),
    # Progress.
    Kind(45, "server", "edx.completion.block_completion.changed", completed, "x"),
    Kind(14, "server", "edx.grades.subsection.grade_calculated", subsection_graded, "x"),
    Kind(14, "server", "edx.grades.course.grade_calculated", course_graded, "x"),
    Kind(1, "server", "edx.course.grade.passed.first_time", course_passed, "xc"),
    Kind(1, "server", "edx.certificate.created", certified),
    # Navigation.
    Kind(30, "browser", _NEXT, step, "xc", "seq_next"),
    Kind(8, "browser", _PREVIOUS, step, "xc", "seq_prev"),
    Kind(12, "browser", _TAB, tab, "xc", "seq_goto"),
    Kind(8, "browser", "edx.ui.lms.outline.selected", outline, "xc"),
    Kind(6, "browser", "edx.ui.lms.link_clicked", link, "xc"),
    Kind(28, "browser", "page_close", nothing),
    # The forum.
    Kind(8, "server", "edx.forum.thread.viewed", thread_viewed, "x"),
    Kind(1, "server", "edx.forum.thread.created", thread_created, "x"),
    Kind(2, "server", "edx.forum.response.created", response_created, "x"),
    Kind(2, "server", "edx.forum.comment.created", comment_created, "x"),
    Kind(1, "server", "edx.forum.thread.voted", voted, "x"),
    # Coming and going.
    Kind(6, "server", "edx.course.enrollment.activated", enrollment, "xcr"),
    Kind(2, "server", "edx.course.enrollment.deactivated", enrollment, "xcr"),
    Kind(2, "server", "edx.course.enrollment.mode_changed", enrollment, "x"),
    Kind(2, "server", "edx.special_exam.timed.attempt.created", exam, "x"),
    Kind(2, "server", "edx.bookmark.added", bookmark),
)

MIXES: dict[str, Callable[[Kind], bool]] = {
    "mixed": lambda _kind: True,
    "translated": lambda kind: "x" in kind.by,
    "translated_caliper": lambda kind: "c" in kind.by,
    "ralph": lambda kind: "r" in kind.by,
}
"""
``mixed`` is a whole log. In the others every line is translated by everybody who is measured with
it: ``translated`` to xAPI by ERB, ``translated_caliper`` to Caliper by ERB, ``ralph`` by Ralph.
"""
