"""
HTTP as delivery needs it: no redirects, no environment, an end in time and size whatever happens.

A timeout of `requests` bounds each wait for data, so a receiver that sends a byte now and then
holds its caller for ever, and looking up a name has no bound at all. Here everything, from the name
to the last byte of the answer, knows when the request as a whole must end.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InvalidHeader, LocationParseError
from urllib3.util import Retry

from eventkit.base.json import loads
from eventkit.consumers.consumer import Consumer
from eventkit.exceptions import ConfigurationError
from eventkit.transports.addresses import AddressRefused, check_addresses
from eventkit.transports.host_names import Address, look_up
from eventkit.transports.transport import ADDRESS_REFUSED, GONE, MAX_RESPONSE, Answer, Verdict
from eventkit.transports.watching import Watch

_MAX_BODY = 4_000_000
"""Bytes of an answer that are read; the ids of 10,000 statements are a tenth of it."""
_MAX_HEAD = 1_000_000
"""Bytes beyond these for everything before the body, answers that only announce another one too."""
_MAX_INTERIM = 10
"""Answers that only announce another one."""
_CHUNK = 65_536
_MIN_HEADER_SECRET = 4
"""Shorter header values (``"1"``) are no secrets; blotting them out would spoil the answer."""
_NO_SECRETS = frozenset({"x-experience-api-version"})
"""Headers whose values an answer may well hold without quoting anybody."""

_IMPOSSIBLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    urllib3.exceptions.LocationValueError,
)
_NOTHING = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    # What the parsers of headers and chunks make of nonsense.
    ValueError,
)
_RETRYABLE = frozenset({408, 425, 429})
_GONE = 410
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
        watch: Watch | None = None,
    ) -> Reply:
        """
        Make one request; *whole*: a success without the end of its answer is none.

        *watch* is told of a connection that is made for it.

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
        _current.public_only = self._consumer.public_only
        _current.watch = watch
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
        except _IMPOSSIBLE as error:
            if _has_cause(error, http.client.HTTPException, InvalidHeader):
                raise NoReply(*_explain(error, url)) from None
            raise ConfigurationError("url: no request can be made to it; correct it") from None
        except _NOTHING as error:
            raise NoReply(*_explain(error, url)) from None
        finally:
            _current.deadline = _current.watch = None
        return Reply(response.status_code, response.headers, _redact(text, secrets))

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        whole: bool = True,
    ) -> Reply | Answer:
        """Make one request, as `request` does; an answer says why there is no reply."""
        try:
            return self.request(method, url, headers=headers, body=body, whole=whole)
        except NoReply as error:
            is_refused = error.reason == ADDRESS_REFUSED
            verdict = Verdict.PAUSE if is_refused else Verdict.RETRY
            return Answer(verdict, error.reason, error.detail)
        except ConfigurationError as error:
            return Answer(Verdict.PAUSE, "configuration", str(error))

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
        session = _Session(uses_proxies=not self._consumer.public_only)
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
        secrets += [
            value
            for name, value in further.items()
            if len(value) >= _MIN_HEADER_SECRET and name.lower() not in _NO_SECRETS
        ]
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
    if status == _GONE:
        hint = (
            "the receiver is there no more and asks to be left alone; nothing is sent until a "
            "setting of this consumer changes, and what waits for it is kept"
        )
        return Answer(Verdict.GONE, GONE, f"{what}: {hint}", status, response)
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
    # The status of a failure says enough.
    whole = whole and response.status_code < 300
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := response.raw.read(_CHUNK, decode_content=False):
            chunks.append(chunk)
            size += len(chunk)
            if size > _MAX_BODY:
                raise _endless()
        # A 204 has no body, whatever its header says.
        if response.status_code != http.HTTPStatus.NO_CONTENT and size < _length(response.headers):
            # Not every release of urllib3 looks.
            raise ConnectionError("the answer broke off")
        body = _unpacked(b"".join(chunks), response.headers.get("Content-Encoding", ""))
    except NoReply:
        if whole:
            raise
        body = b""
    except _NOTHING:
        if whole:
            raise
        body = b"".join(chunks)
    return body.decode("utf-8", "replace")


