"""The floor: read the same lines and write them again, and do nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def work(kind: str, protocol: str, dialect: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Give the work of the *dialect* ``orjson`` or ``stdlib``."""
    if kind != "line":
        raise ValueError("there is no floor below events")
    if dialect == "orjson":
        import orjson

        loads, dumps = orjson.loads, orjson.dumps

        def run(lines: list[bytes]) -> list[bytes]:
            return [dumps(loads(line)) for line in lines]

    else:

        def run(lines: list[bytes]) -> list[bytes]:
            return [
                json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":")).encode()
                for line in lines
            ]

    return list, run
