"""Scores as xAPI allows them (1.0.3, Data 2.4.5.2): min <= raw <= max, scaled from -1 to 1."""

from __future__ import annotations

from eventkit.typing import Json


def score(raw: int | float | None, most: int | float | None) -> Json | None:
    """
    Make a score of *raw* points out of *most*, leaving out what would be false or forbidden.

    Extra credit gives more points than the maximum: then the maximum is left out, because raising
    it would be a lie, and *scaled* is 1. When nothing can be earned only points that were earned
    all the same are worth saying.
    """
    if most is None or most <= 0:
        return {"raw": float(raw)} if raw else None
    if raw is None:
        return {"min": 0.0, "max": float(most)}
    scaled = raw / most
    members: Json = {
        "scaled": 1.0 if scaled > 1 else -1.0 if scaled < -1 else scaled,
        "raw": float(raw),
    }
    if raw >= 0:
        members["min"] = 0.0
    if raw <= most:
        members["max"] = float(most)
    return members


def graded(raw: int | float | None, most: int | float | None) -> Json:
    """
    Make the result of graded work: its score.

    Not all points are no failure, and what is enough is for the course to say: there is no success.
    """
    points = score(raw, most)
    return {"score": points} if points else {}
