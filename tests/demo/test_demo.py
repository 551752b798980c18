"""The sample log, and the demo that replays it."""

import io
import json
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from urllib.parse import quote

import pytest
from people import id_of

from eventkit import XAPITranslator
from eventkit.demo import make_sample, run, sample_log
from eventkit.demo.cast import BIOLOGY, COACHED, ESZTER, KWAME, LEARNERS, PROGRAMMING
from eventkit.demo.checks import Run, checks, leaks, personal_tokens
from eventkit.events import CATALOGUE
from eventkit.exceptions import EventParseError
from eventkit.reading import Source, parse_line

# The names that event-routing-backends has a translation to xAPI for.
_PEERS = """
edx.course.enrollment.activated edx.course.enrollment.deactivated
edx.course.enrollment.mode_changed edx.ui.lms.link_clicked edx.ui.lms.outline.selected
edx.ui.lms.sequence.outline.selected edx.ui.lms.sequence.next_selected
edx.ui.lms.sequence.previous_selected edx.ui.lms.sequence.tab_selected
edx.completion.block_completion.changed edx.course.grade.passed.first_time
edx.course.grade.now_passed edx.course.grade.now_failed edx.grades.course.grade_calculated
edx.grades.subsection.grade_calculated edx.grades.problem.submitted problem_check
edx.problem.completed edx.problem.hint.demandhint_displayed showanswer load_video edx.video.loaded
play_video edx.video.played pause_video edx.video.paused stop_video edx.video.stopped
complete_video edx.video.completed seek_video edx.video.position.changed hide_transcript
edx.video.transcript.hidden show_transcript edx.video.transcript.shown
edx.video.closed_captions.hidden edx.video.closed_captions.shown video_hide_cc_menu
video_show_cc_menu speed_change_video edx.forum.thread.created edx.forum.thread.viewed
edx.forum.thread.edited edx.forum.thread.deleted edx.forum.thread.voted edx.forum.response.voted
edx.forum.thread.reported edx.forum.thread.unreported edx.forum.response.reported
edx.forum.response.unreported edx.forum.comment.reported edx.forum.comment.unreported
edx.forum.response.created edx.forum.comment.created edx.forum.response.edited
edx.forum.response.deleted edx.forum.comment.edited edx.forum.comment.deleted
edx.special_exam.timed.attempt.created edx.special_exam.timed.attempt.submitted
edx.special_exam.practice.attempt.created edx.special_exam.practice.attempt.submitted
edx.special_exam.proctored.attempt.created edx.special_exam.proctored.attempt.submitted
"""
PEERS = frozenset(_PEERS.split())


@pytest.fixture(scope="module")
def lines():
    return sample_log().read_bytes().splitlines()


@pytest.fixture(scope="module")
def sources(lines):
    """The events of the log that can be read."""
    found = []
    for line in lines:
        try:
            found.append(Source(parse_line(line)))
        except EventParseError:
            continue
    return found


