"""
Who a learner is to the outside: one UUID per user and protocol, as OEP-26 asks.

An identity is any callable ``identity(user, system) -> str | None``, where *user* is a user id
(int) or a username (str). None means that nobody knows this user; the event is then dropped,
because an event without an actor says nothing and a username must not leave the site. Anything but
an id (`anonymous_id`) is refused. What it raises is a look-up that failed, and is tried again.

An identity whose answers never change while the process lives may have an attribute
``lasting = True``: translators then remember whom they have asked for.

An identity that has a secret may have a method ``pseudonym(text, system) -> str``: a UUID that
stands for *text* in the documents of *system*, the same for ever, and that nobody without the
secret can go back from, not even by trying texts. Session keys and the ids of teams go out as such.
Without it a digest without a secret stands for them.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from eventkit.base.caching import Cache
from eventkit.base.secrets import Secret, read_secret, where_from
from eventkit.exceptions import ConfigurationError
from eventkit.translators.ids import uuid5_of
from eventkit.typing import Identity, Name, ProtocolName

MIN_SECRET = 16
"""Characters that a secret must have: user ids are few, so a short secret could be guessed."""

SYSTEMS: tuple[ProtocolName, ...] = ("xapi", "caliper")
"""The external system types; a user has a different id in each."""

_MAX_USER_ID = 1 << 63
_KEYS = ("user_id", "username")


class HMACIdentity:
    """
    Derive ids from a secret; nothing is stored and nothing is looked up.

    The id is a function of the secret, the system and the user alone, so that every process and
    every replay agrees on it. Who does not have the secret cannot go from the id to the user, nor
    from a user's xAPI id to the Caliper id.

    A user id and a username are different users to it, because only a database knows which of them
    belong together. Where events of one learner carry now the one, now the other, and that matters,
    use `MappingIdentity` or the platform's own ids.

    The recipe never changes: the first 16 bytes of HMAC-SHA256 with the secret as key over
    ``eventkit/identity/1``, the system, ``id`` or ``name``, and the user, joined by line feeds in
    UTF-8; then the version (5) and variant bits of RFC 4122.

    Args:
        secret: at least 16 characters, as text, ``{"env": NAME}`` or ``{"file": PATH}``.

    Raises:
        ConfigurationError: the secret cannot be read or is too short.
    """

    __slots__ = ("_secret",)

    lasting = True
    """The answers never change, so that translators may remember them."""

    def __init__(self, secret: str | Mapping[str, str]) -> None:
        self._secret = long_secret(secret)

    def __repr__(self) -> str:
        return "HMACIdentity(secret=***)"

    def __getstate__(self) -> Secret:
        return self._secret

    def __setstate__(self, secret: Secret) -> None:
        self._secret = secret

    def __call__(self, user: int | str, system: ProtocolName) -> str | None:
        """Derive the id of *user*; None for what can be neither a user id nor a username."""
        key = _user_key(user)
        if key is None:
            return None
        _check_system(system)
        kind = "id" if isinstance(key, int) else "name"
        return _derived(self._secret, f"eventkit/identity/1\n{system}\n{kind}\n{key}")

    def pseudonym(self, text: str, system: ProtocolName) -> str:
        """Derive what stands for *text*, as `Pseudonyms` does."""
        return _pseudonym_of(self._secret, text, system)


class Pseudonyms:
    """
    Derive what stands for texts from a secret.

    The recipe is that of the ids of `HMACIdentity`, over ``eventkit/pseudonym/1``, the system and
    the text.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Pseudonyms(***)"

    def __call__(self, text: str, system: ProtocolName) -> str:
        """Derive what stands for *text*."""
        return _pseudonym_of(self._secret, text, system)


