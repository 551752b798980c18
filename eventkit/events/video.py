"""The video player."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eventkit.events._iris import (
    ACTION,
    CC_ENABLED,
    CC_LANGUAGE,
    COMPLETED,
    INITIALIZED,
    INTERACTED,
    PAUSED,
    PLAYED,
    SEEKED,
    SPEED_FROM,
    SPEED_TO,
    TERMINATED,
    VIDEO,
    VIDEO_LENGTH,
    VIDEO_PROGRESS,
    VIDEO_SESSION_ID,
    VIDEO_SPEED,
    VIDEO_TIME,
    VIDEO_TIME_FROM,
    VIDEO_TIME_TO,
)
from eventkit.events._rows import Event, Statement
from eventkit.events._view import View, activity
from eventkit.typing import Json

# What the player told us.


def video_iri(view: View) -> str:
    """Give the IRI of the video: the player knows only the last part of its usage key."""
    video = view.key("id")
    if not video:
        raise view.lacks("no_object", "data.id")
    if "://" in video or "+block@" in video:
        return view.iri(f"/xblock/{video}")
    return view.block_in_course("video", video)


def position(view: View) -> float | None:
    """Give the position in the video, in seconds; the player has two spellings for it."""
    return view.seconds("current_time", "currentTime")


def speed(view: View, field: str) -> str | None:
    """Give a playing speed as the video profile writes it (``1.25x``)."""
    value = view.scalar(field)
    if value is None or isinstance(value, bool):
        return None
    return f"{str(value).removesuffix('x')[:20]}x"


# How xAPI says it.


def video(view: View) -> Json:
    """Make the video."""
    return activity(video_iri(view), VIDEO)


def player(view: View) -> Json:
    """Say how long the video is, in which language it is captioned, and in which session."""
    return {
        VIDEO_LENGTH: view.seconds("duration"),
        CC_LANGUAGE: view.words("language") or None,
        VIDEO_SESSION_ID: view.text("session") or None,
    }


def at_position(view: View) -> Json:
    """Say where in the video it happened."""
    return {"extensions": {VIDEO_TIME: position(view)}}


def completed(view: View) -> Json:
    """
    Say that the end was reached.

    There is no ``result.duration``: that is the time spent watching, which the event does not
    know; the length of the video stands in the context.
    """
    return {
        "completion": True,
        "extensions": {VIDEO_TIME: view.seconds("duration"), VIDEO_PROGRESS: 1.0},
    }


def seeked(view: View) -> Json:
    """Say from where to where in the video."""
    return {
        "extensions": {
            VIDEO_TIME_FROM: view.seconds("old_time"),
            VIDEO_TIME_TO: view.seconds("new_time"),
        }
    }


def speed_changed(view: View) -> Json:
    """Say from which speed to which, and where in the video."""
    return {
        "extensions": {
            SPEED_FROM: speed(view, "old_speed"),
            SPEED_TO: speed(view, "new_speed"),
            VIDEO_TIME: position(view),
        }
    }


def new_speed(view: View) -> Json:
    """Say at which speed the video plays now, where the video profile wants it."""
    return player(view) | {VIDEO_SPEED: speed(view, "new_speed")}


def _acted(view: View, *, action: str, captions: bool | None) -> Json:
    # The profile puts cc-enabled in the context; analytics reads it in the result. Both have it.
    return {
        "extensions": {VIDEO_TIME: position(view), CC_ENABLED: captions, ACTION: action},
    }


def _captioned(view: View, *, captions: bool) -> Json:
    return player(view) | {CC_ENABLED: captions}


def panel(action: str, *, captions: bool | None = None) -> Statement:
    """
    Make the statement for showing or hiding a part of the player.

    The verb is the same for all of them, so *action* tells which it was.
    """
    context: Callable[[View], Json] = player
    if captions is not None:
        context = partial(_captioned, captions=captions)
    return Statement(
        INTERACTED,
        video,
        result=partial(_acted, action=action, captions=captions),
        extensions=context,
    )


EVENTS = (
    Event(
        ("load_video", "edx.video.loaded"),
        xapi=Statement(INITIALIZED, video, extensions=player),
    ),
    Event(
        ("play_video", "edx.video.played"),
        xapi=Statement(PLAYED, video, result=at_position, extensions=player),
    ),
    Event(
        ("pause_video", "edx.video.paused"),
        xapi=Statement(PAUSED, video, result=at_position, extensions=player),
    ),
    Event(
        ("stop_video", "edx.video.stopped"),
        xapi=Statement(TERMINATED, video, result=at_position, extensions=player),
    ),
    Event(
        ("complete_video", "edx.video.completed"),
        xapi=Statement(COMPLETED, video, result=completed, extensions=player),
    ),
    Event(
        ("seek_video", "edx.video.position.changed"),
        xapi=Statement(SEEKED, video, result=seeked, extensions=player),
    ),
    Event(
        ("speed_change_video",),
        xapi=Statement(INTERACTED, video, result=speed_changed, extensions=new_speed),
    ),
    Event(
        ("show_transcript", "edx.video.transcript.shown"),
        xapi=panel("transcript-shown", captions=True),
    ),
    Event(
        ("hide_transcript", "edx.video.transcript.hidden"),
        xapi=panel("transcript-hidden", captions=False),
    ),
    Event(
        ("edx.video.closed_captions.shown",),
        xapi=panel("captions-shown", captions=True),
    ),
    Event(
        ("edx.video.closed_captions.hidden",),
        xapi=panel("captions-hidden", captions=False),
    ),
    Event(
        ("video_show_cc_menu", "edx.video.language_menu.shown"),
        xapi=panel("language-menu-shown"),
    ),
    Event(
        ("video_hide_cc_menu", "edx.video.language_menu.hidden"),
        xapi=panel("language-menu-hidden"),
    ),
)
