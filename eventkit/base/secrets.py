"""Secrets: taken from the environment or a file, never printed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from eventkit.base.settings_file import read_plain_file
from eventkit.exceptions import ConfigurationError

_MAX_BYTES = 64 * 1024
"""Of a file with a secret."""

_BLOCK = 64
"""Bytes of a block of SHA-256."""


class Secret:
    """Hold a text that does not show in `repr`, logs, JSON or tracebacks; `reveal` gives it."""

    __slots__ = ("_keyed", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._keyed: tuple[Any, Any] | None = None

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (self._text,)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """Give the plain text, for the one place that needs it."""
        return self._text

    def mac(self, message: str) -> str:
        """
        Give HMAC-SHA256 (RFC 2104) of *message* in UTF-8 with the secret as key, as 64 hex digits.

        What depends on the key alone is worked out once, which leaves a third of the time.
        """
        inner, outer = self._keyed or self._key()
        inner, outer = inner.copy(), outer.copy()
        inner.update(message.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        digits: str = outer.hexdigest()
        return digits

    def _key(self) -> tuple[Any, Any]:
        key = self._text.encode()
        if len(key) > _BLOCK:
            key = hashlib.sha256(key).digest()
        key = key.ljust(_BLOCK, b"\0")
        inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))
        self._keyed = inner, outer
        return self._keyed


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
        found = _from_environment(name)
        if found is None:
            raise ConfigurationError(
                f"{key}: environment variable {name} is not set; export it or correct the name"
            )
        secret = found
    elif isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get("file"), str):
        try:
            secret = read_plain_file(value["file"], _MAX_BYTES).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{key}: the secret in {value['file']!r} is not UTF-8 at byte {error.start}"
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{key}: cannot read the secret from {value['file']!r}: {error}"
            ) from None
    else:
        raise ConfigurationError(
            f"{key}: expected text, {{'env': NAME}} or {{'file': PATH}}, got {type(value).__name__}"
        )
    if not secret:
        raise ConfigurationError(f"{key}: {where_from(value)} is empty; write the secret there")
    try:
        secret.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{key}: the secret is no text in UTF-8") from None
    return Secret(secret)


def where_from(value: object) -> str:
    """Say where a secret is that was given as `read_secret` takes it."""
    if isinstance(value, Mapping) and "env" in value:
        return f"environment variable {value['env']}"
    if isinstance(value, Mapping) and "file" in value:
        return f"the file {value['file']!r}"
    return "the secret"


def _from_environment(name: str) -> str | None:
    try:
        return os.environ.get(name)
    except ValueError:  # It cannot be the name of a variable.
        return None
