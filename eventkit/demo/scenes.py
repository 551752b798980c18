"""What people do in the sample log, scene by scene."""

from __future__ import annotations

from eventkit.demo.cast import LMS_ROOT, Course, Person, _digest
from eventkit.demo.scribe import Scribe
from eventkit.typing import Json

_YOUTUBE = "pYq4mXn0dZk"


def course_of(scribe: Scribe) -> Course:
    """Give the course that a scene plays in."""
    if scribe.course is None:
        raise ValueError("this scene needs a course")
    return scribe.course


def enroll(scribe: Scribe, mode: str = "audit", learner: Person | None = None) -> None:
    """Join a course, or be enrolled by staff."""
    data: Json = {"course_id": course_of(scribe).key, "mode": mode}
    user = (learner or scribe.person).user_id
    scribe.server("edx.course.enrollment.activated", data | {"user_id": user}, path="/enrollment")


def upgrade(scribe: Scribe) -> None:
    """Change to the verified track."""
    data: Json = {"course_id": course_of(scribe).key, "mode": "verified"}
    user = {"user_id": scribe.person.user_id}
    scribe.server("edx.course.enrollment.mode_changed", data | user, path="/basket/checkout")


def leave(scribe: Scribe, mode: str = "audit") -> None:
    """Leave the course."""
    data = {"course_id": course_of(scribe).key, "mode": mode, "user_id": scribe.person.user_id}
    scribe.server("edx.course.enrollment.deactivated", data, path="/change_enrollment")


def navigate(scribe: Scribe, outline: str = "edx.ui.lms.outline.selected") -> None:
    """Open a subsection and step through its units."""
    course = course_of(scribe)
    sequence = {"id": course.usage_key("sequential", "membranes"), "tab_count": 4}
    place = {"widget_placement": "top"}
    if course.is_old:
        scribe.browser("seq_goto", sequence | {"old": 1, "new": 3})
        scribe.browser("seq_prev", sequence | {"old": 3, "new": 2})
        scribe.browser("seq_next", sequence | {"old": 2, "new": 3})
    else:
        target = {
            "current_url": f"{LMS_ROOT}/courses/{course.key}/course/",
            "target_url": course.page(),
            "target_name": "Membranes and transport",
            "widget_placement": "accordion",
        }
        scribe.browser(outline, target, page=target["current_url"])
        name = "edx.ui.lms.sequence."
        data = sequence | place | {"current_tab": 1}
        scribe.browser(f"{name}next_selected", data | {"old": 1, "new": 2}, kind="seq_next")
        data = sequence | place | {"current_tab": 2, "target_tab": 4}
        scribe.browser(f"{name}tab_selected", data | {"old": 2, "new": 4}, kind="seq_goto")
        data = sequence | place | {"current_tab": 4}
        scribe.browser(f"{name}previous_selected", data | {"old": 4, "new": 3}, kind="seq_prev")
    scribe.request(f"/courses/{course.key}/courseware/week_1/membranes/")


def follow_link(scribe: Scribe, target: str) -> None:
    """Click on a link in a text."""
    page = course_of(scribe).page()
    scribe.browser(
        "edx.ui.lms.link_clicked", {"current_url": page, "target_url": target}, page=page
    )


def complete(scribe: Scribe, kind: str, name: str, completion: float = 1.0) -> None:
    """Complete a block."""
    course = course_of(scribe)
    data = {
        "user_id": scribe.person.user_id,
        "course_id": course.key,
        "context_key": course.key,
        "block_id": course.usage_key(kind, name),
        "block_type": kind,
        "completion": completion,
        "is_new": completion == 1.0,
    }
    path = f"{data['block_id']}/handler/publish_completion"
    scribe.server("edx.completion.block_completion.changed", data, path=f"/xblock/{path}")


def watch(scribe: Scribe, video: str, duration: float | None = 195.4) -> None:
    """Watch a video in the browser."""
    own: Json = {"id": course_of(scribe).block_id("video", video), "code": _YOUTUBE}
    if duration is not None:
        own |= {"duration": duration}  # old players did not send it
    scribe.browser("load_video", own)
    scribe.browser("play_video", own | {"currentTime": 0})
    scribe.browser("seek_video", own | {"old_time": 31.2, "new_time": 12.75, "type": "onSlideSeek"})
    scribe.browser("pause_video", own | {"currentTime": 64.908123})
    scribe.browser("play_video", own | {"currentTime": 64.908123})
    scribe.browser("stop_video", own | {"currentTime": duration or 195.4})


