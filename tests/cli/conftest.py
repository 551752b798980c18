"""Running the real command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "a secret that is long enough for the tests"
LMS = "https://lms.example.org"


@pytest.fixture
def environment():
    """The environment of the command: an identity secret, and the package from this tree."""
    paths = [str(path) for path in (Path.cwd(), os.environ.get("PYTHONPATH")) if path]
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("EVENTKIT_")},
        "IDENTITY_SECRET": SECRET,
        "PYTHONPATH": os.pathsep.join(paths),
    }


@pytest.fixture
def eventkit(environment, tmp_path):
    """Run ``eventkit ARGUMENTS``, in an empty folder."""

    def run(*arguments, env=None, **options):
        command = [sys.executable, "-m", "eventkit", *map(str, arguments)]
        options = {"capture_output": True, "timeout": 120, "cwd": tmp_path, **options}
        return subprocess.run(command, env=environment | (env or {}), check=False, **options)

    return run


@pytest.fixture
def translating():
    """The options that every translation needs."""
    return ("--lms-root", LMS, "--identity-secret-env", "IDENTITY_SECRET")
