"""Columns: one that holds what is secret, encrypted with the keys of the site; texts that fit."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import ValidationError
from django.db import connections, models

from eventkit.base.printable import printable
from eventkit.contrib.django.conf import sealer


class Sealed:
    """
    Something encrypted. It opens only when asked to, and what is in it does not show.

    A row with one can be read, copied and dumped by anybody who has no key.
    """

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token
        """As it lies in the database."""

    @classmethod
    def of(cls, value: Any) -> Self:
        """
        Encrypt *value*, which is JSON.

        Raises:
            ConfigurationError: the site has no keys.
        """
        written = json.dumps(value, separators=(",", ":")).encode("ascii")
        return cls(sealer().seal(written).decode("ascii"))

    def open(self) -> Any:
        """
        Decrypt it.

        Raises:
            ConfigurationError: none of the keys of the site fits.
        """
        # What is no ASCII is no token, and so is refused like one of another key.
        return json.loads(sealer().unseal(self.token.encode("utf-8", "replace")))

    def renewed(self) -> Self:
        """Encrypt it anew, with the first of the keys."""
        return self.of(self.open())

    def __repr__(self) -> str:
        return "Sealed(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


def short(text: str, most: int, using: str | None = None) -> str:
    """
    Give *text* as a database takes it: printable, in UTF-8, at most *most* characters.

    Args:
        text: from anywhere.

        most: characters.

        using: the database, if it may be one that does not take all of Unicode.
    """
    shown = printable(text)
    if using is not None and unstorable(shown, using):
        shown = _FOUR_BYTES.sub(lambda found: f"\\U{ord(found[0]):08x}", shown)
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def unstorable(text: str, using: str) -> str:
    """Say why a database does not take *text*; ``""``: it does."""
    if "\0" in text:
        return "holds a character that is none (null)"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds what is no text in UTF-8"
    beyond = None if text.isascii() else _FOUR_BYTES.search(text)
    if beyond is not None and not _takes_all(using):
        return f"holds {beyond[0]}, and the tables of the database (utf8mb3) take no such character"
    return ""


_FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")
"""Characters that take four bytes in UTF-8, such as most emoji."""
_charsets: dict[str, bool] = {}
"""Whether a database takes all characters, once it has been asked."""


def _takes_all(using: str) -> bool:
    """Tell whether a database holds all of Unicode: that of an old site on MySQL does not."""
    connection = connections[using]
    if connection.vendor != "mysql":
        return True
    if using not in _charsets:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT character_set_name, @@character_set_connection "
                "FROM information_schema.columns WHERE table_schema = DATABASE() "
                "AND table_name = 'eventkit_consumer' AND column_name = 'note'"
            )
            found = cursor.fetchone() or ()
        _charsets[using] = all(each == "utf8mb4" for each in found)
    return _charsets[using]


if TYPE_CHECKING:
    _TextField = models.TextField[Sealed | None, Sealed | None]
else:
    _TextField = models.TextField


class SealedField(_TextField):
    """A `Sealed`, or None. No form shows it, and it takes no plain text."""

    description = "Something encrypted"

    def __init__(self, *args: Any, **options: Any) -> None:
        options["editable"] = False
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """Say how it is made; never editable is not said."""
        name, path, args, options = super().deconstruct()
        options.pop("editable", None)
        return name, path, args, options

    def from_db_value(self, value: str | None, *_: Any) -> Sealed | None:
        """Wrap what the database has; nothing is decrypted yet."""
        return None if value is None else Sealed(value)

    def to_python(self, value: Any) -> Sealed | None:
        """Take what a fixture has, which is what the database had."""
        if value is None or isinstance(value, Sealed):
            return value
        if isinstance(value, str):
            return Sealed(value)
        raise ValidationError("expected what is encrypted")

    def get_prep_value(self, value: Any) -> str | None:
        """Give what is encrypted; anything else is refused and not shown."""
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise TypeError(f"{self.name}: only what is encrypted is kept; use Sealed.of(...)")
        return value.token

    def value_to_string(self, obj: models.Model) -> Any:
        """Write it into a fixture, encrypted as it is."""
        return self.get_prep_value(self.value_from_object(obj))


_KEY_DIGITS = 19
"""Of keys of rows; with more, a database may not even look."""


def key_of(given: str | int) -> int:
    """Read the key of a row from an address; one that is none is nobody's."""
    text = str(given)
    is_key = text.isascii() and text.isdecimal() and len(text) < _KEY_DIGITS
    return int(text) if is_key else 0
