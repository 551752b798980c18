"""
Compile the hot path, if asked to; everything else about the package is in setup.cfg.

    EVENTKIT_COMPILE=1 pip install .

The result does the same, in less time (docs/decisions/0007-compiled-build.md).
"""

import os
import sys
from pathlib import Path

from setuptools import setup

HOT = (
    "eventkit/base/json.py",
    "eventkit/events/*.py",
    "eventkit/events/families/*.py",
    "eventkit/events/shapes/*.py",
    "eventkit/reading/source.py",
    "eventkit/translators/erb/*.py",
    "eventkit/translators/ids.py",
    "eventkit/translators/standard/*.py",
)
"""What every event passes through."""

LEFT = ("__init__.py", "catalogue.py", "installed.py", "one_of.py", "profile.py", "samples.py")
"""What looks around; and a generic dataclass, which the compiler cannot make."""

COMPILER = "mypy>=2.0,<3"


def modules() -> list[str]:
    """List the modules that are compiled."""
    here = Path(__file__).parent
    found = sorted(path for pattern in HOT for path in here.glob(pattern))
    return [str(path.relative_to(here)) for path in found if path.name not in LEFT]


def main() -> None:
    """Build the package."""
    if os.environ.get("EVENTKIT_COMPILE", "0") != "1":
        setup()
        return
    try:
        from mypyc.build import mypycify  # noqa: PLC0415
    except ImportError:
        if "egg_info" not in sys.argv:
            raise SystemExit(
                f"EVENTKIT_COMPILE=1 needs {COMPILER}, which is not installed"
            ) from None
        # pip is only asking what it has to install before it builds.
        setup(setup_requires=[COMPILER])
        return
    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    setup(
        ext_modules=mypycify(
            [*options, *modules()],
            opt_level=os.environ.get("MYPYC_OPT_LEVEL", "3"),
            group_name="eventkit",
        ),
    )


if __name__ == "__main__":
    main()
