"""
JSON columns of one shape: a list of texts or numbers, or an object.

What somebody has written past the app may be anything. Where code expects a list, text would be
taken letter by letter, and a pattern ``"L*"`` so let everything through. What has another shape is
read as empty, and says that it was another one (`is_misread`), for `rows` to refuse it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _JSONField = models.JSONField[Any, Any]
else:
    _JSONField = models.JSONField


class _MisreadList(list[Any]):
    """Empty, as what lies there is no such list."""


class _MisreadObject(dict[str, Any]):
    """Empty, as what lies there is no object."""


def is_misread(value: object) -> bool:
    """Tell whether something of another shape lay where *value* was read."""
    return isinstance(value, (_MisreadList, _MisreadObject))


class _ShapedField(_JSONField):
    def deconstruct(self) -> Any:
        """Say how it is made: in the database it is any JSON."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.JSONField", args, options

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Read it; of another shape it is empty."""
        return self.shaped(super().from_db_value(value, expression, connection))

    @classmethod
    def shaped(cls, value: Any) -> Any:
        """Give *value*, or what stands for another shape."""
        raise NotImplementedError


class ListField(_ShapedField):
    """A list of texts and numbers."""

    ITEMS: tuple[type, ...] = (str, int, float)

    @classmethod
    def shaped(cls, value: Any) -> Any:
        """Give *value*, or an empty list that says that it is none."""
        is_one = isinstance(value, list) and all(isinstance(each, cls.ITEMS) for each in value)
        return value if is_one else _MisreadList()


class TextsField(ListField):
    """A list of texts."""

    ITEMS = (str,)


class ObjectField(_ShapedField):
    """An object."""

    @classmethod
    def shaped(cls, value: Any) -> Any:
        """Give *value*, or an empty object that says that it is none."""
        return value if isinstance(value, dict) else _MisreadObject()
