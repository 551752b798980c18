"""Opening a store that this process has open already."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from eventkit.router import Router
from eventkit.stores import SQLiteStore, open_dead_letters
from eventkit.stores.opening import open_store

NOWHERE = "http://127.0.0.1:9/xapi"
OTHER = """
import sys
from contextlib import closing
from eventkit.stores import SQLiteStore

with closing(SQLiteStore(sys.argv[1])) as store:
    store.waiting()
"""


def translation(number):
    return {
        "name": "play_video",
        "protocol": "xapi",
        "documents": [{"id": str(number)}],
        "event": {"name": "play_video"},
    }


def look_from_elsewhere(path):
    """Open and close the store in another process, as a command or a worker that ends does."""
    subprocess.run(
        [sys.executable, "-c", OTHER, str(path)], check=True, timeout=60, stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    "look", [lambda path: closing(open_store(path)), lambda path: closing(_Letters(path))]
)
def test_a_look_at_a_store_takes_no_locks_from_a_router_that_has_it(tmp_path, look):
    path = tmp_path / "store.db"
    settings = {"id": "lrs", "protocol": "xapi", "url": NOWHERE, "paused": True}
    router = Router([settings], store=path)
    router.send(translation(1))
    with look(path):
        pass
    look_from_elsewhere(path)
    for number in range(2, 12):
        router.send(translation(number))
    router.close(0)

    with closing(SQLiteStore(path)) as store:
        assert store.counts("lrs")["pending"] == 11


class _Letters:
    def __init__(self, path):
        list(open_dead_letters(path))

    def close(self):
        pass
