"""
Make tracking logs of any size, the same every time.

    python -m benchmarks.corpus --mix mixed --size 100MB -o tracking.log

A seed and a mix determine every byte. Each block of 1,000 lines holds every kind of line as often
as its weight says, so that any blocks of a log can be compared with any others.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

from benchmarks.kinds import KINDS, MIXES, Json, Kind, Scene
from benchmarks.world import HOST, LMS_ROOT, Course, Learner, World

Shape = Literal["log", "live"]

BLOCK = 1_000
"""Lines in which the weights come out even."""

SEED = 20_260_112

_START = datetime(2026, 1, 12, tzinfo=UTC)
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def deck(mix: str) -> list[Kind]:
    """Give one block of *mix*: each kind as often as its share of 1,000 says."""
    kinds = [kind for kind in KINDS if MIXES[mix](kind)]
    total = sum(kind.weight for kind in kinds)
    shares = [kind.weight * BLOCK / total for kind in kinds]
    counts = [int(share) for share in shares]
    # What rounding down has left over goes to those who lost most by it.
    losses = sorted(range(len(kinds)), key=lambda index: counts[index] - shares[index])
    for index in losses[: BLOCK - sum(counts)]:
        counts[index] += 1
    return [kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]


def events(mix: str = "mixed", *, seed: int = SEED, shape: Shape = "log") -> Iterator[Json]:
    """Give the events of *mix* without end, as a log or an event-tracking backend has them."""
    rng = Random(f"{mix} {seed}")
    world = World()
    cards = deck(mix)
    now = _START
    write = partial(_log_line, plain=mix == "ralph") if shape == "log" else _live_event
    while True:
        rng.shuffle(cards)
        for kind in cards:
            now += timedelta(microseconds=1 + int(rng.random() * 60_000))
            learner, course = world.anybody(rng)
            scene = Scene(rng, learner, course, now.isoformat())
            yield write(kind, scene)


def lines(mix: str = "mixed", *, seed: int = SEED) -> Iterator[bytes]:
    """Give the lines of a log without end, each with its line feed."""
    for event in events(mix, seed=seed):
        yield json.dumps(event).encode() + b"\n"


def take(mix: str, number: int, *, seed: int = SEED) -> list[bytes]:
    """Give the first *number* lines."""
    return list(itertools.islice(lines(mix, seed=seed), number))


def write_log(path: Path, mix: str, size: int, *, seed: int = SEED) -> int:
    """Write a log of whole blocks, *size* bytes or a little more; give the number of lines."""
    written = number = 0
    source = lines(mix, seed=seed)
    # A log that is half written must not pass for a whole one.
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as file:
        while written < size:
            block = b"".join(itertools.islice(source, BLOCK))
            file.write(block)
            written += len(block)
            number += BLOCK
    draft.replace(path)
    return number


def parse_size(text: str) -> int:
    """Read a number of bytes such as ``250000``, ``10MB`` or ``1GB``."""
    match = re.fullmatch(r"(\d+) ?(|KB|MB|GB)", text.upper())
    if match is None:
        raise ValueError(f"{text!r} is no size; write 250000, 10MB or 1GB")
    return int(match[1]) * _UNITS[match[2]]


def _name(kind: Kind, course: Course) -> str:
    return kind.name.replace("{key}", course.key)


def _context(kind: Kind, scene: Scene) -> Json:
    course = scene.course
    if kind.source == "request":
        path = _name(kind, course)
    elif kind.source == "browser":
        path = "/event"
    else:
        path = f"/courses/{course.key}/xblock/handler/xmodule_handler/submit"
    context: Json = {
        "course_id": course.key,
        "course_user_tags": {},
        "user_id": scene.learner.user_id,
        "path": path,
        "org_id": course.org,
    }
    if kind.source == "server" and kind.name in ("problem_check", "showanswer"):
        # The platform names the block that a handler was called for.
        key = course.usage("problem", course.problems[scene.learner.number % len(course.problems)])
        context["module"] = {"display_name": "Exercise: osmosis", "usage_key": key}
    return context


def _envelope(learner: Learner, course: Course) -> Json:
    return {
        "username": learner.username,
        "session": learner.session,
        "ip": learner.ip,
        "agent": learner.agent,
        "host": HOST,
        "referer": f"{LMS_ROOT}/courses/{course.key}/courseware/week_1/",
        "accept_language": learner.language,
    }


def _log_line(kind: Kind, scene: Scene, *, plain: bool) -> Json:
    name = _name(kind, scene.course)
    payload = kind.payload(scene)
    line: Json = {
        "name": name,
        "context": _context(kind, scene),
        **_envelope(scene.learner, scene.course),
        "time": scene.time,
        "event_source": "browser" if kind.source == "browser" else "server",
        "event_type": kind.type or name,
        "page": None,
        "event": payload,
    }
    if kind.source == "browser":
        line["page"] = scene.course.page("membranes")
        # A browser sends JSON as text. Ralph's converters read objects only.
        line["event"] = payload if plain else json.dumps(payload)
    elif "r" in kind.by:
        # Ralph's models allow a session in events of browsers only, where old platforms had it.
        del line["session"]
    return line


def _live_event(kind: Kind, scene: Scene) -> Json:
    browser = kind.source == "browser"
    context = _context(kind, scene) | _envelope(scene.learner, scene.course)
    context["event_source"] = "browser" if browser else "server"
    if browser:
        context["page"] = scene.course.page("membranes")
    return {
        "name": _name(kind, scene.course),
        "timestamp": scene.time,
        "data": kind.payload(scene),
        "context": context,
    }


def main() -> None:
    """Write a log."""
    parser = argparse.ArgumentParser(description="Make a tracking log, the same every time.")
    parser.add_argument("--mix", choices=sorted(MIXES), default="mixed")
    parser.add_argument("--seed", type=int, default=SEED)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--events", type=int, default=10_000, help="number of lines")
    amount.add_argument("--size", type=parse_size, help="bytes, such as 250000, 10MB or 1GB")
    parser.add_argument("-o", "--output", type=Path, help="default: standard output")
    parser.add_argument("--shape", choices=("log", "live"), default="log")
    options = parser.parse_args()
    out = options.output.open("wb") if options.output else sys.stdout.buffer
    written = 0
    with out:
        for number, event in enumerate(events(options.mix, seed=options.seed, shape=options.shape)):
            if (written >= options.size) if options.size else (number >= options.events):
                break
            written += out.write(json.dumps(event).encode() + b"\n")


if __name__ == "__main__":
    main()
