"""Look-ups that fail: the event is neither lost nor changed, it is tried again."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import contextmanager
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest

from eventkit import (
    CachedBlocks,
    CachedCourses,
    CachedIdentity,
    CaliperTranslator,
    ConfigurationError,
    DeliveryError,
    DropEvent,
    EventRoutingBackend,
    LookupFailed,
    RealTimeBackend,
    Router,
    TranslationError,
    TranslationLetters,
    XAPITranslator,
    replay,
)
from eventkit.backends import Relay
from eventkit.batch import translate_lines
from eventkit.cli.checkpoint import Checkpoint
from eventkit.cli.sending import Dispatch
from eventkit.cli.summary import Summary
from eventkit.dead_letters import MemoryDeadLetters
from eventkit.dead_letters.translation import translation_letter
from eventkit.stores import INBOX, SQLiteStore

LMS = "https://lms.example.org"
COURSE = "course-v1:Lakeside+BIO201+2025_T1"
WAIT = 60.0


class OperationalError(Exception):
    """What Django raises when the database is away; it is no OSError."""


class ObjectDoesNotExist(Exception):
    """What Django's `User.DoesNotExist` is a kind of."""


class DoesNotExist(ObjectDoesNotExist):
    """No such user."""


class Timeout(BaseException):
    """What gevent stops a greenlet with."""


FAILURES = [
    OperationalError("(2013, 'Lost connection of marisol to MySQL')"),
    ConnectionRefusedError(111, "refused"),
    TimeoutError(),
    ValueError("Expecting value: marisol"),
    AttributeError("'NoneType' object has no attribute 'marisol'"),
    ConfigurationError("the platform has no external id type"),
    TranslationError("marisol", "unknown_user"),
]


def event(number: int = 3, name: str = "play_video", **context: Any) -> dict[str, Any]:
    return {
        "name": name,
        "timestamp": f"2025-02-03T04:05:{number % 60:02}.250000+00:00",
        "data": {"id": "v", "currentTime": 1.5, "code": "c"},
        "context": {"user_id": number, "course_id": COURSE, **context},
    }


class Database:
    """Knows everybody, while it is up."""

    def __init__(self, *, bad: int | None = None) -> None:
        self.failure: BaseException | None = None
        self.bad = bad
        self.asked = 0

    def __call__(self, user: int | str, system: str = "") -> str:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        if self.bad == user:
            raise OperationalError
        return str(uuid5(NAMESPACE_DNS, f"{user} {system}"))

    def email(self, user: int | str) -> str:
        self(user)
        return "somebody@example.org"

    def course(self, course_id: str) -> str:
        self(course_id)
        return "Leaves"


class Kept:
    """A backend that keeps what it is sent."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self.changed = threading.Condition()

    def send(self, translation: Any) -> None:
        with self.changed:
            self.documents += translation["documents"]
            self.changed.notify_all()

    def wait_for(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.documents) >= number, WAIT)


def translators(database: Database) -> dict[str, Any]:
    known = lambda *_: str(uuid5(NAMESPACE_DNS, "somebody"))  # noqa: E731
    return {
        "xapi": XAPITranslator(lms_root=LMS, identity=database),
        "caliper": CaliperTranslator(lms_root=LMS, identity=database),
        "xapi, erb": XAPITranslator(lms_root=LMS, identity=database, dialect="erb"),
        "caliper, erb": CaliperTranslator(lms_root=LMS, identity=database, dialect="erb"),
        "mbox": XAPITranslator(lms_root=LMS, identity=known, actor="mbox", email=database.email),
        "mbox, erb": XAPITranslator(
            lms_root=LMS,
            identity=known,
            actor="mbox_sha1sum",
            email=database.email,
            dialect="erb",
        ),
        "courses": XAPITranslator(lms_root=LMS, identity=known, courses=database.course),
        "courses, erb": XAPITranslator(
            lms_root=LMS, identity=known, courses=database.course, dialect="erb"
        ),
        "courses, caliper": CaliperTranslator(
            lms_root=LMS, identity=known, courses=CachedCourses(database.course)
        ),
        "blocks": XAPITranslator(lms_root=LMS, identity=known, blocks=database.course),
        "blocks, caliper": CaliperTranslator(
            lms_root=LMS, identity=known, blocks=CachedBlocks(database.course)
        ),
    }


KINDS = list(translators(Database()))


@pytest.mark.parametrize("kind", KINDS)
class TestTranslators:
    """Whoever is asked, in whichever protocol and dialect: the failure is one to try again."""

    @pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
    def test_translate(self, kind, failure, caplog):
        database = Database()
        translator = translators(database)[kind]
        database.failure = failure
        with caplog.at_level(logging.DEBUG), pytest.raises(TranslationError) as raised:
            translator.translate(event())
        with pytest.raises(TranslationError):
            translator.write(event())

        assert (raised.value.reason, raised.value.retryable) == ("lookup_failed", True)
        assert raised.value.__cause__ is failure
        assert translator.stats() == {"failed:lookup_failed": 2}
        assert "marisol" not in caplog.text + str(raised.value)

        database.failure = None
        assert translator.translate(event()) == translators(Database())[kind].translate(event())

    def test_processor(self, kind):
        """It raises what event-tracking understands, and tells more to who can try again."""
        database = Database()
        translator = translators(database)[kind]
        database.failure = DeliveryError("busy", retryable=True, retry_after=7.5)
        with pytest.raises(DropEvent) as dropped:
            translator(event())

        assert (dropped.value.reason, dropped.value.retryable) == ("lookup_failed", True)
        assert dropped.value.retry_after == 7.5

    def test_what_is_nobodys_answer_passes(self, kind):
        """A time limit of the host's is not ours to catch."""
        database = Database()
        translator = translators(database)[kind]
        database.failure = Timeout()
        with pytest.raises(Timeout):
            translator(event())


