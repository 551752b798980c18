"""
Pages viewed, from the requests that the platform logs as implicit events.

Every request leaves a line whose name is its path. Most are no pages: handlers, polls, scripts.
Only requests for pages of courses count, and they are translated on demand only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from eventkit.events.rows import Row, Statement
from eventkit.events.shapes.iris import PAGE, VIEWED
from eventkit.events.shapes.view import View, activity
from eventkit.exceptions import UnsupportedEvent
from eventkit.typing import Json

_COURSE_PAGE = re.compile(r"/courses/[^?#]+")
_NO_PAGE = re.compile(r"/(?:handler|xblock|api|static|asset|xqueue|event|ajax)(?:/|$)|\.\w{2,4}$")
_NO_FORM = re.compile(r'\s*\{\s*"POST"\s*:\s*\{\s*\}')


def page(view: View) -> Json:
    """Make the page of a course that was asked for; its query may hold anything and is left out."""
    path = view.name
    if not _COURSE_PAGE.fullmatch(path) or _NO_PAGE.search(path) or not _is_get(view):
        raise UnsupportedEvent("", "implicit_event", "no request for a page of a course")
    return activity(view.address(view.site.lms_root + path, "name"), PAGE)


def _is_get(view: View) -> bool:
    """Tell whether a page was asked for; the parameters may be cut off in the middle."""
    payload = view.payload
    if isinstance(payload, Mapping):
        asked = payload.get("GET")
        return not payload.get("POST") and not (isinstance(asked, Mapping) and "ajax" in asked)
    return isinstance(payload, str) and bool(_NO_FORM.match(payload)) and '"ajax"' not in payload


IMPLICIT = Row(("implicit",), xapi=Statement(VIEWED, page), family="implicit")
"""Stands for every implicit event; the translator finds it, as these have no names of their own."""