class TestSampleLog:
    def test_it_is_what_its_generator_writes(self, tmp_path):
        """Byte for byte; run ``python -m eventkit.demo.make_sample`` after a change."""
        path = tmp_path / "sample.log"
        command = [sys.executable, "-m", "eventkit.demo.make_sample", str(path)]
        subprocess.run(command, check=True, timeout=60)

        assert path.read_bytes() == sample_log().read_bytes() == make_sample.sample()

    def test_every_event_of_the_peer_occurs(self, lines, sources):
        """In a log of realistic length."""
        assert len(PEERS) == 65
        assert len(lines) >= 300
        assert PEERS <= {source.name for source in sources}

    def test_every_event_of_the_peer_is_translated(self, sources):
        """Each at least once."""
        translator = XAPITranslator(
            lms_root="https://lms.example.org", identity=lambda *_: id_of("x")
        )
        done = {
            each["name"] for each in translator.translate_many(source.event for source in sources)
        }

        assert PEERS <= done

    def test_learners_and_courses(self, sources):
        """Six learners and two of the staff, who act on learners; three courses of two sites."""
        users = {source.text("username") for source in sources}
        courses = {source.course_id for source in sources}

        assert {person.username for person in (*LEARNERS, ESZTER, KWAME)} <= users
        assert {course.key for course in (BIOLOGY, COACHED, PROGRAMMING)} <= courses
        assert any(not name.isascii() for name in users)
        assert any(
            source.user in {person.user_id for person in LEARNERS}
            and source.text("username") == ESZTER.username
            for source in sources
        )

    def test_old_and_new_lines(self, lines, sources):
        """Shapes of all times occur."""
        events = [source.event for source in sources]

        assert any("name" not in event for event in events)
        assert any(event.get("name") != event["event_type"] for event in events if "name" in event)
        assert {"browser", "server", "mobile"} <= {source.source for source in sources}
        assert any(isinstance(event["event"], str) for event in events)
        assert any(source.name.startswith("/") for source in sources)
        assert any(not line.startswith(b"{") and b" [tracking] " in line for line in lines)
        assert any(b"\\u" in line for line in lines)
        assert any(source.user is None for source in sources)
        assert {CATALOGUE.family(source.name) for source in sources} >= {"", "forum", "exam"}

    def test_bad_lines(self, lines):
        """Every kind of damage that a reader meets."""
        reasons = Counter()
        for line in lines:
            try:
                parse_line(line)
            except EventParseError as error:
                reasons[error.reason] += 1

        assert set(reasons) == {"blank", "not_json", "not_utf8", "no_name"}
        whole = b"\n".join(lines)
        assert b"NaN" in whole
        assert b"\x00" in whole

    def test_its_people_are_invented(self, lines):
        """Addresses are those set aside for documentation."""
        text = b"\n".join(lines).decode("utf-8", "replace")

        addresses = set(re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text))
        mails = set(re.findall(r"[\w.+-]+@[\w-]+\.[\w.-]*\w", text))
        hosts = set(re.findall(r"https?://([^/\"\\]+)", text))
        assert {address for address in addresses if address.startswith("203.0.113.")}
        assert all(
            address.startswith("203.0.113.") or address.endswith(".0.0.0") for address in addresses
        )
        assert all(mail.endswith("@example.org") for mail in mails)
        assert all(host.endswith("example.org") for host in hosts)


class TestDemo:
    def test_the_command(self, tmp_path):
        """It replays the log, shows what came of it, checks that, and says so with 0."""
        command = [sys.executable, "-m", "eventkit", "demo", "--rate", "1000", "--keep", tmp_path]

        done = subprocess.run(
            command, capture_output=True, check=False, timeout=60, encoding="utf-8"
        )

        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert "FAILED" not in done.stdout
        assert done.stdout.count("\n  ok ") >= 10
        for word in ("median", "p99", '"verb": {', '"type": "MediaEvent"'):
            assert word in done.stdout
        for name, table in (
            ("adaptive-engine", "statements"),
            ("enterprise-lrs", "statements"),
            ("university", "events"),
        ):
            with sqlite3.connect(tmp_path / f"{name}.sqlite3") as database:
                [[stored]] = database.execute(f"SELECT count(*) FROM {table}")
            database.close()
            (row,) = re.findall(rf"^  {name} +(\d.*)$", done.stdout, re.MULTILINE)
            events, documents, delivered, dead, pending, shown, sent = map(int, row.split())
            assert 0 < events <= documents == delivered == shown == stored
            assert dead == pending == 0
            assert 0 < sent < documents

    def test_rights_that_are_too_wide_are_noticed(self, monkeypatch):
        """The checks know the consumers' rights in words of their own."""
        wide = {"allow": [{"event": "*"}]}
        monkeypatch.setattr(run, "RULES", {**run.RULES, "enterprise-lrs": wide, "university": wide})
        out = io.StringIO()

        assert run.run(keep=None, rate=5000, out=out) == 1
        assert "FAILED  enterprise-lrs has nothing that its rules deny" in out.getvalue()
        assert "FAILED  university has nothing that its rules deny" in out.getvalue()
        assert "FAILED  university has something, and not everything" in out.getvalue()

    def test_rights_that_are_too_narrow_are_noticed(self, monkeypatch):
        narrow = {"allow": [{"event": "play_video"}]}
        monkeypatch.setattr(
            run, "RULES", {**run.RULES, "adaptive-engine": narrow, "university": narrow}
        )
        out = io.StringIO()

        assert run.run(keep=None, rate=5000, out=out) == 1
        assert "FAILED  adaptive-engine has everything that its rules allow" in out.getvalue()
        assert "FAILED  university has everything that its rules allow" in out.getvalue()

    def test_an_identity_that_hides_nothing_is_noticed(self, monkeypatch):
        """Names in the statements do not get past the checks."""

        def open_book(secret):
            return lambda user, system: f"learner {LEARNERS[0].username} {user}"

        monkeypatch.setattr(run, "HMACIdentity", open_book)
        # The translator would send nothing of it.
        monkeypatch.setattr(
            "eventkit.translators.translator.anonymous_id", lambda answer, _: answer
        )
        out = io.StringIO()

        assert run.run(keep=None, rate=5000, out=out) == 1
        failed = [line for line in out.getvalue().splitlines() if "FAILED" in line]
        assert len(failed) == 1
        assert "names and addresses" in failed[0]

    @pytest.mark.parametrize("arguments", [["--rate", "0"], ["--rate", "x"], ["--keep", __file__]])
    def test_mistakes(self, arguments):
        command = [sys.executable, "-m", "eventkit", "demo", *arguments]

        done = subprocess.run(command, capture_output=True, check=False, timeout=60)

        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert arguments[0].encode() in done.stderr


