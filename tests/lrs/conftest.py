"""Ralph, a real LRS, and the validator of another, as fixtures."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from needed import unavailable

HERE = Path(__file__).resolve().parent
AUTH = ("eventkit", "secret")
_PATIENCE = 60


@dataclass(frozen=True)
class Lrs:
    """A running LRS."""

    root: str
    url: str
    auth: tuple[str, str]

    def statements(self) -> list[dict[str, Any]]:
        """Read everything that it holds, page by page, without what it added itself."""
        found: list[dict[str, Any]] = []
        with requests.Session() as session:
            session.trust_env = False
            session.auth = self.auth
            session.headers["X-Experience-API-Version"] = "1.0.3"
            more = "/xAPI/statements?limit=100"
            while more:
                answer = session.get(self.root + more, timeout=_PATIENCE)
                answer.raise_for_status()
                page = answer.json()
                found += page["statements"]
                more = page.get("more") if page["statements"] else None
        for statement in found:
            del statement["stored"], statement["authority"]
        return found


@pytest.fixture(scope="session")
def ralph_python(root: Path) -> Path:
    """The Python of Ralph's environment."""
    folder = Path(os.environ.get("EVENTKIT_RALPH_VENV") or root / ".venv-lrs")
    if not (folder / "installed.txt").is_file():
        unavailable(f"Ralph is not in {folder.name}: python tests/lrs/install.py puts it there")
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def learning_locker(root: Path) -> list[str | Path]:
    """Give the command that checks statements as Learning Locker does."""
    folder = root / ".node"
    if shutil.which("node") is None:
        unavailable("node is not there, and the validator of Learning Locker needs it")
    if not (folder / "installed.txt").is_file():
        unavailable(
            f"the validator of Learning Locker is not in {folder.name}: "
            "python tests/lrs/install_validator.py puts it there"
        )
    return ["node", HERE / "learning_locker.js", folder]


@pytest.fixture(scope="session")
def ralph(
    ralph_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lrs, Path]]:
    """Start an LRS on a free port of the loopback address; give it and its folder of statements."""
    folder = tmp_path_factory.mktemp("ralph")
    (folder / "app").mkdir()
    statements = folder / "statements"
    statements.mkdir()
    environment = os.environ | {
        "RALPH_APP_DIR": str(folder / "app"),
        "RALPH_RUNSERVER_BACKEND": "fs",
        "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH": str(statements),
    }
    add_user = ["auth", "-u", AUTH[0], "-p", AUTH[1], "-s", "all", "-w"]
    agent = ["-N", "eventkit", "-A", "eventkit", "https://lms.example.org"]
    subprocess.run(
        [ralph_python.with_name("ralph"), *add_user, *agent],
        env=environment,
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=_PATIENCE,
    )
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [ralph_python, HERE / "serve.py"],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert server.stdout is not None
    try:
        port = server.stdout.readline().strip()
        assert port, (folder / "server.log").read_text()
        root = f"http://127.0.0.1:{port}"
        # The socket listens already, so this waits until there is somebody to answer.
        requests.get(f"{root}/__lbheartbeat__", timeout=_PATIENCE).raise_for_status()
        yield Lrs(root=root, url=f"{root}/xAPI", auth=AUTH), statements
    finally:
        server.terminate()
        try:
            server.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()


@pytest.fixture
def lrs(ralph: tuple[Lrs, Path]) -> Lrs:
    """An LRS that is empty: the one that all tests share, without what it was told before."""
    running, statements = ralph
    for each in statements.iterdir():
        each.unlink()
    return running