class TestAnswers:
    """That there is no such user is an answer."""

    @pytest.mark.parametrize("answer", [None, DoesNotExist()], ids=["None", "DoesNotExist"])
    def test_unknown_user(self, answer):
        def identity(_user, _system):
            if answer is not None:
                raise answer

        translator = XAPITranslator(lms_root=LMS, identity=identity)
        with pytest.raises(DropEvent) as dropped:
            translator(event())

        assert (dropped.value.reason, dropped.value.retryable) == ("unknown_user", False)
        assert dropped.value.retry_after is None

    @pytest.mark.parametrize("error", [KeyError(COURSE), DoesNotExist()])
    def test_course_without_name(self, error):
        def courses(_key):
            raise error

        [statement] = XAPITranslator(lms_root=LMS, identity=Database(), courses=courses).translate(
            event()
        )

        [course] = statement["context"]["contextActivities"]["parent"]
        assert "name" not in course["definition"]

    def test_instructor(self):
        """An instructor who could not be asked for is not left out in silence."""
        database = Database(bad=9)
        translator = XAPITranslator(lms_root=LMS, identity=database)
        enrolled = event(9, "edx.course.enrollment.activated", username="x")
        enrolled["data"] = {"course_id": COURSE, "user_id": 3, "mode": "audit"}
        graded = {
            **event(9, "edx.grades.problem.rescored"),
            "data": {
                "user_id": 3,
                "instructor_id": 9,
                "course_id": COURSE,
                "problem_id": "block-v1:Lakeside+BIO201+2025_T1+type@problem+block@p",
                "new_weighted_earned": 1,
                "new_weighted_possible": 2,
            },
        }
        with pytest.raises(TranslationError) as raised:
            translator.translate(graded)

        assert raised.value.retryable

    def test_cached(self):
        """What fails is not remembered, neither as an id nor as nobody."""
        database = Database()
        identity = CachedIdentity(database)
        database.failure = OperationalError()
        for _ in range(2):
            with pytest.raises(OperationalError):
                identity(3, "xapi")
        database.failure = None

        assert identity(3, "xapi") == database(3, "xapi")
        assert identity(3, "xapi")
        assert database.asked == 4

    def test_key_error_of_an_identity(self):
        """It may come from anywhere, and an event is worth more than a name of a course."""
        database = Database()
        database.failure = KeyError("marisol")
        with pytest.raises(TranslationError) as raised:
            XAPITranslator(lms_root=LMS, identity=database).translate(event())

        assert raised.value.retryable

    @pytest.mark.parametrize("asked", [True, -1, "5", float("nan"), float("inf"), None])
    def test_odd_waits(self, asked):
        """What is not a number of seconds is not handed on."""
        database = Database()
        database.failure = OperationalError()
        database.failure.retry_after = asked
        with pytest.raises(DropEvent) as dropped:
            XAPITranslator(lms_root=LMS, identity=database)(event())

        assert dropped.value.retry_after is None


