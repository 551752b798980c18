"""What Aspects reads of statements stands where it reads it, as it can cast it."""

import copy
import json
from pathlib import Path

import pytest
from aspects_readings import (
    ATTEMPT_ID,
    EVALUATED,
    STARTING_POSITION,
    course_of,
    organisation_of,
    poison,
)

from eventkit import HMACIdentity, XAPITranslator, parse_line
from eventkit.batch import read_log, translate_lines
from eventkit.demo import sample_log
from eventkit.reading import Source
from eventkit.testing import golden_cases

GOLDEN = [
    json.loads(path.read_text("utf-8"))["event"]
    for path in golden_cases(Path(__file__).parents[1] / "golden")
]
OPTIONS = {"lms_root": "https://lms.example.org", "identity": HMACIdentity("only tests use this")}
STANDARD = XAPITranslator(**OPTIONS)
WAYS = {
    "standard": STANDARD,
    "everything": XAPITranslator(**OPTIONS, include_text=True, implicit=True),
    "erb": XAPITranslator(**OPTIONS, dialect="erb"),
    "erb with fallback": XAPITranslator(**OPTIONS, dialect="erb", fallback="standard"),
}
ALL = pytest.mark.parametrize("way", WAYS)
BLOCK = "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p"
CONTEXT = {
    "user_id": 7,
    "course_id": "course-v1:Lakeside+BIO201+2025_T1",
    "event_source": "server",
    "referer": "https://lms.example.org/",
}


def poisoned(made):
    """List what would be poison, and how much was looked at."""
    statements = [statement for documents in made for statement in documents]
    return [each for statement in statements for each in poison(statement)], len(statements)


def translated(way, events):
    return (made["documents"] for made in WAYS[way].translate_many(events))


class TestReadings:
    """No statement of any event that we have is poison."""

    @ALL
    def test_golden_cases(self, way):
        """Of every row."""
        found, count = poisoned(translated(way, GOLDEN))

        assert found == []
        assert count > (70 if way == "erb" else 180)

    @ALL
    def test_sample_log(self, way):
        """Of the log that the package ships."""
        lines = translate_lines(read_log(str(sample_log())), WAYS[way])
        found, count = poisoned(each.documents for each in lines)

        assert found == []
        assert count > 100

    @ALL
    def test_real_logs(self, way, shared_data):
        """Of real logs."""
        found, count = [], 0
        for path in sorted((shared_data / "tracking_logs").glob("*.log")):
            lines = translate_lines(read_log(str(path)), WAYS[way])
            more, number = poisoned(each.documents for each in lines)
            found += more
            count += number

        assert found == []
        assert count > 40

    @ALL
    def test_peer_fixtures(self, way, shared_data):
        """Of the events that event-routing-backends is tested with."""
        paths = sorted((shared_data / "peer_fixtures" / "raw").glob("*.json"))
        events = [json.loads(path.read_text("utf-8")) for path in paths]
        found, count = poisoned(translated(way, events))

        assert found == []
        assert count > 40

    @ALL
    def test_courses(self, way):
        """The models give each statement to the course that the event names."""
        seen = 0
        for event in GOLDEN:
            source = Source(event)
            for statement in next(translated(way, [event]), ()):
                if source.course_id.startswith(("course-v1:", "ccx-v1:")):
                    assert course_of(statement) == source.course_id
                    assert organisation_of(statement) == source.org
                    seen += 1
        assert seen > (70 if way == "erb" else 170)


def check(**payload):
    """Make the server's event of a check."""
    return {
        "name": "problem_check",
        "timestamp": "2025-02-03T04:05:06.789123+00:00",
        "data": {"problem_id": BLOCK, **payload},
        "context": CONTEXT,
    }


def question(correct=None, **more):
    return (
        {"answer": "x", "question": "?", "response_type": "stringresponse"}
        | ({} if correct is None else {"correct": correct})
        | more
    )


def evaluations(event):
    """Give the "evaluated" statements of an event, all of which Aspects must be able to read."""
    statements = STANDARD.translate(event)
    assert {each["verb"]["id"] for each in statements} == {EVALUATED}
    assert [poison(each) for each in statements] == [[]] * len(statements)
    return statements


