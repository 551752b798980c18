"""
Write the pages in ``docs/reference/events`` from the event tables and their golden cases.

Run ``python docs/make_events_page.py`` after a change to any of them, or to the profile; a test
fails while a page is stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eventkit.events import CATALOGUE, FAMILIES, Row
from eventkit.events.profile import templates
from eventkit.events.shapes.iris import (
    ASKED,
    COMPLETED,
    COURSE,
    EARNED,
    EVALUATED,
    FAILED,
    INITIALIZED,
    INTERACTED,
    NAVIGATED,
    PASSED,
    PAUSED,
    PLAYED,
    REGISTERED,
    SEEKED,
    TERMINATED,
    UNREGISTERED,
    VIDEO_PROFILE,
)
from eventkit.reading import Source
from eventkit.testing import LMS_ROOT
from eventkit.translators.erb.caliper import NAMES as IN_CALIPER
from eventkit.translators.erb.xapi_shapes import NAMES as IN_XAPI

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference" / "events"
INDEX = "README.md"
GOLDEN = ROOT / "tests" / "golden"

_WRITTEN = (
    "<!-- Written by docs/make_events_page.py; change the event tables or golden cases instead. -->"
)

INTRODUCTION = f"""\
# Events

{_WRITTEN}

Every event that eventkit knows, by family, and what it becomes in dialect `standard`.
Dialect `erb` has those of which the entry says so: what event-routing-backends translates.
Each entry names the template of the [xAPI profile](../profile.md) that its statements fulfil, and the models of Aspects that take them.
"""  # noqa: E501 - one sentence per line

EXAMPLES = """\
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

ASPECTS = {
    "enrollment_events": (REGISTERED, UNREGISTERED),
    "grading_events": (EARNED, EVALUATED, PASSED, FAILED),
    "navigation_events": (NAVIGATED,),
    "problem_events": (EVALUATED, PASSED, ASKED),
    "video_playback_events": (COMPLETED, INITIALIZED, TERMINATED, PAUSED, PLAYED, SEEKED),
}
"""The verbs that the models of Aspects (aspects-dbt 7.0.0) take."""

_VIDEO_TEMPLATES = {
    INITIALIZED.id: "initialized",
    INTERACTED.id: "closed-captioning",
    PLAYED.id: "played",
    SEEKED.id: "seeked",
}


def pages() -> dict[str, str]:
    """Give the text of every page, by the name of its file."""
    found = {INDEX: _text(INTRODUCTION, *_summary(), *_names())}
    for family, rows in sorted(FAMILIES.items()):
        found[f"{_title(family)}.md"] = _text(*_page(family, rows))
    return found


def _text(*lines: str) -> str:
    return "\n".join(lines).rstrip() + "\n"


def _title(family: str) -> str:
    return family.replace("_", "-")


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
        title = _title(family)
        yield f"| [{title}]({title}.md) | {' | '.join(map(str, counts))} |"
    yield f"| all | {' | '.join(map(str, totals))} |"
    yield ""


def _names() -> Iterator[str]:
    """List all names, each with the way to its entry."""
    entries = {
        name: f"{_title(family)}.md#{_anchor(row.name)}"
        for family, rows in FAMILIES.items()
        for row in rows
        for name in row.names
    }
    yield "## All names"
    yield ""
    for name in sorted(entries):
        yield f"- [`{name}`]({entries[name]})"


def _anchor(heading: str) -> str:
    """Give what a heading is called in links, as GitHub does it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _page(family: str, rows: Iterable[Row]) -> Iterator[str]:
    yield f"# Events: {_title(family)}"
    yield ""
    yield _WRITTEN
    yield ""
    yield f"A family of the [events]({INDEX})."
    yield EXAMPLES
    for row in rows:
        yield from _event(family, row)


def _event(family: str, row: Row) -> Iterator[str]:
    yield f"## `{row.name}`"
    yield ""
    if len(row.names) > 1:
        yield f"Also: {_quoted(row.names[1:])}."
        yield ""
    if row.reason:
        yield row.reason.rstrip(".") + "."
        yield ""
    cases = _cases(family, row)
    if not cases:
        return
    case = cases[0]
    yield f"- xAPI: {_listed(_meaning_xapi(each) for each in case['xapi'] or ())}"
    yield f"- Caliper: {_listed(_meaning_caliper(each) for each in case['caliper'] or ())}"
    if names := _quoted(each["id"].partition("#")[2] for each in templates(row.name)):
        yield f"- Template: {names}{_of_video_profile(cases)}"
    if models := _quoted(_models(cases)):
        yield f"- Aspects: {models}"
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


def _statements(cases: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for case in cases:
        yield from case["xapi"] or ()


def _of_video_profile(cases: Iterable[dict[str, Any]]) -> str:
    """Say which template of ADL's video profile statements fulfil, where they say that one."""
    for statement in _statements(cases):
        activities = statement["context"].get("contextActivities", {})
        if VIDEO_PROFILE in [each["id"] for each in activities.get("category", ())]:
            template = _VIDEO_TEMPLATES[statement["verb"]["id"]]
            return f"; of ADL's video profile: `{template}`"
    return ""


def _models(cases: Iterable[dict[str, Any]]) -> list[str]:
    """List the models of Aspects that take statements."""
    return sorted(
        {
            model
            for statement in _statements(cases)
            for model, verbs in ASPECTS.items()
            if statement["verb"]["id"] in [verb.id for verb in verbs]
            and _is_for(model, statement["verb"]["id"], statement["object"])
        }
    )


def _is_for(model: str, verb: str, target: dict[str, Any]) -> bool:
    """Tell whether a model that takes the verb looks at what the statement is about."""
    if model == "video_playback_events":
        return "video+block" in target["id"]
    if model == "grading_events" and verb in (PASSED.id, FAILED.id):
        return bool(target["definition"]["type"] == COURSE)
    return True


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


def _cases(family: str, row: Row) -> list[dict[str, Any]]:
    """Give the cases of an event: first the one without a suffix, if there is one."""
    folder = GOLDEN / family
    found = [
        json.loads(path.read_text("utf-8"))
        for name in row.names
        for path in (folder / f"{name}.json", *sorted(folder.glob(f"{name}.*.json")))
        if path.is_file()
    ]
    # Names of other events may begin alike; implicit events have names of their own.
    others = {other.name for other in CATALOGUE} - {row.name}
    return [case for case in found if CATALOGUE.canonical(Source(case["event"]).name) not in others]


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
    FOLDER.mkdir(exist_ok=True)
    for stale in set(FOLDER.iterdir()) - {FOLDER / name for name in pages()}:
        stale.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{FOLDER.relative_to(ROOT)}: {sum(map(len, FAMILIES.values()))} events")
