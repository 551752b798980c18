"""The page of all events is what the tables and the golden cases say."""

import importlib.util
from pathlib import Path

import pytest

from eventkit.events import CATALOGUE

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def page():
    """The module that writes the page."""
    path = ROOT / "docs" / "make_events_page.py"
    spec = importlib.util.spec_from_file_location("make_events_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_is_up_to_date(page):
    """Run ``python docs/make_events_page.py`` when this fails."""
    assert page.PAGE.read_text("utf-8") == page.render()


def test_holds_every_name(page):
    """Every name and alias stands on the page."""
    text = page.PAGE.read_text("utf-8")

    assert [name for row in CATALOGUE for name in row.names if f"`{name}`" not in text] == []
