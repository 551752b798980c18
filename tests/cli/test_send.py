"""``eventkit send``, as a process of its own, to receivers that really listen."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eventkit.demo import sample_log
from eventkit.receivers import Receiver


def event(number, course="course-v1:NorthlakeU+BIO110+2026", name="showanswer"):
    return json.dumps(
        {
            "event_type": name,
            "time": f"2026-02-02T08:{number // 60:02}:{number % 60:02}.5+00:00",
            "event": {
                "problem_id": f"block-v1:NorthlakeU+BIO110+2026+type@problem+block@p{number}"
            },
            "context": {"user_id": 7, "course_id": course},
        }
    ).encode()


def log(*numbers, **more):
    return b"".join(event(number, **more) + b"\n" for number in numbers)


def problems(receiver):
    """The numbers of the events that arrived, in order, from the objects of the statements."""
    return [
        int(statement["object"]["id"].removesuffix("/answer").rpartition("@p")[2])
        for statement in receiver.statements()
    ]


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def consumers(tmp_path):
    """Write a consumers file."""

    def write(*receivers, **more):
        listed = [
            {"id": f"lrs-{number}", "protocol": "xapi", "url": getattr(each, "url", each), **more}
            for number, each in enumerate(receivers)
        ]
        (tmp_path / "consumers.json").write_text(json.dumps(listed))

    return write


@pytest.fixture
def send(eventkit, translating):
    def run(*arguments, **options):
        given = ("--consumers", "consumers.json", "--summary", "json", *translating)
        return eventkit("send", *given, *arguments, **options)

    return run


def report(done):
    """The summary, which is the only line of standard error that is JSON."""
    (summary,) = [line for line in done.stderr.splitlines() if line.startswith(b"{")]
    return json.loads(summary)


class TestDelivery:
    def test_the_sample_log_arrives(self, send, consumers, receiver):
        """Every statement of the summary is stored, once."""
        consumers(receiver)

        done = send(sample_log())

        counts = report(done)
        ids = [statement["id"] for statement in receiver.statements()]
        assert done.returncode == 1  # the log has bad lines
        assert counts["documents"] == len(ids) == len(set(ids)) > 300
        assert counts["consumers"] == {"lrs-0": {"delivered": len(ids), "dead": 0}}

    def test_each_consumer_gets_what_it_may(self, send, tmp_path, receiver):
        """Access rules hold here as everywhere."""
        with Receiver() as other:
            listed = [
                {"id": "all", "protocol": "xapi", "url": receiver.url},
                {
                    "id": "north",
                    "protocol": "xapi",
                    "url": other.url,
                    "allow": [{"org": "NorthlakeU"}],
                },
                {"id": "off", "protocol": "xapi", "url": "http://127.0.0.1:9/", "enabled": False},
            ]
            (tmp_path / "consumers.json").write_text(json.dumps(listed))
            mixed = log(1) + log(2, course="course-v1:HarborTech+CS050+2026") + log(3)
            (tmp_path / "x.log").write_bytes(mixed)

            done = send("x.log")

            assert done.returncode == 0, done.stderr
            assert problems(receiver) == [1, 2, 3]
            assert problems(other) == [1, 3]

    def test_from_standard_input(self, send, consumers, receiver, tmp_path):
        """It has no checkpoint: what comes is sent."""
        consumers(receiver)

        assert send("-", input=log(1, 2)).returncode == 0
        assert send("-", input=log(3)).returncode == 0
        assert problems(receiver) == [1, 2, 3]

    def test_the_result_is_readable(self, eventkit, translating, consumers, receiver, tmp_path):
        """By default a table, with a line per consumer."""
        consumers(receiver)
        (tmp_path / "x.log").write_bytes(log(1, 2))

        done = eventkit("send", "--consumers", "consumers.json", *translating, "x.log")

        assert b"delivered" in done.stderr
        assert b"lrs-0" in done.stderr
        assert done.stdout == b""


class TestResuming:
    def test_a_second_run_sends_nothing_twice(self, send, consumers, tmp_path):
        """The requests that arrive the second time carry new lines only."""
        with counting() as server:
            consumers(server.url)
            (tmp_path / "a.log").write_bytes(log(1, 2))
            (tmp_path / "b.log.gz").write_bytes(gzip.compress(log(3, 4)))

            assert send("*.log", "*.gz").returncode == 0
            assert len(server.ids) == 4
            done = send("*.log", "*.gz")
            assert (done.returncode, report(done)["read"]) == (0, 0)
            assert report(done)["sent_before"] == 4
            assert len(server.ids) == 4

            with (tmp_path / "a.log").open("ab") as stream:
                stream.write(log(5))
            (tmp_path / "c.log").write_bytes(log(6))
            assert send("*.log", "*.gz").returncode == 0
            assert len(server.ids) == len(set(server.ids)) == 6

    def test_a_rotated_log_is_a_new_log(self, send, consumers, receiver, tmp_path):
        """Another file under the same name is sent from its beginning."""
        consumers(receiver)
        (tmp_path / "x.log").write_bytes(log(1, 2, 3))
        send("x.log")

        (tmp_path / "x.log").write_bytes(log(4, 5))
        send("x.log")
        (tmp_path / "x.log").write_bytes(log(6, 7, 8, 9))
        send("x.log")

        assert problems(receiver) == list(range(1, 10))

    def test_a_line_in_the_making_is_sent_when_it_is_whole(
        self, send, consumers, receiver, tmp_path
    ):
        """A cut-off last line is rejected, but not passed over for ever."""
        consumers(receiver)
        whole = log(1, 2)
        (tmp_path / "x.log").write_bytes(whole[:-40])

        first = send("x.log")
        (tmp_path / "x.log").write_bytes(whole)
        second = send("x.log")

        assert report(first)["rejected"] == {"not_json": 1}
        assert (first.returncode, second.returncode) == (1, 0)
        assert problems(receiver) == [1, 2]

    def test_a_rotated_log_is_known(self, send, consumers, tmp_path):
        """Renamed, compressed, copied: nothing is sent again but what is new."""
        with counting() as server:
            consumers(server.url)
            path = tmp_path / "x.log"
            path.write_bytes(log(1, 2))
            send("x.log")

            path.rename(tmp_path / "x.log.1")
            path.write_bytes(log(3))
            assert report(send("x.log", "x.log.1"))["sent_before"] == 2
            assert len(server.ids) == 3

            (tmp_path / "x.log.1.gz").write_bytes(gzip.compress(log(1, 2, 4)))
            (tmp_path / "x.log.1").unlink()
            done = send("x.log", "x.log.1.gz")
            assert (done.returncode, report(done)["sent_before"]) == (0, 3)
            assert len(server.ids) == 4

            # What was cut off and written to again begins with another line.
            path.write_bytes(log(5, 6))
            assert report(send("x.log*"))["sent_before"] == 3
            assert len(server.ids) == len(set(server.ids)) == 6

    def test_a_last_line_that_is_ended_later(self, send, consumers, tmp_path):
        """The line was sent, and so were those before it."""
        with counting() as server:
            consumers(server.url)
            path = tmp_path / "x.log"
            path.write_bytes(log(1, 2)[:-1])
            assert send("x.log").returncode == 0
            path.write_bytes(log(1, 2, 3))
            done = send("x.log")

            assert (done.returncode, report(done)["sent_before"]) == (0, 2)
            assert len(server.ids) == len(set(server.ids)) == 3

    def test_logs_that_begin_alike(self, send, consumers, tmp_path):
        """The first line finds candidates; what was sent of them decides."""
        with counting() as server:
            consumers(server.url)
            (tmp_path / "a.log").write_bytes(log(1, 2, 3))
            (tmp_path / "b.log").write_bytes(log(1, 4))
            send("a.log", "b.log")
            assert len(server.ids) == 5

            done = send("b.log", "a.log")

            assert report(done)["sent_before"] == 5
            assert len(server.ids) == 5

    def test_several_events_on_a_line_arrive(self, send, consumers, receiver, tmp_path):
        """And what was cut off beside them is counted, and kept."""
        consumers(receiver)
        (tmp_path / "x.log").write_bytes(
            event(1) + event(2) + b"\n" + event(3)[:70] + event(4) + b"\n"
        )

        done = send("--rejects", "rejects", "x.log")

        assert problems(receiver) == [1, 2, 4]
        assert report(done)["rejected"] == {"not_json": 1}
        assert done.returncode == 1
        assert (tmp_path / "rejects").stat().st_mode & 0o777 == 0o600

    def test_a_checkpoint_of_an_older_version(self, send, consumers, receiver, tmp_path):
        consumers(receiver)
        (tmp_path / "x.log").write_bytes(log(1))
        (tmp_path / "point").write_text('{"version": 1, "files": {}}')

        done = send("--checkpoint", "point", "x.log")

        assert done.returncode == 2
        assert b"another version" in done.stderr
        assert b"--restart" in done.stderr

    def test_a_last_line_without_line_feed_is_sent_once(self, send, consumers, tmp_path):
        """It is whole, so it counts; the line feed that follows later changes nothing."""
        with counting() as server:
            consumers(server.url)
            (tmp_path / "x.log").write_bytes(log(1, 2).rstrip(b"\n"))

            send("x.log")
            done = send("x.log")

            assert done.returncode == 0
            assert len(server.ids) == 2

    def test_a_new_consumer_gets_what_the_others_had(self, send, consumers, receiver, tmp_path):
        """Each has its own place."""
        consumers(receiver)
        (tmp_path / "x.log").write_bytes(log(1, 2, 3))
        send("x.log")

        with Receiver() as other:
            consumers(receiver, other)
            done = send("x.log")

            assert done.returncode == 0
            assert problems(other) == [1, 2, 3]
            assert report(done)["consumers"]["lrs-0"]["delivered"] == 0

    def test_restart_sends_everything(self, send, consumers, tmp_path):
        """With the same ids, so a record store has it once."""
        with counting() as server:
            consumers(server.url)
            (tmp_path / "x.log").write_bytes(log(1, 2))

            send("x.log")
            send("--restart", "x.log")

            assert len(server.ids) == 4
            assert len(set(server.ids)) == 2

    def test_rejects_of_a_second_run_are_its_own(self, send, consumers, receiver, tmp_path):
        """Lines that were rejected before are behind the checkpoint too."""
        consumers(receiver)
        (tmp_path / "x.log").write_bytes(b"# no event\n" + log(1))
        assert send("--rejects", "rejects", "x.log").returncode == 1
        assert len((tmp_path / "rejects").read_bytes().splitlines()) == 1

        assert send("--rejects", "rejects", "x.log").returncode == 0
        assert (tmp_path / "rejects").read_bytes() == b""

    def test_killed_in_the_middle(self, send, environment, translating, consumers, tmp_path):
        """After kill -9 another run completes the work, and nothing is lost."""
        numbers = list(range(2500))
        (tmp_path / "x.log").write_bytes(log(*numbers))
        with counting() as server:
            consumers(server.url)
            server.halt_after = 900
            command = [sys.executable, "-m", "eventkit", "send", "--consumers", "consumers.json"]
            process = subprocess.Popen(
                [*command, *translating, "-q", "x.log"], env=environment, cwd=tmp_path
            )
            assert server.halted.wait(60)
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            server.proceed.set()
            before = len(server.ids)

            done = send("x.log")

            assert done.returncode == 0, done.stderr
            assert 0 < report(done)["sent_before"] < 2500
            assert len(set(server.ids)) == 2500
            assert len(server.ids) < 2500 + before

    def test_interrupted_in_the_middle(self, send, environment, translating, consumers, tmp_path):
        """Ctrl-C says so, in one line, and the next run goes on."""
        (tmp_path / "x.log").write_bytes(log(*range(2500)))
        with counting() as server:
            consumers(server.url)
            server.halt_after = 900
            command = [sys.executable, "-m", "eventkit", "send", "--consumers", "consumers.json"]
            process = subprocess.Popen(
                [*command, *translating, "-q", "x.log"],
                env=environment,
                cwd=tmp_path,
                stderr=subprocess.PIPE,
            )
            assert server.halted.wait(60)
            process.send_signal(signal.SIGINT)
            server.proceed.set()
            complaint = process.stderr.read()
            assert process.wait(60) == 128 + signal.SIGINT
            assert complaint == b"eventkit: interrupted\n"

            assert send("x.log").returncode == 0
            assert len(set(server.ids)) == 2500

    def test_only_one_run_at_a_time(self, send, environment, translating, consumers, tmp_path):
        """A second one says that the first is at work."""
        (tmp_path / "x.log").write_bytes(log(*range(500)))
        with counting() as server:
            consumers(server.url)
            server.halt_after = 50
            command = [sys.executable, "-m", "eventkit", "send", "--consumers", "consumers.json"]
            process = subprocess.Popen(
                [*command, *translating, "-q", "x.log"], env=environment, cwd=tmp_path
            )
            try:
                assert server.halted.wait(60)
                done = send("x.log")
            finally:
                server.proceed.set()
                assert process.wait(60) == 0

            assert done.returncode == 2
            assert b"--checkpoint" in done.stderr
            assert len(server.ids) == 500


class TestTrouble:
    def test_one_consumer_in_trouble_does_not_hold_the_others(
        self, send, consumers, receiver, tmp_path
    ):
        """It is given up, with the place; the next run gives it what it lacks."""
        with Receiver() as late:
            url, port = late.url, late.port
        consumers(receiver, url)
        (tmp_path / "x.log").write_bytes(log(*range(1200)))

        done = send("--patience", "0", "x.log")

        state = report(done)["consumers"]
        assert done.returncode == 1
        assert len(problems(receiver)) == 1200 == state["lrs-0"]["delivered"]
        assert state["lrs-1"]["stopped"].startswith("x.log:1: ")

        with Receiver(port=port) as late:
            again = send("x.log")
            assert again.returncode == 0
            assert problems(late) == list(range(1200))
            assert report(again)["consumers"]["lrs-0"]["delivered"] == 0

    def test_it_tries_again(self, send, consumers, tmp_path):
        """A receiver that is busy gets everything, a little later."""
        with counting() as server:
            server.answers += [503, 503]
            consumers(server.url)
            (tmp_path / "x.log").write_bytes(log(1, 2))

            done = send("x.log")

            assert done.returncode == 0
            assert len(server.ids) == 2
            assert server.answers == []

    def test_wrong_credentials_are_not_waited_for(self, send, consumers, tmp_path):
        """One line says which consumer, and what came of it."""
        with Receiver(auth=("a", "b")) as closed:
            wrong = {"type": "basic", "username": "a", "password": "hunter2"}
            consumers(closed, auth=wrong)
            (tmp_path / "x.log").write_bytes(log(1))

            done = send("x.log", timeout=30)

            assert done.returncode == 1
            assert "401" in report(done)["consumers"]["lrs-0"]["stopped"]
            assert b"hunter2" not in done.stderr
            assert closed.statements() == []

    def test_what_is_refused_is_kept(self, send, consumers, tmp_path):
        """The neighbours arrive, and the one that is refused lies in the dead letters."""
        with counting() as server:
            server.refused = b"@p2/"
            consumers(server.url)
            (tmp_path / "x.log").write_bytes(log(1, 2, 3))

            done = send("--dead-letters", "dead.jsonl", "x.log")

            (letter,) = (tmp_path / "dead.jsonl").read_bytes().splitlines()
            assert done.returncode == 1
            assert len(server.ids) == 2
            assert b"@p2/" in letter
            assert report(done)["consumers"]["lrs-0"] == {"delivered": 2, "dead": 1}


class TestMistakes:
    def fails(self, done, *words):
        message = done.stderr.decode().splitlines()[-1]
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert all(word in message for word in words), message

    def test_the_consumers_file(self, send, consumers, tmp_path):
        """What is wrong with it is said in one line, before anything is sent."""
        (tmp_path / "x.log").write_bytes(log(1))
        self.fails(send("x.log"), "consumers.json")
        (tmp_path / "consumers.json").write_text("[")
        self.fails(send("x.log"), "consumers.json", "JSON")
        consumers("https://lrs.example.org", allow=[{"evnt": "x"}])
        self.fails(send("x.log"), "lrs-0", "evnt")
        consumers("https://lrs.example.org", enabled=False)
        self.fails(send("x.log"), "enabled")

    def test_a_checkpoint_that_is_none(self, send, consumers, tmp_path):
        """Another file in its place is not overwritten."""
        consumers("https://lrs.example.org")
        (tmp_path / "x.log").write_bytes(log(1))
        for content in (
            "[]",
            "{",
            '{"version": 7}',
            '{"version": 2, "logs": [{"first": "a", "name": "b", "positions": {"c": 1}}]}',
        ):
            (tmp_path / "point").write_text(content)
            self.fails(send("--checkpoint", "point", "x.log"), "--checkpoint", "--restart")
            assert (tmp_path / "point").read_text() == content

    def test_a_checkpoint_over_an_input(self, send, consumers, tmp_path):
        consumers("https://lrs.example.org")
        (tmp_path / "x.log").write_bytes(log(1))

        self.fails(send("--checkpoint", "x.log", "x.log"), "--checkpoint", "input")


class _Counting(ThreadingHTTPServer):
    """An LRS that notes what it is sent, and that can be slow, busy or choosy."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ids = []
        self.answers = []
        self.refused = b""
        self.halt_after = float("inf")
        self.halted = threading.Event()
        self.proceed = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        statements = json.loads(body)
        status = self.server.answers.pop(0) if self.server.answers else 200
        if self.server.refused and self.server.refused in body:
            status = 400
        if status == 200:
            self.server.ids += [statement["id"] for statement in statements]
        if len(self.server.ids) >= self.server.halt_after and not self.server.proceed.is_set():
            self.server.halted.set()
            self.server.proceed.wait(60)
        answer = json.dumps([statement["id"] for statement in statements]).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextmanager
def counting():
    server = _Counting()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.proceed.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_the_checkpoint_is_small_and_plain(send, consumers, receiver, tmp_path):
    """It holds places, and nothing of the events; no lock is left behind."""
    consumers(receiver)
    (tmp_path / "x.log").write_bytes(log(1, 2))
    send("x.log")

    content = json.loads((tmp_path / "consumers.json.checkpoint.json").read_text())

    (noted,) = content["logs"]
    assert noted["name"] == os.path.realpath(tmp_path / "x.log")
    (place,) = noted["positions"].values()
    assert place["lines"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {
        "x.log",
        "consumers.json",
        "consumers.json.checkpoint.json",
    }
