"""Metrics for OpenTelemetry; needs the extra ``otel``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from eventkit.exceptions import ConfigurationError
from eventkit.instrumentation.health import HasHealth, Reading, check_routers, read
from eventkit.instrumentation.hooks import Details

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

    _Observe = Callable[[CallbackOptions], Iterable[Observation]]


class OpenTelemetryHook:
    """
    Count events and documents, and tell of queues and consumers when metrics are collected.

    The instruments are ``eventkit.events``, ``eventkit.documents``, ``eventkit.delivery`` (in
    seconds), ``eventkit.queue.documents``, ``eventkit.queue.oldest`` (in seconds),
    ``eventkit.consumer.up`` and ``eventkit.consumer.state``. They mean what those of
    `eventkit.instrumentation.prometheus.PrometheusHook` mean, have the same attributes, and get the
    same names where an exporter turns them into metrics of Prometheus.

    Args:
        meter_provider: where the instruments are made; None: the global one.

        routers: whose consumers are looked at.

    Raises:
        ConfigurationError: the extra is not installed, or a setting is wrong.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        routers: Iterable[HasHealth] | HasHealth = (),
    ) -> None:
        try:
            from opentelemetry.metrics import get_meter  # noqa: PLC0415 - optional
        except ImportError:
            raise ConfigurationError(
                "metrics for OpenTelemetry need an extra: pip install 'openedx-eventkit[otel]'"
            ) from None
        if meter_provider is not None and not callable(getattr(meter_provider, "get_meter", None)):
            raise ConfigurationError(
                "meter_provider: expected a MeterProvider of OpenTelemetry, "
                f"got {type(meter_provider).__name__}"
            )
        self._routers = check_routers(routers)
        meter = get_meter("eventkit", meter_provider=meter_provider)
        self._events = meter.create_counter(
            "eventkit.events", "{event}", "Events, by what happened to them."
        )
        self._documents = meter.create_counter(
            "eventkit.documents",
            "{document}",
            "Documents for a consumer, by what happened to them.",
        )
        self._seconds = meter.create_histogram(
            "eventkit.delivery",
            "s",
            "Time from acceptance to delivery, of the oldest document of each request.",
        )
        if not self._routers:
            return
        meter.create_observable_gauge(
            "eventkit.queue.documents",
            [self._observer(lambda reading: reading.documents)],
            "{document}",
            "Documents that wait for a consumer.",
        )
        meter.create_observable_gauge(
            "eventkit.queue.oldest",
            [self._observer(lambda reading: reading.oldest)],
            "s",
            "How long the oldest document has waited.",
        )
        meter.create_observable_gauge(
            "eventkit.consumer.up",
            [self._observer(lambda reading: None if reading.is_up is None else int(reading.is_up))],
            "",
            "1: the consumer takes documents; 0: it does not.",
        )
        meter.create_observable_gauge(
            "eventkit.consumer.state",
            [self._observer(lambda _: 1, with_state=True)],
            "",
            "1 for the state that the consumer is in.",
        )

    def __call__(self, details: Details) -> None:
        """Count what *details* tell."""
        if details.what == "state":
            return
        if details.consumer:
            self._documents.add(
                details.number,
                {
                    "consumer": details.consumer,
                    "what": details.what,
                    "reason": details.reason,
                },
            )
        else:
            self._events.add(
                details.number,
                {
                    "component": details.component,
                    "what": details.what,
                    "reason": details.reason,
                },
            )
        if details.what == "delivered" and details.seconds is not None:
            self._seconds.record(details.seconds, {"consumer": details.consumer})

    def _observer(
        self, number: Callable[[Reading], float | None], *, with_state: bool = False
    ) -> _Observe:
        from opentelemetry.metrics import Observation  # noqa: PLC0415 - optional

        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            for consumer, reading in read(self._routers).items():
                value = number(reading)
                if value is not None:
                    state = {"state": reading.state} if with_state else {}
                    yield Observation(value, {"consumer": consumer, **state})

        return observe
