"""
Telling from an exception whose fault it is, without importing what raised it.

A broker, a database or a disk that is away comes back, and then takes what it could not take
before. An event that cannot be written never can be. And some exceptions are nobody's fault here:
whoever runs the host's code raises them into it to make it stop.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any, Literal

from eventkit.exceptions import ConfigurationError, DeliveryError

Blame = Literal["receiver", "event", "unknown"]
"""Who keeps an event from being taken: the one that should take it, or the event itself."""

NETWORK_PACKAGES = frozenset(
    {
        *("aio_pika", "aiohttp", "aiokafka", "aiormq", "amqp", "azure", "boto3", "botocore"),
        *("celery", "cimpl", "confluent_kafka", "dramatiq", "google", "grpc", "httpcore", "httpx"),
        *("huey", "kafka", "kombu", "nats", "paho", "pika", "psycopg", "psycopg2", "pulsar"),
        *("_pulsar", "pymongo", "pymysql", "MySQLdb", "redis", "requests", "rq", "sqlalchemy"),
        *("stomp", "urllib3", "valkey", "zmq"),
    }
)
"""What talks to brokers, databases and services: a call of theirs may wait for a network."""

# Of these packages and of any DB-API driver: no connection, no room, not now.
_AWAY = frozenset(
    {
        *("AMQPConnectionError", "AuthenticationError", "AutoReconnect"),
        *("BrokenPipeError", "BrokerConnectionError", "BusyLoadingError", "ClusterDownError"),
        *("ConnectionClosed", "ConnectionError", "ConnectionForced", "ConnectionFailure"),
        *("ConnectTimeout", "EndpointConnectionError", "HTTPClientError", "InterfaceError"),
        *("KafkaConnectionError", "KafkaTimeoutError", "MaxConnectionsError"),
        *("MaxRetryError", "NetworkError", "NoBrokersAvailable", "NotEnoughReplicasError"),
        *("OperationalError", "OutOfMemoryError", "ReadOnlyError", "RecoverableConnectionError"),
        *("ServerSelectionTimeoutError", "ServiceUnavailable", "TimeoutError", "TransportError"),
        *("TryAgainError",),
    }
)

# Of an event that cannot be written down for the broker, or is too large for it.
_UNWRITABLE = frozenset(
    {
        *("ContentDisallowed", "DataError", "DecodeError", "DocumentTooLarge", "EncodeError"),
        *("InvalidDocument", "KeySerializationError", "MessageSizeTooLargeError"),
        *("ParamValidationError", "SerializationError", "ValueSerializationError"),
    }
)

_MOST_CAUSES = 10
"""How far an error is followed back to what caused it."""

_TOO_LARGE = 10
"""Kafka's MSG_SIZE_TOO_LARGE."""

INTERRUPTED = "interrupted"
"""The reason of a `DropEvent` whose cause is an interrupt: nothing is known of the event."""

_INTERRUPTS = frozenset(
    {
        ("billiard", "SoftTimeLimitExceeded"),
        ("celery", "SoftTimeLimitExceeded"),
        ("rq", "BaseTimeoutException"),
        ("stopit", "TimeoutException"),
    }
)
"""Exceptions, though ordinary ones, that are raised into whatever happens to be running."""


_THROWN = frozenset(
    {
        ("asyncio", "CancelledError"),
        ("eventlet", "Timeout"),
        ("gevent", "Timeout"),
        ("greenlet", "GreenletExit"),
    }
)
"""What is thrown into greenlets and tasks."""

_ENDING = _INTERRUPTS | _THROWN


def blame(error: BaseException) -> Blame:
    """
    Say who keeps an event from being taken, when handing it on has raised *error*.

    ``"receiver"``: it cannot take anything now, and later it can. ``"event"``: this event it never
    takes. ``"unknown"``: it may be either, as with errors that cannot even be looked at.
    """
    try:
        return _blame(error, _MOST_CAUSES)
    except Exception:  # noqa: BLE001 - others' errors may be made of anything
        return "unknown"


