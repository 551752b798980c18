"""
Write ``eventkit/events/profile.jsonld``, the xAPI profile of what events become, from the tables.

Run ``python docs/make_profile.py`` after a change to cases, event tables or IRIs; a test fails
while it is stale. What the IRIs mean that Open edX has coined stands in ``profile_concepts.toml``.

The functions of a row cannot be asked what a statement always has, so they are tried: with the
event of each golden case, with every part of it gone, emptied or changed, and with as little as
they can do with. What all statements have is a rule; what some have is recommended.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from eventkit.events import CATALOGUE, OneOf, Row, Verb
from eventkit.events.families.unknown import UNKNOWN
from eventkit.events.shapes import iris
from eventkit.events.shapes.blocks import KINDS
from eventkit.events.shapes.iris import EVENT_NAME, SESSION_ID, TRANSFORMER_VERSION
from eventkit.exceptions import TranslationError, UnsupportedEvent
from eventkit.reading import Source
from eventkit.testing import COURSES, LMS_ROOT, golden_cases
from eventkit.translators import HMACIdentity, XAPITranslator
from eventkit.translators.options import MAPPING_VERSION
from eventkit.typing import Json

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "eventkit" / "events" / "profile.jsonld"
GOLDEN = ROOT / "tests" / "golden"
CONCEPTS = Path(__file__).with_name("profile_concepts.toml")

PROFILE = "https://w3id.org/xapi/openedx"
"""The profile, and what all IRIs begin with that Open edX has coined."""

VERSIONS = {"1": "2026-11-28T00:00:00Z"}
"""When each version of the mapping was made; the profile has the same versions."""

VERSION = f"{PROFILE}/mapping-{MAPPING_VERSION}"

DEFINITION = (
    "What tracking events of Open edX become in xAPI, as eventkit translates them: one template "
    "for each kind of event. Which event a statement is from, and so which template is its own, "
    "is said by the context extension event-name; several templates may share verb and activity "
    "type. Statements do not name this profile as a category. There are no patterns: they need a "
    "registration, and the platform has none."
)

OF_ANY_BLOCK = frozenset(
    (
        "edx.bookmark.accessed",
        "edx.bookmark.added",
        "edx.bookmark.removed",
        "edx.completion.block_completion.changed",
        "edx.course.student_notes.added",
        "edx.course.student_notes.used_unit_link",
        "edx.grades.problem.rescored",
        "edx.grades.problem.score_overridden",
        "edx.grades.problem.state_deleted",
        "edx.grades.problem.submitted",
        "edx.ui.lms.jump_nav.selected",
        "edx.ui.lms.outline.selected",
    )
)
"""Events that may be about blocks of any kind; the others come from one kind of block."""

_OPTIONS: Json = {
    "lms_root": LMS_ROOT,
    "identity": HMACIdentity("golden cases, nothing secret"),
    "implicit": True,
    "unknown": "generic",
}
_KIND = re.compile(r"(\+type@)[^+/]+(\+block@)|(i4x:/+[^/]+/[^/]+/)[^/]+(/)")

# Whoever asks for statements decides what these say.
_SET_BY_SITES = frozenset((TRANSFORMER_VERSION, SESSION_ID))

_WHERE = {
    "ContextExtension": "$.context",
    "ResultExtension": "$.result",
    "ActivityExtension": "$.object.definition",
}
_CALIPER = " Only Caliper events have it."
_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}


_ANY = Row((UNKNOWN,))
"""Stands for all events that no row knows."""


class Form(NamedTuple):
    """One kind of statement of a row."""

    event: str
    verb: str
    is_part: bool
    """Whether it is of a part of what the event is about, and refers to the statement of that."""


class Seen:
    """What was seen of the statements of one form."""

    def __init__(self) -> None:
        self.number = 0
        self.places: Counter[str] = Counter()
        self.values: dict[str, set[Any]] = defaultdict(set)
        self.types: set[str] = set()
        self.roles: dict[str, Counter[str]] = defaultdict(Counter)
        self.display = ""

    def add(self, statement: Json) -> None:
        """Look at one more."""
        self.number += 1
        self.display = statement["verb"]["display"]["en"]
        self.types.add(statement["object"]["definition"]["type"])
        for place, value in _places(statement):
            self.places[place] += 1
            is_plain = isinstance(value, (str, int, float))
            self.values[place].add((type(value), value) if is_plain else None)
        activities = statement["context"].get("contextActivities", {})
        for role, found in activities.items():
            self.roles[role].update({each["definition"]["type"] for each in found})

    def always(self, place: str) -> bool:
        """Tell whether all have something at that place."""
        return self.places[place] == self.number

    def constant(self, place: str) -> list[Any]:
        """Give the value that all have at a place, if it is one; events were changed to see it."""
        values = self.values[place]
        if len(values) > 1 or None in values or ".name" in place or ".description" in place:
            return []
        return [value for _, value in values]


def _places(statement: Json) -> Iterator[tuple[str, Any]]:
    """Give each place that a rule may speak of, and what is there."""
    yield "$.id", None
    yield "$.timestamp", None
    result = dict(statement.get("result", {}))
    for key, value in result.pop("score", {}).items():
        yield f"$.result.score.{key}", value
    for key, value in result.pop("extensions", {}).items():
        yield _extension("$.result", key), value
    for key, value in result.items():
        yield f"$.result.{key}", value
    context = dict(statement["context"])
    for key, value in context.pop("extensions").items():
        yield _extension("$.context", key), None if key in _SET_BY_SITES else value
    for role in context.pop("contextActivities", {}):
        yield f"$.context.contextActivities.{role}[*]", None
    for key in context:
        yield f"$.context.{key}", None
    definition = dict(statement["object"]["definition"])
    del definition["type"]
    for key, value in definition.pop("extensions", {}).items():
        yield _extension("$.object.definition", key), value
    for key, value in definition.items():
        yield f"$.object.definition.{key}", value


def _extension(where: str, key: str) -> str:
    return f"{where}.extensions['{key}']"


def forms() -> dict[Form, Seen]:
    """Try all events; give what was seen, in the order of the tables."""
    seen: dict[Form, Seen] = defaultdict(Seen)
    events = [json.loads(path.read_text("utf-8"))["event"] for path in golden_cases(GOLDEN)]
    for event in [*events, *_unknown(events)]:
        for statement in _tried(event):
            name = statement["context"]["extensions"][EVENT_NAME]
            if not CATALOGUE.lists(name):
                if CATALOGUE.get(name) is not None:  # an exam's step that became another one
                    continue
                name = UNKNOWN
            form = Form(name, statement["verb"]["id"], "statement" in statement["context"])
            seen[form].add(statement)
    order = {row.name: number for number, row in enumerate((*CATALOGUE, _ANY))}
    return dict(sorted(seen.items(), key=lambda item: (order[item[0].event], item[0])))


def _unknown(events: Iterable[Json]) -> Iterator[Json]:
    """Give events of blocks under a name that no row knows."""
    for event in events:
        if event.get("context", {}).get("module") and event.get("name"):
            yield event | {"name": "xblock.example.used"}
            return


def _tried(event: Json) -> Iterator[Json]:
    """Give the statements of an event and of all that it is changed into."""
    named, unnamed, telling = (
        XAPITranslator(**_OPTIONS, **more)
        for more in ({"courses": COURSES}, {}, {"include_text": True})
    )
    event = _opened(event)
    for changed in _changed(event):
        yield from _translated(named, changed)
    for order in (1, -1):
        least = _least(named, event, order)
        for translator in (named, unnamed, telling):
            yield from _translated(translator, least)
    yield from _translated(unnamed, event)
    yield from _translated(telling, event)


def _translated(translator: XAPITranslator, event: Json) -> list[Json]:
    try:
        return translator.translate(event)
    except (TranslationError, UnsupportedEvent):
        return []


def _opened(event: Json) -> Json:
    """Give an event whose payload is no text, so that its parts can be changed."""
    source = Source(event)
    opened = {key: value for key, value in event.items() if key not in ("data", "event")}
    return opened | {"data": copy.deepcopy(source.payload)}


def _changed(event: Json) -> Iterator[Json]:
    """Give the event with each of its parts gone, emptied or changed, one at a time."""
    yield event
    text = json.dumps(event)
    for path in _paths(event):
        for value in _others(_at(event, path)):
            changed = json.loads(text)
            _at(changed, path[:-1])[path[-1]] = value
            yield changed
        changed = json.loads(text)
        del _at(changed, path[:-1])[path[-1]]
        yield changed
    row = CATALOGUE.get(Source(event).name)
    if (row is None or row.name in OF_ANY_BLOCK) and _KIND.search(text):
        for kind in (*KINDS, "word_cloud"):
            yield json.loads(_KIND.sub(rf"\g<1>\g<3>{kind}\g<2>\g<4>", text))


def _others(value: Any) -> list[Any]:
    """Give what may stand there instead."""
    if isinstance(value, bool):
        return [None, not value]
    if isinstance(value, (int, float)):
        return [None, 0, value + 1, -1, "x"]
    if isinstance(value, str):
        return [None, "", f"{value}x", "1", "true"]
    if isinstance(value, list):
        return [None, [], value[:1], value * 2]
    return [None, {}] if isinstance(value, dict) else ["x", 1, True]


def _least(translator: XAPITranslator, event: Json, order: int) -> Json:
    """Give the event without all that its translation can do without."""
    least = copy.deepcopy(event)
    for path in _paths(event)[::order]:
        fewer = copy.deepcopy(least)
        try:
            del _at(fewer, path[:-1])[path[-1]]
        except (LookupError, TypeError):  # what it stood in is gone
            continue
        if _translated(translator, fewer):
            least = fewer
    return least


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Give the paths to all parts of a JSON value."""
    keys: Iterable[str | int] = ()
    if isinstance(value, (dict, list)):
        keys = range(len(value)) if isinstance(value, list) else value
    return [
        *([path] if path else ()),
        *(p for key in keys for p in _paths(value[key], (*path, key))),
    ]


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def profile() -> Json:
    """Give the profile."""
    if MAPPING_VERSION not in VERSIONS:
        raise SystemExit(f"VERSIONS lacks the time of version {MAPPING_VERSION} of the mapping")
    seen = forms()
    return {
        "@context": "https://w3id.org/xapi/profiles/context",
        "id": PROFILE,
        "type": "Profile",
        "conformsTo": "https://w3id.org/xapi/profiles#1.0",
        "prefLabel": {"en": "Open edX"},
        "definition": {"en": DEFINITION},
        "author": {"type": "Organization", "name": "The maintainers of eventkit"},
        "versions": _versions(),
        "concepts": _concepts(seen.values()),
        "templates": [_template(form, each, seen) for form, each in seen.items()],
    }