class TestBatch:
    def test_translate_many(self):
        """An event that has a translation is not left out in silence."""
        database = Database(bad=2)
        made = XAPITranslator(lms_root=LMS, identity=database).translate_many(map(event, (1, 2)))

        assert next(made)["name"] == "play_video"
        with pytest.raises(TranslationError) as raised:
            next(made)
        assert raised.value.retryable

    def test_lines(self):
        lines = [json.dumps(event(number)) for number in (1, 2, 3)]
        translator = XAPITranslator(lms_root=LMS, identity=Database(bad=2))
        found = list(translate_lines(lines, translator))

        assert [each.reason for each in found] == ["", "lookup_failed", ""]
        assert [each.retryable for each in found] == [False, True, False]

    def test_letters(self):
        """What is to be tried again is no dead letter yet; other hooks hear of it."""
        letters, heard = MemoryDeadLetters(), []

        def hook(error: Any, which: Any) -> None:
            heard.append(error.retryable)
            TranslationLetters(letters)(error, which)

        for identity in (Database(bad=3), lambda *_: None):
            with pytest.raises(DropEvent):
                XAPITranslator(lms_root=LMS, identity=identity, on_error=hook)(event())

        assert heard == [True, False]
        assert [letter.detail for letter in letters] == ["unknown_user at context.user_id"]

    def test_replay(self, tmp_path):
        """The letter stays, whole, until the look-up answers."""
        store = SQLiteStore(tmp_path / "store.db")
        letters = store.dead_letters
        letters(translation_letter(TranslationError("play_video", "no_actor"), event()))
        database = Database()
        database.failure = OperationalError()
        both = {"xapi": lambda _: 1 / 0, "caliper": translators(database)["caliper"]}
        consumers = [{"id": "all", "url": f"file:{tmp_path}/out", "protocol": "caliper"}]
        [before] = letters
        report = replay(letters, consumers, lambda _: True, translators=both)

        assert report.kept == {"lookup_failed": 1}
        assert list(letters) == [before]


def routing(database: Database, kept: Any) -> EventRoutingBackend:
    return EventRoutingBackend(
        backends={
            name: EventRoutingBackend(
                processors=[translators(database)[name]], backends={"kept": kept}
            )
            for name in ("xapi", "caliper")
        }
    )


class TestRouting:
    """Direct mode: who runs the backend learns that the event is to be handed over again."""

    def test_send(self):
        database, kept = Database(), Kept()
        backend = routing(database, kept)
        database.failure = DeliveryError("busy", retryable=True, retry_after=30)
        with pytest.raises(LookupFailed) as raised:
            backend.send(event())

        assert (raised.value.retryable, raised.value.retry_after) == (True, 30)
        assert kept.documents == []
        assert backend.stats() == {
            "received": 1,
            "failed": 1,
            "backend_failed:xapi": 1,
            "backend_failed:caliper": 1,
        }
        assert backend.backends["xapi"].stats() == {"received": 1, "failed": 1, "lookup_failed": 1}

        database.failure = None
        backend.send(event())
        assert len(kept.documents) == 2

    def test_send_many(self):
        """The others are delivered."""
        kept = Kept()
        backend = routing(Database(bad=2), kept)
        with pytest.raises(LookupFailed):
            backend.send_many(map(event, (1, 2, 3)))

        assert len(kept.documents) == 4

    def test_beside_a_failure_for_good(self):
        """One event to be tried again is enough for the whole to be."""
        kept = Kept()
        kept.send = lambda _: 1 / 0  # type: ignore[method-assign]
        with pytest.raises(DeliveryError) as raised:
            routing(Database(bad=2), kept).send_many(map(event, (1, 2, 3)))

        assert raised.value.retryable

    def test_what_is_away_for_long_is_asked_no_more(self, monkeypatch):
        """Five hundred time limits in a row would hold everything up."""
        now = [0.0]
        monkeypatch.setattr("eventkit.backends.real_time.time.monotonic", lambda: now[0])
        database = Database()

        def slow(*_: Any) -> Any:
            now[0] += 3.0
            database(3)

        database.failure = OperationalError()
        backend = EventRoutingBackend(
            processors=[XAPITranslator(lms_root=LMS, identity=slow)], backends={"kept": Kept()}
        )
        with pytest.raises(LookupFailed):
            backend.send_many([event()] * 100)

        assert database.asked == 3

    def test_in_a_request(self):
        """A translator among the processors of a request has nobody to try again: it is told."""
        backend = RealTimeBackend(
            processors=[XAPITranslator(lms_root=LMS, identity=Database(bad=3))],
            enqueue=lambda _: None,
        )
        backend.send(event())

        assert backend.stats() == {"received": 1, "dropped:lookup_failed": 1}

    def test_in_a_thread(self):
        """The queue of a process keeps those that failed, and only those, and asks again."""
        database, kept = Database(bad=2), Kept()
        backend = RealTimeBackend(backend=routing(database, kept))
        for number in (1, 2, 3):
            backend.send(event(number))
        kept.wait_for(4)
        database.bad = None
        kept.wait_for(6)

        assert backend.close(WAIT)
        assert len(kept.documents) == 6
        counts = backend.stats()
        assert (counts["processed"], counts["enqueued"], counts["pending"]) == (3, 3, 0)


