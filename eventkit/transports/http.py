"""``https:`` and ``http:`` for xAPI: statements to the Statement Resource of an LRS."""

from __future__ import annotations

from collections.abc import Sequence

from eventkit.consumers import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports import (
    DELIVERED,
    MAX_RESPONSE,
    Answer,
    CheckResult,
    Document,
    Verdict,
    distinct,
    enclosed,
)
from eventkit.transports._http import Client, NoReply, Reply, judge

_VERSION = {"X-Experience-API-Version": "1.0.3"}
_JSON = {"Content-Type": "application/json"}


class XAPITransport:
    """
    Send statements to an LRS, a list in each request.

    Only what an LRS says counts as delivered: 204, or 200 with the ids of the statements (xAPI
    1.0.3, part 3, 2.1.2). A web page with status 200 is some other server.
    """

    overhead = 1
    """The brackets of the list, less the comma that its last statement lacks."""
    max_bytes = None

    def __init__(self, consumer: Consumer, *, trust_env: bool = False) -> None:
        self._endpoint = consumer.url.rstrip("/")
        self._url = f"{self._endpoint}/statements"
        self._client = Client(consumer, trust_env=trust_env)

    def prepare(self, documents: Sequence[Document]) -> None:
        """Do nothing: an LRS publishes no limits."""

    def send(self, documents: Sequence[Document]) -> Answer:
        """Post *documents*; one that stands there twice is sent once, as an LRS demands."""
        bodies = distinct(documents)
        try:
            reply = self._client.request(
                "POST",
                self._url,
                headers=_VERSION | _JSON,
                body=enclosed(b"[", bodies, b"]"),
            )
        except NoReply as error:
            return Answer(Verdict.RETRY, error.reason, error.detail)
        except ConfigurationError as error:
            return Answer(Verdict.PAUSE, "configuration", str(error))
        if 200 <= reply.status < 300:
            return _success(reply, self._url, count=len(bodies))
        if reply.status == 409 and len(bodies) == 1:
            # It is there already; ids make sending twice count once.
            return DELIVERED
        answer = judge(reply, self._url)
        if answer.status in (401, 403):
            self._client.forget()
        return answer

    def check(self) -> CheckResult:
        """Ask the LRS what it is, and for one statement, with the credentials."""
        try:
            about = self._get("about")
            reply = self._get("statements?limit=1")
        except NoReply as error:
            return CheckResult(ok=False, detail=error.detail)
        except ConfigurationError as error:
            return CheckResult(ok=False, detail=str(error))
        status = reply.status
        if status == 403:
            # Credentials that may only write are good enough for delivery, but so may be none.
            detail = (
                f"HTTP 403 from {self._url}: the credentials may not read statements; "
                "whether they may write shows when the first one is sent"
            )
            return CheckResult(ok=False, detail=detail)
        if status != 200:
            return CheckResult(ok=False, detail=judge(reply, self._url).detail)
        if not isinstance(reply.json(), dict):
            return CheckResult(ok=False, detail=f"{self._url} answers, but not as an LRS does")
        return CheckResult(ok=True, detail=f"{self._endpoint} answers{_versions(about)}")

    def close(self) -> None:
        """Close the connections to the LRS."""
        self._client.close()

    def _get(self, resource: str) -> Reply:
        return self._client.request("GET", f"{self._endpoint}/{resource}", headers=_VERSION)


def _success(reply: Reply, url: str, *, count: int) -> Answer:
    if reply.status == 204:
        return DELIVERED
    response = reply.text[:MAX_RESPONSE]
    ids = reply.json()
    if not isinstance(ids, list):
        detail = f"HTTP {reply.status} from {url}, but no list of ids; check url: this is no LRS"
        return Answer(Verdict.PAUSE, "no_lrs", detail, reply.status, response)
    if len(ids) >= count:
        return DELIVERED
    return Answer(
        Verdict.REFUSED,
        "not_acknowledged",
        f"HTTP {reply.status} from {url} with {len(ids)} ids for {count} statements",
        reply.status,
        response,
        accepted=frozenset(item for item in ids if isinstance(item, str)),
    )


def _versions(about: Reply) -> str:
    """Say which versions of xAPI the LRS speaks, when it says so."""
    parsed = about.json() if about.status == 200 else None
    versions = parsed.get("version") if isinstance(parsed, dict) else None
    if not isinstance(versions, list) or not versions:
        return ""
    named = [version for version in versions if isinstance(version, str) and version.isprintable()]
    return f", xAPI {', '.join(named)[:80]}"
