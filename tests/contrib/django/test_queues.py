"""What waits in the store that the site has named."""

from __future__ import annotations

import pytest

from eventkit.stores import SQLiteStore
from eventkit.stores.store import Parcel, name_of

pytestmark = pytest.mark.usefixtures("admin_site")


def test_without_a_store_nothing_is_said():
    from eventkit.contrib.django.queues import store_queues

    assert store_queues(["lrs"]) is None


def test_what_waits_for_each(tmp_path, settings_of):
    from eventkit.contrib.django.queues import Queue, store_queues

    store = SQLiteStore(tmp_path / "store.db", clock=lambda: 1_000_000_000.0)
    parcel = Parcel(
        consumers={"lrs\txapi lrs.example.org": "rules"},
        name="play_video",
        protocol="xapi",
        bodies=(b"{}", b"{}"),
        event=b"{}",
    )
    store.put([parcel])
    store.close()
    settings_of(STORE=str(tmp_path / "store.db"))

    found = store_queues(["lrs", "other"])

    assert found.problem == ""
    assert found.by_consumer["lrs"].pending == 2
    assert found.by_consumer["lrs"].oldest.timestamp() == 1_000_000_000
    assert found.by_consumer["other"] == Queue(0, None, found.by_consumer["lrs"].store)
    # As routers name it.
    assert found.by_consumer["lrs"].store == name_of(store)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "there is no file"), (b"something else", "is no store")]
)
def test_a_store_that_is_none_is_told_and_left_alone(tmp_path, settings_of, content, words):
    from eventkit.contrib.django.queues import store_queues

    path = tmp_path / "store.db"
    if content is not None:
        path.write_bytes(content)
    settings_of(STORE=str(path))

    assert words in store_queues(["lrs"]).problem
    assert (path.read_bytes() if path.exists() else None) == content
