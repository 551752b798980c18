"""``eventkit check``, as a process of its own."""

import json

import pytest

from eventkit.receiver import Receiver


@pytest.fixture
def check(eventkit, tmp_path):
    def run(*consumers, **options):
        listed = [
            {"id": f"lrs-{number}", "protocol": "xapi", **each}
            for number, each in enumerate(consumers)
        ]
        (tmp_path / "consumers.json").write_text(json.dumps(listed))
        return eventkit("check", "consumers.json", **options)

    return run


def basic(password):
    return {"type": "basic", "username": "site", "password": password}


def test_a_consumer_that_can_be_reached(check):
    """One line says so, and nothing was sent."""
    with Receiver(auth=("site", "open sesame")) as receiver:
        done = check({"url": receiver.url, "auth": basic("open sesame")})

        assert done.returncode == 0, done.stdout
        (line,) = done.stdout.decode().splitlines()
        assert line.split()[:3] == ["lrs-0", "xapi", "ok"]
        assert receiver.statements() == []


def test_each_consumer_has_a_line(check):
    """What is wrong with one does not hide the others, and no secret shows."""
    with Receiver() as gone:
        nobody = gone.url
    with Receiver(auth=("site", "open sesame")) as receiver:
        done = check(
            {"url": receiver.url, "auth": basic("open sesame")},
            {"url": receiver.url, "auth": basic("hunter2")},
            {"url": nobody},
            {"url": "https://lrs.example.org/", "enabled": False},
        )

        states = [line.split()[2] for line in done.stdout.decode().splitlines()]
        assert done.returncode == 1
        assert states == ["ok", "FAILED", "FAILED", "disabled"]
        assert b"hunter2" not in done.stdout + done.stderr
        assert b"open sesame" not in done.stdout + done.stderr


def test_secrets_come_from_the_environment(check):
    with Receiver(auth=("site", "open sesame")) as receiver:
        consumer = {"url": receiver.url, "auth": basic({"env": "LRS_PASSWORD"})}

        assert check(consumer, env={"LRS_PASSWORD": "open sesame"}).returncode == 0
        unset = check(consumer)
        assert unset.returncode == 2
        assert b"LRS_PASSWORD" in unset.stderr


@pytest.mark.parametrize(
    ("consumer", "words"),
    [
        ({"url": "lrs"}, ["url", "https://"]),
        ({"url": "https://lrs.example.org", "allows": []}, ["allows", "'allow'"]),
        ({"url": "https://lrs.example.org", "allow": [{"course": "re:(a"}]}, ["course", "(a"]),
        ({"url": "https://lrs.example.org", "timeout": -1}, ["timeout"]),
        ({"url": "gopher://lrs.example.org"}, ["gopher"]),
    ],
)
def test_a_mistake_in_the_file(check, consumer, words):
    """One line names consumer, key and remedy; the exit code is 2."""
    done = check(consumer)

    text = (done.stderr + done.stdout).decode()
    assert done.returncode in (1, 2)
    assert "Traceback" not in text
    assert all(word in text for word in ["lrs-0", *words]), text


def test_no_file(eventkit):
    done = eventkit("check", "missing.json")

    assert done.returncode == 2
    assert b"missing.json" in done.stderr


def test_an_empty_list(check):
    done = check()

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"no consumers\n")
