"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# A shell starts its background jobs with Ctrl-C ignored, and what they start inherits that; tests
# that interrupt a command could then wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no failure, and a failure must come again.
settings.register_profile(
    "eventkit",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("eventkit")


BROWSER = "browser"
"""Of tests that open a browser: they share one, and a site."""

# What takes longest begins first, so that nobody waits for it in the end; and what shares a server
# stays together when tests are shared out between processes (pytest -n).
LONGEST = (
    BROWSER,
    "contrib/django/test_legs.py",
    "test_instruction_count.py::test_translating",
    "properties/test_translation.py",
    "properties/",
    "lrs/",
    "runners/",
)
SHARING = (
    "lrs/",
    "contrib/django/test_addresses.py",
    "contrib/django/test_scale.py",
    "contrib/django/test_workers.py",
    "demo/",
    "properties/test_store_model.py",
    "events/test_plugins.py",
    "test_package.py",
    "translators/test_aspects_clickhouse.py",
    "translators/test_erb.py",
)


def opens_browser(item: pytest.Item) -> bool:
    return "browser_page" in getattr(item, "fixturenames", ())


def pytest_itemcollected(item: pytest.Item) -> None:
    where = item.nodeid.removeprefix("tests/")
    if opens_browser(item):
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.xdist_group(BROWSER))
    for shared in SHARING:
        if where.startswith(shared):
            item.add_marker(pytest.mark.xdist_group(shared))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        where = BROWSER if opens_browser(item) else item.nodeid.removeprefix("tests/")
        return next((i for i, each in enumerate(LONGEST) if where.startswith(each)), len(LONGEST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the project."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """
    Real tracking logs, and fixtures of event-routing-backends.

    They are under another licence and no part of this project; where they are missing, tests that
    need them are skipped.
    """
    path = Path(os.environ.get("EVENTKIT_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip("the shared test data is not here; EVENTKIT_TEST_DATA names its folder")
    return path
