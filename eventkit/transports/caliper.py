"""``https:`` and ``http:`` for Caliper: envelopes of events to an endpoint."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from eventkit.consumers.consumer import Consumer
from eventkit.events.shapes.caliper import CONTEXT
from eventkit.exceptions import ConfigurationError
from eventkit.transports.checking import Check
from eventkit.transports.http import REMEDIES, Client, NoReply, Reply, judge
from eventkit.transports.transport import (
    DELIVERED,
    Answer,
    Document,
    Step,
    Verdict,
    distinct,
    enclosed,
)

_HEADERS = {"Content-Type": "application/json"}
_ACCEPT = {"Accept": "application/json"}
_REMEDIES = REMEDIES | {
    415: "check url: this endpoint does not take application/json, so it is none for Caliper",
    422: f"this endpoint does not take {CONTEXT}; have it brought to Caliper 1.2, or check url",
}
_SILENT = (404, 405, 501)
"""What endpoints answer to the question for their configuration that have not learned it."""

_LIFETIME = 3600.0
"""Seconds for which a configuration counts, also one that is not published."""
_AGAIN = 60.0
"""Seconds after which one is asked for that could not be had, or that seems to have changed."""
_KILOBYTE = 1000
_END = b"]}"


@attrs.frozen
class _Configuration:
    """What an endpoint publishes of itself; None: it does not say."""

    versions: tuple[str, ...] | None = None
    max_bytes: int | None = None

    @property
    def is_fit(self) -> bool:
        """Whether it takes what we send, as far as it says."""
        return self.versions is None or _plain(CONTEXT) in map(_plain, self.versions)

    def __str__(self) -> str:
        if self.versions is None:
            return "publishes no configuration"
        named = [_plain(each).rpartition("/")[2] for each in self.versions if each.isprintable()]
        size = f", at most {self.max_bytes:,} bytes in a request" if self.max_bytes else ""
        return f"takes Caliper {', '.join(named)[:80] or 'of no version'}{size}"


class CaliperTransport:
    """
    Send events to a Caliper endpoint, in one envelope with each request.

    Any 2xx counts as delivered, whatever stands in the answer, and an answer is for the envelope as
    a whole: nothing else is defined. The endpoint is asked for its configuration before the first
    request and now and then, and what it says of versions and sizes is kept to. One that publishes
    none, or none now, is sent to all the same.

    The sensor is that of the consumer, else the site that the first event comes from.
    """

    def __init__(self, consumer: Consumer, *, trust_env: bool = False) -> None:
        self._consumer = consumer
        self._url = consumer.url
        self._client = Client(consumer, trust_env=trust_env)
        self._sensor = consumer.sensor
        self._published = _Configuration()
        self._asked = -math.inf
        self._ask_from = -math.inf
        self._asking = threading.Lock()

    @property
    def overhead(self) -> int:
        """The envelope, less the comma that its last event lacks."""
        return len(_start(self._sensor or "")) + len(_END) - 1

    @property
    def max_bytes(self) -> int | None:
        """The size of a request as the endpoint bounds it."""
        return self._published.max_bytes

    def prepare(self, documents: Sequence[Document]) -> Answer | None:
        """Find out who is the sensor, and what the endpoint takes."""
        if self._sensor is None:
            self._sensor = _site(documents[0])
        if self._sensor is None:
            detail = "sensor: not set, and no site in the events; set it to the site's root URL"
            return Answer(Verdict.PAUSE, "configuration", detail)
        with self._asking:
            if time.monotonic() >= self._ask_from:
                self._ask()
            if self._published.is_fit:
                return None
            # It pauses us, and each time that we try again is a time to see whether it has changed.
            self._ask_from = -math.inf
        detail = f"{self._url} {self._published}; have it brought to Caliper 1.2, or check url"
        return Answer(Verdict.PAUSE, "unsupported_version", detail)

    def send(self, documents: Sequence[Document]) -> Answer:
        """Post *documents* in an envelope; one that stands there twice is sent once."""
        body = enclosed(_start(self._sensor or ""), distinct(documents), _END)
        # Nobody reads the answer to a success, so it may break.
        reply = self._client.ask("POST", self._url, headers=_HEADERS, body=body, whole=False)
        if isinstance(reply, Answer):
            return reply
        if 200 <= reply.status < 300:
            return DELIVERED
        if reply.status in (401, 403):
            self._client.forget()
        elif reply.status in (415, 422):
            self._ask_from = -math.inf
        elif reply.status == 413:
            # Not each time: a batch that is split may meet it again and again.
            self._ask_from = min(self._ask_from, self._asked + _AGAIN)
        return judge(reply, self._url, _REMEDIES)

    def check(self) -> list[Step]:
        """Ask the endpoint for its configuration, with the credentials."""
        check = Check(self._client, is_secure=self._consumer.scheme == "https")
        reply = check.get(self._url, _ACCEPT)
        if reply is not None:
            self._note(check, reply)
        return check.steps()

    def _note(self, check: Check, reply: Reply) -> None:
        """Take down what the answer of the endpoint says."""
        # What GET does not find may be there for POST, but then it is an endpoint of old.
        if reply.status == 404 or reply.status not in (200, 401, 403, *_SILENT):
            check.note("http", ok=False, detail=judge(reply, self._url).detail)
            return
        check.note("http", ok=True, detail=f"{self._url} answers")
        if reply.status == 401:
            check.note("credentials", ok=False, detail=judge(reply, self._url).detail)
            return
        if reply.status == 403:
            detail = (
                f"HTTP 403 from {self._url}: the credentials may not read the configuration; "
                "whether they may write shows when the first envelope is sent"
            )
            check.note("credentials", ok=False, detail=detail)
            return
        is_told = reply.status == 200
        told = "they are taken" if is_told else "it does not look at them before an envelope comes"
        if is_told and self._consumer.auth.type == "none":
            told = "none are asked for"
        check.note("credentials", ok=True if is_told else None, detail=told)
        published = _configuration(reply)
        if published.versions is None:
            detail = "whether it is a Caliper endpoint shows when the first envelope is sent"
            check.note("version", ok=None, detail=f"{published}; {detail}")
        elif published.is_fit:
            check.note("version", ok=True, detail=str(published))
        else:
            detail = f"{self._url} {published}; have it brought to Caliper 1.2, or check url"
            check.note("version", ok=False, detail=detail)

    def close(self) -> None:
        """Close the connections to the endpoint."""
        self._client.close()

    def _ask(self) -> None:
        """
        Ask for the configuration.

        Only what it says can stop us. That there is none is for the request itself to judge: it
        meets the same trouble, or it arrives.
        """
        self._asked = time.monotonic()
        self._ask_from = self._asked + _AGAIN
        try:
            reply = self._get()
        except (NoReply, ConfigurationError):
            return
        if reply.status == 200 or reply.status in _SILENT:
            self._published = _configuration(reply)
            self._ask_from = self._asked + _LIFETIME

    def _get(self) -> Reply:
        return self._client.request("GET", self._url, headers=_ACCEPT)


def _start(sensor: str) -> bytes:
    """Write the envelope up to its first event."""
    members = {
        "sensor": sensor,
        "sendTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "dataVersion": CONTEXT,
    }
    return json.dumps(members, separators=(",", ":")).encode("ascii")[:-1] + b',"data":['


def _site(document: Document) -> str | None:
    """Say which site an event comes from: its edApp or, lacking that, whose user its actor is."""
    event = json.loads(document.body)
    app = _id(event.get("edApp"))
    return app or _id(event.get("actor")).rpartition("/user/")[0] or None


def _id(entity: object) -> str:
    found = entity.get("id") if isinstance(entity, Mapping) else entity
    return found if isinstance(found, str) else ""


def _configuration(reply: Reply) -> _Configuration:
    """Read what an endpoint publishes; what is not as it should be is not said."""
    found = reply.json() if reply.status == 200 else None
    if not isinstance(found, dict):
        return _Configuration()
    versions = found.get("caliperSupportedVersions")
    return _Configuration(
        versions=tuple(each for each in versions if isinstance(each, str))
        if isinstance(versions, list)
        else None,
        max_bytes=_bytes(found.get("caliperMaximumPayloadSize")),
    )


def _bytes(kilobytes: Any) -> int | None:
    is_size = isinstance(kilobytes, (int, float)) and not isinstance(kilobytes, bool)
    if not (is_size and 0 < kilobytes < math.inf):
        return None
    return int(kilobytes * _KILOBYTE)


def _plain(iri: str) -> str:
    """Leave out how a context is fetched; endpoints differ in that."""
    return iri.partition("://")[2].rstrip("/")
