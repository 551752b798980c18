"""``eventkit translate``, as a process of its own."""

import base64
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eventkit import XAPITranslator
from eventkit.batch import read_log, translate_lines
from eventkit.demo import sample_log
from eventkit.translators import HMACIdentity

LMS = "https://lms.example.org"
SECRET = "a secret that is long enough for the tests"

GOOD = json.dumps(
    {
        "event_type": "showanswer",
        "time": "2026-02-02T08:00:00.5+00:00",
        "event": {"problem_id": "block-v1:NorthlakeU+BIO110+2026+type@problem+block@p1"},
        "context": {"user_id": 7, "course_id": "course-v1:NorthlakeU+BIO110+2026"},
    }
).encode()


@pytest.fixture
def translate(eventkit, translating):
    def run(*arguments, **options):
        return eventkit("translate", "--to", "xapi", *translating, *arguments, **options)

    return run


def records(raw):
    return [json.loads(line) for line in raw.splitlines()]


class TestResults:
    def test_the_result_is_what_the_library_gives(self, translate):
        """One document per line on standard output, in the order of the log, and nothing else."""
        translator = XAPITranslator(lms_root=LMS, identity=HMACIdentity(SECRET))
        found = list(translate_lines(read_log(str(sample_log())), translator))
        expected = [document for each in found for document in each.documents]

        done = translate(sample_log())

        assert done.returncode == 1
        assert records(done.stdout) == expected

    def test_the_summary_adds_up(self, translate):
        """Every line of the file is in exactly one of the counts."""
        done = translate("--summary", "json", sample_log())

        counts = json.loads(done.stderr.splitlines()[0])
        lines = len(sample_log().read_bytes().splitlines())
        parts = sum(counts["skipped"].values()) + sum(counts["rejected"].values())
        assert counts["files"] == 1
        assert counts["read"] == lines == counts["translated"] + parts
        assert counts["documents"] == len(done.stdout.splitlines())
        assert set(counts["skipped"]) >= {"blank", "implicit_event", "unknown_event", "no_user"}
        assert set(counts["rejected"]) >= {"not_json", "not_utf8", "no_name", "no_object"}

    def test_the_summary_is_readable(self, translate):
        """By default it is a small table on standard error."""
        done = translate(sample_log())

        words = done.stderr.decode()
        for word in ("read", "translated", "skipped", "rejected", "implicit_event", "not_json"):
            assert word in words
        assert "\x1b" not in words

    def test_quiet_says_nothing(self, translate, tmp_path):
        (tmp_path / "x.log").write_bytes(GOOD)

        done = translate("-q", "x.log")

        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout.splitlines()) == 1

    def test_several_processes_give_the_same(self, translate, tmp_path):
        """Byte for byte, and the same counts."""
        log = sample_log().read_bytes() * 8
        (tmp_path / "a.log").write_bytes(log)
        (tmp_path / "b.log.gz").write_bytes(gzip.compress(log))
        wanted = ("--summary", "json", "--rejects", "rejects", "-o", "out", "*.log", "*.gz")

        one = translate(*wanted)
        alone = [(tmp_path / name).read_bytes() for name in ("out", "rejects")]
        three = translate("--workers", "3", *wanted)

        assert [(tmp_path / name).read_bytes() for name in ("out", "rejects")] == alone
        assert (one.returncode, one.stderr) == (three.returncode, three.stderr)
        assert json.loads(one.stderr)["read"] == 16 * len(sample_log().read_bytes().splitlines())

    @pytest.mark.parametrize("mode", ["wb", "ab"])
    def test_several_processes_write_to_any_output(self, environment, translating, tmp_path, mode):
        """To a file that is appended to, as shells do it, as to any other."""
        log = sample_log()
        command = [sys.executable, "-m", "eventkit", "translate", "--to", "xapi", *translating]
        one = subprocess.run(
            [*command, log], env=environment, cwd=tmp_path, capture_output=True, check=False
        )
        path = tmp_path / "out"
        path.write_bytes(b"" if mode == "wb" else b"before\n")

        with path.open(mode) as stream:
            subprocess.run(
                [*command, "--workers", "2", log],
                env=environment,
                cwd=tmp_path,
                stdout=stream,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        two = subprocess.run(
            [*command, "--workers", "2", log],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )

        assert len(one.stdout.splitlines()) > 100
        assert path.read_bytes() == (b"" if mode == "wb" else b"before\n") + one.stdout
        assert two.stdout == one.stdout

    def test_nothing_is_left_in_the_temporary_folder(self, translate, tmp_path):
        """What workers hand over lies there, but not for long."""
        temporary = tmp_path / "tmp"
        temporary.mkdir()

        translate("--workers", "2", "-o", "out", sample_log(), env={"TMPDIR": str(temporary)})

        assert (tmp_path / "out").stat().st_size > 0
        assert list(temporary.iterdir()) == []

    def test_dialect_erb(self, translate, tmp_path):
        """The dialect goes through to the translator."""
        # What has no name event-routing-backends leaves out, so its dialect does not tell.
        (tmp_path / "x.log").write_bytes(GOOD.replace(b'"event_type"', b'"name"'))

        standard = translate("x.log")
        erb = translate("--dialect", "erb", "x.log")

        assert erb.returncode == 0
        assert records(standard.stdout)[0]["id"] != records(erb.stdout)[0]["id"]

    def test_fallback(self, translate, tmp_path):
        """What event-routing-backends does not send is sent only with a fallback."""
        (tmp_path / "x.log").write_bytes(GOOD)

        alone = translate("--dialect", "erb", "x.log")
        filled = translate("--dialect", "erb", "--fallback", "standard", "x.log")
        unused = translate("--fallback", "standard", "x.log")

        assert (alone.returncode, alone.stdout) == (0, b"")
        assert b"not_in_erb" in alone.stderr
        assert filled.stdout == translate("x.log").stdout
        assert unused.returncode == 2
        assert b"set dialect to 'erb'" in unused.stderr

    def test_nothing_personal_in_the_result(self, translate):
        """No name, address or agent of the log, in any dialect."""
        for dialect in ("standard", "erb"):
            out = translate("--dialect", dialect, sample_log()).stdout.decode()

            assert out
            for word in ("quiroga", "makoni", "okafor", "łucja", "\\u0142ucja", "tachibana"):
                assert word not in out
            for word in ("203.0.113.", "2001:db8", "Mozilla", "campus.mobile", "@example.org"):
                assert word not in out


class TestInputs:
    def test_standard_input(self, translate):
        done = translate("-", input=GOOD + b"\n\n")

        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == 1
        assert b"blank" in done.stderr

    def test_compressed_standard_input(self, translate):
        done = translate("-", input=gzip.compress(GOOD))

        assert len(done.stdout.splitlines()) == 1

    def test_a_truncated_gzip(self, translate, tmp_path):
        """Its good lines are translated; its end is rejected, with the name of the file."""
        lines = [GOOD.replace(b'"user_id": 7', b'"user_id": %d' % n) for n in range(1, 20_000)]
        packed = gzip.compress(b"\n".join(lines))
        (tmp_path / "a.log.gz").write_bytes(packed[: len(packed) // 2])
        (tmp_path / "b.log").write_bytes(GOOD)

        done = translate("--rejects", "rejects", "a.log.gz", "b.log")

        (reject,) = records((tmp_path / "rejects").read_bytes())
        assert done.returncode == 1
        assert (reject["source"], reject["reason"]) == ("a.log.gz", "truncated")
        assert len(done.stdout.splitlines()) == reject["line"] - 1 + 1
        assert b"Traceback" not in done.stderr

    def test_a_zst_file(self, translate, tmp_path):
        zstd = pytest.importorskip("backports.zstd")
        (tmp_path / "a.log.zst").write_bytes(zstd.compress(GOOD + b"\n"))

        assert len(translate("a.log.zst").stdout.splitlines()) == 1

    def test_a_file_without_permission_costs_no_other(self, translate, tmp_path):
        """It is rejected under its name."""
        (tmp_path / "a.log").write_bytes(GOOD)
        (tmp_path / "b.log").write_bytes(GOOD)
        (tmp_path / "a.log").chmod(0)
        if os.access(tmp_path / "a.log", os.R_OK):
            pytest.skip("this user may read everything")

        done = translate("--rejects", "rejects", "a.log", "b.log")

        (reject,) = records((tmp_path / "rejects").read_bytes())
        assert (reject["source"], reject["reason"]) == ("a.log", "unreadable")
        assert len(done.stdout.splitlines()) == 1

    def test_a_very_long_line(self, translate, tmp_path):
        """It is rejected, kept whole in the rejects file, and costs no neighbour."""
        size = 40_000_000
        (tmp_path / "x.log").write_bytes(GOOD + b"\n" + b"x" * size + b"\n" + GOOD + b"\n")

        done = translate("--summary", "json", "--rejects", "rejects", "x.log")

        parts = records((tmp_path / "rejects").read_bytes())
        assert done.returncode == 1
        assert json.loads(done.stderr)["rejected"] == {"too_long": 1}
        assert {(part["line"], part["reason"]) for part in parts} == {(2, "too_long")}
        assert [part.get("part", 0) for part in parts] == list(range(len(parts)))
        assert "".join(part["raw"] for part in parts) == "x" * size
        assert len(done.stdout.splitlines()) == 2

    def test_real_logs_in_one_command(self, translate, shared_data, tmp_path):
        """Every non-blank line of all logs is accounted for, without an exception."""
        paths = sorted((shared_data / "tracking_logs").glob("*.log"))
        lines = [line for path in paths for line in path.read_bytes().splitlines()]
        blank = sum(not line.strip() for line in lines)

        done = translate(
            "--validate",
            "--summary",
            "json",
            "--rejects",
            tmp_path / "rejects",
            shared_data / "tracking_logs" / "*.log",
        )

        counts = json.loads(done.stderr)
        rejects = records((tmp_path / "rejects").read_bytes())
        assert counts["files"] == len(paths) == 8
        assert counts["read"] == len(lines)
        assert counts["skipped"]["blank"] == blank
        assert counts["translated"] > 300
        assert len(rejects) == sum(counts["rejected"].values())
        assert not [reject for reject in rejects if "internal" in reject["reason"]]
        assert b"Traceback" not in done.stderr


class TestRejects:
    def test_nothing_is_lost(self, translate, tmp_path):
        """Each rejected line is there as it was, with file, line and reason."""
        (tmp_path / "x.log").write_bytes(GOOD + b"\n\xff\xfe\x00{\n# caf\xc3\xa9\n")

        done = translate("--rejects", "rejects", "x.log")

        assert done.returncode == 1
        bad, comment = records((tmp_path / "rejects").read_bytes())
        assert bad.pop("raw_base64") == base64.b64encode(b"\xff\xfe\x00{").decode()
        assert bad == {"source": "x.log", "line": 2, "reason": "not_utf8"}
        assert comment == {"source": "x.log", "line": 3, "reason": "not_json", "raw": "# café"}

    def test_only_their_owner_may_read_them(self, translate, tmp_path):
        """They hold events as they were; also when there was a file that everybody could read."""
        (tmp_path / "x.log").write_bytes(b"{")
        for name in ("new", "old"):
            (tmp_path / "old").write_bytes(b"")
            (tmp_path / "old").chmod(0o644)
            translate("--rejects", name, "x.log")

            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("workers", [1, 2])
    def test_several_events_on_a_line(self, translate, tmp_path, workers):
        """Each counts, and the numbers of the lines behind them stay right."""
        log = GOOD + GOOD + b"\n" + GOOD[:50] + GOOD + b"\n# no event\n"
        (tmp_path / "x.log").write_bytes((b"\n" * 400_000 + log) if workers > 1 else log)
        before = 400_000 if workers > 1 else 0

        options = ("--rejects", "rejects", "--summary", "json", "--workers", workers)
        done = translate(*options, "x.log")

        counts = json.loads(done.stderr.splitlines()[-1])
        assert done.returncode == 1
        assert (counts["translated"], counts["rejected"]) == (3, {"not_json": 2})
        lines = [each["line"] for each in records((tmp_path / "rejects").read_bytes())]
        assert lines == [before + 2, before + 3]

    @pytest.mark.parametrize("workers", [1, 2])
    def test_wrapped_lines(self, translate, tmp_path, workers):
        wrapped = json.dumps({"log": GOOD.decode() + "\n", "stream": "stdout"}).encode()
        (tmp_path / "plain.log").write_bytes(GOOD)
        (tmp_path / "x.log").write_bytes(wrapped + b"\n" + GOOD)

        done = translate("--unwrap", "log", "--workers", workers, "x.log")

        assert done.returncode == 0, done.stderr
        assert done.stdout == translate("plain.log").stdout * 2
        assert b"no_name" in translate("x.log").stderr

    def test_without_the_option_it_is_mentioned(self, translate, tmp_path):
        (tmp_path / "x.log").write_bytes(b"{")

        assert b"--rejects" in translate("x.log").stderr

    def test_it_is_there_and_empty_when_nothing_was_rejected(self, translate, tmp_path):
        """A script can look at it without asking whether it exists."""
        (tmp_path / "x.log").write_bytes(GOOD)

        done = translate("--rejects", "rejects", "x.log")

        assert done.returncode == 0
        assert (tmp_path / "rejects").read_bytes() == b""


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--lms-root", "lms"], ["lms_root", "https://"]),
            (["--identity-secret-env", "NOT_SET"], ["--identity-secret-env", "NOT_SET"]),
            (["--courses", "missing.csv"], ["--courses", "missing.csv"]),
            (["--blocks", "missing.json"], ["--blocks", "cannot read", "missing.json"]),
            (["--workers", "0"], ["--workers", "1 or more"]),
            (["-o", "x.log"], ["--output", "input"]),
            (["-o", "same", "--rejects", "same"], ["--rejects", "--output"]),
            (["-o", "no/such/folder"], ["--output", "does not exist"]),
            (["--rejects", "-"], ["--rejects"]),
            (["missing.log"], ["INPUT", "missing.log"]),
            (["*.none"], ["INPUT", "*.none"]),
            (["--dialect", "other"], ["--dialect", "standard"]),
        ],
    )
    def test_one_line_names_the_option_and_the_remedy(self, translate, tmp_path, arguments, words):
        """Exit code 2, no traceback, and no output file."""
        (tmp_path / "x.log").write_bytes(GOOD)

        done = translate(*arguments, "x.log")

        message = done.stderr.decode().splitlines()[-1]
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert all(word in message for word in words), message
        assert {path.name for path in tmp_path.iterdir()} == {"x.log"}

    def test_no_identity(self, eventkit, tmp_path):
        """Both ways to give one are named."""
        (tmp_path / "x.log").write_bytes(GOOD)

        done = eventkit("translate", "--to", "xapi", "--lms-root", LMS, "x.log")

        assert done.returncode == 2
        assert b"--identity-secret-env" in done.stderr
        assert b"--identity-file" in done.stderr

    def test_no_lms_root(self, eventkit, tmp_path):
        """It is never guessed; the environment may have it."""
        (tmp_path / "x.log").write_bytes(GOOD)
        command = ("translate", "--to", "xapi", "--identity-secret-env", "IDENTITY_SECRET", "x.log")

        done = eventkit(*command)
        assert done.returncode == 2
        assert b"--lms-root" in done.stderr
        assert b"EVENTKIT_LMS_ROOT" in done.stderr

        assert eventkit(*command, env={"EVENTKIT_LMS_ROOT": LMS}).returncode == 0

    def test_a_secret_never_shows(self, translate, tmp_path):
        """Not even when it is too short."""
        (tmp_path / "x.log").write_bytes(GOOD)

        done = translate("--identity-secret-env", "S", "x.log", env={"S": "hunter2"})

        assert done.returncode == 2
        assert b"hunter2" not in done.stderr

    def test_no_command_and_an_unknown_command(self, eventkit):
        assert eventkit().returncode == 2
        assert eventkit("translate").returncode == 2
        assert eventkit("transmogrify").returncode == 2


class TestFiles:
    def test_an_identity_file_and_course_names(self, eventkit, tmp_path):
        """Ids come from the table, names from JSON or CSV."""
        external = "9c8d2f1e-0b1a-4c55-9d6e-0a1b2c3d4e5f"
        (tmp_path / "ids.csv").write_text(f"user_id,xapi\n7,{external}\n")
        (tmp_path / "a.json").write_text('{"course-v1:NorthlakeU+BIO110+2026": "Cells"}')
        (tmp_path / "a.csv").write_text("course-v1:NorthlakeU+BIO110+2026,Cells\n")
        (tmp_path / "x.log").write_bytes(GOOD)
        command = ("translate", "--to", "xapi", "--lms-root", LMS, "--identity-file", "ids.csv")

        for courses in ("a.json", "a.csv"):
            done = eventkit(*command, "--courses", courses, "x.log")

            (statement,) = records(done.stdout)
            course = statement["context"]["contextActivities"]["parent"][0]
            assert statement["actor"]["account"]["name"] == external
            assert course["definition"]["name"] == {"und": "Cells"}

    @pytest.mark.parametrize("protocol", ["xapi", "caliper"])
    def test_a_file_of_blocks(self, eventkit, translating, tmp_path, protocol):
        """Names of blocks and what they are parts of come from what the platform says."""
        start = "block-v1:NorthlakeU+BIO110+2026+type@"
        problem, unit = (f"{start}{each}" for each in ("problem+block@p1", "vertical+block@u"))
        blocks = {
            unit: {"display_name": "Leaves", "children": [problem]},
            problem: {"display_name": "Stomata"},
        }
        (tmp_path / "blocks").mkdir()
        (tmp_path / "blocks" / "bio.json").write_text(json.dumps({"root": unit, "blocks": blocks}))
        (tmp_path / "x.log").write_bytes(GOOD)

        done = eventkit(
            *("translate", "--to", protocol, *translating, "--blocks", "blocks", "x.log")
        )

        (document,) = records(done.stdout)
        if protocol == "xapi":
            (group,) = document["context"]["contextActivities"]["grouping"][1:]
            found = group["id"], group["definition"]["name"]["und"]
        else:
            whole = document["object"]["isPartOf"]["isPartOf"]
            found = whole["id"], whole["name"]
        assert found == (f"{LMS}/xblock/{unit}", "Leaves")

    @pytest.mark.parametrize("content", ["only-one-column\n", "{", '{"a": 1}', '{"a": {}}'])
    def test_bad_course_names(self, translate, tmp_path, content):
        (tmp_path / "names").write_text(content)
        (tmp_path / "x.log").write_bytes(GOOD)

        done = translate("--courses", "names", "x.log")

        assert done.returncode == 2
        assert b"--courses" in done.stderr

    def test_an_old_result_stays_until_the_new_one_is_complete(self, translate, tmp_path):
        """A mistake on the way leaves it, and no draft beside it."""
        zstd = b"\x28\xb5\x2f\xfd"
        (tmp_path / "out").write_text("old")
        (tmp_path / "a.log").write_bytes(GOOD)
        (tmp_path / "b.log").write_bytes(zstd)

        done = translate("-o", "out", "a.log", "b.log", env={"PYTHONPATH": _without_zstd(tmp_path)})

        assert done.returncode == 2
        assert b"openedx-eventkit[zstd]" in done.stderr
        assert (tmp_path / "out").read_text() == "old"
        assert not list(tmp_path.glob(".out*"))

        done = translate("-o", "out", "a.log")
        assert done.returncode == 0
        assert len((tmp_path / "out").read_bytes().splitlines()) == 1
        assert done.stdout == b""

    def test_a_device_is_written_to_as_it_is(self, translate, tmp_path):
        (tmp_path / "x.log").write_bytes(GOOD)

        assert translate("-o", "/dev/null", "--rejects", "/dev/null", "x.log").returncode == 0


def _without_zstd(folder):
    """Give a path on which the zstd package cannot be imported."""
    (folder / "path" / "backports").mkdir(parents=True)
    (folder / "path" / "backports" / "__init__.py").write_text("raise ImportError\n")
    (folder / "path" / "compression").mkdir()
    (folder / "path" / "compression" / "__init__.py").write_text("raise ImportError\n")
    return os.pathsep.join([str(folder / "path"), str(Path.cwd())])


class TestSignals:
    def start(self, environment, *arguments, **options):
        command = [sys.executable, "-m", "eventkit", "translate", "--to", "xapi", *arguments]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, **options)

    def test_a_reader_who_leaves(self, environment, translating, tmp_path):
        """``| head`` ends the command without a word, and not with success."""
        (tmp_path / "x.log").write_bytes((GOOD + b"\n") * 20_000)

        process = self.start(
            environment, *translating, str(tmp_path / "x.log"), stdout=subprocess.PIPE
        )
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()

        assert process.wait(60) == 128 + signal.SIGPIPE
        assert complaint == b""

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_interrupting(self, environment, translating, tmp_path, workers):
        """Ctrl-C leaves no half result and no traceback."""
        process = self.start(
            environment,
            *translating,
            "--workers",
            workers,
            "-o",
            str(tmp_path / "out"),
            "-",
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        drafts = _drafts_appear(tmp_path)
        process.stdin.write((GOOD + b"\n") * 2000)
        process.stdin.flush()
        assert drafts.wait(60)
        os.killpg(process.pid, signal.SIGINT)
        complaint = process.stderr.read()
        process.stdin.close()

        assert process.wait(60) == 128 + signal.SIGINT
        assert complaint == b"eventkit: interrupted\n"
        assert list(tmp_path.iterdir()) == []

    def test_progress_is_for_terminals(self, environment, translating, tmp_path):
        """On a terminal there is a line that counts; elsewhere there is none."""
        (tmp_path / "x.log").write_bytes((GOOD + b"\n") * 2000)
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "eventkit", "translate", "--to", "xapi", *translating]

        process = subprocess.Popen(
            [*command, "-o", "/dev/null", str(tmp_path / "x.log")], env=environment, stderr=theirs
        )
        os.close(theirs)
        seen = b""
        try:
            while data := os.read(ours, 4096):
                seen += data
        except OSError:  # how a terminal says that nobody is left
            pass
        os.close(ours)

        assert process.wait(60) == 0
        assert b"\r\x1b[K" in seen
        assert b" lines, " in seen
        assert b"translated" in seen


