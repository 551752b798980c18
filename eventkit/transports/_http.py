"""
HTTP as delivery needs it: no redirects, no environment, an end in time whatever happens.

A timeout of `requests` bounds each wait for data, so a receiver that sends a byte now and then
holds its caller for ever. Here every read, of the headers too, knows when the request as a whole
must end.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from eventkit._json import loads
from eventkit.consumers import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports import MAX_RESPONSE, Answer, Verdict

_MAX_BODY = 4_000_000
"""Bytes of an answer that are read; the ids of 10,000 statements are a tenth of it."""
_CHUNK = 65_536
_MIN_HEADER_SECRET = 4
"""Shorter header values (``"1"``) are no secrets; blotting them out would spoil the answer."""

_IMPOSSIBLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    urllib3.exceptions.LocationValueError,
)
_RETRYABLE = frozenset({408, 425, 429})
REMEDIES = {
    401: "check auth: the credentials are refused",
    403: "check auth: the credentials may not write here",
    404: "check url: there is nothing at this address",
    405: "check url: nothing can be sent to this address",
}
"""What to do about answers that any document would get, whatever it is."""


@attrs.frozen
class Reply:
    """What a receiver answered, without secrets."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    text: str = attrs.field(repr=False)

    def json(self) -> object:
        """Read the answer as JSON; None when it is none."""
        try:
            return loads(self.text)
        except (ValueError, RecursionError):
            return None


