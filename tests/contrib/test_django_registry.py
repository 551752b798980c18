"""Consumers in a Django setting, in a process of its own with a real Django."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eventkit.contrib.django.registry import SettingConsumers
from eventkit.exceptions import ConfigurationError

PROGRAM = """
import json, time
from django.conf import settings
from eventkit import ConfigurationError, Router
from eventkit.contrib.django.registry import SettingConsumers

settings.configure()
registry = SettingConsumers()
try:
    Router(registry)
except ConfigurationError as error:
    print(error)

def named(*names):
    return [{"id": name, "protocol": "xapi", "url": f"file:{name}.jsonl"} for name in names]

settings.EVENTKIT_CONSUMERS = named("a")
router = Router(registry, reload=0.01)
translation = {"name": "x", "protocol": "xapi", "documents": [{"id": "1"}], "event": {"name": "x"}}
print([delivery["consumer"] for delivery in router.route(translation)])
settings.EVENTKIT_CONSUMERS = lambda: named("a", "b")
time.sleep(0.05)
router.send(translation)
print([delivery["consumer"] for delivery in router.route(translation)])
settings.EVENTKIT_CONSUMERS = "nonsense"
time.sleep(0.05)
router.send(translation)
print(len(router.consumers), router.stats()["reload_failed"])
"""


def test_a_setting_that_changes(tmp_path):
    """What the setting holds takes effect while the router runs; a wrong one changes nothing."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "the Django setting EVENTKIT_CONSUMERS is missing; set it to a list of consumers",
        "['a']",
        "['a', 'b']",
        "2 1",
    ]


def test_a_name_that_cannot_be_a_setting():
    with pytest.raises(ConfigurationError, match="cannot be a setting"):
        SettingConsumers("not a setting")
