"""An example of every event is in the package, and goes through as events do."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from eventkit.events import CATALOGUE, samples
from eventkit.exceptions import UnsupportedEvent
from eventkit.reading import Source
from eventkit.router import example_translators


@pytest.fixture(scope="module")
def script(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_event_samples", root / "docs" / "make_event_samples.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_they_are_up_to_date(script: ModuleType) -> None:
    """Run ``python docs/make_event_samples.py`` when this fails."""
    held = json.loads(gzip.decompress(script.PACKED.read_bytes()))

    assert held == script.samples()
    assert list(held) == [row.name for row in CATALOGUE]


def test_there_is_one_of_every_event() -> None:
    assert samples.names() == tuple(row.name for row in CATALOGUE)


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_it_is_an_event_of_that_kind(row) -> None:  # type: ignore[no-untyped-def]
    """And it becomes something wherever such events do, of an organisation that it shows."""
    event = samples.sample(row.name)
    assert event is not None
    source = Source(event)
    assert source.name in row.names or row.family == "implicit"
    for protocol, translator in example_translators().items():
        try:
            documents = translator.translate(event)  # type: ignore[attr-defined]
        except UnsupportedEvent:
            assert getattr(row, protocol) is None or row.name == "/event"
        else:
            assert documents


def test_any_name_of_an_event_will_do() -> None:
    assert samples.sample("edx.video.played") == samples.sample("play_video")


@pytest.mark.parametrize("name", ["", "acme.thing", "PLAY_VIDEO", "../x"])
def test_of_others_there_is_none(name: str) -> None:
    assert samples.sample(name) is None


def test_it_belongs_to_who_asked_for_it() -> None:
    first = samples.sample("play_video")
    assert isinstance(first, dict)
    first["context"].clear()

    assert samples.sample("play_video")["context"]  # type: ignore[index]
