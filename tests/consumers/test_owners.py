"""What was accepted belongs to whom it was accepted for, whoever has the id later."""

from __future__ import annotations

import fault_server
import pytest
from fault_routes import balance, consumer, numbers, translation, until
from fault_server import PATIENCE, respond, serving

from eventkit.cli import main
from eventkit.consumers import load_consumers
from eventkit.consumers.owners import owner_of
from eventkit.dead_letters import MemoryDeadLetters
from eventkit.exceptions import ConfigurationError
from eventkit.router import Router, replay
from eventkit.stores import Parcel, SQLiteStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def down():
    with serving(default=respond(503)) as server:
        yield server


@pytest.fixture
def other():
    with serving() as server:
        yield server


def fill(path, url, number=20):
    router = Router([consumer("lrs", url)], store=path, lease=0.5)
    router.send_many(map(translation, range(number)))
    router.close(0)


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("https://lrs.example.org/xapi", "https://LRS.example.org:443/xapi/", True),
        ("https://lrs.example.org/xapi", "http://lrs.example.org/xapi", True),
        ("https://lrs.example.org/xapi", "https://lrs.example.com/xapi", False),
        ("https://lrs.example.org/xapi", "https://lrs.example.org:8443/xapi", False),
        ("https://lrs.example.org/a/xapi", "https://lrs.example.org/b/xapi", False),
        ("file:/var/log/a.jsonl", "file:/var/log/b.jsonl", False),
        ("log:a", "log:b", False),
    ],
)
def test_who_is_the_same(first, second, is_same):
    assert (owner_of("xapi", first) == owner_of("xapi", second)) is is_same
    assert owner_of("xapi", first) != owner_of("caliper", first)


def test_a_query_may_be_a_token():
    owner = owner_of("caliper", "https://lrs.example.org/caliper?key=s3cret")

    assert "s3cret" not in owner
    assert owner != owner_of("caliper", "https://lrs.example.org/caliper?key=other")


@pytest.mark.parametrize("protocol", ["xapi", "caliper"])
def test_a_backlog_is_not_inherited_in_silence(path, down, other, protocol, caplog):
    """It stays, is counted, told of, and sent to nobody else; nor is what comes now held up."""
    fill(path, down.url)
    heir = consumer("lrs", other.url) | {"protocol": protocol}
    router = Router([heir], store=path, lease=0.5)
    until(lambda: "is not sent to" in caplog.text)

    assert router.flush(PATIENCE)
    assert not [each for each in other.requests if each.method == "POST"]
    assert balance(router)["pending"] == 20
    assert router.health()["lrs"]["held"] == {owner_of("xapi", down.url): 20}
    assert router.health()["lrs"]["pending"] == 0
    if protocol == "xapi":
        router.send(translation(99))
        assert router.flush(PATIENCE)
        assert numbers(other) == [99]
    router.close(PATIENCE)
    router = Router([consumer("lrs", other.url, inherits=[down.url])], store=path, lease=0.5)
    assert router.flush(PATIENCE)
    assert set(numbers(other)) >= set(range(20))
    assert balance(router)["pending"] == 0
    assert "held" not in router.health()["lrs"]
    router.close(PATIENCE)


def test_it_goes_to_who_had_it_when_that_one_comes_back(path, other):
    with serving(default=respond(503)) as first:
        fill(path, first.url)
        Router([consumer("lrs", other.url)], store=path, lease=0.5).close(0.5)
        first.default = fault_server.behave
        router = Router([consumer("lrs", first.url)], store=path, lease=0.5)
        assert router.flush(PATIENCE)
        assert sorted(numbers(first)) == list(range(20))
        router.close(PATIENCE)
    assert not other.stored


def test_two_processes_with_the_old_and_the_new_file(path, down, other):
    """Each serves its own queue; neither takes what the other was given."""
    old = Router([consumer("lrs", down.url)], store=path, lease=0.5)
    new = Router([consumer("lrs", other.url)], store=SQLiteStore(path), lease=0.5)
    for number in range(10):
        old.send(translation(number))
        new.send(translation(100 + number))

    assert new.flush(PATIENCE)
    assert sorted(numbers(other)) == list(range(100, 110))
    down.default = fault_server.behave
    assert old.flush(PATIENCE)
    assert sorted(numbers(down)) == list(range(10))
    old.close(PATIENCE)
    new.close(PATIENCE)