class MappingIdentity:
    """
    Look ids up in a table that somebody else made, usually an export of the platform's own.

    Args:
        source: the path of a CSV file with a header of ``user_id``, ``username`` (one of them will
            do), ``xapi`` and ``caliper`` (likewise); or a mapping of user ids (int) and usernames
            (str) to ``{"xapi": UUID, "caliper": UUID}``. A user without an id for a system is
            unknown to that system: the id of one is never used for the other.

        secret: what pseudonyms are derived from, as of `HMACIdentity`; None: it gives none.

    Raises:
        ConfigurationError: something is wrong with the table; the message names file and line. Or
            the secret cannot be read or is too short.
    """

    __slots__ = ("_ids", "pseudonym")

    lasting = True

    def __init__(
        self,
        source: Mapping[int | str, Mapping[str, str]] | str | Path,
        *,
        secret: str | Mapping[str, str] | None = None,
    ) -> None:
        self.pseudonym = None if secret is None else Pseudonyms(long_secret(secret))
        if isinstance(source, Mapping):
            rows = _rows_of_mapping(source)
        elif isinstance(source, (str, os.PathLike)):
            rows = _rows_of_csv(Path(source))
        else:
            raise ConfigurationError(
                "source: expected the path of a CSV file or a mapping of users to ids, got "
                f"{type(source).__name__}"
            )
        self._ids = _index(rows)

    def __repr__(self) -> str:
        return f"MappingIdentity(<{len(self._ids)} users>)"

    def __call__(self, user: int | str, system: ProtocolName) -> str | None:
        """Look up the id of *user*; None when the table has none for *system*."""
        key = _user_key(user)
        if key is None:
            return None
        return self._ids.get(key, {}).get(system)