def _length(headers: Mapping[str, str]) -> int:
    """Give the size that an answer says its body has, 0 when it does not say."""
    length = headers.get("Content-Length", "").partition(",")[0].strip()
    is_said = length.isascii() and length.isdigit() and "Transfer-Encoding" not in headers
    return int(length[:15]) if is_said else 0


def _unpacked(body: bytes, encoding: str) -> bytes:
    """
    Unpack an answer that is compressed although nobody asked for it.

    Once, and never beyond the bound: what is packed again and again, or in another way, is not
    read.
    """
    names = [name for each in encoding.split(",") if (name := each.strip().lower())]
    names = [name for name in names if name != "identity"]
    if not names or not body:
        return body
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        shown = encoding[:40] if encoding.isprintable() else "in some way"
        raise NoReply(
            "encoded_answer", f"an answer packed as {shown!r}, although plain text was asked for"
        )
    try:
        # 32: the header says whether it is gzip or zlib.
        unpacking = zlib.decompressobj(32 + zlib.MAX_WBITS)
        found = unpacking.decompress(body, _MAX_BODY + 1)
        if len(found) > _MAX_BODY:
            raise _endless()
        if not unpacking.eof:
            raise NoReply("encoded_answer", "a compressed answer that ends before its end")
    except zlib.error:
        raise NoReply("encoded_answer", "a compressed answer that cannot be unpacked") from None
    return found


def _endless() -> NoReply:
    return NoReply("endless_answer", f"an answer of more than {_MAX_BODY} bytes")


