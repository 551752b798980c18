"""
What the Open edX adapters do, on a real Django with a database.

`test_openedx.py` runs this file in a process of its own, because a process can be set up for Django
only once. The platform's modules are stand-ins with the platform's signatures.
"""

from __future__ import annotations

import pickle
import sys
import types
import uuid
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from opaque_keys.edx.keys import UsageKey

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
call_command("migrate", verbosity=0)


from django.contrib.auth.models import User  # noqa: E402 - Django has to be set up first

from eventkit import ConfigurationError  # noqa: E402
from eventkit.contrib.openedx import (  # noqa: E402
    CourseBlocks,
    CourseOverviews,
    ExternalIdIdentity,
    UserEmails,
    user_email,
)
from eventkit.translators import CachedIdentity  # noqa: E402

COURSE = "course-v1:edX+DemoX+2024"
BLOCK = "block-v1:edX+DemoX+2024+type@"


class ExternalIdType:
    """Names of the types of external ids."""

    XAPI = "xapi"
    CALIPER = "caliper"
    LTI = "lti"


class OldExternalIdType:
    """The same, on a platform from before xAPI."""

    LTI = "lti"


class ExternalId:
    """One external id for each user and type."""

    known_types = ("xapi", "caliper", "lti")
    made: dict[tuple[int, str], ExternalId] = {}  # noqa: RUF012 - emptied by a fixture

    def __init__(self) -> None:
        self.external_user_id = uuid.uuid4()

    @classmethod
    def add_new_user_id(cls, user: User, type_name: str) -> tuple[ExternalId | None, bool]:
        """Give the id and whether it is new; without such a type there is none."""
        if type_name not in cls.known_types:
            return None, False
        created = (user.pk, type_name) not in cls.made
        return cls.made.setdefault((user.pk, type_name), cls()), created


class Courses:
    """The course overviews that there are."""

    names: dict[str, str | None] = {}  # noqa: RUF012 - filled by a fixture
    language: str | None = None
    asked: list[Any] = []  # noqa: RUF012 - emptied by a fixture

    @classmethod
    def get_course_overviews(cls, course_ids: list[Any]) -> list[dict[str, Any]]:
        """Give the overviews of those courses that have one."""
        cls.asked += course_ids
        return [
            {"id": str(key), "display_name": cls.names[str(key)], "language": cls.language}
            for key in course_ids
            if str(key) in cls.names
        ]


class BlockStructureNotFound(Exception):
    """The platform keeps no structure of the course."""


class Structure:
    """The blocks of a course, as the platform keeps them."""

    names = {"course+block@course": "Demo", "chapter+block@c": "Week 1", "vertical+block@u": None}  # noqa: RUF012
    above = {"chapter+block@c": "course+block@course", "vertical+block@u": "chapter+block@c"}  # noqa: RUF012

    def __iter__(self) -> Iterator[Any]:
        return iter([self.key(each) for each in self.names])

    @staticmethod
    def key(name: str) -> Any:
        """Give the usage key that ends with *name*."""
        return UsageKey.from_string(f"{BLOCK}{name}")

    def get_parents(self, key: Any) -> list[Any]:
        """Give the keys of the blocks that hold this one."""
        above = self.above.get(str(key).removeprefix(BLOCK))
        return [self.key(above)] if above else []

    def get_xblock_field(self, key: Any, field: str, default: Any = None) -> Any:
        """Give what was collected of a block."""
        assert field == "display_name"
        return self.names[str(key).removeprefix(BLOCK)] or default


class Structures:
    """What the platform keeps structures of courses in."""

    kept: set[str] = set()  # noqa: RUF012 - filled by a fixture
    read: list[str] = []  # noqa: RUF012 - emptied by a fixture
    failure: Exception | None = None

    def __init__(self, key: Any) -> None:
        self.root_block_usage_key = key
        self.store = self

    @classmethod
    def get_block_structure_manager(cls, key: Any) -> Structures:
        """Give the manager of the structure of a course."""
        return cls(key)

    def get(self, key: Any) -> Structure:
        """Give the structure that is kept."""
        self.read.append(str(key))
        if self.failure is not None:
            raise self.failure
        if str(key) not in self.kept:
            raise BlockStructureNotFound(key)
        return Structure()


