"""The runners of examples/ in processes of their own, and what they are to make of events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from fault_server import PATIENCE

from eventkit import HMACIdentity, XAPITranslator

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SECRET = "a secret that only the tests know"
LMS_ROOT = "https://lms.example.org"
COURSE = "course-v1:edX+DemoX+2026"
LEARNERS = 7

LMS = """
import json, sys
from eventkit import RealTimeBackend

backend = RealTimeBackend(enqueue=sys.argv[1], threaded=True)
events = json.load(sys.stdin)
for event in events:
    backend.send(event)
print("sent", flush=True)
assert backend.close(20), backend.stats()
assert backend.stats()["processed"] == len(events), backend.stats()
"""


def events(*numbers):
    """Events, each by one of a few learners and a little later than the one before."""
    return [
        {
            "name": "edx.course.enrollment.activated",
            "timestamp": f"2026-03-01T12:00:00.{number:06}+00:00",
            "data": {"course_id": COURSE, "user_id": number % LEARNERS + 1, "mode": "audit"},
            "context": {
                "course_id": COURSE,
                "org_id": "edX",
                "user_id": number % LEARNERS + 1,
                "username": f"learner-{number % LEARNERS + 1}",
            },
        }
        for number in numbers
    ]


def ids(given):
    """The ids of the statements that *given* events become."""
    translator = XAPITranslator(lms_root=LMS_ROOT, identity=HMACIdentity(SECRET))
    return {
        statement["id"]
        for statement in chain.from_iterable(translator.translate(event) for event in given)
    }


def check_order(server):
    """Check that the statements of each learner arrived in order."""
    last = {}
    for statement in server.stored.values():
        learner = statement["actor"]["account"]["name"]
        assert last.get(learner, "") < statement["timestamp"]
        last[learner] = statement["timestamp"]
    assert len(last) == min(len(server.stored), LEARNERS)


def number_sent(server):
    return sum(len(request.statements) for request in server.requests)


class Runners:
    """Starts programs in *folder* that know of one consumer, and ends them with the test."""

    def __init__(self, folder, url, **more):
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{EXAMPLES}:{folder}",
            "IDENTITY_SECRET": SECRET,
            "LMS_ROOT": LMS_ROOT,
            "CONSUMERS": "consumers.json",
            **more,
        }
        self.processes = []
        consumer = {"id": "engine", "protocol": "xapi", "url": url, "timeout": 5}
        (folder / "consumers.json").write_text(json.dumps([consumer]))

    def start(self, *command, **more):
        """Start ``python *command*``; its output goes to files of the folder."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=self.folder,
                env={**self.environment, **more},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def example(self, name, **more):
        return self.start(str(EXAMPLES / name), **more)

    def lms(self, enqueue, given, **more):
        """Start an LMS that sends *given* events; it ends well only when all were taken."""
        process = self.start("-c", LMS, enqueue, **more)
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        return process

    def log(self):
        """What all of them have written to their standard error."""
        return (self.folder / "log").read_text()

    def stop(self, process):
        """End *process* as an operator does."""
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, self.log()

    def done(self, process):
        assert process.wait(PATIENCE) == 0, self.log()

    @staticmethod
    def kill(process):
        """Kill *process*, and those that it has started, with -9."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)

    def clean_up(self):
        for process in self.processes:
            self.kill(process)
            for stream in (process.stdin, process.stdout):
                with suppress(OSError):
                    stream.close()


@contextmanager
def runners(folder, url, **more):
    started = Runners(folder, url, **more)
    try:
        yield started
    finally:
        started.clean_up()
