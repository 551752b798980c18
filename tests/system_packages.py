"""
Install the programs that tests need beside Python: Chromium, PostgreSQL, MariaDB, node.

    python tests/system_packages.py

What is there already stays. Where nothing can be installed, because there is no apt or this is not
root, one line says what is missing: tests that need it are skipped, or fail with CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = {
    "chromium": ("chromium", ""),
    "mariadb-server": ("mariadbd", "/usr/sbin"),
    "nodejs": ("node", ""),
    "npm": ("npm", ""),
    "postgresql": ("postgres", "/usr/lib/postgresql/*/bin"),
}
"""By package: a program of it, and where that is if not in the path."""

BESIDE = {"chromium": ["fonts-liberation"]}
"""What a package only recommends and tests need: letters to draw pages with."""

STAY_QUIET = Path("/usr/sbin/policy-rc.d")
"""Asked by packages whether to start their services; tests start their own."""


def missing() -> list[str]:
    """Give the packages that are not there."""
    return [name for name, (program, folder) in PROGRAMS.items() if not _is_there(program, folder)]


def _is_there(program: str, folder: str) -> bool:
    if shutil.which(program):
        return True
    return bool(folder) and any(Path("/").glob(f"{folder[1:]}/{program}"))


@contextmanager
def _no_services() -> Iterator[None]:
    """Start nothing while packages are installed, where nobody has said so already."""
    if STAY_QUIET.exists():
        yield
        return
    STAY_QUIET.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    STAY_QUIET.chmod(0o755)
    try:
        yield
    finally:
        STAY_QUIET.unlink(missing_ok=True)


def install(packages: list[str]) -> None:
    """Install *packages* with apt-get."""
    wanted = [*packages, *(more for name in packages for more in BESIDE.get(name, []))]
    apt = ["apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--no-install-recommends", *wanted]):
        done = subprocess.run(
            [*apt, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise RuntimeError("\n".join(done.stdout.splitlines()[-3:]))


def main() -> int:
    """Install what is missing if that can be done; say what is missing still."""
    packages = missing()
    if not packages:
        return 0
    named = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        why = "this needs root and apt"
    else:
        print(f"Installing {named} for the tests; this takes a minute or two, the first time only")
        try:
            with _no_services():
                install(packages)
        except (OSError, RuntimeError) as error:
            why = str(error)
        else:
            return 0
    print(
        f"Not installed: {named} ({why}). Tests that need them are skipped.",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
