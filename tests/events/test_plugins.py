"""Events that other packages add."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "examples" / "virtual_lab"

USE = """
from eventkit import Filter, XAPITranslator
translator = XAPITranslator(lms_root="https://x.org", identity=lambda user, system: "a")
print(translator.supports("other.event"))
"""


def run(*command: object, path: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with what is installed in *path*."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(path), str(ROOT)))}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the example package installed in it."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "virtual_lab"
    # Building leaves files behind, and the source tree is not theirs.
    subprocess.run(["cp", "-r", LAB, source], check=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"),
            *("install", "--no-deps", "--no-build-isolation"),
            *("--target", str(folder), str(source)),
        ],
        check=True,
    )
    return folder


class TestExamplePackage:
    """The example package, installed."""

    def test_is_listed(self, installed):
        """The command lists its events with all others, under the name of the entry point."""
        listed = run("-m", "eventkit", "events", "--json", path=installed)

        assert listed.returncode == 0, listed.stderr
        ours = [each for each in json.loads(listed.stdout) if each["family"] == "virtual_lab"]
        assert {each["name"] for each in ours} == {
            "lab.experiment.started",
            "lab.experiment.finished",
        }

    def test_is_translated(self, installed, tmp_path):
        """A translator that is told nothing of the package translates its events."""
        case = json.loads(
            (LAB / "tests" / "golden" / "lab.experiment.started.json").read_text("utf-8")
        )
        log = tmp_path / "tracking.log"
        log.write_text(json.dumps(case["event"]), encoding="utf-8")
        options = ["--lms-root", "https://lms.example.org", "--identity-secret-env", "SECRET"]
        os.environ["SECRET"] = "for this test and nothing else"
        try:
            made = run("-m", "eventkit", "translate", "--to", "xapi", *options, log, path=installed)
        finally:
            del os.environ["SECRET"]

        assert made.returncode == 0, made.stderr
        assert json.loads(made.stdout)["verb"]["display"] == {"en": "started"}

    def test_its_own_tests_pass(self, installed):
        """The checks for plugin authors are all that its tests need."""
        tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", LAB / "tests", path=installed)

        assert tested.returncode == 0, tested.stdout
        assert "3 passed" in tested.stdout


class TestBadPackages:
    """Packages with mistakes stop the start, and the message says whose mistake it is."""

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            (
                "from eventkit.events import Row\nEVENTS = [Row(('play_video',), reason='x')]",
                ["bad-plugin", "'play_video' is claimed by", "family video", "family bad"],
            ),
            ("EVENTS = ['play_video']", ["bad-plugin", "expected rows", "got str"]),
            ("EVENTS = 7", ["bad-plugin", "cannot load 'bad_plugin:EVENTS'", "TypeError"]),
            ("import no_such_module", ["bad-plugin", "cannot load", "no_such_module"]),
            ("", ["bad-plugin", "cannot load", "AttributeError"]),
        ],
        ids=["taken name", "no rows", "no table", "broken import", "missing"],
    )
    def test_are_named(self, source, words, tmp_path):
        """The error names the entry point, the package and what is wrong."""
        (tmp_path / "bad_plugin.py").write_text(source, encoding="utf-8")
        info = tmp_path / "bad_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[eventkit.events]\nbad = bad_plugin:EVENTS\n")
        used = run("-c", USE, path=tmp_path)

        assert used.returncode != 0
        last = used.stderr.strip().splitlines()[-1]
        assert last.startswith("eventkit.exceptions.ConfigurationError: entry point 'bad'")
        assert [word for word in words if word not in last] == []

    def test_the_command_says_so_in_one_line(self, tmp_path):
        """A bad package is a wrong configuration: exit 2, and no traceback."""
        (tmp_path / "bad_plugin.py").write_text("EVENTS = 7", encoding="utf-8")
        info = tmp_path / "bad_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[eventkit.events]\nbad = bad_plugin:EVENTS\n")
        used = run("-m", "eventkit", "events", path=tmp_path)

        assert used.returncode == 2
        assert "bad-plugin" in used.stderr
        assert "Traceback" not in used.stderr
