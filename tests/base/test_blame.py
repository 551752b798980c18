"""Whose fault an exception is."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from typing import Any, Never

import pytest

from eventkit import EventRoutingBackend, Router
from eventkit.base.blame import blame, is_interrupt, is_thrown, may_wait, readable
from eventkit.base.throttle import describe
from eventkit.exceptions import ConfigurationError, DeliveryError, StoreError
from eventkit.stores import SQLiteStore


def of_package(name: str, kind: str, base: type[BaseException] = Exception) -> BaseException:
    """An exception as that package has it, without the package."""
    made: Any = type(kind, (base,), {"__module__": name})
    return made("x")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), "receiver"),
        (ConnectionResetError("x"), "receiver"),
        (TimeoutError("x"), "receiver"),
        (BufferError("Local: Queue full"), "receiver"),
        (StoreError("x"), "receiver"),
        (DeliveryError("x", retryable=True), "receiver"),
        (DeliveryError("x", retryable=False), "event"),
        (of_package("kombu.exceptions", "OperationalError"), "receiver"),
        (of_package("amqp.exceptions", "ConnectionForced"), "receiver"),
        (of_package("redis.exceptions", "ConnectionError"), "receiver"),
        (of_package("botocore.exceptions", "EndpointConnectionError"), "receiver"),
        (of_package("pymongo.errors", "AutoReconnect"), "receiver"),
        (of_package("django.db.utils", "OperationalError"), "receiver"),
        (TypeError("x"), "event"),
        (ValueError("x"), "event"),
        (RecursionError("x"), "event"),
        (of_package("kombu.exceptions", "EncodeError"), "event"),
        (of_package("redis.exceptions", "DataError"), "event"),
        (of_package("kafka.errors", "MessageSizeTooLargeError"), "event"),
        (of_package("mysite.codec", "ConnectionError", ValueError), "event"),
        (ConfigurationError("x"), "unknown"),
        (KeyError("x"), "unknown"),
        (RuntimeError("x"), "unknown"),
        (ImportError("x"), "unknown"),
        (of_package("redis.exceptions", "ResponseError"), "unknown"),
        (of_package("botocore.exceptions", "ClientError"), "unknown"),
        (of_package("amqp.exceptions", "PreconditionFailed"), "unknown"),
    ],
    ids=lambda each: type(each).__qualname__ if isinstance(each, BaseException) else each,
)
def test_errors_tell_whose_fault_they_are(error: BaseException, expected: str) -> None:
    assert blame(error) == expected


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (None, "receiver"),
        (of_package("redis.exceptions", "ConnectionError"), "receiver"),
        (of_package("redis.exceptions", "DataError"), "event"),
        (of_package("redis.exceptions", "ResponseError"), "unknown"),
        (TypeError("x"), "event"),
    ],
)
def test_kombus_error_is_as_what_caused_it(cause: BaseException | None, expected: str) -> None:
    error = of_package("kombu.exceptions", "OperationalError")
    error.__cause__ = cause

    assert blame(error) == expected


def test_kafkas_errors_tell_by_their_code() -> None:
    kafka = pytest.importorskip("confluent_kafka")

    def raised(code: int) -> BaseException:
        return kafka.KafkaException(kafka.KafkaError(code))  # type: ignore[no-any-return]

    assert blame(raised(kafka.KafkaError._MSG_TIMED_OUT)) == "receiver"
    assert blame(raised(kafka.KafkaError._ALL_BROKERS_DOWN)) == "receiver"
    assert blame(raised(kafka.KafkaError.MSG_SIZE_TOO_LARGE)) == "event"


def test_real_errors_of_celery_and_redis() -> None:
    kombu = pytest.importorskip("kombu.exceptions")
    redis = pytest.importorskip("redis")

    assert blame(kombu.OperationalError("x")) == "receiver"
    assert blame(kombu.EncodeError("x")) == "event"
    assert blame(redis.ConnectionError("x")) == "receiver"
    assert blame(redis.TimeoutError("x")) == "receiver"
    assert blame(redis.BusyLoadingError("x")) == "receiver"
    assert blame(redis.DataError("x")) == "event"


def test_interrupts_are_told_from_errors() -> None:
    limit = pytest.importorskip("celery.exceptions").SoftTimeLimitExceeded

    assert is_interrupt(limit())
    assert is_interrupt(of_package("rq.timeouts", "BaseTimeoutException"))
    assert is_interrupt(KeyboardInterrupt())
    assert is_interrupt(of_package("gevent.timeout", "Timeout", BaseException))
    assert not is_interrupt(of_package("mysite", "SoftTimeLimitExceeded"))
    assert not is_interrupt(TimeoutError())
    assert not is_interrupt(ValueError())


def test_what_a_signal_handler_raises_is_an_interrupt_and_what_runs_beside_is_none() -> None:
    class Alarm:
        def ring(self, *_: Any) -> None:
            raise OSError("time is up")

    before = signal.signal(signal.SIGUSR1, Alarm().ring)
    try:
        with pytest.raises(OSError, match="time is up") as rung:
            signal.raise_signal(signal.SIGUSR1)
        with pytest.raises(OSError, match="No such file") as other:
            open("/no/such/file")  # noqa: SIM115, PTH123

        assert is_interrupt(rung.value)
        assert not is_interrupt(other.value)
    finally:
        signal.signal(signal.SIGUSR1, before)


def hostile(**members: Any) -> BaseException:
    """An exception that does not say what it is."""
    made: Any = type("Hostile", (Exception,), members)
    return made("x")  # type: ignore[no-any-return]


def fail(_: object) -> Never:
    raise RuntimeError("x")


class Hiding(type):
    """A class that hides what it is of."""

    @property
    def __mro__(cls) -> Never:
        raise RuntimeError("x")


def in_circles() -> BaseException:
    """An error that was caused by what it caused."""
    one, other = (of_package("kombu.exceptions", "OperationalError") for _ in range(2))
    one.__cause__, other.__cause__ = other, one
    return one


@pytest.mark.parametrize(
    "make",
    [
        partial(hostile, __class__=property(fail)),
        partial(hostile, __module__=None),
        partial(hostile, __module__=property(fail)),
        partial(hostile, __traceback__=property(fail)),
        partial(hostile, __str__=fail, __repr__=fail),
        lambda: Hiding("Hidden", (Exception,), {})("x"),
        in_circles,
    ],
    ids=["class", "no module", "module", "traceback", "text", "hidden", "circle"],
)
def test_errors_may_be_made_of_anything(make: Callable[[], BaseException]) -> None:
    """Whatever they do when they are looked at, asking what they are raises nothing."""
    error = make()

    assert blame(error) in ("unknown", "receiver")
    assert not is_interrupt(error)
    assert not is_thrown(error)
    assert describe(error) != ""
    assert describe(readable(error)) != ""
    assert not isinstance(readable(error), StoreError)


def test_what_may_wait_is_known_by_what_it_is_or_belongs_to(tmp_path: Any) -> None:
    celery = pytest.importorskip("celery")
    redis = pytest.importorskip("redis")

    def share(event: Any) -> None:
        pass

    task = celery.Celery("test", set_as_current=False).task(share)
    store = SQLiteStore(tmp_path / "store.db")
    client = redis.Redis()

    for call in (task, task.delay, task.apply_async, partial(task.delay), store, store.put_events):
        assert may_wait(call)
    assert may_wait(partial(client.xadd, "stream"))
    router = Router([])
    assert may_wait(router.send)
    assert may_wait(EventRoutingBackend(backends={"router": router}).send)
    for call in ([].append, print, partial(print, "x"), lambda event: None):
        assert not may_wait(call)
