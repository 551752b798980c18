"""
Live video events of mobile devices, whose payloads have a spelling of their own.

The platform rewrites it on the way to the tracking log only. It is rewritten here in the same way,
so that the live and the logged form of an event become the same documents with the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventkit.reading.keys import block_id, html_id, mended
from eventkit.reading.source import as_object, text_of

NAMES = frozenset(
    {
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
