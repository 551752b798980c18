"""
What users write, as the type checker must accept it.

This file is only checked, never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eventkit import (
    BlocksFile,
    CachedBlocks,
    CachedCourses,
    CachedIdentity,
    CaliperTranslator,
    ConfigurationError,
    Consumer,
    DeadLetter,
    DeliveryError,
    DropEvent,
    EventkitError,
    EventParseError,
    EventRoutingBackend,
    FileDeadLetters,
    Filter,
    HMACIdentity,
    LookupFailed,
    MappingIdentity,
    RealTimeBackend,
    Relay,
    Router,
    SQLiteStore,
    StoreError,
    StoreFull,
    TranslationError,
    TranslationLetters,
    UnsupportedEvent,
    XAPITranslator,
    explain,
    open_dead_letters,
    parse_events,
    parse_line,
    replay,
)
from eventkit.batch import read_log, translate_lines
from eventkit.consumers import ConsumerReport, Reported
from eventkit.receivers import Receiver
from eventkit.router import ConnectionReport, early_filter, test_connection
from eventkit.transports.addresses import refusal
from eventkit.typing import (
    Backend,
    Blocks,
    Courses,
    Delivery,
    EmailResolver,
    Enqueue,
    ErrorHook,
    Event,
    Identity,
    Json,
    Processor,
    ProtocolName,
    Translation,
)
from eventkit.validation import InvalidStatement, statement_errors, validate_statement

# A translator, with everything that a site may hand in.


def my_identity(user: int | str, system: ProtocolName) -> str | None:
    return f"{system}-{user}" if user else None


def my_email(user: int | str) -> str | None:
    return None


def report(error: BaseException, event: Event) -> None:
    print(type(error).__name__, event.get("name"))


identities: list[Identity] = [
    my_identity,
    HMACIdentity("a long random text"),
    HMACIdentity({"env": "IDENTITY_SECRET"}),
    MappingIdentity({7: {"xapi": "32e08e30-f8ae-4ce2-94a8-c2bfe38a70cb"}}),
    MappingIdentity("ids.csv"),
    MappingIdentity(Path("ids.csv")),
    CachedIdentity(my_identity, ttl=60, max_size=10),
]
courses: list[Courses] = [
    {"course-v1:edX+DemoX+2026": "Demonstration"},
    lambda course_id: None,
    CachedCourses(lambda course_id: course_id.title()),
]
blocks: list[Blocks] = [
    {"block-v1:edX+DemoX+2026+type@vertical+block@u": "Cells"},
    {"block-v1:edX+DemoX+2026+type@vertical+block@u": {"name": "Cells", "ancestors": []}},
    CachedBlocks(lambda usage_key: {"name": usage_key}),
    BlocksFile(Path("blocks.json")),
]
email: EmailResolver = my_email
hook: ErrorHook = report

translator = XAPITranslator(
    lms_root="https://lms.example.org",
    identity=identities[0],
    courses=courses[0],
    blocks=blocks[0],
    dialect="erb",
    fallback="standard",
    unknown="generic",
    actor="mbox",
    email=email,
    include_text=True,
    keep_query=("seminar",),
    validate=True,
    transformer_version="mine@1",
    on_error=hook,
)

caliper = CaliperTranslator(
    lms_root="https://lms.example.org",
    identity=identities[0],
    courses=courses[0],
    blocks=blocks[0],
    dialect="standard",
    fallback=None,
    unknown=None,
    include_text=True,
    keep_query=["seminar"],
    validate=True,
)
many: Iterator[Translation] = caliper.translate_many([{"name": "play_video"}])

# Events, one by one.


def translate(line: bytes) -> list[Json]:
    try:
        return translator.translate(parse_line(line))
    except EventParseError as error:
        print(error.reason)
    except UnsupportedEvent as error:
        print(error.name, error.reason)
    except TranslationError as error:
        print(error.name, error.reason, error.field)
    return []


def write(line: bytes) -> list[bytes]:
    return translator.write(parse_line(line, unwrap="log"))


def write_all(line: bytes) -> Iterator[bytes]:
    for event in parse_events(line):
        yield from translator.write(event)


def translate_all(events: list[Event]) -> Iterator[Translation]:
    yield from translator.translate_many(events)


counts: dict[str, int] = translator.stats()
known: bool = translator.supports("play_video")

# Processors and backends.

videos = Filter(allow=[{"event": "*_video", "org": ["edX", "MITx"]}], deny=[{"user": "7"}])
peers = Filter.from_match_params({"context.org_id": "^edX$"})
early = early_filter(consumers=[{"id": "a", "protocol": "xapi", "url": "log:events"}])
processors: list[Processor] = [videos, peers, early, translator]
allowed: bool = videos.accepts({"name": "play_video"})
because: str = videos.explain({"name": "play_video"}).text

consumer = Consumer(id="a", protocol="xapi", url="https://lrs.example.org/xapi")
other = Consumer.from_dict({"id": "b", "protocol": "xapi", "url": "file:b.jsonl"})
router = Router([consumer, other], mode="buffered", dead_letters="dead-letters.jsonl")
from_file = Router(Path("consumers.yaml"), dead_letters=FileDeadLetters("dead.jsonl", sync=True))


def keep(letter: DeadLetter) -> None:
    print(letter.consumer, letter.reason, letter.status, DeadLetter.from_dict(letter.as_dict()))


by_hand = Router([consumer], dead_letters=keep)
letters: list[DeadLetter] = list(by_hand.dead_letters)

# Dead letters are looked at, sent again, and forgotten.
kept = open_dead_letters("dead-letters.jsonl", key={"env": "LETTERS_KEY"})
replayed = replay(kept, "consumers.yaml", lambda letter: letter.consumer == "engine")
sent_again: bool = replayed.is_done
explained = explain({"name": "play_video"}, "consumers.yaml", {"xapi": translator})
exactly: list[Json] = explained[0].documents if explained[0].passes else []
forgotten: int = kept.remove([letter.id for letter in kept])
careful = XAPITranslator(
    lms_root="https://lms.example.org",
    identity=my_identity,
    on_error=TranslationLetters("untranslated.jsonl"),
)

# A store on disk.
store = SQLiteStore(Path("store.db"), key={"env": "STORE_KEY"}, max_bytes=10_000_000)
durable = Router("consumers.yaml", store=store, max_age=86_400, reload=1.0)
stored_by_path = Router([consumer], store="store.db", mode="durable")
durable.reload()
relay = Relay(store, EventRoutingBackend(backends={"router": durable}))
stored_first = RealTimeBackend(enqueue=store, threaded=True)


def accept(router: Router, translation: Translation) -> float | None:
    try:
        router.send(translation)
    except StoreFull:
        return 60.0
    except StoreError as error:
        return error.retry_after
    return None


routing = EventRoutingBackend(processors=processors, backends={"router": router})
enqueue: Enqueue = print
real_time = RealTimeBackend(processors=[videos], enqueue=enqueue)
by_path = RealTimeBackend(processors=[videos], enqueue="mysite.tasks.share_event")
in_process = RealTimeBackend(backend=routing)
backends: list[Backend] = [real_time, routing, router]


def share(event: Json) -> None:
    try:
        routing.send(event)
        routing.send_many([event, event])
    except LookupFailed as error:
        later: float | None = error.retry_after
        print(later)
    except DeliveryError as error:
        wait: float = error.retry_after or 1.0
        print(error.retryable, error.consumer, wait)


def deliver(event: Json) -> None:
    try:
        translation: Translation = translator(event)
    except DropEvent as error:
        again: bool = error.retryable
        print(error.reason, again, error.retry_after)
        return
    deliveries: list[Delivery] = router.route(translation)
    router.deliver(deliveries)
    for delivery in deliveries:
        router.deliver(delivery)
        print(delivery["consumer"], len(delivery["documents"]))
    router.send(translation)
    router.send_many([translation])


def stop() -> bool:
    return in_process.flush(timeout=5) and in_process.close(5) and router.close(timeout=5)


# Batches.


def count(path: str) -> int:
    return sum(len(outcome.documents) for outcome in translate_lines(read_log(path), translator))


# Checking.


def check(statement: Json) -> list[str]:
    try:
        validate_statement(statement)
    except InvalidStatement as error:
        return error.errors
    return statement_errors(statement)


def configure() -> str:
    try:
        Router("consumers.json")
    except ConfigurationError as error:
        return str(error)
    except EventkitError:
        raise
    return ""


# A record store for tests.


def collect() -> list[dict[str, Any]]:
    with Receiver(auth=("user", "password")) as receiver:
        print(receiver.url)
        return receiver.statements()


class Table:
    """A registry that is told how its consumers are doing."""

    def consumers(self) -> list[Consumer]:
        return [Consumer(id="x", protocol="xapi", url="https://x.example.org", paused=True)]

    def report(self, reports: Sequence[ConsumerReport], *, closing: bool) -> None:
        for each in reports:
            if each.last_error is not None and each.state == "gone":
                print(each.consumer, each.last_error.response, sum(each.dead.values()), closing)


table: Reported = Table()
told = Router(table)

connection: ConnectionReport = test_connection(told.consumers[0])
late: list[str] = [step.name for step in connection.steps if step.ok is False]
why: str | None = refusal("https://127.0.0.1/")
