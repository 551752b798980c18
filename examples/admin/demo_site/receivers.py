"""The receivers of the demo, on this machine: some work, some do not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from itertools import count

from eventkit.receivers import CaliperReceiver, Receiver
from eventkit.receivers.serving import LocalReceiver, Refused, Reply, Request
from eventkit.typing import Json


class Faulty(Receiver):
    """A record store that is out of order for a while, and dislikes some verbs."""

    def __init__(self, *, auth: tuple[str, str]) -> None:
        super().__init__(auth=auth)
        self._requests = count()

    def _answer(self, request: Request) -> Reply:
        if request.method == "POST":
            if next(self._requests) % 9 == 4:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "we are being restarted, come again")
            if b"/paused" in request.body:
                raise Refused(HTTPStatus.BAD_REQUEST, "the verb 'paused' is not in our profile")
        return super()._answer(request)


class Gone(Receiver):
    """What was shut down for good."""

    def _answer(self, _request: Request) -> Reply:
        raise Refused(HTTPStatus.GONE, "this dashboard was closed in June; please remove it")


@contextmanager
def running() -> Iterator[Mapping[str, Json]]:
    """Run all receivers; give, by name, the protocol, url and credentials of each."""
    given: dict[str, Json] = {}
    with ExitStack() as stack:
        for name in ("adaptive-engine", "enterprise-lrs", "research-lake", "partner-college"):
            secret = secrets.token_urlsafe(16)
            kind = Faulty if name == "research-lake" else Receiver
            receiver = stack.enter_context(kind(auth=(name, secret)))
            given[name] = _xapi(receiver, {"type": "basic", "username": name, "password": secret})
        token = secrets.token_urlsafe(16)
        caliper = stack.enter_context(CaliperReceiver(auth=token))
        given["university"] = {
            "protocol": "caliper",
            "url": caliper.url,
            "auth": {"type": "bearer", "token": token},
        }
        given["old-dashboard"] = _xapi(stack.enter_context(Gone()), {})
        # It works, but who registered it has mistyped the password.
        given["library-analytics"] = given["enterprise-lrs"] | {
            "auth": {"type": "basic", "username": "library", "password": "mistyped"}
        }
        yield given


def _xapi(receiver: LocalReceiver, auth: Json) -> Json:
    return {"protocol": "xapi", "url": receiver.url} | ({"auth": auth} if auth else {})