class NoReply(Exception):
    """There is no answer, or not a whole one; *reason* is a slug for counting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Client:
    """
    Requests to one consumer over connections that stay open.

    Credentials are read when the first request is made, and again after `forget`, so that a
    corrected secret takes effect without a restart.
    """

    def __init__(self, consumer: Consumer, *, trust_env: bool) -> None:
        self._consumer = consumer
        self._trust_env = trust_env
        self._opened: tuple[requests.Session, dict[str, str], tuple[str, ...]] | None = None
        self._opening = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        whole: bool = True,
    ) -> Reply:
        """
        Make one request; *whole*: a success without the end of its answer is none.

        Raises:
            NoReply: no connection, no answer in time, or no end of it.
            ConfigurationError: a secret cannot be read.
        """
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            session, own, secrets = self._opened
        limits = self._consumer.timeout
        _current.deadline = time.monotonic() + limits.total
        try:
            response = session.request(
                method,
                url,
                data=body,
                # Those of the consumer win: an LRS may want another version of xAPI.
                headers={**headers, **own},
                timeout=(min(limits.connect, limits.total), min(limits.read, limits.total)),
                allow_redirects=False,
                stream=True,
            )
            try:
                text = _read(response, whole=whole)
            finally:
                response.close()
        except _IMPOSSIBLE:
            raise ConfigurationError("url: no request can be made to it; correct it") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise NoReply(*_explain(error, url)) from None
        finally:
            _current.deadline = None
        return Reply(response.status_code, response.headers, _redact(text, secrets))

    def forget(self) -> None:
        """Read the credentials again before the next request."""
        # Not closed: another thread may be using it, and it ends with its last user.
        self._opened = None

    def close(self) -> None:
        """Close the connections."""
        opened, self._opened = self._opened, None
        if opened:
            opened[0].close()

    def _open(self) -> tuple[requests.Session, dict[str, str], tuple[str, ...]]:
        auth = {key: secret.reveal() for key, secret in self._consumer.auth.values().items()}
        further = {name: secret.reveal() for name, secret in self._consumer.header_values().items()}
        session = requests.Session()
        session.trust_env = self._trust_env
        adapter = _Adapter(max_retries=Retry(0, read=False))
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        session.headers.clear()
        # Not the session's, which would copy them for each request.
        headers = CaseInsensitiveDict({"User-Agent": "openedx-eventkit"})
        # A compressed answer could unpack to more than anybody wants to read.
        headers["Accept-Encoding"] = "identity"
        secrets = [value for key, value in auth.items() if key != "username"]
        if "password" in auth:
            pair = f"{auth['username']}:{auth['password']}".encode()
            encoded = base64.b64encode(pair).decode("ascii")
            headers["Authorization"] = f"Basic {encoded}"
            secrets.append(encoded)
        elif "token" in auth:
            headers["Authorization"] = f"Bearer {auth['token']}"
        if "Authorization" in headers:
            # Else requests would look into a netrc file when the environment is trusted.
            session.auth = _keep_headers
        headers.update(further)
        secrets += [value for value in further.values() if len(value) >= _MIN_HEADER_SECRET]
        return session, dict(headers), _all_forms(secrets)


def judge(reply: Reply, url: str, remedies: Mapping[int, str] = REMEDIES) -> Answer:
    """Say what any status but success means; those of *remedies* stop everything."""
    status = reply.status
    what = f"HTTP {status} from {url}"
    reason = f"http_{status}"
    response = reply.text[:MAX_RESPONSE]
    if status in _RETRYABLE or status >= 500 or status < 200:
        return Answer(
            Verdict.RETRY,
            reason,
            what,
            status,
            response,
            retry_after=retry_after(reply.headers.get("Retry-After")),
        )
    if 300 <= status < 400:
        target = _shown(reply.headers.get("Location", ""))
        moved = f" to {target}" if target else ""
        hint = f"redirects are not followed; if the receiver has moved{moved}, correct url"
        return Answer(Verdict.PAUSE, "redirect", f"{what}: {hint}", status, response)
    if status in remedies:
        return Answer(Verdict.PAUSE, reason, f"{what}: {remedies[status]}", status, response)
    return Answer(Verdict.REFUSED, reason, what, status, response)


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date, in seconds; None when it says nothing."""
    if not value:
        return None
    try:
        # The second is for numbers of thousands of digits.
        return max(0.0, Retry(0).parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _read(response: requests.Response, *, whole: bool) -> str:
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := response.raw.read(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > _MAX_BODY:
                raise NoReply("endless_answer", f"an answer of more than {_MAX_BODY} bytes")
    except (urllib3.exceptions.HTTPError, OSError, NoReply):
        # The status of a failure says enough.
        if whole and response.status_code < 300:
            raise
    return b"".join(chunks).decode("utf-8", "replace")


def _explain(error: Exception, url: str) -> tuple[str, str]:
    """Give reason and detail of a request without answer; messages of libraries are not quoted."""
    place = _shown(url)
    timeouts = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    # While a request is being sent it comes wrapped, as a connection that broke.
    if isinstance(error, timeouts) or "TimeoutError(" in repr(error):
        return "timeout", f"no answer in time from {place}"
    if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        return "tls", f"no secure connection to {place}"
    if isinstance(error, requests.exceptions.ProxyError):
        return "proxy", f"the proxy does not connect to {place}"
    if "NameResolutionError" in repr(error):
        return "dns", f"the name of the host is not known: {place}"
    return "connection", f"no connection to {place}, or it broke"


def _shown(url: str) -> str:
    """Show a URL without what may be secret in it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    text = f"{parts.scheme}://{host}{port}{parts.path}" if host else parts.path
    return text[:200] if text.isprintable() else ""


def _all_forms(secrets: list[str]) -> tuple[str, ...]:
    """Give every spelling in which an answer may quote a secret, the longest first."""
    forms = {
        form
        for secret in secrets
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
        if form
    }
    return tuple(sorted(forms, key=len, reverse=True))


def _redact(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Current(threading.local):
    """The request that this thread is making."""

    deadline: float | None = None


_current = _Current()


class _Bounded(io.RawIOBase):
    """What a socket receives, until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the request has taken too long")
        limit = self._sock.gettimeout()
        if limit is None or limit > remaining:
            self._sock.settimeout(remaining)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()


class _Response(http.client.HTTPResponse):
    """A response all of whose reads, beginning with the status line, end at the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        deadline = _current.deadline
        if deadline is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Bounded(raw, sock, deadline))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """An adapter whose connections keep to the deadline, through a proxy as well."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _Pool, "https": _SecurePool}
