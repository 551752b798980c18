"""Hooks, what they are told, and the adapters to what sites watch."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Never

import attrs
import pytest
from own_rows import BROKEN

from eventkit.backends import EventRoutingBackend, RealTimeBackend
from eventkit.backends import real_time as backends
from eventkit.base.throttle import Throttle
from eventkit.exceptions import ConfigurationError, DropEvent, StoreError, StoreFull
from eventkit.filters import Filter
from eventkit.instrumentation import Details, add_hook, is_on, reset, tell
from eventkit.instrumentation import hooks as instrumentation
from eventkit.instrumentation.health import Reading, read
from eventkit.instrumentation.logs import LoggingHook
from eventkit.instrumentation.opentelemetry import OpenTelemetryHook
from eventkit.instrumentation.prometheus import PrometheusHook
from eventkit.receivers import Receiver
from eventkit.router import Router
from eventkit.translators import HMACIdentity, XAPITranslator

WAIT = 20.0
"""Seconds that are never needed, unless something is broken."""

COURSE = "course-v1:edX+DemoX+2026"


@pytest.fixture(autouse=True)
def _no_hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave no hook behind, and log as if nothing had been logged before."""
    log = logging.getLogger("eventkit.instrumentation")
    monkeypatch.setattr(instrumentation._state, "throttle", Throttle(log))
    yield
    reset()


@pytest.fixture
def told() -> list[Details]:
    """What hooks are told from now on."""
    details: list[Details] = []
    add_hook(details.append)
    return details


def event(name: str = "edx.course.enrollment.activated", **data: Any) -> dict[str, Any]:
    return {
        "name": name,
        "timestamp": "2026-03-01T10:00:00.123456+00:00",
        "data": {"course_id": COURSE, "user_id": 7, "mode": "audit", **data},
        "context": {
            "course_id": COURSE,
            "org_id": "edX",
            "user_id": 7,
            "username": "ann_the_learner",
            "ip": "203.0.113.9",
        },
    }


def translator(**options: Any) -> XAPITranslator:
    return XAPITranslator(
        lms_root="https://lms.example.org",
        identity=HMACIdentity("a secret that is long enough for the tests"),
        **options,
    )