def _versions() -> list[Json]:
    """Give the versions, the newest first."""
    made: list[Json] = []
    for number, time in VERSIONS.items():
        version: Json = {"id": f"{PROFILE}/mapping-{number}", "generatedAtTime": time}
        if made:
            version["wasRevisionOf"] = [made[0]["id"]]
        made.insert(0, version)
    return made


def _concepts(seen: Iterable[Seen]) -> list[Json]:
    """Define what Open edX has coined; what others have is defined in their own profiles."""
    told = tomllib.loads(CONCEPTS.read_text("utf-8"))
    _compare(coined(), [iri for concepts in told.values() for iri in concepts])
    types: dict[str, set[str]] = defaultdict(set)
    for each in seen:
        for place, values in each.values.items():
            types[place].update(_TYPES[value[0]] if value else "" for value in values)
    made = []
    for kind, concepts in told.items():
        for iri, definition in concepts.items():
            concept: Json = {
                "id": f"{PROFILE}/{iri}",
                "type": kind,
                "inScheme": VERSION,
                "prefLabel": {"en": _label(iri)},
                "definition": {"en": definition},
            }
            if kind in _WHERE:
                found = types.get(_extension(_WHERE[kind], concept["id"]), set())
                if not found:
                    concept["definition"]["en"] += _CALIPER
                if len(found) == 1 and "" not in found:
                    concept["inlineSchema"] = json.dumps({"type": found.pop()})
            made.append(concept)
    return made


