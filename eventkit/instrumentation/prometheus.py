"""
Metrics for Prometheus; needs the extra ``prometheus``.

A new metric has a place here and one in `opentelemetry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from eventkit.exceptions import ConfigurationError
from eventkit.instrumentation.health import HasHealth, check_routers, read
from eventkit.instrumentation.hooks import Details

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import CollectorRegistry

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Seconds: from what an adaptive engine needs to what a receiver's outage costs."""


class PrometheusHook:
    """
    Count events and documents, and tell of queues and consumers when Prometheus asks.

    ``eventkit_events_total{component,what,reason}`` counts events,
    ``eventkit_documents_total{consumer,what,reason}`` documents on their way to a consumer, and
    ``eventkit_delivery_seconds{consumer}`` is a histogram of the time from acceptance to delivery,
    one observation per request. Of *routers* it reads, each time it is scraped,
    ``eventkit_queue_documents{consumer}``, ``eventkit_queue_oldest_seconds{consumer}``,
    ``eventkit_consumer_up{consumer}`` (1: in order, 0: not) and
    ``eventkit_consumer_state{consumer,state}`` (1 for the state that it is in).

        hook = PrometheusHook(routers=[router])
        add_hook(hook)

    Args:
        registry: the registry of ``prometheus_client``; None: its default one.

        routers: whose consumers are looked at. They must live in the process that is scraped.

        buckets: the upper bounds of the histogram, in seconds, ascending.

    Raises:
        ConfigurationError: the extra is not installed, a setting is wrong, or the registry has
            these metrics already.
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry | None = None,
        routers: Iterable[HasHealth] | HasHealth = (),
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        try:
            import prometheus_client as prometheus  # noqa: PLC0415 - optional
        except ImportError:
            raise ConfigurationError(
                "metrics for Prometheus need an extra: pip install 'openedx-eventkit[prometheus]'"
            ) from None
        found = check_routers(routers)
        bounds = _check_buckets(buckets)
        into = prometheus.REGISTRY if registry is None else registry
        if not callable(getattr(into, "register", None)):
            raise ConfigurationError(
                "registry: expected a CollectorRegistry of prometheus_client, "
                f"got {type(registry).__name__}"
            )
        try:
            self._events = prometheus.Counter(
                "eventkit_events",
                "Events, by what happened to them.",
                ("component", "what", "reason"),
                registry=into,
            )
            self._documents = prometheus.Counter(
                "eventkit_documents",
                "Documents for a consumer, by what happened to them.",
                ("consumer", "what", "reason"),
                registry=into,
            )
            self._seconds = prometheus.Histogram(
                "eventkit_delivery_seconds",
                "Time from acceptance to delivery, of the oldest document of each request.",
                ("consumer",),
                buckets=bounds,
                registry=into,
            )
        except ValueError:
            raise ConfigurationError(
                "registry: it has the metrics of eventkit already; "
                "make one PrometheusHook for each registry"
            ) from None
        if found:
            into.register(_Queues(found))
        # Looking a series up by its labels costs more than counting. There are few of them.
        self._series: dict[tuple[str, str, str, str], Any] = {}

    def __call__(self, details: Details) -> None:
        """Count what *details* tell."""
        what = details.what
        if what == "state":
            return
        key = (details.component, details.consumer, what, details.reason)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = (
                self._documents.labels(details.consumer, what, details.reason)
                if details.consumer
                else self._events.labels(details.component, what, details.reason)
            )
        series.inc(details.number)
        if what == "delivered" and details.seconds is not None:
            self._seconds.labels(details.consumer).observe(details.seconds)


class _Queues:
    """What is read when Prometheus asks; a gauge that is set now and then would be wrong."""

    def __init__(self, routers: Sequence[HasHealth]) -> None:
        self._routers = routers

    def describe(self) -> Iterator[Metric]:
        """Name the metrics, so that nobody has to read them for that."""
        yield from _families()

    def collect(self) -> Iterator[Metric]:
        """Read them."""
        documents, oldest, up, state = families = _families()
        for consumer, reading in read(self._routers).items():
            documents.add_metric((consumer,), reading.documents)
            oldest.add_metric((consumer,), reading.oldest)
            if reading.is_up is not None:
                up.add_metric((consumer,), float(reading.is_up))
            state.add_metric((consumer, reading.state), 1)
        yield from families


def _families() -> tuple[Any, Any, Any, Any]:
    from prometheus_client.core import GaugeMetricFamily as Gauge  # noqa: PLC0415 - optional

    return (
        Gauge(
            "eventkit_queue_documents", "Documents that wait for a consumer.", labels=("consumer",)
        ),
        Gauge(
            "eventkit_queue_oldest_seconds",
            "How long the oldest document has waited.",
            labels=("consumer",),
        ),
        Gauge(
            "eventkit_consumer_up",
            "1: the consumer takes documents; 0: it does not.",
            labels=("consumer",),
        ),
        Gauge(
            "eventkit_consumer_state",
            "1 for the state that the consumer is in.",
            labels=("consumer", "state"),
        ),
    )


def _check_buckets(buckets: Sequence[float]) -> tuple[float, ...]:
    try:
        bounds = tuple(float(bound) for bound in buckets)
    except (TypeError, ValueError):
        bounds = ()
    if not bounds or any(low >= high for low, high in pairwise(bounds)):
        raise ConfigurationError(
            f"buckets: expected seconds in ascending order, such as (0.1, 1, 10), got {buckets!r}"
        )
    return bounds
