"""
event-routing-backends, without the platform around it.

What it asks the platform for (users, their external ids, courses) is answered by stand-ins from
memory, at once; where it would ask a database, it is faster here than on a site. Everything else,
its caches included, is its own code. Logging is off.

From lines to lines there are two ways: what its command for old logs does with a line (parser,
processor, `json.dumps`), and ``bare``, the least that gives the same: its transformer, and the
document's own JSON.
"""

from __future__ import annotations

import importlib
import json
import logging
import pkgutil
import sys
import time
import types
import uuid
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.world import LMS_ROOT, World

_BASE = "event_routing_backends.processors"
_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "config_models"]


def _module(name: str, **members: object) -> None:
    """Put a stand-in for a module of the platform, and for what is above it, in its place."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        if path not in sys.modules:
            sys.modules[path] = types.ModuleType(path)
            sys.modules[path].__path__ = []
        if end > 1:
            parent = sys.modules[".".join(parts[: end - 1])]
            setattr(parent, parts[end - 1], sys.modules[path])
    for key, value in members.items():
        setattr(sys.modules[name], key, value)


class _User:
    """A row of the platform's table of users."""

    def __init__(self, key: str) -> None:
        self.email = f"{key}@example.org"
        self.external_user_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"user {key}"))


class _ExternalId:
    """The platform's table of external ids."""

    @staticmethod
    def add_new_user_id(user: _User, _kind: str) -> tuple[_User, bool]:
        """Give the external id of *user*."""
        return user, True


class _ExternalIdType:
    """The external types that the platform knows."""

    XAPI, CALIPER, LTI = "xapi", "caliper", "lti"


@cache
def ready() -> None:
    """Make Django and event-routing-backends ready; once for a process."""
    warnings.simplefilter("ignore")
    from django.conf import settings

    settings.configure(
        SECRET_KEY="x" * 40,
        INSTALLED_APPS=[*_APPS, "event_routing_backends"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        LMS_ROOT_URL=LMS_ROOT,
        XAPI_AGENT_IFI_TYPE="external_id",
        USE_TZ=True,
        XAPI_EVENTS_ENABLED=True,
        CALIPER_EVENTS_ENABLED=True,
    )
    names = World().names()
    users: dict[object, _User] = {}

    def user(key: object) -> _User | None:
        found = users.get(key)
        if found is None and key:
            found = users[key] = _User(str(key))
        return found

    def overviews(keys: Iterable[object]) -> list[dict[str, str]]:
        return [{"display_name": names[str(key)], "id": str(key)} for key in keys]

    _module(
        "common.djangoapps.student.models",
        get_potentially_retired_user_by_username=lambda _name: None,
    )
    _module("openedx.core.djangoapps.content.course_overviews.api", get_course_overviews=overviews)
    _module(
        "openedx.core.djangoapps.external_user_ids.models",
        ExternalId=_ExternalId,
        ExternalIdType=_ExternalIdType,
    )
    logging.disable(logging.CRITICAL)
    import django

    django.setup()
    from event_routing_backends import helpers

    helpers.get_user = user
    for protocol in ("xapi", "caliper"):
        base = importlib.import_module(f"{_BASE}.{protocol}.event_transformers")
        for found in pkgutil.iter_modules(base.__path__):
            importlib.import_module(f"{base.__name__}.{found.name}")


def _registry(protocol: str) -> Any:
    ready()
    registry = importlib.import_module(f"{_BASE}.{protocol}.registry")
    name = "XApiTransformersRegistry" if protocol == "xapi" else "CaliperTransformersRegistry"
    return getattr(registry, name)


def _processor(protocol: str) -> Any:
    module = importlib.import_module(f"{_BASE}.{protocol}.transformer_processor")
    return getattr(module, "XApiProcessor" if protocol == "xapi" else "CaliperProcessor")()


def work(kind: str, protocol: str, dialect: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Give the work."""
    get = _registry(protocol).get_transformer
    processor = _processor(protocol)
    from event_routing_backends.management.commands.helpers.event_log_parser import parse_json_event
    from eventtracking.processors.exceptions import NoTransformerImplemented

    # A course or a user that it cannot find is a ValueError; the fields that it misses, too.
    passed_over = (NoTransformerImplemented, ValueError, KeyError, TypeError, AttributeError)

    def transformed(event: Any) -> list[Any]:
        made = get(event).transform()
        return made if isinstance(made, list) else [made]

    def line_by_command(line: str) -> list[bytes]:
        return [json.dumps(document).encode() for document in processor([parse_json_event(line)])]

    def line_bare(line: str) -> list[bytes]:
        documents = transformed(parse_json_event(line))
        if protocol == "xapi":
            return [document.to_json().encode() for document in documents]
        return [json.dumps(document).encode() for document in documents]

    def each(act: Callable[[Any], list[Any]]) -> Callable[[list[Any]], list[Any]]:
        def run(items: list[Any]) -> list[Any]:
            out: list[Any] = []
            for item in items:
                try:
                    out += act(item)
                except passed_over:
                    continue
            return out

        return run

    if kind == "line":
        # It takes text.
        act = line_bare if dialect == "bare" else line_by_command
        return lambda lines: [line.decode() for line in lines], each(act)
    return lambda lines: [parse_json_event(line.decode()) for line in lines], each(transformed)


def deliver(url: str, path: str) -> dict[str, Any]:
    """
    Post the statements of a file with its client, as its tasks do: a client for each task.

    A body with one statement is sent as a single event, one with more as a batch.
    """
    ready()
    from event_routing_backends.utils.xapi_lrs_client import LrsClient

    bodies = [json.loads(line) for line in Path(path).read_bytes().splitlines()]
    host = {"url": f"{url}/", "auth_scheme": "BASIC", "username": "u", "password": "p"}
    start, cpu = time.perf_counter(), time.process_time()
    for body in bodies:
        client = LrsClient(**host)
        if len(body) == 1:
            client.send(body[0], "event")
        else:
            client.bulk_send(body)
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