def _compare(used: set[str], defined: list[str]) -> None:
    """Make sure that what is coined is defined, and the other way round."""
    known = {f"{PROFILE}/{iri}" for iri in defined}
    if used != known:
        raise SystemExit(
            f"{CONCEPTS.name}: defines {sorted(known - used) or 'nothing'} that events do not use, "
            f"and lacks {sorted(used - known) or 'nothing'}"
        )


def _label(iri: str) -> str:
    return iri.rpartition("/")[2].replace("-", " ")


def coined() -> set[str]:
    """Give all IRIs in the tables that Open edX has coined."""
    found = {
        each.id if isinstance(each, Verb) else each
        for name, each in vars(iris).items()
        if isinstance(each, (str, Verb)) and not name.startswith("_")
    }
    return {iri for iri in found if iri.startswith(f"{PROFILE}/")}


def _template(form: Form, seen: Seen, others: dict[Form, Seen]) -> Json:
    row = CATALOGUE.get(form.event) or _ANY
    template: Json = {
        "id": _template_id(form, row, seen),
        "type": "StatementTemplate",
        "inScheme": VERSION,
        "prefLabel": {"en": f"{form.event}: {seen.display}{' (a part)' if form.is_part else ''}"},
        "definition": {"en": _told(form, row)},
        "verb": form.verb,
    }
    rules: list[Json] = []
    if len(seen.types) == 1:
        template["objectActivityType"] = next(iter(seen.types))
    else:
        place = "$.object.definition.type"
        rules.append({"location": place, "presence": "included", "any": sorted(seen.types)})
    given = set()
    for role, counted in sorted(seen.roles.items()):
        if always := sorted(kind for kind, count in counted.items() if count == seen.number):
            template[f"context{role.title()}ActivityType"] = always
            given.add(f"$.context.contextActivities.{role}[*]")
    other = form._replace(is_part=not form.is_part)
    if other in others:
        if form.is_part:
            template["contextStatementRefTemplate"] = [_template_id(other, row, seen)]
        else:
            rules.append({"location": "$.context.statement", "presence": "excluded"})
    for place in sorted(seen.places, key=lambda place: (not seen.always(place), place)):
        if place in given:
            continue
        rule: Json = {"location": place}
        rule["presence"] = "included" if seen.always(place) else "recommended"
        if seen.always(place) and (constant := seen.constant(place)):
            rule["any"] = constant
        if form.event == UNKNOWN and place == _extension("$.context", EVENT_NAME):
            rule["none"] = sorted(
                {other.event for other in others if other.verb == form.verb} - {UNKNOWN}
            )
        rules.append(rule)
    template["rules"] = rules
    return template


