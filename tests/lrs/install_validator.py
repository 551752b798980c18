"""
Install the validator of Learning Locker, which is written for node, in a folder of its own.

    python tests/lrs/install_validator.py [FOLDER]

FOLDER is ``.node`` in the root of the project unless given. What is installed already stays.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".node"

PACKAGE = "@learninglocker/xapi-validation@3.0.0"


def install(folder: Path) -> None:
    """Put the validator into *folder*, unless this very one is there and complete."""
    done = folder / "installed.txt"
    if done.is_file() and done.read_text(encoding="utf-8") == PACKAGE:
        return
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise FileNotFoundError(f"{program} is not there")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    npm = ["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run([*npm, "--loglevel=error", PACKAGE], check=True, stdout=subprocess.DEVNULL)
    check = f"require({str(folder / 'node_modules' / '@learninglocker' / 'xapi-validation')!r})"
    subprocess.run(["node", "-e", check], check=True)
    # Last: a folder that is half done must not pass for a whole one.
    done.write_text(PACKAGE, encoding="utf-8")


if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)
    except (subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"The validator of Learning Locker could not be installed: {error}")
