"""The course team: reports, lists and roles on the instructor dashboard; none is translated."""

from __future__ import annotations

from eventkit.events.rows import Row

_TOOL = (
    "A tool of the course team on the instructor dashboard: not a learner's action, and no effect "
    "on a learner's record."
)
_ROLE = "The course team gives or takes a role in the discussions; not a learner's action."

EVENTS: tuple[Row, ...] = (
    *(
        Row((name,), reason=_TOOL)
        for name in (
            "dump-answer-dist-csv",
            "dump-graded-assignments-config",
            "dump-grades",
            "dump-grades-csv",
            "dump-grades-csv-raw",
            "dump-grades-raw",
            "edx.instructor.report.downloaded",
            "edx.instructor.report.requested",
            "list-beta-testers",
            "list-forum-admins",
            "list-forum-community-TAs",
            "list-forum-mods",
            "list-instructors",
            "list-staff",
            "list-students",
        )
    ),
    *(
        Row((name,), reason=_ROLE)
        for name in (
            "add-forum-admin",
            "add-forum-community-TA",
            "add-forum-mod",
            "remove-forum-admin",
            "remove-forum-community-TA",
            "remove-forum-mod",
        )
    ),
)
