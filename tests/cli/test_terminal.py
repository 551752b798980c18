"""What the command shows of files and receivers does not steer the terminal."""

from __future__ import annotations

import json
from typing import Any

from fault_server import respond, serving


def test_a_file_name_does_not_steer_the_terminal(eventkit: Any, translating: Any):
    """Of a consumers file, of an input, of an option that is none."""
    for arguments in (
        ("check", "no\x1b[31m.json"),
        ("check", "no\x1b[31m.txt"),
        ("check", "x.json", "--no\x1b[31m"),
        ("translate", "--to", "xapi", *translating, "no\x1b[31m.log"),
    ):
        done = eventkit(*arguments)

        assert done.returncode != 0
        assert b"\x1b" not in done.stderr + done.stdout
        assert rb"no\x1b[31m" in done.stderr


def test_a_receiver_does_not_steer_the_terminal(eventkit: Any, tmp_path: Any):
    """What it answers is shown, and may be anything."""
    answer = "no\x1b[31m\x9b2J\u202e\r\nlrs  xapi  ok".encode()
    with serving(default=respond(400, answer)) as server:
        consumer = {"id": "lrs", "protocol": "xapi", "url": server.url}
        (tmp_path / "consumers.json").write_text(json.dumps([consumer]))
        done = eventkit("check", "consumers.json", "--live")

    [line] = done.stdout.decode().splitlines()
    assert line.isprintable()
    assert r"no\x1b[31m\x9b2J\u202e lrs xapi ok" in line
