"""
Events of mobile devices, whose payloads have a spelling of their own.

The platform rewrites it on the way to the tracking log only. It is rewritten here in the same way,
so that the live and the logged form of an event become the same documents with the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventkit.reading.keys import block_id, html_id, mended
from eventkit.reading.source import as_object, text_of

SCREEN = "edx.bi.app.navigation.screen"
"""What devices call a look at any of their screens; the platform keeps threads, as forum events."""

_THREAD = "Forum: View Thread"
_OF_A_THREAD = {
    "thread_id": "id",
    "topic_id": "commentable_id",
    "action": "title",
    "author": "target_username",
}
_LONGEST_TITLE = 1000

NAMES = frozenset(
    {
        SCREEN,
        "edx.video.language_menu.hidden",
        "edx.video.language_menu.shown",
        "edx.video.loaded",
        "edx.video.paused",
        "edx.video.played",
        "edx.video.position.changed",
        "edx.video.seeked",
        "edx.video.stopped",
        "edx.video.transcript.hidden",
        "edx.video.transcript.shown",
    }
)
"""The names that devices use, and the platform rewrites."""

_OWN = ("module_id", "current_time", "seek_type", "requested_skip_interval")
_SEEK_TYPES = {"slide": "onSlideSeek", "skip": "onSkipSeek"}


def is_thread(context: Mapping[str, Any]) -> bool:
    """Tell the screen of a thread from others, by what devices call it."""
    return context.get("label") == _THREAD


def is_raw(payload: Mapping[str, Any]) -> bool:
    """Tell what a log has of a video that did not go through the platform's own rewriting."""
    return "module_id" in payload


def thread_as_logged(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Give the payload of a look at a thread as the tracking log has it.

    Names of categories, roles and teams, which the platform looks up, are not there.
    """
    made = {key: value for key, value in payload.items() if key not in _OF_A_THREAD}
    made.pop("context", None)
    for theirs, ours in _OF_A_THREAD.items():
        value = payload.get(theirs)
        if isinstance(value, str) and (value or ours == "title"):
            made[ours] = value
    if "title" in made:
        made["title_truncated"] = len(made["title"]) > _LONGEST_TITLE
        made["title"] = made["title"][:_LONGEST_TITLE]
    return made


def as_logged(payload: Mapping[str, Any], context: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Give the payload of a device's video event as the tracking log has it.

    It is the same object where there is nothing to rewrite, else a new one.
    """
    if not any(field in payload for field in _OWN):
        return payload
    made = dict(payload)
    if "module_id" in made:
        key = mended(text_of(made.pop("module_id")))
        name = block_id(key) or (html_id(key.replace("://", "-")) if "://" in key else key)
        if name:
            made["id"] = name
    if "current_time" in made:
        made["currentTime"] = made.pop("current_time")
    if "seek_type" in made:
        kind = made.pop("seek_type")
        if isinstance(kind, str) and kind in _SEEK_TYPES:
            made["type"] = _SEEK_TYPES[kind]
    skipped = made.get("requested_skip_interval")
    if isinstance(skipped, (int, float)) and "type" in made:
        # Some builds call every jump a skip, and skip by half a minute only; one lost the sign.
        if abs(skipped) != 30:
            made["type"] = "onSlideSeek"
        elif skipped == 30 and made["type"] == "onSkipSeek" and _loses_sign(context):
            made["requested_skip_interval"] = -30
    return made


def _loses_sign(context: Mapping[str, Any]) -> bool:
    application = as_object(context.get("application"))
    return application.get("name") == "edx.mobileapp.iOS" and application.get("version") == "1.0.02"