def test_without_a_store(down, other):
    """What waits in memory stays, and becomes a dead letter that says whom it was for."""
    letters = MemoryDeadLetters()
    current = [consumer("lrs", down.url)]

    class Registry:
        def consumers(self):
            return current

    router = Router(Registry(), mode="buffered", dead_letters=letters, reload=3600, backoff=0.01)
    router.send_many(map(translation, range(5)))
    down.wait_for(lambda: down.requests)
    current[:] = [consumer("lrs", other.url)]
    router.reload()
    router.send(translation(9))
    other.wait_for(lambda: other.stored)

    assert numbers(other) == [9]
    assert sum(router.health()["lrs"]["held"].values()) == 5
    router.close(0.1)
    assert numbers(other) == [9]
    assert {each.owner for each in letters} == {owner_of("xapi", down.url)}


def test_a_delivery_of_a_task_queue(down, other):
    """It names whom it is for; another one under the id does not get it."""
    (delivery,) = Router([consumer("lrs", down.url)]).route(translation(1), with_event=True)
    router = Router([consumer("lrs", other.url)])
    router.deliver(delivery)

    assert not other.stored
    assert router.stats()["dead:other_owner"] == 1
    heir = Router([consumer("lrs", other.url, inherits=[down.url])])
    heir.deliver(delivery)
    assert numbers(other) == [1]


def test_dead_letters_are_not_replayed_to_another(other, path):
    with serving(default=respond(400)) as refusing:
        router = Router([consumer("lrs", refusing.url)], store=path, lease=0.5)
        router.send(translation(1))
        assert router.flush(PATIENCE)
        router.close(PATIENCE)
        letters = SQLiteStore(path).dead_letters
        report = replay(letters, [consumer("lrs", other.url)], lambda _: True)
        assert dict(report.kept) == {"other_owner": 1}
        assert not other.stored
        report = replay(
            letters, [consumer("lrs", other.url, inherits=[refusing.url])], lambda _: True
        )
    assert report.delivered == 1
    assert numbers(other) == [1]


def test_a_queue_of_an_older_version(path, other):
    """Nobody knows whom it was for: it goes to who has the id."""
    SQLiteStore(path).put(
        [
            Parcel(
                consumers={"lrs": "rules"},
                name="play_video",
                protocol="xapi",
                bodies=(b'{"id":"old","n":7}',),
                event=b'{"name":"play_video"}',
            )
        ]
    )
    router = Router([consumer("lrs", other.url)], store=path, lease=0.5)

    assert router.flush(PATIENCE)
    assert numbers(other) == [7]
    assert balance(router)["delivered"] == 1
    router.close(PATIENCE)


def test_the_commands_tell_and_drop(path, down, other, tmp_path, capsys):
    fill(path, down.url, number=3)
    file = tmp_path / "consumers.json"
    file.write_text(f'[{{"id": "lrs", "protocol": "xapi", "url": "{other.url}"}}]')
    assert main(["check", str(file), "--store", str(path)]) == 0
    owner = owner_of("xapi", down.url)
    assert f"lrs ({owner})" in (told := capsys.readouterr().out)
    assert "held" in told
    assert main(["store", "list", str(path)]) == 0
    assert owner in capsys.readouterr().out
    assert main(["store", "drop", str(path), "--consumer", "nobody", "--yes"]) == 2
    assert main(["store", "drop", str(path), "--consumer", "lrs", "--owner", owner, "--yes"]) == 0
    counts = SQLiteStore(path).counts("lrs")
    assert (counts["pending"], counts["dropped:removed"]) == (0, 3)


def test_wrong_former_urls():
    with pytest.raises(ConfigurationError, match="inherits: expected former URLs"):
        load_consumers([consumer("lrs", "https://lrs.example.org", inherits=["lrs.example.com"])])
