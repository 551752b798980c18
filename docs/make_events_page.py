"""
Write ``docs/reference/events.md`` from the event tables and their golden cases.

Run ``python docs/make_events_page.py`` after a change to either; a test fails while the page is
stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eventkit.events import FAMILIES, Row
from eventkit.reading import Source
from eventkit.testing import LMS_ROOT
from eventkit.translators.erb.caliper import NAMES as IN_CALIPER
from eventkit.translators.erb.xapi_shapes import NAMES as IN_XAPI

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "events.md"
GOLDEN = ROOT / "tests" / "golden"

INTRODUCTION = """\
# Events

<!-- Written by docs/make_events_page.py; change the event tables or golden cases instead. -->

Every event that eventkit knows, by family, and what it becomes in dialect `standard`.
Dialect `erb` has those of which the entry says so: what event-routing-backends translates.
The examples leave out what all documents share: in xAPI `id`, `actor`, `timestamp`, `version`, the course as parent, and the extensions for the session and the program; in Caliper `@context`, `id`, `actor`, `eventTime`, `edApp`, `group`, `session` and the extension for the program.
`{lms}` stands for the root URL of the LMS.
"""  # noqa: E501 - one sentence per line

_SHARED_XAPI = ("id", "actor", "timestamp", "version")
_SHARED_CALIPER = ("@context", "id", "eventTime", "edApp", "group", "session")
_PROGRAM = "https://w3id.org/xapi/openedx/extension/transformer-version"
_SESSIONS = (
    "https://w3id.org/xapi/openedx/extensions/session-id",
    "https://w3id.org/xapi/video/extensions/session-id",
)


def render() -> str:
    """Give the text of the page."""
    return "\n".join((INTRODUCTION, *_summary(), *_families())).rstrip() + "\n"


def _summary() -> Iterator[str]:
    yield "| family | events | names | in xAPI | in Caliper |"
    yield "|---|---:|---:|---:|---:|"
    totals = [0, 0, 0, 0]
    for family, rows in sorted(FAMILIES.items()):
        counts = [
            len(rows),
            sum(len(row.names) for row in rows),
            sum(row.xapi is not None for row in rows),
            sum(row.caliper is not None for row in rows),
        ]
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        anchor = family.replace("_", "-")
        yield f"| [{family}](#{anchor}) | {' | '.join(map(str, counts))} |"
    yield f"| all | {' | '.join(map(str, totals))} |"
    yield ""


def _families() -> Iterator[str]:
    for family, rows in sorted(FAMILIES.items()):
        yield f"## {family.replace('_', '-')}"
        yield ""
        for row in rows:
            yield from _event(family, row)


def _event(family: str, row: Row) -> Iterator[str]:
    yield f"### `{row.name}`"
    yield ""
    if len(row.names) > 1:
        yield f"Also: {_quoted(row.names[1:])}."
        yield ""
    if row.reason:
        yield row.reason.rstrip(".") + "."
        yield ""
    case = _case(family, row)
    if case is None:
        return
    yield f"- xAPI: {_listed(_meaning_xapi(each) for each in case['xapi'] or ())}"
    yield f"- Caliper: {_listed(_meaning_caliper(each) for each in case['caliper'] or ())}"
    if peer := _in_erb(row):
        yield f"- Dialect `erb`: {peer}"
    yield ""
    yield "<details><summary>Example</summary>"
    yield ""
    source = Source(case["event"])
    yield from _json({"name": source.name, "data": source.payload})
    for document in case["xapi"] or ():
        yield from _json(_short_xapi(document))
    for document in case["caliper"] or ():
        yield from _json(_short_caliper(document))
    yield "</details>"
    yield ""


def _in_erb(row: Row) -> str:
    """Say under which names dialect ``erb`` has an event in which protocol."""
    found = []
    for protocol, known in (("xAPI", IN_XAPI), ("Caliper", IN_CALIPER)):
        names = [name for name in row.names if name in known]
        if names:
            some = "" if len(names) == len(row.names) else f" (as {_quoted(names)})"
            found.append(protocol + some)
    return " and ".join(found)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _case(family: str, row: Row) -> dict[str, Any] | None:
    """Give the first case of an event: the one without a suffix, if there is one."""
    folder = GOLDEN / family
    for name in row.names:
        for path in (folder / f"{name}.json", *sorted(folder.glob(f"{name}.*.json"))):
            if path.is_file():
                found: dict[str, Any] = json.loads(path.read_text("utf-8"))
                return found
    return None


def _meaning_xapi(statement: dict[str, Any]) -> str:
    verb, target = statement["verb"], statement["object"]
    return f"[{verb['display']['en']}]({verb['id']}) a {_last(target['definition']['type'])}"


def _meaning_caliper(event: dict[str, Any]) -> str:
    return f"{event['type']}, {event['action']} a {event['object']['type']}"


def _last(iri: str) -> str:
    return iri.rstrip("/").rpartition("/")[2]


def _listed(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts)) or "not translated"


def _short_xapi(statement: dict[str, Any]) -> dict[str, Any]:
    short = {key: value for key, value in statement.items() if key not in _SHARED_XAPI}
    context = dict(short.pop("context"))
    kept = {
        key: value
        for key, value in context.pop("extensions").items()
        if key != _PROGRAM and key not in _SESSIONS
    }
    activities = dict(context.pop("contextActivities", {}))
    if [each["definition"]["type"] for each in activities.get("parent", ())] == [
        "http://adlnet.gov/expapi/activities/course"
    ]:
        del activities["parent"]
    if kept:
        context["extensions"] = kept
    if activities:
        context["contextActivities"] = activities
    return short | ({"context": context} if context else {})


def _short_caliper(event: dict[str, Any]) -> dict[str, Any]:
    short = {key: value for key, value in event.items() if key not in _SHARED_CALIPER}
    kept = {key: value for key, value in short.pop("extensions").items() if key != _PROGRAM}
    if short["actor"]["type"] == "Person":
        del short["actor"]
    return short | ({"extensions": kept} if kept else {})


def _json(value: object) -> Iterator[str]:
    yield "```"
    yield json.dumps(value, indent=2, ensure_ascii=False).replace(LMS_ROOT, "{lms}")
    yield "```"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {sum(map(len, FAMILIES.values()))} events")