def failing(result):
    return {text for text, wrong in checks(result) if wrong}


@pytest.fixture(scope="module")
def good():
    """What the demo saw, once."""
    seen = []

    def keep(result, found, out):
        seen.append(result)
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "show", keep)
        assert run.run(keep=None, rate=5000, out=io.StringIO()) == 0
    return seen[0]


@pytest.fixture
def result(good):
    """A copy to spoil."""
    fields = {name: getattr(good, name) for name in Run.__slots__}
    for name in ("stored", "envelopes"):
        fields[name] = {key: list(each) for key, each in fields[name].items()}
    return Run(**fields)


class TestChecks:
    def test_nothing_is_wrong_by_itself(self, result):
        assert failing(result) == set()

    def test_a_statement_that_is_missing(self, result):
        result.stored["enterprise-lrs"].pop()

        assert failing(result) == {
            "enterprise-lrs has everything that its rules allow",
            "every line of the log is accounted for",
        }

    def test_a_statement_that_came_twice(self, result):
        result.stored["enterprise-lrs"].append(result.stored["enterprise-lrs"][0])

        assert "enterprise-lrs has every document once" in failing(result)

    def test_a_statement_of_somebody_else(self, result):
        stranger = next(
            statement
            for statement in result.stored["adaptive-engine"]
            if statement["id"] not in result.expected["enterprise-lrs"]
        )
        result.stored["enterprise-lrs"][0] = stranger

        assert "enterprise-lrs has nothing that its rules deny" in failing(result)

    def test_an_event_that_vanished(self, result):
        for counts, key in (
            (result.real_time, "received"),
            (result.real_time, "filtered"),
            (result.translators["xapi"], "translated"),
            (result.translators["caliper"], "skipped:not_translated"),
            (result.router, "routed"),
        ):
            counts[key] -= 1
            assert "every line of the log is accounted for" in failing(result)
            counts[key] += 1
        assert failing(result) == set()

    def test_what_was_not_delivered_in_time(self, result):
        result.flushed = False

        assert failing(result) == {"all events were handed on and delivered in time"}

    def test_a_statement_that_is_invalid(self, result):
        result.stored["adaptive-engine"][0] = {**result.stored["adaptive-engine"][0], "verb": {}}

        assert failing(result) == {"every statement is valid xAPI 1.0.3"}

    def test_an_event_that_is_invalid(self, result):
        result.stored["university"][0] = {**result.stored["university"][0], "action": "Peeked"}

        assert failing(result) == {"every event is valid Caliper 1.2"}

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda envelopes: [each | {"sendTime": "now"} for each in envelopes],
            lambda envelopes: [each | {"sensor": "https://x.example"} for each in envelopes],
            lambda envelopes: envelopes[1:],
            lambda envelopes: [
                each | {"data": [event]} for each in envelopes for event in each["data"]
            ],
        ],
    )
    def test_envelopes_that_are_not_as_they_should_be(self, result, spoil):
        result.envelopes["university"] = spoil(result.envelopes["university"])

        assert failing(result) == {"events came in valid envelopes, together where they could"}

    def test_every_kind_of_personal_data_is_looked_for(self, result):
        """However it is escaped."""
        tokens = personal_tokens(result.log)
        for person in LEARNERS:
            assert {person.username, person.ip, person.agent} <= tokens
        assert "siobhan.okafor@example.org" in tokens

        for token in tokens:
            for text in (token, json.dumps(token)[1:-1], quote(token), quote(token, "")):
                statement = {"id": "x", "result": {"response": f"<{text}>"}}
                assert token in leaks(Run(b"", stored={"lrs": [statement]}), tokens)

        assert leaks(result, tokens) == []