def adjust_player(scribe: Scribe, video: str) -> None:
    """Change the speed, the transcript and the captions."""
    own = {"id": course_of(scribe).block_id("video", video), "code": _YOUTUBE, "duration": 195.4}
    speeds = {"old_speed": "1.0", "new_speed": "1.25", "current_time": 8.5}
    scribe.browser("speed_change_video", own | speeds)
    scribe.browser("show_transcript", own | {"current_time": 9.1})
    scribe.browser("hide_transcript", own | {"current_time": 11})
    menu = own | {"current_time": 13.02, "language": "pl"}
    scribe.browser("edx.video.language_menu.shown", menu, kind="video_show_cc_menu")
    scribe.browser("edx.video.language_menu.hidden", menu, kind="video_hide_cc_menu")
    scribe.browser("video_show_cc_menu", menu)
    scribe.browser("video_hide_cc_menu", menu)
    scribe.browser("edx.video.closed_captions.shown", own | {"current_time": 14.5})
    scribe.browser("edx.video.closed_captions.hidden", own | {"current_time": 20.25})
    scribe.browser("complete_video", own)


def watch_on_phone(scribe: Scribe, video: str) -> None:
    """Watch a video in the mobile app, which uses the new names."""
    course = course_of(scribe)
    own = {
        "id": course.block_id("video", video),
        "module_id": course.usage_key("video", video),
        "code": "mobile",
        "duration": 195,
    }
    skip = {"old_time": 40.0, "new_time": 30.0, "requested_skip_interval": -10}
    for name, kind, more in (
        ("loaded", "load_video", {}),
        ("played", "play_video", {"current_time": 0.0}),
        ("transcript.shown", "show_transcript", {"current_time": 6.0}),
        ("transcript.hidden", "hide_transcript", {"current_time": 18.5}),
        ("position.changed", "seek_video", skip | {"type": "onSkipSeek"}),
        ("paused", "pause_video", {"current_time": 44.0}),
        ("stopped", "stop_video", {"current_time": 195}),
        ("completed", "complete_video", {}),
    ):
        scribe.mobile(f"edx.video.{name}", own | more, kind=kind)


def _question(text: str, answer: str | list[str], kind: str, field: str, *, correct: bool) -> Json:
    return {
        "question": text,
        "answer": answer,
        "response_type": kind,
        "input_type": field,
        "correct": correct,
        "variant": "",
        "group_label": "",
    }


_OSMOSIS = "Which way does water move in osmosis?"
_ORGANELLES = "Which of these organelles hold DNA?"
_LENGTH = "How long, in nanometres, is a phospholipid tail?"


def solve(scribe: Scribe, problem: str, *, correct: bool, attempts: int = 1) -> None:
    """Answer a problem with one question: browser event, server event, grade."""
    own = _digest(f"problem {problem}")
    answer = "towards the higher concentration" if correct else "away from it"
    question = _question(_OSMOSIS, answer, "multiplechoiceresponse", "choicegroup", correct=correct)
    scribe.browser("problem_check", f"input_{own}_2_1=choice_{int(correct)}")
    _checked(scribe, problem, {f"{own}_2_1": question}, attempts=attempts)
    _graded(scribe, problem, float(correct), 1.0)


def solve_many(scribe: Scribe, problem: str, *, correct: int) -> None:
    """Answer a problem with three questions, the first *correct* of them rightly."""
    own = _digest(f"problem {problem}")
    choices = ["choiceresponse", "numericalresponse", "stringresponse"]
    fields = ["checkboxgroup", "formulaequationinput", "textline"]
    texts = [_ORGANELLES, _LENGTH, "Name the process that makes ATP in mitochondria."]
    answers: list[str | list[str]] = [
        ["a mitochondrion", "a chloroplast"],
        "2.5",
        "oxidative phosphorylation — naïvely: “breathing”",
    ]
    submission = {
        f"{own}_{number + 2}_1": _question(
            texts[number],
            answers[number],
            choices[number],
            fields[number],
            correct=number < correct,
        )
        for number in range(3)
    }
    form = f"input_{own}_2_1%5B%5D=choice_0&input_{own}_3_1=2.5&input_{own}_4_1=breathing"
    scribe.browser("problem_check", form)
    _checked(scribe, problem, submission)
    _graded(scribe, problem, float(correct), 3.0)


def _checked(
    scribe: Scribe, problem: str, submission: dict[str, Json], *, attempts: int = 1
) -> None:
    course = course_of(scribe)
    key = course.usage_key("problem", problem)
    points = sum(bool(question["correct"]) for question in submission.values())
    data = {
        "problem_id": key,
        "attempts": attempts,
        "answers": dict.fromkeys(submission, "choice_1"),
        "submission": submission,
        "correct_map": {
            name: {"correctness": "correct" if question["correct"] else "incorrect", "hint": ""}
            for name, question in submission.items()
        },
        "grade": points,
        "max_grade": len(submission),
        "state": {"seed": 1, "done": True, "student_answers": {}, "correct_map": {}},
        "success": "correct" if points == len(submission) else "incorrect",
    }
    module = {"display_name": f"Exercise: {problem}", "usage_key": key}
    path = f"/courses/{course.key}/xblock/{key}/handler/xmodule_handler/problem_check"
    scribe.server("problem_check", data, path=path, module=module)


