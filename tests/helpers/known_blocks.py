"""A look-up that knows every block, and puts it into the same unit of its course."""

from __future__ import annotations

from typing import Any


def know_all(key: str) -> Any:
    """Give a name, a language and ancestors of any block; of questions, which are none, nothing."""
    course, _, kind = key.partition("+type@")
    if not kind or key.endswith("_1"):
        return None
    name = f"Called {key[-8:]}"
    if kind.startswith(("vertical", "sequential", "chapter")):
        return name
    above = [f"{course}+type@{each}" for each in ("vertical+block@u", "sequential+block@s")]
    above.append(f"{course}+type@chapter+block@c")
    return {"name": name, "language": "es-419", "ancestors": above}
