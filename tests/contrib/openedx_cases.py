"""
What the Open edX adapters do, on a real Django with a database.

`test_openedx.py` runs this file in a process of its own, because a process can be set up for Django
only once. The platform's modules are stand-ins with the platform's signatures.
"""

from __future__ import annotations

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
    CourseOverviews,
    ExternalIdIdentity,
    UserEmails,
    user_email,
)
from eventkit.translators import CachedIdentity  # noqa: E402

COURSE = "course-v1:edX+DemoX+2024"


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
    asked: list[Any] = []  # noqa: RUF012 - emptied by a fixture

    @classmethod
    def get_course_overviews(cls, course_ids: list[Any]) -> list[dict[str, Any]]:
        """Give the overviews of those courses that have one."""
        cls.asked += course_ids
        return [
            {"id": str(key), "display_name": cls.names[str(key)]}
            for key in course_ids
            if str(key) in cls.names
        ]


@pytest.fixture(autouse=True)
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """Put the platform's modules in place, and a user into the database."""
    models = types.SimpleNamespace(ExternalId=ExternalId, ExternalIdType=ExternalIdType)
    paths = {
        "openedx.core.djangoapps.external_user_ids.models": models,
        "openedx.core.djangoapps.content.course_overviews.api": Courses,
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
        UserEmails()
    assert len(queries) == 0

    with CaptureQueriesContext(connection) as queries:
        user_email("ann")
    assert len(queries) == 1
