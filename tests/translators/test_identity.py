"""Who a learner is to the outside."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.exceptions import ConfigurationError
from eventkit.translators import CachedCourses, CachedIdentity, HMACIdentity, MappingIdentity

SECRET = "a secret that only tests use"
ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"
THREE = "33333333-3333-4333-8333-333333333333"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """An identity that counts how often it is asked."""

    def __init__(self, answer: str | None = ONE) -> None:
        self.answer = answer
        self.asked: list[tuple[object, str]] = []

    def __call__(self, user: int | str, system: str) -> str | None:
        self.asked.append((user, system))
        return self.answer


class TestHMACIdentity:
    @pytest.mark.parametrize(
        ("user", "system", "expected"),
        [
            (3, "xapi", "48b2594a-5cf9-597b-a9f5-2ba1a28daae3"),
            (3, "caliper", "3b93ca24-341e-5961-a734-e6faa1bbd757"),
            ("3", "xapi", "5e02f847-50aa-5a0f-9789-5798b1cb7e98"),
            ("verónica", "xapi", "6d6350f0-9569-5c4f-a2bb-80ac9e7f9923"),
        ],
    )
    def test_ids_never_change(self, user: Any, system: Any, expected: Any) -> None:
        """These values stand for statements in record stores: they may never be edited."""
        assert expected == HMACIdentity(SECRET)(user, system)

    def test_follows_the_documented_recipe(self) -> None:
        import hashlib
        import hmac

        message = b"eventkit/identity/1\nxapi\nid\n3"
        digest = hmac.new(SECRET.encode(), message, hashlib.sha256).digest()[:16]

        expected = str(uuid.UUID(bytes=digest, version=5))

        assert expected == HMACIdentity(SECRET)(3, "xapi")

    @given(st.one_of(st.integers(1, 2**63 - 1), st.text(min_size=1)))
    def test_every_id_is_an_rfc_4122_uuid_or_the_user_is_unknown(self, user: Any) -> None:
        found = HMACIdentity(SECRET)(user, "xapi")

        if isinstance(user, str) and not user.strip():
            assert found is None
        else:
            parsed = uuid.UUID(found)
            assert (str(parsed), parsed.version, parsed.variant) == (found, 5, uuid.RFC_4122)

    def test_differs_by_user_kind_system_and_secret(self) -> None:
        one, other = HMACIdentity(SECRET), HMACIdentity(SECRET + "!")
        ids = [
            one(7, "xapi"),
            one(8, "xapi"),
            one("7", "xapi"),
            one(7, "caliper"),
            one("7", "caliper"),
            other(7, "xapi"),
        ]

        assert len(set(ids)) == len(ids)

    def test_white_space_around_a_username_does_not_count(self) -> None:
        identity = HMACIdentity(SECRET)

        assert identity("verified\n", "xapi") == identity("verified", "xapi")

    @pytest.mark.parametrize("user", [0, -1, 1 << 63, True, None, "", "  ", 1.0, b"x", ["x"]])
    def test_what_cannot_be_a_user_is_unknown(self, user: Any) -> None:
        assert HMACIdentity(SECRET)(user, "xapi") is None

    def test_an_unknown_system_is_an_error_that_names_those_there_are(self) -> None:
        with pytest.raises(ValueError, match="'xAPI' is not one of xapi, caliper"):
            HMACIdentity(SECRET)(7, "xAPI")

    def test_a_short_secret_is_refused_without_showing_it(self) -> None:
        with pytest.raises(ConfigurationError, match=r"secret: 14 .* at least 16") as info:
            HMACIdentity("fourteen chars")

        assert "fourteen" not in str(info.value)

    def test_the_secret_comes_from_the_environment_or_a_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("EVENTKIT_TEST_SECRET", SECRET)
        (tmp_path / "secret").write_text(SECRET + "\n")

        expected = HMACIdentity(SECRET)(7, "xapi")

        assert expected == HMACIdentity({"env": "EVENTKIT_TEST_SECRET"})(7, "xapi")
        assert expected == HMACIdentity({"file": str(tmp_path / "secret")})(7, "xapi")

    def test_a_missing_variable_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("EVENTKIT_TEST_SECRET", raising=False)

        with pytest.raises(ConfigurationError, match=r"secret: .*EVENTKIT_TEST_SECRET"):
            HMACIdentity({"env": "EVENTKIT_TEST_SECRET"})

    def test_repr_hides_the_secret(self) -> None:
        assert SECRET not in repr(HMACIdentity(SECRET))

    def test_survives_pickling(self) -> None:
        identity = HMACIdentity(SECRET)

        assert identity(7, "xapi") == pickle.loads(pickle.dumps(identity))(7, "xapi")

    def test_another_process_gives_the_same_id(self, root: Path) -> None:
        script = (
            "import os; from eventkit.translators import HMACIdentity;"
            "print(HMACIdentity({'env': 'S'})('ann', 'caliper'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env={**os.environ, "S": SECRET, "PYTHONHASHSEED": "7"},
            capture_output=True,
            text=True,
            check=True,
        )

        assert HMACIdentity(SECRET)("ann", "caliper") == done.stdout.strip()


def table(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


class TestWhomHMACIdentityTellsApart:
    def test_a_number_and_a_truth_value_are_told_apart(self) -> None:
        """What equals a user is not that user."""
        identity = HMACIdentity(SECRET)

        assert identity(1, "xapi")
        assert identity(True, "xapi") is None
        assert identity(1.0, "xapi") is None  # type: ignore[arg-type]
        assert identity([], "xapi") is None  # type: ignore[arg-type]

    def test_it_gives_the_same_again(self) -> None:
        """Also for what is only written differently, and after it was pickled."""
        identity = HMACIdentity(SECRET)
        found = identity("maya", "xapi")

        assert identity(" maya ", "xapi") == identity("maya", "xapi") == found
        assert pickle.loads(pickle.dumps(identity))("maya", "xapi") == found


class TestMappingIdentity:
    def test_reads_a_csv_file(self, tmp_path: Path) -> None:
        path = table(
            tmp_path / "ids.csv",
            f"user_id,username,xapi,caliper\n3,ann,{ONE},{TWO}\n\n 4 ,bob, {THREE.upper()} ,\n",
        )

        identity = MappingIdentity(path)

        assert [
            identity(3, "xapi"),
            identity("ann", "xapi"),
            identity(3, "caliper"),
            identity("ann\n", "caliper"),
        ] == [ONE, ONE, TWO, TWO]
        assert identity(4, "xapi") == identity("bob", "xapi") == THREE

    def test_a_missing_caliper_id_is_not_replaced_by_the_xapi_id(self, tmp_path: Path) -> None:
        path = table(tmp_path / "ids.csv", f"user_id,xapi,caliper\n3,{ONE},\n")

        assert MappingIdentity(path)(3, "caliper") is None

    def test_user_ids_and_usernames_are_kept_apart(self, tmp_path: Path) -> None:
        path = table(tmp_path / "ids.csv", f"user_id,username,xapi\n3,ann,{ONE}\n4,3,{TWO}\n")

        identity = MappingIdentity(path)

        assert (identity(3, "xapi"), identity("3", "xapi")) == (ONE, TWO)

    def test_unknown_users_are_unknown(self, tmp_path: Path) -> None:
        identity = MappingIdentity(table(tmp_path / "ids.csv", f"user_id,xapi\n3,{ONE}\n"))

        unknown = [5, "ann", 3.0, True, None, ""]

        assert [None] * len(unknown) == [identity(user, "xapi") for user in unknown]

    def test_a_byte_order_mark_is_skipped(self, tmp_path: Path) -> None:
        path = tmp_path / "ids.csv"
        path.write_bytes(f"\ufeffuser_id,xapi\r\n3,{ONE}\r\n".encode())

        assert MappingIdentity(path)(3, "xapi") == ONE

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", r"ids.csv:1: the header needs user_id or username"),
            (f"3,ann,{ONE},{TWO}\n", r"ids.csv:1: columns 1, 2, 3, 4 have .*user_id, username"),
            ("user_id,username\n3,ann\n", r"ids.csv:1: the header needs .* xapi or caliper"),
            ("xapi,caliper\n", r"ids.csv:1: the header needs user_id or username"),
            ("user_id,xapi,xapi\n", r"ids.csv:1: a column occurs twice"),
            (f"user_id,xapi\n3,{ONE}\nx,{TWO}\n", r"ids.csv:3: user_id is not a whole number"),
            (f"user_id,xapi\n0,{ONE}\n", r"ids.csv:2: user_id is not a whole number"),
            (f"user_id,xapi\n{'9' * 5000},{ONE}\n", r"ids.csv:2: user_id is not a whole"),
            ("user_id,xapi\n3,ann@example.com\n", r"ids.csv:2: xapi is not a UUID"),
            (f"user_id,xapi\n3,{ONE},x\n", r"ids.csv:2: 3 cells under 2 columns"),
            (f"user_id,xapi\n,{ONE}\n", r"ids.csv:2: neither user_id nor username"),
            ("user_id,xapi\n3,\n", r"ids.csv:2: neither an xapi nor a caliper id"),
            (f"user_id,xapi\n3,{ONE}\n3,{TWO}\n", r"ids.csv:3: the user_id occurs a second"),
            (f"username,xapi\nann,{ONE}\nann,{TWO}\n", r"ids.csv:3: the username occurs a s"),
            (f"user_id,xapi\n3,{ONE}\n4,{ONE}\n", r"ids.csv:3: the xapi id .*ids.csv:2"),
            (f'user_id,xapi\n3,"{ONE}"x\n', r"ids.csv:2: not CSV"),
        ],
    )
    def test_a_bad_row_is_named_by_file_and_line_and_not_quoted(
        self, tmp_path: Path, text: str, message: str
    ) -> None:
        path = table(tmp_path / "ids.csv", text)

        with pytest.raises(ConfigurationError, match=message) as info:
            MappingIdentity(path)

        assert "ann@example.com" not in str(info.value)
        assert ONE not in str(info.value)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"source: cannot read .*none.csv.*No such"):
            MappingIdentity(tmp_path / "none.csv")

    def test_a_file_that_is_not_utf_8_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "ids.csv"
        path.write_bytes(b"username,xapi\nver\xf3nica," + ONE.encode() + b"\n")

        with pytest.raises(ConfigurationError, match=r"ids.csv: not UTF-8"):
            MappingIdentity(path)

    def test_takes_a_mapping_too(self) -> None:
        identity = MappingIdentity(
            {3: {"xapi": ONE, "caliper": TWO}, "ann": {"xapi": ONE, "caliper": TWO}}
        )

        assert (identity(3, "xapi"), identity("ann", "caliper")) == (ONE, TWO)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ({0: {"xapi": ONE}}, "source: entry 1: expected a user id"),
            ({3: ONE}, "source: entry 1: expected {'xapi'"),
            ({3: {}}, "source: entry 1: expected {'xapi'"),
            ({3: {"xAPI": ONE}}, "source: entry 1: expected {'xapi'"),
            ({3: {"xapi": ONE}, 4: {"xapi": "x"}}, "source: entry 2: xapi is not a UUID"),
            ({3: {"xapi": ONE}, 4: {"xapi": ONE, "caliper": TWO}}, "entry 2: the xapi id stands"),
            (7, "source: expected the path of a CSV file or a mapping"),
        ],
    )
    def test_a_bad_mapping_is_refused(self, source: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            MappingIdentity(source)

    def test_a_mapping_may_hold_uuids(self) -> None:
        assert MappingIdentity({3: {"xapi": uuid.UUID(ONE)}})(3, "xapi") == ONE

    def test_survives_pickling_and_hides_its_users(self) -> None:
        identity = MappingIdentity({"ann": {"xapi": ONE}})

        assert pickle.loads(pickle.dumps(identity))("ann", "xapi") == ONE
        assert "ann" not in repr(identity)


class TestCached:
    def test_asks_once_until_the_answer_expires(self) -> None:
        clock, inner = Clock(), Counting()
        identity = CachedIdentity(inner, ttl=60, clock=clock)

        assert [identity(7, "xapi") for _ in range(3)] == [ONE] * 3
        assert len(inner.asked) == 1

        clock.now += 59.9
        identity(7, "xapi")
        assert len(inner.asked) == 1

        clock.now += 0.1
        identity(7, "xapi")
        assert len(inner.asked) == 2

    def test_users_kinds_and_systems_do_not_share_answers(self) -> None:
        inner = Counting()
        identity = CachedIdentity(inner)
        questions = [(1, "xapi"), ("1", "xapi"), (1, "caliper"), (True, "xapi")]

        for question in questions:
            identity(*question)

        assert questions == inner.asked
        assert isinstance(inner.asked[-1][0], bool)

    def test_an_unknown_user_is_asked_for_again_sooner(self) -> None:
        clock, inner = Clock(), Counting(None)
        identity = CachedIdentity(inner, ttl=3600, negative_ttl=10, clock=clock)

        assert identity(7, "xapi") is None
        assert identity(7, "xapi") is None
        inner.answer = ONE
        clock.now += 10

        assert identity(7, "xapi") == ONE
        assert len(inner.asked) == 2

    def test_unknown_users_need_not_be_remembered(self) -> None:
        inner = Counting(None)
        identity = CachedIdentity(inner, negative_ttl=0)

        identity(7, "xapi")
        identity(7, "xapi")

        assert len(inner.asked) == 2

    def test_the_longest_unused_answer_makes_room(self) -> None:
        inner = Counting()
        identity = CachedIdentity(inner, max_size=2)

        for user in (1, 2, 1, 3, 1, 2):
            identity(user, "xapi")

        assert [user for user, _ in inner.asked] == [1, 2, 3, 2]

    def test_what_raises_is_not_remembered(self) -> None:
        answers = [RuntimeError("database is gone"), ONE]

        def flaky(user: Any, system: Any) -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        identity = CachedIdentity(flaky)

        with pytest.raises(RuntimeError):
            identity(7, "xapi")
        assert identity(7, "xapi") == ONE

    def test_one_slow_answer_does_not_hold_up_another(self) -> None:
        slow, release = threading.Event(), threading.Event()

        def inner(user: Any, system: Any) -> Any:
            if user == 1:
                slow.set()
                assert release.wait(10)
            return ONE

        identity = CachedIdentity(inner)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(identity, 1, "xapi")
            assert slow.wait(10)

            assert identity(2, "xapi") == ONE

            release.set()
            assert first.result(10) == ONE

    def test_stays_within_its_bound_when_many_threads_ask(self) -> None:
        identity = CachedIdentity(lambda user, system: f"{user}", max_size=10)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: identity(n % 50 + 1, "xapi"), range(5000)))

        assert [str(n % 50 + 1) for n in range(5000)] == answers
        assert len(identity._cache) == 10

    def test_survives_pickling_without_what_it_remembers(self) -> None:
        identity = CachedIdentity(HMACIdentity(SECRET), ttl=5)
        expected = identity(7, "xapi")

        copy = pickle.loads(pickle.dumps(identity))

        assert len(copy._cache) == 0
        assert expected == copy(7, "xapi")

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_a_forked_child_is_not_held_up_by_a_lock_of_the_parent(self) -> None:
        identity = CachedIdentity(HMACIdentity(SECRET))
        expected = identity(7, "xapi")
        locked, release = threading.Event(), threading.Event()

        def hold() -> None:
            with identity._cache._lock:
                locked.set()
                release.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        assert locked.wait(10)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, (identity(7, "xapi") or "").encode())
            os._exit(0)
        release.set()
        holder.join()
        os.close(write)

        assert expected == os.read(read, 100).decode()
        os.waitpid(pid, 0)
        os.close(read)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"ttl": 0}, "ttl: expected a number of seconds, more than 0, got 0"),
            ({"ttl": "60"}, "ttl: expected a number of seconds, more than 0, got '60'"),
            ({"ttl": float("nan")}, "ttl: "),
            ({"negative_ttl": -1}, "negative_ttl: .*0 or more, got -1"),
            ({"max_size": 0}, "max_size: expected a whole number from 1, got 0"),
            ({"max_size": 1.5}, "max_size: "),
            ({"max_size": True}, "max_size: "),
        ],
    )
    def test_bad_settings_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            CachedIdentity(HMACIdentity(SECRET), **options)
        with pytest.raises(ConfigurationError, match=message):
            CachedCourses(lambda _: None, **options)

    def test_needs_something_to_ask(self) -> None:
        with pytest.raises(ConfigurationError, match="identity: expected a callable"):
            CachedIdentity("eventkit.HMACIdentity")
        with pytest.raises(ConfigurationError, match="courses: expected a callable"):
            CachedCourses({"course-v1:a+b+c": "Name"})

    def test_hides_what_it_wraps(self) -> None:
        assert SECRET not in repr(CachedIdentity(HMACIdentity(SECRET)))

    def test_course_names_are_remembered_likewise(self) -> None:
        clock, asked = Clock(), []

        def courses(course_id: Any) -> Any:
            asked.append(course_id)
            return json.dumps(course_id)

        cached = CachedCourses(courses, ttl=60, clock=clock)
        names = [cached(course) for course in ("a", "b", "a", "b")]
        clock.now += 60
        cached("a")

        assert names == ['"a"', '"b"', '"a"', '"b"']
        assert asked == ["a", "b", "a"]


def test_a_secret_that_will_not_do_is_named_by_its_place(monkeypatch, tmp_path):
    monkeypatch.setenv("EMPTY_SECRET", "")
    monkeypatch.setenv("SHORT_SECRET", "short")
    file = tmp_path / "secret"
    for content, told in (("", "is empty"), ("short\n", "are too few")):
        file.write_text(content)
        with pytest.raises(ConfigurationError, match=f"the file '{file}' {told}"):
            HMACIdentity({"file": str(file)})
    with pytest.raises(ConfigurationError, match="environment variable EMPTY_SECRET is empty"):
        HMACIdentity({"env": "EMPTY_SECRET"})
    with pytest.raises(
        ConfigurationError, match="5 characters in environment variable SHORT_SECRET are too few"
    ):
        HMACIdentity({"env": "SHORT_SECRET"})
