"""The video player."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eventkit.events.rows import Action, OneOf, Profile, Row, Shape, Statement
from eventkit.events.shapes.caliper import GENERAL, MEDIA, course_part, duration, entity, extended
from eventkit.events.shapes.caliper import position as written_position
from eventkit.events.shapes.iris import (
    ACTION,
    AUTO_ADVANCE,
    CC_ENABLED,
    CC_LANGUAGE,
    CC_SUBTITLE_ENABLED,
    COMPLETED,
    INITIALIZED,
    INTERACTED,
    PAUSED,
    PLAYED,
    PREFERRED,
    SEEK_TYPE,
    SEEKED,
    SKIP_INTERVAL,
    SKIPPED,
    SPEED_FROM,
    SPEED_TO,
    TERMINATED,
    VIDEO,
    VIDEO_LENGTH,
    VIDEO_PROFILE,
    VIDEO_SPEED,
    VIDEO_TIME,
    VIDEO_TIME_FROM,
    VIDEO_TIME_TO,
    american,
)
from eventkit.events.shapes.view import View, activity, number
from eventkit.typing import Json

# What the player told us.


def video_iri(view: View, *, field: str = "id") -> str:
    """Give the IRI of the video: the player knows only the last part of its usage key."""
    video = view.key(field)
    if not video:
        raise view.lacks("no_object", f"data.{field}")
    if "://" in video or "block@" in video:  # the plus before it may have become a blank
        return view.iri(f"/xblock/{video}")
    return view.block_in_course("video", video)


def position(view: View) -> int | float | None:
    """Give the position in the video, in seconds; the player has two spellings for it."""
    return view.seconds("current_time", "currentTime")


def is_start(view: View) -> bool:
    """Tell the first play from going on: the position is all that the player tells."""
    where = position(view)
    return where is not None and where < 1


def speed(view: View, field: str) -> str | None:
    """Give a playing speed as the video profile writes it (``1.25x``)."""
    value = view.scalar(field)
    if value is None or isinstance(value, bool):
        return None
    return f"{str(value).removesuffix('x')[:20]}x"


def rate(view: View, field: str) -> int | float | None:
    """Give a playing speed as a number."""
    text = speed(view, field)
    return number(text.removesuffix("x")) if text else None


# How xAPI says it.

# The templates of the video profile (1.0.3) that the player tells enough for. Those of paused,
# terminated and completed want to know which segments were played, which it does not tell.
INITIALIZING = Profile(VIDEO_PROFILE, context=frozenset((VIDEO_LENGTH,)))
PLAYING = Profile(VIDEO_PROFILE, result=frozenset((VIDEO_TIME,)))
SEEKING = Profile(VIDEO_PROFILE, result=frozenset((VIDEO_TIME_TO, VIDEO_TIME_FROM)))
CAPTIONING = Profile(
    VIDEO_PROFILE,
    result=frozenset((VIDEO_TIME,)),
    context=frozenset((CC_ENABLED, CC_LANGUAGE)),
)


def video(view: View, *, iri: Callable[[View], str] = video_iri) -> Json:
    """Make the video."""
    return activity(iri(view), VIDEO)


def player(view: View) -> Json:
    """
    Say how long the video is, and in which language it is captioned.

    The profile's session is that of one viewing, named by the id of its "initialized" statement,
    which no other event knows; the session of the login is not it.
    """
    return {
        VIDEO_LENGTH: view.seconds("duration"),
        CC_LANGUAGE: view.words("language") or None,
    }


def at_position(view: View) -> Json:
    """Say where in the video it happened."""
    return {"extensions": {VIDEO_TIME: position(view)}}


def completed(view: View) -> Json:
    """
    Say that so much was watched that it counts as complete, and where in the video that was.

    The platform decides it, at 95 % or another share of the length; so this is not the end. There
    is no ``result.duration``: that is the time spent watching, which the event does not know.
    """
    return {"completion": True, "extensions": {VIDEO_TIME: position(view)}}


def seeked(view: View) -> Json:
    """Say from where to where in the video; mobile players say where they are for the former."""
    return {
        "extensions": {
            VIDEO_TIME_FROM: view.seconds("old_time", "currentTime", "current_time"),
            VIDEO_TIME_TO: view.seconds("new_time"),
        }
    }


def jump(view: View) -> Json:
    """Say how another place was gone to: by the slider, the transcript or by skipping so much."""
    return player(view) | {
        SEEK_TYPE: view.scalar("type"),
        SKIP_INTERVAL: view.number("requested_skip_interval"),
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
    # The profile's concept has another spelling than its template wants. Both are there.
    return player(view) | {CC_ENABLED: captions, CC_SUBTITLE_ENABLED: captions}


def panel(
    action: str,
    *,
    captions: bool | None = None,
    what: Shape = video,
    activities: Shape | None = None,
) -> Statement:
    """
    Make the statement for showing or hiding a part of the player.

    The verb is the same for all of them, so *action* tells which it was.
    """
    context: Callable[[View], Json] = player
    verb, profile = INTERACTED, None
    if captions is not None:
        context = partial(_captioned, captions=captions)
        verb, profile = american(INTERACTED), CAPTIONING
    return Statement(
        verb,
        what,
        result=partial(_acted, action=action, captions=captions),
        extensions=context,
        activities=activities,
        profile=profile,
    )


def dismissed(view: View) -> Json:
    """Say that it should not be shown again, and where in the video that was."""
    return {"extensions": {VIDEO_TIME: position(view), ACTION: "do-not-show-again"}}


def auto_advance(view: View) -> Json:
    """Say whether the next unit is to follow by itself."""
    return {"extensions": {ACTION: "auto-advance", AUTO_ADVANCE: view.scalar("enabled")}}


# How Caliper says it.


def media(
    view: View,
    *,
    iri: Callable[[View], str] = video_iri,
    whole: Callable[[View], str | None] = course_part,
) -> Json:
    """Make the video, as a part of its course or of another *whole*."""
    made: Json = {"id": iri(view), "type": "VideoObject"}
    if (seconds := view.seconds("duration")) and (length := duration(seconds)):
        made["duration"] = length
    if above := whole(view):
        made["isPartOf"] = above
    return made


def location(view: View, *, iri: Callable[[View], str] = video_iri) -> Json | None:
    """Make the place in the video where it happened."""
    return _location(iri(view), position(view))


def end(view: View) -> Json | None:
    """Make the end of the video, where it was reached."""
    where = position(view)
    return _location(video_iri(view), view.seconds("duration") if where is None else where)


def left(view: View) -> Json | None:
    """Make the place that was left for another; what it was left for is an extension."""
    return _location(
        video_iri(view),
        view.seconds("old_time", "currentTime", "current_time"),
        {
            VIDEO_TIME_TO: view.seconds("new_time"),
            SEEK_TYPE: view.scalar("type"),
            SKIP_INTERVAL: view.number("requested_skip_interval"),
        },
    )


def _location(
    video: str, seconds: int | float | None, extensions: Json | None = None
) -> Json | None:
    written = written_position(seconds)
    if written is None:
        return None
    made: Json = {
        "id": f"{video}#t={written[0]}",
        "type": "MediaLocation",
        "currentTime": written[1],
        "isPartOf": video,
    }
    return extended(made, extensions)


def transcript(view: View, *, iri: Callable[[View], str] = video_iri) -> Json:
    """Make the transcript, a frame beside the video; what is spoken in it is no caption."""
    video = iri(view)
    return entity(
        f"{video}#transcript",
        "Frame",
        isPartOf=video,
        extensions={CC_LANGUAGE: view.words("language") or None},
    )


def language_menu(view: View, *, iri: Callable[[View], str] = video_iri) -> Json:
    """Make the menu of languages, a frame of the player."""
    video = iri(view)
    return entity(f"{video}#language-menu", "Frame", isPartOf=video)


def playback_rates(view: View) -> Json:
    """Say from which playing speed to which."""
    return {SPEED_FROM: rate(view, "old_speed"), SPEED_TO: rate(view, "new_speed")}


def advancing(view: View) -> Json:
    """Say whether the next unit is to follow by itself."""
    return {ACTION: "auto-advance", AUTO_ADVANCE: view.scalar("enabled")}


def played(view: View) -> tuple[Action]:
    """Tell the first play from going on: the Media profile keeps Resumed for the latter."""
    return (_STARTED if is_start(view) else _RESUMED,)


def _language(view: View) -> Json:
    return {CC_LANGUAGE: view.words("language") or None}


def _captioning(action: str) -> Action:
    return Action("MediaEvent", action, media, MEDIA, target=location, extensions=_language)


_STARTED = Action("MediaEvent", "Started", media, MEDIA, target=location)
_RESUMED = Action("MediaEvent", "Resumed", media, MEDIA, target=location)


EVENTS: tuple[Row, ...] = (
    Row(
        ("load_video", "edx.video.loaded"),
        xapi=Statement(american(INITIALIZED), video, extensions=player, profile=INITIALIZING),
        caliper=Action("Event", "Retrieved", media, GENERAL),
    ),
    Row(
        ("play_video", "edx.video.played"),
        xapi=Statement(
            american(PLAYED), video, result=at_position, extensions=player, profile=PLAYING
        ),
        caliper=OneOf((_STARTED, _RESUMED), played),
    ),
    Row(
        ("pause_video", "edx.video.paused"),
        xapi=Statement(PAUSED, video, result=at_position, extensions=player),
        caliper=Action("MediaEvent", "Paused", media, MEDIA, target=location),
    ),
    Row(
        ("stop_video", "edx.video.stopped"),
        xapi=Statement(TERMINATED, video, result=at_position, extensions=player),
        caliper=Action("MediaEvent", "Ended", media, MEDIA, target=end),
    ),
    Row(
        ("complete_video", "edx.video.completed"),
        xapi=Statement(COMPLETED, video, result=completed, extensions=player),
        # The Media profile knows the end of a video, but not that enough of it was watched.
        caliper=Action("Event", "Completed", media, GENERAL, target=location),
    ),
    Row(
        ("seek_video", "edx.video.position.changed", "edx.video.seeked"),
        xapi=Statement(american(SEEKED), video, result=seeked, extensions=jump, profile=SEEKING),
        caliper=Action("MediaEvent", "JumpedTo", media, MEDIA, target=left),
    ),
    Row(
        ("speed_change_video",),
        xapi=Statement(INTERACTED, video, result=speed_changed, extensions=new_speed),
        caliper=Action(
            "MediaEvent", "ChangedSpeed", media, MEDIA, target=location, extensions=playback_rates
        ),
    ),
    Row(
        ("show_transcript", "edx.video.transcript.shown"),
        xapi=panel("transcript-shown"),
        caliper=Action("Event", "Showed", transcript, GENERAL, target=location),
    ),
    Row(
        ("hide_transcript", "edx.video.transcript.hidden"),
        xapi=panel("transcript-hidden"),
        caliper=Action("Event", "Hid", transcript, GENERAL, target=location),
    ),
    Row(
        ("edx.video.closed_captions.shown",),
        xapi=panel("captions-shown", captions=True),
        caliper=_captioning("EnabledClosedCaptioning"),
    ),
    Row(
        ("edx.video.closed_captions.hidden",),
        xapi=panel("captions-hidden", captions=False),
        caliper=_captioning("DisabledClosedCaptioning"),
    ),
    Row(
        ("video_show_cc_menu", "edx.video.language_menu.shown"),
        xapi=panel("language-menu-shown"),
        caliper=Action("Event", "Showed", language_menu, GENERAL, extensions=_language),
    ),
    Row(
        ("video_hide_cc_menu", "edx.video.language_menu.hidden"),
        xapi=panel("language-menu-hidden"),
        caliper=Action("Event", "Hid", language_menu, GENERAL, extensions=_language),
    ),
    Row(
        ("skip_video",),
        xapi=Statement(SKIPPED, video, result=at_position, extensions=player),
        caliper=Action("Event", "Skipped", media, GENERAL, target=location),
    ),
    Row(
        ("do_not_show_again_video",),
        xapi=Statement(PREFERRED, video, result=dismissed, extensions=player),
        caliper=Action("Event", "OptedOut", media, GENERAL, target=location),
    ),
    Row(
        ("auto_advance_change_video",),
        xapi=Statement(PREFERRED, video, result=auto_advance, extensions=player),
        caliper=Action("Event", "Modified", media, GENERAL, extensions=advancing),
    ),
)
