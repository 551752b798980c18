"""
Install what is measured, each candidate in an environment of its own.

    python -m benchmarks.install [eventkit] [compiled] [erb] [ralph]

What is installed already stays. The folders are ``.venv-bench``, ``.venv-bench-compiled``,
``.venv-bench-erb`` and ``.venv-bench-ralph`` in the root of the project.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: where it is, what is in it, and what must be importable from it."""

    folder: Path
    requirements: tuple[str, ...]
    check: str
    is_compiled: bool = False
    """Whether eventkit's own sources are compiled into it, as they are now."""

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def mark(self) -> Path:
        """The file that tells that the environment is complete."""
        return self.folder / "installed.txt"

    def describe(self) -> str:
        """Say what is in it."""
        lines = [*self.requirements]
        if self.is_compiled:
            digest = hashlib.sha256()
            for path in [ROOT / "setup.py", *sorted((ROOT / "eventkit").rglob("*.py"))]:
                digest.update(path.read_bytes())
            lines.append(digest.hexdigest())
        return "\n".join(lines)

    def is_complete(self) -> bool:
        """Tell whether this very environment is there."""
        return self.mark.is_file() and self.mark.read_text(encoding="utf-8") == self.describe()


ENVIRONMENTS = {
    "eventkit": Environment(
        ROOT / ".venv-bench",
        (f"--editable={ROOT}[fast]", "matplotlib>=3.9,<4"),
        "import eventkit, msgspec, orjson, uuid_utils, matplotlib",
    ),
    "compiled": Environment(
        ROOT / ".venv-bench-compiled",
        (f"{ROOT}[fast]",),
        "import eventkit.reading.source as it; assert it.__file__.endswith('.so')",
        is_compiled=True,
    ),
    "erb": Environment(
        ROOT / ".venv-bench-erb",
        ("edx-event-routing-backends==9.3.8",),
        "import event_routing_backends, tincan, requests",
    ),
    "ralph": Environment(
        ROOT / ".venv-bench-ralph",
        # Ralph's models import requests and its command's libraries; its extras do not name all.
        ("ralph-malph[cli]==5.1.0", "requests"),
        "import ralph.models.converter, ralph.models.edx.converters.xapi",
    ),
}


def install(environment: Environment) -> None:
    """Make the environment, unless this very one is there and complete."""
    if environment.is_complete():
        return
    venv.create(environment.folder, clear=True, with_pip=True)
    python = str(environment.python)
    pip = [python, "-m", "pip", "--disable-pip-version-check", "-qq"]
    variables = os.environ | {"EVENTKIT_COMPILE": str(int(environment.is_compiled))}
    subprocess.run([*pip, "install", *environment.requirements], check=True, env=variables)
    subprocess.run([python, "-c", environment.check], check=True, cwd=environment.folder)
    # Last: an environment that is half done must not pass for a whole one.
    environment.mark.write_text(environment.describe(), encoding="utf-8")


def main(names: list[str]) -> None:
    """Install the environments of these *names*, or all."""
    for name in names or list(ENVIRONMENTS):
        if not ENVIRONMENTS[name].is_complete():
            print(f"Installing {name} into {ENVIRONMENTS[name].folder.name}", file=sys.stderr)
        install(ENVIRONMENTS[name])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"could not be installed: {error}")
    except KeyError as error:
        sys.exit(f"{error} is none of {', '.join(ENVIRONMENTS)}")
