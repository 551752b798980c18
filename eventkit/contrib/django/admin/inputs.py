"""Fields and widgets of the forms: what people type, and what it is made of."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from eventkit.base.settings_file import parse_settings
from eventkit.exceptions import ConfigurationError


class NumberField(forms.Field):
    """A number as typed; what is none stays text, for the checks to say so."""

    def to_python(self, value: Any) -> Any:
        """Give a number, text, or None for nothing."""
        text = str(value or "").strip()
        if not text:
            return None
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text


class LinesField(forms.Field):
    """Several texts, one on each line."""

    widget = forms.Textarea(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        """Write a list as lines."""
        return "\n".join(map(str, value)) if isinstance(value, (list, tuple)) else value

    def to_python(self, value: Any) -> list[Any]:
        """Give the lines that hold anything, without blanks around them."""
        return [line.strip() for line in (value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the lines."""
        before = initial if isinstance(initial, (list, tuple)) else self.to_python(initial)
        return list(map(str, before)) != self.to_python(data)


class JSONObjectField(forms.Field):
    """An object as JSON."""

    widget = forms.Textarea(attrs={"rows": 4, "class": "ek-code ek-wide", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """Write an object as JSON for people."""
        return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        """Give what the text holds; None for nothing."""
        text = (value or "").strip()
        if not text:
            return None
        try:
            return parse_settings(text, ".json")
        except ConfigurationError as error:
            raise ValidationError(f"this {error}") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what they hold."""
        try:
            return bool((initial or None) != self.to_python(data))
        except ValidationError:
            return True


class SecretInput(forms.PasswordInput):
    """One secret; what is in it is never shown."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "new-password", "class": "vTextField"})


class SecretLines(forms.Textarea):
    """Several secrets, one on each line; what is in it is never shown again."""

    def format_value(self, value: Any) -> str:
        """Show nothing."""
        del value
        return ""


class PeopleField(LinesField):
    """Accounts, one user name on each line."""

    def prepare_value(self, value: Any) -> Any:
        """Write accounts as their names."""
        names = [each.get_username() for each in value] if isinstance(value, list) else value
        return super().prepare_value(names)

    def to_python(self, value: Any) -> list[Any]:
        """Find the accounts."""
        names = super().to_python(value)
        model = get_user_model()
        found = {
            each.get_username(): each
            for each in model._default_manager.filter(  # noqa: SLF001 - documented by Django
                **{f"{model.USERNAME_FIELD}__in": names}
            )
        }
        missing = [name for name in names if name not in found]
        if missing:
            raise ValidationError(f"nobody has the user name {missing[0]!r:.80}")
        return [found[name] for name in dict.fromkeys(names)]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the names."""
        before = sorted(each.get_username() for each in initial or ())
        return before != sorted(LinesField.to_python(self, data))


def text(**attributes: Any) -> forms.TextInput:
    """Make an input as wide as those of Django's admin."""
    return forms.TextInput(attrs={"class": "vTextField", **attributes})
