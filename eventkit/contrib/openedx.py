"""
What the Open edX platform knows about users, courses and their blocks.

These work in processes of the LMS and its workers. The platform is imported on the first call and
not before, because settings files name these classes before Django's apps are loaded. Every call
asks the database; wrap them in `eventkit.CachedIdentity` and `eventkit.CachedCourses`, but for
`CourseBlocks`, which remembers by itself::

    "identity": {
        "ENGINE": "eventkit.CachedIdentity",
        "OPTIONS": {"identity": {"ENGINE": "eventkit.contrib.openedx.ExternalIdIdentity"}},
    },
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, TypeVar

from eventkit.base.caching import Cache
from eventkit.exceptions import ConfigurationError
from eventkit.reading.keys import course_of_usage_key
from eventkit.translators.blocks import ancestors
from eventkit.translators.identity import Pseudonyms, long_secret
from eventkit.typing import Block, Name, ProtocolName

Answer = TypeVar("Answer")

_EXTERNAL_IDS = "openedx.core.djangoapps.external_user_ids.models"
_COURSES = "openedx.core.djangoapps.content.course_overviews.api"
_KEYS = "opaque_keys.edx.keys"
_STRUCTURES = "openedx.core.djangoapps.content.block_structure.api"
_NEEDED = {
    "ExternalIdIdentity": (_EXTERNAL_IDS,),
    "CourseOverviews": (_KEYS, _COURSES),
    "CourseBlocks": (_KEYS, _COURSES, _STRUCTURES),
}
_ABOUT_USERS = ("ExternalIdIdentity", "UserEmails")


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
    """Give the display name of a course and its language, from the LMS's course overviews."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "CourseOverviews()"

    def __call__(self, course_id: str) -> Name | None:
        """
        Give the name of the course; None when there is no such course, or it has no name.

        With its language, where the course team has set one.
        """
        return _ask(lambda: _course_name(course_id))


class CourseBlocks:
    """
    Give what the LMS knows of a block: its name, the language of its course, what it is a part of.

    It is read from the structures that the LMS keeps of published courses, of a course at a time:
    usually some tenths of a second, and for the next hour nothing. What is not kept is never made,
    which can take minutes; then nothing is known of the course for a minute, and documents go out
    without. So it belongs where events are translated in the background, as all look-ups do.

    Blocks of libraries, and of old courses whose keys (``i4x://``) do not name the run, are not
    found.

    Args:
        max_courses: how many courses are remembered; the longest unused one goes first. One of a
            thousand blocks takes about half a megabyte.

        ttl: seconds for which a course is remembered, in which changes of it are not seen.

        negative_ttl: seconds for which it is remembered that there is no structure of a course.

        clock: gives seconds that never run backwards.
    """

    def __init__(
        self,
        *,
        max_courses: int = 50,
        ttl: float = 3600.0,
        negative_ttl: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache: Cache[dict[str, Block]] = Cache(
            ttl=ttl, max_size=max_courses, negative_ttl=negative_ttl, clock=clock
        )

    def __repr__(self) -> str:
        return "CourseBlocks()"

    def __call__(self, usage_key: str) -> Block | None:
        """Give what is known of the block; None when there is none, or its course is not kept."""
        course = course_of_usage_key(usage_key)
        if not course:
            return None
        found = self._cache.get(course, lambda: _ask(lambda: _blocks(course)))
        return found.get(usage_key) if found else None


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
    if name in _ABOUT_USERS:
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


def _course_key(course_id: str) -> Any:
    keys: Any = import_module(_KEYS)
    opaque_keys: Any = import_module("opaque_keys")
    try:
        return keys.CourseKey.from_string(course_id)
    except opaque_keys.InvalidKeyError:
        return None


def _overview(key: Any) -> Mapping[str, Any]:
    courses: Any = import_module(_COURSES)
    # Not CourseOverview.get_from_id, which loads the course itself when it has no overview.
    overviews = courses.get_course_overviews([key])
    return overviews[0] if overviews else {}


def _course_name(course_id: str) -> Name | None:
    key = _course_key(course_id)
    overview = {} if key is None else _overview(key)
    name, language = overview.get("display_name"), overview.get("language")
    if not name:
        return None
    return {"name": name, "language": language} if language else str(name)


def _blocks(course_id: str) -> dict[str, Block] | None:
    """Give what is known of all blocks of a course; None when the LMS keeps nothing of it."""
    key = _course_key(course_id)
    if key is None:
        return None
    structures: Any = import_module(_STRUCTURES)
    manager = structures.get_block_structure_manager(key)
    try:
        # Not get_collected(), which makes a structure where none is kept.
        structure = manager.store.get(manager.root_block_usage_key)
    except Exception as error:
        if type(error).__name__ == "BlockStructureNotFound":
            return None
        raise
    language = _overview(key).get("language")
    parents: dict[str, str] = {}
    names: dict[str, str] = {}
    for block in structure:
        text = str(block)
        names[text] = structure.get_xblock_field(block, "display_name") or ""
        for parent in structure.get_parents(block)[:1]:
            parents[text] = str(parent)
    more: dict[str, Any] = {"language": language} if language else {}
    return {
        text: {"name": name, "ancestors": ancestors(text, parents), **more}
        for text, name in names.items()
    }


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