def counted(details: list[Details]) -> Counter[tuple[str, str]]:
    """Add up what was told, by what and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in details:
        counts[each.what, each.reason] += each.number
    return counts


def fail(_: Any) -> Never:
    raise ValueError("ann_the_learner")


def run(script: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(instrumentation.__file__).parents[2],
        **options,
    )


class TestDetails:
    def test_are_frozen(self) -> None:
        details = Details("received", component="RealTimeBackend")

        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            details.number = 2  # type: ignore[misc]

    def test_have_room_for_nothing_else(self) -> None:
        assert not hasattr(Details("received", component="RealTimeBackend"), "__dict__")

    def test_a_url_is_no_name(self) -> None:
        """Implicit events are named after what was visited, which may name people."""
        path = "/courses/course-v1:a+b+c/user/ann"

        assert Details("delivered", component="Router", name=path).name == ""
        assert Details("delivered", component="Router", name="play_video").name == "play_video"


class TestHooks:
    def test_are_told_until_they_are_removed(self) -> None:
        first: list[Details] = []
        second: list[Details] = []
        remove = add_hook(first.append)
        add_hook(second.append)
        details = Details("received", component="RealTimeBackend")

        tell(details)
        remove()
        remove()
        tell(details)

        assert (first, second) == ([details], [details] * 2)

    def test_a_hook_that_is_added_twice_is_told_twice_and_removed_once(self) -> None:
        details: list[Details] = []
        hook = details.append
        remove = add_hook(hook)
        add_hook(hook)

        tell(Details("received", component="RealTimeBackend"))
        assert len(details) == 2
        remove()
        tell(Details("received", component="RealTimeBackend"))

        assert len(details) == 3

    def test_it_is_known_whether_there_are_any(self) -> None:
        assert not is_on()
        remove = add_hook(print)
        assert is_on()
        remove()
        assert not is_on()
        add_hook(print)
        reset()
        assert not is_on()

    def test_what_cannot_be_called_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match=r"hook: expected a callable .* got str"):
            add_hook("mysite.metrics.hook")  # type: ignore[arg-type]

    @pytest.mark.parametrize("error", [ValueError, BaseException, GeneratorExit])
    def test_one_that_fails_hurts_nobody_and_is_logged_once_a_minute(
        self, error: Any, told: list[Details], caplog: pytest.LogCaptureFixture
    ) -> None:
        reset()

        def failing(details: Details) -> Never:
            raise error("ann_the_learner")

        add_hook(failing)
        add_hook(told.append)
        for _ in range(5):
            tell(Details("received", component="RealTimeBackend"))

        assert len(told) == 5
        (record,) = caplog.records
        assert "failing failed" in record.getMessage()
        assert "ann" not in caplog.text

    @pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
    def test_a_request_to_stop_passes_through_in_the_main_thread_only(self, stop: Any) -> None:
        """A handler of signals may run in a hook; elsewhere it would end a thread of ours."""

        def hook(_: Details) -> Never:
            raise stop

        add_hook(hook)
        details = Details("received", component="RealTimeBackend")
        passed: list[BaseException] = []

        def elsewhere() -> None:
            try:
                tell(details)
            except BaseException as error:  # noqa: BLE001 - that there is none is what is tested
                passed.append(error)

        with pytest.raises(stop):
            tell(details)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(WAIT)

        assert passed == []

    def test_hooks_may_come_and_go_while_others_tell(self) -> None:
        """Whoever stays is told of everything."""
        details: list[Details] = []
        add_hook(details.append)
        stopped = threading.Event()

        def change() -> None:
            while not stopped.is_set():
                add_hook(lambda _: None)()

        threads = [threading.Thread(target=change) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(2000):
            tell(Details("received", component="RealTimeBackend"))
        stopped.set()
        for thread in threads:
            thread.join(WAIT)

        assert len(details) == 2000
        assert len(instrumentation._state.hooks) == 1

    def test_a_forked_child_keeps_them_and_can_change_them(self) -> None:
        """Also when a thread of its parent was just changing them."""
        done = run(
            textwrap.dedent(
                """
                import os, threading
                from eventkit.instrumentation import hooks as instrumentation
                from eventkit.instrumentation import Details, add_hook, reset, tell
                told = []
                add_hook(told.append)
                entered, release = threading.Event(), threading.Event()
                def hold():
                    with instrumentation._state._lock:
                        entered.set()
                        release.wait()
                thread = threading.Thread(target=hold)
                thread.start()
                entered.wait()
                pid = os.fork()
                if pid == 0:
                    tell(Details("received", component="RealTimeBackend"))
                    add_hook(print)
                    os._exit(len(told) * 10 + len(instrumentation._state.hooks))
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                release.set()
                print(code, len(told))
                """
            )
        )

        assert (done.stdout, done.stderr) == ("12 0\n", "")

    def test_loading_them_loads_no_metrics_library(self) -> None:
        done = run(
            "import sys, eventkit.instrumentation.logs, eventkit.instrumentation.prometheus, "
            "eventkit.instrumentation.opentelemetry\n"
            "print([name for name in sys.modules if name.startswith(('prom', 'opentel'))])"
        )

        assert (done.stdout, done.stderr) == ("[]\n", "")


class TestRealTimeBackend:
    def test_tells_what_becomes_of_each_event(self, told: list[Details]) -> None:
        refusal = Filter(deny=[{"event": "secret", "unknown": True}])
        backend = RealTimeBackend(processors=[refusal], enqueue=lambda _: None, max_bytes=1000)
        for sent in (event(), event("secret"), event(text="x" * 2000)):
            backend.send(sent)

        assert counted(told) == {
            ("received", ""): 3,
            ("enqueued", ""): 1,
            ("filtered", ""): 1,
            ("dropped", "too_big"): 1,
        }
        assert {each.component for each in told} == {"RealTimeBackend"}
        assert "ann" not in str(told)

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (ValueError("ann_the_learner"), "enqueue_failed"),
            (StoreFull("no room"), "store_full"),
            (StoreError("the disk is read-only"), "store_failed"),
        ],
    )
    def test_an_event_that_enqueue_does_not_take_is_dropped(
        self, error: Exception, reason: str, told: list[Details]
    ) -> None:
        def refuse(_: Any) -> Never:
            raise error

        backend = RealTimeBackend(enqueue=refuse)
        backend.send(event())

        assert counted(told) == {("received", ""): 1, ("dropped", reason): 1}
        assert backend.stats() == {"received": 1, f"dropped:{reason}": 1}

    def test_tells_what_is_lost_behind_the_queue(self, told: list[Details]) -> None:
        backend = RealTimeBackend(enqueue=fail, threaded=True)
        backend.send(event())
        assert backend.flush(WAIT)

        assert counted(told) == {
            ("received", ""): 1,
            ("enqueued", ""): 1,
            ("dropped", "failed"): 1,
        }

    def test_tells_that_a_store_is_full_and_what_is_given_up(self, told: list[Details]) -> None:
        class Full:
            tried = threading.Semaphore(0)

            def __call__(self, event: Any) -> Never:
                raise AssertionError("one by one")

            def put_events(self, events: Any) -> Never:
                self.tried.release()
                raise StoreFull("no room")

        store = Full()
        backend = RealTimeBackend(enqueue=store, threaded=True)
        backend.send(event())
        assert store.tried.acquire(timeout=WAIT)
        assert not backend.close(0.01)

        counts = counted(told)
        assert counts.pop(("retried", "store_full")) >= 1
        assert counts == {("received", ""): 1, ("enqueued", ""): 1, ("dropped", "closed"): 1}

    def test_a_hook_that_fails_costs_no_event(self) -> None:
        add_hook(fail)
        taken: list[Any] = []
        backend = RealTimeBackend(enqueue=taken.append)
        backend.send(event())

        assert len(taken) == 1
        assert backend.stats() == {"received": 1, "enqueued": 1}

    def test_without_hooks_nothing_is_made_for_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backends, "Details", fail)
        backend = RealTimeBackend(enqueue=lambda _: None)
        backend.send(event())

        assert backend.stats() == {"received": 1, "enqueued": 1}


class TestEventRoutingBackend:
    def test_tells_what_becomes_of_each_event(self, told: list[Details]) -> None:
        def drop(sent: Any) -> Any:
            if sent["name"] == "unwanted":
                raise DropEvent("unwanted")
            if sent["name"] == "bad":
                raise ValueError("ann_the_learner")
            return sent

        backend = EventRoutingBackend(processors=[drop])
        backend.send_many([event(), event("unwanted"), event("bad")])

        assert counted(told) == {
            ("received", ""): 3,
            ("filtered", ""): 1,
            ("dropped", "processor_error"): 1,
        }
        assert {each.component for each in told} == {"EventRoutingBackend"}


class TestTranslators:
    def test_tell_what_is_translated(self, told: list[Details]) -> None:
        translator()(event())

        (details,) = told
        assert details == Details(
            "translated",
            component="XAPITranslator",
            protocol="xapi",
            name="edx.course.enrollment.activated",
        )

    @pytest.mark.parametrize(
        ("sent", "reason", "name"),
        [
            (event("edx.special.of.ann"), "unknown_event", ""),
            (event("/courses/course-v1:a+b+c/user/ann"), "implicit_event", ""),
            (event(course_id=None, user_id=None) | {"context": {}}, "no_user", None),
            ("no event", "not_an_event", ""),
        ],
    )
    def test_tell_what_is_not_and_why(
        self, sent: Any, reason: str, name: str | None, told: list[Details]
    ) -> None:
        """The names are those of the catalogue only: there is no end to the others."""
        with pytest.raises(DropEvent):
            translator()(sent)

        (details,) = told
        expected = "edx.course.enrollment.activated" if name is None else name
        assert (details.what, details.reason) == ("untranslated", reason)
        assert (details.name, details.protocol) == (expected, "xapi")

    def test_tell_of_errors_of_ours(self, told: list[Details]) -> None:
        with pytest.raises(DropEvent):
            translator(events=[BROKEN])(event("site.broken"))

        assert counted(told) == {("untranslated", "internal_error"): 1}

    def test_tell_of_look_ups_that_fail(self, told: list[Details]) -> None:
        with pytest.raises(DropEvent):
            XAPITranslator(lms_root="https://lms.example.org", identity=lambda *_: 1 / 0)(event())  # type: ignore[arg-type,return-value]

        assert counted(told) == {("untranslated", "lookup_failed"): 1}


class TestHealth:
    def test_one_consumer_of_several_routers_is_added_up(self) -> None:
        """Trouble anywhere is trouble, and a series must not come twice."""
        routers = [
            Health(a={"state": "ok", "pending": 3, "oldest_seconds": 1.5}),
            Health(a={"state": "paused", "pending": 4, "oldest_seconds": 0.5}),
            Health(a={"state": "disabled", "pending": 0}),
        ]

        assert read(routers) == {"a": Reading("paused", 7, 1.5)}

    def test_one_that_does_not_answer_does_not_hide_the_others(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken:
            def health(self) -> Never:
                raise ValueError("ann_the_learner")

        assert read([Broken(), Health(a={"state": "ok"})]) == {"a": Reading("ok", 0, 0.0)}
        assert "Broken cannot say its health: ValueError" in caplog.text
        assert "the_learner" not in caplog.text


class Health:
    """Says of consumers what it is told to."""

    def __init__(self, **consumers: dict[str, Any]) -> None:
        self.consumers = consumers

    def health(self) -> dict[str, dict[str, Any]]:
        return self.consumers


def tell_some() -> None:
    """Tell a bit of everything."""
    tell(Details("received", 5, component="RealTimeBackend"))
    tell(Details("dropped", 2, component="RealTimeBackend", reason="queue_full"))
    tell(Details("enqueued", 3, component="Router", consumer="lrs"))
    tell(Details("delivered", 3, component="Router", consumer="lrs", seconds=0.2))
    tell(Details("dead", component="Router", consumer="lrs", reason="http_400"))
    tell(Details("state", component="Router", consumer="lrs", reason="paused"))


ROUTERS = (
    Health(
        lrs={"state": "paused", "pending": 4, "oldest_seconds": 12.5},
        other={"state": "ok", "pending": 0, "oldest_seconds": 0.0},
        off={"state": "disabled", "pending": 0},
    ),
)
SERIES = {
    "eventkit_events_total{component=RealTimeBackend,reason=,what=received}": 5,
    "eventkit_events_total{component=RealTimeBackend,reason=queue_full,what=dropped}": 2,
    "eventkit_documents_total{consumer=lrs,reason=,what=enqueued}": 3,
    "eventkit_documents_total{consumer=lrs,reason=,what=delivered}": 3,
    "eventkit_documents_total{consumer=lrs,reason=http_400,what=dead}": 1,
    "eventkit_delivery_seconds_count{consumer=lrs}": 1,
    "eventkit_delivery_seconds_sum{consumer=lrs}": 0.2,
    "eventkit_queue_documents{consumer=lrs}": 4,
    "eventkit_queue_documents{consumer=other}": 0,
    "eventkit_queue_documents{consumer=off}": 0,
    "eventkit_queue_oldest_seconds{consumer=lrs}": 12.5,
    "eventkit_queue_oldest_seconds{consumer=other}": 0,
    "eventkit_queue_oldest_seconds{consumer=off}": 0,
    "eventkit_consumer_up{consumer=lrs}": 0,
    "eventkit_consumer_up{consumer=other}": 1,
    "eventkit_consumer_state{consumer=lrs,state=paused}": 1,
    "eventkit_consumer_state{consumer=other,state=ok}": 1,
    "eventkit_consumer_state{consumer=off,state=disabled}": 1,
}


def scrape(registry: Any) -> dict[str, float]:
    """Serve *registry* over HTTP as sites do, fetch it once, and give the samples."""
    prometheus = pytest.importorskip("prometheus_client")
    from prometheus_client.parser import text_string_to_metric_families

    server, thread = prometheus.start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        address = f"http://127.0.0.1:{server.server_port}/metrics"
        with urllib.request.urlopen(address, timeout=WAIT) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT)
    return {
        sample.name + labelled(sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def labelled(labels: Any) -> str:
    return "{" + ",".join(f"{key}={labels[key]}" for key in sorted(labels)) + "}"


class TestPrometheus:
    @pytest.fixture
    def registry(self) -> Any:
        return pytest.importorskip("prometheus_client").CollectorRegistry()

    def test_a_scrape_gives_the_counts_and_the_queues(self, registry: Any) -> None:
        add_hook(PrometheusHook(registry=registry, routers=ROUTERS))
        tell_some()

        samples = scrape(registry)

        buckets = {name: value for name, value in samples.items() if "_bucket" in name}
        assert {name: value for name, value in samples.items() if name not in buckets} == SERIES
        assert buckets["eventkit_delivery_seconds_bucket{consumer=lrs,le=0.1}"] == 0
        assert buckets["eventkit_delivery_seconds_bucket{consumer=lrs,le=0.25}"] == 1

    def test_queues_are_read_when_it_is_scraped(self, registry: Any) -> None:
        router = Health(lrs={"state": "ok", "pending": 1})
        PrometheusHook(registry=registry, routers=router)
        assert scrape(registry)["eventkit_queue_documents{consumer=lrs}"] == 1
        router.consumers = {"lrs": {"state": "ok", "pending": 2}}

        assert scrape(registry)["eventkit_queue_documents{consumer=lrs}"] == 2

    def test_setting_it_up_asks_no_router(self, registry: Any) -> None:
        class Busy:
            def health(self) -> Never:
                raise AssertionError("asked")

        PrometheusHook(registry=registry, routers=[Busy()])

    def test_nothing_is_lost_when_many_threads_tell(self, registry: Any) -> None:
        add_hook(PrometheusHook(registry=registry))

        def work() -> None:
            for _ in range(500):
                tell(Details("received", component="RealTimeBackend"))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)

        series = "eventkit_events_total{component=RealTimeBackend,reason=,what=received}"
        assert scrape(registry)[series] == 4000

    def test_the_buckets_are_a_setting(self, registry: Any) -> None:
        add_hook(PrometheusHook(registry=registry, buckets=(1, 2)))
        tell_some()

        bounds = [name for name in scrape(registry) if "_bucket" in name]
        assert [name.partition("le=")[2] for name in bounds] == ["1.0}", "2.0}", "+Inf}"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"buckets": (2, 1)}, r"buckets: .* ascending order, .* got \(2, 1\)"),
            ({"buckets": ()}, "buckets: "),
            ({"buckets": "fast"}, "buckets: .* got 'fast'"),
            ({"routers": "router"}, "routers: expected a list of eventkit.Router, got str"),
            ({"routers": [print]}, "routers: print has no health method"),
            ({"registry": "default"}, "registry: expected a CollectorRegistry .* got str"),
        ],
    )
    def test_bad_settings_are_refused(
        self, options: dict[str, Any], message: str, registry: Any
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            PrometheusHook(**{"registry": registry, **options})

    def test_one_registry_takes_one(self, registry: Any) -> None:
        PrometheusHook(registry=registry)

        with pytest.raises(ConfigurationError, match="make one PrometheusHook for each registry"):
            PrometheusHook(registry=registry)


class TestOpenTelemetry:
    @pytest.fixture
    def reader(self) -> Any:
        return pytest.importorskip("opentelemetry.sdk.metrics.export").InMemoryMetricReader()

    @pytest.fixture
    def provider(self, reader: Any) -> Iterator[Any]:
        from opentelemetry.sdk.metrics import MeterProvider

        provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
        yield provider
        provider.shutdown()

    def points(self, reader: Any) -> dict[str, float]:
        """Collect, and name each point as an exporter to Prometheus would."""
        found = {}
        units = {"s": "_seconds"}
        for resource in reader.get_metrics_data().resource_metrics:
            for metric in resource.scope_metrics[0].metrics:
                name = metric.name.replace(".", "_") + units.get(metric.unit, "")
                for point in metric.data.data_points:
                    labels = labelled(point.attributes)
                    if hasattr(point, "bucket_counts"):
                        found[f"{name}_count{labels}"] = point.count
                        found[f"{name}_sum{labels}"] = point.sum
                    else:
                        total = "_total" if hasattr(metric.data, "is_monotonic") else ""
                        found[f"{name}{total}{labels}"] = point.value
        return found

    def test_the_metrics_are_those_of_prometheus(self, reader: Any, provider: Any) -> None:
        """Under the names that an exporter gives them."""
        add_hook(OpenTelemetryHook(meter_provider=provider, routers=ROUTERS))
        tell_some()

        assert self.points(reader) == SERIES

    def test_queues_are_read_when_metrics_are_collected(self, reader: Any, provider: Any) -> None:
        router = Health(lrs={"state": "ok", "pending": 1})
        OpenTelemetryHook(meter_provider=provider, routers=router)
        assert self.points(reader)["eventkit_queue_documents{consumer=lrs}"] == 1
        router.consumers = {"lrs": {"state": "open", "pending": 2}}

        points = self.points(reader)
        assert points["eventkit_queue_documents{consumer=lrs}"] == 2
        assert points["eventkit_consumer_up{consumer=lrs}"] == 0

    def test_without_a_provider_the_global_one_is_used(self) -> None:
        """It does nothing until the site sets one, and nothing fails."""
        pytest.importorskip("opentelemetry")
        add_hook(OpenTelemetryHook())

        tell_some()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"meter_provider": "default"}, "meter_provider: expected .* got str"),
            ({"routers": 5}, "routers: expected a list of eventkit.Router, got int"),
        ],
    )
    def test_bad_settings_are_refused(self, options: dict[str, Any], message: str) -> None:
        pytest.importorskip("opentelemetry")

        with pytest.raises(ConfigurationError, match=message):
            OpenTelemetryHook(**options)


@pytest.mark.parametrize(
    ("adapter", "library", "extra"),
    [
        ("prometheus.PrometheusHook", "prometheus_client", "prometheus"),
        ("opentelemetry.OpenTelemetryHook", "opentelemetry.metrics", "otel"),
    ],
)
def test_an_adapter_without_its_library_names_the_extra(
    adapter: str, library: str, extra: str
) -> None:
    module, _, name = adapter.partition(".")
    done = run(
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from eventkit.instrumentation.{module} import {name}\n"
        f"try: {name}()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    assert done.stdout.startswith("ConfigurationError ")
    assert f"pip install 'openedx-eventkit[{extra}]'" in done.stdout
    assert len(done.stdout.splitlines()) == 1


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class TestLogging:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def hook(self, clock: Clock, caplog: pytest.LogCaptureFixture) -> LoggingHook:
        caplog.set_level(logging.DEBUG)
        hook = LoggingHook(clock=clock)
        add_hook(hook)
        return hook

    def test_counts_are_logged_once_per_interval(
        self, hook: LoggingHook, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(100):
            tell(Details("received", component="RealTimeBackend"))
        tell(Details("dropped", 2, component="RealTimeBackend", reason="queue_full"))
        assert caplog.messages == []
        clock.now = 60.0
        tell(Details("delivered", 3, component="Router", consumer="lrs", seconds=0.25))

        assert caplog.messages == [
            "RealTimeBackend, in 60 s: dropped:queue_full 2, received 100",
            "consumer lrs, in 60 s: delivered 3; slowest delivery 0.250 s",
        ]
        assert {record.levelname for record in caplog.records} == {"INFO"}

    def test_a_count_is_logged_once(
        self, hook: LoggingHook, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        tell(Details("received", component="RealTimeBackend"))
        clock.now = 5.0
        hook.flush()
        hook.flush()

        assert caplog.messages == ["RealTimeBackend, in 5 s: received 1"]

    def test_a_change_of_state_is_logged_at_once(
        self, hook: LoggingHook, caplog: pytest.LogCaptureFixture
    ) -> None:
        for state in ("paused", "ok"):
            tell(Details("state", component="Router", consumer="lrs", reason=state))

        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "Consumer lrs is now: paused"),
            ("INFO", "Consumer lrs is now: ok"),
        ]

    def test_dead_letters_are_logged_at_once_and_do_not_flood(
        self, hook: LoggingHook, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        for consumer in ("lrs", "lrs", "lrs", "other"):
            tell(Details("dead", component="Router", consumer=consumer, reason="http_400"))

        assert caplog.messages == [
            "Documents for consumer lrs became dead letters: http_400",
            "Documents for consumer other became dead letters: http_400",
        ]

    def test_logger_level_and_interval_are_settings(
        self, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        add_hook(LoggingHook(logger="site.events", level="WARNING", every=5, clock=clock))
        clock.now = 5.0
        tell(Details("received", component="RealTimeBackend"))

        (record,) = caplog.records
        assert (record.name, record.levelname) == ("site.events", "WARNING")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"logger": 5}, "logger: expected a logger or its name, got int"),
            ({"level": "LOUD"}, "level: unknown level 'LOUD'; expected one such as 'INFO'"),
            ({"level": True}, "level: unknown level True"),
            ({"every": 0}, "every: expected a number of seconds above 0, got 0"),
            ({"every": "60"}, "every: .* got '60'"),
        ],
    )
    def test_bad_settings_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            LoggingHook(**options)

    def test_a_forked_child_counts_for_itself(self) -> None:
        """Also when a thread of its parent was just counting."""
        done = run(
            textwrap.dedent(
                """
                import logging, os, sys, threading
                from eventkit.instrumentation import Details
                from eventkit.instrumentation.logs import LoggingHook
                logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
                hook = LoggingHook(clock=lambda: 0)
                hook(Details("received", 5, component="parent"))
                entered, release = threading.Event(), threading.Event()
                def hold():
                    with hook._lock:
                        entered.set()
                        release.wait()
                threading.Thread(target=hold).start()
                entered.wait()
                pid = os.fork()
                if pid == 0:
                    hook(Details("received", 1, component="child"))
                    hook.flush()
                    sys.stdout.flush()
                    os._exit(0)
                os.waitpid(pid, 0)
                release.set()
                hook.flush()
                """
            )
        )

        assert done.stdout.splitlines() == [
            "child, in 0 s: received 1",
            "parent, in 0 s: received 5",
        ]


def test_the_whole_path_tells_and_adds_up(told: list[Details]) -> None:
    """From the request to a record store: each event and each document, with its latency."""
    registry = pytest.importorskip("prometheus_client").CollectorRegistry()
    with Receiver() as receiver:
        router = Router([{"id": "lrs", "protocol": "xapi", "url": receiver.url}], mode="buffered")
        add_hook(PrometheusHook(registry=registry, routers=router))
        backend = RealTimeBackend(
            backend=EventRoutingBackend(processors=[translator()], backends={"router": router})
        )
        for number in range(20):
            backend.send(
                event(mode=f"mode-{number}") | {"timestamp": f"2026-03-01T10:00:{number:02}Z"}
            )
        backend.send(event("edx.special.unknown"))
        assert backend.flush(WAIT)
        samples = scrape(registry)
        assert backend.close(WAIT)

        assert len(receiver.statements()) == 20
    counts = counted(told)
    assert counts["received", ""] == 42
    assert counts["translated", ""] == counts["delivered", ""] == 20
    assert counts["untranslated", "unknown_event"] == 1
    delivered = [each for each in told if each.what == "delivered"]
    assert all(each.consumer == "lrs" and each.seconds is not None for each in delivered)
    assert samples["eventkit_documents_total{consumer=lrs,reason=,what=delivered}"] == 20
    assert samples["eventkit_queue_documents{consumer=lrs}"] == 0
    assert samples["eventkit_consumer_up{consumer=lrs}"] == 1
    assert "ann_the_learner" not in str(told)