class CachedIdentity:
    """
    Remember what a slow identity said.

    Args:
        identity: the identity to ask.

        ttl: seconds for which an id is remembered.

        max_size: how many ids are remembered; the longest unused one goes first.

        negative_ttl: seconds for which it is remembered that a user is unknown; shorter, so that
            somebody who has just signed up does not stay unknown for long.

        clock: gives seconds that never run backwards.

        secret: what pseudonyms are derived from, as of `HMACIdentity`, for an identity that gives
            none itself; None: they are those of the identity, if it gives any.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        ttl: float = 3600.0,
        max_size: int = 100_000,
        negative_ttl: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        secret: str | Mapping[str, str] | None = None,
    ) -> None:
        if not callable(identity):
            raise ConfigurationError(
                "identity: expected a callable such as HMACIdentity(...), got "
                f"{type(identity).__name__}"
            )
        self._identity = identity
        self._cache: Cache[str] = Cache(
            ttl=ttl, max_size=max_size, negative_ttl=negative_ttl, clock=clock
        )
        self.pseudonym = (
            getattr(identity, "pseudonym", None)
            if secret is None
            else Pseudonyms(long_secret(secret))
        )

    def __repr__(self) -> str:
        return f"CachedIdentity({self._identity!r})"

    def __call__(self, user: int | str, system: ProtocolName) -> str | None:
        """Give the id remembered for *user*, else ask."""
        # Without its type, True would share the entry of user 1.
        key = (type(user), user, system)
        return self._cache.get(key, lambda: self._identity(user, system))


class CachedCourses:
    """
    Remember the course names that a slow look-up gave.

    Args:
        courses: the look-up, a callable that takes a course key and gives a name or None.

        ttl: seconds for which a name is remembered.

        max_size: how many names are remembered; the longest unused one goes first.

        negative_ttl: seconds for which it is remembered that a course has no name.

        clock: gives seconds that never run backwards.
    """

    def __init__(
        self,
        courses: Callable[[str], Name | None],
        *,
        ttl: float = 3600.0,
        max_size: int = 10_000,
        negative_ttl: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not callable(courses):
            raise ConfigurationError(
                "courses: expected a callable that takes a course key, got "
                f"{type(courses).__name__}; a mapping needs no cache"
            )
        self._courses = courses
        self._cache: Cache[Name] = Cache(
            ttl=ttl, max_size=max_size, negative_ttl=negative_ttl, clock=clock
        )

    def __repr__(self) -> str:
        return f"CachedCourses({self._courses!r})"

    def __call__(self, course_id: str) -> Name | None:
        """Give the name remembered for the course, else ask."""
        return self._cache.get(course_id, lambda: self._courses(course_id))


def long_secret(secret: object) -> Secret:
    """
    Read a secret that ids are derived from.

    Raises:
        ConfigurationError: it cannot be read or is too short.
    """
    found = read_secret(secret, "secret")
    length = len(found.reveal())
    if length < MIN_SECRET:
        raise ConfigurationError(
            f"secret: {length} characters in {where_from(secret)} are too few, at least "
            f"{MIN_SECRET} are needed; "
            "python -c 'import secrets; print(secrets.token_hex(32))' makes a good one"
        )
    return found


def unkeyed(text: str) -> str:
    """Give what stands for *text* where there is no secret; who knows the text can tell."""
    message = f"eventkit/pseudonym/0\n{text}"
    return uuid5_of(hashlib.sha256(message.encode("utf-8", "surrogatepass")).hexdigest())


def id_text(answer: object) -> str | None:
    """Give *answer* as documents have ids, in small letters; None when it has another form."""
    # Classes of a site's own may write themselves in another way than what they hold.
    if isinstance(answer, uuid.UUID):
        return uuid.UUID.__str__(answer)
    if not isinstance(answer, str) or not _ID.fullmatch(answer):
        return None
    return str.lower(answer)


def shows(answer: str, text: str) -> bool:
    """Tell whether *text* stands in *answer*, an id, and is too long to do so by accident."""
    plain = text.strip().lower().replace("-", "")
    return len(plain) >= _TELLING and plain in answer.replace("-", "")


def anonymous_id(answer: object, user: int | str) -> str | None:
    """
    Give an identity's *answer* as documents have it; None when it is no id, or one that shows who.

    An id is a UUID, as such or as text, or 32 to 64 hexadecimal digits, as a hash has them; letters
    become small. One that is the user id or name, filled up with zeros, or in which the name stands
    as bytes (``name.encode().hex()``), shows who it is.
    """
    answer = id_text(answer)
    if answer is None:
        return None
    digits = answer.replace("-", "")
    name = str(user).strip()
    if len(name) >= _TELLING // 2 and name.encode("utf-8", "replace").hex() in digits:
        return None
    plain = name.lower().replace("-", "")
    if len(plain) < _TELLING and digits[0] != "0" and digits[-1] != "0":
        # As nearly all are: too long to be a short name or number with zeros before or behind it.
        return answer
    # Nobody's id is all zeros.
    shown = {"", plain.strip("0")}
    if isinstance(user, int):
        shown.add(f"{user:x}".strip("0"))
    # Of a UUID the version and the variant are no digits of its maker's choice.
    free = f"{digits[:12]}{digits[13:16]}{digits[17:]}"
    if digits.strip("0") in shown or free.strip("0") in shown:
        return None
    return None if shows(digits, plain) else answer


def _check_system(system: str) -> None:
    if system not in SYSTEMS:
        raise ValueError(f"system: {system!r} is not one of {', '.join(SYSTEMS)}")


def _derived(secret: Secret, message: str) -> str:
    return uuid5_of(secret.mac(message))


def _pseudonym_of(secret: Secret, text: str, system: str) -> str:
    _check_system(system)
    return _derived(secret, f"eventkit/pseudonym/1\n{system}\n{text}")


def _user_key(user: object) -> int | str | None:
    """Give the key of a user; None for what can be neither a user id nor a username."""
    if type(user) is int:
        return user if 0 < user < _MAX_USER_ID else None
    if isinstance(user, str):
        return user.strip() or None
    if isinstance(user, int) and not isinstance(user, bool) and 0 < user < _MAX_USER_ID:
        return int(user)
    return None


_Row = tuple[str, tuple[int | str, ...], dict[str, str]]
"""Where it stands, the user's keys, the user's ids by system."""


def _index(rows: Iterator[_Row]) -> dict[int | str, dict[str, str]]:
    """Index rows by user; two users must not share an id, nor one user have two."""
    ids: dict[int | str, dict[str, str]] = {}
    owners: dict[tuple[str, str], str] = {}
    for where, keys, by_system in rows:
        for system, found in by_system.items():
            first = owners.setdefault((system, found), where)
            if first != where:
                raise ConfigurationError(
                    f"{where}: the {system} id stands at {first} already; each user has their own"
                )
        for key in keys:
            if key in ids:
                kind = "user_id" if isinstance(key, int) else "username"
                raise ConfigurationError(
                    f"{where}: the {kind} occurs a second time; keep one row per user"
                )
            ids[key] = by_system
    return ids


def _rows_of_mapping(source: Mapping[int | str, Mapping[str, str]]) -> Iterator[_Row]:
    # A user may stand here twice, under the id and the username, with the same ids: one owner.
    seen: dict[tuple[tuple[str, str], ...], str] = {}
    for number, (user, ids) in enumerate(source.items(), start=1):
        where = f"source: entry {number}"
        key = _user_key(user)
        if key is None:
            raise ConfigurationError(f"{where}: expected a user id (int) or a username (str)")
        if not isinstance(ids, Mapping) or not ids or not set(ids) <= set(SYSTEMS):
            raise ConfigurationError(
                f"{where}: expected {{'xapi': UUID, 'caliper': UUID}} or one of the two"
            )
        by_system = {system: _uuid(ids[system], f"{where}: {system}") for system in ids}
        same = seen.setdefault(tuple(sorted(by_system.items())), where)
        yield same, (key,), by_system


def _rows_of_csv(path: Path) -> Iterator[_Row]:
    try:
        # A spreadsheet's export starts with a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = _columns(next(reader, []), path)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield _row_of_csv(cells, columns, f"{path}:{reader.line_num}")
    except OSError as error:
        raise ConfigurationError(
            f"source: cannot read {str(path)!r}: {error.strerror or type(error).__name__}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8; save the table as UTF-8 CSV") from None
    except csv.Error as error:
        raise ConfigurationError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _columns(header: list[str], path: Path) -> list[str]:
    columns = [name.strip().lower() for name in header]
    known = (*_KEYS, *SYSTEMS)
    unknown = [number for number, name in enumerate(columns, start=1) if name not in known]
    if unknown:
        # By number, because without a header these are somebody's name and id.
        raise ConfigurationError(
            f"{path}:1: columns {', '.join(map(str, unknown))} have no known name; "
            f"the header names some of {', '.join(known)}"
        )
    if len(set(columns)) < len(columns):
        raise ConfigurationError(f"{path}:1: a column occurs twice")
    if not set(columns) & set(_KEYS) or not set(columns) & set(SYSTEMS):
        raise ConfigurationError(
            f"{path}:1: the header needs user_id or username, and xapi or caliper"
        )
    return columns


def _row_of_csv(cells: list[str], columns: list[str], where: str) -> _Row:
    if len(cells) != len(columns):
        raise ConfigurationError(f"{where}: {len(cells)} cells under {len(columns)} columns")
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    keys: list[int | str] = []
    if number := row.get("user_id"):
        if not (number.isascii() and number.isdigit() and 0 < int(number[:20]) < _MAX_USER_ID):
            raise ConfigurationError(f"{where}: user_id is not a whole number from 1")
        keys.append(int(number))
    if name := row.get("username"):
        keys.append(name)
    if not keys:
        raise ConfigurationError(f"{where}: neither user_id nor username")
    by_system: dict[str, str] = {
        system: _uuid(row[system], f"{where}: {system}") for system in SYSTEMS if row.get(system)
    }
    if not by_system:
        raise ConfigurationError(f"{where}: neither an xapi nor a caliper id")
    return where, tuple(keys), by_system


def _uuid(value: object, where: str) -> str:
    """Check an id and write it the one usual way; the value stays out of the message."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, str) and _UUID.fullmatch(value.strip()):
        return value.strip().lower()
    raise ConfigurationError(f"{where} is not a UUID such as {uuid.UUID(int=0)}")


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID = re.compile(rf"{_UUID.pattern}|[0-9a-fA-F]{{32,64}}")

_TELLING = 8
"""Characters of a username, or digits of a user id, that are not in an id by accident."""
