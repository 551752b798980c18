"""
What the Open edX platform knows about users and courses.

These work in processes of the LMS and its workers. The platform is imported on the first call and
not before, because settings files name these classes before Django's apps are loaded. Every call
asks the database; wrap them in `eventkit.CachedIdentity` and `eventkit.CachedCourses`::

    "identity": {
        "ENGINE": "eventkit.CachedIdentity",
        "OPTIONS": {"identity": {"ENGINE": "eventkit.contrib.openedx.ExternalIdIdentity"}},
    },
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

from eventkit.exceptions import ConfigurationError
from eventkit.translators.identity import Pseudonyms, long_secret
from eventkit.typing import ProtocolName

Answer = TypeVar("Answer")

_EXTERNAL_IDS = "openedx.core.djangoapps.external_user_ids.models"
_COURSES = "openedx.core.djangoapps.content.course_overviews.api"
_KEYS = "opaque_keys.edx.keys"
_NEEDED = {"ExternalIdIdentity": (_EXTERNAL_IDS,), "CourseOverviews": (_KEYS, _COURSES)}


class ExternalIdIdentity:
    """
    Give the external id that the LMS keeps for a user, of the type of the protocol.

    A user who has none yet gets one. Platforms from before the types ``xapi`` and ``caliper`` have
    one id for all external systems, of the type ``lti``, and that is given.

    Args:
        secret: what pseudonyms are derived from, as of `eventkit.HMACIdentity`; None: the
            ``SECRET_KEY`` of the platform. Give one if that is ever to change: the ids of teams go
            out as pseudonyms.

    Raises:
        ConfigurationError: the secret cannot be read or is too short.
    """

    __slots__ = ("_secret",)

    def __init__(self, *, secret: str | Mapping[str, str] | None = None) -> None:
        self._secret = None if secret is None else long_secret(secret)

    def __repr__(self) -> str:
        return "ExternalIdIdentity()"

    def __call__(self, user: int | str, system: ProtocolName) -> str | None:
        """
        Give the external id of *user*; None when there is no such user.

        Raises:
            ConfigurationError: the database does not have the type of external id.
        """
        return _ask(lambda: _external_id(user, system))

    def pseudonym(self, text: str, system: ProtocolName) -> str:
        """
        Derive what stands for *text*.

        Raises:
            ConfigurationError: the platform's ``SECRET_KEY`` is too short.
        """
        if self._secret is None:
            settings: Any = import_module("django.conf").settings
            self._secret = long_secret(settings.SECRET_KEY)
        return Pseudonyms(self._secret)(text, system)


class CourseOverviews:
    """Give the display name of a course, from the LMS's course overviews."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "CourseOverviews()"

    def __call__(self, course_id: str) -> str | None:
        """Give the name of the course; None when there is no such course, or it has no name."""
        return _ask(lambda: _course_name(course_id))


class UserEmails:
    """Give the e-mail address of a user, for the actor forms that need it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UserEmails()"

    def __call__(self, user: int | str) -> str | None:
        """Give the address of *user*; None when there is no such user, or no address."""
        found = _ask(lambda: _find_user(user))
        return (found.email or None) if found is not None else None


user_email = UserEmails()
"""`UserEmails`, ready to be called, for those who write Python instead of settings."""


def missing(name: str) -> Iterator[str]:
    """
    Say what the class *name* of this module asks for, and this site lacks.

    It can be told only once Django is set up: ``eventkit check --django`` asks.
    """
    if name != "CourseOverviews":
        try:
            import_module("django.contrib.auth").get_user_model()
        except Exception as error:  # noqa: BLE001 - settings of a site may raise anything
            yield (
                f"this site has no users ({type(error).__name__}: {error}); it works in an LMS "
                "only, so use eventkit.HMACIdentity elsewhere"
            )
    for module in _NEEDED.get(name, ()):
        try:
            import_module(module)
        except Exception as error:  # noqa: BLE001 - as above
            yield (
                f"{module} cannot be imported ({type(error).__name__}: {error}); it works in an "
                "LMS only, with its apps in INSTALLED_APPS"
            )


def _external_id(user: int | str, system: ProtocolName) -> str | None:
    found = _find_user(user)
    if found is None:
        return None
    models: Any = import_module(_EXTERNAL_IDS)
    types = models.ExternalIdType
    type_name = getattr(types, system.upper(), None) or types.LTI
    external_id, _ = models.ExternalId.add_new_user_id(found, type_name)
    if external_id is None:
        raise ConfigurationError(
            f"the platform has no external id type {type_name!r}; "
            "run its migrations: manage.py lms migrate external_user_ids"
        )
    return str(external_id.external_user_id)


def _course_name(course_id: str) -> str | None:
    keys: Any = import_module(_KEYS)
    opaque_keys: Any = import_module("opaque_keys")
    try:
        key = keys.CourseKey.from_string(course_id)
    except opaque_keys.InvalidKeyError:
        return None
    courses: Any = import_module(_COURSES)
    # Not CourseOverview.get_from_id, which loads the course itself when it has no overview.
    overviews = courses.get_course_overviews([key])
    return (overviews[0]["display_name"] or None) if overviews else None


def _find_user(user: int | str) -> Any:
    auth: Any = import_module("django.contrib.auth")
    model = auth.get_user_model()
    if isinstance(user, bool) or not isinstance(user, (int, str)) or user == "":
        return None
    if isinstance(user, int):
        # What no key column can hold would be an error, not an empty result.
        return model.objects.filter(pk=user).first() if 0 < user < 1 << 63 else None
    if "\0" in user:
        return None
    return model.objects.filter(**{model.USERNAME_FIELD: user}).first()


def _ask(question: Callable[[], Answer]) -> Answer:
    """
    Ask the database; once more over a new connection if the old one turns out to be dead.

    Django looks after connections at the start and end of requests, which a worker's thread does
    not have; a database server closes what was idle for hours.
    """
    db: Any = import_module("django.db")
    try:
        return question()
    except (db.OperationalError, db.InterfaceError):
        # Drops connections that have failed and are not in a transaction; others are left alone.
        db.close_old_connections()
        return question()
