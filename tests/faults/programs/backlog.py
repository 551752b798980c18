"""
Queue events for a consumer that is down and one that takes everything; report the memory.

    python backlog.py FOLDER EVENTS

In the end the store is read by a router once more, as after a restart. Prints names and numbers.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from eventkit.router import Router

GROUP = 500


def statement(number):
    """Make a statement of the size that real ones have, about a kilobyte."""
    course = "https://lms.example.org/course/course-v1:edX+DemoX+2026"
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "actor": {"account": {"name": f"{number % 997}", "homePage": "https://lms.example.org"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/registered", "display": {"en": "went"}},
        "object": {"id": course, "definition": {"name": {"en": "x" * 500}}},
        "context": {"contextActivities": {"parent": [{"id": course}]}},
    }


def translation(number):
    return {
        "name": "edx.course.enrollment.activated",
        "protocol": "xapi",
        "documents": [statement(number)],
        "event": {"name": "edx.course.enrollment.activated", "context": {"user_id": number % 997}},
    }


def serve(listener):
    """Take every request with 204, in the simplest way."""

    def talk(connection):
        stream = connection.makefile("rb")
        while stream.readline():
            length = 0
            while (header := stream.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.partition(b":")[2])
            stream.read(length)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def main(folder, events):
    Path(folder).mkdir(parents=True, exist_ok=True)
    store = Path(folder) / "store.db"
    listener = socket.create_server(("127.0.0.1", 0))
    server = os.fork()
    if not server:
        # In a process of its own, so that it does not count.
        serve(listener)
    receiver = f"http://127.0.0.1:{listener.getsockname()[1]}/xapi"
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        down = f"http://127.0.0.1:{nobody.getsockname()[1]}/xapi"
    consumers = [
        {"id": "up", "protocol": "xapi", "url": receiver},
        {"id": "down", "protocol": "xapi", "url": down},
    ]
    report = {}
    began = time.monotonic()
    router = Router(consumers, store=store)
    for start in range(0, events, GROUP):
        router.send_many(translation(number) for number in range(start, min(events, start + GROUP)))
    report["seconds_accepting"] = round(time.monotonic() - began, 1)
    until = time.monotonic() + 600
    while router.stats("up")["pending"] and time.monotonic() < until:
        threading.Event().wait(0.2)
    report["seconds_delivered"] = round(time.monotonic() - began, 1)
    report["up_delivered"] = router.stats("up")["delivered"]
    report["store_bytes"] = sum(each.stat().st_size for each in Path(folder).iterdir())
    router.close(1)
    again = Router(consumers, store=store)
    report["down_pending"] = again.stats("down")["pending"]
    again.flush(1)
    again.close(1)
    report["peak_rss_kb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    os.kill(server, signal.SIGKILL)
    print("\n".join(f"{name} {value}" for name, value in report.items()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
