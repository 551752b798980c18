"""What ``eventkit check`` says of variables, folders and the settings of a Django site."""

import json
import os
import tempfile

import pytest

from eventkit import FileDeadLetters, Router, SQLiteStore
from eventkit.cli.environment import check_writable
from eventkit.exceptions import ConfigurationError

SITE = """
SECRET_KEY = "x"
INSTALLED_APPS = ["eventtracking.django", "mysite_events"]
EVENT_TRACKING_ENABLED = True
EVENT_TRACKING_BACKENDS = {
    "eventkit": {
        "ENGINE": "eventkit.RealTimeBackend",
        "OPTIONS": {"enqueue": "mysite_events.tasks.share_event"},
    },
}
"""

TASKS = """
from celery import shared_task

@shared_task
def share_event(event):
    pass
"""


@pytest.fixture
def check(eventkit, tmp_path):
    consumer = {"id": "file", "protocol": "xapi", "url": f"file:{tmp_path / 'out.jsonl'}"}
    (tmp_path / "consumers.json").write_text(json.dumps([consumer]))

    def run(*arguments, **options):
        done = eventkit("check", "consumers.json", *arguments, **options)
        return done.returncode, done.stderr.decode()

    return run


@pytest.fixture
def site(tmp_path):
    """Make a site, in which some text of the settings is another one."""

    def make(old="", new="", tasks=TASKS):
        assert old in SITE
        (tmp_path / "mysite_events").mkdir()
        (tmp_path / "mysite_events" / "__init__.py").touch()
        (tmp_path / "mysite_events" / "tasks.py").write_text(tasks)
        (tmp_path / "site_settings.py").write_text(SITE.replace(old, new) if old else SITE)

    return make


def test_nothing_is_said_when_all_is_there(check, site, tmp_path):
    site()
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)

    code, said = check(
        "--env", "IDENTITY_SECRET", "--writable", folder / "store.db", "--django", "site_settings"
    )

    assert (code, said) == (0, "")


@pytest.mark.parametrize(
    ("value", "why"), [(None, "is not set"), ("", "is not set"), ("short", "5 characters")]
)
def test_a_variable_that_is_missing_is_named(check, value, why):
    name = "SITE_SECRET"
    code, said = check("--env", name, env={} if value is None else {name: value})

    assert code == 1
    assert f"--env {name}: " in said
    assert why in said


def test_a_folder_that_is_missing_is_named_with_what_makes_it(check, tmp_path):
    code, said = check("--writable", tmp_path / "no" / "store.db")

    assert code == 1
    assert f"install -d -m 700 -o {_me()} {tmp_path / 'no'}" in said


def test_a_folder_that_others_can_read_is_told_of(check, tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    folder.chmod(0o755)

    code, said = check("--writable", folder)

    assert code == 1
    assert "mode 0755" in said
    assert f"chmod 700 {folder}" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_folder_that_cannot_be_written_is_told_of(check, tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    folder.chmod(0o500)

    code, said = check("--writable", folder)

    assert code == 1
    assert f"cannot write in {folder} (owner {_me()}, mode 0500)" in said


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("EVENT_TRACKING_ENABLED = True", "", "EVENT_TRACKING_ENABLED is not True"),
        ('"eventtracking.django", ', "", "'eventtracking.django' is not in INSTALLED_APPS"),
        (', "mysite_events"', "", "'mysite_events', where the task"),
        (
            "eventkit.RealTimeBackend",
            "eventtracking.backends.logger.LoggerBackend",
            "has no eventkit.RealTimeBackend",
        ),
        ("tasks.share_event", "tasks.share_events", "no task or callable 'share_events'"),
        ("mysite_events.tasks", "mysite_events.task", "cannot be imported: ModuleNotFoundError"),
        ("SECRET_KEY", "raise RuntimeError('broken') #", "cannot be loaded: RuntimeError: broken"),
    ],
)
def test_what_keeps_a_site_from_sharing_events_is_named(check, site, old, new, why):
    pytest.importorskip("celery")
    site(old, new)

    code, said = check("--django", "site_settings")

    assert code == 1
    assert "--django site_settings: " in said
    assert why in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ExternalIdIdentity", "this site has no users (ImproperlyConfigured"),
        ("ExternalIdIdentity", "external_user_ids.models cannot be imported (ModuleNotFoundError"),
        ("CourseOverviews", "course_overviews.api cannot be imported (ModuleNotFoundError"),
        ("CourseBlocks", "block_structure.api cannot be imported (ModuleNotFoundError"),
        ("UserEmails", "this site has no users (ImproperlyConfigured"),
    ],
)
def test_what_asks_a_platform_that_is_not_there_is_named(check, site, tmp_path, name, why):
    pytest.importorskip("celery")
    site()
    settings = (tmp_path / "site_settings.py").read_text()
    unused = {"OPTIONS": {"identity": {"ENGINE": f"eventkit.contrib.openedx.{name}"}}}
    # Not read by event-tracking, which would make it; the tree is looked through all the same.
    (tmp_path / "site_settings.py").write_text(
        f"{settings}\nEVENT_TRACKING_BACKENDS['eventkit']['NOTE'] = {unused}\n"
    )

    code, said = check("--django", "site_settings")

    assert code == 1
    assert f"--django site_settings: eventkit.contrib.openedx.{name}: " in said
    assert why in said


@pytest.fixture
def closed(tmp_path):
    """Make a folder of somebody else's, which we may not enter."""
    folder = tmp_path / "eventkit"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0)
        yield folder
        folder.chmod(0o700)
        return
    folder.chmod(0o700)
    for each in list(tmp_path.parents)[:-1]:
        if str(each).startswith(tempfile.gettempdir() + os.sep):
            each.chmod(0o755)
    tmp_path.chmod(0o755)
    os.seteuid(65534)
    yield folder
    os.seteuid(0)


def test_a_folder_that_cannot_be_entered_is_told_of(closed):
    within, below = closed / "worker.db", closed / "more" / "worker.db"

    first, second = check_writable([within, below])

    assert first.startswith(f"--writable {within}: {_me()} may not enter {closed} (owner ")
    assert first.endswith(f"install -d -m 700 -o {_me()} {closed}")
    assert f"{_me()} may not enter {closed} (owner " in second
    assert "name a file somewhere else" in second


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (SQLiteStore, "path"),
        (lambda path: Router([], store=path), "path"),
        (FileDeadLetters, "dead_letters"),
        (lambda path: Router([], dead_letters=path), "dead_letters"),
    ],
)
def test_what_is_opened_in_a_folder_that_cannot_be_entered(closed, make, key):
    with pytest.raises(ConfigurationError) as caught:
        make(closed / "worker.db")

    assert f"{key}: {closed / 'worker.db'} cannot be reached: {_me()} may not enter" in str(
        caught.value
    )


def _me():
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
