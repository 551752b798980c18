"""The same tests on other databases, and with the oldest Django that is supported."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from database_servers import SERVERS
from needed import unavailable

OLDEST = "4.2"


def run_tests(root, expression, environment):
    """Run tests of this folder that the marks of *expression* choose; give the last line."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "no:xdist", "-m", expression, "--ignore", __file__, "tests/contrib/django"),
        ],
        cwd=root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr

    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("server", SERVERS)
def test_on_another_database(root, server):
    with SERVERS[server]() as address:
        said = run_tests(root, "databases", {"EVENTKIT_SITE_DATABASE": address})

    assert re.fullmatch(r"\d+ passed, \d+ deselected.*", said)


def test_with_the_oldest_django(root):
    """All of them, but those in a browser."""
    folder = root / f".django-{OLDEST}"
    if sys.version_info >= (3, 13):
        pytest.skip(f"Django {OLDEST} is not for Python 3.13 and newer")
    if not (folder / ".installed").exists():
        unavailable(f"needs Django {OLDEST} in {folder.name}: make {folder.name}/.installed")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    version = subprocess.run(
        [sys.executable, "-c", "import django; print(django.__version__)"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert version.stdout.startswith(f"{OLDEST}.")

    said = run_tests(root, "not browser", {"PYTHONPATH": path})

    assert re.match(r"\d+ passed", said)