class TestRelay:
    """What a store has accepted waits in it."""

    @contextmanager
    def relay(self, store: SQLiteStore, backend: EventRoutingBackend):
        relay = Relay(store, backend)
        relay.start()
        yield relay
        assert relay.close(WAIT)

    def test_database_away(self, tmp_path):
        store = SQLiteStore(tmp_path / "store.db")
        database, kept = Database(), Kept()
        database.failure = OperationalError()
        front = RealTimeBackend(enqueue=store, threaded=True)
        for number in range(1, 41):
            front.send(event(number))
        assert front.flush(WAIT)
        with self.relay(store, routing(database, kept)) as relay:
            threading.Event().wait(0.5)
            assert kept.documents == []
            assert relay.stats()["relayed"] == relay.stats()["dead"] == 0
            assert relay.stats()["waits"] >= 1
            database.failure = None
            kept.wait_for(80)

        assert relay.stats()["relayed"] == 40
        assert len({document["id"] for document in kept.documents}) == len(kept.documents) == 80
        assert store.take(INBOX, after=0, limit=10, max_bytes=1000) == []
        assert list(store.dead_letters) == []
        front.close()

    def test_only_some(self, tmp_path):
        """Those for whom it answers go on; the other one waits, and nothing goes out twice."""
        store = SQLiteStore(tmp_path / "store.db")
        database, kept = Database(bad=2), Kept()
        for number in (1, 2, 3):
            store(event(number))
        with self.relay(store, routing(database, kept)) as relay:
            kept.wait_for(4)
            threading.Event().wait(0.5)
            assert len(kept.documents) == 4
            database.bad = None
            kept.wait_for(6)

        assert (relay.stats()["relayed"], relay.stats()["dead"]) == (3, 0)
        assert len(kept.documents) == 6

    def test_many_in_front(self, tmp_path):
        """However many wait in front, those behind them go on."""
        store = SQLiteStore(tmp_path / "store.db")
        database, kept = Database(bad=2), Kept()
        for number in [2] * 20 + [3]:
            store(event(number))
        relay = Relay(store, routing(database, kept), batch=5)
        relay.start()
        kept.wait_for(2)
        database.bad = None
        kept.wait_for(42)

        assert relay.close(WAIT)
        assert relay.stats()["dead"] == 0


class TestSend:
    """``eventkit send`` stops before the line, and the next run goes on there."""

    def test_stop_and_resume(self, tmp_path):
        log = tmp_path / "tracking.log"
        log.write_text("".join(f"{json.dumps(event(number))}\n" for number in range(1, 6)))
        router = Router([{"id": "all", "protocol": "xapi", "url": f"file:{tmp_path}/out"}])
        checkpoint = tmp_path / "checkpoint.json"

        def run(database: Database, patience: float) -> Dispatch:
            dispatch = Dispatch(
                router=router,
                translators={"xapi": XAPITranslator(lms_root=LMS, identity=database)},
                checkpoint=Checkpoint.load(str(checkpoint), restart=False),
                summary=Summary(files=1),
                patience=patience,
            )
            dispatch.send([str(log), str(log)])
            return dispatch

        first = run(Database(bad=3), 0)
        assert first.stopped == f"{log}:3"
        assert (first.summary.translated, first.summary.rejected) == (2, {})
        second = run(Database(), 0)
        assert (second.stopped, second.summary.translated) == ("", 3)
        router.close()

        statements = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
        assert [each["timestamp"][17:19] for each in statements] == ["01", "02", "03", "04", "05"]

    def test_patience(self, tmp_path):
        """A short outage is waited for."""
        log = tmp_path / "tracking.log"
        log.write_text(f"{json.dumps(event())}\n")
        database = Database()

        def identity(user, system):
            database.failure = OperationalError() if not database.asked else None
            return database(user, system)

        dispatch = Dispatch(
            router=Router([{"id": "all", "protocol": "xapi", "url": f"file:{tmp_path}/out"}]),
            translators={"xapi": XAPITranslator(lms_root=LMS, identity=identity)},
            checkpoint=Checkpoint.load(str(tmp_path / "checkpoint.json"), restart=False),
            summary=Summary(files=1),
            patience=WAIT,
        )
        dispatch.send([str(log)])

        assert (dispatch.stopped, dispatch.summary.translated) == ("", 1)