def _explain(error: Exception, url: str) -> tuple[str, str]:
    """Give reason and detail of a request without answer; messages of libraries are not quoted."""
    place = _shown(url)
    causes = list(_causes(error))

    def is_any(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in causes)

    # While a request is being sent it comes wrapped, as a connection that broke.
    if is_any(requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return "timeout", f"no answer in time from {place}"
    if is_any(requests.exceptions.SSLError, urllib3.exceptions.SSLError):
        return "tls", f"no secure connection to {place}"
    for each in causes:
        if isinstance(each, AddressRefused):
            return ADDRESS_REFUSED, f"{each}; have url corrected"
    if is_any(requests.exceptions.ProxyError):
        return "proxy", f"the proxy does not connect to {place}"
    if is_any(socket.gaierror):
        return "dns", f"the name of the host is not known: {place}"
    if is_any(_TooMuch):
        return "endless_answer", f"an answer without end from {place}"
    # A connection that breaks off comes as a line, or a chunk, that is not there.
    broken = (http.client.RemoteDisconnected, http.client.IncompleteRead)
    if is_any(http.client.HTTPException, InvalidHeader, ValueError) and not is_any(*broken):
        return "bad_answer", f"an answer from {place} that is no HTTP{_why(causes)}"
    return "connection", f"no connection to {place}, or it broke"


def _why(causes: list[BaseException]) -> str:
    return next((f": {each}" for each in causes if isinstance(each, _Malformed)), "")


def _has_cause(error: BaseException, *kinds: type[BaseException]) -> bool:
    return any(isinstance(each, kinds) for each in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give *error* and what it was made of, wherever the libraries keep it."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


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


class _Session(requests.Session):
    """A session that reads no answer of its own accord, as it would that of a redirect."""

    def __init__(self, *, uses_proxies: bool) -> None:
        super().__init__()
        self._uses_proxies = uses_proxies

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        found = super().merge_environment_settings(*args, **kwargs)
        return found if self._uses_proxies else {**found, "proxies": {}}

    def get_redirect_target(self, resp: requests.Response) -> None:
        del resp


class _Current(threading.local):
    """The request that this thread is making."""

    deadline: float | None = None
    public_only: bool = True
    watch: Watch | None = None


_current = _Current()


def _remaining() -> float | None:
    """Give the seconds that the request has left; None: it is none of ours."""
    if _current.deadline is None:
        return None
    remaining = _current.deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the request has taken too long")
    return remaining


def _limit(sock: socket.socket) -> None:
    """Have the next operation on *sock* end when the request must."""
    remaining = _remaining()
    limit = sock.gettimeout()
    if remaining is not None and (limit is None or limit > remaining):
        sock.settimeout(remaining)


class _TooMuch(OSError):
    """The receiver has sent more than anybody reads."""


class _Malformed(http.client.HTTPException):
    """An answer that HTTP does not allow; the message says what is wrong with it."""


class _Bounded(io.RawIOBase):
    """What a socket receives, until the deadline, and no more than an answer may hold."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._left = _MAX_HEAD + _MAX_BODY

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        if self._left <= 0:
            raise _TooMuch("an answer without end")
        _limit(self._sock)
        number = self._raw.readinto(buffer)
        self._left -= number or 0
        return number

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()


class _Response(http.client.HTTPResponse):
    """A response all of whose reads, beginning with the status line, end at the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if _current.deadline is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Bounded(raw, sock))

    def begin(self) -> None:
        """Read up to the body, and refuse what leaves in doubt where that ends."""
        super().begin()
        lengths = {
            length.strip()
            for value in self.headers.get_all("Content-Length", [])
            for length in value.split(",")
        }
        if len(lengths) > 1:
            raise _Malformed("it has two lengths")
        if not all(length.isascii() and length.isdigit() for length in lengths):
            raise _Malformed("its length is no number")

    def _read_status(self) -> tuple[str, int, str]:
        """
        Pass over answers that only announce another one.

        What the standard library takes for the whole answer (103, say) would leave the other one
        in the connection, for the next request to find.
        """
        for _ in range(_MAX_INTERIM):
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= found[1] < 200:
                return found
            if found[1] == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise _Malformed("it speaks another protocol from here on")
            http.client.parse_headers(self.fp)
        raise _Malformed("it announces an answer again and again")


class _Connection(HTTPConnection):
    """A connection that is made, written to and read from until the deadline."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connected(self)

    def send(self, data: Any) -> None:
        if self.sock is not None:
            _limit(self.sock)
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        watch = _current.watch
        with contextlib.nullcontext() if watch is None else watch.securing(self):
            super().connect()


def _connected(connection: HTTPConnection) -> socket.socket:
    """
    Connect to the first address that can be had, looking up the name included in the time.

    Raises:
        AddressRefused: the consumer may only have public addresses, and this is another one.
        OSError: none can be had, or the name is not known.
        LocationParseError: what should be a name can be none.
    """
    # Not `host`: a name that ends in a dot is meant as it is.
    name = connection._dns_host.strip("[]")  # noqa: SLF001 - the library's own code reads it here
    try:
        name.encode("idna")
    except UnicodeError:
        raise LocationParseError(name) from None
    watch = _current.watch
    if watch is None:
        return _connect(connection, name, look_up(name, connection.port, _remaining()))
    with watch.looking_up(name) as seen:
        addresses = look_up(name, connection.port, _remaining())
        seen += [str(address[0]) for *_, address in addresses]
    proxy = "the proxy " if connection.proxy else ""
    with watch.connecting(f"{proxy}{name} port {connection.port}") as made:
        made.append(_connect(connection, name, addresses))
    return made[0]


def _connect(connection: HTTPConnection, name: str, addresses: list[Address]) -> socket.socket:
    """Connect to the first of *addresses* that can be had, if *name* may be connected to."""
    if _current.public_only:
        check_addresses(name, addresses)
    failure: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in addresses:
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            if isinstance(connection.timeout, (int, float)):
                sock.settimeout(connection.timeout)
            if connection.source_address:
                sock.bind(connection.source_address)
            _limit(sock)
            sock.connect(address)
        except OSError as error:
            failure = error
            if sock is not None:
                sock.close()
        else:
            return sock
    raise failure


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
