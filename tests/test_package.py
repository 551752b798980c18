"""The package as users get it: what it imports, what it offers, and what is in the wheel."""

from __future__ import annotations

import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import eventkit

HEAVY = (
    "celery",
    "cryptography",
    "django",
    "jsonschema",
    "jsonschema_rs",
    "opentelemetry",
    "prometheus_client",
    "pymongo",
    "re2",
    "yaml",
)


def python(code: str) -> str:
    """Run *code* in an interpreter of its own; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(eventkit.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr

    return done.stdout


@pytest.mark.parametrize("statement", ["import eventkit", "from eventkit import *"])
def test_importing_loads_nothing_heavy_and_starts_nothing(statement: str) -> None:
    loaded, threads = python(
        f"{statement}\nimport sys, threading\nprint(*sys.modules)\nprint(threading.active_count())"
    ).splitlines()

    assert "eventkit" in loaded.split()
    assert [name for name in HEAVY if name in loaded.split()] == []
    assert threads == "1"


def test_the_commands_help_does_not_load_the_delivery() -> None:
    loaded = python(
        "import sys\n"
        "from eventkit.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )

    assert "django" not in loaded.split()


def test_public_names_are_sorted_and_exist() -> None:
    assert eventkit.__all__ == sorted(eventkit.__all__)
    assert [name for name in eventkit.__all__ if not hasattr(eventkit, name)] == []


def test_public_names_are_those_of_the_reference(root: Path) -> None:
    reference = (root / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    described = re.findall(r"^### `(\w+)`$", reference, re.MULTILINE)

    assert sorted(described) == [name for name in eventkit.__all__ if not name.startswith("__")]


def test_public_names_are_in_the_typing_test(root: Path) -> None:
    code = (root / "tests" / "typing" / "api.py").read_text(encoding="utf-8")

    assert [name for name in eventkit.__all__ if name not in code] == []


def test_everything_public_has_a_docstring() -> None:
    undocumented = [
        name
        for name in eventkit.__all__
        if not name.startswith("__") and not getattr(eventkit, name).__doc__
    ]

    assert undocumented == []


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy, so that nothing is left in the project."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        root / "eventkit", source / "eventkit", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--wheel-dir", str(folder), str(source)],
        check=True,
        timeout=120,
    )  # fmt: skip
    [file] = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile, root: Path) -> None:
    expected = {
        path.relative_to(root).as_posix()
        for path in (root / "eventkit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"
    }
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert held == expected
    assert {"eventkit/py.typed", "eventkit/validation/xapi-1.0.3.json"} <= held
    assert any(name.startswith("eventkit/demo/") and ".log" in name for name in held)


def test_the_wheel_says_what_it_is_and_needs(wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    requirements = metadata.get_all("Requires-Dist") or []
    required = {re.split(r"[^\w.-]", text)[0] for text in requirements if "extra ==" not in text}

    assert metadata["Name"] == "openedx-eventkit"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Apache-2.0" in (metadata["License-Expression"] or metadata["License"])
    assert required == {"event-tracking", "attrs", "jsonschema", "isodate", "requests"}
    assert set(metadata.get_all("Provides-Extra") or []) >= {"yaml", "re2", "zstd", "fast", "all"}
    assert any(each.endswith("/LICENSE") for each in wheel.namelist())
    entry_points = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert "eventkit = eventkit.cli:main" in entry_points


def test_the_version_is_written_once(root: Path) -> None:
    [version] = re.findall(
        r"^version = (\S+)$", (root / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE
    )
    code = [
        path.name
        for path in (root / "eventkit").rglob("*.py")
        if f'"{version}"' in path.read_text(encoding="utf-8")
    ]

    assert code == []
    try:
        assert importlib.metadata.version("openedx-eventkit") == version
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("not installed")


def test_what_is_compiled_is_what_every_event_passes_through(root: Path) -> None:
    """Not what people extend, pickle, or read the help of, nor what other packages bring."""
    build = runpy.run_path(str(root / "setup.py"), run_name="setup")
    compiled = {Path(path).relative_to("eventkit").as_posix() for path in build["modules"]()}

    assert {
        "base/json.py",
        "events/families/video.py",
        "events/shapes/view.py",
        "reading/source.py",
        "translators/ids.py",
        "translators/standard/xapi.py",
    } <= compiled
    assert all((root / "eventkit" / path).is_file() for path in compiled)
    assert compiled.isdisjoint(
        {
            "events/__init__.py",
            "reading/parsing.py",
            "translators/caliper.py",
            "translators/identity.py",
            "translators/translator.py",
            "translators/xapi.py",
        }
    )


def test_compiling_says_what_it_lacks(root: Path, tmp_path: Path) -> None:
    """Asked to compile without the compiler, it does not make a plain package in silence."""
    (tmp_path / "mypyc").mkdir()
    (tmp_path / "mypyc" / "__init__.py").write_text("raise ImportError")
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build"],
        cwd=root,
        env={**os.environ, "EVENTKIT_COMPILE": "1", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "EVENTKIT_COMPILE=1 needs mypy>=2.0,<3, which is not installed"
    )
