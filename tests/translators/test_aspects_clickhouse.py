"""A real ClickHouse with the models of Aspects takes all that we send, and reads what it should."""

import copy
import importlib.util
import json
import os
from pathlib import Path

import pytest
from aspects_clickhouse import MODELS, PARSED, Aspects
from aspects_readings import ATTEMPT_ID
from known_blocks import know_all

from eventkit import HMACIdentity, XAPITranslator
from eventkit.batch import read_log, translate_lines
from eventkit.demo import sample_log
from eventkit.testing import golden_cases

if importlib.util.find_spec("chdb") is None:
    if os.environ.get("CI") == "true":
        raise ModuleNotFoundError("chdb is missing; it comes with the extra test")
    pytest.skip("chdb has no wheel for this machine", allow_module_level=True)

GOLDEN = [
    json.loads(path.read_text("utf-8"))["event"]
    for path in golden_cases(Path(__file__).parents[1] / "golden")
]
OPTIONS = {"lms_root": "https://lms.example.org", "identity": HMACIdentity("only tests use this")}
DIALECTS = pytest.mark.parametrize(
    "options",
    [{}, {"dialect": "erb"}, {"dialect": "erb", "fallback": "standard"}],
    ids=["standard", "erb", "erb with fallback"],
)


@pytest.fixture(scope="module")
def database():
    """One ClickHouse."""
    made = Aspects()
    yield made
    made.close()


@pytest.fixture
def aspects(database):
    """The same, and nothing in it."""
    database.empty()
    return database


def statements(events, options):
    made = XAPITranslator(**OPTIONS, **options).translate_many(events)
    return [statement for each in made for statement in each["documents"]]


def lines(path, options):
    made = translate_lines(read_log(str(path)), XAPITranslator(**OPTIONS, **options))
    return [statement for each in made for statement in each.documents or ()]


def table(aspects):
    """Give the rows of every model."""
    return {model.name: aspects.rows(model.name, (*PARSED, *model.columns)) for model in MODELS}


class TestNothingIsRefused:
    """One statement that cannot be cast would cost its whole batch."""

    @DIALECTS
    def test_golden_cases(self, aspects, options):
        """Of every row, in one insert."""
        made = statements(GOLDEN, options)

        assert aspects.insert(made) == ""
        found = table(aspects)
        assert {name: bool(rows) for name, rows in found.items()} == dict.fromkeys(found, True)
        assert len(aspects.rows("parsed", ["verb_id"])) == len(made) > 70

    def test_what_is_known_of_blocks_changes_nothing(self, aspects):
        """The same rows, however much a site knows of its blocks."""
        assert aspects.insert(statements(GOLDEN, {})) == ""
        plain = table(aspects)
        made = statements(GOLDEN, {"blocks": know_all})
        contexts = [each["context"].get("contextActivities", {}) for each in made]
        aspects.empty()

        assert aspects.insert(made) == ""
        assert table(aspects) == plain
        assert sum("grouping" in each for each in contexts) > 150

    @DIALECTS
    def test_sample_log(self, aspects, options):
        """Of the log that the package ships."""
        made = lines(sample_log(), options)

        assert aspects.insert(made) == ""
        assert len(aspects.rows("parsed", ["verb_id"])) == len(made) > 100

    @DIALECTS
    def test_real_logs(self, aspects, options, shared_data):
        """Of real logs."""
        count = 0
        for path in sorted((shared_data / "tracking_logs").glob("*.log")):
            made = lines(path, options)
            count += len(made)
            assert made == [] or aspects.insert(made) == "", path.name

        assert len(aspects.rows("parsed", ["verb_id"])) == count > 40

    @DIALECTS
    def test_log_lines_of_golden_cases(self, aspects, options):
        """An event as a line of a log, its payload as text."""
        events = [
            {
                **{key: value for key, value in event.items() if key not in ("data", "timestamp")},
                "time": event["timestamp"],
                "event": json.dumps(event["data"]),
                "event_type": event["name"],
                "event_source": event["context"].get("event_source", "server"),
            }
            for event in GOLDEN
            if "timestamp" in event and "data" in event
        ]
        made = statements(events, options)

        assert len(made) > 50
        assert aspects.insert(made) == ""


@pytest.mark.parametrize(
    "path", [("result", "success"), ("object", "definition", "extensions", ATTEMPT_ID)], ids=str
)
def test_poison_is_refused(aspects, path):
    """The models are as strict as in Aspects, or the tests above would show nothing."""
    made = statements(GOLDEN, {})
    spoilt = copy.deepcopy(next(each for each in made if each["verb"]["id"].endswith("/evaluated")))
    holder = spoilt
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]

    assert "while pushing to view aspects.problem_events_mv" in aspects.insert([*made, spoilt])


class TestBesideThePeer:
    """What the models read of the statements that event-routing-backends is tested to give."""

    @pytest.fixture
    def peers(self, database, shared_data):
        """Give of each fixture the event, and what the models have of the peer's statements."""
        found = {}
        for path in sorted((shared_data / "peer_fixtures" / "raw").glob("*.json")):
            expected = json.loads(
                (shared_data / "peer_fixtures" / "xapi" / path.name).read_text("utf-8")
            )
            database.empty()
            refused = database.insert(expected if isinstance(expected, list) else [expected])
            found[path.name] = (json.loads(path.read_text("utf-8")), refused, table(database))
        return found

    def ours(self, aspects, event, options):
        made = XAPITranslator(
            **{**OPTIONS, "lms_root": "http://localhost:18000"},
            **options,
            courses=lambda course_id: "Demonstration Course",
        ).translate_many([event])
        aspects.empty()
        said = aspects.insert([statement for each in made for statement in each["documents"]])
        assert said == ""
        return table(aspects)

    def test_rows_of_erb(self, aspects, peers):
        """As many rows in each model, with the same in every column but the actor."""
        compared = 0
        for name, (event, refused, theirs) in peers.items():
            if refused:
                continue
            mine = self.ours(aspects, event, {"dialect": "erb"})
            assert stripped(mine) == stripped(theirs), name
            compared += sum(map(len, mine.values()))
        assert compared > 20

    def test_rows_of_standard(self, aspects, peers):
        """At least as many rows, and no column empty that the peer fills."""
        lacking = []
        for name, (event, refused, theirs) in peers.items():
            if refused:
                continue
            mine = self.ours(aspects, event, {})
            for model, rows in theirs.items():
                if len(mine[model]) < len(rows):
                    lacking.append((name, model, len(mine[model]), len(rows)))
                    continue
                missing = filled(rows) - filled(mine[model])
                lacking += [(name, model, each) for each in sorted(missing)]
        assert lacking == []


def stripped(found):
    """Leave out whose it is, and the ids that go with it."""
    return {
        model: sorted(
            (
                {
                    key: value
                    for key, value in row.items()
                    if key not in ("event_id", "actor_id", "emission_time")
                }
                for row in rows
            ),
            key=json.dumps,
        )
        for model, rows in found.items()
    }


def filled(rows):
    """Give the columns that say something in one of *rows*."""
    return {column for row in rows for column, value in row.items() if value not in ("", 0, None)}
