"""The pages of all events are what the tables, the golden cases and the profile say."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from aspects_clickhouse import MODELS

from eventkit.events import CATALOGUE, FAMILIES, profile
from eventkit.events.shapes.iris import EVENT_NAME

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    """The module that writes the pages."""
    path = ROOT / "docs" / "make_events_page.py"
    spec = importlib.util.spec_from_file_location("make_events_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(script):
    """The pages by the name of their file, as they are."""
    return {path.name: path.read_text("utf-8") for path in script.FOLDER.iterdir()}


@pytest.fixture(scope="module")
def entries(pages):
    """The entry of each event, by its canonical name."""
    found = {}
    for name, text in pages.items():
        if name != "README.md":
            for part in text.split("\n## ")[1:]:
                found[re.match("`(.+)`", part)[1]] = part
    return found


def test_are_up_to_date(script, pages):
    """Run ``python docs/make_events_page.py`` when this fails."""
    assert pages == script.pages()


def test_each_family_has_one(pages):
    assert len(pages) == len(FAMILIES) + 1


def test_every_name_leads_to_its_entry(pages):
    """The index has every name and alias, and each link leads to a heading."""
    headings = {
        (name, re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
        for name, text in pages.items()
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    links = re.findall(r"^- \[`(.+)`\]\((.+)#(.+)\)$", pages["README.md"], re.MULTILINE)

    assert {(file, anchor) for _, file, anchor in links} <= headings
    assert sorted(name for name, *_ in links) == sorted(
        name for row in CATALOGUE for name in row.names
    )


def test_entries_name_aliases(entries):
    for row in CATALOGUE:
        assert all(f"`{name}`" in entries[row.name] for name in row.names)


def test_entries_name_templates(entries):
    for row in CATALOGUE:
        for template in profile.templates(row.name):
            if row.xapi:
                assert f"`{template['id'].partition('#')[2]}`" in entries[row.name]
    assert "; of ADL's video profile: `seeked`" in entries["seek_video"]
    assert "of ADL's" not in entries["pause_video"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_models_of_aspects_are_told_as_they_are_tested(script, model):
    """The pages know the verbs that the models in ClickHouse take."""
    if model.name in script.ASPECTS:
        assert {verb.id for verb in script.ASPECTS[model.name]} <= set(model.verbs)


def test_models_of_aspects(entries):
    def read(name):
        found = re.search("^- Aspects: (.+)$", entries[name], re.MULTILINE)
        return found and found[1]

    assert read("problem_check") == "`grading_events`, `problem_events`"
    assert read("play_video") == "`video_playback_events`"
    assert read("edx.video.bumper.played") is None
    assert read("edx.course.enrollment.activated") == "`enrollment_events`"
    assert read("edx.ui.lms.link_clicked") == "`navigation_events`"
    assert read("edx.forum.thread.created") is None


def test_examples_are_of_their_event(entries):
    """What an entry shows is from the event that it is about, not from one that begins alike."""
    for name, entry in entries.items():
        assert {json.loads(each) for each in re.findall(f'"{EVENT_NAME}": (".+")', entry)} <= {name}
