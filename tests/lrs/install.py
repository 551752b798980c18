"""
Install Ralph, the LRS that the tests marked "lrs" send to, in an environment of its own.

    python tests/lrs/install.py [FOLDER]

FOLDER is ``.venv-lrs`` in the root of the project unless given. What is installed already stays.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".venv-lrs"

# Ralph imports requests, but its extras do not name it.
REQUIREMENTS = ("ralph-malph[cli,lrs]>=5.1,<6", "requests")


def install(folder: Path) -> None:
    """Make the environment in *folder*, unless this very one is there and complete."""
    done = folder / "installed.txt"
    wanted = "\n".join(REQUIREMENTS)
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return
    venv.create(folder, clear=True, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", *REQUIREMENTS], check=True)
    check = "import ralph.backends.lrs.fs, ralph.models.xapi.base.statements, requests, uvicorn"
    subprocess.run([python, "-c", check], check=True, cwd=folder)
    # Last: an environment that is half done must not pass for a whole one.
    done.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"Ralph could not be installed: {error}")