def _drafts_appear(folder):
    """Give an event that is set once a result is being written in *folder*."""
    found = threading.Event()

    def look():
        pause = threading.Event()
        while not list(folder.glob(".out*")):
            pause.wait(0.01)
        found.set()

    threading.Thread(target=look, daemon=True).start()
    return found


def test_version(eventkit):
    done = eventkit("--version")

    assert done.returncode == 0
    assert done.stdout.startswith(b"eventkit ")


@pytest.mark.parametrize("command", ["translate", "send", "check", "events", "demo"])
def test_every_command_explains_itself(eventkit, command):
    """Help works, and is short of nothing."""
    done = eventkit(command, "--help")

    assert done.returncode == 0
    assert b"usage: eventkit " + command.encode() in done.stdout


def test_implicit_events_on_request(eventkit, translating, tmp_path):
    """With ``--implicit`` a page that was asked for is viewed; without, it is skipped."""
    line = {
        "event_type": "/courses/Lakeside/BIO101/2013/courseware/",
        "event": '{"POST": {}, "GET": {}}',
        "event_source": "server",
        "time": "2025-02-03T04:05:06.789+00:00",
        "context": {"user_id": 3},
    }
    log = tmp_path / "tracking.log"
    log.write_text(json.dumps(line), encoding="utf-8")

    assert eventkit("translate", "--to", "xapi", *translating, log).stdout == b""
    made = eventkit("translate", "--to", "xapi", "--implicit", *translating, log)
    assert json.loads(made.stdout)["verb"]["display"] == {"en": "viewed"}
    assert eventkit("translate", "--to", "caliper", "--implicit", *translating, log).stdout == b""


