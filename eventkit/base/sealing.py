"""Encrypting what lies on a disk, with keys that can be changed."""

from __future__ import annotations

import base64
import binascii
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from eventkit.base.secrets import Secret, read_secret
from eventkit.exceptions import ConfigurationError

Key = Secret | str | Mapping[str, str] | Sequence[Secret | str | Mapping[str, str]]
"""A secret, ``{"env": NAME}``, ``{"file": PATH}``, or several of them, the newest first."""

_MAKE_ONE = (
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


class Sealer:
    """
    Encrypt and decrypt with Fernet (AES in CBC mode, authenticated with HMAC, SHA-256).

    The first key encrypts and all decrypt, so that a new key can go in front of an old one. Keys do
    not show in `repr`.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        fernet = _import()
        self._keys = fernet.MultiFernet([fernet.Fernet(secret.reveal()) for secret in secrets])
        self._refusal = fernet.InvalidToken

    def __repr__(self) -> str:
        return "Sealer(***)"

    def seal(self, data: bytes) -> bytes:
        """Encrypt *data*; the result is ASCII without blanks or quotes."""
        sealed: bytes = self._keys.encrypt(data)
        return sealed

    def unseal(self, sealed: bytes) -> bytes:
        """
        Decrypt what `seal` gave.

        Raises:
            ConfigurationError: none of the keys made it, or it is damaged.
        """
        try:
            data: bytes = self._keys.decrypt(sealed)
        except self._refusal:
            # Not chained: nothing in it tells more, and tracebacks of callers stay short.
            raise ConfigurationError(
                "key: the key does not fit what is encrypted here; give the one it was made with, "
                "or a list of keys, the newest first"
            ) from None
        return data


def make_sealer(key: Key | None) -> Sealer | None:
    """
    Make what encrypts with *key*; None without a key.

    Args:
        key: text as ``Fernet.generate_key()`` gives it, ``{"env": NAME}``, ``{"file": PATH}``, or a
            list of these: the first encrypts, all decrypt.

    Raises:
        ConfigurationError: a key cannot be read or is none, or the package for it is missing.
    """
    if key is None:
        return None
    if isinstance(key, (str, Secret, Mapping)):
        sources: list[object] = [key]
        names = ["key"]
    elif isinstance(key, (list, tuple)):
        sources = list(key)
        names = [f"key[{number}]" for number in range(len(sources))]
    else:
        raise ConfigurationError(
            "key: expected text, {'env': NAME}, {'file': PATH} or a list of these, "
            f"got {type(key).__name__}"
        )
    if not sources:
        raise ConfigurationError("key: the list is empty; give a key, or None for no encryption")
    secrets = [read_secret(source, name) for source, name in zip(sources, names, strict=True)]
    for secret, name in zip(secrets, names, strict=True):
        _check(secret, name)
    return Sealer(secrets)


def _check(secret: Secret, name: str) -> None:
    try:
        raw = base64.b64decode(secret.reveal().encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    if len(raw) != 32:
        raise ConfigurationError(
            f"{name}: is no key; expected 32 bytes in URL-safe base64, as this prints: {_MAKE_ONE}"
        )


def _import() -> Any:
    try:
        return importlib.import_module("cryptography.fernet")
    except ImportError:
        raise ConfigurationError(
            "key: encryption needs an extra: pip install 'openedx-eventkit[encryption]'"
        ) from None
