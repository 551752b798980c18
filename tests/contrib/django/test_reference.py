"""The page of the reference names all that the app has."""

from __future__ import annotations

import json
import re

import pytest


@pytest.fixture(scope="module")
def reference(root):
    """What the rows of the page's tables are about: the code in their first cells."""
    text = (root / "docs" / "reference" / "admin.md").read_text("utf-8")
    cells = re.findall(r"^\| (`[^|]+`) \|", text, flags=re.MULTILINE)
    code = [each for cell in cells for each in re.findall(r"`([^`]+)`", cell)]
    # What stands in parentheses are arguments of an action.
    return set(re.findall(r"\w+(?:-\w+)*", re.sub(r"\([^)]*\)", "", " ".join(code))))


@pytest.fixture(scope="module")
def anywhere(root):
    """All words of the page that are set as code."""
    text = (root / "docs" / "reference" / "admin.md").read_text("utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"\w+(?:-\w+)*", " ".join(re.findall(r"`([^`]+)`", text))))


def test_settings(shared_site, reference):
    from eventkit.contrib.django import conf

    assert set(conf._KINDS) - reference == set()


def test_models(shared_site, reference):
    from django.apps import apps

    models = apps.get_app_config("eventkit").get_models()

    assert {model.__name__ for model in models} - reference == set()


def test_permissions(shared_site, reference):
    from django.contrib.auth.models import Permission

    named = Permission.objects.filter(content_type__app_label="eventkit")

    assert set(named.values_list("codename", flat=True)) - reference == set()


def test_actions(shared_site, reference):
    from eventkit.contrib.django import actions

    assert set(actions.__all__) - reference == set()


def test_commands(shared_site, reference):
    from django.core.management import load_command_class

    parser = load_command_class("eventkit.contrib.django", "eventkit").create_parser("", "eventkit")
    (commands,) = [
        each.choices
        for each in parser._actions
        if each.dest != "help" and each.choices and isinstance(each.choices, dict)
    ]

    assert set(commands) - reference == set()


def test_addresses(shared_site, anywhere):
    from admin_site import pages

    words = set()
    for name in pages.names():
        words |= {name.rpartition(":")[2].removeprefix("eventkit_").rpartition("_")[2]}

    usual = {"changelist", "delivery", "detail", "consumer", "erb"}
    assert words - anywhere - usual == set()


def test_settings_of_consumers(shared_site, root):
    """What a consumers file may say, the app can keep."""
    from eventkit.contrib.django import rows

    schema = json.loads((root / "eventkit" / "consumers" / "consumers.json").read_text("utf-8"))
    said = set(schema["$defs"]["consumer"]["properties"])
    columns = {"id", "protocol", "url", "enabled", "paused", "public_only", "orgs"}

    assert said - columns - {"auth", "headers", "allow", "deny"} == set(rows.OPTIONS)
