"""
What ``eventkit check`` looks at beside the consumers: what must be there for events to be shared.

Each function gives problems, in words that say what would be right.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from eventkit.base.folders import closed, may, me, owner
from eventkit.translators.identity import MIN_SECRET

_TRACKING_APP = "eventtracking.django"
_PLATFORM = "eventkit.contrib.openedx"
_SETTINGS = "DJANGO_SETTINGS_MODULE"


def check_variables(names: Iterable[str]) -> Iterator[str]:
    """Say which variables are missing, or too short for a secret."""
    for name in names:
        value = os.environ.get(name, "")
        if not value:
            yield f"--env {name}: it is not set; set it in the environment of what delivers"
        elif len(value) < MIN_SECRET and "SECRET" in name.upper():
            yield f"--env {name}: {len(value)} characters; a secret needs {MIN_SECRET} or more"


def check_writable(paths: Iterable[str]) -> Iterator[str]:
    """Say which files cannot be written by this user, or can be read by others."""
    for text in paths:
        path = Path(text).absolute()
        if told := closed(path):
            yield f"--writable {text}: {told}"
            continue
        folder = path if path.is_dir() else path.parent
        user = me()
        remedy = f"install -d -m 700 -o {user} {folder}"
        if not folder.is_dir():
            yield f"--writable {text}: there is no folder {folder}; make it: {remedy}"
            continue
        if not may(folder, os.W_OK | os.X_OK):
            yield f"--writable {text}: {user} cannot write in {folder}{owner(folder)}; {remedy}"
        elif path.is_file() and not may(path, os.R_OK | os.W_OK):
            yield f"--writable {text}: {user} cannot write it{owner(path)}; give it to {user}"
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & 0o007:
            yield (
                f"--writable {text}: mode {mode:04o} lets every user of this machine in {folder}, "
                f"which is about learners; chmod 700 {folder}"
            )


def check_django(module: str) -> Iterator[str]:
    """Say what keeps the Django site with settings *module* from sharing events."""
    os.environ[_SETTINGS] = module
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        # As manage.py does.
        sys.path.insert(0, str(Path.cwd()))
    try:
        import django  # noqa: PLC0415 - only a site has it

        django.setup()
        from django.conf import settings  # noqa: PLC0415
    except Exception as error:  # noqa: BLE001 - settings are a program of the site
        yield f"--django {module}: cannot be loaded: {type(error).__name__}: {error}"
        return
    for problem in _problems(settings):
        yield f"--django {module}: {problem}"


def _problems(settings: Any) -> Iterator[str]:
    if getattr(settings, "EVENT_TRACKING_ENABLED", False) is not True:
        yield "EVENT_TRACKING_ENABLED is not True, so no backend gets an event; set it"
    apps = list(getattr(settings, "INSTALLED_APPS", ()))
    if not any(_is_in(app, _TRACKING_APP) for app in apps):
        yield f"{_TRACKING_APP!r} is not in INSTALLED_APPS, so no backend gets an event; add it"
    backends = getattr(settings, "EVENT_TRACKING_BACKENDS", {})
    engines = list(_engines(backends))
    if not any(engine.partition(".")[0] == "eventkit" for engine, _ in engines):
        yield "EVENT_TRACKING_BACKENDS has no eventkit.RealTimeBackend; add one"
    for engine, options in engines:
        package, _, name = engine.rpartition(".")
        if package == _PLATFORM:
            yield from (f"{engine}: {told}" for told in import_module(package).missing(name))
        path = options.get("enqueue")
        if isinstance(path, str):
            yield from _task_problems(path, apps)


def _task_problems(path: str, apps: list[str]) -> Iterator[str]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except Exception as error:  # noqa: BLE001 - importing runs anything
        yield f"enqueue {path!r} cannot be imported: {type(error).__name__}: {error}"
        return
    if not callable(found) and not callable(getattr(found, "delay", None)):
        yield f"enqueue {path!r}: {module} has no task or callable {name!r}"
    elif callable(getattr(found, "delay", None)) and not any(
        _is_in(app, module) or _is_in(module, app) for app in apps
    ):
        package = module.rpartition(".")[0] or module
        yield f"{package!r}, where the task {path!r} is, is not in INSTALLED_APPS; add it"


def _engines(node: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give what event-tracking would make of a tree of settings, with its options."""
    if isinstance(node, Mapping):
        engine, options = node.get("ENGINE"), node.get("OPTIONS")
        if isinstance(engine, str):
            yield engine, options if isinstance(options, Mapping) else {}
        for value in node.values():
            yield from _engines(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _engines(value)


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
