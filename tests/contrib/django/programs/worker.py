"""A process with a router on the consumers of the database; it does what its lines say."""

from __future__ import annotations

import json
import os
import sys

import django

from eventkit import DeliveryError, Router
from eventkit.contrib.django import DatabaseConsumers, DatabaseDeadLetters

django.setup()


def translation(name, number, org):
    event = {
        "name": name,
        "context": {"org_id": org, "course_id": f"course-v1:{org}+A+1", "user_id": 7},
    }
    document = {"id": f"{name} {number}", "verb": {"id": "https://example.org/did"}}
    return {"name": name, "protocol": "xapi", "documents": [document], "event": event}


router = Router(
    DatabaseConsumers(),
    mode=sys.argv[1],
    dead_letters=DatabaseDeadLetters(),
    pause=0.2,
    backoff=0.05,
    backoff_cap=0.1,
)


def do(action, *words):
    if action == "send":
        name, number, org = words
        try:
            router.send(translation(name, number, org))
        except DeliveryError as error:
            return f"not now: {error}"
        return "sent"
    if action == "flush":
        return router.flush(10)
    if action == "consumers":
        # Who delivers in the threads that send looks for changes in these.
        router.route(translation("play_video", "", "edX"))
        return [[each.id, each.paused, each.rules, each.enabled] for each in router.consumers]
    if action == "health":
        return {name: str(each) for name, each in router.health().items()}
    if action == "fork":
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, json.dumps(do("consumers")).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as stream:
            return json.loads(stream.read())
    raise ValueError(action)


for line in sys.stdin:
    if line.split() == ["end"]:
        break
    print(json.dumps(do(*line.split())), flush=True)
router.close(5)