def _graded(scribe: Scribe, problem: str, earned: float, possible: float | None) -> None:
    """Note the grade that follows an answer; user ids are text here, as on real sites."""
    course = course_of(scribe)
    data = {
        "user_id": str(scribe.person.user_id),
        "course_id": course.key,
        "problem_id": course.usage_key("problem", problem),
        "weighted_earned": earned,
        "weighted_possible": possible,
        **_chain(scribe),
    }
    scribe.server("edx.grades.problem.submitted", data)


def _chain(scribe: Scribe, kind: str = "submitted") -> Json:
    return {
        "event_transaction_id": _digest(f"chain {scribe.now.isoformat()}"),
        "event_transaction_type": f"edx.grades.problem.{kind}",
    }


def solve_oddly(scribe: Scribe) -> None:
    """Answer problems that do not count, count double, or tell little."""
    course = course_of(scribe)
    _graded(scribe, "warm-up", 0.0, 0.0)
    _graded(scribe, "bonus", 5.0, 3.0)
    _graded(scribe, "survey", 1.0, None)
    key = course.usage_key("problem", "survey")
    data: Json = {"problem_id": key, "attempts": 1, "answers": {}, "grade": None, "max_grade": None}
    module = {"display_name": "Survey", "usage_key": key}
    scribe.server("problem_check", data | {"success": "incorrect"}, module=module)
    name = _digest("problem survey") + "_2_1"
    empty = {name: _question("", "", "", "", correct=True)}
    data |= {"submission": empty, "grade": 0, "max_grade": 0, "success": "correct"}
    scribe.server("problem_check", data, module=module)
    finished = {"problem_id": key, "user_id": str(scribe.person.user_id), "course_id": course.key}
    points = {"weighted_earned": 2.0, "weighted_possible": 2.0}
    scribe.server("edx.problem.completed", finished | points | _chain(scribe))


def get_help(scribe: Scribe, problem: str) -> None:
    """Ask for two hints and the answer."""
    key = course_of(scribe).usage_key("problem", problem)
    for index, text in enumerate(("Think of a <b>raisin</b> in water.", "Water follows salt.")):
        data = {"hint_index": index, "hint_len": 2, "hint_text": text, "module_id": key}
        scribe.server("edx.problem.hint.demandhint_displayed", data)
    scribe.server("showanswer", {"problem_id": key})


def grade(scribe: Scribe, learner: Person, percent: float, letter: str) -> None:
    """Recalculate the grades of *learner*, whom the scribe's person may be somebody else than."""
    course = course_of(scribe)
    common = {"user_id": str(learner.user_id), "course_id": course.key, **_chain(scribe)}
    subsection = {
        "block_id": course.usage_key("sequential", "membranes"),
        "course_version": "65f1c0de",
        "first_attempted": scribe.now.isoformat(),
        "subtree_edited_timestamp": "2026-01-11T09:00:00+00:00",
        "visible_blocks_hash": "c2VxdWVudGlhbA==",
        "weighted_graded_earned": 10 * percent,
        "weighted_graded_possible": 10.0,
        "weighted_total_earned": 12 * percent,
        "weighted_total_possible": 12.0,
    }
    scribe.server("edx.grades.subsection.grade_calculated", common | subsection)
    whole = {
        "percent_grade": percent,
        "letter_grade": letter,
        "course_edited_timestamp": "2026-01-11T09:00:00+00:00",
        "course_version": "65f1c0de",
        "grading_policy_hash": "uW9kPzTtQ0M=",
    }
    scribe.server("edx.grades.course.grade_calculated", common | whole)


def pass_or_fail(scribe: Scribe, learner: Person, outcome: str) -> None:
    """Note that *learner* passed or failed the course."""
    data = {"user_id": learner.user_id, "course_id": course_of(scribe).key}
    scribe.server(f"edx.course.grade.{outcome}", data)


