"""``eventkit profile``, as a process of its own."""

import json

from eventkit.events import profile


def test_standard_output(eventkit):
    done = eventkit("profile")

    assert done.returncode == 0
    assert json.loads(done.stdout) == profile.profile()
    assert done.stderr == b""


def test_file(eventkit, tmp_path):
    """The file holds the same bytes each time."""
    path = tmp_path / "openedx.jsonld"

    for _ in range(2):
        done = eventkit("profile", "-o", str(path))
        assert (done.returncode, done.stdout) == (0, b"")
        assert path.read_bytes() == profile.text()
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_is_missing(eventkit, tmp_path):
    done = eventkit("profile", "-o", str(tmp_path / "none" / "openedx.jsonld"))

    assert done.returncode == 2
    assert b"--output: the folder of" in done.stderr
    assert b"create it" in done.stderr


def test_what_is_handed_out_is_the_callers_own():
    profile.profile()["templates"].clear()

    assert profile.profile()["templates"]
