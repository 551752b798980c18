"""The Open edX adapters, in a process of their own and in one without Django."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_on_a_real_django(root: Path) -> None:
    """All of `openedx_cases.py` passes."""
    cases = Path(__file__).with_name("openedx_cases.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(cases)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_importing_the_adapters_imports_neither_django_nor_the_platform(root: Path) -> None:
    script = (
        "import sys; from eventkit.contrib.openedx import CourseOverviews, ExternalIdIdentity;"
        "ExternalIdIdentity(); CourseOverviews();"
        "print([name for name in ('django', 'openedx', 'opaque_keys') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