def _template_id(form: Form, row: Row, seen: Seen) -> str:
    """Give the id of a template, which names the event, and the verb where there are several."""
    parts = [form.event]
    if isinstance(row.xapi, OneOf) and len({each.verb.id for each in row.xapi.among}) > 1:
        parts.append(seen.display.replace(" ", "-"))
    if form.is_part:
        parts.append("part")
    return f"{VERSION}/templates#{'/'.join(parts)}"


def _told(form: Form, row: Row) -> str:
    if form.event == UNKNOWN:
        return "What events become that no row knows, where a site asks for it"
    names = ", ".join(row.names)
    if form.is_part:
        return f"What is said of each part of what the event is about: {names}"
    return f"What the event becomes: {names}"


def render() -> str:
    """Give the text of the file; what is short stands on one line."""
    return _written(profile(), "") + "\n"


def _written(value: Any, indent: str) -> str:
    line = json.dumps(value, ensure_ascii=False)
    is_short = len(line) < 160 and '{"' not in line[2:]
    if not isinstance(value, (dict, list)) or not value or is_short:
        return line
    inner = f"{indent} "
    if isinstance(value, list):
        parts = [_written(each, inner) for each in value]
    else:
        parts = [f"{json.dumps(key)}: {_written(each, inner)}" for key, each in value.items()]
    start, end = "[]" if isinstance(value, list) else "{}"
    return f"{start}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{end}"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)}: {len(profile()['templates'])} templates")