@pytest.fixture(autouse=True)
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """Put the platform's modules in place, and a user into the database."""
    models = types.SimpleNamespace(ExternalId=ExternalId, ExternalIdType=ExternalIdType)
    paths = {
        "openedx.core.djangoapps.external_user_ids.models": models,
        "openedx.core.djangoapps.content.course_overviews.api": Courses,
        "openedx.core.djangoapps.content.block_structure.api": Structures,
    }
    for path, module in paths.items():
        monkeypatch.setitem(sys.modules, path, module)
        parts = path.split(".")
        for end in range(1, len(parts)):
            parent = ".".join(parts[:end])
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    monkeypatch.setattr(ExternalId, "made", {})
    monkeypatch.setattr(Courses, "names", {COURSE: "Demonstration Course"})
    monkeypatch.setattr(Courses, "asked", [])
    monkeypatch.setattr(Courses, "language", None)
    monkeypatch.setattr(Structures, "kept", {COURSE})
    monkeypatch.setattr(Structures, "read", [])
    monkeypatch.setattr(Structures, "failure", None)
    ann = User.objects.create(username="ann", email="ann@example.com")
    yield types.SimpleNamespace(models=models, ann=ann)
    User.objects.all().delete()


class TestExternalIdIdentity:
    def test_gives_the_same_id_by_user_id_and_by_username(self, platform: Any) -> None:
        identity = ExternalIdIdentity()

        found = identity(platform.ann.pk, "xapi")

        assert found == str(ExternalId.made[platform.ann.pk, "xapi"].external_user_id)
        assert found == identity("ann", "xapi")

    def test_each_system_has_its_own(self, platform: Any) -> None:
        identity = ExternalIdIdentity()

        assert identity("ann", "xapi") != identity("ann", "caliper")
        assert {"xapi", "caliper"} == {kind for _, kind in ExternalId.made}

    @pytest.mark.parametrize(
        "user", ["bob", "", "a\0b", "ann@example.com", 10**6, 0, -1, 10**30, True, None, 1.5]
    )
    def test_an_unknown_user_has_none(self, user: Any) -> None:
        assert ExternalIdIdentity()(user, "xapi") is None
        assert not ExternalId.made

    def test_a_number_in_text_is_a_username(self, platform: Any) -> None:
        identity = ExternalIdIdentity()
        assert identity(str(platform.ann.pk), "xapi") is None

        User.objects.create(username=str(platform.ann.pk))

        assert identity(str(platform.ann.pk), "xapi") != identity("ann", "xapi")

    def test_an_old_platform_has_one_id_for_all_systems(self, platform: Any) -> None:
        platform.models.ExternalIdType = OldExternalIdType

        assert ExternalIdIdentity()("ann", "caliper") is not None
        assert [(platform.ann.pk, "lti")] == list(ExternalId.made)

    def test_a_type_that_the_database_lacks_is_an_error_with_a_remedy(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ExternalId, "known_types", ("lti",))

        with pytest.raises(ConfigurationError, match=r"'xapi'.*migrate external_user_ids"):
            ExternalIdIdentity()("ann", "xapi")

    def test_behind_a_cache_the_database_is_asked_once(self, platform: Any) -> None:
        identity = CachedIdentity(ExternalIdIdentity())
        expected = identity("ann", "xapi")
        User.objects.all().delete()

        assert expected == identity("ann", "xapi")

    def test_a_dead_connection_is_replaced(
        self, platform: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed = []
        monkeypatch.setattr(django.db, "close_old_connections", lambda: closed.append(True))
        dead = [OperationalError("server has gone away")]

        class Flaky(ExternalId):
            @classmethod
            def add_new_user_id(cls, user: User, type_name: str) -> Any:
                if dead:
                    raise dead.pop()
                return ExternalId.add_new_user_id(user, type_name)

        platform.models.ExternalId = Flaky

        assert ExternalIdIdentity()("ann", "xapi") is not None
        assert closed == [True]

    def test_a_database_that_stays_away_is_an_error(
        self, platform: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any) -> None:
            raise OperationalError("server has gone away")

        monkeypatch.setattr(ExternalId, "add_new_user_id", fail)

        with pytest.raises(OperationalError):
            ExternalIdIdentity()("ann", "xapi")


class TestCourseOverviews:
    def test_gives_the_display_name(self) -> None:
        assert CourseOverviews()(COURSE) == "Demonstration Course"
        assert [type(key).__name__ for key in Courses.asked] == ["CourseLocator"]

    def test_a_course_without_an_overview_has_no_name(self) -> None:
        assert CourseOverviews()("course-v1:edX+DemoX+1999") is None

    @pytest.mark.parametrize("name", ["", None])
    def test_a_course_without_a_name_has_none(self, name: str | None) -> None:
        Courses.names[COURSE] = name

        assert CourseOverviews()(COURSE) is None

    @pytest.mark.parametrize("course_id", ["", "no course", "block-v1:a+b+c+type@x+block@y"])
    def test_what_is_no_course_key_has_no_name(self, course_id: str) -> None:
        assert CourseOverviews()(course_id) is None
        assert not Courses.asked

    def test_gives_the_language_that_the_course_team_has_set(self) -> None:
        Courses.language = "es-419"

        assert CourseOverviews()(COURSE) == {"name": "Demonstration Course", "language": "es-419"}


class TestCourseBlocks:
    def test_gives_names_and_what_is_above(self) -> None:
        blocks = CourseBlocks()

        assert blocks(f"{BLOCK}vertical+block@u") == {
            "name": "",
            "ancestors": [f"{BLOCK}chapter+block@c", f"{BLOCK}course+block@course"],
        }
        assert blocks(f"{BLOCK}chapter+block@c") == {
            "name": "Week 1",
            "ancestors": [f"{BLOCK}course+block@course"],
        }
        assert blocks(f"{BLOCK}video+block@v") is None
        assert Structures.read == [COURSE]

    def test_gives_the_language_of_the_course(self) -> None:
        Courses.language = "es"

        found = CourseBlocks()(f"{BLOCK}chapter+block@c")

        assert found is not None
        assert found["language"] == "es"  # type: ignore[index,call-overload]

    def test_what_the_platform_does_not_keep_is_asked_for_again_later(self) -> None:
        now = [0.0]
        blocks = CourseBlocks(negative_ttl=60, clock=lambda: now[0])
        Structures.kept.clear()
        assert blocks(f"{BLOCK}chapter+block@c") is None
        assert blocks(f"{BLOCK}vertical+block@u") is None
        assert len(Structures.read) == 1

        Structures.kept.add(COURSE)
        now[0] = 61

        assert blocks(f"{BLOCK}chapter+block@c") is not None

    def test_remembers_so_many_courses_for_so_long(self) -> None:
        now = [0.0]
        blocks = CourseBlocks(max_courses=1, ttl=10, clock=lambda: now[0])
        blocks(f"{BLOCK}chapter+block@c")
        now[0] = 11
        blocks(f"{BLOCK}chapter+block@c")
        assert Structures.read == [COURSE] * 2

        blocks("block-v1:edX+Other+2024+type@chapter+block@c")
        blocks(f"{BLOCK}chapter+block@c")

        assert Structures.read == [COURSE] * 2 + ["course-v1:edX+Other+2024", COURSE]

    def test_a_store_that_fails_is_an_error(self) -> None:
        blocks = CourseBlocks()
        Structures.failure = OperationalError("server has gone away")
        with pytest.raises(OperationalError):
            blocks(f"{BLOCK}chapter+block@c")
        Structures.failure = None

        assert blocks(f"{BLOCK}chapter+block@c") is not None

    @pytest.mark.parametrize("key", ["", "x", "i4x://edX/DemoX/video/v", "lb:edX:lib:problem:p"])
    def test_of_other_keys_nothing_is_known(self, key: str) -> None:
        assert CourseBlocks()(key) is None
        assert not Structures.read

    def test_can_be_copied(self) -> None:
        blocks = pickle.loads(pickle.dumps(CourseBlocks()))

        assert blocks(f"{BLOCK}chapter+block@c") is not None


class TestUserEmails:
    def test_gives_the_address(self, platform: Any) -> None:
        assert user_email("ann") == UserEmails()(platform.ann.pk) == "ann@example.com"

    def test_there_may_be_none(self, platform: Any) -> None:
        User.objects.create(username="bob")

        assert user_email("bob") is None
        assert user_email("nobody") is None


def test_the_database_is_only_asked_when_somebody_is() -> None:
    """The constructors run while Django reads its settings."""
    with CaptureQueriesContext(connection) as queries:
        ExternalIdIdentity()
        CourseOverviews()
        CourseBlocks()
        UserEmails()
    assert len(queries) == 0

    with CaptureQueriesContext(connection) as queries:
        user_email("ann")
    assert len(queries) == 1
