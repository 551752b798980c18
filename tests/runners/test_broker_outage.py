"""A broker that goes away and comes back, under a real Celery task and on a real Redis."""

from __future__ import annotations

import base64
import json

import pytest
from fault_routes import until
from redis_server import redis_server

from eventkit import RealTimeBackend
from eventkit.instrumentation import hooks as instrumentation


def queued(redis):
    """Give the names of the events that Redis has, in the order in which workers get them."""
    messages = [json.loads(each) for each in redis.client.lrange("celery", 0, -1)]
    bodies = [json.loads(base64.b64decode(each["body"])) for each in messages]
    return [body[0][0]["name"] for body in reversed(bodies)]


@pytest.fixture
def retried():
    """Collect how often something was asked again."""
    told = []

    def listen(what):
        if what.what == "retried":
            told.append(what.reason)

    forget = instrumentation.add_hook(listen)
    yield told
    forget()


@pytest.mark.parametrize("publish_retry", [True, False])
def test_events_wait_while_the_broker_is_away(tmp_path, retried, publish_retry):
    """All arrive, in order; an event that is no message for it costs itself alone."""
    celery = pytest.importorskip("celery")
    with redis_server(tmp_path, lasts=True) as redis:
        app = celery.Celery("site", broker=redis.url, set_as_current=False)
        app.conf.task_publish_retry = publish_retry

        def share(event):
            pass

        backend = RealTimeBackend(enqueue=app.task(share, name="share"))
        names = [f"event {number}" for number in range(60)]
        for name in names[:20]:
            backend.send({"name": name})
        assert backend.flush(20)

        redis.stop()
        for name in names[20:50]:
            backend.send({"name": name})
        until(lambda: retried)
        assert backend.stats() == {"received": 50, "enqueued": 50, "processed": 20, "pending": 30}

        redis.start()
        for name in names[50:]:
            backend.send({"name": name})
        assert backend.flush(20)

        found = queued(redis)
        assert list(dict.fromkeys(found)) == names
        assert backend.stats() == {"received": 60, "enqueued": 60, "processed": 60, "pending": 0}
        assert set(retried) == {"enqueue_failed"}
        assert backend.close(20)
