"""
Every snippet in the README and the documentation runs.

A comment before a fenced block says how: ``<!-- test: WORD ... -->`` with

- ``file=NAME``: it is a file of that name;
- ``append=NAME``: it is the end of that file, which is there already;
- ``run``: a Python program;
- ``settings``: the settings of an LMS, which a tracker of event-tracking is made from;
- ``celery``: a module with Celery tasks that the settings name (with ``file=``);
- ``platform``: ``OPTIONS`` of a translator that needs the Open edX platform to work;
- ``row=MODULE``: a row for the table of that module of events;
- ``case=NAME``: the golden case of such a row, still without its documents;
- ``console``: commands; with ``exit=N`` the last one exits with N.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eventkit.receivers import Receiver

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ADD_AN_EVENT = ROOT / "docs" / "how-tos" / "add-an-event.md"
PASSWORD = "a password for tests"
ADMIN_KEY = "a2V5cyBvZiB0ZXN0cyBhcmUgbm8gc2VjcmV0cyBhdCA="

_BLOCK = re.compile(
    r"(?:^<!-- test: (?P<how>[^>]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)")


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    words: dict[str, str]
    text: str


def blocks(page: Path) -> Iterator[Block]:
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        words = dict(word.partition("=")[::2] for word in (match["how"] or "").split())
        yield Block(match["language"], words, match["text"])


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class Site:
    """A folder and a record store that a page's snippets work with."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.folder = folder
        self.receiver = receiver
        commands = folder / "bin"
        commands.mkdir()
        calls = {
            "python": f'"{sys.executable}" ',
            "eventkit": f'"{sys.executable}" -m eventkit ',
            "sudo": "",  # folders of the system are this site's own
        }
        for command, call in calls.items():
            script = commands / command
            script.write_text(f'#!/bin/sh\nexec {call}"$@"\n')
            script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def fill_in(self, text: str) -> str:
        """Put this site's addresses in the place of those in the text."""
        text = text.replace("https://lrs.example.org/xapi", self.receiver.url)
        return re.sub("/(etc|var/lib)/eventkit/", f"{self.folder}/", text)

    def write(self, file: str, text: str) -> Path:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.fill_in(text), encoding="utf-8")
        return path

    def run(
        self, *command: str, code: int = 0, without: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run *command*, *without* one of the variables of the environment."""
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "LRS_PASSWORD": PASSWORD,
            "IDENTITY_SECRET": "a secret that only the tests know",
            "EVENTKIT_ADMIN_KEY": ADMIN_KEY,
        }
        environment.pop(without, None)
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

        assert done.returncode == code, done.stdout + done.stderr

        return done

    def verbs(self) -> list[str]:
        """Say what has arrived."""
        return sorted(each["verb"]["display"]["en"] for each in self.receiver.statements())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Receiver(auth=("eventkit", PASSWORD)) as receiver:
        yield Site(tmp_path, receiver)


def test_every_snippet_says_how_it_is_tested() -> None:
    untested = [
        (name(page), block.text)
        for page in PAGES
        for block in blocks(page)
        if block.language and not block.words
    ]

    assert untested == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_snippets_of_a_page_run(page: Path, site: Site) -> None:
    for number, block in enumerate(blocks(page)):
        if file := block.words.get("file"):
            site.write(file, block.text)
        elif file := block.words.get("append"):
            site.write(file, (site.folder / file).read_text("utf-8") + block.text)
        elif "run" in block.words:
            site.write(f"snippet_{number}.py", block.text)
            site.run("python", f"snippet_{number}.py")
        elif "console" in block.words:
            assert all(line.startswith("$ ") for line in block.text.splitlines())
            commands = site.fill_in(block.text).replace("\n$ ", "\n").removeprefix("$ ")
            site.run("sh", "-ec", commands, code=int(block.words.get("exit", 0)))


DRIVER = """
import sys
import threading
from collections import Counter
from importlib import import_module

from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from django.conf import settings

import site_settings

settings.configure(EVENT_TRACKING_BACKENDS=site_settings.EVENT_TRACKING_BACKENDS)

from eventtracking.django.django_tracker import DjangoTracker

app = Celery("site", broker="memory://", set_as_current=True)
changed = threading.Condition()
done = Counter()


@signals.task_success.connect
def count_done(sender=None, **_):
    with changed:
        done[sender.name] += 1
        changed.notify()


def emit(tracker, name, course, data, user=7):
    org = course.partition(":")[2].partition("+")[0]
    context = {
        "course_id": course, "org_id": org, "user_id": user, "username": "ann", "ip": "203.0.113.9",
    }
    with tracker.context("test", context):
        tracker.emit(name, data)


def emit_all(tracker):
    demo, other, foreign = (
        "course-v1:edX+DemoX+2026", "course-v1:edX+Other+2026", "course-v1:MITx+6.00x+2026",
    )
    for course in (demo, other, foreign):
        emit(tracker, "edx.course.enrollment.activated", course,
             {"course_id": course, "user_id": 7, "mode": "audit"})
    emit(tracker, "edx.forum.thread.created", demo,
         {"id": "0123456789abcdef01234567", "title": "Hello", "commentable_id": "general"})
    emit(tracker, "edx.special.unknown", demo, {})


tracker = DjangoTracker()
backend = tracker.get_backend("eventkit")
if sys.argv[1:]:
    tasks = import_module(sys.argv[1])
    with start_worker(app, perform_ping_check=False, pool="solo", concurrency=1):
        emit_all(tracker)
        with changed:
            shared = backend.stats()["enqueued"]
            assert shared == 3, backend.stats()  # one is filtered, and so is the forum
            assert changed.wait_for(lambda: done.total() == shared, 60), done
        assert tasks.backend().flush(60)
else:
    emit_all(tracker)
    assert backend.close(60), backend.stats()
"""


@pytest.mark.parametrize(
    ("page", "arrived"),
    [
        ("README.md", ["registered"]),
        ("docs/quickstarts/lms.md", ["posted", "registered", "registered"]),
    ],
)
def test_the_settings_of_a_page_share_the_events_that_they_should(
    page: str, arrived: list[str], site: Site
) -> None:
    """Events are emitted through event-tracking's tracker; the consumers' rules decide."""
    tasks = ""
    for block in blocks(ROOT / page):
        if "celery" in block.words:
            tasks = block.words["file"].removesuffix(".py").replace("/", ".")
        if file := block.words.get("file"):
            site.write(file, block.text)
        if "settings" in block.words:
            site.write("site_settings.py", block.text)
    site.write("driver.py", DRIVER)

    site.run("python", "driver.py", *filter(None, [tasks]))

    assert site.verbs() == arrived
    assert '"ann"' not in json.dumps(site.receiver.statements())


NO_DISK_DRIVER = """
import threading

from celery import Celery, signals
from celery.contrib.testing.worker import start_worker

app = Celery("site", broker="memory://", set_as_current=True)
done, retried = threading.Event(), []

import no_disk


@signals.task_success.connect
def succeeded(sender=None, **_):
    if sender.name == "no_disk.deliver":
        done.set()


@signals.task_retry.connect
def again(sender=None, **_):
    retried.append(sender.name)


real = no_disk.translator


def broken():
    raise KeyError("IDENTITY_SECRET")


course = "course-v1:edX+DemoX+2026"
with start_worker(app, perform_ping_check=False, pool="solo", concurrency=1):
    no_disk.translator = lambda: real() if retried else broken()
    no_disk.share_event.delay({
        "name": "edx.course.enrollment.activated",
        "timestamp": "2026-03-01T12:00:00.250000+00:00",
        "data": {"course_id": course, "user_id": 7, "mode": "audit"},
        "context": {"course_id": course, "org_id": "edX", "user_id": 7},
    })
    assert done.wait(60)
print(retried)
"""


def test_the_tasks_without_a_disk_deliver_and_try_again(site: Site) -> None:
    for page in ("README.md", "docs/how-tos/celery.md"):
        for block in blocks(ROOT / page):
            if file := block.words.get("file"):
                site.write(file, block.text)
    site.write("driver.py", NO_DISK_DRIVER)

    done = site.run("python", "driver.py")

    assert done.stdout == "['no_disk.share_event']\n"
    assert site.verbs() == ["registered"]


@pytest.mark.parametrize("variable", ["LRS_PASSWORD", "IDENTITY_SECRET"])
def test_the_worker_of_the_readme_does_not_start_without_a_variable(
    variable: str, site: Site
) -> None:
    """It would take events from the queue that it can do nothing with."""
    for block in blocks(ROOT / "README.md"):
        if file := block.words.get("file"):
            site.write(file, block.text)
    site.write(
        "site_app.py",
        "from celery import Celery\n"
        "app = Celery('site', broker='memory://')\n"
        "app.conf.imports = ['mysite_events.tasks']\n",
    )
    worker = ("python", "-m", "celery", "-A", "site_app", "worker", "--pool=solo")

    done = site.run(*worker, code=1, without=variable)

    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("eventkit: ")
    assert variable in said


def test_a_task_of_the_readme_goes_back_to_the_queue_without_a_variable(site: Site) -> None:
    """Should a worker run all the same, such as one that was started before."""
    for block in blocks(ROOT / "README.md"):
        if file := block.words.get("file"):
            site.write(file, block.text)
    for variable in ("LRS_PASSWORD", "IDENTITY_SECRET"):
        done = site.run(
            "python",
            "-c",
            "import time; time.sleep = lambda _: None\n"
            "from celery.exceptions import Reject\n"
            "from mysite_events.tasks import share_event\n"
            "try: share_event.run({'name': 'play_video'})\n"
            "except Reject as reject: print(reject.requeue, reject.reason)",
            without=variable,
        )

        assert done.stdout.startswith("True ")
        assert variable in done.stdout


def test_the_options_for_the_platform_make_a_translator(site: Site) -> None:
    """The platform itself is not here; it is imported with the first event only."""
    made = 0
    for page in PAGES:
        for block in blocks(page):
            if "platform" not in block.words:
                continue
            made += 1
            site.write("options.py", block.text)
            site.run(
                "python",
                "-c",
                "from django.conf import settings; import options;"
                "engine = {'ENGINE': 'eventkit.XAPITranslator', 'OPTIONS': options.OPTIONS};"
                "settings.configure(EVENT_TRACKING_PROCESSORS=[engine]);"
                "from eventtracking.django.django_tracker import DjangoTracker;"
                "[made] = DjangoTracker().processors; assert made.supports('play_video')",
            )

    assert made


CHECK_CASE = """
import sys
from eventkit.events import CATALOGUE
from eventkit.testing import check_case, write_case

assert write_case(sys.argv[1]), "nothing was written"
check_case(sys.argv[1])
print(CATALOGUE.canonical("leaf_measured"))
"""


def test_an_event_is_a_row_and_a_golden_case(tmp_path: Path) -> None:
    """The row and the case of the how-to are all that it takes."""
    page = {word: block for block in blocks(ADD_AN_EVENT) for word in block.words}
    shutil.copytree(ROOT / "eventkit", tmp_path / "eventkit")
    module = tmp_path / "eventkit" / "events" / "families" / f"{page['row'].words['row']}.py"
    head, start, rest = module.read_text(encoding="utf-8").partition(
        "EVENTS: tuple[Row, ...] = (\n"
    )
    module.write_text(f"{head}{start}{page['row'].text.rstrip()},\n{rest}", encoding="utf-8")
    case = tmp_path / page["case"].words["case"]
    case.write_text(page["case"].text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CHECK_CASE, case],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "edx.example.leaf.measured"
    documents = json.loads(case.read_text(encoding="utf-8"))
    assert len(documents["xapi"]) == len(documents["caliper"]) == 1


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in _LINK.finditer(page.read_text(encoding="utf-8"))]
    broken = [
        target for target in targets if "://" not in target and not (page.parent / target).is_file()
    ]

    assert broken == []


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = ROOT / "docs" / "README.md"
    listed = {
        (contents.parent / match["target"]).resolve()
        for match in _LINK.finditer(contents.read_text(encoding="utf-8"))
    }

    # The pages of the events have a table of contents of their own.
    own = {contents, ROOT / "README.md", *(ROOT / "docs" / "reference" / "events").iterdir()}
    assert ROOT / "docs" / "reference" / "events" / "README.md" in listed
    assert set(PAGES) - own <= listed


def test_the_readme_names_exactly_two_make_targets_and_they_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.findall(r"^make \w+$", readme, re.MULTILINE) == ["make demo", "make test"]
    assert "\ndemo:" in makefile
    assert "\ntest:" in makefile
