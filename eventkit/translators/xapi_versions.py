"""
The versions of xAPI that statements are of, and how one of 1.0.3 is said in 2.0.

Statements are made, filtered, queued and kept as those of 1.0.3; a consumer of xAPI 2.0 (IEEE
9274.1.1) gets them in that version at the moment of delivery. So one statement has one id whatever
is spoken, and what waits is right also when the version of its consumer changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from eventkit.base.json import dumps
from eventkit.events.shapes.iris import SCORED, TEAM_ID
from eventkit.typing import Json

NUMBERS: Final[Mapping[str, str]] = {"1.0.3": "1.0.3", "2.0": "2.0.0"}
"""What the header of requests and the member ``version`` of statements say, by setting."""

# What people are in a course, by the vocabulary of LIS, as LTI has them.
_MEMBERSHIP: Final = "http://purl.imsglobal.org/vocab/lis/v2/membership"
INSTRUCTOR: Final = f"{_MEMBERSHIP}#Instructor"
GRADER: Final = f"{_MEMBERSHIP}/Instructor#Grader"
TEAM: Final = "http://purl.imsglobal.org/vocab/lis/v2/course#CourseGroup"


def upgraded(statement: Mapping[str, Any]) -> Json:
    """
    Say a *statement* of xAPI 1.0.3 in xAPI 2.0; everything else stays, its id and order too.

    Who is its ``instructor`` is in ``contextAgents`` (or ``contextGroups``) as well, as what they
    are: grader of what was scored, else instructor. A team that an extension names is a group.
    """
    made: Json = {**statement, "version": NUMBERS["2.0"]}
    context = statement.get("context")
    if not isinstance(context, Mapping):
        return made
    agents, groups = _people(statement, context), _teams(statement, context)
    groups += [each for each in agents if "group" in each]
    agents = [each for each in agents if "agent" in each]
    more = {"contextAgents": agents, "contextGroups": groups}
    added = {key: value for key, value in more.items() if value and key not in context}
    if added:
        made["context"] = {**context, **added}
    return made


def upgraded_body(body: bytes) -> bytes:
    """Say a statement of xAPI 1.0.3 in xAPI 2.0, as JSON."""
    statement = json.loads(body)
    return dumps(upgraded(statement)) if isinstance(statement, dict) else body


def _people(statement: Mapping[str, Any], context: Mapping[str, Any]) -> list[Json]:
    instructor = context.get("instructor")
    if not isinstance(instructor, Mapping):
        return []
    verb = statement.get("verb")
    is_scored = isinstance(verb, Mapping) and verb.get("id") == SCORED.id
    kind = "Group" if instructor.get("objectType") == "Group" else "Agent"
    return [
        {
            "objectType": f"context{kind}",
            kind.lower(): dict(instructor),
            "relevantTypes": [GRADER if is_scored else INSTRUCTOR],
        }
    ]


def _teams(statement: Mapping[str, Any], context: Mapping[str, Any]) -> list[Json]:
    extensions = context.get("extensions")
    team = extensions.get(TEAM_ID) if isinstance(extensions, Mapping) else None
    actor = statement.get("actor")
    account = actor.get("account") if isinstance(actor, Mapping) else None
    home = account.get("homePage") if isinstance(account, Mapping) else None
    if not (isinstance(team, str) and team and isinstance(home, str)):
        return []
    group = {"objectType": "Group", "account": {"homePage": home, "name": team}}
    return [{"objectType": "contextGroup", "group": group, "relevantTypes": [TEAM]}]
