"""Secrets: taken from the environment or a file, never printed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from eventkit.exceptions import ConfigurationError


class Secret:
    """Hold a text that does not show in `repr`, logs, JSON or tracebacks; `reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """Give the plain text, for the one place that needs it."""
        return self._text


def read_secret(value: object, key: str) -> Secret:
    """
    Read a secret given as text, as ``{"env": NAME}`` or as ``{"file": PATH}``.

    Args:
        value: what the configuration holds.

        key: the name of the setting, for error messages.

    Raises:
        ConfigurationError: it is empty, the variable is not set, or the file cannot be read.
    """
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        secret = value
    elif isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("env"), str):
        name = value["env"]
        if name not in os.environ:
            raise ConfigurationError(
                f"{key}: environment variable {name} is not set; export it or correct the name"
            )
        secret = os.environ[name]
    elif isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("file"), str):
        try:
            secret = Path(value["file"]).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{key}: cannot read the secret from {value['file']!r}: {error}"
            ) from None
    else:
        raise ConfigurationError(
            f"{key}: expected text, {{'env': NAME}} or {{'file': PATH}}, got {type(value).__name__}"
        )
    if not secret:
        raise ConfigurationError(f"{key}: the secret is empty")
    return Secret(secret)
