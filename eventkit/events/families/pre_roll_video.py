"""The video that plays before another: its player is the same, but it is a file and no block."""

from __future__ import annotations

from functools import partial

from eventkit.events.families.video import (
    INITIALIZING,
    PLAYING,
    at_position,
    dismissed,
    is_start,
    language_menu,
    location,
    media,
    panel,
    player,
    position,
    transcript,
    video,
    video_iri,
)
from eventkit.events.rows import Action, OneOf, Profile, Row, Shape, Statement
from eventkit.events.shapes.caliper import GENERAL, MEDIA
from eventkit.events.shapes.iris import (
    INITIALIZED,
    PLAYED,
    PREFERRED,
    SKIPPED,
    TERMINATED,
    VIDEO,
    Verb,
    american,
)
from eventkit.events.shapes.view import View, activity
from eventkit.typing import Json

# What the player told us.


def bumper_iri(view: View) -> str:
    """Give the IRI of the pre-roll video, the address of its file."""
    return view.file("bumper_id").partition("#")[0]


def host_iri(view: View) -> str | None:
    """Give the IRI of the video that plays next; None when it is not told."""
    if not view.key("host_component_id") or not view.course_id:
        return None
    return video_iri(view, field="host_component_id")


def was_paused(view: View) -> bool:
    """
    Tell a pause from the end: the player calls both stopping.

    At the end players differ by a fraction of a second from the length.
    """
    where, length = position(view), view.seconds("duration")
    return where is not None and length is not None and length - where >= 1


# How xAPI says it.

bumper = partial(video, iri=bumper_iri)


def host(view: View) -> Json:
    """Say which video plays next."""
    iri = host_iri(view)
    return {"grouping": [activity(iri, VIDEO)]} if iri else {}


def _watched(
    verb: Verb, result: Shape | None = at_position, profile: Profile | None = None
) -> Statement:
    return Statement(
        american(verb) if profile else verb,
        bumper,
        result=result,
        extensions=player,
        activities=host,
        profile=profile,
    )


def _panel(action: str) -> Statement:
    return panel(action, what=bumper, activities=host)


# How Caliper says it.

file = partial(media, iri=bumper_iri, whole=host_iri)
place = partial(location, iri=bumper_iri)
menu = partial(language_menu, iri=bumper_iri)
script = partial(transcript, iri=bumper_iri)


def played(view: View) -> tuple[Action]:
    """Tell the first play from going on: the Media profile keeps Resumed for the latter."""
    return (_STARTED if is_start(view) else _RESUMED,)


def stopped(view: View) -> tuple[Action]:
    """Tell a pause from the end."""
    return (_PAUSED if was_paused(view) else _ENDED,)


def _media(action: str) -> Action:
    return Action("MediaEvent", action, file, MEDIA, target=place)


def _generic(action: str, what: Shape, *, target: Shape | None = None) -> Action:
    return Action("Event", action, what, GENERAL, target=target)


_STARTED = _media("Started")
_RESUMED = _media("Resumed")
_PAUSED = _media("Paused")
_ENDED = _media("Ended")


EVENTS: tuple[Row, ...] = (
    Row(
        ("edx.video.bumper.loaded",),
        xapi=_watched(INITIALIZED, None, INITIALIZING),
        caliper=_generic("Retrieved", file),
    ),
    Row(
        ("edx.video.bumper.played",),
        xapi=_watched(PLAYED, profile=PLAYING),
        caliper=OneOf((_STARTED, _RESUMED), played),
    ),
    Row(
        ("edx.video.bumper.stopped",),
        xapi=_watched(TERMINATED),
        caliper=OneOf((_PAUSED, _ENDED), stopped),
    ),
    Row(
        ("edx.video.bumper.skipped",),
        xapi=_watched(SKIPPED),
        caliper=_generic("Skipped", file, target=place),
    ),
    Row(
        ("edx.video.bumper.dismissed",),
        xapi=_watched(PREFERRED, dismissed),
        caliper=_generic("OptedOut", file, target=place),
    ),
    Row(
        ("edx.video.bumper.transcript.shown",),
        xapi=_panel("transcript-shown"),
        caliper=_generic("Showed", script, target=place),
    ),
    Row(
        ("edx.video.bumper.transcript.hidden",),
        xapi=_panel("transcript-hidden"),
        caliper=_generic("Hid", script, target=place),
    ),
    Row(
        ("edx.video.bumper.transcript.menu.shown",),
        xapi=_panel("language-menu-shown"),
        caliper=_generic("Showed", menu),
    ),
    Row(
        ("edx.video.bumper.transcript.menu.hidden",),
        xapi=_panel("language-menu-hidden"),
        caliper=_generic("Hid", menu),
    ),
)