def _blame(error: BaseException, causes: int) -> Blame:
    if isinstance(error, DeliveryError):
        return "receiver" if error.retryable else "event"
    if isinstance(error, ConfigurationError):
        # A setting that is wrong is wrong for all events, and may be put right.
        return "unknown"
    if causes and _package(type(error)) == "kombu" and isinstance(error.__cause__, Exception):
        # Celery tells with one of kombu's errors of all that a broker answers.
        return _blame(error.__cause__, causes - 1)
    names = {name for _, name in _kinds(error)}
    if names & _UNWRITABLE or _kafka_code(error) == _TOO_LARGE:
        return "event"
    # Not the names alone: what an event is made of may have errors that are called the same.
    if isinstance(error, (OSError, BufferError)) or _kafka_code(error) is not None:
        return "receiver"
    if names & _AWAY and not isinstance(error, (TypeError, ValueError, ArithmeticError)):
        return "receiver"
    if isinstance(error, (TypeError, ValueError, ArithmeticError, AttributeError, AssertionError)):
        return "event"
    return "event" if isinstance(error, RecursionError) else "unknown"


def is_interrupt(error: BaseException) -> bool:
    """
    Tell whether *error* was raised into the code that it came from, by whoever runs it.

    Such are all that are no `Exception` (gevent's and eventlet's timeouts, a greenlet or a task
    that is cancelled, Ctrl-C), time limits of task queues, and what a signal handler raises.
    """
    if not issubclass(type(error), Exception):
        return True
    if not _INTERRUPTS.isdisjoint(_kinds(error)):
        return True
    try:
        return _is_of_signal_handler(error)
    except Exception:  # noqa: BLE001 - others' errors may be made of anything
        return False


def is_thrown(error: BaseException) -> bool:
    """
    Tell whether *error* is what ends greenlets and tasks, or their time, or those of a queue.

    Of code that is not to be trusted, where `is_interrupt` would let it stop what calls it.
    """
    return not _ENDING.isdisjoint(_kinds(error))


def ends_greenlet(error: BaseException) -> bool:
    """Tell whether *error* ends the greenlet that it is raised into, and is not to be kept."""
    return ("greenlet", "GreenletExit") in _kinds(error)


def readable(error: BaseException) -> BaseException:
    """Give *error*, or another in its place if it cannot even be asked what it is."""
    try:
        isinstance(error, DeliveryError)
    except Exception:  # noqa: BLE001 - others' errors may be made of anything
        return RuntimeError("an error that cannot be looked at")
    return error


def may_wait(call: object) -> bool:
    """Tell whether calling *call* may wait for a disk or a network, as far as can be seen."""
    while isinstance(call, partial):
        call = call.func
    owner = getattr(call, "__self__", None)
    if any(_has(each, name) for each in (call, owner) for name in ("delay", "put_events")):
        return True
    if _package(type(owner)) == "eventkit" and _has(owner, "close"):
        # A router, say, or a backend with one behind it.
        return True
    return any(
        isinstance(module, str) and module.partition(".")[0] in NETWORK_PACKAGES
        for module in (getattr(call, "__module__", None), type(owner).__module__)
    )


def _has(thing: object, name: str) -> bool:
    return callable(getattr(thing, name, None))


def _kinds(error: BaseException) -> list[tuple[str, str]]:
    """Give the packages and the names of the classes that *error* is of."""
    try:
        return [(_package(kind), str(kind.__name__)) for kind in type(error).__mro__]
    except Exception:  # noqa: BLE001 - classes can hide what they are
        return []


def _package(kind: type[Any]) -> str:
    module: object = kind.__module__
    return module.partition(".")[0] if isinstance(module, str) else ""


def _kafka_code(error: BaseException) -> int | None:
    """Give the code of a KafkaException, in which a KafkaError stands."""
    code = getattr(error.args[0], "code", None) if error.args else None
    if _package(type(error)) not in ("cimpl", "confluent_kafka") or not callable(code):
        return None
    found = code()
    return found if isinstance(found, int) else None


def _is_of_signal_handler(error: BaseException) -> bool:
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = set(_signal_handlers())
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _signal_handlers() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        code = getattr(signal.getsignal(number), "__code__", None)
        if isinstance(code, CodeType):
            yield code