def test_unknown_events_on_request(eventkit, translating, tmp_path):
    """With ``--unknown generic`` the block of an unknown event is used; without, it is skipped."""
    line = {
        "name": "acme.virtual_lab.opened",
        "event_type": "acme.virtual_lab.opened",
        "event": {"bench": "not to be seen"},
        "event_source": "server",
        "time": "2025-02-03T04:05:06.789+00:00",
        "context": {"user_id": 3, "module": {"usage_key": "block-v1:A+B+C+type@lab+block@l"}},
    }
    log = tmp_path / "tracking.log"
    log.write_text(json.dumps(line), encoding="utf-8")

    for protocol in ("xapi", "caliper"):
        plain = eventkit("translate", "--to", protocol, *translating, log)
        made = eventkit("translate", "--to", protocol, "--unknown", "generic", *translating, log)

        assert plain.stdout == b""
        assert json.loads(made.stdout)["object"]["id"].endswith("+type@lab+block@l")
        assert b"not to be seen" not in made.stdout
    wrong = eventkit("translate", "--to", "xapi", "--unknown", "x", *translating, log)
    assert wrong.returncode == 2
    assert b"--unknown" in wrong.stderr


def test_keys_of_queries_on_request(eventkit, translating, tmp_path):
    """With ``--keep-query`` links keep what a site names content by; with others they do not."""
    line = {
        "name": "edx.ui.lms.link_clicked",
        "event_type": "edx.ui.lms.link_clicked",
        "event": {"target_url": "https://x.example.org/?seminar=leaves&room=2&uid=3"},
        "event_source": "browser",
        "time": "2025-02-03T04:05:06.789+00:00",
        "context": {"user_id": 3},
    }
    log = tmp_path / "tracking.log"
    log.write_text(json.dumps(line), encoding="utf-8")
    keys = ("--keep-query", "seminar", "--keep-query", "room")

    for protocol in ("xapi", "caliper"):
        made = eventkit("translate", "--to", protocol, *keys, *translating, log)
        plain = eventkit("translate", "--to", protocol, *translating, log)

        assert json.loads(made.stdout)["object"]["id"].endswith("/?seminar=leaves&room=2")
        assert json.loads(plain.stdout)["object"]["id"] == "https://x.example.org/"
    refused = eventkit("translate", "--to", "xapi", "--keep-query", "email", *translating, log)
    assert refused.returncode == 2
    assert b"keep_query: 'email' names people" in refused.stderr
