"""The setting ``EVENTKIT_ADMIN``: read and checked in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from django.conf import settings

from eventkit.base.schema_errors import near_miss
from eventkit.base.sealing import Sealer, make_sealer
from eventkit.exceptions import ConfigurationError
from eventkit.typing import Json

NAME = "EVENTKIT_ADMIN"

_KEYS_MISSING = (
    f"{NAME}['KEYS'] is missing, and what is secret must not lie in the database as plain text; "
    "give a list of keys, the newest first, each as Fernet.generate_key() of the package "
    "cryptography gives it, as {'env': NAME} or {'file': PATH}"
)


@attrs.frozen
class AdminSettings:
    """What the site has set; everything may be left out."""

    keys: tuple[Any, ...] = attrs.field(default=(), repr=False)
    """What encrypts credentials and letters: the first encrypts, all decrypt."""
    store: Path | None = None
    """The durable store whose queues are shown."""
    translators: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """By protocol, as ``{"ENGINE": ..., "OPTIONS": ...}``: for trying events and for replays."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts that consumers from the portal may have although they are not public."""
    mail_to: tuple[str, ...] = ()
    """Who is told of a request for access; nobody: Django's ``ADMINS``."""
    require_permission: bool = False
    """Whether only who has the permission ``add_accessrequest`` may ask for access."""
    open_requests: int = 5
    """Requests of one user that may wait for a decision at a time."""
    site_url: str = ""
    """The root URL of the site, for links in mails."""
    replays: str = "thread"
    """
    Who delivers dead letters again: ``thread``, a thread of the process that was asked for it;
    ``work``: ``manage.py eventkit replay-work``, or a task that calls `replays.work`.
    """
    trust_env: bool = False
    """Whether HTTP proxies are taken from the environment, as of `eventkit.Router`."""
    keep_reports_days: int = 7
    keep_letters_days: int | None = None
    """None: dead letters stay until somebody drops them."""


def admin_settings() -> AdminSettings:
    """
    Read the setting as it is now.

    Raises:
        ConfigurationError: something in it is wrong.
    """
    given = getattr(settings, NAME, {})
    wrong = next(problems(given), "")
    if wrong:
        raise ConfigurationError(wrong)
    portal: Json = given.get("PORTAL", {})
    store = given.get("STORE")
    return AdminSettings(
        keys=tuple(given.get("KEYS", ())),
        store=Path(store) if store else None,
        translators=given.get("TRANSLATORS", {}),
        allow_hosts=tuple(portal.get("ALLOW_HOSTS", ())),
        mail_to=tuple(portal.get("MAIL_TO", ())),
        require_permission=portal.get("REQUIRE_PERMISSION", False),
        open_requests=portal.get("OPEN_REQUESTS", 5),
        site_url=portal.get("SITE_URL", ""),
        replays=given.get("REPLAYS", "thread"),
        trust_env=given.get("TRUST_ENV", False),
        keep_reports_days=given.get("KEEP_REPORTS_DAYS", 7),
        keep_letters_days=given.get("KEEP_LETTERS_DAYS"),
    )


def sealer() -> Sealer:
    """
    Give what encrypts and decrypts with the keys of the site.

    Raises:
        ConfigurationError: there are none, or one is wrong.
    """
    keys = admin_settings().keys
    if not keys:
        raise ConfigurationError(_KEYS_MISSING)
    # A key in the environment or in a file is read once: a new one takes a new process.
    if _made and _made[0][0] == keys:
        return _made[0][1]
    try:
        found = make_sealer(list(keys))
    except ConfigurationError as error:
        raise ConfigurationError(f"{NAME}['KEYS']: {error}") from None
    assert found is not None  # noqa: S101 - there are keys
    _made[:] = [(keys, found)]
    return found


_made: list[tuple[tuple[Any, ...], Sealer]] = []


def has_keys() -> bool:
    """Tell whether anything can be encrypted here."""
    return bool(admin_settings().keys)


def problems(given: object) -> Iterator[str]:
    """Say what is wrong with the setting, one line each; keys are never shown."""
    if not isinstance(given, Mapping):
        yield f"{NAME}: expected a dictionary, got {type(given).__name__}"
        return
    yield from _unknown(given, _KINDS, NAME)
    for key, (fits, expected) in _KINDS.items():
        if key in given and not fits(given[key]):
            yield f"{NAME}['{key}']: expected {expected}"
    portal = given.get("PORTAL")
    if isinstance(portal, Mapping):
        yield from _unknown(portal, _PORTAL, f"{NAME}['PORTAL']")
        for key, (fits, expected) in _PORTAL.items():
            if key in portal and not fits(portal[key]):
                yield f"{NAME}['PORTAL']['{key}']: expected {expected}"


def _unknown(given: Mapping[Any, Any], known: Any, where: str) -> Iterator[str]:
    for key in given:
        if key not in known:
            yield f"{where}: unknown key {key!r:.80}; {near_miss(str(key), tuple(known))}"


def _are_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(each, str) and each for each in value
    )


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _is_days(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 36_500


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "KEYS": (_is_list, "a list of keys, the newest first"),
    "STORE": (
        lambda value: value is None or isinstance(value, (str, Path)),
        "the path of the router's store, or None",
    ),
    "TRANSLATORS": (
        lambda value: isinstance(value, Mapping) and set(value) <= {"xapi", "caliper"},
        "a dictionary with 'xapi' or 'caliper', and {'ENGINE': ..., 'OPTIONS': ...} for each",
    ),
    "PORTAL": (
        lambda value: isinstance(value, Mapping),
        "a dictionary",
    ),
    "REPLAYS": (lambda value: value in ("thread", "work"), "'thread' or 'work'"),
    "TRUST_ENV": (lambda value: isinstance(value, bool), "True or False"),
    "KEEP_REPORTS_DAYS": (_is_days, "a whole number of days, from 1 on"),
    "KEEP_LETTERS_DAYS": (
        lambda value: value is None or _is_days(value),
        "a whole number of days, from 1 on, or None to keep them",
    ),
}

_PORTAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "ALLOW_HOSTS": (_are_texts, "a list of texts"),
    "MAIL_TO": (_are_texts, "a list of texts"),
    "REQUIRE_PERMISSION": (lambda value: isinstance(value, bool), "True or False"),
    "OPEN_REQUESTS": (
        lambda value: type(value) is int and 0 < value <= 1000,
        "a whole number from 1 to 1000",
    ),
    "SITE_URL": (
        lambda value: isinstance(value, str) and value.startswith(("https://", "http://")),
        "a URL such as https://lms.example.org",
    ),
}
