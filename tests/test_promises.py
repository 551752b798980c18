"""Each promise is held by tests that are there, and the page of them is up to date."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def page():
    """The module that writes the page."""
    path = ROOT / "docs" / "make_promises_page.py"
    spec = importlib.util.spec_from_file_location("make_promises_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_promise_has_its_tests(page):
    assert page.mistakes() == []


def test_is_up_to_date(page):
    """Run ``python docs/make_promises_page.py`` when this fails."""
    assert page.PAGE.read_text("utf-8") == page.render()
