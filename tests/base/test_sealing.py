"""Encryption at rest: keys from anywhere, keys that change, and no way to read without them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from eventkit.base import sealing as _sealing
from eventkit.base.sealing import make_sealer
from eventkit.exceptions import ConfigurationError

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = b'{"actor": "learner"}'


def test_without_a_key_there_is_no_sealer():
    assert make_sealer(None) is None


def test_what_is_sealed_opens_again_and_shows_nothing():
    """The same data is sealed differently each time, as one line of ASCII."""
    sealer = make_sealer(NEW)
    sealed = [sealer.seal(SECRET) for _ in range(2)]

    assert [SECRET, SECRET] == [sealer.unseal(each) for each in sealed]
    assert sealed[0] != sealed[1]
    assert all(re.fullmatch(rb"[A-Za-z0-9_=-]+", each) for each in sealed)


@pytest.mark.parametrize("kind", ["text", "env", "file"])
def test_keys_come_from_where_secrets_come_from(kind, monkeypatch, tmp_path):
    (tmp_path / "key").write_text(f"{NEW}\n")
    monkeypatch.setenv("LETTERS_KEY", NEW)
    source = {
        "text": NEW,
        "env": {"env": "LETTERS_KEY"},
        "file": {"file": str(tmp_path / "key")},
    }[kind]

    assert SECRET == make_sealer(source).unseal(make_sealer(NEW).seal(SECRET))


def test_a_new_key_in_front_of_the_old_one():
    """The first key encrypts, all decrypt."""
    before = make_sealer(OLD).seal(SECRET)
    both = make_sealer([NEW, OLD])

    assert both.unseal(before) == SECRET
    assert make_sealer(NEW).unseal(both.seal(SECRET)) == SECRET
    with pytest.raises(ConfigurationError):
        make_sealer(OLD).unseal(both.seal(SECRET))


@pytest.mark.parametrize("damage", ["other key", "changed", "cut off", "nothing", "no token"])
def test_what_does_not_open_says_so_and_no_more(damage):
    """Neither data nor key is in the message."""
    sealed = make_sealer(OLD).seal(SECRET)
    sealer = make_sealer(OTHER if damage == "other key" else OLD)
    given = {
        "other key": sealed,
        "changed": sealed[:40] + (b"A" if sealed[40:41] != b"A" else b"B") + sealed[41:],
        "cut off": sealed[:-8],
        "nothing": b"",
        "no token": b"\xff not a token",
    }[damage]

    with pytest.raises(ConfigurationError, match="the key does not fit") as caught:
        sealer.unseal(given)
    assert "learner" not in str(caught.value)
    assert OLD not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("hunter2", "key: is no key; .*Fernet.generate_key"),
        ("hunter2" * 7, "key: is no key"),
        ("é" * 44, "key: is no key"),
        ([NEW, "hunter2"], r"key\[1\]: is no key"),
        ([], "key: the list is empty"),
        ({"env": "NO_SUCH_KEY"}, "key: environment variable NO_SUCH_KEY is not set"),
        ([{"file": "/no/such/key"}], r"key\[0\]: cannot read the secret"),
        (7, "key: expected text"),
        (b"bytes", "key: expected text"),
    ],
)
def test_a_wrong_key_is_refused_at_once(key, message):
    """The message says how to make one, and does not repeat it."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        make_sealer(key)
    assert "hunter2" not in str(caught.value)


def test_the_command_in_the_message_makes_a_key():
    with pytest.raises(ConfigurationError) as caught:
        make_sealer("hunter2")
    code = re.search(r'python -c "(.*)"', str(caught.value))[1]
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert make_sealer(made.stdout.strip())


def test_the_key_does_not_show():
    sealer = make_sealer([NEW, OLD])

    for key in (NEW, OLD):
        assert key not in repr(sealer)
        assert key not in repr(vars(sealer))


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)

    with pytest.raises(ConfigurationError, match=r"openedx-eventkit\[encryption\]"):
        make_sealer(NEW)
    assert "cryptography" not in vars(_sealing)
