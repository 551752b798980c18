"""Writing courses: what course teams do in Studio, which is no learning."""

from __future__ import annotations

from eventkit.events.rows import Row

_AUTHORING = "Course authoring, not a learner's action."
_INDEX = "The search index is built anew: the platform's own doing, not a learner's action."

EVENTS: tuple[Row, ...] = (
    Row(("edx.contentstore.course_update",), reason=_AUTHORING),
    Row(("edx.course.index.reindexed",), reason=_INDEX),
    Row(("edx.library.index.reindexed",), reason=_INDEX),
)
