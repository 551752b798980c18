"""How the pages write numbers."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def number(value: object) -> str:
    """Write a whole number with its thousands apart; anything else as it is."""
    return f"{value:,}" if isinstance(value, int) else str(value)
