"""Rubrics of open response assessment: criteria, their options, and what assessors chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eventkit.events.shapes.view import View, filled, number, scalar
from eventkit.reading.source import clean
from eventkit.typing import Json


def rubric(view: View) -> list[Json] | None:
    """Give what was chosen for each criterion, without what the assessor wrote about it."""
    return [
        filled(
            {
                "criterion": _named(part.get("criterion"), "name", "points_possible"),
                "option": _named(part.get("option"), "name", "points"),
            }
        )
        for part in objects(view.data.get("parts"))
    ] or None


def rubric_hash(view: View) -> str | None:
    """Give what identifies the rubric; the reference spells it differently from the platform."""
    found = view.data.get("rubric")
    if not isinstance(found, Mapping):
        return None
    value = found.get("content_hash") or found.get("contenthash")
    return clean(value) if isinstance(value, str) else None


def rubric_pairs(view: View) -> list[str] | None:
    """Give what `rubric` gives as `pairs` does."""
    found = []
    for part in objects(view.data.get("parts")):
        labels = (_label(part.get("criterion")), _label(part.get("option")))
        if labels[0] and labels[1]:
            found.append(f"{labels[0]}: {labels[1]}")
    return found or None


def _label(value: Any) -> str:
    name = scalar(value.get("name") if isinstance(value, Mapping) else value)
    return name if isinstance(name, str) else ""


def _named(value: Any, *fields: str) -> Any:
    """Pass on a label, or of an object the *fields*."""
    if isinstance(value, Mapping):
        return filled({field: scalar(value.get(field)) for field in fields}) or None
    return scalar(value)


def chosen(view: View, field: str) -> Json | None:
    """Give the options by criterion that *field* holds."""
    found = view.data.get(field)
    if not isinstance(found, Mapping):
        return None
    return filled({clean(str(key)): scalar(value) for key, value in found.items()}) or None


def points(view: View) -> tuple[int | float | None, int | float | None]:
    """Give the points and the most there could be; criteria may be about feedback only."""
    parts = objects(view.data.get("parts"))
    options = [part["option"] for part in parts if part.get("option") is not None]
    given = _sum(options, "points")
    most = _sum([part.get("criterion") for part in parts], "points_possible")
    return given, most


def _sum(items: list[Any], field: str) -> int | float | None:
    found = [number(item.get(field)) if isinstance(item, Mapping) else None for item in items]
    numbers = [each for each in found if each is not None]
    return sum(numbers) if numbers and len(numbers) == len(found) else None


def pairs(options: Json | None) -> list[str] | None:
    """Write options by criterion as texts: criteria are no IRIs, and JSON-LD would lose them."""
    return [f"{criterion}: {option}" for criterion, option in (options or {}).items()] or None


def objects(items: Any) -> list[Mapping[str, Any]]:
    """Give the objects in a list; what is no list has none."""
    return [item for item in _items(items) if isinstance(item, Mapping)]


def texts(items: Any) -> list[str]:
    """Give the texts in a list, fit to be sent; what is no list has none."""
    return [clean(item) for item in _items(items) if isinstance(item, str) and item]


def _items(items: Any) -> Sequence[Any]:
    """Pass on a list; live events may hold tuples."""
    return items if isinstance(items, Sequence) and not isinstance(items, str) else ()