def success(event):
    return [each["result"]["success"] for each in evaluations(event)]


def counted(event):
    found = [each["object"]["definition"]["extensions"][ATTEMPT_ID] for each in evaluations(event)]
    assert len(set(found)) == 1
    return found[0]


ONE = {"p_2_1": question(correct=True)}
SEVERAL = {"p_2_1": question(correct=True), "p_3_1": question(correct=False)}


class TestSuccess:
    """Every check says whether it was a success."""

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("correct", True),
            (" Correct ", True),
            (True, True),
            ("incorrect", False),
            ("partially-correct", False),
            (False, False),
            ("", False),
            (None, False),
            ([], False),
            ({"a": 1}, False),
            (float("nan"), False),
        ],
    )
    def test_of_the_whole(self, said, expected):
        """Where there is no submission, the event's own word counts."""
        assert success(check(success=said)) == [expected]

    def test_of_one_question(self):
        """The verdict on a single question is that of the whole."""
        for correct in (True, False):
            said = success(
                check(submission={"p_2_1": question(correct=correct)}, success="correct")
            )

            assert said == [correct]

    @pytest.mark.parametrize(
        ("correct_map", "expected"),
        [
            ({"p_2_1": {"correctness": "correct"}}, True),
            ({"p_2_1": {"correctness": "incorrect"}}, False),
            ({"p_2_1": {"correctness": "partially-correct"}}, False),
            ({"p_2_1": {"correctness": None}}, False),
            ({"p_2_1": {}}, False),
            ({"p_2_1": "correct"}, False),
            ({"p_9_1": {"correctness": "correct"}}, False),
            (["correct"], False),
            ("correct", False),
            (None, False),
        ],
    )
    def test_of_the_marks(self, correct_map, expected):
        """A question without a verdict has the one of the marks; one that is nowhere is none."""
        whole = check(submission={"p_2_1": question()}, correct_map=correct_map)
        part = check(
            submission={"p_2_1": question(correct=""), "p_3_1": question(correct=True)},
            correct_map=correct_map,
        )

        assert success(whole) == [expected]
        assert success(part) == [expected, expected, True]

    def test_of_several_questions(self):
        """The whole is what the event says of it, each question what it says of that."""
        assert success(check(submission=SEVERAL, success="incorrect")) == [False, True, False]
        assert success(check(submission=SEVERAL)) == [False, True, False]
        assert success(check(submission=SEVERAL, success="correct")) == [True, True, False]

    def test_unanswered(self):
        """A question of which nothing is said is no success, unless the whole is one."""
        unanswered = {"p_2_1": question(correct=True), "p_3_1": question(answer=None)}

        assert success(check(submission=unanswered)) == [False, True, False]
        assert success(check(submission=unanswered, success="incorrect")) == [False, True, False]
        assert success(check(submission=unanswered, success="correct")) == [True, True, True]

    @pytest.mark.parametrize(
        ("grade", "most", "expected"),
        [
            (2, 2, True),
            (3, 2, True),
            (1, 2, False),
            (0, 0, False),
            (None, 2, False),
            ("2", 2, True),
        ],
    )
    def test_of_the_points(self, grade, most, expected):
        """The last word is with the points; nothing of nothing is no success."""
        assert success(check(grade=grade, max_grade=most)) == [expected]


class TestAttempts:
    """Every check says which attempt it was, as an integer of 16 bits."""

    @pytest.mark.parametrize("submission", [None, ONE, SEVERAL], ids=["none", "one", "several"])
    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            (1, 1),
            (7, 7),
            ("2", 2),
            (3.0, 3),
            ("4.0", 4),
            (0, 0),
            (32767, 32767),
            (32768, 32767),
            (10**12, 32767),
            (10**30, 1),
            (None, 1),
            ("", 1),
            ("many", 1),
            (2.5, 1),
            (-1, 1),
            (True, 1),
            (float("nan"), 1),
            (float("inf"), 1),
            ([3], 1),
            ({"n": 3}, 1),
        ],
    )
    def test_counts(self, said, expected, submission):
        """What was checked is one attempt at least, where the event says nothing that can be."""
        more = {} if submission is None else {"submission": submission}

        assert counted(check(attempts=said, **more)) == expected

    def test_missing(self):
        """So it is where the event has no such member; in the context only its own word stands."""
        (whole, *parts) = evaluations(check(submission=SEVERAL))

        assert counted(check(submission=SEVERAL)) == 1
        for statement in (whole, *parts):
            assert ATTEMPT_ID not in statement["context"]["extensions"]

    def test_of_the_event_itself(self):
        """In the context the number is that of the event, however large."""
        (statement,) = evaluations(check(attempts=40000))

        assert statement["context"]["extensions"][ATTEMPT_ID] == 40000


