"""
The models of Aspects in a real ClickHouse: what they keep of statements, and what they refuse.

Each model is a table of columns here: of which verbs, what is read, and as what. The SQL is made of
that. As in Aspects, every model is a materialized view that hangs on the table of raw statements,
so an insert succeeds in all of them or fails as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from aspects_readings import (
    ASKED,
    ATTEMPT_ID,
    CLASSIFICATION,
    COMPLETED,
    COURSE,
    EARNED,
    ENDING_POINT,
    EVALUATED,
    FAILED,
    INITIALIZED,
    LINK,
    MODE,
    MODULE,
    NAVIGATED,
    PASSED,
    PAUSED,
    PLAYED,
    REGISTERED,
    SEEKED,
    STARTING_POSITION,
    TERMINATED,
    UNREGISTERED,
    VIDEO,
)


class Model(NamedTuple):
    """A table that is filled with some of the statements."""

    name: str
    verbs: tuple[str, ...]
    columns: dict[str, str]
    """What is read, as an expression of ClickHouse over `event` and what all statements have."""
    where: str = "1"


def text(*path: str) -> str:
    """Read whatever stands at *path* as text; what is not there is ``''``."""
    steps = "".join(f'."{step}"' for step in path)
    return f"JSON_VALUE(event, '${steps}')"


def extracted(kind: str, *path: str) -> str:
    """Read the value of that kind at *path*; anything else is its zero, silently."""
    steps = ", ".join(f"'{step}'" for step in path)
    return f"JSONExtract{kind}(event, {steps})"


def only_of(verb: str, read: str, other: str) -> str:
    return f"if(verb_id = '{verb}', {read}, {other})"


SCORE = f"CAST({extracted('Float', 'result', 'score', 'scaled')} AS Float32)"
GRADE = extracted("String", "result", "extensions", CLASSIFICATION)
OBJECT_TYPE = extracted("String", "object", "definition", "type")
POSITION = extracted("Int", "context", "extensions", STARTING_POSITION)
TIME, TIME_FROM = (text("result", "extensions", f"{VIDEO}{each}") for each in ("time", "time-from"))

MODELS = (
    Model(
        "problem_events",
        (EVALUATED, PASSED, ASKED),
        {
            "responses": text("result", "response"),
            "scaled_score": SCORE,
            "success": only_of(
                EVALUATED, f"CAST({text('result', 'success')} AS Bool)", "CAST(0 AS Bool)"
            ),
            "interaction_type": text("object", "definition", "interactionType"),
            "attempts": only_of(
                EVALUATED,
                f"CAST({text('object', 'definition', 'extensions', ATTEMPT_ID)} AS Int16)",
                "CAST(0 AS Int16)",
            ),
            "problem_id": (
                r"regexpExtract(object_id, 'xblock/([\\w\\d+:@-]*@problem\\+block@[^_/]*)', 1)"
            ),
        },
    ),
    Model(
        "grading_events",
        (EARNED, EVALUATED, PASSED, FAILED),
        {
            "scaled_score": SCORE,
            "approving_state": (
                f"multiIf({GRADE} = 'Fail', 'failed', {GRADE} = 'Pass', 'passed', verb_id IN "
                f"('{PASSED}', '{FAILED}'), splitByChar('/', verb_id)[-1], '')"
            ),
        },
        where=f"verb_id IN ('{EARNED}', '{EVALUATED}') OR {OBJECT_TYPE} = '{COURSE}'",
    ),
    Model(
        "video_playback_events",
        (COMPLETED, INITIALIZED, TERMINATED, PAUSED, PLAYED, SEEKED),
        {
            "video_position": (
                f"CAST(coalesce(nullIf({TIME}, ''), nullIf({TIME_FROM}, ''), '0.0') "
                "AS Decimal32(2))"
            ),
            "video_duration": extracted("Int", "context", "extensions", f"{VIDEO}length"),
        },
        where="position(object_id, 'video+block') > 0",
    ),
    Model(
        "navigation_events",
        (NAVIGATED,),
        {
            "block_id": "splitByString('/xblock/', object_id)[-1]",
            "object_type": OBJECT_TYPE,
            "starting_position": f"if({OBJECT_TYPE} IN ('{LINK}', '{MODULE}'), 0, {POSITION})",
            "ending_point": extracted("String", "context", "extensions", ENDING_POINT),
        },
    ),
    Model(
        "enrollment_events",
        (REGISTERED, UNREGISTERED),
        {
            "enrollment_mode": text("object", "definition", "extensions", MODE),
            "enrollment_status": "splitByChar('/', verb_id)[-1]",
        },
    ),
)

PARENT = "'$.context.contextActivities.parent[0]"
COURSE_ID = f"""multiIf(
    JSON_VALUE(event, {PARENT}.definition.type') = '{COURSE}', JSON_VALUE(event, {PARENT}.id'),
    JSON_VALUE(event, {PARENT}.objectType') IN ('Activity', 'GroupActivity'),
    JSON_VALUE(event, '$.context.contextActivities.grouping[0].id'),
    object_id
)"""

PARSED = {
    "verb_id": text("verb", "id"),
    "actor_id": (
        f"coalesce(nullIf({text('actor', 'account', 'name')}, ''), "
        f"nullIf({text('actor', 'mbox')}, ''), {text('actor', 'mbox_sha1sum')})"
    ),
    "object_id": text("object", "id"),
    "course_key": f"splitByChar('/', {COURSE_ID})[-1]",
    "org": r"regexpExtract(course_key, '^(?:course|ccx)-v1:([^+]+)', 1)",
}
"""What every model has of a statement."""


def _made_by(name: str, source: str, columns: dict[str, str], where: str = "1") -> tuple[str, str]:
    """Give what makes a table, and the view that fills it."""
    listed = ", ".join(f"{read} AS {column}" for column, read in columns.items())
    query = f"SELECT event_id, emission_time, {listed} FROM {source} WHERE {where}"
    # No engine that replaces: two questions of one event must not become one row.
    return (
        f"CREATE TABLE {name} ENGINE = MergeTree ORDER BY event_id EMPTY AS {query}",
        # A view that hangs on another view would see nothing; Aspects' hang on tables as well.
        f"CREATE MATERIALIZED VIEW {name}_mv TO {name} AS {query}",
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


class Aspects:
    """One database with all models; closed by `close`."""

    def __init__(self) -> None:
        # Half a gigabyte: imported by those who need it.
        from chdb.session import Session

        self._session = Session()
        self._run("CREATE DATABASE aspects ENGINE = Atomic")
        self._run("USE aspects")
        self._run(
            "CREATE TABLE raw (event_id UUID, emission_time DateTime64(6), event String) "
            "ENGINE = MergeTree ORDER BY event_id"
        )
        queries = [*_made_by("parsed", "raw", {**PARSED, "event": "event"})]
        for model in MODELS:
            where = f"verb_id IN ({_quoted(model.verbs)}) AND ({model.where})"
            common = {name: name for name in PARSED}
            queries += _made_by(model.name, "parsed", {**common, **model.columns}, where)
        for query in queries:
            self._run(query)

    def _run(self, query: str) -> str:
        return str(self._session.query(query, "JSONEachRow"))

    def close(self) -> None:
        self._session.close()

    def insert(self, statements: Sequence[dict[str, Any]]) -> str:
        """Insert all in one request, as the record store does; give what was said, ``""``: fine."""
        rows = "\n".join(
            json.dumps(
                {
                    "event_id": each["id"],
                    "emission_time": each["timestamp"],
                    "event": json.dumps(each),
                }
            )
            for each in statements
        )
        try:
            self._run(
                "INSERT INTO raw SETTINGS date_time_input_format = 'best_effort' "
                f"FORMAT JSONEachRow {rows}"
            )
        except RuntimeError as error:
            return str(error)
        return ""

    def rows(self, model: str, columns: Iterable[str]) -> list[dict[str, Any]]:
        """Give the rows of *model*, in the order of statement ids."""
        found = self._run(f"SELECT event_id, {', '.join(columns)} FROM {model} ORDER BY event_id")
        return [json.loads(line) for line in found.splitlines()]

    def empty(self) -> None:
        for table in ("raw", "parsed", *(model.name for model in MODELS)):
            self._run(f"TRUNCATE TABLE {table}")