class Forum:
    """A conversation that people join in: a thread, its response, and a comment on that."""

    def __init__(self, scribe: Scribe, title: str) -> None:
        course = course_of(scribe)
        self.scribe = scribe
        self.author = scribe.person.username
        self.ids = {
            kind: _digest(f"{kind} {title}")[:24] for kind in ("thread", "response", "comment")
        }
        self.common: Json = {
            "commentable_id": "week-1-questions",
            "category_id": "week-1-questions",
            "category_name": "Week 1 / Questions",
            "url": f"{LMS_ROOT}/courses/{course.key}/discussion/forum/week-1/{self.ids['thread']}",
            "user_forums_roles": ["Student"],
            "user_course_roles": [],
        }

    def by(self, scribe: Scribe, role: str = "Student") -> None:
        """Let somebody else go on, no earlier than what was said last."""
        scribe.now = max(scribe.now, self.scribe.now)
        self.scribe = scribe
        self.common["user_forums_roles"] = [role]

    def say(self, kind: str, action: str, **data: object) -> None:
        """Note that something was done with the ``thread``, ``response`` or ``comment``."""
        path = f"/api/discussion/v1/{'threads' if kind == 'thread' else 'comments'}/"
        if action == "viewed":
            path = "/api/discussion/v1/comments/"
        elif action != "created":
            path += f"{self.ids[kind]}/"
            names = {"thread": "Post", "response": "Response", "comment": "Comment"}
            data |= {"content_type": names[kind], "target_username": self.author}
        if kind != "thread":
            data |= {"discussion": {"id": self.ids["thread"]}}
        whole = {"id": self.ids[kind], **self.common, **data}
        self.scribe.server(f"edx.forum.{kind}.{action}", whole, path=path)


def discuss(asker: Scribe, helper: Scribe, title: str) -> None:
    """Ask in the forum, answer, comment, vote and edit."""
    talk = Forum(asker, title)
    body = f"Can {helper.person.username} or anyone explain? Mail {asker.person.email} please."
    heading = {"title": title, "title_truncated": False}
    about = {"thread_type": "question", "anonymous": False, "anonymous_to_peers": False}
    options = {"options": {"followed": True}, "group_id": None}
    talk.say("thread", "created", body=body, truncated=False, **heading, **about, **options)
    talk.by(helper)
    talk.say("thread", "viewed", **heading)
    talk.say("response", "created", body=f"Sure, {asker.person.username}!", truncated=False)
    talk.say("thread", "voted", vote_value="up", undo_vote=False)
    talk.say("thread", "voted", vote_value="up", undo_vote=True)
    talk.by(asker)
    response = {"id": talk.ids["response"]}
    talk.say("comment", "created", body="Thank you", truncated=False, response=response)
    talk.say("response", "voted", vote_value="up", undo_vote=False)
    talk.say("thread", "edited", own_content=True, edit_reason=None)
    talk.say("comment", "edited", own_content=True, edit_reason=None)
    talk.by(helper)
    talk.say("response", "edited", own_content=True, edit_reason=None)


def moderate(learner: Scribe, moderator: Scribe, title: str) -> None:
    """Report contributions, clear the reports, and delete everything."""
    talk = Forum(learner, title)
    body = {"body": "Buy essays here", "truncated": False}
    talk.say("thread", "created", **body, title=title, thread_type="discussion", anonymous=True)
    for kind in talk.ids:
        talk.say(kind, "reported", **body)
    talk.by(moderator, "Moderator")
    for kind in talk.ids:
        talk.say(kind, "unreported", **body, reported_status_cleared=True)
    for kind in reversed(talk.ids):
        talk.say(kind, "deleted", **body, own_content=False)


def sit_exam(scribe: Scribe, kind: str) -> None:
    """Sit an exam of a *kind*: timed, practice or proctored."""
    exam: Json = {
        "exam_id": 7,
        "exam_content_id": course_of(scribe).usage_key("sequential", f"{kind} exam"),
        "exam_name": f"Cells: the {kind} exam",
        "exam_default_time_limit_mins": 45,
        "exam_is_proctored": kind == "proctored",
        "exam_is_practice_exam": kind == "practice",
        "exam_is_active": True,
        "attempt_id": 1000 + (scribe.person.user_id or 0),
        "attempt_code": _as_uuid(_digest(f"{kind} attempt of {scribe.person.email}")).upper(),
        "attempt_user_id": scribe.person.user_id,
        "attempt_allowed_time_limit_mins": None,
    }
    before = {"attempt_started_at": None, "attempt_completed_at": None}
    path = "/api/edx_proctoring/v1/proctored_exam/attempt"
    name = f"edx.special_exam.{kind}.attempt."
    idle = {"attempt_status": "created", "attempt_event_elapsed_time_secs": None}
    scribe.server(f"{name}created", exam | before | idle, path=path)
    started = scribe.now
    scribe.wait(minutes=31)
    after = {
        "attempt_started_at": started.isoformat(),
        "attempt_completed_at": scribe.now.isoformat(),
        "attempt_allowed_time_limit_mins": 45,
        "attempt_status": "submitted",
        "attempt_event_elapsed_time_secs": (scribe.now - started).total_seconds(),
    }
    scribe.server(f"{name}submitted", exam | after, path=path)


def _as_uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