class TestNumbers:
    """Numbers that would be poison are no numbers of what they are said to be."""

    @pytest.mark.parametrize("value", [1e7, 9_999_999.9999, -1e9, 1e12, 10**18, "1e300"])
    @pytest.mark.parametrize("name", ["play_video", "seek_video", "load_video", "complete_video"])
    def test_times_in_videos(self, name, value):
        """No video is so long; milliseconds for seconds are such numbers."""
        fields = ("currentTime", "current_time", "old_time", "new_time", "duration")
        event = check() | {"name": name, "data": {"id": "v", **dict.fromkeys(fields, value)}}
        (statement,) = STANDARD.translate(event)

        assert poison(statement) == []
        assert str(value) not in json.dumps(statement)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(9_999_998, 9_999_998.0), (-2.5, -2.5), (0, 0.0), ("12.3456", 12.346)],
    )
    def test_what_may_be(self, value, expected):
        """Others stay."""
        event = check() | {"name": "play_video", "data": {"id": "v", "currentTime": value}}
        (statement,) = STANDARD.translate(event)

        assert poison(statement) == []
        assert list(statement["result"]["extensions"].values()) == [expected]

    @pytest.mark.parametrize(
        ("value", "expected"), [(2, 2), ("3", 3), (4.0, 4), (1.5, None), (1e-7, None), ("x", None)]
    )
    def test_units(self, value, expected):
        """The unit that was left is a whole number, or it is not said."""
        event = check() | {
            "name": "edx.ui.lms.sequence.next_selected",
            "data": {"id": BLOCK, "current_tab": value, "tab_count": 7},
        }
        (statement,) = STANDARD.translate(event)
        found = statement["context"]["extensions"].get(STARTING_POSITION)

        assert poison(statement) == []
        assert (found, type(found)) == (expected, type(expected))


class TestShapes:
    """As live events and as lines, written by servers and by what stands between."""

    def test_lines(self):
        """A line, its payload an object or text, gives the statements of the live event."""
        event = check(attempts=2, submission=SEVERAL, success="incorrect", grade=1, max_grade=2)
        line = {
            "name": "problem_check",
            "event_type": "problem_check",
            "event_source": "server",
            "time": event["timestamp"],
            "context": {key: CONTEXT[key] for key in ("user_id", "course_id")},
        }

        for payload in (event["data"], json.dumps(event["data"])):
            logged = parse_line(json.dumps(line | {"event": payload}))
            assert STANDARD.translate(logged) == STANDARD.translate(event)

    @pytest.mark.parametrize("answer", [["a", "b"], [], "", None, 3, True, {"a": 1}, [None, 1]])
    @pytest.mark.parametrize("kind", ["choiceresponse", "customresponse", "", None, 3])
    def test_answers(self, answer, kind):
        """Whatever was answered, of one question or of several."""
        odd = question(correct=False, answer=answer, response_type=kind)

        assert success(check(submission={"p_2_1": odd})) == [False]
        assert success(check(submission={"p_2_1": odd, "p_3_1": odd})) == [False] * 3

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e400", 10**400, -1, "x", None])
    def test_points(self, value):
        """Points that cannot be cost the score, never the event."""
        for members in ({"grade": value, "max_grade": 2}, {"grade": 1, "max_grade": value}):
            (statement,) = evaluations(check(success="correct", **members))

            assert -1 <= statement["result"].get("score", {}).get("scaled", 0) <= 1

    def test_inputs_are_not_changed(self):
        """Translating leaves an event as it was."""
        event = check(submission=SEVERAL, attempts="2")
        before = copy.deepcopy(event)
        STANDARD.translate(event)

        assert event == before
